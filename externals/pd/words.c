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

void latent_say_number(t_outlet *o, const char *word, double value)
{
    t_atom a;
    SETFLOAT(&a, (t_float)value);
    outlet_anything(o, gensym(word), 1, &a);
}

void latent_say_symbol(t_outlet *o, const char *word, t_symbol *value)
{
    t_atom a;
    SETSYMBOL(&a, value);
    outlet_anything(o, gensym(word), 1, &a);
}

t_symbol *latent_name_of(int argc, const t_atom *argv)
{
    if (argc < 1)
        return NULL;
    if (argv->a_type == A_SYMBOL)
        return *argv->a_w.w_symbol->s_name ? argv->a_w.w_symbol : NULL;
    return gensym(latent_subject_mask((double)atom_getfloat((t_atom *)argv)).text);
}

t_symbol *latent_name_behind(t_symbol *name, const char *behind)
{
    char longer[MAXPDSTRING];
    int length = (int)strlen(name->s_name);
    while (length > 1 && name->s_name[length - 1] == '/')
        length--;
    snprintf(longer, sizeof(longer), "%.*s%s", length, name->s_name, behind);
    return gensym(longer);
}

t_symbol *latent_numbered_name(t_symbol *folder, int number)
{
    char behind[24];
    snprintf(behind, sizeof(behind), "/%06d.png", number);
    return latent_name_behind(folder, behind);
}

const char *latent_patch_of(const t_canvas *canvas)
{
    while (canvas->gl_owner)
        canvas = canvas->gl_owner;
    return canvas->gl_name->s_name;
}
