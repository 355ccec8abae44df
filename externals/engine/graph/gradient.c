/* gradient: see gradient.h */
#include "gradient.h"
#include "../ops/ops.h"
#include "evaluate_internal.h"
#include <stdlib.h>
#include <string.h>

/* What is known of a node on the way back. */
typedef struct {
    latent_node *node;
    latent_tensor *grad; /* so far, or NULL */
    int active;          /* it depends on something wanted */
} step;

typedef struct {
    step *steps; /* inputs before those who need them */
    int n, room;
    int *table; /* a node's place in steps + 1, by the node's address; 0: free */
    size_t table_size;
    const latent_gradient_of *of;
    const latent_node *at; /* which counts as a wanted leaf; or NULL */
    const atomic_int *cancel;
    latent_error *error;
} way;

static size_t slot_of(const way *w, const latent_node *n)
{
    size_t i = (size_t)(((uintptr_t)n >> 4) * (uintptr_t)0x9e3779b97f4a7c15u) % w->table_size;
    while (w->table[i] && w->steps[w->table[i] - 1].node != n)
        i = (i + 1) % w->table_size;
    return i;
}

static int place_of(const way *w, const latent_node *n)
{
    return w->table[slot_of(w, n)] - 1;
}

static int grow(way *w)
{
    int room = w->room ? 2 * w->room : 256;
    step *steps = realloc(w->steps, (size_t)room * sizeof(*steps));
    int *table = calloc(4 * (size_t)room, sizeof(*table));
    if (steps)
        w->steps = steps;
    if (!steps || !table) {
        free(table);
        return latent_fail(w->error, "no memory for the way back");
    }
    free(w->table);
    w->table = table;
    w->table_size = 4 * (size_t)room;
    w->room = room;
    for (int i = 0; i < w->n; i++)
        w->table[slot_of(w, w->steps[i].node)] = i + 1;
    return 0;
}

static int add_step(way *w, latent_node *n)
{
    step s = {n, NULL, 0};
    if (w->n == w->room && grow(w))
        return -1;
    if (n == w->at)
        s.active = 1;
    else if (n->op->leaf)
        s.active = w->of->wanted(n, w->of->context);
    for (int i = 0; i < latent_computed_inputs(n) && !s.active && !n->op->stop_gradient; i++) {
        latent_node *in = latent_resolve_alias(n->in[i]);
        s.active = in && w->steps[place_of(w, in)].active;
    }
    w->steps[w->n] = s;
    w->table[slot_of(w, n)] = ++w->n;
    return 0;
}

/* Lists every node that loss depends on, inputs first (a walk with a stack of its own: chains may
   be long). */
static int list_steps(way *w, latent_node *loss)
{
    struct visit {
        latent_node *node;
        int next;
    } *stack = malloc(64 * sizeof(*stack)), *larger;
    int depth = 0, room = 64, failed = 0;
    if (!stack || grow(w)) {
        free(stack);
        return latent_fail(w->error, "no memory for the way back");
    }
    stack[depth++] = (struct visit){loss, 0};
    while (depth && !failed) {
        struct visit *v = &stack[depth - 1];
        latent_node *in = NULL;
        while (v->node != w->at && v->next < latent_computed_inputs(v->node) && !in) {
            in = latent_resolve_alias(v->node->in[v->next++]);
            if (in && place_of(w, in) >= 0)
                in = NULL;
        }
        if (!in) {
            if (place_of(w, v->node) < 0)
                failed = add_step(w, v->node);
            depth--;
            continue;
        }
        if (depth == room) {
            if (!(larger = realloc(stack, 2 * (size_t)room * sizeof(*stack)))) {
                failed = latent_fail(w->error, "no memory for the way back");
                break;
            }
            stack = larger;
            room *= 2;
        }
        stack[depth++] = (struct visit){in, 0};
    }
    free(stack);
    return failed;
}

/* A gradient that is not fresh any more. */
static void settle(latent_tensor *t)
{
    if (t->fresh)
        memset(t->data, 0, t->count * sizeof(float));
    t->fresh = 0;
}

/* One node's backward: its inputs' values are found (or computed again), its inputs' gradients
   grow. */
static int go_back(way *w, step *s)
{
    latent_node *n = s->node;
    int n_in = latent_computed_inputs(n), failed = 0;
    latent_tensor *out = NULL, **memory = calloc(2 * (size_t)n_in + 1, sizeof(*memory));
    latent_tensor **in = memory, **grad = memory ? memory + n_in : NULL;
    if (!memory)
        return latent_fail(w->error, "no memory for the way back");
    if (!n->op->backward)
        failed = latent_fail(w->error, "%s can't be differentiated", n->op->name);
    for (int i = 0; i < n_in && !failed; i++) {
        latent_node *m = latent_resolve_alias(n->in[i]);
        step *before = m ? &w->steps[place_of(w, m)] : NULL;
        if (!m)
            continue;
        failed = latent_evaluate_locked(m, w->cancel, &in[i], w->error);
        if (failed || !before->active)
            continue;
        if (!before->grad && (before->grad = latent_tensor_new(m->shape, w->error)))
            before->grad->fresh = 1;
        if (!(grad[i] = before->grad))
            failed = -1;
        else if (i || !n->op->overwrites)
            settle(grad[i]);
    }
    if (!failed)
        failed = latent_evaluate_locked(n, w->cancel, &out, w->error);
    if (!failed)
        failed = n->op->backward(n, in, out, s->grad, grad, w->error);
    if (grad[0])
        grad[0]->fresh = 0;
    for (int i = 0; i < n_in; i++)
        latent_tensor_release(in[i]);
    latent_tensor_release(out);
    free(memory);
    return failed;
}

static int walk_back(way *w)
{
    int failed = 0;
    for (int i = w->n - 1; i >= 0 && !failed; i--) {
        step *s = &w->steps[i];
        if (!s->active || !s->grad)
            continue;
        if (s->node->op->leaf || s->node == w->at)
            w->of->take(s->node, s->grad, w->of->context);
        else
            failed = go_back(w, s);
        latent_tensor_release(s->grad);
        s->grad = NULL;
    }
    return failed;
}

static int gradient(latent_node *loss, const latent_gradient_of *of, const latent_node *at,
                    const atomic_int *cancel, float *value, latent_error *e)
{
    way w = {.of = of, .at = at, .cancel = cancel, .error = e};
    latent_tensor *t = NULL;
    int failed = 0;
    loss = latent_resolve_alias(loss);
    if (latent_shape_count(loss->shape) != 1)
        return latent_fail(e, "a loss is one number, not %d x %d with %d channels", loss->shape.w,
                           loss->shape.h, loss->shape.c);
    latent_evaluation_lock();
    if (latent_evaluate_locked(loss, cancel, &t, e) || list_steps(&w, loss))
        failed = -1;
    if (!failed && w.steps[w.n - 1].active) {
        if ((w.steps[w.n - 1].grad = latent_tensor_new(loss->shape, e)) == NULL)
            failed = -1;
        else
            w.steps[w.n - 1].grad->data[0] = 1;
    }
    if (!failed)
        failed = walk_back(&w);
    latent_evaluation_unlock();
    if (!failed)
        *value = t->data[0];
    latent_tensor_release(t);
    for (int i = 0; i < w.n; i++)
        latent_tensor_release(w.steps[i].grad);
    free(w.steps);
    free(w.table);
    return failed;
}

int latent_gradient(latent_node *loss, const latent_gradient_of *of, const atomic_int *cancel,
                    float *value, latent_error *e)
{
    return gradient(loss, of, NULL, cancel, value, e);
}

/* ---- a node on the way */

static int is_none(const latent_node *leaf, void *context)
{
    (void)leaf;
    (void)context;
    return 0;
}

typedef struct {
    latent_tensor *grad;
    int failed;
    latent_error error;
} copy;

static void take_copy(const latent_node *n, const latent_tensor *grad, void *context)
{
    copy *c = context;
    (void)n;
    if ((c->grad = latent_tensor_new(grad->shape, &c->error)))
        memcpy(c->grad->data, grad->data, grad->count * sizeof(float));
    else
        c->failed = -1;
}

int latent_gradient_at(latent_node *loss, latent_node *at, const atomic_int *cancel, float *value,
                       latent_tensor **grad, latent_error *e)
{
    copy c = {NULL, 0, {""}};
    const latent_gradient_of of = {is_none, take_copy, &c};
    int failed = gradient(loss, &of, latent_resolve_alias(at), cancel, value, e);
    if (!failed && c.failed)
        failed = latent_fail(e, "%s", c.error.text);
    if (failed) {
        latent_tensor_release(c.grad);
        c.grad = NULL;
    }
    *grad = c.grad;
    return failed;
}

/* ---- styles */

typedef struct {
    int rows, w_dim; /* 0 until the first style has come, that of the last layer */
    float *grad;
    latent_noise_maps_settings learn;
    int failed; /* a map could not be learned: error says why */
    latent_error error;
} style_rows;

static int is_style(const latent_node *leaf, void *context)
{
    const style_rows *r = context;
    return latent_style_row(leaf) >= 0 || (r->learn.rate > 0 && latent_noise_maps_is(leaf));
}

static void take_style(const latent_node *leaf, const latent_tensor *grad, void *context)
{
    style_rows *r = context;
    int row = latent_style_row(leaf), rows = latent_style_rows(leaf), w_dim = leaf->shape.c;
    if (latent_noise_maps_is(leaf)) {
        r->failed |= latent_noise_maps_step(leaf, grad, r->learn, &r->error);
        return;
    }
    if (!r->rows) {
        r->rows = rows;
        r->w_dim = w_dim;
        r->grad = calloc((size_t)rows * (size_t)w_dim, sizeof(*r->grad));
    }
    if (!r->grad || rows != r->rows || w_dim != r->w_dim)
        return;
    for (int i = 0; i < w_dim; i++)
        r->grad[(size_t)row * (size_t)w_dim + (size_t)i] += grad->data[i];
}

int latent_gradient_styles(latent_node *loss, const atomic_int *cancel, float *value, float **grad,
                           int *rows, int *w_dim, latent_error *e)
{
    return latent_gradient_learn(loss, (latent_noise_maps_settings){0, 0}, cancel, value, grad,
                                 rows, w_dim, e);
}

int latent_gradient_learn(latent_node *loss, latent_noise_maps_settings learn,
                          const atomic_int *cancel, float *value, float **grad, int *rows,
                          int *w_dim, latent_error *e)
{
    style_rows r = {.learn = learn};
    latent_gradient_of of = {is_style, take_style, &r};
    int failed = latent_gradient(loss, &of, cancel, value, e);
    *grad = NULL;
    if (!failed && r.failed)
        failed = latent_fail(e, "%s", r.error.text);
    if (failed) {
        free(r.grad);
        return -1;
    }
    if (!r.grad)
        return latent_fail(e, r.rows
                                  ? "no memory for a gradient"
                                  : "no latent has made this picture, so there is nothing to move");
    *grad = r.grad;
    *rows = r.rows;
    *w_dim = r.w_dim;
    return 0;
}
