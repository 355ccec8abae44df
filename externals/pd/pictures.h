/* pictures: what a patch calls the pictures that a network is to learn from. */
#ifndef LATENT_PICTURES_H
#define LATENT_PICTURES_H
#include "engine/data/source.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

/* What the words after "data" mean: "rule <name> <seed>" and "discs", or the name of a
   [latent.dataset], whose pictures of now are the source; or else a folder: *source is NULL then.
   0, or -1 and a sentence.  For Pd's thread: nothing is read here. */
int latent_pictures_source(int argc, const t_atom *argv, latent_source **source, latent_error *e);

#pragma GCC visibility pop
#endif
