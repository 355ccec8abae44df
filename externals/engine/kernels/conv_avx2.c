/* conv_avx2: the convolutions for x86 processors with AVX2 and FMA (2013 on): 6 x 16 sums in 12 of
   the 16 registers. */
#include "conv_plan.h"
#include <stddef.h>
#if defined(__x86_64__)
#include <cpuid.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
#define LATENT_SIMD 256
#define PANEL 2
#define ROWS 6
#define CODE_NAME "AVX2"
#include "conv_kernels.h"
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

/* Of which compilers' __builtin_cpu_supports does not know. */
static int has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
}

const latent_conv_code *latent_conv_code_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c() ? &code
                                                                                         : NULL;
}
#else
const latent_conv_code *latent_conv_code_avx2(void)
{
    return NULL;
}
#endif
