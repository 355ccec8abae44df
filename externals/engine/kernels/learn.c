/* learn: see learn.h; with the loops for what every processor of its kind has. */
#include "learn.h"
#define LATENT_SIMD 128
#define CODE_NAME "128 bit"
#include "learn_kernels.h"

const latent_learn_code *latent_learn_base(void)
{
    return &code;
}

const latent_learn_code *latent_learn_best(void)
{
    const latent_learn_code *best = latent_learn_avx2();
    return best ? best : latent_learn_base();
}
