/* automaton: cells that look at their neighbours.  Two kinds: grayscott, two substances that react
   and spread (Pearson, "Complex Patterns in a Simple System", 1993), the chemistry behind Turing's
   spots; and life (Conway 1970), where each cell is born of three neighbours and lives on with two
   or three.  A process on a torus of cells; the picture is the cells, enlarged smoothly. */
#include "rule.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS, KIND, CELLS, FEED, KILL, DENSITY, GLOW, CHANCE, PARAMS };
enum { GRAYSCOTT, LIFE };

static const latent_rule_param params[PARAMS] = {
    [STEPS] = {"steps", 0, 2000, 160, NULL},
    [KIND] = {"kind", 0, 1, GRAYSCOTT, "grayscott life"},
    [CELLS] = {"cells", 16, 512, 128, NULL},       /* along a side, at most the pixels there are */
    [FEED] = {"feed", 0.01f, 0.09f, 0.037f, NULL}, /* of grayscott */
    [KILL] = {"kill", 0.045f, 0.07f, 0.06f, NULL},
    [DENSITY] = {"density", 0.02f, 0.9f, 0.3f, NULL}, /* alive, or seeded, at first */
    [GLOW] = {"glow", 0, 1, 0.6f, NULL},              /* how long what was there is seen */
    [CHANCE] = {"chance", 0, 9999, 1, NULL},
};

enum { A, B, CHANNELS }; /* two substances; alive, and how lately */

#define ROUNDS 12 /* of the reaction in one step of grayscott: it is slow */

/* Cells lie in the first rows of the state, side by side. */
static int cells(const rule_scene *scene)
{
    int n = (int)lroundf(scene->p[CELLS]);
    return n < scene->size ? n : scene->size;
}

/* ---- the beginning */

static void seed_grayscott(const rule_scene *scene, int n, float *state)
{
    rule_chance r = rule_chance_of((uint32_t)scene->p[CHANCE], (uint32_t)n, 400);
    int seeds = 1 + (int)(scene->p[DENSITY] * 40);
    for (int i = 0; i < n * n; i++) {
        state[CHANNELS * i + A] = 1;
        state[CHANNELS * i + B] = 0;
    }
    for (int s = 0; s < seeds; s++) {
        int x = rule_below(&r, n), y = rule_below(&r, n), half = 1 + rule_below(&r, 2 + n / 40);
        for (int dy = -half; dy <= half; dy++)
            for (int dx = -half; dx <= half; dx++) {
                float *cell = state + CHANNELS * (((y + dy + n) % n) * n + (x + dx + n) % n);
                cell[A] = .5f;
                cell[B] = .25f + .1f * (float)rule_uniform(&r);
            }
    }
}

static int begin(const rule_scene *scene, float *state, latent_error *e)
{
    int n = cells(scene), life = scene->p[KIND] > .5f;
    rule_chance r = rule_chance_of((uint32_t)scene->p[CHANCE], (uint32_t)n, 401);
    (void)e;
    memset(state, 0, sizeof(float) * CHANNELS * (size_t)scene->size * (size_t)scene->size);
    if (!life && !scene->s.follow)
        seed_grayscott(scene, n, state);
    else
        for (int i = 0; i < n * n; i++) {
            double seen = rule_follow(scene, (i % n + .5) / n, (i / n + .5) / n, -1);
            int there = seen < 0 ? rule_luck(&r, scene->p[DENSITY])
                                 : seen < .15 + .7 * (1 - scene->p[DENSITY]);
            state[CHANNELS * i + A] = life ? (float)there : there ? .5f : 1;
            state[CHANNELS * i + B] = life ? (float)there : there ? .3f : 0;
        }
    return 0;
}

/* ---- a step */

static void react(const rule_scene *scene, int n, const float *from, float *to)
{
    float feed = scene->p[FEED], kill = scene->p[KILL];
    for (int y = 0; y < n; y++) {
        const float *row = from + (size_t)(CHANNELS * n) * (size_t)y,
                    *above = from + (size_t)(CHANNELS * n) * (size_t)((y + n - 1) % n),
                    *below = from + (size_t)(CHANNELS * n) * (size_t)((y + 1) % n);
        float *out = to + (size_t)(CHANNELS * n) * (size_t)y;
        for (int x = 0; x < n; x++) {
            int l = CHANNELS * (x ? x - 1 : n - 1), c = CHANNELS * x,
                r = CHANNELS * (x + 1 < n ? x + 1 : 0);
            float a = row[c], b = row[c + 1], abb = a * b * b;
            float la = .2f * (row[l] + row[r] + above[c] + below[c]) +
                       .05f * (above[l] + above[r] + below[l] + below[r]) - a;
            float lb = .2f * (row[l + 1] + row[r + 1] + above[c + 1] + below[c + 1]) +
                       .05f * (above[l + 1] + above[r + 1] + below[l + 1] + below[r + 1]) - b;
            float na = a + la - abb + feed * (1 - a), nb = b + .5f * lb + abb - (kill + feed) * b;
            out[c] = fminf(fmaxf(na, 0), 1);
            out[c + 1] = fminf(fmaxf(nb, 0), 1);
        }
    }
}

static void live(const rule_scene *scene, int n, const float *from, float *to)
{
    float fade = .5f + .48f * scene->p[GLOW];
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            int neighbours = 0, i = y * n + x;
            for (int dy = -1; dy <= 1; dy++)
                for (int dx = -1; dx <= 1; dx++)
                    neighbours +=
                        (dx || dy) &&
                        from[CHANNELS * (((y + dy + n) % n) * n + (x + dx + n) % n)] > .5f;
            int alive = neighbours == 3 || (neighbours == 2 && from[CHANNELS * i + A] > .5f);
            to[CHANNELS * i + A] = (float)alive;
            to[CHANNELS * i + B] = alive ? 1 : from[CHANNELS * i + B] * fade;
        }
}

static int step(const rule_scene *scene, const float *before, float *after, latent_error *e)
{
    int n = cells(scene);
    size_t bytes = sizeof(float) * CHANNELS * (size_t)n * (size_t)n;
    float *between;
    if (scene->p[KIND] > .5f) {
        live(scene, n, before, after);
        return 0;
    }
    if (!(between = malloc(bytes)))
        return latent_fail(e, "there is no memory for %d x %d cells", n, n);
    react(scene, n, before, after);
    for (int i = 1; i < ROUNDS; i += 2) {
        react(scene, n, after, between);
        if (i + 1 < ROUNDS)
            react(scene, n, between, after);
        else
            memcpy(after, between, bytes);
    }
    free(between);
    return 0;
}

/* ---- the picture */

/* A channel between cells. */
static float between_cells(const float *state, int n, int channel, float x, float y)
{
    int ix = (int)floorf(x), iy = (int)floorf(y);
    float fx = x - (float)ix, fy = y - (float)iy;
    int x0 = (ix + n) % n, x1 = (ix + 1 + n) % n, y0 = (iy + n) % n, y1 = (iy + 1 + n) % n;
    const float *s = state + channel;
    float above = s[CHANNELS * (y0 * n + x0)] * (1 - fx) + s[CHANNELS * (y0 * n + x1)] * fx;
    float below = s[CHANNELS * (y1 * n + x0)] * (1 - fx) + s[CHANNELS * (y1 * n + x1)] * fx;
    return above * (1 - fy) + below * fy;
}

static void paint_grayscott(const rule_scene *scene, int n, float x, float y, float *rgba)
{
    const latent_palette *palette = scene->s.palette;
    float b = between_cells(scene->state, n, B, x, y);
    float slope = between_cells(scene->state, n, B, x - .7f, y - .7f) - b;
    float thick = fminf(b * 3, 1), figure = fminf(fmaxf((b - .08f) * 9, 0), 1), colour[3];
    float light = fminf(fmaxf(slope * 2.2f * scene->p[GLOW], -.35f), .35f);
    rule_along(palette, (double)thick, colour);
    for (int k = 0; k < 3; k++) {
        float v = palette->paper[k] + (colour[k] - palette->paper[k]) * figure - light;
        rgba[k] = fminf(fmaxf(v, 0), 1);
    }
    rgba[3] = figure;
}

/* A cell is a square with a little paper around it. */
static float inside_cell(float x, float pixel)
{
    float off = fabsf(x - floorf(x) - .5f);
    return fminf(fmaxf((.44f - off) / pixel + .5f, 0), 1);
}

static void paint_life(const rule_scene *scene, int n, float x, float y, float *rgba)
{
    const latent_palette *palette = scene->s.palette;
    int ix = (int)floorf(x), iy = (int)floorf(y);
    const float *cell = scene->state + CHANNELS * (((iy + n) % n) * n + (ix + n) % n);
    float pixel = (float)n / (float)scene->size;
    float figure = cell[A] > .5f ? inside_cell(x, pixel) * inside_cell(y, pixel) : 0;
    float trail = cell[A] > .5f ? 0 : .55f * cell[B], late[3];
    rule_along(palette, 1 - .8 * (double)cell[B], late);
    for (int k = 0; k < 3; k++) {
        float ground = palette->paper[k] + (late[k] - palette->paper[k]) * trail;
        rgba[k] = ground + (palette->colour[0][k] - ground) * figure;
    }
    rgba[3] = figure;
}

static int paint(const rule_scene *scene, float *rgba, latent_error *e)
{
    int n = cells(scene), life = scene->p[KIND] > .5f;
    float scale = (float)n / (float)scene->size;
    (void)e;
    for (int y = 0; y < scene->size; y++)
        for (int x = 0; x < scene->size; x++, rgba += 4)
            if (life)
                paint_life(scene, n, ((float)x + .5f) * scale, ((float)y + .5f) * scale, rgba);
            else
                paint_grayscott(scene, n, ((float)x + .5f) * scale - .5f,
                                ((float)y + .5f) * scale - .5f, rgba);
    return 0;
}

/* ---- chance and words */

static void by_chance(rule_chance *r, float *p)
{
    /* Pearson's classes that fill the plane: worms, spots, holes, mitosis, coral. */
    static const float place[][2] = {{.037f, .06f},    {.03f, .062f},   {.039f, .058f},
                                     {.0367f, .0649f}, {.0545f, .062f}, {.026f, .055f}};
    int i = rule_below(r, 6);
    p[STEPS] = (float)(120 + rule_below(r, 160));
    p[KIND] = rule_luck(r, .7) ? GRAYSCOTT : LIFE;
    p[CELLS] = (float)(64 + 16 * rule_below(r, 7));
    p[FEED] = place[i][0];
    p[KILL] = place[i][1];
    p[DENSITY] = (float)rule_between(r, .15, .5);
    p[GLOW] = (float)rule_uniform(r);
    p[CHANCE] = (float)rule_below(r, 10000);
    if (p[KIND] > .5f) {
        p[CELLS] = (float)(24 + 8 * rule_below(r, 8));
        p[STEPS] = (float)(10 + rule_below(r, 120));
    }
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    int zh = language == LATENT_CHINESE, fine = p[CELLS] > 120;
    if (p[KIND] > .5f) {
        rule_say(t, zh ? fine ? "许多细小的格子在玩“生命”游戏" : "格子在玩“生命”游戏"
                       : RULE_ONE_OF(r, "the game of life", "cells of the game of life"));
        if (!zh && fine)
            rule_say(t, ", many and small");
        return;
    }
    rule_say(t, zh ? fine ? "两种物质反应，长出细密的纹路" : "两种物质反应，长出纹路"
                   : RULE_ONE_OF(r, "two substances that react", "a reaction that spreads"));
    if (!zh)
        rule_say(t, fine ? " in fine worms and spots" : " in worms and spots");
}

const latent_rule latent_rule_automaton = {
    .name = "automaton",
    .params = params,
    .count = PARAMS,
    .palette = "sea",
    .follows = "the picture it begins from: where it is dark, there is something",
    .paint = paint,
    .channels = CHANNELS,
    .begin = begin,
    .step = step,
    .random = by_chance,
    .caption = caption,
};
