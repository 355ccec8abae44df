/* gemm_code: products of matrices of our own, one for each kind of processor, for gemm.c, which
   calls them where BLAS does not know the processor. */
#ifndef LATENT_GEMM_CODE_H
#define LATENT_GEMM_CODE_H
#include <stddef.h>

#pragma GCC visibility push(default)

/* As latent_gemm_alone takes them (gemm.h); m, n and k at least 1. */
typedef struct {
    int transpose_a, transpose_b, m, n, k;
    const float *a;
    int lda;
    const float *b;
    int ldb;
    float beta, *c;
    int ldc;
} latent_gemm_job;

typedef struct {
    const char *name;
    void (*multiply)(const latent_gemm_job *j);
} latent_gemm_code;

/* NULL where the processor is another. */
const latent_gemm_code *latent_gemm_code_avx2(void);
const latent_gemm_code *latent_gemm_code_avx512(void);

/* The fastest of them if core, as openblas_get_corename names it, has no kernels by AVX2 and the
   processor does; otherwise NULL: BLAS is as good or better. */
const latent_gemm_code *latent_gemm_instead_of(const char *core);

#pragma GCC visibility pop
#endif
