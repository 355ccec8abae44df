/* recall: pictures that a generator has drawn and how an encoder (CLIP) saw them, so that a goal of
   guidance becomes a place: where such pictures came from.  The gradient of a CLIP alone soon finds
   ways to please the CLIP that nobody else sees, and stands still where the network draws one
   colour or another but none between; what was drawn already does neither.  Nearest neighbours as
   in retrieval-augmented generation (Blattmann et al. 2022, "Retrieval-Augmented Diffusion
   Models"), but of the network's own pictures, and of their latents.  For [latent.guide]. */
#ifndef LATENT_RECALL_H
#define LATENT_RECALL_H
#include "../base/jobs.h"
#include "../models/model.h"
#include "../ops/encoder.h"

#pragma GCC visibility push(default)

/* Grows step by step, on one thread at a time, and may be asked on others meanwhile: what is there
   stays as it is. */
typedef struct latent_recall latent_recall;

#define LATENT_RECALL_MOST 50000 /* pictures */

/* Room for so many pictures, those of the styles of RandomState(0).randn(pictures, z_dim), of class
   0 where there are some.  NULL and a sentence. */
latent_recall *latent_recall_new(latent_model *generator, latent_model *encoder, int pictures,
                                 latent_error *e);
latent_recall *latent_recall_retain(latent_recall *r); /* r may be NULL */
void latent_recall_release(latent_recall *r);          /* r may be NULL; any thread */
/* Draws and looks at some more, for a few milliseconds, at least one.  1 when all are there, 0 when
   more are to come, -1 and a sentence. */
int latent_recall_step(latent_recall *r, const atomic_int *cancel, latent_error *e);
double latent_recall_progress(const latent_recall *r); /* 0 to 1; any thread */
extern const latent_steps latent_recall_steps;         /* of a latent_recall */

/* Are these its networks?  Any thread. */
int latent_recall_is_of(const latent_recall *r, const latent_model *generator,
                        const latent_model *encoder);
int latent_recall_size(const latent_recall *r); /* w_dim; any thread */

/* Of the pictures that are there, one in 300 (at least one) is nearest to the goals by
   sum(weight * distance): the mean of their styles, w [w_dim], and of their embeddings, seen
   [embedding].  goals [n][embedding], of any length.  0, or -1 and a sentence (no pictures yet, no
   memory). */
int latent_recall_nearest(const latent_recall *r, int n, const float *goals, const float *weight,
                          latent_distance kind, float *w, float *seen, latent_error *e);

#pragma GCC visibility pop
#endif
