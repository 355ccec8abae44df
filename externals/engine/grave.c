/* grave: see grave.h.  No lock is needed: whoever buries takes all that waits. */
#include "grave.h"
#include <stdatomic.h>
#include <stddef.h>

static latent_grave *_Atomic dead;

void latent_grave_add(latent_grave *g, void (*bury)(latent_grave *))
{
    g->bury = bury;
    g->next = atomic_load(&dead);
    while (!atomic_compare_exchange_weak(&dead, &g->next, g))
        ;
}

void latent_graves_bury(void)
{
    latent_grave *g;
    while ((g = atomic_exchange(&dead, NULL))) /* a burial may bring more to bury */
        while (g) {
            latent_grave *next = g->next;
            g->bury(g);
            g = next;
        }
}
