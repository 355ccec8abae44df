/* tiger: the face of a tiger, seen from the front, drawn by explicit rules: for a network that is
   taught tigers and then made to forget them for fish (and to see what is left between).  Units:
   the sheet is 64 x 64, and everything is drawn large enough to be seen at 64 pixels.  The manner
   is that of folk prints: flat colours, one dark line around each shape. */
#include "rule.h"
#include <math.h>

enum {
    BREADTH,
    HUE,
    STRIPES,
    WEIGHT,
    EARS,
    EYE,
    IRIS,
    MUZZLE,
    SNARL,
    TILT,
    GAZE,
    BROW,
    PAPER,
    PARAMS
};

static const latent_rule_param params[PARAMS] = {
    [BREADTH] = {"breadth", 0, 1, 0.5f, NULL}, /* of the face */
    [HUE] = {"hue", 0, 4, 0, NULL},            /* around: orange, gold, white, red */
    [STRIPES] = {"stripes", 0, 5, 4, NULL},    /* on each cheek */
    [WEIGHT] = {"weight", 0, 1, 0.5f, NULL},   /* how broad they are */
    [EARS] = {"ears", 0, 1, 0.5f, NULL},
    [EYE] = {"eye", 0, 1, 0.5f, NULL},
    [IRIS] = {"iris", 0, 3, 0, NULL}, /* around: amber, green, blue */
    [MUZZLE] = {"muzzle", 0, 1, 0.5f, NULL},
    [SNARL] = {"snarl", 0, 1, 0, NULL}, /* how wide the mouth is open */
    [TILT] = {"tilt", -1, 1, 0, NULL},  /* of the head: 1 is 20 degrees */
    [GAZE] = {"gaze", -1, 1, 0, NULL},  /* to which side it looks */
    [BROW] = {"brow", 0, 1, 0.5f, NULL},
    [PAPER] = {"paper", 0, 4, 0.4f, NULL}, /* around: cream, sky, leaf, dusk */
};

#define PI 3.14159265358979323846

static const rgb furs[] = {{.93, .50, .10}, {.95, .70, .22}, {.93, .92, .88}, {.78, .27, .12}};
static const rgb irises[] = {{.97, .74, .10}, {.45, .78, .30}, {.35, .70, .90}};
static const rgb papers[] = {{.97, .94, .86}, {.72, .86, .93}, {.66, .80, .58}, {.36, .30, .46}};
static const rgb ink = {.09, .06, .07}, cream = {.99, .97, .92}, pink = {.90, .52, .52},
                 blood = {.55, .08, .10};

typedef struct {
    cairo_t *c;
    const float *p;
    double w, top, chin; /* half the face's breadth; y of crown and chin, the nose's bridge at 0 */
    rgb fur;
} face;

static void colour(const face *f, rgb c)
{
    cairo_set_source_rgb(f->c, c.r, c.g, c.b);
}

static void filled(const face *f, rgb c, double line)
{
    colour(f, c);
    cairo_fill_preserve(f->c);
    colour(f, ink);
    cairo_set_line_width(f->c, line);
    cairo_stroke(f->c);
}

static void oval(const face *f, double x, double y, double rx, double ry)
{
    cairo_save(f->c);
    cairo_translate(f->c, x, y);
    cairo_scale(f->c, rx, ry);
    cairo_new_path(f->c);
    cairo_arc(f->c, 0, 0, 1, 0, 2 * PI);
    cairo_restore(f->c);
}

/* ---- parts, from behind to before */

static void draw_ears(const face *f)
{
    double r = 5 + 3.5 * f->p[EARS];
    for (int side = -1; side <= 1; side += 2) {
        double x = side * f->w * .74, y = f->top + 3.6;
        oval(f, x, y, r, r * 1.08);
        filled(f, f->fur, 1.5);
        oval(f, x, y + .8, r * .58, r * .64);
        colour(f, rule_mix(pink, cream, .35));
        cairo_fill(f->c);
        oval(f, x, y - .55 * r, r * .72, r * .3);
        colour(f, ink);
        cairo_fill(f->c);
    }
}

/* The outline, with a ruff of fur at each cheek. */
static void head_path(const face *f)
{
    cairo_t *c = f->c;
    double w = f->w, t = f->top, b = f->chin;
    cairo_new_path(c);
    cairo_move_to(c, 0, t);
    for (int side = 1; side >= -1; side -= 2) {
        double s = side;
        if (side > 0) {
            cairo_curve_to(c, s * w * .62, t, s * w * .92, t + 7, s * w * .96, -3);
            cairo_line_to(c, s * w * 1.12, 3);
            cairo_line_to(c, s * w * 1.0, 5);
            cairo_line_to(c, s * w * 1.14, 10);
            cairo_line_to(c, s * w * .9, 11.5);
            cairo_line_to(c, s * w * .94, 16);
            cairo_curve_to(c, s * w * .7, 17, s * w * .6, b, 0, b);
        } else {
            cairo_curve_to(c, s * w * .6, b, s * w * .7, 17, s * w * .94, 16);
            cairo_line_to(c, s * w * .9, 11.5);
            cairo_line_to(c, s * w * 1.14, 10);
            cairo_line_to(c, s * w * 1.0, 5);
            cairo_line_to(c, s * w * 1.12, 3);
            cairo_line_to(c, s * w * .96, -3);
            cairo_curve_to(c, s * w * .92, t + 7, s * w * .62, t, 0, t);
        }
    }
    cairo_close_path(c);
}

/* A stripe is a blade: thick at the rim, a point towards the middle. */
static void blade(const face *f, double x0, double y0, double x1, double y1, double thick)
{
    double dx = x1 - x0, dy = y1 - y0, n = hypot(dx, dy) + 1e-9, px = -dy / n * thick,
           py = dx / n * thick;
    cairo_new_path(f->c);
    cairo_move_to(f->c, x0 + px, y0 + py);
    cairo_curve_to(f->c, x0 + .5 * dx + px, y0 + .5 * dy + py, x1, y1, x1, y1);
    cairo_curve_to(f->c, x1, y1, x0 + .5 * dx - px * .4, y0 + .5 * dy - py * .4, x0 - px, y0 - py);
    cairo_close_path(f->c);
    colour(f, ink);
    cairo_fill(f->c);
}

static void draw_stripes(const face *f)
{
    int n = (int)f->p[STRIPES];
    double thick = .8 + 1.3 * f->p[WEIGHT], w = f->w;
    if (!n)
        return;
    for (int side = -1; side <= 1; side += 2) {
        for (int i = 0; i < n; i++) { /* cheeks */
            double y = -4 + 19.0 * (i + .5) / n;
            blade(f, side * w * 1.15, y, side * w * (.52 + .04 * i), y + 1.2, thick);
        }
        for (int i = 0; i < (n + 1) / 2; i++) /* the brow */
            blade(f, side * (2.2 + 4.3 * i), f->top - .5, side * (1.6 + 3.2 * i),
                  f->top + 7.5 - 1.2 * i, thick * .85);
    }
    blade(f, 0, f->top - .5, 0, f->top + 8.5, thick * .9);
}

static void draw_eyes(const face *f)
{
    double r = 2.9 + 1.9 * f->p[EYE], x = 7.2 + .1 * f->w, y = -2.2;
    rgb iris = rule_around(irises, 3, (double)f->p[IRIS]);
    for (int side = -1; side <= 1; side += 2) {
        double lift = (f->p[BROW] - .5) * 2.4;
        oval(f, side * x, y - .55 * r, r * 1.5, r * 1.45); /* the white above and around */
        colour(f, rule_mix(cream, f->fur, .12));
        cairo_fill(f->c);
        oval(f, side * x, y, r, r * .92);
        filled(f, iris, 1.4);
        oval(f, side * x + 1.1 * (double)f->p[GAZE], y, r * .42, r * .52);
        colour(f, ink);
        cairo_fill(f->c);
        oval(f, side * x + 1.1 * (double)f->p[GAZE] - .3 * r, y - .32 * r, r * .2, r * .2);
        colour(f, cream);
        cairo_fill(f->c);
        /* the brow: a stroke that frowns or wonders */
        cairo_new_path(f->c);
        cairo_move_to(f->c, side * (x - 1.25 * r), y - 1.0 * r + lift);
        cairo_line_to(f->c, side * (x + 1.3 * r), y - 1.15 * r - lift);
        colour(f, ink);
        cairo_set_line_width(f->c, 1.5);
        cairo_stroke(f->c);
    }
}

static void draw_mouth(const face *f, double y)
{
    double open = 7.5 * f->p[SNARL];
    if (open > .8) {
        cairo_new_path(f->c);
        cairo_move_to(f->c, -5.6, y);
        cairo_curve_to(f->c, -5.4, y + open * 1.25, 5.4, y + open * 1.25, 5.6, y);
        cairo_close_path(f->c);
        filled(f, blood, 1.3);
        oval(f, 0, y + .62 * open, 2.6, .3 * open);
        colour(f, pink);
        cairo_fill(f->c);
        for (int side = -1; side <= 1; side += 2) {
            cairo_new_path(f->c);
            cairo_move_to(f->c, side * 4.7, y - .2);
            cairo_line_to(f->c, side * 3.6, y + .62 * open);
            cairo_line_to(f->c, side * 2.3, y - .2);
            cairo_close_path(f->c);
            filled(f, cream, .7);
        }
    }
    for (int side = -1; side <= 1; side += 2) {
        cairo_new_path(f->c);
        cairo_move_to(f->c, 0, y - 3.4);
        cairo_line_to(f->c, 0, y - .8);
        cairo_curve_to(f->c, side * 1.4, y + 1.5, side * 4.2, y + 1.3, side * 5.8, y - .4);
        colour(f, ink);
        cairo_set_line_width(f->c, 1.3);
        cairo_stroke(f->c);
    }
}

static void draw_muzzle(const face *f)
{
    double r = 5.4 + 1.6 * f->p[MUZZLE], y = 10.5;
    oval(f, 0, y + 4.2 + 2 * f->p[SNARL], r * .95, r * .8);
    filled(f, rule_mix(cream, f->fur, .1), 1.2);
    for (int side = -1; side <= 1; side += 2) {
        oval(f, side * r * .72, y, r * .95, r * .82);
        colour(f, cream);
        cairo_fill(f->c);
    }
    draw_mouth(f, y + 2.4);
    for (int side = -1; side <= 1; side += 2)
        for (int i = 0; i < 3; i++) {
            oval(f, side * (3.4 + 1.7 * i), y - .2 + (i & 1), .55, .55);
            colour(f, ink);
            cairo_fill(f->c);
            cairo_new_path(f->c);
            cairo_move_to(f->c, side * (5.5 + i), y + i - .6);
            cairo_curve_to(f->c, side * (f->w * .9), y - 2 + 2 * i, side * f->w, y - 2 + 2.4 * i,
                           side * (f->w + 5), y - 1.5 + 3.2 * i);
            cairo_set_source_rgba(f->c, cream.r, cream.g, cream.b, .9);
            cairo_set_line_width(f->c, .7);
            cairo_stroke(f->c);
        }
    cairo_new_path(f->c); /* the nose */
    cairo_move_to(f->c, -3.6, y - 5.6);
    cairo_curve_to(f->c, -1.5, y - 6.6, 1.5, y - 6.6, 3.6, y - 5.6);
    cairo_curve_to(f->c, 3, y - 3.4, 1, y - 2.4, 0, y - 2.2);
    cairo_curve_to(f->c, -1, y - 2.4, -3, y - 3.4, -3.6, y - 5.6);
    filled(f, pink, 1.3);
}

static int draw(cairo_t *c, const rule_scene *scene)
{
    const float *p = scene->p;
    rgb paper = rule_around(papers, 4, (double)p[PAPER]);
    face f = {c, p, 17.5 + 4 * (double)p[BREADTH], -19, 21, rule_around(furs, 4, (double)p[HUE])};
    f.chin += 2.5 * (double)p[SNARL];
    rule_paper(c, scene, (const float[]){(float)paper.r, (float)paper.g, (float)paper.b});
    cairo_translate(c, 32, 32);
    cairo_rotate(c, (double)p[TILT] * 20 * PI / 180);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
    draw_ears(&f);
    head_path(&f);
    filled(&f, f.fur, 1.5);
    cairo_save(c);
    head_path(&f);
    cairo_clip(c);
    for (int side = -1; side <= 1; side += 2) { /* white cheeks */
        oval(&f, side * f.w * .72, 13, f.w * .36, 7.5);
        colour(&f, rule_mix(cream, f.fur, .2));
        cairo_fill(c);
    }
    draw_stripes(&f);
    cairo_restore(c);
    head_path(&f);
    colour(&f, ink);
    cairo_set_line_width(c, 1.5);
    cairo_stroke(c);
    draw_eyes(&f);
    draw_muzzle(&f);
    return 0;
}

/* ---- chance */

/* Mostly clearly one thing or the other, so that what is said of it can be seen. */
static float extreme(rule_chance *r)
{
    return (float)(rule_luck(r, .5) ? rule_between(r, 0, .3) : rule_between(r, .7, 1));
}

static float place(rule_chance *r, int n)
{
    double v = rule_below(r, n) + rule_between(r, -.12, .12);
    return (float)(v < 0 ? v + n : v);
}

static void by_chance(rule_chance *r, float *p)
{
    p[BREADTH] = extreme(r);
    p[HUE] = rule_luck(r, .5) ? (float)rule_between(r, 0, .12) : place(r, 4);
    p[STRIPES] = (float)(rule_luck(r, .08) ? 0 : 2 + rule_below(r, 4));
    p[WEIGHT] = extreme(r);
    p[EARS] = extreme(r);
    p[EYE] = extreme(r);
    p[IRIS] = place(r, 3);
    p[MUZZLE] = (float)rule_uniform(r);
    p[SNARL] = (float)(rule_luck(r, .4) ? rule_between(r, .6, 1) : 0);
    p[TILT] = (float)rule_between(r, -.8, .8);
    p[GAZE] = (float)rule_between(r, -1, 1);
    p[BROW] = (float)rule_uniform(r);
    p[PAPER] = place(r, 4);
}

/* ---- words */

static int nearest(double v, int n)
{
    return (int)floor(v + .5) % n;
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    static const char *const hues[2][4] = {{"orange ", "golden ", "white ", "red "},
                                           {"橙色的", "金色的", "白色的", "红色的"}};
    static const char *const eyes[2][3] = {{"amber", "green", "blue"}, {"琥珀色", "绿色", "蓝色"}};
    int zh = language == LATENT_CHINESE, hue = nearest((double)p[HUE], 4);
    int snarls = p[SNARL] > .45f, plain = p[STRIPES] < 1;
    int eye = rule_luck(r, .5), size = rule_luck(r, .4), lines = rule_luck(r, .5);
    if (zh) {
        rule_say(t, snarls ? "一只龇牙的" : "一只");
        rule_say(t, hues[1][hue]);
        rule_say(t, "老虎");
        if (plain)
            rule_say(t, "，没有条纹");
        else if (lines)
            rule_say(t, p[WEIGHT] > .5f ? "，条纹很粗" : "，条纹很细");
        if (eye) {
            rule_say(t, "，");
            rule_say(t, eyes[1][nearest((double)p[IRIS], 3)]);
            rule_say(t, "眼睛");
        }
        if (size)
            rule_say(t, p[EARS] > .5f ? "，大耳朵" : "，小耳朵");
        return;
    }
    rule_say(t, snarls ? RULE_ONE_OF(r, "a snarling ", "an angry ") : hue ? "a " : "an ");
    rule_say(t, hues[0][hue]);
    rule_say(t, RULE_ONE_OF(r, "tiger", "tiger", "tiger's face"));
    if (plain)
        rule_say(t, " without stripes");
    else if (lines)
        rule_say(t, p[WEIGHT] > .5f ? " with broad stripes" : " with fine stripes");
    if (eye) {
        rule_say(t, plain || lines ? " and " : " with ");
        rule_say(t, eyes[0][nearest((double)p[IRIS], 3)]);
        rule_say(t, " eyes");
    }
    if (size)
        rule_say(t, p[EARS] > .5f ? ", big ears" : ", small ears");
}

const latent_rule latent_rule_tiger = {
    .name = "tiger",
    .params = params,
    .count = PARAMS,
    .draw = draw,
    .random = by_chance,
    .caption = caption,
};
