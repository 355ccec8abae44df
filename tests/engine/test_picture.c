/* test_picture: pictures on disk: what is written comes back, and what is damaged is refused.
   Run it under -fsanitize=address,undefined as well. */
#include "engine/media/picture.h"
#include "engine/pixels.h"
#include "engine/random.h"
#include "helper_folder.h"
#include <errno.h>
#include <ftw.h>
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Every pixel another colour, and not every neighbour near. */
static uint8_t *some_bytes(int h, int w, int channels)
{
    uint8_t *b = malloc((size_t)h * (size_t)w * (size_t)channels);
    for (int i = 0; i < h * w * channels; i++)
        b[i] = (uint8_t)(i * 7 + i / (w * channels) * 3);
    return b;
}

static void check_refused(const char *path, const char *word)
{
    latent_error e = {""};
    latent_tensor *t = latent_picture_read(path, 3, NULL, &e);
    assert_null(t);
    if (!strstr(e.text, word))
        fail_msg("\"%s\" lacks \"%s\"", e.text, word);
    assert_non_null(strstr(e.text, path));
}

static void check_bytes(const char *path, int channels, int h, int w, const uint8_t *expected)
{
    latent_error e = {""};
    latent_tensor *t = latent_picture_read(path, channels, NULL, &e);
    uint8_t *got = malloc((size_t)h * (size_t)w * (size_t)channels);
    if (!t)
        fail_msg("%s", e.text);
    assert_true(latent_shape_equal(t->shape, (latent_shape){1, h, w, channels}));
    latent_pixels_from(t, channels, got);
    assert_memory_equal(got, expected, (size_t)h * (size_t)w * (size_t)channels);
    latent_tensor_release(t);
    free(got);
}

static void test_round_trip(void **state)
{
    const int channels[] = {1, 3, 4};
    (void)state;
    for (int i = 0; i < 3; i++) {
        int c = channels[i];
        uint8_t *b = some_bytes(33, 47, c), *first, *second;
        size_t n, m;
        assert_int_equal(latent_picture_write(in_folder("a.png"), b, 33, 47, c, NULL), 0);
        check_bytes(in_folder("a.png"), c, 33, 47, b);
        first = read_file(in_folder("a.png"), &n); /* and over it: the same file */
        assert_int_equal(latent_picture_write(in_folder("a.png"), b, 33, 47, c, NULL), 0);
        second = read_file(in_folder("a.png"), &m);
        assert_int_equal(n, m);
        assert_memory_equal(first, second, n);
        free(first);
        free(second);
        free(b);
    }
}

static void test_channels(void **state)
{
    const uint8_t grey[] = {0, 200}, colour[] = {255, 0, 0, 0, 255, 0};
    const uint8_t clear[] = {255, 0, 0, 255, 255, 0, 0, 0};
    (void)state;
    latent_picture_write(in_folder("g.png"), grey, 1, 2, 1, NULL);
    check_bytes(in_folder("g.png"), 3, 1, 2, (const uint8_t[]){0, 0, 0, 200, 200, 200});
    check_bytes(in_folder("g.png"), 4, 1, 2, (const uint8_t[]){0, 0, 0, 255, 200, 200, 200, 255});
    latent_picture_write(in_folder("c.png"), colour, 2, 1, 3, NULL);
    check_bytes(in_folder("c.png"), 1, 2, 1, (const uint8_t[]){76, 150});
    check_bytes(in_folder("c.png"), 4, 2, 1, (const uint8_t[]){255, 0, 0, 255, 0, 255, 0, 255});
    latent_picture_write(in_folder("t.png"), clear, 1, 2, 4, NULL);
    check_bytes(in_folder("t.png"), 1, 1, 2, (const uint8_t[]){76, 255});
    check_bytes(in_folder("t.png"), 3, 1, 2, (const uint8_t[]){255, 0, 0, 255, 255, 255});
    assert_null(latent_picture_read(in_folder("t.png"), 2, NULL, NULL));
}

/* Other kinds than PNG are made by FFmpeg's encoders. */
static void write_kind(const char *path, enum AVCodecID id, enum AVPixelFormat format, int h, int w)
{
    AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder(id));
    AVFrame *f = av_frame_alloc();
    AVPacket *p = av_packet_alloc();
    c->width = f->width = w;
    c->height = f->height = h;
    c->pix_fmt = format;
    f->format = format;
    c->time_base = (AVRational){1, 25};
    c->flags |= AV_CODEC_FLAG_QSCALE;
    c->global_quality = f->quality = FF_QP2LAMBDA * 2;
    assert_true(avcodec_open2(c, NULL, NULL) >= 0);
    assert_true(av_frame_get_buffer(f, 0) >= 0);
    for (int k = 0; k < 4 && f->data[k]; k++) { /* the left half dark, the right half light */
        int rows = k && format == AV_PIX_FMT_YUVJ420P ? h / 2 : h;
        int row = av_image_get_linesize(format, w, k);
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < row; x++)
                f->data[k][y * f->linesize[k] + x] = x * 2 < row ? 32 : 215;
    }
    assert_true(avcodec_send_frame(c, f) >= 0);
    avcodec_send_frame(c, NULL);
    assert_true(avcodec_receive_packet(c, p) >= 0);
    write_file(path, p->data, (size_t)p->size);
    av_packet_free(&p);
    av_frame_free(&f);
    avcodec_free_context(&c);
}

static void test_kinds(void **state)
{
    (void)state;
    write_kind(in_folder("a.jpg"), AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ444P, 16, 64);
    write_kind(in_folder("a.bmp"), AV_CODEC_ID_BMP, AV_PIX_FMT_BGR24, 16, 64);
    write_kind(in_folder("a.tiff"), AV_CODEC_ID_TIFF, AV_PIX_FMT_RGB24, 16, 64);
    write_kind(in_folder("a.ppm"), AV_CODEC_ID_PPM, AV_PIX_FMT_RGB24, 16, 64);
    write_kind(in_folder("a16.png"), AV_CODEC_ID_PNG, AV_PIX_FMT_RGB48BE, 16, 64);
    write_kind(in_folder("a1.png"), AV_CODEC_ID_PNG, AV_PIX_FMT_MONOBLACK, 16, 64);
    for (const char *const *k =
             (const char *[]){"a.jpg", "a.bmp", "a.tiff", "a.ppm", "a16.png", "a1.png", NULL};
         *k; k++) {
        latent_error e = {""};
        latent_tensor *t = latent_picture_read(in_folder("%s", *k), 3, NULL, &e);
        if (!t)
            fail_msg("%s", e.text);
        assert_true(latent_shape_equal(t->shape, (latent_shape){1, 16, 64, 3}));
        assert_true(t->data[0] <= t->data[63 * 3] - 0.5);
        latent_tensor_release(t);
    }
}

/* A JPEG whose camera lay on its side: EXIF's orientation, put in behind the start marker. */
static void write_turned(const char *path, const uint8_t *jpeg, size_t n, int way)
{
    uint8_t exif[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i',  'f', 0, 0, 'M', 'M', 0, 42, 0,
                      0,    0,    8, 0,  1,   1,   0x12, 0,   3, 0, 0,   0,   1, 0,  (uint8_t)way,
                      0,    0,    0, 0,  0,   0};
    uint8_t *all = malloc(n + sizeof(exif));
    memcpy(all, jpeg, 2);
    memcpy(all + 2, exif, sizeof(exif));
    memcpy(all + 2 + sizeof(exif), jpeg + 2, n - 2);
    write_file(path, all, n + sizeof(exif));
    free(all);
}

static void test_orientation(void **state)
{
    /* where the dark half lies: 1 left, 2 right, 3 top, 4 bottom */
    const int dark[9] = {0, 1, 2, 2, 1, 3, 3, 4, 4};
    size_t n;
    uint8_t *jpeg;
    (void)state;
    write_kind(in_folder("up.jpg"), AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ444P, 16, 64);
    jpeg = read_file(in_folder("up.jpg"), &n);
    for (int way = 1; way <= 8; way++) {
        latent_error e = {""};
        latent_tensor *t;
        float first, right, below;
        write_turned(in_folder("turned.jpg"), jpeg, n, way);
        t = latent_picture_read(in_folder("turned.jpg"), 1, NULL, &e);
        if (!t)
            fail_msg("%s", e.text);
        assert_int_equal(t->shape.w, way > 4 ? 16 : 64);
        assert_int_equal(t->shape.h, way > 4 ? 64 : 16);
        first = t->data[0];
        right = t->data[t->shape.w - 1];
        below = t->data[(t->shape.h - 1) * t->shape.w];
        if (dark[way] == 1)
            assert_true(first < right - 0.5 && below < 0);
        else if (dark[way] == 2)
            assert_true(first > right + 0.5 && below > 0);
        else if (dark[way] == 3)
            assert_true(first < below - 0.5 && right < 0);
        else
            assert_true(first > below + 0.5 && right > 0);
        latent_tensor_release(t);
    }
    free(jpeg);
}

static void test_refused(void **state)
{
    (void)state;
    check_refused(in_folder("nothing.png"), "No such file");
    check_refused(folder, "folder");
    check_refused("/dev/zero", "no ordinary file");
    write_file(in_folder("empty.png"), (const uint8_t *)"", 0);
    check_refused(in_folder("empty.png"), "empty");
    write_file(in_folder("words.png"), (const uint8_t *)"not a picture at all\n", 21);
    check_refused(in_folder("words.png"), "no picture");
    /* formats that would make FFmpeg open further files */
    write_file(in_folder("list.m3u8"), (const uint8_t *)"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", 31);
    check_refused(in_folder("list.m3u8"), "no picture");
    write_file(in_folder("c.png"), (const uint8_t *)"ffconcat version 1.0\nfile a.png\n", 32);
    check_refused(in_folder("c.png"), "no picture");
    write_file(in_folder("s.svg"),
               (const uint8_t *)"<?xml version=\"1.0\"?><svg width=\"9\" height=\"9\"></svg>\n",
               55);
    check_refused(in_folder("s.svg"), "no picture");
    assert_null(latent_picture_read("concat:a.png|b.png", 3, NULL, NULL));
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

static void put_be(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A PNG whose header, with a right checksum, claims another size. */
static void test_lying_size(void **state)
{
    const uint32_t sizes[][2] = {{16384, 16384},  {16385, 1}, {1, 16385},
                                 {0x7fffffff, 1}, {0, 8},     {0x7fffffff, 0x7fffffff},
                                 {16384, 4096}};
    uint8_t *b = some_bytes(8, 8, 3), *png;
    size_t n;
    (void)state;
    assert_int_equal(latent_picture_write(in_folder("l.png"), b, 8, 8, 3, NULL), 0);
    png = read_file(in_folder("l.png"), &n);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        put_be(png + 16, sizes[i][0]);
        put_be(png + 20, sizes[i][1]);
        put_be(png + 29, crc(png + 12, 17));
        write_file(in_folder("l.png"), png, n);
        check_refused(in_folder("l.png"), "");
    }
    free(png);
    free(b);
}

/* Cut anywhere: refused.  Bytes changed anywhere: refused, or a picture of an allowed size. */
static void check_damaged(const char *file, const char *damaged, int rounds)
{
    size_t n;
    char path[300];
    uint8_t *bytes = read_file(in_folder("%s", file), &n), *copy = malloc(n);
    latent_random r;
    latent_random_seed(&r, 7);
    snprintf(path, sizeof(path), "%s", in_folder("%s", damaged));
    for (size_t cut = 1; cut < n - 12; cut += n / 61 + 1) {
        write_file(path, bytes, cut);
        check_refused(path, "");
    }
    for (int i = 0; i < rounds; i++) {
        latent_error e = {""};
        latent_tensor *t;
        memcpy(copy, bytes, n);
        for (uint32_t k = 0; k <= latent_random_below(&r, 6); k++)
            copy[latent_random_below(&r, (uint32_t)n)] = (uint8_t)latent_random_u32(&r);
        write_file(path, copy, n);
        t = latent_picture_read(path, 4, NULL, &e);
        if (t)
            assert_true(t->shape.h <= LATENT_PICTURE_SIDE && t->shape.w <= LATENT_PICTURE_SIDE &&
                        t->count / 4 <= LATENT_PICTURE_PIXELS);
        else
            assert_true(strlen(e.text) > 20);
        latent_tensor_release(t);
    }
    free(copy);
    free(bytes);
}

#ifdef __SANITIZE_THREAD__
#define DAMAGED 40 /* only one thread works here, and slowly */
#else
#define DAMAGED 1250 /* of each kind */
#endif

static void test_damaged(void **state)
{
    uint8_t *b = some_bytes(40, 56, 3);
    (void)state;
    assert_int_equal(latent_picture_write(in_folder("d.png"), b, 40, 56, 3, NULL), 0);
    write_kind(in_folder("d.jpg"), AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ420P, 40, 56);
    write_kind(in_folder("d.bmp"), AV_CODEC_ID_BMP, AV_PIX_FMT_BGR24, 40, 56);
    write_kind(in_folder("d.tiff"), AV_CODEC_ID_TIFF, AV_PIX_FMT_RGB24, 40, 56);
    check_damaged("d.png", "bad.png", DAMAGED);
    check_damaged("d.jpg", "bad.jpg", DAMAGED);
    check_damaged("d.bmp", "bad.bmp", DAMAGED);
    check_damaged("d.tiff", "bad.tiff", DAMAGED);
    free(b);
}

static void test_cancel(void **state)
{
    atomic_int cancel = 1;
    uint8_t *b = some_bytes(8, 8, 3);
    (void)state;
    assert_int_equal(latent_picture_write(in_folder("x.png"), b, 8, 8, 3, NULL), 0);
    assert_null(latent_picture_read(in_folder("x.png"), 3, &cancel, NULL));
    free(b);
}

static void check_unwritten(const char *path, const char *word)
{
    latent_error e = {""};
    uint8_t *b = some_bytes(64, 64, 3);
    assert_int_equal(latent_picture_write(path, b, 64, 64, 3, &e), -1);
    if (!strstr(e.text, word))
        fail_msg("\"%s\" lacks \"%s\"", e.text, word);
    free(b);
}

static int count_file(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)f;
    if (kind == FTW_F && strstr(path, ".part"))
        fail_msg("%s was left", path);
    return 0;
}

static void test_unwritable(void **state)
{
    const uint8_t white[] = {255, 255, 255};
    const struct rlimit small = {100, RLIM_INFINITY};
    struct rlimit before;
    (void)state;
    assert_int_equal(latent_picture_write(in_folder("keep.png"), white, 1, 1, 3, NULL), 0);
    check_unwritten(in_folder("no/such/folder.png"), "No such");
    check_unwritten(in_folder("keep.png/a.png"), "Not a directory");
    check_unwritten(folder, "folder");
    check_unwritten("/dev/null", "no ordinary file");
    assert_int_equal(latent_picture_write(in_folder("z.png"), white, 0, 1, 3, NULL), -1);
    assert_int_equal(latent_picture_write(in_folder("z.png"), white, 1, 1, 2, NULL), -1);
    /* a disk that is full after a hundred bytes */
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &small);
    check_unwritten(in_folder("keep.png"), "can't be written");
    setrlimit(RLIMIT_FSIZE, &before);
    check_bytes(in_folder("keep.png"), 3, 1, 1, white); /* what was there stays */
    assert_int_equal(nftw(folder, count_file, 16, FTW_PHYS), 0);
}

static void test_folder(void **state)
{
    latent_error e = {""};
    struct stat st;
    (void)state;
    assert_int_equal(latent_folder_make(in_folder("takes/one/two"), &e), 0);
    assert_int_equal(latent_folder_make(in_folder("takes/one/two/"), &e), 0);
    assert_int_equal(stat(in_folder("takes/one/two"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    write_file(in_folder("file"), (const uint8_t *)"x", 1);
    assert_int_equal(latent_folder_make(in_folder("file"), &e), -1);
    assert_non_null(strstr(e.text, "no folder"));
    assert_int_equal(latent_folder_make(in_folder("file/below"), &e), -1);
    assert_int_equal(latent_folder_make("", &e), -1);
    assert_int_equal(latent_folder_make("/proc/latent", &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_channels),
        cmocka_unit_test(test_kinds),      cmocka_unit_test(test_orientation),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_lying_size),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_unwritable), cmocka_unit_test(test_folder),
    };
    return cmocka_run_group_tests_name("picture", tests, folder_set_up, folder_tear_down);
}
