/* outlets: is anybody listening?  For boxes whose work can be saved when nobody is. */
#ifndef LATENT_OUTLETS_H
#define LATENT_OUTLETS_H
#include <m_pd.h>

#pragma GCC visibility push(default)

/* Is outlet number n (0 is the leftmost) connected to anything? */
int latent_outlet_connected(t_object *x, int n);

#pragma GCC visibility pop
#endif
