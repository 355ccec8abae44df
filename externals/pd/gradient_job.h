/* gradient_job: the gradient of a loss as a job for the evaluator, for [latent.target] and
   [latent.guide]. The owner's job begins with this struct and says how the loss is made. */
#ifndef LATENT_GRADIENT_JOB_H
#define LATENT_GRADIENT_JOB_H
#include "engine/base/jobs.h"
#include "engine/graph/gradient.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct t_latent_gradient_job {
    latent_job job;
    latent_node *(*build)(struct t_latent_gradient_job *s,
                          latent_error *e); /* the loss; on the evaluator */
    void (*let_go)(
        struct t_latent_gradient_job *s); /* of what the owner's part holds; any thread */
    latent_noise_maps_settings learn;     /* learned noise maps that took part step */
    latent_node *guess;                   /* the picture, held by the owner's part, whose guess the
                                             gradient is to be of; NULL: of the latent */
    latent_node *gradient;                /* then, where it is too long for a list */
    float value;
    int n, w_dim;  /* rows * w_dim, w_dim */
    t_atom *atoms; /* the gradient, row after row */
} t_latent_gradient_job;

/* A job of that size (whose first part this is), all else 0.  NULL when there is no memory. */
t_latent_gradient_job *latent_gradient_job_new(size_t size,
                                               latent_node *(*build)(t_latent_gradient_job *s,
                                                                     latent_error *e),
                                               void (*let_go)(t_latent_gradient_job *s));

/* Sends what a job that did not fail has found: dropped, where it is another number than was told
   (told then), and loss at info; the gradient at out.  The owner may be gone afterwards. */
void latent_gradient_job_send(const t_latent_gradient_job *s, t_outlet *out, t_outlet *info,
                              int dropped, int *told);

#pragma GCC visibility pop
#endif
