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
