/* modelref: a box's hold on a model: a file (searched beside the patch, then in Pd's path, loaded
   once in the background and shared), a name given by [latent.model], or the built-in model. */
#ifndef LATENT_MODELREF_H
#define LATENT_MODELREF_H
#include "engine/models/model.h"
#include "names.h"
#include <m_pd.h>

#include <g_canvas.h>

#pragma GCC visibility push(default)

typedef struct _latent_modelref t_latent_modelref;

/* word: a file's name, a model's name, or NULL (or the empty symbol) for the built-in model; call
   it inside the object's new method.  ready (may be NULL) is called on Pd's thread whenever a model
   has arrived or was replaced under that name: the moment to do what waited.  Offline the file is
   loaded before this returns, and ready is not called from inside. */
t_latent_modelref *latent_modelref_new(t_object *x, t_symbol *word, void (*ready)(void *x));
/* The same outside the new method; canvas is what canvas_getcurrent() gave inside it. */
t_latent_modelref *latent_modelref_new_at(t_object *x, t_canvas *canvas, t_symbol *word,
                                          void (*ready)(void *x));
/* For a [latent.model] that gives its model the name own (or NULL): with weights in half precision
   (1), or not (0), of a name that stands for what it does; of any kind.  A word that leads back to
   own is the file of that name; NULL after a complaint when it is no file's name. */
t_latent_modelref *latent_modelref_new_for(t_object *x, t_canvas *canvas, t_symbol *word, int half,
                                           t_symbol *own, void (*ready)(void *x));
void latent_modelref_free(t_latent_modelref *r);
/* The same for a box that takes another kind of model than a generator; each kind has a built-in
   model of its own. */
t_latent_modelref *latent_modelref_new_of(t_object *x, latent_model_kind kind, t_symbol *word,
                                          void (*ready)(void *x));
/* More news, for [latent.model]: a load that failed (what is wrong has been said, as the box's own
   error), and how far one is, in thousandths. */
void latent_modelref_watch(t_latent_modelref *r, void (*failed)(void *x),
                           void (*progress)(void *x, int permille));

/* The model, held by the reference (retain it to keep it longer), or NULL.  complain: say why there
   is none (still loading: said once, in the Pd window; failed, unknown or of another kind:
   pd_error).
 */
latent_model *latent_modelref_get(t_latent_modelref *r, int complain);
/* 1 while a file is being read: a box may keep its newest input and serve it when ready comes. */
int latent_modelref_loading(const t_latent_modelref *r);
/* Has the file read anew, should it have changed; what is there stays until then, and for good when
   that fails. */
void latent_modelref_reread(t_latent_modelref *r);
/* Is the file being read (1), has it been (0), or was there nothing to read (-1)? */
int latent_modelref_reading(const t_latent_modelref *r);
/* 1 when the box named no model of its own. */
int latent_modelref_builtin(const t_latent_modelref *r);

/* Does an argument name a model (a symbol that is no flag)? */
int latent_modelref_is_word(const t_atom *a);

/* For [latent.model] and [latent.train]: the box gives a loaded model a name (takes no holder
   away), and every box using that name is told; from is the reference by which it has the model
   itself, or NULL.  It says so when it takes a name from another box.  m NULL takes the name back,
   where it is still this box's; boxes that use it keep what they have. */
void latent_model_name(t_object *x, t_symbol *name, latent_model *m, const t_latent_modelref *from);
/* The box is going to give a model that name: boxes that use it wait instead of complaining, where
   it is being loaded. */
void latent_model_expect(t_object *x, t_symbol *name, const t_latent_modelref *from);
/* Is a model known by that word the one of that name, by way of however many boxes that have names
   from each other?  To give it that name would never end. */
int latent_modelref_leads_to(const t_latent_modelref *r, const t_symbol *name);

#pragma GCC visibility pop
#endif
