/* alias_free: see alias_free.h.  The filtered activation works strip by strip, so that what is
   enlarged never lies in memory as a whole; on its way back it enlarges again. */
#include "alias_free.h"
#include "../base/parallel.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TWO_PI 6.283185307179586
#define MOST_TAPS 256
#define STRIP 8 /* rows at a time */

/* ---- zeros around */

static int pad_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    int margin = *(const int *)n->params;
    (void)e;
    *s = n->in[0]->shape;
    s->h += 2 * margin;
    s->w += 2 * margin;
    return 0;
}

static int pad_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    int margin = *(const int *)n->params;
    latent_shape s = in[0]->shape;
    size_t line = (size_t)s.w * (size_t)s.c, c = (size_t)s.c, wide = (size_t)out->shape.w * c;
    (void)e;
    memset(out->data, 0, out->count * sizeof(float));
    for (int b = 0; b < s.n; b++)
        for (int i = 0; i < s.h; i++)
            memcpy(out->data + ((size_t)b * (size_t)out->shape.h + (size_t)(i + margin)) * wide +
                       (size_t)margin * c,
                   in[0]->data + ((size_t)b * (size_t)s.h + (size_t)i) * line,
                   line * sizeof(float));
    return 0;
}

static int pad_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                        latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    int margin = *(const int *)n->params;
    latent_shape s = in[0]->shape;
    size_t line = (size_t)s.w * (size_t)s.c, c = (size_t)s.c, wide = (size_t)out->shape.w * c;
    (void)e;
    for (int b = 0; grad_in[0] && b < s.n; b++)
        for (int i = 0; i < s.h; i++) {
            const float *from = grad_out->data +
                                ((size_t)b * (size_t)out->shape.h + (size_t)(i + margin)) * wide +
                                (size_t)margin * c;
            float *to = grad_in[0]->data + ((size_t)b * (size_t)s.h + (size_t)i) * line;
            for (size_t k = 0; k < line; k++)
                to[k] += from[k];
        }
    return 0;
}

const latent_op latent_operation_pad = {
    .name = "pad",
    .n_computed = -1,
    .shape = pad_shape,
    .forward = pad_forward,
    .backward = pad_backward,
};

latent_node *latent_op_pad(latent_node *x, int margin, const char *stage, latent_error *e)
{
    return latent_node_make(&latent_operation_pad, &x, 1, &margin, sizeof(margin), stage, e);
}

/* ---- the filtered activation */

enum { X, ENLARGE, REDUCE };

/* A strip of it: rows of what is enlarged, from first on. */
typedef struct {
    const latent_filtered_settings *p;
    latent_shape x, y;
    const float *fu, *fd;
    int up_taps, down_taps, radial;
    int wide, high; /* of what is enlarged */
    size_t c;
    const float *in, *grad_out;
    float *out, *grad_in;
    _Atomic int failed;
} filtered_job;

static int down_of(int a, int b) /* a / b, rounded down */
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

static void add_row(float *to, float factor, const float *from, size_t n)
{
    for (size_t k = 0; k < n; k++)
        to[k] += factor * from[k];
}

/* The first and the last row (or column) of x that the enlarged ones from first to last are made
   of. */
static void sources(const filtered_job *j, int first, int last, int axis, int *low, int *high)
{
    const latent_filtered_settings *p = j->p;
    int count = axis ? j->x.w : j->x.h, before = p->before[axis];
    *low = -down_of(-(first - before), p->up);
    *high = down_of(last + j->up_taps - 1 - before, p->up);
    *low = *low < 0 ? 0 : *low;
    *high = *high >= count ? count - 1 : *high;
}

/* Enlarged rows first to last, of one picture, to u (cleared): [rows][wide][c].  room: [wide][c] */
static void enlarge_rows(const filtered_job *j, const float *x, int first, int last, float *u,
                         float *room)
{
    const latent_filtered_settings *p = j->p;
    size_t line = (size_t)j->wide * j->c;
    int low, high;
    sources(j, first, last, 0, &low, &high);
    for (int i = low; i <= high; i++) {
        const float *row = x + (size_t)i * (size_t)j->x.w * j->c;
        int from = i * p->up + p->before[0] - j->up_taps + 1, to = i * p->up + p->before[0];
        memset(room, 0, line * sizeof(float));
        for (int k = 0; k < j->x.w; k++) {
            int left = k * p->up + p->before[1] - j->up_taps + 1;
            for (int t = 0; t < j->up_taps; t++)
                if (left + t >= 0 && left + t < j->wide)
                    add_row(room + (size_t)(left + t) * j->c,
                            (float)p->up * j->fu[j->up_taps - 1 - t], row + (size_t)k * j->c, j->c);
        }
        for (int q = from < first ? first : from; q <= to && q <= last; q++)
            add_row(u + (size_t)(q - first) * line,
                    (float)p->up * j->fu[i * p->up + p->before[0] - q], room, line);
    }
}

/* Output rows first to last of one picture, of the enlarged rows from top on. */
static void reduce_rows(const filtered_job *j, const float *u, int top, int first, int last,
                        float *y, float *room)
{
    const latent_filtered_settings *p = j->p;
    size_t line = (size_t)j->wide * j->c, n = (size_t)j->y.w * j->c;
    for (int o = first; o <= last; o++) {
        float *to = y + (size_t)o * n;
        memset(to, 0, n * sizeof(float));
        for (int s = 0; s < j->down_taps; s++) {
            const float *row = u + (size_t)(o * p->down + s - top) * line;
            if (!j->radial) {
                if (!s)
                    memset(room, 0, line * sizeof(float));
                add_row(room, j->fd[s], row, line);
                continue;
            }
            for (int r = 0; r < j->y.w; r++)
                for (int t = 0; t < j->down_taps; t++)
                    add_row(to + (size_t)r * j->c, j->fd[s * j->down_taps + t],
                            row + (size_t)(r * p->down + t) * j->c, j->c);
        }
        for (int r = 0; !j->radial && r < j->y.w; r++)
            for (int t = 0; t < j->down_taps; t++)
                add_row(to + (size_t)r * j->c, j->fd[t], room + (size_t)(r * p->down + t) * j->c,
                        j->c);
    }
}

static void activate(const latent_filtered_settings *p, float *u, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        float v = p->gain * (u[k] < 0 ? p->slope * u[k] : u[k]);
        u[k] = v > p->clamp ? p->clamp : v < -p->clamp ? -p->clamp : v;
    }
}

static void forward_strip(void *context, int strip, int slot)
{
    filtered_job *j = context;
    const latent_filtered_settings *p = j->p;
    int strips = (j->y.h + STRIP - 1) / STRIP, b = strip / strips, first = strip % strips * STRIP;
    int last = first + STRIP > j->y.h ? j->y.h - 1 : first + STRIP - 1;
    int top = first * p->down, rows = (last - first) * p->down + j->down_taps;
    size_t line = (size_t)j->wide * j->c;
    float *u = calloc(((size_t)rows + 1) * line, sizeof(*u));
    (void)slot;
    if (!u) {
        j->failed = 1;
        return;
    }
    enlarge_rows(j, j->in + (size_t)b * (size_t)j->x.h * (size_t)j->x.w * j->c, top, top + rows - 1,
                 u, u + (size_t)rows * line);
    activate(p, u, (size_t)rows * line);
    reduce_rows(j, u, top, first, last, j->out + (size_t)b * (size_t)j->y.h * (size_t)j->y.w * j->c,
                u + (size_t)rows * line);
    free(u);
}

/* The gradient of the enlarged rows first to last, to g (cleared).  room: [wide][c] */
static void reduce_back(const filtered_job *j, const float *gy, int first, int last, float *g,
                        float *room)
{
    const latent_filtered_settings *p = j->p;
    size_t line = (size_t)j->wide * j->c, n = (size_t)j->y.w * j->c;
    int low = -down_of(-(first - j->down_taps + 1), p->down), high = down_of(last, p->down);
    low = low < 0 ? 0 : low;
    high = high >= j->y.h ? j->y.h - 1 : high;
    for (int o = low; o <= high; o++) {
        const float *row = gy + (size_t)o * n;
        if (!j->radial) {
            memset(room, 0, line * sizeof(float));
            for (int r = 0; r < j->y.w; r++)
                for (int t = 0; t < j->down_taps; t++)
                    add_row(room + (size_t)(r * p->down + t) * j->c, j->fd[t],
                            row + (size_t)r * j->c, j->c);
        }
        for (int s = 0; s < j->down_taps; s++) {
            int q = o * p->down + s;
            if (q < first || q > last)
                continue;
            if (!j->radial) {
                add_row(g + (size_t)(q - first) * line, j->fd[s], room, line);
                continue;
            }
            for (int r = 0; r < j->y.w; r++)
                for (int t = 0; t < j->down_taps; t++)
                    add_row(g + (size_t)(q - first) * line + (size_t)(r * p->down + t) * j->c,
                            j->fd[s * j->down_taps + t], row + (size_t)r * j->c, j->c);
        }
    }
}

/* Adds the gradient of x's rows first to last, of that of the enlarged rows from top on. */
static void enlarge_back(const filtered_job *j, const float *g, int top, int rows, int first,
                         int last, float *gx, float *room)
{
    const latent_filtered_settings *p = j->p;
    size_t line = (size_t)j->wide * j->c;
    for (int i = first; i <= last; i++) {
        float *to = gx + (size_t)i * (size_t)j->x.w * j->c;
        memset(room, 0, line * sizeof(float));
        for (int t = 0; t < j->up_taps; t++) {
            int q = i * p->up + p->before[0] - t - top;
            if (q >= 0 && q < rows)
                add_row(room, (float)p->up * j->fu[t], g + (size_t)q * line, line);
        }
        for (int k = 0; k < j->x.w; k++)
            for (int t = 0; t < j->up_taps; t++) {
                int q = k * p->up + p->before[1] - t;
                if (q >= 0 && q < j->wide)
                    add_row(to + (size_t)k * j->c, (float)p->up * j->fu[t], room + (size_t)q * j->c,
                            j->c);
            }
    }
}

static void backward_strip(void *context, int strip, int slot)
{
    filtered_job *j = context;
    const latent_filtered_settings *p = j->p;
    int strips = (j->x.h + STRIP - 1) / STRIP, b = strip / strips, first = strip % strips * STRIP;
    int last = first + STRIP > j->x.h ? j->x.h - 1 : first + STRIP - 1;
    int top = first * p->up + p->before[0] - j->up_taps + 1, end = last * p->up + p->before[0];
    size_t line = (size_t)j->wide * j->c, n;
    float *u, *g, *room;
    (void)slot;
    top = top < 0 ? 0 : top;
    end = end >= j->high ? j->high - 1 : end;
    if (end < top)
        return;
    n = (size_t)(end - top + 1) * line;
    if (!(u = calloc(2 * n + line, sizeof(*u)))) {
        j->failed = 1;
        return;
    }
    g = u + n;
    room = g + n;
    enlarge_rows(j, j->in + (size_t)b * (size_t)j->x.h * (size_t)j->x.w * j->c, top, end, u, room);
    reduce_back(j, j->grad_out + (size_t)b * (size_t)j->y.h * (size_t)j->y.w * j->c, top, end, g,
                room);
    for (size_t k = 0; k < n; k++) {
        float slope = p->gain * (u[k] < 0 ? p->slope : 1);
        g[k] = fabsf(slope * u[k]) < p->clamp ? slope * g[k] : 0;
    }
    enlarge_back(j, g, top, end - top + 1, first, last,
                 j->grad_in + (size_t)b * (size_t)j->x.h * (size_t)j->x.w * j->c, room);
    free(u);
}

static filtered_job filtered_of(const latent_node *n, latent_tensor *const *in)
{
    const latent_filtered_settings *p = n->params;
    latent_shape fd = n->in[REDUCE]->shape;
    return (filtered_job){.p = p,
                          .x = n->in[X]->shape,
                          .y = n->shape,
                          .fu = in ? in[ENLARGE]->data : NULL,
                          .fd = in ? in[REDUCE]->data : NULL,
                          .up_taps = n->in[ENLARGE]->shape.c,
                          .down_taps = fd.c,
                          .radial = fd.w > 1,
                          .wide = (p->width - 1) * p->down + fd.c,
                          .high = (p->height - 1) * p->down + fd.c,
                          .c = (size_t)n->in[X]->shape.c,
                          .in = in ? in[X]->data : NULL};
}

static int filtered_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const latent_filtered_settings *p = n->params;
    latent_shape fu = n->in[ENLARGE]->shape, fd = n->in[REDUCE]->shape;
    if (fu.c > MOST_TAPS || fd.c > MOST_TAPS || fu.w != 1 || (fd.w != 1 && fd.w != fd.c) ||
        p->up < 1 || p->down < 1 || p->height < 1 || p->width < 1)
        return latent_fail(e, "a filter of %d taps and one of %d x %d can't be used", fu.c, fd.w,
                           fd.c);
    *s = n->in[X]->shape;
    s->h = p->height;
    s->w = p->width;
    return 0;
}

static double filtered_cost(const latent_node *n)
{
    filtered_job j = filtered_of(n, NULL);
    double middle = (double)j.wide * j.high, taps = (double)j.up_taps / j.p->up;
    double out = (double)n->shape.h * n->shape.w;
    return (double)n->shape.n * n->shape.c *
           (middle * 2 * taps +
            out * (j.radial ? (double)j.down_taps * j.down_taps : 2.0 * j.down_taps * j.p->down));
}

static int filtered_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                            latent_error *e)
{
    filtered_job j = filtered_of(n, in);
    j.out = out->data;
    latent_parallel(j.y.n * ((j.y.h + STRIP - 1) / STRIP), forward_strip, &j);
    return j.failed ? latent_fail(e, "no memory for a filtered layer") : 0;
}

static int filtered_backward(const latent_node *n, latent_tensor *const *in,
                             const latent_tensor *out, latent_tensor *grad_out,
                             latent_tensor *const *grad_in, latent_error *e)
{
    filtered_job j = filtered_of(n, in);
    (void)out;
    if (!grad_in[X])
        return 0;
    j.grad_out = grad_out->data;
    j.grad_in = grad_in[X]->data;
    latent_parallel(j.x.n * ((j.x.h + STRIP - 1) / STRIP), backward_strip, &j);
    return j.failed ? latent_fail(e, "no memory for a filtered layer") : 0;
}

const latent_op latent_operation_filtered_lrelu = {
    .name = "filtered lrelu",
    .n_computed = -1,
    .shape = filtered_shape,
    .cost = filtered_cost,
    .forward = filtered_forward,
    .backward = filtered_backward,
};

latent_node *latent_op_filtered_lrelu(latent_node *x, latent_node *enlarge, latent_node *reduce,
                                      const latent_filtered_settings *settings, const char *stage,
                                      latent_error *e)
{
    latent_node *in[3] = {x, enlarge, reduce};
    return latent_node_make(&latent_operation_filtered_lrelu, in, 3, settings, sizeof(*settings),
                            stage, e);
}

/* ---- waves */

enum { PLACE, FREQUENCIES, PHASES };

/* place, as a turn and a move of length 1, and all in one: m = turn move transform. */
typedef struct {
    double length, c, s, x, y, m[2][3];
} plane;

static plane plane_of(const latent_waves_settings *p, const float *t)
{
    plane a = {.length = hypot((double)t[0], (double)t[1])};
    double q[2][3];
    if (!(a.length > 1e-12))
        a.length = 1e-12;
    a.c = (double)t[0] / a.length;
    a.s = (double)t[1] / a.length;
    a.x = (double)t[2] / a.length;
    a.y = (double)t[3] / a.length;
    q[0][0] = a.c, q[0][1] = -a.s, q[0][2] = -a.c * a.x + a.s * a.y;
    q[1][0] = a.s, q[1][1] = a.c, q[1][2] = -a.s * a.x - a.c * a.y;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++) {
            a.m[i][k] = 0;
            for (int l = 0; l < 3; l++)
                a.m[i][k] += q[i][l] * (double)p->transform[3 * l + k];
        }
    return a;
}

/* One wave of it. */
typedef struct {
    double across, down, phase, amplitude;
    double fade; /* of the amplitude by the length of the frequency; 0 where it is clamped */
    double length;
} wave;

static wave wave_of(const latent_waves_settings *p, const plane *a, const float *f, float phase)
{
    double x = (double)f[0], y = (double)f[1],
           room = (double)p->sampling_rate / 2 - (double)p->bandwidth;
    wave v = {.across = x * a->m[0][0] + y * a->m[1][0],
              .down = x * a->m[0][1] + y * a->m[1][1],
              .phase = (double)phase + x * a->m[0][2] + y * a->m[1][2]};
    v.length = hypot(v.across, v.down);
    v.amplitude = 1 - (v.length - (double)p->bandwidth) / room;
    v.fade = v.amplitude > 0 && v.amplitude < 1 ? -1 / room : 0;
    v.amplitude = v.amplitude < 0 ? 0 : v.amplitude > 1 ? 1 : v.amplitude;
    return v;
}

/* The place of pixel i of count, where -1 to 1 is the picture's half a sampling rate. */
static double place_of(int i, int count, float sampling_rate)
{
    return ((2.0 * i + 1) / count - 1) * 0.5 * count / (double)sampling_rate;
}

static int waves_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const latent_waves_settings *p = n->params;
    latent_shape t = n->in[PLACE]->shape, f = n->in[FREQUENCIES]->shape, ph = n->in[PHASES]->shape;
    if (t.c != 4 || f.c != 2 || f.w != ph.c || p->height < 1 || p->width < 1)
        return latent_fail(e, "waves of %d frequencies with %d phases, in a place of %d numbers",
                           f.w, ph.c, t.c);
    *s = (latent_shape){t.n, p->height, p->width, f.w};
    return 0;
}

static int waves_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    const latent_waves_settings *p = n->params;
    latent_shape s = out->shape;
    (void)e;
    for (int b = 0; b < s.n; b++) {
        plane a = plane_of(p, in[PLACE]->data + 4 * b);
        float *picture = out->data + (size_t)b * (size_t)(s.h * s.w) * (size_t)s.c;
        for (int k = 0; k < s.c; k++) {
            wave v = wave_of(p, &a, in[FREQUENCIES]->data + 2 * k, in[PHASES]->data[k]);
            for (int i = 0; i < s.h; i++)
                for (int l = 0; l < s.w; l++) {
                    double at = v.across * place_of(l, s.w, p->sampling_rate) +
                                v.down * place_of(i, s.h, p->sampling_rate) + v.phase;
                    picture[((size_t)i * (size_t)s.w + (size_t)l) * (size_t)s.c + (size_t)k] =
                        (float)(v.amplitude * sin(TWO_PI * (at - floor(at))));
                }
        }
    }
    return 0;
}

/* Adds one wave's part of the gradient with respect to a plane's matrix. */
static void wave_back(const latent_waves_settings *p, const wave *v, const float *f, const float *g,
                      latent_shape s, double gm[2][3])
{
    double across = 0, down = 0, phase = 0, amplitude = 0;
    for (int i = 0; i < s.h; i++)
        for (int l = 0; l < s.w; l++) {
            double x = place_of(l, s.w, p->sampling_rate), y = place_of(i, s.h, p->sampling_rate);
            double at = v->across * x + v->down * y + v->phase, angle = TWO_PI * (at - floor(at));
            double gv = (double)g[((size_t)i * (size_t)s.w + (size_t)l) * (size_t)s.c];
            double ga = gv * v->amplitude * TWO_PI * cos(angle);
            across += ga * x;
            down += ga * y;
            phase += ga;
            amplitude += gv * sin(angle);
        }
    if (v->length > 0) {
        across += amplitude * v->fade * v->across / v->length;
        down += amplitude * v->fade * v->down / v->length;
    }
    for (int i = 0; i < 2; i++) {
        gm[i][0] += (double)f[i] * across;
        gm[i][1] += (double)f[i] * down;
        gm[i][2] += (double)f[i] * phase;
    }
}

static int waves_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const latent_waves_settings *p = n->params;
    latent_shape s = out->shape;
    (void)e;
    for (int b = 0; grad_in[PLACE] && b < s.n; b++) {
        const float *t = in[PLACE]->data + 4 * b;
        const float *g = grad_out->data + (size_t)b * (size_t)(s.h * s.w) * (size_t)s.c;
        plane a = plane_of(p, t);
        double gm[2][3] = {{0}}, gq[2][3] = {{0}}, d[4], along = 0;
        for (int k = 0; k < s.c; k++) {
            wave v = wave_of(p, &a, in[FREQUENCIES]->data + 2 * k, in[PHASES]->data[k]);
            wave_back(p, &v, in[FREQUENCIES]->data + 2 * k, g + k, s, gm);
        }
        for (int i = 0; i < 2; i++)
            for (int l = 0; l < 3; l++)
                for (int k = 0; k < 3; k++)
                    gq[i][l] += gm[i][k] * (double)p->transform[3 * l + k];
        d[0] = gq[0][0] + gq[1][1] - a.x * gq[0][2] - a.y * gq[1][2];
        d[1] = -gq[0][1] + gq[1][0] + a.y * gq[0][2] - a.x * gq[1][2];
        d[2] = -a.c * gq[0][2] - a.s * gq[1][2];
        d[3] = a.s * gq[0][2] - a.c * gq[1][2];
        for (int k = 0; k < 4; k++)
            along += d[k] * (double)t[k] / a.length;
        for (int k = 0; k < 4; k++) {
            double unit = k == 0 ? a.c : k == 1 ? a.s : 0;
            grad_in[PLACE]->data[4 * b + k] += (float)((d[k] - along * unit) / a.length);
        }
    }
    return 0;
}

const latent_op latent_operation_waves = {
    .name = "waves",
    .n_computed = -1,
    .shape = waves_shape,
    .forward = waves_forward,
    .backward = waves_backward,
};

latent_node *latent_op_waves(latent_node *place, latent_node *frequencies, latent_node *phases,
                             const latent_waves_settings *settings, const char *stage,
                             latent_error *e)
{
    latent_node *in[3] = {place, frequencies, phases};
    return latent_node_make(&latent_operation_waves, in, 3, settings, sizeof(*settings), stage, e);
}
