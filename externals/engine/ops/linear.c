/* linear: a fully connected layer; the affine maps that make a layer's style of w (StyleGAN,
   Karras et al. 2019, "A" in figure 1). */
#include "../kernels/gemm.h"
#include "ops.h"
#include <string.h>

typedef struct {
    float weight_gain, bias_gain;
} linear_params;

static int linear_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape, w = n->in[1]->shape;
    if (x.c != w.c)
        return latent_fail(e, "a style of %d numbers came, the network's have %d", x.c, w.c);
    if (n->in[2] && n->in[2]->shape.c != w.w)
        return latent_fail(e, "a bias of %d numbers for %d outputs", n->in[2]->shape.c, w.w);
    *s = (latent_shape){x.n, x.h, x.w, w.w};
    return 0;
}

static double linear_cost(const latent_node *n)
{
    return (double)latent_shape_count(n->shape) * n->in[0]->shape.c;
}

static int linear_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    const linear_params *p = n->params;
    int n_in = in[0]->shape.c, n_out = out->shape.c;
    size_t rows = out->count / (size_t)n_out;
    (void)e;
    for (size_t r = 0; r < rows; r++) {
        float *y = out->data + r * (size_t)n_out;
        latent_matvec(in[1]->data, in[0]->data + r * (size_t)n_in, y, n_out, n_in);
        for (int o = 0; o < n_out; o++)
            y[o] = p->weight_gain * y[o] + (in[2] ? p->bias_gain * in[2]->data[o] : 0);
    }
    return 0;
}

static int linear_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           const latent_tensor *grad_out, latent_tensor *const *grad_in,
                           latent_error *e)
{
    const linear_params *p = n->params;
    size_t n_in = (size_t)in[0]->shape.c, n_out = (size_t)out->shape.c;
    (void)e;
    for (size_t r = 0; r < out->count / n_out; r++) {
        const float *g = grad_out->data + r * n_out, *x = in[0]->data + r * n_in;
        for (size_t o = 0; o < n_out; o++) {
            const float *w = in[1]->data + o * n_in;
            float step = p->weight_gain * g[o];
            for (size_t i = 0; grad_in[0] && i < n_in; i++)
                grad_in[0]->data[r * n_in + i] += step * w[i];
            for (size_t i = 0; grad_in[1] && i < n_in; i++)
                grad_in[1]->data[o * n_in + i] += step * x[i];
            if (grad_in[2])
                grad_in[2]->data[o] += p->bias_gain * g[o];
        }
    }
    return 0;
}

static const latent_op op_linear = {
    .name = "linear",
    .n_computed = -1,
    .shape = linear_shape,
    .cost = linear_cost,
    .forward = linear_forward,
    .backward = linear_backward,
};

latent_node *latent_op_linear(latent_node *x, latent_node *w, latent_node *b, float weight_gain,
                              float bias_gain, const char *stage, latent_error *e)
{
    latent_node *in[3] = {x, w, b};
    linear_params p = {weight_gain, bias_gain};
    return latent_node_make(&op_linear, in, 3, &p, sizeof(p), stage, e);
}

/* ---- the same numbers in another shape */

static int reshape_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = *(const latent_shape *)n->params;
    if (latent_shape_count(*s) != latent_shape_count(n->in[0]->shape))
        return latent_fail(e, "%zu numbers do not make a picture of %d x %d with %d channels",
                           latent_shape_count(n->in[0]->shape), s->w, s->h, s->c);
    return 0;
}

static int reshape_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                           latent_error *e)
{
    (void)n;
    (void)e;
    memcpy(out->data, in[0]->data, out->count * sizeof(float));
    return 0;
}

static int reshape_backward(const latent_node *n, latent_tensor *const *in,
                            const latent_tensor *out, const latent_tensor *grad_out,
                            latent_tensor *const *grad_in, latent_error *e)
{
    (void)n;
    (void)in;
    (void)out;
    (void)e;
    for (size_t i = 0; grad_in[0] && i < grad_out->count; i++)
        grad_in[0]->data[i] += grad_out->data[i];
    return 0;
}

static const latent_op op_reshape = {
    .name = "reshape",
    .n_computed = -1,
    .shape = reshape_shape,
    .forward = reshape_forward,
    .backward = reshape_backward,
};

latent_node *latent_op_reshape(latent_node *x, latent_shape shape, latent_error *e)
{
    return latent_node_make(&op_reshape, &x, 1, &shape, sizeof(shape), "reshape", e);
}
