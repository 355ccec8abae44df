/* graph: see graph.h */
#include "graph.h"
#include "evaluate_internal.h"
#include "lock.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BUCKETS 4096
#define ID_BUCKETS 1024

LATENT_LOCK(lock)
static latent_node *by_hash[HASH_BUCKETS];
static latent_node *by_id[ID_BUCKETS];
static int last_id;
static size_t living;
static latent_node *kept_oldest, *kept_newest;
static size_t kept_bytes;

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint64_t word;
    for (; bytes >= 8; bytes -= 8, p += 8) {
        memcpy(&word, p, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    for (; bytes; bytes--, p++)
        hash = (hash ^ *p) * 0x100000001b3u;
    return hash;
}

static int same(const latent_node *a, const latent_node *b)
{
    return a->hash == b->hash && a->op == b->op && a->n_in == b->n_in &&
           a->params_bytes == b->params_bytes &&
           (!a->n_in || !memcmp(a->in, b->in, (size_t)a->n_in * sizeof(*a->in))) &&
           (!a->params_bytes || !memcmp(a->params, b->params, a->params_bytes));
}

static latent_node *find_same(const latent_node *n)
{
    for (latent_node *m = by_hash[n->hash % HASH_BUCKETS]; m; m = m->next_same_hash)
        if (same(m, n)) {
            m->refs++;
            return m;
        }
    return NULL;
}

static void free_node(latent_node *n)
{
    if (n->op->release && n->params)
        n->op->release(n->params);
    if (n->prepared)
        n->prepared_free(n->prepared);
    latent_tensor_release(n->value);
    free(n->params);
    free(n->in);
    free(n);
}

static void bury_node(latent_grave *g)
{
    free_node((latent_node *)((char *)g - offsetof(latent_node, grave)));
}

latent_node *latent_node_make(const latent_op *op, latent_node *const *in, int n_in,
                              const void *params, size_t params_bytes, const char *stage,
                              latent_error *e)
{
    latent_node *n, *old;
    latent_node probe = {.op = op,
                         .n_in = n_in,
                         .in = (latent_node **)in,
                         .params = (void *)params,
                         .params_bytes = params_bytes};
    probe.hash = mix((uint64_t)(uintptr_t)op, in, (size_t)n_in * sizeof(*in));
    probe.hash = mix(probe.hash, params, params_bytes);
    pthread_mutex_lock(&lock);
    old = find_same(&probe);
    pthread_mutex_unlock(&lock);
    if (old)
        return old;

    if (op->shape(&probe, &probe.shape, e))
        return NULL;
    if (!latent_shape_count(probe.shape)) {
        latent_fail(e, "%s: the result would be too large", op->name);
        return NULL;
    }
    if (!(n = calloc(1, sizeof(*n))) ||
        (n_in && !(n->in = malloc((size_t)n_in * sizeof(*n->in)))) ||
        (params_bytes && !(n->params = malloc(params_bytes)))) {
        if (n)
            free(n->in);
        free(n);
        latent_fail(e, "no memory for one more promise");
        return NULL;
    }
    n->op = op;
    n->n_in = n_in;
    n->params_bytes = params_bytes;
    n->shape = probe.shape;
    n->hash = probe.hash;
    n->refs = 1;
    if (n_in)
        memcpy(n->in, in, (size_t)n_in * sizeof(*in));
    if (params_bytes)
        memcpy(n->params, params, params_bytes);
    if (stage)
        snprintf(n->stage, sizeof(n->stage), "%.23s", stage);
    if (op->retain)
        op->retain(n->params);
    pthread_mutex_lock(&lock);
    if ((old = find_same(n)) == NULL) { /* another thread may have been faster */
        n->next_same_hash = by_hash[n->hash % HASH_BUCKETS];
        by_hash[n->hash % HASH_BUCKETS] = n;
        living++;
        for (int i = 0; i < n_in; i++)
            if (n->in[i])
                n->in[i]->refs++;
    }
    pthread_mutex_unlock(&lock);
    if (old) {
        free_node(n);
        return old;
    }
    return n;
}

latent_node *latent_node_retain(latent_node *n)
{
    if (n) {
        pthread_mutex_lock(&lock);
        n->refs++;
        pthread_mutex_unlock(&lock);
    }
    return n;
}

static void unkeep(latent_node *n)
{
    if (!n->value)
        return;
    *(n->older ? &n->older->newer : &kept_oldest) = n->newer;
    *(n->newer ? &n->newer->older : &kept_newest) = n->older;
    n->older = n->newer = NULL;
    kept_bytes -= n->value->count * sizeof(float);
}

static void forget(latent_node *n) /* locked: nobody can find it any more */
{
    latent_node **p;
    for (p = &by_hash[n->hash % HASH_BUCKETS]; *p; p = &(*p)->next_same_hash)
        if (*p == n) {
            *p = n->next_same_hash;
            break;
        }
    if (n->id)
        for (p = &by_id[n->id % ID_BUCKETS]; *p; p = &(*p)->next_same_id)
            if (*p == n) {
                *p = n->next_same_id;
                break;
            }
    unkeep(n);
    living--;
}

void latent_node_release(latent_node *n)
{
    latent_node *dead = NULL;
    if (!n)
        return;
    pthread_mutex_lock(&lock);
    if (--n->refs == 0) {
        latent_node *todo = n;
        forget(n);
        n->next_same_hash = NULL;
        while (todo) { /* a long chain must not be a deep recursion */
            latent_node *m = todo;
            todo = m->next_same_hash;
            for (int i = 0; i < m->n_in; i++)
                if (m->in[i] && --m->in[i]->refs == 0) {
                    forget(m->in[i]);
                    m->in[i]->next_same_hash = todo;
                    todo = m->in[i];
                }
            m->next_same_hash = dead;
            dead = m;
        }
    }
    pthread_mutex_unlock(&lock);
    while (dead) {
        latent_node *m = dead;
        dead = m->next_same_hash;
        if (m->prepared)
            latent_grave_add(&m->grave, bury_node);
        else
            free_node(m);
    }
}

static latent_node *find_id(int id)
{
    latent_node *n = by_id[id % ID_BUCKETS];
    while (n && n->id != id)
        n = n->next_same_id;
    return n;
}

int latent_node_id(latent_node *n)
{
    int id;
    pthread_mutex_lock(&lock);
    if (!n->id) {
        do
            last_id = last_id % LATENT_MAX_ID + 1;
        while (find_id(last_id));
        n->id = last_id;
        n->next_same_id = by_id[n->id % ID_BUCKETS];
        by_id[n->id % ID_BUCKETS] = n;
    }
    id = n->id;
    pthread_mutex_unlock(&lock);
    return id;
}

latent_node *latent_node_by_id(int id)
{
    latent_node *n = NULL;
    if (id < 1 || id > LATENT_MAX_ID)
        return NULL;
    pthread_mutex_lock(&lock);
    if ((n = find_id(id)))
        n->refs++;
    pthread_mutex_unlock(&lock);
    return n;
}

size_t latent_node_count(void)
{
    size_t n;
    pthread_mutex_lock(&lock);
    n = living;
    pthread_mutex_unlock(&lock);
    return n;
}

/* ---- the values that nodes keep; asked for by the evaluator only */

void latent_value_keep(latent_node *n, latent_tensor *value, unsigned now)
{
    double mac = n->op->cost ? n->op->cost(n) : 0;
    pthread_mutex_lock(&lock);
    n->value = value;
    n->worth = (float)((mac + (double)value->count) / (double)value->count);
    n->used = now;
    n->newer = NULL;
    n->older = kept_newest;
    *(kept_newest ? &kept_newest->newer : &kept_oldest) = n;
    kept_newest = n;
    kept_bytes += value->count * sizeof(float);
    pthread_mutex_unlock(&lock);
}

/* The value that is cheapest to do without: what takes long to compute for its size is kept longer,
   what was not asked for lately goes sooner. */
static latent_node *least_wanted(unsigned now)
{
    latent_node *least = NULL;
    float least_worth = 0;
    for (latent_node *n = kept_oldest; n; n = n->newer) {
        float worth = n->worth / (1 + (float)(now - n->used));
        if (!n->uses && (!least || worth < least_worth)) {
            least = n;
            least_worth = worth;
        }
    }
    return least;
}

long latent_values_limit(size_t bytes, unsigned now)
{
    long evicted = 0;
    for (;;) {
        latent_tensor *value = NULL;
        latent_node *n;
        pthread_mutex_lock(&lock);
        if (kept_bytes > bytes && (n = least_wanted(now))) {
            value = n->value;
            unkeep(n);
            n->value = NULL;
        }
        pthread_mutex_unlock(&lock);
        if (!value)
            return evicted;
        latent_tensor_release(value);
        evicted++;
    }
}

size_t latent_values_bytes(void)
{
    size_t bytes;
    pthread_mutex_lock(&lock);
    bytes = kept_bytes;
    pthread_mutex_unlock(&lock);
    return bytes;
}
