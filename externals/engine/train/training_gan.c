/* training_gan: a generator and its discriminator in training (see training.h) */
#include "../models/architectures.h"
#include "training_kind.h"
#include <stdlib.h>
#include <string.h>

/* ---- shapes */

int latent_train_shape(int size, latent_generator_shape *shape, latent_error *e)
{
    static const int usual[LATENT_BLOCKS] = {256, 256, 128, 64, 32, 16, 16};
    latent_generator_shape s = {.z = 128, .w = 128, .mapping = 3, .blocks = 1};
    while (s.blocks < LATENT_BLOCKS && 4 << (s.blocks - 1) < size)
        s.blocks++;
    if (4 << (s.blocks - 1) != size || s.blocks < 2)
        return latent_fail(e,
                           "pictures of %d pixels can't be learned; 8, 16, 32, 64, 128 and 256 "
                           "can",
                           size);
    memcpy(s.channels, usual, sizeof(usual));
    *shape = s;
    return 0;
}

/* ---- making networks */

static void gan_report(latent_train_job *j)
{
    const latent_trainer *t = &j->training->trainer;
    j->report.images = (double)t->images;
    j->report.augmented = t->source && t->source->count ? t->augmented : 0;
    j->report.size = t->g.resolution;
    j->report.z = t->g.shape.z;
    j->report.parameters = (int)t->g.p.count;
}

static void gan_connect(latent_training *t)
{
    t->trainer.source = t->source;
}

static void gan_forget(latent_training *t)
{
    latent_trainer_free(&t->trainer);
}

/* New networks take the place of the old ones only when they are whole. */
static int take(latent_train_job *j, latent_trainer *fresh)
{
    latent_training *t = j->training;
    if (t->made)
        gan_forget(t);
    t->trainer = *fresh;
    t->made = 1;
    gan_connect(t);
    gan_report(j);
    return 0;
}

static int gan_make(latent_train_job *j, latent_error *e)
{
    latent_discriminator_shape d = latent_trainer_default_discriminator(&j->shape);
    latent_trainer fresh;
    if (latent_trainer_init(&fresh, &j->settings, &j->shape, &d, e))
        return -1;
    return take(j, &fresh);
}

/* The networks in w (NULL: there is a sentence already), which is closed: a generator, and its
   discriminator where there is one that can go on; else the discriminator is new. */
static int make_from(latent_train_job *j, latent_weights *w, latent_error *e)
{
    latent_discriminator_shape d;
    latent_trainer fresh;
    char prefix[LATENT_PREFIX];
    int failed = -1, read = 0,
        found = w && latent_weights_prefix(w, "synthesis.b4.const", prefix, sizeof(prefix));
    if (w && !found) {
        const char *is = latent_model_stranger(w);
        latent_fail(e, "this is %s; only a StyleGAN2 that [latent.generator] plays can be trained",
                    is ? is : "no generator that is known");
    }
    if (found && !latent_generator_shape_of(w, prefix, &j->shape, e)) {
        d = latent_trainer_default_discriminator(&j->shape);
        read = !latent_discriminator_shape_of(w, "D.", &d, NULL) && d.blocks == j->shape.blocks;
        if (!read)
            d = latent_trainer_default_discriminator(&j->shape);
        failed = latent_trainer_init(&fresh, &j->settings, &j->shape, &d, e);
    }
    if (!failed && (latent_generator_read(&fresh.g, w, prefix, e) ||
                    (read && latent_discriminator_read(&fresh.d, w, "D.", e)))) {
        latent_trainer_free(&fresh);
        failed = -1;
    }
    latent_weights_close(w);
    return failed ? -1 : take(j, &fresh);
}

static int gan_from(latent_train_job *j, latent_error *e)
{
    void *file;
    size_t size;
    int failed;
    if (!j->model)
        return make_from(j, latent_weights_open(latent_training_existing(j->paths), e), e);
    if (latent_model_pack(j->model, &file, &size, e))
        return -1;
    failed = make_from(j, latent_weights_open_memory(file, size, e), e);
    free(file);
    return failed;
}

static int gan_resume(latent_train_job *j, latent_error *e)
{
    latent_trainer fresh;
    if (latent_trainer_open(&fresh, latent_training_existing(j->paths), e))
        return -1;
    return take(j, &fresh);
}

/* ---- training them */

static void gan_adjust(latent_train_job *j)
{
    latent_trainer *t = &j->training->trainer;
    latent_train_settings s = j->settings;
    s.batch = t->settings.batch;
    s.seed = t->settings.seed;
    t->settings = s;
    latent_discriminator_freeze(&t->d, s.freeze);
}

static int gan_step(latent_training *t, double loss[2], latent_error *e)
{
    if (latent_trainer_step(&t->trainer, e))
        return -1;
    loss[0] += t->trainer.loss_g;
    loss[1] += t->trainer.loss_d;
    return 0;
}

static latent_model *gan_snapshot(const latent_training *t, latent_error *e)
{
    return latent_generator_model(&t->trainer.g, 1, "the network in training", e);
}

static int gan_score(latent_train_job *j, latent_error *e)
{
    latent_training *t = j->training;
    int size = t->trainer.g.resolution;
    if (t->exam && !latent_evaluation_suits(t->exam, j->model, size, j->count)) {
        latent_evaluation_free(t->exam);
        t->exam = NULL;
    }
    if (!t->exam &&
        !(t->exam = latent_evaluation_new(j->model, t->source, size, j->count, &j->job.cancel, e)))
        return -1;
    gan_report(j);
    return latent_evaluation_ask(t->exam, &t->trainer, &j->job.cancel, &j->report.score, e);
}

/* ---- files */

static int gan_save(latent_train_job *j, latent_error *e)
{
    return latent_trainer_save(&j->training->trainer, j->file, e);
}

static int gan_write(latent_train_job *j, latent_error *e)
{
    return latent_generator_write(&j->training->trainer.g, j->file, 1, 1, NULL, 0, e);
}

const latent_training_kind latent_training_gan = {
    .make = gan_make,
    .from = gan_from,
    .resume = gan_resume,
    .save = gan_save,
    .write = gan_write,
    .score = gan_score,
    .adjust = gan_adjust,
    .step = gan_step,
    .snapshot = gan_snapshot,
    .report = gan_report,
    .connect = gan_connect,
    .forget = gan_forget,
};
