/* networks: see networks.h */
#include "networks.h"
#include "../base/counter_random.h"
#include "../graph/evaluate.h"
#include "../models/architectures.h"
#include "../models/reader.h"
#include "leaves.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEAN_SAMPLES 4096
#define MEAN_TOGETHER 256

enum { CHANCE_WEIGHTS_G = 1, CHANCE_MEAN = 3, CHANCE_WEIGHTS_D };

/* ---- making */

static int add_tensor(void *context, const char *name, int rank, const int64_t *dim,
                      latent_error *e)
{
    float rate = strstr(name, "noise_const") ? 0 : 1; /* what players add: it is not trained */
    return latent_parameters_add(context, rate, e, rank, dim, "%s", name) < 0 ? -1 : 0;
}

static void fill(const latent_parameters *p, int i, double deviation, uint64_t seed,
                 uint64_t purpose)
{
    latent_counter_random c = latent_counter_random_at(seed, purpose, (uint64_t)i);
    float *f = latent_parameter_value(p, i);
    for (size_t k = 0; k < p->item[i].count; k++)
        f[k] = (float)(deviation * latent_counter_random_gauss(&c));
}

static int ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

static void fresh_weights(latent_generator *g, uint64_t seed)
{
    for (int i = 0; i < g->p.n; i++) {
        const char *name = g->p.item[i].name;
        float *v = latent_parameter_value(&g->p, i);
        if (ends_with(name, "affine.bias"))
            for (size_t k = 0; k < g->p.item[i].count; k++)
                v[k] = 1;
        else if (ends_with(name, ".weight") || ends_with(name, "const"))
            fill(&g->p, i, strncmp(name, "mapping", 7) ? 1 : 1 / (double)g->shape.rate, seed,
                 CHANCE_WEIGHTS_G);
    }
    memcpy(g->p.average, g->p.value, g->p.count * sizeof(float));
}

int latent_generator_init(latent_generator *g, const latent_generator_shape *shape, uint64_t seed,
                          latent_error *e)
{
    memset(g, 0, sizeof(*g));
    if (latent_generator_check(shape, e))
        return -1;
    g->shape = *shape;
    if (!(shape->rate > 0))
        g->shape.rate = LATENT_MAPPING_RATE;
    g->resolution = 4 << (shape->blocks - 1);
    g->rows = LATENT_GENERATOR_ROWS(shape);
    if (latent_generator_list(shape, add_tensor, &g->p, e) ||
        latent_parameters_allocate(&g->p, 1, e)) {
        latent_generator_free(g);
        return -1;
    }
    fresh_weights(g, seed);
    return 0;
}

void latent_generator_free(latent_generator *g)
{
    latent_parameters_free(&g->p);
    memset(g, 0, sizeof(*g));
}

int latent_discriminator_init(latent_discriminator *d, const latent_discriminator_shape *shape,
                              uint64_t seed, latent_error *e)
{
    memset(d, 0, sizeof(*d));
    if (latent_discriminator_check(shape, e))
        return -1;
    d->shape = *shape;
    d->resolution = 4 << (shape->blocks - 1);
    if (latent_discriminator_list(shape, add_tensor, &d->p, e) ||
        latent_parameters_allocate(&d->p, 0, e)) {
        latent_discriminator_free(d);
        return -1;
    }
    for (int i = 0; i < d->p.n; i++)
        if (ends_with(d->p.item[i].name, ".weight"))
            fill(&d->p, i, 1, seed, CHANCE_WEIGHTS_D);
    return 0;
}

void latent_discriminator_free(latent_discriminator *d)
{
    latent_parameters_free(&d->p);
    memset(d, 0, sizeof(*d));
}

void latent_discriminator_freeze(latent_discriminator *d, int freeze)
{
    for (int i = 0; i < d->p.n; i++) {
        int side = atoi(d->p.item[i].name + 1), from = d->resolution >> freeze;
        d->p.item[i].rate = freeze > 0 && side > from ? 0 : 1;
    }
}

void latent_generator_z(float *z, int dim, uint64_t seed, uint64_t purpose, uint64_t index)
{
    latent_counter_random c = latent_counter_random_at(seed, purpose, index);
    double sum = 0;
    for (int k = 0; k < dim; k++) {
        z[k] = (float)latent_counter_random_gauss(&c);
        sum += (double)z[k] * (double)z[k];
    }
    for (int k = 0; k < dim; k++)
        z[k] *= (float)(1 / sqrt(sum / dim + 1e-8));
}

/* ---- writing */

/* Adds w of so many z, from the first one on, to the sum. */
static int add_styles(const latent_generator *g, latent_leaves *l, int from, double *sum,
                      latent_error *e)
{
    int dim = g->shape.z;
    latent_tensor *z = latent_tensor_new((latent_shape){MEAN_TOGETHER, 1, 1, dim}, e), *w = NULL;
    latent_node *given, *mapped = NULL;
    if (!z)
        return -1;
    for (int i = 0; i < MEAN_TOGETHER; i++)
        latent_generator_z(z->data + (size_t)i * (size_t)dim, dim, 0, CHANCE_MEAN,
                           (uint64_t)(from + i));
    given = latent_op_picture(z, e);
    if (given && (mapped = latent_generator_map(&g->shape, &l->tensors, given, e)) &&
        !latent_evaluate(mapped, NULL, &w, e))
        for (size_t k = 0; k < w->count; k++)
            sum[k % (size_t)g->shape.w] += (double)w->data[k];
    latent_node_release(mapped);
    latent_node_release(given);
    latent_tensor_release(z);
    if (!w)
        return -1;
    latent_tensor_release(w);
    return 0;
}

/* The mean of w over many z. */
static int measure_mean(const latent_generator *g, int average, float *mean, latent_error *e)
{
    latent_parameters p = g->p;
    latent_leaves l;
    double *sum = calloc((size_t)g->shape.w, sizeof(*sum));
    int failed = !sum ? latent_fail(e, "no memory for the mean of w") : 0;
    if (failed || latent_leaves_begin(&l, &p, average, e)) {
        free(sum);
        return -1;
    }
    for (int from = 0; from < MEAN_SAMPLES && !failed; from += MEAN_TOGETHER)
        failed = add_styles(g, &l, from, sum, e);
    for (int k = 0; k < g->shape.w; k++)
        mean[k] = (float)(sum[k] / MEAN_SAMPLES);
    latent_leaves_end(&l);
    free(sum);
    return failed;
}

/* What a file of a generator holds. */
typedef struct {
    latent_tensor_out *tensor;
    latent_meta_out *meta;
    size_t n, n_meta;
    float *mean; /* of w */
    char rate[32], clamp[32];
} content;

static void content_free(content *c)
{
    free(c->tensor);
    free(c->meta);
    free(c->mean);
}

static int content_of(content *c, const latent_generator *g, int average, int half,
                      const latent_meta_out *meta, size_t n_meta, latent_error *e)
{
    const float *values = average ? g->p.average : g->p.value;
    memset(c, 0, sizeof(*c));
    c->tensor = calloc((size_t)g->p.n + 1, sizeof(*c->tensor));
    c->meta = malloc((n_meta + 3) * sizeof(*c->meta));
    c->mean = malloc((size_t)g->shape.w * sizeof(float));
    if (!c->tensor || !c->meta || !c->mean) {
        content_free(c);
        return latent_fail(e, "no memory to write a generator");
    }
    if (measure_mean(g, average, c->mean, e)) {
        content_free(c);
        return -1;
    }
    for (; c->n < (size_t)g->p.n; c->n++) {
        const latent_parameter *p = &g->p.item[c->n];
        latent_tensor_out *t = &c->tensor[c->n];
        *t = (latent_tensor_out){.name = p->name, .rank = p->rank, .data = values + p->at};
        memcpy(t->dim, p->dim, sizeof(t->dim));
    }
    c->tensor[c->n++] = (latent_tensor_out){
        .name = "mapping.w_avg", .rank = 1, .dim = {g->shape.w}, .data = c->mean};
    for (size_t i = 0; i < c->n; i++)
        c->tensor[i].dtype = half ? LATENT_F16 : LATENT_F32;
    snprintf(c->rate, sizeof(c->rate), "%.9g", (double)g->shape.rate);
    c->meta[c->n_meta++] = (latent_meta_out){"architecture", "stylegan2"};
    c->meta[c->n_meta++] = (latent_meta_out){"lr_multiplier", c->rate};
    if (g->shape.clamp > 0) {
        snprintf(c->clamp, sizeof(c->clamp), "%.9g", (double)g->shape.clamp);
        c->meta[c->n_meta++] = (latent_meta_out){"conv_clamp", c->clamp};
    }
    for (size_t i = 0; i < n_meta; i++)
        c->meta[c->n_meta++] = meta[i];
    return 0;
}

int latent_generator_write(const latent_generator *g, const char *path, int average, int half,
                           const latent_meta_out *meta, size_t n_meta, latent_error *e)
{
    content c;
    int failed;
    if (content_of(&c, g, average, half, meta, n_meta, e))
        return -1;
    failed = latent_safetensors_write(path, c.tensor, c.n, c.meta, c.n_meta, e);
    content_free(&c);
    return failed;
}

latent_model *latent_generator_model(const latent_generator *g, int average, const char *label,
                                     latent_error *e)
{
    content c;
    latent_model_place memory = {NULL, NULL, 0};
    latent_weights *w = NULL;
    latent_model *m = NULL;
    if (content_of(&c, g, average, 0, NULL, 0, e))
        return NULL;
    if (!latent_safetensors_put(&memory, c.tensor, c.n, c.meta, c.n_meta, e))
        w = latent_weights_open_memory(memory.data, memory.size, e);
    if (w)
        m = latent_model_from_weights(w, label, (latent_progress){NULL, NULL}, e);
    latent_weights_close(w);
    free(memory.data);
    content_free(&c);
    return m;
}

/* ---- reading */

static int read_mapping_shape(latent_reader *r, latent_generator_shape *shape)
{
    const latent_entry *t = latent_reader_find(r, "mapping.embed.weight");
    if (t)
        return latent_fail(r->error,
                           "this generator has %lld classes; only one without classes can be "
                           "trained",
                           (long long)(t->rank == 2 ? t->dim[1] : 0));
    t = latent_reader_find(r, "mapping.fc0.weight");
    if (!t || t->rank != 2)
        return latent_fail(r->error,
                           "this is no generator of StyleGAN2: %smapping.fc0.weight is missing "
                           "or no matrix",
                           r->prefix);
    shape->z = (int)t->dim[1];
    shape->w = (int)t->dim[0];
    for (shape->mapping = 0; shape->mapping < 9; shape->mapping++) {
        t = latent_reader_find(r, "mapping.fc%d.weight", shape->mapping);
        if (!t || t->rank != 2)
            break;
        if (t->dim[0] != shape->w || (shape->mapping && t->dim[1] != shape->w))
            return latent_fail(r->error,
                               "its mapping layers have different widths (mapping.fc%d.weight is "
                               "%lld x %lld, the first gives %d); only those with one width can be "
                               "trained",
                               shape->mapping, (long long)t->dim[0], (long long)t->dim[1],
                               shape->w);
    }
    shape->rate = (float)latent_stylegan2_rate(r->file, r->prefix);
    return 0;
}

/* Block number i; its channels go to *channels.  0 when there is none, -1 and a sentence. */
static int read_block_shape(latent_reader *r, int i, int *channels)
{
    const latent_entry *t = latent_reader_find(r, "synthesis.b%d.conv1.weight", 4 << i);
    int draws;
    if (!t || t->rank != 4)
        return 0;
    *channels = (int)t->dim[0];
    t = latent_reader_find(r, "synthesis.b%d.torgb.weight", 4 << i);
    draws = t ? t->rank == 4 ? (int)t->dim[0] : 3 : 0;
    if (!draws || latent_reader_find(r, "synthesis.b%d.skip.weight", 4 << i))
        return latent_fail(r->error,
                           "this generator draws only after its last block, as \"resnet\" and "
                           "\"orig\" ones do; only one that draws after every block (\"skip\") "
                           "can be trained");
    if (draws != 3)
        return latent_fail(r->error,
                           "it draws pictures of %d channels; only those of 3 (red, green, "
                           "blue) can be trained",
                           draws);
    return 1;
}

int latent_generator_shape_of(latent_weights *w, const char *prefix, latent_generator_shape *shape,
                              latent_error *e)
{
    latent_reader r = {.file = w, .prefix = prefix, .error = e};
    double clamp;
    int there = 1;
    memset(shape, 0, sizeof(*shape));
    if (read_mapping_shape(&r, shape))
        return -1;
    while (shape->blocks < LATENT_BLOCKS &&
           (there = read_block_shape(&r, shape->blocks, &shape->channels[shape->blocks])) > 0)
        shape->blocks++;
    if (there < 0)
        return -1;
    if (latent_reader_find(&r, "synthesis.b%d.conv1.weight", 4 << LATENT_BLOCKS))
        return latent_fail(e,
                           "this generator draws more than %d pixels; no larger one can be trained",
                           4 << (LATENT_BLOCKS - 1));
    shape->noise = latent_reader_find(&r, "synthesis.b4.conv1.noise_strength") != NULL;
    clamp = latent_stylegan2_setting(w, prefix, "synthesis.b4.conv1", "conv_clamp", 0);
    shape->clamp = clamp > 0 && clamp < 1e30 ? (float)clamp : 0;
    return latent_generator_check(shape, e);
}

int latent_discriminator_shape_of(latent_weights *w, const char *prefix,
                                  latent_discriminator_shape *shape, latent_error *e)
{
    latent_reader r = {.file = w, .prefix = prefix, .error = e};
    const latent_entry *t = latent_reader_find(&r, "b4.conv.weight");
    char key[160];
    double clamp;
    memset(shape, 0, sizeof(*shape));
    if (!t || t->rank != 4)
        return latent_fail(e, "there is no discriminator of StyleGAN2");
    shape->channels[0] = (int)t->dim[0];
    if (latent_reader_find(&r, "mapping.fc0.weight") ||
        latent_reader_find(&r, "mapping.embed.weight"))
        return latent_fail(e, "a discriminator with classes cannot be trained here");
    shape->group = 4; /* as NVIDIA trains */
    shape->pack = 1;
    for (shape->blocks = 1; shape->blocks < LATENT_BLOCKS; shape->blocks++) {
        t = latent_reader_find(&r, "b%d.conv0.weight", 4 << shape->blocks);
        if (!t || t->rank != 4)
            break;
        shape->channels[shape->blocks] = (int)t->dim[0];
    }
    snprintf(key, sizeof(key), "%.40sb4.conv.conv_clamp", prefix);
    if (!latent_weights_number(w, key, &clamp))
        shape->clamp = clamp > 0 && clamp < 1e30 ? (float)clamp : 0;
    return latent_discriminator_check(shape, e);
}

static int read_all(latent_parameters *p, latent_weights *w, const char *prefix, latent_error *e)
{
    latent_reader r = {.file = w, .prefix = prefix, .error = e};
    for (int i = 0; i < p->n; i++) {
        const latent_parameter *f = &p->item[i];
        if (latent_reader_numbers(&r, f->name, f->rank, f->dim, p->value + f->at))
            return -1;
    }
    if (p->average)
        memcpy(p->average, p->value, p->count * sizeof(float));
    latent_parameters_changed(p);
    return 0;
}

int latent_generator_read(latent_generator *g, latent_weights *w, const char *prefix,
                          latent_error *e)
{
    return read_all(&g->p, w, prefix, e);
}

int latent_discriminator_read(latent_discriminator *d, latent_weights *w, const char *prefix,
                              latent_error *e)
{
    return read_all(&d->p, w, prefix, e);
}
