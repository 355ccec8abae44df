/* guess_gradient: which way a diffusion's guess should go: the gradient of a loss through the
   decoder alone, the network and its steps taken as given (stop at the guess, and most of the
   effect is there at a fraction of the cost). */
#ifndef LATENT_GUESS_GRADIENT_H
#define LATENT_GUESS_GRADIENT_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

/* The gradient with respect to the features nearest behind a picture that the loss is of, or to the
   picture itself where there are none: *grad, with one holder, is like them.  -1 and a sentence. */
int latent_gradient_guess(latent_node *loss, latent_node *picture, const atomic_int *cancel,
                          float *value, latent_tensor **grad, latent_error *e);

#pragma GCC visibility pop
#endif
