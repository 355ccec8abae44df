/* test_noise_maps: learned noise maps: their roughness against central differences, their gradient
   and that steps lower the loss, that they stay noise, and that every picture keeps the maps it was
   made with. */
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/graph/noise_maps.h"
#include "engine/ops/ops.h"
#include "helper_network.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void roughness(void **state)
{
    enum { SIDE = 32, N = SIDE * SIDE };
    float x[N], grad[N] = {0};
    latent_random r;
    double smooth, noise;
    (void)state;
    latent_random_seed(&r, 1);
    for (int i = 0; i < N; i++)
        x[i] = (float)latent_random_gauss(&r);
    noise = latent_noise_maps_roughness(x, SIDE, SIDE, 3, grad);
    for (int i = 0; i < N; i += 97) {
        const float h = 1e-2f, was = x[i];
        double up, down;
        x[i] = was + h;
        up = latent_noise_maps_roughness(x, SIDE, SIDE, 1, NULL);
        x[i] = was - h;
        down = latent_noise_maps_roughness(x, SIDE, SIDE, 1, NULL);
        x[i] = was;
        if (!(fabs(3 * (up - down) / (2 * h) - grad[i]) < 1e-3 * fabs(grad[i]) + 1e-6))
            fail_msg("number %d: %g, differences %g", i, grad[i], 3 * (up - down) / (2 * h));
    }
    for (int i = 0; i < N; i++)
        x[i] = (float)sin(0.3 * (i % SIDE));
    smooth = latent_noise_maps_roughness(x, SIDE, SIDE, 1, NULL);
    assert_true(noise < 0.05 && smooth > 0.3);
}

static latent_node *draw(latent_model *m, latent_noise_maps *maps, const float *w)
{
    latent_error e = {""};
    latent_noise noise = {
        .mode = LATENT_NOISE_LEARNED, .seed = latent_noise_maps_number(maps), .strength = 1};
    latent_node *picture =
        latent_model_picture(m, w, m->generator.num_ws, LATENT_WHOLE_PICTURE, noise, &e);
    if (!picture)
        fail_msg("%s", e.text);
    return picture;
}

static latent_tensor *value_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

/* From one seed's maps to the picture that another's make, the styles being right. */
static void steps_go_down(void **state)
{
    static network n;
    latent_error e = {""};
    latent_noise_maps *maps = latent_noise_maps_new(1), *other = latent_noise_maps_new(2);
    latent_model *m;
    float *w, *grad, value, first = 0;
    int rows, w_dim;
    latent_node *goal, *before, *map;
    latent_tensor *was, *again, *t;
    double mean = 0, squares = 0;
    (void)state;
    network_make(&n, (network_plan){SKIP, 8, 8, 2, 4, {16, 12, 8, 6}, 3, 0, 1}, 1);
    m = network_model(&n);
    w = malloc((size_t)(m->generator.num_ws * m->generator.w_dim) * sizeof(*w));
    for (int i = 0; i < m->generator.num_ws * m->generator.w_dim; i++)
        w[i] = (float)latent_random_gauss(&n.random);
    goal = draw(m, other, w);
    before = draw(m, maps, w);
    assert_ptr_not_equal(goal, before);
    was = value_of(before);
    for (int k = 0; k < 60; k++) {
        latent_node *picture = draw(m, maps, w);
        latent_node *loss = latent_op_target(picture, goal, LATENT_LOSS_SSE, &e);
        /* without a rate nothing moves */
        latent_noise_maps_settings learn = {k ? 0.1 : 0, 10};
        if (latent_gradient_learn(loss, learn, NULL, &value, &grad, &rows, &w_dim, &e))
            fail_msg("%s", e.text);
        if (k < 2)
            assert_true(!k || value == first);
        first = k ? first : value;
        assert_int_equal(rows, m->generator.num_ws);
        free(grad);
        latent_node_release(loss);
        latent_node_release(picture);
    }
    if (!(value < 0.3f * first))
        fail_msg("the loss went from %g to %g", first, value);
    map = latent_noise_maps_at(maps, 3, 16, 16, &e);
    t = value_of(map);
    for (size_t i = 0; i < t->count; i++) {
        mean += t->data[i] / (double)t->count;
        squares += (double)t->data[i] * t->data[i] / (double)t->count;
    }
    assert_true(fabs(mean) < 1e-4 && fabs(squares - 1) < 1e-3);
    latent_tensor_release(t);
    latent_node_release(map);
    latent_cache_forget();
    again = value_of(before); /* the first picture is still the first */
    assert_memory_equal(again->data, was->data, was->count * sizeof(float));
    latent_tensor_release(again);
    latent_tensor_release(was);
    latent_node_release(before);
    latent_node_release(goal);
    assert_null(latent_noise_maps_at(maps, 64, 16, 16, &e));
    latent_noise_maps_release(maps);
    latent_noise_maps_release(other);
    latent_model_release(m);
    network_free(&n);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roughness),
        cmocka_unit_test(steps_go_down),
    };
    return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
