/* bench_guide: one step of guidance of the built-in fish by the built-in clip-tiny, as
   [latent.guide] takes it: draw, look, compare with the words, and back to the styles.

       guide-fish cutouts N: R steps/s, M ms/step

   LATENT_BENCH_THREADS (2) threads; LATENT_FISH names another generator. */
#include "engine/base/parallel.h"
#include "engine/graph/gradient.h"
#include "engine/guidance/guide.h"
#include "engine/models/model.h"
#include "measure.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 30 };

static latent_model *load(const char *path)
{
    latent_error e = {""};
    latent_model *m = latent_model_load(path, (latent_progress){NULL, NULL}, &e);
    if (!m)
        die(e.text);
    return m;
}

static latent_node *draw(latent_model *m, const float *w)
{
    latent_error e = {""};
    latent_noise noise = {.mode = LATENT_NOISE_CONST, .strength = 1};
    latent_node *picture = latent_model_picture(m, w, 1, LATENT_WHOLE_PICTURE, noise, &e);
    if (!picture)
        die(e.text);
    return picture;
}

/* Seconds of the quickest of the steps, each of which moves w a little. */
static double steps(latent_model *fish, latent_model *clip, int cutouts)
{
    latent_goal goal = {.weight = 1, .text = "an armed cyberpunk fish"};
    latent_guide_settings s = {.loss = LATENT_GUIDE_SPHERICAL, .cutouts = cutouts, .power = 0.5f};
    latent_guide_kept kept = {.n = 0};
    float *w = malloc((size_t)fish->generator.w_dim * sizeof(*w));
    double best = 1e9;
    if (!w || !fish->generator.w_avg)
        die("the network knows no mean to start from");
    memcpy(w, fish->generator.w_avg, (size_t)fish->generator.w_dim * sizeof(*w));
    for (int i = 0; i < ROUNDS; i++) {
        latent_guide_kept before = kept;
        latent_error e = {""};
        float value, *gradient;
        int rows, w_dim;
        double start = now(), seconds;
        latent_node *picture = draw(fish, w), *loss;
        kept.n = 0;
        s.seed = (uint32_t)i;
        loss = latent_guide(clip, picture, &goal, 1, &s, &kept, &e);
        if (!loss || latent_gradient_styles(loss, NULL, &value, &gradient, &rows, &w_dim, &e))
            die(e.text);
        seconds = now() - start;
        best = seconds < best ? seconds : best;
        for (int k = 0; k < rows * w_dim; k++)
            w[k % w_dim] -= 0.1f * gradient[k];
        free(gradient);
        latent_guide_forget(&before);
        latent_node_release(loss);
        latent_node_release(picture);
    }
    latent_guide_forget(&kept);
    free(w);
    return best;
}

int main(void)
{
    const char *threads = getenv("LATENT_BENCH_THREADS"), *path = getenv("LATENT_FISH");
    const int cutouts[] = {0, 8};
    latent_model *fish, *clip;
    latent_threads_set(threads ? atoi(threads) : 2);
    fish = load(path ? path : "examples/models/fish.safetensors");
    clip = load("examples/models/clip-tiny.safetensors");
    for (int i = 0; i < 2; i++) {
        double best = steps(fish, clip, cutouts[i]);
        printf("guide-fish cutouts %d: %.1f steps/s, %.1f ms/step\n", cutouts[i], 1 / best,
               1e3 * best);
    }
    latent_model_release(fish);
    latent_model_release(clip);
    return 0;
}
