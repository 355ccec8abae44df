/* stylegan2: what the files about the generator of StyleGAN2 share (stylegan2.c tells of it). */
#ifndef LATENT_STYLEGAN2_H
#define LATENT_STYLEGAN2_H
#include "mapping.h"
#include "reader.h"
#include "stylegan2_layers.h"

#define LATENT_SG2_BLOCKS 9 /* 4 to 1024 */

typedef struct {
    latent_mapping mapping;
    latent_node *constant; /* [1][h][w][c], 4 x 4 but for networks of other pictures than squares */
    sg2_block block[LATENT_SG2_BLOCKS];
    int n_blocks;
} sg2;

/* What no tensor tells. */
typedef struct {
    double clamp; /* of all convolutions; 0: none; less: the file's settings say */
    double rate;  /* the mapping's learning-rate multiplier; less than 0 likewise */
    int mean;     /* 1: where w_avg is missing the mean of many styles is taken */
} latent_sg2_settings;

/* stylegan2_read.c: reads the network into m, as an architecture's build does.  r knows the file,
   its prefix and, where the file calls its tensors otherwise than NVIDIA's, how. */
int latent_stylegan2_read(latent_model *m, latent_reader *r, const latent_sg2_settings *settings);
void latent_stylegan2_free(latent_model *m);
/* stylegan2_write.c */
int latent_stylegan2_write(const latent_model *m, latent_model_place *to, latent_error *e);
/* stylegan2.c: what it is, for other architectures that are the same network in other files. */
extern const latent_generator_arch latent_stylegan2_generator;

#endif
