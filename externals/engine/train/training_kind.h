/* training_kind: what training.c shares with the kinds of training, training_gan.c,
   training_clip.c and training_diffusion.c. */
#ifndef LATENT_TRAINING_KIND_H
#define LATENT_TRAINING_KIND_H
#include "../base/deferred_free.h"
#include "../graph/evaluate.h"
#include "training.h"

struct latent_training {
    latent_deferred_free grave;
    atomic_int refs;
    const latent_training_kind *kind;
    int made;                             /* are there networks? */
    latent_trainer trainer;               /* these, */
    latent_clip_training *clip;           /* or this one, */
    latent_diffusion_training *diffusion; /* or this one */
    latent_source *source;                /* or NULL */
    latent_evaluation *exam;              /* of source, or NULL */
    latent_evaluator *evaluator;          /* its own: nobody who plays waits for it */
};

/* What differs between the kinds.  Functions of jobs give 0, or -1 and a sentence; what a job could
   not do leaves everything as it was. */
struct latent_training_kind {
    int (*make)(latent_train_job *j, latent_error *e);
    int (*from)(latent_train_job *j, latent_error *e); /* or NULL */
    int (*resume)(latent_train_job *j, latent_error *e);
    int (*save)(latent_train_job *j, latent_error *e);
    int (*write)(latent_train_job *j, latent_error *e);
    int (*score)(latent_train_job *j, latent_error *e); /* or NULL */
    void (*adjust)(latent_train_job *j); /* the settings that may change between steps */
    int (*step)(latent_training *t, double loss[2], latent_error *e); /* adds to the losses */
    latent_model *(*snapshot)(const latent_training *t, latent_error *e);
    void (*report)(latent_train_job *j);
    void (*connect)(latent_training *t); /* what learns to the source */
    void (*forget)(latent_training *t);  /* the networks */
};

/* The first of the paths that exists, else the last; NULL when paths is. */
const char *latent_training_existing(const char *paths);

#endif
