/* gradient_job: see gradient_job.h */
#include "gradient_job.h"
#include "atoms.h"
#include "box.h"
#include "engine/diffusion/guess_gradient.h"
#include "engine/models/features.h"
#include "engine/ops/ops.h"
#include <stdlib.h>

#define MOST_IN_A_LIST 4096

/* Numbers of features, in channel, row, column order, as a list, or features themselves. */
static int keep(t_latent_gradient_job *s, latent_tensor *grad)
{
    latent_features_parts parts = {.level = LATENT_CLEAN};
    latent_error *e = &s->job.error;
    if (grad->count <= MOST_IN_A_LIST) {
        s->n = s->w_dim = (int)grad->count;
        s->atoms = latent_atoms_of(grad);
        return s->atoms ? 0 : latent_fail(e, "no memory for a gradient of %d numbers", s->n);
    }
    if ((parts.x = latent_op_picture(grad, e)))
        s->gradient = latent_features_make(NULL, -1, &parts, e);
    latent_node_release(parts.x);
    return s->gradient ? 0 : -1;
}

static int of_guess(t_latent_gradient_job *s, latent_node *loss)
{
    latent_tensor *grad;
    int failed =
        latent_gradient_guess(loss, s->guess, &s->job.cancel, &s->value, &grad, &s->job.error);
    latent_node_release(loss);
    if (!failed)
        failed = keep(s, grad);
    latent_tensor_release(grad);
    return failed;
}

static int work(latent_job *job)
{
    t_latent_gradient_job *s = (t_latent_gradient_job *)job;
    float *grad;
    int rows, failed;
    latent_node *loss = s->build(s, &job->error);
    if (!loss)
        return -1;
    if (s->guess)
        return of_guess(s, loss);
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
    latent_node_release(s->gradient);
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
    if (s->gradient)
        latent_promise_send(out, s->gradient);
    else
        outlet_list(out, &s_list, s->n, s->atoms);
}
