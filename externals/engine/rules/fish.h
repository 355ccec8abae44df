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
    WATER,
    BEND,
    SWIM,
    TILT,
    SCALE,
    FISH_PARAMS
} fish_param;
typedef enum { PLAIN, STRIPES, SPOTS, SCALES } fish_pattern;
typedef enum { FORKED, ROUND, FAN, POINTED } fish_tail;
typedef enum { PAPER_SHEET, DEEP, POND, DUSK, INK, WAVES, FISH_WATERS } fish_waters;

#define FISH_COLOURS 8
#define FISH_NEONS 4

/* The water of a picture, which paper (0 to 1) tints; nothing where a mask is made.  Whether it is
   so dark that what lies on it is outlined in a light colour. */
void fish_water(cairo_t *c, const rule_scene *scene, fish_waters water, double paper);
int fish_water_dark(fish_waters water);
/* The fish of these numbers (clamped) alone, in the middle of a sheet of 64 x 64.  dark: outlined
   in a light colour; bold: times how broad its lines are (1). */
void fish_paint(cairo_t *c, const float *p, int dark, double bold);
/* Where its eye lies on that sheet, and how large it is (radius). */
void fish_eye_at(const float *p, double *x, double *y, double *radius);
void fish_caption(const float *p, rule_chance *r, latent_language language, rule_text *t);

#endif
