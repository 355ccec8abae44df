/* stylegan2_write: writes a generator as safetensors, with the names that NVIDIA's files have; see
   stylegan2.h. */
#include "stylegan2.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_OUT 512
#define MAX_META (3 * LATENT_SG2_BLOCKS + 3)

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

int latent_stylegan2_write(const latent_model *m, latent_model_place *to, latent_error *e)
{
    const sg2 *g = m->net;
    sg2_writer *w = calloc(1, sizeof(*w));
    latent_tensor *constant;
    const float base = g->block[0].conv1.clamp;
    int c = g->constant->shape.c, failed;
    const int pixels = g->constant->shape.h * g->constant->shape.w;
    if (!w || !(w->turned = malloc((size_t)c * (size_t)pixels * sizeof(float)))) {
        free(w);
        return latent_fail(e, "no memory to write %s", m->label);
    }
    w->meta[w->n_meta++] = (latent_meta_out){"architecture", "stylegan2"};
    tell(w, g->mapping.lr_multiplier, "lr_multiplier");
    if (base > 0)
        tell(w, (double)base, "conv_clamp");
    if (g->mapping.embed.weight) {
        put(w, g->mapping.embed.weight, 2, (int64_t[]){g->mapping.embed.out, g->mapping.embed.in},
            "mapping.embed.weight");
        put(w, g->mapping.embed.bias, 1, (int64_t[]){g->mapping.embed.out}, "mapping.embed.bias");
    }
    for (int i = 0; i < g->mapping.n_fc; i++) {
        put(w, g->mapping.fc[i].weight, 2, (int64_t[]){g->mapping.fc[i].out, g->mapping.fc[i].in},
            "mapping.fc%d.weight", i);
        put(w, g->mapping.fc[i].bias, 1, (int64_t[]){g->mapping.fc[i].out}, "mapping.fc%d.bias", i);
    }
    if (m->generator.w_avg)
        put(w, m->generator.w_avg, 1, (int64_t[]){m->generator.w_dim}, "mapping.w_avg");
    constant = g->constant->op->leaf(g->constant);
    for (int k = 0; k < c; k++)
        for (int i = 0; i < pixels; i++)
            w->turned[k * pixels + i] = constant->data[i * c + k];
    latent_tensor_release(constant);
    put(w, w->turned, 3, (int64_t[]){c, g->constant->shape.h, g->constant->shape.w},
        "synthesis.b4.const");
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
    failed = latent_safetensors_put(to, w->tensor, (size_t)w->n, w->meta, (size_t)w->n_meta, e);
    for (int i = 0; i < w->n; i++)
        latent_tensor_release(w->held[i]);
    free(w->turned);
    free(w);
    return failed;
}
