/* generator: see generator.h

       z -> mapping layers -> w
       const 4x4 -> conv1 -> ToRGB -> (conv0, enlarging -> conv1 -> ToRGB + the picture, enlarged)
   ...

   Row k of the styles goes to convolution k; the ToRGB of a block uses the row after its last
   convolution, which is also that of the next block's first. */
#include "generator.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include "stylegan2_layers.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_BATCH 4096

static float rate_of(const latent_generator_shape *s)
{
    return s->rate > 0 ? s->rate : LATENT_MAPPING_RATE;
}

int latent_generator_check(const latent_generator_shape *s, latent_error *e)
{
    if (s->blocks < 1 || s->blocks > LATENT_BLOCKS)
        return latent_fail(e,
                           "a generator of %d blocks cannot be trained; 1 to %d can (4 to %d "
                           "pixels)",
                           s->blocks, LATENT_BLOCKS, 4 << (LATENT_BLOCKS - 1));
    if (s->z < 1 || s->z > 2048 || s->w < 1 || s->w > 2048 || s->mapping < 1 || s->mapping > 8)
        return latent_fail(e,
                           "z of %d and w of %d numbers with %d mapping layers cannot be "
                           "trained; 1 to 2048, 1 to 2048 and 1 to 8 can",
                           s->z, s->w, s->mapping);
    if (!(s->rate >= 0 && s->rate <= 100))
        return latent_fail(e, "a mapping whose learning-rate multiplier is %g cannot be trained",
                           (double)s->rate);
    for (int i = 0; i < s->blocks; i++)
        if (s->channels[i] < 1 || s->channels[i] > 1024)
            return latent_fail(e, "a block of %d channels cannot be trained; 1 to 1024 can",
                               s->channels[i]);
    return 0;
}

/* ---- its tensors */

static int list_layer(const latent_tensor_lister *l, const latent_generator_shape *s, int side,
                      const char *name, int in, int out, int kernel)
{
    char where[LATENT_TENSOR_NAME - 24];
    snprintf(where, sizeof(where), "synthesis.b%d.%s", side, name);
    return latent_tensor_list(l, 4, (int64_t[]){out, in, kernel, kernel}, "%s.weight", where) ||
           latent_tensor_list(l, 1, (int64_t[]){out}, "%s.bias", where) ||
           latent_tensor_list(l, 2, (int64_t[]){in, s->w}, "%s.affine.weight", where) ||
           latent_tensor_list(l, 1, (int64_t[]){in}, "%s.affine.bias", where) ||
           (kernel == 3 && s->noise &&
            (latent_tensor_list(l, 0, NULL, "%s.noise_strength", where) ||
             latent_tensor_list(l, 2, (int64_t[]){side, side}, "%s.noise_const", where)));
}

int latent_generator_list(const latent_generator_shape *s, latent_tensor_visit visit, void *context,
                          latent_error *e)
{
    latent_tensor_lister l = {visit, context, e};
    for (int i = 0; i < s->mapping; i++)
        if (latent_tensor_list(&l, 2, (int64_t[]){s->w, i ? s->w : s->z}, "mapping.fc%d.weight",
                               i) ||
            latent_tensor_list(&l, 1, (int64_t[]){s->w}, "mapping.fc%d.bias", i))
            return -1;
    if (latent_tensor_list(&l, 3, (int64_t[]){s->channels[0], 4, 4}, "synthesis.b4.const"))
        return -1;
    for (int i = 0; i < s->blocks; i++) {
        int c = s->channels[i], side = 4 << i;
        if ((i && list_layer(&l, s, side, "conv0", s->channels[i - 1], c, 3)) ||
            list_layer(&l, s, side, "conv1", c, c, 3) || list_layer(&l, s, side, "torgb", c, 3, 1))
            return -1;
    }
    return 0;
}

double latent_generator_cost(const latent_generator_shape *s)
{
    double sum = 0;
    for (int i = 0; i < s->blocks; i++) {
        double c = s->channels[i], pixels = 16 << 2 * i;
        sum += pixels * c * (9 * c + 3) + (i ? pixels / 4 * 9 * c * s->channels[i - 1] : 0);
    }
    return sum;
}

/* ---- the graph.  Functions give NULL when their input is NULL: whoever failed has said why. */

/* y instead of x, which it was made of. */
static latent_node *instead(latent_node *x, latent_node *y)
{
    latent_node_release(x);
    return y;
}

latent_node *latent_generator_map(const latent_generator_shape *s, latent_tensors *t,
                                  latent_node *z, latent_error *e)
{
    latent_node *x = latent_node_retain(z);
    for (int i = 0; i < s->mapping && x; i++) {
        latent_node *w = latent_tensor_find(t, e, "mapping.fc%d.weight", i);
        latent_node *b = w ? latent_tensor_find(t, e, "mapping.fc%d.bias", i) : NULL;
        float rate = rate_of(s), gain = rate / sqrtf((float)x->shape.c);
        x = instead(x, b ? latent_op_linear(x, w, b, gain, rate, "mapping", e) : NULL);
        if (x)
            x = instead(x, latent_op_lrelu(x, LATENT_LRELU_SLOPE, LATENT_SQRT2, "mapping", e));
        latent_node_release(w);
        latent_node_release(b);
    }
    return x;
}

/* The constant, once for each picture. */
static latent_node *begin(latent_tensors *t, int channels, int n, latent_error *e)
{
    static const int first[MOST_BATCH];
    latent_node *x = latent_tensor_find(t, e, "synthesis.b4.const");
    if (x) /* [c][4][4] */
        x = instead(x, latent_op_reshape(x, (latent_shape){1, channels, 4, 4}, e));
    if (n > MOST_BATCH) {
        latent_fail(e, "%d pictures at once; %d are the most", n, MOST_BATCH);
        return instead(x, NULL);
    }
    x = instead(x, x ? latent_op_channels_last(x, e) : NULL);
    return instead(x, x ? latent_op_pick(x, first, n, e) : NULL);
}

static int find_layer(sg2_layer *l, latent_tensors *t, const char *where, int noise, float clamp,
                      latent_error *e)
{
    l->clamp = clamp;
    return (l->weight = latent_tensor_find(t, e, "%s.weight", where)) &&
                   (l->bias = latent_tensor_find(t, e, "%s.bias", where)) &&
                   (l->affine_w = latent_tensor_find(t, e, "%s.affine.weight", where)) &&
                   (l->affine_b = latent_tensor_find(t, e, "%s.affine.bias", where)) &&
                   (!noise ||
                    (l->noise_strength = latent_tensor_find(t, e, "%s.noise_strength", where)))
               ? 0
               : -1;
}

/* Convolution k of its block, or with k -1 its ToRGB, which is added to what was drawn before. */
static latent_node *layer(const latent_generator_shape *s, latent_tensors *t, int side, int k,
                          latent_node *x, latent_node *w, latent_node *other, latent_error *e)
{
    sg2_block b = {.resolution = side};
    sg2_layer *l = k < 0 ? &b.torgb : k % 2 ? &b.conv0 : &b.conv1;
    latent_node *style = NULL, *y = NULL;
    char where[LATENT_TENSOR_NAME - 24], stage[24];
    if (!x)
        return NULL;
    snprintf(stage, sizeof(stage), "%d.style", side);
    snprintf(where, sizeof(where), "synthesis.b%d.%s", side,
             k < 0   ? "torgb"
             : k % 2 ? "conv0"
                     : "conv1");
    if (!find_layer(l, t, where, k >= 0 && other, s->clamp, e) &&
        (style = latent_stylegan2_style(l, w, stage, e)))
        y = k < 0 ? latent_stylegan2_draw(&b, x, style, other, e)
                  : latent_stylegan2_convolve(&b, l, x, style, 1, other, 1, NULL, e);
    latent_node_release(style);
    latent_stylegan2_free_layer(l);
    return y;
}

latent_node *latent_generator_pictures(const latent_generator_shape *s, latent_tensors *t,
                                       latent_node *const *w, latent_node *const *noise,
                                       latent_error *e)
{
    latent_node *x = begin(t, s->channels[0], w[0]->shape.n, e), *drawn = NULL;
    for (int i = 0; i < s->blocks && x; i++) {
        for (int k = i ? 2 * i - 1 : 0; k <= 2 * i; k++)
            x = instead(x, layer(s, t, 4 << i, k, x, w[k], noise ? noise[k] : NULL, e));
        drawn = instead(drawn, layer(s, t, 4 << i, -1, x, w[2 * i + 1], drawn, e));
        if (!drawn)
            x = instead(x, NULL);
    }
    latent_node_release(x);
    return drawn;
}
