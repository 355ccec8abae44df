/* arrays: latents in files as other tools write and read them: numpy's .npy and .npz (NEP 1; a zip
   of .npy files, stored or deflated; projectors write "w" [1][num_ws][w_dim]), and text as Pd's
   [text] and [array] have it.  Files come from strangers: every size is checked before memory is
   taken. */
#ifndef LATENT_ARRAYS_H
#define LATENT_ARRAYS_H
#include "../base/error.h"
#include "weights.h"

#pragma GCC visibility push(default)

#define LATENT_MOST_NUMBERS ((size_t)1 << 22) /* in one array */

typedef struct {
    int rank; /* 1 at least */
    int64_t dim[LATENT_MAX_RANK];
    size_t count;
    float *data; /* malloc'd, row after row; freed by latent_array_free */
} latent_array;

/* Reads the array; of an .npz the one called key, or with NULL "w", or the only one.  Text: numbers
   between spaces and commas; a row ends at a semicolon, or where there are none at the end of a
   line; rows of one number are one row.  0, or -1 and a sentence (then a holds nothing). */
int latent_array_read(latent_array *a, const char *path, const char *key, latent_error *e);
/* The same of bytes in memory.  For tests and fuzzers. */
int latent_array_read_memory(latent_array *a, const void *data, size_t size, const char *key,
                             latent_error *e);
void latent_array_free(latent_array *a);

/* Writes float32 numbers by the name's ending: .npy, .npz (one array, called key), or .txt (one
   line for each but the last axis, ended by a semicolon).  Written beside its place and moved there
   when complete; the same numbers make the same bytes.  0, or -1 and a sentence. */
int latent_array_write(const char *path, const char *key, int rank, const int64_t *dim,
                       const float *data, latent_error *e);

#pragma GCC visibility pop
#endif
