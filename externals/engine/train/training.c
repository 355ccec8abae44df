/* training: see training.h */
#include "training.h"
#include "../grave.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NICE 19 /* of the threads that help: whoever else wants a processor goes first */

struct latent_training {
    latent_grave grave;
    atomic_int refs;
    latent_trainer trainer;
    int made; /* are there networks? */
    latent_source *source;
    latent_pool *pool;
};

/* ---- holders */

latent_training *latent_training_new(void)
{
    latent_training *t = calloc(1, sizeof(*t));
    if (t)
        atomic_init(&t->refs, 1);
    return t;
}

latent_training *latent_training_retain(latent_training *t)
{
    if (t)
        atomic_fetch_add(&t->refs, 1);
    return t;
}

static void forget_networks(latent_training *t)
{
    if (t->made)
        latent_trainer_free(&t->trainer);
    t->made = 0;
}

static void bury(latent_grave *g)
{
    latent_training *t = (latent_training *)g;
    forget_networks(t);
    if (t->source)
        t->source->release(t->source);
    latent_pool_free(t->pool);
    free(t);
}

void latent_training_release(latent_training *t)
{
    if (t && atomic_fetch_sub(&t->refs, 1) == 1)
        latent_grave_add(&t->grave, bury);
}

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

/* ---- snapshots */

latent_model *latent_generator_model(const latent_generator *g, int average, const char *label,
                                     latent_error *e)
{
    const char *folder = getenv("TMPDIR");
    char path[600], file[640];
    latent_weights *w = NULL;
    latent_model *m = NULL;
    snprintf(path, sizeof(path), "%.500s/latent-XXXXXX", folder && *folder ? folder : P_tmpdir);
    if (!mkdtemp(path)) {
        latent_fail(e, "cannot write to %.300s: %s", path, strerror(errno));
        return NULL;
    }
    snprintf(file, sizeof(file), "%s/model.safetensors", path);
    if (!latent_generator_write(g, file, average, 0, NULL, 0, e))
        w = latent_weights_open(file, e);
    if (w)
        m = latent_model_from_weights(w, label, (latent_progress){NULL, NULL}, e);
    latent_weights_close(w);
    unlink(file);
    rmdir(path);
    return m;
}

/* ---- tasks */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void report(latent_train_job *j)
{
    const latent_trainer *t = &j->training->trainer;
    j->report.images = (double)t->images;
    j->report.augmented = t->source && t->source->count ? t->augmented : 0;
    j->report.size = t->g.resolution;
    j->report.z = t->g.shape.z;
    j->report.parameters = (int)t->g.p.count;
}

/* New networks take the place of the old ones only when they are whole. */
static int take(latent_train_job *j, latent_trainer *fresh)
{
    latent_training *t = j->training;
    forget_networks(t);
    t->trainer = *fresh;
    t->trainer.source = t->source;
    t->made = 1;
    report(j);
    return 0;
}

static int make_new(latent_train_job *j, latent_error *e)
{
    latent_discriminator_shape d = latent_trainer_opponent(&j->shape);
    latent_trainer fresh;
    if (latent_trainer_init(&fresh, &j->settings, &j->shape, &d, e))
        return -1;
    return take(j, &fresh);
}

/* The first of the paths that exists. */
static const char *existing(const char *paths)
{
    const char *p = paths;
    while (p && *p && access(p, R_OK) && p[strlen(p) + 1])
        p += strlen(p) + 1;
    return p;
}

/* The networks in a file: a generator, and its discriminator where there is one that can go on;
   else the discriminator is new. */
static int make_from_file(latent_train_job *j, const char *path, latent_error *e)
{
    static const char *const prefixes[] = {"G_ema.", "g_ema.", "", "G.", "g.", "generator."};
    latent_weights *w = latent_weights_open(path, e);
    latent_discriminator_shape d;
    latent_trainer fresh;
    const char *prefix = NULL;
    char name[80];
    int failed = -1, read = 0;
    for (size_t i = 0; w && !prefix && i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        snprintf(name, sizeof(name), "%ssynthesis.b4.const", prefixes[i]);
        if (latent_weights_find(w, name))
            prefix = prefixes[i];
    }
    if (w && !prefix)
        latent_fail(e, "there is no generator of StyleGAN2 in it");
    if (prefix && !latent_generator_shape_of(w, prefix, &j->shape, e)) {
        d = latent_trainer_opponent(&j->shape);
        read = !latent_discriminator_shape_of(w, "D.", &d, NULL) && d.blocks == j->shape.blocks;
        if (!read)
            d = latent_trainer_opponent(&j->shape);
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

static int make_from(latent_train_job *j, latent_error *e)
{
    const char *folder = getenv("TMPDIR");
    char path[600];
    int failed, file;
    if (!j->model)
        return make_from_file(j, existing(j->paths), e);
    snprintf(path, sizeof(path), "%.500s/latent-XXXXXX.safetensors",
             folder && *folder ? folder : P_tmpdir);
    if ((file = mkstemps(path, 12)) < 0)
        return latent_fail(e, "cannot write to %.300s: %s", path, strerror(errno));
    close(file);
    failed = latent_model_write(j->model, path, e) || make_from_file(j, path, e);
    unlink(path);
    return failed ? -1 : 0;
}

static int resume(latent_train_job *j, latent_error *e)
{
    latent_trainer fresh;
    if (latent_trainer_open(&fresh, existing(j->paths), e))
        return -1;
    return take(j, &fresh);
}

/* What may change while it trains. */
static void adjust(latent_trainer *t, const latent_train_settings *s)
{
    latent_train_settings now_ = *s;
    now_.batch = t->settings.batch;
    now_.seed = t->settings.seed;
    t->settings = now_;
    latent_discriminator_freeze(&t->d, now_.freeze);
}

static int run(latent_train_job *j, latent_error *e)
{
    latent_trainer *t = &j->training->trainer;
    double from = now(), g = 0, d = 0;
    uint64_t first = t->images;
    int n = 0;
    if (!t->source)
        return latent_fail(e, "there are no pictures to learn from; name some, as in \"data rule "
                              "fish\"");
    adjust(t, &j->settings);
    do {
        if (latent_trainer_step(t, e))
            return -1;
        g += t->loss_g;
        d += t->loss_d;
        n++;
    } while (!atomic_load(&j->job.cancel) && now() - from < j->seconds &&
             (double)(t->images - first) < j->images);
    j->report.ran = (double)(t->images - first);
    j->report.speed = j->report.ran / (now() - from);
    j->report.loss_g = g / n;
    j->report.loss_d = d / n;
    report(j);
    if (j->snapshot_at > 0 && j->report.images >= j->snapshot_at &&
        !(j->made = latent_generator_model(&t->g, 1, "the network in training", e)))
        return -1;
    return 0;
}

static int work(latent_job *job)
{
    latent_train_job *j = (latent_train_job *)job;
    latent_training *t = j->training;
    latent_error *e = &job->error;
    int failed = -1;
    if (!t->pool)
        t->pool = latent_pool_new((int)sysconf(_SC_NPROCESSORS_ONLN), NICE);
    latent_pool_use(t->pool);
    if (!t->made && j->task != LATENT_TRAIN_NEW && j->task != LATENT_TRAIN_FROM &&
        j->task != LATENT_TRAIN_RESUME && j->task != LATENT_TRAIN_DATA)
        latent_fail(e, "there is no network yet; make one, as in \"new 32\", or \"from\" a model");
    else
        switch (j->task) {
        case LATENT_TRAIN_NEW:
            failed = make_new(j, e);
            break;
        case LATENT_TRAIN_FROM:
            failed = make_from(j, e);
            break;
        case LATENT_TRAIN_DATA:
            if (t->source)
                t->source->release(t->source);
            t->source = t->trainer.source = j->source;
            j->source = NULL;
            failed = 0;
            break;
        case LATENT_TRAIN_RUN:
            failed = run(j, e);
            break;
        case LATENT_TRAIN_SAVE:
            failed = latent_trainer_save(&t->trainer, j->file, e);
            break;
        case LATENT_TRAIN_RESUME:
            failed = resume(j, e);
            break;
        case LATENT_TRAIN_WRITE:
            failed = latent_generator_write(&t->trainer.g, j->file, 1, 1, NULL, 0, e);
        }
    latent_pool_use(NULL);
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
