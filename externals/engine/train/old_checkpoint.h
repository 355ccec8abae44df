/* old_checkpoint: checkpoints of generators and discriminators from before their weights lay in
   them as they do in models' files. */
#ifndef LATENT_OLD_CHECKPOINT_H
#define LATENT_OLD_CHECKPOINT_H
#include "parameters.h"

#pragma GCC visibility push(default)

/* The same parameters in the old order: an empty set gets them, and all numbers; convolutions'
   weights as [tap][in][out] (those that enlarge: [tap][out][in]), the constant as [pixel][channel],
   the inputs of a fully connected layer pixel by pixel; and without noise maps.  Then
   latent_parameters_free().  0, or -1 and a sentence. */
int latent_old_order(const latent_parameters *p, latent_parameters *old, latent_error *e);

/* Reads n sets from such a checkpoint, to the bit, as latent_checkpoint_read() does. */
int latent_old_checkpoint_read(latent_weights *w, const latent_checkpoint_part *parts, int n,
                               latent_error *e);

#pragma GCC visibility pop
#endif
