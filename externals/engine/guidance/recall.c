/* recall: see recall.h */
#include "recall.h"
#include "../base/deferred_free.h"
#include "../base/seconds.h"
#include "../graph/evaluate.h"
#include "../latents/latents.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ONE_IN 300
#define STEP_SECONDS 0.01

struct latent_recall {
    atomic_int refs;
    latent_deferred_free grave;
    latent_model *generator, *encoder; /* held */
    int room;
    atomic_int count; /* pictures that are there */
    latent_random random;
    float *z;    /* [z_dim] */
    float *w;    /* [room][w_dim] */
    float *seen; /* [room][embedding], of length 1 */
};

latent_recall *latent_recall_new(latent_model *generator, latent_model *encoder, int pictures,
                                 latent_error *e)
{
    latent_recall *r;
    size_t room = (size_t)pictures;
    if (latent_model_is(generator, LATENT_GENERATOR, e) ||
        latent_model_is(encoder, LATENT_ENCODER, e))
        return NULL;
    if (pictures < 1 || pictures > LATENT_RECALL_MOST) {
        latent_fail(e, "%d pictures; from 1 to %d can be recalled", pictures, LATENT_RECALL_MOST);
        return NULL;
    }
    if ((r = calloc(1, sizeof(*r)))) {
        atomic_init(&r->refs, 1);
        r->generator = latent_model_retain(generator);
        r->encoder = latent_model_retain(encoder);
        r->room = pictures;
        latent_random_seed(&r->random, 0);
        r->z = malloc((size_t)generator->generator.z_dim * sizeof(*r->z));
        r->w = malloc(room * (size_t)generator->generator.w_dim * sizeof(*r->w));
        r->seen = malloc(room * (size_t)encoder->encoder.embedding * sizeof(*r->seen));
        if (r->z && r->w && r->seen)
            return r;
    }
    latent_recall_release(r);
    latent_fail(e, "no memory to recall %d pictures", pictures);
    return NULL;
}

latent_recall *latent_recall_retain(latent_recall *r)
{
    if (r)
        atomic_fetch_add(&r->refs, 1);
    return r;
}

static void release(latent_deferred_free *g)
{
    latent_recall *r = (latent_recall *)((char *)g - offsetof(latent_recall, grave));
    latent_model_release(r->generator);
    latent_model_release(r->encoder);
    free(r->z);
    free(r->w);
    free(r->seen);
    free(r);
}

void latent_recall_release(latent_recall *r)
{
    if (r && atomic_fetch_sub(&r->refs, 1) == 1)
        latent_deferred_free_add(&r->grave, release);
}

double latent_recall_progress(const latent_recall *r)
{
    return (double)atomic_load(&r->count) / r->room;
}

int latent_recall_is_of(const latent_recall *r, const latent_model *generator,
                        const latent_model *encoder)
{
    return r->generator == generator && r->encoder == encoder;
}

int latent_recall_size(const latent_recall *r)
{
    return r->generator->generator.w_dim;
}

/* ---- drawing and looking */

/* to = v / |v|; v may be to. */
static void normalise(const float *v, int n, float *to)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    for (int i = 0; i < n; i++)
        to[i] = sum > 0 ? (float)(v[i] / sqrt(sum)) : 0;
}

/* What the encoder sees in the picture of w. */
static int look(latent_recall *r, const float *w, float *seen, const atomic_int *cancel,
                latent_error *e)
{
    static const latent_noise still = {.mode = LATENT_NOISE_CONST, .strength = 1};
    latent_tensor *value = NULL;
    latent_node *picture = latent_model_picture(r->generator, w, 1, LATENT_WHOLE_PICTURE, still, e);
    latent_node *embedding = picture ? latent_model_embed_picture(r->encoder, picture, e) : NULL;
    int failed = !embedding || latent_evaluate(embedding, cancel, &value, e) ? -1 : 0;
    if (!failed)
        normalise(value->data, r->encoder->encoder.embedding, seen);
    latent_tensor_release(value);
    latent_node_release(embedding);
    latent_node_release(picture);
    return failed;
}

int latent_recall_step(latent_recall *r, const atomic_int *cancel, latent_error *e)
{
    double began = latent_seconds();
    int at = atomic_load(&r->count);
    while (at < r->room) {
        float *w = r->w + (size_t)at * (size_t)r->generator->generator.w_dim;
        latent_draw(&r->random, r->generator->generator.z_dim, 0, r->z);
        if (latent_model_map(r->generator, r->z, NULL, w, e) ||
            look(r, w, r->seen + (size_t)at * (size_t)r->encoder->encoder.embedding, cancel, e))
            return -1;
        atomic_store(&r->count, ++at);
        if (latent_seconds() - began > STEP_SECONDS)
            break;
    }
    return at == r->room;
}

static int any_step(void *what, const atomic_int *cancel, latent_error *e)
{
    return latent_recall_step(what, cancel, e);
}

static double any_progress(const void *what)
{
    return latent_recall_progress(what);
}

static void any_let_go(void *what)
{
    latent_recall_release(what);
}

const latent_steps latent_recall_steps = {any_step, any_progress, any_let_go};

/* ---- recalling */

typedef struct {
    double far;
    int number;
} memory;

static double distance(const float *a, const float *b, int n, latent_distance kind)
{
    double cosine = 0, angle;
    for (int i = 0; i < n; i++)
        cosine += (double)a[i] * b[i];
    if (kind == LATENT_COSINE)
        return 1 - cosine;
    angle = acos(fmin(fmax(cosine, -1), 1));
    return angle * angle / 2;
}

/* Puts m among the nearest [n], the nearest first, of which there are room at most; the new n. */
static int keep(memory *nearest, int n, int room, memory m)
{
    int at = n < room ? n : room - 1;
    if (n == room && nearest[at].far <= m.far)
        return n;
    for (; at > 0 && nearest[at - 1].far > m.far; at--)
        nearest[at] = nearest[at - 1];
    nearest[at] = m;
    return n < room ? n + 1 : n;
}

/* The mean of some rows of from [..][width]. */
static void mean_of(const memory *which, int n, const float *from, int width, float *mean)
{
    for (int i = 0; i < width; i++) {
        double sum = 0;
        for (int k = 0; k < n; k++)
            sum += from[(size_t)which[k].number * (size_t)width + (size_t)i];
        mean[i] = (float)(sum / n);
    }
}

int latent_recall_nearest(const latent_recall *r, int n, const float *goals, const float *weight,
                          latent_distance kind, float *w, float *seen, latent_error *e)
{
    int count = atomic_load(&r->count), wide = r->encoder->encoder.embedding, found = 0;
    int room = count > ONE_IN ? count / ONE_IN : 1;
    float *unit = malloc((size_t)n * (size_t)wide * sizeof(*unit));
    memory *nearest = malloc((size_t)room * sizeof(*nearest));
    if (!count || !unit || !nearest) {
        free(unit);
        free(nearest);
        return latent_fail(e, count ? "no memory to recall pictures" : "no pictures to recall yet");
    }
    for (int g = 0; g < n; g++)
        normalise(goals + (size_t)g * (size_t)wide, wide, unit + (size_t)g * (size_t)wide);
    for (int i = 0; i < count; i++) {
        memory m = {0, i};
        for (int g = 0; g < n; g++)
            m.far += weight[g] * distance(r->seen + (size_t)i * (size_t)wide,
                                          unit + (size_t)g * (size_t)wide, wide, kind);
        found = keep(nearest, found, room, m);
    }
    mean_of(nearest, found, r->w, r->generator->generator.w_dim, w);
    mean_of(nearest, found, r->seen, wide, seen);
    free(unit);
    free(nearest);
    return 0;
}
