/* training_loops: see training_loops.h; with the loops for what every processor of its kind has. */
#include "training_loops.h"
#define LATENT_SIMD 128
#define CODE_NAME "128 bit"
#include "training_kernels.h"

const latent_training_code *latent_training_base(void)
{
    return &code;
}

const latent_training_code *latent_training_best(void)
{
    const latent_training_code *best = latent_training_avx2();
    return best ? best : latent_training_base();
}
