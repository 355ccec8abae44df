/* test_stylegan2: the generator against what the public reference implementation computed with the
   same files (needs the oracle folder), and what needs no fixture: caching, refusals, writing and
   reading back. */
#include "../helpers/npz.h"
#include "engine/base/random.h"
#include "engine/graph/evaluate.h"
#include "engine/graph/gradient.h"
#include "engine/models/model.h"
#include "engine/ops/encoder.h"
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

#define TOLERANCE 1e-5

static const latent_noise noise_const = {.mode = LATENT_NOISE_CONST, .strength = 1};
static const latent_noise noise_none = {.mode = LATENT_NOISE_NONE, .strength = 1};
static const latent_progress quietly = {NULL, NULL};

/* A file and where its results are. */
typedef struct {
    const char *file, *arrays;
} fixture;

/* Every way in which the network comes (oracle/README.md): architectures, clamps, other numbers of
   channels, pictures that are not square, what newer programs write, TensorFlow, rosinality. */
static const fixture fixtures[] = {
    {"sg2ada-32.pkl", "sg2ada-32"},
    {"sg2ada-64-cond.pkl", "sg2ada-64-cond"},
    {"sg2ada-32-clamp-cl.pkl", "sg2ada-32-clamp-cl"},
    {"sg2ada-32-resnet.pkl", "sg2ada-32-resnet"},
    {"sg2ada-32-orig.pkl", "sg2ada-32-orig"},
    {"sg2ada-32-rgba-zw.pkl", "sg2ada-32-rgba-zw"},
    {"sg2ada-48x32-eps.pkl", "sg2ada-48x32-eps"},
    {"sg2ada-32-torch2-p4.pkl", "sg2ada-32"},
    {"sg2ada-32-clamp-cl-torch2-p2.pkl", "sg2ada-32-clamp-cl"},
    {"tf-sg2-32.pkl", "tf-sg2-32"},
    {"tf-sg2ada-64-cond.pkl", "tf-sg2ada-64-cond"},
    {"rosinality-32.pt", "rosinality-32"},
};
#define EACH_FIXTURE(f)                                                                            \
    (const fixture *f = fixtures; f < fixtures + sizeof(fixtures) / sizeof(*fixtures); f++)

static const char *oracle(void)
{
    const char *dir = getenv("LATENT_ORACLE");
    return dir ? dir : "../shared/oracle";
}

static latent_model *open_model(const char *name)
{
    char path[1000];
    latent_error e = {""};
    latent_model *m;
    snprintf(path, sizeof(path), "%s/%s", oracle(), name);
    if (access(path, R_OK)) {
        printf("SKIP %s is not there\n", path);
        skip();
    }
    m = latent_model_load(path, quietly, &e);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

static npz_array array(const char *name, const char *key)
{
    char path[1000], error[300];
    npz_array a;
    snprintf(path, sizeof(path), "%s/%s.npz", oracle(), name);
    if (npz_read(&a, path, key, error, sizeof(error)))
        fail_msg("%s", error);
    return a;
}

/* The same, or nothing where the file has no such array. */
static npz_array optional(const char *name, const char *key)
{
    char path[1000], error[300];
    npz_array a = {0};
    snprintf(path, sizeof(path), "%s/%s.npz", oracle(), name);
    if (npz_read(&a, path, key, error, sizeof(error)))
        return (npz_array){0};
    return a;
}

/* RMS of the difference over RMS of what is expected. */
static double distance(const float *is, const float *should, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += ((double)is[i] - should[i]) * ((double)is[i] - should[i]);
        s += (double)should[i] * should[i];
    }
    return sqrt(d / (s > 0 ? s : 1));
}

static void assert_close(const char *what, const float *is, const float *should, size_t n)
{
    double d = distance(is, should, n);
    if (!(d <= TOLERANCE))
        fail_msg("%s differs by %g", what, d);
}

/* The value of a node in channel, row, column order; freed by the caller. */
static float *planes(latent_node *n, size_t *count)
{
    latent_error e = {""};
    latent_tensor *t;
    float *p;
    size_t pixels, c;
    if (latent_evaluate(n, NULL, &t, &e))
        fail_msg("%s", e.text);
    c = (size_t)t->shape.c;
    pixels = t->count / c;
    p = malloc(t->count * sizeof(float));
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < c; k++)
            p[k * pixels + i] = t->data[i * c + k];
    *count = t->count;
    latent_tensor_release(t);
    return p;
}

static void assert_node(const char *name, const char *key, int sample, latent_node *n)
{
    npz_array a = array(name, key);
    size_t count, each = a.count / a.shape[0];
    float *is = planes(n, &count);
    assert_int_equal(count, each);
    assert_close(key, is, a.data + (size_t)sample * each, each);
    free(is);
    npz_free(&a);
}

static latent_node *chain(latent_model *m, const float *w, int rows, int layers, latent_noise noise)
{
    latent_error e = {""};
    latent_node *f = latent_model_input(m, w, rows, &e), *next;
    for (int i = 0; f && i < layers; i++, f = next) {
        next = latent_model_forward(m, i, f, &(latent_layer_context){NULL, 1, noise}, &e);
        latent_node_release(f);
    }
    if (!f)
        fail_msg("%s", e.text);
    return f;
}

static latent_node *image(latent_model *m, const float *w, int rows, latent_noise noise)
{
    latent_error e = {""};
    latent_node *f = chain(m, w, rows, m->generator.n_layers, noise),
                *rgb = latent_features_rgb(f, &e);
    latent_node_release(f);
    if (!rgb)
        fail_msg("%s", e.text);
    return rgb;
}

static void check_mapping(const fixture *f)
{
    const char *name = f->arrays;
    latent_model *m = open_model(f->file);
    latent_error e;
    npz_array z = array(name, "z"), w = array(name, "w"), psi = optional(name, "w_psi0.7");
    npz_array cut = optional(name, "w_psi0.5_cut4"), c = {0}, average = optional(name, "w_avg");
    size_t dim = (size_t)m->generator.w_dim, all = (size_t)m->generator.num_ws * dim;
    float *is = malloc(all * sizeof(float)), *ws = malloc(all * sizeof(float));
    if (m->generator.classes)
        c = array(name, "c");
    if (average.data)
        assert_close("w_avg", m->generator.w_avg, average.data, dim);
    assert_int_equal(z.shape[1], m->generator.z_dim);
    for (size_t k = 0; k < z.shape[0]; k++) {
        const float *classes = c.data ? c.data + k * (size_t)m->generator.classes : NULL;
        assert_int_equal(latent_model_map(m, z.data + k * z.shape[1], classes, is, &e), 0);
        assert_close("w", is, w.data + k * dim, dim);
        latent_model_truncate(m, is, 0.7f, 6, ws, &e);
        if (psi.data)
            assert_close("w_psi0.7", ws, psi.data + k * (psi.count / psi.shape[0]), dim);
        latent_model_truncate(m, is, 0.5f, 4, ws, &e);
        if (cut.data)
            assert_close("w_psi0.5_cut4", ws, cut.data + k * all, all);
    }
    free(is);
    free(ws);
    npz_free(&z);
    npz_free(&w);
    npz_free(&psi);
    npz_free(&cut);
    npz_free(&c);
    npz_free(&average);
    latent_model_release(m);
}

/* Of all samples, or as many as the file tells of; nothing where it tells nothing. */
static void assert_told(const char *name, const char *key, int sample, latent_node *n)
{
    npz_array a = optional(name, key);
    if (a.data && sample < (int)a.shape[0])
        assert_node(name, key, sample, n);
    npz_free(&a);
}

/* psi below 1: the picture of w brought towards the mean. */
static void check_picture(latent_model *m, const char *name, const char *key, int sample,
                          const float *w, float psi, latent_noise noise)
{
    float *ws = malloc((size_t)m->generator.w_dim * sizeof(float));
    latent_node *n;
    latent_error e;
    assert_int_equal(latent_model_truncate(m, w, psi, -1, ws, &e), 0);
    n = image(m, ws, 1, noise);
    assert_int_equal(n->shape.h, m->generator.height);
    assert_int_equal(n->shape.w, m->generator.width);
    assert_told(name, key, sample, n);
    latent_node_release(n);
    free(ws);
}

static void check_pictures(const fixture *f)
{
    const char *name = f->arrays;
    latent_model *m = open_model(f->file);
    npz_array w = array(name, "w");
    size_t dim = (size_t)m->generator.w_dim;
    latent_error e;
    for (int k = 0; k < (int)w.shape[0]; k++) {
        const float *style = w.data + (size_t)k * dim;
        for (int layer = 0; layer < m->generator.n_layers; layer++) {
            char key[80];
            latent_node *n = chain(m, style, 1, layer + 1, noise_const), *rgb;
            snprintf(key, sizeof(key), "features_%s", m->generator.layers[layer]);
            assert_told(name, key, k, n);
            if ((rgb = latent_features_rgb(n, &e))) {
                snprintf(key, sizeof(key), "rgb_%s", m->generator.layers[layer]);
                assert_told(name, key, k, rgb);
            }
            latent_node_release(rgb);
            latent_node_release(n);
        }
        check_picture(m, name, "image_const", k, style, 1, noise_const);
        check_picture(m, name, "image_none", k, style, 1, noise_none);
        check_picture(m, name, "image_psi0.7_const", k, style, 0.7f, noise_const);
    }
    npz_free(&w);
    latent_model_release(m);
}

static void check_mixing(const fixture *f)
{
    latent_model *m = open_model(f->file);
    npz_array w = array(f->arrays, "w");
    size_t dim = (size_t)m->generator.w_dim;
    float *ws = malloc((size_t)m->generator.num_ws * dim * sizeof(float));
    for (int k = 0; k < 2; k++) {
        latent_node *n;
        for (int row = 0; row < m->generator.num_ws; row++)
            memcpy(ws + (size_t)row * dim, w.data + (size_t)(row < 4 ? k : 1 - k) * dim,
                   dim * sizeof(float));
        n = image(m, ws, m->generator.num_ws, noise_const);
        assert_node(f->arrays, "image_mix4_const", k, n);
        latent_node_release(n);
    }
    free(ws);
    npz_free(&w);
    latent_model_release(m);
}

static void mapping(void **state)
{
    (void)state;
    for
        EACH_FIXTURE(f)
    check_mapping(f);
}
static void pictures(void **state)
{
    (void)state;
    for
        EACH_FIXTURE(f)
    check_pictures(f);
}
static void mixing(void **state)
{
    (void)state;
    check_mixing(fixtures);
    check_mixing(fixtures + 1);
}
/* A file of a program that saves no mean of w: that of 4,096 styles is taken. */
static void mean_is_found(void **state)
{
    char path[1000];
    unsigned char data[400000];
    float w[64], z[64];
    double mean[64] = {0}, d = 0;
    latent_random random;
    latent_error e = {""};
    latent_weights *weights;
    latent_model *m = NULL;
    size_t size;
    FILE *f;
    (void)state;
    snprintf(path, sizeof(path), "%s/rosinality-32.pt", oracle());
    if (!(f = fopen(path, "rb"))) {
        printf("SKIP %s is not there\n", path);
        skip();
    }
    size = fread(data, 1, sizeof(data), f);
    fclose(f);
    for (size_t i = 0; i + 10 < size; i++)
        if (!memcmp(data + i, "latent_avg", 10))
            memcpy(data + i, "latent_not", 10);
    if (!(weights = latent_weights_open_memory(data, size, &e)) ||
        !(m = latent_model_from_weights(weights, "without", quietly, &e)))
        fail_msg("%s", e.text);
    latent_weights_close(weights);
    assert_int_equal(m->generator.w_dim, 64);
    latent_random_seed(&random, 0);
    for (int k = 0; k < 4096; k++) {
        for (int i = 0; i < 64; i++)
            z[i] = (float)latent_random_gauss(&random);
        assert_int_equal(latent_model_map(m, z, NULL, w, &e), 0);
        for (int i = 0; i < 64; i++)
            mean[i] += (double)w[i] / 4096;
    }
    for (int i = 0; i < 64; i++)
        d = fmax(d, fabs(mean[i] - (double)m->generator.w_avg[i]));
    assert_true(d < 1e-5);
    latent_model_release(m);
}

static latent_model *builtin(void)
{
    latent_error e = {""};
    latent_model *m = latent_model_load("examples/models/fish.safetensors", quietly, &e);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

static void some_styles(const latent_model *m, float *ws, int rows, float shift)
{
    for (int i = 0; i < rows * m->generator.w_dim; i++)
        ws[i] = sinf(0.37f * (float)i + shift);
}

static long runs(void)
{
    latent_stats s;
    latent_stats_get(&s, NULL, 0);
    return s.runs;
}

static void only_what_changed_is_computed(void **state)
{
    latent_model *m = builtin();
    int row = m->generator.num_ws - 2; /* the last block's second convolution */
    float *ws = malloc((size_t)(m->generator.num_ws * m->generator.w_dim) * sizeof(float));
    latent_node *a, *b;
    latent_tensor *t;
    latent_error e;
    long all, again, last;
    (void)state;
    some_styles(m, ws, m->generator.num_ws, 0);
    latent_stats_reset();
    a = image(m, ws, m->generator.num_ws, noise_const);
    assert_int_equal(latent_evaluate(a, NULL, &t, &e), 0);
    latent_tensor_release(t);
    all = runs();
    b = image(m, ws, m->generator.num_ws, noise_const);
    assert_ptr_equal(a, b); /* same in, same promise out */
    latent_evaluate(b, NULL, &t, &e);
    latent_tensor_release(t);
    again = runs() - all;
    assert_int_equal(again, 0);
    latent_node_release(b);
    ws[row * m->generator.w_dim] += 1;
    b = image(m, ws, m->generator.num_ws, noise_const);
    assert_ptr_not_equal(a, b);
    latent_evaluate(b, NULL, &t, &e);
    latent_tensor_release(t);
    last = runs() - all;
    assert_int_equal(last, 3); /* a style, a convolution, a ToRGB */
    latent_node_release(a);
    latent_node_release(b);
    free(ws);
    latent_model_release(m);
}

static void a_small_budget_changes_nothing(void **state)
{
    latent_model *m = builtin();
    float *ws = malloc((size_t)m->generator.w_dim * sizeof(float)), *first, *second;
    size_t n, before = latent_cache();
    latent_node *a;
    (void)state;
    some_styles(m, ws, 1, 1);
    a = image(m, ws, 1, noise_const);
    first = planes(a, &n);
    latent_cache_forget();
    latent_cache_set(1000);
    second = planes(a, &n);
    latent_cache_set(before);
    assert_memory_equal(first, second, n * sizeof(float));
    free(first);
    free(second);
    free(ws);
    latent_node_release(a);
    latent_model_release(m);
}

/* ---- a picture as noise */

/* What is drawn with styles ws over noise that was drawn with styles drawer, times other numbers:
   one number.  given: the noise is taken as it is. */
static latent_node *over_drawn_noise(latent_model *m, const float *ws, const float *drawer,
                                     int given, latent_node *times)
{
    latent_error e = {""};
    latent_node *below = image(m, drawer, 1, noise_none), *taken, *with, *sum;
    taken = given ? latent_op_stop_gradient(below, &e) : latent_node_retain(below);
    with = image(m, ws, 1,
                 (latent_noise){.mode = LATENT_NOISE_PICTURE, .strength = 3, .picture = taken});
    sum = latent_op_dot(with, times, &e);
    if (!sum)
        fail_msg("%s", e.text);
    latent_node_release(below);
    latent_node_release(taken);
    latent_node_release(with);
    return sum;
}

static double sum_of(latent_node *n)
{
    size_t count;
    float *v = planes(n, &count);
    double is = v[0];
    free(v);
    latent_node_release(n);
    return is;
}

/* It is seen; one of one colour is no noise; and the gradient goes through it to the styles that
   drew it. */
static void a_picture_as_noise(void **state)
{
    enum { W = 8 };
    const float H = 3e-4f;
    static network plan;
    latent_error e = {""};
    latent_model *m;
    float ws[W], drawer[W], up[W], down[W], value, *grad, *plain, *even, *seen;
    latent_noise noise = {.mode = LATENT_NOISE_PICTURE, .strength = 3};
    latent_tensor *grey = latent_tensor_new((latent_shape){1, 20, 30, 3}, &e), *t;
    latent_node *with, *times;
    double along = 0, differs;
    int rows, w_dim;
    size_t n;
    (void)state;
    network_make(&plan, (network_plan){SKIP, W, W, 2, 3, {16, 12, 8}, 3, 0, 1}, 4);
    m = network_model(&plan);
    some_styles(m, ws, 1, 3);
    some_styles(m, drawer, 1, 5);
    assert_null(latent_model_picture(m, ws, 1, LATENT_WHOLE_PICTURE, noise, &e));
    for (size_t i = 0; i < grey->count; i++)
        grey->data[i] = .3f;
    noise.picture = latent_op_picture(grey, &e);
    even = planes(with = image(m, ws, 1, noise), &n);
    latent_node_release(with);
    latent_node_release(noise.picture);
    plain = planes(with = image(m, ws, 1, noise_none), &n);
    latent_node_release(with);
    assert_true(distance(even, plain, n) < 1e-4);
    t = latent_tensor_new((latent_shape){1, 16, 16, 3}, &e);
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)((int)(i * 37 % 23) - 11) / 11;
    times = latent_op_picture(t, &e);
    noise.picture = times;
    seen = planes(with = image(m, ws, 1, noise), &n);
    latent_node_release(with);
    assert_true(distance(seen, plain, n) > 1e-2);
    for (int given = 0; given < 2; given++) {
        with = over_drawn_noise(m, ws, drawer, given, times);
        if (latent_gradient_styles(with, NULL, &value, &grad, &rows, &w_dim, &e))
            fail_msg("%s", e.text);
        latent_node_release(with);
        for (int i = 0; i < rows * w_dim; i++) /* along (1, -1, 1 ...) */
            along += (double)(i % w_dim % 2 ? -grad[i] : grad[i]) * (given ? -1 : 1);
        free(grad);
    }
    for (int i = 0; i < W; i++) {
        up[i] = drawer[i] + (i % 2 ? -H : H);
        down[i] = drawer[i] - (i % 2 ? -H : H);
    }
    differs = sum_of(over_drawn_noise(m, ws, up, 1, times)) -
              sum_of(over_drawn_noise(m, ws, down, 1, times));
    differs /= 2 * H;
    if (!(fabs(along - differs) < .03 * fabs(along)))
        fail_msg("along the gradient %g, but it is %g", along, differs);
    latent_node_release(times);
    latent_tensor_release(grey);
    latent_tensor_release(t);
    free(even);
    free(plain);
    free(seen);
    latent_model_release(m);
    network_free(&plan);
}

static void random_noise_follows_its_seed(void **state)
{
    latent_model *m = builtin();
    float *ws = malloc((size_t)m->generator.w_dim * sizeof(float)), *first, *second;
    latent_noise noise = {.mode = LATENT_NOISE_RANDOM,
                          .seed = 7,
                          .strength = 10}; /* a network may have learned little */
    latent_node *a, *b, *c;
    size_t n;
    (void)state;
    some_styles(m, ws, 1, 2);
    a = image(m, ws, 1, noise);
    b = image(m, ws, 1, noise);
    noise.seed = 8;
    c = image(m, ws, 1, noise);
    assert_ptr_equal(a, b);
    first = planes(a, &n);
    second = planes(c, &n);
    assert_true(distance(first, second, n) > 1e-3);
    free(first);
    free(second);
    free(ws);
    latent_node_release(a);
    latent_node_release(b);
    latent_node_release(c);
    latent_model_release(m);
}

/* Written and read again it draws the same, to the bit.  Takes m over. */
static void same_when_read_back(latent_model *m)
{
    latent_model *copy;
    char path[] = "latent-test-XXXXXX";
    float *z = calloc((size_t)(m->generator.z_dim + m->generator.w_dim), sizeof(float)),
          *w = z + m->generator.z_dim;
    float *ws[2] = {calloc((size_t)m->generator.w_dim, sizeof(float)),
                    calloc((size_t)m->generator.w_dim, sizeof(float))};
    float *first, *second;
    latent_node *a, *b;
    latent_error e = {""};
    size_t n;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    if (latent_model_write(m, path, &e))
        fail_msg("%s", e.text);
    copy = latent_model_load(path, quietly, &e);
    unlink(path);
    if (!copy)
        fail_msg("%s", e.text);
    assert_int_equal(copy->generator.num_ws, m->generator.num_ws);
    for (int i = 0; i < m->generator.z_dim; i++)
        z[i] = (float)(i % 5 - 2);
    assert_int_equal(latent_model_map(m, z, NULL, ws[0], &e), 0);
    assert_int_equal(latent_model_map(copy, z, NULL, ws[1], &e), 0);
    assert_memory_equal(ws[0], ws[1], (size_t)m->generator.w_dim * sizeof(float));
    some_styles(m, w, 1, 3);
    a = image(m, w, 1, noise_const);
    b = image(copy, w, 1, noise_const);
    first = planes(a, &n);
    second = planes(b, &n);
    assert_memory_equal(first, second, n * sizeof(float));
    free(first);
    free(second);
    free(z);
    free(ws[0]);
    free(ws[1]);
    latent_node_release(a);
    latent_node_release(b);
    latent_model_release(m);
    latent_model_release(copy);
}

static void every_file_is_written(void **state)
{
    (void)state;
    for
        EACH_FIXTURE(f)
    same_when_read_back(open_model(f->file));
}

static void written_and_read_back(void **state)
{
    (void)state;
    same_when_read_back(builtin());
}

/* The smallest sizes of everything. */
static void smallest_networks(void **state)
{
    static const network_plan plans[] = {
        {SKIP, 1, 1, 1, 1, {1}, 3, 0, 1},         {SKIP, 4, 1, 2, 3, {4, 4, 4}, 3, 0, 1},
        {SKIP, 1, 4, 1, 2, {4, 4}, 1, 2, 1},      {SKIP, 3, 2, 3, 2, {1, 1}, 4, 0, 1},
        {RESNET, 1, 1, 1, 2, {1, 1}, 3, 1.5, 1},  {ORIG, 1, 1, 8, 2, {1, 2}, 1, 0, 0},
        {RESNET, 2, 1, 1, 3, {2, 1, 3}, 4, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
        network n;
        network_make(&n, plans[i], (uint32_t)i);
        same_when_read_back(network_model(&n));
        network_free(&n);
    }
}

/* A mapping with another learning-rate multiplier, told as a file of ours tells it, under any
   prefix, is another mapping, and stays it. */
static void another_mapping_rate(void **state)
{
    static const network_plan plan = {SKIP, 3, 2, 2, 1, {2}, 3, 0, 1};
    char path[] = "latent-test-XXXXXX", name[NETWORK_TENSORS][80];
    const float z[3] = {0.5f, -1, 2};
    float w[3][2];
    network n;
    (void)state;
    network_make(&n, plan, 4);
    for (int i = 0; i < 3; i++) {
        latent_meta_out meta = {"lr_multiplier", i == 1 ? "0.01" : "1"};
        latent_error e = {""};
        latent_model *m = NULL;
        latent_tensor_out t[NETWORK_TENSORS];
        int file = mkstemp(path);
        assert_true(file >= 0);
        close(file);
        for (int k = 0; k < n.n; k++) {
            t[k] = n.t[k];
            snprintf(name[k], sizeof(name[k]), "%s%s", i == 2 ? "any.thing." : "", n.name[k]);
            t[k].name = name[k];
        }
        if (latent_safetensors_write(path, t, (size_t)n.n, &meta, 1, &e) ||
            !(m = latent_model_load(path, quietly, &e)))
            fail_msg("%s", e.text);
        unlink(path);
        memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
        assert_int_equal(latent_model_map(m, z, NULL, w[i], &e), 0);
        same_when_read_back(m);
    }
    assert_memory_equal(w[0], w[2], sizeof(w[0]));
    assert_true(fabsf(w[0][0] - w[1][0]) + fabsf(w[0][1] - w[1][1]) > 1);
    network_free(&n);
}

/* Layers that are cut off at different values stay so. */
static void different_clamps(void **state)
{
    static const network_plan plan = {SKIP, 3, 2, 1, 2, {2, 3}, 3, 0, 1};
    static const latent_meta_out meta[] = {{"conv_clamp", "0.5"},
                                           {"synthesis.b8.conv0.conv_clamp", "0"},
                                           {"synthesis.b8.torgb.conv_clamp", "0.25"}};
    char path[] = "latent-test-XXXXXX";
    latent_error e = {""};
    latent_model *m = NULL;
    network n;
    int file = mkstemp(path);
    (void)state;
    assert_true(file >= 0);
    close(file);
    network_make(&n, plan, 2);
    if (latent_safetensors_write(path, n.t, (size_t)n.n, meta, 3, &e) ||
        !(m = latent_model_load(path, quietly, &e)))
        fail_msg("%s", e.text);
    unlink(path);
    same_when_read_back(m);
    network_free(&n);
}

/* One network as protocol 2 of pickle, and behind "module." in a zip. */
static void files_that_failed(void **state)
{
    static const char *const names[] = {"protocol2.pkl", "module-prefix.pt"};
    const char *folder = getenv("LATENT_CASES");
    latent_model *m[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        char path[1000];
        latent_error e = {""};
        snprintf(path, sizeof(path), "%s/%s", folder ? folder : "../shared/cases", names[i]);
        if (access(path, R_OK)) {
            printf("SKIP %s is not there\n", path);
            skip();
        }
        if (!(m[i] = latent_model_load(path, quietly, &e)))
            fail_msg("%s", e.text);
    }
    assert_string_equal(m[0]->generator.drawer.hash, m[1]->generator.drawer.hash);
    same_when_read_back(m[0]);
    same_when_read_back(m[1]);
}

static void refusals_are_sentences(void **state)
{
    latent_model *m = builtin();
    latent_error e = {""};
    char wrong[32];
    float *w = calloc((size_t)m->generator.w_dim, sizeof(float));
    latent_node *input = latent_model_input(m, w, 1, &e), *rgb;
    (void)state;
    assert_null(
        latent_model_forward(m, 1, input, &(latent_layer_context){NULL, 1, noise_const}, &e));
    assert_non_null(strstr(e.text, "layer 8 comes after layer 4"));
    rgb = latent_features_rgb(input, &e);
    assert_null(rgb);
    assert_non_null(strstr(e.text, "nothing is drawn yet"));
    assert_int_equal(latent_model_rows(m, m->generator.w_dim - 1, &e), -1);
    snprintf(wrong, sizeof(wrong), "%d numbers", m->generator.w_dim - 1);
    assert_non_null(strstr(e.text, wrong));
    assert_int_equal(latent_model_layer(m, "5", &e), -1);
    assert_non_null(strstr(e.text, "no layer 5"));
    free(w);
    latent_node_release(input);
    latent_model_release(m);
}

static void nothing_is_left(void **state)
{
    (void)state;
    latent_deferred_free_all();
    assert_int_equal(latent_node_count(), 0);
    assert_int_equal(latent_tensor_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping),
        cmocka_unit_test(pictures),
        cmocka_unit_test(every_file_is_written),
        cmocka_unit_test(mean_is_found),
        cmocka_unit_test(mixing),
        cmocka_unit_test(only_what_changed_is_computed),
        cmocka_unit_test(a_small_budget_changes_nothing),
        cmocka_unit_test(random_noise_follows_its_seed),
        cmocka_unit_test(a_picture_as_noise),
        cmocka_unit_test(written_and_read_back),
        cmocka_unit_test(smallest_networks),
        cmocka_unit_test(another_mapping_rate),
        cmocka_unit_test(different_clamps),
        cmocka_unit_test(files_that_failed),
        cmocka_unit_test(refusals_are_sentences),
        cmocka_unit_test(nothing_is_left),
    };
    return cmocka_run_group_tests_name("stylegan2", tests, NULL, NULL);
}
