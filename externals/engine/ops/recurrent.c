/* recurrent: a gated recurrent unit (Cho et al. 2014; the reset after the product, as PyTorch and
   cuDNN have it) over a row of steps, as one operation: what a network remembers of a sequence. */
#include "../kernels/gemm.h"
#include "layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GATES, WEIGHT, BIAS, START };

static int gru_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[GATES]->shape, u = n->in[WEIGHT]->shape;
    int wide = u.c;
    if (x.h != 1 || x.c != 3 * wide || u.w != 3 * wide || u.n * u.h != 1)
        return latent_fail(e, "%d numbers a step don't fit a unit that remembers %d", x.c, wide);
    if (latent_shape_count(n->in[BIAS]->shape) != (size_t)wide)
        return latent_fail(e, "a bias of %d numbers for %d", n->in[BIAS]->shape.c, wide);
    if (n->in[START] && latent_shape_count(n->in[START]->shape) != (size_t)x.n * (size_t)wide)
        return latent_fail(e, "what is remembered at the start has another shape");
    *s = (latent_shape){x.n, 1, x.w, wide};
    return 0;
}

static double gru_cost(const latent_node *n)
{
    return (double)latent_shape_count(n->shape) * 3 * n->shape.c;
}

typedef struct {
    size_t rows, steps, wide;
    const float *x, *u, *bias;
} unit;

static unit unit_of(const latent_node *n, latent_tensor *const *in)
{
    return (unit){(size_t)n->shape.n, (size_t)n->shape.w, (size_t)n->shape.c,
                  in[GATES]->data,    in[WEIGHT]->data,   in[BIAS]->data};
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* One step of one row: before [wide] becomes after [wide]; a [3 wide] is the product with before.
   */
static void gru_step(const unit *j, const float *x, const float *a, const float *before,
                     float *after)
{
    size_t w = j->wide;
    for (size_t i = 0; i < w; i++) {
        float r = sigmoid(x[i] + a[i]), z = sigmoid(x[w + i] + a[w + i]);
        float fresh = tanhf(x[2 * w + i] + r * (a[2 * w + i] + j->bias[i]));
        after[i] = fresh + z * (before[i] - fresh);
    }
}

static int gru_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    unit j = unit_of(n, in);
    size_t w = j.wide;
    float *a = malloc(j.rows * 3 * w * sizeof(*a)), *zeros = calloc(j.rows * w, sizeof(*zeros));
    int failed = !a || !zeros ? latent_fail(e, "no memory for a recurrent unit") : 0;
    for (size_t t = 0; !failed && t < j.steps; t++) {
        const float *before = t ? out->data + (t - 1) * w : in[START] ? in[START]->data : zeros;
        size_t apart = t ? j.steps * w : w;
        latent_gemm_alone(0, 1, (int)j.rows, (int)(3 * w), (int)w, before, (int)apart, j.u, (int)w,
                          0, a, (int)(3 * w));
        for (size_t r = 0; r < j.rows; r++)
            gru_step(&j, j.x + (r * j.steps + t) * 3 * w, a + r * 3 * w, before + r * apart,
                     out->data + (r * j.steps + t) * w);
    }
    free(a);
    free(zeros);
    return failed;
}

/* What the way back needs: what was remembered before each step, its product with the weights
   (which becomes the gradient with respect to that product), and the gradient that is carried. */
typedef struct {
    float *before, *a; /* [rows][steps][wide], [rows][steps][3 wide] */
    float *carried;    /* [rows][wide] */
} gru_memory;

/* One step of one row: g [wide] is the whole gradient of what comes out of it and becomes that of
   what went in, but for the part through the product. */
static void gru_step_back(const unit *j, const float *x, const float *before, float *a, float *g,
                          float *gx, float *g_bias)
{
    size_t w = j->wide;
    for (size_t i = 0; i < w; i++) {
        float r = sigmoid(x[i] + a[i]), z = sigmoid(x[w + i] + a[w + i]);
        float inner = a[2 * w + i] + j->bias[i];
        float fresh = tanhf(x[2 * w + i] + r * inner);
        float g_fresh = g[i] * (1 - z) * (1 - fresh * fresh);
        float g_r = g_fresh * inner * r * (1 - r);
        float g_z = g[i] * (before[i] - fresh) * z * (1 - z);
        g[i] *= z;
        a[i] = g_r;
        a[w + i] = g_z;
        a[2 * w + i] = g_fresh * r;
        if (gx) {
            gx[i] += g_r;
            gx[w + i] += g_z;
            gx[2 * w + i] += g_fresh;
        }
        if (g_bias)
            g_bias[i] += g_fresh * r;
    }
}

static void remember(const unit *j, latent_tensor *const *in, const float *out, float *before)
{
    size_t w = j->wide;
    for (size_t r = 0; r < j->rows; r++) {
        float *to = before + r * j->steps * w;
        if (in[START])
            memcpy(to, in[START]->data + r * w, w * sizeof(*to));
        else
            memset(to, 0, w * sizeof(*to));
        memcpy(to + w, out + r * j->steps * w, (j->steps - 1) * w * sizeof(*to));
    }
}

static int gru_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    unit j = unit_of(n, in);
    size_t w = j.wide, all = j.rows * j.steps;
    gru_memory m = {malloc(all * w * sizeof(float)), malloc(all * 3 * w * sizeof(float)),
                    calloc(j.rows * w, sizeof(float))};
    int failed = 0;
    if (!m.before || !m.a || !m.carried)
        failed = latent_fail(e, "no memory for the gradient of a recurrent unit");
    else {
        remember(&j, in, out->data, m.before);
        latent_gemm(0, 1, (int)all, (int)(3 * w), (int)w, m.before, j.u, 0, m.a);
    }
    for (size_t t = j.steps; !failed && t-- > 0;) {
        for (size_t r = 0; r < j.rows; r++) {
            size_t at = r * j.steps + t;
            for (size_t i = 0; i < w; i++)
                m.carried[r * w + i] += grad_out->data[at * w + i];
            gru_step_back(&j, j.x + at * 3 * w, m.before + at * w, m.a + at * 3 * w,
                          m.carried + r * w,
                          grad_in[GATES] ? grad_in[GATES]->data + at * 3 * w : NULL,
                          grad_in[BIAS] ? grad_in[BIAS]->data : NULL);
        }
        latent_gemm_alone(0, 0, (int)j.rows, (int)w, (int)(3 * w), m.a + t * 3 * w,
                          (int)(j.steps * 3 * w), j.u, (int)w, 1, m.carried, (int)w);
    }
    if (!failed && grad_in[WEIGHT])
        latent_gemm(1, 0, (int)(3 * w), (int)w, (int)all, m.a, m.before, 1, grad_in[WEIGHT]->data);
    for (size_t i = 0; !failed && grad_in[START] && i < j.rows * w; i++)
        grad_in[START]->data[i] += m.carried[i];
    free(m.before);
    free(m.a);
    free(m.carried);
    return failed;
}

const latent_op latent_operation_gru = {
    .name = "gru",
    .n_computed = -1,
    .shape = gru_shape,
    .cost = gru_cost,
    .forward = gru_forward,
    .backward = gru_backward,
};

latent_node *latent_op_gru(latent_node *gates, latent_node *weight, latent_node *bias,
                           latent_node *start, const char *stage, latent_error *e)
{
    latent_node *in[4] = {gates, weight, bias, start};
    return latent_node_make(&latent_operation_gru, in, 4, NULL, 0, stage, e);
}
