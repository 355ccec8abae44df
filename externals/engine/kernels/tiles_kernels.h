/* tiles_kernels: the inner loops of tiles.h, included once for each kind of processor.  LATENT_SIMD
   is defined, and ROWS: so many rows of LATENT_WIDE sums fit the registers. */
#include "simd.h"
#include "tiles.h"
#include <math.h>
#include <string.h>

#define PANEL (LATENT_WIDE / VL) /* vectors in a panel */
#define POINTS 6                 /* in one direction */
typedef int whole_vec __attribute__((vector_size(LATENT_SIMD / 8)));

/* ---- in one direction, at the points 0, 1, -1, 2, -2 and infinity ---- */

INLINE void apply_b(const vec *d, vec *v) /* B' d */
{
    vec a = madd(all(-4), d[2], d[4]), b = madd(all(-4), d[1], d[3]);
    vec c = d[4] - d[2], e = d[3] - d[1];
    v[0] = madd(all(4), d[0], madd(all(-5), d[2], d[4]));
    v[1] = a + b;
    v[2] = a - b;
    v[3] = madd(all(2), e, c);
    v[4] = madd(all(-2), e, c);
    v[5] = madd(all(4), d[1], madd(all(-5), d[3], d[5]));
}

INLINE void apply_b_back(const vec *v, vec *d) /* B v */
{
    vec a = v[1] + v[2], b = v[1] - v[2], c = v[3] + v[4], e = v[3] - v[4];
    d[0] = all(4) * v[0];
    d[1] = madd(all(4), v[5] - b, all(-2) * e);
    d[2] = madd(all(-5), v[0], madd(all(-4), a, -c));
    d[3] = madd(all(-5), v[5], madd(all(2), e, b));
    d[4] = v[0] + a + c;
    d[5] = v[5];
}

INLINE void apply_a(const vec *m, vec *y) /* A' m */
{
    vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = madd(all(2), e, b);
    y[2] = madd(all(4), c, a);
    y[3] = madd(all(8), e, b) + m[5];
}

INLINE void apply_a_back(const vec *y, vec *m) /* A y */
{
    vec a = y[0] + y[2], b = y[1] + y[3];
    vec c = madd(all(4), y[2], y[0]), e = madd(all(8), y[3], all(2) * y[1]);
    m[0] = y[0];
    m[1] = a + b;
    m[2] = a - b;
    m[3] = c + e;
    m[4] = c - e;
    m[5] = y[3];
}

/* G, and the same for a transposed convolution of stride 2: even outputs see the taps w0 and w2
   (the first two coefficients at the finite points), odd ones w1 as it is. */
static const float taps[2][POINTS][3] = {{{1.0f / 4, 0, 0},
                                          {-1.0f / 6, -1.0f / 6, -1.0f / 6},
                                          {-1.0f / 6, 1.0f / 6, -1.0f / 6},
                                          {1.0f / 24, 1.0f / 12, 1.0f / 6},
                                          {1.0f / 24, -1.0f / 12, 1.0f / 6},
                                          {0, 0, 1}},
                                         {{1.0f / 4, 0, 0},
                                          {-1.0f / 6, 0, -1.0f / 6},
                                          {-1.0f / 6, 0, 1.0f / 6},
                                          {1.0f / 24, 0, 1.0f / 12},
                                          {1.0f / 24, 0, -1.0f / 12},
                                          {0, 1, 0}}};

/* ---- inputs ---- */

static const float no_pixel[LATENT_TILES_CHANNELS]; /* zeros */
static const float ones[LATENT_TILES_CHANNELS] = {[0 ... LATENT_TILES_CHANNELS - 1] = 1};

static void values(const latent_tiles_side *s, const float *x, const float *style, int first,
                   int count, float *v, size_t plane)
{
    const int columns = s->w / 4, c = s->c;
    for (int t = first; t < first + count; t++, v += c) {
        const float *from[POINTS][POINTS];
        int top = t / columns * 4 - 1, left = t % columns * 4 - 1;
        for (int i = 0; i < POINTS; i++)
            for (int j = 0; j < POINTS; j++) {
                int y = top + i, q = left + j;
                int inside = y >= 0 && y < s->h && q >= 0 && q < s->w;
                from[i][j] =
                    inside ? x + ((size_t)y * (size_t)s->w + (size_t)q) * (size_t)c : no_pixel;
            }
        for (int k = 0; k < c; k += VL) {
            vec turned[POINTS][POINTS], d[POINTS], r[POINTS];
            vec by = style ? load(style + k) : all(1);
#pragma GCC unroll 6
            for (int j = 0; j < POINTS; j++) {
#pragma GCC unroll 6
                for (int i = 0; i < POINTS; i++)
                    d[i] = load(from[i][j] + k);
                apply_b(d, r);
#pragma GCC unroll 6
                for (int i = 0; i < POINTS; i++)
                    turned[i][j] = r[i] * by;
            }
#pragma GCC unroll 6
            for (int i = 0; i < POINTS; i++) {
                float *to = v + k + (size_t)(i * POINTS) * plane;
                apply_b(turned[i], r);
#pragma GCC unroll 6
                for (int j = 0; j < POINTS; j++)
                    store(to + (size_t)j * plane, r[j]);
            }
        }
    }
}

static void values_back(const latent_tiles_side *s, const float *v, size_t plane, int first,
                        int count, float *gx)
{
    const int columns = s->w / 4, c = s->c;
    for (int t = first; t < first + count; t++, v += c) {
        int top = t / columns * 4 - 1, left = t % columns * 4 - 1;
        for (int k = 0; k < c; k += VL) {
            vec turned[POINTS][POINTS], d[POINTS], r[POINTS];
#pragma GCC unroll 6
            for (int j = 0; j < POINTS; j++) {
#pragma GCC unroll 6
                for (int i = 0; i < POINTS; i++)
                    d[i] = load(v + k + (size_t)(i * POINTS + j) * plane);
                apply_b_back(d, r);
#pragma GCC unroll 6
                for (int i = 0; i < POINTS; i++)
                    turned[i][j] = r[i];
            }
            for (int i = 0; i < POINTS; i++) {
                int y = top + i;
                float *to =
                    gx + (ptrdiff_t)k + ((ptrdiff_t)y * s->w + (ptrdiff_t)left) * (ptrdiff_t)c;
                if (y < 0 || y >= s->h)
                    continue;
                apply_b_back(turned[i], r);
                if (left >= 0)
                    store(to, load(to) + r[0]);
#pragma GCC unroll 4
                for (int j = 1; j < 5; j++)
                    store(to + j * c, load(to + j * c) + r[j]);
                if (left + 5 < s->w)
                    store(to + 5 * c, load(to + 5 * c) + r[5]);
            }
        }
    }
}

/* ---- outputs ---- */

INLINE vec finished(const latent_tiles_end *e, vec x, vec scale, vec shift)
{
    x = madd(x, scale, shift);
    x = madd(smaller(all(0), x), all(e->down), larger(all(0), x) * all(e->up));
    return smaller(all(e->limit), larger(all(-e->limit), x));
}

static void outputs(const latent_tiles_side *s, const float *m, size_t plane, int first, int count,
                    const latent_tiles_end *e, float *y)
{
    const int columns = s->w / 4, c = s->c;
    for (int t = first; t < first + count; t++, m += c) {
        size_t top = (size_t)(t / columns * 4), left = (size_t)(t % columns * 4);
        for (int k = 0; k < c; k += VL) {
            vec turned[4][POINTS], d[POINTS], r[POINTS];
            vec scale = load((e->scale ? e->scale : ones) + k) * all(e->factor);
            vec bias = load((e->bias ? e->bias : no_pixel) + k);
#pragma GCC unroll 6
            for (int j = 0; j < POINTS; j++) {
#pragma GCC unroll 6
                for (int i = 0; i < POINTS; i++)
                    d[i] = load(m + k + (size_t)(i * POINTS + j) * plane);
                apply_a(d, r);
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++)
                    turned[i][j] = r[i];
            }
            for (size_t i = 0; i < 4; i++) {
                size_t pixel = (top + i) * (size_t)s->w + left;
                float *to = y + pixel * (size_t)c + (size_t)k;
                apply_a(turned[i], r);
#pragma GCC unroll 4
                for (size_t j = 0; j < 4; j++) {
                    vec shift = bias;
                    if (e->noise)
                        shift += all(e->strength * e->noise[pixel + j]);
                    store(to + j * (size_t)c, finished(e, r[j], scale, shift));
                }
            }
        }
    }
}

static void outputs_back(const latent_tiles_side *s, const float *g, int first, int count, float *m,
                         size_t plane)
{
    const int columns = s->w / 4, c = s->c;
    const size_t line = (size_t)s->w * (size_t)c, step = (size_t)c;
    for (int t = first; t < first + count; t++, m += c) {
        const float *from = g + (size_t)(t / columns * 4) * line + (size_t)(t % columns * 4) * step;
        for (int k = 0; k < c; k += VL) {
            vec turned[POINTS][4], d[4], r[POINTS];
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++)
                    d[i] = load(from + (size_t)k + (size_t)i * line + (size_t)j * step);
                apply_a_back(d, r);
#pragma GCC unroll 6
                for (int i = 0; i < POINTS; i++)
                    turned[i][j] = r[i];
            }
#pragma GCC unroll 6
            for (int i = 0; i < POINTS; i++) {
                float *to = m + k + (size_t)(i * POINTS) * plane;
                apply_a_back(turned[i], r);
#pragma GCC unroll 6
                for (int j = 0; j < POINTS; j++)
                    store(to + (size_t)j * plane, r[j]);
            }
        }
    }
}

/* ---- stride 2 ---- */

/* Of 4 x 4 pixels: five values and the four pixels in each direction, [9][9].  Point (i, j) of 6 x
   6 has its numbers one after another, four in a direction where the index is 5. */
#define NINE 9

INLINE int point_of(int i)
{
    return i < 5 ? i : 5;
}

/* Where number (i, j) of the 9 x 9 of one tile lies. */
INLINE size_t nine_at(const size_t *planes, int t, int c, int i, int j)
{
    int p = point_of(i), q = point_of(j), many = (p == 5 ? 4 : 1) * (q == 5 ? 4 : 1);
    int which = (p == 5 ? (i - 5) * (q == 5 ? 4 : 1) : 0) + (q == 5 ? j - 5 : 0);
    return planes[p * POINTS + q] + ((size_t)t * (size_t)many + (size_t)which) * (size_t)c;
}

INLINE void nine_of_four(const vec *d, vec *v)
{
    vec r[POINTS];
    apply_a_back(d, r);
    for (int i = 0; i < 5; i++)
        v[i] = r[i];
    for (int i = 0; i < 4; i++)
        v[5 + i] = d[i];
}

INLINE void four_of_nine(const vec *v, vec *d)
{
    vec m[POINTS];
    for (int i = 0; i < 5; i++)
        m[i] = v[i];
    m[5] = all(0);
    apply_a(m, d);
    for (int i = 0; i < 4; i++)
        d[i] += v[5 + i];
}

/* Nine numbers to the nine that the transposed convolution makes of four pixels, and what the blur
   makes of those: twelve, the first two and the last two of which belong to the neighbours. */
INLINE void twelve_of_nine(const vec *m, vec *y)
{
    vec v[POINTS], e[POINTS], t[15];
    for (int i = 0; i < 5; i++)
        v[i] = m[i];
    v[5] = all(0);
    apply_b_back(v, e);
    for (int i = 0; i < 3; i++)
        t[i] = t[12 + i] = all(0);
    for (int i = 0; i < 4; i++) {
        t[3 + 2 * i] = e[i];
        t[4 + 2 * i] = m[5 + i];
    }
    t[11] = e[4];
    for (int i = 0; i < 12; i++)
        y[i] = madd(all(0.75f), t[i + 1] + t[i + 2], all(0.25f) * (t[i] + t[i + 3]));
}

INLINE void nine_of_twelve(const vec *g, vec *m)
{
    vec d[POINTS], v[POINTS];
    for (int i = 0; i < 5; i++)
        d[i] =
            madd(all(0.75f), g[2 * i + 1] + g[2 * i + 2], all(0.25f) * (g[2 * i] + g[2 * i + 3]));
    d[5] = all(0);
    apply_b(d, v);
    for (int i = 0; i < 5; i++)
        m[i] = v[i];
    for (int i = 0; i < 4; i++)
        m[5 + i] = madd(all(0.75f), g[2 * i + 2] + g[2 * i + 3],
                        all(0.25f) * (g[2 * i + 1] + g[2 * i + 4]));
}

static void two_values(const latent_tiles_side *s, const float *x, const float *style, int first,
                       int count, int at, float *v, const size_t *planes)
{
    const int columns = s->w / 4, c = s->c;
    const size_t line = (size_t)s->w * (size_t)c;
    for (int t = first; t < first + count; t++) {
        const float *from = x + (size_t)(t / columns * 4) * line + (size_t)(t % columns * 4 * c);
        for (int k = 0; k < c; k += VL) {
            vec turned[NINE][4], d[4], r[NINE], by = style ? load(style + k) : all(1);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++)
                    d[i] = load(from + k + (size_t)i * line + (size_t)(j * c)) * by;
                nine_of_four(d, r);
                for (int i = 0; i < NINE; i++)
                    turned[i][j] = r[i];
            }
            for (int i = 0; i < NINE; i++) {
                nine_of_four(turned[i], r);
                for (int j = 0; j < NINE; j++)
                    store(v + nine_at(planes, at + t - first, c, i, j) + k, r[j]);
            }
        }
    }
}

static void two_values_back(const latent_tiles_side *s, const float *v, const size_t *planes,
                            int first, int count, int at, float *gx)
{
    const int columns = s->w / 4, c = s->c;
    const size_t line = (size_t)s->w * (size_t)c;
    for (int t = first; t < first + count; t++) {
        float *to = gx + (size_t)(t / columns * 4) * line + (size_t)(t % columns * 4 * c);
        for (int k = 0; k < c; k += VL) {
            vec turned[4][NINE], d[NINE], r[4];
            for (int j = 0; j < NINE; j++) {
                for (int i = 0; i < NINE; i++)
                    d[i] = load(v + nine_at(planes, at + t - first, c, i, j) + k);
                four_of_nine(d, r);
                for (int i = 0; i < 4; i++)
                    turned[i][j] = r[i];
            }
            for (int i = 0; i < 4; i++) {
                four_of_nine(turned[i], r);
                for (int j = 0; j < 4; j++)
                    store(to + k + (size_t)i * line + (size_t)(j * c), r[j]);
            }
        }
    }
}

static void two_outputs(const latent_tiles_side *s, const float *m, const size_t *planes, int first,
                        int count, int at, float *y)
{
    const int columns = s->w / 4, c = s->c, wide = 2 * s->w, high = 2 * s->h;
    for (int t = first; t < first + count; t++) {
        int top = t / columns * 8 - 2, left = t % columns * 8 - 2;
        int from = left < 0 ? 2 : 0, to = left + 12 > wide ? 10 : 12;
        for (int k = 0; k < c; k += VL) {
            vec turned[12][NINE], d[NINE], r[12];
            for (int j = 0; j < NINE; j++) {
                for (int i = 0; i < NINE; i++)
                    d[i] = load(m + nine_at(planes, at + t - first, c, i, j) + k);
                twelve_of_nine(d, r);
                for (int i = 0; i < 12; i++)
                    turned[i][j] = r[i];
            }
            for (int i = 0; i < 12; i++) {
                float *row = y + k + ((ptrdiff_t)(top + i) * wide + (ptrdiff_t)left) * (ptrdiff_t)c;
                if (top + i < 0 || top + i >= high)
                    continue;
                twelve_of_nine(turned[i], r);
                for (int j = from; j < to; j++)
                    store(row + j * c, load(row + j * c) + r[j]);
            }
        }
    }
}

static void two_outputs_back(const latent_tiles_side *s, const float *g, int first, int count,
                             int at, float *m, const size_t *planes)
{
    const int columns = s->w / 4, c = s->c, wide = 2 * s->w, high = 2 * s->h;
    for (int t = first; t < first + count; t++) {
        int top = t / columns * 8 - 2, left = t % columns * 8 - 2;
        const float *from[12][12];
        for (int i = 0; i < 12; i++)
            for (int j = 0; j < 12; j++) {
                int y = top + i, q = left + j;
                int inside = y >= 0 && y < high && q >= 0 && q < wide;
                from[i][j] =
                    inside ? g + ((size_t)y * (size_t)wide + (size_t)q) * (size_t)c : no_pixel;
            }
        for (int k = 0; k < c; k += VL) {
            vec turned[NINE][12], d[12], r[NINE];
            for (int j = 0; j < 12; j++) {
                for (int i = 0; i < 12; i++)
                    d[i] = load(from[i][j] + k);
                nine_of_twelve(d, r);
                for (int i = 0; i < NINE; i++)
                    turned[i][j] = r[i];
            }
            for (int i = 0; i < NINE; i++) {
                nine_of_twelve(turned[i], r);
                for (int j = 0; j < NINE; j++)
                    store(m + nine_at(planes, at + t - first, c, i, j) + k, r[j]);
            }
        }
    }
}

/* ---- products ---- */

INLINE void product_rows(const int R, int k, const float *a, const float *b, float *c, size_t step)
{
    vec sum[ROWS][PANEL];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            sum[r][v] = all(0);
    for (int i = 0; i < k; i++, b += LATENT_WIDE) {
        vec w[PANEL];
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            w[v] = load(b + v * VL);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            vec x = all(a[(size_t)r * (size_t)k + (size_t)i]);
#pragma GCC unroll 4
            for (int v = 0; v < PANEL; v++)
                sum[r][v] = madd(x, w[v], sum[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            store(c + (size_t)r * step + v * VL, sum[r][v]);
}

/* The rest of the rows, for R below ROWS. */
#define REST(call)                                                                                 \
    switch (rest) {                                                                                \
    case 1:                                                                                        \
        call(1);                                                                                   \
        break;                                                                                     \
    case 2:                                                                                        \
        call((ROWS > 2 ? 2 : 1));                                                                  \
        break;                                                                                     \
    case 3:                                                                                        \
        call((ROWS > 3 ? 3 : 1));                                                                  \
        break;                                                                                     \
    case 4:                                                                                        \
        call((ROWS > 4 ? 4 : 1));                                                                  \
        break;                                                                                     \
    case 5:                                                                                        \
        call((ROWS > 5 ? 5 : 1));                                                                  \
        break;                                                                                     \
    default:                                                                                       \
        for (; rest > 0; rest--, row++)                                                            \
            call(1);                                                                               \
    }

static void product(int rows, int k, int panels, const float *a, const float *b, float *c)
{
    size_t step = (size_t)panels * LATENT_WIDE, K = (size_t)k;
    for (int p = 0; p < panels; p++, b += K * LATENT_WIDE) {
        float *to = c + p * LATENT_WIDE;
        int row = 0, rest;
        for (; row + ROWS <= rows; row += ROWS)
            product_rows(ROWS, k, a + (size_t)row * K, b, to + (size_t)row * step, step);
        rest = rows - row;
#define CALL(R) product_rows(R, k, a + (size_t)row * K, b, to + (size_t)row * step, step)
        REST(CALL)
#undef CALL
    }
}

INLINE void sum_rows(const int R, int rows, const float *a, size_t i, const float *b, size_t o,
                     float *c, int fresh)
{
    vec sum[ROWS][PANEL];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            sum[r][v] = fresh ? all(0) : load(c + (size_t)r * o + v * VL);
    for (int t = 0; t < rows; t++, a += i, b += o) {
        vec w[PANEL];
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            w[v] = load(b + v * VL);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            vec x = all(a[r]);
#pragma GCC unroll 4
            for (int v = 0; v < PANEL; v++)
                sum[r][v] = madd(x, w[v], sum[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            store(c + (size_t)r * o + v * VL, sum[r][v]);
}

static void sum(int rows, int i, int o, const float *a, const float *b, float *c, int fresh)
{
    size_t I = (size_t)i, O = (size_t)o;
    for (size_t p = 0; p < O; p += LATENT_WIDE) {
        int row = 0, rest;
        for (; row + ROWS <= i; row += ROWS)
            sum_rows(ROWS, rows, a + row, I, b + p, O, c + (size_t)row * O + p, fresh);
        rest = i - row;
#define CALL(R) sum_rows(R, rows, a + row, I, b + p, O, c + (size_t)row * O + p, fresh)
        REST(CALL)
#undef CALL
    }
}

/* ---- weights ---- */

static void weights(int k, int stride, size_t tap, int two, float factor, const float *w, float *u,
                    size_t plane)
{
    const float(*f)[3] = taps[two];
    for (int i = 0; i < k; i++, w += stride, u += LATENT_WIDE)
        for (int v = 0; v < LATENT_WIDE; v += VL) {
            vec g[3][3], half[POINTS][3];
            for (size_t t = 0; t < 9; t++)
                g[t / 3][t % 3] = load(w + t * tap + v) * all(factor);
            for (int p = 0; p < POINTS; p++)
#pragma GCC unroll 3
                for (int q = 0; q < 3; q++)
                    half[p][q] = madd(all(f[p][0]), g[0][q],
                                      madd(all(f[p][1]), g[1][q], all(f[p][2]) * g[2][q]));
            for (int p = 0; p < POINTS; p++)
                for (int q = 0; q < POINTS; q++)
                    store(u + v + (size_t)(p * POINTS + q) * plane,
                          madd(all(f[q][0]), half[p][0],
                               madd(all(f[q][1]), half[p][1], all(f[q][2]) * half[p][2])));
        }
}

static void weights_back(int k, int stride, size_t tap, int two, float factor, const float *du,
                         size_t plane, float *gw)
{
    const float(*f)[3] = taps[two];
    for (int i = 0; i < k; i++, gw += stride, du += stride)
        for (int v = 0; v < stride; v += VL) {
            vec half[POINTS][3];
            for (int p = 0; p < POINTS; p++) {
                half[p][0] = half[p][1] = half[p][2] = all(0);
                for (int q = 0; q < POINTS; q++) {
                    vec d = load(du + v + (size_t)(p * POINTS + q) * plane);
#pragma GCC unroll 3
                    for (int z = 0; z < 3; z++)
                        half[p][z] = madd(all(f[q][z]), d, half[p][z]);
                }
            }
            for (int y = 0; y < 3; y++)
                for (int z = 0; z < 3; z++) {
                    float *to = gw + v + (size_t)(3 * y + z) * tap;
                    vec all_points = all(0);
                    for (int p = 0; p < POINTS; p++)
                        all_points = madd(all(f[p][y]), half[p][z], all_points);
                    store(to, madd(all(factor), all_points, load(to)));
                }
        }
}

/* ---- the end of a layer, and Adam ---- */

static void end(size_t count, int c, const latent_tiles_end *e, float *y)
{
    const float *scale = e->scale ? e->scale : ones, *bias = e->bias ? e->bias : no_pixel;
    float factor = e->factor, up = e->up, down = e->down, limit = e->limit;
    for (size_t p = 0; p < count; p++, y += c) {
        float shift = e->noise ? e->strength * e->noise[p] : 0;
        for (int o = 0; o < c; o++) {
            float v = y[o] * factor * scale[o] + bias[o] + shift;
            v = v * (v < 0 ? down : up);
            v = v > limit ? limit : v;
            y[o] = v < -limit ? -limit : v;
        }
    }
}

/* Of VL channels, or of fewer by one at a time. */
INLINE void end_back_some(size_t count, size_t c, const latent_tiles_end *e, size_t at, int some,
                          const float *y, float *g, float *g_bias, float *dot)
{
    const float *scales = e->scale ? e->scale : ones, *biases = e->bias ? e->bias : no_pixel;
    const int whole = some == VL;
    vec scale = (whole ? load(scales + at) : load_some(scales + at, some)) * all(e->factor);
    vec bias = whole ? load(biases + at) : load_some(biases + at, some);
    vec up = all(e->up), down = all(e->down), limit = all(e->limit);
    vec back_up = all(1 / e->up), back_down = all(1 / e->down);
    vec sum = all(0), products = all(0);
    y += at;
    g += at;
    for (size_t p = 0; p < count; p++, y += c, g += c) {
        vec is = whole ? load(y) : load_some(y, some), v = whole ? load(g) : load_some(g, some);
        vec shift = all(e->noise ? e->strength * e->noise[p] : 0);
        whole_vec below = is < all(0), cut = (is >= limit) | (is <= -limit);
        vec before = madd(smaller(all(0), is), back_down, larger(all(0), is) * back_up);
        v = (vec)((below & (whole_vec)(v * down)) | (~below & (whole_vec)(v * up)));
        v = (vec)(~cut & (whole_vec)v);
        sum += v;
        products = madd(v, before - shift - bias, products);
        v *= scale;
        if (whole)
            store(g, v);
        else
            store_some(g, v, some);
    }
    if (whole) {
        store(g_bias + at, load(g_bias + at) + sum);
        store(dot + at, load(dot + at) + products);
    } else {
        store_some(g_bias + at, load_some(g_bias + at, some) + sum, some);
        store_some(dot + at, load_some(dot + at, some) + products, some);
    }
}

#define PIXELS 128 /* whose channels stay in the first cache */

static void end_back(size_t count, int c, const latent_tiles_end *whole, const float *y, float *g,
                     float *g_bias, float *dot, double *strength)
{
    latent_tiles_end e = *whole;
    size_t channels = (size_t)c;
    for (size_t done = 0; done < count; done += PIXELS) {
        size_t some = count - done < PIXELS ? count - done : PIXELS, at = 0;
        for (size_t p = 0; e.noise && p < some; p++) {
            float sum = 0;
            for (size_t o = p * channels; o < (p + 1) * channels; o++)
                sum += y[o] >= e.limit || y[o] <= -e.limit ? 0 : g[o] * (y[o] < 0 ? e.down : e.up);
            *strength += (double)sum * e.noise[p];
        }
        for (; at + VL <= channels; at += VL)
            end_back_some(some, channels, &e, at, VL, y, g, g_bias, dot);
        if (at < channels)
            end_back_some(some, channels, &e, at, (int)(channels - at), y, g, g_bias, dot);
        y += some * channels;
        g += some * channels;
        e.noise = e.noise ? e.noise + some : NULL;
    }
}

INLINE vec root(vec x)
{
#if LATENT_SIMD == 512
    return _mm512_sqrt_ps(x);
#elif LATENT_SIMD == 256
    return _mm256_sqrt_ps(x);
#else
    for (int i = 0; i < VL; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* settings: beta1, beta2, the rate (with the first moment's correction), the second's correction,
   epsilon.  count is a multiple of LATENT_WIDE. */
static void adam(size_t count, const float *settings, float *value, float *gradient, float *mean,
                 float *square)
{
    const vec b1 = all(settings[0]), b2 = all(settings[1]), rate = all(settings[2]);
    const vec correct = all(settings[3]), epsilon = all(settings[4]), one = all(1);
    for (size_t k = 0; k < count; k += VL) {
        vec g = load(gradient + k), s = madd(b2, load(square + k), (one - b2) * g * g), m = g;
        if (settings[0] != 0) {
            m = madd(b1, load(mean + k), (one - b1) * g);
            store(mean + k, m);
        }
        store(square + k, s);
        store(value + k, load(value + k) - rate * m / (root(s * correct) + epsilon));
    }
}

static const latent_tiles_code code = {
    CODE_NAME,       values,      values_back,      outputs, outputs_back, two_values,
    two_values_back, two_outputs, two_outputs_back, product, sum,          weights,
    weights_back,    end,         end_back,         adam};
