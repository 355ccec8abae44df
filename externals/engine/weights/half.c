/* half: float32 to IEEE 754 half precision and back, in plain integer arithmetic; see ../half.h. */
#include "../base/half.h"
#include "table.h"
#include <string.h>

float latent_half_to_float(uint16_t h)
{
    return latent_half_float(h);
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
        to[i] = latent_half_float(latent_u16(from + 2 * i));
}
