/* fish: a fish in side view on pale paper, drawn by explicit rules, after the painted plates of
   ichthyology (and their future: the armed family).  Units: the sheet is 64 x 64, so that what is
   one unit here is a pixel of the pictures that small networks learn from; everything is drawn
   large enough to be seen there.  A fish is drawn straight, and every path is then bent along its
   spine, before it is filled. */
#include "fish.h"
#include <math.h>

#define PI 3.14159265358979323846

static const latent_rule_param fish_params[FISH_PARAMS] = {
    [GIRTH] = {"girth", 0, 1, 0.6f, NULL},
    [LENGTH] = {"length", 0, 1, 0.6f, NULL},
    [COLOUR] = {"colour", 0, FISH_COLOURS, 0, NULL}, /* around: red orange ... brown red */
    [SECOND] = {"second", 0, FISH_COLOURS, 0, NULL}, /* of fins and pattern */
    [PATTERN] = {"pattern", 0, 3, PLAIN, "plain stripes spots scales"},
    [TAIL] = {"tail", 0, 3, FORKED, "forked round fan pointed"},
    [FIN] = {"fin", 0, 1, 0.3f, NULL}, /* how tall it is */
    [SHAPE] = {"shape", 0, 1, 0, "arched swept"},
    [SPIKES] = {"spikes", 0, 1, 0, NULL},
    [EYE] = {"eye", 0, 1, 0.5f, NULL},
    [ARMED] = {"armed", 0, 1, 0, NULL},
    [NEON] = {"neon", 0, FISH_NEONS, 0, NULL}, /* around: cyan magenta amber green cyan */
    [PAPER] = {"paper", 0, 1, 0.1f, NULL},
    [MOUTH] = {"mouth", 0, 1, 0.8f, NULL},
    [FACING] = {"facing", 0, 1, 0, "left right"},
    [WATER] = {"water", 0, 5, PAPER_SHEET, "paper deep pond dusk ink waves"},
    [BEND] = {"bend", 0, 1, 0, NULL},         /* how far the body bends */
    [SWIM] = {"swim", 0, 1, 0, NULL},         /* where in one beat of its tail it is: around */
    [TILT] = {"tilt", -1, 1, 0, NULL},        /* 1: the nose 50 degrees up */
    [SCALE] = {"scale", 0.4f, 1.3f, 1, NULL}, /* how large all of it is */
};

/* ---- colours */

static const rgb palette[FISH_COLOURS] = {
    {.84, .13, .13}, {.97, .51, .08}, {.98, .82, .16}, {.18, .62, .28},
    {.13, .40, .83}, {.50, .22, .70}, {.96, .54, .70}, {.48, .29, .16},
};
static const rgb neons[FISH_NEONS] = {{.05, .93, 1}, {1, .13, .80}, {1, .70, .05}, {.35, 1, .15}};
static const rgb ink = {.10, .08, .11}, cream = {.99, .96, .89}, iron = {.17, .19, .24},
                 steel = {.50, .54, .60}, white = {1, 1, 1};

static double light(rgb c)
{
    return .3 * c.r + .59 * c.g + .11 * c.b;
}

/* Near the colour, but clearly lighter or darker than what it lies on. */
static rgb against(rgb c, rgb ground)
{
    double away = light(c) - light(ground);
    if (fabs(away) >= .22)
        return c;
    if (light(ground) > .5)
        return rule_mix(c, ink, .65);
    return rule_mix(c, cream, .72);
}

/* ---- the fish as it is to be drawn */

#define JOINTS 24 /* of the spine */

typedef struct {
    double x, y, heading; /* radians, 0 to the right */
} joint;

typedef struct {
    cairo_t *c;
    const float *p;
    joint spine[JOINTS + 1];   /* where it bends, from one third of the body to the tail's end */
    double bold;               /* times how broad lines are */
    double bend, stiff, end;   /* x where the bent part begins and where it ends when straight */
    double nose, root, middle; /* x, x and y */
    double length, height, tail;
    double narrow; /* half the height at the tail's root */
    double armed, eye_x, eye_y, eye;
    rgb body, fins, marks, line, gun, neon; /* gun: the cannon's line */
} fish;

/* ---- bending */

/* The spine: straight up to stiff, then its heading swings more and more towards the tail, as a
   wave that runs through it while it swims.  It stays as long as it was, and in the middle. */
static void fish_bend(fish *f)
{
    double step, low, high, shift;
    f->bend = f->p[BEND];
    f->stiff = f->nose + .28 * f->length;
    f->end = f->root + f->tail;
    step = (f->end - f->stiff) / JOINTS;
    f->spine[0] = (joint){f->stiff, f->middle, 0};
    low = high = f->middle;
    for (int i = 1; i <= JOINTS; i++) {
        joint *j = f->spine + i;
        double u = i / (double)JOINTS, before = j[-1].heading;
        j->heading = 1.45 * f->bend * u * cos(2 * PI * f->p[SWIM] - 1.7 * u);
        j->x = j[-1].x + step * cos(.5 * (before + j->heading));
        j->y = j[-1].y + step * sin(.5 * (before + j->heading));
        low = fmin(low, j->y);
        high = fmax(high, j->y);
    }
    shift = f->middle - .5 * (low + high);
    for (int i = 0; i <= JOINTS; i++) {
        f->spine[i].x += .5 * (f->end - f->spine[JOINTS].x);
        f->spine[i].y += shift;
    }
}

/* Where a point of the straight fish lies in the bent one. */
static void bend_point(const fish *f, double *x, double *y)
{
    double place = (*x - f->stiff) / (f->end - f->stiff) * JOINTS, off = *y - f->middle, along, h;
    int i = place < 0 ? 0 : place >= JOINTS ? JOINTS : (int)place;
    const joint *j = f->spine + i;
    if (f->bend <= 0)
        return;
    along = (place - i) * (f->end - f->stiff) / JOINTS;
    h = j->heading;
    if (i < JOINTS && place > 0)
        h += (place - i) * (j[1].heading - h);
    *x = j->x + along * cos(.5 * (h + j->heading)) - off * sin(h);
    *y = j->y + along * sin(.5 * (h + j->heading)) + off * cos(h);
}

/* Bends the path that was made last. */
static void bent(fish *f)
{
    cairo_path_t *path;
    if (f->bend <= 0)
        return;
    path = cairo_copy_path(f->c);
    for (int i = 0; i < path->num_data; i += path->data[i].header.length)
        for (int k = 1; k < path->data[i].header.length; k++)
            bend_point(f, &path->data[i + k].point.x, &path->data[i + k].point.y);
    cairo_new_path(f->c);
    cairo_append_path(f->c, path);
    cairo_path_destroy(path);
}

/* ---- strokes and fills */

static void colour(fish *f, rgb c, double alpha)
{
    cairo_set_source_rgba(f->c, c.r, c.g, c.b, alpha);
}

static void outlined(fish *f, rgb c, double width)
{
    colour(f, c, 1);
    cairo_set_line_width(f->c, width * f->bold);
    cairo_stroke(f->c);
}

static void disc(fish *f, double x, double y, double r, rgb c)
{
    cairo_new_path(f->c);
    cairo_arc(f->c, x, y, r, 0, 2 * PI);
    bent(f);
    colour(f, c, 1);
    cairo_fill(f->c);
}

/* Half the height at t = 0 (nose) to 1 (root); side -1 is the back, 1 the belly, which is fuller
   and lies further back. */
static double half_height(const fish *f, double t, int side)
{
    double widest = side < 0 ? .38 : .43, whole = f->height * (side < 0 ? .48 : .52);
    double u = (widest - t) / widest;
    if (t < widest)
        return whole * pow(fmax(0, 1 - u * u), .62 - .12 * f->p[GIRTH]);
    u = (t - widest) / (1 - widest);
    return f->narrow + (whole - f->narrow) * (.5 + .5 * cos(PI * pow(u, 1.25)));
}

static double along(const fish *f, double t)
{
    return f->nose + t * f->length;
}

static double edge(const fish *f, double t, int side)
{
    return f->middle + side * half_height(f, t, side);
}

#define STEPS 14

/* The outline as a smooth curve (Catmull-Rom) through points of back and belly, denser at the nose.
 */
static void body_path(fish *f)
{
    double x[2 * STEPS + 3], y[2 * STEPS + 3];
    int n = 0;
    for (int i = STEPS; i > 0; i--, n++) {
        double t = pow(i / (double)STEPS, 1.6);
        x[n] = along(f, t);
        y[n] = edge(f, t, -1);
    }
    for (int i = 0; i <= STEPS; i++, n++) {
        double t = pow(i / (double)STEPS, 1.6);
        x[n] = along(f, t);
        y[n] = edge(f, t, 1);
    }
    cairo_new_path(f->c);
    cairo_move_to(f->c, x[0], y[0]);
    for (int i = 0; i + 1 < n; i++) {
        int before = i > 0 ? i - 1 : 0, after = i + 2 < n ? i + 2 : n - 1;
        cairo_curve_to(f->c, x[i] + (x[i + 1] - x[before]) / 6, y[i] + (y[i + 1] - y[before]) / 6,
                       x[i + 1] - (x[after] - x[i]) / 6, y[i + 1] - (y[after] - y[i]) / 6, x[i + 1],
                       y[i + 1]);
    }
    cairo_close_path(f->c);
    bent(f);
}

/* ---- fins */

/* Fills the path from one colour at (x0, y0) to another at (x1, y1), keeping it. */
static void washed(fish *f, double x0, double y0, rgb a, double x1, double y1, rgb b)
{
    cairo_pattern_t *wash;
    bend_point(f, &x0, &y0);
    bend_point(f, &x1, &y1);
    wash = cairo_pattern_create_linear(x0, y0, x1, y1);
    cairo_pattern_add_color_stop_rgb(wash, 0, a.r, a.g, a.b);
    cairo_pattern_add_color_stop_rgb(wash, 1, b.r, b.g, b.b);
    cairo_set_source(f->c, wash);
    cairo_fill_preserve(f->c);
    cairo_pattern_destroy(wash);
}

static void tail_path(fish *f)
{
    cairo_t *c = f->c;
    double x = f->root - 1, y = f->middle, h = f->narrow, t = f->tail, s = 8.5 + .13 * f->height;
    cairo_new_path(c);
    cairo_move_to(c, x, y - h);
    switch ((int)f->p[TAIL]) {
    case FORKED:
        cairo_curve_to(c, x + .35 * t, y - h, x + .6 * t, y - s, x + t + 1, y - s - 1.5);
        cairo_curve_to(c, x + .8 * t, y - .5 * s, x + .45 * t, y - .25 * s, x + .42 * t, y);
        cairo_curve_to(c, x + .45 * t, y + .25 * s, x + .8 * t, y + .5 * s, x + t + 1, y + s + 1.5);
        cairo_curve_to(c, x + .6 * t, y + s, x + .35 * t, y + h, x, y + h);
        break;
    case ROUND:
        cairo_curve_to(c, x + .2 * t, y - h, x + .2 * t, y - s, x + .58 * t, y - s);
        cairo_curve_to(c, x + .95 * t, y - s, x + t, y - .5 * s, x + t, y);
        cairo_curve_to(c, x + t, y + .5 * s, x + .95 * t, y + s, x + .58 * t, y + s);
        cairo_curve_to(c, x + .2 * t, y + s, x + .2 * t, y + h, x, y + h);
        break;
    case FAN:
        cairo_curve_to(c, x + .2 * t, y - h, x + .5 * t, y - .8 * s, x + .92 * t, y - s - 2);
        cairo_line_to(c, x + .92 * t, y + s + 2);
        cairo_curve_to(c, x + .5 * t, y + .8 * s, x + .2 * t, y + h, x, y + h);
        break;
    default:
        cairo_curve_to(c, x + .1 * t, y - .6 * s, x + .35 * t, y - .8 * s, x + .5 * t, y - .62 * s);
        cairo_curve_to(c, x + .7 * t, y - .4 * s, x + .9 * t, y - 1, x + t + 2, y);
        cairo_curve_to(c, x + .9 * t, y + 1, x + .7 * t, y + .4 * s, x + .5 * t, y + .62 * s);
        cairo_curve_to(c, x + .35 * t, y + .8 * s, x + .1 * t, y + .6 * s, x, y + h);
    }
    cairo_close_path(c);
    bent(f);
}

/* Rays of a fin whose path is there: from a point outwards, between two angles. */
static void rays(fish *f, double x, double y, double from, double to, int n)
{
    cairo_t *c = f->c;
    cairo_save(c);
    cairo_clip(c);
    for (int i = 0; i < n; i++) {
        double a = from + (to - from) * (i + .5) / n;
        cairo_move_to(c, x + 4 * cos(a), y + 4 * sin(a));
        cairo_line_to(c, x + 30 * cos(a), y + 30 * sin(a));
    }
    bent(f);
    colour(f, f->line, .45);
    cairo_set_line_width(c, .7);
    cairo_stroke(c);
    cairo_restore(c);
}

/* What arms a fish comes part by part: how much of a part is there that begins at from and is whole
   at to, for so armed a fish. */
static double grown(const fish *f, double from, double to)
{
    return fmin(fmax((f->armed - from) / (to - from), 0), 1);
}

static void draw_tail(fish *f)
{
    tail_path(f);
    washed(f, f->root, 0, rule_mix(f->body, f->fins, .6), f->root + .6 * f->tail, 0, f->fins);
    rays(f, f->root - 4, f->middle, -.75, .75, 7);
    tail_path(f);
    outlined(f, f->line, 1.3);
    if (grown(f, .7, .85) > 0) {
        tail_path(f);
        colour(f, f->neon, grown(f, .7, .85));
        cairo_set_line_width(f->c, 1.2);
        cairo_stroke(f->c);
    }
}

static void dorsal_path(fish *f, double tall)
{
    cairo_t *c = f->c;
    double a = along(f, .26), b = along(f, .80), ya = edge(f, .26, -1), yb = edge(f, .80, -1);
    double top = edge(f, .4, -1) - tall, w = b - a;
    cairo_new_path(c);
    cairo_move_to(c, a, ya + 1);
    if (f->p[SHAPE] < .5 || f->p[SPIKES] > .3f) {
        cairo_curve_to(c, a + .05 * w, top + 1, a + .25 * w, top, a + .45 * w, top);
        cairo_curve_to(c, a + .8 * w, top, a + .98 * w, .5 * (top + yb), b, yb + 1);
    } else {
        cairo_curve_to(c, a + .2 * w, ya - .3 * tall, a + .5 * w, top + .1 * tall, a + .82 * w,
                       top - .5);
        cairo_curve_to(c, a + .70 * w, .5 * (top + yb), a + .75 * w, yb - 1, b, yb + 1);
    }
    cairo_line_to(c, along(f, .55), f->middle);
    cairo_close_path(c);
    bent(f);
}

static void draw_dorsal(fish *f)
{
    double tall = 2.6 + 9.4 * f->p[FIN];
    double x = along(f, .5), y = edge(f, .5, -1);
    if (f->p[SPIKES] > 0)
        tall *= 1 - .7 * f->p[SPIKES];
    dorsal_path(f, tall);
    washed(f, x, y, rule_mix(f->body, f->fins, .7), x, y - .6 * tall, f->fins);
    rays(f, along(f, .42), f->middle + 2, -2.2, -.65, 7);
    dorsal_path(f, tall);
    outlined(f, f->line, 1.3);
}

static void draw_low_fins(fish *f)
{
    cairo_t *c = f->c;
    for (int i = 0; i < 2; i++) {
        double t = i ? .76 : .46, x = along(f, t), y = edge(f, t, 1), s = i ? 4.5 : 6;
        cairo_new_path(c);
        cairo_move_to(c, x - 3, y - 2);
        cairo_curve_to(c, x - 1.5, y + .4 * s, x + .2 * s, y + .8 * s, x + .75 * s, y + s);
        cairo_curve_to(c, x + .8 * s, y + .4 * s, x + .8 * s, y, x + .55 * s, y - 2);
        cairo_close_path(c);
        bent(f);
        colour(f, f->fins, 1);
        cairo_fill_preserve(c);
        outlined(f, f->line, 1.2);
    }
}

/* The fin at the breast, with a lionfish as large as a fan. */
static void draw_breast_fin(fish *f)
{
    cairo_t *c = f->c;
    double s = 6 + .08 * f->height + 2 * f->p[SPIKES], droop = .14 * f->height;
    cairo_save(c);
    cairo_translate(c, along(f, .43), f->middle + droop);
    cairo_rotate(c, .45);
    cairo_new_path(c);
    cairo_move_to(c, -1, 0);
    cairo_curve_to(c, .2 * s, -.5 * s, .8 * s, -.55 * s, s, -.1 * s);
    cairo_curve_to(c, .95 * s, .3 * s, .4 * s, .5 * s, -1, 0);
    cairo_close_path(c);
    cairo_restore(c);
    bent(f);
    colour(f, rule_mix(f->fins, light(f->fins) > .5 ? ink : cream, .22), 1);
    cairo_fill_preserve(c);
    outlined(f, f->line, 1.1);
}

/* ---- spikes */

static void spike(fish *f, double x, double y, double angle, double length, double base)
{
    cairo_t *c = f->c;
    double ux = cos(angle), uy = sin(angle), px = -uy * base, py = ux * base;
    cairo_new_path(c);
    cairo_move_to(c, x + px - ux, y + py - uy);
    cairo_line_to(c, x + ux * length, y + uy * length);
    cairo_line_to(c, x - px - ux, y - py - uy);
    cairo_close_path(c);
    bent(f);
}

static void draw_spikes(fish *f)
{
    double most = f->p[SPIKES] * (13 - .08 * f->height);
    if (f->p[SPIKES] < .05)
        return;
    for (int side = -1; side <= 1; side += 2)
        for (int i = 0; i < (side < 0 ? 7 : 5); i++) {
            double t = side < 0 ? .15 + .115 * i : .33 + .125 * i;
            double u = (side < 0 ? i / 6.0 : i / 4.0) - .5;
            double angle = side * (PI / 2 - .75 * u - .15);
            double length = most * (side < 0 ? 1 - .9 * u * u : .75 - .6 * u * u);
            double x = along(f, t), y = edge(f, t, side);
            spike(f, x, y, angle, length, 1.5);
            colour(f, i % 2 ? f->fins : rule_mix(f->fins, f->armed > .5 ? f->neon : cream, .6), 1);
            cairo_fill_preserve(f->c);
            outlined(f, f->line, .9);
        }
}

/* ---- the body */

static void draw_stripes(fish *f)
{
    cairo_t *c = f->c;
    double w = f->length * .105;
    for (int i = 0; i < 3; i++) {
        double x = along(f, .40 + .20 * i), bend = 1.6;
        cairo_new_path(c);
        cairo_move_to(c, x - w / 2, f->middle - 22);
        cairo_curve_to(c, x + bend, f->middle - 7, x + bend, f->middle + 7, x - w / 2,
                       f->middle + 22);
        cairo_line_to(c, x + w / 2, f->middle + 22);
        cairo_curve_to(c, x + bend + w, f->middle + 7, x + bend + w, f->middle - 7, x + w / 2,
                       f->middle - 22);
        cairo_close_path(c);
        bent(f);
        cairo_fill(c);
    }
}

static void draw_spots(fish *f)
{
    double r = 1.9 + .026 * f->height, step = 2.7 * r;
    int rows = (int)((f->height - 5) / step);
    rows = rows < 1 ? 1 : rows;
    for (int row = 0; row < rows; row++) {
        double y = f->middle - .04 * f->height + (row - .5 * (rows - 1)) * step;
        for (int i = 0; i < 6; i++) {
            double x = along(f, .42) + (i + .5 * (row & 1)) * step * 1.12;
            double t = (x - f->nose) / f->length;
            if (t > .93 || fabs(y - f->middle) + .3 * r > half_height(f, t, y < f->middle ? -1 : 1))
                continue;
            cairo_new_sub_path(f->c);
            cairo_arc(f->c, x, y, r, 0, 2 * PI);
        }
    }
    bent(f);
    cairo_fill(f->c);
}

static void draw_scales(fish *f)
{
    double r = 2.5, dx = 3.9;
    int row = 0;
    for (double y = f->middle - 20; y < f->middle + 20; y += 3.3, row++)
        for (double x = along(f, .36) + (row & 1 ? dx / 2 : 0); x < f->root; x += dx) {
            double t = (x - f->nose) / f->length;
            if (fabs(y - f->middle) > half_height(f, t, y < f->middle ? -1 : 1) + 2)
                continue;
            cairo_new_sub_path(f->c);
            cairo_arc(f->c, x, y, r, -1.15, 1.15);
        }
    bent(f);
    cairo_set_line_width(f->c, 1.15);
    cairo_stroke(f->c);
}

static void draw_pattern(fish *f)
{
    static void (*const draw[])(fish *) = {NULL, draw_stripes, draw_spots, draw_scales};
    int pattern = (int)f->p[PATTERN];
    double seen = 1 - f->armed;
    if (!draw[pattern] || seen <= 0)
        return;
    cairo_new_path(f->c);
    colour(f, f->marks, pattern == SCALES ? .85 * seen : seen);
    draw[pattern](f);
}

/* Plates of steel over back and flank, with rivets: one after the other from the head on, each
   growing from the back down. */
static void draw_plates(fish *f)
{
    cairo_t *c = f->c;
    double w = f->length * .16, low = f->middle + .06 * f->height;
    for (int i = 0; i < 3; i++) {
        double x = along(f, .36) + i * (w + .4), top = f->middle - 20;
        double there = grown(f, .04 + .18 * i, .2 + .18 * i), end = top + (low - top) * there;
        rgb plate = rule_mix(iron, steel, i == 1 ? .55 : .28);
        if (there <= 0)
            continue;
        cairo_new_path(c);
        cairo_move_to(c, x, top);
        cairo_line_to(c, x + w, top);
        cairo_line_to(c, x + w, end - 1.2);
        cairo_line_to(c, x + w - 1.2, end);
        cairo_line_to(c, x, end);
        cairo_close_path(c);
        bent(f);
        colour(f, plate, 1);
        cairo_fill_preserve(c);
        outlined(f, ink, 1.1);
        for (int k = 0; k < 2 && there >= 1; k++) {
            double t = (x + w / 2 - f->nose) / f->length;
            double up = edge(f, t, -1) + 2.6;
            disc(f, x + w / 2, k ? low - 2.2 : fmin(up, low - 2.2), .85,
                 rule_mix(steel, white, .6));
        }
    }
}

static rgb body_colour(const fish *f, double u)
{
    rgb dark = rule_mix(f->body, ink, .22),
        pale = rule_mix(f->body, cream, .6 * (1 - .8 * f->armed));
    return u < .25 ? rule_mix(dark, f->body, u / .25)
                   : rule_mix(f->body, pale, fmax(0, (u - .68) / .32));
}

/* From the dark back to the pale belly.  Cairo has no gradient along a curve: a bent body is
   washed band by band, each from its upper edge down. */
static void wash_body(fish *f)
{
    enum { BANDS = 20 };
    cairo_t *c = f->c;
    double top = edge(f, .4, -1), high = edge(f, .4, 1) - top;
    cairo_pattern_t *wash;
    if (f->bend > 0) {
        colour(f, body_colour(f, 0), 1);
        cairo_fill(c);
        for (int i = 1; i < BANDS; i++) {
            double u = i / (double)BANDS, y = top + u * high;
            if (u > .26 && u < .68)
                continue;
            for (int k = 0; k <= 8; k++)
                cairo_line_to(c, f->nose - 2 + k / 8.0 * (f->length + 6), y);
            cairo_line_to(c, f->root + 4, f->middle + 30);
            for (int k = 8; k >= 0; k--)
                cairo_line_to(c, f->nose - 2 + k / 8.0 * (f->length + 6), f->middle + 18);
            cairo_close_path(c);
            bent(f);
            colour(f, body_colour(f, u), 1);
            cairo_fill(c);
        }
        return;
    }
    wash = cairo_pattern_create_linear(0, top, 0, top + high);
    for (int i = 0; i < 4; i++) {
        double stop = (const double[]){0, .25, .68, 1}[i];
        rgb at = body_colour(f, stop);
        cairo_pattern_add_color_stop_rgb(wash, stop, at.r, at.g, at.b);
    }
    cairo_set_source(c, wash);
    cairo_fill(c);
    cairo_pattern_destroy(wash);
}

static void draw_body(fish *f)
{
    cairo_t *c = f->c;
    cairo_save(c);
    body_path(f);
    cairo_clip_preserve(c);
    wash_body(f);
    draw_pattern(f);
    if (f->armed > 0)
        draw_plates(f);
    cairo_restore(c);
    body_path(f);
    outlined(f, f->line, 1.5);
}

/* ---- the head */

static void draw_gill(fish *f)
{
    double x = along(f, .26), h = .30 * f->height;
    cairo_new_path(f->c);
    cairo_move_to(f->c, x, f->middle - h);
    cairo_curve_to(f->c, x + 3.4, f->middle - .4 * h, x + 3.4, f->middle + .5 * h, x,
                   f->middle + h);
    bent(f);
    outlined(f, f->line, 1.1);
}

static void draw_mouth(fish *f)
{
    double smile = 2 * f->p[MOUTH] - 1, x = f->nose + .4, y = f->middle + .10 * f->height + .4;
    cairo_new_path(f->c);
    cairo_move_to(f->c, x, y);
    cairo_curve_to(f->c, x + 1.4, y + .9 * smile, x + 2.6, y + .6 * smile, x + 3.6,
                   y - 1.2 * smile);
    bent(f);
    outlined(f, f->line, 1.1);
}

static void draw_eye(fish *f)
{
    double x = f->eye_x, y = f->eye_y, r = f->eye;
    if (f->armed > 0) {
        double gx = x, gy = y;
        cairo_pattern_t *glow;
        bend_point(f, &gx, &gy);
        glow = cairo_pattern_create_radial(gx, gy, r * .6, gx, gy, r * 1.65);
        cairo_pattern_add_color_stop_rgba(glow, 0, f->neon.r, f->neon.g, f->neon.b, .8 * f->armed);
        cairo_pattern_add_color_stop_rgba(glow, 1, f->neon.r, f->neon.g, f->neon.b, 0);
        cairo_arc(f->c, gx, gy, r * 1.65, 0, 2 * PI);
        cairo_set_source(f->c, glow);
        cairo_fill(f->c);
        cairo_pattern_destroy(glow);
    }
    disc(f, x, y, r, rule_mix(ink, iron, f->armed));
    disc(f, x, y, r - .75, rule_mix(white, f->neon, f->armed));
    disc(f, x - .1 * r, y + .05 * r, .50 * r, rule_mix(ink, white, f->armed));
    disc(f, x - .28 * r, y - .22 * r, .20 * r, white);
}

/* ---- arms */

static void draw_neon(fish *f)
{
    cairo_t *c = f->c;
    double y = f->middle + .20 * f->height, a = along(f, .30), b = f->root + 1;
    double there = grown(f, .6, .8);
    for (int i = 0; i < 3; i++) {
        cairo_new_path(c);
        cairo_move_to(c, a, f->middle + .02 * f->height);
        cairo_line_to(c, a + 3, y);
        cairo_line_to(c, along(f, .78), y);
        cairo_line_to(c, b, f->middle);
        bent(f);
        colour(f, i == 2 ? rule_mix(f->neon, white, .35) : f->neon, there * (i == 0 ? .35 : 1));
        cairo_set_line_width(c, i == 0 ? 3.6 : i == 1 ? 1.7 : .6);
        cairo_stroke(c);
    }
}

/* It comes out from under the belly. */
static void draw_cannon(fish *f)
{
    cairo_t *c = f->c;
    double x = along(f, .30), y = edge(f, .42, 1) + 1.2, there = grown(f, .5, .7);
    if (there <= 0)
        return;
    bend_point(f, &x, &y);
    cairo_save(c);
    cairo_translate(c, x + 12, y - 4 * (1 - there));
    cairo_scale(c, fmax(there, .05), 1);
    cairo_rectangle(c, -9, -2.2, 9, 4.2);
    cairo_rectangle(c, -18, -.6, 10, 2.4);
    colour(f, iron, 1);
    cairo_fill_preserve(c);
    outlined(f, f->gun, 1);
    cairo_rectangle(c, -19, -.9, 2, 3);
    colour(f, f->neon, 1);
    cairo_fill(c);
    cairo_restore(c);
}

/* ---- all of it */

static void fish_measure(fish *f, int dark)
{
    const float *p = f->p;
    rgb body = rule_around(palette, FISH_COLOURS, p[COLOUR]),
        fins = rule_around(palette, FISH_COLOURS, p[SECOND]);
    f->armed = p[ARMED];
    f->length = 30 + 16 * p[LENGTH];
    f->tail = 13.5 + p[LENGTH];
    f->height = 14 + 21 * p[GIRTH];
    f->narrow = 1.8 + .055 * f->height;
    f->nose = 32 - (f->length + f->tail) / 2;
    f->root = f->nose + f->length;
    f->middle = 33;
    f->eye = 2.5 + 2.2 * p[EYE];
    f->eye_x = along(f, .15) + .6 * f->eye;
    f->eye_y = f->middle - .10 * f->height - .12 * f->eye;
    f->neon = rule_around(neons, FISH_NEONS, p[NEON]);
    f->body = rule_mix(body, iron, .22 * f->armed);
    f->fins = rule_mix(fins, iron, .10 * f->armed);
    f->marks = against(fins, body);
    f->line = dark ? rule_mix(body, cream, .72 - .2 * f->armed)
                   : rule_mix(rule_mix(body, ink, .78), ink, f->armed);
    f->gun = dark ? f->line : ink;
}

void fish_paint(cairo_t *c, const float *p, int dark, double bold)
{
    fish f = {.c = c, .p = p, .bold = bold};
    fish_measure(&f, dark);
    fish_bend(&f);
    cairo_save(c);
    if (p[FACING] > .5) {
        cairo_translate(c, 64, 0);
        cairo_scale(c, -1, 1);
    }
    if (p[TILT] < 0 || p[TILT] > 0 || p[SCALE] < 1 || p[SCALE] > 1) {
        cairo_translate(c, 32, 32);
        cairo_rotate(c, p[TILT] * 50 * PI / 180);
        cairo_scale(c, p[SCALE], p[SCALE]);
        cairo_translate(c, -32, -32);
    }
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
    draw_tail(&f);
    draw_dorsal(&f);
    draw_spikes(&f);
    draw_low_fins(&f);
    if (f.armed > 0)
        draw_cannon(&f);
    draw_body(&f);
    draw_gill(&f);
    if (f.armed > 0)
        draw_neon(&f);
    draw_breast_fin(&f);
    draw_mouth(&f);
    draw_eye(&f);
    cairo_restore(c);
}

void fish_eye_at(const float *p, double *x, double *y, double *radius)
{
    double a = p[TILT] * 50 * PI / 180, dx, dy;
    fish f = {.p = p};
    fish_measure(&f, 0);
    fish_bend(&f);
    *x = f.eye_x;
    *y = f.eye_y;
    bend_point(&f, x, y);
    dx = *x - 32;
    dy = *y - 32;
    *x = 32 + p[SCALE] * (dx * cos(a) - dy * sin(a));
    *y = 32 + p[SCALE] * (dx * sin(a) + dy * cos(a));
    *x = p[FACING] > .5f ? 64 - *x : *x;
    *radius = p[SCALE] * f.eye;
}

static int fish_draw(cairo_t *c, const rule_scene *scene)
{
    fish_water(c, scene, (fish_waters)scene->p[WATER], scene->p[PAPER]);
    fish_paint(c, scene->p, fish_water_dark((fish_waters)scene->p[WATER]), 1);
    return 0;
}

/* ---- chance */

/* Mostly clearly small or clearly large, sometimes between. */
static float fish_extreme(rule_chance *r)
{
    double kind = rule_uniform(r);
    if (kind < .44)
        return (float)rule_between(r, 0, .32);
    if (kind < .88)
        return (float)rule_between(r, .68, 1);
    return (float)rule_between(r, .36, .64);
}

static float fish_hue(rule_chance *r, int colours, int place)
{
    double hue = place + rule_between(r, -.13, .13);
    return (float)(hue < 0 ? hue + colours : hue);
}

/* How large it can be so that, tilted as it is, it stays inside the picture. */
static double fish_room(const float *p)
{
    double a = fabs(p[TILT]) * 50 * PI / 180, wide = (30 + 16 * p[LENGTH] + 14 + p[LENGTH]) / 2;
    double high =
        .5 * (14 + 21 * p[GIRTH]) + fmax(2.6 + 9.4 * p[FIN] * (1 - p[SPIKES]), p[SPIKES] * 10);
    double across = wide * cos(a) + .6 * high * sin(a), up = .8 * wide * sin(a) + high * cos(a);
    return 31 / fmax(across, up + 6 * p[BEND]);
}

static void fish_random(rule_chance *r, float *p)
{
    int main = rule_below(r, FISH_COLOURS), second = rule_below(r, FISH_COLOURS);
    if (rule_luck(r, .55))
        second = main;
    p[GIRTH] = fish_extreme(r);
    p[LENGTH] = fish_extreme(r);
    p[COLOUR] = fish_hue(r, FISH_COLOURS, main);
    p[SECOND] = fish_hue(r, FISH_COLOURS, second);
    p[PATTERN] = (float)rule_below(r, 4);
    p[TAIL] = (float)rule_below(r, 4);
    p[FIN] = fish_extreme(r);
    p[SHAPE] = (float)rule_below(r, 2);
    p[SPIKES] = (float)(rule_luck(r, .25) ? rule_between(r, .7, 1) : 0);
    p[EYE] = fish_extreme(r);
    p[ARMED] = (float)(rule_luck(r, .34) ? rule_between(r, .85, 1) : 0);
    p[NEON] = fish_hue(r, FISH_NEONS, rule_below(r, FISH_NEONS));
    p[PAPER] = (float)rule_uniform(r);
    p[MOUTH] = (float)rule_uniform(r);
    /* what came later: those before it are what they always were */
    if (p[ARMED] > 0 && rule_luck(r, .15))
        p[ARMED] = (float)rule_between(r, .2, .8);
    p[FACING] = (float)rule_below(r, 2);
    p[WATER] = (float)(rule_luck(r, .4) ? PAPER_SHEET : 1 + rule_below(r, FISH_WATERS - 1));
    p[BEND] = (float)(rule_luck(r, .3) ? 0 : rule_between(r, .1, .9));
    p[SWIM] = (float)rule_uniform(r);
    p[TILT] = (float)(rule_luck(r, .4) ? 0 : rule_between(r, -.8, .8));
    p[SCALE] = (float)fmin(rule_between(r, .7, 1.1), fish_room(p));
}

const latent_rule latent_rule_fish = {
    .name = "fish",
    .params = fish_params,
    .count = FISH_PARAMS,
    .first_count = WATER,
    .draw = fish_draw,
    .random = fish_random,
    .caption = fish_caption,
};
