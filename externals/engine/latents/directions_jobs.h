/* directions_jobs: the slow things about directions as jobs for workers, with copies of all they
   need; for [latent.directions]. */
#ifndef LATENT_DIRECTIONS_JOBS_H
#define LATENT_DIRECTIONS_JOBS_H
#include "../base/jobs.h"
#include "directions.h"

#pragma GCC visibility push(default)

typedef struct {
    latent_job job;
    latent_directions *set; /* what was found or read: take it by leaving NULL */
    char label[256];        /* of a file, as it was said; "" when it was found */
    /* the job's own */
    latent_directions_settings settings;
    latent_model *model; /* held */
    float *lists;        /* copies */
    char *paths;
} latent_directions_job;

/* settings' lists are copied; class_number: of the sampled styles, for conditional models, and may
   lie between two.  NULL and a sentence. */
latent_directions_job *latent_directions_job_find(latent_model *m,
                                                  const latent_directions_settings *settings,
                                                  double class_number, latent_error *e);
/* Of several paths, one after another in memory and ended by an empty one, the first that exists;
   takes paths (malloc'd, may be NULL) over. */
latent_directions_job *latent_directions_job_read(char *paths, const char *label, latent_error *e);
/* d may be NULL, which is then said. */
latent_directions_job *latent_directions_job_write(const latent_directions *d, const char *path,
                                                   const char *label, latent_error *e);

#pragma GCC visibility pop
#endif
