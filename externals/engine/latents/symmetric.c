/* symmetric: see symmetric.h.  Everything runs along rows, so that the inner loops are on
   neighbours in memory. */
#include "symmetric.h"
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MOST_STEPS 60 /* of QL for one eigenvalue; 2 are usual */

static double *row(double *a, int n, int i)
{
    return a + (size_t)i * (size_t)n;
}

static double dot(const double *a, const double *b, int n)
{
    double part[4] = {0, 0, 0, 0};
    int i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            part[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        part[0] += a[i] * b[i];
    return part[0] + part[1] + (part[2] + part[3]);
}

static void add_scaled(double *restrict y, const double *restrict x, double scale, int n)
{
    for (int i = 0; i < n; i++)
        y[i] += scale * x[i];
}

/* ---- to three diagonals: d and, below it, e[1] to e[n - 1] */

/* p = A u for the leading n x n of a, of which the lower triangle is there; stride: of its rows. */
static void multiply(double *a, int stride, int n, const double *u, double *p)
{
    for (int i = 0; i < n; i++) {
        const double *r = row(a, stride, i);
        p[i] = dot(r, u, i + 1);
        add_scaled(p, r, u[i], i);
    }
}

/* Row k of a becomes the vector u of the reflection 1 - u u^T / half[k] that clears it but for one
   number; half[k] 0: there was nothing to clear. */
static void reduce(double *a, int n, double *d, double *e, double *half, double *p)
{
    for (int k = n - 1; k > 0; k--) {
        double *u = row(a, n, k), scale = 0, size, f;
        for (int i = 0; i < k; i++)
            scale = fmax(scale, fabs(u[i]));
        half[k] = 0;
        d[k] = u[k];
        e[k] = u[k - 1];
        if (scale == 0 || k == 1)
            continue;
        for (int i = 0; i < k; i++)
            u[i] /= scale;
        size = copysign(sqrt(dot(u, u, k)), -u[k - 1]);
        e[k] = scale * size;
        half[k] = size * size - u[k - 1] * size; /* |u|^2 / 2 after the next line */
        u[k - 1] -= size;
        multiply(a, n, k, u, p);
        for (int i = 0; i < k; i++)
            p[i] /= half[k];
        f = dot(u, p, k) / (2 * half[k]);
        add_scaled(p, u, -f, k);
        for (int i = 0; i < k; i++) {
            double *r = row(a, n, i);
            add_scaled(r, p, -u[i], i + 1);
            add_scaled(r, u, -p[i], i + 1);
        }
    }
    d[0] = a[0];
}

/* ---- three diagonals to one; z, whose rows are to become the eigenvectors, turns along */

static void turn(double *restrict z0, double *restrict z1, double c, double s, int n)
{
    for (int k = 0; k < n; k++) {
        double low = z0[k], high = z1[k];
        z1[k] = s * low + c * high;
        z0[k] = c * low - s * high;
    }
}

/* One step of QL on rows l to m, shifted by the nearer eigenvalue of the first 2 x 2. */
static void ql_step(double *d, double *e, double *z, int n, int l, int m)
{
    double delta = (d[l + 1] - d[l]) / (2 * e[l]);
    double g = d[m] - d[l] + e[l] / (delta + copysign(hypot(delta, 1), delta));
    double s = 1, c = 1, p = 0;
    for (int i = m - 1; i >= l; i--) {
        double f = s * e[i], b = c * e[i], r = hypot(f, g);
        e[i + 1] = r;
        if (r == 0) { /* it has come apart here */
            d[i + 1] -= p;
            e[m] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        turn(row(z, n, i), row(z, n, i + 1), c, s, n);
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0;
}

static int diagonalise(double *d, double *e, double *z, int n, const atomic_int *cancel,
                       latent_error *error)
{
    memmove(e, e + 1, (size_t)(n - 1) * sizeof(*e)); /* e[i] stands between i and i + 1 */
    e[n - 1] = 0;
    for (int l = 0; l < n; l++)
        for (int step = 0;; step++) {
            int m = l;
            while (m < n - 1 && fabs(e[m]) > DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1])) + DBL_MIN)
                m++;
            if (m == l)
                break;
            if (step == MOST_STEPS)
                return latent_fail(error, "the eigenvalues of a matrix were not found");
            if (cancel && atomic_load(cancel))
                return latent_fail(error, "cancelled");
            ql_step(d, e, z, n, l, m);
        }
    return 0;
}

/* ---- the whole */

/* Applies the reflections, last first, to the rows of z. */
static void reflect_back(double *a, int n, const double *half, double *z)
{
    for (int i = 0; i < n; i++) {
        double *v = row(z, n, i);
        for (int k = 2; k < n; k++)
            if (half[k] != 0) {
                const double *u = row(a, n, k);
                add_scaled(v, u, -dot(u, v, k) / half[k], k);
            }
    }
}

static void fix_sign(double *v, int n)
{
    int largest = 0;
    for (int i = 1; i < n; i++)
        if (fabs(v[i]) > fabs(v[largest]) * (1 + 1e-9)) /* of two alike the first */
            largest = i;
    if (v[largest] < 0)
        for (int i = 0; i < n; i++)
            v[i] = -v[i];
}

static void sort_down(double *values, double *z, int n, double *spare)
{
    size_t bytes = (size_t)n * sizeof(*z);
    for (int i = 0; i < n; i++) {
        int best = i;
        double value;
        for (int k = i + 1; k < n; k++)
            if (values[k] > values[best])
                best = k;
        if (best == i)
            continue;
        value = values[i];
        values[i] = values[best];
        values[best] = value;
        memcpy(spare, row(z, n, i), bytes);
        memcpy(row(z, n, i), row(z, n, best), bytes);
        memcpy(row(z, n, best), spare, bytes);
    }
}

int latent_symmetric_eigen(double *a, int n, double *values, double *vectors,
                           const atomic_int *cancel, latent_error *e)
{
    double *scratch;
    int failed;
    for (int i = 0; i < n; i++)
        for (int k = 0; k <= i; k++)
            if (!isfinite(row(a, n, i)[k]))
                return latent_fail(e, "a matrix contains NaN or infinity");
    if (!(scratch = calloc(3 * (size_t)n, sizeof(*scratch))))
        return latent_fail(e, "no memory for the eigenvectors of %d x %d numbers", n, n);
    reduce(a, n, values, scratch, scratch + n, scratch + 2 * n);
    memset(vectors, 0, (size_t)n * (size_t)n * sizeof(*vectors));
    for (int i = 0; i < n; i++)
        row(vectors, n, i)[i] = 1;
    failed = diagonalise(values, scratch, vectors, n, cancel, e);
    if (!failed) {
        reflect_back(a, n, scratch + n, vectors);
        sort_down(values, vectors, n, scratch);
        for (int i = 0; i < n; i++)
            fix_sign(row(vectors, n, i), n);
    }
    free(scratch);
    return failed;
}

int latent_symmetric_solve(double *a, int n, double *b, int n_right, latent_error *e)
{
    for (int i = 0; i < n; i++) {
        double *r = row(a, n, i);
        for (int k = 0; k <= i; k++) {
            double sum = r[k] - dot(r, row(a, n, k), k);
            if (k < i)
                r[k] = sum / row(a, n, k)[k];
            else if (sum > 0)
                r[k] = sqrt(sum);
            else
                return latent_fail(e, "a matrix is not positive definite");
        }
    }
    for (int i = 0; i < n; i++) { /* L y = b */
        double *r = row(b, n_right, i);
        for (int k = 0; k < i; k++)
            add_scaled(r, row(b, n_right, k), -row(a, n, i)[k], n_right);
        for (int j = 0; j < n_right; j++)
            r[j] /= row(a, n, i)[i];
    }
    for (int i = n - 1; i >= 0; i--) { /* L^T x = y */
        double *r = row(b, n_right, i);
        for (int k = i + 1; k < n; k++)
            add_scaled(r, row(b, n_right, k), -row(a, n, k)[i], n_right);
        for (int j = 0; j < n_right; j++)
            r[j] /= row(a, n, i)[i];
    }
    return 0;
}

#define TOGETHER 4 /* rows of x, so that g is read and written less often */

void latent_symmetric_add(double *g, int n, const float *x, int rows)
{
    for (int from = 0; from < rows; from += TOGETHER) {
        const float *p[TOGETHER];
        int here = rows - from < TOGETHER ? rows - from : TOGETHER;
        for (int k = 0; k < TOGETHER; k++)
            p[k] = x + (size_t)(from + (k < here ? k : 0)) * (size_t)n;
        for (int i = 0; i < n; i++) {
            double *restrict to = row(g, n, i), f[TOGETHER];
            for (int k = 0; k < TOGETHER; k++)
                f[k] = k < here ? (double)p[k][i] : 0;
            for (int j = 0; j <= i; j++)
                to[j] += f[0] * (double)p[0][j] + f[1] * (double)p[1][j] + f[2] * (double)p[2][j] +
                         f[3] * (double)p[3][j];
        }
    }
}
