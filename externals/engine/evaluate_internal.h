/* evaluate_internal: what graph, evaluator and gradient share: the values that nodes keep, and the
   evaluator's turn. */
#ifndef LATENT_EVALUATE_INTERNAL_H
#define LATENT_EVALUATE_INTERNAL_H
#include "graph.h"

/* The evaluator's turn, for whoever needs several values at once; evaluations inside it. */
void latent_turn_begin(void);
void latent_turn_end(void);
int latent_evaluate_in_turn(latent_node *n, const atomic_int *cancel, latent_tensor **value,
                            latent_error *e);
/* The node whose value this one stands for; how many of its inputs a value depends on. */
latent_node *latent_meant(latent_node *n);
int latent_computed_inputs(const latent_node *n);

/* Gives the node its value (taking the holder over); now counts evaluations. */
void latent_value_keep(latent_node *n, latent_tensor *value, unsigned now);
/* Drops values that no evaluation uses, the least wanted first, until at most bytes are kept; how
   many it was. */
long latent_values_limit(size_t bytes, unsigned now);
size_t latent_values_bytes(void);

#endif
