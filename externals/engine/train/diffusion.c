/* diffusion: see diffusion.h */
#include "diffusion.h"
#include "../base/counter_random.h"
#include "../base/parallel.h"
#include "../diffusion/noised.h"
#include "../graph/evaluate.h"
#include "../ops/encoder.h"
#include "../ops/layers.h"
#include "parameters.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BATCH 64
#define MOST_KEPT (1 << 20)
#define LANGUAGES 2
#define WARM_UP 100  /* steps */
#define CONSTANT 0.4 /* of the training */
#define LOWEST 0.01  /* of the rate, at the end */
#define FORGET 8     /* the average is about the last ninth of the training so far */
#define RESTORE 10   /* steps after which the weights have their usual length again */
#define MOST_BAD 20  /* steps in a row that give no numbers */

/* What chance is used for. */
enum { BEGIN = 1, PICK, LANGUAGE, LEVEL, NOISE };

latent_diffusion_settings latent_diffusion_settings_usual(int resolution)
{
    return (latent_diffusion_settings){.sizes = latent_diffusion_usual(resolution),
                                       .batch = 32,
                                       .images = 240000,
                                       .rate = 0.01f,
                                       .drop = 0.12f,
                                       .seed = 1};
}

/* A picture that was drawn, and what is said about it. */
typedef struct {
    uint64_t index;
    uint8_t *bytes; /* [side][side][channels], or NULL: not drawn yet */
    float *words;   /* [LANGUAGES][words] */
} kept_picture;

struct latent_diffusion_training {
    latent_diffusion_settings settings;
    latent_source *source;
    latent_model *clip;
    latent_parameters p;
    latent_diffusion_tensor *tensor; /* [count] */
    int count;
    int bad; /* steps in a row that gave no numbers */
    kept_picture *kept;
    uint64_t *index; /* [batch] of the source */
    float *picture;  /* [batch][side][side][channels], from the first step on */
    float *words;    /* [batch][words] */
    char (*text)[LANGUAGES][LATENT_CAPTION]; /* [batch] */
    latent_error *errors;                    /* [batch] */
    int *failed;                             /* [batch] */
};

static size_t numbers_of(const latent_diffusion_sizes *s)
{
    return (size_t)s->resolution * (size_t)s->resolution * (size_t)s->channels;
}

/* The length at which the rows of a tensor learn, times that at which they are used: a number of
   them is about 1 then. */
static double usual(const latent_diffusion_tensor *t)
{
    return t->rows ? sqrt((double)t->count / t->rows) / (double)t->length : 1;
}

/* ---- birth and death */

static void begin(latent_diffusion_training *t)
{
    for (int i = 0; i < t->count; i++) {
        latent_counter_random c = latent_counter_random_at(t->settings.seed, BEGIN, (uint64_t)i);
        float *x = latent_parameter_value(&t->p, i);
        for (size_t k = 0; t->tensor[i].rows && k < t->tensor[i].count; k++)
            x[k] = (float)latent_counter_random_gauss(&c);
        latent_diffusion_lengths(&t->tensor[i], usual(&t->tensor[i]), x);
    }
    memcpy(t->p.average, t->p.value, t->p.count * sizeof(float));
}

static int add_tensors(latent_diffusion_training *t, latent_error *e)
{
    t->count = latent_diffusion_count(&t->settings.sizes);
    t->tensor = calloc((size_t)t->count, sizeof(*t->tensor));
    if (!t->tensor)
        return latent_fail(e, "no memory for a network");
    for (int i = 0; i < t->count; i++) {
        latent_diffusion_tensor *f = &t->tensor[i];
        latent_diffusion_tensor_at(&t->settings.sizes, i, f);
        if (latent_parameters_add(&t->p, 1, e, f->rank, f->dim, "%s", f->name) < 0)
            return -1;
    }
    return latent_parameters_allocate(&t->p, 1, e);
}

static int check(const latent_diffusion_settings *s, latent_model *clip, latent_error *e)
{
    if (latent_diffusion_check(&s->sizes, e))
        return -1;
    if (s->sizes.channels != 3)
        return latent_fail(e, "pictures to learn from have 3 channels, not %d", s->sizes.channels);
    if (s->batch < 1 || s->batch > MOST_BATCH)
        return latent_fail(e, "a batch of %d pictures; 1 to %d are possible", s->batch, MOST_BATCH);
    if (s->kept < 0 || s->kept > MOST_KEPT)
        return latent_fail(e, "%d pictures to be kept; 0 to %d are possible", s->kept, MOST_KEPT);
    if (latent_model_is(clip, LATENT_ENCODER, e))
        return -1;
    if (clip->encoder.embedding != s->sizes.words)
        return latent_fail(e, "the network that reads says %d numbers of a sentence; %d are wanted",
                           clip->encoder.embedding, s->sizes.words);
    return 0;
}

latent_diffusion_training *latent_diffusion_training_new(latent_source *source, latent_model *clip,
                                                         const latent_diffusion_settings *settings,
                                                         latent_error *e)
{
    latent_diffusion_training *t;
    size_t batch = (size_t)settings->batch;
    if (check(settings, clip, e))
        return NULL;
    if (!(t = calloc(1, sizeof(*t)))) {
        latent_fail(e, "no memory for a training");
        return NULL;
    }
    t->settings = *settings;
    t->source = source;
    t->clip = latent_model_retain(clip);
    t->index = malloc(batch * sizeof(*t->index));
    t->words = malloc(batch * (size_t)settings->sizes.words * sizeof(float));
    t->text = malloc(batch * sizeof(*t->text));
    t->errors = malloc(batch * sizeof(*t->errors));
    t->failed = malloc(batch * sizeof(*t->failed));
    t->kept = settings->kept ? calloc((size_t)settings->kept, sizeof(*t->kept)) : NULL;
    if (add_tensors(t, e)) {
        latent_diffusion_training_free(t);
        return NULL;
    }
    if (!t->index || !t->words || !t->text || !t->errors || !t->failed ||
        (settings->kept && !t->kept)) {
        latent_diffusion_training_free(t);
        latent_fail(e, "no memory for a training with batches of %d pictures", settings->batch);
        return NULL;
    }
    begin(t);
    return t;
}

static void forget_kept(latent_diffusion_training *t)
{
    for (int i = 0; t->kept && i < t->settings.kept; i++) {
        free(t->kept[i].bytes);
        free(t->kept[i].words);
        t->kept[i] = (kept_picture){0};
    }
}

void latent_diffusion_training_free(latent_diffusion_training *t)
{
    if (!t)
        return;
    forget_kept(t);
    free(t->kept);
    latent_model_release(t->clip);
    latent_parameters_free(&t->p);
    free(t->tensor);
    free(t->index);
    free(t->picture);
    free(t->words);
    free(t->text);
    free(t->errors);
    free(t->failed);
    free(t);
}

/* ---- between steps */

void latent_diffusion_training_source(latent_diffusion_training *t, latent_source *source)
{
    forget_kept(t);
    t->source = source;
}

void latent_diffusion_training_adjust(latent_diffusion_training *t,
                                      const latent_diffusion_settings *settings)
{
    t->settings.images = settings->images;
    t->settings.rate = settings->rate;
    t->settings.drop = settings->drop;
}

latent_diffusion_settings latent_diffusion_training_settings(const latent_diffusion_training *t)
{
    return t->settings;
}

int64_t latent_diffusion_training_images(const latent_diffusion_training *t)
{
    return t->p.steps * t->settings.batch;
}

/* ---- words */

latent_node *latent_diffusion_words(latent_model *clip, const char *text, latent_error *e)
{
    latent_node *n = latent_model_embed_text(clip, text, e), *to = NULL;
    if (n)
        to = latent_op_lengths(n, 1, sqrtf((float)n->shape.c), "words", e);
    latent_node_release(n);
    return to;
}

static int read_words(latent_model *clip, const char *text, float *words, latent_error *e)
{
    latent_node *n = latent_diffusion_words(clip, text, e);
    latent_tensor *value = NULL;
    int failed = !n || latent_evaluate(n, NULL, &value, e);
    if (!failed)
        memcpy(words, value->data, value->count * sizeof(float));
    latent_tensor_release(value);
    latent_node_release(n);
    return failed ? -1 : 0;
}

/* ---- a batch */

/* Which picture of the whole training is number i of this batch. */
static uint64_t number_of(const latent_diffusion_training *t, int i)
{
    return (uint64_t)t->p.steps * (uint64_t)t->settings.batch + (uint64_t)i;
}

static void draw_one(void *context, int i, int slot)
{
    latent_diffusion_training *t = context;
    size_t numbers = numbers_of(&t->settings.sizes);
    float *picture = t->picture + (size_t)i * numbers;
    int kept = t->settings.kept;
    kept_picture *k = kept ? &t->kept[t->index[i] % (uint64_t)kept] : NULL;
    (void)slot;
    t->failed[i] = 0;
    *t->text[i][0] = *t->text[i][1] = 0;
    if (k && k->bytes) {
        for (size_t j = 0; j < numbers; j++)
            picture[j] = (float)k->bytes[j] / 127.5f - 1;
        return;
    }
    t->failed[i] = t->source->draw(t->source, t->index[i], t->settings.sizes.resolution, picture,
                                   t->text[i][0], t->text[i][1], &t->errors[i]);
}

/* The picture as it comes again: in bytes.  Two of a batch may be the same. */
static int keep(latent_diffusion_training *t, int i, latent_error *e)
{
    size_t numbers = numbers_of(&t->settings.sizes), words = (size_t)t->settings.sizes.words;
    float *picture = t->picture + (size_t)i * numbers;
    kept_picture *k = &t->kept[t->index[i] % (uint64_t)t->settings.kept];
    if (!k->bytes) {
        uint8_t *bytes = malloc(numbers);
        k->words = malloc(LANGUAGES * words * sizeof(float));
        if (!bytes || !k->words) {
            free(bytes);
            free(k->words);
            k->words = NULL;
            return latent_fail(e, "no memory for pictures to learn from");
        }
        for (int l = 0; l < LANGUAGES; l++) { /* one language is enough */
            const char *text = *t->text[i][l] ? t->text[i][l] : t->text[i][1 - l];
            if (read_words(t->clip, text, k->words + (size_t)l * words, e)) {
                free(bytes);
                free(k->words);
                k->words = NULL;
                return -1;
            }
        }
        for (size_t j = 0; j < numbers; j++) {
            float b = roundf((picture[j] + 1) * 127.5f);
            bytes[j] = (uint8_t)(b < 0 ? 0 : b > 255 ? 255 : b);
        }
        k->bytes = bytes;
    }
    for (size_t j = 0; j < numbers; j++)
        picture[j] = (float)k->bytes[j] / 127.5f - 1;
    return 0;
}

/* The index of that picture in the source: those that are kept, then chance among them. */
static uint64_t pick(const latent_diffusion_training *t, int i)
{
    uint64_t number = number_of(t, i), count = t->source->count;
    uint64_t kept = (uint64_t)t->settings.kept;
    latent_counter_random c = latent_counter_random_at(t->settings.seed, PICK, number);
    if (kept && (!count || kept < count))
        count = kept;
    return count && (number >= count || t->source->count) ? latent_counter_random_below(&c, count)
                                                          : number;
}

static int say(latent_diffusion_training *t, int i, latent_error *e)
{
    size_t words = (size_t)t->settings.sizes.words;
    latent_counter_random c = latent_counter_random_at(t->settings.seed, LANGUAGE, number_of(t, i));
    int language = latent_counter_random_uniform(&c) < 0.5;
    float *to = t->words + (size_t)i * words;
    if (t->kept) {
        const kept_picture *k = &t->kept[t->index[i] % (uint64_t)t->settings.kept];
        memcpy(to, k->words + (size_t)language * words, words * sizeof(float));
        return 0;
    }
    if (!*t->text[i][language])
        language = 1 - language;
    return read_words(t->clip, t->text[i][language], to, e);
}

static int gather(latent_diffusion_training *t, latent_error *e)
{
    if (!t->source)
        return latent_fail(e, "there are no pictures to learn from");
    if (!t->picture && !(t->picture = malloc((size_t)t->settings.batch *
                                             numbers_of(&t->settings.sizes) * sizeof(float))))
        return latent_fail(e, "no memory for batches of %d pictures", t->settings.batch);
    for (int i = 0; i < t->settings.batch; i++)
        t->index[i] = pick(t, i);
    latent_parallel(t->settings.batch, draw_one, t);
    for (int i = 0; i < t->settings.batch; i++) {
        if (t->failed[i]) {
            *e = t->errors[i];
            return -1;
        }
        if ((t->kept && keep(t, i, e)) || say(t, i, e))
            return -1;
    }
    return 0;
}

/* ---- a step */

/* A promise of numbers from outside. */
static latent_node *outside(latent_tensor *t, latent_error *e)
{
    latent_node *n = t ? latent_op_parameter(t, e) : NULL;
    latent_tensor_release(t);
    return n;
}

typedef struct {
    latent_diffusion_training *t;
    const float *level;
    float *noised, *velocity;
} noise_job;

static void noise_one(void *context, int i, int slot)
{
    const noise_job *j = context;
    const latent_diffusion_training *t = j->t;
    size_t numbers = numbers_of(&t->settings.sizes), at = (size_t)i * numbers;
    latent_counter_random c = latent_counter_random_at(t->settings.seed, NOISE, number_of(t, i));
    float mean = t->settings.sizes.mean, scale = 1 / t->settings.sizes.deviation;
    (void)slot;
    for (size_t k = at; k < at + numbers; k++) {
        float noise = (float)latent_counter_random_gauss(&c), x = (t->picture[k] - mean) * scale;
        j->noised[k] = x + j->level[i] * (noise - x);
        j->velocity[k] = noise - x;
    }
}

/* The words of the batch: the learned list where chance leaves them out. */
static latent_node *all_words(latent_diffusion_training *t, latent_node *nothing, latent_error *e)
{
    latent_shape s = {t->settings.batch, 1, 1, t->settings.sizes.words};
    latent_tensor *said = latent_tensor_new(s, e), *without = latent_tensor_new(s, e);
    latent_node *a, *b, *c = NULL, *d = NULL;
    size_t words = (size_t)s.c;
    for (size_t i = 0; said && without && i < said->count; i++) {
        latent_counter_random chance =
            latent_counter_random_at(t->settings.seed, LANGUAGE, number_of(t, (int)(i / words)));
        int drop;
        latent_counter_random_uniform(&chance);
        drop = latent_counter_random_uniform(&chance) < (double)t->settings.drop;
        said->data[i] = drop ? 0 : t->words[i];
        without->data[i] = (float)drop;
    }
    a = outside(said, e);
    b = outside(without, e);
    if (a && b)
        c = latent_op_multiply(b, nothing, "words", e);
    if (c)
        d = latent_op_add(a, 1, c, 1, "words", e);
    latent_node_release(a);
    latent_node_release(b);
    latent_node_release(c);
    return d;
}

/* The weights as variables, at their lengths. */
static int learning_net(latent_diffusion_training *t, latent_diffusion_net *net, latent_error *e)
{
    memset(net, 0, sizeof(*net));
    net->sizes = t->settings.sizes;
    for (int i = 0; i < t->count; i++) {
        const latent_diffusion_tensor *f = &t->tensor[i];
        latent_node *n = latent_parameter_leaf(&t->p, i, e);
        if (!n)
            return -1;
        net->weight[i] = n;
        if (!f->rows)
            continue;
        net->weight[i] = latent_op_lengths(n, f->rows, f->length, "lengths", e);
        latent_node_release(n);
        if (!net->weight[i])
            return -1;
    }
    return 0;
}

static latent_node *loss_of(latent_diffusion_training *t, const latent_diffusion_net *net,
                            latent_error *e)
{
    const latent_diffusion_sizes *s = &net->sizes;
    latent_shape shape = {t->settings.batch, s->resolution, s->resolution, s->channels};
    latent_tensor *noised = latent_tensor_new(shape, e), *velocity = latent_tensor_new(shape, e);
    latent_node *x = NULL, *v = NULL, *words, *y = NULL, *error = NULL, *loss = NULL;
    float level[MOST_BATCH], share = 2 / (float)latent_shape_count(shape);
    for (int i = 0; i < t->settings.batch; i++) {
        latent_counter_random c =
            latent_counter_random_at(t->settings.seed, LEVEL, number_of(t, i));
        level[i] = (float)(1 / (1 + exp(-latent_counter_random_gauss(&c))));
    }
    if (noised && velocity)
        latent_parallel(t->settings.batch, noise_one,
                        &(noise_job){t, level, noised->data, velocity->data});
    x = outside(noised, e);
    v = outside(velocity, e);
    words = x && v ? all_words(t, net->weight[LATENT_DIFFUSION_NOTHING], e) : NULL;
    if (words)
        y = latent_diffusion_velocity(net, x, level, words, e);
    if (y)
        error = latent_op_sse(y, v, e);
    if (error)
        loss = latent_op_sum(&error, &share, 1, e);
    latent_node_release(x);
    latent_node_release(v);
    latent_node_release(words);
    latent_node_release(y);
    latent_node_release(error);
    return loss;
}

static float rate_now(const latent_diffusion_training *t)
{
    double done = (double)latent_diffusion_training_images(t) /
                  (double)(t->settings.images > 0 ? t->settings.images : 1);
    double way = (done - CONSTANT) / (1 - CONSTANT);
    double rise = ((double)t->p.steps + 1) / WARM_UP, fall;
    way = way < 0 ? 0 : way > 1 ? 1 : way;
    fall = LOWEST + (1 - LOWEST) * 0.5 * (1 + cos(M_PI * way));
    return (float)(t->settings.rate * fall * (rise < 1 ? rise : 1));
}

int latent_diffusion_training_step(latent_diffusion_training *t, double *loss, latent_error *e)
{
    latent_adam adam = {.beta1 = 0.9f, .beta2 = 0.99f, .epsilon = 1e-8f, .rate = rate_now(t)};
    float value = 0;
    latent_diffusion_net net;
    latent_node *n = NULL;
    int failed;
    if (gather(t, e))
        return -1;
    failed = learning_net(t, &net, e) || !(n = loss_of(t, &net, e)) ||
             latent_parameters_gradient(&t->p, n, NULL, &value, e);
    latent_node_release(n);
    latent_diffusion_net_free(&net);
    if (failed) { /* some of it may have been added */
        memset(t->p.gradient, 0, t->p.count * sizeof(float));
        return -1;
    }
    adam.keep = (float)pow(1 - 1 / (double)(t->p.steps + 1), FORGET);
    t->bad = latent_adam_step(&t->p, &adam) || !isfinite(value) ? t->bad + 1 : 0;
    if (t->bad >= MOST_BAD)
        return latent_fail(e, "the training gives no numbers any more; go back to a checkpoint, "
                              "with a lower rate");
    for (int i = 0; i < t->count && t->p.steps % RESTORE == 0; i++)
        latent_diffusion_lengths(&t->tensor[i], usual(&t->tensor[i]),
                                 latent_parameter_value(&t->p, i));
    latent_parameters_changed(&t->p);
    *loss += (double)value;
    return 0;
}

/* ---- what comes of it */

/* The average, its weights at their lengths; malloc'd, as p's numbers lie. */
static float *averages(const latent_diffusion_training *t)
{
    float *all = malloc(t->p.count * sizeof(float));
    if (!all)
        return NULL;
    memcpy(all, t->p.average, t->p.count * sizeof(float));
    for (int i = 0; i < t->count; i++)
        latent_diffusion_lengths(&t->tensor[i], 1, all + t->p.item[i].at);
    return all;
}

int latent_diffusion_training_net(const latent_diffusion_training *t, latent_diffusion_net *net,
                                  latent_error *e)
{
    size_t at[LATENT_DIFFUSION_TENSORS];
    float *all = averages(t);
    int failed;
    memset(net, 0, sizeof(*net));
    if (!all)
        return latent_fail(e, "no memory for a copy of the network");
    net->sizes = t->settings.sizes;
    for (int i = 0; i < t->count; i++)
        at[i] = t->p.item[i].at;
    failed = latent_diffusion_net_of(net, all, at, e);
    free(all);
    return failed;
}

int latent_diffusion_training_save(const latent_diffusion_training *t, const char *path,
                                   const char *note, latent_error *e)
{
    latent_tensor_out out[LATENT_DIFFUSION_TENSORS];
    latent_meta_out meta[LATENT_DIFFUSION_META + 1];
    char text[LATENT_DIFFUSION_META][48];
    float *all = averages(t);
    int n_meta = latent_diffusion_meta(&t->settings.sizes, meta, text), failed;
    if (!all)
        return latent_fail(e, "no memory for a copy of the network");
    for (int i = 0; i < t->count; i++) {
        out[i] = (latent_tensor_out){.name = t->tensor[i].name,
                                     .dtype = LATENT_F16,
                                     .rank = t->tensor[i].rank,
                                     .data = all + t->p.item[i].at};
        memcpy(out[i].dim, t->tensor[i].dim, sizeof(t->tensor[i].dim));
    }
    if (note)
        meta[n_meta++] = (latent_meta_out){"origin", note};
    failed = latent_safetensors_write(path, out, (size_t)t->count, meta, (size_t)n_meta, e);
    free(all);
    return failed;
}

int latent_diffusion_training_write(const latent_diffusion_training *t, const char *path,
                                    latent_error *e)
{
    latent_checkpoint_part part = {"diffusion.", (latent_parameters *)&t->p};
    latent_meta_out meta[LATENT_DIFFUSION_META + 3];
    char text[LATENT_DIFFUSION_META][48], batch[24], seed[24], kept[24];
    int n = latent_diffusion_meta(&t->settings.sizes, meta, text);
    meta[0].key = "training"; /* no model: what reads models is not to take it for one */
    snprintf(batch, sizeof(batch), "%d", t->settings.batch);
    snprintf(kept, sizeof(kept), "%d", t->settings.kept);
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)t->settings.seed);
    meta[n++] = (latent_meta_out){"batch", batch};
    meta[n++] = (latent_meta_out){"kept", kept};
    meta[n++] = (latent_meta_out){"seed", seed};
    return latent_checkpoint_write(path, &part, 1, meta, (size_t)n, e);
}

static int setting(const latent_weights *w, const char *key)
{
    const char *text = latent_weights_text(w, key);
    long v = text ? strtol(text, NULL, 10) : 0;
    return v < 0 || v > INT_MAX ? 0 : (int)v;
}

latent_diffusion_training *latent_diffusion_training_open(latent_source *source, latent_model *clip,
                                                          const char *path,
                                                          const latent_diffusion_settings *settings,
                                                          latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    latent_diffusion_settings s = *settings;
    latent_diffusion_training *t = NULL;
    const char *kind = w ? latent_weights_text(w, "training") : NULL;
    if (w && (!kind || strcmp(kind, "diffusion-tiny")))
        latent_fail(e, "this is no checkpoint of a diffusion-tiny");
    else if (w && !latent_diffusion_read_sizes(w, &s.sizes, e) &&
             !latent_diffusion_there(w, &s.sizes, "diffusion.", e)) {
        const char *seed = latent_weights_text(w, "seed");
        s.batch = setting(w, "batch");
        s.kept = setting(w, "kept");
        s.seed = seed ? strtoull(seed, NULL, 10) : 0;
        t = latent_diffusion_training_new(source, clip, &s, e);
    }
    if (t) {
        latent_checkpoint_part part = {"diffusion.", &t->p};
        if (latent_checkpoint_read(w, &part, 1, e)) {
            latent_diffusion_training_free(t);
            t = NULL;
        }
    }
    latent_weights_close(w);
    return t;
}

/* ---- the weights of another */

/* Of squares of a pixels those of times a: from[rows][channels a^2 (+ 1)][taps] to to; input: a
   channel is the mean of those that it becomes. */
static void enlarge(const float *from, int a, int times, int channels, int rows, int taps,
                    int input, float *to)
{
    int b = a * times, more = input ? 1 : 0;
    for (int r = 0; r < (input ? rows : 1); r++)
        for (int c = 0; c < channels * b * b + more; c++) {
            int y = c % (b * b) / b / times, x = c % b / times;
            int same = c / (b * b) * a * a + y * a + x;
            int width = input ? taps : rows * taps;
            const float *f = from + ((size_t)r * (size_t)(channels * a * a + more) + (size_t)same) *
                                        (size_t)width;
            float *g =
                to + ((size_t)r * (size_t)(channels * b * b + more) + (size_t)c) * (size_t)width;
            float share = input && c < channels * b * b ? 1 / (float)(times * times) : 1;
            if (c == channels * b * b)
                f = from +
                    ((size_t)r * (size_t)(channels * a * a + more) + (size_t)(channels * a * a)) *
                        (size_t)width;
            for (int k = 0; k < width; k++)
                g[k] = share * f[k];
        }
}

int latent_diffusion_training_from(latent_diffusion_training *t, const char *path, latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    latent_diffusion_sizes s, mine = t->settings.sizes;
    int times = 1, failed = !w || latent_diffusion_read_sizes(w, &s, e);
    float *x = NULL;
    failed = failed || latent_diffusion_there(w, &s, "", e);
    if (!failed) {
        times = s.shuffle <= mine.shuffle ? mine.shuffle / s.shuffle : 1;
        mine.resolution = s.resolution;
        mine.shuffle = s.shuffle;
        mine.mean = s.mean;
        mine.deviation = s.deviation;
        if (memcmp(&mine, &s, sizeof(s)) || t->settings.sizes.resolution != times * s.resolution ||
            t->settings.sizes.shuffle != times * s.shuffle)
            failed = latent_fail(e, "%s: a network of other sizes", path);
        else if (!(x = malloc(t->p.count * sizeof(float))))
            failed = latent_fail(e, "no memory for a network");
    }
    for (int i = 0; !failed && i < t->count; i++) {
        latent_diffusion_tensor f;
        float *to = latent_parameter_value(&t->p, i);
        latent_diffusion_tensor_at(&s, i, &f);
        failed = latent_diffusion_fetch(w, &f, x, e);
        if (failed || times == 1 || f.count == t->tensor[i].count)
            memcpy(to, x, failed ? 0 : f.count * sizeof(float));
        else if (i == t->count - 2)
            enlarge(x, s.shuffle, times, s.channels, (int)f.dim[1], 9, 0, to);
        else
            enlarge(x, s.shuffle, times, s.channels, (int)f.dim[0], 9, 1, to);
        if (!failed)
            latent_diffusion_lengths(&t->tensor[i], usual(&t->tensor[i]), to);
    }
    free(x);
    latent_weights_close(w);
    if (failed)
        return -1;
    latent_parameters_changed(&t->p);
    memcpy(t->p.average, t->p.value, t->p.count * sizeof(float));
    return 0;
}

/* ---- sampling */

int latent_diffusion_sample(latent_model *m, int n, const float *words, uint32_t seed, int steps,
                            double guidance, float *pictures, latent_error *e)
{
    const latent_denoiser_dims *dims = &m->denoiser;
    latent_shape shape = {n, dims->height, dims->width, dims->channels};
    float level[LATENT_MOST_STEPS + 1];
    latent_denoise d = {.model = m, .guidance = guidance, .level = level, .n_levels = steps + 1};
    latent_node *noise = latent_noise_of(shape, LATENT_TORCH, seed, e), *x = NULL, *drawn = NULL;
    latent_tensor *value = NULL;
    int failed;
    latent_usual_schedule(m, steps, level);
    if (words) {
        latent_tensor *said = latent_tensor_new((latent_shape){n, 1, 1, dims->embedding}, e);
        if (said)
            memcpy(said->data, words, said->count * sizeof(float));
        d.words = outside(said, e);
    }
    if (noise && (!words || d.words))
        x = latent_noised_noise(noise, e);
    for (int i = 0; i < steps && x; i++) {
        latent_node *clean = NULL, *next = latent_denoised(x, &d, &clean, e);
        latent_node_release(clean);
        latent_node_release(x);
        x = next;
    }
    if (x)
        drawn = latent_decoded(m, x, e);
    failed = !drawn || latent_evaluate(drawn, NULL, &value, e);
    if (!failed)
        memcpy(pictures, value->data, value->count * sizeof(float));
    latent_tensor_release(value);
    latent_node_release(drawn);
    latent_node_release(x);
    latent_node_release(noise);
    latent_node_release(d.words);
    return failed ? -1 : 0;
}
