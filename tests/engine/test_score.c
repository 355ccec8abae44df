/* test_score: the Frechet distance between clouds of features: against closed forms, against a slow
   computation of another kind (Denman and Beavers' iteration for the root of a product of
   matrices), and on pictures by way of a clip-tiny. */
#include "engine/base/counter_random.h"
#include "engine/models/clip_tiny.h"
#include "engine/train/clip.h"
#include "engine/train/score.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define D 7
static latent_counter_random dice;

/* n vectors of D numbers: a random mixture plus a mean; every cloud its own. */
static float *vectors(int n, double mean)
{
    double mix[D][D];
    float *x = malloc((size_t)n * D * sizeof(float));
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            mix[i][j] = latent_counter_random_gauss(&dice);
    for (int v = 0; v < n; v++) {
        double g[D];
        for (int i = 0; i < D; i++)
            g[i] = latent_counter_random_gauss(&dice);
        for (int i = 0; i < D; i++) {
            double sum = mean * i;
            for (int j = 0; j < D; j++)
                sum += mix[i][j] * g[j];
            x[v * D + i] = (float)sum;
        }
    }
    return x;
}

static latent_feature_statistics *cloud_of(const float *x, int n)
{
    latent_error e = {""};
    latent_feature_statistics *c = latent_feature_statistics_new(D, &e);
    assert_non_null(c);
    latent_feature_statistics_add(c, x, n / 3); /* in two parts */
    latent_feature_statistics_add(c, x + n / 3 * D, n - n / 3);
    assert_int_equal(latent_feature_statistics_count(c), n);
    return c;
}

/* ---- the slow way: two passes, and the root of C1 C2 by iteration */

static void slow_moments(const float *x, int n, double *mean, double (*c)[D])
{
    for (int i = 0; i < D; i++) {
        mean[i] = 0;
        for (int v = 0; v < n; v++)
            mean[i] += (double)x[v * D + i] / n;
    }
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) {
            c[i][j] = 0;
            for (int v = 0; v < n; v++)
                c[i][j] +=
                    ((double)x[v * D + i] - mean[i]) * ((double)x[v * D + j] - mean[j]) / (n - 1);
        }
}

static void invert(double (*from)[D], double (*to)[D])
{
    double m[D][2 * D];
    for (int i = 0; i < D; i++)
        for (int j = 0; j < 2 * D; j++)
            m[i][j] = j < D ? from[i][j] : j - D == i;
    for (int k = 0; k < D; k++) {
        int best = k;
        for (int i = k; i < D; i++)
            if (fabs(m[i][k]) > fabs(m[best][k]))
                best = i;
        for (int j = 0; j < 2 * D; j++) {
            double swap = m[k][j];
            m[k][j] = m[best][j];
            m[best][j] = swap;
        }
        for (int i = 0; i < D; i++) {
            double f = i == k ? 0 : m[i][k] / m[k][k];
            for (int j = 0; j < 2 * D; j++)
                m[i][j] -= f * m[k][j];
        }
    }
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            to[i][j] = m[i][D + j] / m[i][i];
}

static double slow_distance(const float *a, int na, const float *b, int nb)
{
    double mean[2][D], c[2][D][D], y[D][D], z[D][D], iy[D][D], iz[D][D], sum = 0;
    slow_moments(a, na, mean[0], c[0]);
    slow_moments(b, nb, mean[1], c[1]);
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++) {
            y[i][j] = 0;
            z[i][j] = i == j;
            for (int k = 0; k < D; k++)
                y[i][j] += c[0][i][k] * c[1][k][j];
        }
    for (int n = 0; n < 40; n++) {
        invert(y, iy);
        invert(z, iz);
        for (int i = 0; i < D; i++)
            for (int j = 0; j < D; j++) {
                double next = (y[i][j] + iz[i][j]) / 2;
                z[i][j] = (z[i][j] + iy[i][j]) / 2;
                y[i][j] = next;
            }
    }
    for (int i = 0; i < D; i++)
        sum += (mean[0][i] - mean[1][i]) * (mean[0][i] - mean[1][i]) + c[0][i][i] + c[1][i][i] -
               2 * y[i][i];
    return sum;
}

static void test_slow(void **state)
{
    latent_error e = {""};
    (void)state;
    for (int round = 0; round < 5; round++) {
        float *a = vectors(200, 0), *b = vectors(150, round);
        latent_feature_statistics *ca = cloud_of(a, 200), *cb = cloud_of(b, 150);
        double should = slow_distance(a, 200, b, 150), is, percent, mean[D], c[D][D], trace = 0;
        assert_int_equal(latent_frechet(ca, cb, &is, &e), 0);
        if (fabs(is - should) > 1e-6 * should)
            fail_msg("%.9g, the slow way gives %.9g", is, should);
        slow_moments(a, 200, mean, c);
        for (int i = 0; i < D; i++)
            trace += c[i][i];
        assert_true(fabs(latent_feature_statistics_variance(ca) - trace) < 1e-9 * trace);
        assert_int_equal(latent_score(ca, cb, &percent, &e), 0);
        assert_true(fabs(percent - 100 * should / trace) < 1e-5 * percent);
        assert_int_equal(latent_frechet(ca, ca, &is, &e), 0);
        assert_true(is < 1e-8 * trace);
        latent_feature_statistics_free(ca);
        latent_feature_statistics_free(cb);
        free(a);
        free(b);
    }
}

/* The same cloud moved and stretched along its axes: (move)^2 + (stretch - 1)^2 variance. */
static void test_moved(void **state)
{
    float *a = vectors(300, 0), *b = malloc(300 * D * sizeof(float));
    latent_feature_statistics *ca = cloud_of(a, 300), *cb;
    latent_error e = {""};
    double is, should;
    (void)state;
    for (int i = 0; i < 300 * D; i++)
        b[i] = a[i] + 3;
    cb = cloud_of(b, 300);
    assert_int_equal(latent_frechet(ca, cb, &is, &e), 0);
    assert_true(fabs(is - 9 * D) < 1e-3);
    latent_feature_statistics_clear(cb);
    assert_int_equal(latent_feature_statistics_count(cb), 0);
    for (int i = 0; i < 300 * D; i++)
        b[i] = 2 * a[i];
    latent_feature_statistics_add(cb, b, 300);
    assert_int_equal(latent_frechet(ca, cb, &is, &e), 0);
    should = latent_feature_statistics_variance(ca);
    for (int i = 0; i < D; i++) {
        double mean = 0;
        for (int v = 0; v < 300; v++)
            mean += (double)a[v * D + i] / 300;
        should += mean * mean;
    }
    assert_true(fabs(is - should) < 1e-5 * should);
    latent_feature_statistics_free(ca);
    latent_feature_statistics_free(cb);
    free(a);
    free(b);
}

static void test_wrong(void **state)
{
    float x[3 * D] = {0};
    latent_error e = {""};
    latent_feature_statistics *a = latent_feature_statistics_new(D, &e),
                              *b = latent_feature_statistics_new(D + 1, &e);
    double is;
    (void)state;
    assert_int_equal(latent_frechet(a, b, &is, &e), -1);
    assert_non_null(strstr(e.text, "can't be compared"));
    assert_int_equal(latent_frechet(a, a, &is, &e), -1);
    assert_non_null(strstr(e.text, "two pictures"));
    latent_feature_statistics_add(a, x, 3);
    assert_int_equal(latent_score(a, a, &is, &e), -1);
    assert_non_null(strstr(e.text, "all alike"));
    x[4] = NAN;
    latent_feature_statistics_add(a, x, 1);
    assert_int_equal(latent_frechet(a, a, &is, &e), -1);
    latent_feature_statistics_free(a);
    latent_feature_statistics_free(b);
}

/* ---- pictures */

/* Discs of a colour on pale paper, at chance. */
static void discs(int n, int size, float red, float *to)
{
    for (int p = 0; p < n; p++) {
        double x = 0.3 + 0.4 * latent_counter_random_uniform(&dice),
               y = 0.3 + 0.4 * latent_counter_random_uniform(&dice);
        double r = 0.1 + 0.2 * latent_counter_random_uniform(&dice);
        for (int i = 0; i < size * size; i++, to += 3) {
            double u = (i % size + 0.5) / size - x, v = (i / size + 0.5) / size - y;
            int inside = u * u + v * v < r * r;
            to[0] = inside ? red : 0.9f;
            to[1] = inside ? -0.5f : 0.85f;
            to[2] = inside ? -red : 0.7f;
        }
    }
}

static latent_model *new_network(void)
{
    latent_tiny_sizes sizes = {.resolution = 32,
                               .stem = 8,
                               .stages = 2,
                               .width = {12, 16},
                               .blocks = {1, 1},
                               .embedding = 8,
                               .rows = 10,
                               .text_width = 8,
                               .text_hidden = 8,
                               .context = 10};
    latent_parameters p = {0};
    size_t at[LATENT_TINY_TENSORS];
    latent_error e = {""};
    latent_model *m;
    assert_int_equal(latent_clip_parameters(&p, &sizes, &e), 0);
    assert_int_equal(latent_parameters_allocate(&p, 0, &e), 0);
    latent_clip_begin(&p, &sizes, 1);
    for (int i = 0; i < p.n; i++)
        at[i] = p.item[i].at;
    if (!(m = latent_tiny_model(&sizes, p.value, at, "new", &e)))
        fail_msg("%s", e.text);
    latent_parameters_free(&p);
    return m;
}

static void test_pictures(void **state)
{
    enum { N = 200 };
    latent_error e = {""};
    latent_model *m = new_network();
    int d = latent_feature_statistics_features(m, &e);
    float *pictures = malloc(N * 64 * 64 * 3 * sizeof(float));
    latent_feature_statistics *real = latent_feature_statistics_new(d, &e),
                              *other = latent_feature_statistics_new(d, &e);
    double floor, blue, small;
    (void)state;
    assert_int_equal(d, 16);
    discs(N, 32, 0.7f, pictures);
    assert_int_equal(latent_feature_statistics_add_pictures(real, m, pictures, N, 32, &e), 0);
    assert_int_equal(latent_feature_statistics_count(real), N);
    discs(N, 32, 0.7f, pictures);
    assert_int_equal(latent_feature_statistics_add_pictures(other, m, pictures, N, 32, &e), 0);
    assert_int_equal(latent_score(real, other, &floor, &e), 0);
    latent_feature_statistics_clear(other);
    discs(N, 32, -0.7f, pictures);
    assert_int_equal(latent_feature_statistics_add_pictures(other, m, pictures, N, 32, &e), 0);
    assert_int_equal(latent_score(real, other, &blue, &e), 0);
    latent_feature_statistics_clear(other);
    discs(N, 64, 0.7f, pictures); /* made smaller, much the same */
    assert_int_equal(latent_feature_statistics_add_pictures(other, m, pictures, N, 64, &e), 0);
    assert_int_equal(latent_score(real, other, &small, &e), 0);
    assert_true(floor < 10 && blue > 5 * floor && small < blue / 2);
    latent_feature_statistics_free(other);
    other = latent_feature_statistics_new(d + 1, &e);
    assert_int_equal(latent_feature_statistics_add_pictures(other, m, pictures, 1, 32, &e), -1);
    assert_non_null(strstr(e.text, "17 features were expected, new has 16"));
    latent_feature_statistics_free(real);
    latent_feature_statistics_free(other);
    latent_model_release(m);
    free(pictures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_pictures),
    };
    dice = latent_counter_random_at(5, 1, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
