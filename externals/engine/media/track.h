/* track: a sound file as an even stream of samples, in the form that an encoder wants, for films
   that get a sound, and for [latent.soundfile].  Every file that FFmpeg reads by itself: WAV, AIFF,
   FLAC, MP3, AAC, OGG, M4A ... */
#ifndef LATENT_TRACK_H
#define LATENT_TRACK_H
#include "../base/error.h"
#include <libavutil/frame.h>

typedef struct latent_track latent_track;

/* Opens the file and decodes its first samples.  NULL and a sentence. */
latent_track *latent_track_open(const char *path, latent_error *e);
void latent_track_close(latent_track *s);             /* may be NULL */
int latent_track_rate(const latent_track *s);         /* of the file, samples a second */
int latent_track_channels(const latent_track *s);     /* of the file */
const char *latent_track_kind(const latent_track *s); /* of the file, in FFmpeg's words */

#define LATENT_TRACK_LOUDEST                                                                       \
    1e4 /* full scale is 1; a number beyond that is no sample, but silence */
/* How many samples, of those that have been used, were no numbers. */
double latent_track_spoiled(const latent_track *s);

/* From now on samples come in this form.  channels: 1, 2, or as many as the file has.  0, or -1 and
   a sentence. */
int latent_track_as(latent_track *s, int rate, int channels, enum AVSampleFormat format,
                    latent_error *e);
/* Writes the next n samples into the planes (one, where the format is packed); returns how many,
   fewer only at the file's end.  -1 and a sentence. */
int latent_track_read(latent_track *s, void **planes, int n, latent_error *e);
/* Fills the frame's buffers with its nb_samples next samples; after the file's end with silence.
   0, or -1 and a sentence. */
int latent_track_fill(latent_track *s, AVFrame *frame, latent_error *e);

#endif
