/* stepwise: long computations that look at pictures, done step by step, each step a job of the
   searcher (engine/base/jobs.h), so that pictures that are being played never wait for them; for
   [latent.directions] (calibration) and [latent.guide] (recall). */
#ifndef LATENT_STEPWISE_H
#define LATENT_STEPWISE_H
#include "engine/base/jobs.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct _latent_stepwise t_latent_stepwise;

/* done: on Pd's thread, when all is done; what is only lent.  progress: in thousandths.  x
   complains, z is handed to both. */
t_latent_stepwise *latent_stepwise_new(t_object *x, void *z, const latent_steps *steps,
                                       void (*done)(void *z, void *what),
                                       void (*progress)(void *z, int permille));
/* Takes what over, instead of what is being done; offline it is done when this returns, or has been
   cancelled by somebody who heard of the progress. */
void latent_stepwise_start(t_latent_stepwise *k, void *what);
int latent_stepwise_busy(const t_latent_stepwise *k);
void latent_stepwise_cancel(t_latent_stepwise *k);
void latent_stepwise_free(t_latent_stepwise *k);

#pragma GCC visibility pop
#endif
