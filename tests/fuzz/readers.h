/* readers: every reader of bytes from outside, as a function of a block of memory, for the fuzzers.
   The table of them all is in readers.c: a new reader is a function and one line there. */
#ifndef FUZZ_READERS_H
#define FUZZ_READERS_H
#include "engine/base/error.h"
#include <stddef.h>
#include <stdint.h>

/* Reads the bytes as one kind of file and uses what it got as the boxes do.  Aborts when a promise
   of the reader's header is broken; the sanitizers watch the rest. */
typedef void (*fuzz_reader)(const uint8_t *data, size_t size);

typedef struct {
    const char *name; /* of the reader, and of the folder with its corpus */
    fuzz_reader read;
    size_t longest; /* bytes that are worth trying */
} fuzz_entry;
extern const fuzz_entry fuzz_table[]; /* ended by one without a name */

/* A file of these bytes in a folder of this process, under that name ("set/index.json"; folders on
   the way are made).  Its path, which stays until the next call. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t size);
/* The folder itself. */
const char *fuzz_folder(void);
/* A refusal: it must have a sentence fit to be shown. */
void fuzz_refused(const latent_error *e);

/* What must hold. */
#define fuzz_check(promise) ((promise) ? (void)0 : fuzz_broken(#promise))
void fuzz_broken(const char *promise) __attribute__((noreturn));

/* The bytes up to the next 0 as text of their own, malloc'd; *data and *size go on behind it. */
char *fuzz_text(const uint8_t **data, size_t *size);

/* readers.c has them in a table. */
void fuzz_weights(const uint8_t *data, size_t size);
void fuzz_parts(const uint8_t *data, size_t size);
void fuzz_configs(const uint8_t *data, size_t size);
void fuzz_arrays(const uint8_t *data, size_t size);
void fuzz_models(const uint8_t *data, size_t size);
void fuzz_beside(const uint8_t *data, size_t size);
void fuzz_directions(const uint8_t *data, size_t size);
void fuzz_trainings(const uint8_t *data, size_t size);
void fuzz_walks(const uint8_t *data, size_t size);
void fuzz_json(const uint8_t *data, size_t size);
void fuzz_captions(const uint8_t *data, size_t size);
void fuzz_vocabularies(const uint8_t *data, size_t size);
void fuzz_texts(const uint8_t *data, size_t size);
void fuzz_folders(const uint8_t *data, size_t size);
void fuzz_rules(const uint8_t *data, size_t size);
void fuzz_pictures(const uint8_t *data, size_t size);
void fuzz_films(const uint8_t *data, size_t size);
void fuzz_notes(const uint8_t *data, size_t size);
void fuzz_tracks(const uint8_t *data, size_t size);
void fuzz_sounds(const uint8_t *data, size_t size);
void fuzz_palettes(const uint8_t *data, size_t size);

#endif
