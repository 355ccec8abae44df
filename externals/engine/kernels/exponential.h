/* exponential: exp for long rows of floats, written so that compilers make vectors of it (a call of
   expf() would be made number by number).  2^n times a polynomial of the rest, relative error below
   2e-7. */
#ifndef LATENT_EXPONENTIAL_H
#define LATENT_EXPONENTIAL_H
#include <stdint.h>
#include <string.h>

static inline float latent_exp(float x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves no place for a fraction */
    float n, r, p, scale;
    int32_t bits;
    x = x > 88 ? 88 : x < -87 ? -87 : x;
    n = x * 1.44269504088896f + round - round;
    r = x - n * 0.693359375f + n * 2.12194440e-4f; /* ln 2 in two parts */
    p = 1 + r * (1 + r * (0.5f + r * (1.6666665459e-1f +
                                      r * (4.1665795894e-2f +
                                           r * (8.3334519073e-3f + r * 1.3981999507e-3f)))));
    bits = ((int32_t)n + 127) << 23;
    memcpy(&scale, &bits, sizeof(scale));
    return p * scale;
}

#endif
