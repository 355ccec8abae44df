/* drawing: a rule and all that [latent.rule] is told about its picture: numbers by name, a palette,
   a list of items, pictures to follow and to take colours from.  Words in, checked; nothing is
   drawn here. */
#ifndef LATENT_DRAWING_H
#define LATENT_DRAWING_H
#include "box.h"
#include "engine/ops/ops.h"

#pragma GCC visibility push(default)

typedef struct {
    const latent_rule *rule;
    float params[LATENT_RULE_MOST];
    latent_palette palette;        /* count 0: the rule's usual one */
    t_latent_list items;           /* none: the rule's own */
    latent_node *follow, *colours; /* or NULL */
} t_latent_drawing;

/* The rule that the first argument names (the first of all after a complaint, or when argc is 0),
   with its usual numbers. */
void latent_drawing_init(t_object *x, t_latent_drawing *d, int argc, const t_atom *argv);
void latent_drawing_free(t_latent_drawing *d);

/* Sets the parameter, or the items, of that name; 1, or -1 after a complaint, also where there is
   none.  The same of parameters alone, as a flag: 0 where there is none. */
int latent_drawing_set(t_object *x, t_latent_drawing *d, const char *name, int argc,
                       const t_atom *argv);
int latent_drawing_flag(t_object *x, t_latent_drawing *d, const char *name, int argc,
                        const t_atom *argv);
/* A palette by its name, or by numbers; 0, or -1 after a complaint. */
int latent_drawing_palette(t_object *x, t_latent_drawing *d, int argc, const t_atom *argv);
/* image <...>, or clear, at the inlets for a picture to follow and one to take colours from; 0, or
   -1 after a complaint. */
int latent_drawing_follow(t_object *x, t_latent_drawing *d, t_symbol *s, int argc,
                          const t_atom *argv);
int latent_drawing_colours(t_object *x, t_latent_drawing *d, t_symbol *s, int argc,
                           const t_atom *argv);

/* What a promise is made of; it points into d. */
latent_rule_setting latent_drawing_setting(t_latent_drawing *d, int size, int mask);
/* "info <name> <value>" of every parameter, and what else the rule takes. */
void latent_drawing_info(const t_latent_drawing *d, t_outlet *o);

#pragma GCC visibility pop
#endif
