/* reader: reads a network's tensors out of a file, for all architectures: finds them by name,
   checks that they have the sides that are expected and hold numbers, counts what they take, tells
   how far it is and stops when nobody waits any more. */
#ifndef LATENT_READER_H
#define LATENT_READER_H
#include "model.h"

#pragma GCC visibility push(default)

typedef struct latent_reader latent_reader;

/* Where the numbers of a tensor lie, as the network wants it: an entry of the file, its axes in the
   order that is wanted, and what is done to each number on the way. */
typedef struct {
    char name[200];     /* in the file, for messages */
    latent_entry entry; /* axes may be in another order than the file's */
    float gain, add;    /* number * gain + add */
    int reverse;        /* the last two axes run backwards */
} latent_source;

struct latent_reader {
    latent_model *model; /* weights_bytes and kept_bytes grow with what is read; or NULL */
    latent_weights *file;
    const char *prefix; /* before the names in the file */
    latent_progress progress;
    latent_error *error;
    /* For files that name their tensors otherwise, or keep them otherwise: where the tensor is that
       the network knows by that name.  1, or 0 when there is none (s->name, if anything, says what
       was looked for).  NULL: the file has the same names and shapes. */
    int (*translate)(const latent_reader *r, const char *name, latent_source *s);
    uint64_t hash;       /* of the trained numbers read so far, see signature.c */
    latent_source found; /* what was found last */
};

/* The tensor of that name (printf), or NULL; good until the next one is asked for. */
const latent_entry *latent_reader_find(latent_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Its sides are just these. */
int latent_entry_is(const latent_entry *t, int rank, const int64_t *dim);
/* "3 x 4", or "a single number". */
void latent_describe_sides(char *text, size_t room, int rank, const int64_t *dim);

/* Reads a tensor that must be there with just these sides, row-major, to data, which has room for
   it; it is an error when there is a NaN or an infinite number.  0, or -1 and a sentence. */
int latent_reader_numbers(latent_reader *r, const char *name, int rank, const int64_t *dim,
                          float *data);
/* The same as a tensor of its own, [1][1][1][dim 0] to [dim 0][dim 1][dim 2][dim 3]; NULL after an
   error. */
latent_tensor *latent_reader_tensor(latent_reader *r, const char *name, int rank,
                                    const int64_t *dim);
/* The same as numbers of the caller's own (malloc'd); NULL after an error. */
float *latent_reader_array(latent_reader *r, const char *name, int rank, const int64_t *dim);
/* The same as a constant of the graph; takes half the memory where the model is to be kept in half
   precision and the numbers fit.  0, or -1. */
int latent_reader_node(latent_reader *r, const char *name, int rank, const int64_t *dim,
                       latent_node **node);
/* The constant that t is; t stays the caller's. */
latent_node *latent_reader_keep(latent_reader *r, latent_tensor *t);
/* The weights [out][in][kernel][kernel] of a convolution, in the kernels' form. */
int latent_reader_conv(latent_reader *r, const char *name, int in, int out, int kernel, int up,
                       latent_node **node);

/* So many of so many parts are read. */
void latent_reader_progress(const latent_reader *r, int done, int of);

#pragma GCC visibility pop
#endif
