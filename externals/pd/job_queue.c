/* job_queue: see job_queue.h.  The box polls its port by a clock while something is under way: that
   works in every Pd, with every sound driver, and takes no lock of Pd's. */
#include "job_queue.h"
#include "engine/base/system.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 2
#define SOON 2 /* seconds; offline progress is told after these */
#define OFTEN 1

struct _latent_job_queue {
    void *owner; /* NULL once the mail is freed */
    latent_port *port;
    t_clock *clock;
    void (*done)(void *owner, latent_job *job);
    void (*progress)(void *owner, int permille);
    int refs; /* the owner, and whoever is inside done or progress */
};

static atomic_int offline = -1; /* -1: not looked yet */

static void look_for_batch(void *found, const char *word)
{
    if (!strcmp(word, "-batch") || !strcmp(word, "-nobatch"))
        *(int *)found = word[1] == 'b';
}

int latent_offline(void)
{
    int found = atomic_load(&offline);
    const char *wish = getenv("LATENT_SYNC");
    if (found >= 0)
        return found;
    found = wish && atoi(wish) != 0;
    if (!wish) /* Pd does not tell its externals about -batch */
        latent_command_line(look_for_batch, &found);
    atomic_store(&offline, found);
    return found;
}

void latent_offline_set(int on)
{
    atomic_store(&offline, on != 0);
}

static void let_go(t_latent_job_queue *m)
{
    if (--m->refs == 0)
        free(m);
}

static void deliver(t_latent_job_queue *m, latent_job *job)
{
    if (m->owner && !atomic_load(&job->cancel))
        m->done(m->owner, job);
    job->discard(job);
}

static void deliver_finished(t_latent_job_queue *m)
{
    /* not for ever, should done send jobs that finish at once */
    for (int n = latent_port_busy(m->port); n > 0 && m->owner; n--) {
        latent_job *job = latent_port_take(m->port);
        if (!job)
            return;
        deliver(m, job);
    }
}

static void tick(t_latent_job_queue *m)
{
    m->refs++;
    deliver_finished(m);
    if (m->owner && m->progress) {
        int permille = latent_port_progress(m->port);
        if (permille >= 0)
            m->progress(m->owner, permille);
    }
    if (m->owner && latent_port_busy(m->port))
        clock_delay(m->clock, POLL_MS);
    let_go(m);
}

t_latent_job_queue *latent_job_queue_new(void *owner, latent_worker worker, int newest,
                                         void (*done)(void *owner, latent_job *job))
{
    t_latent_job_queue *m = calloc(1, sizeof(*m));
    if (!m || !(m->port = latent_port_new(worker, newest))) {
        free(m);
        return NULL;
    }
    m->owner = owner;
    m->done = done;
    m->refs = 1;
    m->clock = clock_new(m, (t_method)tick);
    latent_offline(); /* looked up now, not while the patch plays */
    return m;
}

/* What was sent before "sync 1" comes first. */
static void wait_for_earlier(t_latent_job_queue *m)
{
    while (m->owner && latent_port_busy(m->port)) {
        deliver_finished(m);
        if (m->owner && latent_port_busy(m->port))
            usleep(1000);
    }
}

/* Offline a worker does what tells of its progress, so that the patch hears of it, and can cancel
   it, when it takes its time; what is done soon is done without a word. */
static void wait_for_worker(t_latent_job_queue *m)
{
    double began = sys_getrealtime(), told = began;
    while (m->owner && latent_port_busy(m->port)) {
        double now = sys_getrealtime();
        deliver_finished(m);
        if (m->owner && latent_port_busy(m->port)) {
            int permille = now - began >= SOON ? latent_port_progress(m->port) : -1;
            if (permille >= 0 && now - told >= OFTEN) {
                told = now;
                m->progress(m->owner, permille);
            }
            usleep(1000);
        }
    }
}

int latent_job_queue_send(t_latent_job_queue *m, latent_job *job)
{
    int replaced = 0, idle = !latent_port_busy(m->port);
    if (latent_offline()) {
        m->refs++;
        wait_for_earlier(m);
        if (!m->owner || !m->progress) {
            if (m->owner)
                latent_job_run(job);
            deliver(m, job);
        } else if ((replaced = latent_port_post(m->port, job)) >= 0)
            wait_for_worker(m);
        let_go(m);
    } else if ((replaced = latent_port_post(m->port, job)) >= 0 && idle)
        clock_delay(m->clock, POLL_MS); /* only then: many sends must not put it off for ever */
    return replaced;
}

void latent_job_queue_watch(t_latent_job_queue *m, void (*progress)(void *owner, int permille))
{
    m->progress = progress;
}

int latent_job_queue_busy(t_latent_job_queue *m)
{
    return latent_port_busy(m->port) > 0;
}

void latent_job_queue_cancel(t_latent_job_queue *m)
{
    latent_port_cancel(m->port);
}

int latent_job_queue_give_up(t_latent_job_queue *m)
{
    return latent_port_give_up(m->port);
}

void latent_job_queue_free(t_latent_job_queue *m)
{
    if (!m)
        return;
    m->owner = NULL;
    latent_port_close(m->port);
    clock_free(m->clock);
    let_go(m);
}
