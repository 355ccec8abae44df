/* clip_layers: see clip_layers.h */
#include "clip_layers.h"
#include "../kernels/gemm.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 8            /* running sums of one row, which the compiler keeps in vectors */
#define CHUNK_ROWS 1024    /* pixels of a convolution that are unfolded at a time */
#define NORM_EPSILON 1e-5f /* as in ops/transformer.c */
#define QUICK 1.702f

static void add_columns(size_t rows, int c, const float *g, float *sum)
{
    for (size_t r = 0; r < rows; r++)
        for (int k = 0; k < c; k++)
            sum[k] += g[r * (size_t)c + (size_t)k];
}

static void fill_rows(size_t rows, int c, const float *b, float *y)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * (size_t)c, b, (size_t)c * sizeof(float));
}

/* ---- a layer of matrices */

void latent_clip_linear(size_t rows, int in, int out, const float *x, const float *w,
                        const float *b, float *y)
{
    fill_rows(rows, out, b, y);
    latent_gemm_alone(0, 1, (int)rows, out, in, x, in, w, in, 1, y, out);
}

void latent_clip_linear_back(size_t rows, int in, int out, const float *x, const float *w,
                             const float *gy, float *gx, float *gw, float *gb)
{
    if (gw) {
        latent_gemm_alone(1, 0, out, in, (int)rows, gy, out, x, in, 1, gw, in);
        add_columns(rows, out, gy, gb);
    }
    if (gx)
        latent_gemm_alone(0, 0, (int)rows, in, out, gy, out, w, in, 0, gx, in);
}

/* ---- convolutions: unfolded, then a product of matrices */

static int chunk_of(const latent_clip_conv_size *s)
{
    int n = CHUNK_ROWS / (s->h * s->w);
    return n < 1 ? 1 : n > s->n ? s->n : n;
}

size_t latent_clip_conv_scratch(const latent_clip_conv_size *s)
{
    return (size_t)chunk_of(s) * (size_t)s->h * (size_t)s->w * 9 * (size_t)s->in;
}

/* n pictures to [n][h][w][3][3][in]. */
static void unfold(int n, const latent_clip_conv_size *s, const float *x, float *to)
{
    size_t c = (size_t)s->in;
    for (int p = 0; p < n; p++, x += (size_t)s->h * (size_t)s->w * c)
        for (int i = 0; i < s->h; i++)
            for (int j = 0; j < s->w; j++)
                for (int ky = -1; ky <= 1; ky++, to += 3 * c) {
                    const float *from;
                    if (i + ky < 0 || i + ky >= s->h) {
                        memset(to, 0, 3 * c * sizeof(float));
                        continue;
                    }
                    from = x + ((size_t)(i + ky) * (size_t)s->w + (size_t)j) * c;
                    if (j > 0)
                        memcpy(to, from - c, c * sizeof(float));
                    else
                        memset(to, 0, c * sizeof(float));
                    memcpy(to + c, from, c * sizeof(float));
                    if (j + 1 < s->w)
                        memcpy(to + 2 * c, from + c, c * sizeof(float));
                    else
                        memset(to + 2 * c, 0, c * sizeof(float));
                }
}

static void add_to(size_t n, const float *from, float *to)
{
    for (size_t k = 0; k < n; k++)
        to[k] += from[k];
}

/* The other way: what was unfolded is added up; x is cleared first. */
static void fold(int n, const latent_clip_conv_size *s, const float *from, float *x)
{
    size_t c = (size_t)s->in;
    memset(x, 0, (size_t)n * (size_t)s->h * (size_t)s->w * c * sizeof(float));
    for (int p = 0; p < n; p++, x += (size_t)s->h * (size_t)s->w * c)
        for (int i = 0; i < s->h; i++)
            for (int j = 0; j < s->w; j++)
                for (int ky = -1; ky <= 1; ky++, from += 3 * c) {
                    int left = j == 0, right = j + 1 == s->w;
                    float *to;
                    if (i + ky < 0 || i + ky >= s->h)
                        continue;
                    to = x + ((size_t)(i + ky) * (size_t)s->w + (size_t)(j - !left)) * c;
                    add_to((size_t)(3 - left - right) * c, from + (left ? c : 0), to);
                }
}

void latent_clip_conv(const latent_clip_conv_size *s, const float *x, const float *w,
                      const float *b, float *y, float *scratch)
{
    int chunk = chunk_of(s), pixels = s->h * s->w;
    for (int at = 0; at < s->n; at += chunk) {
        int n = s->n - at < chunk ? s->n - at : chunk;
        size_t first = (size_t)at * (size_t)pixels;
        unfold(n, s, x + first * (size_t)s->in, scratch);
        latent_clip_linear((size_t)(n * pixels), 9 * s->in, s->out, scratch, w, b,
                           y + first * (size_t)s->out);
    }
}

void latent_clip_conv_back(const latent_clip_conv_size *s, const float *x, const float *w,
                           const float *gy, float *gx, float *gw, float *gb, float *scratch)
{
    int chunk = chunk_of(s), pixels = s->h * s->w, in = 9 * s->in;
    for (int at = 0; at < s->n; at += chunk) {
        int n = s->n - at < chunk ? s->n - at : chunk;
        size_t first = (size_t)at * (size_t)pixels;
        const float *g = gy + first * (size_t)s->out;
        if (gw) {
            unfold(n, s, x + first * (size_t)s->in, scratch);
            latent_clip_linear_back((size_t)(n * pixels), in, s->out, scratch, w, g, NULL, gw, gb);
        }
        if (!gx)
            continue;
        latent_gemm_alone(0, 0, n * pixels, in, s->out, g, s->out, w, in, 0, scratch, in);
        fold(n, s, scratch, gx + first * (size_t)s->in);
    }
}

/* Words to [rows][3][in]. */
static void unfold_words(int n, const int *first, int in, const float *x, float *to)
{
    size_t c = (size_t)in, bytes = c * sizeof(float);
    for (int t = 0; t < n; t++)
        for (int i = first[t]; i < first[t + 1]; i++, to += 3 * c) {
            const float *from = x + (size_t)i * c;
            memset(to, 0, 3 * bytes);
            if (i > first[t])
                memcpy(to, from - c, bytes);
            memcpy(to + c, from, bytes);
            if (i + 1 < first[t + 1])
                memcpy(to + 2 * c, from + c, bytes);
        }
}

static void fold_words(int n, const int *first, int in, const float *from, float *x)
{
    size_t c = (size_t)in;
    memset(x, 0, (size_t)first[n] * c * sizeof(float));
    for (int t = 0; t < n; t++)
        for (int i = first[t]; i < first[t + 1]; i++, from += 3 * c) {
            float *to = x + (size_t)i * c;
            if (i > first[t])
                add_to(c, from, to - c);
            add_to(c, from + c, to);
            if (i + 1 < first[t + 1])
                add_to(c, from + 2 * c, to + c);
        }
}

void latent_clip_words(int n, const int *first, int in, int out, const float *x, const float *w,
                       const float *b, float *y, float *scratch)
{
    unfold_words(n, first, in, x, scratch);
    latent_clip_linear((size_t)first[n], 3 * in, out, scratch, w, b, y);
}

void latent_clip_words_back(int n, const int *first, int in, int out, const float *x,
                            const float *w, const float *gy, float *gx, float *gw, float *gb,
                            float *scratch)
{
    unfold_words(n, first, in, x, scratch);
    latent_clip_linear_back((size_t)first[n], 3 * in, out, scratch, w, gy, NULL, gw, gb);
    if (!gx)
        return;
    latent_gemm_alone(0, 0, first[n], 3 * in, out, gy, out, w, 3 * in, 0, scratch, 3 * in);
    fold_words(n, first, in, scratch, gx);
}

/* ---- layer norm, and what works number by number: compiled for AVX2 as well, which gives the same
   numbers sooner */

#define INLINE static inline __attribute__((always_inline))

INLINE float sum_lanes(const float *sum)
{
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

INLINE void norm_body(size_t rows, int c, const float *x, const float *gain, const float *bias,
                      float *y, float *moments)
{
    for (size_t r = 0; r < rows; r++, x += c, y += c) {
        float sum[LANES] = {0}, squares[LANES] = {0}, mean, rest = 0, rest2 = 0, scale;
        int i = 0;
        for (; i + LANES <= c; i += LANES)
            for (int l = 0; l < LANES; l++)
                sum[l] += x[i + l];
        for (; i < c; i++)
            rest += x[i];
        mean = (sum_lanes(sum) + rest) / (float)c;
        for (i = 0; i + LANES <= c; i += LANES)
            for (int l = 0; l < LANES; l++)
                squares[l] += (x[i + l] - mean) * (x[i + l] - mean);
        for (; i < c; i++)
            rest2 += (x[i] - mean) * (x[i] - mean);
        scale = 1 / sqrtf((sum_lanes(squares) + rest2) / (float)c + NORM_EPSILON);
        for (i = 0; i < c; i++)
            y[i] = (x[i] - mean) * scale * gain[i] + bias[i];
        moments[2 * r] = mean;
        moments[2 * r + 1] = scale;
    }
}

INLINE void norm_back_body(size_t rows, int c, const float *x, const float *gain,
                           const float *moments, const float *gy, float *gx, float *ggain,
                           float *gbias)
{
    for (size_t r = 0; r < rows; r++, x += c, gy += c, gx += c) {
        float mean = moments[2 * r], scale = moments[2 * r + 1], a, b;
        float sum[LANES] = {0}, along[LANES] = {0}, rest = 0, rest2 = 0;
        int i = 0;
        for (; i + LANES <= c; i += LANES)
            for (int l = 0; l < LANES; l++) {
                float g = gain[i + l] * gy[i + l];
                sum[l] += g;
                along[l] += g * ((x[i + l] - mean) * scale);
            }
        for (; i < c; i++) {
            rest += gain[i] * gy[i];
            rest2 += gain[i] * gy[i] * ((x[i] - mean) * scale);
        }
        a = (sum_lanes(sum) + rest) / (float)c;
        b = (sum_lanes(along) + rest2) / (float)c;
        for (i = 0; i < c; i++) {
            float normal = (x[i] - mean) * scale;
            if (ggain) {
                ggain[i] += gy[i] * normal;
                gbias[i] += gy[i];
            }
            gx[i] = scale * (gain[i] * gy[i] - a - normal * b);
        }
    }
}

/* Eight numbers at a time, in the compilers' vector notation (compilers make no vectors of a choice
   by themselves, for fear of traps). */
typedef float eight __attribute__((vector_size(32)));
typedef int32_t eight_bits __attribute__((vector_size(32)));

/* sigmoid(1.702 x), by way of the same exp() as kernels/exponential.h */
INLINE void sigmoid(const float *from, float *to)
{
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves no place for a fraction */
    eight x, n, r, p, scale;
    eight_bits low, high, bits;
    memcpy(&x, from, sizeof(x));
    x *= -QUICK;
    high = x > 80.0f;
    low = x < -80.0f;
    memcpy(&bits, &x, sizeof(x));
    bits = (bits & ~(high | low)) | (high & 0x42a00000) | (low & (int32_t)0xc2a00000); /* +-80 */
    memcpy(&x, &bits, sizeof(x));
    n = x * 1.44269504088896f + round - round;
    r = x - n * 0.693359375f + n * 2.12194440e-4f;
    p = 1 + r * (1 + r * (0.5f + r * (1.6666665459e-1f +
                                      r * (4.1665795894e-2f +
                                           r * (8.3334519073e-3f + r * 1.3981999507e-3f)))));
    bits = (__builtin_convertvector(n, eight_bits) + 127) << 23;
    memcpy(&scale, &bits, sizeof(scale));
    p = 1 / (1 + p * scale);
    memcpy(to, &p, sizeof(p));
}

INLINE void gelu_body(size_t n, const float *x, float *y)
{
    float s[LANES], last[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        sigmoid(x + i, s);
        for (int l = 0; l < LANES; l++)
            y[i + (size_t)l] = x[i + (size_t)l] * s[l];
    }
    memcpy(last, x + i, (n - i) * sizeof(float));
    sigmoid(last, s);
    for (int l = 0; i < n; i++, l++)
        y[i] = last[l] * s[l];
}

INLINE void gelu_back_body(size_t n, const float *x, float *g)
{
    float s[LANES], last[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        sigmoid(x + i, s);
        for (int l = 0; l < LANES; l++)
            g[i + (size_t)l] *= s[l] * (1 + QUICK * x[i + (size_t)l] * (1 - s[l]));
    }
    memcpy(last, x + i, (n - i) * sizeof(float));
    sigmoid(last, s);
    for (int l = 0; i < n; i++, l++)
        g[i] *= s[l] * (1 + QUICK * last[l] * (1 - s[l]));
}

#ifdef __x86_64__
#define WIDE(name, parameters, arguments)                                                          \
    __attribute__((target("avx2"))) static void name##_wide parameters                             \
    {                                                                                              \
        name##_body arguments;                                                                     \
    }                                                                                              \
    void latent_clip_##name parameters                                                             \
    {                                                                                              \
        if (__builtin_cpu_supports("avx2"))                                                        \
            name##_wide arguments;                                                                 \
        else                                                                                       \
            name##_body arguments;                                                                 \
    }
#else
#define WIDE(name, parameters, arguments)                                                          \
    void latent_clip_##name parameters                                                             \
    {                                                                                              \
        name##_body arguments;                                                                     \
    }
#endif

WIDE(norm,
     (size_t rows, int c, const float *x, const float *gain, const float *bias, float *y,
      float *moments),
     (rows, c, x, gain, bias, y, moments))
WIDE(norm_back,
     (size_t rows, int c, const float *x, const float *gain, const float *moments, const float *gy,
      float *gx, float *ggain, float *gbias),
     (rows, c, x, gain, moments, gy, gx, ggain, gbias))
WIDE(gelu, (size_t n, const float *x, float *y), (n, x, y))
WIDE(gelu_back, (size_t n, const float *x, float *g), (n, x, g))

void latent_clip_pool(size_t n, int rows, int c, const float *x, float *y)
{
    float scale = 1 / (float)rows;
    for (size_t b = 0; b < n; b++, y += c) {
        memset(y, 0, (size_t)c * sizeof(float));
        for (int r = 0; r < rows; r++, x += c)
            add_to((size_t)c, x, y);
        for (int k = 0; k < c; k++)
            y[k] *= scale;
    }
}

void latent_clip_pool_back(size_t n, int rows, int c, const float *gy, float *gx)
{
    float scale = 1 / (float)rows;
    for (size_t b = 0; b < n; b++, gy += c)
        for (int r = 0; r < rows; r++, gx += c)
            for (int k = 0; k < c; k++)
                gx[k] = scale * gy[k];
}

void latent_clip_squares(int n, int h, int w, int c, const float *x, float *y)
{
    size_t run = 2 * (size_t)c;
    for (int p = 0; p < n * h / 2; p++) /* pairs of rows */
        for (int half = 0; half < 2; half++)
            for (int j = 0; j < w / 2; j++, x += run)
                memcpy(y + ((size_t)p * (size_t)(w / 2) + (size_t)j) * 2 * run + (size_t)half * run,
                       x, run * sizeof(float));
}

void latent_clip_squares_back(int n, int h, int w, int c, const float *y, float *x)
{
    size_t run = 2 * (size_t)c;
    for (int p = 0; p < n * h / 2; p++)
        for (int half = 0; half < 2; half++)
            for (int j = 0; j < w / 2; j++, x += run)
                memcpy(x,
                       y + ((size_t)p * (size_t)(w / 2) + (size_t)j) * 2 * run + (size_t)half * run,
                       run * sizeof(float));
}
