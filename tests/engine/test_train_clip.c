/* test_train_clip: how a clip-tiny learns: the gradient of the whole network against central
   differences, its loss against the formula, the network over what learns against the one that
   [latent.clip] plays, checkpoints to the bit, and a short training that learns colours in two
   languages. */
#include "engine/base/counter_random.h"
#include "engine/base/parallel.h"
#include "engine/graph/evaluate.h"
#include "engine/ops/encoder.h"
#include "engine/ops/ops.h"
#include "engine/train/clip.h"
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

/* A network by chance; biases and gains somewhere else than at 0 and 1. */
static void new_network(latent_parameters *p, const latent_tiny_sizes *sizes)
{
    latent_error e = {""};
    memset(p, 0, sizeof(*p));
    assert_int_equal(latent_clip_parameters(p, sizes, &e), 0);
    assert_int_equal(latent_parameters_allocate(p, 0, &e), 0);
    latent_clip_begin(p, sizes, 3);
    for (int i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->item[i].count; k++)
            latent_parameter_value(p, i)[k] += (float)(0.2 * latent_counter_random_gauss(&dice));
    latent_parameters_changed(p);
}

static latent_node *leaf_of(int n, int h, int w, int c, const float *data)
{
    latent_error e = {""};
    latent_tensor *t = latent_tensor_new((latent_shape){n, h, w, c}, &e);
    latent_node *leaf;
    memcpy(t->data, data, t->count * sizeof(float));
    leaf = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return leaf;
}

/* r . (embeddings of 4 pictures and 4 texts), a promise. */
static latent_node *all_of(latent_parameters *p, const latent_tiny_sizes *sizes,
                           latent_node *pictures, const latent_grams *texts, const float *r)
{
    latent_error e = {""};
    latent_tiny_net net = {.node = {NULL}};
    latent_node *part[2], *side[2], *sum;
    int d = sizes->embedding;
    assert_int_equal(latent_clip_net(p, sizes, &net, &e), 0);
    part[0] = latent_tiny_pictures(&net, pictures, &e);
    part[1] = latent_tiny_texts(&net, texts, 4, &e);
    for (int i = 0; i < 2; i++) {
        latent_node *along = leaf_of(4, 1, 1, d, r + i * 4 * d);
        assert_non_null(part[i]);
        side[i] = latent_op_dot(part[i], along, &e);
        latent_node_release(along);
    }
    sum = latent_op_sum(side, (const float[]){1, 1}, 2, &e);
    assert_non_null(sum);
    for (int i = 0; i < 2; i++) {
        latent_node_release(part[i]);
        latent_node_release(side[i]);
    }
    latent_tiny_net_clear(&net);
    return sum;
}

/* Takes the promise over. */
static double value_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    double value;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    value = t->data[0];
    latent_tensor_release(t);
    latent_node_release(n);
    return value;
}

static void test_network(void **state)
{
    const float step = 2e-3f;
    latent_tiny_sizes sizes = small_sizes();
    latent_error e = {""};
    latent_parameters p;
    latent_grams grams[4];
    float *data = dice_floats(4 * 16 * 16 * 3, 0.5), *r = dice_floats(96, 1), value;
    latent_node *pictures = leaf_of(4, 16, 16, 3, data), *all;
    (void)state;
    new_network(&p, &sizes);
    for (int i = 0; i < 4; i++)
        assert_int_equal(latent_grams_make(&grams[i], sayings[i], sizes.rows, 40, &e), 0);
    all = all_of(&p, &sizes, pictures, grams, r);
    if (latent_parameters_gradient(&p, all, NULL, &value, &e))
        fail_msg("%s", e.text);
    latent_node_release(all);
    for (int i = 0; i < p.n; i++) {
        size_t count = p.item[i].count;
        float *at = latent_parameter_value(&p, i), *g = latent_parameter_gradient(&p, i);
        float *was = malloc(count * sizeof(float)), *way = dice_floats(count, 1);
        double side[2], is = dot(count, way, g), size = sqrt(dot(count, g, g)), should;
        memcpy(was, at, count * sizeof(float));
        for (int s = 0; s < 2; s++) {
            for (size_t k = 0; k < count; k++)
                at[k] = was[k] + (s ? -step : step) * way[k];
            latent_parameters_changed(&p);
            side[s] = value_of(all_of(&p, &sizes, pictures, grams, r));
        }
        memcpy(at, was, count * sizeof(float));
        should = (side[0] - side[1]) / (2 * (double)step);
        if (fabs(is - should) > 0.02 * (fabs(should) + size) + 1e-3)
            fail_msg("%s: the gradient says %g, the difference %g", p.item[i].name, is, should);
        assert_true(size > 0);
        free(was);
        free(way);
    }
    for (int i = 0; i < 4; i++)
        latent_grams_free(&grams[i]);
    latent_node_release(pictures);
    latent_parameters_free(&p);
    free(data);
    free(r);
}

/* ---- the loss */

static void test_loss(void **state)
{
    enum { n = 6, d = 5 };
    const float s = 1.3f, high = 6;
    latent_error e = {""};
    float *x = dice_floats(3 * n * d, 1);
    latent_node *pictures = leaf_of(n, 1, 1, d, x), *texts = leaf_of(2 * n, 1, 1, d, x + n * d);
    latent_node *scale = leaf_of(1, 1, 1, 1, &s), *same;
    double plain = 0, score[n][n];
    (void)state;
    for (int language = 0; language < 2; language++) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                const float *a = x + i * d, *b = x + (n + language * n + j) * d;
                score[i][j] = exp((double)s) * dot(d, a, b) / sqrt(dot(d, a, a) * dot(d, b, b));
            }
        for (int i = 0; i < n; i++) {
            double row = 0, column = 0;
            for (int j = 0; j < n; j++) {
                row += exp(score[i][j]);
                column += exp(score[j][i]);
            }
            plain += log(row) + log(column) - 2 * score[i][i];
        }
    }
    assert_true(
        fabs(value_of(latent_op_contrastive(pictures, texts, scale, &e)) - plain / (4 * n)) < 1e-5);
    assert_true(value_of(latent_op_found(pictures, texts, scale, &e)) < 1);
    latent_node_release(scale);
    scale = leaf_of(1, 1, 1, 1, &high);
    for (int i = 0; i < n * d; i++) /* each finds its own: no loss is left at a high scale */
        x[n * d + i] = 3 * x[i];
    same = leaf_of(n, 1, 1, d, x + n * d);
    assert_true(value_of(latent_op_contrastive(pictures, same, scale, &e)) < 1e-3);
    assert_true(value_of(latent_op_found(pictures, same, scale, &e)) == 1);
    latent_node_release(same);
    same = leaf_of(n - 1, 1, 1, d, x);
    assert_null(latent_op_contrastive(pictures, same, scale, &e));
    latent_node_release(same);
    latent_node_release(scale);
    latent_node_release(pictures);
    latent_node_release(texts);
    free(x);
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

/* ---- the network over what learns and the one that is played, of several at once and of one */

static void close_to(const float *a, const float *b, size_t n, const char *what)
{
    double size = sqrt(dot(n, a, a) / (double)n);
    for (size_t i = 0; i < n; i++)
        if (fabs((double)a[i] - (double)b[i]) > 2e-5 * (size + 1e-3))
            fail_msg("%s: number %zu is %g and %g", what, i, (double)a[i], (double)b[i]);
}

static void same_forward(latent_tiny_sizes sizes)
{
    latent_error e = {""};
    latent_parameters p;
    latent_tiny_net net = {.node = {NULL}};
    latent_grams grams[4];
    size_t d = (size_t)sizes.embedding, r = (size_t)sizes.resolution, at[LATENT_TINY_TENSORS];
    float *data = dice_floats(2 * r * r * 3, 0.5);
    latent_node *pictures = leaf_of(2, sizes.resolution, sizes.resolution, 3, data);
    latent_tensor *seen, *said, *got;
    latent_model *m;
    new_network(&p, &sizes);
    for (int i = 0; i < p.n; i++)
        at[i] = p.item[i].at;
    if (!(m = latent_tiny_model(&sizes, p.value, at, "test", &e)))
        fail_msg("%s", e.text);
    for (int i = 0; i < 4; i++)
        assert_int_equal(latent_grams_make(&grams[i], sayings[i], sizes.rows, 40, &e), 0);
    assert_int_equal(latent_clip_net(&p, &sizes, &net, &e), 0);
    seen = embedding_of(latent_tiny_pictures(&net, pictures, &e));
    said = embedding_of(latent_tiny_texts(&net, grams, 4, &e));
    for (int i = 0; i < 2; i++) {
        latent_node *one =
            leaf_of(1, sizes.resolution, sizes.resolution, 3, data + (size_t)i * r * r * 3);
        got = embedding_of(latent_model_embed_picture(m, one, &e));
        close_to(got->data, seen->data + (size_t)i * d, d, "pictures");
        latent_tensor_release(got);
        latent_node_release(one);
    }
    for (int i = 0; i < 4; i++) {
        got = embedding_of(latent_model_embed_text(m, sayings[i], &e));
        close_to(got->data, said->data + (size_t)i * d, d, sayings[i]);
        latent_tensor_release(got);
        latent_grams_free(&grams[i]);
    }
    got = embedding_of(latent_model_pooled(m, pictures, &e));
    assert_int_equal(got->shape.c, sizes.width[sizes.stages - 1]);
    latent_tensor_release(got);
    latent_tensor_release(seen);
    latent_tensor_release(said);
    latent_tiny_net_clear(&net);
    latent_node_release(pictures);
    latent_model_release(m);
    latent_parameters_free(&p);
    free(data);
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

/* The checkpoint one as it was written once, as two: without the order of its convolutions, which
   are [out][taps][in]. */
static void write_old(const char *one, const char *two)
{
    latent_error e = {""};
    latent_weights *w = latent_weights_open(one, &e);
    size_t n = latent_weights_count(w);
    latent_tensor_out *out = calloc(n, sizeof(*out));
    latent_meta_out meta[LATENT_TINY_META + 1];
    char text[LATENT_TINY_META][48];
    latent_tiny_sizes sizes;
    int n_meta;
    assert_int_equal(latent_tiny_read_sizes(w, &sizes, &e), 0);
    n_meta = latent_tiny_meta(&sizes, meta, text);
    meta[0].key = "training";
    meta[n_meta++] = (latent_meta_out){"batch", latent_weights_text(w, "batch")};
    meta[n_meta++] = (latent_meta_out){"seed", latent_weights_text(w, "seed")};
    meta[n_meta++] = (latent_meta_out){"clip.steps", latent_weights_text(w, "clip.steps")};
    for (size_t i = 0; i < n; i++) {
        const latent_entry *t = latent_weights_at(w, i);
        size_t count = 1, row, in;
        float *data, *turned;
        out[i] = (latent_tensor_out){.name = t->name, .dtype = LATENT_F32, .rank = t->rank};
        for (int k = 0; k < t->rank; k++)
            count *= (size_t)(out[i].dim[k] = t->dim[k]);
        data = malloc(count * sizeof(*data));
        turned = malloc(count * sizeof(*turned));
        assert_int_equal(latent_weights_read(w, t, data, &e), 0);
        memcpy(turned, data, count * sizeof(*data));
        if (t->rank > 2) {
            in = (size_t)t->dim[1];
            row = count / (size_t)t->dim[0];
            for (size_t k = 0; k < count; k++) /* k of [out][in][taps] */
                turned[k / row * row + k % (row / in) * in + k % row / (row / in)] = data[k];
            for (int k = 1; k + 1 < t->rank; k++)
                out[i].dim[k] = t->dim[k + 1];
            out[i].dim[t->rank - 1] = t->dim[1];
        }
        free(data);
        out[i].data = turned;
    }
    assert_int_equal(latent_safetensors_write(two, out, n, meta, (size_t)n_meta, &e), 0);
    for (size_t i = 0; i < n; i++)
        free((void *)(size_t)out[i].data);
    free(out);
    latent_weights_close(w);
}

/* A checkpoint of before is read to the bit. */
static void test_old_checkpoint(void **state)
{
    latent_source source = {.draw = blob};
    latent_clip_settings s = small_settings();
    latent_error e = {""};
    latent_clip_training *t = latent_clip_training_new(&source, &s, &e);
    char one[80], two[80], three[80];
    (void)state;
    place(one, "one");
    place(two, "two");
    place(three, "three");
    steps(t, 2);
    assert_int_equal(latent_clip_training_write(t, one, &e), 0);
    latent_clip_training_free(t);
    write_old(one, two);
    if (!(t = latent_clip_training_open(&source, two, &s, &e)))
        fail_msg("%s", e.text);
    assert_int_equal(latent_clip_training_write(t, three, &e), 0);
    same_files(one, three);
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
        cmocka_unit_test(test_network),        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_same_forward),   cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_old_checkpoint), cmocka_unit_test(test_learns),
        cmocka_unit_test(test_attack),         cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_damaged),        cmocka_unit_test(test_words),
    };
    dice = latent_counter_random_at(11, 1, 0);
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
