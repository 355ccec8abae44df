/* answers: what a box says when something comes to an inlet that it does not take: one sentence,
   with what came, what is taken there, and which box stands between.  The words of all boxes are in
   one table (answers.c); a box only says what it takes. */
#ifndef LATENT_ANSWERS_H
#define LATENT_ANSWERS_H
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef enum {
    LATENT_TAKES_MESSAGES, /* nothing but messages: [latent.model], [latent.engine] ... */
    LATENT_TAKES_BANG,     /* a chain begins here: a bang, or the number of a seed */
    LATENT_TAKES_Z,
    LATENT_TAKES_STYLE,        /* w or W+ */
    LATENT_TAKES_STYLE_OR_MAP, /* or a picture as noise */
    LATENT_TAKES_LATENT,       /* any list that moves, steps or is kept */
    LATENT_TAKES_VALUES,       /* sensors, MIDI, sound as numbers */
    LATENT_TAKES_NUMBERS,      /* of a picture or spectrum */
    LATENT_TAKES_GRADIENT,
    LATENT_TAKES_FEATURES,
    LATENT_TAKES_PICTURE,
    LATENT_TAKES_PROMISE,   /* features or a picture */
    LATENT_TAKES_GOAL,      /* a picture or an embedding */
    LATENT_TAKES_WORDS,     /* a text or a picture */
    LATENT_TAKES_DIRECTION, /* a latent, or directions */
    LATENT_TAKES_PITCH,
    LATENT_TAKES_SOUND,
    LATENT_TAKES_NOISY,     /* features on the way between noise and a picture */
    LATENT_TAKES_CONDITION, /* what a diffusion network goes by */
    LATENT_TAKES_SCHEDULE,
    LATENT_TAKES
} t_latent_takes;

/* In the class's setup, right after class_new(): whatever comes to its left inlet and has no method
   is answered.  (Bangs and words as well: a method that is added later comes first.) */
void latent_takes(t_class *c, t_latent_takes left);
/* The same, and how long a z or a style is, as the model says: ref is where the object has its
   t_latent_modelref *. */
void latent_takes_of(t_class *c, t_latent_takes left, size_t ref);

/* For a message that has no words behind it, such as "info": with some it is another box's news
   that came by a wrong cord ("info z_dim 128"), and answered as such. */
void latent_takes_alone(t_class *c, t_method method, const char *name);

/* The answers themselves: for a left inlet, and for another one of which other says what it takes.
 */
void latent_wrong(t_object *x, t_symbol *s, int argc, const t_atom *argv);
void latent_wrong_right(t_object *x, t_latent_takes other, t_symbol *s, int argc,
                        const t_atom *argv);
/* For boxes that have an "anything" method of their own: 1 when s is something that boxes send to
   each other, which has been answered; 0 for any other word. */
int latent_wrong_cord(t_object *x, t_symbol *s, int argc, const t_atom *argv);

#pragma GCC visibility pop
#endif
