/* architectures: the files of this room that model.c knows. */
#ifndef LATENT_ARCHITECTURES_H
#define LATENT_ARCHITECTURES_H
#include "model.h"

extern const latent_arch latent_arch_stylegan2;
extern const latent_arch latent_arch_clip;
extern const latent_arch latent_arch_clip_tiny;
extern const latent_arch latent_arch_diffusion_tiny;

/* signature.c: writes m->generator.drawer, from the tensors whose names begin with prefix.  0, or
   -1 and a sentence. */
int latent_model_sign(latent_model *m, latent_weights *w, const char *prefix, latent_error *e);

/* stylegan2.c: a number that a file tells of one layer ("synthesis.b8.conv0"), of the whole
   network, or as one of ours; and the learning-rate multiplier of the mapping. */
double latent_stylegan2_setting(const latent_weights *w, const char *prefix, const char *where,
                                const char *name, double otherwise);
double latent_stylegan2_rate(const latent_weights *w, const char *prefix);

/* strangers.c: what a network is that is not played here ("a StyleGAN3"), or NULL. */
const char *latent_model_stranger(const latent_weights *w);

#endif
