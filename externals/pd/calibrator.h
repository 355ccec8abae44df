/* calibrator: measures directions step by step, each step a job of its own, so that pictures that
   are being played come in between; for [latent.directions]. */
#ifndef LATENT_CALIBRATOR_H
#define LATENT_CALIBRATOR_H
#include "engine/directions_jobs.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct _latent_calibrator t_latent_calibrator;

/* done: on Pd's thread, when all has been measured; c is only lent.  progress: in thousandths. */
t_latent_calibrator *latent_calibrator_new(t_object *x,
                                           void (*done)(void *x, const latent_calibration *c),
                                           void (*progress)(void *x, int permille));
/* Takes c over, instead of what is being measured; offline it is done when this returns. */
void latent_calibrator_start(t_latent_calibrator *k, latent_calibration *c);
void latent_calibrator_cancel(t_latent_calibrator *k);
void latent_calibrator_free(t_latent_calibrator *k);

#pragma GCC visibility pop
#endif
