/* guidance: one gradient towards what words say, as a job of the evaluator, for [latent.guide]. */
#ifndef LATENT_GUIDANCE_H
#define LATENT_GUIDANCE_H
#include "engine/guidance/guide.h"
#include "gradient_job.h"
#include "modelref.h"

#pragma GCC visibility push(default)

/* All that a gradient needs; goals and settings point to copies. */
typedef struct {
    t_latent_gradient_job slope;
    latent_model *model;
    latent_node *image;
    latent_goal goals[LATENT_MAX_GOALS];
    int n_goals;
    latent_guide_settings settings;
    latent_guide_kept kept;
    latent_recall *recall; /* or NULL */
    float *mean;           /* [of its styles], what was recalled, or NULL */
} t_latent_guidance;

/* Copies or holds what it is given; recall (seen by model) may be NULL.  NULL without memory. */
t_latent_guidance *latent_guidance_new(latent_model *model, latent_node *image,
                                       const latent_goal *goals, int n,
                                       const latent_guide_settings *settings,
                                       latent_recall *recall);

/* What the messages of a goal mean to the encoder, when it is there: a text, to be freed, and the
   numbers of an embedding, with one holder.  NULL after a complaint. */
char *latent_guidance_text(t_object *x, t_latent_modelref *encoder, int argc, const t_atom *argv);
latent_node *latent_guidance_target(t_object *x, t_latent_modelref *encoder, int argc,
                                    const t_atom *argv);

#pragma GCC visibility pop
#endif
