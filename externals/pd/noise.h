/* noise: the settings of noise maps that [latent.layer] and [latent.generator] share: const as the
   network was trained, none, random by seed, or learned: maps of the box's own that begin as random
   ones and step when a [latent.target] with maps f goes back to them. */
#ifndef LATENT_PD_NOISE_H
#define LATENT_PD_NOISE_H
#include "box.h"
#include "engine/models/model.h"
#include <stddef.h>

typedef struct {
    int mode; /* a latent_noise_mode */
    int seed;
    double strength;
    latent_noise_maps *maps; /* made when they are first wanted */
    int maps_seed;
} t_latent_noise;

#define LATENT_NOISE_PARAMS(type, field)                                                           \
    {"noise", LATENT_CHOICE, offsetof(type, field.mode), 0, 0, "const none random learned", NULL}, \
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

static inline void latent_noise_free(t_latent_noise *n)
{
    latent_noise_maps_release(n->maps);
    n->maps = NULL;
}

/* Another seed begins anew, and so does another mode. */
static inline latent_noise latent_noise_of(t_latent_noise *n)
{
    int learned = n->mode == LATENT_NOISE_LEARNED;
    if (n->maps && (!learned || n->maps_seed != n->seed))
        latent_noise_free(n);
    if (learned && !n->maps) {
        n->maps = latent_noise_maps_new((uint32_t)n->seed);
        n->maps_seed = n->seed;
    }
    return (latent_noise){.mode = n->mode,
                          .seed = n->maps ? latent_noise_maps_number(n->maps) : (uint32_t)n->seed,
                          .strength = (float)n->strength};
}

#endif
