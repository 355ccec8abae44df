/* dataset_jobs: the slow work of [latent.dataset], as jobs: looking through a folder, making a
   picture ready, writing a set.  What reads and writes picture files (FFmpeg) is handed in by the
   box, so that this library needs none of it. */
#ifndef LATENT_DATASET_JOBS_H
#define LATENT_DATASET_JOBS_H
#include "engine/base/jobs.h"
#include "engine/data/dataset.h"
#include "engine/graph/graph.h"
#include <m_pd.h>

#pragma GCC visibility push(default)

typedef struct {
    latent_tensor *(*read)(const char *path, int channels, const atomic_int *cancel,
                           latent_error *e);
    int (*write)(const char *path, const uint8_t *bytes, int h, int w, int channels,
                 latent_error *e);
    int (*folder)(const char *path, latent_error *e);
} t_latent_media;

/* Looks through the first of paths (malloc'd, as latent_find_paths() gives them; taken over) that
   is a folder. */
typedef struct {
    latent_job job;
    char *paths;
    char *folder;            /* which it was, in paths */
    const latent_rule *rule; /* instead of a folder: count pictures of its seed */
    uint32_t seed;
    int count;
    latent_scan scan;
} t_scan_job;
t_scan_job *latent_scan_job(char *paths);
t_scan_job *latent_scan_rule_job(const latent_rule *rule, uint32_t seed, int count);

typedef enum { LATENT_PREPARE, LATENT_SHOW, LATENT_PUSH } t_latent_purpose;

/* Makes a picture ready, and for LATENT_SHOW promises of how it was and how it is. */
typedef struct {
    latent_job job;
    const t_latent_media *media;
    t_latent_purpose purpose;
    int index, take;
    char *name, *path;
    const latent_rule *rule;
    uint32_t seed, number;
    latent_tensor *original;
    latent_sample_settings settings;
    latent_sample *plate;        /* held; given when it is ready already */
    latent_node *before, *after; /* held */
    latent_error why;            /* what kept it from being made ready */
} t_plate_job;
t_plate_job *latent_sample_job(const t_latent_media *m, t_latent_purpose purpose,
                               const latent_dataset_entry *q, int index, int take,
                               latent_sample_settings settings);

/* Writes a folder (plate and text NULL), a picture or a text. */
typedef struct {
    latent_job job;
    const t_latent_media *media;
    char path[MAXPDSTRING];
    char from[MAXPDSTRING]; /* the folder the set was read from, which path must not be; or "" */
    latent_sample *plate;   /* held */
    char *text;             /* owned */
    size_t size;
} t_store_job;
t_store_job *latent_store_job(const t_latent_media *m, const char *folder, const char *file);

/* ---- words on cords */

/* Sends "selector word word ..." of a sentence, cut at blanks. */
void latent_words_send(t_outlet *o, const char *selector, const char *sentence);

/* ---- named sets: [latent.train] draws from [latent.dataset -name fish-set] by that name */

/* Gives a set a name, in place of what had it; NULL takes the name back from owner. */
void latent_dataset_name(t_symbol *name, latent_dataset *d, const void *owner);
/* A source of what is in the set of that name now, or NULL and a sentence.  On Pd's thread. */
latent_source *latent_dataset_named(t_symbol *name, latent_error *e);
int latent_dataset_known(t_symbol *name); /* is there a set of that name? */

#pragma GCC visibility pop
#endif
