/* follow: see follow.h.  What the network sees of a row: the place (space.h), the step that led
   there, divided by the deviation of steps, and the time that it took.  What it says: the next step
   and its time.  Windows begin a little beside the walk and come back to it, so that who walks on
   alone comes back, too. */
#include "follow.h"
#include "../base/counter_random.h"
#include "../base/parallel.h"
#include "../graph/evaluate.h"
#include "../graph/variables.h"
#include "../ops/encoder.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include "../train/parameters.h"
#include "follow_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 64
#define BATCH 8
#define BESIDE .1f /* of a deviation: how far beside the walk a window begins */
#define RETURN .9f /* what is left of that after a step */
#define BYTES ((size_t)32 << 20)

/* ---- the network */

/* What goes in, and what it says, for a space of n directions. */
static int seen_of(int n)
{
    return 2 * n + 1;
}

static int said_of(int n)
{
    return n + 1;
}

void latent_follow_shapes(int units, int n, latent_follow_shape shape[LATENT_FOLLOW_WEIGHTS])
{
    int out = (int)latent_mixture_numbers(LATENT_FOLLOW_PARTS, said_of(n));
    const latent_follow_shape all[LATENT_FOLLOW_WEIGHTS] = {
        {"in.weight", 3 * units, seen_of(n)}, {"in.bias", 1, 3 * units},
        {"gru.weight", 3 * units, units},     {"gru.bias", 1, units},
        {"out.weight", out, units},           {"out.bias", 1, out},
    };
    memcpy(shape, all, sizeof(all));
}

/* What the network says after each step of x [n][1][t][seen], and what it keeps in mind. */
static latent_node *network(latent_node *const *w, latent_node *x, latent_node *start,
                            latent_node **mind, latent_error *e)
{
    latent_node *gates = latent_op_project(x, w[0], w[1], NULL, "predict.in", e);
    latent_node *h = gates ? latent_op_gru(gates, w[2], w[3], start, "predict.gru", e) : NULL;
    latent_node *said = h ? latent_op_project(h, w[4], w[5], NULL, "predict.out", e) : NULL;
    latent_node_release(gates);
    if (mind && said)
        *mind = h;
    else
        latent_node_release(h);
    return said;
}

/* ---- learning */

static void release_all(latent_node **w, int n)
{
    for (int i = 0; i < n; i++)
        latent_node_release(w[i]);
}

latent_learner *latent_learner_new(int units, uint32_t seed, int most, latent_error *e)
{
    latent_learner *l = calloc(1, sizeof(*l));
    if (!l) {
        latent_fail(e, "no memory to learn with");
        return NULL;
    }
    l->units = units;
    l->seed = seed;
    latent_walk_init(&l->walk, most);
    if (!(l->evaluator = latent_evaluator_new(1, BYTES))) {
        latent_learner_free(l);
        latent_fail(e, "no memory to learn with");
        return NULL;
    }
    return l;
}

void latent_learner_free(latent_learner *l)
{
    if (!l)
        return;
    latent_walk_free(&l->walk);
    latent_space_free(&l->space);
    latent_parameters_free(&l->set);
    latent_variables_free(l->variables);
    latent_evaluator_free(l->evaluator);
    free(l->path);
    free(l->gradient);
    free(l);
}

int latent_learner_rows(latent_learner *l, const latent_walk *more, latent_error *e)
{
    return latent_walk_append(&l->walk, more, e);
}

void latent_learner_forget(latent_learner *l, int walk)
{
    latent_walk_forget(&l->walk, walk);
    l->n_path = 0;
}

long latent_learner_steps(const latent_learner *l)
{
    return (long)l->set.steps;
}

const latent_walk *latent_learner_walk(const latent_learner *l)
{
    return &l->walk;
}

int latent_follow_parameters(latent_learner *l, int n, latent_error *e)
{
    latent_follow_shape shape[LATENT_FOLLOW_WEIGHTS];
    size_t count = 0;
    latent_parameters_free(&l->set);
    latent_variables_free(l->variables);
    if (!(l->variables = latent_variables_new()))
        return latent_fail(e, "no memory for a network");
    latent_follow_shapes(l->units, n, shape);
    for (int i = 0; i < LATENT_FOLLOW_WEIGHTS; i++) {
        int64_t dim[2] = {shape[i].rows, shape[i].columns};
        latent_shape s = {1, 1, shape[i].rows, shape[i].columns};
        if (latent_parameters_add(&l->set, 1, e, 2, dim, "%s", shape[i].name) < 0 ||
            latent_variables_add(l->variables, s, NULL, e) < 0)
            return -1;
        count += latent_shape_count(s);
    }
    free(l->gradient);
    if (!(l->gradient = malloc(count * sizeof(float))))
        return latent_fail(e, "no memory for a network");
    return latent_parameters_allocate(&l->set, 1, e);
}

/* The numbers of the set become the variables'. */
int latent_follow_update(latent_learner *l, latent_error *e)
{
    for (int i = 0; i < l->set.n; i++) {
        float *to = latent_variables_change(l->variables, i, e);
        if (!to)
            return -1;
        memcpy(to, latent_parameter_value(&l->set, i), l->set.item[i].count * sizeof(float));
    }
    return 0;
}

/* A new network for a space of n directions: uniform by the number of inputs, as PyTorch begins. */
static int begin(latent_learner *l, int n, latent_error *e)
{
    if (latent_follow_parameters(l, n, e))
        return -1;
    for (int i = 0; i < l->set.n; i++) {
        latent_counter_random r = latent_counter_random_at(l->seed, 1, (uint64_t)i);
        int64_t inputs = i < 2 ? (int64_t)seen_of(n) : l->units;
        float *v = latent_parameter_value(&l->set, i), far = 1 / sqrtf((float)inputs);
        for (size_t k = 0; k < l->set.item[i].count; k++)
            v[k] = far * (float)(2 * latent_counter_random_uniform(&r) - 1);
        memcpy(l->set.average + l->set.item[i].at, v, l->set.item[i].count * sizeof(float));
    }
    return latent_follow_update(l, e);
}

/* Looks where the walk takes place, again when it has left that; the walk's path there. */
static int look(latent_learner *l, const atomic_int *cancel, latent_error *e)
{
    int n = l->space.n;
    float *path;
    if (!n || !latent_space_suits(&l->space, &l->walk)) {
        latent_space fresh;
        if (latent_space_find(&fresh, &l->walk, LATENT_SPACE_MOST, cancel, e))
            return -1;
        latent_space_free(&l->space);
        l->space = fresh;
        if ((fresh.n != n || !l->set.n) && begin(l, fresh.n, e))
            return -1;
    }
    path = realloc(l->path, (size_t)l->walk.n * (size_t)l->space.n * sizeof(*path));
    if (!path)
        return latent_fail(e, "no memory for a walk of %d rows", l->walk.n);
    l->path = path;
    l->n_path = l->walk.n;
    for (int i = 0; i < l->walk.n; i++)
        latent_space_in(&l->space, l->walk.row + (size_t)i * (size_t)l->walk.wide,
                        path + (size_t)i * (size_t)l->space.n);
    return 0;
}

/* What the network sees of a row at y, before it b. */
static void see(const latent_space *s, const float *y, const float *b, float seconds, float *x)
{
    for (int k = 0; k < s->n; k++) {
        x[k] = y[k];
        x[s->n + k] = b ? (y[k] - b[k]) / s->step[k] : 0;
    }
    x[2 * s->n] = latent_space_time(s, seconds);
}

/* Is there a window of so many rows and one more from row i on? */
static int whole(const latent_walk *w, int i, int rows)
{
    for (int k = 1; k <= rows; k++)
        if (!latent_walk_follows(w, i + k))
            return 0;
    return 1;
}

static int choose(const latent_learner *l, latent_counter_random *r, int rows, double recent)
{
    int n = l->walk.n - rows, quarter = n / 4 ? n / 4 : 1;
    for (int tries = 0; tries < 100; tries++) {
        int late = latent_counter_random_uniform(r) < recent;
        int i = late ? n - 1 - (int)latent_counter_random_below(r, (uint64_t)quarter)
                     : (int)latent_counter_random_below(r, (uint64_t)n);
        if (whole(&l->walk, i, rows))
            return i;
    }
    return -1;
}

/* One window: what is seen, and what comes next; it begins beside the walk and comes back. */
static void window(const latent_learner *l, latent_counter_random *r, int from, int rows, float *x,
                   float *y)
{
    const latent_space *s = &l->space;
    size_t n = (size_t)s->n;
    float beside[LATENT_SPACE_MOST], before[LATENT_SPACE_MOST], now[LATENT_SPACE_MOST];
    for (size_t k = 0; k < n; k++)
        beside[k] = BESIDE * (float)latent_counter_random_gauss(r);
    for (int t = 0; t <= rows; t++) {
        const float *place = l->path + (size_t)(from + t) * n;
        float seconds = l->walk.seconds[from + t];
        for (size_t k = 0; k < n; k++) {
            now[k] = place[k] + beside[k];
            beside[k] *= RETURN;
        }
        if (t < rows)
            see(s, now, t ? before : NULL, seconds, x + (size_t)t * (size_t)seen_of(s->n));
        if (t) {
            float *next = y + (size_t)(t - 1) * (size_t)said_of(s->n);
            for (size_t k = 0; k < n; k++)
                next[k] = (now[k] - before[k]) / s->step[k];
            next[n] = latent_space_time(s, seconds);
        }
        memcpy(before, now, sizeof(before));
    }
}

static void take_step(latent_learner *l)
{
    double squares = 0;
    float done = (float)l->set.steps;
    latent_adam a = {1e-3f + 2e-3f * expf(-done / 400), .9f, .999f, 1e-8f,
                     fminf(.98f, done / (done + 10))};
    size_t at = 0;
    for (int i = 0; i < l->set.n; i++)
        for (size_t k = 0; k < l->set.item[i].count; k++, at++)
            squares += (double)l->gradient[at] * (double)l->gradient[at];
    at = 0;
    for (int i = 0; i < l->set.n; i++) {
        float *g = latent_parameter_gradient(&l->set, i);
        float shrink = squares > 1 ? (float)(1 / sqrt(squares)) : 1;
        for (size_t k = 0; k < l->set.item[i].count; k++, at++)
            g[k] = shrink * l->gradient[at];
    }
    latent_adam_step(&l->set, &a);
}

static int learn_once(latent_learner *l, double recent, double *loss, const atomic_int *cancel,
                      latent_error *e)
{
    int rows = l->walk.n - 2 < WINDOW ? l->walk.n - 2 : WINDOW, n = l->space.n, failed = -1;
    latent_tensor *x = latent_tensor_new((latent_shape){BATCH, 1, rows, seen_of(n)}, e);
    latent_tensor *y = x ? latent_tensor_new((latent_shape){BATCH, 1, rows, said_of(n)}, e) : NULL;
    latent_node *w[LATENT_FOLLOW_WEIGHTS] = {NULL}, *seen = NULL, *came = NULL, *said = NULL;
    latent_node *mean = NULL;
    latent_counter_random r = latent_counter_random_at(l->seed, 2, (uint64_t)l->set.steps);
    float value = 0;
    for (int b = 0; y && b < BATCH; b++) {
        int from = choose(l, &r, rows, recent);
        if (from < 0) { /* walks that are all shorter: nothing to learn from yet */
            latent_tensor_release(x);
            latent_tensor_release(y);
            *loss = (double)NAN;
            return 0;
        }
        window(l, &r, from, rows, x->data + (size_t)b * (size_t)(rows * seen_of(n)),
               y->data + (size_t)b * (size_t)(rows * said_of(n)));
    }
    if (y && (seen = latent_op_picture(x, e)) && (came = latent_op_picture(y, e))) {
        failed = 0;
        for (int i = 0; !failed && i < LATENT_FOLLOW_WEIGHTS; i++)
            failed = (w[i] = latent_variables_at(l->variables, i, e)) ? 0 : -1;
        failed = failed || !(said = network(w, seen, NULL, NULL, e)) ||
                 !(mean = latent_op_mixture_loss(said, came, LATENT_FOLLOW_PARTS, e)) ||
                 latent_variables_gradient(l->variables, mean, cancel, &value, l->gradient, e);
    }
    if (!failed) {
        take_step(l);
        failed = latent_follow_update(l, e);
        *loss = (double)value;
    }
    release_all(w, LATENT_FOLLOW_WEIGHTS);
    latent_node_release(seen);
    latent_node_release(came);
    latent_node_release(said);
    latent_node_release(mean);
    latent_tensor_release(x);
    latent_tensor_release(y);
    return failed ? -1 : 0;
}

int latent_learner_learn(latent_learner *l, int steps, double recent, double *loss,
                         const atomic_int *cancel, latent_error *e)
{
    latent_evaluator *before;
    double sum = 0, one = 0;
    int failed = 0, done = 0;
    *loss = (double)NAN;
    if (l->walk.n < LATENT_FOLLOW_LEAST)
        return 0;
    before = latent_evaluator_use(l->evaluator);
    failed = look(l, cancel, e);
    for (; !failed && done < steps && !(cancel && atomic_load(cancel)); done++) {
        failed = learn_once(l, recent, &one, cancel, e);
        sum += one;
    }
    latent_evaluator_use(before);
    if (!failed && done)
        *loss = sum / done;
    return failed;
}

/* ---- walking on */

struct latent_player {
    latent_space space;
    int units, n_path, heard; /* heard: rows since the beginning, or since another walk began */
    float *path;              /* [n_path][space.n]: where the walk has been */
    latent_node *weight[LATENT_FOLLOW_WEIGHTS];
    latent_evaluator *evaluator;
    float place[LATENT_SPACE_MOST]; /* of the last row */
    float *mind;                    /* [units] */
    float *mixture;                 /* what is to come next */
};

void latent_player_free(latent_player *p)
{
    if (!p)
        return;
    release_all(p->weight, LATENT_FOLLOW_WEIGHTS);
    latent_evaluator_free(p->evaluator);
    latent_space_free(&p->space);
    free(p->path);
    free(p->mind);
    free(p->mixture);
    free(p);
}

int latent_player_wide(const latent_player *p)
{
    return p->space.wide;
}

static latent_node *constant(const float *v, latent_shape s, latent_error *e)
{
    latent_tensor *t = latent_tensor_new(s, e);
    latent_node *n = NULL;
    if (t) {
        memcpy(t->data, v, t->count * sizeof(float));
        n = latent_op_parameter(t, e);
        latent_tensor_release(t);
    }
    return n;
}

/* The network takes in a row at y, in the evaluator that is the thread's now. */
static int take_in(latent_player *p, const float *y, float seconds, latent_error *e)
{
    float x[2 * LATENT_SPACE_MOST + 1];
    latent_node *seen, *start = NULL, *mind = NULL, *said = NULL;
    latent_tensor *v;
    int failed = -1;
    see(&p->space, y, p->heard ? p->place : NULL, seconds, x);
    seen = constant(x, (latent_shape){1, 1, 1, seen_of(p->space.n)}, e);
    if (seen && (start = constant(p->mind, (latent_shape){1, 1, 1, p->units}, e)))
        said = network(p->weight, seen, start, &mind, e);
    if (said && !latent_evaluate(said, NULL, &v, e)) {
        memcpy(p->mixture, v->data, v->count * sizeof(float));
        latent_tensor_release(v);
        if (!latent_evaluate(mind, NULL, &v, e)) {
            memcpy(p->mind, v->data, v->count * sizeof(float));
            latent_tensor_release(v);
            memcpy(p->place, y, (size_t)p->space.n * sizeof(float));
            p->heard++;
            failed = 0;
        }
    }
    latent_node_release(seen);
    latent_node_release(start);
    latent_node_release(mind);
    latent_node_release(said);
    return failed;
}

/* How unlikely it was that the walk goes to y now. */
static double unlikely(const latent_player *p, const float *y, float seconds)
{
    float step[LATENT_SPACE_MOST + 1];
    double share[LATENT_FOLLOW_PARTS];
    int n = p->space.n;
    for (int k = 0; k < n; k++)
        step[k] = (y[k] - p->place[k]) / p->space.step[k];
    step[n] = latent_space_time(&p->space, seconds);
    return -latent_mixture_log(p->mixture, LATENT_FOLLOW_PARTS, said_of(n), step, share);
}

int latent_player_hear(latent_player *p, const float *row, float seconds, int follows, double *bits,
                       latent_error *e)
{
    latent_evaluator *before;
    float y[LATENT_SPACE_MOST];
    int failed;
    latent_space_in(&p->space, row, y);
    if (!follows) {
        memset(p->mind, 0, (size_t)p->units * sizeof(float));
        p->heard = 0;
    }
    if (bits)
        *bits = p->heard ? unlikely(p, y, seconds) / log(2) : (double)NAN;
    before = latent_evaluator_use(p->evaluator);
    failed = take_in(p, y, seconds, e);
    latent_evaluator_use(before);
    return failed;
}

latent_player *latent_learner_player(latent_learner *l, const latent_walk *heard, latent_error *e)
{
    latent_player *p;
    latent_follow_shape shape[LATENT_FOLLOW_WEIGHTS];
    size_t bytes = (size_t)l->n_path * (size_t)l->space.n * sizeof(float), said;
    int failed = 0;
    e->text[0] = 0;
    if (!l->set.n || !l->set.steps)
        return NULL;
    if (!(p = calloc(1, sizeof(*p)))) {
        latent_fail(e, "no memory to walk on");
        return NULL;
    }
    said = latent_mixture_numbers(LATENT_FOLLOW_PARTS, said_of(l->space.n));
    p->units = l->units;
    p->n_path = l->n_path;
    p->path = malloc(bytes ? bytes : 1);
    p->mind = calloc((size_t)l->units, sizeof(float));
    p->mixture = calloc(said, sizeof(float));
    p->evaluator = latent_evaluator_new(1, BYTES);
    if (!p->path || !p->mind || !p->mixture || !p->evaluator)
        failed = latent_fail(e, "no memory to walk on");
    failed = failed || latent_space_copy(&p->space, &l->space, e);
    latent_follow_shapes(l->units, l->space.n, shape);
    for (int i = 0; !failed && i < LATENT_FOLLOW_WEIGHTS; i++) {
        latent_shape s = {1, 1, shape[i].rows, shape[i].columns};
        p->weight[i] = constant(l->set.average + l->set.item[i].at, s, e);
        failed = !p->weight[i];
    }
    if (!failed && bytes)
        memcpy(p->path, l->path, bytes);
    for (int i = 0; !failed && heard->wide == p->space.wide && i < heard->n; i++)
        failed = latent_player_hear(p, heard->row + (size_t)i * (size_t)heard->wide,
                                    heard->seconds[i], latent_walk_follows(heard, i), NULL, e);
    if (failed) {
        latent_player_free(p);
        return NULL;
    }
    return p;
}

/* Which part, and its share at that temperature. */
static int draw_part(const float *mixture, double temperature, latent_counter_random *r)
{
    double sum = 0, most = (double)mixture[0], at;
    int best = 0;
    for (int k = 1; k < LATENT_FOLLOW_PARTS; k++)
        if ((double)mixture[k] > most) {
            most = (double)mixture[k];
            best = k;
        }
    if (temperature < 1e-3)
        return best;
    for (int k = 0; k < LATENT_FOLLOW_PARTS; k++)
        sum += exp(((double)mixture[k] - most) / temperature);
    at = sum * latent_counter_random_uniform(r);
    for (int k = 0; k < LATENT_FOLLOW_PARTS; k++)
        if ((at -= exp(((double)mixture[k] - most) / temperature)) < 0)
            return k;
    return best;
}

/* Not farther than that from where the walk has been. */
static void hold(const latent_player *p, double leash, float *y)
{
    size_t n = (size_t)p->space.n;
    const float *nearest = NULL;
    double least = HUGE_VAL, shrink;
    for (int i = 0; i < p->n_path; i++) {
        const float *at = p->path + (size_t)i * n;
        double far = 0;
        for (size_t k = 0; k < n; k++)
            far += (double)((y[k] - at[k]) * (y[k] - at[k]));
        if (far < least) {
            least = far;
            nearest = at;
        }
    }
    if (!nearest || least <= leash * leash)
        return;
    shrink = leash / sqrt(least);
    for (size_t k = 0; k < n; k++)
        y[k] = nearest[k] + (float)shrink * (y[k] - nearest[k]);
}

int latent_player_say(latent_player *p, const latent_saying *how, float *row, float *seconds,
                      latent_error *e)
{
    latent_counter_random r = latent_counter_random_at(how->seed, 3, how->count);
    int n = p->space.n, wide = said_of(n), failed;
    int part = draw_part(p->mixture, how->temperature, &r);
    const float *mean = latent_mixture_mean(p->mixture, LATENT_FOLLOW_PARTS, wide, part);
    latent_evaluator *before;
    float y[LATENT_SPACE_MOST], time = 0;
    for (int k = 0; k < wide; k++) {
        float is = mean[k] + (float)(how->temperature *
                                     (double)latent_mixture_deviation(
                                         p->mixture, LATENT_FOLLOW_PARTS, wide, part, k) *
                                     latent_counter_random_gauss(&r));
        if (k < n)
            y[k] = p->place[k] + p->space.step[k] * is;
        else
            time = is;
    }
    if (how->leash > 0)
        hold(p, how->leash, y);
    *seconds = latent_space_seconds(&p->space, time);
    latent_space_out(&p->space, y, row);
    before = latent_evaluator_use(p->evaluator);
    failed = take_in(p, y, *seconds, e);
    latent_evaluator_use(before);
    return failed;
}

void latent_player_likely(const latent_player *p, float share[LATENT_FOLLOW_PARTS], float *rows)
{
    int order[LATENT_FOLLOW_PARTS], n = p->space.n;
    double sum = 0, most = -HUGE_VAL;
    for (int k = 0; k < LATENT_FOLLOW_PARTS; k++) {
        int at = k;
        most = fmax(most, (double)p->mixture[k]);
        for (; at && p->mixture[order[at - 1]] < p->mixture[k]; at--)
            order[at] = order[at - 1];
        order[at] = k;
    }
    for (int k = 0; k < LATENT_FOLLOW_PARTS; k++)
        sum += exp((double)p->mixture[k] - most);
    for (int k = 0; k < LATENT_FOLLOW_PARTS; k++) {
        const float *mean =
            latent_mixture_mean(p->mixture, LATENT_FOLLOW_PARTS, said_of(n), order[k]);
        float y[LATENT_SPACE_MOST];
        share[k] = (float)(exp((double)p->mixture[order[k]] - most) / sum);
        for (int i = 0; i < n; i++)
            y[i] = p->place[i] + p->space.step[i] * mean[i];
        latent_space_out(&p->space, y, rows + (size_t)k * (size_t)p->space.wide);
    }
}
