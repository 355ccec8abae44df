/* parameters: see parameters.h */
#include "parameters.h"
#include "../base/parallel.h"
#include "../kernels/training_loops.h"
#include "../ops/ops.h"
#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 16     /* floats in a line of the cache */
#define PIECE 16384 /* floats that one thread changes at a time */

int latent_parameters_add(latent_parameters *p, float rate, latent_error *e, int rank,
                          const int64_t *dim, const char *format, ...)
{
    latent_parameter *f;
    va_list args;
    if (p->n == p->room) {
        int room = p->room ? 2 * p->room : 64;
        latent_parameter *more = realloc(p->item, (size_t)room * sizeof(*more));
        if (!more)
            return latent_fail(e, "no memory for %d parameters", room);
        p->item = more;
        p->room = room;
    }
    f = &p->item[p->n];
    memset(f, 0, sizeof(*f));
    va_start(args, format);
    vsnprintf(f->name, sizeof(f->name), format, args);
    va_end(args);
    f->rank = rank;
    f->rate = rate;
    f->count = 1;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 1 || dim[i] > INT64_C(1) << 28 || f->count > SIZE_MAX / 64 / (size_t)dim[i])
            return latent_fail(e, "the parameter %s has an impossible shape", f->name);
        f->dim[i] = dim[i];
        f->count *= (size_t)dim[i];
    }
    f->at = p->count;
    p->count += (f->count + LINE - 1) / LINE * LINE;
    return p->n++;
}

static float *zeros(size_t count)
{
    float *f = aligned_alloc(64, count * sizeof(float));
    if (f)
        memset(f, 0, count * sizeof(float));
    return f;
}

int latent_parameters_allocate(latent_parameters *p, int average, latent_error *e)
{
    if (!p->count)
        return latent_fail(e, "there are no parameters");
    p->value = zeros(p->count);
    p->gradient = zeros(p->count);
    p->mean = zeros(p->count);
    p->square = zeros(p->count);
    p->average = average ? zeros(p->count) : NULL;
    if (p->value && p->gradient && p->mean && p->square && (p->average || !average))
        return 0;
    return latent_fail(e, "no memory for %zu parameters", p->count);
}

void latent_parameters_free(latent_parameters *p)
{
    latent_parameters_changed(p);
    free(p->item);
    free(p->value);
    free(p->gradient);
    free(p->mean);
    free(p->square);
    free(p->average);
    memset(p, 0, sizeof(*p));
}

int latent_parameters_find(const latent_parameters *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        if (!strcmp(p->item[i].name, name))
            return i;
    return -1;
}

/* ---- leaves of the graph */

static latent_shape shape_of(const latent_parameter *f)
{
    int first = f->rank > 1 ? (int)f->dim[0] : 1;
    if (f->rank == 4)
        return (latent_shape){first, (int)f->dim[1], (int)f->dim[2], (int)f->dim[3]};
    return (latent_shape){1, 1, first, (int)(f->count / (size_t)first)};
}

latent_node *latent_parameter_leaf(latent_parameters *p, int i, latent_error *e)
{
    latent_parameter *f = &p->item[i];
    latent_tensor *t = f->leaf ? NULL : latent_tensor_new(shape_of(f), e);
    if (t) {
        memcpy(t->data, p->value + f->at, f->count * sizeof(float));
        f->leaf = latent_op_parameter(t, e);
        latent_tensor_release(t);
    }
    return f->leaf ? latent_node_retain(f->leaf) : NULL;
}

void latent_parameters_changed(latent_parameters *p)
{
    for (int i = 0; i < p->n; i++) {
        latent_node_release(p->item[i].leaf);
        p->item[i].leaf = NULL;
    }
}

int latent_parameters_of(const latent_parameters *p, const latent_node *leaf)
{
    for (int i = 0; i < p->n; i++)
        if (p->item[i].leaf == leaf)
            return i;
    return -1;
}

static int is_parameter(const latent_node *leaf, void *context)
{
    const latent_parameters *p = context;
    int i = latent_parameters_of(p, leaf);
    return i >= 0 && p->item[i].rate != 0;
}

static void take_gradient(const latent_node *leaf, const latent_tensor *grad, void *context)
{
    const latent_parameters *p = context;
    float *to = latent_parameter_gradient(p, latent_parameters_of(p, leaf));
    for (size_t k = 0; k < grad->count; k++)
        to[k] += grad->data[k];
}

int latent_parameters_gradient(latent_parameters *p, latent_node *loss, const atomic_int *cancel,
                               float *value, latent_error *e)
{
    latent_gradient_of of = {is_parameter, take_gradient, p};
    return latent_gradient(loss, &of, cancel, value, e);
}

/* ---- Adam */

typedef struct {
    int parameter;
    size_t from, count;
} piece;

typedef struct {
    latent_parameters *p;
    const latent_adam *a;
    const piece *pieces;
    float correct1, correct2; /* of the moments' beginning at 0 */
    atomic_size_t bad;
} adam_job;

static void adam_piece(void *context, int i, int slot)
{
    adam_job *j = context;
    const latent_adam *a = j->a;
    const piece *s = &j->pieces[i];
    const latent_parameter *item = &j->p->item[s->parameter];
    size_t at = item->at + s->from, bad = 0;
    float *value = j->p->value + at, *gradient = j->p->gradient + at;
    latent_training_rates rates = {a->beta1, a->beta2, a->rate * item->rate * j->correct1,
                                   j->correct2, a->epsilon};
    (void)slot;
    for (size_t k = 0; k < s->count; k++)
        bad += !(fabsf(gradient[k]) <= 3.4e38f);
    for (size_t k = 0; bad && k < s->count; k++) {
        if (isnan(gradient[k]))
            gradient[k] = 0;
        if (isinf(gradient[k]))
            gradient[k] = gradient[k] < 0 ? -1e5f : 1e5f;
    }
    if (item->rate != 0)
        latent_training_best()->adam((s->count + LINE - 1) / LINE * LINE, &rates, value, gradient,
                                     j->p->mean + at, j->p->square + at);
    memset(gradient, 0, s->count * sizeof(float));
    if (j->p->average) {
        float *restrict average = j->p->average + at;
        float keep = a->keep;
        for (size_t k = 0; k < s->count; k++)
            average[k] = value[k] + keep * (average[k] - value[k]);
    }
    if (bad)
        atomic_fetch_add(&j->bad, bad);
}

size_t latent_adam_step(latent_parameters *p, const latent_adam *a)
{
    size_t n = 0, most = (size_t)p->n + p->count / PIECE + 1;
    piece *pieces = malloc(most * sizeof(*pieces));
    adam_job j = {.p = p, .a = a, .pieces = pieces};
    p->steps++;
    latent_parameters_changed(p);
    j.correct1 = (float)(1 / (1 - pow((double)a->beta1, (double)p->steps)));
    j.correct2 = (float)(1 / (1 - pow((double)a->beta2, (double)p->steps)));
    atomic_init(&j.bad, 0);
    if (!pieces) { /* one after another */
        for (int i = 0; i < p->n; i++) {
            piece one = {i, 0, p->item[i].count};
            j.pieces = &one;
            adam_piece(&j, 0, 0);
        }
        return atomic_load(&j.bad);
    }
    for (int i = 0; i < p->n; i++)
        for (size_t from = 0; from < p->item[i].count; from += PIECE)
            pieces[n++] =
                (piece){i, from, p->item[i].count - from < PIECE ? p->item[i].count - from : PIECE};
    latent_parallel((int)n, adam_piece, &j);
    free(pieces);
    return atomic_load(&j.bad);
}

/* ---- checkpoints */

#define KINDS 4
static const char *const suffix[KINDS] = {"", ":mean", ":square", ":average"};

static float *array_of(const latent_parameters *p, int kind)
{
    float *const arrays[KINDS] = {p->value, p->mean, p->square, p->average};
    return arrays[kind];
}

#define NAME_ROOM 112
typedef struct {
    char text[NAME_ROOM];
} full_name;

static full_name name_of(const latent_checkpoint_part *part, const char *name, int kind)
{
    full_name f;
    snprintf(f.text, sizeof(f.text), "%.24s%s%s", part->prefix, name, suffix[kind]);
    return f;
}

int latent_checkpoint_write(const char *path, const latent_checkpoint_part *parts, int n,
                            const latent_meta_out *meta, size_t n_meta, latent_error *e)
{
    size_t most = 0, count = 0, n_all = n_meta;
    latent_tensor_out *tensors;
    latent_meta_out *all;
    full_name *names, *steps;
    int failed;
    for (int i = 0; i < n; i++)
        most += (size_t)parts[i].set->n * KINDS;
    tensors = calloc(most, sizeof(*tensors));
    names = malloc(most * sizeof(*names));
    all = malloc((n_meta + (size_t)n) * sizeof(*all));
    steps = malloc(2 * (size_t)n * sizeof(*steps));
    if (!tensors || !names || !all || !steps) {
        free(tensors);
        free(names);
        free(all);
        free(steps);
        return latent_fail(e, "no memory for a checkpoint");
    }
    for (size_t i = 0; i < n_meta; i++)
        all[i] = meta[i];
    for (int i = 0; i < n; i++) {
        const latent_parameters *p = parts[i].set;
        full_name *key = &steps[2 * i], *value = key + 1;
        for (int kind = 0; kind < KINDS; kind++)
            for (int k = 0; k < p->n && array_of(p, kind); k++) {
                latent_tensor_out *t = &tensors[count];
                names[count] = name_of(&parts[i], p->item[k].name, kind);
                t->name = names[count++].text;
                t->dtype = LATENT_F32;
                t->rank = p->item[k].rank;
                memcpy(t->dim, p->item[k].dim, sizeof(t->dim));
                t->data = array_of(p, kind) + p->item[k].at;
            }
        *key = name_of(&parts[i], "steps", 0);
        snprintf(value->text, sizeof(value->text), "%lld", (long long)p->steps);
        all[n_all++] = (latent_meta_out){key->text, value->text};
    }
    failed = latent_safetensors_write(path, tensors, count, all, n_all, e);
    free(tensors);
    free(names);
    free(all);
    free(steps);
    return failed;
}

/* Is t of p's shape?  turned: with p's second dimension as the last one. */
static int same_shape(const latent_entry *t, const latent_parameter *p, int turned)
{
    if (t->rank != p->rank)
        return 0;
    for (int i = 0; i < p->rank; i++)
        if (t->dim[i] != p->dim[!turned || !i ? i : i + 1 < p->rank ? i + 1 : 1])
            return 0;
    return 1;
}

/* [out][taps][in] becomes [out][in][taps]. */
static int turn(const latent_parameter *p, float *x, latent_error *e)
{
    size_t in = (size_t)p->dim[1], row = p->count / (size_t)p->dim[0], taps = row / in;
    float *was = malloc(p->count * sizeof(*was));
    if (!was)
        return latent_fail(e, "no memory for a checkpoint");
    memcpy(was, x, p->count * sizeof(*was));
    for (size_t k = 0; k < p->count; k++)
        x[k] = was[k / row * row + k % taps * in + k % row / taps];
    free(was);
    return 0;
}

static int read_parts(latent_weights *w, const latent_checkpoint_part *parts, int n, int old,
                      latent_error *e)
{
    for (int i = 0; i < n; i++) {
        latent_parameters *p = parts[i].set;
        const char *steps = latent_weights_text(w, name_of(&parts[i], "steps", 0).text);
        latent_parameters_changed(p);
        if (!steps)
            return latent_fail(e, "this is no checkpoint of a training: it does not say %ssteps",
                               parts[i].prefix);
        for (int kind = 0; kind < KINDS; kind++)
            for (int k = 0; k < p->n && array_of(p, kind); k++) {
                full_name name = name_of(&parts[i], p->item[k].name, kind);
                const latent_entry *t = latent_weights_find(w, name.text);
                const latent_parameter *f = &p->item[k];
                int turned = old && f->rank > 2;
                if (!t || !same_shape(t, f, turned))
                    return latent_fail(e, "the checkpoint is of another network: %s %s", name.text,
                                       t ? "has another shape" : "is missing");
                if (latent_weights_read(w, t, array_of(p, kind) + f->at, e) ||
                    (turned && turn(f, array_of(p, kind) + f->at, e)))
                    return -1;
            }
        p->steps = strtoll(steps, NULL, 10);
    }
    return 0;
}

int latent_checkpoint_read(latent_weights *w, const latent_checkpoint_part *parts, int n,
                           latent_error *e)
{
    return read_parts(w, parts, n, 0, e);
}

int latent_checkpoint_read_old(latent_weights *w, const latent_checkpoint_part *parts, int n,
                               latent_error *e)
{
    return read_parts(w, parts, n, 1, e);
}
