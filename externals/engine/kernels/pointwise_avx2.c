/* pointwise_avx2: the loops of pointwise.h for x86 processors with AVX2 and FMA (2013 on). */
#include "pointwise.h"
#include <math.h>
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LATENT_SIMD 256
#include "pointwise_kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const latent_pointwise_code *latent_pointwise_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &code : NULL;
}
#else
const latent_pointwise_code *latent_pointwise_avx2(void)
{
    return NULL;
}
#endif
