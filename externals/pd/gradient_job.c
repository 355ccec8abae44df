/* gradient_job: see gradient_job.h */
#include "gradient_job.h"
#include <stdlib.h>

static int work(latent_job *job)
{
    t_latent_gradient_job *s = (t_latent_gradient_job *)job;
    float *grad;
    int rows, failed;
    latent_node *loss = s->build(s, &job->error);
    if (!loss)
        return -1;
    failed = latent_gradient_learn(loss, s->learn, &job->cancel, &s->value, &grad, &rows, &s->w_dim,
                                   &job->error);
    latent_node_release(loss);
    if (failed)
        return -1;
    s->n = rows * s->w_dim;
    if ((s->atoms = malloc((size_t)s->n * sizeof(*s->atoms))))
        for (int i = 0; i < s->n; i++)
            SETFLOAT(s->atoms + i, grad[i]);
    free(grad);
    return s->atoms ? 0 : latent_fail(&job->error, "no memory for a gradient of %d numbers", s->n);
}

static void discard(latent_job *job)
{
    t_latent_gradient_job *s = (t_latent_gradient_job *)job;
    s->let_go(s);
    free(s->atoms);
    free(s);
}

t_latent_gradient_job *latent_gradient_job_new(size_t size,
                                               latent_node *(*build)(t_latent_gradient_job *s,
                                                                     latent_error *e),
                                               void (*let_go)(t_latent_gradient_job *s))
{
    t_latent_gradient_job *s = calloc(1, size);
    if (!s)
        return NULL;
    s->job.work = work;
    s->job.discard = discard;
    s->build = build;
    s->let_go = let_go;
    return s;
}

void latent_gradient_job_send(const t_latent_gradient_job *s, t_outlet *out, t_outlet *info,
                              int dropped, int *told)
{
    t_atom a;
    if (dropped != *told) {
        *told = dropped;
        SETFLOAT(&a, dropped);
        outlet_anything(info, gensym("dropped"), 1, &a);
    }
    SETFLOAT(&a, s->value);
    outlet_anything(info, gensym("loss"), 1, &a);
    outlet_list(out, &s_list, s->n, s->atoms);
}
