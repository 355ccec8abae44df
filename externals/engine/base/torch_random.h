/* torch_random: PyTorch's torch.randn of a CPU generator, so that a seed of other programs is the
   same noise here.  The Mersenne twister of random.h, seeded in the same way; the two ways from
   there to normal numbers are PyTorch's own: in blocks of 16 when 16 or more are asked for, one
   after another in double precision below (Box and Muller 1958). */
#ifndef LATENT_TORCH_RANDOM_H
#define LATENT_TORCH_RANDOM_H
#include "random.h"
#include <stddef.h>

#pragma GCC visibility push(default)

/* torch.rand: n numbers in [0, 1) of 24 bits. */
void latent_torch_uniform(latent_random *r, float *to, size_t n);
/* torch.randn(n) of the generator as it is now.  Equal to PyTorch's within 1e-6. */
void latent_torch_normal(latent_random *r, float *to, size_t n);
/* Goes on as latent_torch_normal() of n numbers does, without making them. */
void latent_torch_skip(latent_random *r, size_t n);

#pragma GCC visibility pop
#endif
