/* attend: attention of some tokens to others (Vaswani et al. 2017, section 3.2), a block of queries
   at a time: the weights of 4,096 tokens for each other would be 64 MB a head. */
#include "../base/parallel.h"
#include "../kernels/gemm.h"
#include "../kernels/transformer_loops.h"
#include "layers.h"
#include <math.h>
#include <stdlib.h>

#define BLOCK 64 /* queries at a time */

enum { Q, K, V };

typedef struct {
    int heads, t, s, c, d, blocks; /* queries, keys, width, width of a head, blocks of queries */
    const float *q, *k, *v, *g;
    float *out, *gq, *gk, *gv; /* back: each may be NULL */
    float *scratch;            /* of every thread: [BLOCK][s], twice on the way back */
    size_t scratch_size;
} attend_job;

static int attend_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape k = n->in[K]->shape, v = n->in[V]->shape;
    int heads = *(const int *)n->params;
    *s = n->in[Q]->shape;
    if (s->h != 1 || k.h != 1 || heads < 1 || s->c % heads)
        return latent_fail(e, "tokens of %d numbers can't be attended to by %d heads", s->c, heads);
    if (k.n != s->n || k.c != s->c || !latent_shape_equal(k, v))
        return latent_fail(e, "%d queries of %d numbers don't fit %d keys of %d", s->w, s->c, k.w,
                           k.c);
    return 0;
}

static double attend_cost(const latent_node *n)
{
    return 2 * (double)latent_shape_count(n->shape) * n->in[K]->shape.w;
}

/* weights[rows][s] = softmax(Q K' / sqrt(d)) of a block. */
static void weigh(const attend_job *j, int rows, const float *q, const float *k, float *weights)
{
    float scale = 1 / sqrtf((float)j->d);
    latent_gemm_alone(0, 1, rows, j->s, j->d, q, j->c, k, j->c, 0, weights, j->s);
    for (int r = 0; r < rows; r++) {
        float *row = weights + (size_t)r * (size_t)j->s, most = row[0];
        double sum = 0;
        for (int o = 1; o < j->s; o++)
            most = row[o] > most ? row[o] : most;
        latent_exp_row((size_t)j->s, row, scale, most);
        for (int o = 0; o < j->s; o++)
            sum += (double)row[o];
        for (int o = 0; o < j->s; o++)
            row[o] = (float)((double)row[o] / sum);
    }
}

static size_t place_of(const attend_job *j, int head, int tokens)
{
    return (size_t)(head / j->heads) * (size_t)tokens * (size_t)j->c +
           (size_t)(head % j->heads) * (size_t)j->d;
}

static int rows_of(const attend_job *j, int block)
{
    return j->t - block * BLOCK < BLOCK ? j->t - block * BLOCK : BLOCK;
}

static void attend_block(void *context, int i, int slot)
{
    const attend_job *j = context;
    int block = i % j->blocks, head = i / j->blocks, rows = rows_of(j, block);
    size_t at = place_of(j, head, j->t) + (size_t)block * BLOCK * (size_t)j->c;
    size_t from = place_of(j, head, j->s);
    float *weights = j->scratch + (size_t)slot * j->scratch_size;
    weigh(j, rows, j->q + at, j->k + from, weights);
    latent_gemm_alone(0, 0, rows, j->d, j->s, weights, j->s, j->v + from, j->c, 0, j->out + at,
                      j->c);
}

/* One head of one picture, whose keys and values all blocks share. */
static void attend_back(void *context, int head, int slot)
{
    const attend_job *j = context;
    float *weights = j->scratch + (size_t)slot * j->scratch_size;
    float *step = weights + (size_t)BLOCK * (size_t)j->s, scale = 1 / sqrtf((float)j->d);
    size_t from = place_of(j, head, j->s);
    for (int block = 0; block < j->blocks; block++) {
        int rows = rows_of(j, block);
        size_t at = place_of(j, head, j->t) + (size_t)block * BLOCK * (size_t)j->c;
        weigh(j, rows, j->q + at, j->k + from, weights);
        if (j->gv)
            latent_gemm_alone(1, 0, j->s, j->d, rows, weights, j->s, j->g + at, j->c, 1,
                              j->gv + from, j->c);
        latent_gemm_alone(0, 1, rows, j->s, j->d, j->g + at, j->c, j->v + from, j->c, 0, step,
                          j->s);
        for (int r = 0; r < rows; r++) { /* the softmax's own way back */
            const float *row = weights + (size_t)r * (size_t)j->s;
            float *s = step + (size_t)r * (size_t)j->s;
            double along = 0;
            for (int o = 0; o < j->s; o++)
                along += (double)row[o] * (double)s[o];
            for (int o = 0; o < j->s; o++)
                s[o] = scale * row[o] * (s[o] - (float)along);
        }
        if (j->gq)
            latent_gemm_alone(0, 0, rows, j->d, j->s, step, j->s, j->k + from, j->c, 1, j->gq + at,
                              j->c);
        if (j->gk)
            latent_gemm_alone(1, 0, j->s, j->d, rows, step, j->s, j->q + at, j->c, 1, j->gk + from,
                              j->c);
    }
}

static int attend_run(const latent_node *n, latent_tensor *const *in, attend_job j, latent_error *e)
{
    latent_shape q = in[Q]->shape;
    j.heads = *(const int *)n->params;
    j.t = q.w;
    j.s = in[K]->shape.w;
    j.c = q.c;
    j.d = q.c / j.heads;
    j.blocks = (j.t + BLOCK - 1) / BLOCK;
    j.q = in[Q]->data;
    j.k = in[K]->data;
    j.v = in[V]->data;
    j.scratch_size = (j.g ? 2 : 1) * (size_t)BLOCK * (size_t)j.s;
    if (!(j.scratch = malloc(LATENT_MAX_THREADS * j.scratch_size * sizeof(*j.scratch))))
        return latent_fail(e, "no memory for the attention of %d tokens", j.t);
    if (j.g)
        latent_parallel(q.n * j.heads, attend_back, &j);
    else
        latent_parallel(q.n * j.heads * j.blocks, attend_block, &j);
    free(j.scratch);
    return 0;
}

static int attend_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    return attend_run(n, in, (attend_job){.out = out->data}, e);
}

static int attend_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    (void)out;
    return attend_run(n, in,
                      (attend_job){.g = grad_out->data,
                                   .gq = grad_in[Q] ? grad_in[Q]->data : NULL,
                                   .gk = grad_in[K] ? grad_in[K]->data : NULL,
                                   .gv = grad_in[V] ? grad_in[V]->data : NULL},
                      e);
}

const latent_op latent_operation_attend = {
    .name = "attend",
    .n_computed = -1,
    .shape = attend_shape,
    .cost = attend_cost,
    .forward = attend_forward,
    .backward = attend_backward,
};

latent_node *latent_op_attend(latent_node *q, latent_node *k, latent_node *v, int heads,
                              const char *stage, latent_error *e)
{
    latent_node *in[3] = {q, k, v};
    return latent_node_make(&latent_operation_attend, in, 3, &heads, sizeof(heads), stage, e);
}
