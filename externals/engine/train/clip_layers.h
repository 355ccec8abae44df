/* clip_layers: the layers of a network that learns, forwards and backwards, written out by hand for
   rows of channels (pixels, words): what the trainer of clip-tiny is made of.  Everything runs on
   the calling thread, so that a trainer spreads pictures over the pool, and adds in an order that
   depends on nothing else.

   x [rows][in] and y [rows][out] row after row; weights [out][in], of convolutions [out][taps][in].
   In the _back functions gy is the gradient with respect to y; gradients with respect to weights,
   gains and biases are added to (NULL both: the layer learns nothing), gx is set (NULL: not
   wanted). */
#ifndef LATENT_CLIP_LAYERS_H
#define LATENT_CLIP_LAYERS_H
#include <stddef.h>

#pragma GCC visibility push(default)

/* y = W x + b */
void latent_clip_linear(size_t rows, int in, int out, const float *x, const float *w,
                        const float *b, float *y);
void latent_clip_linear_back(size_t rows, int in, int out, const float *x, const float *w,
                             const float *gy, float *gx, float *gw, float *gb);

/* A convolution 3 x 3, zeros outside, of n pictures [h][w]; scratch has room for
   latent_clip_conv_scratch() floats. */
typedef struct {
    int n, h, w, in, out;
} latent_clip_conv_size;
size_t latent_clip_conv_scratch(const latent_clip_conv_size *s);
void latent_clip_conv(const latent_clip_conv_size *s, const float *x, const float *w,
                      const float *b, float *y, float *scratch);
void latent_clip_conv_back(const latent_clip_conv_size *s, const float *x, const float *w,
                           const float *gy, float *gx, float *gw, float *gb, float *scratch);

/* A convolution over a word and its neighbours before and after, of n texts: text i has the rows
   first[i] ... first[i + 1] - 1.  scratch: 3 * rows * in floats. */
void latent_clip_words(int n, const int *first, int in, int out, const float *x, const float *w,
                       const float *b, float *y, float *scratch);
void latent_clip_words_back(int n, const int *first, int in, int out, const float *x,
                            const float *w, const float *gy, float *gx, float *gw, float *gb,
                            float *scratch);

/* Layer norm; moments [rows][2] keeps mean and reciprocal deviation for the way back. */
void latent_clip_norm(size_t rows, int c, const float *x, const float *gain, const float *bias,
                      float *y, float *moments);
void latent_clip_norm_back(size_t rows, int c, const float *x, const float *gain,
                           const float *moments, const float *gy, float *gx, float *ggain,
                           float *gbias);

/* The quick gelu, x sigmoid(1.702 x), and g times its slope at x. */
void latent_clip_gelu(size_t n, const float *x, float *y);
void latent_clip_gelu_back(size_t n, const float *x, float *g);

/* The mean over so many rows of each of n: x [n][rows][c] to y [n][c]. */
void latent_clip_pool(size_t n, int rows, int c, const float *x, float *y);
void latent_clip_pool_back(size_t n, int rows, int c, const float *gy, float *gx);

/* Squares of 2 x 2 pixels as one of four times the channels, and back. */
void latent_clip_squares(int n, int h, int w, int c, const float *x, float *y);
void latent_clip_squares_back(int n, int h, int w, int c, const float *y, float *x);

#pragma GCC visibility pop
#endif
