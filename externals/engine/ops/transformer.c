/* transformer: what a transformer's tower is made of (Vaswani et al. 2017; Dosovitskiy et al. 2021
   for pictures): layer norm, the activation, patches, places, words (attention is in attend.c). */
#include "../base/parallel.h"
#include "../kernels/gemm.h"
#include "../kernels/transformer_loops.h"
#include "encoder.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384 /* numbers of an elementwise operation that one thread takes at a time */
#define TOKENS 16   /* at least so many of a layer norm's */
#define PIECES 64   /* at most so many of a layer norm */

/* ---- layer norm */

static int norm_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    if (n->in[1]->shape.c != s->c || n->in[2]->shape.c != s->c)
        return latent_fail(e, "a layer norm of %d numbers for tokens of %d", n->in[1]->shape.c,
                           s->c);
    return 0;
}

typedef struct {
    size_t tokens, piece, c;
    const float *x, *gain, *bias, *g; /* g: on the way back */
    float *y;                         /* the value, or the gradient with respect to x or NULL */
    int add;                          /* y is added to */
    float *sums; /* [pieces][2 c]: the gradients of gain and bias of each, or NULL */
} norm_job;

static void norm_piece(void *context, int piece, int slot)
{
    const norm_job *j = context;
    size_t first = (size_t)piece * j->piece, at = first * j->c;
    size_t some = j->tokens - first < j->piece ? j->tokens - first : j->piece;
    float *y = j->y ? j->y + at : NULL, *sums = j->sums ? j->sums + (size_t)piece * 2 * j->c : NULL;
    (void)slot;
    if (j->g)
        latent_layer_norm_back(some, (int)j->c, j->x + at, j->gain, j->g + at, j->add, y, sums,
                               sums ? sums + j->c : NULL);
    else
        latent_layer_norm(some, (int)j->c, j->x + at, j->gain, j->bias, y);
}

/* The pieces depend on the shape alone, and so do the sums. */
static int pieces_of(norm_job *j, size_t count)
{
    j->tokens = count / j->c;
    j->piece = (j->tokens + PIECES - 1) / PIECES;
    j->piece = j->piece < TOKENS ? TOKENS : j->piece;
    return (int)((j->tokens + j->piece - 1) / j->piece);
}

static int norm_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    norm_job j = {.c = (size_t)out->shape.c,
                  .x = in[0]->data,
                  .gain = in[1]->data,
                  .bias = in[2]->data,
                  .y = out->data};
    (void)n;
    (void)e;
    latent_parallel(pieces_of(&j, out->count), norm_piece, &j);
    return 0;
}

static int norm_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    norm_job j = {.c = (size_t)out->shape.c,
                  .x = in[0]->data,
                  .gain = in[1]->data,
                  .g = grad_out->data,
                  .y = grad_in[0] ? grad_in[0]->data : NULL,
                  .add = grad_in[0] && !grad_in[0]->fresh};
    int pieces = pieces_of(&j, out->count);
    (void)n;
    if ((grad_in[1] || grad_in[2]) && !(j.sums = calloc((size_t)pieces * 2 * j.c, sizeof(*j.sums))))
        return latent_fail(e, "no memory for the gradient of a norm");
    latent_parallel(pieces, norm_piece, &j);
    for (int i = 0; i < 2 && j.sums; i++)
        for (size_t k = 0; grad_in[1 + i] && k < (size_t)pieces * j.c; k++)
            grad_in[1 + i]->data[k % j.c] += j.sums[(k / j.c * 2 + (size_t)i) * j.c + k % j.c];
    free(j.sums);
    return 0;
}

const latent_op latent_operation_layer_norm = {
    .name = "layer norm",
    .n_computed = -1,
    .shape = norm_shape,
    .forward = norm_forward,
    .backward = norm_backward,
    .overwrites = 1,
};

latent_node *latent_op_layer_norm(latent_node *x, latent_node *gain, latent_node *bias,
                                  const char *stage, latent_error *e)
{
    latent_node *in[3] = {x, gain, bias};
    return latent_node_make(&latent_operation_layer_norm, in, 3, NULL, 0, stage, e);
}

/* ---- gelu */

typedef struct {
    int quick;
    size_t count;
    const float *x, *g; /* g: on the way back */
    float *y;
    int add; /* y is added to */
} gelu_job;

static int same_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[0]->shape;
    return 0;
}

static void gelu_piece(void *context, int piece, int slot)
{
    const gelu_job *j = context;
    size_t i = (size_t)piece * PIECE, n = j->count - i < PIECE ? j->count - i : PIECE;
    (void)slot;
    if (j->g)
        latent_gelu_back(j->quick, n, j->x + i, j->g + i, j->add, j->y + i);
    else
        latent_gelu(j->quick, n, j->x + i, j->y + i);
}

static int gelu_run(const latent_node *n, const float *x, const float *g, float *y, int add)
{
    gelu_job j = {*(const int *)n->params, latent_shape_count(n->shape), x, g, y, add};
    latent_parallel((int)((j.count + PIECE - 1) / PIECE), gelu_piece, &j);
    return 0;
}

static int gelu_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    (void)e;
    return gelu_run(n, in[0]->data, NULL, out->data, 0);
}

static int gelu_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    (void)out;
    (void)e;
    return gelu_run(n, in[0]->data, grad_out->data, grad_in[0]->data, !grad_in[0]->fresh);
}

const latent_op latent_operation_gelu = {
    .name = "gelu",
    .n_computed = -1,
    .shape = same_shape,
    .forward = gelu_forward,
    .backward = gelu_backward,
    .overwrites = 1,
};

latent_node *latent_op_gelu(latent_node *x, int quick, const char *stage, latent_error *e)
{
    return latent_node_make(&latent_operation_gelu, &x, 1, &quick, sizeof(quick), stage, e);
}

/* ---- patches */

typedef struct {
    int size;
    int tokens; /* 1: in one row; 0: as they lay */
} patches_params;

static int patches_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const patches_params *p = n->params;
    latent_shape x = n->in[0]->shape;
    if (p->size < 1 || x.h % p->size || x.w % p->size)
        return latent_fail(e, "a picture of %d x %d can't be cut into squares of %d", x.w, x.h,
                           p->size);
    *s = (latent_shape){x.n, x.h / p->size, x.w / p->size, p->size * p->size * x.c};
    if (p->tokens)
        *s = (latent_shape){x.n, 1, s->h * s->w, s->c};
    return 0;
}

typedef struct {
    latent_shape x;
    size_t size;
    float *pixels, *patches;
    int back, add;
} patches_job;

/* Copies one row of patches, or (back) its numbers to the pixels, which they may be added to. */
static void patches_row(void *context, int row, int slot)
{
    const patches_job *j = context;
    size_t line = j->size * (size_t)j->x.c, across = (size_t)j->x.w / j->size;
    size_t wide = across * line;
    float *patch = j->patches + (size_t)row * j->size * wide;
    float *pixels = j->pixels + (size_t)row * j->size * wide;
    (void)slot;
    for (size_t p = 0; p < across; p++)
        for (size_t r = 0; r < j->size; r++, patch += line) {
            float *at = pixels + r * wide + p * line;
            if (!j->back)
                memcpy(patch, at, line * sizeof(*patch));
            else if (!j->add)
                memcpy(at, patch, line * sizeof(*patch));
            else
                for (size_t k = 0; k < line; k++)
                    at[k] += patch[k];
        }
}

static void patches_run(const latent_node *n, patches_job j)
{
    j.size = (size_t)((const patches_params *)n->params)->size;
    latent_parallel(j.x.n * (j.x.h / (int)j.size), patches_row, &j);
}

static int patches_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                           latent_error *e)
{
    (void)e;
    patches_run(n, (patches_job){.x = in[0]->shape, .pixels = in[0]->data, .patches = out->data});
    return 0;
}

static int patches_backward(const latent_node *n, latent_tensor *const *in,
                            const latent_tensor *out, latent_tensor *grad_out,
                            latent_tensor *const *grad_in, latent_error *e)
{
    (void)out;
    (void)e;
    patches_run(n, (patches_job){.x = in[0]->shape,
                                 .pixels = grad_in[0]->data,
                                 .patches = grad_out->data,
                                 .back = 1,
                                 .add = !grad_in[0]->fresh});
    return 0;
}

const latent_op latent_operation_patches = {
    .name = "patches",
    .n_computed = -1,
    .shape = patches_shape,
    .forward = patches_forward,
    .backward = patches_backward,
    .overwrites = 1,
};

latent_node *latent_op_patches(latent_node *x, int size, latent_error *e)
{
    patches_params p = {size, 1};
    return latent_node_make(&latent_operation_patches, &x, 1, &p, sizeof(p), "patches", e);
}

latent_node *latent_op_squares(latent_node *x, int size, latent_error *e)
{
    patches_params p = {size, 0};
    return latent_node_make(&latent_operation_patches, &x, 1, &p, sizeof(p), "squares", e);
}

/* ---- places */

static int place_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    s->w += n->in[1] != NULL;
    if (s->h != 1 || (n->in[1] && n->in[1]->shape.c != s->c) || n->in[2]->shape.c != s->c ||
        n->in[2]->shape.w < s->w)
        return latent_fail(e, "there are places for %d tokens of %d numbers; %d of %d came",
                           n->in[2]->shape.w, n->in[2]->shape.c, s->w, s->c);
    return 0;
}

static int place_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    size_t row = (size_t)out->shape.w * (size_t)out->shape.c;
    size_t lead = in[1] ? (size_t)out->shape.c : 0;
    (void)n;
    (void)e;
    for (size_t k = 0; k < (size_t)out->shape.n; k++) {
        float *y = out->data + k * row;
        const float *x = in[0]->data + k * (row - lead);
        for (size_t i = 0; i < row; i++)
            y[i] = (i < lead ? in[1]->data[i] : x[i - lead]) + in[2]->data[i];
    }
    return 0;
}

static int place_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    size_t row = (size_t)out->shape.w * (size_t)out->shape.c;
    size_t lead = in[1] ? (size_t)out->shape.c : 0;
    (void)n;
    (void)e;
    for (size_t k = 0; k < (size_t)out->shape.n; k++) {
        const float *g = grad_out->data + k * row;
        for (size_t i = lead; grad_in[0] && i < row; i++)
            grad_in[0]->data[k * (row - lead) + i - lead] += g[i];
        for (size_t i = 0; grad_in[1] && i < lead; i++)
            grad_in[1]->data[i] += g[i];
        for (size_t i = 0; grad_in[2] && i < row; i++)
            grad_in[2]->data[i] += g[i];
    }
    return 0;
}

const latent_op latent_operation_position_embedding = {
    .name = "place",
    .n_computed = -1,
    .shape = place_shape,
    .forward = place_forward,
    .backward = place_backward,
};

latent_node *latent_op_position_embedding(latent_node *x, latent_node *first, latent_node *place,
                                          latent_error *e)
{
    latent_node *in[3] = {x, first, place};
    return latent_node_make(&latent_operation_position_embedding, in, 3, NULL, 0, "place", e);
}

/* ---- words and tokens: rows of a table */

static int words_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const int *word = n->params;
    int count = (int)(n->params_bytes / sizeof(*word));
    *s = n->in[0]->shape;
    for (int i = 0; i < count; i++)
        if (word[i] < 0 || word[i] >= s->w)
            return latent_fail(e, "word number %d in a vocabulary of %d", word[i], s->w);
    s->w = count;
    return 0;
}

static int words_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    const int *word = n->params;
    size_t c = (size_t)out->shape.c;
    (void)e;
    for (size_t i = 0; i < (size_t)out->shape.w; i++)
        memcpy(out->data + i * c, in[0]->data + (size_t)word[i] * c, c * sizeof(float));
    return 0;
}

static int words_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const int *word = n->params;
    size_t c = (size_t)out->shape.c;
    (void)in;
    (void)e;
    for (size_t i = 0; grad_in[0] && i < out->count; i++)
        grad_in[0]->data[(size_t)word[i / c] * c + i % c] += grad_out->data[i];
    return 0;
}

const latent_op latent_operation_embedding = {
    .name = "words",
    .n_computed = -1,
    .shape = words_shape,
    .forward = words_forward,
    .backward = words_backward,
};

latent_node *latent_op_embedding(latent_node *table, const int *words, int n, latent_error *e)
{
    if (n < 1) {
        latent_fail(e, "no words came");
        return NULL;
    }
    return latent_node_make(&latent_operation_embedding, &table, 1, words,
                            (size_t)n * sizeof(*words), "words", e);
}

static int token_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    int row = *(const int *)n->params;
    if (x.h != 1 || row < 0 || row >= x.w)
        return latent_fail(e, "token number %d of %d", row, x.w);
    *s = (latent_shape){x.n, 1, 1, x.c};
    return 0;
}

static int token_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    size_t row = (size_t) * (const int *)n->params, c = (size_t)out->shape.c;
    (void)e;
    for (size_t k = 0; k < (size_t)out->shape.n; k++)
        memcpy(out->data + k * c, in[0]->data + (k * (size_t)in[0]->shape.w + row) * c,
               c * sizeof(float));
    return 0;
}

static int token_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    size_t row = (size_t) * (const int *)n->params, c = (size_t)out->shape.c;
    (void)e;
    for (size_t i = 0; grad_in[0] && i < out->count; i++)
        grad_in[0]->data[(i / c * (size_t)in[0]->shape.w + row) * c + i % c] += grad_out->data[i];
    return 0;
}

const latent_op latent_operation_select_token = {
    .name = "token",
    .n_computed = -1,
    .shape = token_shape,
    .forward = token_forward,
    .backward = token_backward,
};

latent_node *latent_op_select_token(latent_node *x, int row, latent_error *e)
{
    return latent_node_make(&latent_operation_select_token, &x, 1, &row, sizeof(row), "token", e);
}
