/* recording: a take is a row of pictures on its way to disk, into a folder, as numbered PNG, or
   into a film; and so is a single picture.  Jobs for the evaluator and the writer, and the pace of
   a film that is recorded in real time.  For [latent.write], which keeps the order and tells the
   patch. */
#ifndef LATENT_RECORDING_H
#define LATENT_RECORDING_H
#include "../graph/evaluate.h"
#include "film.h"
#include "metadata.h"
#include "picture.h"
#include <limits.h>

typedef enum {
    LATENT_TAKE_STILL, /* a single picture */
    LATENT_TAKE_OPEN,  /* makes the folder or the film */
    LATENT_TAKE_FRAME, /* one picture of it */
    LATENT_TAKE_CLOSE
} latent_recording_step;

/* What is done, with what, and where. */
typedef struct {
    latent_recording_step step;
    int take;            /* the owner's number of the take */
    int film;            /* is it a film, or a folder? */
    int64_t at;          /* FRAME of a film: its place; CLOSE: the film's length, or 0 */
    void *word;          /* the owner's */
    char path[PATH_MAX]; /* of the picture, the folder or the film */
    char patch[256];     /* for the notes */
    int has_seed;
    double seed;
} latent_recording_target;

/* A request that makes of a picture what goes to disk (its pixels as bytes, and for PNG the notes),
   as its result; its settings are the target.  NULL when there is no memory. */
latent_request *latent_recording_request(latent_node *n, const latent_recording_target *t);

/* A job for the writer.  film is held: that of FRAME and CLOSE; after OPEN of a film it is there.
 */
typedef struct {
    latent_job job;
    latent_recording_target target;
    latent_film_settings settings; /* OPEN of a film */
    char *sounds; /* where its sound may lie: paths one after another, ended by an empty one;
                     malloc'd, the job's; NULL: it has none */
    latent_film *film;
    char kept[LATENT_KEPT]; /* after OPEN: what stands behind the name of what was there before; "":
                               nothing */
    double spoiled;         /* after CLOSE of a film: latent_film_spoiled() */
    void *picture;          /* what the digest made; the job's */
} latent_recording_job;
/* picture (or NULL) is taken over; film (or NULL) is held.  NULL when there is no memory. */
latent_recording_job *latent_recording_job_new(const latent_recording_target *t, void *picture,
                                               latent_film *film);

/* ---- pace: which place in a film a picture gets that comes at some time */

typedef struct {
    double fps;
    int64_t placed; /* the last place that was given away; -1: none */
    int late;       /* how many places had no picture of their own when their time was over */
} latent_pace;

/* The place whose time it is, ms after the film's beginning. */
int64_t latent_pace_now(const latent_pace *p, double ms);
/* The place of a picture that comes then: that one, or the next free one. */
int64_t latent_pace_for(const latent_pace *p, double ms);
/* Gives a place away. */
void latent_pace_take(latent_pace *p, int64_t place);

#endif
