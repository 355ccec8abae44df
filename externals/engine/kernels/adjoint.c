/* adjoint: see adjoint.h */
#include "adjoint.h"
#include "../parallel.h"
#include "gemm.h"
#include <stdlib.h>
#include <string.h>

#define CHUNK_FLOATS ((size_t)1 << 21) /* of gathered inputs, 8 MB */

struct latent_adjoint {
    latent_conv_spec spec;
    latent_conv *conv; /* up 1, and kernel 1 */
    float *matrix;     /* up 2, kernel 3: [tap][out][in] */
};

latent_adjoint *latent_adjoint_new(latent_conv_spec spec, const float *weights, latent_error *e)
{
    latent_adjoint *a = calloc(1, sizeof(*a));
    size_t in = (size_t)spec.in, out = (size_t)spec.out, taps = (size_t)(spec.kernel * spec.kernel);
    float *turned = malloc(in * out * taps * sizeof(float));
    if (!a || !turned) {
        free(a);
        free(turned);
        latent_fail(e, "no memory for the gradient of %d x %d channels", spec.in, spec.out);
        return NULL;
    }
    a->spec = spec;
    if (spec.up == 2 && spec.kernel == 3) {
        for (size_t o = 0; o < out; o++)
            for (size_t i = 0; i < in; i++)
                for (size_t t = 0; t < taps; t++)
                    turned[(t * out + o) * in + i] = weights[(o * in + i) * taps + t];
        a->matrix = turned;
        return a;
    }
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t t = 0; t < taps; t++)
                turned[(i * out + o) * taps + taps - 1 - t] = weights[(o * in + i) * taps + t];
    a->conv = latent_conv_new(
        (latent_conv_spec){.in = spec.out, .out = spec.in, .kernel = spec.kernel, .up = 1}, turned,
        e);
    free(turned);
    if (!a->conv) {
        free(a);
        return NULL;
    }
    return a;
}

void latent_adjoint_free(latent_adjoint *a)
{
    if (!a)
        return;
    latent_conv_free(a->conv);
    free(a->matrix);
    free(a);
}

/* ---- [1 3 3 1], backwards */

typedef struct {
    int h, w, c; /* of the smaller picture */
    const float *g, *scale;
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
                const float *g = j->g + ((size_t)r * 2 * (size_t)j->w + (size_t)s) * c;
                float f = tap[a] * tap[b] / 16;
                if (s >= 0 && s < 2 * j->w)
                    for (size_t k = 0; k < c; k++)
                        out[(size_t)x * c + k] += f * g[k];
            }
    }
}

void latent_adjoint_upsample(int h, int w, int c, const float *g, float *gx)
{
    picture_job j = {h, w, c, g, NULL, gx};
    latent_parallel(h, upsample_row, &j);
}

/* One row of the blur's adjoint, [2h][2w] to [2h + 1][2w + 1]: in each direction
   t[j] = (g[j-2] + 3 g[j-1] + 3 g[j] + g[j+1]) / 4, zeros outside. */
static void blur_row(void *context, int i, int slot)
{
    static const float tap[4] = {1, 3, 3, 1};
    const picture_job *j = context;
    size_t c = (size_t)j->c;
    int rows = 2 * j->h, columns = 2 * j->w;
    float *out = j->out + (size_t)i * (size_t)(columns + 1) * c;
    (void)slot;
    memset(out, 0, (size_t)(columns + 1) * c * sizeof(float));
    for (int a = 0; a < 4; a++) {
        int r = i + a - 2;
        if (r < 0 || r >= rows)
            continue;
        for (int x = 0; x <= columns; x++)
            for (int b = 0; b < 4; b++) {
                int s = x + b - 2;
                const float *g = j->g + ((size_t)r * (size_t)columns + (size_t)s) * c;
                float f = tap[a] * tap[b] / 16;
                if (s < 0 || s >= columns)
                    continue;
                if (j->scale)
                    for (size_t k = 0; k < c; k++)
                        out[(size_t)x * c + k] += f * j->scale[k] * g[k];
                else
                    for (size_t k = 0; k < c; k++)
                        out[(size_t)x * c + k] += f * g[k];
            }
    }
}

typedef struct {
    const float *blurred;
    float *columns; /* [rows * w][9 * c] */
    int first, w;   /* first row of the chunk */
    size_t c;
} gather_job;

static void gather_row(void *context, int i, int slot)
{
    const gather_job *j = context;
    size_t line = (size_t)(2 * j->w + 1) * j->c;
    (void)slot;
    for (int x = 0; x < j->w; x++) {
        float *to = j->columns + ((size_t)i * (size_t)j->w + (size_t)x) * 9 * j->c;
        for (int a = 0; a < 3; a++) /* three neighbours lie side by side */
            memcpy(to + 3 * (size_t)a * j->c,
                   j->blurred + (size_t)(2 * (j->first + i) + a) * line + 2 * (size_t)x * j->c,
                   3 * j->c * sizeof(float));
    }
}

static int run_down(const latent_adjoint *a, int h, int w, const float *g, const float *g_scale,
                    float *gx, latent_error *e)
{
    size_t in = (size_t)a->spec.in, out = (size_t)a->spec.out;
    size_t row = (size_t)w * 9 * out;
    int rows = row > CHUNK_FLOATS ? 1 : (int)(CHUNK_FLOATS / row);
    float *blurred, *columns;
    if (rows > h)
        rows = h;
    blurred = malloc((size_t)(2 * h + 1) * (size_t)(2 * w + 1) * out * sizeof(float));
    columns = malloc((size_t)rows * row * sizeof(float));
    if (!blurred || !columns) {
        free(blurred);
        free(columns);
        return latent_fail(e, "no memory for a gradient of %d x %d", w, h);
    }
    picture_job blur = {h, w, a->spec.out, g, g_scale, blurred};
    latent_parallel(2 * h + 1, blur_row, &blur);
    for (int first = 0; first < h; first += rows) {
        int n = h - first < rows ? h - first : rows;
        gather_job gather = {blurred, columns, first, w, out};
        latent_parallel(n, gather_row, &gather);
        latent_gemm(0, 0, n * w, (int)in, (int)(9 * out), columns, a->matrix, 0,
                    gx + (size_t)first * (size_t)w * in);
    }
    free(blurred);
    free(columns);
    return 0;
}

int latent_adjoint_run(const latent_adjoint *a, int h, int w, const float *g, const float *g_scale,
                       float *gx, latent_error *e)
{
    latent_conv_end end = {.slope = 1, .gain = 1};
    float *small;
    int failed;
    if (a->matrix)
        return run_down(a, h, w, g, g_scale, gx, e);
    if (a->spec.up == 1)
        return latent_conv_forward(a->conv, h, w, g, g_scale, &end, gx, e);
    if (!(small = malloc((size_t)h * (size_t)w * (size_t)a->spec.out * sizeof(float))))
        return latent_fail(e, "no memory for a gradient of %d x %d", w, h);
    latent_adjoint_upsample(h, w, a->spec.out, g, small);
    failed = latent_conv_forward(a->conv, h, w, small, g_scale, &end, gx, e);
    free(small);
    return failed;
}
