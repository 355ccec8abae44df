/* tokens: a text cut into characters or words, each with a number: the one it got when it was met
   first; and rows of numbers put into as many clusters as are wanted, each with a number, too
   (MacQueen 1967, k-means as the rows come).  For [latent.tokens]: networks follow numbers. */
#ifndef LATENT_TOKENS_H
#define LATENT_TOKENS_H
#include "../base/error.h"
#include <stddef.h>

#pragma GCC visibility push(default)

#define LATENT_TOKENS_MOST 65536 /* different ones */
#define LATENT_TOKENS_LONG 64    /* bytes of one, with the 0 at its end */

typedef struct latent_tokens latent_tokens;

latent_tokens *latent_tokens_new(latent_error *e); /* NULL and a sentence */
void latent_tokens_free(latent_tokens *t);         /* may be NULL */
void latent_tokens_clear(latent_tokens *t);

/* The next piece of a text in UTF-8: a character, or (words) a word, or what stands between words:
   a mark by itself; a Chinese character is a word; spaces are none.  Its number, and *text moves on
   behind it; -1 at the end, -2 and a sentence when there are too many different ones.  Bytes that
   are no UTF-8 are left out. */
int latent_tokens_next(latent_tokens *t, const char **text, int words, latent_error *e);
/* What token number i is; NULL when there is none. */
const char *latent_tokens_text(const latent_tokens *t, int i);
int latent_tokens_count(const latent_tokens *t);

/* ---- clusters */

#define LATENT_CLUSTERS 256 /* at most */

typedef struct {
    int wide, n;
    float *center;             /* [n][wide] */
    int rows[LATENT_CLUSTERS]; /* that were put into each */
} latent_clusters;             /* zeroed: none yet */

void latent_clusters_free(latent_clusters *c); /* leaves none */
/* The cluster of a row; of the first ones that differ each begins its own, most at most.  The
   cluster's middle moves towards the row.  -1 and a sentence: another width, no memory. */
int latent_clusters_put(latent_clusters *c, const float *row, int wide, int most, latent_error *e);

#pragma GCC visibility pop
#endif
