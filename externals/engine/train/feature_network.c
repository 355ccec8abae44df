/* feature_network: see feature_network.h */
#include "feature_network.h"
#include "../base/parallel.h"
#include "../models/clip_tiny.h"
#include "clip_net.h"
#include <stdlib.h>
#include <string.h>

#define TOGETHER 4 /* pictures that go through the network together */

struct latent_feature_network {
    latent_model *clip; /* held */
    latent_clip_net net;
    float *weights;
    int groups;
    latent_clip_pictures **keep; /* [groups] */
    float **g;                   /* [groups] */
    const float *pictures, *g_features;
    float *features, *g_pictures; /* of the job at hand */
};

static size_t picture_count(const latent_feature_network *eye)
{
    size_t r = (size_t)eye->net.sizes.resolution;
    return r * r * 3;
}

int latent_feature_network_side(const latent_feature_network *eye)
{
    return eye->net.sizes.resolution >> (eye->net.sizes.stages + 1);
}

int latent_feature_network_channels(const latent_feature_network *eye)
{
    return eye->net.sizes.width[eye->net.sizes.stages - 1];
}

int latent_feature_network_suits(const latent_feature_network *eye, int n, int resolution, int side,
                                 int channels)
{
    return eye->groups * TOGETHER >= n && eye->net.sizes.resolution == resolution &&
           latent_feature_network_side(eye) == side &&
           latent_feature_network_channels(eye) == channels;
}

static size_t feature_count(const latent_feature_network *eye)
{
    return (size_t)latent_feature_network_side(eye) * (size_t)latent_feature_network_side(eye) *
           (size_t)latent_feature_network_channels(eye);
}

static int take_memory(latent_feature_network *eye, latent_error *e)
{
    size_t n = (size_t)eye->groups;
    int failed = 0;
    eye->keep = calloc(n, sizeof(*eye->keep));
    eye->g = calloc(n, sizeof(*eye->g));
    if (!eye->keep || !eye->g)
        return latent_fail(e, "no memory for a clip-tiny");
    for (size_t i = 0; i < n; i++) {
        eye->g[i] = malloc(TOGETHER * picture_count(eye) * sizeof(float));
        eye->keep[i] = latent_clip_pictures_new(&eye->net, TOGETHER, e);
        failed |= !eye->g[i] || !eye->keep[i];
    }
    return failed ? latent_fail(e, "no memory for a clip-tiny") : 0;
}

latent_feature_network *latent_feature_network_open(const char *path, int n, latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    latent_feature_network *eye = w ? calloc(1, sizeof(*eye)) : NULL;
    latent_tiny_sizes sizes;
    int failed =
        !eye || latent_tiny_read_sizes(w, &sizes, e) || latent_clip_net_plan(&eye->net, &sizes, e);
    if (!failed && !(eye->weights = malloc(eye->net.count * sizeof(float))))
        failed = latent_fail(e, "no memory for a clip-tiny");
    failed = failed || latent_clip_net_read(&eye->net, w, eye->weights, e) ||
             !(eye->clip = latent_model_load(path, (latent_progress){NULL, NULL}, e));
    if (!failed && !latent_tiny_net_of(eye->clip))
        failed = latent_fail(e, "%s is no clip-tiny", path);
    if (!failed) {
        eye->groups = n / TOGETHER;
        failed = take_memory(eye, e);
    }
    latent_weights_close(w);
    if (!failed)
        return eye;
    latent_feature_network_free(eye);
    return NULL;
}

void latent_feature_network_free(latent_feature_network *eye)
{
    if (!eye)
        return;
    for (int i = 0; i < eye->groups; i++) {
        if (eye->keep)
            latent_clip_pictures_free(eye->keep[i]);
        if (eye->g)
            free(eye->g[i]);
    }
    latent_model_release(eye->clip);
    free(eye->keep);
    free(eye->g);
    free(eye->weights);
    free(eye);
}

latent_node *latent_feature_network_see(const latent_feature_network *eye, latent_node *pictures,
                                        latent_error *e)
{
    return latent_tiny_features(latent_tiny_net_of(eye->clip), pictures, e);
}

static void look_group(void *context, int i, int slot)
{
    latent_feature_network *eye = context;
    size_t count = TOGETHER * feature_count(eye);
    (void)slot;
    latent_clip_pictures_forward(eye->keep[i], eye->weights,
                                 eye->pictures + (size_t)i * TOGETHER * picture_count(eye), NULL);
    memcpy(eye->features + (size_t)i * count, latent_clip_pictures_features(eye->keep[i]),
           count * sizeof(float));
}

void latent_feature_network_look(latent_feature_network *eye, int n, const float *pictures,
                                 float *features)
{
    eye->pictures = pictures;
    eye->features = features;
    latent_parallel(n / TOGETHER, look_group, eye);
}

static void back_group(void *context, int i, int slot)
{
    latent_feature_network *eye = context;
    size_t count = TOGETHER * picture_count(eye);
    float *to = eye->g_pictures + (size_t)i * count;
    (void)slot;
    latent_clip_pictures_seen_back(eye->keep[i], eye->weights,
                                   eye->g_features + (size_t)i * TOGETHER * feature_count(eye),
                                   eye->g[i]);
    for (size_t k = 0; k < count; k++)
        to[k] += eye->g[i][k];
}

void latent_feature_network_back(latent_feature_network *eye, int n, const float *g_features,
                                 float *g_pictures)
{
    eye->g_features = g_features;
    eye->g_pictures = g_pictures;
    latent_parallel(n / TOGETHER, back_group, eye);
}
