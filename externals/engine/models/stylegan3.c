/* stylegan3: the generator of StyleGAN3 (Karras et al. 2021, "Alias-free generative adversarial
   networks"), T and R, of any size: all sizes are taken from the file.

       z -> mapping -> w
       waves -> L0 -> L1 -> ... -> LN     each: style, convolution, filtered activation; LN draws

   The input is a set of waves over a plane without edges, which w (and whoever plays) turns, moves
   and enlarges.  Row 0 of W+ goes to the input, row i + 1 to layer number i.  Weights are brought
   to mean square 1 and biases divided by the layer's gain when they are read, so that a layer is
   one convolution and one activation. */
#include "../ops/alias_free.h"
#include "../ops/encoder.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include "architectures.h"
#include "mapping.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LAYERS 32
#define MOST_SIDE 4096
#define MOST_CHANNELS 65536
#define TAPS_A_PIXEL 6 /* of a filter, for each step of enlarging or reducing */

typedef struct {
    latent_node *weight, *bias; /* mean square 1 but for the last layer's; divided by gain */
    latent_node *affine_w, *affine_b;
    latent_node *enlarge, *reduce; /* the filters; one tap where there is none */
    float gain;                    /* of the convolution: 1 / sqrt(magnitude) */
    int in, out, kernel, draws;
    int in_side;
    latent_filtered_settings filtered;
} sg3_layer;

typedef struct {
    latent_mapping mapping;
    latent_node *affine_w, *affine_b, *frequencies, *phases, *weight; /* of the input */
    latent_waves_settings waves;
    sg3_layer layer[MOST_LAYERS];
    int n_layers;
    float scale; /* of the picture */
} sg3;

/* ---- reading */

typedef struct {
    latent_reader *r;
    sg3 *g;
    latent_generator_dims *dims;
    int channels, side; /* that go into the next layer */
} sg3_reading;

static double setting(const latent_reader *r, const char *where, const char *name, double otherwise)
{
    char key[LATENT_PREFIX + 120];
    double value;
    snprintf(key, sizeof(key), "%s%s.%s", r->prefix, where, name);
    if (!latent_weights_number(r->file, key, &value))
        return value;
    snprintf(key, sizeof(key), "%s.%s", where, name);
    return latent_weights_number(r->file, key, &value) ? otherwise : value;
}

/* A number that is a tensor of one or more equal ones in .pkl files. */
static int read_side(latent_reader *r, const char *where, const char *name, int *side)
{
    const latent_entry *t = latent_reader_find(r, "%s.%s", where, name);
    float two[2];
    double v = setting(r, where, name, -1);
    if (t && t->rank == 1 && t->dim[0] == 2) {
        if (latent_weights_read(r->file, t, two, r->error))
            return -1;
        if (!(two[0] >= two[1] && two[0] <= two[1]))
            return latent_fail(r->error, "%s is not square", where);
        v = (double)two[0];
    }
    if (!(v >= 1 && v <= MOST_SIDE))
        return latent_fail(r->error, "%s tells no %s from 1 to %d", where, name, MOST_SIDE);
    *side = (int)v;
    return 0;
}

/* Row by row [out][in][k][k], to mean square 1. */
static void to_unit(float *w, int out, size_t each)
{
    for (int o = 0; o < out; o++, w += each) {
        double sum = 0;
        for (size_t i = 0; i < each; i++)
            sum += (double)w[i] * (double)w[i];
        for (size_t i = 0; i < each && sum > 0; i++)
            w[i] *= (float)(1 / sqrt(sum / (double)each));
    }
}

static int read_filter(sg3_reading *s, const char *where, const char *name, latent_node **node,
                       int *step)
{
    latent_reader *r = s->r;
    const latent_entry *t = latent_reader_find(r, "%s.%s", where, name);
    char full[120];
    int64_t dim[2];
    int rank = t ? t->rank : 0, taps = t && rank ? (int)t->dim[0] : 0;
    latent_tensor *one;
    if (!t) {
        if (!(one = latent_tensor_new((latent_shape){1, 1, 1, 1}, r->error)))
            return -1;
        one->data[0] = 1;
        *node = latent_op_parameter(one, r->error);
        latent_tensor_release(one);
        *step = 1;
        return *node ? 0 : -1;
    }
    if (rank < 1 || rank > 2 || t->dim[0] < TAPS_A_PIXEL || t->dim[0] > 16 * TAPS_A_PIXEL ||
        t->dim[0] % TAPS_A_PIXEL || (rank == 2 && t->dim[1] != t->dim[0]))
        return latent_fail(r->error, "%s is no filter of so many taps as are known", r->found.name);
    dim[0] = dim[1] = taps;
    *step = taps / TAPS_A_PIXEL;
    snprintf(full, sizeof(full), "%s.%s", where, name);
    if (latent_reader_node(r, full, rank, dim, node))
        return -1;
    return 0;
}

/* A filter that is not the same from both sides would be played turned over. */
static int is_symmetric(const latent_node *n)
{
    latent_tensor *t = n->op->leaf(n);
    int same = t != NULL;
    for (size_t i = 0; same && i < t->count; i++)
        same = fabsf(t->data[i] - t->data[t->count - 1 - i]) <= 1e-5f;
    latent_tensor_release(t);
    return same;
}

static int read_style(latent_reader *r, const char *where, int out, int w_dim, latent_node **weight,
                      latent_node **bias)
{
    char name[2][120];
    snprintf(name[0], sizeof(name[0]), "%s.affine.weight", where);
    snprintf(name[1], sizeof(name[1]), "%s.affine.bias", where);
    return latent_reader_node(r, name[0], 2, (int64_t[]){out, w_dim}, weight) ||
                   latent_reader_node(r, name[1], 1, (int64_t[]){out}, bias)
               ? -1
               : 0;
}

/* The weights, and the bias as it stands before the layer's gain. */
static int read_weights(sg3_reading *s, const char *where, sg3_layer *l)
{
    latent_reader *r = s->r;
    char name[120];
    latent_tensor *t;
    float magnitude;
    snprintf(name, sizeof(name), "%s.magnitude_ema", where);
    if (latent_reader_numbers(r, name, 0, NULL, &magnitude))
        return -1;
    if (!(magnitude > 1e-12f))
        return latent_fail(r->error, "%s is %g", r->found.name, (double)magnitude);
    l->gain = 1 / sqrtf(magnitude);
    snprintf(name, sizeof(name), "%s.weight", where);
    if (!(t = latent_reader_tensor(r, name, 4, (int64_t[]){l->out, l->in, l->kernel, l->kernel})))
        return -1;
    if (!l->draws)
        to_unit(t->data, l->out, t->count / (size_t)l->out);
    l->weight = latent_op_conv_weight(t, 1, r->error);
    r->model->kept_bytes -= t->count * sizeof(float);
    latent_tensor_release(t);
    if (!l->weight)
        return -1;
    if (r->model->half)
        latent_op_conv_weight_halve(l->weight);
    r->model->kept_bytes += latent_op_conv_weight_bytes(l->weight);
    snprintf(name, sizeof(name), "%s.bias", where);
    if (!(t = latent_reader_tensor(r, name, 1, (int64_t[]){l->out})))
        return -1;
    for (size_t i = 0; i < t->count; i++)
        t->data[i] /= l->gain;
    l->bias = latent_op_parameter(t, r->error);
    latent_tensor_release(t);
    return l->bias ? 0 : -1;
}

/* How many zeros go around what is enlarged, so that the layer has just its size: formula of
   section 3.2 with the fraction of a pixel left out as the reference does. */
static void find_margins(sg3_layer *l)
{
    latent_filtered_settings *p = &l->filtered;
    int before = l->in_side + l->kernel - 1;
    int total = (p->height - 1) * p->down + 1 - before * p->up + l->enlarge->shape.c +
                l->reduce->shape.c - 2;
    int low = total + p->up;
    p->before[0] = p->before[1] = low >= 0 ? low / 2 : -((1 - low) / 2);
}

static int read_layer(sg3_reading *s, const char *name, int last)
{
    latent_reader *r = s->r;
    sg3_layer *l = &s->g->layer[s->g->n_layers];
    latent_filtered_settings *p = &l->filtered;
    const latent_entry *t;
    char where[80];
    double clamp;
    snprintf(where, sizeof(where), "synthesis.%s", name);
    t = latent_reader_find(r, "%s.weight", where);
    if (!t || t->rank != 4 || t->dim[0] < 1 || t->dim[0] > MOST_CHANNELS ||
        (t->dim[2] != 1 && t->dim[2] != 3))
        return latent_fail(r->error, "%s%s.weight has no four sides that fit", r->prefix, where);
    l->in = s->channels;
    l->in_side = s->side;
    l->out = (int)t->dim[0];
    l->kernel = (int)t->dim[2];
    l->draws = last;
    clamp = setting(r, where, "conv_clamp", 256);
    if (read_filter(s, where, "up_filter", &l->enlarge, &p->up) ||
        read_filter(s, where, "down_filter", &l->reduce, &p->down) ||
        read_side(r, where, "out_size", &s->side) ||
        read_style(r, where, l->in, s->dims->w_dim, &l->affine_w, &l->affine_b) ||
        read_weights(s, where, l))
        return -1;
    if (setting(r, where, "up_factor", p->up) < p->up ||
        setting(r, where, "up_factor", p->up) > p->up ||
        setting(r, where, "down_factor", p->down) < p->down ||
        setting(r, where, "down_factor", p->down) > p->down || !(clamp > 0) ||
        l->enlarge->shape.w != 1 || !is_symmetric(l->enlarge) || !is_symmetric(l->reduce))
        return latent_fail(r->error, "%s%s has filters or limits that are not known", r->prefix,
                           where);
    p->height = p->width = s->side;
    p->gain = last ? 1 : 1.41421356237309504880f;
    p->slope = last ? 1 : 0.2f;
    p->clamp = isfinite(clamp) ? (float)clamp : 3e38f;
    find_margins(l);
    if (p->height * p->down + l->reduce->shape.c >
        4 * ((l->in_side + 2) * p->up + l->enlarge->shape.c))
        return latent_fail(r->error, "%s%s makes %d pixels of %d", r->prefix, where, s->side,
                           l->in_side);
    snprintf(s->dims->layers[s->g->n_layers], LATENT_LAYER_NAME, "%s", name);
    s->g->n_layers++;
    s->channels = l->out;
    return 0;
}

static int read_input(sg3_reading *s)
{
    latent_reader *r = s->r;
    latent_waves_settings *p = &s->g->waves;
    const latent_entry *t = latent_reader_find(r, "synthesis.input.freqs");
    latent_tensor *weight;
    int c;
    if (!t || t->rank != 2 || t->dim[0] < 1 || t->dim[0] > MOST_CHANNELS || t->dim[1] != 2)
        return latent_fail(r->error, "%ssynthesis.input.freqs is no list of frequencies",
                           r->prefix);
    s->channels = c = (int)t->dim[0];
    p->sampling_rate = (float)setting(r, "synthesis.input", "sampling_rate", 0);
    p->bandwidth = (float)setting(r, "synthesis.input", "bandwidth", -1);
    if (!(p->bandwidth >= 0 && p->sampling_rate > 2 * p->bandwidth && p->sampling_rate < 1e6f))
        return latent_fail(r->error, "its input tells no bandwidth below half a sampling rate");
    if (read_side(r, "synthesis.input", "size", &s->side) ||
        read_style(r, "synthesis.input", 4, s->dims->w_dim, &s->g->affine_w, &s->g->affine_b) ||
        latent_reader_node(r, "synthesis.input.freqs", 2, (int64_t[]){c, 2}, &s->g->frequencies) ||
        latent_reader_node(r, "synthesis.input.phases", 1, (int64_t[]){c}, &s->g->phases) ||
        latent_reader_numbers(r, "synthesis.input.transform", 2, (int64_t[]){3, 3}, p->transform) ||
        !(weight = latent_reader_tensor(r, "synthesis.input.weight", 2, (int64_t[]){c, c})))
        return -1;
    p->height = p->width = s->side;
    for (size_t i = 0; i < weight->count; i++)
        weight->data[i] /= sqrtf((float)c);
    s->g->weight = latent_reader_keep(r, weight);
    latent_tensor_release(weight);
    return s->g->weight ? 0 : -1;
}

/* The name of layer number i: as the file tells, or the one that begins with its number; 0 when
   there is none. */
static int layer_name(const latent_reader *r, int i, char name[LATENT_LAYER_NAME])
{
    char begins[LATENT_PREFIX + 40], key[LATENT_PREFIX + 60];
    const char *told;
    size_t n;
    snprintf(key, sizeof(key), "%ssynthesis.layer_names.%d", r->prefix, i);
    if ((told = latent_weights_text(r->file, key)))
        return snprintf(name, LATENT_LAYER_NAME, "%s", told) < LATENT_LAYER_NAME;
    snprintf(key, sizeof(key), "%ssynthesis.layer_names.0", r->prefix);
    if (latent_weights_text(r->file, key))
        return 0;
    n = (size_t)snprintf(begins, sizeof(begins), "%ssynthesis.L%d_", r->prefix, i);
    for (size_t k = 0; k < latent_weights_count(r->file); k++) {
        const char *full = latent_weights_at(r->file, k)->name, *point;
        if (strncmp(full, begins, n) != 0 || !(point = strchr(full + n, '.')))
            continue;
        full += strlen(r->prefix) + strlen("synthesis.");
        return snprintf(name, LATENT_LAYER_NAME, "%.*s", (int)(point - full), full) <
               LATENT_LAYER_NAME;
    }
    return 0;
}

static int sg3_recognise(const latent_weights *w, char *prefix, size_t room)
{
    char name[LATENT_PREFIX + 40];
    if (!latent_weights_prefix(w, "synthesis.input.freqs", prefix, room))
        return 0;
    snprintf(name, sizeof(name), "%smapping.embed_proj.weight", prefix); /* StyleGAN-XL's */
    return !latent_weights_find(w, name);
}

static int sg3_build(latent_model *m, latent_weights *w, const char *prefix, latent_progress p,
                     latent_error *e)
{
    latent_reader r = {.model = m, .file = w, .prefix = prefix, .progress = p, .error = e};
    sg3 *g = m->net = calloc(1, sizeof(*g));
    sg3_reading s = {.r = &r, .g = g, .dims = &m->generator};
    char name[LATENT_LAYER_NAME], next[LATENT_LAYER_NAME];
    int count = 0;
    if (!g)
        return latent_fail(e, "no memory for a model");
    if (latent_mapping_read(&g->mapping, &r, s.dims, -1) || read_input(&s))
        return -1;
    while (count < MOST_LAYERS && layer_name(&r, count, next))
        count++;
    if (!count || count == MOST_LAYERS)
        return latent_fail(e, "it has %s layers", count ? "too many" : "no");
    for (int i = 0; i < count; i++) {
        if (!layer_name(&r, i, name) || read_layer(&s, name, i == count - 1))
            return -1;
        latent_reader_progress(&r, i + 1, count);
    }
    if (s.channels != 1 && s.channels != 3 && s.channels != 4)
        return latent_fail(e, "its last layer does not draw 1, 3 or 4 channels but %d", s.channels);
    g->scale = (float)setting(&r, "synthesis", "output_scale", 0.25);
    m->generator.n_layers = count;
    m->generator.num_ws = count + 1;
    m->generator.channels = s.channels;
    m->generator.height = m->generator.width = s.side;
    return latent_model_sign(m, r.hash, e);
}

static void sg3_free(latent_model *m)
{
    sg3 *g = m->net;
    latent_mapping_free(&g->mapping);
    latent_node_release(g->affine_w);
    latent_node_release(g->affine_b);
    latent_node_release(g->frequencies);
    latent_node_release(g->phases);
    latent_node_release(g->weight);
    for (int i = 0; i < MOST_LAYERS; i++) {
        sg3_layer *l = &g->layer[i];
        latent_node_release(l->weight);
        latent_node_release(l->bias);
        latent_node_release(l->affine_w);
        latent_node_release(l->affine_b);
        latent_node_release(l->enlarge);
        latent_node_release(l->reduce);
    }
    free(g);
}

/* ---- playing */

static int sg3_map(const latent_model *m, const float *z, const float *classes, float *w,
                   latent_error *e)
{
    const sg3 *g = m->net;
    return latent_mapping_apply(&g->mapping, &m->generator, z, classes, w, e);
}

static latent_node *affine(latent_node *w, latent_node *weight, latent_node *bias,
                           const char *stage, latent_error *e)
{
    return latent_op_linear(w, weight, bias, 1 / sqrtf((float)w->shape.c), 1, stage, e);
}

/* The waves, and what is made of them at every place. */
static latent_node *draw_input(const sg3 *g, latent_node *style, const float *transform,
                               latent_error *e)
{
    latent_waves_settings settings = g->waves;
    latent_node *place = affine(style, g->affine_w, g->affine_b, "input", e), *waves, *x;
    if (transform)
        memcpy(settings.transform, transform, sizeof(settings.transform));
    waves = place ? latent_op_waves(place, g->frequencies, g->phases, &settings, "input", e) : NULL;
    x = waves ? latent_op_project(waves, g->weight, NULL, NULL, "input", e) : NULL;
    latent_node_release(place);
    latent_node_release(waves);
    return x;
}

static latent_node *sg3_input(latent_model *m, const float *w, int rows, const float *transform,
                              latent_error *e)
{
    latent_node *style[MOST_LAYERS + 1], *x = NULL, *made = NULL;
    int n = 0, w_dim = m->generator.w_dim, num_ws = m->generator.num_ws;
    for (; n < num_ws; n++)
        if (!(style[n] =
                  latent_op_style_of(&m->generator.drawer, n, num_ws,
                                     w + (rows > 1 ? (size_t)n * (size_t)w_dim : 0), w_dim, e)))
            break;
    if (n == num_ws && (x = draw_input(m->net, style[0], transform, e))) {
        latent_features_parts parts = {
            .x = x, .styles = style, .n_styles = n, .level = LATENT_CLEAN};
        made = latent_features_make(m, -1, &parts, e);
    }
    latent_node_release(x);
    while (n-- > 0)
        latent_node_release(style[n]);
    return made;
}

/* The w of a layer, with one more holder: its own, or the one that rides along. */
static latent_node *w_of(const latent_model *m, const latent_features_parts *features,
                         const latent_layer_context *context, int row, latent_error *e)
{
    int w_dim = m->generator.w_dim, riding = features->n_styles;
    latent_node *w;
    if (context->own)
        return latent_op_style_of(
            &m->generator.drawer, row, m->generator.num_ws,
            context->own + (context->rows > 1 ? (size_t)row * (size_t)w_dim : 0), w_dim, e);
    w = riding ? features->styles[row < riding ? row : riding - 1] : NULL;
    if (w && w->shape.c == w_dim)
        return latent_node_retain(w);
    latent_fail(e,
                "the features carry styles of %d numbers and %s takes %d; give this layer its own "
                "list at the right inlet",
                w ? w->shape.c : 0, m->label, w_dim);
    return NULL;
}

static int check_order(const latent_model *m, int layer, const latent_node *features,
                       latent_error *e)
{
    const sg3 *g = m->net;
    const sg3_layer *l = &g->layer[layer];
    const latent_features *f = latent_features_of(features);
    const latent_shape *s = &features->shape;
    if (!f)
        return latent_fail(e, "a picture came where features were expected");
    if (f->model == m && f->layer != layer - 1)
        return latent_fail(e, "layer %s comes after %s%s; these features come from %s%s",
                           m->generator.layers[layer], layer ? "layer " : "",
                           layer ? m->generator.layers[layer - 1] : "[latent.input]",
                           f->layer < 0 ? "" : "layer ",
                           f->layer < 0 ? "the input" : m->generator.layers[f->layer]);
    if (s->c != l->in || s->h != l->in_side || s->w != l->in_side)
        return latent_fail(e,
                           "layer %s of %s takes %d channels of %d x %d; features came with %d "
                           "channels of %d x %d",
                           m->generator.layers[layer], m->label, l->in, l->in_side, l->in_side,
                           s->c, s->h, s->w);
    return 0;
}

/* Style, convolution, filtered activation. */
static latent_node *play(const sg3_layer *l, latent_node *x, latent_node *w, const char *stage,
                         latent_error *e)
{
    const latent_conv_settings c = {
        .up = 1,
        .demodulate = !l->draws,
        .style_gain = l->draws ? 1 / sqrtf((float)(l->in * l->kernel * l->kernel)) : 1,
        .weight_gain = 1,
        .strength = 0,
        .slope = 1,
        .gain = l->gain,
        .clamp = 0};
    latent_node *style = affine(w, l->affine_w, l->affine_b, stage, e);
    latent_node *around = l->kernel > 1 ? latent_op_pad(x, 1, stage, e) : latent_node_retain(x);
    latent_node *y = NULL, *made = NULL;
    if (style && around)
        y = latent_op_conv(around, style, l->weight, l->bias, NULL, NULL, NULL, &c, stage, e);
    if (y)
        made = latent_op_filtered_lrelu(y, l->enlarge, l->reduce, &l->filtered, stage, e);
    latent_node_release(style);
    latent_node_release(around);
    latent_node_release(y);
    return made;
}

static latent_node *sg3_layer_forward(latent_model *m, int layer, latent_node *features,
                                      const latent_layer_context *context, latent_error *e)
{
    const sg3 *g = m->net;
    const sg3_layer *l = &g->layer[layer];
    latent_features_parts parts = latent_features_parts_of(features);
    latent_node *w, *x, *made = NULL;
    char stage[24];
    if (check_order(m, layer, features, e) || !(w = w_of(m, &parts, context, layer + 1, e)))
        return NULL;
    snprintf(stage, sizeof(stage), "L%d", layer);
    x = play(l, parts.x, w, stage, e);
    latent_node_release(w);
    if (!x)
        return NULL;
    parts.x = x;
    parts.drawn = l->draws ? latent_op_add(x, g->scale, x, 0, stage, e) : NULL;
    if (!l->draws || parts.drawn)
        made = latent_features_make(m, layer, &parts, e);
    latent_node_release(parts.drawn);
    latent_node_release(x);
    return made;
}

static latent_tensor *sg3_affine(const latent_model *m, int row, int i)
{
    const sg3 *g = m->net;
    const latent_node *n = row > 0 && row < g->n_layers ? g->layer[row - 1].affine_w : NULL;
    return n && !i ? n->op->leaf(n) : NULL;
}

static const latent_generator_arch sg3_generator = {
    .moves = 1,
    .map = sg3_map,
    .input = sg3_input,
    .layer = sg3_layer_forward,
    .affine = sg3_affine,
};

const latent_arch latent_arch_stylegan3 = {
    .name = "stylegan3",
    .recognise = sg3_recognise,
    .build = sg3_build,
    .free = sg3_free,
    .generator = &sg3_generator,
};
