/* decode: see decode.h */
#include "decode.h"
#include "picture.h"
#include <errno.h>
#include <fcntl.h>
#include <libavutil/avstring.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE (1 << 16) /* bytes by which a file's kind is recognised */
#define BUFFER (1 << 15)
/* That FFmpeg may take in one piece: what the largest picture needs.  Some of its readers believe a
   number of frames that takes gigabytes. */
#define PIECE ((size_t)12 * LATENT_PICTURE_PIXELS)

/* ---- the file, read by FFmpeg through us */

int latent_cancelled(const atomic_int *cancel)
{
    return cancel && atomic_load(cancel);
}

static int source_read(void *opaque, uint8_t *buffer, int n)
{
    const latent_media_file *s = opaque;
    ssize_t got;
    if (latent_cancelled(s->cancel))
        return AVERROR_EXIT;
    got = read(s->fd, buffer, (size_t)n);
    return got > 0 ? (int)got : got == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t source_seek(void *opaque, int64_t offset, int whence)
{
    const latent_media_file *s = opaque;
    struct stat st;
    if (whence & AVSEEK_SIZE)
        return fstat(s->fd, &st) ? AVERROR(errno) : st.st_size;
    return lseek(s->fd, offset, whence & ~AVSEEK_FORCE);
}

static int source_open(latent_media_file *s, const char *path, const latent_kinds *kinds,
                       latent_error *e)
{
    struct stat st;
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe does not keep us waiting */
    if (s->fd < 0)
        return latent_fail(e, "%s can't be opened (%s)", path, strerror(errno));
    if (!fstat(s->fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
        return 0;
    close(s->fd);
    s->fd = -1;
    return latent_fail(e, "%s is %s, but a %s file was expected", path,
                       S_ISDIR(st.st_mode)   ? "a folder"
                       : S_ISREG(st.st_mode) ? "empty"
                                             : "no ordinary file",
                       kinds->what);
}

/* ---- containers and codecs */

static int open_no_other(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
                         AVDictionary **options)
{
    (void)s;
    (void)pb;
    (void)url;
    (void)flags;
    (void)options;
    return AVERROR(EPERM);
}

void latent_decoder_free(latent_decoder *d)
{
    av_frame_free(&d->frame);
    av_packet_free(&d->packet);
    avcodec_free_context(&d->codec);
    avformat_close_input(&d->format);
    if (d->io)
        av_freep(&d->io->buffer);
    avio_context_free(&d->io);
    if (d->source.fd >= 0)
        close(d->source.fd);
}

int latent_fail_memory(const char *path, latent_error *e)
{
    return latent_fail(e, "there is no memory to read %s", path);
}

int latent_decoder_check_size(const char *path, int w, int h, latent_error *e)
{
    if (w > LATENT_PICTURE_SIDE || h > LATENT_PICTURE_SIDE ||
        (int64_t)w * h > LATENT_PICTURE_PIXELS)
        return latent_fail(
            e,
            "%s says that it is %d x %d, but at most %d a side and %d million pixels "
            "are read; make it smaller",
            path, w, h, LATENT_PICTURE_SIDE, (int)(LATENT_PICTURE_PIXELS >> 20));
    return 0;
}

static int fail_kind(const char *path, const latent_kinds *kinds, latent_error *e)
{
    return latent_fail(e,
                       "%s is no %s of a kind that can be read (%s), or its beginning is damaged",
                       path, kinds->what, kinds->examples);
}

/* What the file is, by its first bytes; NULL when it is none of ours. */
static const AVInputFormat *recognise(int fd, const char *formats)
{
    uint8_t buffer[PROBE + AVPROBE_PADDING_SIZE] = {0};
    AVProbeData data = {.filename = "", .buf = buffer};
    const AVInputFormat *found;
    ssize_t n = pread(fd, buffer, PROBE, 0);
    int score = 0;
    if (n <= 0)
        return NULL;
    data.buf_size = (int)n;
    found = av_probe_input_format2(&data, 1, &score);
    return found && av_match_list(found->name, formats, ',') ? found : NULL;
}

static int open_format(latent_decoder *d, const char *path, const latent_kinds *kinds,
                       latent_error *e)
{
    const AVInputFormat *kind = recognise(d->source.fd, kinds->formats);
    uint8_t *buffer = kind ? av_malloc(BUFFER) : NULL;
    if (!kind)
        return fail_kind(path, kinds, e);
    if (!buffer || !(d->io = avio_alloc_context(buffer, BUFFER, 0, &d->source, source_read, NULL,
                                                source_seek))) {
        av_free(buffer);
        return latent_fail_memory(path, e);
    }
    if (!(d->format = avformat_alloc_context()))
        return latent_fail_memory(path, e);
    d->format->pb = d->io;
    d->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    d->format->io_open = open_no_other;
    d->format->max_streams = 16;
    if (avformat_open_input(&d->format, NULL, kind, NULL) < 0 || !d->format->nb_streams)
        return fail_kind(path, kinds, e);
    return 0;
}

int latent_decoder_open(latent_decoder *d, const char *path, const latent_kinds *kinds,
                        latent_error *e)
{
    av_log_set_level(AV_LOG_QUIET); /* what FFmpeg finds is in our sentences */
    av_max_alloc(PIECE);
    if (source_open(&d->source, path, kinds, e))
        return -1;
    return open_format(d, path, kinds, e);
}

int latent_decoder_stream(const latent_decoder *d, enum AVMediaType type)
{
    /* which leaves out sounds whose rate has not been told yet */
    int best = av_find_best_stream(d->format, type, -1, -1, NULL, 0);
    for (unsigned i = 0; best < 0 && i < d->format->nb_streams; i++)
        if (d->format->streams[i]->codecpar->codec_type == type)
            best = (int)i;
    return best < 0 ? -1 : best;
}

int latent_decoder_codec(latent_decoder *d, const char *path, int stream, latent_error *e)
{
    const AVCodecParameters *p = d->format->streams[stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(p->codec_id);
    if (latent_decoder_check_size(path, p->width, p->height, e))
        return -1;
    if (!codec)
        return latent_fail(e, "%s is %s, which this FFmpeg can't read; convert it", path,
                           avcodec_get_name(p->codec_id));
    d->codec = avcodec_alloc_context3(codec);
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    if (!d->codec || !d->packet || !d->frame)
        return latent_fail_memory(path, e);
    if (avcodec_parameters_to_context(d->codec, p) < 0)
        return latent_fail_memory(path, e);
    d->codec->thread_count = 1;
    d->codec->pkt_timebase = d->format->streams[stream]->time_base;
    d->codec->max_pixels = LATENT_PICTURE_PIXELS;
    if (p->codec_type == AVMEDIA_TYPE_VIDEO) /* a click in a sound is heard; it is not refused */
        d->codec->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
    if (p->codec_type == AVMEDIA_TYPE_VIDEO &&
        p->codec_id != AV_CODEC_ID_TIFF) /* which takes harmless unknown words for errors */
        d->codec->err_recognition |= AV_EF_EXPLODE;
    if (avcodec_open2(d->codec, codec, NULL) < 0)
        return latent_fail(e, "%s can't be decoded as %s; convert it to PNG", path, codec->name);
    return 0;
}

/* ---- from a frame to RGBA, 8 or 16 bits a channel */

typedef struct {
    uint8_t *data;
    int stride;     /* bytes from row to row */
    int h, w, wide; /* wide: 16 bits */
} rgba;

/* JPEG's own pixel formats are old names for full-range YUV, and make swscale complain. */
static enum AVPixelFormat plain_format(const AVFrame *f, int *full)
{
    *full = f->color_range == AVCOL_RANGE_JPEG;
    switch (f->format) {
    case AV_PIX_FMT_YUVJ420P:
        *full = 1;
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        *full = 1;
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        *full = 1;
        return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
        *full = 1;
        return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
        *full = 1;
        return AV_PIX_FMT_YUV411P;
    default:
        return f->format;
    }
}

static int to_rgba(const AVFrame *f, const char *path, rgba *out, latent_error *e)
{
    int full, line[4], w = f->width, h = f->height;
    enum AVPixelFormat from = plain_format(f, &full), to;
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(from);
    uint8_t *plane[4];
    struct SwsContext *sws;
    const int *matrix;
    if (!d || !sws_isSupportedInput(from))
        return latent_fail(e,
                           "%s has pixels of the kind %s, which can't be read; convert it to PNG",
                           path, d ? d->name : "unknown");
    out->wide = d->comp[0].depth > 8;
    to = out->wide ? AV_PIX_FMT_RGBA64 : AV_PIX_FMT_RGBA;
    sws = sws_getContext(w, h, from, w, h, to,
                         SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                         NULL, NULL, NULL);
    if (!sws)
        return latent_fail(e, "%s can't be converted from %s to RGB", path, d->name);
    matrix = sws_getCoefficients(f->colorspace);
    sws_setColorspaceDetails(sws, matrix, full, matrix, 1, 0, 1 << 16, 1 << 16);
    if (av_image_alloc(plane, line, w, h, to, 64) < 0) {
        sws_freeContext(sws);
        return latent_fail_memory(path, e);
    }
    sws_scale(sws, (const uint8_t *const *)f->data, f->linesize, 0, h, plane, line);
    sws_freeContext(sws);
    out->data = plane[0];
    out->stride = line[0];
    out->h = h;
    out->w = w;
    return 0;
}

/* ---- which way is up: the camera's word as where the first row and column go */

typedef struct {
    int swap;           /* rows become columns */
    int flip_x, flip_y; /* after that */
} turn;

/* EXIF's eight ways, of which 1 is as it lies. */
static turn turn_of_exif(int way)
{
    static const turn turns[9] = {{0, 0, 0}, {0, 0, 0}, {0, 1, 0}, {0, 1, 1}, {0, 0, 1},
                                  {1, 0, 0}, {1, 1, 0}, {1, 1, 1}, {1, 0, 1}};
    return turns[way >= 1 && way <= 8 ? way : 0];
}

static turn turn_of(const AVFrame *f)
{
    const AVFrameSideData *side = av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX);
    const AVDictionaryEntry *word = av_dict_get(f->metadata, "Orientation", NULL, 0);
    if (word)
        return turn_of_exif(atoi(word->value));
    if (side && side->size >= 9 * sizeof(int32_t)) {
        /* x' = m[0] x + m[3] y, y' = m[1] x + m[4] y: a quarter turn has no diagonal */
        const int32_t *m = (const int32_t *)side->data;
        turn t = {m[0] == 0 && m[4] == 0, 0, 0};
        t.flip_x = (t.swap ? m[3] : m[0]) < 0;
        t.flip_y = (t.swap ? m[1] : m[4]) < 0;
        return t;
    }
    return turn_of_exif(1);
}

/* ---- from RGBA to a tensor */

static float over_white(float value, float alpha)
{
    return value * alpha + (1 - alpha);
}

/* One pixel, r, g, b and a in [0, 1]. */
static void put_pixel(float *out, int channels, const float *p)
{
    float rgb[3];
    if (channels == 4) {
        for (int k = 0; k < 4; k++)
            out[k] = 2 * p[k] - 1;
        return;
    }
    for (int k = 0; k < 3; k++)
        rgb[k] = over_white(p[k], p[3]);
    if (channels == 3)
        for (int k = 0; k < 3; k++)
            out[k] = 2 * rgb[k] - 1;
    else if (rgb[0] == rgb[1] && rgb[1] == rgb[2])
        out[0] = 2 * rgb[0] - 1; /* grey stays what it was, to the last bit */
    else
        out[0] = 2 * (0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]) - 1;
}

static void get_pixel(const rgba *from, int y, int x, float *p)
{
    const uint8_t *row = from->data + (ptrdiff_t)y * from->stride;
    const uint16_t *wide = (const uint16_t *)row;
    for (int k = 0; k < 4; k++)
        p[k] = from->wide ? (float)wide[4 * x + k] / 65535.f : (float)row[4 * x + k] / 255.f;
}

static latent_tensor *to_tensor(const rgba *from, turn t, int channels, const char *path,
                                const atomic_int *cancel, latent_error *e)
{
    int h = t.swap ? from->w : from->h, w = t.swap ? from->h : from->w;
    latent_tensor *out = latent_tensor_new((latent_shape){1, h, w, channels}, e);
    float *o = out ? out->data : NULL;
    for (int y = 0; out && y < h; y++) {
        if (latent_cancelled(cancel)) {
            latent_fail(e, "%s is not wanted any more", path);
            latent_tensor_release(out);
            return NULL;
        }
        for (int x = 0; x < w; x++, o += channels) {
            int a = t.flip_x ? w - 1 - x : x, b = t.flip_y ? h - 1 - y : y;
            float p[4];
            get_pixel(from, t.swap ? a : b, t.swap ? b : a, p);
            put_pixel(o, channels, p);
        }
    }
    return out;
}

latent_tensor *latent_decoder_tensor(const latent_decoder *d, const char *path, int channels,
                                     latent_error *e)
{
    rgba picture = {0};
    latent_tensor *t = NULL;
    if (!to_rgba(d->frame, path, &picture, e))
        t = to_tensor(&picture, turn_of(d->frame), channels, path, d->source.cancel, e);
    av_freep(&picture.data);
    return t;
}
