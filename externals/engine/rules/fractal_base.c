/* fractal_base: the rays of fractal.c on any processor. */
#define LATENT_SIMD 128
#include "fractal_march.h"

const fractal_code fractal_code_base = {march_tiles, march_rows};
