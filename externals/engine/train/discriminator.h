/* discriminator: StyleGAN2's residual discriminator (Karras et al. 2020): says of a picture how
   much it looks like those of the training, as one number (a logit).  Only a training needs it. */
#ifndef LATENT_DISCRIMINATOR_H
#define LATENT_DISCRIMINATOR_H
#include "generator.h"

#pragma GCC visibility push(default)

typedef struct {
    int blocks;                  /* 5: for 64 pixels */
    int channels[LATENT_BLOCKS]; /* at 4, 8 ... pixels */
    int group;                   /* pictures whose deviation it sees, at most */
    int pack;                    /* pictures that it judges together, channels side by side */
    int seen;    /* channels at 4 pixels that somebody else saw (feature_network.h), or 0 */
    float clamp; /* of the convolutions, or 0 */
} latent_discriminator_shape;

typedef struct {
    latent_layer shape;
    int weight, bias; /* parameters; bias -1: none */
    float gain;       /* of the activation, sqrt(2) in it */
    float *y;
} latent_discriminator_layer;

typedef struct {
    latent_discriminator_shape shape;
    latent_parameters p;
    int resolution, batch;
    latent_discriminator_layer from_rgb, conv0[LATENT_BLOCKS], conv1[LATENT_BLOCKS],
        skip[LATENT_BLOCKS], last; /* blocks from 1 on; last at 4 x 4 */
    int fc_w, fc_b, out_w, out_b;
    const float *pictures;        /* of the last pass */
    int group;                    /* pictures whose deviation was taken together */
    float *x[LATENT_BLOCKS];      /* what a block gives: [batch][4 << (i - 1)]...; x[0] unused */
    float *halved[LATENT_BLOCKS]; /* the shortcut's input */
    float *joined;                /* x[1] beside what was seen, where something was */
    float *varied;                /* with the deviation */
    float *fc, *logit;            /* [batch][c], [batch] */
    float *g[3], *g_fc, *g_pictures, *g_seen;
} latent_discriminator;

int latent_discriminator_init(latent_discriminator *d, const latent_discriminator_shape *shape,
                              int batch, uint64_t seed, latent_error *e);
void latent_discriminator_free(latent_discriminator *d);

/* Logits [n] of pictures [n][r][r][3 pack], which must stay till the way back, and of what is seen
   in them [n][4][4][seen] (or NULL).  Pictures are compared with one another (minibatch deviation)
   within each set of so many, in the shape's groups. */
const float *latent_discriminator_forward(latent_discriminator *d, int n, int group,
                                          const float *pictures, const float *seen,
                                          latent_workspace *room);
/* From g_logit, of pictures first to first + n - 1 of the last pass (whole groups), to the gradient
   with respect to those pictures (returned, when wanted; that with respect to what was seen in them
   is then in g_seen) and, when train is set, to the parameters (added). */
const float *latent_discriminator_back(latent_discriminator *d, int first, int n,
                                       const float *g_logit, int want_pictures, int train,
                                       latent_workspace *room);

/* Multiply-adds of the convolutions for one picture. */
double latent_discriminator_cost(const latent_discriminator *d);

/* The first freeze blocks, from the picture's side, keep their weights. */
void latent_discriminator_freeze(latent_discriminator *d, int freeze);

/* The shape of the one in a file under prefix ("D."), and its values. */
int latent_discriminator_shape_of(latent_weights *w, const char *prefix,
                                  latent_discriminator_shape *shape, latent_error *e);
int latent_discriminator_read(latent_discriminator *d, latent_weights *w, const char *prefix,
                              latent_error *e);

#pragma GCC visibility pop
#endif
