/* feature_images: what features look like, for [latent.tap]: channels and principal components as
   pictures, and their statistics as numbers.  Channels are shown as (x - mean) / (2.5 deviations),
   so that a picture's grey is the channel's mean and nearly all of it fits between black and white.
   */
#include "../base/parallel.h"
#include "ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEVIATIONS 2.5f
#define PCA_PIXELS 4096 /* as many are enough to find the components by */
#define PCA_ROUNDS 24

static int needs_one_picture(const latent_node *n, latent_error *e)
{
    if (n->in[0]->shape.n != 1)
        return latent_fail(e, "one picture at a time, not %d", n->in[0]->shape.n);
    return 0;
}

static void mean_and_deviation(const float *x, size_t pixels, int stride, double *mean,
                               double *deviation)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < pixels; i++)
        sum += x[i * (size_t)stride];
    *mean = sum / (double)pixels;
    for (size_t i = 0; i < pixels; i++) {
        double d = x[i * (size_t)stride] - *mean;
        squares += d * d;
    }
    *deviation = sqrt(squares / (double)pixels);
}

/* y[i * y_stride] = the channel at x, normalised for the eye; all grey when it is flat. */
static void show(const float *x, size_t pixels, int stride, float *y, int y_stride)
{
    double mean, deviation;
    mean_and_deviation(x, pixels, stride, &mean, &deviation);
    float offset = (float)mean;
    float scale = deviation > 1e-12 ? 1.0f / (DEVIATIONS * (float)deviation) : 0.0f;
    for (size_t i = 0; i < pixels; i++)
        y[i * (size_t)y_stride] = (x[i * (size_t)stride] - offset) * scale;
}

/* ---- channels */

typedef struct {
    int n, channel[3];
} channels_params;

static int channels_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const channels_params *p = n->params;
    latent_shape x = n->in[0]->shape;
    if (needs_one_picture(n, e))
        return -1;
    for (int i = 0; i < p->n; i++)
        if (p->channel[i] < 0 || p->channel[i] >= x.c)
            return latent_fail(e, "channel %d: these features have the channels 0 to %d",
                               p->channel[i], x.c - 1);
    *s = (latent_shape){1, x.h, x.w, p->n};
    return 0;
}

static int channels_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    const channels_params *p = n->params;
    latent_shape x = in[0]->shape;
    (void)e;
    for (int i = 0; i < p->n; i++)
        show(in[0]->data + p->channel[i], (size_t)x.h * (size_t)x.w, x.c, out->data + i, p->n);
    return 0;
}

const latent_op latent_operation_channels = {
    .name = "channels",
    .n_computed = -1,
    .shape = channels_shape,
    .forward = channels_forward,
};

latent_node *latent_op_channels(latent_node *x, const int *channels, int n, latent_error *e)
{
    channels_params p;
    memset(&p, 0, sizeof(p));
    if (n != 1 && n != 3) {
        latent_fail(e, "%d channels came; a picture shows one (grey) or three (colours)", n);
        return NULL;
    }
    p.n = n;
    memcpy(p.channel, channels, (size_t)n * sizeof(int));
    return latent_node_make(&latent_operation_channels, &x, 1, &p, sizeof(p), "look", e);
}

/* ---- grid */

static int grid_side(const latent_node *n)
{
    return *(const int *)n->params;
}

static int grid_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    int side = grid_side(n);
    latent_shape x = n->in[0]->shape;
    if (needs_one_picture(n, e))
        return -1;
    if (side < 1 || side > 64)
        return latent_fail(e, "a grid of %d x %d channels; 1 to 64 are possible", side, side);
    *s = (latent_shape){1, side * x.h, side * x.w, 1};
    return 0;
}

typedef struct {
    const latent_tensor *x;
    latent_tensor *out;
    int side;
} grid_job;

static void grid_tile(void *context, int i, int slot)
{
    const grid_job *j = context;
    latent_shape x = j->x->shape;
    size_t line = (size_t)j->side * (size_t)x.w;
    float *corner = j->out->data + (size_t)(i / j->side) * (size_t)x.h * line +
                    (size_t)(i % j->side) * (size_t)x.w;
    double mean = 0, deviation = 0;
    (void)slot;
    if (i < x.c)
        mean_and_deviation(j->x->data + i, (size_t)x.h * (size_t)x.w, x.c, &mean, &deviation);
    for (int r = 0; r < x.h; r++)
        for (int c = 0; c < x.w; c++) {
            float v =
                i < x.c
                    ? j->x->data[((size_t)r * (size_t)x.w + (size_t)c) * (size_t)x.c + (size_t)i]
                    : 0;
            corner[(size_t)r * line + (size_t)c] =
                i >= x.c            ? -1
                : deviation > 1e-12 ? (v - (float)mean) / (DEVIATIONS * (float)deviation)
                                    : 0;
        }
}

static int grid_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    grid_job j = {in[0], out, grid_side(n)};
    (void)e;
    latent_parallel(j.side * j.side, grid_tile, &j);
    return 0;
}

const latent_op latent_operation_grid = {
    .name = "grid",
    .n_computed = -1,
    .shape = grid_shape,
    .forward = grid_forward,
};

latent_node *latent_op_grid(latent_node *x, int n, latent_error *e)
{
    return latent_node_make(&latent_operation_grid, &x, 1, &n, sizeof(n), "look", e);
}

/* ---- principal components, by orthogonal iteration on the covariance of the pixels */

static int pca_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    if (needs_one_picture(n, e))
        return -1;
    *s = (latent_shape){1, x.h, x.w, 3};
    return 0;
}

typedef struct {
    const float *x; /* [pixels][c] */
    size_t pixels, step;
    int c;
    const double *mean; /* [c] */
    double *covariance; /* [c][c], only the lower half is filled in by a row */
} pca_job;

static void covariance_row(void *context, int i, int slot)
{
    const pca_job *j = context;
    double *row = j->covariance + (size_t)i * (size_t)j->c;
    (void)slot;
    for (int k = 0; k <= i; k++)
        row[k] = 0;
    for (size_t p = 0; p < j->pixels; p += j->step) {
        const float *v = j->x + p * (size_t)j->c;
        double d = v[i] - j->mean[i];
        for (int k = 0; k <= i; k++)
            row[k] += d * (v[k] - j->mean[k]);
    }
}

/* Makes the rows of v orthonormal (Gram-Schmidt); a row that vanishes becomes zero. */
static void orthonormalise(double *v, int rows, int c)
{
    for (int a = 0; a < rows; a++) {
        double *row = v + (size_t)a * (size_t)c, norm = 0;
        for (int b = 0; b < a; b++) {
            double *other = v + (size_t)b * (size_t)c, dot = 0;
            for (int k = 0; k < c; k++)
                dot += row[k] * other[k];
            for (int k = 0; k < c; k++)
                row[k] -= dot * other[k];
        }
        for (int k = 0; k < c; k++)
            norm += row[k] * row[k];
        norm = norm > 1e-30 ? 1 / sqrt(norm) : 0;
        for (int k = 0; k < c; k++)
            row[k] *= norm;
    }
}

static void components(const double *covariance, int c, double *v, double *scratch)
{
    for (int a = 0; a < 3; a++) /* a start that is the same every time */
        for (int k = 0; k < c; k++)
            v[a * c + k] = cos(0.7 * (a + 1) * (k + 1));
    orthonormalise(v, 3, c);
    for (int round = 0; round < PCA_ROUNDS; round++) {
        for (int a = 0; a < 3; a++)
            for (int i = 0; i < c; i++) {
                double sum = 0;
                for (int k = 0; k < c; k++)
                    sum += covariance[(size_t)i * (size_t)c + (size_t)k] * v[a * c + k];
                scratch[a * c + i] = sum;
            }
        memcpy(v, scratch, 3 * (size_t)c * sizeof(*v));
        orthonormalise(v, 3, c);
    }
    for (int a = 0; a < 3;
         a++) { /* a direction has no sign of its own: its largest part is positive */
        int largest = 0;
        for (int k = 1; k < c; k++)
            if (fabs(v[a * c + k]) > fabs(v[a * c + largest]))
                largest = k;
        if (v[a * c + largest] < 0)
            for (int k = 0; k < c; k++)
                v[a * c + k] = -v[a * c + k];
    }
}

static int pca_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    int c = in[0]->shape.c;
    size_t pixels = (size_t)in[0]->shape.h * (size_t)in[0]->shape.w, size = (size_t)c;
    double *memory = calloc(size * size + 7 * size, sizeof(double));
    double *covariance = memory, *mean, *v, *scratch;
    pca_job j;
    float *y = NULL;
    (void)n;
    if (!memory)
        return latent_fail(e, "no memory for the components of %d channels", c);
    mean = covariance + size * size;
    v = mean + size;
    scratch = v + 3 * size;
    for (size_t p = 0; p < pixels; p++)
        for (int k = 0; k < c; k++)
            mean[k] += in[0]->data[p * size + (size_t)k];
    for (int k = 0; k < c; k++)
        mean[k] /= (double)pixels;
    j = (pca_job){in[0]->data, pixels, (pixels + PCA_PIXELS - 1) / PCA_PIXELS, c, mean, covariance};
    latent_parallel(c, covariance_row, &j);
    for (size_t i = 0; i < size; i++)
        for (size_t k = i + 1; k < size; k++)
            covariance[i * size + k] = covariance[k * size + i];
    components(covariance, c, v, scratch);
    for (size_t p = 0; p < pixels; p++)
        for (int a = 0; a < 3; a++) {
            double sum = 0;
            for (int k = 0; k < c; k++)
                sum += v[a * c + k] * (in[0]->data[p * size + (size_t)k] - mean[k]);
            out->data[3 * p + (size_t)a] = (float)sum;
        }
    y = out->data;
    for (int a = 0; a < 3; a++)
        show(y + a, pixels, 3, y + a, 3);
    free(memory);
    return 0;
}

const latent_op latent_operation_pca = {
    .name = "pca",
    .n_computed = -1,
    .shape = pca_shape,
    .forward = pca_forward,
};

latent_node *latent_op_pca(latent_node *x, latent_error *e)
{
    return latent_node_make(&latent_operation_pca, &x, 1, NULL, 0, "look", e);
}

/* ---- statistics */

static int statistics_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    if (needs_one_picture(n, e))
        return -1;
    *s = (latent_shape){1, 1, 1, 2 * n->in[0]->shape.c};
    return 0;
}

static void statistics_channel(void *context, int i, int slot)
{
    const grid_job *j = context;
    latent_shape x = j->x->shape;
    double mean, deviation;
    (void)slot;
    mean_and_deviation(j->x->data + i, (size_t)x.h * (size_t)x.w, x.c, &mean, &deviation);
    j->out->data[i] = (float)mean;
    j->out->data[x.c + i] = (float)deviation;
}

static int statistics_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                              latent_error *e)
{
    grid_job j = {in[0], out, 0};
    (void)n;
    (void)e;
    latent_parallel(in[0]->shape.c, statistics_channel, &j);
    return 0;
}

const latent_op latent_operation_statistics = {
    .name = "statistics",
    .n_computed = -1,
    .shape = statistics_shape,
    .forward = statistics_forward,
};

latent_node *latent_op_statistics(latent_node *x, latent_error *e)
{
    return latent_node_make(&latent_operation_statistics, &x, 1, NULL, 0, "look", e);
}
