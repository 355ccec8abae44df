/* step: one step of a diffusion back from noise, as promises: whoever guesses what is clean, and
   the ways ("samplers") to go from there to the next level.

   All of them are one formula (Song et al. 2021, DDIM): of x = a clean + s noise and the guess D
   the noise is (x - a D) / s, and the next x is a' D + s' noise.  They differ in D: dpm2m (Lu et
   al. 2022) carries the change since the guess before on, heun (Karras et al. 2022) asks again at
   the next level; and in how much of the noise is new (eta): then the step goes to less noise than
   it should, and the rest is drawn. */
#ifndef LATENT_STEP_H
#define LATENT_STEP_H
#include "../graph/graph.h"
#include "schedule.h"
#include <stdint.h>

#pragma GCC visibility push(default)

typedef enum {
    LATENT_EULER,
    LATENT_ANCESTRAL, /* euler whose eta is 1 unless told */
    LATENT_DDIM,
    LATENT_DPM2M,
    LATENT_HEUN,
    LATENT_LCM /* all noise is new (Luo et al. 2023) unless told */
} latent_sampler;
#define LATENT_SAMPLERS "euler ancestral ddim dpm2m heun lcm"
#define LATENT_OWN_ETA (-1) /* 1 for ancestral and lcm, 0 for the others */

/* Who guesses what is clean in x, which is at that level: a promise like x with one holder, or NULL
   and a sentence. */
typedef struct {
    latent_node *(*guess)(void *context, latent_node *x, latent_pair at, latent_error *e);
    void *context;
} latent_guesser;

typedef struct {
    latent_sampler sampler;
    double eta;    /* 0 to 1, or LATENT_OWN_ETA */
    uint32_t seed; /* of new noise: PyTorch's, see latent_op_randn() */
    int call;
    latent_node *before;   /* the guess of the step before, or NULL */
    latent_pair before_at; /* where that was */
} latent_step;

/* From x at that level to the next one, which is lower.  *clean: the guess, with one holder.  NULL
   and a sentence, *clean then being NULL, too. */
latent_node *latent_step_make(latent_node *x, latent_pair at, latent_pair to, const latent_step *s,
                              const latent_guesser *by, latent_node **clean, latent_error *e);

/* Guidance (Ho and Salimans 2022): from the guess without words to that with them, and beyond. */
latent_node *latent_guided(latent_node *without, latent_node *with, double scale, latent_error *e);

#pragma GCC visibility pop
#endif
