/* features: the parts of the ear, each with a state of its own; ear.h has their definitions. */
#ifndef LATENT_SOUND_FEATURES_H
#define LATENT_SOUND_FEATURES_H
#include "fft.h"

/* ---- filters: triangles on the mel scale */

typedef struct {
    int bands;
    int *first, *count; /* [bands]: the bins of each */
    float *weights;     /* all one after another */
} latent_filters;

/* For bins 0 .. n/2 of a transform of n samples.  0, or -1 when there is no memory. */
int latent_filters_init(latent_filters *f, int bands, int n, double sample_rate, double low,
                        double high);
void latent_filters_free(latent_filters *f);
void latent_filters_apply(const latent_filters *f, const float *spectrum, float *out);

/* ---- the spectrum and what follows from it alone */

#define LATENT_QUIET 1e-5

/* power[k], amplitude[k] for k = 0 .. n/2 from fft->freq of windowed samples */
void latent_spectrum_of(const latent_fft *fft, float *power, float *amplitude);
double latent_rms(const float *x, int n);
double latent_centroid(const float *amplitude, int n, double sample_rate);
double latent_flatness(const float *power, int n);
/* [12]; power may be 0 everywhere */
void latent_chroma(const float *power, int n, double sample_rate, float *chroma);

/* ---- flux and onsets */

#define LATENT_FLUX_BANDS 80
#define LATENT_FLUX_PAST 16 /* hops that flux looks back at most: hop is at least window/16 */
#define LATENT_MEDIAN_MOST 96

typedef struct {
    int lag;                                         /* hops */
    float past[LATENT_FLUX_PAST][LATENT_FLUX_BANDS]; /* logarithms of the last hops, a ring */
    double recent[LATENT_MEDIAN_MOST];               /* flux of the last hops, a ring */
    double recent_bass[LATENT_MEDIAN_MOST];
    int n_recent, gap; /* hops: of the median; after an onset */
    long hops, last;
    int armed;
} latent_onsets;

void latent_onsets_init(latent_onsets *o, int window, int hop, double sample_rate);
/* bands: sums of w A.  Returns flux; *beyond is how much begins, for the tempo, *strength the
   onset's or 0. */
double latent_onsets_step(latent_onsets *o, const float *bands, double *beyond, double *strength);

/* ---- pitch */

/* x[n], destroyed; fft of n points; d[n/2 + 1] is scratch.  Returns the frequency in Hz and the
   confidence 0..1; silence: 0 and 0. */
double latent_pitch(latent_fft *fft, const float *x, double sample_rate, double *d,
                    double *confidence);

/* ---- tempo */

typedef struct {
    double rate;         /* of the envelope, a second */
    int every, counted;  /* hops to one number of the envelope */
    double gathered;     /* their largest */
    int lags;            /* how far back the autocorrelation looks */
    double *past;        /* [lags], a ring */
    double *correlation; /* [lags] */
    int at;
    double forget;
    double period, phase, confidence; /* period in numbers of the envelope; 0: none yet */
} latent_tempo;

int latent_tempo_init(latent_tempo *t, double hops_a_second); /* 0, or -1: no memory */
void latent_tempo_free(latent_tempo *t);
void latent_tempo_reset(latent_tempo *t);
/* One hop further. */
void latent_tempo_step(latent_tempo *t, double beyond);
double latent_tempo_bpm(const latent_tempo *t);

#endif
