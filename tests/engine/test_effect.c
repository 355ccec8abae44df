/* test_effect: what effects do to a picture's numbers, and their gradients against central
   differences. */
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/ops/effect.h"
#include "engine/ops/ops.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define H 9
#define W 7
#define COUNT (H * W * 3)

static const latent_effect_settings usual = {.radius = .2f,
                                             .gain = 2,
                                             .level = .1f,
                                             .soft = .3f,
                                             .levels = 3,
                                             .slices = 5,
                                             .turn = 20,
                                             .columns = 2,
                                             .rows = 3,
                                             .flip = 1,
                                             .strength = .15f,
                                             .share = .7f,
                                             .zoom = 1.2f,
                                             .x = .1f,
                                             .y = -.05f};

/* A picture that can be differentiated: a style, reshaped. */
static latent_node *picture(const float *numbers)
{
    latent_error e;
    latent_node *style = latent_op_style(0, 1, numbers, COUNT, &e), *x;
    x = latent_op_reshape(style, (latent_shape){1, H, W, 3}, &e);
    latent_node_release(style);
    assert_non_null(x);
    return x;
}

static latent_node *second(void)
{
    float planes[3 * 5 * 4];
    latent_error e;
    for (int i = 0; i < 60; i++)
        planes[i] = sinf((float)(3 * i));
    return latent_op_planes(planes, 3, 5, 4, NULL, &e);
}

static latent_node *effect(latent_effect_kind kind, const latent_effect_settings *s,
                           const float *numbers)
{
    latent_error e = {""};
    latent_node *x = picture(numbers), *b = second(), *y;
    y = latent_op_effect(kind, s, x, b, &e);
    if (!y)
        fail_msg("%s", e.text);
    latent_node_release(x);
    latent_node_release(b);
    return y;
}

static latent_node *loss_of(latent_node *y)
{
    float target[COUNT];
    latent_error e;
    latent_node *t, *loss;
    for (int i = 0; i < COUNT; i++)
        target[i] = cosf((float)(i * i));
    t = latent_op_planes(target, 3, H, W, NULL, &e);
    loss = latent_op_sse(y, t, &e);
    latent_node_release(t);
    latent_node_release(y);
    return loss;
}

static latent_tensor *value_of(latent_node *n)
{
    latent_tensor *t;
    latent_error e = {""};
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    latent_node_release(n);
    return t;
}

static double number_of(latent_node *n)
{
    latent_tensor *t = value_of(n);
    double v = t->data[0];
    latent_tensor_release(t);
    return v;
}

static void numbers_of(uint32_t seed, float *numbers)
{
    for (int i = 0; i < COUNT; i++)
        numbers[i] = .9f * sinf((float)(i * 7 + (int)seed) * 1.3f);
}

static void check_gradient(latent_effect_kind kind, const latent_effect_settings *s)
{
    float numbers[COUNT], *grad, value;
    int rows, w_dim, wrong = 0;
    latent_error e = {""};
    numbers_of(1, numbers);
    latent_node *loss = loss_of(effect(kind, s, numbers));
    if (latent_gradient_styles(loss, NULL, &value, &grad, &rows, &w_dim, &e))
        fail_msg("%s", e.text);
    latent_node_release(loss);
    for (int i = 0; i < COUNT; i++) {
        const float h = 2e-3f;
        float was = numbers[i];
        double up, down;
        numbers[i] = was + h;
        up = number_of(loss_of(effect(kind, s, numbers)));
        numbers[i] = was - h;
        down = number_of(loss_of(effect(kind, s, numbers)));
        numbers[i] = was;
        wrong += fabs((up - down) / (2 * (double)h) - (double)grad[i]) >
                 .02 * fabs((double)grad[i]) + .02;
    }
    /* two numbers may lie where a mode has a corner */
    if (wrong > 2)
        fail_msg("kind %d, side %g, mode %g: %d of %d numbers", (int)kind, (double)s->side,
                 (double)s->mode, wrong, COUNT);
    free(grad);
}

static void test_gradients(void **state)
{
    static const latent_effect_kind kinds[] = {LATENT_BLUR,         LATENT_EDGES, LATENT_MIRROR,
                                               LATENT_KALEIDOSCOPE, LATENT_TILE,  LATENT_DISPLACE};
    latent_effect_settings s = usual;
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        check_gradient(kinds[i], &usual);
    for (s.side = 1; s.side < 5; s.side++)
        check_gradient(LATENT_MIRROR, &s);
    for (s.mode = 0; s.mode < 8; s.mode++)
        check_gradient(LATENT_BLEND, &s);
    s.radius = .5f; /* wider than the picture */
    check_gradient(LATENT_BLUR, &s);
}

static void test_numbers(void **state)
{
    float numbers[COUNT];
    double sum = 0, blurred = 0;
    latent_tensor *t, *x;
    latent_effect_settings s = usual;
    (void)state;
    numbers_of(5, numbers);
    x = value_of(picture(numbers));
    /* the left half looks into a mirror */
    t = value_of(effect(LATENT_MIRROR, &s, numbers));
    for (int row = 0; row < H; row++)
        for (int column = 0; column < W; column++)
            for (int k = 0; k < 3; k++) {
                int from = column <= W / 2 ? column : W - 1 - column;
                assert_true(fabsf(t->data[(row * W + column) * 3 + k] -
                                  x->data[(row * W + from) * 3 + k]) < 1e-5f);
            }
    latent_tensor_release(t);
    /* three values a channel */
    t = value_of(effect(LATENT_POSTERISE, &s, numbers));
    for (int i = 0; i < COUNT; i++)
        assert_true(t->data[i] == -1 || t->data[i] == 0 || t->data[i] == 1);
    latent_tensor_release(t);
    /* black below the level, white above */
    t = value_of(effect(LATENT_THRESHOLD, &s, numbers));
    for (int i = 0; i < COUNT; i += 3) {
        float grey = .299f * x->data[i] + .587f * x->data[i + 1] + .114f * x->data[i + 2];
        if (grey < s.level - s.soft / 2)
            assert_true(t->data[i] == -1 && t->data[i + 1] == -1);
        if (grey > s.level + s.soft / 2)
            assert_true(t->data[i] == 1 && t->data[i + 2] == 1);
    }
    latent_tensor_release(t);
    /* one colour stays one colour */
    for (int i = 0; i < COUNT; i++)
        numbers[i] = .25f;
    t = value_of(effect(LATENT_BLUR, &s, numbers));
    for (int i = 0; i < COUNT; i++)
        assert_true(fabsf(t->data[i] - .25f) < 1e-5f);
    latent_tensor_release(t);
    for (int i = 0; i < COUNT; i++)
        sum += x->data[i] * x->data[i];
    numbers_of(5, numbers);
    t = value_of(effect(LATENT_BLUR, &s, numbers));
    for (int i = 0; i < COUNT; i++)
        blurred += t->data[i] * t->data[i];
    assert_true(blurred < .5 * sum);
    latent_tensor_release(t);
    latent_tensor_release(x);
}

/* The same picture and settings are one promise; what changes nothing is the picture itself. */
static void test_promises(void **state)
{
    float numbers[COUNT];
    latent_effect_settings s = usual;
    latent_error e;
    (void)state;
    numbers_of(2, numbers);
    latent_node *x = picture(numbers), *a, *b;
    a = latent_op_effect(LATENT_BLUR, &s, x, NULL, &e);
    s.gain = 7; /* which is nothing to a blur */
    b = latent_op_effect(LATENT_BLUR, &s, x, NULL, &e);
    assert_ptr_equal(a, b);
    latent_node_release(b);
    s.radius = 0;
    b = latent_op_effect(LATENT_BLUR, &s, x, NULL, &e);
    assert_ptr_equal(b, x);
    latent_node_release(b);
    b = latent_op_effect(LATENT_BLEND, &s, x, NULL, &e);
    assert_ptr_equal(b, x);
    latent_node_release(b);
    latent_node_release(a);
    latent_node_release(x);
}

static latent_tensor *fed(latent_feedback *f, int n, const latent_effect_settings *s,
                          const float *numbers)
{
    latent_error e;
    latent_node *x = picture(numbers), *y = latent_op_feedback(f, n, s, x, &e);
    assert_non_null(y);
    latent_node_release(x);
    return value_of(y);
}

/* The last picture under the next, and nothing of it without share. */
static void test_feedback(void **state)
{
    float first[COUNT], next[COUNT];
    latent_effect_settings s = {.share = .75f, .zoom = 1};
    latent_error e;
    latent_feedback *f = latent_feedback_new(&e);
    latent_tensor *t;
    (void)state;
    assert_non_null(f);
    numbers_of(3, first);
    numbers_of(9, next);
    t = fed(f, 1, &s, first);
    assert_memory_equal(t->data, first, sizeof(first));
    latent_tensor_release(t);
    t = fed(f, 2, &s, next);
    for (int i = 0; i < COUNT; i++)
        assert_true(fabsf(t->data[i] - (.25f * next[i] + .75f * first[i])) < 1e-5f);
    latent_tensor_release(t);
    s.share = 0;
    t = fed(f, 3, &s, first);
    assert_memory_equal(t->data, first, sizeof(first));
    latent_tensor_release(t);
    latent_feedback_release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_feedback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
