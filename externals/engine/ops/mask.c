/* mask: of two promises, here more of the one, there more of the other. */
#include "layers.h"
#include <math.h>

static int mask_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape a = n->in[0]->shape, b = n->in[1]->shape, m = n->in[2]->shape;
    if (!latent_shape_equal(a, b) || m.h != a.h || m.w != a.w || (m.n != a.n && m.n != 1))
        return latent_fail(e,
                           "%d x %d x %d and %d x %d x %d (channels, height, width) under a mask "
                           "of %d x %d can't be blended",
                           a.c, a.h, a.w, b.c, b.h, b.w, m.h, m.w);
    *s = a;
    return 0;
}

/* The share of the first at pixel p: the mask's mean over its channels, from -1..1 to 0..1. */
static float share(const latent_tensor *mask, size_t p)
{
    size_t c = (size_t)mask->shape.c, pixels = mask->count / c;
    const float *m = mask->data + p % pixels * c;
    float sum = 0;
    for (size_t k = 0; k < c; k++)
        sum += m[k];
    return fminf(fmaxf(0.5f + 0.5f * sum / (float)c, 0), 1);
}

/* The same for a gradient with respect to the share. */
static void share_back(const latent_tensor *mask, latent_tensor *grad, size_t p, float g)
{
    size_t c = (size_t)mask->shape.c, first = p % (mask->count / c) * c;
    float m = share(mask, p);
    for (size_t k = 0; k < c && m > 0 && m < 1; k++)
        grad->data[first + k] += 0.5f * g / (float)c;
}

static int mask_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    size_t c = (size_t)out->shape.c;
    (void)n;
    (void)e;
    for (size_t p = 0; p < out->count / c; p++) {
        float m = share(in[2], p);
        for (size_t i = p * c; i < (p + 1) * c; i++)
            out->data[i] = m * in[0]->data[i] + (1 - m) * in[1]->data[i];
    }
    return 0;
}

static int mask_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    size_t c = (size_t)out->shape.c;
    (void)n;
    (void)e;
    for (size_t p = 0; p < out->count / c; p++) {
        float m = share(in[2], p), of_share = 0;
        for (size_t i = p * c; i < (p + 1) * c; i++) {
            float g = grad_out->data[i];
            of_share += g * (in[0]->data[i] - in[1]->data[i]);
            if (grad_in[0])
                grad_in[0]->data[i] += m * g;
            if (grad_in[1])
                grad_in[1]->data[i] += (1 - m) * g;
        }
        if (grad_in[2])
            share_back(in[2], grad_in[2], p, of_share);
    }
    return 0;
}

const latent_op latent_operation_mask = {
    .name = "mask",
    .n_computed = -1,
    .shape = mask_shape,
    .forward = mask_forward,
    .backward = mask_backward,
};

latent_node *latent_op_mask(latent_node *a, latent_node *b, latent_node *mask, const char *stage,
                            latent_error *e)
{
    latent_node *in[3] = {a, b, mask};
    return latent_node_make(&latent_operation_mask, in, 3, NULL, 0, stage, e);
}
