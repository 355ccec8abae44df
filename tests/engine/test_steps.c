/* test_steps: schedules, samplers and noise of diffusion against what other programs computed
   (fixtures sd1-tiny-samplers, sd2-tiny-samplers: the network's answers are taken from there), and
   every sampler against the one case that can be solved on paper: data that are normally
   distributed. */
#include "engine/diffusion/step.h"
#include "engine/graph/evaluate.h"
#include "engine/ops/layers.h"
#include "engine/ops/ops.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../helpers/npz.h"
#include <cmocka.h>

#define SIDE 16
#define CHANNELS 4
#define COUNT (SIDE * SIDE * CHANNELS)

static npz_array fixture(const char *file, const char *key)
{
    const char *oracle = getenv("LATENT_ORACLE");
    char path[512], error[256];
    npz_array a;
    if (!oracle) {
        print_message("LATENT_ORACLE is not set\n");
        skip();
    }
    snprintf(path, sizeof(path), "%s/%s-samplers.npz", oracle, file);
    if (npz_read(&a, path, key, error, sizeof(error)))
        fail_msg("%s: %s", key, error);
    return a;
}

static npz_array fixture_of(const char *file, const char *sampler, const char *what)
{
    char key[64];
    snprintf(key, sizeof(key), "%s_%s", sampler, what);
    return fixture(file, key);
}

static latent_node *planes(const float *x)
{
    latent_error e = {""};
    latent_node *n = latent_op_planes(x, CHANNELS, SIDE, SIDE, NULL, &e);
    if (!n)
        fail_msg("%s", e.text);
    return n;
}

static latent_tensor *value_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

/* The numbers of a promise in channel, row, column order. */
static void numbers(latent_node *n, float *to)
{
    latent_tensor *t = value_of(n);
    for (size_t p = 0; p < SIDE * SIDE; p++)
        for (size_t k = 0; k < CHANNELS; k++)
            to[k * SIDE * SIDE + p] = t->data[p * CHANNELS + k];
    latent_tensor_release(t);
}

static void near(double got, double wanted, double within, const char *what, size_t i)
{
    if (!(fabs(got - wanted) <= within))
        fail_msg("%s %zu: %.9g, not %.9g", what, i, got, wanted);
}

/* ---- schedules */

static void test_thousand_steps(void **state)
{
    npz_array kept = fixture("sd1-tiny", "alphas_cumprod");
    (void)state;
    for (size_t i = 0; i < kept.count; i++) {
        double a = kept.data[i];
        latent_pair l = {sqrt(a), sqrt(1 - a)};
        near(latent_timestep(l, LATENT_THOUSAND), (double)i, 2e-3, "timestep", i);
    }
    npz_free(&kept);
    near(latent_noise_top(LATENT_STRAIGHT), 1, 0, "top", 0);
    near(latent_noise_top(LATENT_THOUSAND), 14.614641 / 15.614641, 1e-6, "top", 1);
    for (double x = 0; x <= 1; x += 0.125)
        for (int scale = LATENT_STRAIGHT; scale <= LATENT_THOUSAND; scale++)
            near(latent_pair_number(latent_pair_of(x, scale)), x, 1e-12, "level", 0);
}

static void levels_are(latent_spacing spacing, const char *sampler)
{
    npz_array sigma = fixture_of("sd1-tiny", sampler, "sigmas"),
              t = fixture_of("sd1-tiny", sampler, "t");
    latent_schedule s = {LATENT_THOUSAND, spacing, (int)sigma.count - 1, 1, 7, 1};
    float level[64];
    double timestep[64];
    latent_error e = {""};
    if (latent_schedule_levels(&s, level, timestep, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i + 1 < sigma.count; i++) {
        near(level[i] / (1 - (double)level[i]), sigma.data[i], 1e-5 * (1 + sigma.data[i]), sampler,
             i);
        near(timestep[i], t.data[i], 2e-2, sampler, i);
    }
    near(level[sigma.count - 1], 0, 0, sampler, sigma.count - 1);
    assert_int_equal(latent_schedule_check(level, (int)sigma.count, &e), 0);
    npz_free(&sigma);
    npz_free(&t);
}

static void timesteps_are(latent_spacing spacing, const char *sampler)
{
    npz_array t = fixture_of("sd1-tiny", sampler, "timesteps");
    latent_schedule s = {LATENT_THOUSAND, spacing, (int)t.count, 1, 7, 1};
    double timestep[64];
    latent_error e = {""};
    if (latent_schedule_levels(&s, NULL, timestep, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < t.count; i++)
        near(timestep[i], t.data[i], 2e-2, sampler, i);
    npz_free(&t);
}

static void test_spacings(void **state)
{
    static const double trailing[] = {999, 749, 499, 249};
    latent_schedule s = {LATENT_THOUSAND, LATENT_TRAILING, 4, 1, 7, 1};
    double timestep[4];
    float level[5];
    latent_error e = {""};
    (void)state;
    levels_are(LATENT_LINSPACE, "k_euler");
    levels_are(LATENT_KARRAS, "k_dpmpp2m_karras");
    timesteps_are(LATENT_LINSPACE, "euler");
    timesteps_are(LATENT_LEADING, "ddim");
    timesteps_are(LATENT_LCM_STEPS, "lcm");
    assert_int_equal(latent_schedule_levels(&s, NULL, timestep, &e), 0);
    for (size_t i = 0; i < 4; i++)
        near(timestep[i], trailing[i], 1e-6, "trailing", i);
    s.noising = LATENT_STRAIGHT;
    s.from = 0.5;
    assert_int_equal(latent_schedule_levels(&s, level, NULL, &e), 0);
    for (size_t i = 0; i < 5; i++)
        near(level[i], 0.5 - 0.125 * (double)i, 1e-7, "straight", i);
    s.from = 1;
    s.shift = 3;
    assert_int_equal(latent_schedule_levels(&s, level, NULL, &e), 0);
    near(level[0], 1, 0, "shifted", 0);
    near(level[2], 0.75, 1e-7, "shifted", 2);
}

/* Every spacing of every length falls, or is refused with a sentence. */
static void test_any_schedule_falls(void **state)
{
    static float level[LATENT_MOST_STEPS + 1];
    static const double from[] = {1, 0.6, 0.05, 0.001};
    int refused = 0;
    (void)state;
    for (int spacing = LATENT_TRAILING; spacing <= LATENT_LCM_STEPS; spacing++)
        for (int noising = LATENT_STRAIGHT; noising <= LATENT_THOUSAND; noising++)
            for (size_t f = 0; f < 4; f++)
                for (int n = 1; n <= LATENT_MOST_STEPS; n += n < 4 ? 1 : 332) {
                    latent_schedule s = {noising, spacing, n, from[f], 7, 2};
                    latent_error e = {""};
                    if (latent_schedule_levels(&s, level, NULL, &e)) {
                        assert_non_null(strstr(e.text, "can't be told apart"));
                        refused++;
                    } else if (latent_schedule_check(level, n + 1, &e))
                        fail_msg("spacing %d, %d steps from %g: %s", spacing, n, from[f], e.text);
                }
    assert_in_range(refused, 1, 200);
}

static void test_wrong_schedules(void **state)
{
    static const float rises[] = {0.5f, 0.6f, 0}, beyond[] = {1.5f, 0}, same[] = {1, 1, 0};
    static const float none[] = {1, NAN};
    latent_error e = {""};
    (void)state;
    assert_int_equal(latent_schedule_check(rises, 3, &e), -1);
    assert_string_equal(e.text, "a schedule falls, but after 0.5 comes 0.6; each level must be "
                                "below the one before");
    assert_int_equal(latent_schedule_check(beyond, 2, &e), -1);
    assert_int_equal(latent_schedule_check(same, 3, &e), -1);
    assert_int_equal(latent_schedule_check(none, 2, &e), -1);
    assert_int_equal(latent_schedule_check(rises, 1, &e), -1);
}

/* ---- samplers against the fixtures */

typedef enum { KEEPS_DEVIATION, ADDS_NOISE } scale; /* a^2 + s^2 = 1, or a = 1 */

static latent_pair level_at(double sigma, scale how)
{
    double a = how == KEEPS_DEVIATION ? 1 / sqrt(1 + sigma * sigma) : 1;
    return (latent_pair){a, a * sigma};
}

/* What the network of the fixture found clean: the numbers at x0, or from noise or velocity. */
static void clean_of(const float *x, const float *said, latent_pair l, int velocity, float *to)
{
    double sigma = l.s / l.a, root = sqrt(1 + sigma * sigma);
    for (size_t i = 0; i < COUNT; i++) {
        double scaled = x[i] / l.a; /* clean + sigma noise */
        to[i] = (float)(velocity ? scaled / (root * root) - said[i] * sigma / root
                                 : scaled - sigma * said[i]);
    }
}

static latent_node *given(void *context, latent_node *x, latent_pair at, latent_error *e)
{
    (void)x;
    (void)at;
    (void)e;
    return latent_node_retain(context);
}

/* Runs every step of a trajectory from where the fixture is then. */
static void follow(const char *file, const char *name, latent_sampler sampler, scale how,
                   const double *sigma)
{
    int velocity = file[2] == '2', is_clean = name[0] == 'k', fresh;
    npz_array x = fixture_of(file, name, "latents"),
              said = fixture_of(file, name, is_clean ? "x0" : "model_out"),
              noises = fixture(file, "lcm_noises");
    float clean[COUNT], got[COUNT], chance[COUNT];
    latent_step s = {.sampler = sampler, .eta = LATENT_OWN_ETA, .seed = 5};
    latent_error e = {""};
    fresh = sampler == LATENT_ANCESTRAL || sampler == LATENT_LCM;
    for (size_t i = 0; i + 1 < x.shape[0]; i++) {
        const float *from = x.data + i * COUNT, *wanted = from + COUNT;
        latent_pair at = level_at(sigma[i], how), to = level_at(sigma[i + 1], how);
        latent_node *in = planes(from), *guess = NULL, *out, *d, *noise;
        double next = sigma[i + 1], up = 0, deviation = 0;
        if (is_clean)
            memcpy(clean, said.data + i * COUNT, sizeof(clean));
        else
            clean_of(from, said.data + i * COUNT, at, velocity, clean);
        d = planes(clean);
        s.call = (int)i;
        if (!(out = latent_step_make(in, at, to, &s, &(latent_guesser){given, d}, &guess, &e)))
            fail_msg("%s, step %zu: %s", name, i, e.text);
        assert_ptr_equal(guess, d);
        numbers(out, got);
        if (fresh)
            up =
                sampler == LATENT_LCM ? to.s : next * sqrt(1 - next * next / (sigma[i] * sigma[i]));
        noise = latent_op_randn(in->shape, s.seed, s.call, &e);
        numbers(noise, chance);
        for (size_t k = 0; k < COUNT; k++)
            deviation += (double)wanted[k] * wanted[k] / COUNT;
        for (size_t k = 0; k < COUNT; k++) {
            double other = up ? up * (chance[k] - noises.data[i % 4 * COUNT + k]) : 0;
            if (!(fabs(got[k] - other - wanted[k]) <= 1e-4 * sqrt(deviation)))
                fail_msg("%s %s, step %zu, number %zu: %.8g, not %.8g", file, name, i, k,
                         got[k] - other, (double)wanted[k]);
        }
        latent_node_release(s.before);
        s.before = guess;
        s.before_at = at;
        latent_node_release(in);
        latent_node_release(d);
        latent_node_release(out);
        latent_node_release(noise);
    }
    latent_node_release(s.before);
    npz_free(&x);
    npz_free(&said);
    npz_free(&noises);
}

/* The s / a of given timesteps in the fixture's table; what lies before the first is the first. */
static double sigma_of(const npz_array *kept, double t)
{
    double a = kept->data[t < 0 ? 0 : (size_t)t];
    return sqrt((1 - a) / a);
}

static void with_sigmas(const char *file, const char *name, latent_sampler sampler, scale how)
{
    npz_array given_sigma = fixture_of(file, name, "sigmas");
    double sigma[64];
    for (size_t i = 0; i < given_sigma.count; i++)
        sigma[i] = given_sigma.data[i];
    follow(file, name, sampler, how, sigma);
    npz_free(&given_sigma);
}

static void test_samplers(void **state)
{
    static const char *const files[] = {"sd1-tiny", "sd2-tiny"};
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        npz_array kept = fixture(files[f], "alphas_cumprod"),
                  t = fixture_of(files[f], "ddim", "timesteps"),
                  lcm = fixture_of(files[f], "lcm", "timesteps");
        double sigma[64];
        for (size_t i = 0; i < t.count; i++)
            sigma[i] = sigma_of(&kept, t.data[i]);
        sigma[t.count] = sigma_of(&kept, t.data[t.count - 1] - 1000.0 / (double)t.count);
        follow(files[f], "ddim", LATENT_DDIM, KEEPS_DEVIATION, sigma);
        for (size_t i = 0; i < lcm.count; i++)
            sigma[i] = sigma_of(&kept, lcm.data[i]);
        sigma[lcm.count] = 0;
        follow(files[f], "lcm", LATENT_LCM, KEEPS_DEVIATION, sigma);
        with_sigmas(files[f], "euler", LATENT_EULER, ADDS_NOISE);
        with_sigmas(files[f], "dpmpp2m", LATENT_DPM2M, KEEPS_DEVIATION);
        with_sigmas(files[f], "dpmpp2m_karras", LATENT_DPM2M, KEEPS_DEVIATION);
        with_sigmas(files[f], "k_euler", LATENT_EULER, ADDS_NOISE);
        with_sigmas(files[f], "k_dpmpp2m_karras", LATENT_DPM2M, ADDS_NOISE);
        with_sigmas(files[f], "k_euler_ancestral", LATENT_ANCESTRAL, ADDS_NOISE);
        npz_free(&kept);
        npz_free(&t);
        npz_free(&lcm);
    }
}

/* ---- samplers where the answer is known */

#define MEAN 0.5
#define DEVIATION 0.25

static latent_node *level_grey; /* one number: MEAN */
static int asked;

/* The mean of all clean x that may lie behind this one, data being normally distributed. */
static latent_node *knows(void *context, latent_node *x, latent_pair at, latent_error *e)
{
    double v = DEVIATION * DEVIATION, share = at.a * v / (at.a * at.a * v + at.s * at.s);
    (void)context;
    asked++;
    return latent_op_add(x, (float)share, level_grey, (float)(1 - at.a * share), "guess", e);
}

/* A whole run of n steps; how far its end is from the exact one (root mean square), its mean and
   deviation. */
typedef struct {
    double error, mean, deviation;
} outcome;

static outcome run(latent_noising noising, latent_sampler sampler, double eta, int n)
{
    latent_schedule plan = {noising, LATENT_KARRAS, n, 1, 7, 1};
    latent_step s = {.sampler = sampler, .eta = eta, .seed = 11};
    const latent_guesser by = {knows, NULL};
    float level[257];
    latent_error e = {""};
    latent_node *start = latent_op_randn((latent_shape){1, 32, 32, 1}, 3, 0, &e), *x, *d;
    latent_pair first;
    latent_tensor *a, *b;
    outcome o = {0, 0, 0};
    double spread;
    if (latent_schedule_levels(&plan, level, NULL, &e))
        fail_msg("%s", e.text);
    first = latent_pair_of(level[0], noising);
    spread = sqrt(first.a * first.a * DEVIATION * DEVIATION + first.s * first.s);
    x = latent_node_retain(start);
    for (int k = 0; k < n; k++) {
        latent_pair at = latent_pair_of(level[k], noising),
                    to = latent_pair_of(level[k + 1], noising);
        latent_node *next;
        s.call = k + 1;
        if (!(next = latent_step_make(x, at, to, &s, &by, &d, &e)))
            fail_msg("sampler %d, step %d: %s", (int)sampler, k, e.text);
        latent_node_release(x);
        latent_node_release(s.before);
        x = next;
        s.before = d;
        s.before_at = at;
    }
    a = value_of(start);
    b = value_of(x);
    for (size_t i = 0; i < a->count; i++) {
        double exact = MEAN + DEVIATION / spread * (a->data[i] - first.a * MEAN);
        o.error += pow(b->data[i] - exact, 2) / (double)a->count;
        o.mean += b->data[i] / (double)a->count;
        o.deviation += pow(b->data[i] - MEAN, 2) / (double)a->count;
    }
    o.error = sqrt(o.error);
    o.deviation = sqrt(o.deviation);
    latent_tensor_release(a);
    latent_tensor_release(b);
    latent_node_release(x);
    latent_node_release(start);
    latent_node_release(s.before);
    return o;
}

static void test_samplers_converge(void **state)
{
    static const struct {
        latent_sampler sampler;
        double gain; /* 4 times the steps: the error falls by this at least */
    } row[] = {{LATENT_EULER, 3}, {LATENT_DDIM, 3}, {LATENT_DPM2M, 8}, {LATENT_HEUN, 8}};
    const float grey = MEAN;
    latent_error e = {""};
    (void)state;
    level_grey = latent_op_planes(&grey, 1, 1, 1, NULL, &e);
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
        outcome few = run(LATENT_STRAIGHT, row[i].sampler, 0, 64),
                many = run(LATENT_STRAIGHT, row[i].sampler, 0, 256),
                other = run(LATENT_THOUSAND, row[i].sampler, 0, 256);
        if (!(many.error < few.error / row[i].gain && many.error < 0.02 * DEVIATION))
            fail_msg("sampler %d: %g after 64 steps, %g after 256", (int)row[i].sampler, few.error,
                     many.error);
        if (!(other.error < 0.02 * DEVIATION)) /* its last step begins where noise is left */
            fail_msg("sampler %d: %g after 256 steps", (int)row[i].sampler, other.error);
    }
    latent_node_release(level_grey);
}

/* New noise at every step: not the same numbers, but as many of each. */
static void test_new_noise_keeps_the_spread(void **state)
{
    static const latent_sampler sampler[] = {LATENT_EULER, LATENT_ANCESTRAL, LATENT_DDIM,
                                             LATENT_DPM2M, LATENT_HEUN};
    const float grey = MEAN;
    latent_error e = {""};
    (void)state;
    level_grey = latent_op_planes(&grey, 1, 1, 1, NULL, &e);
    for (int noising = LATENT_STRAIGHT; noising <= LATENT_THOUSAND; noising++)
        for (size_t i = 0; i < sizeof(sampler) / sizeof(*sampler); i++) {
            outcome o = run(noising, sampler[i], 1, 256);
            near(o.mean, MEAN, 0.02, "mean", i);
            near(o.deviation, DEVIATION, 0.08 * DEVIATION, "deviation", i);
            assert_true(o.error > 0.5 * DEVIATION);
        }
    latent_node_release(level_grey);
}

static void test_steps_that_are_none(void **state)
{
    const float grey = MEAN;
    latent_error e = {""};
    latent_node *x = latent_op_randn((latent_shape){1, 4, 4, 1}, 3, 0, &e), *clean = x;
    latent_step s = {.sampler = LATENT_EULER};
    const latent_guesser by = {knows, NULL};
    size_t living;
    (void)state;
    level_grey = latent_op_planes(&grey, 1, 1, 1, NULL, &e);
    living = latent_node_count();
    asked = 0;
    assert_null(
        latent_step_make(x, (latent_pair){0.5, 0.5}, (latent_pair){0.2, 0.8}, &s, &by, &clean, &e));
    assert_string_equal(e.text, "a step goes from more noise to less, but 0.8 came after 0.5");
    assert_null(clean);
    assert_null(latent_step_make(x, (latent_pair){1, 0}, (latent_pair){1, 0}, &s, &by, &clean, &e));
    assert_int_equal(asked, 0);
    assert_int_equal(latent_node_count(), living);
    latent_node_release(x);
    latent_node_release(level_grey);
}

/* Equal steps are one promise, and another eta is another. */
static void test_same_step_same_promise(void **state)
{
    const float grey = MEAN;
    latent_error e = {""};
    latent_node *x = latent_op_randn((latent_shape){1, 4, 4, 2}, 3, 0, &e), *step[3], *clean[3];
    const latent_guesser by = {knows, NULL};
    (void)state;
    level_grey = latent_op_planes(&grey, 1, 1, 1, NULL, &e);
    for (int i = 0; i < 3; i++) {
        latent_step s = {.sampler = LATENT_DDIM, .eta = i == 2 ? 0.5 : 0};
        step[i] = latent_step_make(x, (latent_pair){0, 1}, (latent_pair){0.5, 0.5}, &s, &by,
                                   &clean[i], &e);
    }
    assert_ptr_equal(step[0], step[1]);
    assert_ptr_not_equal(step[0], step[2]);
    assert_ptr_equal(clean[0], clean[2]);
    for (int i = 0; i < 3; i++) {
        latent_node_release(step[i]);
        latent_node_release(clean[i]);
    }
    latent_node_release(x);
    latent_node_release(level_grey);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thousand_steps),
        cmocka_unit_test(test_spacings),
        cmocka_unit_test(test_any_schedule_falls),
        cmocka_unit_test(test_wrong_schedules),
        cmocka_unit_test(test_samplers),
        cmocka_unit_test(test_samplers_converge),
        cmocka_unit_test(test_new_noise_keeps_the_spread),
        cmocka_unit_test(test_steps_that_are_none),
        cmocka_unit_test(test_same_step_same_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
