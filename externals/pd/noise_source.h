/* noise_source: [latent.noise 3 64 64]: with three sizes instead of one [latent.noise] gives
   features, the noise that a diffusion begins with.  An object of a class of its own, with the
   same name and the same messages. */
#ifndef LATENT_NOISE_SOURCE_H
#define LATENT_NOISE_SOURCE_H
#include <m_pd.h>

#pragma GCC visibility push(default)

/* Do these arguments begin with three numbers? */
int latent_is_noise_source(int argc, const t_atom *argv);
/* The object, inside the new method of [latent.noise]; NULL after a complaint. */
void *latent_noise_source_new(int argc, t_atom *argv);

#pragma GCC visibility pop
#endif
