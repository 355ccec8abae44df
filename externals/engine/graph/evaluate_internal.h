/* evaluate_internal: what graph, evaluator and gradient share: the values that nodes keep, and the
   evaluator's turn. */
#ifndef LATENT_EVALUATE_INTERNAL_H
#define LATENT_EVALUATE_INTERNAL_H
#include "graph.h"

/* The turn of the thread's evaluator, for whoever needs several values at once; evaluations inside
   it. */
void latent_evaluation_lock(void);
void latent_evaluation_unlock(void);
int latent_evaluate_locked(latent_node *n, const atomic_int *cancel, latent_tensor **value,
                           latent_error *e);
/* The node whose value this one stands for; how many of its inputs a value depends on. */
latent_node *latent_resolve_alias(latent_node *n);
int latent_computed_inputs(const latent_node *n);

/* The promises that are made on an evaluator's threads, and the values that it keeps (of them, or
   of another's).  A promise is shared among those of its own home alone, so that no lock is held by
   one evaluator's thread, which may have to give way, while another's waits for it.  It lasts as
   long as its evaluator, and as what came from it. */
typedef struct latent_home latent_home;
/* NULL: no memory. */
latent_home *latent_home_new(void);
void latent_home_release(latent_home *h);
/* That of the boxes. */
latent_home *latent_home_boxes(void);
/* That of the calling thread's evaluator. */
latent_home *latent_home_current(void);

/* What one evaluator knows of one node.  Lives as long as the node. */
typedef struct latent_kept {
    latent_node *node;
    latent_home *by;                   /* held */
    struct latent_kept *next;          /* the same node's, of another evaluator */
    struct latent_kept *older, *newer; /* the same evaluator's, of other nodes */
    latent_tensor *value;              /* or NULL */
    float eviction_score;              /* of keeping the value: what it cost for its size */
    unsigned used;                     /* when it was asked for last */
    unsigned visit;                    /* the evaluator's own, as uses is */
    int uses;
} latent_kept;

/* For h's evaluator alone: what it knows of n; made when it does not know it yet.  NULL: no
   memory. */
latent_kept *latent_kept_of(latent_home *h, latent_node *n);
/* Gives it its value (taking the holder over); now counts evaluations. */
void latent_value_keep(latent_kept *k, latent_tensor *value, unsigned now);
/* Drops values that no evaluation uses, the least wanted first, until at most bytes are kept; how
   many it was. */
long latent_values_limit(latent_home *h, size_t bytes, unsigned now);
size_t latent_values_bytes(latent_home *h);

#endif
