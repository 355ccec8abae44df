/* pixels: see pixels.h */
#include "pixels.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

uint8_t latent_pixels_byte(float x)
{
    float v = x * 127.5f + 127.5f;
    if (!(v > 0)) /* nor a number */
        return 0;
    return v >= 255 ? 255 : (uint8_t)(v + 0.5f);
}

int latent_pixels_check(latent_shape s, latent_error *e)
{
    if (s.n == 1 && (s.c == 1 || s.c == 3 || s.c == 4))
        return 0;
    return latent_fail(e,
                       "a picture has 1, 3 or 4 channels, but %d came (%d x %d); [latent.rgb] and "
                       "[latent.tap] make pictures of features",
                       s.c, s.w, s.h);
}

/* ---- bytes */

static uint8_t over_white(uint8_t value, uint8_t opacity)
{
    return (uint8_t)((value * opacity + 255 * (255 - opacity) + 127) / 255);
}

void latent_pixels_from(const latent_tensor *t, int channels, uint8_t *bytes)
{
    const int c = t->shape.c;
    const size_t n = t->count / (size_t)c;
    const float *v = t->data;
    if (c == channels) { /* nothing to mix */
        for (size_t i = 0; i < t->count; i++)
            bytes[i] = latent_pixels_byte(v[i]);
        return;
    }
    for (size_t i = 0; i < n; i++, v += c, bytes += channels) {
        uint8_t p[4] = {0, 0, 0, 255};
        for (int k = 0; k < c && k < 4; k++)
            p[k] = latent_pixels_byte(v[k]);
        if (c == 1)
            p[1] = p[2] = p[0];
        for (int k = 0; k < 3 && c == 4; k++)
            p[k] = over_white(p[k], p[3]);
        if (channels == 1)
            bytes[0] = (uint8_t)((299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000);
        else
            memcpy(bytes, p, (size_t)channels);
    }
}

/* ---- sizes */

void latent_pixels_fit(int h, int w, int room_h, int room_w, int *to_h, int *to_w)
{
    if ((double)w * room_h > (double)h * room_w) { /* wider than the room */
        *to_w = room_w;
        *to_h = (int)lround((double)h * room_w / w);
    } else {
        *to_h = room_h;
        *to_w = (int)lround((double)w * room_h / h);
    }
    *to_h = *to_h < 1 ? 1 : *to_h;
    *to_w = *to_w < 1 ? 1 : *to_w;
}

/* One direction of the change of size: each new place is a weighted sum of n old ones from first
   on. */
typedef struct {
    int first, n;
    float weight[]; /* room for as many as any place has */
} taps;

typedef struct {
    size_t step; /* bytes from place to place */
    char *places;
} axis;

static const taps *taps_at(const axis *a, int i)
{
    return (const taps *)(a->places + (size_t)i * a->step);
}

/* The places from i*from/to to (i+1)*from/to, each as much as lies inside. */
static void area_taps(taps *t, int i, int from, int to)
{
    double ratio = (double)from / to, low = i * ratio, high = low + ratio;
    t->first = (int)low;
    t->n = 0;
    for (int k = t->first; k < from && k < high - 1e-6; k++) {
        double left = k > low ? k : low, right = k + 1 < high ? k + 1 : high;
        t->weight[t->n++] = (float)((right - left) / ratio);
    }
}

static void linear_taps(taps *t, int i, int from, int to)
{
    double place = (i + 0.5) * from / to - 0.5;
    place = place < 0 ? 0 : place > from - 1 ? from - 1 : place;
    t->first = (int)place;
    t->n = t->first + 1 < from ? 2 : 1;
    t->weight[1] = (float)(place - t->first);
    t->weight[0] = t->n == 2 ? 1 - t->weight[1] : 1;
}

static int axis_make(axis *a, int from, int to, latent_enlarging enlarging)
{
    size_t most = from > to ? (size_t)from / (size_t)to + 2 : 2;
    a->step = sizeof(taps) + most * sizeof(float);
    if (!(a->places = malloc(a->step * (size_t)to)))
        return -1;
    for (int i = 0; i < to; i++) {
        taps *t = (taps *)(a->places + (size_t)i * a->step);
        if (to < from)
            area_taps(t, i, from, to);
        else if (enlarging == LATENT_BILINEAR)
            linear_taps(t, i, from, to);
        else {
            t->first = (int)(((int64_t)2 * i + 1) * from / (2 * (int64_t)to));
            t->n = 1;
            t->weight[0] = 1;
        }
    }
    return 0;
}

/* A row of w pixels to a row of to_w. */
static void scale_row(const uint8_t *from, int channels, float *to, int to_w, const axis *a)
{
    for (int x = 0; x < to_w; x++, to += channels) {
        const taps *t = taps_at(a, x);
        const uint8_t *p = from + (size_t)t->first * (size_t)channels;
        for (int k = 0; k < channels; k++) {
            float sum = 0;
            for (int i = 0; i < t->n; i++)
                sum += t->weight[i] * p[i * channels + k];
            to[k] = sum;
        }
    }
}

int latent_pixels_scale(const uint8_t *from, int h, int w, int channels, uint8_t *to, int to_h,
                        int to_w, latent_enlarging enlarging, latent_error *e)
{
    size_t row = (size_t)w * (size_t)channels, to_row = (size_t)to_w * (size_t)channels;
    axis across = {0}, down = {0};
    float *narrow = malloc((size_t)h * to_row * sizeof(float)),
          *sum = malloc(to_row * sizeof(float));
    int failed = !narrow || !sum || axis_make(&across, w, to_w, enlarging) ||
                 axis_make(&down, h, to_h, enlarging);
    for (int y = 0; y < h && !failed; y++)
        scale_row(from + (size_t)y * row, channels, narrow + (size_t)y * to_row, to_w, &across);
    for (int y = 0; y < to_h && !failed; y++, to += to_row) {
        const taps *t = taps_at(&down, y);
        memset(sum, 0, to_row * sizeof(float));
        for (int i = 0; i < t->n; i++) {
            const float *p = narrow + (size_t)(t->first + i) * to_row;
            for (size_t k = 0; k < to_row; k++)
                sum[k] += t->weight[i] * p[k];
        }
        for (size_t k = 0; k < to_row; k++)
            to[k] = (uint8_t)(sum[k] + 0.5f);
    }
    free(narrow);
    free(sum);
    free(across.places);
    free(down.places);
    return failed ? latent_fail(e, "there is no memory to make a picture of %d x %d %d x %d", w, h,
                                to_w, to_h)
                  : 0;
}
