/* approach: how far a picture is from another one, the loss that [latent.target] goes down: by its
   pixels, and by what a CLIP sees in both on the way (perceptual, after Zhang et al. 2018). */
#ifndef LATENT_APPROACH_H
#define LATENT_APPROACH_H
#include "../models/model.h"
#include "../ops/ops.h"

#pragma GCC visibility push(default)

#define LATENT_MAX_DEPTHS 8

typedef struct {
    int loss;         /* of the pixels: a latent_target_loss */
    float pixels;     /* its weight */
    float perceptual; /* the weight of what the CLIP sees; 0: not asked */
    int n_depths;     /* 0: after a quarter, a half and three quarters of its blocks */
    int depths[LATENT_MAX_DEPTHS];
} latent_approach_settings;

/* pixels * latent_op_target() + perceptual * the mean over the depths of
   latent_op_cosine_distance(), a node of one number; target, of any size, is taken as given.  eye
   is a CLIP, or NULL where perceptual is 0.  NULL and a sentence. */
latent_node *latent_approach(latent_model *eye, latent_node *picture, latent_node *target,
                             const latent_approach_settings *s, latent_error *e);

#pragma GCC visibility pop
#endif
