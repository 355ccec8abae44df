/* conv_kernels: the convolutions' inner loops, included once for each kind of processor by
   conv_base.c, conv_avx2.c, conv_avx512.c and conv_avx512_narrow.c.  They define LATENT_SIMD, and
   PANEL, the vectors in a panel of weights, and ROWS, the rows of a plane that are multiplied at
   once: ROWS x PANEL sums must fit the registers.  conv_plan.h says what is computed. */
#include "../base/half.h"
#include "conv_plan.h"
#include "conv_points.h"
#include "products.h"
#include <string.h>

#define GROUP (64 / WIDTH) /* 64 outputs, whatever the width */
#define DEPTH 128          /* a panel's block of inputs stays in the first cache */
#define STRIP 48           /* rows of a plane that stay there beside it */
#define SIDE 8             /* the most points */
#define HALF 16            /* beside the points: weights of half precision */

/* ---- values at points, in one direction ---- */

/* Toom and Cook with the points 0, 1, -1, 2, -2: four pixels and two taps as polynomials. */
INLINE void toom_input(const vec *d, vec *v)
{
    vec a = d[0] + d[2], b = d[1] + d[3];
    vec c = madd(all(4), d[2], d[0]), e = madd(all(4), d[3], d[1]);
    v[0] = d[0];
    v[1] = a + b;
    v[2] = a - b;
    v[3] = madd(all(2), e, c);
    v[4] = madd(all(-2), e, c);
}

/* The transpose of the product's coefficients: five pixels to values. */
INLINE void down_input(const vec *d, vec *v)
{
    vec a = madd(all(-4), d[2], d[4]), b = madd(all(-4), d[1], d[3]);
    vec c = d[4] - d[2], e = d[3] - d[1];
    v[0] = madd(all(4), d[0], madd(all(-5), d[2], d[4]));
    v[1] = a + b;
    v[2] = a - b;
    v[3] = madd(all(2), e, c);
    v[4] = madd(all(-2), e, c);
}

/* The transpose of toom_input: values to four outputs. */
INLINE void down_output(const vec *m, vec *y)
{
    vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = m[0] + a + c;
    y[1] = madd(all(2), e, b);
    y[2] = madd(all(4), c, a);
    y[3] = madd(all(8), e, b);
}

/* Winograd with the points 0, 1, -1, 2, -2 (1/2, -1/2) and infinity.  v = B d: the coefficients of
   M(x) / (x - point) times d for each point, where M is zero at all of them. */
INLINE void input_points(const int N, const vec *d, vec *v)
{
    if (N == 6) { /* Toom's points, and infinity */
        down_input(d, v);
        v[5] = madd(all(4), d[1], madd(all(-5), d[3], d[5]));
    } else {
        vec a = madd(all(-4.25f), d[4], d[2]) + d[6];
        vec b = madd(all(-4.25f), d[3], d[1]) + d[5];
        vec c = madd(all(0.25f), d[2], madd(all(-1.25f), d[4], d[6]));
        vec e = madd(all(0.5f), d[1], madd(all(-2.5f), d[3], d[5] + d[5]));
        vec f = madd(all(4), d[2], madd(all(-5), d[4], d[6]));
        vec g = madd(all(2), d[1], madd(all(-2.5f), d[3], all(0.5f) * d[5]));
        v[0] = madd(all(5.25f), d[4] - d[2], d[0] - d[6]);
        v[1] = a + b;
        v[2] = a - b;
        v[3] = c + e;
        v[4] = c - e;
        v[5] = f + g;
        v[6] = f - g;
        v[7] = madd(all(5.25f), d[3] - d[5], d[7] - d[1]);
    }
}

/* y = A m: the values at N points to N - 2 outputs, output k being the sum of point^k m. */
INLINE void output_points(const int N, const vec *m, vec *y)
{
    if (N == 6) {
        down_output(m, y);
        y[3] += m[5];
    } else {
        vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
        vec f = m[5] + m[6], g = m[5] - m[6];
        y[0] = m[0] + a + c + f;
        y[1] = madd(all(2), e, madd(all(0.5f), g, b));
        y[2] = madd(all(4), c, madd(all(0.25f), f, a));
        y[3] = madd(all(8), e, madd(all(0.125f), g, b));
        y[4] = madd(all(16), c, madd(all(0.0625f), f, a));
        y[5] = madd(all(32), e, madd(all(0.03125f), g, b)) + m[7];
    }
}

INLINE void tap_points(const int N, const vec *g, vec *u)
{
    const float(*t)[3] = N == 6 ? taps6 : taps8;
    u[0] = all(t[0][0]) * g[0];
    u[N - 1] = g[2];
#pragma GCC unroll 4
    for (int i = 1; i < N - 1; i += 2) {
        vec even = madd(all(t[i][2]), g[2], all(t[i][0]) * g[0]), odd = all(t[i][1]) * g[1];
        u[i] = even + odd;
        u[i + 1] = even - odd;
    }
}

/* The transpose of output_points for 6 points: four pixels of a gradient to values. */
INLINE void output_back(const vec *y, vec *m)
{
    toom_input(y, m);
    m[5] = y[3];
}

INLINE void toom_tap_points(vec g0, vec g1, vec *u)
{
    u[0] = all(toom_taps[0][0]) * g0;
#pragma GCC unroll 2
    for (int i = 1; i < TOOM; i += 2) {
        vec even = all(toom_taps[i][0]) * g0, odd = all(toom_taps[i][1]) * g1;
        u[i] = even + odd;
        u[i + 1] = even - odd;
    }
}

/* The product's five coefficients from its values (over the denominators): the transpose of
   input_points without infinity. */
INLINE void toom_output(const vec *m, vec *y)
{
    vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    y[0] = all(4) * m[0];
    y[1] = madd(all(-4), b, all(-2) * e);
    y[2] = madd(all(-5), m[0], madd(all(-4), a, -c));
    y[3] = madd(all(2), e, b);
    y[4] = m[0] + a + c;
}

/* 1 3 3 1 */
INLINE vec four(vec a, vec b, vec c, vec d)
{
    return madd(all(3), b + c, a + d);
}

/* ---- the input's step ---- */

/* Where a tile's pixels are, and where their values at the points go. */
typedef struct {
    const float *from[SIDE][SIDE]; /* up 1: from one pixel before the tile on */
    const float *style;            /* of the picture, or NULL */
    size_t tile, down, across;     /* floats from v to the tile's rows of its planes */
    size_t odd;                    /* and to its pixels as they are, up 2 */
    size_t across_line, odd_line;  /* and from row to row of pixels there */
    int rows, columns;             /* pixels that there are, up 2 */
} window;

INLINE window find_window(const latent_conv_plan *p, const latent_conv_part *c, int row, int column,
                          const int size, const int before)
{
    const size_t in = (size_t)p->spec.in, columns = (size_t)c->columns, width = (size_t)c->width;
    const size_t N = (size_t)p->points, local = (size_t)(column - c->left);
    const size_t first = local * (size_t)p->n; /* pixel */
    int n = p->n, top = (c->first + row) % p->rows_each * n, left = column * n;
    int number = (c->first + row) / p->rows_each;
    const float *picture = p->x + (size_t)(number * p->h * p->w) * in;
    window f;
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) {
            int y = top + i - before, x = left + j - before;
            int inside = y >= 0 && y < p->h && x >= 0 && x < p->w;
            f.from[i][j] =
                inside ? picture + ((size_t)y * (size_t)p->w + (size_t)x) * in : p->zeros;
        }
    f.tile = ((size_t)row * columns + local) * p->v_row;
    f.down = N * N * p->v_plane[0] + ((size_t)row * width + first) * p->v_row;
    f.across = N * N * p->v_plane[0] + N * p->v_plane[1] +
               ((size_t)(row * n) * columns + local) * p->v_row;
    f.odd = p->v_odd + ((size_t)(row * n) * width + first) * p->v_row;
    f.across_line = columns * p->v_row;
    f.odd_line = width * p->v_row;
    f.style = p->styles ? p->styles + (size_t)number * in : NULL;
    f.rows = p->h - top < n ? p->h - top : n;
    f.columns = p->w - left < n ? p->w - left : n;
    return f;
}

INLINE vec style_of(const window *f, int channel, int some)
{
    return some == VL ? load(f->style + channel) : load_some(f->style + channel, some);
}

/* some: VL channels, or fewer. */
INLINE void input_channels(const latent_conv_plan *p, const window *f, int channel, int some,
                           const int N)
{
    const int n = N - 2;
    const size_t plane = p->v_plane[0];
    float *v = p->v + (size_t)(channel / DEPTH) * p->v_block + (size_t)(channel % DEPTH) + f->tile;
    vec turned[SIDE][SIDE], d[SIDE], r[SIDE], style = all(1);
    if (f->style)
        style = style_of(f, channel, some);
    for (int j = 0; j < N; j++) {
#pragma GCC unroll 8
        for (int i = 0; i < N; i++) {
            const float *from = f->from[i][j] + channel;
            d[i] = some == VL ? load(from) : load_some(from, some);
            if (j >= N - n && channel % 16 == 0) /* of the next tile */
                __builtin_prefetch(from + n * p->spec.in);
        }
        if (f->style)
#pragma GCC unroll 8
            for (int i = 0; i < N; i++)
                d[i] *= style;
        input_points(N, d, r);
#pragma GCC unroll 8
        for (int i = 0; i < N; i++)
            turned[i][j] = r[i];
    }
    for (int i = 0; i < N; i++) {
        float *to = v + (size_t)(i * N) * plane;
#pragma GCC unroll 8
        for (int j = 0; j < N; j++)
            d[j] = turned[i][j];
        input_points(N, d, r);
#pragma GCC unroll 8
        for (int j = 0; j < N; j++)
            store(to + (size_t)j * plane, r[j]);
    }
}

/* A tile of a gradient, up 1. */
INLINE void back_channels(const latent_conv_plan *p, const window *f, int channel, int some)
{
    float *v = p->v + (size_t)(channel / DEPTH) * p->v_block + (size_t)(channel % DEPTH) + f->tile;
    vec turned[6][4], d[4], r[6];
    for (int j = 0; j < 4; j++) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const float *from = f->from[i][j] + channel;
            d[i] = some == VL ? load(from) : load_some(from, some);
        }
        output_back(d, r);
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++)
            turned[i][j] = r[i];
    }
    for (int i = 0; i < 6; i++) {
        output_back(turned[i], r);
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++)
            store(v + (size_t)(i * 6 + j) * p->v_plane[0], r[j]);
    }
}

/* Row i of a tile of up 2 times the style, and to the plane of pixels as they are. */
INLINE void odd_row(const latent_conv_plan *p, const window *f, int channel, int some, int i,
                    vec *d)
{
    float *to = p->v + (size_t)(channel / DEPTH) * p->v_block + (size_t)(channel % DEPTH) + f->odd +
                (size_t)i * f->odd_line;
    vec style = f->style ? style_of(f, channel, some) : all(1);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        d[j] *= style;
        if (i < f->rows && j < f->columns)
            store(to + (size_t)j * p->v_row, d[j]);
    }
}

INLINE void toom_input_channels(const latent_conv_plan *p, const window *f, int channel, int some)
{
    const size_t both = p->v_plane[0], down = p->v_plane[1], across = p->v_plane[2];
    const size_t pixel = p->v_row;
    float *v = p->v + (size_t)(channel / DEPTH) * p->v_block + (size_t)(channel % DEPTH);
    vec turned[TOOM][4], d[4], r[TOOM];
    for (int i = 0; i < 4; i++) {
        float *to = v + f->across + (size_t)i * f->across_line;
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            const float *from = f->from[i][j] + channel;
            turned[i][j] = some == VL ? load(from) : load_some(from, some);
            if (channel % 16 == 0)
                __builtin_prefetch(from + 4 * p->spec.in);
        }
        if (p->odd)
            odd_row(p, f, channel, some, i, turned[i]);
        if (i >= f->rows)
            continue;
        toom_input(turned[i], r);
#pragma GCC unroll 5
        for (int j = 0; j < TOOM; j++)
            store(to + (size_t)j * across, r[j]);
    }
    for (int j = 0; j < 4; j++) {
        float *to = v + f->down + (size_t)j * pixel;
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            d[i] = turned[i][j];
        toom_input(d, r);
#pragma GCC unroll 5
        for (int i = 0; i < TOOM; i++) {
            turned[i][j] = r[i];
            if (j < f->columns)
                store(to + (size_t)i * down, r[i]);
        }
    }
    for (int i = 0; i < TOOM; i++) {
        float *to = v + f->tile + (size_t)(i * TOOM) * both;
        toom_input(turned[i], r);
#pragma GCC unroll 5
        for (int j = 0; j < TOOM; j++)
            store(to + (size_t)j * both, r[j]);
    }
}

INLINE void input_tile(const latent_conv_plan *p, const latent_conv_part *c, int row, int column,
                       const int N)
{
    window f = find_window(p, c, row, column, N == TOOM || p->back ? 4 : N, N != TOOM && !p->back);
    for (int channel = 0; channel < p->spec.in; channel += VL) {
        int some = p->spec.in - channel;
        if (N == TOOM && some >= VL)
            toom_input_channels(p, &f, channel, VL);
        else if (N == TOOM)
            toom_input_channels(p, &f, channel, some);
        else if (N == 6 && p->back)
            back_channels(p, &f, channel, some >= VL ? VL : some);
        else if (some >= VL)
            input_channels(p, &f, channel, VL, N);
        else
            input_channels(p, &f, channel, some, N);
    }
}

/* Up -2: 4 x 4 outputs see 9 x 9 blurred pixels and these 12 x 12 others. */
#define SEEN 12
INLINE void down_input_channels(const latent_conv_plan *p, const latent_conv_part *c, int row,
                                int column, const float *const (*from)[SEEN], int channel, int some)
{
    const size_t columns = (size_t)p->tile_columns, w = (size_t)p->w, tile_row = (size_t)row;
    float *v = p->v + (size_t)(channel / DEPTH) * p->v_block + (size_t)(channel % DEPTH);
    float *both = v + (tile_row * columns + (size_t)column) * p->v_row;
    float *down = v + TOOM * TOOM * p->v_plane[0] + (tile_row * w + 4 * (size_t)column) * p->v_row;
    float *across = v + TOOM * TOOM * p->v_plane[0] + TOOM * p->v_plane[1] +
                    (4 * tile_row * columns + (size_t)column) * p->v_row;
    float *odd = v + p->v_odd + (4 * tile_row * w + 4 * (size_t)column) * p->v_row;
    int top = (c->first + row) % p->rows_each * 4;
    int rows = p->h - top < 4 ? p->h - top : 4;
    int there = p->w - column * 4 < 4 ? p->w - column * 4 : 4;
    vec blurred[9][SEEN], turned[TOOM][9], d[SEEN], r[TOOM];
    for (int j = 0; j < SEEN; j++) {
#pragma GCC unroll 12
        for (int i = 0; i < SEEN; i++) {
            const float *pixel = from[i][j] + channel;
            d[i] = some == VL ? load(pixel) : load_some(pixel, some);
        }
#pragma GCC unroll 9
        for (int i = 0; i < 9; i++)
            blurred[i][j] = four(d[i], d[i + 1], d[i + 2], d[i + 3]);
    }
    for (int i = 0; i < 9; i++) {
        vec even[TOOM], *b = blurred[i];
#pragma GCC unroll 9
        for (int j = 0; j < 9; j++)
            b[j] = four(b[j], b[j + 1], b[j + 2], b[j + 3]);
#pragma GCC unroll 5
        for (int j = 0; j < TOOM; j++)
            even[j] = b[2 * j];
        down_input(even, r);
        if (i % 2 == 0) {
#pragma GCC unroll 5
            for (int j = 0; j < TOOM; j++)
                turned[i / 2][j] = r[j];
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
                turned[i / 2][TOOM + j] = b[2 * j + 1];
        } else if (i / 2 < rows) {
            float *to = across + (size_t)(i / 2) * columns * p->v_row;
#pragma GCC unroll 5
            for (int j = 0; j < TOOM; j++)
                store(to + (size_t)j * p->v_plane[2], r[j]);
            to = odd + (size_t)(i / 2) * w * p->v_row;
            for (int j = 0; j < there; j++)
                store(to + (size_t)j * p->v_row, b[2 * j + 1]);
        }
    }
    for (int j = 0; j < TOOM + there; j++) {
#pragma GCC unroll 5
        for (int i = 0; i < TOOM; i++)
            d[i] = turned[i][j];
        down_input(d, r);
#pragma GCC unroll 5
        for (int i = 0; i < TOOM; i++)
            if (j < TOOM)
                store(both + (size_t)(i * TOOM + j) * p->v_plane[0], r[i]);
            else
                store(down + (size_t)i * p->v_plane[1] + (size_t)(j - TOOM) * p->v_row, r[i]);
    }
}

static void down_input_tile(const latent_conv_plan *p, const latent_conv_part *c, int row,
                            int column)
{
    const float *from[SEEN][SEEN];
    const size_t in = (size_t)p->spec.in, line = 2 * (size_t)p->w;
    const float *picture = p->x + (size_t)((c->first + row) / p->rows_each * 2 * p->h) * line * in;
    int top = (c->first + row) % p->rows_each * 8 - 2, left = column * 8 - 2;
    for (int i = 0; i < SEEN; i++)
        for (int j = 0; j < SEEN; j++) {
            int y = top + i, x = left + j;
            int inside = y >= 0 && y < 2 * p->h && x >= 0 && x < 2 * p->w;
            from[i][j] = inside ? picture + ((size_t)y * line + (size_t)x) * in : p->zeros;
        }
    for (int channel = 0; channel < p->spec.in; channel += VL)
        if (p->spec.in - channel >= VL)
            down_input_channels(p, c, row, column, (const float *const(*)[SEEN])from, channel, VL);
        else
            down_input_channels(p, c, row, column, (const float *const(*)[SEEN])from, channel,
                                p->spec.in - channel);
}

static void input_tiles(const latent_conv_plan *p, const latent_conv_part *c, int row, int from,
                        int to)
{
    for (int column = from; column < to; column++)
        if (p->spec.up == -2)
            down_input_tile(p, c, row, column);
        else if (p->points == 6)
            input_tile(p, c, row, column, 6);
        else if (p->points == 8)
            input_tile(p, c, row, column, 8);
        else
            input_tile(p, c, row, column, TOOM);
}

static void input_item(const latent_conv_plan *p, const latent_conv_part *c, int item)
{
    int segments = (p->tile_columns + p->segment - 1) / p->segment;
    int from = item % segments * p->segment;
    int to = from + p->segment < p->tile_columns ? from + p->segment : p->tile_columns;
    input_tiles(p, c, item / segments, from, to);
}

/* ---- the product's step ---- */

/* VL numbers in half precision. */
INLINE vec load_half(const uint16_t *p)
{
#if LATENT_SIMD == 512
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif LATENT_SIMD == 256
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#else
    vec v;
    for (int i = 0; i < VL; i++)
        v[i] = latent_half_float(p[i]);
    return v;
#endif
}

/* The taps of one input's weights in a panel, [tap][WIDTH]: as they lie, or made of half precision
   in room. */
INLINE const float *taps_of(const latent_conv_plan *p, int panel, int input, int taps,
                            const int half, float *room)
{
    size_t at = ((size_t)panel * (size_t)p->spec.in + (size_t)input) * (size_t)taps * WIDTH;
    if (!half)
        return p->packed + at;
    for (int i = 0; i < taps * WIDTH; i += VL)
        store(room + i, load_half(p->half + at + i));
    return room;
}

/* The rows of matrices are taken in pairs, whose weights differ in one sign; the first and the last
   are a pair too. */
INLINE int row_of(const latent_conv_plan *p, int pair, int second)
{
    return pair ? 2 * pair - !second : second ? p->side - 1 : 0;
}

INLINE void store_points(const latent_conv_plan *p, const vec *g, const int N, float *u)
{
    vec r[SIDE];
    if (N == TOOM) {
        toom_tap_points(g[0], g[2], r);
        store(u + TOOM * p->matrix, g[1]);
    } else
        tap_points(N, g, r);
#pragma GCC unroll 8
    for (int j = 0; j < N; j++)
        store(u + (size_t)j * p->matrix, r[j]);
}

/* A pair of rows of a panel's weights for k inputs from on, times the style: u[j][k][WIDTH],
   p->matrix floats apart, and the second row's next floats after. */
INLINE void transform_pair(const latent_conv_plan *p, int panel, int pair, int from, int k,
                           const int N, const int half, float *u, size_t next)
{
    const int i = row_of(p, pair, 0);
    const float *t = N == TOOM ? toom_taps[i] : N == 6 ? taps6[i] : taps8[i];
    /* the tap whose sign differs, in the same phase, and the last row's only one */
    const size_t odd = N == TOOM ? 6 : 3, last = N == TOOM ? 3 : 6;
    float room[9 * WIDTH];
    for (int c = 0; c < k; c++) {
        const float *w = taps_of(p, panel, from + c, 9, half, room);
        vec style = all(p->in_scale[from + c]);
        vec t0 = style * all(t[0]), t1 = style * all(t[1]), t2 = all(0);
        if (N != TOOM)
            t2 = style * all(t[2]);
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++) {
            const float *tap = w + v * VL;
            float *to = u + c * WIDTH + v * VL;
            vec g[2][3];
#pragma GCC unroll 3
            for (size_t q = 0; q < 3; q++) {
                vec same = t0 * load(tap + q * WIDTH), other = load(tap + (odd + q) * WIDTH);
                if (!pair) {
                    g[0][q] = same;
                    g[1][q] = style * load(tap + (last + q) * WIDTH);
                    continue;
                }
                if (N != TOOM)
                    same = madd(t2, load(tap + (6 + q) * WIDTH), same);
                g[0][q] = madd(t1, other, same);
                g[1][q] = madd(-t1, other, same);
            }
            store_points(p, g[0], N, to);
            store_points(p, g[1], N, to + next);
        }
    }
}

#define INPUTS_AHEAD 16 /* whose weights are asked for while others are copied */

static void copy_weights(const latent_conv_plan *p, int panel, int i, int from, int k, float *u)
{
    int side = p->spec.kernel, taps = side * side * WIDTH;
    float room[9 * WIDTH];
    for (int c = 0; c < k; c++) {
        const float *w = taps_of(p, panel, from + c, side * side, p->half != NULL, room);
        vec style = all(p->in_scale[from + c]);
        for (int t = 0; t < taps && !p->half; t += 16)
            __builtin_prefetch(w + INPUTS_AHEAD * taps + t);
        for (int j = 0; j < side; j++)
            for (int v = 0; v < WIDTH; v += VL)
                store(u + (size_t)j * p->matrix + c * WIDTH + v,
                      style * load(w + (i * side + j) * WIDTH + v));
    }
}

/* Weights that will be transformed next: a product asks for some of their lines all along, so that
   they come from main memory while it computes. */
typedef struct {
    const char *at, *end;
    int each; /* lines for each 16 inputs of ROWS rows */
} later;

INLINE void ask(later *l)
{
    for (int i = 0; i < l->each && l->at < l->end; i++, l->at += 64)
        __builtin_prefetch(l->at, 0, 2);
}

/* m[R][WIDTH] (+)= a[R][k] b[k][WIDTH].  coming: so many rows, next, that will be multiplied later,
   are asked for meanwhile, and the rows of m after these where they will be added to. */
INLINE void multiply_rows(const int R, const float *a, size_t stride, const float *b, int k,
                          float *m, int add, const float *next, int coming, later *weights)
{
    vec sum[ROWS][PANEL];
    int line = 0;
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            sum[r][v] = add ? load(m + r * WIDTH + v * VL) : all(0);
    for (; (coming || weights) && line + 16 <= k; line += 16) {
        for (int r = 0; r < coming; r++)
            __builtin_prefetch(next + (size_t)r * stride + line, 0, 2);
        for (int l = 2 * WIDTH * line / 16; coming && add && l < 2 * WIDTH * (line / 16 + 1);
             l += 16)
            __builtin_prefetch(m + R * WIDTH + l);
        if (weights)
            ask(weights);
        add_products(R, a, stride, b, line, line + 16, sum);
    }
    add_products(R, a, stride, b, line, k, sum);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            store(m + r * WIDTH + v * VL, sum[r][v]);
}

/* next: rows that will be multiplied later, of which this call asks for its share, one of shares;
   or NULL. */
static void multiply(int rows, const float *a, size_t stride, const float *b, int k, float *m,
                     int add, const float *next, int share, int shares, later *l)
{
    int from = share * ROWS / shares, count = (share + 1) * ROWS / shares - from;
    for (; rows >= ROWS && !next; rows -= ROWS, a += ROWS * stride, m += ROWS * WIDTH)
        multiply_rows(ROWS, a, stride, b, k, m, add, NULL, 0, l);
    for (; rows >= ROWS; rows -= ROWS, a += ROWS * stride, m += ROWS * WIDTH) {
        multiply_rows(ROWS, a, stride, b, k, m, add, next + (size_t)from * stride, count, l);
        next += ROWS * stride;
    }
    switch (rows) {
#define CASE(R)                                                                                    \
    case R:                                                                                        \
        multiply_rows(R < ROWS ? R : 1, a, stride, b, k, m, add, NULL, 0, NULL);                   \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
#if ROWS > 6
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
#endif
    }
}

/* u[R][P vectors] (+)= the sum over rows of a[row][R] b[row][P vectors] */
INLINE void sum_rows(const int R, const int P, int rows, const float *a, size_t a_stride,
                     const float *b, size_t b_stride, float *u, size_t u_stride, int add)
{
    vec sum[ROWS][PANEL];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < P; v++)
            sum[r][v] = add ? load(u + (size_t)r * u_stride + v * VL) : all(0);
    for (int i = 0; i < rows; i++, a += a_stride, b += b_stride) {
        vec other[PANEL];
#pragma GCC unroll 4
        for (int v = 0; v < P; v++)
            other[v] = load(b + v * VL);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            vec x = all(a[r]);
#pragma GCC unroll 4
            for (int v = 0; v < P; v++)
                sum[r][v] = madd(x, other[v], sum[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < P; v++)
            store(u + (size_t)r * u_stride + v * VL, sum[r][v]);
}

/* P vectors of u's columns. */
INLINE void sum_columns(const int P, int rows, int in, const float *a, size_t a_stride,
                        const float *b, size_t b_stride, float *u, size_t u_stride, int add)
{
    for (; in >= ROWS; in -= ROWS, a += ROWS, u += ROWS * u_stride)
        sum_rows(ROWS, P, rows, a, a_stride, b, b_stride, u, u_stride, add);
    switch (in) {
#define SUM(R)                                                                                     \
    case R:                                                                                        \
        sum_rows(R < ROWS ? R : 1, P, rows, a, a_stride, b, b_stride, u, u_stride, add);           \
        break;
        SUM(1)
        SUM(2)
        SUM(3)
        SUM(4)
        SUM(5)
#if ROWS > 6
        SUM(6)
        SUM(7)
        SUM(8)
        SUM(9)
        SUM(10)
        SUM(11)
#endif
    }
}

#define SUM_STRIP 96 /* rows that stay in the first caches */

static void sum_planes(int rows, int in, int out, const float *a, size_t a_stride, const float *b,
                       size_t b_stride, float *u, size_t u_stride, int add)
{
    for (int row = 0; row < rows; row += SUM_STRIP, add = 1) {
        int some = rows - row < SUM_STRIP ? rows - row : SUM_STRIP, o = 0;
        const float *left = a + (size_t)row * a_stride, *right = b + (size_t)row * b_stride;
        for (; o + WIDTH <= out; o += WIDTH)
            sum_columns(PANEL, some, in, left, a_stride, right + o, b_stride, u + o, u_stride, add);
        for (; o < out; o += VL)
            sum_columns(1, some, in, left, a_stride, right + o, b_stride, u + o, u_stride, add);
    }
}

/* A panel's rows of M, and of t. */
static float *panel_m(const latent_conv_plan *p, const latent_conv_part *c, int panel)
{
    size_t panels = (size_t)(p->tiles ? GROUP : p->set_groups * GROUP);
    size_t local = (p->tiles ? 0 : (size_t)c->buffer * panels) + (size_t)panel % panels;
    return p->m + local * p->m_panel * WIDTH;
}

static float *panel_t(const latent_conv_plan *p, const latent_conv_part *c, int panel)
{
    size_t panels = (size_t)(p->set_groups * GROUP);
    size_t local = (size_t)c->buffer * panels + (size_t)panel % panels;
    return p->t + local * p->t_panel * WIDTH;
}

static int inputs_of(const latent_conv_plan *p, int block)
{
    return p->spec.in - block * DEPTH < DEPTH ? p->spec.in - block * DEPTH : DEPTH;
}

static int group_panels(const latent_conv_plan *p, int group)
{
    return p->panels - group * GROUP < GROUP ? p->panels - group * GROUP : GROUP;
}

/* One block of a turn of a group's weights: u[panel][j][input][WIDTH], and a pair's second row next
   floats after the first. */
static void turn_weights(const latent_conv_plan *p, int group, int turn, int block, float *u,
                         size_t next)
{
    int k = inputs_of(p, block), from = block * DEPTH, first = group * GROUP;
    for (int panel = first; panel < first + group_panels(p, group); panel++) {
        switch (p->points + HALF * (p->half != NULL)) {
#define PAIR(N)                                                                                    \
    case N:                                                                                        \
        transform_pair(p, panel, turn, from, k, N, 0, u, next);                                    \
        break;                                                                                     \
    case N + HALF:                                                                                 \
        transform_pair(p, panel, turn, from, k, N, 1, u, next);                                    \
        break;
            PAIR(TOOM)
            PAIR(6)
            PAIR(8)
        default:
            copy_weights(p, panel, turn, from, k, u);
        }
        u += (size_t)p->side * p->matrix;
    }
}

/* Where row i's are kept when they are transformed once for all chunks. */
static float *kept_weights(const latent_conv_plan *p, int group, int i, int block)
{
    size_t row = (size_t)((group * p->side + i) * p->blocks + block);
    return p->u + row * (size_t)(GROUP * p->side) * p->matrix;
}

static void weights_item(const latent_conv_plan *p, int item)
{
    int block = item % p->blocks, pair = item / p->blocks % p->turns;
    int group = item / p->blocks / p->turns;
    float *u = kept_weights(p, group, row_of(p, pair, 0), block);
    turn_weights(p, group, pair, block, u,
                 (size_t)(kept_weights(p, group, row_of(p, pair, 1), block) - u));
}

/* Rows of V, or pixels, times one matrix of a group's panels, to m, panels step floats apart. */
static void multiply_plane(const latent_conv_plan *p, int rows, const float *a, size_t stride,
                           const float *u, int k, int panels, float *m, size_t step, int add,
                           later *l)
{
    for (int row = 0; row < rows; row += STRIP)
        for (int q = 0; q < panels; q++)
            multiply(rows - row < STRIP ? rows - row : STRIP, a + (size_t)row * stride, stride,
                     u + (size_t)(q * p->side) * p->matrix, k,
                     m + (size_t)q * step + (size_t)(row * WIDTH), add,
                     p->tiles ? NULL : a + (size_t)(row + STRIP) * stride, q, panels,
                     l ? l + q : NULL);
}

/* The odd-odd pixels of the tiles that an item takes through all steps, from x, or with a style
   from V, to t. */
static void multiply_odd(const latent_conv_plan *p, const latent_conv_part *c, int first,
                         int panels, int block, const float *u)
{
    const size_t w = (size_t)p->w, left = (size_t)(c->left * p->n);
    const int k = inputs_of(p, block);
    float *t = panel_t(p, c, first) + (p->t_start[5] + left) * WIDTH;
    if (p->odd) {
        latent_conv_plane f = latent_conv_find_plane(p, c, TOOM, TOOM);
        multiply_plane(p, f.rows, f.a + (size_t)block * f.step, f.stride, u, k, panels, t,
                       p->t_panel * WIDTH, block > 0, NULL);
        return;
    }
    for (int y = c->y0; y < c->y1; y++, t += w * WIDTH)
        multiply_plane(p, c->width,
                       p->x + ((size_t)y * w + left) * (size_t)p->spec.in + block * DEPTH,
                       (size_t)p->spec.in, u, k, panels, t, p->t_panel * WIDTH, block > 0, NULL);
}

/* What a product by matrix j asks for of the weights of group's panel q in a block (or -1: of
   none), steps times. */
static later weights_later(const latent_conv_plan *p, int group, int block, int q, int j, int steps)
{
    size_t row = (size_t)(p->spec.kernel * p->spec.kernel) * WIDTH, floats, from, bytes;
    later l = {NULL, NULL, 0};
    if (block < 0 || group * GROUP + q >= p->panels || !steps)
        return l;
    floats = (size_t)inputs_of(p, block) * row / (size_t)p->side;
    from = (size_t)((group * GROUP + q) * p->spec.in + block * DEPTH) * row + (size_t)j * floats;
    bytes = floats * (p->half ? sizeof(*p->half) : sizeof(*p->packed));
    l.at = p->half ? (const char *)(p->half + from) : (const char *)(p->packed + from);
    l.end = l.at + bytes;
    l.each = ((int)(bytes / 64) + steps - 1) / steps;
    return l;
}

/* One block of matrix row i times its planes, or the cut's part of them; meanwhile the weights of a
   next block (or -1) of a next group are asked for. */
static void multiply_planes(const latent_conv_plan *p, const latent_conv_part *c, int group, int i,
                            int cut, int block, const float *u, int next_group, int next)
{
    int first = group * GROUP, panels = group_panels(p, group);
    int k = inputs_of(p, block);
    later l[GROUP];
    for (int j = 0; j < p->side; j++, u += p->matrix) {
        latent_conv_plane f = latent_conv_find_plane(p, c, i, j);
        int share = ((f.rows + p->cuts - 1) / p->cuts + ROWS - 1) / ROWS * ROWS;
        int end = (cut + 1) * share < f.rows ? (cut + 1) * share : f.rows, from = cut * share;
        for (int q = 0; q < panels; q++)
            l[q] = weights_later(p, next_group, next, q, j, (end - from) / ROWS * (k / 16));
        if (p->tiles && p->spec.up == 2 && i == TOOM && j == TOOM)
            multiply_odd(p, c, first, panels, block, u);
        else
            multiply_plane(p, end - from, f.a + (size_t)block * f.step + (size_t)from * f.stride,
                           f.stride, u, k, panels,
                           panel_m(p, c, first) + (f.m + (size_t)from) * WIDTH, p->m_panel * WIDTH,
                           block > 0, l);
    }
}

/* ---- the product where the picture has few tiles ---- */

INLINE vec load_weights(const latent_conv_plan *p, const int half, size_t at)
{
    return half ? load_half(p->half + at) : load(p->packed + at);
}

/* The transformed weights of a panel would be multiplied by 1 to 4 rows only: they stay in
   registers and are never written.  COUNT of the matrices of row i, from FIRST on, of one vector of
   a panel's outputs, times R rows of their planes, which lie in a as [input][6][R], to m. */
INLINE void multiply_fresh(const int FIRST, const int COUNT, const int R, const int half,
                           const latent_conv_plan *p, const float *a, size_t weight,
                           const float *style, int k, int i, float *m, int add)
{
    const float *t = taps6[i];
    const size_t plane = p->m_plane[0] * WIDTH;
    vec sum[6][LATENT_CONV_FRESH];
    a += FIRST * R;
    m += FIRST * plane;
#pragma GCC unroll 6
    for (int j = 0; j < COUNT; j++)
#pragma GCC unroll 4
        for (int r = 0; r < R; r++)
            sum[j][r] = add ? load(m + (size_t)j * plane + r * WIDTH) : all(0);
    for (int x = 0; x < k; x++, a += 6 * R, weight += 9 * WIDTH) {
        vec t0 = all(style[x] * t[0]), t1 = all(style[x] * t[1]), t2 = all(style[x] * t[2]);
        vec g[3], u[6];
#pragma GCC unroll 3
        for (int q = 0; q < 3; q++) {
            size_t tap = weight + (size_t)(q * WIDTH);
            g[q] =
                madd(t1, load_weights(p, half, tap + 3 * WIDTH), t0 * load_weights(p, half, tap));
            g[q] = madd(t2, load_weights(p, half, tap + 6 * WIDTH), g[q]);
        }
        if (i == 0 && !half) /* they come from main memory once */
#pragma GCC unroll 9
            for (int q = 0; q < 9; q++)
                __builtin_prefetch(p->packed + weight + (9 * INPUTS_AHEAD + q) * WIDTH);
        tap_points(6, g, u);
#pragma GCC unroll 6
        for (int j = 0; j < COUNT; j++)
#pragma GCC unroll 4
            for (int r = 0; r < R; r++)
                sum[j][r] = madd(all(a[j * R + r]), u[FIRST + j], sum[j][r]);
    }
#pragma GCC unroll 6
    for (int j = 0; j < COUNT; j++)
#pragma GCC unroll 4
        for (int r = 0; r < R; r++)
            store(m + (size_t)j * plane + r * WIDTH, sum[j][r]);
}

/* As many matrices at once as the registers hold sums for. */
INLINE void multiply_fresh_row(const int R, const int half, const latent_conv_plan *p,
                               const float *a, size_t weight, const float *style, int k, int i,
                               float *m, int add)
{
    if (LATENT_SIMD == 512)
        multiply_fresh(0, 6, R, half, p, a, weight, style, k, i, m, add);
    else {
        multiply_fresh(0, 3, R, half, p, a, weight, style, k, i, m, add);
        multiply_fresh(3, 3, R, half, p, a, weight, style, k, i, m, add);
    }
}

static void multiply_fresh_planes(const latent_conv_plan *p, const latent_conv_part *c, int group,
                                  int i, int block)
{
    int first = group * GROUP, panels = group_panels(p, group);
    int from = block * DEPTH, k = inputs_of(p, block);
    int tiles = c->rows * c->columns;
    latent_conv_plane f = latent_conv_find_plane(p, c, i, 0);
    float a[DEPTH * 6 * LATENT_CONV_FRESH];
    for (int j = 0; j < 6; j++)
        turn(f.a + (size_t)block * f.step + (size_t)j * p->v_plane[0], f.stride, tiles, k,
             a + j * tiles, (size_t)(6 * tiles));
    for (int v = 0; v < panels * WIDTH; v += VL) {
        int panel = first + v / WIDTH;
        size_t at = ((size_t)panel * (size_t)p->spec.in + (size_t)from) * 9 * WIDTH + v % WIDTH;
        float *m = panel_m(p, c, panel) + f.m * WIDTH + v % WIDTH;
        switch (LATENT_CONV_FRESH * (p->half != NULL) + tiles) {
#define FRESH(R)                                                                                   \
    case R:                                                                                        \
        multiply_fresh_row(R, 0, p, a, at, p->in_scale + from, k, i, m, block > 0);                \
        break;                                                                                     \
    case LATENT_CONV_FRESH + R:                                                                    \
        multiply_fresh_row(R, 1, p, a, at, p->in_scale + from, k, i, m, block > 0);                \
        break;
            FRESH(1)
            FRESH(2)
            FRESH(3)
            FRESH(4)
        }
    }
}

/* Turns first to last - 1 of a group; next_group's weights are needed after it. */
static void multiply_group(const latent_conv_plan *p, const latent_conv_part *c, int group,
                           int first, int last, int cut, int next_group, float *room)
{
    const size_t next = (size_t)(GROUP * p->side) * p->matrix;
    for (int block = 0; block < p->blocks; block++)
        for (int turn = first; turn < last; turn++) {
            int more = block + 1 < p->blocks, later_group = more ? group : next_group;
            int later_block = p->u || turn + 1 < last ? -1 : more ? block + 1 : 0;
            if (!p->u && !p->fresh)
                turn_weights(p, group, turn, block, room, next);
            for (int second = 0; second <= (p->points > 0); second++) {
                int i = p->points ? row_of(p, turn, second) : turn;
                if (p->fresh)
                    multiply_fresh_planes(p, c, group, i, block);
                else
                    multiply_planes(p, c, group, i, cut, block,
                                    p->u ? kept_weights(p, group, i, block)
                                         : room + (second ? next : 0),
                                    later_group, second ? -1 : later_block);
            }
        }
}

static void product_item(const latent_conv_plan *p, const latent_conv_part *c, int item,
                         float *room)
{
    int items = p->turns / p->item_turns, turn = item / p->cuts % items * p->item_turns;
    int before = c->set * p->set_groups;
    multiply_group(p, c, before + item / p->cuts / items, turn, turn + p->item_turns,
                   item % p->cuts, before + (item + p->threads) / p->cuts / items, room);
}

/* ---- the end ---- */

/* What conv.h says is done to the numbers of one panel. */
typedef struct {
    vec scale[PANEL], shift[PANEL], up, down, limit;
    const float *noise, *add;
    float strength;
    float *y;
    size_t out;
    int some; /* outputs of this panel that there are */
    int stream;
} ending;

INLINE ending find_ending(const latent_conv_plan *p, int picture, int panel, float scale)
{
    const latent_conv_end *e = p->end;
    int output = panel * WIDTH;
    size_t pixels = (size_t)(p->h * p->w * (p->spec.up == 2 ? 4 : 1)) * (size_t)picture;
    size_t first = pixels * (size_t)p->spec.out + (size_t)output;
    ending f;
    for (int v = 0; v < PANEL; v++) {
        f.scale[v] = load(p->scale + (size_t)picture * p->outs + output + v * VL) * all(scale);
        f.shift[v] = load(p->shift + output + v * VL);
    }
    f.up = all(e->gain);
    f.down = all(e->gain * e->slope);
    f.limit = all(e->clamp > 0 ? e->clamp : __builtin_inff());
    f.noise = e->noise ? e->noise + pixels : NULL;
    f.strength = e->strength;
    f.add = e->add ? e->add + first : NULL;
    f.y = p->y + first;
    f.out = (size_t)p->spec.out;
    f.some = p->spec.out - output < WIDTH ? p->spec.out - output : WIDTH;
    f.stream = p->stream;
    return f;
}

/* r: a panel of one pixel. */
INLINE void finish(const ending *f, vec *r, size_t pixel)
{
    float *y = f->y + pixel * f->out;
    vec noise = all(f->noise ? f->strength * f->noise[pixel] : 0);
#pragma GCC unroll 4
    for (int v = 0; v < PANEL; v++) {
        vec x = madd(r[v], f->scale[v], f->shift[v] + noise);
        x = madd(smaller(all(0), x), f->down, larger(all(0), x) * f->up);
        r[v] = smaller(f->limit, larger(-f->limit, x));
    }
    if (f->some < WIDTH) {
        for (int v = 0; v * VL < f->some; v++) {
            int some = f->some - v * VL < VL ? f->some - v * VL : VL;
            if (f->add)
                r[v] += load_some(f->add + pixel * f->out + v * VL, some);
            store_some(y + v * VL, r[v], some);
        }
        return;
    }
    if (f->add)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            r[v] += load(f->add + pixel * f->out + v * VL);
#pragma GCC unroll 4
    for (int v = 0; v < PANEL; v++)
        if (f->stream)
            stream(y + v * VL, r[v]);
        else
            store(y + v * VL, r[v]);
}

/* ---- the output's step ---- */

#define NOISE_AHEAD 48 /* pixels */

/* One tile to y. */
INLINE void output_tile(const latent_conv_plan *p, const latent_conv_part *c, int row, int column,
                        int panel, const ending *e, const int N)
{
    const int n = N - 2;
    const size_t step = p->m_plane[0] * WIDTH;
    const float *m = panel_m(p, c, panel) +
                     ((size_t)row * (size_t)c->columns + (size_t)(column - c->left)) * WIDTH;
    int top = (c->first + row) % p->rows_each * n, left = column * n;
    int rows = p->h - top < n ? p->h - top : n, columns = p->w - left < n ? p->w - left : n;
    vec turned[PANEL][SIDE][SIDE], d[SIDE], r[PANEL][SIDE];
    for (int k = 0; k < n && e->noise; k++)
        __builtin_prefetch(e->noise + (size_t)(top + k) * (size_t)p->w + (size_t)left +
                           NOISE_AHEAD);
    for (int v = 0; v < PANEL; v++)
        for (int j = 0; j < N; j++) {
            const float *from = m + (size_t)j * step + v * VL;
#pragma GCC unroll 8
            for (int i = 0; i < N; i++) {
                d[i] = load(from + (size_t)(i * N) * step);
                if (v * VL % 16 == 0) /* of the next tile */
                    __builtin_prefetch(from + (size_t)(i * N) * step + WIDTH);
            }
            output_points(N, d, r[0]);
#pragma GCC unroll 8
            for (int k = 0; k < n; k++)
                turned[v][k][j] = r[0][k];
        }
    for (int k = 0; k < rows; k++) {
        size_t pixel = (size_t)(top + k) * (size_t)p->w + (size_t)left;
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            output_points(N, turned[v][k], r[v]);
#pragma GCC unroll 8
        for (int l = 0; l < n; l++)
            if (l < columns) {
                vec one[PANEL];
#pragma GCC unroll 4
                for (int v = 0; v < PANEL; v++)
                    one[v] = r[v][l];
                finish(e, one, pixel + (size_t)l);
            }
    }
}

/* A row of tiles of the transposed convolution to t, or a part of it.  What a tile adds to the next
   comes along across, in beside, from part to part; what it adds to the tile below goes to parts of
   t. */
static void toom_output_row(const latent_conv_plan *p, const latent_conv_part *c, int row,
                            int panel, vec (*beside)[PANEL])
{
    const size_t N = TOOM, w = (size_t)p->w, columns = (size_t)c->columns;
    const size_t width = (size_t)c->width, left = (size_t)(c->left * p->n) * WIDTH;
    const size_t step = p->m_plane[0] * WIDTH, down_step = p->m_plane[1] * WIDTH;
    const size_t across_step = p->m_plane[2] * WIDTH;
    const float *m = panel_m(p, c, panel), *both = m + (size_t)row * columns * WIDTH;
    const float *down = m + (N * N * p->m_plane[0] + (size_t)row * width) * WIDTH;
    const float *across =
        m + (N * N * p->m_plane[0] + N * p->m_plane[1] + (size_t)(row * p->n) * columns) * WIDTH;
    float *t = panel_t(p, c, panel), *ee[TOOM], *eo[TOOM], *oe[4];
    int top = (c->first + row) % p->rows_each * 4;
    int pixel_rows = p->h - top < 4 ? p->h - top : 4;
    for (int k = 0; k < TOOM; k++) {
        size_t line = (size_t)(row * 4 + k), tile = (size_t)row;
        size_t even = k < 4 ? p->t_start[0] + line * (w + 1) : p->t_start[3] + tile * (w + 1);
        size_t other = k < 4 ? p->t_start[1] + line * w : p->t_start[4] + tile * w;
        ee[k] = t + even * WIDTH + left;
        eo[k] = t + other * WIDTH + left;
        if (k < 4)
            oe[k] = t + (p->t_start[2] + line * (w + 1)) * WIDTH + left;
    }
    if (c->left == 0)
        memset(beside, 0, (TOOM + 4) * sizeof(*beside));
    for (size_t column = 0; column < columns; column++) {
        int there = p->w - (c->left + (int)column) * 4, even = there < 4 ? there : 4, odd = even;
        int last = there <= 4;
        for (int v = 0; v < PANEL; v++) {
            size_t at = column * WIDTH + (size_t)(v * VL),
                   to = column * 4 * WIDTH + (size_t)(v * VL);
            vec turned[TOOM][TOOM], d[TOOM], r[TOOM];
            for (size_t j = 0; j < TOOM; j++) {
#pragma GCC unroll 5
                for (size_t i = 0; i < TOOM; i++) {
                    d[i] = load(both + (i * N + j) * step + at);
                    if (v * VL % 16 == 0)
                        __builtin_prefetch(both + (i * N + j) * step + at + WIDTH);
                }
                toom_output(d, r);
#pragma GCC unroll 5
                for (int k = 0; k < TOOM; k++)
                    turned[k][j] = r[k];
            }
            for (int k = 0; k < TOOM; k++) {
                toom_output(turned[k], r);
                r[0] += beside[k][v];
                beside[k][v] = r[4];
                for (int l = 0; l < even; l++)
                    store(ee[k] + to + l * WIDTH, r[l]);
                if (last)
                    store(ee[k] + to + even * WIDTH, r[even]);
            }
            for (int k = 0; k < pixel_rows; k++) {
                const float *from = across + (size_t)k * columns * WIDTH + at;
#pragma GCC unroll 5
                for (size_t j = 0; j < TOOM; j++) {
                    d[j] = load(from + j * across_step);
                    if (v * VL % 16 == 0)
                        __builtin_prefetch(from + j * across_step + WIDTH);
                }
                toom_output(d, r);
                r[0] += beside[TOOM + k][v];
                beside[TOOM + k][v] = r[4];
                for (int l = 0; l < even; l++)
                    store(oe[k] + to + l * WIDTH, r[l]);
                if (last)
                    store(oe[k] + to + even * WIDTH, r[even]);
            }
            for (int l = 0; l < odd; l++) {
                const float *from = down + to + l * WIDTH;
#pragma GCC unroll 5
                for (size_t i = 0; i < TOOM; i++) {
                    d[i] = load(from + i * down_step);
                    if (v * VL % 16 == 0)
                        __builtin_prefetch(from + i * down_step + 4 * WIDTH);
                }
                toom_output(d, r);
#pragma GCC unroll 5
                for (int k = 0; k < TOOM; k++)
                    store(eo[k] + to + l * WIDTH, r[k]);
            }
        }
    }
}

/* A row of tiles of the convolution of stride 2 to y. */
static void down_output_row(const latent_conv_plan *p, const latent_conv_part *c, int row,
                            int panel)
{
    const size_t N = TOOM, w = (size_t)p->w, columns = (size_t)p->tile_columns;
    const size_t step = p->m_plane[0] * WIDTH, down_step = p->m_plane[1] * WIDTH;
    const size_t across_step = p->m_plane[2] * WIDTH;
    const float *m = panel_m(p, c, panel), *both = m + (size_t)row * columns * WIDTH;
    const float *down = m + (N * N * p->m_plane[0] + (size_t)row * w) * WIDTH;
    const float *across =
        m + (N * N * p->m_plane[0] + N * p->m_plane[1] + (size_t)(row * 4) * columns) * WIDTH;
    const float *odd = m + (p->m_odd + (size_t)(row * 4) * w) * WIDTH;
    int top = (c->first + row) % p->rows_each * 4, rows = p->h - top < 4 ? p->h - top : 4;
    ending e = find_ending(p, (c->first + row) / p->rows_each, panel, 0.015625f);
    for (size_t column = 0; column < columns; column++) {
        size_t there = w - column * 4 < 4 ? w - column * 4 : 4;
        vec y[4][4][PANEL];
        for (int v = 0; v < PANEL; v++) {
            size_t at = column * WIDTH + (size_t)(v * VL), to = at + column * 3 * WIDTH;
            vec turned[4][TOOM], d[TOOM], r[4];
            for (size_t j = 0; j < N; j++) {
#pragma GCC unroll 5
                for (size_t i = 0; i < N; i++)
                    d[i] = load(both + (i * N + j) * step + at);
                down_output(d, r);
#pragma GCC unroll 4
                for (int k = 0; k < 4; k++)
                    turned[k][j] = r[k];
            }
            for (int k = 0; k < rows; k++) {
#pragma GCC unroll 5
                for (size_t j = 0; j < N; j++)
                    d[j] = turned[k][j] +
                           load(across + j * across_step + (size_t)k * columns * WIDTH + at);
                down_output(d, r);
#pragma GCC unroll 4
                for (int l = 0; l < 4; l++)
                    y[k][l][v] = r[l];
            }
            for (size_t l = 0; l < there; l++) {
#pragma GCC unroll 5
                for (size_t i = 0; i < N; i++)
                    d[i] = load(down + i * down_step + l * WIDTH + to);
                down_output(d, r);
#pragma GCC unroll 4
                for (int k = 0; k < 4; k++)
                    if (k < rows)
                        y[k][l][v] += r[k] + load(odd + ((size_t)k * w + l) * WIDTH + to);
            }
        }
        for (int k = 0; k < rows; k++)
            for (size_t l = 0; l < there; l++)
                finish(&e, y[k][l], (size_t)(top + k) * w + column * 4 + l);
    }
}

/* A pixel of plane (i, j), or zeros outside the picture. */
INLINE vec tap_value(const latent_conv_plan *p, const float *m, int i, int j, int y, int x)
{
    size_t plane = (size_t)(i * p->side + j) * p->m_plane[0];
    if (y < 0 || x < 0 || y >= p->h || x >= p->w)
        return all(0);
    return load(m + (plane + (size_t)y * (size_t)p->w + (size_t)x) * WIDTH);
}

/* Without points: a row of pixels. */
static void gather_row(const latent_conv_plan *p, const latent_conv_part *c, int row, int panel)
{
    int y = (c->y0 + row) % p->h, w = p->w, picture = (c->y0 + row) / p->h;
    ending e = find_ending(p, picture, panel, 1);
    const float *m = panel_m(p, c, panel), *pixels = m + (size_t)(row * w) * WIDTH;
    const float *first = m + (size_t)(picture * p->h * w) * WIDTH;
    for (int x = 0; x < w; x++) {
        vec sum[PANEL];
        for (int v = 0; v < PANEL; v++) {
            if (p->side == 1)
                sum[v] = load(pixels + x * WIDTH + v * VL);
            else {
                sum[v] = all(0);
                for (int i = 0; i < 3; i++)
                    for (int j = 0; j < 3; j++)
                        sum[v] += tap_value(p, first + v * VL, i, j, y + i - 1, x + j - 1);
            }
        }
        finish(&e, sum, (size_t)y * (size_t)w + (size_t)x);
    }
}

/* The same for the transposed convolution: row y of even pixels and, but for the last, of odd
   ones. */
static void gather_phases(const latent_conv_plan *p, const latent_conv_part *c, int y, int panel)
{
    size_t w = (size_t)p->w;
    for (int v = 0; v < WIDTH; v += VL) {
        const float *m = panel_m(p, c, panel) + v;
        float *t = panel_t(p, c, panel) + v;
        float *ee = t + (p->t_start[0] + (size_t)y * (w + 1)) * WIDTH;
        float *eo = t + (p->t_start[1] + (size_t)y * w) * WIDTH;
        float *oe = t + (p->t_start[2] + (size_t)y * (w + 1)) * WIDTH;
        for (int x = 0; x <= p->w; x++) {
            store(ee + x * WIDTH,
                  (tap_value(p, m, 0, 0, y, x) + tap_value(p, m, 0, 2, y, x - 1)) +
                      (tap_value(p, m, 2, 0, y - 1, x) + tap_value(p, m, 2, 2, y - 1, x - 1)));
            if (x < p->w)
                store(eo + x * WIDTH,
                      tap_value(p, m, 0, 1, y, x) + tap_value(p, m, 2, 1, y - 1, x));
            if (y < p->h)
                store(oe + x * WIDTH,
                      tap_value(p, m, 1, 0, y, x) + tap_value(p, m, 1, 2, y, x - 1));
        }
    }
}

/* Some of a row's tiles of one panel; up 2 and -2 all.  beside: up 2, what the tiles to the left
   add. */
static void output_tiles(const latent_conv_plan *p, const latent_conv_part *c, int row, int from,
                         int to, int panel, vec (*beside)[PANEL])
{
    ending e;
    if (p->spec.up == -2) {
        down_output_row(p, c, row, panel);
        return;
    }
    if (p->points == TOOM) {
        toom_output_row(p, c, row, panel, beside);
        return;
    }
    e = find_ending(p, (c->first + row) / p->rows_each, panel, 1);
    for (int column = from; column < to; column++)
        if (p->points == 6)
            output_tile(p, c, row, column, panel, &e, 6);
        else
            output_tile(p, c, row, column, panel, &e, 8);
}

/* item: up 1 with points a segment of tiles of one panel, otherwise a row of one panel. */
static void output_item(const latent_conv_plan *p, const latent_conv_part *c, int item)
{
    int panels = p->set_groups * GROUP, first = c->set * panels, panel, from, segments = 1;
    vec beside[TOOM + 4][PANEL];
    if (p->panels - first < panels)
        panels = p->panels - first;
    panel = first + item % panels;
    item /= panels;
    if (!p->points) {
        if (p->spec.up == 1)
            gather_row(p, c, item, panel);
        else
            gather_phases(p, c, item, panel);
        return;
    }
    if (p->spec.up == 1)
        segments = (p->tile_columns + LATENT_CONV_SEGMENT - 1) / LATENT_CONV_SEGMENT;
    from = item % segments * LATENT_CONV_SEGMENT;
    output_tiles(p, c, item / segments, from,
                 p->tile_columns - from < LATENT_CONV_SEGMENT ? p->tile_columns
                                                              : from + LATENT_CONV_SEGMENT,
                 panel, beside);
}

/* ---- the blur's step ---- */

enum { EVEN_EVEN, EVEN_ODD, ODD_EVEN, ODD_ODD };

/* Where the carry keeps a panel's rows: two of odd-odd and odd-even pixels, then one of even-even
   and even-odd ones, then one of what is added below. */
static float *carry_row(const latent_conv_plan *p, int panel, int which, int i)
{
    size_t w = (size_t)p->w, row;
    switch (which) {
    case ODD_ODD:
        row = (size_t)i * w;
        break;
    case ODD_EVEN:
        row = 2 * w + (size_t)i * (w + 1);
        break;
    case EVEN_EVEN:
        row = 4 * w + 2 + (size_t)i * (w + 1);
        break;
    default:
        row = 6 * w + 4 + (size_t)i * w;
    }
    return p->carry + ((size_t)panel * p->carry_panel + row) * WIDTH;
}

/* Row y of the pixels of one phase. */
static const float *phase_row(const latent_conv_plan *p, const latent_conv_part *c, int panel,
                              int which, int y)
{
    size_t w = (size_t)p->w, row = (size_t)(c->before + y - c->y0);
    int odd = which == ODD_EVEN || which == ODD_ODD;
    if (odd && (y < 0 || y >= p->h))
        return p->zeros;
    if (y < c->y0)
        return carry_row(p, panel, which, odd ? y - c->y0 + 2 : 0);
    if (which == ODD_ODD && p->tiles)
        return panel_t(p, c, panel) + (p->t_start[5] + row * w) * WIDTH;
    if (which == ODD_ODD)
        return panel_m(p, c, panel) + (p->m_odd + row * w) * WIDTH;
    if (p->points && y - c->y0 >= c->rows * p->n) /* below the last tile: only what it adds */
        return p->zeros;
    return panel_t(p, c, panel) +
           (p->t_start[which] + row * (which == EVEN_ODD ? w : w + 1)) * WIDTH;
}

/* What the tile above adds to row y of even pixels, or NULL. */
static const float *added_row(const latent_conv_plan *p, const latent_conv_part *c, int panel,
                              int which, int y)
{
    size_t w = (size_t)p->w + (which == EVEN_EVEN);
    if (!p->points || y == 0 || y % p->n || y < c->y0)
        return NULL;
    if (y == c->y0)
        return carry_row(p, panel, which, 1);
    return panel_t(p, c, panel) +
           (p->t_start[3 + which] + (size_t)((c->before + y - c->y0) / p->n - 1) * w) * WIDTH;
}

/* Output rows 2y and 2y + 1 of one panel. */
static void blur_rows(const latent_conv_plan *p, const latent_conv_part *c, int y, int panel)
{
    size_t row = (size_t)(2 * y) * (size_t)(2 * p->w), next = (size_t)(2 * p->w);
    const float *ee0 = phase_row(p, c, panel, EVEN_EVEN, y);
    const float *ee1 = phase_row(p, c, panel, EVEN_EVEN, y + 1);
    const float *eo0 = phase_row(p, c, panel, EVEN_ODD, y);
    const float *eo1 = phase_row(p, c, panel, EVEN_ODD, y + 1);
    const float *oe0 = phase_row(p, c, panel, ODD_EVEN, y - 1);
    const float *oe1 = phase_row(p, c, panel, ODD_EVEN, y);
    const float *oe2 = phase_row(p, c, panel, ODD_EVEN, y + 1);
    const float *oo0 = phase_row(p, c, panel, ODD_ODD, y - 1);
    const float *oo1 = phase_row(p, c, panel, ODD_ODD, y);
    const float *oo2 = phase_row(p, c, panel, ODD_ODD, y + 1);
    const float *add_ee0 = added_row(p, c, panel, EVEN_EVEN, y);
    const float *add_ee1 = added_row(p, c, panel, EVEN_EVEN, y + 1);
    const float *add_eo0 = added_row(p, c, panel, EVEN_ODD, y);
    const float *add_eo1 = added_row(p, c, panel, EVEN_ODD, y + 1);
    ending e = find_ending(p, c->first / p->rows_each, panel, 0.0625f);
    /* columns 2x - 1, 2x and 2x + 1, blurred down to row 2y and to row 2y + 1 */
    vec before[PANEL][2], here[PANEL][2], after[PANEL][2];
    memset(before, 0, sizeof(before));
    memset(here, 0, sizeof(here));
    memset(after, 0, sizeof(after));
    for (int x = -1; x < p->w; x++) {
        vec out[4][PANEL];
        size_t even = (size_t)(x + 1) * WIDTH, pixel = row + (size_t)(2 * x);
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++, even += VL) {
            vec a = load(ee0 + even), b = load(ee1 + even), q = load(oe1 + even);
            vec e0, e1, o0 = all(0), o1 = all(0);
            if (add_ee0)
                a += load(add_ee0 + even);
            if (add_ee1)
                b += load(add_ee1 + even);
            e0 = four(load(oe0 + even), a, q, b);
            e1 = four(a, q, b, load(oe2 + even));
            if (x + 1 < p->w) {
                a = load(eo0 + even);
                b = load(eo1 + even);
                q = load(oo1 + even);
                if (add_eo0)
                    a += load(add_eo0 + even);
                if (add_eo1)
                    b += load(add_eo1 + even);
                o0 = four(load(oo0 + even), a, q, b);
                o1 = four(a, q, b, load(oo2 + even));
            }
            out[0][v] = four(before[v][0], here[v][0], after[v][0], e0);
            out[1][v] = four(here[v][0], after[v][0], e0, o0);
            out[2][v] = four(before[v][1], here[v][1], after[v][1], e1);
            out[3][v] = four(here[v][1], after[v][1], e1, o1);
            before[v][0] = after[v][0];
            before[v][1] = after[v][1];
            here[v][0] = e0;
            here[v][1] = e1;
            after[v][0] = o0;
            after[v][1] = o1;
        }
        if (x < 0)
            continue;
        finish(&e, out[0], pixel);
        finish(&e, out[1], pixel + 1);
        finish(&e, out[2], pixel + next);
        finish(&e, out[3], pixel + next + 1);
    }
}

/* The same of a convolution with zeros inserted between its pixels. */
static void spread_rows(const latent_conv_plan *p, const latent_conv_part *c, int y, int panel)
{
    size_t row = (size_t)(2 * y) * (size_t)(2 * p->w), next = (size_t)(2 * p->w);
    const float *above = phase_row(p, c, panel, ODD_ODD, y - 1);
    const float *here = phase_row(p, c, panel, ODD_ODD, y);
    const float *below = phase_row(p, c, panel, ODD_ODD, y + 1);
    ending e = find_ending(p, c->first / p->rows_each, panel, 0.0625f);
    for (int x = 0; x < p->w; x++) {
        vec out[4][PANEL];
        size_t pixel = row + (size_t)(2 * x), at = (size_t)x * WIDTH;
        for (int v = 0; v < PANEL; v++, at += VL) {
            vec three = all(3), left[2] = {all(0), all(0)}, right[2] = {all(0), all(0)}, mid[2];
            mid[0] = madd(three, load(here + at), load(above + at));
            mid[1] = madd(three, load(here + at), load(below + at));
            if (x > 0) {
                left[0] = madd(three, load(here + at - WIDTH), load(above + at - WIDTH));
                left[1] = madd(three, load(here + at - WIDTH), load(below + at - WIDTH));
            }
            if (x + 1 < p->w) {
                right[0] = madd(three, load(here + at + WIDTH), load(above + at + WIDTH));
                right[1] = madd(three, load(here + at + WIDTH), load(below + at + WIDTH));
            }
            out[0][v] = madd(three, mid[0], left[0]);
            out[1][v] = madd(three, mid[0], right[0]);
            out[2][v] = madd(three, mid[1], left[1]);
            out[3][v] = madd(three, mid[1], right[1]);
        }
        finish(&e, out[0], pixel);
        finish(&e, out[1], pixel + 1);
        finish(&e, out[2], pixel + next);
        finish(&e, out[3], pixel + next + 1);
    }
}

/* Keeps the part's last rows of one panel for the chunk, or strip, that follows. */
static void keep_rows(const latent_conv_plan *p, const latent_conv_part *c, int panel)
{
    int kinds = p->spec.kernel == 3 ? 4 : 1;
    size_t line = (size_t)p->w * WIDTH * sizeof(float), more = line + WIDTH * sizeof(float);
    for (int i = 0; i < 2; i++) {
        memcpy(carry_row(p, panel, ODD_ODD, i), phase_row(p, c, panel, ODD_ODD, c->y1 - 2 + i),
               line);
        if (kinds > 1)
            memcpy(carry_row(p, panel, ODD_EVEN, i),
                   phase_row(p, c, panel, ODD_EVEN, c->y1 - 2 + i), more);
    }
    for (int which = EVEN_EVEN; kinds > 1 && which <= EVEN_ODD; which++) {
        size_t bytes = which == EVEN_EVEN ? more : line;
        float *last = carry_row(p, panel, which, 0);
        const float *add = added_row(p, c, panel, which, c->y1 - 1);
        memcpy(last, phase_row(p, c, panel, which, c->y1 - 1), bytes);
        for (size_t i = 0; add && i < bytes / sizeof(float); i++)
            last[i] += add[i];
        memcpy(carry_row(p, panel, which, 1), added_row(p, c, panel, which, c->y1), bytes);
    }
}

/* Some rows of tiles of a part. */
static latent_conv_part some_rows(const latent_conv_plan *p, const latent_conv_part *c, int first,
                                  int end)
{
    latent_conv_part f = *c;
    latent_conv_set_rows(p, &f, c->first + first, end - first);
    return f;
}

/* A band with t and carry of its own. */
static latent_conv_plan plan_of_band(const latent_conv_plan *p, int band)
{
    latent_conv_plan own = *p;
    own.t += (size_t)band * 2 * latent_conv_t_count(p);
    own.carry += (size_t)band * latent_conv_carry_count(p);
    return own;
}

/* Its first row of tiles. */
static int row_of_band(const latent_conv_plan *p, int band)
{
    return p->tile_rows * band / p->bands;
}

/* The strip of it that begins with a row of tiles. */
static latent_conv_part strip_of_band(const latent_conv_plan *p, const latent_conv_part *c,
                                      int band, int row)
{
    int end = row_of_band(p, band + 1), next = row + p->strip;
    latent_conv_part f = some_rows(p, c, row, next < end ? next : end);
    f.buffer = row > row_of_band(p, band); /* the first stays for the blur between bands */
    f.last = f.first + f.rows == p->tile_rows;
    return f;
}

/* One of the whole pictures that a part has, each of which is blurred for itself. */
static latent_conv_part picture_of(const latent_conv_plan *p, const latent_conv_part *c, int number)
{
    latent_conv_part one = *c;
    one.before = number * p->h;
    one.first = c->first + number * p->rows_each;
    one.rows = p->rows_each;
    one.y0 = 0;
    one.y1 = p->h;
    return one;
}

static void blur_item(const latent_conv_plan *p, const latent_conv_part *c, int item)
{
    int panels = p->set_groups * GROUP, first = c->set * panels, y;
    latent_conv_part one = *c;
    if (p->panels - first < panels)
        panels = p->panels - first;
    y = c->y0 - 1 + item / panels;
    if (p->bands) { /* the last row of a band and the first one of the next */
        int band = item / panels / 2 + 1;
        latent_conv_plan own = plan_of_band(p, band);
        own.carry -= latent_conv_carry_count(p); /* of the band before */
        one = strip_of_band(p, c, band, row_of_band(p, band));
        blur_rows(&own, &one, one.y0 - 1 + item / panels % 2, item % panels);
        return;
    }
    if (p->pictures > 1) {
        y = item / panels % p->h;
        one = picture_of(p, c, item / panels / p->h);
    }
    if (y < 0) /* the row before the first */
        return;
    if (p->spec.kernel == 3)
        blur_rows(p, &one, y, first + item % panels);
    else
        spread_rows(p, &one, y, first + item % panels);
}

/* ---- some tiles through all three steps ---- */

typedef vec besides[LATENT_CONV_TILES_OUT / WIDTH][TOOM + 4][PANEL];

/* beside: of each panel, where c is a part of a row; or NULL. */
static void run_tiles(const latent_conv_plan *p, const latent_conv_part *c, float *room,
                      besides *beside)
{
    const int end = c->left + c->columns;
    vec one[TOOM + 4][PANEL];
    for (int row = 0; row < c->rows; row++)
        input_tiles(p, c, row, c->left, end);
    for (int group = 0; group < p->groups; group++) {
        int first = group * GROUP, panels = group_panels(p, group);
        multiply_group(p, c, group, 0, p->turns, 0, (group + 1) % p->groups, room);
        for (int row = 0; row < c->rows; row++)
            for (int panel = first; panel < first + panels; panel++)
                output_tiles(p, c, row, c->left, end, panel, beside ? (*beside)[panel] : one);
    }
}

/* Rows of tiles, from column left to end - 1, a few columns at a time. */
static void run_rows(const latent_conv_plan *p, latent_conv_part *c, int left, int end, float *room)
{
    besides beside;
    for (; left < end; left += p->tiles) {
        c->left = left;
        c->columns = end - left < p->tiles ? end - left : p->tiles;
        c->width = p->w - left * p->n;
        if (c->width > c->columns * p->n)
            c->width = c->columns * p->n;
        run_tiles(p, c, room, p->tiles < p->tile_columns ? &beside : NULL);
    }
}

/* Strip after strip, each blurred as far as it goes. */
static void run_band(const latent_conv_plan *p, const latent_conv_part *c, int band, float *room)
{
    const latent_conv_plan own = plan_of_band(p, band);
    const int end = row_of_band(p, band + 1);
    for (int row = row_of_band(p, band); row < end; row += p->strip) {
        latent_conv_part f = strip_of_band(p, c, band, row);
        int from = f.buffer ? f.y0 - 1 : band ? f.y0 + 1 : 0, to = f.last ? p->h : f.y1 - 1;
        run_rows(&own, &f, 0, p->tile_columns, room);
        for (int panel = 0; panel < p->panels; panel++) {
            for (int y = from; y < to; y++)
                blur_rows(&own, &f, y, panel);
            if (!f.last)
                keep_rows(&own, &f, panel);
        }
    }
}

/* item: a band, or a strip, or of up 1 a few tiles of a row. */
static void tiles_item(const latent_conv_plan *p, const latent_conv_part *c, int item, float *room)
{
    int segments = p->spec.up == 1 ? (p->tile_columns + p->tiles - 1) / p->tiles : 1;
    int strip = item / segments, left = item % segments * p->tiles, end = p->tile_columns;
    int strips = (c->rows + p->strip - 1) / p->strip, units = c->rows / p->unit;
    latent_conv_plan own = *p;
    latent_conv_part few;
    own.v = room + p->code->room;
    own.m = own.v + latent_conv_v_count(p);
    if (p->bands) {
        run_band(&own, c, item, room);
        return;
    }
    own.t = own.m + latent_conv_m_count(p);
    few = some_rows(p, c, units * strip / strips * p->unit, units * (strip + 1) / strips * p->unit);
    if (segments > 1 && left + p->tiles < end)
        end = left + p->tiles;
    run_rows(&own, &few, left, end, room);
    for (int panel = 0; p->spec.up == 2 && panel < p->panels; panel++)
        for (int i = 0; i < few.rows / p->unit; i++) {
            latent_conv_part one = picture_of(p, &few, i);
            for (int y = 0; y < p->h; y++)
                blur_rows(&own, &one, y, panel);
        }
}

/* ---- items ---- */

static void run_item(const latent_conv_plan *p, const latent_conv_part *c, int step, int item,
                     float *room)
{
    switch (step) {
    case STEP_WEIGHTS:
        weights_item(p, item);
        break;
    case STEP_TILES:
        tiles_item(p, c, item, room);
        break;
    case STEP_INPUT:
        input_item(p, c, item);
        break;
    case STEP_PRODUCT:
        product_item(p, c, item, room);
        break;
    case STEP_OUTPUT:
        output_item(p, c, item);
        break;
    case STEP_BLUR:
        blur_item(p, c, item);
        break;
    default:
        keep_rows(p, c, c->set * p->set_groups * GROUP + item);
    }
    if (p->stream)
        stream_end();
}

/* ---- few outputs ---- */

#define AT_ONCE 4  /* pixels */
#define AHEAD 1024 /* floats that are asked for before they are needed */

/* The numbers of count pixels lie side by side, as in y; scale and shift are repeated as often. */
typedef struct {
    const latent_conv_plan *p;
    const float *weights;
    float scale[AT_ONCE * 4], shift[AT_ONCE * 4];
} few;

INLINE void few_pixels(const few *f, size_t pixel, const int count, const int out)
{
    const latent_conv_end *e = f->p->end;
    const size_t in = (size_t)f->p->spec.in;
    const float *x = f->p->x + pixel * in;
    const vec limit = all(e->clamp > 0 ? e->clamp : __builtin_inff());
    const vec up = all(e->gain), down = all(e->gain * e->slope);
    float d[AT_ONCE * 4] = {0}, noise[AT_ONCE * 4] = {0}, four[AT_ONCE],
                      *y = f->p->y + pixel * (size_t)out;
    vec sum[4][AT_ONCE];
    size_t i = 0;
#pragma GCC unroll 4
    for (int o = 0; o < out; o++)
#pragma GCC unroll 4
        for (int q = 0; q < AT_ONCE; q++)
            sum[o][q] = all(0);
    for (; i + VL <= in; i += VL) {
        vec v[AT_ONCE];
#pragma GCC unroll 4
        for (int q = 0; q < count; q++) {
            v[q] = load(x + (size_t)q * in + i);
            __builtin_prefetch(x + (size_t)q * in + i + AHEAD);
        }
#pragma GCC unroll 4
        for (int o = 0; o < out; o++) {
            vec w = load(f->weights + (size_t)o * in + i);
#pragma GCC unroll 4
            for (int q = 0; q < count; q++)
                sum[o][q] = madd(w, v[q], sum[o][q]);
        }
    }
#pragma GCC unroll 4
    for (int o = 0; o < out; o++) {
        sums_of_four(sum[o], four);
#pragma GCC unroll 4
        for (int q = 0; q < count; q++)
            d[q * out + o] = four[q];
    }
    for (; i < in; i++)
        for (int q = 0; q < count; q++)
            for (int o = 0; o < out; o++)
                d[q * out + o] += f->weights[(size_t)o * in + i] * x[(size_t)q * in + i];
    for (int k = 0; e->noise && k < count * out; k++)
        noise[k] = e->strength * e->noise[pixel + (size_t)(k / out)];
#pragma GCC unroll 4
    for (int k = 0; k < AT_ONCE * 4; k += VL) {
        vec v = madd(load(d + k), load(f->scale + k), load(f->shift + k) + load(noise + k));
        v = madd(smaller(all(0), v), down, larger(all(0), v) * up);
        store(d + k, smaller(limit, larger(-limit, v)));
    }
    for (int k = 0; k < count * out; k++)
        y[k] = e->add ? d[k] + e->add[pixel * (size_t)out + (size_t)k] : d[k];
}

#define FEW(out)                                                                                   \
    for (; pixels >= AT_ONCE; pixels -= AT_ONCE, from += AT_ONCE)                                  \
        few_pixels(&f, from, AT_ONCE, out);                                                        \
    for (; pixels; pixels--, from++)                                                               \
        few_pixels(&f, from, 1, out);                                                              \
    break

static void few_outputs(const latent_conv_plan *p, const float *weights, size_t from, size_t pixels)
{
    few f = {.p = p, .weights = weights};
    for (int k = 0; k < AT_ONCE * p->spec.out; k++) {
        f.scale[k] = p->scale[k % p->spec.out];
        f.shift[k] = p->shift[k % p->spec.out];
    }
    switch (p->spec.out) {
    case 1:
        FEW(1);
    case 2:
        FEW(2);
    case 3:
        FEW(3);
    default:
        FEW(4);
    }
}

static const latent_conv_code code = {
    CODE_NAME, WIDTH,      GROUP,      DEPTH, 2 * SIDE *(DEPTH *WIDTH + 16) * GROUP,
    run_item,  sum_planes, few_outputs};
