/* fish_water: what a fish swims in: pale paper, or one of a few waters, each a wash of colour from
   above to below and one quiet thing in it. */
#include "fish.h"
#include <math.h>

#define PI 3.14159265358979323846

static rgb tinted(rgb c, double paper)
{
    double warm = .03 * cos(2 * PI * paper), light = .02 * sin(2 * PI * paper);
    return (rgb){fmin(c.r + warm + light, 1), fmin(c.g + light, 1), fmin(c.b - warm + light, 1)};
}

static void wash(cairo_t *c, const rgb *colours, int n, double paper)
{
    cairo_pattern_t *p = cairo_pattern_create_linear(0, 0, 0, 64);
    for (int i = 0; i < n; i++) {
        rgb at = tinted(colours[i], paper);
        cairo_pattern_add_color_stop_rgb(p, i / (n - 1.0), at.r, at.g, at.b);
    }
    cairo_set_source(c, p);
    cairo_paint(c);
    cairo_pattern_destroy(p);
}

/* The i-th of numbers that are spread evenly in 0 to 1, however many there are (Roberts 2018). */
static double spread(int i, double step, double start)
{
    double v = start + i * step;
    return v - floor(v);
}

/* Light falls in from above; bubbles rise. */
static void deep(cairo_t *c, double paper)
{
    static const rgb colours[] = {{.16, .52, .66}, {.07, .30, .50}, {.03, .12, .27}};
    wash(c, colours, 3, paper);
    for (int i = 0; i < 4; i++) {
        double x = 80 * spread(i, .618034, paper) - 4, w = 3 + 2 * (i & 1);
        cairo_pattern_t *p = cairo_pattern_create_linear(0, 0, 0, 50);
        cairo_pattern_add_color_stop_rgba(p, 0, .8, .95, 1, .26);
        cairo_pattern_add_color_stop_rgba(p, 1, .8, .95, 1, 0);
        cairo_move_to(c, x, -1);
        cairo_line_to(c, x + w, -1);
        cairo_line_to(c, x - 12 + 2.2 * w, 52);
        cairo_line_to(c, x - 16, 52);
        cairo_close_path(c);
        cairo_set_source(c, p);
        cairo_fill(c);
        cairo_pattern_destroy(p);
    }
    for (int i = 0; i < 5; i++) {
        cairo_new_sub_path(c);
        cairo_arc(c, 64 * spread(i, .754878, paper), 64 * spread(i, .569840, .3 + paper),
                  .7 + .25 * i, 0, 2 * PI);
    }
    cairo_set_source_rgba(c, .85, .96, 1, .45);
    cairo_set_line_width(c, .5);
    cairo_stroke(c);
}

/* Rings where something has touched the surface, and leaves of water lilies. */
static void pond(cairo_t *c, double paper)
{
    static const rgb colours[] = {{.66, .78, .58}, {.49, .66, .50}, {.33, .52, .44}};
    wash(c, colours, 3, paper);
    for (int i = 0; i < 3; i++) {
        double x = 64 * spread(i, .618034, paper), y = 8 + 48 * spread(i, .754878, .2 + paper);
        for (int k = 1; k <= 3; k++) {
            cairo_save(c);
            cairo_translate(c, x, y);
            cairo_scale(c, 1, .42);
            cairo_new_sub_path(c);
            cairo_arc(c, 0, 0, 3.4 * k, 0, 2 * PI);
            cairo_restore(c);
        }
    }
    cairo_set_source_rgba(c, .90, .96, .84, .5);
    cairo_set_line_width(c, .6);
    cairo_stroke(c);
    for (int i = 0; i < 4; i++) {
        double x = 64 * spread(i, .569840, .55 + paper), r = 4 + i;
        cairo_save(c);
        cairo_translate(c, x, i & 1 ? 61 - i : 3 + i);
        cairo_scale(c, 1, .5);
        cairo_new_path(c);
        cairo_move_to(c, 0, 0);
        cairo_arc(c, 0, 0, r, .5 + i, .5 + i + 1.86 * PI);
        cairo_close_path(c);
        cairo_restore(c);
        cairo_set_source_rgb(c, .20, .42, .28);
        cairo_fill(c);
    }
}

/* The sun goes down and lies on the water. */
static void dusk(cairo_t *c, double paper)
{
    static const rgb colours[] = {
        {.98, .80, .56}, {.95, .58, .46}, {.62, .40, .52}, {.33, .26, .44}};
    double x = 12 + 40 * paper;
    wash(c, colours, 4, paper);
    cairo_arc(c, x, 9, 6, 0, 2 * PI);
    cairo_set_source_rgb(c, 1, .93, .72);
    cairo_fill(c);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
    for (int i = 0; i < 9; i++) {
        double w = 2.5 + 1.5 * i * spread(i, .618034, .4), at = x + 4 * (spread(i, .7549, .1) - .5);
        cairo_move_to(c, at - w, 20 + 5.2 * i);
        cairo_line_to(c, at + w, 20 + 5.2 * i);
    }
    cairo_set_source_rgba(c, 1, .90, .70, .34);
    cairo_set_line_width(c, .9);
    cairo_stroke(c);
}

/* Black water, and a few pale strokes on it. */
static void night(cairo_t *c, double paper)
{
    static const rgb colours[] = {{.10, .12, .17}, {.06, .07, .11}, {.04, .05, .08}};
    wash(c, colours, 3, paper);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
    for (int i = 0; i < 7; i++) {
        double x = 72 * spread(i, .618034, paper) - 12, y = 5 + 9 * i,
               w = 8 + 10 * spread(i, .7549, 0);
        cairo_move_to(c, x, y);
        cairo_curve_to(c, x + .3 * w, y - 1.6, x + .6 * w, y + 1.6, x + w, y);
    }
    cairo_set_source_rgba(c, .62, .70, .82, .34);
    cairo_set_line_width(c, .8);
    cairo_stroke(c);
}

/* Seigaiha: the sea as fans upon fans. */
static void waves(cairo_t *c, double paper)
{
    static const rgb sea = {.80, .89, .91}, line = {.48, .68, .77};
    rgb ground = tinted(sea, paper), edge = tinted(line, paper);
    cairo_set_source_rgb(c, ground.r, ground.g, ground.b);
    cairo_paint(c);
    cairo_set_line_width(c, .55);
    for (int row = -1; row < 17; row++) {
        double y = 4.2 * row + 4 * paper;
        for (int k = -1; k < 6; k++) {
            cairo_new_sub_path(c);
            cairo_arc(c, 12.8 * (k + .5 * (row & 1)) + 6.4, y, 6.9, 0, 2 * PI);
        }
        cairo_set_source_rgb(c, ground.r, ground.g, ground.b);
        cairo_fill(c);
        for (int k = -1; k < 6; k++)
            for (int ring = 0; ring < 3; ring++) {
                cairo_new_sub_path(c);
                cairo_arc(c, 12.8 * (k + .5 * (row & 1)) + 6.4, y, 6.4 - 2.1 * ring, PI, 2 * PI);
            }
        cairo_set_source_rgba(c, edge.r, edge.g, edge.b, .6);
        cairo_stroke(c);
    }
}

int fish_water_dark(fish_waters water)
{
    return water == INK;
}

void fish_water(cairo_t *c, const rule_scene *scene, fish_waters water, double paper)
{
    static void (*const waters[])(cairo_t *, double) = {
        [DEEP] = deep, [POND] = pond, [DUSK] = dusk, [INK] = night, [WAVES] = waves};
    double hue = 2 * PI * paper;
    const float sheet[] = {(float)(.955 + .025 * cos(hue)), (float)(.938 + .022 * cos(hue - 2)),
                           (float)(.890 + .035 * cos(hue - 4))};
    if (water == PAPER_SHEET)
        rule_paper(c, scene, sheet);
    else if (!scene->s.mask)
        waters[water](c, paper);
}
