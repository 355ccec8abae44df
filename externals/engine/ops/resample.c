/* resample: twice the size by the filter [1 3 3 1], the way the running sum of ToRGB grows from
   block to block (StyleGAN2, figure 7b).  In one direction, y[2i] = (x[i-1] + 3 x[i]) / 4 and
   y[2i+1] = (3 x[i] + x[i+1]) / 4, with zeros outside. */
#include "../base/parallel.h"
#include "../kernels/backward_data.h"
#include "ops.h"
#include <stdlib.h>

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

static int upsample_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    latent_shape x = in[0]->shape;
    size_t size = (size_t)x.h * (size_t)x.w * (size_t)x.c;
    float *gx = grad_in[0] ? malloc(size * sizeof(float)) : NULL;
    (void)n;
    (void)out;
    if (grad_in[0] && !gx)
        return latent_fail(e, "no memory for the gradient of a picture");
    for (int b = 0; b < x.n && gx; b++) {
        latent_backward_data_upsample(x.h, x.w, x.c, grad_out->data + 4 * (size_t)b * size, gx);
        for (size_t i = 0; i < size; i++)
            grad_in[0]->data[(size_t)b * size + i] += gx[i];
    }
    for (size_t i = 0; grad_in[1] && i < grad_out->count; i++)
        grad_in[1]->data[i] += grad_out->data[i];
    free(gx);
    return 0;
}

static const latent_op op_upsample = {
    .name = "upsample",
    .n_computed = -1,
    .shape = upsample_shape,
    .cost = upsample_cost,
    .forward = upsample_forward,
    .backward = upsample_backward,
};

latent_node *latent_op_upsample(latent_node *x, latent_node *add, const char *stage,
                                latent_error *e)
{
    latent_node *in[2] = {x, add};
    return latent_node_make(&op_upsample, in, 2, NULL, 0, stage, e);
}
