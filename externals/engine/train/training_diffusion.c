/* training_diffusion: a diffusion-tiny in training (see training.h) */
#include "training_kind.h"

static void diffusion_report(latent_train_job *j)
{
    const latent_diffusion_training *t = j->training->diffusion;
    j->report.images = (double)latent_diffusion_training_images(t);
    j->report.size = latent_diffusion_training_settings(t).sizes.resolution;
}

static void diffusion_connect(latent_training *t)
{
    latent_diffusion_training_source(t->diffusion, t->source);
}

static void diffusion_forget(latent_training *t)
{
    latent_diffusion_training_free(t->diffusion);
    t->diffusion = NULL;
}

/* A new network (or NULL) takes the place of the old one only when it is whole. */
static int take(latent_train_job *j, latent_diffusion_training *fresh)
{
    latent_training *t = j->training;
    if (!fresh)
        return -1;
    diffusion_forget(t);
    t->diffusion = fresh;
    t->made = 1;
    diffusion_report(j);
    return 0;
}

static int diffusion_make(latent_train_job *j, latent_error *e)
{
    return take(j, latent_diffusion_training_new(j->training->source, j->model, &j->diffusion, e));
}

static int diffusion_resume(latent_train_job *j, latent_error *e)
{
    return take(j, latent_diffusion_training_open(j->training->source, j->model,
                                                  latent_training_existing(j->paths), &j->diffusion,
                                                  e));
}

static void diffusion_adjust(latent_train_job *j)
{
    latent_diffusion_training_adjust(j->training->diffusion, &j->diffusion);
}

static int diffusion_step(latent_training *t, double loss[2], latent_error *e)
{
    return latent_diffusion_training_step(t->diffusion, &loss[0], e);
}

static latent_model *diffusion_snapshot(const latent_training *t, latent_error *e)
{
    latent_diffusion_net net;
    if (latent_diffusion_training_net(t->diffusion, &net, e))
        return NULL;
    return latent_diffusion_model(&net, "the denoiser in training", e);
}

static int diffusion_save(latent_train_job *j, latent_error *e)
{
    return latent_diffusion_training_write(j->training->diffusion, j->file, e);
}

static int diffusion_write(latent_train_job *j, latent_error *e)
{
    return latent_diffusion_training_save(j->training->diffusion, j->file, NULL, e);
}

const latent_training_kind latent_training_diffusion = {
    .make = diffusion_make,
    .resume = diffusion_resume,
    .save = diffusion_save,
    .write = diffusion_write,
    .adjust = diffusion_adjust,
    .step = diffusion_step,
    .snapshot = diffusion_snapshot,
    .report = diffusion_report,
    .connect = diffusion_connect,
    .forget = diffusion_forget,
};
