/* plane: how the plane is seen on which a network without edges (StyleGAN3) draws; what
   [latent.input] and [latent.generator] share.  translate x y moves the picture (1: by its width),
   rotate turns it (degrees), scale enlarges it. */
#ifndef LATENT_PD_PLANE_H
#define LATENT_PD_PLANE_H
#include "box.h"
#include "engine/models/model.h"
#include <math.h>
#include <stddef.h>

typedef struct {
    double x, y, rotate, scale;
    float matrix[9];
} t_latent_plane;

#define LATENT_PLANE_PARAMS(type, field)                                                           \
    {"rotate", LATENT_REAL, offsetof(type, field.rotate), -1e6, 1e6, NULL, NULL},                  \
    {                                                                                              \
        "scale", LATENT_REAL, offsetof(type, field.scale), 0.01, 100, NULL, NULL                   \
    }

static inline void latent_plane_init(t_latent_plane *p)
{
    p->scale = 1;
}

/* The message "translate x y". */
static inline void latent_plane_translate(t_object *x, t_latent_plane *p, int argc, t_atom *argv)
{
    double to[2] = {0, 0};
    int fits = argc == 2;
    for (int i = 0; i < 2 && fits; i++) {
        to[i] = (double)atom_getfloatarg(i, argc, argv);
        fits = argv[i].a_type == A_FLOAT && fabs(to[i]) <= 1e6;
    }
    if (!fits) {
        latent_complain(x, "translate takes two numbers, how far to the right and how far down; 1 "
                           "is the picture's width");
        return;
    }
    p->x = to[0];
    p->y = to[1];
}

/* As the network wants it; NULL where nothing was moved. */
static inline const float *latent_plane_of(t_latent_plane *p)
{
    if (!p->x && !p->y && !p->rotate && p->scale == 1)
        return NULL;
    latent_model_transform(p->x, p->y, p->rotate, p->scale, p->matrix);
    return p->matrix;
}

#endif
