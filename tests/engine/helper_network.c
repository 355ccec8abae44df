/* helper_network: see helper_network.h */
#include "helper_network.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void add(network *n, double mean, double deviation, int rank, const int64_t *dim,
                const char *format, ...)
{
    va_list args;
    size_t count = 1;
    float *data;
    va_start(args, format);
    vsnprintf(n->name[n->n], sizeof(n->name[0]), format, args);
    va_end(args);
    for (int i = 0; i < rank; i++)
        count *= (size_t)dim[i];
    data = malloc(count * sizeof(float));
    for (size_t i = 0; i < count; i++)
        data[i] = (float)(mean + deviation * latent_random_gauss(&n->random));
    n->t[n->n] =
        (latent_tensor_out){.name = n->name[n->n], .dtype = LATENT_F32, .rank = rank, .data = data};
    for (int i = 0; i < rank; i++)
        n->t[n->n].dim[i] = dim[i];
    n->n++;
}

const float *network_get(const network *n, const char *format, ...)
{
    char name[64];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    for (int i = 0; i < n->n; i++)
        if (!strcmp(n->name[i], name))
            return n->t[i].data;
    return NULL;
}

static void add_layer(network *n, const char *where, int in, int out, int k, int side)
{
    add(n, 0, 1, 4, (int64_t[]){out, in, k, k}, "%s.weight", where);
    add(n, 0, 0.3, 1, (int64_t[]){out}, "%s.bias", where);
    add(n, 0, 1, 2, (int64_t[]){in, n->p.w}, "%s.affine.weight", where);
    add(n, 1, 0.2, 1, (int64_t[]){in}, "%s.affine.bias", where);
    if (side && n->p.noise) {
        add(n, 0.3, 0, 0, NULL, "%s.noise_strength", where);
        add(n, 0, 1, 2, (int64_t[]){side, side}, "%s.noise_const", where);
    }
}

void network_make(network *n, network_plan p, uint32_t seed)
{
    memset(n, 0, sizeof(*n));
    n->p = p;
    latent_random_seed(&n->random, seed);
    for (int i = 0; i < p.mapping; i++) {
        add(n, 0, 100, 2, (int64_t[]){p.w, i ? p.w : p.z}, "mapping.fc%d.weight", i);
        add(n, 0, 30, 1, (int64_t[]){p.w}, "mapping.fc%d.bias", i);
    }
    add(n, 0, 1, 3, (int64_t[]){p.channels[0], 4, 4}, "synthesis.b4.const");
    for (int i = 0; i < p.blocks; i++) {
        char where[64];
        int side = 4 << i, in = p.channels[i ? i - 1 : 0], out = p.channels[i];
        snprintf(where, sizeof(where), "synthesis.b%d.conv0", side);
        if (i)
            add_layer(n, where, in, out, 3, side);
        if (i && p.kind == RESNET)
            add(n, 0, 1, 4, (int64_t[]){out, in, 1, 1}, "synthesis.b%d.skip.weight", side);
        snprintf(where, sizeof(where), "synthesis.b%d.conv1", side);
        add_layer(n, where, out, out, 3, side);
        snprintf(where, sizeof(where), "synthesis.b%d.torgb", side);
        if (p.kind == SKIP || i == p.blocks - 1)
            add_layer(n, where, out, p.rgb, 1, 0);
    }
}

void network_free(network *n)
{
    for (int i = 0; i < n->n; i++)
        free((void *)n->t[i].data);
}

latent_model *network_model(const network *n)
{
    char path[] = "latent-test-XXXXXX", clamp[32];
    latent_meta_out meta[1] = {{"conv_clamp", clamp}};
    latent_progress quietly = {NULL, NULL};
    latent_error e = {""};
    latent_model *m;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    snprintf(clamp, sizeof(clamp), "%g", n->p.clamp);
    if (latent_safetensors_write(path, n->t, (size_t)n->n, meta, n->p.clamp > 0, &e))
        fail_msg("%s", e.text);
    m = latent_model_load(path, quietly, &e);
    unlink(path);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

latent_node *network_picture(latent_model *m, const float *ws, int rows)
{
    latent_error e = {""};
    latent_noise noise = {.mode = LATENT_NOISE_CONST, .strength = 1};
    latent_node *rgb = latent_model_picture(m, ws, rows, LATENT_WHOLE_PICTURE, noise, &e);
    if (!rgb)
        fail_msg("%s", e.text);
    return rgb;
}
