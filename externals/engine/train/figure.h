/* figure: what is painted on a page of paper and what is written there: the animal apart from
   columns of characters, labels, seals and neighbours. */
#ifndef LATENT_FIGURE_H
#define LATENT_FIGURE_H
#include "paper.h"
#include <stdint.h>

/* Marks the animal: the largest figure, preferring whole ones to those that the picture's edge
   cuts, and whole figures of at least half its size, with their holes filled where these are not
   plain paper, and the fins, whiskers and feelers beside them.  mask is [p->h][p->w]: 255 in it, 0
   outside, between at the edge.  Returns how many figures it found: 0, when there is nothing but
   paper and writing; -1 and a sentence when there is no memory. */
int latent_figure_find(const latent_paper *p, uint8_t *mask, latent_error *e);

#endif
