/* augment: what a small set of pictures needs so that a discriminator cannot learn it by heart:
   reals and fakes alike are moved, turned, enlarged and tinted by chance before it sees them, the
   more often the more it has learned by heart (adaptive discriminator augmentation, Karras et al.
   2020). Each is linear in the pixels, so the way back is the transpose. */
#ifndef LATENT_AUGMENT_H
#define LATENT_AUGMENT_H
#include <stdint.h>

#pragma GCC visibility push(default)

/* What happens to one picture. */
typedef struct {
    float across[3],
        down[3];        /* pixel (x, y) shows what lay at across . (x, y, 1), down . (x, y, 1) */
    float colour[3][4]; /* red, green and blue of (red, green, blue, 1) */
    int moved, tinted;
} latent_augmentation;

/* Drawn by chance: each kind of change with the probability p. */
latent_augmentation latent_augment_draw(float p, int size, uint64_t seed, uint64_t index);
/* to [size][size][3] of from, which lies elsewhere. */
void latent_augment_run(const latent_augmentation *a, int size, const float *from, float *to);
/* The transpose: g_from is set. */
void latent_augment_back(const latent_augmentation *a, int size, const float *g, float *g_from);

#pragma GCC visibility pop
#endif
