/* mapping: the fully connected layers that bring z (and a class) to w, as StyleGAN2 and StyleGAN3
   have them. */
#ifndef LATENT_MAPPING_H
#define LATENT_MAPPING_H
#include "reader.h"

#define LATENT_MAPPING_LAYERS 32

typedef struct {
    int in, out;
    float *weight, *bias; /* as stored: [out][in], [out] */
} latent_mapping_layer;

typedef struct {
    latent_mapping_layer embed; /* in = classes, weight NULL when there are none */
    latent_mapping_layer fc[LATENT_MAPPING_LAYERS];
    int n_fc;
    double lr_multiplier; /* its layers' effective weights are this / sqrt(in) of the stored */
} latent_mapping;

/* Reads it (mapping.fc0.weight and so on), and w's mean where there is one; dims get z_dim, w_dim,
   classes and w_avg.  rate: the multiplier; less than 0: the file's settings say.  0, or -1. */
int latent_mapping_read(latent_mapping *f, latent_reader *r, latent_generator_dims *dims,
                        double rate);
void latent_mapping_free(latent_mapping *f); /* which may be half read */
/* z [z_dim] to w [w_dim]; classes: weights, or NULL for class 0. */
int latent_mapping_apply(const latent_mapping *f, const latent_generator_dims *dims, const float *z,
                         const float *classes, float *w, latent_error *e);
/* Refuses a layer whose settings tell of another activation than the one that is known. */
int latent_check_activation(latent_reader *r, const char *where);

#endif
