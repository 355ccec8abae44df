/* directions_jobs: see directions_jobs.h */
#include "directions_jobs.h"
#include "latents.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void discard(latent_job *job)
{
    latent_directions_job *j = (latent_directions_job *)job;
    latent_model_release(j->model);
    latent_directions_free(j->set);
    free(j->lists);
    free(j->paths);
    free(j);
}

static latent_directions_job *make(int (*work)(latent_job *job), const char *label, latent_error *e)
{
    latent_directions_job *j = calloc(1, sizeof(*j));
    if (!j) {
        latent_fail(e, "no memory for directions");
        return NULL;
    }
    j->job.work = work;
    j->job.discard = discard;
    snprintf(j->label, sizeof(j->label), "%s", label);
    return j;
}

/* ---- finding */

static int find_work(latent_job *job)
{
    latent_directions_job *j = (latent_directions_job *)job;
    latent_progress p = {&job->permille, &job->cancel};
    j->set = latent_directions_find(j->model, &j->settings, p, &job->error);
    return j->set ? 0 : -1;
}

/* Copies what the settings point to. */
static int copy_lists(latent_directions_job *j, double class_number, latent_error *e)
{
    latent_directions_settings *s = &j->settings;
    size_t a = s->a ? (size_t)s->n_a : 0, b = s->b ? (size_t)s->n_b : 0,
           classes = (size_t)j->model->generator.classes;
    float said = (float)class_number;
    if (!(j->lists = malloc((a + b + classes + 1) * sizeof(*j->lists))))
        return latent_fail(e, "no memory for two latents");
    if (s->a)
        s->a = memcpy(j->lists, s->a, a * sizeof(*s->a));
    if (s->b)
        s->b = memcpy(j->lists + a, s->b, b * sizeof(*s->b));
    if (!classes)
        return 0;
    s->classes = j->lists + a + b;
    return latent_class_weights(&said, 1, (int)classes, j->lists + a + b, e);
}

latent_directions_job *latent_directions_job_find(latent_model *m,
                                                  const latent_directions_settings *settings,
                                                  double class_number, latent_error *e)
{
    latent_directions_job *j = make(find_work, "", e);
    if (!j)
        return NULL;
    j->model = latent_model_retain(m);
    j->settings = *settings;
    if (!copy_lists(j, class_number, e))
        return j;
    discard(&j->job);
    return NULL;
}

/* ---- files */

static int read_work(latent_job *job)
{
    latent_directions_job *j = (latent_directions_job *)job;
    for (const char *path = j->paths; *path; path += strlen(path) + 1)
        if (!access(path, F_OK)) {
            j->set = latent_directions_read(path, &job->error);
            return j->set ? 0 : -1;
        }
    return latent_fail(&job->error, "no such file, neither beside the patch nor in Pd's path");
}

static int write_work(latent_job *job)
{
    latent_directions_job *j = (latent_directions_job *)job;
    return latent_directions_write(j->set, j->paths, &job->error);
}

latent_directions_job *latent_directions_job_read(char *paths, const char *label, latent_error *e)
{
    latent_directions_job *j = paths ? make(read_work, label, e) : NULL;
    if (j)
        j->paths = paths;
    else {
        latent_fail(e, "no memory to read %s", label);
        free(paths);
    }
    return j;
}

latent_directions_job *latent_directions_job_write(const latent_directions *d, const char *path,
                                                   const char *label, latent_error *e)
{
    latent_directions_job *j;
    if (!d) {
        latent_fail(e, "there are no directions yet to be written; sefa, ganspace and random find "
                       "some");
        return NULL;
    }
    if (!(j = make(write_work, label, e)))
        return NULL;
    j->set = latent_directions_copy(d);
    j->paths = strdup(path);
    if (j->set && j->paths)
        return j;
    discard(&j->job);
    latent_fail(e, "no memory to write %s", label);
    return NULL;
}
