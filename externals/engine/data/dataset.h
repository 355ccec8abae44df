/* dataset: a set of pictures with what is said about them: found in a folder (subfolders are
   classes), or pushed one by one (a network's own pictures: the closed loop).  It knows names,
   words, classes, what was accepted or rejected, and holds the pictures made ready (plate.h).  For
   [latent.dataset]; training draws from it as from any source (source.h).

   A data set belongs to one thread (Pd's); only scanning and drawing, which use nothing of it, are
   for workers. */
#ifndef LATENT_DATASET_H
#define LATENT_DATASET_H
#include "../rules/rules.h"
#include "captions.h"
#include "sample.h"
#include "source.h"
#include <stdatomic.h>
#include <stdio.h>

#pragma GCC visibility push(default)

#define LATENT_DATASET_MOST 100000             /* pictures */
#define LATENT_DATASET_BYTES ((size_t)2 << 30) /* of pictures made ready */

typedef enum { LATENT_UNDECIDED, LATENT_ACCEPTED, LATENT_REJECTED } latent_selection;

typedef struct {
    char *path;              /* the file; NULL for one that was pushed */
    char *name;              /* what it is called in its folder, "fish/carp.png" */
    char *output;            /* what it is called when the set is written; no two are alike */
    char *english, *chinese; /* never NULL */
    int label;               /* its class, or -1 */
    latent_selection verdict;
    latent_sample *plate;    /* held; NULL until it is made ready, or when that failed */
    const latent_rule *rule; /* which draws it, or NULL: picture number index of seed */
    uint32_t seed, index;
    latent_tensor *original; /* held; what was pushed; NULL for files */
    int failed;              /* it could not be made ready */
    int stale;               /* it is still to be made ready, or anew: settings have changed */
} latent_dataset_entry;

/* ---- looking through a folder */

typedef struct {
    latent_dataset_entry *entries; /* sorted by name */
    int n;
    char **classes; /* names, by label; the folder's own, or "0", "1" ... from dataset.json */
    int n_classes;
    char **skipped; /* sentences about files that are there and can't be used */
    int n_skipped;
} latent_scan;

/* Finds the pictures of a folder (.png .jpg .jpeg .webp .bmp .tif .tiff .gif, four folders deep)
   and what is said about them, without opening a picture.  0, or -1 and a sentence (no such folder,
   no picture in it).  Gives up soon after *cancel is set.  On a worker.  Free either way. */
int latent_scan_folder(latent_scan *s, const char *folder, const atomic_int *cancel,
                       latent_error *e);
/* count pictures of a rule from a seed on, with its sentences, likewise; they are drawn when they
   are made ready. */
int latent_scan_rule(latent_scan *s, const latent_rule *rule, uint32_t seed, int count,
                     const atomic_int *cancel, latent_error *e);
void latent_scan_free(latent_scan *s);

/* ---- the set */

typedef struct latent_dataset latent_dataset;

latent_dataset *latent_dataset_new(void);
void latent_dataset_free(latent_dataset *d);
void latent_dataset_clear(latent_dataset *d);

/* Takes all entries and classes out of the scan, in place of what is there. */
void latent_dataset_take(latent_dataset *d, latent_scan *s);
/* Adds a picture that was pushed.  Takes plate over, holds original (may be NULL).  Words may be
   "". When limit (0: none) pushed pictures are there, the oldest of them leaves.  Its place from 0,
   or -1 and a sentence. */
int latent_dataset_push(latent_dataset *d, latent_sample *plate, latent_tensor *original,
                        const char *english, const char *chinese, int limit, latent_error *e);

int latent_dataset_count(const latent_dataset *d);
/* Number i from 0, which the caller may change the verdict of; NULL outside. */
latent_dataset_entry *latent_dataset_at(latent_dataset *d, int i);
const char *latent_dataset_class(const latent_dataset *d, int label); /* NULL: no such */
int latent_dataset_classes(const latent_dataset *d);
/* Gives entry i its picture (taken over), or NULL: it can't be made ready.  -1 and a sentence when
   all pictures together are too large; plate is let go then. */
int latent_dataset_ready(latent_dataset *d, int i, latent_sample *plate, latent_error *e);
/* All pictures are to be made ready anew; until then the old ones stay. */
void latent_dataset_unready(latent_dataset *d);
/* May a trainer turn the pictures left to right?  No, until told. */
void latent_dataset_mirror(latent_dataset *d, int mirrored);
/* Is it ready and not rejected? */
int latent_dataset_entry_used(const latent_dataset_entry *q);

typedef struct {
    int pictures, ready, accepted, rejected, failed, described;
    double mean[3], deviation[3]; /* red, green, blue of what is ready and not rejected */
} latent_dataset_statistics;
void latent_dataset_measure(const latent_dataset *d, latent_dataset_statistics *s);

/* A source of what is ready and not rejected now: it holds the pictures, and what happens to the
   set later does not change it.  NULL and a sentence when there is nothing. */
latent_source *latent_dataset_source(const latent_dataset *d, latent_error *e);

/* ---- writing */

/* Adds an entry to the text of index.json, which begins with the first; the caller ends it by
   "\n]\n". */
void latent_dataset_line(const latent_dataset_entry *q, FILE *f);
/* Writes a file whole or not at all.  On a worker. */
int latent_file_write(const char *path, const char *text, size_t size, latent_error *e);
/* Are two folders the same?  On a worker. */
int latent_folder_same(const char *a, const char *b);

#pragma GCC visibility pop
#endif
