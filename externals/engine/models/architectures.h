/* architectures: the files of this room that model.c knows. */
#ifndef LATENT_ARCHITECTURES_H
#define LATENT_ARCHITECTURES_H
#include "model.h"

extern const latent_arch latent_arch_stylegan2;
extern const latent_arch latent_arch_stylegan2_tensorflow;
extern const latent_arch latent_arch_stylegan2_rosinality;
extern const latent_arch latent_arch_stylegan3;
extern const latent_arch latent_arch_clip;
extern const latent_arch latent_arch_clip_tiny;
extern const latent_arch latent_arch_diffusion_tiny;

/* signature.c: the hash of a tensor that was trained, to be added up over all of them; 0 for what a
   file only carries along (maps of noise, filters), by its name. */
uint64_t latent_hash_trained(const char *name, const float *x, int64_t count);
/* Writes m->generator.drawer, hash being that sum.  0, or -1 and a sentence. */
int latent_model_sign(latent_model *m, uint64_t hash, latent_error *e);

/* mapping.c: a number that a file tells of one layer ("synthesis.b8.conv0"), of the whole
   network, or as one of ours; and the learning-rate multiplier of the mapping. */
double latent_stylegan2_setting(const latent_weights *w, const char *prefix, const char *where,
                                const char *name, double otherwise);
double latent_stylegan2_rate(const latent_weights *w, const char *prefix);

/* strangers.c: what a network is that is not played here ("a StyleGAN3"), or NULL. */
const char *latent_model_stranger(const latent_weights *w);

#endif
