/* stylegan2: the generator of StyleGAN2 and StyleGAN2-ADA (Karras et al. 2020, "Analyzing and
   improving the image quality of StyleGAN" and "Training generative adversarial networks with
   limited data"), for any resolution, widths, depth of mapping and number of classes: all sizes are
   taken from the tensors.

       z -> mapping -> w             f: normalise, (embed the class,) fully connected layers
       const 4x4 -> block 4 -> block 8 -> ... -> block R
       block r:  conv0 (enlarges; not in block 4) -> conv1 -> ToRGB, each with a style made of w

   Row k of W+ goes to convolution number k; the ToRGB of a block uses the row after its last
   convolution, which is also that of the next block's first.  "skip" networks draw after every
   block and enlarge and add; "resnet" and "orig" networks draw once, after the last. */
#include "../base/half.h"
#include "../kernels/gemm.h"
#include "../ops/encoder.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include "architectures.h"
#include "stylegan2_layers.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BLOCKS 9 /* 4 to 1024 */
#define MAX_FC 32

typedef struct {
    int in, out;
    float *weight, *bias; /* as stored: [out][in], [out] */
} sg2_fc;

typedef struct {
    sg2_fc embed; /* in = classes, weight NULL when there are none */
    sg2_fc fc[MAX_FC];
    int n_fc;
    double lr_multiplier;  /* of the mapping: its layers' effective weights are this / sqrt(in) of
                              the stored */
    latent_node *constant; /* [1][4][4][c] */
    sg2_block block[MAX_BLOCKS];
    int n_blocks;
} sg2;

/* ---- reading */

typedef struct {
    latent_model *model;
    latent_weights *file;
    const char *prefix;
    latent_progress progress;
    size_t bytes_read, bytes_total;
    latent_error *error;
} sg2_reader;

static const char *path(char *buffer, size_t room, const char *prefix, const char *format,
                        va_list args)
{
    int n = snprintf(buffer, room, "%s", prefix);
    vsnprintf(buffer + n, room - (size_t)n, format, args);
    return buffer;
}

static const latent_entry *entry(const sg2_reader *r, const char *format, ...)
{
    char name[200];
    va_list args;
    const latent_entry *found;
    va_start(args, format);
    found = latent_weights_find(r->file, path(name, sizeof(name), r->prefix, format, args));
    va_end(args);
    return found;
}

static int is_shape(const latent_entry *t, int rank, const int64_t *dim)
{
    if (t->rank != rank)
        return 0;
    for (int i = 0; i < rank; i++)
        if (dim[i] != t->dim[i])
            return 0;
    return 1;
}

static void describe(char *text, size_t room, int rank, const int64_t *dim)
{
    size_t used = (size_t)snprintf(text, room, rank ? "" : "a single number");
    for (int i = 0; i < rank && used < room; i++)
        used +=
            (size_t)snprintf(text + used, room - used, i ? " x %lld" : "%lld", (long long)dim[i]);
}

/* Reads a tensor that must be there with just these sides, into memory of its own. */
static int read_tensor(sg2_reader *r, const char *name, int rank, const int64_t *dim,
                       latent_tensor **tensor)
{
    const latent_entry *t = entry(r, "%s", name);
    latent_shape s = {1, 1, 1, 1};
    *tensor = NULL;
    if (r->progress.cancel && atomic_load(r->progress.cancel))
        return latent_fail(r->error, "cancelled");
    if (!t)
        return latent_fail(r->error, "%s%s is missing", r->prefix, name);
    if (!is_shape(t, rank, dim)) {
        char is[100], should[100];
        describe(is, sizeof(is), t->rank, t->dim);
        describe(should, sizeof(should), rank, dim);
        return latent_fail(r->error, "%s%s is %s, expected %s", r->prefix, name, is, should);
    }
    if (rank == 4)
        s = (latent_shape){(int)dim[0], (int)dim[1], (int)dim[2], (int)dim[3]};
    else if (rank == 3)
        s = (latent_shape){1, (int)dim[0], (int)dim[1], (int)dim[2]};
    else if (rank == 2)
        s = (latent_shape){1, 1, (int)dim[0], (int)dim[1]};
    else if (rank == 1)
        s.c = (int)dim[0];
    if (!(*tensor = latent_tensor_new(s, r->error)))
        return -1;
    if (latent_weights_read(r->file, t, (*tensor)->data, r->error)) {
        latent_tensor_release(*tensor);
        *tensor = NULL;
        return -1;
    }
    for (size_t i = 0; i < (*tensor)->count; i++)
        if (!isfinite((*tensor)->data[i])) {
            latent_tensor_release(*tensor);
            *tensor = NULL;
            return latent_fail(r->error, "%s%s has values that are no numbers (NaN or infinite)",
                               r->prefix, name);
        }
    r->model->weights_bytes += (*tensor)->count * sizeof(float);
    r->model->kept_bytes += (*tensor)->count * sizeof(float);
    return 0;
}

/* In half precision, when that is wanted and worth it, and the numbers fit. */
static latent_node *parameter(sg2_reader *r, latent_tensor *t)
{
    float most = 0;
    for (size_t i = 0; i < t->count; i++)
        most = fmaxf(most, fabsf(t->data[i]));
    if (!r->model->half || t->count < 4096 || most > LATENT_HALF_MOST)
        return latent_op_parameter(t, r->error);
    r->model->kept_bytes -= t->count * sizeof(uint16_t);
    return latent_op_parameter_half(t, r->error);
}

static int read_node(sg2_reader *r, const char *name, int rank, const int64_t *dim,
                     latent_node **node)
{
    latent_tensor *t;
    if (read_tensor(r, name, rank, dim, &t))
        return -1;
    *node = parameter(r, t);
    latent_tensor_release(t);
    return *node ? 0 : -1;
}

static int read_weight(sg2_reader *r, const char *name, int in, int out, int kernel, int up,
                       latent_node **node)
{
    latent_tensor *t;
    if (read_tensor(r, name, 4, (int64_t[]){out, in, kernel, kernel}, &t))
        return -1;
    *node = latent_op_conv_weight(t, up, r->error);
    r->model->kept_bytes -= t->count * sizeof(float);
    latent_tensor_release(t);
    if (!*node)
        return -1;
    if (r->model->half)
        latent_op_conv_weight_halve(*node);
    r->model->kept_bytes += latent_op_conv_weight_bytes(*node);
    return 0;
}

static int read_array(sg2_reader *r, const char *name, int rank, const int64_t *dim, float **array)
{
    latent_tensor *t;
    if (read_tensor(r, name, rank, dim, &t))
        return -1;
    if ((*array = malloc(t->count * sizeof(float))))
        memcpy(*array, t->data, t->count * sizeof(float));
    latent_tensor_release(t);
    return *array ? 0 : latent_fail(r->error, "no memory for %s", name);
}

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
static int check_activation(const sg2_reader *r, const char *where)
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

static int check_filter(const sg2_reader *r, const char *where)
{
    static const float tap[4] = {1, 3, 3, 1};
    char name[200];
    float f[16];
    const latent_entry *t = entry(r, "%s.resample_filter", where);
    const int64_t dim[2] = {4, 4};
    snprintf(name, sizeof(name), "%s%s.resample_filter", r->prefix, where);
    if (!t)
        return 0;
    if (!is_shape(t, 2, dim))
        return latent_fail(r->error, "%s is not 4 x 4; only the filter [1 3 3 1] is known", name);
    if (latent_weights_read(r->file, t, f, r->error))
        return -1;
    for (int i = 0; i < 16; i++)
        if (!(fabsf(f[i] - tap[i / 4] * tap[i % 4] / 64) < 1e-4f))
            return latent_fail(r->error, "%s is not [1 3 3 1]; no other filter is known", name);
    return 0;
}

/* Reads one convolution with its style.  where: "synthesis.b8.conv0"; noise: a map of that side is
   read where there is one; 0 for ToRGB. */
static int read_layer(sg2_reader *r, const char *where, int in, int out, int kernel, int up,
                      int noise, sg2_layer *l)
{
    char name[5][160];
    static const char *const part[5] = {"weight", "bias", "affine.weight", "affine.bias",
                                        "noise_strength"};
    double clamp = latent_stylegan2_setting(r->file, r->prefix, where, "conv_clamp", 0);
    for (int i = 0; i < 5; i++)
        snprintf(name[i], sizeof(name[i]), "%s.%s", where, part[i]);
    if (check_activation(r, where) || check_filter(r, where) ||
        read_weight(r, name[0], in, out, kernel, up, &l->weight) ||
        read_node(r, name[1], 1, (int64_t[]){out}, &l->bias) ||
        read_node(r, name[2], 2, (int64_t[]){in, r->model->generator.w_dim}, &l->affine_w) ||
        read_node(r, name[3], 1, (int64_t[]){in}, &l->affine_b))
        return -1;
    if (!(clamp >= 0) || isinf(clamp))
        return latent_fail(r->error, "%s%s.conv_clamp is %g", r->prefix, where, clamp);
    l->clamp = (float)clamp;
    if (noise && entry(r, "%s", name[4])) {
        latent_tensor *map;
        snprintf(name[0], sizeof(name[0]), "%s.noise_const", where);
        if (read_node(r, name[4], 0, NULL, &l->noise_strength) ||
            read_tensor(r, name[0], 2, (int64_t[]){noise, noise}, &map))
            return -1;
        map->shape = (latent_shape){1, noise, noise, 1};
        l->noise = parameter(r, map);
        latent_tensor_release(map);
        if (!l->noise)
            return -1;
    }
    return 0;
}

static void report(sg2_reader *r, int done, int of)
{
    if (r->progress.permille)
        atomic_store(r->progress.permille, 1000 * done / of);
}

static int read_mapping(sg2_reader *r, sg2 *g)
{
    const latent_entry *t = entry(r, "mapping.embed.weight");
    char name[80];
    int embedded = 0, width;
    if (check_activation(r, "mapping.fc0"))
        return -1;
    if (t) {
        if (t->rank != 2 || t->dim[0] < 1 || t->dim[0] > 65536 || t->dim[1] < 1 ||
            t->dim[1] > 1 << 20)
            return latent_fail(r->error, "%smapping.embed.weight is not a matrix", r->prefix);
        g->embed.in = r->model->generator.classes = (int)t->dim[1];
        g->embed.out = embedded = (int)t->dim[0];
        if (read_array(r, "mapping.embed.weight", 2, t->dim, &g->embed.weight) ||
            read_array(r, "mapping.embed.bias", 1, (int64_t[]){embedded}, &g->embed.bias))
            return -1;
    }
    t = entry(r, "mapping.fc0.weight");
    if (!t || t->rank != 2 || t->dim[1] <= embedded || t->dim[1] > 65536)
        return latent_fail(r->error, "%smapping.fc0.weight is missing or no matrix that fits",
                           r->prefix);
    width = (int)t->dim[1];
    r->model->generator.z_dim = width - embedded;
    for (g->n_fc = 0; (t = entry(r, "mapping.fc%d.weight", g->n_fc)); g->n_fc++) {
        sg2_fc *fc = &g->fc[g->n_fc];
        if (g->n_fc == MAX_FC - 1)
            return latent_fail(r->error, "more than %d mapping layers", MAX_FC - 1);
        if (t->rank != 2 || t->dim[0] < 1 || t->dim[0] > 65536 || t->dim[1] != width)
            return latent_fail(r->error, "%smapping.fc%d.weight does not fit the layer before it",
                               r->prefix, g->n_fc);
        fc->in = width;
        fc->out = width = (int)t->dim[0];
        snprintf(name, sizeof(name), "mapping.fc%d.weight", g->n_fc);
        if (read_array(r, name, 2, t->dim, &fc->weight))
            return -1;
        snprintf(name, sizeof(name), "mapping.fc%d.bias", g->n_fc);
        if (read_array(r, name, 1, (int64_t[]){width}, &fc->bias))
            return -1;
    }
    r->model->generator.w_dim = width;
    g->lr_multiplier = latent_stylegan2_rate(r->file, r->prefix);
    if (!(g->lr_multiplier > 0) || isinf(g->lr_multiplier))
        return latent_fail(r->error, "the mapping's learning-rate multiplier is %g",
                           g->lr_multiplier);
    if (entry(r, "mapping.w_avg"))
        return read_array(r, "mapping.w_avg", 1, (int64_t[]){width}, &r->model->generator.w_avg);
    return 0;
}

/* [c][4][4] of the file to [1][4][4][c], channels last. */
static latent_node *channels_last(const latent_tensor *t, latent_error *e)
{
    int c = t->shape.h, h = t->shape.w, w = t->shape.c;
    latent_tensor *turned = latent_tensor_new((latent_shape){1, h, w, c}, e);
    latent_node *n;
    if (!turned)
        return NULL;
    for (int k = 0; k < c; k++)
        for (int i = 0; i < h * w; i++)
            turned->data[(size_t)i * (size_t)c + (size_t)k] =
                t->data[(size_t)k * (size_t)(h * w) + (size_t)i];
    n = latent_op_parameter(turned, e);
    latent_tensor_release(turned);
    return n;
}

static int read_block(sg2_reader *r, sg2 *g, int i, int last, int *channels, int *row)
{
    sg2_block *b = &g->block[i];
    const latent_entry *t;
    char where[40], conv1[80], torgb[80];
    int out, has_conv0 = i > 0;
    b->resolution = 4 << i;
    b->first_row = *row;
    snprintf(where, sizeof(where), "synthesis.b%d", b->resolution);
    snprintf(conv1, sizeof(conv1), "%s.conv1", where);
    snprintf(torgb, sizeof(torgb), "%s.torgb", where);
    t = entry(r, "%s.conv1.weight", where);
    if (!t || t->rank != 4 || t->dim[0] < 1 || t->dim[0] > 65536)
        return latent_fail(r->error, "%s%s.conv1.weight has no four sides", r->prefix, where);
    out = (int)t->dim[0];
    if (check_filter(r, where))
        return -1;
    if (has_conv0) {
        char conv0[80];
        snprintf(conv0, sizeof(conv0), "%s.conv0", where);
        if (read_layer(r, conv0, *channels, out, 3, 2, b->resolution, &b->conv0))
            return -1;
        if (entry(r, "%s.skip.weight", where)) {
            char skip[80];
            snprintf(skip, sizeof(skip), "%s.skip.weight", where);
            if (read_weight(r, skip, *channels, out, 1, 2, &b->skip))
                return -1;
        }
    }
    if (read_layer(r, conv1, has_conv0 ? out : *channels, out, 3, 1, b->resolution, &b->conv1))
        return -1;
    t = entry(r, "%s.weight", torgb);
    if (!t && last)
        return latent_fail(r->error, "%s%s is missing, so nothing would be drawn", r->prefix,
                           torgb);
    if (t) {
        if (t->rank != 4 || (t->dim[0] != 1 && t->dim[0] != 3 && t->dim[0] != 4) ||
            (r->model->generator.channels && t->dim[0] != r->model->generator.channels))
            return latent_fail(r->error, "%s%s does not draw 1, 3 or 4 channels", r->prefix, torgb);
        r->model->generator.channels = (int)t->dim[0];
        if (read_layer(r, torgb, out, r->model->generator.channels, 1, 1, 0, &b->torgb))
            return -1;
    }
    *row += has_conv0 ? 2 : 1;
    *channels = out;
    return 0;
}

static int sg2_recognise(const latent_weights *w, char *prefix, size_t room)
{
    return latent_weights_prefix(w, "synthesis.b4.const", prefix, room);
}

static int sg2_build(latent_model *m, latent_weights *w, const char *prefix, latent_progress p,
                     latent_error *e)
{
    sg2 *g = m->net = calloc(1, sizeof(*g));
    sg2_reader r = {.model = m, .file = w, .prefix = prefix, .progress = p, .error = e};
    const latent_entry *t = entry(&r, "synthesis.b4.const");
    latent_tensor *constant;
    int channels, row = 0;
    if (!g)
        return latent_fail(e, "no memory for a model");
    if (read_mapping(&r, g))
        return -1;
    if (t->rank != 3 || t->dim[0] < 1 || t->dim[0] > 65536)
        return latent_fail(e, "%ssynthesis.b4.const has no three sides", prefix);
    channels = (int)t->dim[0];
    if (read_tensor(&r, "synthesis.b4.const", 3, (int64_t[]){channels, 4, 4}, &constant))
        return -1;
    g->constant = channels_last(constant, e);
    latent_tensor_release(constant);
    if (!g->constant)
        return -1;
    while (g->n_blocks < MAX_BLOCKS && entry(&r, "synthesis.b%d.conv1.weight", 4 << g->n_blocks))
        g->n_blocks++;
    if (!g->n_blocks)
        return latent_fail(e, "%ssynthesis.b4.conv1.weight is missing", prefix);
    if (entry(&r, "synthesis.b%d.conv1.weight", 4 << MAX_BLOCKS))
        return latent_fail(e, "a network of more than 1024 x 1024");
    for (int i = 0; i < g->n_blocks; i++) {
        if (read_block(&r, g, i, i == g->n_blocks - 1, &channels, &row))
            return -1;
        snprintf(m->generator.layers[i], sizeof(m->generator.layers[i]), "%d", 4 << i);
        report(&r, i + 1, g->n_blocks);
    }
    m->generator.n_layers = g->n_blocks;
    m->generator.num_ws = row + 1;
    m->generator.height = m->generator.width = 4 << (g->n_blocks - 1);
    return 0;
}

static void sg2_free(latent_model *m)
{
    sg2 *g = m->net;
    free(g->embed.weight);
    free(g->embed.bias);
    for (int i = 0; i < MAX_FC; i++) {
        free(g->fc[i].weight);
        free(g->fc[i].bias);
    }
    for (int i = 0; i < MAX_BLOCKS; i++) {
        latent_stylegan2_free_layer(&g->block[i].conv0);
        latent_stylegan2_free_layer(&g->block[i].conv1);
        latent_stylegan2_free_layer(&g->block[i].torgb);
        latent_node_release(g->block[i].skip);
    }
    latent_node_release(g->constant);
    free(g);
}

/* ---- mapping */

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

static void embed_classes(const sg2_fc *embed, const float *classes, float *y)
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

static int sg2_map(const latent_model *m, const float *z, const float *classes, float *w,
                   latent_error *e)
{
    const sg2 *g = m->net;
    int widest = g->fc[0].in;
    float *x, *y, *memory;
    for (int i = 0; i < g->n_fc; i++)
        widest = g->fc[i].out > widest ? g->fc[i].out : widest;
    if (!(memory = malloc(2 * (size_t)widest * sizeof(float))))
        return latent_fail(e, "no memory for a latent");
    x = memory;
    y = memory + widest;
    memcpy(x, z, (size_t)m->generator.z_dim * sizeof(float));
    normalise(x, m->generator.z_dim);
    if (g->embed.weight)
        embed_classes(&g->embed, classes, x + m->generator.z_dim);
    for (int i = 0; i < g->n_fc; i++) {
        const sg2_fc *fc = &g->fc[i];
        float gain = (float)(g->lr_multiplier / sqrt(fc->in)), *swap = x;
        latent_matvec(fc->weight, x, y, fc->out, fc->in);
        for (int o = 0; o < fc->out; o++) {
            float v = gain * y[o] + (float)g->lr_multiplier * fc->bias[o];
            y[o] = LATENT_SQRT2 * (v < 0 ? LATENT_LRELU_SLOPE * v : v);
        }
        x = y;
        y = swap;
    }
    memcpy(w, x, (size_t)m->generator.w_dim * sizeof(float));
    free(memory);
    return 0;
}

/* ---- the chain */

static latent_node *sg2_input(latent_model *m, const float *w, int rows, latent_error *e)
{
    const sg2 *g = m->net;
    latent_node *style[2 * MAX_BLOCKS + 2], *made = NULL;
    int n = 0;
    for (; n < m->generator.num_ws; n++)
        if (!(style[n] =
                  latent_op_style_of(&m->generator.drawer, n, m->generator.num_ws,
                                     w + (rows > 1 ? (size_t)n * (size_t)m->generator.w_dim : 0),
                                     m->generator.w_dim, e)))
            break;
    if (n == m->generator.num_ws)
        made = latent_features_make(
            m, -1,
            &(latent_features_parts){
                .x = g->constant, .styles = style, .n_styles = n, .level = LATENT_CLEAN},
            e);
    while (n-- > 0)
        latent_node_release(style[n]);
    return made;
}

/* The styles a layer works with: its own, or those that ride along with the features. */
typedef struct {
    const latent_model *model;
    latent_features_parts features;
    const latent_layer_context *context;
} sg2_styles;

static latent_node *style_of(const sg2_styles *s, const sg2_layer *l, int row, const char *stage,
                             latent_error *e)
{
    int w_dim = s->model->generator.w_dim, riding = s->features.n_styles;
    const float *own = s->context->own;
    latent_node *w, *style;
    if (own)
        w = latent_op_style_of(&s->model->generator.drawer, row, s->model->generator.num_ws,
                               own + (s->context->rows > 1 ? (size_t)row * (size_t)w_dim : 0),
                               w_dim, e);
    else if (!riding) {
        latent_fail(e,
                    "the features carry no styles; give this layer its own list at the right "
                    "inlet, %d numbers",
                    w_dim);
        return NULL;
    } else {
        w = latent_node_retain(s->features.styles[row < riding ? row : riding - 1]);
        if (w->shape.c != w_dim) {
            latent_fail(e,
                        "the features carry styles of %d numbers and %s takes %d; give this layer "
                        "its own list at the right inlet",
                        w->shape.c, s->model->label, w_dim);
            latent_node_release(w);
            return NULL;
        }
    }
    if (!w)
        return NULL;
    style = latent_stylegan2_style(l, w, stage, e);
    latent_node_release(w);
    return style;
}

static uint32_t noise_seed(uint32_t seed, int row)
{
    uint32_t x = seed * 0x9e3779b1u + (uint32_t)row * 0x85ebca6bu + 0x27d4eb2fu;
    x = (x ^ (x >> 15)) * 0x2c1b3c6du;
    return x ^ (x >> 13);
}

static latent_node *learned_map(uint32_t number, int row, int side, latent_error *e)
{
    latent_noise_maps *maps = latent_noise_maps_by_number(number);
    latent_node *map = maps ? latent_noise_maps_at(maps, row, side, e) : NULL;
    if (!maps)
        latent_fail(e, "there are no noise maps to be learned");
    latent_noise_maps_release(maps);
    return map;
}

/* The middle square of a picture, as large as the layer is. */
static latent_node *picture_map(latent_node *picture, int side, latent_error *e)
{
    latent_node *square = picture ? latent_op_center_crop(picture, side, e) : NULL, *map;
    if (!picture)
        latent_fail(e, "there is no picture to be the noise");
    map = square ? latent_op_as_noise(square, "noise", e) : NULL;
    latent_node_release(square);
    return map;
}

/* One convolution of a block: x -> style, convolution, noise, bias, lrelu.  gain is 1, or sqrt(1/2)
   at the end of a resnet's block. */
static latent_node *convolve(const sg2_styles *s, const sg2_block *b, const sg2_layer *l, int row,
                             latent_node *x, float gain, latent_node *add, latent_error *e)
{
    latent_noise noise = s->context->noise;
    latent_node *style, *map = NULL, *y;
    char stage[24];
    snprintf(stage, sizeof(stage), "%d.style", b->resolution);
    if (!(style = style_of(s, l, row, stage, e)))
        return NULL;
    if (l->noise_strength && noise.strength != 0) {
        if (noise.mode == LATENT_NOISE_CONST)
            map = latent_node_retain(l->noise);
        else if (noise.mode == LATENT_NOISE_RANDOM)
            map = latent_op_random(b->resolution, b->resolution, noise_seed(noise.seed, row), e);
        else if (noise.mode == LATENT_NOISE_LEARNED)
            map = learned_map(noise.seed, row, b->resolution, e);
        else if (noise.mode == LATENT_NOISE_PICTURE)
            map = picture_map(noise.picture, b->resolution, e);
        if (!map && noise.mode >= LATENT_NOISE_RANDOM) {
            latent_node_release(style);
            return NULL;
        }
    }
    y = latent_stylegan2_convolve(b, l, x, style, gain, map, noise.strength, add, e);
    latent_node_release(style);
    latent_node_release(map);
    return y;
}

/* The picture so far, enlarged, plus what this block draws. */
static latent_node *draw(const sg2_styles *s, const sg2_block *b, latent_node *x,
                         latent_node *drawn, latent_error *e)
{
    int row = b->first_row + (b->conv0.weight ? 2 : 1);
    latent_node *style, *y;
    char stage[24];
    snprintf(stage, sizeof(stage), "%d.torgb", b->resolution);
    if (!(style = style_of(s, &b->torgb, row, stage, e)))
        return NULL;
    y = latent_stylegan2_draw(b, x, style, drawn, e);
    latent_node_release(style);
    return y;
}

static int check_order(const latent_model *m, int layer, const latent_node *features,
                       latent_error *e)
{
    const sg2 *g = m->net;
    const latent_features *f = latent_features_of(features);
    const sg2_block *b = &g->block[layer];
    int wanted = (b->conv0.weight ? b->conv0 : b->conv1).weight->shape.h;
    int side = layer ? b->resolution / 2 : 4;
    if (!f)
        return latent_fail(e, "a picture came where features were expected");
    if (f->model == m && f->layer != layer - 1) {
        char last[40];
        snprintf(last, sizeof(last), f->layer < 0 ? "the input" : "layer %s",
                 f->layer < 0 ? "" : m->generator.layers[f->layer]);
        if (layer == 0)
            return latent_fail(e,
                               "layer %s comes straight after [latent.input]; these features "
                               "come from %s",
                               m->generator.layers[layer], last);
        return latent_fail(e, "layer %s comes after layer %s; these features come from %s",
                           m->generator.layers[layer], m->generator.layers[layer - 1], last);
    }
    if (features->shape.c != wanted || features->shape.h != side || features->shape.w != side)
        return latent_fail(e,
                           "layer %s of %s takes %d channels of %d x %d; features of %s came with "
                           "%d channels of %d x %d",
                           m->generator.layers[layer], m->label, wanted, side, side,
                           f->model->label, features->shape.c, features->shape.w,
                           features->shape.h);
    return 0;
}

static latent_node *sg2_layer_forward(latent_model *m, int layer, latent_node *features,
                                      const latent_layer_context *context, latent_error *e)
{
    const sg2 *g = m->net;
    const sg2_block *b = &g->block[layer];
    sg2_styles s = {m, latent_features_parts_of(features), context};
    latent_features_parts made_of = s.features;
    latent_node *x = NULL, *y = NULL, *skip = NULL, *drawn = NULL, *made = NULL;
    int row = b->first_row;
    if (check_order(m, layer, features, e))
        return NULL;
    x = latent_node_retain(s.features.x);
    if (b->skip && !(skip = latent_stylegan2_shortcut(b, x, e)))
        goto done;
    if (b->conv0.weight) {
        if (!(y = convolve(&s, b, &b->conv0, row++, x, 1, NULL, e)))
            goto done;
        latent_node_release(x);
        x = y;
    }
    if (!(y = convolve(&s, b, &b->conv1, row, x, skip ? sqrtf(0.5f) : 1, skip, e)))
        goto done;
    drawn = b->torgb.weight ? draw(&s, b, y, s.features.drawn, e)
                            : latent_node_retain(s.features.drawn);
    made_of.x = y;
    made_of.drawn = drawn;
    if (!b->torgb.weight || drawn)
        made = latent_features_make(m, layer, &made_of, e);
    latent_node_release(y);
done:
    latent_node_release(x);
    latent_node_release(skip);
    latent_node_release(drawn);
    return made;
}

static latent_tensor *sg2_affine(const latent_model *m, int row, int i)
{
    const sg2 *g = m->net;
    for (int k = 0; k < g->n_blocks && i == 0; k++) {
        const sg2_block *b = &g->block[k];
        int conv1 = b->first_row + (b->conv0.weight ? 1 : 0);
        const sg2_layer *l = row == conv1 ? &b->conv1 : row == b->first_row ? &b->conv0 : NULL;
        if (l)
            return l->affine_w->op->leaf(l->affine_w);
    }
    return NULL;
}

/* ---- writing */

#define MAX_OUT 512
#define MAX_META (3 * MAX_BLOCKS + 3)

typedef struct {
    latent_tensor_out tensor[MAX_OUT];
    char name[MAX_OUT][64];
    latent_tensor *held[MAX_OUT];
    float *turned;
    int n;
    latent_meta_out meta[MAX_META];
    char key[MAX_META][48], text[MAX_META][32];
    int n_meta;
} sg2_writer;

static void tell(sg2_writer *w, double value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->key[w->n_meta], sizeof(w->key[0]), format, args);
    va_end(args);
    snprintf(w->text[w->n_meta], sizeof(w->text[0]), "%.9g", value);
    w->meta[w->n_meta] = (latent_meta_out){w->key[w->n_meta], w->text[w->n_meta]};
    w->n_meta++;
}

static void put(sg2_writer *w, const float *data, int rank, const int64_t *dim, const char *format,
                ...)
{
    va_list args;
    latent_tensor_out *t = &w->tensor[w->n];
    va_start(args, format);
    vsnprintf(w->name[w->n], sizeof(w->name[w->n]), format, args);
    va_end(args);
    *t =
        (latent_tensor_out){.name = w->name[w->n], .dtype = LATENT_F32, .rank = rank, .data = data};
    for (int i = 0; i < rank; i++)
        t->dim[i] = dim[i];
    w->n++;
}

static void put_node(sg2_writer *w, latent_node *n, int rank, const char *where, const char *part)
{
    latent_shape s = n->shape;
    int64_t dim[4] = {s.n, s.h, s.w, s.c};
    latent_tensor *t = n->op->leaf(n);
    put(w, t->data, rank, dim + 4 - rank, "%s.%s", where, part);
    w->held[w->n - 1] = t;
}

/* [r][r] as a picture of one channel. */
static void put_noise(sg2_writer *w, latent_node *n, const char *where)
{
    latent_tensor *t = n->op->leaf(n);
    put(w, t->data, 2, (int64_t[]){n->shape.h, n->shape.w}, "%s.noise_const", where);
    w->held[w->n - 1] = t;
}

/* clamp: of the whole network; a layer that has another one says so. */
static void put_layer(sg2_writer *w, const sg2_layer *l, float clamp, int resolution,
                      const char *name)
{
    char where[40];
    snprintf(where, sizeof(where), "synthesis.b%d.%s", resolution, name);
    if (l->clamp < clamp || l->clamp > clamp)
        tell(w, (double)l->clamp, "%s.conv_clamp", where);
    put_node(w, l->weight, 4, where, "weight");
    put_node(w, l->bias, 1, where, "bias");
    put_node(w, l->affine_w, 2, where, "affine.weight");
    put_node(w, l->affine_b, 1, where, "affine.bias");
    if (l->noise_strength) {
        put_node(w, l->noise_strength, 0, where, "noise_strength");
        put_noise(w, l->noise, where);
    }
}

static int sg2_write(const latent_model *m, const char *file, latent_error *e)
{
    const sg2 *g = m->net;
    sg2_writer *w = calloc(1, sizeof(*w));
    latent_tensor *constant;
    const float base = g->block[0].conv1.clamp;
    int c = g->constant->shape.c, failed;
    if (!w || !(w->turned = malloc((size_t)c * 16 * sizeof(float)))) {
        free(w);
        return latent_fail(e, "no memory to write %s", file);
    }
    w->meta[w->n_meta++] = (latent_meta_out){"architecture", "stylegan2"};
    tell(w, g->lr_multiplier, "lr_multiplier");
    if (base > 0)
        tell(w, (double)base, "conv_clamp");
    if (g->embed.weight) {
        put(w, g->embed.weight, 2, (int64_t[]){g->embed.out, g->embed.in}, "mapping.embed.weight");
        put(w, g->embed.bias, 1, (int64_t[]){g->embed.out}, "mapping.embed.bias");
    }
    for (int i = 0; i < g->n_fc; i++) {
        put(w, g->fc[i].weight, 2, (int64_t[]){g->fc[i].out, g->fc[i].in}, "mapping.fc%d.weight",
            i);
        put(w, g->fc[i].bias, 1, (int64_t[]){g->fc[i].out}, "mapping.fc%d.bias", i);
    }
    if (m->generator.w_avg)
        put(w, m->generator.w_avg, 1, (int64_t[]){m->generator.w_dim}, "mapping.w_avg");
    constant = g->constant->op->leaf(g->constant);
    for (int k = 0; k < c; k++)
        for (int i = 0; i < 16; i++)
            w->turned[k * 16 + i] = constant->data[i * c + k];
    latent_tensor_release(constant);
    put(w, w->turned, 3, (int64_t[]){c, 4, 4}, "synthesis.b4.const");
    for (int i = 0; i < g->n_blocks; i++) {
        const sg2_block *b = &g->block[i];
        char where[40];
        if (b->conv0.weight)
            put_layer(w, &b->conv0, base, b->resolution, "conv0");
        put_layer(w, &b->conv1, base, b->resolution, "conv1");
        if (b->torgb.weight)
            put_layer(w, &b->torgb, base, b->resolution, "torgb");
        snprintf(where, sizeof(where), "synthesis.b%d", b->resolution);
        if (b->skip)
            put_node(w, b->skip, 4, where, "skip.weight");
    }
    failed = latent_safetensors_write(file, w->tensor, (size_t)w->n, w->meta, (size_t)w->n_meta, e);
    for (int i = 0; i < w->n; i++)
        latent_tensor_release(w->held[i]);
    free(w->turned);
    free(w);
    return failed;
}

static const latent_generator_arch sg2_generator = {
    .map = sg2_map,
    .input = sg2_input,
    .layer = sg2_layer_forward,
    .affine = sg2_affine,
};

const latent_arch latent_arch_stylegan2 = {
    .name = "stylegan2",
    .recognise = sg2_recognise,
    .build = sg2_build,
    .free = sg2_free,
    .write = sg2_write,
    .generator = &sg2_generator,
};
