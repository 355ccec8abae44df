/* variables: numbers that are learned, as leaves of the graph: the parameters of a network in
   training.  A promise is made with the numbers as they are then; whoever changes them afterwards
   leaves it as it was ("same in, same promise out" holds between two changes). */
#ifndef LATENT_VARIABLES_H
#define LATENT_VARIABLES_H
#include "gradient.h"

#pragma GCC visibility push(default)

typedef struct latent_variables latent_variables;

latent_variables *latent_variables_new(void);    /* NULL: no memory */
void latent_variables_free(latent_variables *v); /* promises of them live on; may be NULL */

/* One more tensor, which begins as first says ([n][h][w][c]; NULL: 0).  Its number, from 0 on; -1
   and a sentence. */
int latent_variables_add(latent_variables *v, latent_shape shape, const float *first,
                         latent_error *e);
int latent_variables_count(const latent_variables *v);
/* How many numbers all of them have; where those of tensor i begin among them. */
size_t latent_variables_size(const latent_variables *v);
size_t latent_variables_place(const latent_variables *v, int i);

/* Tensor i as it is now: a promise.  NULL and a sentence. */
latent_node *latent_variables_at(latent_variables *v, int i, latent_error *e);
/* Its numbers: to be read, until they are changed; and to be changed.  The latter NULL and a
   sentence when there is no memory. */
const float *latent_variables_read(const latent_variables *v, int i);
float *latent_variables_change(latent_variables *v, int i, latent_error *e);

/* The value of loss, a node of one number, and its gradient with respect to all of v as they are
   now, [size]: 0 where they took no part.  Blocks like latent_evaluate(). */
int latent_variables_gradient(const latent_variables *v, latent_node *loss,
                              const atomic_int *cancel, float *value, float *grad, latent_error *e);

#pragma GCC visibility pop
#endif
