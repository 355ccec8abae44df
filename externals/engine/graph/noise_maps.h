/* noise_maps: noise maps of a generator that are learned: a projector finds, beside the latent, the
   noise that a picture has (Karras et al. 2020, appendix D).  They stay with the box that draws;
   every picture is made with the maps as they are then.  Whoever goes back from a loss to them
   steps. */
#ifndef LATENT_NOISE_MAPS_H
#define LATENT_NOISE_MAPS_H
#include "graph.h"

#pragma GCC visibility push(default)

typedef struct latent_noise_maps latent_noise_maps;

/* Maps that begin as normally distributed numbers of that seed.  NULL when there is no memory. */
latent_noise_maps *latent_noise_maps_new(uint32_t seed);
latent_noise_maps *
latent_noise_maps_retain(latent_noise_maps *m); /* m may be NULL, here and below; any thread */
void latent_noise_maps_release(latent_noise_maps *m);

/* The number by which those who draw name them (from 1 on), and the living maps of that number,
   with one more holder, or NULL. */
uint32_t latent_noise_maps_number(const latent_noise_maps *m);
latent_noise_maps *latent_noise_maps_by_number(uint32_t number);

/* The map of a row (0 to 63), height x width, as it is now: a promise.  Costs nothing here. */
latent_node *latent_noise_maps_at(latent_noise_maps *m, int row, int height, int width,
                                  latent_error *e);
/* Is the node such a map? */
int latent_noise_maps_is(const latent_node *n);

typedef struct {
    double rate;   /* of Adam's steps; 0: they stay as they are */
    double smooth; /* the weight of latent_noise_maps_roughness() */
} latent_noise_maps_settings;

/* One step down the gradient of a loss with respect to the map n, and of its roughness; after it
   the map has mean 0 and deviation 1 again.  On the evaluator.  0, or -1 and a sentence. */
int latent_noise_maps_step(const latent_node *n, const latent_tensor *grad,
                           latent_noise_maps_settings s, latent_error *e);

/* How far a map height x width is from noise: the squared means of the products of neighbours
   across and down (the last one's neighbour is the first), at full size and each half of it until a
   side is 8 or less, added up.  Adds weight times its gradient to grad (or NULL).  -1 without
   memory. */
double latent_noise_maps_roughness(const float *map, int height, int width, double weight,
                                   float *grad);

#pragma GCC visibility pop
#endif
