/* warp: pictures moved: every pixel of the new one is taken from a place in the old one. */
#ifndef LATENT_WARP_H
#define LATENT_WARP_H
#include "../graph/tensor.h"
#include "effect.h"

/* Where each pixel comes from: places in 0 to 1, mirrored beyond. */
typedef struct {
    latent_effect_kind kind; /* mirror, kaleidoscope, tile, displace or feedback */
    const latent_effect_settings *s;
    const latent_tensor *second; /* what displaces */
} warp;

/* y = x at these places, between pixels by halves and quarters (bilinear); y is of x's shape. */
void warp_forward(const warp *w, const latent_tensor *x, latent_tensor *y);
/* Adds to gx what reaches x from y's gradient. */
void warp_backward(const warp *w, const latent_tensor *gy, latent_tensor *gx);
/* A channel (from 0 on) of a picture at a place in 0 to 1. */
float warp_sample(const latent_tensor *t, float u, float v, int channel);

#endif
