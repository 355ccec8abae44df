/* test_train: what a training is made of: each layer against plain sums in double precision, each
   way back against its way forward, the networks against the fixtures and against differences, and
   the state of a training, to the bit. */
#include "../helpers/npz.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/variables.h"
#include "engine/kernels/training_loops.h"
#include "engine/models/model.h"
#include "engine/ops/layers.h"
#include "engine/ops/ops.h"
#include "engine/train/leaves.h"
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

/* ---- convolutions by weights that learn, in sizes that are cut into tiles */

/* Pictures and their size before the convolution; up as in kernels/conv.h. */
typedef struct {
    int n, h, w, in, out, kernel, up;
} layer;

/* The input at a place, times the style; 0 outside. */
static double at(const layer *l, const float *x, const float *style, int n, int y, int q, int c)
{
    if (y < 0 || q < 0 || y >= l->h || q >= l->w)
        return 0;
    return (double)
               x[((size_t)(n * l->h + y) * (size_t)l->w + (size_t)q) * (size_t)l->in + (size_t)c] *
           (style ? style[n * l->in + c] : 1);
}

static const double tap[4] = {1, 3, 3, 1};

/* One number of the convolution, straight from the definition in kernels/conv.h. */
static double convolved(const layer *l, const float *w, const float *x, const float *style, int n,
                        int y, int q, int o)
{
    double sum = 0;
    int k = l->kernel;
    for (int c = 0; c < l->in; c++)
        for (int a = 0; a < k; a++)
            for (int b = 0; b < k; b++) {
                double weight =
                    w[((size_t)(o * l->in + c) * (size_t)k + (size_t)a) * (size_t)k + (size_t)b];
                if (l->up == 1)
                    sum += weight * at(l, x, style, n, y + a - k / 2, q + b - k / 2, c);
                for (int i = 0; l->up != 1 && i < 16; i++) {
                    double f = weight * tap[i / 4] * tap[i % 4];
                    int r = i / 4, s = i % 4;
                    if (l->up < 0) {
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
static void check_form(const layer *l, const char *of, int pictures, const float *a, const float *b,
                       size_t each, const float *y, const float *g, size_t y_each)
{
    for (int n = 0; n < pictures; n++, a += each, b += each, y += y_each, g += y_each) {
        double is = dot(a, b, each), should = dot(y, g, y_each);
        double size = length(y, y_each) * length(g, y_each) / sqrt((double)y_each);
        if (!(fabs(is - should) <= 1e-4 * size))
            fail_msg("%d x %d, %d to %d, up %d, picture %d: the gradient of %s says %g, not %g",
                     l->h, l->w, l->in, l->out, l->up, n, of, is, should);
    }
}

enum { X, WEIGHTS, STYLE };

/* The layer of the variables as they are. */
static latent_node *convolve(const layer *l, latent_variables *v)
{
    latent_conv_settings s = {
        .up = l->up, .style_gain = 1, .weight_gain = 1, .strength = 1, .slope = 1, .gain = 1};
    latent_error e = {""};
    latent_node *in[3] = {NULL}, *y;
    for (int i = 0; i < latent_variables_count(v); i++)
        in[i] = latent_variables_at(v, i, &e);
    if (!(y = latent_op_conv(in[X], in[STYLE], in[WEIGHTS], NULL, NULL, NULL, NULL, &s, NULL, &e)))
        fail_msg("%s", e.text);
    for (int i = 0; i < 3; i++)
        latent_node_release(in[i]);
    return y;
}

static latent_tensor *value_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    latent_node_release(n);
    return t;
}

static void check_forward(const layer *l, latent_variables *v)
{
    latent_tensor *y = value_of(convolve(l, v));
    const float *style = latent_variables_count(v) > STYLE ? latent_variables_read(v, STYLE) : NULL;
    double off = 0, all = 0;
    for (size_t i = 0; i < y->count; i++) {
        int o = (int)(i % (size_t)l->out), at = (int)(i / (size_t)l->out);
        double should = convolved(l, latent_variables_read(v, WEIGHTS), latent_variables_read(v, X),
                                  style, at / y->shape.w / y->shape.h, at / y->shape.w % y->shape.h,
                                  at % y->shape.w, o);
        off += ((double)y->data[i] - should) * ((double)y->data[i] - should);
        all += should * should;
    }
    if (!(off <= 1e-10 * all))
        fail_msg("%d x %d, %d to %d, up %d: forward is off by %g", l->h, l->w, l->in, l->out, l->up,
                 sqrt(off / all));
    latent_tensor_release(y);
}

static void check_layer(layer l, int styled)
{
    static const char *const names[3] = {"x", "the weights", "the style"};
    latent_shape shape[3] = {
        {l.n, l.h, l.w, l.in}, {l.out, l.in, l.kernel, l.kernel}, {l.n, 1, 1, l.in}};
    latent_variables *v = latent_variables_new();
    latent_error e = {""};
    latent_node *y, *r, *loss;
    latent_tensor *g;
    float *grad, is;
    for (int i = 0; i < 2 + styled; i++) {
        float *first = some(latent_shape_count(shape[i]), (uint64_t)i + 1);
        latent_variables_add(v, shape[i], first, &e);
        free(first);
    }
    check_forward(&l, v);
    y = convolve(&l, v);
    g = latent_tensor_new(y->shape, &e);
    for (size_t k = 0; k < g->count; k++)
        g->data[k] = (float)((k * 2654435761u >> 7) % 1000) / 500 - 1;
    r = latent_op_picture(g, &e);
    loss = latent_op_dot(y, r, &e);
    grad = malloc(latent_variables_size(v) * sizeof(float));
    assert_int_equal(latent_variables_gradient(v, loss, NULL, &is, grad, &e), 0);
    latent_node_release(loss);
    latent_node_release(r);
    latent_node_release(y);
    /* the same form, linear in each of them, with another of one of them */
    for (int i = 0; i < 2 + styled; i++) {
        size_t count = latent_shape_count(shape[i]), y_count = g->count;
        float *other = some(count, (uint64_t)i + 5), *now = malloc(count * sizeof(float));
        latent_tensor *moved;
        int pictures = i == WEIGHTS ? 1 : l.n;
        memcpy(now, latent_variables_read(v, i), count * sizeof(float));
        memcpy(latent_variables_change(v, i, &e), other, count * sizeof(float));
        moved = value_of(convolve(&l, v));
        check_form(&l, names[i], pictures, other, grad + latent_variables_place(v, i),
                   count / (size_t)pictures, moved->data, g->data, y_count / (size_t)pictures);
        memcpy(latent_variables_change(v, i, &e), now, count * sizeof(float));
        latent_tensor_release(moved);
        free(now);
        free(other);
    }
    latent_tensor_release(g);
    latent_variables_free(v);
    free(grad);
}

static void convolutions(void **state)
{
    (void)state;
    for (int styled = 0; styled < 2; styled++) {
        check_layer((layer){3, 4, 4, 5, 7, 3, 1}, styled);
        check_layer((layer){5, 4, 4, 140, 7, 3, 1}, styled);
        check_layer((layer){4, 16, 16, 32, 20, 3, 1}, styled);
        check_layer((layer){2, 32, 32, 8, 16, 3, 1}, styled);
        check_layer((layer){11, 8, 8, 32, 16, 3, 1}, styled);
        check_layer((layer){1, 16, 16, 16, 16, 3, 1}, styled);
        check_layer((layer){2, 64, 64, 16, 16, 3, 1}, styled);
        check_layer((layer){3, 8, 8, 5, 3, 1, 1}, styled);
        check_layer((layer){3, 16, 16, 40, 24, 1, 1}, styled);
        check_layer((layer){3, 4, 4, 6, 9, 3, 2}, styled);
        check_layer((layer){2, 8, 8, 140, 20, 3, 2}, styled);
        check_layer((layer){2, 6, 10, 6, 9, 3, 2}, styled);
        check_layer((layer){3, 16, 16, 32, 16, 3, 2}, styled);
    }
    check_layer((layer){3, 8, 8, 6, 9, 3, -2}, 0);
    check_layer((layer){2, 12, 20, 16, 32, 3, -2}, 0);
    check_layer((layer){3, 32, 32, 32, 16, 3, -2}, 0);
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

/* Given numbers as a promise; takes them over. */
static latent_node *given(latent_shape shape, float *numbers)
{
    latent_error e = {""};
    latent_tensor *t = latent_tensor_new(shape, &e);
    latent_node *n;
    memcpy(t->data, numbers, t->count * sizeof(float));
    n = latent_op_picture(t, &e);
    latent_tensor_release(t);
    free(numbers);
    return n;
}

static void fixture_discriminator(void **state)
{
    npz_array picture = array("sg2ada-32", "image_const"), logits = array("sg2ada-32", "d_logits");
    latent_weights *w = file("sg2ada-32");
    latent_discriminator_shape shape;
    latent_discriminator d;
    latent_leaves l;
    latent_error e = {""};
    int n = (int)picture.shape[0];
    latent_node *x, *says;
    latent_tensor *t;
    (void)state;
    if (latent_discriminator_shape_of(w, "D.", &shape, &e) ||
        latent_discriminator_init(&d, &shape, 1, &e) ||
        latent_discriminator_read(&d, w, "D.", &e) || latent_leaves_begin(&l, &d.p, 0, &e))
        fail_msg("%s", e.text);
    x = given((latent_shape){n, 32, 32, 3}, last(&picture));
    if (!(says = latent_discriminator_logits(&shape, &l.tensors, x, NULL, &e)))
        fail_msg("%s", e.text);
    t = value_of(says);
    assert_near(t->data, logits.data, logits.count, 1e-4);
    latent_tensor_release(t);
    latent_node_release(x);
    latent_leaves_end(&l);
    latent_discriminator_free(&d);
    latent_weights_close(w);
    npz_free(&picture);
    npz_free(&logits);
}

/* ---- a generator, as a training makes pictures with it */

#define MOST_ROWS (2 * LATENT_BLOCKS)

/* n z [n][z], brought to the length that the mapping wants. */
static latent_node *given_z(const float *z, int n, int dim)
{
    float *x = malloc((size_t)(n * dim) * sizeof(float));
    for (int i = 0; i < n; i++) {
        double squares = dot(z + i * dim, z + i * dim, (size_t)dim);
        for (int k = 0; k < dim; k++)
            x[i * dim + k] = (float)(z[i * dim + k] / sqrt(squares / dim + 1e-8));
    }
    return given((latent_shape){n, 1, 1, dim}, x);
}

/* Pictures of z [2n][z]: the style of row k of picture i is that of z[i], from crossing[i] on that
   of z[n + i]; crossing NULL: z has n, and no more.  noise: a map for each picture and convolution,
   or none. */
static latent_node *pictures_of(latent_generator *g, int n, const float *z, const int *crossing,
                                int noise)
{
    latent_leaves l;
    latent_error e = {""};
    latent_node *from = given_z(z, crossing ? 2 * n : n, g->shape.z), *w, *made;
    latent_node *row[MOST_ROWS], *map[MOST_ROWS] = {NULL};
    assert_int_equal(latent_leaves_begin(&l, &g->p, 0, &e), 0);
    w = latent_generator_map(&g->shape, &l.tensors, from, &e);
    for (int k = 0; k < g->rows; k++) {
        int side = LATENT_GENERATOR_SIDE(k), of[16];
        for (int i = 0; i < n; i++)
            of[i] = crossing && k >= crossing[i] ? n + i : i;
        row[k] = latent_op_pick(w, of, n, &e);
        if (noise && k + 1 < g->rows)
            map[k] = given((latent_shape){n, side, side, 1},
                           some((size_t)(n * side * side), 40 + (uint64_t)k));
    }
    made = latent_generator_pictures(&g->shape, &l.tensors, row, noise ? map : NULL, &e);
    if (!made)
        fail_msg("%s", e.text);
    for (int k = 0; k < g->rows; k++) {
        latent_node_release(row[k]);
        latent_node_release(map[k]);
    }
    latent_node_release(w);
    latent_node_release(from);
    latent_leaves_end(&l);
    return made;
}

static void fixture_generator(void **state)
{
    npz_array z = array("sg2ada-32", "z"), picture = array("sg2ada-32", "image_none");
    latent_weights *w = file("sg2ada-32");
    latent_generator_shape shape;
    latent_generator g;
    latent_error e = {""};
    float *x = last(&picture);
    latent_tensor *t;
    (void)state;
    if (latent_generator_shape_of(w, "G_ema.", &shape, &e) ||
        latent_generator_init(&g, &shape, 1, &e) || latent_generator_read(&g, w, "G_ema.", &e))
        fail_msg("%s", e.text);
    t = value_of(pictures_of(&g, (int)picture.shape[0], z.data, NULL, 0));
    assert_near(t->data, x, picture.count, 1e-4);
    latent_tensor_release(t);
    latent_generator_free(&g);
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

/* A grey picture stays one but at its edge, enlarged or halved. */
static void grey_stays_grey(void **state)
{
    latent_error e = {""};
    float *ones = malloc(8 * 6 * 5 * sizeof(float));
    latent_node *x;
    latent_tensor *large, *small;
    (void)state;
    for (int i = 0; i < 8 * 6 * 5; i++)
        ones[i] = 1;
    x = given((latent_shape){1, 8, 6, 5}, ones);
    large = value_of(latent_op_upsample(x, NULL, NULL, &e));
    small = value_of(latent_op_downsample(x, NULL, &e));
    assert_true(fabsf(large->data[(4 * 12 + 5) * 5] - 1) < 1e-6f);
    assert_true(fabsf(small->data[(2 * 3 + 1) * 5] - 1) < 1e-6f);
    latent_tensor_release(large);
    latent_tensor_release(small);
    latent_node_release(x);
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

/* Each parameter is moved along a direction of its own, by a small part of its size: the more
   numbers there are, the smaller, since activations have kinks. */
static void check_gradients(latent_parameters *p, loss_of loss, void *context, double small,
                            double bound)
{
    for (int i = 0; i < p->n; i += THOROUGH(1, 5)) {
        if (p->item[i].rate == 0)
            continue;
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
        step = small * (size > step ? size : step);
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
    float *z, *pictures, *r; /* r: what each number of the result counts */
} nets;

static const int crossing[4] = {8, 3, 1, 5};

static latent_node *pictures(nets *n)
{
    latent_parameters_changed(&n->g.p);
    return pictures_of(&n->g, 4, n->z, crossing, 1);
}

/* What the discriminator says of pairs of pictures. */
static latent_node *logits(nets *n)
{
    latent_error e = {""};
    latent_leaves l;
    float *x = malloc(4 * 32 * 32 * 6 * sizeof(float));
    latent_node *shown, *says;
    memcpy(x, n->pictures, 4 * 32 * 32 * 6 * sizeof(float));
    latent_parameters_changed(&n->d.p);
    latent_leaves_begin(&l, &n->d.p, 0, &e);
    shown = given((latent_shape){4, 32, 32, 6}, x);
    says = latent_discriminator_logits(&n->d.shape, &l.tensors, shown, NULL, &e);
    if (!says)
        fail_msg("%s", e.text);
    latent_node_release(shown);
    latent_leaves_end(&l);
    return says;
}

/* What x's numbers count together. */
static double number(latent_node *x, const float *r)
{
    latent_tensor *t = value_of(x);
    double is = dot(t->data, r, t->count);
    latent_tensor_release(t);
    return is;
}

static double picture_number(void *context)
{
    return number(pictures(context), ((nets *)context)->r);
}

static double logit_number(void *context)
{
    return number(logits(context), ((nets *)context)->r);
}

static void add_gradient(latent_parameters *p, latent_node *x, const float *r)
{
    latent_error e = {""};
    size_t bytes = latent_shape_count(x->shape) * sizeof(float);
    float is, *copy = malloc(bytes);
    latent_node *counts, *loss;
    memcpy(copy, r, bytes);
    counts = given(x->shape, copy);
    loss = latent_op_dot(x, counts, &e);
    if (latent_parameters_gradient(p, loss, NULL, &is, &e))
        fail_msg("%s", e.text);
    latent_node_release(loss);
    latent_node_release(counts);
    latent_node_release(x);
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
    nets n = {.z = some(8 * 12, 1), .r = some(4 * 32 * 32 * 3, 3)};
    latent_error e = {""};
    (void)state;
    assert_int_equal(latent_generator_init(&n.g, &shape, 5, &e), 0);
    for (int i = 0; i < n.g.p.n; i++) /* nothing is 0 to begin with */
        if (n.g.p.item[i].rank < 2)
            latent_parameter_value(&n.g.p, i)[0] += 0.3f;
    add_gradient(&n.g.p, pictures(&n), n.r);
    check_gradients(&n.g.p, picture_number, &n, 5e-4, 0.03);
    latent_generator_free(&n.g);
    free(n.z);
    free(n.r);
}

/* A generator whose mapping learned at another rate goes on at that rate, through files, too. */
static void another_mapping_rate(void **state)
{
    latent_generator_shape shape = {
        .z = 3, .w = 4, .mapping = 2, .blocks = 2, .channels = {4, 4}, .rate = 0.5f};
    latent_generator g, back;
    latent_error e = {""};
    latent_weights *w;
    latent_model *m;
    char path[] = "latent-test-XXXXXX";
    const float z[3] = {1, -2, 0.5f};
    const latent_noise none = {LATENT_NOISE_NONE, 0, 1, NULL};
    float as_model[4];
    latent_tensor *first, *again, *played;
    int file = mkstemp(path);
    (void)state;
    assert_true(file >= 0);
    close(file);
    assert_int_equal(latent_generator_init(&g, &shape, 5, &e), 0);
    first = value_of(pictures_of(&g, 1, z, NULL, 0));
    assert_int_equal(latent_generator_write(&g, path, 0, 0, NULL, 0, &e), 0);
    assert_non_null(w = latent_weights_open(path, &e));
    assert_int_equal(latent_generator_shape_of(w, "", &shape, &e), 0);
    assert_true(fabsf(shape.rate - 0.5f) < 1e-6f);
    assert_int_equal(latent_generator_init(&back, &shape, 9, &e), 0);
    assert_int_equal(latent_generator_read(&back, w, "", &e), 0);
    again = value_of(pictures_of(&back, 1, z, NULL, 0));
    assert_memory_equal(first->data, again->data, 8 * 8 * 3 * sizeof(float));
    /* and plays so */
    m = latent_model_from_weights(w, "written", (latent_progress){NULL, NULL}, &e);
    assert_non_null(m);
    assert_int_equal(latent_model_map(m, z, NULL, as_model, &e), 0);
    played = value_of(latent_model_picture(m, as_model, 1, LATENT_WHOLE_PICTURE, none, &e));
    for (int i = 0; i < 8 * 8 * 3; i++)
        assert_true(fabsf(played->data[i] - first->data[i]) < 1e-5f);
    /* what differs is said */
    shape.z = 2;
    latent_generator_free(&back);
    assert_int_equal(latent_generator_init(&back, &shape, 9, &e), 0);
    assert_int_equal(latent_generator_read(&back, w, "", &e), -1);
    assert_non_null(strstr(e.text, "mapping.fc0.weight is 4 x 3, expected 4 x 2"));
    unlink(path);
    latent_tensor_release(first);
    latent_tensor_release(again);
    latent_tensor_release(played);
    latent_weights_close(w);
    latent_model_release(m);
    latent_generator_free(&g);
    latent_generator_free(&back);
}

static void discriminator_gradients(void **state)
{
    latent_discriminator_shape shape = {
        .blocks = 4, .channels = {20, 16, 32, 16}, .group = 4, .pack = 2, .clamp = 100};
    nets n = {.pictures = some(4 * 32 * 32 * 6, 2), .r = some(4, 3)};
    latent_error e = {""};
    (void)state;
    assert_int_equal(latent_discriminator_init(&n.d, &shape, 5, &e), 0);
    add_gradient(&n.d.p, logits(&n), n.r);
    check_gradients(&n.d.p, logit_number, &n, 1e-4, 0.03);
    /* what is frozen gets none */
    memset(n.d.p.gradient, 0, n.d.p.count * sizeof(float));
    latent_discriminator_freeze(&n.d, 2);
    add_gradient(&n.d.p, logits(&n), n.r);
    for (int i = 0; i < n.d.p.n; i++) {
        const latent_parameter *p = &n.d.p.item[i];
        double all = length(latent_parameter_gradient(&n.d.p, i), p->count);
        int frozen = !strncmp(p->name, "b32.", 4) || !strncmp(p->name, "b16.", 4);
        assert_int_equal(all == 0, frozen);
    }
    latent_discriminator_free(&n.d);
    free(n.pictures);
    free(n.r);
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
        cmocka_unit_test(grey_stays_grey),
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
