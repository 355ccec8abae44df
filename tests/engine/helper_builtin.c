/* helper_builtin: see helper_builtin.h */
#include "helper_builtin.h"
#include "engine/graph/evaluate.h"
#include "engine/latents/latents.h"
#include "helper_network.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static latent_model *load(const char *variable, const char *path)
{
    latent_error e = {""};
    latent_model *m;
    path = getenv(variable) ? getenv(variable) : path;
    if (!(m = latent_model_load(path, (latent_progress){NULL, NULL}, &e)))
        print_message("%s: %s\n", path, e.text);
    return m;
}

latent_model *builtin_fish(void)
{
    latent_model *m = load("LATENT_FISH", "examples/models/fish.safetensors");
    if (!m || (m->generator.z_dim <= BUILTIN_MOST && m->generator.w_dim <= BUILTIN_MOST))
        return m;
    latent_model_release(m);
    return NULL;
}

latent_model *builtin_clip(void)
{
    return load("LATENT_CLIP_TINY", "examples/models/clip-tiny.safetensors");
}

void builtin_w(const latent_model *m, uint32_t seed, float *w)
{
    float z[BUILTIN_MOST];
    latent_error e = {""};
    latent_random r;
    latent_random_seed(&r, seed);
    latent_draw(&r, m->generator.z_dim, 0, z);
    if (latent_model_map(m, z, NULL, w, &e))
        fail_msg("%s", e.text);
}

void builtin_draw(latent_model *m, const float *w, float *picture)
{
    latent_error e = {""};
    latent_tensor *t;
    latent_node *n = network_picture(m, w, 1);
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    memcpy(picture, t->data, t->count * sizeof(float));
    latent_tensor_release(t);
    latent_node_release(n);
}

void builtin_embedding(const latent_model *clip, latent_node *n, double *unit)
{
    latent_error e = {""};
    latent_tensor *t;
    double sum = 0;
    if (!n || latent_evaluate(n, NULL, &t, &e))
        fail_msg("no embedding: %s", e.text);
    for (int i = 0; i < clip->encoder.embedding; i++)
        sum += (double)t->data[i] * t->data[i];
    for (int i = 0; i < clip->encoder.embedding; i++)
        unit[i] = t->data[i] / sqrt(sum);
    latent_tensor_release(t);
    latent_node_release(n);
}
