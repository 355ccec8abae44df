/* test_architectures: whole generators of many shapes against a slow one in double precision,
   written here from the formulas of the paper with nothing shared: skip, resnet and orig networks,
   odd widths, one and four picture channels, clamps, W+, no noise, random weights. */
#include "engine/evaluate.h"
#include "engine/models/model.h"
#include "engine/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_TENSORS 128

typedef enum { SKIP, RESNET, ORIG } kind;
typedef struct {
    kind kind;
    int z, w, mapping, blocks, channels[5], rgb;
    double clamp;
    int noise;
} plan;

typedef struct {
    plan p;
    latent_tensor_out t[MAX_TENSORS];
    char name[MAX_TENSORS][64];
    int n;
    latent_random random;
} network;

static void add(network *n, double mean, double deviation, int rank, const int64_t *dim,
                const char *format, ...)
{
    va_list args;
    size_t count = 1;
    float *data;
    va_start(args, format);
    vsnprintf(n->name[n->n], sizeof(n->name[0]), format, args);
    va_end(args);
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    data = malloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++)
        data[i] = (float)(mean + deviation * latent_random_gauss(&n->random));
    n->t[n->n] =
        (latent_tensor_out){.name = n->name[n->n], .dtype = LATENT_F32, .rank = rank, .data = data};
    for (int i = 0; i < rank; i++)
        n->t[n->n].dim[i] = dim[i];
    n->n++;
}

static const float *get(const network *n, const char *format, ...)
{
    char name[64];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    for (int i = 0; i < n->n; i++)
        if (!strcmp(n->name[i], name))
            return n->t[i].data;
    return NULL;
}

static void add_layer(network *n, const char *where, int in, int out, int k, int side)
{
    add(n, 0, 1, 4, (int64_t[]){out, in, k, k}, "%s.weight", where);
    add(n, 0, 0.3, 1, (int64_t[]){out}, "%s.bias", where);
    add(n, 0, 1, 2, (int64_t[]){in, n->p.w}, "%s.affine.weight", where);
    add(n, 1, 0.2, 1, (int64_t[]){in}, "%s.affine.bias", where);
    if (side && n->p.noise) {
        add(n, 0.3, 0, 0, NULL, "%s.noise_strength", where);
        add(n, 0, 1, 2, (int64_t[]){side, side}, "%s.noise_const", where);
    }
}

static void make(network *n, plan p, uint32_t seed)
{
    memset(n, 0, sizeof(*n));
    n->p = p;
    latent_random_seed(&n->random, seed);
    for (int i = 0; i < p.mapping; i++) {
        add(n, 0, 100, 2, (int64_t[]){p.w, i ? p.w : p.z}, "mapping.fc%d.weight", i);
        add(n, 0, 30, 1, (int64_t[]){p.w}, "mapping.fc%d.bias", i);
    }
    add(n, 0, 1, 3, (int64_t[]){p.channels[0], 4, 4}, "synthesis.b4.const");
    for (int i = 0; i < p.blocks; i++) {
        char where[64];
        int side = 4 << i, in = p.channels[i ? i - 1 : 0], out = p.channels[i];
        snprintf(where, sizeof(where), "synthesis.b%d.conv0", side);
        if (i)
            add_layer(n, where, in, out, 3, side);
        if (i && p.kind == RESNET)
            add(n, 0, 1, 4, (int64_t[]){out, in, 1, 1}, "synthesis.b%d.skip.weight", side);
        snprintf(where, sizeof(where), "synthesis.b%d.conv1", side);
        add_layer(n, where, out, out, 3, side);
        snprintf(where, sizeof(where), "synthesis.b%d.torgb", side);
        if (p.kind == SKIP || i == p.blocks - 1)
            add_layer(n, where, out, p.rgb, 1, 0);
    }
}

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
    const float *a = get(n, "%s.affine.weight", where), *b = get(n, "%s.affine.bias", where);
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
    const float *bias = get(n, "%s.bias", where), *noise = get(n, "%s.noise_const", where);
    const float *strength = get(n, "%s.noise_strength", where);
    planes y;
    slow_style(n, where, x.c, w, 1, s);
    y = slow_conv(x, get(n, "%s.weight", where), out, 3, s, 1, 1, up);
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
    const plan *p = &n->p;
    planes x = planes_new(p->channels[0], 4, 4), image = {0};
    const float *constant = get(n, "synthesis.b4.const");
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
                planes small = slow_conv(x, get(n, "synthesis.b%d.skip.weight", side), out, 1, NULL,
                                         0, 1 / sqrt(x.c), 1);
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
        if (get(n, "%s.weight", where)) {
            const float *bias = get(n, "%s.bias", where);
            planes large = {0};
            slow_style(n, where, x.c, ws + row * p->w, 1 / sqrt(x.c), s);
            y = slow_conv(x, get(n, "%s.weight", where), p->rgb, 1, s, 0, 1, 1);
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

static latent_model *through_a_file(network *n)
{
    char path[] = "latent-test-XXXXXX", clamp[32];
    latent_meta_out meta[1] = {{"conv_clamp", clamp}};
    latent_progress quietly = {NULL, NULL};
    latent_error e = {""};
    latent_model *m;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    snprintf(clamp, sizeof(clamp), "%g", n->p.clamp);
    if (latent_safetensors_write(path, n->t, (size_t)n->n, meta, n->p.clamp > 0, &e))
        fail_msg("%s", e.text);
    m = latent_model_load(path, quietly, &e);
    unlink(path);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

static latent_node *fast_picture(latent_model *m, const float *ws)
{
    latent_error e = {""};
    latent_noise noise = {LATENT_NOISE_CONST, 0, 1};
    latent_node *f = latent_model_input(m, ws, m->num_ws, &e), *next, *rgb;
    for (int i = 0; f && i < m->n_layers; i++, f = next) {
        next = latent_model_forward(m, i, f, NULL, 1, noise, &e);
        latent_node_release(f);
    }
    rgb = f ? latent_features_rgb(f, &e) : NULL;
    latent_node_release(f);
    if (!rgb)
        fail_msg("%s", e.text);
    return rgb;
}

static void compare(plan p, uint32_t seed)
{
    static network n;
    latent_model *m;
    latent_node *rgb;
    latent_tensor *t;
    latent_error e = {""};
    planes slow;
    float *ws;
    double *exact, difference = 0, size = 0;
    make(&n, p, seed);
    m = through_a_file(&n);
    assert_int_equal(m->z_dim, p.z);
    assert_int_equal(m->w_dim, p.w);
    assert_int_equal(m->num_ws, 2 * p.blocks);
    assert_int_equal(m->channels, p.rgb);
    assert_int_equal(m->resolution, 4 << (p.blocks - 1));
    ws = malloc((size_t)(m->num_ws * p.w) * sizeof(float));
    exact = malloc((size_t)(m->num_ws * p.w) * sizeof(double));
    for (int i = 0; i < m->num_ws * p.w; i++)
        exact[i] = ws[i] = (float)latent_random_gauss(&n.random);
    slow = slow_picture(&n, exact);
    rgb = fast_picture(m, ws);
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
    for (int i = 0; i < n.n; i++)
        free((void *)n.t[i].data);
}

static void skip_networks(void **state)
{
    (void)state;
    compare((plan){SKIP, 8, 8, 2, 4, {16, 12, 8, 6}, 3, 0, 1}, 1);
    compare((plan){SKIP, 5, 9, 1, 3, {7, 13, 3}, 1, 2.5, 1}, 2);
    compare((plan){SKIP, 16, 4, 8, 2, {33, 17}, 4, 256, 0}, 3);
}

static void resnet_networks(void **state)
{
    (void)state;
    compare((plan){RESNET, 8, 8, 2, 4, {16, 12, 8, 6}, 3, 0, 1}, 4);
    compare((plan){RESNET, 6, 10, 2, 3, {9, 20, 5}, 3, 1.5, 1}, 5);
}

static void orig_networks(void **state)
{
    (void)state;
    compare((plan){ORIG, 8, 8, 2, 4, {16, 12, 8, 6}, 3, 0, 1}, 6);
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
