/* slope: see slope.h */
#include "slope.h"
#include <stdlib.h>

static int work(latent_job *job)
{
    t_latent_slope *s = (t_latent_slope *)job;
    float *grad;
    int rows, w_dim;
    if (latent_gradient_styles(s->loss, &job->cancel, &s->value, &grad, &rows, &w_dim, &job->error))
        return -1;
    s->n = rows * w_dim;
    if (!(s->atoms = malloc((size_t)s->n * sizeof(*s->atoms)))) {
        free(grad);
        return latent_fail(&job->error, "no memory for a gradient of %d numbers", s->n);
    }
    for (int i = 0; i < s->n; i++)
        SETFLOAT(s->atoms + i, grad[i]);
    free(grad);
    return 0;
}

static void discard(latent_job *job)
{
    t_latent_slope *s = (t_latent_slope *)job;
    latent_node_release(s->loss);
    free(s->atoms);
    free(s);
}

t_latent_slope *latent_slope_new(latent_node *loss)
{
    t_latent_slope *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->job.work = work;
    s->job.discard = discard;
    s->loss = latent_node_retain(loss);
    return s;
}
