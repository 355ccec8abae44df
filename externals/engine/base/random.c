/* random: see random.h */
#include "random.h"
#include <math.h>

void latent_random_seed(latent_random *r, uint32_t seed)
{
    for (int i = 0; i < 624; i++) {
        r->state[i] = seed;
        seed = 1812433253u * (seed ^ (seed >> 30)) + (uint32_t)i + 1u;
    }
    r->place = 624;
    r->has_gauss = 0;
    r->gauss = 0;
}

static uint32_t twist(uint32_t high, uint32_t low)
{
    uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return (y >> 1) ^ (low & 1u ? 0x9908b0dfu : 0u);
}

static void refill(latent_random *r)
{
    uint32_t *s = r->state;
    for (int i = 0; i < 227; i++)
        s[i] = s[i + 397] ^ twist(s[i], s[i + 1]);
    for (int i = 227; i < 623; i++)
        s[i] = s[i - 227] ^ twist(s[i], s[i + 1]);
    s[623] = s[396] ^ twist(s[623], s[0]);
    r->place = 0;
}

uint32_t latent_random_u32(latent_random *r)
{
    uint32_t y;
    if (r->place == 624)
        refill(r);
    y = r->state[r->place++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

double latent_random_uniform(latent_random *r)
{
    uint32_t high = latent_random_u32(r) >> 5, low = latent_random_u32(r) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

double latent_random_gauss(latent_random *r)
{
    double x1, x2, r2, f;
    if (r->has_gauss) {
        r->has_gauss = 0;
        return r->gauss;
    }
    do {
        x1 = 2.0 * latent_random_uniform(r) - 1.0;
        x2 = 2.0 * latent_random_uniform(r) - 1.0;
        r2 = x1 * x1 + x2 * x2;
    } while (r2 >= 1.0 || r2 == 0.0);
    f = sqrt(-2.0 * log(r2) / r2);
    r->gauss = f * x1;
    r->has_gauss = 1;
    return f * x2;
}

uint32_t latent_random_below(latent_random *r, uint32_t n)
{
    uint32_t mask = n - 1, value;
    if (n < 2)
        return 0;
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    do
        value = latent_random_u32(r) & mask;
    while (value > n - 1);
    return value;
}
