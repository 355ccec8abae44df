/* gelu: see gelu.h; with the loops for what every processor of its kind has. */
#include "gelu.h"
#include "exponential.h"
#include <math.h>
#define LATENT_SIMD 128
#include "gelu_kernels.h"

static const latent_gelu_code base = {quick, quick_back, exp_row};

static const latent_gelu_code *fastest(void)
{
    const latent_gelu_code *c = latent_gelu_code_avx2();
    return c ? c : &base;
}

void latent_gelu(int is_quick, size_t n, const float *x, float *y)
{
    if (is_quick)
        fastest()->quick(n, x, y);
    for (size_t i = 0; !is_quick && i < n; i++)
        y[i] = x[i] * (0.5f * (1 + erff(0.70710678f * x[i])));
}

void latent_gelu_back(int is_quick, size_t n, const float *x, const float *g, float *gx)
{
    if (is_quick)
        fastest()->quick_back(n, x, g, gx);
    for (size_t i = 0; !is_quick && i < n; i++) {
        float phi = 0.5f * (1 + erff(0.70710678f * x[i]));
        gx[i] += g[i] * (phi + x[i] * 0.39894228f * latent_exp(-0.5f * x[i] * x[i]));
    }
}

void latent_exp_row(size_t n, float *x, float scale, float most)
{
    fastest()->exp_row(n, x, scale, most);
}
