/* layers: the operations of networks that denoise, encode and decode, beside those of ops.h and
   encoder.h.  All are for batches; all but timestep and normal can be differentiated with respect
   to every input, weights too; each function makes a node as those of ops.h do. */
#ifndef LATENT_LAYERS_H
#define LATENT_LAYERS_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

/* pointwise.c.  b is like a, or one number a channel ([n or 1][1][1][c]), or a single number. */

/* of_a a + of_b b: a sum, a difference, or (1 - t) a + t b over sqrt((1 - t)^2 + t^2), which keeps
   the magnitude (Karras et al. 2024, equation 88). */
latent_node *latent_op_add(latent_node *a, float of_a, latent_node *b, float of_b,
                           const char *stage, latent_error *e);
latent_node *latent_op_multiply(latent_node *a, latent_node *b, const char *stage, latent_error *e);
/* gain x sigmoid(x) (Hendrycks and Gimpel 2016); gain 1/0.596 keeps the magnitude. */
latent_node *latent_op_silu(latent_node *x, float gain, const char *stage, latent_error *e);
/* The same of x (1 + scale), scale one number a channel or NULL: FiLM and SiLU in one. */
latent_node *latent_op_scaled_silu(latent_node *x, latent_node *scale, float gain,
                                   const char *stage, latent_error *e);
/* FiLM (Perez et al. 2018): x (1 + scale) + shift, one number a channel of each; NULL: none. */
latent_node *latent_op_film(latent_node *x, latent_node *scale, latent_node *shift,
                            const char *stage, latent_error *e);

/* lrelu.c: gain x, and gain slope x below 0. */
latent_node *latent_op_lrelu(latent_node *x, float slope, float gain, const char *stage,
                             latent_error *e);

/* norms.c */

/* Group norm (Wu and He 2018): over the pixels and the channels of each of groups groups; gain and
   bias [1][1][1][c]. */
latent_node *latent_op_group_norm(latent_node *x, latent_node *gain, latent_node *bias, int groups,
                                  float epsilon, const char *stage, latent_error *e);
/* x, cut into rows runs of as many numbers, each brought to that length: the weights of each output
   (rows: outputs), or queries, keys and values of each head (rows: tokens times heads). */
latent_node *latent_op_lengths(latent_node *x, int rows, float length, const char *stage,
                               latent_error *e);
/* Over the channels of each pixel. */
latent_node *latent_op_softmax(latent_node *x, const char *stage, latent_error *e);
/* A picture as a noise map, [n][h][w][1]: the mean of its channels, with mean 0 and deviation 1
   over its pixels (nothing where it is of one colour). */
latent_node *latent_op_as_noise(latent_node *x, const char *stage, latent_error *e);

/* arrange.c */

/* The channels of n promises of the same size one after the other, n at most 8. */
latent_node *latent_op_concat(latent_node *const *x, int n, latent_error *e);
/* Each pixel times by times (nearest); each pixel the mean of times by times (area). */
latent_node *latent_op_enlarge(latent_node *x, int times, latent_error *e);
latent_node *latent_op_shrink(latent_node *x, int times, latent_error *e);
/* Squares of times by times pixels become channels (c, row, column: as PyTorch's pixel_unshuffle),
   and back. */
latent_node *latent_op_unshuffle(latent_node *x, int times, latent_error *e);
latent_node *latent_op_shuffle(latent_node *x, int times, latent_error *e);

/* Pictures number of[0], of[1] ... of[n - 1] of x: one may come several times, or not at all. */
latent_node *latent_op_pick(latent_node *x, const int *of, int n, latent_error *e);
/* Every together pictures become one, their channels one after the other. */
latent_node *latent_op_pack(latent_node *x, int together, latent_error *e);
/* [n][h][w][c] to [n][c][h][w], as files have features, and back. */
latent_node *latent_op_channels_first(latent_node *x, latent_error *e);
latent_node *latent_op_channels_last(latent_node *x, latent_error *e);

/* resample.c */

/* Half the size by the filter [1 3 3 1], as a discriminator's shortcut shrinks: the transpose of
   latent_op_upsample over 4. */
latent_node *latent_op_downsample(latent_node *x, const char *stage, latent_error *e);

/* deviation.c */

/* Minibatch deviation (Karras et al. 2018, section 3): x and one channel more, the same number for
   all pictures of a group of at most so many: the deviation of each number of x over the group, on
   the average.  Pictures n / group apart belong together, as in the reference. */
latent_node *latent_op_deviation(latent_node *x, int group, latent_error *e);

/* convolve.c */

/* A plain convolution with zeros around: w [out][in][k][k], b [1][1][1][out] or NULL.  With stride
   1 and k 1 or 3 around the middle it is that of conv.c, as fast. */
latent_node *latent_op_convolve(latent_node *x, latent_node *w, latent_node *b, int stride,
                                int padding, const char *stage, latent_error *e);

/* attend.c */

/* Attention of queries q [n][1][t][c] to keys and values k and v [n][1][s][c], softmax(Q K' /
   sqrt(c / heads)) V, so many queries at a time that memory grows with s alone. */
latent_node *latent_op_attend(latent_node *q, latent_node *k, latent_node *v, int heads,
                              const char *stage, latent_error *e);

/* generate.c */

/* Sines and cosines of each of n times (at most 64), [n][1][1][c] (Vaswani et al. 2017): of time *
   exp(-log(period) i / (c / 2 - shift)); cosines first, as diffusion networks have them. */
latent_node *latent_op_timestep(const float *time, int n, int c, float period, float shift,
                                latent_error *e);
/* c channels of that number, otherwise of that shape. */
latent_node *latent_op_constant(latent_shape s, int c, float number, latent_error *e);
/* Normally distributed numbers, the same for the same seed. */
latent_node *latent_op_normal(latent_shape s, uint32_t seed, latent_error *e);

/* mask.c */

/* a where the mask is 1, b where it is -1, in between both; a and b are alike, the mask [n or
   1][h][w][any], which counts by the mean of its channels. */
latent_node *latent_op_mask(latent_node *a, latent_node *b, latent_node *mask, const char *stage,
                            latent_error *e);

/* chance.c */

/* torch.randn(n, c, h, w) of a CPU generator after manual_seed(seed) and so many calls just like
   it; at most LATENT_RANDN_CALLS. */
#define LATENT_RANDN_CALLS 1024
latent_node *latent_op_randn(latent_shape s, uint32_t seed, int call, latent_error *e);
/* numpy's RandomState(seed).randn(n, c, h, w). */
latent_node *latent_op_randn_numpy(latent_shape s, uint32_t seed, latent_error *e);

/* recurrent.c */

/* A gated recurrent unit over the steps of each row (Cho et al. 2014): gates [n][1][t][3h] are what
   comes from outside for the reset, the update and the new value, biases and all; weight
   [1][1][3h][h] what comes from what is remembered, bias [1][1][1][h] is added to the new value's
   part of that; start [n][1][1][h], or NULL for 0.  What is remembered after each step,
   [n][1][t][h]. */
latent_node *latent_op_gru(latent_node *gates, latent_node *weight, latent_node *bias,
                           latent_node *start, const char *stage, latent_error *e);

/* mixture.c: minus the mean logarithm of how likely rows [n][1][t][d] are by the mixtures
   [n][1][t][parts (1 + 2d)] (mixture.h), one number. */
latent_node *latent_op_mixture_loss(latent_node *mixture, latent_node *rows, int parts,
                                    latent_error *e);

/* choice.c: what the mean logarithm of softmax(x) is, with its sign turned, at the numbers that
   came, one a row of x [n][1][t][c]; -1: this row does not count. */
latent_node *latent_op_choice_loss(latent_node *x, const int *came, latent_error *e);

#pragma GCC visibility pop
#endif
