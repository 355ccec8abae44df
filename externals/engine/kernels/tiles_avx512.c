/* tiles_avx512: training's convolutions for x86 processors with AVX-512: 12 x 16 sums in
   12 of the 32 registers. */
#include "tiles.h"
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f")
#endif
#define LATENT_SIMD 512
#define ROWS 12
#define CODE_NAME "AVX-512"
#include "tiles_kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const latent_tiles_code *latent_tiles_avx512(void)
{
    return __builtin_cpu_supports("avx512f") ? &code : NULL;
}
#else
const latent_tiles_code *latent_tiles_avx512(void)
{
    return NULL;
}
#endif
