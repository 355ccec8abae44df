/* feature_parameters: what [latent.ear~] and [latent.soundfile] share: their settings, which
   numbers go into the list, and how a frame is sent.  Linked into these two boxes alone. */
#ifndef LATENT_FEATURE_PARAMETERS_H
#define LATENT_FEATURE_PARAMETERS_H
#include "box.h"
#include "engine/sound/ear.h"
#include <stddef.h>

typedef struct {
    int window, hop, bands;
    double low, high, rate;
    latent_follow follow;
    latent_feature chosen[LATENT_FEATURES]; /* in the order of the list */
    int n_chosen;
} t_latent_feature_parameters;

/* Rows for a box's table of parameters; rebuild is called when another ear is needed, followed when
   only attack, release and range have changed. */
#define LATENT_HEARING_PARAMS(type, field, rebuild, followed)                                      \
    {"window", LATENT_WHOLE, offsetof(type, field.window), 64, LATENT_EAR_WINDOW, NULL, rebuild},  \
        {"hop", LATENT_WHOLE, offsetof(type, field.hop), 0, LATENT_EAR_WINDOW, NULL, rebuild},     \
        {"bands", LATENT_WHOLE, offsetof(type, field.bands), 1, LATENT_EAR_BANDS, NULL, rebuild},  \
        {"low", LATENT_REAL, offsetof(type, field.low), 0, 400000, NULL, rebuild},                 \
        {"high", LATENT_REAL, offsetof(type, field.high), 1, 400000, NULL, rebuild},               \
        {"rate", LATENT_REAL, offsetof(type, field.rate), -1, 10000, NULL, rebuild},               \
        {"attack", LATENT_REAL, offsetof(type, field.follow.attack), 0, 60000, NULL, followed},    \
        {"release", LATENT_REAL, offsetof(type, field.follow.release), 0, 60000, NULL, followed},  \
        {"memory", LATENT_REAL, offsetof(type, field.follow.memory), 0, 100000, NULL, followed},   \
        {"normalise", LATENT_WHOLE, offsetof(type, field.follow.normalise), 0, 1, NULL, followed}, \
    {                                                                                              \
        "freeze", LATENT_WHOLE, offsetof(type, field.follow.freeze), 0, 1, NULL, followed          \
    }

/* 2048 samples, a hop of 512, 40 bands from 30 to 16000 Hz, every hop; attack 5 ms, release 150 ms,
   ranges of 20 s; all features. */
void latent_feature_parameters_init(t_latent_feature_parameters *h);
/* A hop of 0 is a quarter of the window. */
latent_ear_settings latent_feature_parameters_settings(const t_latent_feature_parameters *h,
                                                       double sample_rate, int voices, int block);
/* "features mel rms": which features the list has, in this order; without words all.  0, or -1
   after a complaint, the choice staying. */
int latent_feature_parameters_choose(t_object *x, t_latent_feature_parameters *h, int argc,
                                     const t_atom *argv);
/* Is the atom a feature's name? */
int latent_feature_parameters_is_feature(const t_atom *a);
/* "info features mel rms", "info numbers n" */
void latent_feature_parameters_info(const t_latent_feature_parameters *h, int bands,
                                    t_outlet *info);

/* values: all numbers of every voice, voice after voice, as the ear has them.  Sends every chosen
   feature under its name to named ("voice v" before those of voice v, when there are several), then
   all in one list.  The numbers are copied first: whatever the messages do to the box. */
void latent_feature_parameters_send(t_object *x, const t_latent_feature_parameters *h, int bands,
                                    int voices, const float *values, t_outlet *list,
                                    t_outlet *named);

#endif
