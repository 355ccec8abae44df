/* arrange: numbers in other places: channels side by side, pixels repeated or averaged, squares of
   pixels as channels, pictures picked from a batch. */
#include "../base/parallel.h"
#include "layers.h"
#include <string.h>

#define MOST 8     /* promises in one concat */
#define PIXELS 256 /* that one thread takes at a time */

/* ---- concat */

static int concat_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    double channels = 0;
    *s = n->in[0]->shape;
    for (int i = 0; i < n->n_in; i++) {
        latent_shape x = n->in[i]->shape;
        if (x.n != s->n || x.h != s->h || x.w != s->w)
            return latent_fail(e, "features of %d x %d and of %d x %d can't stand side by side",
                               s->w, s->h, x.w, x.h);
        channels += x.c;
    }
    if (channels > LATENT_MAX_COUNT)
        return latent_fail(e, "%g channels are too many", channels);
    s->c = (int)channels;
    return 0;
}

/* Some pixels of what stands in one place. */
typedef struct {
    size_t c, wide, at, pixels;
    float *small, *large;
    int back;
} concat_job;

static void concat_piece(void *context, int piece, int slot)
{
    const concat_job *j = context;
    size_t first = (size_t)piece * PIXELS, last = first + PIXELS;
    (void)slot;
    last = last < j->pixels ? last : j->pixels;
    for (size_t p = first; p < last; p++) {
        float *small = j->small + p * j->c, *large = j->large + p * j->wide + j->at;
        if (!j->back)
            memcpy(large, small, j->c * sizeof(float));
        for (size_t k = 0; j->back && k < j->c; k++)
            small[k] += large[k];
    }
}

/* The next one to its place, or from there where somebody wants it. */
static void concat_one(concat_job *j, int c, float *small)
{
    j->c = (size_t)c;
    j->small = small;
    if (small)
        latent_parallel((int)((j->pixels + PIXELS - 1) / PIXELS), concat_piece, j);
    j->at += j->c;
}

static int concat_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    concat_job j = {.wide = (size_t)out->shape.c, .large = out->data};
    (void)e;
    j.pixels = out->count / j.wide;
    for (int i = 0; i < n->n_in; i++)
        concat_one(&j, in[i]->shape.c, in[i]->data);
    return 0;
}

static int concat_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    concat_job j = {.wide = (size_t)out->shape.c, .large = grad_out->data, .back = 1};
    (void)e;
    j.pixels = out->count / j.wide;
    for (int i = 0; i < n->n_in; i++)
        concat_one(&j, in[i]->shape.c, grad_in[i] ? grad_in[i]->data : NULL);
    return 0;
}

const latent_op latent_operation_concat = {
    .name = "concat",
    .n_computed = -1,
    .shape = concat_shape,
    .forward = concat_forward,
    .backward = concat_backward,
};

latent_node *latent_op_concat(latent_node *const *x, int n, latent_error *e)
{
    if (n < 1 || n > MOST) {
        latent_fail(e, "%d promises side by side; 1 to %d are possible", n, MOST);
        return NULL;
    }
    return latent_node_make(&latent_operation_concat, x, n, NULL, 0, "concat", e);
}

/* ---- squares of pixels, each of which belongs to one pixel of a smaller picture */

typedef struct {
    int times;
    int up;      /* from the smaller to the larger picture */
    int shuffle; /* each pixel of a square is a channel of its own; else they share it */
} square_params;

static int square_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const square_params *p = n->params;
    int times = p->times, area = times * times;
    *s = n->in[0]->shape;
    if (times < 1 || times > 64)
        return latent_fail(e, "pictures can be scaled by 1 to 64, not by %d", times);
    if (!p->up && (s->h % times || s->w % times))
        return latent_fail(e, "a picture of %d x %d can't be cut into squares of %d", s->w, s->h,
                           times);
    if (p->up && p->shuffle && s->c % area)
        return latent_fail(e, "%d channels don't make squares of %d", s->c, times);
    if ((p->up && ((double)s->h * times > 1 << 20 || (double)s->w * times > 1 << 20)) ||
        (!p->up && p->shuffle && (double)s->c * area > 1 << 30))
        return latent_fail(e, "a picture of %d x %d with %d channels can't be scaled by %d", s->w,
                           s->h, s->c, times);
    s->h = p->up ? s->h * times : s->h / times;
    s->w = p->up ? s->w * times : s->w / times;
    if (p->shuffle)
        s->c = p->up ? s->c / area : s->c * area;
    return 0;
}

/* One row of the smaller picture: small += or = what is due of large, or the reverse. */
typedef struct {
    int times, shuffle, to_large, add;
    float factor;
    latent_shape s; /* the smaller one's */
    size_t c;       /* the larger one's channels */
    float *small, *large;
} square_job;

static void square_row(void *context, int row, int slot)
{
    const square_job *j = context;
    size_t times = (size_t)j->times, area = times * times, wide = (size_t)j->s.w * times;
    (void)slot;
    for (size_t x = 0; x < (size_t)j->s.w; x++) {
        float *small = j->small + ((size_t)row * (size_t)j->s.w + x) * (size_t)j->s.c;
        if (!j->to_large && !j->add)
            memset(small, 0, (size_t)j->s.c * sizeof(float));
        for (size_t k = 0; k < area; k++) {
            size_t line = (size_t)row * times + k / times, column = x * times + k % times;
            float *large = j->large + (line * wide + column) * j->c;
            for (size_t i = 0; i < j->c; i++) {
                float *one = small + (j->shuffle ? i * area + k : i);
                if (!j->to_large)
                    *one += j->factor * large[i];
                else if (j->add)
                    large[i] += j->factor * *one;
                else
                    large[i] = j->factor * *one;
            }
        }
    }
}

/* The values themselves; back: the gradients, which are added to. */
static void squares(const latent_node *n, float *in, float *out, int back)
{
    const square_params *p = n->params;
    latent_shape small = p->up ? n->in[0]->shape : n->shape;
    latent_shape large = p->up ? n->shape : n->in[0]->shape;
    square_job j = {.times = p->times,
                    .shuffle = p->shuffle,
                    .to_large = p->up != back,
                    .add = back,
                    .factor = !p->up && !p->shuffle ? 1 / (float)(p->times * p->times) : 1,
                    .s = small,
                    .c = (size_t)large.c,
                    .small = p->up ? in : out,
                    .large = p->up ? out : in};
    latent_parallel(small.n * small.h, square_row, &j);
}

static int square_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    (void)e;
    squares(n, in[0]->data, out->data, 0);
    return 0;
}

static int square_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    (void)in;
    (void)out;
    (void)e;
    squares(n, grad_in[0]->data, grad_out->data, 1);
    return 0;
}

const latent_op latent_operation_arrange = {
    .name = "squares",
    .n_computed = -1,
    .shape = square_shape,
    .forward = square_forward,
    .backward = square_backward,
};

static latent_node *square(latent_node *x, int times, int up, int shuffle, const char *stage,
                           latent_error *e)
{
    square_params p = {times, up, shuffle};
    return latent_node_make(&latent_operation_arrange, &x, 1, &p, sizeof(p), stage, e);
}

latent_node *latent_op_enlarge(latent_node *x, int times, latent_error *e)
{
    return square(x, times, 1, 0, "enlarge", e);
}

latent_node *latent_op_shrink(latent_node *x, int times, latent_error *e)
{
    return square(x, times, 0, 0, "shrink", e);
}

latent_node *latent_op_unshuffle(latent_node *x, int times, latent_error *e)
{
    return square(x, times, 0, 1, "unshuffle", e);
}

latent_node *latent_op_shuffle(latent_node *x, int times, latent_error *e)
{
    return square(x, times, 1, 1, "shuffle", e);
}

/* ---- pictures of a batch */

static int pick_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const int *of = n->params;
    *s = n->in[0]->shape;
    for (size_t i = 0; i < n->params_bytes / sizeof(*of); i++)
        if (of[i] < 0 || of[i] >= s->n)
            return latent_fail(e, "there is no picture %d in a batch of %d", of[i], s->n);
    s->n = (int)(n->params_bytes / sizeof(*of));
    return 0;
}

static int pick_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    const int *of = n->params;
    size_t one = out->count / (size_t)out->shape.n;
    (void)e;
    for (size_t i = 0; i < (size_t)out->shape.n; i++)
        memcpy(out->data + i * one, in[0]->data + (size_t)of[i] * one, one * sizeof(float));
    return 0;
}

static int pick_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const int *of = n->params;
    size_t one = out->count / (size_t)out->shape.n;
    (void)in;
    (void)e;
    for (size_t i = 0; i < (size_t)out->shape.n; i++)
        for (size_t k = 0; k < one; k++)
            grad_in[0]->data[(size_t)of[i] * one + k] += grad_out->data[i * one + k];
    return 0;
}

const latent_op latent_operation_pick = {
    .name = "pick",
    .n_computed = -1,
    .shape = pick_shape,
    .forward = pick_forward,
    .backward = pick_backward,
};

latent_node *latent_op_pick(latent_node *x, const int *of, int n, latent_error *e)
{
    return latent_node_make(&latent_operation_pick, &x, 1, of, (size_t)n * sizeof(*of), "pick", e);
}

/* ---- numbers in another order: each of x goes to another place */

/* Where number i of x goes. */
typedef struct {
    int together; /* pictures that become one; 0: channels come first or last */
    int first;
} turn_params;

static int turn_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const turn_params *p = n->params;
    latent_shape x = n->in[0]->shape;
    if (p->together && (p->together < 1 || x.n % p->together || x.c > (1 << 24) / p->together))
        return latent_fail(e, "%d pictures of %d channels can't be put together by %d", x.n, x.c,
                           p->together);
    *s = p->together ? (latent_shape){x.n / p->together, x.h, x.w, x.c * p->together}
         : p->first  ? (latent_shape){x.n, x.c, x.h, x.w}
                     : (latent_shape){x.n, x.w, x.c, x.h};
    return 0;
}

typedef struct {
    const turn_params *p;
    latent_shape x;
    float *of, *to; /* x, and what comes of it */
    int back;       /* to's gradient is added to x's */
} turn_job;

static void turn_picture(void *context, int i, int slot)
{
    const turn_job *j = context;
    size_t h = (size_t)j->x.h, w = (size_t)j->x.w, c = (size_t)j->x.c, at = (size_t)i * h * w * c;
    size_t together = (size_t)j->p->together, pixels = h * w;
    (void)slot;
    for (size_t k = 0; k < pixels * c; k++) {
        size_t place = at;
        if (together)
            place =
                (((size_t)i / together * pixels + k / c) * together + (size_t)i % together) * c +
                k % c;
        else if (j->p->first)
            place += k % c * pixels + k / c;
        else
            place += k % (w * c) * h + k / (w * c);
        if (j->back)
            j->of[at + k] += j->to[place];
        else
            j->to[place] = j->of[at + k];
    }
}

static int turn_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    turn_job j = {n->params, in[0]->shape, in[0]->data, out->data, 0};
    (void)e;
    latent_parallel(j.x.n, turn_picture, &j);
    return 0;
}

static int turn_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    turn_job j = {n->params, in[0]->shape, grad_in[0]->data, grad_out->data, 1};
    (void)out;
    (void)e;
    latent_parallel(j.x.n, turn_picture, &j);
    return 0;
}

const latent_op latent_operation_turn = {
    .name = "turn",
    .n_computed = -1,
    .shape = turn_shape,
    .forward = turn_forward,
    .backward = turn_backward,
};

latent_node *latent_op_pack(latent_node *x, int together, latent_error *e)
{
    turn_params p = {together < 1 ? -1 : together, 0};
    return latent_node_make(&latent_operation_turn, &x, 1, &p, sizeof(p), "pack", e);
}

latent_node *latent_op_channels_first(latent_node *x, latent_error *e)
{
    turn_params p = {0, 1};
    return latent_node_make(&latent_operation_turn, &x, 1, &p, sizeof(p), "channels first", e);
}

latent_node *latent_op_channels_last(latent_node *x, latent_error *e)
{
    turn_params p = {0, 0};
    return latent_node_make(&latent_operation_turn, &x, 1, &p, sizeof(p), "channels last", e);
}
