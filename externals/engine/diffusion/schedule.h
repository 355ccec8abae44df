/* schedule: how much noise there is at each step of a diffusion (Ho et al. 2020), for all who take
   one, and the ways to space the steps that people know from other programs.

   A noised picture is x = a clean + s noise.  Its level, on cords a single number, is s / (a + s):
   0 is clean, 1 is noise alone.  What counts is the ratio s / a, "sigma" in the papers; a and s
   themselves are a matter of scale, which each network has its own of. */
#ifndef LATENT_SCHEDULE_H
#define LATENT_SCHEDULE_H
#include "../base/error.h"

#pragma GCC visibility push(default)

#define LATENT_MOST_STEPS 1000

typedef struct {
    double a, s; /* not negative, not both 0 */
} latent_pair;

/* How a network learned to add noise: along a straight line (rectified flow: a = 1 - t, s = t), or
   in 1000 steps that keep the deviation at 1 (Stable Diffusion: a^2 + s^2 = 1). */
typedef enum { LATENT_STRAIGHT, LATENT_THOUSAND } latent_noising;

/* The level of a number from 0 to 1 on that scale, and back. */
latent_pair latent_pair_of(double number, latent_noising noising);
double latent_pair_number(latent_pair l);
/* The highest level that the network knows: 1, or what its 1000th step has. */
double latent_noise_top(latent_noising noising);
/* The step from 0 to 999 that has this level, between two where need be; those beyond are the first
   and the last. */
double latent_timestep(latent_pair l, latent_noising noising);

/* Where the steps are: PyTorch people's names.  trailing: from the top in equal steps; leading: the
   same from below; linspace: from the top to the bottom; karras: dense where little noise is left
   (Karras et al. 2022); lcm: those that consistency models were trained on. */
typedef enum {
    LATENT_TRAILING,
    LATENT_LEADING,
    LATENT_LINSPACE,
    LATENT_KARRAS,
    LATENT_LCM_STEPS
} latent_spacing;
#define LATENT_SPACINGS "trailing leading linspace karras lcm"
typedef struct {
    latent_noising noising;
    latent_spacing spacing;
    int steps;    /* 1 to LATENT_MOST_STEPS */
    double from;  /* above 0, up to 1: how much of the way is gone; the rest is there already */
    double rho;   /* of karras: 7 */
    double shift; /* times s / a: above 1 more steps where there is much noise */
} latent_schedule;

/* The levels before each step and after the last, [steps + 1], falling, the last 0; and the
   timesteps (0 to 999) of the former, [steps]; either may be NULL.  -1 and a sentence when so many
   steps can't be told apart. */
int latent_schedule_levels(const latent_schedule *s, float *level, double *timestep,
                           latent_error *e);
/* Is that a schedule: 2 to LATENT_MOST_STEPS + 1 numbers from 1 to 0, each below the one before?
   -1 and a sentence. */
int latent_schedule_check(const float *level, int n, latent_error *e);

#pragma GCC visibility pop
#endif
