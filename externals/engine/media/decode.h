/* decode: what the readers of this folder share: a file opened by FFmpeg through us, and its frames
   as tensors.  Files come from strangers: nothing in them is believed before it has been checked,
   and no file can make FFmpeg open another one. */
#ifndef LATENT_DECODE_H
#define LATENT_DECODE_H
#include "../graph/tensor.h"
#include "heif.h"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdint.h>

#if LIBAVCODEC_VERSION_INT < AV_VERSION_INT(59, 37, 100)
#error "latent needs FFmpeg 5.1 or newer, with its headers"
#endif

/* What kinds of file a reader takes. */
typedef struct {
    const char *what;     /* "picture", for sentences */
    const char *examples; /* "PNG, JPEG ..." */
    const char *formats;  /* FFmpeg's names for them, with commas between */
} latent_kinds;

typedef struct {
    int fd; /* -1 before it is opened */
    const atomic_int *cancel;
} latent_media_file;

typedef struct {
    latent_media_file source;
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    AVFrame *opacity; /* decoded by itself, as large as frame, its first plane; or NULL */
    int still;        /* a picture, no film */
    latent_heif heif; /* of an AVIF */
    int has_turn;     /* the file, or the stream, says which way is up */
    latent_orientation turn;
    uint8_t pattern; /* what a TIFF's frame is filled with before it is decoded; 0: nothing */
} latent_decoder;

/* d is zeroes, but for source: {-1, cancel or NULL}.  0, or -1 and a sentence; either way
   latent_decoder_free() is to follow.  d must stay where it is. */
int latent_decoder_open(latent_decoder *d, const char *path, const latent_kinds *kinds,
                        latent_error *e);
/* The stream of that type that is meant to be seen or heard; -1: there is none.  What it is like
   (its rate, channels, size, pixels, which way is up) many files say only with what is decoded: ask
   d->frame for it, never the stream. */
int latent_decoder_stream(const latent_decoder *d, enum AVMediaType type);
/* Opens the codec of a stream, and makes packet and frame. */
int latent_decoder_codec(latent_decoder *d, const char *path, int stream, latent_error *e);
/* A codec context for decoding in d's way.  NULL and a sentence. */
AVCodecContext *latent_decoder_context(latent_decoder *d, const char *path,
                                       const AVCodecParameters *p, AVRational base,
                                       latent_error *e);
void latent_decoder_free(latent_decoder *d);

/* The decoded frame as [1][h][w][channels], see picture.h. */
latent_tensor *latent_decoder_tensor(const latent_decoder *d, const char *path, int channels,
                                     latent_error *e);

int latent_decoder_check_size(const char *path, int w, int h, latent_error *e);
int latent_cancelled(const atomic_int *cancel);
int latent_fail_memory(const char *path, latent_error *e);

#endif
