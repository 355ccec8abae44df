/* decode: see decode.h */
#include "decode.h"
#include "kinds.h"
#include "picture.h"
#include <errno.h>
#include <fcntl.h>
#include <libavutil/avstring.h>
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
    av_frame_free(&d->opacity);
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

/* What the file is instead; "damaged" is said only where nothing else is known of it. */
static int fail_kind(const latent_decoder *d, const char *path, const latent_kinds *kinds,
                     const AVInputFormat *probed, latent_error *e)
{
    uint8_t head[1024];
    ssize_t n = pread(d->source.fd, head, sizeof(head), 0);
    const char *advice, *name = latent_kind_of(head, n > 0 ? (size_t)n : 0, &advice);
    if (!name && !strcmp(d->heif.kind, "grid")) {
        name = "an AVIF picture of several tiles";
        advice = "convert it to PNG or JPEG";
    }
    if (name)
        return latent_fail(e, "%s is %s; that can't be read, but %s can; %s", path, name,
                           kinds->examples, advice);
    if (probed && !av_match_list(probed->name, kinds->formats, ','))
        return latent_fail(e, "%s is %s; that can't be read as a %s, but %s can; convert it", path,
                           probed->long_name ? probed->long_name : probed->name, kinds->what,
                           kinds->examples);
    return latent_fail(e,
                       "%s is no %s of a kind that can be read (%s), or its beginning is damaged",
                       path, kinds->what, kinds->examples);
}

/* How many bytes of words and covers (ID3v2) stand before a sound: they may be millions. */
static int64_t before_sound(int fd)
{
    uint8_t h[10];
    int64_t at = 0;
    for (int i = 0; i < 16 && pread(fd, h, 10, at) == 10 && !memcmp(h, "ID3", 3); i++)
        at += 10 + ((h[6] & 127) << 21 | (h[7] & 127) << 14 | (h[8] & 127) << 7 | (h[9] & 127)) +
              (h[5] & 16 ? 10 : 0);
    return at;
}

/* What the file is, by its first bytes; NULL when that is none of ours, *probed then what it seems
   to be, or NULL. */
static const AVInputFormat *recognise(int fd, const char *formats, const AVInputFormat **probed)
{
    uint8_t buffer[PROBE + AVPROBE_PADDING_SIZE] = {0};
    AVProbeData data = {.filename = "", .buf = buffer};
    const AVInputFormat *found;
    const char *picture, *advice = "";
    ssize_t n = pread(fd, buffer, PROBE, before_sound(fd));
    int score = 0;
    *probed = NULL;
    if (n <= 0 ||
        (latent_kind_of(buffer, (size_t)n, &advice) && !strcmp(advice, LATENT_KIND_PACKED)))
        return NULL;
    data.buf_size = (int)n;
    picture = latent_kind_picture(buffer, (size_t)n);
    found = picture ? av_find_input_format(picture) : av_probe_input_format2(&data, 1, &score);
    if (found && av_match_list(found->name, formats, ','))
        return found;
    *probed = picture || score > AVPROBE_SCORE_MAX / 4 ? found : NULL;
    return NULL;
}

static int open_format(latent_decoder *d, const char *path, const latent_kinds *kinds,
                       latent_error *e)
{
    const AVInputFormat *probed, *kind = recognise(d->source.fd, kinds->formats, &probed);
    uint8_t *buffer = kind ? av_malloc(BUFFER) : NULL;
    if (!kind)
        return fail_kind(d, path, kinds, probed, e);
    d->heif = latent_heif_read(d->source.fd);
    d->still = *d->heif.kind || strstr(kind->name, "_pipe");
    d->turn = d->heif.turn;
    d->has_turn = *d->heif.kind || latent_orientation_read(d->source.fd, &d->turn);
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
        return fail_kind(d, path, kinds, NULL, e);
    if (!strcmp(d->heif.kind, "grid")) /* of which FFmpeg would give the first tile */
        return fail_kind(d, path, kinds, NULL, e);
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

/* Fills what is to be decoded into, so that what is not is seen. */
static int filled_buffer(AVCodecContext *c, AVFrame *f, int flags)
{
    const latent_decoder *d = c->opaque;
    int failed = avcodec_default_get_buffer2(c, f, flags);
    for (int i = 0; !failed && i < AV_NUM_DATA_POINTERS && f->buf[i]; i++)
        memset(f->buf[i]->data, d->pattern, f->buf[i]->size);
    return failed;
}

AVCodecContext *latent_decoder_context(latent_decoder *d, const char *path,
                                       const AVCodecParameters *p, AVRational base, latent_error *e)
{
    const AVCodec *codec = avcodec_find_decoder(p->codec_id);
    AVCodecContext *c = NULL;
    if (latent_decoder_check_size(path, p->width, p->height, e))
        return NULL;
    if (!codec) {
        latent_fail(e, "%s is %s, which this FFmpeg can't read; convert it", path,
                    avcodec_get_name(p->codec_id));
        return NULL;
    }
    if (!(c = avcodec_alloc_context3(codec)) || avcodec_parameters_to_context(c, p) < 0) {
        avcodec_free_context(&c);
        latent_fail_memory(path, e);
        return NULL;
    }
    c->thread_count = 1;
    c->pkt_timebase = base;
    c->max_pixels = LATENT_PICTURE_PIXELS;
    if (d->pattern && p->codec_id == AV_CODEC_ID_TIFF) {
        c->opaque = d;
        c->get_buffer2 = filled_buffer;
    }
    if (p->codec_type == AVMEDIA_TYPE_VIDEO) /* a click in a sound is heard; it is not refused */
        c->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
    if (p->codec_type == AVMEDIA_TYPE_VIDEO &&
        p->codec_id != AV_CODEC_ID_TIFF) /* which takes harmless unknown words for errors */
        c->err_recognition |= AV_EF_EXPLODE;
    if (avcodec_open2(c, codec, NULL) >= 0)
        return c;
    avcodec_free_context(&c);
    latent_fail(e, "%s can't be decoded as %s; convert it to PNG", path, codec->name);
    return NULL;
}

/* Films say once, with the stream, which way is up: it holds for every frame. */
static void take_turn(latent_decoder *d, const AVStream *s)
{
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVPacketSideData *side = av_packet_side_data_get(
        s->codecpar->coded_side_data, s->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    const uint8_t *matrix = side ? side->data : NULL;
    size_t size = side ? side->size : 0;
#else
    size_t size = 0;
    const uint8_t *matrix = av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, &size);
#endif
    if (d->has_turn || !matrix || size < 9 * sizeof(int32_t))
        return;
    d->has_turn = 1;
    d->turn = latent_orientation_of_matrix((const int32_t *)(const void *)matrix);
}

int latent_decoder_codec(latent_decoder *d, const char *path, int stream, latent_error *e)
{
    const AVStream *s = d->format->streams[stream];
    take_turn(d, s);
    if (!(d->codec = latent_decoder_context(d, path, s->codecpar, s->time_base, e)))
        return -1;
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    return d->packet && d->frame ? 0 : latent_fail_memory(path, e);
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

/* Grey of every depth, and colours of more than 8 bits, are taken as they are: no converter
   stretches or rounds them. */
static int is_plain(const latent_decoder *decoder, const AVPixFmtDescriptor *d,
                    enum AVPixelFormat format)
{
    const AVFrame *f = decoder->frame;
    /* films like H.264 mean limited grey where they do not say it */
    int film =
        !decoder->still && (decoder->codec->codec_descriptor->props & AV_CODEC_PROP_REORDER) != 0;
    const uint64_t odd = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BITSTREAM |
                         AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER;
    int grey = d->nb_components <= 2;
    if ((d->flags & odd) || format == AV_PIX_FMT_XYZ12LE || format == AV_PIX_FMT_XYZ12BE ||
        d->comp[0].depth > 16)
        return 0;
    if (grey)
        return film ? f->color_range == AVCOL_RANGE_JPEG : f->color_range != AVCOL_RANGE_MPEG;
    return (d->flags & AV_PIX_FMT_FLAG_RGB) && d->comp[0].depth > 8;
}

/* Takes plain pixels; out is there already, of 16 bits. */
static int take_plain(const AVFrame *f, const AVPixFmtDescriptor *d, rgba *out)
{
    int n = d->nb_components, grey = n <= 2, opaque = !(d->flags & AV_PIX_FMT_FLAG_ALPHA);
    uint16_t *line = malloc((size_t)out->w * sizeof(*line));
    for (int y = 0; line && y < out->h; y++) {
        uint16_t *row = (uint16_t *)(void *)(out->data + (ptrdiff_t)y * out->stride);
        for (int k = 0; k < 4; k++) {
            int c = k == 3 ? (opaque ? -1 : n - 1) : grey ? 0 : k;
            uint32_t most = c < 0 ? 1 : (1u << d->comp[c].depth) - 1;
            if (c >= 0)
                av_read_image_line2(line, (const uint8_t **)f->data, f->linesize, d, 0, y, c,
                                    out->w, 0, sizeof(*line));
            for (int x = 0; x < out->w; x++)
                row[4 * x + k] = c < 0 ? 65535 : (uint16_t)((line[x] * 65535u + most / 2) / most);
        }
    }
    free(line);
    return line ? 0 : -1;
}

/* Which matrix made YUV of RGB where the film does not say it: that of large pictures is another
   one (as players and FFmpeg's own programs have it).  Pictures keep JPEG's. */
static const int *matrix_of(const latent_decoder *d)
{
    const AVFrame *f = d->frame;
    int large = !d->still && (f->width >= 1280 || f->height > 576);
    return sws_getCoefficients(
        f->colorspace == AVCOL_SPC_UNSPECIFIED && large ? SWS_CS_ITU709 : (int)f->colorspace);
}

static int scale_pixels(const latent_decoder *d, enum AVPixelFormat from, int full,
                        enum AVPixelFormat to, rgba *out)
{
    const AVFrame *f = d->frame;
    struct SwsContext *sws =
        sws_getContext(out->w, out->h, from, out->w, out->h, to,
                       SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                       NULL, NULL, NULL);
    const int *matrix = matrix_of(d);
    uint8_t *plane[4] = {out->data};
    int line[4] = {out->stride};
    if (!sws)
        return -1;
    sws_setColorspaceDetails(sws, matrix, full, matrix, 1, 0, 1 << 16, 1 << 16);
    sws_scale(sws, (const uint8_t *const *)f->data, f->linesize, 0, out->h, plane, line);
    sws_freeContext(sws);
    return 0;
}

/* Opacity that came by itself takes the place of the picture's. */
static void take_opacity(const AVFrame *f, rgba *out)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    int depth = d->comp[0].depth, full = f->color_range != AVCOL_RANGE_MPEG;
    float low = full ? 0 : (float)(16 << (depth - 8)),
          high = full ? (float)((1 << depth) - 1) : (float)(235 << (depth - 8)),
          most = out->wide ? 65535 : 255;
    for (int y = 0; y < out->h; y++) {
        const uint8_t *narrow = f->data[0] + (ptrdiff_t)y * f->linesize[0];
        const uint16_t *wide = (const uint16_t *)(const void *)narrow;
        uint8_t *row = out->data + (ptrdiff_t)y * out->stride;
        for (int x = 0; x < out->w; x++) {
            float a = ((depth > 8 ? (float)wide[x] : (float)narrow[x]) - low) / (high - low);
            a = (a < 0 ? 0 : a > 1 ? 1 : a) * most + 0.5f;
            if (out->wide)
                ((uint16_t *)(void *)row)[4 * x + 3] = (uint16_t)a;
            else
                row[4 * x + 3] = (uint8_t)a;
        }
    }
}

static int to_rgba(const latent_decoder *d, const char *path, rgba *out, latent_error *e)
{
    const AVFrame *f = d->frame;
    int full, plain, line[4], failed;
    enum AVPixelFormat from = plain_format(f, &full), to;
    const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(from);
    uint8_t *plane[4];
    plain = desc && is_plain(d, desc, from);
    if (!plain && (!desc || !sws_isSupportedInput(from)))
        return latent_fail(e,
                           "%s has pixels of the kind %s, which can't be read; convert it to PNG",
                           path, desc ? desc->name : "unknown");
    out->wide = plain || desc->comp[0].depth > 8;
    to = out->wide ? AV_PIX_FMT_RGBA64 : AV_PIX_FMT_RGBA;
    out->h = f->height;
    out->w = f->width;
    if (av_image_alloc(plane, line, out->w, out->h, to, 64) < 0)
        return latent_fail_memory(path, e);
    out->data = plane[0];
    out->stride = line[0];
    failed = plain ? take_plain(f, desc, out) : scale_pixels(d, from, full, to, out);
    if (failed)
        return latent_fail(e, "%s can't be converted from %s to RGB", path, desc->name);
    if (d->opacity)
        take_opacity(d->opacity, out);
    return 0;
}

/* Which way is up: what the file says holds; else what came with the frame. */
static latent_orientation turn_of(const latent_decoder *d)
{
    const AVFrameSideData *side = av_frame_get_side_data(d->frame, AV_FRAME_DATA_DISPLAYMATRIX);
    const AVDictionaryEntry *word = av_dict_get(d->frame->metadata, "Orientation", NULL, 0);
    if (d->has_turn)
        return d->turn;
    if (word)
        return latent_orientation_of_exif(atoi(word->value));
    if (side && side->size >= 9 * sizeof(int32_t))
        return latent_orientation_of_matrix((const int32_t *)(const void *)side->data);
    return latent_orientation_of_exif(1);
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

static latent_tensor *to_tensor(const rgba *from, latent_orientation t, int channels,
                                const char *path, const atomic_int *cancel, latent_error *e)
{
    int h = t.swap ? from->w : from->h, w = t.swap ? from->h : from->w;
    latent_tensor *out = latent_tensor_new((latent_shape){1, h, w, channels}, e);
    float *o = out ? out->data : NULL;
    for (int y = 0; out && y < h; y++) {
        if (latent_cancelled(cancel)) {
            latent_fail(e, "%s is cancelled", path);
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
    if (!to_rgba(d, path, &picture, e))
        t = to_tensor(&picture, turn_of(d), channels, path, d->source.cancel, e);
    av_freep(&picture.data);
    return t;
}
