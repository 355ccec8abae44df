/* transformer_kernels: the loops of transformer_loops.c for one kind of processor; included after
   LATENT_SIMD has been defined (see simd.h). */
#include "simd_exp.h"
#include "transformer_loops.h"
#include <math.h>

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

static void quick_back(size_t n, const float *x, const float *g, int add, float *gx)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL) {
        vec step = load(g + i) * quick_slope(load(x + i));
        store(gx + i, add ? load(gx + i) + step : step);
    }
    if (i < n) {
        int rest = (int)(n - i);
        vec step = load_some(g + i, rest) * quick_slope(load_some(x + i, rest));
        store_some(gx + i, add ? load_some(gx + i, rest) + step : step, rest);
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

/* ---- layer norm */

INLINE float total(vec v)
{
    float sum = 0;
    for (int i = 0; i < VL; i++)
        sum += v[i];
    return sum;
}

INLINE vec load_first(const float *p, int some)
{
    return some < VL ? load_some(p, some) : load(p);
}

INLINE void store_first(float *p, vec v, int some)
{
    if (some < VL)
        store_some(p, v, some);
    else
        store(p, v);
}

/* How many of the c numbers from i on are in a vector. */
INLINE int some_of(int c, int i)
{
    return c - i < VL ? c - i : VL;
}

/* The mean of a row and the reciprocal of its deviation. */
INLINE void moments(int c, const float *x, float *mean, float *scale)
{
    vec sum = all(0), squares = all(0);
    float rest = 0;
    int i = 0;
    for (; i < c; i += VL)
        sum += load_first(x + i, some_of(c, i));
    *mean = total(sum) / (float)c;
    for (i = 0; i + VL <= c; i += VL) {
        vec d = load(x + i) - all(*mean);
        squares = madd(d, d, squares);
    }
    for (; i < c; i++)
        rest += (x[i] - *mean) * (x[i] - *mean);
    *scale = 1 / sqrtf((total(squares) + rest) / (float)c + 1e-5f);
}

static void norm(size_t rows, int c, const float *x, const float *gain, const float *bias, float *y)
{
    for (size_t r = 0; r < rows; r++, x += c, y += c) {
        float mean, scale;
        moments(c, x, &mean, &scale);
        for (int i = 0; i < c; i += VL) {
            int some = some_of(c, i);
            vec normal = (load_first(x + i, some) - all(mean)) * all(scale);
            store_first(y + i, madd(normal, load_first(gain + i, some), load_first(bias + i, some)),
                        some);
        }
    }
}

static void norm_back(size_t rows, int c, const float *x, const float *gain, const float *g,
                      int add, float *gx, float *ggain, float *gbias)
{
    for (size_t r = 0; r < rows; r++, x += c, g += c, gx = gx ? gx + c : NULL) {
        vec sum = all(0), along = all(0);
        float mean, scale, a, b;
        moments(c, x, &mean, &scale);
        for (int i = 0; i < c; i += VL) {
            int some = some_of(c, i);
            vec is = load_first(g + i, some), step = is * load_first(gain + i, some);
            vec normal = (load_first(x + i, some) - all(mean)) * all(scale);
            sum += step;
            along = madd(step, normal, along);
            if (!ggain)
                continue;
            store_first(ggain + i, madd(is, normal, load_first(ggain + i, some)), some);
            store_first(gbias + i, load_first(gbias + i, some) + is, some);
        }
        a = total(sum) / (float)c;
        b = total(along) / (float)c;
        for (int i = 0; gx && i < c; i += VL) {
            int some = some_of(c, i);
            vec normal = (load_first(x + i, some) - all(mean)) * all(scale);
            vec step = load_first(g + i, some) * load_first(gain + i, some);
            step = (step - all(a) - normal * all(b)) * all(scale);
            store_first(gx + i, add ? load_first(gx + i, some) + step : step, some);
        }
    }
}

#define CODE                                                                                       \
    {                                                                                              \
        quick, quick_back, exp_row, norm, norm_back                                                \
    }
