/* layer_range: styles and layers that messages name: which rows of W+ ("freeze 0 3", "layers 4 9"),
   a w or W+ itself, and the layer at which a network stops.  What a network does not take changes
   nothing. */
#ifndef LATENT_LAYER_RANGE_H
#define LATENT_LAYER_RANGE_H
#include "box.h"
#include "modelref.h"

#pragma GCC visibility push(default)

/* Takes the first and the last row, or one row, or nothing, which is all or none as the box has it:
   first and last become -1.  0, or -1 after a complaint, both staying what they were; purpose goes
   into it: "that stay". */
int latent_layer_range(t_object *x, t_symbol *s, int argc, const t_atom *argv, const char *purpose,
                       int *first, int *last);

/* Is a list of numbers a w or W+ of m?  Complains where it is not; 1 where there is no m (NULL),
   and for what is no list of numbers: latent_list_set() says that. */
int latent_style_fits(t_object *x, const latent_model *m, int argc, const t_atom *argv);
/* Takes a w or W+ of the model; while there is none, any list.  0, or -1 after a complaint, the
   list staying what it was. */
int latent_style_set(t_object *x, t_latent_modelref *r, t_latent_list *list, int argc,
                     const t_atom *argv);

/* "stop <layer>" by *stop, a word of the box's parameters: a layer that the model, if it is
   there, lacks leaves the word before. */
void latent_stop_message(t_object *x, t_latent_modelref *r, t_symbol **stop, t_symbol *s, int argc,
                         t_atom *argv);
/* The number of that layer, or LATENT_WHOLE_PICTURE: also when m lacks it, which is said once, the
   word then being 0. */
int latent_stop_layer(t_object *x, const latent_model *m, t_symbol **stop);

#pragma GCC visibility pop
#endif
