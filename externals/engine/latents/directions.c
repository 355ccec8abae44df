/* directions: see directions.h.  The files are read and written in directions_files.c, calibration
   is in calibrate.c. */
#include "directions.h"
#include "latents.h"
#include "symmetric.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_TOGETHER 64
#define SAMPLES_MOST 1000000
#define WIDEST 2048 /* w: its covariance has the square of that */

/* ---- statistics of styles */

static int wanted(latent_progress p, latent_error *e)
{
    return p.cancel && atomic_load(p.cancel) ? latent_fail(e, "cancelled") : 0;
}

static void tell(latent_progress p, int permille)
{
    if (p.permille)
        atomic_store(p.permille, permille);
}

/* Draws styles and adds up their numbers and products (the lower triangle). */
static int add_styles(const latent_model *m, uint32_t seed, int samples, const float *classes,
                      float steep, double *sum, double *products, float *z, float *w,
                      latent_progress p, latent_error *e)
{
    latent_random r;
    latent_random_seed(&r, seed);
    for (int from = 0; from < samples; from += SAMPLES_TOGETHER) {
        int here = samples - from < SAMPLES_TOGETHER ? samples - from : SAMPLES_TOGETHER;
        for (int k = 0; k < here; k++) {
            float *style = w + (size_t)k * (size_t)m->generator.w_dim;
            latent_draw(&r, m->generator.z_dim, 0, z);
            if (latent_model_map(m, z, classes, style, e))
                return -1;
            for (int i = 0; i < m->generator.w_dim; i++) {
                style[i] *= style[i] < 0 ? steep : 1;
                sum[i] += (double)style[i];
            }
        }
        latent_symmetric_add(products, m->generator.w_dim, w, here);
        if (wanted(p, e))
            return -1;
        tell(p, (int)(700L * (from + here) / samples));
    }
    return 0;
}

int latent_style_statistics(const latent_model *m, uint32_t seed, int samples, const float *classes,
                            float steep, double *mean, double *covariance, latent_progress p,
                            latent_error *e)
{
    size_t n = (size_t)m->generator.w_dim;
    float *z, *w;
    int failed;
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    if (samples < 2 || samples > SAMPLES_MOST)
        return latent_fail(e, "%d samples; from 2 to %d can be drawn", samples, SAMPLES_MOST);
    z = malloc((size_t)m->generator.z_dim * sizeof(*z));
    w = malloc(SAMPLES_TOGETHER * n * sizeof(*w));
    memset(mean, 0, n * sizeof(*mean));
    memset(covariance, 0, n * n * sizeof(*covariance));
    failed = z && w ? add_styles(m, seed, samples, classes, steep, mean, covariance, z, w, p, e)
                    : latent_fail(e, "no memory for styles");
    free(z);
    free(w);
    if (failed)
        return -1;
    for (size_t i = 0; i < n; i++)
        mean[i] /= samples;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            covariance[i * n + j] = covariance[j * n + i] =
                (covariance[i * n + j] - samples * mean[i] * mean[j]) / (samples - 1);
    return 0;
}

/* The standard deviation along v, which need not have length 1: that of v . w. */
static double deviation(const double *covariance, const double *v, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const double *row = covariance + (size_t)i * (size_t)n;
        double part = 0;
        for (int j = 0; j < n; j++)
            part += row[j] * v[j];
        sum += v[i] * part;
    }
    return sum > 0 ? sqrt(sum) : 0;
}

/* ---- sets */

const char *latent_method_name(latent_method m)
{
    static const char *const names[] = {"sefa", "ganspace", "random", "difference"};
    return names[m];
}

static void direction_release(latent_direction *d)
{
    if (d && atomic_fetch_sub(&d->refs, 1) == 1) {
        free(d->v);
        free(d);
    }
}

latent_direction *latent_direction_new(int rows, int dim, int first, int last)
{
    latent_direction *d = calloc(1, sizeof(*d));
    if (!d || !(d->v = calloc((size_t)rows * (size_t)dim, sizeof(*d->v)))) {
        free(d);
        return NULL;
    }
    atomic_init(&d->refs, 1);
    d->rows = rows;
    d->dim = dim;
    d->first = first;
    d->last = last;
    return d;
}

latent_directions *latent_directions_copy(const latent_directions *d)
{
    latent_directions *copy = malloc(sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = *d;
    for (int i = 0; i < d->count; i++)
        atomic_fetch_add(&d->at[i]->refs, 1);
    return copy;
}

void latent_directions_free(latent_directions *d)
{
    for (int i = 0; d && i < d->count; i++)
        direction_release(d->at[i]);
    free(d);
}

int latent_directions_append(latent_directions *d, const latent_directions *more, latent_error *e)
{
    if (d->count && (more->dim != d->dim || more->num_ws != d->num_ws))
        return latent_fail(e,
                           "directions of %d x %d numbers can't join others of %d x %d; clear "
                           "forgets those",
                           more->num_ws, more->dim, d->num_ws, d->dim);
    if (more->count > LATENT_DIRECTIONS_MOST - d->count)
        return latent_fail(e, "more than %d directions; clear forgets them",
                           LATENT_DIRECTIONS_MOST);
    d->dim = more->dim;
    d->num_ws = more->num_ws;
    for (int i = 0; i < more->count; i++) {
        atomic_fetch_add(&more->at[i]->refs, 1);
        d->gain[d->count] = more->gain[i];
        d->at[d->count++] = more->at[i];
    }
    return 0;
}

latent_directions *latent_directions_joined(const latent_directions *d,
                                            const latent_directions *more, latent_error *e)
{
    latent_directions *both = latent_directions_copy(d);
    if (!both)
        latent_fail(e, "no memory for directions");
    else if (latent_directions_append(both, more, e)) {
        latent_directions_free(both);
        both = NULL;
    }
    return both;
}

int latent_directions_length(const latent_directions *d, int i)
{
    return d->at[i]->first < 0 && d->at[i]->rows == 1 ? d->dim : d->dim * d->num_ws;
}

void latent_directions_get(const latent_directions *d, int i, float *out)
{
    const latent_direction *v = d->at[i];
    int rows = latent_directions_length(d, i) / d->dim;
    for (int r = 0; r < rows; r++) {
        const float *from = v->v + (v->rows > 1 ? (size_t)r * (size_t)d->dim : 0);
        int moves = v->first < 0 || (r >= v->first && r <= v->last);
        for (int k = 0; k < d->dim; k++)
            *out++ = moves ? d->gain[i] * from[k] : 0;
    }
}

/* ---- the methods; each fills v, [count][n] in double, with rows of length 1 */

/* Eigenvectors of a, the first count; a is destroyed. */
static int main_vectors(double *a, int n, int count, double *v, latent_progress p, latent_error *e)
{
    double *values = malloc((size_t)n * sizeof(*values));
    double *vectors = malloc((size_t)n * (size_t)n * sizeof(*vectors));
    int failed = values && vectors ? latent_symmetric_eigen(a, n, values, vectors, p.cancel, e)
                                   : latent_fail(e, "no memory for %d x %d numbers", n, n);
    if (!failed)
        memcpy(v, vectors, (size_t)count * (size_t)n * sizeof(*v));
    free(values);
    free(vectors);
    return failed;
}

static int add_affine(const latent_model *m, int row, double *gram, latent_error *e)
{
    latent_tensor *t;
    int found = 0;
    for (int i = 0; (t = m->arch->generator->affine(m, row, i)); i++) {
        int fits = t->shape.c == m->generator.w_dim;
        if (fits)
            latent_symmetric_add(gram, m->generator.w_dim, t->data,
                                 (int)(t->count / (size_t)m->generator.w_dim));
        latent_tensor_release(t);
        if (!fits)
            return latent_fail(e, "the affine weights of row %d do not fit w", row);
        found = 1;
    }
    return found;
}

static int find_sefa(const latent_model *m, const latent_directions_settings *s, int count,
                     double *v, latent_progress p, latent_error *e)
{
    int n = m->generator.w_dim, first = s->first < 0 ? 0 : s->first,
        last = s->first < 0 ? m->generator.num_ws - 1 : s->last, found = 0, failed;
    double *gram;
    if (!m->arch->generator->affine)
        return latent_fail(e, "sefa needs to know the weights of %s's styles; try ganspace",
                           m->label);
    if (!(gram = calloc((size_t)n * (size_t)n, sizeof(*gram))))
        return latent_fail(e, "no memory for %d x %d numbers", n, n);
    for (int row = first; row <= last && found >= 0; row++) {
        int here = add_affine(m, row, gram, e);
        found = here < 0 ? -1 : found + here;
    }
    if (found == 0)
        latent_fail(e, "the rows %d to %d of %s only draw; sefa takes others", first, last,
                    m->label);
    failed = found > 0 ? main_vectors(gram, n, count, v, p, e) : -1;
    free(gram);
    return failed;
}

static void subtract_projection(double *v, const double *from, int n)
{
    double product = 0;
    for (int i = 0; i < n; i++)
        product += v[i] * from[i];
    for (int i = 0; i < n; i++)
        v[i] -= product * from[i];
}

static double size_of(const double *v, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += v[i] * v[i];
    return sqrt(sum);
}

int latent_directions_random(uint32_t seed, int count, int n, double *v, const atomic_int *cancel,
                             latent_error *e)
{
    latent_random r;
    latent_progress p = {NULL, cancel};
    latent_random_seed(&r, seed);
    for (int i = 0; i < count; i++) {
        double *row = v + (size_t)i * (size_t)n, size;
        for (int k = 0; k < n; k++)
            row[k] = latent_random_gauss(&r);
        for (int twice = 0; twice < 2; twice++) /* the second time for what rounding left */
            for (int k = i / n * n; k < i; k++) /* beyond n it begins again */
                subtract_projection(row, v + (size_t)k * (size_t)n, n);
        size = size_of(row, n);
        for (int k = 0; k < n; k++)
            row[k] /= size;
        if (wanted(p, e))
            return -1;
    }
    return 0;
}

/* A set of v's rows, each as long as the deviation along it. */
static latent_directions *measure(const latent_model *m, const latent_directions_settings *s,
                                  int count, const double *v, const double *covariance,
                                  latent_error *e)
{
    latent_directions *d = calloc(1, sizeof(*d));
    if (!d) {
        latent_fail(e, "no memory for directions");
        return NULL;
    }
    d->dim = m->generator.w_dim;
    d->num_ws = m->generator.num_ws;
    snprintf(d->method, sizeof(d->method), "%s", latent_method_name(s->method));
    for (; d->count < count; d->count++) {
        const double *from = v + (size_t)d->count * (size_t)d->dim;
        double sigma = deviation(covariance, from, d->dim);
        latent_direction *to = latent_direction_new(1, d->dim, s->first, s->last);
        if (!to) {
            latent_directions_free(d);
            latent_fail(e, "no memory for directions");
            return NULL;
        }
        to->sigma = (float)sigma;
        for (int k = 0; k < d->dim; k++)
            to->v[k] = (float)(sigma * from[k]);
        d->gain[d->count] = 1;
        d->at[d->count] = to;
    }
    return d;
}

/* ---- differences */

/* How many deviations lie between a and b: the root mean square over the rows that differ. */
static double deviations_between(const double *difference, int rows, int n,
                                 const double *covariance)
{
    double sum = 0;
    int differ = 0;
    for (int r = 0; r < rows; r++) {
        const double *row = difference + (size_t)r * (size_t)n;
        double size = size_of(row, n), along;
        if (!(size > 0))
            continue;
        along = deviation(covariance, row, n) / size; /* of a step of length 1 that way */
        if (along > 0)
            sum += size / along * (size / along);
        differ++;
    }
    return differ ? sqrt(sum / differ) : 0;
}

static latent_directions *find_difference(const latent_model *m,
                                          const latent_directions_settings *s,
                                          const double *covariance, latent_error *e)
{
    int n = m->generator.w_dim, wide_a = s->n_a > n, wide_b = s->n_b > n,
        rows = wide_a || wide_b ? m->generator.num_ws : 1;
    double *difference = malloc((size_t)rows * (size_t)n * sizeof(*difference)), units, size = 0;
    latent_directions *d = difference ? measure(m, s, 0, NULL, covariance, e) : NULL;
    latent_direction *to = d ? latent_direction_new(rows, n, s->first, s->last) : NULL;
    if (!to) {
        latent_fail(e, "no memory for directions");
        latent_directions_free(d);
        free(difference);
        return NULL;
    }
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < n; k++) {
            size_t i = (size_t)r * (size_t)n + (size_t)k, one = (size_t)k;
            int moves = s->first < 0 || rows == 1 || (r >= s->first && r <= s->last);
            difference[i] =
                moves ? (double)s->b[wide_b ? i : one] - (double)s->a[wide_a ? i : one] : 0;
            size += difference[i] * difference[i];
        }
    units = deviations_between(difference, rows, n, covariance);
    if (units > 0) {
        for (size_t i = 0; i < (size_t)rows * (size_t)n; i++)
            to->v[i] = (float)(difference[i] / units);
        to->sigma = (float)(sqrt(size) / units);
    }
    free(difference);
    d->gain[0] = 1;
    d->at[d->count++] = to;
    if (units > 0)
        return d;
    latent_directions_free(d);
    latent_fail(e, "the two latents are the same; send another one to one of the inlets");
    return NULL;
}

/* ---- */

static int check_settings(const latent_model *m, const latent_directions_settings *s,
                          latent_error *e)
{
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    if (m->generator.w_dim > WIDEST)
        return latent_fail(e, "styles of %d numbers; directions are found in %d at most",
                           m->generator.w_dim, WIDEST);
    if (s->count < 1 || s->count > LATENT_DIRECTIONS_MOST)
        return latent_fail(e, "%d directions; from 1 to %d can be had", s->count,
                           LATENT_DIRECTIONS_MOST);
    if (s->first >= 0 && (s->last < s->first || s->last >= m->generator.num_ws))
        return latent_fail(e, "layers %d %d; %s has the rows 0 to %d", s->first, s->last, m->label,
                           m->generator.num_ws - 1);
    if (s->method != LATENT_DIFFERENCE)
        return 0;
    if (!s->a || !s->b)
        return latent_fail(e, "a difference needs two latents");
    return latent_model_rows(m, s->n_a, e) < 0 || latent_model_rows(m, s->n_b, e) < 0 ? -1 : 0;
}

latent_directions *latent_directions_find(const latent_model *m,
                                          const latent_directions_settings *s, latent_progress p,
                                          latent_error *e)
{
    size_t n = (size_t)m->generator.w_dim;
    int count = s->count < m->generator.w_dim ? s->count : m->generator.w_dim, failed;
    double *mean, *covariance, *v, *spare = NULL;
    latent_directions *d = NULL;
    if (check_settings(m, s, e))
        return NULL;
    mean = malloc(n * sizeof(*mean));
    covariance = malloc(n * n * sizeof(*covariance));
    v = malloc((size_t)count * n * sizeof(*v));
    if (s->method == LATENT_GANSPACE) /* whose covariance is destroyed */
        spare = malloc(n * n * sizeof(*spare));
    failed =
        mean && covariance && v && (spare || s->method != LATENT_GANSPACE)
            ? latent_style_statistics(m, s->seed, s->samples, s->classes, 1, mean, covariance, p, e)
            : latent_fail(e, "no memory for directions");
    if (!failed && s->method == LATENT_SEFA)
        failed = find_sefa(m, s, count, v, p, e);
    else if (!failed && s->method == LATENT_GANSPACE) {
        memcpy(spare, covariance, n * n * sizeof(*spare));
        failed = main_vectors(spare, m->generator.w_dim, count, v, p, e);
    } else if (!failed && s->method == LATENT_RANDOM)
        failed = latent_directions_random(s->seed, count, m->generator.w_dim, v, p.cancel, e);
    if (!failed)
        d = s->method == LATENT_DIFFERENCE ? find_difference(m, s, covariance, e)
                                           : measure(m, s, count, v, covariance, e);
    tell(p, 1000);
    free(mean);
    free(covariance);
    free(v);
    free(spare);
    return d;
}
