/* layers: see layers.h.  Work is cut into groups of pictures, or rows of pixels, by the shapes
   alone, and sums over groups are added in their order, so that every number is the same whatever
   the number of threads. */
#include "layers.h"
#include "../kernels/gemm.h"
#include "tiled.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ENOUGH_ROWS 128 /* of a product, so that packing the other matrix costs little */
#define SLICES 4        /* sums of weight gradients that are computed side by side */
#define FILL ((size_t)96 << 10)

/* ---- room */

float *latent_layer_numbers(size_t count, int *failed)
{
    float *f = aligned_alloc(64, (count * sizeof(float) + 63) & ~(size_t)63);
    if (f)
        memset(f, 0, count * sizeof(float));
    else
        *failed = 1;
    return f;
}

void latent_room_free(latent_room *r)
{
    for (int i = 0; i < LATENT_MAX_THREADS; i++)
        free(r->slot[i]);
    for (int i = 0; i < 4; i++)
        free(r->common[i]);
    memset(r, 0, sizeof(*r));
}

static float *grow(latent_room *r, float **block, size_t *bytes, size_t floats)
{
    size_t wanted = (floats * sizeof(float) + 4095) & ~(size_t)4095;
    if (*bytes < wanted) {
        free(*block);
        *block = aligned_alloc(4096, wanted);
        *bytes = *block ? wanted : 0;
        if (!*block)
            r->failed = 1;
    }
    return *block;
}

float *latent_room_slot(latent_room *r, int slot, size_t floats)
{
    return grow(r, &r->slot[slot], &r->slot_bytes[slot], floats);
}

float *latent_room_all(latent_room *r, int which, size_t floats)
{
    return grow(r, &r->common[which], &r->common_bytes[which], floats);
}

/* ---- shapes */

size_t latent_layer_weights(const latent_layer *l)
{
    return (size_t)l->kernel * (size_t)l->kernel * (size_t)l->in * (size_t)l->out;
}

static void reorder(const latent_layer *l, float *file, float *weights, int to_file)
{
    size_t in = (size_t)l->in, out = (size_t)l->out, taps = (size_t)(l->kernel * l->kernel);
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t t = 0; t < taps; t++) {
                float *f = file + (o * in + i) * taps + t;
                float *w = weights + t * in * out + (l->way > 0 ? o * in + i : i * out + o);
                if (to_file)
                    *f = *w;
                else
                    *w = *f;
            }
}

void latent_layer_from_file(const latent_layer *l, const float *file, float *weights)
{
    reorder(l, (float *)(size_t)file, weights, 0);
}

void latent_layer_to_file(const latent_layer *l, const float *weights, float *file)
{
    reorder(l, file, (float *)(size_t)weights, 1);
}

int latent_layer_height(const latent_layer *l)
{
    return l->way > 0 ? 2 * l->h : l->way < 0 ? l->h / 2 : l->h;
}

int latent_layer_width(const latent_layer *l)
{
    return l->way > 0 ? 2 * l->w : l->way < 0 ? l->w / 2 : l->w;
}

static size_t pixels_after(const latent_layer *l)
{
    return (size_t)latent_layer_height(l) * (size_t)latent_layer_width(l);
}

double latent_layer_cost(const latent_layer *l)
{
    double pixels = l->way < 0 ? (double)(l->h / 2) * (l->w / 2) : (double)l->h * l->w;
    return pixels * l->n * l->in * l->out * l->kernel * l->kernel;
}

/* ---- one convolution's work */

typedef struct {
    const latent_layer *l;
    latent_room *room;
    const float *weights, *x, *style, *g;
    const latent_layer_end *end;
    float *y, *gx, *g_style;
    float *sums;           /* [slices][weights] */
    int group, slices;     /* rows or pictures in a group */
    float *g_scale, *part; /* of latent_end_back */
} job;

static int pieces(int n, int size)
{
    return (n + size - 1) / size;
}

latent_tiles_end latent_layer_end_of(const latent_layer *l, const latent_layer_end *e, int picture,
                                     size_t pixel)
{
    latent_tiles_end f = {.bias = e->bias, .factor = e->factor, .strength = e->strength};
    f.scale = e->scale ? e->scale + (size_t)picture * (size_t)l->out : NULL;
    f.noise = e->noise ? e->noise + (size_t)picture * pixels_after(l) + pixel : NULL;
    f.up = e->gain;
    f.down = e->gain * e->slope;
    f.limit = e->clamp > 0 ? e->clamp : INFINITY;
    return f;
}

static void finish(const latent_layer *l, const latent_layer_end *e, int picture, size_t pixel,
                   size_t count, float *y)
{
    latent_tiles_end end = latent_layer_end_of(l, e, picture, pixel);
    latent_tiles_best()->end(count, l->out, &end, y);
}

static int rows_of_group(const latent_layer *l, int channels)
{
    int taps = l->kernel * l->kernel, enough = pieces(ENOUGH_ROWS, l->w);
    int fill = (int)(FILL / ((size_t)l->w * (size_t)(taps * channels)));
    return fill > enough ? fill : enough;
}

/* The pixels under each tap, side by side, for rows of pictures from row on: columns
   [rows * w][taps * c]. */
static void gather(const latent_layer *l, int c, const float *x, const float *style, int row,
                   int rows, float *columns)
{
    size_t channels = (size_t)c, w = (size_t)l->w;
    int half = l->kernel / 2, taps = l->kernel * l->kernel;
    for (int r = row; r < row + rows; r++) {
        int picture = r / l->h, y = r % l->h;
        const float *s = style ? style + (size_t)picture * channels : NULL;
        for (int a = 0; a < l->kernel; a++) {
            int from = y + a - half;
            const float *line = x + ((size_t)picture * (size_t)l->h + (size_t)from) * w * channels;
            for (int b = 0; b < l->kernel; b++) {
                float *to =
                    columns +
                    ((size_t)(r - row) * w * (size_t)taps + (size_t)(a * l->kernel + b)) * channels;
                for (int q = 0; q < l->w; q++, to += (size_t)taps * channels) {
                    int at = q + b - half;
                    const float *p = line + (ptrdiff_t)at * (ptrdiff_t)channels;
                    if (from < 0 || from >= l->h || at < 0 || at >= l->w)
                        memset(to, 0, channels * sizeof(float));
                    else if (!s)
                        memcpy(to, p, channels * sizeof(float));
                    else
                        for (size_t k = 0; k < channels; k++)
                            to[k] = p[k] * s[k];
                }
            }
        }
    }
}

/* y[rows][to] = gathered x[rows][taps from] W: the plain convolution, and its way back with turned
   weights. */
static void correlate_group(const job *j, int i, int slot, int from, int to, const float *x,
                            const float *style, float *y)
{
    const latent_layer *l = j->l;
    int all = l->n * l->h, row = i * j->group, taps = l->kernel * l->kernel;
    int rows = all - row < j->group ? all - row : j->group;
    size_t k = (size_t)taps * (size_t)from, w = (size_t)l->w;
    float *columns = latent_room_slot(j->room, slot, (size_t)j->group * w * k);
    float *out = y + (size_t)row * w * (size_t)to;
    if (!columns)
        return;
    gather(l, from, x, style, row, rows, columns);
    latent_gemm_alone(0, 0, rows * l->w, to, (int)k, columns, (int)k, j->weights, to, 0, out, to);
    for (int r = row; j->end && r < row + rows; r++)
        finish(l, j->end, r / l->h, (size_t)(r % l->h) * w, w, y + (size_t)r * w * (size_t)to);
}

static void correlate_forward(void *context, int i, int slot)
{
    const job *j = context;
    correlate_group(j, i, slot, j->l->in, j->l->out, j->x, j->style, j->y);
}

static void correlate_back(void *context, int i, int slot)
{
    const job *j = context;
    correlate_group(j, i, slot, j->l->out, j->l->in, j->g, NULL, j->gx);
}

static void correlate_weights(void *context, int slice, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    int all = l->n * l->h, groups = pieces(all, j->group), taps = l->kernel * l->kernel;
    int each = pieces(groups, j->slices);
    size_t k = (size_t)(taps * l->in), w = (size_t)l->w, out = (size_t)l->out;
    float *columns = latent_room_slot(j->room, slot, (size_t)j->group * w * k);
    float *sum = j->sums + (size_t)slice * latent_layer_weights(l);
    int started = 0;
    if (!columns)
        return;
    for (int i = slice * each; i < (slice + 1) * each && i < groups; i++) {
        int row = i * j->group, rows = all - row < j->group ? all - row : j->group;
        gather(l, l->in, j->x, j->style, row, rows, columns);
        latent_gemm_alone(1, 0, (int)k, l->out, rows * l->w, columns, (int)k,
                          j->g + (size_t)row * w * out, l->out, started ? 1 : 0, sum, l->out);
        started = 1;
    }
    if (!started)
        memset(sum, 0, latent_layer_weights(l) * sizeof(float));
}

/* ---- ways +1 and -1 */

/* The size of the small side, and the channels of the large one. */
typedef struct {
    int h, w, c;
    float factor; /* of the blur */
} halves;

static halves find_halves(const latent_layer *l)
{
    if (l->way > 0)
        return (halves){l->h, l->w, l->out, 1.0f / 16};
    return (halves){l->h / 2, l->w / 2, l->in, 1.0f / 64};
}

/* columns[h * w][9 c] of a picture [2h][2w][c]: blurred to [2h + 1][2w + 1], then what a kernel of
   3 x 3 sees at every second pixel.  between: room for [2h + 1][2w + 1][c] and [2h][2w + 1][c]. */
static void contract(const halves *s, const float *x, float *between, float *columns)
{
    int rows = 2 * s->h, wide = 2 * s->w;
    size_t c = (size_t)s->c, line = (size_t)(wide + 1) * c;
    float *t = between, *u = between + (size_t)(rows + 1) * line;
    for (int r = 0; r < rows; r++) { /* across: u[j] = x[j-2] + 3 x[j-1] + 3 x[j] + x[j+1] */
        const float *from = x + (size_t)r * (size_t)wide * c;
        float *to = u + (size_t)r * line;
        for (int q = 0; q <= wide; q++, to += c) {
            const float *p = from + (ptrdiff_t)q * (ptrdiff_t)c;
            if (q > 1 && q < wide - 1)
                for (size_t k = 0; k < c; k++)
                    to[k] = p[k - 2 * c] + p[k + c] + 3 * (p[k - c] + p[k]);
            else
                for (size_t k = 0; k < c; k++)
                    to[k] = (q > 1 ? p[k - 2 * c] : 0) + (q < wide - 1 ? p[k + c] : 0) +
                            3 * ((q > 0 ? p[k - c] : 0) + (q < wide ? p[k] : 0));
        }
    }
    for (int r = 0; r <= rows; r++) { /* down */
        const float *p = u + (size_t)r * line;
        float *to = t + (size_t)r * line;
        if (r > 1 && r < rows - 1)
            for (size_t k = 0; k < line; k++)
                to[k] = s->factor * (p[k - 2 * line] + p[k + line] + 3 * (p[k - line] + p[k]));
        else
            for (size_t k = 0; k < line; k++)
                to[k] =
                    s->factor * ((r > 1 ? p[k - 2 * line] : 0) + (r < rows - 1 ? p[k + line] : 0) +
                                 3 * ((r > 0 ? p[k - line] : 0) + (r < rows ? p[k] : 0)));
    }
    for (int y = 0; y < s->h; y++)
        for (int q = 0; q < s->w; q++, columns += 9 * c)
            for (int a = 0; a < 3; a++)
                memcpy(columns + (size_t)(3 * a) * c,
                       t + (size_t)(2 * y + a) * line + (size_t)(2 * q) * c, 3 * c * sizeof(float));
}

/* The transpose: a picture [2h][2w][c] of columns[h * w][9 c]. */
static void expand(const halves *s, const float *columns, float *between, float *y)
{
    int rows = 2 * s->h, wide = 2 * s->w;
    size_t c = (size_t)s->c, line = (size_t)(wide + 1) * c, out = (size_t)wide * c;
    float *t = between, *u = between + (size_t)(rows + 1) * line;
    memset(t, 0, (size_t)(rows + 1) * line * sizeof(float));
    for (int r = 0; r < s->h; r++)
        for (int q = 0; q < s->w; q++, columns += 9 * c)
            for (int a = 0; a < 3; a++) {
                float *to = t + (size_t)(2 * r + a) * line + (size_t)(2 * q) * c;
                const float *from = columns + (size_t)(3 * a) * c;
                for (size_t k = 0; k < 3 * c; k++)
                    to[k] += from[k];
            }
    for (int r = 0; r < rows; r++) { /* down: u[j] = t[j-1] + 3 t[j] + 3 t[j+1] + t[j+2] */
        const float *p = t + (size_t)r * line;
        float *to = u + (size_t)r * line;
        if (r > 0 && r < rows - 1)
            for (size_t k = 0; k < line; k++)
                to[k] = s->factor * (p[k - line] + p[k + 2 * line] + 3 * (p[k] + p[k + line]));
        else
            for (size_t k = 0; k < line; k++)
                to[k] =
                    s->factor * ((r > 0 ? p[k - line] : 0) + (r < rows - 1 ? p[k + 2 * line] : 0) +
                                 3 * (p[k] + p[k + line]));
    }
    for (int r = 0; r < rows; r++) { /* across */
        float *to = y + (size_t)r * out;
        const float *from = u + (size_t)r * line;
        for (int q = 0; q < wide; q++, to += c) {
            const float *p = from + (size_t)q * c;
            if (q > 0 && q < wide - 1)
                for (size_t k = 0; k < c; k++)
                    to[k] = p[k - c] + p[k + 2 * c] + 3 * (p[k] + p[k + c]);
            else
                for (size_t k = 0; k < c; k++)
                    to[k] = (q > 0 ? p[k - c] : 0) + (q < wide - 1 ? p[k + 2 * c] : 0) +
                            3 * (p[k] + p[k + c]);
        }
    }
}

static size_t between_room(const halves *s)
{
    return (size_t)(4 * s->h + 1) * (size_t)(2 * s->w + 1) * (size_t)s->c;
}

static int pictures_of_group(const latent_layer *l)
{
    halves s = find_halves(l);
    return pieces(ENOUGH_ROWS, s.h * s.w);
}

/* A group's places in the slot's room. */
typedef struct {
    halves s;
    int first, pictures, rows; /* rows of columns */
    size_t k, small, large;    /* 9 c; floats of a picture on either side */
    float *columns, *between, *scaled;
} two_group;

static int find_group(const job *j, int i, int slot, two_group *f)
{
    const latent_layer *l = j->l;
    f->s = find_halves(l);
    f->first = i * j->group;
    f->pictures = l->n - f->first < j->group ? l->n - f->first : j->group;
    f->rows = f->pictures * f->s.h * f->s.w;
    f->k = 9 * (size_t)f->s.c;
    f->small = (size_t)(f->s.h * f->s.w) * (size_t)(l->way > 0 ? l->in : l->out);
    f->large = (size_t)(4 * f->s.h * f->s.w) * (size_t)f->s.c;
    f->columns = latent_room_slot(j->room, slot,
                                  (size_t)j->group * (f->k * (size_t)(f->s.h * f->s.w) + f->small) +
                                      between_room(&f->s));
    if (!f->columns)
        return -1;
    f->between = f->columns + (size_t)j->group * f->k * (size_t)(f->s.h * f->s.w);
    f->scaled = f->between + between_room(&f->s);
    return 0;
}

/* The group's x times the style, or x itself. */
static const float *scaled_x(const job *j, const two_group *f)
{
    size_t in = (size_t)j->l->in, pixels = (size_t)(f->s.h * f->s.w);
    const float *x = j->x + (size_t)f->first * f->small, *style = j->style;
    float *to = f->scaled;
    if (!style)
        return x;
    style += (size_t)f->first * in;
    for (int q = 0; q < f->pictures; q++, style += in)
        for (size_t p = 0; p < pixels; p++, x += in, to += in)
            for (size_t k = 0; k < in; k++)
                to[k] = x[k] * style[k];
    return f->scaled;
}

static void contract_group(const two_group *f, const float *large)
{
    for (int q = 0; q < f->pictures; q++)
        contract(&f->s, large + (size_t)(f->first + q) * f->large, f->between,
                 f->columns + (size_t)q * f->k * (size_t)(f->s.h * f->s.w));
}

static void up_forward(void *context, int i, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    two_group f;
    if (find_group(j, i, slot, &f))
        return;
    latent_gemm_alone(0, 1, f.rows, (int)f.k, l->in, scaled_x(j, &f), l->in, j->weights, l->in, 0,
                      f.columns, (int)f.k);
    for (int q = 0; q < f.pictures; q++) {
        float *y = j->y + (size_t)(f.first + q) * f.large;
        expand(&f.s, f.columns + (size_t)q * f.k * (size_t)(f.s.h * f.s.w), f.between, y);
        finish(l, j->end, f.first + q, 0, pixels_after(l), y);
    }
}

static void up_back(void *context, int i, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    two_group f;
    if (find_group(j, i, slot, &f))
        return;
    contract_group(&f, j->g);
    latent_gemm_alone(0, 0, f.rows, l->in, (int)f.k, f.columns, (int)f.k, j->weights, l->in, 0,
                      j->gx + (size_t)f.first * f.small, l->in);
}

static void down_forward(void *context, int i, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    two_group f;
    float *y;
    if (find_group(j, i, slot, &f))
        return;
    y = j->y + (size_t)f.first * f.small;
    contract_group(&f, j->x);
    latent_gemm_alone(0, 0, f.rows, l->out, (int)f.k, f.columns, (int)f.k, j->weights, l->out, 0, y,
                      l->out);
    for (int q = 0; q < f.pictures; q++)
        finish(l, j->end, f.first + q, 0, pixels_after(l), y + (size_t)q * f.small);
}

static void down_back(void *context, int i, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    two_group f;
    if (find_group(j, i, slot, &f))
        return;
    latent_gemm_alone(0, 1, f.rows, (int)f.k, l->out, j->g + (size_t)f.first * f.small, l->out,
                      j->weights, l->out, 0, f.columns, (int)f.k);
    for (int q = 0; q < f.pictures; q++)
        expand(&f.s, f.columns + (size_t)q * f.k * (size_t)(f.s.h * f.s.w), f.between,
               j->gx + (size_t)(f.first + q) * f.large);
}

static void two_weights(void *context, int slice, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    int groups = pieces(l->n, j->group), each = pieces(groups, j->slices), started = 0;
    int small = l->way > 0 ? l->in : l->out;
    float *sum = j->sums + (size_t)slice * latent_layer_weights(l);
    for (int i = slice * each; i < (slice + 1) * each && i < groups; i++) {
        two_group f;
        const float *other;
        if (find_group(j, i, slot, &f))
            return;
        contract_group(&f, l->way > 0 ? j->g : j->x);
        other = l->way > 0 ? scaled_x(j, &f) : j->g + (size_t)f.first * f.small;
        latent_gemm_alone(1, 0, (int)f.k, small, f.rows, f.columns, (int)f.k, other, small,
                          started ? 1 : 0, sum, small);
        started = 1;
    }
    if (!started)
        memset(sum, 0, latent_layer_weights(l) * sizeof(float));
}

/* ---- forward and back */

void latent_layer_forward(const latent_layer *l, const float *weights, const float *x,
                          const float *style, const latent_layer_end *end, float *y,
                          latent_room *room)
{
    job j = {.l = l, .room = room, .weights = weights, .x = x, .style = style, .end = end, .y = y};
    if (latent_tiled(l)) {
        latent_tiled_forward(l, weights, x, style, end, y, room);
        return;
    }
    if (l->way) {
        j.group = pictures_of_group(l);
        latent_parallel(pieces(l->n, j.group), l->way > 0 ? up_forward : down_forward, &j);
    } else {
        j.group = rows_of_group(l, l->in);
        latent_parallel(pieces(l->n * l->h, j.group), correlate_forward, &j);
    }
}

/* Weights turned round, inputs and outputs exchanged. */
static float *turn(const latent_layer *l, const float *weights, latent_room *room)
{
    int taps = l->kernel * l->kernel;
    size_t in = (size_t)l->in, out = (size_t)l->out;
    float *turned = latent_room_all(room, 0, latent_layer_weights(l));
    for (int t = 0; turned && t < taps; t++) {
        const float *from = weights + (size_t)t * in * out;
        float *to = turned + (size_t)(taps - 1 - t) * in * out;
        for (size_t i = 0; i < in; i++)
            for (size_t o = 0; o < out; o++)
                to[o * in + i] = from[i * out + o];
    }
    return turned;
}

/* Picture by picture: what the style's gradient is, and the style times gx. */
static void style_back(void *context, int i, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    size_t in = (size_t)l->in, pixels = (size_t)(l->h * l->w);
    const float *x = j->x + (size_t)i * pixels * in, *style = j->style + (size_t)i * in;
    float *gx = j->gx + (size_t)i * pixels * in, *sum = j->g_style + (size_t)i * in;
    (void)slot;
    memset(sum, 0, in * sizeof(float));
    for (size_t p = 0; p < pixels; p++, x += in, gx += in)
        for (size_t k = 0; k < in; k++) {
            sum[k] += x[k] * gx[k];
            gx[k] *= style[k];
        }
}

static void add_slices(const job *j, float *g_weights)
{
    size_t count = latent_layer_weights(j->l);
    for (int s = 0; s < j->slices; s++) {
        const float *sum = j->sums + (size_t)s * count;
        for (size_t k = 0; k < count; k++)
            g_weights[k] += sum[k];
    }
}

void latent_layer_back(const latent_layer *l, const float *weights, const float *x,
                       const float *style, const float *g, float *gx, float *g_style,
                       float *g_weights, latent_room *room)
{
    job j = {.l = l, .room = room, .weights = weights, .x = x, .style = style, .g = g, .gx = gx};
    j.g_style = g_style;
    if (latent_tiled(l)) {
        latent_tiled_back(l, weights, x, style, g, gx, g_weights, room);
        if (gx && style)
            latent_parallel(l->n, style_back, &j);
        return;
    }
    if (gx && l->way) {
        j.group = pictures_of_group(l);
        latent_parallel(pieces(l->n, j.group), l->way > 0 ? up_back : down_back, &j);
    } else if (gx) {
        if (!(j.weights = turn(l, weights, room)))
            return;
        j.group = rows_of_group(l, l->out);
        latent_parallel(pieces(l->n * l->h, j.group), correlate_back, &j);
    }
    if (gx && style)
        latent_parallel(l->n, style_back, &j);
    if (!g_weights)
        return;
    j.group = l->way ? pictures_of_group(l) : rows_of_group(l, l->in);
    j.slices = pieces(l->way ? l->n : l->n * l->h, j.group);
    j.slices = j.slices < SLICES ? j.slices : SLICES;
    j.sums = latent_room_all(room, 1, (size_t)j.slices * latent_layer_weights(l));
    if (!j.sums)
        return;
    latent_parallel(j.slices, l->way ? two_weights : correlate_weights, &j);
    add_slices(&j, g_weights);
}

/* ---- the end, backwards */

static void end_back(void *context, int i, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    latent_tiles_end e = latent_layer_end_of(l, j->end, i, 0);
    size_t out = (size_t)l->out, pixels = pixels_after(l), count = pixels * out;
    float *part = j->part + (size_t)i * (2 * out + 1), *dot = part + 1 + out;
    double strength = 0;
    (void)slot;
    memset(part, 0, (2 * out + 1) * sizeof(float));
    latent_tiles_best()->end_back(pixels, l->out, &e, j->y + (size_t)i * count,
                                  j->gx + (size_t)i * count, part + 1, dot, &strength);
    part[0] = (float)strength;
    for (size_t o = 0; j->g_scale && o < out; o++) /* over the scale: what it multiplied */
        j->g_scale[(size_t)i * out + o] = dot[o] / e.scale[o];
}

void latent_end_back(const latent_layer *l, const latent_layer_end *end, const float *y, float *g,
                     float *g_bias, float *g_scale, float *g_strength, latent_room *room)
{
    size_t out = (size_t)l->out, each = 2 * out + 1;
    job j = {
        .l = l, .room = room, .end = end, .y = (float *)(size_t)y, .gx = g, .g_scale = g_scale};
    if (!(j.part = latent_room_all(room, 2, (size_t)l->n * each)))
        return;
    latent_parallel(l->n, end_back, &j);
    for (int i = 0; i < l->n; i++) {
        const float *part = j.part + (size_t)i * each;
        if (g_strength)
            *g_strength += part[0];
        for (size_t o = 0; g_bias && o < out; o++)
            g_bias[o] += part[1 + o];
    }
}

/* ---- fully connected */

void latent_full_forward(int n, int in, int out, const float *weights, const float *bias,
                         float gain, float bias_gain, const float *x, float *y)
{
    latent_gemm(0, 1, n, out, in, x, weights, 0, y);
    for (int i = 0; i < n; i++, y += out)
        for (int o = 0; o < out; o++)
            y[o] = gain * y[o] + (bias ? bias_gain * bias[o] : 0);
}

void latent_full_back(int n, int in, int out, const float *weights, float gain, float bias_gain,
                      const float *x, const float *g, float *gx, int add, float *g_weights,
                      float *g_bias)
{
    size_t count = (size_t)n * (size_t)out;
    float few[4096], *scaled = count <= 4096 ? few : malloc(count * sizeof(float));
    if (!scaled)
        return;
    for (size_t k = 0; k < count; k++)
        scaled[k] = gain * g[k];
    if (gx)
        latent_gemm(0, 0, n, in, out, scaled, weights, add ? 1 : 0, gx);
    if (g_weights)
        latent_gemm(1, 0, out, in, n, scaled, x, 1, g_weights);
    for (int i = 0; g_bias && i < n; i++)
        for (int o = 0; o < out; o++)
            g_bias[o] += bias_gain * g[(size_t)i * (size_t)out + (size_t)o];
    if (scaled != few)
        free(scaled);
}

void latent_lrelu(size_t count, float slope, float gain, float *y)
{
    for (size_t k = 0; k < count; k++)
        y[k] = y[k] < 0 ? gain * slope * y[k] : gain * y[k];
}

void latent_lrelu_back(size_t count, float slope, float gain, const float *y, float *g)
{
    for (size_t k = 0; k < count; k++)
        g[k] *= y[k] < 0 ? gain * slope : gain;
}

/* ---- twice as large, half as large */

/* large[2h][2w][c] of small[h][w][c]: 1 3 3 1 between zeros, times factor; or transposed. */
static void resize_picture(int h, int w, int c, float factor, const float *from, float *to,
                           int enlarge)
{
    static const float tap[4] = {1, 3, 3, 1};
    size_t channels = (size_t)c, small = (size_t)(h * w) * channels;
    if (enlarge)
        memset(to, 0, 4 * small * sizeof(float));
    else
        memset(to, 0, small * sizeof(float));
    for (int y = 0; y < h; y++)
        for (int a = 0; a < 4; a++) {
            int r = 2 * y + a - 1;
            if (r < 0 || r >= 2 * h)
                continue;
            for (int x = 0; x < w; x++)
                for (int b = 0; b < 4; b++) {
                    int s = 2 * x + b - 1;
                    float f = factor * tap[a] * tap[b];
                    size_t at = ((size_t)y * (size_t)w + (size_t)x) * channels;
                    size_t far = ((size_t)r * 2 * (size_t)w + (size_t)s) * channels;
                    if (s < 0 || s >= 2 * w)
                        continue;
                    if (enlarge)
                        for (size_t k = 0; k < channels; k++)
                            to[far + k] += f * from[at + k];
                    else
                        for (size_t k = 0; k < channels; k++)
                            to[at + k] += f * from[far + k];
                }
        }
}

typedef struct {
    int h, w, c, enlarge;
    float factor;
    const float *from;
    float *to;
} resize_job;

static void resize_one(void *context, int i, int slot)
{
    const resize_job *j = context;
    size_t small = (size_t)(j->h * j->w) * (size_t)j->c, from = j->enlarge ? small : 4 * small;
    (void)slot;
    resize_picture(j->h, j->w, j->c, j->factor, j->from + (size_t)i * from,
                   j->to + (size_t)i * (j->enlarge ? 4 * small : small), j->enlarge);
}

static void resize(int n, int h, int w, int c, float factor, const float *from, float *to,
                   int enlarge)
{
    resize_job j = {h, w, c, enlarge, factor, from, to};
    latent_parallel(n, resize_one, &j);
}

void latent_enlarge(int n, int h, int w, int c, const float *x, float *y)
{
    resize(n, h, w, c, 1.0f / 16, x, y, 1);
}

void latent_enlarge_back(int n, int h, int w, int c, const float *g, float *gx)
{
    resize(n, h, w, c, 1.0f / 16, g, gx, 0);
}

void latent_halve(int n, int h, int w, int c, const float *x, float *y)
{
    resize(n, h / 2, w / 2, c, 1.0f / 64, x, y, 0);
}

void latent_halve_back(int n, int h, int w, int c, const float *g, float *gx)
{
    resize(n, h / 2, w / 2, c, 1.0f / 64, g, gx, 1);
}

/* ---- the deviation over a group */

static int group_of(int n, int group)
{
    while (n % group)
        group--;
    return group;
}

static double variance(int group, size_t apart, const float *x, double *mean)
{
    double sum = 0, square = 0;
    for (int q = 0; q < group; q++)
        sum += x[(size_t)q * apart];
    *mean = sum / group;
    for (int q = 0; q < group; q++)
        square += (x[(size_t)q * apart] - *mean) * (x[(size_t)q * apart] - *mean);
    return square / group;
}

void latent_deviation(int n, int most, int pixels, int c, const float *x, float *y)
{
    int group = group_of(n, most), groups = n / group;
    size_t count = (size_t)pixels * (size_t)c, apart = (size_t)groups * count;
    for (int m = 0; m < groups; m++) {
        double sum = 0, mean;
        float deviation;
        for (size_t k = 0; k < count; k++)
            sum += sqrt(variance(group, apart, x + (size_t)m * count + k, &mean) + 1e-8);
        deviation = (float)(sum / (double)count);
        for (int q = 0; q < group; q++) {
            const float *from = x + (size_t)q * apart + (size_t)m * count;
            float *to = y + (size_t)(q * groups + m) * (size_t)pixels * (size_t)(c + 1);
            for (int p = 0; p < pixels; p++, from += c, to += c + 1) {
                memcpy(to, from, (size_t)c * sizeof(float));
                to[c] = deviation;
            }
        }
    }
}

void latent_deviation_back(int n, int most, int pixels, int c, const float *x, const float *g,
                           float *gx)
{
    int group = group_of(n, most), groups = n / group;
    size_t count = (size_t)pixels * (size_t)c, apart = (size_t)groups * count;
    for (int m = 0; m < groups; m++) {
        double sum = 0;
        for (int q = 0; q < group; q++) {
            const float *from = g + (size_t)(q * groups + m) * (size_t)pixels * (size_t)(c + 1);
            float *to = gx + (size_t)q * apart + (size_t)m * count;
            for (int p = 0; p < pixels; p++, from += c + 1, to += c) {
                memcpy(to, from, (size_t)c * sizeof(float));
                sum += from[c];
            }
        }
        sum /= (double)count * group;
        for (size_t k = 0; k < count; k++) {
            const float *one = x + (size_t)m * count + k;
            double mean, deviation = sqrt(variance(group, apart, one, &mean) + 1e-8);
            for (int q = 0; q < group; q++)
                gx[(size_t)q * apart + (size_t)m * count + k] +=
                    (float)(sum * (one[(size_t)q * apart] - mean) / deviation);
        }
    }
}

/* ---- demodulation */

/* The energy and its gradient lie as the weights do: [out][in] when transposed, else [in][out]. */
static void squared_styles(int n, int in, const float *style, float *squared)
{
    for (size_t k = 0; k < (size_t)n * (size_t)in; k++)
        squared[k] = style[k] * style[k];
}

void latent_demodulation(int n, int in, int out, int taps, int transposed, const float *weights,
                         const float *style, float *energy, float *d, latent_room *room)
{
    size_t count = (size_t)in * (size_t)out;
    float *squared = latent_room_all(room, 3, (size_t)n * (size_t)in);
    if (!squared)
        return;
    squared_styles(n, in, style, squared);
    memset(energy, 0, count * sizeof(float));
    for (int t = 0; t < taps; t++, weights += count)
        for (size_t k = 0; k < count; k++)
            energy[k] += weights[k] * weights[k];
    latent_gemm(0, transposed, n, out, in, squared, energy, 0, d);
    for (size_t k = 0; k < (size_t)n * (size_t)out; k++)
        d[k] = 1 / sqrtf(d[k] + 1e-8f);
}

void latent_demodulation_back(int n, int in, int out, int taps, int transposed,
                              const float *weights, const float *style, const float *energy,
                              const float *d, const float *g_d, float *g_style, float *g_weights,
                              latent_room *room)
{
    size_t count = (size_t)in * (size_t)out, styles = (size_t)n * (size_t)in;
    size_t outs = (size_t)n * (size_t)out;
    float *squared = latent_room_all(room, 3, count + 2 * styles + outs), *g_squared, *g, *g_energy;
    if (!squared)
        return;
    g_squared = squared + styles;
    g = g_squared + styles;
    g_energy = g + outs;
    squared_styles(n, in, style, squared);
    for (size_t k = 0; k < outs; k++)
        g[k] = -0.5f * d[k] * d[k] * d[k] * g_d[k];
    latent_gemm(0, !transposed, n, in, out, g, energy, 0, g_squared);
    for (size_t k = 0; k < styles; k++)
        g_style[k] += 2 * style[k] * g_squared[k];
    if (!g_weights)
        return;
    if (transposed)
        latent_gemm(1, 0, out, in, n, g, squared, 0, g_energy);
    else
        latent_gemm(1, 0, in, out, n, squared, g, 0, g_energy);
    for (int t = 0; t < taps; t++, weights += count, g_weights += count)
        for (size_t k = 0; k < count; k++)
            g_weights[k] += 2 * weights[k] * g_energy[k];
}
