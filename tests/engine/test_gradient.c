/* test_gradient: gradients with respect to the styles against the reference implementation (needs
   the oracle folder), and of every operation against central differences. */
#include "../helpers/npz.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/ops/ops.h"
#include "helper_network.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static npz_array array(const char *path, const char *key)
{
    char error[300];
    npz_array a;
    if (npz_read(&a, path, key, error, sizeof(error)))
        fail_msg("%s", error);
    return a;
}

static double distance(const float *is, const float *should, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)is[i] - should[i]) * ((double)is[i] - should[i]);
        s += (double)should[i] * should[i];
    }
    return sqrt(d / (s > 0 ? s : 1));
}

static latent_node *sse(latent_node *picture, const float *target)
{
    latent_error e = {""};
    latent_shape s = picture->shape;
    latent_node *t = latent_op_planes(target, s.c, s.h, s.w, NULL, &e);
    latent_node *loss = latent_op_sse(picture, t, &e);
    if (!loss)
        fail_msg("%s", e.text);
    latent_node_release(t);
    return loss;
}

static void check_fixture(const char *file, const char *name)
{
    const char *dir = getenv("LATENT_ORACLE");
    char pkl[1000], npz[1000];
    latent_progress quietly = {NULL, NULL};
    latent_error e = {""};
    latent_model *m;
    double total = 0;
    snprintf(pkl, sizeof(pkl), "%s/%s", dir ? dir : "../shared/oracle", file);
    snprintf(npz, sizeof(npz), "%s/%s.npz", dir ? dir : "../shared/oracle", name);
    if (access(pkl, R_OK)) {
        printf("SKIP %s is not there\n", pkl);
        skip();
    }
    if (!(m = latent_model_load(pkl, quietly, &e)))
        fail_msg("%s", e.text);
    npz_array w = array(npz, "w"), target = array(npz, "target"), loss = array(npz, "loss");
    npz_array should = array(npz, "grad_ws");
    size_t each = (size_t)(m->generator.num_ws * m->generator.w_dim),
           picture = target.count / target.shape[0];
    float *ws = malloc(each * sizeof(float)), *grad, value;
    int rows, w_dim;
    for (size_t k = 0; k < w.shape[0]; k++) {
        for (int row = 0; row < m->generator.num_ws; row++)
            memcpy(ws + row * m->generator.w_dim, w.data + k * (size_t)m->generator.w_dim,
                   (size_t)m->generator.w_dim * sizeof(float));
        latent_node *image = network_picture(m, ws, m->generator.num_ws),
                    *l = sse(image, target.data + k * picture);
        if (latent_gradient_styles(l, NULL, &value, &grad, &rows, &w_dim, &e))
            fail_msg("%s", e.text);
        total += value;
        assert_int_equal(rows, m->generator.num_ws);
        assert_int_equal(w_dim, m->generator.w_dim);
        double d = distance(grad, should.data + k * each, each);
        printf("grad_ws of %s, sample %zu: %.2g\n", name, k, d);
        if (!(d < 1e-3))
            fail_msg("grad_ws of sample %zu differs by %g", k, d);
        free(grad);
        latent_node_release(image);
        latent_node_release(l);
    }
    assert_true(fabs(total - loss.data[0]) < 1e-4 * loss.data[0]);
    free(ws);
    npz_free(&w);
    npz_free(&target);
    npz_free(&loss);
    npz_free(&should);
    latent_model_release(m);
}

static void fixtures(void **state)
{
    (void)state;
    check_fixture("sg2ada-32.pkl", "sg2ada-32");
    check_fixture("sg2ada-64-cond.pkl", "sg2ada-64-cond");
    check_fixture("sg2ada-32-clamp-cl.pkl", "sg2ada-32-clamp-cl");
    check_fixture("sg2ada-32-resnet.pkl", "sg2ada-32-resnet");
    check_fixture("sg2ada-32-orig.pkl", "sg2ada-32-orig");
    check_fixture("sg2ada-32-rgba-zw.pkl", "sg2ada-32-rgba-zw");
    check_fixture("sg2ada-48x32-eps.pkl", "sg2ada-48x32-eps");
    check_fixture("tf-sg2-32.pkl", "tf-sg2-32");
    check_fixture("tf-sg2ada-64-cond.pkl", "tf-sg2ada-64-cond");
    check_fixture("rosinality-32.pt", "rosinality-32");
}

static double loss_of(latent_model *m, const float *ws, const float *target)
{
    latent_error e = {""};
    latent_node *image = network_picture(m, ws, m->generator.num_ws);
    latent_tensor *t;
    double sum = 0;
    size_t c = (size_t)image->shape.c, pixels;
    if (latent_evaluate(image, NULL, &t, &e))
        fail_msg("%s", e.text);
    pixels = t->count / c;
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < c; k++) {
            double d = (double)t->data[i * c + k] - target[k * pixels + i];
            sum += d * d;
        }
    latent_tensor_release(t);
    latent_node_release(image);
    return 0.5 * sum;
}

/* The slope along a few random directions, by central differences. */
static void check_network(network_plan p, uint32_t seed)
{
    static network n;
    latent_error e = {""};
    latent_model *m;
    float *ws, *grad, *target, *moved, value;
    int rows, w_dim;
    network_make(&n, p, seed);
    m = network_model(&n);
    int each = m->generator.num_ws * m->generator.w_dim,
        size = m->generator.height * m->generator.width * m->generator.channels;
    ws = malloc((size_t)each * sizeof(float));
    moved = malloc((size_t)each * sizeof(float));
    target = malloc((size_t)size * sizeof(float));
    for (int i = 0; i < each; i++)
        ws[i] = (float)latent_random_gauss(&n.random);
    for (int i = 0; i < size; i++)
        target[i] = (float)latent_random_gauss(&n.random);
    latent_node *image = network_picture(m, ws, m->generator.num_ws), *l = sse(image, target);
    if (latent_gradient_styles(l, NULL, &value, &grad, &rows, &w_dim, &e))
        fail_msg("%s", e.text);
    for (int k = 0; k < 8; k++) {
        float *direction = malloc((size_t)each * sizeof(float));
        double slope = 0, h = 1e-3, up, down;
        for (int i = 0; i < each; i++) {
            /* one row at a time, then all together */
            int on = k == 7 || i / m->generator.w_dim == k % m->generator.num_ws;
            direction[i] = on ? (float)latent_random_gauss(&n.random) : 0;
            slope += (double)direction[i] * grad[i];
        }
        for (int i = 0; i < each; i++)
            moved[i] = ws[i] + (float)h * direction[i];
        up = loss_of(m, moved, target);
        for (int i = 0; i < each; i++)
            moved[i] = ws[i] - (float)h * direction[i];
        down = loss_of(m, moved, target);
        if (!(fabs((up - down) / (2 * h) - slope) < 2e-2 * fabs(slope) + 1e-2 * value))
            fail_msg("direction %d: slope %g, differences %g", k, slope, (up - down) / (2 * h));
        free(direction);
    }
    latent_node_release(image);
    latent_node_release(l);
    latent_model_release(m);
    network_free(&n);
    free(ws);
    free(moved);
    free(grad);
    free(target);
}

static void networks(void **state)
{
    (void)state;
    check_network((network_plan){SKIP, 8, 8, 2, 4, {16, 12, 8, 6}, 3, 0, 1}, 1);
    check_network((network_plan){SKIP, 5, 9, 1, 3, {7, 13, 3}, 1, 2.5, 1}, 2);
    check_network((network_plan){RESNET, 6, 10, 2, 3, {9, 20, 5}, 3, 0, 1}, 5);
    check_network((network_plan){ORIG, 8, 8, 2, 3, {16, 12, 8}, 4, 0, 0}, 6);
}

/* loss = sum over k of weight k * sse(halved k times, target halved k times) on a picture made of a
   style: the gradients of halve, sum, sse and upsample together. */
static latent_node *pyramid(const float *style, const float *target)
{
    latent_error e;
    const float weight[3] = {1, 0.5f, 2};
    latent_node *w = latent_op_style(0, 1, style, 3 * 5 * 2, &e), *x, *t, *level[3], *sum, *next;
    latent_tensor *identity = latent_tensor_new((latent_shape){1, 1, 30, 30}, &e);
    latent_node *matrix;
    for (int i = 0; i < 900; i++)
        identity->data[i] = i % 31 == 0;
    matrix = latent_op_parameter(identity, &e);
    latent_tensor_release(identity);
    next = latent_op_linear(w, matrix, NULL, 2, 0, NULL, &e);
    latent_node_release(w);
    latent_node_release(matrix);
    w = next;
    x = latent_op_reshape(w, (latent_shape){1, 5, 3, 2}, &e);
    latent_node_release(w);
    next = latent_op_upsample(x, NULL, NULL, &e);
    latent_node_release(x);
    x = next;
    t = latent_op_planes(target, 2, 10, 6, NULL, &e);
    for (int k = 0; k < 3; k++) {
        level[k] = latent_op_sse(x, t, &e);
        if (k == 2)
            break;
        next = latent_op_halve(x, &e);
        latent_node_release(x);
        x = next;
        next = latent_op_halve(t, &e);
        latent_node_release(t);
        t = next;
    }
    sum = latent_op_sum(level, weight, 3, &e);
    for (int k = 0; k < 3; k++)
        latent_node_release(level[k]);
    latent_node_release(x);
    latent_node_release(t);
    return sum;
}

static double value_of(latent_node *n)
{
    latent_tensor *t;
    latent_error e = {""};
    double v;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    v = t->data[0];
    latent_tensor_release(t);
    latent_node_release(n);
    return v;
}

static void losses(void **state)
{
    float style[30], target[120], *grad, value;
    int rows, w_dim;
    latent_error e = {""};
    latent_node *loss;
    (void)state;
    for (int i = 0; i < 30; i++)
        style[i] = sinf((float)i);
    for (int i = 0; i < 120; i++)
        target[i] = cosf((float)(i * i));
    loss = pyramid(style, target);
    if (latent_gradient_styles(loss, NULL, &value, &grad, &rows, &w_dim, &e))
        fail_msg("%s", e.text);
    latent_node_release(loss);
    for (int i = 0; i < 30; i++) {
        double up, down;
        style[i] += 0.01f;
        up = value_of(pyramid(style, target));
        style[i] -= 0.02f;
        down = value_of(pyramid(style, target));
        style[i] += 0.01f;
        if (!(fabs((up - down) / 0.02 - grad[i]) < 1e-3 * fabs(value)))
            fail_msg("number %d: %g, differences %g", i, grad[i], (up - down) / 0.02);
    }
    free(grad);
}

static void what_cannot_be_differentiated_says_so(void **state)
{
    const float style[4] = {1, 2, 3, 4};
    latent_error e = {""};
    float *grad, value;
    int rows, w_dim;
    latent_node *w = latent_op_style(0, 1, style, 4, &e), *x, *s, *t, *loss;
    (void)state;
    x = latent_op_reshape(w, (latent_shape){1, 2, 2, 1}, &e);
    s = latent_op_statistics(x, &e);
    t = latent_op_statistics(x, &e);
    loss = latent_op_sse(s, t, &e);
    assert_int_equal(latent_gradient_styles(loss, NULL, &value, &grad, &rows, &w_dim, &e), -1);
    assert_non_null(strstr(e.text, "can't be differentiated"));
    assert_int_equal(latent_gradient_styles(x, NULL, &value, &grad, &rows, &w_dim, &e), -1);
    assert_non_null(strstr(e.text, "one number"));
    latent_node_release(w);
    latent_node_release(x);
    latent_node_release(s);
    latent_node_release(t);
    latent_node_release(loss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures),
        cmocka_unit_test(networks),
        cmocka_unit_test(losses),
        cmocka_unit_test(what_cannot_be_differentiated_says_so),
    };
    return cmocka_run_group_tests_name("gradient", tests, NULL, NULL);
}
