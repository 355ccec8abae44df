/* fit: learning at its smallest, for [latent.fit] and the first lessons: a line through points (two
   numbers found by going downhill), a polynomial, a small network that bends itself through them,
   and balls that roll into pits.  All of it is gradient descent (Cauchy 1847): go a little against
   the slope of the error, again and again.

   Points are measured in units of their own extent while steps are made (as every such program
   does), so that one rate suits all; what comes out is in the points' units.  One thread at a time.
 */
#ifndef LATENT_FIT_H
#define LATENT_FIT_H
#include "../base/error.h"
#include <stdint.h>

#pragma GCC visibility push(default)

typedef enum { LATENT_FIT_LINE, LATENT_FIT_POLY, LATENT_FIT_NET, LATENT_FIT_PITS } latent_fit_kind;
#define LATENT_FIT_POINTS 256  /* at most */
#define LATENT_FIT_DEGREE 9    /* of a polynomial, at most */
#define LATENT_FIT_HIDDEN 64   /* neurons, at most */
#define LATENT_FIT_BALLS 200   /* at most */
#define LATENT_FIT_NUMBERS 400 /* as many as any kind has */

typedef struct latent_fit latent_fit;

/* n: a polynomial's degree, a network's neurons, the balls; a line needs none.  Brought to its
   limits.  seed: the network's first weights, the balls' first places.  NULL: no memory. */
latent_fit *latent_fit_new(latent_fit_kind kind, int n, uint32_t seed, latent_error *e);
void latent_fit_free(latent_fit *f); /* may be NULL */

/* One more point; of pits one more ball (the oldest makes room).  -1 and a sentence when there are
   too many points. */
int latent_fit_point(latent_fit *f, float x, float y, latent_error *e);
void latent_fit_clear(latent_fit *f); /* no points; of pits no balls */
/* Begins again: first weights, first places; points stay. */
void latent_fit_again(latent_fit *f, int n, uint32_t seed);

/* A step downhill: rate 0 to 1 (0.1 is good), momentum 0 (none) to 0.99. */
void latent_fit_step(latent_fit *f, double rate, double momentum);
/* The best line or polynomial at once (least squares, Gauss 1809).  -1 for the kinds that have no
   such formula. */
int latent_fit_solve(latent_fit *f);

/* A line or polynomial by hand: its numbers as latent_fit_numbers says them.  -1, and nothing is
   changed, for the other kinds and for another count of numbers. */
int latent_fit_set(latent_fit *f, const float *v, int n);

/* a and b of y = a x + b; a polynomial's n + 1 coefficients from the highest power down; a
   network's weights (w, b and v of each neuron, then c: y = sum v tanh(w x + b) + c); x and y of
   each ball. */
int latent_fit_numbers(const latent_fit *f, float *v); /* room for LATENT_FIT_NUMBERS; how many */
/* The mean squared error; the mean height of the balls. */
double latent_fit_loss(const latent_fit *f);
/* y at x; the height of the pits at (x, 0). */
double latent_fit_ask(const latent_fit *f, double x);
/* The height of the landscape with a deep pit and a shallow one, and its slope. */
double latent_fit_height(double x, double y, double slope[2]);

/* What a picture shows: plain floats, so that it can be part of a promise. */
typedef struct {
    float kind, n;                      /* points or balls */
    float low_x, high_x, low_y, high_y; /* what is seen */
    float point[LATENT_FIT_POINTS][2];
    float curve[129]; /* y from low_x to high_x */
} latent_fit_view;
void latent_fit_look(const latent_fit *f, latent_fit_view *v);
/* Draws it: size x size x 3 floats in [-1, 1].  -1 and a sentence when there is no memory. */
int latent_fit_draw(const latent_fit_view *v, int size, float *picture, latent_error *e);

#pragma GCC visibility pop
#endif
