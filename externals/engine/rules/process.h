/* process: a rule that runs on: a state, the step at which it stands, and what its numbers were at
   each step.  Asking for a step that lies ahead makes the steps between; asking for one that is
   past begins again, with the numbers of then.  So the picture of a step can be promised, forgotten
   and made again.  Any thread. */
#ifndef LATENT_RULES_PROCESS_H
#define LATENT_RULES_PROCESS_H
#include "rules.h"

#pragma GCC visibility push(default)

typedef struct latent_process latent_process;

/* A process of size x size, with one holder; it stands before its first step.  rule has channels.
   NULL and a sentence when there is no memory or it can't be of that size. */
latent_process *latent_process_new(const latent_rule *rule, const float *params, int size,
                                   latent_error *e);
latent_process *latent_process_retain(latent_process *p);
void latent_process_release(latent_process *p); /* p may be NULL */
const latent_rule *latent_process_rule(const latent_process *p);
int latent_process_size(const latent_process *p);

/* From step number step on its numbers are these.  Of many changes the oldest are forgotten: steps
   before them are then made again with the oldest that are known. */
void latent_process_change(latent_process *p, int step, const float *params);
/* The state after so many steps, size x size x channels floats.  scene: what it begins from and
   follows; its params are not read. */
int latent_process_state(latent_process *p, int step, const latent_rule_scene *scene, float *state,
                         latent_error *e);

#pragma GCC visibility pop
#endif
