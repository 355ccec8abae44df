/* bytes: where a model file's bytes come from, a file or a block of memory, and the small tools
   that every reader of one needs: reading at a place, a cursor that walks through a window, and an
   arena with a hard limit for what is built from it.  For the readers in this folder only.

   A file is read by pread and not mapped: when somebody cuts it short while it is being read, that
   is an error with a sentence and not a SIGBUS. */
#ifndef LATENT_BYTES_H
#define LATENT_BYTES_H
#include "../base/error.h"
#include <stddef.h>
#include <stdint.h>

/* What was put behind a file: another file, or memory. */
typedef struct {
    uint64_t at, size; /* its place among all bytes */
    int fd;            /* -1: in memory */
    uint8_t *memory;   /* malloc'd */
    size_t room;       /* of the memory */
} latent_segment;

typedef struct {
    int fd; /* -1 when the bytes are in memory */
    const uint8_t *memory;
    uint64_t size; /* with what was put behind */
    uint64_t own;  /* without */
    uint64_t kept; /* bytes of memory that were put behind */
    latent_segment *more;
    size_t n_more;
} latent_bytes;

/* Opens a regular file.  0, or -1 and a sentence. */
int latent_bytes_open(latent_bytes *s, const char *path, latent_error *e);
void latent_bytes_memory(latent_bytes *s, const void *data, size_t size);
void latent_bytes_close(latent_bytes *s);
/* Reads n bytes at offset into dst, all or an error.  Any thread. */
int latent_bytes_read(const latent_bytes *s, uint64_t offset, void *dst, size_t n, latent_error *e);
/* Room for up to n bytes behind all others, to be written at once; latent_bytes_keep() says how
   many there are and gives their offset.  NULL and a sentence without memory. */
uint8_t *latent_bytes_room(latent_bytes *s, size_t n, latent_error *e);
uint64_t latent_bytes_keep(latent_bytes *s, size_t n);
/* Puts all of another source that is a file behind this one, and empties it.  *offset: what its
   offsets grow by. */
int latent_bytes_join(latent_bytes *s, latent_bytes *other, uint64_t *offset, latent_error *e);

/* Walks through the bytes [at, end) of a source. */
typedef struct {
    const latent_bytes *source;
    uint64_t at, end;
    uint64_t place; /* of the buffer in the source */
    size_t filled;
    uint8_t buffer[8192];
} latent_cursor;

/* The window must lie inside the source, or it is an error. */
int latent_cursor_open(latent_cursor *c, const latent_bytes *s, uint64_t offset, uint64_t length,
                       latent_error *e);
int latent_cursor_take(latent_cursor *c, void *dst, size_t n, latent_error *e);
int latent_cursor_skip(latent_cursor *c, uint64_t n, latent_error *e);

/* Little-endian numbers, as all these formats have them. */
uint16_t latent_u16(const uint8_t *p);
uint32_t latent_u32(const uint8_t *p);
uint64_t latent_u64(const uint8_t *p);

/* Memory that is given back all at once, and never more than limit of it. */
typedef struct latent_chunk latent_chunk;
typedef struct {
    size_t used, limit;
    latent_chunk *chunks;
    char *next;
    size_t left;
} latent_arena;

void latent_arena_init(latent_arena *a, size_t limit);
void latent_arena_free(latent_arena *a);
/* Zeroed, aligned for any type.  NULL and a sentence when the limit is reached. */
void *latent_arena_take(latent_arena *a, size_t size, latent_error *e);
char *latent_arena_text(latent_arena *a, const char *text, size_t length, latent_error *e);
/* Grows an array of its own (to be given back by latent_arena_ungrow) until it has room for need
   items, and counts it against the limit.  0 or -1. */
int latent_arena_grow(latent_arena *a, void *array, size_t *room, size_t need, size_t item,
                      latent_error *e);
void latent_arena_ungrow(latent_arena *a, void *array, size_t *room, size_t item);

/* A name out of a file, made fit for a sentence: short, and without control characters. */
typedef struct {
    char text[72];
} latent_printable;
latent_printable latent_print(const char *text);

#endif
