/* drive_learn: maps from numbers to latents that are learned from examples, or drawn at random; see
   drive.h.  All in double precision and in one order, so that the same examples give the same map.
 */
#include "../base/random.h"
#include "directions.h"
#include "drive.h"
#include "symmetric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PARTS 32 /* components that the network learns */

latent_example *latent_example_new(const double *values, int controls, const float *latent, int n)
{
    latent_example *x = malloc(sizeof(*x) + (size_t)(controls + n) * sizeof(float));
    if (!x)
        return NULL;
    atomic_init(&x->refs, 1);
    x->controls = controls;
    x->n = n;
    for (int i = 0; i < controls; i++)
        x->numbers[i] = (float)values[i];
    memcpy(x->numbers + controls, latent, (size_t)n * sizeof(float));
    return x;
}

void latent_example_release(latent_example *x)
{
    if (x && atomic_fetch_sub(&x->refs, 1) == 1)
        free(x);
}

/* What is worked on: everything of m examples. */
typedef struct {
    latent_example *const *examples;
    int m, k, n; /* examples, controls, numbers in a latent */
    latent_drive_map *map;
    double *x;    /* [m][k]: values, mean 0 and deviation 1 */
    double *left; /* [m][n]: of the latents, what is not explained yet */
    atomic_int *permille;
    const atomic_int *cancel;
    latent_error *error;
} lesson;

static int wanted(const lesson *l)
{
    return l->cancel && atomic_load(l->cancel) ? latent_fail(l->error, "cancelled") : 0;
}

static const float *latent_of(const lesson *l, int i)
{
    return l->examples[i]->numbers + l->k;
}

static double *at(double *matrix, int width, int row)
{
    return matrix + (size_t)row * (size_t)width;
}

static void add_scaled(double *restrict to, const double *restrict from, double scale, int n)
{
    for (int i = 0; i < n; i++)
        to[i] += scale * from[i];
}

/* Sets values and latents to mean 0 (and the values to deviation 1); the means go into the map. */
static void centre(lesson *l)
{
    for (int i = 0; i < l->k; i++) {
        double mean = 0, square = 0;
        for (int e = 0; e < l->m; e++)
            mean += (double)l->examples[e]->numbers[i] / l->m;
        for (int e = 0; e < l->m; e++) {
            double d = (double)l->examples[e]->numbers[i] - mean;
            square += d * d / l->m;
        }
        l->map->mean[i] = (float)mean;
        l->map->scale[i] =
            square > 1e-12 ? (float)(1 / sqrt(square)) : 0; /* one that stood still */
        for (int e = 0; e < l->m; e++)
            at(l->x, l->k, e)[i] = ((double)l->examples[e]->numbers[i] - (double)l->map->mean[i]) *
                                   (double)l->map->scale[i];
    }
    for (int j = 0; j < l->n; j++) {
        double mean = 0;
        for (int e = 0; e < l->m; e++)
            mean += (double)latent_of(l, e)[j] / l->m;
        l->map->origin[j] = (float)mean;
        for (int e = 0; e < l->m; e++)
            at(l->left, l->n, e)[j] = (double)latent_of(l, e)[j] - mean;
    }
}

/* (X^T X + ridge m) B = X^T Y; the rows of B are the map's, and left becomes Y - X B. */
static int regress(lesson *l, double ridge)
{
    double *gram = calloc((size_t)l->k * (size_t)l->k, sizeof(*gram));
    double *b = calloc((size_t)l->k * (size_t)l->n, sizeof(*b));
    int failed = gram && b ? 0 : latent_fail(l->error, "no memory to learn with");
    for (int e = 0; e < l->m && !failed; e++) {
        const double *x = at(l->x, l->k, e);
        for (int i = 0; i < l->k; i++) {
            add_scaled(at(gram, l->k, i), x, x[i], i + 1);
            add_scaled(at(b, l->n, i), at(l->left, l->n, e), x[i], l->n);
        }
        failed = wanted(l);
    }
    for (int i = 0; i < l->k && !failed; i++)
        at(gram, l->k, i)[i] += (ridge + 1e-9) * l->m;
    if (!failed)
        failed = latent_symmetric_solve(gram, l->k, b, l->n, l->error);
    for (int i = 0; i < l->k && !failed; i++) {
        float *row = malloc((size_t)l->n * sizeof(*row));
        if (!(l->map->row[i] = row)) {
            failed = latent_fail(l->error, "no memory to learn with");
            break;
        }
        l->map->length[i] = l->n;
        for (int j = 0; j < l->n; j++)
            row[j] = (float)at(b, l->n, i)[j];
        for (int e = 0; e < l->m; e++)
            add_scaled(at(l->left, l->n, e), at(b, l->n, i), -at(l->x, l->k, e)[i], l->n);
    }
    free(gram);
    free(b);
    return failed;
}

static double rest(const lesson *l)
{
    double sum = 0;
    for (size_t i = 0; i < (size_t)l->m * (size_t)l->n; i++)
        sum += l->left[i] * l->left[i];
    return sqrt(sum / ((double)l->m * l->n));
}

/* ---- the network */

/* The main components of what is left: map->basis [parts][n] of length 1, and the examples' places
   on them, c [m][MOST_PARTS]. */
static int find_basis(lesson *l, double *c)
{
    size_t m = (size_t)l->m;
    double *gram = malloc(m * m * sizeof(*gram)), *vectors = malloc(m * m * sizeof(*vectors));
    double *values = malloc(m * sizeof(*values)), *row = malloc((size_t)l->n * sizeof(*row));
    int failed = gram && vectors && values && row ? 0 : -1, parts = 0;
    for (int e = 0; e < l->m && !failed; e++) {
        for (int f = 0; f <= e; f++) {
            const double *a = at(l->left, l->n, e), *b = at(l->left, l->n, f);
            double sum = 0;
            for (int j = 0; j < l->n; j++)
                sum += a[j] * b[j];
            at(gram, l->m, e)[f] = sum;
        }
        failed = wanted(l);
    }
    if (!failed)
        failed = latent_symmetric_eigen(gram, l->m, values, vectors, l->cancel, l->error);
    while (!failed && parts < l->m && parts < MOST_PARTS && values[parts] > 1e-9 * values[0] &&
           values[parts] > 1e-18 * l->m)
        parts++;
    if (!failed && parts && !(l->map->basis = malloc((size_t)parts * (size_t)l->n * sizeof(float))))
        failed = -1;
    for (int p = 0; p < parts && !failed; p++) {
        double size = sqrt(values[p]);
        memset(row, 0, (size_t)l->n * sizeof(*row));
        for (int e = 0; e < l->m; e++) {
            double share = at(vectors, l->m, p)[e];
            c[e * MOST_PARTS + p] = share * size;
            add_scaled(row, at(l->left, l->n, e), share / size, l->n);
        }
        for (int j = 0; j < l->n; j++)
            l->map->basis[(size_t)p * (size_t)l->n + (size_t)j] = (float)row[j];
    }
    if (!failed)
        l->map->parts = parts;
    else
        latent_fail(l->error, "no memory to learn with, or it is cancelled");
    free(gram);
    free(vectors);
    free(values);
    free(row);
    return failed;
}

/* The network's numbers lie one after another: inner, bias, outer, shift. */
typedef struct {
    int k, hidden, parts, count;
    double *w, *gradient, *m, *v;
    double *h; /* [hidden] */
} network;

static double *inner_of(const network *n, double *w, int j)
{
    return w + (size_t)j * (size_t)n->k;
}
static double *bias_of(const network *n, double *w)
{
    return w + (size_t)n->hidden * (size_t)n->k;
}
static double *outer_of(const network *n, double *w, int p)
{
    return bias_of(n, w) + n->hidden + (size_t)p * (size_t)n->hidden;
}
static double *shift_of(const network *n, double *w)
{
    return outer_of(n, w, n->parts);
}

/* Adds the gradient of half the squared difference at one example. */
static void learn_one(network *n, const double *x, const double *wanted)
{
    double back[LATENT_DRIVE_CONTROLS] = {0};
    for (int j = 0; j < n->hidden; j++) {
        const double *inner = inner_of(n, n->w, j);
        double sum = bias_of(n, n->w)[j];
        for (int i = 0; i < n->k; i++)
            sum += inner[i] * x[i];
        n->h[j] = tanh(sum);
    }
    for (int p = 0; p < n->parts; p++) {
        const double *outer = outer_of(n, n->w, p);
        double *gradient = outer_of(n, n->gradient, p), y = shift_of(n, n->w)[p] - wanted[p];
        for (int j = 0; j < n->hidden; j++)
            y += outer[j] * n->h[j];
        for (int j = 0; j < n->hidden; j++) {
            gradient[j] += y * n->h[j];
            back[j] += y * outer[j];
        }
        shift_of(n, n->gradient)[p] += y;
    }
    for (int j = 0; j < n->hidden; j++) {
        double b = back[j] * (1 - n->h[j] * n->h[j]);
        add_scaled(inner_of(n, n->gradient, j), x, b, n->k);
        bias_of(n, n->gradient)[j] += b;
    }
}

/* One step of Adam; rate fades to 0, weights are pulled to 0 a little. */
static void step(network *n, int t, double rate, int examples)
{
    for (int i = 0; i < n->count; i++) {
        double g = n->gradient[i] / examples + 1e-5 * n->w[i];
        n->m[i] += 0.1 * (g - n->m[i]);
        n->v[i] += 0.001 * (g * g - n->v[i]);
        n->w[i] -=
            rate * n->m[i] / (1 - pow(0.9, t)) / (sqrt(n->v[i] / (1 - pow(0.999, t))) + 1e-8);
        n->gradient[i] = 0;
    }
}

static int train(lesson *l, network *n, const latent_learning *how, const double *c)
{
    latent_random r;
    latent_random_seed(&r, how->seed);
    for (int j = 0; j < n->hidden; j++) {
        for (int i = 0; i < n->k; i++)
            inner_of(n, n->w, j)[i] = 1.5 * latent_random_gauss(&r) / sqrt(n->k);
        bias_of(n, n->w)[j] = latent_random_gauss(&r);
    }
    for (int t = 1; t <= how->steps; t++) {
        for (int e = 0; e < l->m; e++)
            learn_one(n, at(l->x, l->k, e), c + (size_t)e * MOST_PARTS);
        step(n, t, 0.02 * (1 - (t - 1.0) / how->steps), l->m);
        if (l->permille)
            atomic_store(l->permille, (int)(100 + 899L * t / how->steps));
        if (wanted(l))
            return -1;
    }
    return 0;
}

static float *kept(const double *w, int n, double scale)
{
    float *v = malloc((size_t)n * sizeof(*v));
    for (int i = 0; v && i < n; i++)
        v[i] = (float)(scale * w[i]);
    return v;
}

/* Puts the network into the map; left becomes what even it does not explain (of the components). */
static int keep(lesson *l, network *n, double scale, const double *c)
{
    latent_drive_map *m = l->map;
    m->inner = kept(n->w, n->hidden * n->k, 1);
    m->bias = kept(bias_of(n, n->w), n->hidden, 1);
    m->outer = kept(outer_of(n, n->w, 0), n->parts * n->hidden, scale);
    m->shift = kept(shift_of(n, n->w), n->parts, scale);
    if (!m->inner || !m->bias || !m->outer || !m->shift)
        return latent_fail(l->error, "no memory to learn with");
    m->hidden = n->hidden;
    for (int e = 0; e < l->m; e++) {
        memset(n->gradient, 0, (size_t)n->count * sizeof(double));
        learn_one(n, at(l->x, l->k, e), c + (size_t)e * MOST_PARTS);
        for (int p = 0; p < n->parts; p++) /* the shift's gradient is the difference */
            for (int j = 0; j < l->n; j++)
                at(l->left, l->n, e)[j] -= (c[e * MOST_PARTS + p] + shift_of(n, n->gradient)[p]) *
                                           scale *
                                           (double)m->basis[(size_t)p * (size_t)l->n + (size_t)j];
    }
    return 0;
}

static int curve(lesson *l, const latent_learning *how)
{
    double *c = calloc((size_t)l->m * MOST_PARTS, sizeof(*c)), scale = 0;
    network n = {.k = l->k, .hidden = how->hidden};
    int failed = c ? find_basis(l, c) : latent_fail(l->error, "no memory to learn with");
    if (failed || !l->map->parts) { /* there is nothing left to be learned */
        free(c);
        return failed;
    }
    n.parts = l->map->parts;
    n.count = n.hidden * (n.k + 1) + n.parts * (n.hidden + 1);
    n.w = calloc(4 * (size_t)n.count + (size_t)n.hidden, sizeof(*n.w));
    for (int i = 0; i < l->m * MOST_PARTS; i++)
        scale += c[i] * c[i];
    scale = sqrt(scale / l->m); /* a typical distance */
    for (int i = 0; i < l->m * MOST_PARTS; i++)
        c[i] /= scale;
    if (n.w) {
        n.gradient = n.w + n.count;
        n.m = n.gradient + n.count;
        n.v = n.m + n.count;
        n.h = n.v + n.count;
        failed = train(l, &n, how, c) || keep(l, &n, scale, c) ? -1 : 0;
    } else
        failed = latent_fail(l->error, "no memory to learn with");
    free(n.w);
    free(c);
    return failed;
}

/* ---- */

static int check(latent_example *const *examples, int n, const latent_learning *how,
                 latent_error *e)
{
    if (n < 2)
        return latent_fail(e,
                           "%d examples; give at least two: values, a latent at the right inlet, "
                           "and \"example\"",
                           n);
    for (int i = 1; i < n; i++)
        if (examples[i]->controls != examples[0]->controls || examples[i]->n != examples[0]->n)
            return latent_fail(e, "example %d has %d values and %d numbers, the first %d and %d", i,
                               examples[i]->controls, examples[i]->n, examples[0]->controls,
                               examples[0]->n);
    if (how->hidden < 1 || how->hidden > LATENT_DRIVE_CONTROLS || how->steps < 1 ||
        !(how->ridge >= 0))
        return latent_fail(e, "%d hidden, %d steps, ridge %g can't be learned with", how->hidden,
                           how->steps, how->ridge);
    return 0;
}

latent_drive_map *latent_drive_learn(latent_example *const *examples, int n,
                                     const latent_learning *how, atomic_int *permille,
                                     const atomic_int *cancel, latent_error *e)
{
    lesson l = {examples, n, 0, 0, NULL, NULL, NULL, permille, cancel, e};
    int failed;
    if (check(examples, n, how, e))
        return NULL;
    l.k = examples[0]->controls;
    l.n = examples[0]->n;
    l.x = malloc((size_t)n * (size_t)l.k * sizeof(*l.x));
    l.left = malloc((size_t)n * (size_t)l.n * sizeof(*l.left));
    if ((l.map = latent_drive_map_new())) {
        l.map->origin = malloc((size_t)l.n * sizeof(float));
        l.map->mean = malloc((size_t)l.k * sizeof(float));
        l.map->scale = malloc((size_t)l.k * sizeof(float));
    }
    if (l.x && l.left && l.map && l.map->origin && l.map->mean && l.map->scale) {
        l.map->controls = l.k;
        l.map->n = l.n;
        centre(&l);
        failed = regress(&l, how->ridge) || (how->network && curve(&l, how));
        l.map->error = rest(&l);
    } else
        failed = latent_fail(e, "no memory to learn with");
    if (failed) {
        latent_drive_map_free(l.map);
        l.map = NULL;
    }
    free(l.x);
    free(l.left);
    return l.map;
}

latent_drive_map *latent_drive_random(unsigned seed, int controls, int n, const atomic_int *cancel,
                                      latent_error *e)
{
    latent_drive_map *m = latent_drive_map_new();
    double *v = malloc((size_t)controls * (size_t)n * sizeof(*v));
    float *row = malloc((size_t)n * sizeof(*row));
    int failed = m && v && row ? latent_directions_random(seed, controls, n, v, cancel, e)
                               : latent_fail(e, "no memory for %d directions", controls);
    for (int i = 0; i < controls && !failed; i++) {
        for (int j = 0; j < n; j++)
            row[j] = (float)at(v, n, i)[j];
        failed = latent_drive_map_set(m, i, row, n, e);
    }
    free(v);
    free(row);
    if (!failed)
        return m;
    latent_drive_map_free(m);
    return NULL;
}

/* ---- jobs */

static int work(latent_job *job)
{
    latent_drive_job *j = (latent_drive_job *)job;
    j->map = j->learns
                 ? latent_drive_learn(j->examples, j->n, &j->how, &job->permille, &job->cancel,
                                      &job->error)
                 : latent_drive_random(j->how.seed, j->controls, j->n, &job->cancel, &job->error);
    return j->map ? 0 : -1;
}

static void discard(latent_job *job)
{
    latent_drive_job *j = (latent_drive_job *)job;
    for (int i = 0; j->learns && i < j->n; i++)
        latent_example_release(j->examples[i]);
    latent_drive_map_free(j->map);
    free(j);
}

static latent_drive_job *make(latent_error *e)
{
    latent_drive_job *j = calloc(1, sizeof(*j));
    if (!j) {
        latent_fail(e, "no memory to learn with");
        return NULL;
    }
    j->job.work = work;
    j->job.discard = discard;
    return j;
}

latent_drive_job *latent_drive_job_learn(latent_example *const *examples, int n,
                                         const latent_learning *how, latent_error *e)
{
    latent_drive_job *j = check(examples, n, how, e) ? NULL : make(e);
    if (!j)
        return NULL;
    j->learns = 1;
    j->how = *how;
    for (; j->n < n; j->n++) {
        j->examples[j->n] = examples[j->n];
        atomic_fetch_add(&examples[j->n]->refs, 1);
    }
    return j;
}

latent_drive_job *latent_drive_job_random(unsigned seed, int controls, int n, latent_error *e)
{
    latent_drive_job *j = make(e);
    if (j) {
        j->how.seed = seed;
        j->controls = controls;
        j->n = n;
    }
    return j;
}
