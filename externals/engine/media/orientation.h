/* orientation: which way is up, as cameras and programs note it in a file: as where the picture's
   first row and column go.  What FFmpeg tells with a frame is understood here; what it does not
   read (PNG's eXIf, TIFF's tag 274) is read here. */
#ifndef LATENT_ORIENTATION_H
#define LATENT_ORIENTATION_H
#include <stdint.h>

typedef struct {
    int swap;           /* rows become columns */
    int flip_x, flip_y; /* after that, columns and rows are counted from the other end */
} latent_orientation;

/* EXIF's eight ways, of which 1 is as it lies; so is any other number. */
latent_orientation latent_orientation_of_exif(int way);
/* The nine numbers of a display matrix: quarter turns and mirrors; anything else is as it lies. */
latent_orientation latent_orientation_of_matrix(const int32_t m[9]);
/* Turned further: a quarter to the left, mirrored. */
latent_orientation latent_orientation_left(latent_orientation t);

/* Whether a file is a PNG or a TIFF, and how it is to be turned then.  Reads by pread() only. */
int latent_orientation_read(int fd, latent_orientation *t);

/* A whole number of a TIFF's first directory (259: its compression ...); -1 where there is none. */
int64_t latent_orientation_tiff(int fd, unsigned tag);

#endif
