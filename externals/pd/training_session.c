/* training_session: see training_session.h */
#include "training_session.h"
#include "box.h"
#include "encoder.h"
#include "job_queue.h"
#include "modelref.h"
#include "pictures.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 0.3 /* of one job: how soon another message is heard */
#define OFTEN 1.0   /* and how seldom news are told */
#define SHARE 1000  /* pictures of a job offline, where the same patch tells the same news */

struct _latent_training_session {
    t_object *owner;
    t_canvas *canvas;
    t_pupil_manners manners;
    latent_training *training;
    t_symbol *known;           /* as what the network is known, or NULL */
    latent_model *model;       /* the last snapshot, held, or NULL */
    t_latent_modelref *from;   /* while a model is awaited */
    t_latent_modelref *eyes;   /* the clip-tiny that scores or reads; NULL until it is wanted */
    latent_train_job *unread;  /* makes networks as soon as that is here, or NULL */
    int scores;                /* pictures of a score that waits for it, or 0 */
    int running, waits;        /* waits: for the networks that are to be trained */
    double images, next, left; /* pictures: so far, at the next snapshot, to the end */
    double told;               /* Pd's time of the last news */
    t_latent_job_queue *mail;
    int inside, gone; /* what it tells may be the end of its owner: it goes when nobody is inside */
};

static void leave(t_latent_training_session *x)
{
    if (--x->inside == 0 && x->gone)
        free(x);
}

/* Of thousands, which a short float tells, to pictures: 0.016 is 16 of them. */
static double whole(double thousands)
{
    return rint(thousands * 1000);
}

/* ---- jobs */

static latent_train_job *ask(t_latent_training_session *x, latent_train_task task)
{
    latent_train_job *j = latent_train_job_new(x->training, task);
    if (!j)
        latent_complain(x->owner, "no memory to train");
    else
        x->manners.wishes(x->owner, j);
    return j;
}

static void send(t_latent_training_session *x, latent_train_job *j)
{
    if (latent_job_queue_send(x->mail, &j->job) < 0)
        latent_complain(x->owner, "no thread to train in");
}

static void go_on(t_latent_training_session *x)
{
    int snapshots = whole(*x->manners.snapshot) > 0 && x->known;
    latent_train_job *j;
    if ((x->waits = latent_modelref_loading(x->from) || x->unread))
        return;
    if (!(j = ask(x, LATENT_TRAIN_RUN))) {
        x->running = 0;
        return;
    }
    j->seconds = latent_offline() ? 1e30 : SECONDS;
    j->images = latent_offline() && x->left > SHARE ? SHARE : x->left;
    if (snapshots && x->next - x->images < j->images)
        j->images = x->next - x->images;
    j->snapshot_at = snapshots ? x->next : 0;
    send(x, j);
}

/* ---- the name */

void latent_training_session_renamed(t_latent_training_session *x)
{
    if (x->known)
        latent_model_name(x->owner, x->known, NULL, NULL);
    x->known = *(*x->manners.name)->s_name ? *x->manners.name : NULL;
    if (x->known && x->model)
        latent_model_name(x->owner, x->known, x->model, NULL);
    else if (x->known)
        latent_model_expect(x->owner, x->known, NULL);
}

static void snapshot(t_latent_training_session *x, latent_model *m)
{
    latent_model_release(x->model);
    x->model = latent_model_retain(m);
    if (!x->known)
        return;
    latent_model_name(x->owner, x->known, m, NULL); /* which tells others, too */
    if (!x->gone)
        outlet_bang(x->manners.news);
}

/* ---- news */

static void tell(t_latent_training_session *x, const char *what, int n, const double *v)
{
    t_atom a[2];
    if (x->gone)
        return;
    for (int i = 0; i < n; i++)
        SETFLOAT(a + i, (t_float)v[i]);
    outlet_anything(x->manners.info, gensym(what), n, a);
}

static void tell_file(t_latent_training_session *x, const char *what, const char *file)
{
    t_atom a;
    if (x->gone)
        return;
    SETSYMBOL(&a, gensym(file));
    outlet_anything(x->manners.info, gensym(what), 1, &a);
}

static void ran(t_latent_training_session *x, const latent_train_report *r)
{
    int last = (x->left -= r->ran) <= 0;
    if (last || latent_offline() || clock_gettimesince(x->told) >= OFTEN * 1000) {
        x->told = clock_getlogicaltime();
        if (r->augmented > 0)
            tell(x, "augmented", 1, &r->augmented);
        tell(x, "loss", 2, r->loss);
        tell(x, "progress", 2, (double[]){x->images / 1000, r->speed});
    }
    if (last && x->running) {
        x->running = 0;
        tell(x, "done", 0, NULL);
    }
    if (x->running && !latent_offline())
        go_on(x);
}

static void count(t_latent_training_session *x, const latent_train_job *j)
{
    double every = whole(*x->manners.snapshot);
    if (!j->report.size)
        return;
    x->images = j->report.images;
    if (j->task != LATENT_TRAIN_RUN)
        x->next = x->images + every;
    while (every > 0 && x->next <= x->images)
        x->next += every;
}

static void tell_all(t_latent_training_session *x, latent_train_job *j)
{
    const latent_train_report *r = &j->report;
    count(x, j);
    if (j->made)
        snapshot(x, j->made);
    switch (j->task) {
    case LATENT_TRAIN_RUN:
        ran(x, r);
        break;
    case LATENT_TRAIN_NEW:
    case LATENT_TRAIN_FROM:
        tell(x, "made", 1, (double[]){r->size});
        break;
    case LATENT_TRAIN_DATA:
        tell(x, "data", 2, (double[]){r->data, r->left_out});
        break;
    case LATENT_TRAIN_SCORE:
        tell(x, "score", 2, (double[]){r->score.percent, r->score.floor});
        break;
    case LATENT_TRAIN_SAVE:
        tell_file(x, "saved", j->file);
        break;
    case LATENT_TRAIN_RESUME:
        tell_file(x, "resumed", j->file);
        break;
    case LATENT_TRAIN_WRITE:
        tell_file(x, "written", j->file);
    }
}

static void done(void *z, latent_job *job)
{
    t_latent_training_session *x = z;
    latent_train_job *j = (latent_train_job *)job;
    x->inside++;
    if (!job->failed)
        tell_all(x, j);
    else {
        if (j->task == LATENT_TRAIN_RUN)
            x->running = 0;
        latent_complain(x->owner, "%s", job->error.text);
    }
    leave(x);
}

/* ---- what needs a clip-tiny */

/* It is here, or there is none. */
static void read_now(t_latent_training_session *x)
{
    latent_train_job *j = x->unread;
    latent_model *m = latent_modelref_get(x->eyes, 1);
    x->unread = NULL;
    if (!m) {
        j->job.discard(&j->job);
        x->running = 0;
        return;
    }
    j->model = latent_model_retain(m);
    send(x, j);
    if (x->running && x->waits)
        go_on(x);
}

/* A job that makes networks: sent once who reads for them is here; the newest counts. */
static void send_made(t_latent_training_session *x, latent_train_job *j)
{
    if (!x->manners.reads) {
        send(x, j);
        return;
    }
    if (x->unread)
        x->unread->job.discard(&x->unread->job);
    x->unread = j;
    if (!x->eyes)
        x->eyes = latent_encoder_new(x->owner, 0, NULL, x->manners.ready);
    if (x->unread && (latent_offline() || !latent_modelref_loading(x->eyes)))
        read_now(x);
}

/* ---- messages */

void latent_training_session_make(t_latent_training_session *x, const latent_generator_shape *shape)
{
    latent_train_job *j = ask(x, LATENT_TRAIN_NEW);
    if (!j)
        return;
    if (shape)
        j->shape = *shape;
    send_made(x, j);
}

static void open_file(t_latent_training_session *x, latent_train_task task, const char *file)
{
    latent_train_job *j = ask(x, task);
    if (!j)
        return;
    snprintf(j->file, sizeof(j->file), "%s", file);
    j->read = x->manners.read;
    if ((j->paths = latent_find_paths(x->owner, x->canvas, file)))
        (task == LATENT_TRAIN_RESUME ? send_made : send)(x, j);
    else
        j->job.discard(&j->job);
}

/* The model that the networks are to be made from is here, or there is none. */
static void take_from(t_latent_training_session *x)
{
    latent_model *m = latent_modelref_get(x->from, 1);
    latent_train_job *j = m ? ask(x, LATENT_TRAIN_FROM) : NULL;
    if (!j)
        return;
    j->model = latent_model_retain(m);
    latent_modelref_free(x->from);
    x->from = NULL;
    send(x, j);
    if (x->running && x->waits)
        go_on(x);
}

static void take_eyes(t_latent_training_session *x)
{
    latent_model *m = latent_modelref_get(x->eyes, 1);
    latent_train_job *j = m ? ask(x, LATENT_TRAIN_SCORE) : NULL;
    int pictures = x->scores;
    x->scores = 0;
    if (!j)
        return;
    j->model = latent_model_retain(m);
    j->count = pictures;
    send(x, j);
}

void latent_training_session_ready(t_latent_training_session *x)
{
    x->inside++;
    if (x->from && latent_modelref_get(x->from, 0))
        take_from(x);
    if (!x->gone && x->scores && latent_modelref_get(x->eyes, 0))
        take_eyes(x);
    if (!x->gone && x->unread && !latent_modelref_loading(x->eyes))
        read_now(x);
    leave(x);
}

void latent_training_session_from(t_latent_training_session *x, t_symbol *word)
{
    if (strpbrk(word->s_name, "./")) { /* a file, which may hold a discriminator too */
        open_file(x, LATENT_TRAIN_FROM, word->s_name);
        return;
    }
    latent_modelref_free(x->from);
    x->from = latent_modelref_new_at(x->owner, x->canvas, word, x->manners.ready);
    if (!latent_modelref_loading(x->from))
        take_from(x);
}

void latent_training_session_score(t_latent_training_session *x, int pictures)
{
    if (!x->eyes)
        x->eyes = latent_encoder_new(x->owner, 0, NULL, x->manners.ready);
    x->scores = pictures;
    if (latent_offline() || !latent_modelref_loading(x->eyes))
        take_eyes(x);
}

void latent_training_session_resume(t_latent_training_session *x, t_symbol *file)
{
    open_file(x, LATENT_TRAIN_RESUME, file->s_name);
}

void latent_training_session_data(t_latent_training_session *x, int argc, const t_atom *argv)
{
    latent_train_job *j;
    latent_source *source;
    latent_error e;
    char *words;
    if (latent_pictures_source(argc, argv, &source, &e)) {
        latent_complain(x->owner, "%s", e.text);
        return;
    }
    if (!source) { /* a folder's name */
        if ((words = latent_words_join(argc, argv)))
            open_file(x, LATENT_TRAIN_DATA, words);
        free(words);
        return;
    }
    if (!(j = ask(x, LATENT_TRAIN_DATA))) {
        source->release(source);
        return;
    }
    j->source = source;
    send(x, j);
}

void latent_training_session_start(t_latent_training_session *x, t_float n)
{
    int before = x->running;
    if (latent_offline() && n <= 0) {
        latent_complain(x->owner, "offline there is nobody to say stop: start wants a number, "
                                  "thousands of pictures");
        return;
    }
    x->left = n > 0 ? whole((double)n) : 1e30;
    x->running = 1;
    if (!latent_offline()) {
        if (!before || x->waits)
            go_on(x);
        return;
    }
    x->inside++;
    while (x->running)
        go_on(x);
    leave(x);
}

void latent_training_session_stop(t_latent_training_session *x)
{
    x->running = 0;
}

void latent_training_session_store(t_latent_training_session *x, latent_train_task task,
                                   t_symbol *file)
{
    char path[MAXPDSTRING];
    latent_train_job *j;
    if (!latent_place(x->owner, NULL, x->canvas, file->s_name, path) && (j = ask(x, task))) {
        snprintf(j->file, sizeof(j->file), "%s", path);
        send(x, j);
    }
}

void latent_training_session_info(const t_latent_training_session *x)
{
    latent_info_number(x->manners.info, "running", x->running);
    latent_info_number(x->manners.info, "pictures", x->images);
}

/* ---- birth and death */

t_latent_training_session *latent_training_session_new(t_object *owner, t_pupil_manners manners)
{
    t_latent_training_session *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    x->owner = owner;
    x->canvas = canvas_getcurrent();
    x->manners = manners;
    x->training = latent_training_new(manners.kind);
    x->mail = latent_job_queue_new(x, LATENT_TRAINER, 0, done);
    if (!x->training || !x->mail) {
        latent_training_session_free(x);
        return NULL;
    }
    latent_training_session_renamed(x);
    return x;
}

void latent_training_session_free(t_latent_training_session *x)
{
    if (!x)
        return;
    latent_job_queue_free(x->mail);
    latent_modelref_free(x->from);
    latent_modelref_free(x->eyes);
    if (x->unread)
        x->unread->job.discard(&x->unread->job);
    if (x->known)
        latent_model_name(x->owner, x->known, NULL, NULL);
    latent_model_release(x->model);
    latent_training_release(x->training);
    x->gone = 1;
    x->running = 0;
    x->inside++;
    leave(x);
}
