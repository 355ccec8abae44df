/* test_pixels: numbers to bytes, sizes, and the files in which pictures go to the window. */
#include "engine/picture/pixels.h"
#include "engine/picture/screen.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static latent_tensor *picture(int h, int w, int c, const float *v)
{
    latent_tensor *t = latent_tensor_new((latent_shape){1, h, w, c}, NULL);
    assert_non_null(t);
    memcpy(t->data, v, t->count * sizeof(float));
    return t;
}

static void test_byte(void **state)
{
    (void)state;
    assert_int_equal(latent_pixels_byte(-1), 0);
    assert_int_equal(latent_pixels_byte(1), 255);
    assert_int_equal(latent_pixels_byte(0), 128); /* 127.5 is rounded up */
    assert_int_equal(latent_pixels_byte(-7), 0);
    assert_int_equal(latent_pixels_byte(1e30f), 255);
    assert_int_equal(latent_pixels_byte(INFINITY), 255);
    assert_int_equal(latent_pixels_byte(-INFINITY), 0);
    assert_int_equal(latent_pixels_byte(NAN), 0);
    for (int i = 0; i < 256; i++) /* a byte that became a number becomes the same byte */
        assert_int_equal(latent_pixels_byte(2 * ((float)i / 255.f) - 1), i);
}

static void test_check(void **state)
{
    latent_error e = {""};
    (void)state;
    assert_int_equal(latent_pixels_check((latent_shape){1, 5, 4, 1}, &e), 0);
    assert_int_equal(latent_pixels_check((latent_shape){1, 5, 4, 3}, &e), 0);
    assert_int_equal(latent_pixels_check((latent_shape){1, 5, 4, 4}, &e), 0);
    assert_int_equal(latent_pixels_check((latent_shape){2, 5, 4, 3}, &e), -1);
    assert_int_equal(latent_pixels_check((latent_shape){1, 5, 4, 512}, &e), -1);
    assert_non_null(strstr(e.text, "512"));
}

static void check_bytes(const latent_tensor *t, int channels, const uint8_t *expected)
{
    uint8_t got[64];
    size_t n = t->count / (size_t)t->shape.c * (size_t)channels;
    latent_pixels_from(t, channels, got);
    assert_memory_equal(got, expected, n);
}

static void test_channels(void **state)
{
    const float grey[] = {-1, 1}, colour[] = {1, -1, -1, -1, 1, -1};
    const float clear[] = {1, -1, -1, 1, /**/ 1, -1, -1, 0, /**/ 1, -1, -1, -1};
    latent_tensor *g = picture(1, 2, 1, grey), *c = picture(2, 1, 3, colour),
                  *o = picture(1, 3, 4, clear);
    (void)state;
    check_bytes(g, 1, (const uint8_t[]){0, 255});
    check_bytes(g, 3, (const uint8_t[]){0, 0, 0, 255, 255, 255});
    check_bytes(g, 4, (const uint8_t[]){0, 0, 0, 255, 255, 255, 255, 255});
    check_bytes(c, 1, (const uint8_t[]){76, 150});
    check_bytes(c, 3, (const uint8_t[]){255, 0, 0, 0, 255, 0});
    check_bytes(c, 4, (const uint8_t[]){255, 0, 0, 255, 0, 255, 0, 255});
    check_bytes(o, 1, (const uint8_t[]){76, 165, 255});
    check_bytes(o, 3, (const uint8_t[]){255, 0, 0, 255, 127, 127, 255, 255, 255});
    check_bytes(o, 4, (const uint8_t[]){255, 0, 0, 255, 255, 0, 0, 128, 255, 0, 0, 0});
    latent_tensor_release(g);
    latent_tensor_release(c);
    latent_tensor_release(o);
}

static void check_fit(int h, int w, int room_h, int room_w, int want_h, int want_w)
{
    int to_h, to_w;
    latent_pixels_fit(h, w, room_h, room_w, &to_h, &to_w);
    assert_int_equal(to_h, want_h);
    assert_int_equal(to_w, want_w);
}

static void test_fit(void **state)
{
    (void)state;
    check_fit(4, 4, 256, 256, 256, 256);
    check_fit(1024, 1024, 256, 256, 256, 256);
    check_fit(100, 200, 256, 256, 128, 256);
    check_fit(200, 100, 256, 256, 256, 128);
    check_fit(3, 2, 100, 320, 100, 67);
    check_fit(1, 16384, 64, 64, 1, 64);
    check_fit(16384, 1, 64, 64, 64, 1);
}

static void scale(const uint8_t *from, int h, int w, int c, uint8_t *to, int to_h, int to_w,
                  latent_enlarging how)
{
    assert_int_equal(latent_pixels_scale(from, h, w, c, to, to_h, to_w, how, NULL), 0);
}

static void test_enlarge(void **state)
{
    const uint8_t from[] = {0, 100, 200, 40};
    uint8_t to[64];
    (void)state;
    scale(from, 2, 2, 1, to, 4, 4, LATENT_BLOCKS);
    assert_memory_equal(
        to, ((const uint8_t[]){0, 0, 100, 100, 0, 0, 100, 100, 200, 200, 40, 40, 200, 200, 40, 40}),
        16);
    scale(from, 1, 4, 1, to, 1, 8, LATENT_BILINEAR);
    assert_memory_equal(to, ((const uint8_t[]){0, 25, 75, 125, 175, 160, 80, 40}), 8);
    scale(from, 1, 1, 4, to, 2, 2, LATENT_BILINEAR); /* four channels of one pixel */
    for (int i = 0; i < 4; i++)
        assert_memory_equal(to + 4 * i, from, 4);
    scale(from, 1, 2, 2, to, 1, 3, LATENT_BLOCKS);
    assert_memory_equal(to, ((const uint8_t[]){0, 100, 200, 40, 200, 40}), 6);
}

static void test_reduce(void **state)
{
    const uint8_t from[] = {0, 100, 200, 40, 60, 80};
    uint8_t to[16];
    (void)state;
    scale(from, 1, 6, 1, to, 1, 3, LATENT_BILINEAR);
    assert_memory_equal(to, ((const uint8_t[]){50, 120, 70}), 3);
    scale(from, 1, 3, 1, to, 1, 2, LATENT_BILINEAR); /* one and a half pixels each */
    assert_memory_equal(to, ((const uint8_t[]){33, 167}), 2);
    scale(from, 2, 3, 1, to, 1, 1, LATENT_BLOCKS);
    assert_int_equal(to[0], 80);
    scale(from, 2, 1, 3, to, 1, 1, LATENT_BLOCKS);
    assert_memory_equal(to, ((const uint8_t[]){20, 80, 140}), 3);
    scale(from, 6, 1, 1, to, 3, 2, LATENT_BLOCKS); /* down one way, up the other */
    assert_memory_equal(to, ((const uint8_t[]){50, 50, 120, 120, 70, 70}), 6);
}

/* An even picture stays even, and the mean stays the mean, whatever the sizes. */
static void test_any_size(void **state)
{
    uint8_t *from = malloc(97 * 61), *to = malloc(300 * 300);
    (void)state;
    for (int i = 0; i < 97 * 61; i++)
        from[i] = (uint8_t)(i * 37 % 251);
    for (int s = 1; s < 300; s += 13) {
        uint8_t even[97 * 61];
        double mean = 0, mean_to = 0;
        memset(even, 217, sizeof(even));
        scale(even, 97, 61, 1, to, s, 300 - s, s & 1 ? LATENT_BILINEAR : LATENT_BLOCKS);
        for (int i = 0; i < s * (300 - s); i++)
            assert_int_equal(to[i], 217);
        if (s > 61)
            continue;
        scale(from, 97, 61, 1, to, s, s, LATENT_BLOCKS);
        for (int i = 0; i < 97 * 61; i++)
            mean += from[i] / (97. * 61.);
        for (int i = 0; i < s * s; i++)
            mean_to += to[i] / ((double)s * s);
        assert_true(fabs(mean - mean_to) < 0.51);
    }
    free(from);
    free(to);
}

static void test_screen(void **state)
{
    const float v[] = {1, -1, -1, -1, 1, -1};
    latent_tensor *t = picture(1, 2, 3, v), *many = NULL;
    char folder[] = P_tmpdir "/latent-test-XXXXXX", path[256], left[256];
    uint8_t bytes[128];
    latent_error e = {""};
    struct stat st;
    FILE *f;
    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("XDG_RUNTIME_DIR", folder, 1);
    snprintf(left, sizeof(left), "%s/latent-view-999999999-3.ppm", folder);
    f = fopen(left, "wb"); /* as a process that crashed leaves it */
    fclose(f);
    assert_int_equal(latent_screen_write(t, 8, 4, LATENT_BLOCKS, path, sizeof(path), &e), 0);
    assert_int_equal(stat(left, &st), -1);
    assert_int_equal(strncmp(path, folder, strlen(folder)), 0);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(bytes, 1, sizeof(bytes), f), 11 + 4 * 2 * 3);
    fclose(f);
    assert_memory_equal(bytes, "P6\n4 2\n255\n", 11);
    assert_memory_equal(bytes + 11, "\xff\0\0\xff\0\0\0\xff\0\0\xff\0", 12);
    assert_int_equal(latent_screen_write(t, 8, 4, LATENT_BLOCKS, left, sizeof(left), &e), 0);
    assert_string_not_equal(path, left);
    latent_screen_forget(left);
    for (int i = 0; i < 1000 && !stat(left, &st); i++)
        usleep(5000);
    assert_int_equal(stat(left, &st), -1);
    latent_screen_name(latent_screen_id(), 0, left, sizeof(left)); /* a PNG takes another's place */
    for (int i = 0; i < 2; i++)
        assert_int_equal(latent_screen_write_png(t, 8, 4, LATENT_BLOCKS, left, &e), 0);
    f = fopen(left, "rb");
    assert_non_null(f);
    assert_int_equal(fread(bytes, 1, 8, f), 8);
    fclose(f);
    assert_memory_equal(bytes, "\x89PNG\r\n\x1a\n", 8);
    assert_int_equal(latent_screen_write_png(t, 8, 4, LATENT_BLOCKS, "no-such-folder/a.png", &e),
                     -1);
    latent_screen_sweep(0);
    assert_int_equal(stat(path, &st), 0);
    latent_screen_sweep(1);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(stat(left, &st), -1);
    assert_int_equal(rmdir(folder), 0);
    many = latent_tensor_new((latent_shape){1, 2, 2, 7}, NULL);
    assert_int_equal(latent_screen_write(many, 8, 8, LATENT_BLOCKS, path, sizeof(path), &e), -1);
    assert_non_null(strstr(e.text, "7"));
    latent_tensor_release(many);
    latent_tensor_release(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte),     cmocka_unit_test(test_check),
        cmocka_unit_test(test_channels), cmocka_unit_test(test_fit),
        cmocka_unit_test(test_enlarge),  cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_any_size), cmocka_unit_test(test_screen),
    };
    return cmocka_run_group_tests_name("pixels", tests, NULL, NULL);
}
