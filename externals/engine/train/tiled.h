/* tiled: the convolutions of layers.h by tiles (kernels/tiles.h), where that pays.  For layers.c
   only. */
#ifndef LATENT_TILED_H
#define LATENT_TILED_H
#include "../kernels/tiles.h"
#include "layers.h"

/* Can and should this layer be computed so? */
int latent_tiled(const latent_layer *l);
/* As latent_layer_forward and latent_layer_back, the style's gradient left out: gx is with respect
   to the styled x. */
void latent_tiled_forward(const latent_layer *l, const float *weights, const float *x,
                          const float *style, const latent_layer_end *end, float *y,
                          latent_room *room);
void latent_tiled_back(const latent_layer *l, const float *weights, const float *x,
                       const float *style, const float *g, float *gx, float *g_weights,
                       latent_room *room);

/* Of layers.c: memory of one thread, and of all (which: 0 to 3); an end as the kernels have it. */
float *latent_room_slot(latent_room *r, int slot, size_t floats);
float *latent_room_all(latent_room *r, int which, size_t floats);
latent_tiles_end latent_layer_end_of(const latent_layer *l, const latent_layer_end *e, int picture,
                                     size_t pixel);

#endif
