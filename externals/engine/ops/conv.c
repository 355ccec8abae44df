/* conv: the modulated convolution of StyleGAN2 with everything that follows it in a layer (Karras
   et al. 2020, section 2.2 and figure 2c).  The style scales the inputs and the demodulation the
   outputs, which is the same as scaling the weights. */
#include "../kernels/conv.h"
#include "../kernels/adjoint.h"
#include "../parallel.h"
#include "ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The weight comes last: its node holds the kernel's form of it, which is not an input's value. */
enum { X, STYLE, BIAS, NOISE, NOISE_STRENGTH, ADD, WEIGHT, INPUTS };

/* ---- weights: only the kernels' form of them is kept */

typedef struct {
    latent_conv *forward;
    int half;             /* both are kept in half precision */
    latent_adjoint *back; /* made when a gradient is first asked for */
} prepared_weight;

typedef struct {
    prepared_weight *weight;
} weight_params;

static void free_prepared(void *prepared)
{
    prepared_weight *w = prepared;
    latent_conv_free(w->forward);
    latent_adjoint_free(w->back);
    free(w);
}

static int weight_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_conv_spec spec =
        latent_conv_get_spec(((const weight_params *)n->params)->weight->forward);
    (void)e;
    *s = (latent_shape){spec.out, spec.in, spec.kernel, spec.kernel};
    return 0;
}

static latent_tensor *weight_leaf(const latent_node *n)
{
    latent_tensor *t = latent_tensor_new(n->shape, NULL);
    if (t)
        latent_conv_weights(((const weight_params *)n->params)->weight->forward, t->data);
    return t;
}

static const latent_op op_weight = {
    .name = "weight",
    .shape = weight_shape,
    .leaf = weight_leaf,
};

latent_node *latent_op_conv_weight(const latent_tensor *t, int up, latent_error *e)
{
    weight_params p = {calloc(1, sizeof(prepared_weight))};
    latent_conv_spec spec = {.in = t->shape.h, .out = t->shape.n, .kernel = t->shape.w, .up = up};
    latent_node *n;
    if (!p.weight || !(p.weight->forward = latent_conv_new(spec, t->data, e))) {
        if (!p.weight)
            latent_fail(e, "no memory to prepare a layer");
        free(p.weight);
        return NULL;
    }
    if (!(n = latent_node_make(&op_weight, NULL, 0, &p, sizeof(p), NULL, e))) {
        free_prepared(p.weight);
        return NULL;
    }
    n->prepared = p.weight;
    n->prepared_free = free_prepared;
    return n;
}

void latent_op_conv_weight_halve(latent_node *weight)
{
    prepared_weight *w = ((const weight_params *)weight->params)->weight;
    w->half = !latent_conv_halve(w->forward);
}

size_t latent_op_conv_weight_bytes(const latent_node *weight)
{
    return latent_conv_bytes(((const weight_params *)weight->params)->weight->forward);
}

static const latent_conv *forward_of(const latent_node *weight)
{
    return ((const weight_params *)weight->params)->weight->forward;
}

/* On the evaluator, which alone uses it. */
static const latent_adjoint *back_of(const latent_node *weight, latent_error *e)
{
    prepared_weight *w = ((const weight_params *)weight->params)->weight;
    latent_tensor *t = w->back ? NULL : weight_leaf(weight);
    if (t)
        w->back = latent_adjoint_new(latent_conv_get_spec(w->forward), t->data, e);
    else if (!w->back)
        latent_fail(e, "no memory for the gradient of a layer");
    if (t && w->back && w->half)
        latent_adjoint_halve(w->back);
    latent_tensor_release(t);
    return w->back;
}

/* ---- forward */

static int conv_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = n->in[X]->shape, w = n->in[WEIGHT]->shape;
    if (n->in[WEIGHT]->op != &op_weight ||
        latent_conv_get_spec(forward_of(n->in[WEIGHT])).up != p->up)
        return latent_fail(e, "the weights of a layer were prepared for another kind of layer");
    if (x.c != w.h)
        return latent_fail(e, "features of %d channels came, the layer takes %d", x.c, w.h);
    if (n->in[STYLE] && n->in[STYLE]->shape.c != w.h)
        return latent_fail(e, "a style of %d numbers for %d channels", n->in[STYLE]->shape.c, w.h);
    if (n->in[BIAS] && n->in[BIAS]->shape.c != w.n)
        return latent_fail(e, "a bias of %d numbers for %d channels", n->in[BIAS]->shape.c, w.n);
    if ((double)x.h * p->up > 1 << 20 || (double)x.w * p->up > 1 << 20)
        return latent_fail(e, "a picture of %d x %d cannot be enlarged further", x.w, x.h);
    *s = (latent_shape){x.n, x.h * p->up, x.w * p->up, w.n};
    if (n->in[NOISE] && (n->in[NOISE]->shape.h != s->h || n->in[NOISE]->shape.w != s->w))
        return latent_fail(e, "a noise map of %d x %d for a layer of %d x %d",
                           n->in[NOISE]->shape.w, n->in[NOISE]->shape.h, s->w, s->h);
    if (n->in[ADD] && !latent_shape_equal(n->in[ADD]->shape, *s))
        return latent_fail(
            e, "a picture of %d x %d with %d channels to be added to %d x %d with %d",
            n->in[ADD]->shape.w, n->in[ADD]->shape.h, n->in[ADD]->shape.c, s->w, s->h, s->c);
    return 0;
}

static double conv_cost(const latent_node *n)
{
    latent_shape x = n->in[X]->shape;
    return x.n * latent_conv_cost(latent_conv_get_spec(forward_of(n->in[WEIGHT])), x.h, x.w);
}

/* What multiplies the inputs: the style with its gains. */
static void input_scale(const latent_conv_settings *p, const latent_tensor *style, int sample,
                        int samples, float *s, int n)
{
    const float *from = style ? style->data : NULL;
    if (style && style->shape.n == samples)
        from += (size_t)sample * (size_t)n;
    for (int i = 0; i < n; i++)
        s[i] = p->weight_gain * p->style_gain * (from ? from[i] : 1.0f);
}

/* d[o] = 1 / sqrt(sum_i E[o][i] s[i]^2 + 1e-8) */
static void demodulate(const latent_conv *c, const float *s, float *d)
{
    latent_conv_spec spec = latent_conv_get_spec(c);
    const float *energy = latent_conv_energy(c);
    for (int o = 0; o < spec.out; o++) {
        const float *row = energy + (size_t)o * (size_t)spec.in;
        float sum = 0;
        for (int i = 0; i < spec.in; i++)
            sum += row[i] * s[i] * s[i];
        d[o] = 1.0f / sqrtf(sum + 1e-8f);
    }
}

static int conv_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = in[X]->shape;
    const latent_conv *c = forward_of(n->in[WEIGHT]);
    float *s, *d;
    int failed = 0;
    latent_conv_end end = {
        .noise = in[NOISE] ? in[NOISE]->data : NULL,
        .strength = p->strength * (in[NOISE_STRENGTH] ? in[NOISE_STRENGTH]->data[0] : 1.0f),
        .bias = in[BIAS] ? in[BIAS]->data : NULL,
        .slope = p->slope,
        .gain = p->gain,
        .clamp = p->clamp,
    };
    if (!(s = malloc(((size_t)x.c + (size_t)out->shape.c) * sizeof(float))))
        return latent_fail(e, "no memory for the styles of a layer");
    d = s + x.c;
    for (int b = 0; b < x.n && !failed; b++) {
        size_t x_size = (size_t)x.h * (size_t)x.w * (size_t)x.c;
        size_t y_size = out->count / (size_t)x.n;
        input_scale(p, in[STYLE], b, x.n, s, x.c);
        if (p->demodulate) {
            demodulate(c, s, d);
            end.out_scale = d;
        }
        if (in[ADD])
            end.add = in[ADD]->data + (size_t)b * y_size;
        failed = latent_conv_forward(c, x.h, x.w, in[X]->data + (size_t)b * x_size, s, &end,
                                     out->data + (size_t)b * y_size, e);
    }
    free(s);
    return failed;
}

/* ---- backward */

#define CHUNKS 32   /* parts of a picture whose sums are added in order, whatever the threads */
#define TOGETHER 32 /* pixels whose sums fit a float */
#define LANES 16

/* One sample on its way back through clamp, activation, bias and noise: u = d * conv is found again
   from the result, so nothing has to be kept. */
typedef struct {
    const latent_conv_settings *p;
    const float *y, *add, *g; /* [pixels][c]; add may be NULL */
    const float *bias;        /* [c] */
    const float *noise;       /* [pixels] or NULL */
    const float *zeros;       /* [c] */
    float strength;
    size_t pixels, c;
    float *back;       /* [pixels][c]: gradient with respect to u */
    float *noise_back; /* [pixels] or NULL: added to */
    double *sums;      /* [CHUNKS][2c + 1]: of back, of back * u, of back * noise */
    float *some;       /* [CHUNKS][2c], zeros */
} end_job;

/* One pixel of c channels: fills in back, adds it and back * u to the sums, and returns its own
   sum. Sums of a few lanes, so that compilers find vectors. */
static float end_pixel(const end_job *j, const float *y, const float *add, const float *g,
                       float noise, float *back, float *sum, float *u_sum)
{
    const latent_conv_settings *p = j->p;
    const float above = p->gain, below = p->gain * p->slope;
    const float limit = p->clamp > 0 ? p->clamp : INFINITY;
    float lanes[LANES] = {0};
    size_t c = j->c, k = 0;
    for (; k + LANES <= c; k += LANES)
        for (size_t l = k; l < k + LANES; l++) {
            float v = y[l] - add[l], factor = v < 0 ? below : above;
            float f = fabsf(v) >= limit ? 0 : g[l] * factor;
            back[l] = f;
            sum[l] += f;
            u_sum[l] += f * (v / factor - j->bias[l] - noise);
            lanes[l - k] += f;
        }
    for (; k < c; k++) {
        float v = y[k] - add[k], factor = v < 0 ? below : above;
        float f = fabsf(v) >= limit ? 0 : g[k] * factor;
        back[k] = f;
        sum[k] += f;
        u_sum[k] += f * (v / factor - j->bias[k] - noise);
        lanes[0] += f;
    }
    for (size_t l = 1; l < LANES; l++)
        lanes[0] += lanes[l];
    return lanes[0];
}

static void end_chunk(void *context, int chunk, int slot)
{
    const end_job *j = context;
    size_t c = j->c, first = j->pixels * (size_t)chunk / CHUNKS;
    size_t last = j->pixels * ((size_t)chunk + 1) / CHUNKS;
    double *sum = j->sums + (size_t)chunk * (2 * c + 1);
    float *some = j->some + (size_t)chunk * 2 * c;
    (void)slot;
    for (size_t i = first; i < last; i++) {
        float noise = j->noise ? j->noise[i] : 0;
        float f = end_pixel(j, j->y + i * c, j->add ? j->add + i * c : j->zeros, j->g + i * c,
                            j->strength * noise, j->back + i * c, some, some + c);
        sum[2 * c] += (double)f * noise;
        if (j->noise_back)
            j->noise_back[i] += f * j->strength;
        if ((i - first) % TOGETHER == TOGETHER - 1 || i + 1 == last)
            for (size_t k = 0; k < 2 * c; k++) {
                sum[k] += some[k];
                some[k] = 0;
            }
    }
}

/* gx *= s, and the sums of x * gx before that. */
typedef struct {
    const float *x, *s;
    float *gx;
    size_t pixels, c;
    double *sums; /* [CHUNKS][c] */
} begin_job;

static void begin_chunk(void *context, int chunk, int slot)
{
    const begin_job *j = context;
    size_t c = j->c, first = j->pixels * (size_t)chunk / CHUNKS;
    size_t last = j->pixels * ((size_t)chunk + 1) / CHUNKS;
    double *sum = j->sums + (size_t)chunk * c;
    (void)slot;
    for (size_t i = first; i < last; i++) {
        const float *x = j->x + i * c;
        float *gx = j->gx + i * c;
        for (size_t k = 0; k < c; k++) {
            sum[k] += (double)(x[k] * gx[k]);
            gx[k] *= j->s[k];
        }
    }
}

static void add_chunks(double *sums, size_t n)
{
    for (size_t chunk = 1; chunk < CHUNKS; chunk++)
        for (size_t k = 0; k < n; k++)
            sums[k] += sums[chunk * n + k];
}

typedef struct {
    float *to;
    const float *from;
    size_t n;
} add_job;

static void add_chunk(void *context, int chunk, int slot)
{
    const add_job *j = context;
    size_t last = j->n * ((size_t)chunk + 1) / CHUNKS;
    (void)slot;
    for (size_t i = j->n * (size_t)chunk / CHUNKS; i < last; i++)
        j->to[i] += j->from[i];
}

static void add_to(const latent_tensor *grad, size_t offset, const float *v, size_t n)
{
    add_job j = {grad->data + offset, v, n};
    latent_parallel(CHUNKS, add_chunk, &j);
}

typedef struct {
    float *s, *d;     /* [in], [out] */
    float *zeros;     /* [out] */
    float *some;      /* [CHUNKS][2 out] */
    double *end_sums; /* [CHUNKS][2 out + 1] */
    double *begin_sums;
    latent_tensor *back, *gx; /* like the output and the input */
} back_memory;

static void back_free(back_memory *m)
{
    free(m->s);
    free(m->end_sums);
    latent_tensor_release(m->back);
    latent_tensor_release(m->gx);
}

static int back_alloc(back_memory *m, latent_shape x, latent_shape y, latent_error *e)
{
    size_t in = (size_t)x.c, out = (size_t)y.c;
    x.n = y.n = 1;
    m->s = calloc(in + 2 * out + CHUNKS * 2 * out, sizeof(float));
    m->end_sums = malloc(CHUNKS * (2 * out + 1 + in) * sizeof(double));
    m->back = latent_tensor_new(y, e);
    m->gx = latent_tensor_new(x, e);
    if (!m->s || !m->end_sums || !m->back || !m->gx) {
        back_free(m);
        return latent_fail(e, "no memory for the gradient of a layer");
    }
    m->d = m->s + in;
    m->zeros = m->d + out;
    m->some = m->zeros + out;
    m->begin_sums = m->end_sums + CHUNKS * (2 * out + 1);
    return 0;
}

/* What the demodulation adds to the gradient of s: d d[o] / d s[i] = -d[o]^3 E[o][i] s[i]. */
static void demodulate_back(const latent_conv *c, const float *s, const float *d,
                            const double *u_sums, double *ds)
{
    latent_conv_spec spec = latent_conv_get_spec(c);
    const float *energy = latent_conv_energy(c);
    for (int o = 0; o < spec.out; o++) {
        /* the gradient of d[o] is sum(back u) / d[o] */
        double g = -u_sums[o] * d[o] * d[o];
        const float *row = energy + (size_t)o * (size_t)spec.in;
        for (int i = 0; i < spec.in; i++)
            ds[i] += g * row[i] * s[i];
    }
}

static int conv_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         const latent_tensor *grad_out, latent_tensor *const *grad_in,
                         latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = in[X]->shape;
    size_t n_in = (size_t)x.c, n_out = (size_t)out->shape.c, pixels = (size_t)x.h * (size_t)x.w;
    size_t x_size = pixels * n_in, y_size = out->count / (size_t)x.n;
    float own = in[NOISE_STRENGTH] ? in[NOISE_STRENGTH]->data[0] : 1.0f;
    const latent_conv *c = forward_of(n->in[WEIGHT]);
    const latent_adjoint *adjoint = back_of(n->in[WEIGHT], e);
    back_memory m = {0};
    int failed = 0;
    if (!adjoint || back_alloc(&m, x, out->shape, e))
        return -1;
    for (int b = 0; b < x.n && !failed; b++) {
        size_t at = (size_t)b * y_size, style_at = 0;
        end_job end = {
            .p = p,
            .y = out->data + at,
            .add = in[ADD] ? in[ADD]->data + at : NULL,
            .g = grad_out->data + at,
            .bias = in[BIAS] ? in[BIAS]->data : m.zeros,
            .noise = in[NOISE] ? in[NOISE]->data : NULL,
            .zeros = m.zeros,
            .strength = p->strength * own,
            .pixels = y_size / n_out,
            .c = n_out,
            .back = m.back->data,
            .noise_back = grad_in[NOISE] ? grad_in[NOISE]->data : NULL,
            .sums = m.end_sums,
            .some = m.some,
        };
        begin_job begin = {
            in[X]->data + (size_t)b * x_size, m.s, m.gx->data, pixels, n_in, m.begin_sums};
        memset(m.end_sums, 0, CHUNKS * (2 * n_out + 1) * sizeof(double));
        memset(m.begin_sums, 0, CHUNKS * n_in * sizeof(double));
        input_scale(p, in[STYLE], b, x.n, m.s, x.c);
        if (p->demodulate)
            demodulate(c, m.s, m.d);
        latent_parallel(CHUNKS, end_chunk, &end);
        add_chunks(m.end_sums, 2 * n_out + 1);
        for (size_t k = 0; k < n_out && grad_in[BIAS]; k++)
            grad_in[BIAS]->data[k] += (float)m.end_sums[k];
        if (grad_in[NOISE_STRENGTH])
            grad_in[NOISE_STRENGTH]->data[0] += p->strength * (float)m.end_sums[2 * n_out];
        if (grad_in[ADD])
            add_to(grad_in[ADD], at, grad_out->data + at, y_size);
        if (!grad_in[X] && !grad_in[STYLE])
            continue;
        failed = latent_adjoint_run(adjoint, x.h, x.w, m.back->data, p->demodulate ? m.d : NULL,
                                    m.gx->data, e);
        if (failed)
            break;
        latent_parallel(CHUNKS, begin_chunk, &begin);
        add_chunks(m.begin_sums, n_in);
        if (grad_in[X])
            add_to(grad_in[X], (size_t)b * x_size, m.gx->data, x_size);
        if (!grad_in[STYLE])
            continue;
        if (p->demodulate)
            demodulate_back(c, m.s, m.d, m.end_sums + n_out, m.begin_sums);
        if (in[STYLE]->shape.n == x.n)
            style_at = (size_t)b * n_in;
        for (size_t i = 0; i < n_in; i++)
            grad_in[STYLE]->data[style_at + i] +=
                p->weight_gain * p->style_gain * (float)m.begin_sums[i];
    }
    back_free(&m);
    return failed;
}

static const latent_op op_conv = {
    .name = "conv",
    .n_computed = WEIGHT,
    .shape = conv_shape,
    .cost = conv_cost,
    .forward = conv_forward,
    .backward = conv_backward,
};

latent_node *latent_op_conv(latent_node *x, latent_node *s, latent_node *weight, latent_node *bias,
                            latent_node *noise, latent_node *noise_strength, latent_node *add,
                            const latent_conv_settings *settings, const char *stage,
                            latent_error *e)
{
    latent_node *in[INPUTS] = {x, s, bias, noise, noise_strength, add, weight};
    return latent_node_make(&op_conv, in, INPUTS, settings, sizeof(*settings), stage, e);
}
