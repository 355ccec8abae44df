/* fractal: a solid that is alike at every scale, in three dimensions, seen by marching along rays.
   Two kinds: bulb, the Mandelbulb of Daniel White and Paul Nylander (2009): z -> z^power + c, the
   power taken of a length and two angles; and box, the Mandelbox of Tom Lowe (2010): space folded
   like a box, then like a sphere, then enlarged.  A ray goes on by what is surely free around it
   (Hart, "Sphere tracing", 1996); tiles of rays go first together, as a cone.

   The rays themselves are in fractal_march.h, for each kind of processor. */
#include "fractal.h"
#include <math.h>
#include <stdlib.h>

enum { KIND, POWER, FOLD, ROUNDS, TURN, LIFT, NEARER, LIGHT, SHADOW, COLOURED, PARAMS };

static const latent_rule_param params[PARAMS] = {
    [KIND] = {"kind", 0, 1, BULB, "bulb box"},
    [POWER] = {"power", 2, 12, 8, NULL},       /* of the bulb */
    [FOLD] = {"fold", 1.6f, 3.2f, 2.2f, NULL}, /* of the box: how much it is enlarged */
    [ROUNDS] = {"rounds", 2, 12, 6, NULL},     /* more: finer, and slower */
    [TURN] = {"turn", -360, 360, 30, NULL},    /* of the camera, in degrees */
    [LIFT] = {"lift", -90, 90, 25, NULL},
    [NEARER] = {"nearer", 0.5f, 3, 1, NULL},
    [LIGHT] = {"light", -360, 360, -50, NULL}, /* from where, in degrees */
    [SHADOW] = {"shadow", 0, 1, 0.75f, NULL},  /* how dark it is in clefts */
    [COLOURED] = {"coloured", 0, 1, 0.8f, NULL},
};

/* ---- the camera, and what it sees */

static void cross(const float *a, const float *b, float *c)
{
    for (int i = 0; i < 3; i++)
        c[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

static void set_up(const rule_scene *scene, scenery *w)
{
    const float *p = scene->p;
    double turn = (double)p[TURN] * 3.14159265358979 / 180, light, away;
    double lift = fmin(fmax((double)p[LIFT], -89.5), 89.5) * 3.14159265358979 / 180;
    static const float up[] = {0, 0, 1};
    float norm;
    w->s = (solid){p[KIND] > .5f ? BOX : BULB, (int)lroundf(p[ROUNDS]), p[POWER], p[FOLD], 1};
    w->s.size = 2 * (p[FOLD] + 1) / (p[FOLD] - 1);
    w->bound = w->s.kind == BOX ? 1.76f : 1.3f;
    away = (w->s.kind == BOX ? 4.4 : 3.1) / (double)p[NEARER];
    w->ahead[0] = (float)(-cos(lift) * cos(turn));
    w->ahead[1] = (float)(-cos(lift) * sin(turn));
    w->ahead[2] = (float)-sin(lift);
    cross(w->ahead, up, w->right);
    norm = sqrtf(w->right[0] * w->right[0] + w->right[1] * w->right[1]);
    for (int i = 0; i < 3; i++) {
        w->eye[i] = -(float)away * w->ahead[i];
        w->right[i] /= norm;
    }
    cross(w->right, w->ahead, w->up);
    light = (double)p[LIGHT] * 3.14159265358979 / 180;
    for (int i = 0; i < 3; i++)
        w->light[i] = (float)(.55 * cos(light)) * w->right[i] + .62f * w->up[i] +
                      (float)(.55 * sin(light) - .35) * w->ahead[i];
    norm = sqrtf(w->light[0] * w->light[0] + w->light[1] * w->light[1] + w->light[2] * w->light[2]);
    for (int i = 0; i < 3; i++)
        w->light[i] /= norm;
    w->pixel = OPENING / (float)scene->size;
    w->size = scene->size;
    w->palette = scene->s.palette;
    w->shadow = p[SHADOW];
    w->coloured = p[COLOURED];
}

#define LARGE 16 /* pixels a side of the first tiles */

static const fractal_code *code(void)
{
    const fractal_code *c = fractal_code_avx512();
    if (!c)
        c = fractal_code_avx2();
    return c ? c : &fractal_code_base;
}

static int paint(const rule_scene *scene, float *rgba, latent_error *e)
{
    int size = scene->size, large = (size + LARGE - 1) / LARGE,
        small = (size + FRACTAL_TILE - 1) / FRACTAL_TILE;
    float *first = malloc(sizeof(float) * (size_t)(large * large + small * small));
    float *start = first + large * large;
    const fractal_code *c = code();
    scenery w;
    if (!first)
        return latent_fail(e, "there is no memory for a fractal");
    set_up(scene, &w);
    c->tiles(&w, LARGE, NULL, 0, first);
    c->tiles(&w, FRACTAL_TILE, first, LARGE, start);
    for (int y = 0; y < size; y += FRACTAL_TILE)
        c->rows(&w, y, start, rgba);
    free(first);
    return 0;
}

/* ---- chance and words */

static void by_chance(rule_chance *r, float *p)
{
    p[KIND] = rule_luck(r, .65) ? BULB : BOX;
    p[POWER] = (float)(rule_luck(r, .3) ? 8 : rule_between(r, 2.5, 11));
    p[FOLD] = (float)rule_between(r, 1.8, 3);
    p[ROUNDS] = (float)(4 + rule_below(r, 4));
    p[TURN] = (float)rule_between(r, 0, 360);
    p[LIFT] = (float)rule_between(r, -40, 60);
    p[NEARER] = (float)rule_between(r, .9, 1.7);
    p[LIGHT] = (float)rule_between(r, -120, 20);
    p[SHADOW] = (float)rule_between(r, .5, 1);
    p[COLOURED] = (float)rule_between(r, .4, 1);
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    int zh = language == LATENT_CHINESE, box = p[KIND] > .5f, whole = (int)lroundf(p[POWER]);
    if (box) {
        rule_say(t, zh ? "折叠出来的分形方盒"
                       : RULE_ONE_OF(r, "a box folded into itself", "a Mandelbox"));
        return;
    }
    if (zh) {
        rule_say_number(t, whole);
        rule_say(t, "次方的分形球");
        return;
    }
    rule_say(t, RULE_ONE_OF(r, "a Mandelbulb of power ", "a fractal solid of power "));
    rule_say_number(t, whole);
}

const latent_rule latent_rule_fractal = {
    .name = "fractal",
    .params = params,
    .count = PARAMS,
    .palette = "coral",
    .paint = paint,
    .random = by_chance,
    .caption = caption,
};
