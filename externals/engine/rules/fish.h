/* fish: the parameters of the fish, for its drawing (fish.c) and its sentences (fish_words.c). */
#ifndef LATENT_RULES_FISH_H
#define LATENT_RULES_FISH_H
#include "rule.h"

typedef enum {
    GIRTH,
    LENGTH,
    COLOUR,
    SECOND,
    PATTERN,
    TAIL,
    FIN,
    SHAPE,
    SPIKES,
    EYE,
    ARMED,
    NEON,
    PAPER,
    MOUTH,
    FACING,
    FISH_PARAMS
} fish_param;
typedef enum { PLAIN, STRIPES, SPOTS, SCALES } fish_pattern;
typedef enum { FORKED, ROUND, FAN, POINTED } fish_tail;

#define FISH_COLOURS 8
#define FISH_NEONS 4

void fish_caption(const float *p, rule_chance *r, latent_language language, rule_text *t);

#endif
