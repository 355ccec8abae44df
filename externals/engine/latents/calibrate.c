/* calibrate: how much does a direction change the picture?  See directions.h. */
#include "../graph/evaluate.h"
#include "directions.h"
#include "latents.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 2
#define MOST_GAIN 8.0f
#define SIDE 32 /* of the pictures that are looked at */

struct latent_calibration {
    latent_model *model;
    latent_directions *d; /* with the gains as they are known */
    int pictures, layer;
    uint32_t seed;
    int round, at, picture; /* what comes next */
    double *square;         /* [count]: sum of the mean squares of this round */
    float *changes;         /* [count] */
    float *z, *base;        /* [z_dim], [w_dim] of this picture */
    float *way, *ws;        /* [num_ws][w_dim] */
};

static int fits(const latent_model *m, const latent_directions *d, int pictures, int layer,
                latent_error *e)
{
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    if (!d || !d->count)
        return latent_fail(e, "there are no directions yet to be calibrated");
    if (d->dim != m->generator.w_dim || d->num_ws != m->generator.num_ws)
        return latent_fail(e, "these directions have %d x %d numbers, the styles of %s %d x %d",
                           d->num_ws, d->dim, m->label, m->generator.num_ws, m->generator.w_dim);
    if (pictures < 1 || pictures > 1000)
        return latent_fail(e, "%d pictures; from 1 to 1000 can be looked at", pictures);
    if (layer >= m->generator.n_layers)
        return latent_fail(e, "layer number %d; %s has %d", layer, m->label, m->generator.n_layers);
    return 0;
}

latent_calibration *latent_calibration_new(latent_model *m, const latent_directions *d,
                                           int pictures, uint32_t seed, int layer, latent_error *e)
{
    latent_calibration *c;
    size_t width, count;
    if (fits(m, d, pictures, layer, e))
        return NULL;
    width = (size_t)m->generator.w_dim;
    count = (size_t)d->count;
    if (!(c = calloc(1, sizeof(*c)))) {
        latent_fail(e, "no memory for a calibration");
        return NULL;
    }
    c->model = latent_model_retain(m);
    c->pictures = pictures;
    c->seed = seed;
    c->layer = layer;
    c->d = latent_directions_copy(d);
    c->square = calloc(count, sizeof(*c->square));
    c->changes = calloc(count, sizeof(*c->changes));
    c->z = malloc((size_t)m->generator.z_dim * sizeof(*c->z));
    c->base = malloc(width * sizeof(*c->base));
    c->way = malloc((size_t)m->generator.num_ws * width * sizeof(*c->way));
    c->ws = malloc((size_t)m->generator.num_ws * width * sizeof(*c->ws));
    if (c->d && c->square && c->changes && c->z && c->base && c->way && c->ws)
        return c;
    latent_calibration_free(c);
    latent_fail(e, "no memory for a calibration");
    return NULL;
}

void latent_calibration_free(latent_calibration *c)
{
    if (!c)
        return;
    latent_model_release(c->model);
    latent_directions_free(c->d);
    free(c->square);
    free(c->changes);
    free(c->z);
    free(c->base);
    free(c->way);
    free(c->ws);
    free(c);
}

/* The picture of base + share * way, as large as it is to be. */
static latent_tensor *draw(latent_calibration *c, float share, int whole, const atomic_int *cancel,
                           latent_error *e)
{
    const latent_model *m = c->model;
    static const latent_layer_context still = {.noise = {.strength = 1}};
    latent_node *f, *next, *picture;
    latent_tensor *t = NULL;
    int last = c->layer >= 0 ? c->layer : m->generator.n_layers - 1;
    for (int r = 0; r < m->generator.num_ws; r++)
        for (int k = 0; k < m->generator.w_dim; k++) {
            size_t i = (size_t)r * (size_t)m->generator.w_dim + (size_t)k;
            c->ws[i] = c->base[k] + share * c->way[i];
        }
    f = latent_model_input(c->model, c->ws, m->generator.num_ws, e);
    for (int layer = 0; f && layer <= last; layer++) {
        next = latent_model_forward(c->model, layer, f, &still, e);
        latent_node_release(f);
        f = next;
        if (f && c->layer < 0 && !whole && f->in[1] && f->in[1]->shape.h >= SIDE)
            break;
    }
    picture = f ? latent_features_rgb(f, e) : NULL;
    latent_node_release(f);
    if (picture)
        latent_evaluate(picture, cancel, &t, e);
    latent_node_release(picture);
    return t;
}

/* Adds up how much the picture changes over one unit of direction c->at. */
static int look(latent_calibration *c, const atomic_int *cancel, latent_error *e)
{
    int length = latent_directions_length(c->d, c->at), whole = length > c->d->dim;
    size_t width = (size_t)c->d->dim;
    latent_tensor *a, *b;
    double sum = 0;
    latent_directions_get(c->d, c->at, c->way);
    for (int r = 1; !whole && r < c->d->num_ws; r++)
        memcpy(c->way + (size_t)r * width, c->way, width * sizeof(*c->way));
    if (!(a = draw(c, -0.5f, whole, cancel, e)))
        return -1;
    if (!(b = draw(c, 0.5f, whole, cancel, e))) {
        latent_tensor_release(a);
        return -1;
    }
    for (size_t i = 0; i < a->count; i++) {
        double difference = (double)b->data[i] - (double)a->data[i];
        sum += difference * difference;
    }
    c->square[c->at] += sum / (double)a->count;
    latent_tensor_release(a);
    latent_tensor_release(b);
    return 0;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The middle one of the changes that are not 0; 0 when all are. */
static float median(const float *changes, int count)
{
    float sorted[LATENT_DIRECTIONS_MOST];
    int n = 0;
    for (int i = 0; i < count; i++)
        if (changes[i] > 0)
            sorted[n++] = changes[i];
    qsort(sorted, (size_t)n, sizeof(*sorted), ascending);
    return n ? sorted[n / 2] : 0;
}

static void end_round(latent_calibration *c)
{
    float middle;
    for (int i = 0; i < c->d->count; i++)
        c->changes[i] = (float)sqrt(c->square[i] / c->pictures);
    middle = median(c->changes, c->d->count);
    for (int i = 0; i < c->d->count; i++) {
        float *gain = &c->d->gain[i];
        if (c->changes[i] > 0 && isfinite(c->changes[i]))
            *gain = fminf(fmaxf(*gain * middle / c->changes[i], 1 / MOST_GAIN), MOST_GAIN);
        c->square[i] = 0;
    }
    c->round++;
    c->picture = 0;
}

int latent_calibration_step(latent_calibration *c, const atomic_int *cancel, latent_error *e)
{
    if (c->round == ROUNDS)
        return 1;
    if (c->at == 0) {
        latent_random r;
        latent_random_seed(&r, c->seed + (uint32_t)c->picture);
        latent_draw(&r, c->model->generator.z_dim, 0, c->z);
        if (latent_model_map(c->model, c->z, NULL, c->base, e))
            return -1;
    }
    if (look(c, cancel, e))
        return -1;
    if (++c->at == c->d->count) {
        c->at = 0;
        if (++c->picture == c->pictures)
            end_round(c);
    }
    return c->round == ROUNDS;
}

double latent_calibration_progress(const latent_calibration *c)
{
    double pictures = c->round * c->pictures + c->picture;
    return (pictures + (double)c->at / c->d->count) / (ROUNDS * c->pictures);
}

const float *latent_calibration_gains(const latent_calibration *c)
{
    return c->d->gain;
}

const float *latent_calibration_changes(const latent_calibration *c)
{
    return c->changes;
}

/* ---- as steps of any kind */

static int any_step(void *what, const atomic_int *cancel, latent_error *e)
{
    return latent_calibration_step(what, cancel, e);
}

static double any_progress(const void *what)
{
    return latent_calibration_progress(what);
}

static void any_let_go(void *what)
{
    latent_calibration_free(what);
}

const latent_steps latent_calibration_steps = {any_step, any_progress, any_let_go};
