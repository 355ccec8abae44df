/* cleaning: a plate from an old book becomes the animal alone, in the middle of plain paper: for
   training on small sets, where writing, seals and neighbours would be learned as well. */
#ifndef LATENT_CLEANING_H
#define LATENT_CLEANING_H
#include "../graph/tensor.h"
#include <stdint.h>

#pragma GCC visibility push(default)

typedef struct {
    int h, w;       /* of the mask, which may be smaller than the picture, in its proportions */
    float scale;    /* pixels of the picture in one of the mask's */
    uint8_t *mask;  /* 255 in the animal, 0 outside; owned */
    int figures;    /* how many were found; 0: none */
    float paper[3]; /* the paper's colour in [-1, 1] */
} latent_cleaning;

/* Finds the animal in a picture [1][h][w][3 or 4] in [-1, 1].  0, or -1 and a sentence (no memory,
   too small).  Free with latent_cleaning_free() either way.  Takes a tenth of a second: on a
   worker. */
int latent_cleaning_find(const latent_tensor *picture, latent_cleaning *c, latent_error *e);
void latent_cleaning_free(latent_cleaning *c);

/* The animal on its own paper, centred and scaled so that its longer side is share (0.85, say) of
   size: [1][size][size][3].  NULL and a sentence when no animal was found or there is no memory. */
latent_tensor *latent_cleaning_draw(const latent_tensor *picture, const latent_cleaning *c,
                                    int size, float share, latent_error *e);

#pragma GCC visibility pop
#endif
