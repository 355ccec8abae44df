/* gemm_avx2: the product of gemm_kernels.h for x86 processors with AVX2 and FMA (2013 on): 6 x 16
   sums in 12 of the 16 registers. */
#include "gemm_code.h"
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define LATENT_SIMD 256
#define PANEL 2
#define ROWS 6
#define CODE_NAME "AVX2"
#include "gemm_kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const latent_gemm_code *latent_gemm_code_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &code : NULL;
}
#else
const latent_gemm_code *latent_gemm_code_avx2(void)
{
    return NULL;
}
#endif
