/* guide: how far a picture is from what it shall be, by the measure of an encoder (CLIP): the loss
   that [latent.guide] goes down.  After the CLIP guidance of Crowson and others; "directional" is
   meant as in StyleGAN-NADA (Gal et al. 2021): a step from one text to another. */
#ifndef LATENT_GUIDE_H
#define LATENT_GUIDE_H
#include "recall.h"

#pragma GCC visibility push(default)

#define LATENT_MAX_GOALS 16

/* One of the three is set. */
typedef struct {
    float weight; /* negative: away from it */
    const char *text;
    latent_node *image;     /* a picture of any size */
    latent_node *embedding; /* [1][1][1][embedding] */
} latent_goal;

/* Copies a goal: 0, or -1 without memory (free it all the same); and lets go of what it holds. */
int latent_goal_copy(latent_goal *to, const latent_goal *g);
void latent_goal_free(latent_goal *g);

typedef enum {
    LATENT_GUIDE_SPHERICAL,
    LATENT_GUIDE_COSINE,
    LATENT_GUIDE_DIRECTIONAL
} latent_guide_loss;

typedef struct {
    int loss;      /* a latent_guide_loss */
    int cutouts;   /* 0: the whole picture */
    float power;   /* of the cutouts' sizes */
    float augment; /* how much each is changed by chance, 0 to 1 */
    uint32_t seed;
    /* directional: the goal is the embedding of start, moved from this text towards the goal's */
    const char *from;
    latent_node *start;
    float reach; /* how far, a picture's embedding being 1 long; 0: as far as the texts are apart */
} latent_guide_settings;

/* What other systems take for loss, cutouts, power and augment (all else is 0), by name: sg3clip
   (Crowson and others, StyleGAN3 + CLIP), styleclip, nada, stylemc, vqganclip.  0, or -1 and a
   sentence. */
int latent_guide_preset(const char *name, latent_guide_settings *s, latent_error *e);

/* The embeddings that a loss is measured against.  Whoever keeps them until the next loss of the
   same goals was made spares their computation. */
typedef struct {
    latent_node *node[LATENT_MAX_GOALS + 2];
    int n;
} latent_guide_kept;
void latent_guide_forget(latent_guide_kept *kept);

/* sum(weight * distance of the picture's cutouts from the goal), a node of one number; kept (empty
   before) is filled.  NULL and a sentence; kept is to be forgotten in any case. */
latent_node *latent_guide(latent_model *m, latent_node *picture, const latent_goal *goals, int n,
                          const latent_guide_settings *s, latent_guide_kept *kept, latent_error *e);

/* The same goals as a network has come near them: w [w_dim] is where, the mean style of the
   pictures that r recalls (seen by m), and *reached (to be freed) their embedding, as a goal for
   latent_guide() with the spherical loss: one that a picture can reach, where words want more than
   there is.  On the evaluator.  0, or -1 and a sentence; kept is to be forgotten in any case. */
int latent_guide_recall(latent_model *m, const latent_recall *r, const latent_goal *goals, int n,
                        const latent_guide_settings *s, latent_guide_kept *kept, float *w,
                        latent_goal *reached, latent_error *e);
/* The loss of that: how far the picture is, on the sphere, from what is recalled for the goals. */
latent_node *latent_guide_recalled(latent_model *m, latent_node *picture, const latent_recall *r,
                                   const latent_goal *goals, int n, const latent_guide_settings *s,
                                   latent_guide_kept *kept, float *w, latent_error *e);

#pragma GCC visibility pop
#endif
