/* test_clip: CLIP's embeddings, losses and gradients against the reference implementation, in every
   form of file (needs the oracle folder, and the vocabulary beside it); a network of other sizes
   against itself; what is refused. */
#include "../helpers/npz.h"
#include "engine/base/random.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/guidance/approach.h"
#include "engine/guidance/guide.h"
#include "engine/guidance/optimise.h"
#include "engine/models/clip_config.h"
#include "engine/models/clip_tiny.h"
#include "engine/models/model.h"
#include "engine/ops/encoder.h"
#include "engine/ops/ops.h"
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

static const latent_progress quietly = {NULL, NULL};
static const char *const texts[3] = {"a diagram", "an armed cyberpunk fish", "fish!"};

static const char *oracle(void)
{
    const char *dir = getenv("LATENT_ORACLE");
    return dir ? dir : "../shared/oracle";
}

static npz_array array(const char *key)
{
    char path[1000], error[300];
    npz_array a;
    snprintf(path, sizeof(path), "%s/clip-vit-tiny.npz", oracle());
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

static latent_tensor *value_of(latent_node *n)
{
    latent_error e = {""};
    latent_tensor *t;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

/* The pictures [n][3][h][w] in [0, 1] as they travel here. */
static latent_node *pictures(const npz_array *a)
{
    latent_error e;
    latent_shape s = {(int)a->shape[0], (int)a->shape[2], (int)a->shape[3], (int)a->shape[1]};
    latent_tensor *t = latent_tensor_new(s, &e);
    latent_node *n;
    size_t plane = (size_t)s.h * (size_t)s.w;
    for (size_t i = 0; i < t->count; i++) {
        size_t k = i % 3, p = i / 3 % plane, b = i / 3 / plane;
        t->data[i] = 2 * a->data[(b * 3 + k) * plane + p] - 1;
    }
    n = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return n;
}

/* The model and, after it, where the vocabulary may lie. */
static latent_model *load(const char *name)
{
    char paths[2100];
    latent_error e = {""};
    latent_model *m;
    int n = snprintf(paths, sizeof(paths), "%s/%s", oracle(), name);
    if (access(paths, R_OK)) {
        printf("SKIP %s is not there\n", paths);
        skip();
    }
    n += 1 + snprintf(paths + n + 1, sizeof(paths) - (size_t)n - 1, "%s/../data/clip/x", oracle());
    paths[n + 1] = 0;
    if (!(m = latent_model_load_first(paths, quietly, &e)))
        fail_msg("%s", e.text);
    return m;
}

static latent_node *text_of(latent_model *m, const char *text)
{
    latent_error e = {""};
    latent_node *n = latent_model_embed_text(m, text, &e);
    if (!n)
        fail_msg("%s", e.text);
    return n;
}

typedef struct {
    latent_node *leaf;
    float *grad;
} wish;

static int is_wanted(const latent_node *leaf, void *context)
{
    return leaf == ((wish *)context)->leaf;
}

static void take(const latent_node *leaf, const latent_tensor *grad, void *context)
{
    (void)leaf;
    memcpy(((wish *)context)->grad, grad->data, grad->count * sizeof(float));
}

/* spherical_loss is summed over the pictures, ours is their mean; d/d image01 = 2 d/d x. */
static void check_gradient(latent_node *x, latent_node *features, latent_node *target)
{
    npz_array loss = array("spherical_loss"), should = array("grad_image01");
    latent_error e = {""};
    latent_node *l = latent_op_distance(features, target, LATENT_SPHERICAL, &e);
    size_t n = should.count, plane = n / 3 / (size_t)x->shape.n;
    float *grad = test_malloc(n * sizeof(float)), *turned = test_malloc(n * sizeof(float)), value;
    wish w = {x, grad};
    latent_gradient_of of = {is_wanted, take, &w};
    double d;
    if (latent_gradient(l, &of, NULL, &value, &e))
        fail_msg("%s", e.text);
    assert_true(fabs(value * x->shape.n - loss.data[0]) < 1e-4 * loss.data[0]);
    for (size_t i = 0; i < n; i++) {
        size_t k = i % 3, p = i / 3 % plane, b = i / 3 / plane;
        turned[(b * 3 + k) * plane + p] = 2 * (float)x->shape.n * grad[i];
    }
    d = distance(turned, should.data, n);
    printf("  loss %.2g, grad_image01 %.2g\n",
           fabs(value * x->shape.n - loss.data[0]) / loss.data[0], d);
    assert_true(d < 1e-4);
    latent_node_release(l);
    test_free(grad);
    test_free(turned);
    npz_free(&loss);
    npz_free(&should);
}

static void check_cosines(const latent_tensor *a, const float *b, size_t n_texts)
{
    npz_array should = array("cosine");
    size_t d = (size_t)a->shape.c;
    for (size_t i = 0; i < (size_t)a->shape.n; i++)
        for (size_t k = 0; k < n_texts; k++) {
            double ab = 0, aa = 0, bb = 0;
            for (size_t j = 0; j < d; j++) {
                double x = a->data[i * d + j], y = b[k * d + j];
                ab += x * y;
                aa += x * x;
                bb += y * y;
            }
            assert_true(fabs(ab / sqrt(aa * bb) - should.data[i * n_texts + k]) < 1e-5);
        }
    npz_free(&should);
}

static void check_file(const char *name)
{
    latent_model *m = load(name);
    npz_array image = array("image01"), should = array("image_features");
    npz_array text_should = array("text_features");
    latent_error e = {""};
    latent_node *x = pictures(&image), *features = latent_model_embed_picture(m, x, &e);
    latent_node *text[3];
    float all[3 * 1024];
    latent_tensor *t;
    double d;
    if (!features)
        fail_msg("%s", e.text);
    assert_int_equal(m->encoder.resolution, 32);
    assert_int_equal(m->encoder.context, 77);
    assert_int_equal(m->encoder.embedding, 32);
    t = value_of(features);
    assert_int_equal(t->count, should.count);
    d = distance(t->data, should.data, t->count);
    printf("%s: image_features %.2g\n", name, d);
    assert_true(d < 1e-5);
    for (int k = 0; k < 3; k++) {
        latent_tensor *v;
        text[k] = text_of(m, texts[k]);
        v = value_of(text[k]);
        memcpy(all + k * m->encoder.embedding, v->data, v->count * sizeof(float));
        latent_tensor_release(v);
    }
    d = distance(all, text_should.data, text_should.count);
    printf("  text_features %.2g\n", d);
    assert_true(d < 1e-5);
    check_cosines(t, all, 3);
    check_gradient(x, features, text[1]);
    latent_tensor_release(t);
    for (int k = 0; k < 3; k++)
        latent_node_release(text[k]);
    latent_node_release(features);
    latent_node_release(x);
    npz_free(&image);
    npz_free(&should);
    npz_free(&text_should);
    latent_model_release(m);
}

static void state_dict(void **state)
{
    (void)state;
    check_file("clip-vit-tiny.pt");
}

static void torchscript(void **state)
{
    (void)state;
    check_file("clip-vit-tiny-jit.pt");
}

static void hugging_face(void **state)
{
    (void)state;
    check_file("clip-vit-tiny-hf.safetensors");
}

static double approach_of(latent_model *m, latent_node *x, latent_node *goal,
                          const latent_approach_settings *s)
{
    latent_error e = {""};
    latent_node *loss = latent_approach(m, x, goal, s, &e);
    latent_tensor *t;
    double v;
    if (!loss)
        fail_msg("%s", e.text);
    t = value_of(loss);
    v = t->data[0];
    latent_tensor_release(t);
    latent_node_release(loss);
    return v;
}

static latent_node *noise_picture(int h, int w, uint32_t seed, const float *way, double far)
{
    latent_error e = {""};
    latent_tensor *t = latent_tensor_new((latent_shape){1, h, w, 3}, &e);
    latent_random r;
    latent_node *n;
    latent_random_seed(&r, seed);
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)(0.4 * latent_random_gauss(&r) + (way ? far * way[i] : 0));
    n = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return n;
}

/* The perceptual loss: 0 for the same picture, its gradient as central differences have it, the
   same twice, and what it is made of. */
static void perceptual(void **state)
{
    enum { H = 40, W = 36, N = H * W * 3 };
    latent_model *m = load("clip-vit-tiny.pt");
    latent_approach_settings s = {.pixels = 0, .perceptual = 2}, both = s, pixels = s;
    latent_node *x = noise_picture(H, W, 1, NULL, 0), *goal = noise_picture(50, 50, 2, NULL, 0);
    float *grad[2] = {test_malloc(N * sizeof(float)), test_malloc(N * sizeof(float))};
    float *way = test_malloc(N * sizeof(float)), value[2];
    latent_error e = {""};
    latent_random r;
    (void)state;
    for (int k = 0; k < 2; k++) {
        wish w = {x, grad[k]};
        latent_gradient_of of = {is_wanted, take, &w};
        latent_node *loss = latent_approach(m, x, goal, &s, &e);
        if (!loss || latent_gradient(loss, &of, NULL, &value[k], &e))
            fail_msg("%s", e.text);
        latent_node_release(loss);
        latent_cache_forget();
    }
    assert_true(value[0] > 1e-3 && value[0] == value[1]);
    assert_memory_equal(grad[0], grad[1], N * sizeof(float));
    latent_random_seed(&r, 5);
    for (int k = 0; k < 4; k++) {
        double slope = 0, differences, size = 0;
        latent_node *up, *down;
        for (int i = 0; i < N; i++) {
            way[i] = (float)latent_random_gauss(&r);
            slope += (double)way[i] * grad[0][i];
            size += (double)grad[0][i] * grad[0][i];
        }
        up = noise_picture(H, W, 1, way, 2e-3);
        down = noise_picture(H, W, 1, way, -2e-3);
        differences = (approach_of(m, up, goal, &s) - approach_of(m, down, goal, &s)) / 4e-3;
        if (!(fabs(differences - slope) < 2e-2 * sqrt(size)))
            fail_msg("slope %g, differences %g", slope, differences);
        latent_node_release(up);
        latent_node_release(down);
    }
    assert_true(fabs(approach_of(m, x, x, &s)) < 1e-6);
    both.pixels = 0.5f;
    pixels.pixels = 1;
    pixels.perceptual = 0;
    assert_true(fabs(approach_of(m, x, goal, &both) - value[0] -
                     0.5 * approach_of(m, x, goal, &pixels)) < 1e-5);
    s.n_depths = 1;
    s.depths[0] = 3;
    assert_true(approach_of(m, x, goal, &s) != value[0]);
    s.depths[0] = 4;
    assert_null(latent_approach(m, x, goal, &s, &e));
    assert_non_null(strstr(e.text, "depth 4"));
    latent_node_release(x);
    latent_node_release(goal);
    latent_model_release(m);
    test_free(grad[0]);
    test_free(grad[1]);
    test_free(way);
}

/* Guidance by words on the fixtures, with cutouts, from the mean of w: the running mean of the loss
   goes down all the way, but for what chance does to a cutout, and a quarter of the steps do half
   of it. */
static void guidance_goes_down(void **state)
{
    enum { STEPS = THOROUGH(400, 20), WINDOW = STEPS / 8 };
    latent_model *eye = load("clip-vit-tiny.pt"), *m = load("sg2ada-32.pkl");
    latent_goal goal = {.weight = 1, .text = "an armed cyberpunk fish"};
    latent_guide_settings s = {.loss = LATENT_GUIDE_SPHERICAL, .cutouts = 8, .power = 0.5f};
    latent_optimiser_settings settings = {
        .mode = LATENT_ADAM, .rate = 0.05, .beta1 = 0.9, .beta2 = 0.999};
    latent_optimiser o = {0};
    latent_guide_kept kept = {{NULL}, 0};
    latent_error e = {""};
    float *w = test_malloc((size_t)m->generator.w_dim * sizeof(float)), value, *grad;
    double mean[STEPS / WINDOW] = {0}, first = 0, last = 0, hundred = 0;
    int rows, w_dim;
    (void)state;
    assert_int_equal(latent_optimiser_start(&o, m->generator.w_avg, m->generator.w_dim, &e), 0);
    for (int k = 0; k < STEPS; k++) {
        latent_guide_kept now = {{NULL}, 0};
        latent_noise noise = {.mode = LATENT_NOISE_CONST, .strength = 1};
        latent_node *picture, *loss;
        latent_optimiser_now(&o, &settings, NULL, w);
        picture = latent_model_picture(m, w, 1, LATENT_WHOLE_PICTURE, noise, &e);
        s.seed = (uint32_t)k;
        loss = latent_guide(eye, picture, &goal, 1, &s, &now, &e);
        if (!loss || latent_gradient_styles(loss, NULL, &value, &grad, &rows, &w_dim, &e) ||
            latent_optimiser_step(&o, &settings, grad, rows * w_dim, NULL, &e))
            fail_msg("%s", e.text);
        mean[k / WINDOW] += value / WINDOW;
        first += k < 5 ? value / 5 : 0;
        hundred += k >= 95 && k < 100 ? value / 5 : 0;
        last += k >= STEPS - 5 ? value / 5 : 0;
        free(grad);
        latent_guide_forget(&kept);
        kept = now;
        latent_node_release(picture);
        latent_node_release(loss);
    }
    printf("guidance: %.3f, after 100 steps %.3f, after 400 %.3f\n", first, hundred, last);
    for (int k = 1; k < STEPS / WINDOW; k++)
        if (!SANITIZED && !(mean[k] < mean[k - 1] + 0.004))
            fail_msg("the mean of steps %d on is %g, before it was %g", k * WINDOW, mean[k],
                     mean[k - 1]);
    assert_true(last < first - THOROUGH(0.1, 0));
    if (!SANITIZED)
        assert_true(first - hundred >= 0.5 * (first - last));
    latent_guide_forget(&kept);
    latent_optimiser_free(&o);
    latent_model_release(m);
    latent_model_release(eye);
    test_free(w);
}

static void words_without_a_vocabulary(void **state)
{
    char path[1000];
    latent_error e = {""};
    latent_model *m;
    (void)state;
    snprintf(path, sizeof(path), "%s/clip-vit-tiny.pt", oracle());
    if (access(path, R_OK)) {
        printf("SKIP %s is not there\n", path);
        skip();
    }
    if (!(m = latent_model_load(path, quietly, &e)))
        fail_msg("%s", e.text);
    assert_null(latent_model_embed_text(m, "fish", &e));
    assert_non_null(strstr(e.text, "no vocabulary beside clip-vit-tiny.pt"));
    latent_model_release(m);
}

/* ---- a CLIP with random weights, of sizes that no released one has */

enum {
    WIDTH = 192,
    HEADS = 3,
    TEXT = 128,
    LAYERS = 2,
    PATCH = 4,
    GRID = 5,
    OUT = 40,
    CONTEXT = 12
};
enum { VOCABULARY = 514 + 3, TENSORS = 80 };

static struct {
    latent_tensor_out t[TENSORS];
    char name[TENSORS][80];
    size_t n;
    latent_random dice;
} made;

static void add(double scale, const char *name, int rank, int64_t a, int64_t b, int64_t c)
{
    latent_tensor_out *t = &made.t[made.n];
    int64_t count = a * (rank > 1 ? b : 1) * (rank > 3 ? c * c : 1);
    float *data = malloc((size_t)count * sizeof(float));
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)(scale * latent_random_gauss(&made.dice) + (scale < 0 ? 1 : 0));
    snprintf(made.name[made.n], sizeof(made.name[0]), "%s", name);
    *t = (latent_tensor_out){made.name[made.n], LATENT_F32, rank, {a, b, c, c}, data};
    made.n++;
}

static void add_layer(const char *prefix, const char *where, int out, int in)
{
    char name[80];
    snprintf(name, sizeof(name), "%s%s.weight", prefix, where);
    if (in)
        add(1 / sqrt(in), name, 2, out, in, 0);
    else
        add(-0.1, name, 1, out, 0, 0);
    snprintf(name, sizeof(name), "%s%s.bias", prefix, where);
    add(0.1, name, 1, out, 0, 0);
}

static void add_tower(const char *prefix, int width)
{
    char where[60], name[80];
    for (int i = 0; i < LAYERS; i++) {
        snprintf(where, sizeof(where), "%stransformer.resblocks.%d.", prefix, i);
        add_layer(where, "ln_1", width, 0);
        snprintf(name, sizeof(name), "%sattn.in_proj_weight", where);
        add(1 / sqrt(width), name, 2, 3 * width, width, 0);
        snprintf(name, sizeof(name), "%sattn.in_proj_bias", where);
        add(0.1, name, 1, 3 * width, 0, 0);
        add_layer(where, "attn.out_proj", width, width);
        add_layer(where, "ln_2", width, 0);
        add_layer(where, "mlp.c_fc", 2 * width, width);
        add_layer(where, "mlp.c_proj", width, 2 * width);
    }
}

static void make(void)
{
    made.n = 0;
    latent_random_seed(&made.dice, 3);
    add(1, "visual.class_embedding", 1, WIDTH, 0, 0);
    add(0.1, "visual.conv1.weight", 4, WIDTH, 3, PATCH);
    add(1, "visual.positional_embedding", 2, GRID * GRID + 1, WIDTH, 0);
    add_layer("", "visual.ln_pre", WIDTH, 0);
    add_tower("visual.", WIDTH);
    add_layer("", "visual.ln_post", WIDTH, 0);
    add(0.1, "visual.proj", 2, WIDTH, OUT, 0);
    add(1, "token_embedding.weight", 2, VOCABULARY, TEXT, 0);
    add(1, "positional_embedding", 2, CONTEXT, TEXT, 0);
    add_tower("", TEXT);
    add_layer("", "ln_final", TEXT, 0);
    add(0.1, "text_projection", 2, TEXT, OUT, 0);
}

static void forget(void)
{
    for (size_t i = 0; i < made.n; i++)
        free((void *)(size_t)made.t[i].data);
    made.n = 0;
}

static char folder[64];

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "%s/latent-clip-XXXXXX", P_tmpdir);
    make();
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    static const char *const names[] = {"clip.safetensors", "merges.txt"};
    char path[128];
    (void)state;
    forget();
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void put_vocabulary(const char *text)
{
    char path[128];
    FILE *f;
    snprintf(path, sizeof(path), "%s/merges.txt", folder);
    assert_non_null(f = fopen(path, "w"));
    fputs(text, f);
    fclose(f);
}

/* Written as a file and read again; NULL and a sentence when it is refused. */
static latent_model *made_model(latent_error *e)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/clip.safetensors", folder);
    if (latent_safetensors_write(path, made.t, made.n, NULL, 0, e))
        fail_msg("%s", e->text);
    return latent_model_load(path, quietly, e);
}

static latent_node *random_picture(int h, int w, const float *way, double far)
{
    latent_error e;
    latent_random dice;
    latent_tensor *t = latent_tensor_new((latent_shape){1, h, w, 3}, &e);
    latent_node *n;
    latent_random_seed(&dice, 8);
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)(0.5 * latent_random_gauss(&dice) + (way ? far * way[i] : 0));
    n = latent_op_picture(t, &e);
    latent_tensor_release(t);
    return n;
}

/* The loss of cutouts against a text and against a picture, together. */
static latent_node *guidance(latent_model *m, latent_node *x)
{
    latent_error e = {""};
    latent_node *cut = latent_op_cutouts(x, 3, m->encoder.resolution, 0.5f, 4, &e);
    latent_node *seen = cut ? latent_model_embed_picture(m, cut, &e) : NULL;
    latent_node *still = random_picture(31, 22, NULL, 0), *loss[2], *sum;
    latent_node *words = text_of(m, "fi fish"), *other = latent_model_embed_picture(m, still, &e);
    if (!seen || !other)
        fail_msg("%s", e.text);
    loss[0] = latent_op_distance(seen, words, LATENT_SPHERICAL, &e);
    loss[1] = latent_op_distance(seen, other, LATENT_COSINE, &e);
    sum = latent_op_sum(loss, (float[]){1, -0.5f}, 2, &e);
    if (!sum)
        fail_msg("%s", e.text);
    latent_node_release(cut);
    latent_node_release(seen);
    latent_node_release(words);
    latent_node_release(other);
    latent_node_release(still);
    latent_node_release(loss[0]);
    latent_node_release(loss[1]);
    return sum;
}

static double loss_at(latent_model *m, const float *way, double far)
{
    latent_node *x = random_picture(40, 52, way, far), *l = guidance(m, x);
    latent_tensor *t = value_of(l);
    double v = t->data[0];
    latent_tensor_release(t);
    latent_node_release(l);
    latent_node_release(x);
    return v;
}

/* From a picture through cutouts and tower to the loss: the slope by central differences. */
static void other_sizes(void **state)
{
    enum { COUNT = 40 * 52 * 3 };
    static float grad[COUNT], way[COUNT];
    latent_error e = {""};
    latent_model *m;
    latent_node *x, *l;
    float value;
    (void)state;
    put_vocabulary("#version\nf i\ns h</w>\nfi sh</w>\n");
    if (!(m = made_model(&e)))
        fail_msg("%s", e.text);
    assert_int_equal(m->encoder.resolution, PATCH * GRID);
    assert_int_equal(m->encoder.embedding, OUT);
    x = random_picture(40, 52, NULL, 0);
    l = guidance(m, x);
    wish w = {x, grad};
    latent_gradient_of of = {is_wanted, take, &w};
    if (latent_gradient(l, &of, NULL, &value, &e))
        fail_msg("%s", e.text);
    for (int k = 0; k < 4; k++) {
        double slope = 0, h = 1e-2, length = 0, differences;
        for (int i = 0; i < COUNT; i++) {
            way[i] = (float)latent_random_gauss(&made.dice) + (k ? 0 : 30 * grad[i]);
            slope += (double)way[i] * grad[i];
            length += (double)grad[i] * grad[i];
        }
        differences = (loss_at(m, way, h) - loss_at(m, way, -h)) / (2 * h);
        if (!(fabs(differences - slope) < 0.02 * fmax(fabs(slope), sqrt(length))))
            fail_msg("way %d: slope %g, differences %g", k, slope, differences);
    }
    assert_null(latent_model_embed_text(m, "f f f f f f f f f f f", &e));
    assert_non_null(strstr(e.text, "too long"));
    latent_node_release(x);
    latent_node_release(l);
    latent_model_release(m);
}

/* ---- the picture half once more, number by number and in double, with either GELU */

enum { TOKENS = GRID * GRID + 1, SIDE = PATCH * GRID };

static const float *made_numbers(const char *format, int block)
{
    char name[80];
    snprintf(name, sizeof(name), format, block);
    for (size_t i = 0; i < made.n; i++)
        if (!strcmp(made.name[i], name))
            return made.t[i].data;
    fail_msg("%s was not made", name);
    return NULL;
}

static void norm_by_hand(const double *x, const float *gain, const float *bias, double *y)
{
    double mean = 0, square = 0;
    for (int i = 0; i < WIDTH; i++)
        mean += x[i] / WIDTH;
    for (int i = 0; i < WIDTH; i++)
        square += (x[i] - mean) * (x[i] - mean) / WIDTH;
    for (int i = 0; i < WIDTH; i++)
        y[i] = (x[i] - mean) / sqrt(square + 1e-5) * (double)gain[i] + (double)bias[i];
}

static void layer_by_hand(const double *x, int in, int out, const float *w, const float *b,
                          double *y)
{
    for (int o = 0; o < out; o++) {
        y[o] = (double)b[o];
        for (int i = 0; i < in; i++)
            y[o] += (double)w[o * in + i] * x[i];
    }
}

static void attention_by_hand(double (*qkv)[3 * WIDTH], double (*y)[WIDTH])
{
    const int each = WIDTH / HEADS;
    for (int h = 0; h < HEADS; h++)
        for (int t = 0; t < TOKENS; t++) {
            double part[TOKENS], sum = 0;
            for (int s = 0; s < TOKENS; s++) {
                double dot = 0;
                for (int i = h * each; i < (h + 1) * each; i++)
                    dot += qkv[t][i] * qkv[s][WIDTH + i];
                sum += part[s] = exp(dot / sqrt(each));
            }
            for (int i = h * each; i < (h + 1) * each; i++) {
                y[t][i] = 0;
                for (int s = 0; s < TOKENS; s++)
                    y[t][i] += part[s] / sum * qkv[s][2 * WIDTH + i];
            }
        }
}

static void block_by_hand(int block, int quick, double (*x)[WIDTH])
{
#define PART(name) made_numbers("visual.transformer.resblocks.%d." name, block)
    static double qkv[TOKENS][3 * WIDTH], mixed[TOKENS][WIDTH];
    double n[WIDTH], y[WIDTH], hidden[2 * WIDTH];
    for (int t = 0; t < TOKENS; t++) {
        norm_by_hand(x[t], PART("ln_1.weight"), PART("ln_1.bias"), n);
        layer_by_hand(n, WIDTH, 3 * WIDTH, PART("attn.in_proj_weight"), PART("attn.in_proj_bias"),
                      qkv[t]);
    }
    attention_by_hand(qkv, mixed);
    for (int t = 0; t < TOKENS; t++) {
        layer_by_hand(mixed[t], WIDTH, WIDTH, PART("attn.out_proj.weight"),
                      PART("attn.out_proj.bias"), y);
        for (int i = 0; i < WIDTH; i++)
            x[t][i] += y[i];
        norm_by_hand(x[t], PART("ln_2.weight"), PART("ln_2.bias"), n);
        layer_by_hand(n, WIDTH, 2 * WIDTH, PART("mlp.c_fc.weight"), PART("mlp.c_fc.bias"), hidden);
        for (int i = 0; i < 2 * WIDTH; i++)
            hidden[i] *= quick ? 1 / (1 + exp(-1.702 * hidden[i])) : erfc(-hidden[i] / sqrt(2)) / 2;
        layer_by_hand(hidden, 2 * WIDTH, WIDTH, PART("mlp.c_proj.weight"), PART("mlp.c_proj.bias"),
                      y);
        for (int i = 0; i < WIDTH; i++)
            x[t][i] += y[i];
    }
#undef PART
}

/* picture [SIDE][SIDE][3] in [-1, 1] to embedding [OUT] */
static void seen_by_hand(const float *picture, const double *mean, const double *deviation,
                         int quick, double *embedding)
{
    static double x[TOKENS][WIDTH];
    const float *patches = made_numbers("visual.conv1.weight", 0);
    const float *places = made_numbers("visual.positional_embedding", 0);
    const float *first = made_numbers("visual.class_embedding", 0);
    const float *proj = made_numbers("visual.proj", 0);
    double y[WIDTH];
    for (int t = 0; t < TOKENS; t++) {
        int row = (t - 1) / GRID * PATCH, column = (t - 1) % GRID * PATCH;
        for (int o = 0; o < WIDTH; o++) {
            double sum = t ? 0 : (double)first[o];
            for (int i = 0; t && i < 3 * PATCH * PATCH; i++) {
                int k = i / (PATCH * PATCH), a = row + i / PATCH % PATCH, b = column + i % PATCH;
                double p = ((double)picture[(a * SIDE + b) * 3 + k] + 1) / 2;
                sum += (double)patches[o * 3 * PATCH * PATCH + i] * (p - mean[k]) / deviation[k];
            }
            y[o] = sum + (double)places[t * WIDTH + o];
        }
        norm_by_hand(y, made_numbers("visual.ln_pre.weight", 0),
                     made_numbers("visual.ln_pre.bias", 0), x[t]);
    }
    for (int i = 0; i < LAYERS; i++)
        block_by_hand(i, quick, x);
    norm_by_hand(x[0], made_numbers("visual.ln_post.weight", 0),
                 made_numbers("visual.ln_post.bias", 0), y);
    for (int o = 0; o < OUT; o++) {
        embedding[o] = 0;
        for (int i = 0; i < WIDTH; i++)
            embedding[o] += y[i] * (double)proj[i * OUT + o];
    }
}

/* What lies beside a CLIP in open_clip's names tells which GELU its blocks use. */
static void settings_of_open_clip(void **state)
{
    static const double mean[2][3] = {{0.48145466, 0.4578275, 0.40821073}, {0.5, 0.25, 0.75}};
    static const double deviation[2][3] = {{0.26862954, 0.26130258, 0.27577711}, {0.5, 0.25, 1}};
    static const struct {
        const char *text; /* NULL: there is no such file */
        int quick, pixels;
    } cases[] = {
        {NULL, 1, 0},
        {"{\"model_cfg\": {\"embed_dim\": 40, \"vision_cfg\": {\"layers\": 2}}}", 0, 0},
        {"{\"model_cfg\": {\"vision_cfg\": {\"head_width\": 64}, \"quick_gelu\": true}}", 1, 0},
        {"{\"embed_dim\": 40, \"quick_gelu\": false}", 0, 0},
        {"{\"preprocess_cfg\": {\"mean\": [0.5, 0.25, 0.75], \"std\": [0.5, 0.25, 1]}}", 0, 1},
    };
    char path[128];
    latent_error e = {""};
    (void)state;
    snprintf(path, sizeof(path), "%s/open_clip_config.json", folder);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        FILE *f = cases[i].text ? fopen(path, "w") : NULL;
        latent_model *m;
        latent_node *picture = random_picture(SIDE, SIDE, NULL, 0), *embedding = NULL;
        latent_tensor *shown = value_of(picture), *is;
        double should[OUT], worst = 0;
        if (f) {
            fputs(cases[i].text, f);
            fclose(f);
        }
        if (!(m = made_model(&e)) || !(embedding = latent_model_embed_picture(m, picture, &e)))
            fail_msg("%s", e.text);
        is = value_of(embedding);
        seen_by_hand(shown->data, mean[cases[i].pixels], deviation[cases[i].pixels], cases[i].quick,
                     should);
        for (int o = 0; o < OUT; o++)
            worst = fmax(worst, fabs((double)is->data[o] - should[o]));
        if (worst > 5e-5)
            fail_msg("case %zu differs by %g", i, worst);
        latent_tensor_release(is);
        latent_tensor_release(shown);
        latent_node_release(embedding);
        latent_node_release(picture);
        latent_model_release(m);
        unlink(path);
    }
}

/* Hugging Face's likewise; and what is not known is not played as something else. */
static void settings_of_hugging_face(void **state)
{
    static const struct {
        const char *text;
        int quick[2];
        const char *refused;
    } cases[] = {
        {"{}", {1, 1}, NULL},
        {"{\"vision_config\": {\"hidden_act\": \"gelu\"}, \"text_config\": null}", {0, 1}, NULL},
        {"{\"text_config_dict\": {\"hidden_act\": \"gelu\"}}", {1, 0}, NULL},
        {"{\"vision_config\": {\"hidden_act\": \"quick_gelu\"}}", {1, 1}, NULL},
        {"{\"text_config\": {\"hidden_act\": \"gelu_new\"}}", {1, 1}, "gelu_new"},
        {"{\"vision_config\": {\"hidden_act\"", {1, 1}, "damaged"},
    };
    char path[128], where[80];
    (void)state;
    snprintf(path, sizeof(path), "%s/config.json", folder);
    snprintf(where, sizeof(where), "%s/", folder);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        latent_clip_config c = {.picture = {64, 1, 1}, .text = {64, 1, 1}};
        latent_error e = {""};
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(cases[i].text, f);
        fclose(f);
        assert_int_equal(latent_clip_config_hugging_face(&c, where, &e), cases[i].refused ? -1 : 0);
        assert_int_equal(c.picture.quick, cases[i].quick[0]);
        assert_int_equal(c.text.quick, cases[i].quick[1]);
        if (cases[i].refused)
            assert_non_null(strstr(e.text, cases[i].refused));
    }
    unlink(path);
}

/* The built-in clip-tiny as another program saves it: a prefix before every name, no settings. */
static void tiny_behind_a_prefix(void **state)
{
    char path[128];
    latent_error e = {""};
    latent_model *m[2] = {builtin_clip(), NULL};
    latent_tensor_out t[LATENT_TINY_TENSORS];
    char name[LATENT_TINY_TENSORS][96];
    latent_tensor *value[2][2];
    latent_weights *w;
    size_t n;
    (void)state;
    snprintf(path, sizeof(path), "%s/clip.safetensors", folder);
    if (!(w = latent_weights_open("examples/models/clip-tiny.safetensors", &e)))
        fail_msg("%s", e.text);
    n = latent_weights_count(w);
    for (size_t i = 0; i < n; i++) {
        const latent_entry *from = latent_weights_at(w, i);
        float *data = malloc((size_t)from->count * sizeof(float));
        snprintf(name[i], sizeof(name[i]), "any.module.%.80s", from->name);
        t[i] = (latent_tensor_out){
            .name = name[i], .dtype = LATENT_F32, .rank = from->rank, .data = data};
        memcpy(t[i].dim, from->dim, sizeof(t[i].dim));
        assert_int_equal(latent_weights_read(w, from, data, &e), 0);
    }
    latent_weights_close(w);
    if (latent_safetensors_write(path, t, n, NULL, 0, &e) ||
        !(m[1] = latent_model_load(path, quietly, &e)))
        fail_msg("%s", e.text);
    for (int i = 0; i < 2; i++) {
        latent_node *picture = random_picture(64, 64, NULL, 0);
        latent_node *seen = latent_model_embed_picture(m[i], picture, &e);
        latent_node *words = text_of(m[i], "a red fish");
        value[i][0] = value_of(seen);
        value[i][1] = value_of(words);
        latent_node_release(picture);
        latent_node_release(seen);
        latent_node_release(words);
    }
    for (int k = 0; k < 2; k++) {
        assert_true(value[0][k]->count == value[1][k]->count);
        assert_memory_equal(value[0][k]->data, value[1][k]->data,
                            value[0][k]->count * sizeof(float));
        latent_tensor_release(value[0][k]);
        latent_tensor_release(value[1][k]);
    }
    for (size_t i = 0; i < n; i++)
        free((void *)(size_t)t[i].data);
    latent_model_release(m[0]);
    latent_model_release(m[1]);
}

static void wrong_kinds(void **state)
{
    float numbers[64] = {0};
    latent_error e = {""};
    latent_model *m = made_model(&e);
    latent_node *grey;
    (void)state;
    assert_non_null(m);
    assert_int_equal(latent_model_is(m, LATENT_ENCODER, &e), 0);
    assert_int_equal(latent_model_is(m, LATENT_ANY_KIND, &e), 0);
    assert_int_equal(latent_model_is(m, LATENT_GENERATOR, &e), -1);
    assert_non_null(strstr(e.text, "clip.safetensors is a CLIP (clip)"));
    assert_null(latent_model_input(m, numbers, 1, &e));
    assert_int_equal(latent_model_map(m, numbers, NULL, numbers, &e), -1);
    assert_int_equal(latent_model_rows(m, 0, &e), -1);
    assert_int_equal(latent_model_layer(m, "8", &e), -1);
    assert_int_equal(latent_model_write(m, "nowhere", &e), -1);
    grey = latent_op_planes(numbers, 1, 8, 8, NULL, &e);
    assert_null(latent_model_embed_picture(m, grey, &e));
    assert_non_null(strstr(e.text, "1 channel"));
    assert_null(latent_model_embed_text(m, "fish", &e));
    assert_non_null(strstr(e.text, "no vocabulary"));
    latent_node_release(grey);
    latent_model_release(m);
}

/* Each tensor is left out, and each is given a side that does not fit: a sentence, never a crash.
 */
static void damaged_networks(void **state)
{
    latent_error e = {""};
    latent_model *m;
    (void)state;
    put_vocabulary("no pair of symbols at all\nx\n");
    m = made_model(&e);
    assert_non_null(m);
    assert_null(latent_model_embed_text(m, "fish", &e));
    assert_non_null(strstr(e.text, "merges.txt is damaged"));
    latent_model_release(m);
    for (size_t i = 0; i < made.n; i += THOROUGH(1, 5)) {
        latent_tensor_out all = made.t[made.n - 1], one = made.t[i];
        int64_t side = one.dim[0];
        made.t[i] = all;
        made.n--;
        e.text[0] = 0;
        m = made_model(&e);
        /* fewer blocks are another network */
        if (m && !strstr(one.name, "ln_1.weight"))
            fail_msg("read without %s", one.name);
        if (!m && !e.text[0])
            fail_msg("no sentence without %s", one.name);
        latent_model_release(m);
        made.n++;
        made.t[i] = one;
        made.t[i].dim[0] = side - 1;
        m = made_model(&e);
        if (m && !strstr(one.name, "oken_embedding") && !strstr(one.name, "positional_embedding"))
            fail_msg("read with a wrong %s", one.name);
        latent_model_release(m);
        made.t[i] = one;
    }
    add(1, "visual.layer1.0.conv1.weight", 4, 8, 8, 3);
    assert_null(made_model(&e));
    assert_non_null(strstr(e.text, "ResNet"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_dict),
        cmocka_unit_test(torchscript),
        cmocka_unit_test(hugging_face),
        cmocka_unit_test(perceptual),
        cmocka_unit_test(guidance_goes_down),
        cmocka_unit_test(words_without_a_vocabulary),
        cmocka_unit_test_setup_teardown(other_sizes, begin, end),
        cmocka_unit_test_setup_teardown(settings_of_open_clip, begin, end),
        cmocka_unit_test_setup_teardown(settings_of_hugging_face, begin, end),
        cmocka_unit_test_setup_teardown(tiny_behind_a_prefix, begin, end),
        cmocka_unit_test_setup_teardown(wrong_kinds, begin, end),
        cmocka_unit_test_setup_teardown(damaged_networks, begin, end),
    };
    return cmocka_run_group_tests_name("clip", tests, NULL, NULL);
}
