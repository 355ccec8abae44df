/* layers: see layers.h.  Work is cut into pieces by the shapes alone, and their sums are added in
   their order, so that every number is the same whatever the number of threads. */
#include "layers.h"
#include "../kernels/conv.h"
#include "../kernels/gemm.h"
#include "../kernels/training_loops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- room */

float *latent_layer_numbers(size_t count, int *failed)
{
    float *f = aligned_alloc(64, (count * sizeof(float) + 63) & ~(size_t)63);
    if (f)
        memset(f, 0, count * sizeof(float));
    else
        *failed = 1;
    return f;
}

void latent_workspace_free(latent_workspace *r)
{
    for (int i = 0; i < LATENT_MAX_THREADS; i++)
        free(r->slot[i]);
    for (int i = 0; i < 2; i++)
        free(r->common[i]);
    latent_conv_workspace_free(r->conv);
    memset(r, 0, sizeof(*r));
}

static float *grow(latent_workspace *r, float **block, size_t *bytes, size_t floats)
{
    size_t wanted = (floats * sizeof(float) + 4095) & ~(size_t)4095;
    if (*bytes < wanted) {
        free(*block);
        *block = aligned_alloc(4096, wanted);
        *bytes = *block ? wanted : 0;
        if (!*block)
            r->failed = 1;
    }
    return *block;
}

float *latent_workspace_slot(latent_workspace *r, int slot, size_t floats)
{
    return grow(r, &r->slot[slot], &r->slot_bytes[slot], floats);
}

/* Memory of all threads. */
static float *room_all(latent_workspace *r, int which, size_t floats)
{
    return grow(r, &r->common[which], &r->common_bytes[which], floats);
}

/* ---- shapes */

size_t latent_layer_weights(const latent_layer *l)
{
    return (size_t)l->kernel * (size_t)l->kernel * (size_t)l->in * (size_t)l->out;
}

static void reorder(const latent_layer *l, float *file, float *weights, int to_file)
{
    size_t in = (size_t)l->in, out = (size_t)l->out, taps = (size_t)(l->kernel * l->kernel);
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t t = 0; t < taps; t++) {
                float *f = file + (o * in + i) * taps + t;
                float *w = weights + t * in * out + (l->way > 0 ? o * in + i : i * out + o);
                if (to_file)
                    *f = *w;
                else
                    *w = *f;
            }
}

void latent_layer_from_file(const latent_layer *l, const float *file, float *weights)
{
    reorder(l, (float *)(size_t)file, weights, 0);
}

void latent_layer_to_file(const latent_layer *l, const float *weights, float *file)
{
    reorder(l, file, (float *)(size_t)weights, 1);
}

int latent_layer_height(const latent_layer *l)
{
    return l->way > 0 ? 2 * l->h : l->way < 0 ? l->h / 2 : l->h;
}

int latent_layer_width(const latent_layer *l)
{
    return l->way > 0 ? 2 * l->w : l->way < 0 ? l->w / 2 : l->w;
}

static size_t pixels_after(const latent_layer *l)
{
    return (size_t)latent_layer_height(l) * (size_t)latent_layer_width(l);
}

double latent_layer_cost(const latent_layer *l)
{
    double pixels = l->way < 0 ? (double)(l->h / 2) * (l->w / 2) : (double)l->h * l->w;
    return pixels * l->n * l->in * l->out * l->kernel * l->kernel;
}

/* ---- forward and back */

static latent_conv_workspace *conv_room(latent_workspace *room)
{
    if (!room->conv && !(room->conv = latent_conv_workspace_new()))
        room->failed = 1;
    return room->conv;
}

static latent_conv_spec spec_of(const latent_layer *l)
{
    return (latent_conv_spec){l->in, l->out, l->kernel, l->way > 0 ? 2 : l->way < 0 ? -2 : 1};
}

static latent_conv_layout layout_of(const latent_layer *l)
{
    size_t in = (size_t)l->in, out = (size_t)l->out;
    if (l->way > 0)
        return (latent_conv_layout){in, 1, in * out, 0};
    return (latent_conv_layout){1, out, in * out, 0};
}

void latent_layer_forward(const latent_layer *l, const float *weights, const float *x,
                          const float *style, const latent_layer_end *end, float *y,
                          latent_workspace *room)
{
    size_t scales = (size_t)l->n * (size_t)l->out;
    latent_conv_pictures f = {l->n, l->h, l->w, x, style};
    latent_conv_end e = {.out_scale = end->scale,
                         .noise = end->noise,
                         .strength = end->strength,
                         .bias = end->bias,
                         .slope = end->slope,
                         .gain = end->gain,
                         .clamp = end->clamp};
    if (end->factor != 1) {
        float *scale = room_all(room, 0, scales);
        if (!scale)
            return;
        for (size_t k = 0; k < scales; k++)
            scale[k] = end->factor * (end->scale ? end->scale[k] : 1);
        e.out_scale = scale;
    }
    if (!conv_room(room) ||
        latent_conv_batch(spec_of(l), room->conv, weights, layout_of(l), &f, &e, y, NULL))
        room->failed = 1;
}

/* The convolution's transpose, from g to the gradient with respect to the styled x. */
static int back(const latent_layer *l, const float *weights, const float *g, float *gx,
                latent_workspace *room)
{
    latent_conv_spec spec = spec_of(l);
    latent_conv_layout there = layout_of(l);
    latent_conv_pictures f = {l->n, latent_layer_height(l), latent_layer_width(l), g, NULL};
    latent_conv_end end = {.slope = 1, .gain = l->way > 0 ? 4 : l->way < 0 ? 0.25f : 1};
    return latent_conv_batch(
        (latent_conv_spec){l->out, l->in, l->kernel, l->way ? -spec.up : 1}, room->conv, weights,
        (latent_conv_layout){there.in, there.out, there.tap, !l->way}, &f, &end, gx, NULL);
}

typedef struct {
    const latent_layer *l;
    const float *x, *style, *y;
    const latent_layer_end *end;
    float *g, *g_style, *g_scale, *part;
} job;

/* Picture by picture: what the style's gradient is, and the style times gx. */
static void style_back(void *context, int i, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    size_t in = (size_t)l->in, pixels = (size_t)(l->h * l->w);
    float *gx = j->g + (size_t)i * pixels * in, *sum = j->g_style + (size_t)i * in;
    (void)slot;
    memset(sum, 0, in * sizeof(float));
    latent_training_best()->begin_back(pixels, l->in, j->style + (size_t)i * in,
                                       j->x + (size_t)i * pixels * in, gx, 0, gx, sum);
}

void latent_layer_back(const latent_layer *l, const float *weights, const float *x,
                       const float *style, const float *g, float *gx, float *g_style,
                       float *g_weights, latent_workspace *room)
{
    job j = {.l = l, .x = x, .style = style, .g = gx, .g_style = g_style};
    latent_conv_pictures f = {l->n, l->h, l->w, x, style};
    if (!conv_room(room))
        return;
    if (gx && back(l, weights, g, gx, room))
        room->failed = 1;
    if (gx && style)
        latent_parallel(l->n, style_back, &j);
    if (g_weights &&
        latent_conv_backward_weights(spec_of(l), room->conv, &f, g, g_weights, layout_of(l), NULL))
        room->failed = 1;
}

/* ---- the end, backwards */

/* Of the picture whose scale and noise begin there. */
static latent_training_end learn_end(const latent_layer_end *e, size_t scale, size_t noise)
{
    return (latent_training_end){.scale = e->scale ? e->scale + scale : NULL,
                                 .bias = e->bias,
                                 .noise = e->noise ? e->noise + noise : NULL,
                                 .factor = e->factor,
                                 .strength = e->strength,
                                 .up = e->gain,
                                 .down = e->gain * e->slope,
                                 .limit = e->clamp > 0 ? e->clamp : INFINITY};
}

static void end_back(void *context, int i, int slot)
{
    const job *j = context;
    const latent_layer *l = j->l;
    size_t out = (size_t)l->out, pixels = pixels_after(l), count = pixels * out;
    latent_training_end e = learn_end(j->end, (size_t)i * out, (size_t)i * pixels);
    float *part = j->part + (size_t)i * (2 * out + 1), *dot = part + 1 + out;
    double strength = 0;
    (void)slot;
    memset(part, 0, (2 * out + 1) * sizeof(float));
    latent_training_best()->end_back(pixels, l->out, &e, j->y + (size_t)i * count,
                                     j->g + (size_t)i * count, part + 1, dot, &strength);
    part[0] = (float)strength;
    for (size_t o = 0; j->g_scale && o < out; o++) /* over the scale: what it multiplied */
        j->g_scale[(size_t)i * out + o] = dot[o] / e.scale[o];
}

void latent_end_back(const latent_layer *l, const latent_layer_end *end, const float *y, float *g,
                     float *g_bias, float *g_scale, float *g_strength, latent_workspace *room)
{
    size_t out = (size_t)l->out, each = 2 * out + 1;
    job j = {.l = l, .end = end, .y = y, .g = g, .g_scale = g_scale};
    if (!(j.part = room_all(room, 0, (size_t)l->n * each)))
        return;
    latent_parallel(l->n, end_back, &j);
    for (int i = 0; i < l->n; i++) {
        const float *part = j.part + (size_t)i * each;
        if (g_strength)
            *g_strength += part[0];
        for (size_t o = 0; g_bias && o < out; o++)
            g_bias[o] += part[1 + o];
    }
}

/* ---- fully connected */

void latent_full_forward(int n, int in, int out, const float *weights, const float *bias,
                         float gain, float bias_gain, const float *x, float *y)
{
    latent_gemm(0, 1, n, out, in, x, weights, 0, y);
    for (int i = 0; i < n; i++, y += out)
        for (int o = 0; o < out; o++)
            y[o] = gain * y[o] + (bias ? bias_gain * bias[o] : 0);
}

void latent_full_back(int n, int in, int out, const float *weights, float gain, float bias_gain,
                      const float *x, const float *g, float *gx, int add, float *g_weights,
                      float *g_bias)
{
    size_t count = (size_t)n * (size_t)out;
    float few[4096], *scaled = count <= 4096 ? few : malloc(count * sizeof(float));
    if (!scaled)
        return;
    for (size_t k = 0; k < count; k++)
        scaled[k] = gain * g[k];
    if (gx)
        latent_gemm(0, 0, n, in, out, scaled, weights, add ? 1 : 0, gx);
    if (g_weights)
        latent_gemm(1, 0, out, in, n, scaled, x, 1, g_weights);
    for (int i = 0; g_bias && i < n; i++)
        for (int o = 0; o < out; o++)
            g_bias[o] += bias_gain * g[(size_t)i * (size_t)out + (size_t)o];
    if (scaled != few)
        free(scaled);
}

void latent_lrelu(size_t count, float slope, float gain, float *y)
{
    for (size_t k = 0; k < count; k++)
        y[k] = y[k] < 0 ? gain * slope * y[k] : gain * y[k];
}

void latent_lrelu_back(size_t count, float slope, float gain, const float *y, float *g)
{
    for (size_t k = 0; k < count; k++)
        g[k] *= y[k] < 0 ? gain * slope : gain;
}

/* ---- twice as large, half as large */

/* The small pixels that a large one sees along one direction, or the large ones that a small one
   sees: 1 3 3 1 between zeros.  Returns how many. */
static int seen(int at, int count, int enlarge, int *where, float *tap)
{
    int n = 0, most = enlarge ? 2 : 4;
    for (int i = 0; i < most; i++) {
        int there = enlarge ? at / 2 + (i ? at % 2 * 2 - 1 : 0) : 2 * at + i - 1;
        if (there < 0 || there >= count)
            continue;
        where[n] = there;
        tap[n++] = enlarge ? (i ? 1 : 3) : i == 1 || i == 2 ? 3 : 1;
    }
    return n;
}

/* to[h][w][c], twice as large as from or half as large. */
static void resize_picture(int h, int w, int c, float factor, const float *from, float *to,
                           int enlarge)
{
    int rows = enlarge ? h / 2 : 2 * h, columns = enlarge ? w / 2 : 2 * w;
    const latent_training_code *code = latent_training_best();
    int row[4], column[4];
    float down[4], across[4], taps[16];
    const float *pixels[16];
    for (int y = 0; y < h; y++) {
        int n_rows = seen(y, rows, enlarge, row, down);
        for (int x = 0; x < w; x++, to += c) {
            int n_columns = seen(x, columns, enlarge, column, across), n = 0;
            for (int a = 0; a < n_rows; a++)
                for (int b = 0; b < n_columns; b++) {
                    pixels[n] = from + (size_t)(row[a] * columns + column[b]) * (size_t)c;
                    taps[n++] = factor * down[a] * across[b];
                }
            code->mix(n, taps, pixels, c, to);
        }
    }
}

/* h and w: of the small pictures. */
typedef struct {
    int h, w, c, enlarge;
    float factor;
    const float *from;
    float *to;
} resize_job;

static void resize_one(void *context, int i, int slot)
{
    const resize_job *j = context;
    size_t small = (size_t)(j->h * j->w) * (size_t)j->c, from = j->enlarge ? small : 4 * small;
    (void)slot;
    resize_picture(j->enlarge ? 2 * j->h : j->h, j->enlarge ? 2 * j->w : j->w, j->c, j->factor,
                   j->from + (size_t)i * from, j->to + (size_t)i * (j->enlarge ? 4 * small : small),
                   j->enlarge);
}

static void resize(int n, int h, int w, int c, float factor, const float *from, float *to,
                   int enlarge)
{
    resize_job j = {h, w, c, enlarge, factor, from, to};
    latent_parallel(n, resize_one, &j);
}

void latent_enlarge(int n, int h, int w, int c, const float *x, float *y)
{
    resize(n, h, w, c, 1.0f / 16, x, y, 1);
}

void latent_enlarge_back(int n, int h, int w, int c, const float *g, float *gx)
{
    resize(n, h, w, c, 1.0f / 16, g, gx, 0);
}

void latent_halve(int n, int h, int w, int c, const float *x, float *y)
{
    resize(n, h / 2, w / 2, c, 1.0f / 64, x, y, 0);
}

void latent_halve_back(int n, int h, int w, int c, const float *g, float *gx)
{
    resize(n, h / 2, w / 2, c, 1.0f / 64, g, gx, 1);
}

/* ---- the deviation over a group */

static int group_of(int n, int group)
{
    while (n % group)
        group--;
    return group;
}

static double variance(int group, size_t apart, const float *x, double *mean)
{
    double sum = 0, square = 0;
    for (int q = 0; q < group; q++)
        sum += x[(size_t)q * apart];
    *mean = sum / group;
    for (int q = 0; q < group; q++)
        square += (x[(size_t)q * apart] - *mean) * (x[(size_t)q * apart] - *mean);
    return square / group;
}

void latent_deviation(int n, int most, int pixels, int c, const float *x, float *y)
{
    int group = group_of(n, most), groups = n / group;
    size_t count = (size_t)pixels * (size_t)c, apart = (size_t)groups * count;
    for (int m = 0; m < groups; m++) {
        double sum = 0, mean;
        float deviation;
        for (size_t k = 0; k < count; k++)
            sum += sqrt(variance(group, apart, x + (size_t)m * count + k, &mean) + 1e-8);
        deviation = (float)(sum / (double)count);
        for (int q = 0; q < group; q++) {
            const float *from = x + (size_t)q * apart + (size_t)m * count;
            float *to = y + (size_t)(q * groups + m) * (size_t)pixels * (size_t)(c + 1);
            for (int p = 0; p < pixels; p++, from += c, to += c + 1) {
                memcpy(to, from, (size_t)c * sizeof(float));
                to[c] = deviation;
            }
        }
    }
}

void latent_deviation_back(int n, int most, int pixels, int c, const float *x, const float *g,
                           float *gx)
{
    int group = group_of(n, most), groups = n / group;
    size_t count = (size_t)pixels * (size_t)c, apart = (size_t)groups * count;
    for (int m = 0; m < groups; m++) {
        double sum = 0;
        for (int q = 0; q < group; q++) {
            const float *from = g + (size_t)(q * groups + m) * (size_t)pixels * (size_t)(c + 1);
            float *to = gx + (size_t)q * apart + (size_t)m * count;
            for (int p = 0; p < pixels; p++, from += c + 1, to += c) {
                memcpy(to, from, (size_t)c * sizeof(float));
                sum += from[c];
            }
        }
        sum /= (double)count * group;
        for (size_t k = 0; k < count; k++) {
            const float *one = x + (size_t)m * count + k;
            double mean, deviation = sqrt(variance(group, apart, one, &mean) + 1e-8);
            for (int q = 0; q < group; q++)
                gx[(size_t)q * apart + (size_t)m * count + k] +=
                    (float)(sum * (one[(size_t)q * apart] - mean) / deviation);
        }
    }
}

/* ---- demodulation */

/* The energy and its gradient lie as the weights do: [out][in] when transposed, else [in][out]. */
static void squared_styles(int n, int in, const float *style, float *squared)
{
    for (size_t k = 0; k < (size_t)n * (size_t)in; k++)
        squared[k] = style[k] * style[k];
}

void latent_demodulation(int n, int in, int out, int taps, int transposed, const float *weights,
                         const float *style, float *energy, float *d, latent_workspace *room)
{
    size_t count = (size_t)in * (size_t)out;
    float *squared = room_all(room, 1, (size_t)n * (size_t)in);
    if (!squared)
        return;
    squared_styles(n, in, style, squared);
    memset(energy, 0, count * sizeof(float));
    for (int t = 0; t < taps; t++, weights += count)
        for (size_t k = 0; k < count; k++)
            energy[k] += weights[k] * weights[k];
    latent_gemm(0, transposed, n, out, in, squared, energy, 0, d);
    for (size_t k = 0; k < (size_t)n * (size_t)out; k++)
        d[k] = 1 / sqrtf(d[k] + 1e-8f);
}

void latent_demodulation_back(int n, int in, int out, int taps, int transposed,
                              const float *weights, const float *style, const float *energy,
                              const float *d, const float *g_d, float *g_style, float *g_weights,
                              latent_workspace *room)
{
    size_t count = (size_t)in * (size_t)out, styles = (size_t)n * (size_t)in;
    size_t outs = (size_t)n * (size_t)out;
    float *squared = room_all(room, 1, count + 2 * styles + outs), *g_squared, *g, *g_energy;
    if (!squared)
        return;
    g_squared = squared + styles;
    g = g_squared + styles;
    g_energy = g + outs;
    squared_styles(n, in, style, squared);
    for (size_t k = 0; k < outs; k++)
        g[k] = -0.5f * d[k] * d[k] * d[k] * g_d[k];
    latent_gemm(0, !transposed, n, in, out, g, energy, 0, g_squared);
    for (size_t k = 0; k < styles; k++)
        g_style[k] += 2 * style[k] * g_squared[k];
    if (!g_weights)
        return;
    if (transposed)
        latent_gemm(1, 0, out, in, n, g, squared, 0, g_energy);
    else
        latent_gemm(1, 0, in, out, n, squared, g, 0, g_energy);
    for (int t = 0; t < taps; t++, weights += count, g_weights += count)
        for (size_t k = 0; k < count; k++)
            g_weights[k] += 2 * weights[k] * g_energy[k];
}
