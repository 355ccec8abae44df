/* conv_base: the convolutions for what every processor of its kind has.  SSE2 has 16 registers of
   four floats, 6 x 8 sums in 12 of them; NEON has 32, 6 x 16 sums in 24. */
#include "conv_plan.h"
#include <stddef.h>
#define LATENT_SIMD 128
#ifdef __aarch64__
#define PANEL 4
#else
#define PANEL 2
#endif
#define ROWS 6
#define CODE_NAME "base"
#include "conv_kernels.h"

const latent_conv_code *latent_conv_code_base(void)
{
    return &code;
}
