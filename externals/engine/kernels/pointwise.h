/* pointwise: what is done to each number by itself, by vectors as wide as the processor has them.
   The calling thread alone works. */
#ifndef LATENT_POINTWISE_H
#define LATENT_POINTWISE_H
#include <stddef.h>

#pragma GCC visibility push(default)

/* The loops for one kind of processor.  add: what comes is added to what is there; else it is set.
   On rows: n numbers in rows of c; scale and shift are [c], or NULL for 0. */
typedef struct {
    /* y = p a + q b; b may be NULL for 0 */
    void (*sum)(size_t n, float p, const float *a, float q, const float *b, int add, float *y);
    /* y = a b */
    void (*product)(size_t n, const float *a, const float *b, int add, float *y);
    /* y = gain u sigmoid(u), u = x (1 + scale) */
    void (*silu)(size_t n, size_t c, float gain, const float *x, const float *scale, float *y);
    /* Its way back from g: to gx (or NULL), and added to dot [c] (or NULL) what comes to scale. */
    void (*silu_back)(size_t n, size_t c, float gain, const float *x, const float *scale,
                      const float *g, int add, float *gx, float *dot);
    /* y = x (most + scale) + shift */
    void (*film)(size_t n, size_t c, float most, const float *x, const float *scale,
                 const float *shift, int add, float *y);
    /* Adds to sum [c] each row of g, or of g times x. */
    void (*columns)(size_t n, size_t c, const float *g, const float *x, float *sum);
} latent_pointwise_code;
const latent_pointwise_code *latent_pointwise_best(void);
const latent_pointwise_code *latent_pointwise_base(void);
const latent_pointwise_code *latent_pointwise_avx2(void); /* NULL: not of this processor */

#pragma GCC visibility pop
#endif
