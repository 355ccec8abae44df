/* noise_maps: see noise_maps.h */
#include "noise_maps.h"
#include "../base/lock.h"
#include "../base/random.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 64
#define SMALLEST 8
#define BETA1 0.9
#define BETA2 0.999

typedef struct {
    int height, width, steps;
    latent_tensor *first, *now; /* now: NULL until a step was taken */
    float *m, *v;               /* Adam's, the evaluator's own */
} map;

struct latent_noise_maps {
    int refs; /* guarded by all_lock, as next is */
    latent_noise_maps *next;
    uint32_t seed, number;
    pthread_mutex_t lock; /* of the sizes, first and now */
    latent_deferred_free grave;
    map map[ROWS];
};

/* All that live, for latent_noise_maps_by_number(). */
LATENT_LOCK(all_lock)
static latent_noise_maps *all;
static uint32_t last_number;

latent_noise_maps *latent_noise_maps_new(uint32_t seed)
{
    latent_noise_maps *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->refs = 1;
    m->seed = seed;
    latent_lock_make(&m->lock);
    pthread_mutex_lock(&all_lock);
    m->number = ++last_number;
    m->next = all;
    all = m;
    pthread_mutex_unlock(&all_lock);
    return m;
}

latent_noise_maps *latent_noise_maps_retain(latent_noise_maps *m)
{
    pthread_mutex_lock(&all_lock);
    if (m)
        m->refs++;
    pthread_mutex_unlock(&all_lock);
    return m;
}

uint32_t latent_noise_maps_number(const latent_noise_maps *m)
{
    return m->number;
}

latent_noise_maps *latent_noise_maps_by_number(uint32_t number)
{
    latent_noise_maps *m;
    pthread_mutex_lock(&all_lock);
    for (m = all; m && m->number != number;)
        m = m->next;
    if (m)
        m->refs++;
    pthread_mutex_unlock(&all_lock);
    return m;
}

static void release(latent_deferred_free *g)
{
    latent_noise_maps *m = (latent_noise_maps *)((char *)g - offsetof(latent_noise_maps, grave));
    for (int i = 0; i < ROWS; i++) {
        latent_tensor_release(m->map[i].first);
        latent_tensor_release(m->map[i].now);
        free(m->map[i].m);
        free(m->map[i].v);
    }
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void latent_noise_maps_release(latent_noise_maps *m)
{
    latent_noise_maps **place;
    int dead;
    if (!m)
        return;
    pthread_mutex_lock(&all_lock);
    dead = --m->refs == 0;
    for (place = &all; dead && *place != m;)
        place = &(*place)->next;
    if (dead)
        *place = m->next;
    pthread_mutex_unlock(&all_lock);
    if (dead)
        latent_deferred_free_add(&m->grave, release);
}

/* ---- a map as a leaf of the graph */

typedef struct {
    latent_noise_maps *maps;
    latent_tensor *tensor; /* NULL: as it began */
    int row, height, width;
} leaf_params;

static int leaf_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const leaf_params *p = n->params;
    (void)e;
    *s = (latent_shape){1, p->height, p->width, 1};
    return 0;
}

/* The map as it began; drawn when it is first asked for. */
static latent_tensor *first_of(latent_noise_maps *m, int row, int height, int width)
{
    map *p = &m->map[row];
    latent_tensor *t;
    latent_random r;
    pthread_mutex_lock(&m->lock);
    t = p->first && p->first->shape.h == height && p->first->shape.w == width
            ? latent_tensor_retain(p->first)
            : NULL;
    pthread_mutex_unlock(&m->lock);
    if (t)
        return t;
    if (!(t = latent_tensor_new((latent_shape){1, height, width, 1}, NULL)))
        return NULL;
    latent_random_seed(&r, m->seed * 64 + (uint32_t)row);
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)latent_random_gauss(&r);
    pthread_mutex_lock(&m->lock);
    latent_tensor_release(p->first);
    p->first = latent_tensor_retain(t);
    pthread_mutex_unlock(&m->lock);
    return t;
}

static latent_tensor *leaf_value(const latent_node *n)
{
    const leaf_params *p = n->params;
    return p->tensor ? latent_tensor_retain(p->tensor)
                     : first_of(p->maps, p->row, p->height, p->width);
}

static void leaf_retain(void *params)
{
    leaf_params *p = params;
    latent_noise_maps_retain(p->maps);
    latent_tensor_retain(p->tensor);
}

static void leaf_release(void *params)
{
    leaf_params *p = params;
    latent_noise_maps_release(p->maps);
    latent_tensor_release(p->tensor);
}

const latent_op latent_operation_noise_map = {
    .name = "noise map",
    .shape = leaf_shape,
    .leaf = leaf_value,
    .retain = leaf_retain,
    .release = leaf_release,
};

/* Has the map been learned at the size of a leaf? */
static int is_size(const map *k, int height, int width)
{
    return k->height == height && k->width == width;
}

latent_node *latent_noise_maps_at(latent_noise_maps *m, int row, int height, int width,
                                  latent_error *e)
{
    leaf_params p;
    latent_node *n;
    if (row < 0 || row >= ROWS) {
        latent_fail(e, "noise is learned for %d layers at most", ROWS);
        return NULL;
    }
    memset(&p, 0, sizeof(p));
    p.maps = m;
    p.row = row;
    p.height = height;
    p.width = width;
    pthread_mutex_lock(&m->lock);
    if (m->map[row].now && is_size(&m->map[row], height, width))
        p.tensor = latent_tensor_retain(m->map[row].now);
    pthread_mutex_unlock(&m->lock);
    n = latent_node_make(&latent_operation_noise_map, NULL, 0, &p, sizeof(p), NULL, e);
    latent_tensor_release(p.tensor);
    return n;
}

int latent_noise_maps_is(const latent_node *n)
{
    return n && n->op == &latent_operation_noise_map;
}

/* ---- steps */

double latent_noise_maps_roughness(const float *x, int height, int width, double weight,
                                   float *grad)
{
    size_t count = (size_t)height * (size_t)width;
    double across = 0, down = 0, sum;
    int half = width / 2;
    float *smaller, *back;
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++) {
            double v = x[i * width + j];
            across += v * x[i * width + (j + 1) % width];
            down += v * x[(i + 1) % height * width + j];
        }
    across /= (double)count;
    down /= (double)count;
    sum = across * across + down * down;
    for (int i = 0; grad && i < height; i++)
        for (int j = 0; j < width; j++) {
            double a =
                (double)x[i * width + (j + 1) % width] + x[i * width + (j + width - 1) % width];
            double d =
                (double)x[(i + 1) % height * width + j] + x[(i + height - 1) % height * width + j];
            grad[i * width + j] += (float)(2 * weight * (across * a + down * d) / (double)count);
        }
    if (height <= SMALLEST || width <= SMALLEST || height % 2 || width % 2)
        return sum;
    if (!(smaller = calloc(count / 2, sizeof(*smaller))))
        return -1;
    back = smaller + count / 4;
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++)
            smaller[i / 2 * half + j / 2] += 0.25f * x[i * width + j];
    across = latent_noise_maps_roughness(smaller, height / 2, half, weight, grad ? back : NULL);
    for (int i = 0; grad && i < height; i++)
        for (int j = 0; j < width; j++)
            grad[i * width + j] += 0.25f * back[i / 2 * half + j / 2];
    free(smaller);
    return across < 0 ? -1 : sum + across;
}

/* Mean 0, deviation 1. */
static void normalise(float *x, size_t n)
{
    double sum = 0, squares = 0, scale;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    sum /= (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - sum) * (x[i] - sum);
    scale = squares > 0 ? 1 / sqrt(squares / (double)n) : 1;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((x[i] - sum) * scale);
}

/* Adam's memory for a map of that size. */
static int remember(map *p, int height, int width, latent_error *e)
{
    size_t count = (size_t)height * (size_t)width;
    if (p->m && is_size(p, height, width))
        return 0;
    free(p->m);
    free(p->v);
    p->steps = 0;
    p->m = calloc(count, sizeof(*p->m));
    p->v = calloc(count, sizeof(*p->v));
    return p->m && p->v ? 0 : latent_fail(e, "no memory to learn noise");
}

int latent_noise_maps_step(const latent_node *n, const latent_tensor *grad,
                           latent_noise_maps_settings s, latent_error *e)
{
    const leaf_params *p = n->params;
    map *k = &p->maps->map[p->row];
    latent_tensor *was, *next = latent_tensor_new(n->shape, e), *g = latent_tensor_new(n->shape, e);
    double m_part, v_part;
    int failed = !next || !g || remember(k, p->height, p->width, e);
    /* other pictures may have stepped since this one was drawn */
    was = failed                                      ? NULL
          : k->now && is_size(k, p->height, p->width) ? latent_tensor_retain(k->now)
                                                      : leaf_value(n);
    if (!failed && !was)
        failed = latent_fail(e, "no memory to learn noise");
    if (!failed) {
        memcpy(g->data, grad->data, grad->count * sizeof(float));
        if (latent_noise_maps_roughness(was->data, p->height, p->width, s.smooth, g->data) < 0)
            failed = latent_fail(e, "no memory to learn noise");
    }
    if (!failed) {
        k->steps++;
        m_part = 1 - pow(BETA1, k->steps);
        v_part = 1 - pow(BETA2, k->steps);
        for (size_t i = 0; i < grad->count; i++) {
            k->m[i] = (float)(BETA1 * k->m[i] + (1 - BETA1) * g->data[i]);
            k->v[i] = (float)(BETA2 * k->v[i] + (1 - BETA2) * g->data[i] * g->data[i]);
            next->data[i] = was->data[i] -
                            (float)(s.rate * (k->m[i] / m_part) / (sqrt(k->v[i] / v_part) + 1e-8));
        }
        normalise(next->data, next->count);
        pthread_mutex_lock(&p->maps->lock);
        latent_tensor_release(k->now);
        k->now = latent_tensor_retain(next);
        k->height = p->height;
        k->width = p->width;
        pthread_mutex_unlock(&p->maps->lock);
    }
    latent_tensor_release(was);
    latent_tensor_release(next);
    latent_tensor_release(g);
    return failed ? -1 : 0;
}
