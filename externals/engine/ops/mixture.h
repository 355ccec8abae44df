/* mixture: a mixture of normal distributions as the last layer of a network gives it (Bishop 1994):
   [parts] the logarithms of the weights (not yet adding up to 1), [parts][wide] means,
   [parts][wide] logarithms of the deviations, kept within limits.  For the loss and for those who
   draw from it. */
#ifndef LATENT_MIXTURE_H
#define LATENT_MIXTURE_H
#include <stddef.h>

#pragma GCC visibility push(default)

#define LATENT_MIXTURE_PARTS 16 /* at most */
#define LATENT_MIXTURE_LEAST -5.f
#define LATENT_MIXTURE_MOST 2.f

/* The logarithm of the sum of the exponentials of x[n]. */
double latent_log_sum(const float *x, size_t n);
/* How many numbers a mixture has. */
size_t latent_mixture_numbers(int parts, int wide);
const float *latent_mixture_mean(const float *m, int parts, int wide, int part);
float latent_mixture_deviation(const float *m, int parts, int wide, int part, int i);
/* The logarithm of y's density; share[parts]: how likely y came from each part, adding up to 1. */
double latent_mixture_log(const float *m, int parts, int wide, const float *y, double *share);

#pragma GCC visibility pop
#endif
