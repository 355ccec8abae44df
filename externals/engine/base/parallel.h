/* parallel: the engine's own pool of threads, which work inside one operation.  Pool threads are
   SCHED_OTHER whatever Pd runs at, have all signals blocked, and sleep when idle, so the audio
   thread always wins. */
#ifndef LATENT_PARALLEL_H
#define LATENT_PARALLEL_H
#include <pthread.h>

#pragma GCC visibility push(default)

/* How many threads work on an operation, the caller included: 1 to 64.  The default is the number
   of cores less one, at least 1.  May be set at any time, from any thread. */
void latent_threads_set(int n);
int latent_threads(void);

/* Calls body(context, i) for every i from 0 to n - 1, spread over the pool; returns when all are
   done.  body runs on several threads at once, in any order; slot tells them apart (0 to
   LATENT_MAX_THREADS - 1), for scratch memory of one thread.  Calls from several threads at once
   take turns.  Must not be called from inside body.  Each thread begins with a share of its own,
   the same for as many items, so that it finds in its caches what it wrote in the round before. */
#define LATENT_MAX_THREADS 64
void latent_parallel(int n, void (*body)(void *context, int i, int slot), void *context);
/* The same, but the items are begun in their order: one may wait for those before it. */
void latent_parallel_in_order(int n, void (*body)(void *context, int i, int slot), void *context);

/* n items in as many shares as threads: which one slot does next, of another's share when its own
   is used up, or -1. */
typedef struct {
    int n, shares;
    _Atomic int next[LATENT_MAX_THREADS]; /* in each share */
} latent_shares;
void latent_shares_init(latent_shares *s, int n, int shares);
int latent_shares_take(latent_shares *s, int slot);

/* Starts a detached-from-Pd thread as described above (normal scheduling, signals blocked).
   0, or an errno. */
int latent_thread_start(pthread_t *thread, void *(*body)(void *), void *context);
/* Ends the pool's threads; they start again when they are needed. */
void latent_threads_stop(void);
/* From now on the calling thread works only while nobody else wants the processor. */
void latent_thread_give_way(void);
/* From now on it gets a tenth of what others get where there are more threads than processors. */
void latent_thread_stand_back(void);

/* A pool of one's own, for long work that must not hold up the engine's (a training): its threads
   give way to others, or stand back, if the one that starts them does, and rounds in it never wait
   for rounds in the engine's.  threads 0: as many as the engine's. */
typedef struct latent_pool latent_pool;
latent_pool *latent_pool_new(int threads); /* NULL: no memory */
void latent_pool_free(latent_pool *p);     /* nobody uses it any more; may be NULL */
/* From now on the calling thread's rounds take place in p (NULL: in the engine's again). */
void latent_pool_use(latent_pool *p);

#pragma GCC visibility pop
#endif
