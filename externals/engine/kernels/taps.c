/* taps: see taps.h */
#include "taps.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BYTE_BITS 22 /* of the fraction, in Pillow's arithmetic of bytes */

static int reserve(latent_taps *t, int in, int out, int most, latent_error *e)
{
    *t = (latent_taps){in, out, most, NULL, NULL, NULL};
    t->first = calloc((size_t)out, sizeof(*t->first));
    t->count = calloc((size_t)out, sizeof(*t->count));
    t->weight = calloc((size_t)out * (size_t)most, sizeof(*t->weight));
    if (t->first && t->count && t->weight)
        return 0;
    latent_taps_free(t);
    return latent_fail(e, "no memory to resample %d pixels to %d", in, out);
}

void latent_taps_free(latent_taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
    *t = (latent_taps){0, 0, 0, NULL, NULL, NULL};
}

static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? a * (((x - 5) * x + 8) * x - 4) : 0;
}

int latent_taps_cubic(latent_taps *t, int in, int out, latent_error *e)
{
    double step = (double)in / out, wide = step > 1 ? step : 1, radius = 2 * wide;
    if (reserve(t, in, out, 2 * (int)ceil(radius) + 1, e))
        return -1;
    for (int i = 0; i < out; i++) {
        double *w = t->weight + (size_t)i * (size_t)t->most, sum = 0;
        double centre = (i + 0.5) * step;
        int first = (int)(centre - radius + 0.5), end = (int)(centre + radius + 0.5);
        first = first < 0 ? 0 : first;
        end = end > in ? in : end;
        t->first[i] = first;
        t->count[i] = end - first;
        for (int k = 0; k < end - first; k++)
            sum += w[k] = cubic((first + k - centre + 0.5) / wide);
        for (int k = 0; k < end - first; k++)
            w[k] /= sum;
    }
    return 0;
}

int latent_taps_mean(latent_taps *t, int in, int out, latent_error *e)
{
    if (reserve(t, in, out, in >= out ? in / out + 2 : 2, e))
        return -1;
    for (int i = 0; i < out; i++) {
        double *w = t->weight + (size_t)i * (size_t)t->most;
        if (in >= out) {
            int first = (int)((int64_t)i * in / out);
            int end = (int)(((int64_t)(i + 1) * in + out - 1) / out);
            t->first[i] = first;
            t->count[i] = end - first;
            for (int k = 0; k < end - first; k++)
                w[k] = 1.0 / (end - first);
        } else {
            double at = (i + 0.5) * in / out - 0.5, low;
            at = at < 0 ? 0 : at > in - 1 ? in - 1 : at;
            low = floor(at);
            t->first[i] = (int)low;
            t->count[i] = low < in - 1 ? 2 : 1;
            w[0] = t->count[i] == 2 ? 1 - (at - low) : 1;
            w[1] = t->count[i] == 2 ? at - low : 0;
        }
    }
    return 0;
}

/* y[0..n) += w x[0..n) */
static void add(float *y, const float *x, float w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += w * x[i];
}

void latent_taps_run(const latent_taps *down, const latent_taps *across, int c, const float *x,
                     size_t stride, float *between, float *y)
{
    size_t channels = (size_t)c, row = (size_t)across->out * channels;
    memset(between, 0, (size_t)down->in * row * sizeof(*between));
    memset(y, 0, (size_t)down->out * row * sizeof(*y));
    for (int i = 0; i < down->in; i++)
        for (int j = 0; j < across->out; j++)
            for (int k = 0; k < across->count[j]; k++)
                add(between + (size_t)i * row + (size_t)j * channels,
                    x + (size_t)i * stride + (size_t)(across->first[j] + k) * channels,
                    (float)across->weight[j * across->most + k], channels);
    for (int i = 0; i < down->out; i++)
        for (int k = 0; k < down->count[i]; k++)
            add(y + (size_t)i * row, between + (size_t)(down->first[i] + k) * row,
                (float)down->weight[i * down->most + k], row);
}

void latent_taps_back(const latent_taps *down, const latent_taps *across, int c, const float *gy,
                      float *between, float *gx, size_t stride)
{
    size_t channels = (size_t)c, row = (size_t)across->out * channels;
    memset(between, 0, (size_t)down->in * row * sizeof(*between));
    for (int i = 0; i < down->out; i++)
        for (int k = 0; k < down->count[i]; k++)
            add(between + (size_t)(down->first[i] + k) * row, gy + (size_t)i * row,
                (float)down->weight[i * down->most + k], row);
    for (int i = 0; i < down->in; i++)
        for (int j = 0; j < across->out; j++)
            for (int k = 0; k < across->count[j]; k++)
                add(gx + (size_t)i * stride + (size_t)(across->first[j] + k) * channels,
                    between + (size_t)i * row + (size_t)j * channels,
                    (float)across->weight[j * across->most + k], channels);
}

/* The sum of count bytes, step floats apart, each times its weight in whole 2^-22ths, rounded. */
static float byte_of(const double *weight, int count, const float *x, size_t step)
{
    int64_t sum = 1 << (BYTE_BITS - 1);
    for (int k = 0; k < count; k++)
        sum += (int64_t)x[(size_t)k * step] * (int64_t)lround(weight[k] * (1 << BYTE_BITS));
    sum >>= BYTE_BITS;
    return (float)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

void latent_taps_bytes(const latent_taps *down, const latent_taps *across, int c, const float *x,
                       float *between, float *y)
{
    size_t channels = (size_t)c, row = (size_t)across->out * channels;
    size_t from = (size_t)across->in * channels;
    for (size_t i = 0; i < (size_t)down->in; i++)
        for (size_t j = 0; j < (size_t)across->out; j++)
            for (size_t k = 0; k < channels; k++)
                between[i * row + j * channels + k] =
                    byte_of(across->weight + j * (size_t)across->most, across->count[j],
                            x + i * from + (size_t)across->first[j] * channels + k, channels);
    for (size_t i = 0; i < (size_t)down->out; i++)
        for (size_t j = 0; j < row; j++)
            y[i * row + j] = byte_of(down->weight + i * (size_t)down->most, down->count[i],
                                     between + (size_t)down->first[i] * row + j, row);
}
