/* latents: see latents.h */
#include "latents.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

/* ---- from one to another */

static void blend(const float *a, double wa, const float *b, double wb, int n, float *out)
{
    for (int i = 0; i < n; i++)
        out[i] = (float)(wa * a[i] + wb * b[i]);
}

void latent_lerp(const float *a, const float *b, int n, double t, float *out)
{
    blend(a, 1 - t, b, t, n, out);
}

void latent_slerp(const float *a, const float *b, int n, double t, float *out)
{
    double aa = 0, bb = 0, ab = 0, cosine, angle;
    for (int i = 0; i < n; i++) {
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
        ab += (double)a[i] * b[i];
    }
    cosine = aa > 0 && bb > 0 ? ab / sqrt(aa) / sqrt(bb) : 1;
    if (fabs(cosine) > 1 - 1e-9) { /* no plane to turn in */
        latent_lerp(a, b, n, t, out);
        return;
    }
    angle = acos(cosine);
    blend(a, sin((1 - t) * angle) / sin(angle), b, sin(t * angle) / sin(angle), n, out);
}

void latent_spline_weights(double t, double c[4])
{
    double t2 = t * t, t3 = t2 * t;
    c[0] = (-t + 2 * t2 - t3) / 2;
    c[1] = (2 - 5 * t2 + 3 * t3) / 2;
    c[2] = (t + 4 * t2 - 3 * t3) / 2;
    c[3] = (-t2 + t3) / 2;
}

/* ---- easings */

double latent_eased(latent_ease ease, double t)
{
    double back = 1 - t;
    switch (ease) {
    case LATENT_SMOOTH:
        return t * t * (3 - 2 * t);
    case LATENT_SMOOTHER:
        return t * t * t * (10 + t * (6 * t - 15));
    case LATENT_SINE:
        return (1 - cos(PI * t)) / 2;
    case LATENT_IN:
        return t * t * t;
    case LATENT_OUT:
        return 1 - back * back * back;
    case LATENT_IN_OUT:
        return t < 0.5 ? 4 * t * t * t : 1 - 4 * back * back * back;
    case LATENT_HOLD:
        return t < 1 ? 0 : 1;
    case LATENT_LINEAR:
        break;
    }
    return t;
}

/* ---- paths */

/* i modulo n, never negative */
static int wrap(int i, int n)
{
    return (i % n + n) % n;
}

/* The weights of the keys at k - 1, k, k + 1, k + 2.  On an open path the missing neighbours are
   reflected points, whose weights go to the keys they are made of. */
static void open_spline_weights(int k, int n_keys, double t, double c[4])
{
    latent_spline_weights(t, c);
    if (k == 0) { /* p[-1] = 2 p[0] - p[1] */
        c[1] += 2 * c[0];
        c[2] -= c[0];
        c[0] = 0;
    }
    if (k == n_keys - 2) { /* p[n] = 2 p[n-1] - p[n-2] */
        c[2] += 2 * c[3];
        c[1] -= c[3];
        c[3] = 0;
    }
}

void latent_path_at(const latent_path *path, const float *const *keys, int n_keys, int n,
                    double position, float *out)
{
    double c[4], t;
    const float *p[4];
    int k;
    if (path->loop) {
        position = fmod(position, n_keys);
        position += position < 0 ? n_keys : 0;
    } else
        position = fmin(fmax(position, 0), n_keys - 1);
    k = (int)position;
    if (k > 0 && k >= (path->loop ? n_keys : n_keys - 1))
        k--; /* the end of the path is the end of its last segment */
    t = latent_eased(path->ease, position - k);
    for (int i = 0; i < 4; i++) {
        int at = k - 1 + i;
        p[i] = keys[path->loop ? wrap(at, n_keys) : at < 0 ? 0 : at < n_keys ? at : n_keys - 1];
    }
    if (path->mode == LATENT_LERP)
        latent_lerp(p[1], p[2], n, t, out);
    else if (path->mode == LATENT_SLERP)
        latent_slerp(p[1], p[2], n, t, out);
    else {
        if (path->loop)
            latent_spline_weights(t, c);
        else
            open_spline_weights(k, n_keys, t, c);
        for (int i = 0; i < n; i++)
            out[i] = (float)(c[0] * p[0][i] + c[1] * p[1][i] + c[2] * p[2][i] + c[3] * p[3][i]);
    }
}

/* ---- z from seeds */

void latent_draw(latent_random *r, int n, double limit, float *z)
{
    if (limit <= 0)
        limit = HUGE_VAL;
    else if (limit < 0.1)
        limit = 0.1;
    for (int i = 0; i < n; i++) {
        double x = latent_random_gauss(r);
        while (fabs(x) > limit)
            x = latent_random_gauss(r);
        z[i] = (float)x;
    }
}

const float *latent_seeds_get(latent_seeds *seeds, uint32_t seed, int n, double limit)
{
    latent_random r;
    int slot = 0;
    if (!seeds->z || seeds->n != n || seeds->limit != limit) {
        float *z = realloc(seeds->z, sizeof(*z) * LATENT_SEEDS_KEPT * (size_t)n);
        if (!z)
            return NULL;
        memset(seeds, 0, sizeof(*seeds));
        seeds->z = z;
        seeds->n = n;
        seeds->limit = limit;
    }
    seeds->now++;
    for (int i = 0; i < LATENT_SEEDS_KEPT; i++) {
        if (seeds->used[i] && seeds->seed[i] == seed) {
            seeds->used[i] = seeds->now;
            return seeds->z + (size_t)i * (size_t)n;
        }
        if (seeds->used[i] < seeds->used[slot])
            slot = i;
    }
    latent_random_seed(&r, seed);
    latent_draw(&r, n, limit, seeds->z + (size_t)slot * (size_t)n);
    seeds->seed[slot] = seed;
    seeds->used[slot] = seeds->now;
    return seeds->z + (size_t)slot * (size_t)n;
}

void latent_seeds_free(latent_seeds *seeds)
{
    free(seeds->z);
    memset(seeds, 0, sizeof(*seeds));
}

/* Weights of which the sum of squares is 1. */
static void make_independent(latent_neighbours *near)
{
    double *c = near->weight, sum = 0;
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++)
            if (near->seed[k] == near->seed[i]) {
                c[k] += c[i];
                c[i] = 0;
            }
    for (int i = 0; i < 4; i++)
        sum += c[i] * c[i];
    for (int i = 0; i < 4; i++)
        c[i] /= sqrt(sum);
}

void latent_walk_neighbours(uint32_t seed, double position, latent_neighbours *near)
{
    double whole = floor(position);
    uint32_t first = (uint32_t)(int64_t)fmod(whole, 4294967296.0) + seed - 1;
    latent_spline_weights(position - whole, near->weight);
    for (uint32_t i = 0; i < 4; i++)
        near->seed[i] = first + i;
    make_independent(near);
}

void latent_loop_neighbours(uint32_t seed, int points, double phase, latent_neighbours *near)
{
    double position = (phase - floor(phase)) * points, whole = floor(position);
    latent_spline_weights(position - whole, near->weight);
    for (int i = 0; i < 4; i++)
        near->seed[i] = seed + (uint32_t)wrap((int)whole - 1 + i, points);
    make_independent(near);
}

static int mix_seeds(latent_seeds *seeds, const latent_neighbours *near, int n, double limit,
                     float *z)
{
    const double *c = near->weight;
    const float *s[4];
    for (int i = 0; i < 4; i++)
        if (!(s[i] = latent_seeds_get(seeds, near->seed[i], n, limit)))
            return -1;
    for (int i = 0; i < n; i++)
        z[i] = (float)(c[0] * s[0][i] + c[1] * s[1][i] + c[2] * s[2][i] + c[3] * s[3][i]);
    return 0;
}

int latent_walk(latent_seeds *seeds, uint32_t seed, int n, double limit, double position, float *z)
{
    latent_neighbours near;
    latent_walk_neighbours(seed, position, &near);
    return mix_seeds(seeds, &near, n, limit, z);
}

int latent_loop(latent_seeds *seeds, uint32_t seed, int points, int n, double limit, double phase,
                float *z)
{
    latent_neighbours near;
    latent_loop_neighbours(seed, points, phase, &near);
    return mix_seeds(seeds, &near, n, limit, z);
}

/* ---- style mixing */

void latent_mix_styles(const float *a, int rows_a, const float *b, int rows_b, const float *share,
                       int num_ws, int w_dim, float *out)
{
    for (int row = 0; row < num_ws; row++) {
        size_t at = (size_t)row * (size_t)w_dim;
        latent_lerp(a + (rows_a > 1 ? at : 0), b + (rows_b > 1 ? at : 0), w_dim, share[row],
                    out + at);
    }
}

int latent_mix_shares(const float *said, int n, int only_shares, int num_ws, float *share,
                      latent_error *e)
{
    float first = num_ws / 2, last = num_ws - 1;
    if (n == num_ws) {
        memcpy(share, said, (size_t)n * sizeof(*share));
        return 0;
    }
    if (only_shares)
        return latent_fail(e, "%d weights came, but there are %d rows and each needs one", n,
                           num_ws);
    if (n > 2)
        return latent_fail(e,
                           "%d numbers came for the layers, but the first and the last row or %d "
                           "weights were expected, one for each row",
                           n, num_ws);
    if (n) {
        first = fminf(said[0], said[n - 1]);
        last = fmaxf(said[0], said[n - 1]);
    }
    if (first < 0 || last > num_ws - 1)
        return latent_fail(e, "there are no rows %g to %g, the rows are 0 to %d", first, last,
                           num_ws - 1);
    for (int row = 0; row < num_ws; row++)
        share[row] = row >= (int)first && row <= (int)last;
    return 0;
}

/* ---- classes */

int latent_class_weights(const float *said, int n, int classes, float *weights, latent_error *e)
{
    float class = n == 1 ? said[0] : 0;
    int whole;
    if (classes > 1 && n == classes) {
        memcpy(weights, said, (size_t)n * sizeof(*weights));
        return 0;
    }
    if (n > 1)
        return latent_fail(e,
                           "%d numbers came for the class, but one class or %d weights were "
                           "expected, one for each class",
                           n, classes);
    if (!(class >= 0 && class <= classes - 1))
        return latent_fail(e, "there is no class %g, the classes are 0 to %d", class, classes - 1);
    whole = (int)class;
    for (int i = 0; i < classes; i++)
        weights[i] = 0;
    weights[whole] = 1 - (class - whole);
    if (whole + 1 < classes)
        weights[whole + 1] = class - whole;
    return 0;
}
