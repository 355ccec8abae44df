/* pointwise: what is done to each number by itself: sums, products, SiLU, FiLM. */
#include "../base/parallel.h"
#include "layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384 /* numbers that one thread takes at a time */

/* ---- numbers that stand for many */

/* How far it is in b from one number of a, channel or picture to the next. */
typedef struct {
    size_t c, picture; /* numbers of a pixel and of a picture of a */
    size_t each, channel, whole;
} spread;

static int spread_of(latent_shape a, latent_shape b, spread *s)
{
    *s = (spread){(size_t)a.c, (size_t)a.h * (size_t)a.w * (size_t)a.c, 0, 0, 0};
    if (latent_shape_equal(a, b))
        s->each = 1;
    else if (b.h == 1 && b.w == 1 && b.c == a.c && (b.n == a.n || b.n == 1)) {
        s->channel = 1;
        s->whole = b.n == 1 ? 0 : s->c;
    } else if (latent_shape_count(b) != 1)
        return -1;
    return 0;
}

static size_t place(const spread *s, size_t i)
{
    return s->each * i + s->channel * (i % s->c) + s->whole * (i / s->picture);
}

static int like(latent_shape a, latent_shape b, const char *what, latent_error *e)
{
    spread s;
    return spread_of(a, b, &s) ? latent_fail(e,
                                             "%s of %d x %d x %d x %d don't fit features of %d x "
                                             "%d x %d x %d",
                                             what, b.n, b.h, b.w, b.c, a.n, a.h, a.w, a.c)
                               : 0;
}

/* Adds factor g[i] (times x[i], or not where x is NULL) to b's gradient: in the order of the
   numbers, whatever the threads. */
static int gather(const spread *s, size_t count, float factor, const float *g, const float *x,
                  latent_tensor *to, latent_error *e)
{
    double *sum;
    if (s->each) {
        for (size_t i = 0; i < count; i++)
            to->data[i] += factor * g[i] * (x ? x[i] : 1);
        return 0;
    }
    if (!(sum = calloc(to->count, sizeof(*sum))))
        return latent_fail(e, "no memory for a gradient");
    for (size_t i = 0; i < count; i++)
        sum[place(s, i)] += (double)factor * (double)g[i] * (double)(x ? x[i] : 1);
    for (size_t i = 0; i < to->count; i++)
        to->data[i] += (float)sum[i];
    free(sum);
    return 0;
}

/* ---- loops */

typedef struct job {
    size_t count;
    float p, q;
    spread s, t;
    const float *a, *b, *c, *g;
    float *y;
    void (*one)(const struct job *j, size_t first, size_t last);
} job;

static void piece(void *context, int i, int slot)
{
    const job *j = context;
    size_t first = (size_t)i * PIECE, last = first + PIECE;
    (void)slot;
    j->one(j, first, last < j->count ? last : j->count);
}

static void run(job *j)
{
    latent_parallel((int)((j->count + PIECE - 1) / PIECE), piece, j);
}

/* ---- sums */

typedef struct {
    float of_a, of_b;
} add_params;

static int add_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    return like(*s, n->in[1]->shape, "what is to be added", e);
}

static void add_some(const job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        j->y[i] = j->p * j->a[i] + j->q * j->b[place(&j->s, i)];
}

static int add_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    const add_params *p = n->params;
    job j = {.count = out->count,
             .p = p->of_a,
             .q = p->of_b,
             .a = in[0]->data,
             .b = in[1]->data,
             .y = out->data,
             .one = add_some};
    (void)e;
    spread_of(in[0]->shape, in[1]->shape, &j.s);
    run(&j);
    return 0;
}

static void add_back_some(const job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        j->y[i] += j->p * j->g[i];
}

static int add_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const add_params *p = n->params;
    job j = {.count = out->count, .p = p->of_a, .g = grad_out->data, .one = add_back_some};
    spread s;
    spread_of(in[0]->shape, in[1]->shape, &s);
    if (grad_in[0]) {
        j.y = grad_in[0]->data;
        run(&j);
    }
    return grad_in[1] ? gather(&s, out->count, p->of_b, grad_out->data, NULL, grad_in[1], e) : 0;
}

static const latent_op op_add = {
    .name = "add",
    .n_computed = -1,
    .shape = add_shape,
    .forward = add_forward,
    .backward = add_backward,
};

latent_node *latent_op_add(latent_node *a, float of_a, latent_node *b, float of_b,
                           const char *stage, latent_error *e)
{
    latent_node *in[2] = {a, b};
    add_params p = {of_a, of_b};
    return latent_node_make(&op_add, in, 2, &p, sizeof(p), stage, e);
}

/* ---- products */

static int multiply_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    return like(*s, n->in[1]->shape, "factors", e);
}

static void multiply_some(const job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        j->y[i] = j->a[i] * j->b[place(&j->s, i)];
}

static int multiply_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    job j = {.count = out->count,
             .a = in[0]->data,
             .b = in[1]->data,
             .y = out->data,
             .one = multiply_some};
    (void)n;
    (void)e;
    spread_of(in[0]->shape, in[1]->shape, &j.s);
    run(&j);
    return 0;
}

static void multiply_back_some(const job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        j->y[i] += j->g[i] * j->b[place(&j->s, i)];
}

static int multiply_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    job j = {.count = out->count, .b = in[1]->data, .g = grad_out->data, .one = multiply_back_some};
    (void)n;
    spread_of(in[0]->shape, in[1]->shape, &j.s);
    if (grad_in[0]) {
        j.y = grad_in[0]->data;
        run(&j);
    }
    return grad_in[1] ? gather(&j.s, out->count, 1, grad_out->data, in[0]->data, grad_in[1], e) : 0;
}

static const latent_op op_multiply = {
    .name = "multiply",
    .n_computed = -1,
    .shape = multiply_shape,
    .forward = multiply_forward,
    .backward = multiply_backward,
};

latent_node *latent_op_multiply(latent_node *a, latent_node *b, const char *stage, latent_error *e)
{
    latent_node *in[2] = {a, b};
    return latent_node_make(&op_multiply, in, 2, NULL, 0, stage, e);
}

/* ---- SiLU */

static int silu_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[0]->shape;
    return 0;
}

static void silu_some(const job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        j->y[i] = j->p * j->a[i] / (1 + expf(-j->a[i]));
}

static int silu_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    job j = {.count = out->count,
             .p = *(const float *)n->params,
             .a = in[0]->data,
             .y = out->data,
             .one = silu_some};
    (void)e;
    run(&j);
    return 0;
}

static void silu_back_some(const job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++) {
        float s = 1 / (1 + expf(-j->a[i]));
        j->y[i] += j->p * j->g[i] * s * (1 + j->a[i] * (1 - s));
    }
}

static int silu_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    job j = {.count = out->count,
             .p = *(const float *)n->params,
             .a = in[0]->data,
             .g = grad_out->data,
             .y = grad_in[0]->data,
             .one = silu_back_some};
    (void)e;
    run(&j);
    return 0;
}

static const latent_op op_silu = {
    .name = "silu",
    .n_computed = -1,
    .shape = silu_shape,
    .forward = silu_forward,
    .backward = silu_backward,
};

latent_node *latent_op_silu(latent_node *x, float gain, const char *stage, latent_error *e)
{
    return latent_node_make(&op_silu, &x, 1, &gain, sizeof(gain), stage, e);
}

/* ---- FiLM */

static int film_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    if ((n->in[1] && like(*s, n->in[1]->shape, "scales", e)) ||
        (n->in[2] && like(*s, n->in[2]->shape, "shifts", e)))
        return -1;
    return 0;
}

static void film_some(const job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        j->y[i] =
            j->a[i] * (1 + (j->b ? j->b[place(&j->s, i)] : 0)) + (j->c ? j->c[place(&j->t, i)] : 0);
}

static int film_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    job j = {.count = out->count,
             .a = in[0]->data,
             .b = in[1] ? in[1]->data : NULL,
             .c = in[2] ? in[2]->data : NULL,
             .y = out->data,
             .one = film_some};
    (void)n;
    (void)e;
    if (in[1])
        spread_of(out->shape, in[1]->shape, &j.s);
    if (in[2])
        spread_of(out->shape, in[2]->shape, &j.t);
    run(&j);
    return 0;
}

static void film_back_some(const job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        j->y[i] += j->g[i] * (1 + (j->b ? j->b[place(&j->s, i)] : 0));
}

static int film_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    job j = {.count = out->count,
             .b = in[1] ? in[1]->data : NULL,
             .g = grad_out->data,
             .one = film_back_some};
    spread t;
    (void)n;
    if (in[1])
        spread_of(out->shape, in[1]->shape, &j.s);
    if (in[2])
        spread_of(out->shape, in[2]->shape, &t);
    if (grad_in[0]) {
        j.y = grad_in[0]->data;
        run(&j);
    }
    if (grad_in[1] && gather(&j.s, out->count, 1, grad_out->data, in[0]->data, grad_in[1], e))
        return -1;
    return grad_in[2] ? gather(&t, out->count, 1, grad_out->data, NULL, grad_in[2], e) : 0;
}

static const latent_op op_film = {
    .name = "film",
    .n_computed = -1,
    .shape = film_shape,
    .forward = film_forward,
    .backward = film_backward,
};

latent_node *latent_op_film(latent_node *x, latent_node *scale, latent_node *shift,
                            const char *stage, latent_error *e)
{
    latent_node *in[3] = {x, scale, shift};
    return latent_node_make(&op_film, in, 3, NULL, 0, stage, e);
}
