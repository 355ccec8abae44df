/* picture: still pictures on disk, by FFmpeg's libraries, for [latent.image], [latent.write],
   [latent.dataset] and [latent.train].  Linked only into those boxes.  Files come from strangers:
   nothing in them is believed before it has been checked, and no file can make FFmpeg open another
   one. */
#ifndef LATENT_PICTURE_H
#define LATENT_PICTURE_H
#include "../graph/tensor.h"
#include <stdint.h>

#define LATENT_PICTURE_SIDE 16384
#ifndef LATENT_PICTURE_PIXELS /* fewer for fuzzers, which are to be quick */
#define LATENT_PICTURE_PIXELS ((int64_t)64 << 20)
#endif

/* Reads a picture (PNG, JPEG, WebP, TIFF, GIF and what else FFmpeg knows; of a film its first
   frame) as [1][h][w][channels] in [-1, 1]; channels is 1, 3 or 4.  A grey picture gives three
   equal channels, a coloured one its luma (Rec. 601) when 1 is asked for.  The fourth channel is
   the opacity, 1 where there was none; with fewer channels transparent pictures are laid on white.
   Turned as the camera says (EXIF).  NULL and a sentence.  Gives up soon after *cancel (may be
   NULL) is set.  Takes long: on a worker. */
latent_tensor *latent_picture_read(const char *path, int channels, const atomic_int *cancel,
                                   latent_error *e);

/* Writes h rows of w pixels of channels bytes (1 grey, 3 RGB, 4 RGBA) as a PNG: beside its place
   first, then renamed, so that what stands there is always whole.  The same bytes give the same
   file.  0, or -1 and a sentence, what was there before staying. */
int latent_picture_write(const char *path, const uint8_t *bytes, int h, int w, int channels,
                         latent_error *e);

/* The same with further chunks in it, whole and with their checksums (see metadata.h); NULL: none.
   */
int latent_picture_write_with(const char *path, const uint8_t *bytes, int h, int w, int channels,
                              const uint8_t *chunks, size_t n_chunks, latent_error *e);

/* Makes a folder, and those above it, where missing, and sees whether files can be made there. */
int latent_folder_make(const char *path, latent_error *e);

/* Moves the numbered pictures (000001.png ...) that lie in a folder into a new one beside it, with
   the same name and a ~ behind it (~2, ~3 ... where there are such); *behind is what was put there,
   "" when there was no picture.  0, or -1 and a sentence. */
#define LATENT_KEPT 8
int latent_folder_clear(const char *path, char behind[LATENT_KEPT], latent_error *e);

#endif
