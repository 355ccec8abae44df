/* film: see film.h.  Films of H.264 are written in fragments of a second (ISO 14496-12, 8.8), those
   of Matroska in clusters as long, and every one goes to the system as soon as it is made: what
   stands in the file can be read whatever becomes of us. */
#include "film.h"
#include "../base/deferred_free.h"
#include "../base/lock.h"
#include "../picture/pixels.h"
#include "palette.h"
#include "picture.h"
#include "track.h"
#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER (1 << 16)
#define SLACK 64 /* bytes behind a picture, which swscale looks at in passing */

/* ---- kinds */

typedef enum { H264, VP9, FFV1, GIF, APNG } codec_kind;
typedef enum { MUTE, AAC, OPUS, FLAC } sound_kind;

typedef struct {
    const char *ending, *muxer;
    codec_kind picture;
    sound_kind sound;
} film_kind;

static const film_kind kinds[] = {
    {".mp4", "mp4", H264, AAC},       {".m4v", "mp4", H264, AAC},   {".mov", "mov", H264, AAC},
    {".mkv", "matroska", H264, OPUS}, {".webm", "webm", VP9, OPUS}, {".gif", "gif", GIF, MUTE},
    {".apng", "apng", APNG, MUTE},
};
static const film_kind lossless = {".mkv", "matroska", FFV1, FLAC};

static const struct {
    const char *encoder, *package;
    enum AVPixelFormat format;
    int even; /* its sides must be even */
} pictures[] = {
    [H264] = {"libx264", "libx264", AV_PIX_FMT_YUV420P, 1},
    [VP9] = {"libvpx-vp9", "libvpx", AV_PIX_FMT_YUV420P, 1},
    [FFV1] = {"ffv1", "ffv1", AV_PIX_FMT_BGR0, 0},
    [GIF] = {"gif", "gif", AV_PIX_FMT_PAL8, 0},
    [APNG] = {"apng", "zlib", AV_PIX_FMT_RGB24, 0},
};
static const struct {
    const char *encoder;
    enum AVSampleFormat format;
    int bit_rate; /* of two channels */
} sounds[] = {
    [MUTE] = {NULL, AV_SAMPLE_FMT_NONE, 0},
    [AAC] = {"aac", AV_SAMPLE_FMT_FLTP, 192000},
    [OPUS] = {"libopus", AV_SAMPLE_FMT_FLT, 160000},
    [FLAC] = {"flac", AV_SAMPLE_FMT_S16, 0},
};

static const film_kind *kind_of(const char *path, double quality)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof(kinds) / sizeof(*kinds); i++)
        if (!strcasecmp(dot, kinds[i].ending))
            return quality >= 100 && !strcmp(kinds[i].muxer, "matroska") ? &lossless : &kinds[i];
    return NULL;
}

int latent_film_named(const char *path)
{
    return kind_of(path, 0) != NULL;
}

/* ---- films */

struct latent_film {
    pthread_mutex_t lock;
    int refs; /* guarded by the lock of all films */
    latent_film *next;
    latent_deferred_free grave;
    const film_kind *kind;
    latent_film_settings settings;
    AVRational rate; /* pictures a second */
    char path[PATH_MAX], kept[PATH_MAX];
    int had_older; /* and it is at kept */
    int64_t whole; /* bytes of the file, all of them whole fragments */
    int fd, why;   /* why: errno of the first write that failed */
    int closed, failed;
    int begun; /* the container is: its end must be written, whatever happens */
    AVIOContext *io;
    AVFormatContext *mux;
    AVStream *picture, *track;
    AVCodecContext *coder, *voice;
    struct SwsContext *sws;
    AVFrame *frame, *samples;
    AVPacket *packet;
    latent_track *sound;
    int64_t due;        /* at of the next picture, at the least */
    int64_t played;     /* samples in the film */
    double spoiled;     /* those of the sound that were no numbers */
    int h, w;           /* of the film */
    int full_h, full_w; /* with the sides made even */
    uint8_t *canvas;    /* full_h x full_w x 3: what the film shows */
    uint8_t *scaled;
};

/* Those that are open, so that they are ended properly when the host ends without closing them. */
LATENT_LOCK(films_lock)
static latent_film *films;

static int fail(latent_film *f, latent_error *e, const char *what)
{
    f->failed = 1;
    if (f->why)
        return latent_fail(e, "%s can't be written (%s); what is in it stays", f->path,
                           strerror(f->why));
    return latent_fail(e, "%s: %s", f->path, what);
}

/* ---- the file */

#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t out_bytes;
#else
typedef uint8_t out_bytes;
#endif

static int file_write(void *opaque, out_bytes *bytes, int n)
{
    latent_film *f = opaque;
    int left = n;
    if (f->why) /* nothing is written behind a gap */
        return AVERROR(f->why);
    while (left > 0) {
        ssize_t done = write(f->fd, bytes, (size_t)left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            f->why = f->why ? f->why : done < 0 ? errno : ENOSPC;
            return AVERROR(f->why);
        }
        bytes += done;
        left -= (int)done;
    }
    return n;
}

static int64_t file_seek(void *opaque, int64_t offset, int whence)
{
    latent_film *f = opaque;
    struct stat st;
    if (whence & AVSEEK_SIZE)
        return fstat(f->fd, &st) ? AVERROR(errno) : st.st_size;
    return lseek(f->fd, offset, whence & ~AVSEEK_FORCE);
}

static int make_file(latent_film *f, latent_error *e)
{
    const int how = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    struct stat st;
    f->fd = open(f->path, how, 0666);
    if (f->fd < 0 && errno == EEXIST) {
        if (!stat(f->path, &st) && !S_ISREG(st.st_mode))
            return latent_fail(e, "%s is %s; give the film another name", f->path,
                               S_ISDIR(st.st_mode) ? "a folder" : "no ordinary file");
        if (!rename(f->path, f->kept)) {
            f->had_older = 1;
            f->fd = open(f->path, how, 0666);
        }
    }
    return f->fd >= 0 ? 0 : latent_fail(e, "%s can't be written (%s)", f->path, strerror(errno));
}

/* As if it had never been opened. */
static void unmake_file(latent_film *f)
{
    unlink(f->path);
    if (f->had_older)
        rename(f->kept, f->path);
}

/* ---- opening */

static AVRational rate_of(double fps)
{
    double whole = floor(fps * 1.001 + 0.5);
    if (fabs(fps - floor(fps + 0.5)) > 1e-3 && fabs(fps * 1.001 - whole) < 2e-3)
        return (AVRational){(int)whole * 1000, 1001}; /* 29.97, 23.976 */
    return av_d2q(fps, 1000);
}

static int check_encoders(const film_kind *k, int with_sound, latent_error *e)
{
    if (!avcodec_find_encoder_by_name(pictures[k->picture].encoder))
        return latent_fail(e,
                           "this FFmpeg can't make %s films (it was built without %s); try another "
                           "ending: %s",
                           k->ending, pictures[k->picture].package, LATENT_FILM_ENDINGS);
    if (with_sound && k->sound == MUTE)
        return latent_fail(e, "a %s has no sound; use .mp4, .mkv or .webm, or send \"sound none\"",
                           k->ending);
    if (with_sound && !avcodec_find_encoder_by_name(sounds[k->sound].encoder))
        return latent_fail(e,
                           "this FFmpeg can't give %s films a sound (it was built without %s); try "
                           "another ending, or send \"sound none\"",
                           k->ending, sounds[k->sound].encoder);
    return 0;
}

static void film_free(latent_film *f)
{
    f->spoiled = f->sound ? latent_track_spoiled(f->sound) : 0;
    latent_track_close(f->sound);
    sws_freeContext(f->sws);
    av_frame_free(&f->frame);
    av_frame_free(&f->samples);
    av_packet_free(&f->packet);
    avcodec_free_context(&f->coder);
    avcodec_free_context(&f->voice);
    avformat_free_context(f->mux);
    if (f->io)
        av_freep(&f->io->buffer);
    avio_context_free(&f->io);
    free(f->canvas);
    free(f->scaled);
    if (f->fd >= 0)
        close(f->fd);
    f->sound = NULL;
    f->sws = NULL;
    f->mux = NULL;
    f->canvas = f->scaled = NULL;
    f->fd = -1;
}

static int film_begin(latent_film *f, const char *path, latent_error *e)
{
    const latent_film_settings *s = &f->settings;
    if (snprintf(f->path, sizeof(f->path), "%s", path) >= (int)sizeof(f->path) ||
        snprintf(f->kept, sizeof(f->kept), "%s~", path) >= (int)sizeof(f->kept))
        return latent_fail(e, "the name of the film is too long");
    if (!(f->kind = kind_of(path, s->quality)))
        return latent_fail(e, "%s is no film's name; it ends with one of %s", path,
                           LATENT_FILM_ENDINGS);
    if (!(s->fps >= 0.1 && s->fps <= 240))
        return latent_fail(e, "a film has 0.1 to 240 pictures a second, not %g", s->fps);
    if (f->kind->picture == GIF && s->fps > 50)
        return latent_fail(e, "a GIF has at most 50 pictures a second, not %g", s->fps);
    if (check_encoders(f->kind, s->sound != NULL, e))
        return -1;
    if (s->sound && !(f->sound = latent_track_open(s->sound, e)))
        return -1;
    f->settings.sound = NULL; /* which is the caller's */
    f->rate = rate_of(s->fps);
    return make_file(f, e);
}

latent_film *latent_film_open(const char *path, const latent_film_settings *settings,
                              latent_error *e)
{
    latent_film *f = calloc(1, sizeof(*f));
    av_log_set_level(AV_LOG_QUIET);
    if (!f) {
        latent_fail(e, "there is no memory to write a film");
        return NULL;
    }
    f->refs = 1;
    f->fd = -1;
    f->settings = *settings;
    if (film_begin(f, path, e)) {
        film_free(f);
        free(f);
        return NULL;
    }
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_lock(&films_lock);
    f->next = films;
    films = f;
    pthread_mutex_unlock(&films_lock);
    return f;
}

double latent_film_spoiled(const latent_film *f)
{
    return f->spoiled;
}

int latent_film_had_older(const latent_film *f)
{
    return f->had_older;
}

/* ---- the streams, once the first picture has told how large they are */

static void set_quality(const latent_film *f, AVCodecContext *c)
{
    double q = f->settings.quality, fps = f->settings.fps;
    void *p = c->priv_data;
    switch (f->kind->picture) {
    case H264:
        av_opt_set(p, "preset", "veryfast", 0);
        /* with AVX-512 its tree of macroblocks reads memory that was never set: rarely a film's
           bytes differed in the last block of a picture */
        av_opt_set(p, "x264-params", "cpu-independent=1", 0);
        av_opt_set_double(p, "crf", 45 - 0.36 * q, 0);
        av_opt_set_int(p, "rc-lookahead", fps < 20 ? (int)(fps / 2) : 10, 0);
        break;
    case VP9:
        av_opt_set(p, "deadline", "realtime", 0);
        av_opt_set_int(p, "cpu-used", 6, 0);
        av_opt_set_double(p, "crf", floor(63 - 0.48 * q), 0);
        av_opt_set_int(p, "lag-in-frames", 0, 0);
        av_opt_set_int(p, "auto-alt-ref", 0, 0);
        c->bit_rate = 0;
        break;
    case FFV1:
        c->level = 3;
        av_opt_set_int(p, "slicecrc", 1, 0);
        c->gop_size = 1;
        break;
    case GIF:
        av_opt_set(p, "gifflags", "-offsetting-transdiff", 0);
        break;
    case APNG:
        av_opt_set(p, "pred", "paeth", 0);
        c->compression_level = 4;
        break;
    }
}

static int open_picture(latent_film *f, latent_error *e)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(pictures[f->kind->picture].encoder);
    AVCodecContext *c = f->coder = avcodec_alloc_context3(codec);
    if (!c || !(f->picture = avformat_new_stream(f->mux, NULL)))
        return fail(f, e, "there is no memory for a film");
    c->width = f->full_w;
    c->height = f->full_h;
    c->pix_fmt = pictures[f->kind->picture].format;
    c->time_base = av_inv_q(f->rate);
    c->framerate = f->rate;
    c->sample_aspect_ratio = (AVRational){1, 1};
    c->gop_size = f->settings.fps < 1 ? 1 : (int)ceil(f->settings.fps);
    c->max_b_frames = 0;
    c->thread_count = 1; /* so that the bytes depend on nothing but the pictures */
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    if (f->mux->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (c->pix_fmt == AV_PIX_FMT_YUV420P) {
        c->colorspace = AVCOL_SPC_BT709;
        c->color_primaries = AVCOL_PRI_BT709;
        c->color_trc = AVCOL_TRC_BT709;
        c->color_range = AVCOL_RANGE_MPEG;
    }
    set_quality(f, c);
    if (avcodec_open2(c, codec, NULL) < 0)
        return fail(f, e, "the encoder refuses pictures of this size; send another size");
    f->picture->time_base = c->time_base;
    f->picture->avg_frame_rate = f->rate;
    f->picture->r_frame_rate = f->rate;
    f->picture->sample_aspect_ratio = c->sample_aspect_ratio;
    return avcodec_parameters_from_context(f->picture->codecpar, c) < 0
               ? fail(f, e, "there is no memory for a film")
               : 0;
}

static int sound_rate(const latent_film *f)
{
    static const int aac[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                              22050, 16000, 12000, 11025, 8000,  7350};
    int own = latent_track_rate(f->sound);
    if (f->kind->sound == FLAC)
        return own <= 192000 ? own : 48000;
    if (f->kind->sound == AAC)
        for (size_t i = 0; i < sizeof(aac) / sizeof(*aac); i++)
            if (aac[i] == own)
                return own;
    return 48000;
}

static int open_track(latent_film *f, latent_error *e)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(sounds[f->kind->sound].encoder);
    AVCodecContext *c = f->voice = avcodec_alloc_context3(codec);
    int channels = latent_track_channels(f->sound) > 1 ? 2 : 1;
    if (!c || !(f->track = avformat_new_stream(f->mux, NULL)) || !(f->samples = av_frame_alloc()))
        return fail(f, e, "there is no memory for a film's sound");
    c->sample_fmt = sounds[f->kind->sound].format;
    c->sample_rate = sound_rate(f);
    av_channel_layout_default(&c->ch_layout, channels);
    c->bit_rate = sounds[f->kind->sound].bit_rate * channels / 2;
    c->time_base = (AVRational){1, c->sample_rate};
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    if (f->mux->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (avcodec_open2(c, codec, NULL) < 0)
        return fail(f, e, "the encoder refuses the sound; convert it to 48000 samples a second");
    f->track->time_base = c->time_base;
    f->samples->nb_samples = c->frame_size > 0 ? c->frame_size : 4096;
    f->samples->format = c->sample_fmt;
    f->samples->sample_rate = c->sample_rate;
    if (av_channel_layout_copy(&f->samples->ch_layout, &c->ch_layout) < 0 ||
        av_frame_get_buffer(f->samples, 0) < 0 ||
        avcodec_parameters_from_context(f->track->codecpar, c) < 0)
        return fail(f, e, "there is no memory for a film's sound");
    return latent_track_as(f->sound, c->sample_rate, channels, c->sample_fmt, e) ? fail(f, NULL, "")
                                                                                 : 0;
}

static int open_mux(latent_film *f, latent_error *e)
{
    uint8_t *buffer = av_malloc(BUFFER);
    if (!buffer || avformat_alloc_output_context2(&f->mux, NULL, f->kind->muxer, NULL) < 0 ||
        !(f->io = avio_alloc_context(buffer, BUFFER, 1, f, NULL, file_write, file_seek))) {
        av_free(buffer);
        return fail(f, e, "there is no memory for a film, or this FFmpeg has no such container");
    }
    f->mux->pb = f->io;
    f->mux->flags |= AVFMT_FLAG_BITEXACT | AVFMT_FLAG_FLUSH_PACKETS | AVFMT_FLAG_CUSTOM_IO;
    f->mux->max_interleave_delta = 0; /* both streams come in step, however late */
    return 0;
}

static int write_header(latent_film *f, latent_error *e)
{
    AVDictionary *options = NULL;
    int failed;
    if (f->kind->sound == AAC)
        av_dict_set(&options, "movflags", "+frag_keyframe+delay_moov+default_base_moof", 0);
    if (strcmp(f->kind->muxer, "matroska") == 0 || strcmp(f->kind->muxer, "webm") == 0)
        av_dict_set(&options, "cluster_time_limit", "1000", 0);
    if (f->kind->picture == APNG)
        av_dict_set(&options, "plays", "0", 0);
    failed = avformat_write_header(f->mux, &options);
    av_dict_free(&options);
    f->begun = failed >= 0;
    return failed < 0 ? fail(f, e, "this FFmpeg can't begin such a film") : 0;
}

static int choose_size(latent_film *f, int h, int w, latent_error *e)
{
    int even = pictures[f->kind->picture].even, s = f->settings.size;
    f->h = h;
    f->w = w;
    if (s > 0 && h >= w) {
        f->h = s;
        f->w = (int)((double)w * s / h + 0.5);
    } else if (s > 0) {
        f->w = s;
        f->h = (int)((double)h * s / w + 0.5);
    }
    f->w += f->w == 0;
    f->h += f->h == 0;
    f->full_h = even ? f->h + (f->h & 1) : f->h;
    f->full_w = even ? f->w + (f->w & 1) : f->w;
    if (f->full_h > LATENT_PICTURE_SIDE || f->full_w > LATENT_PICTURE_SIDE)
        return fail(f, e, "a film has at most 16384 pixels a side");
    if (!(f->canvas = calloc((size_t)f->full_h * (size_t)f->full_w * 3 + SLACK, 1)) ||
        !(f->scaled = malloc((size_t)f->h * (size_t)f->w * 3)))
        return fail(f, e, "there is no memory for a film");
    return 0;
}

static int make_frame(latent_film *f, latent_error *e)
{
    f->packet = av_packet_alloc();
    if (!f->packet || !(f->frame = av_frame_alloc()))
        return fail(f, e, "there is no memory for a film");
    f->frame->width = f->full_w;
    f->frame->height = f->full_h;
    f->frame->format = f->coder->pix_fmt;
    f->frame->colorspace = f->coder->colorspace;
    f->frame->color_range = f->coder->color_range;
    if (av_frame_get_buffer(f->frame, 0) < 0)
        return fail(f, e, "there is no memory for a film");
    if (f->coder->pix_fmt == AV_PIX_FMT_PAL8 || f->coder->pix_fmt == AV_PIX_FMT_RGB24)
        return 0;
    f->sws = sws_getContext(
        f->full_w, f->full_h, AV_PIX_FMT_RGB24, f->full_w, f->full_h, f->coder->pix_fmt,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT, NULL, NULL, NULL);
    if (!f->sws)
        return fail(f, e, "there is no memory for a film");
    sws_setColorspaceDetails(f->sws, sws_getCoefficients(SWS_CS_ITU709), 1,
                             sws_getCoefficients(SWS_CS_ITU709), 0, 0, 1 << 16, 1 << 16);
    return 0;
}

static int start(latent_film *f, int h, int w, latent_error *e)
{
    return choose_size(f, h, w, e) || open_mux(f, e) || open_picture(f, e) ||
                   (f->sound && open_track(f, e)) || make_frame(f, e) || write_header(f, e)
               ? -1
               : 0;
}

/* ---- packets */

/* Writes what an encoder has ready. */
static int drain(latent_film *f, AVCodecContext *c, AVStream *s, latent_error *e)
{
    for (;;) {
        int got = avcodec_receive_packet(c, f->packet);
        if (got == AVERROR(EAGAIN) || got == AVERROR_EOF)
            return 0;
        if (got < 0)
            return fail(f, e, "a picture or sound can't be encoded");
        if (s == f->picture && !f->packet->duration)
            f->packet->duration = 1;
        f->packet->stream_index = s->index;
        av_packet_rescale_ts(f->packet, c->time_base, s->time_base);
        got = av_interleaved_write_frame(f->mux, f->packet);
        avio_flush(f->io);
        if (got < 0 || f->io->error < 0 || f->why) {
            /* half a fragment at its end can make the whole film unreadable; half a cluster not */
            if (f->kind->sound == AAC && f->whole && ftruncate(f->fd, f->whole))
                f->whole = 0;
            return fail(f, e, "it can't be written");
        }
        f->whole = avio_tell(f->io);
    }
}

/* Gives the film its sound up to a place, in pictures. */
static int play_until(latent_film *f, int64_t at, int all, latent_error *e)
{
    int64_t until = f->voice ? av_rescale_q(at, f->coder->time_base, f->voice->time_base) : 0;
    int size = f->voice ? (f->voice->frame_size > 0 ? f->voice->frame_size : 4096) : 0;
    while (f->played < until && (all || until - f->played >= size)) {
        if (av_frame_make_writable(f->samples) < 0)
            return fail(f, e, "there is no memory for a film's sound");
        f->samples->nb_samples = until - f->played < size ? (int)(until - f->played) : size;
        f->samples->pts = f->played;
        f->played += f->samples->nb_samples;
        if (latent_track_fill(f->sound, f->samples, e))
            return fail(f, NULL, "");
        if (avcodec_send_frame(f->voice, f->samples) < 0)
            return fail(f, e, "the sound can't be encoded");
        if (drain(f, f->voice, f->track, e))
            return -1;
    }
    return 0;
}

/* ---- pictures */

/* Puts the picture on the film's canvas: as it is, or fitted into it on black. */
static int lay_out(latent_film *f, const uint8_t *rgb, int h, int w, latent_error *e)
{
    int to_h, to_w, top, left;
    latent_pixels_fit(h, w, f->h, f->w, &to_h, &to_w);
    if (to_h == h && to_w == w)
        memcpy(f->scaled, rgb, (size_t)h * (size_t)w * 3);
    else if (latent_pixels_scale(rgb, h, w, 3, f->scaled, to_h, to_w,
                                 to_h % h == 0 && to_w % w == 0 ? LATENT_BLOCKS : LATENT_BILINEAR,
                                 e))
        return fail(f, NULL, "");
    top = (f->h - to_h) / 2;
    left = (f->w - to_w) / 2;
    if (to_h < f->h || to_w < f->w)
        memset(f->canvas, 0, (size_t)f->full_h * (size_t)f->full_w * 3);
    for (int y = 0; y < to_h; y++)
        memcpy(f->canvas + ((size_t)(top + y) * (size_t)f->full_w + (size_t)left) * 3,
               f->scaled + (size_t)y * (size_t)to_w * 3, (size_t)to_w * 3);
    /* a side that was made even repeats its edge */
    if (f->full_w > f->w)
        for (int y = 0; y < f->h; y++) {
            uint8_t *end = f->canvas + ((size_t)y * (size_t)f->full_w + (size_t)f->w) * 3;
            memcpy(end, end - 3, 3);
        }
    if (f->full_h > f->h)
        memcpy(f->canvas + (size_t)f->h * (size_t)f->full_w * 3,
               f->canvas + (size_t)(f->h - 1) * (size_t)f->full_w * 3, (size_t)f->full_w * 3);
    return 0;
}

/* The canvas as the encoder wants it. */
static int fill_frame(latent_film *f, latent_error *e)
{
    const uint8_t *from[4] = {f->canvas};
    int stride[4] = {f->full_w * 3};
    if (av_frame_make_writable(f->frame) < 0)
        return fail(f, e, "there is no memory for a film");
    if (f->kind->picture == GIF) {
        int colours = 8 + (int)(2.48 * f->settings.quality);
        return latent_palette_reduce(f->canvas, f->full_h, f->full_w, colours, f->frame->data[0],
                                     f->frame->linesize[0], (uint32_t *)(void *)f->frame->data[1],
                                     e)
                   ? fail(f, NULL, "")
                   : 0;
    }
    if (!f->sws)
        for (int y = 0; y < f->full_h; y++)
            memcpy(f->frame->data[0] + (ptrdiff_t)y * f->frame->linesize[0],
                   f->canvas + (size_t)y * (size_t)stride[0], (size_t)stride[0]);
    else
        sws_scale(f->sws, from, stride, 0, f->full_h, f->frame->data, f->frame->linesize);
    return 0;
}

/* Shows the canvas from at on. */
static int show(latent_film *f, int64_t at, latent_error *e)
{
    f->frame->pts = at;
    f->due = at + 1;
    if (avcodec_send_frame(f->coder, f->frame) < 0)
        return fail(f, e, "a picture can't be encoded");
    return drain(f, f->coder, f->picture, e) || play_until(f, f->due, 0, e) ? -1 : 0;
}

static int add(latent_film *f, const uint8_t *rgb, int h, int w, int64_t at, latent_error *e)
{
    if (f->closed || f->failed)
        return latent_fail(e, "%s is closed", f->path);
    if (h < 1 || w < 1 || at < f->due)
        return latent_fail(e, "%s: a picture of %d x %d for place %lld can't be added", f->path, w,
                           h, (long long)at);
    if (!f->mux && start(f, h, w, e))
        return -1;
    return lay_out(f, rgb, h, w, e) || fill_frame(f, e) || show(f, at, e) ? -1 : 0;
}

int latent_film_add(latent_film *f, const uint8_t *rgb, int h, int w, int64_t at, latent_error *e)
{
    int failed;
    pthread_mutex_lock(&f->lock);
    failed = add(f, rgb, h, w, at, e);
    pthread_mutex_unlock(&f->lock);
    return failed;
}

/* ---- the end */

static int finish(latent_film *f, int64_t end, latent_error *e)
{
    if (end > f->due && show(f, end - 1, e)) /* the last picture stays until then */
        return -1;
    if (avcodec_send_frame(f->coder, NULL) < 0 || drain(f, f->coder, f->picture, e))
        return fail(f, f->failed ? NULL : e, "the last pictures can't be encoded");
    if (f->voice && (play_until(f, f->due, 1, e) || avcodec_send_frame(f->voice, NULL) < 0 ||
                     drain(f, f->voice, f->track, e)))
        return fail(f, f->failed ? NULL : e, "the end of the sound can't be encoded");
    if (f->kind->picture == GIF) /* else the last picture stays as long as the one before */
        av_opt_set_int(f->mux->priv_data, "final_delay",
                       av_rescale_q(1, f->coder->time_base, (AVRational){1, 100}), 0);
    if (f->kind->picture == APNG)
        av_opt_set_q(f->mux->priv_data, "final_delay", f->coder->time_base, 0);
    f->begun = 0;
    if (av_write_trailer(f->mux) < 0)
        return fail(f, e, "its end can't be written");
    avio_flush(f->io);
    if (f->io->error < 0 && !f->why)
        f->why = EIO;
    if (close(f->fd) && !f->why) /* a full disk may be told only now */
        f->why = errno;
    f->fd = -1;
    return f->why ? fail(f, e, "") : 0;
}

static int end_film(latent_film *f, int64_t end, latent_error *e)
{
    int failed = 0, empty = !f->mux;
    if (f->closed)
        return 0;
    f->closed = 1;
    if (f->failed)
        failed = latent_fail(e, "%s was not finished", f->path);
    else if (!empty)
        failed = finish(f, end, e);
    if (f->begun)
        av_write_trailer(f->mux);
    film_free(f);
    if (empty)
        unmake_file(f);
    return failed;
}

int latent_film_close(latent_film *f, int64_t end, latent_error *e)
{
    int failed;
    pthread_mutex_lock(&f->lock);
    failed = end_film(f, end, e);
    pthread_mutex_unlock(&f->lock);
    return failed;
}

latent_film *latent_film_retain(latent_film *f)
{
    pthread_mutex_lock(&films_lock);
    f->refs++;
    pthread_mutex_unlock(&films_lock);
    return f;
}

static void release(latent_deferred_free *g)
{
    latent_film *f = (latent_film *)((char *)g - offsetof(latent_film, grave));
    pthread_mutex_lock(&films_lock);
    for (latent_film **at = &films; *at; at = &(*at)->next)
        if (*at == f) {
            *at = f->next;
            break;
        }
    pthread_mutex_unlock(&films_lock);
    latent_film_close(f, 0, NULL);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void latent_film_release(latent_film *f)
{
    int dead;
    if (!f)
        return;
    pthread_mutex_lock(&films_lock);
    dead = --f->refs == 0;
    pthread_mutex_unlock(&films_lock);
    if (dead)
        latent_deferred_free_add(&f->grave, release);
}

/* Pd ends without freeing its boxes. */
__attribute__((destructor)) static void close_all(void)
{
    pthread_mutex_lock(&films_lock);
    for (latent_film *f = films; f; f = f->next)
        latent_film_close(f, 0, NULL);
    pthread_mutex_unlock(&films_lock);
}
