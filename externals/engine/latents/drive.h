/* drive: from any list of numbers (sensors, MIDI, OSC, a table, the letters of a poem) to a latent,
   for [latent.drive]: each number is shaped, follows its target in time, and moves the latent along
   a direction of its own; or the whole way from numbers to latents is learned from examples. */
#ifndef LATENT_DRIVE_H
#define LATENT_DRIVE_H
#include "../base/error.h"
#include "../base/jobs.h"

#pragma GCC visibility push(default)

#define LATENT_DRIVE_CONTROLS 256 /* the most numbers in a list */
#define LATENT_DRIVE_EXAMPLES 512
#define LATENT_DRIVE_LATENT 65536 /* the most numbers in a latent */

/* ---- shaping

   linear v; square v|v|; cube v^3; root sqrt(|v|) with v's sign; soft tanh(v); smooth 3u^2 - 2u^3
   of u = |v| up to 1, with v's sign; step -1, 0 or 1, the whole number next to v. */
#define LATENT_CURVES "linear square cube root soft smooth step"
typedef enum {
    LATENT_CURVE_LINEAR,
    LATENT_CURVE_SQUARE,
    LATENT_CURVE_CUBE,
    LATENT_CURVE_ROOT,
    LATENT_CURVE_SOFT,
    LATENT_CURVE_SMOOTH,
    LATENT_CURVE_STEP
} latent_curve;
double latent_curved(latent_curve curve, double v);
/* shaped[i] = gain[i] curved(v[i]); gain and curve (of whole numbers, the curves') have one number
   for all or one for each, those that are missing being 1 and linear.  -1 and a sentence when there
   are more than LATENT_DRIVE_CONTROLS values. */
int latent_drive_shape(const float *v, int n, const float *gain, int n_gain, const float *curve,
                       int n_curve, double *shaped, latent_error *e);

/* ---- following, in time

   Without momentum: a one-pole, v += (target - v)(1 - exp(-ms / t)), t being attack on the way out
   (while |target| > |v|) and release on the way back.  With momentum: a weight on a spring, v'' =
   (target - v) / t^2 - 2 (1 - momentum) v' / t, solved exactly.  So many small steps of time are as
   one large one, as long as the target stays.  t = 0: at once. */
typedef struct {
    double attack, release; /* milliseconds, at least 0 */
    double momentum;        /* 0 to 0.99 */
} latent_following;

typedef struct {
    int n;
    double target[LATENT_DRIVE_CONTROLS], value[LATENT_DRIVE_CONTROLS],
        speed[LATENT_DRIVE_CONTROLS]; /* a millisecond */
} latent_follower;

/* New targets; numbers that were not there before start at 0, those that are gone go to 0. */
void latent_follower_aim(latent_follower *f, const double *targets, int n);
void latent_follower_advance(latent_follower *f, const latent_following *how, double ms);
/* Has everything arrived? */
int latent_follower_rests(const latent_follower *f);
void latent_follower_reset(latent_follower *f); /* to 0, at once */

/* ---- from numbers to a latent */

/* latent = origin + sum of x[i] row[i] (+ what a network adds).  A map of directions has rows of
   any lengths and no origin of its own; a learned one has all of the fields. */
typedef struct {
    int controls, n; /* n: numbers in the longest row */
    float *row[LATENT_DRIVE_CONTROLS];
    int length[LATENT_DRIVE_CONTROLS]; /* of each row; 0: there is none */
    /* learned: */
    float *origin;                /* [n], or NULL: the origin is the player's start */
    float *mean, *scale;          /* [controls]: x = (value - mean) scale */
    int hidden, parts;            /* of the network; 0: none */
    float *inner, *bias;          /* [hidden][controls], [hidden] */
    float *outer, *shift, *basis; /* [parts][hidden], [parts], [parts][n] */
    double error;                 /* the root mean square of what is left at the examples */
} latent_drive_map;

latent_drive_map *latent_drive_map_new(void);
void latent_drive_map_free(latent_drive_map *m); /* m may be NULL */
/* Row i becomes a copy of v [n]; 0, or -1 and a sentence. */
int latent_drive_map_set(latent_drive_map *m, int i, const float *v, int n, latent_error *e);
/* How many numbers come out for a start of n_start (0: no start): the longest of all lists, of
   which the others must be parts, which are repeated (a w moves every row of a W+).  -1 and a
   sentence when they don't fit or there are more values than rows. */
int latent_drive_length(const latent_drive_map *m, int n_values, int n_start, latent_error *e);
/* out [length].  values: n_values of them; limit: each counts for at most so many units (standard
   deviations of the examples' values, where the map was learned), 0: any.  start [n_start] or NULL.
 */
void latent_drive_apply(const latent_drive_map *m, const double *values, int n_values, double limit,
                        const float *start, int n_start, float *out, int length);

/* ---- letters

   Each letter is a number: a to z (and A to Z) are -1 to 1 in even steps, 0 to 9 likewise; blanks
   and punctuation of ASCII are 0; any other character, of code point c, is 2 frac(0.618033989 c) -
   1.  Letter number i is added to control i modulo n; each sum is divided by the square root of how
   many letters it has, so that a long text moves no further than a short one.  text: UTF-8; bytes
   that are none count as characters of that number. */
void latent_drive_letters(const char *text, int n, float *values);

/* ---- learning */

/* What the player gave: these values belong to this latent.  Immutable and shared. */
typedef struct {
    atomic_int refs;
    int controls, n;
    float numbers[]; /* [controls], then [n] */
} latent_example;
latent_example *latent_example_new(const double *values, int controls, const float *latent, int n);
void latent_example_release(latent_example *x);

typedef struct {
    int network;       /* 0: ridge regression; 1: and a network for what it leaves */
    double ridge;      /* this share of the values' variance is added: the higher, the more the
                          way between examples is the mean */
    int hidden, steps; /* of the network, and of its training */
    unsigned seed;
} latent_learning;

/* Ridge regression of the latents on the values (each set to mean 0 and deviation 1; Hoerl and
   Kennard 1970); the network (one hidden layer of tanh, trained by Adam on the main components of
   what the regression leaves) makes the way curved.  The same examples give the same map.  Slow.
   NULL and a sentence. */
latent_drive_map *latent_drive_learn(latent_example *const *examples, int n,
                                     const latent_learning *how, atomic_int *permille,
                                     const atomic_int *cancel, latent_error *e);
/* Random rows of length 1, at right angles while there is room: those of RandomState(seed). */
latent_drive_map *latent_drive_random(unsigned seed, int controls, int n, const atomic_int *cancel,
                                      latent_error *e);

/* The same as jobs; map is taken by leaving NULL. */
typedef struct {
    latent_job job;
    latent_drive_map *map;
    /* the job's own */
    latent_learning how;
    int controls, n, learns;
    latent_example *examples[LATENT_DRIVE_EXAMPLES];
} latent_drive_job;
latent_drive_job *latent_drive_job_learn(latent_example *const *examples, int n,
                                         const latent_learning *how, latent_error *e);
latent_drive_job *latent_drive_job_random(unsigned seed, int controls, int n, latent_error *e);

#pragma GCC visibility pop
#endif
