/* gelu_kernels: the loops of gelu.c for one kind of processor; included after LATENT_SIMD has been
   defined (see simd.h).  exp is 2^n times a polynomial of the rest, as in exponential.h. */
#include "gelu.h"
#include "simd.h"
#include <stdint.h>

typedef int32_t whole_vec __attribute__((vector_size(LATENT_SIMD / 8)));

INLINE vec exp_of(vec x)
{
    const vec round = all(12582912.0f); /* 1.5 * 2^23: adding it leaves no place for a fraction */
    vec n, r, p;
    x = larger(smaller(x, all(88)), all(-87));
    n = x * all(1.44269504088896f) + round - round;
    r = x - n * all(0.693359375f) + n * all(2.12194440e-4f); /* ln 2 in two parts */
    p = all(4.1665795894e-2f) + r * (all(8.3334519073e-3f) + r * all(1.3981999507e-3f));
    p = all(1) + r * (all(1) + r * (all(0.5f) + r * (all(1.6666665459e-1f) + r * p)));
    return p * (vec)((__builtin_convertvector(n, whole_vec) + 127) << 23);
}

INLINE vec sigmoid_of(vec x)
{
    return all(1) / (all(1) + exp_of(-x));
}

static void quick(size_t n, const float *x, float *y)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        store(y + i, load(x + i) * sigmoid_of(all(1.702f) * load(x + i)));
    if (i < n) {
        vec v = load_some(x + i, (int)(n - i));
        store_some(y + i, v * sigmoid_of(all(1.702f) * v), (int)(n - i));
    }
}

INLINE vec quick_slope(vec x)
{
    vec s = sigmoid_of(all(1.702f) * x);
    return s + all(1.702f) * x * s * (all(1) - s);
}

static void quick_back(size_t n, const float *x, const float *g, float *gx)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        store(gx + i, load(gx + i) + load(g + i) * quick_slope(load(x + i)));
    if (i < n) {
        int rest = (int)(n - i);
        store_some(gx + i,
                   load_some(gx + i, rest) +
                       load_some(g + i, rest) * quick_slope(load_some(x + i, rest)),
                   rest);
    }
}

static void exp_row(size_t n, float *x, float scale, float most)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        store(x + i, exp_of(all(scale) * (load(x + i) - all(most))));
    if (i < n)
        store_some(x + i, exp_of(all(scale) * (load_some(x + i, (int)(n - i)) - all(most))),
                   (int)(n - i));
}
