/* conv_backward_weights: the gradient of a convolution's weights (see conv.h), for training.  A
   fast convolution is a bilinear form in the values U of the weights at the points, V of the input
   and M' of the gradient with respect to the output: sum over planes and tiles of U V M'.  So the
   gradient of U is, plane by plane, a product of matrices over the tiles, and that of the taps
   follows by the transpose of what made U of them.  M' is the transpose of the output's step; for
   the convolutions that enlarge and shrink it is the other one's input step. */
#include "../base/parallel.h"
#include "conv_plan.h"
#include "conv_points.h"
#include "gemm.h"
#include <stdlib.h>
#include <string.h>

/* Floats of V and M' together in a chunk: they stay in the second cache where the sums are small or
   a thread's own, and are much more than those where they are large. */
#define LEAST_FLOATS ((size_t)1 << 18)
#define MOST_FLOATS ((size_t)1 << 21)
#define LINE 16 /* floats in a line of the cache */
#define PLANES 36
#define INPUTS 16
#define PARTS 8 /* of a kernel of 1: each sums its pixels */

/* Sums that are added up in the end, tiles for one of them at least, floats of one at most. */
#define MOST_SUMS 8
#define SUM_TILES 48
#define SUM_FLOATS ((size_t)1 << 20)

/* What each plane's product adds to each tap. */
static void taps_of_planes(int up, float k[9][PLANES])
{
    const float scale = up == 1 ? 1 : up == 2 ? 1.0f / 16 : 1.0f / 64; /* the blur's */
    memset(k, 0, 9 * PLANES * sizeof(float));
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            for (int a = 0; a < 3; a++)
                for (int b = 0; b < 3; b++) {
                    float *to = &k[a * 3 + b][i * 6 + j];
                    if (up == 1)
                        *to = taps6[i][a] * taps6[j][b];
                    else if ((i == TOOM) == (a == 1) && (j == TOOM) == (b == 1))
                        *to = scale * (i == TOOM ? 1 : toom_taps[i][a / 2]) *
                              (j == TOOM ? 1 : toom_taps[j][b / 2]);
                }
}

typedef struct {
    latent_conv_plan x, g;
    latent_conv_part part;
    int items, first; /* of x's input; is this the first part? */
    float *u;         /* [sums][PLANES][in][row] */
    size_t row;       /* out, in whole lines */
    int sums;
} job;

static void input_item(void *context, int i, int slot)
{
    job *j = context;
    (void)slot;
    if (i < j->items)
        j->x.code->item(&j->x, &j->part, STEP_INPUT, i, NULL);
    else
        j->g.code->item(&j->g, &j->part, STEP_INPUT, i - j->items, NULL);
}

/* One block of inputs and one of outputs of one plane; the longest planes come first. */
static void product_item(void *context, int i, int slot)
{
    job *j = context;
    int out_block = i % j->g.blocks, in_block = i / j->g.blocks % j->x.blocks;
    int number = PLANES - 1 - i / j->g.blocks / j->x.blocks, depth = j->x.code->depth;
    int in = j->x.spec.in - in_block * depth, out = j->g.spec.in - out_block * depth;
    latent_conv_plane a = latent_conv_find_plane(&j->x, &j->part, number / 6, number % 6);
    latent_conv_plane b = latent_conv_find_plane(&j->g, &j->part, number / 6, number % 6);
    float *u = j->u + ((size_t)number * (size_t)j->x.spec.in + (size_t)(in_block * depth)) * j->row;
    (void)slot;
    j->x.code->sum(a.rows, in < depth ? in : depth, out < depth ? out : depth,
                   a.a + (size_t)in_block * a.step, a.stride, b.a + (size_t)out_block * b.step,
                   b.stride, u + out_block * depth, j->row, !j->first);
}

static int product_items(const job *j)
{
    return PLANES * j->x.blocks * j->g.blocks;
}

/* One of the sums, over its share of the tiles, with V and M' of its own: what one thread writes
   and another reads costs more than to add up the sums in the end. */
static void sum_item(void *context, int number, int slot)
{
    job own = *(const job *)context;
    int rows = own.x.tile_rows, chunk = own.x.chunk_rows, end = rows * (number + 1) / own.sums;
    size_t v = latent_conv_v_count(&own.x) + latent_conv_v_count(&own.g);
    own.x.v += (size_t)number * v;
    own.g.v += (size_t)number * v;
    own.u += (size_t)number * PLANES * (size_t)own.x.spec.in * own.row;
    own.first = 1;
    own.part = latent_conv_find_part(&own.x, 0);
    for (int row = rows * number / own.sums; row < end; row += chunk) {
        latent_conv_set_rows(&own.x, &own.part, row, end - row < chunk ? end - row : chunk);
        own.items = latent_conv_input_items(&own.x, &own.part);
        for (int i = 0; i < own.items + latent_conv_input_items(&own.g, &own.part); i++)
            input_item(&own, i, slot);
        for (int i = 0; i < product_items(&own); i++)
            product_item(&own, i, slot);
        own.first = 0;
    }
}

/* How many sums are made, of so many floats each. */
static int count_sums(const latent_conv_plan *p, size_t floats)
{
    int tiles = p->tile_rows * p->tile_columns;
    int sums = tiles < MOST_SUMS * SUM_TILES ? MOST_SUMS / 2 : MOST_SUMS;
    return floats > SUM_FLOATS || tiles < sums * SUM_TILES || p->tile_rows < sums ? 1 : sums;
}

/* h and w: of the smaller picture. */
static void begin_plan(latent_conv_plan *p, latent_conv_spec spec, const latent_conv_code *code,
                       int n, int h, int w, const float *x, const float *styles)
{
    memset(p, 0, sizeof(*p));
    p->spec = spec;
    p->code = code;
    p->pictures = n;
    p->h = h;
    p->w = w;
    p->x = x;
    p->styles = styles;
    latent_conv_tiles(p, spec.up == 1 ? 6 : TOOM);
    p->odd = spec.up != 1; /* every plane's rows are whole vectors */
}

/* from: [taps][in][row], of which inputs first to last - 1 are added. */
static void add_weights(const float *from, size_t in, size_t row, size_t first, size_t last,
                        size_t out, size_t taps, float *gw, latent_conv_layout l)
{
    for (size_t t = 0; t < taps; t++) {
        const float *f = from + t * in * row;
        float *to = gw + (l.turned ? taps - 1 - t : t) * l.tap;
        if (l.out == 1)
            for (size_t i = first; i < last; i++)
                for (size_t o = 0; o < out; o++)
                    to[i * l.in + o] += f[i * row + o];
        else
            for (size_t o = 0; o < out; o++)
                for (size_t i = first; i < last; i++)
                    to[i * l.in + o * l.out] += f[i * row + o];
    }
}

typedef struct {
    const float *k, *u; /* what each plane adds to each tap; [sums][PLANES][in][row] */
    size_t in, out, row;
    int sums;
    float *taps; /* [9][in][row] */
    float *gw;
    latent_conv_layout layout;
} taps_job;

/* The taps of some inputs. */
static void taps_item(void *context, int item, int slot)
{
    const taps_job *j = context;
    size_t first = (size_t)item * INPUTS, weights = j->in * j->row;
    size_t last = first + INPUTS < j->in ? first + INPUTS : j->in;
    (void)slot;
    for (int i = 0; i < j->sums; i++)
        latent_gemm_alone(0, 0, 9, (int)((last - first) * j->row), PLANES, j->k, PLANES,
                          j->u + (size_t)i * PLANES * weights + first * j->row, (int)weights, i > 0,
                          j->taps + first * j->row, (int)weights);
    add_weights(j->taps, j->in, j->row, first, last, j->out, 9, j->gw, j->layout);
}

static int three(latent_conv_spec spec, latent_conv_workspace *room, int n, int h, int w,
                 const float *x, const float *styles, const float *g, float *gw,
                 latent_conv_layout layout, latent_error *e)
{
    latent_conv_spec back = {spec.out, spec.in, 3, -spec.up};
    const latent_conv_code *code = latent_conv_best_code(spec.out);
    size_t row = ((size_t)spec.out + LINE - 1) / LINE * LINE, weights = (size_t)spec.in * row;
    size_t zeros, both, most = 4 * PLANES * weights;
    float k[9][PLANES], *none, *taps;
    int chunk, parts;
    job j;
    if (spec.up == 1)
        back.up = 1;
    begin_plan(&j.x, spec, code, n, h, w, x, styles);
    begin_plan(&j.g, back, code, n, h, w, g, NULL);
    j.g.back = spec.up == 1;
    j.sums = count_sums(&j.x, PLANES * weights);
    latent_conv_lay_out(&j.x, j.x.tile_rows);
    latent_conv_lay_out(&j.g, j.g.tile_rows);
    both = latent_conv_v_count(&j.x) + latent_conv_v_count(&j.g);
    most = most > MOST_FLOATS ? MOST_FLOATS : most;
    most = most < LEAST_FLOATS || j.sums > 1 ? LEAST_FLOATS : most;
    parts = (int)((both + most - 1) / most);
    if (parts > j.x.tile_rows)
        parts = j.x.tile_rows;
    chunk = (j.x.tile_rows + parts - 1) / parts;
    latent_conv_lay_out(&j.x, chunk);
    latent_conv_lay_out(&j.g, chunk);
    j.x.sets = j.g.sets = 1;
    parts = (j.x.tile_rows + chunk - 1) / chunk;
    zeros = (size_t)(spec.in > spec.out ? spec.in : spec.out);
    both = latent_conv_v_count(&j.x) + latent_conv_v_count(&j.g);
    j.x.v =
        latent_conv_take(room, (size_t)j.sums * (both + PLANES * weights) + 9 * weights + zeros);
    if (!j.x.v)
        return latent_fail(e, "no memory for the gradient of %d x %d channels", spec.in, spec.out);
    j.g.v = j.x.v + latent_conv_v_count(&j.x);
    j.u = j.x.v + (size_t)j.sums * both;
    j.row = row;
    taps = j.u + (size_t)j.sums * PLANES * weights;
    none = taps + 9 * weights;
    memset(none, 0, zeros * sizeof(float));
    j.x.zeros = j.g.zeros = none;
    if (j.sums > 1)
        latent_parallel(j.sums, sum_item, &j);
    for (int i = 0; j.sums == 1 && i < parts; i++) {
        j.part = latent_conv_find_part(&j.x, i);
        j.first = !i;
        j.items = latent_conv_input_items(&j.x, &j.part);
        latent_parallel(j.items + latent_conv_input_items(&j.g, &j.part), input_item, &j);
        latent_parallel(product_items(&j), product_item, &j);
    }
    taps_of_planes(spec.up, k);
    latent_parallel(
        (spec.in + INPUTS - 1) / INPUTS, taps_item,
        &(taps_job){k[0], j.u, (size_t)spec.in, (size_t)spec.out, row, j.sums, taps, gw, layout});
    return 0;
}

/* ---- kernel 1: a product over the pixels */

typedef struct {
    size_t in, out, pixels, parts;
    const float *x, *styles, *g;
    float *sums; /* [parts][in][out] */
} one_job;

/* With styles a part is a picture. */
static void one_part(void *context, int i, int slot)
{
    const one_job *j = context;
    size_t part = (size_t)i, from = j->pixels * part / j->parts;
    size_t to = j->pixels * (part + 1) / j->parts, in = j->in, out = j->out;
    float *sum = j->sums + part * in * out;
    (void)slot;
    memset(sum, 0, in * out * sizeof(float));
    if (to > from)
        latent_gemm_alone(1, 0, (int)in, (int)out, (int)(to - from), j->x + from * in, (int)in,
                          j->g + from * out, (int)out, 0, sum, (int)out);
    for (size_t k = 0; j->styles && k < in * out; k++)
        sum[k] *= j->styles[part * in + k / out];
}

static int one(latent_conv_spec spec, latent_conv_workspace *room, const latent_conv_pictures *f,
               const float *g, float *gw, latent_conv_layout layout, latent_error *e)
{
    size_t in = (size_t)spec.in, out = (size_t)spec.out;
    size_t pixels = (size_t)f->n * (size_t)f->h * (size_t)f->w;
    size_t parts = f->in_scale ? (size_t)f->n : PARTS;
    one_job j = {in, out, pixels, parts, f->x, f->in_scale, g, NULL};
    j.sums = latent_conv_take(room, parts * in * out);
    if (!j.sums)
        return latent_fail(e, "no memory for the gradient of %d x %d channels", spec.in, spec.out);
    latent_parallel((int)parts, one_part, &j);
    for (size_t i = 0; i < parts; i++)
        add_weights(j.sums + i * in * out, in, out, 0, in, out, 1, gw, layout);
    return 0;
}

static int gradient(latent_conv_spec spec, latent_conv_workspace *room,
                    const latent_conv_pictures *f, const float *g, float *gw,
                    latent_conv_layout layout, latent_error *e)
{
    int n = f->n, h = f->h, w = f->w;
    size_t pixels = (size_t)h * (size_t)w, in = (size_t)spec.in;
    if (spec.kernel == 1 && spec.up == 1)
        return one(spec, room, f, g, gw, layout, e);
    if (spec.kernel != 3 || (spec.up == -2 && (h % 2 || w % 2 || f->in_scale)))
        return latent_fail(e, "there is no gradient for kernel %d, up %d, %d x %d%s", spec.kernel,
                           spec.up, w, h, f->in_scale ? " with a style" : "");
    if (spec.up == -2) {
        h /= 2;
        w /= 2;
    }
    if (n > 1 && spec.up != 1 && (h % 4 || w % 4)) {
        size_t g_size = pixels * (size_t)spec.out;
        g_size = spec.up == 2 ? 4 * g_size : g_size / 4;
        for (size_t i = 0; i < (size_t)n; i++)
            if (three(spec, room, 1, h, w, f->x + i * pixels * in,
                      f->in_scale ? f->in_scale + i * in : NULL, g + i * g_size, gw, layout, e))
                return -1;
        return 0;
    }
    return three(spec, room, n, h, w, f->x, f->in_scale, g, gw, layout, e);
}

int latent_conv_backward_weights(latent_conv_spec spec, latent_conv_workspace *room,
                                 const latent_conv_pictures *f, const float *g, float *gw,
                                 latent_conv_layout layout, latent_error *e)
{
    latent_conv_workspace *own = latent_conv_enter(room);
    int failed = gradient(spec, own, f, g, gw, layout, e);
    latent_conv_leave(room, own);
    return failed;
}
