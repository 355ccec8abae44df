/* evaluation: how far what a generator in training draws is from the pictures that it learns from
   (score.h), asked again and again under the same conditions: as many pictures each time, the same
   z, the same real pictures, which are looked at once. */
#ifndef LATENT_EVALUATION_H
#define LATENT_EVALUATION_H
#include "score.h"
#include "trainer.h"

#pragma GCC visibility push(default)

typedef struct latent_evaluation latent_evaluation;

/* Looks at n real pictures of that size and at n others (of a small set at half of it each; of a
   source without end at some that no training comes to), whose score against each other is the
   floor.  Holds the clip-tiny; what is of the source is not kept.  NULL and a sentence (less than
   four pictures, no clip-tiny, the source failed, cancelled).  Takes seconds: on a worker; gives up
   soon after *cancel (may be NULL) is set. */
latent_evaluation *latent_evaluation_new(latent_model *clip, latent_source *source, int size, int n,
                                         const atomic_int *cancel, latent_error *e);
void latent_evaluation_free(latent_evaluation *x); /* x may be NULL */
/* Was it made by this clip-tiny, for that size and n? */
int latent_evaluation_suits(const latent_evaluation *x, const latent_model *clip, int size, int n);

typedef struct {
    double percent; /* of the real features' variance */
    double floor;   /* that of the real pictures against others */
    int pictures;   /* of each kind */
} latent_evaluation_result;

/* The score of the trainer's average.  -1 and a sentence.  Likewise. */
int latent_evaluation_ask(latent_evaluation *x, latent_trainer *t, const atomic_int *cancel,
                          latent_evaluation_result *result, latent_error *e);

#pragma GCC visibility pop
#endif
