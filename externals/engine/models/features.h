/* features: the promise that travels between the boxes of a network: a tensor, and beside it what
   the next box needs to go on.  Only the tensor is computed; all else is carried along. */
#ifndef LATENT_FEATURES_H
#define LATENT_FEATURES_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

struct latent_model;

/* How noisy a tensor is, x = a clean + s noise, and that it comes from step k of n. */
typedef struct {
    float a, s;      /* 1, 0: clean */
    int step, steps; /* 0, 0: nobody counts */
} latent_level;
#define LATENT_CLEAN ((latent_level){1, 0, 0, 0})

/* What a features promise is made of.  The nodes are borrowed. */
typedef struct {
    latent_node *x;             /* the tensor */
    latent_node *drawn;         /* the picture drawn so far, or NULL */
    latent_node *context;       /* words: token states or an embedding; or NULL */
    latent_node *const *styles; /* a generator's W+, one a row */
    int n_styles;
    latent_node *const *carried; /* what later boxes take back, in the maker's own order: a UNet's
                                    skips, the noise and the guess before of a sampler */
    int n_carried;
    latent_level level;
} latent_features_parts;

typedef struct {
    struct latent_model *model; /* whose layer made it; NULL: no network's */
    int layer;                  /* the last one that worked; -1 after the input */
    int n_styles, n_carried;
    latent_level level;
} latent_features;
extern const latent_op latent_op_features;

/* A promise of these, with one holder: a value of parts->x.  NULL and a sentence. */
latent_node *latent_features_make(struct latent_model *m, int layer,
                                  const latent_features_parts *parts, latent_error *e);
/* NULL when n is not a features promise. */
const latent_features *latent_features_of(const latent_node *n);
/* What n carries, borrowed from it; where it is no features promise it is the tensor itself, clean,
   with nothing beside it. */
latent_features_parts latent_features_parts_of(latent_node *n);
/* The picture drawn so far, with one more holder, or NULL and a sentence. */
latent_node *latent_features_rgb(const latent_node *n, latent_error *e);

#pragma GCC visibility pop
#endif
