/* test_arrays: latents in files of other tools: every kind of .npy, .npz and text that is read,
   what is refused, and that what is written is read again and is what other readers expect. */
#include "../helpers/npz.h"
#include "engine/weights/arrays.h"
#include "helper_files.h"
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

static latent_array read_bytes(const bytes *b, const char *key)
{
    latent_error e = {""};
    latent_array a;
    if (latent_array_read_memory(&a, b->data, b->size, key, &e))
        fail_msg("refused: %s", e.text);
    return a;
}

static void expect_refusal(const void *data, size_t size, const char *key, const char *word)
{
    latent_error e = {""};
    latent_array a;
    assert_int_equal(latent_array_read_memory(&a, data, size, key, &e), -1);
    assert_null(a.data);
    if (!strstr(e.text, word))
        fail_msg("'%s' has no '%s'", e.text, word);
}

static void refuse_text(const char *text, const char *word)
{
    expect_refusal(text, strlen(text), NULL, word);
}

static bytes npy(const char *descr, const char *order, const char *shape, const void *data,
                 size_t size)
{
    char header[256];
    bytes b = {0};
    int n = snprintf(header, sizeof(header),
                     "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape);
    put(&b, "\x93NUMPY\1\0", 8);
    put_u16(&b, (unsigned)n);
    put_text(&b, header);
    put(&b, data, size);
    return b;
}

static void expect(const latent_array *a, int rank, const int64_t *dim, const float *data)
{
    size_t count = 1;
    assert_int_equal(a->rank, rank);
    for (int i = 0; i < rank; i++) {
        assert_int_equal(a->dim[i], dim[i]);
        count *= (size_t)dim[i];
    }
    assert_int_equal(a->count, count);
    for (size_t i = 0; i < count; i++)
        if (a->data[i] != data[i])
            fail_msg("number %zu is %g, not %g", i, a->data[i], data[i]);
}

static void kinds_of_numbers(void **state)
{
    static const struct {
        const char *descr;
        uint8_t bytes[16];
        size_t size;
        float should[2];
    } kinds[] = {
        {"<f4", {0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0}, 8, {1.5f, -2}},
        {">f4", {0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0}, 8, {1.5f, -2}},
        {"<f2", {0, 0x3e, 0, 0xc0}, 4, {1.5f, -2}},
        {"<f8", {0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0}, 16, {1.5f, -2}},
        {"<i8", {7, 0, 0, 0, 0, 0, 0, 0, 0xfe, 255, 255, 255, 255, 255, 255, 255}, 16, {7, -2}},
        {"<i4", {7, 0, 0, 0, 0xfe, 255, 255, 255}, 8, {7, -2}},
        {">i2", {0, 7, 255, 0xfe}, 4, {7, -2}},
        {"|i1", {7, 0xfe}, 2, {7, -2}},
        {"|u1", {7, 0xfe}, 2, {7, 254}},
    };
    static const int64_t two[] = {2}, one[] = {1};
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        bytes b = npy(kinds[i].descr, "False", "(2,)", kinds[i].bytes, kinds[i].size);
        latent_array a = read_bytes(&b, NULL);
        expect(&a, 1, two, kinds[i].should);
        latent_array_free(&a);
        bytes_free(&b);
    }
    bytes b = npy("<f4", "False", "()", kinds[0].bytes, 4);
    latent_array a = read_bytes(&b, NULL);
    expect(&a, 1, one, kinds[0].should);
    latent_array_free(&a);
    bytes_free(&b);
}

static void orders_and_archives(void **state)
{
    static const float up[] = {0, 1, 2, 3, 4, 5}, eight[] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const float w[] = {0.5f, 1.5f, 2.5f, 3.5f, 4.5f,  5.5f,
                              6.5f, 7.5f, 8.5f, 9.5f, 10.5f, 11.5f};
    static const float rows[] = {1, 2, 3.5f, -0.4f, 5, 6};
    static const int64_t one34[] = {1, 3, 4}, two3[] = {2, 3}, two4[] = {2, 4};
    bytes b = make_array(1, NULL);
    latent_array a = read_bytes(&b, NULL);
    (void)state;
    expect(&a, 3, one34, w);
    latent_array_free(&a);
    a = read_bytes(&b, "z");
    expect(&a, 2, two3, up);
    latent_array_free(&a);
    expect_refusal(b.data, b.size, "v", "there is w z");
    bytes_free(&b);
    b = make_array(2, NULL);
    a = read_bytes(&b, NULL);
    expect(&a, 2, two4, eight);
    latent_array_free(&a);
    bytes_free(&b);
    b = make_array(3, NULL);
    a = read_bytes(&b, NULL);
    expect(&a, 2, two3, rows);
    latent_array_free(&a);
    bytes_free(&b);
}

static latent_array text(const char *t)
{
    bytes b = {0};
    latent_array a;
    put_text(&b, t);
    a = read_bytes(&b, NULL);
    bytes_free(&b);
    return a;
}

static void texts(void **state)
{
    static const float up[] = {1, 2, 3, 4};
    static const int64_t four[] = {4}, two2[] = {2, 2};
    static const char *const columns[] = {"1 2 3 4", "1\n2\n3\n4\n", "1;\n2;\n3;\n4;\n",
                                          "  1,2 , 3,4;", "1 2\r\n3 4;"};
    static const char *const tables[] = {"1 2\n3 4", "1 2;\n3\n4;\n", "1,2\n\n3,4\n", "1 2;3 4;"};
    latent_array a;
    (void)state;
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        a = text(columns[i]);
        expect(&a, 1, four, up);
        latent_array_free(&a);
    }
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        a = text(tables[i]);
        expect(&a, 2, two2, up);
        latent_array_free(&a);
    }
    refuse_text("", "no numbers");
    refuse_text(" ;;\n", "no numbers");
    refuse_text("1 2\n3\n", "not equally long");
    refuse_text("1 2;3;", "not equally long");
    refuse_text("1 2\n3 fish", "fish in line 2 is no number");
    refuse_text("1 nan", "number 2 is not finite");
    refuse_text("1 1e99", "number 2 is not finite");
    refuse_text("1111111111222222222233333333334444444444555555555566666666667777777777",
                "no number");
    expect_refusal("1 2\0 3", 6, NULL, "neither");
}

static void lies(void **state)
{
    static const float x[4] = {1, 2, 3, INFINITY};
    static const char *const shapes[] = {
        "(4000000, 4000000)", "(-1,)", "(2 2)", "4", "(0,)", "(", "(99999999999999999999,)",
        "(1,1,1,1,1,1,1,1,1)"};
    static const char *const descrs[] = {"<f", "f", "", "<c8", "|O", "<f3", "<f16", "<U4"};
    bytes b;
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        b = npy("<f4", "False", shapes[i], x, sizeof(x));
        expect_refusal(b.data, b.size, NULL, "shape");
        bytes_free(&b);
    }
    for (size_t i = 0; i < sizeof(descrs) / sizeof(*descrs); i++) {
        b = npy(descrs[i], "False", "(4,)", x, sizeof(x));
        expect_refusal(b.data, b.size, NULL, "kind");
        bytes_free(&b);
    }
    b = npy("<f4", "False", "(4,)", x, sizeof(x));
    expect_refusal(b.data, b.size, NULL, "number 4 is not finite");
    expect_refusal(b.data, b.size - 1, NULL, "cut off");
    expect_refusal(b.data, 9, NULL, "");
    b.data[6] = 9;
    expect_refusal(b.data, b.size, NULL, "version");
    bytes_free(&b);
    b = npy("<f4", "False", "(1000000,)", x, sizeof(x)); /* no memory is taken for it */
    expect_refusal(b.data, b.size, NULL, "cut off");
    bytes_free(&b);
    b = make_array(1, NULL);
    for (size_t n = 0; n < b.size; n++) { /* cut anywhere */
        latent_error e = {""};
        latent_array a;
        assert_int_equal(latent_array_read_memory(&a, b.data, n, "z", &e), -1);
        assert_true(strlen(e.text) > 10);
    }
    bytes_free(&b);
}

static void what_is_written_is_read(void **state)
{
    static const int64_t dim[] = {2, 3, 2};
    static const char *const endings[] = {"npy", "NPZ", "txt"};
    const char *folder = getenv("TMPDIR");
    float x[12];
    char path[200], message[200];
    latent_error e = {""};
    latent_array a;
    npz_array other;
    (void)state;
    for (int i = 0; i < 12; i++)
        x[i] = (float)sin(i) * powf(10, (float)(i - 6));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/latent-arrays-%ld.%s", folder ? folder : P_tmpdir,
                 (long)getpid(), endings[i]);
        if (latent_array_write(path, "w", 3, dim, x, &e) || latent_array_read(&a, path, NULL, &e))
            fail_msg("%s", e.text);
        if (i < 2)
            expect(&a, 3, dim, x);
        else
            expect(&a, 2, (int64_t[]){6, 2}, x);
        latent_array_free(&a);
        if (i == 1) { /* by the tests' own reader */
            if (npz_read(&other, path, "w", message, sizeof(message)))
                fail_msg("%s", message);
            assert_int_equal(other.n_axes, 3);
            assert_memory_equal(other.data, x, sizeof(x));
            npz_free(&other);
        }
        unlink(path);
    }
    assert_int_equal(latent_array_write("fish.png", "w", 3, dim, x, &e), -1);
    assert_non_null(strstr(e.text, ".npz"));
    assert_int_equal(latent_array_write("/no/such/folder/fish.npy", "w", 3, dim, x, &e), -1);
    assert_non_null(strstr(e.text, "cannot write"));
    assert_int_equal(latent_array_read(&a, "/no/such/folder/fish.npy", NULL, &e), -1);
}

/* The fixtures, written by numpy itself. */
static void fixtures(void **state)
{
    const char *dir = getenv("LATENT_ORACLE");
    static const char *const keys[] = {"w", "z", "image_const", "grad_ws"};
    char path[1000], message[200];
    latent_error e = {""};
    latent_array a;
    npz_array should;
    (void)state;
    snprintf(path, sizeof(path), "%s/sg2ada-32.npz", dir ? dir : "../shared/oracle");
    if (access(path, R_OK)) {
        printf("SKIP %s is not there\n", path);
        skip();
    }
    for (int i = 0; i < 4; i++) {
        if (latent_array_read(&a, path, i ? keys[i] : NULL, &e) ||
            npz_read(&should, path, keys[i], message, sizeof(message)))
            fail_msg("%s%s", e.text, message);
        assert_int_equal(a.rank, should.n_axes);
        assert_int_equal(a.count, should.count);
        assert_memory_equal(a.data, should.data, a.count * sizeof(float));
        latent_array_free(&a);
        npz_free(&should);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_numbers),
        cmocka_unit_test(orders_and_archives),
        cmocka_unit_test(texts),
        cmocka_unit_test(lies),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(fixtures),
    };
    return cmocka_run_group_tests_name("arrays", tests, NULL, NULL);
}
