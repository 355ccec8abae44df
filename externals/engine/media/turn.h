/* turn: which way is up, as cameras and programs note it in a file: as where the picture's first
   row and column go.  What FFmpeg tells with a frame is understood here; what it does not read
   (PNG's eXIf, TIFF's tag 274) is read here. */
#ifndef LATENT_TURN_H
#define LATENT_TURN_H
#include <stdint.h>

typedef struct {
    int swap;           /* rows become columns */
    int flip_x, flip_y; /* after that, columns and rows are counted from the other end */
} latent_turn;

/* EXIF's eight ways, of which 1 is as it lies; so is any other number. */
latent_turn latent_turn_of_exif(int way);
/* The nine numbers of a display matrix: quarter turns and mirrors; anything else is as it lies. */
latent_turn latent_turn_of_matrix(const int32_t m[9]);
/* Turned further: a quarter to the left, mirrored. */
latent_turn latent_turn_left(latent_turn t);

/* Whether a file is a PNG or a TIFF, and how it is to be turned then.  Reads by pread() only. */
int latent_turn_read(int fd, latent_turn *t);

/* A whole number of a TIFF's first directory (259: its compression ...); -1 where there is none. */
int64_t latent_turn_tiff(int fd, unsigned tag);

#endif
