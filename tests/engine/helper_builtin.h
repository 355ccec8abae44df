/* helper_builtin: the built-in models for tests of what they can do, and the pictures of the fish
   generator as the boxes make them: noise as it was trained, one w for all layers. */
#ifndef HELPER_BUILTIN_H
#define HELPER_BUILTIN_H
#include "engine/models/model.h"

#define BUILTIN_MOST 512 /* numbers in a z or w of a generator that fits here */

/* examples/models/fish.safetensors, or what LATENT_FISH names; clip-tiny.safetensors, or what
   LATENT_CLIP_TINY names.  NULL and a line of why. */
latent_model *builtin_fish(void);
latent_model *builtin_clip(void);
/* The w of a seed, of which [latent.noise] makes the same z, at psi 1. */
void builtin_w(const latent_model *m, uint32_t seed, float *w);
/* The numbers of a picture: [resolution][resolution][3]. */
void builtin_draw(latent_model *m, const float *w, float *picture);
/* The value of an embedding of clip's, of length 1: [embedding]; takes n over. */
void builtin_embedding(const latent_model *clip, latent_node *n, double *unit);

#endif
