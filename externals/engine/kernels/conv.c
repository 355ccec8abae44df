/* conv: see conv.h.  Here are the weights' storage, the choice of a method, and the order of work;
   conv_plan.h tells the methods, conv_kernels.h has the arithmetic. */
#include "conv.h"
#include "../base/half.h"
#include "../base/memory.h"
#include "../base/parallel.h"
#include "../base/system.h"
#include "../weights/weights.h"
#include "conv_plan.h"
#include "conv_points.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_CHUNK ((size_t)1 << 20)  /* scratch of a chunk, with transformed weights at hand */
#define LARGE_CHUNK ((size_t)8 << 20)  /* and when they are transformed again for each chunk */
#define LARGE_CACHE ((size_t)64 << 20) /* a third cache that keeps more of them */
#define KEPT_BYTES ((size_t)4 << 20)   /* transformed weights that a third-level cache keeps */
#define SET_ROWS 6                     /* of matrices in the product of a set, or more */
#define TILES_STEP 12                  /* rows of a product that the registers hold */
#define BANDS 2                        /* of each thread */
#define STRIP_BYTES ((size_t)1 << 20)  /* of V in a strip that one thread computes */
#define STRIP_PIXELS (64 * 64)         /* of the least picture that falls into strips */
#define BATCH_PIXELS (32 * 32)         /* and of the least batch of several */
#define OWN_OUT 128                    /* outputs for each V beyond the first */
#define OWN_BYTES ((size_t)5 << 20)    /* of a V of each thread's own */
#define STREAM_BYTES ((size_t)8 << 20) /* a result that no cache keeps until the next reads it */
#define LINE 16                        /* floats in a line of the cache */
#define SCRATCH ((size_t)2 << 20)      /* it grows by huge pages */
#define FEW 4

struct latent_conv {
    latent_conv_spec spec;
    const latent_conv_code *code;
    float *packed;  /* [panel][in][kernel * kernel][width] */
    uint16_t *half; /* the same in half precision, instead of packed; or NULL */
    float *energy;  /* [out][in] */
};

/* Room for the numbers between the steps, kept for the next convolution. */
struct latent_conv_workspace {
    pthread_mutex_t turn; /* one latent_conv_forward() at a time */
    float *scratch;
    size_t bytes;
    float *slot[LATENT_MAX_THREADS];
    size_t slot_bytes[LATENT_MAX_THREADS];
    float *packed; /* the weights of a batch */
    size_t packed_floats;
};

static latent_conv_workspace engine_room = {.turn = PTHREAD_MUTEX_INITIALIZER};
static _Thread_local latent_conv_workspace *own; /* of this thread, or NULL */

latent_conv_workspace *latent_conv_workspace_new(void)
{
    latent_conv_workspace *room = calloc(1, sizeof(*room));
    if (room)
        pthread_mutex_init(&room->turn, NULL);
    return room;
}

void latent_conv_workspace_use(latent_conv_workspace *room)
{
    own = room;
}

latent_conv_workspace *latent_conv_enter(latent_conv_workspace *room)
{
    if (room)
        return room;
    room = own ? own : &engine_room;
    pthread_mutex_lock(&room->turn);
    return room;
}

void latent_conv_leave(latent_conv_workspace *given, latent_conv_workspace *entered)
{
    if (!given)
        pthread_mutex_unlock(&entered->turn);
}

void latent_conv_workspace_free(latent_conv_workspace *room)
{
    if (!room)
        return;
    free(room->scratch);
    free(room->packed);
    for (int i = 0; i < LATENT_MAX_THREADS; i++)
        free(room->slot[i]);
    pthread_mutex_destroy(&room->turn);
    free(room);
}

/* ---- weights ---- */

static int pieces(int n, int size)
{
    return (n + size - 1) / size;
}

static int panels_of(const latent_conv *c)
{
    return pieces(c->spec.out, c->code->width);
}

static size_t packed_count(const latent_conv *c)
{
    return (size_t)panels_of(c) * (size_t)c->code->width * (size_t)c->spec.in *
           (size_t)(c->spec.kernel * c->spec.kernel);
}

static float *block(size_t floats)
{
    return latent_memory(floats * sizeof(float));
}

static int check_spec(latent_conv_spec spec, latent_error *e)
{
    if (spec.in < 1 || spec.out < 1 || (spec.kernel != 1 && spec.kernel != 3) ||
        (spec.up != 1 && spec.up != 2 && (spec.up != -2 || spec.kernel != 3)))
        return latent_fail(e,
                           "a convolution of %d to %d channels, kernel %d, up %d is not possible",
                           spec.in, spec.out, spec.kernel, spec.up);
    return 0;
}

const latent_conv_code *latent_conv_best_code(int out)
{
    const latent_conv_code *code = latent_conv_code_avx512();
    const latent_conv_code *narrow = latent_conv_code_avx512_narrow();
    if (narrow && pieces(out, narrow->width) % 2)
        return narrow;
    if (!code)
        code = latent_conv_code_avx2();
    return code ? code : latent_conv_code_base();
}

typedef struct {
    const latent_conv *c;
    const float *weights;
    latent_conv_layout layout;
} set_job;

/* Inputs in blocks whose weights stay in the first cache, whichever side they lie along. */
static void set_panel(void *context, int panel, int slot)
{
    const set_job *j = context;
    const latent_conv *c = j->c;
    const size_t in = (size_t)c->spec.in, taps = (size_t)(c->spec.kernel * c->spec.kernel);
    const size_t width = (size_t)c->code->width, first = (size_t)panel * width;
    const size_t out = j->layout.out, next = j->layout.in;
    size_t there = (size_t)c->spec.out - first < width ? (size_t)c->spec.out - first : width;
    (void)slot;
    for (size_t i = 0; i < in; i += LINE)
        for (size_t t = 0; t < taps; t++) {
            size_t tap = j->layout.turned ? taps - 1 - t : t, some = in - i < LINE ? in - i : LINE;
            const float *from = j->weights + first * out + i * next + tap * j->layout.tap;
            float *to = c->packed + (first * in + i * width) * taps + t * width;
            if (out == 1)
                for (size_t k = 0; k < some; k++)
                    memcpy(to + k * taps * width, from + k * next, there * sizeof(float));
            else
                for (size_t o = 0; o < there; o++)
                    for (size_t k = 0; k < some; k++)
                        to[k * taps * width + o] = from[o * out + k * next];
            for (size_t k = 0; k < some && there < width; k++)
                memset(to + k * taps * width + there, 0, (width - there) * sizeof(float));
        }
}

/* A panel of [out][in][taps], and its energy. */
static void prepare_panel(void *context, int panel, int slot)
{
    const set_job *j = context;
    const latent_conv *c = j->c;
    size_t in = (size_t)c->spec.in, taps = j->layout.in, width = (size_t)c->code->width;
    size_t first = (size_t)panel * width * in, last = first + width * in;
    if (last > (size_t)c->spec.out * in)
        last = (size_t)c->spec.out * in;
    set_panel(context, panel, slot);
    for (size_t i = first; i < last; i++) {
        double sum = 0;
        for (size_t t = 0; t < taps; t++)
            sum += (double)j->weights[i * taps + t] * (double)j->weights[i * taps + t];
        c->energy[i] = (float)sum;
    }
}

latent_conv *latent_conv_new_by(const latent_conv_code *code, latent_conv_spec spec,
                                const float *weights, latent_error *e)
{
    size_t taps = (size_t)(spec.kernel * spec.kernel);
    set_job j = {NULL, weights, {(size_t)spec.in * taps, taps, 1, 0}};
    latent_conv *c;
    if (check_spec(spec, e))
        return NULL;
    if ((c = calloc(1, sizeof(*c)))) {
        c->spec = spec;
        c->code = code;
        c->packed = block(packed_count(c));
        c->energy = block((size_t)spec.out * (size_t)spec.in);
    }
    if (!c || !c->packed || !c->energy) {
        latent_conv_free(c);
        latent_fail(e, "no memory for a convolution of %d to %d channels", spec.in, spec.out);
        return NULL;
    }
    j.c = c;
    latent_parallel(panels_of(c), prepare_panel, &j);
    return c;
}

latent_conv *latent_conv_new(latent_conv_spec spec, const float *weights, latent_error *e)
{
    return latent_conv_new_by(latent_conv_best_code(spec.out), spec, weights, e);
}

void latent_conv_free(latent_conv *c)
{
    if (c) {
        free(c->packed);
        free(c->half);
        free(c->energy);
        free(c);
    }
}

latent_conv_spec latent_conv_get_spec(const latent_conv *c)
{
    return c->spec;
}

int latent_conv_halve(latent_conv *c)
{
    size_t n = packed_count(c);
    uint16_t *half = c->half ? NULL : malloc(n * sizeof(*half));
    int fits = 1;
    if (!half)
        return c->half ? 0 : -1;
    for (size_t i = 0; i < n; i++) {
        fits &= c->packed[i] <= LATENT_HALF_MOST && c->packed[i] >= -LATENT_HALF_MOST;
        half[i] = latent_half_from_float(c->packed[i]);
    }
    if (!fits) {
        free(half);
        return -1;
    }
    free(c->packed);
    c->packed = NULL;
    c->half = half;
    return 0;
}

/* One of the weights, as they are packed. */
static float weight_at(const latent_conv *c, size_t i)
{
    return c->half ? latent_half_float(c->half[i]) : c->packed[i];
}

void latent_conv_weights(const latent_conv *c, float *weights)
{
    size_t in = (size_t)c->spec.in, taps = (size_t)(c->spec.kernel * c->spec.kernel);
    size_t width = (size_t)c->code->width;
    for (size_t o = 0; o < (size_t)c->spec.out; o++)
        for (size_t i = 0; i < in; i++) {
            size_t from = (o / width * in + i) * taps * width + o % width;
            for (size_t t = 0; t < taps; t++)
                weights[(o * in + i) * taps + t] = weight_at(c, from + t * width);
        }
}

size_t latent_conv_bytes(const latent_conv *c)
{
    return sizeof(*c) + packed_count(c) * (c->half ? sizeof(uint16_t) : sizeof(float)) +
           (c->energy ? (size_t)c->spec.in * (size_t)c->spec.out * sizeof(float) : 0);
}

const float *latent_conv_energy(const latent_conv *c)
{
    return c->energy;
}

double latent_conv_cost(latent_conv_spec spec, int h, int w)
{
    if (spec.up == -2)
        return (double)spec.in * spec.out * 9 * (h / 2) * (w / 2);
    return (double)spec.in * spec.out * spec.kernel * spec.kernel * h * w;
}

/* ---- the plan ---- */

static size_t lines(size_t floats)
{
    return (floats + LINE - 1) / LINE * LINE;
}

/* The distances between planes are odd numbers of cache lines, so that the planes do not share a
   few lines of the cache. */
static size_t odd_lines(size_t floats)
{
    return (lines(floats) / LINE | 1) * LINE;
}

/* Does an item have V and M of its own, and t as well? */
static int own_vm(const latent_conv_plan *p)
{
    return p->tiles || p->own;
}

static int own_t(const latent_conv_plan *p)
{
    return own_vm(p) && p->spec.up == 2 && !p->bands;
}

/* The sizes of the planes for chunks of so many rows of tiles. */
void latent_conv_lay_out(latent_conv_plan *p, int chunk_rows)
{
    size_t rows = (size_t)(p->tiles ? p->strip : chunk_rows), N = (size_t)p->points;
    size_t w = p->tiles ? (size_t)(p->tiles * p->n) : (size_t)p->w;
    size_t tiles = rows * (size_t)(p->tiles ? p->tiles : p->tile_columns);
    size_t pixels = rows * (size_t)p->n * w;
    p->chunk_rows = chunk_rows;
    p->v_row = p->blocks > 1 ? (size_t)p->code->depth : lines((size_t)p->spec.in);
    p->matrix = p->v_row * (size_t)p->code->width + LINE;
    memset(p->v_plane, 0, sizeof(p->v_plane));
    memset(p->m_plane, 0, sizeof(p->m_plane));
    p->m_plane[0] = pixels | 1;
    if (N) {
        p->v_plane[0] = odd_lines(tiles * p->v_row);
        p->m_plane[0] = tiles | 1;
    }
    if (N && p->spec.up != 1) {
        p->v_plane[1] = odd_lines(rows * w * p->v_row);
        p->v_plane[2] = odd_lines(tiles * (size_t)p->n * p->v_row);
        p->m_plane[1] = (rows * w) | 1;
        p->m_plane[2] = (tiles * (size_t)p->n) | 1;
    }
    p->v_odd = N * N * p->v_plane[0] + N * (p->v_plane[1] + p->v_plane[2]);
    p->v_block = p->v_odd + (p->odd ? odd_lines(pixels * p->v_row) : 0);
    p->m_odd = (N ? N * N : (size_t)(p->side * p->side)) * p->m_plane[0] +
               N * (p->m_plane[1] + p->m_plane[2]);
    p->m_panel = p->m_odd;
    p->t_panel = 0;
    p->carry_panel = 0;
    if (p->spec.up == -2 || (p->spec.up == 2 && !p->tiles))
        p->m_panel += pixels;
    w = (size_t)p->w;
    if (p->spec.up == 2)
        p->carry_panel = 2 * w;
    if (p->spec.up == 2 && p->spec.kernel == 3) {
        size_t even = rows * (size_t)p->n + !N; /* rows */
        p->t_start[1] = even * (w + 1);
        p->t_start[2] = p->t_start[1] + even * w;
        p->t_start[3] = p->t_start[2] + even * (w + 1);
        p->t_start[4] = p->t_start[3] + rows * (w + 1);
        p->t_start[5] = p->t_panel = p->t_start[4] + rows * w;
        if (p->tiles)
            p->t_panel += rows * (size_t)p->n * w;
        p->carry_panel = 8 * w + 4;
    }
}

size_t latent_conv_v_count(const latent_conv_plan *p)
{
    return (size_t)p->blocks * p->v_block;
}

size_t latent_conv_m_count(const latent_conv_plan *p)
{
    return (size_t)p->code->group * p->m_panel * (size_t)p->code->width;
}

size_t latent_conv_t_count(const latent_conv_plan *p)
{
    return (size_t)(p->set_groups * p->code->group * p->code->width) * p->t_panel;
}

size_t latent_conv_carry_count(const latent_conv_plan *p)
{
    return (size_t)p->panels * p->carry_panel * (size_t)p->code->width;
}

static size_t set_count(const latent_conv_plan *p, size_t rows)
{
    size_t buffers = p->bands || p->sets > 1 || p->chunk_rows < p->tile_rows ? 2 : 1;
    size_t panels = (size_t)(p->set_groups * p->code->group);
    return buffers * panels * rows * (size_t)p->code->width;
}

static size_t u_count(const latent_conv_plan *p)
{
    return (size_t)(p->groups * p->code->group * p->side * p->side * p->blocks) * p->matrix;
}

/* Tiles in a chunk: few enough for the caches, but when the weights are transformed again for each
   chunk enough that this costs little. */
static int rows_of_chunk(const latent_conv_plan *p, size_t room)
{
    size_t bytes = (latent_conv_v_count(p) + (size_t)p->panels * (size_t)p->code->width *
                                                 (p->m_panel + p->t_panel) / (size_t)p->sets) *
                   sizeof(float);
    int chunks = (int)((bytes + room - 1) / room);
    return pieces(p->tile_rows, chunks < p->tile_rows ? chunks : p->tile_rows);
}

void latent_conv_tiles(latent_conv_plan *p, int points)
{
    int two = p->spec.up != 1, kernel = p->spec.kernel;
    p->points = kernel == 3 ? points : 0;
    p->n = !p->points ? 1 : two ? points - 1 : points - 2;
    p->side = !p->points ? kernel : two ? points + 1 : points;
    p->blocks = pieces(p->spec.in, p->code->depth);
    p->rows_each = p->points ? pieces(p->h, p->n) : p->h;
    p->tile_rows = p->pictures * p->rows_each;
    p->tile_columns = p->points ? pieces(p->w, p->n) : p->w;
    p->turns = p->points ? p->side / 2 : p->side;
    p->unit = p->pictures > 1 && p->spec.up == 2 ? p->rows_each : 1;
    p->segment = pieces(1024, p->spec.in);
    p->odd = p->spec.up == -2 || (p->points == TOOM && p->styles);
}

int latent_conv_input_items(const latent_conv_plan *p, const latent_conv_part *c)
{
    return p->points ? c->rows * pieces(p->tile_columns, p->segment) : 0;
}

/* Tiles that go through all steps together, where the weights and they fit the second cache. */
static void choose_tiles(latent_conv_plan *p)
{
    size_t cache = latent_cache_bytes(2);
    size_t room = cache ? cache / 4 * 3 : SMALL_CHUNK / 2, u, each;
    int most = pieces(p->tile_columns, TILES_STEP) * TILES_STEP;
    if (!p->kept || p->blocks > 1 || (p->pictures > 1 && p->spec.up != 1) || p->spec.up == -2 ||
        p->panels * p->code->width > LATENT_CONV_TILES_OUT)
        return;
    u = u_count(p) * sizeof(float);
    each = (size_t)(p->spec.in + p->panels * p->code->width) * sizeof(float) *
           (size_t)(p->spec.up == 1 ? p->points * p->points : TOOM * TOOM + 2 * TOOM * (TOOM - 1));
    if (p->spec.up == 1 ? p->tile_rows * p->tile_columns * each < SMALL_CHUNK
                        : p->tile_columns * each < SMALL_CHUNK / 4)
        return;
    if (u + TILES_STEP * each > room + room / 4)
        return;
    p->tiles = u < room ? (int)((room - u) / each) / TILES_STEP * TILES_STEP : 0;
    p->tiles = p->tiles < TILES_STEP ? TILES_STEP : p->tiles > most ? most : p->tiles;
    p->strip = 1;
}

/* Strips of large pictures, as many for each thread: V and M of a thread's own cost less than what
   one thread writes and another reads, though each strip transforms weights that are not kept. */
static void choose_strips(latent_conv_plan *p)
{
    int threads = p->threads, rows = p->tile_rows, units = rows / p->unit, n;
    size_t bytes = latent_conv_v_count(p) * sizeof(float); /* of the whole */
    if (p->pictures * p->h * p->w < (p->pictures > 1 ? BATCH_PIXELS : STRIP_PIXELS) ||
        (pieces(units, threads) * threads - units) * 20 > units) /* some threads would wait */
        return;
    n = pieces((int)(bytes / STRIP_BYTES) + 1, threads) * threads;
    while (n > threads && (units < n || (!p->kept && rows < 2 * n)))
        n -= threads;
    p->strip = pieces(units, n) * p->unit;
    p->tiles = p->tile_columns;
}

/* Bands of strips, a few for each thread, which blurs them with t of its own. */
static void choose_bands(latent_conv_plan *p)
{
    int n = BANDS * p->threads, most = p->tile_rows / (2 * p->strip);
    if (p->spec.up != 2 || p->pictures > 1)
        return;
    while (n > p->threads && n > most)
        n -= p->threads;
    p->bands = n < p->tile_rows ? n : p->tile_rows;
}

/* The groups of outputs of a small picture, each by one thread, as long as the input is so small
   that to transform it again costs little. */
static void choose_own(latent_conv_plan *p)
{
    int threads = p->threads;
    if (p->tiles || p->spec.kernel == 1 || p->groups % threads ||
        p->spec.out < OWN_OUT * (threads - 1) || latent_conv_v_count(p) * sizeof(float) > OWN_BYTES)
        return;
    p->own = 1;
    p->kept = 0;
    p->set_groups = 1;
    p->sets = p->groups;
    p->item_turns = p->turns;
    latent_conv_lay_out(p, p->tile_rows);
}

static void make_plan(latent_conv_plan *p, int points)
{
    int width = p->code->width, two = p->spec.up != 1, kernel = p->spec.kernel;
    latent_conv_tiles(p, points);
    p->panels = pieces(p->spec.out, width);
    p->threads = latent_threads();
    p->groups = pieces(p->panels, p->code->group);
    p->set_groups = pieces(SET_ROWS, p->side);
    if (p->set_groups > p->groups)
        p->set_groups = p->groups;
    p->sets = pieces(p->groups, p->set_groups);
    latent_conv_lay_out(p, p->tile_rows);
    if (p->points || kernel == 1) {
        size_t u = u_count(p) * sizeof(float), room = LARGE_CHUNK;
        int rows;
        p->fresh = p->points == 6 && p->spec.up == 1 &&
                   p->tile_rows * p->tile_columns <= LATENT_CONV_FRESH;
        p->kept = p->points && u <= KEPT_BYTES && !p->fresh;
        if (!p->points)
            room = SMALL_CHUNK;
        else if (p->kept)
            room = u < SMALL_CHUNK ? SMALL_CHUNK : u / 4 * 3;
        else if (p->spec.in > 128 && latent_cache_bytes(3) >= LARGE_CACHE)
            room = 3 * LARGE_CHUNK;
        else if (p->spec.in > 256)
            room = 2 * LARGE_CHUNK;
        choose_tiles(p);
        if (p->points && !p->tiles)
            choose_strips(p);
        rows = rows_of_chunk(p, room);
        if (p->tiles) {
            rows = p->tile_rows;
            p->set_groups = p->groups;
            p->sets = 1;
            choose_bands(p);
        }
        if (p->pictures > 1 && p->spec.up == 2)
            rows = rows < p->rows_each ? p->rows_each : rows / p->rows_each * p->rows_each;
        latent_conv_lay_out(p, !p->points && two && rows < 2 ? 2 : rows);
    }
    /* Where the planes are small, an item takes all turns: the weights come from main memory
       once. */
    p->item_turns = 1;
    if (!p->tiles &&
        p->m_panel * (size_t)(width * p->code->group) * sizeof(float) <= SMALL_CHUNK / 4) {
        p->item_turns = p->turns;
        p->set_groups = p->groups;
        p->sets = 1;
    }
    p->cuts = 1;
    while (p->side == 1 && p->set_groups * p->cuts < SET_ROWS &&
           p->chunk_rows * p->tile_columns / (p->cuts + 1) >= 128)
        p->cuts++;
    choose_own(p);
}

latent_conv_plane latent_conv_find_plane(const latent_conv_plan *p, const latent_conv_part *c,
                                         int i, int j)
{
    size_t N = (size_t)p->points, row = (size_t)i, column = (size_t)j;
    latent_conv_plane f = {p->v, p->v_row, p->v_block, 0, 0};
    if (p->odd && i == TOOM && j == TOOM) {
        f.a += p->v_odd;
        f.m = p->m_odd;
        f.rows = (c->y1 - c->y0) * c->width;
    } else if (!N || (N == TOOM && i == TOOM && j == TOOM)) { /* pixels as they are */
        f.a = p->x + (size_t)c->y0 * (size_t)p->w * (size_t)p->spec.in;
        f.stride = (size_t)p->spec.in;
        f.step = (size_t)p->code->depth;
        f.rows = (c->y1 - c->y0) * p->w;
        f.m = p->spec.up == 2 && i == j && i == (N ? TOOM : p->side / 2)
                  ? p->m_odd
                  : (row * (size_t)p->side + column) * p->m_plane[0];
    } else if (p->spec.up == 1 || (i < TOOM && j < TOOM)) {
        f.a += (row * N + column) * p->v_plane[0];
        f.m = (row * N + column) * p->m_plane[0];
        f.rows = c->rows * c->columns;
    } else if (i < TOOM) {
        f.a += N * N * p->v_plane[0] + row * p->v_plane[1];
        f.m = N * N * p->m_plane[0] + row * p->m_plane[1];
        f.rows = c->rows * c->width;
    } else {
        f.a += N * N * p->v_plane[0] + N * p->v_plane[1] + column * p->v_plane[2];
        f.m = N * N * p->m_plane[0] + N * p->m_plane[1] + column * p->m_plane[2];
        f.rows = (c->y1 - c->y0) * c->columns;
    }
    return f;
}

/* Where which method pays; measured with tests/bench/bench_conv.c. */
static int choose_points(latent_conv_spec spec, int n, int h, int w)
{
    if (spec.up == -2)
        return 5;
    if (spec.kernel == 1 || (h * w <= 16 && (n == 1 || (n < 4 && spec.up == 1))))
        return 0;
    if (spec.up == 2)
        return 5;
    return h * w < 48 * 48 ? 6 : 8;
}

/* ---- the work ---- */

/* One step of one part.  The phases stand in the order in which the pool hands out their items, so
   that what a phase needs has always been handed out before it, and waiting for it ends.  Between
   a product and the output that needs it lies the next product's work, so that threads seldom
   wait. */
typedef struct {
    int step, part, first, items; /* first: the number of its first item */
    int needs[3];                 /* phases that must be done, or -1 */
    atomic_int done;              /* items */
    latent_shares strips;         /* of STEP_TILES */
} phase;

typedef struct {
    const latent_conv_plan *p;
    latent_conv_workspace *room;
    phase *phases;
    int count, items;
    char has_v[LATENT_MAX_THREADS]; /* of its own, each thread */
    atomic_int failed;              /* no memory */
} job;

void latent_conv_set_rows(const latent_conv_plan *p, latent_conv_part *c, int first, int rows)
{
    int end = (first + rows) * p->n, pixels = p->pictures * p->h;
    c->first = first;
    c->rows = rows;
    c->y0 = first * p->n;
    c->y1 = end < pixels ? end : pixels;
}

/* Parts are numbered chunk after chunk, set after set. */
latent_conv_part latent_conv_find_part(const latent_conv_plan *p, int i)
{
    latent_conv_part c;
    int first = i / p->sets * p->chunk_rows, left = p->tile_rows - first;
    latent_conv_set_rows(p, &c, first, left < p->chunk_rows ? left : p->chunk_rows);
    c.last = c.first + c.rows == p->tile_rows || p->pictures > 1;
    c.before = 0;
    c.set = i % p->sets;
    c.buffer = i % 2;
    c.left = 0;
    c.columns = p->tile_columns;
    c.width = p->w;
    return c;
}

static int count_items(const latent_conv_plan *p, const latent_conv_part *c, int step)
{
    int two = p->spec.up == 2, first = c->set * p->set_groups;
    int groups = p->groups - first < p->set_groups ? p->groups - first : p->set_groups;
    int panels = p->panels - first * p->code->group;
    if (panels > groups * p->code->group)
        panels = groups * p->code->group;
    if (p->tiles && step >= STEP_INPUT && step <= STEP_OUTPUT)
        return 0;
    switch (step) {
    case STEP_TILES:
        return !p->tiles         ? 0
               : p->bands        ? p->bands
               : p->spec.up != 1 ? pieces(c->rows, p->strip)
                                 : pieces(c->rows, p->strip) * pieces(p->tile_columns, p->tiles);
    case STEP_WEIGHTS:
        return p->kept ? p->groups * p->turns * p->blocks : 0;
    case STEP_INPUT:
        return latent_conv_input_items(p, c);
    case STEP_PRODUCT:
        return groups * p->turns / p->item_turns * p->cuts;
    case STEP_OUTPUT:
        if (p->spec.up == -2)
            return c->rows * panels;
        if (!two)
            return c->rows * panels *
                   (p->points ? pieces(p->tile_columns, LATENT_CONV_SEGMENT) : 1);
        return p->spec.kernel == 1 ? 0 : panels * (p->points ? c->rows : p->h + 1);
    case STEP_BLUR: /* from row y0 - 1 on */
        if (p->pictures > 1)
            return two && !p->tiles ? panels * (c->y1 - c->y0) : 0;
        if (p->bands) /* the two rows between them */
            return panels * 2 * (p->bands - 1);
        return two ? panels * ((c->last ? p->h + 1 : c->y1) - c->y0) : 0;
    default:
        return two && !c->last ? panels : 0;
    }
}

/* The phase's number, or, when it has no work, what it would have waited for. */
static int add_phase(job *j, int step, int part, int need0, int need1, int need2)
{
    latent_conv_part c = latent_conv_find_part(j->p, part);
    int items = count_items(j->p, &c, step);
    phase *f = &j->phases[j->count];
    if (!items)
        return need0;
    f->step = step;
    f->part = part;
    f->first = j->items;
    f->items = items;
    f->needs[0] = need0;
    f->needs[1] = need1;
    f->needs[2] = need2;
    atomic_init(&f->done, 0);
    latent_shares_init(&f->strips, items, j->p->threads);
    j->items += items;
    return j->count++;
}

static int list_phases(job *j)
{
    const latent_conv_plan *p = j->p;
    int parts = pieces(p->tile_rows, p->chunk_rows) * p->sets;
    int *product, *finish, input, weights;
    j->phases = malloc(((size_t)parts * STEPS + 1) * sizeof(*j->phases));
    product = malloc(2 * (size_t)parts * sizeof(*product));
    if (!j->phases || !product) {
        free(product);
        return -1;
    }
    finish = product + parts; /* the last step of each part */
    weights = add_phase(j, STEP_WEIGHTS, 0, -1, -1, -1);
    input = add_phase(j, STEP_INPUT, 0, -1, -1, -1);
    for (int i = 0; i <= parts; i++) {
        int before = i - 1;
        if (i < parts && p->tiles)
            product[i] = add_phase(j, STEP_TILES, i, weights, i > 1 ? finish[i - 2] : -1, -1);
        else if (i < parts)
            product[i] = add_phase(j, STEP_PRODUCT, i, input, i > 1 ? finish[i - 2] : -1, weights);
        if (before >= 0) {
            int carried = before >= p->sets ? finish[before - p->sets] : -1;
            int f = add_phase(j, STEP_OUTPUT, before, product[before], -1, -1);
            f = add_phase(j, STEP_BLUR, before, f, carried, -1);
            finish[before] = add_phase(j, STEP_CARRY, before, f, -1, -1);
        }
        if (i + 1 < parts && (i + 1) % p->sets == 0)
            input =
                add_phase(j, STEP_INPUT, i + 1, product[i], p->sets > 1 ? product[i - 1] : -1, -1);
    }
    free(product);
    return 0;
}

static void wait_for(const job *j, int need)
{
    const phase *f = &j->phases[need];
    for (int turns = 0; atomic_load_explicit(&f->done, memory_order_acquire) < f->items; turns++)
        if (turns > 200)
            sched_yield();
}

/* What the items of one thread need: room for weights, and what is their own. */
static float *room_for(latent_conv_workspace *r, int slot, const latent_conv_plan *p)
{
    size_t vm = own_vm(p) ? latent_conv_v_count(p) + latent_conv_m_count(p) : 0;
    size_t t = own_t(p) ? latent_conv_t_count(p) : 0;
    size_t bytes = ((size_t)p->code->room + vm + t) * sizeof(float);
    if (r->slot_bytes[slot] < bytes) {
        free(r->slot[slot]);
        r->slot[slot] = latent_memory((bytes + SCRATCH - 1) / SCRATCH * SCRATCH);
        r->slot_bytes[slot] = r->slot[slot] ? bytes : 0;
    }
    return r->slot[slot];
}

static void run_item(void *context, int i, int slot)
{
    job *j = context;
    const latent_conv_plan *p = j->p;
    int low = 0, high = j->count - 1;
    latent_conv_part c;
    phase *f;
    float *room = room_for(j->room, slot, p);
    while (low < high) { /* the last phase that begins at or before i */
        int middle = (low + high + 1) / 2;
        if (j->phases[middle].first <= i)
            low = middle;
        else
            high = middle - 1;
    }
    f = &j->phases[low];
    c = latent_conv_find_part(p, f->part);
    for (int n = 0; n < 3; n++)
        if (f->needs[n] >= 0)
            wait_for(j, f->needs[n]);
    if (room)
        p->code->item(p, &c, f->step,
                      f->step == STEP_TILES ? latent_shares_take(&f->strips, slot) : i - f->first,
                      room);
    else
        atomic_store(&j->failed, 1);
    atomic_fetch_add_explicit(&f->done, 1, memory_order_release);
}

/* All steps of one group of outputs, with V, made of the whole input once, M and t of the thread's
   own. */
static void group_item(void *context, int group, int slot)
{
    job *j = context;
    latent_conv_plan own = *j->p;
    latent_conv_part c = latent_conv_find_part(&own, 0);
    size_t v = latent_conv_v_count(&own), m = latent_conv_m_count(&own);
    float *room = room_for(j->room, slot, &own);
    if (!room) {
        atomic_store(&j->failed, 1);
        return;
    }
    own.threads = 1;
    own.v = room + own.code->room;
    own.m = own.v + v;
    own.t = own.m + m;
    for (int i = 0; !j->has_v[slot] && i < count_items(&own, &c, STEP_INPUT); i++)
        own.code->item(&own, &c, STEP_INPUT, i, room);
    j->has_v[slot] = 1;
    c.set = group;
    for (int step = STEP_PRODUCT; step <= STEP_BLUR; step++)
        for (int i = 0; i < count_items(&own, &c, step); i++)
            own.code->item(&own, &c, step, i, room);
}

float *latent_conv_take(latent_conv_workspace *r, size_t floats)
{
    size_t bytes = (floats * sizeof(float) + SCRATCH - 1) / SCRATCH * SCRATCH;
    if (r->bytes >= bytes)
        return r->scratch;
    free(r->scratch);
    r->scratch = latent_memory(bytes);
    r->bytes = r->scratch ? bytes : 0;
    return r->scratch;
}

typedef struct {
    const latent_conv_plan *p;
    const float *weights;
} few_job;

#define FEW_PIXELS 256

static void few_item(void *context, int i, int slot)
{
    const few_job *f = context;
    size_t pixels = (size_t)f->p->h * (size_t)f->p->w, from = (size_t)i * FEW_PIXELS;
    (void)slot;
    f->p->code->few(f->p, f->weights, from,
                    pixels - from < FEW_PIXELS ? pixels - from : FEW_PIXELS);
}

/* A picture for the eye: a pass over the features, bound by memory alone. */
static void few_outputs(const latent_conv *c, const latent_conv_plan *p, float *weights)
{
    few_job f = {p, weights};
    for (int o = 0; o < c->spec.out; o++)
        for (int i = 0; i < c->spec.in; i++)
            weights[o * c->spec.in + i] =
                weight_at(c, (size_t)(i * c->code->width + o)) * p->in_scale[i];
    latent_parallel((int)(((size_t)p->h * (size_t)p->w + FEW_PIXELS - 1) / FEW_PIXELS), few_item,
                    &f);
}

static int forward(const latent_conv *c, latent_conv_plan *p, latent_conv_workspace *room,
                   const float *in_scale)
{
    int few = c->spec.kernel == 1 && c->spec.up == 1 && c->spec.out <= FEW, failed;
    size_t width = (size_t)p->code->width, pictures = (size_t)p->pictures;
    size_t outs = p->outs = lines((size_t)p->panels * width);
    size_t in = lines((size_t)c->spec.in), row = (size_t)(p->w + 1) * width;
    size_t zeros = row > in ? row : in;
    size_t v = own_vm(p) ? 0 : lines(latent_conv_v_count(p));
    size_t m = own_vm(p) ? 0 : lines(few ? in * FEW : set_count(p, p->m_panel));
    size_t bands = p->bands ? (size_t)p->bands : 1;
    size_t t = own_t(p) ? 0 : lines(bands * set_count(p, p->t_panel));
    size_t carry = lines(bands * latent_conv_carry_count(p));
    size_t u = p->kept ? lines(u_count(p)) : 0;
    float *scale, *shift, *style, *none;
    job j = {.p = p, .room = room};
    p->v = latent_conv_take(room, v + m + t + carry + u + (pictures + 1) * outs + in + zeros);
    if (!p->v)
        return -1;
    p->m = p->v + v;
    p->t = p->m + m;
    p->carry = p->t + t;
    p->u = p->kept ? p->carry + carry : NULL;
    scale = p->carry + carry + u;
    shift = scale + pictures * outs;
    style = shift + outs;
    none = style + in;
    for (size_t o = 0; o < outs; o++) {
        int there = o < (size_t)c->spec.out;
        for (size_t i = 0; i < pictures; i++)
            scale[i * outs + o] =
                there && p->end->out_scale ? p->end->out_scale[i * (size_t)c->spec.out + o] : 1;
        shift[o] = there && p->end->bias ? p->end->bias[o] : 0;
    }
    for (size_t i = 0; i < (size_t)c->spec.in; i++)
        style[i] = in_scale ? in_scale[i] : 1;
    memset(none, 0, zeros * sizeof(float));
    p->scale = scale;
    p->shift = shift;
    p->in_scale = style;
    p->zeros = none;
    if (few) {
        few_outputs(c, p, p->m);
        return 0;
    }
    if (p->own) {
        latent_parallel(p->groups, group_item, &j);
        return atomic_load(&j.failed) ? -1 : 0;
    }
    failed = list_phases(&j);
    if (!failed)
        latent_parallel_in_order(j.items, run_item, &j);
    free(j.phases);
    return failed || atomic_load(&j.failed) ? -1 : 0;
}

static int run(const latent_conv *c, latent_conv_workspace *room, int points,
               const latent_conv_pictures *f, const latent_conv_end *end, float *y, latent_error *e)
{
    int n = f->n, h = f->h, w = f->w;
    latent_conv_plan p;
    int larger = c->spec.up == 2 ? 2 : 1;
    if (c->spec.up == -2 && (h % 2 || w % 2 || h < 2 || w < 2))
        return latent_fail(e, "a picture of %d x %d cannot be halved", w, h);
    memset(&p, 0, sizeof(p));
    p.spec = c->spec;
    p.code = c->code;
    p.packed = c->packed;
    p.half = c->half;
    p.pictures = n;
    p.h = c->spec.up == -2 ? h / 2 : h;
    p.w = c->spec.up == -2 ? w / 2 : w;
    p.x = f->x;
    p.styles = n > 1 ? f->in_scale : NULL;
    p.end = end;
    p.y = y;
    p.stream =
        (size_t)(larger * larger * p.h) * (size_t)(n * p.w) * (size_t)c->spec.out * sizeof(float) >=
            STREAM_BYTES &&
        c->spec.out % c->code->width == 0 && (uintptr_t)y % 64 == 0;
    make_plan(&p, points);
    return forward(c, &p, room, n > 1 ? NULL : f->in_scale)
               ? latent_fail(e,
                             "no memory to convolve %d x %d with %d "
                             "channels",
                             w, h, c->spec.in)
               : 0;
}

int latent_conv_forward_by(const latent_conv *c, int points, int h, int w, const float *x,
                           const float *in_scale, const latent_conv_end *end, float *y,
                           latent_error *e)
{
    latent_conv_pictures one = {1, h, w, x, in_scale};
    latent_conv_workspace *room = latent_conv_enter(NULL);
    int failed = run(c, room, points, &one, end, y, e);
    latent_conv_leave(NULL, room);
    return failed;
}

int latent_conv_forward(const latent_conv *c, int h, int w, const float *x, const float *in_scale,
                        const latent_conv_end *end, float *y, latent_error *e)
{
    return latent_conv_forward_by(c, choose_points(c->spec, 1, h, w), h, w, x, in_scale, end, y, e);
}

/* Pictures that can't be computed together are computed one after the other. */
static int one_by_one(latent_conv_spec spec, const latent_conv_pictures *f,
                      const latent_conv_end *end)
{
    int tile = spec.up == -2 ? 8 : 4;
    if (spec.kernel == 1)
        return spec.up == 2 || f->in_scale || (spec.out <= FEW && (end->out_scale || end->noise));
    if (f->in_scale && (spec.up == -2 || !choose_points(spec, f->n, f->h, f->w)))
        return 1;
    return spec.up != 1 && (f->h % tile || f->w % tile);
}

/* The weights, packed, in the room's memory. */
static int pack(latent_conv *c, latent_conv_workspace *room, const float *weights,
                latent_conv_layout layout, latent_error *e)
{
    set_job j = {c, weights, layout};
    size_t wanted = packed_count(c);
    if (room->packed_floats < wanted) {
        free(room->packed);
        room->packed = block(wanted);
        room->packed_floats = room->packed ? wanted : 0;
    }
    if (!(c->packed = room->packed))
        return latent_fail(e, "no memory for a convolution of %d to %d channels", c->spec.in,
                           c->spec.out);
    latent_parallel(panels_of(c), set_panel, &j);
    return 0;
}

static int batch(latent_conv_spec spec, latent_conv_workspace *room, const float *weights,
                 latent_conv_layout layout, const latent_conv_pictures *pictures,
                 const latent_conv_end *end, float *y, latent_error *e)
{
    latent_conv c = {.spec = spec, .code = latent_conv_best_code(spec.out)};
    latent_conv_pictures f = *pictures;
    size_t pixels = (size_t)f.h * (size_t)f.w, x_size = pixels * (size_t)spec.in, y_size;
    int few = spec.kernel == 1 && spec.up == 1 && spec.out <= FEW;
    if (check_spec(spec, e) || pack(&c, room, weights, layout, e))
        return -1;
    if (f.n < 2 || !one_by_one(spec, &f, end)) {
        if (few) { /* one tall picture */
            f.h *= f.n;
            f.n = 1;
        }
        return run(&c, room, choose_points(spec, f.n, f.h, f.w), &f, end, y, e);
    }
    pixels = spec.up == 2 ? 4 * pixels : spec.up == -2 ? pixels / 4 : pixels;
    y_size = pixels * (size_t)spec.out;
    f.n = 1;
    for (size_t i = 0; i < (size_t)pictures->n; i++) {
        latent_conv_end one = *end;
        f.x = pictures->x + i * x_size;
        f.in_scale = pictures->in_scale ? pictures->in_scale + i * (size_t)spec.in : NULL;
        one.out_scale = end->out_scale ? end->out_scale + i * (size_t)spec.out : NULL;
        one.noise = end->noise ? end->noise + i * pixels : NULL;
        one.add = end->add ? end->add + i * y_size : NULL;
        if (run(&c, room, choose_points(spec, 1, f.h, f.w), &f, &one, y + i * y_size, e))
            return -1;
    }
    return 0;
}

int latent_conv_batch(latent_conv_spec spec, latent_conv_workspace *room, const float *weights,
                      latent_conv_layout layout, const latent_conv_pictures *pictures,
                      const latent_conv_end *end, float *y, latent_error *e)
{
    latent_conv_workspace *own_room = latent_conv_enter(room);
    int failed = batch(spec, own_room, weights, layout, pictures, end, y, e);
    latent_conv_leave(room, own_room);
    return failed;
}
