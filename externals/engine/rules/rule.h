/* rule: what a rule is made of, for the files in this folder only: its line in the table, chance,
   a sheet to draw on, sentences that grow. */
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
#define RULE_ONE_OF(r, ...)                                                                        \
    rule_one_of(r, (const char *const[]){__VA_ARGS__},                                             \
                (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

struct latent_rule {
    const char *name;
    const latent_rule_param *params;
    int count;
    /* Draws on a sheet whose sides are 64 units long, whatever its size in pixels. */
    void (*draw)(cairo_t *c, const float *params);
    void (*random)(rule_chance *r, float *params);
    void (*caption)(const float *params, rule_chance *r, latent_language language, rule_text *t);
};

extern const latent_rule latent_rule_fish;

#endif
