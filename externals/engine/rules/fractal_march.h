/* fractal_march: the rays of fractal.c for one kind of processor; included after LATENT_SIMD has
   been defined (see simd.h).  As many rays are marched at once as there are floats in a vector. The
   arithmetic is written out (no library's sine) and contracts nothing, so that the picture is the
   same on every processor. */
#include "../kernels/simd.h"
#include "fractal.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

#define STEPS 90
#define TILE_STEPS 40

typedef int32_t ints __attribute__((vector_size(LATENT_SIMD / 8)));
typedef struct {
    vec x, y, z;
} vec3;

/* ---- arithmetic */

INLINE vec choose(ints m, vec a, vec b) /* a where m, else b */
{
    return (vec)(((ints)a & m) | ((ints)b & ~m));
}

INLINE vec absolute(vec v)
{
    return (vec)((ints)v & 0x7fffffff);
}

INLINE int any(ints m)
{
    int32_t r = 0;
    for (int i = 0; i < VL; i++)
        r |= m[i];
    return r != 0;
}

/* Newton's method from a first guess of the bits; v above 0. */
INLINE vec inverse_root(vec v)
{
    vec y = (vec)(0x5f3759df - ((ints)v >> 1)), h = v * .5f;
    y = y * (1.5f - h * y * y);
    y = y * (1.5f - h * y * y);
    return y * (1.5f - h * y * y);
}

INLINE vec root(vec v)
{
    v = larger(v, all(1e-30f));
    return v * inverse_root(v);
}

/* log2 of the mantissa in [sqrt(1/2), sqrt(2)] by the series of atanh, to the seventh power. */
INLINE vec log2_of(vec v)
{
    ints bits = (ints)v, e = (bits - 0x3f3504f3) >> 23;
    vec m = (vec)(bits - (e << 23)), s = (m - 1) / (m + 1), q = s * s;
    return __builtin_convertvector(e, vec) +
           s * (2.88539008f + q * (.961796694f + q * (.577078016f + q * .412198583f)));
}

INLINE vec exp2_of(vec v)
{
    v = larger(smaller(v, all(126)), all(-126));
    vec n = v + 12582912.0f - 12582912.0f, r = v - n;
    vec p =
        1 + r * (.693147181f +
                 r * (.240226507f + r * (.0555041087f + r * (.00961812911f + r * .00133335581f))));
    return p * (vec)((__builtin_convertvector(n, ints) + 127) << 23);
}

#define TURN_ALL 6.28318531f

/* The angle of (x, y), y at any side; an error below 1e-4. */
INLINE vec angle_of(vec y, vec x)
{
    vec ax = absolute(x), ay = absolute(y), high = larger(ax, ay), low = smaller(ax, ay);
    vec t = low / larger(high, all(1e-20f)), q = t * t;
    vec a = t * (.99997726f +
                 q * (-.33262347f +
                      q * (.19354346f + q * (-.11643287f + q * (.05265332f + q * -.01172120f)))));
    a = choose(ay > ax, TURN_ALL / 4 - a, a);
    a = choose(x < all(0), TURN_ALL / 2 - a, a);
    return choose(y < all(0), -a, a);
}

/* Sine of a quarter turn at most either way, after the angle is brought there. */
INLINE vec sine_of(vec a)
{
    vec n = a * (1 / TURN_ALL) + 12582912.0f - 12582912.0f, r = a - n * TURN_ALL, q;
    r = choose(r > all(TURN_ALL / 4), TURN_ALL / 2 - r, r);
    r = choose(r < all(-TURN_ALL / 4), -TURN_ALL / 2 - r, r);
    q = r * r;
    return r *
           (1 + q * (-.166666667f + q * (.00833333333f + q * (-.000198412698f + q * 2.7557e-6f))));
}

INLINE vec dot(vec3 a, vec3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

/* ---- how far it is to the solid, at least */

/* (re + im i)^n, n at least 1, by squares. */
INLINE void complex_power(int n, vec *re, vec *im)
{
    vec a = *re, b = *im, x = all(1), y = all(0), before;
    for (;; n >>= 1) {
        if (n & 1) {
            before = x;
            x = x * a - y * b;
            y = before * b + y * a;
        }
        if (n <= 1)
            break;
        before = a;
        a = a * a - b * b;
        b = before * b * 2;
    }
    *re = x;
    *im = y;
}

/* As to_bulb(), of a whole power n: an angle times n is n - 1 multiplications of numbers of the
   plane, for which no angle needs to be known. */
static vec to_whole_bulb(const solid *s, int n, vec3 c, vec *trap)
{
    vec3 z = c;
    vec dr = all(1), r = root(dot(z, z)), low = r;
    for (int i = 0; i < s->rounds; i++) {
        ints inside = r < all(2);
        if (!any(inside))
            break;
        vec flat = larger(z.x * z.x + z.y * z.y, all(1e-30f)), share = inverse_root(flat);
        vec across = flat * share, up = z.z, px = z.x * share, py = z.y * share, before = all(1);
        complex_power(n, &up, &across);
        complex_power(n, &px, &py);
        vec square = r;
        for (int k = n - 1; k; k >>= 1, square = square * square) /* r^(n - 1) */
            before = k & 1 ? before * square : before;
        dr = choose(inside, before * s->power * dr + 1, dr);
        z.x = choose(inside, across * px + c.x, z.x);
        z.y = choose(inside, across * py + c.y, z.y);
        z.z = choose(inside, up + c.z, z.z);
        r = root(dot(z, z));
        low = smaller(low, r);
    }
    *trap = low;
    return .5f * .69314718f * log2_of(larger(r, all(1e-12f))) * r / dr;
}

/* trap: the nearest that the orbit came to the middle, which colours are taken from. */
static vec to_bulb(const solid *s, vec3 c, vec *trap)
{
    int whole = (int)s->power;
    vec3 z = c;
    vec dr = all(1), r = root(dot(z, z)), low = r;
    if ((float)whole >= s->power)
        return to_whole_bulb(s, whole, c, trap);
    for (int i = 0; i < s->rounds; i++) {
        ints inside = r < all(2);
        if (!any(inside))
            break;
        vec flat = root(z.x * z.x + z.y * z.y), lg = log2_of(larger(r, all(1e-12f)));
        vec theta = angle_of(flat, z.z) * s->power, phi = angle_of(z.y, z.x) * s->power;
        vec before = exp2_of(lg * (s->power - 1)), now = before * r;
        vec st = sine_of(theta), ct = sine_of(theta + TURN_ALL / 4);
        vec3 next = {now * st * sine_of(phi + TURN_ALL / 4) + c.x, now * st * sine_of(phi) + c.y,
                     now * ct + c.z};
        dr = choose(inside, before * s->power * dr + 1, dr);
        z.x = choose(inside, next.x, z.x);
        z.y = choose(inside, next.y, z.y);
        z.z = choose(inside, next.z, z.z);
        r = root(dot(z, z));
        low = smaller(low, r);
    }
    *trap = low;
    return .5f * .69314718f * log2_of(larger(r, all(1e-12f))) * r / dr;
}

INLINE vec folded(vec v)
{
    return larger(smaller(v, all(1)), all(-1)) * 2 - v;
}

static vec to_box(const solid *s, vec3 p, vec *trap)
{
    vec3 c = {p.x * s->size, p.y * s->size, p.z * s->size}, z = c;
    vec dr = all(1), low = all(1e9f), r2;
    for (int i = 0; i < s->rounds + 4; i++) {
        z = (vec3){folded(z.x), folded(z.y), folded(z.z)};
        r2 = dot(z, z);
        low = smaller(low, r2);
        vec k = all(1) / larger(smaller(r2, all(1)), all(.25f)) * s->fold;
        z = (vec3){z.x * k + c.x, z.y * k + c.y, z.z * k + c.z};
        dr = dr * k + 1;
    }
    *trap = root(low) * .6f;
    return root(dot(z, z)) / dr / s->size;
}

static vec distance_to(const solid *s, vec3 p, vec *trap)
{
    return s->kind == BOX ? to_box(s, p, trap) : to_bulb(s, p, trap);
}

/* Directions of length 1 through places of the picture, in pixels. */
static vec3 rays(const scenery *w, vec px, vec py)
{
    vec u = (px * (2.0f / (float)w->size) - 1) * OPENING,
        v = (1 - py * (2.0f / (float)w->size)) * OPENING;
    vec3 d = {w->ahead[0] + w->right[0] * u + w->up[0] * v,
              w->ahead[1] + w->right[1] * u + w->up[1] * v,
              w->ahead[2] + w->right[2] * u + w->up[2] * v};
    vec n = inverse_root(dot(d, d));
    return (vec3){d.x * n, d.y * n, d.z * n};
}

INLINE vec3 along(const scenery *w, vec3 d, vec t)
{
    return (vec3){w->eye[0] + d.x * t, w->eye[1] + d.y * t, w->eye[2] + d.z * t};
}

/* Where rays enter and leave the sphere around the solid; enter is beyond leave where they miss. */
static void bounds(const scenery *w, vec3 d, vec *enter, vec *leave)
{
    vec b = w->eye[0] * d.x + w->eye[1] * d.y + w->eye[2] * d.z;
    float c =
        w->eye[0] * w->eye[0] + w->eye[1] * w->eye[1] + w->eye[2] * w->eye[2] - w->bound * w->bound;
    vec h = b * b - c, s = root(h);
    ints hits = h > all(0);
    *enter = choose(hits, larger(-b - s, all(.01f)), all(2));
    *leave = choose(hits, -b + s, all(1));
}

/* ---- tiles: how far all rays of each can go at once */

/* For tiles of so many pixels a side; start (or NULL) is what larger ones of parent pixels found.
 */
static void march_tiles(const scenery *w, int tile, const float *start, int parent, float *found)
{
    int n = (w->size + tile - 1) / tile, across = parent ? (w->size + parent - 1) / parent : 0;
    float spread = w->pixel * 2 * ((float)tile * .7072f + 1);
    for (int i = 0; i < n * n; i += VL) {
        vec px, py, t, leave, trap, from = all(.01f);
        for (int k = 0; k < VL; k++) {
            int at = i + k < n * n ? i + k : n * n - 1;
            px[k] = ((float)(at % n) + .5f) * (float)tile;
            py[k] = ((float)(at / n) + .5f) * (float)tile;
            if (start)
                from[k] = start[at / n * tile / parent * across + at % n * tile / parent];
        }
        vec3 d = rays(w, px, py);
        bounds(w, d, &t, &leave);
        /* A ray that misses the sphere may have neighbours that do not. */
        ints missed = t > leave;
        t = larger(choose(missed, all(.01f), t), from);
        leave = choose(missed, all(20), leave + .5f);
        ints going = t < leave;
        for (int step = 0; step < TILE_STEPS && any(going); step++) {
            vec free = distance_to(&w->s, along(w, d, t), &trap) * .9f - spread * t;
            going &= free > all(1e-3f);
            t = choose(going, t + free * (1 / (1 + spread)), t);
            going &= t < leave;
        }
        for (int k = 0; k < VL && i + k < n * n; k++)
            found[i + k] = t[k];
    }
}

/* ---- a packet of pixels, 4 in a row */

static vec3 slope(const scenery *w, vec3 p, vec h)
{
    vec trap, a, b, c, d, n;
    /* Four corners of a tetrahedron (Quilez). */
    a = distance_to(&w->s, (vec3){p.x + h, p.y - h, p.z - h}, &trap);
    b = distance_to(&w->s, (vec3){p.x - h, p.y - h, p.z + h}, &trap);
    c = distance_to(&w->s, (vec3){p.x - h, p.y + h, p.z - h}, &trap);
    d = distance_to(&w->s, (vec3){p.x + h, p.y + h, p.z + h}, &trap);
    vec3 g = {a - b - c + d, -a - b + c + d, -a + b - c + d};
    n = inverse_root(dot(g, g) + 1e-24f);
    return (vec3){g.x * n, g.y * n, g.z * n};
}

static void shade(const scenery *w, vec3 d, vec t, vec steps, vec trap, vec figure,
                  float rgba[VL][4])
{
    vec3 p = along(w, d, t), normal = slope(w, p, w->pixel * t);
    vec lit = normal.x * w->light[0] + normal.y * w->light[1] + normal.z * w->light[2];
    vec facing = -dot(normal, d);
    const latent_palette *palette = w->palette;
    for (int k = 0; k < VL; k++) {
        double place = fmin(fmax((double)trap[k] * 1.15 - .12, 0), 1);
        float open = 1 - w->shadow * fminf(steps[k] / 42, 1), colour[3];
        float light = .28f + .72f * fmaxf(0, lit[k]), rim = 1 - fmaxf(0, facing[k]);
        rule_along(palette, place, colour);
        for (int j = 0; j < 3; j++) {
            float base = .82f + (colour[j] - .82f) * w->coloured;
            float v = base * light * open + .22f * rim * rim * rim * open;
            v = palette->paper[j] + (v - palette->paper[j]) * figure[k];
            rgba[k][j] = v > 0 ? v < 1 ? v : 1 : 0;
        }
        rgba[k][3] = figure[k];
    }
}

static void packet(const scenery *w, int x, int y, float start, float rgba[VL][4])
{
    vec px, py;
    for (int k = 0; k < VL; k++) {
        px[k] = (float)(x + k % FRACTAL_TILE) + .5f;
        py[k] = (float)(y + k / FRACTAL_TILE) + .5f;
    }
    vec3 d = rays(w, px, py);
    vec t, leave, trap = all(1), steps = all(0), nearest = all(1e9f), figure;
    bounds(w, d, &t, &leave);
    t = larger(t, all(start));
    vec at = t, seen = trap;
    ints going = t < leave;
    for (int i = 0; i < STEPS && any(going); i++) {
        vec free = distance_to(&w->s, along(w, d, t), &trap);
        vec share = free / (t * w->pixel);
        ints better = going & (share < nearest);
        nearest = choose(better, share, nearest);
        at = choose(better, t, at);
        seen = choose(better, trap, seen);
        going &= share > all(1);
        t = choose(going, t + free * .92f, t);
        steps = choose(going, steps + 1, steps);
        going &= t < leave;
    }
    /* A ray that passes by within a pixel is a part of the edge. */
    figure = smaller(larger(all(2) - nearest, all(0)), all(1));
    if (any(figure > all(0))) {
        shade(w, d, at, steps, seen, figure, rgba);
        return;
    }
    for (int k = 0; k < VL; k++) {
        for (int j = 0; j < 3; j++)
            rgba[k][j] = w->palette->paper[j];
        rgba[k][3] = 0;
    }
}

static void march_rows(const scenery *w, int y0, const float *start, float *rgba)
{
    int across = (w->size + FRACTAL_TILE - 1) / FRACTAL_TILE;
    float seen[VL][4];
    for (int y = y0; y < y0 + FRACTAL_TILE && y < w->size; y += VL / FRACTAL_TILE)
        for (int x = 0; x < w->size; x += FRACTAL_TILE) {
            packet(w, x, y, start[y / FRACTAL_TILE * across + x / FRACTAL_TILE], seen);
            for (int k = 0; k < VL; k++) {
                int px = x + k % FRACTAL_TILE, py = y + k / FRACTAL_TILE;
                if (px < w->size && py < w->size)
                    memcpy(rgba + 4 * ((size_t)py * (size_t)w->size + (size_t)px), seen[k],
                           sizeof(seen[k]));
            }
        }
}
