/* noised: features that know how much noise is in them, and what is done to them between noise and
   a picture: noise added, a step taken back, a part kept, a push.  All are promises; what a later
   step needs rides along: the noise that was there first, the guess before, the schedule, the
   words. */
#ifndef LATENT_NOISED_H
#define LATENT_NOISED_H
#include "../models/features.h"
#include "noise.h"
#include "schedule.h"
#include "step.h"

#pragma GCC visibility push(default)

/* How that network learned to add noise; NULL: along a straight line. */
latent_noising latent_model_noising(const struct latent_model *m);

/* Noise alone: level 1. */
latent_node *latent_noised_noise(latent_node *noise, latent_error *e);

/* A picture as features that m (a decoder) makes of it, brought to a size that m takes: the one it
   denoises, where it does, or one that is little smaller.  NULL and a sentence. */
latent_node *latent_encoded(struct latent_model *m, latent_node *picture, latent_error *e);
/* The picture that features mean to m.  NULL: to their own network; where that is no decoder, or
   they have none, they are a picture themselves, of 1, 3 or 4 channels. */
latent_node *latent_decoded(struct latent_model *m, latent_node *n, latent_error *e);

/* More noise in n, a picture or features, so that it has that level (0 to 1): a straight line from
   what is clean, or as n's own network learned it.  noise: of n's size, or one channel of it, a
   picture or features; NULL: that of seed 0.  NULL and a sentence when there is more noise in n
   already. */
latent_node *latent_noised_more(latent_node *n, latent_node *noise, double level, latent_error *e);

/* The levels of so many steps for that network, [steps + 1], steps from 1 to LATENT_MOST_STEPS. */
void latent_usual_schedule(const struct latent_model *m, int steps, float *level);

/* One step towards clean. */
typedef struct {
    struct latent_model *model; /* a denoiser */
    latent_node *words;   /* condition, see latent_denoiser_arch; NULL: what rides along, if any */
    latent_node *without; /* what is not meant; NULL: no words */
    double guidance;      /* 1: the words alone; above: away from what is not meant */
    latent_sampler sampler;
    double eta; /* 0 to 1, or LATENT_OWN_ETA */
    uint32_t seed;
    const float *level; /* a schedule, [n_levels]; NULL: what rides along, or 4 steps */
    int n_levels;
    int to; /* to which of them, from 1 on; 0: the first below the level that n has */
} latent_denoise;

/* The features one level further; *clean: the guess, features without noise.  What is clean already
   (or at the schedule's end) is given back as it is, for both.  NULL and a sentence. */
latent_node *latent_denoised(latent_node *n, const latent_denoise *d, latent_node **clean,
                             latent_error *e);

/* n, and where the mask (a picture of any size, -1 to 1) is dark, or light (invert), keep instead,
   with as much of the noise that n began with as n has.  keep: features or a picture of n's size,
   clean. */
latent_node *latent_noised_keep(latent_node *n, latent_node *keep, latent_node *mask, int invert,
                                latent_error *e);

/* n - strength x gradient, which is like n; all else as it is. */
latent_node *latent_noised_push(latent_node *n, latent_node *gradient, double strength,
                                latent_error *e);

#pragma GCC visibility pop
#endif
