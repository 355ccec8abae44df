/* clip_tiny: see clip_tiny.h */
#include "clip_tiny.h"
#include "../ops/encoder.h"
#include "../ops/ops.h"
#include "architectures.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WIDTH 4096
#define MAX_ROWS (1 << 20)
#define MAX_RESOLUTION 1024
#define MAX_CONTEXT 1024

/* ---- the plan */

latent_tiny_sizes latent_tiny_default(void)
{
    return (latent_tiny_sizes){.resolution = 64,
                               .stem = 32,
                               .stages = 3,
                               .width = {64, 128, 192},
                               .blocks = {1, 1, 1},
                               .embedding = 128,
                               .rows = 8192,
                               .text_width = 128,
                               .text_layers = 2,
                               .text_hidden = 256,
                               .context = 256};
}

/* Counts down to the tensor that is asked for. */
typedef struct {
    int left;
    latent_tiny_tensor *t;
} tensor_walk;

static int meet(tensor_walk *w, latent_tiny_kind kind, int rank, const int64_t *dim,
                const char *format, ...)
{
    va_list args;
    if (w->left--)
        return 0;
    *w->t = (latent_tiny_tensor){.kind = kind, .rank = rank, .count = 1};
    va_start(args, format);
    vsnprintf(w->t->name, sizeof(w->t->name), format, args);
    va_end(args);
    for (int i = 0; i < rank; i++) {
        w->t->dim[i] = dim[i];
        w->t->count *= (size_t)dim[i];
    }
    return 1;
}

#define DIM(...) ((const int64_t[]){__VA_ARGS__})

static int meet_norm(tensor_walk *w, const char *where, int width)
{
    return meet(w, LATENT_TINY_GAIN, 1, DIM(width), "%s.weight", where) ||
           meet(w, LATENT_TINY_BIAS, 1, DIM(width), "%s.bias", where);
}

/* kernel: 0 for a matrix, 3 for [3], 9 for [3][3] */
static int meet_layer(tensor_walk *w, const char *where, int out, int in, int kernel)
{
    return meet(w, LATENT_TINY_WEIGHT,
                kernel == 9 ? 4
                : kernel    ? 3
                            : 2,
                DIM(out, in, 3, 3), "%s.weight", where) ||
           meet(w, LATENT_TINY_BIAS, 1, DIM(out), "%s.bias", where);
}

static int meet_stage(tensor_walk *w, const latent_tiny_sizes *s, int stage)
{
    char name[3][48];
    int c = s->width[stage], before = stage ? s->width[stage - 1] : s->stem;
    snprintf(name[0], sizeof(name[0]), "picture.%d.norm", stage);
    snprintf(name[1], sizeof(name[1]), "picture.%d.merge", stage);
    if (meet_norm(w, name[0], 4 * before) || meet_layer(w, name[1], c, 4 * before, 0))
        return 1;
    for (int b = 0; b < s->blocks[stage]; b++) {
        snprintf(name[0], sizeof(name[0]), "picture.%d.%d.norm", stage, b);
        snprintf(name[1], sizeof(name[1]), "picture.%d.%d.conv", stage, b);
        snprintf(name[2], sizeof(name[2]), "picture.%d.%d.project", stage, b);
        if (meet_norm(w, name[0], c) || meet_layer(w, name[1], c, c, 9) ||
            meet_layer(w, name[2], c, c, 0))
            return 1;
    }
    return 0;
}

int latent_tiny_tensor_at(const latent_tiny_sizes *s, int i, latent_tiny_tensor *t)
{
    tensor_walk w = {i, t};
    char name[48];
    if (i < 0)
        return 0;
    if (meet_layer(&w, "picture.stem", s->stem, 12, 9))
        return 1;
    for (int stage = 0; stage < s->stages; stage++)
        if (meet_stage(&w, s, stage))
            return 1;
    if (meet_norm(&w, "picture.norm", s->width[s->stages - 1]) ||
        meet_layer(&w, "picture.projection", s->embedding, s->width[s->stages - 1], 0) ||
        meet(&w, LATENT_TINY_TABLE, 2, DIM(s->rows, s->text_width), "text.words"))
        return 1;
    for (int l = 0; l < s->text_layers; l++) {
        snprintf(name, sizeof(name), "text.%d.conv", l);
        if (meet_layer(&w, name, s->text_width, s->text_width, 3))
            return 1;
    }
    return meet_norm(&w, "text.norm", s->text_width) ||
           meet_layer(&w, "text.up", s->text_hidden, s->text_width, 0) ||
           meet_layer(&w, "text.down", s->text_width, s->text_hidden, 0) ||
           meet_norm(&w, "text.last", s->text_width) ||
           meet_layer(&w, "text.projection", s->embedding, s->text_width, 0);
}

latent_tiny_map latent_tiny_map_of(const latent_tiny_sizes *s)
{
    latent_tiny_map m = {0};
    int n = 0;
    m.stem = n, n += 2;
    for (int i = 0; i < s->stages; i++) {
        m.stage[i].norm = n, n += 2;
        m.stage[i].merge = n, n += 2;
        for (int b = 0; b < s->blocks[i]; b++) {
            m.stage[i].block[b].norm = n, n += 2;
            m.stage[i].block[b].conv = n, n += 2;
            m.stage[i].block[b].project = n, n += 2;
        }
    }
    m.norm = n, n += 2;
    m.projection = n, n += 2;
    m.words = n, n += 1;
    for (int i = 0; i < s->text_layers; i++)
        m.layer[i] = n, n += 2;
    m.text_norm = n, n += 2;
    m.up = n, n += 2;
    m.down = n, n += 2;
    m.last = n, n += 2;
    m.text_projection = n, n += 2;
    m.count = n;
    return m;
}

static int within(int v, int least, int most)
{
    return v >= least && v <= most;
}

int latent_tiny_check(const latent_tiny_sizes *s, latent_error *e)
{
    int good = within(s->stages, 1, LATENT_TINY_STAGES) && within(s->stem, 1, MAX_WIDTH) &&
               within(s->embedding, 1, MAX_WIDTH) && within(s->rows, 1, MAX_ROWS) &&
               within(s->text_width, 1, MAX_WIDTH) && within(s->text_hidden, 1, MAX_WIDTH) &&
               within(s->text_layers, 0, LATENT_TINY_BLOCKS) && within(s->context, 1, MAX_CONTEXT);
    for (int i = 0; good && i < s->stages; i++)
        good = within(s->width[i], 1, MAX_WIDTH) && within(s->blocks[i], 0, LATENT_TINY_BLOCKS);
    if (!good)
        return latent_fail(e, "the sizes of a clip-tiny are out of all proportion");
    if (!within(s->resolution, 1, MAX_RESOLUTION) || s->resolution % (2 << s->stages))
        return latent_fail(e,
                           "a clip-tiny of %d stages for pictures of %d pixels; a multiple of "
                           "%d was expected",
                           s->stages, s->resolution, 2 << s->stages);
    return 0;
}

/* ---- the metadata */

typedef struct {
    const char *key;
    size_t place;
    int list; /* as many numbers as there are stages */
} size_name;

static const size_name size_names[] = {
    {"resolution", offsetof(latent_tiny_sizes, resolution), 0},
    {"stem", offsetof(latent_tiny_sizes, stem), 0},
    {"stages", offsetof(latent_tiny_sizes, stages), 0},
    {"width", offsetof(latent_tiny_sizes, width), 1},
    {"blocks", offsetof(latent_tiny_sizes, blocks), 1},
    {"embedding", offsetof(latent_tiny_sizes, embedding), 0},
    {"rows", offsetof(latent_tiny_sizes, rows), 0},
    {"text_width", offsetof(latent_tiny_sizes, text_width), 0},
    {"text_layers", offsetof(latent_tiny_sizes, text_layers), 0},
    {"text_hidden", offsetof(latent_tiny_sizes, text_hidden), 0},
    {"context", offsetof(latent_tiny_sizes, context), 0},
};
#define N_SIZES (int)(sizeof(size_names) / sizeof(*size_names))

int latent_tiny_meta(const latent_tiny_sizes *s, latent_meta_out *meta, char text[][48])
{
    int n = 0;
    meta[n++] = (latent_meta_out){"architecture", "clip-tiny"};
    meta[n++] = (latent_meta_out){"tokeniser", "grams"};
    for (int i = 0; i < N_SIZES; i++) {
        const int *v = (const int *)((const char *)s + size_names[i].place);
        size_t used = 0;
        for (int k = 0; k < (size_names[i].list ? s->stages : 1); k++)
            used += (size_t)snprintf(text[i] + used, 48 - used, k ? " %d" : "%d", v[k]);
        meta[n++] = (latent_meta_out){size_names[i].key, text[i]};
    }
    return n;
}

/* What stands before the names of a file's tensors, and of its settings where they have it, too. */
static void find_prefix(const latent_weights *w, char *prefix)
{
    *prefix = 0;
    latent_weights_prefix(w, "picture.stem.weight", prefix, LATENT_PREFIX);
}

static const char *text_of(const latent_weights *w, const char *prefix, const char *key)
{
    char name[LATENT_PREFIX + 40];
    const char *text = latent_weights_text(w, key);
    snprintf(name, sizeof(name), "%s%s", prefix, key);
    return text ? text : latent_weights_text(w, name);
}

/* One number of a setting: "3 4", a number, or a list of them. */
static int number_of(const latent_weights *w, const char *prefix, const char *key, int k,
                     int *number)
{
    char name[4][LATENT_PREFIX + 48], *end;
    const char *text = text_of(w, prefix, key);
    double v = -1;
    if (text) {
        for (int i = 0; i <= k; i++, text = end) {
            v = (double)strtol(text, &end, 10);
            if (end == text)
                return -1;
        }
    } else {
        snprintf(name[0], sizeof(name[0]), "%s", key);
        snprintf(name[1], sizeof(name[1]), "%s%s", prefix, key);
        snprintf(name[2], sizeof(name[2]), "%s.%d", key, k);
        snprintf(name[3], sizeof(name[3]), "%s%s.%d", prefix, key, k);
        for (int i = 0; i < 4; i++)
            if (!latent_weights_number(w, name[i], &v))
                break;
    }
    if (!(v >= 0 && v <= MAX_ROWS))
        return -1;
    *number = (int)v;
    return 0;
}

static int64_t side(const latent_weights *w, const char *prefix, int axis, const char *format, ...)
{
    char name[LATENT_PREFIX + 80];
    va_list args;
    const latent_entry *t;
    int n = snprintf(name, sizeof(name), "%s", prefix);
    va_start(args, format);
    vsnprintf(name + n, sizeof(name) - (size_t)n, format, args);
    va_end(args);
    t = latent_weights_find(w, name);
    return t && axis < t->rank && t->dim[axis] <= MAX_ROWS ? t->dim[axis] : 0;
}

/* A file that has lost its settings, as one that another program has saved: all but two of the
   sizes are those of its tensors. */
static void sizes_of_tensors(const latent_weights *w, const char *prefix, latent_tiny_sizes *s)
{
    const latent_tiny_sizes usual = latent_tiny_default();
    s->resolution = usual.resolution;
    s->context = usual.context;
    s->stem = (int)side(w, prefix, 0, "picture.stem.weight");
    while (s->stages < LATENT_TINY_STAGES &&
           (s->width[s->stages] = (int)side(w, prefix, 0, "picture.%d.merge.weight", s->stages))) {
        int *n = &s->blocks[s->stages];
        while (*n < LATENT_TINY_BLOCKS &&
               side(w, prefix, 0, "picture.%d.%d.conv.weight", s->stages, *n))
            ++*n;
        s->stages++;
    }
    s->embedding = (int)side(w, prefix, 0, "picture.projection.weight");
    s->rows = (int)side(w, prefix, 0, "text.words");
    s->text_width = (int)side(w, prefix, 1, "text.words");
    while (s->text_layers < LATENT_TINY_BLOCKS &&
           side(w, prefix, 0, "text.%d.conv.weight", s->text_layers))
        s->text_layers++;
    s->text_hidden = (int)side(w, prefix, 0, "text.up.weight");
}

int latent_tiny_read_sizes(const latent_weights *w, latent_tiny_sizes *s, latent_error *e)
{
    char prefix[LATENT_PREFIX];
    const char *tokeniser;
    find_prefix(w, prefix);
    tokeniser = text_of(w, prefix, "tokeniser");
    memset(s, 0, sizeof(*s));
    if (!tokeniser && !text_of(w, prefix, "architecture")) {
        sizes_of_tensors(w, prefix, s);
        return latent_tiny_check(s, e);
    }
    if (!tokeniser || strcmp(tokeniser, "grams"))
        return latent_fail(e, "a clip-tiny whose tokeniser is %.40s; this version knows grams",
                           tokeniser ? tokeniser : "not told");
    for (int i = 0; i < N_SIZES; i++) {
        int *v = (int *)((char *)s + size_names[i].place);
        int n = size_names[i].list ? s->stages : 1;
        for (int k = 0; k < n && k < LATENT_TINY_STAGES; k++)
            if (number_of(w, prefix, size_names[i].key, k, v + k))
                return latent_fail(e, "the file's settings tell no %s", size_names[i].key);
    }
    return latent_tiny_check(s, e);
}

/* ---- reading */

static int tiny_recognise(const latent_weights *w, char *prefix, size_t room)
{
    const char *architecture;
    (void)room;
    find_prefix(w, prefix);
    if ((architecture = text_of(w, prefix, "architecture")))
        return !strcmp(architecture, "clip-tiny");
    return side(w, prefix, 0, "picture.stem.weight") && side(w, prefix, 0, "text.words");
}

/* Where tensors come from: a file, or memory. */
typedef struct {
    latent_weights *file; /* or NULL */
    const float *data;
    const size_t *at;
} tiny_source;

int latent_tiny_fetch(latent_weights *w, const latent_tiny_tensor *t, float *to, latent_error *e)
{
    char prefix[LATENT_PREFIX], name[LATENT_PREFIX + 64];
    const latent_entry *entry;
    int same;
    find_prefix(w, prefix);
    snprintf(name, sizeof(name), "%s%s", prefix, t->name);
    if (!(entry = latent_weights_find(w, name)))
        return latent_fail(e, "%s is missing", name);
    same = entry->rank == t->rank;
    for (int k = 0; same && k < t->rank; k++)
        same = entry->dim[k] == t->dim[k];
    if (!same)
        return latent_fail(e, "%s has not the shape that the other sizes ask for", name);
    return latent_weights_read(w, entry, to, e);
}

static int fetch(const tiny_source *from, const latent_tiny_tensor *t, int i, float *to,
                 latent_error *e)
{
    if (from->file)
        return latent_tiny_fetch(from->file, t, to, e);
    memcpy(to, from->data + from->at[i], t->count * sizeof(float));
    return 0;
}

static latent_node *make_tensor(const tiny_source *from, const latent_tiny_tensor *t, int i,
                                latent_error *e)
{
    int rows = t->rank == 1 ? 1 : (int)t->dim[0];
    latent_shape s = {1, 1, rows, (int)(t->count / (size_t)rows)};
    latent_tensor *data;
    latent_node *n = NULL;
    size_t k = 0;
    if (t->rank == 4)
        s = (latent_shape){rows, (int)t->dim[1], (int)t->dim[2], (int)t->dim[3]};
    if (!(data = latent_tensor_new(s, e)))
        return NULL;
    if (!fetch(from, t, i, data->data, e)) {
        while (k < data->count && isfinite(data->data[k]))
            k++;
        if (k < data->count)
            latent_fail(e, "%s has values that are no numbers (NaN or infinite)", t->name);
        else
            n = t->rank == 4 ? latent_op_conv_weight(data, 1, e) : latent_op_parameter(data, e);
    }
    latent_tensor_release(data);
    return n;
}

static int make_all(latent_model *m, const tiny_source *from, latent_progress p, latent_error *e)
{
    latent_tiny_net *c = m->net;
    latent_tiny_tensor t;
    c->map = latent_tiny_map_of(&c->sizes);
    m->encoder.resolution = c->sizes.resolution;
    m->encoder.embedding = c->sizes.embedding;
    m->encoder.context = c->sizes.context;
    for (int i = 0; latent_tiny_tensor_at(&c->sizes, i, &t); i++) {
        if (p.cancel && atomic_load(p.cancel))
            return latent_fail(e, "cancelled");
        if (!(c->node[i] = make_tensor(from, &t, i, e)))
            return -1;
        m->weights_bytes += t.count * sizeof(float);
        if (p.permille)
            atomic_store(p.permille, 1000 * (i + 1) / c->map.count);
    }
    return 0;
}

static int tiny_build(latent_model *m, latent_weights *w, const char *prefix, latent_progress p,
                      latent_error *e)
{
    tiny_source from = {w, NULL, NULL};
    latent_tiny_net *c = calloc(1, sizeof(*c));
    (void)prefix;
    if (!(m->net = c))
        return latent_fail(e, "no memory for a clip-tiny");
    return latent_tiny_read_sizes(w, &c->sizes, e) ? -1 : make_all(m, &from, p, e);
}

latent_model *latent_tiny_model(const latent_tiny_sizes *s, const float *data, const size_t *at,
                                const char *label, latent_error *e)
{
    tiny_source from = {NULL, data, at};
    latent_model *m = calloc(1, sizeof(*m));
    latent_tiny_net *c = calloc(1, sizeof(*c));
    if (!m || !c) {
        free(m);
        free(c);
        latent_fail(e, "no memory for a clip-tiny");
        return NULL;
    }
    m->refs = 1;
    m->arch = &latent_arch_clip_tiny;
    snprintf(m->label, sizeof(m->label), "%s", label);
    m->net = c;
    c->sizes = *s;
    if (latent_tiny_check(s, e) || make_all(m, &from, (latent_progress){NULL, NULL}, e)) {
        latent_model_release(m);
        return NULL;
    }
    return m;
}

void latent_tiny_net_clear(latent_tiny_net *net)
{
    for (int i = 0; i < LATENT_TINY_TENSORS; i++) {
        latent_node_release(net->node[i]);
        net->node[i] = NULL;
    }
}

const latent_tiny_net *latent_tiny_net_of(const latent_model *m)
{
    return m->arch == &latent_arch_clip_tiny ? m->net : NULL;
}

static void tiny_free(latent_model *m)
{
    latent_tiny_net_clear(m->net);
    free(m->net);
}

/* ---- looking and reading: each step takes x over (NULL after an error) and gives the next */

static latent_node *step(latent_node *x, latent_node *next)
{
    latent_node_release(x);
    return next;
}

static latent_node *norm(const latent_tiny_net *c, int at, latent_node *x, const char *stage,
                         latent_error *e)
{
    latent_node *const *n = c->node + at;
    return x ? step(x, latent_op_layer_norm(x, n[0], n[1], stage, e)) : NULL;
}

static latent_node *layer(const latent_tiny_net *c, int at, latent_node *x, latent_node *add,
                          const char *stage, latent_error *e)
{
    latent_node *const *n = c->node + at;
    return x ? step(x, latent_op_project(x, n[0], n[1], add, stage, e)) : NULL;
}

static latent_node *conv(const latent_tiny_net *c, int at, latent_node *x, const char *stage,
                         latent_error *e)
{
    static const latent_conv_settings plain = {
        .up = 1, .style_gain = 1, .weight_gain = 1, .strength = 1, .slope = 1, .gain = 1};
    latent_node *const *n = c->node + at;
    return x ? step(x, latent_op_conv(x, NULL, n[0], n[1], NULL, NULL, NULL, &plain, stage, e))
             : NULL;
}

static latent_node *gelu(latent_node *x, const char *stage, latent_error *e)
{
    return x ? step(x, latent_op_gelu(x, 1, stage, e)) : NULL;
}

/* Squares of 2 x 2 pixels become pixels of four times the channels. */
static latent_node *squares(latent_node *x, latent_error *e)
{
    return x ? step(x, latent_op_squares(x, 2, e)) : NULL;
}

latent_node *latent_tiny_features(const latent_tiny_net *c, latent_node *pictures, latent_error *e)
{
    const latent_tiny_map *map = &c->map;
    const char *stage = "clip.picture";
    latent_node *x = squares(latent_node_retain(pictures), e), *y;
    x = gelu(conv(c, map->stem, x, stage, e), stage, e);
    for (int i = 0; i < c->sizes.stages && x; i++) {
        x = norm(c, map->stage[i].norm, squares(x, e), stage, e);
        x = layer(c, map->stage[i].merge, x, NULL, stage, e);
        for (int b = 0; b < c->sizes.blocks[i] && x; b++) {
            y = norm(c, map->stage[i].block[b].norm, latent_node_retain(x), stage, e);
            y = gelu(conv(c, map->stage[i].block[b].conv, y, stage, e), stage, e);
            x = step(x, layer(c, map->stage[i].block[b].project, y, x, stage, e));
        }
    }
    return norm(c, map->norm, x, stage, e);
}

static latent_node *pooled(const latent_tiny_net *c, latent_node *pictures, latent_error *e)
{
    latent_node *x = latent_tiny_features(c, pictures, e);
    return x ? step(x, latent_op_pool(x, e)) : NULL;
}

latent_node *latent_tiny_pictures(const latent_tiny_net *c, latent_node *pictures, latent_error *e)
{
    return layer(c, c->map.projection, pooled(c, pictures, e), NULL, "clip.picture", e);
}

/* The words of several texts, one after another. */
static int join(const latent_grams *texts, int n, int **first, int **text, int **row)
{
    size_t words = 0, rows = 0;
    for (int i = 0; i < n; i++) {
        words += (size_t)texts[i].n;
        rows += (size_t)texts[i].first[texts[i].n];
    }
    if (!(*first = malloc((words + 1 + (size_t)n + 1 + rows) * sizeof(**first))))
        return -1;
    *text = *first + words + 1;
    *row = *text + n + 1;
    words = rows = 0;
    for (int i = 0; i < n; i++) {
        (*text)[i] = (int)words;
        for (int w = 0; w < texts[i].n; w++)
            (*first)[words++] = (int)rows + texts[i].first[w];
        memcpy(*row + rows, texts[i].row, (size_t)texts[i].first[texts[i].n] * sizeof(**row));
        rows += (size_t)texts[i].first[texts[i].n];
    }
    (*text)[n] = (int)words;
    (*first)[words] = (int)rows;
    return (int)words;
}

latent_node *latent_tiny_texts(const latent_tiny_net *c, const latent_grams *texts, int n,
                               latent_error *e)
{
    const char *stage = "clip.text";
    int *first, *text, *row, words = join(texts, n, &first, &text, &row);
    latent_node *x, *y;
    if (words < 0) {
        latent_fail(e, "no memory for %d texts", n);
        return NULL;
    }
    x = latent_op_embedding_bag(c->node[c->map.words], row, first, words, e);
    for (int i = 0; i < c->sizes.text_layers && x; i++) {
        y = gelu(latent_node_retain(x), stage, e);
        y = y ? step(y, latent_op_neighbours(y, text, n, e)) : NULL;
        x = step(x, layer(c, c->map.layer[i], y, x, stage, e));
    }
    x = x ? step(x, latent_op_pool_words(x, text, n, e)) : NULL;
    free(first);
    if (!x)
        return NULL;
    y = norm(c, c->map.text_norm, latent_node_retain(x), stage, e);
    y = gelu(layer(c, c->map.up, y, NULL, stage, e), stage, e);
    x = step(x, layer(c, c->map.down, y, x, stage, e));
    return layer(c, c->map.text_projection, norm(c, c->map.last, x, stage, e), NULL, stage, e);
}

static latent_node *tiny_pooled(latent_model *m, latent_node *pictures, latent_error *e)
{
    return pooled(m->net, pictures, e);
}

static latent_node *tiny_picture(latent_model *m, latent_node *pictures, latent_error *e)
{
    return latent_tiny_pictures(m->net, pictures, e);
}

static latent_node *tiny_text(latent_model *m, const char *text, latent_error *e)
{
    const latent_tiny_net *c = m->net;
    latent_node *n;
    latent_grams g;
    if (latent_grams_make(&g, text, c->sizes.rows, c->sizes.context, e))
        return NULL;
    n = latent_tiny_texts(c, &g, 1, e);
    latent_grams_free(&g);
    return n;
}

static const latent_encoder_arch tiny_encoder = {
    .picture = tiny_picture,
    .text = tiny_text,
    .pooled = tiny_pooled,
};

const latent_arch latent_arch_clip_tiny = {
    .name = "clip-tiny",
    .recognise = tiny_recognise,
    .build = tiny_build,
    .free = tiny_free,
    .encoder = &tiny_encoder,
};
