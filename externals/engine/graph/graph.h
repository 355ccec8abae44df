/* graph: promises.  A node says how a value is made (an operation, its inputs, its parameters) and
   is immutable; making one computes nothing.  Nodes are shared: asking for the same operation with
   the same inputs and parameters while one lives gives that one, so caching falls out of the
   dataflow ("same in, same promise out"), for all boxes and within each training.  Nodes may be
   made and released on any thread. */
#ifndef LATENT_GRAPH_H
#define LATENT_GRAPH_H
#include "../base/deferred_free.h"
#include "../base/error.h"
#include "tensor.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

typedef struct latent_node latent_node;

/* One line of the table of operations: everything the engine knows about one of them. */
typedef struct latent_op {
    const char *name;
    /* How many of the inputs, from the first on, the value depends on; -1 for all.  The others are
       only carried along. */
    int n_computed;
    /* Checks inputs and parameters and gives the shape of the value. */
    int (*shape)(const latent_node *n, latent_shape *s, latent_error *e);
    /* Multiply-adds; NULL where they do not count. */
    double (*cost)(const latent_node *n);
    /* Computes the value; in[i] is NULL where the node's input is.  NULL for a node that stands for
       its first input (forward costs nothing then).  On the evaluator. */
    int (*forward)(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                   latent_error *e);
    /* Adds the gradient of a scalar with respect to in[i] to grad_in[i] (NULL: not wanted), given
       its gradient with respect to the value, whose memory it may use.  NULL where there is none.
     */
    int (*backward)(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                    latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e);
    /* 1: backward may find grad_in[0] fresh and then sets its numbers; else they are there. */
    int overwrites;
    /* 1: gradients end here; what lies behind is taken as given. */
    int stop_gradient;
    /* A leaf's value, retained, straight from its parameters; NULL for all others. */
    latent_tensor *(*leaf)(const latent_node *n);
    /* Called when a node is made and when it dies, where parameters hold something. */
    void (*retain)(void *params);
    void (*release)(void *params);
} latent_op;

struct latent_node {
    const latent_op *op;
    int n_in;
    latent_node **in; /* held; entries may be NULL */
    void *params;     /* bytes owned by the node, compared bit by bit: clear the padding */
    size_t params_bytes;
    latent_shape shape;
    char stage[24]; /* whose time this is, in stats: "64.conv0" */
    /* what follows is the graph's own */
    uint64_t hash;
    atomic_int refs;
    int id;
    struct latent_home *home; /* held: of the evaluator on whose thread it was made */
    latent_node *next_same_hash, *next_same_id;
    struct latent_kept *_Atomic kept; /* its values: one for each evaluator that has met it */
    void *prepared; /* what an operation made of a parameter once, freed with the node */
    void (*prepared_free)(void *);
    latent_deferred_free grave;
};

/* The node for op(in...; params), with one more holder; params are copied.  stage may be NULL.
   NULL and a sentence when the operation refuses its inputs. */
latent_node *latent_node_make(const latent_op *op, latent_node *const *in, int n_in,
                              const void *params, size_t params_bytes, const char *stage,
                              latent_error *e);
latent_node *latent_node_retain(latent_node *n);
void latent_node_release(latent_node *n); /* n may be NULL */

/* Numbers for cords: 1 to 2^24 - 1, given on first asking, not used again for a long time. */
#define LATENT_MAX_ID ((1 << 24) - 1)
int latent_node_id(latent_node *n);
/* The living node of that number, with one more holder, or NULL. */
latent_node *latent_node_by_id(int id);

/* How many nodes live (for tests of leaks). */
size_t latent_node_count(void);

#pragma GCC visibility pop
#endif
