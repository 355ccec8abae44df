/* pointwise: see pointwise.h; with the loops for what every processor of its kind has. */
#include "pointwise.h"
#define LATENT_SIMD 128
#include "pointwise_kernels.h"

const latent_pointwise_code *latent_pointwise_base(void)
{
    return &code;
}

const latent_pointwise_code *latent_pointwise_best(void)
{
    const latent_pointwise_code *c = latent_pointwise_avx2();
    return c ? c : &code;
}
