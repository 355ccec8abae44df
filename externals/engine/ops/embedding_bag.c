/* embedding_bag: sums without order: words that are each the sum of a few rows of a table
   (fastText, Bojanowski et al. 2017), and the mean of all tokens or pixels. */
#include "../base/parallel.h"
#include "encoder.h"
#include <stdlib.h>
#include <string.h>

/* ---- words of several rows */

typedef struct {
    int n; /* words; n + 1 places and the rows come after it, as ints */
    int first[];
} bag_params;

static int bag_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const bag_params *p = n->params;
    latent_shape table = n->in[0]->shape;
    const int *row = p->first + p->n + 1;
    if (p->n < 1)
        return latent_fail(e, "a text without words");
    for (int i = 0; i < p->first[p->n]; i++)
        if (row[i] < 0 || row[i] >= table.w)
            return latent_fail(e, "row %d of a table of %d", row[i], table.w);
    *s = (latent_shape){1, 1, p->n, table.c};
    return 0;
}

#define COLUMNS 16 /* of the table that one thread adds to: a line of the cache */
#define WORDS 32   /* that one thread reads */

typedef struct {
    const bag_params *p;
    size_t c;
    const float *from;
    float *to;
} bag_job;

static void bag_words(void *context, int piece, int slot)
{
    const bag_job *j = context;
    const int *first = j->p->first, *row = first + j->p->n + 1;
    (void)slot;
    for (int w = piece * WORDS; w < (piece + 1) * WORDS && w < j->p->n; w++) {
        float *y = j->to + (size_t)w * j->c;
        memset(y, 0, j->c * sizeof(*y));
        for (int i = first[w]; i < first[w + 1]; i++)
            for (size_t k = 0; k < j->c; k++)
                y[k] += j->from[(size_t)row[i] * j->c + k];
    }
}

static int bag_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    bag_job j = {n->params, (size_t)out->shape.c, in[0]->data, out->data};
    (void)e;
    latent_parallel((j.p->n + WORDS - 1) / WORDS, bag_words, &j);
    return 0;
}

/* Words share rows, so that each thread takes some columns of all of them. */
static void bag_columns(void *context, int piece, int slot)
{
    const bag_job *j = context;
    const int *first = j->p->first, *row = first + j->p->n + 1;
    size_t from = (size_t)piece * COLUMNS, to = from + COLUMNS < j->c ? from + COLUMNS : j->c;
    (void)slot;
    for (int w = 0; w < j->p->n; w++)
        for (int i = first[w]; i < first[w + 1]; i++)
            for (size_t k = from; k < to; k++)
                j->to[(size_t)row[i] * j->c + k] += j->from[(size_t)w * j->c + k];
}

static int bag_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    bag_job j = {n->params, (size_t)out->shape.c, grad_out->data, grad_in[0]->data};
    (void)in;
    (void)e;
    latent_parallel((out->shape.c + COLUMNS - 1) / COLUMNS, bag_columns, &j);
    return 0;
}

const latent_op latent_operation_embedding_bag = {
    .name = "bag of words",
    .n_computed = -1,
    .shape = bag_shape,
    .forward = bag_forward,
    .backward = bag_backward,
};

latent_node *latent_op_embedding_bag(latent_node *table, const int *row, const int *first, int n,
                                     latent_error *e)
{
    size_t rows = n > 0 ? (size_t)first[n] : 0;
    size_t bytes = sizeof(bag_params) + ((size_t)(n > 0 ? n : 0) + 1 + rows) * sizeof(int);
    bag_params *p = calloc(1, bytes);
    latent_node *node;
    if (!p) {
        latent_fail(e, "no memory for a text");
        return NULL;
    }
    p->n = n;
    if (n > 0) {
        memcpy(p->first, first, ((size_t)n + 1) * sizeof(int));
        memcpy(p->first + n + 1, row, rows * sizeof(int));
    }
    node = latent_node_make(&latent_operation_embedding_bag, &table, 1, p, bytes, NULL, e);
    free(p);
    return node;
}

/* ---- words of several texts: the parameters are the n + 1 first words */

static int words_of(const latent_node *n, const int **first)
{
    *first = n->params;
    return (int)(n->params_bytes / sizeof(int)) - 1;
}

static int words_fit(const latent_node *n, latent_error *e)
{
    const int *first;
    int texts = words_of(n, &first);
    latent_shape x = n->in[0]->shape;
    int good = texts > 0 && x.n == 1 && x.h == 1 && first[0] == 0 && first[texts] == x.w;
    for (int i = 0; good && i < texts; i++)
        good = first[i] < first[i + 1];
    return good ? 0 : latent_fail(e, "the words of some texts do not fit the %d that came", x.w);
}

static int neighbours_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    *s = (latent_shape){1, 1, x.w, 3 * x.c};
    return words_fit(n, e);
}

typedef struct {
    const int *first; /* of the texts */
    size_t c;
    const float *from;
    float *to;
    int add; /* to is added to */
} words_job;

static void neighbours_text(void *context, int text, int slot)
{
    const words_job *j = context;
    (void)slot;
    for (int w = j->first[text]; w < j->first[text + 1]; w++) {
        const float *x = j->from + (size_t)w * j->c;
        float *y = j->to + (size_t)w * 3 * j->c;
        int before = w > j->first[text], after = w + 1 < j->first[text + 1];
        for (size_t k = 0; k < j->c; k++) {
            y[3 * k] = before ? (x - j->c)[k] : 0;
            y[3 * k + 1] = x[k];
            y[3 * k + 2] = after ? (x + j->c)[k] : 0;
        }
    }
}

static void neighbours_text_back(void *context, int text, int slot)
{
    const words_job *j = context;
    (void)slot;
    for (int w = j->first[text]; w < j->first[text + 1]; w++) {
        const float *g = j->from + (size_t)w * 3 * j->c;
        float *x = j->to + (size_t)w * j->c;
        int before = w > j->first[text], after = w + 1 < j->first[text + 1];
        for (size_t k = 0; k < j->c; k++) {
            float sum = g[3 * k + 1];
            if (before)
                sum += (g - 3 * j->c)[3 * k + 2];
            if (after)
                sum += (g + 3 * j->c)[3 * k];
            x[k] = j->add ? x[k] + sum : sum;
        }
    }
}

static int neighbours_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                              latent_error *e)
{
    words_job j = {.c = (size_t)in[0]->shape.c, .from = in[0]->data, .to = out->data};
    int texts = words_of(n, &j.first);
    (void)e;
    latent_parallel(texts, neighbours_text, &j);
    return 0;
}

static int neighbours_backward(const latent_node *n, latent_tensor *const *in,
                               const latent_tensor *out, latent_tensor *grad_out,
                               latent_tensor *const *grad_in, latent_error *e)
{
    words_job j = {.c = (size_t)in[0]->shape.c,
                   .from = grad_out->data,
                   .to = grad_in[0]->data,
                   .add = !grad_in[0]->fresh};
    int texts = words_of(n, &j.first);
    (void)out;
    (void)e;
    latent_parallel(texts, neighbours_text_back, &j);
    return 0;
}

const latent_op latent_operation_neighbours = {
    .name = "neighbours",
    .n_computed = -1,
    .shape = neighbours_shape,
    .forward = neighbours_forward,
    .backward = neighbours_backward,
    .overwrites = 1,
};

latent_node *latent_op_neighbours(latent_node *x, const int *first, int n, latent_error *e)
{
    return latent_node_make(&latent_operation_neighbours, &x, 1, first,
                            ((size_t)n + 1) * sizeof(*first), NULL, e);
}

static int pool_words_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const int *first;
    *s = (latent_shape){words_of(n, &first), 1, 1, n->in[0]->shape.c};
    return words_fit(n, e);
}

static void mean_of(size_t places, size_t c, const float *x, float *y)
{
    float scale = 1.0f / (float)places;
    memset(y, 0, c * sizeof(*y));
    for (size_t i = 0; i < places; i++)
        for (size_t k = 0; k < c; k++)
            y[k] += x[i * c + k];
    for (size_t k = 0; k < c; k++)
        y[k] *= scale;
}

static void mean_back(size_t places, size_t c, const float *g, int add, float *x)
{
    float scale = 1.0f / (float)places;
    for (size_t i = 0; i < places; i++)
        for (size_t k = 0; k < c; k++)
            x[i * c + k] = (add ? x[i * c + k] : 0) + scale * g[k];
}

static void pool_text(void *context, int text, int slot)
{
    const words_job *j = context;
    size_t from = (size_t)j->first[text], words = (size_t)j->first[text + 1] - from;
    (void)slot;
    mean_of(words, j->c, j->from + from * j->c, j->to + (size_t)text * j->c);
}

static void pool_text_back(void *context, int text, int slot)
{
    const words_job *j = context;
    size_t from = (size_t)j->first[text], words = (size_t)j->first[text + 1] - from;
    (void)slot;
    mean_back(words, j->c, j->from + (size_t)text * j->c, j->add, j->to + from * j->c);
}

static int pool_words_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                              latent_error *e)
{
    words_job j = {.c = (size_t)out->shape.c, .from = in[0]->data, .to = out->data};
    (void)e;
    latent_parallel(words_of(n, &j.first), pool_text, &j);
    return 0;
}

static int pool_words_backward(const latent_node *n, latent_tensor *const *in,
                               const latent_tensor *out, latent_tensor *grad_out,
                               latent_tensor *const *grad_in, latent_error *e)
{
    words_job j = {.c = (size_t)out->shape.c,
                   .from = grad_out->data,
                   .to = grad_in[0]->data,
                   .add = !grad_in[0]->fresh};
    (void)in;
    (void)e;
    latent_parallel(words_of(n, &j.first), pool_text_back, &j);
    return 0;
}

const latent_op latent_operation_pool_words = {
    .name = "mean of words",
    .n_computed = -1,
    .shape = pool_words_shape,
    .forward = pool_words_forward,
    .backward = pool_words_backward,
    .overwrites = 1,
};

latent_node *latent_op_pool_words(latent_node *x, const int *first, int n, latent_error *e)
{
    return latent_node_make(&latent_operation_pool_words, &x, 1, first,
                            ((size_t)n + 1) * sizeof(*first), NULL, e);
}

/* ---- the mean of all places */

static int pool_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    (void)e;
    *s = (latent_shape){x.n, 1, 1, x.c};
    return 0;
}

typedef struct {
    size_t places, c;
    const float *from;
    float *to;
    int add; /* to is added to */
} pool_job;

static void pool_picture(void *context, int picture, int slot)
{
    const pool_job *j = context;
    (void)slot;
    mean_of(j->places, j->c, j->from + (size_t)picture * j->places * j->c,
            j->to + (size_t)picture * j->c);
}

static void pool_picture_back(void *context, int picture, int slot)
{
    const pool_job *j = context;
    (void)slot;
    mean_back(j->places, j->c, j->from + (size_t)picture * j->c, j->add,
              j->to + (size_t)picture * j->places * j->c);
}

static int pool_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    latent_shape x = in[0]->shape;
    pool_job j = {(size_t)x.h * (size_t)x.w, (size_t)x.c, in[0]->data, out->data, 0};
    (void)n;
    (void)e;
    latent_parallel(x.n, pool_picture, &j);
    return 0;
}

static int pool_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    latent_shape x = in[0]->shape;
    pool_job j = {(size_t)x.h * (size_t)x.w, (size_t)x.c, grad_out->data, grad_in[0]->data,
                  !grad_in[0]->fresh};
    (void)n;
    (void)out;
    (void)e;
    latent_parallel(x.n, pool_picture_back, &j);
    return 0;
}

const latent_op latent_operation_pool = {
    .name = "mean of places",
    .n_computed = -1,
    .shape = pool_shape,
    .forward = pool_forward,
    .backward = pool_backward,
    .overwrites = 1,
};

latent_node *latent_op_pool(latent_node *x, latent_error *e)
{
    return latent_node_make(&latent_operation_pool, &x, 1, NULL, 0, NULL, e);
}
