/* generator: see generator.h

       z -> normalise -> mapping layers -> w
       const 4x4 -> conv1 -> ToRGB -> (conv0, enlarging -> conv1 -> ToRGB + the picture, enlarged)
   ...

   Row k of the styles goes to convolution k; the ToRGB of a block uses the row after its last
   convolution, which is also that of the next block's first. */
#include "generator.h"
#include "../base/counter_random.h"
#include "../models/architectures.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQRT2 1.41421356237309504880f
#define SLOPE 0.2f
#define MEAN_SAMPLES 4096

enum { CHANCE_WEIGHTS = 1, CHANCE_NOISE, CHANCE_MEAN };

/* ---- making */

static int add_layer(latent_generator *g, latent_generator_layer *l, int block, const char *name,
                     int in, int out, int kernel, int way, latent_error *e)
{
    int side = 4 << block, w = g->shape.w;
    int64_t weight[4] = {kernel, kernel, way > 0 ? out : in, way > 0 ? in : out};
    l->shape = (latent_layer){
        g->batch, way > 0 ? side / 2 : side, way > 0 ? side / 2 : side, in, out, kernel, way};
    l->demodulated = kernel == 3;
    l->strength = -1;
    l->weight =
        latent_parameters_add(&g->p, 1, e, 4, weight, "synthesis.b%d.%s.weight", side, name);
    l->bias = latent_parameters_add(&g->p, 1, e, 1, (int64_t[]){out}, "synthesis.b%d.%s.bias", side,
                                    name);
    l->affine_w = latent_parameters_add(&g->p, 1, e, 2, (int64_t[]){in, w},
                                        "synthesis.b%d.%s.affine.weight", side, name);
    l->affine_b = latent_parameters_add(&g->p, 1, e, 1, (int64_t[]){in},
                                        "synthesis.b%d.%s.affine.bias", side, name);
    if (kernel == 3 && g->shape.noise) {
        l->strength = latent_parameters_add(&g->p, 1, e, 0, NULL, "synthesis.b%d.%s.noise_strength",
                                            side, name);
        if (l->strength < 0)
            return -1;
    }
    return l->weight < 0 || l->bias < 0 || l->affine_w < 0 || l->affine_b < 0 ? -1 : 0;
}

static int add_all(latent_generator *g, latent_error *e)
{
    const latent_generator_shape *s = &g->shape;
    for (int i = 0; i < s->mapping; i++) {
        int in = i ? s->w : s->z;
        g->fc_w[i] =
            latent_parameters_add(&g->p, 1, e, 2, (int64_t[]){s->w, in}, "mapping.fc%d.weight", i);
        g->fc_b[i] =
            latent_parameters_add(&g->p, 1, e, 1, (int64_t[]){s->w}, "mapping.fc%d.bias", i);
        if (g->fc_w[i] < 0 || g->fc_b[i] < 0)
            return -1;
    }
    g->constant = latent_parameters_add(&g->p, 1, e, 3, (int64_t[]){4, 4, s->channels[0]},
                                        "synthesis.b4.const");
    if (g->constant < 0)
        return -1;
    for (int i = 0; i < s->blocks; i++) {
        int c = s->channels[i];
        if (i && add_layer(g, &g->conv[2 * i - 1], i, "conv0", s->channels[i - 1], c, 3, 1, e))
            return -1;
        if (add_layer(g, &g->conv[2 * i], i, "conv1", c, c, 3, 0, e) ||
            add_layer(g, &g->rgb[i], i, "torgb", c, 3, 1, 0, e))
            return -1;
        if (i)
            g->conv[2 * i - 1].row = 2 * i - 1;
        g->conv[2 * i].row = 2 * i;
        g->rgb[i].row = 2 * i + 1;
    }
    return 0;
}

static size_t pixels_of(const latent_generator_layer *l)
{
    return (size_t)latent_layer_height(&l->shape) * (size_t)latent_layer_width(&l->shape);
}

static void take_layer(latent_generator *g, latent_generator_layer *l, int *failed)
{
    size_t n = (size_t)g->batch, in = (size_t)l->shape.in, out = (size_t)l->shape.out;
    l->style = latent_layer_numbers(n * in, failed);
    if (l->demodulated) {
        l->scale = latent_layer_numbers(n * out, failed);
        l->energy = latent_layer_numbers(out * in, failed);
        l->y = latent_layer_numbers(n * pixels_of(l) * out, failed);
    }
    if (l->strength >= 0)
        l->noise = latent_layer_numbers(n * pixels_of(l), failed);
}

static int take_memory(latent_generator *g, latent_error *e)
{
    const latent_generator_shape *s = &g->shape;
    size_t n = (size_t)g->batch, most = 0, widest = 1,
           pixels = (size_t)g->resolution * (size_t)g->resolution;
    int failed = 0;
    for (int i = 0; i <= s->mapping; i++)
        g->mapped[i] = latent_layer_numbers(2 * n * (size_t)(i ? s->w : s->z), &failed);
    g->w = g->mapped[s->mapping];
    for (int i = 0; i < s->blocks; i++)
        widest = (size_t)s->channels[i] > widest ? (size_t)s->channels[i] : widest;
    g->g_w = latent_layer_numbers(2 * n * (size_t)(s->w > s->z ? s->w : s->z), &failed);
    g->g_mapped = latent_layer_numbers(2 * n * (size_t)(s->w > s->z ? s->w : s->z), &failed);
    g->ws = latent_layer_numbers(n * (size_t)s->w, &failed);
    g->g_ws = latent_layer_numbers(n * (size_t)s->w, &failed);
    g->g_style = latent_layer_numbers(n * widest, &failed);
    g->g_scale = latent_layer_numbers(n * widest, &failed);
    if (!(g->crossing = calloc(n, sizeof(int))))
        failed = 1;
    g->x0 = latent_layer_numbers(n * 16 * (size_t)s->channels[0], &failed);
    for (int i = 0; i < s->blocks; i++) {
        size_t side = (size_t)(4 << i), one = side * side * (size_t)s->channels[i];
        most = one > most ? one : most;
        g->picture[i] = latent_layer_numbers(n * side * side * 3, &failed);
        if (i)
            take_layer(g, &g->conv[2 * i - 1], &failed);
        take_layer(g, &g->conv[2 * i], &failed);
        take_layer(g, &g->rgb[i], &failed);
        for (int k = i ? 2 * i - 1 : 0; s->noise && k <= 2 * i; k++)
            g->noise_const[k] = latent_layer_numbers(side * side, &failed);
    }
    for (int i = 0; i < 2; i++)
        g->g_picture[i] = latent_layer_numbers(n * pixels * 3, &failed);
    for (int i = 0; i < 3; i++)
        g->g[i] = latent_layer_numbers(n * most, &failed);
    return failed ? latent_fail(e, "no memory to train a generator") : 0;
}

static void fill(float *f, size_t count, double deviation, uint64_t seed, uint64_t which)
{
    latent_counter_random c = latent_counter_random_at(seed, CHANCE_WEIGHTS, which);
    for (size_t i = 0; i < count; i++)
        f[i] = (float)(deviation * latent_counter_random_gauss(&c));
}

static void fresh_weights(latent_generator *g, uint64_t seed)
{
    for (int i = 0; i < g->p.n; i++) {
        const char *name = g->p.item[i].name, *end = strrchr(name, '.');
        float *v = latent_parameter_value(&g->p, i);
        size_t count = g->p.item[i].count;
        if (strstr(name, "affine.bias"))
            for (size_t k = 0; k < count; k++)
                v[k] = 1;
        else if (!strncmp(name, "mapping", 7) && !strcmp(end, ".weight"))
            fill(v, count, 1 / g->shape.rate, seed, (uint64_t)i);
        else if (!strcmp(end, ".weight") || !strcmp(end, ".const"))
            fill(v, count, 1, seed, (uint64_t)i);
    }
    memcpy(g->p.average, g->p.value, g->p.count * sizeof(float));
    for (int k = 0; k < 2 * g->shape.blocks - 1; k++)
        if (g->noise_const[k])
            fill(g->noise_const[k], pixels_of(&g->conv[k]), 1, seed, 1000 + (uint64_t)k);
}

static int check_shape(const latent_generator_shape *s, latent_error *e)
{
    if (s->blocks < 1 || s->blocks > LATENT_BLOCKS)
        return latent_fail(e,
                           "a generator of %d blocks cannot be trained; 1 to %d can (4 to %d "
                           "pixels)",
                           s->blocks, LATENT_BLOCKS, 4 << (LATENT_BLOCKS - 1));
    if (s->z < 1 || s->z > 2048 || s->w < 1 || s->w > 2048 || s->mapping < 1 || s->mapping > 8)
        return latent_fail(e,
                           "z of %d and w of %d numbers with %d mapping layers cannot be "
                           "trained; 1 to 2048, 1 to 2048 and 1 to 8 can",
                           s->z, s->w, s->mapping);
    if (!(s->rate >= 0 && s->rate <= 100))
        return latent_fail(e, "a mapping whose learning-rate multiplier is %g cannot be trained",
                           (double)s->rate);
    for (int i = 0; i < s->blocks; i++)
        if (s->channels[i] < 1 || s->channels[i] > 1024)
            return latent_fail(e, "a block of %d channels cannot be trained; 1 to 1024 can",
                               s->channels[i]);
    return 0;
}

int latent_generator_init(latent_generator *g, const latent_generator_shape *shape, int batch,
                          uint64_t seed, latent_error *e)
{
    memset(g, 0, sizeof(*g));
    if (check_shape(shape, e))
        return -1;
    g->shape = *shape;
    if (!(shape->rate > 0))
        g->shape.rate = LATENT_MAPPING_RATE;
    g->batch = batch;
    g->resolution = 4 << (shape->blocks - 1);
    g->rows = 2 * shape->blocks;
    if (add_all(g, e) || latent_parameters_allocate(&g->p, 1, e) || take_memory(g, e)) {
        latent_generator_free(g);
        return -1;
    }
    fresh_weights(g, seed);
    return 0;
}

static void free_layer(latent_generator_layer *l)
{
    free(l->style);
    free(l->scale);
    free(l->energy);
    free(l->noise);
    free(l->y);
}

void latent_generator_free(latent_generator *g)
{
    latent_parameters_free(&g->p);
    for (int i = 0; i < 9; i++)
        free(g->mapped[i]);
    free(g->g_w);
    free(g->ws);
    free(g->g_ws);
    free(g->g_style);
    free(g->g_scale);
    free(g->g_mapped);
    free(g->crossing);
    free(g->x0);
    for (int i = 0; i < LATENT_BLOCKS; i++) {
        free(g->picture[i]);
        free_layer(&g->rgb[i]);
    }
    for (int i = 0; i < 2 * LATENT_BLOCKS; i++) {
        free_layer(&g->conv[i]);
        free(g->noise_const[i]);
    }
    for (int i = 0; i < 2; i++)
        free(g->g_picture[i]);
    for (int i = 0; i < 3; i++)
        free(g->g[i]);
    memset(g, 0, sizeof(*g));
}

double latent_generator_cost(const latent_generator *g)
{
    double sum = 0;
    for (int i = 0; i < g->shape.blocks; i++) {
        if (i)
            sum += latent_layer_cost(&g->conv[2 * i - 1].shape);
        sum += latent_layer_cost(&g->conv[2 * i].shape) + latent_layer_cost(&g->rgb[i].shape);
    }
    return sum / g->batch;
}

/* ---- forward */

static const float *value(const latent_generator *g, int i)
{
    return g->values + g->p.item[i].at;
}

/* x / sqrt(mean(x^2) + 1e-8) */
static void normalise(const float *z, int count, float *x)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)z[i] * z[i];
    for (int i = 0; i < count; i++)
        x[i] = z[i] * (float)(1 / sqrt(sum / count + 1e-8));
}

/* How many pictures of n have a z. */
static int with_z(const latent_generator *g, int n)
{
    return g->way ? n / 2 : n;
}

static void map_forward(latent_generator *g, int n)
{
    const latent_generator_shape *s = &g->shape;
    for (int i = 0; i < s->mapping; i++) {
        int in = i ? s->w : s->z;
        latent_full_forward(n, in, s->w, value(g, g->fc_w[i]), value(g, g->fc_b[i]),
                            s->rate / sqrtf((float)in), s->rate, g->mapped[i], g->mapped[i + 1]);
        latent_lrelu((size_t)n * (size_t)s->w, SLOPE, SQRT2, g->mapped[i + 1]);
    }
}

/* Where the style of one picture for one row lies in g->w or g->g_w. */
static size_t style_at(const latent_generator *g, int n, int picture, int row)
{
    int second = g->mixed && row >= g->crossing[picture];
    return (size_t)(picture + (second ? n : 0)) * (size_t)g->shape.w;
}

static latent_layer_end end_of(const latent_generator *g, const latent_generator_layer *l)
{
    latent_layer_end end = {.factor = 1, .slope = 1, .gain = 1, .bias = value(g, l->bias)};
    end.clamp = g->shape.clamp;
    if (!l->demodulated) {
        end.factor = 1 / sqrtf((float)l->shape.in);
        return end;
    }
    end.scale = l->scale;
    end.slope = SLOPE;
    end.gain = SQRT2;
    if (l->strength >= 0) {
        end.noise = l->noise;
        end.strength = *value(g, l->strength);
    }
    return end;
}

static void layer_forward(latent_generator *g, latent_generator_layer *l, int n, const float *x,
                          float *y, uint64_t noise_seed, latent_workspace *room)
{
    int in = l->shape.in, w = g->shape.w;
    latent_layer_end end;
    for (int i = 0; i < n; i++)
        memcpy(g->ws + (size_t)i * (size_t)w, g->w + style_at(g, n, i, l->row),
               (size_t)w * sizeof(float));
    latent_full_forward(n, w, in, value(g, l->affine_w), value(g, l->affine_b), 1 / sqrtf((float)w),
                        1, g->ws, l->style);
    if (l->demodulated)
        latent_demodulation(n, in, l->shape.out, 9, l->shape.way > 0, value(g, l->weight), l->style,
                            l->energy, l->scale, room);
    if (l->strength >= 0) {
        size_t pixels = pixels_of(l);
        for (int i = 0; i < n; i++) {
            uint64_t number = (uint64_t)l->row * 65536 + (uint64_t)(i % with_z(g, n));
            latent_counter_random c = latent_counter_random_at(noise_seed, CHANCE_NOISE, number);
            for (size_t k = 0; k < pixels; k++)
                l->noise[(size_t)i * pixels + k] = (float)latent_counter_random_gauss(&c);
        }
    }
    end = end_of(g, l);
    l->shape.n = n;
    latent_layer_forward(&l->shape, value(g, l->weight), x, l->style, &end, y, room);
}

const float *latent_generator_forward(latent_generator *g, int n, int average, const float *z,
                                      const float *z2, const int *crossing, uint64_t noise_seed,
                                      latent_workspace *room)
{
    const latent_generator_shape *s = &g->shape;
    size_t constant = 16 * (size_t)s->channels[0];
    g->values = average ? g->p.average : g->p.value;
    g->mixed = z2 != NULL;
    for (int i = 0; i < with_z(g, n); i++) {
        normalise(z + (size_t)i * (size_t)s->z, s->z, g->mapped[0] + (size_t)i * (size_t)s->z);
        if (z2) {
            normalise(z2 + (size_t)i * (size_t)s->z, s->z,
                      g->mapped[0] + (size_t)(n + i) * (size_t)s->z);
            g->crossing[i] = crossing[i];
        }
    }
    for (int i = 0; i < n; i++)
        memcpy(g->x0 + (size_t)i * constant, value(g, g->constant), constant * sizeof(float));
    map_forward(g, z2 ? 2 * n : with_z(g, n));
    for (size_t i = 0, half = (size_t)(n / 2) * (size_t)s->w; g->way && i < half; i++)
        g->w[half + i] = g->w[i] + g->way[i];
    for (int i = 0; i < s->blocks; i++) {
        latent_generator_layer *conv1 = &g->conv[2 * i], *rgb = &g->rgb[i];
        const float *x = i ? g->conv[2 * i - 2].y : g->x0;
        int side = 4 << i;
        if (i) {
            layer_forward(g, conv1 - 1, n, x, conv1[-1].y, noise_seed, room);
            x = conv1[-1].y;
        }
        layer_forward(g, conv1, n, x, conv1->y, noise_seed, room);
        layer_forward(g, rgb, n, conv1->y, g->picture[i], noise_seed, room);
        if (i) {
            size_t count = (size_t)n * (size_t)side * (size_t)side * 3;
            latent_enlarge(n, side / 2, side / 2, 3, g->picture[i - 1], g->g_picture[0]);
            for (size_t k = 0; k < count; k++)
                g->picture[i][k] += g->g_picture[0][k];
        }
    }
    return g->picture[s->blocks - 1];
}

/* ---- back */

/* g: the gradient with respect to y, which is spent; gx: with respect to x, set, or NULL. */
static void layer_back(latent_generator *g, latent_generator_layer *l, int n, const float *x,
                       const float *y, float *grad, float *gx, latent_workspace *room)
{
    int in = l->shape.in, out = l->shape.out, w = g->shape.w;
    latent_layer_end end = end_of(g, l);
    float *weight = latent_parameter_gradient(&g->p, l->weight);
    float *strength = l->strength >= 0 ? latent_parameter_gradient(&g->p, l->strength) : NULL;
    l->shape.n = n;
    latent_end_back(&l->shape, &end, y, grad, latent_parameter_gradient(&g->p, l->bias),
                    l->demodulated ? g->g_scale : NULL, strength, room);
    latent_layer_back(&l->shape, value(g, l->weight), x, l->style, grad, gx, g->g_style, weight,
                      room);
    if (l->demodulated)
        latent_demodulation_back(n, in, out, 9, l->shape.way > 0, value(g, l->weight), l->style,
                                 l->energy, l->scale, g->g_scale, g->g_style, weight, room);
    for (int i = 0; i < n; i++)
        memcpy(g->ws + (size_t)i * (size_t)w, g->w + style_at(g, n, i, l->row),
               (size_t)w * sizeof(float));
    latent_full_back(n, w, in, value(g, l->affine_w), 1 / sqrtf((float)w), 1, g->ws, g->g_style,
                     g->g_ws, 0, latent_parameter_gradient(&g->p, l->affine_w),
                     latent_parameter_gradient(&g->p, l->affine_b));
    for (int i = 0; i < n; i++) {
        float *to = g->g_w + style_at(g, n, i, l->row);
        for (int k = 0; k < w; k++)
            to[k] += g->g_ws[(size_t)i * (size_t)w + (size_t)k];
    }
}

static void map_back(latent_generator *g, int n)
{
    const latent_generator_shape *s = &g->shape;
    float *grad = g->g_w, *next = g->g_mapped;
    for (int i = s->mapping - 1; i >= 0; i--) {
        int in = i ? s->w : s->z;
        float *swap = grad;
        latent_lrelu_back((size_t)n * (size_t)s->w, SLOPE, SQRT2, g->mapped[i + 1], grad);
        latent_full_back(n, in, s->w, value(g, g->fc_w[i]), s->rate / sqrtf((float)in), s->rate,
                         g->mapped[i], grad, i ? next : NULL, 0,
                         latent_parameter_gradient(&g->p, g->fc_w[i]),
                         latent_parameter_gradient(&g->p, g->fc_b[i]));
        grad = next;
        next = swap;
    }
}

void latent_generator_back(latent_generator *g, int n, const float *g_picture,
                           latent_workspace *room)
{
    const latent_generator_shape *s = &g->shape;
    int last = s->blocks - 1;
    size_t constant = 16 * (size_t)s->channels[0];
    float *grad = g->g[0], *other = g->g[1], *spent = g->g[2], *drawn = g->g_picture[0];
    float *c = latent_parameter_gradient(&g->p, g->constant);
    memset(g->g_w, 0, 2 * (size_t)g->batch * (size_t)s->w * sizeof(float));
    memcpy(drawn, g_picture,
           (size_t)n * (size_t)g->resolution * (size_t)g->resolution * 3 * sizeof(float));
    for (int i = last; i >= 0; i--) {
        latent_generator_layer *conv1 = &g->conv[2 * i];
        const float *x = i ? conv1[-1].y : g->x0;
        int side = 4 << i;
        size_t pixels = (size_t)n * (size_t)side * (size_t)side;
        float *swap;
        /* ToRGB spends its gradient, which the picture before needs too */
        memcpy(spent, drawn, pixels * 3 * sizeof(float));
        layer_back(g, &g->rgb[i], n, conv1->y, g->picture[i], spent, other, room);
        if (i < last)
            for (size_t k = 0; k < pixels * (size_t)s->channels[i]; k++)
                grad[k] += other[k];
        else {
            swap = grad;
            grad = other;
            other = swap;
        }
        layer_back(g, conv1, n, x, conv1->y, grad, other, room);
        swap = grad;
        grad = other;
        other = swap;
        if (!i)
            break;
        layer_back(g, conv1 - 1, n, conv1[-2].y, conv1[-1].y, grad, other, room);
        swap = grad;
        grad = other;
        other = swap;
        latent_enlarge_back(n, side / 2, side / 2, 3, drawn, g->g_picture[1]);
        memcpy(drawn, g->g_picture[1], pixels / 4 * 3 * sizeof(float));
    }
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < constant; k++)
            c[k] += grad[(size_t)i * constant + k];
    for (size_t i = 0, half = (size_t)(n / 2) * (size_t)s->w; g->way && i < half; i++)
        g->g_w[i] += g->g_w[half + i];
    map_back(g, g->mixed ? 2 * n : with_z(g, n));
}

/* ---- files */

typedef struct {
    latent_tensor_out *tensor;
    char (*name)[64];
    float **held;
    int n;
} writer;

static float *put(writer *w, int half, int rank, const int64_t *dim, const char *name)
{
    latent_tensor_out *t = &w->tensor[w->n];
    size_t count = 1;
    snprintf(w->name[w->n], sizeof(*w->name), "%s", name);
    *t = (latent_tensor_out){
        .name = w->name[w->n], .dtype = half ? LATENT_F16 : LATENT_F32, .rank = rank};
    for (int i = 0; i < rank; i++) {
        t->dim[i] = dim[i];
        count *= (size_t)dim[i];
    }
    t->data = w->held[w->n] = malloc(count * sizeof(float));
    return w->held[w->n++];
}

/* The mean of w over many z. */
static void measure_mean(const latent_generator *g, const float *values, float *mean)
{
    const latent_generator_shape *s = &g->shape;
    size_t widest = (size_t)(s->w > s->z ? s->w : s->z);
    float *x = malloc(64 * widest * sizeof(float)), *y = malloc(64 * widest * sizeof(float));
    memset(mean, 0, (size_t)s->w * sizeof(float));
    for (int from = 0; x && y && from < MEAN_SAMPLES; from += 64) {
        for (int i = 0; i < 64; i++) {
            float *z = x + i * s->z;
            latent_counter_random c =
                latent_counter_random_at(0, CHANCE_MEAN, (uint64_t)(from + i));
            for (int k = 0; k < s->z; k++)
                z[k] = (float)latent_counter_random_gauss(&c);
            normalise(z, s->z, z);
        }
        for (int i = 0; i < s->mapping; i++) {
            int in = i ? s->w : s->z;
            float *swap = x;
            latent_full_forward(64, in, s->w, values + g->p.item[g->fc_w[i]].at,
                                values + g->p.item[g->fc_b[i]].at, s->rate / sqrtf((float)in),
                                s->rate, x, y);
            latent_lrelu((size_t)64 * (size_t)s->w, SLOPE, SQRT2, y);
            x = y;
            y = swap;
        }
        for (int i = 0; i < 64 * s->w; i++)
            mean[i % s->w] += x[i] / MEAN_SAMPLES;
    }
    free(x);
    free(y);
}

static int put_layer(writer *w, const latent_generator *g, const float *values, int half,
                     const latent_generator_layer *l, const float *noise)
{
    const latent_parameter *p = &g->p.item[l->weight];
    const latent_layer *s = &l->shape;
    float *to = put(w, half, 4, (int64_t[]){s->out, s->in, s->kernel, s->kernel}, p->name);
    int rest[4] = {l->bias, l->affine_w, l->affine_b, l->strength};
    if (!to)
        return -1;
    latent_layer_to_file(s, values + p->at, to);
    for (int i = 0; i < 4 && rest[i] >= 0; i++) {
        p = &g->p.item[rest[i]];
        if (!(to = put(w, half, p->rank, p->dim, p->name)))
            return -1;
        memcpy(to, values + p->at, p->count * sizeof(float));
    }
    if (l->strength >= 0) {
        int64_t side[2] = {latent_layer_height(s), latent_layer_width(s)};
        char name[64];
        snprintf(name, sizeof(name), "%.*snoise_const",
                 (int)(strlen(p->name) - strlen("noise_strength")), p->name);
        if (!(to = put(w, half, 2, side, name)))
            return -1;
        memcpy(to, noise, pixels_of(l) * sizeof(float));
    }
    return 0;
}

static int put_all(writer *w, const latent_generator *g, const float *values, int half)
{
    const latent_generator_shape *s = &g->shape;
    const latent_parameter *p = &g->p.item[g->constant];
    float *to;
    for (int i = 0; i < 2 * s->mapping; i++) {
        const latent_parameter *f = &g->p.item[i % 2 ? g->fc_b[i / 2] : g->fc_w[i / 2]];
        if (!(to = put(w, half, f->rank, f->dim, f->name)))
            return -1;
        memcpy(to, values + f->at, f->count * sizeof(float));
    }
    if (!(to = put(w, half, 1, (int64_t[]){s->w}, "mapping.w_avg")))
        return -1;
    measure_mean(g, values, to);
    if (!(to = put(w, half, 3, (int64_t[]){s->channels[0], 4, 4}, p->name)))
        return -1;
    for (int k = 0; k < 16; k++)
        for (int c = 0; c < s->channels[0]; c++)
            to[c * 16 + k] = values[p->at + (size_t)(k * s->channels[0] + c)];
    for (int i = 0; i < s->blocks; i++) {
        for (int k = i ? 2 * i - 1 : 0; k <= 2 * i; k++)
            if (put_layer(w, g, values, half, &g->conv[k], g->noise_const[k]))
                return -1;
        if (put_layer(w, g, values, half, &g->rgb[i], NULL))
            return -1;
    }
    return 0;
}

int latent_generator_write(const latent_generator *g, const char *path, int average, int half,
                           const latent_meta_out *meta, size_t n_meta, latent_error *e)
{
    size_t most = (size_t)g->p.n + 2 * LATENT_BLOCKS + 1, n = 0;
    writer w = {calloc(most, sizeof(*w.tensor)), calloc(most, sizeof(*w.name)),
                calloc(most, sizeof(*w.held)), 0};
    latent_meta_out *all = malloc((n_meta + 3) * sizeof(*all));
    char rate[32], clamp[32];
    int failed = -1;
    if (w.tensor && w.name && w.held && all &&
        !put_all(&w, g, average ? g->p.average : g->p.value, half)) {
        snprintf(rate, sizeof(rate), "%.9g", (double)g->shape.rate);
        all[n++] = (latent_meta_out){"architecture", "stylegan2"};
        all[n++] = (latent_meta_out){"lr_multiplier", rate};
        if (g->shape.clamp > 0) {
            snprintf(clamp, sizeof(clamp), "%.9g", (double)g->shape.clamp);
            all[n++] = (latent_meta_out){"conv_clamp", clamp};
        }
        for (size_t i = 0; i < n_meta; i++)
            all[n++] = meta[i];
        failed = latent_safetensors_write(path, w.tensor, (size_t)w.n, all, n, e);
    } else
        latent_fail(e, "no memory to write a generator");
    for (int i = 0; w.held && i < w.n; i++)
        free(w.held[i]);
    free(w.tensor);
    free(w.name);
    free(w.held);
    free(all);
    return failed;
}

static const latent_entry *entry(latent_weights *w, const char *prefix, const char *name)
{
    char full[LATENT_PREFIX + 160];
    snprintf(full, sizeof(full), "%s%s", prefix, name);
    return latent_weights_find(w, full);
}

static const latent_entry *block_entry(latent_weights *w, const char *prefix, int block,
                                       const char *name)
{
    char full[100];
    snprintf(full, sizeof(full), "synthesis.b%d.%s", 4 << block, name);
    return entry(w, prefix, full);
}

/* 3 x 64 x 1 x 1 */
static void describe(char *text, size_t room, int rank, const int64_t *dim)
{
    size_t used = (size_t)snprintf(text, room, rank ? "" : "a single number");
    for (int i = 0; i < rank && used < room; i++)
        used +=
            (size_t)snprintf(text + used, room - used, i ? " x %lld" : "%lld", (long long)dim[i]);
}

static int read_mapping_shape(latent_weights *w, const char *prefix, latent_generator_shape *shape,
                              latent_error *e)
{
    const latent_entry *t = entry(w, prefix, "mapping.embed.weight");
    char key[40];
    if (t)
        return latent_fail(e,
                           "this generator has %lld classes; only one without classes can be "
                           "trained",
                           (long long)(t->rank == 2 ? t->dim[1] : 0));
    t = entry(w, prefix, "mapping.fc0.weight");
    if (!t || t->rank != 2)
        return latent_fail(e,
                           "this is no generator of StyleGAN2: %smapping.fc0.weight is missing "
                           "or no matrix",
                           prefix);
    shape->z = (int)t->dim[1];
    shape->w = (int)t->dim[0];
    for (shape->mapping = 0; shape->mapping < 9; shape->mapping++) {
        snprintf(key, sizeof(key), "mapping.fc%d.weight", shape->mapping);
        t = entry(w, prefix, key);
        if (!t || t->rank != 2)
            break;
        if (t->dim[0] != shape->w || (shape->mapping && t->dim[1] != shape->w))
            return latent_fail(e,
                               "its mapping layers have different widths (%s is %lld x %lld, the "
                               "first gives %d); only those with one width can be trained",
                               key, (long long)t->dim[0], (long long)t->dim[1], shape->w);
    }
    shape->rate = (float)latent_stylegan2_rate(w, prefix);
    return 0;
}

int latent_generator_shape_of(latent_weights *w, const char *prefix, latent_generator_shape *shape,
                              latent_error *e)
{
    const latent_entry *t, *rgb;
    double clamp;
    memset(shape, 0, sizeof(*shape));
    if (read_mapping_shape(w, prefix, shape, e))
        return -1;
    for (shape->blocks = 0; shape->blocks < LATENT_BLOCKS; shape->blocks++) {
        t = block_entry(w, prefix, shape->blocks, "conv1.weight");
        if (!t || t->rank != 4)
            break;
        rgb = block_entry(w, prefix, shape->blocks, "torgb.weight");
        if (!rgb || block_entry(w, prefix, shape->blocks, "skip.weight"))
            return latent_fail(e,
                               "this generator draws only after its last block, as \"resnet\" and "
                               "\"orig\" ones do; only one that draws after every block (\"skip\") "
                               "can be trained");
        if (rgb->rank == 4 && rgb->dim[0] != 3)
            return latent_fail(e,
                               "it draws pictures of %lld channels; only those of 3 (red, green, "
                               "blue) can be trained",
                               (long long)rgb->dim[0]);
        shape->channels[shape->blocks] = (int)t->dim[0];
    }
    if (block_entry(w, prefix, LATENT_BLOCKS, "conv1.weight"))
        return latent_fail(e,
                           "this generator draws more than %d pixels; no larger one can be trained",
                           4 << (LATENT_BLOCKS - 1));
    shape->noise = block_entry(w, prefix, 0, "conv1.noise_strength") != NULL;
    clamp = latent_stylegan2_setting(w, prefix, "synthesis.b4.conv1", "conv_clamp", 0);
    shape->clamp = clamp > 0 && clamp < 1e30 ? (float)clamp : 0;
    return check_shape(shape, e);
}

static int read_numbers(latent_weights *w, const char *prefix, const char *name, int rank,
                        const int64_t *dim, float *to, latent_error *e)
{
    const latent_entry *t = entry(w, prefix, name);
    int same = t && t->rank == rank;
    for (int i = 0; i < rank && same; i++)
        same = t->dim[i] == dim[i];
    if (!t)
        return latent_fail(e, "%s%s is missing", prefix, name);
    if (!same) {
        char is[100], should[100];
        describe(is, sizeof(is), t->rank, t->dim);
        describe(should, sizeof(should), rank, dim);
        return latent_fail(e, "%s%s is %s, expected %s", prefix, name, is, should);
    }
    if (latent_weights_read(w, t, to, e))
        return -1;
    for (int64_t i = 0; i < t->count; i++)
        if (!isfinite(to[i]))
            return latent_fail(e, "%s%s has values that are no numbers (NaN or infinite)", prefix,
                               name);
    return 0;
}

static int read_layer(latent_generator *g, latent_generator_layer *l, float *noise,
                      latent_weights *w, const char *prefix, latent_error *e)
{
    const latent_parameter *p = &g->p.item[l->weight];
    const latent_layer *s = &l->shape;
    int rest[4] = {l->bias, l->affine_w, l->affine_b, l->strength};
    float *file = malloc(p->count * sizeof(float));
    if (!file)
        return latent_fail(e, "no memory to read %s", p->name);
    if (read_numbers(w, prefix, p->name, 4, (int64_t[]){s->out, s->in, s->kernel, s->kernel}, file,
                     e)) {
        free(file);
        return -1;
    }
    latent_layer_from_file(s, file, latent_parameter_value(&g->p, l->weight));
    free(file);
    for (int i = 0; i < 4 && rest[i] >= 0; i++) {
        p = &g->p.item[rest[i]];
        if (read_numbers(w, prefix, p->name, p->rank, p->dim, g->p.value + p->at, e))
            return -1;
    }
    if (l->strength >= 0) {
        char name[64];
        snprintf(name, sizeof(name), "%.*snoise_const",
                 (int)(strlen(p->name) - strlen("noise_strength")), p->name);
        return read_numbers(w, prefix, name, 2,
                            (int64_t[]){latent_layer_height(s), latent_layer_width(s)}, noise, e);
    }
    return 0;
}

int latent_generator_read(latent_generator *g, latent_weights *w, const char *prefix,
                          latent_error *e)
{
    const latent_generator_shape *s = &g->shape;
    const latent_parameter *p = &g->p.item[g->constant];
    float *file;
    for (int i = 0; i < 2 * s->mapping; i++) {
        const latent_parameter *f = &g->p.item[i % 2 ? g->fc_b[i / 2] : g->fc_w[i / 2]];
        if (read_numbers(w, prefix, f->name, f->rank, f->dim, g->p.value + f->at, e))
            return -1;
    }
    if (!(file = malloc(p->count * sizeof(float))))
        return latent_fail(e, "no memory to read %s", p->name);
    if (read_numbers(w, prefix, p->name, 3, (int64_t[]){s->channels[0], 4, 4}, file, e)) {
        free(file);
        return -1;
    }
    for (int k = 0; k < 16; k++)
        for (int c = 0; c < s->channels[0]; c++)
            g->p.value[p->at + (size_t)(k * s->channels[0] + c)] = file[c * 16 + k];
    free(file);
    for (int i = 0; i < s->blocks; i++) {
        for (int k = i ? 2 * i - 1 : 0; k <= 2 * i; k++)
            if (read_layer(g, &g->conv[k], g->noise_const[k], w, prefix, e))
                return -1;
        if (read_layer(g, &g->rgb[i], NULL, w, prefix, e))
            return -1;
    }
    memcpy(g->p.average, g->p.value, g->p.count * sizeof(float));
    return 0;
}
