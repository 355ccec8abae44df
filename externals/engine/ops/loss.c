/* loss: how far a picture is from another, as one number that can be differentiated. */
#include "ops.h"
#include <stdlib.h>

/* ---- half the sum of squared differences */

static int sse_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape a = n->in[0]->shape, b = n->in[1]->shape;
    if (!latent_shape_equal(a, b))
        return latent_fail(
            e,
            "a picture of %d x %d with %d channels cannot be compared with one of %d "
            "x %d with %d",
            a.w, a.h, a.c, b.w, b.h, b.c);
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

static int sse_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    double sum = 0;
    (void)n;
    (void)e;
    for (size_t i = 0; i < in[0]->count; i++) {
        double d = (double)in[0]->data[i] - in[1]->data[i];
        sum += d * d;
    }
    out->data[0] = (float)(0.5 * sum);
    return 0;
}

static int sse_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        const latent_tensor *grad_out, latent_tensor *const *grad_in,
                        latent_error *e)
{
    float g = grad_out->data[0];
    (void)n;
    (void)out;
    (void)e;
    for (size_t i = 0; i < in[0]->count; i++) {
        float d = g * (in[0]->data[i] - in[1]->data[i]);
        if (grad_in[0])
            grad_in[0]->data[i] += d;
        if (grad_in[1])
            grad_in[1]->data[i] -= d;
    }
    return 0;
}

static const latent_op op_sse = {
    .name = "sse",
    .n_computed = -1,
    .shape = sse_shape,
    .forward = sse_forward,
    .backward = sse_backward,
};

latent_node *latent_op_sse(latent_node *a, latent_node *b, latent_error *e)
{
    latent_node *in[2] = {a, b};
    return latent_node_make(&op_sse, in, 2, NULL, 0, "loss", e);
}

/* ---- half the size, each pixel the mean of four (the last row or column of an odd side is left
   out) */

static int halve_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    if (x.h < 2 || x.w < 2)
        return latent_fail(e, "a picture of %d x %d cannot be halved", x.w, x.h);
    *s = (latent_shape){x.n, x.h / 2, x.w / 2, x.c};
    return 0;
}

/* Calls visit for each pair of an output pixel and one of its four input pixels. */
static void for_each_quarter(latent_shape x, latent_shape y,
                             void (*visit)(void *context, size_t from, size_t to, size_t c),
                             void *context)
{
    for (int n = 0; n < y.n; n++)
        for (int i = 0; i < 2 * y.h; i++)
            for (int j = 0; j < 2 * y.w; j++) {
                size_t from = (((size_t)n * (size_t)x.h + (size_t)i) * (size_t)x.w + (size_t)j);
                size_t to =
                    (((size_t)n * (size_t)y.h + (size_t)(i / 2)) * (size_t)y.w + (size_t)(j / 2));
                visit(context, from * (size_t)x.c, to * (size_t)x.c, (size_t)x.c);
            }
}

typedef struct {
    const float *from;
    float *to;
} halve_job;

static void halve_add(void *context, size_t from, size_t to, size_t c)
{
    const halve_job *j = context;
    for (size_t k = 0; k < c; k++)
        j->to[to + k] += 0.25f * j->from[from + k];
}

static void halve_spread(void *context, size_t from, size_t to, size_t c)
{
    const halve_job *j = context;
    for (size_t k = 0; k < c; k++)
        j->to[from + k] += 0.25f * j->from[to + k];
}

static int halve_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    halve_job j = {in[0]->data, out->data};
    (void)n;
    (void)e;
    for (size_t i = 0; i < out->count; i++)
        out->data[i] = 0;
    for_each_quarter(in[0]->shape, out->shape, halve_add, &j);
    return 0;
}

static int halve_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          const latent_tensor *grad_out, latent_tensor *const *grad_in,
                          latent_error *e)
{
    halve_job j = {grad_out->data, grad_in[0] ? grad_in[0]->data : NULL};
    (void)n;
    (void)e;
    if (j.to)
        for_each_quarter(in[0]->shape, out->shape, halve_spread, &j);
    return 0;
}

static const latent_op op_halve = {
    .name = "halve",
    .n_computed = -1,
    .shape = halve_shape,
    .forward = halve_forward,
    .backward = halve_backward,
};

latent_node *latent_op_halve(latent_node *x, latent_error *e)
{
    return latent_node_make(&op_halve, &x, 1, NULL, 0, "loss", e);
}

/* ---- weighted sums of numbers */

#define MAX_SUM 64

static int sum_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    for (int i = 0; i < n->n_in; i++)
        if (latent_shape_count(n->in[i]->shape) != 1)
            return latent_fail(e, "only single numbers are added up to a loss");
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

static int sum_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    const float *weight = n->params;
    double sum = 0;
    (void)e;
    for (int i = 0; i < n->n_in; i++)
        sum += (double)weight[i] * in[i]->data[0];
    out->data[0] = (float)sum;
    return 0;
}

static int sum_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        const latent_tensor *grad_out, latent_tensor *const *grad_in,
                        latent_error *e)
{
    const float *weight = n->params;
    (void)in;
    (void)out;
    (void)e;
    for (int i = 0; i < n->n_in; i++)
        if (grad_in[i])
            grad_in[i]->data[0] += weight[i] * grad_out->data[0];
    return 0;
}

static const latent_op op_sum = {
    .name = "sum",
    .n_computed = -1,
    .shape = sum_shape,
    .forward = sum_forward,
    .backward = sum_backward,
};

latent_node *latent_op_sum(latent_node *const *x, const float *weight, int n, latent_error *e)
{
    if (n < 1 || n > MAX_SUM) {
        latent_fail(e, "%d losses at once; 1 to %d are possible", n, MAX_SUM);
        return NULL;
    }
    return latent_node_make(&op_sum, x, n, weight, (size_t)n * sizeof(*weight), "loss", e);
}
