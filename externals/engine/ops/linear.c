/* linear: a fully connected layer; the affine maps that make a layer's style of w (StyleGAN,
   Karras et al. 2019, "A" in figure 1). */
#include "../kernels/gemm.h"
#include "ops.h"

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

static const latent_op op_linear = {
    .name = "linear",
    .n_computed = -1,
    .shape = linear_shape,
    .cost = linear_cost,
    .forward = linear_forward,
};

latent_node *latent_op_linear(latent_node *x, latent_node *w, latent_node *b, float weight_gain,
                              float bias_gain, const char *stage, latent_error *e)
{
    latent_node *in[3] = {x, w, b};
    linear_params p = {weight_gain, bias_gain};
    return latent_node_make(&op_linear, in, 3, &p, sizeof(p), stage, e);
}
