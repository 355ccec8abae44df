/* random: numpy's RandomState, so that "seed 42" is the same picture here as everywhere else.
   MT19937 (Matsumoto and Nishimura 1998) seeded by init_genrand, and the legacy polar Gauss. */
#ifndef LATENT_RANDOM_H
#define LATENT_RANDOM_H
#include <stdint.h>

#pragma GCC visibility push(default)

typedef struct {
    uint32_t state[624];
    int place;
    int has_gauss;
    double gauss;
} latent_random;

void latent_random_seed(latent_random *r, uint32_t seed);
uint32_t latent_random_u32(latent_random *r);
double latent_random_uniform(latent_random *r); /* random_sample(): [0, 1), 53 bits */
double latent_random_gauss(latent_random *r);   /* randn() */
/* randint(n): 0 to n - 1 by masked rejection on 32 bits, as RandomState.randint(n). */
uint32_t latent_random_below(latent_random *r, uint32_t n);

#pragma GCC visibility pop
#endif
