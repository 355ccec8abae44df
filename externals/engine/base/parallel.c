/* parallel: see parallel.h */
#include "parallel.h"
#include "seconds.h"
#include "system.h"
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)4 << 20)
#define AWAKE 150e-6 /* seconds for which a thread looks for what comes next before it sleeps */

/* One round of work.  Its helpers count themselves in and out under the mutex, so that it can live
   on the caller's stack. */
typedef struct {
    void (*body)(void *context, int i, int slot);
    void *context;
    latent_shares items;
} latent_round;

typedef struct {
    latent_pool *pool;
    int slot;
    void (*manner)(void); /* of the thread that started it, or NULL */
} latent_seat;

struct latent_pool {
    pthread_mutex_t turn; /* one round at a time */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work_came, work_done;
    latent_round *current;
    atomic_uint round_number, helpers_inside; /* these are also looked at without the lock */
    int quit;
    pthread_t helper[LATENT_MAX_THREADS];
    latent_seat seat[LATENT_MAX_THREADS];
    int n_helpers;
    atomic_int wanted; /* 0: not told yet; as the engine's */
};

static latent_pool engine = {.turn = PTHREAD_MUTEX_INITIALIZER,
                             .lock = PTHREAD_MUTEX_INITIALIZER,
                             .work_came = PTHREAD_COND_INITIALIZER,
                             .work_done = PTHREAD_COND_INITIALIZER};
static _Thread_local latent_pool *own;     /* of this thread, or NULL */
static _Thread_local void (*manner)(void); /* how this thread lets others go first, or NULL */

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

void latent_shares_init(latent_shares *s, int n, int shares)
{
    s->n = n;
    s->shares = shares;
    for (int i = 0; i < shares; i++)
        atomic_init(&s->next[i], 0);
}

int latent_shares_take(latent_shares *s, int slot)
{
    for (int i = 0; i < s->shares; i++) {
        int share = (slot + i) % s->shares;
        int from = (int)((int64_t)s->n * share / s->shares);
        int end = (int)((int64_t)s->n * (share + 1) / s->shares);
        int item = from + atomic_fetch_add(&s->next[share], 1);
        if (item < end)
            return item;
    }
    return -1;
}

static void take_part(latent_round *r, int slot)
{
    int i;
    while ((i = latent_shares_take(&r->items, slot)) >= 0)
        r->body(r->context, i, slot);
}

void latent_thread_give_way(void)
{
    latent_idle_priority();
    manner = latent_thread_give_way;
}

void latent_thread_stand_back(void)
{
    latent_low_priority();
    manner = latent_thread_stand_back;
}

static int threads_of(latent_pool *p)
{
    int n = atomic_load(&p->wanted);
    if (!n)
        n = atomic_load(&engine.wanted);
    if (!n) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        n = cores > LATENT_MAX_THREADS ? LATENT_MAX_THREADS : cores > 2 ? (int)cores - 1 : 1;
    }
    return n;
}

static void breathe(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Looks for a moment whether a number is (or, without wanted, is no longer) what is meant: rounds
   follow each other closely, and to fall asleep and be woken takes longer than many of them. */
static void look(const atomic_uint *number, unsigned meant, int wanted)
{
    double start = latent_seconds();
    while ((atomic_load(number) == meant) != wanted && latent_seconds() - start < AWAKE)
        breathe();
}

static void *helper_body(void *context)
{
    const latent_seat *seat = context;
    latent_pool *p = seat->pool;
    unsigned seen = 0;
    if (seat->manner)
        seat->manner();
    pthread_mutex_lock(&p->lock);
    while (!p->quit) {
        latent_round *r = p->current;
        if (!r || seen == p->round_number || seat->slot >= threads_of(p)) {
            pthread_cond_wait(&p->work_came, &p->lock);
            continue;
        }
        seen = p->round_number;
        p->helpers_inside++;
        pthread_mutex_unlock(&p->lock);
        take_part(r, seat->slot);
        pthread_mutex_lock(&p->lock);
        if (--p->helpers_inside == 0)
            pthread_cond_signal(&p->work_done);
        pthread_mutex_unlock(&p->lock);
        look(&p->round_number, seen, 0);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int latent_threads(void)
{
    return threads_of(own ? own : &engine);
}

void latent_threads_set(int n)
{
    atomic_store(&engine.wanted, n < 1 ? 1 : n > LATENT_MAX_THREADS ? LATENT_MAX_THREADS : n);
}

static void start_helpers(latent_pool *p, int threads)
{
    while (p->n_helpers < threads - 1) {
        latent_seat *seat = &p->seat[p->n_helpers];
        seat->pool = p;
        seat->slot = p->n_helpers + 1;
        seat->manner = manner;
        if (latent_thread_start(&p->helper[p->n_helpers], helper_body, seat))
            return;
        p->n_helpers++;
    }
}

static void run_round(int n, int shares, void (*body)(void *context, int i, int slot),
                      void *context)
{
    latent_round r = {.body = body, .context = context};
    latent_pool *p = own ? own : &engine;
    int threads = threads_of(p);
    latent_shares_init(&r.items, n, shares);
    if (n < 2 || threads < 2) {
        pthread_mutex_lock(&p->turn);
        take_part(&r, 0);
        pthread_mutex_unlock(&p->turn);
        return;
    }
    pthread_mutex_lock(&p->turn);
    pthread_mutex_lock(&p->lock);
    start_helpers(p, threads);
    p->current = &r;
    p->round_number++;
    pthread_cond_broadcast(&p->work_came);
    pthread_mutex_unlock(&p->lock);
    take_part(&r, 0);
    pthread_mutex_lock(&p->lock);
    p->current = NULL;
    pthread_mutex_unlock(&p->lock);
    look(&p->helpers_inside, 0, 1);
    pthread_mutex_lock(&p->lock);
    while (p->helpers_inside)
        pthread_cond_wait(&p->work_done, &p->lock);
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_unlock(&p->turn);
}

void latent_parallel(int n, void (*body)(void *context, int i, int slot), void *context)
{
    run_round(n, latent_threads(), body, context);
}

void latent_parallel_in_order(int n, void (*body)(void *context, int i, int slot), void *context)
{
    run_round(n, 1, body, context);
}

static void stop(latent_pool *p)
{
    pthread_mutex_lock(&p->turn);
    pthread_mutex_lock(&p->lock);
    p->quit = 1;
    pthread_cond_broadcast(&p->work_came);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_helpers; i++) {
        latent_hurry(p->helper[i]);
        pthread_join(p->helper[i], NULL);
    }
    p->n_helpers = 0;
    p->quit = 0;
    pthread_mutex_unlock(&p->turn);
}

void latent_threads_stop(void)
{
    stop(&engine);
}

latent_pool *latent_pool_new(int threads)
{
    latent_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    pthread_mutex_init(&p->turn, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work_came, NULL);
    pthread_cond_init(&p->work_done, NULL);
    atomic_init(&p->wanted, threads < 0                    ? 1
                            : threads > LATENT_MAX_THREADS ? LATENT_MAX_THREADS
                                                           : threads);
    return p;
}

void latent_pool_free(latent_pool *p)
{
    if (!p)
        return;
    stop(p);
    pthread_mutex_destroy(&p->turn);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work_came);
    pthread_cond_destroy(&p->work_done);
    free(p);
}

void latent_pool_use(latent_pool *p)
{
    own = p;
}
