/* whitening: see whitening.h */
#include "whitening.h"
#include "directions.h"
#include "symmetric.h"
#include <math.h>
#include <stdlib.h>

#define STEEP 5.0f      /* takes the slope 0.2 of the mapping network's last ReLU back */
#define NARROWEST 1e-4f /* of the widest deviation */

struct latent_whitening {
    atomic_int refs;
    int n;
    float *mean;      /* [n] */
    float *deviation; /* [n], the widest first */
    float *main;      /* [n][n], the components, one a row, of length 1 */
};

/* ---- measuring */

static latent_whitening *make(int n, latent_error *e)
{
    latent_whitening *s = calloc(1, sizeof(*s));
    size_t count = (size_t)n;
    if (s) {
        atomic_init(&s->refs, 1);
        s->n = n;
        s->mean = malloc(count * sizeof(*s->mean));
        s->deviation = malloc(count * sizeof(*s->deviation));
        s->main = malloc(count * count * sizeof(*s->main));
        if (s->mean && s->deviation && s->main)
            return s;
    }
    latent_whitening_release(s);
    latent_fail(e, "no memory to measure styles of %d numbers", n);
    return NULL;
}

/* work: [2 n + 2 n^2] */
static int measure(latent_whitening *s, const latent_model *m, int samples, double *work,
                   latent_progress p, latent_error *e)
{
    size_t n = (size_t)s->n;
    double *mean = work, *value = work + n, *covariance = work + 2 * n;
    double *component = covariance + n * n;
    if (latent_style_statistics(m, 0, samples, NULL, STEEP, mean, covariance, p, e) ||
        latent_symmetric_eigen(covariance, s->n, value, component, p.cancel, e))
        return -1;
    for (size_t i = 0; i < n; i++) {
        float wide = (float)sqrt(value[i] > 0 ? value[i] : 0);
        float least = i ? NARROWEST * s->deviation[0] : 1e-20f;
        s->mean[i] = (float)mean[i];
        s->deviation[i] = wide > least ? wide : least;
    }
    for (size_t i = 0; i < n * n; i++)
        s->main[i] = (float)component[i];
    return 0;
}

latent_whitening *latent_whitening_new(const latent_model *m, int samples, latent_progress p,
                                       latent_error *e)
{
    latent_whitening *s;
    size_t n;
    double *work;
    int failed;
    if (latent_model_is(m, LATENT_GENERATOR, e) || !(s = make(m->generator.w_dim, e)))
        return NULL;
    n = (size_t)m->generator.w_dim;
    work = malloc((2 * n + 2 * n * n) * sizeof(*work));
    failed = work ? measure(s, m, samples, work, p, e)
                  : latent_fail(e, "no memory to measure styles of %d numbers", m->generator.w_dim);
    free(work);
    if (!failed)
        return s;
    latent_whitening_release(s);
    return NULL;
}

latent_whitening *latent_whitening_retain(latent_whitening *s)
{
    if (s)
        atomic_fetch_add(&s->refs, 1);
    return s;
}

void latent_whitening_release(latent_whitening *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    free(s->mean);
    free(s->deviation);
    free(s->main);
    free(s);
}

int latent_whitening_size(const latent_whitening *s)
{
    return s->n;
}

/* ---- there and back */

#define LANES 8 /* sums that a processor can keep side by side */

/* row . (a - from), where a is first multiplied by slope where w is below 0; from may be NULL: 0.
 */
static float along(const float *row, const float *a, const float *w, float slope, const float *from,
                   int n)
{
    float part[LANES] = {0}, sum = 0;
    int k = 0;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++)
            part[l] +=
                row[k + l] * (a[k + l] * (w[k + l] < 0 ? slope : 1) - (from ? from[k + l] : 0));
    for (; k < n; k++)
        sum += row[k] * (a[k] * (w[k] < 0 ? slope : 1) - (from ? from[k] : 0));
    for (int l = 0; l < LANES; l++)
        sum += part[l];
    return sum;
}

void latent_whitening_in(const latent_whitening *s, const float *w, float *p)
{
    for (int i = 0; i < s->n; i++)
        p[i] =
            along(s->main + (size_t)i * (size_t)s->n, w, w, STEEP, s->mean, s->n) / s->deviation[i];
}

void latent_whitening_out(const latent_whitening *s, const float *p, float *w)
{
    for (int k = 0; k < s->n; k++)
        w[k] = s->mean[k];
    for (int i = 0; i < s->n; i++) {
        const float *row = s->main + (size_t)i * (size_t)s->n;
        float by = p[i] * s->deviation[i];
        for (int k = 0; k < s->n; k++)
            w[k] += by * row[k];
    }
    for (int k = 0; k < s->n; k++)
        w[k] *= w[k] < 0 ? 1 / STEEP : 1;
}

void latent_whitening_gradient(const latent_whitening *s, const float *w, const float *g, float *p)
{
    for (int i = 0; i < s->n; i++)
        p[i] = along(s->main + (size_t)i * (size_t)s->n, g, w, 1 / STEEP, NULL, s->n) *
               s->deviation[i];
}

/* ---- as a job */

static int job_work(latent_job *job)
{
    latent_whitening_job *j = (latent_whitening_job *)job;
    latent_progress p = {&job->permille, &job->cancel};
    j->made = latent_whitening_new(j->model, LATENT_WHITENING_SAMPLES, p, &job->error);
    return j->made ? 0 : -1;
}

static void job_discard(latent_job *job)
{
    latent_whitening_job *j = (latent_whitening_job *)job;
    latent_model_release(j->model);
    latent_whitening_release(j->made);
    free(j);
}

latent_whitening_job *latent_whitening_job_new(latent_model *m, latent_error *e)
{
    latent_whitening_job *j = calloc(1, sizeof(*j));
    if (!j) {
        latent_fail(e, "no memory to measure styles");
        return NULL;
    }
    j->job.work = job_work;
    j->job.discard = job_discard;
    j->model = latent_model_retain(m);
    return j;
}
