/* training_loops: the loops of training and of gradients beside their convolutions, by vectors as
   wide as the processor has them.  The calling thread alone works. */
#ifndef LATENT_TRAINING_LOOPS_H
#define LATENT_TRAINING_LOOPS_H
#include <stddef.h>

#pragma GCC visibility push(default)

/* The end of a layer on one picture's numbers x of the convolution:
   y = clamp(lrelu(factor scale[c] x + strength noise[pixel] + bias[c])), where lrelu multiplies by
   up from zero on and by down below, and the clamp is to limit on either side. */
typedef struct {
    const float *scale, *bias, *noise; /* [c], [c], [pixels], or NULL for 1, 0 and 0 */
    float factor, strength, up, down, limit;
} latent_training_end;

typedef struct {
    float beta1, beta2, rate; /* rate: with the first moment's correction */
    float correct, epsilon;   /* correct: the second moment's */
} latent_training_rates;

/* The loops for one kind of processor. */
typedef struct {
    const char *name;
    /* The way back of an end from y, on pixels of c channels: g, the gradient with respect to y,
       becomes that with respect to x.  Adds to the gradients of the bias [c], to dot [c] that of
       the scale times the scale, and to that of the strength. */
    void (*end_back)(size_t pixels, int c, const latent_training_end *end, const float *y, float *g,
                     float *bias, float *dot, double *strength);
    /* The way back of a layer's beginning, which multiplied the channels of x by scale [c]: g, the
       gradient behind that.  Adds x times g to dot [c].  g times scale becomes the numbers of to,
       or is added to them with add; to may be g, or NULL. */
    void (*begin_back)(size_t pixels, int c, const float *scale, const float *x, const float *g,
                       int add, float *to, float *dot);
    /* A step of Adam (Kingma and Ba 2015) on count numbers, a multiple of 16. */
    void (*adam)(size_t count, const latent_training_rates *rates, float *value,
                 const float *gradient, float *mean, float *square);
    /* y[c] = the sum over n of factor times x[c] */
    void (*mix)(int n, const float *factor, const float *const *x, int c, float *y);
} latent_training_code;
const latent_training_code *latent_training_best(void);
const latent_training_code *latent_training_base(void);
const latent_training_code *latent_training_avx2(void); /* NULL where the processor is another */

#pragma GCC visibility pop
#endif
