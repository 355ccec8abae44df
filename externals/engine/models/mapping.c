/* mapping: see mapping.h */
#include "mapping.h"
#include "../kernels/gemm.h"
#include "architectures.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQRT2 1.41421356237309504880f
#define LRELU_SLOPE 0.2f

/* ---- reading */

double latent_stylegan2_setting(const latent_weights *w, const char *prefix, const char *where,
                                const char *name, double otherwise)
{
    char key[200];
    double value;
    snprintf(key, sizeof(key), "%s%s.%s", prefix, where, name);
    if (!latent_weights_number(w, key, &value))
        return value;
    snprintf(key, sizeof(key), "%s_init_kwargs.synthesis_kwargs.%s", prefix, name);
    if (!latent_weights_number(w, key, &value))
        return value;
    snprintf(key, sizeof(key), "%s%s", prefix, name);
    if (!latent_weights_number(w, key, &value) || !latent_weights_number(w, name, &value))
        return value;
    return otherwise;
}

/* A layer of a .pkl tells its gain, which is this / sqrt(in). */
double latent_stylegan2_rate(const latent_weights *w, const char *prefix)
{
    char name[200];
    const latent_entry *t;
    double gain = latent_stylegan2_setting(w, prefix, "mapping.fc0", "weight_gain", 0);
    snprintf(name, sizeof(name), "%smapping.fc0.weight", prefix);
    t = latent_weights_find(w, name);
    if (gain > 0 && t && t->rank == 2)
        return gain * sqrt((double)t->dim[1]);
    return latent_stylegan2_setting(w, prefix, "mapping", "lr_multiplier", 0.01);
}

/* Refuses what would be computed otherwise than here. */
int latent_check_activation(latent_reader *r, const char *where)
{
    char key[200];
    const char *text;
    snprintf(key, sizeof(key), "%s%s.activation", r->prefix, where);
    text = latent_weights_text(r->file, key);
    if (text && strcmp(text, "lrelu"))
        return latent_fail(r->error, "%s%s uses the activation %s; only lrelu is known", r->prefix,
                           where, text);
    return 0;
}

/* A matrix whose sides are sound: [out][in]. */
static const latent_entry *find_matrix(latent_reader *r, const char *name)
{
    const latent_entry *t = latent_reader_find(r, "%s", name);
    if (!t || t->rank != 2 || t->dim[0] < 1 || t->dim[0] > 65536 || t->dim[1] < 1 ||
        t->dim[1] > 1 << 20)
        return NULL;
    return t;
}

/* Reads weight and bias of a fully connected layer of the mapping, whose sides are known. */
static int read_fc(latent_reader *r, const char *where, int in, int out, latent_mapping_layer *fc)
{
    char weight[96], bias[96];
    snprintf(weight, sizeof(weight), "%s.weight", where);
    snprintf(bias, sizeof(bias), "%s.bias", where);
    fc->in = in;
    fc->out = out;
    fc->weight = latent_reader_array(r, weight, 2, (int64_t[]){out, in});
    fc->bias = fc->weight ? latent_reader_array(r, bias, 1, (int64_t[]){out}) : NULL;
    return fc->bias ? 0 : -1;
}

static int read_embedding(latent_mapping *g, latent_reader *r, latent_generator_dims *dims)
{
    const latent_entry *t;
    if (!latent_reader_find(r, "mapping.embed.weight"))
        return 0;
    if (!(t = find_matrix(r, "mapping.embed.weight")))
        return latent_fail(r->error, "%s is not a matrix", r->found.name);
    dims->classes = (int)t->dim[1];
    return read_fc(r, "mapping.embed", (int)t->dim[1], (int)t->dim[0], &g->embed);
}

int latent_mapping_read(latent_mapping *g, latent_reader *r, latent_generator_dims *dims,
                        double rate)
{
    const latent_entry *t;
    char name[80];
    int width;
    if (latent_check_activation(r, "mapping.fc0") || read_embedding(g, r, dims))
        return -1;
    t = find_matrix(r, "mapping.fc0.weight");
    if (!t || t->dim[1] <= g->embed.out || t->dim[1] > 65536)
        return latent_fail(r->error, "%smapping.fc0.weight is missing or no matrix that fits",
                           r->prefix);
    width = (int)t->dim[1];
    dims->z_dim = width - g->embed.out;
    for (g->n_fc = 0; latent_reader_find(r, "mapping.fc%d.weight", g->n_fc); g->n_fc++) {
        if (g->n_fc == LATENT_MAPPING_LAYERS - 1)
            return latent_fail(r->error, "more than %d mapping layers", LATENT_MAPPING_LAYERS - 1);
        snprintf(name, sizeof(name), "mapping.fc%d.weight", g->n_fc);
        if (!(t = find_matrix(r, name)) || t->dim[1] != width)
            return latent_fail(r->error, "%s%s does not fit the layer before it", r->prefix, name);
        snprintf(name, sizeof(name), "mapping.fc%d", g->n_fc);
        width = (int)t->dim[0];
        if (read_fc(r, name, (int)t->dim[1], width, &g->fc[g->n_fc]))
            return -1;
    }
    dims->w_dim = width;
    g->lr_multiplier = rate < 0 ? latent_stylegan2_rate(r->file, r->prefix) : rate;
    if (!(g->lr_multiplier > 0) || isinf(g->lr_multiplier))
        return latent_fail(r->error, "the mapping's learning-rate multiplier is %g",
                           g->lr_multiplier);
    if (!latent_reader_find(r, "mapping.w_avg"))
        return 0;
    dims->w_avg = latent_reader_array(r, "mapping.w_avg", 1, (int64_t[]){width});
    return dims->w_avg ? 0 : -1;
}

void latent_mapping_free(latent_mapping *g)
{
    free(g->embed.weight);
    free(g->embed.bias);
    for (int i = 0; i < LATENT_MAPPING_LAYERS; i++) {
        free(g->fc[i].weight);
        free(g->fc[i].bias);
    }
}

/* ---- z to w */

/* x <- x / sqrt(mean(x^2) + 1e-8) */
static void normalise(float *x, int n)
{
    double sum = 0;
    float scale;
    for (int i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    scale = (float)(1 / sqrt(sum / n + 1e-8));
    for (int i = 0; i < n; i++)
        x[i] *= scale;
}

static void embed_classes(const latent_mapping_layer *embed, const float *classes, float *y)
{
    float gain = 1 / sqrtf((float)embed->in);
    for (int o = 0; o < embed->out; o++) {
        const float *row = embed->weight + (size_t)o * (size_t)embed->in;
        float sum = 0;
        if (classes)
            for (int i = 0; i < embed->in; i++)
                sum += row[i] * classes[i];
        else
            sum = row[0];
        y[o] = gain * sum + embed->bias[o];
    }
    normalise(y, embed->out);
}

int latent_mapping_apply(const latent_mapping *g, const latent_generator_dims *dims, const float *z,
                         const float *classes, float *w, latent_error *e)
{
    int widest = g->fc[0].in;
    float *x, *y, *memory;
    for (int i = 0; i < g->n_fc; i++)
        widest = g->fc[i].out > widest ? g->fc[i].out : widest;
    if (!(memory = malloc(2 * (size_t)widest * sizeof(float))))
        return latent_fail(e, "no memory for a latent");
    x = memory;
    y = memory + widest;
    memcpy(x, z, (size_t)dims->z_dim * sizeof(float));
    normalise(x, dims->z_dim);
    if (g->embed.weight)
        embed_classes(&g->embed, classes, x + dims->z_dim);
    for (int i = 0; i < g->n_fc; i++) {
        const latent_mapping_layer *fc = &g->fc[i];
        float gain = (float)(g->lr_multiplier / sqrt(fc->in)), *swap = x;
        latent_matvec(fc->weight, x, y, fc->out, fc->in);
        for (int o = 0; o < fc->out; o++) {
            float v = gain * y[o] + (float)g->lr_multiplier * fc->bias[o];
            y[o] = SQRT2 * (v < 0 ? LRELU_SLOPE * v : v);
        }
        x = y;
        y = swap;
    }
    memcpy(w, x, (size_t)dims->w_dim * sizeof(float));
    free(memory);
    return 0;
}
