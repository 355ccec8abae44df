/* slope: the gradient of a loss as a job for the evaluator, for [latent.target] and [latent.guide].
   The owner's job begins with this struct and says how the loss is made. */
#ifndef LATENT_SLOPE_H
#define LATENT_SLOPE_H
#include "engine/gradient.h"
#include "engine/work.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct t_latent_slope {
    latent_job job;
    latent_node *(*build)(struct t_latent_slope *s,
                          latent_error *e);   /* the loss; on the evaluator */
    void (*let_go)(struct t_latent_slope *s); /* of what the owner's part holds; any thread */
    latent_maps_settings learn;               /* learned noise maps that took part step */
    float value;
    int n, w_dim;  /* rows * w_dim, w_dim */
    t_atom *atoms; /* the gradient, row after row */
} t_latent_slope;

/* A job of that size (whose first part this is), all else 0.  NULL when there is no memory. */
t_latent_slope *latent_slope_new(size_t size,
                                 latent_node *(*build)(t_latent_slope *s, latent_error *e),
                                 void (*let_go)(t_latent_slope *s));

/* Sends what a job that did not fail has found: dropped, where it is another number than was told
   (told then), and loss at info; the gradient at out.  The owner may be gone afterwards. */
void latent_slope_send(const t_latent_slope *s, t_outlet *out, t_outlet *info, int dropped,
                       int *told);

#pragma GCC visibility pop
#endif
