/* read_models: readers of networks and latents for the fuzzers.  See readers.h. */
#include "engine/graph/evaluate.h"
#include "engine/latents/directions.h"
#include "engine/models/clip_config.h"
#include "engine/models/model.h"
#include "engine/sequence/follow.h"
#include "engine/train/training.h"
#include "engine/weights/arrays.h"
#include "engine/weights/weights.h"
#include "make.h"
#include "readers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const latent_progress quietly = {NULL, NULL};

/* Takes w over; NULL: it was refused. */
static void read_all(latent_weights *w, latent_error *e)
{
    double number = 0;
    if (!w) {
        fuzz_refused(e);
        return;
    }
    for (size_t i = 0; i < latent_weights_count(w); i++) {
        const latent_entry *t = latent_weights_at(w, i);
        float *x = malloc((size_t)t->count * sizeof(float) + 1);
        fuzz_check(latent_weights_find(w, t->name) == t);
        /* what the table promises can be read */
        fuzz_check(x && latent_weights_read(w, t, x, e) >= 0);
        latent_weights_text(w, t->name);
        latent_weights_number(w, t->name, &number);
        free(x);
    }
    latent_weights_close(w);
}

void fuzz_weights(const uint8_t *data, size_t size)
{
    latent_error e = {""};
    latent_weights *w = latent_weights_open_memory(data, size, &e);
    read_all(w, &e);
}

/* The list of a network in two files, and behind a byte 0 these: one half each. */
void fuzz_parts(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"parts/model.safetensors.index.json",
                                        "parts/model-00001-of-00002.safetensors"};
    char *text = fuzz_text(&data, &size), path[4200];
    fuzz_file(names[0], (const uint8_t *)text, strlen(text));
    free(text);
    fuzz_file(names[1], data, size / 2);
    fuzz_file("parts/model-00002-of-00002.safetensors", data + size / 2, size - size / 2);
    for (int i = 0; i < 2; i++) {
        latent_error e = {""};
        latent_weights *w;
        snprintf(path, sizeof(path), "%s/%s", fuzz_folder(), names[i]);
        w = latent_weights_open(path, &e);
        read_all(w, &e);
    }
}

/* What lies beside a CLIP, with a byte 0 between. */
void fuzz_configs(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"configs/config.json", "configs/preprocessor_config.json",
                                        "configs/open_clip_config.json"};
    char folder[4200];
    for (int i = 0; i < 3; i++) {
        char *text = fuzz_text(&data, &size);
        fuzz_file(names[i], (const uint8_t *)text, strlen(text));
        free(text);
    }
    snprintf(folder, sizeof(folder), "%s/configs/", fuzz_folder());
    for (int i = 0; i < 2; i++) {
        latent_clip_config c = {{192, 3, 1}, {128, 2, 1}, {0, 0, 0}, {1, 1, 1}};
        latent_error e = {""};
        if ((i ? latent_clip_config_open_clip : latent_clip_config_hugging_face)(&c, folder, &e))
            fuzz_refused(&e);
        else {
            fuzz_check(c.picture.heads > 0 && c.picture.width % c.picture.heads == 0);
            fuzz_check(c.text.heads > 0 && c.text.width % c.text.heads == 0);
            for (int k = 0; k < 3; k++)
                fuzz_check(isfinite(c.mean[k]) && isfinite(c.deviation[k]) && c.deviation[k] != 0);
        }
    }
}

void fuzz_arrays(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {NULL, "w", "z"};
    for (size_t i = 0; i < 3; i++) {
        latent_error e = {""};
        latent_array a;
        if (!latent_array_read_memory(&a, data, size, keys[i], &e))
            latent_array_free(&a);
        else
            fuzz_refused(&e);
    }
}

/* Takes n over. */
static void draw(latent_node *n, const latent_error *why)
{
    latent_error e = {""};
    latent_tensor *t;
    if (!n) {
        fuzz_refused(why);
        return;
    }
    if (latent_evaluate(n, NULL, &t, &e))
        fuzz_refused(&e);
    else
        latent_tensor_release(t);
    latent_node_release(n);
    latent_tensor_trim(0);
}

/* A step from noise, with and without words, and there and back. */
static void denoise(latent_model *m)
{
    static const float numbers[64 * 64 * 4];
    const latent_denoiser_dims *d = &m->denoiser;
    latent_error e = {""};
    latent_node *x, *words;
    if (d->channels > 4 || d->height > 64 || d->width > 64 || d->embedding > 4096)
        return;
    x = latent_op_planes(numbers, d->channels, d->height, d->width, NULL, &e);
    words = d->embedding ? latent_op_planes(numbers, d->embedding, 1, 1, NULL, &e) : NULL;
    draw(latent_model_denoise(m, x, (latent_level){0.25f, 0.75f, 0, 0}, NULL, &e), &e);
    if (words)
        draw(latent_model_denoise(m, x, (latent_level){0, 1, 0, 0}, words, &e), &e);
    if (m->arch->decoder) {
        draw(latent_model_encode(m, x, &e), &e);
        draw(latent_model_decode(m, x, &e), &e);
    }
    latent_node_release(x);
    latent_node_release(words);
}

/* Plays it as the boxes do, unless it is so large that this says nothing new. */
static void play(latent_model *m)
{
    static float numbers[4096], w[4096];
    latent_noise noise = {.mode = LATENT_NOISE_RANDOM, .seed = 1, .strength = 1};
    latent_error e = {""};
    latent_node *picture;
    if (m->weights_bytes > (size_t)16 << 20 || m->generator.height * m->generator.width > 64 * 64 ||
        m->encoder.resolution > 64)
        return;
    if (m->arch->encoder) {
        fuzz_check(!latent_model_is(m, LATENT_ENCODER, &e));
        picture = latent_op_planes(numbers, 3, 8, 8, NULL, &e);
        draw(latent_model_embed_picture(m, picture, &e), &e);
        latent_node_release(picture);
        draw(latent_model_embed_text(m, "a fish", &e), &e);
        return;
    }
    if (m->arch->denoiser) {
        denoise(m);
        return;
    }
    fuzz_check(!latent_model_is(m, LATENT_GENERATOR, &e));
    if (m->generator.w_dim > 4096 || m->generator.z_dim > 4096)
        return;
    if (latent_model_map(m, numbers, NULL, w, &e) || latent_model_truncate(m, w, 0.7f, -1, w, &e))
        fuzz_refused(&e);
    for (int i = -1; i < m->generator.n_layers; i++) {
        e.text[0] = 0;
        draw(latent_model_picture(m, w, 1, i, noise, &e), &e);
    }
}

/* Any network, and what it is written as. */
void fuzz_models(const uint8_t *data, size_t size)
{
    latent_error e = {""};
    latent_weights *w = latent_weights_open_memory(data, size, &e);
    latent_model *m = w ? latent_model_from_weights(w, "fuzzed", quietly, &e) : NULL;
    latent_weights_close(w);
    if (!m) {
        fuzz_refused(&e);
        return;
    }
    play(m);
    if (m->arch->write && m->weights_bytes < (size_t)4 << 20) {
        const char *path = fuzz_file("written.safetensors", data, 0);
        latent_model *again;
        if (latent_model_write(m, path, &e))
            fuzz_refused(&e);
        else {
            fuzz_check((again = latent_model_load(path, quietly, &e)) != NULL);
            fuzz_check(again->generator.w_dim == m->generator.w_dim &&
                       again->generator.n_layers == m->generator.n_layers);
            latent_model_release(again);
        }
    }
    latent_model_release(m);
}

/* The config.json beside a CLIP of Hugging Face's, and behind a byte 0 its merges.txt. */
void fuzz_beside(const uint8_t *data, size_t size)
{
    static int there;
    latent_error e = {""};
    latent_model *m;
    char path[4200];
    if (!there)
        fuzz_check(!fuzz_make_clip(fuzz_file("clip/model.safetensors", data, 0), 1, &e));
    there = 1;
    for (int i = 0; i < 2; i++) {
        char *text = fuzz_text(&data, &size);
        fuzz_file(i ? "clip/merges.txt" : "clip/config.json", (const uint8_t *)text, strlen(text));
        free(text);
    }
    snprintf(path, sizeof(path), "%s/clip/model.safetensors", fuzz_folder());
    if (!(m = latent_model_load(path, quietly, &e))) {
        fuzz_refused(&e);
        return;
    }
    play(m);
    latent_model_release(m);
}

/* As text, and as safetensors. */
void fuzz_directions(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"directions.txt", "directions.safetensors"};
    for (int i = 0; i < 2; i++) {
        latent_error e = {""};
        latent_directions *d = latent_directions_read(fuzz_file(names[i], data, size), &e), *again;
        if (!d) {
            fuzz_refused(&e);
            continue;
        }
        for (int k = 0; k < 2; k++) {
            const char *path = fuzz_file(names[k], data, 0);
            if (latent_directions_write(d, path, &e))
                fuzz_refused(&e);
            else {
                again = latent_directions_read(path, &e);
                fuzz_check(again && again->count == d->count && again->dim == d->dim);
                latent_directions_free(again);
            }
        }
        latent_directions_free(d);
    }
}

/* A clip-tiny, which reads for a denoiser in training. */
static latent_model *reader(void)
{
    const char *path = fuzz_file("reader.safetensors", (const uint8_t *)"", 0);
    latent_error e = {""};
    latent_model *m = NULL;
    fuzz_check(!fuzz_make_tiny(path, &e) && (m = latent_model_load(path, quietly, &e)));
    return m;
}

/* A checkpoint of any kind of training. */
void fuzz_trainings(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("checkpoint.safetensors", data, size);
    const latent_clip_settings settings = latent_clip_settings_usual();
    latent_error e = {""};
    latent_trainer t;
    latent_clip_training *clip;
    static latent_model *reads;
    const latent_diffusion_settings denoising = latent_diffusion_settings_usual(64);
    latent_diffusion_training *diffusion;
    if (latent_trainer_open(&t, path, &e))
        fuzz_refused(&e);
    else
        latent_trainer_free(&t);
    e.text[0] = 0;
    if (!(clip = latent_clip_training_open(NULL, path, &settings, &e)))
        fuzz_refused(&e);
    latent_clip_training_free(clip);
    e.text[0] = 0;
    if (!reads)
        reads = reader();
    if (!(diffusion = latent_diffusion_training_open(NULL, reads, path, &denoising, &e)))
        fuzz_refused(&e);
    latent_diffusion_training_free(diffusion);
}

/* What [latent.predict] has written; what can be read can be written. */
void fuzz_walks(const uint8_t *data, size_t size)
{
    latent_error e = {""};
    latent_walk_names names;
    latent_learner *l = latent_learner_read_memory(data, size, 200, &names, &e);
    latent_player *p;
    const latent_walk none = {0};
    if (!l) {
        fuzz_refused(&e);
        return;
    }
    if (!(p = latent_learner_player(l, &none, &e)))
        fuzz_refused(&e);
    latent_player_free(p);
    fuzz_check(!latent_learner_write(l, &names, fuzz_file("walk.safetensors", data, 0), &e));
    latent_learner_free(l);
}
