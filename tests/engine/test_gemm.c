/* Tests of kernels/gemm: products of matrices by BLAS and by our own code against sums in double
   precision, and who is asked on which processor. */
#include "engine/base/parallel.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/gemm_code.h"
#include "helper_numbers.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define APART 3 /* floats between the end of a row and the next row */

/* m, n and k: less and more than the blocks and panels of gemm_kernels.h, and remainders of all */
static const int shapes[][3] = {{1, 1, 1},     {5, 7, 3},      {100, 33, 65},  {40, 300, 20},
                                {1000, 9, 4},  {13, 32, 257},  {193, 31, 256}, {3, 64, 700},
                                {385, 15, 40}, {24, 129, 255}, {0, 4, 4},      {4, 0, 4}};
#define SHAPES (sizeof(shapes) / sizeof(*shapes))

/* code NULL: BLAS or what stands for it */
static void multiply(const latent_gemm_code *code, const latent_gemm_job *j)
{
    if (code)
        code->multiply(j);
    else
        latent_gemm_alone(j->transpose_a, j->transpose_b, j->m, j->n, j->k, j->a, j->lda, j->b,
                          j->ldb, j->beta, j->c, j->ldc);
}

/* Rows that are further apart than they are long, as the heads of attention have them. */
static void check(const latent_gemm_code *code, const int *shape, int how)
{
    int m = shape[0], n = shape[1], k = shape[2], ta = how & 1, tb = how >> 1 & 1;
    int lda = (ta ? m : k) + APART, ldb = (tb ? k : n) + APART, ldc = n + APART;
    float beta = how & 4 ? 0.5f : 0;
    size_t size = (size_t)((m + 1) * ldc);
    float *a = some((size_t)((ta ? k : m) * lda), 1), *b = some((size_t)((tb ? n : k) * ldb), 2);
    float *c = some(size, 3), *before = some(size, 3);
    for (size_t i = 0; i < size && beta == 0; i++)
        c[i] = NAN; /* which beta 0 must not read */
    multiply(code, &(latent_gemm_job){ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc});
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = (double)beta * (double)before[i * ldc + j];
            for (int l = 0; l < k; l++)
                sum += (double)a[ta ? l * lda + i : i * lda + l] *
                       (double)b[tb ? j * ldb + l : l * ldb + j];
            assert_true(fabs(sum - (double)c[i * ldc + j]) < 1e-5 * (k + 1));
        }
    for (int i = 0; i <= m; i++)
        for (int j = i < m ? n : 0; j < ldc; j++) /* what is not C's stays as it was */
            assert_true(beta == 0 ? isnan(c[i * ldc + j]) : c[i * ldc + j] == before[i * ldc + j]);
    free(a);
    free(b);
    free(c);
    free(before);
}

static void test_codes(void **unused)
{
    const latent_gemm_code *code[] = {NULL, latent_gemm_code_avx2(), latent_gemm_code_avx512()};
    (void)unused;
    for (int i = 0; i < 3; i++)
        if (!i || code[i])
            for (size_t s = 0; s < SHAPES; s++)
                for (int how = 0; how < 8; how++)
                    check(code[i], shapes[s], how);
        else
            printf("not tested: this processor lacks one of the codes\n");
}

/* The pool's pieces are the whole. */
static void test_pieces(void **unused)
{
    static const int large[][3] = {{1000, 9, 4}, {30, 1000, 17}, {800, 800, 10}};
    (void)unused;
    for (int s = 0; s < 3; s++)
        for (int how = 0; how < 8; how++) {
            int m = large[s][0], n = large[s][1], k = large[s][2], ta = how & 1, tb = how >> 1 & 1;
            float *a = some((size_t)(m * k), 1), *b = some((size_t)(k * n), 2);
            float *c = some((size_t)(m * n), 3), *d = some((size_t)(m * n), 3);
            float beta = how & 4 ? 0.5f : 0;
            latent_gemm(ta, tb, m, n, k, a, b, beta, c);
            latent_gemm_alone(ta, tb, m, n, k, a, ta ? m : k, b, tb ? k : n, beta, d, n);
            for (int i = 0; i < m * n; i++)
                assert_true(fabsf(c[i] - d[i]) < 1e-5f * (float)(k + 1));
            free(a);
            free(b);
            free(c);
            free(d);
        }
}

static void test_choice(void **unused)
{
    const latent_gemm_code *wide = latent_gemm_code_avx512(), *best = latent_gemm_code_avx2();
    (void)unused;
    if (wide)
        best = wide;
    assert_ptr_equal(latent_gemm_instead_of("Prescott"), best);
    assert_ptr_equal(latent_gemm_instead_of("Barcelona"), best);
    assert_null(latent_gemm_instead_of("Haswell"));
    assert_null(latent_gemm_instead_of("Zen"));
    assert_null(latent_gemm_instead_of("SkylakeX"));
    assert_null(latent_gemm_instead_of("a name of later years"));
}

static void test_matvec(void **unused)
{
    (void)unused;
    for (int in = 1; in < 70; in += 3)
        for (int out = 1; out < 20; out += 5) {
            float *w = some((size_t)(in * out), 1), *x = some((size_t)in, 2), y[20];
            latent_matvec(w, x, y, out, in);
            for (int o = 0; o < out; o++)
                assert_true(fabs(dot(w + o * in, x, (size_t)in) - (double)y[o]) < 1e-5);
            free(w);
            free(x);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_codes), cmocka_unit_test(test_pieces),
                                       cmocka_unit_test(test_choice),
                                       cmocka_unit_test(test_matvec)};
    latent_threads_set(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
