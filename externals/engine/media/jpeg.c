/* jpeg: see jpeg.h */
#include "jpeg.h"
#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#define BEST 2 /* FFmpeg's scale of loss: 2 hardly any, 31 most */
#define WORST 31

struct latent_jpeg {
    int h, w;
    AVCodecContext *coder;
    AVFrame *frame;
    AVPacket *packet;
    struct SwsContext *colours;
    uint8_t *rgb; /* the picture, with the room behind it that FFmpeg's vectors read */
};

latent_jpeg *latent_jpeg_new(void)
{
    return calloc(1, sizeof(latent_jpeg));
}

static void close_coder(latent_jpeg *j)
{
    avcodec_free_context(&j->coder);
    av_frame_free(&j->frame);
    av_packet_free(&j->packet);
    sws_freeContext(j->colours);
    j->colours = NULL;
    av_freep(&j->rgb);
}

void latent_jpeg_free(latent_jpeg *j)
{
    if (!j)
        return;
    close_coder(j);
    free(j);
}

static int open_coder(latent_jpeg *j, int h, int w, latent_error *e)
{
    const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    AVCodecContext *c;
    close_coder(j);
    av_log_set_level(AV_LOG_QUIET);
    if (!codec)
        return latent_fail(e, "this FFmpeg has no encoder for JPEG");
    c = j->coder = avcodec_alloc_context3(codec);
    j->frame = av_frame_alloc();
    j->packet = av_packet_alloc();
    j->colours = sws_getContext(w, h, AV_PIX_FMT_RGB24, w, h, AV_PIX_FMT_YUVJ420P, SWS_BILINEAR,
                                NULL, NULL, NULL);
    j->rgb = av_mallocz((size_t)h * (size_t)w * 3 + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!c || !j->frame || !j->packet || !j->colours || !j->rgb)
        return latent_fail(e, "there is no memory to send a picture of %d x %d", w, h);
    c->width = j->frame->width = w;
    c->height = j->frame->height = h;
    c->pix_fmt = AV_PIX_FMT_YUVJ420P;
    j->frame->format = c->pix_fmt;
    c->color_range = j->frame->color_range = AVCOL_RANGE_JPEG;
    c->time_base = (AVRational){1, 25};
    c->thread_count = 1; /* several would keep pictures back */
    c->flags |= AV_CODEC_FLAG_QSCALE;
    if (avcodec_open2(c, codec, NULL) < 0 || av_frame_get_buffer(j->frame, 0) < 0)
        return latent_fail(e, "a picture of %d x %d can't be made a JPEG", w, h);
    j->h = h;
    j->w = w;
    return 0;
}

const uint8_t *latent_jpeg_encode(latent_jpeg *j, const uint8_t *rgb, int h, int w, int quality,
                                  size_t *n, latent_error *e)
{
    const uint8_t *planes[4] = {NULL};
    const int strides[4] = {w * 3};
    if ((!j->coder || h != j->h || w != j->w) && open_coder(j, h, w, e)) {
        close_coder(j);
        return NULL;
    }
    memcpy(j->rgb, rgb, (size_t)h * (size_t)w * 3);
    planes[0] = j->rgb;
    av_packet_unref(j->packet);
    j->frame->pts++;
    j->frame->quality = FF_QP2LAMBDA * (BEST + (100 - quality) * (WORST - BEST) / 99);
    if (av_frame_make_writable(j->frame) < 0 ||
        sws_scale(j->colours, planes, strides, 0, h, j->frame->data, j->frame->linesize) != h ||
        avcodec_send_frame(j->coder, j->frame) < 0 ||
        avcodec_receive_packet(j->coder, j->packet) < 0) {
        close_coder(j);
        latent_fail(e, "a picture of %d x %d can't be made a JPEG", w, h);
        return NULL;
    }
    *n = (size_t)j->packet->size;
    return j->packet->data;
}
