/* gemm: products of matrices by BLAS, called single-threaded from the engine's own pool (or by a
   product of our own, gemm_kernels.h, where BLAS does not know the processor), and the product of a
   matrix and a vector for Pd's own thread.  All matrices are row after row. */
#ifndef LATENT_GEMM_H
#define LATENT_GEMM_H

#pragma GCC visibility push(default)

/* C[m][n] = A[m][k] B[k][n] + beta C; with transpose_a, a lies as [k][m], with transpose_b, b lies
   as [n][k].  beta 0 does not read C.  Works with the pool; not from inside a pool body.  The
   result does not depend on the number of threads. */
void latent_gemm(int transpose_a, int transpose_b, int m, int n, int k, const float *a,
                 const float *b, float beta, float *c);

/* The same on the calling thread alone: for the body of a pool's round, which brings its own
   parallel items (heads of attention, pictures of a batch).  lda, ldb, ldc: floats from one row to
   the next. */
void latent_gemm_alone(int transpose_a, int transpose_b, int m, int n, int k, const float *a,
                       int lda, const float *b, int ldb, float beta, float *c, int ldc);

/* y[out] = W[out][in] x[in], on the calling thread: one layer of a mapping network. */
void latent_matvec(const float *w, const float *x, float *y, int out, int in);

/* The same by the pool; not from inside a pool body. */
void latent_matvec_by_pool(const float *w, const float *x, float *y, int out, int in);

#pragma GCC visibility pop
#endif
