/* gemm_kernels: a product of matrices, included once for each kind of processor by gemm_avx2.c and
   gemm_avx512.c, which define LATENT_SIMD, PANEL and ROWS as conv_kernels.h says.  It serves where
   BLAS does not know the processor (gemm.c).  After Goto and van de Geijn 2008, "Anatomy of
   high-performance matrix multiplication": a block of A is packed once, a panel of B at a time, and
   the sums of ROWS x WIDTH numbers of C stay in registers. */
#include "gemm_code.h"
#include "products.h"
#include <string.h>

#define BLOCK 192 /* rows of A: with DEPTH, what stays in the second cache */
#define DEPTH 256 /* a panel of B stays in the first */

INLINE void copy(const float *from, int n, float *to)
{
    int i = 0;
    for (; i + VL <= n; i += VL)
        store(to + i, load(from + i));
    for (; i < n; i++)
        to[i] = from[i];
}

/* Rows of A, or its columns where it lies on its side, as [rows][k]. */
static void pack_a(const latent_gemm_job *j, int row, int rows, int from, int k, size_t stride,
                   float *to)
{
    const float *a = j->a;
    if (!j->transpose_a)
        for (int r = 0; r < rows; r++)
            copy(a + (size_t)(row + r) * (size_t)j->lda + from, k, to + (size_t)r * stride);
    else
        turn(a + (size_t)from * (size_t)j->lda + row, (size_t)j->lda, k, rows, to, stride);
}

/* Columns of B as [k][WIDTH]; those that there are not are 0. */
static void pack_b(const latent_gemm_job *j, int column, int columns, int from, int k, float *to)
{
    const float *b = j->b;
    if (columns < WIDTH)
        memset(to, 0, (size_t)(k * WIDTH) * sizeof(float));
    if (!j->transpose_b)
        for (int i = 0; i < k; i++)
            copy(b + (size_t)(from + i) * (size_t)j->ldb + column, columns, to + i * WIDTH);
    else
        turn(b + (size_t)column * (size_t)j->ldb + from, (size_t)j->ldb, columns, k, to, WIDTH);
}

/* c[R][columns] = a[R][k] b[k][WIDTH] + beta c */
INLINE void multiply_rows(const int R, const float *a, size_t stride, const float *b, int k,
                          float beta, float *c, int ldc, int columns)
{
    vec sum[ROWS][PANEL];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            sum[r][v] = all(0);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) /* what is written at the end */
#pragma GCC unroll 4
        for (int v = 0; v < PANEL * VL; v += 16)
            __builtin_prefetch(c + (size_t)r * (size_t)ldc + v, 1);
    add_products(R, a, stride, b, 0, k, sum);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++) {
            float *to = c + (size_t)r * (size_t)ldc + v * VL;
            int some = columns - v * VL;
            if (some >= VL)
                store(to, beta == 0 ? sum[r][v] : madd(all(beta), load(to), sum[r][v]));
            else if (some > 0)
                store_some(to,
                           beta == 0 ? sum[r][v] : madd(all(beta), load_some(to, some), sum[r][v]),
                           some);
        }
}

static void multiply_panel(int rows, const float *a, size_t stride, const float *b, int k,
                           float beta, float *c, int ldc, int columns)
{
    for (; rows >= ROWS; rows -= ROWS, a += ROWS * stride, c += (size_t)ROWS * (size_t)ldc)
        multiply_rows(ROWS, a, stride, b, k, beta, c, ldc, columns);
    for (; rows >= 4; rows -= 4, a += 4 * stride, c += (size_t)4 * (size_t)ldc)
        multiply_rows(4, a, stride, b, k, beta, c, ldc, columns);
    for (; rows; rows--, a += stride, c += ldc)
        multiply_rows(1, a, stride, b, k, beta, c, ldc, columns);
}

static void multiply(const latent_gemm_job *j)
{
    float a[BLOCK * DEPTH], b[DEPTH * WIDTH];
    size_t stride = j->k < DEPTH ? (size_t)j->k : DEPTH; /* of a */
    for (int from = 0; from < j->k; from += DEPTH) {
        int k = j->k - from < DEPTH ? j->k - from : DEPTH;
        for (int row = 0; row < j->m; row += BLOCK) {
            int rows = j->m - row < BLOCK ? j->m - row : BLOCK;
            pack_a(j, row, rows, from, k, stride, a);
            for (int column = 0; column < j->n; column += WIDTH) {
                int columns = j->n - column < WIDTH ? j->n - column : WIDTH;
                pack_b(j, column, columns, from, k, b);
                multiply_panel(rows, a, stride, b, k, from ? 1 : j->beta,
                               j->c + (size_t)row * (size_t)j->ldc + column, j->ldc, columns);
            }
        }
    }
}

static const latent_gemm_code code = {CODE_NAME, multiply};
