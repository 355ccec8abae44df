/* mean: the middle of all styles of a network and how far they lie from it, by drawing many (as
   projectors begin, Karras et al. 2020, appendix D). */
#ifndef LATENT_MEAN_H
#define LATENT_MEAN_H
#include "model.h"

#pragma GCC visibility push(default)

/* The mean [w_dim] of the styles of samples z, drawn one after another from RandomState(seed);
   *deviation: the root of the mean square of a number's distance from it.  classes as in
   latent_model_map().  0, or -1 and a sentence.  Takes long: not on Pd's thread. */
int latent_mean_style(const latent_model *m, const float *classes, int samples, uint32_t seed,
                      const atomic_int *cancel, float *mean, double *deviation, latent_error *e);

#pragma GCC visibility pop
#endif
