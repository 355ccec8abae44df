/* test_stylegan3: T and R against what the public reference implementation computed with the same
   files (needs the oracle folder): styles, the waves, each layer, pictures, transforms,
   gradients. */
#include "../helpers/npz.h"
#include "engine/base/deferred_free.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/models/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const latent_noise noise = {.mode = LATENT_NOISE_CONST, .strength = 1};

typedef struct {
    const char *file, *arrays;
} fixture;

static const fixture fixtures[] = {
    {"sg3t-64.pkl", "sg3t-64"},
    {"sg3r-64.pkl", "sg3r-64"},
    {"sg3t-32-input.pkl", "sg3t-32-input"},
    {"sg3t-64-torch2-p5.pkl", "sg3t-64"},
};
#define N_FIXTURES (sizeof(fixtures) / sizeof(*fixtures))

static const char *oracle(void)
{
    const char *folder = getenv("LATENT_ORACLE");
    return folder ? folder : "../shared/oracle";
}

static latent_model *open_model(const char *file)
{
    char path[1000];
    latent_error e = {""};
    latent_model *m;
    snprintf(path, sizeof(path), "%s/%s", oracle(), file);
    if (access(path, R_OK)) {
        printf("SKIP %s is not there\n", path);
        skip();
    }
    if (!(m = latent_model_load(path, (latent_progress){NULL, NULL}, &e)))
        fail_msg("%s: %s", file, e.text);
    return m;
}

/* The array of that name, or nothing. */
static npz_array array(const char *name, const char *key)
{
    char path[1000], error[300];
    npz_array a = {0};
    snprintf(path, sizeof(path), "%s/%s.npz", oracle(), name);
    if (npz_read(&a, path, key, error, sizeof(error)))
        return (npz_array){0};
    return a;
}

static double distance(const float *is, const float *should, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)is[i] - should[i]) * ((double)is[i] - should[i]);
        s += (double)should[i] * should[i];
    }
    return sqrt(d / (s > 0 ? s : 1));
}

/* A node's value against the sample of an array, in channel, row, column order. */
static void assert_node(const char *name, const char *key, size_t sample, latent_node *n)
{
    npz_array a = array(name, key);
    latent_error e = {""};
    latent_tensor *t;
    size_t each, pixels, c;
    float *p;
    double d;
    if (!a.data || sample >= a.shape[0]) {
        npz_free(&a);
        return;
    }
    each = a.count / a.shape[0];
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    assert_int_equal(t->count, each);
    p = malloc(each * sizeof(float));
    c = (size_t)t->shape.c;
    pixels = each / c;
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < c; k++)
            p[k * pixels + i] = t->data[i * c + k];
    d = distance(p, a.data + sample * each, each);
    if (!(d < 1e-4))
        fail_msg("%s of %s differs by %g", key, name, d);
    free(p);
    latent_tensor_release(t);
    npz_free(&a);
}

static void check_layers(latent_model *m, const char *name, const float *w, size_t sample)
{
    const latent_layer_context context = {NULL, 0, noise};
    latent_error e = {""};
    latent_node *f = latent_model_input(m, w, 1, &e), *next;
    char key[80];
    if (!f)
        fail_msg("%s", e.text);
    assert_node(name, "input", sample, f);
    for (int i = 0; i < m->generator.n_layers; i++) {
        if (!(next = latent_model_forward(m, i, f, &context, &e)))
            fail_msg("%s", e.text);
        latent_node_release(f);
        f = next;
        snprintf(key, sizeof(key), "layer_%s", m->generator.layers[i]);
        assert_node(name, key, sample, f);
    }
    if (!(next = latent_features_rgb(f, &e)))
        fail_msg("%s", e.text);
    assert_node(name, "image", sample, next);
    latent_node_release(next);
    latent_node_release(f);
}

static void check_transform(latent_model *m, const char *name, const float *w, size_t sample)
{
    npz_array t = array(name, "user_transform");
    latent_error e = {""};
    latent_node *n;
    if (!t.data)
        return;
    if (!(n = latent_model_picture_at(m, w, 1, LATENT_WHOLE_PICTURE, noise, t.data, &e)))
        fail_msg("%s", e.text);
    assert_node(name, "image_transformed", sample, n);
    latent_node_release(n);
    npz_free(&t);
}

static void pictures(void **state)
{
    (void)state;
    for (const fixture *f = fixtures; f < fixtures + N_FIXTURES; f++) {
        latent_model *m = open_model(f->file);
        npz_array z = array(f->arrays, "z"), w = array(f->arrays, "w");
        npz_array psi = array(f->arrays, "w_psi0.7");
        size_t dim = (size_t)m->generator.w_dim;
        float *is = malloc(dim * sizeof(float));
        latent_error e;
        assert_int_equal(z.shape[1], m->generator.z_dim);
        for (size_t k = 0; k < z.shape[0]; k++) {
            const float *should = w.data + k * (w.count / w.shape[0]);
            latent_node *n;
            assert_int_equal(latent_model_map(m, z.data + k * z.shape[1], NULL, is, &e), 0);
            assert_true(distance(is, should, dim) < 1e-5);
            check_layers(m, f->arrays, should, k);
            check_transform(m, f->arrays, should, k);
            latent_model_truncate(m, should, 0.7f, -1, is, &e);
            if (psi.data)
                assert_true(distance(is, psi.data + k * (psi.count / psi.shape[0]), dim) < 1e-5);
            n = latent_model_picture(m, is, 1, LATENT_WHOLE_PICTURE, noise, &e);
            assert_node(f->arrays, "image_psi0.7", k, n);
            latent_node_release(n);
        }
        free(is);
        npz_free(&z);
        npz_free(&w);
        npz_free(&psi);
        latent_model_release(m);
    }
}

static void gradients(void **state)
{
    (void)state;
    for (const fixture *f = fixtures; f < fixtures + N_FIXTURES - 1; f++) {
        latent_model *m = open_model(f->file);
        npz_array w = array(f->arrays, "w"), target = array(f->arrays, "target");
        npz_array should = array(f->arrays, "grad_ws");
        size_t dim = (size_t)m->generator.w_dim, each = (size_t)m->generator.num_ws * dim;
        float *ws = malloc(each * sizeof(float)), *grad, value;
        int rows, w_dim, side = m->generator.height;
        latent_error e = {""};
        for (size_t k = 0; k < w.shape[0]; k++) {
            latent_node *picture, *goal, *loss;
            double d;
            for (int r = 0; r < m->generator.num_ws; r++)
                memcpy(ws + (size_t)r * dim, w.data + k * (w.count / w.shape[0]),
                       dim * sizeof(float));
            picture =
                latent_model_picture(m, ws, m->generator.num_ws, LATENT_WHOLE_PICTURE, noise, &e);
            goal = latent_op_planes(target.data + k * (target.count / target.shape[0]),
                                    m->generator.channels, side, side, NULL, &e);
            loss = latent_op_sse(picture, goal, &e);
            if (!loss || latent_gradient_styles(loss, NULL, &value, &grad, &rows, &w_dim, &e))
                fail_msg("%s", e.text);
            assert_int_equal(rows * w_dim, each);
            d = distance(grad, should.data + k * each, each);
            printf("grad_ws of %s, sample %zu: %.2g\n", f->arrays, k, d);
            assert_true(d < 1e-3);
            free(grad);
            latent_node_release(picture);
            latent_node_release(goal);
            latent_node_release(loss);
        }
        free(ws);
        npz_free(&w);
        npz_free(&target);
        npz_free(&should);
        latent_model_release(m);
    }
}

/* The file's transform was made of a move by 0.1 and -0.05 and a turn by 20 degrees; and what is
   twice as large is looked up in steps half as long. */
static void transforms_have_their_numbers(void **state)
{
    npz_array t = array("sg3t-64", "user_transform");
    float m[9];
    (void)state;
    latent_model_transform(0.1, -0.05, 20, 1, m);
    for (int i = 0; t.data && i < 9; i++)
        assert_true(fabsf(m[i] - t.data[i]) < 1e-6f);
    npz_free(&t);
    latent_model_transform(0.5, 0, 0, 2, m);
    assert_true(fabsf(m[0] - 0.5f) < 1e-6f && fabsf(m[4] - 0.5f) < 1e-6f);
    assert_true(fabsf(m[2] + 0.25f) < 1e-6f && fabsf(m[1]) < 1e-6f);
}

static void nothing_is_left(void **state)
{
    (void)state;
    latent_deferred_free_all();
    assert_int_equal(latent_node_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures),
        cmocka_unit_test(gradients),
        cmocka_unit_test(transforms_have_their_numbers),
        cmocka_unit_test(nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
