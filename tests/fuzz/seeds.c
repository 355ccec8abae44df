/* seeds: writes those corpora of the fuzzers that no other program makes, into a folder for each
   reader ("tests/fuzz/corpus"): small right files of every kind. */
#include "engine/latents/directions.h"
#include "engine/media/film.h"
#include "engine/media/metadata.h"
#include "engine/media/picture.h"
#include "engine/sequence/follow.h"
#include "engine/weights/weights.h"
#include "helper_files.h"
#include "make.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *top;

static const char *in(const char *folder, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof(path), "%s/%s", top, folder);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/%s", top, folder, name);
    return path;
}

static int failed;

static void done(int wrong, const latent_error *e)
{
    if (wrong)
        fprintf(stderr, "%s\n", e->text);
    failed = failed || wrong;
}

static void put_file(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    latent_error e = {"a file can't be written"};
    done(!f || fwrite(data, 1, n, f) != n || fclose(f), &e);
}

/* A picture of a few colours, and one with all that a PNG can say about its making. */
static void pictures(void)
{
    enum { H = 6, W = 8 };
    uint8_t rgb[H * W * 3], *chunks;
    size_t n;
    latent_error e = {""};
    float w[4] = {0.5f, -1, 2, 0};
    latent_metadata notes = {.patch = "fish.pd",
                             .has_seed = 1,
                             .seed = 42,
                             .origin = {{"fish.safetensors", "0123456789abcdef"}, 2, 2, w}};
    for (int i = 0; i < H * W * 3; i++)
        rgb[i] = (uint8_t)(i * 5);
    done(latent_picture_write(in("pictures", "rgb.png"), rgb, H, W, 3, &e), &e);
    done(latent_picture_write(in("pictures", "grey.png"), rgb, H, W, 1, &e), &e);
    if (latent_metadata_chunks(&notes, &chunks, &n, &e)) {
        done(1, &e);
        return;
    }
    done(latent_picture_write_with(in("notes", "all.png"), rgb, 1, 1, 3, chunks, n, &e), &e);
    free(chunks);
    put_file(in("palettes", "pixels"), rgb, sizeof(rgb));
    put_file(in("rules", "numbers"), rgb, 64);
}

/* A short film of each kind that is written. */
static void films(void)
{
    static const char *const names[] = {"film.mp4", "film.mkv", "film.webm", "film.gif",
                                        "film.apng"};
    uint8_t rgb[16 * 16 * 3];
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const latent_film_settings s = {.fps = 10, .quality = 30};
        latent_error e = {""};
        latent_film *f = latent_film_open(in("films", names[i]), &s, &e);
        for (int k = 0; f && k < 3; k++) {
            memset(rgb, 60 * k + 20, sizeof(rgb));
            done(latent_film_add(f, rgb, 16, 16, k, &e), &e);
        }
        done(!f || latent_film_close(f, 3, &e), &e);
        latent_film_release(f);
    }
}

/* The directions of a text as numbers. */
static void directions(void)
{
    static const char text[] = "directions 2 3 4 sefa;\ndirection -1 -1 1 1 1 1 0 0;\n"
                               "direction 0 1 2.5 0.5 1 0 2 1.5;\n";
    latent_error e = {""};
    latent_directions *d = latent_directions_parse(text, sizeof(text) - 1, &e);
    put_file(in("directions", "two.txt"), text, sizeof(text) - 1);
    done(!d || latent_directions_write(d, in("directions", "two.safetensors"), &e), &e);
    latent_directions_free(d);
}

/* A walk of 12 rows, learned from for one step. */
static void walks(void)
{
    latent_error e = {""};
    const latent_walk_names names = {{"there", "back"}, 2};
    latent_learner *l = latent_learner_new(8, 0, 100, &e);
    latent_walk w;
    double loss;
    latent_walk_init(&w, 100);
    for (int i = 0; i < 12; i++) {
        const float row[2] = {(float)(i % 4), (float)(i % 3)};
        done(latent_walk_add(&w, row, 2, .1f, 0, &e), &e);
    }
    done(!l || latent_learner_rows(l, &w, &e) || latent_learner_learn(l, 1, 0, &loss, NULL, &e) ||
             latent_learner_write(l, &names, in("walks", "walk.safetensors"), &e),
         &e);
    latent_walk_free(&w);
    latent_learner_free(l);
}

int main(int argc, char **argv)
{
    latent_error e = {""};
    if (argc != 2) {
        fprintf(stderr, "seeds <folder>\n");
        return 2;
    }
    top = argv[1];
    for (size_t i = 0; i < n_seeds() + n_arrays(); i++) {
        const char *name;
        bytes b = i < n_seeds() ? make_seed(i, &name) : make_array(i - n_seeds(), &name);
        put_file(in(i < n_seeds() ? "weights" : "arrays", name), b.data, b.size);
        bytes_free(&b);
    }
    done(fuzz_make_clip(in("models", "openai.safetensors"), 0, &e), &e);
    done(fuzz_make_clip(in("models", "hugging.safetensors"), 1, &e), &e);
    done(fuzz_make_tiny(in("models", "tiny.safetensors"), &e), &e);
    done(fuzz_make_generator(in("models", "skip.safetensors"), 0, &e), &e);
    done(fuzz_make_generator(in("models", "resnet.safetensors"), 1, &e), &e);
    done(fuzz_make_generator(in("models", "orig.safetensors"), 2, &e), &e);
    done(fuzz_make_rosinality(in("models", "rosinality.safetensors"), &e), &e);
    done(fuzz_make_tensorflow(in("models", "tensorflow.safetensors"), &e), &e);
    done(fuzz_make_training(in("trainings", "generator.safetensors"), &e), &e);
    done(fuzz_make_tiny_training(in("trainings", "tiny.safetensors"), &e), &e);
    directions();
    walks();
    pictures();
    films();
    return failed;
}
