/* helper_numbers: numbers by chance and their products, for tests that ask gradients of
 * differences. */
#ifndef HELPER_NUMBERS_H
#define HELPER_NUMBERS_H
#include "engine/base/counter_random.h"
#include <stddef.h>
#include <stdlib.h>

/* Normal ones, the same for the same which; the caller frees them. */
static inline float *some(size_t count, uint64_t which)
{
    float *f = malloc(count * sizeof(float));
    latent_counter_random c = latent_counter_random_at(7, 1, which);
    for (size_t i = 0; i < count; i++)
        f[i] = (float)latent_counter_random_gauss(&c);
    return f;
}

static inline double dot(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

#endif
