/* half: IEEE 754 half precision to float32 and back, in plain integer arithmetic, so that the
   result does not depend on the processor's treatment of denormals. */
#include "table.h"
#include <string.h>

/* Without branches, so that the compiler does several at once. */
static inline float to_float(uint16_t h)
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

float latent_half_to_float(uint16_t h)
{
    return to_float(h);
}

uint16_t latent_half_from_float(float f)
{
    uint32_t bits, sign, rest;
    int shift;
    memcpy(&bits, &f, 4);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) /* no number */
        return (uint16_t)(sign | 0x7e00);
    if (bits >= 0x477ff000) /* rounds to 65536 or more */
        return (uint16_t)(sign | 0x7c00);
    if (bits < 0x33000000) /* below half of the smallest denormal */
        return (uint16_t)sign;
    if (bits < 0x38800000) { /* denormal: count in units of 2^-24 */
        shift = 126 - (int)(bits >> 23);
        bits = (bits & 0x7fffff) | 0x800000;
    } else {
        shift = 13;
        bits -= 112u << 23;
    }
    rest = bits & ((1u << shift) - 1);
    bits >>= shift;
    if (rest > 1u << (shift - 1) || (rest == 1u << (shift - 1) && bits & 1))
        bits++;
    return (uint16_t)(sign | bits);
}

void latent_halves_to_floats(const uint8_t *from, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = to_float(latent_u16(from + 2 * i));
}
