/* diffusion_tiny: see diffusion_tiny.h */
#include "diffusion_tiny.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILU (1 / 0.596f)
#define OLD 0.9191450300180579f /* 0.7 / sqrt(0.58) */
#define NEW 0.3939192985791677f /* 0.3 / sqrt(0.58) */
#define HALF 0.7071067811865475f
#define PERIOD 128.0f /* the fastest wave is so many times the slowest */
#define FASTEST 8.0f  /* waves between the levels 0 and 1 */

#define MOST_WIDTH 2048
#define MOST_RESOLUTION 1024

/* ---- the plan */

latent_diffusion_sizes latent_diffusion_usual(int resolution)
{
    latent_diffusion_sizes s = {.resolution = resolution,
                                .channels = 3,
                                .shuffle = resolution < 16 ? 1 : 2,
                                .levels = 3,
                                .width = {48, 96, 144},
                                .heads = 4,
                                .waves = 64,
                                .words = 128,
                                .embedding = 256,
                                .mean = 0.554f,
                                .deviation = 0.543f};
    while (resolution / s.shuffle > 32)
        s.shuffle *= 2;
    return s;
}

static int within(int v, int least, int most)
{
    return v >= least && v <= most;
}

int latent_diffusion_check(const latent_diffusion_sizes *s, latent_error *e)
{
    int good = within(s->levels, 1, LATENT_DIFFUSION_LEVELS) && within(s->channels, 1, 64) &&
               within(s->shuffle, 1, 16) && within(s->waves, 2, MOST_WIDTH) &&
               within(s->words, 1, MOST_WIDTH) && within(s->embedding, 1, MOST_WIDTH) &&
               s->waves % 2 == 0 && isfinite(s->mean) && isfinite(s->deviation) &&
               s->deviation > 1e-6f;
    for (int i = 0; good && i < s->levels; i++)
        good = within(s->width[i], 1, MOST_WIDTH);
    if (!good || !within(s->heads, 1, 64) || s->width[s->levels - 1] % s->heads)
        return latent_fail(e, "the sizes of a diffusion-tiny are out of all proportion");
    if (!within(s->resolution, 1, MOST_RESOLUTION) ||
        s->resolution % (s->shuffle << (s->levels - 1)))
        return latent_fail(e,
                           "a diffusion-tiny of %d levels for pictures of %d pixels; a multiple of "
                           "%d was expected",
                           s->levels, s->resolution, s->shuffle << (s->levels - 1));
    return 0;
}

/* Counts down to the tensor that is asked for. */
typedef struct {
    int left;
    latent_diffusion_tensor *t;
} tensor_walk;

static int meet(tensor_walk *w, float length, int rank, const int64_t *dim, const char *format, ...)
{
    va_list args;
    if (w->left--)
        return 0;
    *w->t = (latent_diffusion_tensor){.rank = rank, .count = 1, .length = length};
    va_start(args, format);
    vsnprintf(w->t->name, sizeof(w->t->name), format, args);
    va_end(args);
    for (int i = 0; i < rank; i++) {
        w->t->dim[i] = dim[i];
        w->t->count *= (size_t)dim[i];
    }
    w->t->rows = rank > 1 ? (int)dim[0] : rank;
    return 1;
}

#define DIM(...) ((const int64_t[]){__VA_ARGS__})

/* Tensors of a block, in their order. */
enum { FIRST, FILM, GAIN, SECOND, BLOCK, SKIP = BLOCK };

static int meet_block(tensor_walk *w, const latent_diffusion_sizes *s, const char *where, int in,
                      int c)
{
    return meet(w, 1, 4, DIM(c, in, 3, 3), "%s.first", where) ||
           meet(w, 1, 2, DIM(c, s->embedding), "%s.film", where) ||
           meet(w, 0, 0, NULL, "%s.gain", where) ||
           meet(w, 1, 4, DIM(c, c, 3, 3), "%s.second", where) ||
           (in != c && meet(w, 1, 4, DIM(c, in, 1, 1), "%s.skip", where));
}

/* Tensors before those of the stages. */
enum { WAVES, WORDS, NOTHING = LATENT_DIFFUSION_NOTHING, INPUT, STAGES };

int latent_diffusion_tensor_at(const latent_diffusion_sizes *s, int i, latent_diffusion_tensor *t)
{
    tensor_walk w = {i, t};
    int last = s->levels - 1, deep = s->width[last], inside = s->channels * s->shuffle * s->shuffle;
    char name[16];
    if (i < 0)
        return 0;
    if (meet(&w, 1, 2, DIM(s->embedding, s->waves), "waves") ||
        meet(&w, 1, 2, DIM(s->embedding, s->words), "words") ||
        meet(&w, sqrtf((float)s->words), 1, DIM(s->words), "nothing") ||
        meet(&w, 1, 4, DIM(s->width[0], inside + 1, 3, 3), "input"))
        return 1;
    for (int l = 0; l <= last; l++) {
        snprintf(name, sizeof(name), "down%d", l);
        if ((l && meet(&w, 2, 4, DIM(s->width[l], s->width[l - 1], 1, 1), "%s.shrink", name)) ||
            meet_block(&w, s, name, s->width[l], s->width[l]))
            return 1;
    }
    if (meet_block(&w, s, "mid.0", deep, deep) || meet(&w, 1, 2, DIM(deep, deep), "mid.queries") ||
        meet(&w, 1, 2, DIM(deep, deep), "mid.keys") ||
        meet(&w, 1, 2, DIM(deep, deep), "mid.values") ||
        meet(&w, 1, 2, DIM(deep, deep), "mid.attended") || meet_block(&w, s, "mid.1", deep, deep))
        return 1;
    for (int l = last; l >= 0; l--) {
        snprintf(name, sizeof(name), "up%d", last - l);
        if ((l < last &&
             meet(&w, 1, 4, DIM(s->width[l], s->width[l + 1], 1, 1), "%s.enlarge", name)) ||
            meet_block(&w, s, name, 2 * s->width[l], s->width[l]))
            return 1;
    }
    return meet(&w, 1, 4, DIM(inside, s->width[0], 3, 3), "rgb") ||
           meet(&w, 0, 0, NULL, "rgb.gain");
}

int latent_diffusion_count(const latent_diffusion_sizes *s)
{
    latent_diffusion_tensor t;
    int n = 0;
    while (latent_diffusion_tensor_at(s, n, &t))
        n++;
    return n;
}

latent_shape latent_diffusion_shape(const latent_diffusion_tensor *t)
{
    if (t->rank == 4)
        return (latent_shape){(int)t->dim[0], (int)t->dim[1], (int)t->dim[2], (int)t->dim[3]};
    if (t->rank == 2)
        return (latent_shape){1, 1, (int)t->dim[0], (int)t->dim[1]};
    return (latent_shape){1, 1, 1, (int)t->count};
}

int latent_diffusion_stages(const latent_diffusion_sizes *s)
{
    return 2 * s->levels + 1;
}

void latent_diffusion_stage_name(const latent_diffusion_sizes *s, int stage, char name[12])
{
    int level = (stage < s->levels ? stage : stage - s->levels - 1) % LATENT_DIFFUSION_LEVELS;
    if (stage != s->levels)
        snprintf(name, 12, "%s%u", stage < s->levels ? "down" : "up", (unsigned)level % 10);
    else
        snprintf(name, 12, "mid");
}

/* The number of a stage's first tensor. */
static int tensor_of(const latent_diffusion_sizes *s, int stage)
{
    int at = STAGES;
    for (int i = 0; i < stage; i++)
        at += i < s->levels    ? BLOCK + (i > 0)
              : i == s->levels ? 2 * BLOCK + 4
                               : BLOCK + 1 + (i > s->levels + 1);
    return at;
}

void latent_diffusion_net_free(latent_diffusion_net *net)
{
    for (int i = 0; i < LATENT_DIFFUSION_TENSORS; i++)
        latent_node_release(net->weight[i]);
    memset(net, 0, sizeof(*net));
}

void latent_diffusion_state_free(latent_diffusion_state *s)
{
    latent_node_release(s->x);
    latent_node_release(s->e);
    for (int i = 0; i < LATENT_DIFFUSION_LEVELS; i++)
        latent_node_release(s->beside[i]);
    memset(s, 0, sizeof(*s));
}

/* ---- parts of the chain: each takes x over (NULL after an error) and gives the next */

typedef struct {
    latent_node *const *weight;
    const char *stage;
    latent_error *e;
} builder;

static latent_node *step(latent_node *x, latent_node *next)
{
    latent_node_release(x);
    return next;
}

static latent_node *conv(const builder *b, int at, latent_node *x)
{
    static const latent_conv_settings plain = {
        .up = 1, .style_gain = 1, .weight_gain = 1, .strength = 1, .slope = 1, .gain = 1};
    return x ? step(x, latent_op_conv(x, NULL, b->weight[at], NULL, NULL, NULL, NULL, &plain,
                                      b->stage, b->e))
             : NULL;
}

static latent_node *linear(const builder *b, int at, latent_node *x)
{
    return x ? step(x, latent_op_linear(x, b->weight[at], NULL, 1, 1, b->stage, b->e)) : NULL;
}

static latent_node *silu(const builder *b, latent_node *x)
{
    return x ? step(x, latent_op_silu(x, SILU, b->stage, b->e)) : NULL;
}

/* of_x x + of_y y; takes both over. */
static latent_node *sum(const builder *b, latent_node *x, float of_x, latent_node *y, float of_y)
{
    latent_node *to = x && y ? latent_op_add(x, of_x, y, of_y, b->stage, b->e) : NULL;
    latent_node_release(x);
    latent_node_release(y);
    return to;
}

static latent_node *block(const builder *b, int at, latent_node *emb, latent_node *x)
{
    latent_node *scale = linear(b, at + FILM, latent_node_retain(emb)), *y;
    if (scale)
        scale = step(scale, latent_op_multiply(scale, b->weight[at + GAIN], b->stage, b->e));
    if (!x || !scale) {
        latent_node_release(scale);
        latent_node_release(x);
        return NULL;
    }
    y = conv(b, at + FIRST, silu(b, latent_node_retain(x)));
    if (y)
        y = step(y, latent_op_scaled_silu(y, scale, SILU, b->stage, b->e));
    latent_node_release(scale);
    y = conv(b, at + SECOND, y);
    if (y && x->shape.c != y->shape.c)
        x = conv(b, at + SKIP, x);
    return sum(b, x, OLD, y, NEW);
}

/* Queries, keys or values: each head's at the length that single numbers of about 1 have. */
static latent_node *tokens(const builder *b, int at, int heads, latent_node *x)
{
    latent_node *y = linear(b, at, latent_node_retain(x));
    int rows = x->shape.n * x->shape.w * heads;
    return y ? step(y,
                    latent_op_lengths(y, rows, sqrtf((float)(x->shape.c / heads)), b->stage, b->e))
             : NULL;
}

static latent_node *attention(const builder *b, int at, int heads, latent_node *x)
{
    latent_node *row, *q, *k, *v, *y = NULL;
    latent_shape s;
    if (!x)
        return NULL;
    s = x->shape;
    row = latent_op_reshape(x, (latent_shape){s.n, 1, s.h * s.w, s.c}, b->e);
    q = row ? tokens(b, at, heads, row) : NULL;
    k = q ? tokens(b, at + 1, heads, row) : NULL;
    v = k ? tokens(b, at + 2, heads, row) : NULL;
    if (v)
        y = linear(b, at + 3, latent_op_attend(q, k, v, heads, b->stage, b->e));
    if (y)
        y = step(y, latent_op_reshape(y, s, b->e));
    latent_node_release(row);
    latent_node_release(q);
    latent_node_release(k);
    latent_node_release(v);
    return sum(b, x, OLD, y, NEW);
}

/* ---- the chain */

static latent_node *told(const builder *b, const latent_diffusion_net *net, const float *level,
                         int n, latent_node *words)
{
    float time[64];
    latent_node *waves, *said;
    if (n > 64) {
        latent_fail(b->e, "%d pictures at once; at most 64 are possible", n);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        time[i] = 6.283185307179586f * FASTEST * level[i];
    waves = linear(b, WAVES, latent_op_timestep(time, n, net->sizes.waves, PERIOD, 0, b->e));
    said = linear(b, WORDS, latent_node_retain(words ? words : net->weight[NOTHING]));
    return silu(b, sum(b, waves, 1, said, HALF)); /* the waves' mean square is 1/2 */
}

int latent_diffusion_input(const latent_diffusion_net *net, latent_node *x, const float *level,
                           latent_node *words, latent_diffusion_state *to, latent_error *e)
{
    builder b = {net->weight, "input", e};
    latent_node *both[2] = {NULL, NULL};
    memset(to, 0, sizeof(*to));
    both[0] = latent_op_unshuffle(x, net->sizes.shuffle, e);
    both[1] = both[0] ? latent_op_constant(both[0]->shape, 1, 1, e) : NULL;
    if (both[1])
        to->x = conv(&b, INPUT, latent_op_concat(both, 2, e));
    latent_node_release(both[0]);
    latent_node_release(both[1]);
    to->e = to->x ? told(&b, net, level, x->shape.n, words) : NULL;
    if (to->e)
        return 0;
    latent_diffusion_state_free(to);
    return -1;
}

static latent_node *up(const builder *b, const latent_diffusion_sizes *s, int number, int at,
                       const latent_diffusion_state *from)
{
    latent_node *x = latent_node_retain(from->x), *both[2];
    if (number) {
        x = conv(b, at++, x);
        x = x ? step(x, latent_op_enlarge(x, 2, b->e)) : NULL;
    }
    if (!x)
        return NULL;
    both[0] = x;
    both[1] = from->beside[s->levels - 1 - number];
    x = step(x, latent_op_concat(both, 2, b->e));
    return block(b, at, from->e, x);
}

int latent_diffusion_stage(const latent_diffusion_net *net, int stage,
                           const latent_diffusion_state *from, latent_diffusion_state *to,
                           latent_error *e)
{
    const latent_diffusion_sizes *s = &net->sizes;
    char name[12];
    builder b = {net->weight, name, e};
    int at = tensor_of(s, stage), used = stage > s->levels ? 2 * s->levels - stage : -1;
    latent_diffusion_stage_name(s, stage, name);
    memset(to, 0, sizeof(*to));
    if (stage > s->levels)
        to->x = up(&b, s, stage - s->levels - 1, at, from);
    else {
        latent_node *x = latent_node_retain(from->x);
        if (stage && stage < s->levels) {
            x = step(x, latent_op_shrink(x, 2, e));
            x = conv(&b, at++, x);
        }
        x = block(&b, at, from->e, x);
        if (stage == s->levels) {
            x = attention(&b, at + BLOCK, s->heads, x);
            x = block(&b, at + BLOCK + 4, from->e, x);
        }
        to->x = x;
    }
    if (!to->x)
        return -1;
    to->e = latent_node_retain(from->e);
    for (int i = 0; i < s->levels; i++)
        to->beside[i] = latent_node_retain(i == stage ? to->x : i == used ? NULL : from->beside[i]);
    return 0;
}

latent_node *latent_diffusion_rgb(const latent_diffusion_net *net,
                                  const latent_diffusion_state *from, latent_error *e)
{
    builder b = {net->weight, "rgb", e};
    int at = latent_diffusion_count(&net->sizes) - 2;
    latent_node *x = conv(&b, at, latent_node_retain(from->x));
    if (x)
        x = step(x, latent_op_multiply(x, net->weight[at + 1], b.stage, e));
    return x ? step(x, latent_op_shuffle(x, net->sizes.shuffle, e)) : NULL;
}

latent_node *latent_diffusion_velocity(const latent_diffusion_net *net, latent_node *x,
                                       const float *level, latent_node *words, latent_error *e)
{
    latent_diffusion_state now, next;
    latent_node *y = NULL;
    int stages = latent_diffusion_stages(&net->sizes), i = 0;
    if (latent_diffusion_input(net, x, level, words, &now, e))
        return NULL;
    for (; i < stages && !latent_diffusion_stage(net, i, &now, &next, e); i++) {
        latent_diffusion_state_free(&now);
        now = next;
    }
    if (i == stages)
        y = latent_diffusion_rgb(net, &now, e);
    latent_diffusion_state_free(&now);
    return y;
}

/* ---- files */

typedef struct {
    const char *key;
    size_t place;
    int list; /* as many numbers as there are levels */
} size_name;

static const size_name size_names[] = {
    {"resolution", offsetof(latent_diffusion_sizes, resolution), 0},
    {"channels", offsetof(latent_diffusion_sizes, channels), 0},
    {"shuffle", offsetof(latent_diffusion_sizes, shuffle), 0},
    {"levels", offsetof(latent_diffusion_sizes, levels), 0},
    {"width", offsetof(latent_diffusion_sizes, width), 1},
    {"heads", offsetof(latent_diffusion_sizes, heads), 0},
    {"waves", offsetof(latent_diffusion_sizes, waves), 0},
    {"words", offsetof(latent_diffusion_sizes, words), 0},
    {"embedding", offsetof(latent_diffusion_sizes, embedding), 0},
};
#define N_SIZES (int)(sizeof(size_names) / sizeof(*size_names))

int latent_diffusion_meta(const latent_diffusion_sizes *s, latent_meta_out *meta, char text[][48])
{
    int n = 0;
    meta[n++] = (latent_meta_out){"architecture", "diffusion-tiny"};
    for (int i = 0; i < N_SIZES; i++) {
        const int *v = (const int *)((const char *)s + size_names[i].place);
        size_t used = 0;
        for (int k = 0; k < (size_names[i].list ? s->levels : 1); k++)
            used += (size_t)snprintf(text[n] + used, 48 - used, k ? " %d" : "%d", v[k]);
        meta[n] = (latent_meta_out){size_names[i].key, text[n]};
        n++;
    }
    snprintf(text[n], 48, "%.9g", (double)s->mean);
    meta[n] = (latent_meta_out){"mean", text[n]};
    n++;
    snprintf(text[n], 48, "%.9g", (double)s->deviation);
    meta[n] = (latent_meta_out){"deviation", text[n]};
    return n + 1;
}

int latent_diffusion_read_sizes(const latent_weights *w, latent_diffusion_sizes *s, latent_error *e)
{
    const char *mean = latent_weights_text(w, "mean");
    const char *deviation = latent_weights_text(w, "deviation");
    memset(s, 0, sizeof(*s));
    if (!mean || !deviation)
        return latent_fail(e, "the file's settings tell no mean and deviation of its pictures");
    s->mean = strtof(mean, NULL);
    s->deviation = strtof(deviation, NULL);
    for (int i = 0; i < N_SIZES; i++) {
        int *v = (int *)((char *)s + size_names[i].place);
        const char *text = latent_weights_text(w, size_names[i].key);
        char *end;
        for (int k = 0; k < (size_names[i].list ? s->levels : 1) && k < LATENT_DIFFUSION_LEVELS;
             k++, text = end) {
            long number = text ? strtol(text, &end, 10) : -1;
            if (!text || end == text || number < 0 || number > 1 << 20)
                return latent_fail(e, "the file's settings tell no %s", size_names[i].key);
            v[k] = (int)number;
        }
    }
    return latent_diffusion_check(s, e);
}

/* NULL and a sentence where it is missing or has another shape. */
static const latent_entry *find(const latent_weights *w, const latent_diffusion_tensor *t,
                                const char *prefix, latent_error *e)
{
    char name[80];
    const latent_entry *entry;
    int same;
    snprintf(name, sizeof(name), "%.30s%s", prefix, t->name);
    entry = latent_weights_find(w, name);
    same = entry && entry->rank == t->rank;
    for (int k = 0; same && k < t->rank; k++)
        same = entry->dim[k] == t->dim[k];
    if (same)
        return entry;
    latent_fail(e, entry ? "%s has not the shape that the other sizes ask for" : "%s is missing",
                name);
    return NULL;
}

int latent_diffusion_there(const latent_weights *w, const latent_diffusion_sizes *s,
                           const char *prefix, latent_error *e)
{
    latent_diffusion_tensor t;
    for (int i = 0; latent_diffusion_tensor_at(s, i, &t); i++)
        if (!find(w, &t, prefix, e))
            return -1;
    return 0;
}

int latent_diffusion_fetch(latent_weights *w, const latent_diffusion_tensor *t, float *to,
                           latent_error *e)
{
    const latent_entry *entry = find(w, t, "", e);
    if (!entry || latent_weights_read(w, entry, to, e))
        return -1;
    for (size_t k = 0; k < t->count; k++)
        if (!isfinite(to[k]))
            return latent_fail(e, "%s has values that are no numbers (NaN or infinite)", t->name);
    return 0;
}

void latent_diffusion_lengths(const latent_diffusion_tensor *t, double factor, float *x)
{
    size_t wide = t->rows ? t->count / (size_t)t->rows : 0;
    for (int r = 0; r < t->rows; r++, x += wide) {
        double squares = 1e-12;
        for (size_t i = 0; i < wide; i++)
            squares += (double)x[i] * (double)x[i];
        for (size_t i = 0; i < wide; i++)
            x[i] *= (float)(factor * (double)t->length / sqrt(squares));
    }
}

static latent_node *constant(const latent_diffusion_tensor *t, latent_tensor *data, latent_error *e)
{
    latent_diffusion_lengths(t, 1, data->data);
    return t->rank == 4 ? latent_op_conv_weight(data, 1, e) : latent_op_parameter(data, e);
}

static int fill(latent_diffusion_net *net, latent_weights *w, const float *data, const size_t *at,
                latent_error *e)
{
    latent_diffusion_tensor t;
    for (int i = 0; latent_diffusion_tensor_at(&net->sizes, i, &t); i++) {
        latent_tensor *numbers = latent_tensor_new(latent_diffusion_shape(&t), e);
        if (numbers && data)
            memcpy(numbers->data, data + at[i], t.count * sizeof(float));
        if (numbers && (data || !latent_diffusion_fetch(w, &t, numbers->data, e)))
            net->weight[i] = constant(&t, numbers, e);
        latent_tensor_release(numbers);
        if (!net->weight[i]) {
            latent_diffusion_net_free(net);
            return -1;
        }
    }
    return 0;
}

int latent_diffusion_net_read(latent_diffusion_net *net, latent_weights *w, latent_error *e)
{
    memset(net, 0, sizeof(*net));
    return latent_diffusion_read_sizes(w, &net->sizes, e) ||
                   latent_diffusion_there(w, &net->sizes, "", e)
               ? -1
               : fill(net, w, NULL, NULL, e);
}

int latent_diffusion_net_of(latent_diffusion_net *net, const float *data, const size_t *at,
                            latent_error *e)
{
    return latent_diffusion_check(&net->sizes, e) ? -1 : fill(net, NULL, data, at, e);
}
