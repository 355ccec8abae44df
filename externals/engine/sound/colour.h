/* colour: walks through latents whose numbers wander like 1/f^b noise: b 0 jumps about (white), 1
   is what nature does (pink), 2 drifts (brown), 3 is a slow swell.  For [latent.noise]. */
#ifndef LATENT_COLOUR_H
#define LATENT_COLOUR_H
#include "../base/deferred_free.h"
#include "../base/error.h"
#include <stdatomic.h>
#include <stdint.h>

#define LATENT_WALK_MOST ((size_t)1 << 26) /* numbers in a walk */

typedef struct {
    latent_deferred_free grave;
    int length, n;  /* points; numbers of each */
    int closed;     /* after the last point comes the first again */
    float points[]; /* [length][n] */
} latent_coloured;

/* A walk of length points (2 at least) of n numbers.  Each number by itself is a row of length
   values with the power spectrum 1/f^b, mean 0 and mean square 1 in all, made of normally
   distributed Fourier coefficients (Timmer and Koenig 1995), which RandomState(seed) draws: first
   all of number 0, then all of number 1 ...; an open walk is the first half of a closed one of
   twice the length, brought to mean square 1 again (its mean is not 0).  NULL and a
   sentence when it is too long, there is no memory, or *cancel is set.  Slow: on a worker. */
latent_coloured *latent_coloured_new(uint32_t seed, double b, int length, int n, int closed,
                                     const atomic_int *cancel, latent_error *e);

/* Constant time: another thread does the work.  May be NULL. */
void latent_coloured_free(latent_coloured *walk);

/* The point at a position: whole numbers are the points, between them runs a spline; a closed walk
   goes round, an open one stands at its ends.  position is finite. */
void latent_coloured_at(const latent_coloured *walk, double position, float *out);

#endif
