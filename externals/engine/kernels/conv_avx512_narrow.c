/* conv_avx512_narrow: the same as conv_avx512.c with panels of 16 outputs, for convolutions of
   which wider ones would compute many outputs that nobody has. */
#include "conv_plan.h"
#include <stddef.h>
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,fma")
#endif
#define LATENT_SIMD 512
#define PANEL 1
#define ROWS 12
#define CODE_NAME "AVX-512, narrow"
#include "conv_kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const latent_conv_code *latent_conv_code_avx512_narrow(void)
{
    return __builtin_cpu_supports("avx512f") ? &code : NULL;
}
#else
const latent_conv_code *latent_conv_code_avx512_narrow(void)
{
    return NULL;
}
#endif
