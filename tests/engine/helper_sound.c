/* helper_sound: see helper_sound.h */
#include "helper_sound.h"
#include "engine/media/track.h"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void fill(AVFrame *f, int from, double amplitude, int spoiled)
{
    int planar = av_sample_fmt_is_planar(f->format), channels = f->ch_layout.nb_channels;
    for (int i = 0; i < f->nb_samples; i++)
        for (int c = 0; c < channels; c++) {
            double x = amplitude * sin(2 * M_PI * 440 * (from + i) / f->sample_rate);
            uint8_t *plane = f->data[planar ? c : 0];
            int at = planar ? i : i * channels + c;
            if (from + i >= 1000 && from + i < 1000 + spoiled)
                x = (from + i) & 1 ? NAN : INFINITY;
            switch (av_get_packed_sample_fmt(f->format)) {
            case AV_SAMPLE_FMT_FLT:
                ((float *)(void *)plane)[at] = (float)x;
                break;
            case AV_SAMPLE_FMT_S32:
                ((int32_t *)(void *)plane)[at] = (int32_t)(x * 2147483647);
                break;
            default:
                ((int16_t *)(void *)plane)[at] = (int16_t)(x * 32767);
            }
        }
}

static void drain(AVFormatContext *mux, AVCodecContext *c, AVPacket *p)
{
    while (!avcodec_receive_packet(c, p)) {
        av_packet_rescale_ts(p, c->time_base, mux->streams[0]->time_base);
        assert_true(av_write_frame(mux, p) >= 0);
        av_packet_unref(p);
    }
}

/* The encoder in one of the forms that it may take; NULL: this FFmpeg has none of that name. */
static AVCodecContext *open_encoder(const char *name, int rate, int channels, int global)
{
    static const enum AVSampleFormat formats[] = {AV_SAMPLE_FMT_FLT, AV_SAMPLE_FMT_FLTP,
                                                  AV_SAMPLE_FMT_S16, AV_SAMPLE_FMT_S16P,
                                                  AV_SAMPLE_FMT_S32, AV_SAMPLE_FMT_S32P};
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    AVCodecContext *c = NULL;
    av_log_set_level(AV_LOG_QUIET);
    for (int i = 0; codec && !c && i < 6; i++) {
        c = avcodec_alloc_context3(codec);
        c->sample_rate = rate;
        c->sample_fmt = formats[i];
        c->time_base = (AVRational){1, rate};
        c->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
        c->flags |= global ? AV_CODEC_FLAG_GLOBAL_HEADER : 0;
        av_channel_layout_default(&c->ch_layout, channels);
        if (avcodec_open2(c, codec, NULL) < 0)
            avcodec_free_context(&c);
    }
    return c;
}

int write_tone(const char *path, const char *muxer, const char *encoder, int rate, int channels,
               double seconds, double amplitude, int spoiled)
{
    AVCodecContext *c;
    AVFormatContext *mux = NULL;
    AVFrame *f = av_frame_alloc();
    AVPacket *p = av_packet_alloc();
    int total = (int)(rate * seconds), step;
    assert_true(avformat_alloc_output_context2(&mux, NULL, muxer, path) >= 0);
    if (!(c = open_encoder(encoder, rate, channels, mux->oformat->flags & AVFMT_GLOBALHEADER))) {
        avformat_free_context(mux);
        av_frame_free(&f);
        av_packet_free(&p);
        return -1;
    }
    assert_non_null(avformat_new_stream(mux, NULL));
    assert_true(avcodec_parameters_from_context(mux->streams[0]->codecpar, c) >= 0);
    assert_true(avio_open(&mux->pb, path, AVIO_FLAG_WRITE) >= 0);
    assert_true(avformat_write_header(mux, NULL) >= 0);
    step = c->frame_size > 0 ? c->frame_size : 1024;
    for (int at = 0; at < total; at += step) {
        f->nb_samples = total - at < step ? total - at : step;
        f->format = c->sample_fmt;
        f->sample_rate = rate;
        f->pts = at;
        assert_true(av_channel_layout_copy(&f->ch_layout, &c->ch_layout) >= 0);
        assert_true(av_frame_get_buffer(f, 0) >= 0);
        fill(f, at, amplitude, spoiled);
        assert_true(avcodec_send_frame(c, f) >= 0);
        drain(mux, c, p);
        av_frame_unref(f);
    }
    avcodec_send_frame(c, NULL);
    drain(mux, c, p);
    av_write_trailer(mux);
    avio_closep(&mux->pb);
    avformat_free_context(mux);
    avcodec_free_context(&c);
    av_frame_free(&f);
    av_packet_free(&p);
    return 0;
}

double track_rms(const char *path, int *channels, int *samples)
{
    static float block[4096 * 8];
    void *plane = block;
    latent_error e = {""};
    latent_track *t = latent_track_open(path, &e);
    double sum = 0;
    int got;
    if (!t)
        fail_msg("%s", e.text);
    *channels = latent_track_channels(t);
    *samples = 0;
    assert_in_range(*channels, 1, 8);
    assert_int_equal(latent_track_as(t, latent_track_rate(t), *channels, AV_SAMPLE_FMT_FLT, &e), 0);
    while ((got = latent_track_read(t, &plane, 4096, &e)) > 0) {
        for (int i = 0; i < got * *channels; i++)
            sum += (double)block[i] * block[i];
        *samples += got;
    }
    assert_int_equal(got, 0);
    latent_track_close(t);
    return sqrt(sum / (*samples * *channels));
}
