/* deferred_free: large things that died on Pd's thread and are freed on another, because giving
   hundreds of megabytes back to the system takes milliseconds. */
#ifndef LATENT_DEFERRED_FREE_H
#define LATENT_DEFERRED_FREE_H

#pragma GCC visibility push(default)

typedef struct latent_deferred_free {
    struct latent_deferred_free *next;
    void (*release)(struct latent_deferred_free *);
} latent_deferred_free;

/* From now on g is the workers' own.  Any thread, constant time. */
void latent_deferred_free_add(latent_deferred_free *g, void (*release)(latent_deferred_free *));
/* Frees all that waits.  Called by the workers after every job and when idle. */
void latent_deferred_free_all(void);

#pragma GCC visibility pop

#endif
