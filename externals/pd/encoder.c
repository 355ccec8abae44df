/* encoder: see encoder.h */
#include "encoder.h"
#include "box.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

t_latent_modelref *latent_encoder_new(t_object *x, int argc, const t_atom *argv,
                                      void (*ready)(void *x))
{
    t_symbol *word = argc && latent_modelref_is_word(argv) ? argv->a_w.w_symbol : NULL;
    return latent_modelref_new_of(x, LATENT_ENCODER, word, ready);
}

#define MOST_WORDS 1000 /* no model reads so many, and joining them takes its time */

char *latent_words_join(int argc, const t_atom *argv)
{
    size_t length = 1, n = 0;
    char *text, number[40];
    argc = argc < MOST_WORDS ? argc : MOST_WORDS;
    for (int i = 0; i < argc; i++)
        length += argv[i].a_type == A_SYMBOL ? strlen(argv[i].a_w.w_symbol->s_name) + 1
                                             : sizeof(number) + 1;
    if (!(text = malloc(length)))
        return NULL;
    *text = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = number;
        if (argv[i].a_type == A_SYMBOL)
            word = argv[i].a_w.w_symbol->s_name;
        else
            snprintf(number, sizeof(number), "%.9g", (double)atom_getfloat(argv + i));
        n += (size_t)snprintf(text + n, length - n, "%s%s", i ? " " : "", word);
    }
    return text;
}
