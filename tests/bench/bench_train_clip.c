/* bench_train_clip: how long a step of the built-in clip-tiny's training takes, and the most memory
   that it takes:

       train-clip  ms/step, ms/step with attack, R sgemm, MB

   A step is a batch of 128 of rule fish's pictures and their sentences in two languages; with
   attack the network is asked twice.  R is the step's time over that of the product of two matrices
   in the same run with the same threads (512 x 4096 x 4608).  LATENT_BENCH_THREADS (2) threads; a
   number as the argument is how many steps of each kind are measured (4). */
#include "engine/base/parallel.h"
#include "engine/data/source_rule.h"
#include "engine/graph/evaluate.h"
#include "engine/train/clip.h"
#include "measure.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define PRODUCT 19.327 /* GFLOP of sgemm_gflops()'s matrices */

int main(int argc, char **argv)
{
    const char *threads = getenv("LATENT_BENCH_THREADS");
    int rounds = argc > 1 ? atoi(argv[1]) : 4, n = threads ? atoi(threads) : 2;
    latent_clip_settings s = latent_clip_settings_usual();
    latent_clip_training *t;
    latent_clip_report r;
    latent_error e = {""};
    latent_source *fish;
    latent_evaluator *own;
    struct rusage used;
    double best[2] = {1e9, 1e9}, product = 0;
    latent_threads_set(n);
    if (!(own = latent_evaluator_new(n, SIZE_MAX)))
        die("no memory");
    latent_evaluator_use(own);
    if (!(fish = latent_source_rule(latent_rule_find("fish"), 1, &e)) ||
        !(t = latent_clip_training_new(fish, &s, &e)))
        die(e.text);
    for (int i = 0; i <= rounds; i++)
        for (int attack = 0; attack < 2; attack++) {
            double rate = sgemm_gflops(), start;
            s.attack = attack ? 1 : 0;
            latent_clip_training_adjust(t, &s);
            start = now();
            if (latent_clip_training_step(t, &r, &e))
                die(e.text);
            if (i && now() - start < best[attack]) /* the first takes memory */
                best[attack] = now() - start;
            product = rate > product ? rate : product;
        }
    getrusage(RUSAGE_SELF, &used);
    printf("train-clip %.0f ms/step, %.0f with attack, %.2f sgemm (%.0f GFLOP/s), %ld MB\n",
           best[0] * 1e3, best[1] * 1e3, best[0] * product / PRODUCT, product,
           used.ru_maxrss / 1024);
    latent_clip_training_free(t);
    fish->release(fish);
    latent_evaluator_use(NULL);
    latent_evaluator_free(own);
    latent_threads_stop();
    return 0;
}
