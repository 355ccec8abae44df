/* parallel: see parallel.h */
#include "parallel.h"
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)4 << 20)

/* One round of work.  Its helpers count themselves in and out under the mutex, so that it can live
   on the caller's stack. */
typedef struct {
    void (*body)(void *context, int i, int slot);
    void *context;
    int n;
    atomic_int next; /* the first i that nobody has taken */
} latent_round;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* one round at a time */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t work_came = PTHREAD_COND_INITIALIZER;
static pthread_cond_t work_done = PTHREAD_COND_INITIALIZER;
static latent_round *current;
static unsigned round_number;
static int helpers_inside;
static int quit;
static pthread_t helper[LATENT_MAX_THREADS];
static int n_helpers;
static atomic_int wanted; /* 0: not told yet */

int latent_thread_start(pthread_t *thread, void *(*body)(void *), void *context)
{
    pthread_attr_t attributes;
    struct sched_param normal;
    sigset_t all, before;
    int failed;
    memset(&normal, 0, sizeof(normal));
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    /* "pd -rt" runs SCHED_FIFO and its threads would inherit that */
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_OTHER);
    pthread_attr_setschedparam(&attributes, &normal);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* Pd's signals stay with Pd */
    failed = pthread_create(thread, &attributes, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

static void take_part(latent_round *r, int slot)
{
    int i;
    while ((i = atomic_fetch_add(&r->next, 1)) < r->n)
        r->body(r->context, i, slot);
}

static void *helper_body(void *context)
{
    int slot = (int)(size_t)context;
    unsigned seen = 0;
    pthread_mutex_lock(&lock);
    while (!quit) {
        latent_round *r = current;
        if (!r || seen == round_number || slot >= latent_threads()) {
            pthread_cond_wait(&work_came, &lock);
            continue;
        }
        seen = round_number;
        helpers_inside++;
        pthread_mutex_unlock(&lock);
        take_part(r, slot);
        pthread_mutex_lock(&lock);
        if (--helpers_inside == 0)
            pthread_cond_signal(&work_done);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

int latent_threads(void)
{
    int n = atomic_load(&wanted);
    if (!n) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        n = cores > LATENT_MAX_THREADS ? LATENT_MAX_THREADS : cores > 2 ? (int)cores - 1 : 1;
    }
    return n;
}

void latent_threads_set(int n)
{
    atomic_store(&wanted, n < 1 ? 1 : n > LATENT_MAX_THREADS ? LATENT_MAX_THREADS : n);
}

void latent_parallel(int n, void (*body)(void *context, int i, int slot), void *context)
{
    latent_round r = {body, context, n, 0};
    int threads = latent_threads();
    if (n < 2 || threads < 2) {
        pthread_mutex_lock(&turn);
        take_part(&r, 0);
        pthread_mutex_unlock(&turn);
        return;
    }
    pthread_mutex_lock(&turn);
    pthread_mutex_lock(&lock);
    while (n_helpers < threads - 1 &&
           !latent_thread_start(&helper[n_helpers], helper_body, (void *)(size_t)(n_helpers + 1)))
        n_helpers++;
    current = &r;
    round_number++;
    pthread_cond_broadcast(&work_came);
    pthread_mutex_unlock(&lock);
    take_part(&r, 0);
    pthread_mutex_lock(&lock);
    current = NULL;
    while (helpers_inside)
        pthread_cond_wait(&work_done, &lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&turn);
}

void latent_threads_stop(void)
{
    pthread_mutex_lock(&turn);
    pthread_mutex_lock(&lock);
    quit = 1;
    pthread_cond_broadcast(&work_came);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < n_helpers; i++)
        pthread_join(helper[i], NULL);
    n_helpers = 0;
    quit = 0;
    pthread_mutex_unlock(&turn);
}
