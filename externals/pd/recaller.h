/* recaller: has a network draw pictures in the background and a CLIP look at them, for
   [latent.guide]: what it then recalls is there as soon as there is one picture, and grows. */
#ifndef LATENT_RECALLER_H
#define LATENT_RECALLER_H
#include "engine/guidance/recall.h"
#include "modelref.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct _latent_recaller t_latent_recaller;

/* In the object's new method; clip, the owner's, is what looks; info: where "recall <f>" goes, how
   much is there, up to 1; renewed is called when the network that draws has come, or another one
   under its name: call latent_recaller_renewed() then. */
t_latent_recaller *latent_recaller_new(t_object *x, t_latent_modelref *clip, t_outlet *info,
                                       void (*renewed)(void *x));
void latent_recaller_renewed(t_latent_recaller *r);
/* From now on so many pictures (0: none) of that network (a name, a file, or the empty symbol for
   the built-in one), seen by the CLIP that there is now; what was known is forgotten.  complain:
   say why that can't be. */
void latent_recaller_set(t_latent_recaller *r, int pictures, t_symbol *generator, int complain);
/* No more pictures than there are now. */
void latent_recaller_stop(t_latent_recaller *r);
/* What is known, held by the recaller; NULL where there is nothing, which is said once if it is not
   by itself going to be otherwise. */
latent_recall *latent_recaller_get(t_latent_recaller *r);
void latent_recaller_free(t_latent_recaller *r); /* r may be NULL */

#pragma GCC visibility pop
#endif
