/* diffusion_tiny_model: a diffusion-tiny (diffusion_tiny.h) as a model that boxes play: a denoiser
   of pictures as they are inside, a decoder that brings pictures there and back. */
#include "../ops/encoder.h"
#include "../ops/layers.h"
#include "architectures.h"
#include "diffusion_tiny.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CHANNELS 4 /* of pictures */

static int recognise(const latent_weights *w, char *prefix, size_t room)
{
    const char *architecture = latent_weights_text(w, "architecture");
    (void)room;
    *prefix = 0;
    return architecture && !strcmp(architecture, "diffusion-tiny");
}

static int take_sizes(latent_model *m, latent_error *e)
{
    const latent_diffusion_net *net = m->net;
    const latent_diffusion_sizes *s = &net->sizes;
    latent_diffusion_tensor t;
    if (s->channels != 3)
        return latent_fail(e, "a diffusion-tiny of %d channels; 3 are known", s->channels);
    m->denoiser = (latent_denoiser_dims){.channels = s->channels,
                                         .height = s->resolution,
                                         .width = s->resolution,
                                         .multiple = s->shuffle << (s->levels - 1),
                                         .embedding = s->words,
                                         .flow = 1};
    m->decoder = (latent_decoder_dims){.channels = s->channels, .factor = 1};
    for (int i = 0; latent_diffusion_tensor_at(s, i, &t); i++)
        m->weights_bytes += t.count * sizeof(float);
    return 0;
}

static int build(latent_model *m, latent_weights *w, const char *prefix, latent_progress p,
                 latent_error *e)
{
    latent_diffusion_net *net = calloc(1, sizeof(*net));
    (void)prefix;
    (void)p;
    if (!(m->net = net))
        return latent_fail(e, "no memory for a diffusion-tiny");
    return latent_diffusion_net_read(net, w, e) || take_sizes(m, e) ? -1 : 0;
}

static void free_net(latent_model *m)
{
    latent_diffusion_net_free(m->net);
    free(m->net);
}

latent_model *latent_diffusion_model(latent_diffusion_net *net, const char *label, latent_error *e)
{
    latent_model *m = calloc(1, sizeof(*m));
    latent_diffusion_net *own = malloc(sizeof(*own));
    if (!m || !own) {
        free(m);
        free(own);
        latent_diffusion_net_free(net);
        latent_fail(e, "no memory for a diffusion-tiny");
        return NULL;
    }
    *own = *net;
    memset(net, 0, sizeof(*net));
    m->refs = 1;
    m->arch = &latent_arch_diffusion_tiny;
    snprintf(m->label, sizeof(m->label), "%s", label);
    m->net = own;
    if (!take_sizes(m, e))
        return m;
    latent_model_release(m);
    return NULL;
}

/* Any list becomes one of the length that the network is told. */
static latent_node *told(latent_node *words, latent_error *e)
{
    return latent_op_lengths(words, words->shape.n, sqrtf((float)words->shape.c), "words", e);
}

/* x = a clean + s noise is a + s times what a flow of the level s / (a + s) has there. */
static latent_node *denoise(latent_model *m, latent_node *x, latent_level level, latent_node *words,
                            latent_error *e)
{
    const latent_diffusion_net *net = m->net;
    float whole = level.a + level.s, at[64], t = whole > 0 ? level.s / whole : 1;
    latent_node *scaled, *say = NULL, *v = NULL, *guess = NULL;
    for (int i = 0; i < 64; i++)
        at[i] = t;
    if (whole == 1)
        scaled = latent_node_retain(x);
    else
        scaled = latent_op_add(x, whole > 0 ? 1 / whole : 0, x, 0, "denoise", e);
    if (scaled && (!words || (say = told(words, e))))
        v = latent_diffusion_velocity(net, scaled, at, say, e);
    if (v)
        guess = latent_op_add(scaled, 1, v, -t, "denoise", e);
    latent_node_release(scaled);
    latent_node_release(say);
    latent_node_release(v);
    return guess;
}

static latent_node *stretch(latent_node *x, float scale, float shift, latent_error *e)
{
    float scales[MOST_CHANNELS], shifts[MOST_CHANNELS];
    for (int i = 0; i < MOST_CHANNELS; i++) {
        scales[i] = scale;
        shifts[i] = shift;
    }
    return latent_op_scale(x, scales, shifts, e);
}

static latent_node *encode(latent_model *m, latent_node *pictures, latent_error *e)
{
    const latent_diffusion_sizes *s = &((const latent_diffusion_net *)m->net)->sizes;
    return stretch(pictures, 1 / s->deviation, -s->mean / s->deviation, e);
}

static latent_node *decode(latent_model *m, latent_node *features, latent_error *e)
{
    const latent_diffusion_sizes *s = &((const latent_diffusion_net *)m->net)->sizes;
    return stretch(features, s->deviation, s->mean, e);
}

static const latent_denoiser_arch denoiser = {denoise};
static const latent_decoder_arch decoder = {encode, decode};

const latent_arch latent_arch_diffusion_tiny = {
    .name = "diffusion-tiny",
    .recognise = recognise,
    .build = build,
    .free = free_net,
    .denoiser = &denoiser,
    .decoder = &decoder,
};
