/* plateset: a data set in Pd: what [latent.dataset] does, apart from its arguments.  It reads a
   folder, makes its pictures ready one by one, takes pictures that are pushed, shows them before
   and after, and writes them, all away from Pd's thread, and tells of it by its outlets. */
#ifndef LATENT_PLATESET_H
#define LATENT_PLATESET_H
#include "plates.h"
#include <m_pd.h>

#include <g_canvas.h>

#pragma GCC visibility push(default)

typedef struct _latent_plateset t_latent_plateset;

typedef struct {
    t_outlet *after, *before, *info;
} t_plateset_outlets;

/* Inside the owner's new method.  settings are the owner's: they are read when work is given out;
   tell latent_plateset_changed() when they have changed. */
t_latent_plateset *latent_plateset_new(t_object *owner, const t_latent_media *media,
                                       t_plateset_outlets outlets,
                                       const latent_plate_settings *settings);
void latent_plateset_free(t_latent_plateset *x);
latent_dataset *latent_plateset_set(t_latent_plateset *x);

void latent_plateset_read(t_latent_plateset *x, t_symbol *folder);
/* count pictures of the rule, with its sentences, in place of what is there. */
void latent_plateset_rule(t_latent_plateset *x, const latent_rule *rule, uint32_t seed, int count);
/* Adds the picture when it has been computed, with the words that came last; of limit (0: any
   number of) such pictures the oldest leaves. */
void latent_plateset_image(t_latent_plateset *x, latent_node *n, int limit);
/* Words of the next image: a sentence, in English or Chinese, "en" or "zh" before it or not. */
void latent_plateset_words(t_latent_plateset *x, const char *sentence);
void latent_plateset_changed(t_latent_plateset *x);
void latent_plateset_clear(t_latent_plateset *x);
void latent_plateset_write(t_latent_plateset *x, t_symbol *folder);

/* Shows picture number n from 1, by from the one that is shown (around the ends), or that again. */
void latent_plateset_go(t_latent_plateset *x, t_float n);
void latent_plateset_walk(t_latent_plateset *x, int by);
/* What is thought of the one that is shown; goes on to the next. */
void latent_plateset_decide(t_latent_plateset *x, latent_verdict verdict);
void latent_plateset_statistics(t_latent_plateset *x);

#pragma GCC visibility pop
#endif
