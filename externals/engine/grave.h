/* grave: large things that died on Pd's thread and are freed on another, because giving hundreds of
   megabytes back to the system takes milliseconds. */
#ifndef LATENT_GRAVE_H
#define LATENT_GRAVE_H

#pragma GCC visibility push(default)

typedef struct latent_grave {
    struct latent_grave *next;
    void (*bury)(struct latent_grave *);
} latent_grave;

/* From now on g is the workers' own.  Any thread, constant time. */
void latent_grave_add(latent_grave *g, void (*bury)(latent_grave *));
/* Frees all that waits.  Called by the workers after every job and when idle. */
void latent_graves_bury(void);

#pragma GCC visibility pop

#endif
