/* taps: tables for resampling a line of numbers to another length: for each output place the inputs
   it sees and their weights.  A picture is resampled along its rows, then along its columns. */
#ifndef LATENT_TAPS_H
#define LATENT_TAPS_H
#include "../base/error.h"
#include <stddef.h>

#pragma GCC visibility push(default)

typedef struct {
    int in, out, most; /* lengths; the most inputs that one output sees */
    int *first, *count;
    double *weight; /* [out][most], each row of sum 1 */
} latent_taps;

/* Keys' cubic (a = -1/2) as wide as a pixel of the coarser side: what the Python library Pillow
   calls BICUBIC.  0, or -1 and a sentence. */
int latent_taps_cubic(latent_taps *t, int in, int out, latent_error *e);
/* The mean of the inputs under an output place (adaptive average pooling), or, where there are
   fewer inputs than outputs, straight lines between them (bilinear, the corners' edges aligned). */
int latent_taps_mean(latent_taps *t, int in, int out, latent_error *e);
void latent_taps_free(latent_taps *t);

/* y[down.out][across.out][c] of x[down.in][across.in][c], whose rows lie stride floats apart.
   between: room for [down.in][across.out][c].  On the calling thread. */
void latent_taps_run(const latent_taps *down, const latent_taps *across, int c, const float *x,
                     size_t stride, float *between, float *y);
/* The same way back: adds to gx what gy [down.out][across.out][c] says. */
void latent_taps_back(const latent_taps *down, const latent_taps *across, int c, const float *gy,
                      float *between, float *gx, size_t stride);
/* As run, for numbers that are whole, 0 to 255, with Pillow's rounding after each direction. */
void latent_taps_bytes(const latent_taps *down, const latent_taps *across, int c, const float *x,
                       float *between, float *y);

#pragma GCC visibility pop
#endif
