/* networks: a generator and a discriminator in training: their parameters, begun by chance, read
   from files and written to them.  What they compute is in models/generator.h and
   models/discriminator.h. */
#ifndef LATENT_NETWORKS_H
#define LATENT_NETWORKS_H
#include "../models/discriminator.h"
#include "../models/model.h"
#include "parameters.h"

#pragma GCC visibility push(default)

typedef struct {
    latent_generator_shape shape; /* its rate is above 0 */
    latent_parameters p;
    int resolution, rows; /* of W+ */
} latent_generator;

typedef struct {
    latent_discriminator_shape shape;
    latent_parameters p;
    int resolution;
} latent_discriminator;

/* Fresh weights from seed.  0, or -1 and a sentence (an impossible shape, no memory). */
int latent_generator_init(latent_generator *g, const latent_generator_shape *shape, uint64_t seed,
                          latent_error *e);
void latent_generator_free(latent_generator *g);
int latent_discriminator_init(latent_discriminator *d, const latent_discriminator_shape *shape,
                              uint64_t seed, latent_error *e);
void latent_discriminator_free(latent_discriminator *d);

/* z [dim], normally distributed by chance and brought to a mean square of 1, as the mapping wants
   it. */
void latent_generator_z(float *z, int dim, uint64_t seed, uint64_t purpose, uint64_t index);

/* The first freeze blocks, from the picture's side, keep their weights. */
void latent_discriminator_freeze(latent_discriminator *d, int freeze);

/* Writes the average (or the values) as a model that models/stylegan2.c reads, with the mean of w
   measured.  half: float16.  Blocks like latent_evaluate(). */
int latent_generator_write(const latent_generator *g, const char *path, int average, int half,
                           const latent_meta_out *meta, size_t n_meta, latent_error *e);
/* The same as a model that plays, label for messages.  NULL and a sentence. */
latent_model *latent_generator_model(const latent_generator *g, int average, const char *label,
                                     latent_error *e);

/* The shape of the network in a file under prefix ("G_ema.", "D."); -1 and a sentence when it is
   none that can be trained here. */
int latent_generator_shape_of(latent_weights *w, const char *prefix, latent_generator_shape *shape,
                              latent_error *e);
int latent_discriminator_shape_of(latent_weights *w, const char *prefix,
                                  latent_discriminator_shape *shape, latent_error *e);
/* Takes values (and average) from there.  The network was made with that shape. */
int latent_generator_read(latent_generator *g, latent_weights *w, const char *prefix,
                          latent_error *e);
int latent_discriminator_read(latent_discriminator *d, latent_weights *w, const char *prefix,
                              latent_error *e);

#pragma GCC visibility pop
#endif
