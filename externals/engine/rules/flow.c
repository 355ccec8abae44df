/* flow: strokes that follow a field of directions and keep out of each other's way.  After Tyler
   Hobbs's "Fidenza" (2021) and what he has written about flow fields: a smooth field, strokes of
   very unequal widths, the wide ones first, colours by lot with unequal chances, and a test for
   collisions.  The field is the curl of a smooth noise (Bridson, Hourihan and Nordenstam 2007), so
   that lines never run together, or of a picture, whose contours the strokes then follow. */
#include "rule.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIELD,
    SCALE,
    BEND,
    STROKES,
    WIDTH,
    VARIETY,
    LENGTH,
    GAP,
    APART,
    BLOCKS,
    MARGIN,
    CHANCE,
    PARAMS
};
enum { CURL, ANGLE };

static const latent_rule_param params[PARAMS] = {
    [FIELD] = {"field", 0, 1, CURL, "curl angle"},
    [SCALE] = {"scale", 0.3f, 8, 1.6f, NULL}, /* hills of the noise along a side */
    [BEND] = {"bend", 0, 3, 1, NULL}, /* turns of a half circle, of angle; detail, of curl */
    [STROKES] = {"strokes", 10, 4000, 1100, NULL}, /* that are tried */
    [WIDTH] = {"width", 0.15f, 8, 1.8f, NULL},     /* of the widest */
    [VARIETY] = {"variety", 0, 1, 0.8f, NULL},     /* 0: all of one width */
    [LENGTH] = {"length", 2, 120, 42, NULL},
    [GAP] = {"gap", 0, 3, 0.25f, NULL},
    [APART] = {"apart", 0, 1, 1, "no yes"},   /* whether they keep apart */
    [BLOCKS] = {"blocks", 0, 1, 0.15f, NULL}, /* how many strokes are cut into blocks of colour */
    [MARGIN] = {"margin", 0, 12, 3, NULL},
    [CHANCE] = {"chance", 0, 9999, 1, NULL},
};

/* ---- the field */

static double lattice(uint32_t chance, int ix, int iy)
{
    rule_chance r =
        rule_chance_of(chance, (uint32_t)(ix + 512) * 2048u + (uint32_t)(iy + 512), 600);
    return rule_between(&r, -1, 1);
}

/* Value noise, smooth to the second derivative. */
static double noise(uint32_t chance, double x, double y)
{
    int ix = (int)floor(x), iy = (int)floor(y);
    double fx = x - ix, fy = y - iy;
    double sx = fx * fx * fx * (fx * (6 * fx - 15) + 10),
           sy = fy * fy * fy * (fy * (6 * fy - 15) + 10);
    double above = lattice(chance, ix, iy) * (1 - sx) + lattice(chance, ix + 1, iy) * sx;
    double below = lattice(chance, ix, iy + 1) * (1 - sx) + lattice(chance, ix + 1, iy + 1) * sx;
    return above * (1 - sy) + below * sy;
}

static double hills(const rule_scene *scene, double x, double y)
{
    double s = (double)scene->p[SCALE];
    uint32_t chance = (uint32_t)scene->p[CHANCE];
    double fine = scene->p[FIELD] < .5f ? .22 * (double)scene->p[BEND] : .15;
    return noise(chance, s * x, s * y) + fine * noise(chance + 1, 2.3 * s * x, 2.3 * s * y);
}

#define GRID 80
#define CORNERS ((GRID + 3) * (GRID + 3)) /* with one more all around, to take differences */

/* Directions at the corners of a grid, found once: strokes ask in between. */
typedef struct {
    float cosine[(GRID + 1) * (GRID + 1)], sine[(GRID + 1) * (GRID + 1)];
} directions;

/* The heights whose contours strokes follow, or whose value is their angle. */
static void find_heights(const rule_scene *scene, float *height)
{
    for (int i = 0; i < CORNERS; i++) {
        double x = (i % (GRID + 3) - 1) / (double)GRID, y = (i / (GRID + 3) - 1) / (double)GRID;
        height[i] =
            (float)(scene->s.follow ? 2 * rule_follow(scene, x, y, .5) - 1 : hills(scene, x, y));
    }
}

static void find_directions(const rule_scene *scene, const float *height, directions *d)
{
    for (int i = 0; i < (GRID + 1) * (GRID + 1); i++) {
        const float *h = height + (i / (GRID + 1) + 1) * (GRID + 3) + i % (GRID + 1) + 1;
        double dx, dy, n;
        if (scene->p[FIELD] > .5f) {
            double angle = 3.14159265358979 * (double)scene->p[BEND] * (double)*h;
            dx = cos(angle);
            dy = sin(angle);
        } else {
            dx = (double)(h[GRID + 3] - h[-GRID - 3]) + 1e-5;
            dy = (double)(h[-1] - h[1]);
        }
        n = hypot(dx, dy);
        d->cosine[i] = n > 1e-12 ? (float)(dx / n) : 1;
        d->sine[i] = n > 1e-12 ? (float)(dy / n) : 0;
    }
}

static void direction(const directions *d, double x, double y, double *dx, double *dy)
{
    double gx = fmin(fmax(x / 64 * GRID, 0), GRID - 1e-6),
           gy = fmin(fmax(y / 64 * GRID, 0), GRID - 1e-6);
    int i = (int)gy * (GRID + 1) + (int)gx;
    double fx = gx - (int)gx, fy = gy - (int)gy, n;
    double a = (1 - fx) * (1 - fy), b = fx * (1 - fy), e = (1 - fx) * fy, f = fx * fy;
    *dx = a * d->cosine[i] + b * d->cosine[i + 1] + e * d->cosine[i + GRID + 1] +
          f * d->cosine[i + GRID + 2];
    *dy =
        a * d->sine[i] + b * d->sine[i + 1] + e * d->sine[i + GRID + 1] + f * d->sine[i + GRID + 2];
    n = hypot(*dx, *dy) + 1e-12;
    *dx /= n;
    *dy /= n;
}

/* ---- what is taken: discs along the strokes, by the square of a grid that their centre is in */

#define SQUARES 32
#define DISCS 60000

typedef struct {
    float x, y, r;
    int stroke, next; /* in the same square, or -1 */
} disc;

typedef struct {
    float height[CORNERS];
    directions d;
    int first[SQUARES * SQUARES], n;
    float widest;
    disc discs[DISCS];
} sheet;

static int square(double v)
{
    int i = (int)(v / 64 * SQUARES);
    return i < 0 ? 0 : i >= SQUARES ? SQUARES - 1 : i;
}

static int is_free(const sheet *s, double x, double y, double r, int stroke)
{
    double reach = r + (double)s->widest;
    for (int row = square(y - reach); row <= square(y + reach); row++)
        for (int column = square(x - reach); column <= square(x + reach); column++)
            for (int i = s->first[row * SQUARES + column]; i >= 0; i = s->discs[i].next) {
                const disc *o = s->discs + i;
                double dx = x - (double)o->x, dy = y - (double)o->y, apart = r + (double)o->r;
                if (o->stroke != stroke && dx * dx + dy * dy < apart * apart)
                    return 0;
            }
    return 1;
}

static void take(sheet *s, double x, double y, double r, int stroke)
{
    int at = square(y) * SQUARES + square(x);
    if (s->n == DISCS)
        return;
    s->discs[s->n] = (disc){(float)x, (float)y, (float)r, stroke, s->first[at]};
    s->first[at] = s->n++;
    s->widest = fmaxf(s->widest, (float)r);
}

/* ---- strokes */

#define POINTS 400

typedef struct {
    double x[POINTS], y[POINTS];
    int n;
} path;

static int inside(const rule_scene *scene, double x, double y, double r)
{
    double m = (double)scene->p[MARGIN] + r;
    return (scene->p[MARGIN] <= 0 && x > -r && y > -r && x < 64 + r && y < 64 + r) ||
           (x >= m && y >= m && x <= 64 - m && y <= 64 - m);
}

/* From the middle both ways, until something is in the way. */
static void walk(const rule_scene *scene, const sheet *s, double x0, double y0, double r,
                 double step, int stroke, int most, path *p)
{
    int back = 0;
    p->n = 0;
    for (int way = -1; way <= 1; way += 2) {
        double x = x0, y = y0, dx, dy;
        for (int i = 0; i < most / 2; i++) {
            if (!inside(scene, x, y, r) ||
                (scene->p[APART] > .5f && !is_free(s, x, y, r + (double)scene->p[GAP] / 2, stroke)))
                break;
            if (way < 0 || i) { /* the first point comes once */
                p->x[p->n] = x;
                p->y[p->n] = y;
                p->n++;
            }
            direction(&s->d, x, y, &dx, &dy);
            direction(&s->d, x + way * step / 2 * dx, y + way * step / 2 * dy, &dx, &dy);
            x += way * step * dx;
            y += way * step * dy;
        }
        if (way < 0)
            back = p->n;
    }
    for (int i = 0; i < back / 2; i++) {
        double x = p->x[i], y = p->y[i];
        p->x[i] = p->x[back - 1 - i];
        p->y[i] = p->y[back - 1 - i];
        p->x[back - 1 - i] = x;
        p->y[back - 1 - i] = y;
    }
}

static void draw_stroke(cairo_t *c, const rule_scene *scene, rule_chance *r, const path *p,
                        double width, double step)
{
    int blocks = rule_luck(r, (double)scene->p[BLOCKS]);
    int every = blocks ? 1 + (int)((1 + 3 * rule_uniform(r)) * width / step) : p->n;
    for (int from = 0; from + 1 < p->n; from += every) {
        int to = from + every < p->n - 1 ? from + every : p->n - 1;
        cairo_new_path(c);
        for (int i = from; i <= to; i++)
            cairo_line_to(c, p->x[i], p->y[i]);
        rule_colour(c, rule_lot(scene, r), 1);
        cairo_set_line_width(c, width);
        cairo_stroke(c);
    }
}

static void draw_strokes(cairo_t *c, const rule_scene *scene, sheet *s)
{
    rule_chance r = rule_chance_of((uint32_t)scene->p[CHANCE], 1, 601);
    int tries = (int)scene->p[STROKES];
    for (int i = 0; i < tries; i++) {
        /* The wide ones come first; most are thin. */
        double share = pow(1 - i / (double)tries, 3) * (double)scene->p[VARIETY] + 1 -
                       (double)scene->p[VARIETY];
        double width = (double)scene->p[WIDTH] * fmax(share, .1), step = fmax(.35, .25 * width);
        double length = (double)scene->p[LENGTH] * rule_between(&r, .6, 1.4);
        double x = rule_between(&r, 0, 64), y = rule_between(&r, 0, 64);
        int most = (int)(length / step) + 3;
        path p;
        walk(scene, s, x, y, width / 2, step, i, most < POINTS ? most : POINTS - 2, &p);
        if (p.n * step < fmin(3 * width + 1, .5 * length))
            continue;
        for (int k = 0; k < p.n; k++)
            take(s, p.x[k], p.y[k], width / 2, i);
        draw_stroke(c, scene, &r, &p, width, step);
    }
}

static int draw(cairo_t *c, const rule_scene *scene)
{
    sheet *s = malloc(sizeof(*s));
    if (!s)
        return -1;
    memset(s->first, 0xff, sizeof(s->first));
    s->n = 0;
    s->widest = 0;
    find_heights(scene, s->height);
    find_directions(scene, s->height, &s->d);
    rule_paper(c, scene, scene->s.palette->paper);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_BUTT);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    draw_strokes(c, scene, s);
    free(s);
    return 0;
}

/* ---- chance and words */

static void by_chance(rule_chance *r, float *p)
{
    p[FIELD] = rule_luck(r, .6) ? CURL : ANGLE;
    p[SCALE] = (float)(.5 + 3 * pow(rule_uniform(r), 1.6));
    p[BEND] = (float)rule_between(r, .2, 1.6);
    p[STROKES] = (float)(600 + rule_below(r, 1400));
    p[WIDTH] = (float)(.5 + 4.5 * pow(rule_uniform(r), 1.5));
    p[VARIETY] = (float)rule_uniform(r);
    p[LENGTH] = (float)rule_between(r, 10, 80);
    p[GAP] = (float)rule_between(r, .05, .8);
    p[APART] = (float)rule_luck(r, .9);
    p[BLOCKS] = (float)(rule_luck(r, .6) ? 0 : rule_uniform(r));
    p[MARGIN] = (float)(rule_luck(r, .3) ? 0 : rule_between(r, 1, 6));
    p[CHANCE] = (float)rule_below(r, 10000);
}

static void caption(const float *p, rule_chance *r, latent_language language, rule_text *t)
{
    int zh = language == LATENT_CHINESE, wide = p[WIDTH] > 3, thin = p[WIDTH] < 1.2f;
    if (zh) {
        rule_say(t, wide ? "宽宽的" : thin ? "细细的" : "");
        rule_say(t, "笔触顺着看不见的水流走");
        rule_say(t, p[APART] > .5f ? "，互不相碰" : "，层层叠叠");
        return;
    }
    rule_say(t, wide ? "broad " : thin ? "fine " : "");
    rule_say(t, RULE_ONE_OF(r, "strokes that follow a flow", "strokes in a stream",
                            "lines of a flow field"));
    rule_say(t, p[APART] > .5f ? " and never touch" : ", one over the other");
}

const latent_rule latent_rule_flow = {
    .name = "flow",
    .params = params,
    .count = PARAMS,
    .palette = "coral",
    .follows = "the field: strokes follow its contours",
    .draw = draw,
    .random = by_chance,
    .caption = caption,
};
