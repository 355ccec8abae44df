/* training_kernels: the loops of training_loops.h for one kind of processor; included after
   LATENT_SIMD has been defined (see simd.h). */
#include "simd.h"
#include "training_loops.h"
#include <math.h>

typedef int whole_vec __attribute__((vector_size(LATENT_SIMD / 8)));

INLINE vec load_first(const float *p, int some)
{
    return some == VL ? load(p) : load_some(p, some);
}

INLINE void store_first(float *p, vec v, int some)
{
    if (some == VL)
        store(p, v);
    else
        store_some(p, v, some);
}

/* Of VL channels from at on, or of fewer. */
INLINE void end_back_some(size_t pixels, size_t c, const latent_training_end *e, size_t at,
                          int some, const float *y, float *g, float *g_bias, float *dot,
                          double *strength)
{
    vec scale = (e->scale ? load_first(e->scale + at, some) : all(1)) * all(e->factor);
    vec bias = e->bias ? load_first(e->bias + at, some) : all(0);
    vec up = all(e->up), down = all(e->down), limit = all(e->limit);
    vec back_up = all(1 / e->up), back_down = all(e->down != 0 ? 1 / e->down : 0);
    vec sum = all(0), products = all(0), noisy = all(0);
    y += at;
    g += at;
    for (size_t p = 0; p < pixels; p++, y += c, g += c) {
        vec is = load_first(y, some), v = load_first(g, some);
        vec noise = all(e->noise ? e->noise[p] : 0), shift = all(e->strength) * noise;
        whole_vec below = is < all(0), cut = (is >= limit) | (is <= -limit);
        vec before = madd(smaller(all(0), is), back_down, larger(all(0), is) * back_up);
        v = (vec)((below & (whole_vec)(v * down)) | (~below & (whole_vec)(v * up)));
        v = (vec)(~cut & (whole_vec)v);
        sum += v;
        noisy = madd(v, noise, noisy);
        products = madd(v, before - shift - bias, products);
        store_first(g, v * scale, some);
    }
    for (int i = 0; i < some; i++)
        *strength += (double)noisy[i];
    store_first(g_bias + at, load_first(g_bias + at, some) + sum, some);
    store_first(dot + at, load_first(dot + at, some) + products, some);
}

#define PIXELS 128 /* whose channels stay in the first cache */

static void end_back(size_t pixels, int c, const latent_training_end *end, const float *y, float *g,
                     float *g_bias, float *dot, double *strength)
{
    latent_training_end e = *end;
    size_t channels = (size_t)c;
    for (size_t done = 0; done < pixels; done += PIXELS) {
        size_t some = pixels - done < PIXELS ? pixels - done : PIXELS, at = 0;
        for (; at + VL <= channels; at += VL)
            end_back_some(some, channels, &e, at, VL, y, g, g_bias, dot, strength);
        if (at < channels)
            end_back_some(some, channels, &e, at, (int)(channels - at), y, g, g_bias, dot,
                          strength);
        y += some * channels;
        g += some * channels;
        e.noise = e.noise ? e.noise + some : NULL;
    }
}

INLINE void begin_back_some(size_t pixels, size_t c, size_t at, int some, const float *scale,
                            const float *x, const float *g, int add, float *to, float *dot)
{
    vec s = load_first(scale + at, some), sum = all(0);
    x += at;
    g += at;
    to = to ? to + at : NULL;
    for (size_t p = 0; p < pixels; p++, x += c, g += c) {
        vec v = load_first(g, some);
        sum = madd(load_first(x, some), v, sum);
        if (!to)
            continue;
        store_first(to, add ? madd(v, s, load_first(to, some)) : v * s, some);
        to += c;
    }
    store_first(dot + at, load_first(dot + at, some) + sum, some);
}

static void begin_back(size_t pixels, int c, const float *scale, const float *x, const float *g,
                       int add, float *to, float *dot)
{
    size_t channels = (size_t)c;
    for (size_t done = 0; done < pixels; done += PIXELS) {
        size_t some = pixels - done < PIXELS ? pixels - done : PIXELS, at = 0;
        for (; at + VL <= channels; at += VL)
            begin_back_some(some, channels, at, VL, scale, x, g, add, to, dot);
        if (at < channels)
            begin_back_some(some, channels, at, (int)(channels - at), scale, x, g, add, to, dot);
        x += some * channels;
        g += some * channels;
        to = to ? to + some * channels : NULL;
    }
}

INLINE vec root(vec x)
{
#if LATENT_SIMD == 256
    return _mm256_sqrt_ps(x);
#else
    for (int i = 0; i < VL; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

static void adam(size_t count, const latent_training_rates *rates, float *value,
                 const float *gradient, float *mean, float *square)
{
    const vec b1 = all(rates->beta1), b2 = all(rates->beta2), rate = all(rates->rate);
    const vec correct = all(rates->correct), epsilon = all(rates->epsilon), one = all(1);
    for (size_t k = 0; k < count; k += VL) {
        vec g = load(gradient + k), s = madd(b2, load(square + k), (one - b2) * g * g), m = g;
        if (rates->beta1 != 0) {
            m = madd(b1, load(mean + k), (one - b1) * g);
            store(mean + k, m);
        }
        store(square + k, s);
        store(value + k, load(value + k) - rate * m / (root(s * correct) + epsilon));
    }
}

static void mix(int n, const float *factor, const float *const *x, int c, float *y)
{
    int k = 0;
    for (; k + VL <= c; k += VL) {
        vec sum = all(0);
        for (int i = 0; i < n; i++)
            sum = madd(all(factor[i]), load(x[i] + k), sum);
        store(y + k, sum);
    }
    for (; k < c; k++) {
        float sum = 0;
        for (int i = 0; i < n; i++)
            sum += factor[i] * x[i][k];
        y[k] = sum;
    }
}

static const latent_training_code code = {CODE_NAME, end_back, begin_back, adam, mix};
