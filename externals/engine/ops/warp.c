/* warp: see warp.h */
#include "warp.h"
#include "../base/parallel.h"
#include "../picture/mirror.h"
#include <math.h>

#define TURN_ALL 6.28318530718f

/* Four pixels and what each of them counts. */
typedef struct {
    size_t at[4]; /* of the pixel, in pixels */
    float share[4];
} mixture;

static float tame(float v) /* far places and none are places, too */
{
    return v > -1e4f ? v < 1e4f ? v : 1e4f : -1e4f;
}

static mixture around(latent_shape s, float u, float v)
{
    float px = tame(u) * (float)s.w - .5f, py = tame(v) * (float)s.h - .5f;
    float fx = px - floorf(px), fy = py - floorf(py);
    int x0 = latent_mirrored((int)floorf(px), s.w), x1 = latent_mirrored((int)floorf(px) + 1, s.w);
    size_t y0 = (size_t)latent_mirrored((int)floorf(py), s.h) * (size_t)s.w,
           y1 = (size_t)latent_mirrored((int)floorf(py) + 1, s.h) * (size_t)s.w;
    return (mixture){{y0 + (size_t)x0, y0 + (size_t)x1, y1 + (size_t)x0, y1 + (size_t)x1},
                     {(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy}};
}

float warp_sample(const latent_tensor *t, float u, float v, int channel)
{
    mixture m = around(t->shape, u, v);
    size_t c = (size_t)t->shape.c, k = (size_t)(channel < t->shape.c ? channel : 0);
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += m.share[i] * t->data[m.at[i] * c + k];
    return sum;
}

static void mirror_from(int side, float *u, float *v)
{
    int quarter = side == 4;
    if ((side == 0 || quarter) && *u > .5f)
        *u = 1 - *u;
    if (side == 1 && *u < .5f)
        *u = 1 - *u;
    if ((side == 2 || quarter) && *v > .5f)
        *v = 1 - *v;
    if (side == 3 && *v < .5f)
        *v = 1 - *v;
}

static void kaleidoscope_from(const latent_effect_settings *s, float *u, float *v)
{
    float x = *u - .5f, y = *v - .5f, r = sqrtf(x * x + y * y);
    float slice = TURN_ALL / s->slices, turn = s->turn * (TURN_ALL / 360);
    float a = atan2f(y, x);
    a -= slice * floorf(a / slice);
    a = (a > slice / 2 ? slice - a : a) + turn;
    *u = .5f + r * cosf(a);
    *v = .5f + r * sinf(a);
}

static void tile_from(const latent_effect_settings *s, float *u, float *v)
{
    float x = *u * s->columns, y = *v * s->rows;
    int column = (int)floorf(x), row = (int)floorf(y);
    x -= (float)column;
    y -= (float)row;
    *u = s->flip > .5f && column & 1 ? 1 - x : x;
    *v = s->flip > .5f && row & 1 ? 1 - y : y;
}

/* The picture before, turned and enlarged around its middle, and moved. */
static void feedback_from(const latent_effect_settings *s, float aspect, float *u, float *v)
{
    float a = -s->turn * (TURN_ALL / 360), zoom = s->zoom > 1e-3f ? s->zoom : 1e-3f;
    float x = (*u - .5f - s->x) * aspect / zoom, y = (*v - .5f - s->y) / zoom;
    *u = .5f + (x * cosf(a) - y * sinf(a)) / aspect;
    *v = .5f + x * sinf(a) + y * cosf(a);
}

static mixture from(const warp *w, latent_shape s, int row, int column)
{
    float u = ((float)column + .5f) / (float)s.w, v = ((float)row + .5f) / (float)s.h;
    float aspect = (float)s.w / (float)s.h;
    switch (w->kind) {
    case LATENT_MIRROR:
        mirror_from((int)w->s->side, &u, &v);
        break;
    case LATENT_KALEIDOSCOPE:
        kaleidoscope_from(w->s, &u, &v);
        break;
    case LATENT_TILE:
        tile_from(w->s, &u, &v);
        break;
    case LATENT_FEEDBACK:
        feedback_from(w->s, aspect, &u, &v);
        break;
    default: { /* displaced: red to the side, green up and down */
        float dx = warp_sample(w->second, u, v, 0), dy = warp_sample(w->second, u, v, 1);
        u += w->s->strength * dx / aspect;
        v += w->s->strength * dy;
    }
    }
    return around(s, u, v);
}

typedef struct {
    const warp *w;
    const latent_tensor *x;
    latent_tensor *y;
} job;

static void forward_row(void *context, int row, int slot)
{
    const job *j = context;
    latent_shape s = j->x->shape;
    size_t c = (size_t)s.c;
    float *y = j->y->data + (size_t)row * (size_t)s.w * c;
    (void)slot;
    for (int column = 0; column < s.w; column++, y += c) {
        mixture m = from(j->w, s, row, column);
        for (size_t k = 0; k < c; k++)
            y[k] = m.share[0] * j->x->data[m.at[0] * c + k] +
                   m.share[1] * j->x->data[m.at[1] * c + k] +
                   m.share[2] * j->x->data[m.at[2] * c + k] +
                   m.share[3] * j->x->data[m.at[3] * c + k];
    }
}

void warp_forward(const warp *w, const latent_tensor *x, latent_tensor *y)
{
    job j = {w, x, y};
    latent_parallel(x->shape.h, forward_row, &j);
}

void warp_backward(const warp *w, const latent_tensor *gy, latent_tensor *gx)
{
    latent_shape s = gx->shape;
    size_t c = (size_t)s.c;
    const float *g = gy->data;
    for (int row = 0; row < s.h; row++)
        for (int column = 0; column < s.w; column++, g += c) {
            mixture m = from(w, s, row, column);
            for (int i = 0; i < 4; i++)
                for (size_t k = 0; k < c; k++)
                    gx->data[m.at[i] * c + k] += m.share[i] * g[k];
        }
}
