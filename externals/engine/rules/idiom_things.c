/* idiom_things: see idiom.h.  Drawn in the manner of New Year prints: flat colours, a dark line. */
#include "idiom.h"
#include <math.h>

#define PI 3.14159265358979323846

static const rgb ink = {.13, .10, .12}, white = {.99, .97, .93}, rose = {.95, .45, .56},
                 leaf_green = {.25, .52, .33}, red = {.80, .14, .12}, gold = {.96, .73, .22},
                 wood = {.42, .27, .17}, iron = {.22, .22, .26};

static void pour(cairo_t *c, rgb fill)
{
    cairo_set_source_rgb(c, fill.r, fill.g, fill.b);
    cairo_fill(c);
}

static void line(cairo_t *c, rgb colour, double width)
{
    cairo_set_source_rgb(c, colour.r, colour.g, colour.b);
    cairo_set_line_width(c, width);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_stroke(c);
}

static void shape(cairo_t *c, rgb fill, double width)
{
    cairo_set_source_rgb(c, fill.r, fill.g, fill.b);
    cairo_fill_preserve(c);
    line(c, ink, width);
}

static void oval(cairo_t *c, double x, double y, double rx, double ry)
{
    cairo_save(c);
    cairo_translate(c, x, y);
    cairo_scale(c, rx, ry);
    cairo_new_sub_path(c);
    cairo_arc(c, 0, 0, 1, 0, 2 * PI);
    cairo_restore(c);
}

void idiom_ground(cairo_t *c, rgb above, rgb below)
{
    cairo_pattern_t *p = cairo_pattern_create_linear(0, 0, 0, 64);
    cairo_pattern_add_color_stop_rgb(p, 0, above.r, above.g, above.b);
    cairo_pattern_add_color_stop_rgb(p, 1, below.r, below.g, below.b);
    cairo_set_source(c, p);
    cairo_paint(c);
    cairo_pattern_destroy(p);
}

void idiom_water(cairo_t *c, double y, double crest, rgb water)
{
    for (int row = 0; y + 7 * row < 64; row++) {
        double at = y + 7 * row, left = -6 * (row & 1);
        cairo_move_to(c, -8, 66);
        cairo_line_to(c, -8, at);
        for (double x = left - 2; x < 66; x += 12)
            cairo_curve_to(c, x + 4, at - crest, x + 8, at - crest, x + 12, at);
        cairo_line_to(c, 78, 66);
        cairo_close_path(c);
        pour(c, rule_mix(water, ink, fmin(.06 * row, .4)));
        cairo_move_to(c, left - 2, at);
        for (double x = left - 2; x < 66; x += 12)
            cairo_curve_to(c, x + 4, at - crest, x + 8, at - crest, x + 12, at);
        line(c, rule_mix(water, white, .55), .8);
    }
}

void idiom_rings(cairo_t *c, double x, double y, double r, int n, rgb colour)
{
    for (int i = 1; i <= n; i++)
        oval(c, x, y, r * i / n, .4 * r * i / n);
    line(c, colour, .8);
}

void idiom_moonlight(cairo_t *c, double x, double y, double r, rgb light)
{
    for (int i = 0; i < 7; i++) {
        double w = r * (1.05 - .11 * i) * (i & 1 ? .6 : 1), at = x + (i & 1 ? .2 : -.1) * r;
        cairo_move_to(c, at - w, y + 4.4 * i);
        cairo_curve_to(c, at - .3 * w, y + 4.4 * i - 1.4, at + .3 * w, y + 4.4 * i + 1.4, at + w,
                       y + 4.4 * i);
    }
    line(c, light, 1.5);
}

void idiom_disc(cairo_t *c, double x, double y, double r, rgb fill)
{
    oval(c, x, y, r, r);
    pour(c, fill);
}

void idiom_pearl(cairo_t *c, double x, double y, double r)
{
    oval(c, x, y, r, r);
    shape(c, (rgb){.93, .90, .92}, .9);
    oval(c, x - .3 * r, y - .3 * r, .3 * r, .3 * r);
    pour(c, white);
}

void idiom_lotus(cairo_t *c, double x, double y, double s)
{
    static const double turns[] = {-1.15, 1.15, -.6, .6, 0};
    cairo_move_to(c, x, y);
    cairo_curve_to(c, x + .3 * s, y + .5 * s, x - .2 * s, y + .9 * s, x, y + 1.4 * s);
    line(c, leaf_green, 1.4);
    for (int i = 0; i < 5; i++) {
        cairo_save(c);
        cairo_translate(c, x, y);
        cairo_rotate(c, turns[i]);
        cairo_move_to(c, 0, 0);
        cairo_curve_to(c, -.55 * s, -.45 * s, -.3 * s, -.9 * s, 0, -1.15 * s);
        cairo_curve_to(c, .3 * s, -.9 * s, .55 * s, -.45 * s, 0, 0);
        cairo_restore(c);
        shape(c, rule_mix(rose, white, i == 4 ? .62 : i > 1 ? .38 : .15), .9);
    }
    oval(c, x, y - .12 * s, .22 * s, .14 * s);
    shape(c, gold, .7);
}

void idiom_leaf(cairo_t *c, double x, double y, double r, double notch)
{
    cairo_save(c);
    cairo_translate(c, x, y);
    cairo_scale(c, 1, .5);
    cairo_move_to(c, 0, 0);
    cairo_arc(c, 0, 0, r, notch, notch + 1.88 * PI);
    cairo_close_path(c);
    cairo_restore(c);
    shape(c, leaf_green, .9);
    for (int i = 1; i < 7; i++) {
        double a = notch + i * 1.88 * PI / 7;
        cairo_move_to(c, x, y);
        cairo_line_to(c, x + .8 * r * cos(a), y + .4 * r * sin(a));
    }
    line(c, rule_mix(leaf_green, white, .35), .6);
}

static void roof(cairo_t *c, double x, double y, double w, double h)
{
    cairo_move_to(c, x - w, y - .1 * h);
    cairo_curve_to(c, x - .7 * w, y - .1 * h, x - .5 * w, y - .6 * h, x - .4 * w, y - h);
    cairo_line_to(c, x + .4 * w, y - h);
    cairo_curve_to(c, x + .5 * w, y - .6 * h, x + .7 * w, y - .1 * h, x + w, y - .1 * h);
    cairo_line_to(c, x + .85 * w, y + .25 * h);
    cairo_line_to(c, x - .85 * w, y + .25 * h);
    cairo_close_path(c);
    shape(c, (rgb){.20, .34, .36}, 1);
}

/* Four posts, a board with its name, and three roofs, the middle one higher. */
void idiom_gate(cairo_t *c, double x, double y, double s)
{
    static const double posts[] = {-1.05, -.5, .5, 1.05};
    for (int i = 0; i < 4; i++) {
        cairo_rectangle(c, x + posts[i] * s - .09 * s, y - 1.4 * s, .18 * s, 1.4 * s);
        shape(c, red, 1);
    }
    cairo_rectangle(c, x - 1.1 * s, y - 1.12 * s, 2.2 * s, .16 * s);
    shape(c, gold, .9);
    cairo_rectangle(c, x - .42 * s, y - 1.75 * s, .84 * s, .5 * s);
    shape(c, gold, .9);
    for (int side = -1; side <= 1; side += 2)
        roof(c, x + side * .85 * s, y - 1.34 * s, .55 * s, .36 * s);
    roof(c, x, y - 1.78 * s, .85 * s, .42 * s);
}

void idiom_bird(cairo_t *c, double x, double y, double s, double angle, rgb feathers)
{
    cairo_save(c);
    cairo_translate(c, x, y);
    if (cos(angle) < 0)
        cairo_scale(c, 1, -1);
    cairo_rotate(c, cos(angle) < 0 ? -angle : angle);
    cairo_move_to(c, -.1 * s, 0); /* the far wing */
    cairo_curve_to(c, 0, -.5 * s, -.3 * s, -.9 * s, -.75 * s, -1.1 * s);
    cairo_curve_to(c, -.65 * s, -.6 * s, -.5 * s, -.2 * s, -.4 * s, 0);
    cairo_close_path(c);
    shape(c, rule_mix(feathers, ink, .3), 1);
    cairo_move_to(c, -1.1 * s, -.12 * s); /* body, neck and head */
    cairo_curve_to(c, -.6 * s, -.3 * s, .2 * s, -.25 * s, .55 * s, -.18 * s);
    cairo_curve_to(c, .8 * s, -.3 * s, 1.1 * s, -.25 * s, 1.15 * s, -.05 * s);
    cairo_curve_to(c, 1.0 * s, .1 * s, .7 * s, .05 * s, .5 * s, .12 * s);
    cairo_curve_to(c, 0, .35 * s, -.6 * s, .2 * s, -1.1 * s, .1 * s);
    cairo_close_path(c);
    shape(c, feathers, 1);
    cairo_move_to(c, .15 * s, -.1 * s); /* the near wing */
    cairo_curve_to(c, .25 * s, -.6 * s, .15 * s, -1.0 * s, -.15 * s, -1.3 * s);
    cairo_curve_to(c, -.3 * s, -.8 * s, -.45 * s, -.3 * s, -.4 * s, .05 * s);
    cairo_close_path(c);
    shape(c, rule_mix(feathers, white, .3), 1);
    cairo_move_to(c, 1.12 * s, -.14 * s);
    cairo_line_to(c, 1.5 * s, -.02 * s);
    cairo_line_to(c, 1.1 * s, .02 * s);
    cairo_close_path(c);
    shape(c, gold, .7);
    oval(c, .95 * s, -.12 * s, .06 * s, .06 * s);
    pour(c, ink);
    cairo_restore(c);
}

void idiom_net(cairo_t *c, double x, double y, double w, double h)
{
    cairo_save(c);
    cairo_move_to(c, x - w, y);
    cairo_curve_to(c, x - .9 * w, y + 1.2 * h, x + .9 * w, y + 1.2 * h, x + w, y);
    cairo_close_path(c);
    cairo_clip(c);
    for (double d = -w - h; d < w + h; d += .28 * w) {
        cairo_move_to(c, x + d, y);
        cairo_line_to(c, x + d + h, y + h);
        cairo_move_to(c, x + d, y);
        cairo_line_to(c, x + d - h, y + h);
    }
    line(c, rule_mix(wood, white, .15), .8);
    cairo_restore(c);
    cairo_move_to(c, x - w, y);
    cairo_curve_to(c, x - .9 * w, y + 1.2 * h, x + .9 * w, y + 1.2 * h, x + w, y);
    cairo_close_path(c);
    line(c, wood, 1.6);
}

void idiom_hook(cairo_t *c, double x, double y)
{
    cairo_move_to(c, x, -2);
    cairo_line_to(c, x, y - 6);
    line(c, ink, .8);
    oval(c, x, 11, 1.6, 2.6);
    shape(c, red, .8);
    cairo_move_to(c, x, y - 6);
    cairo_curve_to(c, x, y + 3, x - 6, y + 3, x - 5.5, y - 2);
    cairo_line_to(c, x - 4, y - 1);
    line(c, iron, 1.4);
}

void idiom_flame(cairo_t *c, double x, double y, double s)
{
    for (int i = 0; i < 2; i++) {
        double k = i ? .55 * s : s;
        cairo_move_to(c, x, y);
        cairo_curve_to(c, x - .8 * k, y, x - .75 * k, y - .8 * k, x - .3 * k, y - 1.1 * k);
        cairo_curve_to(c, x - .35 * k, y - .8 * k, x - .1 * k, y - .9 * k, x + .1 * k, y - 1.7 * k);
        cairo_curve_to(c, x + .4 * k, y - 1.2 * k, x + .9 * k, y - .2 * k, x, y);
        cairo_close_path(c);
        if (i)
            pour(c, gold);
        else
            shape(c, (rgb){.93, .36, .10}, .9);
    }
}

void idiom_pot(cairo_t *c, double x, double y, double s)
{
    for (int side = -1; side <= 1; side += 2) {
        cairo_rectangle(c, x + side * .5 * s - .07 * s, y + .55 * s, .14 * s, .4 * s);
        shape(c, iron, 1);
        oval(c, x + side * 1.03 * s, y - .02 * s, .16 * s, .2 * s);
        line(c, iron, 1.6);
    }
    cairo_move_to(c, x - s, y - .1 * s);
    cairo_curve_to(c, x - .95 * s, y + .95 * s, x + .95 * s, y + .95 * s, x + s, y - .1 * s);
    cairo_close_path(c);
    shape(c, iron, 1.2);
    cairo_rectangle(c, x - 1.06 * s, y - .22 * s, 2.12 * s, .16 * s);
    shape(c, rule_mix(iron, white, .25), 1);
}

void idiom_tree(cairo_t *c, double x, double y, double s)
{
    static const double crowns[][3] = {
        {-.75, -1.5, .55}, {.75, -1.55, .55}, {-.3, -1.95, .6}, {.35, -2.0, .6}, {0, -1.5, .7}};
    cairo_move_to(c, x - .22 * s, y);
    cairo_curve_to(c, x - .1 * s, y - .5 * s, x - .1 * s, y - .9 * s, x - .3 * s, y - 1.5 * s);
    cairo_line_to(c, x + .3 * s, y - 1.5 * s);
    cairo_curve_to(c, x + .1 * s, y - .9 * s, x + .12 * s, y - .5 * s, x + .26 * s, y);
    cairo_close_path(c);
    shape(c, wood, 1.1);
    for (int i = 0; i < 5; i++) {
        oval(c, x + crowns[i][0] * s, y + crowns[i][1] * s, crowns[i][2] * s,
             .85 * crowns[i][2] * s);
        shape(c, rule_mix(leaf_green, gold, .09 * i), 1);
    }
}

/* Corner (i, k) of the plates into which dry earth breaks, as small behind as they are far. */
static void corner(cairo_t *c, double y, int i, int k)
{
    double far = k * k / 16.0, jump = ((i * 7 + k * 3 + 20) % 5 - 2) * (.5 + far);
    cairo_line_to(c, 32 + (i - 3 + .5 * (k & 1)) * (9 + 9 * far) + jump,
                  y + (66 - y) * far + 1.3 * ((i + 2 * k + 9) % 3 - 1) * (1 + far));
}

void idiom_cracks(cairo_t *c, double y)
{
    for (int k = 0; k < 4; k++)
        for (int i = -1; i < 8; i++) {
            corner(c, y, i, k);
            corner(c, y, i + 1, k);
            cairo_new_sub_path(c);
            corner(c, y, i, k);
            corner(c, y, i, k + 1);
            cairo_new_sub_path(c);
        }
    line(c, rule_mix(wood, ink, .3), .8);
}

void idiom_stone(cairo_t *c, double x, double y, double r)
{
    oval(c, x, y, r, .7 * r);
    shape(c, (rgb){.62, .64, .66}, .9);
    oval(c, x - .3 * r, y - .25 * r, .35 * r, .18 * r);
    pour(c, (rgb){.80, .82, .83});
}

/* Its back, as points of three curves end to end. */
static const double back[][2] = {{34, 8},  {24, -14}, {16, -14},  {10, 2},    {5, 14},
                                 {-3, 12}, {-8, -2},  {-11, -11}, {-16, -14}, {-21, -12}};

static void along_back(cairo_t *c)
{
    cairo_move_to(c, back[0][0], back[0][1]);
    for (int i = 1; i < 10; i += 3)
        cairo_curve_to(c, back[i][0], back[i][1], back[i + 1][0], back[i + 1][1], back[i + 2][0],
                       back[i + 2][1]);
}

/* Point u (0 to 3) of the back, and the direction out of it. */
static void back_at(double u, double at[2], double out[2])
{
    int i = (int)fmin(u, 2);
    double t = u - i, r = 1 - t, n;
    for (int k = 0; k < 2; k++) {
        double a = back[3 * i][k], b = back[3 * i + 1][k], d = back[3 * i + 2][k],
               e = back[3 * i + 3][k];
        at[k] = r * r * r * a + 3 * r * r * t * b + 3 * r * t * t * d + t * t * t * e;
        out[!k] = (k ? -1 : 1) * (r * r * (b - a) + 2 * r * t * (d - b) + t * t * (e - d));
    }
    n = hypot(out[0], out[1]) + 1e-9;
    out[0] /= n;
    out[1] /= n;
}

/* Its back rises from the water; it looks to the left. */
void idiom_dragon(cairo_t *c, double y)
{
    static const rgb scales = {.13, .50, .42};
    cairo_save(c);
    cairo_translate(c, 32, y);
    for (int i = 0; i < 14; i++) { /* the comb */
        double at[2], out[2];
        back_at(.1 + i * .21, at, out);
        cairo_move_to(c, at[0] + 2.2 * out[1], at[1] - 2.2 * out[0]);
        cairo_line_to(c, at[0] + 7.5 * out[0], at[1] + 7.5 * out[1]);
        cairo_line_to(c, at[0] - 2.2 * out[1], at[1] + 2.2 * out[0]);
        cairo_close_path(c);
        shape(c, gold, .8);
    }
    along_back(c);
    line(c, ink, 8.6);
    along_back(c);
    line(c, scales, 6.4);
    cairo_move_to(c, -18, -17); /* the head */
    cairo_curve_to(c, -24, -19, -29, -15, -31, -11);
    cairo_curve_to(c, -29, -8, -25, -8, -22, -7);
    cairo_curve_to(c, -17, -6, -14, -10, -18, -17);
    cairo_close_path(c);
    shape(c, scales, 1.1);
    cairo_move_to(c, -17, -16); /* horns and whiskers */
    cairo_curve_to(c, -14, -19, -12, -20, -9, -20);
    cairo_move_to(c, -29, -12);
    cairo_curve_to(c, -31, -16, -31, -18, -28, -20);
    line(c, gold, 1.3);
    oval(c, -22, -13.5, 2, 2);
    shape(c, white, .8);
    oval(c, -22.4, -13.4, .9, .9);
    pour(c, ink);
    cairo_restore(c);
}

void idiom_letter(cairo_t *c, double x, double y, double s)
{
    cairo_rectangle(c, x - s, y - .62 * s, 2 * s, 1.24 * s);
    shape(c, white, 1);
    cairo_move_to(c, x - s, y - .62 * s);
    cairo_line_to(c, x, y + .12 * s);
    cairo_line_to(c, x + s, y - .62 * s);
    line(c, ink, .9);
    oval(c, x, y + .14 * s, .24 * s, .24 * s);
    shape(c, red, .7);
}

void idiom_heart(cairo_t *c, double x, double y, double s)
{
    cairo_move_to(c, x, y + s);
    cairo_curve_to(c, x - 1.6 * s, y - .1 * s, x - .8 * s, y - 1.2 * s, x, y - .35 * s);
    cairo_curve_to(c, x + .8 * s, y - 1.2 * s, x + 1.6 * s, y - .1 * s, x, y + s);
    cairo_close_path(c);
    shape(c, red, .9);
}

void idiom_mud(cairo_t *c, double phase)
{
    for (int i = 0; i < 9; i++) {
        double x = fmod(7 + 23 * i + 64 * phase, 76) - 6, y = 6 + 6.5 * i, w = 15 + 4 * (i % 3);
        cairo_move_to(c, x - w, y);
        cairo_curve_to(c, x - .4 * w, y - 6, x + .2 * w, y + 3, x + w, y - 2);
        cairo_curve_to(c, x + .3 * w, y + 9, x - .5 * w, y + 1, x - w, y);
        cairo_close_path(c);
        cairo_set_source_rgba(c, .45, .34, .21, .78);
        cairo_fill(c);
    }
}
