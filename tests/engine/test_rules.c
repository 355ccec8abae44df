/* test_rules: pictures drawn by rules: what is drawn, and whether what is said about it is so. */
#include "engine/data/source_rule.h"
#include "engine/ops/ops.h"
#include "engine/rules/rules.h"
#include "helper_sanitized.h"
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SIZE 64
#define FLOATS (SIZE * SIZE * 3)

static const latent_rule *fish;
static int n_params;

static int at(const char *name)
{
    int i = latent_rule_param_find(fish, name);
    assert_true(i >= 0);
    return i;
}

static int setup(void **state)
{
    (void)state;
    fish = latent_rule_find("fish");
    n_params = fish ? latent_rule_count(fish) : 0;
    return fish ? 0 : -1;
}

static void draw(const float *params, float *picture)
{
    latent_error e;
    assert_int_equal(latent_rule_draw(fish, params, SIZE, picture, &e), 0);
}

/* How many pixels differ clearly. */
static int changed(const float *a, const float *b)
{
    int n = 0;
    for (int i = 0; i < FLOATS; i += 3)
        n += fabsf(a[i] - b[i]) + fabsf(a[i + 1] - b[i + 1]) + fabsf(a[i + 2] - b[i + 2]) > .2f;
    return n;
}

static void test_table(void **state)
{
    (void)state;
    assert_null(latent_rule_find("bird"));
    assert_null(latent_rule_at(-1));
    assert_null(latent_rule_at(1000));
    for (int i = 0; latent_rule_at(i); i++) {
        const latent_rule *r = latent_rule_at(i);
        const latent_rule_param *p = latent_rule_params(r);
        assert_ptr_equal(latent_rule_find(latent_rule_name(r)), r);
        assert_in_range(latent_rule_count(r), 1, LATENT_RULE_MOST);
        for (int k = 0; k < latent_rule_count(r); k++) {
            assert_true(p[k].low <= p[k].usual && p[k].usual <= p[k].high);
            assert_int_equal(latent_rule_param_find(r, p[k].name), k);
        }
    }
    assert_int_equal(latent_rule_param_find(fish, "wings"), -1);
}

static void test_words(void **state)
{
    const latent_rule_param *tail = latent_rule_params(fish) + at("tail");
    char word[20];
    (void)state;
    assert_int_equal(latent_rule_choice(tail, "forked"), 0);
    assert_int_equal(latent_rule_choice(tail, "pointed"), 3);
    assert_int_equal(latent_rule_choice(tail, "point"), -1);
    assert_int_equal(latent_rule_choice(tail, ""), -1);
    assert_int_equal(latent_rule_choice(latent_rule_params(fish) + at("girth"), "fat"), -1);
    latent_rule_word(tail, 2, word, sizeof(word));
    assert_string_equal(word, "fan");
    latent_rule_word(tail, 99, word, sizeof(word));
    assert_string_equal(word, "");
}

/* ---- chance */

static void test_random(void **state)
{
    float p[LATENT_RULE_MOST], q[LATENT_RULE_MOST];
    int armed = 0, spikes = 0, many = 6000;
    (void)state;
    for (int i = 0; i < many; i++) {
        latent_rule_random(fish, 7, (uint32_t)i, p);
        memcpy(q, p, sizeof(q));
        latent_rule_clamp(fish, q);
        assert_memory_equal(p, q, (size_t)n_params * sizeof(float));
        armed += p[at("armed")] > .5f;
        spikes += p[at("spikes")] > .5f;
    }
    assert_in_range(armed, many * 30 / 100, many * 38 / 100);
    assert_in_range(spikes, many * 21 / 100, many * 29 / 100);
    latent_rule_random(fish, 7, 5, p);
    latent_rule_random(fish, 7, 5, q);
    assert_memory_equal(p, q, (size_t)n_params * sizeof(float));
    latent_rule_random(fish, 8, 5, q);
    assert_memory_not_equal(p, q, (size_t)n_params * sizeof(float));
    latent_rule_random(fish, 7, 6, q);
    assert_memory_not_equal(p, q, (size_t)n_params * sizeof(float));
}

/* The same on every machine: what the first fish of seed 1 was when this was written. */
static void test_same_everywhere(void **state)
{
    static const float first[] = {
        0.701516569, 0.829568744, 1.10032094,  1.08238828,   3,           1,           0.432230026,
        0,           0.836506248, 0.742691875, 0.865616262,  3.01400971,  0.209944189, 0.891798735,
        1,           2,           0.343911648, 0.0505022556, 0.247039303, 0.990530133};
    float p[LATENT_RULE_MOST];
    (void)state;
    latent_rule_random(fish, 1, 0, p);
    assert_int_equal(n_params, (int)(sizeof(first) / sizeof(*first)));
    for (int i = 0; i < n_params; i++)
        assert_true(p[i] == first[i]);
}

/* ---- pictures */

static void test_draw(void **state)
{
    static float a[FLOATS], b[FLOATS];
    float p[LATENT_RULE_MOST];
    (void)state;
    for (uint32_t i = 0; i < 50; i++) {
        latent_rule_random(fish, 3, i, p);
        memset(a, 0x7f, sizeof(a));
        memset(b, 0, sizeof(b));
        draw(p, a);
        draw(p, b);
        assert_memory_equal(a, b, sizeof(a));
        for (int k = 0; k < FLOATS; k++)
            assert_true(a[k] >= -1 && a[k] <= 1);
        if (p[at("water")] < 1) /* pale paper in the corner */
            assert_true(a[0] > .7f && a[1] > .7f && a[2] > .6f);
    }
}

/* Each parameter is to be seen at 64 x 64; so is each of its words. */
static void test_every_parameter(void **state)
{
    static float a[FLOATS], b[FLOATS];
    const latent_rule_param *all = latent_rule_params(fish);
    float p[LATENT_RULE_MOST];
    (void)state;
    for (int i = 0; i < n_params; i++) {
        int steps = all[i].choices ? (int)all[i].high : 1, small = !strcmp(all[i].name, "mouth");
        latent_rule_usual(fish, p);
        p[at("second")] = 4;
        p[at("fin")] = .8f;
        if (!strcmp(all[i].name, "neon"))
            p[at("armed")] = 1;
        if (!strcmp(all[i].name, "swim"))
            p[at("bend")] = 1;
        p[i] = all[i].low;
        draw(p, a);
        for (int k = 1; k <= steps; k++) {
            /* a closed row of colours ends where it began */
            int closed =
                all[i].high > 1.5f || !strcmp(all[i].name, "paper") || !strcmp(all[i].name, "swim");
            p[i] = all[i].choices || !closed ? (float)k : all[i].high / 2;
            draw(p, b);
            if (changed(a, b) < (small ? 3 : 25))
                fail_msg("%s %g changes only %d pixels", all[i].name, (double)p[i], changed(a, b));
        }
    }
}

/* A picture is the fine picture, averaged: edges are smooth. */
static void test_antialias(void **state)
{
    enum { FINE = 512, TIMES = FINE / SIZE };
    static float small[FLOATS];
    float *large = malloc(sizeof(float) * FINE * FINE * 3), p[LATENT_RULE_MOST];
    double sum = 0;
    int between = 0;
    (void)state;
    assert_non_null(large);
    latent_rule_random(fish, 1, 5, p);
    draw(p, small);
    assert_int_equal(latent_rule_draw(fish, p, FINE, large, NULL), 0);
    for (int i = 0; i < FLOATS; i++) {
        int x = i / 3 % SIZE, y = i / 3 / SIZE;
        double mean = 0;
        for (int k = 0; k < TIMES * TIMES; k++) {
            int row = y * TIMES + k / TIMES, column = x * TIMES + k % TIMES;
            mean += (double)large[(row * FINE + column) * 3 + i % 3] / (TIMES * TIMES);
        }
        sum += (mean - small[i]) * (mean - small[i]);
        between += fabs(mean - small[i]) < .1;
    }
    free(large);
    assert_true(sqrt(sum / FLOATS) < .06);
    assert_true(between > FLOATS * 95 / 100);
}

static void test_hostile(void **state)
{
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY, 1e30f, -1e30f, -0.f, 1e-40f, 7.5f};
    static float a[FLOATS], b[FLOATS];
    float p[LATENT_RULE_MOST], q[LATENT_RULE_MOST];
    char text[LATENT_RULE_CAPTION];
    (void)state;
    for (int i = 0; i < n_params; i++)
        for (size_t k = 0; k < sizeof(bad) / sizeof(*bad); k++) {
            const latent_rule_param *r = latent_rule_params(fish) + i;
            latent_rule_usual(fish, p);
            p[i] = bad[k];
            memcpy(q, p, sizeof(q));
            latent_rule_clamp(fish, q);
            assert_true(q[i] >= r->low && q[i] <= r->high);
            assert_true(!isnan(bad[k]) || q[i] == r->usual);
            draw(p, a);
            draw(q, b);
            assert_memory_equal(a, b, sizeof(a));
            latent_rule_caption(fish, p, 1, 1, LATENT_ENGLISH, text);
            assert_true(strlen(text) > 5);
        }
    for (int k = 0; k < n_params; k++)
        p[k] = NAN;
    draw(p, a);
    latent_rule_usual(fish, q);
    draw(q, b);
    assert_memory_equal(a, b, sizeof(a));
}

static void test_sizes(void **state)
{
    static const int good[] = {16, 17, 33, 2048}, bad[] = {15, 0, -1, 2049, 1 << 30};
    float *picture = malloc(sizeof(float) * 2048 * 2048 * 3), p[LATENT_RULE_MOST];
    latent_error e;
    (void)state;
    assert_non_null(picture);
    latent_rule_usual(fish, p);
    for (int i = 0; i < 4; i++) {
        int middle = (good[i] / 2 * good[i] + good[i] / 2) * 3;
        assert_int_equal(latent_rule_draw(fish, p, good[i], picture, &e), 0);
        assert_true(picture[middle] > .3f && picture[middle + 2] < -.3f); /* red */
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(latent_rule_draw(fish, p, bad[i], picture, &e), -1);
        assert_non_null(strstr(e.text, "16 to 2048"));
    }
    free(picture);
}

/* ---- sentences */

typedef enum {
    ABOUT_NOTHING,
    GIRTH,
    LENGTH,
    COLOUR,
    SECOND,
    PATTERN,
    TAIL,
    FIN,
    SPIKES,
    EYE,
    ARMED,
    NEON,
    FACING,
    WATER,
    TILT,
    BEND,
    FAR,
    SUBJECTS
} subject;

/* What a word or a pair of words claims: the parameter lies in [low, high]. */
typedef struct {
    const char *words;
    subject about;
    const char *name;
    float low, high;
} claim;

/* Longer words first: what is read is taken away. */
static const claim english[] = {
    {"a drawing of ", ABOUT_NOTHING, NULL, 0, 0},
    {"a picture of ", ABOUT_NOTHING, NULL, 0, 0},
    {"facing left", FACING, "facing", 0, 0},
    {"facing right", FACING, "facing", 1, 1},
    {"looking to the left", FACING, "facing", 0, 0},
    {"looking to the right", FACING, "facing", 1, 1},
    {"on paper", WATER, "water", 0, 0},
    {"on pale paper", WATER, "water", 0, 0},
    {"in the deep sea", WATER, "water", 1, 1},
    {"in deep blue water", WATER, "water", 1, 1},
    {"under water", WATER, "water", 1, 1},
    {"in a pond", WATER, "water", 2, 2},
    {"in a green pond", WATER, "water", 2, 2},
    {"among water lilies", WATER, "water", 2, 2},
    {"at dusk", WATER, "water", 3, 3},
    {"at sunset", WATER, "water", 3, 3},
    {"in the evening sun", WATER, "water", 3, 3},
    {"in black water", WATER, "water", 4, 4},
    {"at night", WATER, "water", 4, 4},
    {"on black ink", WATER, "water", 4, 4},
    {"in the waves", WATER, "water", 5, 5},
    {"among waves", WATER, "water", 5, 5},
    {"on a sea of waves", WATER, "water", 5, 5},
    {"rising", TILT, "tilt", .4f, 1},
    {"swimming upwards", TILT, "tilt", .4f, 1},
    {"diving", TILT, "tilt", -1, -.4f},
    {"swimming downwards", TILT, "tilt", -1, -.4f},
    {"bending its body", BEND, "bend", .5f, 1},
    {"turning", BEND, "bend", .5f, 1},
    {"far away", FAR, "scale", .4f, .75f},
    {"in the distance", FAR, "scale", .4f, .75f},
    {"red fins", SECOND, "second", -.3f, .3f},
    {"orange fins", SECOND, "second", .7f, 1.3f},
    {"yellow fins", SECOND, "second", 1.7f, 2.3f},
    {"green fins", SECOND, "second", 2.7f, 3.3f},
    {"blue fins", SECOND, "second", 3.7f, 4.3f},
    {"purple fins", SECOND, "second", 4.7f, 5.3f},
    {"pink fins", SECOND, "second", 5.7f, 6.3f},
    {"brown fins", SECOND, "second", 6.7f, 7.3f},
    {"cyan neon", NEON, "neon", -.3f, .3f},
    {"magenta neon", NEON, "neon", .7f, 1.3f},
    {"amber neon", NEON, "neon", 1.7f, 2.3f},
    {"green neon", NEON, "neon", 2.7f, 3.3f},
    {"lines", NEON, "armed", .5f, 1},
    {"lights", NEON, "armed", .5f, 1},
    {"forked tail", TAIL, "tail", 0, 0},
    {"round tail", TAIL, "tail", 1, 1},
    {"fan-shaped tail", TAIL, "tail", 2, 2},
    {"fan tail", TAIL, "tail", 2, 2},
    {"pointed tail", TAIL, "tail", 3, 3},
    {"tall arched", FIN, "shape", 0, 0},
    {"high arched", FIN, "shape", 0, 0},
    {"tall swept", FIN, "shape", 1, 1},
    {"high swept", FIN, "shape", 1, 1},
    {"low dorsal fin", FIN, "fin", 0, .4f},
    {"low back fin", FIN, "fin", 0, .4f},
    {"low fin", FIN, "fin", 0, .4f},
    {"small dorsal fin", FIN, "fin", 0, .4f},
    {"small back fin", FIN, "fin", 0, .4f},
    {"small fin", FIN, "fin", 0, .4f},
    {"dorsal fin", FIN, "fin", .6f, 1},
    {"back fin", FIN, "fin", .6f, 1},
    {" fin", FIN, "fin", .6f, 1},
    {"tall", FIN, "fin", .6f, 1},
    {"high", FIN, "fin", .6f, 1},
    {"big glowing eye", EYE, "eye", .6f, 1},
    {"large glowing eye", EYE, "eye", .6f, 1},
    {"small glowing eye", EYE, "eye", 0, .4f},
    {"tiny glowing eye", EYE, "eye", 0, .4f},
    {"big eye", EYE, "eye", .6f, 1},
    {"large eye", EYE, "eye", .6f, 1},
    {"small eye", EYE, "eye", 0, .4f},
    {"tiny eye", EYE, "eye", 0, .4f},
    {"no spikes", SPIKES, "spikes", 0, 0},
    {"long spikes", SPIKES, "spikes", .5f, 1},
    {"lionfish spikes", SPIKES, "spikes", .5f, 1},
    {"the spines of a lionfish", SPIKES, "spikes", .5f, 1},
    {"spikes", SPIKES, "spikes", .5f, 1},
    {"spiky", SPIKES, "spikes", .5f, 1},
    {"spiny", SPIKES, "spikes", .5f, 1},
    {"three stripes", PATTERN, "pattern", 1, 1},
    {"bold stripes", PATTERN, "pattern", 1, 1},
    {"stripes", PATTERN, "pattern", 1, 1},
    {"striped", PATTERN, "pattern", 1, 1},
    {"round spots", PATTERN, "pattern", 2, 2},
    {"spots", PATTERN, "pattern", 2, 2},
    {"dots", PATTERN, "pattern", 2, 2},
    {"spotted", PATTERN, "pattern", 2, 2},
    {"a coat of scales", PATTERN, "pattern", 3, 3},
    {"scales", PATTERN, "pattern", 3, 3},
    {"scaly", PATTERN, "pattern", 3, 3},
    {"plain", PATTERN, "pattern", 0, 0},
    {"unarmed", ARMED, "armed", 0, 0},
    {"natural", ARMED, "armed", 0, 0},
    {"ordinary", ARMED, "armed", 0, 0},
    {"steel plates", ARMED, "armed", .5f, 1},
    {"armour plates", ARMED, "armed", .5f, 1},
    {"metal plates and rivets", ARMED, "armed", .5f, 1},
    {"dark metal armour", ARMED, "armed", .5f, 1},
    {"a cannon", ARMED, "armed", .5f, 1},
    {"armoured", ARMED, "armed", .5f, 1},
    {"armed", ARMED, "armed", .5f, 1},
    {"cyberpunk", ARMED, "armed", .5f, 1},
    {"cyborg", ARMED, "armed", .5f, 1},
    {"fat", GIRTH, "girth", .6f, 1},
    {"plump", GIRTH, "girth", .6f, 1},
    {"chubby", GIRTH, "girth", .6f, 1},
    {"stout", GIRTH, "girth", .6f, 1},
    {"round", GIRTH, "girth", .6f, 1},
    {"thin", GIRTH, "girth", 0, .4f},
    {"slim", GIRTH, "girth", 0, .4f},
    {"slender", GIRTH, "girth", 0, .4f},
    {"skinny", GIRTH, "girth", 0, .4f},
    {"elongated", LENGTH, "length", .6f, 1},
    {"long", LENGTH, "length", .6f, 1},
    {"short", LENGTH, "length", 0, .4f},
    {"stubby", LENGTH, "length", 0, .4f},
    {"red", COLOUR, "colour", -.3f, .3f},
    {"orange", COLOUR, "colour", .7f, 1.3f},
    {"yellow", COLOUR, "colour", 1.7f, 2.3f},
    {"green", COLOUR, "colour", 2.7f, 3.3f},
    {"blue", COLOUR, "colour", 3.7f, 4.3f},
    {"purple", COLOUR, "colour", 4.7f, 5.3f},
    {"pink", COLOUR, "colour", 5.7f, 6.3f},
    {"brown", COLOUR, "colour", 6.7f, 7.3f},
    {" body", ABOUT_NOTHING, NULL, 0, 0},
    {"fish", ABOUT_NOTHING, NULL, 0, 0},
    {"with", ABOUT_NOTHING, NULL, 0, 0},
    {" and ", ABOUT_NOTHING, NULL, 0, 0},
    {"an ", ABOUT_NOTHING, NULL, 0, 0},
    {"a ", ABOUT_NOTHING, NULL, 0, 0},
    {", ", ABOUT_NOTHING, NULL, 0, 0},
    {" ", ABOUT_NOTHING, NULL, 0, 0},
};

static const claim chinese[] = {
    {"头朝左边", FACING, "facing", 0, 0},
    {"头朝右边", FACING, "facing", 1, 1},
    {"面向左边", FACING, "facing", 0, 0},
    {"面向右边", FACING, "facing", 1, 1},
    {"朝着左边", FACING, "facing", 0, 0},
    {"朝着右边", FACING, "facing", 1, 1},
    {"浅色纸上", WATER, "water", 0, 0},
    {"纸上", WATER, "water", 0, 0},
    {"深海里", WATER, "water", 1, 1},
    {"蓝色深水里", WATER, "water", 1, 1},
    {"水下", WATER, "water", 1, 1},
    {"绿色池塘里", WATER, "water", 2, 2},
    {"池塘里", WATER, "water", 2, 2},
    {"睡莲间", WATER, "water", 2, 2},
    {"黄昏里", WATER, "water", 3, 3},
    {"日落时", WATER, "water", 3, 3},
    {"夕阳里", WATER, "water", 3, 3},
    {"黑水里", WATER, "water", 4, 4},
    {"夜里", WATER, "water", 4, 4},
    {"墨色水里", WATER, "water", 4, 4},
    {"波浪里", WATER, "water", 5, 5},
    {"海浪间", WATER, "water", 5, 5},
    {"浪花里", WATER, "water", 5, 5},
    {"向上游", TILT, "tilt", .4f, 1},
    {"往上游去", TILT, "tilt", .4f, 1},
    {"向下游", TILT, "tilt", -1, -.4f},
    {"往下潜", TILT, "tilt", -1, -.4f},
    {"弯着身子", BEND, "bend", .5f, 1},
    {"摆着尾巴", BEND, "bend", .5f, 1},
    {"离得很远", FAR, "scale", .4f, .75f},
    {"在远处", FAR, "scale", .4f, .75f},
    {"画着一条", ABOUT_NOTHING, NULL, 0, 0},
    {"一条", ABOUT_NOTHING, NULL, 0, 0},
    {"鱼鳍是", ABOUT_NOTHING, NULL, 0, 0},
    {"鳍是", ABOUT_NOTHING, NULL, 0, 0},
    {"狮子鱼", SPIKES, "spikes", .5f, 1},
    {"赛博朋克鱼", ARMED, "armed", .5f, 1},
    {"机甲鱼", ARMED, "armed", .5f, 1},
    {"青色霓虹", NEON, "neon", -.3f, .3f},
    {"品红色霓虹", NEON, "neon", .7f, 1.3f},
    {"琥珀色霓虹", NEON, "neon", 1.7f, 2.3f},
    {"绿色霓虹", NEON, "neon", 2.7f, 3.3f},
    {"没有武装", ARMED, "armed", 0, 0},
    {"普通", ARMED, "armed", 0, 0},
    {"全副武装", ARMED, "armed", .5f, 1},
    {"武装起来", ARMED, "armed", .5f, 1},
    {"武装", ARMED, "armed", .5f, 1},
    {"披着钢板", ARMED, "armed", .5f, 1},
    {"有金属装甲和铆钉", ARMED, "armed", .5f, 1},
    {"带着一门炮", ARMED, "armed", .5f, 1},
    {"眼睛发光", ARMED, "armed", .5f, 1},
    {"没有花纹", PATTERN, "pattern", 0, 0},
    {"素色", PATTERN, "pattern", 0, 0},
    {"朴素", PATTERN, "pattern", 0, 0},
    {"条纹", PATTERN, "pattern", 1, 1},
    {"斑点", PATTERN, "pattern", 2, 2},
    {"鳞片", PATTERN, "pattern", 3, 3},
    {"没有刺", SPIKES, "spikes", 0, 0},
    {"带刺", SPIKES, "spikes", .5f, 1},
    {"长满尖刺", SPIKES, "spikes", .5f, 1},
    {"满身尖刺", SPIKES, "spikes", .5f, 1},
    {"有长刺", SPIKES, "spikes", .5f, 1},
    {"长着", ABOUT_NOTHING, NULL, 0, 0},
    {"刺", SPIKES, "spikes", .5f, 1},
    {"尾巴分叉", TAIL, "tail", 0, 0},
    {"分叉的尾巴", TAIL, "tail", 0, 0},
    {"尾巴圆圆的", TAIL, "tail", 1, 1},
    {"圆尾巴", TAIL, "tail", 1, 1},
    {"尾巴像扇子", TAIL, "tail", 2, 2},
    {"扇形的尾巴", TAIL, "tail", 2, 2},
    {"尾巴尖尖的", TAIL, "tail", 3, 3},
    {"尖尾巴", TAIL, "tail", 3, 3},
    {"后掠", FIN, "shape", 1, 1},
    {"拱形", FIN, "shape", 0, 0},
    {"背鳍很高", FIN, "fin", .6f, 1},
    {"背鳍高高的", FIN, "fin", .6f, 1},
    {"背鳍很低", FIN, "fin", 0, .4f},
    {"背鳍矮矮的", FIN, "fin", 0, .4f},
    {"眼睛很大", EYE, "eye", .6f, 1},
    {"大眼睛", EYE, "eye", .6f, 1},
    {"眼睛大大的", EYE, "eye", .6f, 1},
    {"眼睛很小", EYE, "eye", 0, .4f},
    {"小眼睛", EYE, "eye", 0, .4f},
    {"眼睛小小的", EYE, "eye", 0, .4f},
    {"身体很胖", GIRTH, "girth", .6f, 1},
    {"身子胖胖的", GIRTH, "girth", .6f, 1},
    {"胖胖", GIRTH, "girth", .6f, 1},
    {"圆滚滚", GIRTH, "girth", .6f, 1},
    {"肥肥", GIRTH, "girth", .6f, 1},
    {"身体很瘦", GIRTH, "girth", 0, .4f},
    {"身子瘦瘦的", GIRTH, "girth", 0, .4f},
    {"瘦瘦", GIRTH, "girth", 0, .4f},
    {"苗条", GIRTH, "girth", 0, .4f},
    {"细细", GIRTH, "girth", 0, .4f},
    {"身体很长", LENGTH, "length", .6f, 1},
    {"长长", LENGTH, "length", .6f, 1},
    {"修长", LENGTH, "length", .6f, 1},
    {"身体很短", LENGTH, "length", 0, .4f},
    {"短短", LENGTH, "length", 0, .4f},
    {"短小", LENGTH, "length", 0, .4f},
    {"身上", ABOUT_NOTHING, NULL, 0, 0},
    {"带着", ABOUT_NOTHING, NULL, 0, 0},
    {"闪着", ABOUT_NOTHING, NULL, 0, 0},
    {"带", ABOUT_NOTHING, NULL, 0, 0},
    {"有", ABOUT_NOTHING, NULL, 0, 0},
    {"灯", ABOUT_NOTHING, NULL, 0, 0},
    {"线", ABOUT_NOTHING, NULL, 0, 0},
    {"红", COLOUR, "colour", -.3f, .3f},
    {"橙", COLOUR, "colour", .7f, 1.3f},
    {"黄", COLOUR, "colour", 1.7f, 2.3f},
    {"绿", COLOUR, "colour", 2.7f, 3.3f},
    {"蓝", COLOUR, "colour", 3.7f, 4.3f},
    {"紫", COLOUR, "colour", 4.7f, 5.3f},
    {"粉", COLOUR, "colour", 5.7f, 6.3f},
    {"棕", COLOUR, "colour", 6.7f, 7.3f},
    {"色", ABOUT_NOTHING, NULL, 0, 0},
    {"的", ABOUT_NOTHING, NULL, 0, 0},
    {"鱼", ABOUT_NOTHING, NULL, 0, 0},
    {"，", ABOUT_NOTHING, NULL, 0, 0},
    {"：", ABOUT_NOTHING, NULL, 0, 0},
};

static int holds(const claim *c, const float *p)
{
    float v = p[at(c->name)];
    if (!strcmp(c->name, "colour") || !strcmp(c->name, "second")) /* closed rows of colours */
        return (v >= c->low && v <= c->high) || (v - 8 >= c->low && v - 8 <= c->high);
    if (!strcmp(c->name, "neon"))
        return p[at("armed")] >= .5f &&
               ((v >= c->low && v <= c->high) || (v - 4 >= c->low && v - 4 <= c->high));
    if (!strcmp(c->name, "pattern") && p[at("armed")] > .05f)
        return 0; /* plates cover it */
    if (!strcmp(c->name, "fin") && p[at("spikes")] > .05f)
        return 0; /* spikes stand in its place */
    return v >= c->low && v <= c->high;
}

/* Reads a sentence from left to right; every word in it must be known, and so. */
static void read_sentence(const char *text, const claim *claims, int n, const float *p, int *said)
{
    const char *rest = text;
    int of_fins = 0;
    while (*rest) {
        const claim *c = claims;
        claim fins;
        while (c < claims + n && strncmp(rest, c->words, strlen(c->words)))
            c++;
        if (c == claims + n)
            fail_msg("what is \"%s\" in \"%s\"?", rest, text);
        rest += strlen(c->words);
        if (c->about == COLOUR && of_fins) { /* in Chinese the fins come before their colour */
            fins = *c;
            fins.about = SECOND;
            fins.name = "second";
            c = &fins;
        }
        of_fins = strstr(c->words, "鳍是") != NULL;
        if (c->about != ABOUT_NOTHING && !holds(c, p))
            fail_msg("\"%s\" says %s, but %s is %g", text, c->words, c->name,
                     (double)p[at(c->name)]);
        said[c->about]++;
    }
}

/* In how many of the sentences that could speak about it does each subject come? */
static void expect_often(const int *said, const int *could, const char *language)
{
    for (int s = GIRTH; s < SUBJECTS; s++) {
        double often = said[s] / (double)could[s];
        if (often < (s < FACING ? .4 : .25) || often > .9)
            fail_msg("subject %d comes in %.2f of the %s sentences", s, often, language);
    }
}

static void read_many(latent_language language, const claim *claims, int n)
{
    int said[SUBJECTS] = {0}, could[SUBJECTS] = {0};
    for (uint32_t i = 0; i < 3000; i++) {
        char text[LATENT_RULE_CAPTION];
        float p[LATENT_RULE_MOST];
        int here[SUBJECTS] = {0};
        int armed, spikes;
        latent_rule_random(fish, 11, i, p);
        latent_rule_caption(fish, p, 11, i, language, text);
        read_sentence(text, claims, n, p, here);
        armed = p[at("armed")] > .5f;
        spikes = p[at("spikes")] > .5f;
        for (int s = GIRTH; s < SUBJECTS; s++)
            said[s] += here[s] > 0 && (s != ARMED || armed) && (s != SPIKES || spikes);
        could[GIRTH] += fabsf(p[at("girth")] - .5f) > .15f;
        could[LENGTH] += fabsf(p[at("length")] - .5f) > .15f;
        could[EYE] += fabsf(p[at("eye")] - .5f) > .15f;
        could[FIN] += fabsf(p[at("fin")] - .5f) > .15f && !spikes;
        could[COLOUR]++;
        could[TAIL]++;
        could[SECOND] += fabsf(p[at("colour")] - p[at("second")]) > .5f &&
                         fabsf(p[at("colour")] - p[at("second")]) < 7.5f;
        could[PATTERN] += !armed;
        could[SPIKES] += spikes;
        could[ARMED] += armed;
        could[NEON] += armed;
        could[FACING]++;
        could[WATER] += p[at("water")] > 0;
        could[TILT] += fabsf(p[at("tilt")]) >= .4f;
        could[BEND] += p[at("bend")] >= .5f;
        could[FAR] += p[at("scale")] <= .75f;
    }
    expect_often(said, could, language == LATENT_CHINESE ? "Chinese" : "English");
}

static void test_true_sentences(void **state)
{
    (void)state;
    read_many(LATENT_ENGLISH, english, (int)(sizeof(english) / sizeof(*english)));
    read_many(LATENT_CHINESE, chinese, (int)(sizeof(chinese) / sizeof(*chinese)));
}

/* What people will ask for is said among others. */
static void test_prompts(void **state)
{
    static const char *const wanted[] = {"a fat red fish", "an armed cyberpunk fish",
                                         "a plain fish", "一条胖胖的红鱼",
                                         "一条武装起来的赛博朋克鱼"};
    int found[5] = {0}, repeated = 0;
    char text[LATENT_RULE_CAPTION], again[LATENT_RULE_CAPTION];
    float p[LATENT_RULE_MOST];
    (void)state;
    for (uint32_t i = 0; i < 20000; i++)
        for (int language = 0; language < 2; language++) {
            latent_rule_random(fish, 12, i, p);
            latent_rule_caption(fish, p, 12, i, (latent_language)language, text);
            for (int k = 0; k < 5; k++)
                found[k] += !strcmp(text, wanted[k]);
        }
    for (int k = 0; k < 5; k++)
        if (found[k] < 3)
            fail_msg("\"%s\" was said %d times", wanted[k], found[k]);
    latent_rule_random(fish, 12, 1, p);
    latent_rule_caption(fish, p, 1, 0, LATENT_ENGLISH, text);
    for (uint32_t i = 0; i < 100; i++) {
        latent_rule_caption(fish, p, 1, i, LATENT_ENGLISH, again);
        repeated += !strcmp(text, again);
    }
    assert_in_range(repeated, 1, 10); /* itself, and hardly another */
}

/* ---- others that draw */

typedef struct {
    float pictures[10][FLOATS];
} sheet;

static void *draw_sheet(void *z)
{
    sheet *s = z;
    for (uint32_t i = 0; i < 10; i++) {
        float p[LATENT_RULE_MOST];
        latent_rule_random(fish, 5, i, p);
        if (latent_rule_draw(fish, p, SIZE, s->pictures[i], NULL))
            return z;
    }
    return NULL;
}

static void test_threads(void **state)
{
    static sheet alone, together[3];
    pthread_t threads[3];
    (void)state;
    assert_null(draw_sheet(&alone));
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, draw_sheet, &together[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
        assert_memory_equal(&together[i], &alone, sizeof(alone));
    }
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void test_time(void **state)
{
    static float a[FLOATS];
    double best = 1e9;
    (void)state;
    for (int round = 0; round < 3; round++) {
        double start = now_ms();
        for (uint32_t i = 0; i < 30; i++) {
            float p[LATENT_RULE_MOST];
            latent_rule_random(fish, 6, i, p);
            draw(p, a);
        }
        best = fmin(best, (now_ms() - start) / 30);
    }
    print_message("a fish of 64 x 64 takes %.2f ms\n", best);
    if (!SANITIZED)
        assert_true(best < 3);
}

static void test_promise(void **state)
{
    float p[LATENT_RULE_MOST];
    latent_node *a, *b;
    latent_error e;
    (void)state;
    latent_rule_usual(fish, p);
    a = latent_op_rule(fish, p, 64, &e);
    assert_non_null(a);
    p[at("armed")] = -0.f;
    b = latent_op_rule(fish, p, 64, &e);
    assert_ptr_equal(a, b);
    latent_node_release(b);
    p[at("girth")] = .1f;
    b = latent_op_rule(fish, p, 64, &e);
    assert_ptr_not_equal(a, b);
    latent_node_release(b);
    b = latent_op_rule(fish, p, 65, &e);
    assert_int_equal(b->shape.h, 65);
    latent_node_release(b);
    latent_node_release(a);
    assert_null(latent_op_rule(fish, p, 4000, &e));
    assert_non_null(strstr(e.text, "16 to 2048"));
}

static void test_source(void **state)
{
    static float a[FLOATS], b[FLOATS];
    char en[LATENT_CAPTION], zh[LATENT_CAPTION], expected[LATENT_RULE_CAPTION];
    float p[LATENT_RULE_MOST];
    latent_error e;
    latent_source *s = latent_source_rule(fish, 9, &e);
    (void)state;
    assert_non_null(s);
    assert_int_equal(s->count, 0);
    assert_int_equal(s->draw(s, 17, SIZE, a, en, zh, &e), 0);
    latent_rule_random(fish, 9, 17, p);
    draw(p, b);
    assert_memory_equal(a, b, sizeof(a));
    latent_rule_caption(fish, p, 9, 17, LATENT_ENGLISH, expected);
    assert_string_equal(en, expected);
    latent_rule_caption(fish, p, 9, 17, LATENT_CHINESE, expected);
    assert_string_equal(zh, expected);
    assert_int_equal(s->draw(s, 17 + ((uint64_t)1 << 32), SIZE, b, NULL, NULL, &e), 0);
    assert_true(changed(a, b) > 0);
    assert_int_equal(s->draw(s, 17, SIZE, NULL, en, NULL, &e), 0);
    assert_int_equal(s->draw(s, 17, 5000, b, NULL, NULL, &e), -1);
    s->release(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),     cmocka_unit_test(test_words),
        cmocka_unit_test(test_random),    cmocka_unit_test(test_same_everywhere),
        cmocka_unit_test(test_draw),      cmocka_unit_test(test_every_parameter),
        cmocka_unit_test(test_antialias), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_true_sentences),
        cmocka_unit_test(test_prompts),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_time),      cmocka_unit_test(test_promise),
        cmocka_unit_test(test_source),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
