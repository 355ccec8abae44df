/* training: what learns, as jobs for a worker thread (jobs.h), for [latent.train]: each job does
   one thing, or trains for a while, and reports.  Between jobs nobody touches what learns, so that
   the box can be deleted, the patch closed, or anything else asked for, at any time. */
#ifndef LATENT_TRAINING_H
#define LATENT_TRAINING_H
#include "../base/jobs.h"
#include "../data/source_folder.h"
#include "../models/model.h"
#include "clip.h"
#include "diffusion.h"
#include "evaluation.h"
#include "trainer.h"

#pragma GCC visibility push(default)

/* What learns: a generator with its discriminator (trainer.h), a clip-tiny (clip.h), or a denoiser
   (diffusion.h). */
typedef struct latent_training_kind latent_training_kind;
extern const latent_training_kind latent_training_gan, latent_training_clip,
    latent_training_diffusion;

/* One training: at first empty.  Shared by a box and its jobs. */
typedef struct latent_training latent_training;
latent_training *latent_training_new(const latent_training_kind *kind);
latent_training *latent_training_retain(latent_training *t);
void latent_training_release(latent_training *t); /* any thread, constant time; NULL is fine */

typedef enum {
    LATENT_TRAIN_NEW,    /* fresh networks of a shape */
    LATENT_TRAIN_FROM,   /* networks of a model or its file; a generator's alone */
    LATENT_TRAIN_DATA,   /* other pictures from now on */
    LATENT_TRAIN_RUN,    /* trains for a while */
    LATENT_TRAIN_SAVE,   /* the whole state to a file */
    LATENT_TRAIN_RESUME, /* and back */
    LATENT_TRAIN_WRITE,  /* the generator, the clip-tiny or the denoiser as a model's file */
    LATENT_TRAIN_SCORE   /* how far it is from its pictures; a generator's alone */
} latent_train_task;

/* Numbers of a training as they stand. */
typedef struct {
    double ran;     /* in this job */
    double images;  /* seen */
    double speed;   /* a second */
    double loss[2]; /* means of the job's steps: the generator's and the discriminator's; or the
                       clip-tiny's, and the share of pictures and sentences that found each other;
                       or the denoiser's, and 0 */
    double augmented;
    int size, z, parameters;
    double data;                    /* data: how many pictures there are; 0: without end */
    int left_out;                   /* data: and how many could not be read */
    latent_evaluation_result score; /* score */
} latent_train_report;

typedef struct {
    latent_job job;
    latent_training *training; /* held, from here on all that follows */
    latent_train_task task;
    latent_generator_shape shape; /* new */
    latent_train_settings
        settings;              /* new, from, run: all; from, run: the batch and the seed stay */
    latent_clip_settings clip; /* the same for a clip-tiny */
    latent_diffusion_settings diffusion; /* and for a denoiser */
    latent_model *model;        /* from: held, or NULL; score: the clip-tiny that looks, held; new
                                   and resume of a denoiser: the one that reads, held */
    char *paths;                /* from, resume: as latent_model_load_first wants them;
                                   data: the same of a folder; malloc'd */
    latent_source *source;      /* data: owned; or NULL, a folder: */
    latent_picture_reader read; /* its pictures, and whether they may be turned left to right */
    int mirrored;
    int count;              /* score: pictures of each kind */
    char file[1024];        /* save, write */
    double seconds, images; /* run: until one of them is through */
    double snapshot_at;     /* run: make a model when so many pictures have been seen; 0: never */
    /* results */
    latent_train_report report;
    latent_model *made; /* new, from, resume, and run where snapshot_at says so: what there is to
                           play now, held; or NULL */
} latent_train_job;

/* A job for that training (which it holds), to be filled in; discarded as any job.  NULL: no
   memory. */
latent_train_job *latent_train_job_new(latent_training *t, latent_train_task task);

/* Channels of the blocks for a picture of that size when nobody names any.  -1 and a sentence when
   there is no such size. */
int latent_train_shape(int size, latent_generator_shape *shape, latent_error *e);

#pragma GCC visibility pop
#endif
