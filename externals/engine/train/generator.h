/* generator: StyleGAN2's generator (Karras et al. 2020) as training needs it: batches forward and
   back, and files that models/stylegan2.c reads.  The chain that boxes play is there; here is the
   network as one piece, "skip" architecture, unconditional. */
#ifndef LATENT_GENERATOR_H
#define LATENT_GENERATOR_H
#include "layers.h"
#include "parameters.h"

#pragma GCC visibility push(default)

#define LATENT_BLOCKS 7 /* 4 to 256 */
#define LATENT_MAPPING_RATE 0.01f

typedef struct {
    int z, w, mapping;           /* numbers in z and w; layers between them */
    int blocks;                  /* 5: 4, 8, 16, 32 and 64 pixels */
    int channels[LATENT_BLOCKS]; /* of each block */
    int noise;                   /* does every convolution add noise of a trained strength? */
    float clamp;                 /* of the convolutions, or 0 */
    float rate;                  /* the mapping's learning-rate multiplier; 0: the usual one */
} latent_generator_shape;

typedef struct {
    latent_layer shape;
    int weight, bias, affine_w, affine_b, strength; /* parameters; strength -1: none */
    int row;                                        /* of the styles */
    int demodulated;
    float *style, *scale, *energy, *noise, *y; /* [n][in], [n][out], [out][in], [n][pixels] */
} latent_generator_layer;

typedef struct {
    latent_generator_shape shape;
    latent_parameters p;
    int resolution, rows, batch;
    int fc_w[8], fc_b[8], constant;
    latent_generator_layer conv[2 * LATENT_BLOCKS], rgb[LATENT_BLOCKS]; /* conv[2 i - 1], [2 i] */
    float *noise_const[2 * LATENT_BLOCKS]; /* [pixels]: what players add; NULL without noise */
    const float *values;                   /* of the last pass: p.value or p.average */
    /* activations of the last pass, for the way back */
    float *mapped[9]; /* [2 batch][...]: normalised z, then each layer */
    float *w, *g_w;   /* [2][batch][w]: two styles a picture; and their gradients */
    int *crossing;    /* [batch]: from this row of styles on, the second one rules */
    const float *way; /* [n / 2][w]: the second half of the next passes' pictures are those of the
                         first, w moved that way, noise and all else the same; NULL: as usual */
    float *ws, *g_ws; /* [batch][w] of one row */
    float *g_style, *g_scale, *g_mapped;          /* of one layer */
    float *x0;                                    /* the constant, [batch][4][4][c] */
    float *picture[LATENT_BLOCKS], *g_picture[2]; /* [batch][r][r][3] */
    float *g[3];                                  /* gradients on their way */
    int mixed;
} latent_generator;

/* Fresh weights from seed.  0, or -1 and a sentence (an impossible shape, no memory). */
int latent_generator_init(latent_generator *g, const latent_generator_shape *shape, int batch,
                          uint64_t seed, latent_error *e);
void latent_generator_free(latent_generator *g);

/* Pictures of z [n][z], n at most batch, by the values or (average) their average; in
   g->picture[blocks - 1].  z2 (or NULL) and crossing [n]: from that row of styles on the second
   rules.  noise_seed: of this pass. */
const float *latent_generator_forward(latent_generator *g, int n, int average, const float *z,
                                      const float *z2, const int *crossing, uint64_t noise_seed,
                                      latent_workspace *room);
/* Adds to the parameters' gradients what g_picture [n][r][r][3], the gradient with respect to the
   last pass's pictures, makes of them. */
void latent_generator_back(latent_generator *g, int n, const float *g_picture,
                           latent_workspace *room);

/* Multiply-adds of the convolutions for one picture. */
double latent_generator_cost(const latent_generator *g);

/* Writes the average (or the values) as a model that models/stylegan2.c reads, with the mean of w
   measured.  half: float16. */
int latent_generator_write(const latent_generator *g, const char *path, int average, int half,
                           const latent_meta_out *meta, size_t n_meta, latent_error *e);
/* The shape of the generator in a file under prefix ("G_ema."); -1 and a sentence when it is none
   that can be trained here. */
int latent_generator_shape_of(latent_weights *w, const char *prefix, latent_generator_shape *shape,
                              latent_error *e);
/* Takes values and average from there.  g was made with that shape. */
int latent_generator_read(latent_generator *g, latent_weights *w, const char *prefix,
                          latent_error *e);

#pragma GCC visibility pop
#endif
