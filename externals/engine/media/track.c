/* track: see track.h */
#include "track.h"
#include "decode.h"
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS 4096 /* so many may pass without a sample */

static const latent_kinds sound_kinds = {
    "sound", "WAV, AIFF, FLAC, MP3, OGG, M4A ...",
    "aac,aiff,au,caf,flac,matroska,mov,mp3,ogg,w64,wav,wv,avi"};

struct latent_track {
    latent_decoder d;
    char *path;
    int stream, ended;
    int has_frame; /* the decoder's frame has not been used yet */
    int rate, channels, frame_rate;
    double spoiled;
    SwrContext *swr;
    AVAudioFifo *fifo;
    AVChannelLayout from, to;
    enum AVSampleFormat format, from_format;
};

/* The next frame of samples: 1; 0 at the end.  What can't be decoded is left out. */
static int next_frame(latent_track *s)
{
    for (int n = 0; n < PACKETS; n++) {
        int got = avcodec_receive_frame(s->d.codec, s->d.frame), failed;
        if (!got && s->d.frame->nb_samples > 0 && s->d.frame->sample_rate > 0 &&
            s->d.frame->ch_layout.nb_channels > 0)
            return 1;
        if (got == AVERROR_EOF)
            return 0;
        if (got && got != AVERROR(EAGAIN))
            continue;
        failed = av_read_frame(s->d.format, s->d.packet);
        if (!failed && s->d.packet->stream_index != s->stream) {
            av_packet_unref(s->d.packet);
            continue;
        }
        avcodec_send_packet(s->d.codec, failed ? NULL : s->d.packet);
        av_packet_unref(s->d.packet);
    }
    return 0;
}

latent_track *latent_track_open(const char *path, latent_error *e)
{
    latent_track *s = calloc(1, sizeof(*s));
    int failed;
    if (!s) {
        latent_fail_memory(path, e);
        return NULL;
    }
    s->d.source.fd = -1;
    if (!(s->path = strdup(path)))
        failed = latent_fail_memory(path, e);
    else
        failed = latent_decoder_open(&s->d, path, &sound_kinds, e);
    if (!failed) {
        s->stream = latent_decoder_stream(&s->d, AVMEDIA_TYPE_AUDIO);
        if (s->stream < 0)
            failed = latent_fail(e, "%s holds no sound", path);
    }
    failed = failed || latent_decoder_codec(&s->d, path, s->stream, e);
    if (!failed && !(s->has_frame = next_frame(s)))
        failed = latent_fail(e, "no sound can be decoded from %s; it is empty or damaged", path);
    if (failed) {
        latent_track_close(s);
        return NULL;
    }
    s->rate = s->d.frame->sample_rate;
    s->channels = s->d.frame->ch_layout.nb_channels;
    return s;
}

void latent_track_close(latent_track *s)
{
    if (!s)
        return;
    swr_free(&s->swr);
    av_audio_fifo_free(s->fifo);
    av_channel_layout_uninit(&s->from);
    av_channel_layout_uninit(&s->to);
    latent_decoder_free(&s->d);
    free(s->path);
    free(s);
}

int latent_track_rate(const latent_track *s)
{
    return s->rate;
}

int latent_track_channels(const latent_track *s)
{
    return s->channels;
}

const char *latent_track_kind(const latent_track *s)
{
    return s->d.format->iformat->long_name;
}

double latent_track_spoiled(const latent_track *s)
{
    return s->spoiled;
}

/* How the samples of the decoded frame are to be understood. */
static int layout_of(const AVFrame *f, AVChannelLayout *layout)
{
    if (f->ch_layout.order != AV_CHANNEL_ORDER_UNSPEC)
        return av_channel_layout_copy(layout, &f->ch_layout);
    av_channel_layout_default(layout, f->ch_layout.nb_channels);
    return 0;
}

int latent_track_as(latent_track *s, int rate, int channels, enum AVSampleFormat format,
                    latent_error *e)
{
    s->rate = rate;
    s->format = format;
    av_channel_layout_uninit(&s->to);
    if (channels == s->channels && channels > 2 ? layout_of(s->d.frame, &s->to) < 0 : 0)
        return latent_fail_memory(s->path, e);
    if (!s->to.nb_channels)
        av_channel_layout_default(&s->to, channels);
    s->channels = channels;
    if (!(s->fifo = av_audio_fifo_alloc(format, channels, 8192)))
        return latent_fail_memory(s->path, e);
    return 0;
}

/* Moves what the resampler gives for so many samples (NULL: the rest) into the store. */
static int convert(latent_track *s, const uint8_t **data, int n)
{
    uint8_t *out[AV_NUM_DATA_POINTERS] = {NULL};
    int room = swr_get_out_samples(s->swr, n), got;
    if (room <= 0)
        return 0;
    if (av_samples_alloc(out, NULL, s->channels, room, s->format, 0) < 0)
        return -1;
    got = swr_convert(s->swr, out, room, data, n);
    if (got > 0 && av_audio_fifo_write(s->fifo, (void **)out, got) < got)
        got = -1;
    av_freep(&out[0]);
    return got < 0 ? -1 : 0;
}

/* Has the resampler take samples as this frame has them; files may change their mind. */
static int adapt(latent_track *s)
{
    const AVFrame *f = s->d.frame;
    AVChannelLayout from = {0};
    int failed;
    if (s->swr && f->sample_rate == s->frame_rate && f->format == s->from_format &&
        !av_channel_layout_compare(&f->ch_layout, &s->from))
        return 0;
    if (s->swr && convert(s, NULL, 0))
        return -1;
    swr_free(&s->swr);
    if (layout_of(f, &from) < 0)
        return -1;
    failed = swr_alloc_set_opts2(&s->swr, &s->to, s->format, s->rate, &from, f->format,
                                 f->sample_rate, 0, NULL) < 0 ||
             swr_init(s->swr) < 0;
    av_channel_layout_uninit(&from);
    s->frame_rate = f->sample_rate;
    s->from_format = f->format;
    av_channel_layout_uninit(&s->from);
    return failed || av_channel_layout_copy(&s->from, &f->ch_layout) < 0 ? -1 : 0;
}

/* NaN or infinity, or no sound's (a program went wrong), become silence: they would end a
   film, and sound for ever in whatever remembers.  0, or -1 without memory. */
static int mend(latent_track *s)
{
    AVFrame *f = s->d.frame;
    enum AVSampleFormat packed = av_get_packed_sample_fmt(f->format);
    int planes = av_sample_fmt_is_planar(f->format) ? f->ch_layout.nb_channels : 1,
        n = f->nb_samples * (planes > 1 ? 1 : f->ch_layout.nb_channels);
    if (packed != AV_SAMPLE_FMT_FLT && packed != AV_SAMPLE_FMT_DBL)
        return 0;
    if (av_frame_make_writable(f) < 0)
        return -1;
    for (int p = 0; p < planes; p++)
        for (int i = 0; i < n; i++) {
            float *x = (float *)(void *)f->extended_data[p] + i;
            double *y = (double *)(void *)f->extended_data[p] + i;
            int single = packed == AV_SAMPLE_FMT_FLT;
            if (fabs(single ? *x : *y) <= LATENT_TRACK_LOUDEST)
                continue;
            s->spoiled++;
            if (single)
                *x = 0;
            else
                *y = 0;
        }
    return 0;
}

int latent_track_read(latent_track *s, void **planes, int want, latent_error *e)
{
    int got;
    while (av_audio_fifo_size(s->fifo) < want && !s->ended) {
        int failed;
        if (!s->has_frame && !next_frame(s)) {
            s->ended = 1;
            failed = s->swr && convert(s, NULL, 0);
        } else
            failed =
                mend(s) || adapt(s) ||
                convert(s, (const uint8_t **)s->d.frame->extended_data, s->d.frame->nb_samples);
        s->has_frame = 0;
        if (failed)
            return latent_fail(e, "the sound of %s can't be converted", s->path);
    }
    got = av_audio_fifo_read(s->fifo, planes, want);
    return got < 0 ? latent_fail_memory(s->path, e) : got;
}

int latent_track_fill(latent_track *s, AVFrame *frame, latent_error *e)
{
    int want = frame->nb_samples,
        got = latent_track_read(s, (void **)frame->extended_data, want, e);
    if (got < 0)
        return -1;
    if (got < want)
        av_samples_set_silence(frame->data, got, want - got, s->channels, s->format);
    return 0;
}
