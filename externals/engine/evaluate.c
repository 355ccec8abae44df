/* evaluate: see evaluate.h */
#include "evaluate.h"
#include "evaluate_internal.h"
#include "lock.h"
#include "seconds.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STAGES 1024

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* one evaluation at a time */
static unsigned visit;                                   /* guarded by turn */
static atomic_size_t budget = (size_t)256 << 20;
static atomic_int forget;

LATENT_LOCK(stats_lock)
static latent_stage stages[MAX_STAGES];
static int n_stages;
static long n_runs, n_hits, n_evictions;

static void count(const latent_node *n, int hit, double ms)
{
    const char *name = n->stage[0] ? n->stage : n->op->name;
    int i = 0;
    pthread_mutex_lock(&stats_lock);
    while (i < n_stages && strcmp(stages[i].stage, name))
        i++;
    if (i == n_stages && n_stages < MAX_STAGES) {
        memset(&stages[i], 0, sizeof(stages[i]));
        snprintf(stages[i].stage, sizeof(stages[i].stage), "%.23s", name);
        n_stages++;
    }
    if (hit)
        n_hits++;
    else
        n_runs++;
    if (i < n_stages && hit)
        stages[i].hits++;
    else if (i < n_stages) {
        stages[i].runs++;
        stages[i].ms += ms;
        stages[i].mac += n->op->cost ? n->op->cost(n) : 0;
    }
    pthread_mutex_unlock(&stats_lock);
}

latent_node *latent_meant(latent_node *n)
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
    latent_node **node;
    int n, room;
} node_list;

static int push(node_list *l, latent_node *n)
{
    if (l->n == l->room) {
        int room = l->room ? 2 * l->room : 256;
        latent_node **node = realloc(l->node, (size_t)room * sizeof(*node));
        if (!node)
            return -1;
        l->node = node;
        l->room = room;
    }
    l->node[l->n++] = n;
    return 0;
}

/* Lists what has to be computed for root, inputs before those who need them, and counts for each
   node how many of them need it (uses).  Nodes that have their value are not gone through. */
static int plan(latent_node *root, node_list *order, node_list *used)
{
    node_list stack = {NULL, 0, 0};
    int failed = push(&stack, root);
    while (!failed && stack.n) {
        latent_node *n = stack.node[stack.n - 1];
        if (n->visit == visit) { /* its inputs have been listed */
            stack.n--;
            if (n->uses < 0) {
                n->uses = 0;
                failed = push(order, n);
            }
            continue;
        }
        n->visit = visit;
        n->uses = -1;
        for (int i = latent_computed_inputs(n); i-- > 0 && !failed;) {
            latent_node *in = latent_meant(n->in[i]);
            if (!in || in->op->leaf || in->value || in->visit == visit)
                continue;
            failed = push(&stack, in);
        }
    }
    for (int k = 0; k < order->n && !failed; k++)
        for (int i = 0; i < latent_computed_inputs(order->node[k]) && !failed; i++) {
            latent_node *in = latent_meant(order->node[k]->in[i]);
            if (!in || in->op->leaf)
                continue;
            if (in->value && !in->uses) {
                in->used = visit;
                count(in, 1, 0);
            }
            in->uses++;
            failed = push(used, in);
        }
    free(stack.node);
    return failed;
}

static latent_tensor *value_of(latent_node *n)
{
    if (!n)
        return NULL;
    return n->op->leaf ? n->op->leaf(n) : latent_tensor_retain(n->value);
}

static int compute(latent_node *n, latent_error *e)
{
    latent_tensor *few[16], **in = few, *out = NULL;
    int failed = 0, n_in = latent_computed_inputs(n);
    double start = latent_seconds();
    if (n_in > 16 && !(in = calloc((size_t)n_in, sizeof(*in))))
        return latent_fail(e, "no memory to compute %s", n->op->name);
    for (int i = 0; i < n_in; i++) {
        latent_node *m = latent_meant(n->in[i]);
        in[i] = value_of(m);
        if (m && !in[i])
            failed = latent_fail(e, "no memory for an input of %s", n->op->name);
    }
    if (!failed && (out = latent_tensor_new(n->shape, e)) == NULL)
        failed = -1;
    if (!failed)
        failed = n->op->forward(n, in, out, e);
    for (int i = 0; i < n_in; i++) {
        latent_node *m = latent_meant(n->in[i]);
        latent_tensor_release(in[i]);
        if (m && !m->op->leaf)
            m->uses--;
    }
    if (in != few)
        free(in);
    if (failed) {
        latent_tensor_release(out);
        return -1;
    }
    latent_value_keep(n, out, visit);
    count(n, 0, 1e3 * (latent_seconds() - start));
    return 0;
}

static void forget_if_told(void)
{
    if (atomic_exchange(&forget, 0))
        latent_values_limit(0, visit);
}

void latent_turn_begin(void)
{
    pthread_mutex_lock(&turn);
}

void latent_turn_end(void)
{
    pthread_mutex_unlock(&turn);
}

int latent_evaluate_in_turn(latent_node *n, const atomic_int *cancel, latent_tensor **value,
                            latent_error *e)
{
    node_list order = {NULL, 0, 0}, used = {NULL, 0, 0};
    int failed = 0;
    long evicted = 0;
    latent_node *root = latent_meant(n);
    *value = NULL;
    forget_if_told();
    visit++;
    if (root->op->leaf || root->value) {
        if (root->value) {
            root->used = visit;
            count(root, 1, 0);
        }
    } else if (plan(root, &order, &used) || push(&used, root))
        failed = latent_fail(e, "no memory to plan the computation");
    else
        root->uses++; /* not to be evicted before it is asked for */
    for (int k = 0; k < order.n && !failed; k++) {
        if (cancel && atomic_load(cancel))
            failed = latent_fail(e, "not wanted any more");
        else if (!order.node[k]->value)
            failed = compute(order.node[k], e);
        evicted += latent_values_limit(atomic_load(&budget), visit);
    }
    if (!failed && (*value = value_of(root)) == NULL)
        failed = latent_fail(e, "no memory for the result");
    for (int k = 0; k < used.n; k++)
        used.node[k]->uses = 0;
    evicted += latent_values_limit(atomic_load(&budget), visit);
    free(order.node);
    free(used.node);
    pthread_mutex_lock(&stats_lock);
    n_evictions += evicted;
    pthread_mutex_unlock(&stats_lock);
    return failed;
}

int latent_evaluate(latent_node *n, const atomic_int *cancel, latent_tensor **value,
                    latent_error *e)
{
    int failed;
    latent_turn_begin();
    failed = latent_evaluate_in_turn(n, cancel, value, e);
    latent_turn_end();
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
    free(r->settings);
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
    atomic_store(&budget, bytes);
}

size_t latent_cache(void)
{
    return atomic_load(&budget);
}

void latent_cache_forget(void)
{
    atomic_store(&forget, 1);
    if (!pthread_mutex_trylock(&turn)) {
        forget_if_told();
        pthread_mutex_unlock(&turn);
    }
}

void latent_stats_get(latent_stats *stats, latent_stage *into, int room)
{
    stats->cached_bytes = latent_values_bytes();
    stats->tensor_bytes = latent_tensor_bytes();
    stats->stored_bytes = latent_tensor_stored();
    pthread_mutex_lock(&stats_lock);
    stats->runs = n_runs;
    stats->hits = n_hits;
    stats->evictions = n_evictions;
    stats->n_stages = n_stages;
    for (int i = 0; i < n_stages && i < room; i++)
        into[i] = stages[i];
    pthread_mutex_unlock(&stats_lock);
}

void latent_stats_reset(void)
{
    pthread_mutex_lock(&stats_lock);
    n_stages = 0;
    n_runs = n_hits = n_evictions = 0;
    pthread_mutex_unlock(&stats_lock);
}
