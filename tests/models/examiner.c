/* examiner: see examiner.h */
#include "examiner.h"
#include "engine/base/counter_random.h"
#include "engine/graph/evaluate.h"
#include "engine/ops/encoder.h"
#include "engine/ops/layers.h"
#include "engine/ops/ops.h"
#include "engine/rules/fish.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const examiner_questions[ASK_CHOICES] = {
    "subject", "saying", "colour", "fins", "pattern", "tail", "facing", "water", "neon", "eye"};
const char *const examiner_numbers[ASK_NUMBERS] = {"armed",  "girth", "length", "fin",
                                                   "spikes", "eye",   "tilt",   "bend"};
static const int answers[ASK_CHOICES] = {SUBJECTS, 23, 8, 8, 4, 4, 2, FISH_WATERS, 4, EYES};

int examiner_answers(examiner_choice q)
{
    return answers[q];
}

/* ---- pictures and the truth about them */

static int nearest(float hue, int n)
{
    float at = floorf(hue + .5f);
    return fabsf(hue - at) <= .25f ? (int)at % n : -1;
}

static void truth_of_fish(const float *p, examiner_view *t)
{
    int bare = p[SPIKES] < .05f;
    t->is[ASK_COLOUR] = nearest(p[COLOUR], FISH_COLOURS);
    t->is[ASK_SECOND] = nearest(p[SECOND], FISH_COLOURS);
    t->is[ASK_PATTERN] = p[ARMED] < .05f ? (int)p[PATTERN] : -1;
    t->is[ASK_TAIL] = (int)p[TAIL];
    t->is[ASK_FACING] = (int)p[FACING];
    t->is[ASK_WATER] = (int)p[WATER];
    t->is[ASK_NEON] = p[ARMED] > .6f ? nearest(p[NEON], FISH_NEONS) : -1;
    t->number[HOW_ARMED] = p[ARMED];
    t->number[HOW_FAT] = p[GIRTH];
    t->number[HOW_LONG] = p[LENGTH];
    t->number[HOW_TALL_FIN] = bare ? p[FIN] : NAN;
    t->number[HOW_SPIKY] = p[SPIKES];
    t->number[HOW_BIG_EYE] = p[EYE];
    t->number[HOW_TILTED] = p[TILT];
    t->number[HOW_BENT] = p[BEND];
}

/* Colours a disc, smooth at its rim; units are pixels. */
static void disc(float *picture, double x, double y, double r, const float colour[3])
{
    for (int py = 0; py < EXAMINER_SIZE; py++)
        for (int px = 0; px < EXAMINER_SIZE; px++) {
            double much = fmin(fmax(r + .5 - hypot(px + .5 - x, py + .5 - y), 0), 1);
            float *v = picture + 3 * (py * EXAMINER_SIZE + px);
            for (int k = 0; k < 3; k++)
                v[k] += (float)much * (colour[k] - v[k]);
        }
}

/* An eye that is a blot, or none at all. */
static void spoil_eye(const float *p, float *picture, latent_counter_random *r, examiner_view *t)
{
    double x, y, radius, up;
    float colour[3];
    int blank = latent_counter_random_uniform(r) < .6;
    fish_eye_at(p, &x, &y, &radius);
    up = y - 1.8 * radius;
    for (int k = 0; k < 3; k++) {
        int py = (int)fmin(fmax(up, 0), EXAMINER_SIZE - 1),
            px = (int)fmin(fmax(x, 0), EXAMINER_SIZE - 1);
        float near = picture[3 * (py * EXAMINER_SIZE + px) + k];
        colour[k] = blank ? (float)(.6 + .4 * latent_counter_random_uniform(r)) : near;
    }
    disc(picture, x, y, blank ? radius * (.6 + .4 * latent_counter_random_uniform(r)) : radius + 1,
         colour);
    t->is[ASK_EYE] = blank ? BLANK_EYE : NO_EYE;
}

static void roughen(float *picture, latent_counter_random *r)
{
    double soft = latent_counter_random_uniform(r), noise = .12 * latent_counter_random_uniform(r);
    double gain = .85 + .3 * latent_counter_random_uniform(r),
           lift = .2 * (latent_counter_random_uniform(r) - .5);
    for (int way = 0; way < 2; way++) { /* along rows, then columns: [1 2 1] / 4, partly */
        int step = way ? 3 * EXAMINER_SIZE : 3;
        for (int line = 0; line < EXAMINER_SIZE; line++)
            for (int k = 0; k < 3; k++) {
                float *v = picture + line * (way ? 3 : 3 * EXAMINER_SIZE) + k, before = *v;
                for (int i = 0; i < EXAMINER_SIZE; i++, v += step) {
                    float now = *v, next = i + 1 < EXAMINER_SIZE ? v[step] : now;
                    *v = (float)(now + soft * (.25 * before + .5 * now + .25 * next - now));
                    before = now;
                }
            }
    }
    for (int i = 0; i < EXAMINER_PIXELS; i++) {
        double v = picture[i] * gain + lift + noise * latent_counter_random_gauss(r);
        picture[i] = (float)fmin(fmax(v, -1), 1);
    }
}

/* Up to which number by chance a picture is of which kind. */
#define FISHES .76
#define TIGERS .82
#define SAYINGS .94

int examiner_picture(uint32_t seed, uint32_t index, int rough, float *picture, examiner_view *truth,
                     latent_error *e)
{
    static const char *const others[] = {"molnar",    "flow",  "turing",
                                         "automaton", "field", "lsystem"};
    latent_counter_random r = latent_counter_random_at(seed, 61, index);
    double kind = latent_counter_random_uniform(&r);
    const latent_rule *rule = latent_rule_find(
        kind < FISHES   ? "fish"
        : kind < TIGERS ? "tiger"
        : kind < SAYINGS
            ? "idiom"
            : others[latent_counter_random_below(&r, sizeof(others) / sizeof(*others))]);
    float p[LATENT_RULE_MOST];
    memset(truth->is, -1, sizeof(truth->is));
    for (int i = 0; i < ASK_NUMBERS; i++)
        truth->number[i] = NAN;
    latent_rule_random(rule, seed, index, p);
    if (latent_rule_channels(rule))
        p[0] = 12; /* a few steps are another thing already */
    truth->is[ASK_SUBJECT] = kind < FISHES    ? A_FISH
                             : kind < TIGERS  ? A_TIGER
                             : kind < SAYINGS ? A_SAYING
                                              : ANOTHER;
    if (truth->is[ASK_SUBJECT] == A_SAYING)
        truth->is[ASK_SAYING] = (int)p[0];
    if (latent_rule_draw(rule, p, EXAMINER_SIZE, picture, e))
        return -1;
    if (kind < FISHES) {
        truth_of_fish(p, truth);
        truth->is[ASK_EYE] = WITH_PUPIL;
        if (latent_counter_random_uniform(&r) < .35)
            spoil_eye(p, picture, &r, truth);
    }
    if (rough)
        roughen(picture, &r);
    return 0;
}

void examiner_mirror(float *picture, examiner_view *truth)
{
    for (int y = 0; y < EXAMINER_SIZE; y++)
        for (int x = 0; x < EXAMINER_SIZE / 2; x++)
            for (int k = 0; k < 3; k++) {
                float *a = picture + 3 * (y * EXAMINER_SIZE + x) + k,
                      *b = picture + 3 * (y * EXAMINER_SIZE + EXAMINER_SIZE - 1 - x) + k, held = *a;
                *a = *b;
                *b = held;
            }
    if (truth->is[ASK_FACING] >= 0)
        truth->is[ASK_FACING] = 1 - truth->is[ASK_FACING];
}

/* ---- the network */

enum { STAGES = 4, WIDE = 64 };
static const int channels[STAGES] = {24, 48, 96, 128};

/* Parameters in the order in which they are used: each convolution with its bias, then its norm. */
static int add_parameters(latent_parameters *p, latent_error *e)
{
    int failed = 0, in = 3;
    for (int s = 0; s < STAGES; s++) {
        int64_t c = channels[s];
        for (int k = 0; k < (s == 1 || s == 2 ? 2 : 1); k++, in = (int)c) {
            failed |= latent_parameters_add(p, 1, e, 4, (int64_t[]){c, in, 3, 3},
                                            "conv%d.%d.weight", s, k) < 0;
            failed |= latent_parameters_add(p, 1, e, 1, &c, "conv%d.%d.bias", s, k) < 0;
            failed |= latent_parameters_add(p, 1, e, 1, &c, "norm%d.%d.gain", s, k) < 0;
            failed |= latent_parameters_add(p, 1, e, 1, &c, "norm%d.%d.bias", s, k) < 0;
        }
    }
    failed |= latent_parameters_add(p, 1, e, 4, (int64_t[]){WIDE, 16 * in, 1, 1}, "all.weight") < 0;
    failed |= latent_parameters_add(p, 1, e, 1, (int64_t[]){WIDE}, "all.bias") < 0;
    for (int q = 0; q <= ASK_CHOICES; q++) {
        int64_t n = q < ASK_CHOICES ? answers[q] : ASK_NUMBERS;
        const char *name = q < ASK_CHOICES ? examiner_questions[q] : "numbers";
        failed |=
            latent_parameters_add(p, 1, e, 4, (int64_t[]){n, WIDE, 1, 1}, "%s.weight", name) < 0;
        failed |= latent_parameters_add(p, 1, e, 1, &n, "%s.bias", name) < 0;
    }
    return failed || latent_parameters_allocate(p, 1, e) ? -1 : 0;
}

int examiner_new(examiner *x, uint32_t seed, latent_error *e)
{
    latent_counter_random r = latent_counter_random_at(seed, 62, 0);
    latent_parameters *p = &x->weights;
    memset(x, 0, sizeof(*x));
    if (add_parameters(p, e)) {
        examiner_free(x);
        return -1;
    }
    for (int i = 0; i < p->n; i++) {
        const latent_parameter *q = p->item + i;
        float *v = latent_parameter_value(p, i), size;
        if (q->rank == 4) {
            size = sqrtf(2 / (float)(q->dim[1] * q->dim[2] * q->dim[3]));
            for (size_t k = 0; k < q->count; k++)
                v[k] = size * (float)latent_counter_random_gauss(&r);
        } else if (!strncmp(q->name, "norm", 4) && strstr(q->name, "gain"))
            for (size_t k = 0; k < q->count; k++)
                v[k] = 1;
    }
    memcpy(p->average, p->value, p->count * sizeof(float));
    latent_parameters_changed(p);
    return 0;
}

void examiner_free(examiner *x)
{
    latent_parameters_free(&x->weights);
}

int examiner_read(examiner *x, const char *path, latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    int failed = !w || examiner_new(x, 1, e);
    for (int i = 0; !failed && i < x->weights.n; i++) {
        const latent_parameter *q = x->weights.item + i;
        const latent_entry *entry = latent_weights_find(w, q->name);
        if (!entry || entry->count != (int64_t)q->count)
            failed = latent_fail(e, "%s has no %s of %zu numbers", path, q->name, q->count);
        else
            failed = latent_weights_read(w, entry, latent_parameter_value(&x->weights, i), e);
    }
    if (w)
        latent_weights_close(w);
    if (failed)
        return -1;
    latent_parameters_changed(&x->weights);
    return 0;
}

int examiner_write(examiner *x, const char *path, const char *note, latent_error *e)
{
    const latent_parameters *p = &x->weights;
    latent_tensor_out *t = calloc((size_t)p->n, sizeof(*t));
    latent_meta_out meta = {"note", note};
    int failed;
    if (!t)
        return latent_fail(e, "there is no memory for an examiner's weights");
    for (int i = 0; i < p->n; i++) {
        t[i] = (latent_tensor_out){.name = p->item[i].name,
                                   .dtype = LATENT_F16,
                                   .rank = p->item[i].rank,
                                   .data = p->average + p->item[i].at};
        memcpy(t[i].dim, p->item[i].dim, sizeof(t[i].dim));
    }
    failed = latent_safetensors_write(path, t, (size_t)p->n, &meta, 1, e);
    free(t);
    return failed;
}

/* ---- the way through it; each step takes its input over */

typedef struct {
    latent_parameters *p;
    int next; /* parameter */
    int failed;
    latent_error *e;
} walk;

static latent_node *leaf(walk *w)
{
    latent_node *n = w->failed ? NULL : latent_parameter_leaf(w->p, w->next++, w->e);
    w->failed |= !n;
    return n;
}

static latent_node *keep(walk *w, latent_node *n, latent_node *a, latent_node *b, latent_node *c)
{
    latent_node *used[] = {a, b, c};
    for (int i = 0; i < 3; i++)
        if (used[i])
            latent_node_release(used[i]);
    w->failed |= !n;
    return n;
}

static latent_node *convolved(walk *w, latent_node *x, int stride, int padding)
{
    latent_node *k = leaf(w), *b = leaf(w);
    return keep(w,
                w->failed ? NULL : latent_op_convolve(x, k, b, stride, padding, "examiner", w->e),
                x, k, b);
}

static latent_node *normal(walk *w, latent_node *x)
{
    latent_node *gain = leaf(w), *bias = leaf(w);
    x = keep(w, w->failed ? NULL : latent_op_group_norm(x, gain, bias, 8, 1e-5f, "examiner", w->e),
             x, gain, bias);
    return keep(w, w->failed ? NULL : latent_op_silu(x, 1.676f, "examiner", w->e), x, NULL, NULL);
}

/* 64 x 64 to the WIDE numbers that all answers are made of: four times half the size; at two sizes
   one more convolution, around which the numbers also go on as they are. */
static latent_node *seen_in(walk *w, const float *pictures, int n)
{
    latent_tensor *t = latent_tensor_new((latent_shape){n, EXAMINER_SIZE, EXAMINER_SIZE, 3}, w->e);
    latent_node *x = NULL;
    if (t) {
        memcpy(t->data, pictures, t->count * sizeof(float));
        x = latent_op_parameter(t, w->e);
        latent_tensor_release(t);
    }
    w->failed |= !x;
    for (int s = 0; s < STAGES && !w->failed; s++) {
        x = normal(w, convolved(w, x, 2, 1));
        if (s == 1 || s == 2) {
            latent_node *before = latent_node_retain(x), *y = normal(w, convolved(w, x, 1, 1));
            x = keep(w,
                     w->failed ? NULL : latent_op_add(before, .7071f, y, .7071f, "examiner", w->e),
                     before, y, NULL);
        }
    }
    if (!w->failed)
        x = keep(w, latent_op_reshape(x, (latent_shape){n, 1, 1, 16 * channels[STAGES - 1]}, w->e),
                 x, NULL, NULL);
    x = w->failed ? x : convolved(w, x, 1, 0);
    return w->failed ? x : keep(w, latent_op_silu(x, 1.676f, "examiner", w->e), x, NULL, NULL);
}

/* What speaks for each answer, and the numbers behind them. */
static int answered(walk *w, const float *pictures, int n, latent_node *out[ASK_CHOICES + 1])
{
    latent_node *x = seen_in(w, pictures, n);
    memset(out, 0, (ASK_CHOICES + 1) * sizeof(*out));
    for (int q = 0; q <= ASK_CHOICES && !w->failed; q++)
        out[q] = convolved(w, latent_node_retain(x), 1, 0);
    if (x)
        latent_node_release(x);
    return w->failed ? -1 : 0;
}

static void release_all(latent_node **n, int count)
{
    for (int i = 0; i < count; i++)
        if (n[i])
            latent_node_release(n[i]);
}

/* What speaks for n answers as how likely they are, in place. */
static void softmax(float *v, int n)
{
    float most = v[0], sum = 0;
    for (int k = 1; k < n; k++)
        most = fmaxf(most, v[k]);
    for (int k = 0; k < n; k++)
        sum += v[k] = expf(v[k] - most);
    for (int k = 0; k < n; k++)
        v[k] /= sum;
}

static void read_answers(const latent_tensor *t, int q, int n, examiner_view *seen)
{
    for (int i = 0; i < n; i++) {
        const float *said = t->data + i * t->shape.c;
        float v[EXAMINER_ANSWERS];
        if (q == ASK_CHOICES) {
            memcpy(seen[i].number, said, sizeof(seen[i].number));
            continue;
        }
        memcpy(v, said, (size_t)answers[q] * sizeof(*v));
        softmax(v, answers[q]);
        seen[i].is[q] = 0;
        for (int k = 1; k < answers[q]; k++)
            if (v[k] > v[seen[i].is[q]])
                seen[i].is[q] = k;
        seen[i].sure[q] = v[seen[i].is[q]];
    }
}

int examiner_look(examiner *x, const float *pictures, int n, examiner_view *seen, latent_error *e)
{
    walk w = {&x->weights, 0, 0, e};
    latent_node *out[ASK_CHOICES + 1];
    int failed = answered(&w, pictures, n, out);
    for (int q = 0; q <= ASK_CHOICES && !failed; q++) {
        latent_tensor *t;
        if (!(failed = latent_evaluate(out[q], NULL, &t, e))) {
            read_answers(t, q, n, seen);
            latent_tensor_release(t);
        }
    }
    release_all(out, ASK_CHOICES + 1);
    return failed;
}

/* ---- learning */

#define OF_NUMBERS 16 /* how much a squared error weighs beside an answer's cross entropy */

/* How wrong what is said about question q is: the cross entropy of the answers. */
static latent_node *wrong_choice(latent_node *said, const examiner_view *truth, int n, int q,
                                 latent_error *e)
{
    int *right = malloc((size_t)n * sizeof(*right));
    latent_node *loss = NULL;
    if (!right)
        latent_fail(e, "there is no memory for %d answers", n);
    for (int i = 0; right && i < n; i++)
        right[i] = truth[i].is[q];
    if (right)
        loss = latent_op_choice_loss(said, right, e);
    free(right);
    return loss;
}

/* The same of the numbers: half the squared errors where the truth is known, the mean over all. */
static latent_node *wrong_numbers(latent_node *said, const examiner_view *truth, int n,
                                  latent_error *e)
{
    latent_tensor *t[2] = {latent_tensor_new(said->shape, e), latent_tensor_new(said->shape, e)};
    latent_node *right = NULL, *known = NULL, *heard = NULL, *loss = NULL;
    for (int i = 0; t[0] && t[1] && i < n * ASK_NUMBERS; i++) {
        float v = truth[i / ASK_NUMBERS].number[i % ASK_NUMBERS];
        t[1]->data[i] = !isnan(v);
        t[0]->data[i] = isnan(v) ? 0 : v;
    }
    if (t[0] && t[1] && (right = latent_op_parameter(t[0], e)) &&
        (known = latent_op_parameter(t[1], e)) &&
        (heard = latent_op_multiply(said, known, "examiner", e)))
        loss = latent_op_sse(heard, right, e);
    for (int i = 0; i < 2; i++)
        if (t[i])
            latent_tensor_release(t[i]);
    latent_node_release(right);
    latent_node_release(known);
    latent_node_release(heard);
    return loss;
}

int examiner_learn(examiner *x, const float *pictures, const examiner_view *truth, int n,
                   float *loss, latent_error *e)
{
    walk w = {&x->weights, 0, 0, e};
    latent_node *out[ASK_CHOICES + 1], *wrong[ASK_CHOICES + 1] = {0}, *sum = NULL;
    float share[ASK_CHOICES + 1];
    int failed = answered(&w, pictures, n, out);
    for (int q = 0; q <= ASK_CHOICES && !failed; q++) {
        share[q] = q < ASK_CHOICES ? 1 : OF_NUMBERS / (float)(n * ASK_NUMBERS);
        wrong[q] = q < ASK_CHOICES ? wrong_choice(out[q], truth, n, q, e)
                                   : wrong_numbers(out[q], truth, n, e);
        failed = !wrong[q];
    }
    if (!failed)
        failed = !(sum = latent_op_sum(wrong, share, ASK_CHOICES + 1, e));
    if (!failed)
        failed = latent_parameters_gradient(&x->weights, sum, NULL, loss, e);
    latent_node_release(sum);
    release_all(wrong, ASK_CHOICES + 1);
    release_all(out, ASK_CHOICES + 1);
    return failed ? -1 : 0;
}
