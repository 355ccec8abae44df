/* test_noised: features that know their noise, and what is done to them, with a network whose guess
   is known: it sees a picture of one colour, that of its words. */
#include "engine/diffusion/guess_gradient.h"
#include "engine/diffusion/noised.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/models/model.h"
#include "engine/ops/layers.h"
#include "engine/ops/ops.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIDE 8

static int asked;
static const latent_shape one = {1, SIDE, SIDE, 2};

/* The colour of the words [2], and a hundredth of what is there. */
static latent_node *guess(latent_model *m, latent_node *x, latent_level level, latent_node *words,
                          latent_error *e)
{
    static const float nothing[2] = {0, 0};
    latent_node *colour = words ? latent_node_retain(words) : latent_op_style(0, 1, nothing, 2, e);
    latent_node *n = latent_op_add(x, 0.01f, colour, 1, "network", e);
    (void)m;
    (void)level;
    asked++;
    latent_node_release(colour);
    return n;
}

static latent_node *same(latent_model *m, latent_node *x, latent_error *e)
{
    (void)m;
    return latent_op_add(x, 1, x, 0, "decode", e);
}

static const latent_denoiser_arch denoiser = {guess};
static const latent_decoder_arch decoder = {same, same};
static const latent_arch arch = {.name = "known", .denoiser = &denoiser, .decoder = &decoder};
static latent_model network = {
    .refs = 1000000,
    .arch = &arch,
    .label = "known",
    .denoiser = {.channels = 2, .height = SIDE, .width = SIDE, .embedding = 2, .flow = 1},
    .decoder = {.channels = 2, .factor = 1}};

static latent_node *good(latent_node *n, const latent_error *e)
{
    if (!n)
        fail_msg("%s", e->text);
    return n;
}

static latent_node *noise_of(uint32_t seed)
{
    latent_error e = {""};
    latent_node *bare = good(latent_noise_of(one, LATENT_TORCH, seed, &e), &e), *n;
    n = good(latent_noised_noise(bare, &e), &e);
    latent_node_release(bare);
    return n;
}

static latent_node *words_of(float a, float b)
{
    latent_error e = {""};
    const float v[2] = {a, b};
    return good(latent_op_style(0, 1, v, 2, &e), &e);
}

static latent_denoise usual(latent_node *words)
{
    return (latent_denoise){
        .model = &network, .words = words, .guidance = 1, .eta = LATENT_OWN_ETA, .seed = 9};
}

/* One more step, of what is let go. */
static latent_node *onward(latent_node *n, const latent_denoise *d, latent_node **clean)
{
    latent_error e = {""};
    latent_node *next = good(latent_denoised(n, d, clean, &e), &e);
    latent_node_release(n);
    return next;
}

static latent_tensor *value_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

static void first_is(latent_node *n, double wanted)
{
    latent_tensor *t = value_of(n);
    if (!(fabs((double)t->data[0] - wanted) < 1e-5))
        fail_msg("%.7g, not %.7g", (double)t->data[0], wanted);
    latent_tensor_release(t);
}

static double first_of(latent_node *n)
{
    latent_tensor *t = value_of(n);
    double x = (double)t->data[0];
    latent_tensor_release(t);
    return x;
}

/* Four steps from noise arrive at the words' colour, and tell where they are. */
static void test_four_steps_in_a_row(void **state)
{
    latent_node *words = words_of(0.5f, -0.25f), *n = noise_of(1), *clean;
    latent_denoise d = usual(words);
    (void)state;
    for (int k = 1; k <= 4; k++) {
        latent_level l;
        n = onward(n, &d, &clean);
        d.words = NULL; /* the first ones ride along */
        l = latent_features_of(n)->level;
        assert_int_equal(l.step, k);
        assert_int_equal(l.steps, 4);
        assert_true(fabsf(l.s - (1 - 0.25f * (float)k)) < 1e-6f);
        assert_true(fabsf(l.a + l.s - 1) < 1e-6f);
        assert_true(latent_features_of(clean)->level.s == 0);
        assert_ptr_equal(latent_features_of(n)->model, &network);
        if (k < 4)
            latent_node_release(clean);
    }
    assert_ptr_equal(latent_features_parts_of(n).x, latent_features_parts_of(clean).x);
    assert_true(fabs(first_of(n) - 0.5) < 0.02);
    latent_node_release(clean);
    /* what is clean goes through as it is */
    n = onward(n, &d, &clean);
    assert_ptr_equal(n, clean);
    latent_node_release(n);
    latent_node_release(clean);
    latent_node_release(words);
}

static long runs_of(const char *stage)
{
    latent_stats stats;
    latent_stage stages[64];
    latent_stats_get(&stats, stages, 64);
    for (int i = 0; i < stats.n_stages && i < 64; i++)
        if (!strcmp(stages[i].stage, stage))
            return stages[i].runs;
    return 0;
}

/* Other words from the third step on: the first two are not computed again. */
static void test_what_did_not_change_is_not_computed(void **state)
{
    latent_node *words = words_of(0.5f, -0.25f), *others = words_of(-0.5f, 0.25f), *start, *n[5],
                *clean[5], *again[2];
    latent_denoise d = usual(words);
    (void)state;
    start = noise_of(2);
    n[0] = latent_node_retain(start);
    for (int k = 1; k <= 4; k++)
        n[k] = onward(latent_node_retain(n[k - 1]), &d, &clean[k]);
    latent_tensor_release(value_of(n[4]));
    latent_stats_reset();
    latent_tensor_release(value_of(n[4]));
    assert_int_equal(runs_of("network"), 0);
    d.words = others;
    again[0] = onward(latent_node_retain(n[2]), &d, &clean[0]);
    latent_node_release(clean[0]);
    again[1] = onward(latent_node_retain(again[0]), &d, &clean[0]);
    latent_node_release(clean[0]);
    latent_tensor_release(value_of(again[1]));
    assert_int_equal(runs_of("network"), 2);
    assert_true(first_of(again[1]) < 0);
    for (int k = 0; k <= 4; k++) {
        latent_node_release(n[k]);
        if (k)
            latent_node_release(clean[k]);
    }
    latent_node_release(again[0]);
    latent_node_release(again[1]);
    latent_node_release(start);
    latent_node_release(words);
    latent_node_release(others);
}

/* Guidance goes from the words that are not meant, to the words, and beyond. */
static void test_guidance(void **state)
{
    static const struct {
        double guidance, wanted;
        int asked;
    } row[] = {{1, 0.5, 1}, {0, -1, 1}, {2, 2, 2}, {0.5, -0.25, 2}};
    static const float one_step[2] = {1, 0};
    latent_node *words = words_of(0.5f, 0), *not_these = words_of(-1, 0), *start = noise_of(3);
    double x = first_of(start);
    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
        latent_denoise d = usual(words);
        latent_node *n, *clean;
        d.without = not_these;
        d.guidance = row[i].guidance;
        d.level = one_step;
        d.n_levels = 2;
        asked = 0;
        n = onward(latent_node_retain(start), &d, &clean);
        assert_int_equal(asked, row[i].asked);
        first_is(n, row[i].wanted + 0.01 * x);
        latent_node_release(n);
        latent_node_release(clean);
    }
    latent_node_release(words);
    latent_node_release(not_these);
    latent_node_release(start);
}

/* Noise there, in one go or in two, is as much; and never less. */
static void test_more_noise(void **state)
{
    float grey[2 * SIDE * SIDE];
    latent_error e = {""};
    latent_node *picture, *n, *more, *noise = noise_of(4);
    latent_tensor *a;
    double sum = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(grey) / sizeof(*grey); i++)
        grey[i] = 0.5f;
    picture = good(latent_op_planes(grey, 2, SIDE, SIDE, NULL, &e), &e);
    n = good(latent_noised_more(picture, noise, 0.3, &e), &e);
    first_is(n, 0.7 * 0.5 + 0.3 * first_of(noise));
    more = good(latent_noised_more(n, NULL, 0.8, &e), &e);
    a = value_of(more);
    for (size_t i = 0; i < a->count; i++)
        sum += pow((double)a->data[i] - 0.2 * 0.5, 2) / (double)a->count;
    latent_tensor_release(a);
    assert_true(fabs(sqrt(sum) - 0.8) < 0.2);
    assert_null(latent_noised_more(more, NULL, 0.4, &e));
    assert_non_null(strstr(e.text, "there is more noise in this already: 0.8, and a level of 0.4"));
    latent_node_release(more);
    more = good(latent_noised_more(n, noise, 1, &e), &e);
    first_is(more, first_of(noise));
    assert_true(latent_features_of(more)->level.a == 0);
    latent_node_release(more);
    latent_node_release(n);
    latent_node_release(picture);
    latent_node_release(noise);
}

/* A picture that no network has encoded can't be denoised, and says so. */
static void test_pictures_are_encoded_first(void **state)
{
    float grey[2 * SIDE * SIDE] = {0};
    latent_error e = {""};
    latent_denoise d = usual(NULL);
    latent_node *picture = good(latent_op_planes(grey, 2, SIDE, SIDE, NULL, &e), &e);
    latent_node *n = good(latent_noised_more(picture, NULL, 0.3, &e), &e), *clean = n;
    (void)state;
    assert_null(latent_denoised(n, &d, &clean, &e));
    assert_null(clean);
    assert_string_equal(e.text,
                        "this picture was not encoded for known; put [latent.encode] before "
                        "[latent.noisy]");
    latent_node_release(n);
    latent_node_release(picture);
}

/* Where the mask is black what was there stays: as noisy as the step, with the first noise, and at
   the end as it was. */
static void test_inpaint(void **state)
{
    float grey[2 * SIDE * SIDE], mask[4 * 4];
    latent_error e = {""};
    latent_node *words = words_of(0, 0), *n = noise_of(5), *clean, *keep, *cover, *some;
    latent_denoise d = usual(words);
    latent_tensor *t, *before;
    double noise = first_of(n);
    (void)state;
    for (size_t i = 0; i < sizeof(grey) / sizeof(*grey); i++)
        grey[i] = 0.9f;
    for (size_t i = 0; i < sizeof(mask) / sizeof(*mask); i++)
        mask[i] = i % 4 < 2 ? -1 : 1; /* the left half stays */
    keep = good(latent_op_planes(grey, 2, SIDE, SIDE, NULL, &e), &e);
    cover = good(latent_op_planes(mask, 1, 4, 4, NULL, &e), &e);
    n = onward(n, &d, &clean);
    latent_node_release(clean);
    some = good(latent_noised_keep(n, keep, cover, 0, &e), &e);
    first_is(some, 0.25 * 0.9 + 0.75 * noise);
    before = value_of(n);
    t = value_of(some);
    assert_true(t->data[t->count - 1] == before->data[t->count - 1]);
    assert_int_equal(latent_features_of(some)->level.step, 1);
    latent_tensor_release(t);
    latent_tensor_release(before);
    latent_node_release(some);
    some = good(latent_noised_keep(n, keep, cover, 1, &e), &e);
    first_is(some, first_of(n));
    latent_node_release(some);
    for (int k = 2; k <= 4; k++) {
        n = onward(n, &d, &clean);
        latent_node_release(clean);
    }
    some = good(latent_noised_keep(n, keep, cover, 0, &e), &e);
    first_is(some, 0.9);
    latent_node_release(some);
    latent_node_release(n);
    latent_node_release(keep);
    latent_node_release(cover);
    latent_node_release(words);
}

static void test_push(void **state)
{
    latent_error e = {""};
    latent_node *n = noise_of(6), *by = noise_of(7), *pushed;
    (void)state;
    pushed = good(latent_noised_push(n, by, 0.5, &e), &e);
    first_is(pushed, first_of(n) - 0.5 * first_of(by));
    assert_true(latent_features_of(pushed)->level.a == 0);
    latent_node_release(pushed);
    latent_node_release(by);
    by = good(latent_op_randn((latent_shape){1, 4, 4, 2}, 0, 0, &e), &e);
    assert_null(latent_noised_push(n, by, 1, &e));
    assert_string_equal(e.text, "a gradient of 2 x 4 x 4 (channels, height, width) doesn't fit "
                                "features of 2 x 8 x 8; both must be of one size");
    latent_node_release(by);
    latent_node_release(n);
}

/* dpm2m remembers the guess before by what rides along: the second step is another than after a
   first one that was taken alike but from elsewhere. */
static void test_the_guess_before_rides_along(void **state)
{
    latent_node *words = words_of(0.5f, 0), *n = noise_of(8), *clean, *plain, *other;
    latent_denoise d = usual(words);
    (void)state;
    d.sampler = LATENT_DPM2M;
    n = onward(n, &d, &clean);
    latent_node_release(clean);
    n = onward(n, &d, &clean);
    latent_node_release(clean);
    other = onward(latent_node_retain(n), &d, &clean);
    latent_node_release(clean);
    d.sampler = LATENT_EULER;
    plain = onward(n, &d, &clean);
    latent_node_release(clean);
    assert_true(fabs(first_of(plain) - first_of(other)) > 1e-6);
    latent_node_release(plain);
    latent_node_release(other);
    latent_node_release(words);
}

/* The gradient of a picture with respect to the words goes through all steps. */
static void test_gradient_of_the_words(void **state)
{
    latent_error e = {""};
    latent_node *n, *clean, *loss, *target, *picture;
    float grey[2 * SIDE * SIDE] = {0}, value[3], slope = 0, *grad;
    int rows, width;
    (void)state;
    target = good(latent_op_planes(grey, 2, SIDE, SIDE, NULL, &e), &e);
    for (int i = 0; i < 3; i++) {
        latent_node *words = words_of(0.5f + 1e-2f * (float)(i - 1), -0.25f);
        latent_denoise d = usual(words);
        n = noise_of(1);
        for (int k = 0; k < 4; k++) {
            n = onward(n, &d, &clean);
            latent_node_release(clean);
        }
        picture = good(latent_decoded(NULL, n, &e), &e);
        loss = good(latent_op_sse(picture, target, &e), &e);
        if (latent_gradient_styles(loss, NULL, &value[i], &grad, &rows, &width, &e))
            fail_msg("%s", e.text);
        assert_int_equal(rows, 1);
        assert_int_equal(width, 2);
        if (i == 1)
            slope = grad[0];
        free(grad);
        latent_node_release(loss);
        latent_node_release(picture);
        latent_node_release(n);
        latent_node_release(words);
    }
    assert_true(fabsf((value[2] - value[0]) / 2e-2f - slope) < 1e-2f * fabsf(slope));
    latent_node_release(target);
}

/* That of the guess goes through the decoder alone, here x to x: no step is asked for. */
static void test_gradient_of_the_guess(void **state)
{
    latent_error e = {""};
    float grey[2 * SIDE * SIDE] = {0}, value;
    latent_node *target = good(latent_op_planes(grey, 2, SIDE, SIDE, NULL, &e), &e);
    latent_node *words = words_of(0.5f, -0.25f), *n = noise_of(1), *clean, *picture, *loss;
    latent_denoise d = usual(words);
    latent_tensor *grad, *t;
    (void)state;
    n = onward(n, &d, &clean);
    picture = good(latent_decoded(NULL, clean, &e), &e);
    loss = good(latent_op_sse(picture, target, &e), &e);
    t = value_of(clean);
    if (latent_gradient_guess(loss, picture, NULL, &value, &grad, &e))
        fail_msg("%s", e.text);
    assert_true(latent_shape_equal(grad->shape, t->shape));
    for (size_t i = 0; i < t->count; i++)
        assert_true(fabsf(grad->data[i] - t->data[i]) < 1e-6f);
    latent_tensor_release(t);
    latent_tensor_release(grad);
    assert_int_equal(latent_gradient_guess(loss, target, NULL, &value, &grad, &e), 0);
    latent_tensor_release(grad);
    latent_node_release(loss);
    latent_node_release(picture);
    latent_node_release(clean);
    latent_node_release(n);
    latent_node_release(words);
    latent_node_release(target);
}

static void test_pictures_of_features(void **state)
{
    latent_error e = {""};
    latent_node *bare = good(latent_op_randn((latent_shape){1, 4, 4, 5}, 0, 0, &e), &e);
    latent_node *n = good(latent_noised_noise(bare, &e), &e), *small, *encoded;
    float planes[3 * 20 * 20] = {0};
    (void)state;
    assert_null(latent_decoded(NULL, n, &e));
    assert_non_null(strstr(e.text, "features of 5 channels came"));
    small = good(latent_op_planes(planes, 3, 20, 20, NULL, &e), &e);
    encoded = good(latent_encoded(&network, small, &e), &e);
    assert_int_equal(encoded->shape.h, SIDE); /* the size that the network takes */
    assert_ptr_equal(latent_features_of(encoded)->model, &network);
    latent_node_release(encoded);
    latent_node_release(small);
    latent_node_release(n);
    latent_node_release(bare);
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    assert_int_equal(latent_node_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_steps_in_a_row),
        cmocka_unit_test(test_what_did_not_change_is_not_computed),
        cmocka_unit_test(test_guidance),
        cmocka_unit_test(test_more_noise),
        cmocka_unit_test(test_pictures_are_encoded_first),
        cmocka_unit_test(test_inpaint),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_the_guess_before_rides_along),
        cmocka_unit_test(test_gradient_of_the_words),
        cmocka_unit_test(test_gradient_of_the_guess),
        cmocka_unit_test(test_pictures_of_features),
        cmocka_unit_test(test_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
