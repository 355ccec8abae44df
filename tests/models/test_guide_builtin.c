/* test_guide_builtin: words change the built-in fish, by the same steps as [latent.guide] and
   [latent.step] take with recall, within and pull, in English and in Chinese: plain fish become
   armed, or fat and red, and stay themselves otherwise.  Who says so is a judge that has learned
   from the rule alone (helper_judge.h).  LATENT_GUIDE_FISH=100 asks more fish than usual (20),
   LATENT_FISH names another generator to be measured, LATENT_FISH_SHEET a picture file for what
   becomes of them. */
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/guidance/guide.h"
#include "engine/guidance/optimise.h"
#include "engine/media/picture.h"
#include "engine/picture/pixels.h"
#include "helper_builtin.h"
#include "helper_judge.h"
#include "helper_network.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define FISH 100 /* the most */
#define USUAL 20
#define ENOUGH 16 /* of these */
#define STEPS 100
#define PICTURES 6000 /* that are recalled */
#define PIXELS (JUDGE_SIZE * JUDGE_SIZE * 3)
#define PLAIN 0.3 /* less armed than that */
#define FAT 0.5   /* fatter than that */
#define KEPT 0.25 /* girth and length, of 1 */
#define RED 0

/* What the messages to the two boxes are. */
typedef struct {
    latent_guide_settings guide;
    latent_optimiser_settings step;
    int steps;
} way;
static const way usual = {
    .guide = {.loss = LATENT_GUIDE_DIRECTIONAL, .cutouts = 0, .power = 0.5f, .reach = 2},
    .step =
        {.mode = LATENT_ADAM, .rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .pull = 2, .within = 1.5},
    .steps = STEPS,
};

static latent_model *generator, *clip;
static latent_whitening *space;
static latent_recall *memory;
static int fishes; /* that are asked */
static judge *eye;

typedef struct {
    float w[BUILTIN_MOST], picture[PIXELS];
    verdict is;
} fish;
static fish plain[FISH];

static void look_at(fish *f)
{
    builtin_draw(generator, f->w, f->picture);
    f->is = judge_look(eye, f->picture);
}

/* The first fish, by their seeds, that are not armed. */
static int choose_fish(void **state)
{
    latent_progress quietly = {NULL, NULL};
    latent_error e = {""};
    const char *asked = getenv("LATENT_GUIDE_FISH");
    int n = 0;
    (void)state;
    fishes = asked ? atoi(asked) : USUAL;
    if (fishes < 1 || fishes > FISH)
        return -1;
    generator = builtin_fish();
    clip = builtin_clip();
    if (!generator || !clip || generator->generator.height != JUDGE_SIZE ||
        clip->encoder.embedding > BUILTIN_MOST)
        return -1;
    if (!(space = latent_whitening_new(generator, LATENT_WHITENING_SAMPLES, quietly, &e)))
        return -1;
    if (!(memory = latent_recall_new(generator, clip, PICTURES, &e)))
        return -1;
    while (!(n = latent_recall_step(memory, NULL, &e)))
        continue;
    if (n < 0)
        return -1;
    n = 0;
    eye = judge_new(JUDGE_SEED, JUDGE_LEARNS);
    for (uint32_t seed = 0; n < FISH && seed < 1000; seed++) {
        builtin_w(generator, seed, plain[n].w);
        look_at(&plain[n]);
        n += plain[n].is.armed < PLAIN;
    }
    return n < FISH;
}

static int let_fish_go(void **state)
{
    (void)state;
    latent_whitening_release(space);
    latent_recall_release(memory);
    latent_model_release(generator);
    latent_model_release(clip);
    judge_free(eye);
    return 0;
}

/* From f towards the words, as the boxes go. */
static void guided(const fish *f, const char *from, const char *prompt, const way *by, fish *to)
{
    latent_goal goal = {.weight = 1, .text = prompt};
    latent_guide_settings s = by->guide;
    latent_optimiser_settings step = by->step;
    latent_guide_kept kept = {.n = 0};
    float where[BUILTIN_MOST];
    latent_optimiser o = {0};
    latent_error e = {""};
    latent_node *start = network_picture(generator, f->w, 1);
    s.from = from;
    s.start = start;
    step.space = space;
    step.where = where;
    step.where_n = generator->generator.w_dim;
    if (latent_optimiser_start(&o, f->w, generator->generator.w_dim, &e))
        fail_msg("%s", e.text);
    for (int i = 0; i < by->steps; i++) {
        latent_guide_kept now = {.n = 0};
        latent_node *picture, *loss;
        float *gradient = NULL, value;
        int rows, w_dim;
        latent_optimiser_now(&o, &step, NULL, to->w);
        picture = network_picture(generator, to->w, 1);
        s.seed = (uint32_t)i;
        loss = latent_guide_recalled(clip, picture, memory, &goal, 1, &s, &now, where, &e);
        latent_guide_forget(&kept);
        kept = now;
        if (!loss || latent_gradient_styles(loss, NULL, &value, &gradient, &rows, &w_dim, &e) ||
            latent_optimiser_step(&o, &step, gradient, rows * w_dim, NULL, &e))
            fail_msg("%s", e.text);
        free(gradient);
        latent_node_release(loss);
        latent_node_release(picture);
    }
    latent_optimiser_now(&o, &step, NULL, to->w);
    latent_guide_forget(&kept);
    latent_node_release(start);
    latent_optimiser_free(&o);
    look_at(to);
}

/* ---- how far a directional goal is */

/* Half the square of the angle from start to start + reach * (goal - from) / |goal - from|, where
   reach 0 is that length itself. */
static double slow_distance(latent_node *start, const char *from, const char *prompt, double reach)
{
    double a[BUILTIN_MOST], f[BUILTIN_MOST], g[BUILTIN_MOST], size = 0, moved = 0, cosine = 0;
    latent_error e = {""};
    builtin_embedding(clip, latent_model_embed_picture(clip, start, &e), a);
    builtin_embedding(clip, latent_model_embed_text(clip, from, &e), f);
    builtin_embedding(clip, latent_model_embed_text(clip, prompt, &e), g);
    for (int i = 0; i < clip->encoder.embedding; i++)
        size += (g[i] - f[i]) * (g[i] - f[i]);
    for (int i = 0; i < clip->encoder.embedding; i++) {
        double m = a[i] + (g[i] - f[i]) * (reach > 0 ? reach / sqrt(size) : 1);
        moved += m * m;
        cosine += m * a[i];
    }
    return 0.5 * pow(acos(cosine / sqrt(moved)), 2);
}

static void test_reach(void **state)
{
    const float reach[] = {0, 0.1f, 1.2f};
    latent_goal goal = {.weight = 1, .text = "a fat red fish"};
    latent_node *start = network_picture(generator, plain[0].w, 1);
    (void)state;
    for (int i = 0; i < 3; i++) {
        latent_guide_settings s = {.loss = LATENT_GUIDE_DIRECTIONAL, .power = 0.5f};
        latent_guide_kept kept = {.n = 0};
        latent_error e = {""};
        latent_tensor *t = NULL;
        latent_node *loss;
        double should = slow_distance(start, "a fish", goal.text, reach[i]);
        s.from = "a fish";
        s.start = start;
        s.reach = reach[i];
        loss = latent_guide(clip, start, &goal, 1, &s, &kept, &e);
        if (!loss || latent_evaluate(loss, NULL, &t, &e))
            fail_msg("%s", e.text);
        if (fabs(t->data[0] - should) > 1e-3 * should)
            fail_msg("reach %g: %g, by hand %g", reach[i], t->data[0], should);
        latent_tensor_release(t);
        latent_node_release(loss);
        latent_guide_forget(&kept);
    }
    latent_node_release(start);
}

/* ---- what is asked */

typedef struct {
    const char *from, *prompt;
    int (*reached)(const verdict *is);
    int (*itself)(const verdict *was, const verdict *is);
} wish;

static int near(double a, double b)
{
    return fabs(a - b) <= KEPT;
}

static int is_armed(const verdict *is)
{
    return is->armed > JUDGE_ARMED;
}

/* What the words leave alone: a class or a number that the judge knows. */
static int has_colour_or_girth(const verdict *was, const verdict *is)
{
    return is->colour == was->colour || near(is->girth, was->girth);
}

static int is_fat_and_red(const verdict *is)
{
    return is->girth > FAT && is->colour == RED;
}

/* Colour and girth being what was to change; and arms are not asked for. */
static int has_tail_or_length(const verdict *was, const verdict *is)
{
    return (is->tail == was->tail || near(is->length, was->length)) && !is_armed(is);
}

static const wish wishes[] = {
    {"a fish", "an armed cyberpunk fish", is_armed, has_colour_or_girth},
    {"一条鱼", "一条武装起来的赛博朋克鱼", is_armed, has_colour_or_girth},
    {"a fish", "a fat red fish", is_fat_and_red, has_tail_or_length},
    {"一条鱼", "一条胖胖的红鱼", is_fat_and_red, has_tail_or_length},
};
#define WISHES ((int)(sizeof(wishes) / sizeof(*wishes)))

/* ---- a sheet of pictures: the plain fish, below each what became of it */

static uint8_t sheet[WISHES + 1][JUDGE_SIZE][FISH][JUDGE_SIZE][3];

static void show(const fish *f, int row, int column)
{
    for (int i = 0; i < PIXELS; i++)
        sheet[row][i / (JUDGE_SIZE * 3)][column][i / 3 % JUDGE_SIZE][i % 3] =
            latent_pixels_byte(f->picture[i]);
}

static void write_sheet(void)
{
    latent_error e = {""};
    const char *path = getenv("LATENT_FISH_SHEET");
    if (path && latent_picture_write(path, sheet[0][0][0][0], (WISHES + 1) * JUDGE_SIZE,
                                     FISH * JUDGE_SIZE, 3, &e))
        fail_msg("%s", e.text);
}

/* ---- the wishes, one a test */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void test_wish(void **state)
{
    const wish *a = *state;
    int row = 1 + (int)(a - wishes), reached = 0, itself = 0, both = 0, colour = 0, girth = 0,
        length = 0, tail = 0;
    double began = seconds();
    for (int i = 0; i < fishes; i++) {
        const verdict *was = &plain[i].is;
        fish to;
        guided(&plain[i], a->from, a->prompt, &usual, &to);
        show(&plain[i], 0, i);
        show(&to, row, i);
        reached += a->reached(&to.is);
        itself += a->itself(was, &to.is);
        both += a->reached(&to.is) && a->itself(was, &to.is);
        colour += to.is.colour == was->colour;
        girth += near(to.is.girth, was->girth);
        length += near(to.is.length, was->length);
        tail += to.is.tail == was->tail;
    }
    write_sheet();
    print_message(
        "%s: %d of %d are that now, %d are still themselves, %d both (%d have the colour, "
        "%d the girth, %d the length, %d the tail that they had); %.1f steps a second\n",
        a->prompt, reached, fishes, itself, both, colour, girth, length, tail,
        fishes * STEPS / (seconds() - began));
    assert_true(both * USUAL >= ENOUGH * fishes);
}

int main(void)
{
    struct CMUnitTest tests[WISHES + 1] = {[WISHES] = cmocka_unit_test(test_reach)};
    for (int i = 0; i < WISHES; i++)
        tests[i] = (struct CMUnitTest){
            .name = wishes[i].prompt, .test_func = test_wish, .initial_state = (void *)&wishes[i]};
    return cmocka_run_group_tests(tests, choose_fish, let_fish_go);
}
