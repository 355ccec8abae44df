/* evaluate_internal: what the graph does for the evaluator: the values that nodes keep, in order of
   use. */
#ifndef LATENT_EVALUATE_INTERNAL_H
#define LATENT_EVALUATE_INTERNAL_H
#include "graph.h"

/* Gives the node its value (taking the holder over), as the newest. */
void latent_value_keep(latent_node *n, latent_tensor *value);
/* Takes the value away from the node; the caller holds it now. */
latent_tensor *latent_value_drop(latent_node *n);
/* Makes the node's value the newest. */
void latent_value_touch(latent_node *n);
/* Drops the oldest values that no evaluation uses until at most bytes are kept; how many it was. */
long latent_values_limit(size_t bytes);
size_t latent_values_bytes(void);

#endif
