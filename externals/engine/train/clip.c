/* clip: see clip.h */
#include "clip.h"
#include "../base/counter_random.h"
#include "../base/parallel.h"
#include "../kernels/gemm.h"
#include "clip_net.h"
#include "parameters.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE 8  /* pictures that go through the network together */
#define GROUPS 8 /* parts of a batch whose gradients are added up apart, then in order */
#define MOST_BATCH 1024
#define LANGUAGES 2
#define WARM_UP 100     /* steps */
#define LOWEST 0.02     /* of the rate, at the end */
#define HALF_LIFE 32000 /* pictures after which a network counts half in the average */
#define MOST_SCALE 100
#define MOST_BAD 20  /* steps in a row that give no numbers */
#define CANDIDATES 4 /* times the batch: pictures among which one with new sentences is sought */

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
    latent_clip_net net;
    latent_parameters p;
    int scale; /* the number of the temperature's parameter */
    int slices;
    int bad;                                     /* steps in a row that gave no numbers */
    latent_clip_pictures **pictures;             /* [slices] */
    latent_clip_texts *texts[GROUPS][LANGUAGES]; /* NULL where a group is empty */
    float *group[GROUPS];                        /* gradients, but for the table */
    uint64_t *index;                             /* [batch] of the source */
    sentence *sentences;                         /* [batch] */
    latent_grams *grams[LANGUAGES];              /* [batch] */
    float *picture;                              /* [batch][resolution][resolution][3] */
    float *seen, *g_seen;                        /* [batch][embedding] */
    float *said[LANGUAGES], *g_said[LANGUAGES];
    float *scratch;
    latent_error *errors; /* [batch] */
    int *failed;          /* [batch] */
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

/* ---- the loss */

size_t latent_clip_loss_scratch(int n, int d)
{
    return (size_t)n * ((size_t)n * 2 + 4 * (size_t)d + 2);
}

static void directions(int n, int d, const float *x, float *unit, float *length)
{
    for (int i = 0; i < n; i++, x += d, unit += d) {
        double sum = 1e-12;
        for (int k = 0; k < d; k++)
            sum += (double)x[k] * x[k];
        length[i] = (float)sqrt(sum);
        for (int k = 0; k < d; k++)
            unit[k] = x[k] / length[i];
    }
}

/* What reaches x through its direction: (g - (g . u) u) / |x|. */
static void directions_back(int n, int d, const float *unit, const float *length, const float *g,
                            float *gx)
{
    for (int i = 0; i < n; i++, unit += d, g += d, gx += d) {
        double along = 0;
        for (int k = 0; k < d; k++)
            along += (double)g[k] * unit[k];
        for (int k = 0; k < d; k++)
            gx[k] += (g[k] - (float)along * unit[k]) / length[i];
    }
}

/* The cross entropy of n scores, step floats apart, of which number right is the right one; its
   gradient times weight is added to g.  1 in *best when the right one is the highest. */
static double entropy(int n, const float *score, size_t step, int right, float weight, float *g,
                      int *best)
{
    double most = score[0], sum = 0;
    *best = 1;
    for (int i = 0; i < n; i++) {
        if (score[(size_t)i * step] > most)
            most = score[(size_t)i * step];
        if (i != right && score[(size_t)i * step] >= score[(size_t)right * step])
            *best = 0;
    }
    for (int i = 0; i < n; i++)
        sum += exp(score[(size_t)i * step] - most);
    for (int i = 0; i < n && g; i++)
        g[(size_t)i * step] +=
            weight * (float)(exp(score[(size_t)i * step] - most) / sum - (i == right));
    return log(sum) + most - score[(size_t)right * step];
}

double latent_clip_loss(int n, int d, const float *pictures, const float *texts, float log_scale,
                        float weight, float *g_pictures, float *g_texts, float *g_log_scale,
                        float *found, float *scratch)
{
    size_t square = (size_t)n * (size_t)n, all = (size_t)n * (size_t)d;
    float *score = scratch, *g = score + square, *u = g + square, *v = u + all, *gu = v + all;
    float *gv = gu + all, *length = gv + all, scale = expf(log_scale);
    double sum = 0, slope = 0;
    int hits = 0, hit;
    directions(n, d, pictures, u, length);
    directions(n, d, texts, v, length + n);
    latent_gemm_alone(0, 1, n, n, d, u, d, v, d, 0, score, n);
    for (size_t i = 0; i < square; i++) {
        score[i] *= scale;
        g[i] = 0;
    }
    for (int i = 0; i < n; i++) {
        float share = weight / (2 * (float)n);
        sum += entropy(n, score + (size_t)i * (size_t)n, 1, i, share,
                       g_pictures ? g + (size_t)i * (size_t)n : NULL, &hit);
        hits += hit;
        sum += entropy(n, score + i, (size_t)n, i, share, g_pictures ? g + i : NULL, &hit);
        hits += hit;
    }
    if (found)
        *found = (float)hits / (2 * (float)n);
    if (g_pictures) {
        for (size_t i = 0; i < square; i++) {
            slope += (double)g[i] * score[i]; /* d score / d log_scale = score */
            g[i] *= scale;
        }
        latent_gemm_alone(0, 0, n, d, n, g, n, v, d, 0, gu, d);
        latent_gemm_alone(1, 0, n, d, n, g, n, u, d, 0, gv, d);
        directions_back(n, d, u, length, gu, g_pictures);
        directions_back(n, d, v, length + n, gv, g_texts);
        *g_log_scale += (float)slope;
    }
    return weight * sum / (2 * n);
}

/* ---- making and freeing */

static int add_parameters(latent_clip_training *t, latent_error *e)
{
    latent_tiny_tensor s;
    for (int i = 0; latent_tiny_tensor_at(&t->settings.sizes, i, &s); i++) {
        /* convolutions lie [out][taps][in] */
        int64_t dim[4] = {s.dim[0], s.dim[1], s.dim[2], s.dim[3]};
        if (s.rank > 2) {
            memmove(dim + 1, dim + 2, (size_t)(s.rank - 2) * sizeof(*dim));
            dim[s.rank - 1] = s.dim[1];
        }
        if (latent_parameters_add(&t->p, 1, e, s.rank, dim, "%s", s.name) < 0)
            return -1;
        if (t->p.item[i].at != t->net.at[i])
            return latent_fail(e, "the plan of a network and its parameters differ");
    }
    t->scale = latent_parameters_add(&t->p, 1, e, 0, NULL, "log_scale");
    return t->scale < 0 ? -1 : latent_parameters_allocate(&t->p, 1, e);
}

static int first_of(const latent_clip_training *t, int group)
{
    return t->slices * group / GROUPS;
}

static int make_parts(latent_clip_training *t, latent_error *e)
{
    for (int i = 0; i < t->slices; i++)
        if (!(t->pictures[i] = latent_clip_pictures_new(&t->net, SLICE, e)))
            return -1;
    for (int g = 0; g < GROUPS; g++) {
        if (first_of(t, g) == first_of(t, g + 1))
            continue;
        if (!(t->group[g] = malloc(t->net.count * sizeof(float))))
            return latent_fail(e, "no memory for gradients");
        for (int l = 0; l < LANGUAGES; l++)
            if (!(t->texts[g][l] = latent_clip_texts_new(&t->net, e)))
                return -1;
    }
    return 0;
}

static int make_memory(latent_clip_training *t, latent_error *e)
{
    size_t batch = (size_t)t->settings.batch, d = (size_t)t->settings.sizes.embedding;
    size_t pixels = (size_t)t->settings.sizes.resolution * (size_t)t->settings.sizes.resolution;
    int good = 1;
    t->pictures = calloc((size_t)t->slices, sizeof(*t->pictures));
    t->index = malloc(batch * sizeof(*t->index));
    t->sentences = malloc(batch * sizeof(*t->sentences));
    t->picture = malloc(batch * pixels * 3 * sizeof(float));
    t->seen = malloc(batch * d * sizeof(float));
    t->g_seen = malloc(batch * d * sizeof(float));
    t->scratch = malloc(latent_clip_loss_scratch((int)batch, (int)d) * sizeof(float));
    t->errors = malloc(batch * sizeof(*t->errors));
    t->failed = malloc(batch * sizeof(*t->failed));
    for (int l = 0; l < LANGUAGES; l++) {
        t->grams[l] = calloc(batch, sizeof(*t->grams[l]));
        t->said[l] = malloc(batch * d * sizeof(float));
        t->g_said[l] = malloc(batch * d * sizeof(float));
        good = good && t->grams[l] && t->said[l] && t->g_said[l];
    }
    if (good && t->pictures && t->index && t->sentences && t->picture && t->seen && t->g_seen &&
        t->scratch && t->errors && t->failed)
        return make_parts(t, e);
    return latent_fail(e, "no memory for batches of %zu pictures", batch);
}

latent_clip_training *latent_clip_training_new(latent_source *source,
                                               const latent_clip_settings *settings,
                                               latent_error *e)
{
    latent_clip_training *t;
    latent_random r;
    if (settings->batch < SLICE || settings->batch > MOST_BATCH || settings->batch % SLICE) {
        latent_fail(e, "batches of %d pictures; a multiple of %d, at most %d, was expected",
                    settings->batch, SLICE, MOST_BATCH);
        return NULL;
    }
    if (!(t = calloc(1, sizeof(*t)))) {
        latent_fail(e, "no memory for a training");
        return NULL;
    }
    t->settings = *settings;
    t->source = source;
    t->slices = settings->batch / SLICE;
    if (latent_clip_net_plan(&t->net, &settings->sizes, e) || add_parameters(t, e) ||
        make_memory(t, e)) {
        latent_clip_training_free(t);
        return NULL;
    }
    latent_random_seed(&r, (uint32_t)latent_counter_random_mix(settings->seed + BEGIN));
    latent_clip_net_begin(&t->net, &r, t->p.value);
    *latent_parameter_value(&t->p, t->scale) = logf(1 / 0.07f);
    memcpy(t->p.average, t->p.value, t->p.count * sizeof(float));
    return t;
}

static void forget_texts(latent_clip_training *t)
{
    for (int l = 0; l < LANGUAGES; l++)
        for (int i = 0; t->grams[l] && i < t->settings.batch; i++)
            latent_grams_free(&t->grams[l][i]);
}

void latent_clip_training_free(latent_clip_training *t)
{
    if (!t)
        return;
    forget_texts(t);
    for (int i = 0; t->pictures && i < t->slices; i++)
        latent_clip_pictures_free(t->pictures[i]);
    for (int g = 0; g < GROUPS; g++) {
        free(t->group[g]);
        for (int l = 0; l < LANGUAGES; l++)
            latent_clip_texts_free(t->texts[g][l]);
    }
    for (int l = 0; l < LANGUAGES; l++) {
        free(t->grams[l]);
        free(t->said[l]);
        free(t->g_said[l]);
    }
    free(t->pictures);
    free(t->index);
    free(t->sentences);
    free(t->picture);
    free(t->seen);
    free(t->g_seen);
    free(t->scratch);
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
    float *picture = t->picture + (size_t)i * floats, *plain = malloc(floats * sizeof(float));
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
            t->failed[i] = latent_grams_make(&t->grams[l][i], t->sentences[i].text[l],
                                             t->settings.sizes.rows, t->settings.sizes.context, e);
    }
    free(plain);
}

static int gather(latent_clip_training *t, latent_error *e)
{
    forget_texts(t);
    if (pick(t, e))
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

static void see_slice(latent_clip_training *t, int i)
{
    size_t size = (size_t)t->settings.sizes.resolution, d = (size_t)t->settings.sizes.embedding;
    latent_clip_pictures_forward(t->pictures[i], t->p.value,
                                 t->picture + (size_t)(i * SLICE) * size * size * 3,
                                 t->seen + (size_t)(i * SLICE) * d);
}

static void group_forward(void *context, int g, int slot)
{
    latent_clip_training *t = context;
    int first = first_of(t, g), last = first_of(t, g + 1);
    size_t d = (size_t)t->settings.sizes.embedding;
    (void)slot;
    t->failed[g] = 0;
    for (int i = first; i < last; i++)
        see_slice(t, i);
    for (int l = 0; l < LANGUAGES && last > first && !t->failed[g]; l++)
        t->failed[g] = latent_clip_texts_forward(
            t->texts[g][l], t->p.value, t->grams[l] + first * SLICE, (last - first) * SLICE,
            t->said[l] + (size_t)(first * SLICE) * d, &t->errors[g]);
}

/* How far the pictures are from their sentences; the gradients of that. */
static double compare(latent_clip_training *t, float found[LANGUAGES])
{
    int batch = t->settings.batch, d = t->settings.sizes.embedding;
    size_t bytes = (size_t)batch * (size_t)d * sizeof(float);
    double loss = 0;
    memset(t->g_seen, 0, bytes);
    for (int l = 0; l < LANGUAGES; l++) {
        memset(t->g_said[l], 0, bytes);
        loss += latent_clip_loss(batch, d, t->seen, t->said[l],
                                 *latent_parameter_value(&t->p, t->scale), 1.0f / LANGUAGES,
                                 t->g_seen, t->g_said[l],
                                 latent_parameter_gradient(&t->p, t->scale), &found[l], t->scratch);
    }
    return loss;
}

/* Moves the pictures of slice i up the loss, each as far as its luck says, and sees them anew. */
static void attack_slice(void *context, int i, int slot)
{
    latent_clip_training *t = context;
    size_t size = (size_t)t->settings.sizes.resolution, floats = size * size * 3;
    float *picture = t->picture + (size_t)(i * SLICE) * floats;
    float *g = malloc(SLICE * floats * sizeof(float)), *v = g;
    (void)slot;
    t->failed[i] = !g;
    if (!g)
        return;
    latent_clip_pictures_back(t->pictures[i], t->p.value,
                              t->g_seen + (size_t)(i * SLICE) * (size_t)t->settings.sizes.embedding,
                              g);
    for (int n = 0; n < SLICE; n++, v += floats, picture += floats) {
        latent_counter_random c =
            latent_counter_random_at(t->settings.seed, ATTACK, number_of(t, i * SLICE + n));
        double sum = 1e-30, way = t->settings.attack * latent_counter_random_uniform(&c);
        for (size_t k = 0; k < floats; k++)
            sum += (double)v[k] * v[k];
        for (size_t k = 0; k < floats; k++)
            picture[k] += (float)(way / sqrt(sum)) * v[k];
    }
    free(g);
    see_slice(t, i);
}

/* The batch becomes one that is harder to know, and has gone forwards. */
static int attack(latent_clip_training *t, float found[LANGUAGES], latent_error *e)
{
    compare(t, found);
    *latent_parameter_gradient(&t->p, t->scale) = 0;
    latent_parallel(t->slices, attack_slice, t);
    for (int i = 0; i < t->slices; i++)
        if (t->failed[i])
            return latent_fail(e, "no memory to change pictures");
    return 0;
}

static void group_backward(void *context, int g, int slot)
{
    latent_clip_training *t = context;
    int first = first_of(t, g), last = first_of(t, g + 1);
    size_t d = (size_t)t->settings.sizes.embedding;
    (void)slot;
    if (first == last)
        return;
    memset(t->group[g], 0, t->net.count * sizeof(float));
    for (int i = first; i < last; i++)
        latent_clip_pictures_backward(t->pictures[i], t->p.value,
                                      t->g_seen + (size_t)(i * SLICE) * d, t->group[g]);
    for (int l = 0; l < LANGUAGES; l++)
        latent_clip_texts_backward(t->texts[g][l], t->p.value,
                                   t->g_said[l] + (size_t)(first * SLICE) * d, t->group[g]);
}

#define PIECE 16384
static void add_groups(void *context, int i, int slot)
{
    latent_clip_training *t = context;
    size_t first = (size_t)i * PIECE,
           n = t->net.count - first < PIECE ? t->net.count - first : PIECE;
    float *to = t->p.gradient + first;
    (void)slot;
    for (int g = 0; g < GROUPS; g++)
        for (size_t k = 0; t->group[g] && k < n; k++)
            to[k] += t->group[g][first + k];
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
    int batch = t->settings.batch;
    float *log_scale = latent_parameter_value(&t->p, t->scale), found[LANGUAGES], rate;
    latent_adam adam = {.beta1 = 0.9f, .beta2 = 0.98f, .epsilon = 1e-8f};
    double loss;
    if (!t->source)
        return latent_fail(e, "there are no pictures to learn from");
    if (gather(t, e))
        return -1;
    latent_parallel(GROUPS, group_forward, t);
    for (int g = 0; g < GROUPS; g++)
        if (t->failed[g]) {
            *e = t->errors[g];
            return -1;
        }
    if (t->settings.attack > 0 && attack(t, found, e))
        return -1;
    loss = compare(t, found);
    latent_parallel(GROUPS, group_backward, t);
    latent_parallel((int)((t->net.count + PIECE - 1) / PIECE), add_groups, t);
    for (int g = 0; g < GROUPS; g++)
        for (int l = 0; t->group[g] && l < LANGUAGES; l++)
            latent_clip_texts_table(t->texts[g][l], t->p.gradient);
    adam.rate = rate = rate_now(t);
    adam.keep = keep_now(t);
    t->bad = latent_adam_step(&t->p, &adam) || !isfinite(loss) ? t->bad + 1 : 0;
    if (t->bad >= MOST_BAD)
        return latent_fail(e, "the training gives no numbers any more; go back to a checkpoint, "
                              "with a lower rate");
    if (*log_scale > logf(MOST_SCALE))
        *log_scale = logf(MOST_SCALE);
    if (r)
        *r = (latent_clip_report){.step = t->p.steps,
                                  .pictures = t->p.steps * batch,
                                  .loss = (float)loss,
                                  .found = (found[0] + found[1]) / LANGUAGES,
                                  .scale = expf(*log_scale),
                                  .rate = rate};
    return 0;
}

/* ---- what comes of it */

/* Every tensor in a file's order, one after another, malloc'd. */
static float *for_file(const latent_clip_training *t)
{
    float *all = malloc(t->net.count * sizeof(float));
    for (int i = 0; all && i < t->net.map.count; i++)
        latent_clip_net_out(&t->net, t->p.average, i, all + t->net.at[i]);
    return all;
}

latent_model *latent_clip_training_snapshot(const latent_clip_training *t, const char *label,
                                            latent_error *e)
{
    float *all = for_file(t);
    latent_model *m;
    if (!all) {
        latent_fail(e, "no memory for a copy of the network");
        return NULL;
    }
    m = latent_tiny_model(&t->settings.sizes, all, t->net.at, label, e);
    free(all);
    return m;
}

int latent_clip_training_save(const latent_clip_training *t, const char *path, const char *note,
                              latent_error *e)
{
    latent_tensor_out out[LATENT_TINY_TENSORS];
    latent_tiny_tensor tensor[LATENT_TINY_TENSORS];
    latent_meta_out meta[LATENT_TINY_META];
    char text[LATENT_TINY_META][48];
    float *all = for_file(t);
    int n_meta = latent_tiny_meta(&t->settings.sizes, meta, text), failed;
    if (!all)
        return latent_fail(e, "no memory for a copy of the network");
    for (int i = 0; latent_tiny_tensor_at(&t->settings.sizes, i, &tensor[i]); i++) {
        out[i] = (latent_tensor_out){.name = tensor[i].name,
                                     .dtype = LATENT_F16,
                                     .rank = tensor[i].rank,
                                     .data = all + t->net.at[i]};
        memcpy(out[i].dim, tensor[i].dim, sizeof(tensor[i].dim));
    }
    if (note)
        meta[n_meta++] = (latent_meta_out){"origin", note};
    failed = latent_safetensors_write(path, out, (size_t)t->net.map.count, meta, (size_t)n_meta, e);
    free(all);
    return failed;
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
    return latent_checkpoint_write(path, &part, 1, meta, (size_t)n, e);
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
    int failed = !w || latent_tiny_read_sizes(w, &sizes, e);
    if (!failed && memcmp(&sizes, &t->settings.sizes, sizeof(sizes)))
        failed = latent_fail(e, "%s: a network of other sizes", path);
    failed = failed || latent_clip_net_read(&t->net, w, t->p.value, e);
    latent_weights_close(w);
    if (failed)
        return -1;
    memcpy(t->p.average, t->p.value, t->p.count * sizeof(float));
    return 0;
}

int latent_clip_training_resume(latent_clip_training *t, const char *path, latent_error *e)
{
    latent_checkpoint_part part = {"clip.", &t->p};
    latent_weights *w = latent_weights_open(path, e);
    int failed = !w || is_checkpoint(w, e) || latent_checkpoint_read(w, &part, 1, e);
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
    if (t) {
        latent_checkpoint_part part = {"clip.", &t->p};
        if (latent_checkpoint_read(w, &part, 1, e)) {
            latent_clip_training_free(t);
            t = NULL;
        }
    }
    latent_weights_close(w);
    return t;
}
