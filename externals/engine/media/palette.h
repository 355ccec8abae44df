/* palette: a picture in at most 256 colours, for GIF.  The colours are found by the median cut
   (Heckbert 1982, "Color image quantization for frame buffer display"): the box of colours with the
   largest spread is divided at its median until there are enough; what lies between two colours is
   laid out in an ordered pattern (Bayer 1973), which stands still from picture to picture. */
#ifndef LATENT_PALETTE_H
#define LATENT_PALETTE_H
#include "../base/error.h"
#include <stdint.h>

/* rgb: h rows of w pixels of 3 bytes.  colours: 2 to 256.  index: h rows, stride bytes apart.
   palette[256] becomes 0xffRRGGBB; unused ones are black.  0, or -1 when there is no memory. */
int latent_palette_reduce(const uint8_t *rgb, int h, int w, int colours, uint8_t *index, int stride,
                          uint32_t *palette, latent_error *e);

#endif
