/* test_train: what a training is made of: each layer against plain sums in double precision, each
   way back against its way forward, the networks against the fixtures and against differences, and
   the state of a training, to the bit. */
#include "../helpers/npz.h"
#include "engine/graph/evaluate.h"
#include "engine/kernels/training_loops.h"
#include "engine/models/model.h"
#include "engine/ops/ops.h"
#include "engine/train/trainer.h"
#include "helper_numbers.h"
#include "helper_sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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
    return (double)
               x[((size_t)(n * l->h + y) * (size_t)l->w + (size_t)q) * (size_t)l->in + (size_t)c] *
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
                double weight =
                    l->way > 0 ? w[t + (size_t)(o * l->in + c)] : w[t + (size_t)(c * l->out + o)];
                if (!l->way)
                    sum += weight * at(l, x, style, n, y + a - k / 2, q + b - k / 2, c);
                for (int i = 0; l->way && i < 16; i++) {
                    double f = weight * tap[i / 4] * tap[i % 4];
                    int r = i / 4, s = i % 4;
                    if (l->way < 0) {
                        sum += f / 64 * at(l, x, style, n, 2 * y + a - 2 + r, 2 * q + b - 2 + s, c);
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

/* <a, b> is what it should be, picture by picture: a gradient of another picture is far off. */
static void check_form(const latent_layer *l, const char *of, int pictures, const float *a,
                       const float *b, size_t each, const float *y, const float *g, size_t y_each)
{
    for (int n = 0; n < pictures; n++, a += each, b += each, y += y_each, g += y_each) {
        double is = dot(a, b, each), should = dot(y, g, y_each);
        double size = length(y, y_each) * length(g, y_each) / sqrt((double)y_each);
        if (!(fabs(is - should) <= 1e-4 * size))
            fail_msg("%d x %d, %d to %d, way %d, picture %d: the gradient of %s says %g, not %g",
                     l->h, l->w, l->in, l->out, l->way, n, of, is, should);
    }
}

static void check_layer(latent_layer l, int styled)
{
    size_t x_each = (size_t)(l.h * l.w * l.in), nx = (size_t)l.n * x_each;
    int h = latent_layer_height(&l), w = latent_layer_width(&l);
    size_t y_each = (size_t)(h * w * l.out), ny = (size_t)l.n * y_each, ns = (size_t)(l.n * l.in);
    size_t nw = latent_layer_weights(&l);
    float *x = some(nx, 1), *weights = some(nw, 2), *style = styled ? some(ns, 3) : NULL;
    float *x2 = some(nx, 5), *weights2 = some(nw, 6), *style2 = some(ns, 7);
    float *y = malloc(ny * sizeof(float)), *g = some(ny, 4), *gx = malloc(nx * sizeof(float));
    float *gw = calloc(nw, sizeof(float)), *gs = calloc(ns, sizeof(float));
    latent_layer_end end = {.factor = 1, .slope = 1, .gain = 1};
    latent_workspace room = {0};
    double off = 0, all = 0;
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
    /* the same form, linear in each of weights, x and style, with another of one of them */
    latent_layer_back(&l, weights, x, style, g, gx, styled ? gs : NULL, gw, &room);
    latent_layer_forward(&l, weights, x2, style, &end, y, &room);
    check_form(&l, "x", l.n, x2, gx, x_each, y, g, y_each);
    if (styled) {
        latent_layer_forward(&l, weights, x, style2, &end, y, &room);
        check_form(&l, "the style", l.n, style2, gs, (size_t)l.in, y, g, y_each);
    }
    latent_layer_forward(&l, weights2, x, style, &end, y, &room);
    check_form(&l, "the weights", 1, weights2, gw, nw, y, g, ny);
    /* added to, not set */
    latent_layer_back(&l, weights, x, style, g, NULL, NULL, gw, &room);
    for (size_t k = 0; k < nw; k++)
        gw[k] *= 0.5f;
    check_form(&l, "the weights, twice,", 1, weights2, gw, nw, y, g, ny);
    assert_false(room.failed);
    latent_workspace_free(&room);
    free(x);
    free(weights);
    free(style);
    free(x2);
    free(weights2);
    free(style2);
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
        check_layer((latent_layer){5, 4, 4, 140, 7, 3, 0}, styled);
        check_layer((latent_layer){4, 16, 16, 32, 20, 3, 0}, styled);
        check_layer((latent_layer){2, 32, 32, 8, 16, 3, 0}, styled);
        check_layer((latent_layer){11, 8, 8, 32, 16, 3, 0}, styled);
        check_layer((latent_layer){1, 16, 16, 16, 16, 3, 0}, styled);
        check_layer((latent_layer){2, 64, 64, 16, 16, 3, 0}, styled);
        check_layer((latent_layer){3, 8, 8, 5, 3, 1, 0}, styled);
        check_layer((latent_layer){3, 16, 16, 40, 24, 1, 0}, styled);
        check_layer((latent_layer){3, 4, 4, 6, 9, 3, 1}, styled);
        check_layer((latent_layer){2, 8, 8, 140, 20, 3, 1}, styled);
        check_layer((latent_layer){2, 6, 10, 6, 9, 3, 1}, styled);
        check_layer((latent_layer){3, 16, 16, 32, 16, 3, 1}, styled);
    }
    check_layer((latent_layer){3, 8, 8, 6, 9, 3, -1}, 0);
    check_layer((latent_layer){2, 12, 20, 16, 32, 3, -1}, 0);
    check_layer((latent_layer){3, 32, 32, 32, 16, 3, -1}, 0);
}

/* ---- fixtures */

static npz_array array(const char *name, const char *key)
{
    const char *folder = getenv("LATENT_ORACLE");
    char path[400], error[200];
    npz_array a;
    snprintf(path, sizeof(path), "%s/%s.npz", folder ? folder : "../shared/oracle", name);
    if (access(path, R_OK)) {
        printf("SKIP %s is not there\n", path);
        skip();
    }
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
    latent_workspace room = {0};
    latent_error e = {""};
    int n = (int)picture.shape[0];
    float *x = last(&picture);
    (void)state;
    if (latent_discriminator_shape_of(w, "D.", &shape, &e) ||
        latent_discriminator_init(&d, &shape, n, 1, &e) ||
        latent_discriminator_read(&d, w, "D.", &e))
        fail_msg("%s", e.text);
    assert_near(latent_discriminator_forward(&d, n, n, x, NULL, &room), logits.data, logits.count,
                1e-4);
    latent_discriminator_free(&d);
    latent_workspace_free(&room);
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
    latent_workspace room = {0};
    latent_error e = {""};
    int n = (int)picture.shape[0];
    float *x = last(&picture);
    (void)state;
    if (latent_generator_shape_of(w, "G_ema.", &shape, &e))
        fail_msg("%s", e.text);
    shape.noise = 0;
    if (latent_generator_init(&g, &shape, n, 1, &e) || latent_generator_read(&g, w, "G_ema.", &e))
        fail_msg("%s", e.text);
    assert_near(latent_generator_forward(&g, n, 0, z.data, NULL, NULL, 0, &room), x, picture.count,
                1e-4);
    latent_generator_free(&g);
    latent_workspace_free(&room);
    latent_weights_close(w);
    npz_free(&z);
    npz_free(&picture);
    free(x);
}

/* ---- code for other processors */

/* Everything the tables hold, on the same numbers. */
static void every_processor(void **state)
{
    enum {
        C = 13,
        PIXELS = 150,
        N = PIXELS * C,
        ALL = 2 * N + 4 * C + 1 + 3 * 64
    }; /* no whole vectors */
    const latent_training_code *codes[2] = {latent_training_best(), latent_training_base()};
    float *y = some(N, 1), *g = some(N, 2), *scale = some(C, 3), *noise = some(PIXELS, 4);
    float out[2][ALL] = {{0}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        latent_training_end end = {scale, scale, noise, 0.7f, 0.3f, 1.4f, 0.3f, 2};
        latent_training_rates rates = {0.5f, 0.9f, 0.01f, 1.1f, 1e-8f};
        float should[C] = {0}, *begun;
        float *bias = out[i] + N, *dots = bias + C, *strength = dots + C, *value = strength + 1;
        double sum = 0;
        memcpy(out[i], g, N * sizeof(float));
        codes[i]->end_back(PIXELS, C, &end, y, out[i], bias, dots, &sum);
        *strength = (float)sum;
        codes[i]->adam(64, &rates, value, g, value + 64, value + 128);
        codes[i]->mix(3, scale, (const float *[]){y, g, noise}, C, value + 192);
        begun = value + 192 + C;
        codes[i]->begin_back(PIXELS, C, scale, y, g, 0, begun, begun + N);
        codes[i]->begin_back(PIXELS, C, scale, y, g, 1, begun, begun + N);
        codes[i]->begin_back(PIXELS, C, scale, y, g, 1, NULL, begun + N);
        for (int k = 0; k < N; k++) {
            should[k % C] += 3 * y[k] * g[k];
            assert_true(fabsf(begun[k] - 2 * scale[k % C] * g[k]) < 1e-6f);
        }
        for (int c = 0; c < C; c++)
            assert_true(fabsf(begun[N + c] - should[c]) < 1e-3f);
    }
    for (int k = 0; k < ALL; k++)
        if (!(fabsf(out[0][k] - out[1][k]) <= 1e-4f * (1 + fabsf(out[1][k]))))
            fail_msg("%s and %s: number %d is %g and %g", codes[0]->name, codes[1]->name, k,
                     out[0][k], out[1][k]);
    free(y);
    free(g);
    free(scale);
    free(noise);
}

/* ---- other layers */

/* <y, A x> = <A' y, x> */
static void transposes(void **state)
{
    const int n = 3, h = 8, w = 6, c = 5;
    size_t small = (size_t)(n * h * w * c), large = 4 * small;
    float *x = some(small, 1), *y = some(large, 2), *ax = malloc(large * sizeof(float));
    float *aty = malloc(small * sizeof(float));
    (void)state;
    latent_enlarge(n, h, w, c, x, ax);
    latent_enlarge_back(n, h, w, c, y, aty);
    assert_true(fabs(dot(y, ax, large) - dot(aty, x, small)) < 1e-3);
    latent_halve(n, 2 * h, 2 * w, c, y, aty);
    latent_halve_back(n, 2 * h, 2 * w, c, x, ax);
    assert_true(fabs(dot(y, ax, large) - dot(aty, x, small)) < 1e-3);
    /* a grey picture stays one but at its edge, enlarged or halved */
    for (size_t i = 0; i < small; i++)
        x[i] = 1;
    latent_enlarge(1, h, w, c, x, ax);
    assert_true(fabsf(ax[((size_t)(4 * 2 * w) + 5) * (size_t)c] - 1) < 1e-6f);
    for (size_t i = 0; i < large; i++)
        y[i] = 1;
    latent_halve(1, 2 * h, 2 * w, c, y, aty);
    assert_true(fabsf(aty[((size_t)(3 * w) + 2) * (size_t)c] - 1) < 1e-6f);
    free(x);
    free(y);
    free(ax);
    free(aty);
}

static void changes(void **state)
{
    enum { SIZE = 16, COUNT = SIZE * SIZE * 3 };
    float *x = some(COUNT, 1), *y = some(COUNT, 2), ax[COUNT], a0[COUNT], aty[COUNT];
    int moved = 0, tinted = 0;
    (void)state;
    memset(a0, 0, sizeof(a0));
    for (uint64_t i = 0; i < 50; i++) {
        latent_augmentation a = latent_augment_draw(0.5f, SIZE, 3, i);
        float offset[COUNT];
        double linear = 0;
        latent_augment_run(&a, SIZE, a0, offset); /* of nothing: the light alone */
        latent_augment_run(&a, SIZE, x, ax);
        latent_augment_back(&a, SIZE, y, aty);
        for (int k = 0; k < COUNT; k++)
            linear += (double)y[k] * (ax[k] - offset[k]);
        assert_true(fabs(linear - dot(aty, x, COUNT)) < 1e-2);
        moved += a.moved;
        tinted += a.tinted;
    }
    assert_true(moved > 20 && moved < 50 && tinted > 20 && tinted < 50);
    for (uint64_t i = 0; i < 20; i++) {
        latent_augmentation a = latent_augment_draw(0, SIZE, 3, i);
        assert_false(a.moved || a.tinted);
        latent_augment_run(&a, SIZE, x, ax);
        assert_memory_equal(x, ax, sizeof(ax));
    }
    free(x);
    free(y);
}

/* ---- whole networks: gradients against differences */

typedef double (*loss_of)(void *context);

/* Each parameter is moved along a direction of its own. */
static void check_gradients(latent_parameters *p, loss_of loss, void *context, double bound)
{
    for (int i = 0; i < p->n; i += THOROUGH(1, 5)) {
        size_t count = p->item[i].count;
        float *v = latent_parameter_value(p, i), *g = latent_parameter_gradient(p, i);
        float *way = some(count, 100 + (uint64_t)i), *kept = malloc(count * sizeof(float));
        double size = length(v, count) / sqrt((double)count), step, up, down, is, should;
        /* along the gradient as well, so that there is something to see */
        double scale = length(way, count) / (length(g, count) + 1e-30);
        for (size_t k = 0; k < count; k++)
            way[k] += (float)(scale * g[k]);
        /* the mapping's numbers count for a hundredth */
        step = strncmp(p->item[i].name, "mapping", 7) ? 0.1 : 30;
        step = 5e-4 * (size > step ? size : step);
        if (count == 1) { /* it moves every pixel, over many kinks */
            step = 3e-4;
            way[0] = 1;
        }
        memcpy(kept, v, count * sizeof(float));
        for (size_t k = 0; k < count; k++)
            v[k] = kept[k] + (float)step * way[k];
        up = loss(context);
        for (size_t k = 0; k < count; k++)
            v[k] = kept[k] - (float)step * way[k];
        down = loss(context);
        memcpy(v, kept, count * sizeof(float));
        is = dot(way, g, count);
        should = (up - down) / (2 * step);
        if (!(fabs(is - should) <= bound * (fabs(should) + 1e-3)))
            fail_msg("%s: the gradient says %g, the difference %g", p->item[i].name, is, should);
        free(way);
        free(kept);
    }
}

typedef struct {
    latent_generator g;
    latent_discriminator d;
    latent_workspace room;
    float *z, *z2, *r;
    int crossing[4];
} nets;

static double picture_loss(void *context)
{
    nets *n = context;
    size_t count = 4 * (size_t)(n->g.resolution * n->g.resolution) * 3;
    return dot(latent_generator_forward(&n->g, 4, 0, n->z, n->z2, n->crossing, 9, &n->room), n->r,
               count);
}

static double logit_loss(void *context)
{
    nets *n = context;
    return dot(latent_discriminator_forward(&n->d, 4, 4, n->z2, NULL, &n->room), n->r, 4);
}

/* Pictures of styles that were moved: without a way they are those that they were moved from, with
   one they are others, and the gradient knows where both come from. */
static void moved_styles(nets *n)
{
    size_t half = 2 * (size_t)(n->g.resolution * n->g.resolution) * 3;
    float way[2 * 10] = {0}, *z2 = n->z2;
    const float *made = n->g.picture[n->g.shape.blocks - 1];
    n->z2 = NULL;
    n->g.way = way;
    picture_loss(n);
    assert_memory_equal(made, made + half, half * sizeof(float));
    for (int i = 0; i < 20; i++)
        way[i] = 0.1f * (float)(i % 7 - 3);
    picture_loss(n);
    for (size_t i = 0; i < 2; i++)
        assert_memory_not_equal(made + i * half / 2, made + half + i * half / 2,
                                half / 2 * sizeof(float));
    memset(n->g.p.gradient, 0, n->g.p.count * sizeof(float));
    latent_generator_back(&n->g, 4, n->r, &n->room);
    check_gradients(&n->g.p, picture_loss, n, 0.03);
    n->g.way = NULL;
    n->z2 = z2;
}

static void generator_gradients(void **state)
{
    latent_generator_shape shape = {.z = 12,
                                    .w = 10,
                                    .mapping = 2,
                                    .blocks = 4,
                                    .channels = {20, 16, 16, 16},
                                    .noise = 1,
                                    .clamp = 100};
    nets n = {.crossing = {8, 3, 1, 5}};
    latent_error e = {""};
    (void)state;
    assert_int_equal(latent_generator_init(&n.g, &shape, 4, 5, &e), 0);
    n.z = some(4 * 12, 1);
    n.z2 = some(4 * 12, 2);
    n.r = some(4 * 32 * 32 * 3, 3);
    for (int i = 0; i < n.g.p.n; i++) /* nothing is 0 to begin with */
        if (n.g.p.item[i].rank < 2)
            latent_parameter_value(&n.g.p, i)[0] += 0.3f;
    picture_loss(&n);
    latent_generator_back(&n.g, 4, n.r, &n.room);
    check_gradients(&n.g.p, picture_loss, &n, 0.03);
    moved_styles(&n);
    latent_generator_free(&n.g);
    latent_workspace_free(&n.room);
    free(n.z);
    free(n.z2);
    free(n.r);
}

/* A generator whose mapping learned at another rate goes on at that rate, through files, too. */
static void another_mapping_rate(void **state)
{
    latent_generator_shape shape = {
        .z = 3, .w = 4, .mapping = 2, .blocks = 2, .channels = {4, 4}, .rate = 0.5f};
    latent_generator g, back;
    latent_error e = {""};
    latent_workspace room = {0};
    latent_weights *w;
    latent_model *m;
    char path[] = "latent-test-XXXXXX";
    const float z[3] = {1, -2, 0.5f};
    float as_model[4], *first;
    const float *again;
    int file = mkstemp(path);
    (void)state;
    assert_true(file >= 0);
    close(file);
    assert_int_equal(latent_generator_init(&g, &shape, 1, 5, &e), 0);
    first = malloc(8 * 8 * 3 * sizeof(float));
    memcpy(first, latent_generator_forward(&g, 1, 0, z, NULL, NULL, 1, &room),
           8 * 8 * 3 * sizeof(float));
    assert_int_equal(latent_generator_write(&g, path, 0, 0, NULL, 0, &e), 0);
    assert_non_null(w = latent_weights_open(path, &e));
    assert_int_equal(latent_generator_shape_of(w, "", &shape, &e), 0);
    assert_true(fabsf(shape.rate - 0.5f) < 1e-6f);
    assert_int_equal(latent_generator_init(&back, &shape, 1, 9, &e), 0);
    assert_int_equal(latent_generator_read(&back, w, "", &e), 0);
    again = latent_generator_forward(&back, 1, 0, z, NULL, NULL, 1, &room);
    assert_memory_equal(first, again, 8 * 8 * 3 * sizeof(float));
    m = latent_model_from_weights(w, "written", (latent_progress){NULL, NULL}, &e);
    assert_non_null(m);
    assert_int_equal(latent_model_map(m, z, NULL, as_model, &e), 0);
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(as_model[i] - back.w[i]) < 1e-5f);
    /* what differs is said */
    shape.z = 2;
    latent_generator_free(&back);
    assert_int_equal(latent_generator_init(&back, &shape, 1, 9, &e), 0);
    assert_int_equal(latent_generator_read(&back, w, "", &e), -1);
    assert_non_null(strstr(e.text, "mapping.fc0.weight is 4 x 3, expected 4 x 2"));
    unlink(path);
    free(first);
    latent_weights_close(w);
    latent_model_release(m);
    latent_generator_free(&g);
    latent_generator_free(&back);
    latent_workspace_free(&room);
}

static void discriminator_gradients(void **state)
{
    latent_discriminator_shape shape = {
        .blocks = 4, .channels = {20, 16, 32, 16}, .group = 4, .pack = 2, .clamp = 100};
    nets n;
    latent_error e = {""};
    const size_t count = 4 * 32 * 32 * 6;
    const float *g;
    float *kept, *way;
    double is, up, down;
    (void)state;
    memset(&n, 0, sizeof(n));
    assert_int_equal(latent_discriminator_init(&n.d, &shape, 4, 5, &e), 0);
    n.z2 = some(count, 2);
    n.r = some(4, 3);
    logit_loss(&n);
    g = latent_discriminator_back(&n.d, 0, 4, n.r, 1, 1, &n.room);
    /* to the pictures */
    way = some(count, 7);
    for (size_t k = 0; k < count; k++)
        way[k] += 30 * g[k];
    is = dot(g, way, count);
    kept = malloc(count * sizeof(float));
    memcpy(kept, n.z2, count * sizeof(float));
    for (size_t k = 0; k < count; k++)
        n.z2[k] = kept[k] + 1e-3f * way[k];
    up = logit_loss(&n);
    for (size_t k = 0; k < count; k++)
        n.z2[k] = kept[k] - 1e-3f * way[k];
    down = logit_loss(&n);
    memcpy(n.z2, kept, count * sizeof(float));
    assert_true(fabs(is - (up - down) / 2e-3) < 0.02 * fabs(is));
    check_gradients(&n.d.p, logit_loss, &n, 0.02);
    /* what is frozen gets none */
    memset(n.d.p.gradient, 0, n.d.p.count * sizeof(float));
    latent_discriminator_freeze(&n.d, 2);
    logit_loss(&n);
    latent_discriminator_back(&n.d, 0, 4, n.r, 0, 1, &n.room);
    for (int i = 0; i < n.d.p.n; i++) {
        const latent_parameter *p = &n.d.p.item[i];
        double all = length(latent_parameter_gradient(&n.d.p, i), p->count);
        int frozen = !strncmp(p->name, "b32.", 4) || !strncmp(p->name, "b16.", 4);
        assert_int_equal(all == 0, frozen);
    }
    latent_discriminator_free(&n.d);
    latent_workspace_free(&n.room);
    free(n.z2);
    free(n.r);
    free(way);
    free(kept);
}

static void adam(void **state)
{
    enum { N = 37 };
    latent_parameters p = {0};
    latent_error e = {""};
    latent_adam a = {.rate = 0.01f, .beta1 = 0.6f, .beta2 = 0.9f, .epsilon = 1e-8f, .keep = 0.5f};
    double value[N] = {0}, mean[N] = {0}, square[N] = {0}, average[N] = {0};
    (void)state;
    assert_int_equal(latent_parameters_add(&p, 2, &e, 1, (int64_t[]){N}, "x"), 0);
    assert_int_equal(latent_parameters_add(&p, 0, &e, 0, NULL, "frozen"), 1);
    assert_int_equal(latent_parameters_allocate(&p, 1, &e), 0);
    for (int t = 1; t <= 3; t++) {
        float *g = some(N, (uint64_t)t);
        memcpy(latent_parameter_gradient(&p, 0), g, sizeof(float) * N);
        latent_parameter_gradient(&p, 1)[0] = 5;
        if (t == 2) { /* what is no number counts as 0 */
            latent_parameter_gradient(&p, 0)[5] = NAN;
            g[5] = 0;
        }
        assert_int_equal(latent_adam_step(&p, &a), t == 2);
        for (int i = 0; i < N; i++) {
            mean[i] = 0.6 * mean[i] + 0.4 * g[i];
            square[i] = 0.9 * square[i] + 0.1 * g[i] * g[i];
            value[i] -=
                0.02 * mean[i] / (1 - pow(0.6, t)) / (sqrt(square[i] / (1 - pow(0.9, t))) + 1e-8);
            average[i] = 0.5 * (value[i] + average[i]);
            assert_true(fabs(p.value[i] - value[i]) < 1e-6);
            assert_true(fabs(p.average[i] - average[i]) < 1e-6);
            assert_true(p.gradient[i] == 0);
        }
        free(g);
    }
    assert_true(latent_parameter_value(&p, 1)[0] == 0);
    latent_parameters_free(&p);
}

/* Parameters as leaves of the graph: a promise keeps its numbers, and a gradient is added. */
static void parameters_as_leaves(void **state)
{
    latent_parameters p = {0};
    latent_error e = {""};
    latent_adam a = {.rate = 0.01f, .beta1 = 0.6f, .beta2 = 0.9f, .epsilon = 1e-8f};
    latent_node *x, *y, *again, *loss;
    latent_tensor *t;
    float value;
    (void)state;
    assert_int_equal(latent_parameters_add(&p, 1, &e, 3, (int64_t[]){2, 3, 4}, "x"), 0);
    assert_int_equal(latent_parameters_add(&p, 1, &e, 3, (int64_t[]){2, 3, 4}, "y"), 1);
    assert_int_equal(latent_parameters_allocate(&p, 0, &e), 0);
    for (int k = 0; k < 24; k++) {
        latent_parameter_value(&p, 0)[k] = (float)k;
        latent_parameter_value(&p, 1)[k] = 0.5f;
    }
    x = latent_parameter_leaf(&p, 0, &e);
    y = latent_parameter_leaf(&p, 1, &e);
    again = latent_parameter_leaf(&p, 0, &e);
    assert_ptr_equal(x, again);
    assert_true(latent_shape_equal(x->shape, (latent_shape){1, 1, 2, 12}));
    assert_int_equal(latent_parameters_of(&p, y), 1);
    loss = latent_op_dot(x, y, &e);
    latent_parameter_gradient(&p, 1)[3] = 100;
    assert_int_equal(latent_parameters_gradient(&p, loss, NULL, &value, &e), 0);
    assert_true(value == 138);
    assert_true(latent_parameter_gradient(&p, 0)[7] == 0.5f);
    assert_true(latent_parameter_gradient(&p, 1)[3] == 103);
    latent_adam_step(&p, &a);
    assert_int_equal(latent_parameters_of(&p, x), -1);
    assert_int_equal(latent_evaluate(x, NULL, &t, &e), 0);
    assert_true(t->data[7] == 7 && latent_parameter_value(&p, 0)[7] < 7);
    latent_tensor_release(t);
    latent_node_release(x);
    latent_node_release(y);
    latent_node_release(again);
    latent_node_release(loss);
    latent_parameters_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(every_processor),
        cmocka_unit_test(transposes),
        cmocka_unit_test(changes),
        cmocka_unit_test(generator_gradients),
        cmocka_unit_test(another_mapping_rate),
        cmocka_unit_test(discriminator_gradients),
        cmocka_unit_test(adam),
        cmocka_unit_test(parameters_as_leaves),
        cmocka_unit_test(fixture_discriminator),
        cmocka_unit_test(fixture_generator),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
