/* train_diffusion: trains a diffusion-tiny from pictures of a rule and their sentences, or goes on
   training it.

       train_diffusion <folder> [setting value] ...

       source w     rule:fish, or another rule; first:fish: its first numbers alone
       size n      pixels (64)
       images n     of the whole training (240,000)     batch n     pictures a step (32)
       rate f       of Adam at its highest (0.01)       seed n      (1)
       kept n       drawn once and seen again (16384)   drop f      without words so often (0.12)
       from file    a model whose weights it begins with
       clip file    what reads (examples/models/clip-tiny.safetensors)
       threads n    (all cores)                         nice n      gives way to others
       every n      pictures between two checkpoints (8,000)
       bare 1       nothing is written; stages' times at the end    stop n      after so many

   Where the folder's checkpoint.safetensors exists the training goes on from there.  Checkpoint,
   model.safetensors (the average, as float16) and sheet-<pictures>.png (32 sentences never seen,
   four plain steps, guidance 4) are written as it goes; the log stands in log.txt. */
#include "engine/base/parallel.h"
#include "engine/base/seconds.h"
#include "engine/data/source_rule.h"
#include "engine/graph/evaluate.h"
#include "engine/media/picture.h"
#include "engine/picture/pixels.h"
#include "engine/train/diffusion.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TOLD 25 /* steps between two lines */
#define COLUMNS 8
#define ROWS 4
#define SHOWN (COLUMNS * ROWS)
#define UNSEEN (UINT64_C(7) << 32) /* index of the first picture that is never seen */

typedef struct {
    latent_diffusion_settings learn;
    const char *folder, *source, *from, *clip;
    double threads, nice, every, bare, stop;
} options;

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static int set(options *o, const char *name, const char *text)
{
    struct {
        const char *name;
        double *to;
    } numbers[] = {{"threads", &o->threads},
                   {"nice", &o->nice},
                   {"every", &o->every},
                   {"bare", &o->bare},
                   {"stop", &o->stop}};
    double v = atof(text);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        if (!strcmp(name, numbers[i].name)) {
            *numbers[i].to = v;
            return 0;
        }
    if (!strcmp(name, "size"))
        o->learn.sizes = latent_diffusion_usual((int)v);
    else if (!strcmp(name, "images"))
        o->learn.images = (int64_t)v;
    else if (!strcmp(name, "batch"))
        o->learn.batch = (int)v;
    else if (!strcmp(name, "rate"))
        o->learn.rate = (float)v;
    else if (!strcmp(name, "drop"))
        o->learn.drop = (float)v;
    else if (!strcmp(name, "kept"))
        o->learn.kept = (int)v;
    else if (!strcmp(name, "seed"))
        o->learn.seed = (uint64_t)v;
    else if (!strcmp(name, "source"))
        o->source = text;
    else if (!strcmp(name, "from"))
        o->from = text;
    else if (!strcmp(name, "clip"))
        o->clip = text;
    else
        return -1;
    return 0;
}

static void in_folder(const options *o, const char *name, char path[1200])
{
    snprintf(path, 1200, "%.1000s/%s", o->folder, name);
}

/* ---- sheets */

static int sheet_words(latent_source *source, latent_model *clip, float *words, latent_error *e)
{
    for (int i = 0; i < SHOWN; i++) {
        char text[2][LATENT_CAPTION];
        latent_tensor *value = NULL;
        latent_node *n = NULL;
        int failed = source->draw(source, UNSEEN + (uint64_t)i, 64, NULL, text[0], text[1], e) ||
                     !(n = latent_diffusion_words(clip, text[i % 2], e)) ||
                     latent_evaluate(n, NULL, &value, e);
        if (!failed)
            memcpy(words + (size_t)i * value->count, value->data, value->count * sizeof(float));
        latent_tensor_release(value);
        latent_node_release(n);
        if (failed)
            return -1;
    }
    return 0;
}

static int write_sheet(const latent_diffusion_training *t, const float *words, const char *path,
                       latent_error *e)
{
    size_t side = (size_t)latent_diffusion_training_settings(t).sizes.resolution;
    size_t width = COLUMNS * side;
    float *pictures = malloc(SHOWN * side * side * 3 * sizeof(float));
    uint8_t *bytes = malloc(SHOWN * side * side * 3);
    latent_diffusion_net net;
    latent_model *m = NULL;
    int failed = !pictures || !bytes ? latent_fail(e, "no memory for a sheet") : 0;
    failed = failed || latent_diffusion_training_net(t, &net, e) ||
             !(m = latent_diffusion_model(&net, "the network", e)) ||
             latent_diffusion_sample(m, SHOWN, words, 3, 4, 4, pictures, e);
    for (size_t i = 0; !failed && i < SHOWN * side * side * 3; i++) {
        size_t x = i / 3 % width, y = i / 3 / width, picture = y / side * COLUMNS + x / side;
        bytes[i] = latent_pixels_byte(
            pictures[((picture * side + y % side) * side + x % side) * 3 + i % 3]);
    }
    failed = failed || latent_picture_write(path, bytes, (int)(ROWS * side), (int)width, 3, e);
    latent_model_release(m);
    free(pictures);
    free(bytes);
    return failed ? -1 : 0;
}

/* ---- training */

static int keep_all(const latent_diffusion_training *t, const options *o, const float *words,
                    latent_error *e)
{
    char path[3][1200], name[48], note[200];
    long long images = latent_diffusion_training_images(t);
    snprintf(note, sizeof(note), "tools/train_diffusion.c: %lld pictures of %.60s", images,
             o->source);
    snprintf(name, sizeof(name), "sheet-%06lld.png", images);
    in_folder(o, "checkpoint.safetensors", path[0]);
    in_folder(o, "model.safetensors", path[1]);
    in_folder(o, name, path[2]);
    return latent_diffusion_training_write(t, path[0], e) ||
                   latent_diffusion_training_save(t, path[1], note, e) ||
                   write_sheet(t, words, path[2], e)
               ? -1
               : 0;
}

static int train(latent_diffusion_training *t, const options *o, const float *words, FILE *record,
                 latent_error *e)
{
    double begin = latent_seconds(), loss = 0;
    int64_t images = latent_diffusion_training_images(t);
    int64_t every = (int64_t)o->every, next = images / every * every + every;
    int64_t end = o->stop > 0 ? images + (int64_t)o->stop : o->learn.images;
    for (int n = 1; !stopped && images < end; n++) {
        if (latent_diffusion_training_step(t, &loss, e))
            return -1;
        images = latent_diffusion_training_images(t);
        if (n % TOLD == 0) {
            double now = latent_seconds();
            char line[160];
            snprintf(line, sizeof(line), "%lld pictures, %.1f a second: loss %.4f\n",
                     (long long)images, TOLD * o->learn.batch / (now - begin), loss / TOLD);
            fputs(line, stdout);
            fflush(stdout);
            if (record) {
                fputs(line, record);
                fflush(record);
            }
            begin = now;
            loss = 0;
        }
        if (images >= next && !o->bare) {
            if (keep_all(t, o, words, e))
                return -1;
            next += every;
        }
    }
    return o->bare ? 0 : keep_all(t, o, words, e);
}

static void tell_stages(void)
{
    latent_stage stages[64];
    latent_stats stats;
    latent_stats_get(&stats, stages, 64);
    for (int i = 0; i < stats.n_stages && i < 64; i++)
        printf("%-24s %6ld runs, %8.1f ms, %8.2f GMAC\n", stages[i].stage, stages[i].runs,
               stages[i].ms, stages[i].mac / 1e9);
}

int main(int argc, char **argv)
{
    options o = {.learn = latent_diffusion_settings_usual(64),
                 .source = "rule:fish",
                 .clip = "examples/models/clip-tiny.safetensors",
                 .every = 8000};
    float words[SHOWN * 128];
    char path[1200];
    latent_error e = {""};
    latent_diffusion_training *t = NULL;
    latent_evaluator *v = NULL;
    latent_model *clip = NULL;
    latent_source *source = NULL;
    const latent_rule *rule;
    FILE *record = NULL;
    int failed;
    o.learn.kept = 16384;
    for (int i = 2; i < argc; i += 2)
        if (i + 1 == argc || set(&o, argv[i], argv[i + 1]))
            argc = 0;
    rule = strchr(o.source, ':') ? latent_rule_find(strchr(o.source, ':') + 1) : NULL;
    if (argc < 2 || !rule) {
        fprintf(stderr, "train_diffusion <folder> [source rule:fish] [size n] [images n] ...\n");
        return 2;
    }
    o.folder = argv[1];
    if (o.threads <= 0)
        o.threads = (double)sysconf(_SC_NPROCESSORS_ONLN);
    latent_threads_set((int)o.threads);
    if (o.nice > 0)
        setpriority(PRIO_PROCESS, 0, (int)o.nice);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    in_folder(&o, "checkpoint.safetensors", path);
    failed = !(v = latent_evaluator_new((int)o.threads, SIZE_MAX)) ||
             (!o.bare && latent_folder_make(o.folder, &e));
    latent_evaluator_use(v);
    failed = failed || !(clip = latent_model_load(o.clip, (latent_progress){NULL, NULL}, &e)) ||
             !(source = strncmp(o.source, "first:", 6)
                            ? latent_source_rule(rule, (uint32_t)o.learn.seed, &e)
                            : latent_source_rule_first(rule, (uint32_t)o.learn.seed, &e)) ||
             sheet_words(source, clip, words, &e) ||
             !(t = !o.bare && !access(path, R_OK)
                       ? latent_diffusion_training_open(source, clip, path, &o.learn, &e)
                       : latent_diffusion_training_new(source, clip, &o.learn, &e));
    if (!failed && o.from && !latent_diffusion_training_images(t))
        failed = latent_diffusion_training_from(t, o.from, &e);
    if (!failed && !o.bare) {
        in_folder(&o, "log.txt", path);
        record = fopen(path, "a");
    }
    failed = failed || train(t, &o, words, record, &e);
    if (failed)
        fprintf(stderr, "train_diffusion: %s\n", e.text);
    if (o.bare)
        tell_stages();
    if (record)
        fclose(record);
    latent_diffusion_training_free(t);
    latent_model_release(clip);
    if (source)
        source->release(source);
    latent_evaluator_use(NULL);
    latent_evaluator_free(v);
    latent_threads_stop();
    return failed;
}
