/* gemm: see gemm.h.  The work is cut by the matrices' shapes alone, so that every number is summed
   in the same order whatever the number of threads. */
#include "gemm.h"
#include "../base/parallel.h"
#include "gemm_code.h"
#include <cblas.h>
#include <pthread.h>
#include <string.h>

#define LANES 8       /* running sums of a dot product, which the compiler keeps in vectors */
#define MIN_ROWS 48   /* what every BLAS kernel's tile divides */
#define GOOD_ROWS 384 /* below this a BLAS call spends its time packing the other matrix */
#define MAX_PIECES 16
#define VECTOR_ROWS 32 /* of a matrix times a vector, one item of the pool's */

/* OpenBLAS would start threads of its own beside the pool's.  Another BLAS lacks these functions.
 */
void openblas_set_num_threads(int n) __attribute__((weak));
char *openblas_get_corename(void) __attribute__((weak));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const latent_gemm_code *ours; /* NULL: BLAS; set once */

/* A processor that is newer than the OpenBLAS gets its oldest kernels, a fifth as fast as its best:
   so Debian 12's, of 2022, on an Intel of 2023. */
const latent_gemm_code *latent_gemm_instead_of(const char *core)
{
    static const char *const old[] = {"Prescott", "Core2", "Nehalem", "Barcelona", "Sandybridge"};
    const latent_gemm_code *wide = latent_gemm_code_avx512();
    for (size_t i = 0; i < sizeof(old) / sizeof(*old); i++)
        if (!strcmp(core, old[i]))
            return wide ? wide : latent_gemm_code_avx2();
    return NULL;
}

static void look_at_blas(void)
{
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
    if (openblas_get_corename)
        ours = latent_gemm_instead_of(openblas_get_corename());
}

void latent_gemm_alone(int transpose_a, int transpose_b, int m, int n, int k, const float *a,
                       int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    pthread_once(&once, look_at_blas);
    if (ours && m > 0 && n > 0 && k > 0) {
        latent_gemm_job j = {transpose_a, transpose_b, m, n, k, a, lda, b, ldb, beta, c, ldc};
        ours->multiply(&j);
    } else
        cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                    transpose_b ? CblasTrans : CblasNoTrans, m, n, k, 1, a, lda, b, ldb, beta, c,
                    ldc);
}

typedef struct {
    int transpose_a, transpose_b, m, n, k;
    const float *a, *b;
    float beta, *c;
    int rows, columns; /* of C, in one piece */
} product;

static void compute_piece(void *context, int i, int slot)
{
    const product *p = context;
    int across = (p->n + p->columns - 1) / p->columns;
    int row = i / across * p->rows, column = i % across * p->columns;
    int m = p->m - row < p->rows ? p->m - row : p->rows;
    int n = p->n - column < p->columns ? p->n - column : p->columns;
    int lda = p->transpose_a ? p->m : p->k, ldb = p->transpose_b ? p->k : p->n;
    const float *a = p->a + (p->transpose_a ? (size_t)row : (size_t)row * (size_t)lda);
    const float *b = p->b + (p->transpose_b ? (size_t)column * (size_t)ldb : (size_t)column);
    (void)slot;
    latent_gemm_alone(p->transpose_a, p->transpose_b, m, n, p->k, a, lda, b, ldb, p->beta,
                      p->c + (size_t)row * (size_t)p->n + column, p->n);
}

/* The side in pieces: two at least where it can be, for two threads. */
static int piece(int side)
{
    int size = (side + MAX_PIECES - 1) / MAX_PIECES, half = (side + 1) / 2;
    if (size < GOOD_ROWS)
        size = half < GOOD_ROWS ? half : GOOD_ROWS;
    size = (size + MIN_ROWS - 1) / MIN_ROWS * MIN_ROWS;
    return size < side ? size : side;
}

void latent_gemm(int transpose_a, int transpose_b, int m, int n, int k, const float *a,
                 const float *b, float beta, float *c)
{
    product p = {transpose_a, transpose_b, m, n, k, a, b, beta, c, m, n};
    if (m < 1 || n < 1)
        return;
    if (m >= n)
        p.rows = piece(m);
    else
        p.columns = piece(n);
    latent_parallel(((m + p.rows - 1) / p.rows) * ((n + p.columns - 1) / p.columns), compute_piece,
                    &p);
}

void latent_matvec(const float *w, const float *x, float *y, int out, int in)
{
    for (int o = 0; o < out; o++, w += in) {
        float sum[LANES] = {0}, rest = 0;
        int i = 0;
        for (; i + LANES <= in; i += LANES)
            for (int l = 0; l < LANES; l++)
                sum[l] += w[i + l] * x[i + l];
        for (; i < in; i++)
            rest += w[i] * x[i];
        y[o] = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7])) +
               rest;
    }
}

typedef struct {
    const float *w, *x;
    float *y;
    int out, in;
} vector_job;

static void some_rows(void *context, int i, int slot)
{
    const vector_job *j = context;
    int first = i * VECTOR_ROWS, left = j->out - first;
    (void)slot;
    latent_matvec(j->w + (size_t)first * (size_t)j->in, j->x, j->y + first,
                  left < VECTOR_ROWS ? left : VECTOR_ROWS, j->in);
}

void latent_matvec_by_pool(const float *w, const float *x, float *y, int out, int in)
{
    vector_job j = {w, x, y, out, in};
    latent_parallel((out + VECTOR_ROWS - 1) / VECTOR_ROWS, some_rows, &j);
}
