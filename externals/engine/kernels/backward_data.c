/* backward_data: see backward_data.h */
#include "backward_data.h"
#include "../base/parallel.h"
#include <stdlib.h>
#include <string.h>

struct latent_backward_data {
    latent_conv_spec spec;
    latent_conv *conv; /* kernel 3: one that shrinks for one that enlarges and the reverse */
};

latent_backward_data *latent_backward_data_new(latent_conv_spec spec, const float *weights,
                                               latent_error *e)
{
    latent_backward_data *a = calloc(1, sizeof(*a));
    size_t in = (size_t)spec.in, out = (size_t)spec.out, taps = (size_t)(spec.kernel * spec.kernel);
    int resizes = spec.up != 1 && spec.kernel == 3;
    float *turned = malloc(in * out * taps * sizeof(float));
    if (!a || !turned) {
        free(a);
        free(turned);
        latent_fail(e, "no memory for the gradient of %d x %d channels", spec.in, spec.out);
        return NULL;
    }
    a->spec = spec;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t t = 0; t < taps; t++)
                turned[(i * out + o) * taps + (resizes ? t : taps - 1 - t)] =
                    weights[(o * in + i) * taps + t];
    a->conv = latent_conv_new(
        (latent_conv_spec){spec.out, spec.in, spec.kernel, resizes ? -spec.up : 1}, turned, e);
    free(turned);
    if (!a->conv) {
        free(a);
        return NULL;
    }
    return a;
}

void latent_backward_data_free(latent_backward_data *a)
{
    if (!a)
        return;
    latent_conv_free(a->conv);
    free(a);
}

int latent_backward_data_halve(latent_backward_data *a)
{
    return latent_conv_halve(a->conv);
}

/* ---- [1 3 3 1], backwards */

typedef struct {
    int h, w, c; /* of the smaller picture */
    const float *g;
    float *out;
} picture_job;

/* One row of the adjoint of enlarging: along each direction gx[i] = (g[2i-1] + 3 g[2i] + 3 g[2i+1]
   + g[2i+2]) / 4. */
static void upsample_row(void *context, int i, int slot)
{
    static const float tap[4] = {1, 3, 3, 1};
    const picture_job *j = context;
    size_t c = (size_t)j->c;
    float *out = j->out + (size_t)i * (size_t)j->w * c;
    (void)slot;
    memset(out, 0, (size_t)j->w * c * sizeof(float));
    for (int a = 0; a < 4; a++) {
        int r = 2 * i + a - 1;
        if (r < 0 || r >= 2 * j->h)
            continue;
        for (int x = 0; x < j->w; x++)
            for (int b = 0; b < 4; b++) {
                int s = 2 * x + b - 1;
                const float *g = j->g + (size_t)r * 2 * (size_t)j->w * c;
                float f = tap[a] * tap[b] / 16;
                if (s >= 0 && s < 2 * j->w)
                    for (size_t k = 0; k < c; k++)
                        out[(size_t)x * c + k] += f * g[(size_t)s * c + k];
            }
    }
}

/* The adjoint of "zeros between, padding 2 and 1, [1 3 3 1] x [1 3 3 1] / 16": g[2h][2w][c] to
   gx[h][w][c]. */
static void upsample_back(int h, int w, int c, const float *g, float *gx)
{
    picture_job j = {h, w, c, g, gx};
    latent_parallel(h, upsample_row, &j);
}

int latent_backward_data_run(const latent_backward_data *a, int h, int w, const float *g,
                             const float *g_scale, float *gx, latent_error *e)
{
    latent_conv_end end = {.slope = 1, .gain = 1};
    float *small;
    int failed;
    if (a->spec.up == 2 && a->spec.kernel == 3) {
        end.gain = 4; /* the blur over 16, not 64 */
        return latent_conv_forward(a->conv, 2 * h, 2 * w, g, g_scale, &end, gx, e);
    }
    if (a->spec.up == -2) {
        end.gain = 0.25f;
        return latent_conv_forward(a->conv, h / 2, w / 2, g, g_scale, &end, gx, e);
    }
    if (a->spec.up == 1)
        return latent_conv_forward(a->conv, h, w, g, g_scale, &end, gx, e);
    if (!(small = malloc((size_t)h * (size_t)w * (size_t)a->spec.out * sizeof(float))))
        return latent_fail(e, "no memory for a gradient of %d x %d", w, h);
    upsample_back(h, w, a->spec.out, g, small);
    failed = latent_conv_forward(a->conv, h, w, small, g_scale, &end, gx, e);
    free(small);
    return failed;
}
