/* molnar: grids of squares within squares, put out of order: after Vera Molnar's "(Des)Ordres" of
   1974, drawn by a plotter.  Order is a grid; disorder moves the corners of each quadrilateral by
   lot; gaps leave some out; a hand that is not a plotter's trembles.  "The 1 percent of disorder"
   is her phrase. */
#include "rule.h"
#include <math.h>

enum { ROWS, COLUMNS, RINGS, DISORDER, GAPS, WIDTH, HAND, CHANCE, PARAMS };

static const latent_rule_param params[PARAMS] = {
    [ROWS] = {"rows", 1, 32, 8, NULL},    [COLUMNS] = {"columns", 1, 32, 8, NULL},
    [RINGS] = {"rings", 1, 12, 6, NULL},  [DISORDER] = {"disorder", 0, 1, 0.25f, NULL},
    [GAPS] = {"gaps", 0, 1, 0.2f, NULL},  [WIDTH] = {"width", 0.05f, 2, 0.3f, NULL},
    [HAND] = {"hand", 0, 1, 0.15f, NULL}, [CHANCE] = {"chance", 0, 9999, 1, NULL},
};

#define MARGIN 4.0 /* of the 64 units */
#define BITS 6     /* a trembling line is drawn in so many */

/* A side from (x0, y0) to (x1, y1), which the pen stands at the beginning of; tremble is the
   largest deviation. */
static void side(cairo_t *c, rule_chance *r, double x0, double y0, double x1, double y1,
                 double tremble)
{
    if (tremble <= 0) {
        cairo_line_to(c, x1, y1);
        return;
    }
    double bow = rule_between(r, -1, 1) * tremble;
    for (int i = 1; i <= BITS; i++) {
        double t = i / (double)BITS, off = bow * sin(t * 3.14159265358979) * 1.4;
        double px = rule_between(r, -.35, .35) * tremble, py = rule_between(r, -.35, .35) * tremble;
        double nx = -(y1 - y0), ny = x1 - x0, n = hypot(nx, ny) + 1e-9;
        cairo_line_to(c, x0 + (x1 - x0) * t + nx / n * off + px,
                      y0 + (y1 - y0) * t + ny / n * off + py);
    }
}

static void quadrilateral(cairo_t *c, const rule_scene *scene, rule_chance *r, double x, double y,
                          double half_w, double half_h, double moved)
{
    static const int sx[] = {-1, 1, 1, -1}, sy[] = {-1, -1, 1, 1};
    double px[4], py[4], tremble = scene->p[HAND] * .09 * fmin(half_w, half_h);
    for (int i = 0; i < 4; i++) {
        px[i] = x + sx[i] * half_w + rule_between(r, -1, 1) * moved;
        py[i] = y + sy[i] * half_h + rule_between(r, -1, 1) * moved;
    }
    cairo_move_to(c, px[0], py[0]);
    for (int i = 0; i < 4; i++)
        side(c, r, px[i], py[i], px[(i + 1) % 4], py[(i + 1) % 4], tremble);
    if (tremble <= 0)
        cairo_close_path(c);
    rule_colour(c, rule_lot(scene, r), 1);
    cairo_set_line_width(c, scene->p[WIDTH] * (1 + scene->p[HAND] * rule_between(r, -.35, .35)));
    cairo_stroke(c);
}

static void cell(cairo_t *c, const rule_scene *scene, int row, int column, double w, double h)
{
    const float *p = scene->p;
    int rings = (int)lroundf(p[RINGS]);
    double x = MARGIN + (column + .5) * w, y = MARGIN + (row + .5) * h;
    double disorder = p[DISORDER] * 2 * rule_follow(scene, x / 64, y / 64, .5);
    for (int i = 0; i < rings; i++) {
        /* Of each ring by itself, so that gaps or rings change nothing about the others. */
        rule_chance r =
            rule_chance_of((uint32_t)p[CHANCE], (uint32_t)(row * 64 + column), 100 + (uint32_t)i);
        double share = (i + 1) / (double)rings;
        if (!rule_luck(&r, p[GAPS]))
            quadrilateral(c, scene, &r, x, y, .47 * w * share, .47 * h * share,
                          disorder * .3 * fmin(w, h) * (.35 + .65 * share));
    }
}

static int draw(cairo_t *c, const rule_scene *scene)
{
    int rows = (int)lroundf(scene->p[ROWS]), columns = (int)lroundf(scene->p[COLUMNS]);
    rule_paper(c, scene, scene->s.palette->paper);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_ROUND);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            cell(c, scene, row, column, (64 - 2 * MARGIN) / columns, (64 - 2 * MARGIN) / rows);
    return 0;
}

static void by_chance(rule_chance *r, float *p)
{
    p[ROWS] = (float)(1 + rule_below(r, 12));
    p[COLUMNS] = rule_luck(r, .7) ? p[ROWS] : (float)(1 + rule_below(r, 12));
    p[RINGS] = (float)(1 + rule_below(r, p[ROWS] > 6 || p[COLUMNS] > 6 ? 5 : 9));
    p[DISORDER] = (float)(rule_luck(r, .3) ? 0 : pow(rule_uniform(r), 1.5));
    p[GAPS] = (float)(rule_luck(r, .4) ? 0 : rule_between(r, .1, .6));
    double apart = 28 / (fmax(p[ROWS], p[COLUMNS]) * p[RINGS]); /* two lines */
    p[WIDTH] = (float)fmin(1, fmax(.1, apart * rule_between(r, .12, .5)));
    p[HAND] = (float)(rule_luck(r, .5) ? 0 : rule_uniform(r));
    p[CHANCE] = (float)rule_below(r, 10000);
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    int rows = (int)lroundf(p[ROWS]), columns = (int)lroundf(p[COLUMNS]);
    int zh = language == LATENT_CHINESE, gaps = p[GAPS] > .05f;
    const char *order = p[DISORDER] < .02f ? zh ? "整整齐齐的" : "squares in good order"
                        : p[DISORDER] < .3f ? zh ? "有一点乱的" : "squares a little out of order"
                        : p[DISORDER] < .65f ? zh ? "乱了的" : "squares out of order"
                        : zh                 ? "乱成一团的"
                                             : "squares in wild disorder";
    if (zh) {
        rule_say_number(t, rows);
        rule_say(t, "行");
        rule_say_number(t, columns);
        rule_say(t, "列");
        rule_say(t, order);
        rule_say(t, p[RINGS] > 1.5f ? "套在一起的方块" : "方块");
        if (gaps)
            rule_say(t, "，缺了几个");
        return;
    }
    rule_say(t, RULE_ONE_OF(r, "a grid of ", "a drawing of ", "a plotter's grid of "));
    rule_say_number(t, rows);
    rule_say(t, " by ");
    rule_say_number(t, columns);
    rule_say(t, p[RINGS] > 1.5f ? " nested " : " ");
    rule_say(t, order);
    if (gaps)
        rule_say(t, ", with gaps");
}

const latent_rule latent_rule_molnar = {
    .name = "molnar",
    .params = params,
    .count = PARAMS,
    .palette = "ink",
    .follows = "how much disorder there is at each place: bright is more",
    .draw = draw,
    .random = by_chance,
    .caption = caption,
};
