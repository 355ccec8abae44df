/* calibrator: see calibrator.h */
#include "calibrator.h"
#include "box.h"
#include "mail.h"
#include <stdlib.h>

struct _latent_calibrator {
    t_object *owner;
    t_latent_mail *mail;
    void (*done)(void *x, const latent_calibration *c);
    void (*progress)(void *x, int permille);
};

static void send_step(t_latent_calibrator *k, latent_calibration_job *j, const latent_error *e)
{
    if (!j)
        latent_complain(k->owner, "%s", e->text);
    else if (latent_mail_send(k->mail, &j->job) < 0)
        latent_complain(k->owner, "there is no thread to compute with");
}

static void stepped(void *z, latent_job *job)
{
    t_latent_calibrator *k = z;
    latent_calibration_job *j = (latent_calibration_job *)job;
    latent_error e;
    if (job->failed)
        latent_complain(k->owner, "%s", job->error.text);
    else if (j->complete)
        k->done(k->owner, j->calibration);
    else {
        int permille = (int)(1000 * latent_calibration_progress(j->calibration));
        send_step(k, latent_calibration_job_next(j, &e), &e);
        if (!latent_offline()) /* where the later steps have been done by now */
            k->progress(k->owner, permille);
    }
}

t_latent_calibrator *latent_calibrator_new(t_object *x,
                                           void (*done)(void *x, const latent_calibration *c),
                                           void (*progress)(void *x, int permille))
{
    t_latent_calibrator *k = calloc(1, sizeof(*k));
    if (!k || !(k->mail = latent_mail_new(k, LATENT_EVALUATOR, 0, stepped))) {
        free(k);
        return NULL;
    }
    k->owner = x;
    k->done = done;
    k->progress = progress;
    return k;
}

void latent_calibrator_start(t_latent_calibrator *k, latent_calibration *c)
{
    latent_error e;
    latent_mail_cancel(k->mail);
    send_step(k, latent_calibration_job_new(c, &e), &e);
}

void latent_calibrator_cancel(t_latent_calibrator *k)
{
    latent_mail_cancel(k->mail);
}

void latent_calibrator_free(t_latent_calibrator *k)
{
    if (!k)
        return;
    latent_mail_free(k->mail);
    free(k);
}
