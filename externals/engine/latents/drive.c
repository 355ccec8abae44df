/* drive: see drive.h.  Learning is in drive_learn.c. */
#include "drive.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

double latent_curved(latent_curve curve, double v)
{
    double u = fabs(v);
    switch (curve) {
    case LATENT_CURVE_SQUARE:
        return v * u;
    case LATENT_CURVE_CUBE:
        return v * v * v;
    case LATENT_CURVE_ROOT:
        return copysign(sqrt(u), v);
    case LATENT_CURVE_SOFT:
        return tanh(v);
    case LATENT_CURVE_SMOOTH:
        return copysign(u < 1 ? u * u * (3 - 2 * u) : 1, v);
    case LATENT_CURVE_STEP:
        return u < 0.5 ? 0 : copysign(1, v);
    default:
        return v;
    }
}

/* Number i of a setting that has one for all, or one for each. */
static double setting(const float *all, int n, int i, double otherwise)
{
    return n == 1 ? (double)all[0] : i < n ? (double)all[i] : otherwise;
}

int latent_drive_shape(const float *v, int n, const float *gain, int n_gain, const float *curve,
                       int n_curve, double *shaped, latent_error *e)
{
    if (n > LATENT_DRIVE_CONTROLS)
        return latent_fail(e, "%d values came; at most %d can be used", n, LATENT_DRIVE_CONTROLS);
    for (int i = 0; i < n; i++) {
        int c = (int)setting(curve, n_curve, i, LATENT_CURVE_LINEAR);
        shaped[i] = setting(gain, n_gain, i, 1) * latent_curved((latent_curve)c, (double)v[i]);
    }
    return 0;
}

/* ---- following */

#define NEAR 1e-5 /* counts as arrived */

void latent_follower_aim(latent_follower *f, const double *targets, int n)
{
    for (int i = f->n; i < n; i++)
        f->value[i] = f->speed[i] = 0;
    for (int i = n; i < f->n; i++)
        f->target[i] = 0;
    memcpy(f->target, targets, (size_t)n * sizeof(*targets));
    if (n > f->n)
        f->n = n;
}

/* A weight on a spring with the time constant t, damped so that it swings: y is how far it is. */
static void swing(double *y, double *speed, double t, double damping, double ms)
{
    double w = 1 / t, wd = w * sqrt(1 - damping * damping), fade = exp(-damping * w * ms);
    double c = cos(wd * ms), s = sin(wd * ms), y0 = *y, v0 = *speed;
    *y = fade * (y0 * c + (v0 + damping * w * y0) / wd * s);
    *speed = fade * (v0 * c - (w * w * y0 + damping * w * v0) / wd * s);
}

void latent_follower_advance(latent_follower *f, const latent_following *how, double ms)
{
    for (int i = 0; i < f->n; i++) {
        double t = fabs(f->target[i]) > fabs(f->value[i]) ? how->attack : how->release;
        double y = f->value[i] - f->target[i];
        if (!(t > 0))
            y = f->speed[i] = 0;
        else if (how->momentum > 0)
            swing(&y, &f->speed[i], t, 1 - how->momentum, ms);
        else {
            y *= exp(-ms / t);
            f->speed[i] = 0;
        }
        if (fabs(y) < NEAR * (1 + fabs(f->target[i])) && fabs(f->speed[i]) * t < NEAR)
            y = f->speed[i] = 0;
        f->value[i] = f->target[i] + y;
    }
}

int latent_follower_rests(const latent_follower *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->value[i] != f->target[i] || f->speed[i] != 0)
            return 0;
    return 1;
}

void latent_follower_reset(latent_follower *f)
{
    memset(f, 0, sizeof(*f));
}

/* ---- maps */

latent_drive_map *latent_drive_map_new(void)
{
    return calloc(1, sizeof(latent_drive_map));
}

void latent_drive_map_free(latent_drive_map *m)
{
    if (!m)
        return;
    for (int i = 0; i < LATENT_DRIVE_CONTROLS; i++)
        free(m->row[i]);
    free(m->origin);
    free(m->mean);
    free(m->scale);
    free(m->inner);
    free(m->bias);
    free(m->outer);
    free(m->shift);
    free(m->basis);
    free(m);
}

int latent_drive_map_set(latent_drive_map *m, int i, const float *v, int n, latent_error *e)
{
    float *row;
    if (i < 0 || i >= LATENT_DRIVE_CONTROLS)
        return latent_fail(e, "direction %d; they are counted from 0 to %d", i,
                           LATENT_DRIVE_CONTROLS - 1);
    if (n < 1 || n > LATENT_DRIVE_LATENT)
        return latent_fail(e, "a direction of %d numbers; it has 1 to %d", n, LATENT_DRIVE_LATENT);
    if (!(row = malloc((size_t)n * sizeof(*row))))
        return latent_fail(e, "no memory for a direction");
    memcpy(row, v, (size_t)n * sizeof(*row));
    free(m->row[i]);
    m->row[i] = row;
    m->length[i] = n;
    m->controls = i + 1 > m->controls ? i + 1 : m->controls;
    m->n = 0;
    for (int k = 0; k < m->controls; k++)
        m->n = m->length[k] > m->n ? m->length[k] : m->n;
    return 0;
}

int latent_drive_length(const latent_drive_map *m, int n_values, int n_start, latent_error *e)
{
    int n = m->n > n_start || m->origin ? m->n : n_start;
    if (n_values > m->controls)
        return latent_fail(e, "%d values came, and there are %d directions", n_values, m->controls);
    if (!m->origin && n_start && n % n_start)
        return latent_fail(e, "the start has %d numbers, and a direction %d", n_start, n);
    for (int i = 0; i < m->controls; i++)
        if (m->length[i] && n % m->length[i])
            return latent_fail(e, "direction %d has %d numbers, and the latent %d", i, m->length[i],
                               n);
    return n;
}

static void add_scaled(float *restrict out, const float *restrict row, float x, int n)
{
    for (int k = 0; k < n; k++)
        out[k] += x * row[k];
}

static double limited(double x, double limit)
{
    return limit > 0 ? fmin(fmax(x, -limit), limit) : x;
}

static void add_network(const latent_drive_map *m, const double *x, float *out)
{
    float h[LATENT_DRIVE_CONTROLS];
    for (int j = 0; j < m->hidden; j++) {
        double sum = (double)m->bias[j];
        for (int i = 0; i < m->controls; i++)
            sum += (double)m->inner[j * m->controls + i] * x[i];
        h[j] = (float)tanh(sum);
    }
    for (int p = 0; p < m->parts; p++) {
        float sum = m->shift[p];
        for (int j = 0; j < m->hidden; j++)
            sum += m->outer[p * m->hidden + j] * h[j];
        add_scaled(out, m->basis + (size_t)p * (size_t)m->n, sum, m->n);
    }
}

void latent_drive_apply(const latent_drive_map *m, const double *values, int n_values, double limit,
                        const float *start, int n_start, float *out, int length)
{
    double x[LATENT_DRIVE_CONTROLS] = {0};
    const float *origin = m->origin ? m->origin : start;
    int n_origin = m->origin ? m->n : n_start;
    for (int i = 0; i < m->controls; i++) {
        double v = i < n_values ? values[i] : 0;
        x[i] = limited(m->mean ? (v - (double)m->mean[i]) * (double)m->scale[i] : v, limit);
    }
    for (int at = 0; at < length && n_origin; at += n_origin)
        memcpy(out + at, origin, (size_t)n_origin * sizeof(*out));
    if (!n_origin)
        memset(out, 0, (size_t)length * sizeof(*out));
    for (int i = 0; i < m->controls; i++)
        for (int at = 0; at < length && m->length[i] && x[i] != 0; at += m->length[i])
            add_scaled(out + at, m->row[i], (float)x[i], m->length[i]);
    if (m->parts)
        add_network(m, x, out);
}

/* ---- letters */

/* The next character of UTF-8; a byte that is none is taken as it is. */
static unsigned next_character(const unsigned char **text)
{
    const unsigned char *t = *text;
    int more = t[0] >= 0xf0 && t[0] < 0xf8 ? 3 : t[0] >= 0xe0 ? 2 : t[0] >= 0xc2 ? 1 : 0;
    unsigned c = t[0];
    if (t[0] >= 0xf8)
        more = 0;
    if (more)
        c = t[0] & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((t[i] & 0xc0) != 0x80) {
            *text = t + 1;
            return t[0];
        }
        c = c << 6 | (t[i] & 0x3fu);
    }
    *text = t + 1 + more;
    return c;
}

static double letter(unsigned c)
{
    double part = 0.618033989 * c;
    if (c >= 'A' && c <= 'Z')
        c += 'a' - 'A';
    if (c >= 'a' && c <= 'z')
        return ((double)(c - 'a') - 12.5) / 12.5;
    if (c >= '0' && c <= '9')
        return ((double)(c - '0') - 4.5) / 4.5;
    return c < 128 ? 0 : 2 * (part - floor(part)) - 1;
}

void latent_drive_letters(const char *text, int n, float *values)
{
    const unsigned char *t = (const unsigned char *)text;
    double sum[LATENT_DRIVE_CONTROLS] = {0};
    int count[LATENT_DRIVE_CONTROLS] = {0};
    for (int i = 0; *t; i = (i + 1) % n) {
        sum[i] += letter(next_character(&t));
        count[i]++;
    }
    for (int i = 0; i < n; i++)
        values[i] = count[i] ? (float)(sum[i] / sqrt(count[i])) : 0;
}
