/* subject_mask: what is painted on a page of paper and what is written there: the animal apart from
   columns of characters, labels, seals and neighbours. */
#ifndef LATENT_SUBJECT_MASK_H
#define LATENT_SUBJECT_MASK_H
#include "page_background.h"
#include <stdint.h>

/* Marks the animal: the largest figure, preferring whole ones to those that the picture's edge
   cuts, and whole figures of at least half its size, with their holes filled where these are not
   plain paper, and the fins, whiskers and feelers beside them.  mask is [p->h][p->w]: 255 in it, 0
   outside, between at the edge.  Returns how many figures it found: 0, when there is nothing but
   paper and writing; -1 and a sentence when there is no memory. */
int latent_subject_mask_find(const latent_page_background *p, uint8_t *mask, latent_error *e);

#endif
