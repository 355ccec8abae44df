/* pointwise_kernels: the loops of pointwise.h for one kind of processor; included after LATENT_SIMD
   has been defined (see simd.h).  Rows are gone through in columns of VL numbers, so that what
   belongs to a channel stays in a register. */
#include "pointwise.h"
#include "simd_exp.h"

INLINE vec first(const float *p, int some)
{
    return some == VL ? load(p) : load_some(p, some);
}

INLINE void put(float *p, vec v, int add, int some)
{
    if (add)
        v += first(p, some);
    if (some == VL)
        store(p, v);
    else
        store_some(p, v, some);
}

INLINE int left(size_t n, size_t i)
{
    return n - i < VL ? (int)(n - i) : VL;
}

static void sum(size_t n, float p, const float *a, float q, const float *b, int add, float *y)
{
    size_t i = 0;
    if (!b) {
        for (; i + VL <= n; i += VL)
            put(y + i, all(p) * load(a + i), add, VL);
        if (i < n)
            put(y + i, all(p) * load_some(a + i, left(n, i)), add, left(n, i));
        return;
    }
    for (; i + VL <= n; i += VL)
        put(y + i, madd(all(p), load(a + i), all(q) * load(b + i)), add, VL);
    if (i < n) {
        int some = left(n, i);
        put(y + i, madd(all(p), load_some(a + i, some), all(q) * load_some(b + i, some)), add,
            some);
    }
}

static void product(size_t n, const float *a, const float *b, int add, float *y)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        put(y + i, load(a + i) * load(b + i), add, VL);
    if (i < n) {
        int some = left(n, i);
        put(y + i, load_some(a + i, some) * load_some(b + i, some), add, some);
    }
}

/* Rows whose columns are gone through one after another: they stay in the first cache. */
#define ROWS 64

INLINE void silu_column(size_t rows, size_t c, int some, vec gain, vec scale, const float *x,
                        float *y)
{
    for (size_t r = 0; r < rows; r++, x += c, y += c) {
        vec u = first(x, some) * scale;
        put(y, gain * u * sigmoid_of(u), 0, some);
    }
}

static void silu(size_t n, size_t c, float gain, const float *x, const float *scale, float *y)
{
    if (!scale) {
        size_t i = 0;
        for (; i + VL <= n; i += VL)
            put(y + i, all(gain) * load(x + i) * sigmoid_of(load(x + i)), 0, VL);
        if (i < n)
            silu_column(1, c, left(n, i), all(gain), all(1), x + i, y + i);
        return;
    }
    for (size_t done = 0, rows = n / c; done < rows; done += ROWS) {
        size_t some = rows - done < ROWS ? rows - done : ROWS, at = done * c, i = 0;
        for (; i + VL <= c; i += VL)
            silu_column(some, c, VL, all(gain), all(1) + load(scale + i), x + at + i, y + at + i);
        if (i < c)
            silu_column(some, c, left(c, i), all(gain), all(1) + load_some(scale + i, left(c, i)),
                        x + at + i, y + at + i);
    }
}

INLINE vec silu_slope(vec u)
{
    vec s = sigmoid_of(u);
    return s * (all(1) + u * (all(1) - s));
}

INLINE vec silu_back_column(size_t rows, size_t c, int some, vec gain, vec scale, const float *x,
                            const float *g, int add, float *gx)
{
    vec sum = all(0);
    for (size_t r = 0; r < rows; r++, x += c, g += c) {
        vec is = first(x, some), d = gain * first(g, some) * silu_slope(is * scale);
        sum = madd(d, is, sum);
        if (gx)
            put(gx + r * c, d * scale, add, some);
    }
    return sum;
}

static void silu_back(size_t n, size_t c, float gain, const float *x, const float *scale,
                      const float *g, int add, float *gx, float *dot)
{
    if (!scale) {
        size_t i = 0;
        for (; gx && i + VL <= n; i += VL)
            put(gx + i, all(gain) * load(g + i) * silu_slope(load(x + i)), add, VL);
        if (gx && i < n)
            silu_back_column(1, c, left(n, i), all(gain), all(1), x + i, g + i, add, gx + i);
        return;
    }
    for (size_t done = 0, rows = n / c; done < rows; done += ROWS) {
        size_t some = rows - done < ROWS ? rows - done : ROWS, at = done * c;
        for (size_t i = 0; i < c; i += VL) {
            int wide = left(c, i);
            vec s = wide == VL
                        ? silu_back_column(some, c, VL, all(gain), all(1) + load(scale + i),
                                           x + at + i, g + at + i, add, gx ? gx + at + i : NULL)
                        : silu_back_column(some, c, wide, all(gain),
                                           all(1) + load_some(scale + i, wide), x + at + i,
                                           g + at + i, add, gx ? gx + at + i : NULL);
            if (dot)
                put(dot + i, s, 1, wide);
        }
    }
}

INLINE void film_column(size_t rows, size_t c, int some, vec scale, vec shift, const float *x,
                        int add, float *y)
{
    for (size_t r = 0; r < rows; r++, x += c, y += c)
        put(y, madd(first(x, some), scale, shift), add, some);
}

static void film(size_t n, size_t c, float most, const float *x, const float *scale,
                 const float *shift, int add, float *y)
{
    for (size_t done = 0, rows = n / c; done < rows; done += ROWS) {
        size_t some = rows - done < ROWS ? rows - done : ROWS, at = done * c;
        for (size_t i = 0; i < c; i += VL) {
            int wide = left(c, i);
            vec s = all(most) + (scale ? first(scale + i, wide) : all(0));
            vec t = shift ? first(shift + i, wide) : all(0);
            if (wide == VL)
                film_column(some, c, VL, s, t, x + at + i, add, y + at + i);
            else
                film_column(some, c, wide, s, t, x + at + i, add, y + at + i);
        }
    }
}

INLINE vec one_column(size_t rows, size_t c, int some, const float *g, const float *x)
{
    vec sum = all(0);
    for (size_t r = 0; r < rows; r++, g += c)
        sum = x ? madd(first(g, some), first(x + r * c, some), sum) : sum + first(g, some);
    return sum;
}

static void columns(size_t n, size_t c, const float *g, const float *x, float *to)
{
    for (size_t done = 0, rows = n / c; done < rows; done += ROWS) {
        size_t some = rows - done < ROWS ? rows - done : ROWS, at = done * c;
        for (size_t i = 0; i < c; i += VL) {
            int wide = left(c, i);
            vec s = wide == VL ? one_column(some, c, VL, g + at + i, x ? x + at + i : NULL)
                               : one_column(some, c, wide, g + at + i, x ? x + at + i : NULL);
            put(to + i, s, 1, wide);
        }
    }
}

static const latent_pointwise_code code = {sum, product, silu, silu_back, film, columns};
