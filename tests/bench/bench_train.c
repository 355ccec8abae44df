/* bench_train: how fast the built-in network learns, beside its arithmetic at the speed of a matrix
   product:

       train-fish  N img/s, C MMAC an image, R x sgemm

   C counts what one picture's share of a step needs as direct convolutions of the networks as they
   are: the generator forward, back to its inputs and back to its weights; the discriminator forward
   on a fake and a real, back to the fake for the generator, and back to inputs and weights on both
   for itself; and every fourth step once more forward and twice back for R1.  R is that arithmetic
   a second over the best sgemm of 512 x 4096 x 4608 in the same run with the same threads.  The
   pictures cost what rule fish cost.  LATENT_BENCH_THREADS (2) threads; a number as the argument is
   how many times four steps are measured (6). */
#include "engine/base/parallel.h"
#include "engine/data/source_rule.h"
#include "engine/rules/rules.h"
#include "engine/train/trainer.h"
#include "engine/train/training.h"
#include "measure.h"
#include <stdio.h>
#include <stdlib.h>

#define CYCLE 4 /* steps, one of them with R1 */

int main(int argc, char **argv)
{
    const char *threads = getenv("LATENT_BENCH_THREADS");
    int rounds = argc > 1 ? atoi(argv[1]) : 6;
    latent_train_settings s = latent_train_defaults();
    latent_generator_shape g;
    latent_discriminator_shape d;
    latent_trainer t;
    latent_error e = {""};
    double best = 1e9, product = 0, speed;
    latent_threads_set(threads ? atoi(threads) : 2);
    if (latent_train_shape(64, &g, &e))
        die(e.text);
    d = latent_trainer_default_discriminator(&g);
    if (latent_trainer_init(&t, &s, &g, &d, &e) ||
        !(t.source = latent_source_rule(latent_rule_find("fish"), 1, &e)))
        die(e.text);
    for (int i = 0; i <= rounds; i++) {
        double rate = sgemm_gflops(), start = now();
        for (int k = 0; k < CYCLE; k++)
            if (latent_trainer_step(&t, &e))
                die(e.text);
        if (i && now() - start < best) /* the first takes memory */
            best = now() - start;
        product = rate > product ? rate : product;
    }
    speed = CYCLE * s.batch / best;
    printf("train-fish %.1f img/s, %.0f MMAC an image (generator %.0f, discriminator %.0f), %.1f "
           "GMAC/s, %.2f x sgemm (%.0f GFLOP/s)\n",
           speed, latent_trainer_cost(&t) / 1e6, latent_generator_cost(&t.g.shape) / 1e6,
           latent_discriminator_cost(&t.d.shape) / 1e6, speed * latent_trainer_cost(&t) / 1e9,
           2e-9 * speed * latent_trainer_cost(&t) / product, product);
    t.source->release(t.source);
    latent_trainer_free(&t);
    latent_threads_stop();
    return 0;
}
