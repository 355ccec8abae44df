/* pupil: a network in training, in Pd: what [latent.train] does apart from its arguments.  It makes
   networks, trains them, keeps and writes them, away from Pd's thread, gives the newest a name by
   which other boxes play it, and tells of it by its outlets. */
#ifndef LATENT_PUPIL_H
#define LATENT_PUPIL_H
#include "engine/train/training.h"
#include <m_pd.h>

#include <g_canvas.h>

#pragma GCC visibility push(default)

typedef struct _latent_pupil t_latent_pupil;

typedef struct {
    const latent_training_kind *kind;
    latent_picture_reader read; /* of a folder's files */
    t_outlet *news, *info;
    /* Fills in what the owner's settings say about every job: settings or clip, mirrored. */
    void (*wishes)(void *owner, latent_train_job *job);
    void (*ready)(void *owner); /* a model has arrived: calls latent_pupil_ready() */
    t_symbol *const *name;      /* that of the network for other boxes, or the empty one */
    const double *snapshot;     /* thousand pictures between two of them; 0: none */
} t_pupil_manners;

/* Inside the owner's new method; settings are read when they are needed.  NULL: no memory. */
t_latent_pupil *latent_pupil_new(t_object *owner, t_pupil_manners manners);
void latent_pupil_free(t_latent_pupil *x); /* x may be NULL */
void latent_pupil_renamed(t_latent_pupil *x);
void latent_pupil_ready(t_latent_pupil *x);

/* Fresh networks; shape is the generator's, NULL for a clip-tiny. */
void latent_pupil_make(t_latent_pupil *x, const latent_generator_shape *shape);
/* Those of a file, of a model's name, or of the built-in model. */
void latent_pupil_from(t_latent_pupil *x, t_symbol *word);
/* The pictures that the words after "data" mean (pictures.h). */
void latent_pupil_data(t_latent_pupil *x, int argc, const t_atom *argv);
/* n thousand pictures; 0: until it is told to stop. */
void latent_pupil_start(t_latent_pupil *x, t_float n);
void latent_pupil_stop(t_latent_pupil *x);
/* LATENT_TRAIN_SAVE or LATENT_TRAIN_WRITE. */
void latent_pupil_store(t_latent_pupil *x, latent_train_task task, t_symbol *file);
void latent_pupil_resume(t_latent_pupil *x, t_symbol *file);
/* How far so many of its pictures are from so many of the data, in the eyes of the built-in
   clip-tiny. */
void latent_pupil_score(t_latent_pupil *x, int count);
/* Sends "info running" and "info pictures". */
void latent_pupil_info(const t_latent_pupil *x);

#pragma GCC visibility pop
#endif
