/* transformer_loops: see transformer_loops.h; with the loops for what every processor of its kind
   has. */
#include "transformer_loops.h"
#include "exponential.h"
#include <math.h>
#define LATENT_SIMD 128
#include "transformer_kernels.h"

static const latent_transformer_code base = CODE;

static const latent_transformer_code *fastest(void)
{
    const latent_transformer_code *c = latent_transformer_code_avx2();
    return c ? c : &base;
}

void latent_gelu(int is_quick, size_t n, const float *x, float *y)
{
    if (is_quick)
        fastest()->quick(n, x, y);
    for (size_t i = 0; !is_quick && i < n; i++)
        y[i] = x[i] * (0.5f * (1 + erff(0.70710678f * x[i])));
}

void latent_gelu_back(int is_quick, size_t n, const float *x, const float *g, int add, float *gx)
{
    if (is_quick)
        fastest()->quick_back(n, x, g, add, gx);
    for (size_t i = 0; !is_quick && i < n; i++) {
        float phi = 0.5f * (1 + erff(0.70710678f * x[i]));
        float step = g[i] * (phi + x[i] * 0.39894228f * latent_exp(-0.5f * x[i] * x[i]));
        gx[i] = add ? gx[i] + step : step;
    }
}

void latent_exp_row(size_t n, float *x, float scale, float most)
{
    fastest()->exp_row(n, x, scale, most);
}

void latent_layer_norm(size_t rows, int c, const float *x, const float *gain, const float *bias,
                       float *y)
{
    fastest()->norm(rows, c, x, gain, bias, y);
}

void latent_layer_norm_back(size_t rows, int c, const float *x, const float *gain, const float *g,
                            int add, float *gx, float *ggain, float *gbias)
{
    fastest()->norm_back(rows, c, x, gain, g, add, gx, ggain, gbias);
}
