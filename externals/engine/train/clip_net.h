/* clip_net: clip-tiny (models/clip_tiny.h) forwards and backwards for a few pictures or texts at a
   time, on the calling thread.  All weights lie in one block of floats, so that what learns, what
   is added up and what is saved is one array. */
#ifndef LATENT_CLIP_NET_H
#define LATENT_CLIP_NET_H
#include "../base/random.h"
#include "../models/clip_tiny.h"
#include "../text/grams.h"

#pragma GCC visibility push(default)

typedef struct {
    latent_tiny_sizes sizes;
    latent_tiny_map map;
    size_t at[LATENT_TINY_TENSORS]; /* where each tensor begins */
    size_t count;                   /* floats in all */
    size_t table, table_count;      /* where the table of words lies among them */
} latent_clip_net;

/* The places of everything; -1 and a sentence when no network has these sizes. */
int latent_clip_net_plan(latent_clip_net *net, const latent_tiny_sizes *sizes, latent_error *e);
/* Weights to begin with, p [count]. */
void latent_clip_net_begin(const latent_clip_net *net, latent_random *r, float *p);
/* One tensor between p (convolutions [out][taps][in]) and a file ([out][in][taps]), which holds
   t->count floats. */
void latent_clip_net_out(const latent_clip_net *net, const float *p, int i, float *file);
void latent_clip_net_in(const latent_clip_net *net, float *p, int i, const float *file);
/* All of them out of a file of the same sizes; -1 and a sentence where they are not there. */
int latent_clip_net_read(const latent_clip_net *net, latent_weights *w, float *p, latent_error *e);

/* What is kept of n pictures or texts from the way there for the way back. */
typedef struct latent_clip_pictures latent_clip_pictures;
latent_clip_pictures *latent_clip_pictures_new(const latent_clip_net *net, int n, latent_error *e);
void latent_clip_pictures_free(latent_clip_pictures *k);
/* pictures [n][resolution][resolution][3] to embedding [n][embedding], not normalised, or
   NULL where only the features are wanted. */
void latent_clip_pictures_forward(latent_clip_pictures *k, const float *p, const float *pictures,
                                  float *embedding);
/* The pooled features that the last forward() made, [n][width of the last stage]. */
const float *latent_clip_pictures_pooled(const latent_clip_pictures *k);
/* What is pooled, [n][side][side][width of the last stage]. */
const float *latent_clip_pictures_features(const latent_clip_pictures *k);
/* Of a network that is only asked: from the gradient with respect to these features to that with
   respect to the pictures, g_pictures [n][resolution][resolution][3]. */
void latent_clip_pictures_seen_back(latent_clip_pictures *k, const float *p,
                                    const float *g_features, float *g_pictures);
/* The same from the gradient with respect to the embeddings, [n][embedding]. */
void latent_clip_pictures_back(latent_clip_pictures *k, const float *p, const float *gradient,
                               float *g_pictures);
/* Adds to grad [count].  gradient [n][embedding]. */
void latent_clip_pictures_backward(latent_clip_pictures *k, const float *p, const float *gradient,
                                   float *grad);

typedef struct latent_clip_texts latent_clip_texts;
latent_clip_texts *latent_clip_texts_new(const latent_clip_net *net, latent_error *e);
void latent_clip_texts_free(latent_clip_texts *k);
/* n texts to embedding [n][embedding].  -1 without memory.  The texts stay the caller's and are
   read again on the way back. */
int latent_clip_texts_forward(latent_clip_texts *k, const float *p, const latent_grams *texts,
                              int n, float *embedding, latent_error *e);
/* Adds to grad; the table's own gradient only by latent_clip_texts_table(), which is quick and may
   be called for one part after another, so that a table need not be kept for each. */
void latent_clip_texts_backward(latent_clip_texts *k, const float *p, const float *gradient,
                                float *grad);
void latent_clip_texts_table(const latent_clip_texts *k, float *grad);

#pragma GCC visibility pop
#endif
