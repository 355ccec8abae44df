/* tiles_base: training's convolutions for every processor: 3 x 16 sums in the 16 registers that
   SSE2 has (NEON has more). */
#include "tiles.h"
#define LATENT_SIMD 128
#define ROWS 3
#define CODE_NAME "128 bit"
#include "tiles_kernels.h"

const latent_tiles_code *latent_tiles_base(void)
{
    return &code;
}

const latent_tiles_code *latent_tiles_best(void)
{
    const latent_tiles_code *best = latent_tiles_avx512();
    if (!best)
        best = latent_tiles_avx2();
    return best ? best : latent_tiles_base();
}
