/* load: jobs for the loader: a picture or a film from a file, and the frames of a film.  For
   [latent.image], which keeps the order and tells the patch. */
#ifndef LATENT_LOAD_H
#define LATENT_LOAD_H
#include "../base/jobs.h"
#include "../graph/graph.h"
#include "film_reader.h"
#include "metadata.h"
#include <sys/types.h>
#include <time.h>

/* What file it is and how it was read, so that an unchanged one is not read again. */
typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
    int channels;
} latent_stamp;

typedef struct {
    latent_job job;
    int channels;
    /* a file: where it may be, names one after another, malloc'd, ended by an empty one; known is
       what is there already; found, the film (or NULL) and the notes come out */
    char *paths;
    latent_stamp known, found;
    latent_film_reader *reel;
    latent_metadata notes;
    /* paths NULL: that frame of the reel, which is held */
    int frame;
    /* the picture, of a film that was opened its first; NULL when the file is the known one */
    latent_node *node;
} latent_load;

/* NULL when there is no memory.  The other fields are the caller's to set. */
latent_load *latent_load_new(int channels);

#endif
