/* tensors: where a network's tensors come from: one description serves a network that plays, one
   that learns, and its files. */
#ifndef LATENT_TENSORS_H
#define LATENT_TENSORS_H
#include "../graph/graph.h"

#pragma GCC visibility push(default)

/* Gives promises of a network's tensors by their names in files ("synthesis.b8.conv0.weight"): of
   constants when it plays, of variables when it learns. */
typedef struct latent_tensors latent_tensors;
struct latent_tensors {
    /* With one more holder; NULL and a sentence. */
    latent_node *(*find)(latent_tensors *t, const char *name, latent_error *e);
};

/* Told of each tensor that a network has, with its sides as files have them; 0, or -1 and a
   sentence, which ends the list. */
typedef int (*latent_tensor_visit)(void *context, const char *name, int rank, const int64_t *dim,
                                   latent_error *e);

#define LATENT_TENSOR_NAME 64

/* Tells of one whose name is made by a format; finds one so. */
typedef struct {
    latent_tensor_visit visit;
    void *context;
    latent_error *error;
} latent_tensor_lister;
int latent_tensor_list(const latent_tensor_lister *l, int rank, const int64_t *dim,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
latent_node *latent_tensor_find(latent_tensors *t, latent_error *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The shape of a tensor with such sides: the last one is that of the channels. */
static inline latent_shape latent_tensor_shape(int rank, const int64_t *dim)
{
    int side[4] = {1, 1, 1, 1};
    for (int i = 0; i < rank && i < 4; i++)
        side[4 - rank + i] = (int)dim[i];
    return (latent_shape){side[0], side[1], side[2], side[3]};
}

#pragma GCC visibility pop
#endif
