/* deviation: how much the pictures of a batch differ, as a channel (minibatch deviation, Karras et
   al. 2018, "Progressive growing of GANs", section 3): a discriminator that sees it notices when a
   generator always draws the same. */
#include "../base/parallel.h"
#include "layers.h"
#include <math.h>
#include <string.h>

#define FLOOR 1e-8 /* below the variance: its root has no slope at 0 */

static int deviation_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    if (*(const int *)n->params < 1)
        return latent_fail(e, "a deviation over %d pictures", *(const int *)n->params);
    s->c++;
    return 0;
}

typedef struct {
    size_t group, groups, count, c; /* pictures in a group; groups; numbers and channels of one */
    const float *x;
    float *y;  /* or the gradient with respect to it */
    float *gx; /* of the way back: added to */
} deviation_job;

/* As many pictures, at most so many, as divide the batch. */
static deviation_job job_of(const latent_node *n, const latent_tensor *x, float *y, float *gx)
{
    int most = *(const int *)n->params, pictures = x->shape.n;
    int group = most < pictures ? most : pictures;
    while (pictures % group)
        group--;
    return (deviation_job){(size_t)group,
                           (size_t)(pictures / group),
                           x->count / (size_t)pictures,
                           (size_t)x->shape.c,
                           x->data,
                           y,
                           gx};
}

static double variance(const deviation_job *j, const float *x, double *mean)
{
    double sum = 0, square = 0;
    size_t apart = j->groups * j->count;
    for (size_t q = 0; q < j->group; q++)
        sum += (double)x[q * apart];
    *mean = sum / (double)j->group;
    for (size_t q = 0; q < j->group; q++)
        square += ((double)x[q * apart] - *mean) * ((double)x[q * apart] - *mean);
    return square / (double)j->group;
}

static void deviation_group(void *context, int m, int slot)
{
    const deviation_job *j = context;
    double sum = 0, mean;
    (void)slot;
    for (size_t k = 0; k < j->count; k++)
        sum += sqrt(variance(j, j->x + (size_t)m * j->count + k, &mean) + FLOOR);
    for (size_t q = 0; q < j->group; q++) {
        size_t picture = q * j->groups + (size_t)m;
        const float *from = j->x + picture * j->count;
        float *to = j->y + picture * (j->count / j->c) * (j->c + 1);
        for (size_t p = 0; p < j->count / j->c; p++, from += j->c, to += j->c + 1) {
            memcpy(to, from, j->c * sizeof(float));
            to[j->c] = (float)(sum / (double)j->count);
        }
    }
}

static int deviation_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                             latent_error *e)
{
    deviation_job j = job_of(n, in[0], out->data, NULL);
    (void)e;
    latent_parallel((int)j.groups, deviation_group, &j);
    return 0;
}

static void deviation_group_back(void *context, int m, int slot)
{
    const deviation_job *j = context;
    double sum = 0;
    (void)slot;
    for (size_t q = 0; q < j->group; q++) {
        size_t picture = q * j->groups + (size_t)m;
        const float *from = j->y + picture * (j->count / j->c) * (j->c + 1);
        float *to = j->gx + picture * j->count;
        for (size_t p = 0; p < j->count / j->c; p++, from += j->c + 1, to += j->c) {
            for (size_t k = 0; k < j->c; k++)
                to[k] += from[k];
            sum += (double)from[j->c];
        }
    }
    sum /= (double)j->count * (double)j->group;
    for (size_t k = 0; k < j->count; k++) {
        size_t first = (size_t)m * j->count + k;
        double mean, deviation = sqrt(variance(j, j->x + first, &mean) + FLOOR);
        for (size_t q = 0; q < j->group; q++) {
            size_t at = first + q * j->groups * j->count;
            j->gx[at] += (float)(sum * ((double)j->x[at] - mean) / deviation);
        }
    }
}

static int deviation_backward(const latent_node *n, latent_tensor *const *in,
                              const latent_tensor *out, latent_tensor *grad_out,
                              latent_tensor *const *grad_in, latent_error *e)
{
    deviation_job j = job_of(n, in[0], grad_out->data, grad_in[0]->data);
    (void)out;
    (void)e;
    latent_parallel((int)j.groups, deviation_group_back, &j);
    return 0;
}

const latent_op latent_operation_deviation = {
    .name = "deviation",
    .n_computed = -1,
    .shape = deviation_shape,
    .forward = deviation_forward,
    .backward = deviation_backward,
};

latent_node *latent_op_deviation(latent_node *x, int group, latent_error *e)
{
    return latent_node_make(&latent_operation_deviation, &x, 1, &group, sizeof(group), "deviation",
                            e);
}
