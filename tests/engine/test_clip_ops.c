/* test_clip_ops: the operations of an encoder (CLIP) and of guidance, one by one: values against
   plain sums written here, every gradient against central differences. */
#include "engine/base/random.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/ops/encoder.h"
#include "engine/ops/ops.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MOST_IN 4

static latent_random dice;

static latent_node *leaf(latent_shape s)
{
    latent_error e;
    latent_tensor *t = latent_tensor_new(s, &e);
    latent_node *n;
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)latent_random_gauss(&dice);
    n = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return n;
}

static latent_node *leaf_of(latent_shape s, const float *data)
{
    latent_error e;
    latent_tensor *t = latent_tensor_new(s, &e);
    latent_node *n;
    memcpy(t->data, data, t->count * sizeof(float));
    n = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return n;
}

static latent_tensor *value_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

/* ---- gradients: a plan makes a node of up to four leaves */

typedef latent_node *(*maker)(latent_node *const *in, latent_error *e);

static latent_node *make(maker what, latent_node *const *in)
{
    latent_error e = {""};
    latent_node *n = what(in, &e);
    if (!n)
        fail_msg("%s", e.text);
    return n;
}

/* r . f(x), in doubles */
static double project(maker what, latent_node *const *in, const float *r)
{
    latent_node *n = make(what, in);
    latent_tensor *t = value_of(n);
    double sum = 0;
    for (size_t i = 0; i < t->count; i++)
        sum += (double)t->data[i] * r[i];
    latent_tensor_release(t);
    latent_node_release(n);
    return sum;
}

typedef struct {
    latent_node *const *leaf;
    int n;
    latent_tensor *grad[MOST_IN];
} wanted_leaves;

static int is_wanted(const latent_node *leaf, void *context)
{
    const wanted_leaves *w = context;
    for (int i = 0; i < w->n; i++)
        if (w->leaf[i] == leaf)
            return 1;
    return 0;
}

static void take(const latent_node *leaf, const latent_tensor *grad, void *context)
{
    wanted_leaves *w = context;
    latent_error e;
    for (int i = 0; i < w->n; i++)
        if (w->leaf[i] == leaf) {
            w->grad[i] = latent_tensor_new(grad->shape, &e);
            memcpy(w->grad[i]->data, grad->data, grad->count * sizeof(float));
        }
}

/* 0.5 |y - (y - r)|^2 has the gradient r with respect to y. */
static void gradients_of(maker what, latent_node *const *in, const float *r, wanted_leaves *w)
{
    latent_error e = {""};
    latent_node *y = make(what, in), *target, *loss;
    latent_tensor *t = value_of(y), *moved = latent_tensor_new(t->shape, &e);
    latent_gradient_of of = {is_wanted, take, w};
    float value;
    for (size_t i = 0; i < t->count; i++)
        moved->data[i] = t->data[i] - r[i];
    target = latent_op_picture(moved, &e);
    loss = latent_op_sse(y, target, &e);
    if (latent_gradient(loss, &of, NULL, &value, &e))
        fail_msg("%s", e.text);
    latent_tensor_release(t);
    latent_tensor_release(moved);
    latent_node_release(y);
    latent_node_release(target);
    latent_node_release(loss);
}

static void check_gradient(const char *name, maker what, const latent_shape *shapes, int n)
{
    latent_node *in[MOST_IN], *there[MOST_IN];
    wanted_leaves w = {in, n, {NULL}};
    latent_node *y;
    float r[4096];
    const double h = 5e-3;
    for (int i = 0; i < n; i++)
        in[i] = leaf(shapes[i]);
    y = make(what, in);
    assert_true(latent_shape_count(y->shape) <= 4096);
    for (int i = 0; i < 4096; i++)
        r[i] = (float)latent_random_gauss(&dice);
    latent_node_release(y);
    gradients_of(what, in, r, &w);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 4; k++) {
            latent_tensor *x = value_of(in[i]);
            float *way = test_malloc(x->count * sizeof(float));
            float *moved = test_malloc(x->count * sizeof(float));
            double slope = 0, size = 0, up, down, differences;
            assert_non_null(w.grad[i]);
            for (size_t j = 0; j < x->count; j++) {
                way[j] = (float)latent_random_gauss(&dice);
                slope += (double)way[j] * w.grad[i]->data[j];
                size += (double)w.grad[i]->data[j] * w.grad[i]->data[j];
                moved[j] = x->data[j] + (float)h * way[j];
            }
            memcpy(there, in, sizeof(there));
            there[i] = leaf_of(x->shape, moved);
            up = project(what, there, r);
            latent_node_release(there[i]);
            for (size_t j = 0; j < x->count; j++)
                moved[j] = x->data[j] - (float)h * way[j];
            there[i] = leaf_of(x->shape, moved);
            down = project(what, there, r);
            latent_node_release(there[i]);
            differences = (up - down) / (2 * h);
            if (!(fabs(differences - slope) < 2e-3 * sqrt(size) + 1e-4))
                fail_msg("%s, input %d: slope %g, differences %g", name, i, slope, differences);
            latent_tensor_release(x);
            test_free(way);
            test_free(moved);
        }
    for (int i = 0; i < n; i++) {
        latent_tensor_release(w.grad[i]);
        latent_node_release(in[i]);
    }
}

static latent_node *do_project(latent_node *const *in, latent_error *e)
{
    return latent_op_project(in[0], in[1], in[2], in[3], NULL, e);
}

static latent_node *do_linear(latent_node *const *in, latent_error *e)
{
    return latent_op_linear(in[0], in[1], in[2], 0.7f, 1.5f, NULL, e);
}

static latent_node *do_norm(latent_node *const *in, latent_error *e)
{
    return latent_op_layer_norm(in[0], in[1], in[2], NULL, e);
}

static latent_node *do_attention(latent_node *const *in, latent_error *e)
{
    return latent_op_attention(in[0], 2, 0, NULL, e);
}

static latent_node *do_causal(latent_node *const *in, latent_error *e)
{
    return latent_op_attention(in[0], 3, 1, NULL, e);
}

static latent_node *do_gelu(latent_node *const *in, latent_error *e)
{
    return latent_op_gelu(in[0], 0, NULL, e);
}

static latent_node *do_quick_gelu(latent_node *const *in, latent_error *e)
{
    return latent_op_gelu(in[0], 1, NULL, e);
}

static latent_node *do_patches(latent_node *const *in, latent_error *e)
{
    return latent_op_patches(in[0], 3, e);
}

static latent_node *do_place(latent_node *const *in, latent_error *e)
{
    return latent_op_position_embedding(in[0], in[1], in[2], e);
}

static latent_node *do_words(latent_node *const *in, latent_error *e)
{
    return latent_op_embedding(in[0], (int[]){3, 0, 3, 6}, 4, e);
}

static latent_node *do_bag(latent_node *const *in, latent_error *e)
{
    return latent_op_embedding_bag(in[0], (int[]){3, 0, 3, 6, 6}, (int[]){0, 2, 2, 5}, 3, e);
}

static latent_node *do_pool(latent_node *const *in, latent_error *e)
{
    return latent_op_pool(in[0], e);
}

static latent_node *do_token(latent_node *const *in, latent_error *e)
{
    return latent_op_select_token(in[0], 2, e);
}

static latent_node *do_scale(latent_node *const *in, latent_error *e)
{
    return latent_op_scale(in[0], (float[]){2, 0.5f, -1}, (float[]){0.1f, 0.2f, 0.3f}, e);
}

static latent_node *do_middle(latent_node *const *in, latent_error *e)
{
    return latent_op_center_crop(in[0], 8, e);
}

static latent_node *do_cutouts(latent_node *const *in, latent_error *e)
{
    return latent_op_cutouts(in[0], 5, 6, 0.5f, 7, e);
}

static latent_node *do_whole(latent_node *const *in, latent_error *e)
{
    return latent_op_cutouts(in[0], 0, 6, 1, 7, e);
}

static latent_node *do_unlike(latent_node *const *in, latent_error *e)
{
    return latent_op_cosine_distance(in[0], in[1], e);
}

static latent_node *do_augment(latent_node *const *in, latent_error *e)
{
    return latent_op_augment(in[0], 1, 7, e);
}

static latent_node *do_cosine(latent_node *const *in, latent_error *e)
{
    return latent_op_distance(in[0], in[1], LATENT_COSINE, e);
}

static latent_node *do_spherical(latent_node *const *in, latent_error *e)
{
    return latent_op_distance(in[0], in[1], LATENT_SPHERICAL, e);
}

static latent_node *do_blend(latent_node *const *in, latent_error *e)
{
    return latent_op_blend(in, (float[]){1, -0.5f, 2}, 3, e);
}

static void gradients(void **state)
{
    (void)state;
#define GRADIENT(what, ...)                                                                        \
    check_gradient(#what, what, (latent_shape[]){__VA_ARGS__},                                     \
                   (int)(sizeof((latent_shape[]){__VA_ARGS__}) / sizeof(latent_shape)))
#define S(n, h, w, c) {n, h, w, c}
    GRADIENT(do_project, S(2, 1, 5, 7), S(1, 1, 9, 7), S(1, 1, 1, 9), S(2, 1, 5, 9));
    GRADIENT(do_project, S(1, 1, 2, 7), S(1, 1, 9, 7), S(1, 1, 1, 9), S(1, 1, 2, 9));
    GRADIENT(do_linear, S(3, 1, 7, 6), S(1, 1, 5, 6), S(1, 1, 1, 5));
    GRADIENT(do_linear, S(1, 1, 1, 6), S(1, 1, 5, 6), S(1, 1, 1, 5));
    GRADIENT(do_norm, S(2, 1, 4, 16), S(1, 1, 1, 16), S(1, 1, 1, 16));
    GRADIENT(do_attention, S(2, 1, 7, 24));
    GRADIENT(do_causal, S(1, 1, 6, 36));
    GRADIENT(do_gelu, S(1, 1, 8, 16));
    GRADIENT(do_quick_gelu, S(1, 1, 8, 16));
    GRADIENT(do_patches, S(2, 6, 9, 2));
    GRADIENT(do_place, S(2, 1, 4, 6), S(1, 1, 1, 6), S(1, 1, 5, 6));
    GRADIENT(do_words, S(1, 1, 7, 5));
    GRADIENT(do_bag, S(1, 1, 7, 5));
    GRADIENT(do_pool, S(2, 3, 4, 5));
    GRADIENT(do_token, S(3, 1, 4, 5));
    GRADIENT(do_scale, S(2, 3, 4, 3));
    GRADIENT(do_middle, S(1, 21, 17, 3));
    GRADIENT(do_middle, S(1, 5, 9, 1));
    GRADIENT(do_middle, S(1, 8, 8, 3));
    GRADIENT(do_cutouts, S(1, 31, 23, 3));
    GRADIENT(do_cutouts, S(1, 5, 7, 2));
    GRADIENT(do_whole, S(1, 13, 19, 3));
    GRADIENT(do_cosine, S(3, 1, 1, 12), S(1, 1, 1, 12));
    GRADIENT(do_spherical, S(3, 1, 1, 12), S(1, 1, 1, 12));
    GRADIENT(do_unlike, S(2, 1, 5, 12), S(2, 1, 5, 12));
    GRADIENT(do_augment, S(3, 7, 9, 3));
    GRADIENT(do_blend, S(1, 1, 1, 9), S(1, 1, 1, 9), S(1, 1, 1, 9));
}

/* ---- values */

static void attention_is_the_plain_sum(void **state)
{
    enum { N = 2, T = 5, C = 6, HEADS = 2, D = C / HEADS };
    latent_error e = {""};
    latent_node *qkv = leaf((latent_shape){N, 1, T, 3 * C});
    latent_tensor *x = value_of(qkv);
    (void)state;
    for (int causal = 0; causal < 2; causal++) {
        latent_node *n = latent_op_attention(qkv, HEADS, causal, NULL, &e);
        latent_tensor *y = value_of(n);
        for (int b = 0; b < N; b++)
            for (int i = 0; i < T; i++)
                for (int h = 0; h < HEADS; h++) {
                    const float *row = x->data + b * T * 3 * C;
                    double weight[T], sum = 0;
                    for (int o = 0; o < T; o++) {
                        double dot = 0;
                        for (int d = 0; d < D; d++)
                            dot +=
                                (double)row[i * 3 * C + h * D + d] * row[o * 3 * C + C + h * D + d];
                        weight[o] = causal && o > i ? 0 : exp(dot / sqrt(D));
                        sum += weight[o];
                    }
                    for (int d = 0; d < D; d++) {
                        double want = 0;
                        for (int o = 0; o < T; o++)
                            want += weight[o] / sum * row[o * 3 * C + 2 * C + h * D + d];
                        assert_true(fabs(y->data[(b * T + i) * C + h * D + d] - want) < 1e-5);
                    }
                }
        latent_tensor_release(y);
        latent_node_release(n);
    }
    latent_tensor_release(x);
    latent_node_release(qkv);
}

static void activations_are_exact(void **state)
{
    enum { N = 4001 };
    latent_error e = {""};
    float numbers[N];
    latent_node *x;
    (void)state;
    for (int i = 0; i < N; i++)
        numbers[i] = (float)(i - 2000) * 0.01f;
    x = leaf_of((latent_shape){1, 1, 1, N}, numbers);
    for (int quick = 0; quick < 2; quick++) {
        latent_node *n = latent_op_gelu(x, quick, NULL, &e);
        latent_tensor *y = value_of(n);
        for (int i = 0; i < N; i++) {
            double v = numbers[i];
            double want = quick ? v / (1 + exp(-1.702 * v)) : v * 0.5 * erfc(-v / sqrt(2));
            assert_true(fabs(y->data[i] - want) <= 1e-6 * fmax(1, fabs(v)));
        }
        latent_tensor_release(y);
        latent_node_release(n);
    }
    latent_node_release(x);
}

/* A picture of bytes by a formula, so that other programs can make the same. */
static latent_node *byte_picture(int h, int w, double off)
{
    latent_error e;
    latent_tensor *t = latent_tensor_new((latent_shape){1, h, w, 3}, &e);
    latent_node *n;
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            for (int k = 0; k < 3; k++)
                t->data[(i * w + j) * 3 + k] =
                    (float)(((i * 37 + j * 91 + k * 53 + i * j % 7 * 11) % 256 + off) / 127.5 - 1);
    n = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return n;
}

/* The bytes that Pillow 9.4 makes of that picture (Image.BICUBIC, the shorter side to size, the
   middle cut out as torchvision does it): the first and last four pixels, and all of them weighed.
 */
static void check_middle(int h, int w, int size, long sum, const int *first, const int *last)
{
    latent_error e = {""};
    latent_node *x = byte_picture(h, w, 0), *n = latent_op_center_crop(x, size, &e);
    latent_tensor *t = value_of(n);
    long is = 0;
    for (size_t i = 0; i < t->count; i++) {
        long v = lround((t->data[i] + 1) * 127.5);
        is += v * (long)(i % 101 + 1);
        if (i < 12)
            assert_int_equal(v, first[i]);
        if (i >= t->count - 12)
            assert_int_equal(v, last[i - (t->count - 12)]);
    }
    assert_int_equal(is, sum);
    latent_tensor_release(t);
    latent_node_release(n);
    latent_node_release(x);
}

static void the_middle_is_pillows(void **state)
{
    (void)state;
    check_middle(50, 37, 16, 4809648,
                 (int[]){133, 132, 145, 124, 97, 144, 135, 146, 99, 127, 108, 121},
                 (int[]){131, 138, 142, 124, 110, 145, 128, 137, 121, 137, 88, 136});
    check_middle(9, 13, 24, 11033857, (int[]){158, 230, 85, 176, 255, 27, 123, 195, 39, 39, 98, 85},
                 (int[]){154, 140, 193, 206, 49, 102, 222, 0, 46, 157, 23, 90});
}

/* The same picture a little beside the bytes is resampled in floats: near, without rounding. */
static void the_middle_of_floats_is_near(void **state)
{
    latent_error e = {""};
    latent_node *a = byte_picture(50, 37, 0), *b = byte_picture(50, 37, 0.01);
    latent_node *am = latent_op_center_crop(a, 16, &e), *bm = latent_op_center_crop(b, 16, &e);
    latent_tensor *x = value_of(am), *y = value_of(bm);
    double most = 0;
    int whole = 0;
    (void)state;
    for (size_t i = 0; i < x->count; i++) {
        double v = (y->data[i] + 1) * 127.5 - 0.01;
        most = fmax(most, fabs((x->data[i] + 1) * 127.5 - v));
        whole += fabs(v - nearbyint(v)) < 1e-3;
    }
    assert_true(most < 1.2 && most > 0.1);
    assert_true(whole < 20);
    latent_tensor_release(x);
    latent_tensor_release(y);
    latent_node_release(am);
    latent_node_release(bm);
    latent_node_release(a);
    latent_node_release(b);
}

/* Of a picture whose numbers say where they lie, a cutout must be a square of it. */
static void cutouts_are_squares(void **state)
{
    enum { H = 60, W = 90, SIZE = 10, N = 40 };
    latent_error e = {""};
    latent_tensor *t = latent_tensor_new((latent_shape){1, H, W, 2}, &e), *y;
    latent_node *x, *n, *again, *other;
    float sides[N], least = 1e9f, most = 0;
    (void)state;
    for (int i = 0; i < H * W; i++) {
        t->data[2 * i] = (float)(i / W);
        t->data[2 * i + 1] = (float)(i % W);
    }
    x = latent_op_picture(t, &e);
    n = latent_op_cutouts(x, N, SIZE, 1, 3, &e);
    again = latent_op_cutouts(x, N, SIZE, 1, 3, &e);
    other = latent_op_cutouts(x, N, SIZE, 1, 4, &e);
    assert_ptr_equal(n, again);
    assert_ptr_not_equal(n, other);
    y = value_of(n);
    for (int k = 0; k < N; k++) {
        const float *first = y->data + k * SIZE * SIZE * 2;
        const float *last = first + (SIZE * SIZE - 1) * 2;
        float down = last[0] - first[0], across = last[1] - first[1];
        sides[k] = down * SIZE / (SIZE - 1);
        assert_true(fabsf(down - across) < 1.01f);
        assert_true(first[0] > -0.01f && last[0] < H && first[1] > -0.01f && last[1] < W);
        least = fminf(least, sides[k]);
        most = fmaxf(most, sides[k]);
    }
    assert_true(least > SIZE - 1.5f && least < 20 && most > 45 && most < H + 1.5f);
    latent_tensor_release(y);
    latent_tensor_release(t);
    latent_node_release(n);
    latent_node_release(again);
    latent_node_release(other);
    latent_node_release(x);
}

static float distance(const float *a, const float *b, int d, latent_distance kind)
{
    latent_error e = {""};
    latent_node *x = leaf_of((latent_shape){1, 1, 1, d}, a);
    latent_node *y = leaf_of((latent_shape){1, 1, 1, d}, b);
    latent_node *n = latent_op_distance(x, y, kind, &e);
    latent_tensor *t = value_of(n);
    float v = t->data[0];
    latent_tensor_release(t);
    latent_node_release(n);
    latent_node_release(x);
    latent_node_release(y);
    return v;
}

static void distances_on_the_sphere(void **state)
{
    const float x[2] = {3, 0}, y[2] = {0, 5}, z[2] = {2, 2}, minus[2] = {-1, 0}, none[2] = {0, 0};
    const float pi = 3.14159265f;
    (void)state;
    assert_true(distance(x, x, 2, LATENT_COSINE) == 0);
    assert_true(distance(x, x, 2, LATENT_SPHERICAL) == 0);
    assert_true(fabsf(distance(x, y, 2, LATENT_COSINE) - 1) < 1e-6f);
    assert_true(fabsf(distance(x, y, 2, LATENT_SPHERICAL) - pi * pi / 8) < 1e-6f);
    assert_true(fabsf(distance(x, z, 2, LATENT_SPHERICAL) - pi * pi / 32) < 1e-6f);
    assert_true(fabsf(distance(x, minus, 2, LATENT_COSINE) - 2) < 1e-6f);
    assert_true(fabsf(distance(x, minus, 2, LATENT_SPHERICAL) - pi * pi / 2) < 1e-5f);
    assert_true(isfinite(distance(none, x, 2, LATENT_SPHERICAL)));
}

/* Strength 0 changes nothing; equal seeds change equally, others otherwise; a plain picture stays
   plain where nothing is tinted. */
static void changes_by_chance(void **state)
{
    latent_error e = {""};
    latent_node *x = leaf((latent_shape){2, 8, 8, 3}), *n[4];
    latent_tensor *t[4], *was = value_of(x);
    double same = 0, other = 0;
    (void)state;
    n[0] = latent_op_augment(x, 0, 1, &e);
    n[1] = latent_op_augment(x, 0.5f, 1, &e);
    n[2] = latent_op_augment(x, 0.5f, 1, &e);
    n[3] = latent_op_augment(x, 0.5f, 2, &e);
    assert_ptr_equal(n[1], n[2]);
    for (int i = 0; i < 4; i++)
        t[i] = value_of(n[i]);
    for (size_t i = 0; i < was->count; i++) {
        same += fabs(t[0]->data[i] - was->data[i]);
        other += fabs(t[1]->data[i] - t[3]->data[i]);
    }
    assert_true(same / (double)was->count < 1e-5);
    assert_true(other / (double)was->count > 1e-2);
    for (int i = 0; i < 4; i++) {
        latent_tensor_release(t[i]);
        latent_node_release(n[i]);
    }
    latent_tensor_release(was);
    latent_node_release(x);
    x = leaf((latent_shape){1, 8, 8, 4});
    assert_null(latent_op_augment(x, 1, 1, &e));
    latent_node_release(x);
}

static void bags_are_sums(void **state)
{
    latent_error e = {""};
    latent_node *table = leaf((latent_shape){1, 1, 7, 5}), *n = do_bag(&table, &e);
    latent_tensor *x = value_of(table), *y = value_of(n), *mean;
    latent_node *pool = latent_op_pool(table, &e);
    const float *t = x->data;
    (void)state;
    assert_int_equal(y->shape.w, 3);
    for (int k = 0; k < 5; k++) {
        float sum = 0;
        assert_true(y->data[k] == t[15 + k] + t[k]);
        assert_true(y->data[5 + k] == 0); /* a word without rows */
        assert_true(fabsf(y->data[10 + k] - (t[15 + k] + 2 * t[30 + k])) < 1e-5f);
        mean = value_of(pool);
        for (int i = 0; i < 7; i++)
            sum += t[5 * i + k] / 7;
        assert_true(fabsf(mean->data[k] - sum) < 1e-5f);
        latent_tensor_release(mean);
    }
    assert_null(latent_op_embedding_bag(table, (int[]){7}, (int[]){0, 1}, 1, &e));
    assert_non_null(strstr(e.text, "row 7 of a table of 7"));
    assert_null(latent_op_embedding_bag(table, NULL, (int[]){0}, 0, &e));
    latent_tensor_release(x);
    latent_tensor_release(y);
    latent_node_release(n);
    latent_node_release(pool);
    latent_node_release(table);
}

static void what_does_not_fit_is_refused(void **state)
{
    latent_error e = {""};
    latent_node *x = leaf((latent_shape){1, 1, 4, 10}), *y = leaf((latent_shape){1, 6, 10, 3});
    const int word[2] = {1, 10};
    (void)state;
    assert_null(latent_op_attention(x, 2, 0, NULL, &e));
    assert_null(latent_op_patches(y, 4, &e));
    assert_non_null(strstr(e.text, "squares of 4"));
    assert_null(latent_op_embedding(x, word, 2, &e));
    assert_non_null(strstr(e.text, "vocabulary of 4"));
    assert_null(latent_op_select_token(x, 4, &e));
    assert_null(latent_op_position_embedding(x, NULL, y, &e));
    assert_null(latent_op_cutouts(y, 1000, 8, 1, 0, &e));
    assert_null(latent_op_distance(x, y, LATENT_COSINE, &e));
    assert_null(latent_op_blend(&x, (float[]){1}, 0, &e));
    assert_null(latent_op_project(x, x, NULL, y, NULL, &e));
    latent_node_release(x);
    latent_node_release(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(attention_is_the_plain_sum),
        cmocka_unit_test(activations_are_exact),
        cmocka_unit_test(the_middle_is_pillows),
        cmocka_unit_test(the_middle_of_floats_is_near),
        cmocka_unit_test(cutouts_are_squares),
        cmocka_unit_test(distances_on_the_sphere),
        cmocka_unit_test(changes_by_chance),
        cmocka_unit_test(bags_are_sums),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    latent_random_seed(&dice, 11);
    return cmocka_run_group_tests_name("clip ops", tests, NULL, NULL);
}
