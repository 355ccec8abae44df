/* test_origin: a picture's promise tells which network drew it, and of which latent. */
#include "engine/models/model.h"
#include "engine/origin.h"
#include "helper_network.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const network_plan plan = {SKIP, 6, 5, 2, 3, {8, 8, 8}, 3, 0, 1};
static const latent_noise quiet = {LATENT_NOISE_NONE, 0, 1};

static latent_model *model_of(uint32_t seed)
{
    network n;
    latent_model *m;
    network_make(&n, plan, seed);
    m = network_model(&n);
    network_free(&n);
    return m;
}

static latent_origin origin_of(latent_node *n)
{
    latent_origin o;
    latent_error e = {""};
    if (latent_origin_of(n, &o, &e))
        fail_msg("%s", e.text);
    return o;
}

static void test_rows(void **state)
{
    latent_model *m = model_of(1);
    size_t n = (size_t)m->num_ws * (size_t)m->w_dim;
    float *ws = malloc(n * sizeof(*ws));
    latent_node *picture;
    latent_origin o;
    (void)state;
    for (size_t i = 0; i < n; i++)
        ws[i] = (float)i / 7;
    picture = network_picture(m, ws, m->num_ws);
    o = origin_of(picture);
    assert_int_equal(o.rows, m->num_ws);
    assert_int_equal(o.w_dim, m->w_dim);
    assert_memory_equal(o.w, ws, n * sizeof(*ws));
    assert_memory_equal(&o.drawer, &m->drawer, sizeof(o.drawer));
    assert_int_equal(strlen(o.drawer.hash), 16);
    latent_origin_free(&o);
    latent_node_release(picture);
    /* all rows alike are one */
    for (size_t i = 0; i < n; i++)
        ws[i] = (float)(i % (size_t)m->w_dim);
    picture = network_picture(m, ws, m->num_ws);
    o = origin_of(picture);
    assert_int_equal(o.rows, 1);
    assert_memory_equal(o.w, ws, (size_t)m->w_dim * sizeof(*ws));
    latent_origin_free(&o);
    latent_node_release(picture);
    free(ws);
    latent_model_release(m);
}

/* After an early stop the rows that took no part are the last that did. */
static void test_early(void **state)
{
    latent_model *m = model_of(1);
    size_t n = (size_t)m->num_ws * (size_t)m->w_dim, used;
    float *ws = malloc(n * sizeof(*ws));
    latent_node *input, *features, *picture;
    latent_origin o;
    (void)state;
    for (size_t i = 0; i < n; i++)
        ws[i] = (float)i / 3;
    input = latent_model_input(m, ws, m->num_ws, NULL);
    features = latent_model_forward(m, 0, input, NULL, 1, quiet, NULL);
    picture = latent_features_rgb(features, NULL);
    o = origin_of(picture);
    used = 2 * (size_t)m->w_dim; /* conv1 and ToRGB of 4 x 4 */
    assert_int_equal(o.rows, m->num_ws);
    assert_memory_equal(o.w, ws, used * sizeof(*ws));
    for (size_t i = used; i < n; i++)
        assert_true(o.w[i] == ws[used - (size_t)m->w_dim + i % (size_t)m->w_dim]);
    latent_origin_free(&o);
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
    latent_origin o;
    (void)state;
    assert_string_not_equal(a->drawer.hash, b->drawer.hash);
    for (int i = 0; i < 3; i++) {
        next = latent_model_forward(i < 2 ? a : b, i, n, own, 1, quiet, NULL);
        assert_non_null(next);
        latent_node_release(n);
        n = next;
    }
    next = latent_features_rgb(n, NULL);
    o = origin_of(next);
    assert_memory_equal(&o.drawer, &b->drawer, sizeof(o.drawer));
    assert_memory_equal(o.w, own, sizeof(own));
    latent_origin_free(&o);
    latent_node_release(n);
    latent_node_release(next);
    latent_model_release(a);
    latent_model_release(b);
}

static void test_none(void **state)
{
    latent_tensor *t = latent_tensor_new((latent_shape){1, 2, 2, 3}, NULL);
    latent_node *n = latent_op_picture(t, NULL);
    latent_origin o = origin_of(n);
    (void)state;
    assert_int_equal(o.rows, 0);
    assert_null(o.w);
    assert_string_equal(o.drawer.name, "");
    latent_origin_free(&o);
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
    assert_string_equal(first->drawer.hash, again->drawer.hash);
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
    assert_string_equal(copy->drawer.hash, m->drawer.hash);
    latent_model_release(m);
    latent_model_release(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_early), cmocka_unit_test(test_two),
        cmocka_unit_test(test_none), cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
