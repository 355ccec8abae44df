/* words: sentences on cords, for boxes that tell the patch what went wrong. */
#ifndef LATENT_WORDS_H
#define LATENT_WORDS_H
#include <m_pd.h>

#include <g_canvas.h>

#pragma GCC visibility push(default)

/* Says the sentence as the box's own error, and sends it word by word: "error no such file". */
void latent_words_error(t_object *x, t_outlet *o, const char *sentence);

/* "<word> <number>" and "<word> <symbol>" */
void latent_say_number(t_outlet *o, const char *word, double value);
void latent_say_symbol(t_outlet *o, const char *word, t_symbol *value);

/* A word or a number as a name: of a file, a folder; NULL when it is nothing or empty. */
t_symbol *latent_name_of(int argc, const t_atom *argv);
/* A name with more behind it, but for slashes at its end. */
t_symbol *latent_name_behind(t_symbol *name, const char *behind);
/* "folder/000001.png" */
t_symbol *latent_numbered_name(t_symbol *folder, int number);
/* The file of the patch that a canvas belongs to, not of a part of it or of an abstraction. */
const char *latent_patch_of(const t_canvas *canvas);

#pragma GCC visibility pop
#endif
