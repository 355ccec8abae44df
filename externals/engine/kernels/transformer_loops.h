/* transformer_loops: the activation of a transformer's layers, their norm, and the exponentials of
   its attention, on rows of numbers, by vectors as wide as the processor has them.  The calling
   thread alone works. */
#ifndef LATENT_TRANSFORMER_LOOPS_H
#define LATENT_TRANSFORMER_LOOPS_H
#include <stddef.h>

#pragma GCC visibility push(default)

/* y[i] = x Phi(x) (Hendrycks and Gimpel 2016), or with quick x sigmoid(1.702 x). */
void latent_gelu(int quick, size_t n, const float *x, float *y);
/* gx[i] = g[i] * the slope of that at x[i]; with add added to what is there. */
void latent_gelu_back(int quick, size_t n, const float *x, const float *g, int add, float *gx);
/* x[i] = exp(scale * (x[i] - most)) */
void latent_exp_row(size_t n, float *x, float scale, float most);

/* Layer norm (Ba et al. 2016) of rows of c numbers: y = (x - mean) / sqrt(variance + 1e-5) * gain +
   bias. */
void latent_layer_norm(size_t rows, int c, const float *x, const float *gain, const float *bias,
                       float *y);
/* From the gradient g with respect to y: gx, with add added to what is there, and those of gain and
   bias, which are added to; NULL: not wanted, ggain and gbias together. */
void latent_layer_norm_back(size_t rows, int c, const float *x, const float *gain, const float *g,
                            int add, float *gx, float *ggain, float *gbias);

/* The loops for one kind of processor; NULL where it is another. */
typedef struct {
    void (*quick)(size_t n, const float *x, float *y);
    void (*quick_back)(size_t n, const float *x, const float *g, int add, float *gx);
    void (*exp_row)(size_t n, float *x, float scale, float most);
    void (*norm)(size_t rows, int c, const float *x, const float *gain, const float *bias,
                 float *y);
    void (*norm_back)(size_t rows, int c, const float *x, const float *gain, const float *g,
                      int add, float *gx, float *ggain, float *gbias);
} latent_transformer_code;
const latent_transformer_code *latent_transformer_code_avx2(void);

#pragma GCC visibility pop
#endif
