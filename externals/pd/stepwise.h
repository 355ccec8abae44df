/* stepwise: long computations that look at pictures, done step by step, each step a job of the
   evaluator, so that pictures that are being played come in between; for [latent.directions]
   (calibration) and [latent.guide] (recall). */
#ifndef LATENT_STEPWISE_H
#define LATENT_STEPWISE_H
#include "engine/work.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

/* What can be done step by step, for any of its kind. */
typedef struct {
    /* The next step, on the evaluator: 1 when that was the last, 0 when there are more, -1 and a
       sentence. */
    int (*step)(void *what, const atomic_int *cancel, latent_error *e);
    double (*progress)(const void *what); /* 0 to 1, on Pd's thread, between two steps */
    void (*let_go)(void *what);           /* on any thread */
} t_latent_steps;

typedef struct _latent_stepwise t_latent_stepwise;

/* done: on Pd's thread, when all is done; what is only lent.  progress: in thousandths. */
t_latent_stepwise *latent_stepwise_new(t_object *x, const t_latent_steps *steps,
                                       void (*done)(void *x, void *what),
                                       void (*progress)(void *x, int permille));
/* Takes what over, instead of what is being done; offline it is done when this returns. */
void latent_stepwise_start(t_latent_stepwise *k, void *what);
int latent_stepwise_busy(const t_latent_stepwise *k);
void latent_stepwise_cancel(t_latent_stepwise *k);
void latent_stepwise_free(t_latent_stepwise *k);

#pragma GCC visibility pop
#endif
