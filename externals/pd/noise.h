/* noise: the settings of noise maps that [latent.layer] and [latent.generator] share. */
#ifndef LATENT_PD_NOISE_H
#define LATENT_PD_NOISE_H
#include "box.h"
#include "engine/models/model.h"
#include <stddef.h>

typedef struct {
    int mode; /* a latent_noise_mode */
    int seed;
    double strength;
} t_latent_noise;

#define LATENT_NOISE_PARAMS(type, field)                                                           \
    {"noise", LATENT_CHOICE, offsetof(type, field.mode), 0, 0, "const none random", NULL},         \
        {"seed", LATENT_WHOLE, offsetof(type, field.seed), 0, 0, NULL, NULL},                      \
    {                                                                                              \
        "strength", LATENT_REAL, offsetof(type, field.strength), 0, 0, NULL, NULL                  \
    }

static inline void latent_noise_init(t_latent_noise *n)
{
    n->mode = LATENT_NOISE_CONST;
    n->seed = 0;
    n->strength = 1;
}

static inline latent_noise latent_noise_of(const t_latent_noise *n)
{
    return (latent_noise){n->mode, (uint32_t)n->seed, (float)n->strength};
}

#endif
