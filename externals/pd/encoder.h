/* encoder: what the boxes that look and read ([latent.clip], [latent.guide]) share: their model and
   texts. */
#ifndef LATENT_PD_ENCODER_H
#define LATENT_PD_ENCODER_H
#include "modelref.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

/* A reference to the CLIP that the first argument names, or to the built-in one, in the object's
   new method. */
t_latent_modelref *latent_encoder_new(t_object *x, int argc, const t_atom *argv,
                                      void (*ready)(void *x));
/* Words and numbers as one text, a space between them; malloc'd, NULL without memory. */
char *latent_words_join(int argc, const t_atom *argv);

#pragma GCC visibility pop
#endif
