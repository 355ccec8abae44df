/* simd_exp: exp and what is made of it for vectors of floats (see simd.h): 2^n times a polynomial
   of the rest, as in exponential.h. */
#ifndef LATENT_SIMD_EXP_H
#define LATENT_SIMD_EXP_H
#include "simd.h"
#include <stdint.h>

typedef int32_t whole_vec __attribute__((vector_size(LATENT_SIMD / 8)));

INLINE vec exp_of(vec x)
{
    const vec round = all(12582912.0f); /* 1.5 * 2^23: adding it leaves no place for a fraction */
    vec n, r, p;
    x = larger(smaller(x, all(88)), all(-87));
    n = x * all(1.44269504088896f) + round - round;
    r = x - n * all(0.693359375f) + n * all(2.12194440e-4f); /* ln 2 in two parts */
    p = all(4.1665795894e-2f) + r * (all(8.3334519073e-3f) + r * all(1.3981999507e-3f));
    p = all(1) + r * (all(1) + r * (all(0.5f) + r * (all(1.6666665459e-1f) + r * p)));
    return p * (vec)((__builtin_convertvector(n, whole_vec) + 127) << 23);
}

INLINE vec sigmoid_of(vec x)
{
    return all(1) / (all(1) + exp_of(-x));
}

#endif
