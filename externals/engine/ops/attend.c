/* attend: attention of tokens to others or to each other (Vaswani et al. 2017, section 3.2), a
   block of queries at a time: the weights of 4,096 tokens for each other would be 64 MB a head. */
#include "../base/parallel.h"
#include "../kernels/gemm.h"
#include "../kernels/transformer_loops.h"
#include "encoder.h"
#include "layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 64 /* queries at a time */
#define PARTS 4 /* of a head's blocks, whose gradients of keys and values are then added in order */
#define MANY 8  /* heads of all pictures, from which on each is one part */

enum { Q, K, V };

typedef struct {
    int heads, causal, t, s, d; /* queries, keys, width of a head */
    int wide, out_wide;         /* from one token to the next: of q, k and v; of what comes out */
    int blocks, parts;          /* of queries; of blocks */
    const float *q, *k, *v, *g;
    float *out, *gq, *gk, *gv; /* back: each may be NULL */
    float *scratch;            /* of every thread: [BLOCK][s], twice on the way back */
    size_t scratch_size;
    float *sums; /* [heads of all pictures][parts][2][s][d]: keys' and values' gradients */
} attend_job;

/* weights[rows][s] = softmax(Q K' / sqrt(d)) of a block, whose first query is number first; causal:
   none sees the keys after it. */
static void weigh(const attend_job *j, int first, int rows, const float *q, const float *k,
                  float *weights)
{
    float scale = 1 / sqrtf((float)j->d);
    latent_gemm_alone(0, 1, rows, j->s, j->d, q, j->wide, k, j->wide, 0, weights, j->s);
    for (int r = 0; r < rows; r++) {
        float *row = weights + (size_t)r * (size_t)j->s, most = row[0];
        int seen = j->causal && first + r + 1 < j->s ? first + r + 1 : j->s;
        double sum = 0;
        for (int o = 1; o < seen; o++)
            most = row[o] > most ? row[o] : most;
        latent_exp_row((size_t)seen, row, scale, most);
        for (int o = 0; o < seen; o++)
            sum += (double)row[o];
        for (int o = 0; o < seen; o++)
            row[o] = (float)((double)row[o] / sum);
        memset(row + seen, 0, (size_t)(j->s - seen) * sizeof(*row));
    }
}

/* Where a head of a picture begins among tokens so wide. */
static size_t place_of(const attend_job *j, int head, int tokens, int wide)
{
    return (size_t)(head / j->heads) * (size_t)tokens * (size_t)wide +
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
    size_t first = (size_t)block * BLOCK, from = place_of(j, head, j->s, j->wide);
    const float *q = j->q + place_of(j, head, j->t, j->wide) + first * (size_t)j->wide;
    float *out = j->out + place_of(j, head, j->t, j->out_wide) + first * (size_t)j->out_wide;
    float *weights = j->scratch + (size_t)slot * j->scratch_size;
    weigh(j, (int)first, rows, q, j->k + from, weights);
    latent_gemm_alone(0, 0, rows, j->d, j->s, weights, j->s, j->v + from, j->wide, 0, out,
                      j->out_wide);
}

/* The softmax's own way back. */
static void weigh_back(const attend_job *j, int rows, const float *weights, float *step)
{
    float scale = 1 / sqrtf((float)j->d);
    for (int r = 0; r < rows; r++) {
        const float *row = weights + (size_t)r * (size_t)j->s;
        float *s = step + (size_t)r * (size_t)j->s;
        double along = 0;
        for (int o = 0; o < j->s; o++)
            along += (double)row[o] * (double)s[o];
        for (int o = 0; o < j->s; o++)
            s[o] = scale * row[o] * (s[o] - (float)along);
    }
}

/* Some blocks of one head of one picture; keys and values, which all share, get sums of their own.
 */
static void attend_back(void *context, int item, int slot)
{
    const attend_job *j = context;
    int head = item / j->parts, part = item % j->parts, d = j->d;
    size_t from = place_of(j, head, j->s, j->wide), each = (size_t)j->s * (size_t)d;
    float *weights = j->scratch + (size_t)slot * j->scratch_size;
    float *step = weights + (size_t)BLOCK * (size_t)j->s;
    float *gk = j->sums + (size_t)item * 2 * each, *gv = gk + each;
    memset(gk, 0, 2 * each * sizeof(*gk));
    for (int b = j->blocks * part / j->parts; b < j->blocks * (part + 1) / j->parts; b++) {
        int rows = rows_of(j, b);
        size_t first = (size_t)b * BLOCK;
        size_t at = place_of(j, head, j->t, j->wide) + first * (size_t)j->wide;
        const float *g = j->g + place_of(j, head, j->t, j->out_wide) + first * (size_t)j->out_wide;
        weigh(j, (int)first, rows, j->q + at, j->k + from, weights);
        if (j->gv)
            latent_gemm_alone(1, 0, j->s, d, rows, weights, j->s, g, j->out_wide, 1, gv, d);
        latent_gemm_alone(0, 1, rows, j->s, d, g, j->out_wide, j->v + from, j->wide, 0, step, j->s);
        weigh_back(j, rows, weights, step);
        if (j->gq)
            latent_gemm_alone(0, 0, rows, d, j->s, step, j->s, j->k + from, j->wide, 1, j->gq + at,
                              j->wide);
        if (j->gk)
            latent_gemm_alone(1, 0, j->s, d, rows, step, j->s, j->q + at, j->wide, 1, gk, d);
    }
}

/* The sums of a head's parts, in order. */
static void add_parts(void *context, int head, int slot)
{
    const attend_job *j = context;
    size_t from = place_of(j, head, j->s, j->wide), d = (size_t)j->d, each = (size_t)j->s * d;
    float *const to[2] = {j->gk, j->gv};
    (void)slot;
    for (int part = 0; part < j->parts; part++)
        for (int which = 0; which < 2; which++) {
            const float *sum =
                j->sums + ((size_t)(head * j->parts + part) * 2 + (size_t)which) * each;
            for (size_t i = 0; to[which] && i < each; i++)
                to[which][from + i / d * (size_t)j->wide + i % d] += sum[i];
        }
}

/* j has q, k and v, how wide they are, tokens, and what is wanted; c: the width of all heads. */
static int attend_run(attend_job j, int pictures, int heads, int c, latent_error *e)
{
    int all = pictures * heads;
    size_t blocks, sums;
    j.heads = heads;
    j.d = c / heads;
    j.out_wide = c;
    j.blocks = (j.t + BLOCK - 1) / BLOCK;
    j.parts = all >= MANY ? 1 : j.blocks < PARTS ? j.blocks : PARTS;
    j.scratch_size = (j.g ? 2 : 1) * (size_t)BLOCK * (size_t)j.s;
    blocks = LATENT_MAX_THREADS * j.scratch_size;
    sums = j.g ? (size_t)all * (size_t)j.parts * 2 * (size_t)j.s * (size_t)j.d : 0;
    if (!(j.scratch = malloc((blocks + sums) * sizeof(*j.scratch))))
        return latent_fail(e, "no memory for the attention of %d tokens", j.t);
    j.sums = j.scratch + blocks;
    if (!j.g)
        latent_parallel(all * j.blocks, attend_block, &j);
    else {
        latent_parallel(all * j.parts, attend_back, &j);
        latent_parallel(all, add_parts, &j);
    }
    free(j.scratch);
    return 0;
}

/* ---- to others */

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

static int attend(const latent_node *n, latent_tensor *const *in, attend_job j, latent_error *e)
{
    latent_shape q = in[Q]->shape;
    j.t = q.w;
    j.s = in[K]->shape.w;
    j.wide = q.c;
    j.q = in[Q]->data;
    j.k = in[K]->data;
    j.v = in[V]->data;
    return attend_run(j, q.n, *(const int *)n->params, q.c, e);
}

static int attend_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    return attend(n, in, (attend_job){.out = out->data}, e);
}

static int attend_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    (void)out;
    return attend(n, in,
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

/* ---- to each other: queries, keys and values side by side */

typedef struct {
    int heads, causal;
} attention_params;

static int attention_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const attention_params *p = n->params;
    *s = n->in[0]->shape;
    if (s->h != 1 || s->c % 3 || p->heads < 1 || s->c / 3 % p->heads)
        return latent_fail(e, "tokens of %d numbers can't be attended to by %d heads", s->c,
                           p->heads);
    s->c /= 3;
    return 0;
}

static double attention_cost(const latent_node *n)
{
    return 2 * (double)latent_shape_count(n->shape) * n->shape.w;
}

static int attention(const latent_node *n, latent_tensor *const *in, attend_job j, latent_error *e)
{
    const attention_params *p = n->params;
    latent_shape s = n->shape;
    j.causal = p->causal;
    j.t = j.s = s.w;
    j.wide = 3 * s.c;
    j.q = in[0]->data;
    j.k = j.q + s.c;
    j.v = j.k + s.c;
    return attend_run(j, s.n, p->heads, s.c, e);
}

static int attention_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                             latent_error *e)
{
    return attention(n, in, (attend_job){.out = out->data}, e);
}

static int attention_backward(const latent_node *n, latent_tensor *const *in,
                              const latent_tensor *out, latent_tensor *grad_out,
                              latent_tensor *const *grad_in, latent_error *e)
{
    float *g = grad_in[0]->data;
    size_t c = (size_t)out->shape.c;
    return attention(n, in,
                     (attend_job){.g = grad_out->data, .gq = g, .gk = g + c, .gv = g + 2 * c}, e);
}

const latent_op latent_operation_attention = {
    .name = "attention",
    .n_computed = -1,
    .shape = attention_shape,
    .cost = attention_cost,
    .forward = attention_forward,
    .backward = attention_backward,
};

latent_node *latent_op_attention(latent_node *qkv, int heads, int causal, const char *stage,
                                 latent_error *e)
{
    attention_params p = {heads, causal};
    return latent_node_make(&latent_operation_attention, &qkv, 1, &p, sizeof(p), stage, e);
}
