/* test_diffusion_builtin: what the built-in denoiser draws when it is told: 4 plain steps, guidance
   4.  A judge that has learned from the rule alone (helper_judge.h) says of which colour its fish
   are, with which tail, armed or not, fat or thin; and the built-in clip-tiny, which of 64 pictures
   a sentence never seen belongs to. */
#include "engine/base/counter_random.h"
#include "engine/data/source_rule.h"
#include "engine/graph/evaluate.h"
#include "engine/train/diffusion.h"
#include "helper_builtin.h"
#include "helper_judge.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIXELS (JUDGE_SIZE * JUDGE_SIZE * 3)
#define WORDS 128
#define EACH 4 /* pictures of a prompt */
#define STEPS 4
#define GUIDANCE 4
#define ASKED 64

static latent_model *clip, *model;
static judge *eye;
static float pictures[ASKED * PIXELS];

static int set_up(void **state)
{
    const char *path = getenv("LATENT_DIFFUSION");
    latent_error e = {""};
    (void)state;
    model = latent_model_load(path ? path : "examples/models/fish-diffusion.safetensors",
                              (latent_progress){NULL, NULL}, &e);
    if (!model)
        print_message("%s\n", e.text);
    clip = builtin_clip();
    if (!model || !clip || model->denoiser.height != JUDGE_SIZE ||
        model->denoiser.embedding != WORDS)
        return -1;
    eye = judge_new(JUDGE_SEED, JUDGE_LEARNS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    latent_model_release(model);
    latent_model_release(clip);
    judge_free(eye);
    return 0;
}

static void tell(const char *text, float *words)
{
    latent_error e = {""};
    latent_node *n = latent_diffusion_words(clip, text, &e);
    latent_tensor *t = NULL;
    if (!n || latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    memcpy(words, t->data, WORDS * sizeof(float));
    latent_tensor_release(t);
    latent_node_release(n);
}

/* EACH pictures of that prompt, [EACH][PIXELS]. */
static const float *draw(const char *prompt, uint32_t seed)
{
    static float words[EACH * WORDS];
    latent_error e = {""};
    for (int i = 0; i < EACH; i++)
        tell(prompt, words + i * WORDS);
    if (latent_diffusion_sample(model, EACH, words, seed, STEPS, GUIDANCE, pictures, &e))
        fail_msg("%s", e.text);
    return pictures;
}

static const char *const colours[2][JUDGE_COLOURS] = {
    {"red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"},
    {"红", "橙", "黄", "绿", "蓝", "紫", "粉", "棕"}};
static const char *const tails[2][JUDGE_TAILS] = {{"forked", "round", "fan-shaped", "pointed"},
                                                  {"分叉的", "圆圆的", "扇形的", "尖尖的"}};

static void words_tell_what_is_drawn(void **state)
{
    double colour[2] = {0}, tail[2] = {0}, armed[2] = {0}, girth[2][2] = {{0}};
    char prompt[100];
    (void)state;
    for (int l = 0; l < 2; l++) {
        static const char *const fat[2][2] = {{"a thin fish", "a fat fish"},
                                              {"一条瘦瘦的鱼", "一条胖胖的鱼"}};
        static const char *const arms[2][2] = {{"a plain fish", "an armed cyberpunk fish"},
                                               {"一条普通的鱼", "一条武装的机甲鱼"}};
        for (int k = 0; k < JUDGE_COLOURS; k++) {
            const float *p;
            snprintf(prompt, sizeof(prompt), l ? "一条%s鱼" : "a %s fish", colours[l][k]);
            p = draw(prompt, (uint32_t)k);
            for (int i = 0; i < EACH; i++)
                colour[l] += judge_look(eye, p + i * PIXELS).colour == k;
        }
        for (int k = 0; k < JUDGE_TAILS; k++) {
            const float *p;
            snprintf(prompt, sizeof(prompt), l ? "一条鱼：%s尾巴" : "a fish with a %s tail",
                     tails[l][k]);
            p = draw(prompt, 20 + (uint32_t)k);
            for (int i = 0; i < EACH; i++)
                tail[l] += judge_look(eye, p + i * PIXELS).tail == k;
        }
        for (int k = 0; k < 2; k++) {
            const float *p = draw(arms[l][k], 30);
            for (int i = 0; i < EACH; i++)
                armed[l] += (judge_look(eye, p + i * PIXELS).armed > JUDGE_ARMED) == k;
            p = draw(fat[l][k], 31);
            for (int i = 0; i < EACH; i++)
                girth[l][k] += judge_look(eye, p + i * PIXELS).girth / EACH;
        }
        colour[l] *= 100.0 / (JUDGE_COLOURS * EACH);
        tail[l] *= 100.0 / (JUDGE_TAILS * EACH);
        armed[l] *= 100.0 / (2 * EACH);
        print_message("%s: colour %.0f, tail %.0f, armed or not %.0f percent right; girth %.2f "
                      "when thin, %.2f when fat\n",
                      l ? "中文" : "English", colour[l], tail[l], armed[l], girth[l][0],
                      girth[l][1]);
    }
    for (int l = 0; l < 2; l++) {
        assert_true(colour[l] >= 65);
        assert_true(armed[l] >= 75);
        assert_true(girth[l][1] > girth[l][0] + 0.3);
    }
}

/* ASKED sentences never seen, and of how many the picture is found first. */
static void sentences_find_their_pictures(void **state)
{
    static float words[ASKED * WORDS];
    static double seen[ASKED][WORDS], said[ASKED][WORDS];
    latent_error e = {""};
    latent_source *fish = latent_source_rule_first(latent_rule_find("fish"), 20261201, &e);
    double found[2] = {0};
    (void)state;
    for (int l = 0; l < 2; l++) {
        for (int i = 0; i < ASKED; i++) {
            char text[2][LATENT_CAPTION];
            fish->draw(fish, (uint64_t)i, JUDGE_SIZE, NULL, text[0], text[1], &e);
            tell(text[l], words + i * WORDS);
            builtin_embedding(clip, latent_model_embed_text(clip, text[l], &e), said[i]);
        }
        if (latent_diffusion_sample(model, ASKED, words, 40, STEPS, GUIDANCE, pictures, &e))
            fail_msg("%s", e.text);
        for (int i = 0; i < ASKED; i++) {
            latent_shape s = {1, JUDGE_SIZE, JUDGE_SIZE, 3};
            latent_tensor *t = latent_tensor_new(s, &e);
            latent_node *n;
            memcpy(t->data, pictures + i * PIXELS, PIXELS * sizeof(float));
            n = latent_op_picture(t, &e);
            latent_tensor_release(t);
            builtin_embedding(clip, latent_model_embed_picture(clip, n, &e), seen[i]);
            latent_node_release(n);
        }
        for (int i = 0; i < ASKED; i++) {
            int best = 0;
            double nearest = -2;
            for (int k = 0; k < ASKED; k++) {
                double near = 0;
                for (int d = 0; d < WORDS; d++)
                    near += said[i][d] * seen[k][d];
                if (near > nearest) {
                    nearest = near;
                    best = k;
                }
            }
            found[l] += best == i ? 100.0 / ASKED : 0;
        }
    }
    print_message("a sentence never seen finds its picture among %d: English %.0f, 中文 %.0f "
                  "percent\n",
                  ASKED, found[0], found[1]);
    fish->release(fish);
    assert_true(found[0] >= 40 && found[1] >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_tell_what_is_drawn),
        cmocka_unit_test(sentences_find_their_pictures),
    };
    return cmocka_run_group_tests_name("diffusion builtin", tests, set_up, tear_down);
}
