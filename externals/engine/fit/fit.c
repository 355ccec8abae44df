/* fit: see fit.h */
#include "fit.h"
#include "../base/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TERMS (LATENT_FIT_DEGREE + 1)
#define WEIGHTS (3 * LATENT_FIT_HIDDEN + 1)

struct latent_fit {
    latent_fit_kind kind;
    int n; /* degree, neurons or balls */
    int points;
    double x[LATENT_FIT_POINTS], y[LATENT_FIT_POINTS]; /* points; balls */
    double middle_x, middle_y, spread_x, spread_y;     /* units: x = middle + spread u */
    double c[WEIGHTS]; /* in units: coefficients of Legendre's polynomials; weights */
    double speed[2 * LATENT_FIT_POINTS + WEIGHTS]; /* what momentum remembers */
};

/* ---- polynomials, in units: a sum of Legendre's, which steps find one as easily as the other */

static int terms(const latent_fit *f)
{
    return f->kind == LATENT_FIT_LINE ? 2 : f->n + 1;
}

static void legendre(double u, int n, double *p)
{
    p[0] = 1;
    if (n > 1)
        p[1] = u;
    for (int k = 2; k < n; k++)
        p[k] = ((2 * k - 1) * u * p[k - 1] - (k - 1) * p[k - 2]) / k;
}

/* Their coefficients as powers of u: into[k][j] is that of u^j in the k-th. */
static void legendre_powers(double into[TERMS][TERMS])
{
    memset(into, 0, sizeof(double) * TERMS * TERMS);
    into[0][0] = into[1][1] = 1;
    for (int k = 2; k < TERMS; k++)
        for (int j = 0; j <= k; j++)
            into[k][j] =
                ((2 * k - 1) * (j ? into[k - 1][j - 1] : 0) - (k - 1) * into[k - 2][j]) / k;
}

/* sum a_j ((x - m) / s)^j as powers of x, in place. */
static void shift_powers(double *a, int n, double m, double s)
{
    for (int j = 0; j < n; j++)
        a[j] /= pow(s, j);
    for (int i = 0; i < n; i++) /* Horner's shift */
        for (int j = n - 2; j >= i; j--)
            a[j] -= m * a[j + 1];
}

/* The polynomial as powers of u, y in the points' units. */
static void to_powers(const latent_fit *f, double *a)
{
    double powers[TERMS][TERMS];
    legendre_powers(powers);
    memset(a, 0, sizeof(double) * TERMS);
    for (int k = 0; k < terms(f); k++)
        for (int j = 0; j <= k; j++)
            a[j] += f->c[k] * powers[k][j] * f->spread_y;
    a[0] += f->middle_y;
}

/* The other way; a is used up. */
static void from_powers(latent_fit *f, double *a)
{
    double powers[TERMS][TERMS];
    legendre_powers(powers);
    a[0] -= f->middle_y;
    for (int k = terms(f) - 1; k >= 0; k--) {
        f->c[k] = a[k] / powers[k][k];
        for (int j = 0; j < k; j++)
            a[j] -= f->c[k] * powers[k][j];
        f->c[k] /= f->spread_y;
    }
}

/* ---- the network, in units */

static double net(const latent_fit *f, double u)
{
    double y = f->c[3 * f->n];
    for (int i = 0; i < f->n; i++)
        y += f->c[3 * i + 2] * tanh(f->c[3 * i] * u + f->c[3 * i + 1]);
    return y;
}

static void first_weights(latent_fit *f, uint32_t seed)
{
    latent_random r;
    latent_random_seed(&r, seed);
    for (int i = 0; i < f->n; i++) {
        f->c[3 * i] = 1.5 * latent_random_gauss(&r);
        f->c[3 * i + 1] = latent_random_gauss(&r);
        f->c[3 * i + 2] = .3 * latent_random_gauss(&r) / sqrt(f->n);
    }
    f->c[3 * f->n] = 0;
}

/* ---- the pits: a bowl with two hollows, the deeper one to the left */

double latent_fit_height(double x, double y, double slope[2])
{
    static const double pit[2][4] = {{-.45, .12, .9, .09}, {.5, -.18, .55, .07}};
    double h = .25 * (x * x + y * y);
    slope[0] = .5 * x;
    slope[1] = .5 * y;
    for (int i = 0; i < 2; i++) {
        double dx = x - pit[i][0], dy = y - pit[i][1];
        double depth = pit[i][2] * exp(-(dx * dx + dy * dy) / pit[i][3]);
        h -= depth;
        slope[0] += 2 * dx / pit[i][3] * depth;
        slope[1] += 2 * dy / pit[i][3] * depth;
    }
    return h;
}

static void first_places(latent_fit *f, uint32_t seed)
{
    latent_random r;
    latent_random_seed(&r, seed);
    f->points = f->n;
    for (int i = 0; i < f->n; i++) {
        f->x[i] = 2 * latent_random_uniform(&r) - 1;
        f->y[i] = 2 * latent_random_uniform(&r) - 1;
    }
}

static void roll(latent_fit *f, double rate, double momentum)
{
    for (int i = 0; i < f->points; i++) {
        double slope[2], *v = f->speed + 2 * i;
        latent_fit_height(f->x[i], f->y[i], slope);
        v[0] = momentum * v[0] - .1 * rate * slope[0];
        v[1] = momentum * v[1] - .1 * rate * slope[1];
        f->x[i] = fmin(fmax(f->x[i] + v[0], -1), 1);
        f->y[i] = fmin(fmax(f->y[i] + v[1], -1), 1);
    }
}

/* ---- points and their units */

static double spread(const double *v, int n, double *middle)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        sum += v[i];
    *middle = n ? sum / n : 0;
    for (int i = 0; i < n; i++)
        squares += (v[i] - *middle) * (v[i] - *middle);
    squares = n ? sqrt(squares / n) : 0;
    return squares > 1e-9 * (1 + fabs(*middle)) ? squares : 1;
}

/* The middle between the ends, and half of what lies between them: Legendre's polynomials are made
   for -1 to 1. */
static double reach_of(const double *v, int n, double *middle)
{
    double low = n ? v[0] : 0, high = low;
    for (int i = 1; i < n; i++) {
        low = fmin(low, v[i]);
        high = fmax(high, v[i]);
    }
    *middle = low / 2 + high / 2;
    return high - low > 1e-9 * (1 + fabs(*middle)) ? high / 2 - low / 2 : 1;
}

/* The points have changed: so have the units; what was found stays as it was in theirs. */
static void measure(latent_fit *f)
{
    double a[TERMS], middle = f->middle_x, before = f->spread_x;
    int curve = f->kind == LATENT_FIT_LINE || f->kind == LATENT_FIT_POLY;
    if (curve)
        to_powers(f, a);
    f->spread_x = reach_of(f->x, f->points, &f->middle_x);
    f->spread_y = spread(f->y, f->points, &f->middle_y);
    if (curve) { /* u as it was is (x - middle) / before, and x = middle_x + spread_x u */
        shift_powers(a, terms(f), (middle - f->middle_x) / f->spread_x, before / f->spread_x);
        from_powers(f, a);
    }
    memset(f->speed, 0, sizeof(f->speed));
}

latent_fit *latent_fit_new(latent_fit_kind kind, int n, uint32_t seed, latent_error *e)
{
    latent_fit *f = calloc(1, sizeof(*f));
    if (!f) {
        latent_fail(e, "there is no memory to fit with");
        return NULL;
    }
    f->kind = kind;
    f->spread_x = f->spread_y = 1;
    latent_fit_again(f, n, seed);
    return f;
}

void latent_fit_free(latent_fit *f)
{
    free(f);
}

void latent_fit_again(latent_fit *f, int n, uint32_t seed)
{
    static const int most[] = {1, LATENT_FIT_DEGREE, LATENT_FIT_HIDDEN, LATENT_FIT_BALLS};
    f->n = n < 1 ? 1 : n > most[f->kind] ? most[f->kind] : n;
    memset(f->c, 0, sizeof(f->c));
    memset(f->speed, 0, sizeof(f->speed));
    if (f->kind == LATENT_FIT_NET)
        first_weights(f, seed);
    else if (f->kind == LATENT_FIT_PITS)
        first_places(f, seed);
    else { /* y = 0, in the points' units */
        double a[TERMS] = {0};
        from_powers(f, a);
    }
}

int latent_fit_point(latent_fit *f, float x, float y, latent_error *e)
{
    int most = f->kind == LATENT_FIT_PITS ? LATENT_FIT_BALLS : LATENT_FIT_POINTS;
    if (f->points == most && f->kind != LATENT_FIT_PITS)
        return latent_fail(e,
                           "there are %d points already, and no more can be kept; \"clear\" "
                           "begins with none",
                           most);
    if (f->points == most) {
        memmove(f->x, f->x + 1, sizeof(double) * (size_t)(most - 1));
        memmove(f->y, f->y + 1, sizeof(double) * (size_t)(most - 1));
        memmove(f->speed, f->speed + 2, sizeof(double) * 2 * (size_t)(most - 1));
        f->points--;
    }
    f->x[f->points] = (double)x;
    f->y[f->points] = (double)y;
    if (f->kind == LATENT_FIT_PITS) {
        f->x[f->points] = fmin(fmax((double)x, -1), 1);
        f->y[f->points] = fmin(fmax((double)y, -1), 1);
        f->speed[2 * f->points] = f->speed[2 * f->points + 1] = 0;
        f->points++;
        return 0;
    }
    f->points++;
    measure(f);
    return 0;
}

void latent_fit_clear(latent_fit *f)
{
    f->points = 0;
    if (f->kind != LATENT_FIT_PITS)
        measure(f);
}

/* ---- downhill */

static double unit_x(const latent_fit *f, int i)
{
    return (f->x[i] - f->middle_x) / f->spread_x;
}

static double unit_y(const latent_fit *f, int i)
{
    return (f->y[i] - f->middle_y) / f->spread_y;
}

/* The slope of half the mean squared error with respect to each number; how many numbers. */
static int slopes(const latent_fit *f, double *g)
{
    int curve = f->kind != LATENT_FIT_NET, n = curve ? terms(f) : 3 * f->n + 1;
    memset(g, 0, sizeof(double) * (size_t)n);
    for (int i = 0; i < f->points; i++) {
        double u = unit_x(f, i), p[TERMS], off = -unit_y(f, i);
        if (curve) {
            legendre(u, n, p);
            for (int k = 0; k < n; k++)
                off += f->c[k] * p[k];
            for (int k = 0; k < n; k++)
                g[k] += off * p[k] / f->points;
            continue;
        }
        off += net(f, u);
        for (int k = 0; k < f->n; k++) {
            double t = tanh(f->c[3 * k] * u + f->c[3 * k + 1]), in = f->c[3 * k + 2] * (1 - t * t);
            g[3 * k] += off * in * u / f->points;
            g[3 * k + 1] += off * in / f->points;
            g[3 * k + 2] += off * t / f->points;
        }
        g[3 * f->n] += off / f->points;
    }
    return n;
}

/* The longest step that is safe: one over the steepest curve of the error, which is at most the
   sum of the squares that its numbers are multiplied by (its trace). */
static double reach(const latent_fit *f)
{
    double sum = 0, p[TERMS];
    if (f->kind == LATENT_FIT_NET)
        return 1.0 / (1 + f->n / 4.0);
    for (int i = 0; i < f->points; i++) {
        legendre(unit_x(f, i), terms(f), p);
        for (int k = 0; k < terms(f); k++)
            sum += p[k] * p[k] / f->points;
    }
    return 2 / (1 + sum);
}

void latent_fit_step(latent_fit *f, double rate, double momentum)
{
    double g[WEIGHTS], far;
    int n;
    if (f->kind == LATENT_FIT_PITS) {
        roll(f, rate, momentum);
        return;
    }
    if (!f->points)
        return;
    n = slopes(f, g);
    far = rate * reach(f);
    for (int k = 0; k < n; k++) {
        f->speed[k] = momentum * f->speed[k] - far * g[k];
        f->c[k] += f->speed[k];
    }
}

/* Gauss's elimination of the normal equations; a little is added to the diagonal, so that fewer
   points than numbers give the smallest numbers. */
int latent_fit_solve(latent_fit *f)
{
    double a[TERMS][TERMS + 1], p[TERMS];
    int n = terms(f);
    if (f->kind != LATENT_FIT_LINE && f->kind != LATENT_FIT_POLY)
        return -1;
    memset(a, 0, sizeof(a));
    for (int i = 0; i < f->points; i++) {
        legendre(unit_x(f, i), n, p);
        for (int r = 0; r < n; r++) {
            for (int c = 0; c < n; c++)
                a[r][c] += p[r] * p[c];
            a[r][n] += p[r] * unit_y(f, i);
        }
    }
    for (int r = 0; r < n; r++)
        a[r][r] += 1e-11 * (1 + a[r][r]);
    for (int k = 0; k < n; k++)
        for (int r = 0; r < n; r++) {
            double share = a[r][k] / a[k][k];
            for (int c = k; c <= n && r != k; c++)
                a[r][c] -= share * a[k][c];
        }
    for (int k = 0; k < n; k++)
        f->c[k] = a[k][n] / a[k][k];
    memset(f->speed, 0, sizeof(f->speed));
    return 0;
}

/* x = middle + spread u, so u stands in x as x does in what shift_powers expects. */
int latent_fit_set(latent_fit *f, const float *v, int n)
{
    double a[TERMS];
    if ((f->kind != LATENT_FIT_LINE && f->kind != LATENT_FIT_POLY) || n != terms(f))
        return -1;
    for (int k = 0; k < n; k++)
        a[n - 1 - k] = (double)v[k];
    shift_powers(a, n, -f->middle_x / f->spread_x, 1 / f->spread_x);
    from_powers(f, a);
    memset(f->speed, 0, sizeof(f->speed));
    return 0;
}

/* ---- what was found */

int latent_fit_numbers(const latent_fit *f, float *v)
{
    double a[TERMS];
    int n = 0;
    switch (f->kind) {
    case LATENT_FIT_LINE:
    case LATENT_FIT_POLY:
        to_powers(f, a);
        shift_powers(a, terms(f), f->middle_x, f->spread_x);
        for (int k = terms(f) - 1; k >= 0; k--)
            v[n++] = (float)a[k];
        return n;
    case LATENT_FIT_NET: /* as y = sum v tanh(w x + b) + c of x itself */
        for (int i = 0; i < f->n; i++) {
            v[n++] = (float)(f->c[3 * i] / f->spread_x);
            v[n++] = (float)(f->c[3 * i + 1] - f->c[3 * i] * f->middle_x / f->spread_x);
            v[n++] = (float)(f->c[3 * i + 2] * f->spread_y);
        }
        v[n++] = (float)(f->c[3 * f->n] * f->spread_y + f->middle_y);
        return n;
    default:
        for (int i = 0; i < f->points; i++) {
            v[n++] = (float)f->x[i];
            v[n++] = (float)f->y[i];
        }
        return n;
    }
}

double latent_fit_ask(const latent_fit *f, double x)
{
    double u = (x - f->middle_x) / f->spread_x, p[TERMS], y = 0, slope[2];
    if (f->kind == LATENT_FIT_PITS)
        return latent_fit_height(x, 0, slope);
    if (f->kind == LATENT_FIT_NET)
        return f->middle_y + f->spread_y * net(f, u);
    legendre(u, terms(f), p);
    for (int k = 0; k < terms(f); k++)
        y += f->c[k] * p[k];
    return f->middle_y + f->spread_y * y;
}

double latent_fit_loss(const latent_fit *f)
{
    double sum = 0, slope[2];
    for (int i = 0; i < f->points; i++) {
        double off = f->kind == LATENT_FIT_PITS ? 0 : latent_fit_ask(f, f->x[i]) - f->y[i];
        sum += f->kind == LATENT_FIT_PITS ? latent_fit_height(f->x[i], f->y[i], slope) : off * off;
    }
    return f->points ? sum / f->points : 0;
}

/* Room around the points on all sides, and as high as wide where there is little to see. */
static void frame(const double *v, int n, float *low, float *high)
{
    double a = n ? v[0] : -1, b = n ? v[0] : 1, margin;
    for (int i = 1; i < n; i++) {
        a = fmin(a, v[i]);
        b = fmax(b, v[i]);
    }
    margin = fmax(.25 * (b - a), b - a > 0 ? 0 : fmax(1, .25 * fabs(a)));
    *low = (float)(a - margin);
    *high = (float)(b + margin);
}

void latent_fit_look(const latent_fit *f, latent_fit_view *v)
{
    memset(v, 0, sizeof(*v));
    v->kind = (float)f->kind;
    v->n = (float)f->points;
    for (int i = 0; i < f->points; i++) {
        v->point[i][0] = (float)f->x[i];
        v->point[i][1] = (float)f->y[i];
    }
    if (f->kind == LATENT_FIT_PITS) {
        v->low_x = v->low_y = -1;
        v->high_x = v->high_y = 1;
        return;
    }
    frame(f->x, f->points, &v->low_x, &v->high_x);
    frame(f->y, f->points, &v->low_y, &v->high_y);
    for (int i = 0; i <= 128; i++)
        v->curve[i] =
            (float)latent_fit_ask(f, (double)v->low_x + (double)(v->high_x - v->low_x) * i / 128);
}
