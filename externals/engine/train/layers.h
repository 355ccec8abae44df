/* layers: the layers that training needs, forward and back, on batches of small pictures, channels
   last ([n][h][w][c]).  Each function computes one step of a network; generator.c and
   discriminator.c put them together and read like the paper.

   A convolution has one of three ways:
     0   correlation with zero padding kernel / 2
     +1  kernel 3: transposed convolution of stride 2, then the blur [1 3 3 1] x [1 3 3 1] / 16:
         h x w to 2h x 2w (StyleGAN2's enlarging convolution)
     -1  kernel 3: the blur [1 3 3 1] x [1 3 3 1] / 64 with two zeros around, then a convolution of
         stride 2: h x w to h/2 x w/2 (StyleGAN2's in the discriminator).  Up to the factor 4 it is
         the transpose of way +1.

   Weights lie as [kernel][kernel][in][out], for way +1 as [kernel][kernel][out][in]. */
#ifndef LATENT_LAYERS_H
#define LATENT_LAYERS_H
#include "../base/error.h"
#include "../base/parallel.h"
#include <stddef.h>

#pragma GCC visibility push(default)

/* Memory for the numbers between, kept from one layer to the next.  Zeroed, it is empty; of one
   training. */
typedef struct {
    float *slot[LATENT_MAX_THREADS], *common[2];
    size_t slot_bytes[LATENT_MAX_THREADS], common_bytes[2];
    struct latent_conv_workspace *conv;
    int failed; /* there was no memory once: what was computed since is worth nothing */
} latent_workspace;
void latent_workspace_free(latent_workspace *r);
/* At least so many floats of one thread; NULL, and failed set, where there is no memory. */
float *latent_workspace_slot(latent_workspace *r, int slot, size_t floats);

/* count zeros on a line of the cache, for the caller to free(); NULL, and *failed set, where there
   is no memory. */
float *latent_layer_numbers(size_t count, int *failed);

typedef struct {
    int n, h, w; /* pictures, and their size before the convolution */
    int in, out, kernel, way;
} latent_layer;

size_t latent_layer_weights(const latent_layer *l); /* how many */
/* Weights in the files' order, [out][in][kernel][kernel], to the order here and back. */
void latent_layer_from_file(const latent_layer *l, const float *file, float *weights);
void latent_layer_to_file(const latent_layer *l, const float *weights, float *file);
int latent_layer_height(const latent_layer *l); /* after the convolution */
int latent_layer_width(const latent_layer *l);
/* Multiply-adds of one forward pass over the whole batch, counted as a direct convolution (ways +1
   and -1: of the convolution of stride 2). */
double latent_layer_cost(const latent_layer *l);

/* What is done to the numbers c of the convolution:
   y = clamp(gain lrelu(factor scale[n][o] c + strength noise[n][pixel] + bias[o])) */
typedef struct {
    float factor;
    const float *scale; /* [n][out], or NULL for 1 */
    const float *noise; /* [n][pixels], or NULL for none */
    float strength;
    const float *bias; /* [out], or NULL for 0 */
    float slope, gain; /* slope 1: linear */
    float clamp;       /* 0: none */
} latent_layer_end;

/* y of x.  style: [n][in] multiplies x's channels first, or NULL, as it must be for way -1. */
void latent_layer_forward(const latent_layer *l, const float *weights, const float *x,
                          const float *style, const latent_layer_end *end, float *y,
                          latent_workspace *room);
/* From the gradient with respect to y to that with respect to c, in place in g; adds to the
   gradients of the bias [out], of scale ([n][out], set, not added to) and of the strength; each may
   be NULL. */
void latent_end_back(const latent_layer *l, const latent_layer_end *end, const float *y, float *g,
                     float *g_bias, float *g_scale, float *g_strength, latent_workspace *room);
/* From g, the gradient with respect to c, to the gradient with respect to x (gx, set, or NULL), to
   the style (g_style [n][in], set, or NULL; needs gx) and to the weights (g_weights, added to, or
   NULL). */
void latent_layer_back(const latent_layer *l, const float *weights, const float *x,
                       const float *style, const float *g, float *gx, float *g_style,
                       float *g_weights, latent_workspace *room);

/* y[n][out] = gain x[n][in] W[out][in]^T + bias_gain bias; and back: gx is set, or added to when
   add is 1 (or NULL); the others are added to (or NULL). */
void latent_full_forward(int n, int in, int out, const float *weights, const float *bias,
                         float gain, float bias_gain, const float *x, float *y);
void latent_full_back(int n, int in, int out, const float *weights, float gain, float bias_gain,
                      const float *x, const float *g, float *gx, int add, float *g_weights,
                      float *g_bias);

/* y = gain lrelu(y) in place, and back with the y that came out. */
void latent_lrelu(size_t count, float slope, float gain, float *y);
void latent_lrelu_back(size_t count, float slope, float gain, const float *y, float *g);

/* The picture enlarged, [1 3 3 1] between zeros: y[n][2h][2w][c] of x[n][h][w][c]; and its
   transpose. */
void latent_enlarge(int n, int h, int w, int c, const float *x, float *y);
void latent_enlarge_back(int n, int h, int w, int c, const float *g, float *gx);
/* The picture halved, blur and every second pixel: the transpose over 4. */
void latent_halve(int n, int h, int w, int c, const float *x, float *y);
void latent_halve_back(int n, int h, int w, int c, const float *g, float *gx);

/* The deviation over the pictures of a group (at most so many; pictures n / group apart, as the
   reference has it, belong together), averaged over all channels and pixels: one number a group, as
   a channel more: y[n][pixels][c + 1].  g: [n][pixels][c + 1]; gx is set. */
void latent_deviation(int n, int group, int pixels, int c, const float *x, float *y);
void latent_deviation_back(int n, int group, int pixels, int c, const float *x, const float *g,
                           float *gx);

/* E = the sum of the squared weights over the taps, in and out as the weights have them; d[n][out]
   = 1 / sqrt(sum_i E[o][i] style[n][i]^2 + 1e-8); and back from g_d: adds to g_style and g_weights.
   transposed: weights lie as [tap][out][in]. */
void latent_demodulation(int n, int in, int out, int taps, int transposed, const float *weights,
                         const float *style, float *energy, float *d, latent_workspace *room);
void latent_demodulation_back(int n, int in, int out, int taps, int transposed,
                              const float *weights, const float *style, const float *energy,
                              const float *d, const float *g_d, float *g_style, float *g_weights,
                              latent_workspace *room);

#pragma GCC visibility pop
#endif
