/* optimise: one step of an optimiser on a latent, for [latent.step]: Adam (Kingma and Ba 2015, with
   the bias correction) or gradient descent with momentum, a pull towards the start, clipping, a
   rate that ramps up and down and a noise that dies out, as projectors use them (Karras et al.
   2020, appendix D).  In a space (whitening.h) it goes by the deviations of a network's own styles,
   and stays among them.  Several gradients, each of another shaken latent, averaged for one step,
   are that of a smoothed loss: it shows the way out of where a single one is flat (Duchi, Bartlett
   and Wainwright 2012, "Randomized smoothing for stochastic optimization"). */
#ifndef LATENT_OPTIMISE_H
#define LATENT_OPTIMISE_H
#include "../latents/whitening.h"

#pragma GCC visibility push(default)

typedef enum { LATENT_ADAM, LATENT_SGD } latent_optimiser_mode;

typedef struct {
    int mode; /* a latent_optimiser_mode */
    double rate;
    double beta1, beta2; /* Adam's; beta1 is also the momentum of SGD */
    double pull;         /* pull * (x - where) is added to the gradient; where is the start, or */
    const float *where;  /* where_n numbers, repeated, where that is above 0 */
    int where_n;
    double clip;             /* the longest gradient, or 0 for any */
    double noise;            /* deviation of the noise at the first step */
    int steps;               /* the ramps' length, or 0 for no ramps (and noise that stays) */
    int average;             /* gradients for one step; 0 or 1: each is one */
    latent_whitening *space; /* of n numbers, or NULL: rate, pull, noise and clip are meant in it */
    double within; /* in a space: the latent's distance from the middle is at most so many times
                      that of drawn ones (or that of the start, if more); 0: any */
} latent_optimiser_settings;

typedef struct {
    int n;
    latent_whitening *space;  /* in which x is: held, or NULL */
    float *x, *start, *m, *v; /* [n] */
    float *given, *shown;     /* [n], the start as it came, and the latent that was seen last */
    float *room;              /* [2 n] */
    double *sum;              /* [n], of the gradients for the next step */
    int gathered;             /* how many these are */
    long t;                   /* steps taken */
    long moments;             /* of which m and v know: since x came into its space */
} latent_optimiser;

/* What others take for mode, rate, beta1, pull, noise and steps (all else as it was), by name:
   projector (Karras et al. 2020), sg3clip, styleclip, stylemc, vqganclip.  0, or -1 and a sentence.
 */
int latent_optimiser_preset(const char *name, latent_optimiser_settings *s, latent_error *e);
/* Starts at x [n], with no memory of gradients.  0, or -1 and a sentence. */
int latent_optimiser_start(latent_optimiser *o, const float *x, int n, latent_error *e);
/* Back to the start. */
void latent_optimiser_reset(latent_optimiser *o);
/* One step down a gradient g of count numbers: n, or several rows of n, which are added up; or,
   where several are averaged, one of them.  frozen (NULL or [n]): 1 where x stays.  A gradient with
   NaN or infinity is refused, and a space of another size. */
int latent_optimiser_step(latent_optimiser *o, const latent_optimiser_settings *s, const float *g,
                          int count, const unsigned char *frozen, latent_error *e);
/* The latent (out of the space) and what noise there is, the same for the same step and gradient:
   out [n].  A space of another size counts as none. */
void latent_optimiser_now(latent_optimiser *o, const latent_optimiser_settings *s,
                          const unsigned char *frozen, float *out);
/* The latent without noise: out [n]. */
void latent_optimiser_still(const latent_optimiser *o, float *out);
void latent_optimiser_free(latent_optimiser *o);

#pragma GCC visibility pop
#endif
