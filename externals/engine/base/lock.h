/* lock: a mutex that Pd's thread shares with others, held for a few instructions at a time. Whoever
   waits for it lends its priority to the thread that holds it: else Pd ("-rt") would wait until a
   thread that was interrupted meanwhile gets a processor again. */
#ifndef LATENT_LOCK_H
#define LATENT_LOCK_H
#include <pthread.h>

#pragma GCC visibility push(default)

void latent_lock_make(pthread_mutex_t *lock);

#pragma GCC visibility pop

/* One that is there from the start. */
#define LATENT_LOCK(name)                                                                          \
    static pthread_mutex_t name;                                                                   \
    __attribute__((constructor)) static void make_##name(void)                                     \
    {                                                                                              \
        latent_lock_make(&name);                                                                   \
    }

#endif
