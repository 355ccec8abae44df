/* resample: twice and half the size by the filter [1 3 3 1]: the way the running sum of ToRGB grows
   from block to block, and a discriminator's shortcut shrinks (StyleGAN2, figure 7).  In one
   direction, y[2i] = (x[i-1] + 3 x[i]) / 4 and y[2i+1] = (3 x[i] + x[i+1]) / 4, with zeros outside.
*/
#include "../base/parallel.h"
#include "../kernels/training_loops.h"
#include "layers.h"
#include "ops.h"

static int upsample_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    if (x.h > 1 << 20 || x.w > 1 << 20)
        return latent_fail(e, "a picture of %d x %d cannot be enlarged further", x.w, x.h);
    *s = (latent_shape){x.n, 2 * x.h, 2 * x.w, x.c};
    if (n->in[1] && !latent_shape_equal(n->in[1]->shape, *s))
        return latent_fail(e, "a picture of %d x %d to be added to one of %d x %d",
                           n->in[1]->shape.w, n->in[1]->shape.h, s->w, s->h);
    return 0;
}

static double upsample_cost(const latent_node *n)
{
    return 4.0 * (double)latent_shape_count(n->shape);
}

typedef struct {
    latent_shape x;
    const float *in, *add;
    float *out;
} upsample_job;

/* Number i of row a, and of the farther row, if there is one. */
static inline float two_rows(const float *a, const float *b, int i)
{
    return 3 * a[i] + (b ? b[i] : 0);
}

/* A row of pixels of c channels, and the one that counts less, to a row of twice as many. */
static inline void enlarge(const float *a, const float *b, int w, const int c, const float *add,
                           float *y)
{
    for (int p = 0; p < w; p++, y += 2 * c, add = add ? add + 2 * c : NULL)
        for (int k = 0; k < c; k++) {
            float here = 3 * two_rows(a, b, p * c + k);
            float left = p ? two_rows(a, b, (p - 1) * c + k) : 0;
            float right = p + 1 < w ? two_rows(a, b, (p + 1) * c + k) : 0;
            y[k] = (here + left) / 16 + (add ? add[k] : 0);
            y[c + k] = (here + right) / 16 + (add ? add[c + k] : 0);
        }
}

static void upsample_row(void *context, int i, int slot)
{
    const upsample_job *j = context;
    int h = j->x.h, w = j->x.w, c = j->x.c, row = i % (2 * h), near = row / 2;
    int far = row & 1 ? near + 1 : near - 1; /* the nearer row counts 3/4, the farther 1/4 */
    size_t line = (size_t)w * (size_t)c;
    const float *base = j->in + (size_t)(i / (2 * h)) * (size_t)h * line;
    const float *a = base + (size_t)near * line;
    const float *b = far >= 0 && far < h ? base + (size_t)far * line : NULL;
    float *y = j->out + (size_t)i * 2 * line;
    const float *add = j->add ? j->add + (size_t)i * 2 * line : NULL;
    (void)slot;
    if (c == 3 && b && add) /* known to the compiler, three times as fast */
        enlarge(a, b, w, 3, add, y);
    else
        enlarge(a, b, w, c, add, y);
}

static int upsample_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    upsample_job j = {in[0]->shape, in[0]->data, in[1] ? in[1]->data : NULL, out->data};
    (void)n;
    (void)e;
    latent_parallel(out->shape.n * out->shape.h, upsample_row, &j);
    return 0;
}

/* ---- the same filter by whole pixels: half the size, and both ways back */

/* The small pixels that a large one sees along one direction, or the large ones that a small one
   sees: 1 3 3 1 between zeros.  Returns how many. */
static int seen(int at, int count, int enlarge, int *where, float *tap)
{
    int n = 0, most = enlarge ? 2 : 4;
    for (int i = 0; i < most; i++) {
        int there = enlarge ? at / 2 + (i ? at % 2 * 2 - 1 : 0) : 2 * at + i - 1;
        if (there < 0 || there >= count)
            continue;
        where[n] = there;
        tap[n++] = enlarge ? (i ? 1 : 3) : i == 1 || i == 2 ? 3 : 1;
    }
    return n;
}

typedef struct {
    int h, w, c; /* of to, which is twice as large as from or half as large */
    int enlarge, add;
    float factor;
    const float *from;
    float *to;
} resize_job;

static void resize_row(void *context, int i, int slot)
{
    const resize_job *j = context;
    int rows = j->enlarge ? j->h / 2 : 2 * j->h, columns = j->enlarge ? j->w / 2 : 2 * j->w;
    const latent_training_code *code = latent_training_best();
    const float *from =
        j->from + (size_t)(i / j->h) * (size_t)rows * (size_t)columns * (size_t)j->c;
    float *to = j->to + (size_t)i * (size_t)j->w * (size_t)j->c;
    int row[4], column[4], n_rows;
    float down[4], across[4], taps[17];
    const float *pixels[17];
    (void)slot;
    n_rows = seen(i % j->h, rows, j->enlarge, row, down);
    for (int x = 0; x < j->w; x++, to += j->c) {
        int n_columns = seen(x, columns, j->enlarge, column, across), n = 0;
        for (int a = 0; a < n_rows; a++)
            for (int b = 0; b < n_columns; b++) {
                pixels[n] = from + (size_t)(row[a] * columns + column[b]) * (size_t)j->c;
                taps[n++] = j->factor * down[a] * across[b];
            }
        if (j->add) { /* what is there counts once */
            pixels[n] = to;
            taps[n++] = 1;
        }
        code->mix(n, taps, pixels, j->c, to);
    }
}

static void resize(latent_shape to, int enlarge, int add, float factor, const float *from, float *y)
{
    resize_job j = {to.h, to.w, to.c, enlarge, add, factor, from, y};
    latent_parallel(to.n * to.h, resize_row, &j);
}

static int upsample_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    (void)n;
    (void)out;
    (void)e;
    if (grad_in[0])
        resize(in[0]->shape, 0, !grad_in[0]->fresh, 1.0f / 16, grad_out->data, grad_in[0]->data);
    for (size_t i = 0; grad_in[1] && i < grad_out->count; i++)
        grad_in[1]->data[i] += grad_out->data[i];
    return 0;
}

const latent_op latent_operation_upsample = {
    .name = "upsample",
    .n_computed = -1,
    .shape = upsample_shape,
    .cost = upsample_cost,
    .forward = upsample_forward,
    .backward = upsample_backward,
    .overwrites = 1,
};

latent_node *latent_op_upsample(latent_node *x, latent_node *add, const char *stage,
                                latent_error *e)
{
    latent_node *in[2] = {x, add};
    return latent_node_make(&latent_operation_upsample, in, 2, NULL, 0, stage, e);
}

static int downsample_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    if (x.h % 2 || x.w % 2)
        return latent_fail(e, "a picture of %d x %d cannot be halved", x.w, x.h);
    *s = (latent_shape){x.n, x.h / 2, x.w / 2, x.c};
    return 0;
}

static int downsample_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                              latent_error *e)
{
    (void)n;
    (void)e;
    resize(out->shape, 0, 0, 1.0f / 64, in[0]->data, out->data);
    return 0;
}

static int downsample_backward(const latent_node *n, latent_tensor *const *in,
                               const latent_tensor *out, latent_tensor *grad_out,
                               latent_tensor *const *grad_in, latent_error *e)
{
    (void)n;
    (void)out;
    (void)e;
    resize(in[0]->shape, 1, !grad_in[0]->fresh, 1.0f / 64, grad_out->data, grad_in[0]->data);
    return 0;
}

const latent_op latent_operation_downsample = {
    .name = "downsample",
    .n_computed = -1,
    .shape = downsample_shape,
    .forward = downsample_forward,
    .backward = downsample_backward,
    .overwrites = 1,
};

latent_node *latent_op_downsample(latent_node *x, const char *stage, latent_error *e)
{
    return latent_node_make(&latent_operation_downsample, &x, 1, NULL, 0, stage, e);
}
