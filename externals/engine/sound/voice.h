/* voice: numbers made audible: a list as the spectrum of a bank of oscillators or of a wavetable, a
   picture as a spectrogram that is read from left to right.  For [latent.voice~].

   Nothing jumps: amplitudes and frequencies glide, a wavetable fades into the next one, and what
   comes while it does waits, the newest winning; so data may come at any rate.  The functions that
   play, and those that take data, allocate nothing. */
#ifndef LATENT_VOICE_H
#define LATENT_VOICE_H
#include "../base/error.h"
#include "../graph/tensor.h"

#define LATENT_VOICE_PARTIALS 1024 /* at most; a longer list is cut */
#define LATENT_VOICE_MODES "bank wave"
typedef enum { LATENT_BANK, LATENT_WAVE } latent_voice_mode;
/* Where partial k of n lies: evenly on the mel scale between low and high, as the bands of the ear;
   in equal intervals from low to high; or at (k + 1) pitch. */
#define LATENT_VOICE_TUNINGS "mel log harmonic"
typedef enum { LATENT_TUNE_MEL, LATENT_TUNE_LOG, LATENT_TUNE_HARMONIC } latent_voice_tuning;

typedef struct {
    latent_voice_mode mode;
    latent_voice_tuning tuning; /* of the bank; a wavetable is harmonic */
    double pitch, low, high;    /* Hz */
    double glide;               /* ms: the time constant of everything that moves; 5 at least */
    double level;               /* rms of the sound when all numbers are 1 or -1 */
    double bend;                /* semitones that a mean of 1 bends a partial by (stats) */
    double time;                /* seconds for a whole picture; 0: stand still */
    int loop;                   /* begin again at the end of a picture; else fall silent */
} latent_voice_settings;

/* A picture's columns as spectra; row 0 is the lowest. */
typedef struct {
    int columns, rows;
    float amplitude[]; /* [columns][rows], 0..1 for pictures */
} latent_spectra;

typedef struct latent_voice latent_voice;

/* Slow (makes a plan).  NULL and a sentence when there is no memory. */
latent_voice *latent_voice_new(latent_error *e);
void latent_voice_free(latent_voice *v); /* with its picture; may be NULL */

void latent_voice_set(latent_voice *v, const latent_voice_settings *s);
void latent_voice_rate(latent_voice *v, double sample_rate);
/* Partial k gets the amplitude |x[k]| (a wavetable also its sign).  n 0: silence. */
void latent_voice_list(latent_voice *v, const float *x, int n);
/* Means and deviations, as [latent.tap] has them: x[2n].  Partial k sounds with deviation k, bent
   from its place in the tuning by bend times mean k (no further than +-1). */
void latent_voice_stats(latent_voice *v, const float *x, int n);
/* Reads this picture from now on (from where the last one was); takes it over and returns the one
   before, which the caller frees by free(). */
latent_spectra *latent_voice_picture(latent_voice *v, latent_spectra *picture);
void latent_voice_position(latent_voice *v, double place); /* 0 to 1 */
double latent_voice_place(const latent_voice *v);

/* The next n samples. */
void latent_voice_play(latent_voice *v, float *out, int n);

/* A picture (1 to 4 channels: its luma, -1 to 1 become 0 to 1) or features (the mean of all
   channels' sizes); scaled down to 1024 columns and LATENT_VOICE_PARTIALS rows at most, by means.
   malloc'd, NULL and a sentence when there is no memory.  For a worker. */
latent_spectra *latent_spectra_from(const latent_tensor *t, latent_error *e);

#endif
