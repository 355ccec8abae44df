/* picture: see picture.h */
#include "picture.h"
#include "decode.h"
#include "webp.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 33                  /* bytes of a PNG up to the end of its first chunk */
#define PACKETS 64                 /* so many may pass before the first frame comes */
#define OPACITY ((size_t)64 << 20) /* bytes of an AVIF's opacity that are read */

/* ---- reading: the file's first frame */

/* What may be read: pictures, and the containers in which pictures come.  Playlists and other
   formats that name further files are not among them, nor is SVG, which is a program. */
static const latent_kinds picture_kinds = {
    "picture", "PNG, JPEG, WebP, AVIF, TIFF, GIF, MP4 ...",
    "bmp_pipe,dds_pipe,dpx_pipe,exr_pipe,gif_pipe,hdr_pipe,j2k_pipe,jpeg_pipe,jpegls_pipe,"
    "jpegxl_pipe,pam_pipe,pbm_pipe,pcx_pipe,pfm_pipe,pgm_pipe,pgmyuv_pipe,phm_pipe,png_pipe,"
    "ppm_pipe,psd_pipe,qoi_pipe,sgi_pipe,sunrast_pipe,tiff_pipe,webp_pipe,xbm_pipe,xpm_pipe,"
    "xwd_pipe,apng,gif,ico,mov"};

/* Feeds the decoder until the first frame comes: 0, or FFmpeg's error. */
static int first_frame(latent_decoder *d, int stream)
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

/* The picture in a block of bytes: 0, or FFmpeg's error. */
static int decode_bytes(AVCodecContext *c, const uint8_t *bytes, size_t n, AVFrame *frame)
{
    AVPacket *p = av_packet_alloc();
    int failed = !p || n > INT_MAX / 2 || av_new_packet(p, (int)n) < 0 ? AVERROR(ENOMEM) : 0;
    if (!failed) {
        memcpy(p->data, bytes, n);
        failed = avcodec_send_packet(c, p);
    }
    if (failed >= 0)
        failed = avcodec_send_packet(c, NULL);
    av_packet_free(&p);
    return failed < 0 ? failed : avcodec_receive_frame(c, frame);
}

/* An AVIF's opacity is a picture of its own. */
static int decode_opacity(latent_decoder *d, const char *path, int stream, latent_error *e)
{
    const AVCodecParameters *p = d->format->streams[stream]->codecpar;
    const AVPixFmtDescriptor *pixels;
    AVCodecParameters *own = avcodec_parameters_alloc();
    AVCodecContext *c = NULL;
    size_t n = (size_t)d->heif.alpha_size;
    uint8_t *bytes = n <= OPACITY ? malloc(n) : NULL;
    int failed = !own || !bytes || !(d->opacity = av_frame_alloc()) ? -1 : 0;
    if (!failed) {
        own->codec_type = p->codec_type;
        own->codec_id = p->codec_id;
        failed = pread(d->source.fd, bytes, n, d->heif.alpha) == (ssize_t)n &&
                         (c = latent_decoder_context(d, path, own, (AVRational){1, 25}, e))
                     ? decode_bytes(c, bytes, n, d->opacity)
                     : -1;
    }
    pixels = failed ? NULL : av_pix_fmt_desc_get(d->opacity->format);
    if (!pixels || d->opacity->width != d->frame->width || d->opacity->height != d->frame->height ||
        pixels->comp[0].plane != 0 || pixels->comp[0].step != (pixels->comp[0].depth > 8 ? 2 : 1))
        failed = latent_fail(e, "the opacity of %s can't be decoded; get the file anew", path);
    avcodec_parameters_free(&own);
    avcodec_free_context(&c);
    free(bytes);
    return failed ? -1 : 0;
}

/* What FFmpeg does not read of TIFF, and would leave out; NULL where it should. */
static const char *rare_tiff(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int64_t packed = latent_orientation_tiff(fd, 259), numbers = latent_orientation_tiff(fd, 339),
            tile = latent_orientation_tiff(fd, 322);
    if (fd >= 0)
        close(fd);
    if (tile > 0)
        return "in tiles";
    if (packed == 6 || packed == 7)
        return "with JPEG inside";
    return numbers == 3 ? "of floating-point numbers" : NULL;
}

static int fail_tiff(const char *path, const char *kind, latent_error *e)
{
    return latent_fail(e, "%s is a TIFF %s, which can't be read; save it without that, or as PNG",
                       path, kind);
}

static int fail_damaged(const latent_decoder *d, const char *path, int why, latent_error *e)
{
    char words[AV_ERROR_MAX_STRING_SIZE] = "";
    if (why == AVERROR(EINVAL)) /* what the limit above gives */
        return latent_fail(e,
                           "%s says that it has an impossible size or more than %d million pixels; "
                           "make it smaller, or get the file anew if it is not so large",
                           path, (int)(LATENT_PICTURE_PIXELS >> 20));
    if (d->codec->codec_id == AV_CODEC_ID_TIFF && rare_tiff(path))
        return fail_tiff(path, rare_tiff(path), e);
    av_strerror(why == AVERROR_EOF ? AVERROR_INVALIDDATA : why, words, sizeof(words));
    return latent_fail(
        e,
        why == AVERROR_PATCHWELCOME
            ? "%s is a %s of a kind that this FFmpeg does not read (%s); convert it to PNG"
            : "%s is damaged or cut off: as %s it can't be decoded (%s); get the file "
              "anew",
        path, d->codec->codec->name, words);
}

/* first: of an animated WebP. */
static int decode(latent_decoder *d, const char *path, latent_webp *first, latent_error *e)
{
    int failed, stream;
    if (latent_decoder_open(d, path, &picture_kinds, e))
        return -1;
    stream = latent_decoder_stream(d, AVMEDIA_TYPE_VIDEO);
    if (stream < 0)
        return latent_fail(e, "%s holds no picture", path);
    if (latent_decoder_codec(d, path, stream, e))
        return -1;
    failed = latent_webp_first(d->source.fd, first)
                 ? first->picture ? decode_bytes(d->codec, first->picture, first->size, d->frame)
                                  : AVERROR_INVALIDDATA
                 : first_frame(d, stream);
    if (latent_cancelled(d->source.cancel))
        return latent_fail(e, "%s is cancelled", path);
    if (!failed && (d->frame->decode_error_flags || (d->frame->flags & AV_FRAME_FLAG_CORRUPT)))
        failed = AVERROR_INVALIDDATA;
    if (failed)
        return fail_damaged(d, path, failed, e);
    if (d->frame->width < 1 || d->frame->height < 1)
        return latent_fail(e, "%s holds a picture without pixels", path);
    if (latent_decoder_check_size(path, d->frame->width, d->frame->height, e))
        return -1;
    return d->heif.alpha_size > 0 ? decode_opacity(d, path, stream, e) : 0;
}

static latent_tensor *read_once(const char *path, int channels, const atomic_int *cancel,
                                int pattern, latent_webp *first, enum AVCodecID *codec,
                                latent_error *e)
{
    latent_decoder d = {.source = {-1, cancel}, .pattern = (uint8_t)pattern};
    latent_tensor *t = NULL;
    if (!decode(&d, path, first, e))
        t = latent_decoder_tensor(&d, path, channels, e);
    *codec = t ? d.codec->codec_id : AV_CODEC_ID_NONE;
    latent_decoder_free(&d);
    return t;
}

/* Where a part of a TIFF can't be decoded, FFmpeg leaves what was there and says nothing.  So it is
   decoded once more onto something else: the first row that differs was never written; -1: none. */
static int first_unwritten(const latent_tensor *t, const latent_tensor *again)
{
    size_t row = (size_t)t->shape.w * (size_t)t->shape.c;
    for (int y = 0; y < t->shape.h; y++)
        if (memcmp(t->data + row * (size_t)y, again->data + row * (size_t)y, row * sizeof(float)))
            return y;
    return -1;
}

static latent_tensor *check_parts(latent_tensor *t, const char *path, int channels,
                                  const atomic_int *cancel, latent_error *e)
{
    latent_webp none = {0};
    enum AVCodecID codec;
    latent_tensor *again = read_once(path, channels, cancel, 0x5a, &none, &codec, e);
    const char *rare = rare_tiff(path);
    int row = -1;
    if (again)
        row = again->shape.h == t->shape.h && again->shape.w == t->shape.w
                  ? first_unwritten(t, again)
                  : 0;
    if (row >= 0 && rare)
        fail_tiff(path, rare, e);
    else if (row >= 0)
        latent_fail(
            e, "%s is damaged: a part of it can't be decoded (row %d of %d); get the file anew",
            path, row + 1, t->shape.h);
    latent_tensor_release(t);
    if (row < 0)
        return again;
    latent_tensor_release(again);
    return NULL;
}

/* The first picture of an animation at its place on the whole one, around which there is nothing.
 */
static latent_tensor *place(latent_tensor *t, const latent_webp *whole, const char *path,
                            latent_error *e)
{
    latent_shape s = t->shape;
    latent_tensor *out;
    if (whole->w == s.w && whole->h == s.h)
        return t;
    out = latent_decoder_check_size(path, whole->w, whole->h, e)
              ? NULL
              : latent_tensor_new((latent_shape){1, whole->h, whole->w, s.c}, e);
    for (size_t i = 0; out && i < (size_t)whole->h * (size_t)whole->w * (size_t)s.c; i++)
        out->data[i] = s.c == 4 ? -1 : 1;
    for (int y = 0; out && y < s.h && whole->top + y < whole->h; y++)
        if (whole->left < whole->w)
            memcpy(out->data + ((size_t)(whole->top + y) * (size_t)whole->w + (size_t)whole->left) *
                                   (size_t)s.c,
                   t->data + (size_t)y * (size_t)s.w * (size_t)s.c,
                   (size_t)(s.w < whole->w - whole->left ? s.w : whole->w - whole->left) *
                       (size_t)s.c * sizeof(float));
    latent_tensor_release(t);
    return out;
}

latent_tensor *latent_picture_read(const char *path, int channels, const atomic_int *cancel,
                                   latent_error *e)
{
    latent_webp first = {0};
    latent_tensor *t;
    enum AVCodecID codec;
    if (channels != 1 && channels != 3 && channels != 4) {
        latent_fail(e, "a picture is read with 1, 3 or 4 channels, not %d", channels);
        return NULL;
    }
    t = read_once(path, channels, cancel, 0xa5, &first, &codec, e);
    if (t && codec == AV_CODEC_ID_TIFF)
        t = check_parts(t, path, channels, cancel, e);
    else if (t && first.picture)
        t = place(t, &first, path, e);
    free(first.picture);
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
    return latent_picture_write_with(path, bytes, h, w, channels, NULL, 0, e);
}

int latent_picture_write_with(const char *path, const uint8_t *bytes, int h, int w, int channels,
                              const uint8_t *chunks, size_t n_chunks, latent_error *e)
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
    failed = write_all(fd, p->data, HEADER) || write_all(fd, chunks, n_chunks) ||
             write_all(fd, p->data + HEADER, (size_t)p->size - HEADER);
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

static int is_numbered(const char *name)
{
    int digits = 0;
    while (isdigit((unsigned char)name[digits]))
        digits++;
    return digits >= 6 && !strcmp(name + digits, ".png");
}

/* A new folder beside another one. */
static int make_kept(const char *path, char behind[LATENT_KEPT], char *kept, size_t room)
{
    int length = (int)strlen(path), failed = -1;
    while (length > 1 && path[length - 1] == '/')
        length--;
    errno = EEXIST;
    for (int i = 1; i < 1000 && failed && errno == EEXIST; i++) {
        snprintf(behind, LATENT_KEPT, i > 1 ? "~%d" : "~", i);
        if (snprintf(kept, room, "%.*s%s", length, path, behind) >= (int)room)
            errno = ENAMETOOLONG;
        else
            failed = mkdir(kept, 0777);
    }
    return failed;
}

int latent_folder_clear(const char *path, char behind[LATENT_KEPT], latent_error *e)
{
    char kept[PATH_MAX];
    DIR *folder = opendir(path), *to = NULL;
    const struct dirent *entry;
    int failed = !folder, why;
    *behind = 0;
    while (!failed && (entry = readdir(folder))) {
        if (!is_numbered(entry->d_name))
            continue;
        if (!to)
            failed = make_kept(path, behind, kept, sizeof(kept)) || !(to = opendir(kept));
        failed = failed || renameat(dirfd(folder), entry->d_name, dirfd(to), entry->d_name);
    }
    why = errno;
    if (folder)
        closedir(folder);
    if (to)
        closedir(to);
    return failed ? latent_fail(e,
                                "the pictures that are in %s can't be put aside (%s); choose "
                                "another folder",
                                path, strerror(why))
                  : 0;
}
