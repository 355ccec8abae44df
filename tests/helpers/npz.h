/* npz: reads one array of numpy's .npz files (a zip of .npy files, stored or deflated), for tests
   that compare with what other programs computed.  Knows neither Pd nor the engine. */
#ifndef NPZ_H
#define NPZ_H
#include <stddef.h>

#define NPZ_MAX_AXES 8

typedef struct {
    int n_axes;
    size_t shape[NPZ_MAX_AXES];
    size_t count; /* the product of the axes */
    float *data;  /* malloc'd, in numpy's (C) order; freed by npz_free */
} npz_array;

/* Reads the array `key` (float or integer, little endian, C order) as floats.  0, or -1 and a
   sentence in error. */
int npz_read(npz_array *a, const char *path, const char *key, char *error, size_t error_size);
void npz_free(npz_array *a);

#endif
