/* heif: what stands around the picture in an AVIF or HEIC file (ISO 23008-12), as far as FFmpeg
   does not say it: which way is up, where the opacity lies, and of what kind the picture is. */
#ifndef LATENT_HEIF_H
#define LATENT_HEIF_H
#include "orientation.h"

typedef struct {
    char kind[5]; /* of the file's picture: "av01", "hvc1", "grid" (tiles) ...; "" when there is
                     none */
    latent_orientation turn;
    int64_t
        alpha; /* where its opacity begins in the file, as a picture of that kind, and its size; */
    int64_t alpha_size; /* 0: it has none */
} latent_heif;

/* Reads by pread() only.  Nothing in the file is believed.  What can't be understood is as if it
   were not there. */
latent_heif latent_heif_read(int fd);

#endif
