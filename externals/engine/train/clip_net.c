/* clip_net: see clip_net.h */
#include "clip_net.h"
#include "clip_layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE 16 /* floats in a line of the cache, on which each tensor begins (parameters.h) */

/* ---- weights */

int latent_clip_net_plan(latent_clip_net *net, const latent_tiny_sizes *sizes, latent_error *e)
{
    latent_tiny_tensor t;
    if (latent_tiny_check(sizes, e))
        return -1;
    memset(net, 0, sizeof(*net));
    net->sizes = *sizes;
    net->map = latent_tiny_map_of(sizes);
    for (int i = 0; latent_tiny_tensor_at(sizes, i, &t); i++) {
        net->at[i] = net->count;
        net->count += (t.count + LINE - 1) / LINE * LINE;
        if (t.kind == LATENT_TINY_TABLE)
            net->table_count = t.count;
    }
    net->table = net->at[net->map.words];
    return 0;
}

void latent_clip_net_begin(const latent_clip_net *net, latent_random *r, float *p)
{
    latent_tiny_tensor t;
    for (int i = 0; latent_tiny_tensor_at(&net->sizes, i, &t); i++) {
        float *to = p + net->at[i];
        double deviation = t.kind == LATENT_TINY_TABLE ? 0.05 : 0;
        if (t.kind == LATENT_TINY_WEIGHT)
            deviation = sqrt((double)t.dim[0] / (double)t.count); /* 1 / sqrt(inputs) */
        for (size_t k = 0; k < t.count; k++)
            to[k] = t.kind == LATENT_TINY_GAIN ? 1
                    : deviation > 0            ? (float)(deviation * latent_random_gauss(r))
                                               : 0;
    }
}

static void turn(const latent_clip_net *net, int i, float *p, float *file, int out)
{
    latent_tiny_tensor t;
    size_t taps = 1, in;
    float *here = p + net->at[i];
    if (!latent_tiny_tensor_at(&net->sizes, i, &t))
        return;
    for (int d = 2; d < t.rank; d++)
        taps *= (size_t)t.dim[d];
    in = t.rank > 1 ? (size_t)t.dim[1] : 1;
    for (size_t k = 0; k < t.count; k++) {
        size_t row = k / (taps * in), tap = k % taps, channel = k / taps % in;
        float *other = here + (row * taps + tap) * in + channel;
        if (out)
            file[k] = *other;
        else
            *other = file[k];
    }
}

void latent_clip_net_out(const latent_clip_net *net, const float *p, int i, float *file)
{
    turn(net, i, (float *)p, file, 1);
}

void latent_clip_net_in(const latent_clip_net *net, float *p, int i, const float *file)
{
    turn(net, i, p, (float *)file, 0);
}

int latent_clip_net_read(const latent_clip_net *net, latent_weights *w, float *p, latent_error *e)
{
    latent_tiny_tensor t;
    int failed = 0;
    for (int i = 0; !failed && latent_tiny_tensor_at(&net->sizes, i, &t); i++) {
        float *file = malloc(t.count * sizeof(float));
        failed =
            !file ? latent_fail(e, "no memory for a clip-tiny") : latent_tiny_fetch(w, &t, file, e);
        if (!failed)
            latent_clip_net_in(net, p, i, file);
        free(file);
    }
    return failed;
}

/* ---- memory: first counted, then given out */

typedef struct {
    float *base; /* NULL while counting */
    size_t used;
} floats;

static float *take(floats *f, size_t n)
{
    float *at = f->base ? f->base + f->used : NULL;
    f->used += (n + LINE - 1) / LINE * LINE;
    return at;
}

/* ---- pictures */

typedef struct {
    float *x, *moments, *normal; /* what came, and its norm */
    float *before, *after;       /* the gelu */
} block_keep;

typedef struct {
    int side;                          /* pixels, after the squares */
    float *squares, *moments, *normal; /* [4 * channels before] */
    block_keep block[LATENT_TINY_BLOCKS];
    float *out;
} stage_keep;

struct latent_clip_pictures {
    const latent_clip_net *net;
    int n;
    float *memory;
    float *squares;            /* [n][side][side][12] */
    float *stem_before, *stem; /* [n][side][side][stem] */
    stage_keep stage[LATENT_TINY_STAGES];
    float *moments, *normal, *pooled;
    float *scratch; /* of a convolution */
    float *g[3];    /* gradients on their way */
};

static size_t largest(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void lay_out_pictures(latent_clip_pictures *k, floats *f)
{
    const latent_tiny_sizes *s = &k->net->sizes;
    size_t n = (size_t)k->n, side = (size_t)s->resolution / 2, most = n * side * side, scratch;
    latent_clip_conv_size c = {k->n, (int)side, (int)side, 12, s->stem};
    most *= (size_t)(s->stem > 12 ? s->stem : 12);
    scratch = latent_clip_conv_scratch(&c);
    k->squares = take(f, n * side * side * 12);
    k->stem_before = take(f, n * side * side * (size_t)s->stem);
    k->stem = take(f, n * side * side * (size_t)s->stem);
    for (int i = 0; i < s->stages; i++) {
        stage_keep *g = &k->stage[i];
        size_t width = (size_t)s->width[i], four = 4 * (size_t)(i ? s->width[i - 1] : s->stem);
        size_t pixels = n * (side / 2) * (side / 2);
        side /= 2;
        g->side = (int)side;
        g->squares = take(f, pixels * four);
        g->moments = take(f, pixels * 2);
        g->normal = take(f, pixels * four);
        for (int b = 0; b < s->blocks[i]; b++) {
            block_keep *o = &g->block[b];
            o->x = take(f, pixels * width);
            o->moments = take(f, pixels * 2);
            o->normal = take(f, pixels * width);
            o->before = take(f, pixels * width);
            o->after = take(f, pixels * width);
        }
        g->out = take(f, pixels * width);
        most = largest(most, pixels * largest(four, width));
        c = (latent_clip_conv_size){k->n, g->side, g->side, s->width[i], s->width[i]};
        scratch = largest(scratch, latent_clip_conv_scratch(&c));
    }
    k->moments = take(f, n * side * side * 2);
    k->normal = take(f, n * side * side * (size_t)s->width[s->stages - 1]);
    k->pooled = take(f, n * (size_t)s->width[s->stages - 1]);
    k->scratch = take(f, scratch);
    for (int i = 0; i < 3; i++)
        k->g[i] = take(f, most);
}

latent_clip_pictures *latent_clip_pictures_new(const latent_clip_net *net, int n, latent_error *e)
{
    latent_clip_pictures *k = calloc(1, sizeof(*k));
    floats f = {NULL, 0};
    if (!k) {
        latent_fail(e, "no memory to learn from pictures");
        return NULL;
    }
    k->net = net;
    k->n = n;
    lay_out_pictures(k, &f);
    if (!(k->memory = aligned_alloc(64, f.used * sizeof(float)))) {
        latent_fail(e, "no memory to learn from %d pictures at once", n);
        free(k);
        return NULL;
    }
    f = (floats){k->memory, 0};
    lay_out_pictures(k, &f);
    return k;
}

void latent_clip_pictures_free(latent_clip_pictures *k)
{
    if (k)
        free(k->memory);
    free(k);
}

void latent_clip_pictures_forward(latent_clip_pictures *k, const float *p, const float *pictures,
                                  float *embedding)
{
    const latent_tiny_sizes *s = &k->net->sizes;
    const latent_tiny_map *map = &k->net->map;
    const size_t *at = k->net->at;
    int side = s->resolution / 2, before = s->stem, last = s->width[s->stages - 1];
    latent_clip_conv_size c = {k->n, side, side, 12, s->stem};
    const float *x = k->stem;
    size_t n = (size_t)k->n;
    latent_clip_squares(k->n, 2 * side, 2 * side, 3, pictures, k->squares);
    latent_clip_conv(&c, k->squares, p + at[map->stem], p + at[map->stem + 1], k->stem_before,
                     k->scratch);
    latent_clip_gelu(n * (size_t)(side * side * s->stem), k->stem_before, k->stem);
    for (int i = 0; i < s->stages; i++) {
        stage_keep *g = &k->stage[i];
        int width = s->width[i], four = 4 * before, norm = map->stage[i].norm,
            merge = map->stage[i].merge;
        size_t rows = n * (size_t)(g->side * g->side);
        float *y = s->blocks[i] ? g->block[0].x : g->out;
        c = (latent_clip_conv_size){k->n, g->side, g->side, width, width};
        latent_clip_squares(k->n, 2 * g->side, 2 * g->side, before, x, g->squares);
        latent_clip_norm(rows, four, g->squares, p + at[norm], p + at[norm + 1], g->normal,
                         g->moments);
        latent_clip_linear(rows, four, width, g->normal, p + at[merge], p + at[merge + 1], y);
        for (int b = 0; b < s->blocks[i]; b++) {
            block_keep *o = &g->block[b];
            int bn = map->stage[i].block[b].norm, bc = map->stage[i].block[b].conv,
                bp = map->stage[i].block[b].project;
            y = b + 1 < s->blocks[i] ? g->block[b + 1].x : g->out;
            latent_clip_norm(rows, width, o->x, p + at[bn], p + at[bn + 1], o->normal, o->moments);
            latent_clip_conv(&c, o->normal, p + at[bc], p + at[bc + 1], o->before, k->scratch);
            latent_clip_gelu(rows * (size_t)width, o->before, o->after);
            latent_clip_linear(rows, width, width, o->after, p + at[bp], p + at[bp + 1], y);
            for (size_t j = 0; j < rows * (size_t)width; j++)
                y[j] += o->x[j];
        }
        x = g->out;
        before = width;
        side = g->side;
    }
    latent_clip_norm(n * (size_t)(side * side), last, x, p + at[map->norm], p + at[map->norm + 1],
                     k->normal, k->moments);
    latent_clip_pool(n, side * side, last, k->normal, k->pooled);
    if (embedding)
        latent_clip_linear(n, last, s->embedding, k->pooled, p + at[map->projection],
                           p + at[map->projection + 1], embedding);
}

const float *latent_clip_pictures_pooled(const latent_clip_pictures *k)
{
    return k->pooled;
}

const float *latent_clip_pictures_features(const latent_clip_pictures *k)
{
    return k->normal;
}

/* Where the gradient of tensor i (or its bias, after) is added to. */
static float *place(const latent_clip_pictures *k, float *grad, int i)
{
    return grad ? grad + k->net->at[i] : NULL;
}

/* From spare, k->g[2], the gradient with respect to the features: to grad, or to pictures. */
static void back(latent_clip_pictures *k, const float *p, float *grad, float *g_pictures)
{
    const latent_tiny_sizes *s = &k->net->sizes;
    const latent_tiny_map *map = &k->net->map;
    const size_t *at = k->net->at;
    int last = s->width[s->stages - 1], side = k->stage[s->stages - 1].side;
    size_t n = (size_t)k->n, rows = n * (size_t)(side * side);
    float *g = k->g[0], *h = k->g[1], *spare = k->g[2], *swap;
    latent_clip_conv_size c;
    latent_clip_norm_back(rows, last, k->stage[s->stages - 1].out, p + at[map->norm], k->moments,
                          spare, g, place(k, grad, map->norm), place(k, grad, map->norm + 1));
    for (int i = s->stages - 1; i >= 0; i--) { /* g: with respect to the stage's result */
        stage_keep *w = &k->stage[i];
        int width = s->width[i], before = i ? s->width[i - 1] : s->stem, four = 4 * before;
        int norm = map->stage[i].norm, merge = map->stage[i].merge;
        rows = n * (size_t)(w->side * w->side);
        c = (latent_clip_conv_size){k->n, w->side, w->side, width, width};
        for (int b = s->blocks[i] - 1; b >= 0; b--) {
            block_keep *o = &w->block[b];
            int bn = map->stage[i].block[b].norm, bc = map->stage[i].block[b].conv,
                bp = map->stage[i].block[b].project;
            latent_clip_linear_back(rows, width, width, o->after, p + at[bp], g, h,
                                    place(k, grad, bp), place(k, grad, bp + 1));
            latent_clip_gelu_back(rows * (size_t)width, o->before, h);
            latent_clip_conv_back(&c, o->normal, p + at[bc], h, spare, place(k, grad, bc),
                                  place(k, grad, bc + 1), k->scratch);
            latent_clip_norm_back(rows, width, o->x, p + at[bn], o->moments, spare, h,
                                  place(k, grad, bn), place(k, grad, bn + 1));
            for (size_t j = 0; j < rows * (size_t)width; j++)
                g[j] += h[j];
        }
        latent_clip_linear_back(rows, four, width, w->normal, p + at[merge], g, h,
                                place(k, grad, merge), place(k, grad, merge + 1));
        latent_clip_norm_back(rows, four, w->squares, p + at[norm], w->moments, h, spare,
                              place(k, grad, norm), place(k, grad, norm + 1));
        latent_clip_squares_back(k->n, 2 * w->side, 2 * w->side, before, spare, h);
        swap = g;
        g = h;
        h = swap;
    }
    side = s->resolution / 2;
    c = (latent_clip_conv_size){k->n, side, side, 12, s->stem};
    latent_clip_gelu_back(n * (size_t)(side * side * s->stem), k->stem_before, g);
    latent_clip_conv_back(&c, k->squares, p + at[map->stem], g, g_pictures ? spare : NULL,
                          place(k, grad, map->stem), place(k, grad, map->stem + 1), k->scratch);
    if (g_pictures)
        latent_clip_squares_back(k->n, 2 * side, 2 * side, 3, spare, g_pictures);
}

/* From the gradient with respect to the embeddings to k->g[2]. */
static void back_from_embedding(latent_clip_pictures *k, const float *p, const float *gradient,
                                float *grad)
{
    const latent_tiny_sizes *s = &k->net->sizes;
    int projection = k->net->map.projection, last = s->width[s->stages - 1];
    int side = k->stage[s->stages - 1].side;
    latent_clip_linear_back((size_t)k->n, last, s->embedding, k->pooled, p + k->net->at[projection],
                            gradient, k->g[1], place(k, grad, projection),
                            place(k, grad, projection + 1));
    latent_clip_pool_back((size_t)k->n, side * side, last, k->g[1], k->g[2]);
}

void latent_clip_pictures_backward(latent_clip_pictures *k, const float *p, const float *gradient,
                                   float *grad)
{
    back_from_embedding(k, p, gradient, grad);
    back(k, p, grad, NULL);
}

void latent_clip_pictures_back(latent_clip_pictures *k, const float *p, const float *gradient,
                               float *g_pictures)
{
    back_from_embedding(k, p, gradient, NULL);
    back(k, p, NULL, g_pictures);
}

void latent_clip_pictures_seen_back(latent_clip_pictures *k, const float *p,
                                    const float *g_features, float *g_pictures)
{
    const latent_tiny_sizes *s = &k->net->sizes;
    size_t side = (size_t)k->stage[s->stages - 1].side;
    memcpy(k->g[2], g_features,
           (size_t)k->n * side * side * (size_t)s->width[s->stages - 1] * sizeof(float));
    back(k, p, NULL, g_pictures);
}

/* ---- texts */

struct latent_clip_texts {
    const latent_clip_net *net;
    const latent_grams *texts;
    int n, room_n;
    int *first; /* [n + 1]: the rows of each text */
    size_t room;
    float *memory;
    float *x[LATENT_TINY_BLOCKS + 1], *active[LATENT_TINY_BLOCKS]; /* [words][text_width] */
    float *pooled, *moments, *normal, *before, *after, *mixed, *last_moments, *last_normal;
    float *scratch, *g[2];
};

latent_clip_texts *latent_clip_texts_new(const latent_clip_net *net, latent_error *e)
{
    latent_clip_texts *k = calloc(1, sizeof(*k));
    if (!k) {
        latent_fail(e, "no memory to learn from texts");
        return NULL;
    }
    k->net = net;
    return k;
}

void latent_clip_texts_free(latent_clip_texts *k)
{
    if (k) {
        free(k->first);
        free(k->memory);
    }
    free(k);
}

static void lay_out_texts(latent_clip_texts *k, size_t words, floats *f)
{
    const latent_tiny_sizes *s = &k->net->sizes;
    size_t n = (size_t)k->n, c = (size_t)s->text_width, hidden = (size_t)s->text_hidden;
    for (int i = 0; i <= s->text_layers; i++) {
        k->x[i] = take(f, words * c);
        if (i < s->text_layers)
            k->active[i] = take(f, words * c);
    }
    k->pooled = take(f, n * c);
    k->moments = take(f, n * 2);
    k->normal = take(f, n * c);
    k->before = take(f, n * hidden);
    k->after = take(f, n * hidden);
    k->mixed = take(f, n * c);
    k->last_moments = take(f, n * 2);
    k->last_normal = take(f, n * c);
    k->scratch = take(f, 3 * words * c);
    for (int i = 0; i < 2; i++)
        k->g[i] = take(f, largest(words * c, n * largest(c, hidden)));
}

static int make_room(latent_clip_texts *k, const latent_grams *texts, int n, latent_error *e)
{
    floats f = {NULL, 0};
    k->n = n;
    k->texts = texts;
    if (n > k->room_n) {
        int *first = realloc(k->first, ((size_t)n + 1) * sizeof(*first));
        if (!first)
            return latent_fail(e, "no memory to learn from %d texts at once", n);
        k->first = first;
        k->room_n = n;
    }
    k->first[0] = 0;
    for (int i = 0; i < n; i++)
        k->first[i + 1] = k->first[i] + texts[i].n;
    lay_out_texts(k, (size_t)k->first[n], &f);
    if (f.used > k->room) {
        float *memory = aligned_alloc(64, f.used * sizeof(float));
        if (!memory)
            return latent_fail(e, "no memory to learn from %d texts at once", n);
        free(k->memory);
        k->memory = memory;
        k->room = f.used;
    }
    f = (floats){k->memory, 0};
    lay_out_texts(k, (size_t)k->first[n], &f);
    return 0;
}

static void gather(const latent_clip_texts *k, const float *table, float *x)
{
    size_t c = (size_t)k->net->sizes.text_width;
    memset(x, 0, (size_t)k->first[k->n] * c * sizeof(float));
    for (int t = 0; t < k->n; t++)
        for (int i = 0; i < k->texts[t].n; i++, x += c)
            for (int j = k->texts[t].first[i]; j < k->texts[t].first[i + 1]; j++)
                for (size_t d = 0; d < c; d++)
                    x[d] += table[(size_t)k->texts[t].row[j] * c + d];
}

int latent_clip_texts_forward(latent_clip_texts *k, const float *p, const latent_grams *texts,
                              int n, float *embedding, latent_error *e)
{
    const latent_tiny_sizes *s = &k->net->sizes;
    const latent_tiny_map *map = &k->net->map;
    const size_t *at = k->net->at;
    int c = s->text_width;
    size_t words, rows = (size_t)n;
    if (make_room(k, texts, n, e))
        return -1;
    words = (size_t)k->first[n] * (size_t)c;
    gather(k, p + k->net->table, k->x[0]);
    for (int l = 0; l < s->text_layers; l++) {
        const int w = map->layer[l];
        latent_clip_gelu(words, k->x[l], k->active[l]);
        latent_clip_words(n, k->first, c, c, k->active[l], p + at[w], p + at[w + 1], k->x[l + 1],
                          k->scratch);
        for (size_t i = 0; i < words; i++)
            k->x[l + 1][i] += k->x[l][i];
    }
    for (int t = 0; t < n; t++)
        latent_clip_pool(1, texts[t].n, c, k->x[s->text_layers] + (size_t)k->first[t] * (size_t)c,
                         k->pooled + (size_t)t * (size_t)c);
    latent_clip_norm(rows, c, k->pooled, p + at[map->text_norm], p + at[map->text_norm + 1],
                     k->normal, k->moments);
    latent_clip_linear(rows, c, s->text_hidden, k->normal, p + at[map->up], p + at[map->up + 1],
                       k->before);
    latent_clip_gelu(rows * (size_t)s->text_hidden, k->before, k->after);
    latent_clip_linear(rows, s->text_hidden, c, k->after, p + at[map->down], p + at[map->down + 1],
                       k->mixed);
    for (size_t i = 0; i < rows * (size_t)c; i++)
        k->mixed[i] += k->pooled[i];
    latent_clip_norm(rows, c, k->mixed, p + at[map->last], p + at[map->last + 1], k->last_normal,
                     k->last_moments);
    latent_clip_linear(rows, c, s->embedding, k->last_normal, p + at[map->text_projection],
                       p + at[map->text_projection + 1], embedding);
    return 0;
}

void latent_clip_texts_backward(latent_clip_texts *k, const float *p, const float *gradient,
                                float *grad)
{
    const latent_tiny_sizes *s = &k->net->sizes;
    const latent_tiny_map *map = &k->net->map;
    const size_t *at = k->net->at;
    int c = s->text_width, n = k->n;
    size_t rows = (size_t)n, words = (size_t)k->first[n] * (size_t)c;
    float *g = k->g[0], *h = k->g[1];
    latent_clip_linear_back(rows, c, s->embedding, k->last_normal, p + at[map->text_projection],
                            gradient, h, grad + at[map->text_projection],
                            grad + at[map->text_projection + 1]);
    latent_clip_norm_back(rows, c, k->mixed, p + at[map->last], k->last_moments, h, k->last_normal,
                          grad + at[map->last], grad + at[map->last + 1]);
    latent_clip_linear_back(rows, s->text_hidden, c, k->after, p + at[map->down], k->last_normal, h,
                            grad + at[map->down], grad + at[map->down + 1]);
    latent_clip_gelu_back(rows * (size_t)s->text_hidden, k->before, h);
    latent_clip_linear_back(rows, c, s->text_hidden, k->normal, p + at[map->up], h, g,
                            grad + at[map->up], grad + at[map->up + 1]);
    latent_clip_norm_back(rows, c, k->pooled, p + at[map->text_norm], k->moments, g, h,
                          grad + at[map->text_norm], grad + at[map->text_norm + 1]);
    for (size_t i = 0; i < rows * (size_t)c; i++) /* both ways into the sum */
        h[i] += k->last_normal[i];
    for (int t = 0; t < n; t++)
        latent_clip_pool_back(1, k->texts[t].n, c, h + (size_t)t * (size_t)c,
                              g + (size_t)k->first[t] * (size_t)c);
    for (int l = s->text_layers - 1; l >= 0; l--) {
        int w = map->layer[l];
        latent_clip_words_back(n, k->first, c, c, k->active[l], p + at[w], g, h, grad + at[w],
                               grad + at[w + 1], k->scratch);
        latent_clip_gelu_back(words, k->x[l], h);
        for (size_t i = 0; i < words; i++)
            g[i] += h[i];
    }
}

void latent_clip_texts_table(const latent_clip_texts *k, float *grad)
{
    size_t c = (size_t)k->net->sizes.text_width;
    const float *g = k->g[0];
    for (int t = 0; t < k->n; t++)
        for (int i = 0; i < k->texts[t].n; i++, g += c)
            for (int j = k->texts[t].first[i]; j < k->texts[t].first[i + 1]; j++) {
                float *to = grad + k->net->table + (size_t)k->texts[t].row[j] * c;
                for (size_t d = 0; d < c; d++)
                    to[d] += g[d];
            }
}
