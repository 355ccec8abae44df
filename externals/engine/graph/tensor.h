/* tensor: a block of float32 numbers with a shape and a count of its holders.  Channels lie last
   (batch, row, column, channel), so that vector loads run along channels.  Everything the engine
   computes is one of these. */
#ifndef LATENT_TENSOR_H
#define LATENT_TENSOR_H
#include "../base/error.h"
#include <stdatomic.h>
#include <stddef.h>

#pragma GCC visibility push(default)

typedef struct {
    int n, h, w, c; /* batch, rows, columns, channels; each at least 1 */
} latent_shape;

typedef struct latent_tensor {
    atomic_int refs;
    latent_shape shape;
    size_t count; /* n*h*w*c */
    float *data;  /* 64-byte aligned; immutable once another thread can see it */
    int fresh;    /* of a gradient: nothing has been added yet, its numbers are not set */
} latent_tensor;

/* The number of elements, or 0 when a side is below 1 or the product exceeds LATENT_MAX_COUNT. */
#define LATENT_MAX_COUNT ((size_t)1 << 30)
size_t latent_shape_count(latent_shape s);
int latent_shape_equal(latent_shape a, latent_shape b);

/* A new tensor with one holder, its numbers not set.  NULL (and a sentence) when there is no memory
   or the shape is impossible.  Any thread. */
latent_tensor *latent_tensor_new(latent_shape s, latent_error *e);
latent_tensor *latent_tensor_retain(latent_tensor *t);
/* Lets go; t may be NULL.  Constant time on any thread: a large block goes back to a store of
   blocks, which latent_tensor_trim() empties. */
void latent_tensor_release(latent_tensor *t);

/* Frees stored blocks until at most keep bytes are stored.  Called by the worker threads. */
void latent_tensor_trim(size_t keep);
/* Bytes now held by living tensors, and by the store. */
size_t latent_tensor_bytes(void);
size_t latent_tensor_stored(void);

#pragma GCC visibility pop
#endif
