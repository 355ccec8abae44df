/* encoder: the operations of networks that look and read (CLIP), and of what is made of their
   embeddings.  A row of tokens is a picture of one row: [n][1][tokens][width].  All but the
   last can be differentiated with respect to every input; each function makes a node as those of
   ops.h do. */
#ifndef LATENT_ENCODER_H
#define LATENT_ENCODER_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

/* linear.c */

/* W x + b + add, for every token; W [1][1][out][in], b [1][1][1][out] or NULL, add like the result
   or NULL. */
latent_node *latent_op_project(latent_node *x, latent_node *w, latent_node *b, latent_node *add,
                               const char *stage, latent_error *e);

/* transformer.c */

/* (x - mean) / sqrt(variance + 1e-5) over the channels of each token, times gain plus bias
   [1][1][1][c]. */
latent_node *latent_op_layer_norm(latent_node *x, latent_node *gain, latent_node *bias,
                                  const char *stage, latent_error *e);
/* x Phi(x) (Hendrycks and Gimpel 2016); quick: x sigmoid(1.702 x), as OpenAI's CLIP has it. */
latent_node *latent_op_gelu(latent_node *x, int quick, const char *stage, latent_error *e);
/* The squares of size x size pixels of a picture as tokens of size*size*c numbers in row, column,
   channel order: [n][h][w][c] to [n][1][h/size * w/size][size*size*c]. */
latent_node *latent_op_patches(latent_node *x, int size, latent_error *e);
/* The same where they lay: [n][h/size][w/size][size*size*c]. */
latent_node *latent_op_squares(latent_node *x, int size, latent_error *e);
/* Puts the token first [1][1][1][c] (or NULL) before each row of x and adds place [1][1][..][c],
   which has at least as many rows, to the tokens. */
latent_node *latent_op_position_embedding(latent_node *x, latent_node *first, latent_node *place,
                                          latent_error *e);
/* The rows of table [1][1][words][c] with these numbers, [1][1][n][c]. */
latent_node *latent_op_embedding(latent_node *table, const int *words, int n, latent_error *e);
/* Token number row of each row of tokens: [n][1][1][c]. */
latent_node *latent_op_select_token(latent_node *x, int row, latent_error *e);

/* attend.c */

/* Multi-head attention (Vaswani et al. 2017, section 3.2) between the tokens of a row: of qkv
   [n][1][t][3c], queries, keys and values side by side, softmax(Q K' / sqrt(c / heads)) V
   [n][1][t][c].  causal: no token sees those after it.  The projections before and after it are
   latent_op_project(). */
latent_node *latent_op_attention(latent_node *qkv, int heads, int causal, const char *stage,
                                 latent_error *e);

/* embedding_bag.c */

/* n words, [1][1][n][c]: word i is the sum of the rows row[first[i]] ... row[first[i + 1] - 1] of
   table [1][1][rows][c]. */
latent_node *latent_op_embedding_bag(latent_node *table, const int *row, const int *first, int n,
                                     latent_error *e);
/* The words x [1][1][words][c] of n texts, those of text i from first[i] to first[i + 1] - 1: each
   word's channels beside those of the words before and after it in its text, 0 where there is none:
   [1][1][words][c][3], as the weights [out][c][3] of a convolution over words want it. */
latent_node *latent_op_neighbours(latent_node *x, const int *first, int n, latent_error *e);
/* The mean over each text's words: [n][1][1][c]. */
latent_node *latent_op_pool_words(latent_node *x, const int *first, int n, latent_error *e);
/* The mean over rows and columns: [n][1][1][c]. */
latent_node *latent_op_pool(latent_node *x, latent_error *e);

/* contrastive.c: pictures [n][1][1][d], and texts [languages n][1][1][d] that belong to them, those
   of one language after those of another; log_scale: one number */

/* The cross entropy of each picture among the texts of a language and of each text among the
   pictures, by their cosines times exp(log_scale), the mean of all (Radford et al. 2021). */
latent_node *latent_op_contrastive(latent_node *pictures, latent_node *texts,
                                   latent_node *log_scale, latent_error *e);
/* The share of pictures and texts that are nearer to each other than to all others; without a
   gradient. */
latent_node *latent_op_found(latent_node *pictures, latent_node *texts, latent_node *log_scale,
                             latent_error *e);

/* cutout.c: what an encoder is shown */

/* Each channel times scale plus shift; at most 4 channels. */
latent_node *latent_op_scale(latent_node *x, const float *scale, const float *shift,
                             latent_error *e);
/* A picture as CLIP's own preparation makes it: the shorter side becomes size (bicubic, without
   aliases), then the middle is cut out.  A picture whose numbers are those of bytes is resampled in
   bytes, as Pillow does it; any other in floats.  Its gradient is that of the latter. */
latent_node *latent_op_center_crop(latent_node *x, int size, latent_error *e);
/* n squares of a picture, each made size x size: [n][size][size][c] (MakeCutouts of Crowson's CLIP
   guidance).  Their sides are smallest + u^power (largest - smallest), u uniform, at a random
   place; smallest is size, or half the picture's shorter side where that is less.  n 0: the largest
   square in the middle, alone.  Equal seeds give equal squares. */
latent_node *latent_op_cutouts(latent_node *x, int n, int size, float power, uint32_t seed,
                               latent_error *e);

/* Each picture of x a little otherwise, by chance: mirrored or not, turned by up to 15 degrees and
   moved, made larger or smaller by up to a tenth (what lies outside is what lies at the edge),
   brighter or darker, with more or less colour; all times strength (0 to 1).  Equal seeds change
   equally.  Pictures of 3 channels. */
latent_node *latent_op_augment(latent_node *x, float strength, uint32_t seed, latent_error *e);

/* embedding.c: one number of embeddings, or one embedding of several */

/* How far the embeddings a [n][1][1][d] are from b [1][1][1][d] on the sphere, the mean over a:
   1 - cos of the angle, or half the angle's square, = 2 asin(|a - b| / 2)^2 for unit vectors. */
typedef enum { LATENT_COSINE, LATENT_SPHERICAL } latent_distance;
latent_node *latent_op_distance(latent_node *a, latent_node *b, latent_distance kind,
                                latent_error *e);
/* How unlike the tokens of a and b [n][1][t][d] are: the mean of 1 - cos of the angle between a's
   and b's at the same place. */
latent_node *latent_op_cosine_distance(latent_node *a, latent_node *b, latent_error *e);
/* sum(weight[i] * x[i] / |x[i]|), n at most 16, [1][1][1][d] each. */
latent_node *latent_op_blend(latent_node *const *x, const float *weight, int n, latent_error *e);
/* x itself; gradients end here. */
latent_node *latent_op_stop_gradient(latent_node *x, latent_error *e);

#pragma GCC visibility pop
#endif
