/* track: a sound file as an even stream of samples, in the form that an encoder wants, for films
   that get a sound.  Every file that FFmpeg reads by itself: WAV, AIFF, FLAC, MP3, OGG, M4A ... */
#ifndef LATENT_TRACK_H
#define LATENT_TRACK_H
#include "../error.h"
#include <libavutil/frame.h>

typedef struct latent_track latent_track;

/* Opens the file and decodes its first samples.  NULL and a sentence. */
latent_track *latent_track_open(const char *path, latent_error *e);
void latent_track_close(latent_track *s);         /* may be NULL */
int latent_track_rate(const latent_track *s);     /* of the file, samples a second */
int latent_track_channels(const latent_track *s); /* of the file */

/* From now on samples come in this form. channels: 1 or 2.  0, or -1 and a sentence. */
int latent_track_as(latent_track *s, int rate, int channels, enum AVSampleFormat format,
                    latent_error *e);
/* Fills the frame's buffers with its nb_samples next samples; after the file's end with silence.
   0, or -1 and a sentence. */
int latent_track_fill(latent_track *s, AVFrame *frame, latent_error *e);

#endif
