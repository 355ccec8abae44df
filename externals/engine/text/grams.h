/* grams: a text as the words of a small network that has no vocabulary: each word is the sum of a
   few rows of a table, which are found by hashing the word itself, its trigrams of letters and the
   pair that it makes with the word before (Bojanowski et al. 2017, "Enriching word vectors with
   subword information"; Weinberger et al. 2009, "Feature hashing").  Words of an alphabet are
   separated by spaces; of Chinese, Japanese and Korean writing each character is a word, so that
   pairs are most of their words.  Upper and lower case are alike, punctuation is left out. */
#ifndef LATENT_GRAMS_H
#define LATENT_GRAMS_H
#include "../base/error.h"

#pragma GCC visibility push(default)

typedef struct {
    int n;      /* words */
    int *row;   /* of the table: those of word i are row[first[i]] ... row[first[i + 1] - 1] */
    int *first; /* [n + 1] */
} latent_grams;

/* The words of a text in UTF-8 for a table with so many rows.  0, or -1 and a sentence (no word in
   it, more than most words, no memory); g is to be freed after 0. */
int latent_grams_make(latent_grams *g, const char *text, int rows, int most, latent_error *e);
void latent_grams_free(latent_grams *g);

#pragma GCC visibility pop
#endif
