/* latents: what can be done with latents as lists of numbers (z, w, W+): drawing them from seeds,
   going from one to another, along paths of many, mixing styles by rows.  Cheap enough for Pd's own
   thread, nothing here allocates but latent_seeds. */
#ifndef LATENT_LATENTS_H
#define LATENT_LATENTS_H
#include "../base/error.h"
#include "../base/random.h"

#pragma GCC visibility push(default)

/* ---- from one to another; all vectors have n numbers, out may be a or b; t may lie outside 0..1
 */

/* out = (1 - t) a + t b */
void latent_lerp(const float *a, const float *b, int n, double t, float *out);

/* out = (sin((1 - t) o) a + sin(t o) b) / sin(o), o being the angle between a and b (Shoemake 1985;
   White 2016, "Sampling Generative Networks", 2.1): the arc instead of the chord, so that z keeps
   its length on the way.  lerp where there is no arc: one is 0, or they are (nearly) parallel. */
void latent_slerp(const float *a, const float *b, int n, double t, float *out);

/* The weights of four neighbours p0 p1 p2 p3 at t from p1 (0) to p2 (1), Catmull and Rom 1974:
   c0 = (-t + 2t^2 - t^3)/2, c1 = (2 - 5t^2 + 3t^3)/2, c2 = (t + 4t^2 - 3t^3)/2, c3 = (-t^2 +
   t^3)/2. Their sum is 1; the curve goes through its points without a bend in speed. */
void latent_spline_weights(double t, double c[4]);

/* ---- easings: 0 to 1 in, 0 to 1 out

   linear t; smooth 3t^2 - 2t^3; smoother 6t^5 - 15t^4 + 10t^3; sine (1 - cos(pi t))/2; in t^3;
   out 1 - (1 - t)^3; in-out 4t^3 up to the middle, then the same from the other end;
   hold 0 until the end is reached. */
#define LATENT_EASES "linear smooth smoother sine in out in-out hold"
typedef enum {
    LATENT_LINEAR,
    LATENT_SMOOTH,
    LATENT_SMOOTHER,
    LATENT_SINE,
    LATENT_IN,
    LATENT_OUT,
    LATENT_IN_OUT,
    LATENT_HOLD
} latent_ease;
double latent_eased(latent_ease ease, double t);

/* ---- paths through any number of keys */

#define LATENT_PATH_MODES "lerp slerp spline"
typedef enum { LATENT_LERP, LATENT_SLERP, LATENT_SPLINE } latent_path_mode;
typedef struct {
    latent_path_mode mode;
    latent_ease ease; /* within each segment */
    int loop; /* after the last key comes the first again: the period is the number of keys */
} latent_path;

/* The point of the path at position: k at key k, k + 0.5 halfway (by the easing) from there to the
   next.  Outside of 0 .. n_keys - 1 the path stands at its ends, or goes round.  An open spline has
   its first and last point reflected, 2 p0 - p1, as the neighbour that is missing.  keys[0 ..
   n_keys - 1] have n numbers each; n_keys is at least 1, position finite. */
void latent_path_at(const latent_path *path, const float *const *keys, int n_keys, int n,
                    double position, float *out);

/* ---- z from seeds */

/* The next n numbers of randn(), each drawn again while it lies outside of +-limit (0: no limit;
   below 0.1 it counts as 0.1, so that this ends).  With a fresh generator of seed s and no limit:
   numpy's RandomState(s).randn(n) as float32. */
void latent_draw(latent_random *r, int n, double limit, float *z);

/* The z of some seeds, kept for those who ask for the same ones again and again. */
#define LATENT_SEEDS_KEPT 8
typedef struct {
    int n;        /* numbers in a z */
    double limit; /* see latent_draw */
    float *z;     /* [LATENT_SEEDS_KEPT][n] */
    uint32_t seed[LATENT_SEEDS_KEPT];
    unsigned used[LATENT_SEEDS_KEPT], now; /* 0: nothing there */
} latent_seeds;

/* The z of one seed, valid until the next call for another; NULL when there is no memory.  seeds
   begins as zeroes; a change of n or limit makes it forget. */
const float *latent_seeds_get(latent_seeds *seeds, uint32_t seed, int n, double limit);
void latent_seeds_free(latent_seeds *seeds);

/* Four seeds and how much there is of each, the sum of squares being 1: what is independent and
   standard normal in them is so in their mixture.  One that comes twice (in a loop of fewer than
   four) counts once, the other has weight 0. */
typedef struct {
    uint32_t seed[4];
    double weight[4];
} latent_neighbours;
/* Those of a place in a walk or a loop, see below. */
void latent_walk_neighbours(uint32_t seed, double position, latent_neighbours *near);
void latent_loop_neighbours(uint32_t seed, int points, double phase, latent_neighbours *near);

/* A smooth walk through the seeds: at a whole number k the z of seed + k, between two of them
   sum(c_i z_i) / sqrt(sum(c_i^2)) over four neighbours with the weights of a Catmull-Rom spline.
   The z_i being independent and standard normal, so is every point of the walk.  Seeds count modulo
   2^32; position is finite.  0, or -1 when there is no memory. */
int latent_walk(latent_seeds *seeds, uint32_t seed, int n, double limit, double position, float *z);

/* The same, closed, through points seeds from seed on: phase 0 is the z of seed, 1 is 0 again. */
int latent_loop(latent_seeds *seeds, uint32_t seed, int points, int n, double limit, double phase,
                float *z);

/* ---- style mixing (Karras et al. 2019, 3.1), row by row */

/* out[r] = a[r] + share[r] (b[r] - a[r]) for the num_ws rows of w_dim numbers; a and b have one
   row, which counts for all, or num_ws. */
void latent_mix_styles(const float *a, int rows_a, const float *b, int rows_b, const float *share,
                       int num_ws, int w_dim, float *out);

/* What a person says about b's share, as one number a row: num_ws numbers are the shares
   themselves; if they need not be that, two are the first and the last row that come from b, and
   one is the only such row; none: b gives the second half of the rows (fine forms and colours), a
   the first (pose and build).  0, or -1 and a sentence, share then being undefined. */
int latent_mix_shares(const float *said, int n, int only_shares, int num_ws, float *share,
                      latent_error *e);

/* ---- classes of a conditional network

   What a person says about classes, as one weight a class: as many numbers as there are classes are
   the weights themselves; one is the number of a class, or lies between the numbers of two that are
   mixed (1.25: three quarters of class 1 and one of class 2); none is class 0.  0, or -1 and a
   sentence, weights then being undefined. */
int latent_class_weights(const float *said, int n, int classes, float *weights, latent_error *e);

#pragma GCC visibility pop
#endif
