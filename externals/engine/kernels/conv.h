/* conv: the convolutions of generators and discriminators on channels-last pictures, fast.  The
   weights are prepared once; a style scales the inputs and a demodulation the outputs instead of
   the weights (StyleGAN2, Karras et al. 2020, section 2 and appendix B), and noise, bias,
   activation and clamp happen while the result is stored. */
#ifndef LATENT_CONV_H
#define LATENT_CONV_H
#include "../base/error.h"
#include <stddef.h>

#pragma GCC visibility push(default)

typedef struct {
    int in, out; /* channels */
    int kernel;  /* 1 or 3 */
    int up;      /* 1: plain correlation, zero padding kernel/2.  2: kernel 3 is a transposed
                    convolution of stride 2 without flipping (2H + 1), then the blur
                    [1 3 3 1] x [1 3 3 1] / 16 with one zero row and column around it: 2H; kernel 1
                    is the convolution, then zero-insertion, padding 2 before and 1 after, and
                    the same blur: 2H.  -2, kernel 3 alone: the blur / 64 with two zero rows and
                    columns around the picture (H + 1), then the correlation of stride 2: H / 2,
                    as discriminators shrink; H and W are even */
} latent_conv_spec;

/* What is done to each number as it is stored:
   y = clamp(gain * lrelu(d[o] * conv + strength * noise[row][column] + bias[o])) + add */
typedef struct {
    const float *out_scale; /* [out], or NULL for 1 */
    const float *noise;     /* [rows * columns of y], or NULL for none */
    float strength;
    const float *bias; /* [out], or NULL for none */
    float slope;       /* below zero: 0.2, or 1 for a linear layer */
    float gain;
    float clamp;      /* the limit on either side, or 0 for none */
    const float *add; /* like y, or NULL: added after the clamp */
} latent_conv_end;

typedef struct latent_conv latent_conv;

/* Prepares weights [out][in][kernel][kernel] (the files' order; copied).  NULL and a sentence when
   there is no memory.  Any thread; may take long. */
latent_conv *latent_conv_new(latent_conv_spec spec, const float *weights, latent_error *e);
void latent_conv_free(latent_conv *c);
/* Keeps the weights in half precision from now on: half the memory.  0, or -1 when there is no
   memory or a weight is beyond 65504; then they stay as they are.  Before anybody else has c. */
int latent_conv_halve(latent_conv *c);
latent_conv_spec latent_conv_get_spec(const latent_conv *c);
/* The weights as they were given, [out][in][kernel][kernel], to the bit (or to 11 bits). */
void latent_conv_weights(const latent_conv *c, float *weights);
/* Bytes that the prepared weights take. */
size_t latent_conv_bytes(const latent_conv *c);
/* E[out][in] = the sum over the kernel of the squared weights, owned by c : what demodulation
   needs, d[o] = 1 / sqrt(sum_i E[o][i] s[i]^2 + 1e-8). */
const float *latent_conv_energy(const latent_conv *c);

/* y[up*h][up*w][out] (up -2: [h/2][w/2][out]) from x[h][w][in]; in_scale [in] multiplies x's
   channels, or NULL for 1. Works with the pool; not from inside a pool body.  The result does not
   depend on the number of threads. */
int latent_conv_forward(const latent_conv *c, int h, int w, const float *x, const float *in_scale,
                        const latent_conv_end *end, float *y, latent_error *e);

/* ---- for training: weights that change, many small pictures */

/* Where the weight of tap t, from input i to output o, lies: weights[o * out + i * in + t * tap];
   turned: the kernel is turned round, tap kernel^2 - 1 - t is meant. */
typedef struct {
    size_t out, in, tap;
    int turned;
} latent_conv_layout;

/* Pictures x[n][h][w][in]; in_scale [n][in] multiplies their channels, or NULL for 1. */
typedef struct {
    int n, h, w;
    const float *x, *in_scale;
} latent_conv_pictures;

/* Memory for the numbers between, of one caller, who keeps it for the next convolution.  NULL, here
   and below: that which latent_conv_forward() of this thread works in, in turn. */
typedef struct latent_conv_workspace latent_conv_workspace;
latent_conv_workspace *latent_conv_workspace_new(void); /* NULL: no memory */
void latent_conv_workspace_free(latent_conv_workspace *room);
/* From now on latent_conv_forward() of the calling thread works in room, in turn with other threads
   that use it (NULL: in the engine's again). */
void latent_conv_workspace_use(latent_conv_workspace *room);

/* latent_conv_forward for each of the pictures, by weights as they are now; y lies as x does, and
   so do end's arrays: out_scale [n][out], noise [n][pixels of y], add like y.  Works with the
   pool. */
int latent_conv_batch(latent_conv_spec spec, latent_conv_workspace *room, const float *weights,
                      latent_conv_layout layout, const latent_conv_pictures *pictures,
                      const latent_conv_end *end, float *y, latent_error *e);

/* Adds to gw, as layout says, the gradient of a convolution's weights: g is the gradient with
   respect to its plain result (before scale, noise and so on).  Kernel 3, or 1 with up 1; with up
   -2 in_scale is NULL. */
int latent_conv_backward_weights(latent_conv_spec spec, latent_conv_workspace *room,
                                 const latent_conv_pictures *pictures, const float *g, float *gw,
                                 latent_conv_layout layout, latent_error *e);

/* Multiply-adds of the direct convolution for an h x w input (up 2: of the transposed one; up -2:
   of the one with stride 2). */
double latent_conv_cost(latent_conv_spec spec, int h, int w);

#pragma GCC visibility pop
#endif
