/* trainer: see trainer.h */
#include "trainer.h"
#include "../base/counter_random.h"
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BATCH 256
#define PATIENCE 20     /* steps without numbers before giving up */
#define PATH_STEP 0.1   /* a little way of w */
#define PATH_PACE 0.01f /* at which the mean length of paths follows */

enum { CHANCE_Z = 10, CHANCE_Z2, CHANCE_CROSSING, CHANCE_REAL, CHANCE_PATH, CHANCE_WAY };

latent_train_settings latent_train_defaults(void)
{
    return (latent_train_settings){.batch = 16,
                                   .seed = 1,
                                   .rate_g = 0.0025f,
                                   .rate_d = 0.0025f,
                                   .r1 = 1,
                                   .r1_every = 4,
                                   .r1_step = 0.1f,
                                   .half_life = 10000,
                                   .ramp = 0.05f,
                                   .mixing = 0.3f,
                                   .path_every = 8,
                                   .augment = -1,
                                   .augment_target = 0.6f,
                                   .augment_pace = 100000};
}

latent_discriminator_shape latent_trainer_default_discriminator(const latent_generator_shape *g)
{
    static const int usual[LATENT_BLOCKS] = {256, 160, 96, 64, 32, 16, 16};
    latent_discriminator_shape d = {.blocks = g->blocks, .group = 16, .pack = 2, .clamp = g->clamp};
    for (int i = 0; i < g->blocks; i++) /* not wider than what it judges */
        d.channels[i] = g->channels[i] < usual[i] ? g->channels[i] : usual[i];
    return d;
}

static size_t picture_count(const latent_trainer *t)
{
    return (size_t)t->g.resolution * (size_t)t->g.resolution * 3;
}

/* How many logits the discriminator gives for a batch. */
static int judgements(const latent_trainer *t)
{
    return t->settings.batch / t->d.shape.pack;
}

int latent_trainer_init(latent_trainer *t, const latent_train_settings *settings,
                        const latent_generator_shape *g, const latent_discriminator_shape *d,
                        latent_error *e)
{
    size_t n = (size_t)settings->batch;
    memset(t, 0, sizeof(*t));
    t->settings = *settings;
    if (settings->batch < 4 || settings->batch > MOST_BATCH || settings->batch % 4)
        return latent_fail(e, "a batch of %d is not possible; 4 to %d in steps of 4 are",
                           settings->batch, MOST_BATCH);
    if (g->blocks != d->blocks)
        return latent_fail(e, "the generator draws %d pixels and the discriminator looks at %d",
                           4 << (g->blocks - 1), 4 << (d->blocks - 1));
    if (latent_generator_init(&t->g, g, settings->batch, settings->seed, e) ||
        latent_discriminator_init(&t->d, d, 3 * settings->batch, settings->seed, e)) {
        latent_trainer_free(t);
        return -1;
    }
    t->z = malloc(n * (size_t)g->z * sizeof(float));
    t->z2 = malloc(n * (size_t)g->z * sizeof(float));
    t->way = malloc(n * (size_t)g->w * sizeof(float));
    t->pictures = malloc((d->pack > 1 ? 2 : 3) * n * picture_count(t) * sizeof(float));
    t->packed = d->pack > 1 ? malloc(3 * n * picture_count(t) * sizeof(float)) : t->pictures;
    t->g_logit = malloc(3 * n * sizeof(float));
    t->seen = d->seen ? malloc(3 * n * 16 * (size_t)d->seen * sizeof(float)) : NULL;
    t->crossing = malloc(n * sizeof(int));
    t->changes = calloc(2 * n, sizeof(*t->changes));
    if (!t->changes || !t->z || !t->z2 || !t->way || !t->pictures || !t->packed || !t->g_logit ||
        !t->crossing || (d->seen && !t->seen)) {
        latent_trainer_free(t);
        return latent_fail(e, "no memory for a training");
    }
    return 0;
}

void latent_trainer_free(latent_trainer *t)
{
    latent_generator_free(&t->g);
    latent_discriminator_free(&t->d);
    latent_workspace_free(&t->room);
    free(t->z);
    free(t->z2);
    free(t->way);
    if (t->packed != t->pictures)
        free(t->packed);
    free(t->pictures);
    free(t->g_logit);
    free(t->seen);
    free(t->crossing);
    free(t->changes);
    memset(t, 0, sizeof(*t));
}

double latent_trainer_cost(const latent_trainer *t)
{
    double g = latent_generator_cost(&t->g), d = latent_discriminator_cost(&t->d) / t->d.shape.pack;
    return 3 * g + 2 * d + d + 4 * d + (t->settings.r1 > 0 ? 5 * d / t->settings.r1_every : 0);
}

/* ---- a step */

static void draw_latents(float *z, int n, int dim, uint64_t seed, uint64_t purpose, uint64_t first)
{
    for (int i = 0; i < n; i++) {
        latent_counter_random c = latent_counter_random_at(seed, purpose, first + (uint64_t)i);
        for (int k = 0; k < dim; k++)
            z[i * dim + k] = (float)latent_counter_random_gauss(&c);
    }
}

typedef struct {
    latent_trainer *t;
    float *pictures;
    atomic_int failed;
    latent_error error; /* of the one that failed first */
} real_job;

static void draw_real(void *context, int i, int slot)
{
    real_job *j = context;
    latent_trainer *t = j->t;
    latent_source *s = t->source;
    latent_counter_random c =
        latent_counter_random_at(t->settings.seed, CHANCE_REAL, t->images + (uint64_t)i);
    uint64_t index = s->count ? latent_counter_random_below(&c, s->count) : t->images + (uint64_t)i;
    float *p = j->pictures + (size_t)i * picture_count(t);
    size_t side = (size_t)t->g.resolution;
    latent_error e = {""};
    (void)slot;
    if (s->draw(s, index, t->g.resolution, p, NULL, NULL, &e)) {
        if (!atomic_exchange(&j->failed, 1))
            j->error = e;
        return;
    }
    if (s->mirrored && latent_counter_random_u64(&c) & 1)
        for (size_t y = 0; y < side; y++)
            for (size_t x = 0; x < side / 2; x++)
                for (size_t k = 0; k < 3; k++) {
                    float *a = p + (y * side + x) * 3 + k;
                    float *b = p + (y * side + side - 1 - x) * 3 + k, swap = *a;
                    *a = *b;
                    *b = swap;
                }
}

/* Pictures for the discriminator, as many side by side as it judges together; and back. */
static void pack(const latent_trainer *t, int n, const float *from, float *to, int back)
{
    size_t together = (size_t)t->d.shape.pack, one = picture_count(t) / 3;
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t k = 0; k < one; k++)
            for (size_t c = 0; c < 3; c++) {
                size_t apart = (i * one + k) * 3 + c;
                size_t packed = ((i / together * one + k) * together + i % together) * 3 + c;
                if (back)
                    to[apart] = from[packed];
                else
                    to[packed] = from[apart];
            }
}

/* R1 by a finite difference: the reals, moved a little along the discriminator's gradient g with
   respect to them, moved = reals + step g.  With g held, (D(moved) - D(reals)) / step is the sum
   of |g|^2, and its gradient over D's weights is half of that of the sum of |g|^2, whatever the
   pictures; a difference along random ways has the same mean, and so much noise that nothing is
   learned beside it.  The step; the mean of |g|^2 goes to t->penalty. */
static double move(latent_trainer *t, const float *reals, float *moved)
{
    int n = judgements(t);
    size_t count = (size_t)t->settings.batch * picture_count(t);
    size_t told = (size_t)n * 16 * (size_t)t->d.shape.seen;
    const float *seen = t->seen ? t->seen + told : NULL;
    double sum = 0, step;
    const float *g;
    for (int i = 0; i < n; i++)
        t->g_logit[i] = 1;
    latent_discriminator_forward(&t->d, n, n, reals, seen, &t->room);
    g = latent_discriminator_back(&t->d, 0, n, t->g_logit, 1, 0, &t->room);
    for (size_t k = 0; k < count; k++)
        sum += (double)g[k] * g[k];
    for (size_t k = 0; k < told; k++)
        sum += (double)t->d.g_seen[k] * t->d.g_seen[k];
    t->penalty = sum / n;
    step = sum > 0 ? t->settings.r1_step / sqrt(sum / n) : 0;
    for (size_t k = 0; k < count; k++)
        moved[k] = reals[k] + (float)step * g[k];
    for (size_t k = 0; k < told; k++)
        t->seen[2 * told + k] = seen[k] + (float)step * t->d.g_seen[k];
    return step;
}

/* ---- augmentation */

#define ADAPT_EVERY 4 /* steps */

static float probability(const latent_trainer *t)
{
    if (t->settings.augment >= 0)
        return t->settings.augment;
    return t->source->count ? t->augmented : 0;
}

typedef struct {
    latent_trainer *t;
    float p;
    float *pictures, *to; /* to: of the way back */
    const float *g;
} change_job;

/* Picture i of the fakes and the reals, in place. */
static void change_one(void *context, int i, int slot)
{
    const change_job *j = context;
    latent_trainer *t = j->t;
    size_t count = picture_count(t);
    float *p = j->pictures + (size_t)i * count;
    float *before = latent_workspace_slot(&t->room, slot, count);
    t->changes[i] =
        latent_augment_draw(j->p, t->g.resolution, t->settings.seed, 2 * t->images + (uint64_t)i);
    if (!before || (!t->changes[i].moved && !t->changes[i].tinted))
        return;
    memcpy(before, p, count * sizeof(float));
    latent_augment_run(&t->changes[i], t->g.resolution, before, p);
}

static void change_back(void *context, int i, int slot)
{
    const change_job *j = context;
    size_t at = (size_t)i * picture_count(j->t);
    (void)slot;
    latent_augment_back(&j->t->changes[i], j->t->g.resolution, j->g + at, j->to + at);
}

/* The discriminator knows too many of the reals for reals: change more. */
static void adapt(latent_trainer *t, const float *logit_real)
{
    const latent_train_settings *s = &t->settings;
    float step = (float)(s->batch * ADAPT_EVERY) / s->augment_pace;
    int n = judgements(t);
    if (s->augment >= 0 || !t->source->count)
        return;
    for (int i = 0; i < n; i++)
        t->signs += logit_real[i] > 0 ? 1 : logit_real[i] < 0 ? -1 : 0;
    if (t->steps % ADAPT_EVERY)
        return;
    t->augmented += t->signs / (float)(n * ADAPT_EVERY) > s->augment_target ? step : -step;
    t->augmented = t->augmented < 0 ? 0 : t->augmented > 0.9f ? 0.9f : t->augmented;
    t->signs = 0;
}

static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Paths: how long the way is that a picture goes when w goes a little way, and that it shall be as
   long as others. */
static void straighten(latent_trainer *t)
{
    int half = t->settings.batch / 2, dim = t->g.shape.w;
    uint64_t seed = t->settings.seed;
    size_t count = picture_count(t);
    double scale = sqrt((double)dim / ((double)t->g.resolution * t->g.resolution)) / PATH_STEP;
    double mean = 0, length[MOST_BATCH / 2], error = 0;
    float *difference = t->pictures; /* of each pair, and its negative */
    const float *made;
    draw_latents(t->z, half, t->g.shape.z, seed, CHANCE_PATH, t->images);
    draw_latents(t->way, half, dim, seed, CHANCE_WAY, t->images);
    for (int i = 0; i < half; i++) {
        float *way = t->way + (size_t)i * (size_t)dim;
        double sum = 1e-12;
        for (int k = 0; k < dim; k++)
            sum += (double)way[k] * way[k];
        for (int k = 0; k < dim; k++)
            way[k] *= (float)(PATH_STEP / sqrt(sum));
    }
    t->g.way = t->way;
    made = latent_generator_forward(&t->g, 2 * half, 0, t->z, NULL, NULL,
                                    latent_counter_random_mix(seed + t->steps) + 1, &t->room);
    for (int i = 0; i < half; i++) {
        const float *from = made + (size_t)i * count, *to = from + (size_t)half * count;
        float *d = difference + (size_t)(half + i) * count;
        double sum = 1e-12;
        for (size_t k = 0; k < count; k++) {
            d[k] = to[k] - from[k];
            sum += (double)d[k] * d[k];
        }
        length[i] = scale * sqrt(sum);
        mean += length[i] / half;
    }
    t->path = t->path > 0 ? t->path + PATH_PACE * ((float)mean - t->path) : (float)mean;
    for (int i = 0; i < half; i++) {
        double off = length[i] - (double)t->path;
        float g = (float)(2 * (double)t->settings.path * t->settings.path_every / half * off *
                          scale * scale / length[i]);
        float *d = difference + (size_t)i * count, *other = d + (size_t)half * count;
        error += off * off / half;
        for (size_t k = 0; k < count; k++) {
            other[k] *= g;
            d[k] = -other[k];
        }
    }
    t->path_error = sqrt(error);
    latent_generator_back(&t->g, 2 * half, difference, &t->room);
    t->g.way = NULL;
}

static const float *draw_fakes(latent_trainer *t)
{
    int n = t->settings.batch, dim = t->g.shape.z, rows = t->g.rows;
    uint64_t seed = t->settings.seed;
    int mixed = t->settings.mixing > 0;
    draw_latents(t->z, n, dim, seed, CHANCE_Z, t->images);
    if (mixed)
        draw_latents(t->z2, n, dim, seed, CHANCE_Z2, t->images);
    for (int i = 0; i < n; i++) {
        latent_counter_random c =
            latent_counter_random_at(seed, CHANCE_CROSSING, t->images + (uint64_t)i);
        t->crossing[i] = latent_counter_random_uniform(&c) < t->settings.mixing
                             ? 1 + (int)latent_counter_random_below(&c, (uint64_t)(rows - 1))
                             : rows;
    }
    return latent_generator_forward(&t->g, n, 0, t->z, mixed ? t->z2 : NULL, t->crossing,
                                    latent_counter_random_mix(seed + t->steps), &t->room);
}

int latent_trainer_step(latent_trainer *t, latent_error *e)
{
    const latent_train_settings *s = &t->settings;
    int n = s->batch, m = judgements(t);
    int penalised = s->r1 > 0 && t->steps % (uint64_t)s->r1_every == 0;
    size_t count = (size_t)n * picture_count(t), wrong = 0;
    float *fakes = t->pictures, *reals = fakes + count, *packed = t->packed;
    latent_adam adam = {.beta1 = 0, .beta2 = 0.99f, .epsilon = 1e-8f};
    real_job real = {.t = t, .pictures = reals};
    change_job change = {.t = t, .pictures = fakes};
    double half = s->half_life, loss_g = 0, loss_d = 0, step = 0;
    const float *logit, *g;
    if (t->seen && !(t->eye && latent_feature_network_suits(t->eye, 2 * n, t->g.resolution, 4,
                                                            t->d.shape.seen)))
        return latent_fail(e, "this discriminator needs a clip-tiny for pictures of its size, the "
                              "one that it was trained with");
    if (s->path > 0 && t->steps % (uint64_t)s->path_every == 0)
        straighten(t);
    /* pictures */
    atomic_init(&real.failed, 0);
    latent_parallel(n, draw_real, &real);
    if (atomic_load(&real.failed))
        return latent_fail(e, "%s", real.error.text);
    memcpy(fakes, draw_fakes(t), count * sizeof(float));
    change.p = probability(t);
    if (change.p > 0)
        latent_parallel(2 * n, change_one, &change);
    if (packed != fakes)
        pack(t, 2 * n, fakes, packed, 0);
    if (t->seen)
        latent_feature_network_look(t->eye, 2 * n, fakes, t->seen);
    if (penalised)
        step = move(t, packed + count, packed + 2 * count);
    penalised = step > 0;
    /* what the discriminator says */
    logit = latent_discriminator_forward(&t->d, penalised ? 3 * m : 2 * m, m, packed, t->seen,
                                         &t->room);
    t->logit_real = t->logit_fake = 0;
    for (int i = 0; i < m; i++) {
        t->logit_fake += (double)logit[i] / m;
        t->logit_real += (double)logit[m + i] / m;
        loss_g += softplus(-logit[i]) / m;
        loss_d += (softplus(logit[i]) + softplus(-logit[m + i])) / m;
        t->g_logit[i] = (float)(-sigmoid(-logit[i]) / m);
    }
    /* the generator's gradient, through the discriminator as it is */
    g = latent_discriminator_back(&t->d, 0, m, t->g_logit, 1, 0, &t->room);
    if (t->seen)
        latent_feature_network_back(t->eye, n, t->d.g_seen, t->d.g_pictures);
    if (packed != fakes) {
        float *apart = t->g.g_picture[change.p > 0 ? 0 : 1];
        pack(t, n, g, apart, 1);
        g = apart;
    }
    if (change.p > 0) {
        change.to = t->g.g_picture[1];
        change.g = g;
        latent_parallel(n, change_back, &change);
        g = t->g.g_picture[1];
    }
    latent_generator_back(&t->g, n, g, &t->room);
    /* the discriminator's */
    for (int i = 0; i < m; i++) {
        t->g_logit[i] = (float)(sigmoid(logit[i]) / m);
        t->g_logit[m + i] = (float)(-sigmoid(-logit[m + i]) / m);
        if (penalised) {
            float pull = (float)(s->r1 * s->r1_every / step / m);
            t->g_logit[2 * m + i] = pull;
            t->g_logit[m + i] -= pull;
        }
    }
    latent_discriminator_back(&t->d, 0, penalised ? 3 * m : 2 * m, t->g_logit, 0, 1, &t->room);
    if (t->room.failed)
        return latent_fail(e, "no memory for a step of training");
    t->loss_g = loss_g;
    t->loss_d = loss_d;
    /* the steps */
    t->images += (uint64_t)n;
    t->steps++;
    adapt(t, logit + m);
    if (!isfinite(loss_g) || !isfinite(loss_d)) {
        memset(t->g.p.gradient, 0, t->g.p.count * sizeof(float));
        memset(t->d.p.gradient, 0, t->d.p.count * sizeof(float));
        wrong = 1;
    } else {
        if (half > s->ramp * (double)t->images)
            half = s->ramp * (double)t->images;
        adam.keep = half > 0 ? (float)pow(0.5, n / half) : 0;
        adam.rate = s->rate_g;
        wrong = latent_adam_step(&t->g.p, &adam);
        adam.rate = s->rate_d;
        wrong += latent_adam_step(&t->d.p, &adam);
    }
    t->bad = wrong ? t->bad + 1 : 0;
    if (t->bad > PATIENCE)
        return latent_fail(e,
                           "the training gave no numbers for %d steps; go back to an earlier "
                           "checkpoint with a lower rate",
                           t->bad);
    return 0;
}

void latent_trainer_sample(latent_trainer *t, uint64_t seed, uint64_t first, int n, float *pictures)
{
    size_t one = picture_count(t);
    for (int done = 0; done < n;) {
        int some = n - done < t->settings.batch ? n - done : t->settings.batch;
        draw_latents(t->z, some, t->g.shape.z, seed, CHANCE_Z, first + (uint64_t)done);
        memcpy(pictures + (size_t)done * one,
               latent_generator_forward(&t->g, some, 1, t->z, NULL, NULL, 0, &t->room),
               (size_t)some * one * sizeof(float));
        done += some;
    }
}

/* ---- checkpoints */

typedef struct {
    char text[32];
} number;

static void shape_text(char *text, size_t room, const int *channels, int blocks)
{
    size_t used = 0;
    for (int i = 0; i < blocks && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, i ? " %d" : "%d", channels[i]);
}

#define NUMBERS 31
/* What a checkpoint says beside the tensors; names and values in the same order. */
typedef struct {
    const char *name;
    double *real; /* one of these */
    float *single;
    int *whole;
    uint64_t *count;
    int late; /* checkpoints of before there was one do not have it */
} field;

static int fields(latent_trainer *t, latent_generator_shape *g, latent_discriminator_shape *d,
                  field *f)
{
    latent_train_settings *s = &t->settings;
    field all[NUMBERS] = {
        {.name = "batch", .whole = &s->batch},
        {.name = "seed", .count = &s->seed},
        {.name = "rate_g", .single = &s->rate_g},
        {.name = "rate_d", .single = &s->rate_d},
        {.name = "r1", .single = &s->r1},
        {.name = "r1_every", .whole = &s->r1_every},
        {.name = "r1_step", .single = &s->r1_step},
        {.name = "half_life", .single = &s->half_life},
        {.name = "ramp", .single = &s->ramp},
        {.name = "mixing", .single = &s->mixing},
        {.name = "path", .single = &s->path, .late = 1},
        {.name = "path_every", .whole = &s->path_every, .late = 1},
        {.name = "path_length", .single = &t->path, .late = 1},
        {.name = "freeze", .whole = &s->freeze},
        {.name = "images", .count = &t->images},
        {.name = "train_steps", .count = &t->steps},
        {.name = "bad", .whole = &t->bad},
        {.name = "z", .whole = &g->z},
        {.name = "w", .whole = &g->w},
        {.name = "mapping", .whole = &g->mapping},
        {.name = "noise", .whole = &g->noise},
        {.name = "clamp", .single = &g->clamp},
        {.name = "mapping_rate", .single = &g->rate, .late = 1},
        {.name = "group", .whole = &d->group, .late = 1},
        {.name = "pack", .whole = &d->pack, .late = 1},
        {.name = "seen", .whole = &d->seen, .late = 1},
        {.name = "augment", .single = &s->augment, .late = 1},
        {.name = "augment_target", .single = &s->augment_target, .late = 1},
        {.name = "augment_pace", .single = &s->augment_pace, .late = 1},
        {.name = "augmented", .single = &t->augmented, .late = 1},
        {.name = "signs", .single = &t->signs, .late = 1},
    };
    int n = 0;
    while (n < NUMBERS && all[n].name)
        n++;
    memcpy(f, all, sizeof(all));
    return n;
}

#define PARTS                                                                                      \
    {                                                                                              \
        {"G.", &t->g.p},                                                                           \
        {                                                                                          \
            "D.", &t->d.p                                                                          \
        }                                                                                          \
    }

int latent_trainer_save(latent_trainer *t, const char *path, latent_error *e)
{
    const latent_checkpoint_part parts[2] = PARTS;
    field f[NUMBERS];
    int n = fields(t, &t->g.shape, &t->d.shape, f);
    number text[NUMBERS];
    char channels[2][100];
    latent_meta_out meta[NUMBERS + 3];
    for (int i = 0; i < n; i++) {
        if (f[i].count)
            snprintf(text[i].text, sizeof(text[i].text), "%llu", (unsigned long long)*f[i].count);
        else if (f[i].whole)
            snprintf(text[i].text, sizeof(text[i].text), "%d", *f[i].whole);
        else
            snprintf(text[i].text, sizeof(text[i].text), "%.9g", (double)*f[i].single);
        meta[i] = (latent_meta_out){f[i].name, text[i].text};
    }
    shape_text(channels[0], sizeof(channels[0]), t->g.shape.channels, t->g.shape.blocks);
    shape_text(channels[1], sizeof(channels[1]), t->d.shape.channels, t->d.shape.blocks);
    meta[n++] = (latent_meta_out){"latent", "training of stylegan2"};
    meta[n++] = (latent_meta_out){"channels_g", channels[0]};
    meta[n++] = (latent_meta_out){"channels_d", channels[1]};
    return latent_checkpoint_write(path, parts, 2, meta, (size_t)n, e);
}

static int read_fields(latent_weights *w, const field *f, int n, latent_error *e)
{
    for (int i = 0; i < n; i++) {
        const char *text = latent_weights_text(w, f[i].name);
        if (!text && f[i].late)
            continue;
        if (!text)
            return latent_fail(e, "this is no checkpoint of a training: it does not say %s",
                               f[i].name);
        if (f[i].count)
            *f[i].count = strtoull(text, NULL, 10);
        else if (f[i].whole)
            *f[i].whole = atoi(text);
        else
            *f[i].single = strtof(text, NULL);
    }
    return 0;
}

static int read_channels(latent_weights *w, const char *name, int *channels, int *blocks,
                         latent_error *e)
{
    const char *text = latent_weights_text(w, name);
    char *end;
    *blocks = 0;
    while (text && *blocks < LATENT_BLOCKS) {
        long c = strtol(text, &end, 10);
        if (end == text)
            break;
        channels[(*blocks)++] = c > 0 && c < 1 << 20 ? (int)c : 0;
        text = end;
    }
    return *blocks
               ? 0
               : latent_fail(e, "this is no checkpoint of a training: it does not say %s", name);
}

/* What the file says, and then its numbers into t, or into a t made anew. */
static int resume(latent_trainer *t, int anew, const char *path, latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    latent_trainer said;
    latent_generator_shape g;
    latent_discriminator_shape d;
    latent_source *source = t->source;
    field f[NUMBERS];
    int n, failed;
    if (!w)
        return -1;
    memset(&said, 0, sizeof(said));
    said.settings = latent_train_defaults();
    memset(&g, 0, sizeof(g));
    memset(&d, 0, sizeof(d));
    d.group = 16;
    d.pack = 1;
    n = fields(&said, &g, &d, f);
    failed = read_fields(w, f, n, e) || read_channels(w, "channels_g", g.channels, &g.blocks, e) ||
             read_channels(w, "channels_d", d.channels, &d.blocks, e);
    d.clamp = g.clamp;
    if (!failed && (said.settings.r1_every < 1 || said.settings.path_every < 1))
        failed = latent_fail(e, "the checkpoint's terms come every %d and %d steps; 1 is the least",
                             said.settings.r1_every, said.settings.path_every);
    if (!failed && anew) {
        failed = latent_trainer_init(t, &said.settings, &g, &d, e);
        t->source = source;
    } else if (!failed && said.settings.batch != t->settings.batch)
        failed = latent_fail(e, "the checkpoint's batch is %d, not %d", said.settings.batch,
                             t->settings.batch);
    if (!failed) {
        const latent_checkpoint_part parts[2] = PARTS;
        failed = latent_checkpoint_read(w, parts, 2, e);
        t->g.shape.rate = g.rate > 0 ? g.rate : LATENT_MAPPING_RATE;
        t->settings = said.settings;
        t->images = said.images;
        t->steps = said.steps;
        t->bad = said.bad;
        t->path = said.path;
        t->augmented = said.augmented;
        t->signs = said.signs;
        latent_discriminator_freeze(&t->d, t->settings.freeze);
        if (failed && anew)
            latent_trainer_free(t);
    }
    latent_weights_close(w);
    return failed ? -1 : 0;
}

int latent_trainer_resume(latent_trainer *t, const char *path, latent_error *e)
{
    return resume(t, 0, path, e);
}

int latent_trainer_open(latent_trainer *t, const char *path, latent_error *e)
{
    memset(t, 0, sizeof(*t));
    return resume(t, 1, path, e);
}
