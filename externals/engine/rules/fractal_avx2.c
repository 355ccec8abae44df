/* fractal_avx2: the rays of fractal.c for x86 processors with AVX2 (2013 on). */
#include "fractal.h"
#if defined(__x86_64__) || defined(__i386__)
#define LATENT_SIMD 256
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#include "fractal_march.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static const fractal_code code = {march_tiles, march_rows};

const fractal_code *fractal_code_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &code : NULL;
}
#else
const fractal_code *fractal_code_avx2(void)
{
    return NULL;
}
#endif
