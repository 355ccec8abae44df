/* bench_diffusion: how fast the built-in denoiser's plan learns and draws at 64 x 64:

       diffusion  learns pictures/s, ms of processor time each; draws pictures/s (4 steps with
                  guidance), ms each

   Learning is steps of 32 of rule fish's pictures, which are kept after the first; drawing is one
   picture at a time, as a patch asks for it, of weights by chance.  LATENT_BENCH_THREADS (2)
   threads; a number as the argument is how many steps and pictures are measured (4). */
#include "engine/base/parallel.h"
#include "engine/data/source_rule.h"
#include "engine/graph/evaluate.h"
#include "engine/train/diffusion.h"
#include "measure.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double busy(void) /* seconds of all processors */
{
    return (double)clock() / CLOCKS_PER_SEC;
}

int main(int argc, char **argv)
{
    const char *threads = getenv("LATENT_BENCH_THREADS");
    int rounds = argc > 1 ? atoi(argv[1]) : 4, n = threads ? atoi(threads) : 2;
    latent_diffusion_settings s = latent_diffusion_settings_usual(64);
    latent_error e = {""};
    latent_evaluator *own;
    latent_model *clip, *m;
    latent_source *fish;
    latent_diffusion_training *t;
    latent_diffusion_net net;
    float words[128] = {1}, *picture = malloc((size_t)64 * 64 * 3 * sizeof(float));
    double loss = 0, best[2] = {1e9, 1e9}, used[2] = {1e9, 1e9};
    latent_threads_set(n);
    s.kept = 32;
    if (!picture || !(own = latent_evaluator_new(n, SIZE_MAX)))
        die("no memory");
    latent_evaluator_use(own);
    if (!(clip = latent_model_load("examples/models/clip-tiny.safetensors",
                                   (latent_progress){NULL, NULL}, &e)) ||
        !(fish = latent_source_rule_first(latent_rule_find("fish"), 1, &e)) ||
        !(t = latent_diffusion_training_new(fish, clip, &s, &e)))
        die(e.text);
    for (int i = 0; i <= rounds; i++) {
        double start = now(), work = busy();
        if (latent_diffusion_training_step(t, &loss, &e))
            die(e.text);
        if (i && now() - start < best[0]) /* the first draws the pictures */
            best[0] = now() - start;
        if (i && busy() - work < used[0])
            used[0] = busy() - work;
    }
    if (latent_diffusion_training_net(t, &net, &e) ||
        !(m = latent_diffusion_model(&net, "a bench", &e)))
        die(e.text);
    for (int i = 0; i <= rounds; i++) {
        double start = now(), work = busy();
        if (latent_diffusion_sample(m, 1, words, (uint32_t)i, 4, 2, picture, &e))
            die(e.text);
        if (i && now() - start < best[1])
            best[1] = now() - start;
        if (i && busy() - work < used[1])
            used[1] = busy() - work;
    }
    printf("diffusion learns %.0f pictures/s, %.1f ms each; draws %.1f pictures/s, %.1f ms each\n",
           s.batch / best[0], used[0] * 1e3 / s.batch, 1 / best[1], used[1] * 1e3);
    latent_model_release(m);
    latent_diffusion_training_free(t);
    latent_model_release(clip);
    fish->release(fish);
    free(picture);
    latent_evaluator_use(NULL);
    latent_evaluator_free(own);
    latent_threads_stop();
    return 0;
}
