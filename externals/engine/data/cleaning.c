/* cleaning: see cleaning.h */
#include "cleaning.h"
#include "page_background.h"
#include "subject_mask.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int latent_cleaning_find(const latent_tensor *picture, latent_cleaning *c, latent_error *e)
{
    latent_page_background p;
    int failed;
    memset(c, 0, sizeof(*c));
    failed = latent_page_background_find(picture, &p, e);
    if (!failed && !(c->mask = calloc((size_t)p.h, (size_t)p.w)))
        failed = latent_fail(e, "there is no memory for the mask of a picture");
    if (!failed) {
        c->h = p.h;
        c->w = p.w;
        c->scale = p.scale;
        memcpy(c->paper, p.colour, sizeof(c->paper));
        c->figures = latent_subject_mask_find(&p, c->mask, e);
        failed = c->figures < 0 ? -1 : 0;
    }
    latent_page_background_free(&p);
    return failed;
}

void latent_cleaning_free(latent_cleaning *c)
{
    free(c->mask);
    c->mask = NULL;
}

/* The mask between its pixels, 0 to 1; 0 outside. */
static float mask_at(const latent_cleaning *c, float y, float x)
{
    int v = (int)floorf(y), u = (int)floorf(x);
    float a = y - (float)v, b = x - (float)u, sum = 0;
    for (int k = 0; k < 4; k++) {
        int i = v + k / 2, j = u + k % 2;
        float weight = (k / 2 ? a : 1 - a) * (k % 2 ? b : 1 - b);
        if (i < 0) /* what the edge cuts goes on for as much as is asked between its pixels */
            i = 0;
        if (j < 0)
            j = 0;
        if (i >= c->h)
            i = c->h - 1;
        if (j >= c->w)
            j = c->w - 1;
        sum += weight * c->mask[(size_t)i * (size_t)c->w + (size_t)j];
    }
    return sum / 255;
}

typedef struct {
    const latent_tensor *picture;
    const latent_cleaning *c;
    float x0, y0, step; /* the first pixel's corner in the picture, and a pixel's side there */
} view;

/* The mean over one new pixel's area of the animal on its paper. */
static void draw_pixel(const view *v, int row, int column, float *out)
{
    const latent_shape s = v->picture->shape;
    int n = (int)ceilf(v->step);
    float sum[3] = {0};
    n = n < 2 ? 2 : n > 16 ? 16 : n;
    for (int i = 0; i < n * n; i++) {
        float y = v->y0 + v->step * ((float)row + ((float)(i / n) + 0.5f) / (float)n);
        float x = v->x0 + v->step * ((float)column + ((float)(i % n) + 0.5f) / (float)n);
        int from_y = (int)floorf(y), from_x = (int)floorf(x);
        int inside = from_y >= 0 && from_x >= 0 && from_y < s.h && from_x < s.w;
        float a = inside ? mask_at(v->c, y / v->c->scale - 0.5f, x / v->c->scale - 0.5f) : 0;
        const float *p = v->picture->data;
        if (inside)
            p += ((size_t)from_y * (size_t)s.w + (size_t)from_x) * (size_t)s.c;
        for (int k = 0; k < 3; k++)
            sum[k] += a * p[k] + (1 - a) * v->c->paper[k];
    }
    for (int k = 0; k < 3; k++)
        out[k] = sum[k] / (float)(n * n);
}

latent_tensor *latent_cleaning_draw(const latent_tensor *picture, const latent_cleaning *c,
                                    int size, float share, latent_error *e)
{
    int x0 = c->w, y0 = c->h, x1 = -1, y1 = -1;
    float longer;
    view v = {picture, c, 0, 0, 0};
    latent_tensor *out;
    for (int y = 0; y < c->h; y++)
        for (int x = 0; x < c->w; x++)
            if (c->mask[(size_t)y * (size_t)c->w + (size_t)x] > 127) {
                x0 = x < x0 ? x : x0;
                x1 = x > x1 ? x : x1;
                y0 = y < y0 ? y : y0;
                y1 = y > y1 ? y : y1;
            }
    if (x1 < 0) {
        latent_fail(e, "nothing but paper and writing was found in it");
        return NULL;
    }
    if (!(out = latent_tensor_new((latent_shape){1, size, size, 3}, e)))
        return NULL;
    longer = c->scale * (float)(x1 - x0 > y1 - y0 ? x1 - x0 + 1 : y1 - y0 + 1);
    v.step = longer / (share * (float)size);
    v.x0 = c->scale * 0.5f * (float)(x0 + x1 + 1) - v.step * 0.5f * (float)size;
    v.y0 = c->scale * 0.5f * (float)(y0 + y1 + 1) - v.step * 0.5f * (float)size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            draw_pixel(&v, y, x, out->data + 3 * ((size_t)y * (size_t)size + (size_t)x));
    return out;
}
