/* training_session: a network in training, in Pd: what [latent.train] does apart from its
   arguments.  It makes networks, trains them, keeps and writes them, away from Pd's thread, gives
   the newest a name by which other boxes play it, and tells of it by its outlets. */
#ifndef LATENT_TRAINING_SESSION_H
#define LATENT_TRAINING_SESSION_H
#include "engine/train/training.h"
#include <m_pd.h>

#include <g_canvas.h>

#pragma GCC visibility push(default)

typedef struct _latent_training_session t_latent_training_session;

typedef struct {
    const latent_training_kind *kind;
    latent_picture_reader read; /* of a folder's files */
    t_outlet *news, *info;
    /* Fills in what the owner's settings say about every job: settings or clip, mirrored. */
    void (*wishes)(void *owner, latent_train_job *job);
    void (*ready)(void *owner); /* a model has arrived: calls latent_training_session_ready() */
    t_symbol *const *name;      /* that of the network for other boxes, or the empty one */
    const double *snapshot;     /* thousand pictures between two of them; 0: none */
    int reads;                  /* new networks are told words by the built-in clip-tiny */
} t_pupil_manners;

/* Inside the owner's new method; settings are read when they are needed.  NULL: no memory. */
t_latent_training_session *latent_training_session_new(t_object *owner, t_pupil_manners manners);
void latent_training_session_free(t_latent_training_session *x); /* x may be NULL */
void latent_training_session_renamed(t_latent_training_session *x);
void latent_training_session_ready(t_latent_training_session *x);

/* Fresh networks; shape is the generator's, NULL for others. */
void latent_training_session_make(t_latent_training_session *x,
                                  const latent_generator_shape *shape);
/* Those of a file, of a model's name, or of the built-in model. */
void latent_training_session_from(t_latent_training_session *x, t_symbol *word);
/* The pictures that the words after "data" mean (pictures.h). */
void latent_training_session_data(t_latent_training_session *x, int argc, const t_atom *argv);
/* n thousand pictures; 0: until it is told to stop. */
void latent_training_session_start(t_latent_training_session *x, t_float n);
void latent_training_session_stop(t_latent_training_session *x);
/* LATENT_TRAIN_SAVE or LATENT_TRAIN_WRITE. */
void latent_training_session_store(t_latent_training_session *x, latent_train_task task,
                                   t_symbol *file);
void latent_training_session_resume(t_latent_training_session *x, t_symbol *file);
/* How far so many of its pictures are from so many of the data, in the eyes of the built-in
   clip-tiny. */
void latent_training_session_score(t_latent_training_session *x, int count);
/* Sends "info running" and "info pictures". */
void latent_training_session_info(const t_latent_training_session *x);

#pragma GCC visibility pop
#endif
