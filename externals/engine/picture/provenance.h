/* provenance: how a picture was made: which network drew it, and of which latent.  The promise
   remembers that; this reads it back, so that a picture on disk can say it and be played on. */
#ifndef LATENT_PROVENANCE_H
#define LATENT_PROVENANCE_H
#include "../ops/ops.h"

#pragma GCC visibility push(default)

typedef struct {
    latent_drawn_by drawer; /* empty: not known */
    int rows, w_dim;        /* 1 row: w; more: W+; 0: no latent is known */
    float *w;               /* [rows][w_dim], malloc'd, freed by latent_provenance_free() */
} latent_provenance;

/* Follows the promise back to its styles.  Where two networks drew one picture it is the one that
   worked last.  Rows that took no part (after an early stop) are those of the row before.  A
   picture that no network drew has no origin: all is empty then.  0, or -1 when there is no memory.
   Any thread; takes microseconds. */
int latent_provenance_of(latent_node *picture, latent_provenance *o, latent_error *e);
void latent_provenance_free(latent_provenance *o);
/* How far apart the latents of two pictures are: 1 is as far as the styles that their network makes
   lie from their mean (root mean square, over the rows too).  HUGE_VALF when two networks drew
   them, or a network only one; 0 when none drew either, or the spread of the styles is not known.
 */
float latent_provenance_apart(const latent_provenance *a, const latent_provenance *b);

#pragma GCC visibility pop
#endif
