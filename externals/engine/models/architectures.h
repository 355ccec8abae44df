/* architectures: the files of this room that model.c knows. */
#ifndef LATENT_ARCHITECTURES_H
#define LATENT_ARCHITECTURES_H
#include "model.h"

extern const latent_arch latent_arch_stylegan2;
extern const latent_arch latent_arch_clip;

#endif
