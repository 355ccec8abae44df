/* pointwise: what is done to each number by itself: sums, products, SiLU, FiLM. */
#include "../kernels/pointwise.h"
#include "../base/parallel.h"
#include "layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384 /* about so many numbers one thread takes at a time: rows of one picture */

/* ---- numbers that stand for many */

typedef enum { EACH, CHANNEL, SINGLE } spread;

static int spread_of(latent_shape a, latent_shape b, spread *s)
{
    *s = SINGLE;
    if (latent_shape_equal(a, b))
        *s = EACH;
    else if (b.h == 1 && b.w == 1 && b.c == a.c && (b.n == a.n || b.n == 1))
        *s = CHANNEL;
    else if (latent_shape_count(b) != 1)
        return -1;
    return 0;
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

/* ---- pieces */

typedef struct job {
    latent_shape shape; /* of a */
    size_t rows;        /* of a piece */
    int pieces;         /* of a picture */
    float p, q;
    const latent_tensor *b, *c; /* each like a, or a number a channel, or a single one; or NULL */
    const float *a, *g;
    float *y;
    int add;
    float *sums; /* [pictures][pieces][c] */
    void (*one)(const struct job *j, size_t picture, size_t at, size_t n, float *sum);
} job;

static job job_of(latent_shape s)
{
    size_t pixels = (size_t)s.h * (size_t)s.w, rows = PIECE / (size_t)s.c;
    rows = rows < 1 ? 1 : rows < pixels ? rows : pixels;
    return (job){.shape = s, .rows = rows, .pieces = (int)((pixels + rows - 1) / rows)};
}

static void piece(void *context, int i, int slot)
{
    const job *j = context;
    size_t picture = (size_t)i / (size_t)j->pieces, number = (size_t)i % (size_t)j->pieces;
    size_t c = (size_t)j->shape.c, pixels = (size_t)j->shape.h * (size_t)j->shape.w;
    size_t from = number * j->rows, rows = pixels - from < j->rows ? pixels - from : j->rows;
    float *sum = j->sums ? j->sums + (size_t)i * c : NULL;
    (void)slot;
    if (sum)
        memset(sum, 0, c * sizeof(*sum));
    j->one(j, picture, (picture * pixels + from) * c, rows * c, sum);
}

static void run(job *j)
{
    latent_parallel(j->shape.n * j->pieces, piece, j);
}

static spread kind(const job *j, const latent_tensor *b)
{
    spread s;
    spread_of(j->shape, b->shape, &s);
    return s;
}

/* The numbers of b a channel for that picture. */
static const float *of_picture(const latent_tensor *b, size_t picture)
{
    return b ? b->data + (b->shape.n > 1 ? picture : 0) * (size_t)b->shape.c : NULL;
}

/* Takes memory for sums; gather() frees it. */
static int sums_begin(job *j, latent_error *e)
{
    size_t pieces = (size_t)j->shape.n * (size_t)j->pieces;
    j->sums = malloc(pieces * (size_t)j->shape.c * sizeof(*j->sums));
    return j->sums ? 0 : latent_fail(e, "no memory for a gradient");
}

/* Adds factor times the pieces' sums to a gradient that stands for many numbers: in the order of
   the numbers, whatever the threads. */
static void sums_end(job *j, float factor, latent_tensor *to)
{
    size_t c = (size_t)j->shape.c, pieces = (size_t)j->shape.n * (size_t)j->pieces;
    size_t each = to->shape.n > 1 ? (size_t)j->pieces : pieces;
    for (size_t p = 0; p < pieces; p += each) {
        float *at = to->data + (to->shape.n > 1 ? p / each * c : 0);
        double all = 0;
        for (size_t k = 0; k < c; k++) {
            double sum = 0;
            for (size_t i = p; i < p + each; i++)
                sum += (double)j->sums[i * c + k];
            if (to->count > 1)
                at[k] += factor * (float)sum;
            all += sum;
        }
        if (to->count == 1)
            to->data[0] += factor * (float)all;
    }
    free(j->sums);
    j->sums = NULL;
}

static void columns_some(const job *j, size_t picture, size_t at, size_t n, float *sum)
{
    (void)picture;
    latent_pointwise_best()->columns(n, (size_t)j->shape.c, j->g + at, j->a ? j->a + at : NULL,
                                     sum);
}

static void each_some(const job *j, size_t picture, size_t at, size_t n, float *sum)
{
    (void)picture;
    (void)sum;
    if (j->a)
        latent_pointwise_best()->product(n, j->g + at, j->a + at, 1, j->y + at);
    else
        latent_pointwise_best()->sum(n, j->p, j->g + at, 0, NULL, 1, j->y + at);
}

/* Adds factor g (times x, or not where x is NULL; factor 1 else) to b's gradient. */
static int gather(latent_shape shape, float factor, const float *g, const float *x,
                  latent_tensor *to, latent_error *e)
{
    job j = job_of(shape);
    j.g = g;
    j.a = x;
    j.p = factor;
    j.y = to->data;
    j.one = kind(&j, to) == EACH ? each_some : columns_some;
    if (j.one == columns_some && sums_begin(&j, e))
        return -1;
    run(&j);
    if (j.one == columns_some)
        sums_end(&j, factor, to);
    return 0;
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

static void add_some(const job *j, size_t picture, size_t at, size_t n, float *sum)
{
    const latent_pointwise_code *code = latent_pointwise_best();
    const float *b = of_picture(j->b, picture);
    size_t c = (size_t)j->shape.c;
    (void)sum;
    if (kind(j, j->b) == EACH)
        code->sum(n, j->p, j->a + at, j->q, j->b->data + at, 0, j->y + at);
    else
        for (size_t i = 0; i < n; i++)
            j->y[at + i] = j->p * j->a[at + i] + j->q * b[j->b->count == 1 ? 0 : i % c];
}

static int add_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    const add_params *p = n->params;
    job j = job_of(out->shape);
    (void)e;
    j.p = p->of_a;
    j.q = p->of_b;
    j.a = in[0]->data;
    j.b = in[1];
    j.y = out->data;
    j.one = add_some;
    run(&j);
    return 0;
}

static void scale_some(const job *j, size_t picture, size_t at, size_t n, float *sum)
{
    (void)picture;
    (void)sum;
    latent_pointwise_best()->sum(n, j->p, j->g + at, 0, NULL, j->add, j->y + at);
}

static int add_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const add_params *p = n->params;
    job j = job_of(out->shape);
    (void)in;
    j.p = p->of_a;
    j.g = grad_out->data;
    j.one = scale_some;
    if (grad_in[0]) {
        j.y = grad_in[0]->data;
        j.add = !grad_in[0]->fresh;
        run(&j);
    }
    return grad_in[1] ? gather(out->shape, p->of_b, grad_out->data, NULL, grad_in[1], e) : 0;
}

const latent_op latent_operation_add = {
    .name = "add",
    .n_computed = -1,
    .shape = add_shape,
    .forward = add_forward,
    .backward = add_backward,
    .overwrites = 1,
};

latent_node *latent_op_add(latent_node *a, float of_a, latent_node *b, float of_b,
                           const char *stage, latent_error *e)
{
    latent_node *in[2] = {a, b};
    add_params p = {of_a, of_b};
    return latent_node_make(&latent_operation_add, in, 2, &p, sizeof(p), stage, e);
}

/* ---- products */

static int multiply_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    *s = n->in[0]->shape;
    return like(*s, n->in[1]->shape, "factors", e);
}

static void multiply_some(const job *j, size_t picture, size_t at, size_t n, float *sum)
{
    const latent_pointwise_code *code = latent_pointwise_best();
    (void)sum;
    switch (kind(j, j->b)) {
    case EACH:
        code->product(n, j->a + at, j->b->data + at, j->add, j->y + at);
        break;
    case CHANNEL:
        code->film(n, (size_t)j->shape.c, 0, j->a + at, of_picture(j->b, picture), NULL, j->add,
                   j->y + at);
        break;
    case SINGLE:
        code->sum(n, j->b->data[0], j->a + at, 0, NULL, j->add, j->y + at);
    }
}

static int multiply_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    job j = job_of(out->shape);
    (void)n;
    (void)e;
    j.a = in[0]->data;
    j.b = in[1];
    j.y = out->data;
    j.one = multiply_some;
    run(&j);
    return 0;
}

static int multiply_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    job j = job_of(out->shape);
    (void)n;
    j.a = grad_out->data;
    j.b = in[1];
    j.one = multiply_some;
    if (grad_in[0]) {
        j.y = grad_in[0]->data;
        j.add = !grad_in[0]->fresh;
        run(&j);
    }
    return grad_in[1] ? gather(out->shape, 1, grad_out->data, in[0]->data, grad_in[1], e) : 0;
}

const latent_op latent_operation_multiply = {
    .name = "multiply",
    .n_computed = -1,
    .shape = multiply_shape,
    .forward = multiply_forward,
    .backward = multiply_backward,
    .overwrites = 1,
};

latent_node *latent_op_multiply(latent_node *a, latent_node *b, const char *stage, latent_error *e)
{
    latent_node *in[2] = {a, b};
    return latent_node_make(&latent_operation_multiply, in, 2, NULL, 0, stage, e);
}

/* ---- SiLU */

/* Scales are one number a channel: with any other shape the loops would need another walk. */
static int silu_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    spread kind;
    *s = n->in[0]->shape;
    if (!n->in[1])
        return 0;
    if (like(*s, n->in[1]->shape, "scales", e))
        return -1;
    spread_of(*s, n->in[1]->shape, &kind);
    return kind == SINGLE || n->in[1]->shape.h * n->in[1]->shape.w > 1
               ? latent_fail(e, "scales are one number a channel")
               : 0;
}

static void silu_some(const job *j, size_t picture, size_t at, size_t n, float *sum)
{
    (void)sum;
    latent_pointwise_best()->silu(n, (size_t)j->shape.c, j->p, j->a + at, of_picture(j->b, picture),
                                  j->y + at);
}

static int silu_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    job j = job_of(out->shape);
    (void)e;
    j.p = *(const float *)n->params;
    j.a = in[0]->data;
    j.b = in[1];
    j.y = out->data;
    j.one = silu_some;
    run(&j);
    return 0;
}

static void silu_back_some(const job *j, size_t picture, size_t at, size_t n, float *sum)
{
    latent_pointwise_best()->silu_back(n, (size_t)j->shape.c, j->p, j->a + at,
                                       of_picture(j->b, picture), j->g + at, j->add,
                                       j->y ? j->y + at : NULL, sum);
}

static int silu_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    job j = job_of(out->shape);
    j.p = *(const float *)n->params;
    j.a = in[0]->data;
    j.b = in[1];
    j.g = grad_out->data;
    j.y = grad_in[0] ? grad_in[0]->data : NULL;
    j.add = grad_in[0] && !grad_in[0]->fresh;
    j.one = silu_back_some;
    if (grad_in[1] && sums_begin(&j, e))
        return -1;
    run(&j);
    if (grad_in[1])
        sums_end(&j, 1, grad_in[1]);
    return 0;
}

const latent_op latent_operation_silu = {
    .name = "silu",
    .n_computed = -1,
    .shape = silu_shape,
    .forward = silu_forward,
    .backward = silu_backward,
    .overwrites = 1,
};

latent_node *latent_op_silu(latent_node *x, float gain, const char *stage, latent_error *e)
{
    return latent_op_scaled_silu(x, NULL, gain, stage, e);
}

latent_node *latent_op_scaled_silu(latent_node *x, latent_node *scale, float gain,
                                   const char *stage, latent_error *e)
{
    latent_node *in[2] = {x, scale};
    return latent_node_make(&latent_operation_silu, in, 2, &gain, sizeof(gain), stage, e);
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

/* Number i of a piece of b. */
static float number(const job *j, const latent_tensor *b, size_t picture, size_t at, size_t i)
{
    if (!b)
        return 0;
    switch (kind(j, b)) {
    case EACH:
        return b->data[at + i];
    case CHANNEL:
        return of_picture(b, picture)[i % (size_t)j->shape.c];
    case SINGLE:
        break;
    }
    return b->data[0];
}

static void film_some(const job *j, size_t picture, size_t at, size_t n, float *sum)
{
    int rows = (!j->b || kind(j, j->b) == CHANNEL) && (!j->c || kind(j, j->c) == CHANNEL);
    (void)sum;
    if (rows)
        latent_pointwise_best()->film(n, (size_t)j->shape.c, 1, j->a + at,
                                      of_picture(j->b, picture), of_picture(j->c, picture), j->add,
                                      j->y + at);
    for (size_t i = 0; !rows && i < n; i++) {
        float y =
            j->a[at + i] * (1 + number(j, j->b, picture, at, i)) + number(j, j->c, picture, at, i);
        j->y[at + i] = j->add ? j->y[at + i] + y : y;
    }
}

static int film_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    job j = job_of(out->shape);
    (void)n;
    (void)e;
    j.a = in[0]->data;
    j.b = in[1];
    j.c = in[2];
    j.y = out->data;
    j.one = film_some;
    run(&j);
    return 0;
}

static int film_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    job j = job_of(out->shape);
    (void)n;
    j.a = grad_out->data;
    j.b = in[1];
    j.one = film_some;
    if (grad_in[0]) {
        j.y = grad_in[0]->data;
        j.add = !grad_in[0]->fresh;
        run(&j);
    }
    if (grad_in[1] && gather(out->shape, 1, grad_out->data, in[0]->data, grad_in[1], e))
        return -1;
    return grad_in[2] ? gather(out->shape, 1, grad_out->data, NULL, grad_in[2], e) : 0;
}

const latent_op latent_operation_film = {
    .name = "film",
    .n_computed = -1,
    .shape = film_shape,
    .forward = film_forward,
    .backward = film_backward,
    .overwrites = 1,
};

latent_node *latent_op_film(latent_node *x, latent_node *scale, latent_node *shift,
                            const char *stage, latent_error *e)
{
    latent_node *in[3] = {x, scale, shift};
    return latent_node_make(&latent_operation_film, in, 3, NULL, 0, stage, e);
}
