/* test_feature_network: what a discriminator is told beside the pixels (train/feature_network.h):
   it is what the same clip-tiny sees when boxes ask it, its way back is that of differences, and a
   discriminator that is told has right gradients to both. */
#include "engine/graph/evaluate.h"
#include "engine/ops/ops.h"
#include "engine/rules/rules.h"
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
    latent_feature_network *eye = latent_feature_network_open(CLIP, 2 * N, &e);
    if (!eye)
        fail_msg("%s", e.text);
    return eye;
}

static void as_a_promise(const latent_feature_network *eye, const float *pictures,
                         const float *features)
{
    latent_error e = {""};
    latent_tensor *t = latent_tensor_new((latent_shape){N, SIZE, SIZE, 3}, &e), *is;
    latent_node *shown, *seen;
    memcpy(t->data, pictures, t->count * sizeof(float));
    shown = latent_op_picture(t, &e);
    seen = latent_feature_network_see(eye, shown, &e);
    assert_non_null(seen);
    assert_int_equal(latent_evaluate(seen, NULL, &is, &e), 0);
    for (size_t k = 0; k < is->count; k++)
        assert_true(fabsf(is->data[k] - features[k]) < 1e-4f);
    latent_tensor_release(is);
    latent_tensor_release(t);
    latent_node_release(seen);
    latent_node_release(shown);
}

static void sees_what_boxes_see(void **state)
{
    latent_feature_network *eye = open_eye();
    latent_model *clip = builtin_clip();
    latent_error e = {""};
    size_t side = (size_t)latent_feature_network_side(eye),
           c = (size_t)latent_feature_network_channels(eye);
    float *pictures = fish(), *features = malloc(N * side * side * c * sizeof(float));
    (void)state;
    assert_true(latent_feature_network_suits(eye, 2 * N, SIZE, 4, (int)c));
    assert_false(latent_feature_network_suits(eye, 2 * N + 4, SIZE, 4, (int)c));
    assert_false(latent_feature_network_suits(eye, N, SIZE / 2, 4, (int)c));
    assert_int_equal(side, 4);
    latent_feature_network_look(eye, N, pictures, features);
    as_a_promise(eye, pictures, features);
    for (size_t i = 0; i < N; i++) {
        latent_tensor *t = latent_tensor_new((latent_shape){1, SIZE, SIZE, 3}, &e), *pooled = NULL;
        latent_node *shown, *seen;
        memcpy(t->data, pictures + i * PIXELS, PIXELS * sizeof(float));
        shown = latent_op_picture(t, &e);
        seen = latent_model_pooled(clip, shown, &e);
        assert_int_equal(latent_evaluate(seen, NULL, &pooled, &e), 0);
        assert_int_equal(pooled->shape.c, c);
        for (size_t k = 0; k < c; k++) {
            double mean = 0;
            for (size_t p = 0; p < side * side; p++)
                mean += features[(i * side * side + p) * c + k] / (double)(side * side);
            assert_true(fabs(mean - pooled->data[k]) < 1e-3);
        }
        latent_node_release(seen);
        latent_node_release(shown);
        latent_tensor_release(pooled);
        latent_tensor_release(t);
    }
    latent_model_release(clip);
    latent_feature_network_free(eye);
    free(pictures);
    free(features);
}

static void way_back_of_the_eye(void **state)
{
    latent_feature_network *eye = open_eye();
    size_t count = N *
                   (size_t)(latent_feature_network_side(eye) * latent_feature_network_side(eye)) *
                   (size_t)latent_feature_network_channels(eye);
    float *pictures = fish(), *features = malloc(count * sizeof(float)), *r = some(count, 3);
    float *g = calloc(N * PIXELS, sizeof(float)), *way = some(N * PIXELS, 5), *moved;
    double is, up, down, step = 1e-3, longer;
    (void)state;
    latent_feature_network_look(eye, N, pictures, features);
    latent_feature_network_back(eye, N, r, g);
    longer = sqrt(dot(way, way, N * PIXELS) / dot(g, g, N * PIXELS));
    for (size_t k = 0; k < N * PIXELS;
         k++) /* along the gradient as well, so that there is something to see */
        way[k] += (float)longer * g[k];
    is = dot(g, way, N * PIXELS);
    moved = malloc(N * PIXELS * sizeof(float));
    for (size_t k = 0; k < N * PIXELS; k++)
        moved[k] = pictures[k] + (float)step * way[k];
    latent_feature_network_look(eye, N, moved, features);
    up = dot(features, r, count);
    for (size_t k = 0; k < N * PIXELS; k++)
        moved[k] = pictures[k] - (float)step * way[k];
    latent_feature_network_look(eye, N, moved, features);
    down = dot(features, r, count);
    if (!(fabs(is - (up - down) / (2 * step)) < 0.02 * fabs(is)))
        fail_msg("the gradient says %g, the difference %g", is, (up - down) / (2 * step));
    /* the gradient is added to what is there */
    latent_feature_network_look(eye, N, pictures, features);
    memcpy(moved, g, N * PIXELS * sizeof(float));
    latent_feature_network_back(eye, N, r, g);
    for (size_t k = 0; k < N * PIXELS; k++)
        assert_true(fabsf(g[k] - 2 * moved[k]) <= 1e-6f + 1e-4f * fabsf(g[k]));
    latent_feature_network_free(eye);
    free(pictures);
    free(features);
    free(r);
    free(g);
    free(way);
    free(moved);
}

/* Over a parameter, or over what is seen: a difference along the gradient and a little beside. */
static void check(latent_discriminator *d, const float *pictures, const float *seen, const float *r,
                  float *v, const float *g, size_t count, const char *name)
{
    latent_workspace room = {0};
    float *way = some(count, 11), *kept = malloc(count * sizeof(float));
    double size = sqrt(dot(g, g, count) / (double)count), step, is, up, down;
    for (size_t k = 0; k < count; k++)
        way[k] = 0.5f * way[k] + g[k] / (float)(size + 1e-30);
    step = 5e-5;
    memcpy(kept, v, count * sizeof(float));
    for (size_t k = 0; k < count; k++)
        v[k] = kept[k] + (float)step * way[k];
    up = dot(latent_discriminator_forward(d, N, N, pictures, seen, &room), r, N);
    for (size_t k = 0; k < count; k++)
        v[k] = kept[k] - (float)step * way[k];
    down = dot(latent_discriminator_forward(d, N, N, pictures, seen, &room), r, N);
    memcpy(v, kept, count * sizeof(float));
    is = dot(way, g, count);
    if (!(fabs(is - (up - down) / (2 * step)) < 0.03 * fabs(is) + 1e-2))
        fail_msg("%s: the gradient says %g, the difference %g", name, is, (up - down) / (2 * step));
    latent_workspace_free(&room);
    free(way);
    free(kept);
}

static void discriminator_that_is_told(void **state)
{
    latent_discriminator_shape shape = {
        .blocks = 3, .channels = {20, 16, 16}, .group = N, .pack = 1, .seen = 6};
    latent_discriminator d;
    latent_error e = {""};
    latent_workspace room = {0};
    size_t count = N * 16 * 16 * 3, told = N * 16 * 6;
    float *pictures = some(count, 1), *seen = some(told, 2), *r = some(N, 3), *g, *g_seen;
    (void)state;
    assert_int_equal(latent_discriminator_init(&d, &shape, N, 5, &e), 0);
    latent_discriminator_forward(&d, N, N, pictures, seen, &room);
    g = malloc(count * sizeof(float));
    memcpy(g, latent_discriminator_back(&d, 0, N, r, 1, 1, &room), count * sizeof(float));
    g_seen = malloc(told * sizeof(float));
    memcpy(g_seen, d.g_seen, told * sizeof(float));
    check(&d, pictures, seen, r, pictures, g, count, "the pictures");
    check(&d, pictures, seen, r, seen, g_seen, told, "what is seen");
    for (int i = 0; i < d.p.n; i++)
        check(&d, pictures, seen, r, latent_parameter_value(&d.p, i),
              latent_parameter_gradient(&d.p, i), d.p.item[i].count, d.p.item[i].name);
    latent_discriminator_free(&d);
    latent_workspace_free(&room);
    free(pictures);
    free(seen);
    free(r);
    free(g);
    free(g_seen);
    shape.pack = 2; /* two pictures, and whose features? */
    assert_int_equal(latent_discriminator_init(&d, &shape, N, 5, &e), -1);
}

/* What no clip-tiny is, is none. */
static void refusals(void **state)
{
    latent_error e = {""};
    (void)state;
    assert_null(latent_feature_network_open("examples/models/fish.safetensors", N, &e));
    assert_true(*e.text);
    assert_null(latent_feature_network_open("tests/engine/test_feature_network.c", N, &e));
    assert_null(latent_feature_network_open("there is none", N, &e));
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
