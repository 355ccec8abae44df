/* evaluate: from promises to numbers.  An evaluator does one evaluation at a time; values stay with
   their nodes; when they exceed a budget, the cheapest to compute again and the longest unused
   leave first.  Statistics of what was computed.

   There is one evaluator for the boxes; whatever takes long (a training, its score, a recall) has
   one of its own, with its own threads, memory, values and statistics, so that no picture ever
   waits for it.  A promise may be evaluated by several at once: each keeps a value of its own. */
#ifndef LATENT_EVALUATE_H
#define LATENT_EVALUATE_H
#include "../base/jobs.h"
#include "graph.h"

#pragma GCC visibility push(default)

typedef struct latent_evaluator latent_evaluator;

/* One whose operations run on so many threads (0: as many as the engine's) and which keeps at most
   so many bytes of values.  NULL: no memory. */
latent_evaluator *latent_evaluator_new(int threads, size_t bytes);
/* No thread uses it any more; may be NULL. */
void latent_evaluator_free(latent_evaluator *v);
/* From now on the calling thread's evaluations, and its operations' threads and memory, are v's
   (NULL, as at first: the boxes').  Gives the one that was. */
latent_evaluator *latent_evaluator_use(latent_evaluator *v);

/* What follows is about the calling thread's evaluator. */

/* The value of a node, with one more holder.  Stops soon after *cancel (may be NULL) is set.
   0, or -1 and a sentence. Blocks: not on Pd's thread, unless offline. */
int latent_evaluate(latent_node *n, const atomic_int *cancel, latent_tensor **value,
                    latent_error *e);

/* A job for the evaluator: compute node, then let digest make of the value what the owner needs
   (bytes for a screen, atoms for a list) while still away from Pd's thread. */
typedef struct latent_request {
    latent_job job;
    latent_node *node;                                        /* held */
    latent_tensor *value;                                     /* held once computed */
    int (*digest)(struct latent_request *r, latent_error *e); /* or NULL */
    void *settings;                 /* for digest to read; goes with the request, by let_go */
    void (*let_go)(void *settings); /* NULL, as at first: by free() */
    void *result;                   /* a malloc'd block that digest makes, freed with the request */
} latent_request;

/* Holds the node; takes settings (malloc'd, or NULL) over.  NULL when there is no memory. */
latent_request *latent_request_new(latent_node *node,
                                   int (*digest)(latent_request *r, latent_error *e),
                                   void *settings);

/* The budget for cached values, in bytes (default 256 MB); what they leave of it a busy engine
   keeps of freed memory. */
void latent_cache_set(size_t bytes);
size_t latent_cache(void);
/* Every cached value is forgotten before the next evaluation (or by now, when none runs). */
void latent_cache_forget(void);

typedef struct {
    char stage[24];
    long runs, hits; /* computed; found in the cache */
    double ms, mac;  /* in all runs together */
} latent_stage;
typedef struct {
    size_t cached_bytes, tensor_bytes, stored_bytes;
    long runs, hits, evictions;
    int n_stages; /* how many there are, which may be more than were asked for */
} latent_stats;
/* Fills in up to room stages, in the order in which they were first met. */
void latent_stats_get(latent_stats *stats, latent_stage *stages, int room);
void latent_stats_reset(void);

#pragma GCC visibility pop
#endif
