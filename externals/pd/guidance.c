/* guidance: see guidance.h */
#include "guidance.h"
#include "box.h"
#include "encoder.h"
#include <stdlib.h>
#include <string.h>

static latent_node *build(t_latent_gradient_job *s, latent_error *e)
{
    t_latent_guidance *w = (t_latent_guidance *)s;
    if (!w->recall || latent_recall_progress(w->recall) <= 0)
        return latent_guide(w->model, w->image, w->goals, w->n_goals, &w->settings, &w->kept, e);
    w->mean = malloc((size_t)latent_recall_size(w->recall) * sizeof(*w->mean));
    if (w->mean)
        return latent_guide_recalled(w->model, w->image, w->recall, w->goals, w->n_goals,
                                     &w->settings, &w->kept, w->mean, e);
    latent_fail(e, "no memory to recall pictures");
    return NULL;
}

static void let_go(t_latent_gradient_job *s)
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
        (t_latent_guidance *)latent_gradient_job_new(sizeof(t_latent_guidance), build, let_go);
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

char *latent_guidance_text(t_object *x, t_latent_modelref *encoder, int argc, const t_atom *argv)
{
    latent_model *m = latent_modelref_get(encoder, 0);
    char *text = latent_words_join(argc, argv);
    latent_error e;
    latent_node *n = m && text ? latent_model_embed_text(m, text, &e) : NULL;
    if (m && text && !n) {
        latent_complain(x, "%s", e.text);
        free(text);
        return NULL;
    }
    latent_node_release(n);
    return text;
}

latent_node *latent_guidance_target(t_object *x, t_latent_modelref *encoder, int argc,
                                    const t_atom *argv)
{
    latent_model *m = latent_modelref_get(encoder, 0);
    t_latent_list list = {0, 0, NULL};
    latent_node *n = NULL;
    latent_error e;
    if (m && argc != m->encoder.embedding)
        latent_complain(x, "a target of %d numbers came; the embeddings of %s have %d", argc,
                        m->label, m->encoder.embedding);
    else if (!latent_list_set(x, &list, argc, argv) &&
             !(n = latent_op_planes(list.v, argc, 1, 1, NULL, &e)))
        latent_complain(x, "%s", e.text);
    latent_list_free(&list);
    return n;
}
