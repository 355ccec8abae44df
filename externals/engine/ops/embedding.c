/* embedding: what is made of an encoder's embeddings: distances on the unit sphere, and sums of
   directions. */
#include "encoder.h"
#include <math.h>
#include <string.h>

#define MAX_BLEND 16
#define TINY 1e-12 /* stands for the length of a vector that has none */

static double length(const float *v, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)v[i] * v[i];
    sum = sqrt(sum);
    return sum > TINY ? sum : TINY;
}

/* ---- distances */

static int distance_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape a = n->in[0]->shape, b = n->in[1]->shape;
    if (a.h != 1 || a.w != 1 || b.n != 1 || b.h != 1 || b.w != 1 || a.c != b.c)
        return latent_fail(e, "an embedding of %d numbers can't be compared with one of %d", a.c,
                           b.c);
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

/* The angle between a and b, from the chord so that small ones are exact. */
static double angle(const float *a, double a_length, const float *b, double b_length, size_t d)
{
    double chord = 0;
    for (size_t i = 0; i < d; i++) {
        double step = a[i] / a_length - b[i] / b_length;
        chord += step * step;
    }
    chord = sqrt(chord) / 2;
    return 2 * asin(chord < 1 ? chord : 1);
}

static int distance_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    int kind = *(const int *)n->params;
    size_t d = (size_t)in[1]->shape.c, count = (size_t)in[0]->shape.n;
    double b_length = length(in[1]->data, d), sum = 0;
    (void)e;
    for (size_t k = 0; k < count; k++) {
        const float *a = in[0]->data + k * d;
        double t = angle(a, length(a, d), in[1]->data, b_length, d);
        sum += kind == LATENT_COSINE ? 2 * sin(t / 2) * sin(t / 2) : t * t / 2;
    }
    out->data[0] = (float)(sum / (double)count);
    return 0;
}

/* With cos the cosine, u and v the unit vectors: d cos / d a = (v - cos u) / |a|. */
static int distance_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    int kind = *(const int *)n->params;
    size_t d = (size_t)in[1]->shape.c, count = (size_t)in[0]->shape.n;
    const float *b = in[1]->data;
    double b_length = length(b, d);
    (void)out;
    (void)e;
    for (size_t k = 0; k < count; k++) {
        const float *a = in[0]->data + k * d;
        double a_length = length(a, d), t = angle(a, a_length, b, b_length, d), slope;
        slope = kind == LATENT_COSINE || t < 1e-6 ? 1 : t / fmax(sin(t), 1e-6);
        slope *= -(double)grad_out->data[0] / (double)count;
        for (size_t i = 0; i < d; i++) {
            double u = a[i] / a_length, v = b[i] / b_length;
            if (grad_in[0])
                grad_in[0]->data[k * d + i] += (float)(slope * (v - cos(t) * u) / a_length);
            if (grad_in[1])
                grad_in[1]->data[i] += (float)(slope * (u - cos(t) * v) / b_length);
        }
    }
    return 0;
}

const latent_op latent_operation_distance = {
    .name = "distance",
    .n_computed = -1,
    .shape = distance_shape,
    .forward = distance_forward,
    .backward = distance_backward,
};

latent_node *latent_op_distance(latent_node *a, latent_node *b, latent_distance kind,
                                latent_error *e)
{
    latent_node *in[2] = {a, b};
    int params = kind;
    return latent_node_make(&latent_operation_distance, in, 2, &params, sizeof(params), "loss", e);
}

/* ---- how unlike two rows of tokens are */

static int unlike_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    if (!latent_shape_equal(n->in[0]->shape, n->in[1]->shape))
        return latent_fail(e, "%d tokens can't be compared with %d", n->in[0]->shape.w,
                           n->in[1]->shape.w);
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

static int unlike_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    size_t d = (size_t)in[0]->shape.c, tokens = in[0]->count / d;
    double sum = 0;
    (void)n;
    (void)e;
    for (size_t k = 0; k < tokens; k++) {
        const float *a = in[0]->data + k * d, *b = in[1]->data + k * d;
        double t = angle(a, length(a, d), b, length(b, d), d);
        sum += 2 * sin(t / 2) * sin(t / 2);
    }
    out->data[0] = (float)(sum / (double)tokens);
    return 0;
}

static int unlike_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    size_t d = (size_t)in[0]->shape.c, tokens = in[0]->count / d;
    double slope = -(double)grad_out->data[0] / (double)tokens;
    (void)n;
    (void)out;
    (void)e;
    for (size_t k = 0; k < tokens; k++) {
        const float *a = in[0]->data + k * d, *b = in[1]->data + k * d;
        double al = length(a, d), bl = length(b, d), along = cos(angle(a, al, b, bl, d));
        for (size_t i = 0; i < d; i++) {
            double u = a[i] / al, v = b[i] / bl;
            if (grad_in[0])
                grad_in[0]->data[k * d + i] += (float)(slope * (v - along * u) / al);
            if (grad_in[1])
                grad_in[1]->data[k * d + i] += (float)(slope * (u - along * v) / bl);
        }
    }
    return 0;
}

const latent_op latent_operation_cosine_distance = {
    .name = "unlike",
    .n_computed = -1,
    .shape = unlike_shape,
    .forward = unlike_forward,
    .backward = unlike_backward,
};

latent_node *latent_op_cosine_distance(latent_node *a, latent_node *b, latent_error *e)
{
    latent_node *in[2] = {a, b};
    return latent_node_make(&latent_operation_cosine_distance, in, 2, NULL, 0, "loss", e);
}

/* ---- sums of directions */

static int blend_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    for (int i = 0; i < n->n_in; i++)
        if (!latent_shape_equal(n->in[i]->shape, (latent_shape){1, 1, 1, s->c}))
            return latent_fail(e, "an embedding of %d numbers can't be added to one of %d",
                               n->in[i]->shape.c, s->c);
    return 0;
}

static int blend_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    const float *weight = n->params;
    (void)e;
    for (size_t i = 0; i < out->count; i++)
        out->data[i] = 0;
    for (int k = 0; k < n->n_in; k++) {
        double scale = weight[k] / length(in[k]->data, out->count);
        for (size_t i = 0; i < out->count; i++)
            out->data[i] += (float)(scale * in[k]->data[i]);
    }
    return 0;
}

static int blend_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const float *weight = n->params, *g = grad_out->data;
    (void)e;
    for (int k = 0; k < n->n_in; k++) {
        double size = length(in[k]->data, out->count), along = 0;
        if (!grad_in[k])
            continue;
        for (size_t i = 0; i < out->count; i++)
            along += g[i] * (in[k]->data[i] / size);
        for (size_t i = 0; i < out->count; i++)
            grad_in[k]->data[i] +=
                (float)(weight[k] * (g[i] - along * (in[k]->data[i] / size)) / size);
    }
    return 0;
}

const latent_op latent_operation_blend = {
    .name = "blend",
    .n_computed = -1,
    .shape = blend_shape,
    .forward = blend_forward,
    .backward = blend_backward,
};

latent_node *latent_op_blend(latent_node *const *x, const float *weight, int n, latent_error *e)
{
    if (n < 1 || n > MAX_BLEND) {
        latent_fail(e, "%d embeddings at once; 1 to %d are possible", n, MAX_BLEND);
        return NULL;
    }
    return latent_node_make(&latent_operation_blend, x, n, weight, (size_t)n * sizeof(*weight),
                            "blend", e);
}

/* ---- an embedding taken as given */

static int given_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[0]->shape;
    return 0;
}

static int given_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    (void)n;
    (void)e;
    memcpy(out->data, in[0]->data, out->count * sizeof(float));
    return 0;
}

const latent_op latent_operation_stop_gradient = {
    .name = "given",
    .n_computed = -1,
    .shape = given_shape,
    .forward = given_forward,
    .stop_gradient = 1,
};

latent_node *latent_op_stop_gradient(latent_node *x, latent_error *e)
{
    return latent_node_make(&latent_operation_stop_gradient, &x, 1, NULL, 0, "given", e);
}
