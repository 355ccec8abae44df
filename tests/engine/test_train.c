/* test_train: what a training is made of: each layer against plain sums in double precision, each
   way back against its way forward, the networks against the fixtures and against differences, and
   the state of a training, to the bit. */
#include "engine/train/chance.h"
#include "engine/train/trainer.h"
#include "../helpers/npz.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static float *some(size_t count, uint64_t which)
{
    float *f = malloc(count * sizeof(float));
    latent_chance c = latent_chance_at(7, 1, which);
    for (size_t i = 0; i < count; i++)
        f[i] = (float)latent_chance_gauss(&c);
    return f;
}

static double dot(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static double length(const float *a, size_t count)
{
    return sqrt(dot(a, a, count));
}

/* ---- convolutions */

/* The input at a place, times the style; 0 outside. */
static double at(const latent_layer *l, const float *x, const float *style, int n, int y, int q,
                 int c)
{
    if (y < 0 || q < 0 || y >= l->h || q >= l->w)
        return 0;
    return (double)x[((size_t)(n * l->h + y) * (size_t)l->w + (size_t)q) * (size_t)l->in +
                     (size_t)c] *
           (style ? style[n * l->in + c] : 1);
}

static const double tap[4] = {1, 3, 3, 1};

/* One number of the convolution, straight from the definition in layers.h. */
static double convolved(const latent_layer *l, const float *w, const float *x, const float *style,
                        int n, int y, int q, int o)
{
    double sum = 0;
    int k = l->kernel;
    for (int c = 0; c < l->in; c++)
        for (int a = 0; a < k; a++)
            for (int b = 0; b < k; b++) {
                size_t t = (size_t)(a * k + b) * (size_t)(l->in * l->out);
                double weight = l->way > 0 ? w[t + (size_t)(o * l->in + c)]
                                           : w[t + (size_t)(c * l->out + o)];
                if (!l->way)
                    sum += weight * at(l, x, style, n, y + a - k / 2, q + b - k / 2, c);
                for (int i = 0; l->way && i < 16; i++) {
                    double f = weight * tap[i / 4] * tap[i % 4];
                    int r = i / 4, s = i % 4;
                    if (l->way < 0) {
                        sum += f / 64 *
                               at(l, x, style, n, 2 * y + a - 2 + r, 2 * q + b - 2 + s, c);
                        continue;
                    }
                    /* row y of the blur sees rows y - 1 + r of the transposed convolution */
                    r += y - 1 - a;
                    s += q - 1 - b;
                    if (r >= 0 && s >= 0 && r % 2 == 0 && s % 2 == 0)
                        sum += f / 16 * at(l, x, style, n, r / 2, s / 2, c);
                }
            }
    return sum;
}

static void check_layer(latent_layer l, int styled)
{
    size_t nx = (size_t)(l.n * l.h * l.w * l.in), nw = latent_layer_weights(&l);
    int h = latent_layer_height(&l), w = latent_layer_width(&l);
    size_t ny = (size_t)(l.n * h * w * l.out), ns = (size_t)(l.n * l.in);
    float *x = some(nx, 1), *weights = some(nw, 2), *style = styled ? some(ns, 3) : NULL;
    float *y = malloc(ny * sizeof(float)), *g = some(ny, 4), *gx = malloc(nx * sizeof(float));
    float *gw = calloc(nw, sizeof(float)), *gs = calloc(ns, sizeof(float));
    latent_layer_end end = {.factor = 1, .slope = 1, .gain = 1};
    latent_room room = {0};
    double off = 0, all = 0, forward;
    latent_layer_forward(&l, weights, x, style, &end, y, &room);
    for (int n = 0; n < l.n; n++)
        for (int r = 0; r < h; r++)
            for (int q = 0; q < w; q++)
                for (int o = 0; o < l.out; o++) {
                    double is = y[((size_t)(n * h + r) * (size_t)w + (size_t)q) * (size_t)l.out +
                                  (size_t)o];
                    double should = convolved(&l, weights, x, style, n, r, q, o);
                    off += (is - should) * (is - should);
                    all += should * should;
                }
    if (!(off <= 1e-10 * all))
        fail_msg("%d x %d, %d to %d, way %d: forward is off by %g", l.h, l.w, l.in, l.out, l.way,
                 sqrt(off / all));
    /* the same bilinear form from three sides */
    forward = dot(y, g, ny);
    latent_layer_back(&l, weights, x, style, g, gx, styled ? gs : NULL, gw, &room);
    off = length(y, ny) * length(g, ny) * 1e-5 / sqrt((double)ny) * 10;
    assert_true(fabs(dot(x, gx, nx) - forward) <= off);
    assert_true(fabs(dot(weights, gw, nw) - forward) <= off);
    if (styled)
        assert_true(fabs(dot(style, gs, ns) - forward) <= off);
    /* and added to, not set */
    latent_layer_back(&l, weights, x, style, g, NULL, NULL, gw, &room);
    assert_true(fabs(dot(weights, gw, nw) - 2 * forward) <= 2 * off);
    latent_room_free(&room);
    free(x);
    free(weights);
    free(style);
    free(y);
    free(g);
    free(gx);
    free(gw);
    free(gs);
}

static void convolutions(void **state)
{
    (void)state;
    for (int styled = 0; styled < 2; styled++) {
        check_layer((latent_layer){3, 4, 4, 5, 7, 3, 0}, styled);
        check_layer((latent_layer){2, 8, 8, 16, 16, 3, 0}, styled);
        check_layer((latent_layer){4, 16, 16, 32, 20, 3, 0}, styled);
        check_layer((latent_layer){2, 32, 32, 8, 16, 3, 0}, styled);
        check_layer((latent_layer){2, 16, 16, 32, 48, 3, 0}, styled);
        check_layer((latent_layer){11, 8, 8, 32, 16, 3, 0}, styled);
        check_layer((latent_layer){1, 64, 64, 16, 16, 3, 0}, styled);
        check_layer((latent_layer){3, 8, 8, 5, 3, 1, 0}, styled);
        check_layer((latent_layer){3, 4, 4, 6, 9, 3, 1}, styled);
        check_layer((latent_layer){2, 16, 16, 16, 32, 3, 1}, styled);
        check_layer((latent_layer){3, 16, 16, 32, 16, 3, 1}, styled);
    }
    check_layer((latent_layer){3, 8, 8, 6, 9, 3, -1}, 0);
    check_layer((latent_layer){2, 32, 32, 16, 32, 3, -1}, 0);
    check_layer((latent_layer){3, 32, 32, 32, 16, 3, -1}, 0);
}

/* ---- fixtures */

static npz_array array(const char *name, const char *key)
{
    const char *folder = getenv("LATENT_ORACLE");
    char path[400], error[200];
    npz_array a;
    snprintf(path, sizeof(path), "%s/%s.npz", folder ? folder : "../shared/oracle", name);
    if (npz_read(&a, path, key, error, sizeof(error)))
        fail_msg("%s", error);
    return a;
}

static latent_weights *file(const char *name)
{
    const char *folder = getenv("LATENT_ORACLE");
    latent_error e = {""};
    latent_weights *w;
    char path[400];
    snprintf(path, sizeof(path), "%s/%s.pkl", folder ? folder : "../shared/oracle", name);
    if (!(w = latent_weights_open(path, &e)))
        fail_msg("%s", e.text);
    return w;
}

/* [n][3][r][r] of a fixture to channels last. */
static float *last(const npz_array *a)
{
    size_t n = a->shape[0], pixels = a->shape[2] * a->shape[3];
    float *f = malloc(a->count * sizeof(float));
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            for (size_t p = 0; p < pixels; p++)
                f[(i * pixels + p) * 3 + c] = a->data[(i * 3 + c) * pixels + p];
    return f;
}

static void assert_near(const float *is, const float *should, size_t count, double bound)
{
    double off = 0, mean = 0, deviation = 0;
    for (size_t i = 0; i < count; i++)
        mean += should[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        deviation += (should[i] - mean) * (should[i] - mean) / (double)count;
        off = fmax(off, fabs((double)is[i] - should[i]));
    }
    if (!(off <= bound * sqrt(deviation)))
        fail_msg("off by %g of a deviation of %g", off, sqrt(deviation));
}

static void fixture_discriminator(void **state)
{
    npz_array picture = array("sg2ada-32", "image_const"), logits = array("sg2ada-32", "d_logits");
    latent_weights *w = file("sg2ada-32");
    latent_discriminator_shape shape;
    latent_discriminator d;
    latent_room room = {0};
    latent_error e = {""};
    int n = (int)picture.shape[0];
    float *x = last(&picture);
    (void)state;
    if (latent_discriminator_shape_of(w, "D.", &shape, &e) ||
        latent_discriminator_init(&d, &shape, n, 1, &e) ||
        latent_discriminator_read(&d, w, "D.", &e))
        fail_msg("%s", e.text);
    assert_near(latent_discriminator_forward(&d, n, n, x, &room), logits.data, logits.count, 1e-4);
    latent_discriminator_free(&d);
    latent_room_free(&room);
    latent_weights_close(w);
    npz_free(&picture);
    npz_free(&logits);
    free(x);
}

static void fixture_generator(void **state)
{
    npz_array z = array("sg2ada-32", "z"), picture = array("sg2ada-32", "image_none");
    latent_weights *w = file("sg2ada-32");
    latent_generator_shape shape;
    latent_generator g;
    latent_room room = {0};
    latent_error e = {""};
    int n = (int)picture.shape[0];
    float *x = last(&picture);
    (void)state;
    if (latent_generator_shape_of(w, "G_ema.", &shape, &e))
        fail_msg("%s", e.text);
    shape.noise = 0;
    if (latent_generator_init(&g, &shape, n, 1, &e) || latent_generator_read(&g, w, "G_ema.", &e))
        fail_msg("%s", e.text);
    assert_near(latent_generator_forward(&g, n, 0, z.data, NULL, NULL, 0, &room), x,
                picture.count, 1e-4);
    latent_generator_free(&g);
    latent_room_free(&room);
    latent_weights_close(w);
    npz_free(&z);
    npz_free(&picture);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(fixture_discriminator),
        cmocka_unit_test(fixture_generator),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
