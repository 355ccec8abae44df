/* sample: a picture of a data set, made ready: square, of one size, in bytes, with its share of the
   set's colour statistics.  Immutable and shared by counting. */
#ifndef LATENT_SAMPLE_H
#define LATENT_SAMPLE_H
#include "../graph/tensor.h"
#include "../rules/rules.h"
#include <stdint.h>

#pragma GCC visibility push(default)

#define LATENT_PLATE_SMALLEST 8
#define LATENT_PLATE_LARGEST 1024

typedef enum {
    LATENT_CROP,   /* the square in the middle */
    LATENT_PAD,    /* all of it, on the mean colour of its edge */
    LATENT_STRETCH /* all of it, each direction by itself */
} latent_fitting;

typedef struct {
    int size;
    latent_fitting fitting;
    int clean; /* find the animal, draw it on plain paper (cleaning.h); fitting is not asked then */
} latent_sample_settings;

typedef struct {
    atomic_int refs;
    int size;
    double sum[3], squares[3]; /* of its pixels in [-1, 1], by channel */
    uint8_t bytes[];           /* [size][size][3] */
} latent_sample;

/* Makes a picture [1][h][w][1, 3 or 4] ready.  NULL and a sentence (no animal found, no memory).
   Takes a tenth of a second: on a worker. */
latent_sample *latent_sample_make(const latent_tensor *picture, latent_sample_settings s,
                                  latent_error *e);
latent_sample *latent_sample_retain(latent_sample *p);
void latent_sample_release(latent_sample *p); /* p may be NULL */

/* As size x size x 3 numbers in [-1, 1].  0, or -1 without memory. */
int latent_sample_draw(const latent_sample *p, int size, float *picture, latent_error *e);
/* The same as a tensor. */
latent_tensor *latent_sample_tensor(const latent_sample *p, latent_error *e);
/* Picture number index of a rule's seed, drawn at least size large.  NULL and a sentence. */
latent_tensor *latent_sample_rule(const latent_rule *rule, uint32_t seed, uint32_t index, int size,
                                  latent_error *e);
/* A picture with three channels, its longer side at most side, for looking at. */
latent_tensor *latent_sample_thumb(const latent_tensor *picture, int side, latent_error *e);

#pragma GCC visibility pop
#endif
