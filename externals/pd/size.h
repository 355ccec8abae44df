/* size: one or two numbers, the width and height of what a box shows or hands over. */
#ifndef LATENT_SIZE_H
#define LATENT_SIZE_H
#include <m_pd.h>

#pragma GCC visibility push(default)

/* One number is both.  0, or -1 after a complaint, w and h staying what they were. */
int latent_size_take(t_object *x, int low, int high, int argc, const t_atom *argv, int *w, int *h);

#pragma GCC visibility pop
#endif
