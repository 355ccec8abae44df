/* train_clip: trains the built-in clip-tiny from the fish of the rule box, or goes on training it.

       train_clip <checkpoint> <model.safetensors> [setting value] ...

       steps n      of the whole training (4,000)        batch n     pictures a step (128)
       rate f       of Adam at its highest (0.0015)      seed n      (1)
       threads n    (all cores)                         stop n      end after so many steps
       attack f     how far pictures are moved against the network (0)
       from file    a clip-tiny whose weights it begins with

   Where the checkpoint exists the training goes on from there.  Checkpoint and model are written
   every 250 steps and at the end; both may be read while it runs. */
#include "engine/base/parallel.h"
#include "engine/data/source_rule.h"
#include "engine/graph/evaluate.h"
#include "engine/train/clip.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EACH 250 /* steps between two checkpoints */
#define TOLD 25  /* steps between two lines */

/* ---- settings */

typedef struct {
    latent_clip_settings clip;
    double threads, stop;
    const char *from;
} tool_settings;

static int set(tool_settings *s, const char *name, const char *text)
{
    double value = atof(text);
    if (!strcmp(name, "steps"))
        s->clip.steps = (int64_t)value;
    else if (!strcmp(name, "batch"))
        s->clip.batch = (int)value;
    else if (!strcmp(name, "rate"))
        s->clip.rate = (float)value;
    else if (!strcmp(name, "seed"))
        s->clip.seed = (uint64_t)value;
    else if (!strcmp(name, "attack"))
        s->clip.attack = (float)value;
    else if (!strcmp(name, "from"))
        s->from = text;
    else if (!strcmp(name, "threads"))
        s->threads = value;
    else if (!strcmp(name, "stop"))
        s->stop = value;
    else
        return -1;
    return 0;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int write_all(const latent_clip_training *t, const char *checkpoint, const char *model,
                     const latent_clip_report *r, latent_error *e)
{
    char note[200];
    snprintf(note, sizeof(note), "tools/train_clip.c: %lld pictures of the rule \"fish\"",
             (long long)r->pictures);
    return latent_clip_training_write(t, checkpoint, e) ||
                   latent_clip_training_save(t, model, note, e)
               ? -1
               : 0;
}

static int train(latent_clip_training *t, const tool_settings *s, const char *checkpoint,
                 const char *model, latent_error *e)
{
    latent_clip_report r = {0};
    double begin = seconds(), loss = 0, found = 0;
    for (int n = 1; !r.step || r.step < (int64_t)s->stop; n++) {
        if (latent_clip_training_step(t, &r, e))
            return -1;
        loss += (double)r.loss;
        found += (double)r.found;
        if (n % TOLD == 0) {
            double now = seconds();
            printf("step %lld, %lld pictures, %.0f a second: loss %.4f, found %.3f, scale %.1f, "
                   "rate %.6f\n",
                   (long long)r.step, (long long)r.pictures, TOLD * s->clip.batch / (now - begin),
                   loss / TOLD, found / TOLD, (double)r.scale, (double)r.rate);
            fflush(stdout);
            begin = now;
            loss = found = 0;
        }
        if (r.step % EACH == 0 && write_all(t, checkpoint, model, &r, e))
            return -1;
    }
    return write_all(t, checkpoint, model, &r, e);
}

int main(int argc, char **argv)
{
    tool_settings s = {latent_clip_settings_usual(), 0, 0, NULL};
    latent_source *fish;
    latent_clip_training *t = NULL;
    latent_evaluator *own;
    latent_error e = {""};
    int failed, threads;
    for (int i = 3; i < argc; i += 2)
        if (i + 1 == argc || set(&s, argv[i], argv[i + 1]))
            argc = 0;
    if (argc < 3) {
        fprintf(stderr, "train_clip <checkpoint> <model.safetensors> [steps n] [batch n] [rate f] "
                        "[seed n] [attack f] [from file] [threads n] [stop n]\n");
        return 2;
    }
    threads = s.threads > 0 ? (int)s.threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    latent_threads_set(threads);
    if (!(own = latent_evaluator_new(threads, SIZE_MAX))) {
        fprintf(stderr, "train_clip: no memory\n");
        return 1;
    }
    latent_evaluator_use(own);
    if (s.stop <= 0)
        s.stop = (double)s.clip.steps;
    fish = latent_source_rule(latent_rule_find("fish"), (uint32_t)s.clip.seed, &e);
    failed = !fish || !(t = latent_clip_training_new(fish, &s.clip, &e)) ||
             (!access(argv[1], F_OK) ? latent_clip_training_resume(t, argv[1], &e)
                                     : s.from && latent_clip_training_from(t, s.from, &e)) ||
             train(t, &s, argv[1], argv[2], &e);
    if (failed)
        fprintf(stderr, "train_clip: %s\n", e.text);
    latent_clip_training_free(t);
    if (fish)
        fish->release(fish);
    latent_evaluator_use(NULL);
    latent_evaluator_free(own);
    return failed;
}
