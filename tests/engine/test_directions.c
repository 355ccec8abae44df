/* test_directions: directions against slow computations of what they are said to be, sets on disk,
   and calibration against pictures. */
#include "engine/graph/evaluate.h"
#include "engine/latents/directions.h"
#include "engine/latents/latents.h"
#include "helper_network.h"
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

#define Z 6
#define W 10
#define ROWS 6 /* of W+, for three blocks */
#define SAMPLES 500

static const latent_progress quietly = {NULL, NULL};
static network net;
static latent_model *model;

static int make_model(void **state)
{
    network_plan p = {SKIP, Z, W, 2, 3, {8, 6, 4}, 3, 0, 1};
    (void)state;
    network_make(&net, p, 5);
    model = network_model(&net);
    assert_int_equal(model->generator.num_ws, ROWS);
    return 0;
}

static int free_model(void **state)
{
    (void)state;
    latent_model_release(model);
    network_free(&net);
    return 0;
}

static latent_directions_settings settings(latent_method method)
{
    return (latent_directions_settings){
        .method = method, .count = 4, .first = -1, .last = -1, .seed = 3, .samples = SAMPLES};
}

static latent_directions *find(const latent_directions_settings *s)
{
    latent_error e = {""};
    latent_directions *d = latent_directions_find(model, s, quietly, &e);
    if (!d)
        fail_msg("%s", e.text);
    return d;
}

/* Styles of numpy's z, one after another. */
static double *styles(uint32_t seed)
{
    double *all = malloc(sizeof(double) * SAMPLES * W);
    latent_random r;
    latent_error e;
    latent_random_seed(&r, seed);
    for (int s = 0; s < SAMPLES; s++) {
        float z[Z], w[W];
        latent_draw(&r, Z, 0, z);
        assert_int_equal(latent_model_map(model, z, NULL, w, &e), 0);
        for (int i = 0; i < W; i++)
            all[s * W + i] = (double)w[i];
    }
    return all;
}

/* The deviation of the styles' products with v. */
static double spread(const double *all, const double *v)
{
    double sum = 0, square = 0;
    for (int s = 0; s < SAMPLES; s++) {
        double product = 0;
        for (int i = 0; i < W; i++)
            product += all[s * W + i] * v[i];
        sum += product;
        square += product * product;
    }
    return sqrt((square - sum * sum / SAMPLES) / (SAMPLES - 1));
}

static double size_of(const float *v, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

static void unit(const float *v, double *u)
{
    for (int i = 0; i < W; i++)
        u[i] = (double)v[i] / size_of(v, W);
}

/* Each direction is as long as the deviation along it. */
static void check_units(const latent_directions *d)
{
    double *all = styles(3), u[W];
    float v[W];
    for (int i = 0; i < d->count; i++) {
        latent_directions_get(d, i, v);
        unit(v, u);
        assert_true(fabs(spread(all, u) / size_of(v, W) - 1) < 1e-5);
        assert_true(fabs((double)d->at[i]->sigma / size_of(v, W) - 1) < 1e-6);
    }
    free(all);
}

static void check_signs(const latent_directions *d)
{
    for (int i = 0; i < d->count; i++) {
        int largest = 0;
        for (int k = 1; k < W; k++)
            if (fabsf(d->at[i]->v[k]) > fabsf(d->at[i]->v[largest]))
                largest = k;
        assert_true(d->at[i]->v[largest] > 0);
    }
}

static void test_statistics(void **state)
{
    double mean[W], covariance[W * W], *all = styles(8), true_mean[W] = {0};
    latent_error e;
    (void)state;
    assert_int_equal(
        latent_style_statistics(model, 8, SAMPLES, NULL, 1, mean, covariance, quietly, &e), 0);
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < W; i++)
            true_mean[i] += all[s * W + i] / SAMPLES;
    for (int i = 0; i < W; i++) {
        assert_true(fabs(mean[i] - true_mean[i]) < 1e-9 * (1 + fabs(mean[i])));
        for (int k = 0; k < W; k++) {
            double sum = 0;
            for (int s = 0; s < SAMPLES; s++)
                sum += (all[s * W + i] - true_mean[i]) * (all[s * W + k] - true_mean[k]);
            assert_true(fabs(covariance[i * W + k] - sum / (SAMPLES - 1)) <
                        1e-7 * (1 + fabs(sum / SAMPLES)));
        }
    }
    free(all);
}

/* |A v|^2 for the affine weights of those rows, straight from the file's tensors. */
static double strength(const double *v, int first, int last)
{
    static const struct {
        int row, out;
        const char *name;
    } layer[] = {{0, 8, "synthesis.b4.conv1"},
                 {1, 8, "synthesis.b8.conv0"},
                 {2, 6, "synthesis.b8.conv1"},
                 {3, 6, "synthesis.b16.conv0"},
                 {4, 4, "synthesis.b16.conv1"}};
    double sum = 0;
    for (int l = 0; l < 5; l++) {
        const float *a = network_get(&net, "%s.affine.weight", layer[l].name);
        for (int o = 0; o < layer[l].out && layer[l].row >= first && layer[l].row <= last; o++) {
            double product = 0;
            for (int i = 0; i < W; i++)
                product += (double)a[o * W + i] * v[i];
            sum += product * product;
        }
    }
    return sum;
}

/* No way of length 1 that is perpendicular to those before is stronger: tried by small turns
   towards every axis. */
static void check_strongest(const latent_directions *d, int first, int last)
{
    double u[W][W];
    for (int i = 0; i < d->count; i++) {
        double best;
        unit(d->at[i]->v, u[i]);
        best = strength(u[i], first, last);
        assert_true(i == 0 || best <= strength(u[i - 1], first, last) * (1 + 1e-5));
        for (int k = 0; k < i; k++) {
            double product = 0;
            for (int j = 0; j < W; j++)
                product += u[i][j] * u[k][j];
            assert_true(fabs(product) < 1e-5);
        }
        for (int axis = 0; axis < 2 * W; axis++) {
            double turned[W], size = 0;
            memcpy(turned, u[i], sizeof(turned));
            turned[axis / 2] += axis % 2 ? 0.05 : -0.05;
            for (int k = 0; k < i; k++) {
                double product = 0;
                for (int j = 0; j < W; j++)
                    product += turned[j] * u[k][j];
                for (int j = 0; j < W; j++)
                    turned[j] -= product * u[k][j];
            }
            for (int j = 0; j < W; j++)
                size += turned[j] * turned[j];
            for (int j = 0; j < W; j++)
                turned[j] /= sqrt(size);
            assert_true(strength(turned, first, last) <= best * (1 + 1e-5));
        }
    }
}

static void test_sefa(void **state)
{
    latent_directions_settings s = settings(LATENT_SEFA);
    latent_directions *d = find(&s);
    float list[ROWS * W];
    latent_error e;
    (void)state;
    assert_int_equal(d->count, 4);
    assert_int_equal(latent_directions_length(d, 0), W);
    assert_string_equal(d->method, "sefa");
    check_strongest(d, 0, ROWS - 1);
    check_units(d);
    check_signs(d);
    latent_directions_free(d);
    s.first = 2;
    s.last = 3;
    d = find(&s);
    check_strongest(d, 2, 3);
    assert_int_equal(latent_directions_length(d, 1), ROWS * W);
    latent_directions_get(d, 1, list);
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k < W; k++)
            assert_true(list[r * W + k] == (r == 2 || r == 3 ? d->at[1]->v[k] : 0));
    latent_directions_free(d);
    s.first = s.last = ROWS - 1; /* ToRGB's */
    assert_null(latent_directions_find(model, &s, quietly, &e));
    assert_non_null(strstr(e.text, "only draw"));
}

static void test_ganspace(void **state)
{
    latent_directions_settings s = settings(LATENT_GANSPACE);
    latent_directions *d, *again;
    double mean[W], covariance[W * W];
    latent_error e;
    (void)state;
    s.count = 99; /* there are not so many */
    d = find(&s);
    assert_int_equal(d->count, W);
    check_units(d);
    check_signs(d);
    assert_int_equal(
        latent_style_statistics(model, 3, SAMPLES, NULL, 1, mean, covariance, quietly, &e), 0);
    for (int i = 0; i < W; i++) {
        double u[W], sigma = (double)d->at[i]->sigma;
        assert_true(i == 0 || sigma <= (double)d->at[i - 1]->sigma);
        unit(d->at[i]->v, u);
        for (int k = 0; k < W; k++) {
            double product = 0;
            for (int j = 0; j < W; j++)
                product += covariance[k * W + j] * u[j];
            assert_true(fabs(product - sigma * sigma * u[k]) < 1e-5 * covariance[0] * W);
        }
    }
    again = find(&s);
    for (int i = 0; i < W; i++)
        assert_memory_equal(d->at[i]->v, again->at[i]->v, sizeof(float) * W);
    latent_directions_free(again);
    latent_directions_free(d);
}

static void test_random(void **state)
{
    latent_directions_settings s = settings(LATENT_RANDOM);
    latent_directions *d;
    latent_random r;
    double first[W], size = 0, u[W][W];
    (void)state;
    s.count = W;
    d = find(&s);
    check_units(d);
    latent_random_seed(&r, 3);
    for (int i = 0; i < W; i++) {
        first[i] = latent_random_gauss(&r);
        size += first[i] * first[i];
    }
    for (int i = 0; i < W; i++)
        unit(d->at[i]->v, u[i]);
    for (int i = 0; i < W; i++) {
        assert_true(fabs(u[0][i] - first[i] / sqrt(size)) < 1e-6);
        for (int k = 0; k < i; k++) {
            double product = 0;
            for (int j = 0; j < W; j++)
                product += u[i][j] * u[k][j];
            assert_true(fabs(product) < 1e-6);
        }
    }
    latent_directions_free(d);
}

static void test_difference(void **state)
{
    latent_directions_settings s = settings(LATENT_DIFFERENCE);
    float a[W], b[W], wide[ROWS * W], list[ROWS * W];
    double *all = styles(3), sum = 0, ratio;
    latent_directions *d;
    latent_error e;
    (void)state;
    for (int i = 0; i < W; i++) {
        a[i] = (float)all[i];
        b[i] = (float)all[W + i];
    }
    s.a = a;
    s.b = b;
    s.n_a = s.n_b = W;
    d = find(&s);
    assert_int_equal(d->count, 1);
    check_units(d);
    ratio = (double)(b[0] - a[0]) / (double)d->at[0]->v[0];
    assert_true(ratio > 0);
    for (int i = 0; i < W; i++)
        assert_true(fabs((double)(b[i] - a[i]) - ratio * (double)d->at[0]->v[i]) < 1e-4);
    latent_directions_free(d);
    /* each row another way: the deviations that the rows go, as a root mean square, are 1 */
    for (int i = 0; i < ROWS * W; i++)
        wide[i] = (float)all[i];
    s.b = wide;
    s.n_b = ROWS * W;
    s.first = 1; /* row 0 would not differ */
    s.last = ROWS - 1;
    d = find(&s);
    assert_int_equal(latent_directions_length(d, 0), ROWS * W);
    latent_directions_get(d, 0, list);
    for (int r = 0; r < ROWS; r++) {
        double u[W], size = size_of(list + r * W, W);
        if (r == 0) {
            assert_true(size == 0);
            continue;
        }
        unit(list + r * W, u);
        sum += size / spread(all, u) * (size / spread(all, u));
    }
    assert_true(fabs(sqrt(sum / (ROWS - 1)) - 1) < 1e-5);
    latent_directions_free(d);
    s.b = a;
    s.n_b = W;
    assert_null(latent_directions_find(model, &s, quietly, &e));
    assert_non_null(strstr(e.text, "the same"));
    free(all);
}

static void test_refused(void **state)
{
    latent_directions_settings s = settings(LATENT_SEFA);
    latent_directions *d = find(&s), *copy = latent_directions_copy(d);
    atomic_int cancel = 1;
    latent_error e;
    (void)state;
    s.last = ROWS;
    s.first = 2;
    assert_null(latent_directions_find(model, &s, quietly, &e));
    assert_non_null(strstr(e.text, "rows 0 to 5"));
    s = settings(LATENT_GANSPACE);
    s.samples = 1;
    assert_null(latent_directions_find(model, &s, quietly, &e));
    s = settings(LATENT_GANSPACE);
    s.count = 0;
    assert_null(latent_directions_find(model, &s, quietly, &e));
    s = settings(LATENT_DIFFERENCE);
    assert_null(latent_directions_find(model, &s, quietly, &e));
    s = settings(LATENT_GANSPACE);
    assert_null(latent_directions_find(model, &s, (latent_progress){NULL, &cancel}, &e));
    assert_int_equal(latent_directions_append(copy, d, &e), 0);
    assert_int_equal(copy->count, 8);
    copy->count = LATENT_DIRECTIONS_MOST;
    assert_int_equal(latent_directions_append(copy, d, &e), -1);
    copy->count = 8;
    copy->dim++;
    assert_int_equal(latent_directions_append(copy, d, &e), -1);
    latent_directions_free(copy);
    latent_directions_free(d);
}

/* ---- files */

static latent_directions *mixed(void)
{
    latent_directions_settings s = settings(LATENT_SEFA);
    latent_directions *d, *more;
    latent_error e;
    float a[W] = {0}, b[ROWS * W];
    for (int i = 0; i < ROWS * W; i++)
        b[i] = (float)i - 7.3f;
    d = find(&s);
    d->gain[2] = 1.7f;
    s = settings(LATENT_RANDOM);
    s.first = 1;
    s.last = 3;
    more = find(&s);
    assert_int_equal(latent_directions_append(d, more, &e), 0);
    latent_directions_free(more);
    s = settings(LATENT_DIFFERENCE);
    s.a = a;
    s.b = b;
    s.n_a = W;
    s.n_b = ROWS * W;
    more = find(&s);
    assert_int_equal(latent_directions_append(d, more, &e), 0);
    latent_directions_free(more);
    return d;
}

static void check_same(const latent_directions *a, const latent_directions *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->num_ws, b->num_ws);
    assert_string_equal(a->method, b->method);
    for (int i = 0; i < a->count; i++) {
        float x[ROWS * W], y[ROWS * W];
        int n = latent_directions_length(a, i);
        assert_int_equal(latent_directions_length(b, i), n);
        latent_directions_get(a, i, x);
        latent_directions_get(b, i, y);
        assert_memory_equal(x, y, sizeof(float) * (size_t)n);
        assert_true(a->at[i]->sigma == b->at[i]->sigma && a->gain[i] == b->gain[i]);
    }
}

static char *load(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(1 << 20);
    assert_non_null(f);
    *size = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static void test_files(void **state)
{
    static const char *const ending[] = {".txt", ".safetensors"};
    latent_directions *d = mixed(), *again;
    latent_error e;
    (void)state;
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof(path), "latent-directions-%ld%s", (long)getpid(), ending[i]);
        assert_int_equal(latent_directions_write(d, path, &e), 0);
        again = latent_directions_read(path, &e);
        assert_non_null(again);
        check_same(d, again);
        latent_directions_free(again);
        unlink(path);
        assert_null(latent_directions_read(path, &e));
    }
    assert_int_equal(latent_directions_write(d, "no/such/folder/x.txt", &e), -1);
    latent_directions_free(d);
}

static void test_damaged(void **state)
{
    latent_directions *d = mixed(), *got;
    latent_error e;
    latent_random r;
    char path[64], *text;
    size_t size;
    (void)state;
    snprintf(path, sizeof(path), "latent-damaged-%ld.txt", (long)getpid());
    assert_int_equal(latent_directions_write(d, path, &e), 0);
    text = load(path, &size);
    for (size_t n = 0; n + 3 < size; n += 7) { /* cut off */
        char *cut = malloc(n + 1);             /* of just its size, for the sanitizer */
        memcpy(cut, text, n);
        assert_null(latent_directions_parse(cut, n, &e));
        free(cut);
    }
    latent_random_seed(&r, 1);
    for (int i = 0; i < 2000; i++) { /* changed: refused, or a set that can be used */
        size_t at = latent_random_below(&r, (uint32_t)(i % 2 ? size : 120));
        char kept = text[at];
        text[at] = (char)(i % 3 ? latent_random_below(&r, 256) : '0' + latent_random_below(&r, 10));
        if ((got = latent_directions_parse(text, size, &e))) {
            float *list = malloc(sizeof(float) * (size_t)got->num_ws * (size_t)got->dim);
            for (int k = 0; k < got->count; k++)
                latent_directions_get(got, k, list);
            free(list);
        }
        latent_directions_free(got);
        text[at] = kept;
    }
    free(text);
    unlink(path);
    latent_directions_free(d);
}

static void refuse(const char *text, const char *reason)
{
    latent_error e = {""};
    assert_null(latent_directions_parse(text, strlen(text), &e));
    if (!strstr(e.text, reason))
        fail_msg("\"%s\" does not say \"%s\"", e.text, reason);
}

static void test_claims(void **state)
{
    latent_error e;
    latent_directions *d;
    const char *right = "directions 1 2 3 mine;\ndirection 1 2 0.5 1 1 3 -4;";
    float list[6];
    (void)state;
    d = latent_directions_parse(right, strlen(right), &e);
    assert_non_null(d);
    latent_directions_get(d, 0, list);
    assert_true(list[0] == 0 && list[2] == 3 && list[3] == -4 && list[5] == -4);
    latent_directions_free(d);
    refuse("", "the text ends");
    refuse("direct 1 2 3 mine;", "direct stands where");
    refuse("directions 1e9 2 3 mine;", "can't be");
    refuse("directions 1 2.5 3 mine;", "can't be");
    refuse("directions 1 2 1e30 mine;", "can't be");
    refuse("directions 1 2 0 mine;", "can't be");
    refuse("directions nan 2 3 mine;", "a number was expected");
    refuse("directions 1 60000 64 mine; direction -1 -1 1 1 64 1 1 1;", "the text ends inside");
    refuse("directions 1 2 3 mine; direction 1 5 0.5 1 1 3 -4;", "can't be");
    refuse("directions 1 2 3 mine; direction 1 2 0.5 1 2 3 -4 1 1 1 1 1 1;", "can't be");
    refuse("directions 1 2 3 mine; direction 1 2 0.5 0 1 3 -4;", "can't be");
    refuse("directions 1 2 3 mine; direction 1 2 0.5 1 1 3 -4 5;", "5 stands where");
    refuse("directions 1 2 3 mine; direction 1 2 0.5 1 1 3 inf;", "a number was expected");
    refuse("directions 1 2 3 amethodofalongname;", "name of a method");
}

/* ---- calibration */

static double change(const latent_directions *d, int i, int pictures, uint32_t seed)
{
    double square = 0;
    for (int p = 0; p < pictures; p++) {
        latent_random r;
        latent_error e;
        latent_tensor *t[2];
        float z[Z], base[W], way[ROWS * W], ws[ROWS * W];
        double sum = 0;
        latent_random_seed(&r, seed + (uint32_t)p);
        latent_draw(&r, Z, 0, z);
        latent_model_map(model, z, NULL, base, &e);
        latent_directions_get(d, i, way);
        if (latent_directions_length(d, i) == W)
            for (int k = W; k < ROWS * W; k++)
                way[k] = way[k - W];
        for (int side = 0; side < 2; side++) {
            latent_node *n;
            for (int k = 0; k < ROWS * W; k++)
                ws[k] = base[k % W] + (side ? 0.5f : -0.5f) * way[k];
            n = network_picture(model, ws, model->generator.num_ws);
            assert_int_equal(latent_evaluate(n, NULL, &t[side], &e), 0);
            latent_node_release(n);
        }
        for (size_t k = 0; k < t[0]->count; k++)
            sum += pow((double)t[1]->data[k] - (double)t[0]->data[k], 2);
        square += sum / (double)t[0]->count;
        latent_tensor_release(t[0]);
        latent_tensor_release(t[1]);
    }
    return sqrt(square / pictures);
}

static void test_calibration(void **state)
{
    enum { PICTURES = 3 };
    latent_directions *d = mixed();
    double low = INFINITY, high = 0, low_before = INFINITY, high_before = 0, before;
    latent_error e = {""};
    latent_calibration *c = latent_calibration_new(model, d, PICTURES, 20, -1, &e);
    int steps = 0, done;
    (void)state;
    d->gain[2] = 1;
    assert_non_null(c);
    before = latent_calibration_progress(c);
    while (!(done = latent_calibration_step(c, NULL, &e))) {
        assert_true(latent_calibration_progress(c) > before);
        before = latent_calibration_progress(c);
        steps++;
    }
    assert_int_equal(done, 1);
    assert_int_equal(steps + 1, 2 * PICTURES * d->count);
    for (int i = 0; i < d->count; i++) {
        double is = change(d, i, PICTURES, 20);
        low_before = fmin(low_before, is);
        high_before = fmax(high_before, is);
        d->gain[i] = latent_calibration_gains(c)[i];
        is = change(d, i, PICTURES, 20);
        low = fmin(low, is);
        high = fmax(high, is);
    }
    print_message("changes of %g to %g became %g to %g\n", low_before, high_before, low, high);
    assert_true(high / low < 1.15);
    assert_true(high_before / low_before > 1.5);
    latent_calibration_free(c);
    d->num_ws++;
    assert_null(latent_calibration_new(model, d, 3, 1, -1, &e));
    d->num_ws--;
    assert_null(latent_calibration_new(model, d, 0, 1, -1, &e));
    assert_null(latent_calibration_new(model, d, 3, 1, 7, &e));
    latent_directions_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics), cmocka_unit_test(test_sefa),
        cmocka_unit_test(test_ganspace),   cmocka_unit_test(test_random),
        cmocka_unit_test(test_difference), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_files),      cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_claims),     cmocka_unit_test(test_calibration),
    };
    return cmocka_run_group_tests(tests, make_model, free_model);
}
