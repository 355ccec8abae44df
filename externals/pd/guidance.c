/* guidance: see guidance.h */
#include "guidance.h"
#include <stdlib.h>
#include <string.h>

/* Towards what was drawn already. */
static latent_node *recall(t_latent_guidance *w, latent_error *e)
{
    latent_guide_settings s = w->settings;
    latent_guide_kept none = {.n = 0};
    latent_goal reached = {.weight = 0};
    latent_node *loss = NULL;
    s.loss = LATENT_GUIDE_SPHERICAL;
    w->mean = malloc((size_t)latent_recall_size(w->recall) * sizeof(*w->mean));
    if (!w->mean)
        latent_fail(e, "no memory to recall pictures");
    else if (!latent_guide_recall(w->model, w->recall, w->goals, w->n_goals, &w->settings, &w->kept,
                                  w->mean, &reached, e))
        loss = latent_guide(w->model, w->image, &reached, 1, &s, &none, e);
    latent_guide_forget(&none);
    latent_goal_free(&reached);
    return loss;
}

static latent_node *build(t_latent_slope *s, latent_error *e)
{
    t_latent_guidance *w = (t_latent_guidance *)s;
    return w->recall && latent_recall_progress(w->recall) > 0
               ? recall(w, e)
               : latent_guide(w->model, w->image, w->goals, w->n_goals, &w->settings, &w->kept, e);
}

static void let_go(t_latent_slope *s)
{
    t_latent_guidance *w = (t_latent_guidance *)s;
    latent_model_release(w->model);
    latent_node_release(w->image);
    for (int i = 0; i < w->n_goals; i++)
        latent_goal_free(&w->goals[i]);
    free((char *)w->settings.from);
    latent_node_release(w->settings.start);
    latent_guide_forget(&w->kept);
    latent_recall_release(w->recall);
    free(w->mean);
}

t_latent_guidance *latent_guidance_new(latent_model *model, latent_node *image,
                                       const latent_goal *goals, int n,
                                       const latent_guide_settings *settings, latent_recall *recall)
{
    t_latent_guidance *w =
        (t_latent_guidance *)latent_slope_new(sizeof(t_latent_guidance), build, let_go);
    if (!w)
        return NULL;
    w->model = latent_model_retain(model);
    w->image = latent_node_retain(image);
    w->recall = latent_recall_retain(recall);
    w->settings = *settings;
    w->settings.from = settings->from ? strdup(settings->from) : NULL;
    w->settings.start = latent_node_retain(settings->start);
    while (w->n_goals < n) {
        int i = w->n_goals++;
        if (latent_goal_copy(&w->goals[i], &goals[i])) {
            w->slope.job.discard(&w->slope.job);
            return NULL;
        }
    }
    return w;
}
