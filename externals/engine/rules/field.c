/* field: electric charges in the plane, the lines of their field and its equipotentials.  After
   Faraday's lines of force and Maxwell's plates (Treatise, 1873), who drew them by hand.  A line
   begins at a positive charge, as many lines as it has charge, and follows the field (midpoint
   rule) until it ends at a negative one or leaves the sheet; an equipotential is where the
   potential has one value.  Charges are this rule's list: x y q, x and y in 0 to 1, q in -9 to 9.
 */
#include "rule.h"
#include <math.h>
#include <stdlib.h>

enum { CHARGES, LINES, LEVELS, WIDTH, SHADE, DISCS, CHANCE, PARAMS };

static const latent_rule_param params[PARAMS] = {
    [CHARGES] = {"number", 1, 24, 5, NULL}, /* of charges by chance, where no list has come */
    [LINES] = {"lines", 0, 48, 18, NULL},   /* of a charge of 1 */
    [LEVELS] = {"levels", 0, 40, 16, NULL},  [WIDTH] = {"width", 0.05f, 1.5f, 0.22f, NULL},
    [SHADE] = {"shade", 0, 1, 0.35f, NULL}, /* how much the potential colours the paper */
    [DISCS] = {"discs", 0, 1, 0.5f, NULL},  /* how large the charges are drawn */
    [CHANCE] = {"chance", 0, 9999, 1, NULL},
};

#define MOST 340 /* charges that a list can hold */
#define PI 3.14159265358979
#define NEAR 0.9 /* units: a line ends so near to a charge */
#define FAR 24   /* units beyond the sheet where a line is given up */
#define STEP 0.45
#define LONGEST 900    /* steps of a line */
#define ALL_LINES 1200 /* on a sheet */
#define GRID 80        /* squares along a side in which equipotentials are looked for */

typedef struct {
    int n;
    double x[MOST], y[MOST], q[MOST];
} charges;

static double within(double v, double low, double high)
{
    return isnan(v) ? (low + high) / 2 : fmin(fmax(v, low), high);
}

static void place(const rule_scene *scene, charges *c)
{
    rule_chance r = rule_chance_of((uint32_t)scene->p[CHANCE], 0, 500);
    c->n = scene->s.list ? scene->s.list_count / 3 : (int)lroundf(scene->p[CHARGES]);
    c->n = c->n < MOST ? c->n : MOST;
    for (int i = 0; i < c->n; i++) {
        const float *given = scene->s.list ? scene->s.list + 3 * i : NULL;
        double sign = i & 1 ? -1 : 1;
        c->x[i] = 64 * (given ? within((double)given[0], -1, 2) : rule_between(&r, .12, .88));
        c->y[i] = 64 * (given ? within((double)given[1], -1, 2) : rule_between(&r, .12, .88));
        c->q[i] = given ? within((double)given[2], -9, 9) : sign * rule_between(&r, .5, 1.6);
    }
}

/* In the plane a charge's field falls as 1 / r and its potential as -log r. */
static void field_at(const charges *c, double x, double y, double *fx, double *fy)
{
    *fx = *fy = 0;
    for (int i = 0; i < c->n; i++) {
        double dx = x - c->x[i], dy = y - c->y[i], r = dx * dx + dy * dy + 1e-6;
        *fx += c->q[i] * dx / r;
        *fy += c->q[i] * dy / r;
    }
}

static double potential_at(const charges *c, double x, double y)
{
    double sum = 0;
    for (int i = 0; i < c->n; i++) {
        double dx = x - c->x[i], dy = y - c->y[i];
        sum -= .5 * c->q[i] * log((dx * dx + dy * dy + .3) / (32 * 32));
    }
    return sum;
}

/* 0 to 1, one half where the potential is 0. */
static double height(double potential)
{
    return .5 + atan(.55 * potential) / PI;
}

/* ---- lines */

static int ends(const charges *c, double x, double y, int from)
{
    for (int i = 0; i < c->n; i++)
        if (i != from && hypot(x - c->x[i], y - c->y[i]) < NEAR)
            return 1;
    return x < -FAR || x > 64 + FAR || y < -FAR || y > 64 + FAR;
}

static void line(cairo_t *cr, const charges *c, int from, double angle, double way)
{
    double x = c->x[from] + 1.01 * NEAR * cos(angle), y = c->y[from] + 1.01 * NEAR * sin(angle);
    cairo_move_to(cr, x, y);
    for (int i = 0; i < LONGEST && !ends(c, x, y, i < 6 ? from : -1); i++) {
        double fx, fy, n;
        field_at(c, x, y, &fx, &fy);
        n = way * STEP / (2 * (hypot(fx, fy) + 1e-12));
        field_at(c, x + fx * n, y + fy * n, &fx, &fy);
        n = way * STEP / (hypot(fx, fy) + 1e-12);
        x += fx * n;
        y += fy * n;
        cairo_line_to(cr, x, y);
    }
}

/* From positive charges; where there are none, or too few, from negative ones backwards. */
static void draw_lines(cairo_t *cr, const rule_scene *scene, const charges *c)
{
    double sum = 0;
    int left = ALL_LINES;
    for (int i = 0; i < c->n; i++)
        sum += c->q[i];
    for (int i = 0; i < c->n; i++) {
        int n = (int)lround(fabs(c->q[i]) * (double)scene->p[LINES]);
        if ((sum >= 0) != (c->q[i] > 0))
            continue;
        for (int k = 0; k < n && left > 0; k++, left--)
            line(cr, c, i, 2 * PI * (k + .5) / n, c->q[i] > 0 ? 1 : -1);
    }
    rule_colour(cr, scene->s.palette->colour[0], 1);
    cairo_set_line_width(cr, (double)scene->p[WIDTH]);
    cairo_stroke(cr);
}

/* ---- equipotentials: marching squares (Lorensen and Cline 1987, in the plane) */

static void crossing(cairo_t *cr, double x0, double y0, double a, double x1, double y1, double b,
                     double level, int *n)
{
    double t = (level - a) / (b - a);
    if ((a < level) == (b < level))
        return;
    if (*n % 2)
        cairo_line_to(cr, x0 + (x1 - x0) * t, y0 + (y1 - y0) * t);
    else
        cairo_move_to(cr, x0 + (x1 - x0) * t, y0 + (y1 - y0) * t);
    (*n)++;
}

static void contour(cairo_t *cr, const double *v, double level)
{
    double s = 64.0 / GRID;
    for (int y = 0; y < GRID; y++)
        for (int x = 0; x < GRID; x++) {
            const double *at = v + y * (GRID + 1) + x;
            double a = at[0], b = at[1], c = at[GRID + 2], d = at[GRID + 1];
            int n = 0;
            crossing(cr, x * s, y * s, a, (x + 1) * s, y * s, b, level, &n);
            crossing(cr, (x + 1) * s, y * s, b, (x + 1) * s, (y + 1) * s, c, level, &n);
            crossing(cr, (x + 1) * s, (y + 1) * s, c, x * s, (y + 1) * s, d, level, &n);
            crossing(cr, x * s, (y + 1) * s, d, x * s, y * s, a, level, &n);
        }
}

static void draw_levels(cairo_t *cr, const rule_scene *scene, const double *v)
{
    int levels = (int)lroundf(scene->p[LEVELS]);
    for (int i = 0; i < levels; i++) {
        double level = (i + .5) / levels;
        float colour[3];
        rule_along(scene->s.palette, level, colour);
        contour(cr, v, level);
        rule_colour(cr, colour, .85);
        cairo_set_line_width(cr, .8 * (double)scene->p[WIDTH]);
        cairo_stroke(cr);
    }
}

/* ---- the paper, coloured by the potential */

static void draw_shade(cairo_t *cr, const rule_scene *scene, const double *v)
{
    cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, GRID + 1, GRID + 1);
    unsigned char *data = cairo_image_surface_get_data(s);
    size_t stride = (size_t)cairo_image_surface_get_stride(s);
    if (cairo_surface_status(s) == CAIRO_STATUS_SUCCESS) {
        cairo_surface_flush(s);
        for (int i = 0; i < (GRID + 1) * (GRID + 1); i++) {
            uint32_t *pixel =
                (uint32_t *)(void *)(data + (size_t)(i / (GRID + 1)) * stride) + i % (GRID + 1);
            float colour[3];
            *pixel = 0;
            rule_along(scene->s.palette, v[i], colour);
            for (int k = 0; k < 3; k++) {
                float share = scene->p[SHADE] * fminf(1, 2.4f * fabsf((float)v[i] - .5f));
                float c =
                    scene->s.palette->paper[k] + (colour[k] - scene->s.palette->paper[k]) * share;
                *pixel = *pixel << 8 | (uint32_t)(c * 255 + .5f);
            }
        }
        cairo_surface_mark_dirty(s);
    }
    cairo_save(cr);
    cairo_scale(cr, 64.0 / GRID, 64.0 / GRID);
    cairo_translate(cr, -.5, -.5);
    cairo_set_source_surface(cr, s, 0, 0);
    cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
    cairo_paint(cr);
    cairo_restore(cr);
    cairo_surface_destroy(s);
}

static void draw_charges(cairo_t *cr, const rule_scene *scene, const charges *c)
{
    double size = 2.2 * (double)scene->p[DISCS];
    for (int i = 0; i < c->n && size > .02; i++) {
        double r = size * sqrt(fmin(fabs(c->q[i]), 2));
        float colour[3];
        rule_along(scene->s.palette, c->q[i] > 0 ? 1 : 0, colour);
        cairo_new_path(cr);
        cairo_arc(cr, c->x[i], c->y[i], r, 0, 2 * PI);
        rule_colour(cr, colour, 1);
        cairo_fill_preserve(cr);
        rule_colour(cr, scene->s.palette->paper, 1);
        cairo_set_line_width(cr, .35);
        cairo_stroke(cr);
    }
}

static int draw(cairo_t *cr, const rule_scene *scene)
{
    charges c;
    double v[(GRID + 1) * (GRID + 1)];
    int shaded = scene->p[SHADE] > 0 && !scene->s.mask, heights = shaded || scene->p[LEVELS] >= .5f;
    place(scene, &c);
    for (int i = 0; heights && i < (GRID + 1) * (GRID + 1); i++)
        v[i] = height(potential_at(&c, i % (GRID + 1) * 64.0 / GRID, i / (GRID + 1) * 64.0 / GRID));
    rule_paper(cr, scene, scene->s.palette->paper);
    if (shaded)
        draw_shade(cr, scene, v);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    if (heights)
        draw_levels(cr, scene, v);
    draw_lines(cr, scene, &c);
    draw_charges(cr, scene, &c);
    return 0;
}

/* ---- chance and words */

static void by_chance(rule_chance *r, float *p)
{
    p[CHARGES] = (float)(2 + rule_below(r, 7));
    p[LINES] = (float)(rule_luck(r, .15) ? 0 : 8 + rule_below(r, 20));
    p[LEVELS] = (float)(rule_luck(r, .25) && p[LINES] > 0 ? 0 : 8 + rule_below(r, 20));
    p[WIDTH] = (float)rule_between(r, .12, .4);
    p[SHADE] = (float)(rule_luck(r, .3) ? 0 : rule_uniform(r));
    p[DISCS] = (float)(rule_luck(r, .25) ? 0 : rule_between(r, .2, .8));
    p[CHANCE] = (float)rule_below(r, 10000);
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    int zh = language == LATENT_CHINESE, n = (int)lroundf(p[CHARGES]);
    if (zh) {
        rule_say_number(t, n);
        rule_say(t, "个电荷的");
        rule_say(t, p[LINES] < 1 ? "等势线" : p[LEVELS] < 1 ? "电力线" : "电场");
        return;
    }
    rule_say(t, p[LINES] < 1    ? "the equipotentials of "
                : p[LEVELS] < 1 ? RULE_ONE_OF(r, "the field lines of ", "the lines of force of ")
                                : RULE_ONE_OF(r, "the field of ", "the electric field of "));
    rule_say_number(t, n);
    rule_say(t, n > 1 ? " charges" : " charge");
}

const latent_rule latent_rule_field = {
    .name = "field",
    .params = params,
    .count = PARAMS,
    .palette = "river",
    .list = "charges",
    .group = 3,
    .draw = draw,
    .random = by_chance,
    .caption = caption,
};
