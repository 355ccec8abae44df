/* optimise: see optimise.h */
#include "optimise.h"
#include "../base/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RAMP_UP 0.05   /* of all steps */
#define RAMP_DOWN 0.25 /* of all steps */
#define NOISE_END 0.75 /* of all steps */
#define EPSILON 1e-8

int latent_optimiser_preset(const char *name, latent_optimiser_settings *s, latent_error *e)
{
    static const struct {
        const char *name;
        double rate, beta1, pull, noise;
        int steps;
    } known[] = {
        {"projector", 0.1, 0.9, 0, 0.05, 1000}, {"sg3clip", 0.03, 0, 0, 0, 0},
        {"styleclip", 0.1, 0.9, 0.016, 0, 300}, {"stylemc", 0.05, 0, 0, 0, 0},
        {"vqganclip", 0.1, 0.9, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (!strcmp(name, known[i].name)) {
            s->mode = LATENT_ADAM;
            s->rate = known[i].rate;
            s->beta1 = known[i].beta1;
            s->pull = known[i].pull;
            s->noise = known[i].noise;
            s->steps = known[i].steps;
            return 0;
        }
    return latent_fail(e,
                       "preset is one of projector sg3clip styleclip stylemc vqganclip, but %.40s "
                       "came; all stays as it was",
                       name);
}

int latent_optimiser_start(latent_optimiser *o, const float *x, int n, latent_error *e)
{
    if (n != o->n) {
        float *memory = calloc(8 * (size_t)n, sizeof(*memory));
        double *sum = calloc((size_t)n, sizeof(*sum));
        if (!memory || !sum) {
            free(memory);
            free(sum);
            return latent_fail(e, "no memory for a latent of %d numbers", n);
        }
        latent_optimiser_free(o);
        o->n = n;
        o->x = memory;
        o->start = memory + n;
        o->m = memory + 2 * (size_t)n;
        o->v = memory + 3 * (size_t)n;
        o->given = memory + 4 * (size_t)n;
        o->shown = memory + 5 * (size_t)n;
        o->room = memory + 6 * (size_t)n;
        o->sum = sum;
    }
    memcpy(o->given, x, (size_t)n * sizeof(*x));
    latent_optimiser_reset(o);
    return 0;
}

/* Forgets the gradients. */
static void forget(latent_optimiser *o)
{
    size_t n = (size_t)o->n;
    memset(o->m, 0, n * sizeof(*o->m));
    memset(o->v, 0, n * sizeof(*o->v));
    memset(o->sum, 0, n * sizeof(*o->sum));
    o->gathered = 0;
    o->moments = 0;
}

/* w, as it is in the space that x is in. */
static void put_in(const latent_optimiser *o, const float *w, float *x)
{
    if (o->space)
        latent_whitening_in(o->space, w, x);
    else
        memcpy(x, w, (size_t)o->n * sizeof(*x));
}

static void take_out(const latent_optimiser *o, const float *x, float *w)
{
    if (o->space)
        latent_whitening_out(o->space, x, w);
    else
        memcpy(w, x, (size_t)o->n * sizeof(*w));
}

void latent_optimiser_reset(latent_optimiser *o)
{
    o->t = 0;
    if (!o->n)
        return;
    forget(o);
    memcpy(o->shown, o->given, (size_t)o->n * sizeof(*o->shown));
    put_in(o, o->given, o->start);
    memcpy(o->x, o->start, (size_t)o->n * sizeof(*o->x));
}

/* The latent goes on from where it is in another space (or in none). */
static void move_to(latent_optimiser *o, latent_whitening *space)
{
    if (space == o->space)
        return;
    take_out(o, o->x, o->room);
    latent_whitening_release(o->space);
    o->space = latent_whitening_retain(space);
    put_in(o, o->room, o->x);
    put_in(o, o->given, o->start);
    forget(o);
}

void latent_optimiser_free(latent_optimiser *o)
{
    free(o->x);
    free(o->sum);
    latent_whitening_release(o->space);
    memset(o, 0, sizeof(*o));
}

static double place(const latent_optimiser *o, const latent_optimiser_settings *s)
{
    double t = s->steps > 0 ? (double)o->t / s->steps : 0;
    return t < 1 ? t : 1;
}

/* The rate's ramps: a line up, half a cosine down. */
static double ramp(double t)
{
    double down = (1 - t) / RAMP_DOWN, up = t / RAMP_UP;
    down = 0.5 - 0.5 * cos((down < 1 ? down : 1) * 3.14159265358979323846);
    return down * (up < 1 ? up : 1);
}

/* Adds a gradient of count numbers, rows of n, at the latent that was seen last, to the sum. */
static void gather(latent_optimiser *o, const float *g, int count)
{
    float *row = o->room, *turned = o->room + o->n;
    if (!o->space) {
        for (int i = 0; i < count; i++)
            o->sum[i % o->n] += (double)g[i];
    } else {
        memset(row, 0, (size_t)o->n * sizeof(*row));
        for (int i = 0; i < count; i++)
            row[i % o->n] += g[i];
        latent_whitening_gradient(o->space, o->shown, row, turned);
        for (int i = 0; i < o->n; i++)
            o->sum[i] += (double)turned[i];
    }
    o->gathered++;
}

/* The mean gradient, and the pull, in o->sum; nothing is gathered then. */
static void pull(latent_optimiser *o, const latent_optimiser_settings *s)
{
    const float *where = o->start;
    int n = o->n;
    if (s->where_n > 0 && !o->space) {
        where = s->where;
        n = s->where_n;
    } else if (s->where_n == o->n) {
        where = o->room;
        put_in(o, s->where, o->room);
    }
    for (int i = 0; i < o->n; i++)
        o->sum[i] = o->sum[i] / o->gathered + s->pull * ((double)o->x[i] - where[i % n]);
    o->gathered = 0;
}

static double length(const float *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum);
}

/* Back to where drawn latents lie, within times as far; the start counts as one. */
static void stay(latent_optimiser *o, double within)
{
    double far = length(o->x, o->n), most = within * sqrt(o->n), first = length(o->start, o->n);
    most = first > most ? first : most;
    for (int i = 0; far > most && i < o->n; i++)
        o->x[i] *= (float)(most / far);
}

/* One step down o->sum, which is 0 then. */
static void go(latent_optimiser *o, const latent_optimiser_settings *s, const unsigned char *frozen)
{
    double scale = 1, norm = 0, rate = s->rate;
    for (int i = 0; i < o->n; i++) {
        o->sum[i] *= !frozen || !frozen[i];
        norm += o->sum[i] * o->sum[i];
    }
    if (s->clip > 0 && sqrt(norm) > s->clip)
        scale = s->clip / sqrt(norm);
    o->t++;
    o->moments++;
    if (s->steps > 0)
        rate *= ramp(place(o, s));
    for (int i = 0; i < o->n; i++) {
        double v = scale * o->sum[i];
        o->sum[i] = 0;
        if (frozen && frozen[i])
            continue;
        if (s->mode == LATENT_SGD) {
            o->m[i] = (float)(s->beta1 * o->m[i] + v);
            o->x[i] -= (float)(rate * o->m[i]);
            continue;
        }
        o->m[i] = (float)(s->beta1 * o->m[i] + (1 - s->beta1) * v);
        o->v[i] = (float)(s->beta2 * o->v[i] + (1 - s->beta2) * v * v);
        o->x[i] -= (float)(rate * (o->m[i] / (1 - pow(s->beta1, (double)o->moments))) /
                           (sqrt(o->v[i] / (1 - pow(s->beta2, (double)o->moments))) + EPSILON));
    }
    if (o->space && s->within > 0)
        stay(o, s->within);
}

int latent_optimiser_step(latent_optimiser *o, const latent_optimiser_settings *s, const float *g,
                          int count, const unsigned char *frozen, latent_error *e)
{
    if (!o->n)
        return latent_fail(e,
                           "a gradient came, but there is no latent yet; send a list to the left "
                           "inlet: the start");
    if (!count || count % o->n)
        return latent_fail(e,
                           "a gradient of %d numbers came for a latent of %d; it takes %d, or rows "
                           "of %d, which are added up",
                           count, o->n, o->n, o->n);
    if (s->space && latent_whitening_size(s->space) != o->n)
        return latent_fail(e,
                           "a latent of %d numbers cannot be kept among the styles of a network "
                           "whose w has %d",
                           o->n, latent_whitening_size(s->space));
    for (int i = 0; i < count; i++)
        if (!isfinite(g[i]))
            return latent_fail(e, "a gradient with NaN or infinity came and is left out");
    move_to(o, s->space);
    gather(o, g, count);
    if (o->gathered < s->average)
        return 0;
    pull(o, s);
    go(o, s, frozen);
    return 0;
}

void latent_optimiser_now(latent_optimiser *o, const latent_optimiser_settings *s,
                          const unsigned char *frozen, float *out)
{
    double left = 1 - place(o, s) / NOISE_END, noise = left > 0 ? s->noise * left * left : 0;
    int average = s->average > 1 ? s->average : 1;
    latent_random r;
    if (!o->n)
        return;
    move_to(o, s->space && latent_whitening_size(s->space) == o->n ? s->space : NULL);
    memcpy(o->room, o->x, (size_t)o->n * sizeof(*out));
    if (noise > 0) {
        latent_random_seed(&r, (uint32_t)(o->t * average + o->gathered));
        for (int i = 0; i < o->n; i++) {
            double v = noise * latent_random_gauss(&r);
            if (!frozen || !frozen[i])
                o->room[i] += (float)v;
        }
    }
    take_out(o, o->room, o->shown);
    memcpy(out, o->shown, (size_t)o->n * sizeof(*out));
}

void latent_optimiser_still(const latent_optimiser *o, float *out)
{
    if (o->n)
        take_out(o, o->x, out);
}
