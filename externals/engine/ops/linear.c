/* linear: a fully connected layer; the affine maps that make a layer's style of w (StyleGAN,
   Karras et al. 2019, "A" in figure 1), and the projections of a transformer's tokens. */
#include "../base/parallel.h"
#include "../kernels/gemm.h"
#include "encoder.h"
#include "ops.h"
#include <stdlib.h>
#include <string.h>

#define END_ROWS 16  /* of a result that one thread ends at a time */
#define SUM_ROWS 512 /* of a gradient that one thread adds up at a time, or more */
#define PARTS 16     /* at most so many sums, which are then added in order */
#define PIECE 16384  /* numbers that one thread adds at a time */
#define MANY_ROWS 4  /* from here on a product of matrices is faster than one with each vector */

typedef struct {
    float weight_gain, bias_gain;
} linear_params;

static int linear_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape, w = n->in[1]->shape;
    if (x.c != w.c)
        return latent_fail(e, "a style of %d numbers came, the network's have %d", x.c, w.c);
    if (n->in[2] && n->in[2]->shape.c != w.w)
        return latent_fail(e, "a bias of %d numbers for %d outputs", n->in[2]->shape.c, w.w);
    *s = (latent_shape){x.n, x.h, x.w, w.w};
    if (n->in[3] && !latent_shape_equal(n->in[3]->shape, *s))
        return latent_fail(e, "what is to be added to a layer has another shape");
    return 0;
}

static double linear_cost(const latent_node *n)
{
    return (double)latent_shape_count(n->shape) * n->in[0]->shape.c;
}

typedef struct {
    const linear_params *p;
    size_t rows, n_out;
    const float *bias, *add; /* or NULL */
    float *y;
} end_job;

/* What follows the product: gains, the bias and what is added. */
static void end_piece(void *context, int piece, int slot)
{
    const end_job *j = context;
    size_t first = (size_t)piece * END_ROWS, last = first + END_ROWS;
    (void)slot;
    for (size_t r = first; r < last && r < j->rows; r++) {
        float *y = j->y + r * j->n_out;
        const float *add = j->add ? j->add + r * j->n_out : NULL;
        for (size_t o = 0; o < j->n_out; o++)
            y[o] = j->p->weight_gain * y[o] + (j->bias ? j->p->bias_gain * j->bias[o] : 0);
        for (size_t o = 0; add && o < j->n_out; o++)
            y[o] += add[o];
    }
}

static int linear_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    int n_in = in[0]->shape.c, n_out = out->shape.c;
    size_t rows = out->count / (size_t)n_out;
    end_job j = {
        n->params, rows, (size_t)n_out, in[2] ? in[2]->data : NULL, in[3] ? in[3]->data : NULL,
        out->data};
    (void)e;
    if (rows >= MANY_ROWS)
        latent_gemm(0, 1, (int)rows, n_out, n_in, in[0]->data, in[1]->data, 0, out->data);
    for (size_t r = 0; rows < MANY_ROWS && r < rows; r++)
        latent_matvec_by_pool(in[1]->data, in[0]->data + r * (size_t)n_in,
                              out->data + r * (size_t)n_out, n_out, n_in);
    if (rows <= END_ROWS)
        end_piece(&j, 0, 0);
    else
        latent_parallel((int)((rows + END_ROWS - 1) / END_ROWS), end_piece, &j);
    return 0;
}

/* The gradients with respect to x and W where there are few rows: gw and gx may be NULL. */
static void back_by_rows(size_t rows, size_t n_in, size_t n_out, float gain, const float *g,
                         const float *x, const float *w, float *gx, float *gw)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < n_out; o++) {
            float step = gain * g[r * n_out + o];
            for (size_t i = 0; gx && i < n_in; i++)
                gx[r * n_in + i] += step * w[o * n_in + i];
            for (size_t i = 0; gw && i < n_in; i++)
                gw[o * n_in + i] += step * x[r * n_in + i];
        }
}

typedef struct {
    size_t rows, part, parts, n_in, n_out; /* part: rows of a sum */
    float gain, bias_gain;
    const float *g, *x;
    float *sums;    /* [parts][n_out][n_in], where the weights learn */
    float *biases;  /* [parts][n_out] */
    float *gw, *gb; /* or NULL */
} sum_job;

/* One part of the rows' share of the gradients of W and b. */
static void sum_part(void *context, int part, int slot)
{
    const sum_job *j = context;
    size_t from = (size_t)part * j->part,
           some = j->rows - from < j->part ? j->rows - from : j->part;
    const float *g = j->g + from * j->n_out;
    float *bias = j->biases + (size_t)part * j->n_out;
    (void)slot;
    if (j->gw)
        latent_gemm_alone(1, 0, (int)j->n_out, (int)j->n_in, (int)some, g, (int)j->n_out,
                          j->x + from * j->n_in, (int)j->n_in, 0,
                          j->sums + (size_t)part * j->n_out * j->n_in, (int)j->n_in);
    memset(bias, 0, j->n_out * sizeof(*bias));
    for (size_t r = 0; j->gb && r < some; r++)
        for (size_t o = 0; o < j->n_out; o++)
            bias[o] += g[r * j->n_out + o];
}

static void add_sums(void *context, int piece, int slot)
{
    const sum_job *j = context;
    size_t all = j->n_out * j->n_in, from = (size_t)piece * PIECE;
    size_t some = all - from < PIECE ? all - from : PIECE;
    (void)slot;
    for (size_t part = 0; part < j->parts; part++)
        for (size_t k = from; k < from + some; k++)
            j->gw[k] += j->gain * j->sums[part * all + k];
}

/* The gradients of W and b: cut by the rows, of which there are many more than numbers of W. */
static int back_to_weights(sum_job j, latent_error *e)
{
    size_t all = j.gw ? j.n_out * j.n_in : 0;
    j.part = (j.rows + PARTS - 1) / PARTS;
    j.part = j.part < SUM_ROWS ? SUM_ROWS : j.part;
    j.parts = (j.rows + j.part - 1) / j.part;
    if (!(j.biases = malloc(j.parts * (j.n_out + all) * sizeof(float))))
        return latent_fail(e, "no memory for the way back through a layer");
    j.sums = j.biases + j.parts * j.n_out;
    latent_parallel((int)j.parts, sum_part, &j);
    if (j.gw)
        latent_parallel((int)((all + PIECE - 1) / PIECE), add_sums, &j);
    for (size_t k = 0; j.gb && k < j.parts * j.n_out; k++)
        j.gb[k % j.n_out] += j.bias_gain * j.biases[k];
    free(j.biases);
    return 0;
}

typedef struct {
    size_t count;
    float factor;
    const float *from;
    float *to;
    int add;
} scale_job;

static void scale_piece(void *context, int piece, int slot)
{
    const scale_job *j = context;
    size_t from = (size_t)piece * PIECE, to = from + PIECE < j->count ? from + PIECE : j->count;
    (void)slot;
    for (size_t k = from; k < to; k++)
        j->to[k] = (j->add ? j->to[k] : 0) + j->factor * j->from[k];
}

/* to = factor * from, or added to it. */
static void scale(size_t count, float factor, const float *from, float *to, int add)
{
    scale_job j = {count, factor, from, to, add};
    latent_parallel((int)((count + PIECE - 1) / PIECE), scale_piece, &j);
}

static int back_to_x(const linear_params *p, size_t rows, size_t n_in, size_t n_out, const float *g,
                     const float *w, latent_tensor *gx, latent_error *e)
{
    float *scaled = NULL;
    if (p->weight_gain != 1) {
        if (!(scaled = malloc(rows * n_out * sizeof(*scaled))))
            return latent_fail(e, "no memory for the way back through a layer");
        scale(rows * n_out, p->weight_gain, g, scaled, 0);
    }
    latent_gemm(0, 0, (int)rows, (int)n_in, (int)n_out, scaled ? scaled : g, w, gx->fresh ? 0 : 1,
                gx->data);
    free(scaled);
    return 0;
}

static int linear_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const linear_params *p = n->params;
    size_t n_in = (size_t)in[0]->shape.c, n_out = (size_t)out->shape.c, rows = out->count / n_out;
    float *gw = grad_in[1] ? grad_in[1]->data : NULL, *gb = grad_in[2] ? grad_in[2]->data : NULL;
    sum_job sums = {.rows = rows,
                    .n_in = n_in,
                    .n_out = n_out,
                    .gain = p->weight_gain,
                    .bias_gain = p->bias_gain,
                    .g = grad_out->data,
                    .x = in[0]->data,
                    .gw = gw,
                    .gb = gb};
    if (grad_in[3])
        scale(out->count, 1, grad_out->data, grad_in[3]->data, 1);
    if (rows < MANY_ROWS) {
        if (grad_in[0] && grad_in[0]->fresh)
            memset(grad_in[0]->data, 0, grad_in[0]->count * sizeof(float));
        for (size_t i = 0; gb && i < out->count; i++)
            gb[i % n_out] += p->bias_gain * grad_out->data[i];
        back_by_rows(rows, n_in, n_out, p->weight_gain, grad_out->data, in[0]->data, in[1]->data,
                     grad_in[0] ? grad_in[0]->data : NULL, gw);
        return 0;
    }
    if ((gw || gb) && back_to_weights(sums, e))
        return -1;
    return grad_in[0] ? back_to_x(p, rows, n_in, n_out, grad_out->data, in[1]->data, grad_in[0], e)
                      : 0;
}

const latent_op latent_operation_linear = {
    .name = "linear",
    .n_computed = -1,
    .shape = linear_shape,
    .cost = linear_cost,
    .forward = linear_forward,
    .backward = linear_backward,
    .overwrites = 1,
};

latent_node *latent_op_linear(latent_node *x, latent_node *w, latent_node *b, float weight_gain,
                              float bias_gain, const char *stage, latent_error *e)
{
    latent_node *in[4] = {x, w, b, NULL};
    linear_params p = {weight_gain, bias_gain};
    return latent_node_make(&latent_operation_linear, in, 4, &p, sizeof(p), stage, e);
}

latent_node *latent_op_project(latent_node *x, latent_node *w, latent_node *b, latent_node *add,
                               const char *stage, latent_error *e)
{
    latent_node *in[4] = {x, w, b, add};
    linear_params p = {1, 1};
    return latent_node_make(&latent_operation_linear, in, 4, &p, sizeof(p), stage, e);
}

/* ---- the same numbers in another shape */

static int reshape_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = *(const latent_shape *)n->params;
    if (latent_shape_count(*s) != latent_shape_count(n->in[0]->shape))
        return latent_fail(e, "%zu numbers do not make a picture of %d x %d with %d channels",
                           latent_shape_count(n->in[0]->shape), s->w, s->h, s->c);
    return 0;
}

static int reshape_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                           latent_error *e)
{
    (void)n;
    (void)e;
    memcpy(out->data, in[0]->data, out->count * sizeof(float));
    return 0;
}

static int reshape_backward(const latent_node *n, latent_tensor *const *in,
                            const latent_tensor *out, latent_tensor *grad_out,
                            latent_tensor *const *grad_in, latent_error *e)
{
    (void)n;
    (void)in;
    (void)out;
    (void)e;
    for (size_t i = 0; grad_in[0] && i < grad_out->count; i++)
        grad_in[0]->data[i] += grad_out->data[i];
    return 0;
}

const latent_op latent_operation_reshape = {
    .name = "reshape",
    .n_computed = -1,
    .shape = reshape_shape,
    .forward = reshape_forward,
    .backward = reshape_backward,
};

latent_node *latent_op_reshape(latent_node *x, latent_shape shape, latent_error *e)
{
    return latent_node_make(&latent_operation_reshape, &x, 1, &shape, sizeof(shape), "reshape", e);
}
