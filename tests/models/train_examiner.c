/* train_examiner: trains the judge of the tests (examiner.h) from the rules' pictures.

       train_examiner <model.safetensors> [pictures] [seed] [one to begin from]

   Every thousand steps the weights are written, and what it has got right of pictures that it has
   never seen is told. */
#include "engine/base/parallel.h"
#include "examiner.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 16
#define TOLD 200
#define EACH 1000

static int examine(examiner *x, latent_error *e)
{
    enum { ASKED = 320 };
    float *pictures = malloc(sizeof(float) * EXAMINER_PIXELS * BATCH);
    int right[ASK_CHOICES] = {0}, of[ASK_CHOICES] = {0}, failed = !pictures;
    examiner_view truth[BATCH], seen[BATCH];
    for (uint32_t i = 0; i < ASKED && !failed; i += BATCH) {
        for (uint32_t k = 0; k < BATCH && !failed; k++)
            failed = examiner_picture(99, i + k, 0, pictures + k * EXAMINER_PIXELS, truth + k, e);
        failed = failed || examiner_look(x, pictures, BATCH, seen, e);
        for (int k = 0; k < BATCH && !failed; k++)
            for (int q = 0; q < ASK_CHOICES; q++) {
                of[q] += truth[k].is[q] >= 0;
                right[q] += truth[k].is[q] >= 0 && truth[k].is[q] == seen[k].is[q];
            }
    }
    for (int q = 0; q < ASK_CHOICES && !failed; q++)
        printf("%s %.0f ", examiner_questions[q], 100.0 * right[q] / of[q]);
    printf("percent\n");
    free(pictures);
    return failed;
}

static int train(examiner *x, const char *path, uint32_t pictures, uint32_t seed, latent_error *e)
{
    float *batch = malloc(sizeof(float) * EXAMINER_PIXELS * BATCH), loss, sum = 0;
    examiner_view truth[BATCH];
    int failed = !batch;
    uint32_t steps = pictures / BATCH;
    time_t begun = time(NULL);
    for (uint32_t s = 0; s < steps && !failed; s++) {
        latent_adam a = {.rate = .5f * .0025f * (1 + cosf(3.14159f * (float)s / (float)steps)) *
                                 fminf(1, (float)(s + 1) / 100),
                         .beta1 = .9f,
                         .beta2 = .99f,
                         .epsilon = 1e-8f,
                         .keep = s < 500 ? .9f : .995f};
        for (uint32_t k = 0; k < BATCH && !failed; k += 2) { /* and as in a mirror */
            float *picture = batch + k * EXAMINER_PIXELS;
            failed = examiner_picture(seed, s * BATCH + k, k % 3 > 0, picture, truth + k, e);
            memcpy(picture + EXAMINER_PIXELS, picture, sizeof(float) * EXAMINER_PIXELS);
            truth[k + 1] = truth[k];
            examiner_mirror(picture + EXAMINER_PIXELS, truth + k + 1);
        }
        failed = failed || examiner_learn(x, batch, truth, BATCH, &loss, e);
        latent_adam_step(&x->weights, &a);
        sum += loss;
        if (!failed && (s + 1) % TOLD == 0) {
            printf("%u pictures, %ld s: %.4f\n", (s + 1) * BATCH, (long)(time(NULL) - begun),
                   (double)sum / TOLD);
            fflush(stdout);
            sum = 0;
        }
        if (!failed && ((s + 1) % EACH == 0 || s + 1 == steps)) {
            char note[100];
            snprintf(note, sizeof(note), "tests/models/train_examiner.c: %u pictures, seed %u",
                     (s + 1) * BATCH, seed);
            failed = examiner_write(x, path, note, e) || examine(x, e);
        }
    }
    free(batch);
    return failed;
}

int main(int argc, char **argv)
{
    examiner x;
    latent_error e = {"there is no memory"};
    uint32_t pictures = argc > 2 ? (uint32_t)atol(argv[2]) : 160000,
             seed = argc > 3 ? (uint32_t)atol(argv[3]) : 1;
    int failed;
    if (argc < 2) {
        fprintf(stderr, "train_examiner <model.safetensors> [pictures] [seed] [from]\n");
        return 2;
    }
    latent_threads_set((int)sysconf(_SC_NPROCESSORS_ONLN));
    failed = (argc > 4 ? examiner_read(&x, argv[4], &e) : examiner_new(&x, seed, &e)) ||
             train(&x, argv[1], pictures, seed, &e);
    if (failed)
        fprintf(stderr, "train_examiner: %s\n", e.text);
    examiner_free(&x);
    return failed ? 1 : 0;
}
