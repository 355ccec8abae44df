/* conv_kernels: the convolutions' inner loops, included once for each kind of processor by
   conv_base.c, conv_avx2.c and conv_avx512.c.  They define LATENT_SIMD, and PANEL, the vectors in a
   panel of weights, and ROWS, the rows of a plane that are multiplied at once: ROWS x PANEL sums
   must fit the registers.  conv_plan.h says what is computed. */
#include "conv_plan.h"
#include "simd.h"
#include <string.h>

#define WIDTH (PANEL * VL)
#define GROUP (64 / WIDTH) /* 64 outputs, whatever the width */
#define DEPTH 128          /* a panel's block of inputs stays in the first cache */
#define STRIP 48           /* rows of a plane that stay there beside it */
#define MATRIX                                                                                     \
    (DEPTH * WIDTH + 16) /* floats from one transformed matrix to the next: not 4096 bytes */
#define SIDE 8           /* the most points */
#define MAX_TILE 7

/* ---- Winograd's transforms in one direction ---- */

/* v = B d: the polynomial M(x) / (x - point) for each point, where M is zero at all of them; d and
   v hold N vectors. */
INLINE void input_points(const int N, const vec *d, vec *v)
{
    if (N == 4) {
        v[0] = d[0] - d[2];
        v[1] = d[2] + d[1];
        v[2] = d[2] - d[1];
        v[3] = d[3] - d[1];
    } else if (N == 6) {
        vec a = madd(all(-4), d[2], d[4]), b = madd(all(-4), d[1], d[3]);
        vec c = d[4] - d[2], e = d[3] - d[1];
        v[0] = madd(all(4), d[0], madd(all(-5), d[2], d[4]));
        v[1] = a + b;
        v[2] = a - b;
        v[3] = madd(all(2), e, c);
        v[4] = madd(all(-2), e, c);
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

/* y = A m: the values at N points to n outputs, output k being the sum of point^k m. */
INLINE void output_points(const int N, const int n, const vec *m, vec *y)
{
    if (N == 4) {
        y[0] = m[0] + m[1] + m[2];
        y[1] = m[1] - m[2];
        if (n == 2)
            y[1] += m[3];
        else
            y[2] = m[1] + m[2] + m[3];
    } else if (N == 6) {
        vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
        y[0] = m[0] + a + c;
        y[1] = madd(all(2), e, b);
        y[2] = madd(all(4), c, a);
        y[3] = madd(all(8), e, b);
        if (n == 4)
            y[3] += m[5];
        else
            y[4] = madd(all(16), c, a) + m[5];
    } else {
        vec a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
        vec f = m[5] + m[6], g = m[5] - m[6];
        y[0] = m[0] + a + c + f;
        y[1] = madd(all(2), e, madd(all(0.5f), g, b));
        y[2] = madd(all(4), c, madd(all(0.25f), f, a));
        y[3] = madd(all(8), e, madd(all(0.125f), g, b));
        y[4] = madd(all(16), c, madd(all(0.0625f), f, a));
        y[5] = madd(all(32), e, madd(all(0.03125f), g, b));
        if (n == 6)
            y[5] += m[7];
        else
            y[6] = madd(all(64), c, madd(all(0.015625f), f, a)) + m[7];
    }
}

/* G: the kernel's polynomial at each point, over M's derivative there. */
static const float taps4[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
static const float taps6[6][3] = {{1.0f / 4, 0, 0},
                                  {-1.0f / 6, -1.0f / 6, -1.0f / 6},
                                  {-1.0f / 6, 1.0f / 6, -1.0f / 6},
                                  {1.0f / 24, 1.0f / 12, 1.0f / 6},
                                  {1.0f / 24, -1.0f / 12, 1.0f / 6},
                                  {0, 0, 1}};
static const float taps8[8][3] = {{1, 0, 0},
                                  {-2.0f / 9, -2.0f / 9, -2.0f / 9},
                                  {-2.0f / 9, 2.0f / 9, -2.0f / 9},
                                  {1.0f / 90, 1.0f / 45, 2.0f / 45},
                                  {1.0f / 90, -1.0f / 45, 2.0f / 45},
                                  {32.0f / 45, 16.0f / 45, 8.0f / 45},
                                  {32.0f / 45, -16.0f / 45, 8.0f / 45},
                                  {0, 0, 1}};

/* G across: three taps to N values. */
INLINE void tap_points(const int N, const vec *g, vec *u)
{
    const float(*t)[3] = N == 4 ? taps4 : N == 6 ? taps6 : taps8;
    u[0] = all(t[0][0]) * g[0];
    u[N - 1] = g[2];
#pragma GCC unroll 4
    for (int i = 1; i < N - 1; i += 2) {
        vec even = madd(all(t[i][2]), g[2], all(t[i][0]) * g[0]), odd = all(t[i][1]) * g[1];
        u[i] = even + odd;
        u[i + 1] = even - odd;
    }
}

/* The same for two. */
INLINE void two_tap_points(const int N, vec g0, vec g1, vec *u)
{
    const float(*t)[3] = N == 4 ? taps4 : N == 6 ? taps6 : taps8;
    u[0] = all(t[0][0]) * g0;
    u[N - 1] = g1;
#pragma GCC unroll 4
    for (int i = 1; i < N - 1; i += 2) {
        vec even = all(t[i][0]) * g0, odd = all(t[i][1]) * g1;
        u[i] = even + odd;
        u[i + 1] = even - odd;
    }
}

/* ---- the input's step ---- */

INLINE void input_tile(const latent_conv_plan *p, const latent_conv_chunk *c, int row, int column,
                       const int N, const int up)
{
    const int n = up == 2 ? N - 1 : N - 2, in = p->spec.in, w = p->w;
    int top = (c->first + row) * n, left = column * n; /* the window begins one pixel before */
    const float *from[SIDE][SIDE];
    size_t tile = (size_t)row * (size_t)p->tile_columns + (size_t)column;
    size_t down = (size_t)(N * N) * p->v_plane[0], across = down + (size_t)N * p->v_plane[1];
    int rows = p->h - top < n ? p->h - top : n, columns = w - left < n ? w - left : n;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int y = top + i - 1, x = left + j - 1;
            int inside = y >= 0 && y < p->h && x >= 0 && x < w;
            from[i][j] = inside ? p->x + ((size_t)y * (size_t)w + (size_t)x) * (size_t)in : NULL;
        }
    for (int channel = 0; channel < in; channel += VL) {
        int some = in - channel < VL ? in - channel : VL;
        float *v = p->v + (size_t)(channel / DEPTH) * p->v_block + (size_t)(channel % DEPTH);
        vec turned[SIDE][SIDE], d[SIDE], r[SIDE];
        for (int j = 0; j < N; j++) {
#pragma GCC unroll 8
            for (int i = 0; i < N; i++) {
                const float *f = from[i][j] ? from[i][j] + channel : p->zeros;
                d[i] = some == VL ? load(f) : load_some(f, some);
            }
            input_points(N, d, r);
#pragma GCC unroll 8
            for (int i = 0; i < N; i++)
                turned[i][j] = r[i];
            if (up == 2 && j >= 1 && j <= columns) {
                size_t pixel = (size_t)row * (size_t)w + (size_t)(left + j - 1);
#pragma GCC unroll 8
                for (int i = 0; i < N; i++)
                    store(v + down + (size_t)i * p->v_plane[1] + pixel * DEPTH, r[i]);
            }
        }
        for (int i = 0; i < N; i++) {
            float *to = v + (size_t)(i * N) * p->v_plane[0] + tile * DEPTH;
#pragma GCC unroll 8
            for (int j = 0; j < N; j++)
                d[j] = turned[i][j];
            input_points(N, d, r);
#pragma GCC unroll 8
            for (int j = 0; j < N; j++)
                store(to + (size_t)j * p->v_plane[0], r[j]);
        }
        for (int i = 1; up == 2 && i <= rows; i++) {
            size_t place = (size_t)(row * n + i - 1) * (size_t)p->tile_columns + (size_t)column;
#pragma GCC unroll 8
            for (int j = 0; j < N; j++) {
                const float *f = from[i][j] ? from[i][j] + channel : p->zeros;
                d[j] = some == VL ? load(f) : load_some(f, some);
            }
            input_points(N, d, r);
#pragma GCC unroll 8
            for (int j = 0; j < N; j++)
                store(v + across + (size_t)j * p->v_plane[2] + place * DEPTH, r[j]);
        }
    }
}

/* ---- the product's step ---- */

/* Matrix row i of panel's weights for k inputs from on, times the style: u[j][DEPTH][WIDTH], MATRIX
 * floats apart. */
INLINE void transform_weights(const latent_conv_plan *p, int panel, int i, int from, int k,
                              const int N, const int up, float *u)
{
    const float(*t)[3] = N == 4 ? taps4 : N == 6 ? taps6 : taps8;
    const float *w = p->packed + ((size_t)panel * (size_t)p->spec.in + (size_t)from) * 9 * WIDTH;
    for (int c = 0; c < k; c++, w += 9 * WIDTH) {
        vec style = all(p->in_scale[from + c]);
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++) {
            vec g[3], r[SIDE];
            float *to = u + c * WIDTH + v * VL;
            if (up == 1) {
                vec a = style * all(t[i][0]), b = style * all(t[i][1]), e = style * all(t[i][2]);
#pragma GCC unroll 3
                for (int q = 0; q < 3; q++)
                    g[q] = madd(a, load(w + q * WIDTH + v * VL),
                                madd(b, load(w + (3 + q) * WIDTH + v * VL),
                                     e * load(w + (6 + q) * WIDTH + v * VL)));
                tap_points(N, g, r);
            } else {
                if (i < N) {
                    vec a = style * all(t[i][0]), b = style * all(i == N - 1 ? 1 : t[i][1]);
#pragma GCC unroll 3
                    for (int q = 0; q < 3; q++)
                        g[q] = madd(a, load(w + (6 + q) * WIDTH + v * VL),
                                    b * load(w + q * WIDTH + v * VL));
                } else {
#pragma GCC unroll 3
                    for (int q = 0; q < 3; q++)
                        g[q] = style * load(w + (3 + q) * WIDTH + v * VL);
                }
                two_tap_points(N, g[2], g[0], r);
                store(to + N * MATRIX, g[1]);
            }
#pragma GCC unroll 8
            for (int j = 0; j < N; j++)
                store(to + j * MATRIX, r[j]);
        }
    }
}

static void copy_weights(const latent_conv_plan *p, int panel, int i, int from, int k, float *u)
{
    int side = p->spec.kernel;
    const float *w = p->packed + ((size_t)panel * (size_t)p->spec.in + (size_t)from) *
                                     (size_t)(side * side) * WIDTH;
    for (int c = 0; c < k; c++, w += side * side * WIDTH) {
        vec style = all(p->in_scale[from + c]);
        for (int j = 0; j < side; j++)
            for (int v = 0; v < WIDTH; v += VL)
                store(u + j * MATRIX + c * WIDTH + v, style * load(w + (i * side + j) * WIDTH + v));
    }
}

static void weights_row(const latent_conv_plan *p, int panel, int i, int from, int k, float *u)
{
    if (p->spec.up == 1)
        switch (p->points) {
        case 4:
            transform_weights(p, panel, i, from, k, 4, 1, u);
            return;
        case 6:
            transform_weights(p, panel, i, from, k, 6, 1, u);
            return;
        case 8:
            transform_weights(p, panel, i, from, k, 8, 1, u);
            return;
        }
    else
        switch (p->points) {
        case 4:
            transform_weights(p, panel, i, from, k, 4, 2, u);
            return;
        case 6:
            transform_weights(p, panel, i, from, k, 6, 2, u);
            return;
        case 8:
            transform_weights(p, panel, i, from, k, 8, 2, u);
            return;
        }
    copy_weights(p, panel, i, from, k, u);
}

/* m[R][WIDTH] (+)= a[R][k] b[k][WIDTH] */
INLINE void multiply_rows(const int R, const float *a, size_t stride, const float *b, int k,
                          float *m, int add)
{
    vec sum[ROWS][PANEL];
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            sum[r][v] = add ? load(m + r * WIDTH + v * VL) : all(0);
    for (int i = 0; i < k; i++, b += WIDTH) {
        vec weight[PANEL];
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            weight[v] = load(b + v * VL);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            vec x = all(a[(size_t)r * stride + (size_t)i]);
#pragma GCC unroll 4
            for (int v = 0; v < PANEL; v++)
                sum[r][v] = madd(x, weight[v], sum[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < PANEL; v++)
            store(m + r * WIDTH + v * VL, sum[r][v]);
}

static void multiply(int rows, const float *a, size_t stride, const float *b, int k, float *m,
                     int add)
{
    for (; rows >= ROWS; rows -= ROWS, a += ROWS * stride, m += ROWS * WIDTH)
        multiply_rows(ROWS, a, stride, b, k, m, add);
    switch (rows) {
#define CASE(R)                                                                                    \
    case R:                                                                                        \
        multiply_rows(R < ROWS ? R : 1, a, stride, b, k, m, add);                                  \
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

typedef struct {
    const float *a;
    size_t stride, step; /* floats from row to row, from block to block */
    size_t m;            /* row of M */
    int rows;
} plane;

static plane find_plane(const latent_conv_plan *p, const latent_conv_chunk *c, int i, int j)
{
    size_t columns = (size_t)p->tile_columns;
    int N = p->points, pixels = (c->y1 - c->y0) * p->w;
    plane f = {NULL, DEPTH, p->v_block, 0, 0};
    int pixel_rows = !N || (i == N && j == N);
    if (pixel_rows) {
        f.a = p->x + (size_t)c->y0 * (size_t)p->w * (size_t)p->spec.in;
        f.stride = (size_t)p->spec.in;
        f.step = DEPTH;
        f.rows = pixels;
        f.m = N || (p->spec.up == 2 && i == p->side / 2 && j == p->side / 2)
                  ? p->m_odd
                  : (size_t)(i * p->side + j) * p->m_plane[0];
    } else if (i < N && j < N) {
        f.a = p->v + (size_t)(i * N + j) * p->v_plane[0];
        f.m = (size_t)(i * N + j) * p->m_plane[0];
        f.rows = c->rows * p->tile_columns;
    } else if (i < N) {
        f.a = p->v + (size_t)(N * N) * p->v_plane[0] + (size_t)i * p->v_plane[1];
        f.m = (size_t)(N * N) * p->m_plane[0] + (size_t)i * p->m_plane[1];
        f.rows = c->rows * p->w;
    } else {
        f.a = p->v + (size_t)(N * N) * p->v_plane[0] + (size_t)N * p->v_plane[1] +
              (size_t)j * p->v_plane[2];
        f.m =
            (size_t)(N * N) * p->m_plane[0] + (size_t)N * p->m_plane[1] + (size_t)j * p->m_plane[2];
        f.rows = (int)((size_t)(c->y1 - c->y0) * columns);
    }
    return f;
}

static void product_item(const latent_conv_plan *p, const latent_conv_chunk *c, int item, float *u)
{
    int cut = item % p->cuts, i = p->side - 1 - item / p->cuts % p->side;
    int group = item / p->cuts / p->side, first = group * GROUP;
    int panels = p->panels - first < GROUP ? p->panels - first : GROUP;
    const size_t panel_size = (size_t)p->side * MATRIX;
    for (int block = 0; block < p->blocks; block++) {
        int k = p->spec.in - block * DEPTH < DEPTH ? p->spec.in - block * DEPTH : DEPTH;
        for (int q = 0; q < panels; q++)
            weights_row(p, first + q, i, block * DEPTH, k, u + (size_t)q * panel_size);
        for (int j = 0; j < p->side; j++) {
            plane f = find_plane(p, c, i, j);
            int share = ((f.rows + p->cuts - 1) / p->cuts + ROWS - 1) / ROWS * ROWS;
            int end = (cut + 1) * share < f.rows ? (cut + 1) * share : f.rows;
            const float *a = f.a + (size_t)block * f.step;
            for (int row = cut * share; row < end; row += STRIP)
                for (int q = 0; q < panels; q++)
                    multiply(end - row < STRIP ? end - row : STRIP, a + (size_t)row * f.stride,
                             f.stride, u + (size_t)q * panel_size + (size_t)j * MATRIX, k,
                             p->m + ((size_t)(first + q) * p->m_panel + f.m + (size_t)row) * WIDTH,
                             block > 0);
        }
    }
}

/* ---- the end ---- */

typedef struct {
    vec scale, shift, up, down, limit;
    const float *add;
    float strength;
    const float *noise;
    float *y;
    int some; /* outputs of this vector that there are */
} ending;

INLINE ending find_ending(const latent_conv_plan *p, int output)
{
    const latent_conv_end *e = p->end;
    ending f;
    f.scale = load(p->scale + output);
    f.shift = load(p->shift + output);
    f.up = all(e->gain);
    f.down = all(e->gain * e->slope);
    f.limit = all(e->clamp > 0 ? e->clamp : __builtin_inff());
    f.add = e->add ? e->add + output : NULL;
    f.y = p->y + output;
    f.noise = e->noise;
    f.strength = e->strength;
    f.some = p->spec.out - output < VL ? p->spec.out - output : VL;
    return f;
}

INLINE void finish(const ending *f, vec v, size_t pixel, size_t out)
{
    vec shift = f->noise ? f->shift + all(f->strength * f->noise[pixel]) : f->shift;
    v = madd(v, f->scale, shift);
    v = madd(smaller(all(0), v), f->down, larger(all(0), v) * f->up);
    v = smaller(f->limit, larger(-f->limit, v));
    if (f->add)
        v += f->some == VL ? load(f->add + pixel * out) : load_some(f->add + pixel * out, f->some);
    if (f->some == VL)
        store(f->y + pixel * out, v);
    else
        store_some(f->y + pixel * out, v, f->some);
}

/* ---- the output's step ---- */

/* One tile of two-dimensional planes to y, or to the even pixels of t. */
INLINE void output_tile(const latent_conv_plan *p, const latent_conv_chunk *c, int row, int column,
                        int panel, const int N, const int up)
{
    const int n = up == 2 ? N - 1 : N - 2;
    const size_t step = p->m_plane[0] * WIDTH, out = (size_t)p->spec.out;
    const float *m = p->m + ((size_t)panel * p->m_panel + (size_t)row * (size_t)p->tile_columns +
                             (size_t)column) *
                                WIDTH;
    int top = (c->first + row) * n, left = column * n, h = p->h + (up == 2), w = p->w + (up == 2);
    int rows = h - top < n ? h - top : n, columns = w - left < n ? w - left : n;
    for (int v = 0; v < WIDTH && panel * WIDTH + v < p->spec.out; v += VL) {
        vec turned[MAX_TILE][SIDE], d[SIDE], r[SIDE];
        ending e;
        if (up == 1)
            e = find_ending(p, panel * WIDTH + v);
        for (int j = 0; j < N; j++) {
            const float *from = m + (size_t)j * step + v;
#pragma GCC unroll 8
            for (int i = 0; i < N; i++)
                d[i] = load(from + (size_t)(i * N) * step);
            output_points(N, n, d, r);
#pragma GCC unroll 8
            for (int k = 0; k < n; k++)
                turned[k][j] = r[k];
        }
        for (int k = 0; k < rows; k++) {
#pragma GCC unroll 8
            for (int j = 0; j < N; j++)
                d[j] = turned[k][j];
            output_points(N, n, d, r);
            if (up == 1) {
                size_t pixel = (size_t)(top + k) * (size_t)p->w + (size_t)left;
#pragma GCC unroll 8
                for (int l = 0; l < n; l++)
                    if (l < columns)
                        finish(&e, r[l], pixel + (size_t)l, out);
            } else {
                float *to = p->t +
                            ((size_t)panel * p->t_panel + p->t_start[0] +
                             (size_t)(row * n + k + EVEN_CARRY) * (size_t)w + (size_t)left) *
                                WIDTH +
                            v;
#pragma GCC unroll 8
                for (int l = 0; l < n; l++)
                    if (l < columns)
                        store(to + l * WIDTH, r[l]);
            }
        }
    }
}

/* The planes of one tap down or one across to the other pixels of t. */
INLINE void output_edges(const latent_conv_plan *p, const latent_conv_chunk *c, int row, int column,
                         int panel, const int N)
{
    const int n = N - 1;
    const size_t w = (size_t)p->w, first = (size_t)panel * p->m_panel;
    const size_t down = (size_t)(N * N) * p->m_plane[0], across = down + (size_t)N * p->m_plane[1];
    int top = (c->first + row) * n, left = column * n;
    for (int l = 0; l < n && left + l < p->w; l++) {
        const float *m = p->m + (first + down + (size_t)row * w + (size_t)(left + l)) * WIDTH;
        float *to = p->t + ((size_t)panel * p->t_panel + p->t_start[1] +
                            (size_t)(row * n + EVEN_CARRY) * w + (size_t)(left + l)) *
                               WIDTH;
        for (int v = 0; v < WIDTH; v += VL) {
            vec d[SIDE], r[SIDE];
#pragma GCC unroll 8
            for (int i = 0; i < N; i++)
                d[i] = load(m + (size_t)i * p->m_plane[1] * WIDTH + v);
            output_points(N, n, d, r);
#pragma GCC unroll 8
            for (int k = 0; k < n; k++)
                if (top + k <= p->h)
                    store(to + (size_t)k * w * WIDTH + v, r[k]);
        }
    }
    for (int k = 0; k < n && top + k < p->h; k++) {
        const float *m = p->m + (first + across + (size_t)(row * n + k) * (size_t)p->tile_columns +
                                 (size_t)column) *
                                    WIDTH;
        float *to = p->t + ((size_t)panel * p->t_panel + p->t_start[2] +
                            (size_t)(row * n + k + ODD_CARRY) * (w + 1) + (size_t)left) *
                               WIDTH;
        for (int v = 0; v < WIDTH; v += VL) {
            vec d[SIDE], r[SIDE];
#pragma GCC unroll 8
            for (int j = 0; j < N; j++)
                d[j] = load(m + (size_t)j * p->m_plane[2] * WIDTH + v);
            output_points(N, n, d, r);
#pragma GCC unroll 8
            for (int l = 0; l < n; l++)
                if (left + l <= p->w)
                    store(to + l * WIDTH + v, r[l]);
        }
    }
}

/* A pixel of plane (i, j), or zeros outside the picture. */
INLINE vec tap_value(const latent_conv_plan *p, int panel, int v, int i, int j, int y, int x)
{
    size_t plane = (size_t)(i * p->side + j) * p->m_plane[0];
    if (y < 0 || x < 0 || y >= p->h || x >= p->w)
        return all(0);
    return load(
        p->m + ((size_t)panel * p->m_panel + plane + (size_t)y * (size_t)p->w + (size_t)x) * WIDTH +
        v);
}

/* Without points: a row of pixels. */
static void gather_row(const latent_conv_plan *p, const latent_conv_chunk *c, int row)
{
    int y = c->y0 + row, w = p->w, side = p->side;
    for (int panel = 0; panel < p->panels; panel++)
        for (int v = 0; v < WIDTH && panel * WIDTH + v < p->spec.out; v += VL) {
            ending e = find_ending(p, panel * WIDTH + v);
            const float *m =
                p->m + ((size_t)panel * p->m_panel + (size_t)row * (size_t)w) * WIDTH + v;
            for (int x = 0; x < w; x++) {
                vec sum = all(0);
                if (side == 1)
                    sum = load(m + (size_t)x * WIDTH);
                for (int i = 0; side == 3 && i < 3; i++)
                    for (int j = 0; j < 3; j++)
                        sum += tap_value(p, panel, v, i, j, y + i - 1, x + j - 1);
                finish(&e, sum, (size_t)y * (size_t)w + (size_t)x, (size_t)p->spec.out);
            }
        }
}

/* The same for the transposed convolution: row y of even pixels and, but for the last, of odd
   ones. */
static void gather_phases(const latent_conv_plan *p, int y)
{
    size_t w = (size_t)p->w;
    for (int panel = 0; panel < p->panels; panel++)
        for (int v = 0; v < WIDTH; v += VL) {
            float *t = p->t + (size_t)panel * p->t_panel * WIDTH + v;
            float *ee = t + (p->t_start[0] + (size_t)(y + EVEN_CARRY) * (w + 1)) * WIDTH;
            float *eo = t + (p->t_start[1] + (size_t)(y + EVEN_CARRY) * w) * WIDTH;
            float *oe = t + (p->t_start[2] + (size_t)(y + ODD_CARRY) * (w + 1)) * WIDTH;
            for (int x = 0; x <= p->w; x++) {
                store(ee + (size_t)x * WIDTH, (tap_value(p, panel, v, 0, 0, y, x) +
                                               tap_value(p, panel, v, 0, 2, y, x - 1)) +
                                                  (tap_value(p, panel, v, 2, 0, y - 1, x) +
                                                   tap_value(p, panel, v, 2, 2, y - 1, x - 1)));
                if (x < p->w)
                    store(eo + (size_t)x * WIDTH, tap_value(p, panel, v, 0, 1, y, x) +
                                                      tap_value(p, panel, v, 2, 1, y - 1, x));
                if (y < p->h)
                    store(oe + (size_t)x * WIDTH, tap_value(p, panel, v, 1, 0, y, x) +
                                                      tap_value(p, panel, v, 1, 2, y, x - 1));
            }
        }
}

INLINE void output_tiles(const latent_conv_plan *p, const latent_conv_chunk *c, int row, int from,
                         int to, const int N, const int up)
{
    for (int panel = 0; panel < p->panels; panel++)
        for (int column = from; column < to; column++) {
            output_tile(p, c, row, column, panel, N, up);
            if (up == 2)
                output_edges(p, c, row, column, panel, N);
        }
}

/* ---- the blur's step ---- */

/* Row y of odd pixels of t, of those with an even (which 2) or odd (3) column; of even pixels for
   which 0 and 1. */
static const float *phase_row(const latent_conv_plan *p, const latent_conv_chunk *c, int panel,
                              int which, int y)
{
    size_t w = (size_t)p->w, row;
    if (which < 2) {
        row = (size_t)(y - c->y0 + EVEN_CARRY) * (w + (which == 0)) + p->t_start[which];
        return p->t + ((size_t)panel * p->t_panel + row) * WIDTH;
    }
    if (y < 0 || y >= p->h)
        return p->zeros;
    if (which == 2) {
        row = (size_t)(y - c->y0 + ODD_CARRY) * (w + 1) + p->t_start[2];
        return p->t + ((size_t)panel * p->t_panel + row) * WIDTH;
    }
    row = (size_t)((ptrdiff_t)p->m_odd + (ptrdiff_t)(y - c->y0) * (ptrdiff_t)w);
    return p->m + ((size_t)panel * p->m_panel + row) * WIDTH;
}

/* 1 3 3 1 */
INLINE vec four(vec a, vec b, vec c, vec d)
{
    return madd(all(3), b + c, a + d);
}

/* Output rows 2y and 2y + 1. */
static void blur_rows(const latent_conv_plan *p, const latent_conv_chunk *c, int y)
{
    size_t out = (size_t)p->spec.out, row = (size_t)(2 * y) * (size_t)(2 * p->w);
    size_t next = (size_t)(2 * p->w);
    for (int panel = 0; panel < p->panels; panel++) {
        const float *ee0 = phase_row(p, c, panel, 0, y), *ee1 = phase_row(p, c, panel, 0, y + 1);
        const float *eo0 = phase_row(p, c, panel, 1, y), *eo1 = phase_row(p, c, panel, 1, y + 1);
        const float *oe0 = phase_row(p, c, panel, 2, y - 1), *oe1 = phase_row(p, c, panel, 2, y);
        const float *oe2 = phase_row(p, c, panel, 2, y + 1);
        const float *oo0 = phase_row(p, c, panel, 3, y - 1), *oo1 = phase_row(p, c, panel, 3, y);
        const float *oo2 = phase_row(p, c, panel, 3, y + 1);
        for (int v = 0; v < WIDTH && panel * WIDTH + v < p->spec.out; v += VL) {
            ending e = find_ending(p, panel * WIDTH + v);
            /* columns 2x - 1, 2x, 2x + 1 and 2x + 2, blurred down to row 2y and to row 2y + 1 */
            vec a0 = all(0), a1 = all(0), b0, b1, c0, c1, d0, d1;
            e.scale *= all(0.0625f);
            b0 = four(load(oe0 + v), load(ee0 + v), load(oe1 + v), load(ee1 + v));
            b1 = four(load(ee0 + v), load(oe1 + v), load(ee1 + v), load(oe2 + v));
            for (int x = 0; x < p->w; x++) {
                size_t at = (size_t)x * WIDTH + (size_t)v, after = at + WIDTH;
                size_t pixel = row + (size_t)(2 * x);
                c0 = four(load(oo0 + at), load(eo0 + at), load(oo1 + at), load(eo1 + at));
                c1 = four(load(eo0 + at), load(oo1 + at), load(eo1 + at), load(oo2 + at));
                d0 = four(load(oe0 + after), load(ee0 + after), load(oe1 + after),
                          load(ee1 + after));
                d1 = four(load(ee0 + after), load(oe1 + after), load(ee1 + after),
                          load(oe2 + after));
                finish(&e, four(a0, b0, c0, d0), pixel, out);
                finish(&e, four(a1, b1, c1, d1), pixel + next, out);
                a0 = c0;
                a1 = c1;
                if (x + 1 < p->w) {
                    vec f0 = four(load(oo0 + after), load(eo0 + after), load(oo1 + after),
                                  load(eo1 + after));
                    vec f1 = four(load(eo0 + after), load(oo1 + after), load(eo1 + after),
                                  load(oo2 + after));
                    finish(&e, four(b0, c0, d0, f0), pixel + 1, out);
                    finish(&e, four(b1, c1, d1, f1), pixel + next + 1, out);
                } else {
                    finish(&e, four(b0, c0, d0, all(0)), pixel + 1, out);
                    finish(&e, four(b1, c1, d1, all(0)), pixel + next + 1, out);
                }
                b0 = d0;
                b1 = d1;
            }
        }
    }
}

/* The same of a convolution with zeros inserted between its pixels. */
static void spread_rows(const latent_conv_plan *p, const latent_conv_chunk *c, int y)
{
    size_t out = (size_t)p->spec.out, row = (size_t)(2 * y) * (size_t)(2 * p->w);
    size_t next = (size_t)(2 * p->w);
    for (int panel = 0; panel < p->panels; panel++) {
        const float *above = phase_row(p, c, panel, 3, y - 1);
        const float *here = phase_row(p, c, panel, 3, y);
        const float *below = phase_row(p, c, panel, 3, y + 1);
        for (int v = 0; v < WIDTH && panel * WIDTH + v < p->spec.out; v += VL) {
            ending e = find_ending(p, panel * WIDTH + v);
            vec three = all(3), b0, b1, c0, c1, a0 = all(0), a1 = all(0);
            e.scale *= all(0.0625f);
            b0 = madd(three, load(here + v), load(above + v));
            b1 = madd(three, load(here + v), load(below + v));
            for (int x = 0; x < p->w; x++) {
                size_t at = (size_t)(x + 1) * WIDTH + (size_t)v;
                size_t pixel = row + (size_t)(2 * x);
                c0 = all(0);
                c1 = all(0);
                if (x + 1 < p->w) {
                    c0 = madd(three, load(here + at), load(above + at));
                    c1 = madd(three, load(here + at), load(below + at));
                }
                finish(&e, madd(three, b0, a0), pixel, out);
                finish(&e, madd(three, b0, c0), pixel + 1, out);
                finish(&e, madd(three, b1, a1), pixel + next, out);
                finish(&e, madd(three, b1, c1), pixel + next + 1, out);
                a0 = b0;
                a1 = b1;
                b0 = c0;
                b1 = c1;
            }
        }
    }
}

/* Keeps the chunk's last rows of one panel for the next chunk. */
static void carry_item(const latent_conv_plan *p, const latent_conv_chunk *c, int panel)
{
    size_t w = (size_t)p->w, line = w * WIDTH * sizeof(float), more = line + WIDTH * sizeof(float);
    float *t = p->t + (size_t)panel * p->t_panel * WIDTH;
    float *odd = p->m + ((size_t)panel * p->m_panel + p->m_odd - ODD_CARRY * w) * WIDTH;
    for (int i = 0; i < ODD_CARRY; i++)
        memcpy(odd + (size_t)i * w * WIDTH, phase_row(p, c, panel, 3, c->y1 - ODD_CARRY + i), line);
    if (p->spec.kernel == 1)
        return;
    for (int i = 0; i < ODD_CARRY; i++)
        memcpy(t + (p->t_start[2] + (size_t)i * (w + 1)) * WIDTH,
               phase_row(p, c, panel, 2, c->y1 - ODD_CARRY + i), more);
    memcpy(t + p->t_start[0] * WIDTH, phase_row(p, c, panel, 0, c->y1 - 1), more);
    memcpy(t + p->t_start[1] * WIDTH, phase_row(p, c, panel, 1, c->y1 - 1), line);
}

/* ---- items ---- */

#define TILES(N, up)                                                                               \
    if (step == STEP_INPUT)                                                                        \
        for (int column = from; column < to; column++)                                             \
            input_tile(p, c, row, column, N, up);                                                  \
    else                                                                                           \
        output_tiles(p, c, row, from, to, N, up);                                                  \
    break

static void tiles_item(const latent_conv_plan *p, const latent_conv_chunk *c, int step, int item)
{
    int segments = (p->tile_columns + p->segment - 1) / p->segment;
    int row = item / segments, from = item % segments * p->segment;
    int to = from + p->segment < p->tile_columns ? from + p->segment : p->tile_columns;
    switch (p->points + (p->spec.up == 2)) {
    case 4:
        TILES(4, 1);
    case 5:
        TILES(4, 2);
    case 6:
        TILES(6, 1);
    case 7:
        TILES(6, 2);
    case 8:
        TILES(8, 1);
    case 9:
        TILES(8, 2);
    case 1:
        gather_phases(p, item);
        break;
    default:
        gather_row(p, c, item);
    }
}

static void run_item(const latent_conv_plan *p, const latent_conv_chunk *c, int step, int item,
                     float *u)
{
    switch (step) {
    case STEP_INPUT:
    case STEP_OUTPUT:
        tiles_item(p, c, step, item);
        break;
    case STEP_PRODUCT:
        product_item(p, c, item, u);
        break;
    case STEP_BLUR:
        if (c->y0 + item == 0) /* the row before the first */
            break;
        if (p->spec.kernel == 3)
            blur_rows(p, c, c->y0 + item - 1);
        else
            spread_rows(p, c, c->y0 + item - 1);
        break;
    default:
        carry_item(p, c, item);
    }
}

/* ---- few outputs ---- */

INLINE void few_pixels(const latent_conv_plan *p, const float *weights, size_t pixel,
                       const int count, const int out)
{
    const size_t in = (size_t)p->spec.in;
    const float *x = p->x + pixel * in;
    const latent_conv_end *e = p->end;
    vec sum[4][4];
    size_t i = 0;
#pragma GCC unroll 4
    for (int o = 0; o < out; o++)
#pragma GCC unroll 4
        for (int q = 0; q < count; q++)
            sum[o][q] = all(0);
    for (; i + VL <= in; i += VL) {
        vec d[4];
#pragma GCC unroll 4
        for (int q = 0; q < count; q++)
            d[q] = load(x + (size_t)q * in + i);
#pragma GCC unroll 4
        for (int o = 0; o < out; o++) {
            vec w = load(weights + (size_t)o * in + i);
#pragma GCC unroll 4
            for (int q = 0; q < count; q++)
                sum[o][q] = madd(w, d[q], sum[o][q]);
        }
    }
    for (int q = 0; q < count; q++)
        for (int o = 0; o < out; o++) {
            float f = 0;
            size_t at = (pixel + (size_t)q) * (size_t)out + (size_t)o;
            for (int l = 0; l < VL; l++)
                f += sum[o][q][l];
            for (size_t j = i; j < in; j++)
                f += weights[(size_t)o * in + j] * x[(size_t)q * in + j];
            f = f * p->scale[o] + p->shift[o];
            if (e->noise)
                f += e->strength * e->noise[pixel + (size_t)q];
            f *= f < 0 ? e->slope * e->gain : e->gain;
            if (e->clamp > 0)
                f = f > e->clamp ? e->clamp : f < -e->clamp ? -e->clamp : f;
            p->y[at] = e->add ? f + e->add[at] : f;
        }
}

#define FEW(out)                                                                                   \
    for (; pixels >= 4; pixels -= 4, from += 4)                                                    \
        few_pixels(p, weights, from, 4, out);                                                      \
    for (; pixels; pixels--, from++)                                                               \
        few_pixels(p, weights, from, 1, out);                                                      \
    break

static void few_outputs(const latent_conv_plan *p, const float *weights, size_t from, size_t pixels)
{
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

static const latent_conv_code code = {CODE_NAME, WIDTH, GROUP, DEPTH, run_item, few_outputs};
