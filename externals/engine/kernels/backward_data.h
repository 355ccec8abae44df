/* backward_data: the way back through a convolution of conv.h: from a gradient with respect to its
   output to the one with respect to its input.  The adjoint of a correlation is the correlation
   with the kernel turned round and inputs and outputs exchanged; that of "enlarge by 2" is the blur
   followed by a correlation of stride 2, and the reverse. */
#ifndef LATENT_BACKWARD_DATA_H
#define LATENT_BACKWARD_DATA_H
#include "conv.h"

#pragma GCC visibility push(default)

typedef struct latent_backward_data latent_backward_data;

/* spec and weights of the convolution whose adjoint this is. */
latent_backward_data *latent_backward_data_new(latent_conv_spec spec, const float *weights,
                                               latent_error *e);
void latent_backward_data_free(latent_backward_data *a);
/* Keeps the weights in half precision, as latent_conv_halve. */
int latent_backward_data_halve(latent_backward_data *a);

/* gx[h][w][in] from g[up*h][up*w][out] (up -2: [h/2][w/2][out]), each channel of g times g_scale
   [out] (NULL: 1).  h and w are those of the convolution's input.  Works with the pool. */
int latent_backward_data_run(const latent_backward_data *a, int h, int w, const float *g,
                             const float *g_scale, float *gx, latent_error *e);

#pragma GCC visibility pop
#endif
