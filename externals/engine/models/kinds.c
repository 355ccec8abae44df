/* kinds: what models of each kind do, once it is certain that the model is of that kind and that
   what it is given fits; see model.h. */
#include "../ops/encoder.h"
#include "architectures.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *noun, *does, *boxes;
} kinds[] = {
    [LATENT_ANY_KIND] = {"a network", "makes something", "other boxes"},
    [LATENT_GENERATOR] = {"a generator", "draws pictures of latents",
                          "[latent.map] and [latent.generator]"},
    [LATENT_ENCODER] = {"a CLIP", "compares pictures and words",
                        "[latent.clip] and [latent.guide]"},
    [LATENT_DENOISER] = {"a diffusion network", "makes pictures out of noise",
                         "[latent.denoise] and [latent.sampler]"},
    [LATENT_DECODER] = {"an autoencoder", "makes features of pictures and back",
                        "[latent.encode] and [latent.decode]"},
    [LATENT_SEQUENCE] = {"a sequence model", "says what comes next", "[latent.predict]"},
};

static int is_of(const latent_arch *a, latent_model_kind kind)
{
    switch (kind) {
    case LATENT_GENERATOR:
        return a->generator != NULL;
    case LATENT_ENCODER:
        return a->encoder != NULL;
    case LATENT_DENOISER:
        return a->denoiser != NULL;
    case LATENT_DECODER:
        return a->decoder != NULL;
    case LATENT_SEQUENCE:
        return a->sequence != NULL;
    case LATENT_ANY_KIND:
        break;
    }
    return 1;
}

int latent_model_is(const latent_model *m, latent_model_kind kind, latent_error *e)
{
    latent_model_kind is = LATENT_GENERATOR;
    if (is_of(m->arch, kind))
        return 0;
    while (is < LATENT_SEQUENCE && !is_of(m->arch, is))
        is++;
    return latent_fail(e, "%s is %s (%s), which %s; this box takes %s, which %s. %s take this",
                       m->label, kinds[is].noun, m->arch->name, kinds[is].does, kinds[kind].noun,
                       kinds[kind].does, kinds[is].boxes);
}

/* ---- encoders */

/* The picture as the encoder is shown it, with one more holder. */
static latent_node *show(latent_model *m, latent_node *picture, latent_error *e)
{
    int size = m->encoder.resolution;
    if (latent_model_is(m, LATENT_ENCODER, e))
        return NULL;
    if (picture->shape.c != 3) {
        latent_fail(e,
                    "a picture with %d channels came; a CLIP looks at three, red, green and blue",
                    picture->shape.c);
        return NULL;
    }
    if (picture->shape.h == size && picture->shape.w == size)
        return latent_node_retain(picture);
    return latent_op_center_crop(picture, size, e);
}

latent_node *latent_model_embed_picture(latent_model *m, latent_node *picture, latent_error *e)
{
    latent_node *shown = show(m, picture, e);
    latent_node *embedding = shown ? m->arch->encoder->picture(m, shown, e) : NULL;
    latent_node_release(shown);
    return embedding;
}

latent_node *latent_model_look(latent_model *m, latent_node *picture, int depth, latent_error *e)
{
    latent_node *shown = show(m, picture, e), *seen = NULL;
    if (shown && (depth < 1 || depth > m->encoder.depth || !m->arch->encoder->look))
        latent_fail(e, "%s looks in %d steps; depth %d is none of them", m->label, m->encoder.depth,
                    depth);
    else if (shown)
        seen = m->arch->encoder->look(m, shown, depth, e);
    latent_node_release(shown);
    return seen;
}

latent_node *latent_model_embed_text(latent_model *m, const char *text, latent_error *e)
{
    return latent_model_is(m, LATENT_ENCODER, e) ? NULL : m->arch->encoder->text(m, text, e);
}

latent_node *latent_model_pooled(latent_model *m, latent_node *picture, latent_error *e)
{
    latent_node *shown = show(m, picture, e), *pooled = NULL;
    if (shown && m->arch->encoder->pooled)
        pooled = m->arch->encoder->pooled(m, shown, e);
    else if (shown)
        latent_fail(e, "%s is a %s, which has no pooled features; a clip-tiny has", m->label,
                    m->arch->name);
    latent_node_release(shown);
    return pooled;
}

/* ---- denoisers */

static int words_fit(const latent_model *m, const latent_node *x, const latent_node *words,
                     latent_error *e)
{
    const latent_denoiser_dims *d = &m->denoiser;
    const latent_shape *s = &words->shape;
    if ((s->n == 1 || s->n == x->shape.n) && s->h == 1 &&
        ((d->context && s->c == d->context) || (s->w == 1 && d->embedding && s->c == d->embedding)))
        return 0;
    if (!d->context && !d->embedding)
        return latent_fail(e, "%s draws without words; %d numbers came to tell it what", m->label,
                           s->c);
    return latent_fail(e, "%s is told what to draw by %s of %d numbers; %d x %d of %d numbers came",
                       m->label, d->context ? "token states" : "an embedding",
                       d->context ? d->context : d->embedding, s->h, s->w, s->c);
}

latent_node *latent_model_denoise(latent_model *m, latent_node *x, latent_level level,
                                  latent_node *words, latent_error *e)
{
    const latent_denoiser_dims *d = &m->denoiser;
    int multiple = d->multiple;
    if (latent_model_is(m, LATENT_DENOISER, e))
        return NULL;
    if (x->shape.c != d->channels ||
        (multiple ? x->shape.h % multiple || x->shape.w % multiple
                  : x->shape.h != d->height || x->shape.w != d->width)) {
        latent_fail(e, "%s takes %d channels of %d x %d%s; %d channels of %d x %d came", m->label,
                    d->channels, d->height, d->width,
                    multiple > 1 ? " (or other multiples of its steps)" : "", x->shape.c,
                    x->shape.h, x->shape.w);
        return NULL;
    }
    if (words && words_fit(m, x, words, e))
        return NULL;
    return m->arch->denoiser->denoise(m, x, level, words, e);
}

/* ---- decoders */

latent_node *latent_model_encode(latent_model *m, latent_node *picture, latent_error *e)
{
    const latent_decoder_dims *d = &m->decoder;
    const latent_shape *s = &picture->shape;
    if (latent_model_is(m, LATENT_DECODER, e))
        return NULL;
    if (!m->arch->decoder->encode)
        latent_fail(e, "%s makes pictures of features only; it holds nothing for the way back",
                    m->label);
    else if (s->c != 3)
        latent_fail(e, "a picture with %d channels came; %s takes three, red, green and blue", s->c,
                    m->label);
    else if (s->h % d->factor || s->w % d->factor)
        latent_fail(e, "a picture of %d x %d came; %s takes sizes that are multiples of %d", s->h,
                    s->w, m->label, d->factor);
    else
        return m->arch->decoder->encode(m, picture, e);
    return NULL;
}

latent_node *latent_model_decode(latent_model *m, latent_node *features, latent_error *e)
{
    if (latent_model_is(m, LATENT_DECODER, e))
        return NULL;
    if (!m->arch->decoder->decode)
        latent_fail(e, "%s makes features of pictures only; it holds nothing for the way back",
                    m->label);
    else if (features->shape.c != m->decoder.channels)
        latent_fail(e, "features of %d channels came; %s makes pictures of %d channels",
                    features->shape.c, m->label, m->decoder.channels);
    else
        return m->arch->decoder->decode(m, features, e);
    return NULL;
}

/* ---- generators */

int latent_model_layer(const latent_model *m, const char *name, latent_error *e)
{
    const latent_generator_dims *g = &m->generator;
    char names[400] = "";
    size_t used = 0, n = strlen(name);
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    for (int i = 0; i < g->n_layers; i++)
        if (!strncmp(g->layers[i], name, n) && (!g->layers[i][n] || g->layers[i][n] == '_'))
            return i;
    for (int i = 0; i < g->n_layers && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", g->layers[i]);
    return latent_fail(e, "no layer %s in %s; its layers are%s", name, m->label, names);
}

int latent_model_rows(const latent_model *m, int n, latent_error *e)
{
    int w_dim = m->generator.w_dim, num_ws = m->generator.num_ws;
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    if (n == w_dim)
        return 1;
    if (n == num_ws * w_dim)
        return num_ws;
    return latent_fail(e,
                       "a list of %d numbers came; %s takes w (%d numbers) or W+ (%d x %d = %d "
                       "numbers)",
                       n, m->label, w_dim, num_ws, w_dim, num_ws * w_dim);
}

int latent_model_map(const latent_model *m, const float *z, const float *classes, float *w,
                     latent_error *e)
{
    return latent_model_is(m, LATENT_GENERATOR, e) ? -1
                                                   : m->arch->generator->map(m, z, classes, w, e);
}

int latent_model_truncate(const latent_model *m, const float *w, float psi, int cutoff, float *ws,
                          latent_error *e)
{
    const latent_generator_dims *g = &m->generator;
    int rows = cutoff < 0 ? 1 : g->num_ws;
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    if (psi != 1 && !g->w_avg)
        return latent_fail(e, "%s knows no mean of w, so psi must be 1", m->label);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < g->w_dim; i++) {
            float v = w[i];
            if (psi != 1 && (cutoff < 0 || r < cutoff))
                v = g->w_avg[i] + psi * (v - g->w_avg[i]);
            ws[(size_t)r * (size_t)g->w_dim + (size_t)i] = v;
        }
    return 0;
}

latent_node *latent_model_input_at(latent_model *m, const float *w, int rows,
                                   const float *transform, latent_error *e)
{
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return NULL;
    if (transform && !m->arch->generator->moves) {
        latent_fail(e,
                    "%s is a %s, whose pictures have edges: it can't be moved, turned or scaled; a "
                    "StyleGAN3 can",
                    m->label, m->arch->name);
        return NULL;
    }
    return m->arch->generator->input(m, w, rows, transform, e);
}

latent_node *latent_model_input(latent_model *m, const float *w, int rows, latent_error *e)
{
    return latent_model_input_at(m, w, rows, NULL, e);
}

/* The inverse of turn and move: where a pixel's place comes from. */
void latent_model_transform(double x, double y, double degrees, double scale, float transform[9])
{
    double angle = degrees * (3.14159265358979323846 / 180);
    double c = cos(angle) / scale, s = sin(angle) / scale;
    const double m[9] = {c, -s, s * y - c * x, s, c, -s * x - c * y, 0, 0, 1};
    for (int i = 0; i < 9; i++)
        transform[i] = (float)m[i];
}

latent_node *latent_model_forward(latent_model *m, int layer, latent_node *features,
                                  const latent_layer_context *context, latent_error *e)
{
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return NULL;
    return m->arch->generator->layer(m, layer, features, context, e);
}

latent_node *latent_model_picture_at(latent_model *m, const float *w, int rows, int last,
                                     latent_noise noise, const float *transform, latent_error *e)
{
    const latent_layer_context context = {NULL, 0, noise};
    latent_node *features = latent_model_input_at(m, w, rows, transform, e), *next, *picture;
    for (int i = 0; features && i <= (last < 0 ? m->generator.n_layers - 1 : last); i++) {
        next = latent_model_forward(m, i, features, &context, e);
        latent_node_release(features);
        features = next;
    }
    picture = features ? latent_features_rgb(features, e) : NULL;
    latent_node_release(features);
    return picture;
}

latent_node *latent_model_picture(latent_model *m, const float *w, int rows, int last,
                                  latent_noise noise, latent_error *e)
{
    return latent_model_picture_at(m, w, rows, last, noise, NULL, e);
}
