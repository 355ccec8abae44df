/* follow: a small network that learns how a performer walks, while the walk goes on, and then walks
   on by itself, for [latent.predict].  It sees where the walk is and how it moved (space.h), keeps
   in mind what was before (a gated recurrent unit), and says what may come next as a mixture of
   normal distributions (Bishop 1994; as Ha and Eck 2017 draw with it, and as IMPSY of Martin and
   Torresen 2019 plays).  Learning takes windows of the whole session and goes down by Adam; it is a
   worker's.  Walking on is cheap, and Pd's own. */
#ifndef LATENT_FOLLOW_H
#define LATENT_FOLLOW_H
#include "../ops/mixture.h"
#include "space.h"
#include <stdint.h>

#pragma GCC visibility push(default)

#define LATENT_FOLLOW_PARTS 5
#define LATENT_FOLLOW_MEMORY 64 /* rows that a player is brought up to date with */
#define LATENT_FOLLOW_LEAST 8   /* rows before which there is nothing to learn from */

/* ---- learning */

typedef struct latent_learner latent_learner;

/* units: of the network, 8 to 256; most: rows that are remembered.  NULL and a sentence. */
latent_learner *latent_learner_new(int units, uint32_t seed, int most, latent_error *e);
void latent_learner_free(latent_learner *l); /* may be NULL */
/* Rows to learn from, after those that are there. */
int latent_learner_rows(latent_learner *l, const latent_walk *more, latent_error *e);
void latent_learner_forget(latent_learner *l, int walk);
/* So many steps of learning.  recent: the share of windows that is taken from the last quarter of
   the rows.  *loss: the mean of the steps (minus the logarithm of the density, a row).  0, or -1
   and a sentence; with fewer than LATENT_FOLLOW_LEAST rows it does nothing and *loss is NaN. */
int latent_learner_learn(latent_learner *l, int steps, double recent, double *loss,
                         const atomic_int *cancel, latent_error *e);
/* How many steps it has learned, and from how many rows. */
long latent_learner_steps(const latent_learner *l);
const latent_walk *latent_learner_walk(const latent_learner *l);

/* All of it as a file (safetensors), and back: names are those of the walks, count of them, each of
   at most 63 bytes. */
typedef struct {
    char name[LATENT_WALK_NAMES][64];
    int n;
} latent_walk_names;
int latent_learner_write(const latent_learner *l, const latent_walk_names *names, const char *path,
                         latent_error *e);
latent_learner *latent_learner_read(const char *path, int most, latent_walk_names *names,
                                    latent_error *e);
latent_learner *latent_learner_read_memory(const void *data, size_t size, int most,
                                           latent_walk_names *names, latent_error *e);

/* ---- walking on */

/* What was learned so far, and where the walk is.  One thread at a time. */
typedef struct latent_player latent_player;

/* Brought up to date with these rows (the last LATENT_FOLLOW_MEMORY of what was heard and said).
   NULL and a sentence; NULL and none while nothing has been learned. */
latent_player *latent_learner_player(latent_learner *l, const latent_walk *heard, latent_error *e);
void latent_player_free(latent_player *p);      /* may be NULL */
int latent_player_wide(const latent_player *p); /* numbers of a row */

/* A row has come, as many seconds after the one before; follows: it belongs to the same walk. *bits
   (may be NULL): minus the logarithm, to the base 2, of how likely that was (a density: it may be
   below 0); NaN for the first row. */
int latent_player_hear(latent_player *p, const float *row, float seconds, int follows, double *bits,
                       latent_error *e);

typedef struct {
    double temperature; /* 0: the likeliest; 1: as learned; more: wilder */
    double leash;       /* how far from what was walked, in deviations of the walk; 0: anywhere */
    uint32_t seed;
    uint64_t count; /* how many rows were said before, with this seed */
} latent_saying;
/* Goes on by a row, which is as if it had been heard. */
int latent_player_say(latent_player *p, const latent_saying *how, float *row, float *seconds,
                      latent_error *e);
/* What may come next: share[parts] adding up to 1, the largest first, and the rows [parts][wide].
   */
void latent_player_likely(const latent_player *p, float share[LATENT_FOLLOW_PARTS], float *rows);

#pragma GCC visibility pop
#endif
