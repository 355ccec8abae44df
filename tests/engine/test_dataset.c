/* Data sets: what is said about pictures (JSON, text, hostile ones too), folders and classes, bad
   files named and skipped, fitting, colour statistics, drawing for training, index.json. */
#include "engine/base/jobs.h"
#include "engine/data/dataset.h"
#include "engine/media/picture.h"
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

static char folder[200];

static void path_of(char *path, const char *name)
{
    snprintf(path, 400, "%s/%s", folder, name);
}

static void put_file(const char *name, const void *content, size_t size)
{
    char path[400];
    FILE *f;
    path_of(path, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, size, f), size);
    fclose(f);
}

static void put_words(const char *name, const char *words)
{
    put_file(name, words, strlen(words));
}

/* A picture whose left half is one colour, whose right half is another. */
static void put_picture(const char *name, int h, int w, uint32_t left, uint32_t right)
{
    uint8_t *bytes = malloc((size_t)h * (size_t)w * 3);
    char path[400];
    latent_error e;
    assert_non_null(bytes);
    for (int i = 0; i < h * w; i++)
        for (int k = 0; k < 3; k++)
            bytes[3 * i + k] = (uint8_t)((i % w < w / 2 ? left : right) >> (16 - 8 * k));
    path_of(path, name);
    assert_int_equal(latent_picture_write(path, bytes, h, w, 3, &e), 0);
    free(bytes);
}

static void make_folder(const char *name)
{
    char path[400];
    path_of(path, name);
    assert_int_equal(mkdir(path, 0777), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "%s/latent-dataset-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

/* ---- what is said about pictures */

static int say(latent_captions *c, const char *text, latent_error *e)
{
    int failed = latent_captions_json(c, text, strlen(text), e);
    latent_captions_sort(c);
    return failed;
}

static void captions_are_read(void **state)
{
    latent_captions c = {0};
    const latent_caption *q;
    latent_error e;
    (void)state;
    assert_int_equal(say(&c,
                         "[{\"file\": \"a.webp\", \"name_zh\": \"鲈鱼\", \"modern_zh\": \"海鲈\","
                         "\"latin\": \"Lateolabrax\"}, {\"latin\": null, \"file\":\"./b.png\", "
                         "\"more\": [1, {\"x\": []}], \"class\": 2}, {\"en\": \"nameless\"}, 7]",
                         &e),
                     0);
    q = latent_captions_find(&c, "a.webp");
    assert_non_null(q);
    assert_string_equal(q->english, "Lateolabrax");
    assert_string_equal(q->chinese, "鲈鱼");
    assert_int_equal(q->label, -1);
    assert_int_equal(latent_captions_find(&c, "b.png")->label, 2);
    assert_non_null(latent_captions_find(&c, "sub/a.webp"));
    assert_null(latent_captions_find(&c, "c.png"));
    latent_captions_free(&c);
    assert_int_equal(
        say(&c, "{\"labels\": [[\"0/x.png\", 3], [\"y.png\", null], [\"z.png\", -1]]}", &e), 0);
    assert_int_equal(latent_captions_find(&c, "0/x.png")->label, 3);
    assert_int_equal(latent_captions_find(&c, "y.png")->label, -1);
    assert_int_equal(latent_captions_find(&c, "z.png")->label, -1);
    latent_captions_free(&c);
    assert_int_equal(
        say(&c, "\xef\xbb\xbf{\"a.png\": \"one \\u0000 fish\", \"b.png\": \"一条鱼\"}", &e), 0);
    assert_string_equal(latent_captions_find(&c, "b.png")->chinese, "一条鱼");
    assert_string_equal(latent_captions_find(&c, "b.png")->english, "");
    latent_captions_free(&c);
}

static void hostile_captions_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "nonsense",
                                      "[",
                                      "[{",
                                      "[{\"file\"",
                                      "[{\"file\": \"a",
                                      "[[\"a\", 1e]]",
                                      "{\"a\": }",
                                      "[{\"file\": \"a\", \"class\": 1 \"b\"}]",
                                      "{\"labels\": [[\"x\", 1}",
                                      "\"just a string\""};
    char deep[3001], *wide;
    latent_captions c = {0};
    latent_error e;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        *e.text = 0;
        assert_int_equal(say(&c, bad[i], &e), -1);
        assert_true(strlen(e.text) > 10);
        latent_captions_free(&c);
    }
    memset(deep, '[', 3000);
    deep[3000] = 0;
    assert_int_equal(say(&c, deep, &e), -1);
    latent_captions_free(&c);
    /* long names and sentences are cut, where characters end */
    wide = malloc(40000);
    assert_non_null(wide);
    strcpy(wide, "[{\"file\": \"a.png\", \"zh\": \"");
    for (int i = 0; i < 5000; i++)
        strcat(wide + 3 * i, "鱼");
    strcat(wide, "\"}]");
    assert_int_equal(say(&c, wide, &e), 0);
    assert_true(strlen(c.list->chinese) < LATENT_CAPTION);
    assert_int_equal(strlen(c.list->chinese) % 3, 0);
    latent_captions_free(&c);
    free(wide);
    /* what names files elsewhere only fails to be found */
    assert_int_equal(say(&c, "[{\"file\": \"../../../etc/passwd\", \"en\": \"x\"}]", &e), 0);
    assert_null(latent_captions_find(&c, "a.png"));
    latent_captions_free(&c);
}

static void lines_are_told_apart(void **state)
{
    char english[LATENT_CAPTION], chinese[LATENT_CAPTION];
    static const char text[] = "\n一条红鱼\r\n\xff\xfe"
                               "a red\tfish\nanother\n";
    (void)state;
    latent_captions_lines(text, sizeof(text) - 1, english, chinese);
    assert_string_equal(english, "a red fish");
    assert_string_equal(chinese, "一条红鱼");
}

/* ---- folders */

static const latent_dataset_entry *entry_of(const latent_scan *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->entries[i].name, name))
            return s->entries + i;
    return NULL;
}

static void fill_folder(void)
{
    make_folder("fish");
    make_folder("crabs");
    put_picture("fish/carp.png", 20, 40, 0xff0000, 0x0000ff);
    put_words("fish/carp.txt", "a carp\n一条鲤鱼\n");
    put_picture("crabs/blue.png", 32, 32, 0x0000ff, 0x0000ff);
    put_picture("top.png", 32, 16, 0xffffff, 0x000000);
    put_words("top.jpg", "this is no picture");
    put_words("empty.webp", "");
    put_words("notes.md", "not asked for");
    put_words("index.json", "[{\"file\": \"top.png\", \"en\": \"black and white\"}]");
    put_words("crabs/index.json", "[{\"file\": \"blue.png\", ");
}

static void folders_are_looked_through(void **state)
{
    latent_scan s;
    latent_error e;
    (void)state;
    fill_folder();
    assert_int_equal(latent_scan_folder(&s, folder, NULL, &e), 0);
    assert_int_equal(s.n, 4); /* top.jpg is found out when it is read */
    assert_int_equal(s.n_classes, 2);
    assert_string_equal(s.classes[0], "crabs");
    assert_int_equal(entry_of(&s, "fish/carp.png")->label, 1);
    assert_string_equal(entry_of(&s, "fish/carp.png")->english, "a carp");
    assert_string_equal(entry_of(&s, "fish/carp.png")->chinese, "一条鲤鱼");
    assert_int_equal(entry_of(&s, "top.png")->label, -1);
    assert_string_equal(entry_of(&s, "top.png")->english, "black and white");
    /* two that would be written to one file are told apart */
    assert_string_not_equal(entry_of(&s, "top.png")->output, entry_of(&s, "top.jpg")->output);
    assert_int_equal(s.n_skipped, 2);
    assert_non_null(strstr(s.skipped[0], "crabs/index.json"));
    assert_non_null(strstr(s.skipped[1], "empty.webp"));
    latent_scan_free(&s);
}

static void wrong_folders_are_refused(void **state)
{
    latent_scan s;
    latent_error e;
    atomic_int cancel = 1;
    char path[400];
    (void)state;
    path_of(path, "nowhere");
    assert_int_equal(latent_scan_folder(&s, path, NULL, &e), -1);
    assert_non_null(strstr(e.text, "can't be looked through"));
    latent_scan_free(&s);
    assert_int_equal(latent_scan_folder(&s, folder, NULL, &e), -1);
    assert_non_null(strstr(e.text, "no picture"));
    latent_scan_free(&s);
    put_picture("a.png", 8, 8, 0, 0);
    assert_int_equal(latent_scan_folder(&s, folder, &cancel, &e), -1);
    latent_scan_free(&s);
}

/* A folder that contains itself, and two that contain each other, are looked into once, and are no
   class more. */
static void circles_are_walked_once(void **state)
{
    latent_scan s;
    latent_error e;
    char path[400], to[400];
    (void)state;
    put_picture("a.png", 8, 8, 0, 0);
    path_of(path, "one");
    assert_int_equal(mkdir(path, 0777), 0);
    put_picture("one/b.png", 8, 8, 0, 0);
    path_of(path, "loop");
    assert_int_equal(symlink(folder, path), 0);
    path_of(path, "one/back");
    assert_int_equal(symlink("..", path), 0);
    path_of(path, "two");
    path_of(to, "one");
    assert_int_equal(symlink(to, path), 0);
    assert_int_equal(latent_scan_folder(&s, folder, NULL, &e), 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.n_classes, 1);
    assert_int_equal(s.n_skipped, 3);
    assert_non_null(strstr(s.skipped[0], "already"));
    latent_scan_free(&s);
}

/* Somebody's whole disk is no set: it is refused before minutes have passed. */
static void too_many_folders_are_refused(void **state)
{
    latent_scan s;
    latent_error e;
    char path[400], name[40];
    (void)state;
    put_picture("a.png", 8, 8, 0, 0);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "%d", i);
        path_of(path, name);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    assert_int_equal(latent_scan_folder(&s, folder, NULL, &e), -1);
    assert_non_null(strstr(e.text, "more than 1999 folders"));
    latent_scan_free(&s);
}

/* ---- pictures made ready */

static latent_sample *plate_of(const char *name, int size, latent_fitting fitting)
{
    char path[400];
    latent_error e;
    latent_tensor *t;
    latent_sample *p;
    path_of(path, name);
    t = latent_picture_read(path, 3, NULL, &e);
    assert_non_null(t);
    p = latent_sample_make(t, (latent_sample_settings){size, fitting, 0}, &e);
    assert_non_null(p);
    latent_tensor_release(t);
    return p;
}

static const uint8_t *pixel(const latent_sample *p, int y, int x)
{
    return p->bytes + 3 * (y * p->size + x);
}

static void pictures_become_square(void **state)
{
    latent_sample *p;
    float picture[3 * 8 * 8];
    latent_error e;
    (void)state;
    put_picture("wide.png", 16, 64, 0xff0000, 0x0000ff);
    p = plate_of("wide.png", 16, LATENT_CROP);
    assert_int_equal(pixel(p, 8, 2)[0], 255); /* the middle quarter: half red, half blue */
    assert_int_equal(pixel(p, 8, 13)[2], 255);
    assert_int_equal(latent_sample_draw(p, 8, picture, &e), 0);
    assert_true(fabsf(picture[0] - 1) < 1e-6f && fabsf(picture[1] + 1) < 1e-6f);
    latent_sample_release(p);
    p = plate_of("wide.png", 16, LATENT_PAD);
    assert_int_equal(pixel(p, 8, 2)[0], 255);
    assert_in_range(pixel(p, 0, 2)[0], 120, 135); /* above: the mean of its edge */
    assert_int_equal(pixel(p, 7, 15)[2], 255);
    assert_in_range(pixel(p, 15, 15)[0], 120, 135);
    latent_sample_release(p);
    p = plate_of("wide.png", 16, LATENT_STRETCH);
    assert_int_equal(pixel(p, 0, 7)[0], 255);
    assert_int_equal(pixel(p, 15, 8)[2], 255);
    assert_true(fabs(p->sum[0] / 256) < 1e-6 && fabs(p->sum[1] / 256 + 1) < 1e-6);
    latent_sample_release(p);
}

static void sets_are_measured_and_drawn_from(void **state)
{
    latent_dataset *d = latent_dataset_new();
    latent_dataset_statistics m;
    latent_scan s;
    latent_error e;
    latent_source *source;
    float picture[3 * 16 * 16];
    char english[LATENT_CAPTION], chinese[LATENT_CAPTION], *text;
    size_t size;
    FILE *f;
    (void)state;
    fill_folder();
    assert_null(latent_dataset_source(d, &e));
    assert_int_equal(latent_scan_folder(&s, folder, NULL, &e), 0);
    latent_dataset_take(d, &s);
    latent_scan_free(&s);
    for (int i = 0; i < latent_dataset_count(d); i++) {
        latent_dataset_entry *q = latent_dataset_at(d, i);
        latent_sample *p = strstr(q->name, ".jpg") ? NULL : plate_of(q->name, 16, LATENT_STRETCH);
        assert_true(q->stale);
        assert_int_equal(latent_dataset_ready(d, i, p, &e), 0);
    }
    latent_dataset_at(d, 0)->verdict = LATENT_REJECTED; /* crabs/blue */
    latent_dataset_measure(d, &m);
    assert_int_equal(m.pictures, 4);
    assert_int_equal(m.ready, 3);
    assert_int_equal(m.failed, 1);
    assert_int_equal(m.rejected, 1);
    assert_int_equal(m.described, 2);
    assert_true(fabs(m.mean[0]) < 1e-6 && fabs(m.deviation[0] - 1) < 1e-6);
    assert_true(fabs(m.mean[1] + 0.5) < 1e-6);
    latent_dataset_mirror(d, 1);
    source = latent_dataset_source(d, &e);
    assert_non_null(source);
    assert_int_equal(source->count, 2);
    assert_int_equal(source->mirrored, 1);
    f = open_memstream(&text, &size);
    latent_dataset_line(latent_dataset_at(d, 1), f);
    fclose(f);
    assert_string_equal(
        text, "[\n{\"file\": \"fish/carp.png\", \"en\": \"a carp\", \"zh\": \"一条鲤鱼\", "
              "\"class\": 1}");
    free(text);
    latent_dataset_free(d); /* the source holds what it draws from */
    assert_int_equal(source->draw(source, 0, 16, picture, english, chinese, &e), 0);
    assert_string_equal(english, "a carp");
    assert_string_equal(chinese, "一条鲤鱼");
    assert_true(picture[0] > 0.99f && picture[3 * 15] < -0.99f);
    assert_int_equal(source->draw(source, 2, 16, picture, NULL, NULL, &e), -1);
    source->release(source);
}

static void pushed_pictures_form_a_ring(void **state)
{
    latent_dataset *d = latent_dataset_new();
    latent_error e;
    (void)state;
    put_picture("a.png", 8, 8, 0xff0000, 0x00ff00);
    for (int i = 0; i < 5; i++)
        assert_true(latent_dataset_push(d, plate_of("a.png", 8, LATENT_CROP), NULL,
                                        i ? "" : "first", "", 3, &e) >= 0);
    assert_int_equal(latent_dataset_count(d), 3);
    assert_string_equal(latent_dataset_at(d, 0)->name, "picture-000003.png");
    assert_string_equal(latent_dataset_at(d, 2)->name, "picture-000005.png");
    assert_null(latent_dataset_at(d, 3));
    assert_null(latent_dataset_at(d, -1));
    latent_dataset_clear(d);
    assert_int_equal(latent_dataset_count(d), 0);
    latent_dataset_free(d);
}

static void rules_draw_sets(void **state)
{
    const latent_rule *fish = latent_rule_find("fish");
    latent_scan s;
    latent_error e;
    latent_tensor *a, *b;
    (void)state;
    assert_non_null(fish);
    assert_int_equal(latent_scan_rule(&s, fish, 7, 3, NULL, &e), 0);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.entries[2].name, "fish-000003.png");
    assert_true(*s.entries[2].english && *s.entries[2].chinese);
    a = latent_sample_rule(fish, 7, 2, 8, &e);
    b = latent_sample_rule(fish, 7, 2, 8, &e);
    assert_true(a && b && a->count == 16 * 16 * 3);
    assert_memory_equal(a->data, b->data, a->count * sizeof(float));
    latent_tensor_release(a);
    latent_tensor_release(b);
    latent_scan_free(&s);
    assert_int_equal(latent_scan_rule(&s, fish, 7, 0, NULL, &e), -1);
    latent_scan_free(&s);
}

static void files_are_whole_or_not_there(void **state)
{
    char path[400];
    latent_error e;
    (void)state;
    path_of(path, "index.json");
    assert_int_equal(latent_file_write(path, "[]\n", 3, &e), 0);
    assert_int_equal(access(path, R_OK), 0);
    path_of(path, "nowhere/index.json");
    assert_int_equal(latent_file_write(path, "[]\n", 3, &e), -1);
    assert_non_null(strstr(e.text, "can't be written"));
    assert_int_equal(latent_folder_same(folder, folder), 1);
    assert_int_equal(latent_folder_same(folder, "/"), 0);
}

int main(void)
{
#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_are_read),         cmocka_unit_test(hostile_captions_are_refused),
        cmocka_unit_test(lines_are_told_apart),      IN_FOLDER(folders_are_looked_through),
        IN_FOLDER(wrong_folders_are_refused),        IN_FOLDER(circles_are_walked_once),
        IN_FOLDER(too_many_folders_are_refused),     IN_FOLDER(pictures_become_square),
        IN_FOLDER(sets_are_measured_and_drawn_from), IN_FOLDER(pushed_pictures_form_a_ring),
        cmocka_unit_test(rules_draw_sets),           IN_FOLDER(files_are_whole_or_not_there),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    latent_workers_stop();
    return failed;
}
