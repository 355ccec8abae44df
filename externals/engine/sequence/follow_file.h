/* follow_file: what follow.c and follow_file.c share: a learner from inside. */
#ifndef LATENT_FOLLOW_FILE_H
#define LATENT_FOLLOW_FILE_H
#include "../graph/evaluate.h"
#include "../graph/variables.h"
#include "../train/parameters.h"
#include "follow.h"

#define LATENT_FOLLOW_WEIGHTS 6

struct latent_learner {
    int units;
    uint32_t seed;
    latent_walk walk;
    latent_space space; /* n 0: not looked at yet */
    float *path;        /* [n_path][space.n]: the rows as they were when it last looked */
    int n_path;
    latent_parameters set;       /* n 0: no network yet */
    latent_variables *variables; /* the same numbers, as leaves */
    float *gradient;
    latent_evaluator *evaluator;
};

typedef struct {
    const char *name;
    int rows, columns;
} latent_follow_shape;
/* The weights of a network of so many units for a space of n directions. */
void latent_follow_shapes(int units, int n, latent_follow_shape shape[LATENT_FOLLOW_WEIGHTS]);
/* Memory for them, all 0. */
int latent_follow_parameters(latent_learner *l, int n, latent_error *e);
/* The numbers of the set become the variables'. */
int latent_follow_update(latent_learner *l, latent_error *e);

#endif
