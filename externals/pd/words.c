/* words: see words.h */
#include "words.h"
#include "box.h"
#include <stdio.h>
#include <string.h>

#define MOST 100 /* words in a sentence; what is longer is cut */

void latent_words_error(t_object *x, t_outlet *o, const char *sentence)
{
    t_atom words[MOST];
    char copy[600], *rest = copy, *word;
    int n = 0;
    latent_complain(x, "%s", sentence);
    snprintf(copy, sizeof(copy), "%s", sentence);
    while (n < MOST && (word = strsep(&rest, " ")))
        if (*word) {
            SETSYMBOL(words + n, gensym(word));
            n++;
        }
    outlet_anything(o, gensym("error"), n, words);
}
