/* conv: see conv.h.  Here are the weights' storage, the choice of a method, and the order of work;
   conv_plan.h tells the methods, conv_kernels.h has the arithmetic. */
#include "conv.h"
#include "../parallel.h"
#include "conv_plan.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_BYTES ((size_t)12 << 20) /* scratch of a chunk: what stays in a third-level cache */
#define LINE 16                        /* floats in a line of the cache */
#define HUGE_PAGE ((size_t)2 << 20)
#define FEW 4

struct latent_conv {
    latent_conv_spec spec;
    const latent_conv_code *code;
    float *packed; /* [panel][in][kernel * kernel][width] */
    float *energy; /* [out][in] */
};

/* Room for the numbers between the steps.  It is kept for the next convolution, and belongs to the
   one that holds the lock. */
static pthread_mutex_t scratch_lock = PTHREAD_MUTEX_INITIALIZER;
static float *scratch;
static size_t scratch_bytes;
static float *slot_scratch[LATENT_MAX_THREADS];
static size_t slot_bytes[LATENT_MAX_THREADS];

/* ---- weights ---- */

static int panels_of(const latent_conv *c)
{
    return (c->spec.out + c->code->width - 1) / c->code->width;
}

static size_t packed_count(const latent_conv *c)
{
    return (size_t)panels_of(c) * (size_t)c->code->width * (size_t)c->spec.in *
           (size_t)(c->spec.kernel * c->spec.kernel);
}

static float *block(size_t floats)
{
    return aligned_alloc(64, (floats * sizeof(float) + 63) & ~(size_t)63);
}

latent_conv *latent_conv_new_by(const latent_conv_code *code, latent_conv_spec spec,
                                const float *weights, latent_error *e)
{
    size_t in = (size_t)spec.in, taps = (size_t)(spec.kernel * spec.kernel);
    size_t width = (size_t)code->width;
    latent_conv *c;
    if (spec.in < 1 || spec.out < 1 || (spec.kernel != 1 && spec.kernel != 3) ||
        (spec.up != 1 && spec.up != 2)) {
        latent_fail(e, "a convolution of %d to %d channels, kernel %d, up %d is not possible",
                    spec.in, spec.out, spec.kernel, spec.up);
        return NULL;
    }
    if ((c = calloc(1, sizeof(*c)))) {
        c->spec = spec;
        c->code = code;
        c->packed = block(packed_count(c));
        c->energy = block((size_t)spec.out * in);
    }
    if (!c || !c->packed || !c->energy) {
        latent_conv_free(c);
        latent_fail(e, "no memory for a convolution of %d to %d channels", spec.in, spec.out);
        return NULL;
    }
    memset(c->packed, 0, packed_count(c) * sizeof(float));
    for (size_t o = 0; o < (size_t)spec.out; o++)
        for (size_t i = 0; i < in; i++) {
            float *to = c->packed + (o / width * in + i) * taps * width + o % width;
            double sum = 0;
            for (size_t t = 0; t < taps; t++) {
                float f = weights[(o * in + i) * taps + t];
                to[t * width] = f;
                sum += (double)f * (double)f;
            }
            c->energy[o * in + i] = (float)sum;
        }
    return c;
}

latent_conv *latent_conv_new(latent_conv_spec spec, const float *weights, latent_error *e)
{
    const latent_conv_code *code = latent_conv_code_avx512();
    if (!code)
        code = latent_conv_code_avx2();
    return latent_conv_new_by(code ? code : latent_conv_code_base(), spec, weights, e);
}

void latent_conv_free(latent_conv *c)
{
    if (c) {
        free(c->packed);
        free(c->energy);
        free(c);
    }
}

latent_conv_spec latent_conv_get_spec(const latent_conv *c)
{
    return c->spec;
}

void latent_conv_weights(const latent_conv *c, float *weights)
{
    size_t in = (size_t)c->spec.in, taps = (size_t)(c->spec.kernel * c->spec.kernel);
    size_t width = (size_t)c->code->width;
    for (size_t o = 0; o < (size_t)c->spec.out; o++)
        for (size_t i = 0; i < in; i++) {
            const float *from = c->packed + (o / width * in + i) * taps * width + o % width;
            for (size_t t = 0; t < taps; t++)
                weights[(o * in + i) * taps + t] = from[t * width];
        }
}

size_t latent_conv_bytes(const latent_conv *c)
{
    return sizeof(*c) +
           (packed_count(c) + (size_t)c->spec.in * (size_t)c->spec.out) * sizeof(float);
}

const float *latent_conv_energy(const latent_conv *c)
{
    return c->energy;
}

double latent_conv_cost(latent_conv_spec spec, int h, int w)
{
    return (double)spec.in * spec.out * spec.kernel * spec.kernel * h * w;
}

/* ---- the plan ---- */

static size_t at_least_one_line_more(size_t floats)
{
    return (floats / LINE | 1) * LINE + (floats / LINE % 2 ? 2 * LINE : 0);
}

static int up_to(int n, int step)
{
    return (n + step - 1) / step;
}

/* The sizes of the planes for chunks of so many rows of tiles.  The distances between planes are
   odd numbers of cache lines, so that the planes do not share a few lines of the cache. */
static void lay_out(latent_conv_plan *p, int chunk_rows)
{
    size_t rows = (size_t)chunk_rows, tiles = rows * (size_t)p->tile_columns, w = (size_t)p->w;
    size_t depth = (size_t)p->code->depth, pixels = rows * (size_t)p->n * w;
    size_t N = (size_t)p->points, odd = ODD_CARRY * w + pixels + w;
    int two = p->spec.up == 2;
    memset(p->v_plane, 0, sizeof(p->v_plane));
    memset(p->m_plane, 0, sizeof(p->m_plane));
    p->chunk_rows = chunk_rows;
    if (N) {
        p->v_plane[0] = at_least_one_line_more(tiles * depth);
        p->m_plane[0] = tiles | 1;
    } else
        p->m_plane[0] = pixels | 1;
    if (N && two) {
        p->v_plane[1] = at_least_one_line_more(rows * w * depth);
        p->v_plane[2] = at_least_one_line_more(tiles * (size_t)p->n * depth);
        p->m_plane[1] = (rows * w) | 1;
        p->m_plane[2] = (tiles * (size_t)p->n) | 1;
    }
    p->v_block = N * N * p->v_plane[0] + N * (p->v_plane[1] + p->v_plane[2]);
    p->m_panel = (N ? N * N : (size_t)(p->side * p->side)) * p->m_plane[0] +
                 N * (p->m_plane[1] + p->m_plane[2]);
    p->m_odd = p->m_panel + ODD_CARRY * w;
    p->t_panel = 0;
    if (two) {
        size_t even_rows = rows * (size_t)p->n + 1 + EVEN_CARRY, odd_rows = even_rows + 1;
        p->m_panel += odd;
        if (p->spec.kernel == 3) {
            p->t_start[0] = 0;
            p->t_start[1] = even_rows * (w + 1);
            p->t_start[2] = p->t_start[1] + even_rows * w;
            p->t_panel = (p->t_start[2] + odd_rows * (w + 1)) | 1;
        }
    }
}

static size_t v_count(const latent_conv_plan *p)
{
    return (size_t)p->blocks * p->v_block;
}

static size_t m_count(const latent_conv_plan *p)
{
    return (size_t)p->panels * p->m_panel * (size_t)p->code->width;
}

static size_t t_count(const latent_conv_plan *p)
{
    return (size_t)p->panels * p->t_panel * (size_t)p->code->width;
}

static void make_plan(latent_conv_plan *p, int points)
{
    int width = p->code->width, two = p->spec.up == 2, kernel = p->spec.kernel, items;
    p->points = kernel == 3 ? points : 0;
    p->n = !p->points ? 1 : two ? points - 1 : points - 2;
    p->side = !p->points ? kernel : two ? points + 1 : points;
    p->panels = up_to(p->spec.out, width);
    p->groups = up_to(p->panels, p->code->group);
    p->blocks = up_to(p->spec.in, p->code->depth);
    p->tile_rows = p->points ? up_to(p->h + two, p->n) : p->h;
    p->tile_columns = p->points ? up_to(p->w + two, p->n) : p->w;
    lay_out(p, p->tile_rows);
    if (p->points || kernel == 1) {
        size_t bytes = (v_count(p) + m_count(p) + t_count(p)) * sizeof(float);
        int chunks = (int)((bytes + CHUNK_BYTES - 1) / CHUNK_BYTES);
        int rows = up_to(p->tile_rows, chunks < p->tile_rows ? chunks : p->tile_rows);
        lay_out(p, !p->points && two && rows < ODD_CARRY ? ODD_CARRY : rows);
    }
    p->segment = up_to(2048, p->spec.in > p->spec.out ? p->spec.in : p->spec.out);
    items = p->groups * p->side;
    p->cuts = 1;
    while (items * p->cuts < 16 && p->chunk_rows * p->tile_columns / (p->cuts + 1) >= 128)
        p->cuts++;
}

/* Where Winograd's points pay; measured with tests/bench/bench_conv.c. */
static int choose_points(latent_conv_spec spec, int h, int w)
{
    if (spec.kernel == 1 || h * w <= 16)
        return 0;
    if (spec.up == 2)
        return 6;
    return h * w < 48 * 48 ? 6 : 8;
}

/* ---- the work ---- */

typedef struct {
    const latent_conv_plan *p;
    int chunks, per_chunk; /* items of a chunk but the last */
    atomic_int done;       /* items */
    atomic_int failed;     /* no memory */
} job;

static latent_conv_chunk chunk_of(const latent_conv_plan *p, int i)
{
    latent_conv_chunk c;
    c.first = i * p->chunk_rows;
    c.rows = p->tile_rows - c.first < p->chunk_rows ? p->tile_rows - c.first : p->chunk_rows;
    c.last = c.first + c.rows == p->tile_rows;
    c.y0 = c.first * p->n < p->h ? c.first * p->n : p->h;
    c.y1 = (c.first + c.rows) * p->n < p->h ? (c.first + c.rows) * p->n : p->h;
    return c;
}

static int items_of(const latent_conv_plan *p, const latent_conv_chunk *c, int step)
{
    int two = p->spec.up == 2;
    switch (step) {
    case STEP_INPUT:
        return p->points ? c->rows * up_to(p->tile_columns, p->segment) : 0;
    case STEP_PRODUCT:
        return p->groups * p->side * p->cuts;
    case STEP_OUTPUT:
        if (p->points)
            return c->rows * up_to(p->tile_columns, p->segment);
        return !two ? c->y1 - c->y0 : p->spec.kernel == 3 ? p->h + 1 : 0;
    case STEP_BLUR:
        return two ? (c->last ? p->h + 1 : c->y1) - c->y0 : 0; /* from row y0 - 1 on */
    default:
        return two && !c->last ? p->panels : 0;
    }
}

static int items_in_chunk(const latent_conv_plan *p, const latent_conv_chunk *c)
{
    int n = 0;
    for (int step = 0; step < STEPS; step++)
        n += items_of(p, c, step);
    return n;
}

/* All items come in the order of chunks and steps, and the pool hands them out in that order; so
   the items before a step have all been taken when one of the step is, and waiting for them ends.
 */
static void wait_for(job *j, int items)
{
    for (int turns = 0; atomic_load_explicit(&j->done, memory_order_acquire) < items; turns++)
        if (turns > 200)
            sched_yield();
}

static float *room_for(int slot, size_t bytes)
{
    if (slot_bytes[slot] < bytes) {
        free(slot_scratch[slot]);
        slot_scratch[slot] = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);
        slot_bytes[slot] = slot_scratch[slot] ? bytes : 0;
    }
    return slot_scratch[slot];
}

static void run_item(void *context, int i, int slot)
{
    job *j = context;
    const latent_conv_plan *p = j->p;
    int chunk = i / j->per_chunk < j->chunks - 1 ? i / j->per_chunk : j->chunks - 1;
    int before = chunk * j->per_chunk, step, items;
    latent_conv_chunk c = chunk_of(p, chunk);
    float *u =
        room_for(slot, (size_t)(p->side * (p->code->depth * p->code->width + 16) * p->code->group) *
                           sizeof(float));
    for (step = 0; i >= before + (items = items_of(p, &c, step)); step++)
        before += items;
    wait_for(j, before);
    if (u)
        p->code->item(p, &c, step, i - before, u);
    else
        atomic_store(&j->failed, 1);
    atomic_fetch_add_explicit(&j->done, 1, memory_order_release);
}

static int take_scratch(size_t bytes)
{
    if (scratch_bytes >= bytes)
        return 0;
    free(scratch);
    bytes = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    scratch = aligned_alloc(HUGE_PAGE, bytes);
    scratch_bytes = scratch ? bytes : 0;
#ifdef MADV_HUGEPAGE
    if (scratch)
        madvise(scratch, bytes, MADV_HUGEPAGE);
#endif
    return scratch ? 0 : -1;
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
            weights[o * c->spec.in + i] = c->packed[i * c->code->width + o] * p->in_scale[i];
    latent_parallel((int)(((size_t)p->h * (size_t)p->w + FEW_PIXELS - 1) / FEW_PIXELS), few_item,
                    &f);
}

static int forward(const latent_conv *c, latent_conv_plan *p, const float *in_scale)
{
    int few = c->spec.kernel == 1 && c->spec.up == 1 && c->spec.out <= FEW;
    size_t outs = (size_t)p->panels * (size_t)p->code->width, in = (size_t)c->spec.in;
    size_t zeros = (size_t)(p->w + 1) * (size_t)p->code->width, depth = (size_t)p->code->depth;
    size_t v = v_count(p), m = few ? in * FEW : m_count(p), t = t_count(p);
    float *scale, *shift, *style, *none;
    job j;
    if (zeros < depth)
        zeros = depth;
    in = (in + LINE - 1) / LINE * LINE;
    outs = (outs + LINE - 1) / LINE * LINE;
    v = (v + LINE - 1) / LINE * LINE;
    m = (m + LINE - 1) / LINE * LINE;
    t = (t + LINE - 1) / LINE * LINE;
    if (take_scratch((v + m + t + 2 * outs + in + zeros) * sizeof(float)))
        return -1;
    p->v = scratch;
    p->m = p->v + v;
    p->t = p->m + m;
    scale = p->t + t;
    shift = scale + outs;
    style = shift + outs;
    none = style + in;
    for (size_t o = 0; o < outs; o++) {
        int there = o < (size_t)c->spec.out;
        scale[o] = there && p->end->out_scale ? p->end->out_scale[o] : 1;
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
    j.p = p;
    j.chunks = up_to(p->tile_rows, p->chunk_rows);
    atomic_init(&j.done, 0);
    atomic_init(&j.failed, 0);
    {
        latent_conv_chunk first = chunk_of(p, 0), last = chunk_of(p, j.chunks - 1);
        j.per_chunk = items_in_chunk(p, &first);
        latent_parallel((j.chunks - 1) * j.per_chunk + items_in_chunk(p, &last), run_item, &j);
    }
    return atomic_load(&j.failed) ? -1 : 0;
}

int latent_conv_forward_by(const latent_conv *c, int points, int h, int w, const float *x,
                           const float *in_scale, const latent_conv_end *end, float *y,
                           latent_error *e)
{
    latent_conv_plan p;
    int failed;
    memset(&p, 0, sizeof(p));
    p.spec = c->spec;
    p.code = c->code;
    p.packed = c->packed;
    p.h = h;
    p.w = w;
    p.x = x;
    p.end = end;
    p.y = y;
    make_plan(&p, points);
    pthread_mutex_lock(&scratch_lock);
    failed = forward(c, &p, in_scale);
    pthread_mutex_unlock(&scratch_lock);
    return failed
               ? latent_fail(e, "no memory to convolve %d x %d with %d channels", w, h, c->spec.in)
               : 0;
}

int latent_conv_forward(const latent_conv *c, int h, int w, const float *x, const float *in_scale,
                        const latent_conv_end *end, float *y, latent_error *e)
{
    return latent_conv_forward_by(c, choose_points(c->spec, h, w), h, w, x, in_scale, end, y, e);
}
