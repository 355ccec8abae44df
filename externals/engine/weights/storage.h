/* storage: where in a file the numbers of torch's storages lie.  A tensor is a view of a storage;
   the storage is named in the pickle, and its numbers are in a member of a zip archive, behind the
   pickle, or in a byte string inside the pickle.  For torch.c. */
#ifndef LATENT_STORAGE_H
#define LATENT_STORAGE_H
#include "pickle.h"
#include "weights.h"
#include "zip.h"

typedef struct {
    const char *name;          /* a storage's class */
    const char *dtype, *numpy; /* the same as torch and as numpy call it */
    int size, readable;        /* readable 0: a kind that no network here uses */
    latent_dtype d;
} latent_number_kind;

/* NULL for what is unknown. */
const latent_number_kind *latent_kind_of_storage(pickle_value class);
const latent_number_kind *latent_kind_of_dtype(pickle_value dtype);
const latent_number_kind *latent_kind_of_numpy(const char *name);

typedef struct {
    uint64_t offset, bytes;
    const latent_number_kind *kind;
} latent_storage;

typedef struct {
    const char *key;
    uint64_t count; /* of numbers */
    latent_storage storage;
} latent_keyed_storage;

/* All that is needed to find a storage. */
typedef struct {
    latent_bytes *source;
    latent_arena *arena;
    const latent_zip *zip; /* torch zip: the archive, and the folder in it */
    const char *folder;
    latent_keyed_storage *list; /* torch legacy: sorted by key */
    size_t count;
    uint64_t parsed; /* bytes of the records around embedded storages */
} latent_storages;

/* What a tensor's first argument says; tensor is its name, for the sentence. */
int latent_storage_find(latent_storages *all, pickle_value v, const char *tensor, latent_storage *s,
                        latent_error *e);

/* Torch's legacy stream: reads its five pickles and finds where each storage's numbers lie.  root
   is the object, list is sorted by key. */
int latent_legacy_load(latent_cursor *c, latent_arena *a, pickle_value *root,
                       latent_keyed_storage **list, size_t *count, latent_error *e);
/* Does the source begin like one? */
int latent_is_legacy(const latent_bytes *s);

#endif
