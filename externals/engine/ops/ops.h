/* ops: the operations promises are made of, one file a family.  Each function here makes the node
   (with one holder; NULL and a sentence when the inputs do not fit) and computes nothing. */
#ifndef LATENT_OPS_H
#define LATENT_OPS_H
#include "../fit/fit.h"
#include "../graph/graph.h"
#include "../rules/process.h"

#pragma GCC visibility push(default)

/* leaf.c: where values enter */

/* A tensor of a model (weights, biases, noise maps).  Holds it; equal only to itself. */
latent_node *latent_op_parameter(latent_tensor *t, latent_error *e);
/* The same, kept in half precision: half the memory, 11 bits of each number; numbers beyond 65504
   become infinite.  Does not hold it. */
latent_node *latent_op_parameter_half(const latent_tensor *t, latent_error *e);
/* A picture from outside, [1][h][w][c]. */
latent_node *latent_op_picture(latent_tensor *t, latent_error *e);
/* The same of numbers in channel, row, column order, [c][h][w].  When like (or NULL) is a picture
   of just these numbers, it is that one, with one more holder. */
latent_node *latent_op_planes(const float *planes, int c, int h, int w, latent_node *like,
                              latent_error *e);
/* Row number row of the rows of a network's styles: count floats.  Gradients are asked for by row.
 */
latent_node *latent_op_style(int row, int rows, const float *w, int count, latent_error *e);
/* The same of a known network, so that a picture can tell what drew it (see provenance.h); no
   padding, unused letters are 0.  NULL where n is no style, or nothing is known. */
typedef struct {
    char name[64]; /* of the model's file */
    char hash[24]; /* of its weights, see latent_model */
    float spread;  /* how far its styles lie from their mean (root mean square); 0: not known */
} latent_drawn_by;
latent_node *latent_op_style_of(const latent_drawn_by *by, int row, int rows, const float *w,
                                int count, latent_error *e);
const latent_drawn_by *latent_style_drawn_by(const latent_node *n);
int latent_style_row(const latent_node *n);  /* -1 when n is no style */
int latent_style_rows(const latent_node *n); /* how many rows its network has; 0 likewise */

/* generate.c */

/* A map of normally distributed numbers, [1][h][w][1], the same for the same seed. */
latent_node *latent_op_random(int h, int w, uint32_t seed, latent_error *e);

/* rule.c */

/* The picture that a rule draws of these parameters (clamped, so that what looks alike is one
   promise), [1][size][size][3]. */
latent_node *latent_op_rule(const latent_rule *rule, const float *params, int size,
                            latent_error *e);
/* The same with all that a rule can be told.  follow: a picture to follow; colours: one that the
   palette is taken from (it goes before palette); palette, list, follow and colours may be NULL. */
typedef struct {
    const float *params;
    int size, mask;
    const latent_palette *palette;
    const float *list;
    int list_count;
    latent_node *follow, *colours;
} latent_rule_setting;
latent_node *latent_op_rule_set(const latent_rule *rule, const latent_rule_setting *s,
                                latent_error *e);
/* The picture of a process after so many steps; s->size is the process's, and s->follow is what it
   begins from. */
latent_node *latent_op_process(latent_process *process, int step, const latent_rule_setting *s,
                               latent_error *e);

/* fit.c */

/* Points and curve, or balls in their landscape (fit/fit.h), as they are now: [1][size][size][3].
 */
latent_node *latent_op_fit_view(const latent_fit *f, int size, latent_error *e);

/* linear.c */

/* y = weight_gain * W x + bias_gain * b; W [1][1][out][in], x and b [1][1][1][..]; b may be NULL.
 */
latent_node *latent_op_linear(latent_node *x, latent_node *w, latent_node *b, float weight_gain,
                              float bias_gain, const char *stage, latent_error *e);

/* The same numbers in another shape. */
latent_node *latent_op_reshape(latent_node *x, latent_shape shape, latent_error *e);

/* conv.c */

typedef struct {
    int up;                   /* 1, 2 or -2: see kernels/conv.h */
    int demodulate;           /* 0 or 1 */
    float style_gain;         /* times the style (ToRGB: 1/sqrt(in)) */
    float weight_gain;        /* times the weights */
    float strength;           /* times the noise and its own strength */
    float slope, gain, clamp; /* see kernels/conv.h */
} latent_conv_settings;
/* The weights of a convolution, a tensor of shape [out][in][k][k] (as files have it); k is 1 or 3.
   Only the kernels' form of them is kept.  Takes its time: while a model loads. */
latent_node *latent_op_conv_weight(const latent_tensor *t, int up, latent_error *e);
/* Keeps it in half precision from now on, when its numbers fit; before it is used.  How many bytes
   it takes. */
void latent_op_conv_weight_halve(latent_node *weight);
size_t latent_op_conv_weight_bytes(const latent_node *weight);
/* A modulated convolution and all that follows it in a layer (StyleGAN2, figure 2c).
   x [n][h][w][in], s [n or 1][1][1][in] or NULL, bias [1][1][1][out] or NULL, noise
   [n or 1][h'][w'][1] or NULL, noise_strength a single number or NULL (1), add like the result or
   NULL.  weight: made by latent_op_conv_weight with the same up; or any promise of
   [out][in][k][k], as a variable's, and then the gradient goes to it, too (without style and
   demodulation where up is -2, and not with up 2 of kernel 1). */
latent_node *latent_op_conv(latent_node *x, latent_node *s, latent_node *weight, latent_node *bias,
                            latent_node *noise, latent_node *noise_strength, latent_node *add,
                            const latent_conv_settings *settings, const char *stage,
                            latent_error *e);

/* resample.c */

/* Twice the size by the filter [1 3 3 1], as ToRGB's running sum is enlarged, plus add (or NULL).
 */
latent_node *latent_op_upsample(latent_node *x, latent_node *add, const char *stage,
                                latent_error *e);

/* loss.c: one number of pictures; all can be differentiated */

/* 0.5 * sum((a - b)^2) */
latent_node *latent_op_sse(latent_node *a, latent_node *b, latent_error *e);
/* sum(a * b): whose gradient with respect to a is b. */
latent_node *latent_op_dot(latent_node *a, latent_node *b, latent_error *e);
/* Half the size, the mean of each four pixels. */
latent_node *latent_op_halve(latent_node *x, latent_error *e);
/* x as a given picture of that size and so many channels, to be compared with: resampled by a
   triangle as wide as a pixel of the coarser side (so that nothing is skipped), cut to the middle
   where the sides' ratio differs.  Gradients end here. */
latent_node *latent_op_resize_like(latent_node *x, int h, int w, int c, latent_error *e);
/* How far a picture is from another (which is taken as given, of any size): the mean squared
   difference at full size and at each half of it down to 4 pixels, added up; or at full size alone,
   0.5 * sum((a - b)^2). */
typedef enum { LATENT_LOSS_PYRAMID, LATENT_LOSS_SSE } latent_target_loss;
latent_node *latent_op_target(latent_node *x, latent_node *target, latent_target_loss kind,
                              latent_error *e);
/* sum(weight[i] * x[i]) of n single numbers, n at most 64. */
latent_node *latent_op_sum(latent_node *const *x, const float *weight, int n, latent_error *e);

/* feature_images.c: pictures of features, for [latent.tap] */

/* One channel as grey or three as red, green and blue; each set to mean 0 and 2.5 deviations = 1.
 */
latent_node *latent_op_channels(latent_node *x, const int *channels, int n, latent_error *e);
/* The first n x n channels side by side, each normalised as above. */
latent_node *latent_op_grid(latent_node *x, int n, latent_error *e);
/* The three principal components of the pixels' channel vectors as red, green and blue. */
latent_node *latent_op_pca(latent_node *x, latent_error *e);
/* [1][1][1][2c]: the channels' means, then their (population) deviations. */
latent_node *latent_op_statistics(latent_node *x, latent_error *e);

#pragma GCC visibility pop
#endif
