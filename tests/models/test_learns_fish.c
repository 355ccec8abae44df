/* test_learns_fish: the promise of [latent.train] in small: from a fixed seed, a network of 32
   pixels that is shown rule fish for a minute or two is three times as near to them as it was, by
   the score that the box tells (evaluation.h). */
#include "engine/base/deferred_free.h"
#include "engine/base/jobs.h"
#include "engine/base/parallel.h"
#include "engine/data/source_rule.h"
#include "engine/models/model.h"
#include "engine/train/evaluation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CLIP "examples/models/clip-tiny.safetensors"
#define IMAGES 8000
#define EXAMINED 300

static const latent_generator_shape small = {
    .z = 64, .w = 64, .mapping = 2, .blocks = 4, .channels = {64, 64, 64, 32}};

static void it_learns_fish(void **state)
{
    latent_train_settings s = latent_train_defaults();
    latent_discriminator_shape d = latent_trainer_default_discriminator(&small);
    latent_error e = {""};
    latent_source *fish = latent_source_rule(latent_rule_find("fish"), 1, &e);
    latent_model *clip = latent_model_load(CLIP, (latent_progress){NULL, NULL}, &e);
    latent_evaluation *x =
        fish && clip ? latent_evaluation_new(clip, fish, 32, EXAMINED, NULL, &e) : NULL;
    latent_evaluation_result before, after;
    latent_trainer t;
    (void)state;
    if (!x || latent_trainer_init(&t, &s, &small, &d, &e))
        fail_msg("%s", e.text);
    t.source = fish;
    if (latent_evaluation_ask(x, &t, NULL, &before, &e))
        fail_msg("%s", e.text);
    while (t.images < IMAGES)
        if (latent_trainer_step(&t, &e))
            fail_msg("%s", e.text);
    if (latent_evaluation_ask(x, &t, NULL, &after, &e))
        fail_msg("%s", e.text);
    print_message("score %.1f before, %.1f after %d pictures, %.1f at best\n", before.percent,
                  after.percent, (int)t.images, after.floor);
    assert_true(after.percent > 0 && after.percent < before.percent / 3);
    latent_evaluation_free(x);
    latent_model_release(clip);
    latent_trainer_free(&t);
    fish->release(fish);
    latent_deferred_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_learns_fish)};
    return cmocka_run_group_tests_name("learns_fish", tests, NULL, NULL);
}
