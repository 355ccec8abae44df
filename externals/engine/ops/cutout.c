/* cutout: what of a picture an encoder is shown, and in which size and units. */
#include "../base/parallel.h"
#include "../base/random.h"
#include "../kernels/taps.h"
#include "encoder.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- each channel times a number plus a number */

typedef struct {
    float scale[4], shift[4];
} scale_params;

static int scale_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    return s->c > 4 ? latent_fail(e, "a picture of %d channels; 4 at most are possible", s->c) : 0;
}

static int scale_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    const scale_params *p = n->params;
    size_t c = (size_t)out->shape.c;
    (void)e;
    for (size_t i = 0; i < out->count; i += c)
        for (size_t k = 0; k < c; k++)
            out->data[i + k] = p->scale[k] * in[0]->data[i + k] + p->shift[k];
    return 0;
}

static int scale_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const scale_params *p = n->params;
    size_t c = (size_t)out->shape.c;
    (void)in;
    (void)e;
    for (size_t i = 0; grad_in[0] && i < out->count; i += c)
        for (size_t k = 0; k < c; k++)
            grad_in[0]->data[i + k] += p->scale[k] * grad_out->data[i + k];
    return 0;
}

const latent_op latent_operation_scale = {
    .name = "scale",
    .n_computed = -1,
    .shape = scale_shape,
    .forward = scale_forward,
    .backward = scale_backward,
};

latent_node *latent_op_scale(latent_node *x, const float *scale, const float *shift,
                             latent_error *e)
{
    scale_params p;
    memset(&p, 0, sizeof(p));
    for (int k = 0; k < x->shape.c && k < 4; k++) {
        p.scale[k] = scale[k];
        p.shift[k] = shift[k];
    }
    return latent_node_make(&latent_operation_scale, &x, 1, &p, sizeof(p), "scale", e);
}

/* ---- the middle, as CLIP's own preparation has it */

typedef struct {
    latent_taps down, across;
    size_t top, left; /* of the square in the resized picture */
    float *between, *resized;
} middle_job;

static int middle_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    latent_shape x = n->in[0]->shape;
    int size = *(const int *)n->params;
    double longer = (double)size * (x.h > x.w ? x.h : x.w) / (x.h > x.w ? x.w : x.h);
    if (x.n != 1 || longer > 16384)
        return latent_fail(e, "a picture of %d x %d is too narrow to be looked at", x.w, x.h);
    *s = (latent_shape){1, size, size, x.c};
    return 0;
}

static void middle_end(middle_job *j)
{
    latent_taps_free(&j->down);
    latent_taps_free(&j->across);
    free(j->between);
}

static int middle_begin(middle_job *j, latent_shape x, int size, latent_error *e)
{
    int h = x.h <= x.w ? size : (int)((int64_t)size * x.h / x.w);
    int w = x.w <= x.h ? size : (int)((int64_t)size * x.w / x.h);
    size_t between = (size_t)x.h * (size_t)w * (size_t)x.c;
    memset(j, 0, sizeof(*j));
    if (latent_taps_cubic(&j->down, x.h, h, e) || latent_taps_cubic(&j->across, x.w, w, e) ||
        !(j->between = malloc((between + (size_t)h * (size_t)w * (size_t)x.c) * sizeof(float)))) {
        middle_end(j);
        return latent_fail(e, "no memory to make a picture of %d x %d smaller", x.w, x.h);
    }
    j->resized = j->between + between;
    j->top = (size_t)nearbyint((h - size) / 2.0); /* a half to the even side, as Python rounds */
    j->left = (size_t)nearbyint((w - size) / 2.0);
    return 0;
}

/* Are the numbers, in [-1, 1], those of bytes?  Then they are written to bytes. */
static int are_bytes(const latent_tensor *x, float *bytes)
{
    for (size_t i = 0; i < x->count; i++) {
        float v = x->data[i] * 127.5f + 127.5f;
        bytes[i] = nearbyintf(v);
        if (!(fabsf(v - bytes[i]) < 1e-3f) || bytes[i] < 0 || bytes[i] > 255)
            return 0;
    }
    return 1;
}

static int middle_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    int size = *(const int *)n->params;
    latent_shape x = in[0]->shape;
    size_t c = (size_t)x.c, row = (size_t)size * c;
    float *bytes;
    middle_job j;
    if (x.h == size && x.w == size) {
        memcpy(out->data, in[0]->data, out->count * sizeof(float));
        return 0;
    }
    if (middle_begin(&j, x, size, e))
        return -1;
    if (!(bytes = malloc(in[0]->count * sizeof(*bytes)))) {
        middle_end(&j);
        return latent_fail(e, "no memory to make a picture of %d x %d smaller", x.w, x.h);
    }
    if (are_bytes(in[0], bytes)) {
        latent_taps_bytes(&j.down, &j.across, x.c, bytes, j.between, j.resized);
        for (size_t i = 0; i < (size_t)j.down.out * (size_t)j.across.out * c; i++)
            j.resized[i] = j.resized[i] / 127.5f - 1;
    } else
        latent_taps_run(&j.down, &j.across, x.c, in[0]->data, (size_t)x.w * c, j.between,
                        j.resized);
    for (size_t i = 0; i < (size_t)size; i++)
        memcpy(out->data + i * row, j.resized + ((j.top + i) * (size_t)j.across.out + j.left) * c,
               row * sizeof(float));
    free(bytes);
    middle_end(&j);
    return 0;
}

static int middle_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    int size = *(const int *)n->params;
    latent_shape x = in[0]->shape;
    size_t c = (size_t)x.c, row = (size_t)size * c;
    middle_job j;
    if (!grad_in[0])
        return 0;
    if (x.h == size && x.w == size) {
        for (size_t i = 0; i < out->count; i++)
            grad_in[0]->data[i] += grad_out->data[i];
        return 0;
    }
    if (middle_begin(&j, x, size, e))
        return -1;
    memset(j.resized, 0, (size_t)j.down.out * (size_t)j.across.out * c * sizeof(float));
    for (size_t i = 0; i < (size_t)size; i++)
        memcpy(j.resized + ((j.top + i) * (size_t)j.across.out + j.left) * c,
               grad_out->data + i * row, row * sizeof(float));
    latent_taps_back(&j.down, &j.across, x.c, j.resized, j.between, grad_in[0]->data,
                     (size_t)x.w * c);
    middle_end(&j);
    return 0;
}

const latent_op latent_operation_center_crop = {
    .name = "middle",
    .n_computed = -1,
    .shape = middle_shape,
    .forward = middle_forward,
    .backward = middle_backward,
};

latent_node *latent_op_center_crop(latent_node *x, int size, latent_error *e)
{
    return latent_node_make(&latent_operation_center_crop, &x, 1, &size, sizeof(size), "middle", e);
}

/* ---- cutouts */

#define MAX_CUTOUTS 256

typedef struct {
    int n, size;
    float power;
    uint32_t seed;
} cutout_params;

typedef struct {
    int side, top, left;
} square;

typedef struct {
    const square *squares;
    latent_shape x;
    int size;
    float *px, *py;
    float *between; /* of every thread, forward */
    size_t between_size;
    atomic_int failed;
} cutout_job;

static int cutouts_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const cutout_params *p = n->params;
    latent_shape x = n->in[0]->shape;
    if (x.n != 1)
        return latent_fail(e, "one picture at a time, not %d", x.n);
    if (p->n < 0 || p->n > MAX_CUTOUTS)
        return latent_fail(e, "%d cutouts; 0 to %d are possible", p->n, MAX_CUTOUTS);
    *s = (latent_shape){p->n ? p->n : 1, p->size, p->size, x.c};
    return 0;
}

static void draw_squares(const cutout_params *p, latent_shape x, square *squares)
{
    int largest = x.h < x.w ? x.h : x.w;
    int smallest = p->size < (largest + 1) / 2 ? p->size : (largest + 1) / 2;
    latent_random r;
    squares[0] = (square){largest, (x.h - largest) / 2, (x.w - largest) / 2};
    latent_random_seed(&r, p->seed);
    for (int i = 0; i < p->n; i++) {
        double u = pow(latent_random_uniform(&r), p->power);
        int side = smallest + (int)(u * (largest - smallest));
        squares[i].side = side;
        squares[i].top = (int)(latent_random_uniform(&r) * (x.h - side + 1));
        squares[i].left = (int)(latent_random_uniform(&r) * (x.w - side + 1));
    }
}

static size_t square_place(const cutout_job *j, const square *s)
{
    return ((size_t)s->top * (size_t)j->x.w + (size_t)s->left) * (size_t)j->x.c;
}

static void cutout_piece(void *context, int i, int slot)
{
    cutout_job *j = context;
    const square *s = &j->squares[i];
    latent_taps taps;
    if (latent_taps_mean(&taps, s->side, j->size, NULL)) {
        atomic_store(&j->failed, 1);
        return;
    }
    latent_taps_run(&taps, &taps, j->x.c, j->px + square_place(j, s),
                    (size_t)j->x.w * (size_t)j->x.c, j->between + (size_t)slot * j->between_size,
                    j->py + (size_t)i * (size_t)j->size * (size_t)j->size * (size_t)j->x.c);
    latent_taps_free(&taps);
}

/* The squares lie over each other, so the way back is one thread's. */
static void cutouts_back(cutout_job *j, int n)
{
    for (int i = 0; i < n; i++) {
        const square *s = &j->squares[i];
        latent_taps taps;
        if (latent_taps_mean(&taps, s->side, j->size, NULL)) {
            atomic_store(&j->failed, 1);
            return;
        }
        latent_taps_back(&taps, &taps, j->x.c,
                         j->py + (size_t)i * (size_t)j->size * (size_t)j->size * (size_t)j->x.c,
                         j->between, j->px + square_place(j, s), (size_t)j->x.w * (size_t)j->x.c);
        latent_taps_free(&taps);
    }
}

static int cutouts_run(const latent_node *n, float *px, float *py, int back, latent_error *e)
{
    const cutout_params *p = n->params;
    square squares[MAX_CUTOUTS];
    cutout_job j = {.squares = squares, .x = n->in[0]->shape, .size = p->size, .px = px, .py = py};
    int largest = j.x.h < j.x.w ? j.x.h : j.x.w;
    draw_squares(p, j.x, squares);
    j.between_size = (size_t)largest * (size_t)p->size * (size_t)j.x.c;
    if (!(j.between =
              malloc((back ? 1 : LATENT_MAX_THREADS) * j.between_size * sizeof(*j.between))))
        return latent_fail(e, "no memory for cutouts");
    if (back)
        cutouts_back(&j, n->shape.n);
    else
        latent_parallel(n->shape.n, cutout_piece, &j);
    free(j.between);
    return atomic_load(&j.failed) ? latent_fail(e, "no memory for cutouts") : 0;
}

static int cutouts_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                           latent_error *e)
{
    return cutouts_run(n, in[0]->data, out->data, 0, e);
}

static int cutouts_backward(const latent_node *n, latent_tensor *const *in,
                            const latent_tensor *out, latent_tensor *grad_out,
                            latent_tensor *const *grad_in, latent_error *e)
{
    (void)in;
    (void)out;
    return grad_in[0] ? cutouts_run(n, grad_in[0]->data, grad_out->data, 1, e) : 0;
}

const latent_op latent_operation_cutouts = {
    .name = "cutouts",
    .n_computed = -1,
    .shape = cutouts_shape,
    .forward = cutouts_forward,
    .backward = cutouts_backward,
};

latent_node *latent_op_cutouts(latent_node *x, int n, int size, float power, uint32_t seed,
                               latent_error *e)
{
    cutout_params p = {n, size, power, n ? seed : 0};
    return latent_node_make(&latent_operation_cutouts, &x, 1, &p, sizeof(p), "cutouts", e);
}

/* ---- small changes by chance */

typedef struct {
    float strength;
    uint32_t seed;
} augment_params;

/* Where output pixels come from, and what becomes of their colours: y = light * (colour * x +
   (1 - colour) * grey). */
typedef struct {
    double xx, xy, x0, yx, yy, y0;
    float light, colour;
} change;

typedef struct {
    latent_shape s;
    const change *changes;
    const float *from; /* the pictures, or on the way back the gradient */
    float *to;
    int back;
} augment_job;

static int augment_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    return s->c != 3 || s->n > MAX_CUTOUTS
               ? latent_fail(e, "pictures of 3 channels are changed; %d came", s->c)
               : 0;
}

static double swing(latent_random *r)
{
    return 2 * latent_random_uniform(r) - 1;
}

static void draw_changes(const augment_params *p, latent_shape s, change *changes)
{
    latent_random r;
    latent_random_seed(&r, p->seed);
    for (int i = 0; i < s.n; i++) {
        change *c = &changes[i];
        int mirrored = latent_random_uniform(&r) < 0.5 * p->strength;
        double turn = 0.2618 * p->strength * swing(&r), scale = 1 + 0.1 * p->strength * swing(&r);
        double along = 0.1 * p->strength * s.w * swing(&r),
               down = 0.1 * p->strength * s.h * swing(&r);
        double mx = 0.5 * (s.w - 1), my = 0.5 * (s.h - 1), sign = mirrored ? -1 : 1;
        c->xx = sign * scale * cos(turn);
        c->xy = -sign * scale * sin(turn);
        c->yx = scale * sin(turn);
        c->yy = scale * cos(turn);
        c->x0 = mx + along - c->xx * mx - c->xy * my;
        c->y0 = my + down - c->yx * mx - c->yy * my;
        c->light = (float)(1 + 0.1 * p->strength * swing(&r));
        c->colour = (float)(1 + 0.2 * p->strength * swing(&r));
    }
}

static int inside(double v, int size)
{
    return v < 0 ? 0 : v > size - 1 ? size - 1 : (int)v;
}

/* The four pixels around a place, and their shares. */
static void corners(const change *c, latent_shape s, int i, int j, size_t at[4], float share[4])
{
    double x = c->xx * j + c->xy * i + c->x0, y = c->yx * j + c->yy * i + c->y0;
    double left = floor(x), top = floor(y);
    float fx = (float)(x - left), fy = (float)(y - top);
    for (int k = 0; k < 4; k++) {
        at[k] =
            ((size_t)inside(top + k / 2, s.h) * (size_t)s.w + (size_t)inside(left + k % 2, s.w)) *
            3;
        share[k] = (k / 2 ? fy : 1 - fy) * (k % 2 ? fx : 1 - fx);
    }
}

/* y = light * (colour * x + (1 - colour) * grey), which is its own transpose. */
static void tint(const change *c, const float *x, float *y)
{
    float grey = (x[0] + x[1] + x[2]) / 3;
    for (int k = 0; k < 3; k++)
        y[k] = c->light * (c->colour * x[k] + (1 - c->colour) * grey);
}

static void augment_piece(void *context, int n, int slot)
{
    const augment_job *a = context;
    const change *c = &a->changes[n];
    size_t place = (size_t)n * (size_t)a->s.h * (size_t)a->s.w * 3, at[4];
    const float *from = a->from + place;
    float *to = a->to + place, share[4], v[3];
    (void)slot;
    for (int i = 0; i < a->s.h; i++)
        for (int j = 0; j < a->s.w; j++) {
            size_t here = ((size_t)i * (size_t)a->s.w + (size_t)j) * 3;
            corners(c, a->s, i, j, at, share);
            if (a->back) {
                tint(c, from + here, v);
                for (int k = 0; k < 12; k++)
                    to[at[k / 3] + (size_t)(k % 3)] += share[k / 3] * v[k % 3];
                continue;
            }
            v[0] = v[1] = v[2] = 0;
            for (int k = 0; k < 12; k++)
                v[k % 3] += share[k / 3] * from[at[k / 3] + (size_t)(k % 3)];
            tint(c, v, to + here);
        }
}

static void augment_run(const latent_node *n, const float *from, float *to, int back)
{
    change changes[MAX_CUTOUTS];
    augment_job a = {n->shape, changes, from, to, back};
    draw_changes(n->params, n->shape, changes);
    latent_parallel(n->shape.n, augment_piece, &a);
}

static int augment_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                           latent_error *e)
{
    (void)e;
    augment_run(n, in[0]->data, out->data, 0);
    return 0;
}

static int augment_backward(const latent_node *n, latent_tensor *const *in,
                            const latent_tensor *out, latent_tensor *grad_out,
                            latent_tensor *const *grad_in, latent_error *e)
{
    (void)in;
    (void)out;
    (void)e;
    if (grad_in[0])
        augment_run(n, grad_out->data, grad_in[0]->data, 1);
    return 0;
}

const latent_op latent_operation_augment = {
    .name = "augment",
    .n_computed = -1,
    .shape = augment_shape,
    .forward = augment_forward,
    .backward = augment_backward,
};

latent_node *latent_op_augment(latent_node *x, float strength, uint32_t seed, latent_error *e)
{
    augment_params p = {strength, seed};
    return latent_node_make(&latent_operation_augment, &x, 1, &p, sizeof(p), "cutouts", e);
}
