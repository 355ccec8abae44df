/* conv: the modulated convolution of StyleGAN2 with everything that follows it in a layer (Karras
   et al. 2020, section 2.2 and figure 2c).  The style scales the inputs and the demodulation the
   outputs, which is the same as scaling the weights. */
#include "../base/parallel.h"
#include "../kernels/backward_data.h"
#include "../kernels/gemm.h"
#include "../kernels/training_loops.h"
#include "conv_internal.h"
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- weights: only the kernels' form of them is kept */

typedef struct {
    latent_conv *forward;
    int half;                           /* both are kept in half precision */
    latent_backward_data *_Atomic back; /* made when a gradient is first asked for */
} prepared_weight;

typedef struct {
    prepared_weight *weight;
} weight_params;

static void free_prepared(void *prepared)
{
    prepared_weight *w = prepared;
    latent_conv_free(w->forward);
    latent_backward_data_free(atomic_load(&w->back));
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

const latent_op latent_operation_conv_weight = {
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
    if (!(n = latent_node_make(&latent_operation_conv_weight, NULL, 0, &p, sizeof(p), NULL, e))) {
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

/* Where two evaluators make it at once, the first is taken: neither waits for the other. */
static const latent_backward_data *back_of(const latent_node *weight, latent_error *e)
{
    prepared_weight *w = ((const weight_params *)weight->params)->weight;
    latent_backward_data *there = atomic_load(&w->back), *made;
    latent_tensor *t;
    if (there)
        return there;
    if (!(t = weight_leaf(weight))) {
        latent_fail(e, "no memory for the gradient of a layer");
        return NULL;
    }
    made = latent_backward_data_new(latent_conv_get_spec(w->forward), t->data, e);
    latent_tensor_release(t);
    if (made && w->half)
        latent_backward_data_halve(made);
    if (!made || atomic_compare_exchange_strong(&w->back, &there, made))
        return made;
    latent_backward_data_free(made);
    return there;
}

/* ---- forward */

int latent_conv_side(int side, int up)
{
    return up == -2 ? side / 2 : side * up;
}

static int for_each(latent_shape s, int pictures) /* or the same for all */
{
    return s.n == 1 || s.n == pictures;
}

int latent_conv_check(const latent_node *n, latent_conv_spec spec, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[X]->shape;
    if (x.c != spec.in)
        return latent_fail(e, "features of %d channels came, the layer takes %d", x.c, spec.in);
    if (n->in[STYLE] && n->in[STYLE]->shape.c != spec.in)
        return latent_fail(e, "a style of %d numbers for %d channels", n->in[STYLE]->shape.c,
                           spec.in);
    if (n->in[STYLE] && !for_each(n->in[STYLE]->shape, x.n))
        return latent_fail(e, "%d styles for %d pictures", n->in[STYLE]->shape.n, x.n);
    if (n->in[BIAS] && n->in[BIAS]->shape.c != spec.out)
        return latent_fail(e, "a bias of %d numbers for %d channels", n->in[BIAS]->shape.c,
                           spec.out);
    if ((double)x.h * spec.up > 1 << 20 || (double)x.w * spec.up > 1 << 20)
        return latent_fail(e, "a picture of %d x %d cannot be enlarged further", x.w, x.h);
    if (spec.up == -2 && (x.h % 2 || x.w % 2))
        return latent_fail(e, "a picture of %d x %d cannot be halved", x.w, x.h);
    *s = (latent_shape){x.n, latent_conv_side(x.h, spec.up), latent_conv_side(x.w, spec.up),
                        spec.out};
    if (n->in[NOISE] && (n->in[NOISE]->shape.h != s->h || n->in[NOISE]->shape.w != s->w ||
                         !for_each(n->in[NOISE]->shape, x.n)))
        return latent_fail(e, "%d noise maps of %d x %d for %d pictures of %d x %d",
                           n->in[NOISE]->shape.n, n->in[NOISE]->shape.w, n->in[NOISE]->shape.h, x.n,
                           s->w, s->h);
    if (n->in[ADD] && !latent_shape_equal(n->in[ADD]->shape, *s))
        return latent_fail(
            e, "a picture of %d x %d with %d channels to be added to %d x %d with %d",
            n->in[ADD]->shape.w, n->in[ADD]->shape.h, n->in[ADD]->shape.c, s->w, s->h, s->c);
    return 0;
}

static int conv_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_conv_spec spec = latent_conv_get_spec(forward_of(n->in[WEIGHT]));
    if (spec.up != ((const latent_conv_settings *)n->params)->up)
        return latent_fail(e, "the weights of a layer were prepared for another kind of layer");
    return latent_conv_check(n, spec, s, e);
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

/* d[o] = 1 / sqrt(sum_i E[o][i] s[i]^2 + 1e-8); squares: room for s^2 */
static void demodulate(const latent_conv *c, const float *s, float *squares, float *d)
{
    latent_conv_spec spec = latent_conv_get_spec(c);
    for (int i = 0; i < spec.in; i++)
        squares[i] = s[i] * s[i];
    latent_matvec_by_pool(latent_conv_energy(c), squares, d, spec.out, spec.in);
    for (int o = 0; o < spec.out; o++)
        d[o] = 1.0f / sqrtf(d[o] + 1e-8f);
}

/* Where the noise map of a picture begins. */
static size_t noise_place(const latent_tensor *noise, int picture)
{
    return noise->shape.n == 1 ? 0 : (size_t)picture * (noise->count / (size_t)noise->shape.n);
}

static int conv_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = in[X]->shape;
    const latent_conv *c = forward_of(n->in[WEIGHT]);
    float *s, *squares, *d;
    int failed = 0;
    latent_conv_end end = {
        .strength = p->strength * (in[NOISE_STRENGTH] ? in[NOISE_STRENGTH]->data[0] : 1.0f),
        .bias = in[BIAS] ? in[BIAS]->data : NULL,
        .slope = p->slope,
        .gain = p->gain,
        .clamp = p->clamp,
    };
    if (!(s = malloc((2 * (size_t)x.c + (size_t)out->shape.c) * sizeof(float))))
        return latent_fail(e, "no memory for the styles of a layer");
    squares = s + x.c;
    d = squares + x.c;
    for (int b = 0; b < x.n && !failed; b++) {
        size_t x_size = (size_t)x.h * (size_t)x.w * (size_t)x.c;
        size_t y_size = out->count / (size_t)x.n;
        input_scale(p, in[STYLE], b, x.n, s, x.c);
        if (p->demodulate) {
            demodulate(c, s, squares, d);
            end.out_scale = d;
        }
        if (in[ADD])
            end.add = in[ADD]->data + (size_t)b * y_size;
        if (in[NOISE])
            end.noise = in[NOISE]->data + noise_place(in[NOISE], b);
        failed = latent_conv_forward(c, x.h, x.w, in[X]->data + (size_t)b * x_size, s, &end,
                                     out->data + (size_t)b * y_size, e);
    }
    free(s);
    return failed;
}

/* ---- backward */

#define CHUNKS 32 /* parts of a picture whose sums are added in order, whatever the threads */

/* One sample on its way back through clamp, activation, bias and noise: what the convolution gave
   is found again from the result, so nothing has to be kept. */
typedef struct {
    latent_training_end end;
    size_t pixels, c;
    const float *y;
    float *g; /* [pixels][c]: with respect to y, becomes that with respect to the convolution's */
    float *noise_back;       /* [pixels] or NULL: added to */
    float *sums;             /* [CHUNKS][2c]: of g, and of g times the convolution's */
    double strength[CHUNKS]; /* of g times noise */
} end_job;

static void end_chunk(void *context, int chunk, int slot)
{
    end_job *j = context;
    size_t c = j->c, first = j->pixels * (size_t)chunk / CHUNKS;
    size_t last = j->pixels * ((size_t)chunk + 1) / CHUNKS;
    float *sum = j->sums + (size_t)chunk * 2 * c, *g = j->g + first * c;
    latent_training_end end = j->end;
    (void)slot;
    if (end.noise)
        end.noise += first;
    latent_training_best()->end_back(last - first, (int)c, &end, j->y + first * c, g, sum, sum + c,
                                     &j->strength[chunk]);
    for (size_t i = first; j->noise_back && i < last; i++, g += c)
        for (size_t k = 0; k < c; k++)
            j->noise_back[i] += end.strength * g[k];
}

/* The gradient of x from the one behind the style, and the sums of x times that. */
typedef struct {
    const float *x, *s, *g;
    int add;
    float *gx; /* or NULL */
    size_t pixels, c;
    float *sums; /* [CHUNKS][c] */
} begin_job;

static void begin_chunk(void *context, int chunk, int slot)
{
    const begin_job *j = context;
    size_t c = j->c, first = j->pixels * (size_t)chunk / CHUNKS;
    size_t last = j->pixels * ((size_t)chunk + 1) / CHUNKS;
    (void)slot;
    latent_training_best()->begin_back(last - first, (int)c, j->s, j->x + first * c,
                                       j->g + first * c, j->add, j->gx ? j->gx + first * c : NULL,
                                       j->sums + (size_t)chunk * c);
}

static void add_chunks(const float *sums, size_t n, double *sum)
{
    memset(sum, 0, n * sizeof(*sum));
    for (size_t chunk = 0; chunk < CHUNKS; chunk++)
        for (size_t k = 0; k < n; k++)
            sum[k] += (double)sums[chunk * n + k];
}

typedef struct {
    float *to;
    const float *from;
    float factor;
    size_t n;
} add_job;

static void add_chunk(void *context, int chunk, int slot)
{
    const add_job *j = context;
    size_t last = j->n * ((size_t)chunk + 1) / CHUNKS;
    (void)slot;
    for (size_t i = j->n * (size_t)chunk / CHUNKS; i < last; i++)
        j->to[i] += j->factor * j->from[i];
}

static void add_to(float *to, float factor, const float *v, size_t n)
{
    add_job j = {to, v, factor, n};
    latent_parallel(CHUNKS, add_chunk, &j);
}

void latent_conv_snap(float *own, const float *y, size_t n, float clamp)
{
    for (size_t i = 0; i < n; i++) {
        float added = fabsf(y[i] - own[i]), most = fabsf(y[i]) + added + clamp;
        if (fabsf(own[i]) > clamp - 4 * FLT_EPSILON * most)
            own[i] = copysignf(clamp, own[i]);
    }
}

typedef struct {
    float *s, *squares, *d; /* [in], [in], [out] */
    float *sums;            /* [CHUNKS][2 out] or [CHUNKS][in] */
    double *end, *begin;    /* [2 out], [in]: the chunks' sums */
    latent_tensor *own;     /* y without what was added to it, where something was */
    latent_tensor *gx;      /* like one picture of x; NULL where the gradient's own memory serves */
} back_memory;

static void back_free(back_memory *m)
{
    free(m->s);
    free(m->end);
    latent_tensor_release(m->own);
    latent_tensor_release(m->gx);
}

static int back_alloc(back_memory *m, latent_shape x, latent_shape y, int added, int direct,
                      latent_error *e)
{
    size_t in = (size_t)x.c, out = (size_t)y.c, most = in > 2 * out ? in : 2 * out;
    x.n = y.n = 1;
    m->s = malloc((2 * in + out + CHUNKS * most) * sizeof(float));
    m->end = malloc((2 * out + in) * sizeof(double));
    m->own = added ? latent_tensor_new(y, e) : NULL;
    m->gx = direct ? NULL : latent_tensor_new(x, e);
    if (!m->s || !m->end || (added && !m->own) || (!direct && !m->gx)) {
        back_free(m);
        return latent_fail(e, "no memory for the gradient of a layer");
    }
    m->squares = m->s + in;
    m->d = m->squares + in;
    m->sums = m->d + out;
    m->begin = m->end + 2 * out;
    return 0;
}

/* What the demodulation adds to the gradient of s: d d[o] / d s[i] = -d[o]^3 E[o][i] s[i]; the
   gradient of d[o] is sum(back u) / d[o], back being the one of u = d[o] times the convolution's.
 */
typedef struct {
    const float *energy, *s, *d;
    const double *u_sums;
    double *ds;
    int in, out;
} demodulate_job;

#define COLUMNS 64

static void demodulate_columns(void *context, int item, int slot)
{
    const demodulate_job *j = context;
    int first = item * COLUMNS, n = j->in - first < COLUMNS ? j->in - first : COLUMNS;
    double sum[COLUMNS] = {0};
    (void)slot;
    for (int o = 0; o < j->out; o++) {
        const float *row = j->energy + (size_t)o * (size_t)j->in + first;
        double g = -j->u_sums[o] * (double)j->d[o] * (double)j->d[o];
        for (int i = 0; i < n; i++)
            sum[i] += g * (double)row[i];
    }
    for (int i = 0; i < n; i++)
        j->ds[first + i] += sum[i] * (double)j->s[first + i];
}

static void demodulate_back(const latent_conv *c, const float *s, const float *d,
                            const double *u_sums, double *ds)
{
    latent_conv_spec spec = latent_conv_get_spec(c);
    demodulate_job j = {latent_conv_energy(c), s, d, u_sums, ds, spec.in, spec.out};
    latent_parallel((spec.in + COLUMNS - 1) / COLUMNS, demodulate_columns, &j);
}

static int conv_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const latent_conv_settings *p = n->params;
    latent_shape x = in[X]->shape;
    size_t n_in = (size_t)x.c, n_out = (size_t)out->shape.c, pixels = (size_t)x.h * (size_t)x.w;
    size_t x_size = pixels * n_in, y_size = out->count / (size_t)x.n;
    float own = in[NOISE_STRENGTH] ? in[NOISE_STRENGTH]->data[0] : 1.0f;
    const latent_conv *c = forward_of(n->in[WEIGHT]);
    const latent_backward_data *adjoint = back_of(n->in[WEIGHT], e);
    int direct = grad_in[X] && grad_in[X]->fresh, failed = 0;
    back_memory m = {0};
    if (!adjoint || back_alloc(&m, x, out->shape, in[ADD] != NULL, direct, e))
        return -1;
    for (int b = 0; b < x.n && !failed; b++) {
        size_t at = (size_t)b * y_size, x_at = (size_t)b * x_size, style_at = 0;
        end_job end = {
            .end = {.bias = in[BIAS] ? in[BIAS]->data : NULL,
                    .noise = in[NOISE] ? in[NOISE]->data + noise_place(in[NOISE], b) : NULL,
                    .factor = 1,
                    .strength = p->strength * own,
                    .up = p->gain,
                    .down = p->gain * p->slope,
                    .limit = p->clamp > 0 ? p->clamp : INFINITY},
            .pixels = y_size / n_out,
            .c = n_out,
            .y = out->data + at,
            .g = grad_out->data + at,
            .noise_back = grad_in[NOISE] ? grad_in[NOISE]->data + noise_place(in[NOISE], b) : NULL,
            .sums = m.sums,
        };
        float *behind = direct ? grad_in[X]->data + x_at : m.gx->data; /* the style */
        begin_job begin = {
            .x = in[X]->data + x_at,
            .s = m.s,
            .g = behind,
            .add = !direct,
            .gx = grad_in[X] ? grad_in[X]->data + x_at : NULL,
            .pixels = pixels,
            .c = n_in,
            .sums = m.sums,
        };
        double strength = 0;
        if (in[ADD]) {
            memcpy(m.own->data, end.y, y_size * sizeof(float));
            add_to(m.own->data, -1, in[ADD]->data + at, y_size);
            if (p->clamp > 0)
                latent_conv_snap(m.own->data, end.y, y_size, p->clamp);
            end.y = m.own->data;
        }
        if (grad_in[ADD])
            add_to(grad_in[ADD]->data + at, 1, end.g, y_size);
        input_scale(p, in[STYLE], b, x.n, m.s, x.c);
        if (p->demodulate)
            demodulate(c, m.s, m.squares, m.d);
        memset(m.sums, 0, CHUNKS * 2 * n_out * sizeof(float));
        latent_parallel(CHUNKS, end_chunk, &end);
        add_chunks(m.sums, 2 * n_out, m.end);
        for (size_t k = 0; k < n_out && grad_in[BIAS]; k++)
            grad_in[BIAS]->data[k] += (float)m.end[k];
        for (int chunk = 0; chunk < CHUNKS; chunk++)
            strength += end.strength[chunk];
        if (grad_in[NOISE_STRENGTH])
            grad_in[NOISE_STRENGTH]->data[0] += p->strength * (float)strength;
        if (!grad_in[X] && !grad_in[STYLE])
            continue;
        failed = latent_backward_data_run(adjoint, x.h, x.w, end.g, p->demodulate ? m.d : NULL,
                                          behind, e);
        if (failed)
            break;
        memset(m.sums, 0, CHUNKS * n_in * sizeof(float));
        latent_parallel(CHUNKS, begin_chunk, &begin);
        add_chunks(m.sums, n_in, m.begin);
        if (!grad_in[STYLE])
            continue;
        if (p->demodulate)
            demodulate_back(c, m.s, m.d, m.end + n_out, m.begin);
        if (in[STYLE]->shape.n == x.n)
            style_at = (size_t)b * n_in;
        for (size_t i = 0; i < n_in; i++)
            grad_in[STYLE]->data[style_at + i] +=
                p->weight_gain * p->style_gain * (float)m.begin[i];
    }
    back_free(&m);
    return failed;
}

const latent_op latent_operation_conv = {
    .name = "conv",
    .n_computed = WEIGHT,
    .shape = conv_shape,
    .cost = conv_cost,
    .forward = conv_forward,
    .backward = conv_backward,
    .overwrites = 1,
};

latent_node *latent_op_conv(latent_node *x, latent_node *s, latent_node *weight, latent_node *bias,
                            latent_node *noise, latent_node *noise_strength, latent_node *add,
                            const latent_conv_settings *settings, const char *stage,
                            latent_error *e)
{
    latent_node *in[INPUTS] = {x, s, bias, noise, noise_strength, add, weight};
    return latent_node_make(weight->op == &latent_operation_conv_weight
                                ? &latent_operation_conv
                                : &latent_operation_conv_variable,
                            in, INPUTS, settings, sizeof(*settings), stage, e);
}
