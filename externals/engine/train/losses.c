/* losses: see losses.h */
#include "losses.h"
#include "../base/parallel.h"
#include <math.h>
#include <stdlib.h>

static int number_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)n;
    (void)e;
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

/* ---- logits */

static int logistic_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    double sign = (double)*(const float *)n->params, sum = 0;
    (void)e;
    for (size_t i = 0; i < in[0]->count; i++) {
        double x = sign * (double)in[0]->data[i];
        sum += x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    }
    out->data[0] = (float)(sum / (double)in[0]->count);
    return 0;
}

static int logistic_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    double sign = (double)*(const float *)n->params;
    double g = sign * (double)grad_out->data[0] / (double)in[0]->count;
    (void)out;
    (void)e;
    for (size_t i = 0; i < in[0]->count; i++)
        grad_in[0]->data[i] += (float)(g / (1 + exp(-sign * (double)in[0]->data[i])));
    return 0;
}

static const latent_op op_logistic = {
    .name = "logistic",
    .n_computed = -1,
    .shape = number_shape,
    .forward = logistic_forward,
    .backward = logistic_backward,
};

latent_node *latent_op_logistic(latent_node *x, float sign, latent_error *e)
{
    return latent_node_make(&op_logistic, &x, 1, &sign, sizeof(sign), "loss", e);
}

static int mean_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    double sum = 0;
    (void)n;
    (void)e;
    for (size_t i = 0; i < in[0]->count; i++)
        sum += (double)in[0]->data[i];
    out->data[0] = (float)(sum / (double)in[0]->count);
    return 0;
}

static int mean_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    (void)n;
    (void)out;
    (void)e;
    for (size_t i = 0; i < in[0]->count; i++)
        grad_in[0]->data[i] += grad_out->data[0] / (float)in[0]->count;
    return 0;
}

static const latent_op op_mean = {
    .name = "mean",
    .n_computed = -1,
    .shape = number_shape,
    .forward = mean_forward,
    .backward = mean_backward,
};

latent_node *latent_op_mean(latent_node *x, latent_error *e)
{
    return latent_node_make(&op_mean, &x, 1, NULL, 0, "loss", e);
}

/* ---- paths */

typedef struct {
    float scale, given;
} path_params;

static int path_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    if (n->in[0]->shape.n % 2)
        return latent_fail(e, "%d pictures have no two halves", n->in[0]->shape.n);
    return number_shape(n, s, e);
}

/* The length of the way from picture i of the first half to its other one. */
static double way_of(const path_params *p, const latent_tensor *x, size_t i)
{
    size_t one = x->count / (size_t)x->shape.n, half = x->count / 2;
    double sum = 1e-12;
    for (size_t k = i * one; k < (i + 1) * one; k++) {
        double d = (double)x->data[half + k] - (double)x->data[k];
        sum += d * d;
    }
    return (double)p->scale * sqrt(sum);
}

static int path_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    const path_params *p = n->params;
    size_t pairs = (size_t)in[0]->shape.n / 2;
    double sum = 0;
    (void)e;
    for (size_t i = 0; i < pairs; i++) {
        double off = way_of(p, in[0], i) - (double)p->given;
        sum += off * off;
    }
    out->data[0] = (float)(sum / (double)pairs);
    return 0;
}

static int path_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const path_params *p = n->params;
    const float *x = in[0]->data;
    float *gx = grad_in[0]->data;
    size_t pairs = (size_t)in[0]->shape.n / 2, half = in[0]->count / 2, one = half / pairs;
    (void)out;
    (void)e;
    for (size_t i = 0; i < pairs; i++) {
        double length = way_of(p, in[0], i), scale = (double)p->scale;
        float g = (float)((double)grad_out->data[0] * 2 / (double)pairs *
                          (length - (double)p->given) * scale * scale / length);
        for (size_t k = i * one; k < (i + 1) * one; k++) {
            gx[half + k] += g * (x[half + k] - x[k]);
            gx[k] -= g * (x[half + k] - x[k]);
        }
    }
    return 0;
}

static const latent_op op_path = {
    .name = "path",
    .n_computed = -1,
    .shape = path_shape,
    .forward = path_forward,
    .backward = path_backward,
};

latent_node *latent_op_path(latent_node *pictures, float scale, float given, latent_error *e)
{
    path_params p = {scale, given};
    return latent_node_make(&op_path, &pictures, 1, &p, sizeof(p), "loss", e);
}

/* ---- augmentation */

static int augment_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    if (n->params_bytes != (size_t)s->n * sizeof(latent_augmentation) || s->h != s->w || s->c != 3)
        return latent_fail(e, "%d pictures of %d x %d with %d channels can't be changed so", s->n,
                           s->w, s->h, s->c);
    return 0;
}

typedef struct {
    const latent_augmentation *changes;
    int size;
    const float *from;
    float *to;
    float *back; /* [n] pictures: of the way back */
} augment_job;

static void augment_one(void *context, int i, int slot)
{
    const augment_job *j = context;
    size_t at = (size_t)i * (size_t)j->size * (size_t)j->size * 3;
    (void)slot;
    latent_augment_run(&j->changes[i], j->size, j->from + at, j->to + at);
}

static int augment_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                           latent_error *e)
{
    augment_job j = {n->params, out->shape.w, in[0]->data, out->data, NULL};
    (void)e;
    latent_parallel(out->shape.n, augment_one, &j);
    return 0;
}

static void augment_back(void *context, int i, int slot)
{
    const augment_job *j = context;
    size_t count = (size_t)j->size * (size_t)j->size * 3, at = (size_t)i * count;
    (void)slot;
    latent_augment_back(&j->changes[i], j->size, j->from + at, j->back + at);
    for (size_t k = at; k < at + count; k++)
        j->to[k] += j->back[k];
}

static int augment_backward(const latent_node *n, latent_tensor *const *in,
                            const latent_tensor *out, latent_tensor *grad_out,
                            latent_tensor *const *grad_in, latent_error *e)
{
    latent_tensor *back = latent_tensor_new(out->shape, e);
    augment_job j = {n->params, out->shape.w, grad_out->data, grad_in[0]->data, NULL};
    (void)in;
    if (!back)
        return -1;
    j.back = back->data;
    latent_parallel(out->shape.n, augment_back, &j);
    latent_tensor_release(back);
    return 0;
}

static const latent_op op_change = {
    .name = "augment",
    .n_computed = -1,
    .shape = augment_shape,
    .forward = augment_forward,
    .backward = augment_backward,
};

latent_node *latent_op_change(latent_node *x, const latent_augmentation *changes, latent_error *e)
{
    return latent_node_make(&op_change, &x, 1, changes, (size_t)x->shape.n * sizeof(*changes),
                            "augment", e);
}
