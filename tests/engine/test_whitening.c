/* test_whitening: the styles of a network, whitened, are normal in every direction and independent;
   there and back is the same; gradients agree with differences; and an optimiser that goes by them
   stays among them, shakes, averages, and changes over in the middle. */
#include "engine/guidance/optimise.h"
#include "engine/latents/latents.h"
#include "engine/latents/whitening.h"
#include "helper_network.h"
#include "helper_numbers.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define W 13 /* no multiple of a vector */
#define SAMPLES 4000

static const latent_progress quietly = {NULL, NULL};
static network net;
static latent_model *model;
static latent_whitening *space;

static int begin(void **state)
{
    network_plan p = {SKIP, 10, W, 3, 2, {4, 4}, 3, 0, 1};
    latent_error e = {""};
    (void)state;
    network_make(&net, p, 5);
    model = network_model(&net);
    space = latent_whitening_new(model, SAMPLES, quietly, &e);
    return !space;
}

static int end(void **state)
{
    (void)state;
    latent_whitening_release(space);
    latent_model_release(model);
    network_free(&net);
    return 0;
}

/* w of the same seed as was measured, one after another. */
static void draw(latent_random *r, float *w)
{
    float z[10];
    latent_error e;
    latent_draw(r, 10, 0, z);
    if (latent_model_map(model, z, NULL, w, &e))
        fail_msg("%s", e.text);
}

static void test_white(void **state)
{
    double mean[W] = {0}, product[W][W] = {{0}};
    latent_random r;
    (void)state;
    assert_int_equal(latent_whitening_size(space), W);
    latent_random_seed(&r, 0);
    for (int s = 0; s < SAMPLES; s++) {
        float w[W], p[W], back[W];
        draw(&r, w);
        latent_whitening_in(space, w, p);
        latent_whitening_out(space, p, back);
        for (int i = 0; i < W; i++) {
            if (fabsf(back[i] - w[i]) > 1e-4f * (1 + fabsf(w[i])))
                fail_msg("%d: %g came back as %g", i, (double)w[i], (double)back[i]);
            mean[i] += (double)p[i] / SAMPLES;
            for (int k = 0; k < W; k++)
                product[i][k] += (double)p[i] * p[k] / (SAMPLES - 1);
        }
    }
    for (int i = 0; i < W; i++) {
        assert_true(fabs(mean[i]) < 1e-3);
        for (int k = 0; k < i; k++)
            assert_true(fabs(product[i][k]) < 1e-2);
        /* z has 10 numbers: a network that is hardly curved leaves some directions narrow */
        assert_true(product[i][i] < 1.01 && (i > 4 || product[i][i] > 0.99));
    }
}

/* The gradient of g . w(p), g being fixed. */
static void test_gradient(void **state)
{
    float *g = some(W, 1), *p = some(W, 2), w[W], got[W];
    (void)state;
    latent_whitening_out(space, p, w);
    latent_whitening_gradient(space, w, g, got);
    for (int i = 0; i < W; i++) {
        const float h = 0.01f;
        float more[W], less[W], moved[W];
        double want, near = 0;
        memcpy(moved, p, sizeof(moved));
        moved[i] = p[i] + h;
        latent_whitening_out(space, moved, more);
        moved[i] = p[i] - h;
        latent_whitening_out(space, moved, less);
        for (int k = 0; k < W; k++) /* a kink between the two */
            near += (more[k] < 0) != (less[k] < 0);
        want = (dot(g, more, W) - dot(g, less, W)) / (2 * (double)h);
        if (near == 0 && fabs(got[i] - want) > 1e-3 * (1 + fabs(want)))
            fail_msg("%d: %g, by differences %g", i, (double)got[i], want);
    }
    free(g);
    free(p);
}

static double middle(const float *w)
{
    float p[W];
    latent_whitening_in(space, w, p);
    return sqrt(dot(p, p, W) / W);
}

/* Pulled away for ever, the latent stays where it may. */
static void test_within(void **state)
{
    latent_optimiser_settings s = {.rate = 0.2, .beta1 = 0.9, .beta2 = 0.999, .space = space};
    latent_random r;
    float w[W], *g = some(W, 3), now[W];
    double first;
    latent_optimiser o = {0};
    latent_error e = {""};
    (void)state;
    latent_random_seed(&r, 0);
    draw(&r, w);
    first = middle(w);
    for (int k = 0; k < 3; k++) {
        double most = k == 0 ? 1.5 : k == 1 ? first / 2 : 1e6;
        s.within = k == 0 ? 1.5 : k == 1 ? first / 2 : 0;
        assert_int_equal(latent_optimiser_start(&o, w, W, &e), 0);
        latent_optimiser_now(&o, &s, NULL, now);
        for (int i = 0; i < W; i++)
            assert_true(fabsf(now[i] - w[i]) < 1e-4f * (1 + fabsf(w[i])));
        for (int i = 0; i < 100; i++) {
            assert_int_equal(latent_optimiser_step(&o, &s, g, W, NULL, &e), 0);
            latent_optimiser_now(&o, &s, NULL, now);
            assert_true(middle(now) < 1.001 * (most > first ? most : first));
        }
        assert_true(middle(now) > 0.9 * (k == 0 ? 1.5 : k == 1 ? first : 5));
        assert_true(dot(g, now, W) < dot(g, w, W));
    }
    latent_optimiser_free(&o);
    free(g);
}

/* A loss that is flat but for one step: its gradient, where it has one, is nearly never met; shaken
   and averaged it leads over the step all the same. */
static double step_loss(const float *x, float *g)
{
    const double steep = 40, at = 1.5; /* falls at x[0] = 1.5 */
    double t = tanh(steep * (x[0] - at));
    g[0] = (float)(-steep * (1 - t * t));
    g[1] = 0;
    return 1 - t;
}

static double went(double noise, int average)
{
    latent_optimiser_settings s = {
        .mode = LATENT_SGD, .rate = 0.3, .noise = noise, .steps = 200, .average = average};
    latent_optimiser o = {0};
    latent_error e = {""};
    float x[2] = {0, 0}, g[2];
    double loss;
    assert_int_equal(latent_optimiser_start(&o, x, 2, &e), 0);
    for (int i = 0; i < 200 * average; i++) {
        latent_optimiser_now(&o, &s, NULL, x);
        step_loss(x, g);
        assert_int_equal(o.t, i / average);
        assert_int_equal(latent_optimiser_step(&o, &s, g, 2, NULL, &e), 0);
    }
    s.noise = 0;
    latent_optimiser_now(&o, &s, NULL, x);
    loss = step_loss(x, g);
    latent_optimiser_free(&o);
    return loss;
}

static void test_smoothed(void **state)
{
    (void)state;
    assert_true(went(0, 1) > 1.9);
    assert_true(went(1, 8) < 0.1);
}

/* Four gradients make the step that their mean makes. */
static void test_average(void **state)
{
    latent_optimiser_settings s = {.rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .pull = 0.3};
    float *g = some(4 * W, 4), mean[W] = {0}, *x = some(W, 5), once[W], four[W];
    latent_optimiser o = {0};
    latent_error e = {""};
    (void)state;
    for (int i = 0; i < 4 * W; i++)
        mean[i % W] += g[i] / 4;
    for (int k = 0; k < 2; k++) {
        assert_int_equal(latent_optimiser_start(&o, x, W, &e), 0);
        s.average = k ? 4 : 0;
        for (int i = 0; i < (k ? 12 : 3); i++)
            assert_int_equal(latent_optimiser_step(&o, &s, k ? g + i % 4 * W : mean, W, NULL, &e),
                             0);
        latent_optimiser_now(&o, &s, NULL, k ? four : once);
    }
    for (int i = 0; i < W; i++)
        assert_true(fabsf(once[i] - four[i]) < 1e-5f && once[i] != x[i]);
    latent_optimiser_free(&o);
    free(g);
    free(x);
}

/* In and out of the space the latent stays where it is, and reset finds the start. */
static void test_change(void **state)
{
    latent_optimiser_settings s = {.rate = 0.01, .beta1 = 0.9, .beta2 = 0.999};
    latent_random r;
    float w[W], *g = some(W, 6), here[W], there[W];
    latent_optimiser o = {0};
    latent_error e = {""};
    (void)state;
    latent_random_seed(&r, 1);
    draw(&r, w);
    assert_int_equal(latent_optimiser_start(&o, w, W, &e), 0);
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 500; i++)
            assert_int_equal(latent_optimiser_step(&o, &s, g, W, NULL, &e), 0);
        latent_optimiser_now(&o, &s, NULL, here);
        s.space = k % 2 ? NULL : space;
        latent_optimiser_now(&o, &s, NULL, there);
        for (int i = 0; i < W; i++)
            assert_true(fabsf(here[i] - there[i]) < 1e-3f * (1 + fabsf(here[i])));
        assert_int_equal(o.t, 500 * (k + 1));
    }
    memcpy(there, o.x, sizeof(there)); /* the first step after it is none of the large ones */
    assert_int_equal(latent_optimiser_step(&o, &s, g, W, NULL, &e), 0);
    for (int i = 0; i < W; i++)
        assert_true(fabsf(o.x[i] - there[i]) < 0.0101f);
    latent_optimiser_reset(&o);
    latent_optimiser_now(&o, &s, NULL, here);
    for (int i = 0; i < W; i++)
        assert_true(fabsf(here[i] - w[i]) < 1e-4f * (1 + fabsf(w[i])));
    s.space = space;
    assert_int_equal(latent_optimiser_start(&o, w, W - 1, &e), 0);
    assert_int_equal(latent_optimiser_step(&o, &s, g, W - 1, NULL, &e), -1);
    assert_non_null(strstr(e.text, "13"));
    latent_optimiser_now(&o, &s, NULL, here); /* as it is */
    assert_memory_equal(here, w, (W - 1) * sizeof(float));
    latent_optimiser_free(&o);
    free(g);
}

static void test_refused(void **state)
{
    atomic_int cancel = 1;
    latent_progress stopped = {NULL, &cancel};
    latent_error e = {""};
    (void)state;
    assert_null(latent_whitening_new(model, 1, quietly, &e));
    assert_null(latent_whitening_new(model, 1000, stopped, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_white),   cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_within),  cmocka_unit_test(test_smoothed),
        cmocka_unit_test(test_average), cmocka_unit_test(test_change),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
