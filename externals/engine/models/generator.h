/* generator: StyleGAN2's generator (Karras et al. 2020) as one piece, over a batch, "skip"
   architecture and unconditional: what a training makes pictures with.  It is made of the layers
   that boxes play one by one (stylegan2.c). */
#ifndef LATENT_GENERATOR_H
#define LATENT_GENERATOR_H
#include "tensors.h"

#pragma GCC visibility push(default)

#define LATENT_BLOCKS 7 /* 4 to 256 */
#define LATENT_MAPPING_RATE 0.01f

typedef struct {
    int z, w, mapping;           /* numbers in z and w; layers between them, 1 to 8 */
    int blocks;                  /* 5: 4, 8, 16, 32 and 64 pixels */
    int channels[LATENT_BLOCKS]; /* of each block */
    int noise;                   /* does every convolution add noise of a trained strength? */
    float clamp;                 /* of the convolutions, or 0 */
    float rate;                  /* the mapping's learning-rate multiplier; 0: the usual one */
} latent_generator_shape;

/* Rows of its W+: row k goes to convolution k, the last one to the last ToRGB. */
#define LATENT_GENERATOR_ROWS(shape) (2 * (shape)->blocks)
/* The side of the pictures that convolution k makes. */
#define LATENT_GENERATOR_SIDE(k) (4 << ((k) + 1) / 2)

/* 0, or -1 and a sentence that says what is impossible. */
int latent_generator_check(const latent_generator_shape *s, latent_error *e);
/* Its tensors, with the names that NVIDIA's files have, but for w's mean. */
int latent_generator_list(const latent_generator_shape *s, latent_tensor_visit visit, void *context,
                          latent_error *e);

/* w [n][1][1][w] of z [n][1][1][z], whose mean square is 1. */
latent_node *latent_generator_map(const latent_generator_shape *s, latent_tensors *t,
                                  latent_node *z, latent_error *e);
/* Pictures [n][r][r][3] of the styles w[row], each [n][1][1][w], one a row, and of noise[k]
   [n or 1][side][side][1], one a convolution (NULL: no noise). */
latent_node *latent_generator_pictures(const latent_generator_shape *s, latent_tensors *t,
                                       latent_node *const *w, latent_node *const *noise,
                                       latent_error *e);

/* Multiply-adds of the convolutions for one picture. */
double latent_generator_cost(const latent_generator_shape *s);

#pragma GCC visibility pop
#endif
