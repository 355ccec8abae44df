/* subject_mask: see subject_mask.h.  Connected parts of what differs from the paper are told apart
   by size, thickness of their strokes (a distance transform) and company: characters are small,
   thin, dark and stand in rows or columns.  What is left is closed (Serra 1982) and filled. */
#include "subject_mask.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GLYPH 0.075f  /* the longest side of a character, of the page's longest side */
#define STROKE 3.6f   /* half the thickness of its strokes, in pixels, at most */
#define INK 18.0f     /* its darkest place is at least so far from the paper */
#define DENSE 0.07f   /* so much of a block of writing is ink */
#define DARK 21.0f    /* and so far from the paper, its characters' darkest places on average */
#define SOLID 4.0f    /* pixels this deep inside a figure count for its size */
#define LIKE 0.5f     /* figures of this share of the largest belong to the animal */
#define WHOLE 0.15f   /* one of this share of the largest is preferred when that is cut */
#define CUT 0.15f     /* of a figure's breadth lies at the picture's edge */
#define BESIDE 0.012f /* so near, of the longest side, a part belongs to a figure */
#define CLOSING 2
#define LINE 6    /* what is thicker is a body, not an outline */
#define SLIGHT 30 /* less than so many solid pixels are no figure but lines */

typedef struct {
    int x0, y0, x1, y1; /* up to and with */
    int area, solid, edge;
    float depth, peak;
    int glyph, company, root;
    int covered; /* of a block: its characters' pixels */
    float ink;   /* the sum of their peaks */
} part;

typedef struct {
    const latent_page_background *p;
    int h, w;
    float low, high; /* thresholds of the distance from the paper */
    int *label;      /* [h][w], 0: none */
    int *stack;
    uint8_t *ink;  /* differs from the paper */
    uint8_t *text; /* is writing */
    uint8_t *work;
    float *depth; /* how far each pixel is from the nearest without */
    part *parts;  /* [1 .. n_parts] */
    int n_parts;
} page;

/* ---- connected parts */

/* Labels what is set in bits, with 8 neighbours or 4; calls for every part found.  Returns how many
   there are. */
static int label_parts(page *g, const uint8_t *bits, int neighbours)
{
    static const int dx[8] = {1, -1, 0, 0, 1, 1, -1, -1}, dy[8] = {0, 0, 1, -1, 1, -1, 1, -1};
    int n = 0, pixels = g->h * g->w;
    memset(g->label, 0, sizeof(int) * (size_t)pixels);
    for (int start = 0; start < pixels; start++) {
        int top = 0;
        if (!bits[start] || g->label[start])
            continue;
        g->label[start] = ++n;
        g->stack[top++] = start;
        while (top) {
            int at = g->stack[--top], y = at / g->w, x = at % g->w;
            for (int d = 0; d < neighbours; d++) {
                int v = y + dy[d], u = x + dx[d], to = v * g->w + u;
                if (v < 0 || u < 0 || v >= g->h || u >= g->w || !bits[to] || g->label[to])
                    continue;
                g->label[to] = n;
                g->stack[top++] = to;
            }
        }
    }
    return n;
}

/* How deep inside bits each pixel lies, in pixels (chamfer 1 and sqrt 2; beyond the picture is
   inside, so that what is cut is as thick as it looks). */
static void depths(const page *g, const uint8_t *bits)
{
    const float diagonal = 1.4142f;
    int w = g->w, h = g->h;
    float *d = g->depth;
    for (int i = 0; i < h * w; i++)
        d[i] = bits[i] ? 1e6f : 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            float *a = d + (size_t)y * (size_t)w + x;
            if (x)
                *a = fminf(*a, a[-1] + 1);
            if (y)
                *a = fminf(*a, a[-w] + 1);
            if (x && y)
                *a = fminf(*a, a[-w - 1] + diagonal);
            if (y && x + 1 < w)
                *a = fminf(*a, a[-w + 1] + diagonal);
        }
    for (int y = h - 1; y >= 0; y--)
        for (int x = w - 1; x >= 0; x--) {
            float *a = d + (size_t)y * (size_t)w + x;
            if (x + 1 < w)
                *a = fminf(*a, a[1] + 1);
            if (y + 1 < h)
                *a = fminf(*a, a[w] + 1);
            if (x + 1 < w && y + 1 < h)
                *a = fminf(*a, a[w + 1] + diagonal);
            if (y + 1 < h && x)
                *a = fminf(*a, a[w - 1] + diagonal);
        }
}

/* Fills in parts from label and depth; 0, or -1 without memory. */
static int measure_parts(page *g, int n)
{
    part *parts = realloc(g->parts, sizeof(part) * ((size_t)n + 1));
    if (!parts)
        return -1;
    g->parts = parts;
    g->n_parts = n;
    for (int i = 0; i <= n; i++)
        parts[i] = (part){.x0 = g->w, .y0 = g->h, .x1 = -1, .y1 = -1, .root = i};
    for (int y = 0; y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            int i = y * g->w + x;
            part *q = parts + g->label[i];
            q->x0 = x < q->x0 ? x : q->x0;
            q->x1 = x > q->x1 ? x : q->x1;
            q->y0 = y < q->y0 ? y : q->y0;
            q->y1 = y > q->y1 ? y : q->y1;
            q->area++;
            q->solid += g->depth[i] >= SOLID;
            q->edge += y < 2 || x < 2 || y >= g->h - 2 || x >= g->w - 2;
            q->depth = fmaxf(q->depth, g->depth[i]);
            q->peak = fmaxf(q->peak, g->p->distance[i]);
        }
    return 0;
}

static int side(const part *q)
{
    int w = q->x1 - q->x0 + 1, h = q->y1 - q->y0 + 1;
    return w > h ? w : h;
}

/* ---- writing */

static int root_of(part *parts, int i)
{
    while (parts[i].root != i)
        i = parts[i].root = parts[parts[i].root].root;
    return i;
}

static int is_glyph(const page *g, const part *q)
{
    int w = q->x1 - q->x0 + 1, h = q->y1 - q->y0 + 1, longest = g->h > g->w ? g->h : g->w;
    float limit = GLYPH * (float)longest;
    if (q->depth > fmaxf(STROKE, 0.07f * (float)side(q)) || q->peak < INK)
        return 0;
    if ((float)side(q) <= limit)
        return 1;
    return h > 3 * w && (float)w < limit * 0.5f &&
           q->area * 5 > w * h; /* a column grown together */
}

static int compare_int(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The usual size of a character's parts, whose commonest is a whole character. */
static int glyph_size(page *g)
{
    int n = 0;
    for (int i = 1; i <= g->n_parts; i++)
        if (g->parts[i].glyph && side(g->parts + i) > 3)
            g->stack[n++] = side(g->parts + i);
    if (!n)
        return 0;
    qsort(g->stack, (size_t)n, sizeof(int), compare_int);
    return g->stack[n * 3 / 4];
}

static int gap(int a0, int a1, int b0, int b1)
{
    return a0 > b1 ? a0 - b1 : b0 > a1 ? b0 - a1 : 0;
}

/* Joins characters that stand in a column or a row. */
static void join_glyphs(page *g, int size)
{
    part *p = g->parts;
    for (int i = 1; i <= g->n_parts; i++)
        for (int j = i + 1; p[i].glyph && j <= g->n_parts; j++) {
            int dx, dy;
            if (!p[j].glyph)
                continue;
            dx = gap(p[i].x0, p[i].x1, p[j].x0, p[j].x1);
            dy = gap(p[i].y0, p[i].y1, p[j].y0, p[j].y1);
            if ((dx * 5 <= size && dy * 5 <= size * 5) || (dy * 5 <= size && dx * 5 <= size * 8))
                p[root_of(p, i)].root = root_of(p, j);
        }
}

/* Is a block writing?  It has several characters, is longer than one, densely filled and dark,
   while the broken outlines of a pale drawing are neither. */
static int is_writing(const part *r, int size)
{
    float box = (float)(r->x1 - r->x0 + 1) * (float)(r->y1 - r->y0 + 1);
    return r->company >= 3 && side(r) * 2 >= size * 3 && (float)r->covered >= DENSE * box &&
           r->ink >= DARK * (float)r->company;
}

/* Marks in text what is writing. */
static void find_text(page *g)
{
    part *p = g->parts;
    int size;
    for (int i = 1; i <= g->n_parts; i++)
        p[i].glyph = is_glyph(g, p + i);
    if (!(size = glyph_size(g)))
        return;
    join_glyphs(g, size);
    for (int i = 1; i <= g->n_parts; i++)
        if (p[i].glyph) {
            part *r = p + root_of(p, i);
            r->company++;
            r->covered += p[i].area;
            r->ink += p[i].peak;
            r->x0 = p[i].x0 < r->x0 ? p[i].x0 : r->x0; /* the root's box becomes the block's */
            r->y0 = p[i].y0 < r->y0 ? p[i].y0 : r->y0;
            r->x1 = p[i].x1 > r->x1 ? p[i].x1 : r->x1;
            r->y1 = p[i].y1 > r->y1 ? p[i].y1 : r->y1;
        }
    for (int i = 0; i < g->h * g->w; i++) {
        int k = g->label[i];
        if (!k || !p[k].glyph)
            continue;
        g->text[i] = (uint8_t)is_writing(p + root_of(p, k), size);
    }
}

/* ---- figures */

/* Sets in out what is within r pixels of bits (a square, in two passes). */
static void widen(const page *g, const uint8_t *bits, uint8_t *out, int r)
{
    uint8_t *rows = (uint8_t *)g->stack;
    for (int y = 0; y < g->h; y++)
        for (int x = 0, last = -2 * r - 1; x < g->w + r; x++) {
            if (x < g->w && bits[y * g->w + x])
                last = x;
            if (x >= r)
                rows[y * g->w + x - r] = last >= x - 2 * r;
        }
    for (int x = 0; x < g->w; x++)
        for (int y = 0, last = -2 * r - 1; y < g->h + r; y++) {
            if (y < g->h && rows[y * g->w + x])
                last = y;
            if (y >= r)
                out[(y - r) * g->w + x] = last >= y - 2 * r;
        }
}

static void invert(const page *g, uint8_t *bits)
{
    for (int i = 0; i < g->h * g->w; i++)
        bits[i] = !bits[i];
}

/* Closes narrow gaps. */
static void close_gaps(const page *g, uint8_t *bits, int r)
{
    widen(g, bits, g->work, r);
    invert(g, g->work);
    widen(g, g->work, bits, r);
    invert(g, bits);
}

typedef struct {
    int area, writing, open;
    int around, thick; /* looks at what surrounds it, and how many found more than a line there */
    double distance;
} hole;

/* Looks from a pixel of a hole for what surrounds it. */
static void look_around(const page *g, const uint8_t *bits, hole *o, int y, int x)
{
    static const int dx[4] = {1, -1, 0, 0}, dy[4] = {0, 0, 1, -1};
    for (int d = 0; d < 4; d++) {
        int v = y + dy[d], u = x + dx[d], far_v = y + LINE * dy[d], far_u = x + LINE * dx[d];
        if (v < 0 || u < 0 || v >= g->h || u >= g->w || !bits[v * g->w + u])
            continue;
        o->around++;
        o->thick += far_v >= 0 && far_u >= 0 && far_v < g->h && far_u < g->w &&
                    g->depth[far_v * g->w + far_u] > 3;
    }
}

/* Fills the holes of bits, but those with writing in them, and those of thick rings that are plain
   paper.  0, or -1 without memory. */
static int fill_holes(page *g, uint8_t *bits)
{
    int n;
    hole *holes;
    invert(g, bits);
    n = label_parts(g, bits, 4);
    invert(g, bits);
    if (!(holes = calloc((size_t)n + 1, sizeof(*holes))))
        return -1;
    depths(g, bits);
    for (int y = 0; y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            int i = y * g->w + x;
            hole *o = holes + g->label[i];
            o->area++;
            o->writing += g->text[i];
            o->distance += (double)g->p->distance[i];
            o->open |= y == 0 || x == 0 || y == g->h - 1 || x == g->w - 1;
            if (g->label[i])
                look_around(g, bits, o, y, x);
        }
    for (int i = 0; i < g->h * g->w; i++) {
        const hole *o = holes + g->label[i];
        double mean = o->distance / (double)(o->area ? o->area : 1);
        int large = o->area * 200 > g->h * g->w;
        if (!g->label[i] || o->open || (o->writing * 60 > o->area && large) ||
            (large && mean < (double)g->p->noise * 1.4 && o->thick * 3 > o->around))
            continue;
        bits[i] = 1;
    }
    free(holes);
    return 0;
}

static int is_cut(const part *q)
{
    return (float)q->edge > 2 * CUT * sqrtf((float)q->area) + 2;
}

/* Of the figures in parts the one that the picture is of; 0: none. */
static int choose(page *g)
{
    int most = 0, best = 0, longest = g->h > g->w ? g->h : g->w;
    float score = 0;
    for (int i = 1; i <= g->n_parts; i++)
        most = g->parts[i].solid > most ? g->parts[i].solid : most;
    for (int i = 1; i <= g->n_parts && most < SLIGHT; i++) /* nothing but lines: large ones count */
        if ((float)side(g->parts + i) > 0.5f * GLYPH * (float)longest)
            g->parts[i].solid = g->parts[i].area;
    for (int i = 1; i <= g->n_parts; i++)
        most = g->parts[i].solid > most ? g->parts[i].solid : most;
    for (int whole = 1; whole >= 0 && !best; whole--)
        for (int i = 1; i <= g->n_parts; i++) {
            const part *q = g->parts + i;
            float x = (float)(q->x0 + q->x1 + 1) / (float)g->w - 1;
            float y = (float)(q->y0 + q->y1 + 1) / (float)g->h - 1;
            float s = (float)q->solid * (1 - 0.25f * sqrtf(x * x + y * y));
            if (whole && (is_cut(q) || (float)q->solid < WHOLE * (float)most))
                continue;
            if (s > score) {
                score = s;
                best = i;
            }
        }
    return best;
}

/* Leaves in bits the animal alone; parts and label are of bits.  Returns how many figures. */
static int keep_animal(page *g, uint8_t *bits)
{
    int main_part = choose(g), count = 0, pixels = g->h * g->w;
    int longest = g->h > g->w ? g->h : g->w, reach = 1 + (int)(BESIDE * (float)longest);
    float size;
    if (!main_part)
        return 0;
    size = (float)g->parts[main_part].solid;
    for (int i = 1; i <= g->n_parts; i++) {
        part *q = g->parts + i;
        q->company = i == main_part || ((float)q->solid >= LIKE * size && !is_cut(q));
        count += q->company;
    }
    for (int round = 0; round < 2; round++) { /* what lies beside it, and beside that */
        for (int i = 0; i < pixels; i++)
            bits[i] = g->label[i] && g->parts[g->label[i]].company;
        widen(g, bits, g->work, reach);
        for (int i = 0; i < pixels; i++) {
            part *q = g->parts + g->label[i];
            if (g->label[i] && g->work[i] && (float)q->solid < LIKE * size)
                q->company = 1;
        }
    }
    for (int i = 0; i < pixels; i++)
        bits[i] = g->label[i] && g->parts[g->label[i]].company;
    return count;
}

/* A soft edge outside of the figure. */
static void soften(const page *g, const uint8_t *bits, uint8_t *mask)
{
    for (int y = 0; y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            int n = 0, sum = 0;
            for (int v = y - 1; v <= y + 1; v++)
                for (int u = x - 1; u <= x + 1; u++)
                    if (v >= 0 && u >= 0 && v < g->h && u < g->w) {
                        n++;
                        sum += bits[v * g->w + u];
                    }
            mask[y * g->w + x] = bits[y * g->w + x] ? 255 : (uint8_t)(120 * sum / n);
        }
}

static int find(page *g, uint8_t *bits, uint8_t *mask)
{
    int pixels = g->h * g->w, count;
    for (int i = 0; i < pixels; i++)
        g->ink[i] = g->p->distance[i] > g->low;
    depths(g, g->ink);
    if (measure_parts(g, label_parts(g, g->ink, 8)))
        return -1;
    find_text(g);
    for (int i = 0; i < pixels; i++) {
        const part *q = g->parts + g->label[i];
        bits[i] = g->ink[i] && !g->text[i] && q->peak > g->high && q->area > 5;
    }
    close_gaps(g, bits, CLOSING);
    if (fill_holes(g, bits))
        return -1;
    depths(g, bits);
    if (measure_parts(g, label_parts(g, bits, 8)))
        return -1;
    count = keep_animal(g, bits);
    soften(g, bits, mask);
    return count;
}

int latent_subject_mask_find(const latent_page_background *p, uint8_t *mask, latent_error *e)
{
    size_t pixels = (size_t)p->h * (size_t)p->w;
    uint8_t *bits = calloc(pixels, 1);
    page g = {.p = p, .h = p->h, .w = p->w};
    int count = -1;
    g.low = fmaxf(6, 4 * p->noise);
    g.high = 2 * g.low;
    g.label = malloc(pixels * sizeof(int));
    g.stack = malloc(pixels * sizeof(int));
    g.depth = malloc(pixels * sizeof(float));
    g.ink = malloc(pixels);
    g.text = calloc(pixels, 1);
    g.work = malloc(pixels);
    if (bits && g.label && g.stack && g.depth && g.ink && g.text && g.work)
        count = find(&g, bits, mask);
    if (count < 0)
        latent_fail(e, "there is no memory to look for the animal in a picture");
    free(g.label);
    free(g.stack);
    free(g.depth);
    free(g.ink);
    free(g.text);
    free(g.work);
    free(g.parts);
    free(bits);
    return count;
}
