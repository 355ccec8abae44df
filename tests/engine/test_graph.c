/* test_graph: promises are shared, counted, found by number and let go; pictures of features show
   what they should. */
#include "engine/graph/evaluate.h"
#include "engine/ops/ops.h"
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static latent_node *picture(int c, int h, int w)
{
    latent_error e;
    latent_node *n;
    float *v = malloc((size_t)(c * h * w) * sizeof(float));
    for (int i = 0; i < c * h * w; i++)
        v[i] = sinf((float)(i * i % 97));
    n = latent_op_planes(v, c, h, w, NULL, &e);
    free(v);
    return n;
}

static latent_tensor *value(latent_node *n)
{
    latent_tensor *t;
    latent_error e = {""};
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

static void same_in_same_out(void **state)
{
    latent_error e;
    latent_node *p = picture(1, 4, 4), *a = latent_op_upsample(p, NULL, NULL, &e);
    latent_node *b = latent_op_upsample(p, NULL, NULL, &e), *other = picture(1, 4, 4), *c;
    (void)state;
    assert_ptr_equal(a, b);
    c = latent_op_upsample(other, NULL, NULL, &e);
    assert_ptr_not_equal(a, c);
    latent_node_release(a);
    latent_node_release(b);
    latent_node_release(c);
    latent_node_release(p);
    latent_node_release(other);
    assert_int_equal(latent_node_count(), 0);
}

static void equal_styles_are_one(void **state)
{
    const float w[3] = {1, 2, 3}, v[3] = {1, 2, 4};
    latent_error e;
    latent_node *a = latent_op_style(0, 2, w, 3, &e), *b = latent_op_style(0, 2, w, 3, &e);
    latent_node *row = latent_op_style(1, 2, w, 3, &e), *other = latent_op_style(0, 2, v, 3, &e);
    (void)state;
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, row);
    assert_ptr_not_equal(a, other);
    assert_int_equal(latent_style_row(row), 1);
    latent_node_release(a);
    latent_node_release(b);
    latent_node_release(row);
    latent_node_release(other);
}

static void numbers_find_living_nodes_only(void **state)
{
    latent_node *p = picture(1, 2, 2), *found;
    int id = latent_node_id(p);
    (void)state;
    assert_in_range(id, 1, LATENT_MAX_ID);
    assert_int_equal(latent_node_id(p), id);
    found = latent_node_by_id(id);
    assert_ptr_equal(found, p);
    latent_node_release(found);
    latent_node_release(p);
    assert_null(latent_node_by_id(id));
    assert_null(latent_node_by_id(0));
    assert_null(latent_node_by_id(-3));
    assert_null(latent_node_by_id(1 << 30));
    p = picture(1, 2, 2);
    assert_int_not_equal(latent_node_id(p), id); /* not used again */
    latent_node_release(p);
}

static void a_long_chain_is_let_go(void **state)
{
    latent_error e;
    latent_node *n = picture(1, 1, 1), *next;
    float zero = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        latent_node *one = latent_op_planes(&zero, 1, 1, 1, NULL, &e);
        next = latent_op_channels(n, (int[]){0}, 1, &e);
        latent_node_release(one);
        latent_node_release(n);
        n = next;
    }
    latent_tensor_release(value(n));
    latent_node_release(n);
    assert_int_equal(latent_node_count(), 0);
}

static void cancelled_work_stops(void **state)
{
    latent_error e = {""};
    latent_node *p = picture(1, 8, 8), *n = latent_op_upsample(p, NULL, NULL, &e);
    latent_tensor *t;
    atomic_int cancel = 1;
    (void)state;
    assert_int_equal(latent_evaluate(n, &cancel, &t, &e), -1);
    assert_null(t);
    latent_tensor_release(value(n)); /* and can be done again */
    latent_node_release(n);
    latent_node_release(p);
}

static void enlarging_follows_the_formula(void **state)
{
    const float v[4] = {1, 2, 3, 5};
    latent_error e;
    latent_node *p = latent_op_planes(v, 1, 2, 2, NULL, &e),
                *n = latent_op_upsample(p, NULL, NULL, &e);
    latent_tensor *t = value(n);
    (void)state;
    assert_int_equal(t->shape.h, 4);
    /* corner: 9/16 of the corner; y[1][1] = (9*1 + 3*2 + 3*3 + 5)/16 */
    assert_true(fabsf(t->data[0] - 9.0f / 16) < 1e-6f);
    assert_true(fabsf(t->data[5] - 29.0f / 16) < 1e-6f);
    latent_tensor_release(t);
    latent_node_release(n);
    latent_node_release(p);
}

static void a_channel_is_shown_normalised(void **state)
{
    latent_error e;
    latent_node *p = picture(5, 6, 7), *n = latent_op_channels(p, (int[]){4, 0, 2}, 3, &e);
    latent_tensor *t = value(n);
    (void)state;
    assert_int_equal(t->shape.c, 3);
    for (int k = 0; k < 3; k++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < 42; i++) {
            sum += t->data[3 * i + k];
            squares += (double)t->data[3 * i + k] * t->data[3 * i + k];
        }
        assert_true(fabs(sum / 42) < 1e-5);
        assert_true(fabs(squares / 42 - 1 / 6.25) < 1e-5);
    }
    latent_tensor_release(t);
    latent_node_release(n);
    assert_null(latent_op_channels(p, (int[]){5}, 1, &e));
    assert_non_null(strstr(e.text, "0 to 4"));
    latent_node_release(p);
}

static void a_grid_holds_every_channel(void **state)
{
    latent_error e;
    latent_node *p = picture(3, 2, 2), *n = latent_op_grid(p, 2, &e),
                *one = latent_op_channels(p, (int[]){2}, 1, &e);
    latent_tensor *t = value(n), *u = value(one);
    (void)state;
    assert_int_equal(t->shape.h, 4);
    assert_int_equal(t->shape.w, 4);
    assert_true(fabsf(t->data[2 * 4] - u->data[0]) < 1e-6f); /* the third channel, below left */
    assert_true(t->data[3 * 4 + 3] == -1.0f);                /* no fourth one */
    latent_tensor_release(t);
    latent_tensor_release(u);
    latent_node_release(n);
    latent_node_release(one);
    latent_node_release(p);
}

static void components_find_the_largest_variation(void **state)
{
    /* two channels in step, one weak: the first component is their sum */
    latent_error e;
    float v[3 * 64];
    latent_node *p, *n;
    latent_tensor *t;
    double dot = 0, norm = 0;
    (void)state;
    for (int i = 0; i < 64; i++) {
        v[i] = sinf((float)i);
        v[64 + i] = 2 * sinf((float)i);
        v[128 + i] = 0.01f * cosf(3.0f * (float)i);
    }
    p = latent_op_planes(v, 3, 8, 8, NULL, &e);
    n = latent_op_pca(p, &e);
    t = value(n);
    for (int i = 0; i < 64; i++) {
        dot += t->data[3 * i] * sin(i);
        norm += (double)t->data[3 * i] * t->data[3 * i];
    }
    assert_true(dot / sqrt(norm * 32) > 0.98);
    latent_tensor_release(t);
    latent_node_release(n);
    latent_node_release(p);
}

static void statistics_are_means_and_deviations(void **state)
{
    const float v[8] = {1, 2, 3, 4, -1, -1, 1, 1};
    latent_error e;
    latent_node *p = latent_op_planes(v, 2, 2, 2, NULL, &e), *n = latent_op_statistics(p, &e);
    latent_tensor *t = value(n);
    const float expected[4] = {2.5f, 0, sqrtf(1.25f), 1};
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_true(fabsf(t->data[i] - expected[i]) < 1e-6f);
    latent_tensor_release(t);
    latent_node_release(n);
    latent_node_release(p);
}

static void equal_planes_are_one_picture(void **state)
{
    const float v[4] = {1, 2, 3, 4}, w[4] = {1, 2, 3, 5};
    latent_error e;
    latent_node *a = latent_op_planes(v, 1, 2, 2, NULL, &e),
                *b = latent_op_planes(v, 1, 2, 2, a, &e);
    latent_node *c = latent_op_planes(w, 1, 2, 2, a, &e);
    (void)state;
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    latent_node_release(a);
    latent_node_release(b);
    latent_node_release(c);
}

/* ---- evaluators */

/* Twice its input; the first time it is computed it tells that it has begun, and waits. */
static sem_t begun, go_on;
static atomic_int times;

static int slow_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[0]->shape;
    return 0;
}

static int slow_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    (void)n;
    (void)e;
    if (atomic_fetch_add(&times, 1) == 0) {
        sem_post(&begun);
        sem_wait(&go_on);
    }
    for (size_t i = 0; i < out->count; i++)
        out->data[i] = 2 * in[0]->data[i];
    return 0;
}

static const latent_op op_slow = {
    .name = "slow", .n_computed = -1, .shape = slow_shape, .forward = slow_forward};

typedef struct {
    latent_evaluator *evaluator;
    latent_node *node;
    latent_tensor *value;
} elsewhere;

static void *evaluate_elsewhere(void *context)
{
    elsewhere *w = context;
    latent_error e;
    latent_evaluator_use(w->evaluator);
    latent_evaluate(w->node, NULL, &w->value, &e);
    return NULL;
}

/* A training may be in the middle of anything: pictures of the very promises that it computes come
   at once. */
static void evaluators_do_not_wait_for_each_other(void **state)
{
    latent_error e;
    latent_node *p = picture(2, 8, 8), *before = latent_op_upsample(p, NULL, NULL, &e),
                *n = latent_node_make(&op_slow, &before, 1, NULL, 0, NULL, &e);
    size_t bytes = latent_tensor_bytes();
    elsewhere w = {latent_evaluator_new(1, (size_t)1 << 20), n, NULL};
    latent_tensor *t;
    latent_stats stats, own;
    pthread_t thread;
    (void)state;
    latent_stats_reset();
    assert_int_equal(pthread_create(&thread, NULL, evaluate_elsewhere, &w), 0);
    sem_wait(&begun);
    t = value(n);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    assert_non_null(w.value);
    assert_ptr_not_equal(w.value, t);
    assert_memory_equal(w.value->data, t->data, t->count * sizeof(float));
    latent_stats_get(&stats, NULL, 0);
    latent_evaluator_use(w.evaluator);
    latent_stats_get(&own, NULL, 0);
    assert_ptr_equal(latent_evaluator_use(NULL), w.evaluator);
    assert_int_equal(stats.runs, 2);
    assert_int_equal(own.runs, 2);
    latent_tensor_release(t);
    latent_tensor_release(w.value);
    latent_evaluator_free(w.evaluator);
    latent_node_release(n);
    latent_node_release(before);
    assert_int_equal(latent_tensor_bytes(), bytes);
    latent_node_release(p);
    assert_int_equal(latent_node_count(), 0);
}

/* What a box holds, and a training has looked at, is forgotten with the training. */
static void an_evaluator_takes_its_values_along(void **state)
{
    latent_error e;
    latent_node *p = picture(2, 8, 8), *n = latent_op_upsample(p, NULL, NULL, &e);
    size_t bytes = latent_tensor_bytes();
    latent_evaluator *one = latent_evaluator_new(1, (size_t)1 << 20),
                     *small = latent_evaluator_new(1, 0);
    latent_stats stats;
    (void)state;
    assert_null(latent_evaluator_use(one));
    latent_tensor_release(value(n));
    assert_true(latent_tensor_bytes() > bytes);
    assert_ptr_equal(latent_evaluator_use(small), one);
    latent_tensor_release(value(n)); /* and keeps nothing */
    latent_stats_get(&stats, NULL, 0);
    assert_int_equal(stats.cached_bytes, 0);
    assert_int_equal(stats.evictions, 1);
    assert_ptr_equal(latent_evaluator_use(NULL), small);
    latent_evaluator_free(one);
    assert_int_equal(latent_tensor_bytes(), bytes);
    latent_tensor_release(value(n)); /* whose node lives */
    latent_node_release(n);
    latent_evaluator_free(small);
    latent_node_release(p);
}

/* What takes long beside a live picture (a recall, a calibration) has a thread and an evaluator of
   its own. */
static void the_searcher_holds_nobody_up(void **state)
{
    latent_error e;
    latent_node *p = picture(2, 8, 8), *n = latent_op_upsample(p, NULL, NULL, &e);
    latent_port *port = latent_port_new(LATENT_SEARCHER, 0);
    latent_stats boxes;
    latent_job *job;
    (void)state;
    latent_stats_reset();
    assert_int_equal(latent_port_post(port, &latent_request_new(n, NULL, NULL)->job), 0);
    while (!(job = latent_port_take(port)))
        sched_yield();
    assert_false(job->failed);
    job->discard(job);
    latent_stats_get(&boxes, NULL, 0);
    assert_int_equal(boxes.runs, 0);
    latent_port_close(port);
    latent_workers_stop();
    latent_node_release(n);
    latent_node_release(p);
    assert_int_equal(latent_node_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_in_same_out),
        cmocka_unit_test(equal_styles_are_one),
        cmocka_unit_test(numbers_find_living_nodes_only),
        cmocka_unit_test(a_long_chain_is_let_go),
        cmocka_unit_test(cancelled_work_stops),
        cmocka_unit_test(enlarging_follows_the_formula),
        cmocka_unit_test(a_channel_is_shown_normalised),
        cmocka_unit_test(a_grid_holds_every_channel),
        cmocka_unit_test(components_find_the_largest_variation),
        cmocka_unit_test(statistics_are_means_and_deviations),
        cmocka_unit_test(equal_planes_are_one_picture),
        cmocka_unit_test(evaluators_do_not_wait_for_each_other),
        cmocka_unit_test(an_evaluator_takes_its_values_along),
        cmocka_unit_test(the_searcher_holds_nobody_up),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
