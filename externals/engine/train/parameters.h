/* parameters: the numbers that training changes: named tensors of float32 in one block of memory,
   beside their gradients and what Adam (Kingma and Ba 2015) remembers of them; and checkpoints, the
   whole state of a training in one safetensors file.  For every network that is trained here. */
#ifndef LATENT_PARAMETERS_H
#define LATENT_PARAMETERS_H
#include "../base/error.h"
#include "../graph/gradient.h"
#include "../weights/weights.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

typedef struct {
    char name[64]; /* "synthesis.b8.conv0.weight" */
    int rank;      /* 0 for a single number */
    int64_t dim[LATENT_MAX_RANK];
    size_t count, at;  /* numbers, and the first one's place in the arrays below */
    float rate;        /* times the rate of the step; 0: never changed */
    latent_node *leaf; /* of the numbers as they are now, or NULL; held */
} latent_parameter;

/* Zeroed, it is an empty set.  The arrays are allocated once, when all have been added; each
   parameter begins on a line of the cache, and the numbers between are 0 for ever. */
typedef struct {
    latent_parameter *item;
    int n, room;
    size_t count;    /* floats in each array */
    float *value;    /* all below: [count] */
    float *gradient; /* of the loss that is made smaller */
    float *mean, *square;
    float *average; /* of the values over the steps, or NULL where none was asked for */
    int64_t steps;  /* of Adam so far */
} latent_parameters;

/* Adds a parameter; its number, or -1 and a sentence.  Only before latent_parameters_allocate. */
int latent_parameters_add(latent_parameters *p, float rate, latent_error *e, int rank,
                          const int64_t *dim, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Takes the memory, all zeros.  average: also for the average of the values. */
int latent_parameters_allocate(latent_parameters *p, int average, latent_error *e);
void latent_parameters_free(latent_parameters *p); /* leaves an empty set */
/* The number of a name, or -1. */
int latent_parameters_find(const latent_parameters *p, const char *name);

static inline float *latent_parameter_value(const latent_parameters *p, int i)
{
    return p->value + p->item[i].at;
}
static inline float *latent_parameter_gradient(const latent_parameters *p, int i)
{
    return p->gradient + p->item[i].at;
}

typedef struct {
    float rate, beta1, beta2, epsilon;
    float keep; /* of the average: average = value + keep (average - value); not below 0 */
} latent_adam;

/* One step of Adam down the gradient, which is set to 0 for the next; the average follows where
   there is one.  A gradient that is no number counts as 0, an infinite one as 1e5.  Returns how
   many of either there were.  Works with the pool; the result does not depend on the number of
   threads. */
size_t latent_adam_step(latent_parameters *p, const latent_adam *a);

/* ---- leaves of the graph */

/* Parameter i as it is now, as a promise with one more holder; asked again before the numbers
   change, it is the same one, and it keeps its numbers when they do.  Its shape: four dimensions as
   they are; [1][1][first][all others] of three or two; [1][1][1][n].  NULL and a sentence. */
latent_node *latent_parameter_leaf(latent_parameters *p, int i, latent_error *e);
/* Numbers have been written to the values (Adam and reading a checkpoint say so themselves). */
void latent_parameters_changed(latent_parameters *p);
/* Which parameter a leaf is now, or -1. */
int latent_parameters_of(const latent_parameters *p, const latent_node *leaf);
/* The value of loss, a node of one number; its gradient with respect to all parameters as they are
   now, but for those of rate 0, is added to theirs.  Blocks like latent_evaluate().  -1 and a
   sentence. */
int latent_parameters_gradient(latent_parameters *p, latent_node *loss, const atomic_int *cancel,
                               float *value, latent_error *e);

/* ---- checkpoints */

/* A set with the name that is put before its parameters in the file ("G."). */
typedef struct {
    const char *prefix;
    latent_parameters *set;
} latent_checkpoint_part;

/* Writes values, moments, averages and steps of all parts, and settings as text, to path: beside
   it first, then, when all is on the disk, moved there.  A process that is killed in between
   leaves the old file as it was. */
int latent_checkpoint_write(const char *path, const latent_checkpoint_part *parts, int n,
                            const latent_meta_out *meta, size_t n_meta, latent_error *e);
/* Reads them back, to the bit, from an opened checkpoint (latent_weights_text gives the settings).
   Names and shapes must be those of the sets. */
int latent_checkpoint_read(latent_weights *w, const latent_checkpoint_part *parts, int n,
                           latent_error *e);
/* The same where all tensors of more than two dimensions are [out][taps][in], as they once were. */
int latent_checkpoint_read_old(latent_weights *w, const latent_checkpoint_part *parts, int n,
                               latent_error *e);

#pragma GCC visibility pop
#endif
