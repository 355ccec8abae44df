/* grave: see grave.h */
#include "grave.h"
#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static latent_grave *dead;

void latent_grave_add(latent_grave *g, void (*bury)(latent_grave *))
{
    g->bury = bury;
    pthread_mutex_lock(&lock);
    g->next = dead;
    dead = g;
    pthread_mutex_unlock(&lock);
}

void latent_graves_bury(void)
{
    for (;;) { /* a burial may bring more to bury */
        latent_grave *g;
        pthread_mutex_lock(&lock);
        if ((g = dead))
            dead = g->next;
        pthread_mutex_unlock(&lock);
        if (!g)
            return;
        g->bury(g);
    }
}
