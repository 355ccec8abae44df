/* words: sentences on cords, for boxes that tell the patch what went wrong. */
#ifndef LATENT_WORDS_H
#define LATENT_WORDS_H
#include <m_pd.h>

#pragma GCC visibility push(default)

/* Says the sentence as the box's own error, and sends it word by word: "error no such file". */
void latent_words_error(t_object *x, t_outlet *o, const char *sentence);

#pragma GCC visibility pop
#endif
