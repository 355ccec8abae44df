/* alias_free: the operations of networks without aliasing (Karras et al. 2021, "Alias-free
   generative adversarial networks").  Each function makes a node as those of ops.h do; all are for
   batches and can be differentiated. */
#ifndef LATENT_ALIAS_FREE_H
#define LATENT_ALIAS_FREE_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

/* Zeros around, margin pixels on each side. */
latent_node *latent_op_pad(latent_node *x, int margin, const char *stage, latent_error *e);

/* Enlarged by up through the filter enlarge [1][1][1][taps] (times up), gain lrelu(x), clamped to
   +-clamp, brought through the filter reduce ([1][1][1][taps] in both directions, or [1][1][taps]
   [taps], both even) to every down-th pixel: [n][height][width][c].  The filters are symmetric and
   taken as constants; where nothing is enlarged or reduced they have one tap. */
typedef struct {
    int up, down, height, width;
    int before[2]; /* zeros above and on the left of the enlarged x; may be negative */
    float gain, slope, clamp;
} latent_filtered_settings;
latent_node *latent_op_filtered_lrelu(latent_node *x, latent_node *enlarge, latent_node *reduce,
                                      const latent_filtered_settings *settings, const char *stage,
                                      latent_error *e);

/* Waves over a plane that is turned, moved and seen through a transform (matrix [3][3], row-major):
   amplitude sin(2 pi (frequency . place + phase)), [n][height][width][c].  place [n][1][1][4]:
   cosine and sine of the turn times any length, and how far it is moved times the same; frequencies
   [1][1][c][2]; phases [1][1][1][c].  Waves above the bandwidth fade out until half the sampling
   rate.  The gradient goes to place alone. */
typedef struct {
    int height, width;
    float sampling_rate, bandwidth;
    float transform[9];
} latent_waves_settings;
latent_node *latent_op_waves(latent_node *place, latent_node *frequencies, latent_node *phases,
                             const latent_waves_settings *settings, const char *stage,
                             latent_error *e);

#pragma GCC visibility pop
#endif
