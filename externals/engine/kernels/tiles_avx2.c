/* tiles_avx2: training's convolutions for x86 processors with AVX2 and FMA (2013 on): 6 x 16 sums
   in 12 of the 16 registers. */
#include "tiles.h"
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LATENT_SIMD 256
#define ROWS 6
#define CODE_NAME "AVX2"
#include "tiles_kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const latent_tiles_code *latent_tiles_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &code : NULL;
}
#else
const latent_tiles_code *latent_tiles_avx2(void)
{
    return NULL;
}
#endif
