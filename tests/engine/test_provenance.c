/* test_provenance: a picture's promise tells which network drew it, and of which latent. */
#include "engine/guidance/reference.h"
#include "engine/models/model.h"
#include "engine/picture/provenance.h"
#include "helper_builtin.h"
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

static const network_plan plan = {SKIP, 6, 5, 2, 3, {8, 8, 8}, 3, 0, 1};
static const latent_noise quiet = {.mode = LATENT_NOISE_NONE, .strength = 1};

static latent_model *model_of(uint32_t seed)
{
    network n;
    latent_model *m;
    network_make(&n, plan, seed);
    m = network_model(&n);
    network_free(&n);
    return m;
}

static latent_provenance origin_of(latent_node *n)
{
    latent_provenance o;
    latent_error e = {""};
    if (latent_provenance_of(n, &o, &e))
        fail_msg("%s", e.text);
    return o;
}

static void test_rows(void **state)
{
    latent_model *m = model_of(1);
    size_t n = (size_t)m->generator.num_ws * (size_t)m->generator.w_dim;
    float *ws = malloc(n * sizeof(*ws));
    latent_node *picture;
    latent_provenance o;
    (void)state;
    for (size_t i = 0; i < n; i++)
        ws[i] = (float)i / 7;
    picture = network_picture(m, ws, m->generator.num_ws);
    o = origin_of(picture);
    assert_int_equal(o.rows, m->generator.num_ws);
    assert_int_equal(o.w_dim, m->generator.w_dim);
    assert_memory_equal(o.w, ws, n * sizeof(*ws));
    assert_memory_equal(&o.drawer, &m->generator.drawer, sizeof(o.drawer));
    assert_int_equal(strlen(o.drawer.hash), 16);
    latent_provenance_free(&o);
    latent_node_release(picture);
    /* all rows alike are one */
    for (size_t i = 0; i < n; i++)
        ws[i] = (float)(i % (size_t)m->generator.w_dim);
    picture = network_picture(m, ws, m->generator.num_ws);
    o = origin_of(picture);
    assert_int_equal(o.rows, 1);
    assert_memory_equal(o.w, ws, (size_t)m->generator.w_dim * sizeof(*ws));
    latent_provenance_free(&o);
    latent_node_release(picture);
    free(ws);
    latent_model_release(m);
}

/* After an early stop the rows that took no part are the last that did. */
static void test_early(void **state)
{
    latent_model *m = model_of(1);
    size_t n = (size_t)m->generator.num_ws * (size_t)m->generator.w_dim, used;
    float *ws = malloc(n * sizeof(*ws));
    latent_node *input, *features, *picture;
    latent_provenance o;
    (void)state;
    for (size_t i = 0; i < n; i++)
        ws[i] = (float)i / 3;
    input = latent_model_input(m, ws, m->generator.num_ws, NULL);
    features = latent_model_forward(m, 0, input, &(latent_layer_context){NULL, 1, quiet}, NULL);
    picture = latent_features_rgb(features, NULL);
    o = origin_of(picture);
    used = 2 * (size_t)m->generator.w_dim; /* conv1 and ToRGB of 4 x 4 */
    assert_int_equal(o.rows, m->generator.num_ws);
    assert_memory_equal(o.w, ws, used * sizeof(*ws));
    for (size_t i = used; i < n; i++)
        assert_true(o.w[i] ==
                    ws[used - (size_t)m->generator.w_dim + i % (size_t)m->generator.w_dim]);
    latent_provenance_free(&o);
    latent_node_release(input);
    latent_node_release(features);
    latent_node_release(picture);
    free(ws);
    latent_model_release(m);
}

/* Two networks: the one that worked last. */
static void test_two(void **state)
{
    latent_model *a = model_of(1), *b = model_of(2);
    float w[5] = {1, 2, 3, 4, 5}, own[5] = {5, 4, 3, 2, 1};
    latent_node *n = latent_model_input(a, w, 1, NULL), *next;
    latent_provenance o;
    (void)state;
    assert_string_not_equal(a->generator.drawer.hash, b->generator.drawer.hash);
    for (int i = 0; i < 3; i++) {
        next =
            latent_model_forward(i < 2 ? a : b, i, n, &(latent_layer_context){own, 1, quiet}, NULL);
        assert_non_null(next);
        latent_node_release(n);
        n = next;
    }
    next = latent_features_rgb(n, NULL);
    o = origin_of(next);
    assert_memory_equal(&o.drawer, &b->generator.drawer, sizeof(o.drawer));
    assert_memory_equal(o.w, own, sizeof(own));
    latent_provenance_free(&o);
    latent_node_release(n);
    latent_node_release(next);
    latent_model_release(a);
    latent_model_release(b);
}

static void test_none(void **state)
{
    latent_tensor *t = latent_tensor_new((latent_shape){1, 2, 2, 3}, NULL);
    latent_node *n = latent_op_picture(t, NULL);
    latent_provenance o = origin_of(n);
    (void)state;
    assert_int_equal(o.rows, 0);
    assert_null(o.w);
    assert_string_equal(o.drawer.name, "");
    latent_provenance_free(&o);
    latent_node_release(n);
    latent_tensor_release(t);
}

/* The same network is the same, whatever kind of file it is in. */
static void test_hash(void **state)
{
    const char *folder = getenv("LATENT_ORACLE");
    const latent_progress quietly = {NULL, NULL};
    char path[1000], written[] = "latent-test-XXXXXX";
    latent_model *m, *copy, *again = model_of(1), *first = model_of(1);
    latent_error e = {""};
    int file;
    (void)state;
    assert_string_equal(first->generator.drawer.hash, again->generator.drawer.hash);
    latent_model_release(first);
    latent_model_release(again);
    snprintf(path, sizeof(path), "%s/sg2ada-32.pkl", folder ? folder : "../shared/oracle");
    if (!(m = latent_model_load(path, quietly, &e))) {
        printf("SKIP %s\n", e.text);
        skip();
    }
    file = mkstemp(written);
    assert_true(file >= 0);
    close(file);
    if (latent_model_write(m, written, &e))
        fail_msg("%s", e.text);
    copy = latent_model_load(written, quietly, &e);
    unlink(written);
    assert_non_null(copy);
    assert_string_equal(copy->generator.drawer.hash, m->generator.drawer.hash);
    latent_model_release(m);
    latent_model_release(copy);
}

/* ---- how far pictures are apart, and what a directional loss begins with */

static latent_node *fish_at(latent_model *fish, const float *w, float by)
{
    float moved[BUILTIN_MOST];
    for (int i = 0; i < fish->generator.w_dim; i++)
        moved[i] = w[i] + (i % 2 ? by : -by);
    return network_picture(fish, moved, 1);
}

static float apart(latent_node *a, latent_node *b)
{
    latent_provenance from = origin_of(a), to = origin_of(b);
    float by = latent_provenance_apart(&from, &to);
    latent_provenance_free(&from);
    latent_provenance_free(&to);
    return by;
}

/* Two draws are about sqrt(2) apart, a step of 0.1 in each number a small part of that. */
static void test_apart(void **state)
{
    latent_model *fish = builtin_fish(), *other = model_of(1);
    float w[2][BUILTIN_MOST], ws[BUILTIN_MOST * 16] = {0};
    latent_node *a, *b, *step, *mixed, *foreign;
    size_t n = (size_t)fish->generator.w_dim;
    (void)state;
    builtin_w(fish, 1, w[0]);
    builtin_w(fish, 2, w[1]);
    a = fish_at(fish, w[0], 0);
    b = fish_at(fish, w[1], 0);
    step = fish_at(fish, w[0], 0.1f);
    for (int r = 0; r < fish->generator.num_ws; r++) /* half of the layers have the other's */
        memcpy(ws + (size_t)r * n, w[r % 2], n * sizeof(*ws));
    mixed = network_picture(fish, ws, fish->generator.num_ws);
    foreign = network_picture(other, ws, 1);
    assert_true(apart(a, a) == 0 && apart(a, foreign) == HUGE_VALF);
    assert_true(fabsf(apart(a, b) - 1.41f) < 0.5f);
    assert_true(fabsf(apart(a, mixed) / apart(a, b) - 0.707f) < 0.001f);
    assert_true(fabsf(apart(mixed, a) / apart(a, mixed) - 1) < 0.001f);
    assert_true(apart(a, step) > 0.01f && apart(a, step) < 0.5f * LATENT_JUMP);
    for (latent_node **p = (latent_node *[]){a, b, step, mixed, foreign, NULL}; *p; p++)
        latent_node_release(*p);
    latent_model_release(fish);
    latent_model_release(other);
}

/* Which of the pictures is the start after each of them has come? */
static void test_reference(void **state)
{
    latent_model *fish = builtin_fish();
    latent_reference r = {0};
    latent_node *seen[6];
    float w[2][BUILTIN_MOST];
    latent_error e;
    (void)state;
    builtin_w(fish, 1, w[0]);
    builtin_w(fish, 2, w[1]);
    for (int i = 0; i < 6; i++) /* three steps with the one, three with the other */
        seen[i] = fish_at(fish, w[i / 3], 0.05f * (float)(i % 3));
    for (int follow = 1; follow >= 0; follow--) {
        for (int i = 0; i < 6; i++) {
            assert_int_equal(latent_reference_see(&r, seen[i], follow, &e), 0);
            assert_ptr_equal(r.start, seen[follow && i >= 3 ? 3 : 0]);
        }
        latent_reference_forget(&r);
    }
    latent_reference_see(&r, seen[0], 1, &e);
    latent_reference_forget(&r);
    latent_reference_see(&r, seen[1], 1, &e);
    assert_ptr_equal(r.start, seen[1]);
    latent_reference_forget(&r);
    for (int i = 0; i < 6; i++)
        latent_node_release(seen[i]);
    latent_model_release(fish);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_early),
        cmocka_unit_test(test_two),       cmocka_unit_test(test_none),
        cmocka_unit_test(test_hash),      cmocka_unit_test(test_apart),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
