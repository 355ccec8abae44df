/* feature_network: what a clip-tiny that no longer learns sees in pictures, as something for a
   discriminator to judge by beside the pixels (Kumari et al. 2022, "Ensembling off-the-shelf models
   for GAN training"; Sauer et al. 2021, "Projected GANs converge faster"): stripes, spikes and a
   round body are plain there long before a young discriminator has found them by itself. */
#ifndef LATENT_FEATURE_NETWORK_H
#define LATENT_FEATURE_NETWORK_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

typedef struct latent_feature_network latent_feature_network;

/* The picture tower of the clip-tiny in a file.  NULL and a sentence. */
latent_feature_network *latent_feature_network_open(const char *path, latent_error *e);
void latent_feature_network_free(latent_feature_network *eye); /* eye may be NULL */
/* It gives [side][side][channels] a picture, of deviation about 1. */
int latent_feature_network_side(const latent_feature_network *eye);
int latent_feature_network_channels(const latent_feature_network *eye);
/* Does it look at pictures of that size and give such features? */
int latent_feature_network_suits(const latent_feature_network *eye, int resolution, int side,
                                 int channels);

/* The features of pictures [n][resolution][resolution][3] as a promise that can be differentiated,
   [n][side][side][channels].  NULL and a sentence. */
latent_node *latent_feature_network_see(const latent_feature_network *eye, latent_node *pictures,
                                        latent_error *e);

#pragma GCC visibility pop
#endif
