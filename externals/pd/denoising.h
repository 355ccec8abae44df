/* denoising: what the boxes that take noise off share ([latent.denoise], [latent.sampler]): the
   network, the words it goes by, the schedule, and how a step is taken. */
#ifndef LATENT_DENOISING_H
#define LATENT_DENOISING_H
#include "box.h"
#include "engine/diffusion/noised.h"
#include "modelref.h"

#pragma GCC visibility push(default)

/* A condition: numbers of an embedding, token states, or nothing. */
typedef struct {
    t_latent_list list;
    latent_node *states; /* held; goes before the list */
} t_latent_condition;

typedef struct {
    t_latent_modelref *model;
    t_latent_condition words, without;
    t_latent_list schedule; /* empty: what rides along */
    int sampler;
    double eta, seed;
    struct _latent_inlet *second, *third, *fourth; /* words, schedule, what is not meant */
} t_latent_denoising;

/* The rows of a box's parameters; field: its t_latent_denoising. */
#define LATENT_DENOISING_PARAMS(type, field, changed)                                              \
    {"sampler", LATENT_CHOICE, offsetof(type, field.sampler), 0, 0, LATENT_SAMPLERS, changed},     \
        {"eta", LATENT_REAL, offsetof(type, field.eta), -1, 1, NULL, changed},                     \
    {                                                                                              \
        "seed", LATENT_REAL, offsetof(type, field.seed), 0, 4294967295.0, NULL, changed            \
    }

/* Before the flags are read. */
void latent_denoising_init(t_latent_denoising *d);
/* In the new method, with what is left of the arguments: the inlets, and the model.  d lies in x
   right after its t_object. */
void latent_denoising_new(t_object *x, t_latent_denoising *d, int argc, const t_atom *argv,
                          void (*ready)(void *x));
void latent_denoising_free(t_latent_denoising *d);

/* Fills in a step for that network, all but guidance and to; its words and what is not meant are
   held, to be let go by latent_denoising_done().  0, or -1 after a complaint. */
int latent_denoising_ask(t_object *x, const t_latent_denoising *d, latent_model *m,
                         latent_denoise *ask);
void latent_denoising_done(latent_denoise *ask);

#pragma GCC visibility pop
#endif
