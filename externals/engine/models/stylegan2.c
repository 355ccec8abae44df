/* stylegan2: the generator of StyleGAN2 and StyleGAN2-ADA (Karras et al. 2020, "Analyzing and
   improving the image quality of StyleGAN" and "Training generative adversarial networks with
   limited data"), for any resolution, widths, depth of mapping and number of classes: all sizes are
   taken from the tensors.

       z -> mapping -> w             f: normalise, (embed the class,) fully connected layers
       const 4x4 -> block 4 -> block 8 -> ... -> block R
       block r:  conv0 (enlarges; not in block 4) -> conv1 -> ToRGB, each with a style made of w

   Row k of W+ goes to convolution number k; the ToRGB of a block uses the row after its last
   convolution, which is also that of the next block's first.  "skip" networks draw after every
   block and enlarge and add; "resnet" and "orig" networks draw once, after the last. */
#include "stylegan2.h"
#include "../graph/noise_maps.h"
#include "../ops/encoder.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include "architectures.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int sg2_map(const latent_model *m, const float *z, const float *classes, float *w,
                   latent_error *e)
{
    const sg2 *g = m->net;
    return latent_mapping_apply(&g->mapping, &m->generator, z, classes, w, e);
}

/* ---- the chain */

static latent_node *sg2_input(latent_model *m, const float *w, int rows, const float *transform,
                              latent_error *e)
{
    const sg2 *g = m->net;
    latent_node *style[2 * LATENT_SG2_BLOCKS + 2], *made = NULL;
    int n = 0;
    (void)transform;
    for (; n < m->generator.num_ws; n++)
        if (!(style[n] =
                  latent_op_style_of(&m->generator.drawer, n, m->generator.num_ws,
                                     w + (rows > 1 ? (size_t)n * (size_t)m->generator.w_dim : 0),
                                     m->generator.w_dim, e)))
            break;
    if (n == m->generator.num_ws)
        made = latent_features_make(
            m, -1,
            &(latent_features_parts){
                .x = g->constant, .styles = style, .n_styles = n, .level = LATENT_CLEAN},
            e);
    while (n-- > 0)
        latent_node_release(style[n]);
    return made;
}

/* The styles a layer works with: its own, or those that ride along with the features. */
typedef struct {
    const latent_model *model;
    latent_features_parts features;
    const latent_layer_context *context;
} sg2_styles;

static latent_node *style_of(const sg2_styles *s, const sg2_layer *l, int row, const char *stage,
                             latent_error *e)
{
    int w_dim = s->model->generator.w_dim, riding = s->features.n_styles;
    const float *own = s->context->own;
    latent_node *w, *style;
    if (own)
        w = latent_op_style_of(&s->model->generator.drawer, row, s->model->generator.num_ws,
                               own + (s->context->rows > 1 ? (size_t)row * (size_t)w_dim : 0),
                               w_dim, e);
    else if (!riding) {
        latent_fail(e,
                    "the features carry no styles; give this layer its own list at the right "
                    "inlet, %d numbers",
                    w_dim);
        return NULL;
    } else {
        w = latent_node_retain(s->features.styles[row < riding ? row : riding - 1]);
        if (w->shape.c != w_dim) {
            latent_fail(e,
                        "the features carry styles of %d numbers and %s takes %d; give this layer "
                        "its own list at the right inlet",
                        w->shape.c, s->model->label, w_dim);
            latent_node_release(w);
            return NULL;
        }
    }
    if (!w)
        return NULL;
    style = latent_stylegan2_style(l, w, stage, e);
    latent_node_release(w);
    return style;
}

static uint32_t noise_seed(uint32_t seed, int row)
{
    uint32_t x = seed * 0x9e3779b1u + (uint32_t)row * 0x85ebca6bu + 0x27d4eb2fu;
    x = (x ^ (x >> 15)) * 0x2c1b3c6du;
    return x ^ (x >> 13);
}

static latent_node *learned_map(uint32_t number, int row, int height, int width, latent_error *e)
{
    latent_noise_maps *maps = latent_noise_maps_by_number(number);
    latent_node *map = maps ? latent_noise_maps_at(maps, row, height, width, e) : NULL;
    if (!maps)
        latent_fail(e, "there are no noise maps to be learned");
    latent_noise_maps_release(maps);
    return map;
}

/* The middle of a picture, as large as the layer is; a gradient goes through where it is square. */
static latent_node *picture_map(latent_node *picture, int height, int width, latent_error *e)
{
    latent_node *middle, *map;
    if (!picture) {
        latent_fail(e, "there is no picture to be the noise");
        return NULL;
    }
    middle = height == width ? latent_op_center_crop(picture, height, e)
                             : latent_op_resize_like(picture, height, width, picture->shape.c, e);
    map = middle ? latent_op_as_noise(middle, "noise", e) : NULL;
    latent_node_release(middle);
    return map;
}

/* One convolution of a block: x -> style, convolution, noise, bias, lrelu.  gain is 1, or sqrt(1/2)
   at the end of a resnet's block. */
static latent_node *convolve(const sg2_styles *s, const sg2_block *b, const sg2_layer *l, int row,
                             latent_node *x, float gain, latent_node *add, latent_error *e)
{
    const latent_noise noise = s->context->noise;
    int up = l == &b->conv0 ? 2 : 1, h = up * x->shape.h, w = up * x->shape.w;
    latent_node *style, *map = NULL, *y;
    char stage[24];
    snprintf(stage, sizeof(stage), "%d.style", b->resolution);
    if (!(style = style_of(s, l, row, stage, e)))
        return NULL;
    if (l->noise_strength && noise.strength != 0) {
        if (noise.mode == LATENT_NOISE_CONST)
            map = latent_node_retain(l->noise);
        else if (noise.mode == LATENT_NOISE_RANDOM)
            map = latent_op_random(h, w, noise_seed(noise.seed, row), e);
        else if (noise.mode == LATENT_NOISE_LEARNED)
            map = learned_map(noise.seed, row, h, w, e);
        else if (noise.mode == LATENT_NOISE_PICTURE)
            map = picture_map(noise.picture, h, w, e);
        if (!map && noise.mode >= LATENT_NOISE_RANDOM) {
            latent_node_release(style);
            return NULL;
        }
    }
    y = latent_stylegan2_convolve(b, l, x, style, gain, map, noise.strength, add, e);
    latent_node_release(style);
    latent_node_release(map);
    return y;
}

/* The picture so far, enlarged, plus what this block draws. */
static latent_node *draw(const sg2_styles *s, const sg2_block *b, latent_node *x,
                         latent_node *drawn, latent_error *e)
{
    int row = b->first_row + (b->conv0.weight ? 2 : 1);
    latent_node *style, *y;
    char stage[24];
    snprintf(stage, sizeof(stage), "%d.torgb", b->resolution);
    if (!(style = style_of(s, &b->torgb, row, stage, e)))
        return NULL;
    y = latent_stylegan2_draw(b, x, style, drawn, e);
    latent_node_release(style);
    return y;
}

static int check_order(const latent_model *m, int layer, const latent_node *features,
                       latent_error *e)
{
    const sg2 *g = m->net;
    const latent_features *f = latent_features_of(features);
    const sg2_block *b = &g->block[layer];
    int wanted = (b->conv0.weight ? b->conv0 : b->conv1).weight->shape.h;
    int grown = layer ? layer - 1 : 0; /* how often the input has been enlarged before */
    int height = g->constant->shape.h << grown, width = g->constant->shape.w << grown;
    if (!f)
        return latent_fail(e, "a picture came where features were expected");
    if (f->model == m && f->layer != layer - 1) {
        char last[40];
        snprintf(last, sizeof(last), f->layer < 0 ? "the input" : "layer %s",
                 f->layer < 0 ? "" : m->generator.layers[f->layer]);
        if (layer == 0)
            return latent_fail(e,
                               "layer %s comes straight after [latent.input]; these features "
                               "come from %s",
                               m->generator.layers[layer], last);
        return latent_fail(e, "layer %s comes after layer %s; these features come from %s",
                           m->generator.layers[layer], m->generator.layers[layer - 1], last);
    }
    if (features->shape.c != wanted || features->shape.h != height || features->shape.w != width)
        return latent_fail(e,
                           "layer %s of %s takes %d channels of %d x %d; features of %s came with "
                           "%d channels of %d x %d",
                           m->generator.layers[layer], m->label, wanted, height, width,
                           f->model ? f->model->label : "no network", features->shape.c,
                           features->shape.w, features->shape.h);
    return 0;
}

static latent_node *sg2_layer_forward(latent_model *m, int layer, latent_node *features,
                                      const latent_layer_context *context, latent_error *e)
{
    const sg2 *g = m->net;
    const sg2_block *b = &g->block[layer];
    sg2_styles s = {m, latent_features_parts_of(features), context};
    latent_features_parts made_of = s.features;
    latent_node *x = NULL, *y = NULL, *skip = NULL, *drawn = NULL, *made = NULL;
    int row = b->first_row;
    if (check_order(m, layer, features, e))
        return NULL;
    x = latent_node_retain(s.features.x);
    if (b->skip && !(skip = latent_stylegan2_shortcut(b, x, e)))
        goto done;
    if (b->conv0.weight) {
        if (!(y = convolve(&s, b, &b->conv0, row++, x, 1, NULL, e)))
            goto done;
        latent_node_release(x);
        x = y;
    }
    if (!(y = convolve(&s, b, &b->conv1, row, x, skip ? sqrtf(0.5f) : 1, skip, e)))
        goto done;
    drawn = b->torgb.weight ? draw(&s, b, y, s.features.drawn, e)
                            : latent_node_retain(s.features.drawn);
    made_of.x = y;
    made_of.drawn = drawn;
    if (!b->torgb.weight || drawn)
        made = latent_features_make(m, layer, &made_of, e);
    latent_node_release(y);
done:
    latent_node_release(x);
    latent_node_release(skip);
    latent_node_release(drawn);
    return made;
}

static latent_tensor *sg2_affine(const latent_model *m, int row, int i)
{
    const sg2 *g = m->net;
    for (int k = 0; k < g->n_blocks && i == 0; k++) {
        const sg2_block *b = &g->block[k];
        int conv1 = b->first_row + (b->conv0.weight ? 1 : 0);
        const sg2_layer *l = row == conv1 ? &b->conv1 : row == b->first_row ? &b->conv0 : NULL;
        if (l)
            return l->affine_w->op->leaf(l->affine_w);
    }
    return NULL;
}

/* ---- the architecture */

static int sg2_recognise(const latent_weights *w, char *prefix, size_t room)
{
    return latent_weights_prefix(w, "synthesis.b4.const", prefix, room);
}

static int sg2_build(latent_model *m, latent_weights *w, const char *prefix, latent_progress p,
                     latent_error *e)
{
    static const latent_sg2_settings of_file = {-1, -1, 0};
    latent_reader r = {.model = m, .file = w, .prefix = prefix, .progress = p, .error = e};
    return latent_stylegan2_read(m, &r, &of_file);
}

const latent_generator_arch latent_stylegan2_generator = {
    .map = sg2_map,
    .input = sg2_input,
    .layer = sg2_layer_forward,
    .affine = sg2_affine,
};

const latent_arch latent_arch_stylegan2 = {
    .name = "stylegan2",
    .recognise = sg2_recognise,
    .build = sg2_build,
    .free = latent_stylegan2_free,
    .write = latent_stylegan2_write,
    .generator = &latent_stylegan2_generator,
};
