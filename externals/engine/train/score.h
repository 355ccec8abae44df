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
typedef struct latent_feature_statistics latent_feature_statistics;
latent_feature_statistics *latent_feature_statistics_new(int d, latent_error *e);
void latent_feature_statistics_free(latent_feature_statistics *c); /* c may be NULL */
void latent_feature_statistics_clear(latent_feature_statistics *c);
int64_t latent_feature_statistics_count(const latent_feature_statistics *c);
/* n vectors [n][d]. */
void latent_feature_statistics_add(latent_feature_statistics *c, const float *x, int n);
/* The features of n pictures [n][size][size][3] in [-1, 1] as clip sees them: a clip-tiny whose
   number of features is the cloud's.  Blocks like latent_evaluate().  -1 and a sentence. */
int latent_feature_statistics_add_pictures(latent_feature_statistics *c, latent_model *clip,
                                           const float *pictures, int n, int size, latent_error *e);
/* How many features a clip-tiny has, or -1 and a sentence. */
int latent_feature_statistics_features(latent_model *clip, latent_error *e);

/* trace of the covariance; 0 below two vectors. */
double latent_feature_statistics_variance(const latent_feature_statistics *c);

/* The distance; -1 and a sentence when the clouds' sizes differ, one has less than two vectors or
   NaN or infinity, or there is no memory.  Takes about a second for 192 features. */
int latent_frechet(const latent_feature_statistics *a, const latent_feature_statistics *b,
                   double *distance, latent_error *e);
/* The same as percent of the variance of real. */
int latent_score(const latent_feature_statistics *real, const latent_feature_statistics *made,
                 double *percent, latent_error *e);

#pragma GCC visibility pop
#endif
