/* test_latents: latents as lists.  Numbers with nine digits are numpy's. */
#include "engine/latents/latents.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DIM 512

static void expect(const float *got, const double *wanted, int n, double tolerance)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - wanted[i]) <= tolerance))
            fail_msg("number %d is %.9g instead of %.9g", i, got[i], wanted[i]);
}
#define EXPECT(got, tolerance, ...)                                                                \
    expect(got, (const double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double),   \
           tolerance)

static double mean_square(const float *z, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)z[i] * z[i];
    return sum / n;
}

/* ---- seeds */

static void draw(uint32_t seed, int n, double limit, float *z)
{
    latent_random r;
    latent_random_seed(&r, seed);
    latent_draw(&r, n, limit, z);
}

static void test_seeds(void **state)
{
    float z[999];
    double sum = 0;
    (void)state;
    draw(0, 6, 0, z);
    EXPECT(z, 0, (float)1.76405239, (float)0.400157213, (float)0.97873801, (float)2.24089313,
           (float)1.867558, (float)-0.977277875);
    draw(1, 6, 0, z);
    EXPECT(z, 0, (float)1.62434542, (float)-0.611756384, (float)-0.528171778, (float)-1.0729686,
           (float)0.865407646, (float)-2.30153871);
    draw(42, 4, 0, z);
    EXPECT(z, 0, (float)0.496714145, (float)-0.138264298, (float)0.647688568, (float)1.5230298);
    draw(123, 3, 0, z);
    EXPECT(z, 0, (float)-1.08563066, (float)0.997345448, (float)0.282978505);
    draw(85, 3, 0, z);
    EXPECT(z, 0, (float)0.176850721, (float)2.37775421, (float)0.998732865);
    draw(0, 512, 0, z);
    EXPECT(z + 255, 0, (float)0.694749117);
    EXPECT(z + 511, 0, (float)1.37496412);
    for (int i = 0; i < 512; i++)
        sum += z[i];
    assert_true(fabs(sum + 13.2032251) < 1e-6);
    draw(4294967295u, 512, 0, z);
    EXPECT(z, 0, (float)0.648408651, (float)0.669323504);
    EXPECT(z + 511, 0, (float)-0.163345054);
    draw(2147483648u, 512, 0, z);
    EXPECT(z, 0, (float)0.31847614, (float)-0.345753491);
    draw(3, 999, 0, z);
    EXPECT(z, 0, (float)1.78862846);
    EXPECT(z + 998, 0, (float)1.55995989);
}

/* randn(rows, dim) row by row: with an odd dim half a pair of numbers is carried to the next row.
 */
static void test_rows(void **state)
{
    latent_random r;
    float z[999];
    (void)state;
    latent_random_seed(&r, 7);
    latent_draw(&r, 5, 0, z);
    EXPECT(z, 0, (float)1.69052565, (float)-0.465937376, (float)0.0328201652, (float)0.407516271,
           (float)-0.788923025);
    latent_draw(&r, 5, 0, z);
    EXPECT(z, 0, (float)0.00206557289, (float)-0.000890385883, (float)-1.75472426, (float)1.017658,
           (float)0.600498497);
    latent_draw(&r, 5, 0, z);
    EXPECT(z, 0, (float)-0.625428975, (float)-0.171548262, (float)0.505299389, (float)-0.261356413,
           (float)-0.24274908);
    latent_random_seed(&r, 3);
    latent_draw(&r, 999, 0, z);
    latent_draw(&r, 999, 0, z);
    EXPECT(z, 1e-7, -0.50307522, 0.03468126);
    EXPECT(z + 998, 1e-7, -0.81617628);
}

static void test_truncated(void **state)
{
    float z[DIM];
    (void)state;
    draw(0, 6, 1, z);
    EXPECT(z, 0, (float)0.400157213, (float)0.97873801, (float)-0.977277875, (float)0.950088441,
           (float)-0.151357204, (float)-0.103218853);
    draw(5, DIM, 1e-30, z); /* counts as 0.1: it ends */
    for (int i = 0; i < DIM; i++)
        assert_true(fabsf(z[i]) <= 0.1f);
}

static void test_seeds_kept(void **state)
{
    latent_seeds seeds;
    float z[DIM];
    (void)state;
    memset(&seeds, 0, sizeof(seeds));
    for (int round = 0; round < 3; round++)
        for (uint32_t seed = 0; seed < 20; seed++) {
            const float *kept = latent_seeds_get(&seeds, seed, DIM, 0);
            draw(seed, DIM, 0, z);
            assert_non_null(kept);
            assert_memory_equal(kept, z, sizeof(z));
            assert_ptr_equal(latent_seeds_get(&seeds, seed, DIM, 0), kept);
        }
    draw(19, 7, 2, z);
    assert_memory_equal(latent_seeds_get(&seeds, 19, 7, 2), z, 7 * sizeof(*z));
    latent_seeds_free(&seeds);
    latent_seeds_free(&seeds);
}

/* ---- walks and loops */

static void test_walk(void **state)
{
    latent_seeds seeds;
    float z[DIM], at[DIM], before[DIM];
    double sum = 0, step, largest = 0;
    int count = 0;
    (void)state;
    memset(&seeds, 0, sizeof(seeds));
    for (int k = -3; k < 12; k++) { /* at whole numbers: the seeds, which count modulo 2^32 */
        draw(100u + (uint32_t)k, DIM, 0, at);
        assert_int_equal(latent_walk(&seeds, 100, DIM, 0, k, z), 0);
        assert_memory_equal(z, at, sizeof(z));
    }
    latent_walk(&seeds, 0, DIM, 0, -1, z);
    draw(4294967295u, DIM, 0, at);
    assert_memory_equal(z, at, sizeof(z));
    latent_walk(&seeds, 0, 4, 0, 0.25, z);
    EXPECT(z, 1e-6, 2.07032609, 0.180871144, 0.950824857, 1.82545698);
    latent_walk(&seeds, 0, 4, 0, 10.6, z);
    EXPECT(z, 1e-6, 2.13297772, 0.203929037, -1.16695607, -2.10746169);
    latent_walk(&seeds, 0, DIM, 0, 0, before);
    for (double f = 0.01; f < 30; f += 0.01) { /* unit variance and no jumps on the way */
        latent_walk(&seeds, 0, DIM, 0, f, z);
        assert_true(fabs(mean_square(z, DIM) - 1) < 0.35);
        sum += mean_square(z, DIM);
        count++;
        step = 0;
        for (int i = 0; i < DIM; i++)
            step = fmax(step, fabs(z[i] - before[i]));
        largest = fmax(largest, step);
        memcpy(before, z, sizeof(z));
    }
    assert_true(fabs(sum / count - 1) < 0.03);
    assert_true(largest < 0.15);
    assert_int_equal(latent_walk(&seeds, 0, DIM, 0, 1e30, z), 0);
    assert_int_equal(latent_walk(&seeds, 0, DIM, 0, -1e30, z), 0);
    latent_seeds_free(&seeds);
}

static void test_loop(void **state)
{
    latent_seeds seeds;
    float z[DIM], at[DIM];
    double sum = 0;
    int count = 0;
    (void)state;
    memset(&seeds, 0, sizeof(seeds));
    for (int points = 1; points <= 12; points++)
        for (int k = 0; k <= points; k++) {
            draw(100u + (uint32_t)(k % points), DIM, 0, at);
            assert_int_equal(latent_loop(&seeds, 100, points, DIM, 0, (double)k / points, z), 0);
            for (int i = 0; i < DIM; i++)
                assert_true(fabsf(z[i] - at[i]) < 1e-5f);
        }
    latent_loop(&seeds, 100, 4, 3, 0, 0.125, z);
    EXPECT(z, 1e-6, 0.639919579, 0.630300701, 1.33585238);
    latent_loop(&seeds, 100, 4, 3, 0, 7.125, at); /* round and round */
    assert_memory_equal(z, at, 3 * sizeof(*z));
    latent_loop(&seeds, 100, 4, 3, 0, -0.875, at);
    assert_memory_equal(z, at, 3 * sizeof(*z));
    for (int points = 1; points < 6; points++) /* where seeds meet themselves, too */
        for (double f = 0; f < 1; f += 0.01) {
            latent_loop(&seeds, 7, points, DIM, 0, f, z);
            sum += mean_square(z, DIM);
            count++;
        }
    assert_true(fabs(sum / count - 1) < 0.06);
    latent_loop(&seeds, 100, 4, DIM, 0, -1e-20, z); /* closed: no jump where it began */
    latent_loop(&seeds, 100, 4, DIM, 0, 1e-20, at);
    assert_memory_equal(z, at, sizeof(z));
    latent_seeds_free(&seeds);
}

/* ---- between two */

static void test_lerp_and_slerp(void **state)
{
    float a[DIM], b[DIM], out[DIM];
    double scale;
    (void)state;
    latent_lerp((float[]){0, 10}, (float[]){1, 20}, 2, 0.25, out);
    EXPECT(out, 0, 0.25, 12.5);
    latent_lerp((float[]){0, 10}, (float[]){1, 20}, 2, -1, out);
    EXPECT(out, 0, -1, 0);
    latent_slerp((float[]){1, 0}, (float[]){0, 1}, 2, 1. / 3, out);
    EXPECT(out, 1e-7, 0.866025404, 0.5);
    latent_slerp((float[]){2, 0}, (float[]){0, 1}, 2, 0.5, out);
    EXPECT(out, 1e-6, 1.41421356, 0.70710678);
    latent_slerp((float[]){0, 0}, (float[]){0, 4}, 2, 0.5, out); /* no direction: lerp */
    EXPECT(out, 0, 0, 2);
    latent_slerp((float[]){1, 1}, (float[]){3, 3}, 2, 0.5, out); /* parallel: lerp */
    EXPECT(out, 1e-6, 2, 2);
    latent_slerp((float[]){1, 0}, (float[]){-1, 0}, 2, 0.5, out); /* opposite: lerp */
    EXPECT(out, 0, 0, 0);
    draw(1, DIM, 0, a);
    draw(2, DIM, 0, b);
    scale = sqrt(mean_square(a, DIM) / mean_square(b, DIM));
    for (int i = 0; i < DIM; i++)
        b[i] = (float)(scale * b[i]);
    for (double t = 0; t <= 1; t += 0.125) { /* of equal length: so is all between */
        latent_slerp(a, b, DIM, t, out);
        assert_true(fabs(mean_square(out, DIM) - mean_square(a, DIM)) < 1e-5);
    }
    latent_slerp(a, b, DIM, 0, out);
    assert_memory_equal(out, a, sizeof(a));
    latent_slerp(a, b, DIM, 1, out);
    for (int i = 0; i < DIM; i++)
        assert_true(fabsf(out[i] - b[i]) < 1e-6f);
    latent_slerp(a, b, DIM, 0.3, out);
    latent_slerp(a, b, DIM, 0.3, a); /* in place */
    assert_memory_equal(out, a, sizeof(a));
}

static void test_spline_weights(void **state)
{
    double c[4];
    (void)state;
    latent_spline_weights(0, c);
    assert_true(c[0] == 0 && c[1] == 1 && c[2] == 0 && c[3] == 0);
    latent_spline_weights(1, c);
    assert_true(c[0] == 0 && c[1] == 0 && c[2] == 1 && c[3] == 0);
    latent_spline_weights(0.5, c);
    assert_true(c[0] == -0.0625 && c[1] == 0.5625 && c[2] == 0.5625 && c[3] == -0.0625);
    for (double t = 0; t <= 1; t += 0.1) {
        latent_spline_weights(t, c);
        assert_true(fabs(c[0] + c[1] + c[2] + c[3] - 1) < 1e-12);
        assert_true(fabs(-c[0] + c[2] + 2 * c[3] - t) < 1e-12); /* a straight line stays one */
    }
}

static void test_eases(void **state)
{
    (void)state;
    for (latent_ease e = LATENT_LINEAR; e <= LATENT_HOLD; e++) {
        double before = 0;
        assert_true(latent_eased(e, 0) == 0);
        assert_true(fabs(latent_eased(e, 1) - 1) < 1e-12);
        for (double t = 0; t <= 1; t += 0.01) {
            assert_true(latent_eased(e, t) >= before - 1e-12);
            before = latent_eased(e, t);
        }
    }
    assert_true(latent_eased(LATENT_LINEAR, 0.3) == 0.3);
    assert_true(fabs(latent_eased(LATENT_SMOOTH, 0.25) - 0.15625) < 1e-12);
    assert_true(fabs(latent_eased(LATENT_SMOOTHER, 0.25) - 0.103515625) < 1e-12);
    assert_true(fabs(latent_eased(LATENT_SINE, 1. / 3) - 0.25) < 1e-12);
    assert_true(fabs(latent_eased(LATENT_IN, 0.5) - 0.125) < 1e-12);
    assert_true(fabs(latent_eased(LATENT_OUT, 0.5) - 0.875) < 1e-12);
    assert_true(fabs(latent_eased(LATENT_IN_OUT, 0.25) - 0.0625) < 1e-12);
    assert_true(fabs(latent_eased(LATENT_IN_OUT, 0.75) - 0.9375) < 1e-12);
    assert_true(latent_eased(LATENT_HOLD, 0.999) == 0);
}

/* ---- paths */

#define KEYS 5
static const float key[KEYS][2] = {{0, 0}, {1, 2}, {4, -1}, {3, 3}, {-2, 1}};
static const float *const keys[KEYS] = {key[0], key[1], key[2], key[3], key[4]};

/* Every path goes through its keys, and an easing changes nothing there. */
static void test_paths_through_keys(void **state)
{
    float out[2];
    (void)state;
    for (int mode = LATENT_LERP; mode <= LATENT_SPLINE; mode++)
        for (int ease = LATENT_LINEAR; ease <= LATENT_HOLD; ease++)
            for (int loop = 0; loop < 2; loop++)
                for (int n = 1; n <= KEYS; n++) {
                    latent_path path = {(latent_path_mode)mode, (latent_ease)ease, loop};
                    for (int k = 0; k < n; k++) {
                        latent_path_at(&path, keys, n, 2, k, out);
                        EXPECT(out, 1e-6, key[k][0], key[k][1]);
                    }
                    latent_path_at(&path, keys, n, 2, loop ? n : n + 7.5, out);
                    EXPECT(out, 1e-6, key[loop ? 0 : n - 1][0], key[loop ? 0 : n - 1][1]);
                    latent_path_at(&path, keys, n, 2, loop ? -n : -7.5, out);
                    EXPECT(out, 1e-6, key[0][0], key[0][1]);
                }
}

static void test_paths_between_keys(void **state)
{
    latent_path path = {LATENT_LERP, LATENT_LINEAR, 0};
    float out[2], back[2];
    (void)state;
    latent_path_at(&path, keys, KEYS, 2, 1.5, out);
    EXPECT(out, 1e-6, 2.5, 0.5);
    path.ease = LATENT_IN;
    latent_path_at(&path, keys, KEYS, 2, 1.5, out);
    EXPECT(out, 1e-6, 1.375, 1.625);
    path = (latent_path){LATENT_SPLINE, LATENT_LINEAR, 0};
    latent_path_at(&path, keys, KEYS, 2, 1.5, out);
    EXPECT(out, 1e-6, (9 * 5 - 3) / 16., (9 * 1 - 3) / 16.);
    latent_path_at(&path, keys, KEYS, 2, 0.5, out); /* p[-1] = (-1, -2) */
    EXPECT(out, 1e-6, (9 * 1 - 3) / 16., (9 * 2 + 3) / 16.);
    latent_path_at(&path, keys, KEYS, 2, 3.5, out); /* p[5] = (-7, -1) */
    EXPECT(out, 1e-6, (9 * 1 + 3) / 16., (9 * 4 + 2) / 16.);
    latent_path_at(&path, keys, 2, 2, 0.3, out); /* two keys: a straight line */
    EXPECT(out, 1e-6, 0.3, 0.6);
    path.loop = 1;
    latent_path_at(&path, keys, KEYS, 2, 4.5, out); /* from the last to the first */
    EXPECT(out, 1e-6, (9 * -2 - 4) / 16., (9 * 1 - 5) / 16.);
    latent_path_at(&path, keys, KEYS, 2, -0.5, back);
    EXPECT(back, 1e-6, out[0], out[1]);
    latent_path_at(&path, keys, KEYS, 2, 4.5 + 100 * KEYS, back);
    EXPECT(back, 1e-6, out[0], out[1]);
    latent_path_at(&path, keys, KEYS, 2, -1e-20, out); /* rounds to the whole period */
    EXPECT(out, 1e-6, 0, 0);
}

/* No jump and no bend: the steps of a closed spline change little, at the keys as well. */
static void test_closed_spline_is_smooth(void **state)
{
    latent_path path = {LATENT_SPLINE, LATENT_LINEAR, 1};
    float a[2], b[2], c[2];
    (void)state;
    for (int i = 0; i < KEYS * 1000; i++) {
        latent_path_at(&path, keys, KEYS, 2, (i - 1) * 0.001, a);
        latent_path_at(&path, keys, KEYS, 2, i * 0.001, b);
        latent_path_at(&path, keys, KEYS, 2, (i + 1) * 0.001, c);
        for (int k = 0; k < 2; k++) {
            assert_true(fabsf(b[k] - a[k]) < 0.02f);
            assert_true(fabsf(c[k] - 2 * b[k] + a[k]) < 1e-4f);
        }
    }
}

/* ---- styles and classes */

static void test_mixing(void **state)
{
    const float a[] = {1, 2, 3, 4, 5, 6, 7, 8}, b[] = {10, 20};
    float share[4], out[8];
    latent_error e;
    (void)state;
    assert_int_equal(latent_mix_shares(NULL, 0, 0, 4, share, &e), 0);
    EXPECT(share, 0, 0, 0, 1, 1);
    assert_int_equal(latent_mix_shares((float[]){1, 2}, 2, 0, 4, share, &e), 0);
    EXPECT(share, 0, 0, 1, 1, 0);
    assert_int_equal(latent_mix_shares((float[]){3, 2}, 2, 0, 4, share, &e), 0);
    EXPECT(share, 0, 0, 0, 1, 1);
    assert_int_equal(latent_mix_shares((float[]){0}, 1, 0, 4, share, &e), 0);
    EXPECT(share, 0, 1, 0, 0, 0);
    assert_int_equal(latent_mix_shares((float[]){0, 0.5f, -1, 2}, 4, 1, 4, share, &e), 0);
    EXPECT(share, 0, 0, 0.5, -1, 2);
    latent_mix_styles(a, 4, b, 1, share, 4, 2, out);
    EXPECT(out, 1e-6, 1, 2, 6.5, 12, 0, -8, 13, 32);
    latent_mix_styles(b, 1, a, 4, share, 4, 2, out);
    EXPECT(out, 1e-6, 10, 20, 6.5, 12, 15, 34, 4, -4);
    assert_int_equal(latent_mix_shares((float[]){1, 2}, 2, 1, 4, share, &e), -1);
    assert_string_equal(e.text, "2 weights came, but there are 4 rows and each needs one");
    assert_int_equal(latent_mix_shares((float[]){0, 4}, 2, 0, 4, share, &e), -1);
    assert_string_equal(e.text, "there are no rows 0 to 4, the rows are 0 to 3");
    assert_int_equal(latent_mix_shares((float[]){-1}, 1, 0, 4, share, &e), -1);
    assert_int_equal(latent_mix_shares((float[]){1, 2, 3}, 3, 0, 4, share, &e), -1);
}

static void test_classes(void **state)
{
    float w[5];
    latent_error e;
    (void)state;
    assert_int_equal(latent_class_weights(NULL, 0, 5, w, &e), 0);
    EXPECT(w, 0, 1, 0, 0, 0, 0);
    assert_int_equal(latent_class_weights((float[]){4}, 1, 5, w, &e), 0);
    EXPECT(w, 0, 0, 0, 0, 0, 1);
    assert_int_equal(latent_class_weights((float[]){1.25f}, 1, 5, w, &e), 0);
    EXPECT(w, 0, 0, 0.75, 0.25, 0, 0);
    assert_int_equal(latent_class_weights((float[]){0, 0.5f, 0, 0.5f, 0}, 5, 5, w, &e), 0);
    EXPECT(w, 0, 0, 0.5, 0, 0.5, 0);
    assert_int_equal(latent_class_weights((float[]){0}, 1, 1, w, &e), 0);
    EXPECT(w, 0, 1);
    assert_int_equal(latent_class_weights((float[]){5}, 1, 5, w, &e), -1);
    assert_string_equal(e.text, "there is no class 5, the classes are 0 to 4");
    assert_int_equal(latent_class_weights((float[]){-0.5f}, 1, 5, w, &e), -1);
    assert_int_equal(latent_class_weights((float[]){1, 2}, 2, 5, w, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_seeds_kept),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_lerp_and_slerp),
        cmocka_unit_test(test_spline_weights),
        cmocka_unit_test(test_eases),
        cmocka_unit_test(test_paths_through_keys),
        cmocka_unit_test(test_paths_between_keys),
        cmocka_unit_test(test_closed_spline_is_smooth),
        cmocka_unit_test(test_mixing),
        cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests_name("latents", tests, NULL, NULL);
}
