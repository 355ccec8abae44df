/* rules: pictures drawn by explicit rules from a few named numbers: the other way to make a
   picture, and what the built-in networks are taught with.  One file a rule, one line a rule in the
   table; what they share (checked numbers, chance, palettes, sentences) is here.  The idea is
   Manfred Mohr's and Vera Molnar's: write the rule down, then let chance choose its parameters.

   A rule is a still (a picture of its numbers) or a process (a state that each step changes; the
   picture shows the state).  Everything is deterministic: parameters and sentences are the same on
   every machine, pictures as far as Cairo's versions round alike.  All functions may be called on
   any thread at once. */
#ifndef LATENT_RULES_H
#define LATENT_RULES_H
#include "../base/error.h"
#include "palette.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

#define LATENT_RULE_MOST 32 /* parameters of a rule */
#define LATENT_RULE_SMALLEST 16
#define LATENT_RULE_LARGEST 2048    /* a picture's side in pixels */
#define LATENT_RULE_CAPTION 400     /* bytes that hold any sentence with its final 0 */
#define LATENT_RULE_LIST_MOST 1024  /* numbers in a rule's list of items */
#define LATENT_RULE_STEPS_MOST 4000 /* steps before a process is shown first */

typedef enum { LATENT_ENGLISH, LATENT_CHINESE } latent_language;

typedef struct {
    const char *name;
    float low, high, usual;
    const char
        *choices; /* words for 0, 1, 2 ... with blanks between; NULL: any number in between */
} latent_rule_param;

typedef struct latent_rule latent_rule;

/* The rule of that name, or NULL; the rules one after another, NULL behind the last. */
const latent_rule *latent_rule_find(const char *name);
const latent_rule *latent_rule_at(int i);
const char *latent_rule_name(const latent_rule *rule);
int latent_rule_count(const latent_rule *rule); /* of its parameters */
/* How many of them it had before it grew: a list of so many is still a list of its numbers, and the
   later ones are usual. */
int latent_rule_first_count(const latent_rule *rule);
const latent_rule_param *latent_rule_params(const latent_rule *rule);

/* What a rule takes besides its numbers. */
/* The palette that it is drawn with until told; NULL where its colours are its own. */
const char *latent_rule_palette(const latent_rule *rule);
/* The name of its list of items ("charges"), and how many numbers make one; NULL and 0 for none. */
const char *latent_rule_list(const latent_rule *rule, int *group);
/* What a picture at its second inlet is to it ("the field that lines follow"), or NULL. */
const char *latent_rule_follows(const latent_rule *rule);
/* Numbers a pixel of a process's state; 0 for a still.  The first parameter of a process is called
   steps: how many it has made when it is shown first. */
int latent_rule_channels(const latent_rule *rule);

/* The number of the parameter of that name, or -1. */
int latent_rule_param_find(const latent_rule *rule, const char *name);
/* The number that a word of choices stands for, or -1; the word of a number, written into room. */
int latent_rule_choice(const latent_rule_param *p, const char *word);
void latent_rule_word(const latent_rule_param *p, float value, char *word, size_t room);

/* params: as many floats as the rule has parameters, in the order of latent_rule_params(). */

/* The usual values. */
void latent_rule_usual(const latent_rule *rule, float *params);
/* Makes any floats fit to be drawn: what is no number becomes usual, what is too far is brought to
   the limit, choices are rounded. */
void latent_rule_clamp(const latent_rule *rule, float *params);
/* Picture number index of the endless row that begins at seed. */
void latent_rule_random(const latent_rule *rule, uint32_t seed, uint32_t index, float *params);

/* All that a picture depends on. */
typedef struct {
    const float *params;           /* clamped before anything is drawn */
    const latent_palette *palette; /* NULL: the rule's usual one */
    const float *list;             /* items, list_count numbers; NULL: the rule's own */
    int list_count;
    const float *follow; /* a picture to follow, rows from above, channels last, [-1, 1]; or NULL */
    int follow_h, follow_w, follow_c;
    int mask; /* 1: white where the figure is, black elsewhere */
} latent_rule_scene;

/* The picture as size x size x 3 floats in [-1, 1], rows from above, channels last; of a process
   after as many steps as its first parameter says.  -1 and a sentence when size is impossible or
   there is no memory. */
int latent_rule_paint(const latent_rule *rule, const latent_rule_scene *scene, int size,
                      float *picture, latent_error *e);
/* The same of parameters alone. */
int latent_rule_draw(const latent_rule *rule, const float *params, int size, float *picture,
                     latent_error *e);

/* A process, by hand.  A state is size x size x latent_rule_channels() floats. */
int latent_rule_begin(const latent_rule *rule, const latent_rule_scene *scene, int size,
                      float *state, latent_error *e);
/* before and after are different blocks. */
int latent_rule_step(const latent_rule *rule, const latent_rule_scene *scene, int size,
                     const float *before, float *after, latent_error *e);
int latent_rule_show(const latent_rule *rule, const latent_rule_scene *scene, int size,
                     const float *state, float *picture, latent_error *e);

/* One sentence about the picture of these parameters (clamped first) in UTF-8: what it says is so,
   what it leaves out and how it says the rest is chance, given by seed and index.  text has room
   for LATENT_RULE_CAPTION bytes. */
void latent_rule_caption(const latent_rule *rule, const float *params, uint32_t seed,
                         uint32_t index, latent_language language, char *text);

#pragma GCC visibility pop
#endif
