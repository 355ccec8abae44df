/* test_ops: every input of every operation that learns, against finite differences: batches of 1
   and 3, odd sizes, 1 and 3 threads.  One line of the table is one operation. */
#include "engine/evaluate.h"
#include "engine/ops/encoder.h"
#include "engine/ops/ops.h"
#include "engine/parallel.h"
#include "engine/variables.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The sum of all numbers, each times one of its own. */
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
    (void)n;
    (void)e;
    out->data[0] = (float)probe(in[0]);
    return 0;
}

static int probe_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                          latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    (void)n;
    (void)in;
    (void)out;
    (void)e;
    for (size_t i = 0; i < grad_in[0]->count; i++)
        grad_in[0]->data[i] += grad_out->data[0] * number((uint32_t)i, 77);
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

static void gradient(const trial *t, float *grad)
{
    latent_node *n = result(t), *loss;
    latent_error e = {""};
    float is;
    loss = latent_node_make(&op_probe, &n, 1, NULL, 0, NULL, &e);
    latent_node_release(n);
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
            gradient(&t, grad[k]);
            is[k] = value(&t);
        }
        assert_true(fabs(is[0] - is[1]) <= 1e-5 * (1 + fabs(is[0])));
        for (size_t k = 0; k < latent_variables_size(t.v); k++)
            if (!(fabsf(grad[0][k] - grad[1][k]) <= 1e-4f * (1 + fabsf(grad[0][k]))))
                fail_msg("%s: with 3 threads gradient %zu is %g, with one %g", of->name, k,
                         (double)grad[1][k], (double)grad[0][k]);
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
    {"halve", halve, {{0, 7, 5, 3}}, 1e-2, 1e-3},
    {"upsample", upsample, {{0, 5, 3, 3}, {0, 10, 6, 3}}, 1e-2, 1e-3},
};

static void every_gradient_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_case(&cases[i]);
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
    };
    return cmocka_run_group_tests_name("ops", tests, NULL, NULL);
}
