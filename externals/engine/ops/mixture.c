/* mixture: how likely a row of numbers is by a mixture of normal distributions whose weights, means
   and deviations a network gives (Bishop 1994, "Mixture density networks"). */
#include "mixture.h"
#include "layers.h"
#include <math.h>
#include <stdlib.h>

double latent_log_sum(const float *x, size_t n)
{
    double most = (double)x[0], sum = 0;
    for (size_t k = 1; k < n; k++)
        most = fmax(most, (double)x[k]);
    for (size_t k = 0; k < n; k++)
        sum += exp((double)x[k] - most);
    return most + log(sum);
}

size_t latent_mixture_numbers(int parts, int wide)
{
    return (size_t)parts * (1 + 2 * (size_t)wide);
}

const float *latent_mixture_mean(const float *m, int parts, int wide, int part)
{
    return m + parts + (size_t)part * (size_t)wide;
}

float latent_mixture_deviation(const float *m, int parts, int wide, int part, int i)
{
    float l = m[(size_t)parts + (size_t)(parts + part) * (size_t)wide + (size_t)i];
    return expf(fminf(fmaxf(l, LATENT_MIXTURE_LEAST), LATENT_MIXTURE_MOST));
}

double latent_mixture_log(const float *m, int parts, int wide, const float *y, double *share)
{
    double most = -HUGE_VAL, sum = 0, weights = latent_log_sum(m, (size_t)parts);
    for (int k = 0; k < parts; k++) {
        const float *mean = latent_mixture_mean(m, parts, wide, k);
        double log_of = (double)m[k] - weights;
        for (int i = 0; i < wide; i++) {
            double s = (double)latent_mixture_deviation(m, parts, wide, k, i);
            double d = ((double)y[i] - (double)mean[i]) / s;
            log_of -= .5 * d * d + log(s) + .9189385332046727;
        }
        share[k] = log_of;
        most = fmax(most, log_of);
    }
    for (int k = 0; k < parts; k++)
        sum += exp(share[k] - most);
    for (int k = 0; k < parts; k++)
        share[k] = exp(share[k] - most) / sum;
    return most + log(sum);
}

/* ---- the loss: minus the mean logarithm over all rows */

typedef struct {
    int parts;
} mixture_params;

static int loss_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const mixture_params *p = n->params;
    latent_shape m = n->in[0]->shape, y = n->in[1]->shape;
    if (p->parts < 1 || p->parts > LATENT_MIXTURE_PARTS ||
        (size_t)m.c != latent_mixture_numbers(p->parts, y.c) || m.n != y.n || m.h != y.h ||
        m.w != y.w)
        return latent_fail(e, "%d numbers are no mixture of %d parts for rows of %d", m.c, p->parts,
                           y.c);
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

static int loss_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    const mixture_params *p = n->params;
    int wide = in[1]->shape.c;
    size_t rows = in[1]->count / (size_t)wide;
    double share[LATENT_MIXTURE_PARTS], sum = 0;
    (void)e;
    for (size_t r = 0; r < rows; r++)
        sum -= latent_mixture_log(in[0]->data + r * (size_t)in[0]->shape.c, p->parts, wide,
                                  in[1]->data + r * (size_t)wide, share);
    out->data[0] = (float)(sum / (double)rows);
    return 0;
}

/* The gradients of one row times g; gm and gy may be NULL. */
static void row_back(const float *m, int parts, int wide, const float *y, float g, float *gm,
                     float *gy)
{
    double share[LATENT_MIXTURE_PARTS], weights = latent_log_sum(m, (size_t)parts);
    latent_mixture_log(m, parts, wide, y, share);
    for (int k = 0; k < parts; k++) {
        const float *mean = latent_mixture_mean(m, parts, wide, k);
        if (gm)
            gm[k] += g * (float)(exp((double)m[k] - weights) - share[k]);
        for (int i = 0; i < wide; i++) {
            size_t at = (size_t)(mean - m) + (size_t)i, apart = (size_t)parts * (size_t)wide;
            float s = latent_mixture_deviation(m, parts, wide, k, i), d = (y[i] - mean[i]) / s;
            float pull = g * (float)share[k] * d / s;
            float l = m[at + apart];
            if (gm) {
                gm[at] -= pull;
                if (l > LATENT_MIXTURE_LEAST && l < LATENT_MIXTURE_MOST)
                    gm[at + apart] += g * (float)share[k] * (1 - d * d);
            }
            if (gy)
                gy[i] += pull;
        }
    }
}

static int loss_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const mixture_params *p = n->params;
    size_t wide = (size_t)in[1]->shape.c, many = (size_t)in[0]->shape.c;
    size_t rows = in[1]->count / wide;
    (void)out;
    (void)e;
    for (size_t r = 0; r < rows; r++)
        row_back(in[0]->data + r * many, p->parts, (int)wide, in[1]->data + r * wide,
                 grad_out->data[0] / (float)rows, grad_in[0] ? grad_in[0]->data + r * many : NULL,
                 grad_in[1] ? grad_in[1]->data + r * wide : NULL);
    return 0;
}

const latent_op latent_operation_mixture_loss = {
    .name = "mixture loss",
    .n_computed = -1,
    .shape = loss_shape,
    .forward = loss_forward,
    .backward = loss_backward,
};

latent_node *latent_op_mixture_loss(latent_node *mixture, latent_node *rows, int parts,
                                    latent_error *e)
{
    latent_node *in[2] = {mixture, rows};
    mixture_params p = {parts};
    return latent_node_make(&latent_operation_mixture_loss, in, 2, &p, sizeof(p), NULL, e);
}
