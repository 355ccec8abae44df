/* stepwise: see stepwise.h */
#include "stepwise.h"
#include "box.h"
#include "mail.h"
#include <stdlib.h>

struct _latent_stepwise {
    t_object *owner;
    void *context;
    const latent_steps *steps;
    t_latent_mail *mail;
    void (*done)(void *z, void *what);
    void (*progress)(void *z, int permille);
};

/* One step; offline, where nobody waits in between, all of them. */
typedef struct {
    latent_job job;
    const latent_steps *steps;
    void *what;
    int offline, complete;
} t_step;

static int work(latent_job *job)
{
    t_step *j = (t_step *)job;
    int is;
    do
        is = j->steps->step(j->what, &job->cancel, &job->error);
    while (j->offline && !is);
    j->complete = is > 0;
    return is < 0 ? -1 : 0;
}

static void discard(latent_job *job)
{
    t_step *j = (t_step *)job;
    if (j->what)
        j->steps->let_go(j->what);
    free(j);
}

/* Takes what over. */
static void send_step(t_latent_stepwise *k, void *what)
{
    t_step *j = calloc(1, sizeof(*j));
    if (!j) {
        k->steps->let_go(what);
        latent_complain(k->owner, "no memory to compute with");
        return;
    }
    j->job.work = work;
    j->job.discard = discard;
    j->steps = k->steps;
    j->what = what;
    j->offline = latent_offline();
    if (latent_mail_send(k->mail, &j->job) < 0)
        latent_complain(k->owner, "there is no thread to compute with");
}

static void stepped(void *z, latent_job *job)
{
    t_latent_stepwise *k = z;
    t_step *j = (t_step *)job;
    if (job->failed)
        latent_complain(k->owner, "%s", job->error.text);
    else if (j->complete)
        k->done(k->context, j->what);
    else {
        int permille = (int)(1000 * k->steps->progress(j->what));
        void *what = j->what;
        j->what = NULL;
        send_step(k, what);
        if (!latent_offline()) /* else all has been done by now, and k may be gone */
            k->progress(k->context, permille);
    }
}

t_latent_stepwise *latent_stepwise_new(t_object *x, void *z, const latent_steps *steps,
                                       void (*done)(void *z, void *what),
                                       void (*progress)(void *z, int permille))
{
    t_latent_stepwise *k = calloc(1, sizeof(*k));
    if (!k || !(k->mail = latent_mail_new(k, LATENT_EVALUATOR, 0, stepped))) {
        free(k);
        return NULL;
    }
    k->owner = x;
    k->context = z;
    k->steps = steps;
    k->done = done;
    k->progress = progress;
    return k;
}

void latent_stepwise_start(t_latent_stepwise *k, void *what)
{
    latent_mail_cancel(k->mail);
    send_step(k, what);
}

int latent_stepwise_busy(const t_latent_stepwise *k)
{
    return latent_mail_busy(k->mail);
}

void latent_stepwise_cancel(t_latent_stepwise *k)
{
    latent_mail_cancel(k->mail);
}

void latent_stepwise_free(t_latent_stepwise *k)
{
    if (!k)
        return;
    latent_mail_free(k->mail);
    free(k);
}
