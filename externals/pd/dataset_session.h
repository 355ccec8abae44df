/* dataset_session: a data set in Pd: what [latent.dataset] does, apart from its arguments.  It
   reads a folder, makes its pictures ready one by one, takes pictures that are pushed, shows them
   before and after, and writes them, all away from Pd's thread, and tells of it by its outlets. */
#ifndef LATENT_DATASET_SESSION_H
#define LATENT_DATASET_SESSION_H
#include "dataset_jobs.h"
#include <m_pd.h>

#include <g_canvas.h>

#pragma GCC visibility push(default)

typedef struct _latent_dataset_session t_latent_dataset_session;

typedef struct {
    t_outlet *after, *before, *info;
} t_plateset_outlets;

/* Inside the owner's new method.  settings are the owner's: they are read when work is given out;
   tell latent_dataset_session_changed() when they have changed. */
t_latent_dataset_session *latent_dataset_session_new(t_object *owner, const t_latent_media *media,
                                                     t_plateset_outlets outlets,
                                                     const latent_sample_settings *settings);
void latent_dataset_session_free(t_latent_dataset_session *x);
latent_dataset *latent_dataset_session_set(t_latent_dataset_session *x);

void latent_dataset_session_read(t_latent_dataset_session *x, t_symbol *folder);
/* count pictures of the rule, with its sentences, in place of what is there. */
void latent_dataset_session_rule(t_latent_dataset_session *x, const latent_rule *rule,
                                 uint32_t seed, int count);
/* Adds the picture when it has been computed, with the words that came last; of limit (0: any
   number of) such pictures the oldest leaves. */
void latent_dataset_session_image(t_latent_dataset_session *x, latent_node *n, int limit);
/* Words of the next image: a sentence, in English or Chinese, "en" or "zh" before it or not. */
void latent_dataset_session_words(t_latent_dataset_session *x, const char *sentence);
void latent_dataset_session_changed(t_latent_dataset_session *x);
void latent_dataset_session_clear(t_latent_dataset_session *x);
void latent_dataset_session_write(t_latent_dataset_session *x, t_symbol *folder);

/* Shows picture number n from 1, by from the one that is shown (around the ends), or that again. */
void latent_dataset_session_go(t_latent_dataset_session *x, t_float n);
void latent_dataset_session_walk(t_latent_dataset_session *x, int by);
/* What is thought of the one that is shown; goes on to the next. */
void latent_dataset_session_decide(t_latent_dataset_session *x, latent_selection verdict);
void latent_dataset_session_statistics(t_latent_dataset_session *x);

#pragma GCC visibility pop
#endif
