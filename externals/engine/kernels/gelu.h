/* gelu: the activation of a transformer's layers and the exponentials of its attention, on rows of
   numbers, by vectors as wide as the processor has them.  The calling thread alone works. */
#ifndef LATENT_GELU_H
#define LATENT_GELU_H
#include <stddef.h>

#pragma GCC visibility push(default)

/* y[i] = x Phi(x) (Hendrycks and Gimpel 2016), or with quick x sigmoid(1.702 x). */
void latent_gelu(int quick, size_t n, const float *x, float *y);
/* gx[i] += g[i] * the slope of that at x[i]. */
void latent_gelu_back(int quick, size_t n, const float *x, const float *g, float *gx);
/* x[i] = exp(scale * (x[i] - most)) */
void latent_exp_row(size_t n, float *x, float scale, float most);

/* The loops for one kind of processor; NULL where it is another. */
typedef struct {
    void (*quick)(size_t n, const float *x, float *y);
    void (*quick_back)(size_t n, const float *x, const float *g, float *gx);
    void (*exp_row)(size_t n, float *x, float scale, float most);
} latent_gelu_code;
const latent_gelu_code *latent_gelu_code_avx2(void);

#pragma GCC visibility pop
#endif
