/* rule: what a rule is made of, for the files in this folder only: its line in the table, chance,
   colours, a sheet to draw on, sentences that grow.  A new rule is one file with one latent_rule at
   its end, and one line in the table of rules.c. */
#ifndef LATENT_RULE_H
#define LATENT_RULE_H
#include "rules.h"
#include <cairo/cairo.h>

/* Chance: a 64-bit counter, mixed (Steele, Lea and Flood 2014, "splitmix"). */
typedef struct {
    uint64_t state;
} rule_chance;
rule_chance rule_chance_of(uint32_t seed, uint32_t index, uint32_t purpose);
double rule_uniform(rule_chance *r); /* [0, 1) */
double rule_between(rule_chance *r, double low, double high);
int rule_below(rule_chance *r, int n);       /* 0 to n - 1 */
int rule_luck(rule_chance *r, double often); /* 1 so often */

/* A sentence; what is too long is left out. */
typedef struct {
    char *text;
    size_t used;
} rule_text;
void rule_say(rule_text *t, const char *words);
/* One of n words.  One call an expression: C does not say in which order arguments are made, and
   sentences are the same everywhere. */
const char *rule_one_of(rule_chance *r, const char *const *words, int n);
/* A number in the sentence, as people write it. */
void rule_say_number(rule_text *t, int n);
#define RULE_ONE_OF(r, ...)                                                                        \
    rule_one_of(r, (const char *const[]){__VA_ARGS__},                                             \
                (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

/* What is drawn, and on what: see latent_rule_scene.  palette is never NULL; state is a process's.
 */
typedef struct {
    latent_rule_scene s;
    const float *p; /* its parameters, clamped */
    const float *state;
    int size; /* of the picture (and of the state), in pixels */
} rule_scene;

/* Colours of a rule's own, each in 0 to 1: one between two others; a place on a closed row. */
typedef struct {
    double r, g, b;
} rgb;
rgb rule_mix(rgb a, rgb b, double f);
rgb rule_around(const rgb *colours, int n, double place);

/* Paints the paper; nothing where a mask is made. */
void rule_paper(cairo_t *c, const rule_scene *scene, const float rgb[3]);
void rule_colour(cairo_t *c, const float rgb[3], double alpha);
/* A colour of the palette by lot, as often as its share; the one at place u (0 to 1) on the way
   through all its colours. */
const float *rule_lot(const rule_scene *scene, rule_chance *r);
void rule_along(const latent_palette *p, double u, float rgb[3]);
/* The picture that is followed, at x and y in 0 to 1 (mirrored beyond), as grey in 0 to 1, smooth
   between pixels; otherwise where there is none. */
double rule_follow(const rule_scene *scene, double x, double y, double otherwise);

struct latent_rule {
    const char *name;
    const latent_rule_param *params;
    int count;
    int first_count;     /* before it grew; 0: it has not */
    const char *palette; /* see rules.h for these four; NULL and 0 where there is none */
    const char *list;
    int group;
    const char *follows;
    /* One of draw and paint.  draw: on a sheet whose sides are 64 units long, whatever its size in
       pixels; it begins with rule_paper(), for what is drawn after that is the figure;
       -1 when there is no memory.  paint:
       every pixel by itself, red, green, blue and how much of it is figure, each in [0, 1]. */
    int (*draw)(cairo_t *c, const rule_scene *scene);
    int (*paint)(const rule_scene *scene, float *rgba, latent_error *e);
    /* Of a process: numbers a pixel, the first state, one step.  scene->state is not set. */
    int channels;
    int (*begin)(const rule_scene *scene, float *state, latent_error *e);
    int (*step)(const rule_scene *scene, const float *before, float *after, latent_error *e);
    void (*random)(rule_chance *r, float *params);
    void (*caption)(const float *params, rule_chance *r, latent_language language, rule_text *t);
};

extern const latent_rule latent_rule_fish, latent_rule_tiger, latent_rule_molnar,
    latent_rule_turing, latent_rule_automaton, latent_rule_field, latent_rule_flow,
    latent_rule_lsystem, latent_rule_fractal, latent_rule_idiom;

#endif
