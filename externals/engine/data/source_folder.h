/* source_folder: pictures for a training from the files of a folder, made ready and held in memory
   (dataset.h), with what is said about them there. */
#ifndef LATENT_SOURCE_FOLDER_H
#define LATENT_SOURCE_FOLDER_H
#include "../graph/tensor.h"
#include "source.h"

#pragma GCC visibility push(default)

/* Reads a picture file, as latent_picture_read() of media/picture.h does; handed in by those who
   are linked with it. */
typedef latent_tensor *(*latent_picture_reader)(const char *path, int channels,
                                                const atomic_int *cancel, latent_error *e);

/* A source of all pictures of the folder that can be read, each the square in its middle with size
   pixels a side.  *left_out: how many could not be read.  NULL and a sentence (no such folder, not
   one picture, too large for memory, cancelled).  Takes long: on a worker; gives up soon after
   *cancel is set. */
latent_source *latent_source_folder(const char *folder, int size, int mirrored,
                                    latent_picture_reader read, const atomic_int *cancel,
                                    int *left_out, latent_error *e);

#pragma GCC visibility pop
#endif
