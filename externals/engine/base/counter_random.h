/* counter_random: random numbers that are a function of their place: which training (seed), what
   for (purpose) and which one of them (index).  A training that is resumed needs to remember none
   of them, and threads may draw them in any order.  SplitMix64's mixing function (Steele, Lea and
   Flood 2014) over a counter. */
#ifndef LATENT_COUNTER_RANDOM_H
#define LATENT_COUNTER_RANDOM_H
#include <math.h>
#include <stdint.h>

typedef struct {
    uint64_t at;
    double second; /* the other one of a pair of normal numbers */
    int has_second;
} latent_counter_random;

static inline uint64_t latent_counter_random_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline latent_counter_random latent_counter_random_at(uint64_t seed, uint64_t purpose,
                                                             uint64_t index)
{
    uint64_t x = latent_counter_random_mix(seed + UINT64_C(0x9e3779b97f4a7c15));
    x = latent_counter_random_mix(x ^ (purpose + UINT64_C(0x632be59bd9b4e019)));
    return (latent_counter_random){
        latent_counter_random_mix(x + index * UINT64_C(0xd1342543de82ef95)), 0, 0};
}

static inline uint64_t latent_counter_random_u64(latent_counter_random *c)
{
    return latent_counter_random_mix(c->at += UINT64_C(0x9e3779b97f4a7c15));
}

/* [0, 1), 53 bits */
static inline double latent_counter_random_uniform(latent_counter_random *c)
{
    return (double)(latent_counter_random_u64(c) >> 11) * 0x1p-53;
}

/* 0 to n - 1 */
static inline uint64_t latent_counter_random_below(latent_counter_random *c, uint64_t n)
{
    return n ? latent_counter_random_u64(c) % n : 0;
}

/* Mean 0, deviation 1 (Box and Muller 1958). */
static inline double latent_counter_random_gauss(latent_counter_random *c)
{
    double r, a;
    if (c->has_second) {
        c->has_second = 0;
        return c->second;
    }
    r = sqrt(-2 * log(1 - latent_counter_random_uniform(c)));
    a = 6.283185307179586 * latent_counter_random_uniform(c);
    c->second = r * sin(a);
    c->has_second = 1;
    return r * cos(a);
}

#endif
