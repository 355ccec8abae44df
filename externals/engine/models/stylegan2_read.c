/* stylegan2_read: reads the generator of StyleGAN2 out of a file; see stylegan2.h.  All sizes are
   taken from the tensors. */
#include "architectures.h"
#include "mean.h"
#include "stylegan2.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SIDE 64 /* of the first tensor */
#define MEAN_OF 4096 /* styles, as rosinality's programs take them */

static int check_filter(latent_reader *r, const char *where)
{
    static const float tap[4] = {1, 3, 3, 1};
    latent_reader once = *r; /* it is not kept, so it does not count */
    char name[200];
    float f[16];
    snprintf(name, sizeof(name), "%s.resample_filter", where);
    once.model = NULL;
    if (!latent_reader_find(&once, "%s", name))
        return 0;
    if (latent_reader_numbers(&once, name, 2, (int64_t[]){4, 4}, f))
        return -1;
    for (int i = 0; i < 16; i++)
        if (!(fabsf(f[i] - tap[i / 4] * tap[i % 4] / 64) < 1e-4f))
            return latent_fail(r->error, "%s is not [1 3 3 1]; no other filter is known",
                               once.found.name);
    return 0;
}

/* What is being read. */
typedef struct {
    latent_reader *r;
    sg2 *g;
    const latent_sg2_settings *settings;
    latent_generator_dims *dims;
    int height, width; /* of the block */
    int channels, row; /* that go into the next layer; its row of W+ */
} sg2_reading;

static int read_noise(sg2_reading *s, const char *where, sg2_layer *l)
{
    char strength[160], noise[160];
    latent_tensor *map;
    snprintf(strength, sizeof(strength), "%s.noise_strength", where);
    snprintf(noise, sizeof(noise), "%s.noise_const", where);
    if (!latent_reader_find(s->r, "%s", strength))
        return 0;
    if (latent_reader_node(s->r, strength, 0, NULL, &l->noise_strength) ||
        !(map = latent_reader_tensor(s->r, noise, 2, (int64_t[]){s->height, s->width})))
        return -1;
    map->shape = (latent_shape){1, s->height, s->width, 1};
    l->noise = latent_reader_keep(s->r, map);
    latent_tensor_release(map);
    return l->noise ? 0 : -1;
}

/* Reads one convolution with its style.  where: "synthesis.b8.conv0". */
static int read_layer(sg2_reading *s, const char *where, int in, int out, int kernel, int up,
                      sg2_layer *l)
{
    static const char *const part[4] = {"weight", "bias", "affine.weight", "affine.bias"};
    latent_reader *r = s->r;
    char name[4][160];
    double clamp = s->settings->clamp;
    if (clamp < 0)
        clamp = latent_stylegan2_setting(r->file, r->prefix, where, "conv_clamp", 0);
    for (int i = 0; i < 4; i++)
        snprintf(name[i], sizeof(name[i]), "%s.%s", where, part[i]);
    if (latent_check_activation(r, where) || check_filter(r, where) ||
        latent_reader_conv(r, name[0], in, out, kernel, up, &l->weight) ||
        latent_reader_node(r, name[1], 1, (int64_t[]){out}, &l->bias) ||
        latent_reader_node(r, name[2], 2, (int64_t[]){in, s->dims->w_dim}, &l->affine_w) ||
        latent_reader_node(r, name[3], 1, (int64_t[]){in}, &l->affine_b))
        return -1;
    if (!(clamp >= 0) || isinf(clamp))
        return latent_fail(r->error, "%s%s.conv_clamp is %g", r->prefix, where, clamp);
    l->clamp = (float)clamp;
    return kernel > 1 ? read_noise(s, where, l) : 0;
}

/* [c][h][w] of the file to [1][h][w][c], channels last. */
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

/* The first tensor, [c][h][w] in the file; 4 x 4 where pictures are square. */
static int read_constant(sg2_reading *s)
{
    latent_reader *r = s->r;
    const latent_entry *t = latent_reader_find(r, "synthesis.b4.const");
    latent_tensor *constant;
    if (!t || t->rank != 3 || t->dim[0] < 1 || t->dim[0] > 65536 || t->dim[1] < 1 ||
        t->dim[1] > MOST_SIDE || t->dim[2] < 1 || t->dim[2] > MOST_SIDE)
        return latent_fail(r->error, "%ssynthesis.b4.const has no three sides that fit", r->prefix);
    s->channels = (int)t->dim[0];
    s->height = (int)t->dim[1];
    s->width = (int)t->dim[2];
    constant = latent_reader_tensor(r, "synthesis.b4.const", 3,
                                    (int64_t[]){s->channels, s->height, s->width});
    s->g->constant = constant ? channels_last(constant, r->error) : NULL;
    latent_tensor_release(constant);
    return s->g->constant ? 0 : -1;
}

static int read_drawing(sg2_reading *s, const char *where, int last, sg2_layer *torgb)
{
    latent_reader *r = s->r;
    const latent_entry *t = latent_reader_find(r, "%s.weight", where);
    if (!t && last)
        return latent_fail(r->error, "%s%s is missing, so nothing would be drawn", r->prefix,
                           where);
    if (!t)
        return 0;
    if (t->rank != 4 || (t->dim[0] != 1 && t->dim[0] != 3 && t->dim[0] != 4) ||
        (s->dims->channels && t->dim[0] != s->dims->channels))
        return latent_fail(r->error, "%s%s does not draw 1, 3 or 4 channels", r->prefix, where);
    s->dims->channels = (int)t->dim[0];
    return read_layer(s, where, s->channels, s->dims->channels, 1, 1, torgb);
}

static int read_block(sg2_reading *s, int i, int last)
{
    latent_reader *r = s->r;
    sg2_block *b = &s->g->block[i];
    const latent_entry *t;
    char where[40], name[80];
    int out, has_conv0 = i > 0;
    b->resolution = 4 << i;
    b->first_row = s->row;
    snprintf(where, sizeof(where), "synthesis.b%d", b->resolution);
    t = latent_reader_find(r, "%s.conv1.weight", where);
    if (!t || t->rank != 4 || t->dim[0] < 1 || t->dim[0] > 65536)
        return latent_fail(r->error, "%s%s.conv1.weight has no four sides", r->prefix, where);
    out = (int)t->dim[0];
    if (check_filter(r, where))
        return -1;
    if (has_conv0) {
        s->height *= 2;
        s->width *= 2;
        snprintf(name, sizeof(name), "%s.conv0", where);
        if (read_layer(s, name, s->channels, out, 3, 2, &b->conv0))
            return -1;
        snprintf(name, sizeof(name), "%s.skip.weight", where);
        if (latent_reader_find(r, "%s", name) &&
            latent_reader_conv(r, name, s->channels, out, 1, 2, &b->skip))
            return -1;
    }
    snprintf(name, sizeof(name), "%s.conv1", where);
    if (read_layer(s, name, has_conv0 ? out : s->channels, out, 3, 1, &b->conv1))
        return -1;
    s->channels = out;
    s->row += has_conv0 ? 2 : 1;
    snprintf(name, sizeof(name), "%s.torgb", where);
    return read_drawing(s, name, last, &b->torgb);
}

/* Files of some programs hold no mean of w. */
static int find_mean(latent_model *m, const latent_reader *r)
{
    double deviation;
    if (m->generator.w_avg)
        return 0;
    if (!(m->generator.w_avg = malloc((size_t)m->generator.w_dim * sizeof(float))))
        return latent_fail(r->error, "no memory for a model");
    return latent_mean_style(m, NULL, MEAN_OF, 0, r->progress.cancel, m->generator.w_avg,
                             &deviation, r->error);
}

int latent_stylegan2_read(latent_model *m, latent_reader *r, const latent_sg2_settings *settings)
{
    sg2 *g = m->net = calloc(1, sizeof(*g));
    sg2_reading s = {.r = r, .g = g, .settings = settings, .dims = &m->generator};
    if (!g)
        return latent_fail(r->error, "no memory for a model");
    if (latent_mapping_read(&g->mapping, r, s.dims, settings->rate) || read_constant(&s))
        return -1;
    while (g->n_blocks < LATENT_SG2_BLOCKS &&
           latent_reader_find(r, "synthesis.b%d.conv1.weight", 4 << g->n_blocks))
        g->n_blocks++;
    if (!g->n_blocks)
        return latent_fail(r->error, "%ssynthesis.b4.conv1.weight is missing", r->prefix);
    if (latent_reader_find(r, "synthesis.b%d.conv1.weight", 4 << LATENT_SG2_BLOCKS))
        return latent_fail(r->error, "a network of more than 1024 x 1024");
    for (int i = 0; i < g->n_blocks; i++) {
        if (read_block(&s, i, i == g->n_blocks - 1))
            return -1;
        snprintf(s.dims->layers[i], sizeof(s.dims->layers[i]), "%d", 4 << i);
        latent_reader_progress(r, i + 1, g->n_blocks);
    }
    s.dims->n_layers = g->n_blocks;
    s.dims->num_ws = s.row + 1;
    s.dims->height = s.height;
    s.dims->width = s.width;
    if (settings->mean && find_mean(m, r))
        return -1;
    return latent_model_sign(m, r->hash, r->error);
}

void latent_stylegan2_free(latent_model *m)
{
    sg2 *g = m->net;
    latent_mapping_free(&g->mapping);
    for (int i = 0; i < LATENT_SG2_BLOCKS; i++) {
        latent_stylegan2_free_layer(&g->block[i].conv0);
        latent_stylegan2_free_layer(&g->block[i].conv1);
        latent_stylegan2_free_layer(&g->block[i].torgb);
        latent_node_release(g->block[i].skip);
    }
    latent_node_release(g->constant);
    free(g);
}
