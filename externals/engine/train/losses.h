/* losses: the losses of a generator and its discriminator, as operations of the graph (ops.h): one
   number each, which can be differentiated. */
#ifndef LATENT_LOSSES_H
#define LATENT_LOSSES_H
#include "../graph/graph.h"
#include "augment.h"

#pragma GCC visibility push(default)

/* The mean of softplus(sign x) = log(1 + exp(sign x)) over all numbers of x: how wrong logits are
   that should be low (sign 1) or high (-1) (Goodfellow et al. 2014, non-saturating). */
latent_node *latent_op_logistic(latent_node *x, float sign, latent_error *e);
latent_node *latent_op_mean(latent_node *x, latent_error *e);
/* Of pictures, of which the second half are those of the first, moved: how unlike the lengths of
   their ways (scale |moved - picture|) are to the given one, the mean of (length - given)^2. */
latent_node *latent_op_path(latent_node *pictures, float scale, float given, latent_error *e);

/* Each picture of x changed as is said of it (augment.h); [n] of them. */
latent_node *latent_op_change(latent_node *x, const latent_augmentation *changes, latent_error *e);

#pragma GCC visibility pop
#endif
