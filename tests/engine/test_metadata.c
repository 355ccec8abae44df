/* test_metadata: what a PNG says about its own making comes back, to the last bit, and what is
   damaged is left out without harm.  Run it under -fsanitize=address,undefined as well. */
#include "engine/base/random.h"
#include "engine/media/metadata.h"
#include "engine/media/picture.h"
#include "helper_folder.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static latent_metadata some_notes(int rows, int w_dim)
{
    latent_metadata n = {.patch = "\xe9\xb1\xbc.pd", .has_seed = 1, .seed = 4294967295.0};
    latent_random r;
    latent_random_seed(&r, 5);
    snprintf(n.origin.drawer.name, sizeof(n.origin.drawer.name), "fish.pkl");
    snprintf(n.origin.drawer.hash, sizeof(n.origin.drawer.hash), "0123456789abcdef");
    n.origin.rows = rows;
    n.origin.w_dim = w_dim;
    n.origin.w = malloc((size_t)rows * (size_t)w_dim * sizeof(float));
    for (int i = 0; i < rows * w_dim; i++)
        n.origin.w[i] = (float)latent_random_gauss(&r);
    return n;
}

static size_t write_noted(const char *path, const latent_metadata *n)
{
    const uint8_t rgb[] = {1, 2, 3, 4, 5, 6};
    uint8_t *chunks;
    size_t size;
    latent_error e = {""};
    assert_int_equal(latent_metadata_chunks(n, &chunks, &size, &e), 0);
    if (latent_picture_write_with(path, rgb, 1, 2, 3, chunks, size, &e))
        fail_msg("%s", e.text);
    free(chunks);
    return size;
}

static void test_round_trip(void **state)
{
    static const int shapes[][2] = {{1, 512}, {18, 512}, {1, 1}, {2, 1}, {7, 31}};
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        latent_metadata n = some_notes(shapes[i][0], shapes[i][1]), got;
        size_t count = (size_t)(shapes[i][0] * shapes[i][1]), size;
        latent_tensor *t;
        n.origin.w[0] = -0.f;
        size = write_noted(in_folder("a.png"), &n);
        assert_true(size < count * 5 + 400); /* compactly */
        assert_int_equal(latent_metadata_read(in_folder("a.png"), &got, NULL), 0);
        assert_string_equal(got.patch, n.patch);
        assert_int_equal(got.has_seed, 1);
        assert_true(got.seed == n.seed);
        assert_memory_equal(&got.origin.drawer, &n.origin.drawer, sizeof(n.origin.drawer));
        assert_int_equal(got.origin.rows, n.origin.rows);
        assert_int_equal(got.origin.w_dim, n.origin.w_dim);
        assert_memory_equal(got.origin.w, n.origin.w, count * sizeof(float));
        assert_non_null(t = latent_picture_read(in_folder("a.png"), 3, NULL, NULL));
        latent_tensor_release(t);
        latent_metadata_free(&got);
        latent_metadata_free(&n);
    }
}

static void test_nothing(void **state)
{
    latent_metadata n = {0}, got;
    const uint8_t rgb[] = {1, 2, 3};
    (void)state;
    write_noted(in_folder("b.png"), &n);
    assert_int_equal(latent_metadata_read(in_folder("b.png"), &got, NULL), 0);
    assert_true(!*got.patch && !got.has_seed && !got.origin.rows && !*got.origin.drawer.name);
    assert_int_equal(latent_picture_write(in_folder("c.png"), rgb, 1, 1, 3, NULL), 0);
    assert_int_equal(latent_metadata_read(in_folder("c.png"), &got, NULL), 0);
    assert_int_equal(got.origin.rows, 0);
    assert_int_equal(latent_metadata_read(in_folder("nothing.png"), &got, NULL), 0);
    assert_int_equal(latent_metadata_read(folder, &got, NULL), 0);
}

static uint32_t crc(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    }
    return ~c;
}

/* Changed anywhere, with checksums that are right again: some notes, or none. */
static void test_damaged(void **state)
{
    latent_metadata n = some_notes(2, 16);
    latent_random r;
    uint8_t file[4096], copy[4096];
    size_t size;
    FILE *f;
    char path[300];
    (void)state;
    write_noted(in_folder("d.png"), &n);
    f = fopen(in_folder("d.png"), "rb");
    assert_non_null(f);
    size = fread(file, 1, sizeof(file), f);
    fclose(f);
    latent_random_seed(&r, 9);
    snprintf(path, sizeof(path), "%s", in_folder("bad.png"));
    for (int i = 0; i < 3000; i++) {
        latent_metadata got;
        memcpy(copy, file, size);
        for (uint32_t k = 0; k <= latent_random_below(&r, 5); k++)
            copy[8 + latent_random_below(&r, (uint32_t)size - 8)] =
                latent_random_below(&r, 4) ? (uint8_t)latent_random_u32(&r) : 0xff;
        for (size_t at = 8; at + 12 <= size;) {
            size_t length = (size_t)copy[at] << 24 | (size_t)copy[at + 1] << 16 |
                            (size_t)copy[at + 2] << 8 | copy[at + 3];
            if (length > size - at - 12)
                break;
            for (int k = 0; k < 4; k++)
                copy[at + 8 + length + (size_t)k] =
                    (uint8_t)(crc(copy + at + 4, length + 4) >> (24 - 8 * k));
            at += length + 12;
        }
        f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(copy, 1, i % 8 ? size : latent_random_below(&r, (uint32_t)size), f);
        fclose(f);
        assert_int_equal(latent_metadata_read(path, &got, NULL), 0);
        assert_true(got.origin.rows >= 0 && (!got.origin.rows || got.origin.w));
        latent_metadata_free(&got);
    }
    latent_metadata_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests_name("notes", tests, folder_set_up, folder_tear_down);
}
