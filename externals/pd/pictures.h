/* pictures: what a patch calls the pictures that a network is to learn from. */
#ifndef LATENT_PICTURES_H
#define LATENT_PICTURES_H
#include "engine/train/source.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

/* The source that the words after "data" mean: rule <name> <seed>, discs.  NULL and a sentence. For
   Pd's thread: nothing is read here. */
latent_source *latent_pictures_source(int argc, const t_atom *argv, latent_error *e);

#pragma GCC visibility pop
#endif
