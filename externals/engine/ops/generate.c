/* generate: numbers that come from parameters alone: the embedding of a time, and chance. */
#include "../base/random.h"
#include "layers.h"
#include "ops.h"
#include <math.h>
#include <string.h>

#define MOST_TIMES 64

/* ---- times */

typedef struct {
    int n, c;
    float period, shift, time[MOST_TIMES];
} timestep_params;

static int timestep_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const timestep_params *p = n->params;
    if (p->c < 2 || p->c % 2 || p->c / 2 - (double)p->shift <= 0 || !(p->period > 0))
        return latent_fail(e, "a time can't be embedded in %d numbers", p->c);
    *s = (latent_shape){p->n, 1, 1, p->c};
    return 0;
}

static int timestep_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    const timestep_params *p = n->params;
    int half = p->c / 2;
    (void)in;
    (void)e;
    for (int b = 0; b < p->n; b++)
        for (int i = 0; i < half; i++) {
            double f = exp(-log((double)p->period) * i / (half - (double)p->shift));
            float *to = out->data + (size_t)b * (size_t)p->c + i;
            to[0] = (float)cos((double)p->time[b] * f);
            to[half] = (float)sin((double)p->time[b] * f);
        }
    return 0;
}

const latent_op latent_operation_timestep = {
    .name = "timestep",
    .shape = timestep_shape,
    .forward = timestep_forward,
};

latent_node *latent_op_timestep(const float *time, int n, int c, float period, float shift,
                                latent_error *e)
{
    timestep_params p;
    if (n < 1 || n > MOST_TIMES) {
        latent_fail(e, "%d times; 1 to %d can be embedded", n, MOST_TIMES);
        return NULL;
    }
    memset(&p, 0, sizeof(p));
    p.n = n;
    p.c = c;
    p.period = period;
    p.shift = shift;
    memcpy(p.time, time, (size_t)n * sizeof(*time));
    return latent_node_make(&latent_operation_timestep, NULL, 0, &p, sizeof(p), "timestep", e);
}

/* ---- one number everywhere */

typedef struct {
    latent_shape shape;
    float number;
} constant_params;

static int constant_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = ((const constant_params *)n->params)->shape;
    return 0;
}

static int constant_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    (void)in;
    (void)e;
    for (size_t i = 0; i < out->count; i++)
        out->data[i] = ((const constant_params *)n->params)->number;
    return 0;
}

const latent_op latent_operation_constant = {
    .name = "constant",
    .shape = constant_shape,
    .forward = constant_forward,
};

latent_node *latent_op_constant(latent_shape s, int c, float number, latent_error *e)
{
    constant_params p = {{s.n, s.h, s.w, c}, number};
    return latent_node_make(&latent_operation_constant, NULL, 0, &p, sizeof(p), NULL, e);
}

/* ---- chance */

typedef struct {
    latent_shape shape;
    uint32_t seed;
} normal_params;

static int normal_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = ((const normal_params *)n->params)->shape;
    return 0;
}

static int normal_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    latent_random r;
    (void)in;
    (void)e;
    latent_random_seed(&r, ((const normal_params *)n->params)->seed);
    for (size_t i = 0; i < out->count; i++)
        out->data[i] = (float)latent_random_gauss(&r);
    return 0;
}

const latent_op latent_operation_normal = {
    .name = "normal",
    .shape = normal_shape,
    .forward = normal_forward,
};

latent_node *latent_op_normal(latent_shape s, uint32_t seed, latent_error *e)
{
    normal_params p = {s, seed};
    return latent_node_make(&latent_operation_normal, NULL, 0, &p, sizeof(p), "noise", e);
}

latent_node *latent_op_random(int h, int w, uint32_t seed, latent_error *e)
{
    return latent_op_normal((latent_shape){1, h, w, 1}, seed, e);
}
