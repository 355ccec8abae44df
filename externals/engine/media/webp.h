/* webp: the first picture of an animated WebP, which FFmpeg does not read, as a file of its own,
   which it does. */
#ifndef LATENT_WEBP_H
#define LATENT_WEBP_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int h, w;      /* of the whole picture */
    int top, left; /* where the first one lies in it */
    uint8_t
        *picture; /* a WebP file, malloc'd with 64 zeroes behind it; NULL: nothing can be found */
    size_t size;
} latent_webp;

/* 1 when the file is an animated WebP, else 0.  Reads by pread() only. */
int latent_webp_first(int fd, latent_webp *found);

#endif
