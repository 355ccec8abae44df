/* test_drive: from numbers to latents: curves, following in time, maps, letters, and what is
   learned from examples. */
#include "engine/base/random.h"
#include "engine/latents/drive.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void close_to(double is, double should, double tolerance)
{
    if (!(fabs(is - should) <= tolerance))
        fail_msg("%.12g instead of %.12g", is, should);
}

static void test_curves(void **state)
{
    (void)state;
    close_to(latent_curved(LATENT_CURVE_LINEAR, -0.7), -0.7, 0);
    close_to(latent_curved(LATENT_CURVE_SQUARE, -0.5), -0.25, 1e-15);
    close_to(latent_curved(LATENT_CURVE_CUBE, -0.5), -0.125, 1e-15);
    close_to(latent_curved(LATENT_CURVE_ROOT, -0.25), -0.5, 1e-15);
    close_to(latent_curved(LATENT_CURVE_SOFT, 1), 0.761594155955765, 1e-14);
    close_to(latent_curved(LATENT_CURVE_SMOOTH, -0.5), -0.5, 1e-15);
    close_to(latent_curved(LATENT_CURVE_SMOOTH, 0.25), 0.15625, 1e-15);
    close_to(latent_curved(LATENT_CURVE_SMOOTH, 7), 1, 0);
    close_to(latent_curved(LATENT_CURVE_STEP, 0.49), 0, 0);
    close_to(latent_curved(LATENT_CURVE_STEP, -0.51), -1, 0);
    for (int c = LATENT_CURVE_LINEAR; c <= LATENT_CURVE_STEP; c++)
        close_to(latent_curved((latent_curve)c, 0), 0, 0);
}

static void test_shape(void **state)
{
    const float v[3] = {0.5f, -2, 3}, gain[2] = {10, 100}, all[1] = {2}, curve[2] = {1, 2};
    double shaped[3];
    latent_error e;
    (void)state;
    assert_int_equal(latent_drive_shape(v, 3, gain, 2, curve, 2, shaped, &e), 0);
    close_to(shaped[0], 2.5, 0);
    close_to(shaped[1], -800, 0);
    close_to(shaped[2], 3, 0);
    assert_int_equal(latent_drive_shape(v, 3, all, 1, all, 1, shaped, &e), 0);
    close_to(shaped[2], 54, 0);
    assert_int_equal(latent_drive_shape(v, LATENT_DRIVE_CONTROLS + 1, all, 1, all, 1, shaped, &e),
                     -1);
}

static void test_one_pole(void **state)
{
    latent_follower f = {0}, g;
    latent_following how = {100, 50, 0};
    double to[2] = {1, -2};
    (void)state;
    assert_true(latent_follower_rests(&f));
    latent_follower_aim(&f, to, 2);
    assert_false(latent_follower_rests(&f));
    g = f;
    latent_follower_advance(&f, &how, 100);
    close_to(f.value[0], 1 - exp(-1), 1e-12);
    close_to(f.value[1], -2 * (1 - exp(-1)), 1e-12);
    for (int i = 0; i < 50; i++)
        latent_follower_advance(&g, &how, 2);
    close_to(g.value[1], f.value[1], 1e-12);
    to[0] = 0; /* back: by the other time */
    latent_follower_aim(&f, to, 1);
    latent_follower_advance(&f, &how, 50);
    close_to(f.value[0], (1 - exp(-1)) * exp(-1), 1e-12);
    close_to(f.value[1], -2 * (1 - exp(-1)) * exp(-1), 1e-12); /* it is not in the list any more */
    for (int i = 0; i < 100; i++)
        latent_follower_advance(&f, &how, 50);
    assert_true(latent_follower_rests(&f));
    to[0] = 5;
    how.attack = 0;
    latent_follower_aim(&f, to, 1);
    latent_follower_advance(&f, &how, 0);
    close_to(f.value[0], 5, 0);
    assert_true(latent_follower_rests(&f));
}

/* The same equation in many tiny steps. */
static void test_momentum(void **state)
{
    latent_following how = {80, 80, 0.7};
    latent_follower f = {0}, g;
    double to[1] = {1}, y = 0, v = 0, most = 0;
    int steps = 0;
    (void)state;
    latent_follower_aim(&f, to, 1);
    g = f;
    for (int i = 0; i < 3000000; i++) {
        double a = (1 - y) / 6400 - 2 * 0.3 * v / 80;
        v += a * 1e-4;
        y += v * 1e-4;
        most = fmax(most, y);
        if (i % 300000 == 299999) {
            latent_follower_advance(&f, &how, 30);
            close_to(f.value[0], y, 1e-4);
            close_to(f.speed[0], v, 1e-5);
        }
    }
    assert_true(most > 1.3); /* it swings */
    latent_follower_advance(&g, &how, 300);
    close_to(g.value[0], f.value[0], 1e-12);
    while (!latent_follower_rests(&f) && steps++ < 1000)
        latent_follower_advance(&f, &how, 30);
    close_to(f.value[0], 1, 0);
}

static void test_apply(void **state)
{
    latent_drive_map *m = latent_drive_map_new();
    latent_error e;
    float a[2] = {1, 10}, b[6] = {0, 0, 1, 2, 0, 0}, start[2] = {100, 200}, out[6];
    double x[2] = {2, -3};
    (void)state;
    assert_int_equal(latent_drive_map_set(m, 0, a, 2, &e), 0);
    assert_int_equal(latent_drive_length(m, 1, 2, &e), 2);
    latent_drive_apply(m, x, 1, 0, start, 2, out, 2);
    assert_true(out[0] == 102 && out[1] == 220);
    assert_int_equal(latent_drive_length(m, 2, 2, &e), -1); /* two values, one direction */
    assert_int_equal(latent_drive_length(m, 1, 6, &e), 6);
    assert_int_equal(latent_drive_length(m, 1, 3, &e), -1);
    assert_int_equal(latent_drive_map_set(m, 2, b, 6, &e), 0); /* and none between */
    x[1] = 0;
    assert_int_equal(latent_drive_length(m, 2, 2, &e), 6);
    {
        double y[3] = {2, 9, -3};
        const double wanted[6] = {102, 220, 99, 214, 102, 220}; /* w moves every row */
        latent_drive_apply(m, y, 3, 0, start, 2, out, 6);
        for (int i = 0; i < 6; i++)
            close_to((double)out[i], wanted[i], 1e-5);
        latent_drive_apply(m, y, 3, 0.5, start, 2, out, 6);
        close_to((double)out[0], 100.5, 1e-6);
        close_to((double)out[3], 200 + 5 - 1, 1e-6);
        latent_drive_apply(m, y, 3, 0, NULL, 0, out, 6);
        close_to((double)out[4], 2, 1e-6);
    }
    assert_int_equal(latent_drive_map_set(m, -1, a, 2, &e), -1);
    assert_int_equal(latent_drive_map_set(m, LATENT_DRIVE_CONTROLS, a, 2, &e), -1);
    assert_int_equal(latent_drive_map_set(m, 0, a, 0, &e), -1);
    latent_drive_map_free(m);
}

static void test_letters(void **state)
{
    float v[4];
    (void)state;
    latent_drive_letters("", 4, v);
    close_to((double)v[0], 0, 0);
    latent_drive_letters("Az9", 4, v);
    close_to((double)v[0], -1, 0);
    close_to((double)v[1], 1, 0);
    close_to((double)v[2], 1, 0);
    close_to((double)v[3], 0, 0);
    latent_drive_letters("n 0.zb", 4, v); /* n + z and blank + b; each by the root of two */
    close_to((double)v[0], (0.04 + 1) / sqrt(2), 1e-7);
    close_to((double)v[1], (0 - 0.92) / sqrt(2), 1e-7);
    close_to((double)v[2], -1, 1e-7);
    close_to((double)v[3], 0, 0);
    latent_drive_letters("\xe9\xb1\xbc\xc3\xa9", 2, v); /* U+9C7C, the fish, and U+00E9 */
    close_to((double)v[0], 2 * fmod(0.618033989 * 0x9c7c, 1) - 1, 1e-6);
    close_to((double)v[1], 2 * fmod(0.618033989 * 0xe9, 1) - 1, 1e-6);
    latent_drive_letters("\xe9\xb1", 2, v); /* cut off: two bytes that are none */
    close_to((double)v[0], 2 * fmod(0.618033989 * 0xe9, 1) - 1, 1e-6);
    close_to((double)v[1], 2 * fmod(0.618033989 * 0xb1, 1) - 1, 1e-6);
    latent_drive_letters("\xff\xf0\x9f", 3, v);
    close_to((double)v[0], 2 * fmod(0.618033989 * 0xff, 1) - 1, 1e-6);
}

static void test_random(void **state)
{
    latent_error e;
    latent_drive_map *m = latent_drive_random(0, 5, 3, NULL, &e), *again;
    const double first[3] = {1.764052345967664, 0.4001572083672233, 0.9787379841057392};
    double size = sqrt(first[0] * first[0] + first[1] * first[1] + first[2] * first[2]);
    (void)state;
    assert_non_null(m);
    for (int i = 0; i < 3; i++)
        close_to((double)m->row[0][i], first[i] / size, 1e-6);
    for (int i = 0; i < 5; i++) {
        double square = 0, next = 0;
        for (int k = 0; k < 3; k++) {
            square += (double)m->row[i][k] * (double)m->row[i][k];
            next += i % 3 < 2 && i < 4 ? (double)m->row[i][k] * (double)m->row[i + 1][k] : 0;
        }
        close_to(square, 1, 1e-6);
        close_to(next, 0, 1e-6);
    }
    again = latent_drive_random(0, 2, 3, NULL, &e); /* fewer: the first of them */
    assert_memory_equal(m->row[1], again->row[1], sizeof(float) * 3);
    latent_drive_map_free(again);
    latent_drive_map_free(m);
}

/* ---- learning */

#define MANY 24
static latent_example *set[MANY];

static void release_set(int n)
{
    for (int i = 0; i < n; i++)
        latent_example_release(set[i]);
}

static void apply(const latent_drive_map *m, const double *x, int n, float *out)
{
    latent_error e;
    int length = latent_drive_length(m, n, 0, &e);
    latent_drive_apply(m, x, n, 0, NULL, 0, out, length);
}

/* One value: the slope is sum(x y) / (m (1 + ridge)) of the set with deviation 1. */
static void test_ridge_by_hand(void **state)
{
    latent_learning how = {0, 0.5, 8, 10, 0};
    const double v[3] = {1, 2, 6};
    const float y[3][2] = {{0, 1}, {3, -1}, {3, 6}};
    double mean = 3, deviation = sqrt((4 + 1 + 9) / 3.), at[1] = {4.5};
    float out[2];
    latent_error e;
    latent_drive_map *m;
    (void)state;
    for (int i = 0; i < 3; i++)
        set[i] = latent_example_new(v + i, 1, y[i], 2);
    m = latent_drive_learn(set, 3, &how, NULL, NULL, &e);
    assert_non_null(m);
    apply(m, at, 1, out);
    for (int k = 0; k < 2; k++) {
        double ym = ((double)y[0][k] + (double)y[1][k] + (double)y[2][k]) / 3, slope = 0;
        for (int i = 0; i < 3; i++)
            slope += (v[i] - mean) / deviation * ((double)y[i][k] - ym) / (3 * 1.5);
        close_to((double)out[k], ym + slope * (4.5 - mean) / deviation, 1e-6);
    }
    latent_drive_map_free(m);
    release_set(3);
}

/* What is linear is found exactly, and the network has nothing to add. */
static void test_linear(void **state)
{
    enum { K = 3, N = 40 };
    latent_learning how = {1, 0, 8, 50, 0};
    double a[K + 1][N];
    latent_random r;
    latent_error e;
    latent_drive_map *m;
    (void)state;
    latent_random_seed(&r, 2);
    for (int i = 0; i < (K + 1) * N; i++)
        a[i / N][i % N] = latent_random_gauss(&r);
    for (int i = 0; i <= MANY; i++) {
        double v[K];
        float y[N], out[N];
        for (int k = 0; k < K; k++)
            v[k] = latent_random_gauss(&r) * (k + 1) + k;
        for (int j = 0; j < N; j++)
            y[j] = (float)(a[0][j] * v[0] + a[1][j] * v[1] + a[2][j] * v[2] + a[3][j]);
        if (i < MANY) {
            set[i] = latent_example_new(v, K, y, N);
            continue;
        }
        m = latent_drive_learn(set, MANY, &how, NULL, NULL, &e);
        assert_non_null(m);
        apply(m, v, K, out);
        for (int j = 0; j < N; j++)
            close_to((double)out[j], (double)y[j], 1e-3);
        assert_true(m->error < 1e-4);
        latent_drive_map_free(m);
    }
    release_set(MANY);
}

static void bend(double u, float y[6])
{
    for (int j = 0; j < 6; j++)
        y[j] = (float)(cos(2 * u + j) + 0.3 * u * j);
}

static double mean_error(const latent_drive_map *m)
{
    double sum = 0;
    int count = 0;
    for (double u = -1.4; u < 1.4; u += 0.05) { /* between the examples too */
        float y[6], out[6];
        double v[1] = {u};
        bend(u, y);
        apply(m, v, 1, out);
        for (int j = 0; j < 6; j++, count++)
            sum += ((double)out[j] - (double)y[j]) * ((double)out[j] - (double)y[j]);
    }
    return sqrt(sum / count);
}

static void test_curved(void **state)
{
    latent_learning how = {0, 1e-3, 16, 1500, 0};
    latent_error e;
    latent_drive_map *ridge, *network, *again;
    atomic_int permille = 0;
    double before, after;
    (void)state;
    for (int i = 0; i < 12; i++) {
        double v[1] = {-1.5 + 3. * i / 11};
        float y[6];
        bend(v[0], y);
        set[i] = latent_example_new(v, 1, y, 6);
    }
    ridge = latent_drive_learn(set, 12, &how, NULL, NULL, &e);
    how.network = 1;
    network = latent_drive_learn(set, 12, &how, &permille, NULL, &e);
    again = latent_drive_learn(set, 12, &how, NULL, NULL, &e);
    assert_true(ridge && network && again);
    before = mean_error(ridge);
    after = mean_error(network);
    print_message("a bent way: %.4f by regression, %.4f by the network (%.4f at the examples)\n",
                  before, after, network->error);
    assert_true(before > 0.3 && after < 0.03 && network->error < 0.02);
    assert_true(permille > 900);
    assert_int_equal(network->parts, again->parts);
    assert_memory_equal(network->outer, again->outer,
                        sizeof(float) * (size_t)(network->parts * network->hidden));
    assert_memory_equal(network->basis, again->basis, sizeof(float) * 6 * (size_t)network->parts);
    {
        double far[1] = {1000};
        float out[6];
        latent_drive_apply(network, far, 1, 2, NULL, 0, out, 6); /* two deviations, no further */
        for (int j = 0; j < 6; j++)
            assert_true(fabs((double)out[j]) < 5);
    }
    latent_drive_map_free(ridge);
    latent_drive_map_free(network);
    latent_drive_map_free(again);
    release_set(12);
}

static void test_few(void **state)
{
    latent_learning how = {1, 1e-3, 4, 20, 0};
    double v[2] = {1, 1};
    float y[2] = {3, 4}, out[2];
    latent_error e;
    latent_drive_job *job;
    latent_drive_map *m;
    atomic_int cancel = 1;
    (void)state;
    set[0] = latent_example_new(v, 2, y, 2);
    assert_null(latent_drive_learn(set, 1, &how, NULL, NULL, &e));
    assert_non_null(strstr(e.text, "at least two"));
    set[1] = latent_example_new(v, 2, y, 2); /* the same: no deviation at all */
    m = latent_drive_learn(set, 2, &how, NULL, NULL, &e);
    assert_non_null(m);
    apply(m, v, 2, out);
    close_to((double)out[1], 4, 1e-6);
    latent_drive_map_free(m);
    set[2] = latent_example_new(v, 1, y, 2);
    assert_null(latent_drive_learn(set, 3, &how, NULL, NULL, &e));
    assert_null(latent_drive_job_learn(set, 3, &how, &e));
    assert_null(latent_drive_learn(set, 2, &how, NULL, &cancel, &e));
    job = latent_drive_job_learn(set, 2, &how, &e);
    release_set(3); /* the job holds its own */
    latent_job_run(&job->job);
    assert_false(job->job.failed);
    assert_non_null(job->map);
    job->job.discard(&job->job);
    job = latent_drive_job_random(1, 4, 5, &e);
    latent_job_run(&job->job);
    assert_int_equal(job->map->controls, 4);
    job->job.discard(&job->job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves),   cmocka_unit_test(test_shape),
        cmocka_unit_test(test_one_pole), cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_apply),    cmocka_unit_test(test_letters),
        cmocka_unit_test(test_random),   cmocka_unit_test(test_ridge_by_hand),
        cmocka_unit_test(test_linear),   cmocka_unit_test(test_curved),
        cmocka_unit_test(test_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
