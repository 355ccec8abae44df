/* directions: ways to move a style that mean something, for [latent.directions]: those a network's
   own weights point to (SeFa: Shen and Zhou 2021, "Closed-form factorization of latent semantics in
   GANs"), the main components of its styles (GANSpace: Harkonen et al. 2020), random ones at right
   angles, or the difference of two latents; measured in standard deviations of w, and, by looking
   at pictures, made to feel alike. */
#ifndef LATENT_DIRECTIONS_H
#define LATENT_DIRECTIONS_H
#include "../base/jobs.h"
#include "../models/model.h"

#pragma GCC visibility push(default)

#define LATENT_DIRECTIONS_MOST 512 /* in one set */

/* One way to move: immutable and shared. */
typedef struct {
    atomic_int refs;
    int rows, dim;   /* of v: 1, or num_ws where each row moves in a way of its own */
    int first, last; /* rows of W+ that move, the others staying; first -1: of w, all rows alike */
    float sigma;     /* the length of v */
    float *v;        /* [rows][dim], as long as one standard deviation */
} latent_direction;

/* A list of them.  Immutable but for gain, which is its owner's. */
typedef struct {
    int count, dim, num_ws;
    char method[16]; /* "sefa", "ganspace", "random", "difference", or "" */
    latent_direction *at[LATENT_DIRECTIONS_MOST];
    float gain[LATENT_DIRECTIONS_MOST]; /* 1 until calibrated */
} latent_directions;

typedef enum { LATENT_SEFA, LATENT_GANSPACE, LATENT_RANDOM, LATENT_DIFFERENCE } latent_method;

const char *latent_method_name(latent_method m); /* "sefa" */

typedef struct {
    latent_method method;
    int count;            /* how many are wanted; not more than w has numbers come */
    int first, last;      /* rows of W+ that are to move; first -1: all, and w is moved */
    uint32_t seed;        /* of the sampled styles, and of the random directions: numpy's */
    int samples;          /* styles from which deviations (and GANSpace) are taken, at least 2 */
    const float *classes; /* [classes] weights of the sampled styles, or NULL for class 0 */
    const float *a, *b;   /* difference: from a to b */
    int n_a, n_b;         /* how many numbers they have: w or W+ */
} latent_directions_settings;

/* The mean [w_dim] and the covariance [w_dim][w_dim] (divided by samples - 1) of the styles of
   RandomState(seed).randn(samples, z_dim), whose numbers below 0 are first multiplied by steep (1:
   as they are). 0, or -1 and a sentence. */
int latent_style_statistics(const latent_model *m, uint32_t seed, int samples, const float *classes,
                            float steep, double *mean, double *covariance, latent_progress p,
                            latent_error *e);

/* Finds directions; each is as long as the standard deviation of w along it (a difference that is
   another for each row: the root mean square of the rows' is one).  SeFa: the right singular
   vectors of the affine weights that make the rows' styles (ToRGB's left out), one under the other,
   the strongest first.  GANSpace: the eigenvectors of the covariance.  Random: rows of
   RandomState(seed).randn(count, w_dim), each made perpendicular to those before.  Signs: the
   largest number is positive (SeFa, GANSpace).  Slow (seconds): on a worker.  NULL and a sentence.
 */
latent_directions *latent_directions_find(const latent_model *m,
                                          const latent_directions_settings *settings,
                                          latent_progress p, latent_error *e);
latent_directions *latent_directions_copy(const latent_directions *d); /* shares the directions */
void latent_directions_free(latent_directions *d);                     /* d may be NULL */
/* Adds those of more at the end; 0, or -1 and a sentence (too many, another width). */
int latent_directions_append(latent_directions *d, const latent_directions *more, latent_error *e);

/* One of zeroes, with one holder; NULL when there is no memory. */
latent_direction *latent_direction_new(int rows, int dim, int first, int last);

/* Rows of length 1 at right angles, v [count][n]: row after row of RandomState(seed).randn(count,
   n), each made perpendicular to those before (after n rows it begins again, there being no room
   for more).  0, or -1 when it is cancelled. */
int latent_directions_random(uint32_t seed, int count, int n, double *v, const atomic_int *cancel,
                             latent_error *e);

/* Both in a new set. */
latent_directions *latent_directions_joined(const latent_directions *d,
                                            const latent_directions *more, latent_error *e);

/* How many numbers direction i has as a list: dim, or num_ws x dim. */
int latent_directions_length(const latent_directions *d, int i);
/* Writes them: the way of one standard deviation, times its gain. */
void latent_directions_get(const latent_directions *d, int i, float *out);

/* Files: safetensors, or text as Pd's [text] reads it ("direction <first> <last> <sigma> <gain>
   <rows> <numbers>;", a line each, after "directions <count> <dim> <num_ws> <method>;") when the
   name does not end in .safetensors.  What is read is doubted.  0 or a set; else a sentence. */
int latent_directions_write(const latent_directions *d, const char *path, latent_error *e);
latent_directions *latent_directions_read(const char *path, latent_error *e);
latent_directions *latent_directions_parse(const char *text, size_t size, latent_error *e);

/* ---- calibration

   How much does the picture change on the way of one unit?  Of some styles (those of seeds seed,
   seed + 1 ...) the pictures half a unit to either side are drawn, and compared: the root mean
   square of their difference.  The gains make all directions change it as much as the median one
   does; they stay within 1/8 and 8.  A direction that changes nothing keeps its gain.  Two rounds,
   since a change does not grow evenly. */
typedef struct latent_calibration latent_calibration;

/* layer: the number of the last layer that draws, or -1: the first that draws 32 x 32 or more for
   directions of w, the last for those of some rows.  Takes copies; d may be NULL, which is said.
   NULL and a sentence. */
latent_calibration *latent_calibration_new(latent_model *m, const latent_directions *d,
                                           int pictures, uint32_t seed, int layer, latent_error *e);
/* Draws the next two pictures: on the searcher, in turn with others' jobs.  1 when that was the
   last, 0 when there are more, -1 and a sentence. */
int latent_calibration_step(latent_calibration *c, const atomic_int *cancel, latent_error *e);
double latent_calibration_progress(const latent_calibration *c); /* 0 to 1 */
extern const latent_steps latent_calibration_steps;              /* of a latent_calibration */
/* What came out, [count]: the gains, and how much the picture changed for one unit in the last
   round (of [-1, 1]). */
const float *latent_calibration_gains(const latent_calibration *c);
const float *latent_calibration_changes(const latent_calibration *c);
void latent_calibration_free(latent_calibration *c); /* c may be NULL */

#pragma GCC visibility pop
#endif
