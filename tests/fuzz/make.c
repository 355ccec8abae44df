/* make: see make.h */
#include "make.h"
#include "engine/train/training.h"
#include "helper_network.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- CLIP */

#define MOST 64

enum { WIDTH = 4, PATCH = 2, CONTEXT = 8, VOCABULARY = 517 };

typedef struct {
    latent_tensor_out t[MOST];
    char name[MOST][100];
    size_t n;
} list;

static float numbers[VOCABULARY * WIDTH];

static void add(list *l, const char *where, const char *what, int rank, int64_t a, int64_t b)
{
    latent_tensor_out *t = &l->t[l->n];
    snprintf(l->name[l->n], sizeof(l->name[0]), "%s%s", where, what);
    *t = (latent_tensor_out){l->name[l->n], LATENT_F16, rank, {a, b, PATCH, PATCH}, numbers};
    l->n++;
}

/* A matrix, or without in a norm, and its bias. */
static void add_layer(list *l, const char *where, const char *what, int out, int in)
{
    char name[80];
    snprintf(name, sizeof(name), "%s.weight", what);
    add(l, where, name, in ? 2 : 1, out, in);
    snprintf(name, sizeof(name), "%s.bias", what);
    add(l, where, name, 1, out, 0);
}

static void openai_block(list *l, const char *where)
{
    add_layer(l, where, "ln_1", WIDTH, 0);
    add(l, where, "attn.in_proj_weight", 2, 3 * WIDTH, WIDTH);
    add(l, where, "attn.in_proj_bias", 1, 3 * WIDTH, 0);
    add_layer(l, where, "attn.out_proj", WIDTH, WIDTH);
    add_layer(l, where, "ln_2", WIDTH, 0);
    add_layer(l, where, "mlp.c_fc", WIDTH, WIDTH);
    add_layer(l, where, "mlp.c_proj", WIDTH, WIDTH);
}

static void hugging_face_block(list *l, const char *where)
{
    add_layer(l, where, "layer_norm1", WIDTH, 0);
    add_layer(l, where, "self_attn.q_proj", WIDTH, WIDTH);
    add_layer(l, where, "self_attn.k_proj", WIDTH, WIDTH);
    add_layer(l, where, "self_attn.v_proj", WIDTH, WIDTH);
    add_layer(l, where, "self_attn.out_proj", WIDTH, WIDTH);
    add_layer(l, where, "layer_norm2", WIDTH, 0);
    add_layer(l, where, "mlp.fc1", WIDTH, WIDTH);
    add_layer(l, where, "mlp.fc2", WIDTH, WIDTH);
}

int fuzz_make_clip(const char *path, int hugging_face, latent_error *e)
{
    list l = {.n = 0};
    const char *eye = hugging_face ? "vision_model." : "visual.";
    const char *words = hugging_face ? "text_model." : "";
    for (int i = 0; i < VOCABULARY * WIDTH; i++)
        numbers[i] = (float)(i % 7 - 3) / 4;
    add(&l, eye, hugging_face ? "embeddings.class_embedding" : "class_embedding", 1, WIDTH, 0);
    add(&l, eye, hugging_face ? "embeddings.patch_embedding.weight" : "conv1.weight", 4, WIDTH, 3);
    add(&l, eye, hugging_face ? "embeddings.position_embedding.weight" : "positional_embedding", 2,
        5, WIDTH);
    add_layer(&l, eye, hugging_face ? "pre_layrnorm" : "ln_pre", WIDTH, 0);
    add_layer(&l, eye, hugging_face ? "post_layernorm" : "ln_post", WIDTH, 0);
    add(&l, words, hugging_face ? "embeddings.token_embedding.weight" : "token_embedding.weight", 2,
        VOCABULARY, WIDTH);
    add(&l, words, hugging_face ? "embeddings.position_embedding.weight" : "positional_embedding",
        2, CONTEXT, WIDTH);
    add_layer(&l, words, hugging_face ? "final_layer_norm" : "ln_final", WIDTH, 0);
    if (hugging_face) {
        add(&l, "", "visual_projection.weight", 2, WIDTH, WIDTH);
        add(&l, "", "text_projection.weight", 2, WIDTH, WIDTH);
        hugging_face_block(&l, "vision_model.encoder.layers.0.");
        hugging_face_block(&l, "text_model.encoder.layers.0.");
    } else {
        add(&l, "", "visual.proj", 2, WIDTH, WIDTH);
        add(&l, "", "text_projection", 2, WIDTH, WIDTH);
        openai_block(&l, "visual.transformer.resblocks.0.");
        openai_block(&l, "transformer.resblocks.0.");
    }
    return latent_safetensors_write(path, l.t, l.n, NULL, 0, e);
}

/* ---- clip-tiny */

static latent_clip_training *tiny(latent_error *e)
{
    latent_clip_settings s = latent_clip_settings_usual();
    s.sizes = (latent_tiny_sizes){.resolution = 4,
                                  .stem = 2,
                                  .stages = 1,
                                  .width = {3},
                                  .blocks = {1},
                                  .embedding = 4,
                                  .rows = 16,
                                  .text_width = 3,
                                  .text_layers = 1,
                                  .text_hidden = 4,
                                  .context = 8};
    s.batch = 8;
    return latent_clip_training_new(NULL, &s, e);
}

int fuzz_make_tiny(const char *path, latent_error *e)
{
    latent_clip_training *t = tiny(e);
    int failed = !t || latent_clip_training_save(t, path, "small", e);
    latent_clip_training_free(t);
    return failed ? -1 : 0;
}

int fuzz_make_tiny_training(const char *path, latent_error *e)
{
    latent_clip_training *t = tiny(e);
    int failed = !t || latent_clip_training_write(t, path, e);
    latent_clip_training_free(t);
    return failed ? -1 : 0;
}

/* ---- diffusion-tiny */

/* With the clip-tiny of above, which reads for it. */
static latent_diffusion_training *diffusion(latent_error *e)
{
    latent_diffusion_settings s = latent_diffusion_settings_usual(4);
    latent_clip_training *reads = tiny(e);
    latent_model *clip = reads ? latent_clip_training_snapshot(reads, "small", e) : NULL;
    latent_diffusion_training *t = NULL;
    s.sizes = (latent_diffusion_sizes){.resolution = 4,
                                       .channels = 3,
                                       .shuffle = 1,
                                       .levels = 2,
                                       .width = {2, 4},
                                       .heads = 2,
                                       .waves = 2,
                                       .words = 4,
                                       .embedding = 3,
                                       .mean = 0.5f,
                                       .deviation = 0.5f};
    s.batch = 2;
    if (clip)
        t = latent_diffusion_training_new(NULL, clip, &s, e);
    latent_model_release(clip);
    latent_clip_training_free(reads);
    return t;
}

int fuzz_make_diffusion(const char *path, latent_error *e)
{
    latent_diffusion_training *t = diffusion(e);
    int failed = !t || latent_diffusion_training_save(t, path, "small", e);
    latent_diffusion_training_free(t);
    return failed ? -1 : 0;
}

int fuzz_make_diffusion_training(const char *path, latent_error *e)
{
    latent_diffusion_training *t = diffusion(e);
    int failed = !t || latent_diffusion_training_write(t, path, e);
    latent_diffusion_training_free(t);
    return failed ? -1 : 0;
}

/* ---- generators */

int fuzz_make_training(const char *path, latent_error *e)
{
    latent_generator_shape g = {.z = 4, .w = 4, .mapping = 1, .blocks = 2, .channels = {2, 2}};
    latent_discriminator_shape d = latent_trainer_default_discriminator(&g);
    latent_train_settings s = latent_train_defaults();
    latent_trainer t;
    int failed;
    d.channels[0] = d.channels[1] = 2;
    s.batch = 4;
    if (latent_trainer_init(&t, &s, &g, &d, e))
        return -1;
    failed = latent_trainer_save(&t, path, e);
    latent_trainer_free(&t);
    return failed;
}

int fuzz_make_generator(const char *path, int kind, latent_error *e)
{
    const network_plan p = {.kind = kind == 0   ? SKIP
                                    : kind == 1 ? RESNET
                                                : ORIG,
                            .z = 3,
                            .w = 4,
                            .mapping = 1,
                            .blocks = 2,
                            .channels = {3, 2},
                            .rgb = 3,
                            .noise = kind != 1};
    network n;
    int failed;
    network_make(&n, p, 1);
    for (int i = 0; i < n.n; i++)
        n.t[i].dtype = LATENT_F16;
    failed = latent_safetensors_write(path, n.t, (size_t)n.n, NULL, 0, e);
    network_free(&n);
    return failed;
}

/* ---- the same generator in the layouts of other programs */

/* What rosinality's program calls it, with the axes that it has more. */
static void as_rosinality(const latent_tensor_out *t, latent_tensor_out *to, char name[100])
{
    static const char *const ours[] = {"weight", "bias", "affine.weight", "affine.bias",
                                       "noise_strength"};
    static const char *const theirs[] = {"conv.weight", "activate.bias", "conv.modulation.weight",
                                         "conv.modulation.bias", "noise.weight"};
    char layer[20], part[40];
    int i, side, k, n = 0;
    *to = *t;
    to->name = name;
    snprintf(name, 100, "%s", t->name);
    if (sscanf(t->name, "mapping.fc%d.%n", &i, &n) == 1 && n)
        snprintf(name, 100, "style.%d.%s", i + 1, t->name + n);
    else if (!strcmp(t->name, "mapping.w_avg"))
        snprintf(name, 100, "latent_avg");
    else if (!strcmp(t->name, "synthesis.b4.const"))
        snprintf(name, 100, "input.input");
    else if (sscanf(t->name, "synthesis.b%d.%19[a-z0-9].%39s", &side, layer, part) == 3) {
        k = side / 4 / 2; /* two blocks */
        snprintf(name, 100, k ? "convs.%d." : "conv1.", 2 * k - 2 + !strcmp(layer, "conv1"));
        if (!strcmp(layer, "torgb"))
            snprintf(name, 100, k ? "to_rgbs.%d." : "to_rgb1.", k - 1);
        for (i = 0; i < 5; i++)
            if (!strcmp(part, ours[i]))
                strcat(name, i == 1 && !strcmp(layer, "torgb") ? "bias" : theirs[i]);
        if (!strcmp(part, "noise_const"))
            snprintf(name, 100, "noises.noise_%d", k ? 2 * k - 1 + !strcmp(layer, "conv1") : 0);
        if (!strcmp(part, "noise_strength")) {
            to->rank = 1;
            to->dim[0] = 1;
        }
    }
    if (to->rank == 4 || !strcmp(name, "input.input")) {
        memmove(to->dim + 1, t->dim, (size_t)to->rank * sizeof(*t->dim));
        to->dim[0] = 1;
        to->rank++;
    }
}

/* The variable of NVIDIA's TensorFlow program, and the component that it belongs to. */
static const char *as_tensorflow(const latent_tensor_out *t, latent_tensor_out *to, char name[100])
{
    static const char *const ours[] = {"weight", "bias", "affine.weight", "affine.bias",
                                       "noise_strength"};
    static const char *const theirs[] = {"weight", "bias", "mod_weight", "mod_bias",
                                         "noise_strength"};
    char layer[20], part[40];
    int i, side, k, n = 0;
    *to = *t;
    snprintf(name, 100, "%s", t->name);
    for (i = 0; i < t->rank; i++) /* kernels and matrices from the last axis on: sides fit so */
        to->dim[i] = t->rank == 4 ? t->dim[(int[]){2, 3, 1, 0}[i]]
                     : t->rank == 2 && !strstr(t->name, "noise_const") ? t->dim[1 - i]
                                                                       : t->dim[i];
    if (sscanf(t->name, "mapping.fc%d.%n", &i, &n) == 1 && n) {
        snprintf(name, 100, "Dense%d/%s", i, t->name + n);
        return "components.mapping.";
    }
    if (!strcmp(t->name, "mapping.w_avg")) {
        snprintf(name, 100, "dlatent_avg");
        return "";
    }
    if (!strcmp(t->name, "synthesis.b4.const"))
        snprintf(name, 100, "4x4/Const/const");
    else if (sscanf(t->name, "synthesis.b%d.%19[a-z0-9].%39s", &side, layer, part) == 3) {
        k = side / 4 / 2;
        snprintf(name, 100, "%dx%d/%s/", side, side,
                 !strcmp(layer, "torgb")   ? "ToRGB"
                 : !strcmp(layer, "conv0") ? "Conv0_up"
                 : k                       ? "Conv1"
                                           : "Conv");
        for (i = 0; i < 5; i++)
            if (!strcmp(part, ours[i]))
                strcat(name, theirs[i]);
        if (!strcmp(part, "noise_const"))
            snprintf(name, 100, "noise%d", k ? 2 * k - 1 + !strcmp(layer, "conv1") : 0);
    }
    return "components.synthesis.";
}

static void small_generator(network *n)
{
    const network_plan p = {.kind = SKIP,
                            .z = 4,
                            .w = 4,
                            .mapping = 1,
                            .blocks = 2,
                            .channels = {3, 2},
                            .rgb = 3,
                            .noise = 1};
    network_make(n, p, 1);
}

int fuzz_make_rosinality(const char *path, latent_error *e)
{
    static latent_tensor_out t[NETWORK_TENSORS];
    static char name[NETWORK_TENSORS][100];
    network n;
    int failed;
    small_generator(&n);
    for (int i = 0; i < n.n; i++) {
        as_rosinality(&n.t[i], &t[i], name[i]);
        t[i].dtype = LATENT_F16;
    }
    failed = latent_safetensors_write(path, t, (size_t)n.n, NULL, 0, e);
    network_free(&n);
    return failed;
}

int fuzz_make_tensorflow(const char *path, latent_error *e)
{
    static latent_tensor_out t[NETWORK_TENSORS];
    static latent_meta_out meta[NETWORK_TENSORS];
    static char name[NETWORK_TENSORS][100], key[2][NETWORK_TENSORS][100];
    int count[3] = {0}, failed;
    network n;
    small_generator(&n);
    for (int i = 0; i < n.n; i++) {
        const char *where = as_tensorflow(&n.t[i], &t[i], name[i]);
        int *k = &count[!*where ? 0 : strstr(where, "mapping") ? 1 : 2];
        for (int part = 0; part < 2; part++)
            snprintf(key[part][i], sizeof(key[0][0]), "%svariables.%d.%d", where, *k, part);
        ++*k;
        meta[i] = (latent_meta_out){key[0][i], name[i]};
        t[i].name = key[1][i];
        t[i].dtype = LATENT_F16;
    }
    failed = latent_safetensors_write(path, t, (size_t)n.n, meta, (size_t)n.n, e);
    network_free(&n);
    return failed;
}
