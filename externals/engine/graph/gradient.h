/* gradient: from a loss back to what it depends on (reverse-mode differentiation over the graph of
   promises).  The forward values are those of the cache, shared with whoever looks at the same
   promise. */
#ifndef LATENT_GRADIENT_H
#define LATENT_GRADIENT_H
#include "graph.h"
#include "noise_maps.h"

#pragma GCC visibility push(default)

/* The value of loss (a node of one number), and its gradient with respect to every leaf that
   wanted() says yes to: each is handed to take() once.  Blocks like latent_evaluate().  0, or -1
   and a sentence (an operation on the way has no gradient, no memory, cancelled). */
typedef struct {
    int (*wanted)(const latent_node *leaf, void *context);
    void (*take)(const latent_node *leaf, const latent_tensor *grad, void *context);
    void *context;
} latent_gradient_of;
int latent_gradient(latent_node *loss, const latent_gradient_of *of, const atomic_int *cancel,
                    float *value, latent_error *e);

/* The same with respect to one node on the way, what lies behind it being taken as given: *grad,
   with one holder, is like it; NULL, and 0 returned, where the loss does not depend on it. */
int latent_gradient_at(latent_node *loss, latent_node *at, const atomic_int *cancel, float *value,
                       latent_tensor **grad, latent_error *e);

/* The same with respect to the styles of the generator that drew: *grad (malloc'd, the caller frees
   it) is [*rows][*w_dim]; what belongs to one row is added up, rows that took no part are 0.  Where
   two networks drew one picture it is the one that worked last. */
int latent_gradient_styles(latent_node *loss, const atomic_int *cancel, float *value, float **grad,
                           int *rows, int *w_dim, latent_error *e);
/* The same, and the learned noise maps that took part step (noise_maps.h) where their rate is above
   0. */
int latent_gradient_learn(latent_node *loss, latent_noise_maps_settings learn,
                          const atomic_int *cancel, float *value, float **grad, int *rows,
                          int *w_dim, latent_error *e);

#pragma GCC visibility pop
#endif
