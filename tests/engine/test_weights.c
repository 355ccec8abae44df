/* Tests of the readers in engine/weights: the fixtures with values from an independent decoding,
   small files made by hand (helper_files.c), and files that lie. */
#include "engine/weights/weights.h"
#include "helper_files.h"
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Helpers. */

static latent_weights *open_bytes(const bytes *b)
{
    latent_error e = {""};
    latent_weights *w = latent_weights_open_memory(b->data, b->size, &e);
    if (!w)
        print_message("refused: %s\n", e.text);
    assert_non_null(w);
    return w;
}

/* Frees b.  The sentence must be there, and contain a word. */
static void expect_refusal(bytes *b, const char *word)
{
    latent_error e = {""};
    latent_weights *w = latent_weights_open_memory(b->data, b->size, &e);
    assert_null(w);
    if (!strstr(e.text, word))
        print_message("'%s' has no '%s'\n", e.text, word);
    assert_non_null(strstr(e.text, word));
    bytes_free(b);
}

static float *numbers_of(latent_weights *w, const char *name)
{
    latent_error e = {""};
    const latent_entry *t = latent_weights_find(w, name);
    float *x;
    if (!t)
        print_message("there is no %s\n", name);
    assert_non_null(t);
    x = malloc(((size_t)t->count + 1) * sizeof(float));
    assert_non_null(x);
    assert_int_equal(latent_weights_read(w, t, x, &e), 0);
    return x;
}

static void expect_numbers(latent_weights *w, const char *name, const float *wanted, size_t n)
{
    float *x = numbers_of(w, name);
    assert_int_equal(latent_weights_find(w, name)->count, n);
    for (size_t i = 0; i < n; i++)
        assert_true(x[i] == wanted[i]);
    free(x);
}

static void expect_number(const latent_weights *w, const char *key, double wanted)
{
    double x;
    assert_int_equal(latent_weights_number(w, key, &x), 0);
    assert_true(fabs(x - wanted) <= 1e-12 * fabs(wanted));
}

/* A tensor's shape (as text), its first number, the sum of all, and the sum of the squares, each
   weighted with its place modulo 97, plus one. */
static void expect_tensor(latent_weights *w, const char *name, const char *shape, double first,
                          double sum, double weighted)
{
    const latent_entry *t = latent_weights_find(w, name);
    float *x = numbers_of(w, name);
    char text[80] = "";
    double s = 0, q = 0;
    for (int i = 0; i < t->rank; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%lld", i ? "," : "",
                 (long long)t->dim[i]);
    assert_string_equal(text, shape);
    for (int64_t i = 0; i < t->count; i++) {
        s += x[i];
        q += (double)x[i] * x[i] * (double)(i % 97 + 1);
    }
    if (fabs(x[0] - first) > 1e-7 * fabs(first) + 1e-9 || fabs(s - sum) > 1e-6 * fabs(sum) + 1e-6 ||
        fabs(q - weighted) > 1e-6 * weighted)
        print_message("%s: %.9g %.9g %.9g\n", name, x[0], s, q);
    assert_true(fabs(x[0] - first) <= 1e-7 * fabs(first) + 1e-9);
    assert_true(fabs(s - sum) <= 1e-6 * fabs(sum) + 1e-6);
    assert_true(fabs(q - weighted) <= 1e-6 * weighted);
    free(x);
}

/* Opens a fixture, or skips the test when there are no fixtures. */
static latent_weights *fixture(const char *name)
{
    const char *folder = getenv("LATENT_ORACLE");
    char path[4096];
    latent_error e = {""};
    latent_weights *w;
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "../shared/oracle", name);
    if (access(path, R_OK) < 0) {
        print_message("SKIP: there is no %s; LATENT_ORACLE names the folder of fixtures\n", path);
        skip();
    }
    w = latent_weights_open(path, &e);
    if (!w)
        print_message("refused: %s\n", e.text);
    assert_non_null(w);
    return w;
}

/* The fixtures. */

static void stylegan2(void **state)
{
    latent_weights *w = fixture("sg2ada-32.pkl");
    double x;
    (void)state;
    assert_string_equal(latent_weights_format(w), "pickle");
    assert_int_equal(latent_weights_count(w), 256);
    expect_tensor(w, "G_ema.mapping.w_avg", "64", 0.0167194959, 1.73632406, 27.3490984);
    expect_tensor(w, "G_ema.synthesis.b32.conv0.weight", "16,32,3,3", -0.377678663, 36.8015984,
                  218730.3);
    expect_tensor(w, "G.synthesis.b4.const", "32,4,4", -1.5255959, -1.39275295, 24664.9046);
    expect_tensor(w, "G_ema.synthesis.b8.torgb.bias", "3", 0.0895649344, -0.121504962, 0.523958334);
    expect_number(w, "G_ema._init_kwargs.z_dim", 64);
    expect_number(w, "G_ema._init_kwargs.synthesis_kwargs.channel_base", 512);
    expect_number(w, "G_ema.synthesis.b4.conv1.act_gain", sqrt(2));
    expect_number(w, "G_ema.mapping.fc0.weight_gain", 0.01 / 8);
    expect_number(w, "G_ema.synthesis.b16.use_fp16", 0);
    assert_string_equal(latent_weights_text(w, "G_ema.synthesis.b16.architecture"), "skip");
    assert_string_equal(latent_weights_text(w, "G_ema.class_name"), "Generator");
    assert_int_equal(latent_weights_number(w, "G_ema.synthesis.b16.conv1.conv_clamp", &x), -1);
    assert_int_equal(latent_weights_number(w, "G_ema.class_name", &x), -1);
    assert_null(latent_weights_text(w, "G_ema._init_kwargs.z_dim"));
    assert_null(latent_weights_find(w, "G_ema.synthesis.b64.conv0.weight"));
    latent_weights_close(w);
    w = fixture("sg2ada-64-cond.pkl");
    assert_int_equal(latent_weights_count(w), 353);
    expect_tensor(w, "G_ema.mapping.embed.weight", "64,5", -1.07444334, 8.93056291, 11962.8341);
    expect_tensor(w, "G_ema.synthesis.b64.torgb.weight", "3,32,1,1", -0.0241750591, -27.2646164,
                  4145.37524);
    expect_number(w, "G_ema.c_dim", 5);
    expect_number(w, "D.b4.mbstd.group_size", 4);
    latent_weights_close(w);
}

static void stylegan3(void **state)
{
    latent_weights *w = fixture("sg3t-64.pkl");
    (void)state;
    assert_int_equal(latent_weights_count(w), 314);
    expect_tensor(w, "G_ema.synthesis.input.freqs", "32,2", -0.871343553, -4.80540576, 2244.20463);
    expect_tensor(w, "G_ema.synthesis.input.transform", "3,3", 1, 3, 15);
    expect_tensor(w, "G_ema.synthesis.L6_64_3.magnitude_ema", "", 1.0183202, 1.0183202, 1.03697604);
    expect_tensor(w, "G_ema.synthesis.L6_64_3.in_size", "2", 64, 128, 12288);
    expect_number(w, "G_ema.synthesis.L6_64_3.out_cutoff", 32);
    expect_number(w, "G_ema.synthesis.L6_64_3.use_fp16", 0);
    latent_weights_close(w);
    w = fixture("sg3r-64.pkl");
    assert_int_equal(latent_weights_count(w), 314);
    expect_tensor(w, "G_ema.synthesis.L0_36_32.down_filter", "12,12", 8.41209669e-07, 1, 1.4148561);
    latent_weights_close(w);
}

/* The same CLIP in three files. */
static void clip(void **state)
{
    latent_weights *pt = fixture("clip-vit-tiny.pt"), *jit = fixture("clip-vit-tiny-jit.pt"),
                   *hf = fixture("clip-vit-tiny-hf.safetensors");
    (void)state;
    assert_string_equal(latent_weights_format(pt), "torch zip");
    assert_string_equal(latent_weights_format(jit), "torch zip");
    assert_string_equal(latent_weights_format(hf), "safetensors");
    assert_int_equal(latent_weights_count(pt), 74);
    assert_int_equal(latent_weights_count(jit), 74);
    assert_int_equal(latent_weights_count(hf), 94);
    expect_tensor(pt, "token_embedding.weight", "49408,32", 0.00750350952, -8.56370801, 31012.0314);
    expect_tensor(hf, "visual_projection.weight", "32,64", 0.0292816162, -4.4594909, 1481.1476);
    for (size_t i = 0; i < latent_weights_count(pt); i++) {
        const latent_entry *t = latent_weights_at(pt, i);
        float *half = numbers_of(pt, t->name), *single = numbers_of(jit, t->name);
        assert_int_equal(t->dtype, LATENT_F16);
        assert_int_equal(latent_weights_find(jit, t->name)->dtype, LATENT_F32);
        for (int64_t k = 0; k < t->count; k++)
            assert_true(fabsf(half[k] - single[k]) <= 1e-3f * fabsf(single[k]) + 1e-7f);
        free(half);
        free(single);
    }
    assert_null(latent_weights_at(pt, 74));
    latent_weights_close(pt);
    latent_weights_close(jit);
    latent_weights_close(hf);
}

static void taef2(void **state)
{
    latent_weights *w = fixture("../data/taef2/taef2_decoder.pth");
    (void)state;
    assert_int_equal(latent_weights_count(w), 79);
    expect_tensor(w, "1.weight", "64,32,3,3", -0.00317001343, 8.68201745, 495.648001);
    latent_weights_close(w);
    w = fixture("../data/taef2/taef2_encoder.pth");
    assert_int_equal(latent_weights_count(w), 79);
    expect_tensor(w, "0.weight", "64,3,3,3", -0.14050293, -0.0720456839, 458.068447);
    latent_weights_close(w);
}

/* Small files. */

static void network(void **state)
{
    static const float turned[] = {0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11},
                       later[] = {4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, seven[] = {7},
                       square[] = {0, 1, 2, 3}, size[] = {0, 1, 2, 3, 4, 5},
                       size_f[] = {0, 2, 4, 1, 3, 5};
    bytes b = make_seed(0, NULL);
    latent_weights *w = open_bytes(&b);
    double x;
    (void)state;
    assert_string_equal(latent_weights_format(w), "pickle");
    assert_int_equal(latent_weights_count(w), 6);
    expect_numbers(w, "G_ema.b4.weight", turned, 12);
    assert_int_equal(latent_weights_find(w, "G_ema.b4.weight")->dtype, LATENT_F16);
    expect_numbers(w, "G_ema.b4.noise_const", later, 12);
    expect_numbers(w, "G_ema.b4.noise_strength", seven, 1);
    assert_int_equal(latent_weights_find(w, "G_ema.b4.noise_strength")->rank, 0);
    expect_numbers(w, "G_ema.b4.filter", square, 4);
    expect_numbers(w, "G_ema.b4.size", size, 6);
    expect_numbers(w, "G_ema.b4.size_f", size_f, 6);
    expect_number(w, "G_ema.b4.conv_clamp", 256);
    expect_number(w, "G_ema.z_dim", 64);
    expect_number(w, "G_ema.training", 0);
    expect_number(w, "G_ema._init_kwargs.synthesis_kwargs.channel_base", 32768);
    assert_string_equal(latent_weights_text(w, "G_ema.b4.architecture"), "skip");
    assert_int_equal(latent_weights_number(w, "G_ema.nothing", &x), -1);
    latent_weights_close(w);
    bytes_free(&b);
}

static void torch_files(void **state)
{
    static const float turned[] = {1, 3, 5, 2, 4, 6};
    static const char *const formats[] = {"torch zip", "torch zip", "torch legacy"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        bytes b = make_seed(1 + i, NULL);
        latent_weights *w = open_bytes(&b);
        assert_string_equal(latent_weights_format(w), formats[i]);
        assert_int_equal(latent_weights_count(w), 1);
        expect_numbers(w, "g_ema.conv1.conv.weight", turned, 6);
        expect_number(w, "iteration", 7);
        latent_weights_close(w);
        bytes_free(&b);
    }
}

static void old_pickle(void **state)
{
    static const float up[] = {0, 1, 2, 3, 4, 5};
    bytes b = make_seed(4, NULL);
    latent_weights *w = open_bytes(&b);
    (void)state;
    expect_numbers(w, "tensor", up, 6);
    expect_number(w, "a", 42);
    expect_number(w, "b", 0.25);
    expect_number(w, "c", 12);
    expect_number(w, "flag", 1);
    expect_number(w, "list.1", 2);
    expect_number(w, "again.0", 1);
    latent_weights_close(w);
    bytes_free(&b);
}

static void safetensors_file(void **state)
{
    static const float up[] = {0, 1, 2, 3, 4, 5}, mask[] = {1, 0};
    bytes b = make_seed(5, NULL);
    latent_weights *w = open_bytes(&b);
    (void)state;
    expect_numbers(w, "conv", up, 6);
    expect_numbers(w, "half", up, 4);
    expect_numbers(w, "mask", mask, 2);
    assert_string_equal(latent_weights_text(w, "format"), "pt");
    assert_string_equal(latent_weights_text(w, "psi"), "0.7");
    expect_number(w, "psi", 0.7);
    latent_weights_close(w);
    bytes_free(&b);
}

/* {"t": one tensor} in a plain pickle. */
static bytes one_tensor(const char *class, int64_t count, const bytes *numbers, int64_t offset,
                        int rank, const int64_t *dim, const int64_t *stride)
{
    bytes b = {0};
    pickle_begin(&b, 2);
    put_text(&b, "}");
    pickle_text(&b, "t");
    tensor_begin(&b);
    storage_embedded(&b, class, count, numbers, 0);
    tensor_end(&b, offset, rank, dim, stride);
    put_text(&b, "s.");
    return b;
}

static void kinds_of_numbers(void **state)
{
    static const int64_t three[] = {3}, one[] = {1};
    static const float whole[] = {1, -2, 100}, truth[] = {1, 0, 1}, reals[] = {1.5f, -2.25f, 3};
    static const struct {
        const char *class;
        int size;
        uint64_t raw[3];
        const float *wanted;
    } cases[] = {
        {"FloatStorage", 4, {0x3fc00000, 0xc0100000, 0x40400000}, reals},
        {"HalfStorage", 2, {0x3e00, 0xc080, 0x4200}, reals},
        {"BFloat16Storage", 2, {0x3fc0, 0xc010, 0x4040}, reals},
        {"DoubleStorage", 8, {0x3ff8000000000000, 0xc002000000000000, 0x4008000000000000}, reals},
        {"LongStorage", 8, {1, (uint64_t)-2, 100}, whole},
        {"IntStorage", 4, {1, (uint64_t)-2, 100}, whole},
        {"ShortStorage", 2, {1, (uint64_t)-2, 100}, whole},
        {"CharStorage", 1, {1, (uint64_t)-2, 100}, whole},
        {"BoolStorage", 1, {1, 0, 1}, truth},
        {"ByteStorage", 1, {1, 0, 1}, truth},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bytes numbers = {0}, b;
        latent_weights *w;
        for (int k = 0; k < 3; k++)
            put(&numbers, &cases[i].raw[k], (size_t)cases[i].size);
        b = one_tensor(cases[i].class, 3, &numbers, 0, 1, three, one);
        w = open_bytes(&b);
        expect_numbers(w, "t", cases[i].wanted, 3);
        latent_weights_close(w);
        bytes_free(&b);
        bytes_free(&numbers);
    }
}

static void rare_records(void **state)
{
    static const float third[] = {3, 4}, first[] = {0, 1}, scalar[] = {2.5f};
    bytes b = make_seed(6, NULL);
    latent_weights *w = open_bytes(&b);
    (void)state;
    assert_int_equal(latent_weights_count(w), 5);
    expect_numbers(w, "view", third, 2);
    assert_int_equal(latent_weights_find(w, "typed")->dtype, LATENT_U8);
    expect_numbers(w, "subclass", first, 2);
    expect_numbers(w, "scalar", scalar, 1);
    expect_number(w, "scalar", 2.5);
    expect_numbers(w, "array", scalar, 1);
    expect_number(w, "list.0", 7);
    expect_number(w, "twice", 2);
    expect_number(w, "old.depth", 9);
    latent_weights_close(w);
    bytes_free(&b);
}

/* An archive above 4 GB has its sizes and places in extra fields; a small one may, too. */
static void wide_archive(void **state)
{
    static const float up[2] = {1, 2};
    static const int64_t two[] = {2}, one[] = {1};
    zip_writer z = {0};
    bytes data = {0}, numbers = {0}, wide = {0};
    latent_weights *w;
    size_t place;
    (void)state;
    pickle_begin(&data, 2);
    put_text(&data, "}");
    pickle_text(&data, "t");
    tensor_begin(&data);
    storage_id(&data, "FloatStorage", "0", 2);
    tensor_end(&data, 0, 1, two, one);
    put_text(&data, "s.");
    put_floats(&numbers, up, 2);
    zip_member(&z, "a/data/0", &numbers);
    zip_member(&z, "a/data.pkl", &data);
    /* the second entry of the table again, its three values as 64-bit ones */
    place = z.table.size - 46 - strlen("a/data.pkl");
    memset(z.table.data + place + 20, 0xff, 8);
    memset(z.table.data + place + 42, 0xff, 4);
    z.table.data[place + 30] = 28 + 4;
    put_u16(&z.table, 0x7777);
    put_u16(&z.table, 0);
    put_u16(&z.table, 1);
    put_u16(&z.table, 24);
    put_u64(&z.table, data.size);
    put_u64(&z.table, data.size);
    put_u64(&z.table, 30 + strlen("a/data/0") + numbers.size);
    place = z.file.size;
    put(&wide, z.file.data, z.file.size);
    put(&wide, z.table.data, z.table.size);
    put_text(&wide, "PK\6\6");
    put_u64(&wide, 44);
    put_u32(&wide, 0);
    put_u64(&wide, 0);
    put_u64(&wide, 2);
    put_u64(&wide, 2);
    put_u64(&wide, z.table.size);
    put_u64(&wide, place);
    put_text(&wide, "PK\6\7");
    put_u32(&wide, 0);
    put_u64(&wide, place + z.table.size);
    put_u32(&wide, 1);
    put_text(&wide, "PK\5\6");
    put_u64(&wide, UINT64_MAX);
    put_u64(&wide, UINT64_MAX);
    put_u16(&wide, 0);
    w = open_bytes(&wide);
    expect_numbers(w, "t", up, 2);
    latent_weights_close(w);
    bytes_free(&wide);
    bytes_free(&z.file);
    bytes_free(&z.table);
    bytes_free(&data);
    bytes_free(&numbers);
}

/* Many tensors that all describe the same long stream again and again. */
static void over_and_over(void **state)
{
    static const int64_t one[] = {1};
    const float x = 3;
    bytes b = {0}, numbers = {0}, filler = {0}, stream = {0}, id = {0};
    (void)state;
    put_floats(&numbers, &x, 1);
    storage_id(&id, "FloatStorage", "0", 1);
    for (int i = 0; i < 5000; i++)
        put_text(&filler, "N0");
    put(&filler, id.data, id.size);
    legacy_stream(&stream, &filler, 1, &numbers);
    pickle_begin(&b, 2);
    pickle_bytes(&b, &stream);
    put_text(&b, "q\1](");
    for (int i = 0; i < 300; i++) {
        tensor_begin(&b);
        pickle_global(&b, "torch.storage", "_load_from_bytes");
        put_text(&b, "h\1\x85R");
        tensor_end(&b, 0, 1, one, one);
    }
    put_text(&b, "e\x86.");
    expect_refusal(&b, "over and over");
    bytes_free(&numbers);
    bytes_free(&filler);
    bytes_free(&stream);
    bytes_free(&id);
}

/* Every order of the axes of a large tensor, which is read in several windows. */
static void strides(void **state)
{
    static const int64_t dim[3] = {70, 90, 110};
    const size_t n = 70 * 90 * 110 + 5;
    float *x = malloc(n * sizeof(float));
    bytes numbers = {0};
    (void)state;
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)i;
    put_floats(&numbers, x, n);
    free(x);
    for (int order = 0; order < 6; order++) {
        static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        int64_t stride[3], step = 1;
        bytes b;
        latent_weights *w;
        float *y, *at;
        for (int i = 2; i >= 0; i--) {
            stride[orders[order][i]] = step;
            step *= dim[orders[order][i]];
        }
        b = one_tensor("FloatStorage", (int64_t)n, &numbers, 5, 3, dim, stride);
        w = open_bytes(&b);
        at = y = numbers_of(w, "t");
        for (int64_t i = 0; i < dim[0]; i++)
            for (int64_t j = 0; j < dim[1]; j++)
                for (int64_t k = 0; k < dim[2]; k++)
                    assert_true(*at++ ==
                                (float)(5 + i * stride[0] + j * stride[1] + k * stride[2]));
        free(y);
        latent_weights_close(w);
        bytes_free(&b);
    }
    bytes_free(&numbers);
}

static void odd_shapes(void **state)
{
    static const int64_t spread[] = {3, 2}, every[] = {0, 1}, none[] = {0, 7}, one[] = {7, 1},
                         sparse[] = {2, 2}, far[] = {700000, 3};
    static const float repeated[] = {1, 2, 1, 2, 1, 2}, corners[] = {0, 3, 700000, 700003};
    bytes numbers = {0}, b;
    latent_weights *w;
    float *x = malloc(700004 * sizeof(float));
    (void)state;
    assert_non_null(x);
    for (int i = 0; i < 700004; i++)
        x[i] = (float)i;
    put_floats(&numbers, x, 700004);
    free(x);
    b = one_tensor("FloatStorage", 700004, &numbers, 1, 2, spread, every);
    w = open_bytes(&b);
    expect_numbers(w, "t", repeated, 6);
    latent_weights_close(w);
    bytes_free(&b);
    b = one_tensor("FloatStorage", 700004, &numbers, 0, 2, none, one);
    w = open_bytes(&b);
    expect_numbers(w, "t", NULL, 0);
    latent_weights_close(w);
    bytes_free(&b);
    b = one_tensor("FloatStorage", 700004, &numbers, 0, 2, sparse, far);
    w = open_bytes(&b);
    expect_numbers(w, "t", corners, 4);
    latent_weights_close(w);
    bytes_free(&b);
    bytes_free(&numbers);
}

/* Every half goes to float32 and back to itself; and some that must round. */
static void halves(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        float f = latent_half_to_float((uint16_t)h);
        int exponent = h >> 10 & 31, fraction = h & 1023;
        double wanted = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (exponent == 31 && fraction) {
            assert_true(isnan(f));
            assert_true(isnan(latent_half_to_float(latent_half_from_float(f))));
            continue;
        }
        if (exponent == 31)
            wanted = INFINITY;
        assert_true(f == (float)(h & 0x8000 ? -wanted : wanted));
        assert_int_equal(latent_half_from_float(f), h);
        if (exponent < 31 && fraction < 1023) { /* halfway to the next: to the even one */
            float next = latent_half_to_float((uint16_t)(h + 1)), middle = (f + next) / 2;
            assert_int_equal(latent_half_from_float(middle), h & 1 ? h + 1 : h);
            assert_int_equal(latent_half_from_float(nextafterf(middle, f)), h);
            assert_int_equal(latent_half_from_float(nextafterf(middle, next)), h + 1);
        }
    }
    assert_int_equal(latent_half_from_float(65519.996f), 0x7bff);
    assert_int_equal(latent_half_from_float(65520), 0x7c00);
    assert_int_equal(latent_half_from_float(-1e30f), 0xfc00);
    assert_int_equal(latent_half_from_float(1e-30f), 0);
}

/* Writing. */

static char folder[1024];

static int make_folder(void **state)
{
    const char *where = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof(folder), "%s/latent-weights-XXXXXX", where ? where : P_tmpdir);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void round_trip(void **state)
{
    float x[24], y[5] = {0.5f, -1, 65504, 6e-8f, 0};
    latent_tensor_out tensors[] = {{"half", LATENT_F16, 1, {5}, y},
                                   {"with \"quotes\" \\ and \xc3\xa4", LATENT_F32, 3, {2, 3, 4}, x},
                                   {"single", LATENT_F32, 0, {0}, y},
                                   {"none", LATENT_F32, 2, {0, 3}, x}};
    latent_meta_out meta[] = {{"kind", "stylegan2"}, {"line\n", "tab\t\1"}, {"psi", "0.7"}};
    latent_error e = {""};
    latent_weights *w;
    char path[1100], gone[1100];
    struct stat status;
    (void)state;
    for (int i = 0; i < 24; i++)
        x[i] = (float)i / 7;
    snprintf(path, sizeof(path), "%s/out.safetensors", folder);
    snprintf(gone, sizeof(gone), "%s/none/out.safetensors", folder);
    assert_int_equal(latent_safetensors_write(path, tensors, 1, NULL, 0, &e), 0);
    assert_int_equal(latent_safetensors_write(path, tensors, 4, meta, 3, &e), 0);
    w = latent_weights_open(path, &e);
    assert_non_null(w);
    assert_int_equal(latent_weights_count(w), 4);
    expect_numbers(w, tensors[1].name, x, 24);
    expect_numbers(w, "single", y, 1);
    expect_numbers(w, "none", x, 0);
    y[3] = latent_half_to_float(latent_half_from_float(y[3]));
    expect_numbers(w, "half", y, 5);
    assert_string_equal(latent_weights_text(w, "kind"), "stylegan2");
    assert_string_equal(latent_weights_text(w, "line\n"), "tab\t\1");
    expect_number(w, "psi", 0.7);
    /* cut under our hands: an error, no signal */
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(latent_weights_read(w, latent_weights_find(w, tensors[1].name), x, &e), -1);
    assert_non_null(strstr(e.text, "shorter"));
    latent_weights_close(w);
    assert_int_equal(latent_safetensors_write(gone, tensors, 4, meta, 3, &e), -1);
    assert_non_null(strstr(e.text, "No such file"));
    tensors[0].dtype = LATENT_I64;
    assert_int_equal(latent_safetensors_write(path, tensors, 4, meta, 3, &e), -1);
    tensors[0].dtype = LATENT_F16;
    tensors[0].dim[0] = -1;
    assert_int_equal(latent_safetensors_write(path, tensors, 4, meta, 3, &e), -1);
    /* what failed changed nothing */
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 100);
    assert_int_equal(unlink(path), 0);
}

/* A network in parts: from any of them, and from their index; what is missing is named. */
static void several_files(void **state)
{
    static const char *const names[] = {"fish-00001-of-00002.safetensors",
                                        "fish-00002-of-00002.safetensors",
                                        "fish.safetensors.index.json"};
    static const char index[] = "{\"metadata\": {\"total_size\": 36}, \"weight_map\": {\"a\": "
                                "\"fish-00001-of-00002.safetensors\", \"b\": "
                                "\"fish-00002-of-00002.safetensors\"}}";
    const float x[4] = {1, 2, 3, 4}, y[5] = {5, 6, 7, 8, 9};
    latent_tensor_out a = {"a", LATENT_F32, 1, {4}, x}, b = {"b", LATENT_F16, 1, {5}, y};
    latent_error e = {""};
    char path[3][1100];
    FILE *f;
    (void)state;
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof(path[i]), "%s/%s", folder, names[i]);
    assert_int_equal(latent_safetensors_write(path[0], &a, 1, NULL, 0, &e), 0);
    assert_null(latent_weights_open(path[0], &e));
    assert_non_null(strstr(e.text, "the part fish-00002-of-00002.safetensors is missing"));
    assert_int_equal(latent_safetensors_write(path[1], &b, 1, NULL, 0, &e), 0);
    assert_non_null(f = fopen(path[2], "w"));
    fputs(index, f);
    fclose(f);
    for (int i = 0; i < 3; i++) {
        latent_weights *w = latent_weights_open(path[i], &e);
        if (!w)
            fail_msg("%s", e.text);
        assert_int_equal(latent_weights_count(w), 2);
        expect_numbers(w, "a", x, 4);
        expect_numbers(w, "b", y, 5);
        latent_weights_close(w);
    }
    assert_non_null(f = fopen(path[2], "w"));
    fputs("{\"weight_map\": {\"a\": \"../secret\"}}", f);
    fclose(f);
    assert_null(latent_weights_open(path[2], &e));
    assert_non_null(strstr(e.text, "no file beside it"));
    for (int i = 0; i < 3; i++)
        unlink(path[i]);
}

/* What stands before a name: the running mean's before all others; wrappers are taken out. */
static void prefixes(void **state)
{
    static const char *const names[][3] = {{"x.b", "model.x.b", "model."},
                                           {"a.x.b", "g.model.G_EMA.x.b", "g.model.G_EMA."},
                                           {"b.x.b", "module.a._orig_mod.x.module.b", "a."},
                                           {"a.x.b", "ax.b", "a."},
                                           {"D.x.b", "x.b", ""}};
    const float x = 1;
    char path[1100], prefix[LATENT_PREFIX];
    (void)state;
    snprintf(path, sizeof(path), "%s/prefix.safetensors", folder);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        latent_tensor_out t[2] = {{names[i][0], LATENT_F32, 0, {0}, &x},
                                  {names[i][1], LATENT_F32, 0, {0}, &x}};
        latent_error e = {""};
        latent_weights *w;
        assert_int_equal(latent_safetensors_write(path, t + !i, 2 - !i, NULL, 0, &e), 0);
        assert_non_null(w = latent_weights_open(path, &e));
        assert_true(latent_weights_prefix(w, "x.b", prefix, sizeof(prefix)));
        assert_string_equal(prefix, names[i][2]);
        assert_false(latent_weights_prefix(w, "y", prefix, sizeof(prefix)));
        latent_weights_close(w);
    }
    unlink(path);
}

static void no_files(void **state)
{
    latent_error e = {""};
    char path[1100];
    (void)state;
    assert_null(latent_weights_open("/nowhere/model.pkl", &e));
    assert_non_null(strstr(e.text, "No such file"));
    assert_null(latent_weights_open(folder, &e));
    assert_non_null(strstr(e.text, "a folder"));
    snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(latent_weights_open(path, &e));
    assert_non_null(strstr(e.text, "not a file"));
    assert_int_equal(unlink(path), 0);
}

/* Files that are something else, or lie. */

static bytes text_file(const char *text)
{
    bytes b = {0};
    put_text(&b, text);
    return b;
}

static void other_files(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "empty"},
        {"<!DOCTYPE html><html>", "web page"},
        {"\n\n  <HTML>", "web page"},
        {"version https://git-lfs.github.com/spec/v1\n", "git-lfs"},
        {"\x1f\x8b\x08 ", "gzip"},
        {"7z\xbc\xaf\x27\x1c", "7z"},
        {"Rar!\x1a\7", "rar"},
        {"\xfd\x37zXZ", "xz"},
        {"Hello, world", "a text"},
        {"class Fish: pass", "a text"},
        {"(c) 2020", "a text"},
        {"{\"a\": 1}", "settings"},
        {"\xe6\xb5\xb7\xe9\x94\x99\xe5\x9b\xbe", "a text"},
        {"\xe6\xb5\xb7 \x99\xe5", "no model file"},
        {"GGUF\3", "GGUF"},
        {"\x89HDF\r\n\x1a\n", "Keras"},
        {"\x89PNG\r\n\x1a\n", "latent.image"},
        {"RIFF1234WEBP", "latent.image"},
        {"RIFF1234WAVE", "a sound"},
        {"\x8\7\x12\7pytorch", "ONNX"},
        {"%PDF-1.4", "PDF"},
        {"#N canvas 0 0", "patch"},
        {"PK\3\4 and nothing else", "table of contents"},
        {"}.", "no tensors"},
        {"cos\nsystem\n(S'true'\ntR.", "no tensors"},
        {"\x80\4\x82\1.", "only the program"},
        {"\x80\5\x97.", "outside the file"},
        {"\x80\6.", "newer than protocol 5"},
        {"\x80\2\xff.", "no such instruction"},
        {"\x80\2]]", "cut off"},
        {"\x80\2.", "empty stack"},
        {"\x80\2t.", "mark"},
        {"\x80\2h\7.", "never remembered"},
        {"\x80\2(]0]0N.", "left over"},
        {"\x80\2N}b.", "state"},
        {"\x80\2}K\1K\1K\1u.", "mark"},
        {"\x80\2(K\1d.", "no value"},
        {"\x80\2NNs.", "empty stack"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bytes b = text_file(cases[i].text);
        expect_refusal(&b, cases[i].word);
    }
}

/* Bytes as text: what Python 3 writes where the protocol has no byte strings, and Python 2. */
static void bytes_as_text(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } as[] = {
    /* protocol 2: {"a": _codecs.encode("...", "latin1")} in an array of numpy's: 0, 1, 200, 92 */
#define ARRAY(bytes)                                                                               \
    "(dS'a'\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I4\n"     \
    "tcnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\n" bytes "tbs."
#define FILE(text) {text, sizeof(text) - 1}
        FILE(ARRAY("c_codecs\nencode\n(X\5\0\0\0\0\1\xc3\x88\\X\6\0\0\0latin1tR")),
        FILE(ARRAY("c_codecs\nencode\n(V\\u0000\1\xc8\\u005c\nVlatin1\ntR")),
        FILE(ARRAY("S'\\x00\\x01\\xc8\\\\'\n")),
        FILE(ARRAY("c__builtin__\nbytearray\n(V\\u0000\1\xc8\\u005c\nVlatin-1\ntR")),
    };
    const float wanted[4] = {0, 1, 200, 92};
    (void)state;
    for (size_t i = 0; i < sizeof(as) / sizeof(*as); i++) {
        bytes b = {0};
        latent_weights *w;
        put(&b, as[i].text, as[i].n);
        w = open_bytes(&b);
        expect_numbers(w, "a", wanted, 4);
        latent_weights_close(w);
        bytes_free(&b);
    }
    bytes b = {0};
    put_text(&b, ARRAY("c_codecs\nencode\n(V\\u0000\1\\u4e00\\u005c\nVlatin1\ntR"));
    expect_refusal(&b, "stands for none");
    b = (bytes){0};
    put_text(&b, ARRAY("c_codecs\nencode\n(V\\u00\ntR"));
    expect_refusal(&b, "stands for none");
#undef ARRAY
#undef FILE
}

static void deep_and_round(void **state)
{
    static const int64_t one[] = {1};
    const float x = 3;
    bytes b = {0}, numbers = {0};
    latent_weights *w;
    (void)state;
    put_floats(&numbers, &x, 1);
    /* fifty thousand lists in each other */
    pickle_begin(&b, 2);
    for (int i = 0; i < 50000; i++)
        put_text(&b, "]");
    for (int i = 1; i < 50000; i++)
        put_text(&b, "a");
    put_text(&b, ".");
    expect_refusal(&b, "nested deeper");
    /* a dict that contains itself, and a tensor: the tensor is found */
    pickle_begin(&b, 2);
    put_text(&b, "}q");
    put(&b, "", 1);
    pickle_text(&b, "me");
    put_text(&b, "h");
    put(&b, "", 1);
    put_text(&b, "s");
    pickle_text(&b, "t");
    tensor_begin(&b);
    storage_embedded(&b, "FloatStorage", 1, &numbers, 0);
    tensor_end(&b, 0, 1, one, one);
    put_text(&b, "s.");
    w = open_bytes(&b);
    assert_int_equal(latent_weights_count(w), 1);
    expect_numbers(w, "t", &x, 1);
    latent_weights_close(w);
    bytes_free(&b);
    /* sixty lists, each holding the one before twice: 2^60 values */
    pickle_begin(&b, 2);
    put_text(&b, "]");
    for (int i = 0; i < 60; i++)
        put_text(&b, "2\x86");
    put_text(&b, ".");
    expect_refusal(&b, "unfolds");
    bytes_free(&numbers);
}

static void big_claims(void **state)
{
    static const int64_t huge[] = {INT64_C(1) << 40, INT64_C(1) << 40}, one[] = {1, 1},
                         million[] = {1000, 100000}, still[] = {0, 0}, minus[] = {-1, 2},
                         four[] = {2, 2}, wide[] = {1, 100};
    const float x[4] = {1, 2, 3, 4};
    bytes numbers = {0}, b = {0};
    (void)state;
    put_floats(&numbers, x, 4);
    b = one_tensor("FloatStorage", 4, &numbers, 0, 2, huge, one);
    expect_refusal(&b, "impossible");
    b = one_tensor("FloatStorage", 4, &numbers, 0, 2, million, still);
    expect_refusal(&b, "twice the memory");
    b = one_tensor("FloatStorage", 4, &numbers, 0, 2, minus, one);
    expect_refusal(&b, "impossible");
    b = one_tensor("FloatStorage", 4, &numbers, 0, 2, four, minus);
    expect_refusal(&b, "impossible");
    b = one_tensor("FloatStorage", 4, &numbers, 0, 2, four, wide);
    expect_refusal(&b, "place 101");
    b = one_tensor("FloatStorage", 4, &numbers, 1, 2, four, four);
    expect_refusal(&b, "holds only 3");
    b = one_tensor("FloatStorage", 4, &numbers, -1, 2, four, one);
    expect_refusal(&b, "outside its storage");
    b = one_tensor("FloatStorage", 4, &numbers, INT64_MAX, 2, four, one);
    expect_refusal(&b, "outside its storage");
    b = one_tensor("FloatStorage", INT64_MAX / 2, &numbers, 0, 2, four, one);
    expect_refusal(&b, "cut off");
    b = one_tensor("FloatStorage", 1 << 30, &numbers, 0, 2, four, one);
    expect_refusal(&b, "damaged or cut off");
    b = one_tensor("StrangeStorage", 4, &numbers, 0, 2, four, one);
    expect_refusal(&b, "unknown");
    /* a byte string of 4 GB, a frame of 2^60 bytes, a memo number of 2^32 */
    b = text_file("\x80\2"
                  "B\xff\xff\xff\xff");
    expect_refusal(&b, "cut off");
    b = text_file("\x80\4\x95");
    put_u64(&b, UINT64_C(1) << 60);
    expect_refusal(&b, "claims");
    b = text_file("\x80\2Nr\xff\xff\xff\xff.");
    expect_refusal(&b, "impossible number");
    bytes_free(&numbers);
}

static void lying_safetensors(void **state)
{
#define T "{\"t\":{\"dtype\":\"F32\","
    static const struct {
        const char *header, *word;
    } cases[] = {
        {"{}", "bytes of numbers"},
        {"{\"t\":{}}", "expected"},
        {T "\"shape\":[2],\"data_offsets\":[0,8]}", "damaged"},
        {T "\"shape\":[2],\"data_offsets\":[0,8]}} x", "after its end"},
        {T "\"shape\":[2]}}", "lacks"},
        {T "\"shape\":[2],\"data_offsets\":[0,9]}}", "claims"},
        {T "\"shape\":[3],\"data_offsets\":[0,8]}}", "needs 12 bytes"},
        {T "\"shape\":[1],\"data_offsets\":[4,8]}}", "holes"},
        {T "\"shape\":[1],\"data_offsets\":[8,4]}}", "claims"},
        {T "\"shape\":[1],\"data_offsets\":[0,4]}}", "names 4"},
        {T "\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", "impossible"},
        {T "\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", "larger"},
        {T "\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,8]}}", "more numbers"},
        {T "\"shape\":[-2],\"data_offsets\":[0,8]}}", "whole number"},
        {T "\"shape\":[2.0],\"data_offsets\":[0,8]}}", "comma"},
        {T "\"color\":[2],\"data_offsets\":[0,8]}}", "property"},
        {"{\"t\\x\":{}}", "escape"},
        {"{\"t\\ud800x\":{}}", "character"},
        {"{\"__metadata__\":{\"a\":1}}", "expected"},
        {"{\"__metadata__\":{}}", "bytes of numbers"},
        {T "\"shape\":[1],\"data_offsets\":[0,4]},\"u\":{\"dtype\":\"F32\",\"shape\":[2],"
           "\"data_offsets\":[0,8]}}",
         "overlap"},
    };
    bytes b = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put_u64(&b, strlen(cases[i].header));
        put_text(&b, cases[i].header);
        put(&b, "01234567", 8);
        expect_refusal(&b, cases[i].word);
    }
    put_u64(&b, UINT64_C(1) << 40);
    put_text(&b, "{\"t\":{}}");
    expect_refusal(&b, "whole file");
#undef T
}

static void bad_archives(void **state)
{
    static const struct {
        unsigned flags, method;
        const char *word;
    } cases[] = {{1, 0, "encrypted"}, {0, 8, "compressed"}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        zip_writer z = {.flags = cases[i].flags, .method = cases[i].method};
        bytes data = text_file("}.");
        zip_member(&z, "a/data.pkl", &data);
        zip_end(&z);
        expect_refusal(&z.file, cases[i].word);
        bytes_free(&data);
    }
    zip_writer z = {0};
    bytes data = text_file("}.");
    zip_member(&z, "word/document.xml", &data);
    zip_end(&z);
    expect_refusal(&z.file, "Word");
    memset(&z, 0, sizeof(z));
    zip_member(&z, "a/data.pkl", &data);
    bytes_free(&data);
    data = text_file("big");
    zip_member(&z, "a/byteorder", &data);
    zip_end(&z);
    expect_refusal(&z.file, "big-endian");
    bytes_free(&data);
    /* a storage that the archive does not have */
    data = text_file("\x80\2}");
    pickle_text(&data, "t");
    tensor_begin(&data);
    storage_id(&data, "FloatStorage", "5", 8);
    tensor_end(&data, 0, 0, NULL, NULL);
    put_text(&data, "s.");
    memset(&z, 0, sizeof(z));
    zip_member(&z, "a/data.pkl", &data);
    zip_end(&z);
    expect_refusal(&z.file, "no such member");
    bytes_free(&data);
}

/* Every file, cut after every byte: it opens, or there is a sentence. */
static void cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_seeds(); i++) {
        bytes b = make_seed(i, NULL);
        size_t whole = b.size;
        for (size_t n = 0; n < whole; n++) {
            latent_error e = {""};
            /* a copy of that size, so that a sanitizer sees a byte too many */
            uint8_t *copy = malloc(n ? n : 1);
            latent_weights *w;
            assert_non_null(copy);
            memcpy(copy, b.data, n);
            w = latent_weights_open_memory(copy, n, &e);
            assert_null(w);
            assert_true(strlen(e.text) > 20);
            free(copy);
        }
        bytes_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stylegan2),
        cmocka_unit_test(stylegan3),
        cmocka_unit_test(clip),
        cmocka_unit_test(taef2),
        cmocka_unit_test(network),
        cmocka_unit_test(torch_files),
        cmocka_unit_test(old_pickle),
        cmocka_unit_test(safetensors_file),
        cmocka_unit_test(kinds_of_numbers),
        cmocka_unit_test(rare_records),
        cmocka_unit_test(wide_archive),
        cmocka_unit_test(over_and_over),
        cmocka_unit_test(strides),
        cmocka_unit_test(odd_shapes),
        cmocka_unit_test(halves),
        cmocka_unit_test_setup_teardown(round_trip, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(several_files, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(prefixes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(no_files, make_folder, remove_folder),
        cmocka_unit_test(other_files),
        cmocka_unit_test(bytes_as_text),
        cmocka_unit_test(deep_and_round),
        cmocka_unit_test(big_claims),
        cmocka_unit_test(lying_safetensors),
        cmocka_unit_test(bad_archives),
        cmocka_unit_test(cut_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
