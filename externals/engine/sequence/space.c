/* space: see space.h.  The components come from the products of at most 256 rows with each other
   (the "snapshot" method, Sirovich 1987): as many equations as rows, not as numbers in a row. */
#include "space.h"
#include "../latents/symmetric.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 256
#define KEEP .99
#define SMALL 1e-9 /* a variance below this part of the largest is rounding */

/* Row number i of the n that are looked at, spread over the walk. */
static const float *looked(const latent_walk *w, int i, int n)
{
    return w->row + (size_t)((int64_t)i * w->n / n) * (size_t)w->wide;
}

static int looked_at(const latent_walk *w)
{
    return w->n < ROWS ? w->n : ROWS;
}

static void mean_of(const latent_walk *w, int n, float *mean)
{
    for (int k = 0; k < w->wide; k++) {
        double sum = 0;
        for (int i = 0; i < n; i++)
            sum += (double)looked(w, i, n)[k];
        mean[k] = (float)(sum / n);
    }
}

static double product(const float *a, const float *b, const float *mean, int wide)
{
    double sum = 0;
    for (int k = 0; k < wide; k++)
        sum += ((double)a[k] - (double)mean[k]) * ((double)b[k] - (double)mean[k]);
    return sum;
}

/* direction j of s from eigenvector v of the rows' products, whose eigenvalue is value. */
static void set_direction(latent_space *s, const latent_walk *w, int n, int j, const double *v,
                          double value)
{
    float *d = s->direction + (size_t)j * (size_t)s->wide;
    for (int k = 0; k < s->wide; k++) {
        double sum = 0;
        for (int i = 0; i < n; i++)
            sum += v[i] * ((double)looked(w, i, n)[k] - (double)s->mean[k]);
        d[k] = (float)(sum / sqrt(value));
    }
    s->deviation[j] = (float)sqrt(value / n);
}

static int find_directions(latent_space *s, const latent_walk *w, int most,
                           const atomic_int *cancel, latent_error *e)
{
    int n = looked_at(w);
    double *a = malloc((size_t)n * (size_t)n * sizeof(*a));
    double *vectors = malloc((size_t)n * (size_t)n * sizeof(*vectors));
    double values[ROWS], total = 0, kept = 0;
    int failed = !a || !vectors ? latent_fail(e, "no memory to look at a walk") : 0;
    for (int i = 0; !failed && i < n; i++)
        for (int k = 0; k <= i; k++)
            a[i * n + k] = product(looked(w, i, n), looked(w, k, n), s->mean, s->wide);
    failed = failed || latent_symmetric_eigen(a, n, values, vectors, cancel, e) ? -1 : 0;
    for (int i = 0; !failed && i < n; i++)
        total += fmax(0, values[i]);
    for (s->n = 0; !failed && s->n < most && s->n < n; s->n++) {
        double value = values[s->n];
        if (s->n && (value < SMALL * values[0] || kept >= KEEP * total))
            break;
        if (!(value > 0)) { /* it stands still: one direction, as wide as nothing */
            memset(s->direction, 0, (size_t)s->wide * sizeof(float));
            s->direction[0] = 1;
            s->deviation[0] = 1;
            s->n = 1;
            break;
        }
        set_direction(s, w, n, s->n, vectors + (size_t)s->n * (size_t)n, value);
        kept += value;
    }
    s->kept = total > 0 ? kept / total : 1;
    free(a);
    free(vectors);
    return failed;
}

static void find_steps(latent_space *s, const latent_walk *w)
{
    float before[LATENT_SPACE_MOST], y[LATENT_SPACE_MOST];
    double squares[LATENT_SPACE_MOST] = {0}, sum = 0, square = 0;
    int steps = 0;
    s->shortest = 10;
    s->longest = .001f;
    for (int i = 0; i < w->n; i++) {
        double t = log((double)w->seconds[i]);
        latent_space_in(s, w->row + (size_t)i * (size_t)w->wide, y);
        if (latent_walk_follows(w, i)) {
            steps++;
            sum += t;
            square += t * t;
            s->shortest = fminf(s->shortest, w->seconds[i]);
            s->longest = fmaxf(s->longest, w->seconds[i]);
            for (int k = 0; k < s->n; k++)
                squares[k] +=
                    ((double)y[k] - (double)before[k]) * ((double)y[k] - (double)before[k]);
        }
        memcpy(before, y, sizeof(before));
    }
    steps = steps ? steps : 1;
    if (s->shortest > s->longest)
        s->shortest = s->longest = .1f;
    s->time_mean = (float)(sum / steps);
    s->time_deviation =
        (float)fmax(.1, sqrt(fmax(0, square / steps - sum / steps * (sum / steps))));
    for (int k = 0; k < s->n; k++)
        s->step[k] = (float)fmax(1e-3, sqrt(squares[k] / steps));
}

int latent_space_find(latent_space *s, const latent_walk *w, int most, const atomic_int *cancel,
                      latent_error *e)
{
    size_t wide = (size_t)w->wide;
    *s = (latent_space){.wide = w->wide};
    s->mean = malloc(wide * sizeof(float));
    s->direction = malloc(LATENT_SPACE_MOST * wide * sizeof(float));
    if (!s->mean || !s->direction) {
        latent_space_free(s);
        return latent_fail(e, "no memory to look at a walk");
    }
    mean_of(w, looked_at(w), s->mean);
    if (find_directions(s, w, most, cancel, e)) {
        latent_space_free(s);
        return -1;
    }
    find_steps(s, w);
    return 0;
}

void latent_space_free(latent_space *s)
{
    free(s->mean);
    free(s->direction);
    *s = (latent_space){0};
}

int latent_space_copy(latent_space *to, const latent_space *s, latent_error *e)
{
    size_t wide = (size_t)s->wide * sizeof(float);
    *to = *s;
    to->mean = malloc(wide);
    to->direction = malloc(LATENT_SPACE_MOST * wide);
    if (!to->mean || !to->direction) {
        latent_space_free(to);
        return latent_fail(e, "no memory to remember a walk");
    }
    memcpy(to->mean, s->mean, wide);
    memcpy(to->direction, s->direction, (size_t)s->n * wide);
    return 0;
}

int latent_space_suits(const latent_space *s, const latent_walk *w)
{
    int n = looked_at(w);
    double squares[LATENT_SPACE_MOST] = {0}, total = 0, inside = 0;
    if (s->wide != w->wide)
        return 0;
    for (int i = 0; i < n; i++) {
        float y[LATENT_SPACE_MOST];
        latent_space_in(s, looked(w, i, n), y);
        total += product(looked(w, i, n), looked(w, i, n), s->mean, s->wide);
        for (int k = 0; k < s->n; k++)
            squares[k] += (double)y[k] * (double)y[k];
    }
    if (!(total > 0)) /* it stands still */
        return 1;
    for (int k = 0; k < s->n; k++) {
        double wide = squares[k] / n;
        inside += squares[k] * (double)s->deviation[k] * (double)s->deviation[k];
        if (wide > 1.7 || (k < 2 && wide < .5))
            return 0;
    }
    return inside >= .98 * total;
}

void latent_space_in(const latent_space *s, const float *row, float *y)
{
    for (int j = 0; j < s->n; j++) {
        const float *d = s->direction + (size_t)j * (size_t)s->wide;
        double sum = 0;
        for (int k = 0; k < s->wide; k++)
            sum += (double)d[k] * ((double)row[k] - (double)s->mean[k]);
        y[j] = (float)(sum / (double)s->deviation[j]);
    }
}

void latent_space_out(const latent_space *s, const float *y, float *row)
{
    memcpy(row, s->mean, (size_t)s->wide * sizeof(*row));
    for (int j = 0; j < s->n; j++) {
        const float *d = s->direction + (size_t)j * (size_t)s->wide;
        float far = y[j] * s->deviation[j];
        for (int k = 0; k < s->wide; k++)
            row[k] += far * d[k];
    }
}

float latent_space_time(const latent_space *s, float seconds)
{
    return (logf(seconds) - s->time_mean) / s->time_deviation;
}

float latent_space_seconds(const latent_space *s, float time)
{
    float seconds = expf(s->time_mean + s->time_deviation * fminf(fmaxf(time, -20), 20));
    return fminf(fmaxf(seconds, s->shortest), s->longest);
}
