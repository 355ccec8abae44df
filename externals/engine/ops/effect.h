/* effect: what can be done to pictures between the boxes: blur, edges, threshold, posterise,
   mirror, kaleidoscope, tile, displace, blend, feedback.  Each is a promise like any other: it
   costs nothing until somebody looks.  Sizes are shares of the picture's height, so that an effect
   looks alike at every size.  All but threshold's and posterise's steps can be differentiated with
   respect to the first picture, so that guidance goes through a chain of effects. */
#ifndef LATENT_EFFECT_H
#define LATENT_EFFECT_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

typedef enum {
    LATENT_BLUR,
    LATENT_EDGES,
    LATENT_THRESHOLD,
    LATENT_POSTERISE,
    LATENT_MIRROR,
    LATENT_KALEIDOSCOPE,
    LATENT_TILE,
    LATENT_DISPLACE,
    LATENT_BLEND,
    LATENT_FEEDBACK,
    LATENT_EFFECTS
} latent_effect_kind;
#define LATENT_EFFECT_WORDS                                                                        \
    "blur edges threshold posterise mirror kaleidoscope tile displace blend feedback"
#define LATENT_MIRROR_WORDS "left right top bottom quarter"
#define LATENT_BLEND_WORDS "mix add multiply screen difference lighten darken overlay"

/* Plain floats: part of a promise's parameters. */
typedef struct {
    float radius; /* blur: 0 to 0.5 of the height */
    float gain;   /* edges: 0 to 20 */
    float level,
        soft;     /* threshold: where, and how wide the way from black to white is; of [-1, 1] */
    float levels; /* posterise: 2 to 64 values a channel */
    float side;   /* mirror: which side is kept, a place in LATENT_MIRROR_WORDS */
    float slices; /* kaleidoscope: 2 to 32 */
    float turn;   /* kaleidoscope, feedback: degrees */
    float columns, rows, flip; /* tile: 1 to 32; flip 1: every other is mirrored */
    float strength;            /* displace: of the height, by a picture from black to white */
    float mode, share; /* blend: a place in LATENT_BLEND_WORDS; blend and feedback: 0 to 1 */
    float zoom, x, y;  /* feedback: enlarged by so much, moved by shares of width and height */
} latent_effect_settings;

/* Any kind but feedback.  second: what displaces, or what is blended in, of any size; NULL: none,
   and then displace and blend give x itself. */
latent_node *latent_op_effect(latent_effect_kind kind, const latent_effect_settings *s,
                              latent_node *x, latent_node *second, latent_error *e);

/* Feedback needs to remember: the last picture that was computed, moved and faded, under the next.
   What nobody looks at leaves no trace. */
typedef struct latent_feedback latent_feedback;
latent_feedback *latent_feedback_new(latent_error *e); /* one holder; NULL: no memory */
latent_feedback *latent_feedback_retain(latent_feedback *f);
void latent_feedback_release(latent_feedback *f); /* may be NULL */
/* Picture number n (from 1 on) of the row that f remembers. */
latent_node *latent_op_feedback(latent_feedback *f, int n, const latent_effect_settings *s,
                                latent_node *x, latent_error *e);

#pragma GCC visibility pop
#endif
