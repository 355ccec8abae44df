/* clip: see clip.h */
#include "clip.h"
#include "../base/counter_random.h"
#include "../base/parallel.h"
#include "../base/random.h"
#include "../graph/evaluate.h"
#include "../ops/encoder.h"
#include "../ops/ops.h"
#include "parameters.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES 8 /* a batch is a multiple of it */
#define MOST_BATCH 1024
#define LANGUAGES 2
#define WARM_UP 100     /* steps */
#define LOWEST 0.02     /* of the rate, at the end */
#define HALF_LIFE 32000 /* pictures after which a network counts half in the average */
#define MOST_SCALE 100
#define MOST_BAD 20  /* steps in a row that give no numbers */
#define CANDIDATES 4 /* times the batch: pictures among which one with new sentences is sought */

/* How a checkpoint's convolutions lie; where it is not told, [out][taps][in], as once. */
#define ORDER "order"

/* What chance is used for. */
enum { BEGIN = 1, PICK, DISTURB, ATTACK };

latent_clip_settings latent_clip_settings_usual(void)
{
    return (latent_clip_settings){.sizes = latent_tiny_default(),
                                  .batch = 128,
                                  .steps = 4000,
                                  .rate = 0.0015f,
                                  .disturb = 1,
                                  .seed = 1};
}

typedef struct {
    char text[LANGUAGES][LATENT_CAPTION];
} sentence;

struct latent_clip_training {
    latent_clip_settings settings;
    latent_source *source;
    latent_parameters p;     /* the tensors of models/clip_tiny.h, then the temperature's */
    int scale;               /* its number */
    int bad;                 /* steps in a row that gave no numbers */
    uint64_t *index;         /* [batch] of the source */
    sentence *sentences;     /* [batch] */
    latent_grams *grams;     /* [LANGUAGES][batch] */
    latent_tensor *pictures; /* of the batch at hand, or NULL */
    latent_error *errors;    /* [batch] */
    int *failed;             /* [batch] */
};

/* ---- disturbed pictures */

static float blend(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* The square of that side at (x, y), in pixels of the picture, made as large as the picture;
   outside it goes on as at its edge. */
static void cut_out(const float *from, int size, float x, float y, float side, float *to)
{
    float step = side / (float)size;
    for (int i = 0; i < size; i++) {
        float v = y + ((float)i + 0.5f) * step - 0.5f;
        int v0 = (int)floorf(v), v1 = v0 + 1;
        float tv = v - (float)v0;
        v0 = v0 < 0 ? 0 : v0 >= size ? size - 1 : v0;
        v1 = v1 < 0 ? 0 : v1 >= size ? size - 1 : v1;
        for (int j = 0; j < size; j++, to += 3) {
            float u = x + ((float)j + 0.5f) * step - 0.5f;
            int u0 = (int)floorf(u), u1 = u0 + 1;
            float tu = u - (float)u0;
            const float *a = from + (size_t)v0 * (size_t)size * 3,
                        *b = from + (size_t)v1 * (size_t)size * 3;
            u0 = u0 < 0 ? 0 : u0 >= size ? size - 1 : u0;
            u1 = u1 < 0 ? 0 : u1 >= size ? size - 1 : u1;
            for (int k = 0; k < 3; k++)
                to[k] = blend(blend(a[3 * u0 + k], a[3 * u1 + k], tu),
                              blend(b[3 * u0 + k], b[3 * u1 + k], tu), tv);
        }
    }
}

/* [1 2 1] in both directions, in place; the outermost pixels stay. */
static void soften(float *x, int size)
{
    size_t row = (size_t)size * 3;
    for (int i = 0; i < size; i++) {
        float before[3];
        float *at = x + (size_t)i * row;
        memcpy(before, at, sizeof(before));
        for (int j = 1; j + 1 < size; j++)
            for (int k = 0; k < 3; k++) {
                float now = at[3 * j + k];
                at[3 * j + k] = 0.25f * before[k] + 0.5f * now + 0.25f * at[3 * (j + 1) + k];
                before[k] = now;
            }
    }
    for (size_t k = 0; k < row; k++) {
        float before = x[k];
        for (int i = 1; i + 1 < size; i++) {
            float now = x[(size_t)i * row + k];
            x[(size_t)i * row + k] =
                0.25f * before + 0.5f * now + 0.25f * x[((size_t)i + 1) * row + k];
            before = now;
        }
    }
}

void latent_clip_disturb(const float *picture, int size, float strength, uint64_t seed,
                         uint64_t index, float *out)
{
    latent_counter_random c = latent_counter_random_at(seed, DISTURB, index);
    double side = size, x = 0, y = 0, luck = latent_counter_random_uniform(&c), noise, gain[3],
           shift[3];
    if (strength <= 0) {
        memcpy(out, picture, (size_t)size * (size_t)size * 3 * sizeof(float));
        return;
    }
    if (luck < 0.25) { /* as a cutout is */
        side *= 1 - strength * 0.4 * latent_counter_random_uniform(&c);
        x = (size - side) * latent_counter_random_uniform(&c);
        y = (size - side) * latent_counter_random_uniform(&c);
    } else {
        side *= 1 + strength * 0.12 * (2 * latent_counter_random_uniform(&c) - 1);
        x = (size - side) / 2 +
            strength * size * 0.06 * (2 * latent_counter_random_uniform(&c) - 1);
        y = (size - side) / 2 +
            strength * size * 0.06 * (2 * latent_counter_random_uniform(&c) - 1);
    }
    cut_out(picture, size, (float)x, (float)y, (float)side, out);
    if (latent_counter_random_uniform(&c) < 0.3 * strength)
        soften(out, size);
    noise = latent_counter_random_uniform(&c) < 0.5
                ? 0.08 * strength * latent_counter_random_uniform(&c)
                : 0;
    for (int k = 0; k < 3; k++) {
        gain[k] = 1 + 0.04 * strength * latent_counter_random_gauss(&c);
        shift[k] = 0.03 * strength * latent_counter_random_gauss(&c);
    }
    for (size_t i = 0; i < (size_t)size * (size_t)size; i++)
        for (int k = 0; k < 3; k++) {
            float *v = &out[3 * i + (size_t)k];
            *v = (float)(gain[k] * *v + shift[k]);
            if (noise > 0) /* uniform, of that deviation */
                *v += (float)(noise * 3.4641 * (latent_counter_random_uniform(&c) - 0.5));
        }
}

/* ---- making and freeing */

int latent_clip_parameters(latent_parameters *p, const latent_tiny_sizes *s, latent_error *e)
{
    latent_tiny_tensor t;
    for (int i = 0; latent_tiny_tensor_at(s, i, &t); i++)
        if (latent_parameters_add(p, 1, e, t.rank, t.dim, "%s", t.name) < 0)
            return -1;
    return 0;
}

void latent_clip_begin(latent_parameters *p, const latent_tiny_sizes *s, uint64_t seed)
{
    latent_tiny_tensor t;
    latent_random r;
    latent_random_seed(&r, (uint32_t)latent_counter_random_mix(seed + BEGIN));
    for (int i = 0; latent_tiny_tensor_at(s, i, &t); i++) {
        float *to = latent_parameter_value(p, i);
        double deviation = t.kind == LATENT_TINY_TABLE ? 0.05 : 0;
        if (t.kind == LATENT_TINY_WEIGHT)
            deviation = sqrt((double)t.dim[0] / (double)t.count); /* 1 / sqrt(inputs) */
        for (size_t k = 0; k < t.count; k++)
            to[k] = t.kind == LATENT_TINY_GAIN ? 1
                    : deviation > 0            ? (float)(deviation * latent_random_gauss(&r))
                                               : 0;
    }
    latent_parameters_changed(p);
}

int latent_clip_net(latent_parameters *p, const latent_tiny_sizes *s, latent_tiny_net *net,
                    latent_error *e)
{
    net->sizes = *s;
    net->map = latent_tiny_map_of(s);
    for (int i = 0; i < net->map.count; i++)
        if (!(net->node[i] = latent_parameter_leaf(p, i, e)))
            return -1;
    return 0;
}

static int add_parameters(latent_clip_training *t, latent_error *e)
{
    if (latent_clip_parameters(&t->p, &t->settings.sizes, e) ||
        (t->scale = latent_parameters_add(&t->p, 1, e, 0, NULL, "log_scale")) < 0 ||
        latent_parameters_allocate(&t->p, 1, e))
        return -1;
    latent_clip_begin(&t->p, &t->settings.sizes, t->settings.seed);
    *latent_parameter_value(&t->p, t->scale) = logf(1 / 0.07f);
    memcpy(t->p.average, t->p.value, t->p.count * sizeof(float));
    return 0;
}

static int make_memory(latent_clip_training *t, latent_error *e)
{
    size_t batch = (size_t)t->settings.batch;
    t->index = malloc(batch * sizeof(*t->index));
    t->sentences = malloc(batch * sizeof(*t->sentences));
    t->grams = calloc(LANGUAGES * batch, sizeof(*t->grams));
    t->errors = malloc(batch * sizeof(*t->errors));
    t->failed = malloc(batch * sizeof(*t->failed));
    if (t->index && t->sentences && t->grams && t->errors && t->failed)
        return 0;
    return latent_fail(e, "no memory for batches of %zu pictures", batch);
}

latent_clip_training *latent_clip_training_new(latent_source *source,
                                               const latent_clip_settings *settings,
                                               latent_error *e)
{
    latent_clip_training *t;
    if (settings->batch < BATCHES || settings->batch > MOST_BATCH || settings->batch % BATCHES) {
        latent_fail(e, "batches of %d pictures; a multiple of %d, at most %d, was expected",
                    settings->batch, BATCHES, MOST_BATCH);
        return NULL;
    }
    if (!(t = calloc(1, sizeof(*t)))) {
        latent_fail(e, "no memory for a training");
        return NULL;
    }
    t->settings = *settings;
    t->source = source;
    if (latent_tiny_check(&settings->sizes, e) || add_parameters(t, e) || make_memory(t, e)) {
        latent_clip_training_free(t);
        return NULL;
    }
    return t;
}

static void forget_batch(latent_clip_training *t)
{
    for (int i = 0; t->grams && i < LANGUAGES * t->settings.batch; i++)
        latent_grams_free(&t->grams[i]);
    latent_tensor_release(t->pictures);
    t->pictures = NULL;
}

void latent_clip_training_free(latent_clip_training *t)
{
    if (!t)
        return;
    forget_batch(t);
    free(t->index);
    free(t->sentences);
    free(t->grams);
    free(t->errors);
    free(t->failed);
    latent_parameters_free(&t->p);
    free(t);
}

/* ---- between steps */

void latent_clip_training_source(latent_clip_training *t, latent_source *source)
{
    t->source = source;
}

void latent_clip_training_adjust(latent_clip_training *t, const latent_clip_settings *settings)
{
    t->settings.steps = settings->steps;
    t->settings.rate = settings->rate;
    t->settings.disturb = settings->disturb;
    t->settings.attack = settings->attack;
}

latent_clip_settings latent_clip_training_settings(const latent_clip_training *t)
{
    return t->settings;
}

int64_t latent_clip_training_steps(const latent_clip_training *t)
{
    return t->p.steps;
}

/* ---- a batch */

static int same_words(const sentence *a, const sentence *b)
{
    return !strcmp(a->text[0], b->text[0]) || !strcmp(a->text[1], b->text[1]);
}

/* Pictures whose sentences all differ, as far as the source has so many. */
static int pick(latent_clip_training *t, latent_error *e)
{
    uint64_t batch = (uint64_t)t->settings.batch, tries = CANDIDATES * batch;
    uint64_t first = (uint64_t)t->p.steps * tries;
    int n = 0;
    for (uint64_t i = 0; i < tries && n < t->settings.batch; i++) {
        sentence *s = &t->sentences[n];
        uint64_t index = first + i;
        int k = 0;
        if (t->source->count) {
            latent_counter_random c = latent_counter_random_at(t->settings.seed, PICK, index);
            index = latent_counter_random_below(&c, t->source->count);
        }
        if (t->source->draw(t->source, index, t->settings.sizes.resolution, NULL, s->text[0],
                            s->text[1], e))
            return -1;
        for (int l = 0; l < LANGUAGES; l++) /* one language is enough */
            if (!*s->text[l])
                memcpy(s->text[l], s->text[1 - l], sizeof(s->text[l]));
        if (!*s->text[0])
            continue;
        while (k < n && !same_words(&t->sentences[k], s))
            k++;
        if (k < n && tries - i > batch - (uint64_t)n) /* said before, and there are more to try */
            continue;
        t->index[n++] = index;
    }
    return n == t->settings.batch
               ? 0
               : latent_fail(e, "there are no words about the pictures to learn from");
}

/* Which picture of the whole training is number i of this batch, for what chance does to it. */
static uint64_t number_of(const latent_clip_training *t, int i)
{
    return (uint64_t)t->p.steps * (uint64_t)t->settings.batch + (uint64_t)i;
}

static void draw_one(void *context, int i, int slot)
{
    latent_clip_training *t = context;
    int size = t->settings.sizes.resolution;
    size_t floats = (size_t)size * (size_t)size * 3;
    float *picture = t->pictures->data + (size_t)i * floats,
          *plain = malloc(floats * sizeof(float));
    latent_error *e = &t->errors[i];
    (void)slot;
    t->failed[i] = 1;
    if (!plain) {
        latent_fail(e, "no memory for a picture");
        return;
    }
    if (!t->source->draw(t->source, t->index[i], size, plain, NULL, NULL, e)) {
        latent_clip_disturb(plain, size, t->settings.disturb, t->settings.seed, number_of(t, i),
                            picture);
        t->failed[i] = 0;
        for (int l = 0; l < LANGUAGES && !t->failed[i]; l++)
            t->failed[i] =
                latent_grams_make(&t->grams[l * t->settings.batch + i], t->sentences[i].text[l],
                                  t->settings.sizes.rows, t->settings.sizes.context, e);
    }
    free(plain);
}

static int gather(latent_clip_training *t, latent_error *e)
{
    int size = t->settings.sizes.resolution;
    forget_batch(t);
    if (pick(t, e) ||
        !(t->pictures = latent_tensor_new((latent_shape){t->settings.batch, size, size, 3}, e)))
        return -1;
    latent_parallel(t->settings.batch, draw_one, t);
    for (int i = 0; i < t->settings.batch; i++)
        if (t->failed[i]) {
            *e = t->errors[i];
            return -1;
        }
    return 0;
}

/* ---- a step */

/* The promises of one batch. */
typedef struct {
    latent_tiny_net net;
    latent_node *scale, *pictures, *seen, *said, *loss;
} batch_graph;

static void let_go(batch_graph *g)
{
    latent_tiny_net_clear(&g->net);
    latent_node_release(g->scale);
    latent_node_release(g->pictures);
    latent_node_release(g->seen);
    latent_node_release(g->said);
    latent_node_release(g->loss);
}

/* How the network sees these pictures, instead of those before, and how far that is from what is
   said of them. */
static int look(batch_graph *g, latent_tensor *pictures, latent_error *e)
{
    latent_node_release(g->pictures);
    latent_node_release(g->seen);
    latent_node_release(g->loss);
    g->seen = g->loss = NULL;
    if (!(g->pictures = latent_op_picture(pictures, e)) ||
        !(g->seen = latent_tiny_pictures(&g->net, g->pictures, e)))
        return -1;
    g->loss = latent_op_contrastive(g->seen, g->said, g->scale, e);
    return g->loss ? 0 : -1;
}

static int make_graph(latent_clip_training *t, batch_graph *g, latent_error *e)
{
    if (latent_clip_net(&t->p, &t->settings.sizes, &g->net, e) ||
        !(g->scale = latent_parameter_leaf(&t->p, t->scale, e)) ||
        !(g->said = latent_tiny_texts(&g->net, t->grams, LANGUAGES * t->settings.batch, e)))
        return -1;
    return look(g, t->pictures, e);
}

/* Moves the pictures up the loss, each as far as its luck says. */
typedef struct {
    const latent_clip_training *t;
    const latent_node *leaf; /* the pictures */
    const latent_tensor *slope;
    latent_tensor *moved;
} attack_job;

static void attack_one(void *context, int i, int slot)
{
    const attack_job *j = context;
    const latent_clip_training *t = j->t;
    size_t floats = j->moved->count / (size_t)t->settings.batch, from = (size_t)i * floats;
    const float *v = j->slope->data + from, *picture = t->pictures->data + from;
    latent_counter_random c = latent_counter_random_at(t->settings.seed, ATTACK, number_of(t, i));
    double sum = 1e-30, way = (double)t->settings.attack * latent_counter_random_uniform(&c);
    (void)slot;
    for (size_t k = 0; k < floats; k++)
        sum += (double)v[k] * (double)v[k];
    for (size_t k = 0; k < floats; k++)
        j->moved->data[from + k] = picture[k] + (float)(way / sqrt(sum)) * v[k];
}

static int is_attacked(const latent_node *leaf, void *context)
{
    return leaf == ((const attack_job *)context)->leaf;
}

static void move_all(const latent_node *leaf, const latent_tensor *grad, void *context)
{
    attack_job *j = context;
    (void)leaf;
    j->slope = grad;
    latent_parallel(j->t->settings.batch, attack_one, j);
}

/* The batch becomes one that is harder to know. */
static int attack(latent_clip_training *t, batch_graph *g, latent_error *e)
{
    latent_tensor *moved = latent_tensor_new(t->pictures->shape, e);
    attack_job j = {.t = t, .leaf = g->pictures, .moved = moved};
    latent_gradient_of of = {is_attacked, move_all, &j};
    float loss;
    if (!moved || latent_gradient(g->loss, &of, NULL, &loss, e)) {
        latent_tensor_release(moved);
        return -1;
    }
    latent_tensor_release(t->pictures);
    t->pictures = moved;
    return look(g, moved, e);
}

static int number(latent_node *n, float *value, latent_error *e)
{
    latent_tensor *t = NULL;
    int failed = !n || latent_evaluate(n, NULL, &t, e);
    latent_node_release(n);
    if (failed)
        return -1;
    *value = t->data[0];
    latent_tensor_release(t);
    return 0;
}

/* The loss and its gradient, and how many were found. */
static int learn(latent_clip_training *t, float *loss, float *found, latent_error *e)
{
    batch_graph g = {.loss = NULL};
    int failed = make_graph(t, &g, e) || (t->settings.attack > 0 && attack(t, &g, e)) ||
                 number(latent_op_found(g.seen, g.said, g.scale, e), found, e) ||
                 latent_parameters_gradient(&t->p, g.loss, NULL, loss, e);
    let_go(&g);
    return failed ? -1 : 0;
}

static float rate_now(const latent_clip_training *t)
{
    double done = (double)t->p.steps / (double)(t->settings.steps > 0 ? t->settings.steps : 1);
    double fall = LOWEST + (1 - LOWEST) * 0.5 * (1 + cos(M_PI * (done < 1 ? done : 1)));
    double rise = ((double)t->p.steps + 1) / WARM_UP;
    return (float)(t->settings.rate * fall * (rise < 1 ? rise : 1));
}

/* The average forgets by pictures seen, and in the beginning sooner. */
static float keep_now(const latent_clip_training *t)
{
    double seen = (double)(t->p.steps + 1) * t->settings.batch, life = seen / 20;
    return (float)pow(0.5, t->settings.batch / (life < HALF_LIFE ? life : HALF_LIFE));
}

int latent_clip_training_step(latent_clip_training *t, latent_clip_report *r, latent_error *e)
{
    float *log_scale = latent_parameter_value(&t->p, t->scale), loss, found;
    latent_adam adam = {.beta1 = 0.9f, .beta2 = 0.98f, .epsilon = 1e-8f};
    size_t cache = latent_cache();
    int failed;
    if (!t->source)
        return latent_fail(e, "there are no pictures to learn from");
    if (gather(t, e))
        return -1;
    latent_cache_set(SIZE_MAX); /* the values of a step are all needed again on the way back */
    failed = learn(t, &loss, &found, e);
    latent_cache_set(cache);
    if (failed)
        return -1;
    adam.rate = rate_now(t);
    adam.keep = keep_now(t);
    t->bad = latent_adam_step(&t->p, &adam) || !isfinite(loss) ? t->bad + 1 : 0;
    if (t->bad >= MOST_BAD)
        return latent_fail(e, "the training gives no numbers any more; go back to a checkpoint, "
                              "with a lower rate");
    if (*log_scale > logf(MOST_SCALE))
        *log_scale = logf(MOST_SCALE);
    if (r)
        *r = (latent_clip_report){.step = t->p.steps,
                                  .pictures = t->p.steps * t->settings.batch,
                                  .loss = loss,
                                  .found = found,
                                  .scale = expf(*log_scale),
                                  .rate = adam.rate};
    return 0;
}

/* ---- what comes of it */

latent_model *latent_clip_training_snapshot(const latent_clip_training *t, const char *label,
                                            latent_error *e)
{
    size_t at[LATENT_TINY_TENSORS];
    for (int i = 0; i < t->p.n && i < LATENT_TINY_TENSORS; i++)
        at[i] = t->p.item[i].at;
    return latent_tiny_model(&t->settings.sizes, t->p.average, at, label, e);
}

int latent_clip_training_save(const latent_clip_training *t, const char *path, const char *note,
                              latent_error *e)
{
    latent_tensor_out out[LATENT_TINY_TENSORS];
    latent_tiny_tensor tensor[LATENT_TINY_TENSORS];
    latent_meta_out meta[LATENT_TINY_META];
    char text[LATENT_TINY_META][48];
    int n_meta = latent_tiny_meta(&t->settings.sizes, meta, text);
    for (int i = 0; latent_tiny_tensor_at(&t->settings.sizes, i, &tensor[i]); i++) {
        out[i] = (latent_tensor_out){.name = tensor[i].name,
                                     .dtype = LATENT_F16,
                                     .rank = tensor[i].rank,
                                     .data = t->p.average + t->p.item[i].at};
        memcpy(out[i].dim, tensor[i].dim, sizeof(tensor[i].dim));
    }
    if (note)
        meta[n_meta++] = (latent_meta_out){"origin", note};
    return latent_safetensors_write(path, out, (size_t)latent_tiny_map_of(&t->settings.sizes).count,
                                    meta, (size_t)n_meta, e);
}

int latent_clip_training_write(const latent_clip_training *t, const char *path, latent_error *e)
{
    latent_checkpoint_part part = {"clip.", (latent_parameters *)&t->p};
    latent_meta_out meta[LATENT_TINY_META];
    char text[LATENT_TINY_META][48], batch[24], seed[24];
    int n = latent_tiny_meta(&t->settings.sizes, meta, text);
    meta[0].key = "training"; /* no model: what reads models is not to take it for one */
    snprintf(batch, sizeof(batch), "%d", t->settings.batch);
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)t->settings.seed);
    meta[n++] = (latent_meta_out){"batch", batch};
    meta[n++] = (latent_meta_out){"seed", seed};
    meta[n++] = (latent_meta_out){ORDER, "out in taps"};
    return latent_checkpoint_write(path, &part, 1, meta, (size_t)n, e);
}

static int read_state(latent_clip_training *t, latent_weights *w, latent_error *e)
{
    latent_checkpoint_part part = {"clip.", &t->p};
    return latent_weights_text(w, ORDER) ? latent_checkpoint_read(w, &part, 1, e)
                                         : latent_checkpoint_read_old(w, &part, 1, e);
}

static int is_checkpoint(const latent_weights *w, latent_error *e)
{
    const char *kind = latent_weights_text(w, "training");
    return !kind || strcmp(kind, "clip-tiny")
               ? latent_fail(e, "this is no checkpoint of a clip-tiny")
               : 0;
}

int latent_clip_training_from(latent_clip_training *t, const char *path, latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    latent_tiny_sizes sizes;
    latent_tiny_tensor s;
    int failed = !w || latent_tiny_read_sizes(w, &sizes, e);
    if (!failed && memcmp(&sizes, &t->settings.sizes, sizeof(sizes)))
        failed = latent_fail(e, "%s: a network of other sizes", path);
    for (int i = 0; !failed && latent_tiny_tensor_at(&sizes, i, &s); i++)
        failed = latent_tiny_fetch(w, &s, latent_parameter_value(&t->p, i), e);
    latent_parameters_changed(&t->p);
    latent_weights_close(w);
    if (failed)
        return -1;
    memcpy(t->p.average, t->p.value, t->p.count * sizeof(float));
    return 0;
}

int latent_clip_training_resume(latent_clip_training *t, const char *path, latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    int failed = !w || is_checkpoint(w, e) || read_state(t, w, e);
    latent_weights_close(w);
    return failed ? -1 : 0;
}

latent_clip_training *latent_clip_training_open(latent_source *source, const char *path,
                                                const latent_clip_settings *settings,
                                                latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    latent_clip_settings s = *settings;
    latent_clip_training *t = NULL;
    if (w && !is_checkpoint(w, e) && !latent_tiny_read_sizes(w, &s.sizes, e)) {
        const char *batch = latent_weights_text(w, "batch"), *seed = latent_weights_text(w, "seed");
        s.batch = batch ? atoi(batch) : 0;
        s.seed = seed ? strtoull(seed, NULL, 10) : 0;
        t = latent_clip_training_new(source, &s, e);
    }
    if (t && read_state(t, w, e)) {
        latent_clip_training_free(t);
        t = NULL;
    }
    latent_weights_close(w);
    return t;
}
