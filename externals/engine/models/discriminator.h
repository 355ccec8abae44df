/* discriminator: StyleGAN2's residual discriminator (Karras et al. 2020): says of a picture how
   much it looks like those of a training, as one number (a logit). */
#ifndef LATENT_DISCRIMINATOR_H
#define LATENT_DISCRIMINATOR_H
#include "generator.h"

#pragma GCC visibility push(default)

typedef struct {
    int blocks;                  /* 5: for 64 pixels */
    int channels[LATENT_BLOCKS]; /* at 4, 8 ... pixels */
    int group;                   /* pictures whose deviation it sees, at most */
    int pack;                    /* pictures that it judges together, channels side by side */
    int seen;    /* channels at 4 pixels that another network saw (feature_network.h), or 0 */
    float clamp; /* of the convolutions, or 0 */
} latent_discriminator_shape;

/* 0, or -1 and a sentence that says what is impossible. */
int latent_discriminator_check(const latent_discriminator_shape *s, latent_error *e);
/* Its tensors, with the names that NVIDIA's files have. */
int latent_discriminator_list(const latent_discriminator_shape *s, latent_tensor_visit visit,
                              void *context, latent_error *e);

/* Logits [n][1][1][1] of pictures [n][r][r][3 pack], compared with one another (minibatch
   deviation) in the shape's groups, and of what was seen in them [n][4][4][seen] (or NULL). */
latent_node *latent_discriminator_logits(const latent_discriminator_shape *s, latent_tensors *t,
                                         latent_node *pictures, latent_node *seen, latent_error *e);

/* Multiply-adds of the convolutions for one picture. */
double latent_discriminator_cost(const latent_discriminator_shape *s);

#pragma GCC visibility pop
#endif
