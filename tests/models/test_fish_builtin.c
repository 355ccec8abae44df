/* test_fish_builtin: how near the built-in generator's fish are to those of the rule, as a whole:
   the score (train/score.h) under the built-in clip-tiny, beside its floor, and how many of them
   are armed, by a judge that has learned from the rule (helper_judge.h), which is measured first.
 */
#include "engine/rules/rules.h"
#include "engine/train/score.h"
#include "helper_builtin.h"
#include "helper_judge.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#define SEED 20261126 /* the training's is another, the judge's too */
#define REAL 4000
#define MADE 2000
#define AT_MOST 2.0 /* percent of the real features' variance: the present weights have 1.95 */
#define AT_ONCE 16
#define PIXELS (JUDGE_SIZE * JUDGE_SIZE * 3)

static latent_model *generator, *clip;
static judge *eye;

static int set_up(void **state)
{
    (void)state;
    generator = builtin_fish();
    clip = builtin_clip();
    if (!generator || !clip || generator->generator.height != JUDGE_SIZE)
        return -1;
    eye = judge_new(JUDGE_SEED, JUDGE_LEARNS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    latent_model_release(generator);
    latent_model_release(clip);
    judge_free(eye);
    return 0;
}

static void rule_fish(uint32_t index, float *params, float *picture)
{
    const latent_rule *rule = latent_rule_find("fish");
    latent_error e = {""};
    judge_fish(SEED, index, params);
    if (latent_rule_draw(rule, params, JUDGE_SIZE, picture, &e))
        fail_msg("%s", e.text);
}

/* ---- the judge */

/* The correlation of pairs, from their sums. */
typedef struct {
    double n, x, y, xx, yy, xy;
} pairs;

static void pair(pairs *s, double x, double y)
{
    s->n++;
    s->x += x;
    s->y += y;
    s->xx += x * x;
    s->yy += y * y;
    s->xy += x * y;
}

static double correlation(const pairs *s)
{
    return (s->n * s->xy - s->x * s->y) /
           sqrt((s->n * s->xx - s->x * s->x) * (s->n * s->yy - s->y * s->y));
}

static void test_judge(void **state)
{
    enum { ASKED = 500 };
    float *picture = malloc(PIXELS * sizeof(float)), params[LATENT_RULE_MOST];
    pairs girth = {0}, length = {0};
    double armed = 0, coloured = 0, colour = 0, tail = 0;
    (void)state;
    for (uint32_t i = 0; i < ASKED; i++) {
        verdict should, is;
        rule_fish(i, params, picture);
        should = judge_truth(params);
        is = judge_look(eye, picture);
        armed += (is.armed > JUDGE_ARMED) == (should.armed > JUDGE_ARMED);
        coloured += should.colour >= 0;
        colour += is.colour == should.colour;
        tail += is.tail == should.tail;
        pair(&girth, should.girth, is.girth);
        pair(&length, should.length, is.length);
    }
    armed *= 100.0 / ASKED;
    tail *= 100.0 / ASKED;
    colour *= 100 / coloured;
    print_message(
        "the judge: armed %.1f, colour %.1f, tail %.1f percent right; correlation of girth "
        "%.3f, of length %.3f\n",
        armed, colour, tail, correlation(&girth), correlation(&length));
    free(picture);
    assert_true(armed >= 97 && colour >= 90 && tail >= 97);
    assert_true(correlation(&girth) >= 0.9 && correlation(&length) >= 0.9);
}

/* ---- the generator */

static void add(latent_feature_statistics *c, const float *pictures, int n)
{
    latent_error e = {""};
    if (latent_feature_statistics_add_pictures(c, clip, pictures, n, JUDGE_SIZE, &e))
        fail_msg("%s", e.text);
}

static void add_real(latent_feature_statistics *c, uint32_t first, int n, float *pictures)
{
    float params[LATENT_RULE_MOST];
    for (int done = 0; done < n; done += AT_ONCE) {
        int some = n - done < AT_ONCE ? n - done : AT_ONCE;
        for (int i = 0; i < some; i++)
            rule_fish(first + (uint32_t)(done + i), params, pictures + i * PIXELS);
        add(c, pictures, some);
    }
}

/* And says how many of them are armed, in percent. */
static double add_made(latent_feature_statistics *c, int n, float *pictures)
{
    float w[BUILTIN_MOST];
    int armed = 0;
    for (int done = 0; done < n; done += AT_ONCE) {
        int some = n - done < AT_ONCE ? n - done : AT_ONCE;
        for (int i = 0; i < some; i++) {
            builtin_w(generator, (uint32_t)(done + i), w);
            builtin_draw(generator, w, pictures + i * PIXELS);
            armed += judge_look(eye, pictures + i * PIXELS).armed > JUDGE_ARMED;
        }
        add(c, pictures, some);
    }
    return 100.0 * armed / n;
}

static void test_score(void **state)
{
    latent_error e = {""};
    int d = latent_feature_statistics_features(clip, &e);
    float *pictures = malloc(AT_ONCE * PIXELS * sizeof(float));
    latent_feature_statistics *real = latent_feature_statistics_new(d, &e),
                              *other = latent_feature_statistics_new(d, &e);
    double floor, percent, armed;
    (void)state;
    add_real(real, 0, REAL, pictures);
    add_real(other, REAL, MADE, pictures);
    assert_int_equal(latent_score(real, other, &floor, &e), 0);
    latent_feature_statistics_clear(other);
    armed = add_made(other, MADE, pictures);
    assert_int_equal(latent_score(real, other, &percent, &e), 0);
    print_message("the Frechet distance of %d made fish from %d real ones is %.2f percent (at most "
                  "%g; real from real: %.2f); %.1f percent of them are armed (the rule: 34)\n",
                  MADE, REAL, percent, AT_MOST, floor, armed);
    latent_feature_statistics_free(real);
    latent_feature_statistics_free(other);
    free(pictures);
    assert_true(floor > 0 && floor < percent);
    assert_true(percent <= AT_MOST);
    assert_true(armed > 24 && armed < 44);
}

static void test_small(void **state)
{
    struct stat s;
    (void)state;
    assert_int_equal(stat("examples/models/fish.safetensors", &s), 0);
    assert_true(s.st_size < 6000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_score),
        cmocka_unit_test(test_small),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
