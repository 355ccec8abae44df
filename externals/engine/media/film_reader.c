/* film_reader: see film_reader.h */
#include "film_reader.h"
#include "../base/deferred_free.h"
#include "decode.h"
#include <libavutil/avstring.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 48     /* so many frames ahead are reached without a jump */
#define BARREN 2048 /* so many packets may pass without a frame */

static const latent_kinds film_kinds = {"film", "MP4, MOV, MKV, WebM, AVI, GIF, APNG",
                                        "mov,matroska,avi,gif,apng"};

struct latent_film_reader {
    latent_decoder d;
    char *path;
    int stream;
    int64_t *times; /* of the frames, growing, in the stream's time base */
    int frames;
    int64_t length; /* when the last one ends */
    AVRational base;
    int h, w;
    int place;   /* of the frame that the decoder gives next; -1: not known */
    int drained; /* it has been told that nothing more comes */
    atomic_int refs;
    latent_deferred_free grave;
};

/* ---- opening */

static void close_codec(latent_film_reader *r)
{
    latent_decoder_free(&r->d);
    memset(&r->d, 0, sizeof(r->d));
    r->d.source.fd = -1;
}

/* From the first byte on. */
static int begin(latent_film_reader *r, const atomic_int *cancel, latent_error *e)
{
    close_codec(r);
    r->d.source.cancel = cancel;
    r->place = r->drained = 0;
    if (latent_decoder_open(&r->d, r->path, &film_kinds, e))
        return -1;
    r->stream = latent_decoder_stream(&r->d, AVMEDIA_TYPE_VIDEO);
    return r->stream < 0 ? latent_fail(e, "%s holds no pictures", r->path)
                         : latent_decoder_codec(&r->d, r->path, r->stream, e);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int add_time(latent_film_reader *r, int64_t time, int *room, latent_error *e)
{
    if (r->frames == LATENT_REEL_FRAMES)
        return latent_fail(e, "%s has more than %d frames; cut it into parts", r->path,
                           LATENT_REEL_FRAMES);
    if (r->frames == *room) {
        int larger = *room ? 2 * *room : 1024;
        int64_t *times = realloc(r->times, (size_t)larger * sizeof(*times));
        if (!times)
            return latent_fail_memory(r->path, e);
        r->times = times;
        *room = larger;
    }
    r->times[r->frames++] = time;
    return 0;
}

/* Lists the times of all pictures without decoding them. */
static int list(latent_film_reader *r, atomic_int *permille, latent_error *e)
{
    int room = 0, same = 0;
    int64_t next = 0, size = avio_size(r->d.io);
    while (av_read_frame(r->d.format, r->d.packet) >= 0) {
        const AVPacket *p = r->d.packet;
        int64_t time = p->pts != AV_NOPTS_VALUE ? p->pts : p->dts;
        int failed = 0;
        if (p->stream_index == r->stream && !(p->flags & AV_PKT_FLAG_DISCARD) && p->size > 0) {
            time = time != AV_NOPTS_VALUE ? time : next;
            next = time + (p->duration > 0 && p->duration < INT32_MAX ? p->duration : 1);
            r->length = next > r->length ? next : r->length;
            failed = add_time(r, time, &room, e);
        }
        if (permille && size > 0 && p->pos >= 0)
            atomic_store(permille, (int)(p->pos / (size / 1000 + 1)));
        av_packet_unref(r->d.packet);
        if (failed)
            return -1;
    }
    if (latent_cancelled(r->d.source.cancel))
        return latent_fail(e, "%s is cancelled", r->path);
    if (!r->frames)
        return latent_fail(e, "%s holds no pictures that can be read; it is damaged or cut off",
                           r->path);
    qsort(r->times, (size_t)r->frames, sizeof(*r->times), compare);
    for (int i = 1; i < r->frames; i++) /* two at one time are one */
        if (r->times[i] != r->times[same])
            r->times[++same] = r->times[i];
    r->frames = same + 1;
    return 0;
}

static void reel_free(latent_film_reader *r)
{
    latent_decoder_free(&r->d);
    free(r->times);
    free(r->path);
    free(r);
}

int latent_film_reader_open(const char *path, const atomic_int *cancel, atomic_int *permille,
                            latent_film_reader **reel, latent_error *e)
{
    latent_film_reader *r = calloc(1, sizeof(*r));
    int failed, kin;
    *reel = NULL;
    if (!r || !(r->path = strdup(path))) {
        free(r);
        return latent_fail_memory(path, e);
    }
    r->d.source.fd = -1;
    atomic_init(&r->refs, 1);
    failed = begin(r, cancel, e);
    kin = r->d.format != NULL;
    if (!failed) {
        const AVCodecParameters *p = r->d.format->streams[r->stream]->codecpar;
        r->base = r->d.format->streams[r->stream]->time_base;
        r->h = p->height;
        r->w = p->width;
        failed = list(r, permille, e);
    }
    if (!failed && (r->base.num <= 0 || r->base.den <= 0))
        failed = latent_fail(e, "%s does not say how fast it is; it is damaged", path);
    if (!failed)
        failed = begin(r, NULL, e);
    if (!failed && r->frames > 1) {
        *reel = r;
        return 0;
    }
    reel_free(r);
    return failed && kin ? -1 : 0;
}

latent_film_reader *latent_film_reader_retain(latent_film_reader *r)
{
    atomic_fetch_add(&r->refs, 1);
    return r;
}

static void release(latent_deferred_free *g)
{
    reel_free((latent_film_reader *)((char *)g - offsetof(latent_film_reader, grave)));
}

void latent_film_reader_release(latent_film_reader *r)
{
    if (r && atomic_fetch_sub(&r->refs, 1) == 1)
        latent_deferred_free_add(&r->grave, release);
}

/* ---- times */

double latent_film_reader_ms(const latent_film_reader *r, int frame)
{
    return (double)(r->times[frame] - r->times[0]) * av_q2d(r->base) * 1000;
}

latent_film_reader_info latent_film_reader_about(const latent_film_reader *r)
{
    latent_film_reader_info i = {.frames = r->frames, .h = r->h, .w = r->w};
    double last = latent_film_reader_ms(r, r->frames - 1);
    i.ms = (double)(r->length - r->times[0]) * av_q2d(r->base) * 1000;
    i.fps = last > 0 ? (r->frames - 1) / last * 1000 : 0;
    if (!(i.ms > last)) /* the last one is as long as the others */
        i.ms = last + (i.fps > 0 ? 1000 / i.fps : 0);
    return i;
}

int latent_film_reader_at(const latent_film_reader *r, double ms)
{
    int low = 0, high = r->frames - 1;
    while (low < high) { /* the last one that has begun; half a microsecond early will do */
        int middle = low + (high - low + 1) / 2;
        if (latent_film_reader_ms(r, middle) <= ms + 5e-4)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* ---- frames */

/* The number of the frame of that time, or -1. */
static int number_of(const latent_film_reader *r, int64_t time)
{
    const int64_t *found = bsearch(&time, r->times, (size_t)r->frames, sizeof(*r->times), compare);
    return found ? (int)(found - r->times) : -1;
}

/* The next frame that can be decoded: its number, -1 when that is not known; -2 at the end. */
static int next_frame(latent_film_reader *r)
{
    for (int n = 0; n < BARREN && !latent_cancelled(r->d.source.cancel);) {
        int got = avcodec_receive_frame(r->d.codec, r->d.frame), read;
        if (!got) {
            int64_t time = r->d.frame->best_effort_timestamp;
            int number = time != AV_NOPTS_VALUE ? number_of(r, time) : r->place;
            r->place = number >= 0 ? number + 1 : r->place >= 0 ? r->place + 1 : -1;
            return number;
        }
        if (got == AVERROR_EOF || r->drained)
            return -2;
        read = av_read_frame(r->d.format, r->d.packet);
        if (read >= 0 && r->d.packet->stream_index != r->stream) {
            av_packet_unref(r->d.packet);
            continue;
        }
        r->drained = read < 0;
        avcodec_send_packet(r->d.codec, read < 0 ? NULL : r->d.packet);
        av_packet_unref(r->d.packet);
        n++;
    }
    return -2;
}

/* Decodes on until frame n has come: 1; 0 when it was passed or there is no such. */
static int decode_until(latent_film_reader *r, int n)
{
    int number;
    do
        number = next_frame(r);
    while (number == -1 || (number >= 0 && number < n));
    return number == n;
}

static int jump(latent_film_reader *r, int n)
{
    if (av_seek_frame(r->d.format, r->stream, r->times[n], AVSEEK_FLAG_BACKWARD) < 0)
        return -1;
    avcodec_flush_buffers(r->d.codec);
    r->place = -1;
    r->drained = 0;
    return 0;
}

/* Brings frame n into the decoder: straight on, by a jump, or from the beginning. */
static int find(latent_film_reader *r, int n, latent_error *e)
{
    if (r->place >= 0 && n >= r->place && n - r->place < NEAR && decode_until(r, n))
        return 0;
    if (!latent_cancelled(r->d.source.cancel) && n > 0 && !jump(r, n) && decode_until(r, n))
        return 0;
    if (!latent_cancelled(r->d.source.cancel) && begin(r, r->d.source.cancel, e))
        return -1;
    if (decode_until(r, n))
        return 0;
    r->place = -1;
    if (latent_cancelled(r->d.source.cancel))
        return latent_fail(e, "frame %d of %s is cancelled", n, r->path);
    return latent_fail(e, "frame %d of %s can't be decoded; the film is damaged there", n, r->path);
}

latent_tensor *latent_film_reader_frame(latent_film_reader *r, int n, int channels,
                                        const atomic_int *cancel, latent_error *e)
{
    latent_tensor *t = NULL;
    if (n < 0 || n >= r->frames)
        latent_fail(e, "there is no frame %d; %s has %d, 0 to %d", n, r->path, r->frames,
                    r->frames - 1);
    else if (channels != 1 && channels != 3 && channels != 4)
        latent_fail(e, "a picture is read with 1, 3 or 4 channels, not %d", channels);
    else {
        r->d.source.cancel = cancel;
        if (!find(r, n, e) && r->d.frame->width > 0 && r->d.frame->height > 0 &&
            !latent_decoder_check_size(r->path, r->d.frame->width, r->d.frame->height, e))
            t = latent_decoder_tensor(&r->d, r->path, channels, e);
        r->d.source.cancel = NULL;
    }
    return t;
}
