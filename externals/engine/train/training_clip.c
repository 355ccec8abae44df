/* training_clip: a clip-tiny in training (see training.h) */
#include "training_kind.h"

static void clip_report(latent_train_job *j)
{
    latent_clip_settings s = latent_clip_training_settings(j->training->clip);
    j->report.images = (double)latent_clip_training_steps(j->training->clip) * s.batch;
    j->report.size = s.sizes.resolution;
}

static void clip_connect(latent_training *t)
{
    latent_clip_training_source(t->clip, t->source);
}

static void clip_forget(latent_training *t)
{
    latent_clip_training_free(t->clip);
    t->clip = NULL;
}

/* A new network (or NULL) takes the place of the old one only when it is whole. */
static int take(latent_train_job *j, latent_clip_training *fresh)
{
    latent_training *t = j->training;
    if (!fresh)
        return -1;
    clip_forget(t);
    t->clip = fresh;
    t->made = 1;
    clip_report(j);
    return 0;
}

static int clip_make(latent_train_job *j, latent_error *e)
{
    return take(j, latent_clip_training_new(j->training->source, &j->clip, e));
}

static int clip_resume(latent_train_job *j, latent_error *e)
{
    return take(j, latent_clip_training_open(j->training->source,
                                             latent_training_existing(j->paths), &j->clip, e));
}

static void clip_adjust(latent_train_job *j)
{
    latent_clip_training_adjust(j->training->clip, &j->clip);
}

static int clip_step(latent_training *t, double loss[2], latent_error *e)
{
    latent_clip_report r;
    if (latent_clip_training_step(t->clip, &r, e))
        return -1;
    loss[0] += (double)r.loss;
    loss[1] += (double)r.found;
    return 0;
}

static latent_model *clip_snapshot(const latent_training *t, latent_error *e)
{
    return latent_clip_training_snapshot(t->clip, "the clip-tiny in training", e);
}

static int clip_save(latent_train_job *j, latent_error *e)
{
    return latent_clip_training_write(j->training->clip, j->file, e);
}

static int clip_write(latent_train_job *j, latent_error *e)
{
    return latent_clip_training_save(j->training->clip, j->file, NULL, e);
}

const latent_training_kind latent_training_clip = {
    .make = clip_make,
    .resume = clip_resume,
    .save = clip_save,
    .write = clip_write,
    .adjust = clip_adjust,
    .step = clip_step,
    .snapshot = clip_snapshot,
    .report = clip_report,
    .connect = clip_connect,
    .forget = clip_forget,
};
