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
           l->in <= 1024 && l->out <= 1024 && h % 4 == 0 && w % 4 == 0 &&
           h * w >= (l->way ? 256 : 64);
}

typedef struct {
    const latent_tiles_code *code;
    const latent_layer *l;
    latent_room *room;
    latent_tiles_side v, m; /* channels of either side; h and w alike: of the tiles */
    int phases, vc, mc;     /* mc: of all phases */
    int tiles, group, block, slices;
    size_t v_plane, m_plane, v_picture, m_picture; /* floats */
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

static void plan(job *j, const latent_layer *l, latent_room *room)
{
    size_t each;
    int most;
    memset(j, 0, sizeof(*j));
    j->code = latent_tiles_best();
    j->l = l;
    j->room = room;
    j->phases = l->way ? 4 : 1;
    j->v = (latent_tiles_side){l->h, l->w, l->in};
    j->m = (latent_tiles_side){l->h, l->w, l->out};
    if (l->way < 0) {
        j->v = (latent_tiles_side){l->h / 2, l->w / 2, l->out};
        j->m = (latent_tiles_side){l->h / 2, l->w / 2, l->in};
    }
    j->vc = j->v.c;
    j->mc = j->m.c * j->phases;
    j->factor = l->way < 0 ? 0.25f : 1;
    j->tiles = j->v.h / 4 * (j->v.w / 4);
    j->group = pieces(FEW_TILES, j->tiles);
    each = (size_t)LATENT_POINTS * (size_t)(j->vc + j->mc);
    most = (int)(BLOCK_FLOATS / each);
    most = most < LEAST_BLOCK ? LEAST_BLOCK : most;
    j->block = j->group > 1 ? j->group * j->tiles : j->tiles < most ? j->tiles : most;
    j->v_plane = (size_t)j->block * (size_t)j->vc + PAD;
    j->m_plane = (size_t)j->block * (size_t)j->mc + PAD;
    j->v_picture = (size_t)(j->v.h * j->v.w) * (size_t)j->vc;
    j->m_picture = (size_t)(j->m.h * j->m.w) * (size_t)j->mc;
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

/* One panel of V to M: [9][vc][m.c] by phases. */
static void out_panel(void *context, int i, int slot)
{
    const job *j = context;
    int each = j->m.c / LATENT_WIDE, phase = i / each;
    const float *w = (j->l->way ? j->turned : j->weights) + i % each * LATENT_WIDE;
    (void)slot;
    j->code->weights(j->vc, j->m.c, (size_t)j->vc * (size_t)j->m.c, j->l->way ? phase : -1,
                     j->factor, w, j->u_out + (size_t)i * (size_t)j->vc * LATENT_WIDE, j->u_plane);
}

/* One panel of M to V, one phase of it: [9][m.c][vc]. */
static void in_panel(void *context, int i, int slot)
{
    const job *j = context;
    int panel = i / j->phases, phase = i % j->phases;
    const float *w = (j->l->way ? j->weights : j->turned) + panel * LATENT_WIDE;
    (void)slot;
    j->code->weights(
        j->m.c, j->vc, (size_t)j->vc * (size_t)j->m.c, j->l->way ? phase : -1, j->factor, w,
        j->u_in + ((size_t)panel * (size_t)j->mc + (size_t)phase * (size_t)j->m.c) * LATENT_WIDE,
        j->u_plane);
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
        latent_parallel(j->vc / LATENT_WIDE * j->phases, in_panel, j);
    }
    return 0;
}

/* Gradients: dU is [vc][mc] for way 0 and [mc][vc] for the others, as the weights are. */
static void weights_rows(void *context, int i, int slot)
{
    const job *j = context;
    int rows = j->l->way ? j->m.c : j->vc, columns = j->l->way ? j->vc : j->mc;
    int first = i * LATENT_WIDE;
    size_t tap = (size_t)rows * (size_t)columns;
    (void)slot;
    for (int s = 0; s < j->slices; s++)
        for (int phase = 0; phase < j->phases; phase++)
            j->code->weights_back(LATENT_WIDE, columns, tap, j->l->way ? phase : -1, j->factor,
                                  j->du + (size_t)s * LATENT_POINTS * j->du_plane +
                                      ((size_t)phase * (size_t)rows + (size_t)first) *
                                          (size_t)columns,
                                  j->du_plane, j->g_weights + (size_t)first * (size_t)columns);
}

/* ---- a group of pictures */

/* A run of tiles of one picture, and the first one's place in the block. */
typedef struct {
    int picture, first, count, at;
} run;

/* The next run of a group from tile *tile on, which moves on; 0 at the block's end. */
static int next_run(const job *j, int group, int from, int to, run *r)
{
    int picture = group * j->group + from / j->tiles;
    if (from >= to || picture >= j->l->n)
        return 0;
    r->picture = picture;
    r->first = from % j->tiles;
    r->count = j->tiles - r->first < to - from ? j->tiles - r->first : to - from;
    r->at = 0;
    return r->count;
}

static int tiles_of_group(const job *j, int group)
{
    int pictures = j->l->n - group * j->group;
    return (pictures < j->group ? pictures : j->group) * j->tiles;
}

static void fill_v(const job *j, int group, int from, int to, float *v)
{
    run r;
    for (int t = from, n; (n = next_run(j, group, t, to, &r)); t += n)
        j->code->values(&j->v, j->from_v + (size_t)r.picture * j->v_picture,
                        j->style ? j->style + (size_t)r.picture * (size_t)j->vc : NULL, r.first, n,
                        v + (size_t)(t - from) * (size_t)j->vc, j->v_plane);
}

static void fill_m(const job *j, int group, int from, int to, float *m)
{
    run r;
    for (int t = from, n; (n = next_run(j, group, t, to, &r)); t += n)
        j->code->outputs_back(&j->m, j->phases, j->from_m + (size_t)r.picture * j->m_picture,
                              r.first, n, m + (size_t)(t - from) * (size_t)j->mc, j->m_plane);
}

static void empty_v(const job *j, int group, int from, int to, const float *v)
{
    run r;
    for (int t = from, n; (n = next_run(j, group, t, to, &r)); t += n)
        j->code->values_back(&j->v, v + (size_t)(t - from) * (size_t)j->vc, j->v_plane, r.first, n,
                             j->to_v + (size_t)r.picture * j->v_picture);
}

static void empty_m(const job *j, int group, int from, int to, const float *m)
{
    static const latent_tiles_end as_it_is = {NULL, NULL, NULL, 1, 0, 1, 1, INFINITY};
    run r;
    for (int t = from, n; (n = next_run(j, group, t, to, &r)); t += n) {
        latent_tiles_end end = j->end ? latent_layer_end_of(j->l, j->end, r.picture, 0) : as_it_is;
        j->code->outputs(&j->m, j->phases, m + (size_t)(t - from) * (size_t)j->mc, j->m_plane,
                         r.first, n, &end, j->to_m + (size_t)r.picture * j->m_picture);
    }
}

static void one_group(const job *j, int group, float *v, float *m, float *du, int *fresh)
{
    int all = tiles_of_group(j, group);
    size_t pictures = (size_t)(all / j->tiles);
    if (j->to_v)
        memset(j->to_v + (size_t)(group * j->group) * j->v_picture, 0,
               pictures * j->v_picture * sizeof(float));
    for (int from = 0; from < all; from += j->block) {
        int to = all - from < j->block ? all : from + j->block, count = to - from;
        if (j->from_v && (du || j->to_m))
            fill_v(j, group, from, to, v);
        if (j->from_m && (du || j->to_v))
            fill_m(j, group, from, to, m);
        for (size_t p = 0; p < LATENT_POINTS; p++) {
            float *vp = v + p * j->v_plane, *mp = m + p * j->m_plane;
            if (du && j->l->way)
                j->code->sum(count, j->mc, j->vc, mp, vp, du + p * j->du_plane, *fresh);
            else if (du)
                j->code->sum(count, j->vc, j->mc, vp, mp, du + p * j->du_plane, *fresh);
            if (j->to_m)
                j->code->product(count, j->vc, j->mc / LATENT_WIDE, vp, j->u_out + p * j->u_plane,
                                 mp);
            if (j->to_v)
                j->code->product(count, j->mc, j->vc / LATENT_WIDE, mp, j->u_in + p * j->u_plane,
                                 vp);
        }
        *fresh = 0;
        if (j->to_m)
            empty_m(j, group, from, to, m);
        if (j->to_v)
            empty_v(j, group, from, to, v);
    }
}

static void one_slice(void *context, int slice, int slot)
{
    const job *j = context;
    int groups = pieces(j->l->n, j->group), each = pieces(groups, j->slices), fresh = 1;
    size_t all_v = LATENT_POINTS * j->v_plane, all_m = LATENT_POINTS * j->m_plane;
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
    if (l->way >= 0) {
        j.from_v = x;
        j.style = style;
        j.to_m = y;
        j.end = end;
        latent_parallel(j.slices, one_slice, &j);
        return;
    }
    j.from_m = x;
    j.to_v = y;
    latent_parallel(j.slices, one_slice, &j);
    for (int i = 0; i < l->n; i++) {
        latent_tiles_end e = latent_layer_end_of(l, end, i, 0);
        j.code->end((size_t)(j.v.h * j.v.w), l->out, &e, y + (size_t)i * j.v_picture);
    }
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
        latent_parallel((l->way ? j.m.c : j.vc) / LATENT_WIDE, weights_rows, &j);
}
