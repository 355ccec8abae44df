/* sound: a sound file as an even stream of samples, in the form that an encoder wants, for films
   that get a sound.  Every file that FFmpeg reads by itself: WAV, AIFF, FLAC, MP3, OGG, M4A ... */
#ifndef LATENT_SOUND_H
#define LATENT_SOUND_H
#include "../error.h"
#include <libavutil/frame.h>

typedef struct latent_sound latent_sound;

/* Opens the file and decodes its first samples.  NULL and a sentence. */
latent_sound *latent_sound_open(const char *path, latent_error *e);
void latent_sound_close(latent_sound *s);         /* may be NULL */
int latent_sound_rate(const latent_sound *s);     /* of the file, samples a second */
int latent_sound_channels(const latent_sound *s); /* of the file */

/* From now on samples come in this form. channels: 1 or 2.  0, or -1 and a sentence. */
int latent_sound_as(latent_sound *s, int rate, int channels, enum AVSampleFormat format,
                    latent_error *e);
/* Fills the frame's buffers with its nb_samples next samples; after the file's end with silence.
   0, or -1 and a sentence. */
int latent_sound_fill(latent_sound *s, AVFrame *frame, latent_error *e);

#endif
