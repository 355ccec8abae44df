/* film_reader: a film that is being read, frame by frame and frame-exact, by FFmpeg's libraries,
   for [latent.image].  The file is listed once when it is opened (which pictures, at what times),
   so that every frame has a number and is found again, whichever way one comes to it.  What
   picture.h says of strangers' files holds here too. */
#ifndef LATENT_FILM_READER_H
#define LATENT_FILM_READER_H
#include "../graph/tensor.h"
#include <stdint.h>

#define LATENT_REEL_FRAMES (1 << 22) /* the most that are read: 38 hours at 30 a second */

typedef struct latent_film_reader latent_film_reader;

typedef struct {
    int frames;
    double fps; /* the mean */
    double ms;  /* how long it is */
    int h, w;   /* as the file says; frames may differ, and be turned */
} latent_film_reader_info;

/* Opens a film: *reel is NULL when the file is no film but something else, maybe a still picture
   (0 is returned and no more is known of it).  0, or -1 and a sentence.  permille, or NULL, is told
   how far it is.  Takes long: on a worker, like latent_film_reader_frame(). */
int latent_film_reader_open(const char *path, const atomic_int *cancel, atomic_int *permille,
                            latent_film_reader **reel, latent_error *e);
latent_film_reader *latent_film_reader_retain(latent_film_reader *r);
/* Lets go (r may be NULL); any thread, at once. */
void latent_film_reader_release(latent_film_reader *r);

latent_film_reader_info latent_film_reader_about(const latent_film_reader *r);
/* The frame that is seen at that time: 0 to frames - 1. */
int latent_film_reader_at(const latent_film_reader *r, double ms);
double latent_film_reader_ms(const latent_film_reader *r, int frame); /* when it begins */

/* Frame number n as a tensor, see latent_picture_read().  One thread at a time. */
latent_tensor *latent_film_reader_frame(latent_film_reader *r, int n, int channels,
                                        const atomic_int *cancel, latent_error *e);

#endif
