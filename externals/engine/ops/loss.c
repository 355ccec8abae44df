/* loss: how far a picture is from another, as one number that can be differentiated. */
#include "ops.h"
#include <math.h>
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
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
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

const latent_op latent_operation_sse = {
    .name = "sse",
    .n_computed = -1,
    .shape = sse_shape,
    .forward = sse_forward,
    .backward = sse_backward,
};

latent_node *latent_op_sse(latent_node *a, latent_node *b, latent_error *e)
{
    latent_node *in[2] = {a, b};
    return latent_node_make(&latent_operation_sse, in, 2, NULL, 0, "loss", e);
}

/* ---- the sum of products */

static int dot_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    double sum = 0;
    (void)n;
    (void)e;
    for (size_t i = 0; i < in[0]->count; i++)
        sum += (double)in[0]->data[i] * (double)in[1]->data[i];
    out->data[0] = (float)sum;
    return 0;
}

static int dot_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    float g = grad_out->data[0];
    (void)n;
    (void)out;
    (void)e;
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; grad_in[side] && i < in[0]->count; i++)
            grad_in[side]->data[i] += g * in[1 - side]->data[i];
    return 0;
}

const latent_op latent_operation_dot = {
    .name = "dot",
    .n_computed = -1,
    .shape = sse_shape,
    .forward = dot_forward,
    .backward = dot_backward,
};

latent_node *latent_op_dot(latent_node *a, latent_node *b, latent_error *e)
{
    latent_node *in[2] = {a, b};
    return latent_node_make(&latent_operation_dot, in, 2, NULL, 0, "loss", e);
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
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    halve_job j = {grad_out->data, grad_in[0] ? grad_in[0]->data : NULL};
    (void)n;
    (void)e;
    if (j.to)
        for_each_quarter(in[0]->shape, out->shape, halve_spread, &j);
    return 0;
}

const latent_op latent_operation_halve = {
    .name = "halve",
    .n_computed = -1,
    .shape = halve_shape,
    .forward = halve_forward,
    .backward = halve_backward,
};

latent_node *latent_op_halve(latent_node *x, latent_error *e)
{
    return latent_node_make(&latent_operation_halve, &x, 1, NULL, 0, "loss", e);
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
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
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

const latent_op latent_operation_sum = {
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
    return latent_node_make(&latent_operation_sum, x, n, weight, (size_t)n * sizeof(*weight),
                            "loss", e);
}

/* ---- any picture as one of a given size */

typedef struct {
    int h, w, c;
} fit_params;

static int fit_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const fit_params *p = n->params;
    if (n->in[0]->shape.n != 1)
        return latent_fail(e, "one picture at a time, not %d", n->in[0]->shape.n);
    *s = (latent_shape){1, p->h, p->w, p->c};
    return 0;
}

/* What one output place sees of a line: inputs first to first + n - 1 with these weights, sum 1. */
typedef struct {
    int first, n;
    float *weight;
} fit_tap;

/* The line's middle part of length from + size, seen by to places. */
static void make_taps(fit_tap *taps, float *weights, int room, int from, double start, double size,
                      int to)
{
    double step = size / to, radius = step > 1 ? step : 1;
    for (int i = 0; i < to; i++) {
        double centre = start + (i + 0.5) * step - 0.5, sum = 0;
        int first = (int)ceil(centre - radius), last = (int)floor(centre + radius);
        fit_tap *t = &taps[i];
        t->first = first < 0 ? 0 : first > from - 1 ? from - 1 : first;
        last = last > from - 1 ? from - 1 : last < t->first ? t->first : last;
        t->n = last - t->first + 1 < room ? last - t->first + 1 : room;
        t->weight = weights + (size_t)i * (size_t)room;
        for (int k = 0; k < t->n; k++) {
            double far = fabs(t->first + k - centre) / radius;
            t->weight[k] = (float)(far < 1 ? 1 - far : 0);
            sum += t->weight[k];
        }
        for (int k = 0; k < t->n; k++)
            t->weight[k] = sum > 0 ? (float)(t->weight[k] / sum) : 1.0f / (float)t->n;
    }
}

/* A number of channel k of a picture with another number of channels: grey is the mean of red,
   green and blue, an alpha channel is left out or full. */
static float channel(const float *pixel, int have, int want, int k)
{
    int colours = have == 4 ? 3 : have;
    if (k == 3)
        return have == 4 ? pixel[3] : 1;
    if (have == want || (have > 2 && want > 2))
        return pixel[k];
    if (want == 1) {
        float sum = 0;
        for (int i = 0; i < colours; i++)
            sum += pixel[i];
        return sum / (float)colours;
    }
    return pixel[k < colours ? k : colours - 1];
}

static int fit_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    const fit_params *p = n->params;
    latent_shape x = in[0]->shape;
    double ratio = fmin((double)x.h / p->h, (double)x.w / p->w); /* input pixels an output pixel */
    int room = 2 * (int)ceil(ratio > 1 ? ratio : 1) + 2;
    fit_tap *down = calloc((size_t)p->h + (size_t)p->w, sizeof(*down)), *across = down + p->h;
    float *weights = calloc(((size_t)p->h + (size_t)p->w) * (size_t)room, sizeof(*weights));
    if (!down || !weights) {
        free(down);
        free(weights);
        return latent_fail(e, "no memory to fit a picture of %d x %d", x.w, x.h);
    }
    make_taps(down, weights, room, x.h, (x.h - ratio * p->h) / 2, ratio * p->h, p->h);
    make_taps(across, weights + (size_t)p->h * (size_t)room, room, x.w, (x.w - ratio * p->w) / 2,
              ratio * p->w, p->w);
    for (int i = 0; i < p->h; i++)
        for (int j = 0; j < p->w; j++) {
            float *y = out->data + ((size_t)i * (size_t)p->w + (size_t)j) * (size_t)p->c;
            for (int k = 0; k < p->c; k++)
                y[k] = 0;
            for (int a = 0; a < down[i].n; a++)
                for (int b = 0; b < across[j].n; b++) {
                    size_t at =
                        (size_t)(down[i].first + a) * (size_t)x.w + (size_t)(across[j].first + b);
                    float weight = down[i].weight[a] * across[j].weight[b];
                    for (int k = 0; k < p->c; k++)
                        y[k] += weight * channel(in[0]->data + at * (size_t)x.c, x.c, p->c, k);
                }
        }
    free(down);
    free(weights);
    return 0;
}

const latent_op latent_operation_resized = {
    .name = "fit",
    .n_computed = -1,
    .shape = fit_shape,
    .forward = fit_forward,
    .stop_gradient = 1,
};

latent_node *latent_op_resize_like(latent_node *x, int h, int w, int c, latent_error *e)
{
    fit_params p = {h, w, c};
    return latent_node_make(&latent_operation_resized, &x, 1, &p, sizeof(p), "loss", e);
}

#define MAX_LEVELS 12
#define SMALLEST 4

latent_node *latent_op_target(latent_node *x, latent_node *target, latent_target_loss kind,
                              latent_error *e)
{
    latent_node *level[MAX_LEVELS], *sum = NULL;
    latent_node *a = latent_node_retain(x);
    latent_node *b = latent_op_resize_like(target, x->shape.h, x->shape.w, x->shape.c, e);
    float weight[MAX_LEVELS];
    int n = 0;
    while (a && b && n < MAX_LEVELS) {
        latent_node *smaller_a, *smaller_b;
        latent_shape s = a->shape;
        if (!(level[n] = latent_op_sse(a, b, e)))
            break;
        weight[n++] = kind == LATENT_LOSS_SSE ? 1 : 2 / (float)latent_shape_count(s);
        if (kind == LATENT_LOSS_SSE || s.h < 2 * SMALLEST || s.w < 2 * SMALLEST) {
            sum = latent_op_sum(level, weight, n, e);
            break;
        }
        smaller_a = latent_op_halve(a, e);
        smaller_b = latent_op_halve(b, e);
        latent_node_release(a);
        latent_node_release(b);
        a = smaller_a;
        b = smaller_b;
    }
    latent_node_release(a);
    latent_node_release(b);
    while (n-- > 0)
        latent_node_release(level[n]);
    return sum;
}
