/* stylegan2_layers: the layers of StyleGAN2's generator as promises, for those who play them one by
   one (stylegan2.c) and those who train them all at once (generator.c). */
#ifndef LATENT_STYLEGAN2_LAYERS_H
#define LATENT_STYLEGAN2_LAYERS_H
#include "../graph/graph.h"

#define LATENT_SQRT2 1.41421356237309504880f
#define LATENT_LRELU_SLOPE 0.2f

typedef struct {
    latent_node *weight, *bias;       /* [out][in][k][k], [out] */
    latent_node *affine_w, *affine_b; /* [in][w_dim], [in] */
    latent_node *noise;               /* [r][r], or NULL */
    latent_node *noise_strength;      /* a single number, or NULL */
    float clamp;                      /* 0: none */
} sg2_layer;

typedef struct {
    int resolution;
    int first_row;          /* of W+ */
    sg2_layer conv0, conv1; /* conv0.weight is NULL in block 4 */
    sg2_layer torgb;        /* weight is NULL where the block does not draw */
    latent_node *skip;      /* the resnet's shortcut [out][in][1][1], or NULL */
} sg2_block;

void latent_stylegan2_free_layer(sg2_layer *l);

/* The style of a layer, of w [n or 1][1][1][w_dim]. */
latent_node *latent_stylegan2_style(const sg2_layer *l, latent_node *w, const char *stage,
                                    latent_error *e);
/* One convolution of a block: x and style -> convolution, noise, bias, lrelu.  gain is 1, or
   sqrt(1/2) at the end of a resnet's block; map (or NULL) counts strength times the layer's own
   strength; add, or NULL, is added. */
latent_node *latent_stylegan2_convolve(const sg2_block *b, const sg2_layer *l, latent_node *x,
                                       latent_node *style, float gain, latent_node *map,
                                       float strength, latent_node *add, latent_error *e);
/* A resnet's shortcut. */
latent_node *latent_stylegan2_shortcut(const sg2_block *b, latent_node *x, latent_error *e);
/* The picture so far (or NULL), enlarged, plus what this block draws. */
latent_node *latent_stylegan2_draw(const sg2_block *b, latent_node *x, latent_node *style,
                                   latent_node *drawn, latent_error *e);

#endif
