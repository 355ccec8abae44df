/* test_half: weights in half precision: convolutions by them are those by rounded weights, to the
   bit, by every code and method; pictures stay within 1/1000; and half the memory is taken. */
#include "engine/base/half.h"
#include "engine/base/random.h"
#include "engine/graph/evaluate.h"
#include "engine/kernels/conv.h"
#include "engine/kernels/conv_plan.h"
#include "engine/models/model.h"
#include "engine/ops/ops.h"
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

static const latent_progress quietly = {NULL, NULL};
static latent_random numbers_of = {.place = 624};

static float *numbers(size_t n)
{
    float *v = malloc(n * sizeof(*v));
    for (size_t i = 0; i < n; i++)
        v[i] = (float)latent_random_gauss(&numbers_of);
    return v;
}

static float rounded(float f)
{
    return latent_half_to_float(latent_half_from_float(f));
}

/* Every half there is, against the formula. */
static void test_numbers(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        int exponent = h >> 10 & 31, rest = h & 1023;
        double sign = h & 0x8000 ? -1 : 1;
        double is = (double)latent_half_float((uint16_t)h);
        if (exponent == 31 && rest)
            assert_true(isnan(is));
        else if (exponent == 31)
            assert_true(isinf(is) && is * sign > 0);
        else
            assert_true(is ==
                        sign * (exponent ? ldexp(1024 + rest, exponent - 25) : ldexp(rest, -24)));
    }
}

static void check(const latent_conv_code *code, latent_conv_spec s, int points, int side)
{
    size_t taps = (size_t)(s.kernel * s.kernel), n = (size_t)(s.in * s.out) * taps;
    size_t y_count = (size_t)(side * side * s.out) * (s.up == 2 ? 4 : 1);
    float *weights = numbers(n), *round = malloc(n * sizeof(*round)), *back = malloc(n * 4);
    float *x = numbers((size_t)(side * side * s.in)), *style = numbers((size_t)s.in);
    float *y = malloc(y_count * 4), *wanted = malloc(y_count * 4);
    latent_conv_end end = {.slope = 0.2f, .gain = 1};
    latent_error e;
    latent_conv *a, *b;
    size_t before;
    weights[0] = 3e-6f; /* a denormal half */
    for (size_t i = 0; i < n; i++)
        round[i] = rounded(weights[i]);
    a = latent_conv_new_by(code, s, round, &e);
    b = latent_conv_new_by(code, s, weights, &e);
    before = latent_conv_bytes(b);
    assert_int_equal(latent_conv_halve(b), 0);
    assert_int_equal(latent_conv_halve(b), 0); /* it is already */
    assert_true(latent_conv_bytes(b) < before);
    latent_conv_weights(b, back);
    assert_memory_equal(back, round, n * sizeof(float));
    assert_int_equal(latent_conv_forward_by(a, points, side, side, x, style, &end, wanted, &e), 0);
    assert_int_equal(latent_conv_forward_by(b, points, side, side, x, style, &end, y, &e), 0);
    if (memcmp(y, wanted, y_count * sizeof(float)))
        fail_msg("%s, kernel %d, up %d, %d points: not the same", code->name, s.kernel, s.up,
                 points);
    latent_conv_free(a);
    latent_conv_free(b);
    free(weights);
    free(round);
    free(back);
    free(x);
    free(style);
    free(y);
    free(wanted);
}

static void test_conv(void **state)
{
    const latent_conv_code *codes[] = {latent_conv_code_base(), latent_conv_code_avx2(),
                                       latent_conv_code_avx512(), latent_conv_code_avx512_narrow()};
    (void)state;
    latent_random_seed(&numbers_of, 3);
    for (int i = 0; i < 4; i++) {
        if (!codes[i])
            continue;
        check(codes[i], (latent_conv_spec){37, 70, 3, 1}, 6, 12);
        check(codes[i], (latent_conv_spec){37, 70, 3, 1}, 6, 8); /* four tiles */
        check(codes[i], (latent_conv_spec){150, 33, 3, 1}, 6, 4);
        check(codes[i], (latent_conv_spec){37, 70, 3, 1}, 8, 12);
        check(codes[i], (latent_conv_spec){5, 33, 3, 1}, 0, 4);
        check(codes[i], (latent_conv_spec){37, 20, 3, 2}, 5, 8);
        check(codes[i], (latent_conv_spec){9, 40, 1, 1}, 0, 6);
        check(codes[i], (latent_conv_spec){37, 3, 1, 1}, 0, 6);
        check(codes[i], (latent_conv_spec){20, 24, 1, 2}, 0, 6);
        check(codes[i], (latent_conv_spec){300, 64, 3, 1}, 6, 9);
    }
}

static void test_too_large(void **state)
{
    float weights[2] = {1, 70000}, back[2];
    latent_error e;
    latent_conv *c = latent_conv_new((latent_conv_spec){2, 1, 1, 1}, weights, &e);
    (void)state;
    assert_int_equal(latent_conv_halve(c), -1);
    latent_conv_weights(c, back); /* they stay */
    assert_true(back[1] == 70000);
    latent_conv_free(c);
}

static void test_parameter(void **state)
{
    latent_error e;
    latent_tensor *t = latent_tensor_new((latent_shape){1, 1, 3, 5}, &e), *v;
    latent_node *n, *other;
    (void)state;
    for (int i = 0; i < 15; i++)
        t->data[i] = (float)i * 0.7f - 3;
    n = latent_op_parameter_half(t, &e);
    other = latent_op_parameter_half(t, &e);
    assert_ptr_not_equal(n, other); /* equal to itself alone */
    assert_int_equal(latent_evaluate(n, NULL, &v, &e), 0);
    for (int i = 0; i < 15; i++)
        assert_true(v->data[i] == rounded(t->data[i]));
    latent_tensor_release(v);
    latent_tensor_release(t);
    latent_node_release(n);
    latent_node_release(other);
}

/* ---- whole networks */

static latent_model *load(const char *path, int half)
{
    char paths[1001] = "";
    latent_error e = {""};
    latent_model *m;
    snprintf(paths, sizeof(paths) - 1, "%s", path);
    paths[strlen(paths) + 1] = 0;
    m = half ? latent_model_load_half(paths, quietly, &e)
             : latent_model_load_first(paths, quietly, &e);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

static latent_tensor *picture(latent_model *m, const float *ws)
{
    latent_node *n = network_picture(m, ws, m->generator.num_ws);
    latent_tensor *t = NULL;
    latent_error e;
    assert_int_equal(latent_evaluate(n, NULL, &t, &e), 0);
    latent_node_release(n);
    return t;
}

/* RMS of the difference over the first's deviation. */
static double distance(const latent_tensor *a, const latent_tensor *b)
{
    double mean = 0, deviation = 0, difference = 0;
    for (size_t i = 0; i < a->count; i++)
        mean += (double)a->data[i] / (double)a->count;
    for (size_t i = 0; i < a->count; i++) {
        double d = (double)a->data[i] - (double)b->data[i], v = (double)a->data[i] - mean;
        difference += d * d;
        deviation += v * v;
    }
    return sqrt(difference / deviation);
}

static void check_model(const char *path, double share)
{
    size_t before = latent_models_bytes(), full, halved;
    latent_model *m, *h;
    float *w, *ws, *z;
    double worst = 0;
    if (access(path, R_OK)) {
        printf("SKIP %s is not there\n", path);
        return;
    }
    m = load(path, 0);
    full = latent_models_bytes() - before;
    h = load(path, 1);
    halved = latent_models_bytes() - before - full;
    assert_ptr_not_equal(m, h);
    assert_true(h->half && !m->half && full == m->kept_bytes);
    w = malloc((size_t)m->generator.w_dim * sizeof(float));
    ws = malloc((size_t)(m->generator.num_ws * m->generator.w_dim) * sizeof(float));
    z = malloc((size_t)m->generator.z_dim * sizeof(float));
    for (uint32_t seed = 0; seed < 4; seed++) {
        latent_tensor *a, *b;
        latent_error e;
        latent_random r;
        latent_random_seed(&r, seed);
        for (int i = 0; i < m->generator.z_dim; i++)
            z[i] = (float)latent_random_gauss(&r);
        assert_int_equal(latent_model_map(m, z, NULL, w, &e), 0);
        for (int i = 0; i < m->generator.num_ws * m->generator.w_dim; i++)
            ws[i] = w[i % m->generator.w_dim];
        a = picture(m, ws);
        b = picture(h, ws);
        worst = fmax(worst, distance(a, b));
        latent_tensor_release(a);
        latent_tensor_release(b);
    }
    print_message("%s: %.2g of the deviation, %zu bytes of weights for %zu\n", path, worst, halved,
                  full);
    assert_true(worst < 1e-3);
    assert_true((double)halved < share * (double)full);
    free(w);
    free(ws);
    free(z);
    latent_model_release(m);
    latent_model_release(h);
    latent_deferred_free_all();
    assert_int_equal(latent_models_bytes(), before);
}

static void test_models(void **state)
{
    const char *oracle = getenv("LATENT_ORACLE");
    char path[900];
    (void)state;
    check_model("examples/models/fish.safetensors", 0.7);
    snprintf(path, sizeof(path), "%s/sg2ada-32.pkl", oracle ? oracle : "../shared/oracle");
    check_model(path, 0.75);
    snprintf(path, sizeof(path), "%s/sg2ada-64-cond.pkl", oracle ? oracle : "../shared/oracle");
    check_model(path, 0.75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_conv),
        cmocka_unit_test(test_too_large), cmocka_unit_test(test_parameter),
        cmocka_unit_test(test_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
