/* test_feature_network: what a discriminator is told beside the pixels (train/feature_network.h):
   it is what the same clip-tiny sees when boxes ask it, its way back is that of differences, and a
   discriminator that is told has right gradients to both. */
#include "engine/graph/evaluate.h"
#include "engine/graph/variables.h"
#include "engine/ops/ops.h"
#include "engine/rules/rules.h"
#include "engine/train/leaves.h"
#include "engine/train/trainer.h"
#include "helper_builtin.h"
#include "helper_numbers.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 4
#define SIZE 64
#define PIXELS (SIZE * SIZE * 3)
#define CLIP "examples/models/clip-tiny.safetensors"

static float *fish(void)
{
    const latent_rule *rule = latent_rule_find("fish");
    float *pictures = malloc(N * PIXELS * sizeof(float)), params[LATENT_RULE_MOST];
    latent_error e = {""};
    for (uint32_t i = 0; i < N; i++) {
        latent_rule_random(rule, 7, i, params);
        assert_int_equal(latent_rule_draw(rule, params, SIZE, pictures + i * PIXELS, &e), 0);
    }
    return pictures;
}

static latent_feature_network *open_eye(void)
{
    latent_error e = {""};
    latent_feature_network *eye = latent_feature_network_open(CLIP, &e);
    if (!eye)
        fail_msg("%s", e.text);
    return eye;
}

static latent_variables *variables_of(const float *pictures)
{
    latent_error e = {""};
    latent_variables *v = latent_variables_new();
    assert_int_equal(latent_variables_add(v, (latent_shape){N, SIZE, SIZE, 3}, pictures, &e), 0);
    return v;
}

/* Takes the promise over. */
static latent_tensor *value_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    assert_non_null(n);
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    latent_node_release(n);
    return t;
}

static void sees_what_boxes_see(void **state)
{
    latent_feature_network *eye = open_eye();
    latent_model *clip = builtin_clip();
    latent_error e = {""};
    size_t side = (size_t)latent_feature_network_side(eye),
           c = (size_t)latent_feature_network_channels(eye);
    float *pictures = fish();
    latent_variables *v = variables_of(pictures);
    latent_node *shown = latent_variables_at(v, 0, &e);
    latent_tensor *seen = value_of(latent_feature_network_see(eye, shown, &e)),
                  *pooled = value_of(latent_model_pooled(clip, shown, &e));
    (void)state;
    assert_true(latent_feature_network_suits(eye, SIZE, 4, (int)c));
    assert_false(latent_feature_network_suits(eye, SIZE / 2, 4, (int)c));
    assert_int_equal(side, 4);
    assert_int_equal(pooled->shape.c, c);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < c; k++) {
            double mean = 0;
            for (size_t p = 0; p < side * side; p++)
                mean += seen->data[(i * side * side + p) * c + k] / (double)(side * side);
            assert_true(fabs(mean - pooled->data[i * c + k]) < 1e-3);
        }
    latent_tensor_release(seen);
    latent_tensor_release(pooled);
    latent_node_release(shown);
    latent_variables_free(v);
    latent_model_release(clip);
    latent_feature_network_free(eye);
    free(pictures);
}

/* The features of v's pictures along r, a promise. */
static latent_node *along(const latent_feature_network *eye, latent_variables *v, latent_node *r)
{
    latent_error e = {""};
    latent_node *pictures = latent_variables_at(v, 0, &e);
    latent_node *seen = latent_feature_network_see(eye, pictures, &e);
    latent_node *loss = seen ? latent_op_dot(seen, r, &e) : NULL;
    latent_node_release(pictures);
    latent_node_release(seen);
    if (!loss)
        fail_msg("%s", e.text);
    return loss;
}

static void way_back_of_the_eye(void **state)
{
    latent_feature_network *eye = open_eye();
    latent_error e = {""};
    int side = latent_feature_network_side(eye), c = latent_feature_network_channels(eye);
    size_t count = N * PIXELS;
    float *pictures = fish(), *g = malloc(count * sizeof(float)), *way = some(count, 5), value;
    latent_tensor *t = latent_tensor_new((latent_shape){N, side, side, c}, &e);
    float *numbers = some(t->count, 3);
    latent_variables *v = variables_of(pictures);
    latent_node *r, *loss;
    double is, sides[2], step = 1e-3, longer;
    (void)state;
    memcpy(t->data, numbers, t->count * sizeof(float));
    r = latent_op_picture(t, &e);
    loss = along(eye, v, r);
    assert_int_equal(latent_variables_gradient(v, loss, NULL, &value, g, &e), 0);
    latent_node_release(loss);
    longer = sqrt(dot(way, way, count) / dot(g, g, count));
    for (size_t k = 0; k < count; k++) /* along the gradient as well, for something to see */
        way[k] += (float)longer * g[k];
    is = dot(g, way, count);
    for (int s = 0; s < 2; s++) {
        float *now = latent_variables_change(v, 0, &e);
        latent_tensor *sum;
        for (size_t k = 0; k < count; k++)
            now[k] = pictures[k] + (float)(s ? step : -step) * way[k];
        sum = value_of(along(eye, v, r));
        sides[s] = sum->data[0];
        latent_tensor_release(sum);
    }
    if (!(fabs(is - (sides[1] - sides[0]) / (2 * step)) < 0.02 * fabs(is)))
        fail_msg("the gradient says %g, the difference %g", is, (sides[1] - sides[0]) / (2 * step));
    latent_feature_network_free(eye);
    latent_variables_free(v);
    latent_node_release(r);
    latent_tensor_release(t);
    free(numbers);
    free(pictures);
    free(g);
    free(way);
}

/* What a discriminator says of pictures and of what is seen in them, as one number. */
static latent_node *told(latent_discriminator *d, latent_variables *v, latent_node *r)
{
    latent_error e = {""};
    latent_leaves l;
    latent_node *pictures = latent_variables_at(v, 0, &e), *seen = latent_variables_at(v, 1, &e);
    latent_node *says, *loss;
    latent_parameters_changed(&d->p);
    latent_leaves_begin(&l, &d->p, 0, &e);
    says = latent_discriminator_logits(&d->shape, &l.tensors, pictures, seen, &e);
    if (!says)
        fail_msg("%s", e.text);
    loss = latent_op_dot(says, r, &e);
    latent_node_release(says);
    latent_node_release(pictures);
    latent_node_release(seen);
    latent_leaves_end(&l);
    return loss;
}

static double told_number(latent_discriminator *d, latent_variables *v, latent_node *r)
{
    latent_node *loss = told(d, v, r);
    latent_error e = {""};
    latent_tensor *t;
    double is;
    if (latent_evaluate(loss, NULL, &t, &e))
        fail_msg("%s", e.text);
    is = t->data[0];
    latent_tensor_release(t);
    latent_node_release(loss);
    return is;
}

/* Over a parameter, or (i) over pictures or what is seen: a difference along the gradient and a
   little beside. */
static void check(latent_discriminator *d, latent_variables *v, latent_node *r, int i, float *value,
                  const float *g, size_t count, const char *name)
{
    latent_error e = {""};
    float *way = some(count, 11), *kept = malloc(count * sizeof(float));
    double size = sqrt(dot(g, g, count) / (double)count), step = 5e-5, is, side[2];
    for (size_t k = 0; k < count; k++)
        way[k] = 0.5f * way[k] + g[k] / (float)(size + 1e-30);
    memcpy(kept, value ? value : latent_variables_read(v, i), count * sizeof(float));
    for (int s = 0; s < 2; s++) {
        float *now = value ? value : latent_variables_change(v, i, &e);
        for (size_t k = 0; k < count; k++)
            now[k] = kept[k] + (float)(s ? step : -step) * way[k];
        side[s] = told_number(d, v, r);
    }
    memcpy(value ? value : latent_variables_change(v, i, &e), kept, count * sizeof(float));
    is = dot(way, g, count);
    if (!(fabs(is - (side[1] - side[0]) / (2 * step)) < 0.03 * fabs(is) + 1e-2))
        fail_msg("%s: the gradient says %g, the difference %g", name, is,
                 (side[1] - side[0]) / (2 * step));
    free(way);
    free(kept);
}

static void discriminator_that_is_told(void **state)
{
    latent_discriminator_shape shape = {
        .blocks = 3, .channels = {20, 16, 16}, .group = N, .pack = 1, .seen = 6};
    latent_discriminator d;
    latent_error e = {""};
    size_t count = N * 16 * 16 * 3, seen_count = N * 16 * 6;
    float *pictures = some(count, 1), *seen = some(seen_count, 2), *counts = some(N, 3), *g, is;
    latent_variables *v = latent_variables_new();
    latent_tensor *t = latent_tensor_new((latent_shape){N, 1, 1, 1}, &e);
    latent_node *r, *loss;
    (void)state;
    memcpy(t->data, counts, N * sizeof(float));
    r = latent_op_picture(t, &e);
    latent_variables_add(v, (latent_shape){N, 16, 16, 3}, pictures, &e);
    latent_variables_add(v, (latent_shape){N, 4, 4, 6}, seen, &e);
    assert_int_equal(latent_discriminator_init(&d, &shape, 5, &e), 0);
    g = malloc(latent_variables_size(v) * sizeof(float));
    loss = told(&d, v, r);
    assert_int_equal(latent_variables_gradient(v, loss, NULL, &is, g, &e), 0);
    assert_int_equal(latent_parameters_gradient(&d.p, loss, NULL, &is, &e), 0);
    latent_node_release(loss);
    check(&d, v, r, 0, NULL, g, count, "the pictures");
    check(&d, v, r, 1, NULL, g + latent_variables_place(v, 1), seen_count, "what is seen");
    for (int i = 0; i < d.p.n; i++)
        check(&d, v, r, 0, latent_parameter_value(&d.p, i), latent_parameter_gradient(&d.p, i),
              d.p.item[i].count, d.p.item[i].name);
    latent_discriminator_free(&d);
    latent_variables_free(v);
    latent_node_release(r);
    latent_tensor_release(t);
    free(pictures);
    free(seen);
    free(counts);
    free(g);
    shape.pack = 2; /* two pictures, and whose features? */
    assert_int_equal(latent_discriminator_init(&d, &shape, 5, &e), -1);
}

/* What no clip-tiny is, is none. */
static void refusals(void **state)
{
    latent_error e = {""};
    (void)state;
    assert_null(latent_feature_network_open("examples/models/fish.safetensors", &e));
    assert_true(*e.text);
    assert_null(latent_feature_network_open("tests/engine/test_feature_network.c", &e));
    assert_null(latent_feature_network_open("there is none", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_what_boxes_see),
        cmocka_unit_test(way_back_of_the_eye),
        cmocka_unit_test(discriminator_that_is_told),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
