/* whitening: styles of a generator as numbers that are all normal and know nothing of each other,
   so that "as far as that" means the same in every direction: for optimisers that shall not leave
   the styles that the network draws well.  The P_N space of Zhu, Abdal, Qin, Femiani and Wonka 2020
   ("Improved StyleGAN Embedding: Where are the Good Latents?"): the mapping network's last leaky
   ReLU is taken back (x5 below 0), what then lies about as a normal distribution does is turned to
   its principal components, and each is divided by its deviation. */
#ifndef LATENT_WHITENING_H
#define LATENT_WHITENING_H
#include "../base/jobs.h"
#include "../models/model.h"

#pragma GCC visibility push(default)

/* Of the styles of one network.  Immutable and shared. */
typedef struct latent_whitening latent_whitening;

#define LATENT_WHITENING_SAMPLES 6000 /* styles that a job measures */

/* Measured on the styles of RandomState(0).randn(samples, z_dim), of class 0 where there are some.
   A direction in which styles hardly differ counts as wide as 1e-4 of the widest.  Slow (seconds):
   on a worker.  NULL and a sentence. */
latent_whitening *latent_whitening_new(const latent_model *m, int samples, latent_progress p,
                                       latent_error *e);
latent_whitening *latent_whitening_retain(latent_whitening *s); /* s may be NULL */
void latent_whitening_release(latent_whitening *s);             /* s may be NULL */
int latent_whitening_size(const latent_whitening *s);           /* w_dim */

/* w to p and back, all [w_dim]; a w comes back as it was but for rounding. */
void latent_whitening_in(const latent_whitening *s, const float *w, float *p);
void latent_whitening_out(const latent_whitening *s, const float *p, float *w);
/* The gradient with respect to p of something whose gradient with respect to w, there, is g. */
void latent_whitening_gradient(const latent_whitening *s, const float *w, const float *g, float *p);

/* The measuring as a job for a worker. */
typedef struct {
    latent_job job;
    latent_whitening *made; /* take it by leaving NULL */
    /* the job's own */
    latent_model *model; /* held */
} latent_whitening_job;
latent_whitening_job *latent_whitening_job_new(latent_model *m, latent_error *e);

#pragma GCC visibility pop
#endif
