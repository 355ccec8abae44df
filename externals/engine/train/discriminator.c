/* discriminator: see discriminator.h

       picture -> fromRGB -> block R -> ... -> block 8 -> 4 x 4: deviation, conv, fc, out
       (at 4 x 4 it may be given what another network sees in the picture, channels beside its own)
       block r:  conv0 -> conv1, halving; plus the shortcut, halved -> skip; both times sqrt(1/2)
*/
#include "discriminator.h"
#include "../base/counter_random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQRT2 1.41421356237309504880f
#define SQRT_HALF 0.70710678118654752440f
#define SLOPE 0.2f
#define CHANCE_WEIGHTS 4

/* ---- making */

static int add_layer(latent_discriminator *d, latent_discriminator_layer *l, int block,
                     const char *name, int in, int out, int kernel, int way, int bias, float gain,
                     latent_error *e)
{
    int side = 4 << block, small = kernel == 1 && gain < 1 ? side / 2 : side;
    l->shape = (latent_layer){d->batch, small, small, in, out, kernel, way};
    l->gain = gain;
    l->bias = -1;
    l->weight = latent_parameters_add(&d->p, 1, e, 4, (int64_t[]){kernel, kernel, in, out},
                                      "b%d.%s.weight", side, name);
    if (bias)
        l->bias =
            latent_parameters_add(&d->p, 1, e, 1, (int64_t[]){out}, "b%d.%s.bias", side, name);
    return l->weight < 0 || (bias && l->bias < 0) ? -1 : 0;
}

static int add_all(latent_discriminator *d, latent_error *e)
{
    const latent_discriminator_shape *s = &d->shape;
    int last = s->blocks - 1, c = s->channels[0];
    if (add_layer(d, &d->from_rgb, last, "fromrgb", 3 * s->pack, s->channels[last], 1, 0, 1, SQRT2,
                  e))
        return -1;
    for (int i = last; i > 0; i--) {
        int in = s->channels[i], out = s->channels[i - 1];
        if (add_layer(d, &d->conv0[i], i, "conv0", in, in, 3, 0, 1, SQRT2, e) ||
            add_layer(d, &d->conv1[i], i, "conv1", in, out, 3, -1, 1, 1, e) ||
            add_layer(d, &d->skip[i], i, "skip", in, out, 1, 0, 0, SQRT_HALF, e))
            return -1;
    }
    if (add_layer(d, &d->last, 0, "conv", c + s->seen + 1, c, 3, 0, 1, SQRT2, e))
        return -1;
    d->fc_w = latent_parameters_add(&d->p, 1, e, 2, (int64_t[]){c, 16 * c}, "b4.fc.weight");
    d->fc_b = latent_parameters_add(&d->p, 1, e, 1, (int64_t[]){c}, "b4.fc.bias");
    d->out_w = latent_parameters_add(&d->p, 1, e, 2, (int64_t[]){1, c}, "b4.out.weight");
    d->out_b = latent_parameters_add(&d->p, 1, e, 1, (int64_t[]){1}, "b4.out.bias");
    return d->fc_w < 0 || d->fc_b < 0 || d->out_w < 0 || d->out_b < 0 ? -1 : 0;
}

static size_t count_of(const latent_discriminator_layer *l)
{
    return (size_t)latent_layer_height(&l->shape) * (size_t)latent_layer_width(&l->shape) *
           (size_t)l->shape.out;
}

static int take_memory(latent_discriminator *d, latent_error *e)
{
    const latent_discriminator_shape *s = &d->shape;
    size_t n = (size_t)d->batch, most = 0, r = (size_t)d->resolution, c = (size_t)s->channels[0];
    size_t all;
    int failed = 0;
    d->from_rgb.y = latent_layer_numbers(n * count_of(&d->from_rgb), &failed);
    for (int i = s->blocks - 1; i > 0; i--) {
        size_t side = (size_t)(4 << i), one = side * side * (size_t)s->channels[i];
        most = one > most ? one : most;
        one = count_of(&d->conv1[i]);
        most = one > most ? one : most;
        d->conv0[i].y = latent_layer_numbers(n * count_of(&d->conv0[i]), &failed);
        d->conv1[i].y = latent_layer_numbers(n * one, &failed);
        d->skip[i].y = latent_layer_numbers(n * one, &failed);
        d->x[i] = latent_layer_numbers(n * one, &failed);
        d->halved[i] = latent_layer_numbers(n * side * side / 4 * (size_t)s->channels[i], &failed);
    }
    all = c + (size_t)s->seen;
    most = 16 * (all + 1) > most ? 16 * (all + 1) : most;
    if (s->seen) {
        d->joined = latent_layer_numbers(n * 16 * all, &failed);
        d->g_seen = latent_layer_numbers(n * 16 * (size_t)s->seen, &failed);
    }
    d->varied = latent_layer_numbers(n * 16 * (all + 1), &failed);
    d->last.y = latent_layer_numbers(n * count_of(&d->last), &failed);
    d->fc = latent_layer_numbers(n * c, &failed);
    d->logit = latent_layer_numbers(n, &failed);
    d->g_fc = latent_layer_numbers(n * c, &failed);
    d->g_pictures = latent_layer_numbers(n * r * r * 3 * (size_t)s->pack, &failed);
    for (int i = 0; i < 3; i++)
        d->g[i] = latent_layer_numbers(n * most, &failed);
    return failed ? latent_fail(e, "no memory to train a discriminator") : 0;
}

static int check_shape(const latent_discriminator_shape *s, latent_error *e)
{
    if (s->blocks < 1 || s->blocks > LATENT_BLOCKS)
        return latent_fail(e, "a discriminator of %d blocks is not possible", s->blocks);
    if (s->seen < 0 || s->seen > 1024 || (s->seen && s->pack != 1))
        return latent_fail(e, "a discriminator that is told what another one sees judges pictures "
                              "one by one");
    if (s->group < 1)
        return latent_fail(e, "a discriminator's group of %d pictures is not possible", s->group);
    if (s->pack != 1 && s->pack != 2 && s->pack != 4) /* what divides any batch */
        return latent_fail(e, "%d pictures cannot be judged together; 1, 2 and 4 can", s->pack);
    for (int i = 0; i < s->blocks; i++)
        if (s->channels[i] < 1 || s->channels[i] > 1024)
            return latent_fail(e,
                               "a discriminator's block of %d channels cannot be trained; 1 to "
                               "1024 can",
                               s->channels[i]);
    return 0;
}

int latent_discriminator_init(latent_discriminator *d, const latent_discriminator_shape *shape,
                              int batch, uint64_t seed, latent_error *e)
{
    memset(d, 0, sizeof(*d));
    if (check_shape(shape, e))
        return -1;
    d->shape = *shape;
    d->batch = batch;
    d->resolution = 4 << (shape->blocks - 1);
    if (add_all(d, e) || latent_parameters_allocate(&d->p, 0, e) || take_memory(d, e)) {
        latent_discriminator_free(d);
        return -1;
    }
    for (int i = 0; i < d->p.n; i++) {
        const latent_parameter *p = &d->p.item[i];
        latent_counter_random c = latent_counter_random_at(seed, CHANCE_WEIGHTS, (uint64_t)i);
        if (!strcmp(strrchr(p->name, '.'), ".weight"))
            for (size_t k = 0; k < p->count; k++)
                d->p.value[p->at + k] = (float)latent_counter_random_gauss(&c);
    }
    return 0;
}

void latent_discriminator_free(latent_discriminator *d)
{
    latent_parameters_free(&d->p);
    free(d->from_rgb.y);
    free(d->last.y);
    for (int i = 0; i < LATENT_BLOCKS; i++) {
        free(d->conv0[i].y);
        free(d->conv1[i].y);
        free(d->skip[i].y);
        free(d->x[i]);
        free(d->halved[i]);
    }
    free(d->joined);
    free(d->g_seen);
    free(d->varied);
    free(d->fc);
    free(d->logit);
    free(d->g_fc);
    free(d->g_pictures);
    for (int i = 0; i < 3; i++)
        free(d->g[i]);
    memset(d, 0, sizeof(*d));
}

double latent_discriminator_cost(const latent_discriminator *d)
{
    double sum = latent_layer_cost(&d->from_rgb.shape) + latent_layer_cost(&d->last.shape);
    double c = d->shape.channels[0];
    for (int i = 1; i < d->shape.blocks; i++)
        sum += latent_layer_cost(&d->conv0[i].shape) + latent_layer_cost(&d->conv1[i].shape) +
               latent_layer_cost(&d->skip[i].shape);
    return sum / d->last.shape.n + 16 * c * c;
}

void latent_discriminator_freeze(latent_discriminator *d, int freeze)
{
    for (int i = 0; i < d->p.n; i++) {
        int side = atoi(d->p.item[i].name + 1), from = d->resolution >> freeze;
        d->p.item[i].rate = freeze > 0 && side > from ? 0 : 1;
    }
}

/* ---- forward */

static const float *value(const latent_discriminator *d, int i)
{
    return d->p.value + d->p.item[i].at;
}

static latent_layer_end end_of(const latent_discriminator *d, const latent_discriminator_layer *l)
{
    latent_layer_end end = {.slope = l->bias < 0 ? 1 : SLOPE, .gain = l->gain};
    end.factor = 1 / sqrtf((float)(l->shape.in * l->shape.kernel * l->shape.kernel));
    end.bias = l->bias < 0 ? NULL : value(d, l->bias);
    end.clamp = d->shape.clamp * (l->gain < SQRT2 ? SQRT_HALF : 1);
    return end;
}

static void layer_forward(latent_discriminator *d, latent_discriminator_layer *l, int n,
                          const float *x, latent_workspace *room)
{
    latent_layer_end end = end_of(d, l);
    l->shape.n = n;
    latent_layer_forward(&l->shape, value(d, l->weight), x, NULL, &end, l->y, room);
}

/* a [rows][na] and b [rows][nb] side by side, and apart again. */
static void join(size_t rows, size_t na, const float *a, size_t nb, const float *b, float *both)
{
    for (size_t r = 0; r < rows; r++, both += na + nb) {
        memcpy(both, a + r * na, na * sizeof(float));
        memcpy(both + na, b + r * nb, nb * sizeof(float));
    }
}

static void part(size_t rows, size_t na, float *a, size_t nb, float *b, const float *both)
{
    for (size_t r = 0; r < rows; r++, both += na + nb) {
        memcpy(a + r * na, both, na * sizeof(float));
        memcpy(b + r * nb, both + na, nb * sizeof(float));
    }
}

const float *latent_discriminator_forward(latent_discriminator *d, int n, int group,
                                          const float *pictures, const float *seen,
                                          latent_workspace *room)
{
    int c = d->shape.channels[0], all = c + d->shape.seen;
    const float *x = d->from_rgb.y;
    d->pictures = pictures;
    d->group = group;
    layer_forward(d, &d->from_rgb, n, pictures, room);
    for (int i = d->shape.blocks - 1; i > 0; i--) {
        size_t count = (size_t)n * count_of(&d->conv1[i]);
        int side = 4 << i;
        layer_forward(d, &d->conv0[i], n, x, room);
        layer_forward(d, &d->conv1[i], n, d->conv0[i].y, room);
        latent_halve(n, side, side, d->shape.channels[i], x, d->halved[i]);
        layer_forward(d, &d->skip[i], n, d->halved[i], room);
        for (size_t k = 0; k < count; k++)
            d->x[i][k] = d->conv1[i].y[k] + d->skip[i].y[k];
        x = d->x[i];
    }
    if (d->shape.seen) {
        join(16 * (size_t)n, (size_t)c, x, (size_t)d->shape.seen, seen, d->joined);
        x = d->joined;
    }
    for (int i = 0; i < n; i += group)
        latent_deviation(group, d->shape.group, 16, all, x + (size_t)i * 16 * (size_t)all,
                         d->varied + (size_t)i * 16 * (size_t)(all + 1));
    layer_forward(d, &d->last, n, d->varied, room);
    latent_full_forward(n, 16 * c, c, value(d, d->fc_w), value(d, d->fc_b),
                        1 / sqrtf(16 * (float)c), 1, d->last.y, d->fc);
    latent_lrelu((size_t)n * (size_t)c, SLOPE, SQRT2, d->fc);
    latent_full_forward(n, c, 1, value(d, d->out_w), value(d, d->out_b), 1 / sqrtf((float)c), 1,
                        d->fc, d->logit);
    return d->logit;
}

/* ---- back */

static float *gradient(latent_discriminator *d, int i, int train)
{
    return train && i >= 0 && d->p.item[i].rate != 0 ? latent_parameter_gradient(&d->p, i) : NULL;
}

/* g is spent. */
static void layer_back(latent_discriminator *d, latent_discriminator_layer *l, int first, int n,
                       const float *x, float *g, float *gx, int train, latent_workspace *room)
{
    latent_layer_end end = end_of(d, l);
    size_t before = (size_t)l->shape.h * (size_t)l->shape.w * (size_t)l->shape.in;
    l->shape.n = n;
    latent_end_back(&l->shape, &end, l->y + (size_t)first * count_of(l), g,
                    gradient(d, l->bias, train), NULL, NULL, room);
    latent_layer_back(&l->shape, value(d, l->weight), x + (size_t)first * before, NULL, g, gx, NULL,
                      gradient(d, l->weight, train), room);
}

const float *latent_discriminator_back(latent_discriminator *d, int first, int n,
                                       const float *g_logit, int want_pictures, int train,
                                       latent_workspace *room)
{
    int c = d->shape.channels[0], all = c + d->shape.seen;
    size_t C = (size_t)c, from = (size_t)first, A = (size_t)all;
    float *g = d->g[0], *other = d->g[1], *spent = d->g[2], *swap;
    const float *x = d->shape.seen ? d->joined : d->shape.blocks > 1 ? d->x[1] : d->from_rgb.y;
    latent_full_back(n, c, 1, value(d, d->out_w), 1 / sqrtf((float)c), 1, d->fc + from * C, g_logit,
                     d->g_fc, 0, gradient(d, d->out_w, train), gradient(d, d->out_b, train));
    latent_lrelu_back((size_t)n * C, SLOPE, SQRT2, d->fc + from * C, d->g_fc);
    latent_full_back(n, 16 * c, c, value(d, d->fc_w), 1 / sqrtf(16 * (float)c), 1,
                     d->last.y + from * 16 * C, d->g_fc, g, 0, gradient(d, d->fc_w, train),
                     gradient(d, d->fc_b, train));
    layer_back(d, &d->last, first, n, d->varied, g, other, train, room);
    for (int i = 0; i < n; i += d->group)
        latent_deviation_back(d->group, d->shape.group, 16, all, x + (from + (size_t)i) * 16 * A,
                              other + (size_t)i * 16 * (A + 1), g + (size_t)i * 16 * A);
    if (d->shape.seen) {
        part(16 * (size_t)n, C, other, A - C, d->g_seen, g);
        swap = g;
        g = other;
        other = swap;
    }
    for (int i = 1; i < d->shape.blocks; i++) {
        int side = 4 << i, in = d->shape.channels[i];
        size_t count = (size_t)n * count_of(&d->conv1[i]);
        size_t large = (size_t)n * (size_t)(side * side) * (size_t)in;
        x = i + 1 < d->shape.blocks ? d->x[i + 1] : d->from_rgb.y;
        memcpy(spent, g, count * sizeof(float));
        /* the shortcut: to other, enlarged, then out of the way in g */
        layer_back(d, &d->skip[i], first, n, d->halved[i], spent, other, train, room);
        memcpy(spent, g, count * sizeof(float));
        latent_halve_back(n, side, side, in, other, g);
        layer_back(d, &d->conv1[i], first, n, d->conv0[i].y, spent, other, train, room);
        layer_back(d, &d->conv0[i], first, n, x, other, spent, train, room);
        for (size_t k = 0; k < large; k++)
            g[k] += spent[k];
        swap = other;
        other = spent;
        spent = swap;
    }
    layer_back(d, &d->from_rgb, first, n, d->pictures, g, want_pictures ? d->g_pictures : NULL,
               train, room);
    return want_pictures ? d->g_pictures : NULL;
}

/* ---- files */

static const latent_entry *entry(latent_weights *w, const char *prefix, const char *name)
{
    char full[208];
    snprintf(full, sizeof(full), "%.40s%s", prefix, name);
    return latent_weights_find(w, full);
}

int latent_discriminator_shape_of(latent_weights *w, const char *prefix,
                                  latent_discriminator_shape *shape, latent_error *e)
{
    const latent_entry *t = entry(w, prefix, "b4.conv.weight");
    char key[160];
    double clamp;
    memset(shape, 0, sizeof(*shape));
    if (!t || t->rank != 4)
        return latent_fail(e, "there is no discriminator of StyleGAN2");
    if (entry(w, prefix, "mapping.fc0.weight") || entry(w, prefix, "mapping.embed.weight"))
        return latent_fail(e, "a discriminator with classes cannot be trained here");
    shape->channels[0] = (int)t->dim[0];
    shape->group = 4; /* as NVIDIA trains */
    shape->pack = 1;
    for (shape->blocks = 1; shape->blocks < LATENT_BLOCKS; shape->blocks++) {
        snprintf(key, sizeof(key), "b%d.conv0.weight", 4 << shape->blocks);
        t = entry(w, prefix, key);
        if (!t || t->rank != 4)
            break;
        shape->channels[shape->blocks] = (int)t->dim[0];
    }
    snprintf(key, sizeof(key), "%.40sb4.conv.conv_clamp", prefix);
    if (!latent_weights_number(w, key, &clamp))
        shape->clamp = clamp > 0 && clamp < 1e30 ? (float)clamp : 0;
    return check_shape(shape, e);
}

static const latent_discriminator_layer *layer_of(const latent_discriminator *d, int weight)
{
    if (d->from_rgb.weight == weight)
        return &d->from_rgb;
    if (d->last.weight == weight)
        return &d->last;
    for (int i = 1; i < d->shape.blocks; i++) {
        const latent_discriminator_layer *all[3] = {&d->conv0[i], &d->conv1[i], &d->skip[i]};
        for (int k = 0; k < 3; k++)
            if (all[k]->weight == weight)
                return all[k];
    }
    return NULL;
}

/* The fully connected layer's inputs lie channel by channel in files. */
static void fc_from_file(int c, const float *file, float *weights)
{
    for (int o = 0; o < c; o++)
        for (int i = 0; i < c; i++)
            for (int k = 0; k < 16; k++)
                weights[(o * 16 + k) * c + i] = file[(o * c + i) * 16 + k];
}

int latent_discriminator_read(latent_discriminator *d, latent_weights *w, const char *prefix,
                              latent_error *e)
{
    for (int i = 0; i < d->p.n; i++) {
        const latent_parameter *p = &d->p.item[i];
        const latent_entry *t = entry(w, prefix, p->name);
        const latent_discriminator_layer *l = layer_of(d, i);
        float *file, *to = latent_parameter_value(&d->p, i);
        if (!t || (size_t)t->count != p->count)
            return latent_fail(e, "%s%s %s", prefix, p->name,
                               t ? "has another shape" : "is missing");
        if (!(file = malloc(p->count * sizeof(float))))
            return latent_fail(e, "no memory to read %s", p->name);
        if (latent_weights_read(w, t, file, e)) {
            free(file);
            return -1;
        }
        if (l)
            latent_layer_from_file(&l->shape, file, to);
        else if (i == d->fc_w)
            fc_from_file(d->shape.channels[0], file, to);
        else
            memcpy(to, file, p->count * sizeof(float));
        free(file);
    }
    return 0;
}
