/* colour: see colour.h */
#include "colour.h"
#include "../base/random.h"
#include "../latents/latents.h"
#include "fft.h"
#include <math.h>
#include <stdlib.h>

/* Draws one row into fft->time: coefficients that are normal, and fall with the frequency. */
static void draw_row(latent_random *r, double b, latent_fft *fft)
{
    int n = fft->n;
    fft->freq[0][0] = fft->freq[0][1] = 0; /* no mean */
    for (int k = 1; k <= n / 2; k++) {
        double size = pow(k, -b / 2);
        fft->freq[k][0] = (float)(size * latent_random_gauss(r));
        fft->freq[k][1] = (float)(size * latent_random_gauss(r));
    }
    if (n % 2 == 0)
        fft->freq[n / 2][1] = 0;
    latent_fft_inverse(fft);
}

static void release(latent_deferred_free *g)
{
    free(g);
}

void latent_coloured_free(latent_coloured *w)
{
    if (w)
        latent_deferred_free_add(&w->grave, release);
}

/* The first length values of the row as number i of the points, their mean square 1. */
static void put_row(latent_coloured *w, const float *row, int i)
{
    double sum = 0, scale;
    for (int p = 0; p < w->length; p++)
        sum += (double)row[p] * row[p];
    scale = sum > 0 ? sqrt(w->length / sum) : 0;
    for (int p = 0; p < w->length; p++)
        w->points[(size_t)p * (size_t)w->n + (size_t)i] = (float)(scale * row[p]);
}

latent_coloured *latent_coloured_new(uint32_t seed, double b, int length, int n, int closed,
                                     const atomic_int *cancel, latent_error *e)
{
    size_t count = (size_t)length * (size_t)n;
    latent_coloured *w;
    latent_random random;
    latent_fft *fft;
    if (length < 2 || n < 1 || count > LATENT_WALK_MOST) {
        latent_fail(e, "a walk of %d points with %d numbers each is too long; %zu numbers can be",
                    length, n, LATENT_WALK_MOST);
        return NULL;
    }
    if (!(fft = latent_fft_new(closed ? length : 2 * length, e)))
        return NULL;
    if (!(w = malloc(sizeof(*w) + count * sizeof(w->points[0])))) {
        latent_fft_free(fft);
        latent_fail(e, "there is no memory for a walk of %d points", length);
        return NULL;
    }
    *w = (latent_coloured){.length = length, .n = n, .closed = closed};
    latent_random_seed(&random, seed);
    for (int i = 0; i < n && !atomic_load(cancel); i++) {
        draw_row(&random, b, fft);
        put_row(w, fft->time, i);
    }
    latent_fft_free(fft);
    if (!atomic_load(cancel))
        return w;
    free(w);
    latent_fail(e, "it was cancelled");
    return NULL;
}

static int inside(const latent_coloured *w, long long p)
{
    if (w->closed)
        return (int)(((p % w->length) + w->length) % w->length);
    return p < 0 ? 0 : p >= w->length ? w->length - 1 : (int)p;
}

void latent_coloured_at(const latent_coloured *w, double position, float *out)
{
    double c[4], whole;
    const float *p[4];
    position = w->closed ? fmod(position, w->length) : fmin(fmax(position, 0), w->length - 1);
    whole = floor(position);
    latent_spline_weights(position - whole, c);
    for (int i = 0; i < 4; i++)
        p[i] = w->points + (size_t)inside(w, (long long)whole + i - 1) * (size_t)w->n;
    for (int i = 0; i < w->n; i++)
        out[i] = (float)(c[0] * p[0][i] + c[1] * p[1][i] + c[2] * p[2][i] + c[3] * p[3][i]);
}
