/* discriminator: see discriminator.h

       picture -> fromRGB -> block R -> ... -> block 8 -> 4 x 4: deviation, conv, fc, out
       (at 4 x 4 it may be given what another network sees in the picture, channels beside its own)
       block r:  conv0 -> conv1, halving; plus the shortcut, halved -> skip; both times sqrt(1/2)
*/
#include "discriminator.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include <math.h>
#include <stdio.h>

#define SQRT2 1.41421356237309504880f
#define SQRT_HALF 0.70710678118654752440f
#define SLOPE 0.2f

int latent_discriminator_check(const latent_discriminator_shape *s, latent_error *e)
{
    if (s->blocks < 1 || s->blocks > LATENT_BLOCKS)
        return latent_fail(e, "a discriminator of %d blocks is not possible", s->blocks);
    if (s->seen < 0 || s->seen > 1024 || (s->seen && s->pack != 1))
        return latent_fail(e, "a discriminator that is told what another one sees judges pictures "
                              "one by one");
    if (s->group < 1)
        return latent_fail(e, "a discriminator's group of %d pictures is not possible", s->group);
    if (s->pack != 1 && s->pack != 2 && s->pack != 4) /* what divides any batch */
        return latent_fail(e, "%d pictures cannot be judged together; 1, 2 and 4 can", s->pack);
    for (int i = 0; i < s->blocks; i++)
        if (s->channels[i] < 1 || s->channels[i] > 1024)
            return latent_fail(e,
                               "a discriminator's block of %d channels cannot be trained; 1 to "
                               "1024 can",
                               s->channels[i]);
    return 0;
}

/* ---- its tensors */

static int list_layer(const latent_tensor_lister *l, int side, const char *name, int in, int out,
                      int kernel, int bias)
{
    return latent_tensor_list(l, 4, (int64_t[]){out, in, kernel, kernel}, "b%d.%s.weight", side,
                              name) ||
           (bias && latent_tensor_list(l, 1, (int64_t[]){out}, "b%d.%s.bias", side, name));
}

int latent_discriminator_list(const latent_discriminator_shape *s, latent_tensor_visit visit,
                              void *context, latent_error *e)
{
    latent_tensor_lister l = {visit, context, e};
    int last = s->blocks - 1, c = s->channels[0];
    if (list_layer(&l, 4 << last, "fromrgb", 3 * s->pack, s->channels[last], 1, 1))
        return -1;
    for (int i = last; i > 0; i--) {
        int in = s->channels[i], out = s->channels[i - 1];
        if (list_layer(&l, 4 << i, "conv0", in, in, 3, 1) ||
            list_layer(&l, 4 << i, "conv1", in, out, 3, 1) ||
            list_layer(&l, 4 << i, "skip", in, out, 1, 0))
            return -1;
    }
    return list_layer(&l, 4, "conv", c + s->seen + 1, c, 3, 1) ||
                   latent_tensor_list(&l, 2, (int64_t[]){c, 16 * c}, "b4.fc.weight") ||
                   latent_tensor_list(&l, 1, (int64_t[]){c}, "b4.fc.bias") ||
                   latent_tensor_list(&l, 2, (int64_t[]){1, c}, "b4.out.weight") ||
                   latent_tensor_list(&l, 1, (int64_t[]){1}, "b4.out.bias")
               ? -1
               : 0;
}

double latent_discriminator_cost(const latent_discriminator_shape *s)
{
    double side = 4 << (s->blocks - 1), c = s->channels[0];
    double sum = side * side * 3 * s->pack * s->channels[s->blocks - 1] +
                 16 * 9 * (c + s->seen + 1) * c + 16 * c * c;
    for (int i = s->blocks - 1; i > 0; i--) {
        double in = s->channels[i], out = s->channels[i - 1], pixels = (16 << 2 * i);
        sum += pixels * 9 * in * in + pixels / 4 * 10 * in * out;
    }
    return sum;
}

/* ---- the graph.  Functions give NULL when their input is NULL: whoever failed has said why. */

typedef struct {
    const latent_discriminator_shape *shape;
    latent_tensors *tensors;
    latent_error *error;
} network;

static latent_node *find(const network *d, int side, const char *name, const char *part)
{
    return latent_tensor_find(d->tensors, d->error, "b%d.%s.%s", side, name, part);
}

/* gain: of the activation, sqrt(2) in it; a layer without bias is linear.  add, or NULL: like what
   comes of it. */
static latent_node *convolve(const network *d, int side, const char *name, latent_node *x, int up,
                             float gain, int biased, latent_node *add)
{
    latent_node *weight = x ? find(d, side, name, "weight") : NULL, *y = NULL;
    latent_node *bias = weight && biased ? find(d, side, name, "bias") : NULL;
    if (weight && (bias || !biased)) {
        latent_shape w = weight->shape;
        latent_conv_settings c = {.up = up,
                                  .style_gain = 1,
                                  .weight_gain = 1 / sqrtf((float)(w.h * w.w * w.c)),
                                  .slope = biased ? SLOPE : 1,
                                  .gain = gain,
                                  .clamp = d->shape->clamp * (gain < SQRT2 ? SQRT_HALF : 1)};
        char stage[24];
        snprintf(stage, sizeof(stage), "d%d.%s", side, name);
        y = latent_op_conv(x, NULL, weight, bias, NULL, NULL, add, &c, stage, d->error);
    }
    latent_node_release(weight);
    latent_node_release(bias);
    return y;
}

/* y instead of x, which it was made of. */
static latent_node *instead(latent_node *x, latent_node *y)
{
    latent_node_release(x);
    return y;
}

static latent_node *block(const network *d, int side, latent_node *x)
{
    latent_node *half = x ? latent_op_downsample(x, "d.halve", d->error) : NULL;
    latent_node *y = half ? convolve(d, side, "conv0", x, 1, SQRT2, 1, NULL) : NULL;
    y = instead(y, convolve(d, side, "conv1", y, -2, 1, 1, NULL));
    if (y)
        y = instead(y, convolve(d, side, "skip", half, 1, SQRT_HALF, 0, y));
    latent_node_release(half);
    return y;
}

static latent_node *linear(const network *d, const char *name, latent_node *x)
{
    latent_node *weight = x ? find(d, 4, name, "weight") : NULL, *y = NULL;
    latent_node *bias = weight ? find(d, 4, name, "bias") : NULL;
    if (bias)
        y = latent_op_linear(x, weight, bias, 1 / sqrtf((float)weight->shape.c), 1, name, d->error);
    latent_node_release(weight);
    latent_node_release(bias);
    return y;
}

/* [n][4][4][c] to [n][1][1][1] */
static latent_node *judge(const network *d, latent_node *x)
{
    latent_node *y = x ? latent_op_deviation(x, d->shape->group, d->error) : NULL;
    y = instead(y, convolve(d, 4, "conv", y, 1, SQRT2, 1, NULL));
    if (y)
        y = instead(y, latent_op_channels_first(y, d->error));
    if (y)
        y = instead(
            y, latent_op_reshape(y, (latent_shape){y->shape.n, 1, 1, 16 * d->shape->channels[0]},
                                 d->error));
    y = instead(y, linear(d, "fc", y));
    if (y)
        y = instead(y, latent_op_lrelu(y, SLOPE, SQRT2, "fc", d->error));
    return instead(y, linear(d, "out", y));
}

latent_node *latent_discriminator_logits(const latent_discriminator_shape *s, latent_tensors *t,
                                         latent_node *pictures, latent_node *seen, latent_error *e)
{
    network d = {s, t, e};
    int last = s->blocks - 1;
    latent_node *x = convolve(&d, 4 << last, "fromrgb", pictures, 1, SQRT2, 1, NULL);
    for (int i = last; i > 0; i--)
        x = instead(x, block(&d, 4 << i, x));
    if (x && s->seen)
        x = instead(x, latent_op_concat((latent_node *[]){x, seen}, 2, e));
    return instead(x, judge(&d, x));
}
