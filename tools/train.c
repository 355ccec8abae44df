/* train: trains a generator from the command line, as [latent.train] does in a patch, and goes on
   where it was when it is started again.

       train <folder> <source> [-size 64] [-channels 256,256,128,64,32] [-critic ...] [-z 128]
             [-images 400000] [-last 60000] [-rate 0.0025] [-slow 1] [-r1 2] [-mixing 0.1]
             [-path 0] [-pack 2] [-batch 16] [-seed 1] [-threads n] [-nice n] [-every 10000]
             [-score clip-tiny.safetensors] [-eye clip-tiny.safetensors]
             [-from model.safetensors] [-seen 0] [-alone 10000] [-part 1]

   A source is rule:fish (or another rule), discs, or a folder of pictures (with a / in its name,
   mirrored half the time).  The folder gets checkpoint.safetensors (the whole state),
   model.safetensors (the average as float16, what boxes play), sheet-<images>.png (64 pictures) and
   log.txt.  A checkpoint of another source that lies there is gone on with: that is fine-tuning. In
   the last images the rate falls to 0.4 of it, and R1 to half; slow is the generator's part of the
   rate.  -from goes on with a generator whose training is lost but for the model, and which had
   seen that many pictures: a new discriminator learns alone from the next ones, then both do. -part
   0.2 writes as the model what lies at 0.2 of the way from that network to the average, weight for
   weight (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"): it keeps more of what
   the old one could.  With a clip-tiny to score by, each checkpoint is scored
   (engine/train/evaluation.h): 1000 pictures against 1000 of the source.  With one as an eye
   (engine/train/feature_network.h) the discriminator is told what that sees, and judges pictures
   one by one; who goes on with its checkpoint needs the same eye. */
#include "engine/base/parallel.h"
#include "engine/data/source_folder.h"
#include "engine/data/source_rule.h"
#include "engine/media/picture.h"
#include "engine/picture/pixels.h"
#include "engine/train/evaluation.h"
#include "engine/train/trainer.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SHEET 8
#define SCORED 1000 /* pictures */
#define GRAIN 0.01f
#define RULE_SEED 1 /* of the pictures that the built-in model learns from */

typedef struct {
    const char *folder, *source, *channels, *critic, *score, *from, *eye;
    int size, z, threads, nice, batch, pack;
    double rate, slow, r1, mixing, path, part;
    unsigned long long images, last, seed, every, seen, alone;
} options;

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const char *in_folder(const options *o, const char *format, unsigned long long n)
{
    static char path[2][1200];
    static int turn;
    int used;
    turn = !turn;
    used = snprintf(path[turn], sizeof(path[turn]), "%s/", o->folder);
    snprintf(path[turn] + used, sizeof(path[turn]) - (size_t)used, format, n);
    return path[turn];
}

static int write_sheet(latent_trainer *t, const char *path, latent_error *e)
{
    size_t r = (size_t)t->g.resolution, side = SHEET * r;
    float *pictures = malloc(side * side * 3 * sizeof(float));
    uint8_t *bytes = malloc(side * side * 3);
    int failed = -1;
    if (!pictures || !bytes)
        latent_fail(e, "no memory for a sheet");
    else if (!latent_trainer_sample(t, t->settings.seed, UINT64_C(1) << 40, SHEET * SHEET, pictures,
                                    e)) {
        for (size_t y = 0; y < side; y++)
            for (size_t x = 0; x < side * 3; x++)
                bytes[y * side * 3 + x] = latent_pixels_byte(
                    pictures[((y / r * SHEET + x / 3 / r) * r + y % r) * r * 3 + x % (3 * r)]);
        failed = latent_picture_write(path, bytes, (int)side, (int)side, 3, e);
    }
    free(pictures);
    free(bytes);
    return failed;
}

/* What g's values and average are read from. */
static int read_generator(latent_generator *g, const char *path, latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    int failed = !w || latent_generator_read(g, w, "", e);
    latent_weights_close(w);
    return failed ? -1 : 0;
}

/* The model, and in it what it was made of. */
static int write_model(latent_trainer *t, const options *o, const char *path, latent_error *e)
{
    char origin[400];
    latent_meta_out meta = {"origin", origin};
    latent_generator between = {0};
    int failed;
    snprintf(origin, sizeof(origin), "tools/train.c: %llu pictures, the last of them of %.300s",
             (unsigned long long)t->images, o->source);
    if (o->part >= 1 || !o->from)
        return latent_generator_write(&t->g, path, 1, 1, &meta, 1, e);
    failed =
        latent_generator_init(&between, &t->g.shape, 0, e) || read_generator(&between, o->from, e);
    for (size_t i = 0; i < t->g.p.count && !failed; i++)
        between.p.average[i] += (float)o->part * (t->g.p.average[i] - between.p.average[i]);
    failed = failed || latent_generator_write(&between, path, 1, 1, &meta, 1, e);
    latent_generator_free(&between);
    return failed ? -1 : 0;
}

static int keep(latent_trainer *t, const options *o, latent_error *e)
{
    return latent_trainer_save(t, in_folder(o, "checkpoint.safetensors", 0), e) ||
                   write_model(t, o, in_folder(o, "model.safetensors", 0), e) ||
                   write_sheet(t, in_folder(o, "sheet-%llu.png", (unsigned long long)t->images), e)
               ? -1
               : 0;
}

static void say(FILE *record, const char *line)
{
    fputs(line, stdout);
    fputs(line, record);
    fflush(stdout);
    fflush(record);
}

/* x may be NULL. */
static int score(latent_evaluation *x, latent_trainer *t, FILE *record, latent_error *e)
{
    latent_evaluation_result r;
    char line[120];
    if (!x)
        return 0;
    if (latent_evaluation_ask(x, t, NULL, &r, e))
        return -1;
    snprintf(line, sizeof(line), "%llu images, score %.2f%%, floor %.2f%%\n",
             (unsigned long long)t->images, r.percent, r.floor);
    say(record, line);
    return 0;
}

static int channels_of(const char *text, int *channels, int blocks)
{
    for (int i = 0; i < blocks; i++) {
        char *end;
        channels[i] = (int)strtol(text, &end, 10);
        if (end == text || channels[i] < 1)
            return -1;
        text = *end == ',' ? end + 1 : end;
    }
    return 0;
}

static int begin(latent_trainer *t, const options *o, const latent_feature_network *eye,
                 latent_error *e)
{
    latent_train_settings s = latent_train_defaults();
    latent_generator_shape g = {.z = o->z, .w = o->z, .mapping = 3, .noise = 1};
    latent_discriminator_shape d;
    const char *path = in_folder(o, "checkpoint.safetensors", 0);
    if (!access(path, R_OK))
        return latent_trainer_open(t, path, e);
    for (g.blocks = 1; 4 << (g.blocks - 1) < o->size; g.blocks++)
        ;
    if (g.blocks > LATENT_BLOCKS || channels_of(o->channels, g.channels, g.blocks))
        return latent_fail(e, "-size or -channels make no network");
    d = latent_trainer_default_discriminator(&g);
    d.pack = o->pack;
    if (eye) {
        d.pack = 1;
        d.seen = latent_feature_network_channels(eye);
    }
    if (o->critic && channels_of(o->critic, d.channels, d.blocks))
        return latent_fail(e, "-critic makes no network");
    s.batch = o->batch;
    s.seed = o->seed;
    if (latent_trainer_init(t, &s, &g, &d, e))
        return -1;
    if (!o->from)
        return 0;
    t->images = o->seen;
    return read_generator(&t->g, o->from, e);
}

/* A rule draws no grain, and a network whose noise may grow hides behind it what it cannot draw
   yet. A little that stays is there to be turned up in a patch. */
static void hold_noise(latent_trainer *t)
{
    for (int i = 0; i < t->g.p.n; i++)
        if (strstr(t->g.p.item[i].name, "noise_strength")) {
            t->g.p.item[i].rate = 0;
            *latent_parameter_value(&t->g.p, i) = GRAIN;
            t->g.p.average[t->g.p.item[i].at] = GRAIN;
        }
}

static int train(latent_trainer *t, const options *o, latent_evaluation *x, FILE *record,
                 latent_error *e)
{
    double from = now(), g = 0, d = 0;
    unsigned long long alone = o->from ? o->seen + o->alone : 0;
    unsigned long long first = t->images, next = t->images / o->every * o->every + o->every;
    int n = 0;
    while (!stopped && t->images < o->images) {
        int end = t->images + o->last >= o->images;
        t->settings.rate_d = (float)(end ? 0.4 * o->rate : o->rate);
        t->settings.rate_g = t->images < alone ? 0 : t->settings.rate_d * (float)o->slow;
        t->settings.mixing = (float)o->mixing;
        t->settings.path = (float)o->path;
        t->settings.r1 = (float)(end ? 0.5 * o->r1 : o->r1);
        if (latent_trainer_step(t, e))
            return -1;
        g += t->loss_g;
        d += t->loss_d;
        if (++n == 100) {
            char line[300];
            snprintf(line, sizeof(line),
                     "%llu images, %.1f a second, loss g %.3f d %.3f, logits real %.2f fake %.2f, "
                     "slope^2 %.3f, path %.3f +- %.3f\n",
                     (unsigned long long)t->images, (double)(t->images - first) / (now() - from),
                     g / n, d / n, t->logit_real, t->logit_fake, t->penalty, (double)t->path,
                     t->path_error);
            say(record, line);
            g = d = n = 0;
            first = t->images;
            from = now();
        }
        if (t->images >= next) {
            if (keep(t, o, e) || score(x, t, record, e))
                return -1;
            next += o->every;
        }
    }
    return keep(t, o, e) || score(x, t, record, e) ? -1 : 0;
}

/* NULL and no sentence where no score is wanted. */
static latent_evaluation *find_exam(const options *o, latent_trainer *t, latent_error *e)
{
    latent_model *clip =
        o->score ? latent_model_load(o->score, (latent_progress){NULL, NULL}, e) : NULL;
    latent_evaluation *x =
        clip ? latent_evaluation_new(clip, t->source, t->g.resolution, SCORED, NULL, e) : NULL;
    latent_model_release(clip);
    return x;
}

static latent_source *find_source(const char *name, int size, latent_error *e)
{
    static const atomic_int never;
    int left_out;
    if (strchr(name, '/'))
        return latent_source_folder(name, size, 1, latent_picture_read, &never, &left_out, e);
    if (!strcmp(name, "discs"))
        return latent_source_discs(e);
    if (!strncmp(name, "rule:", 5) && latent_rule_find(name + 5))
        return latent_source_rule(latent_rule_find(name + 5), RULE_SEED, e);
    latent_fail(e, "there is no source %s", name);
    return NULL;
}

int main(int argc, char **argv)
{
    options o = {.channels = "256,256,128,64,32",
                 .size = 64,
                 .z = 128,
                 .threads = 2,
                 .batch = 16,
                 .pack = 2,
                 .rate = 0.0025,
                 .slow = 1,
                 .r1 = 2,
                 .mixing = 0.1,
                 .part = 1,
                 .images = 400000,
                 .last = 60000,
                 .seed = 1,
                 .every = 10000,
                 .alone = 10000};
    latent_error e = {""};
    latent_trainer t;
    latent_evaluation *x = NULL;
    latent_feature_network *eye = NULL;
    FILE *record;
    int failed;
    if (argc < 3) {
        fprintf(stderr, "train <folder> <source> [-option value ...]\n");
        return 2;
    }
    o.folder = argv[1];
    o.source = argv[2];
    for (int i = 3; i + 1 < argc; i += 2) {
        const char *a = argv[i], *v = argv[i + 1];
        if (!strcmp(a, "-channels"))
            o.channels = v;
        else if (!strcmp(a, "-critic"))
            o.critic = v;
        else if (!strcmp(a, "-score"))
            o.score = v;
        else if (!strcmp(a, "-eye"))
            o.eye = v;
        else if (!strcmp(a, "-from"))
            o.from = v;
        else if (!strcmp(a, "-seen"))
            o.seen = strtoull(v, NULL, 10);
        else if (!strcmp(a, "-alone"))
            o.alone = strtoull(v, NULL, 10);
        else if (!strcmp(a, "-size"))
            o.size = atoi(v);
        else if (!strcmp(a, "-z"))
            o.z = atoi(v);
        else if (!strcmp(a, "-threads"))
            o.threads = atoi(v);
        else if (!strcmp(a, "-nice"))
            o.nice = atoi(v);
        else if (!strcmp(a, "-batch"))
            o.batch = atoi(v);
        else if (!strcmp(a, "-pack"))
            o.pack = atoi(v);
        else if (!strcmp(a, "-rate"))
            o.rate = atof(v);
        else if (!strcmp(a, "-slow"))
            o.slow = atof(v);
        else if (!strcmp(a, "-r1"))
            o.r1 = atof(v);
        else if (!strcmp(a, "-part"))
            o.part = atof(v);
        else if (!strcmp(a, "-path"))
            o.path = atof(v);
        else if (!strcmp(a, "-mixing"))
            o.mixing = atof(v);
        else if (!strcmp(a, "-images"))
            o.images = strtoull(v, NULL, 10);
        else if (!strcmp(a, "-last"))
            o.last = strtoull(v, NULL, 10);
        else if (!strcmp(a, "-seed"))
            o.seed = strtoull(v, NULL, 10);
        else if (!strcmp(a, "-every"))
            o.every = strtoull(v, NULL, 10);
        else {
            fprintf(stderr, "train: no option %s\n", a);
            return 2;
        }
    }
    latent_threads_set(o.threads);
    if (o.nice)
        setpriority(PRIO_PROCESS, 0, o.nice);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    if (latent_folder_make(o.folder, &e) ||
        (o.eye && !(eye = latent_feature_network_open(o.eye, &e))) || begin(&t, &o, eye, &e)) {
        fprintf(stderr, "train: %s\n", e.text);
        return 1;
    }
    t.eye = eye;
    hold_noise(&t);
    record = fopen(in_folder(&o, "log.txt", 0), "a");
    t.source = find_source(o.source, t.g.resolution, &e);
    printf("generator %.0f, discriminator %.0f million multiply-adds, a step %.0f a picture\n",
           latent_generator_cost(&t.g.shape) / 1e6, latent_discriminator_cost(&t.d.shape) / 1e6,
           latent_trainer_cost(&t) / 1e6);
    failed = !record || !t.source || (!(x = find_exam(&o, &t, &e)) && o.score) ||
             train(&t, &o, x, record, &e);
    if (failed)
        fprintf(stderr, "train: %s\n", record ? e.text : "cannot write there");
    if (record)
        fclose(record);
    if (t.source)
        t.source->release(t.source);
    latent_evaluation_free(x);
    latent_trainer_free(&t);
    latent_feature_network_free(eye);
    latent_threads_stop();
    return failed;
}
