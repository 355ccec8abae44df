/* convolve: plain convolutions of any kernel, stride and padding, as products of matrices: what a
   block of rows of the result sees of the picture becomes a matrix (im2col). */
#include "../kernels/gemm.h"
#include "layers.h"
#include "ops.h"
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)1 << 21) /* floats of such a matrix at most, but for a single row */
#define MOST_KERNEL 31

enum { X, W, B };

typedef struct {
    int stride, padding;
} convolve_params;

static int convolve_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const convolve_params *p = n->params;
    latent_shape x = n->in[X]->shape, w = n->in[W]->shape;
    if (w.w != w.c || w.w > MOST_KERNEL)
        return latent_fail(e, "a kernel of %d x %d; squares up to %d are possible", w.w, w.c,
                           MOST_KERNEL);
    if (x.c != w.h)
        return latent_fail(e, "features of %d channels came, the layer takes %d", x.c, w.h);
    if (n->in[B] && n->in[B]->shape.c != w.n)
        return latent_fail(e, "a bias of %d numbers for %d channels", n->in[B]->shape.c, w.n);
    if (p->stride < 1 || p->padding < 0 || p->padding > MOST_KERNEL || x.h > 1 << 20 ||
        x.w > 1 << 20 || x.h + 2 * p->padding < w.w || x.w + 2 * p->padding < w.w)
        return latent_fail(e, "a picture of %d x %d can't be convolved by %d x %d", x.w, x.h, w.w,
                           w.w);
    *s = (latent_shape){x.n, (x.h + 2 * p->padding - w.w) / p->stride + 1,
                        (x.w + 2 * p->padding - w.w) / p->stride + 1, w.n};
    return 0;
}

static double convolve_cost(const latent_node *n)
{
    latent_shape w = n->in[W]->shape;
    return (double)latent_shape_count(n->shape) * w.h * w.w * w.w;
}

typedef struct {
    const convolve_params *p;
    latent_shape x, y;
    int kernel, rows; /* of the result at a time */
    size_t depth;     /* numbers that one pixel of the result sees: [k][k][in] */
    float *weights;   /* [out][depth] */
    float *seen;      /* [rows][columns][depth] */
    float *gw;        /* like weights, or NULL */
} plan;

static int plan_begin(plan *l, const latent_node *n, const float *w, int back, latent_error *e)
{
    latent_shape s = n->in[W]->shape;
    size_t weights, taps = (size_t)s.w * (size_t)s.w, in = (size_t)s.h, line, rows;
    *l = (plan){.p = n->params, .x = n->in[X]->shape, .y = n->shape, .kernel = s.w};
    l->depth = taps * in;
    weights = (size_t)s.n * l->depth;
    line = (size_t)l->y.w * l->depth;
    rows = BLOCK / line ? BLOCK / line : 1;
    l->rows = rows < (size_t)l->y.h ? (int)rows : l->y.h;
    l->weights = malloc((back ? 2 : 1) * weights * sizeof(float));
    l->seen = malloc((size_t)l->rows * line * sizeof(float));
    if (!l->weights || !l->seen) {
        free(l->weights);
        free(l->seen);
        return latent_fail(e, "no memory to convolve %d x %d with %d channels", l->x.w, l->x.h,
                           l->x.c);
    }
    for (size_t o = 0; o < (size_t)s.n; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t t = 0; t < taps; t++)
                l->weights[o * l->depth + t * in + i] = w[(o * in + i) * taps + t];
    if (back) {
        l->gw = l->weights + weights;
        memset(l->gw, 0, weights * sizeof(float));
    }
    return 0;
}

static void plan_end(plan *l)
{
    free(l->weights);
    free(l->seen);
}

/* Copies what rows first.. of the result see of a picture, or (back) adds what is there to it. */
static void look(const plan *l, int first, int rows, float *x, int back)
{
    size_t in = (size_t)l->x.c;
    float *seen = l->seen;
    for (int row = first; row < first + rows; row++)
        for (int column = 0; column < l->y.w; column++)
            for (int t = 0; t < l->kernel * l->kernel; t++, seen += in) {
                int r = row * l->p->stride - l->p->padding + t / l->kernel;
                int c = column * l->p->stride - l->p->padding + t % l->kernel;
                int there = r >= 0 && r < l->x.h && c >= 0 && c < l->x.w;
                float *at = there ? x + ((size_t)r * (size_t)l->x.w + (size_t)c) * in : NULL;
                for (size_t i = 0; back && there && i < in; i++)
                    at[i] += seen[i];
                if (!back && there)
                    memcpy(seen, at, in * sizeof(float));
                else if (!back)
                    memset(seen, 0, in * sizeof(float));
            }
}

static int convolve_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    size_t wide = (size_t)out->shape.c, x_size = in[X]->count / (size_t)in[X]->shape.n;
    plan l;
    if (plan_begin(&l, n, in[W]->data, 0, e))
        return -1;
    for (int b = 0; b < l.x.n; b++)
        for (int row = 0; row < l.y.h; row += l.rows) {
            int rows = l.y.h - row < l.rows ? l.y.h - row : l.rows;
            size_t at = ((size_t)b * (size_t)l.y.h + (size_t)row) * (size_t)l.y.w * wide;
            look(&l, row, rows, in[X]->data + (size_t)b * x_size, 0);
            latent_gemm(0, 1, rows * l.y.w, l.y.c, (int)l.depth, l.seen, l.weights, 0,
                        out->data + at);
        }
    for (size_t i = 0; in[B] && i < out->count; i++)
        out->data[i] += in[B]->data[i % wide];
    plan_end(&l);
    return 0;
}

static int convolve_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    size_t wide = (size_t)out->shape.c, x_size = in[X]->count / (size_t)in[X]->shape.n, taps;
    plan l;
    if (plan_begin(&l, n, in[W]->data, 1, e))
        return -1;
    taps = (size_t)l.kernel * (size_t)l.kernel;
    for (int b = 0; b < l.x.n; b++)
        for (int row = 0; row < l.y.h; row += l.rows) {
            int rows = l.y.h - row < l.rows ? l.y.h - row : l.rows, pixels = rows * l.y.w;
            const float *g =
                grad_out->data + ((size_t)b * (size_t)l.y.h + (size_t)row) * (size_t)l.y.w * wide;
            if (grad_in[W]) {
                look(&l, row, rows, in[X]->data + (size_t)b * x_size, 0);
                latent_gemm(1, 0, l.y.c, (int)l.depth, pixels, g, l.seen, 1, l.gw);
            }
            if (grad_in[X]) {
                latent_gemm(0, 0, pixels, (int)l.depth, l.y.c, g, l.weights, 0, l.seen);
                look(&l, row, rows, grad_in[X]->data + (size_t)b * x_size, 1);
            }
        }
    for (size_t o = 0; grad_in[W] && o < wide; o++)
        for (size_t k = 0; k < l.depth; k++)
            grad_in[W]->data[(o * (size_t)l.x.c + k % (size_t)l.x.c) * taps + k / (size_t)l.x.c] +=
                l.gw[o * l.depth + k];
    for (size_t i = 0; grad_in[B] && i < out->count; i++)
        grad_in[B]->data[i % wide] += grad_out->data[i];
    plan_end(&l);
    return 0;
}

const latent_op latent_operation_convolve = {
    .name = "convolve",
    .n_computed = -1,
    .shape = convolve_shape,
    .cost = convolve_cost,
    .forward = convolve_forward,
    .backward = convolve_backward,
};

latent_node *latent_op_convolve(latent_node *x, latent_node *w, latent_node *b, int stride,
                                int padding, const char *stage, latent_error *e)
{
    static const latent_conv_settings plain = {
        .up = 1, .style_gain = 1, .weight_gain = 1, .strength = 1, .slope = 1, .gain = 1};
    latent_node *in[3] = {x, w, b};
    convolve_params p = {stride, padding};
    if (stride == 1 && w->shape.w == w->shape.c && (w->shape.w == 1 || w->shape.w == 3) &&
        padding == w->shape.w / 2)
        return latent_op_conv(x, NULL, w, b, NULL, NULL, NULL, &plain, stage, e);
    return latent_node_make(&latent_operation_convolve, in, 3, &p, sizeof(p), stage, e);
}
