/* transformer_avx2: the loops of transformer_loops.c for x86 processors with AVX2 (2013 on). */
#include "transformer_loops.h"
#include <math.h>
#include <stddef.h>
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LATENT_SIMD 256
#include "transformer_kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static const latent_transformer_code code = CODE;

const latent_transformer_code *latent_transformer_code_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &code : NULL;
}
#else
const latent_transformer_code *latent_transformer_code_avx2(void)
{
    return NULL;
}
#endif
