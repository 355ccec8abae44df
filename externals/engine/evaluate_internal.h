/* evaluate_internal: what the graph does for the evaluator: the values that nodes keep. */
#ifndef LATENT_EVALUATE_INTERNAL_H
#define LATENT_EVALUATE_INTERNAL_H
#include "graph.h"

/* Gives the node its value (taking the holder over); now counts evaluations. */
void latent_value_keep(latent_node *n, latent_tensor *value, unsigned now);
/* Drops values that no evaluation uses, the least wanted first, until at most bytes are kept; how
   many it was. */
long latent_values_limit(size_t bytes, unsigned now);
size_t latent_values_bytes(void);

#endif
