/* chance: normally distributed numbers in the order of other programs: channel, row, column. */
#include "../base/torch_random.h"
#include "layers.h"
#include <string.h>

typedef struct {
    latent_shape shape;
    uint32_t seed;
    int call, numpy;
} chance_params;

static int chance_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = ((const chance_params *)n->params)->shape;
    return 0;
}

/* planes: [channel][row][column] of one picture, which become its pixels. */
static void interleave(const float *planes, latent_shape s, float *to)
{
    size_t pixels = (size_t)s.h * (size_t)s.w, c = (size_t)s.c;
    for (size_t p = 0; p < pixels; p++)
        for (size_t k = 0; k < c; k++)
            to[p * c + k] = planes[k * pixels + p];
}

static int chance_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    const chance_params *p = n->params;
    size_t one = out->count / (size_t)p->shape.n;
    latent_tensor *planes = latent_tensor_new(p->shape, e);
    latent_random r;
    (void)in;
    if (!planes)
        return -1;
    latent_random_seed(&r, p->seed);
    if (p->numpy) {
        for (size_t i = 0; i < out->count; i++)
            planes->data[i] = (float)latent_random_gauss(&r);
    } else {
        for (int i = 0; i < p->call; i++)
            latent_torch_skip(&r, out->count);
        latent_torch_normal(&r, planes->data, out->count);
    }
    for (size_t i = 0; i < (size_t)p->shape.n; i++)
        interleave(planes->data + i * one, p->shape, out->data + i * one);
    latent_tensor_release(planes);
    return 0;
}

const latent_op latent_operation_chance = {
    .name = "randn",
    .shape = chance_shape,
    .forward = chance_forward,
};

static latent_node *make(latent_shape s, uint32_t seed, int call, int numpy, latent_error *e)
{
    chance_params p;
    memset(&p, 0, sizeof(p));
    p.shape = s;
    p.seed = seed;
    p.call = call < 0 ? 0 : call > LATENT_RANDN_CALLS ? LATENT_RANDN_CALLS : call;
    p.numpy = numpy;
    return latent_node_make(&latent_operation_chance, NULL, 0, &p, sizeof(p), "noise", e);
}

latent_node *latent_op_randn(latent_shape s, uint32_t seed, int call, latent_error *e)
{
    return make(s, seed, call, 0, e);
}

latent_node *latent_op_randn_numpy(latent_shape s, uint32_t seed, latent_error *e)
{
    return make(s, seed, 0, 1, e);
}
