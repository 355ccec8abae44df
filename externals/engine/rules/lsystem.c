/* lsystem: plants and curves written by rewriting: after Lindenmayer (1968) and "The Algorithmic
   Beauty of Plants" (Prusinkiewicz and Lindenmayer 1990), whose grammars these are.  A word grows:
   in each generation every letter is replaced by its rule; a turtle then draws the word (F a step,
   + and
   - turns, [ and ] a branch).  Disorder makes each turn and step a little other, as in plants. */
#include "rule.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPECIES, GENERATIONS, ANGLE, DISORDER, WIDTH, TAPER, LEAVES, LEAN, CHANCE, PARAMS };

#define SPECIES_WORDS "bush weed fern tree koch dragon sierpinski hilbert gosper penrose"

static const latent_rule_param params[PARAMS] = {
    [SPECIES] = {"species", 0, 9, 0, SPECIES_WORDS},
    [GENERATIONS] = {"generations", 0, 9, 5, NULL},
    [ANGLE] = {"angle", -1, 1, 0, NULL}, /* more or less than the species has: 1 is 30 degrees */
    [DISORDER] = {"disorder", 0, 1, 0.15f, NULL},
    [WIDTH] = {"width", 0.05f, 3, 0.7f, NULL},
    [TAPER] = {"taper", 0, 1, 0.6f, NULL}, /* how much thinner each branch is */
    [LEAVES] = {"leaves", 0, 1, 0.5f, NULL},
    [LEAN] = {"lean", -1, 1, 0, NULL}, /* as if there were wind */
    [CHANCE] = {"chance", 0, 9999, 1, NULL},
};

typedef struct {
    const char *name_en, *name_zh, *axiom;
    const char *rules[5];  /* "F=FF": the letter, then what it becomes */
    double angle, heading; /* degrees; up is 90 */
    int plant, most;       /* has leaves and a trunk; generations that are worth drawing */
} grammar;

static const grammar species[] = {
    {"a bush", "一丛灌木", "F", {"F=FF-[-F+F+F]+[+F-F-F]"}, 22.5, 90, 1, 4},
    {"a weed", "一株野草", "X", {"X=F[+X]F[-X]+X", "F=FF"}, 20, 90, 1, 6},
    {"a fern", "一片蕨", "X", {"X=F+[[X]-X]-F[-FX]+X", "F=FF"}, 22.5, 75, 1, 6},
    {"a tree", "一棵树", "X", {"X=F[-X][+X][--X][++X]", "F=F"}, 17, 90, 1, 6},
    {"a snowflake curve", "雪花曲线", "F--F--F", {"F=F+F--F+F"}, 60, 0, 0, 5},
    {"a dragon curve", "龙形曲线", "FX", {"X=X+YF+", "Y=-FX-Y"}, 90, 0, 0, 12},
    {"a Sierpinski triangle", "谢尔宾斯基三角", "AF", {"A=BF-AF-B", "B=AF+BF+A"}, 60, 0, 0, 8},
    {"a Hilbert curve", "希尔伯特曲线", "L", {"L=+RF-LFL-FR+", "R=-LF+RFR+FL-"}, 90, 0, 0, 6},
    {"a Gosper curve",
     "高斯帕曲线",
     "A",
     {"A=AF+BF++BF-AF--AFAF-BF+", "B=-AF+BFBF++BF+AF--AF-B"},
     60,
     0,
     0,
     4},
    {"a Penrose tiling",
     "彭罗斯铺砌",
     "[N]++[N]++[N]++[N]++[N]",
     {"M=OF++PF----NF[-OF----MF]++", "N=+OF--PF[---MF--NF]+", "O=-MF++NF[+++OF++PF]-",
      "P=--OF++++MF[+PF++++NF]--NF", "F="},
     36,
     0,
     0,
     5},
};

#define LETTERS 400000 /* of a word: what grows beyond is cut back */
#define DEPTH 64       /* of branches */

/* ---- growing */

static const char *becomes(const grammar *g, char letter)
{
    for (int i = 0; i < 5 && g->rules[i]; i++)
        if (g->rules[i][0] == letter)
            return g->rules[i] + 2;
    return NULL;
}

/* The next generation of a word; 0 when it would be too long (to then holds nothing of use). */
static int grow(const grammar *g, const char *from, char *to)
{
    size_t n = 0;
    for (; *from; from++) {
        const char *into = becomes(g, *from);
        size_t length = into ? strlen(into) : 1;
        if (n + length >= LETTERS)
            return 0;
        memcpy(to + n, into ? into : from, length);
        n += length;
    }
    to[n] = 0;
    return 1;
}

/* ---- the turtle */

typedef struct {
    double x, y, heading, width;
    int depth;
} turtle;

typedef struct {
    const rule_scene *scene;
    const grammar *g;
    cairo_t *c; /* NULL: only the bounds are taken */
    double low_x, low_y, high_x, high_y;
    rule_chance chance;
    int walked; /* steps on the path that is not stroked yet */
} drawing;

static void bounds(drawing *d, double x, double y)
{
    d->low_x = fmin(d->low_x, x);
    d->low_y = fmin(d->low_y, y);
    d->high_x = fmax(d->high_x, x);
    d->high_y = fmax(d->high_y, y);
}

/* Strokes what has been walked since the last time; progress: how much of the word, 0 to 1. */
static void stroke(drawing *d, const turtle *t, double unit, double progress)
{
    const float *p = d->scene->p;
    const latent_palette *palette = d->scene->s.palette;
    double width = (double)p[WIDTH] / unit;
    float colour[3];
    if (!d->c || !d->walked)
        return;
    memcpy(colour, palette->colour[t->depth % (int)palette->count], sizeof(colour));
    if (d->g->plant)
        memcpy(colour, palette->colour[0], sizeof(colour));
    else if (!t->depth)
        rule_along(palette, progress, colour);
    rule_colour(d->c, colour, 1);
    cairo_set_line_width(d->c, d->g->plant ? width * t->width : fmin(width, .38));
    cairo_stroke(d->c);
    d->walked = 0;
}

static void leaf(drawing *d, const turtle *t, double unit)
{
    double size = (double)d->scene->p[LEAVES] * 1.5, a = t->heading;
    if (!d->c || size < .05 || !d->g->plant)
        return;
    size /= unit;
    cairo_new_path(d->c);
    cairo_save(d->c);
    cairo_translate(d->c, t->x, t->y);
    cairo_rotate(d->c, a);
    cairo_move_to(d->c, 0, 0);
    cairo_curve_to(d->c, .4 * size, -.45 * size, .9 * size, -.25 * size, 1.25 * size, 0);
    cairo_curve_to(d->c, .9 * size, .25 * size, .4 * size, .45 * size, 0, 0);
    cairo_restore(d->c);
    rule_colour(d->c, rule_lot(d->scene, &d->chance), .92);
    cairo_fill(d->c);
}

/* Walks the word; unit: sheet units of a step.  Twice with the same chance: for the bounds, then to
   draw. */
static void walk(drawing *d, const char *word, double unit)
{
    const float *p = d->scene->p;
    turtle stack[DEPTH], t = {0, 0, -d->g->heading * 3.14159265358979 / 180, 1, 0};
    double turn = (d->g->angle + 30 * (double)p[ANGLE]) * 3.14159265358979 / 180;
    double letters = (double)strlen(word);
    const char *start = word;
    int open = 0;
    d->chance = rule_chance_of((uint32_t)p[CHANCE], 0, 700);
    d->walked = 0;
    for (; *word; word++) {
        double off = (double)p[DISORDER] * rule_between(&d->chance, -1, 1);
        switch (*word) {
        case 'F':
            if (d->c && !d->walked++)
                cairo_move_to(d->c, t.x, t.y);
            t.x += (1 + .4 * off) * cos(t.heading);
            t.y += (1 + .4 * off) * sin(t.heading);
            if (d->g->plant)
                t.heading += .02 * (double)p[LEAN] * cos(t.heading + .6);
            bounds(d, t.x, t.y);
            if (d->c)
                cairo_line_to(d->c, t.x, t.y);
            if (!d->g->plant && d->walked > 60)
                stroke(d, &t, unit, (double)(word - start) / letters);
            break;
        case '+':
            t.heading -= turn * (1 + .6 * off);
            break;
        case '-':
            t.heading += turn * (1 + .6 * off);
            break;
        case '[':
            stroke(d, &t, unit, 0);
            if (open < DEPTH)
                stack[open] = t;
            open++;
            t.depth++;
            t.width *= d->g->plant ? 1 - .45 * (double)p[TAPER] : 1;
            break;
        case ']':
            stroke(d, &t, unit, 0);
            leaf(d, &t, unit);
            if (open > 0 && --open < DEPTH)
                t = stack[open];
            break;
        default:
            break;
        }
    }
    stroke(d, &t, unit, 1);
}

static int draw(cairo_t *c, const rule_scene *scene)
{
    const grammar *g = species + (int)scene->p[SPECIES];
    char *word = malloc(LETTERS), *next = malloc(LETTERS);
    int generations = (int)lroundf(scene->p[GENERATIONS]), failed = !word || !next;
    drawing d = {scene, g, NULL, 0, 0, 0, 0, {0}, 0};
    rule_paper(c, scene, scene->s.palette->paper);
    if (!failed) {
        double unit;
        strcpy(word, g->axiom);
        for (int i = 0; i < generations && i < g->most && grow(g, word, next); i++) {
            char *before = word;
            word = next;
            next = before;
        }
        walk(&d, word, 1);
        unit = 56 / fmax(fmax(d.high_x - d.low_x, d.high_y - d.low_y), 1e-6);
        cairo_translate(c, 32, g->plant ? 60 : 32);
        cairo_scale(c, unit, unit);
        cairo_translate(c, -(d.low_x + d.high_x) / 2,
                        g->plant ? -d.high_y : -(d.low_y + d.high_y) / 2);
        cairo_new_path(c);
        cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
        d.c = c;
        walk(&d, word, unit);
    }
    free(word);
    free(next);
    return failed ? -1 : 0;
}

/* ---- chance and words */

static void by_chance(rule_chance *r, float *p)
{
    int which = rule_below(r, 10);
    p[SPECIES] = (float)which;
    p[GENERATIONS] = (float)(species[which].most - rule_below(r, 2));
    p[ANGLE] = (float)(species[which].plant ? rule_between(r, -.3, .5) : 0);
    p[DISORDER] = (float)(species[which].plant ? rule_between(r, 0, .7) : 0);
    p[WIDTH] = (float)rule_between(r, .3, 1.2);
    p[TAPER] = (float)rule_uniform(r);
    p[LEAVES] = (float)(rule_luck(r, .2) ? 0 : rule_uniform(r));
    p[LEAN] = (float)rule_between(r, -1, 1);
    p[CHANCE] = (float)rule_below(r, 10000);
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    const grammar *g = species + (int)p[SPECIES];
    int zh = language == LATENT_CHINESE, wild = p[DISORDER] > .4f;
    if (zh) {
        rule_say(t, g->name_zh);
        rule_say(t, g->plant && p[LEAVES] > .1f ? "，长着叶子" : "");
        rule_say(t, wild ? "，长得随意" : "");
        return;
    }
    rule_say(t, g->name_en);
    rule_say(t, g->plant && p[LEAVES] > .1f ? RULE_ONE_OF(r, " with leaves", " in leaf") : "");
    rule_say(t, wild ? ", grown wild" : "");
}

const latent_rule latent_rule_lsystem = {
    .name = "lsystem",
    .params = params,
    .count = PARAMS,
    .palette = "album",
    .draw = draw,
    .random = by_chance,
    .caption = caption,
};
