/* ngram: what came next, wherever the last few tokens stood before: the plainest way to go on with
   a text, without a network (Shannon 1948).  Counts of longer contexts go before those of shorter
   ones (Witten and Bell 1991).  For [latent.predict -net ngram]. */
#ifndef LATENT_NGRAM_H
#define LATENT_NGRAM_H
#include "../base/error.h"
#include <stdint.h>

#pragma GCC visibility push(default)

#define LATENT_NGRAM_TOKENS 65536 /* that are remembered, and different ones there may be */
#define LATENT_NGRAM_ORDER 8

typedef struct latent_ngram latent_ngram;

latent_ngram *latent_ngram_new(latent_error *e);
void latent_ngram_free(latent_ngram *g); /* may be NULL */
/* order: how many tokens before are looked at, 0 to LATENT_NGRAM_ORDER; from the next one on. */
void latent_ngram_order(latent_ngram *g, int order);
/* One more token, 0 to LATENT_NGRAM_TOKENS - 1.  remember 0: it only tells what stands before now.
   *bits: how unlikely it was.  0, or -1 and a sentence. */
int latent_ngram_hear(latent_ngram *g, int token, int remember, double *bits, latent_error *e);
/* The next one, as if it had been heard without being remembered; -1: nothing was ever heard. */
int latent_ngram_say(latent_ngram *g, double temperature, uint32_t seed, uint64_t count);
/* The likeliest next ones, at most most, with their shares; how many there are. */
int latent_ngram_likely(const latent_ngram *g, int most, int *token, float *share);
int latent_ngram_count(const latent_ngram *g); /* tokens that are remembered */
void latent_ngram_forget(latent_ngram *g);

#pragma GCC visibility pop
#endif
