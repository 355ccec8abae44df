/* test_training_sessions: what [latent.train] asks of a training beside a generator's steps:
   pictures from a folder, a score against them, and a clip-tiny that learns, all as jobs. */
#include "engine/base/deferred_free.h"
#include "engine/graph/evaluate.h"
#include "engine/media/picture.h"
#include "engine/train/training.h"
#include "helper_folder.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const atomic_int nobody; /* cancels nothing */

/* ---- jobs */

static latent_clip_settings small_clip(void)
{
    latent_clip_settings s = latent_clip_settings_usual();
    s.sizes = (latent_tiny_sizes){.resolution = 16,
                                  .stem = 6,
                                  .stages = 2,
                                  .width = {8, 10},
                                  .blocks = {1, 1},
                                  .embedding = 12,
                                  .rows = 500,
                                  .text_width = 9,
                                  .text_layers = 1,
                                  .text_hidden = 11,
                                  .context = 40};
    s.batch = 8;
    return s;
}

static latent_train_job *job(latent_training *t, latent_train_task task)
{
    latent_train_job *j = latent_train_job_new(t, task);
    assert_non_null(j);
    j->settings = latent_train_defaults();
    j->clip = small_clip();
    j->shape = (latent_generator_shape){
        .z = 16, .w = 16, .mapping = 2, .blocks = 3, .channels = {32, 16, 16}};
    j->read = latent_picture_read;
    j->seconds = 1000;
    j->images = 16;
    return j;
}

static void in(latent_train_job *j, const char *path)
{
    assert_true(strlen(path) < 400);
    j->paths = calloc(1, 402); /* the only one: ended by two zeroes */
    strcpy(j->paths, path);
}

/* Does it, which must go well, and forgets it. */
static latent_train_report does(latent_train_job *j)
{
    latent_train_report r;
    latent_job_run(&j->job);
    if (j->job.failed)
        fail_msg("%s", j->job.error.text);
    r = j->report;
    j->job.discard(&j->job);
    return r;
}

/* The sentence must hold these words. */
static void fails(latent_train_job *j, const char *words)
{
    latent_job_run(&j->job);
    assert_true(j->job.failed);
    if (!strstr(j->job.error.text, words))
        fail_msg("\"%s\" lacks \"%s\"", j->job.error.text, words);
    j->job.discard(&j->job);
}

static void forget(latent_training *t)
{
    latent_training_release(t);
    latent_deferred_free_all();
}

/* ---- a folder */

/* Left half of one colour, right half of another. */
static void put_picture(const char *name, int h, int w, uint32_t left, uint32_t right)
{
    uint8_t *bytes = malloc((size_t)h * (size_t)w * 3);
    latent_error e = {""};
    for (int i = 0; i < h * w; i++)
        for (int k = 0; k < 3; k++)
            bytes[3 * i + k] = (uint8_t)((i % w < w / 2 ? left : right) >> (16 - 8 * k));
    if (latent_picture_write(in_folder("%s", name), bytes, h, w, 3, &e))
        fail_msg("%s", e.text);
    free(bytes);
}

static void fill_folder(void)
{
    static int filled;
    latent_error e;
    if (filled)
        return;
    filled = 1;
    assert_int_equal(latent_folder_make(in_folder("set"), &e), 0);
    assert_int_equal(latent_folder_make(in_folder("bad"), &e), 0);
    for (int i = 0; i < 6; i++) {
        char name[40];
        snprintf(name, sizeof(name), "set/%d.png", i);
        put_picture(name, 40, 60 + i, i % 2 ? 0xff0000 : 0x0000ff, 0xffffff);
    }
    write_file(in_folder("set/1.txt"), (const uint8_t *)"a red half", 10);
    write_file(in_folder("set/broken.png"), (const uint8_t *)"no picture", 10);
    write_file(in_folder("bad/broken.png"), (const uint8_t *)"no picture", 10);
}

static void a_folder_is_a_source(void **state)
{
    char english[LATENT_CAPTION], chinese[LATENT_CAPTION];
    float picture[16 * 16 * 3];
    latent_error e = {""};
    int left_out;
    latent_source *s;
    (void)state;
    fill_folder();
    if (!(s = latent_source_folder(in_folder("set"), 32, 1, latent_picture_read, &nobody, &left_out,
                                   &e)))
        fail_msg("%s", e.text);
    assert_int_equal(s->count, 6);
    assert_int_equal(s->mirrored, 1);
    assert_int_equal(left_out, 1);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(s->draw(s, (uint64_t)i, 16, picture, english, chinese, &e), 0);
        assert_true(fabsf(picture[0] - (i % 2 ? 1.0f : -1.0f)) < 0.05f); /* red of the left */
        assert_true(fabsf(picture[45] - 1) < 0.05f);                     /* and of the right */
        assert_string_equal(english, i == 1 ? "a red half" : "");
    }
    assert_int_equal(s->draw(s, 6, 16, picture, NULL, NULL, &e), -1);
    s->release(s);
}

static void wrong_folders_are_no_source(void **state)
{
    const atomic_int cancelled = 1;
    latent_error e = {""};
    int left_out;
    (void)state;
    fill_folder();
    assert_null(latent_source_folder(in_folder("none"), 32, 0, latent_picture_read, &nobody,
                                     &left_out, &e));
    assert_true(*e.text);
    e.text[0] = 0;
    assert_null(
        latent_source_folder(in_folder("bad"), 32, 0, latent_picture_read, &nobody, &left_out, &e));
    assert_non_null(strstr(e.text, "broken.png"));
    assert_null(latent_source_folder(in_folder("set"), 32, 0, latent_picture_read, &cancelled,
                                     &left_out, &e));
}

/* What can't be taken leaves the pictures that are there. */
static void a_training_takes_a_folder(void **state)
{
    latent_training *t = latent_training_new(&latent_training_gan);
    latent_train_job *j = job(t, LATENT_TRAIN_DATA);
    latent_train_report r;
    (void)state;
    fill_folder();
    strcpy(j->file, "nothing");
    in(j, in_folder("nothing"));
    fails(j, "no pictures nothing: no [latent.dataset -name nothing]");
    j = job(t, LATENT_TRAIN_DATA);
    j->mirrored = 1;
    in(j, in_folder("set"));
    r = does(j);
    assert_true(r.data == 6 && r.left_out == 1);
    does(job(t, LATENT_TRAIN_NEW));
    j = job(t, LATENT_TRAIN_DATA);
    in(j, in_folder("bad"));
    fails(j, "broken.png");
    r = does(job(t, LATENT_TRAIN_RUN));
    assert_true(r.ran == 16 && isfinite(r.loss[0]) && isfinite(r.loss[1]));
    forget(t);
}

/* ---- a score */

typedef struct {
    latent_source source;
    latent_trainer *trainer; /* draws what this draws, or NULL: discs */
    latent_source *discs;
    atomic_int drawn; /* threads of the trainer draw side by side */
} mimic;

static int mimic_draw(latent_source *s, uint64_t index, int size, float *picture,
                      char english[LATENT_CAPTION], char chinese[LATENT_CAPTION], latent_error *e)
{
    mimic *m = (mimic *)s;
    m->drawn++;
    if (!m->trainer)
        return m->discs->draw(m->discs, index, size, picture, english, chinese, e);
    return latent_trainer_sample(m->trainer, 99, index, 1, picture, e);
}

static latent_model *fresh_clip(void)
{
    latent_clip_settings s = small_clip();
    latent_error e = {""};
    latent_clip_training *c = latent_clip_training_new(NULL, &s, &e);
    latent_model *m = c ? latent_clip_training_snapshot(c, "eyes", &e) : NULL;
    if (!m)
        fail_msg("%s", e.text);
    latent_clip_training_free(c);
    return m;
}

static latent_evaluation_result examine(latent_model *clip, mimic *m, latent_trainer *t, int n)
{
    latent_evaluation_result r, again;
    latent_error e = {""};
    latent_evaluation *x = latent_evaluation_new(clip, &m->source, 16, n, NULL, &e);
    int drawn = m->drawn;
    if (!x || latent_evaluation_ask(x, t, NULL, &r, &e) ||
        latent_evaluation_ask(x, t, NULL, &again, &e))
        fail_msg("%s", e.text);
    assert_int_equal(m->drawn, drawn); /* the real ones are looked at once */
    assert_true(r.percent == again.percent && r.floor == again.floor);
    assert_true(latent_evaluation_suits(x, clip, 16, n) &&
                !latent_evaluation_suits(x, clip, 16, n + 1));
    latent_evaluation_free(x);
    return r;
}

/* A network is as far from its own pictures as those are from others of it, and far from discs. */
static void a_score_tells_alike_from_unlike(void **state)
{
    latent_train_settings s = latent_train_defaults();
    latent_generator_shape g = {
        .z = 16, .w = 16, .mapping = 2, .blocks = 3, .channels = {32, 16, 16}};
    latent_discriminator_shape d = latent_trainer_default_discriminator(&g);
    latent_model *clip = fresh_clip();
    mimic m = {{.draw = mimic_draw}, NULL, NULL, 0};
    latent_trainer t;
    latent_evaluation_result alike, unlike, few;
    latent_error e = {""};
    (void)state;
    if (latent_trainer_init(&t, &s, &g, &d, &e) || !(m.discs = latent_source_discs(&e)))
        fail_msg("%s", e.text);
    unlike = examine(clip, &m, &t, 100);
    assert_int_equal(m.drawn, 200);
    m.trainer = &t;
    alike = examine(clip, &m, &t, 100);
    m.source.count = 51; /* the same, but so few: half of them each time */
    few = examine(clip, &m, &t, 100);
    print_message("alike %.2f (floor %.2f), few %.2f (%.2f), unlike %.2f (%.2f)\n", alike.percent,
                  alike.floor, few.percent, few.floor, unlike.percent, unlike.floor);
    assert_int_equal(alike.pictures, 100);
    assert_int_equal(few.pictures, 25);
    assert_true(alike.floor > 0 && alike.percent < 4 * alike.floor);
    assert_true(unlike.floor < 20 && unlike.percent > 5 * unlike.floor);
    assert_true(few.floor > alike.floor);
    m.source.count = 3;
    assert_null(latent_evaluation_new(clip, &m.source, 16, 100, NULL, &e));
    assert_non_null(strstr(e.text, "four pictures"));
    m.discs->release(m.discs);
    latent_trainer_free(&t);
    latent_model_release(clip);
}

static latent_train_job *score_job(latent_training *t, latent_model *clip, int n)
{
    latent_train_job *j = job(t, LATENT_TRAIN_SCORE);
    j->model = latent_model_retain(clip);
    j->count = n;
    return j;
}

static void let_go(latent_source *s)
{
    (void)s;
}

static void a_score_is_a_job(void **state)
{
    latent_training *t = latent_training_new(&latent_training_gan);
    latent_model *clip = fresh_clip();
    latent_train_job *j;
    latent_train_report r, later;
    latent_stats boxes;
    mimic m = {{.draw = mimic_draw, .release = let_go}, NULL, NULL, 0};
    latent_error e;
    (void)state;
    m.discs = latent_source_discs(&e);
    fails(score_job(t, clip, 40), "no network yet");
    does(job(t, LATENT_TRAIN_NEW));
    fails(score_job(t, clip, 40), "no pictures to learn from");
    j = job(t, LATENT_TRAIN_DATA);
    j->source = &m.source;
    does(j);
    latent_stats_reset();
    r = does(score_job(t, clip, 40));
    latent_stats_get(&boxes, NULL, 0);
    assert_int_equal(boxes.runs, 0); /* who plays waits for none of it */
    assert_int_equal(m.drawn, 80);
    assert_true(r.score.percent > r.score.floor && r.score.floor > 0 && r.score.pictures == 40);
    does(job(t, LATENT_TRAIN_RUN));
    m.drawn = 0;
    later = does(score_job(t, clip, 40)); /* of a network that has changed, the same reals */
    assert_int_equal(m.drawn, 0);
    assert_true(later.score.floor == r.score.floor && later.score.percent != r.score.percent);
    does(score_job(t, clip, 20));
    assert_int_equal(m.drawn, 40);
    j = job(t, LATENT_TRAIN_DATA); /* other pictures */
    j->source = &m.source;
    does(j);
    does(score_job(t, clip, 20));
    assert_int_equal(m.drawn, 80);
    j = score_job(t, clip, 1000000); /* hours, if nobody looked */
    atomic_store(&j->job.cancel, 1);
    fails(j, "cancelled");
    m.discs->release(m.discs);
    forget(t);
    latent_model_release(clip);
}

/* ---- a clip-tiny */

static latent_training *clip_with_discs(void)
{
    latent_training *t = latent_training_new(&latent_training_clip);
    latent_train_job *j = job(t, LATENT_TRAIN_DATA);
    latent_error e;
    j->source = latent_source_discs(&e);
    does(j);
    return t;
}

static void store(latent_training *t, latent_train_task task, const char *path)
{
    latent_train_job *j = job(t, task);
    snprintf(j->file, sizeof(j->file), "%s", path);
    does(j);
}

static void a_clip_learns_as_jobs(void **state)
{
    latent_training *t = latent_training_new(&latent_training_clip);
    const char *saved = in_folder("saved.safetensors"), *later = in_folder("later.safetensors"),
               *again = in_folder("again.safetensors"), *written = in_folder("clip.safetensors");
    latent_train_job *j;
    latent_train_report r;
    latent_model *m;
    latent_error e = {""};
    size_t n[2];
    uint8_t *bytes[2];
    (void)state;
    fails(job(t, LATENT_TRAIN_RUN), "there is no network yet");
    r = does(job(t, LATENT_TRAIN_NEW));
    assert_true(r.size == 16 && r.images == 0);
    fails(job(t, LATENT_TRAIN_RUN), "no pictures to learn from");
    forget(t);

    t = clip_with_discs();
    does(job(t, LATENT_TRAIN_NEW));
    j = job(t, LATENT_TRAIN_RUN);
    j->snapshot_at = 16;
    latent_job_run(&j->job);
    assert_false(j->job.failed);
    assert_true(j->report.images == 16 && j->report.ran == 16 && j->report.loss[0] > 0);
    assert_true(j->report.loss[1] >= 0 && j->report.loss[1] <= 1);
    assert_non_null(j->made);
    assert_int_equal(latent_model_is(j->made, LATENT_ENCODER, &e), 0);
    j->job.discard(&j->job);
    store(t, LATENT_TRAIN_SAVE, saved);
    does(job(t, LATENT_TRAIN_RUN));
    store(t, LATENT_TRAIN_SAVE, later);
    store(t, LATENT_TRAIN_WRITE, written);
    forget(t);

    t = clip_with_discs(); /* to the bit, into a training that knows nothing of it */
    j = job(t, LATENT_TRAIN_RESUME);
    j->clip.seed = 7; /* those of the file count */
    j->clip.batch = 16;
    in(j, saved);
    assert_true(does(j).images == 16);
    assert_true(does(job(t, LATENT_TRAIN_RUN)).images == 32);
    store(t, LATENT_TRAIN_SAVE, again);
    for (int i = 0; i < 2; i++)
        bytes[i] = read_file(i ? again : later, &n[i]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
    free(bytes[0]);
    free(bytes[1]);

    j = job(t, LATENT_TRAIN_RESUME); /* a model is no checkpoint, and what is there stays */
    in(j, written);
    fails(j, "no checkpoint of a clip-tiny");
    j = job(t, LATENT_TRAIN_RESUME);
    in(j, in_folder("nothing.safetensors"));
    fails(j, "nothing.safetensors");
    assert_true(does(job(t, LATENT_TRAIN_RUN)).images == 48);
    if (!(m = latent_model_load(written, (latent_progress){NULL, NULL}, &e)))
        fail_msg("%s", e.text);
    assert_int_equal(m->encoder.embedding, 12);
    latent_model_release(m);
    forget(t);
}

static void what_a_clip_refuses(void **state)
{
    latent_training *t = latent_training_new(&latent_training_clip);
    latent_train_job *j = job(t, LATENT_TRAIN_NEW);
    latent_error e;
    (void)state;
    fill_folder();
    j->clip.batch = 12;
    fails(j, "multiple of 8");
    does(job(t, LATENT_TRAIN_NEW));
    j = job(t, LATENT_TRAIN_DATA);
    in(j, in_folder("set"));
    does(j);
    fails(job(t, LATENT_TRAIN_RUN), "no words about the pictures"); /* but for one of six */
    j = job(t, LATENT_TRAIN_DATA);
    j->source = latent_source_discs(&e);
    does(j);
    assert_true(does(job(t, LATENT_TRAIN_RUN)).images == 16); /* and it goes on */
    forget(t);
}

static void let_go_of_in_the_middle(void **state)
{
    latent_model *clip = fresh_clip();
    (void)state;
    for (int i = 0; i < 4; i++) {
        latent_training *t =
            latent_training_new(i < 2 ? &latent_training_clip : &latent_training_gan);
        latent_port *p = latent_port_new(LATENT_TRAINER, 0);
        struct timespec wait = {0, 40000000 * (i % 2)};
        latent_train_job *j = job(t, LATENT_TRAIN_NEW);
        latent_error e;
        latent_port_post(p, &j->job);
        j = job(t, LATENT_TRAIN_DATA);
        j->source = latent_source_discs(&e);
        latent_port_post(p, &j->job);
        if (i < 2) {
            j = job(t, LATENT_TRAIN_RUN);
            j->images = 1e9;
        } else
            j = score_job(t, clip, 1000000);
        latent_port_post(p, &j->job);
        nanosleep(&wait, NULL);
        latent_training_release(t);
        latent_port_close(p);
    }
    latent_workers_stop();
    latent_deferred_free_all();
    latent_model_release(clip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_a_source),
        cmocka_unit_test(wrong_folders_are_no_source),
        cmocka_unit_test(a_training_takes_a_folder),
        cmocka_unit_test(a_score_tells_alike_from_unlike),
        cmocka_unit_test(a_score_is_a_job),
        cmocka_unit_test(a_clip_learns_as_jobs),
        cmocka_unit_test(what_a_clip_refuses),
        cmocka_unit_test(let_go_of_in_the_middle),
    };
    return cmocka_run_group_tests_name("pupils", tests, folder_set_up, folder_tear_down);
}
