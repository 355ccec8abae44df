/* picture: see picture.h */
#include "picture.h"
#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What may be read: pictures, and the containers in which pictures come.  Playlists and other
   formats that name further files are not among them, nor is SVG, which is a program. */
#define FORMATS                                                                                    \
    "bmp_pipe,dds_pipe,dpx_pipe,exr_pipe,gif_pipe,hdr_pipe,j2k_pipe,jpeg_pipe,jpegls_pipe,"        \
    "jpegxl_pipe,pam_pipe,pbm_pipe,pcx_pipe,pfm_pipe,pgm_pipe,pgmyuv_pipe,phm_pipe,png_pipe,"      \
    "ppm_pipe,psd_pipe,qoi_pipe,sgi_pipe,sunrast_pipe,tiff_pipe,webp_pipe,xbm_pipe,xpm_pipe,"      \
    "xwd_pipe,apng,gif,ico,mov"

#define PACKETS 64      /* so many may pass before the first frame comes */
#define PROBE (1 << 16) /* bytes by which a file's kind is recognised */
#define BUFFER (1 << 15)

/* ---- the file, read by FFmpeg through us */

typedef struct {
    int fd;
    const atomic_int *cancel;
} source;

static int cancelled(const atomic_int *cancel)
{
    return cancel && atomic_load(cancel);
}

static int source_read(void *opaque, uint8_t *buffer, int n)
{
    const source *s = opaque;
    ssize_t got;
    if (cancelled(s->cancel))
        return AVERROR_EXIT;
    got = read(s->fd, buffer, (size_t)n);
    return got > 0 ? (int)got : got == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t source_seek(void *opaque, int64_t offset, int whence)
{
    const source *s = opaque;
    struct stat st;
    if (whence & AVSEEK_SIZE)
        return fstat(s->fd, &st) ? AVERROR(errno) : st.st_size;
    return lseek(s->fd, offset, whence & ~AVSEEK_FORCE);
}

static int source_open(source *s, const char *path, latent_error *e)
{
    struct stat st;
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe does not keep us waiting */
    if (s->fd < 0)
        return latent_fail(e, "%s can't be opened (%s)", path, strerror(errno));
    if (!fstat(s->fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
        return 0;
    close(s->fd);
    s->fd = -1;
    return latent_fail(e, "%s is %s, but a picture file was expected", path,
                       S_ISDIR(st.st_mode)   ? "a folder"
                       : S_ISREG(st.st_mode) ? "empty"
                                             : "no ordinary file");
}

/* ---- decoding: the file's first frame */

typedef struct {
    source source;
    AVIOContext *io;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
} decoder;

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

static void decoder_free(decoder *d)
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

static int fail_memory(const char *path, latent_error *e)
{
    return latent_fail(e, "there is no memory to read %s", path);
}

static int check_size(const char *path, int w, int h, latent_error *e)
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

static int fail_kind(const char *path, latent_error *e)
{
    return latent_fail(e,
                       "%s is no picture of a kind that can be read (PNG, JPEG, WebP, TIFF, BMP, "
                       "GIF ...), or its beginning is damaged",
                       path);
}

/* What the file is, by its first bytes; NULL when it is none of ours. */
static const AVInputFormat *recognise(int fd)
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
    return found && av_match_list(found->name, FORMATS, ',') ? found : NULL;
}

static int open_format(decoder *d, const char *path, latent_error *e)
{
    const AVInputFormat *kind = recognise(d->source.fd);
    uint8_t *buffer = kind ? av_malloc(BUFFER) : NULL;
    if (!kind)
        return fail_kind(path, e);
    if (!buffer || !(d->io = avio_alloc_context(buffer, BUFFER, 0, &d->source, source_read, NULL,
                                                source_seek))) {
        av_free(buffer);
        return fail_memory(path, e);
    }
    if (!(d->format = avformat_alloc_context()))
        return fail_memory(path, e);
    d->format->pb = d->io;
    d->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    d->format->io_open = open_no_other;
    d->format->max_streams = 16;
    if (avformat_open_input(&d->format, NULL, kind, NULL) < 0 || !d->format->nb_streams)
        return fail_kind(path, e);
    return 0;
}

static int open_codec(decoder *d, const char *path, int stream, latent_error *e)
{
    const AVCodecParameters *p = d->format->streams[stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(p->codec_id);
    if (check_size(path, p->width, p->height, e))
        return -1;
    if (!codec)
        return latent_fail(e, "%s is %s, which this FFmpeg can't read; convert it to PNG", path,
                           avcodec_get_name(p->codec_id));
    d->codec = avcodec_alloc_context3(codec);
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    if (!d->codec || !d->packet || !d->frame)
        return fail_memory(path, e);
    if (avcodec_parameters_to_context(d->codec, p) < 0)
        return fail_memory(path, e);
    d->codec->thread_count = 1;
    d->codec->max_pixels = LATENT_PICTURE_PIXELS;
    d->codec->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
    if (p->codec_id != AV_CODEC_ID_TIFF) /* which takes harmless unknown words for errors */
        d->codec->err_recognition |= AV_EF_EXPLODE;
    if (avcodec_open2(d->codec, codec, NULL) < 0)
        return latent_fail(e, "%s can't be decoded as %s; convert it to PNG", path, codec->name);
    return 0;
}

/* Feeds the decoder until the first frame comes: 0, or FFmpeg's error. */
static int first_frame(decoder *d, int stream)
{
    int failed = 0, got = AVERROR(EAGAIN);
    for (int n = 0; n < PACKETS && got == AVERROR(EAGAIN); n++) {
        failed = av_read_frame(d->format, d->packet);
        if (failed < 0 && failed != AVERROR_EOF)
            return failed;
        if (!failed && d->packet->stream_index != stream) {
            av_packet_unref(d->packet);
            continue;
        }
        if (!failed && (d->packet->flags & AV_PKT_FLAG_CORRUPT))
            return AVERROR_INVALIDDATA;
        failed = avcodec_send_packet(d->codec, failed ? NULL : d->packet);
        av_packet_unref(d->packet);
        if (failed < 0)
            return failed;
        got = avcodec_receive_frame(d->codec, d->frame);
    }
    return got;
}

static int decode(decoder *d, const char *path, latent_error *e)
{
    char why[AV_ERROR_MAX_STRING_SIZE] = "";
    int failed, stream;
    if (source_open(&d->source, path, e) || open_format(d, path, e))
        return -1;
    stream = av_find_best_stream(d->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (stream < 0)
        return latent_fail(e, "%s holds no picture", path);
    if (open_codec(d, path, stream, e))
        return -1;
    failed = first_frame(d, stream);
    if (cancelled(d->source.cancel))
        return latent_fail(e, "%s is not wanted any more", path);
    if (!failed && (d->frame->decode_error_flags || (d->frame->flags & AV_FRAME_FLAG_CORRUPT)))
        failed = AVERROR_INVALIDDATA;
    if (failed == AVERROR(EINVAL)) /* what the limit above gives */
        return latent_fail(e,
                           "%s says that it has an impossible size or more than %d million pixels; "
                           "make it smaller, or get the file anew if it is not so large",
                           path, (int)(LATENT_PICTURE_PIXELS >> 20));
    if (failed) {
        av_strerror(failed == AVERROR_EOF ? AVERROR_INVALIDDATA : failed, why, sizeof(why));
        return latent_fail(e,
                           "%s is damaged or cut off: as %s it can't be decoded (%s); get the "
                           "file anew",
                           path, d->codec->codec->name, why);
    }
    if (d->frame->width < 1 || d->frame->height < 1)
        return latent_fail(e, "%s holds a picture without pixels", path);
    return check_size(path, d->frame->width, d->frame->height, e);
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
        return fail_memory(path, e);
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
        if (cancelled(cancel)) {
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

latent_tensor *latent_picture_read(const char *path, int channels, const atomic_int *cancel,
                                   latent_error *e)
{
    decoder d = {.source = {-1, cancel}};
    rgba picture = {0};
    latent_tensor *t = NULL;
    av_log_set_level(AV_LOG_QUIET); /* what FFmpeg finds is in our sentence */
    if (channels != 1 && channels != 3 && channels != 4)
        latent_fail(e, "a picture is read with 1, 3 or 4 channels, not %d", channels);
    else if (!decode(&d, path, e) && !to_rgba(d.frame, path, &picture, e))
        t = to_tensor(&picture, turn_of(d.frame), channels, path, cancel, e);
    av_freep(&picture.data);
    decoder_free(&d);
    return t;
}

/* ---- writing */

static AVPacket *encode(const uint8_t *bytes, int h, int w, int channels, latent_error *e)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
    AVFrame *f = av_frame_alloc();
    AVPacket *p = av_packet_alloc();
    int failed = !c || !f || !p;
    av_log_set_level(AV_LOG_QUIET);
    if (!codec)
        latent_fail(e, "this FFmpeg has no encoder for PNG; install libavcodec with zlib");
    else if (failed)
        latent_fail(e, "there is no memory to write a picture of %d x %d", w, h);
    if (!failed) {
        c->thread_count = 1;
        c->width = f->width = w;
        c->height = f->height = h;
        c->pix_fmt = channels == 1   ? AV_PIX_FMT_GRAY8
                     : channels == 3 ? AV_PIX_FMT_RGB24
                                     : AV_PIX_FMT_RGBA;
        f->format = c->pix_fmt;
        c->time_base = (AVRational){1, 25};
        c->compression_level = 4; /* a quarter of the time of 6, and 6 % more on disk */
        av_opt_set(c->priv_data, "pred", "paeth", 0);
        failed = avcodec_open2(c, codec, NULL) < 0 || av_frame_get_buffer(f, 0) < 0;
        for (int y = 0; y < h && !failed; y++)
            memcpy(f->data[0] + (ptrdiff_t)y * f->linesize[0],
                   bytes + (size_t)y * (size_t)w * (size_t)channels, (size_t)w * (size_t)channels);
        failed = failed || avcodec_send_frame(c, f) < 0 || avcodec_send_frame(c, NULL) < 0 ||
                 avcodec_receive_packet(c, p) < 0;
        if (failed)
            latent_fail(e, "a picture of %d x %d with %d channels can't be made a PNG", w, h,
                        channels);
    }
    av_frame_free(&f);
    avcodec_free_context(&c);
    if (failed)
        av_packet_free(&p);
    return p;
}

/* Makes a new file beside path, whose name is written to part.  Its descriptor, or -1. */
static int open_beside(const char *path, char *part, size_t room)
{
    int fd = -1;
    for (int i = 0; i < 1000 && fd < 0; i++) {
        if (snprintf(part, room, "%s.part%d", path, i) >= (int)room) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            return -1;
    }
    return fd;
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        bytes += done;
        n -= (size_t)done;
    }
    return 0;
}

int latent_picture_write(const char *path, const uint8_t *bytes, int h, int w, int channels,
                         latent_error *e)
{
    char part[PATH_MAX];
    struct stat st;
    AVPacket *p;
    int fd, failed, why;
    if (h < 1 || w < 1 || (channels != 1 && channels != 3 && channels != 4))
        return latent_fail(e, "a picture of %d x %d with %d channels can't be written", w, h,
                           channels);
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return latent_fail(e, "%s is %s; give the picture another name", path,
                           S_ISDIR(st.st_mode) ? "a folder" : "no ordinary file");
    if (!(p = encode(bytes, h, w, channels, e)))
        return -1;
    if ((fd = open_beside(path, part, sizeof(part))) < 0) {
        why = errno;
        av_packet_free(&p);
        return latent_fail(e, "%s can't be written (%s)", path, strerror(why));
    }
    failed = write_all(fd, p->data, (size_t)p->size);
    why = errno;
    if (close(fd) && !failed) { /* a full disk may be told only now */
        failed = 1;
        why = errno;
    }
    if (!failed && rename(part, path)) {
        failed = 1;
        why = errno;
    }
    av_packet_free(&p);
    if (!failed)
        return 0;
    unlink(part);
    return latent_fail(e, "%s can't be written (%s)", path, strerror(why));
}

int latent_folder_make(const char *path, latent_error *e)
{
    char part[PATH_MAX];
    struct stat st;
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(part))
        return latent_fail(e, "a folder's name has 1 to %d letters, this one has %zu",
                           (int)sizeof(part) - 1, n);
    for (size_t i = 1; i <= n; i++) /* every folder on the way; those that are there stay */
        if (i == n || path[i] == '/') {
            memcpy(part, path, i);
            part[i] = 0;
            if (mkdir(part, 0777) && errno != EEXIST && errno != EISDIR && i == n)
                return latent_fail(e, "the folder %s can't be made (%s)", path, strerror(errno));
        }
    if (stat(path, &st) || !S_ISDIR(st.st_mode))
        return latent_fail(e, "%s is there, but it is no folder; choose another name", path);
    if (access(path, W_OK | X_OK))
        return latent_fail(e, "no files can be made in the folder %s (%s)", path, strerror(errno));
    return 0;
}
