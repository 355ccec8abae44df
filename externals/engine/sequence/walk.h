/* walk: what a performer has done: rows of numbers in the order and with the times in which they
   came, in one or several walks that have names.  What [latent.predict] learns from. */
#ifndef LATENT_WALK_H
#define LATENT_WALK_H
#include "../base/error.h"

#pragma GCC visibility push(default)

#define LATENT_WALK_WIDE 4096  /* numbers of a row, at most */
#define LATENT_WALK_MOST 20000 /* rows, at most */
#define LATENT_WALK_NAMES 64

typedef struct {
    int wide, n, most, room;
    float *row;     /* [n][wide] */
    float *seconds; /* [n] since the row before it */
    int *walk;      /* [n] the number of its walk */
} latent_walk;

/* Keeps at most so many rows: the oldest go.  Zeroed memory is an empty walk, too. */
void latent_walk_init(latent_walk *w, int most);
void latent_walk_free(latent_walk *w); /* leaves an empty one */
/* One more row.  seconds are kept between 1 ms and 10 s.  -1 and a sentence: no memory, numbers
   that are NaN or infinite or beyond 1e6, or not as many as the rows before have. */
int latent_walk_add(latent_walk *w, const float *row, int wide, float seconds, int walk,
                    latent_error *e);
/* All rows of other, in their order. */
int latent_walk_append(latent_walk *w, const latent_walk *other, latent_error *e);
/* Forgets the rows of one walk. */
void latent_walk_forget(latent_walk *w, int walk);
/* Is row i the next one after row i - 1 of the same walk? */
int latent_walk_follows(const latent_walk *w, int i);

#pragma GCC visibility pop
#endif
