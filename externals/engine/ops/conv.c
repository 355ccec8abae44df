/* conv: the modulated convolution of StyleGAN2 with everything that follows it in a layer (Karras
   et al. 2020, section 2.2 and figure 2c).  The style scales the inputs and the demodulation the
   outputs, which is the same as scaling the weights. */
#include "../kernels/conv.h"
#include "ops.h"
#include <math.h>
#include <stdlib.h>

enum { X, STYLE, WEIGHT, BIAS, NOISE, NOISE_STRENGTH, ADD, INPUTS };

static latent_conv_spec spec_of(const latent_node *weight, int up)
{
    latent_shape s = weight->shape;
    return (latent_conv_spec){.in = s.h, .out = s.n, .kernel = s.w, .up = up};
}

static int conv_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = n->in[X]->shape, w = n->in[WEIGHT]->shape;
    if (w.w != w.c || (w.w != 1 && w.w != 3))
        return latent_fail(e, "a kernel of %d x %d; only 1 x 1 and 3 x 3 are known", w.w, w.c);
    if (x.c != w.h)
        return latent_fail(e, "features of %d channels came, the layer takes %d", x.c, w.h);
    if (n->in[STYLE] && n->in[STYLE]->shape.c != w.h)
        return latent_fail(e, "a style of %d numbers for %d channels", n->in[STYLE]->shape.c, w.h);
    if (n->in[BIAS] && n->in[BIAS]->shape.c != w.n)
        return latent_fail(e, "a bias of %d numbers for %d channels", n->in[BIAS]->shape.c, w.n);
    if ((double)x.h * p->up > 1 << 20 || (double)x.w * p->up > 1 << 20)
        return latent_fail(e, "a picture of %d x %d cannot be enlarged further", x.w, x.h);
    *s = (latent_shape){x.n, x.h * p->up, x.w * p->up, w.n};
    if (n->in[NOISE] && (n->in[NOISE]->shape.h != s->h || n->in[NOISE]->shape.w != s->w))
        return latent_fail(e, "a noise map of %d x %d for a layer of %d x %d",
                           n->in[NOISE]->shape.w, n->in[NOISE]->shape.h, s->w, s->h);
    if (n->in[ADD] && !latent_shape_equal(n->in[ADD]->shape, *s))
        return latent_fail(
            e, "a picture of %d x %d with %d channels to be added to %d x %d with %d",
            n->in[ADD]->shape.w, n->in[ADD]->shape.h, n->in[ADD]->shape.c, s->w, s->h, s->c);
    return 0;
}

static double conv_cost(const latent_node *n)
{
    latent_shape x = n->in[X]->shape;
    return x.n *
           latent_conv_cost(spec_of(n->in[WEIGHT], ((const latent_conv_settings *)n->params)->up),
                            x.h, x.w);
}

static void free_prepared(void *conv)
{
    latent_conv_free(conv);
}

/* The kernel's form of the weights, made once and kept with them.  A weight belongs to one layer,
   so its up never changes. */
static const latent_conv *prepared(latent_node *weight, const float *data, int up, latent_error *e)
{
    if (!weight->prepared) {
        weight->prepared = latent_conv_new(spec_of(weight, up), data, e);
        weight->prepared_free = free_prepared;
    }
    return weight->prepared;
}

int latent_op_conv_prepare(latent_node *weight, int up, latent_error *e)
{
    latent_tensor *t = weight->op->leaf ? weight->op->leaf(weight) : NULL;
    const latent_conv *c = t ? prepared(weight, t->data, up, e) : NULL;
    latent_tensor_release(t);
    return c ? 0 : -1;
}

/* d[o] = 1 / sqrt(sum_i E[o][i] s[i]^2 + 1e-8) */
static void demodulate(const latent_conv *c, const float *s, float *d)
{
    latent_conv_spec spec = latent_conv_get_spec(c);
    const float *energy = latent_conv_energy(c);
    for (int o = 0; o < spec.out; o++) {
        const float *row = energy + (size_t)o * (size_t)spec.in;
        float sum = 0;
        for (int i = 0; i < spec.in; i++)
            sum += row[i] * s[i] * s[i];
        d[o] = 1.0f / sqrtf(sum + 1e-8f);
    }
}

static int conv_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = in[X]->shape;
    const latent_conv *c = prepared(n->in[WEIGHT], in[WEIGHT]->data, p->up, e);
    float *s, *d;
    int failed = 0;
    latent_conv_end end = {
        .noise = in[NOISE] ? in[NOISE]->data : NULL,
        .strength = p->strength * (in[NOISE_STRENGTH] ? in[NOISE_STRENGTH]->data[0] : 1.0f),
        .bias = in[BIAS] ? in[BIAS]->data : NULL,
        .slope = p->slope,
        .gain = p->gain,
        .clamp = p->clamp,
    };
    if (!c)
        return -1;
    if (!(s = malloc(((size_t)x.c + (size_t)out->shape.c) * sizeof(float))))
        return latent_fail(e, "no memory for the styles of a layer");
    d = s + x.c;
    for (int b = 0; b < x.n && !failed; b++) {
        const float *style = in[STYLE] ? in[STYLE]->data : NULL;
        size_t x_size = (size_t)x.h * (size_t)x.w * (size_t)x.c;
        size_t y_size = out->count / (size_t)x.n;
        if (style && in[STYLE]->shape.n == x.n)
            style += (size_t)b * (size_t)x.c;
        for (int i = 0; i < x.c; i++)
            s[i] = p->weight_gain * p->style_gain * (style ? style[i] : 1.0f);
        if (p->demodulate) {
            demodulate(c, s, d);
            end.out_scale = d;
        }
        if (in[ADD])
            end.add = in[ADD]->data + (size_t)b * y_size;
        failed = latent_conv_forward(c, x.h, x.w, in[X]->data + (size_t)b * x_size, s, &end,
                                     out->data + (size_t)b * y_size, e);
    }
    free(s);
    return failed;
}

static const latent_op op_conv = {
    .name = "conv",
    .n_computed = -1,
    .shape = conv_shape,
    .cost = conv_cost,
    .forward = conv_forward,
};

latent_node *latent_op_conv(latent_node *x, latent_node *s, latent_node *weight, latent_node *bias,
                            latent_node *noise, latent_node *noise_strength, latent_node *add,
                            const latent_conv_settings *settings, const char *stage,
                            latent_error *e)
{
    latent_node *in[INPUTS] = {x, s, weight, bias, noise, noise_strength, add};
    return latent_node_make(&op_conv, in, INPUTS, settings, sizeof(*settings), stage, e);
}
