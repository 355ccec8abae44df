/* graph: see graph.h */
#include "graph.h"
#include "../base/lock.h"
#include "evaluate_internal.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BUCKETS 4096
#define ID_BUCKETS 1024

struct latent_home {
    atomic_size_t refs;
    pthread_mutex_t lock; /* of what follows */
    latent_node *by_hash[HASH_BUCKETS];
    latent_kept *oldest, *newest;
    size_t bytes;
};

static latent_home boxes = {.refs = 1};
static atomic_size_t living;
LATENT_LOCK(id_lock)
static latent_node *by_id[ID_BUCKETS];
static int last_id;

__attribute__((constructor)) static void prepare_boxes(void)
{
    latent_lock_make(&boxes.lock);
}

latent_home *latent_home_new(void)
{
    latent_home *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    atomic_init(&h->refs, 1);
    latent_lock_make(&h->lock);
    return h;
}

static latent_home *retain_home(latent_home *h)
{
    atomic_fetch_add(&h->refs, 1);
    return h;
}

void latent_home_release(latent_home *h)
{
    if (!h || atomic_fetch_sub(&h->refs, 1) > 1)
        return;
    pthread_mutex_destroy(&h->lock);
    free(h);
}

latent_home *latent_home_boxes(void)
{
    return &boxes;
}

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

/* One more holder, unless there is none left. */
static int retain_living(latent_node *n)
{
    int refs = atomic_load(&n->refs);
    while (refs && !atomic_compare_exchange_weak(&n->refs, &refs, refs + 1))
        ;
    return refs != 0;
}

static latent_node *find_same(const latent_home *h, const latent_node *n) /* locked */
{
    for (latent_node *m = h->by_hash[n->hash % HASH_BUCKETS]; m; m = m->next_same_hash)
        if (same(m, n) && retain_living(m))
            return m;
    return NULL;
}

static void free_node(latent_node *n)
{
    if (n->op->release && n->params)
        n->op->release(n->params);
    if (n->prepared)
        n->prepared_free(n->prepared);
    for (latent_kept *k = atomic_load(&n->kept), *next; k; k = next) {
        next = k->next;
        latent_tensor_release(k->value);
        latent_home_release(k->by);
        free(k);
    }
    latent_home_release(n->home);
    free(n->params);
    free(n->in);
    free(n);
}

static void bury_node(latent_deferred_free *g)
{
    free_node((latent_node *)((char *)g - offsetof(latent_node, grave)));
}

latent_node *latent_node_make(const latent_op *op, latent_node *const *in, int n_in,
                              const void *params, size_t params_bytes, const char *stage,
                              latent_error *e)
{
    latent_home *h = latent_home_current();
    latent_node *n, *old;
    latent_node probe = {.op = op,
                         .n_in = n_in,
                         .in = (latent_node **)in,
                         .params = (void *)params,
                         .params_bytes = params_bytes};
    probe.hash = mix((uint64_t)(uintptr_t)op, in, (size_t)n_in * sizeof(*in));
    probe.hash = mix(probe.hash, params, params_bytes);
    pthread_mutex_lock(&h->lock);
    old = find_same(h, &probe);
    pthread_mutex_unlock(&h->lock);
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
    atomic_init(&n->refs, 1);
    n->home = retain_home(h);
    if (n_in)
        memcpy(n->in, in, (size_t)n_in * sizeof(*in));
    if (params_bytes)
        memcpy(n->params, params, params_bytes);
    if (stage)
        snprintf(n->stage, sizeof(n->stage), "%.23s", stage);
    if (op->retain)
        op->retain(n->params);
    for (int i = 0; i < n_in; i++)
        latent_node_retain(n->in[i]);
    pthread_mutex_lock(&h->lock);
    if ((old = find_same(h, n)) == NULL) { /* another thread may have been faster */
        n->next_same_hash = h->by_hash[n->hash % HASH_BUCKETS];
        h->by_hash[n->hash % HASH_BUCKETS] = n;
        atomic_fetch_add(&living, 1);
    }
    pthread_mutex_unlock(&h->lock);
    if (!old)
        return n;
    for (int i = 0; i < n_in; i++)
        latent_node_release(n->in[i]);
    free_node(n);
    return old;
}

latent_node *latent_node_retain(latent_node *n)
{
    if (n)
        atomic_fetch_add(&n->refs, 1);
    return n;
}

/* ---- what evaluators keep, locked */

static void unlink_kept(latent_kept *k)
{
    latent_home *h = k->by;
    *(k->older ? &k->older->newer : &h->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &h->newest) = k->older;
    if (k->value)
        h->bytes -= k->value->count * sizeof(float);
}

static void link_newest(latent_kept *k)
{
    latent_home *h = k->by;
    k->newer = NULL;
    k->older = h->newest;
    *(h->newest ? &h->newest->newer : &h->oldest) = k;
    h->newest = k;
    if (k->value)
        h->bytes += k->value->count * sizeof(float);
}

/* ---- how nodes die */

static void forget(latent_node *n) /* which has no holder: from now on nobody can find it */
{
    latent_home *h = n->home;
    latent_node **p;
    pthread_mutex_lock(&h->lock);
    for (p = &h->by_hash[n->hash % HASH_BUCKETS]; *p; p = &(*p)->next_same_hash)
        if (*p == n) {
            *p = n->next_same_hash;
            break;
        }
    pthread_mutex_unlock(&h->lock);
    if (n->id) {
        pthread_mutex_lock(&id_lock);
        for (p = &by_id[n->id % ID_BUCKETS]; *p; p = &(*p)->next_same_id)
            if (*p == n) {
                *p = n->next_same_id;
                break;
            }
        pthread_mutex_unlock(&id_lock);
    }
    for (latent_kept *k = atomic_load(&n->kept); k; k = k->next) {
        pthread_mutex_lock(&k->by->lock);
        unlink_kept(k);
        pthread_mutex_unlock(&k->by->lock);
    }
    atomic_fetch_sub(&living, 1);
}

void latent_node_release(latent_node *n)
{
    latent_node *dead = NULL, *todo = n;
    if (!n || atomic_fetch_sub(&n->refs, 1) > 1)
        return;
    forget(n);
    n->next_same_hash = NULL;
    while (todo) { /* a long chain must not be a deep recursion */
        latent_node *m = todo;
        todo = m->next_same_hash;
        for (int i = 0; i < m->n_in; i++)
            if (m->in[i] && atomic_fetch_sub(&m->in[i]->refs, 1) == 1) {
                forget(m->in[i]);
                m->in[i]->next_same_hash = todo;
                todo = m->in[i];
            }
        m->next_same_hash = dead;
        dead = m;
    }
    while (dead) {
        latent_node *m = dead;
        dead = m->next_same_hash;
        if (m->prepared)
            latent_deferred_free_add(&m->grave, bury_node);
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
    pthread_mutex_lock(&id_lock);
    if (!n->id) {
        do
            last_id = last_id % LATENT_MAX_ID + 1;
        while (find_id(last_id));
        n->id = last_id;
        n->next_same_id = by_id[n->id % ID_BUCKETS];
        by_id[n->id % ID_BUCKETS] = n;
    }
    id = n->id;
    pthread_mutex_unlock(&id_lock);
    return id;
}

latent_node *latent_node_by_id(int id)
{
    latent_node *n = NULL;
    if (id < 1 || id > LATENT_MAX_ID)
        return NULL;
    pthread_mutex_lock(&id_lock);
    if ((n = find_id(id)) && !retain_living(n))
        n = NULL;
    pthread_mutex_unlock(&id_lock);
    return n;
}

size_t latent_node_count(void)
{
    return atomic_load(&living);
}

/* ---- the values that nodes keep; asked for by their evaluator only */

latent_kept *latent_kept_of(latent_home *h, latent_node *n)
{
    latent_kept *first = atomic_load(&n->kept), *k = first;
    while (k && k->by != h)
        k = k->next;
    if (k || !(k = calloc(1, sizeof(*k))))
        return k;
    k->node = n;
    k->by = retain_home(h);
    k->next = first;
    while (!atomic_compare_exchange_weak(&n->kept, &k->next, k))
        ; /* another evaluator's came in between */
    pthread_mutex_lock(&h->lock);
    link_newest(k);
    pthread_mutex_unlock(&h->lock);
    return k;
}

void latent_value_keep(latent_kept *k, latent_tensor *value, unsigned now)
{
    const latent_node *n = k->node;
    double mac = n->op->cost ? n->op->cost(n) : 0;
    pthread_mutex_lock(&k->by->lock);
    unlink_kept(k);
    k->value = value;
    k->eviction_score = (float)((mac + (double)value->count) / (double)value->count);
    k->used = now;
    link_newest(k);
    pthread_mutex_unlock(&k->by->lock);
}

/* The value that is cheapest to do without: what takes long to compute for its size is kept longer,
   what was not asked for lately goes sooner. */
static latent_kept *least_wanted(const latent_home *h, unsigned now)
{
    latent_kept *least = NULL;
    float least_score = 0;
    for (latent_kept *k = h->oldest; k; k = k->newer) {
        float worth = k->eviction_score / (1 + (float)(now - k->used));
        if (k->value && !k->uses && (!least || worth < least_score)) {
            least = k;
            least_score = worth;
        }
    }
    return least;
}

long latent_values_limit(latent_home *h, size_t bytes, unsigned now)
{
    long evicted = 0;
    for (;;) {
        latent_tensor *value = NULL;
        latent_kept *k;
        pthread_mutex_lock(&h->lock);
        if (h->bytes > bytes && (k = least_wanted(h, now))) {
            value = k->value;
            h->bytes -= value->count * sizeof(float);
            k->value = NULL;
        }
        pthread_mutex_unlock(&h->lock);
        if (!value)
            return evicted;
        latent_tensor_release(value);
        evicted++;
    }
}

size_t latent_values_bytes(latent_home *h)
{
    size_t bytes;
    pthread_mutex_lock(&h->lock);
    bytes = h->bytes;
    pthread_mutex_unlock(&h->lock);
    return bytes;
}
