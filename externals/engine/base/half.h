/* half: IEEE 754 half precision to float32, in plain integer arithmetic, so that the result does
   not depend on the processor's treatment of denormals.  Internal to the engine. */
#ifndef LATENT_HALF_H
#define LATENT_HALF_H
#include <stdint.h>
#include <string.h>

#define LATENT_HALF_MOST 65504.0f /* the largest number */

/* Without branches, so that the compiler does several at once. */
static inline float latent_half_float(uint16_t h)
{
    /* The exponent's bias is 15 in a half and 127 in a float. */
    const uint32_t smallest = 113u << 23; /* 2^-14, the smallest normal half */
    uint32_t bits = (uint32_t)(h & 0x7fff) << 13, exponent = bits & 31u << 23;
    uint32_t normal = bits + (112u << 23), infinite = bits + (224u << 23), small;
    float f, two_14;
    /* A denormal, as a fraction above 2^-14 which is then taken away. */
    bits += smallest;
    memcpy(&f, &bits, 4);
    memcpy(&two_14, &smallest, 4);
    f -= two_14;
    memcpy(&small, &f, 4);
    bits = exponent == 0 ? small : exponent == 31u << 23 ? infinite : normal;
    bits |= (uint32_t)(h & 0x8000) << 16;
    memcpy(&f, &bits, 4);
    return f;
}

#endif
