/* Tests of kernels/conv against the formulas of conv.h, computed directly in double precision. */
#include "engine/base/parallel.h"
#include "engine/kernels/backward_data.h"
#include "engine/kernels/conv.h"
#include "engine/kernels/conv_plan.h"
#include "helper_sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned state = 1;
static const latent_conv_code *by; /* or NULL for this processor's best */

static float number(void)
{
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (float)(1 << 23) - 1;
}

static float *numbers(size_t n)
{
    float *v = malloc(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        v[i] = number();
    return v;
}

/* The convolution alone: t[rows][columns][out], from x times in_scale.  *rows and *columns are
   those of t: 2h + 1 when kernel 3 is transposed. */
UNWATCHED static double *convolve(latent_conv_spec s, const float *weights, int h, int w,
                                  const float *x, const float *in_scale, int *rows, int *columns)
{
    int k = s.kernel, transposed = s.up == 2 && k == 3;
    double *t;
    *rows = transposed ? 2 * h + 1 : h;
    *columns = transposed ? 2 * w + 1 : w;
    t = calloc((size_t)*rows * (size_t)*columns * (size_t)s.out, sizeof(double));
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            for (int a = 0; a < k; a++)
                for (int b = 0; b < k; b++) {
                    int r = transposed ? 2 * i + a : i - a + k / 2;
                    int q = transposed ? 2 * j + b : j - b + k / 2;
                    if (r < 0 || q < 0 || r >= *rows || q >= *columns)
                        continue;
                    for (int o = 0; o < s.out; o++)
                        for (int c = 0; c < s.in; c++)
                            t[(r * *columns + q) * s.out + o] +=
                                (double)weights[((o * s.in + c) * k + a) * k + b] *
                                (double)x[(i * w + j) * s.in + c] *
                                (in_scale ? (double)in_scale[c] : 1);
                }
    return t;
}

/* The blur of the up-sampling: y[2h][2w][out] from t, which for kernel 1 gets zeros between. */
UNWATCHED static double *blur(latent_conv_spec s, int h, int w, const double *t, int rows,
                              int columns)
{
    static const double f[4] = {1, 3, 3, 1};
    double *y = calloc((size_t)(4 * h * w * s.out), sizeof(double));
    for (int r = 0; r < 2 * h; r++)
        for (int q = 0; q < 2 * w; q++)
            for (int a = 0; a < 4; a++)
                for (int b = 0; b < 4; b++) {
                    int i = s.kernel == 3 ? r + a - 1 : r + a - 2;
                    int j = s.kernel == 3 ? q + b - 1 : q + b - 2;
                    if (s.kernel == 1 && ((i | j) & 1))
                        continue;
                    if (s.kernel == 1) {
                        i /= 2;
                        j /= 2;
                    }
                    if (i < 0 || j < 0 || i >= rows || j >= columns)
                        continue;
                    for (int o = 0; o < s.out; o++)
                        y[(r * 2 * w + q) * s.out + o] +=
                            f[a] * f[b] / 16 * t[(i * columns + j) * s.out + o];
                }
    return y;
}

/* Up -2: y[h/2][w/2][out]. */
UNWATCHED static double *shrink(latent_conv_spec s, const float *weights, int h, int w,
                                const float *x, const float *in_scale)
{
    static const double f[4] = {1, 3, 3, 1};
    size_t in = (size_t)s.in, line = (size_t)(w + 1) * in;
    double *b = calloc((size_t)(h + 1) * line, sizeof(double));
    double *y = calloc((size_t)(h / 2 * (w / 2) * s.out), sizeof(double));
    for (int r = 0; r <= h; r++)
        for (int q = 0; q <= w; q++)
            for (int k = 0; k < 16; k++) {
                int i = r + k / 4 - 2, j = q + k % 4 - 2;
                if (i < 0 || j < 0 || i >= h || j >= w)
                    continue;
                for (int c = 0; c < s.in; c++)
                    b[(size_t)r * line + (size_t)(q * s.in + c)] +=
                        f[k / 4] * f[k % 4] / 64 * (double)x[(i * w + j) * s.in + c] *
                        (in_scale ? (double)in_scale[c] : 1);
            }
    for (int r = 0; r < h / 2; r++)
        for (int q = 0; q < w / 2; q++)
            for (int k = 0; k < 9; k++)
                for (int o = 0; o < s.out; o++)
                    for (int c = 0; c < s.in; c++)
                        y[(r * (w / 2) + q) * s.out + o] +=
                            (double)weights[(o * s.in + c) * 9 + k] *
                            b[(size_t)(2 * r + k / 3) * line +
                              (size_t)((2 * q + k % 3) * s.in + c)];
    free(b);
    return y;
}

UNWATCHED static void finish(latent_conv_spec s, size_t pixels, const latent_conv_end *end,
                             double *y)
{
    for (size_t p = 0; p < pixels; p++)
        for (int o = 0; o < s.out; o++) {
            double v = y[p * (size_t)s.out + (size_t)o];
            v *= end->out_scale ? (double)end->out_scale[o] : 1;
            v += end->noise ? (double)end->strength * (double)end->noise[p] : 0;
            v += end->bias ? (double)end->bias[o] : 0;
            v *= (v < 0 ? (double)end->slope : 1) * (double)end->gain;
            if (end->clamp > 0)
                v = fmax(fmin(v, (double)end->clamp), -(double)end->clamp);
            v += end->add ? (double)end->add[p * (size_t)s.out + (size_t)o] : 0;
            y[p * (size_t)s.out + (size_t)o] = v;
        }
}

enum { SCALED = 1, DEMODULATED = 2, NOISY = 4, BIASED = 8, LEAKY = 16, CLAMPED = 32, ADDED = 64 };
#define ALL 127

/* Of a picture whose smaller form has n pixels. */
static int side_of_x(latent_conv_spec s, int n)
{
    return s.up == -2 ? 2 * n : n;
}

static int side_of_y(latent_conv_spec s, int n)
{
    return s.up == 2 ? 2 * n : n;
}

/* The error's root mean square over the result's. */
static double compare(latent_conv_spec s, int h, int w, int options)
{
    int x_h = side_of_x(s, h), x_w = side_of_x(s, w);
    size_t pixels = (size_t)(side_of_y(s, h) * side_of_y(s, w)), count = pixels * (size_t)s.out;
    size_t taps = (size_t)(s.kernel * s.kernel);
    float *weights = numbers((size_t)s.in * (size_t)s.out * taps);
    float *x = numbers((size_t)(x_h * x_w * s.in)), *in_scale = numbers((size_t)s.in);
    float *out_scale = numbers((size_t)s.out), *noise = numbers(pixels);
    float *bias = numbers((size_t)s.out), *add = numbers(count);
    float *y = malloc(count * sizeof(float));
    const float *style = options & SCALED ? in_scale : NULL;
    latent_conv_end end = {options & DEMODULATED ? out_scale : NULL,
                           options & NOISY ? noise : NULL,
                           0.7f,
                           options & BIASED ? bias : NULL,
                           options & LEAKY ? 0.2f : 1,
                           options & LEAKY ? 1.41421356f : 1,
                           options & CLAMPED ? 0.8f : 0,
                           options & ADDED ? add : NULL};
    latent_error e;
    latent_conv *c;
    double *t, *expected, error = 0, power = 0;
    int rows, columns;
    for (size_t i = 0; i < (size_t)s.in * (size_t)s.out * taps; i++)
        weights[i] *= 2 / sqrtf((float)s.in * (float)taps); /* so that the clamp cuts some */
    c = by ? latent_conv_new_by(by, s, weights, &e) : latent_conv_new(s, weights, &e);
    assert_non_null(c);
    for (size_t i = 0; i < count; i++)
        y[i] = NAN; /* every number must be written */
    assert_int_equal(latent_conv_forward(c, x_h, x_w, x, style, &end, y, &e), 0);
    t = s.up == -2 ? shrink(s, weights, x_h, x_w, x, style)
                   : convolve(s, weights, h, w, x, style, &rows, &columns);
    expected = s.up == 2 ? blur(s, h, w, t, rows, columns) : t;
    finish(s, pixels, &end, expected);
    for (size_t i = 0; i < count; i++) {
        error += ((double)y[i] - expected[i]) * ((double)y[i] - expected[i]);
        power += expected[i] * expected[i];
    }
    if (expected != t)
        free(expected);
    free(t);
    latent_conv_free(c);
    free(weights);
    free(x);
    free(in_scale);
    free(out_scale);
    free(noise);
    free(bias);
    free(add);
    free(y);
    return sqrt(error / power);
}

static void check(latent_conv_spec s, int h, int w, int options)
{
    double error = compare(s, h, w, options);
    if (!(error <= 1e-5)) /* also when it is not a number */
        fail_msg("%d to %d channels, kernel %d, up %d, %d x %d, options %d: error %.2g", s.in,
                 s.out, s.kernel, s.up, h, w, options, error);
}

static const latent_conv_spec kinds[] = {
    {0, 0, 1, 1}, {0, 0, 3, 1}, {0, 0, 1, 2}, {0, 0, 3, 2}, {0, 0, 3, -2}};
#define KINDS 5

static latent_conv_spec kind(int i, int in, int out)
{
    latent_conv_spec s = kinds[i];
    s.in = in;
    s.out = out;
    return s;
}

static void test_shapes(void **unused)
{
    static const int sizes[][2] = {{1, 1}, {1, 9},   {9, 1},   {2, 3},   {4, 4},  {5, 7},
                                   {8, 8}, {13, 11}, {16, 16}, {17, 30}, {33, 20}};
    static const int channels[][2] = {{1, 1}, {3, 5}, {16, 16}, {17, 33}, {40, 3}};
    (void)unused;
    for (int i = 0; i < KINDS; i++)
        for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
            for (size_t c = 0; c < sizeof(channels) / sizeof(*channels); c++)
                check(kind(i, channels[c][0], channels[c][1]), sizes[s][0], sizes[s][1], ALL);
}

static void test_options(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++)
        for (int options = 0; options <= ALL; options++)
            check(kind(i, 6, 19), 7, 10, options);
}

static void test_large(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++) {
        check(kind(i, 512, 128), 4, 4, ALL);
        check(kind(i, 1100, 3), 3, 8, ALL);
        check(kind(i, 8, 12), THOROUGH(200, 40), 130, ALL);
        check(kind(i, 72, 64), THOROUGH(37, 5), 64, ALL);
        if (!SANITIZED)
            check(kind(i, 128, 160), 16, 16, ALL);
    }
}

/* Long rows of many tiles, which go through all steps a few at a time. */
static void test_long_rows(void **unused)
{
    (void)unused;
    for (int up = 1; up <= 2; up++) {
        check((latent_conv_spec){64, 64, 3, up}, THOROUGH(21, 5), 331, ALL);
        check((latent_conv_spec){128, 60, 3, up}, 18, THOROUGH(230, 90), ALL);
        check((latent_conv_spec){24, 3, 3, up}, THOROUGH(19, 5), 402, ALL);
        check((latent_conv_spec){9, 130, 3, up}, 13, THOROUGH(200, 60), ALL);
    }
}

/* Large pictures of many channels, of which each thread takes strips. */
static void test_strips(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++) {
        if (kinds[i].kernel == 1)
            continue;
        check(kind(i, 20, 24), 69, 64, ALL);
        if (!SANITIZED)
            check(kind(i, 150, 210), 70, 62, ALL);
    }
}

/* Small pictures of many outputs, of which each thread takes groups. */
static void test_groups(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++)
        for (int size = 3; size <= THOROUGH(12, 9); size += 3)
            check(kind(i, 20, 128), size, size + 1, ALL);
}

/* What runs on the least of processors, and what this one has beside its best. */
static void test_other_codes(void **unused)
{
    const latent_conv_code *codes[] = {latent_conv_code_base(), latent_conv_code_avx2()};
    (void)unused;
#ifdef __SANITIZE_THREAD__
    skip(); /* each thread's part is the same for all */
#endif
    for (int k = 0; k < 2; k++) {
        if (!(by = codes[k]))
            continue;
        for (int i = 0; i < KINDS; i++) {
            check(kind(i, 17, 33), 13, 11, ALL);
            check(kind(i, 16, 16), 4, 4, ALL);
            check(kind(i, 140, 33), 8, 8, ALL);
            check(kind(i, 140, 17), 5, 4, ALL);
            check(kind(i, 140, 9), 3, 9, ALL);
            check(kind(i, 140, 40), THOROUGH(50, 4), 52, ALL);
            check(kind(i, 40, 3), 9, 9, ALL);
        }
        test_long_rows(NULL);
        test_strips(NULL);
        test_groups(NULL);
    }
    by = NULL;
}

/* The same bytes, whatever the number of threads. */
static void test_threads(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++)
        for (int size = 4; size <= THOROUGH(256, 64); size *= 4) {
            latent_conv_spec s = kind(i, 48, 40);
            int side = side_of_x(s, size);
            size_t pixels = (size_t)(side_of_y(s, size) * side_of_y(s, size));
            float *weights = numbers(48 * 40 * 9), *x = numbers((size_t)(side * side * 48));
            float *one = malloc(pixels * 40 * sizeof(float));
            float *three = malloc(pixels * 40 * sizeof(float));
            latent_conv_end end = {NULL, NULL, 0, NULL, 0.2f, 1, 0, NULL};
            latent_conv *c = latent_conv_new(s, weights, NULL);
            latent_threads_set(1);
            assert_int_equal(latent_conv_forward(c, side, side, x, NULL, &end, one, NULL), 0);
            latent_threads_set(3);
            assert_int_equal(latent_conv_forward(c, side, side, x, NULL, &end, three, NULL), 0);
            assert_memory_equal(one, three, pixels * 40 * sizeof(float));
            latent_conv_free(c);
            free(weights);
            free(x);
            free(one);
            free(three);
        }
}

/* <A x, g> = <x, A* g>, where A has a scale at its outputs. */
static void test_adjoint(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++)
        for (int size = 2; size <= 50; size += 16) {
            latent_conv_spec s = kind(i, 20, 33);
            int x_side = side_of_x(s, size), y_side = side_of_y(s, size);
            size_t x_count = (size_t)(x_side * x_side * 20),
                   y_count = (size_t)(y_side * y_side * 33);
            float *weights = numbers(20 * 33 * 9), *scale = numbers(33);
            float *x = numbers(x_count), *g = numbers(y_count);
            float *y = malloc(y_count * sizeof(float)), *gx = malloc(x_count * sizeof(float));
            latent_conv_end end = {.out_scale = scale, .slope = 1, .gain = 1};
            latent_conv *c = latent_conv_new(s, weights, NULL);
            latent_backward_data *a = latent_backward_data_new(s, weights, NULL);
            double one = 0, other = 0, power = 0;
            assert_int_equal(latent_conv_forward(c, x_side, x_side, x, NULL, &end, y, NULL), 0);
            assert_int_equal(latent_backward_data_run(a, x_side, x_side, g, scale, gx, NULL), 0);
            for (size_t k = 0; k < y_count; k++) {
                one += (double)y[k] * (double)g[k];
                power += (double)y[k] * (double)y[k] * (double)g[k] * (double)g[k];
            }
            for (size_t k = 0; k < x_count; k++)
                other += (double)x[k] * (double)gx[k];
            assert_true(fabs(one - other) < 1e-5 * sqrt(power));
            latent_conv_free(c);
            latent_backward_data_free(a);
            free(weights);
            free(scale);
            free(x);
            free(g);
            free(y);
            free(gx);
        }
}

/* Many pictures at once: as each for itself.  Weights from another layout. */
static void check_batch(latent_conv_spec s, int n, int size, int options)
{
    int x_side = side_of_x(s, size), y_side = side_of_y(s, size);
    size_t in = (size_t)s.in, out = (size_t)s.out, taps = (size_t)(s.kernel * s.kernel);
    size_t x_each = (size_t)(x_side * x_side) * in, pixels = (size_t)(y_side * y_side);
    size_t y_each = pixels * out, count = (size_t)n;
    float *weights = numbers(in * out * taps), *other = malloc(in * out * taps * sizeof(float));
    float *x = numbers(count * x_each), *add = numbers(count * y_each);
    float *scale = numbers(count * out), *noise = numbers(count * pixels), *bias = numbers(out);
    float *style = options & SCALED ? numbers(count * in) : NULL;
    float *y = malloc(count * y_each * sizeof(float)), *one = malloc(y_each * sizeof(float));
    latent_conv_end end = {options & DEMODULATED ? scale : NULL,
                           options & NOISY ? noise : NULL,
                           0.7f,
                           options & BIASED ? bias : NULL,
                           0.2f,
                           1.41421356f,
                           options & CLAMPED ? 0.8f : 0,
                           options & ADDED ? add : NULL};
    latent_error e;
    latent_conv *c = latent_conv_new(s, weights, &e);
    latent_conv_workspace *room = latent_conv_workspace_new();
    double error = 0, power = 0;
    for (size_t o = 0; o < out; o++) /* [tap][in][out], turned */
        for (size_t i = 0; i < in; i++)
            for (size_t t = 0; t < taps; t++)
                other[((taps - 1 - t) * in + i) * out + o] = weights[(o * in + i) * taps + t];
    for (size_t i = 0; i < count * y_each; i++)
        y[i] = NAN;
    if (latent_conv_batch(s, room, other, (latent_conv_layout){1, out, in * out, 1},
                          &(latent_conv_pictures){n, x_side, x_side, x, style}, &end, y, &e))
        fail_msg("%s", e.text);
    for (size_t b = 0; b < count; b++) {
        latent_conv_end here = end;
        here.out_scale = end.out_scale ? scale + b * out : NULL;
        here.noise = end.noise ? noise + b * pixels : NULL;
        here.add = end.add ? add + b * y_each : NULL;
        assert_int_equal(latent_conv_forward(c, x_side, x_side, x + b * x_each,
                                             style ? style + b * in : NULL, &here, one, &e),
                         0);
        for (size_t i = 0; i < y_each; i++) {
            double d = (double)y[b * y_each + i] - (double)one[i];
            error += d * d;
            power += (double)one[i] * (double)one[i];
        }
    }
    if (!(error <= 1e-10 * power))
        fail_msg("%d to %d channels, kernel %d, up %d, %d pictures of %d: error %.2g", s.in, s.out,
                 s.kernel, s.up, n, size, sqrt(error / power));
    latent_conv_free(c);
    latent_conv_workspace_free(room);
    free(weights);
    free(other);
    free(x);
    free(add);
    free(scale);
    free(noise);
    free(style);
    free(bias);
    free(y);
    free(one);
}

static void test_batch(void **unused)
{
    static const int sizes[] = {1, 4, 5, 8, 12, 16, 32, 64};
    (void)unused;
    for (int i = 0; i < KINDS; i++)
        for (int s = 0; s < THOROUGH(8, 7); s++) {
            check_batch(kind(i, 17, 20), 5, sizes[s], ALL);
            check_batch(kind(i, 17, 20), 4, sizes[s], s % 2 ? BIASED : ALL & ~SCALED);
            check_batch(kind(i, 32, 3), 2, sizes[s], s % 2 ? ALL : BIASED);
        }
    for (int i = 0; i < KINDS; i++) {
        check_batch(kind(i, 256, 192), THOROUGH(16, 2), 8, ALL);
        check_batch(kind(i, 256, 192), THOROUGH(4, 2), 4, ALL & ~SCALED);
        check_batch(kind(i, 40, 64), THOROUGH(7, 2), THOROUGH(64, 20), 0);
        check_batch(kind(i, 140, 72), 3, 40, ALL);
        check_batch(kind(i, 20, 24), 66, 4, ALL); /* so many that they fall into strips */
    }
}

/* <gradient, W> = <g, convolution by W>, for any W. */
static void check_weights(latent_conv_spec s, int n, int size, int turned)
{
    int x_side = side_of_x(s, size), y_side = side_of_y(s, size);
    size_t weights = (size_t)(s.in * s.out * s.kernel * s.kernel), in = (size_t)s.in;
    size_t y_count = (size_t)(n * y_side * y_side * s.out);
    latent_conv_layout layout = {1, (size_t)s.out, in * (size_t)s.out, turned};
    float *style = s.up == -2 || n == 3 ? NULL : numbers((size_t)n * in);
    float *x = numbers((size_t)(n * x_side * x_side) * in), *g = numbers(y_count);
    float *gw = numbers(weights), *before = malloc(weights * sizeof(float));
    float *y = malloc(y_count * sizeof(float));
    latent_conv_end end = {.slope = 1, .gain = 1};
    latent_conv_workspace *room = latent_conv_workspace_new();
    latent_conv_pictures f = {n, x_side, x_side, x, style};
    latent_error e;
    if (!turned) /* the inputs side by side */
        layout = (latent_conv_layout){in, 1, in * (size_t)s.out, 0};
    memcpy(before, gw, weights * sizeof(float));
    assert_int_equal(latent_conv_backward_weights(s, room, &f, g, gw, layout, &e), 0);
    for (int round = 0; round < 3; round++) {
        float *w = numbers(weights);
        double one = 0, other = 0, power = 0;
        assert_int_equal(latent_conv_batch(s, room, w, layout, &f, &end, y, &e), 0);
        for (size_t i = 0; i < y_count; i++) {
            one += (double)y[i] * (double)g[i];
            power += (double)y[i] * (double)y[i] * (double)g[i] * (double)g[i];
        }
        for (size_t i = 0; i < weights; i++)
            other += (double)w[i] * ((double)gw[i] - (double)before[i]);
        if (!(fabs(one - other) < 4e-5 * sqrt(power))) /* 1.5e-5 to 2.7e-5 by other numbers */
            fail_msg("%d to %d channels, kernel %d, up %d, %d pictures of %d: %g, not %g", s.in,
                     s.out, s.kernel, s.up, n, size, other, one);
        free(w);
    }
    latent_conv_workspace_free(room);
    free(x);
    free(g);
    free(gw);
    free(style);
    free(before);
    free(y);
}

static void test_weights(void **unused)
{
    static const int sizes[] = {1, 4, 5, 8, 12, 16, 64};
    latent_error e;
    (void)unused;
    for (int i = 0; i < KINDS; i++) {
        if (kinds[i].kernel == 1 && kinds[i].up != 1)
            continue;
        for (int s = 0; s < THOROUGH(7, 6); s++) {
            check_weights(kind(i, 17, 20), 1, sizes[s], s % 2);
            check_weights(kind(i, 32, 3), 3, sizes[s], 1);
            check_weights(kind(i, 19, 33), 4, sizes[s], s % 2);
        }
        check_weights(kind(i, 200, 140), THOROUGH(5, 2), 8, 0);
        check_weights(kind(i, 64, 40), THOROUGH(7, 2), THOROUGH(64, 20), 1);
    }
    assert_int_equal(latent_conv_backward_weights((latent_conv_spec){1, 1, 1, 2}, NULL,
                                                  &(latent_conv_pictures){.n = 1, .h = 4, .w = 4},
                                                  NULL, NULL, (latent_conv_layout){1, 1, 1, 0}, &e),
                     -1);
    assert_int_equal(latent_conv_batch((latent_conv_spec){1, 1, 1, -2}, NULL, NULL,
                                       (latent_conv_layout){1, 1, 1, 0},
                                       &(latent_conv_pictures){.n = 1, .h = 4, .w = 4}, NULL, NULL,
                                       &e),
                     -1);
}

/* A batch and its weights' gradient are the same bytes, whatever the number of threads. */
static void check_batch_threads(latent_conv_spec s, int n, int size)
{
    size_t y_count = (size_t)(side_of_y(s, size) * side_of_y(s, size) * n * s.out);
    size_t in = (size_t)s.in, weights_count = in * (size_t)s.out * 9;
    const latent_conv_layout layout = {in * 9, 9, 1, 0};
    int side = side_of_x(s, size);
    float *weights = numbers(weights_count), *x = numbers((size_t)(side * side * n) * in);
    float *g = numbers(y_count), *y[2], *gw[2];
    latent_conv_end end = {.slope = 0.2f, .gain = 1};
    latent_conv_pictures f = {n, side, side, x, NULL};
    latent_conv_workspace *room = latent_conv_workspace_new();
    for (int i = 0; i < 2; i++) {
        y[i] = malloc(y_count * sizeof(float));
        gw[i] = calloc(weights_count, sizeof(float));
        latent_threads_set(1 + 2 * i);
        assert_int_equal(latent_conv_batch(s, room, weights, layout, &f, &end, y[i], NULL), 0);
        assert_int_equal(latent_conv_backward_weights(s, room, &f, g, gw[i], layout, NULL), 0);
    }
    latent_threads_set(2);
    assert_memory_equal(y[0], y[1], y_count * sizeof(float));
    assert_memory_equal(gw[0], gw[1], weights_count * sizeof(float));
    latent_conv_workspace_free(room);
    free(weights);
    free(x);
    free(g);
    for (int i = 0; i < 2; i++) {
        free(y[i]);
        free(gw[i]);
    }
}

static void test_batch_threads(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].kernel == 3)
            check_batch_threads(kind(i, 24, 40), 6, 32);
}

/* A number that is none stays none, and only where it belongs. */
static void test_not_a_number(void **unused)
{
    (void)unused;
    for (int i = 0; i < KINDS; i++) {
        latent_conv_spec s = kind(i, 8, 8);
        float *weights = numbers(8 * 8 * 9), *x = numbers(40 * 40 * 8);
        float *y = malloc(80 * 80 * 8 * sizeof(float));
        latent_conv_end end = {NULL, NULL, 0, NULL, 0.2f, 1, 256, NULL};
        latent_conv *c = latent_conv_new(s, weights, NULL);
        int side = s.up == -2 ? 20 : 40; /* the smaller one */
        x[0] = NAN;
        assert_int_equal(latent_conv_forward(c, 40, 40, x, NULL, &end, y, NULL), 0);
        assert_true(isnan(y[0]));
        assert_false(isnan(y[(size_t)(side_of_y(s, side) * side_of_y(s, side) * 8 - 1)]));
        latent_conv_free(c);
        free(weights);
        free(x);
        free(y);
    }
}

static void test_energy(void **unused)
{
    latent_conv_spec s = {5, 7, 3, 1};
    float *weights = numbers(5 * 7 * 9);
    latent_conv *c = latent_conv_new(s, weights, NULL);
    (void)unused;
    for (int i = 0; i < 5 * 7; i++) {
        double sum = 0;
        for (int t = 0; t < 9; t++)
            sum += (double)weights[i * 9 + t] * (double)weights[i * 9 + t];
        assert_true(fabs(sum - (double)latent_conv_energy(c)[i]) < 1e-6 * sum);
    }
    assert_int_equal(latent_conv_get_spec(c).out, 7);
    assert_true(latent_conv_bytes(c) >= 5 * 7 * 10 * sizeof(float));
    latent_conv_free(c);
    free(weights);
}

static void test_refused(void **unused)
{
    latent_conv_end end = {.slope = 1, .gain = 1};
    latent_error e;
    latent_conv *c;
    float w[25] = {0}, y[4];
    (void)unused;
    assert_null(latent_conv_new((latent_conv_spec){1, 1, 5, 1}, w, &e));
    assert_non_null(strstr(e.text, "kernel 5"));
    assert_null(latent_conv_new((latent_conv_spec){1, 1, 3, 3}, w, &e));
    assert_null(latent_conv_new((latent_conv_spec){0, 1, 3, 1}, w, &e));
    assert_null(latent_conv_new((latent_conv_spec){1, 1, 1, -2}, w, &e));
    c = latent_conv_new((latent_conv_spec){1, 1, 3, -2}, w, &e);
    assert_non_null(c);
    assert_int_equal(latent_conv_forward(c, 3, 4, w, NULL, &end, y, &e), -1);
    assert_non_null(strstr(e.text, "halved"));
    latent_conv_free(c);
    latent_conv_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),       cmocka_unit_test(test_options),
        cmocka_unit_test(test_large),        cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_energy),
        cmocka_unit_test(test_not_a_number), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_adjoint),      cmocka_unit_test(test_batch),
        cmocka_unit_test(test_weights),      cmocka_unit_test(test_strips),
        cmocka_unit_test(test_other_codes),  cmocka_unit_test(test_batch_threads),
        cmocka_unit_test(test_groups),
    };
    latent_threads_set(2);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
