/* test_colour: walks of coloured noise: their spectra have the slope that was asked for, closed
   ones close, and the same seed is the same walk. */
#include "engine/sound/colour.h"
#include "engine/sound/fft.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const atomic_int go;

static latent_coloured *walk(uint32_t seed, double b, int length, int n, int closed)
{
    latent_error e;
    latent_coloured *w = latent_coloured_new(seed, b, length, n, closed, &go, &e);
    if (!w)
        fail_msg("%s", e.text);
    return w;
}

/* The power at frequency k, the mean of all numbers, by a plain sum in double precision. */
static double power_at(const latent_coloured *w, int k)
{
    double sum = 0;
    for (int i = 0; i < w->n; i++) {
        double re = 0, im = 0;
        for (int p = 0; p < w->length; p++) {
            re += w->points[p * w->n + i] * cos(2 * M_PI * k * p / w->length);
            im += w->points[p * w->n + i] * sin(2 * M_PI * k * p / w->length);
        }
        sum += re * re + im * im;
    }
    return sum / w->n;
}

static void test_slope(void **state)
{
    (void)state;
    for (double b = 0; b <= 3; b += 0.5) {
        latent_coloured *w = walk(5, b, 300, 512, 1);
        double slope = log(power_at(w, 64) / power_at(w, 4)) / log(64. / 4);
        if (fabs(slope + b) > 0.08)
            fail_msg("b %g: the spectrum falls with %g", b, -slope);
        latent_coloured_free(w);
    }
}

static void test_size(void **state)
{
    static const int lengths[] = {2, 3, 7, 100, 1021, 4096};
    (void)state;
    for (size_t l = 0; l < sizeof(lengths) / sizeof(*lengths); l++)
        for (int closed = 0; closed < 2; closed++) {
            latent_coloured *w = walk(1, 1, lengths[l], 5, closed);
            for (int i = 0; i < 5; i++) {
                double sum = 0, square = 0;
                for (int p = 0; p < w->length; p++) {
                    sum += w->points[p * 5 + i];
                    square += (double)w->points[p * 5 + i] * w->points[p * 5 + i];
                }
                assert_true(fabs(square / w->length - 1) < 1e-4);
                if (closed)
                    assert_true(fabs(sum / w->length) < 1e-4);
            }
            latent_coloured_free(w);
        }
}

/* Steps of a brown walk are small, also the one from the end to the beginning when it is closed. */
static void test_closed(void **state)
{
    latent_coloured *w = walk(3, 2, 1000, 64, 1);
    float a[64], b[64];
    double step = 0, join = 0;
    (void)state;
    for (int p = 0; p < 999; p++)
        for (int i = 0; i < 64; i++)
            step += pow(w->points[(p + 1) * 64 + i] - w->points[p * 64 + i], 2) / 999;
    for (int i = 0; i < 64; i++)
        join += pow(w->points[i] - w->points[999 * 64 + i], 2);
    assert_true(join < 2 * step && join > step / 2);
    latent_coloured_at(w, 0.25, a);
    latent_coloured_at(w, 1000.25, b);
    assert_memory_equal(a, b, sizeof(a));
    latent_coloured_at(w, -999.75, b);
    assert_memory_equal(a, b, sizeof(a));
    latent_coloured_free(w);
    w = walk(3, 2, 1000, 64, 0);
    join = 0;
    for (int i = 0; i < 64; i++)
        join += pow(w->points[i] - w->points[999 * 64 + i], 2);
    assert_true(join > 10 * step);
    latent_coloured_at(w, 5000, a);
    assert_memory_equal(a, w->points + 999 * 64, sizeof(a));
    latent_coloured_at(w, -3, a);
    assert_memory_equal(a, w->points, sizeof(a));
    latent_coloured_free(w);
}

static void test_between(void **state)
{
    latent_coloured *w = walk(2, 1, 50, 3, 0);
    float a[3];
    (void)state;
    for (int p = 0; p < 50; p++) {
        latent_coloured_at(w, p, a);
        assert_memory_equal(a, w->points + p * 3, sizeof(a));
    }
    latent_coloured_at(w, 10.5, a); /* the middle of a Catmull-Rom spline */
    for (int i = 0; i < 3; i++) {
        const float *p = w->points + 9 * 3 + i;
        assert_true(fabs(a[i] - (9 * (p[3] + p[6]) - p[0] - p[9]) / 16) < 1e-6);
    }
    latent_coloured_free(w);
}

static void test_same(void **state)
{
    latent_coloured *a = walk(9, 1, 200, 16, 0), *b = walk(9, 1, 200, 16, 0),
                    *c = walk(10, 1, 200, 16, 0);
    (void)state;
    assert_memory_equal(a->points, b->points, 200 * 16 * sizeof(float));
    assert_true(memcmp(a->points, c->points, 200 * 16 * sizeof(float)));
    latent_coloured_free(a);
    latent_coloured_free(b);
    latent_coloured_free(c);
}

static void test_refusals(void **state)
{
    const atomic_int stop = 1;
    latent_error e;
    (void)state;
    assert_null(latent_coloured_new(1, 1, 1, 5, 0, &go, &e));
    assert_null(latent_coloured_new(1, 1, 1 << 20, 512, 0, &go, &e));
    assert_non_null(strstr(e.text, "too long"));
    assert_null(latent_coloured_new(1, 1, 100, 5, 0, &stop, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slope),  cmocka_unit_test(test_size),
        cmocka_unit_test(test_closed), cmocka_unit_test(test_between),
        cmocka_unit_test(test_same),   cmocka_unit_test(test_refusals),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    latent_deferred_free_all();
    return failed;
}
