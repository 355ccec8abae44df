/* stepwise: see stepwise.h */
#include "stepwise.h"
#include "box.h"
#include "job_queue.h"
#include <stdlib.h>

#define OFTEN 10 /* seconds */

struct _latent_stepwise {
    t_object *owner;
    void *context;
    const latent_steps *steps;
    t_latent_job_queue *mail;
    void (*done)(void *z, void *what);
    void (*progress)(void *z, int permille);
    void *next;       /* offline: what the next step is to be done of, or NULL */
    double told;      /* when the console was told last, seconds */
    int inside, gone; /* offline: who hears of the progress may be the end of it */
};

typedef struct {
    latent_job job;
    const latent_steps *steps;
    void *what;
    int complete;
} t_step;

static int work(latent_job *job)
{
    t_step *j = (t_step *)job;
    int is = j->steps->step(j->what, &job->cancel, &job->error);
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
    if (latent_job_queue_send(k->mail, &j->job) < 0)
        latent_complain(k->owner, "there is no thread to compute with");
}

static void forget_next(t_latent_stepwise *k)
{
    if (k->next)
        k->steps->let_go(k->next);
    k->next = NULL;
}

/* Offline nobody sees the outlets while it works: the console is told from time to time. */
static void tell_console(t_latent_stepwise *k, int permille)
{
    double now = sys_getrealtime();
    if (now - k->told < OFTEN)
        return;
    k->told = now;
    post("%s: %d percent is done", class_getname(pd_class(&k->owner->ob_pd)), permille / 10);
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
        if (latent_offline()) {
            k->next = what;
            tell_console(k, permille);
        } else
            send_step(k, what);
        k->progress(k->context, permille); /* which may cancel, start anew, or be the end of k */
    }
}

t_latent_stepwise *latent_stepwise_new(t_object *x, void *z, const latent_steps *steps,
                                       void (*done)(void *z, void *what),
                                       void (*progress)(void *z, int permille))
{
    t_latent_stepwise *k = calloc(1, sizeof(*k));
    if (!k || !(k->mail = latent_job_queue_new(k, LATENT_SEARCHER, 0, stepped))) {
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

/* Offline step after step is done here, so that the patch hears of each and can say stop. */
void latent_stepwise_start(t_latent_stepwise *k, void *what)
{
    latent_stepwise_cancel(k);
    k->told = sys_getrealtime();
    k->inside++;
    send_step(k, what);
    while (!k->gone && k->next) {
        what = k->next;
        k->next = NULL;
        send_step(k, what);
    }
    if (--k->inside == 0 && k->gone)
        free(k);
}

int latent_stepwise_busy(const t_latent_stepwise *k)
{
    return k->next || latent_job_queue_busy(k->mail);
}

void latent_stepwise_cancel(t_latent_stepwise *k)
{
    latent_job_queue_cancel(k->mail);
    forget_next(k);
}

void latent_stepwise_free(t_latent_stepwise *k)
{
    if (!k)
        return;
    latent_job_queue_free(k->mail);
    forget_next(k);
    k->gone = 1;
    if (!k->inside)
        free(k);
}
