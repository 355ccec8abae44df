/* tiled: see tiled.h.  A convolution has a side of values V (the small side of ways +1 and -1) and
   a side of outputs M (the large one, of four phases).  Way -1 goes from M to V, the others from V
   to M, and each goes back the other way.

   Pictures are taken in groups of at least a few dozen tiles, so that reading the weights costs
   little, and a group's tiles in blocks that stay in the second cache. */
#include "tiled.h"
#include <math.h>
#include <string.h>

#define FEW_TILES 32
#define BLOCK_FLOATS ((size_t)192 << 10) /* values and outputs of a block */
#define LEAST_BLOCK 24
#define PAD 16 /* floats between planes, which must not share the lines of a cache */

int latent_tiled(const latent_layer *l)
{
    int h = l->way < 0 ? l->h / 2 : l->h, w = l->way < 0 ? l->w / 2 : l->w;
    return l->kernel == 3 && l->in % LATENT_WIDE == 0 && l->out % LATENT_WIDE == 0 &&
           l->in <= 1024 && l->out <= 1024 && h % 4 == 0 && w % 4 == 0 && h * w >= 64;
}

typedef struct {
    const latent_tiles_code *code;
    const latent_layer *l;
    latent_room *room;
    latent_tiles_side v, m; /* channels of either side; h and w alike: of the tiles */
    int two, vc, mc;        /* two: ways +1 and -1 */
    int tiles, group, block, slices;
    size_t v_at[LATENT_POINTS + 1], m_at[LATENT_POINTS + 1]; /* where each point's numbers begin */
    size_t v_picture, m_picture;                             /* floats */
    float factor;
    const float *weights, *turned; /* turned: [9][in and out exchanged] */
    float *u_out, *u_in;           /* weights at the points, for V to M and for M to V */
    size_t u_plane, du_plane;
    const float *from_v, *from_m, *style; /* what is known on either side */
    float *to_v, *to_m;                   /* what is wanted there, or NULL */
    const latent_layer_end *end;
    float *du, *g_weights; /* [slices][points][...]; NULL when not wanted */
} job;

static int pieces(int n, int size)
{
    return (n + size - 1) / size;
}

/* Rows of numbers that a tile has at a point. */
static int rows_of(const job *j, int point)
{
    return j->two ? (point / 6 == 5 ? 4 : 1) * (point % 6 == 5 ? 4 : 1) : 1;
}

static void plan(job *j, const latent_layer *l, latent_room *room)
{
    size_t each;
    int most;
    memset(j, 0, sizeof(*j));
    j->code = latent_tiles_best();
    j->l = l;
    j->room = room;
    j->two = l->way != 0;
    j->v = (latent_tiles_side){l->h, l->w, l->in};
    j->m = (latent_tiles_side){l->h, l->w, l->out};
    if (l->way < 0) {
        j->v = (latent_tiles_side){l->h / 2, l->w / 2, l->out};
        j->m = (latent_tiles_side){l->h / 2, l->w / 2, l->in};
    }
    j->vc = j->v.c;
    j->mc = j->m.c;
    j->factor = l->way < 0 ? 0.25f : 1;
    j->tiles = j->v.h / 4 * (j->v.w / 4);
    j->group = pieces(FEW_TILES, j->tiles);
    each = (size_t)(j->two ? 81 : LATENT_POINTS) * (size_t)(j->vc + j->mc);
    most = (int)(BLOCK_FLOATS / each);
    most = most < LEAST_BLOCK ? LEAST_BLOCK : most;
    j->block = j->group > 1 ? j->group * j->tiles : j->tiles < most ? j->tiles : most;
    for (int p = 0; p < LATENT_POINTS; p++) {
        size_t rows = (size_t)(j->block * rows_of(j, p));
        j->v_at[p + 1] = j->v_at[p] + rows * (size_t)j->vc + PAD;
        j->m_at[p + 1] = j->m_at[p] + rows * (size_t)j->mc + PAD;
    }
    j->v_picture = (size_t)(j->v.h * j->v.w) * (size_t)j->vc;
    j->m_picture = (size_t)(j->m.h * j->m.w) * (size_t)j->mc * (j->two ? 4 : 1);
    j->u_plane = (size_t)j->vc * (size_t)j->mc + PAD;
    j->du_plane = j->u_plane;
}

/* ---- weights */

static void turn_tap(void *context, int t, int slot)
{
    const job *j = context;
    size_t a = (size_t)(j->l->way > 0 ? j->l->out : j->l->in);
    size_t b = (size_t)(j->l->way > 0 ? j->l->in : j->l->out);
    const float *from = j->weights + (size_t)t * a * b;
    float *to = (float *)(size_t)j->turned + (size_t)t * a * b;
    (void)slot;
    for (size_t p = 0; p < a; p += 16)
        for (size_t q = 0; q < b; q += 16)
            for (size_t x = p; x < p + 16; x++)
                for (size_t y = q; y < q + 16; y++)
                    to[y * a + x] = from[x * b + y];
}

/* One panel of V to M: [9][vc][mc]. */
static void out_panel(void *context, int i, int slot)
{
    const job *j = context;
    const float *w = (j->two ? j->turned : j->weights) + i * LATENT_WIDE;
    (void)slot;
    j->code->weights(j->vc, j->mc, (size_t)j->vc * (size_t)j->mc, j->two, j->factor, w,
                     j->u_out + (size_t)i * (size_t)j->vc * LATENT_WIDE, j->u_plane);
}

/* One panel of M to V: [9][mc][vc]. */
static void in_panel(void *context, int i, int slot)
{
    const job *j = context;
    const float *w = (j->two ? j->weights : j->turned) + i * LATENT_WIDE;
    (void)slot;
    j->code->weights(j->mc, j->vc, (size_t)j->vc * (size_t)j->mc, j->two, j->factor, w,
                     j->u_in + (size_t)i * (size_t)j->mc * LATENT_WIDE, j->u_plane);
}

static int prepare(job *j, int out)
{
    size_t u = LATENT_POINTS * j->u_plane;
    float *at_points = latent_room_all(j->room, 0, u + latent_layer_weights(j->l));
    if (!at_points)
        return -1;
    if (out == (j->l->way != 0)) {
        j->turned = at_points + u;
        latent_parallel(9, turn_tap, j);
    }
    if (out) {
        j->u_out = at_points;
        latent_parallel(j->mc / LATENT_WIDE, out_panel, j);
    } else {
        j->u_in = at_points;
        latent_parallel(j->vc / LATENT_WIDE, in_panel, j);
    }
    return 0;
}

/* Gradients: dU is [vc][mc] for way 0 and [mc][vc] for the others, as the weights are. */
static void weights_rows(void *context, int i, int slot)
{
    const job *j = context;
    int rows = j->two ? j->mc : j->vc, columns = j->two ? j->vc : j->mc;
    size_t tap = (size_t)rows * (size_t)columns, at = (size_t)(i * LATENT_WIDE * columns);
    (void)slot;
    for (int s = 0; s < j->slices; s++)
        j->code->weights_back(LATENT_WIDE, columns, tap, j->two, j->factor,
                              j->du + (size_t)s * LATENT_POINTS * j->du_plane + at, j->du_plane,
                              j->g_weights + at);
}

/* ---- a group of pictures */

/* A run of tiles of one picture, and the first one's place in the block. */
typedef struct {
    size_t picture;
    int first, count, at;
} run;

/* The run of a group's tiles from tile t on, in a block that goes from one tile to another; 0
   behind its end. */
static int find_run(const job *j, int group, int t, int from, int to, run *r)
{
    r->picture = (size_t)(group * j->group + t / j->tiles);
    r->first = t % j->tiles;
    r->count = j->tiles - r->first < to - t ? j->tiles - r->first : to - t;
    r->at = t - from;
    return t < to ? r->count : 0;
}

static int tiles_of_group(const job *j, int group)
{
    int pictures = j->l->n - group * j->group;
    return (pictures < j->group ? pictures : j->group) * j->tiles;
}

static void fill_v(const job *j, int group, int from, int to, float *v)
{
    run r;
    for (int t = from; find_run(j, group, t, from, to, &r); t += r.count) {
        const float *x = j->from_v + r.picture * j->v_picture;
        const float *style = j->style ? j->style + r.picture * (size_t)j->vc : NULL;
        if (j->two)
            j->code->two_values(&j->v, x, style, r.first, r.count, r.at, v, j->v_at);
        else
            j->code->values(&j->v, x, style, r.first, r.count, v + (size_t)(r.at * j->vc),
                            j->v_at[1]);
    }
}

static void fill_m(const job *j, int group, int from, int to, float *m)
{
    run r;
    for (int t = from; find_run(j, group, t, from, to, &r); t += r.count) {
        const float *g = j->from_m + r.picture * j->m_picture;
        if (j->two)
            j->code->two_outputs_back(&j->m, g, r.first, r.count, r.at, m, j->m_at);
        else
            j->code->outputs_back(&j->m, g, r.first, r.count, m + (size_t)(r.at * j->mc),
                                  j->m_at[1]);
    }
}

static void empty_v(const job *j, int group, int from, int to, const float *v)
{
    run r;
    for (int t = from; find_run(j, group, t, from, to, &r); t += r.count) {
        float *gx = j->to_v + r.picture * j->v_picture;
        if (j->two)
            j->code->two_values_back(&j->v, v, j->v_at, r.first, r.count, r.at, gx);
        else
            j->code->values_back(&j->v, v + (size_t)(r.at * j->vc), j->v_at[1], r.first, r.count,
                                 gx);
    }
}

static void empty_m(const job *j, int group, int from, int to, const float *m)
{
    static const latent_tiles_end as_it_is = {NULL, NULL, NULL, 1, 0, 1, 1, INFINITY};
    run r;
    for (int t = from; find_run(j, group, t, from, to, &r); t += r.count) {
        float *y = j->to_m + r.picture * j->m_picture;
        latent_tiles_end end =
            j->end ? latent_layer_end_of(j->l, j->end, (int)r.picture, 0) : as_it_is;
        if (j->two)
            j->code->two_outputs(&j->m, m, j->m_at, r.first, r.count, r.at, y);
        else
            j->code->outputs(&j->m, m + (size_t)(r.at * j->mc), j->m_at[1], r.first, r.count, &end,
                             y);
    }
}

static void clear(float *f, size_t first, size_t count)
{
    if (f)
        memset(f + first, 0, count * sizeof(float));
}

/* The end of way +1 and -1, which no tile can be given before its neighbours are there. */
static void end_pictures(const job *j, size_t first, size_t count)
{
    const latent_layer *l = j->l;
    float *y = l->way > 0 ? j->to_m : j->to_v;
    size_t pixels = (size_t)latent_layer_height(l) * (size_t)latent_layer_width(l);
    for (size_t i = first; i < first + count; i++) {
        latent_tiles_end e = latent_layer_end_of(l, j->end, (int)i, 0);
        j->code->end(pixels, l->out, &e, y + i * pixels * (size_t)l->out);
    }
}

static void one_group(const job *j, int group, float *v, float *m, float *du, int *fresh)
{
    int all = tiles_of_group(j, group);
    size_t first = (size_t)(group * j->group), pictures = (size_t)(all / j->tiles);
    if (j->two)
        clear(j->to_m, first * j->m_picture, pictures * j->m_picture);
    else
        clear(j->to_v, first * j->v_picture, pictures * j->v_picture);
    for (int from = 0; from < all; from += j->block) {
        int to = all - from < j->block ? all : from + j->block;
        if (du || j->to_m)
            fill_v(j, group, from, to, v);
        if (du || j->to_v)
            fill_m(j, group, from, to, m);
        for (int p = 0; p < LATENT_POINTS; p++) {
            float *vp = v + j->v_at[p], *mp = m + j->m_at[p];
            int rows = (to - from) * rows_of(j, p);
            size_t at = (size_t)p * j->u_plane;
            if (du && j->two)
                j->code->sum(rows, j->mc, j->vc, mp, vp, du + at, *fresh);
            else if (du)
                j->code->sum(rows, j->vc, j->mc, vp, mp, du + at, *fresh);
            if (j->to_m)
                j->code->product(rows, j->vc, j->mc / LATENT_WIDE, vp, j->u_out + at, mp);
            if (j->to_v)
                j->code->product(rows, j->mc, j->vc / LATENT_WIDE, mp, j->u_in + at, vp);
        }
        *fresh = 0;
        if (j->to_m)
            empty_m(j, group, from, to, m);
        if (j->to_v)
            empty_v(j, group, from, to, v);
    }
    if (j->two && j->end)
        end_pictures(j, first, pictures);
}

static void one_slice(void *context, int slice, int slot)
{
    const job *j = context;
    int groups = pieces(j->l->n, j->group), each = pieces(groups, j->slices), fresh = 1;
    size_t all_v = j->v_at[LATENT_POINTS], all_m = j->m_at[LATENT_POINTS];
    float *v = latent_room_slot(j->room, slot, all_v + all_m);
    float *du = j->du ? j->du + (size_t)slice * LATENT_POINTS * j->du_plane : NULL;
    if (!v)
        return;
    for (int g = slice * each; g < (slice + 1) * each && g < groups; g++)
        one_group(j, g, v, v + all_v, du, &fresh);
    if (du && fresh)
        memset(du, 0, LATENT_POINTS * j->du_plane * sizeof(float));
}

/* ---- forward and back */

void latent_tiled_forward(const latent_layer *l, const float *weights, const float *x,
                          const float *style, const latent_layer_end *end, float *y,
                          latent_room *room)
{
    job j;
    plan(&j, l, room);
    j.weights = weights;
    j.slices = pieces(l->n, j.group);
    if (prepare(&j, l->way >= 0))
        return;
    j.end = end;
    if (l->way >= 0) {
        j.from_v = x;
        j.style = style;
        j.to_m = y;
    } else {
        j.from_m = x;
        j.to_v = y;
    }
    latent_parallel(j.slices, one_slice, &j);
}

/* Slices that sum weight gradients side by side: few where the sums are large. */
static int slices_of(const job *j)
{
    size_t floats = LATENT_POINTS * j->du_plane;
    int groups = pieces(j->l->n, j->group), most = floats < 1 << 18 ? 8 : floats < 1 << 20 ? 4 : 2;
    return groups < most ? groups : most;
}

void latent_tiled_back(const latent_layer *l, const float *weights, const float *x,
                       const float *style, const float *g, float *gx, float *g_weights,
                       latent_room *room)
{
    job j;
    plan(&j, l, room);
    j.weights = weights;
    j.g_weights = g_weights;
    j.slices = pieces(l->n, j.group);
    if (g_weights) {
        j.slices = slices_of(&j);
        j.du = latent_room_all(room, 1, (size_t)j.slices * LATENT_POINTS * j.du_plane);
        if (!j.du)
            return;
    }
    if (gx && prepare(&j, l->way < 0))
        return;
    if (l->way >= 0) {
        j.from_v = x;
        j.style = style;
        j.from_m = g;
        j.to_v = gx;
    } else {
        j.from_v = g;
        j.from_m = x;
        j.to_m = gx;
    }
    latent_parallel(j.slices, one_slice, &j);
    if (g_weights)
        latent_parallel((j.two ? j.mc : j.vc) / LATENT_WIDE, weights_rows, &j);
}
