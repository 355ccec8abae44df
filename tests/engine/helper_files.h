/* helper_files: tiny model files made in memory, right ones, so that tests and fuzzers can damage
   them.  Each holds a network "G_ema" or a few tensors whose numbers are known. */
#ifndef HELPER_FILES_H
#define HELPER_FILES_H
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. */
typedef struct {
    uint8_t *data;
    size_t size, room;
} bytes;

void bytes_free(bytes *b);
void put(bytes *b, const void *data, size_t n);
void put_text(bytes *b, const char *text); /* without its zero */
void put_u16(bytes *b, unsigned n);
void put_u32(bytes *b, uint32_t n);
void put_u64(bytes *b, uint64_t n);
void put_floats(bytes *b, const float *x, size_t n);
void put_halves(bytes *b, const float *x, size_t n);

/* Pieces of a pickle. */
void pickle_begin(bytes *b, int protocol);
void pickle_text(bytes *b, const char *text);
void pickle_int(bytes *b, int64_t n);
void pickle_real(bytes *b, double x);
void pickle_bytes(bytes *b, const bytes *content);
/* The same as protocols 0 to 2 have it: a text that is to be encoded as latin-1. */
void pickle_latin(bytes *b, const bytes *content);
void pickle_global(bytes *b, const char *module, const char *name);
void pickle_ints(bytes *b, const int64_t *n, int count); /* a tuple */
/* A tensor: what stands before its storage and after it. */
void tensor_begin(bytes *b);
void tensor_end(bytes *b, int64_t offset, int rank, const int64_t *dim, const int64_t *stride);
/* A storage as a persistent id. */
void storage_id(bytes *b, const char *class, const char *key, int64_t count);
/* A storage as NVIDIA's files have it: a legacy stream in a byte string (latin: as pickle_latin()
   writes one), and the call around it. */
void storage_embedded(bytes *b, const char *class, int64_t count, const bytes *numbers, int latin);
/* Torch's legacy stream around a pickle (without its STOP) and one storage with the key "0". */
void legacy_stream(bytes *b, const bytes *object, int64_t count, const bytes *numbers);

/* A zip archive of stored members. */
typedef struct {
    bytes file, table;
    unsigned count;
    unsigned flags, method; /* for the next members: 0 is a stored one */
} zip_writer;
void zip_member(zip_writer *z, const char *name, const bytes *content);
void zip_end(zip_writer *z); /* z->file is the archive then */

/* One right file of each kind, and their number.  The names end as such files do. */
size_t n_seeds(void);
bytes make_seed(size_t i, const char **name);
/* The same of arrays (weights/arrays.h): halves [2][4] 0, 1, 2 ...; a compressed .npz of w and z;
   the halves in an .npz that is not; and text of two rows. */
size_t n_arrays(void);
bytes make_array(size_t i, const char **name);

#endif
