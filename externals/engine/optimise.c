/* optimise: see optimise.h */
#include "optimise.h"
#include "random.h"
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
    float *memory = n != o->n ? calloc(4 * (size_t)n, sizeof(*memory)) : o->x;
    if (!memory)
        return latent_fail(e, "no memory for a latent of %d numbers", n);
    if (n != o->n)
        free(o->x);
    o->n = n;
    o->x = memory;
    o->start = memory + n;
    o->m = memory + 2 * (size_t)n;
    o->v = memory + 3 * (size_t)n;
    memcpy(o->start, x, (size_t)n * sizeof(*x));
    latent_optimiser_reset(o);
    return 0;
}

void latent_optimiser_reset(latent_optimiser *o)
{
    size_t bytes = (size_t)o->n * sizeof(float);
    o->t = 0;
    if (!o->n)
        return;
    memcpy(o->x, o->start, bytes);
    memset(o->m, 0, bytes);
    memset(o->v, 0, bytes);
}

void latent_optimiser_free(latent_optimiser *o)
{
    free(o->x);
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

/* The gradient of one row of n: all rows, and the pull. */
static double gathered(const latent_optimiser *o, const latent_optimiser_settings *s,
                       const float *g, int count, int i)
{
    double where = s->where_n > 0 ? s->where[i % s->where_n] : o->start[i];
    double sum = s->pull * (o->x[i] - where);
    for (int k = i; k < count; k += o->n)
        sum += g[k];
    return sum;
}

int latent_optimiser_step(latent_optimiser *o, const latent_optimiser_settings *s, const float *g,
                          int count, const unsigned char *frozen, latent_error *e)
{
    double scale = 1, norm = 0, rate = s->rate;
    if (!o->n)
        return latent_fail(e,
                           "a gradient came, but there is no latent yet; send a list to the left "
                           "inlet: the start");
    if (!count || count % o->n)
        return latent_fail(e,
                           "a gradient of %d numbers came for a latent of %d; it takes %d, or rows "
                           "of %d, which are added up",
                           count, o->n, o->n, o->n);
    for (int i = 0; i < count; i++)
        if (!isfinite(g[i]))
            return latent_fail(e, "a gradient with numbers that are none came and is left out");
    for (int i = 0; i < o->n && s->clip > 0; i++) {
        double v = frozen && frozen[i] ? 0 : gathered(o, s, g, count, i);
        norm += v * v;
    }
    if (s->clip > 0 && sqrt(norm) > s->clip)
        scale = s->clip / sqrt(norm);
    o->t++;
    if (s->steps > 0)
        rate *= ramp(place(o, s));
    for (int i = 0; i < o->n; i++) {
        double v = scale * gathered(o, s, g, count, i);
        if (frozen && frozen[i])
            continue;
        if (s->mode == LATENT_SGD) {
            o->m[i] = (float)(s->beta1 * o->m[i] + v);
            o->x[i] -= (float)(rate * o->m[i]);
            continue;
        }
        o->m[i] = (float)(s->beta1 * o->m[i] + (1 - s->beta1) * v);
        o->v[i] = (float)(s->beta2 * o->v[i] + (1 - s->beta2) * v * v);
        o->x[i] -= (float)(rate * (o->m[i] / (1 - pow(s->beta1, (double)o->t))) /
                           (sqrt(o->v[i] / (1 - pow(s->beta2, (double)o->t))) + EPSILON));
    }
    return 0;
}

void latent_optimiser_now(const latent_optimiser *o, const latent_optimiser_settings *s,
                          const unsigned char *frozen, float *out)
{
    double left = 1 - place(o, s) / NOISE_END, noise = left > 0 ? s->noise * left * left : 0;
    latent_random r;
    if (o->n)
        memcpy(out, o->x, (size_t)o->n * sizeof(*out));
    if (noise == 0)
        return;
    latent_random_seed(&r, (uint32_t)o->t);
    for (int i = 0; i < o->n; i++) {
        double v = noise * latent_random_gauss(&r);
        if (!frozen || !frozen[i])
            out[i] += (float)v;
    }
}
