/* noise: what a diffusion begins with: normally distributed numbers, as promises, at a seed or on
   the way between seeds. */
#ifndef LATENT_NOISE_H
#define LATENT_NOISE_H
#include "../graph/graph.h"
#include "../latents/latents.h"

#pragma GCC visibility push(default)

/* Whose numbers a seed gives: torch.randn(c, h, w) of a CPU generator, or RandomState.randn. */
typedef enum { LATENT_TORCH, LATENT_NUMPY } latent_rng;
#define LATENT_RNGS "torch numpy"

latent_node *latent_noise_of(latent_shape s, latent_rng rng, uint32_t seed, latent_error *e);
/* The mixture of four seeds: a place in a walk or loop (latents.h). */
latent_node *latent_noise_between(latent_shape s, latent_rng rng, const latent_neighbours *near,
                                  latent_error *e);

#pragma GCC visibility pop
#endif
