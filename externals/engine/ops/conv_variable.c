/* conv_variable: the layers of conv.c by weights that are a value like any other, so that they can
   be learned: for all pictures of a batch, with the gradient of every input.  The way back through
   the convolution is the transposed one; the demodulation depends on the weights, too. */
#include "../base/parallel.h"
#include "../kernels/gemm.h"
#include "../kernels/training_loops.h"
#include "conv_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Parts of a picture, whose sums are added in order, whatever the threads. */
#define CHUNKS 16
#define CHUNK_PIXELS 64 /* at least, where there are as many */

static size_t chunks_of(size_t pixels)
{
    size_t chunks = pixels / CHUNK_PIXELS;
    return chunks < 1 ? 1 : chunks > CHUNKS ? CHUNKS : chunks;
}

static latent_conv_spec spec_of(const latent_node *n)
{
    latent_shape w = n->in[WEIGHT]->shape;
    return (latent_conv_spec){w.h, w.n, w.w, ((const latent_conv_settings *)n->params)->up};
}

static int variable_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape w = n->in[WEIGHT]->shape;
    if (w.w != w.c || (w.w != 1 && w.w != 3) || (p->up != 1 && p->up != 2 && p->up != -2) ||
        (w.w == 1 && p->up != 1))
        return latent_fail(e, "weights of %d x %d can't be learned in a layer of this kind", w.w,
                           w.c);
    if (p->up == -2 && (n->in[STYLE] || p->demodulate))
        return latent_fail(e, "a layer that halves its pictures has no style");
    return latent_conv_check(n, spec_of(n), s, e);
}

static double variable_cost(const latent_node *n)
{
    latent_shape x = n->in[X]->shape;
    return x.n * latent_conv_cost(spec_of(n), x.h, x.w);
}

/* ---- what stands around the convolution */

typedef struct {
    latent_conv_spec spec;
    size_t n, in, out, taps, x_pixels, y_pixels; /* n: pictures */
    size_t x_chunks, y_chunks;                   /* of a picture */
    float *s;                                    /* [n][in]: what multiplies the inputs, or NULL */
    float *d;      /* [n][out]: what multiplies the outputs, or NULL */
    float *square; /* [n][in]: of s; NULL without demodulation, as the next is */
    float *energy; /* [out][in]: the sums of the squared weights */
    float *noise;  /* [n][pixels of y], or NULL */
    latent_tensor *memory;
} layer;

static latent_conv_layout layout_of(const layer *l)
{
    return (latent_conv_layout){l->in * l->taps, l->taps, 1, 0};
}

/* A block of floats that comes from the store of tensors, and goes back there. */
static latent_tensor *take_floats(size_t count, latent_error *e)
{
    return count <= LATENT_MAX_COUNT
               ? latent_tensor_new((latent_shape){1, 1, 1, count ? (int)count : 1}, e)
               : NULL;
}

typedef struct {
    const layer *l;
    const float *w;
    float *gw; /* of the way back */
    const float *e;
} weights_job;

/* The energy of one output's weights. */
static void energy_row(void *context, int o, int slot)
{
    const weights_job *j = context;
    const layer *l = j->l;
    const float *w = j->w + (size_t)o * l->in * l->taps;
    float *energy = l->energy + (size_t)o * l->in;
    (void)slot;
    for (size_t k = 0; k < l->in; k++, w += l->taps) {
        float sum = 0;
        for (size_t t = 0; t < l->taps; t++)
            sum += w[t] * w[t];
        energy[k] = sum;
    }
}

static void demodulate(layer *l, const float *w)
{
    weights_job j = {l, w, NULL, NULL};
    for (size_t k = 0; k < l->n * l->in; k++)
        l->square[k] = l->s[k] * l->s[k];
    latent_parallel((int)l->out, energy_row, &j);
    latent_gemm(0, 1, (int)l->n, (int)l->out, (int)l->in, l->square, l->energy, 0, l->d);
    for (size_t k = 0; k < l->n * l->out; k++)
        l->d[k] = 1 / sqrtf(l->d[k] + 1e-8f);
}

static int layer_begin(layer *l, const latent_node *node, latent_tensor *const *in, latent_shape y,
                       latent_error *e)
{
    const latent_conv_settings *p = node->params;
    latent_shape x = in[X]->shape;
    float gain = p->weight_gain * p->style_gain;
    int scales = in[STYLE] || p->demodulate;
    size_t styles, outs, noises;
    float *memory;
    memset(l, 0, sizeof(*l));
    l->spec = spec_of(node);
    l->n = (size_t)x.n;
    l->in = (size_t)x.c;
    l->out = (size_t)y.c;
    l->taps = (size_t)(l->spec.kernel * l->spec.kernel);
    l->x_pixels = (size_t)x.h * (size_t)x.w;
    l->y_pixels = (size_t)y.h * (size_t)y.w;
    l->x_chunks = chunks_of(l->x_pixels);
    l->y_chunks = chunks_of(l->y_pixels);
    styles = l->n * l->in;
    outs = l->n * l->out;
    noises = in[NOISE] ? l->n * l->y_pixels : 0;
    if (!(l->memory = take_floats(2 * styles + outs + l->in * l->out + noises, e)))
        return -1;
    memory = l->memory->data;
    if (scales) {
        l->s = memory;
        for (size_t k = 0; k < styles; k++)
            l->s[k] = gain * (in[STYLE] ? in[STYLE]->data[k % in[STYLE]->count] : 1);
    }
    if (p->demodulate || (!scales && gain != 1))
        l->d = memory + 2 * styles;
    if (p->demodulate) {
        l->square = memory + styles;
        l->energy = l->d + outs;
        demodulate(l, in[WEIGHT]->data);
    } else
        for (size_t k = 0; l->d && k < outs; k++)
            l->d[k] = gain;
    if (in[NOISE]) {
        l->noise = memory + 2 * styles + outs + l->in * l->out;
        for (size_t k = 0; k < noises; k++)
            l->noise[k] = in[NOISE]->data[k % in[NOISE]->count];
    }
    return 0;
}

static float strength_of(const latent_conv_settings *p, latent_tensor *const *in)
{
    return p->strength * (in[NOISE_STRENGTH] ? in[NOISE_STRENGTH]->data[0] : 1);
}

static int variable_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = in[X]->shape;
    layer l;
    int failed;
    latent_conv_end end = {.strength = strength_of(p, in),
                           .bias = in[BIAS] ? in[BIAS]->data : NULL,
                           .slope = p->slope,
                           .gain = p->gain,
                           .clamp = p->clamp,
                           .add = in[ADD] ? in[ADD]->data : NULL};
    latent_conv_pictures pictures = {x.n, x.h, x.w, in[X]->data, NULL};
    if (layer_begin(&l, n, in, out->shape, e))
        return -1;
    pictures.in_scale = l.s;
    end.out_scale = l.d;
    end.noise = l.noise;
    failed = latent_conv_batch(l.spec, NULL, in[WEIGHT]->data, layout_of(&l), &pictures, &end,
                               out->data, e);
    latent_tensor_release(l.memory);
    return failed;
}

/* ---- backward */

typedef struct {
    const layer *l;
    latent_training_end end;
    const float *y;
    float *g;          /* with respect to y, becomes that with respect to the convolution's */
    float *noise_back; /* like noise, or NULL: set */
    float *sums;       /* [items][2 out]: of g, and of g times d times the convolution's */
    double *strength;  /* [items]: of g times noise */
} end_job;

static void end_chunk(void *context, int item, int slot)
{
    const end_job *j = context;
    const layer *l = j->l;
    size_t picture = (size_t)item / l->y_chunks, chunk = (size_t)item % l->y_chunks, c = l->out;
    size_t first = picture * l->y_pixels + l->y_pixels * chunk / l->y_chunks;
    size_t last = picture * l->y_pixels + l->y_pixels * (chunk + 1) / l->y_chunks;
    float *sum = j->sums + (size_t)item * 2 * c;
    const float *d = l->d ? l->d + picture * c : NULL;
    latent_training_end end = j->end;
    (void)slot;
    memset(sum, 0, 2 * c * sizeof(float));
    j->strength[item] = 0;
    end.noise = l->noise ? l->noise + first : NULL;
    end.scale = j->noise_back ? NULL : d;
    latent_training_best()->end_back(last - first, (int)c, &end, j->y + first * c, j->g + first * c,
                                     sum, sum + c, &j->strength[item]);
    for (size_t i = first; j->noise_back && i < last; i++) {
        float *g = j->g + i * c, all = 0;
        for (size_t k = 0; k < c; k++)
            all += g[k];
        j->noise_back[i] = end.strength * all;
        for (size_t k = 0; d && k < c; k++)
            g[k] *= d[k];
    }
}

typedef struct {
    const layer *l;
    const float *x, *ones;
    float *behind, *gx; /* gx: or NULL, or behind */
    int add;
    float *sums; /* [items][in] */
} begin_job;

static void begin_chunk(void *context, int item, int slot)
{
    const begin_job *j = context;
    const layer *l = j->l;
    size_t picture = (size_t)item / l->x_chunks, chunk = (size_t)item % l->x_chunks, c = l->in;
    size_t first = picture * l->x_pixels + l->x_pixels * chunk / l->x_chunks;
    size_t last = picture * l->x_pixels + l->x_pixels * (chunk + 1) / l->x_chunks;
    float *sum = j->sums + (size_t)item * c;
    (void)slot;
    memset(sum, 0, c * sizeof(float));
    latent_training_best()->begin_back(last - first, (int)c, l->s ? l->s + picture * c : j->ones,
                                       j->x + first * c, j->behind + first * c, j->add,
                                       j->gx ? j->gx + first * c : NULL, sum);
}

typedef struct {
    latent_tensor *memory;
    float *sums;      /* [items][2 out] or [items][in] */
    double *strength; /* [items] */
    double *u;        /* [n][out]: sums of g times what came before bias and noise */
    double *ds;       /* [n][in]: the gradient of s */
    float *a;         /* [n][out] */
    float *e;         /* [out][in], the energy's gradient */
    float *q;         /* [n][in] */
    float *ones;      /* [in] */
    float *noise;     /* [n][pixels of y], or NULL */
} back_memory;

static int back_begin(back_memory *m, const layer *l, int noise, latent_error *e)
{
    size_t ends = l->n * l->y_chunks, begins = l->n * l->x_chunks;
    size_t most = begins * l->in > ends * 2 * l->out ? begins * l->in : ends * 2 * l->out;
    size_t floats = most + l->n * l->out + l->out * l->in + l->n * l->in + l->in +
                    (noise ? l->n * l->y_pixels : 0);
    size_t doubles = ends + l->n * (l->out + l->in);
    if (!(m->memory = take_floats(2 * doubles + floats, e)))
        return -1;
    m->strength = (double *)(void *)m->memory->data;
    m->u = m->strength + ends;
    m->ds = m->u + l->n * l->out;
    m->sums = m->memory->data + 2 * doubles;
    m->a = m->sums + most;
    m->e = m->a + l->n * l->out;
    m->q = m->e + l->out * l->in;
    m->ones = m->q + l->n * l->in;
    m->noise = noise ? m->ones + l->in : NULL;
    for (size_t k = 0; k < l->in; k++)
        m->ones[k] = 1;
    return 0;
}

/* Sums of chunks of columns from..from + c of rows as wide as width, for each picture. */
static void add_chunks(size_t n, size_t chunks, const float *sums, size_t width, size_t from,
                       size_t c, double *sum)
{
    memset(sum, 0, n * c * sizeof(*sum));
    for (size_t item = 0; item < n * chunks; item++)
        for (size_t k = 0; k < c; k++)
            sum[item / chunks * c + k] += (double)sums[item * width + from + k];
}

/* The gradient behind the style: by the transposed convolution. */
static int go_through(const layer *l, latent_shape y, const float *w, const float *g, float *behind,
                      latent_error *e)
{
    int resizes = l->spec.up != 1;
    latent_conv_spec back = {l->spec.out, l->spec.in, l->spec.kernel, resizes ? -l->spec.up : 1};
    latent_conv_layout layout = {l->taps, l->in * l->taps, 1, !resizes};
    latent_conv_pictures pictures = {y.n, y.h, y.w, g, NULL};
    latent_conv_end end = {.slope = 1, /* the blur's share: over 16 there, over 64 here */
                           .gain = l->spec.up == 2    ? 4
                                   : l->spec.up == -2 ? 0.25f
                                                      : 1};
    return latent_conv_batch(back, NULL, w, layout, &pictures, &end, behind, e);
}

static void energy_back_row(void *context, int o, int slot)
{
    const weights_job *j = context;
    const layer *l = j->l;
    size_t at = (size_t)o * l->in * l->taps;
    const float *w = j->w + at, *e = j->e + (size_t)o * l->in;
    float *gw = j->gw + at;
    (void)slot;
    for (size_t k = 0; k < l->in; k++, w += l->taps, gw += l->taps)
        for (size_t t = 0; t < l->taps; t++)
            gw[t] += 2 * w[t] * e[k];
}

/* d[o] = (sum_i E[o][i] s[i]^2)^(-1/2), E the sums of the squared weights; the gradient of d[o] is
   u[o] / d[o], so that of d[o]^-2 is -d[o]^2 u[o] / 2. */
static void demodulate_back(const layer *l, back_memory *m, const float *w, float *gw)
{
    for (size_t k = 0; k < l->n * l->out; k++)
        m->a[k] = (float)(-0.5 * (double)l->d[k] * (double)l->d[k] * m->u[k]);
    latent_gemm(0, 0, (int)l->n, (int)l->in, (int)l->out, m->a, l->energy, 0, m->q);
    for (size_t k = 0; k < l->n * l->in; k++)
        m->ds[k] += 2 * (double)m->q[k] * (double)l->s[k];
    if (!gw)
        return;
    latent_gemm(1, 0, (int)l->out, (int)l->in, (int)l->n, m->a, l->square, 0, m->e);
    latent_parallel((int)l->out, energy_back_row, &(weights_job){l, w, gw, m->e});
}

static int backward(const layer *l, back_memory *m, const latent_node *n, latent_tensor *const *in,
                    const float *y, latent_shape y_shape, latent_tensor *grad_out, float *behind,
                    latent_tensor *const *grad_in, latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = in[X]->shape;
    size_t items = l->n * l->y_chunks;
    /* Is there anything between the convolution and the value, or asked for there? */
    int ends = l->d || p->gain != 1 || p->slope != 1 || p->clamp > 0 || grad_in[BIAS] ||
               grad_in[NOISE_STRENGTH] || m->noise;
    float *gw = grad_in[WEIGHT] ? grad_in[WEIGHT]->data : NULL;
    end_job end = {.l = l,
                   .end = {.bias = in[BIAS] ? in[BIAS]->data : NULL,
                           .factor = 1,
                           .strength = strength_of(p, in),
                           .up = p->gain,
                           .down = p->gain * p->slope,
                           .limit = p->clamp > 0 ? p->clamp : INFINITY},
                   .y = y,
                   .g = grad_out->data,
                   .noise_back = m->noise,
                   .sums = m->sums,
                   .strength = m->strength};
    begin_job begin = {.l = l,
                       .x = in[X]->data,
                       .ones = m->ones,
                       .behind = behind,
                       .gx = grad_in[X] ? grad_in[X]->data : NULL,
                       .add = grad_in[X] && behind != grad_in[X]->data,
                       .sums = m->sums};
    latent_conv_pictures pictures = {x.n, x.h, x.w, in[X]->data, l->s};
    if (ends)
        latent_parallel((int)items, end_chunk, &end);
    for (size_t item = 0; grad_in[BIAS] && item < items; item++)
        for (size_t k = 0; k < l->out; k++)
            grad_in[BIAS]->data[k] += m->sums[item * 2 * l->out + k];
    for (size_t item = 0; grad_in[NOISE_STRENGTH] && item < items; item++)
        grad_in[NOISE_STRENGTH]->data[0] += p->strength * (float)m->strength[item];
    for (size_t k = 0; m->noise && k < l->n * l->y_pixels; k++)
        grad_in[NOISE]->data[k % grad_in[NOISE]->count] += m->noise[k];
    if (p->demodulate)
        add_chunks(l->n, l->y_chunks, m->sums, 2 * l->out, l->out, l->out, m->u);
    if (gw &&
        latent_conv_backward_weights(l->spec, NULL, &pictures, grad_out->data, gw, layout_of(l), e))
        return -1;
    memset(m->ds, 0, l->n * l->in * sizeof(*m->ds));
    if (behind) {
        if (go_through(l, y_shape, in[WEIGHT]->data, grad_out->data, behind, e))
            return -1;
        /* without a style it is there already, unless it is to be added to what is there */
        if (l->s || begin.add)
            latent_parallel((int)(l->n * l->x_chunks), begin_chunk, &begin);
        if (l->s)
            add_chunks(l->n, l->x_chunks, m->sums, l->in, 0, l->in, m->ds);
    }
    if (p->demodulate)
        demodulate_back(l, m, in[WEIGHT]->data, gw);
    for (size_t k = 0; grad_in[STYLE] && k < l->n * l->in; k++)
        grad_in[STYLE]->data[k % grad_in[STYLE]->count] +=
            p->weight_gain * p->style_gain * (float)m->ds[k];
    return 0;
}

#define PIECE 16384 /* numbers that one thread takes at a time */

typedef struct {
    size_t count;
    const float *a, *b;
    float *to;
} add_job;

/* to = a - b; without b, to += a. */
static void add_piece(void *context, int i, int slot)
{
    const add_job *j = context;
    size_t first = (size_t)i * PIECE, last = first + PIECE < j->count ? first + PIECE : j->count;
    (void)slot;
    for (size_t k = first; j->b && k < last; k++)
        j->to[k] = j->a[k] - j->b[k];
    for (size_t k = first; !j->b && k < last; k++)
        j->to[k] += j->a[k];
}

static void add_all(add_job *j)
{
    latent_parallel((int)((j->count + PIECE - 1) / PIECE), add_piece, j);
}

static int variable_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    const latent_conv_settings *p = n->params;
    layer l;
    back_memory m = {0};
    latent_tensor *own = NULL, *gx = NULL;
    int direct = grad_in[X] && grad_in[X]->fresh, failed = 0;
    if (layer_begin(&l, n, in, out->shape, e))
        return -1;
    if (back_begin(&m, &l, grad_in[NOISE] != NULL, e)) {
        latent_tensor_release(l.memory);
        return -1;
    }
    add_job add = {.count = out->count, .a = grad_out->data};
    if (grad_in[ADD]) {
        add.to = grad_in[ADD]->data;
        add_all(&add);
    }
    /* where a layer is linear, nothing asks what it was */
    if (in[ADD] && (p->demodulate || p->clamp > 0 || p->slope < 1 || p->slope > 1)) {
        if ((own = latent_tensor_new(out->shape, e))) {
            add = (add_job){.count = out->count, .a = out->data, .b = in[ADD]->data};
            add.to = own->data;
            add_all(&add);
            if (p->clamp > 0)
                latent_conv_snap(own->data, out->data, out->count, p->clamp);
        } else
            failed = -1;
    }
    if (!failed && !direct && (grad_in[X] || grad_in[STYLE]) &&
        !(gx = latent_tensor_new(in[X]->shape, e)))
        failed = -1;
    if (!failed)
        failed = backward(&l, &m, n, in, own ? own->data : out->data, out->shape, grad_out,
                          direct ? grad_in[X]->data
                          : gx   ? gx->data
                                 : NULL,
                          grad_in, e);
    latent_tensor_release(own);
    latent_tensor_release(gx);
    latent_tensor_release(m.memory);
    latent_tensor_release(l.memory);
    return failed;
}

const latent_op latent_operation_conv_variable = {
    .name = "conv",
    .n_computed = INPUTS,
    .shape = variable_shape,
    .cost = variable_cost,
    .forward = variable_forward,
    .backward = variable_backward,
    .overwrites = 1,
};
