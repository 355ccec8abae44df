/* soundfile: a whole sound file, heard by the ear once and kept as frames: for [latent.soundfile].
   Reads what libsndfile reads (WAV, AIFF, FLAC, Ogg, MP3 ...), and by FFmpeg what it does not (AAC,
   M4A, MP2 ...). */
#ifndef LATENT_SOUNDFILE_H
#define LATENT_SOUNDFILE_H
#include "../base/deferred_free.h"
#include "ear.h"
#include <stdatomic.h>

typedef struct {
    double sample; /* how many samples had been heard when it was */
    float strength;
    int voice;
} latent_sound_onset;

typedef struct {
    latent_deferred_free grave;
    int channels;
    double samples; /* of each channel */
    double spoiled; /* samples that were no numbers: they were heard as silence */
    char format[64];
    latent_ear_settings settings; /* sample_rate is the file's */
    int count;                    /* numbers of a voice */
    long n_frames;
    float *frames; /* [n_frames][voices][count] */
    long n_onsets;
    latent_sound_onset *onsets;
    int n_points;  /* of the overview */
    float *points; /* the loudest sample (mean of channels) of each of as many equal stretches */
    int stretch;   /* samples to a point */
} latent_sound;

#define LATENT_SOUND_MOST ((size_t)512 << 20) /* bytes of frames */

/* Hears the file from its beginning as the live box would, with silence before.  s: sample_rate and
   voices are taken from the file (voices: 1, or each channel by itself); block is ours.  Stops soon
   after *cancel is set; *permille tells how far it is.  A file that can't be read, or is damaged,
   or holds no sound, is refused: NULL and a sentence. */
latent_sound *latent_sound_read(const char *path, const latent_ear_settings *s, int each,
                                const atomic_int *cancel, atomic_int *permille, latent_error *e);
/* Constant time: another thread does the work.  May be NULL. */
void latent_sound_free(latent_sound *sound);

const float *latent_sound_frame(const latent_sound *sound, long n); /* all voices */
/* The newest frame at that time, -1 before the first. */
long latent_sound_frame_at(const latent_sound *sound, double ms);
/* The strongest onset since the frame before; 0: none. */
double latent_sound_onset_in(const latent_sound *sound, long frame);
/* When an onset began, as well as the ear can tell: the beginning of the hop that brought it. */
double latent_sound_onset_ms(const latent_sound *sound, long onset);

/* The waveform, and the strengths of onsets at their places (else 0), as n points over the whole
   length; n at least 1. */
void latent_sound_waveform(const latent_sound *sound, int n, float *out);
void latent_sound_onsets(const latent_sound *sound, int n, float *out);

#endif
