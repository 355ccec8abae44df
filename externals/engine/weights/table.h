/* table: what a reader fills in while it goes through a file: entries and settings.  Internal to
   this folder; weights.h is what others see. */
#ifndef LATENT_TABLE_H
#define LATENT_TABLE_H
#include "bytes.h"
#include "weights.h"
#include "zip.h"

typedef struct {
    char *key;
    char *text; /* or NULL */
    double number;
    size_t order;
} latent_setting;

struct latent_weights {
    latent_bytes source;
    latent_arena arena; /* everything below lives in it or is counted by it */
    const char *format;
    latent_entry *entries;
    size_t n_entries, entry_room;
    latent_entry **by_name; /* sorted */
    size_t n_names, name_room;
    latent_setting *settings; /* sorted, in the end */
    size_t n_settings, setting_room;
    uint64_t claimed; /* float32 bytes that the tensors of one network need */
};

/* Adds a copy of entry under that name, when its elements lie within the size bytes at its offset.
   All tensors of one network together may not need more memory than twice the file. */
int latent_table_entry(latent_weights *w, const char *name, const latent_entry *entry,
                       uint64_t size, latent_error *e);
int latent_table_text(latent_weights *w, const char *key, const char *text, latent_error *e);
int latent_table_number(latent_weights *w, const char *key, double number, latent_error *e);

size_t latent_dtype_size(latent_dtype d);
/* n half precision numbers, little-endian, anywhere in memory. */
void latent_halves_to_floats(const uint8_t *from, float *to, size_t n);

/* The readers of the formats. */
int latent_safetensors_read(latent_weights *w, latent_error *e);
int latent_zip_read(latent_weights *w, latent_error *e);
int latent_legacy_read(latent_weights *w, latent_error *e);
int latent_pickle_read(latent_weights *w, latent_error *e);

/* Opens a file and nothing beside it. */
latent_weights *latent_weights_open_alone(const char *path, latent_error *e);

/* parts.c.  Is this one of several files that a network lies in? */
int latent_parts_are(const char *path);
/* Fills the table from all of them, or from those that an index (w's own source) names. */
int latent_parts_read(latent_weights *w, const char *path, latent_error *e);
int latent_parts_index(latent_weights *w, const char *path, latent_error *e);

/* stranger.c: -1, and a sentence that says what the file is (path: its name, or NULL). */
int latent_stranger(const latent_bytes *source, const char *path, latent_error *e);
int latent_stranger_zip(const latent_zip *z, latent_error *e);

int latent_ends_with(const char *text, const char *end);

#endif
