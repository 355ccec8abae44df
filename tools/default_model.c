/* default_model: makes the built-in model, a small StyleGAN2 with random weights from a fixed seed,
   so that every box and every help patch moves with nothing downloaded.

       default_model <file.safetensors>

   The network has the sizes of a real one (64 x 64, 64 numbers in z and w, three mapping layers),
   and weights drawn so that its pictures are worth looking at: strong styles, a wide range of
   colours, little noise.  The mean of w is measured, as training would. */
#include "engine/models/model.h"
#include "engine/random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define Z 64
#define BLOCKS 5
#define MAX 128
#define SAMPLES 4096

static const int channels[BLOCKS] = {64, 64, 48, 32, 16};

typedef struct {
    latent_tensor_out tensor[MAX];
    char name[MAX][64];
    int n;
    latent_random random;
} model_parts;

/* Adds a tensor of normally distributed numbers with that mean and deviation. */
static float *add(model_parts *p, const char *name, double mean, double deviation, int rank,
                  const int64_t *dim)
{
    latent_tensor_out *t = &p->tensor[p->n];
    size_t count = 1;
    float *data;
    snprintf(p->name[p->n], sizeof(p->name[p->n]), "%s", name);
    *t = (latent_tensor_out){.name = p->name[p->n], .dtype = LATENT_F16, .rank = rank};
    for (int i = 0; i < rank; i++) {
        t->dim[i] = dim[i];
        count *= (size_t)dim[i];
    }
    if (!(data = malloc(count * sizeof(float)))) {
        fprintf(stderr, "default_model: no memory\n");
        exit(1);
    }
    for (size_t i = 0; i < count; i++)
        data[i] = (float)(mean + deviation * latent_random_gauss(&p->random));
    t->data = data;
    p->n++;
    return data;
}

static void add_layer(model_parts *p, const char *where, int in, int out, int kernel, int side)
{
    char name[64];
    int rgb = kernel == 1;
    snprintf(name, sizeof(name), "%s.weight", where);
    add(p, name, 0, rgb ? 0.55 : 1, 4, (int64_t[]){out, in, kernel, kernel});
    snprintf(name, sizeof(name), "%s.bias", where);
    add(p, name, 0, rgb ? 0.12 : 0.35, 1, (int64_t[]){out});
    snprintf(name, sizeof(name), "%s.affine.weight", where);
    add(p, name, 0, rgb ? 0.7 : 1.2, 2, (int64_t[]){in, Z});
    snprintf(name, sizeof(name), "%s.affine.bias", where);
    add(p, name, rgb ? 0.2 : 0.6, 0.3, 1, (int64_t[]){in});
    if (!side)
        return;
    snprintf(name, sizeof(name), "%s.noise_strength", where);
    add(p, name, 0.06, 0, 0, NULL);
    snprintf(name, sizeof(name), "%s.noise_const", where);
    add(p, name, 0, 1, 2, (int64_t[]){side, side});
}

static void add_network(model_parts *p)
{
    char name[64];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "mapping.fc%d.weight", i);
        add(p, name, 0, 100, 2, (int64_t[]){Z, Z});
        snprintf(name, sizeof(name), "mapping.fc%d.bias", i);
        add(p, name, 0, 20, 1, (int64_t[]){Z});
    }
    add(p, "synthesis.b4.const", 0, 1, 3, (int64_t[]){channels[0], 4, 4});
    for (int i = 0; i < BLOCKS; i++) {
        int side = 4 << i, in = channels[i ? i - 1 : 0], out = channels[i];
        snprintf(name, sizeof(name), "synthesis.b%d.conv0", side);
        if (i)
            add_layer(p, name, in, out, 3, side);
        snprintf(name, sizeof(name), "synthesis.b%d.conv1", side);
        add_layer(p, name, out, out, 3, side);
        snprintf(name, sizeof(name), "synthesis.b%d.torgb", side);
        add_layer(p, name, out, 3, 1, 0);
    }
}

static int measure_mean(const char *path, float *mean, latent_error *e)
{
    latent_progress none = {NULL, NULL};
    latent_model *m = latent_model_load(path, none, e);
    latent_random r;
    float z[Z], w[Z];
    double sum[Z] = {0};
    if (!m)
        return -1;
    latent_random_seed(&r, 123);
    for (int k = 0; k < SAMPLES; k++) {
        for (int i = 0; i < Z; i++)
            z[i] = (float)latent_random_gauss(&r);
        if (latent_model_map(m, z, NULL, w, e))
            return -1;
        for (int i = 0; i < Z; i++)
            sum[i] += w[i];
    }
    for (int i = 0; i < Z; i++)
        mean[i] = (float)(sum[i] / SAMPLES);
    latent_model_release(m);
    return 0;
}

int main(int argc, char **argv)
{
    static model_parts p;
    latent_error e = {""};
    latent_meta_out meta[] = {{"architecture", "stylegan2"},
                              {"lr_multiplier", "0.01"},
                              {"origin", "random weights, made by tools/default_model.c"}};
    float *mean;
    if (argc != 2) {
        fprintf(stderr, "default_model <file.safetensors>\n");
        return 2;
    }
    latent_random_seed(&p.random, 11);
    add_network(&p);
    mean = add(&p, "mapping.w_avg", 0, 0, 1, (int64_t[]){Z});
    for (int pass = 0; pass < 2; pass++)
        if (latent_safetensors_write(argv[1], p.tensor, (size_t)p.n, meta, 3, &e) ||
            (!pass && measure_mean(argv[1], mean, &e))) {
            fprintf(stderr, "default_model: %s\n", e.text);
            return 1;
        }
    return 0;
}
