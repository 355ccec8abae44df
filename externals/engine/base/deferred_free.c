/* deferred_free: see deferred_free.h.  No lock is needed: whoever buries takes all that waits. */
#include "deferred_free.h"
#include <stdatomic.h>
#include <stddef.h>

static latent_deferred_free *_Atomic dead;

void latent_deferred_free_add(latent_deferred_free *g, void (*release)(latent_deferred_free *))
{
    g->release = release;
    g->next = atomic_load(&dead);
    while (!atomic_compare_exchange_weak(&dead, &g->next, g))
        ;
}

void latent_deferred_free_all(void)
{
    latent_deferred_free *g;
    while ((g = atomic_exchange(&dead, NULL))) /* a burial may bring more to release */
        while (g) {
            latent_deferred_free *next = g->next;
            g->release(g);
            g = next;
        }
}
