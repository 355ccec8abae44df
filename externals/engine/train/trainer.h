/* trainer: a generator and a discriminator taught by one another (Goodfellow et al. 2014) as
   StyleGAN2-ADA has it (Karras et al. 2020): non-saturating loss, R1 on the reals every few steps
   (Mescheder et al. 2018), an average of the generator's weights, Adam.  The discriminator judges
   pictures in pairs (PacGAN, Lin et al. 2018): two fish with one outline give themselves away, so
   that the generator must learn many; or one by one, and is told what a clip-tiny sees in them
   (feature_network.h).  Every few steps the generator learns that a small step of w, any way from
   anywhere, shall change a picture equally much (path length regularisation, Karras et al. 2020,
   section 3.2, here by finite differences as in Odena et al. 2018): who is pulled through w then
   finds no holes and no cliffs.  A training is a value: its whole state goes to one file and comes
   back from it to the bit. */
#ifndef LATENT_TRAINER_H
#define LATENT_TRAINER_H
#include "../data/source.h"
#include "augment.h"
#include "feature_network.h"
#include "networks.h"

#pragma GCC visibility push(default)

typedef struct {
    int batch; /* pictures a step, a multiple of 4 */
    uint64_t seed;
    float rate_g, rate_d; /* Adam's, (0, 0.99) */
    float r1;             /* weight of half the squared gradient */
    int r1_every;         /* steps */
    float r1_step;        /* of the finite difference: how far the reals are moved, in all pixels */
    float half_life;      /* of the average, in pictures */
    float ramp;           /* but at most this share of those seen */
    float mixing;         /* how many pictures have two styles, 0 to 1 */
    float path;           /* weight of the path length's square (see above), or 0 */
    int path_every;       /* steps */
    int freeze;           /* of the discriminator's blocks, from the picture's side */
    float augment;        /* probability, or -1: found while training (0 for sources without end) */
    float augment_target; /* of the mean sign of the reals' logits, when it is found */
    float augment_pace;   /* pictures that it takes from 0 to 1 */
} latent_train_settings;

/* Those that the built-in model was trained with. */
latent_train_settings latent_train_defaults(void);

typedef struct {
    latent_train_settings settings; /* rates, r1 and freeze may change between steps */
    latent_generator g;
    latent_discriminator d;
    latent_source *source; /* not owned */
    latent_feature_network
        *eye;        /* or NULL; not owned; the discriminator's shape has what it sees */
    uint64_t images; /* real ones seen */
    uint64_t steps;
    int bad;         /* steps in a row that gave no numbers */
    float augmented; /* the probability found so far */
    float signs;     /* the sum of the reals' signs since it was last changed */
    /* of the last step: losses, mean logits of reals and fakes, the gradient penalty's square */
    double loss_g, loss_d, logit_real, logit_fake, penalty;
    float path;        /* the mean length of a path so far: of w's way of length 1 in a picture, */
    double path_error; /* and how unlike they were in the last step that measured them */
    latent_augmentation *changes; /* [2 batch]: of the fakes and the reals */
    int *crossing;                /* [batch]: from this row of styles on, the second one rules */
} latent_trainer;

/* 0, or -1 and a sentence. */
int latent_trainer_init(latent_trainer *t, const latent_train_settings *settings,
                        const latent_generator_shape *g, const latent_discriminator_shape *d,
                        latent_error *e);
void latent_trainer_free(latent_trainer *t);

/* A discriminator that suits a generator. */
latent_discriminator_shape latent_trainer_default_discriminator(const latent_generator_shape *g);

/* One step with the next pictures of the source.  0; -1 and a sentence when the source fails, there
   is no memory, or step after step gives no numbers.  Takes a tenth of a second or so; works on
   the calling thread's evaluator, and leaves no values there. */
int latent_trainer_step(latent_trainer *t, latent_error *e);

/* n pictures [n][r][r][3] by the average, of the z number first and on of that seed, psi 1.  0, or
   -1 and a sentence. */
int latent_trainer_sample(latent_trainer *t, uint64_t seed, uint64_t first, int n, float *pictures,
                          latent_error *e);

/* trainer_files.c: the whole state to a file, and a trainer made anew as the file says. */
int latent_trainer_save(latent_trainer *t, const char *path, latent_error *e);
int latent_trainer_open(latent_trainer *t, const char *path, latent_error *e);

/* Multiply-adds of one picture's share of a step: the generator forward and twice back, the
   discriminator forward on a fake and a real, back to the fake for the generator, and twice back on
   both for itself; every r1_every steps two more forward and three times back. */
double latent_trainer_cost(const latent_trainer *t);

#pragma GCC visibility pop
#endif
