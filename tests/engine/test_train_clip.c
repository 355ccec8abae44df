/* test_train_clip: how a clip-tiny learns: every layer's gradients and those of the whole network
   and of its loss against central differences, the trainer's forward pass against the one that
   [latent.clip] plays, checkpoints to the bit, and a short training that learns colours in two
   languages. */
#include "engine/base/counter_random.h"
#include "engine/base/parallel.h"
#include "engine/graph/evaluate.h"
#include "engine/ops/ops.h"
#include "engine/train/clip.h"
#include "engine/train/clip_layers.h"
#include "engine/train/clip_net.h"
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

static latent_counter_random dice;
static char folder[] = P_tmpdir "/latent-clip-XXXXXX";

static void place(char path[80], const char *name)
{
    snprintf(path, 80, "%s/%s", folder, name);
}

static float *dice_floats(size_t n, double deviation)
{
    float *f = malloc(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        f[i] = (float)(deviation * latent_counter_random_gauss(&dice));
    return f;
}

static double dot(size_t n, const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* ---- one layer: f(a, b, c) -> y with gradients for all three */

typedef struct {
    size_t n[3], n_y;
    void (*forward)(float *const *in, float *y);
    void (*backward)(float *const *in, const float *gy,
                     float *const *g); /* g[0] set, others added */
} layer_case;

/* Moves all of one input along a random direction and compares the change of r . y. */
static void check_layer(const layer_case *l)
{
    float *in[3] = {0}, *g[3] = {0}, *moved[3];
    float *r = dice_floats(l->n_y, 1), *y = malloc(l->n_y * sizeof(float));
    for (int i = 0; i < 3; i++)
        if (l->n[i]) {
            in[i] = dice_floats(l->n[i], 1);
            g[i] = calloc(l->n[i], sizeof(float));
        }
    l->forward(in, y);
    l->backward(in, r, g);
    for (int i = 0; i < 3; i++) {
        const float step = 1e-2f;
        float *way, *at;
        double up, down, is, should;
        if (!l->n[i])
            continue;
        way = dice_floats(l->n[i], 1);
        at = malloc(l->n[i] * sizeof(float));
        memcpy(moved, in, sizeof(moved));
        moved[i] = at;
        for (size_t k = 0; k < l->n[i]; k++)
            at[k] = in[i][k] + step * way[k];
        l->forward(moved, y);
        up = dot(l->n_y, r, y);
        for (size_t k = 0; k < l->n[i]; k++)
            at[k] = in[i][k] - step * way[k];
        l->forward(moved, y);
        down = dot(l->n_y, r, y);
        should = (up - down) / (2 * step);
        is = dot(l->n[i], way, g[i]);
        if (fabs(is - should) > 2e-3 * (fabs(should) + sqrt((double)l->n[i])))
            fail_msg("input %d: the gradient says %g, the difference %g", i, is, should);
        free(way);
        free(at);
    }
    for (int i = 0; i < 3; i++) {
        free(in[i]);
        free(g[i]);
    }
    free(r);
    free(y);
}

static void linear_there(float *const *in, float *y)
{
    latent_clip_linear(7, 5, 6, in[0], in[1], in[2], y);
}
static void linear_back(float *const *in, const float *gy, float *const *g)
{
    latent_clip_linear_back(7, 5, 6, in[0], in[1], gy, g[0], g[1], g[2]);
}

/* More than one chunk: 5 pictures of 20 x 20. */
static const latent_clip_conv_size conv_size = {5, 20, 20, 3, 4};
static float conv_memory[1 << 16];
static void conv_there(float *const *in, float *y)
{
    latent_clip_conv(&conv_size, in[0], in[1], in[2], y, conv_memory);
}
static void conv_back(float *const *in, const float *gy, float *const *g)
{
    latent_clip_conv_back(&conv_size, in[0], in[1], gy, g[0], g[1], g[2], conv_memory);
}

static const int text_rows[] = {0, 4, 5, 11};
static void words_there(float *const *in, float *y)
{
    latent_clip_words(3, text_rows, 5, 6, in[0], in[1], in[2], y, conv_memory);
}
static void words_back(float *const *in, const float *gy, float *const *g)
{
    latent_clip_words_back(3, text_rows, 5, 6, in[0], in[1], gy, g[0], g[1], g[2], conv_memory);
}

static float moments[64];
static void norm_there(float *const *in, float *y)
{
    latent_clip_norm(6, 19, in[0], in[1], in[2], y, moments);
}
static void norm_back(float *const *in, const float *gy, float *const *g)
{
    latent_clip_norm_back(6, 19, in[0], in[1], moments, gy, g[0], g[1], g[2]);
}

static void gelu_there(float *const *in, float *y)
{
    latent_clip_gelu(77, in[0], y);
}
static void gelu_back(float *const *in, const float *gy, float *const *g)
{
    memcpy(g[0], gy, 77 * sizeof(float));
    latent_clip_gelu_back(77, in[0], g[0]);
}

static void pool_there(float *const *in, float *y)
{
    latent_clip_pool(3, 5, 4, in[0], y);
}
static void pool_back(float *const *in, const float *gy, float *const *g)
{
    (void)in;
    latent_clip_pool_back(3, 5, 4, gy, g[0]);
}

static void squares_there(float *const *in, float *y)
{
    latent_clip_squares(2, 4, 6, 3, in[0], y);
}
static void squares_back(float *const *in, const float *gy, float *const *g)
{
    (void)in;
    latent_clip_squares_back(2, 4, 6, 3, gy, g[0]);
}

static void test_layers(void **state)
{
    static const layer_case cases[] = {
        {{35, 30, 6}, 42, linear_there, linear_back},
        {{5 * 400 * 3, 4 * 27, 4}, 5 * 400 * 4, conv_there, conv_back},
        {{55, 6 * 15, 6}, 66, words_there, words_back},
        {{6 * 19, 19, 19}, 6 * 19, norm_there, norm_back},
        {{77, 0, 0}, 77, gelu_there, gelu_back},
        {{60, 0, 0}, 12, pool_there, pool_back},
        {{2 * 24 * 3, 0, 0}, 2 * 24 * 3, squares_there, squares_back},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_layer(&cases[i]);
}

/* ---- the whole network */

static latent_tiny_sizes small_sizes(void)
{
    return (latent_tiny_sizes){.resolution = 16,
                               .stem = 6,
                               .stages = 2,
                               .width = {8, 10},
                               .blocks = {1, 2},
                               .embedding = 12,
                               .rows = 50,
                               .text_width = 9,
                               .text_layers = 2,
                               .text_hidden = 11,
                               .context = 40};
}

static const char *const sayings[4] = {"a fat red fish, with spikes", "一条胖胖的红鱼", "fish",
                                       "an armed cyberpunk fish of dark metal"};

/* r . (embeddings of pictures and texts) */
static double all_of(const latent_clip_net *net, latent_clip_pictures *k, latent_clip_texts *texts,
                     const latent_grams *grams, const float *p, const float *pictures,
                     const float *r)
{
    float seen[4 * 12], said[4 * 12];
    latent_error e = {""};
    latent_clip_pictures_forward(k, p, pictures, seen);
    assert_int_equal(latent_clip_texts_forward(texts, p, grams, 4, said, &e), 0);
    assert_int_equal(net->sizes.embedding, 12);
    return dot(48, r, seen) + dot(48, r + 48, said);
}

static void back_to_pictures(const latent_clip_net *net, latent_clip_pictures *k, const float *p,
                             const float *pictures, const float *r)
{
    enum { COUNT = 4 * 16 * 16 * 3 };
    const float step = 2e-3f;
    float *way = dice_floats(COUNT, 1), moved[COUNT], g[COUNT], seen[48];
    double side[2], is, should;
    assert_int_equal(net->sizes.resolution, 16);
    latent_clip_pictures_forward(k, p, pictures, seen);
    latent_clip_pictures_back(k, p, r, g);
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < COUNT; i++)
            moved[i] = pictures[i] + (s ? -step : step) * way[i];
        latent_clip_pictures_forward(k, p, moved, seen);
        side[s] = dot(48, r, seen);
    }
    should = (side[0] - side[1]) / (2 * (double)step);
    is = dot(COUNT, way, g);
    if (fabs(is - should) > 0.02 * sqrt(dot(COUNT, g, g)))
        fail_msg("pictures: the gradient says %g, the difference %g", is, should);
    assert_true(dot(COUNT, g, g) > 0);
    free(way);
}

static void test_network(void **state)
{
    latent_tiny_sizes sizes = small_sizes();
    latent_clip_net net;
    latent_error e = {""};
    latent_random random;
    latent_clip_pictures *k;
    latent_clip_texts *texts;
    latent_grams grams[4];
    float *p, *way, *grad, *pictures = dice_floats(4 * 16 * 16 * 3, 0.5);
    float *r = dice_floats(96, 1);
    latent_tiny_tensor t;
    (void)state;
    assert_int_equal(latent_clip_net_plan(&net, &sizes, &e), 0);
    p = calloc(net.count, sizeof(float));
    grad = calloc(net.count, sizeof(float));
    latent_random_seed(&random, 3);
    latent_clip_net_begin(&net, &random, p);
    way = dice_floats(net.count, 0.2);
    for (size_t i = 0; i < net.count; i++) /* biases and gains somewhere else than at 0 and 1 */
        p[i] += way[i];
    free(way);
    k = latent_clip_pictures_new(&net, 4, &e);
    texts = latent_clip_texts_new(&net, &e);
    for (int i = 0; i < 4; i++)
        assert_int_equal(latent_grams_make(&grams[i], sayings[i], sizes.rows, 40, &e), 0);
    all_of(&net, k, texts, grams, p, pictures, r);
    latent_clip_pictures_backward(k, p, r, grad);
    latent_clip_texts_backward(texts, p, r + 48, grad);
    latent_clip_texts_table(texts, grad);
    for (int i = 0; latent_tiny_tensor_at(&sizes, i, &t); i++) {
        const float step = 2e-3f;
        float *at = p + net.at[i], *keep = malloc(t.count * sizeof(float));
        double up, down, is, should, size = 0;
        memcpy(keep, at, t.count * sizeof(float));
        way = dice_floats(t.count, 1);
        for (size_t j = 0; j < t.count; j++)
            at[j] = keep[j] + step * way[j];
        up = all_of(&net, k, texts, grams, p, pictures, r);
        for (size_t j = 0; j < t.count; j++)
            at[j] = keep[j] - step * way[j];
        down = all_of(&net, k, texts, grams, p, pictures, r);
        memcpy(at, keep, t.count * sizeof(float));
        should = (up - down) / (2 * step);
        is = dot(t.count, way, grad + net.at[i]);
        size = sqrt(dot(t.count, grad + net.at[i], grad + net.at[i]));
        if (fabs(is - should) > 0.02 * (fabs(should) + size) + 1e-3)
            fail_msg("%s: the gradient says %g, the difference %g", t.name, is, should);
        assert_true(size > 0);
        free(way);
        free(keep);
    }
    back_to_pictures(&net, k, p, pictures, r);
    for (int i = 0; i < 4; i++)
        latent_grams_free(&grams[i]);
    latent_clip_pictures_free(k);
    latent_clip_texts_free(texts);
    free(p);
    free(grad);
    free(pictures);
    free(r);
}

/* ---- the loss */

static void test_loss(void **state)
{
    enum { n = 6, d = 5 };
    float *x = dice_floats(2 * n * d, 1), g[2 * n * d] = {0}, g_scale = 0, found;
    float *scratch = malloc(latent_clip_loss_scratch(n, d) * sizeof(float)), s = 1.3f;
    double plain = 0, score[n][n], loss;
    (void)state;
    loss = latent_clip_loss(n, d, x, x + n * d, s, 0.5f, g, g + n * d, &g_scale, &found, scratch);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            const float *a = x + i * d, *b = x + (n + j) * d;
            score[i][j] = exp(s) * dot(d, a, b) / sqrt(dot(d, a, a) * dot(d, b, b));
        }
    for (int i = 0; i < n; i++) {
        double row = 0, column = 0;
        for (int j = 0; j < n; j++) {
            row += exp(score[i][j]);
            column += exp(score[j][i]);
        }
        plain += log(row) + log(column) - 2 * score[i][i];
    }
    assert_true(fabs(loss - 0.5 * plain / (2 * n)) < 1e-5);
    for (int i = 0; i < 2 * n * d + 1; i++) {
        float *at = i < 2 * n * d ? x + i : &s, keep = *at, is = i < 2 * n * d ? g[i] : g_scale;
        double up, down;
        *at = keep + 1e-3f;
        up = latent_clip_loss(n, d, x, x + n * d, s, 0.5f, NULL, NULL, NULL, NULL, scratch);
        *at = keep - 1e-3f;
        down = latent_clip_loss(n, d, x, x + n * d, s, 0.5f, NULL, NULL, NULL, NULL, scratch);
        *at = keep;
        assert_true(fabs((up - down) / 2e-3 - (double)is) < 2e-3 * (1 + fabsf(is)));
    }
    for (int i = 0; i < n * d; i++) /* each finds its own: no loss is left at a high scale */
        x[n * d + i] = 3 * x[i];
    loss = latent_clip_loss(n, d, x, x + n * d, 6, 1, NULL, NULL, NULL, &found, scratch);
    assert_true(found == 1 && loss < 1e-3);
    free(x);
    free(scratch);
}

/* ---- a source of blobs: six colours, two shapes, said in two languages */

static const struct {
    const char *english, *chinese;
    float rgb[3];
} colours[] = {{"red", "红色", {0.8f, -0.8f, -0.8f}},    {"green", "绿色", {-0.7f, 0.5f, -0.7f}},
               {"blue", "蓝色", {-0.8f, -0.6f, 0.8f}},   {"yellow", "黄色", {0.8f, 0.7f, -0.7f}},
               {"black", "黑色", {-0.9f, -0.9f, -0.9f}}, {"pink", "粉色", {0.9f, 0.1f, 0.4f}}};
static const struct {
    const char *english, *chinese;
    float ratio;
} bodies[] = {{"tall", "高高", 2.2f}, {"flat", "扁扁", 0.45f}};

static int blob(latent_source *s, uint64_t index, int size, float *picture, char *english,
                char *chinese, latent_error *e)
{
    latent_counter_random c = latent_counter_random_at(7, 0, index);
    uint64_t colour = latent_counter_random_below(&c, 6), body = latent_counter_random_below(&c, 2);
    double x = 0.4 + 0.2 * latent_counter_random_uniform(&c),
           y = 0.4 + 0.2 * latent_counter_random_uniform(&c);
    double r = 0.2 + 0.08 * latent_counter_random_uniform(&c);
    (void)s;
    (void)e;
    if (english)
        snprintf(english, LATENT_CAPTION,
                 latent_counter_random_below(&c, 2) ? "a %s %s blob" : "blob: %s, %s",
                 bodies[body].english, colours[colour].english);
    if (chinese)
        snprintf(chinese, LATENT_CAPTION, "一个%s的%s斑点", bodies[body].chinese,
                 colours[colour].chinese);
    for (int i = 0; picture && i < size * size; i++) {
        double v = ((i / size + 0.5) / size - y) / r, u = ((i % size + 0.5) / size - x) / r;
        double far = u * u * bodies[body].ratio + v * v / bodies[body].ratio;
        for (int k = 0; k < 3; k++)
            picture[3 * i + k] = far < 1 ? colours[colour].rgb[k] : 0.85f;
    }
    return 0;
}

#define LEARN THOROUGH(1200, 60) /* steps */
static latent_clip_settings small_settings(void)
{
    latent_clip_settings s = latent_clip_settings_usual();
    s.sizes = small_sizes();
    s.sizes.rows = 500;
    s.batch = 16;
    s.steps = LEARN;
    s.rate = 0.003f;
    return s;
}

static latent_tensor *embedding_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t = NULL;
    if (!n || latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    latent_node_release(n);
    return t;
}

/* Which of n texts is nearest to a picture of the source. */
static int nearest(latent_model *m, uint64_t index, const char *const *texts, int n)
{
    latent_error e = {""};
    latent_tensor *picture =
        latent_tensor_new((latent_shape){1, m->encoder.resolution, m->encoder.resolution, 3}, &e);
    latent_tensor *seen;
    latent_node *node;
    double best = -2;
    int which = -1;
    blob(NULL, index, m->encoder.resolution, picture->data, NULL, NULL, &e);
    node = latent_op_picture(picture, &e);
    seen = embedding_of(latent_model_embed_picture(m, node, &e));
    for (int i = 0; i < n; i++) {
        latent_tensor *said = embedding_of(latent_model_embed_text(m, texts[i], &e));
        double near = dot(seen->count, seen->data, said->data) /
                      sqrt(dot(said->count, said->data, said->data) *
                           dot(seen->count, seen->data, seen->data));
        if (near > best) {
            best = near;
            which = i;
        }
        latent_tensor_release(said);
    }
    latent_tensor_release(seen);
    latent_tensor_release(picture);
    latent_node_release(node);
    return which;
}

static void colour_of(uint64_t index, int *colour, int *body)
{
    latent_counter_random c = latent_counter_random_at(7, 0, index);
    *colour = (int)latent_counter_random_below(&c, 6);
    *body = (int)latent_counter_random_below(&c, 2);
}

/* How many of n new pictures are called by their colour, in these words. */
static int colours_right(latent_model *m, int n, const char *format, int chinese)
{
    char text[6][80];
    const char *texts[6];
    int right = 0, colour, body;
    for (int i = 0; i < 6; i++) {
        snprintf(text[i], sizeof(text[i]), format,
                 chinese ? colours[i].chinese : colours[i].english);
        texts[i] = text[i];
    }
    for (int i = 0; i < n; i++) {
        uint64_t index = ((uint64_t)1 << 40) + (uint64_t)i;
        colour_of(index, &colour, &body);
        right += nearest(m, index, texts, 6) == colour;
    }
    return right;
}

static void test_learns(void **state)
{
    latent_source source = {.draw = blob};
    latent_clip_settings s = small_settings();
    latent_error e = {""};
    latent_clip_training *t = latent_clip_training_new(&source, &s, &e);
    latent_clip_report r = {0};
    latent_model *m;
    char path[80];
    (void)state;
    if (!t)
        fail_msg("%s", e.text);
    m = latent_clip_training_snapshot(t, "new", &e);
    assert_non_null(m);
    assert_true(colours_right(m, 40, "a %s thing", 0) < 30); /* by chance 7 */
    latent_model_release(m);
    for (int i = 0; i < LEARN; i++)
        if (latent_clip_training_step(t, &r, &e))
            fail_msg("%s", e.text);
    assert_int_equal(r.step, LEARN);
    assert_int_equal(r.pictures, 16 * LEARN);
    assert_true(r.found > THOROUGH(0.5, 0)); /* of 16, of which some are alike but for the words */
    place(path, "blob.safetensors");
    assert_int_equal(latent_clip_training_save(t, path, "a test", &e), 0);
    m = latent_model_load(path, (latent_progress){NULL, NULL}, &e);
    if (!m)
        fail_msg("%s", e.text);
    assert_string_equal(m->arch->name, "clip-tiny");
    assert_int_equal(m->encoder.embedding, 12);
    assert_true(colours_right(m, 40, "a %s blob", 0) >= THOROUGH(36, 0));
    assert_true(colours_right(m, 40, "%s thing", 0) >= THOROUGH(32, 0)); /* words never told */
    assert_true(colours_right(m, 40, "一个%s的斑点", 1) >= THOROUGH(36, 0));
    latent_model_release(m);
    latent_clip_training_free(t);
}

/* ---- the trainer's way through the network and the one that is played */

static void close_to(const float *a, const float *b, size_t n, const char *what)
{
    double size = sqrt(dot(n, a, a) / (double)n);
    for (size_t i = 0; i < n; i++)
        if (fabs((double)a[i] - (double)b[i]) > 2e-5 * (size + 1e-3))
            fail_msg("%s: number %zu is %g and %g", what, i, (double)a[i], (double)b[i]);
}

static void same_forward(latent_tiny_sizes sizes)
{
    latent_clip_net net;
    latent_error e = {""};
    latent_random random;
    latent_clip_pictures *k;
    latent_clip_texts *texts;
    size_t d = (size_t)sizes.embedding, pixels;
    float *p, *file, *seen = malloc(8 * d * sizeof(float)), *said = malloc(4 * d * sizeof(float));
    latent_tensor *t, *got;
    latent_node *picture;
    latent_model *m;
    assert_int_equal(latent_clip_net_plan(&net, &sizes, &e), 0);
    pixels = (size_t)sizes.resolution * (size_t)sizes.resolution;
    p = dice_floats(net.count, 0.05);
    file = calloc(net.count, sizeof(float));
    latent_random_seed(&random, 3);
    latent_clip_net_begin(&net, &random, file);
    for (size_t i = 0; i < net.count; i++)
        p[i] += file[i];
    for (int i = 0; i < net.map.count; i++)
        latent_clip_net_out(&net, p, i, file + net.at[i]);
    if (!(m = latent_tiny_model(&sizes, file, net.at, "test", &e)))
        fail_msg("%s", e.text);
    t = latent_tensor_new((latent_shape){2, sizes.resolution, sizes.resolution, 3}, &e);
    for (size_t i = 0; i < 2 * pixels * 3; i++)
        t->data[i] = (float)(2 * latent_counter_random_uniform(&dice) - 1);
    k = latent_clip_pictures_new(&net, 2, &e);
    latent_clip_pictures_forward(k, p, t->data, seen);
    picture = latent_op_picture(t, &e);
    got = embedding_of(latent_model_embed_picture(m, picture, &e));
    close_to(got->data, seen, 2 * d, "pictures");
    latent_tensor_release(got);
    got = embedding_of(latent_model_pooled(m, picture, &e));
    assert_int_equal(got->shape.c, sizes.width[sizes.stages - 1]);
    close_to(got->data, latent_clip_pictures_pooled(k), got->count, "pooled features");
    latent_tensor_release(got);
    texts = latent_clip_texts_new(&net, &e);
    for (int i = 0; i < 4; i++) {
        latent_grams g;
        assert_int_equal(latent_grams_make(&g, sayings[i], sizes.rows, 40, &e), 0);
        assert_int_equal(latent_clip_texts_forward(texts, p, &g, 1, said, &e), 0);
        got = embedding_of(latent_model_embed_text(m, sayings[i], &e));
        close_to(got->data, said, d, sayings[i]);
        latent_tensor_release(got);
        latent_grams_free(&g);
    }
    latent_node_release(picture);
    latent_tensor_release(t);
    latent_clip_pictures_free(k);
    latent_clip_texts_free(texts);
    latent_model_release(m);
    free(p);
    free(file);
    free(seen);
    free(said);
}

static void test_same_forward(void **state)
{
    (void)state;
    same_forward(small_sizes());
    same_forward(latent_tiny_default());
}

/* ---- checkpoints */

static void steps(latent_clip_training *t, int n)
{
    latent_error e = {""};
    for (int i = 0; i < n; i++)
        if (latent_clip_training_step(t, NULL, &e))
            fail_msg("%s", e.text);
}

static char *contents(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(1 << 20);
    assert_non_null(f);
    *n = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static void same_files(const char *a, const char *b)
{
    size_t n[2];
    char *text[2] = {contents(a, &n[0]), contents(b, &n[1])};
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(text[0], text[1], n[0]);
    free(text[0]);
    free(text[1]);
}

/* Six steps at once, with other numbers of threads, and three and three with a checkpoint between
   are the same to the bit; another seed is not. */
static void test_checkpoint(void **state)
{
    latent_source source = {.draw = blob};
    latent_clip_settings s = small_settings();
    latent_error e = {""};
    latent_clip_training *t;
    char one[80], two[80], three[80];
    int threads = latent_threads();
    size_t n[2];
    char *text[2];
    (void)state;
    place(one, "one");
    place(two, "two");
    place(three, "three");
    s.attack = 0.5f;
    latent_threads_set(1);
    t = latent_clip_training_new(&source, &s, &e);
    steps(t, 6);
    assert_int_equal(latent_clip_training_write(t, one, &e), 0);
    latent_clip_training_free(t);
    latent_threads_set(3);
    t = latent_clip_training_new(&source, &s, &e);
    steps(t, 3);
    assert_int_equal(latent_clip_training_write(t, two, &e), 0);
    latent_clip_training_free(t);
    t = latent_clip_training_new(&source, &s, &e);
    steps(t, 1);
    if (latent_clip_training_resume(t, two, &e))
        fail_msg("%s", e.text);
    steps(t, 3);
    assert_int_equal(latent_clip_training_write(t, two, &e), 0);
    same_files(one, two);
    assert_int_equal(latent_clip_training_save(t, three, NULL, &e), 0);
    assert_int_equal(latent_clip_training_resume(t, three, &e), -1); /* a model is none */
    assert_non_null(strstr(e.text, "no checkpoint"));
    latent_clip_training_free(t);
    latent_threads_set(threads);
    s.seed = 2;
    t = latent_clip_training_new(&source, &s, &e);
    steps(t, 6);
    assert_int_equal(latent_clip_training_write(t, two, &e), 0);
    text[0] = contents(one, &n[0]);
    text[1] = contents(two, &n[1]);
    assert_true(n[0] != n[1] || memcmp(text[0], text[1], n[0]));
    free(text[0]);
    free(text[1]);
    latent_clip_training_free(t);
}

/* What is moved against the network is harder to know, the more the farther it went; and it is the
   weights of a file that a training can begin with. */
static void test_attack(void **state)
{
    const float attacks[] = {0, 1, 3};
    latent_source source = {.draw = blob};
    latent_clip_settings s = small_settings();
    latent_error e = {""};
    latent_clip_training *t = latent_clip_training_new(&source, &s, &e);
    float loss[3], fresh;
    latent_clip_report r;
    char path[80];
    (void)state;
    place(path, "blob.safetensors");
    if (latent_clip_training_step(t, &r, &e))
        fail_msg("%s", e.text);
    fresh = r.loss;
    steps(t, 60);
    assert_int_equal(latent_clip_training_save(t, path, NULL, &e), 0);
    latent_clip_training_free(t);
    for (int i = 0; i < 3; i++) {
        s.attack = attacks[i];
        t = latent_clip_training_new(&source, &s, &e);
        if (latent_clip_training_from(t, path, &e) || latent_clip_training_step(t, &r, &e))
            fail_msg("%s", e.text);
        loss[i] = r.loss;
        assert_int_equal(r.step, 1);
        latent_clip_training_free(t);
    }
    assert_true(loss[0] < 0.9f * fresh);
    assert_true(loss[1] > loss[0] && loss[2] > loss[1]);
    s.sizes.embedding++;
    t = latent_clip_training_new(&source, &s, &e);
    assert_int_equal(latent_clip_training_from(t, path, &e), -1);
    assert_non_null(strstr(e.text, "other sizes"));
    assert_int_equal(latent_clip_training_from(t, "nowhere", &e), -1);
    latent_clip_training_free(t);
}

/* ---- what can't be */

static int silent(latent_source *s, uint64_t index, int size, float *picture, char *english,
                  char *chinese, latent_error *e)
{
    (void)s, (void)index, (void)e;
    for (int i = 0; picture && i < size * size * 3; i++)
        picture[i] = 0;
    if (english)
        *english = 0;
    if (chinese)
        *chinese = 0;
    return 0;
}

static int broken(latent_source *s, uint64_t index, int size, float *picture, char *english,
                  char *chinese, latent_error *e)
{
    if (picture)
        return latent_fail(e, "the picture is gone");
    return blob(s, index, size, picture, english, chinese, e);
}

static void test_wrong(void **state)
{
    latent_source source = {.draw = silent};
    latent_clip_settings s = small_settings();
    latent_error e = {""};
    latent_clip_training *t = latent_clip_training_new(&source, &s, &e);
    latent_grams g;
    (void)state;
    assert_int_equal(latent_clip_training_step(t, NULL, &e), -1);
    assert_non_null(strstr(e.text, "no words"));
    source.draw = broken;
    assert_int_equal(latent_clip_training_step(t, NULL, &e), -1);
    assert_string_equal(e.text, "the picture is gone");
    source.draw = blob; /* and it goes on */
    assert_int_equal(latent_clip_training_step(t, NULL, &e), 0);
    latent_clip_training_free(t);
    s.batch = 12;
    assert_null(latent_clip_training_new(&source, &s, &e));
    assert_non_null(strstr(e.text, "multiple of 8"));
    s = small_settings();
    s.sizes.resolution = 20;
    assert_null(latent_clip_training_new(&source, &s, &e));
    assert_non_null(strstr(e.text, "20 pixels"));
    assert_int_equal(latent_grams_make(&g, " , -- ", 50, 40, &e), -1);
    assert_non_null(strstr(e.text, "no word"));
    assert_int_equal(latent_grams_make(&g, "one two three four", 50, 3, &e), -1);
    assert_non_null(strstr(e.text, "more than 3 words"));
}

/* A file of one tensor that says it is a clip-tiny, with one line of its metadata changed. */
static void refused(int line, const char *value, const char *why)
{
    latent_tiny_sizes sizes = small_sizes();
    latent_meta_out meta[LATENT_TINY_META];
    char text[LATENT_TINY_META][48], path[80];
    int n = latent_tiny_meta(&sizes, meta, text);
    float data[4] = {1, 2, 3, 4};
    latent_tensor_out tensor = {
        .name = "picture.stem.weight", .dtype = LATENT_F32, .rank = 1, .dim = {4}, .data = data};
    latent_error e = {""};
    latent_model *m;
    if (line >= 0 && value)
        meta[line].value = value;
    else if (line >= 0)
        meta[line] = meta[--n];
    place(path, "one");
    assert_int_equal(latent_safetensors_write(path, &tensor, 1, meta, (size_t)n, &e), 0);
    m = latent_model_load(path, (latent_progress){NULL, NULL}, &e);
    assert_null(m);
    if (!strstr(e.text, why))
        fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

static void test_damaged(void **state)
{
    (void)state;
    refused(-1, NULL, "picture.stem.weight has not the shape");
    refused(0, "clip-huge", "no network that is known");
    refused(1, "bpe", "whose tokeniser is bpe");
    refused(1, NULL, "whose tokeniser is not told");
    refused(2, "20", "20 pixels");
    refused(2, "many", "no resolution");
    refused(4, "9", "no width");
    refused(4, "0", "proportion");
    refused(4, "4", "no width");
    refused(5, "8 -1", "no width");
    refused(6, "1 99", "proportion");
    refused(8, "4000000000", "no rows");
    refused(9, "5000", "proportion");
}

/* ---- words */

static int same_grams(const char *a, const char *b)
{
    latent_grams g[2];
    latent_error e = {""};
    int same;
    assert_int_equal(latent_grams_make(&g[0], a, 1 << 20, 40, &e), 0);
    assert_int_equal(latent_grams_make(&g[1], b, 1 << 20, 40, &e), 0);
    same = g[0].n == g[1].n &&
           !memcmp(g[0].first, g[1].first, sizeof(int) * ((size_t)g[0].n + 1)) &&
           !memcmp(g[0].row, g[1].row, sizeof(int) * (size_t)g[0].first[g[0].n]);
    latent_grams_free(&g[0]);
    latent_grams_free(&g[1]);
    return same;
}

static int words_in(const char *text)
{
    latent_grams g;
    latent_error e = {""};
    int n;
    assert_int_equal(latent_grams_make(&g, text, 100, 40, &e), 0);
    n = g.n;
    for (int i = 0; i < g.first[n]; i++)
        assert_in_range(g.row[i], 0, 99);
    latent_grams_free(&g);
    return n;
}

static void test_words(void **state)
{
    (void)state;
    assert_int_equal(words_in("A fat, red fish!"), 4);
    assert_int_equal(words_in("一条胖胖的红鱼。"), 7);
    assert_int_equal(words_in("一条 red 鱼"), 4);
    assert_int_equal(words_in("zebra-striped"), 2);
    assert_true(same_grams("A Fat RED fish", "a fat red fish."));
    assert_true(same_grams("red-green fish", "red green fish"));
    assert_false(same_grams("a red fish", "a red dish"));
    assert_false(same_grams("red fish", "fish red"));  /* pairs have an order */
    assert_false(same_grams("red, fish", "red fish")); /* and end at commas */
    assert_false(same_grams("红鱼", "鱼红"));
}

static int open_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int close_folder(void **state)
{
    static const char *const names[] = {"one", "two", "three", "blob.safetensors"};
    char path[80];
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        place(path, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),     cmocka_unit_test(test_network),
        cmocka_unit_test(test_loss),       cmocka_unit_test(test_same_forward),
        cmocka_unit_test(test_checkpoint), cmocka_unit_test(test_learns),
        cmocka_unit_test(test_attack),     cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_words),
    };
    dice = latent_counter_random_at(11, 1, 0);
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
