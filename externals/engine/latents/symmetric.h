/* symmetric: eigenvalues and eigenvectors of symmetric matrices, and linear equations with positive
   definite ones: for principal components ([latent.directions]) and regression ([latent.drive]).
   All in double precision, on the calling thread, without BLAS, so that the same numbers come out
   whatever library is linked. */
#ifndef LATENT_SYMMETRIC_H
#define LATENT_SYMMETRIC_H
#include "../base/error.h"
#include <stdatomic.h>

#pragma GCC visibility push(default)

/* a[n][n] is symmetric (its lower triangle is read) and is destroyed.  values[n] come in descending
   order, vectors[n][n] are their eigenvectors, one a row, of length 1, each with the sign that
   makes its number of largest size positive.  Householder's reduction to three diagonals, then QL
   steps with implicit shifts (Martin, Reinsch and Wilkinson 1968; Dubrulle, Martin and Wilkinson
   1968).  0, or -1 and a sentence (no memory, NaN or infinity, cancelled).
   512 x 512: about half a second. */
int latent_symmetric_eigen(double *a, int n, double *values, double *vectors,
                           const atomic_int *cancel, latent_error *e);

/* Solves A x = b for n_right columns: a[n][n] symmetric and positive definite (its lower triangle
   is read) and is destroyed, b[n][n_right] becomes the solution.  By Cholesky's decomposition.
   0, or -1 and a sentence when A is not positive definite. */
int latent_symmetric_solve(double *a, int n, double *b, int n_right, latent_error *e);

/* g[n][n] += sum over the rows of x[rows][n] of x^T x: only the lower triangle. */
void latent_symmetric_add(double *g, int n, const float *x, int rows);

#pragma GCC visibility pop
#endif
