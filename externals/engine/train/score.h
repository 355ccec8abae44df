/* score: how far a network's pictures are, as a whole, from those that it learned from: the Frechet
   distance (Heusel et al. 2017, "GANs trained by a two time-scale update rule"; Dowson and Landau
   1982) between two clouds of features, each taken as a normal distribution:

       |mean1 - mean2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))

   The features are the pooled ones of a clip-tiny's picture tower, not those of an Inception
   network, so that scores are comparable only with each other and only under the same clip-tiny.
   A score is told as percent of the total variance of the real features, trace(C1): 0 is the same
   cloud, 100 about what a single picture, again and again, gets.  Two halves of the real
   pictures do not score 0 either: that is the floor, below which no network can be told from
   chance.  It falls as the number of pictures rises: compare equal numbers. */
#ifndef LATENT_SCORE_H
#define LATENT_SCORE_H
#include "../models/model.h"

#pragma GCC visibility push(default)

/* The moments of a cloud of vectors, taken as they come. */
typedef struct latent_cloud latent_cloud;
latent_cloud *latent_cloud_new(int d, latent_error *e);
void latent_cloud_free(latent_cloud *c); /* c may be NULL */
void latent_cloud_clear(latent_cloud *c);
int64_t latent_cloud_count(const latent_cloud *c);
/* n vectors [n][d]. */
void latent_cloud_add(latent_cloud *c, const float *x, int n);
/* The features of n pictures [n][size][size][3] in [-1, 1] as clip sees them: a clip-tiny whose
   number of features is the cloud's.  Blocks like latent_evaluate().  -1 and a sentence. */
int latent_cloud_add_pictures(latent_cloud *c, latent_model *clip, const float *pictures, int n,
                              int size, latent_error *e);
/* How many features a clip-tiny has, or -1 and a sentence. */
int latent_cloud_features(latent_model *clip, latent_error *e);

/* trace of the covariance; 0 below two vectors. */
double latent_cloud_variance(const latent_cloud *c);

/* The distance; -1 and a sentence when the clouds' sizes differ, one has less than two vectors or
   numbers that are none, or there is no memory.  Takes about a second for 192 features. */
int latent_frechet(const latent_cloud *a, const latent_cloud *b, double *distance, latent_error *e);
/* The same as percent of the variance of real. */
int latent_score(const latent_cloud *real, const latent_cloud *made, double *percent,
                 latent_error *e);

#pragma GCC visibility pop
#endif
