/* conv: see conv.h.  One BLAS call for each row of the picture and each tap of the kernel, on a
   copy of the picture that is multiplied by the style and has a frame of zeros. */
#include "conv.h"
#include "../parallel.h"
#include "gemm.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct latent_conv {
    latent_conv_spec spec;
    float *taps;   /* [kernel * kernel][in][out] */
    float *energy; /* [out][in] */
};

latent_conv *latent_conv_new(latent_conv_spec spec, const float *weights, latent_error *e)
{
    size_t in = (size_t)spec.in, out = (size_t)spec.out, taps = (size_t)(spec.kernel * spec.kernel);
    latent_conv *c;
    if (spec.in < 1 || spec.out < 1 || (spec.kernel != 1 && spec.kernel != 3) ||
        (spec.up != 1 && spec.up != 2)) {
        latent_fail(e, "a convolution of %d to %d channels, kernel %d, up %d is not possible",
                    spec.in, spec.out, spec.kernel, spec.up);
        return NULL;
    }
    c = calloc(1, sizeof(*c));
    if (!c || !(c->taps = malloc(taps * in * out * sizeof(float))) ||
        !(c->energy = malloc(in * out * sizeof(float)))) {
        latent_conv_free(c);
        latent_fail(e, "no memory for a convolution of %d to %d channels", spec.in, spec.out);
        return NULL;
    }
    c->spec = spec;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            double sum = 0;
            for (size_t t = 0; t < taps; t++) {
                float v = weights[(o * in + i) * taps + t];
                c->taps[(t * in + i) * out + o] = v;
                sum += (double)v * v;
            }
            c->energy[o * in + i] = (float)sum;
        }
    return c;
}

void latent_conv_free(latent_conv *c)
{
    if (c) {
        free(c->taps);
        free(c->energy);
        free(c);
    }
}

latent_conv_spec latent_conv_get_spec(const latent_conv *c)
{
    return c->spec;
}

size_t latent_conv_bytes(const latent_conv *c)
{
    return sizeof(*c) + (size_t)c->spec.in * (size_t)c->spec.out *
                            (size_t)(c->spec.kernel * c->spec.kernel + 1) * sizeof(float);
}

const float *latent_conv_energy(const latent_conv *c)
{
    return c->energy;
}

double latent_conv_cost(latent_conv_spec spec, int h, int w)
{
    return (double)spec.in * spec.out * spec.kernel * spec.kernel * h * w;
}

typedef struct {
    const latent_conv *c;
    int h, w;
    const float *x, *in_scale;
    const latent_conv_end *end;
    float *frame; /* [h + 2][w + 2][in]: x times in_scale, with zeros around */
    float *wide;  /* up 2 only: [2h + 1][2w + 1][out], or [h][w][out] for kernel 1 */
    float *y;
} job;

static void fill_frame_row(void *context, int row, int slot)
{
    job *j = context;
    int in = j->c->spec.in;
    size_t line = (size_t)(j->w + 2) * (size_t)in;
    float *to = j->frame + (size_t)row * line;
    (void)slot;
    memset(to, 0, line * sizeof(float));
    if (row < 1 || row > j->h)
        return;
    for (int column = 0; column < j->w; column++) {
        const float *x = j->x + ((size_t)(row - 1) * (size_t)j->w + (size_t)column) * (size_t)in;
        float *f = to + (size_t)(column + 1) * (size_t)in;
        for (int i = 0; i < in; i++)
            f[i] = j->in_scale ? x[i] * j->in_scale[i] : x[i];
    }
}

/* columns numbers of a row: to (step floats apart) += the tap (a, b) of the frame's pixels from
   (row, column) of the picture on. */
static void add_tap(const job *j, int a, int b, int row, int column, int columns, float beta,
                    float *to, int step)
{
    int in = j->c->spec.in, out = j->c->spec.out;
    const float *tap = j->c->taps + (size_t)(a * j->c->spec.kernel + b) * (size_t)in * (size_t)out;
    const float *from =
        j->frame + ((size_t)(row + 1) * (size_t)(j->w + 2) + (size_t)(column + 1)) * (size_t)in;
    latent_gemm_alone(0, 0, columns, out, in, from, in, tap, out, beta, to, step);
}

static void finish_pixel(const job *j, size_t pixel, float *v)
{
    const latent_conv_end *end = j->end;
    int out = j->c->spec.out;
    float noise = end->noise ? end->strength * end->noise[pixel] : 0;
    for (int o = 0; o < out; o++) {
        float f = v[o];
        if (end->out_scale)
            f *= end->out_scale[o];
        f += noise;
        if (end->bias)
            f += end->bias[o];
        f = (f < 0 ? end->slope * f : f) * end->gain;
        if (end->clamp > 0)
            f = f < -end->clamp ? -end->clamp : f > end->clamp ? end->clamp : f;
        if (end->add)
            f += end->add[pixel * (size_t)out + (size_t)o];
        v[o] = f;
    }
}

static void plain_row(void *context, int row, int slot)
{
    const job *j = context;
    int k = j->c->spec.kernel, out = j->c->spec.out;
    int finish = j->c->spec.up == 1;
    float *to = (finish ? j->y : j->wide) + (size_t)row * (size_t)j->w * (size_t)out;
    (void)slot;
    for (int a = 0; a < k; a++)
        for (int b = 0; b < k; b++)
            add_tap(j, a, b, row + a - k / 2, b - k / 2, j->w, a || b, to, out);
    for (int column = 0; finish && column < j->w; column++)
        finish_pixel(j, (size_t)row * (size_t)j->w + (size_t)column,
                     to + (size_t)column * (size_t)out);
}

/* One row of the transposed convolution: pixel (2i + a, 2j + b) gets the tap (a, b) of (i, j). */
static void wide_row(void *context, int row, int slot)
{
    const job *j = context;
    int out = j->c->spec.out;
    float *to = j->wide + (size_t)row * (size_t)(2 * j->w + 1) * (size_t)out;
    (void)slot;
    for (int a = row & 1; a < 3; a += 2) {
        float beta = a > 1;
        int from = (row - a) / 2;
        add_tap(j, a, 0, from, 0, j->w + 1, beta, to, 2 * out);
        add_tap(j, a, 2, from, -1, j->w + 1, 1, to, 2 * out);
        add_tap(j, a, 1, from, 0, j->w, beta, to + out, 2 * out);
    }
}

static void blurred_row(void *context, int row, int slot)
{
    static const float filter[4] = {0.25f, 0.75f, 0.75f, 0.25f};
    const job *j = context;
    int out = j->c->spec.out, kernel = j->c->spec.kernel;
    int wide_h = kernel == 3 ? 2 * j->h + 1 : j->h, wide_w = kernel == 3 ? 2 * j->w + 1 : j->w;
    (void)slot;
    for (int column = 0; column < 2 * j->w; column++) {
        size_t pixel = (size_t)row * (size_t)(2 * j->w) + (size_t)column;
        float *to = j->y + pixel * (size_t)out;
        memset(to, 0, (size_t)out * sizeof(float));
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < 4; b++) {
                int r = row + a - 1, s = column + b - 1;
                const float *from;
                if (kernel == 1) { /* zeros between the pixels, two before, one after */
                    if ((--r & 1) || (--s & 1))
                        continue;
                    r /= 2;
                    s /= 2;
                }
                if (r < 0 || s < 0 || r >= wide_h || s >= wide_w)
                    continue;
                from = j->wide + ((size_t)r * (size_t)wide_w + (size_t)s) * (size_t)out;
                for (int o = 0; o < out; o++)
                    to[o] += filter[a] * filter[b] * from[o];
            }
        finish_pixel(j, pixel, to);
    }
}

int latent_conv_forward(const latent_conv *c, int h, int w, const float *x, const float *in_scale,
                        const latent_conv_end *end, float *y, latent_error *e)
{
    job j = {c, h, w, x, in_scale, end, NULL, NULL, y};
    size_t frame = (size_t)(h + 2) * (size_t)(w + 2) * (size_t)c->spec.in;
    size_t wide = (size_t)(2 * h + 1) * (size_t)(2 * w + 1) * (size_t)c->spec.out;
    j.frame = malloc(frame * sizeof(float));
    j.wide = c->spec.up == 2 ? malloc(wide * sizeof(float)) : NULL;
    if (!j.frame || (c->spec.up == 2 && !j.wide)) {
        free(j.frame);
        free(j.wide);
        return latent_fail(e, "no memory to convolve %d x %d with %d channels", w, h, c->spec.in);
    }
    latent_parallel(h + 2, fill_frame_row, &j);
    if (c->spec.up == 2) {
        if (c->spec.kernel == 3)
            latent_parallel(2 * h + 1, wide_row, &j);
        else
            latent_parallel(h, plain_row, &j);
        latent_parallel(2 * h, blurred_row, &j);
    } else
        latent_parallel(h, plain_row, &j);
    free(j.frame);
    free(j.wide);
    return 0;
}
