/* sample: see sample.h */
#include "sample.h"
#include "../picture/pixels.h"
#include "cleaning.h"
#include <stdlib.h>
#include <string.h>

#define SHARE 0.85f /* of a cleaned plate's side is the animal */

latent_sample *latent_sample_retain(latent_sample *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void latent_sample_release(latent_sample *p)
{
    if (p && atomic_fetch_sub(&p->refs, 1) == 1)
        free(p);
}

static latent_sample *plate_new(int size, latent_error *e)
{
    latent_sample *p = malloc(sizeof(*p) + (size_t)size * (size_t)size * 3);
    if (!p) {
        latent_fail(e, "there is no memory for a picture of %d x %d", size, size);
        return NULL;
    }
    memset(p, 0, sizeof(*p));
    atomic_init(&p->refs, 1);
    p->size = size;
    return p;
}

static void count_colours(latent_sample *p)
{
    for (size_t i = 0; i < (size_t)p->size * (size_t)p->size; i++)
        for (size_t k = 0; k < 3; k++) {
            double v = p->bytes[3 * i + k] / 127.5 - 1;
            p->sum[k] += v;
            p->squares[k] += v * v;
        }
}

/* The mean of the outermost pixels. */
static void edge_colour(const uint8_t *bytes, int h, int w, uint8_t *colour)
{
    long sum[3] = {0}, n = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x += y == 0 || y == h - 1 || w == 1 ? 1 : w - 1, n++)
            for (int k = 0; k < 3; k++)
                sum[k] += bytes[((size_t)y * (size_t)w + (size_t)x) * 3 + (size_t)k];
    for (int k = 0; k < 3; k++)
        colour[k] = (uint8_t)(sum[k] / n);
}

static int pad(latent_sample *p, const uint8_t *bytes, int h, int w, latent_error *e)
{
    int to_h, to_w, size = p->size;
    uint8_t colour[3], *fitted;
    latent_pixels_fit(h, w, size, size, &to_h, &to_w);
    edge_colour(bytes, h, w, colour);
    if (!(fitted = malloc((size_t)to_h * (size_t)to_w * 3)))
        return latent_fail(e, "there is no memory to fit a picture");
    if (latent_pixels_scale(bytes, h, w, 3, fitted, to_h, to_w, LATENT_BILINEAR, e)) {
        free(fitted);
        return -1;
    }
    for (int i = 0; i < size * size; i++)
        memcpy(p->bytes + 3 * (size_t)i, colour, 3);
    for (int y = 0; y < to_h; y++)
        memcpy(p->bytes +
                   3 * ((size_t)(y + (size - to_h) / 2) * (size_t)size + (size_t)(size - to_w) / 2),
               fitted + 3 * (size_t)y * (size_t)to_w, 3 * (size_t)to_w);
    free(fitted);
    return 0;
}

static int crop(latent_sample *p, uint8_t *bytes, int h, int w, latent_error *e)
{
    int side = h < w ? h : w, y0 = (h - side) / 2, x0 = (w - side) / 2;
    for (int y = 0; y < side; y++) /* moved together in place: rows only move to the front */
        memmove(bytes + 3 * (size_t)y * (size_t)side,
                bytes + 3 * ((size_t)(y0 + y) * (size_t)w + (size_t)x0), 3 * (size_t)side);
    return latent_pixels_scale(bytes, side, side, 3, p->bytes, p->size, p->size, LATENT_BILINEAR,
                               e);
}

static int fit(latent_sample *p, const latent_tensor *picture, latent_fitting fitting,
               latent_error *e)
{
    int h = picture->shape.h, w = picture->shape.w, failed;
    uint8_t *bytes = malloc((size_t)h * (size_t)w * 3);
    if (!bytes)
        return latent_fail(e, "there is no memory to fit a picture of %d x %d", w, h);
    latent_pixels_from(picture, 3, bytes);
    if (fitting == LATENT_PAD)
        failed = pad(p, bytes, h, w, e);
    else if (fitting == LATENT_CROP)
        failed = crop(p, bytes, h, w, e);
    else
        failed =
            latent_pixels_scale(bytes, h, w, 3, p->bytes, p->size, p->size, LATENT_BILINEAR, e);
    free(bytes);
    return failed;
}

static int clean(latent_sample *p, const latent_tensor *picture, latent_error *e)
{
    latent_cleaning c;
    latent_tensor *drawn = NULL;
    if (!latent_cleaning_find(picture, &c, e))
        drawn = latent_cleaning_draw(picture, &c, p->size, SHARE, e);
    latent_cleaning_free(&c);
    if (!drawn)
        return -1;
    latent_pixels_from(drawn, 3, p->bytes);
    latent_tensor_release(drawn);
    return 0;
}

latent_sample *latent_sample_make(const latent_tensor *picture, latent_sample_settings s,
                                  latent_error *e)
{
    latent_sample *p;
    if (latent_pixels_check(picture->shape, e))
        return NULL;
    if (s.size < LATENT_PLATE_SMALLEST || s.size > LATENT_PLATE_LARGEST) {
        latent_fail(e, "a data set's pictures are %d to %d pixels large, but %d was asked for",
                    LATENT_PLATE_SMALLEST, LATENT_PLATE_LARGEST, s.size);
        return NULL;
    }
    if (!(p = plate_new(s.size, e)))
        return NULL;
    if (s.clean ? clean(p, picture, e) : fit(p, picture, s.fitting, e)) {
        latent_sample_release(p);
        return NULL;
    }
    count_colours(p);
    return p;
}

static void numbers(const uint8_t *bytes, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)bytes[i] / 127.5f - 1;
}

int latent_sample_draw(const latent_sample *p, int size, float *picture, latent_error *e)
{
    size_t n = (size_t)size * (size_t)size * 3;
    uint8_t *bytes;
    int failed;
    if (size == p->size) {
        numbers(p->bytes, n, picture);
        return 0;
    }
    if (!(bytes = malloc(n)))
        return latent_fail(e, "there is no memory for a picture of %d x %d", size, size);
    failed =
        latent_pixels_scale(p->bytes, p->size, p->size, 3, bytes, size, size, LATENT_BILINEAR, e);
    if (!failed)
        numbers(bytes, n, picture);
    free(bytes);
    return failed;
}

latent_tensor *latent_sample_tensor(const latent_sample *p, latent_error *e)
{
    latent_tensor *t = latent_tensor_new((latent_shape){1, p->size, p->size, 3}, e);
    if (t)
        numbers(p->bytes, t->count, t->data);
    return t;
}

latent_tensor *latent_sample_thumb(const latent_tensor *picture, int side, latent_error *e)
{
    int h = picture->shape.h, w = picture->shape.w, to_h = h, to_w = w;
    uint8_t *bytes, *small;
    latent_tensor *t = NULL;
    if (h > side || w > side)
        latent_pixels_fit(h, w, side, side, &to_h, &to_w);
    bytes = malloc((size_t)h * (size_t)w * 3);
    small = malloc((size_t)to_h * (size_t)to_w * 3);
    if (!bytes || !small)
        latent_fail(e, "there is no memory to show a picture of %d x %d", w, h);
    else {
        latent_pixels_from(picture, 3, bytes);
        if (!latent_pixels_scale(bytes, h, w, 3, small, to_h, to_w, LATENT_BILINEAR, e) &&
            (t = latent_tensor_new((latent_shape){1, to_h, to_w, 3}, e)))
            numbers(small, t->count, t->data);
    }
    free(bytes);
    free(small);
    return t;
}

latent_tensor *latent_sample_rule(const latent_rule *rule, uint32_t seed, uint32_t index, int size,
                                  latent_error *e)
{
    int side = size < LATENT_RULE_SMALLEST ? LATENT_RULE_SMALLEST : size;
    latent_tensor *t = latent_tensor_new((latent_shape){1, side, side, 3}, e);
    float params[LATENT_RULE_MOST];
    latent_rule_random(rule, seed, index, params);
    if (t && latent_rule_draw(rule, params, side, t->data, e)) {
        latent_tensor_release(t);
        t = NULL;
    }
    return t;
}
