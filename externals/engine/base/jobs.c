/* jobs: see jobs.h.  Each worker is a thread with a queue of the ports that have something for it.
   A port stands in the queue at most once and goes to its end after each job, so an owner who sends
   a lot does not keep the others waiting. */
#include "jobs.h"
#include "../graph/evaluate.h"
#include "../graph/tensor.h"
#include "deferred_free.h"
#include "lock.h"
#include "parallel.h"
#include "seconds.h"
#include "system.h"
#include <stdlib.h>
#include <time.h>

#define STORE_BYTES ((size_t)64 << 20) /* of freed tensors that a busy engine may keep at least */
#define PATIENCE 0.5                   /* seconds, see latent_port_give_up() */
#define IDLE_SECONDS 2                 /* after which it keeps nothing */
#define OWN_BYTES ((size_t)64 << 20)   /* of values that a worker with its own evaluator may keep */

typedef struct {
    latent_job *first, *last;
    int n;
} job_list;

struct latent_port {
    latent_worker worker;
    int newest;
    job_list waiting, finished;
    latent_job *running;
    int queued;   /* stands in its worker's queue */
    int closed;   /* its owner is gone: freed when the running job ends */
    double began; /* when the running job did */
    int patient;  /* the last job was given up: the next one is not */
    latent_port *next;
};

/* The lock is held for a few instructions at a time, never while a job works. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t came;
    pthread_t thread;
    int started, quit;
    latent_port *first, *last; /* the queue */
    latent_port *served;       /* whose job runs */
} workers[LATENT_WORKERS];
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    for (int i = 0; i < LATENT_WORKERS; i++) {
        latent_lock_make(&workers[i].lock);
        pthread_cond_init(&workers[i].came, NULL);
    }
}

/* ---- lists of jobs */

static void add(job_list *l, latent_job *job)
{
    job->next = NULL;
    if (l->first)
        l->last->next = job;
    else
        l->first = job;
    l->last = job;
    l->n++;
}

static latent_job *take_first(job_list *l)
{
    latent_job *job = l->first;
    if (job) {
        l->first = job->next;
        job->next = NULL;
        l->n--;
    }
    return job;
}

static job_list take_all(job_list *l)
{
    job_list all = *l;
    l->first = l->last = NULL;
    l->n = 0;
    return all;
}

static void discard_all(job_list l)
{
    latent_job *job;
    while ((job = take_first(&l)))
        job->discard(job);
}

/* ---- a worker's queue of ports; all under its lock */

static void queue(latent_port *p)
{
    if (p->queued)
        return;
    p->queued = 1;
    p->next = NULL;
    if (workers[p->worker].first)
        workers[p->worker].last->next = p;
    else
        workers[p->worker].first = p;
    workers[p->worker].last = p;
}

static void unqueue(latent_port *p)
{
    latent_port **at = &workers[p->worker].first, *before = NULL;
    if (!p->queued)
        return;
    for (; *at != p; at = &(*at)->next)
        before = *at;
    *at = p->next;
    if (!p->next)
        workers[p->worker].last = before;
    p->queued = 0;
}

/* ---- the threads */

/* A large network's next picture needs as much as its last one: what the boxes' budget for values
   leaves is not given back to the system, which would have to clear it again. */
static size_t store_limit(void)
{
    latent_evaluator *own = latent_evaluator_use(NULL);
    size_t budget = latent_cache(), living = latent_tensor_bytes();
    latent_evaluator_use(own);
    return budget > living + STORE_BYTES ? budget - living : STORE_BYTES;
}

void latent_job_run(latent_job *job)
{
    job->failed = job->work(job) != 0;
    latent_deferred_free_all();
    latent_tensor_trim(store_limit());
}

/* Sleeps until something may have come.  The evaluator and the loader look up from time to time:
   what died meanwhile is buried, and what an idle engine has stored of freed tensors goes back to
   the system. */
static void sleep_locked(latent_worker w)
{
    struct timespec t;
    if (w == LATENT_WRITER || w == LATENT_TRAINER) {
        pthread_cond_wait(&workers[w].came, &workers[w].lock);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += IDLE_SECONDS;
    if (!pthread_cond_timedwait(&workers[w].came, &workers[w].lock, &t))
        return;
    pthread_mutex_unlock(&workers[w].lock);
    latent_deferred_free_all();
    if (w == LATENT_EVALUATOR)
        latent_tensor_trim(0);
    pthread_mutex_lock(&workers[w].lock);
}

static void *worker_body(void *context)
{
    latent_worker w = (latent_worker)(size_t)context;
    latent_evaluator *own = NULL;
    if (w == LATENT_TRAINER)
        latent_thread_give_way();
    if (w == LATENT_SEARCHER)
        latent_thread_stand_back();
    if (w == LATENT_SEARCHER || w == LATENT_LOADER)
        own = latent_evaluator_new(0, OWN_BYTES);
    latent_evaluator_use(own);
    pthread_mutex_lock(&workers[w].lock);
    while (!workers[w].quit) {
        latent_port *p = workers[w].first;
        latent_job *job;
        int closed;
        if (!p) {
            sleep_locked(w);
            continue;
        }
        unqueue(p);
        workers[w].served = p;
        job = p->running = take_first(&p->waiting);
        p->began = latent_seconds();
        pthread_mutex_unlock(&workers[w].lock);
        latent_job_run(job);
        pthread_mutex_lock(&workers[w].lock);
        workers[w].served = NULL;
        p->running = NULL;
        if (p->waiting.n)
            queue(p);
        closed = p->closed;
        if (!atomic_load(&job->cancel)) {
            p->patient = 0;
            add(&p->finished, job);
            continue;
        }
        pthread_mutex_unlock(&workers[w].lock);
        job->discard(job);
        if (closed)
            free(p);
        pthread_mutex_lock(&workers[w].lock);
    }
    pthread_mutex_unlock(&workers[w].lock);
    latent_evaluator_use(NULL);
    latent_evaluator_free(own);
    return NULL;
}

/* What a dying job still posts while the threads end (a file to be removed) starts none again. */
static int start_locked(latent_worker w)
{
    if (workers[w].quit)
        return -1;
    if (!workers[w].started &&
        !latent_thread_start(&workers[w].thread, worker_body, (void *)(size_t)w))
        workers[w].started = 1;
    return workers[w].started ? 0 : -1;
}

/* Also when the library is taken down by exit(): a thread inside BLAS must have left before BLAS
   does. */
__attribute__((destructor)) void latent_workers_stop(void)
{
    pthread_once(&prepared, prepare);
    for (int w = 0; w < LATENT_WORKERS; w++) {
        job_list unwanted = {NULL, NULL, 0};
        latent_port *p;
        latent_job *job;
        pthread_mutex_lock(&workers[w].lock);
        workers[w].quit = 1;
        if ((p = workers[w].served)) {
            atomic_store(&p->running->cancel, 1);
            queue(p);
        }
        while ((p = workers[w].first)) {
            unqueue(p);
            while ((job = take_first(&p->waiting)))
                add(&unwanted, job);
        }
        pthread_cond_signal(&workers[w].came);
        pthread_mutex_unlock(&workers[w].lock);
        discard_all(unwanted);
    }
    for (int w = 0; w < LATENT_WORKERS; w++)
        if (workers[w].started) {
            latent_hurry(workers[w].thread);
            pthread_join(workers[w].thread, NULL);
        }
    for (int w = 0; w < LATENT_WORKERS; w++)
        workers[w].started = workers[w].quit = 0;
}

/* ---- ports */

latent_port *latent_port_new(latent_worker worker, int newest)
{
    latent_port *p = calloc(1, sizeof(*p));
    pthread_once(&prepared, prepare);
    if (p) {
        p->worker = worker;
        p->newest = newest;
    }
    return p;
}

static void lock(latent_port *p)
{
    pthread_mutex_lock(&workers[p->worker].lock);
}

static void unlock(latent_port *p)
{
    pthread_mutex_unlock(&workers[p->worker].lock);
}

int latent_port_post(latent_port *p, latent_job *job)
{
    job_list replaced = {NULL, NULL, 0};
    lock(p);
    if (start_locked(p->worker)) {
        unlock(p);
        job->discard(job);
        return -1;
    }
    if (p->newest)
        replaced = take_all(&p->waiting);
    add(&p->waiting, job);
    if (!p->running) /* else it is queued again when that job ends */
        queue(p);
    pthread_cond_signal(&workers[p->worker].came);
    unlock(p);
    discard_all(replaced);
    return replaced.n;
}

latent_job *latent_port_take(latent_port *p)
{
    latent_job *job;
    lock(p);
    job = take_first(&p->finished);
    unlock(p);
    return job;
}

int latent_port_busy(latent_port *p)
{
    int n;
    lock(p);
    n = p->waiting.n + (p->running != NULL) + p->finished.n;
    unlock(p);
    return n;
}

int latent_port_progress(latent_port *p)
{
    int permille;
    lock(p);
    permille = p->running ? atomic_load(&p->running->permille) : -1;
    unlock(p);
    return permille;
}

int latent_port_give_up(latent_port *p)
{
    int given_up;
    lock(p);
    given_up = p->running && !p->patient && !atomic_load(&p->running->cancel) &&
               latent_seconds() - p->began > PATIENCE;
    if (given_up) {
        atomic_store(&p->running->cancel, 1);
        p->patient = 1;
    }
    unlock(p);
    return given_up;
}

/* Takes all jobs from the port; the running one, which cannot be taken, is told. */
static void empty_locked(latent_port *p, job_list *waiting, job_list *finished)
{
    *waiting = take_all(&p->waiting);
    *finished = take_all(&p->finished);
    if (p->running)
        atomic_store(&p->running->cancel, 1);
    unqueue(p);
}

void latent_port_cancel(latent_port *p)
{
    job_list waiting, finished;
    lock(p);
    empty_locked(p, &waiting, &finished);
    unlock(p);
    discard_all(waiting);
    discard_all(finished);
}

void latent_port_close(latent_port *p)
{
    job_list waiting, finished;
    int running;
    lock(p);
    empty_locked(p, &waiting, &finished);
    p->closed = 1;
    running = p->running != NULL; /* then the worker frees the port */
    unlock(p);
    discard_all(waiting);
    discard_all(finished);
    if (!running)
        free(p);
}
