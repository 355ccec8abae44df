/* torch_random: see torch_random.h */
#include "torch_random.h"
#include <math.h>
#include <stdint.h>

#define BLOCK 16 /* numbers that are made together */
#define TURN 6.283185307179586476925

static float uniform(latent_random *r)
{
    return (float)(latent_random_u32(r) & 0xffffff) * 0x1p-24f;
}

static double uniform_double(latent_random *r)
{
    uint64_t high = latent_random_u32(r), low = latent_random_u32(r);
    return (double)((high << 32 | low) & (((uint64_t)1 << 53) - 1)) * 0x1p-53;
}

void latent_torch_uniform(latent_random *r, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = uniform(r);
}

/* 16 uniform numbers become 16 normal ones: the first half gives the lengths, the second the
   angles. */
static void block(float *x)
{
    for (int i = 0; i < BLOCK / 2; i++) {
        double length = sqrt(-2 * log(1 - (double)x[i]));
        double angle = TURN * (double)x[i + BLOCK / 2];
        x[i] = (float)(length * cos(angle));
        x[i + BLOCK / 2] = (float)(length * sin(angle));
    }
}

static float one(latent_random *r)
{
    double angle, length;
    if (r->has_gauss) {
        r->has_gauss = 0;
        return (float)r->gauss;
    }
    angle = TURN * uniform_double(r);
    length = sqrt(-2 * log1p(-uniform_double(r)));
    r->gauss = length * sin(angle);
    r->has_gauss = 1;
    return (float)(length * cos(angle));
}

void latent_torch_normal(latent_random *r, float *to, size_t n)
{
    if (n < BLOCK) {
        for (size_t i = 0; i < n; i++)
            to[i] = one(r);
        return;
    }
    latent_torch_uniform(r, to, n);
    for (size_t i = 0; i + BLOCK <= n; i += BLOCK)
        block(to + i);
    if (n % BLOCK) { /* the last block is drawn anew, over the end of the one before */
        latent_torch_uniform(r, to + n - BLOCK, BLOCK);
        block(to + n - BLOCK);
    }
}

void latent_torch_skip(latent_random *r, size_t n)
{
    if (n < BLOCK) {
        while (n--)
            one(r);
        return;
    }
    for (size_t i = n + (n % BLOCK ? BLOCK : 0); i; i--)
        latent_random_u32(r);
}
