/* atoms: a computed value as a Pd list, made away from Pd's thread: for boxes that turn promises
   into lists. */
#ifndef LATENT_ATOMS_H
#define LATENT_ATOMS_H
#include "engine/graph/evaluate.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

/* A tensor's numbers in channel, row, column order, malloc'd; NULL without memory. */
t_atom *latent_atoms_of(const latent_tensor *t);
/* A digest for latent_request_new(): result becomes that of the value. */
int latent_atoms_digest(latent_request *r, latent_error *e);

#pragma GCC visibility pop
#endif
