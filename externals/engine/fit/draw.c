/* draw: the pictures of fit.h: points with the squares of their errors and the curve between them;
   a landscape in the light of an evening, with contour lines and balls. */
#include "fit.h"
#include <cairo/cairo.h>
#include <math.h>
#include <string.h>

#define PI 3.14159265358979
#define UNITS 256.0 /* along a side, whatever the size in pixels */

typedef struct {
    double r, g, b;
} rgb;
static const rgb paper = {.97, .955, .92}, ink = {.11, .12, .16}, blue = {.13, .33, .55},
                 red = {.82, .25, .19}, pale = {.87, .85, .8};

static void colour(cairo_t *c, rgb v, double alpha)
{
    cairo_set_source_rgba(c, v.r, v.g, v.b, alpha);
}

static double across(const latent_fit_view *v, double x)
{
    return UNITS * (x - (double)v->low_x) / (double)(v->high_x - v->low_x);
}

static double up(const latent_fit_view *v, double y)
{
    double at = UNITS * (1 - (y - (double)v->low_y) / (double)(v->high_y - v->low_y));
    return fmin(fmax(isnan(at) ? 0 : at, -4 * UNITS), 5 * UNITS);
}

/* ---- points and their curve */

static void axes(cairo_t *c, const latent_fit_view *v)
{
    for (int i = 1; i < 8; i++) {
        cairo_move_to(c, i * UNITS / 8, 0);
        cairo_line_to(c, i * UNITS / 8, UNITS);
        cairo_move_to(c, 0, i * UNITS / 8);
        cairo_line_to(c, UNITS, i * UNITS / 8);
    }
    colour(c, pale, 1);
    cairo_set_line_width(c, .6);
    cairo_stroke(c);
    cairo_move_to(c, across(v, 0), 0);
    cairo_line_to(c, across(v, 0), UNITS);
    cairo_move_to(c, 0, up(v, 0));
    cairo_line_to(c, UNITS, up(v, 0));
    colour(c, ink, .35);
    cairo_set_line_width(c, 1);
    cairo_stroke(c);
}

static double curve_at(const latent_fit_view *v, double x)
{
    double place = 128 * (x - (double)v->low_x) / (double)(v->high_x - v->low_x);
    int i = (int)fmin(fmax(place, 0), 127);
    return (double)v->curve[i] + (double)(v->curve[i + 1] - v->curve[i]) * (place - i);
}

/* Between a point and the curve: what is to become small. */
static void errors(cairo_t *c, const latent_fit_view *v)
{
    for (int i = 0; i < (int)v->n; i++) {
        double x = across(v, (double)v->point[i][0]), y = up(v, (double)v->point[i][1]);
        double side = up(v, curve_at(v, (double)v->point[i][0])) - y;
        double width = fabs(side) * (x + fabs(side) > UNITS ? -1 : 1);
        cairo_rectangle(c, x, y, width, side);
    }
    colour(c, red, .13);
    cairo_fill_preserve(c);
    colour(c, red, .45);
    cairo_set_line_width(c, .7);
    cairo_stroke(c);
}

static void draw_points(cairo_t *c, const latent_fit_view *v)
{
    colour(c, paper, 1);
    cairo_paint(c);
    axes(c, v);
    errors(c, v);
    for (int i = 0; i <= 128; i++)
        cairo_line_to(c, UNITS * i / 128, up(v, (double)v->curve[i]));
    colour(c, blue, 1);
    cairo_set_line_width(c, 2.4);
    cairo_stroke(c);
    for (int i = 0; i < (int)v->n; i++) {
        cairo_new_path(c);
        cairo_arc(c, across(v, (double)v->point[i][0]), up(v, (double)v->point[i][1]), 4, 0,
                  2 * PI);
        colour(c, ink, 1);
        cairo_fill_preserve(c);
        colour(c, paper, 1);
        cairo_set_line_width(c, 1.2);
        cairo_stroke(c);
    }
}

/* ---- the landscape */

static rgb mixed(rgb a, rgb b, double f)
{
    f = fmin(fmax(f, 0), 1);
    return (rgb){a.r + (b.r - a.r) * f, a.g + (b.g - a.g) * f, a.b + (b.b - a.b) * f};
}

/* From deep water to high sand, lit from the upper left, a line at each step of height. */
static rgb ground(double x, double y)
{
    static const rgb deep = {.05, .16, .33}, water = {.16, .48, .6}, grass = {.6, .73, .55},
                     sand = {.95, .87, .7};
    double slope[2], h = latent_fit_height(x, y, slope), level = h / .06, steep, light, line;
    rgb c = h < -.45   ? mixed(deep, water, (h + .85) / .4)
            : h < -.05 ? mixed(water, grass, (h + .45) / .4)
                       : mixed(grass, sand, (h + .05) / .45);
    light = .5 + .32 * (slope[0] - slope[1]) / sqrt(1 + slope[0] * slope[0] + slope[1] * slope[1]);
    c = mixed(c, light > .5 ? (rgb){1, 1, 1} : (rgb){0, 0, .08}, fabs(light - .5) * 1.1);
    steep = hypot(slope[0], slope[1]) / .06 * 2 / 256; /* levels a unit of the picture */
    line = fabs(level - floor(level) - .5);
    return mixed(c, ink, .35 * fmin(fmax(1 - (.5 - line) / fmax(steep * 1.2, 1e-6), 0), 1));
}

static void paint_ground(int size, float *picture)
{
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++, picture += 3) {
            rgb c = ground(2 * (column + .5) / size - 1, 1 - 2 * (row + .5) / size);
            picture[0] = (float)(2 * c.r - 1);
            picture[1] = (float)(2 * c.g - 1);
            picture[2] = (float)(2 * c.b - 1);
        }
}

static void draw_balls(cairo_t *c, const latent_fit_view *v)
{
    double size = v->n > 60 ? 3.4 : 5;
    for (int i = 0; i < (int)v->n; i++) {
        double x = across(v, (double)v->point[i][0]), y = up(v, (double)v->point[i][1]);
        cairo_new_path(c);
        cairo_arc(c, x + .25 * size, y + .35 * size, size, 0, 2 * PI);
        colour(c, ink, .3);
        cairo_fill(c);
        cairo_arc(c, x, y, size, 0, 2 * PI);
        colour(c, red, 1);
        cairo_fill(c);
        cairo_arc(c, x - .3 * size, y - .35 * size, .33 * size, 0, 2 * PI);
        colour(c, paper, .8);
        cairo_fill(c);
    }
}

/* ---- on a sheet, and from it to floats: what is drawn lies over what is there */

static void lay_over(cairo_surface_t *sheet, int size, float *picture)
{
    const unsigned char *data = cairo_image_surface_get_data(sheet);
    size_t stride = (size_t)cairo_image_surface_get_stride(sheet);
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++, picture += 3) {
            unsigned char p[4];
            memcpy(p, data + (size_t)row * stride + 4 * (size_t)column, 4);
            unsigned pixel;
            memcpy(&pixel, p, 4);
            float there = (float)(pixel >> 24) / 255;
            for (int k = 0; k < 3; k++) {
                float v = (float)(pixel >> (16 - 8 * k) & 255) / 127.5f; /* times its share */
                picture[k] = v + (picture[k] + 1) * (1 - there) - 1;
            }
        }
}

int latent_fit_draw(const latent_fit_view *v, int size, float *picture, latent_error *e)
{
    cairo_surface_t *sheet = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, size, size);
    cairo_t *c = cairo_create(sheet);
    int pits = (latent_fit_kind)v->kind == LATENT_FIT_PITS, failed;
    cairo_scale(c, size / UNITS, size / UNITS);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    if (pits)
        draw_balls(c, v);
    else
        draw_points(c, v);
    failed = cairo_status(c) != CAIRO_STATUS_SUCCESS;
    cairo_surface_flush(sheet);
    if (!failed) {
        if (pits)
            paint_ground(size, picture);
        else
            memset(picture, 0, sizeof(float) * 3 * (size_t)size * (size_t)size);
        lay_over(sheet, size, picture);
    }
    cairo_destroy(c);
    cairo_surface_destroy(sheet);
    return failed ? latent_fail(e, "there is no memory to draw with") : 0;
}
