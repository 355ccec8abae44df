/* noised: see noised.h */
#include "noised.h"
#include "../models/model.h"
#include "../ops/layers.h"
#include "../ops/ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_STEPS 4
#define SAME 1e-6 /* levels as near as this are one */

/* What rides along, in this order. */
enum { NOISE, BEFORE, STATE, CARRIED };

/* n taken apart, all borrowed.  state: the pair of the guess before, and a schedule. */
typedef struct {
    latent_features_parts parts;
    latent_model *model;
    latent_node *carried[CARRIED];
    latent_pair at, before_at;
    latent_tensor *state; /* held, or NULL */
} noised;

static latent_pair pair_of(latent_level l)
{
    return (latent_pair){(double)l.a, (double)l.s};
}

static latent_level level_of(latent_pair p, int step, int steps)
{
    return (latent_level){(float)p.a, (float)p.s, step, steps};
}

static noised take_apart(latent_node *n)
{
    const latent_features *f = latent_features_of(n);
    noised x = {.parts = latent_features_parts_of(n), .model = f ? f->model : NULL};
    x.at = pair_of(x.parts.level);
    if (x.parts.n_carried == CARRIED)
        memcpy(x.carried, x.parts.carried, sizeof(x.carried));
    if (x.carried[STATE] && (x.state = x.carried[STATE]->op->leaf(x.carried[STATE])))
        x.before_at = (latent_pair){(double)x.state->data[0], (double)x.state->data[1]};
    return x;
}

static int schedule_of(const noised *x, const float **level)
{
    *level = x->state ? x->state->data + 2 : NULL;
    return x->state ? (int)x->state->count - 2 : 0;
}

/* Features of a new tensor (which stays the caller's), and what rides along. */
static latent_node *put_together(const noised *x, latent_node *tensor, latent_level level,
                                 latent_error *e)
{
    latent_features_parts parts = x->parts;
    parts.x = tensor;
    parts.level = level;
    parts.carried = x->carried;
    parts.n_carried = CARRIED;
    return latent_features_make(x->model, -1, &parts, e);
}

static void finish(noised *x)
{
    latent_tensor_release(x->state);
}

latent_node *latent_noised_noise(latent_node *noise, latent_error *e)
{
    noised x = take_apart(noise);
    latent_node *n;
    x.carried[NOISE] = x.parts.x;
    n = put_together(&x, x.parts.x, (latent_level){0, 1, 0, 0}, e);
    finish(&x);
    return n;
}

/* ---- pictures */

latent_node *latent_encoded(latent_model *m, latent_node *picture, latent_error *e)
{
    latent_shape s = picture->shape;
    int factor = m->decoder.factor > 0 ? m->decoder.factor : 1;
    int h = s.h - s.h % factor, w = s.w - s.w % factor;
    latent_node *fitting, *tensor = NULL, *n = NULL;
    latent_features_parts parts = {.level = LATENT_CLEAN};
    if (m->arch->denoiser) {
        h = m->denoiser.height * factor;
        w = m->denoiser.width * factor;
    }
    if (h < 1 || w < 1) {
        latent_fail(e, "a picture of %d x %d is too small for %s, which takes multiples of %d", s.w,
                    s.h, m->label, factor);
        return NULL;
    }
    fitting = h == s.h && w == s.w && s.c == 3 ? latent_node_retain(picture)
                                               : latent_op_resize_like(picture, h, w, 3, e);
    if (fitting && (tensor = latent_model_encode(m, fitting, e))) {
        parts.x = tensor;
        n = latent_features_make(m, -1, &parts, e);
    }
    latent_node_release(fitting);
    latent_node_release(tensor);
    return n;
}

latent_node *latent_decoded(latent_model *m, latent_node *n, latent_error *e)
{
    const latent_features *f = latent_features_of(n);
    latent_node *x = latent_features_parts_of(n).x;
    if (!m && f && f->model && f->model->arch->decoder)
        m = f->model;
    if (m)
        return latent_model_decode(m, n, e);
    if (x->shape.c == 1 || x->shape.c == 3 || x->shape.c == 4)
        return latent_node_retain(x);
    latent_fail(e,
                "features of %d channels came, which no network made that has pictures for them; "
                "name one, as in [latent.decode file]",
                x->shape.c);
    return NULL;
}

/* ---- noise */

latent_noising latent_model_noising(const latent_model *m)
{
    return m && m->arch->denoiser && !m->denoiser.flow ? LATENT_THOUSAND : LATENT_STRAIGHT;
}

/* A promise's tensor and shape must be like x's. */
static int fits(const latent_node *x, const latent_node *other, const char *what, latent_error *e)
{
    latent_shape a = x->shape, b = other->shape;
    return latent_shape_equal(a, b)
               ? 0
               : latent_fail(e,
                             "%s of %d x %d x %d (channels, height, width) doesn't fit features of "
                             "%d x %d x %d; both must be of one size",
                             what, b.c, b.h, b.w, a.c, a.h, a.w);
}

latent_node *latent_noised_more(latent_node *n, latent_node *noise, double level, latent_error *e)
{
    noised x = take_apart(n);
    latent_node *from = x.parts.x, *chance = NULL, *tensor = NULL, *result = NULL;
    latent_pair to = latent_pair_of(level, latent_model_noising(x.model));
    double kept, fresh;
    if (noise)
        chance = latent_node_retain(latent_features_parts_of(noise).x);
    else
        chance = latent_op_randn(from->shape, 0, 0, e);
    if (!chance || fits(from, chance, "noise", e)) {
        latent_node_release(chance);
        finish(&x);
        return NULL;
    }
    kept = x.at.a > 0 ? to.a / x.at.a : 0;
    fresh = to.s * to.s - kept * kept * x.at.s * x.at.s;
    if (level < latent_pair_number(x.at) - SAME)
        latent_fail(e,
                    "there is more noise in this already: %g, and a level of %g was asked for; "
                    "[latent.denoise] takes it off",
                    latent_pair_number(x.at), level);
    else
        tensor = latent_op_add(chance, (float)sqrt(fmax(fresh, 0)), from, (float)kept, "noisy", e);
    x.carried[NOISE] = chance;
    x.carried[BEFORE] = NULL;
    if (tensor)
        result = put_together(&x, tensor, level_of(to, 0, 0), e);
    latent_node_release(tensor);
    latent_node_release(chance);
    finish(&x);
    return result;
}

/* ---- a step */

typedef struct {
    const latent_denoise *d;
    latent_node *words;
} asked;

/* The network's guess, by its words and away from what is not meant. */
static latent_node *guess(void *context, latent_node *x, latent_pair at, latent_error *e)
{
    const asked *a = context;
    const latent_denoise *d = a->d;
    const latent_level level = level_of(at, 0, 0);
    latent_node *with = NULL, *without = NULL, *result = NULL;
    if (!a->words || d->guidance == 0)
        return latent_model_denoise(d->model, x, level, a->words ? d->without : NULL, e);
    if (!(with = latent_model_denoise(d->model, x, level, a->words, e)) || d->guidance == 1)
        return with;
    if ((without = latent_model_denoise(d->model, x, level, d->without, e)))
        result = latent_guided(without, with, d->guidance, e);
    latent_node_release(with);
    latent_node_release(without);
    return result;
}

/* The schedule's first level that is below number, or the one that is wanted. */
static int next_place(const float *level, int n, double number, int wanted)
{
    int i = 1;
    if (wanted)
        return wanted < n ? wanted : n - 1;
    while (i < n - 1 && !((double)level[i] < number - SAME))
        i++;
    return i;
}

/* Noise alone begins where the schedule does; it is brought to the spread that the network knows
   from there.  Holds the tensor. */
static latent_node *begin(noised *x, double level, latent_noising noising, latent_error *e)
{
    double spread;
    if (x->at.a > 0)
        return latent_node_retain(x->parts.x);
    x->at = latent_pair_of(level, noising);
    spread = hypot(x->at.a, x->at.s);
    if (fabs(spread - 1) < SAME)
        return latent_node_retain(x->parts.x);
    return latent_op_add(x->parts.x, (float)spread, x->parts.x, 0, "step", e);
}

/* The constant that rides along after a step: where its guess was, and the schedule. */
static latent_node *state_of(latent_pair at, const float *level, int n, latent_error *e)
{
    float *numbers = malloc(((size_t)n + 2) * sizeof(*numbers));
    latent_node *state;
    if (!numbers) {
        latent_fail(e, "no memory for a schedule");
        return NULL;
    }
    numbers[0] = (float)at.a;
    numbers[1] = (float)at.s;
    memcpy(numbers + 2, level, (size_t)n * sizeof(*level));
    state = latent_op_style(0, 1, numbers, n + 2, e);
    free(numbers);
    return state;
}

/* The features after a step, and its guess as features. */
static latent_node *arrive(const noised *x, latent_node *tensor, latent_node *guessed,
                           latent_level level, latent_node **clean, latent_error *e)
{
    latent_node *result;
    if (!(*clean = put_together(x, guessed, LATENT_CLEAN, e)))
        return NULL;
    if (!(result = put_together(x, tensor, level, e))) {
        latent_node_release(*clean);
        *clean = NULL;
    }
    return result;
}

/* To number place of a schedule; x may not be clean. */
static latent_node *denoise(noised *x, const latent_denoise *d, const float *level, int count,
                            int place, latent_node **clean, latent_error *e)
{
    latent_noising noising = latent_model_noising(d->model);
    latent_pair next = latent_pair_of((double)level[place], noising);
    const asked a = {d, d->words ? d->words : x->parts.context};
    const latent_guesser by = {guess, (void *)&a};
    const latent_step s = {d->sampler, d->eta, d->seed, place, x->carried[BEFORE], x->before_at};
    latent_node *start = begin(x, (double)level[place - 1], noising, e), *guessed = NULL, *tensor,
                *state = NULL, *result = NULL;
    if (!start)
        return NULL;
    tensor = latent_step_make(start, x->at, next, &s, &by, &guessed, e);
    if (tensor && (state = state_of(x->at, level, count, e))) {
        x->model = d->model;
        x->parts.context = a.words;
        x->carried[BEFORE] = guessed;
        x->carried[STATE] = state;
        result = arrive(x, tensor, guessed, level_of(next, place, count - 1), clean, e);
    }
    latent_node_release(start);
    latent_node_release(guessed);
    latent_node_release(tensor);
    latent_node_release(state);
    return result;
}

void latent_usual_schedule(const latent_model *m, int steps, float *level)
{
    const latent_schedule plan = {latent_model_noising(m), LATENT_TRAILING, steps, 1, 7, 1};
    latent_error e;
    latent_schedule_levels(&plan, level, NULL, &e);
}

latent_node *latent_denoised(latent_node *n, const latent_denoise *d, latent_node **clean,
                             latent_error *e)
{
    noised x = take_apart(n);
    float usual[USUAL_STEPS + 1];
    const float *level = d->level;
    int count = d->n_levels;
    latent_node *result = NULL;
    *clean = NULL;
    if (!level)
        count = schedule_of(&x, &level);
    if (!level) {
        latent_usual_schedule(d->model, USUAL_STEPS, usual);
        level = usual;
        count = USUAL_STEPS + 1;
    }
    if (x.at.s == 0) {
        *clean = latent_node_retain(n);
        result = latent_node_retain(n);
    } else if (x.at.a > 0 && !x.model)
        latent_fail(e,
                    "this picture was not encoded for %s; put [latent.encode] before "
                    "[latent.noisy]",
                    d->model->label);
    else
        result = denoise(&x, d, level, count,
                         next_place(level, count, x.at.a > 0 ? latent_pair_number(x.at) : 2, d->to),
                         clean, e);
    finish(&x);
    return result;
}

/* ---- a hand in between */

latent_node *latent_noised_keep(latent_node *n, latent_node *keep, latent_node *mask, int invert,
                                latent_error *e)
{
    noised x = take_apart(n);
    latent_shape s = x.parts.x->shape;
    latent_node *stays = latent_features_parts_of(keep).x, *noisy = NULL, *sized = NULL,
                *blend = NULL, *result = NULL,
                *noise = x.carried[NOISE] ? latent_node_retain(x.carried[NOISE])
                                          : latent_op_randn(s, 0, 0, e);
    if (noise && !fits(x.parts.x, stays, "what is to stay", e) &&
        (noisy = latent_op_add(noise, (float)x.at.s, stays, (float)x.at.a, "noisy", e)) &&
        (sized = latent_op_resize_like(mask, s.h, s.w, 1, e)) &&
        (blend = latent_op_mask(invert ? noisy : x.parts.x, invert ? x.parts.x : noisy, sized,
                                "inpaint", e)))
        result = put_together(&x, blend, x.parts.level, e);
    latent_node_release(noise);
    latent_node_release(noisy);
    latent_node_release(sized);
    latent_node_release(blend);
    finish(&x);
    return result;
}

latent_node *latent_noised_push(latent_node *n, latent_node *gradient, double strength,
                                latent_error *e)
{
    noised x = take_apart(n);
    latent_node *by = latent_features_parts_of(gradient).x, *tensor = NULL, *result = NULL;
    if (!fits(x.parts.x, by, "a gradient", e))
        tensor = latent_op_add(x.parts.x, 1, by, (float)-strength, "push", e);
    if (tensor)
        result = put_together(&x, tensor, x.parts.level, e);
    latent_node_release(tensor);
    finish(&x);
    return result;
}
