/* bpe: the tokeniser of CLIP (Radford et al. 2021, section 2.4): byte-pair encoding (Sennrich et
   al. 2016) of a text in lower case.  Words are cut into bytes, and the pair of neighbours that
   stands first in the list of merges is joined until no pair of the list is left. */
#ifndef LATENT_BPE_H
#define LATENT_BPE_H
#include "../base/error.h"

#pragma GCC visibility push(default)

typedef struct latent_bpe latent_bpe;

/* Looks in a folder for a vocabulary of that many tokens and reads it: OpenAI's
   bpe_simple_vocab_16e6.txt.gz or .txt, or Hugging Face's tokenizer.json or merges.txt (and
   vocab.json).  1 and *b, or 0 when there is none, or -1 and a sentence when there is one that
   can't be used. */
int latent_bpe_find(const char *folder, int vocabulary, latent_bpe **b, latent_error *e);
void latent_bpe_free(latent_bpe *b); /* b may be NULL */

/* The numbers of a text in UTF-8, with the start's before and the end's after them: tokens [room].
   How many they are, or -1 and a sentence (too long). Any thread. */
int latent_bpe_encode(const latent_bpe *b, const char *text, int *tokens, int room,
                      latent_error *e);

#pragma GCC visibility pop
#endif
