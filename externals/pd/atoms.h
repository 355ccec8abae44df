/* atoms: a computed value as a Pd list, made away from Pd's thread: for boxes that turn promises
   into lists. */
#ifndef LATENT_ATOMS_H
#define LATENT_ATOMS_H
#include "engine/graph/evaluate.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

/* A digest for latent_request_new(): result becomes the value's numbers as atoms, in channel, row,
   column order. */
int latent_atoms_digest(latent_request *r, latent_error *e);

#pragma GCC visibility pop
#endif
