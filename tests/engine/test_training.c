/* test_training: a training as a whole: that it learns, that it goes on from a file to the bit,
   that a save that is killed leaves a file that can be read, that what it writes plays elsewhere,
   and that it can be let go of at any time. */
#include "../helpers/npz.h"
#include "engine/base/counter_random.h"
#include "engine/base/deferred_free.h"
#include "engine/base/parallel.h"
#include "engine/graph/evaluate.h"
#include "engine/models/model.h"
#include "engine/train/old_checkpoint.h"
#include "engine/train/training.h"
#include "helper_sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const latent_generator_shape small = {
    .z = 16, .w = 16, .mapping = 2, .blocks = 3, .channels = {32, 16, 16}};

static char *temporary(const char *end)
{
    static char path[4][200];
    static int turn;
    char *p = path[turn++ % 4];
    int file;
    snprintf(p, sizeof(path[0]), "latent-test-XXXXXX%s", end);
    file = mkstemps(p, (int)strlen(end));
    assert_true(file >= 0);
    close(file);
    return p;
}

static void begin_with(latent_trainer *t, latent_train_settings s)
{
    latent_discriminator_shape d = latent_trainer_default_discriminator(&small);
    latent_error e = {""};
    if (latent_trainer_init(t, &s, &small, &d, &e) || !(t->source = latent_source_discs(&e)))
        fail_msg("%s", e.text);
}

static void begin(latent_trainer *t)
{
    begin_with(t, latent_train_defaults());
}

static void end(latent_trainer *t)
{
    if (t->source)
        t->source->release(t->source);
    latent_trainer_free(t);
}

static void steps(latent_trainer *t, int n)
{
    latent_error e = {""};
    for (int i = 0; i < n; i++)
        if (latent_trainer_step(t, &e))
            fail_msg("%s", e.text);
}

static int same(const latent_trainer *a, const latent_trainer *b)
{
    const latent_parameters *p[2][2] = {{&a->g.p, &b->g.p}, {&a->d.p, &b->d.p}};
    for (int i = 0; i < 2; i++) {
        size_t bytes = p[i][0]->count * sizeof(float);
        if (memcmp(p[i][0]->value, p[i][1]->value, bytes) ||
            memcmp(p[i][0]->square, p[i][1]->square, bytes) ||
            (p[i][0]->average && memcmp(p[i][0]->average, p[i][1]->average, bytes)))
            return 0;
    }
    return a->images == b->images && a->steps == b->steps;
}

/* ---- learning */

#define SEEN 256
#define CELLS 48 /* 4 x 4 means of three colours */

/* Mean and deviation of each cell over many pictures. */
static void measure(const float *pictures, int n, double mean[CELLS], double deviation[CELLS])
{
    memset(mean, 0, CELLS * sizeof(double));
    memset(deviation, 0, CELLS * sizeof(double));
    for (int i = 0; i < n; i++) {
        double cell[CELLS] = {0};
        for (int p = 0; p < 256; p++)
            for (int k = 0; k < 3; k++)
                cell[(p / 64 * 4 + p % 16 / 4) * 3 + k] += pictures[(i * 256 + p) * 3 + k] / 16;
        for (int k = 0; k < CELLS; k++) {
            mean[k] += cell[k] / n;
            deviation[k] += cell[k] * cell[k] / n;
        }
    }
    for (int k = 0; k < CELLS; k++)
        deviation[k] = sqrt(fmax(deviation[k] - mean[k] * mean[k], 0));
}

static double distance(latent_trainer *t, const double mean[CELLS], const double deviation[CELLS])
{
    float *pictures = malloc((size_t)SEEN * 256 * 3 * sizeof(float));
    double m[CELLS], d[CELLS], sum = 0;
    latent_error e = {""};
    if (latent_trainer_sample(t, 1, UINT64_C(1) << 40, SEEN, pictures, &e))
        fail_msg("%s", e.text);
    measure(pictures, SEEN, m, d);
    for (int k = 0; k < CELLS; k++)
        sum += (m[k] - mean[k]) * (m[k] - mean[k]) + (d[k] - deviation[k]) * (d[k] - deviation[k]);
    free(pictures);
    return sum;
}

static void it_learns(void **state)
{
    latent_trainer t;
    float *reals = malloc((size_t)SEEN * 256 * 3 * sizeof(float));
    double mean[CELLS], deviation[CELLS], before, after;
    latent_error e;
    (void)state;
    begin(&t);
    for (int i = 0; i < SEEN; i++)
        t.source->draw(t.source, (UINT64_C(1) << 40) + (uint64_t)i, 16, reals + i * 256 * 3, NULL,
                       NULL, &e);
    measure(reals, SEEN, mean, deviation);
    before = distance(&t, mean, deviation);
    steps(&t, THOROUGH(250, 4));
    after = distance(&t, mean, deviation);
    print_message("distance %.3f before, %.3f after %.0f pictures\n", before, after,
                  (double)t.images);
    if (!SANITIZED)
        assert_true(after < before / 3);
    free(reals);
    end(&t);
}

/* Mean squared gradient on the reals after some steps at that weight of R1. */
static double slope_with(float r1)
{
    latent_train_settings s = latent_train_defaults();
    latent_trainer t;
    double penalty;
    s.r1 = r1;
    s.r1_every = 1;
    begin_with(&t, s);
    steps(&t, THOROUGH(30, 3));
    penalty = t.penalty;
    end(&t);
    return penalty;
}

static void the_penalty_flattens(void **state)
{
    double little = slope_with(0.001f), much = slope_with(30);
    (void)state;
    if (!(much > 0 && (SANITIZED || much < little / 3)))
        fail_msg("the slope's square is %g with little R1 and %g with much", little, much);
}

/* How unlike the ways are that pictures go when w goes a little way, of their mean. */
static double unlike_with(float path)
{
    latent_train_settings s = latent_train_defaults();
    latent_trainer t;
    double unlike = 0;
    s.path = path;
    s.path_every = 1;
    begin_with(&t, s);
    steps(&t, THOROUGH(40, 3));
    for (int i = 0; i < 10; i++) {
        steps(&t, 1);
        unlike += t.path_error / (double)t.path / 10;
    }
    end(&t);
    return unlike;
}

static void paths_become_alike(void **state)
{
    double little = unlike_with(1e-6f), much = unlike_with(20);
    (void)state;
    print_message("paths: %.3f of their mean apart, when it matters %.3f\n", little, much);
    if (!(much > 0 && (SANITIZED || much < 0.7 * little)))
        fail_msg("they are as unlike as before");
}

/* A finite source whose pictures are changed before they are judged. */
static void few_pictures_are_changed(void **state)
{
    latent_train_settings s = latent_train_defaults();
    latent_trainer t;
    (void)state;
    s.augment_pace = 2000;
    s.augment_target = -2; /* whatever it says is too sure */
    begin_with(&t, s);
    t.source->count = 20;
    t.source->mirrored = 1;
    steps(&t, THOROUGH(24, 8));
    assert_true(t.augmented > THOROUGH(0.1f, 0) && t.augmented < 0.9f);
    assert_true(isfinite(t.loss_g) && isfinite(t.loss_d));
    t.settings.augment_target = 2;
    steps(&t, THOROUGH(80, 1));
    assert_true(t.augmented == 0 || SANITIZED);
    end(&t);
}

/* ---- to the bit */

static void it_goes_on_where_it_was(void **state)
{
    latent_train_settings s = latent_train_defaults();
    latent_trainer a, b, c;
    latent_error e = {""};
    char *path = temporary(".safetensors");
    (void)state;
    s.path = 2;
    begin_with(&a, s);
    steps(&a, 5);
    if (latent_trainer_save(&a, path, &e))
        fail_msg("%s", e.text);
    steps(&a, 6);
    if (latent_trainer_open(&b, path, &e))
        fail_msg("%s", e.text);
    b.source = latent_source_discs(&e);
    assert_int_equal(b.images, 80);
    assert_false(same(&a, &b));
    steps(&b, 6);
    assert_true(same(&a, &b));
    assert_true(a.loss_g == b.loss_g && a.loss_d == b.loss_d);
    /* the same from the start, by another number of threads */
    latent_threads_set(3);
    begin_with(&c, s);
    steps(&c, 11);
    latent_threads_set(1);
    assert_true(same(&a, &c));
    unlink(path);
    end(&a);
    end(&b);
    end(&c);
}

/* A checkpoint from before weights lay as they do in models' files. */
static void an_old_one_goes_on(void **state)
{
    latent_trainer t, back;
    latent_parameters old[2];
    latent_error e = {""};
    latent_checkpoint_part parts[2] = {{"G.", &old[0]}, {"D.", &old[1]}};
    latent_weights *w;
    latent_meta_out meta[64];
    char *path = temporary(".safetensors"), key[64][40], text[64][40];
    static const char *const said[] = {
        "batch",      "seed",           "rate_g",       "rate_d",     "r1",
        "r1_every",   "r1_step",        "half_life",    "ramp",       "mixing",
        "freeze",     "images",         "train_steps",  "bad",        "z",
        "w",          "mapping",        "noise",        "clamp",      "group",
        "pack",       "seen",           "path",         "path_every", "path_length",
        "augment",    "augment_target", "augment_pace", "augmented",  "signs",
        "channels_g", "channels_d",     "latent"};
    size_t n = sizeof(said) / sizeof(*said);
    int conv, last;
    (void)state;
    begin(&t);
    steps(&t, 2);
    assert_int_equal(latent_trainer_save(&t, path, &e), 0);
    w = latent_weights_open(path, &e);
    for (size_t i = 0; i < n; i++) { /* what it says, but for the order */
        snprintf(key[i], sizeof(key[i]), "%s", said[i]);
        snprintf(text[i], sizeof(text[i]), "%s", latent_weights_text(w, said[i]));
        meta[i] = (latent_meta_out){key[i], text[i]};
    }
    latent_weights_close(w);
    assert_int_equal(latent_old_order(&t.g.p, &old[0], &e), 0);
    assert_int_equal(latent_old_order(&t.d.p, &old[1], &e), 0);
    /* tap 3 from input 2 to output 1: enlarging or not */
    conv = latent_parameters_find(&t.g.p, "synthesis.b8.conv0.weight");
    last = latent_parameters_find(&old[0], "synthesis.b8.conv0.weight");
    assert_true(latent_parameter_value(&t.g.p, conv)[(1 * 32 + 2) * 9 + 3] ==
                latent_parameter_value(&old[0], last)[(3 * 16 + 1) * 32 + 2]);
    conv = latent_parameters_find(&t.g.p, "synthesis.b4.conv1.weight");
    last = latent_parameters_find(&old[0], "synthesis.b4.conv1.weight");
    assert_true(latent_parameter_value(&t.g.p, conv)[(1 * 32 + 2) * 9 + 3] ==
                latent_parameter_value(&old[0], last)[(3 * 32 + 2) * 32 + 1]);
    assert_int_equal(latent_checkpoint_write(path, parts, 2, meta, n, &e), 0);
    if (latent_trainer_open(&back, path, &e))
        fail_msg("%s", e.text);
    assert_true(same(&t, &back));
    unlink(path);
    latent_parameters_free(&old[0]);
    latent_parameters_free(&old[1]);
    end(&back);
    end(&t);
}

static void a_killed_save_leaves_a_checkpoint(void **state)
{
    latent_trainer t, back;
    latent_error e = {""};
    char *path = temporary(".safetensors"), command[300];
    (void)state;
    begin(&t);
    latent_threads_stop(); /* a child has no threads but its own */
    if (latent_trainer_save(&t, path, &e))
        fail_msg("%s", e.text);
    for (int round = 0; round < 8; round++) {
        struct timespec wait = {0, 300000 + 700000 * (round % 4)};
        int status;
        pid_t child = fork();
        if (!child)
            for (;;) /* until it is killed */
                latent_trainer_save(&t, path, &e);
        assert_true(child > 0);
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        if (latent_trainer_open(&back, path, &e))
            fail_msg("%s", e.text);
        assert_true(same(&t, &back));
        end(&back);
    }
    snprintf(command, sizeof(command), "rm -f %s*", path); /* and what was half written */
    assert_int_equal(system(command), 0);
    end(&t);
}

static void wrong_files_are_refused(void **state)
{
    latent_trainer t, back;
    latent_error e = {""};
    char *path = temporary(".safetensors");
    (void)state;
    begin(&t);
    assert_int_equal(latent_trainer_open(&back, path, &e), -1); /* empty */
    assert_int_equal(latent_generator_write(&t.g, path, 1, 1, NULL, 0, &e), 0);
    assert_int_equal(latent_trainer_open(&back, path, &e), -1);
    assert_non_null(strstr(e.text, "no checkpoint of a training"));
    assert_int_equal(latent_trainer_open(&back, "no-such-file.safetensors", &e), -1);
    for (int i = 0; i < 2; i++) {
        int *every = i ? &t.settings.path_every : &t.settings.r1_every, kept = *every;
        *every = 0;
        assert_int_equal(latent_trainer_save(&t, path, &e), 0);
        *every = kept;
        assert_int_equal(latent_trainer_open(&back, path, &e), -1);
        assert_non_null(strstr(e.text, "1 is the least"));
    }
    assert_int_equal(latent_trainer_save(&t, "no-such-folder/x.safetensors", &e), -1);
    unlink(path);
    end(&t);
}

static int broken_draw(latent_source *s, uint64_t index, int size, float *picture,
                       char english[LATENT_CAPTION], char chinese[LATENT_CAPTION], latent_error *e)
{
    (void)s;
    (void)size;
    (void)picture;
    (void)english;
    (void)chinese;
    return latent_fail(e, "picture %d cannot be read", (int)index);
}

static void wrong_settings_are_refused(void **state)
{
    latent_train_settings s = latent_train_defaults();
    latent_generator_shape g = small;
    latent_discriminator_shape d = latent_trainer_default_discriminator(&g);
    latent_trainer t;
    latent_error e = {""};
    (void)state;
    s.batch = 6;
    assert_int_equal(latent_trainer_init(&t, &s, &g, &d, &e), -1);
    assert_non_null(strstr(e.text, "a batch of 6"));
    s.batch = 8;
    g.channels[1] = 5000;
    assert_int_equal(latent_trainer_init(&t, &s, &g, &d, &e), -1);
    assert_non_null(strstr(e.text, "5000 channels"));
    g = small;
    d.blocks = 2;
    assert_int_equal(latent_trainer_init(&t, &s, &g, &d, &e), -1);
    assert_non_null(strstr(e.text, "looks at 8"));
    assert_int_equal(latent_train_shape(48, &g, &e), -1);
    assert_non_null(strstr(e.text, "48 pixels"));
    begin(&t);
    t.source->draw = broken_draw;
    assert_int_equal(latent_trainer_step(&t, &e), -1);
    assert_non_null(strstr(e.text, "cannot be read"));
    end(&t);
}

/* A rate that blows everything up ends in a sentence, not in a loop. */
static void no_numbers_end_it(void **state)
{
    latent_train_settings s = latent_train_defaults();
    latent_trainer t;
    latent_error e = {""};
    int n = 0;
    (void)state;
    begin_with(&t, s);
    for (size_t i = 0; i < t.d.p.count; i++)
        t.d.p.value[i] = NAN;
    while (n < 100 && !latent_trainer_step(&t, &e))
        n++;
    assert_true(n > 5 && n < 50);
    assert_non_null(strstr(e.text, "gave no numbers"));
    end(&t);
}

/* ---- elsewhere */

static void what_it_writes_plays(void **state)
{
    latent_trainer t;
    latent_error e = {""};
    latent_model *m;
    float z[16], w[16], picture[256 * 3];
    latent_counter_random c = latent_counter_random_at(1, 10, 5); /* as the sample draws z */
    (void)state;
    begin(&t);
    steps(&t, 3);
    if (latent_trainer_sample(&t, 1, 5, 1, picture, &e) ||
        !(m = latent_generator_model(&t.g, 1, "small", &e)))
        fail_msg("%s", e.text);
    for (int i = 0; i < 16; i++)
        z[i] = (float)latent_counter_random_gauss(&c);
    assert_int_equal(m->generator.height, 16);
    assert_int_equal(m->generator.z_dim, 16);
    latent_model_map(m, z, NULL, w, &e);
    latent_noise noise = {.mode = LATENT_NOISE_CONST, .strength = 1};
    latent_node *rgb = latent_model_picture(m, w, 1, LATENT_WHOLE_PICTURE, noise, &e);
    latent_tensor *is;
    assert_int_equal(latent_evaluate(rgb, NULL, &is, &e), 0);
    for (int i = 0; i < 256 * 3; i++)
        assert_true(fabsf(is->data[i] - picture[i]) < 1e-4f);
    latent_tensor_release(is);
    latent_node_release(rgb);
    latent_model_release(m);
    end(&t);
}

/* ---- as jobs */

static latent_train_job *job(latent_training *t, latent_train_task task)
{
    latent_train_job *j = latent_train_job_new(t, task);
    assert_non_null(j);
    j->settings = latent_train_defaults();
    return j;
}

static void done(latent_train_job *j)
{
    latent_job_run(&j->job);
    if (j->job.failed)
        fail_msg("%s", j->job.error.text);
}

static void discard(latent_train_job *j)
{
    j->job.discard(&j->job);
}

static void tasks(void **state)
{
    latent_training *t = latent_training_new(&latent_training_gan);
    latent_train_job *j = job(t, LATENT_TRAIN_RUN);
    char *path = temporary(".safetensors"), *written = temporary(".safetensors");
    latent_error e;
    (void)state;
    latent_job_run(&j->job);
    assert_true(j->job.failed);
    assert_non_null(strstr(j->job.error.text, "there is no network yet"));
    discard(j);
    j = job(t, LATENT_TRAIN_NEW);
    j->shape = small;
    done(j);
    assert_true(j->report.size == 16 && j->report.z == 16);
    discard(j);
    j = job(t, LATENT_TRAIN_RUN);
    latent_job_run(&j->job);
    assert_non_null(strstr(j->job.error.text, "no pictures to learn from"));
    discard(j);
    j = job(t, LATENT_TRAIN_DATA);
    j->source = latent_source_discs(&e);
    done(j);
    discard(j);
    j = job(t, LATENT_TRAIN_RUN);
    j->seconds = 100;
    j->images = 64;
    j->snapshot_at = 64;
    done(j);
    assert_true(j->report.images == 64 && j->report.ran == 64 && j->report.speed > 0);
    assert_non_null(j->made);
    assert_int_equal(j->made->generator.height, 16);
    discard(j);
    j = job(t, LATENT_TRAIN_SAVE);
    snprintf(j->file, sizeof(j->file), "%s", path);
    done(j);
    discard(j);
    j = job(t, LATENT_TRAIN_WRITE);
    snprintf(j->file, sizeof(j->file), "%s", written);
    done(j);
    discard(j);
    j = job(t, LATENT_TRAIN_FROM); /* the model's numbers, a new discriminator */
    j->paths = calloc(1, 300);
    strcpy(j->paths, written);
    done(j);
    assert_true(j->report.images == 0);
    discard(j);
    j = job(t, LATENT_TRAIN_RESUME);
    j->paths = calloc(1, 300);
    strcpy(j->paths, path);
    done(j);
    assert_true(j->report.images == 64);
    discard(j);
    unlink(path);
    unlink(written);
    latent_training_release(t);
    latent_deferred_free_all();
}

/* Networks of NVIDIA's file, the discriminator too. */
static void from_a_fixture(void **state)
{
    const char *folder = getenv("LATENT_ORACLE");
    latent_training *t;
    latent_train_job *j;
    latent_error e;
    char path[498];
    (void)state;
    snprintf(path, sizeof(path), "%s/sg2ada-32.pkl", folder ? folder : "../shared/oracle");
    if (access(path, R_OK)) {
        printf("SKIP %s is not there\n", path);
        skip();
    }
    t = latent_training_new(&latent_training_gan);
    j = job(t, LATENT_TRAIN_FROM);
    j->paths = calloc(1, 500);
    strcpy(j->paths, path);
    done(j);
    assert_int_equal(j->report.size, 32);
    discard(j);
    j = job(t, LATENT_TRAIN_DATA);
    j->source = latent_source_discs(&e);
    done(j);
    discard(j);
    j = job(t, LATENT_TRAIN_RUN);
    j->images = 16;
    j->seconds = 100;
    done(j);
    assert_true(isfinite(j->report.loss[1]));
    discard(j);
    latent_training_release(t);
    latent_deferred_free_all();
}

/* Nobody waits for a step, and nothing is left. */
static void let_go_of_in_the_middle(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        latent_training *t = latent_training_new(&latent_training_gan);
        latent_port *p = latent_port_new(LATENT_TRAINER, 0);
        struct timespec wait = {0, 30000000 * i};
        latent_train_job *j = job(t, LATENT_TRAIN_NEW);
        latent_error e;
        j->shape = small;
        latent_port_post(p, &j->job);
        j = job(t, LATENT_TRAIN_DATA);
        j->source = latent_source_discs(&e);
        latent_port_post(p, &j->job);
        j = job(t, LATENT_TRAIN_RUN);
        j->seconds = 1000;
        j->images = 1e9;
        latent_port_post(p, &j->job);
        nanosleep(&wait, NULL);
        latent_training_release(t);
        latent_port_close(p);
    }
    latent_workers_stop();
    latent_deferred_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns),
        cmocka_unit_test(the_penalty_flattens),
        cmocka_unit_test(paths_become_alike),
        cmocka_unit_test(few_pictures_are_changed),
        cmocka_unit_test(it_goes_on_where_it_was),
        cmocka_unit_test(an_old_one_goes_on),
        cmocka_unit_test(a_killed_save_leaves_a_checkpoint),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(no_numbers_end_it),
        cmocka_unit_test(what_it_writes_plays),
        cmocka_unit_test(tasks),
        cmocka_unit_test(from_a_fixture),
        cmocka_unit_test(let_go_of_in_the_middle),
    };
    return cmocka_run_group_tests_name("training", tests, NULL, NULL);
}
