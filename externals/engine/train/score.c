/* score: see score.h */
#include "score.h"
#include "../graph/evaluate.h"
#include "../latents/symmetric.h"
#include "../ops/ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOGETHER 16 /* pictures that are looked at at once */

struct latent_feature_statistics {
    int d;
    int64_t n;
    double *origin;  /* [d]: the first vector; sums are taken from it, so that little cancels */
    double *sum;     /* [d] */
    double *product; /* [d][d], of which rows go up to the diagonal */
    double *step;    /* [d] */
};

latent_feature_statistics *latent_feature_statistics_new(int d, latent_error *e)
{
    latent_feature_statistics *c = calloc(1, sizeof(*c));
    size_t n = d > 0 ? (size_t)d : 1;
    if (c) {
        c->d = d;
        c->origin = calloc(n * (n + 3), sizeof(double));
        c->sum = c->origin + n;
        c->step = c->sum + n;
        c->product = c->step + n;
    }
    if (c && c->origin)
        return c;
    free(c);
    latent_fail(e, "no memory for the moments of %d features", d);
    return NULL;
}

void latent_feature_statistics_free(latent_feature_statistics *c)
{
    if (c)
        free(c->origin);
    free(c);
}

void latent_feature_statistics_clear(latent_feature_statistics *c)
{
    c->n = 0;
    memset(c->origin, 0, (size_t)c->d * ((size_t)c->d + 3) * sizeof(double));
}

int64_t latent_feature_statistics_count(const latent_feature_statistics *c)
{
    return c->n;
}

void latent_feature_statistics_add(latent_feature_statistics *c, const float *x, int n)
{
    size_t d = (size_t)c->d;
    for (int v = 0; v < n; v++, x += d) {
        for (size_t i = 0; i < d && !c->n; i++)
            c->origin[i] = x[i];
        c->n++;
        for (size_t i = 0; i < d; i++) {
            double *row = c->product + i * d, step = x[i] - c->origin[i];
            c->step[i] = step;
            c->sum[i] += step;
            for (size_t j = 0; j <= i; j++)
                row[j] += step * c->step[j];
        }
    }
}

/* ---- what a clip-tiny sees */

static latent_node *look(latent_model *clip, const float *pictures, int n, int size,
                         latent_error *e)
{
    latent_tensor *t = latent_tensor_new((latent_shape){n, size, size, 3}, e);
    latent_node *shown = NULL, *seen = NULL;
    if (!t)
        return NULL;
    memcpy(t->data, pictures, t->count * sizeof(float));
    if ((shown = latent_op_picture(t, e)))
        seen = latent_model_pooled(clip, shown, e);
    latent_node_release(shown);
    latent_tensor_release(t);
    return seen;
}

int latent_feature_statistics_features(latent_model *clip, latent_error *e)
{
    size_t size = (size_t)clip->encoder.resolution;
    float *nothing = calloc(size * size * 3, sizeof(float));
    latent_node *n;
    int d;
    if (!nothing)
        return latent_fail(e, "no memory for a picture");
    n = look(clip, nothing, 1, clip->encoder.resolution, e);
    d = n ? n->shape.c : -1;
    latent_node_release(n);
    free(nothing);
    return d;
}

int latent_feature_statistics_add_pictures(latent_feature_statistics *c, latent_model *clip,
                                           const float *pictures, int n, int size, latent_error *e)
{
    int most = size == clip->encoder.resolution ? TOGETHER : 1;
    for (int i = 0; i < n; i += most) {
        int count = n - i < most ? n - i : most;
        latent_tensor *t = NULL;
        latent_node *seen =
            look(clip, pictures + (size_t)i * (size_t)size * (size_t)size * 3, count, size, e);
        int failed = !seen || latent_evaluate(seen, NULL, &t, e);
        latent_node_release(seen);
        if (failed)
            return -1;
        if (t->shape.c == c->d)
            latent_feature_statistics_add(c, t->data, count);
        else
            failed = latent_fail(e, "%d features were expected, %s has %d", c->d, clip->label,
                                 t->shape.c);
        latent_tensor_release(t);
        if (failed)
            return -1;
    }
    return 0;
}

/* ---- the distance */

static double covariance(const latent_feature_statistics *c, size_t i, size_t j)
{
    size_t d = (size_t)c->d;
    double product = i > j ? c->product[i * d + j] : c->product[j * d + i];
    return (product - c->sum[i] * c->sum[j] / (double)c->n) / (double)(c->n - 1);
}

double latent_feature_statistics_variance(const latent_feature_statistics *c)
{
    double sum = 0;
    for (size_t i = 0; i < (size_t)c->d && c->n > 1; i++)
        sum += covariance(c, i, i);
    return sum;
}

static double root(double x)
{
    return x > 0 ? sqrt(x) : 0; /* what is below 0 is a rounding error */
}

/* c = a b, all symmetric or not, [d][d]. */
static void multiply(size_t d, const double *a, const double *b, double *c)
{
    memset(c, 0, d * d * sizeof(double));
    for (size_t i = 0; i < d; i++)
        for (size_t k = 0; k < d; k++)
            for (size_t j = 0; j < d; j++)
                c[i * d + j] += a[i * d + k] * b[k * d + j];
}

/* trace (C1 C2)^(1/2): the roots of the eigenvalues of R C2 R, where R R = C1. */
static int trace_of_root(const latent_feature_statistics *a, const latent_feature_statistics *b,
                         double *memory, double *sum, latent_error *e)
{
    size_t d = (size_t)a->d, all = d * d;
    double *m = memory, *vectors = m + all, *r = vectors + all, *values = r + all;
    for (size_t i = 0; i < all; i++)
        m[i] = covariance(a, i / d, i % d);
    if (latent_symmetric_eigen(m, a->d, values, vectors, NULL, e))
        return -1;
    memset(r, 0, all * sizeof(double));
    for (size_t k = 0; k < d; k++)
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < d; j++)
                r[i * d + j] += root(values[k]) * vectors[k * d + i] * vectors[k * d + j];
    for (size_t i = 0; i < all; i++)
        m[i] = covariance(b, i / d, i % d);
    multiply(d, r, m, vectors);
    multiply(d, vectors, r, m);
    if (latent_symmetric_eigen(m, a->d, values, vectors, NULL, e))
        return -1;
    *sum = 0;
    for (size_t i = 0; i < d; i++)
        *sum += root(values[i]);
    return 0;
}

int latent_frechet(const latent_feature_statistics *a, const latent_feature_statistics *b,
                   double *distance, latent_error *e)
{
    size_t d = (size_t)a->d;
    double between = 0, root_sum, *memory;
    int failed;
    if (a->d != b->d)
        return latent_fail(e, "features of %d and of %d numbers can't be compared", a->d, b->d);
    if (a->n < 2 || b->n < 2)
        return latent_fail(e, "a score needs two pictures of each kind at least");
    for (size_t i = 0; i < d; i++) {
        double step =
            a->origin[i] + a->sum[i] / (double)a->n - b->origin[i] - b->sum[i] / (double)b->n;
        between += step * step;
    }
    *distance =
        between + latent_feature_statistics_variance(a) + latent_feature_statistics_variance(b);
    if (!isfinite(*distance))
        return latent_fail(e, "the features contain NaN or infinity");
    if (!(memory = malloc((3 * d * d + d) * sizeof(double))))
        return latent_fail(e, "no memory for a score");
    failed = trace_of_root(a, b, memory, &root_sum, e);
    free(memory);
    if (failed)
        return -1;
    *distance -= 2 * root_sum;
    if (*distance < 0)
        *distance = 0;
    return 0;
}

int latent_score(const latent_feature_statistics *real, const latent_feature_statistics *made,
                 double *percent, latent_error *e)
{
    double distance, variance = latent_feature_statistics_variance(real);
    if (latent_frechet(real, made, &distance, e))
        return -1;
    if (!(variance > 0))
        return latent_fail(e, "the real pictures are all alike");
    *percent = 100 * distance / variance;
    return 0;
}
