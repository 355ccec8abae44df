/* test_symmetric: eigenvectors by their properties and against Jacobi's slow rotations; equations
   against the product. */
#include "engine/base/random.h"
#include "engine/latents/symmetric.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef enum { RANDOM, LOW_RANK, REPEATED, DIAGONAL, ZERO, GRADED, KINDS } matrix_kind;

static void multiply_transposed(const double *x, int rows, int n, double *g)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            g[i * n + j] = 0;
            for (int k = 0; k < rows; k++)
                g[i * n + j] += x[k * n + i] * x[k * n + j];
        }
}

static void make(matrix_kind kind, int n, double *a)
{
    double *x = malloc((size_t)n * (size_t)n * sizeof(*x));
    latent_random r;
    latent_random_seed(&r, (uint32_t)(n + 100 * (int)kind));
    for (int i = 0; i < n * n; i++)
        x[i] = latent_random_gauss(&r);
    memset(a, 0, (size_t)n * (size_t)n * sizeof(*a));
    switch (kind) {
    case RANDOM: /* of both signs */
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                a[i * n + j] = x[i * n + j] + x[j * n + i];
        break;
    case LOW_RANK:
        multiply_transposed(x, (n + 2) / 3, n, a);
        break;
    case REPEATED: /* 1 and, once, 1 + n */
        for (int i = 0; i < n * n; i++)
            a[i] = 1 + (i % (n + 1) == 0);
        break;
    case DIAGONAL:
        for (int i = 0; i < n; i++)
            a[i * n + i] = i % 3 - 1;
        break;
    case GRADED:
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                a[i * n + j] = (x[i * n + j] + x[j * n + i]) * pow(10, -0.5 * (i + j));
        break;
    default:
        break;
    }
    free(x);
}

/* Jacobi: turns every pair of rows and columns until nothing is left beside the diagonal. */
static void slow_values(double *a, int n, double *values)
{
    for (int sweep = 0; sweep < 30; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                double apq = a[p * n + q], theta, t, c, s;
                if (apq == 0)
                    continue;
                theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
                t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
                c = 1 / sqrt(t * t + 1);
                s = t * c;
                for (int k = 0; k < n; k++) {
                    double x = a[k * n + p], y = a[k * n + q];
                    a[k * n + p] = c * x - s * y;
                    a[k * n + q] = s * x + c * y;
                }
                for (int k = 0; k < n; k++) {
                    double x = a[p * n + k], y = a[q * n + k];
                    a[p * n + k] = c * x - s * y;
                    a[q * n + k] = s * x + c * y;
                }
            }
    for (int i = 0; i < n; i++)
        values[i] = a[i * n + i];
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void check(matrix_kind kind, int n)
{
    size_t bytes = (size_t)n * (size_t)n * sizeof(double);
    double *a = malloc(bytes), *kept = malloc(bytes), *v = malloc(bytes), *again = malloc(bytes);
    double *values = malloc((size_t)n * sizeof(double)), *slow = malloc((size_t)n * sizeof(double));
    double scale = 1e-300;
    latent_error e;
    make(kind, n, kept);
    for (int i = 0; i < n * n; i++)
        scale = fmax(scale, fabs(kept[i]) * n);
    memcpy(a, kept, bytes);
    assert_int_equal(latent_symmetric_eigen(a, n, values, v, NULL, &e), 0);
    for (int i = 0; i < n; i++) {
        int largest = 0;
        assert_true(i == 0 || values[i - 1] >= values[i]);
        for (int j = 0; j < n; j++) {
            double product = 0, there = 0;
            for (int k = 0; k < n; k++) {
                product += v[i * n + k] * v[j * n + k];
                there += values[k] * v[k * n + i] * v[k * n + j];
            }
            assert_true(fabs(product - (i == j)) < 1e-12);
            assert_true(fabs(there - kept[i * n + j]) < 1e-13 * scale);
            if (fabs(v[i * n + j]) > fabs(v[i * n + largest]) * (1 + 1e-9))
                largest = j;
        }
        assert_true(v[i * n + largest] > 0);
    }
    memcpy(a, kept, bytes);
    slow_values(a, n, slow);
    qsort(slow, (size_t)n, sizeof(*slow), descending);
    for (int i = 0; i < n; i++)
        assert_true(fabs(slow[i] - values[i]) < 1e-13 * scale);
    memcpy(a, kept, bytes); /* the upper triangle is not looked at */
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            a[i * n + j] = NAN;
    assert_int_equal(latent_symmetric_eigen(a, n, values, again, NULL, &e), 0);
    assert_memory_equal(v, again, bytes);
    free(a);
    free(kept);
    free(v);
    free(again);
    free(values);
    free(slow);
}

static void test_eigen(void **state)
{
    static const int sizes[] = {1, 2, 3, 7, 32, 61};
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
            check((matrix_kind)kind, sizes[i]);
}

static void test_known(void **state)
{
    double a[9] = {2, 0, 0, -1, 2, 0, 0, -1, 2}, values[3], v[9];
    latent_error e;
    (void)state;
    assert_int_equal(latent_symmetric_eigen(a, 3, values, v, NULL, &e), 0);
    assert_true(fabs(values[0] - (2 + sqrt(2))) < 1e-14 && fabs(values[1] - 2) < 1e-14 &&
                fabs(values[2] - (2 - sqrt(2))) < 1e-14);
    assert_true(fabs(v[0] + 0.5) < 1e-14 && fabs(v[1] - sqrt(0.5)) < 1e-14);
    assert_true(fabs(v[3] - sqrt(0.5)) < 1e-14 && fabs(v[5] + sqrt(0.5)) < 1e-14);
}

static void test_refused(void **state)
{
    double a[4] = {1, 0, INFINITY, 1}, b[2] = {1, 1}, values[2], v[4];
    double *large = malloc(100 * 100 * sizeof(*large)),
           *vectors = malloc(100 * 100 * sizeof(*large));
    double few[100];
    atomic_int cancel = 1;
    latent_error e;
    (void)state;
    assert_int_equal(latent_symmetric_eigen(a, 2, values, v, NULL, &e), -1);
    a[2] = 2; /* eigenvalues 3 and -1 */
    assert_int_equal(latent_symmetric_solve(a, 2, b, 1, &e), -1);
    make(RANDOM, 100, large);
    assert_int_equal(latent_symmetric_eigen(large, 100, few, vectors, &cancel, &e), -1);
    free(large);
    free(vectors);
}

static void test_solve(void **state)
{
    enum { N = 23, RIGHT = 5 };
    double x[N * N], a[N * N], kept[N * N], b[N * RIGHT], solution[N * RIGHT];
    latent_random r;
    latent_error e;
    (void)state;
    latent_random_seed(&r, 4);
    for (int i = 0; i < N * N; i++)
        x[i] = latent_random_gauss(&r);
    multiply_transposed(x, N, N, a);
    for (int i = 0; i < N; i++)
        a[i * N + i] += 0.1;
    for (int i = 0; i < N * RIGHT; i++)
        solution[i] = b[i] = latent_random_gauss(&r);
    memcpy(kept, a, sizeof(a));
    assert_int_equal(latent_symmetric_solve(a, N, solution, RIGHT, &e), 0);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < RIGHT; k++) {
            double sum = 0;
            for (int j = 0; j < N; j++)
                sum += kept[i * N + j] * solution[j * RIGHT + k];
            assert_true(fabs(sum - b[i * RIGHT + k]) < 1e-10);
        }
}

static void test_add(void **state)
{
    float x[7 * 5];
    double g[25] = {0}, wanted[25];
    double wide[7 * 5];
    latent_random r;
    (void)state;
    latent_random_seed(&r, 9);
    for (int i = 0; i < 35; i++)
        wide[i] = x[i] = (float)latent_random_gauss(&r);
    multiply_transposed(wide, 7, 5, wanted);
    latent_symmetric_add(g, 5, x, 7);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k <= i; k++)
            assert_true(fabs(g[i * 5 + k] - wanted[i * 5 + k]) < 1e-12);
}

/* As large as the styles of the released networks: two computations give the same bytes. */
static void test_large(void **state)
{
    enum { N = 512 };
    double *a = malloc(sizeof(double) * N * N), *v = malloc(sizeof(double) * N * N);
    double *kept = malloc(sizeof(double) * N * N), values[N];
    latent_error e;
    (void)state;
    make(RANDOM, N, kept);
    memcpy(a, kept, sizeof(double) * N * N);
    assert_int_equal(latent_symmetric_eigen(a, N, values, v, NULL, &e), 0);
    for (int k = 0; k < N; k += 37)
        for (int i = 0; i < N; i++) {
            double sum = 0;
            for (int j = 0; j < N; j++)
                sum += kept[i * N + j] * v[k * N + j];
            assert_true(fabs(sum - values[k] * v[k * N + i]) < 1e-10);
        }
    free(a);
    free(v);
    free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eigen), cmocka_unit_test(test_known), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_solve), cmocka_unit_test(test_add),   cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
