/* weights: the tensors and settings of a model file, by name, whatever the file's format is.  Model
   files come from strangers: every number read is doubted, nothing in a file is ever run, and no
   memory is taken on a file's word.  Formats: NVIDIA's .pkl (persistence records), torch's zip and
   legacy streams (.pt, .pth), safetensors.  For the builders in models/. */
#ifndef LATENT_WEIGHTS_H
#define LATENT_WEIGHTS_H
#include "../base/error.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

typedef enum {
    LATENT_F32,
    LATENT_F16,
    LATENT_BF16,
    LATENT_F64,
    LATENT_I64,
    LATENT_I32,
    LATENT_I16,
    LATENT_I8,
    LATENT_U8,
    LATENT_BOOL
} latent_dtype;

#define LATENT_MAX_RANK 8

typedef struct {
    char
        *name; /* full path with points: "G_ema.synthesis.b4.const"; without wrappers ("module.") */
    latent_dtype dtype;
    int rank; /* 0 for a single number */
    int64_t dim[LATENT_MAX_RANK];
    int64_t stride[LATENT_MAX_RANK]; /* in elements; may be any the storage has room for */
    uint64_t offset;                 /* of the first element, in bytes, in the file */
    int64_t count;                   /* product of dim, checked */
} latent_entry;

typedef struct latent_weights latent_weights;

/* Opens a file and reads its table, not its numbers.  A network in several files
   ("...-00001-of-00002.safetensors", or the ".index.json" beside them) is read from all of them.
   NULL and a sentence when it is none of the known formats or is damaged.  Reading keeps within a
   few MB + the size of the table (and of the numbers, in pickles of protocols 0 to 2). */
latent_weights *latent_weights_open(const char *path, latent_error *e);
/* The same over a block of memory, which must outlive the result.  For tests and fuzzers. */
latent_weights *latent_weights_open_memory(const void *data, size_t size, latent_error *e);
void latent_weights_close(latent_weights *w);

/* "pickle", "torch zip", "torch legacy" or "safetensors" */
const char *latent_weights_format(const latent_weights *w);
size_t latent_weights_count(const latent_weights *w); /* entries are sorted by name */
const latent_entry *latent_weights_at(const latent_weights *w, size_t i);
const latent_entry *latent_weights_find(const latent_weights *w, const char *name);
/* What stands before a name in the file ("G_ema.", "module.", ""): 1 when there is a tensor of that
   name; prefix (room LATENT_PREFIX) is written then.  Where there are several it is the running
   mean ("ema"), then the one with nothing before it, then the first. */
#define LATENT_PREFIX 100
int latent_weights_prefix(const latent_weights *w, const char *name, char *prefix, size_t room);

/* Reads a tensor's numbers as float32, row-major over its dim.  dst has room for entry->count.
   Several threads may read at once. */
int latent_weights_read(latent_weights *w, const latent_entry *entry, float *dst, latent_error *e);

/* Settings: attributes of the modules in a .pkl ("G_ema.synthesis.b4.conv1.conv_clamp",
   "G_ema._init_kwargs.synthesis_kwargs.architecture"), or a safetensors' metadata.
   "G_ema.class_name" is the class of a record.  The items of lists up to 256 long have their
   numbers as names ("...resample_filter.0"); a single numpy number is a setting and an entry.
   NULL, or -1, when there is none of that name and kind; None counts as none. */
const char *latent_weights_text(const latent_weights *w, const char *key);
int latent_weights_number(const latent_weights *w, const char *key, double *value);

/* Writing safetensors.  The file is written beside its place and moved there when complete. */
typedef struct {
    const char *name;
    latent_dtype dtype; /* LATENT_F32 or LATENT_F16: what to store */
    int rank;
    int64_t dim[LATENT_MAX_RANK];
    const float *data; /* row-major */
} latent_tensor_out;
typedef struct {
    const char *key, *value;
} latent_meta_out;
int latent_safetensors_write(const char *path, const latent_tensor_out *tensors, size_t n_tensors,
                             const latent_meta_out *meta, size_t n_meta, latent_error *e);
/* The same to where it is wanted: to that path, or (path NULL) to memory: data is malloc'd then,
   the caller frees it, and latent_weights_open_memory() opens it. */
typedef struct {
    const char *path;
    void *data;
    size_t size;
} latent_model_place;
int latent_safetensors_put(latent_model_place *to, const latent_tensor_out *tensors,
                           size_t n_tensors, const latent_meta_out *meta, size_t n_meta,
                           latent_error *e);

uint16_t latent_half_from_float(float f); /* round to nearest even */
float latent_half_to_float(uint16_t h);

#pragma GCC visibility pop
#endif
