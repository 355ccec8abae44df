/* norms: group norm, lengths, softmax, and pictures as noise. */
#include "../base/parallel.h"
#include "layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- group norm: one group of one picture is one thread's piece */

typedef struct {
    int groups;
    float epsilon;
} group_params;

static int group_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const group_params *p = n->params;
    *s = n->in[0]->shape;
    if (p->groups < 1 || s->c % p->groups)
        return latent_fail(e, "%d channels can't be put into %d groups", s->c, p->groups);
    if (n->in[1]->shape.c != s->c || n->in[2]->shape.c != s->c)
        return latent_fail(e, "a norm of %d numbers for %d channels", n->in[1]->shape.c, s->c);
    return 0;
}

typedef struct {
    const group_params *p;
    size_t pixels, c, wide; /* wide: channels of a group */
    const float *x, *gain, *bias, *g;
    float *y;     /* the value, or the gradient with respect to x (or NULL) */
    double *sums; /* [pictures][2c]: of g, and of g times the normal x */
} group_job;

static void group_item(void *context, int item, int slot)
{
    const group_job *j = context;
    size_t picture = (size_t)(item / j->p->groups), group = (size_t)(item % j->p->groups);
    size_t at = picture * j->pixels * j->c + group * j->wide;
    const float *x = j->x + at, *gain = j->gain + group * j->wide;
    double sum = 0, squares = 0, count = (double)j->pixels * (double)j->wide, mean, scale;
    double along = 0, steps = 0;
    (void)slot;
    for (size_t i = 0; i < j->pixels; i++)
        for (size_t k = 0; k < j->wide; k++)
            sum += (double)x[i * j->c + k];
    mean = sum / count;
    for (size_t i = 0; i < j->pixels; i++)
        for (size_t k = 0; k < j->wide; k++) {
            double d = (double)x[i * j->c + k] - mean;
            squares += d * d;
        }
    scale = 1 / sqrt(squares / count + (double)j->p->epsilon);
    if (!j->g) {
        for (size_t i = 0; i < j->pixels; i++)
            for (size_t k = 0; k < j->wide; k++)
                j->y[at + i * j->c + k] =
                    (float)(((double)x[i * j->c + k] - mean) * scale) * gain[k] +
                    j->bias[group * j->wide + k];
        return;
    }
    for (size_t i = 0; i < j->pixels; i++)
        for (size_t k = 0; k < j->wide; k++) {
            double normal = ((double)x[i * j->c + k] - mean) * scale;
            double g = (double)j->g[at + i * j->c + k];
            double *to = j->sums + picture * 2 * j->c + group * j->wide + k;
            to[0] += g;
            to[j->c] += g * normal;
            steps += g * (double)gain[k];
            along += g * (double)gain[k] * normal;
        }
    for (size_t i = 0; j->y && i < j->pixels; i++)
        for (size_t k = 0; k < j->wide; k++) {
            double normal = ((double)x[i * j->c + k] - mean) * scale;
            double g = (double)j->g[at + i * j->c + k] * (double)gain[k];
            j->y[at + i * j->c + k] +=
                (float)(scale * (g - steps / count - normal * along / count));
        }
}

static group_job group_of(const latent_node *n, latent_tensor *const *in)
{
    const group_params *p = n->params;
    latent_shape s = in[0]->shape;
    return (group_job){.p = p,
                       .pixels = (size_t)s.h * (size_t)s.w,
                       .c = (size_t)s.c,
                       .wide = (size_t)(s.c / p->groups),
                       .x = in[0]->data,
                       .gain = in[1]->data,
                       .bias = in[2]->data};
}

static int group_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    group_job j = group_of(n, in);
    (void)e;
    j.y = out->data;
    latent_parallel(out->shape.n * j.p->groups, group_item, &j);
    return 0;
}

static int group_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    group_job j = group_of(n, in);
    size_t pictures = (size_t)out->shape.n;
    if (!(j.sums = calloc(pictures * 2 * j.c, sizeof(*j.sums))))
        return latent_fail(e, "no memory for the gradient of a norm");
    j.g = grad_out->data;
    j.y = grad_in[0] ? grad_in[0]->data : NULL;
    latent_parallel(out->shape.n * j.p->groups, group_item, &j);
    for (size_t i = 0; i < pictures; i++)
        for (size_t k = 0; k < j.c; k++) {
            if (grad_in[1])
                grad_in[1]->data[k] += (float)j.sums[i * 2 * j.c + j.c + k];
            if (grad_in[2])
                grad_in[2]->data[k] += (float)j.sums[i * 2 * j.c + k];
        }
    free(j.sums);
    return 0;
}

const latent_op latent_operation_group_norm = {
    .name = "group norm",
    .n_computed = -1,
    .shape = group_shape,
    .forward = group_forward,
    .backward = group_backward,
};

latent_node *latent_op_group_norm(latent_node *x, latent_node *gain, latent_node *bias, int groups,
                                  float epsilon, const char *stage, latent_error *e)
{
    latent_node *in[3] = {x, gain, bias};
    group_params p = {groups, epsilon};
    return latent_node_make(&latent_operation_group_norm, in, 3, &p, sizeof(p), stage, e);
}

/* ---- rows of numbers, each by itself */

#define ROWS 64   /* that one thread takes at a time */
#define TINY 1e-8 /* added to a squared length */

typedef struct row_job {
    size_t rows, c;
    double length;
    const float *x, *g;
    float *y;
    void (*one)(const struct row_job *j, const float *x, const float *g, float *y);
} row_job;

static void some_rows(void *context, int piece, int slot)
{
    const row_job *j = context;
    size_t first = (size_t)piece * ROWS, last = first + ROWS;
    (void)slot;
    for (size_t r = first; r < last && r < j->rows; r++)
        j->one(j, j->x + r * j->c, j->g ? j->g + r * j->c : NULL, j->y + r * j->c);
}

static int run_rows(row_job j, size_t count)
{
    j.c = count / j.rows;
    latent_parallel((int)((j.rows + ROWS - 1) / ROWS), some_rows, &j);
    return 0;
}

typedef struct {
    int rows;
    float length;
} lengths_params;

static int lengths_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const lengths_params *p = n->params;
    *s = n->in[0]->shape;
    if (p->rows < 1 || latent_shape_count(*s) % (size_t)p->rows)
        return latent_fail(e, "%zu numbers can't be cut into %d rows", latent_shape_count(*s),
                           p->rows);
    return 0;
}

static double squares_of(const float *x, size_t n)
{
    double sum = TINY;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

static void length_row(const row_job *j, const float *x, const float *g, float *y)
{
    double scale = j->length / sqrt(squares_of(x, j->c));
    (void)g;
    for (size_t i = 0; i < j->c; i++)
        y[i] = (float)(scale * (double)x[i]);
}

static void length_row_back(const row_job *j, const float *x, const float *g, float *y)
{
    double squares = squares_of(x, j->c), scale = j->length / sqrt(squares), along = 0;
    for (size_t i = 0; i < j->c; i++)
        along += (double)g[i] * (double)x[i];
    for (size_t i = 0; i < j->c; i++)
        y[i] += (float)(scale * ((double)g[i] - along / squares * (double)x[i]));
}

static row_job lengths_of(const latent_node *n, latent_tensor *const *in)
{
    const lengths_params *p = n->params;
    return (row_job){.rows = (size_t)p->rows, .length = (double)p->length, .x = in[0]->data};
}

static int lengths_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                           latent_error *e)
{
    row_job j = lengths_of(n, in);
    (void)e;
    j.y = out->data;
    j.one = length_row;
    return run_rows(j, out->count);
}

static int lengths_backward(const latent_node *n, latent_tensor *const *in,
                            const latent_tensor *out, latent_tensor *grad_out,
                            latent_tensor *const *grad_in, latent_error *e)
{
    row_job j = lengths_of(n, in);
    (void)e;
    j.g = grad_out->data;
    j.y = grad_in[0]->data;
    j.one = length_row_back;
    return run_rows(j, out->count);
}

const latent_op latent_operation_lengths = {
    .name = "lengths",
    .n_computed = -1,
    .shape = lengths_shape,
    .forward = lengths_forward,
    .backward = lengths_backward,
};

latent_node *latent_op_lengths(latent_node *x, int rows, float length, const char *stage,
                               latent_error *e)
{
    lengths_params p = {rows, length};
    return latent_node_make(&latent_operation_lengths, &x, 1, &p, sizeof(p), stage, e);
}

/* ---- softmax */

static int softmax_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[0]->shape;
    return 0;
}

static void softmax_row(const row_job *j, const float *x, const float *g, float *y)
{
    float most = x[0];
    double sum = 0;
    (void)g;
    for (size_t i = 1; i < j->c; i++)
        most = x[i] > most ? x[i] : most;
    for (size_t i = 0; i < j->c; i++)
        sum += (double)(y[i] = expf(x[i] - most));
    for (size_t i = 0; i < j->c; i++)
        y[i] = (float)((double)y[i] / sum);
}

/* x is what it gave. */
static void softmax_row_back(const row_job *j, const float *x, const float *g, float *y)
{
    double along = 0;
    for (size_t i = 0; i < j->c; i++)
        along += (double)x[i] * (double)g[i];
    for (size_t i = 0; i < j->c; i++)
        y[i] += (float)((double)x[i] * ((double)g[i] - along));
}

static int softmax_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                           latent_error *e)
{
    (void)n;
    (void)e;
    return run_rows((row_job){.rows = out->count / (size_t)out->shape.c,
                              .x = in[0]->data,
                              .y = out->data,
                              .one = softmax_row},
                    out->count);
}

static int softmax_backward(const latent_node *n, latent_tensor *const *in,
                            const latent_tensor *out, latent_tensor *grad_out,
                            latent_tensor *const *grad_in, latent_error *e)
{
    (void)n;
    (void)in;
    (void)e;
    return run_rows((row_job){.rows = out->count / (size_t)out->shape.c,
                              .x = out->data,
                              .g = grad_out->data,
                              .y = grad_in[0]->data,
                              .one = softmax_row_back},
                    out->count);
}

const latent_op latent_operation_softmax = {
    .name = "softmax",
    .n_computed = -1,
    .shape = softmax_shape,
    .forward = softmax_forward,
    .backward = softmax_backward,
};

latent_node *latent_op_softmax(latent_node *x, const char *stage, latent_error *e)
{
    return latent_node_make(&latent_operation_softmax, &x, 1, NULL, 0, stage, e);
}

/* ---- a picture as noise: its grey, with mean 0 and deviation 1 as noise has it */

static int as_noise_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[0]->shape;
    s->c = 1;
    return 0;
}

#define FAINT 1e-6 /* a variance beside which a picture of one colour is no noise at all */

/* The mean and one over the deviation of one picture's grey. */
static double grey_scale(const float *x, size_t pixels, size_t c, double *mean)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < pixels; i++) {
        double grey = 0;
        for (size_t k = 0; k < c; k++)
            grey += (double)x[i * c + k] / (double)c;
        sum += grey;
        squares += grey * grey;
    }
    *mean = sum / (double)pixels;
    squares = squares / (double)pixels - *mean * *mean;
    return 1 / sqrt((squares > 0 ? squares : 0) + FAINT);
}

static int as_noise_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    size_t c = (size_t)in[0]->shape.c, pixels = out->count / (size_t)out->shape.n;
    (void)n;
    (void)e;
    for (size_t b = 0; b < (size_t)out->shape.n; b++) {
        const float *x = in[0]->data + b * pixels * c;
        double mean, scale = grey_scale(x, pixels, c, &mean);
        for (size_t i = 0; i < pixels; i++) {
            double grey = 0;
            for (size_t k = 0; k < c; k++)
                grey += (double)x[i * c + k] / (double)c;
            out->data[b * pixels + i] = (float)((grey - mean) * scale);
        }
    }
    return 0;
}

static int as_noise_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    size_t c = (size_t)in[0]->shape.c, pixels = out->count / (size_t)out->shape.n;
    (void)n;
    (void)e;
    for (size_t b = 0; b < (size_t)out->shape.n; b++) {
        const float *y = out->data + b * pixels, *g = grad_out->data + b * pixels;
        float *to = grad_in[0]->data + b * pixels * c;
        double mean, scale = grey_scale(in[0]->data + b * pixels * c, pixels, c, &mean);
        double along = 0, sum = 0;
        for (size_t i = 0; i < pixels; i++) {
            sum += (double)g[i] / (double)pixels;
            along += (double)g[i] * (double)y[i] / (double)pixels;
        }
        for (size_t i = 0; i < pixels; i++) {
            double d = scale * ((double)g[i] - sum - (double)y[i] * along) / (double)c;
            for (size_t k = 0; k < c; k++)
                to[i * c + k] += (float)d;
        }
    }
    return 0;
}

const latent_op latent_operation_as_noise = {
    .name = "as noise",
    .n_computed = -1,
    .shape = as_noise_shape,
    .forward = as_noise_forward,
    .backward = as_noise_backward,
};

latent_node *latent_op_as_noise(latent_node *x, const char *stage, latent_error *e)
{
    return latent_node_make(&latent_operation_as_noise, &x, 1, NULL, 0, stage, e);
}
