/* conv_internal: what the two ways to compute a layer share: conv.c by weights that stay as they
   are, prepared once, a picture at a time; conv_variable.c by weights that are a value like any
   other, for all pictures of a batch. */
#ifndef LATENT_CONV_INTERNAL_H
#define LATENT_CONV_INTERNAL_H
#include "../kernels/conv.h"
#include "ops.h"

/* The weight comes last: a prepared one's node holds the kernel's form of it, which is not an
   input's value. */
enum { X, STYLE, BIAS, NOISE, NOISE_STRENGTH, ADD, WEIGHT, INPUTS };

/* The side of what comes of a side of x. */
int latent_conv_side(int side, int up);
/* Checks all inputs but the weights, which are spec's. */
int latent_conv_check(const latent_node *n, latent_conv_spec spec, latent_shape *s,
                      latent_error *e);

/* own, of n numbers, is what a layer made before others were added, found again as y minus those.
   It is rounded then: what lies at the clamp but for that is set to it, so that no gradient goes
   through there. */
void latent_conv_snap(float *own, const float *y, size_t n, float clamp);

extern const latent_op latent_operation_conv_variable;

#endif
