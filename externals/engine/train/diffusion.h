/* diffusion: trains a diffusion-tiny (models/diffusion_tiny.h) from pictures and what is said about
   them.  Each step takes a batch of pictures with a sentence each (English or Chinese by chance, in
   one of eight cases none), buries each under its own share t of noise, t = sigmoid(normal), and
   asks the network for the velocity noise - picture: the mean of the squared errors (rectified
   flow, Liu et al. 2022; t as Esser et al. 2024).  Adam, its rate constant for the first two fifths
   of the training, then a cosine; the network that is saved is the average of the last ones, of as
   many as there have been for long (the power function of Karras et al. 2024).

   The same graph plays and learns: the weights are leaves of it here (parameters.h).  The same
   settings, source and seed give the same network to the bit, resumed from a checkpoint or not.
   Works with the calling thread's evaluator; one training is used by one thread at a time, not
   Pd's. */
#ifndef LATENT_DIFFUSION_TRAIN_H
#define LATENT_DIFFUSION_TRAIN_H
#include "../data/source.h"
#include "../models/diffusion_tiny.h"
#include "../models/model.h"

#pragma GCC visibility push(default)

typedef struct {
    latent_diffusion_sizes sizes; /* mean and deviation, too */
    int batch;                    /* pictures a step, at most 64 */
    int64_t images;               /* of the whole training, in which the rate falls */
    float rate;                   /* of Adam at its highest */
    float drop;                   /* so often there are no words */
    int kept; /* so many pictures are drawn once and kept in memory, and then come again and
                      again in another order; 0: none are */
    uint64_t seed;
} latent_diffusion_settings;

/* Batches of 32, 240,000 pictures, rate 0.01. */
latent_diffusion_settings latent_diffusion_settings_usual(int resolution);

typedef struct latent_diffusion_training latent_diffusion_training;

/* A new network, which is told the words by clip, an encoder (held).  The source stays the caller's
   and must live as long; it has sentences; NULL: it comes later.  NULL and a sentence. */
latent_diffusion_training *latent_diffusion_training_new(latent_source *source, latent_model *clip,
                                                         const latent_diffusion_settings *settings,
                                                         latent_error *e);
/* The training of a checkpoint, to the bit: sizes, batch, kept and seed are the file's, the rest
   the settings'.  NULL and a sentence. */
latent_diffusion_training *latent_diffusion_training_open(latent_source *source, latent_model *clip,
                                                          const char *path,
                                                          const latent_diffusion_settings *settings,
                                                          latent_error *e);
/* Begins with the weights of a model; where its pictures are smaller and its squares of pixels
   smaller in the same ratio, it draws just so, and learns the rest.  -1 and a sentence. */
int latent_diffusion_training_from(latent_diffusion_training *t, const char *path, latent_error *e);
void latent_diffusion_training_free(latent_diffusion_training *t); /* t may be NULL */
/* Between steps: other pictures from now on; and other images, rate and drop. */
void latent_diffusion_training_source(latent_diffusion_training *t, latent_source *source);
void latent_diffusion_training_adjust(latent_diffusion_training *t,
                                      const latent_diffusion_settings *settings);
latent_diffusion_settings latent_diffusion_training_settings(const latent_diffusion_training *t);
int64_t latent_diffusion_training_images(const latent_diffusion_training *t);

/* One step; adds its loss to *loss (1 + the variance of the pictures when nothing is known).  -1
   and a sentence. */
int latent_diffusion_training_step(latent_diffusion_training *t, double *loss, latent_error *e);

/* The average of the last networks, as one that plays; not net's numbers are shared.  -1 and a
   sentence. */
int latent_diffusion_training_net(const latent_diffusion_training *t, latent_diffusion_net *net,
                                  latent_error *e);
/* The same as a file, in float16; note (or NULL) goes into its metadata as "origin". */
int latent_diffusion_training_save(const latent_diffusion_training *t, const char *path,
                                   const char *note, latent_error *e);
/* The whole state, written beside path first and then moved there. */
int latent_diffusion_training_write(const latent_diffusion_training *t, const char *path,
                                    latent_error *e);

/* The embedding of a text, [1][1][1][embedding] at the length sqrt(embedding): what a network is
   told.  NULL and a sentence. */
latent_node *latent_diffusion_words(latent_model *clip, const char *text, latent_error *e);

/* n pictures (at most 64), [n][side][side][channels] in [-1, 1], in so many equal steps (1 to
   LATENT_MOST_STEPS) of the Euler method from noise of that seed: words[n][words] (or NULL),
   guidance as in diffusion/noised.h. */
int latent_diffusion_sample(latent_model *m, int n, const float *words, uint32_t seed, int steps,
                            double guidance, float *pictures, latent_error *e);

#pragma GCC visibility pop
#endif
