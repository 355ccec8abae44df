/* leaves: the parameters of a network in training, or their average, as leaves of the graph, for
   models that make promises of them by name. */
#ifndef LATENT_LEAVES_H
#define LATENT_LEAVES_H
#include "../models/tensors.h"
#include "parameters.h"

#pragma GCC visibility push(default)

typedef struct {
    latent_tensors tensors; /* for the models; first, so that one is the other */
    latent_parameters *p;
    latent_node **average; /* [p->n]: held, or NULL where nobody has asked yet; NULL: the values */
} latent_leaves;

/* Of the values as they are, or of their average.  0, or -1 and a sentence. */
int latent_leaves_begin(latent_leaves *l, latent_parameters *p, int average, latent_error *e);
void latent_leaves_end(latent_leaves *l); /* zeroed is fine, too */

#pragma GCC visibility pop
#endif
