/* test_architectures: whole generators of many shapes against a slow one in double precision,
   written here from the formulas of the paper with nothing shared: skip, resnet and orig networks,
   odd widths, one and four picture channels, clamps, W+, no noise, random weights. */
#include "engine/graph/evaluate.h"
#include "helper_network.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the slow one: planes of doubles, [c][h][w] */

typedef struct {
    int c, h, w;
    double *v;
} planes;

static planes planes_new(int c, int h, int w)
{
    planes p = {c, h, w, calloc((size_t)(c * h * w), sizeof(double))};
    return p;
}

static double at(planes p, int c, int y, int x)
{
    return y < 0 || x < 0 || y >= p.h || x >= p.w ? 0 : p.v[(c * p.h + y) * p.w + x];
}

/* Zeros between and around (2 before, 1 after), then [1 3 3 1] x [1 3 3 1] / 64, gain 4. */
static planes slow_enlarge(planes x)
{
    static const double f[4] = {1, 3, 3, 1};
    planes y = planes_new(x.c, 2 * x.h, 2 * x.w);
    for (int c = 0; c < x.c; c++)
        for (int i = 0; i < y.h; i++)
            for (int j = 0; j < y.w; j++)
                for (int a = 0; a < 4; a++)
                    for (int b = 0; b < 4; b++) {
                        int r = i + a - 2, s = j + b - 2;
                        if (r % 2 == 0 && s % 2 == 0)
                            y.v[(c * y.h + i) * y.w + j] +=
                                f[a] * f[b] / 16 * at(x, c, r / 2, s / 2);
                    }
    return y;
}

/* Weights modulated and demodulated as in the paper, then a correlation, or a transposed one of
   stride 2 followed by the blur. */
static planes slow_conv(planes x, const float *weight, int out, int k, const double *s,
                        int demodulate, double gain, int up)
{
    int in = x.c;
    double *w = malloc(sizeof(double) * (size_t)(out * in * k * k));
    planes y = planes_new(out, x.h * up + (up == 2), x.w * up + (up == 2));
    for (int o = 0; o < out; o++) {
        double sum = 0, d = 1;
        for (int i = 0; i < in; i++)
            for (int t = 0; t < k * k; t++) {
                double v = gain * weight[(o * in + i) * k * k + t] * (s ? s[i] : 1);
                w[(o * in + i) * k * k + t] = v;
                sum += v * v;
            }
        if (demodulate)
            d = 1 / sqrt(sum + 1e-8);
        for (int i = 0; i < in * k * k; i++)
            w[o * in * k * k + i] *= d;
    }
    for (int o = 0; o < out; o++)
        for (int i = 0; i < in; i++)
            for (int a = 0; a < k; a++)
                for (int b = 0; b < k; b++) {
                    double v = w[((o * in + i) * k + a) * k + b];
                    if (up == 1)
                        for (int r = 0; r < y.h; r++)
                            for (int c = 0; c < y.w; c++)
                                y.v[(o * y.h + r) * y.w + c] +=
                                    v * at(x, i, r + a - k / 2, c + b - k / 2);
                    else
                        for (int r = 0; r < x.h; r++)
                            for (int c = 0; c < x.w; c++)
                                y.v[(o * y.h + 2 * r + a) * y.w + 2 * c + b] += v * at(x, i, r, c);
                }
    free(w);
    if (up == 2) {
        static const double f[4] = {1, 3, 3, 1};
        planes blurred = planes_new(out, 2 * x.h, 2 * x.w);
        for (int o = 0; o < out; o++)
            for (int r = 0; r < blurred.h; r++)
                for (int c = 0; c < blurred.w; c++)
                    for (int a = 0; a < 4; a++)
                        for (int b = 0; b < 4; b++)
                            blurred.v[(o * blurred.h + r) * blurred.w + c] +=
                                f[a] * f[b] / 16 * at(y, o, r + a - 1, c + b - 1);
        free(y.v);
        y = blurred;
    }
    return y;
}

static double limit(double v, double clamp)
{
    return clamp > 0 ? fmin(fmax(v, -clamp), clamp) : v;
}

static void slow_style(const network *n, const char *where, int in, const double *w, double gain,
                       double *s)
{
    const float *a = network_get(n, "%s.affine.weight", where),
                *b = network_get(n, "%s.affine.bias", where);
    for (int i = 0; i < in; i++) {
        s[i] = b[i];
        for (int k = 0; k < n->p.w; k++)
            s[i] += a[i * n->p.w + k] * w[k] / sqrt(n->p.w);
        s[i] *= gain;
    }
}

static planes slow_layer(const network *n, const char *where, planes x, int out, const double *w,
                         int up, double gain)
{
    double s[64];
    const float *bias = network_get(n, "%s.bias", where),
                *noise = network_get(n, "%s.noise_const", where);
    const float *strength = network_get(n, "%s.noise_strength", where);
    planes y;
    slow_style(n, where, x.c, w, 1, s);
    y = slow_conv(x, network_get(n, "%s.weight", where), out, 3, s, 1, 1, up);
    for (int o = 0; o < out; o++)
        for (int i = 0; i < y.h * y.w; i++) {
            double v =
                y.v[o * y.h * y.w + i] + (noise ? (double)noise[i] * strength[0] : 0) + bias[o];
            y.v[o * y.h * y.w + i] =
                limit((v < 0 ? 0.2 * v : v) * sqrt(2) * gain, n->p.clamp * gain);
        }
    return y;
}

/* ws: [num_ws][w]; the whole picture. */
static planes slow_picture(const network *n, const double *ws)
{
    const network_plan *p = &n->p;
    planes x = planes_new(p->channels[0], 4, 4), image = {0};
    const float *constant = network_get(n, "synthesis.b4.const");
    int row = 0;
    for (int i = 0; i < x.c * 16; i++)
        x.v[i] = constant[i];
    for (int b = 0; b < p->blocks; b++) {
        int side = 4 << b, out = p->channels[b];
        char where[64];
        double s[64];
        planes y, skip = {0};
        if (b) {
            if (p->kind == RESNET) {
                planes small = slow_conv(x, network_get(n, "synthesis.b%d.skip.weight", side), out,
                                         1, NULL, 0, 1 / sqrt(x.c), 1);
                skip = slow_enlarge(small);
                free(small.v);
            }
            snprintf(where, sizeof(where), "synthesis.b%d.conv0", side);
            y = slow_layer(n, where, x, out, ws + row++ * p->w, 2, 1);
            free(x.v);
            x = y;
        }
        snprintf(where, sizeof(where), "synthesis.b%d.conv1", side);
        y = slow_layer(n, where, x, out, ws + row++ * p->w, 1, skip.v ? sqrt(0.5) : 1);
        free(x.v);
        x = y;
        if (skip.v)
            for (int i = 0; i < x.c * x.h * x.w; i++)
                x.v[i] += sqrt(0.5) * skip.v[i];
        free(skip.v);
        snprintf(where, sizeof(where), "synthesis.b%d.torgb", side);
        if (network_get(n, "%s.weight", where)) {
            const float *bias = network_get(n, "%s.bias", where);
            planes large = {0};
            slow_style(n, where, x.c, ws + row * p->w, 1 / sqrt(x.c), s);
            y = slow_conv(x, network_get(n, "%s.weight", where), p->rgb, 1, s, 0, 1, 1);
            if (image.v) {
                large = slow_enlarge(image);
                free(image.v);
            }
            for (int c = 0; c < p->rgb; c++)
                for (int i = 0; i < side * side; i++) {
                    double v = limit(y.v[c * side * side + i] + bias[c], p->clamp);
                    y.v[c * side * side + i] = v + (large.v ? large.v[c * side * side + i] : 0);
                }
            free(large.v);
            image = y;
        }
    }
    free(x.v);
    return image;
}

/* ---- comparing */

static void compare(network_plan p, uint32_t seed)
{
    static network n;
    latent_model *m;
    latent_node *rgb;
    latent_tensor *t;
    latent_error e = {""};
    planes slow;
    float *ws;
    double *exact, difference = 0, size = 0;
    network_make(&n, p, seed);
    m = network_model(&n);
    assert_int_equal(m->generator.z_dim, p.z);
    assert_int_equal(m->generator.w_dim, p.w);
    assert_int_equal(m->generator.num_ws, 2 * p.blocks);
    assert_int_equal(m->generator.channels, p.rgb);
    assert_int_equal(m->generator.height, 4 << (p.blocks - 1));
    ws = malloc((size_t)(m->generator.num_ws * p.w) * sizeof(float));
    exact = malloc((size_t)(m->generator.num_ws * p.w) * sizeof(double));
    for (int i = 0; i < m->generator.num_ws * p.w; i++)
        exact[i] = ws[i] = (float)latent_random_gauss(&n.random);
    slow = slow_picture(&n, exact);
    rgb = network_picture(m, ws, m->generator.num_ws);
    if (latent_evaluate(rgb, NULL, &t, &e))
        fail_msg("%s", e.text);
    assert_int_equal(t->count, slow.c * slow.h * slow.w);
    for (int c = 0; c < slow.c; c++)
        for (int i = 0; i < slow.h * slow.w; i++) {
            double should = slow.v[c * slow.h * slow.w + i], d = t->data[i * slow.c + c] - should;
            difference += d * d;
            size += should * should;
        }
    if (!(sqrt(difference / size) < 1e-5))
        fail_msg("differs by %g", sqrt(difference / size));
    latent_tensor_release(t);
    latent_node_release(rgb);
    latent_model_release(m);
    free(slow.v);
    free(ws);
    free(exact);
    network_free(&n);
}

static void skip_networks(void **state)
{
    (void)state;
    compare((network_plan){SKIP, 8, 8, 2, 4, {16, 12, 8, 6}, 3, 0, 1}, 1);
    compare((network_plan){SKIP, 5, 9, 1, 3, {7, 13, 3}, 1, 2.5, 1}, 2);
    compare((network_plan){SKIP, 16, 4, 8, 2, {33, 17}, 4, 256, 0}, 3);
}

static void resnet_networks(void **state)
{
    (void)state;
    compare((network_plan){RESNET, 8, 8, 2, 4, {16, 12, 8, 6}, 3, 0, 1}, 4);
    compare((network_plan){RESNET, 6, 10, 2, 3, {9, 20, 5}, 3, 1.5, 1}, 5);
}

static void orig_networks(void **state)
{
    (void)state;
    compare((network_plan){ORIG, 8, 8, 2, 4, {16, 12, 8, 6}, 3, 0, 1}, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skip_networks),
        cmocka_unit_test(resnet_networks),
        cmocka_unit_test(orig_networks),
    };
    return cmocka_run_group_tests_name("architectures", tests, NULL, NULL);
}
