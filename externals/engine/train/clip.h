/* clip: trains a clip-tiny (models/clip_tiny.h) from pictures and what is said about them.  Each
   step draws a batch of pictures whose sentences all differ, disturbs the pictures a little (crop,
   shift, blur, noise: what a half-trained generator and cutouts do to them), and asks that each
   picture and its own sentence are nearer to each other than to all others of the batch (the
   symmetric contrastive loss of Radford et al. 2021, its temperature learned), in English and in
   Chinese at once.  With an attack, each picture first goes a little way towards where the network
   knows it less (adversarial training: Madry et al. 2018): who is not taken in by what nobody sees
   has gradients along which a picture changes as people would change it (Ganz and Elad 2024,
   "CLIPAG"), and that is what guides.  Adam with a warm-up and a cosine; the network that is saved
   is the average of the last ones (Polyak).

   The same settings, source and seed give the same network to the bit, whatever the number of
   threads, resumed from a checkpoint or not.  Works with the pool; one training is used by one
   thread at a time, not Pd's. */
#ifndef LATENT_CLIP_TRAIN_H
#define LATENT_CLIP_TRAIN_H
#include "../data/source.h"
#include "../models/clip_tiny.h"
#include "../models/model.h"
#include "parameters.h"

#pragma GCC visibility push(default)

typedef struct {
    latent_tiny_sizes sizes;
    int batch;     /* pictures a step, a multiple of 8, at most 1024 */
    int64_t steps; /* of the whole training, on which the rate falls to a fiftieth */
    float rate;    /* of Adam at its highest */
    float disturb; /* how much pictures are disturbed: 0 not at all, 1 as usual */
    float attack;  /* the longest way, in numbers of [-1, 1], that a picture is moved against the
                      network before it learns from it; 0: none are */
    uint64_t seed;
} latent_clip_settings;

/* The built-in one's: batches of 128, 4,000 steps, rate 0.0015. */
latent_clip_settings latent_clip_settings_usual(void);

typedef struct latent_clip_training latent_clip_training;

/* A new network.  The source stays the caller's and must live as long; it has sentences; NULL: it
   comes later.  NULL and a sentence. */
latent_clip_training *latent_clip_training_new(latent_source *source,
                                               const latent_clip_settings *settings,
                                               latent_error *e);
/* The training of a checkpoint, to the bit: sizes, batch and seed are the file's, the rest the
   settings'.  NULL and a sentence. */
latent_clip_training *latent_clip_training_open(latent_source *source, const char *path,
                                                const latent_clip_settings *settings,
                                                latent_error *e);
/* The weights of a clip-tiny of the same sizes, to begin with; -1 and a sentence. */
int latent_clip_training_from(latent_clip_training *t, const char *path, latent_error *e);
void latent_clip_training_free(latent_clip_training *t); /* t may be NULL */
/* Between steps: other pictures from now on; and other steps, rate, disturb and attack. */
void latent_clip_training_source(latent_clip_training *t, latent_source *source);
void latent_clip_training_adjust(latent_clip_training *t, const latent_clip_settings *settings);
latent_clip_settings latent_clip_training_settings(const latent_clip_training *t);
/* Steps done; a batch of pictures each. */
int64_t latent_clip_training_steps(const latent_clip_training *t);

typedef struct {
    int64_t step;     /* steps done */
    int64_t pictures; /* seen so far */
    float loss;       /* of this step; log(batch) when nothing is known */
    float found;      /* share of pictures and sentences that found each other in the batch */
    float scale;      /* the learned one: cosines times this */
    float rate;
} latent_clip_report;

/* One step; r may be NULL.  -1 and a sentence (the source failed, there is no memory). */
int latent_clip_training_step(latent_clip_training *t, latent_clip_report *r, latent_error *e);

/* The network as it is now, the average of the last ones, ready to be used: with one holder. */
latent_model *latent_clip_training_snapshot(const latent_clip_training *t, const char *label,
                                            latent_error *e);
/* The same as a file, in float16; note (or NULL) goes into its metadata as "origin". */
int latent_clip_training_save(const latent_clip_training *t, const char *path, const char *note,
                              latent_error *e);

/* The whole state, written beside path first and then moved there; and back, to the bit, into a
   training of the same settings (the number of steps and the rate may differ).  A training that
   could not be resumed is of no use any more. */
int latent_clip_training_write(const latent_clip_training *t, const char *path, latent_error *e);
int latent_clip_training_resume(latent_clip_training *t, const char *path, latent_error *e);

/* The parameters of a network of these sizes, in the order and with the names and shapes of
   models/clip_tiny.h, are added to p; once there is memory, they begin by chance; and the network
   over what they are now, which is to be cleared. */
int latent_clip_parameters(latent_parameters *p, const latent_tiny_sizes *s, latent_error *e);
void latent_clip_begin(latent_parameters *p, const latent_tiny_sizes *s, uint64_t seed);
int latent_clip_net(latent_parameters *p, const latent_tiny_sizes *s, latent_tiny_net *net,
                    latent_error *e);

/* One picture [size][size][3], disturbed as number index of a training with that seed. */
void latent_clip_disturb(const float *picture, int size, float strength, uint64_t seed,
                         uint64_t index, float *out);

#pragma GCC visibility pop
#endif
