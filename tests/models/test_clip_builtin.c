/* test_clip_builtin: what the built-in clip-tiny knows, measured on fish that it has never seen:
   sentences find their picture among 64, and pictures are called by their right names, in English
   and in Chinese.  LATENT_CLIP_TINY names another file to be measured, LATENT_CLIP_FISH how many
   fish. */
#include "engine/data/source_rule.h"
#include "engine/graph/evaluate.h"
#include "engine/models/model.h"
#include "engine/ops/ops.h"
#include "helper_judge.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define SEED 20261125 /* the training's is another */
#define AMONG 64
#define TELLING 4 /* sentences of which the longest, which tells most, is to find its picture */
#define MOST 8    /* answers to one question */

static latent_model *model;
static const latent_rule *rule;
static int fish;      /* how many */
static float *params; /* [fish][LATENT_RULE_MOST] */
static float *seen;   /* [fish][embedding], unit vectors */

static latent_tensor *value_of(latent_node *n, const latent_error *e)
{
    latent_error other = {""};
    latent_tensor *t;
    if (!n)
        fail_msg("%s", e->text);
    if (latent_evaluate(n, NULL, &t, &other))
        fail_msg("%s", other.text);
    latent_node_release(n);
    return t;
}

static void unit(const float *from, int d, float *to)
{
    double sum = 0;
    for (int i = 0; i < d; i++)
        sum += (double)from[i] * from[i];
    for (int i = 0; i < d; i++)
        to[i] = (float)(from[i] / sqrt(sum));
}

static void embed_text(const char *text, float *to)
{
    latent_error e = {""};
    latent_tensor *t = value_of(latent_model_embed_text(model, text, &e), &e);
    unit(t->data, model->encoder.embedding, to);
    latent_tensor_release(t);
}

static double cosine(const float *a, const float *b)
{
    double sum = 0;
    for (int i = 0; i < model->encoder.embedding; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static float param(int i, const char *name)
{
    const latent_rule_param *p = latent_rule_params(rule);
    for (int k = 0; k < latent_rule_count(rule); k++)
        if (!strcmp(p[k].name, name))
            return params[i * LATENT_RULE_MOST + k];
    fail_msg("the rule has no %s", name);
    return 0;
}

static int look_at_fish(void **state)
{
    const char *path = getenv("LATENT_CLIP_TINY"), *count = getenv("LATENT_CLIP_FISH");
    latent_error e = {""};
    latent_tensor *t;
    (void)state;
    rule = latent_rule_find("fish");
    fish = count ? atoi(count) : 5 * AMONG;
    path = path ? path : "examples/models/clip-tiny.safetensors";
    if (!(model = latent_model_load(path, (latent_progress){NULL, NULL}, &e))) {
        print_message("%s: %s\n", path, e.text);
        return -1;
    }
    params = calloc((size_t)fish * LATENT_RULE_MOST, sizeof(float));
    seen = malloc((size_t)fish * (size_t)model->encoder.embedding * sizeof(float));
    for (int i = 0; i < fish; i++) {
        float *p = params + i * LATENT_RULE_MOST;
        latent_node *picture;
        int size = model->encoder.resolution;
        judge_fish(SEED, (uint32_t)i, p);
        t = latent_tensor_new((latent_shape){1, size, size, 3}, &e);
        if (latent_rule_draw(rule, p, size, t->data, &e))
            return -1;
        picture = latent_op_picture(t, &e);
        latent_tensor_release(t);
        t = value_of(latent_model_embed_picture(model, picture, &e), &e);
        unit(t->data, model->encoder.embedding, seen + i * model->encoder.embedding);
        latent_tensor_release(t);
        latent_node_release(picture);
    }
    return 0;
}

static int forget_fish(void **state)
{
    (void)state;
    latent_model_release(model);
    free(params);
    free(seen);
    return 0;
}

/* ---- sentences that find their picture */

/* The longest of so many sentences about fish i. */
static void sentence(int i, latent_language language, int of, char *text)
{
    char one[LATENT_RULE_CAPTION];
    *text = 0;
    for (int k = 0; k < of; k++) {
        latent_rule_caption(rule, params + i * LATENT_RULE_MOST, SEED, (uint32_t)(i + k * 1000003),
                            language, one);
        if (strlen(one) > strlen(text))
            strcpy(text, one);
    }
}

/* Percent of the sentences that are nearest to their own picture of each 64. */
static double found(latent_language language, int of)
{
    float *said = malloc((size_t)model->encoder.embedding * sizeof(float));
    int right = 0, all = fish / AMONG * AMONG;
    for (int i = 0; i < all; i++) {
        char text[LATENT_RULE_CAPTION];
        int first = i / AMONG * AMONG, best = first;
        sentence(i, language, of, text);
        embed_text(text, said);
        for (int k = first; k < first + AMONG; k++)
            if (cosine(said, seen + k * model->encoder.embedding) >
                cosine(said, seen + best * model->encoder.embedding))
                best = k;
        right += best == i;
    }
    free(said);
    return 100.0 * right / all;
}

static void test_found(void **state)
{
    double english = found(LATENT_ENGLISH, TELLING), chinese = found(LATENT_CHINESE, TELLING);
    (void)state;
    print_message("first of %d: English %.1f, Chinese %.1f percent (any sentence, brief ones too: "
                  "%.1f, %.1f)\n",
                  AMONG, english, chinese, found(LATENT_ENGLISH, 1), found(LATENT_CHINESE, 1));
    assert_true(english >= 90);
    assert_true(chinese >= 90);
}

/* ---- pictures that are called by their names */

typedef struct {
    const char *name;
    double enough;             /* percent */
    int (*answer)(int i);      /* which is right for fish i; -1: not clear */
    int n;                     /* answers */
    const char *text[2][MOST]; /* English, Chinese */
} question;

static int clearly(float v)
{
    return v >= 0.64f ? 0 : v <= 0.36f ? 1 : -1;
}

static int hue(float v, int n)
{
    float nearest = floorf(v + 0.5f);
    return fabsf(v - nearest) <= 0.25f ? (int)nearest % n : -1;
}

static int is_colour(int i)
{
    return hue(param(i, "colour"), 8);
}
static int is_armed(int i)
{
    return param(i, "armed") >= 0.5f ? 0 : 1;
}
static int is_fat(int i)
{
    return clearly(param(i, "girth"));
}
static int is_long(int i)
{
    return clearly(param(i, "length"));
}
static int is_tail(int i)
{
    return (int)param(i, "tail");
}
static int is_fin(int i)
{
    return param(i, "spikes") < 0.05f ? clearly(param(i, "fin")) : -1;
}
static int is_spiky(int i)
{
    return param(i, "spikes") >= 0.5f ? 0 : param(i, "spikes") < 0.05f ? 1 : -1;
}
static int is_pattern(int i)
{
    return param(i, "armed") < 0.05f ? (int)param(i, "pattern") : -1;
}
static int is_eye(int i)
{
    return clearly(param(i, "eye"));
}
static int is_neon(int i)
{
    return param(i, "armed") >= 0.5f ? hue(param(i, "neon"), 4) : -1;
}

static const question questions[] = {
    {"colour",
     97,
     is_colour,
     8,
     {{"a red fish", "an orange fish", "a yellow fish", "a green fish", "a blue fish",
       "a purple fish", "a pink fish", "a brown fish"},
      {"一条红色的鱼", "一条橙色的鱼", "一条黄色的鱼", "一条绿色的鱼", "一条蓝色的鱼",
       "一条紫色的鱼", "一条粉色的鱼", "一条棕色的鱼"}}},
    {"armed",
     99,
     is_armed,
     2,
     {{"an armed cyberpunk fish", "an ordinary fish"},
      {"一条武装起来的赛博朋克鱼", "一条普通的鱼"}}},
    {"body", 97, is_fat, 2, {{"a fat fish", "a thin fish"}, {"一条胖胖的鱼", "一条瘦瘦的鱼"}}},
    {"length", 97, is_long, 2, {{"a long fish", "a short fish"}, {"一条长长的鱼", "一条短短的鱼"}}},
    {"tail",
     97,
     is_tail,
     4,
     {{"a fish with a forked tail", "a fish with a round tail", "a fish with a fan-shaped tail",
       "a fish with a pointed tail"},
      {"一条鱼，尾巴分叉", "一条鱼，尾巴圆圆的", "一条鱼，尾巴像扇子", "一条鱼，尾巴尖尖的"}}},
    {"fin",
     97,
     is_fin,
     2,
     {{"a fish with a tall dorsal fin", "a fish with a low dorsal fin"},
      {"一条鱼，背鳍很高", "一条鱼，背鳍很低"}}},
    {"spikes",
     95,
     is_spiky,
     2,
     {{"a fish with spikes", "a fish with no spikes"}, {"一条鱼，满身尖刺", "一条鱼，没有刺"}}},
    {"pattern",
     85,
     is_pattern,
     4,
     {{"a plain fish", "a striped fish", "a spotted fish", "a scaly fish"},
      {"一条没有花纹的鱼", "一条带条纹的鱼", "一条带斑点的鱼", "一条带鳞片的鱼"}}},
    {"eye",
     80,
     is_eye,
     2,
     {{"a fish with a big eye", "a fish with a small eye"},
      {"一条鱼，眼睛很大", "一条鱼，眼睛很小"}}},
    {"neon", /* the smallest thing that is said */
     80,
     is_neon,
     4,
     {{"an armed cyberpunk fish with cyan neon lines",
       "an armed cyberpunk fish with magenta neon lines",
       "an armed cyberpunk fish with amber neon lines",
       "an armed cyberpunk fish with green neon lines"},
      {"一条武装起来的赛博朋克鱼，有青色霓虹线", "一条武装起来的赛博朋克鱼，有品红色霓虹线",
       "一条武装起来的赛博朋克鱼，有琥珀色霓虹线", "一条武装起来的赛博朋克鱼，有绿色霓虹线"}}},
};

static double called(const question *q, int language)
{
    float *said = malloc((size_t)q->n * (size_t)model->encoder.embedding * sizeof(float));
    int right = 0, all = 0;
    for (int k = 0; k < q->n; k++)
        embed_text(q->text[language][k], said + k * model->encoder.embedding);
    for (int i = 0; i < fish; i++) {
        int answer = q->answer(i), best = 0;
        if (answer < 0)
            continue;
        for (int k = 1; k < q->n; k++)
            if (cosine(said + k * model->encoder.embedding, seen + i * model->encoder.embedding) >
                cosine(said + best * model->encoder.embedding, seen + i * model->encoder.embedding))
                best = k;
        all++;
        right += best == answer;
    }
    free(said);
    return 100.0 * right / all;
}

static void test_called(void **state)
{
    int bad = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
        const question *q = &questions[i];
        double english = called(q, 0), chinese = called(q, 1);
        int enough = english >= q->enough && chinese >= q->enough;
        print_message("%-8s English %5.1f, Chinese %5.1f, wanted %g percent%s\n", q->name, english,
                      chinese, q->enough, enough ? "" : "  TOO LITTLE");
        bad += !enough;
    }
    assert_int_equal(bad, 0);
}

static void test_small(void **state)
{
    struct stat s;
    (void)state;
    assert_int_equal(stat("examples/models/clip-tiny.safetensors", &s), 0);
    assert_true(s.st_size < 6000000);
    assert_int_equal(model->encoder.resolution, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_called),
        cmocka_unit_test(test_small),
    };
    return cmocka_run_group_tests(tests, look_at_fish, forget_fish);
}
