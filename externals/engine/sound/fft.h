/* fft: real Fourier transforms of one length by FFTW in single precision, for everything here that
   needs one.  Plans are made by FFTW_ESTIMATE: that measures nothing, so the same machine makes the
   same plan, and gives the same numbers, every time. */
#ifndef LATENT_FFT_H
#define LATENT_FFT_H
#include "../base/error.h"

typedef struct {
    int n;              /* an even length */
    float *time;        /* [n] */
    float (*freq)[2];   /* [n/2 + 1]: real and imaginary part */
    void *there, *back; /* the plans */
    int shared;         /* the plans are everybody's, and stay */
} latent_fft;

/* Slow, and waits for other makers of plans: not on Pd's thread, unless offline.  NULL and a
   sentence when there is no memory.  The planner is made safe for threads first, for all users of
   FFTW in this process. */
latent_fft *latent_fft_new(int n, latent_error *e);
/* The same with plans that are made once for all who ask for this length, and kept for good: for
   the few lengths that live boxes use. */
latent_fft *latent_fft_shared(int n, latent_error *e);
/* Quick on any thread when the plans are shared; else it may wait for a maker of plans.  f may be
   NULL. */
void latent_fft_free(latent_fft *f);

/* freq[k] = sum of time[j] exp(-2 pi i j k / n); time stays. */
void latent_fft_forward(latent_fft *f);
/* time[j] = sum over all n k of freq[k] exp(2 pi i j k / n), freq[n - k] being the conjugate of
   freq[k]: n times what forward began with.  freq is lost. */
void latent_fft_inverse(latent_fft *f);

#endif
