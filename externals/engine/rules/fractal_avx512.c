/* fractal_avx512: the rays of fractal.c for x86 processors with AVX-512. */
#include "fractal.h"
#if defined(__x86_64__) || defined(__i386__)
#define LATENT_SIMD 512
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#endif
#include "fractal_march.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static const fractal_code code = {march_tiles, march_rows};

const fractal_code *fractal_code_avx512(void)
{
    return __builtin_cpu_supports("avx512f") ? &code : NULL;
}
#else
const fractal_code *fractal_code_avx512(void)
{
    return NULL;
}
#endif
