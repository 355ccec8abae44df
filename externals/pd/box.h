/* box: what every box of latent shares with Pd: parameters that are written down once (flag,
   message, check and line in info follow from one table row), lists, and promises on cords. */
#ifndef LATENT_BOX_H
#define LATENT_BOX_H
#include "answers.h"
#include "engine/base/number.h"
#include "engine/graph/graph.h"
#include <m_pd.h>

#if PD_MAJOR_VERSION == 0 && PD_MINOR_VERSION < 53
#error "latent needs the headers of Pd 0.53 or newer: make PDINCLUDEDIR=/where/they/are"
#endif

#pragma GCC visibility push(default)

/* ---- parameters: "-name value" at creation, "name value" as a message */

typedef enum {
    LATENT_REAL,   /* a double in the object */
    LATENT_WHOLE,  /* an int */
    LATENT_CHOICE, /* an int, the place of the word in choices */
    LATENT_WORD    /* a t_symbol * */
} t_latent_kind;

typedef struct {
    const char *name;
    t_latent_kind kind;
    size_t offset;            /* of the field: offsetof(t_box, x_field) */
    double low, high;         /* limits of numbers; both 0: none */
    const char *choices;      /* "const none random"; a number chooses as well */
    void (*changed)(void *x); /* called after a message changed the field; may be NULL */
} t_latent_param;

/* Gives the class a message for every row; params ends with a row whose name is NULL.  A message
   that the class has already is left alone: it may end in latent_params_message(). */
void latent_params_setup(t_class *c, const t_latent_param *params);
void latent_params_message(t_object *x, t_symbol *s, int argc, t_atom *argv);
/* Takes the flags out of the creation arguments, which are moved together; a wrong one is named by
   pd_error and left out.  Returns how many arguments remain. */
int latent_params_flags(t_object *x, const t_latent_param *params, int argc, t_atom *argv);
/* The place of a word (or number) in choices ("linear square"), or -1 after a complaint in the name
   of that message. */
int latent_choice(t_object *x, const char *name, const char *choices, const t_atom *a);
/* Complains when more than wanted arguments remain. */
void latent_params_rest(t_object *x, int wanted, int argc, const t_atom *argv);
/* The names of all rows of the object's class, each after a space. */
void latent_params_names(const t_object *x, char *text, size_t room);
/* Sends "info <name> <value>" for every row. */
void latent_params_info(t_object *x, const t_latent_param *params, t_outlet *info);

/* ---- lists of numbers */

typedef struct {
    int n, room;
    float *v;
} t_latent_list;

/* Copies the numbers; 0, or -1 after a pd_error (an atom that is no number, no memory), the list
   staying what it was. */
int latent_list_set(t_object *x, t_latent_list *list, int argc, const t_atom *argv);
int latent_list_copy(t_object *x, t_latent_list *list, int n, const float *v);
int latent_list_room(t_object *x, t_latent_list *list, int n); /* sets n; the numbers are free */
void latent_list_free(t_latent_list *list);
/* Sends numbers as a list; safe when the outlet leads back into the sender. */
void latent_list_send(t_outlet *o, int n, const float *v);
void latent_list_send_as(t_outlet *o, t_symbol *selector, int n, const float *v);

/* ---- promises: "features <id> <channels> <height> <width>" and "image ..." */

/* Sends the node as features (when it is a features promise) or as image; the node is held until
   the message has been through. */
void latent_promise_send(t_outlet *o, latent_node *n);
/* The node that a "features" or "image" message means, with one more holder; NULL after one
   pd_error when the handle is stale or invented or the message is not one. */
latent_node *latent_promise_get(t_object *x, t_symbol *selector, int argc, const t_atom *argv);
/* For boxes that show the newest picture: when a message means another one than *kept (or NULL),
   and it can be shown, it is kept instead: 1.  0 when it is the same, or after one pd_error. */
int latent_picture_take(t_object *x, latent_node **kept, t_symbol *selector, int argc,
                        const t_atom *argv);

/* ---- words */

/* pd_error in one form for all boxes: "latent.map: <sentence>", with the object to find. */
void latent_complain(t_object *x, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "info <name> <number>" and "info <name> <word>" */
void latent_info_number(t_outlet *o, const char *name, double value);
void latent_info_word(t_outlet *o, const char *name, const char *word);
/* A second inlet whose messages of any kind go to method(x, selector, argc, argv). */
typedef void (*t_latent_inlet_method)(void *x, t_symbol *s, int argc, t_atom *argv);
struct _latent_inlet;
struct _latent_inlet *latent_inlet_new(t_object *x, t_latent_inlet_method method);
void latent_inlet_free(struct _latent_inlet *inlet); /* in the object's free method */

#pragma GCC visibility pop
#endif
