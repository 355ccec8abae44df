/* jpeg: pictures as JPEG, one after the other, by FFmpeg's encoder, for [latent.stream]. */
#ifndef LATENT_JPEG_H
#define LATENT_JPEG_H
#include "../base/error.h"
#include <stddef.h>
#include <stdint.h>

/* Keeps what the next picture of the same size can use again. */
typedef struct latent_jpeg latent_jpeg;

latent_jpeg *latent_jpeg_new(void); /* NULL: no memory */
void latent_jpeg_free(latent_jpeg *j);

/* h rows of w pixels of red, green and blue, as a whole JPEG file of n bytes, which stay until the
   next call.  quality 1 to 100.  NULL and a sentence.  Takes milliseconds: on a worker. */
const uint8_t *latent_jpeg_encode(latent_jpeg *j, const uint8_t *rgb, int h, int w, int quality,
                                  size_t *n, latent_error *e);

#endif
