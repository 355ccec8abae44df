/* turing: the multi-scale Turing pattern of Jonathan McCabe ("Cyclic Symmetric Multi-Scale Turing
   Patterns", Bridges 2010).  Turing (1952): what activates near by and inhibits farther off makes
   spots and stripes out of noise.  McCabe: let several scales try at each place, and the one that
   has least to say there, where its two means differ least, decides.  A process: each step adds a
   little and brings the whole back to [-1, 1].  The sheet is a torus; with symmetry, each place
   takes the mean of its turned images. */
#include "rule.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS, SCALES, LARGEST, RATIO, AMOUNT, SYMMETRY, COLOURED, CHANCE, PARAMS };

static const latent_rule_param params[PARAMS] = {
    [STEPS] = {"steps", 0, 400, 24, NULL},
    [SCALES] = {"scales", 1, 8, 5, NULL},
    [LARGEST] = {"largest", 0.02f, 0.3f, 0.12f, NULL}, /* radius, of the picture's side */
    [RATIO] = {"ratio", 1.2f, 4, 2, NULL},             /* inhibitor's radius to activator's */
    [AMOUNT] = {"amount", 0.01f, 0.2f, 0.06f, NULL},
    [SYMMETRY] = {"symmetry", 1, 8, 1, NULL},
    [COLOURED] = {"coloured", 0, 1, 0.7f, NULL}, /* by the scale that decided */
    [CHANCE] = {"chance", 0, 9999, 1, NULL},
};

#define GRAINS 96 /* of the noise that it begins from, along a side: the same at every size */
enum { VALUE, SCALE, CHANNELS };

/* ---- the beginning */

static double grain(uint32_t chance, int y, int x)
{
    rule_chance r = rule_chance_of(chance, (uint32_t)((y % GRAINS) * GRAINS + x % GRAINS), 300);
    return rule_between(&r, -1, 1);
}

static int begin(const rule_scene *scene, float *state, latent_error *e)
{
    float *grains = malloc(sizeof(float) * GRAINS * GRAINS);
    int n = scene->size;
    if (!grains)
        return latent_fail(e, "there is no memory for a pattern");
    for (int i = 0; i < GRAINS * GRAINS; i++)
        grains[i] = (float)grain((uint32_t)scene->p[CHANCE], i / GRAINS, i % GRAINS);
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++, state += CHANNELS) {
            double u = (x + .5) / n, v = (y + .5) / n, gx = u * GRAINS, gy = v * GRAINS;
            int ix = (int)gx, iy = (int)gy, kx = (ix + 1) % GRAINS, ky = (iy + 1) % GRAINS;
            double fx = gx - ix, fy = gy - iy;
            double noise =
                (grains[iy * GRAINS + ix] * (1 - fx) + grains[iy * GRAINS + kx] * fx) * (1 - fy) +
                (grains[ky * GRAINS + ix] * (1 - fx) + grains[ky * GRAINS + kx] * fx) * fy;
            double seen = 2 * rule_follow(scene, u, v, .5) - 1;
            state[VALUE] = (float)(scene->s.follow ? .85 * seen + .15 * noise : noise);
            state[SCALE] = .5f;
        }
    free(grains);
    return 0;
}

/* ---- means over squares, on a torus */

#define TOGETHER 4 /* rows at once: their sums do not wait for each other */

/* In each of TOGETHER rows of n numbers, each becomes the mean of the 2 r + 1 around it. */
static void blur_rows(const float *from, float *to, int n, int r)
{
    double sum[TOGETHER] = {0}, share = 1.0 / (2 * r + 1);
    size_t row = (size_t)n;
    for (int i = -r; i <= r; i++)
        for (size_t k = 0; k < TOGETHER; k++)
            sum[k] += (double)from[k * row + (size_t)((i + n) % n)];
    for (int i = 0; i < n; i++) {
        size_t next = (size_t)(i + r + 1 < n ? i + r + 1 : i + r + 1 - n),
               last = (size_t)(i - r >= 0 ? i - r : i - r + n);
        for (size_t k = 0; k < TOGETHER; k++) {
            to[k * row + (size_t)i] = (float)(sum[k] * share);
            sum[k] += (double)from[k * row + next] - (double)from[k * row + last];
        }
    }
}

/* The same down all columns at once, so that memory is read along its rows. */
static void blur_columns(const float *from, float *to, int n, int r, float *sum)
{
    size_t row = (size_t)n;
    float share = 1.0f / (float)(2 * r + 1);
    memset(sum, 0, row * sizeof(float));
    for (int i = -r; i <= r; i++)
        for (int x = 0; x < n; x++)
            sum[x] += from[(size_t)((i + n) % n) * row + (size_t)x];
    for (int i = 0; i < n; i++) {
        const float *next = from + (size_t)((i + r + 1) % n) * row,
                    *last = from + (size_t)((i - r + n) % n) * row;
        for (int x = 0; x < n; x++) {
            to[(size_t)i * row + (size_t)x] = sum[x] * share;
            sum[x] += next[x] - last[x];
        }
    }
}

static void blur(const float *from, float *to, float *between, int n, int r, float *sum)
{
    for (int y = 0; y < n; y += TOGETHER) { /* the last rows of an odd size twice */
        size_t at = (size_t)(y + TOGETHER <= n ? y : n - TOGETHER) * (size_t)n;
        blur_rows(from + at, between + at, n, r);
    }
    blur_columns(between, to, n, r, sum);
}

/* ---- a step */

typedef struct {
    int n, symmetry;
    float *value, *activator, *inhibitor, *between, *best, *change, *decided, *sum;
} work;

static int radius(const work *w, double share)
{
    int r = (int)(share * w->n + .5), most = (w->n - 1) / 2;
    return r < 1 ? 1 : r > most ? most : r;
}

/* The mean of a at (x, y) and at its turned images. */
static float turned(const work *w, const float *a, const float *cosines, const float *sines, int x,
                    int y)
{
    float middle = .5f * (float)(w->n - 1), dx = (float)x - middle, dy = (float)y - middle, sum = 0;
    for (int k = 0; k < w->symmetry; k++) {
        int tx = (int)(middle + dx * cosines[k] - dy * sines[k] + .5f);
        int ty = (int)(middle + dx * sines[k] + dy * cosines[k] + .5f);
        tx = tx < 0 ? 0 : tx >= w->n ? w->n - 1 : tx;
        ty = ty < 0 ? 0 : ty >= w->n ? w->n - 1 : ty;
        sum += a[(size_t)ty * (size_t)w->n + (size_t)tx];
    }
    return sum / (float)w->symmetry;
}

/* What one scale has to say; where that is the least so far, it decides. */
static void try_scale(work *w, double share, double ratio, float amount, float place)
{
    size_t pixels = (size_t)w->n * (size_t)w->n;
    float cosines[8], sines[8];
    const float *said = w->activator;
    int r = radius(w, share), far = radius(w, share * ratio);
    blur(w->value, w->activator, w->between, w->n, r, w->sum);
    blur(w->value, w->inhibitor, w->between, w->n, far > r ? far : r + 1, w->sum);
    for (size_t i = 0; i < pixels; i++)
        w->activator[i] -= w->inhibitor[i];
    for (int k = 0; k < w->symmetry; k++) {
        cosines[k] = (float)cos(2 * 3.14159265358979 * k / w->symmetry);
        sines[k] = (float)sin(2 * 3.14159265358979 * k / w->symmetry);
    }
    if (w->symmetry > 1) {
        for (int y = 0; y < w->n; y++)
            for (int x = 0; x < w->n; x++)
                w->inhibitor[(size_t)y * (size_t)w->n + (size_t)x] =
                    turned(w, w->activator, cosines, sines, x, y);
        said = w->inhibitor;
    }
    for (size_t i = 0; i < pixels; i++) { /* without branches: what decides is anybody's guess */
        float d = said[i], size = fabsf(d), best = w->best[i];
        w->change[i] = size < best ? copysignf(amount, d) : w->change[i];
        w->decided[i] = size < best ? place : w->decided[i];
        w->best[i] = size < best ? size : best;
    }
}

static void finish(const work *w, const float *before, float *after)
{
    size_t pixels = (size_t)w->n * (size_t)w->n;
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < pixels; i++) {
        w->value[i] += w->change[i];
        low = fminf(low, w->value[i]);
        high = fmaxf(high, w->value[i]);
    }
    float gain = high > low ? 2 / (high - low) : 0;
    for (size_t i = 0; i < pixels; i++) {
        float was = before[CHANNELS * i + SCALE];
        after[CHANNELS * i + VALUE] = (w->value[i] - low) * gain - 1;
        after[CHANNELS * i + SCALE] = was + .15f * (w->decided[i] - was);
    }
}

static int step(const rule_scene *scene, const float *before, float *after, latent_error *e)
{
    const float *p = scene->p;
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    float *memory = malloc((7 * pixels + (size_t)scene->size) * sizeof(float));
    int scales = (int)lroundf(p[SCALES]);
    work w = {.n = scene->size, .symmetry = (int)lroundf(p[SYMMETRY])};
    double share = p[LARGEST];
    if (!memory)
        return latent_fail(e, "there is no memory for a pattern");
    w.value = memory;
    w.activator = memory + pixels;
    w.inhibitor = memory + 2 * pixels;
    w.between = memory + 3 * pixels;
    w.best = memory + 4 * pixels;
    w.change = memory + 5 * pixels;
    w.decided = memory + 6 * pixels;
    w.sum = memory + 7 * pixels;
    for (size_t i = 0; i < pixels; i++) {
        w.value[i] = before[CHANNELS * i + VALUE];
        w.best[i] = INFINITY;
    }
    for (int i = 0; i < scales; i++, share *= .5)
        try_scale(&w, share, p[RATIO], p[AMOUNT] * powf(.8f, (float)i),
                  scales > 1 ? (float)i / (float)(scales - 1) : .5f);
    finish(&w, before, after);
    free(memory);
    return 0;
}

/* ---- the picture */

/* The mean of the values, and what brings nearly all of them to [-1, 1] around it. */
static void contrast(const rule_scene *scene, size_t pixels, float *mean, float *gain)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < pixels; i++) {
        double v = (double)scene->state[CHANNELS * i + VALUE];
        sum += v;
        squares += v * v;
    }
    sum /= (double)pixels;
    squares = squares / (double)pixels - sum * sum;
    *mean = (float)sum;
    *gain = squares > 1e-12 ? (float)(.65 / sqrt(squares)) : 0;
}

static int paint(const rule_scene *scene, float *rgba, latent_error *e)
{
    const latent_palette *palette = scene->s.palette;
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    float coloured = scene->p[COLOURED], mean, gain;
    (void)e;
    contrast(scene, pixels, &mean, &gain);
    for (size_t i = 0; i < pixels; i++, rgba += 4) {
        float v = (scene->state[CHANNELS * i + VALUE] - mean) * gain, colour[3], figure;
        v = .5f + .5f * fminf(fmaxf(v, -1), 1);
        figure = v * v * (3 - 2 * v);
        rule_along(palette, (double)(v + coloured * (scene->state[CHANNELS * i + SCALE] - v)),
                   colour);
        for (int k = 0; k < 3; k++)
            rgba[k] = palette->paper[k] + (colour[k] - palette->paper[k]) * figure;
        rgba[3] = figure;
    }
    return 0;
}

/* ---- chance and words */

static void by_chance(rule_chance *r, float *p)
{
    p[STEPS] = (float)(12 + rule_below(r, 40));
    p[SCALES] = (float)(2 + rule_below(r, 5));
    p[LARGEST] = (float)rule_between(r, .05, .2);
    p[RATIO] = (float)rule_between(r, 1.6, 2.6);
    p[AMOUNT] = (float)rule_between(r, .04, .09);
    p[SYMMETRY] = (float)(rule_luck(r, .5) ? 1 : 2 + rule_below(r, 5));
    p[COLOURED] = (float)rule_uniform(r);
    p[CHANCE] = (float)rule_below(r, 10000);
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    int zh = language == LATENT_CHINESE, turns = (int)lroundf(p[SYMMETRY]);
    const char *size = p[LARGEST] < .08f   ? zh ? "细密的" : "fine "
                       : p[LARGEST] > .15f ? zh ? "粗大的" : "large "
                                           : "";
    if (zh) {
        rule_say(t, size);
        rule_say(t, "图灵斑纹");
        if (turns > 1) {
            rule_say(t, "，");
            rule_say_number(t, turns);
            rule_say(t, "重对称");
        }
        return;
    }
    rule_say(t, "a ");
    rule_say(t, size);
    rule_say(t,
             RULE_ONE_OF(r, "Turing pattern", "pattern that grew", "pattern of spots and stripes"));
    if (turns > 1) {
        rule_say(t, " with ");
        rule_say_number(t, turns);
        rule_say(t, "-fold symmetry");
    }
}

const latent_rule latent_rule_turing = {
    .name = "turing",
    .params = params,
    .count = PARAMS,
    .palette = "river",
    .follows = "the picture it begins from",
    .paint = paint,
    .channels = CHANNELS,
    .begin = begin,
    .step = step,
    .random = by_chance,
    .caption = caption,
};
