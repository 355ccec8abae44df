/* gemm_avx512: the product of gemm_kernels.h for x86 processors with AVX-512F (servers from 2017
   on): 12 x 32 sums in 24 of the 32 registers. */
#include "gemm_code.h"
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,fma")
#endif
#define LATENT_SIMD 512
#define PANEL 2
#define ROWS 12
#define CODE_NAME "AVX-512"
#include "gemm_kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const latent_gemm_code *latent_gemm_code_avx512(void)
{
    return __builtin_cpu_supports("avx512f") ? &code : NULL;
}
#else
const latent_gemm_code *latent_gemm_code_avx512(void)
{
    return NULL;
}
#endif
