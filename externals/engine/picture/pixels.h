/* pixels: from pictures as the networks make them, numbers in [-1, 1], to bytes as screens and
   files want them, and from one size to another.  For [latent.view] and [latent.write]. */
#ifndef LATENT_PIXELS_H
#define LATENT_PIXELS_H
#include "../graph/tensor.h"
#include <stdint.h>

#pragma GCC visibility push(default)

/* x*127.5+127.5, rounded and clamped; what is no number is 0. */
uint8_t latent_pixels_byte(float x);

/* Can a value of this shape be shown: one picture of 1, 3 or 4 channels?  0, or -1 and a sentence.
 */
int latent_pixels_check(latent_shape s, latent_error *e);

/* A picture [1][h][w][1, 3 or 4] as h rows of w pixels of channels bytes.  channels 1: grey, of a
   coloured picture its luma (Rec. 601); 3: red, green, blue; 4: and opacity, 255 where there is
   none.  With fewer than 4 a picture with opacity is laid on white. */
void latent_pixels_from(const latent_tensor *t, int channels, uint8_t *bytes);

/* The largest size with the proportions of h x w that fits into room_h x room_w, at least 1 x 1. */
void latent_pixels_fit(int h, int w, int room_h, int room_w, int *to_h, int *to_w);

typedef enum {
    LATENT_BLOCKS,  /* a pixel becomes a square: one sees what the network drew */
    LATENT_BILINEAR /* pixels run into each other */
} latent_enlarging;

/* Another size: made smaller by the mean over the area of each new pixel, made larger as said, each
   direction by itself.  channels 1 to 4; opacity is treated like a colour, so flatten first.
   to has room for to_h*to_w*channels bytes.  0, or -1 when there is no memory. */
int latent_pixels_scale(const uint8_t *from, int h, int w, int channels, uint8_t *to, int to_h,
                        int to_w, latent_enlarging enlarging, latent_error *e);

#pragma GCC visibility pop
#endif
