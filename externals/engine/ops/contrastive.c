/* contrastive: how well pictures and texts that belong together are told from all others of a batch
   (the symmetric contrastive loss of Radford et al. 2021). */
#include "../base/parallel.h"
#include "../kernels/gemm.h"
#include "encoder.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pictures [n][d], texts [languages n][d], and the logarithm of what the cosines are multiplied by.
 */
static int match_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape a = n->in[0]->shape, b = n->in[1]->shape;
    if (a.h != 1 || a.w != 1 || b.h != 1 || b.w != 1 || a.c != b.c || b.n % a.n)
        return latent_fail(
            e,
            "%d embeddings of %d numbers can't be compared with %d of %d, so many of "
            "each language",
            a.n, a.c, b.n, b.c);
    if (latent_shape_count(n->in[2]->shape) != 1)
        return latent_fail(e, "a scale is one number");
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

static double match_cost(const latent_node *n)
{
    return (double)latent_shape_count(n->in[1]->shape) * n->in[0]->shape.n;
}

/* ---- directions */

static void directions(size_t n, size_t d, const float *x, float *unit, float *length)
{
    for (size_t i = 0; i < n; i++, x += d, unit += d) {
        double sum = 1e-12;
        for (size_t k = 0; k < d; k++)
            sum += (double)x[k] * (double)x[k];
        length[i] = (float)sqrt(sum);
        for (size_t k = 0; k < d; k++)
            unit[k] = x[k] / length[i];
    }
}

/* What reaches x through its direction: (g - (g . u) u) / |x|. */
static void directions_back(size_t n, size_t d, const float *unit, const float *length,
                            const float *g, float *gx)
{
    for (size_t i = 0; i < n; i++, unit += d, g += d, gx += d) {
        double along = 0;
        for (size_t k = 0; k < d; k++)
            along += (double)g[k] * (double)unit[k];
        for (size_t k = 0; k < d; k++)
            gx[k] += (g[k] - (float)along * unit[k]) / length[i];
    }
}

/* ---- one language */

typedef struct {
    size_t n, d;
    float *score, *g;        /* [n pictures][n texts]; g: the gradient's share of each */
    float *u, *v;            /* directions of pictures and texts, [n][d] */
    float *length, *gu, *gv; /* [2n]; [n][d] */
    double *loss;            /* [n] */
    int *found;              /* [n] */
    int columns;             /* 0: each picture among the texts; 1: each text among the pictures */
    int back;
} match;

static int match_begin(match *m, const latent_node *node, latent_error *e)
{
    size_t n = (size_t)node->in[0]->shape.n, d = (size_t)node->in[0]->shape.c;
    *m = (match){.n = n, .d = d};
    m->loss = malloc(n * (sizeof(double) + sizeof(int)) +
                     (2 * n * n + 4 * n * d + 2 * n) * sizeof(float));
    if (!m->loss)
        return latent_fail(e, "no memory to compare %zu pictures with texts", n);
    m->found = (int *)(m->loss + n);
    m->score = (float *)(m->found + n);
    m->g = m->score + n * n;
    m->u = m->g + n * n;
    m->v = m->u + n * d;
    m->gu = m->v + n * d;
    m->gv = m->gu + n * d;
    m->length = m->gv + n * d;
    return 0;
}

/* The cross entropy of n scores, of which the one in the same place is the right one, and its
   gradient. */
static void entropy(void *context, int i, int slot)
{
    const match *m = context;
    size_t step = m->columns ? m->n : 1, at = m->columns ? (size_t)i : (size_t)i * m->n;
    const float *score = m->score + at;
    float *g = m->g + at, right = score[(size_t)i * step];
    double most = (double)score[0], sum = 0;
    (void)slot;
    m->found[i] = 1;
    for (size_t k = 0; k < m->n; k++) {
        if ((double)score[k * step] > most)
            most = (double)score[k * step];
        if (k != (size_t)i && score[k * step] >= right)
            m->found[i] = 0;
    }
    for (size_t k = 0; k < m->n; k++)
        sum += exp((double)score[k * step] - most);
    m->loss[i] = log(sum) + most - (double)right;
    for (size_t k = 0; m->back && k < m->n; k++) {
        float share = (float)(exp((double)score[k * step] - most) / sum - (k == (size_t)i));
        g[k * step] = (m->columns ? g[k * step] : 0) + share;
    }
}

/* The sum of both directions' losses; how many were found is added to *found. */
static double compare(match *m, const float *pictures, const float *texts, float log_scale,
                      int *found)
{
    float scale = expf(log_scale);
    double sum = 0;
    directions(m->n, m->d, pictures, m->u, m->length);
    directions(m->n, m->d, texts, m->v, m->length + m->n);
    latent_gemm(0, 1, (int)m->n, (int)m->n, (int)m->d, m->u, m->v, 0, m->score);
    for (size_t k = 0; k < m->n * m->n; k++)
        m->score[k] *= scale;
    for (m->columns = 0; m->columns < 2; m->columns++) {
        latent_parallel((int)m->n, entropy, m);
        for (size_t i = 0; i < m->n; i++) {
            sum += m->loss[i];
            *found += m->found[i];
        }
    }
    return sum;
}

static int compare_all(const latent_node *node, latent_tensor *const *in, double *loss, int *found,
                       latent_error *e)
{
    size_t all = in[0]->count;
    match m;
    if (match_begin(&m, node, e))
        return -1;
    *loss = 0;
    *found = 0;
    for (size_t k = 0; k < in[1]->count; k += all)
        *loss += compare(&m, in[0]->data, in[1]->data + k, in[2]->data[0], found);
    free(m.loss);
    return 0;
}

/* ---- the loss, and who was found */

static int contrastive_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                               latent_error *e)
{
    double loss;
    int found;
    if (compare_all(n, in, &loss, &found, e))
        return -1;
    out->data[0] = (float)(loss / (2 * in[1]->shape.n));
    return 0;
}

/* From the gradient of a language's scores, each worth weight, to those of its inputs. */
static void back(match *m, float weight, latent_tensor *const *in, size_t text,
                 latent_tensor *const *g)
{
    float scale = expf(in[2]->data[0]);
    double slope = 0;
    for (size_t k = 0; k < m->n * m->n; k++) {
        slope += (double)m->g[k] * (double)m->score[k]; /* d score / d log_scale = score */
        m->g[k] *= weight * scale;
    }
    if (g[2])
        g[2]->data[0] += weight * (float)slope;
    latent_gemm(0, 0, (int)m->n, (int)m->d, (int)m->n, m->g, m->v, 0, m->gu);
    latent_gemm(1, 0, (int)m->n, (int)m->d, (int)m->n, m->g, m->u, 0, m->gv);
    if (g[0])
        directions_back(m->n, m->d, m->u, m->length, m->gu, g[0]->data);
    if (g[1])
        directions_back(m->n, m->d, m->v, m->length + m->n, m->gv, g[1]->data + text);
}

static int contrastive_backward(const latent_node *n, latent_tensor *const *in,
                                const latent_tensor *out, latent_tensor *grad_out,
                                latent_tensor *const *grad_in, latent_error *e)
{
    float weight = grad_out->data[0] / (2 * (float)in[1]->shape.n);
    int found = 0;
    match m;
    (void)out;
    if (match_begin(&m, n, e))
        return -1;
    m.back = 1;
    for (size_t text = 0; text < in[1]->count; text += in[0]->count) {
        compare(&m, in[0]->data, in[1]->data + text, in[2]->data[0], &found);
        back(&m, weight, in, text, grad_in);
    }
    free(m.loss);
    return 0;
}

const latent_op latent_operation_contrastive = {
    .name = "contrastive loss",
    .n_computed = -1,
    .shape = match_shape,
    .cost = match_cost,
    .forward = contrastive_forward,
    .backward = contrastive_backward,
};

latent_node *latent_op_contrastive(latent_node *pictures, latent_node *texts,
                                   latent_node *log_scale, latent_error *e)
{
    latent_node *in[3] = {pictures, texts, log_scale};
    return latent_node_make(&latent_operation_contrastive, in, 3, NULL, 0, "loss", e);
}

static int found_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    double loss;
    int found;
    if (compare_all(n, in, &loss, &found, e))
        return -1;
    out->data[0] = (float)found / (2 * (float)in[1]->shape.n);
    return 0;
}

const latent_op latent_operation_found = {
    .name = "found",
    .n_computed = -1,
    .shape = match_shape,
    .cost = match_cost,
    .forward = found_forward,
};

latent_node *latent_op_found(latent_node *pictures, latent_node *texts, latent_node *log_scale,
                             latent_error *e)
{
    latent_node *in[3] = {pictures, texts, log_scale};
    return latent_node_make(&latent_operation_found, in, 3, NULL, 0, "loss", e);
}
