/* lrelu: the leaky ReLU between fully connected layers; convolutions have theirs built in. */
#include "../base/parallel.h"
#include "layers.h"

#define PIECE 16384 /* numbers that one thread takes at a time */

typedef struct {
    float slope, gain;
} lrelu_params;

static int lrelu_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[0]->shape;
    return 0;
}

typedef struct {
    size_t count;
    float up, down; /* what numbers from 0 on are multiplied by, and those below */
    const float *x, *g;
    float *y; /* the value, or of the way back the gradient, which is added to */
} job;

static void lrelu_piece(void *context, int i, int slot)
{
    const job *j = context;
    size_t first = (size_t)i * PIECE, last = first + PIECE < j->count ? first + PIECE : j->count;
    (void)slot;
    for (size_t k = first; !j->g && k < last; k++)
        j->y[k] = (j->x[k] < 0 ? j->down : j->up) * j->x[k];
    for (size_t k = first; j->g && k < last; k++)
        j->y[k] += (j->x[k] < 0 ? j->down : j->up) * j->g[k];
}

static void run(const latent_node *n, const latent_tensor *x, const float *g, float *y)
{
    const lrelu_params *p = n->params;
    job j = {x->count, p->gain, p->gain * p->slope, x->data, g, y};
    latent_parallel((int)((j.count + PIECE - 1) / PIECE), lrelu_piece, &j);
}

static int lrelu_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    (void)e;
    run(n, in[0], NULL, out->data);
    return 0;
}

static int lrelu_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    (void)out;
    (void)e;
    run(n, in[0], grad_out->data, grad_in[0]->data);
    return 0;
}

const latent_op latent_operation_lrelu = {
    .name = "lrelu",
    .n_computed = -1,
    .shape = lrelu_shape,
    .forward = lrelu_forward,
    .backward = lrelu_backward,
};

latent_node *latent_op_lrelu(latent_node *x, float slope, float gain, const char *stage,
                             latent_error *e)
{
    lrelu_params p = {slope, gain};
    return latent_node_make(&latent_operation_lrelu, &x, 1, &p, sizeof(p), stage, e);
}
