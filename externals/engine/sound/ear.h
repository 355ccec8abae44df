/* ear: what can be heard in a sound, hop after hop, as numbers: for the live box [latent.ear~] and
   for [latent.soundfile], which therefore say the same about the same samples, to the last bit.

   Every hop samples the newest window samples are looked at (before the first sample there was
   silence).  X is the spectrum under a Hann window (periodic), scaled so that a sine of amplitude a
   has |X| = a; A = |X|, P = A^2; f the frequency of a bin.  "Quiet" is an rms below 1e-5 (-100 dB).

   mel       bands numbers, in dB: 10 log10(1e-10 + sum of w P / 1.5), w triangles of height 1 that
             meet at their middles, evenly spaced on Slaney's mel scale (Auditory Toolbox: linear
             below 1 kHz, 27 steps for a factor of 6.4 above) from low to high Hz; a triangle too
             narrow to hold a bin takes the bin next to its middle.  A full-scale sine gives 0.
   chroma    12 numbers from C up, the largest being 1: the harmonic pitch class profile of Gomez
             (2006): peaks of P from 100 to 5000 Hz (parabola through the logarithms), each adding
             its power to the classes within 2/3 of a semitone, weight cos^2; A is
             440 Hz.  Quiet: 0.
   rms       sqrt(mean of x^2)
   centroid  sum of f A / sum of A, in Hz.  Quiet: 0.
   flatness  the geometric mean of P + 1e-10 by its arithmetic mean, 0 to 1.  Quiet: 0.
   flux      how much has come since the hop a quarter of a window ago: SuperFlux (Boeck and
             Widmer 2013): the mean over 80 bands (as mel, but of A, 30 Hz to 16 kHz) of what
             log10(1 + 1000 sum of w A) exceeds the largest of the band and its neighbours then
             by more than 0.1.
   onset     how far flux exceeds the threshold where something begins, else 0.  The threshold
             is what flux was lately (the median of the last 0.3 s) twice, and a constant; after
             an onset flux must fall below it, and 50 ms must pass.
   pitch     note, confidence: YIN (de Cheveigne and Kawahara 2002) over half a window of
             differences, 40 to 2000 Hz (a window holds two periods at least), threshold 0.15.  The
             note is a MIDI number with its fraction, and stays while the confidence (1 - d') is
             below 0.5.
   tempo     bpm, phase, confidence: from the autocorrelation of flux beyond its median (an
             exponential window of 6 s), 50 to 210 beats a minute; phase rises from 0 at a beat to 1
             at the next.

   What becomes of them then (follow): attack and release (time constants in ms of one-pole filters;
   an onset has no attack) for mel, chroma, rms, centroid, flatness, flux and onset; and, if
   normalise is set, all numbers go to 0..1: those of mel, rms, centroid, flatness, flux and onset
   by the range in which each was lately, note/127, (bpm - 50)/160; the others are there already. */
#ifndef LATENT_EAR_H
#define LATENT_EAR_H
#include "../base/error.h"

#define LATENT_EAR_FEATURES "mel chroma rms centroid flatness flux onset pitch tempo"
typedef enum {
    LATENT_MEL,
    LATENT_CHROMA,
    LATENT_RMS,
    LATENT_CENTROID,
    LATENT_FLATNESS,
    LATENT_FLUX,
    LATENT_ONSET,
    LATENT_PITCH,
    LATENT_TEMPO,
    LATENT_FEATURES
} latent_feature;
#define LATENT_EAR_BANDS 128   /* at most */
#define LATENT_EAR_WINDOW 8192 /* at most */
#define LATENT_EAR_VOICES 64   /* at most */

typedef struct {
    double attack, release; /* ms; 0: at once */
    int normalise, freeze;  /* freeze: the ranges stay as they are */
    double memory;          /* seconds after which a range has forgotten what it was */
} latent_follow;

typedef struct {
    double sample_rate;
    int window, hop;  /* samples; window a power of 2 from 64 on, hop from window/16 to window */
    int bands;        /* of mel */
    double low, high; /* Hz: the range of mel */
    double rate;      /* frames a second; 0: a frame every hop */
    int voices;       /* channels that are heard each by itself */
    int block;        /* at most so many samples come at once */
    latent_follow follow;
} latent_ear_settings;

typedef struct latent_ear latent_ear;

/* Slow (makes plans).  NULL and a sentence when the settings can't be or there is no memory. */
latent_ear *latent_ear_new(const latent_ear_settings *s, latent_error *e);
void latent_ear_free(latent_ear *ear);
const latent_ear_settings *latent_ear_settings_of(const latent_ear *ear);
/* From now on. */
void latent_ear_follow(latent_ear *ear, const latent_follow *f);
/* Forgets what was heard and the ranges. */
void latent_ear_reset(latent_ear *ear);

/* The next n samples of every voice, n at most the block.  Numbers beyond +-1000, or NaN or
   infinity, count as 0.  Only copies; returns how many were left out because latent_ear_step() was
   not called often enough. */
int latent_ear_hear(latent_ear *ear, const float *const *voices, int n);

/* Goes on to the next event in what was heard: 0 when there is none; else LATENT_EAR_PART (one
   voice has heard a hop, others have not yet), LATENT_EAR_HOP (all have: values are new, see
   latent_ear_onset) or LATENT_EAR_FRAME (a frame is due).  A voice takes four Fourier transforms
   for a hop: about 0.05 ms for a window of 2048. */
enum { LATENT_EAR_PART = 1, LATENT_EAR_HOP, LATENT_EAR_FRAME };
int latent_ear_step(latent_ear *ear);

/* The sample up to which all has been gone through: the end of the newest hop. */
double latent_ear_heard(const latent_ear *ear);

/* Did something begin in this hop?  Its strength (raw: how far beyond the threshold), or 0. */
double latent_ear_onset(const latent_ear *ear, int voice);

/* The numbers of a voice, all features in their order: latent_ear_count(bands) of them.  frame: as
   of the frame that is due, in which an onset is the strongest since the frame before. */
const float *latent_ear_values(const latent_ear *ear, int voice);
const float *latent_ear_frame(const latent_ear *ear, int voice);
int latent_ear_count(int bands);
/* Where a feature lies among them. */
void latent_feature_place(int bands, latent_feature f, int *first, int *n);

/* Frame number n (from 0) is due when so many samples have been heard. */
double latent_ear_frame_sample(const latent_ear_settings *s, double n);

#endif
