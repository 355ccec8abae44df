/* film: a film that is being written, by FFmpeg's libraries, picture by picture, for
   [latent.write].  The container follows from the name's ending: .mp4, .m4v, .mov (H.264, AAC),
   .mkv (H.264 and Opus; at quality 100 FFV1 and FLAC, which lose nothing), .webm (VP9, Opus), .gif
   and .apng (no sound).  What has been written can be read although the film is never closed, but
   for the last second or so.  The same pictures give the same bytes. */
#ifndef LATENT_FILM_H
#define LATENT_FILM_H
#include "../base/error.h"
#include <stdint.h>

#define LATENT_FILM_ENDINGS ".mp4 .m4v .mov .mkv .webm .gif .apng"

typedef struct {
    double fps;     /* pictures a second, 0.1 to 240 (GIF: at most 50) */
    int size;       /* of the longer side; 0: as the first picture is */
    double quality; /* 0 to 100 */
    const char
        *sound; /* a sound file, or NULL; cut, or filled with silence, to the film's length */
} latent_film_settings;

typedef struct latent_film latent_film;

/* Is this a film's name? */
int latent_film_named(const char *path);

/* Makes the file; a film that was there is kept under the name with a ~ behind it.  NULL and a
   sentence (no such folder, no encoder, a sound that can't be read).  Takes its time, like the
   functions below: on a worker.  The film has one holder, and may be used by several threads. */
latent_film *latent_film_open(const char *path, const latent_film_settings *settings,
                              latent_error *e);
/* How many samples of its sound were no numbers: they are silent.  Once it is closed. */
double latent_film_spoiled(const latent_film *f);
/* Was there one before? */
int latent_film_had_older(const latent_film *f);
latent_film *latent_film_retain(latent_film *f);
/* Lets go (f may be NULL); any thread, at once.  A film that nobody holds is closed by a worker. */
void latent_film_release(latent_film *f);

/* One more picture, h rows of w pixels of 3 bytes, to be shown from at / fps seconds on until the
   next one; at grows from call to call.  The first gives the film its size; others are fitted into
   it.  0, or -1 and a sentence (the disk is full ...); nothing more can be added then. */
int latent_film_add(latent_film *f, const uint8_t *rgb, int h, int w, int64_t at, latent_error *e);

/* Ends the film, which becomes end / fps seconds long (at least one picture more than the last at).
   A film without pictures leaves no file, and what was there before comes back.  0, or -1 and a
   sentence. */
int latent_film_close(latent_film *f, int64_t end, latent_error *e);

#endif
