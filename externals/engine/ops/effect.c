/* effect: see effect.h */
#include "effect.h"
#include "../base/parallel.h"
#include "warp.h"
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static int one_picture(const latent_node *n, latent_shape *s, latent_error *e)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->shape.n != 1)
            return latent_fail(e, "an effect takes one picture, but a batch of %d came",
                               n->in[i]->shape.n);
    *s = n->in[0]->shape;
    return 0;
}

static const latent_effect_settings *settings(const latent_node *n)
{
    return n->params;
}

/* ---- blur: three means over a box, one after the other, are nearly a bell (Wells 1986) */

#define BOXES 3

static int box_radius(const latent_node *n)
{
    int h = n->shape.h, r = (int)(settings(n)->radius * (float)h / BOXES * 1.5f + .5f);
    return r < 0 ? 0 : r > h ? h : r;
}

/* The mean of the 2 r + 1 numbers around each of n, stride apart, the ends repeated. */
static void box_line(const float *x, float *y, int n, size_t stride, int r)
{
    float share = 1.0f / (float)(2 * r + 1);
    double sum = 0;
    for (int i = -r; i <= r; i++)
        sum += (double)x[(size_t)(i < 0 ? 0 : i < n ? i : n - 1) * stride];
    for (int i = 0; i < n; i++) {
        int next = i + r + 1 < n ? i + r + 1 : n - 1, last = i > r ? i - r : 0;
        y[(size_t)i * stride] = (float)sum * share;
        sum += (double)(x[(size_t)next * stride] - x[(size_t)last * stride]);
    }
}

/* The transpose of that: what each number of y gives to the numbers that it was the mean of. */
static void box_line_back(const float *gy, float *gx, int n, size_t stride, int r)
{
    float share = 1.0f / (float)(2 * r + 1);
    for (int i = 0; i < n; i++)
        gx[(size_t)i * stride] = 0;
    /* Sums of gy from i to the end, taken at the two ends of each window. */
    double inside = 0;
    for (int i = 0; i < n && i <= r; i++)
        inside += (double)gy[(size_t)i * stride];
    for (int i = 0; i < n; i++) {
        gx[(size_t)i * stride] += (float)inside * share;
        if (i + r + 1 < n)
            inside += (double)gy[(size_t)(i + r + 1) * stride];
        if (i - r >= 0)
            inside -= (double)gy[(size_t)(i - r) * stride];
    }
    /* What fell beyond the ends was taken from the ends. */
    for (int i = 0; i < n; i++) {
        int before = r - i > 0 ? r - i : 0, after = i + r - n + 1 > 0 ? i + r - n + 1 : 0;
        gx[0] += share * (float)before * gy[(size_t)i * stride];
        gx[(size_t)(n - 1) * stride] += share * (float)after * gy[(size_t)i * stride];
    }
}

typedef struct {
    latent_shape s;
    const float *x;
    float *y;
    int r, back, columns;
} box_job;

static void box_item(void *context, int i, int slot)
{
    const box_job *j = context;
    void (*line)(const float *, float *, int, size_t, int) = j->back ? box_line_back : box_line;
    size_t c = (size_t)j->s.c, row = (size_t)j->s.w * c;
    (void)slot;
    if (j->columns)
        for (size_t k = 0; k < c; k++)
            line(j->x + (size_t)i * c + k, j->y + (size_t)i * c + k, j->s.h, row, j->r);
    else
        for (size_t k = 0; k < c; k++)
            line(j->x + (size_t)i * row + k, j->y + (size_t)i * row + k, j->s.w, c, j->r);
}

static int blur(const float *x, float *y, latent_shape s, int r, int back, latent_error *e)
{
    size_t n = latent_shape_count(s);
    float *between = malloc(n * sizeof(float));
    if (!between)
        return latent_fail(e, "there is no memory to blur a picture of %d x %d", s.w, s.h);
    memcpy(y, x, n * sizeof(float));
    for (int i = 0; i < BOXES && r > 0; i++) {
        box_job rows = {s, y, between, r, back, 0}, columns = {s, between, y, r, back, 1};
        latent_parallel(s.h, box_item, &rows);
        latent_parallel(s.w, box_item, &columns);
    }
    free(between);
    return 0;
}

static int blur_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    return blur(in[0]->data, out->data, in[0]->shape, box_radius(n), 0, e);
}

static int blur_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                         latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    size_t count = grad_out->count;
    float *gx = grad_in[0] ? malloc(count * sizeof(float)) : NULL;
    (void)in;
    (void)out;
    if (!grad_in[0])
        return 0;
    if (!gx || blur(grad_out->data, gx, n->shape, box_radius(n), 1, e)) {
        free(gx);
        return latent_fail(e, "there is no memory for the gradient of a picture");
    }
    for (size_t i = 0; i < count; i++)
        grad_in[0]->data[i] += gx[i];
    free(gx);
    return 0;
}

/* ---- edges: how steep it is (Sobel and Feldman 1968), white on black */

static const float side[] = {1, 2, 1}; /* what the rows beside one count, and it itself */

/* Where a channel of a pixel lies; beyond the edge it is the edge's. */
static size_t beside(latent_shape s, int row, int column, int k)
{
    int y = row < 0 ? 0 : row < s.h ? row : s.h - 1;
    int x = column < 0 ? 0 : column < s.w ? column : s.w - 1;
    return ((size_t)y * (size_t)s.w + (size_t)x) * (size_t)s.c + (size_t)k;
}

/* dx and dy of a channel at a pixel. */
static void steepness(latent_shape s, const float *x, int row, int column, int k, float *dx,
                      float *dy)
{
    *dx = *dy = 0;
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++) {
            float v = x[beside(s, row + i, column + j, k)];
            *dx += (float)j * side[i + 1] * v / 8;
            *dy += (float)i * side[j + 1] * v / 8;
        }
}

static int edges_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    latent_shape s = n->shape;
    float *y = out->data, dx, dy;
    (void)e;
    for (int row = 0; row < s.h; row++)
        for (int column = 0; column < s.w; column++)
            for (int k = 0; k < s.c; k++, y++) {
                steepness(s, in[0]->data, row, column, k, &dx, &dy);
                *y = tanhf(settings(n)->gain * sqrtf(dx * dx + dy * dy + 1e-12f)) * 2 - 1;
            }
    return 0;
}

static int edges_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    latent_shape s = n->shape;
    const float *g = grad_out->data, *y = out->data;
    float gain = settings(n)->gain, dx, dy;
    (void)e;
    if (!grad_in[0])
        return 0;
    for (int row = 0; row < s.h; row++)
        for (int column = 0; column < s.w; column++)
            for (int k = 0; k < s.c; k++, g++, y++) {
                float t = (*y + 1) / 2, size, f;
                steepness(s, in[0]->data, row, column, k, &dx, &dy);
                size = sqrtf(dx * dx + dy * dy + 1e-12f);
                f = *g * 2 * (1 - t * t) * gain / size / 8;
                for (int i = -1; i <= 1; i++)
                    for (int j = -1; j <= 1; j++)
                        grad_in[0]->data[beside(s, row + i, column + j, k)] +=
                            f * (dx * (float)j * side[i + 1] + dy * (float)i * side[j + 1]);
            }
    return 0;
}

/* ---- each pixel by itself: threshold and posterise */

static float grey(const float *x, int c)
{
    return c < 3 ? x[0] : .299f * x[0] + .587f * x[1] + .114f * x[2];
}

/* 0 below the level, 1 above it, and smooth between. */
static float step_at(const latent_effect_settings *s, float v)
{
    float soft = s->soft > 1e-4f ? s->soft : 1e-4f, t = (v - s->level) / soft + .5f;
    t = t > 0 ? t < 1 ? t : 1 : 0;
    return t * t * (3 - 2 * t);
}

static int threshold_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                             latent_error *e)
{
    int c = n->shape.c;
    (void)e;
    for (size_t i = 0; i < out->count; i += (size_t)c)
        for (int k = 0; k < c; k++)
            out->data[i + (size_t)k] = 2 * step_at(settings(n), grey(in[0]->data + i, c)) - 1;
    return 0;
}

static int posterise_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                             latent_error *e)
{
    float steps = roundf(settings(n)->levels) - 1;
    (void)e;
    for (size_t i = 0; i < out->count; i++) {
        float v = (in[0]->data[i] + 1) / 2;
        v = v > 0 ? v < 1 ? v : 1 : 0;
        out->data[i] = roundf(v * steps) / steps * 2 - 1;
    }
    return 0;
}

/* Steps have no slope of use: what lies before them learns as if they were not there (Bengio,
   Leonard and Courville 2013). */
static int straight_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    (void)n;
    (void)in;
    (void)out;
    (void)e;
    for (size_t i = 0; grad_in[0] && i < grad_out->count; i++)
        grad_in[0]->data[i] += grad_out->data[i];
    return 0;
}

/* ---- moved pictures */

static int warped_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_effect_kind kind)
{
    warp w = {kind, settings(n), in[1]};
    warp_forward(&w, in[0], out);
    return 0;
}

static int warped_backward(const latent_node *n, latent_tensor *const *in, latent_tensor *grad_out,
                           latent_tensor *const *grad_in, latent_effect_kind kind)
{
    warp w = {kind, settings(n), in[1]};
    if (grad_in[0])
        warp_backward(&w, grad_out, grad_in[0]);
    return 0;
}

#define WARPED(name, kind)                                                                         \
    static int name##_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,  \
                              latent_error *e)                                                     \
    {                                                                                              \
        (void)e;                                                                                   \
        return warped_forward(n, in, out, kind);                                                   \
    }                                                                                              \
    static int name##_backward(const latent_node *n, latent_tensor *const *in,                     \
                               const latent_tensor *out, latent_tensor *grad_out,                  \
                               latent_tensor *const *grad_in, latent_error *e)                     \
    {                                                                                              \
        (void)out;                                                                                 \
        (void)e;                                                                                   \
        return warped_backward(n, in, grad_out, grad_in, kind);                                    \
    }
WARPED(mirror, LATENT_MIRROR)
WARPED(kaleidoscope, LATENT_KALEIDOSCOPE)
WARPED(tile, LATENT_TILE)
WARPED(displace, LATENT_DISPLACE)

/* ---- two pictures in one, as printers and painters of screens do it (W3C, "Compositing", names
   the formulas); a and b in 0 to 1 */

static float blended(int mode, float a, float b)
{
    switch (mode) {
    case 1:
        return a + b;
    case 2:
        return a * b;
    case 3:
        return a + b - a * b;
    case 4:
        return fabsf(a - b);
    case 5:
        return fmaxf(a, b);
    case 6:
        return fminf(a, b);
    case 7:
        return a < .5f ? 2 * a * b : 1 - 2 * (1 - a) * (1 - b);
    default:
        return b;
    }
}

/* The slope of that with respect to a. */
static float blended_slope(int mode, float a, float b)
{
    switch (mode) {
    case 1:
        return 1;
    case 2:
        return b;
    case 3:
        return 1 - b;
    case 4:
        return a > b ? 1 : -1;
    case 5:
        return a > b;
    case 6:
        return a < b;
    case 7:
        return a < .5f ? 2 * b : 2 * (1 - b);
    default:
        return 0;
    }
}

static float blended_in(const latent_node *n, const latent_tensor *second, size_t i)
{
    latent_shape s = n->shape;
    size_t pixel = i / (size_t)s.c;
    float u = ((float)(pixel % (size_t)s.w) + .5f) / (float)s.w,
          v = ((float)(pixel / (size_t)s.w) + .5f) / (float)s.h;
    return (warp_sample(second, u, v, (int)(i % (size_t)s.c)) + 1) / 2;
}

static int blend_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    int mode = (int)settings(n)->mode;
    float share = settings(n)->share;
    (void)e;
    for (size_t i = 0; i < out->count; i++) {
        float a = (in[0]->data[i] + 1) / 2, b = blended_in(n, in[1], i);
        out->data[i] = 2 * (a + share * (blended(mode, a, b) - a)) - 1;
    }
    return 0;
}

static int blend_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    int mode = (int)settings(n)->mode;
    float share = settings(n)->share;
    (void)out;
    (void)e;
    for (size_t i = 0; grad_in[0] && i < grad_out->count; i++) {
        float a = (in[0]->data[i] + 1) / 2, b = blended_in(n, in[1], i);
        grad_in[0]->data[i] += grad_out->data[i] * (1 + share * (blended_slope(mode, a, b) - 1));
    }
    return 0;
}

/* ---- the table */

#define EFFECT(word, back)                                                                         \
    {                                                                                              \
        .name = #word, .n_computed = -1, .shape = one_picture, .forward = word##_forward,          \
        .backward = back                                                                           \
    }
const latent_op latent_operation_effects[LATENT_FEEDBACK] = {
    [LATENT_BLUR] = EFFECT(blur, blur_backward),
    [LATENT_EDGES] = EFFECT(edges, edges_backward),
    [LATENT_THRESHOLD] = EFFECT(threshold, straight_backward),
    [LATENT_POSTERISE] = EFFECT(posterise, straight_backward),
    [LATENT_MIRROR] = EFFECT(mirror, mirror_backward),
    [LATENT_KALEIDOSCOPE] = EFFECT(kaleidoscope, kaleidoscope_backward),
    [LATENT_TILE] = EFFECT(tile, tile_backward),
    [LATENT_DISPLACE] = EFFECT(displace, displace_backward),
    [LATENT_BLEND] = EFFECT(blend, blend_backward),
};

/* Only what an effect goes by makes one promise different from another. */
static void only(latent_effect_kind kind, const latent_effect_settings *s,
                 latent_effect_settings *own)
{
    memset(own, 0, sizeof(*own));
#define KEEP(field) own->field = s->field + 0.0f
    switch (kind) {
    case LATENT_BLUR:
        KEEP(radius);
        break;
    case LATENT_EDGES:
        KEEP(gain);
        break;
    case LATENT_THRESHOLD:
        KEEP(level);
        KEEP(soft);
        break;
    case LATENT_POSTERISE:
        KEEP(levels);
        break;
    case LATENT_MIRROR:
        KEEP(side);
        break;
    case LATENT_KALEIDOSCOPE:
        KEEP(slices);
        KEEP(turn);
        break;
    case LATENT_TILE:
        KEEP(columns);
        KEEP(rows);
        KEEP(flip);
        break;
    case LATENT_DISPLACE:
        KEEP(strength);
        break;
    case LATENT_BLEND:
        KEEP(mode);
        KEEP(share);
        break;
    default:
        *own = *s;
    }
#undef KEEP
}

/* What changes nothing is the same promise. */
static int is_idle(latent_effect_kind kind, const latent_effect_settings *s,
                   const latent_node *second)
{
    return (kind == LATENT_BLUR && s->radius <= 0) ||
           (kind == LATENT_TILE && s->columns == 1 && s->rows == 1) ||
           (kind == LATENT_DISPLACE && (!second || s->strength == 0)) ||
           (kind == LATENT_BLEND && (!second || s->share <= 0));
}

latent_node *latent_op_effect(latent_effect_kind kind, const latent_effect_settings *s,
                              latent_node *x, latent_node *second, latent_error *e)
{
    int two = kind == LATENT_DISPLACE || kind == LATENT_BLEND;
    latent_node *in[] = {x, two ? second : NULL};
    latent_effect_settings own;
    if (is_idle(kind, s, second))
        return latent_node_retain(x);
    only(kind, s, &own);
    return latent_node_make(&latent_operation_effects[kind], in, 2, &own, sizeof(own), "effect", e);
}

/* ---- feedback */

struct latent_feedback {
    atomic_int refs;
    pthread_mutex_t lock;
    latent_tensor *last; /* picture number n, or NULL */
    int n;
};

latent_feedback *latent_feedback_new(latent_error *e)
{
    latent_feedback *f = calloc(1, sizeof(*f));
    if (!f) {
        latent_fail(e, "there is no memory for a feedback");
        return NULL;
    }
    atomic_init(&f->refs, 1);
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

latent_feedback *latent_feedback_retain(latent_feedback *f)
{
    atomic_fetch_add(&f->refs, 1);
    return f;
}

void latent_feedback_release(latent_feedback *f)
{
    if (!f || atomic_fetch_sub(&f->refs, 1) > 1)
        return;
    latent_tensor_release(f->last);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

typedef struct {
    latent_feedback *f;
    int n, padding;
    latent_effect_settings s;
} feedback_params;

static int feedback_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    const feedback_params *p = n->params;
    latent_feedback *f = p->f;
    warp w = {LATENT_FEEDBACK, &p->s, NULL};
    int known;
    (void)e;
    pthread_mutex_lock(&f->lock);
    known = f->last && latent_shape_equal(f->last->shape, in[0]->shape);
    if (known)
        warp_forward(&w, f->last, out);
    for (size_t i = 0; i < out->count; i++)
        out->data[i] =
            known ? in[0]->data[i] + p->s.share * (out->data[i] - in[0]->data[i]) : in[0]->data[i];
    if (p->n > f->n || !f->last) { /* an older one asked for again changes nothing */
        latent_tensor_release(f->last);
        f->last = latent_tensor_retain(out);
        f->n = p->n;
    }
    pthread_mutex_unlock(&f->lock);
    return 0;
}

/* What was before is taken as given. */
static int feedback_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    const feedback_params *p = n->params;
    (void)in;
    (void)out;
    (void)e;
    for (size_t i = 0; grad_in[0] && i < grad_out->count; i++)
        grad_in[0]->data[i] += (1 - p->s.share) * grad_out->data[i];
    return 0;
}

static void feedback_retain(void *params)
{
    latent_feedback_retain(((feedback_params *)params)->f);
}

static void feedback_release(void *params)
{
    latent_feedback_release(((feedback_params *)params)->f);
}

const latent_op latent_operation_feedback = {
    .name = "feedback",
    .n_computed = -1,
    .shape = one_picture,
    .forward = feedback_forward,
    .backward = feedback_backward,
    .retain = feedback_retain,
    .release = feedback_release,
};

latent_node *latent_op_feedback(latent_feedback *f, int n, const latent_effect_settings *s,
                                latent_node *x, latent_error *e)
{
    feedback_params p;
    memset(&p, 0, sizeof(p));
    p.f = f;
    p.n = n;
    p.s = *s;
    return latent_node_make(&latent_operation_feedback, &x, 1, &p, sizeof(p), "effect", e);
}
