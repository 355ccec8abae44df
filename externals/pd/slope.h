/* slope: the gradient of a loss as a job for the evaluator, for [latent.target] and [latent.guide].
 */
#ifndef LATENT_SLOPE_H
#define LATENT_SLOPE_H
#include "engine/gradient.h"
#include "engine/work.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct {
    latent_job job;
    latent_node *loss; /* held */
    float value;
    int n;         /* rows * w_dim */
    t_atom *atoms; /* the gradient, row after row */
} t_latent_slope;

/* NULL when there is no memory. */
t_latent_slope *latent_slope_new(latent_node *loss);

#pragma GCC visibility pop
#endif
