/* test_ops: every input of every operation that learns, against finite differences: batches of 1
   and 3, odd sizes, 1 and 3 threads.  One line of the table is one operation. */
#include "engine/base/parallel.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/variables.h"
#include "engine/ops/alias_free.h"
#include "engine/ops/effect.h"
#include "engine/ops/encoder.h"
#include "engine/ops/layers.h"
#include "engine/ops/ops.h"
#include "engine/ops/table.h"
#include "engine/train/losses.h"
#include "helper_sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST 8
#define DIRECTIONS 3

typedef struct {
    const char *name;
    latent_node *(*make)(latent_node **in, int batch, latent_error *e);
    latent_shape in[MOST]; /* n 0: the batch; an empty shape ends the list */
    double step, tolerance;
} op_case;

/* ---- numbers */

static float number(uint32_t i, uint32_t seed)
{
    uint32_t x = i * 2654435761u ^ seed * 40503u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    return (float)((double)x / 2147483648.0 - 1);
}

/* The sum of all numbers of all inputs, each times one of its own. */
static int probe_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)n;
    (void)e;
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

static double probe(const latent_tensor *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->count; i++)
        sum += (double)number((uint32_t)i, 77) * (double)t->data[i];
    return sum;
}

static int probe_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    double sum = 0;
    (void)e;
    for (int i = 0; i < n->n_in; i++)
        sum += probe(in[i]);
    out->data[0] = (float)sum;
    return 0;
}

static int probe_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    (void)in;
    (void)out;
    (void)e;
    for (int k = 0; k < n->n_in; k++)
        for (size_t i = 0; i < grad_in[k]->count; i++)
            grad_in[k]->data[i] += grad_out->data[0] * number((uint32_t)i, 77);
    return 0;
}

static const latent_op op_probe = {.name = "probe",
                                   .n_computed = -1,
                                   .shape = probe_shape,
                                   .forward = probe_forward,
                                   .backward = probe_backward};

/* ---- one operation */

typedef struct {
    const op_case *of;
    int batch, n_in;
    latent_variables *v;
} trial;

static const latent_op *met[256]; /* operations that have been compared */
static int n_met;

static void meet(const latent_node *n)
{
    int k = 0;
    while (k < n_met && met[k] != n->op)
        k++;
    if (k == n_met && n_met < 256)
        met[n_met++] = n->op;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            meet(n->in[i]);
}

static latent_node *result(const trial *t)
{
    latent_node *in[MOST], *n;
    latent_error e = {""};
    for (int i = 0; i < t->n_in; i++)
        in[i] = latent_variables_at(t->v, i, &e);
    n = t->of->make(in, t->batch, &e);
    for (int i = 0; i < t->n_in; i++)
        latent_node_release(in[i]);
    if (!n)
        fail_msg("%s: %s", t->of->name, e.text);
    meet(n);
    return n;
}

static double value(const trial *t)
{
    latent_node *n = result(t);
    latent_tensor *is;
    latent_error e = {""};
    double sum;
    if (latent_evaluate(n, NULL, &is, &e))
        fail_msg("%s: %s", t->of->name, e.text);
    sum = probe(is);
    latent_tensor_release(is);
    latent_node_release(n);
    return sum;
}

static void begin(trial *t, const op_case *of, int batch)
{
    latent_error e = {""};
    *t = (trial){of, batch, 0, latent_variables_new()};
    for (; t->n_in < MOST && of->in[t->n_in].c; t->n_in++) {
        latent_shape s = of->in[t->n_in];
        size_t count;
        float *first;
        s.n = s.n ? s.n : batch;
        count = latent_shape_count(s);
        first = malloc(count * sizeof(*first));
        for (size_t k = 0; k < count; k++)
            first[k] = number((uint32_t)k, (uint32_t)t->n_in);
        assert_int_equal(latent_variables_add(t->v, s, first, &e), t->n_in);
        free(first);
    }
}

/* Of a probe of the result; or of the inputs as well, whose gradients then are there before the
   operation adds its own. */
static void gradient(const trial *t, float *grad, int inputs_too)
{
    latent_node *in[MOST + 1] = {result(t)}, *loss;
    latent_error e = {""};
    float is;
    for (int i = 0; i < t->n_in; i++)
        in[i + 1] = latent_variables_at(t->v, i, &e);
    loss = latent_node_make(&op_probe, in, inputs_too ? t->n_in + 1 : 1, NULL, 0, NULL, &e);
    for (int i = 0; i <= t->n_in; i++)
        latent_node_release(in[i]);
    if (latent_variables_gradient(t->v, loss, NULL, &is, grad, &e))
        fail_msg("%s: %s", t->of->name, e.text);
    latent_node_release(loss);
}

/* The gradient of input i along way says what the difference of a step there and back does. */
static int agrees(const trial *t, int i, const float *grad, const float *way, double step,
                  char *said, size_t room)
{
    size_t count = latent_variables_size(t->v) - latent_variables_place(t->v, i);
    latent_error e = {""};
    double expected = 0, squares = 0, is[2], difference;
    float *was, *now;
    if (i + 1 < t->n_in)
        count = latent_variables_place(t->v, i + 1) - latent_variables_place(t->v, i);
    was = malloc(count * sizeof(*was));
    memcpy(was, latent_variables_read(t->v, i), count * sizeof(*was));
    for (size_t k = 0; k < count; k++) {
        expected += (double)way[k] * (double)grad[k];
        squares += (double)way[k] * (double)grad[k] * (double)way[k] * (double)grad[k];
    }
    for (int side = 0; side < 2; side++) {
        now = latent_variables_change(t->v, i, &e);
        for (size_t k = 0; k < count; k++)
            now[k] = (float)((double)was[k] + (side ? step : -step) * (double)way[k]);
        is[side] = value(t);
    }
    memcpy(latent_variables_change(t->v, i, &e), was, count * sizeof(*was));
    free(was);
    difference = (is[1] - is[0]) / (2 * step);
    snprintf(said, room, "%s, batch %d, input %d: the gradient says %g, the difference %g",
             t->of->name, t->batch, i, expected, difference);
    return fabs(difference - expected) <=
           t->of->tolerance * sqrt(squares) + 3e-7 * (1 + fabs(is[0])) / step;
}

/* Along directions of numbers from -1 to 1; the last one is a single number.  Where a step meets
   the edge of an activation, a smaller one does not. */
static void check_input(const trial *t, int i, const float *grad)
{
    size_t from = latent_variables_place(t->v, i), count = latent_variables_size(t->v) - from;
    char said[300];
    float *way;
    if (i + 1 < t->n_in)
        count = latent_variables_place(t->v, i + 1) - from;
    way = malloc(count * sizeof(*way));
    for (uint32_t d = 0; d < DIRECTIONS; d++) {
        for (size_t k = 0; k < count; k++)
            way[k] = d + 1 < DIRECTIONS ? number((uint32_t)k, 900 + d) : k == 7919 % count;
        if (!agrees(t, i, grad + from, way, t->of->step, said, sizeof(said)) &&
            !agrees(t, i, grad + from, way, t->of->step / 8, said, sizeof(said)))
            fail_msg("%s", said);
    }
    free(way);
}

/* What has come to an input from elsewhere stays. */
static void check_adding(const trial *t, const float *grad)
{
    size_t size = latent_variables_size(t->v);
    float *both = malloc(size * sizeof(*both));
    gradient(t, both, 1);
    for (int i = 0; i < t->n_in; i++) {
        size_t from = latent_variables_place(t->v, i);
        size_t to = i + 1 < t->n_in ? latent_variables_place(t->v, i + 1) : size;
        for (size_t k = from; k < to; k++) {
            float sum = grad[k] + number((uint32_t)(k - from), 77);
            if (!(fabsf(both[k] - sum) <= 1e-5f * (1 + fabsf(sum))))
                fail_msg("%s: beside another gradient, that of input %d is %g, not %g", t->of->name,
                         i, (double)both[k], (double)sum);
        }
    }
    free(both);
}

static void check_case(const op_case *of)
{
    for (int batch = 1; batch <= 3; batch += 2) {
        float *grad[2];
        double is[2];
        trial t;
        begin(&t, of, batch);
        for (int k = 0; k < 2; k++) {
            latent_threads_set(k ? 3 : 1);
            latent_cache_forget();
            grad[k] = malloc(latent_variables_size(t.v) * sizeof(float));
            gradient(&t, grad[k], 0);
            is[k] = value(&t);
        }
        if (is[0] != is[1])
            fail_msg("%s: with 3 threads it is %g, with one %g", of->name, is[1], is[0]);
        for (size_t k = 0; k < latent_variables_size(t.v); k++)
            if (grad[0][k] != grad[1][k])
                fail_msg("%s: with 3 threads gradient %zu is %g, with one %g", of->name, k,
                         (double)grad[1][k], (double)grad[0][k]);
        check_adding(&t, grad[0]);
        for (int i = 0; i < t.n_in; i++)
            check_input(&t, i, grad[batch == 3]);
        latent_variables_free(t.v);
        free(grad[0]);
        free(grad[1]);
    }
}

/* ---- convolutions */

static const latent_conv_settings plain = {
    .up = 1, .style_gain = 1, .weight_gain = 0.5f, .strength = 1, .slope = 1, .gain = 1};

static latent_node *conv_plain(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_conv(in[0], NULL, in[1], in[2], NULL, NULL, NULL, &plain, NULL, e);
}

static latent_node *layer(latent_node **in, int up, int demodulate, latent_error *e)
{
    latent_conv_settings s = plain;
    s.up = up;
    s.demodulate = demodulate;
    s.style_gain = 0.7f;
    s.strength = 0.5f;
    s.slope = 0.2f;
    s.gain = 1.4f;
    return latent_op_conv(in[0], in[1], in[2], in[3], in[4], in[5], in[6], &s, NULL, e);
}

static latent_node *conv_layer(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return layer(in, 1, 1, e);
}

static latent_node *conv_enlarges(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return layer(in, 2, 1, e);
}

static latent_node *conv_styled(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return layer(in, 1, 0, e);
}

static latent_node *conv_halves(latent_node **in, int batch, latent_error *e)
{
    latent_conv_settings s = plain;
    (void)batch;
    s.up = -2;
    s.slope = 0.2f;
    return latent_op_conv(in[0], NULL, in[1], in[2], NULL, NULL, NULL, &s, NULL, e);
}

/* By weights that stay: the same as by those that are learned, style, bias and noise included. */
static latent_node *prepared(latent_node **in, int up, latent_error *e)
{
    latent_shape s = {4, 5, 3, 3};
    latent_tensor *t = latent_tensor_new(s, e);
    latent_conv_settings how = plain;
    latent_node *w, *n;
    for (size_t k = 0; k < t->count; k++)
        t->data[k] = number((uint32_t)k, 5);
    w = latent_op_conv_weight(t, up, e);
    latent_tensor_release(t);
    how.up = up;
    how.demodulate = up != -2;
    n = latent_op_conv(in[0], in[1], w, in[2], in[3], NULL, NULL, &how, NULL, e);
    latent_node_release(w);
    return n;
}

static latent_node *prepared_plain(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return prepared(in, 1, e);
}

static latent_node *prepared_halves(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return prepared(in, -2, e);
}

/* ---- transformers */

static latent_node *layer_norm(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_layer_norm(in[0], in[1], in[2], NULL, e);
}

static latent_node *linear(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_linear(in[0], in[1], in[2], 0.5f, 2, NULL, e);
}

static latent_node *gelu(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_gelu(in[0], 0, NULL, e);
}

static latent_node *attention(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_attention(in[0], 2, 0, NULL, e);
}

static latent_node *project(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_project(in[0], in[1], in[2], in[3], NULL, e);
}

static latent_node *patches(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_patches(in[0], 3, e);
}

static latent_node *squares(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_squares(in[0], 2, e);
}

static latent_node *reshape(latent_node **in, int batch, latent_error *e)
{
    return latent_op_reshape(in[0], (latent_shape){batch, 1, 5, 12}, e);
}

static latent_node *place(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_position_embedding(in[0], in[1], in[2], e);
}

static latent_node *words(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_embedding(in[0], (const int[]){4, 0, 4}, 3, e);
}

static latent_node *token(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_select_token(in[0], 2, e);
}

static latent_node *embedding_bag(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_embedding_bag(in[0], (const int[]){4, 0, 4, 2, 1}, (const int[]){0, 2, 5, 5},
                                   3, e);
}

static const int text_words[] = {0, 4, 5, 7};

static latent_node *neighbours(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_neighbours(in[0], text_words, 3, e);
}

static latent_node *pool_words(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_pool_words(in[0], text_words, 3, e);
}

static latent_node *pool(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_pool(in[0], e);
}

static latent_node *gelu_quick(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_gelu(in[0], 1, NULL, e);
}

/* ---- losses and distances */

static latent_node *sse(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_sse(in[0], in[1], e);
}

static latent_node *products(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_dot(in[0], in[1], e);
}

static latent_node *sum(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_sum(in, (const float[]){0.5f, -2, 3}, 3, e);
}

static latent_node *cosine(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_distance(in[0], in[1], LATENT_COSINE, e);
}

static latent_node *spherical(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_distance(in[0], in[1], LATENT_SPHERICAL, e);
}

static latent_node *cosines(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_cosine_distance(in[0], in[1], e);
}

/* ---- what an encoder is shown */

static latent_node *scale(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_scale(in[0], (const float[]){2, -0.5f, 1}, (const float[]){1, 0, 3}, e);
}

static latent_node *center_crop(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_center_crop(in[0], 6, e);
}

static latent_node *cutouts(latent_node **in, int batch, latent_error *e)
{
    return latent_op_cutouts(in[0], batch, 6, 0.5f, 7, e);
}

static latent_node *augment(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_augment(in[0], 1, 7, e);
}

static latent_node *blend(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_blend(in, (const float[]){1, -0.5f}, 2, e);
}

static latent_node *contrastive(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_contrastive(in[0], in[1], in[2], e);
}

static latent_node *halve(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_halve(in[0], e);
}

static latent_node *upsample(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_upsample(in[0], in[1], NULL, e);
}

/* ---- layers.h */

static latent_node *masked(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_mask(in[0], in[1], in[2], NULL, e);
}

static latent_node *add(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_add(in[0], 0.7f, in[1], -0.3f, NULL, e);
}

static latent_node *multiply(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_multiply(in[0], in[1], NULL, e);
}

static latent_node *silu(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_silu(in[0], 1 / 0.596f, NULL, e);
}

static latent_node *pad(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_pad(in[0], 2, NULL, e);
}

/* A filter that is symmetric, of one row or as large across. */
static latent_node *filter(int taps, int rows)
{
    latent_tensor *t = latent_tensor_new((latent_shape){1, 1, rows, taps}, NULL);
    latent_error e;
    latent_node *n;
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < taps; k++)
            t->data[i * taps + k] =
                (float)((k < taps / 2 ? k + 1 : taps - k) * (i < rows / 2 ? i + 1 : rows - i)) /
                (float)(taps * taps);
    n = latent_op_parameter(t, &e);
    latent_tensor_release(t);
    return n;
}

static latent_node *filtered(latent_node **in, int radial, latent_error *e)
{
    const latent_filtered_settings s = {.up = 4,
                                        .down = 2,
                                        .height = 9,
                                        .width = 7,
                                        .before = {3, -2},
                                        .gain = 1.5f,
                                        .slope = 0.2f,
                                        .clamp = 256};
    latent_node *up = filter(8, 1), *down = filter(6, radial ? 6 : 1);
    latent_node *n = latent_op_filtered_lrelu(in[0], up, down, &s, NULL, e);
    latent_node_release(up);
    latent_node_release(down);
    return n;
}

static latent_node *filtered_lrelu(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return filtered(in, 0, e);
}

static latent_node *filtered_radially(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return filtered(in, 1, e);
}

static latent_node *waves(latent_node **in, int batch, latent_error *e)
{
    const latent_waves_settings s = {.height = 5,
                                     .width = 4,
                                     .sampling_rate = 4,
                                     .bandwidth = 0.2f,
                                     .transform = {0.9f, 0.2f, 0.1f, -0.3f, 1.1f, 0.2f, 0, 0, 1}};
    latent_node *frequencies, *phases = filter(3, 1), *n;
    latent_tensor *t = latent_tensor_new((latent_shape){1, 1, 3, 2}, NULL);
    static const float f[6] = {0.3f, -0.4f, 0.9f, 0.5f, -0.7f, 0.2f};
    (void)batch;
    memcpy(t->data, f, sizeof(f));
    frequencies = latent_op_parameter(t, e);
    latent_tensor_release(t);
    n = latent_op_waves(in[0], frequencies, phases, &s, NULL, e);
    latent_node_release(frequencies);
    latent_node_release(phases);
    return n;
}

static latent_node *film(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_film(in[0], in[1], in[2], NULL, e);
}

static latent_node *group_norm(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_group_norm(in[0], in[1], in[2], 3, 1e-5f, NULL, e);
}

static latent_node *lengths(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_lengths(in[0], 7, 1, NULL, e);
}

static latent_node *as_noise(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_as_noise(in[0], NULL, e);
}

static latent_node *softmax(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_softmax(in[0], NULL, e);
}

static latent_node *gru(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_gru(in[0], in[1], in[2], in[3], NULL, e);
}

static latent_node *gru_from_nothing(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_gru(in[0], in[1], in[2], NULL, NULL, e);
}

static latent_node *mixture_loss(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_mixture_loss(in[0], in[1], 2, e);
}

static latent_node *choice_loss(latent_node **in, int batch, latent_error *e)
{
    static const int came[15] = {3, 0, -1, 6, 6, 2, 5, -1, 1, 4, 3, 0, 2, 6, 1};
    (void)batch;
    return latent_op_choice_loss(in[0], came, e);
}

static latent_node *concat(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_concat(in, 3, e);
}

static latent_node *enlarge(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_enlarge(in[0], 3, e);
}

static latent_node *shrink(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_shrink(in[0], 3, e);
}

static latent_node *unshuffle(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_unshuffle(in[0], 2, e);
}

static latent_node *shuffle(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_shuffle(in[0], 2, e);
}

static latent_node *convolve(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_convolve(in[0], in[1], in[2], 2, 1, NULL, e);
}

static latent_node *convolve_as_conv(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_convolve(in[0], in[1], in[2], 1, in[1]->shape.w / 2, NULL, e);
}

static latent_node *lrelu(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_lrelu(in[0], 0.2f, 1.4f, NULL, e);
}

static latent_node *pick(latent_node **in, int batch, latent_error *e)
{
    return latent_op_pick(in[0], (int[]){batch - 1, 0, batch / 2, 0}, 4, e);
}

static latent_node *pack(latent_node **in, int batch, latent_error *e)
{
    return latent_op_pack(in[0], batch, e);
}

static latent_node *channels_first(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_channels_first(in[0], e);
}

static latent_node *channels_last(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_channels_last(in[0], e);
}

static latent_node *downsample(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_downsample(in[0], NULL, e);
}

/* One that is added to what another way has brought back already. */
static latent_node *downsample_twice(latent_node **in, int batch, latent_error *e)
{
    latent_node *small = latent_op_downsample(in[0], NULL, e), *n;
    (void)batch;
    n = latent_op_add(small, 1, small, 2, NULL, e);
    latent_node_release(small);
    small = latent_op_upsample(n, in[0], NULL, e);
    latent_node_release(n);
    return small;
}

static latent_node *logistic(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_logistic(in[0], -1, e);
}

static latent_node *mean(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_mean(in[0], e);
}

static latent_node *path(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_path(in[0], 0.7f, 1.5f, e);
}

static latent_node *change(latent_node **in, int batch, latent_error *e)
{
    latent_augmentation changes[3];
    for (int i = 0; i < batch; i++)
        changes[i] = latent_augment_draw(1, 8, 1, (uint64_t)i);
    return latent_op_change(in[0], changes, e);
}

static latent_node *deviation(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_deviation(in[0], 2, e);
}

static latent_node *attend(latent_node **in, int batch, latent_error *e)
{
    (void)batch;
    return latent_op_attend(in[0], in[1], in[2], 2, NULL, e);
}

/* ---- effects: with respect to the first picture */

static latent_node *effect(latent_effect_kind kind, latent_node *x, latent_error *e)
{
    const latent_effect_settings s = {.radius = 0.2f,
                                      .gain = 2,
                                      .slices = 5,
                                      .turn = 20,
                                      .columns = 2,
                                      .rows = 3,
                                      .flip = 1,
                                      .strength = 0.1f,
                                      .mode = 2,
                                      .share = 0.6f};
    latent_node *second = latent_op_normal((latent_shape){1, 9, 7, 3}, 3, e);
    latent_node *n = latent_op_effect(kind, &s, x, second, e);
    latent_node_release(second);
    return n;
}

#define EFFECT(name, kind)                                                                         \
    static latent_node *name(latent_node **in, int batch, latent_error *e)                         \
    {                                                                                              \
        (void)batch;                                                                               \
        return effect(kind, in[0], e);                                                             \
    }
EFFECT(effect_blur, LATENT_BLUR)
EFFECT(effect_edges, LATENT_EDGES)
EFFECT(effect_mirror, LATENT_MIRROR)
EFFECT(effect_kaleidoscope, LATENT_KALEIDOSCOPE)
EFFECT(effect_tile, LATENT_TILE)
EFFECT(effect_displace, LATENT_DISPLACE)
EFFECT(effect_blend, LATENT_BLEND)

/* ---- the table */

static const op_case cases[] = {
    {"conv 3x3", conv_plain, {{0, 7, 5, 5}, {4, 5, 3, 3}, {1, 1, 1, 4}}, 1e-2, 1e-3},
    {"conv 3x3, larger", conv_plain, {{0, 16, 12, 3}, {5, 3, 3, 3}, {1, 1, 1, 5}}, 1e-2, 1e-3},
    {"conv 1x1", conv_plain, {{0, 7, 5, 5}, {6, 5, 1, 1}, {1, 1, 1, 6}}, 1e-2, 1e-3},
    {"conv to rgb", conv_plain, {{0, 9, 5, 6}, {3, 6, 1, 1}, {1, 1, 1, 3}}, 1e-2, 1e-3},
    {"conv halves", conv_halves, {{0, 10, 6, 5}, {4, 5, 3, 3}, {1, 1, 1, 4}}, 1e-3, 1e-2},
    {"conv layer",
     conv_layer,
     {{0, 7, 5, 5},
      {0, 1, 1, 5},
      {4, 5, 3, 3},
      {1, 1, 1, 4},
      {0, 7, 5, 1},
      {1, 1, 1, 1},
      {0, 7, 5, 4}},
     1e-3,
     1e-2},
    {"conv layer, one noise map and style",
     conv_layer,
     {{0, 8, 8, 5},
      {1, 1, 1, 5},
      {4, 5, 3, 3},
      {1, 1, 1, 4},
      {1, 8, 8, 1},
      {1, 1, 1, 1},
      {0, 8, 8, 4}},
     1e-3,
     1e-2},
    {"conv enlarges",
     conv_enlarges,
     {{0, 5, 3, 5},
      {0, 1, 1, 5},
      {4, 5, 3, 3},
      {1, 1, 1, 4},
      {0, 10, 6, 1},
      {1, 1, 1, 1},
      {0, 10, 6, 4}},
     1e-3,
     1e-2},
    {"conv enlarges, tiles",
     conv_enlarges,
     {{0, 8, 8, 5},
      {0, 1, 1, 5},
      {4, 5, 3, 3},
      {1, 1, 1, 4},
      {0, 16, 16, 1},
      {1, 1, 1, 1},
      {0, 16, 16, 4}},
     1e-3,
     1e-2},
    {"conv 1x1 with a style",
     conv_styled,
     {{0, 7, 5, 5},
      {0, 1, 1, 5},
      {3, 5, 1, 1},
      {1, 1, 1, 3},
      {0, 7, 5, 1},
      {1, 1, 1, 1},
      {0, 7, 5, 3}},
     1e-3,
     1e-2},
    {"conv, prepared",
     prepared_plain,
     {{0, 7, 5, 5}, {0, 1, 1, 5}, {1, 1, 1, 4}, {0, 7, 5, 1}},
     1e-2,
     1e-3},
    {"conv halves, prepared",
     prepared_halves,
     {{0, 10, 6, 5}, {0, 1, 1, 5}, {1, 1, 1, 4}, {0, 5, 3, 1}},
     1e-2,
     1e-3},
    {"linear", linear, {{0, 1, 7, 5}, {1, 1, 3, 5}, {1, 1, 1, 3}}, 1e-2, 1e-3},
    {"layer norm", layer_norm, {{0, 3, 7, 5}, {1, 1, 1, 5}, {1, 1, 1, 5}}, 1e-3, 1e-2},
    {"gelu", gelu, {{0, 3, 7, 5}}, 1e-3, 1e-2},
    {"attention", attention, {{0, 1, 7, 12}}, 1e-2, 2e-3},
    {"quick gelu", gelu_quick, {{0, 3, 7, 5}}, 1e-3, 1e-2},
    {"linear, many rows", linear, {{0, 23, 29, 5}, {1, 1, 3, 5}, {1, 1, 1, 3}}, 1e-2, 1e-3},
    {"layer norm, many tokens",
     layer_norm,
     {{0, 23, 29, 9}, {1, 1, 1, 9}, {1, 1, 1, 9}},
     1e-3,
     1e-2},
    {"project", project, {{0, 1, 1, 5}, {1, 1, 3, 5}, {1, 1, 1, 3}, {0, 1, 1, 3}}, 1e-2, 1e-3},
    {"patches", patches, {{0, 6, 9, 2}}, 1e-2, 1e-3},
    {"squares", squares, {{0, 6, 10, 3}}, 1e-2, 1e-3},
    {"reshape", reshape, {{0, 3, 5, 4}}, 1e-2, 1e-3},
    {"places", place, {{0, 1, 4, 5}, {1, 1, 1, 5}, {1, 1, 6, 5}}, 1e-2, 1e-3},
    {"words", words, {{1, 1, 5, 3}}, 1e-2, 1e-3},
    {"token", token, {{0, 1, 5, 3}}, 1e-2, 1e-3},
    {"bag of words", embedding_bag, {{1, 1, 5, 19}}, 1e-2, 1e-3},
    {"neighbours", neighbours, {{1, 1, 7, 5}}, 1e-2, 1e-3},
    {"mean of words", pool_words, {{1, 1, 7, 5}}, 1e-2, 1e-3},
    {"mean of places", pool, {{0, 3, 5, 4}}, 1e-2, 1e-3},
    {"sum of squared differences", sse, {{0, 5, 3, 2}, {0, 5, 3, 2}}, 1e-3, 1e-2},
    {"dot", products, {{0, 5, 3, 2}, {0, 5, 3, 2}}, 1e-3, 1e-2},
    {"sum", sum, {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}}, 1e-2, 1e-3},
    {"cosine distance", cosine, {{0, 1, 1, 7}, {1, 1, 1, 7}}, 1e-3, 1e-2},
    {"spherical distance", spherical, {{0, 1, 1, 7}, {1, 1, 1, 7}}, 1e-3, 1e-2},
    {"cosine distance of tokens", cosines, {{0, 1, 3, 7}, {0, 1, 3, 7}}, 1e-3, 1e-2},
    {"scale", scale, {{0, 5, 3, 3}}, 1e-2, 1e-3},
    {"center crop", center_crop, {{1, 11, 9, 3}}, 1e-2, 1e-3},
    {"cutouts", cutouts, {{1, 11, 13, 3}}, 1e-2, 1e-3},
    {"augment", augment, {{0, 7, 9, 3}}, 1e-2, 1e-3},
    {"blend", blend, {{1, 1, 1, 7}, {1, 1, 1, 7}}, 1e-3, 1e-2},
    {"contrastive loss, one language",
     contrastive,
     {{0, 1, 1, 5}, {0, 1, 1, 5}, {1, 1, 1, 1}},
     1e-3,
     1e-2},
    {"contrastive loss", contrastive, {{3, 1, 1, 5}, {6, 1, 1, 5}, {1, 1, 1, 1}}, 1e-3, 1e-2},
    {"blur", effect_blur, {{1, 9, 7, 3}}, 1e-2, 1e-3},
    {"edges", effect_edges, {{1, 9, 7, 3}}, 1e-3, 1e-2},
    {"mirror", effect_mirror, {{1, 9, 7, 3}}, 1e-2, 1e-3},
    {"kaleidoscope", effect_kaleidoscope, {{1, 9, 7, 3}}, 1e-2, 1e-3},
    {"tile", effect_tile, {{1, 9, 7, 3}}, 1e-2, 1e-3},
    {"displace", effect_displace, {{1, 9, 7, 3}}, 1e-2, 1e-3},
    {"blend of pictures", effect_blend, {{1, 9, 7, 3}}, 1e-2, 1e-3},
    {"halve", halve, {{0, 7, 5, 3}}, 1e-2, 1e-3},
    {"upsample", upsample, {{0, 5, 3, 3}, {0, 10, 6, 3}}, 1e-2, 1e-3},
    {"add", add, {{0, 5, 3, 4}, {0, 5, 3, 4}}, 1e-2, 1e-3},
    {"add a number a channel", add, {{0, 5, 3, 4}, {0, 1, 1, 4}}, 1e-2, 1e-3},
    {"mask", masked, {{0, 5, 3, 4}, {0, 5, 3, 4}, {1, 5, 3, 2}}, 1e-2, 1e-3},
    {"add one number", add, {{0, 5, 3, 4}, {1, 1, 1, 1}}, 1e-2, 1e-3},
    {"multiply", multiply, {{0, 5, 3, 4}, {0, 5, 3, 4}}, 1e-2, 1e-3},
    {"multiply by a number a channel", multiply, {{0, 5, 3, 4}, {1, 1, 1, 4}}, 1e-2, 1e-3},
    {"multiply by one number", multiply, {{0, 5, 3, 4}, {1, 1, 1, 1}}, 1e-2, 1e-3},
    {"silu", silu, {{0, 5, 3, 4}}, 1e-2, 1e-3},
    {"film", film, {{0, 5, 3, 4}, {0, 1, 1, 4}, {0, 1, 1, 4}}, 1e-2, 1e-3},
    {"group norm", group_norm, {{0, 5, 3, 6}, {1, 1, 1, 6}, {1, 1, 1, 6}}, 1e-2, 2e-3},
    {"pad", pad, {{0, 5, 3, 4}}, 1e-2, 1e-3},
    {"filtered lrelu", filtered_lrelu, {{0, 5, 3, 3}}, 1e-3, 1e-2},
    {"filtered lrelu, radial", filtered_radially, {{0, 5, 3, 3}}, 1e-3, 1e-2},
    {"waves", waves, {{0, 1, 1, 4}}, 1e-3, 2e-3},
    {"lengths", lengths, {{7, 5, 3, 3}}, 1e-2, 2e-3},
    {"softmax", softmax, {{0, 5, 3, 7}}, 1e-2, 1e-3},
    {"gru", gru, {{0, 1, 5, 9}, {1, 1, 9, 3}, {1, 1, 1, 3}, {0, 1, 1, 3}}, 1e-2, 2e-3},
    {"gru from nothing", gru_from_nothing, {{0, 1, 4, 9}, {1, 1, 9, 3}, {1, 1, 1, 3}}, 1e-2, 2e-3},
    {"mixture loss", mixture_loss, {{0, 1, 5, 14}, {0, 1, 5, 3}}, 1e-2, 2e-3},
    {"choice loss", choice_loss, {{0, 1, 5, 7}}, 1e-2, 1e-3},
    {"as noise", as_noise, {{0, 5, 3, 3}}, 1e-2, 2e-3},
    {"concat", concat, {{0, 5, 3, 4}, {0, 5, 3, 1}, {0, 5, 3, 3}}, 1e-2, 1e-3},
    {"enlarge", enlarge, {{0, 5, 3, 4}}, 1e-2, 1e-3},
    {"shrink", shrink, {{0, 9, 3, 4}}, 1e-2, 1e-3},
    {"unshuffle", unshuffle, {{0, 6, 10, 3}}, 1e-2, 1e-3},
    {"shuffle", shuffle, {{0, 5, 3, 12}}, 1e-2, 1e-3},
    {"convolve 3x3 by 2", convolve, {{0, 7, 6, 5}, {4, 5, 3, 3}, {1, 1, 1, 4}}, 1e-2, 1e-3},
    {"convolve 4x4 by 2", convolve, {{0, 7, 8, 3}, {5, 3, 4, 4}, {1, 1, 1, 5}}, 1e-2, 1e-3},
    {"convolve 1x1 by 2", convolve, {{0, 7, 5, 3}, {5, 3, 1, 1}, {1, 1, 1, 5}}, 1e-2, 1e-3},
    {"convolve 3x3", convolve_as_conv, {{0, 7, 5, 5}, {4, 5, 3, 3}, {1, 1, 1, 4}}, 1e-2, 1e-3},
    {"convolve 1x1", convolve_as_conv, {{0, 7, 5, 5}, {4, 5, 1, 1}, {1, 1, 1, 4}}, 1e-2, 1e-3},
    {"lrelu", lrelu, {{0, 5, 3, 4}}, 1e-3, 1e-2},
    {"pick", pick, {{0, 5, 3, 4}}, 1e-2, 1e-3},
    {"pack", pack, {{0, 5, 3, 4}}, 1e-2, 1e-3},
    {"channels first", channels_first, {{0, 5, 3, 4}}, 1e-2, 1e-3},
    {"channels last", channels_last, {{0, 4, 5, 3}}, 1e-2, 1e-3},
    {"downsample", downsample, {{0, 10, 6, 19}}, 1e-2, 1e-3},
    {"downsample beside another way", downsample_twice, {{0, 10, 6, 5}}, 1e-2, 1e-3},
    {"logistic", logistic, {{0, 1, 1, 5}}, 1e-2, 1e-3},
    {"mean", mean, {{0, 5, 3, 4}}, 1e-2, 1e-3},
    {"path", path, {{4, 5, 3, 3}}, 1e-2, 1e-3},
    {"change", change, {{0, 8, 8, 3}}, 1e-2, 1e-3},
    {"deviation", deviation, {{4, 4, 3, 5}}, 1e-2, 2e-3},
    {"attend", attend, {{0, 1, 131, 6}, {0, 1, 5, 6}, {0, 1, 5, 6}}, 1e-2, 2e-3},
    {"attend to itself", attend, {{0, 1, 7, 6}, {0, 1, 7, 6}, {0, 1, 7, 6}}, 1e-2, 2e-3},
};

/* Every operation of the table is in a row above, but for those that pass a step's gradient
   straight, which no difference shows, and feedback, whose last picture would be the moved one
   (tests/engine/test_effect.c). */
static void check_table(void)
{
    static const char *const others[] = {"threshold", "posterise", "feedback"};
    for (const latent_op *const *op = latent_operations(); *op; op++) {
        int k = 0, exempt = !(*op)->backward;
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
            exempt = exempt || !strcmp((*op)->name, others[i]);
        while (k < n_met && met[k] != *op)
            k++;
        if (k == n_met && !exempt)
            fail_msg("%s is in no row of the table above", (*op)->name);
    }
}

static void every_gradient_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_case(&cases[i]);
    check_table();
    assert_int_equal(latent_node_count(), 0);
}

/* ---- values */

static latent_node *some(int n, int h, int w, int c)
{
    latent_tensor *t = latent_tensor_new((latent_shape){n, h, w, c}, NULL);
    latent_error e;
    latent_node *node;
    for (size_t k = 0; k < t->count; k++)
        t->data[k] = number((uint32_t)k, 3);
    node = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return node;
}

/* Takes the node over. */
static latent_tensor *of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    assert_non_null(n);
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    latent_node_release(n);
    return t;
}

static void near(double a, double b)
{
    if (!(fabs(a - b) < 2e-5 * (1 + fabs(b))))
        fail_msg("%g is not %g", a, b);
}

static void points_have_their_formulas(void **state)
{
    latent_error e;
    latent_node *a = some(2, 3, 2, 4), *b = some(2, 1, 1, 4), *one = some(1, 1, 1, 1);
    latent_tensor *x = of(latent_node_retain(a)), *c = of(latent_node_retain(b)),
                  *sum = of(latent_op_add(a, 2, b, 3, NULL, &e)),
                  *product = of(latent_op_multiply(a, one, NULL, &e)),
                  *silu_of = of(latent_op_silu(a, 2, NULL, &e)),
                  *films = of(latent_op_film(a, b, one, NULL, &e)),
                  *lengths_of = of(latent_op_lengths(a, 12, 3, NULL, &e)),
                  *soft = of(latent_op_softmax(a, NULL, &e));
    double first = (double)number(0, 3), squares = 0, total = 0;
    (void)state;
    for (size_t k = 0; k < x->count; k++) {
        double v = (double)x->data[k], w = (double)c->data[k / 24 * 4 + k % 4];
        near((double)sum->data[k], 2 * v + 3 * w);
        near((double)product->data[k], v * first);
        near((double)silu_of->data[k], 2 * v / (1 + exp(-v)));
        near((double)films->data[k], v * (1 + w) + first);
    }
    for (int k = 0; k < 4; k++) {
        squares += (double)lengths_of->data[44 + k] * (double)lengths_of->data[44 + k];
        total += (double)soft->data[44 + k];
    }
    near(squares, 9);
    near(total, 1);
    near(log((double)soft->data[1] / (double)soft->data[0]),
         (double)x->data[1] - (double)x->data[0]);
    for (size_t i = 0; i < 8; i++)
        latent_tensor_release(
            (latent_tensor *[]){x, c, sum, product, silu_of, films, lengths_of, soft}[i]);
    assert_null(latent_op_add(b, 1, a, 1, NULL, &e));
    assert_non_null(strstr(e.text, "don't fit"));
    latent_node_release(a);
    latent_node_release(b);
    latent_node_release(one);
}

static void a_group_has_mean_0_and_deviation_1(void **state)
{
    latent_error e;
    latent_node *x = some(2, 3, 5, 6), *gain = some(1, 1, 1, 6), *bias = some(1, 1, 1, 6);
    latent_tensor *g = of(latent_node_retain(gain)),
                  *y = of(latent_op_group_norm(x, gain, bias, 2, 0, NULL, &e));
    double mean = 0, squares = 0;
    (void)state;
    for (int p = 0; p < 15; p++)
        for (int k = 3; k < 6; k++) { /* the second picture's second group */
            double v = ((double)y->data[90 + p * 6 + k] - (double)g->data[k]) / (double)g->data[k];
            mean += v / 45;
            squares += v * v / 45;
        }
    near(mean, 0);
    near(squares, 1);
    latent_tensor_release(g);
    latent_tensor_release(y);
    assert_null(latent_op_group_norm(x, gain, bias, 4, 0, NULL, &e));
    latent_node_release(x);
    latent_node_release(gain);
    latent_node_release(bias);
}

static void numbers_are_where_they_should_be(void **state)
{
    latent_error e;
    latent_node *x = some(2, 4, 6, 3), *small = latent_op_unshuffle(x, 2, &e),
                *large = latent_op_enlarge(x, 2, &e), *both[2] = {x, x};
    latent_tensor *t = of(latent_node_retain(x)), *u = of(latent_node_retain(small)),
                  *again = of(latent_op_shuffle(small, 2, &e)),
                  *mean = of(latent_op_shrink(large, 2, &e)),
                  *wide = of(latent_op_concat(both, 2, &e));
    (void)state;
    assert_int_equal(u->shape.c, 12);
    /* second picture, row 1, column 2; channel 1, row 1, column 0 of its square */
    near((double)u->data[((2 + 1) * 3 + 2) * 12 + 1 * 4 + 1 * 2 + 0],
         (double)t->data[((4 + 3) * 6 + 4) * 3 + 1]);
    for (size_t k = 0; k < t->count; k++) {
        near((double)again->data[k], (double)t->data[k]);
        near((double)mean->data[k], (double)t->data[k]);
        near((double)wide->data[k / 3 * 6 + 3 + k % 3], (double)t->data[k]);
    }
    for (size_t i = 0; i < 5; i++)
        latent_tensor_release((latent_tensor *[]){t, u, again, mean, wide}[i]);
    assert_null(latent_op_unshuffle(x, 4, &e));
    assert_null(latent_op_shuffle(x, 2, &e));
    latent_node_release(x);
    latent_node_release(small);
    latent_node_release(large);
}

/* Every second pixel of the fast convolution is that of stride 2. */
static void a_stride_leaves_pixels_out(void **state)
{
    latent_error e;
    latent_node *x = some(2, 7, 5, 3), *w = some(4, 3, 3, 3), *b = some(1, 1, 1, 4);
    latent_tensor *all = of(latent_op_convolve(x, w, b, 1, 1, NULL, &e)),
                  *half = of(latent_op_convolve(x, w, b, 2, 1, NULL, &e));
    (void)state;
    assert_int_equal(half->shape.h, 4);
    assert_int_equal(half->shape.w, 3);
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 3; j++)
                for (int k = 0; k < 4; k++)
                    near((double)half->data[((n * 4 + i) * 3 + j) * 4 + k],
                         (double)all->data[((n * 7 + 2 * i) * 5 + 2 * j) * 4 + k]);
    latent_tensor_release(all);
    latent_tensor_release(half);
    assert_null(latent_op_convolve(x, w, b, 0, 1, NULL, &e));
    latent_node_release(x);
    latent_node_release(w);
    latent_node_release(b);
}

/* Blocks of queries give what all at once give; and 4,096 tokens need little memory. */
static void blocks_attend_as_all_do(void **state)
{
    latent_error e;
    latent_node *x = some(2, 1, 150, 12), *part[3], *large = some(1, 1, 4096, 8);
    latent_tensor *t = of(latent_node_retain(x)), *whole, *blocks;
    (void)state;
    for (int k = 0; k < 3; k++) {
        latent_tensor *p = latent_tensor_new((latent_shape){2, 1, 150, 4}, &e);
        for (size_t i = 0; i < p->count; i++)
            p->data[i] = t->data[i / 4 * 12 + (size_t)k * 4 + i % 4];
        part[k] = latent_op_picture(p, &e);
        latent_tensor_release(p);
    }
    whole = of(latent_op_attention(x, 2, 0, NULL, &e));
    blocks = of(latent_op_attend(part[0], part[1], part[2], 2, NULL, &e));
    for (size_t i = 0; i < whole->count; i++)
        near((double)blocks->data[i], (double)whole->data[i]);
    latent_tensor_release(whole);
    latent_tensor_release(blocks);
    latent_tensor_release(of(latent_op_attend(large, large, large, 1, NULL, &e)));
    assert_null(latent_op_attend(part[0], x, x, 2, NULL, &e));
    latent_tensor_release(t);
    for (int k = 0; k < 3; k++)
        latent_node_release(part[k]);
    latent_node_release(x);
    latent_node_release(large);
}

/* How many bytes of addresses the process has, or 0 where nobody says. */
static rlim_t addresses(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (f && fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* 4,096 tokens of 64 numbers attend to each other, there and back, with 200 MB more than there is
   before: all weights at once would be 128 MB for two heads, twice on the way back. */
static void attention_needs_little_memory(void **state)
{
    latent_error e = {""};
    latent_variables *v = latent_variables_new();
    latent_shape s = {1, 1, 4096, 3 * 64};
    float *first = malloc(latent_shape_count(s) * sizeof(*first)), *grad, is, size = 0;
    struct rlimit was, less;
    latent_node *x, *y, *loss;
    int threads = latent_threads(), failed;
    (void)state;
    for (size_t k = 0; k < latent_shape_count(s); k++)
        first[k] = number((uint32_t)k, 3);
    latent_variables_add(v, s, first, &e);
    grad = first; /* as many numbers */
    x = latent_variables_at(v, 0, &e);
    y = latent_op_attention(x, 2, 0, NULL, &e);
    loss = latent_node_make(&op_probe, &y, 1, NULL, 0, NULL, &e);
    latent_threads_set(1);
    assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
    less = was;
    if (!SANITIZED && addresses() > 0)
        less.rlim_cur = addresses() + ((rlim_t)200 << 20);
    assert_int_equal(setrlimit(RLIMIT_AS, &less), 0);
    failed = latent_variables_gradient(v, loss, NULL, &is, grad, &e);
    assert_int_equal(setrlimit(RLIMIT_AS, &was), 0);
    latent_threads_set(threads);
    if (failed)
        fail_msg("%s", e.text);
    for (size_t k = 0; k < latent_shape_count(s); k++)
        size += grad[k] * grad[k];
    assert_true(size > 0);
    latent_node_release(x);
    latent_node_release(y);
    latent_node_release(loss);
    latent_variables_free(v);
    free(first);
}

static void times_and_chance(void **state)
{
    const float time[2] = {0, 7};
    latent_error e;
    latent_tensor *t = of(latent_op_timestep(time, 2, 6, 10000, 1, &e)),
                  *a = of(latent_op_normal((latent_shape){1, 40, 50, 3}, 5, &e)),
                  *b = of(latent_op_normal((latent_shape){1, 40, 50, 3}, 5, &e));
    double sum = 0, squares = 0;
    (void)state;
    for (int i = 0; i < 3; i++) {
        near((double)t->data[i], 1);
        near((double)t->data[3 + i], 0);
        near((double)t->data[6 + i], cos(7 * pow(10000, -i / 2.0)));
        near((double)t->data[9 + i], sin(7 * pow(10000, -i / 2.0)));
    }
    assert_memory_equal(a->data, b->data, a->count * sizeof(float));
    for (size_t i = 0; i < a->count; i++) {
        sum += (double)a->data[i];
        squares += (double)a->data[i] * (double)a->data[i];
    }
    assert_true(fabs(sum / 6000) < 0.05 && fabs(squares / 6000 - 1) < 0.08);
    latent_tensor_release(t);
    latent_tensor_release(a);
    latent_tensor_release(b);
    assert_null(latent_op_timestep(time, 2, 5, 10000, 1, &e));
    assert_int_equal(latent_node_count(), 0);
}

/* ---- variables */

static void a_promise_stays_as_it_was(void **state)
{
    const float first[2] = {1, 2};
    latent_error e = {""};
    latent_variables *v = latent_variables_new();
    latent_node *was, *again, *now;
    latent_tensor *t;
    (void)state;
    assert_int_equal(latent_variables_add(v, (latent_shape){1, 1, 1, 2}, first, &e), 0);
    assert_int_equal(latent_variables_add(v, (latent_shape){1, 1, 1, 3}, NULL, &e), 1);
    assert_int_equal(latent_variables_size(v), 5);
    assert_int_equal(latent_variables_place(v, 1), 2);
    was = latent_variables_at(v, 0, &e);
    again = latent_variables_at(v, 0, &e);
    assert_ptr_equal(was, again);
    latent_node_release(again);
    latent_variables_change(v, 0, &e)[0] = 5;
    now = latent_variables_at(v, 0, &e);
    assert_ptr_not_equal(was, now);
    assert_int_equal(latent_evaluate(was, NULL, &t, &e), 0);
    assert_true(t->data[0] == 1 && t->data[1] == 2);
    latent_tensor_release(t);
    assert_int_equal(latent_evaluate(now, NULL, &t, &e), 0);
    assert_true(t->data[0] == 5 && t->data[1] == 2);
    latent_tensor_release(t);
    assert_true(latent_variables_read(v, 0)[0] == 5);
    latent_node_release(was);
    latent_variables_free(v);
    latent_node_release(now); /* lives on */
    assert_int_equal(latent_node_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_promise_stays_as_it_was),
        cmocka_unit_test(every_gradient_is_right),
        cmocka_unit_test(points_have_their_formulas),
        cmocka_unit_test(a_group_has_mean_0_and_deviation_1),
        cmocka_unit_test(numbers_are_where_they_should_be),
        cmocka_unit_test(a_stride_leaves_pixels_out),
        cmocka_unit_test(blocks_attend_as_all_do),
        cmocka_unit_test(attention_needs_little_memory),
        cmocka_unit_test(times_and_chance),
    };
    return cmocka_run_group_tests_name("ops", tests, NULL, NULL);
}
