/* evaluate: see evaluate.h */
#include "evaluate.h"
#include "../base/lock.h"
#include "../base/parallel.h"
#include "../base/seconds.h"
#include "../kernels/conv.h"
#include "evaluate_internal.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STAGES 1024

struct latent_evaluator {
    pthread_mutex_t turn; /* one evaluation at a time */
    unsigned visit;       /* guarded by turn */
    latent_home *home;    /* NULL: the boxes' */
    atomic_size_t budget;
    atomic_int forget;
    latent_pool *pool; /* NULL: the engine's */
    latent_conv_workspace *room;

    pthread_mutex_t stats_lock; /* of what follows */
    latent_stage stages[MAX_STAGES];
    int n_stages;
    long n_runs, n_hits, n_evictions;
};

static latent_evaluator boxes = {.turn = PTHREAD_MUTEX_INITIALIZER, .budget = (size_t)256 << 20};
static _Thread_local latent_evaluator *chosen; /* by this thread, or NULL */

__attribute__((constructor)) static void prepare_boxes(void)
{
    latent_lock_make(&boxes.stats_lock);
}

static latent_evaluator *current(void)
{
    return chosen ? chosen : &boxes;
}

static latent_home *home_of(const latent_evaluator *v)
{
    return v->home ? v->home : latent_home_boxes();
}

latent_home *latent_home_current(void)
{
    return home_of(current());
}

latent_evaluator *latent_evaluator_new(int threads, size_t bytes)
{
    latent_evaluator *v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    pthread_mutex_init(&v->turn, NULL);
    latent_lock_make(&v->stats_lock);
    atomic_init(&v->budget, bytes);
    v->home = latent_home_new();
    v->pool = latent_pool_new(threads);
    v->room = latent_conv_workspace_new();
    if (v->home && v->pool && v->room)
        return v;
    latent_evaluator_free(v);
    return NULL;
}

void latent_evaluator_free(latent_evaluator *v)
{
    if (!v)
        return;
    if (v->home)
        latent_values_limit(v->home, 0, v->visit);
    latent_home_release(v->home);
    latent_pool_free(v->pool);
    latent_conv_workspace_free(v->room);
    pthread_mutex_destroy(&v->turn);
    pthread_mutex_destroy(&v->stats_lock);
    free(v);
}

latent_evaluator *latent_evaluator_use(latent_evaluator *v)
{
    latent_evaluator *before = chosen;
    chosen = v;
    latent_pool_use(v ? v->pool : NULL);
    latent_conv_workspace_use(v ? v->room : NULL);
    return before;
}

static void count(latent_evaluator *v, const latent_node *n, int hit, double ms)
{
    const char *name = n->stage[0] ? n->stage : n->op->name;
    latent_stage *stage = v->stages;
    pthread_mutex_lock(&v->stats_lock);
    while (stage < v->stages + v->n_stages && strcmp(stage->stage, name))
        stage++;
    if (stage == v->stages + v->n_stages && v->n_stages < MAX_STAGES) {
        memset(stage, 0, sizeof(*stage));
        snprintf(stage->stage, sizeof(stage->stage), "%.23s", name);
        v->n_stages++;
    }
    if (hit)
        v->n_hits++;
    else
        v->n_runs++;
    if (stage < v->stages + v->n_stages && hit)
        stage->hits++;
    else if (stage < v->stages + v->n_stages) {
        stage->runs++;
        stage->ms += ms;
        stage->mac += n->op->cost ? n->op->cost(n) : 0;
    }
    pthread_mutex_unlock(&v->stats_lock);
}

latent_node *latent_resolve_alias(latent_node *n)
{
    while (n && !n->op->forward && !n->op->leaf)
        n = n->in[0];
    return n;
}

int latent_computed_inputs(const latent_node *n)
{
    return n->op->n_computed < 0 || n->op->n_computed > n->n_in ? n->n_in : n->op->n_computed;
}

typedef struct {
    latent_kept **item;
    int n, room;
} kept_list;

static int push(kept_list *l, latent_kept *k)
{
    if (!k)
        return -1;
    if (l->n == l->room) {
        int room = l->room ? 2 * l->room : 256;
        latent_kept **item = realloc(l->item, (size_t)room * sizeof(*item));
        if (!item)
            return -1;
        l->item = item;
        l->room = room;
    }
    l->item[l->n++] = k;
    return 0;
}

/* What v knows of the node that an input stands for; NULL where that is none or a leaf, or there is
   no memory. */
static latent_kept *input(latent_evaluator *v, const latent_node *n, int i, int *failed)
{
    latent_node *in = latent_resolve_alias(n->in[i]);
    latent_kept *k;
    if (!in || in->op->leaf)
        return NULL;
    if (!(k = latent_kept_of(home_of(v), in)))
        *failed = -1;
    return k;
}

/* Lists what has to be computed for root, inputs before those who need them, and counts for each
   node how many of them need it (uses).  Nodes that have their value are not gone through. */
static int plan(latent_evaluator *v, latent_kept *root, kept_list *order, kept_list *used)
{
    kept_list stack = {NULL, 0, 0};
    int failed = push(&stack, root);
    while (!failed && stack.n) {
        latent_kept *k = stack.item[stack.n - 1];
        if (k->visit == v->visit) { /* its inputs have been listed */
            stack.n--;
            if (k->uses < 0) {
                k->uses = 0;
                failed = push(order, k);
            }
            continue;
        }
        k->visit = v->visit;
        k->uses = -1;
        for (int i = latent_computed_inputs(k->node); i-- > 0 && !failed;) {
            latent_kept *in = input(v, k->node, i, &failed);
            if (in && !in->value && in->visit != v->visit)
                failed = push(&stack, in);
        }
    }
    for (int o = 0; o < order->n && !failed; o++)
        for (int i = 0; i < latent_computed_inputs(order->item[o]->node) && !failed; i++) {
            latent_kept *in = input(v, order->item[o]->node, i, &failed);
            if (!in)
                continue;
            if (in->value && !in->uses) {
                in->used = v->visit;
                count(v, in->node, 1, 0);
            }
            in->uses++;
            failed = push(used, in);
        }
    free(stack.item);
    return failed;
}

static int compute(latent_evaluator *v, latent_kept *k, latent_error *e)
{
    latent_node *n = k->node;
    latent_tensor *few[16], **in = few, *out = NULL;
    int failed = 0, n_in = latent_computed_inputs(n);
    double start = latent_seconds();
    if (n_in > 16 && !(in = calloc((size_t)n_in, sizeof(*in))))
        return latent_fail(e, "no memory to compute %s", n->op->name);
    for (int i = 0; i < n_in; i++) {
        latent_node *m = latent_resolve_alias(n->in[i]);
        latent_kept *of = input(v, n, i, &failed);
        in[i] = of ? latent_tensor_retain(of->value) : m && !failed ? m->op->leaf(m) : NULL;
        if (of)
            of->uses--;
        if (m && !in[i])
            failed = latent_fail(e, "no memory for an input of %s", n->op->name);
    }
    if (!failed && (out = latent_tensor_new(n->shape, e)) == NULL)
        failed = -1;
    if (!failed)
        failed = n->op->forward(n, in, out, e);
    for (int i = 0; i < n_in; i++)
        latent_tensor_release(in[i]);
    if (in != few)
        free(in);
    if (failed) {
        latent_tensor_release(out);
        return -1;
    }
    latent_value_keep(k, out, v->visit);
    count(v, n, 0, 1e3 * (latent_seconds() - start));
    return 0;
}

static void forget_if_told(latent_evaluator *v)
{
    if (atomic_exchange(&v->forget, 0))
        latent_values_limit(home_of(v), 0, v->visit);
}

void latent_evaluation_lock(void)
{
    pthread_mutex_lock(&current()->turn);
}

void latent_evaluation_unlock(void)
{
    pthread_mutex_unlock(&current()->turn);
}

static int evaluate(latent_evaluator *v, latent_kept *root, const atomic_int *cancel,
                    latent_tensor **value, latent_error *e)
{
    kept_list order = {NULL, 0, 0}, used = {NULL, 0, 0};
    int failed = 0;
    long evicted = 0;
    v->visit++;
    if (root->value) {
        root->used = v->visit;
        count(v, root->node, 1, 0);
    } else if (plan(v, root, &order, &used) || push(&used, root))
        failed = latent_fail(e, "no memory to plan the computation");
    else
        root->uses++; /* not to be evicted before it is asked for */
    for (int o = 0; o < order.n && !failed; o++) {
        if (cancel && atomic_load(cancel))
            failed = latent_fail(e, "cancelled");
        else if (!order.item[o]->value)
            failed = compute(v, order.item[o], e);
        evicted += latent_values_limit(home_of(v), atomic_load(&v->budget), v->visit);
    }
    if (!failed)
        *value = latent_tensor_retain(root->value);
    for (int k = 0; k < used.n; k++)
        used.item[k]->uses = 0;
    evicted += latent_values_limit(home_of(v), atomic_load(&v->budget), v->visit);
    free(order.item);
    free(used.item);
    pthread_mutex_lock(&v->stats_lock);
    v->n_evictions += evicted;
    pthread_mutex_unlock(&v->stats_lock);
    return failed;
}

int latent_evaluate_locked(latent_node *n, const atomic_int *cancel, latent_tensor **value,
                           latent_error *e)
{
    latent_evaluator *v = current();
    latent_node *meant = latent_resolve_alias(n);
    latent_kept *root = meant->op->leaf ? NULL : latent_kept_of(home_of(v), meant);
    *value = NULL;
    forget_if_told(v);
    if (meant->op->leaf)
        *value = meant->op->leaf(meant);
    else if (root)
        return evaluate(v, root, cancel, value, e);
    return *value ? 0 : latent_fail(e, "no memory for the result");
}

int latent_evaluate(latent_node *n, const atomic_int *cancel, latent_tensor **value,
                    latent_error *e)
{
    int failed;
    latent_evaluation_lock();
    failed = latent_evaluate_locked(n, cancel, value, e);
    latent_evaluation_unlock();
    return failed;
}

/* ---- a job for the evaluator */

static int request_work(latent_job *job)
{
    latent_request *r = (latent_request *)job;
    if (latent_evaluate(r->node, &job->cancel, &r->value, &job->error))
        return -1;
    return r->digest ? r->digest(r, &job->error) : 0;
}

static void request_discard(latent_job *job)
{
    latent_request *r = (latent_request *)job;
    latent_node_release(r->node);
    latent_tensor_release(r->value);
    (r->let_go ? r->let_go : free)(r->settings);
    free(r->result);
    free(r);
}

latent_request *latent_request_new(latent_node *node,
                                   int (*digest)(latent_request *r, latent_error *e),
                                   void *settings)
{
    latent_request *r = calloc(1, sizeof(*r));
    if (!r) {
        free(settings);
        return NULL;
    }
    r->job.work = request_work;
    r->job.discard = request_discard;
    r->node = latent_node_retain(node);
    r->digest = digest;
    r->settings = settings;
    return r;
}

/* ---- the cache and what is told about it */

void latent_cache_set(size_t bytes)
{
    atomic_store(&current()->budget, bytes);
}

size_t latent_cache(void)
{
    return atomic_load(&current()->budget);
}

void latent_cache_forget(void)
{
    latent_evaluator *v = current();
    atomic_store(&v->forget, 1);
    if (!pthread_mutex_trylock(&v->turn)) {
        forget_if_told(v);
        pthread_mutex_unlock(&v->turn);
    }
}

void latent_stats_get(latent_stats *stats, latent_stage *into, int room)
{
    latent_evaluator *v = current();
    stats->cached_bytes = latent_values_bytes(home_of(v));
    stats->tensor_bytes = latent_tensor_bytes();
    stats->stored_bytes = latent_tensor_stored();
    pthread_mutex_lock(&v->stats_lock);
    stats->runs = v->n_runs;
    stats->hits = v->n_hits;
    stats->evictions = v->n_evictions;
    stats->n_stages = v->n_stages;
    for (int i = 0; i < v->n_stages && i < room; i++)
        into[i] = v->stages[i];
    pthread_mutex_unlock(&v->stats_lock);
}

void latent_stats_reset(void)
{
    latent_evaluator *v = current();
    pthread_mutex_lock(&v->stats_lock);
    v->n_stages = 0;
    v->n_runs = v->n_hits = v->n_evictions = 0;
    pthread_mutex_unlock(&v->stats_lock);
}
