/* test_diffusion_tiny: the small denoiser, as it plays and as it learns: each tensor's gradient
   against central differences, a network of constants against one of variables, the chain by
   stages, checkpoints to the bit, a short training that lowers its loss, files that are damaged,
   and a network for larger pictures that begins as one for small ones. */
#include "engine/base/counter_random.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/variables.h"
#include "engine/ops/layers.h"
#include "engine/ops/ops.h"
#include "engine/train/diffusion.h"
#include "helper_builtin.h"
#include "helper_sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const latent_diffusion_sizes little = {.resolution = 8,
                                              .channels = 3,
                                              .shuffle = 2,
                                              .levels = 2,
                                              .width = {4, 6},
                                              .heads = 2,
                                              .waves = 4,
                                              .words = 128,
                                              .embedding = 8,
                                              .mean = 0.5f,
                                              .deviation = 0.5f};
static latent_model *clip;
static char folder[] = P_tmpdir "/latent-diffusion-XXXXXX";

static void place(char path[80], const char *name)
{
    snprintf(path, 80, "%s/%s", folder, name);
}

static void good(int failed, const latent_error *e)
{
    if (failed)
        fail_msg("%s", e->text);
}

static latent_node *by_chance(latent_shape s, uint64_t which)
{
    latent_tensor *t = latent_tensor_new(s, NULL);
    latent_counter_random c = latent_counter_random_at(9, 1, which);
    latent_error e;
    latent_node *n;
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)latent_counter_random_gauss(&c);
    n = latent_op_parameter(t, &e);
    latent_tensor_release(t);
    return n;
}

/* ---- a network of variables, of which each number is by chance */

typedef struct {
    latent_variables *v;
    latent_diffusion_net net;
} learner;

static void learner_weights(learner *l)
{
    latent_error e;
    for (int i = 0; i < latent_variables_count(l->v); i++) {
        latent_diffusion_tensor t;
        latent_node *n = latent_variables_at(l->v, i, &e);
        latent_diffusion_tensor_at(&little, i, &t);
        latent_node_release(l->net.weight[i]);
        l->net.weight[i] = n;
        if (t.rows) {
            l->net.weight[i] = latent_op_lengths(n, t.rows, t.length, "lengths", &e);
            latent_node_release(n);
        }
    }
}

static learner learner_new(void)
{
    learner l = {latent_variables_new(), {.sizes = little}};
    latent_diffusion_tensor t;
    latent_error e;
    for (int i = 0; latent_diffusion_tensor_at(&little, i, &t); i++) {
        latent_counter_random c = latent_counter_random_at(9, 2, (uint64_t)i);
        float *x = malloc(t.count * sizeof(float));
        for (size_t k = 0; k < t.count; k++)
            x[k] = (float)latent_counter_random_gauss(&c);
        assert_int_equal(latent_variables_add(l.v, latent_diffusion_shape(&t), x, &e), i);
        free(x);
    }
    learner_weights(&l);
    return l;
}

static void learner_free(learner *l)
{
    latent_diffusion_net_free(&l->net);
    latent_variables_free(l->v);
}

static const float levels[2] = {0.3f, 0.8f};

/* How far the velocity of two pictures, one of them without words, is from a given one. */
static latent_node *loss_of(const latent_diffusion_net *net, latent_node *words, latent_error *e)
{
    latent_shape s = {2, 8, 8, 3};
    latent_node *x = by_chance(s, 0), *wanted = by_chance(s, 1);
    latent_node *v = latent_diffusion_velocity(net, x, levels, words, e), *loss;
    assert_non_null(v);
    loss = latent_op_sse(v, wanted, e);
    latent_node_release(x);
    latent_node_release(wanted);
    latent_node_release(v);
    return loss;
}

static float value_of(latent_node *n) /* takes it over */
{
    latent_tensor *t = NULL;
    latent_error e = {""};
    float value;
    good(!n || latent_evaluate(n, NULL, &t, &e), &e);
    value = t->data[0];
    latent_tensor_release(t);
    latent_node_release(n);
    return value;
}

static void every_gradient_is_right(void **state)
{
    size_t nodes = latent_node_count();
    learner l = learner_new();
    latent_error e = {""};
    latent_node *words = by_chance((latent_shape){2, 1, 1, 128}, 2), *loss;
    float *g = malloc(latent_variables_size(l.v) * sizeof(float)), value;
    (void)state;
    for (int told = 0; told < 2; told++) {
        loss = loss_of(&l.net, told ? words : NULL, &e);
        good(latent_variables_gradient(l.v, loss, NULL, &value, g, &e), &e);
        latent_node_release(loss);
        for (int i = 0; i < latent_variables_count(l.v); i++) {
            latent_diffusion_tensor t;
            size_t at = latent_variables_place(l.v, i);
            double along = 0, apart, seen[2];
            latent_diffusion_tensor_at(&little, i, &t);
            for (int side = 0; side < 2; side++) {
                float *x = latent_variables_change(l.v, i, &e), *was;
                was = malloc(t.count * sizeof(float));
                memcpy(was, x, t.count * sizeof(float));
                along = 0;
                for (size_t k = 0; k < t.count; k++) {
                    latent_counter_random c = latent_counter_random_at(9, 3, k);
                    double way = latent_counter_random_gauss(&c);
                    x[k] += (float)((side ? -0.01 : 0.01) * way);
                    along += way * (double)g[at + k];
                }
                learner_weights(&l);
                seen[side] = (double)value_of(loss_of(&l.net, told ? words : NULL, &e));
                memcpy(latent_variables_change(l.v, i, &e), was, t.count * sizeof(float));
                free(was);
            }
            apart = (seen[0] - seen[1]) / 0.02;
            if (fabs(along - apart) > 0.01 * (fabs(apart) + 2))
                fail_msg("%s: the gradient says %g, the difference %g", t.name, along, apart);
        }
        learner_weights(&l);
    }
    free(g);
    latent_node_release(words);
    learner_free(&l);
    assert_int_equal(latent_node_count(), nodes);
}

/* ---- what learns is what plays */

static latent_diffusion_net constants(const learner *l)
{
    latent_diffusion_net net = {.sizes = little};
    size_t at[LATENT_DIFFUSION_TENSORS];
    float *all = malloc(latent_variables_size(l->v) * sizeof(float));
    latent_error e = {""};
    for (int i = 0; i < latent_variables_count(l->v); i++) {
        latent_diffusion_tensor t;
        latent_diffusion_tensor_at(&little, i, &t);
        at[i] = latent_variables_place(l->v, i);
        memcpy(all + at[i], latent_variables_read(l->v, i), t.count * sizeof(float));
    }
    good(latent_diffusion_net_of(&net, all, at, &e), &e);
    free(all);
    return net;
}

static void a_network_plays_as_it_learned(void **state)
{
    learner l = learner_new();
    latent_diffusion_net net = constants(&l);
    latent_error e = {""};
    latent_node *words = by_chance((latent_shape){1, 1, 1, 128}, 3);
    double learning = (double)value_of(loss_of(&l.net, words, &e));
    double playing = (double)value_of(loss_of(&net, words, &e));
    (void)state;
    if (!(fabs(learning - playing) < 1e-4 * learning))
        fail_msg("%g as it learns, %g as it plays", learning, playing);
    latent_node_release(words);
    latent_diffusion_net_free(&net);
    learner_free(&l);
}

static void stages_have_names(void **state)
{
    const char *const names[] = {"down0", "down1", "mid", "up0", "up1"};
    char name[12];
    (void)state;
    assert_int_equal(latent_diffusion_stages(&little), 5);
    for (int i = 0; i < 5; i++) {
        latent_diffusion_stage_name(&little, i, name);
        assert_string_equal(name, names[i]);
    }
}

/* ---- training */

static latent_diffusion_settings settings(void)
{
    latent_diffusion_settings s = latent_diffusion_settings_usual(8);
    s.sizes = little;
    s.batch = 8;
    s.images = 8 * 60;
    s.rate = 0.02f;
    return s;
}

static latent_diffusion_training *training(latent_source *source,
                                           const latent_diffusion_settings *s)
{
    latent_error e = {""};
    latent_diffusion_training *t = latent_diffusion_training_new(source, clip, s, &e);
    good(!t, &e);
    return t;
}

static double learn(latent_diffusion_training *t, int steps)
{
    latent_error e = {""};
    double loss = 0;
    for (int i = 0; i < steps; i++)
        good(latent_diffusion_training_step(t, &loss, &e), &e);
    return loss / steps;
}

static void a_loss_falls(void **state)
{
    latent_error e = {""};
    latent_source *discs = latent_source_discs(&e);
    latent_diffusion_settings s = settings();
    latent_diffusion_training *t;
    double first, last;
    (void)state;
    s.sizes.shuffle = 1;
    s.sizes.width[0] = s.sizes.width[1] = 16;
    s.sizes.embedding = 32;
    s.batch = 16;
    s.images = 6400;
    s.rate = 0.05f;
    t = training(discs, &s);
    first = learn(t, 5);
    learn(t, THOROUGH(135, 1));
    last = learn(t, 10);
    if (!(last < THOROUGH(0.4, 1.1) * first))
        fail_msg("the loss was %g and is %g", first, last);
    latent_diffusion_training_free(t);
    discs->release(discs);
}

static int same_file(const char *a, const char *b)
{
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    int x, y;
    do {
        x = getc(f);
        y = getc(g);
    } while (x == y && x != EOF);
    fclose(f);
    fclose(g);
    return x == y;
}

static void a_training_resumes_to_the_bit(void **state)
{
    latent_error e = {""};
    latent_source *discs = latent_source_discs(&e);
    char half[80], one[80], two[80];
    (void)state;
    place(half, "half");
    place(one, "one");
    place(two, "two");
    for (int kept = 0; kept < 8; kept += 5) {
        latent_diffusion_settings s = settings();
        latent_diffusion_training *t, *again;
        s.kept = kept;
        t = training(discs, &s);
        learn(t, 7);
        good(latent_diffusion_training_write(t, half, &e), &e);
        learn(t, 6);
        good(latent_diffusion_training_write(t, one, &e), &e);
        again = latent_diffusion_training_open(discs, clip, half, &s, &e);
        good(!again, &e);
        learn(again, 6);
        good(latent_diffusion_training_write(again, two, &e), &e);
        assert_true(same_file(one, two));
        latent_diffusion_training_free(t);
        latent_diffusion_training_free(again);
    }
    discs->release(discs);
}

/* ---- as a model: what other files know of it */

static void a_model_guesses_what_is_clean(void **state)
{
    latent_error e = {""};
    latent_diffusion_settings s = settings();
    latent_diffusion_training *t = training(NULL, &s);
    latent_diffusion_net net;
    latent_node *x = by_chance((latent_shape){1, 8, 8, 3}, 8), *words, *told, *v, *guess, *back;
    latent_tensor *is = NULL, *velocity, *same = NULL, *noised;
    const latent_level level = {0.6f, 1.8f, 1, 4}; /* that of a flow at 0.75, times 2.4 */
    const float at[1] = {0.75f};
    latent_node *flow;
    latent_model *m;
    char path[80];
    (void)state;
    place(path, "model.safetensors");
    good(latent_diffusion_training_save(t, path, NULL, &e), &e);
    m = latent_model_load(path, (latent_progress){NULL, NULL}, &e);
    good(!m, &e);
    good(latent_model_is(m, LATENT_DENOISER, &e) || latent_model_is(m, LATENT_DECODER, &e), &e);
    assert_int_equal(m->denoiser.channels, 3);
    assert_int_equal(m->denoiser.width, 8);
    assert_int_equal(m->denoiser.multiple, 4);
    assert_int_equal(m->denoiser.embedding, 128);
    assert_int_equal(m->denoiser.flow, 1);
    words = by_chance((latent_shape){1, 1, 1, 128}, 9);
    told = latent_op_lengths(words, 1, sqrtf(128), NULL, &e);
    good(latent_diffusion_training_net(t, &net, &e), &e);
    flow = latent_op_add(x, 1 / 2.4f, x, 0, NULL, &e);
    v = latent_diffusion_velocity(&net, flow, at, told, &e);
    guess = latent_model_denoise(m, x, level, words, &e);
    good(!guess || latent_evaluate(guess, NULL, &is, &e), &e);
    good(latent_evaluate(v, NULL, &velocity, &e) || latent_evaluate(flow, NULL, &noised, &e), &e);
    for (size_t i = 0; i < is->count; i++) {
        float should = noised->data[i] - 0.75f * velocity->data[i];
        if (!(fabsf(is->data[i] - should) < 0.02f)) /* half precision */
            fail_msg("a guess of %g is not %g", (double)is->data[i], (double)should);
    }
    latent_node_release(guess);
    guess = latent_model_encode(m, x, &e);
    back = guess ? latent_model_decode(m, guess, &e) : NULL;
    good(!back || latent_evaluate(back, NULL, &same, &e), &e);
    latent_tensor_release(noised);
    good(latent_evaluate(x, NULL, &noised, &e), &e);
    for (size_t i = 0; i < same->count; i++)
        assert_true(fabsf(same->data[i] - noised->data[i]) < 1e-4f);
    latent_tensor_release(is);
    latent_tensor_release(velocity);
    latent_tensor_release(noised);
    latent_tensor_release(same);
    latent_node_release(x);
    latent_node_release(words);
    latent_node_release(told);
    latent_node_release(v);
    latent_node_release(flow);
    latent_node_release(guess);
    latent_node_release(back);
    latent_diffusion_net_free(&net);
    latent_model_release(m);
    latent_diffusion_training_free(t);
}

/* ---- files */

static void damaged_files_are_refused(void **state)
{
    latent_error e = {""};
    latent_diffusion_settings s = settings();
    latent_diffusion_training *t = training(NULL, &s);
    latent_diffusion_net net;
    latent_weights *w;
    char path[80], bytes[4096];
    FILE *f;
    (void)state;
    place(path, "model.safetensors");
    good(latent_diffusion_training_save(t, path, "a test", &e), &e);
    w = latent_weights_open(path, &e);
    good(!w || latent_diffusion_net_read(&net, w, &e), &e);
    assert_memory_equal(&net.sizes, &little, sizeof(little));
    latent_diffusion_net_free(&net);
    latent_weights_close(w);
    assert_null(latent_diffusion_training_open(NULL, clip, path, &s, &e));
    assert_non_null(strstr(e.text, "no checkpoint of a diffusion-tiny"));
    /* other sizes than the tensors have, in as many bytes */
    f = fopen(path, "r+b");
    assert_int_equal(fread(bytes, 1, sizeof(bytes), f), sizeof(bytes));
    for (size_t i = 0; i + 20 < sizeof(bytes); i++)
        if (!memcmp(bytes + i, "\"width\":\"4 6\"", 13)) {
            bytes[i + 9] = '6';
            fseek(f, 0, SEEK_SET);
            assert_int_equal(fwrite(bytes, 1, sizeof(bytes), f), sizeof(bytes));
        }
    fclose(f);
    w = latent_weights_open(path, &e);
    assert_non_null(w);
    assert_int_equal(latent_diffusion_net_read(&net, w, &e), -1);
    assert_non_null(strstr(e.text, "has not the shape"));
    latent_weights_close(w);
    latent_diffusion_training_free(t);
}

static void impossible_sizes_are_refused(void **state)
{
    latent_error e;
    (void)state;
    for (int i = 0; i < 5; i++) {
        latent_diffusion_sizes s = little;
        if (i == 0)
            s.resolution = 10;
        if (i == 1)
            s.heads = 4;
        if (i == 2)
            s.levels = 0;
        if (i == 3)
            s.deviation = NAN;
        if (i == 4)
            s.width[1] = 1 << 20;
        assert_int_equal(latent_diffusion_check(&s, &e), -1);
    }
    assert_int_equal(latent_diffusion_check(&little, &e), 0);
}

/* ---- larger pictures */

static void draw(const latent_diffusion_training *t, const float *words, float *pictures)
{
    latent_error e = {""};
    latent_diffusion_net net;
    latent_model *m;
    good(latent_diffusion_training_net(t, &net, &e), &e);
    good(!(m = latent_diffusion_model(&net, "a test", &e)), &e);
    good(latent_diffusion_sample(m, 2, words, 5, 3, 2, pictures, &e), &e);
    latent_model_release(m);
}

static void a_larger_network_begins_with_a_smaller_one(void **state)
{
    latent_error e = {""};
    latent_source *discs = latent_source_discs(&e);
    latent_diffusion_settings s = settings();
    latent_diffusion_training *small = training(discs, &s), *large;
    latent_diffusion_net net[2];
    latent_node *x = by_chance((latent_shape){2, 8, 8, 3}, 6), *v[2], *big;
    latent_tensor *t[2];
    char path[80];
    (void)state;
    learn(small, 5);
    place(path, "small.safetensors");
    good(latent_diffusion_training_save(small, path, NULL, &e), &e);
    s.sizes.resolution = 16;
    s.sizes.shuffle = 4;
    large = training(discs, &s);
    good(latent_diffusion_training_from(large, path, &e), &e);
    good(latent_diffusion_training_net(small, &net[0], &e), &e);
    good(latent_diffusion_training_net(large, &net[1], &e), &e);
    big = latent_op_enlarge(x, 2, &e);
    v[0] = latent_diffusion_velocity(&net[0], x, levels, NULL, &e);
    v[1] = latent_diffusion_velocity(&net[1], big, levels, NULL, &e);
    for (int i = 0; i < 2; i++)
        good(latent_evaluate(v[i], NULL, &t[i], &e), &e);
    /* half precision and rows of another length: near, not the same */
    for (size_t y = 0; y < 16; y++)
        for (size_t k = 0; k < 48; k++) {
            float a = t[0]->data[(y / 2 * 8 + k / 6) * 3 + k % 3], b = t[1]->data[y * 48 + k];
            if (!(fabsf(a - b) < 0.05f * (fabsf(a) + 0.2f)))
                fail_msg("%g is not %g", (double)b, (double)a);
        }
    for (int i = 0; i < 2; i++) {
        latent_tensor_release(t[i]);
        latent_node_release(v[i]);
        latent_diffusion_net_free(&net[i]);
    }
    latent_node_release(x);
    latent_node_release(big);
    latent_diffusion_training_free(small);
    latent_diffusion_training_free(large);
    discs->release(discs);
}

static void a_seed_is_a_picture(void **state)
{
    latent_diffusion_settings s = settings();
    latent_diffusion_training *t = training(NULL, &s);
    float words[2 * 128], one[2 * 8 * 8 * 3], two[2 * 8 * 8 * 3];
    (void)state;
    for (int i = 0; i < 256; i++)
        words[i] = (float)(i % 7) - 3;
    draw(t, words, one);
    draw(t, words, two);
    assert_memory_equal(one, two, sizeof(one));
    for (size_t i = 0; i < sizeof(one) / sizeof(*one); i++)
        assert_true(isfinite(one[i]));
    latent_diffusion_training_free(t);
}

/* Or nothing would ever be found in the cache. */
static void the_same_again_is_one_promise(void **state)
{
    learner l = learner_new();
    latent_error e = {""};
    latent_node *x =
        latent_op_normal((latent_shape){2, little.resolution, little.resolution, 3}, 5, &e);
    latent_node *one = latent_diffusion_velocity(&l.net, x, levels, NULL, &e);
    latent_node *two = latent_diffusion_velocity(&l.net, x, levels, NULL, &e);
    (void)state;
    assert_non_null(one);
    assert_ptr_equal(one, two);
    latent_node_release(one);
    latent_node_release(two);
    latent_node_release(x);
    learner_free(&l);
}

static int begin(void **state)
{
    (void)state;
    clip = builtin_clip();
    return !clip || !mkdtemp(folder);
}

static int end(void **state)
{
    char path[80];
    const char *const names[] = {"half", "one", "two", "model.safetensors", "small.safetensors"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        place(path, names[i]);
        unlink(path);
    }
    rmdir(folder);
    latent_model_release(clip);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gradient_is_right),
        cmocka_unit_test(the_same_again_is_one_promise),
        cmocka_unit_test(a_network_plays_as_it_learned),
        cmocka_unit_test(stages_have_names),
        cmocka_unit_test(a_loss_falls),
        cmocka_unit_test(a_training_resumes_to_the_bit),
        cmocka_unit_test(a_model_guesses_what_is_clean),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(a_larger_network_begins_with_a_smaller_one),
        cmocka_unit_test(a_seed_is_a_picture),
    };
    return cmocka_run_group_tests_name("diffusion tiny", tests, begin, end);
}
