/* embedding_bag: sums without order: words that are each the sum of a few rows of a table
   (fastText, Bojanowski et al. 2017), and the mean of all tokens or pixels. */
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

static int bag_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    const bag_params *p = n->params;
    const int *row = p->first + p->n + 1;
    size_t c = (size_t)out->shape.c;
    (void)e;
    memset(out->data, 0, out->count * sizeof(float));
    for (int w = 0; w < p->n; w++)
        for (int i = p->first[w]; i < p->first[w + 1]; i++)
            for (size_t k = 0; k < c; k++)
                out->data[(size_t)w * c + k] += in[0]->data[(size_t)row[i] * c + k];
    return 0;
}

static int bag_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const bag_params *p = n->params;
    const int *row = p->first + p->n + 1;
    size_t c = (size_t)out->shape.c;
    (void)in;
    (void)e;
    for (int w = 0; w < p->n; w++)
        for (int i = p->first[w]; i < p->first[w + 1]; i++)
            for (size_t k = 0; k < c; k++)
                grad_in[0]->data[(size_t)row[i] * c + k] += grad_out->data[(size_t)w * c + k];
    return 0;
}

static const latent_op op_bag = {
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
    node = latent_node_make(&op_bag, &table, 1, p, bytes, NULL, e);
    free(p);
    return node;
}

/* ---- the mean of all places */

static int pool_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    (void)e;
    *s = (latent_shape){x.n, 1, 1, x.c};
    return 0;
}

static int pool_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    latent_shape x = in[0]->shape;
    size_t places = (size_t)x.h * (size_t)x.w, c = (size_t)x.c;
    float scale = 1.0f / (float)places;
    (void)n;
    (void)e;
    for (size_t b = 0; b < (size_t)x.n; b++) {
        const float *from = in[0]->data + b * places * c;
        float *to = out->data + b * c;
        memset(to, 0, c * sizeof(float));
        for (size_t i = 0; i < places; i++)
            for (size_t k = 0; k < c; k++)
                to[k] += from[i * c + k];
        for (size_t k = 0; k < c; k++)
            to[k] *= scale;
    }
    return 0;
}

static int pool_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    latent_shape x = in[0]->shape;
    size_t places = (size_t)x.h * (size_t)x.w, c = (size_t)x.c;
    float scale = 1.0f / (float)places;
    (void)n;
    (void)out;
    (void)e;
    for (size_t i = 0; i < (size_t)x.n * places; i++)
        for (size_t k = 0; k < c; k++)
            grad_in[0]->data[i * c + k] += scale * grad_out->data[i / places * c + k];
    return 0;
}

static const latent_op op_pool = {
    .name = "mean of places",
    .n_computed = -1,
    .shape = pool_shape,
    .forward = pool_forward,
    .backward = pool_backward,
};

latent_node *latent_op_pool(latent_node *x, latent_error *e)
{
    return latent_node_make(&op_pool, &x, 1, NULL, 0, NULL, e);
}
