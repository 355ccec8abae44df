/* space: where a walk takes place: the few directions in which its rows really differ (principal
   components), each divided by its deviation, and how long its steps are there.  A network that is
   to go on with the walk sees it so: 512 numbers become a handful. */
#ifndef LATENT_SPACE_H
#define LATENT_SPACE_H
#include "walk.h"
#include <stdatomic.h>

#pragma GCC visibility push(default)

#define LATENT_SPACE_MOST 16 /* directions */

typedef struct {
    int wide, n;
    float *mean;      /* [wide] */
    float *direction; /* [n][wide], of length 1 */
    float deviation[LATENT_SPACE_MOST];
    float step[LATENT_SPACE_MOST]; /* the deviation of a step from one row to the next, in it */
    float time_mean, time_deviation, shortest,
        longest; /* of the logarithm of the seconds; seconds */
    double kept; /* how much of the rows' variance the directions have */
} latent_space;

/* Of at least 2 rows.  Keeps 99 percent of the variance, in at most most directions.
   0, or -1 and a sentence (no memory, cancelled). */
int latent_space_find(latent_space *s, const latent_walk *w, int most, const atomic_int *cancel,
                      latent_error *e);
void latent_space_free(latent_space *s);
int latent_space_copy(latent_space *to, const latent_space *s, latent_error *e);
/* How much of these rows' variance about s's mean its directions have, and whether its deviations
   still are theirs, within a third: 1 when it can stay. */
int latent_space_suits(const latent_space *s, const latent_walk *w);

void latent_space_in(const latent_space *s, const float *row, float *y);  /* y[n] */
void latent_space_out(const latent_space *s, const float *y, float *row); /* row[wide] */
float latent_space_time(const latent_space *s, float seconds);
float latent_space_seconds(const latent_space *s, float time); /* between shortest and longest */

#pragma GCC visibility pop
#endif
