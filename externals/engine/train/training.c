/* training: see training.h */
#include "../base/seconds.h"
#include "../base/system.h"
#include "training_kind.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_SIDE 256 /* pixels of a folder's pictures: the largest that can be learned */

/* ---- holders */

latent_training *latent_training_new(const latent_training_kind *kind)
{
    latent_training *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    t->kind = kind;
    return t;
}

latent_training *latent_training_retain(latent_training *t)
{
    if (t)
        atomic_fetch_add(&t->refs, 1);
    return t;
}

static void release(latent_deferred_free *g)
{
    latent_training *t = (latent_training *)g;
    if (t->made)
        t->kind->forget(t);
    latent_evaluation_free(t->exam);
    if (t->source)
        t->source->release(t->source);
    latent_evaluator_free(t->evaluator);
    free(t);
}

void latent_training_release(latent_training *t)
{
    if (t && atomic_fetch_sub(&t->refs, 1) == 1)
        latent_deferred_free_add(&t->grave, release);
}

/* ---- tasks */

const char *latent_training_existing(const char *paths)
{
    const char *p = paths;
    while (p && *p && access(p, R_OK) && p[strlen(p) + 1])
        p += strlen(p) + 1;
    return p;
}

static const char *folder_in(const char *paths)
{
    struct stat s;
    for (; paths && *paths; paths += strlen(paths) + 1)
        if (!stat(paths, &s) && S_ISDIR(s.st_mode))
            return paths;
    return NULL;
}

static int take_data(latent_train_job *j, latent_error *e)
{
    latent_training *t = j->training;
    const char *folder = folder_in(j->paths);
    if (!j->source && !folder)
        return latent_fail(e,
                           "there are no pictures %s: no [latent.dataset -name %s], and no such "
                           "folder beside the patch or in Pd's path",
                           j->file, j->file);
    if (!j->source && !(j->source = latent_source_folder(folder, FOLDER_SIDE, j->mirrored, j->read,
                                                         &j->job.cancel, &j->report.left_out, e)))
        return -1;
    latent_evaluation_free(t->exam);
    t->exam = NULL;
    if (t->source)
        t->source->release(t->source);
    t->source = j->source;
    j->source = NULL;
    j->report.data = (double)t->source->count;
    if (t->made)
        t->kind->connect(t);
    return 0;
}

static int has_data(const latent_training *t, latent_error *e)
{
    return t->source ? 0
                     : latent_fail(e, "there are no pictures to learn from; name some, as in "
                                      "\"data rule fish\"");
}

/* The networks as they are now, for whoever plays them. */
static int publish(latent_train_job *j, latent_error *e)
{
    return (j->made = j->training->kind->snapshot(j->training, e)) ? 0 : -1;
}

static int run(latent_train_job *j, latent_error *e)
{
    latent_training *t = j->training;
    double from = latent_seconds(), loss[2] = {0}, first;
    int n = 0;
    if (has_data(t, e))
        return -1;
    t->kind->adjust(j);
    t->kind->report(j);
    first = j->report.images;
    do {
        if (t->kind->step(t, loss, e))
            return -1;
        t->kind->report(j);
        n++;
    } while (!atomic_load(&j->job.cancel) && latent_seconds() - from < j->seconds &&
             j->report.images - first < j->images);
    j->report.ran = j->report.images - first;
    j->report.speed = j->report.ran / (latent_seconds() - from);
    j->report.loss[0] = loss[0] / n;
    j->report.loss[1] = loss[1] / n;
    return j->snapshot_at > 0 && j->report.images >= j->snapshot_at ? publish(j, e) : 0;
}

static int do_task(latent_train_job *j, latent_error *e)
{
    const latent_training_kind *kind = j->training->kind;
    switch (j->task) {
    case LATENT_TRAIN_NEW:
        return kind->make(j, e);
    case LATENT_TRAIN_FROM:
        return kind->from(j, e);
    case LATENT_TRAIN_DATA:
        return take_data(j, e);
    case LATENT_TRAIN_RUN:
        return run(j, e);
    case LATENT_TRAIN_SAVE:
        return kind->save(j, e);
    case LATENT_TRAIN_RESUME:
        return kind->resume(j, e);
    case LATENT_TRAIN_WRITE:
        return kind->write(j, e);
    case LATENT_TRAIN_SCORE:
        return has_data(j->training, e) ? -1 : kind->score(j, e);
    }
    return -1;
}

/* Whoever plays what learns has it before the first step, too. */
static int makes_networks(latent_train_task task)
{
    return task == LATENT_TRAIN_NEW || task == LATENT_TRAIN_FROM || task == LATENT_TRAIN_RESUME;
}

static int needs_networks(latent_train_task task)
{
    return task == LATENT_TRAIN_RUN || task == LATENT_TRAIN_SAVE || task == LATENT_TRAIN_WRITE ||
           task == LATENT_TRAIN_SCORE;
}

/* Short, and somebody looks at a grey picture meanwhile: on a busy machine a thread that gives way
   would not get to it for a minute. */
static int is_waited_for(latent_train_task task)
{
    return makes_networks(task) || task == LATENT_TRAIN_SAVE || task == LATENT_TRAIN_WRITE;
}

static int work(latent_job *job)
{
    latent_train_job *j = (latent_train_job *)job;
    latent_training *t = j->training;
    latent_evaluator *before;
    int hurried = is_waited_for(j->task) && latent_gives_way(), failed;
    if (!t->made && needs_networks(j->task))
        return latent_fail(&job->error, "there is no network yet; make one: \"new\"%s",
                           t->kind->from ? ", as in \"new 32\", or \"from\" a model" : "");
    if (!t->evaluator &&
        !(t->evaluator = latent_evaluator_new((int)sysconf(_SC_NPROCESSORS_ONLN), SIZE_MAX)))
        return latent_fail(&job->error, "no memory to train with");
    before = latent_evaluator_use(t->evaluator);
    if (hurried)
        latent_hurry(pthread_self());
    failed = do_task(j, &job->error) || (makes_networks(j->task) && publish(j, &job->error));
    if (hurried)
        latent_idle_priority();
    latent_evaluator_use(before);
    return failed ? -1 : 0;
}

static void discard(latent_job *job)
{
    latent_train_job *j = (latent_train_job *)job;
    latent_training_release(j->training);
    latent_model_release(j->model);
    latent_model_release(j->made);
    if (j->source)
        j->source->release(j->source);
    free(j->paths);
    free(j);
}

latent_train_job *latent_train_job_new(latent_training *t, latent_train_task task)
{
    latent_train_job *j = calloc(1, sizeof(*j));
    if (!j)
        return NULL;
    j->job.work = work;
    j->job.discard = discard;
    j->training = latent_training_retain(t);
    j->task = task;
    return j;
}
