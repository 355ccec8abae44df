/* walker: a walk that is heard, learned in the background and gone on with, in Pd: what
   [latent.predict] does apart from its arguments. */
#ifndef LATENT_WALKER_H
#define LATENT_WALKER_H
#include "engine/sequence/follow.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct {
    int units, seed, keep; /* of the network; rows that are remembered */
    double recent, temperature, leash;
} t_latent_walker_settings;

typedef struct _latent_walker t_latent_walker;

/* changed(owner, loss): something was learned (or read: NaN); written(owner): a file is on the
   disk.  What goes wrong is the owner's error. */
t_latent_walker *latent_walker_new(t_object *owner, const t_latent_walker_settings *settings,
                                   void (*changed)(void *owner, double loss),
                                   void (*written)(void *owner));
/* First thing in the owner's free method: never waits; may be NULL. */
void latent_walker_free(t_latent_walker *w);

/* A row has come; learn: it is learned from.  *surprise: how many bits less likely it was than rows
   are on the mean, NaN while that is not known.  0, or -1 after an error. */
int latent_walker_hear(t_latent_walker *w, const float *row, int wide, int learn, double *surprise);
/* The next row, in latent_walker_row() [latent_walker_wide()]; *seconds from the one before it.
   0, or -1 after an error. */
int latent_walker_say(t_latent_walker *w, double *seconds);
const float *latent_walker_row(const t_latent_walker *w);
int latent_walker_wide(const t_latent_walker *w); /* 0: nothing is known yet */
/* As latent_player_likely(); 0, or -1 while nothing has been learned. */
int latent_walker_likely(const t_latent_walker *w, float *share, float *rows);
/* Learns so many steps more, in the background. */
void latent_walker_steps(t_latent_walker *w, int steps);
/* From now on rows belong to that walk; where it is known already, it is gone on with. */
void latent_walker_walk(t_latent_walker *w, t_symbol *name);
/* Forgets the rows of a walk, or all rows and what was learned (NULL). */
void latent_walker_forget(t_latent_walker *w, t_symbol *name);
/* The row counter of a seed begins anew. */
void latent_walker_seeded(t_latent_walker *w);
void latent_walker_write(t_latent_walker *w, const char *path);
/* paths: as latent_names_find() gives them; taken over. */
void latent_walker_read(t_latent_walker *w, char *paths);

int latent_walker_rows(const t_latent_walker *w);         /* that were heard */
long latent_walker_learned(const t_latent_walker *w);     /* steps */
const char *latent_walker_name(const t_latent_walker *w); /* of the walk that is heard */

#pragma GCC visibility pop
#endif
