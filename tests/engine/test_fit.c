/* test_fit: lines, polynomials, a small network and rolling balls, against what is known. */
#include "engine/base/random.h"
#include "engine/fit/fit.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static latent_fit *made(latent_fit_kind kind, int n)
{
    latent_error e;
    latent_fit *f = latent_fit_new(kind, n, 1, &e);
    assert_non_null(f);
    return f;
}

static void point(latent_fit *f, float x, float y)
{
    latent_error e;
    assert_int_equal(latent_fit_point(f, x, y, &e), 0);
}

/* The talk's first example: 1 gives 5, 5 gives 13; what gives 30? */
static void test_line(void **state)
{
    latent_fit *f = made(LATENT_FIT_LINE, 1);
    float v[LATENT_FIT_NUMBERS];
    (void)state;
    assert_int_equal(latent_fit_numbers(f, v), 2);
    assert_true(v[0] == 0 && v[1] == 0);
    point(f, 1, 5);
    point(f, 5, 13);
    assert_true(fabs(latent_fit_loss(f) - (25 + 169) / 2.0) < 1e-9); /* still y = 0 */
    for (int i = 0; i < 150; i++)
        latent_fit_step(f, .3, 0);
    latent_fit_numbers(f, v);
    assert_true(fabsf(v[0] - 2) < 1e-3f && fabsf(v[1] - 3) < 1e-3f);
    assert_true(fabs(latent_fit_ask(f, 30) - 63) < 1e-3);
    assert_true(latent_fit_loss(f) < 1e-6);
    /* one more point, and what was found stays until the next step */
    point(f, 3, 20);
    latent_fit_numbers(f, v);
    assert_true(fabsf(v[0] - 2) < 1e-3f && fabsf(v[1] - 3) < 1e-3f);
    /* least squares: the mean rises by 11 / 3, the slope stays */
    assert_int_equal(latent_fit_solve(f), 0);
    latent_fit_numbers(f, v);
    assert_true(fabsf(v[0] - 2) < 1e-4f && fabsf(v[1] - 3 - 11.0f / 3) < 1e-4f);
    /* by hand, in the points' own units */
    assert_int_equal(latent_fit_set(f, (float[]){.5f, -7}, 2), 0);
    latent_fit_numbers(f, v);
    assert_true(fabsf(v[0] - .5f) < 1e-6f && fabsf(v[1] + 7) < 1e-6f);
    assert_true(fabs(latent_fit_ask(f, 30) - 8) < 1e-6);
    assert_int_equal(latent_fit_set(f, v, 3), -1);
    latent_fit_free(f);
}

static void test_poly(void **state)
{
    latent_fit *f = made(LATENT_FIT_POLY, 3);
    float v[LATENT_FIT_NUMBERS];
    double before;
    (void)state;
    for (int i = -4; i <= 6; i++) {
        double x = i * .5 + 2;
        point(f, (float)x, (float)(2 * x * x * x - 3 * x * x + x - 5));
    }
    before = latent_fit_loss(f);
    for (int i = 0; i < 400; i++)
        latent_fit_step(f, .3, .8);
    assert_true(latent_fit_loss(f) < 1e-4 * before);
    assert_int_equal(latent_fit_solve(f), 0);
    assert_int_equal(latent_fit_numbers(f, v), 4);
    assert_true(fabsf(v[0] - 2) < 1e-3f && fabsf(v[1] + 3) < 1e-3f && fabsf(v[2] - 1) < 1e-3f &&
                fabsf(v[3] + 5) < 1e-3f);
    latent_fit_free(f);
    /* more numbers than points: none of them runs away */
    f = made(LATENT_FIT_POLY, 9);
    point(f, 2020, 1);
    point(f, 2021, 2);
    assert_int_equal(latent_fit_solve(f), 0);
    assert_true(fabs(latent_fit_ask(f, 2020) - 1) < 1e-3 &&
                fabs(latent_fit_ask(f, 2021) - 2) < 1e-3);
    latent_fit_free(f);
}

/* It bends itself through a wave, which no line does; its weights are what it says. */
static void test_net(void **state)
{
    latent_fit *f = made(LATENT_FIT_NET, 8);
    float v[LATENT_FIT_NUMBERS];
    double first, y;
    (void)state;
    for (int i = 0; i < 20; i++)
        point(f, (float)i * .5f, 3 * sinf((float)i * .5f));
    first = latent_fit_loss(f);
    for (int i = 0; i < 3000; i++)
        latent_fit_step(f, .3, .9);
    assert_true(latent_fit_loss(f) < .05 * first);
    assert_int_equal(latent_fit_solve(f), -1);
    assert_int_equal(latent_fit_numbers(f, v), 25);
    y = v[24];
    for (int i = 0; i < 8; i++)
        y += v[3 * i + 2] * tanh(v[3 * i] * 2.2 + v[3 * i + 1]);
    assert_true(fabs(y - latent_fit_ask(f, 2.2)) < 1e-4);
    latent_fit_free(f);
}

/* Where balls end is where a descent of the test's own ends, by slopes of differences. */
static void test_pits(void **state)
{
    latent_fit *f = made(LATENT_FIT_PITS, 60);
    float first[LATENT_FIT_NUMBERS], last[LATENT_FIT_NUMBERS];
    int deep = 0, shallow = 0;
    (void)state;
    assert_int_equal(latent_fit_numbers(f, first), 120);
    for (int i = 0; i < 600; i++)
        latent_fit_step(f, .5, 0);
    latent_fit_numbers(f, last);
    for (int i = 0; i < 60; i++) {
        double x = first[2 * i], y = first[2 * i + 1], none[2], h = 1e-5;
        for (int k = 0; k < 20000; k++) {
            double sx =
                (latent_fit_height(x + h, y, none) - latent_fit_height(x - h, y, none)) / (2 * h);
            double sy =
                (latent_fit_height(x, y + h, none) - latent_fit_height(x, y - h, none)) / (2 * h);
            x = fmin(fmax(x - .005 * sx, -1), 1);
            y = fmin(fmax(y - .005 * sy, -1), 1);
        }
        assert_true(fabs(x - last[2 * i]) < 5e-3 && fabs(y - last[2 * i + 1]) < 5e-3);
        deep += last[2 * i] < 0;
        shallow += last[2 * i] > .3f;
    }
    assert_true(deep > 10 && shallow > 10 && deep + shallow == 60);
    latent_fit_free(f);
}

static void test_hostile(void **state)
{
    static float picture[64 * 64 * 3];
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        latent_fit *f = made((latent_fit_kind)kind, 1000);
        latent_fit_view view;
        latent_error e;
        float v[LATENT_FIT_NUMBERS];
        int refused = 0;
        for (int i = 0; i < 300; i++)
            refused += latent_fit_point(f, i & 1 ? 1e30f : -1e30f, i & 2 ? 1e30f : 1e-30f, &e) != 0;
        assert_int_equal(refused, kind == LATENT_FIT_PITS ? 0 : 300 - LATENT_FIT_POINTS);
        for (int i = 0; i < 50; i++)
            latent_fit_step(f, 1, .99);
        assert_in_range(latent_fit_numbers(f, v), 1, LATENT_FIT_NUMBERS);
        latent_fit_look(f, &view);
        assert_int_equal(latent_fit_draw(&view, 64, picture, &e), 0);
        for (int i = 0; i < 64 * 64 * 3; i++)
            assert_true(picture[i] >= -1.001f && picture[i] <= 1.001f);
        latent_fit_clear(f);
        latent_fit_step(f, .3, 0);
        latent_fit_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line), cmocka_unit_test(test_poly),    cmocka_unit_test(test_net),
        cmocka_unit_test(test_pits), cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
