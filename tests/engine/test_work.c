/* test_work: workers and ports.  Run it under -fsanitize=thread and address as well. */
#include "engine/base/jobs.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static atomic_int living; /* jobs made and not discarded */
static atomic_int worked;

typedef struct {
    latent_job job;
    int number, fails;
    const atomic_int *go; /* works until this is set, or it is cancelled; NULL: at once */
} test_job;

static int work(latent_job *job)
{
    test_job *t = (test_job *)job;
    atomic_store(&job->permille, 500);
    while (t->go && !atomic_load(t->go) && !atomic_load(&job->cancel))
        usleep(200);
    atomic_fetch_add(&worked, 1);
    return t->fails ? latent_fail(&job->error, "number %d failed", t->number) : 0;
}

static void discard(latent_job *job)
{
    atomic_fetch_sub(&living, 1);
    free(job);
}

static latent_job *make(int number, const atomic_int *go)
{
    test_job *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->job.work = work;
    t->job.discard = discard;
    t->number = number;
    t->go = go;
    atomic_fetch_add(&living, 1);
    return &t->job;
}

/* The next finished job, waiting for it at most ten seconds. */
static latent_job *next(latent_port *p)
{
    for (int i = 0; i < 20000; i++) {
        latent_job *job = latent_port_take(p);
        if (job)
            return job;
        usleep(500);
    }
    fail_msg("no job was finished in ten seconds");
    return NULL;
}

static void expect(latent_port *p, int number)
{
    latent_job *job = next(p);
    assert_int_equal(((test_job *)job)->number, number);
    assert_false(job->failed);
    job->discard(job);
}

static void wait_for_none(void)
{
    for (int i = 0; i < 20000 && atomic_load(&living); i++)
        usleep(500);
    assert_int_equal(atomic_load(&living), 0);
}

static void wait_running(latent_port *p)
{
    for (int i = 0; i < 20000 && latent_port_progress(p) != 500; i++)
        usleep(500);
    assert_int_equal(latent_port_progress(p), 500);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void test_order(void **state)
{
    latent_port *p = latent_port_new(LATENT_LOADER, 0);
    (void)state;
    assert_null(latent_port_take(p));
    assert_int_equal(latent_port_busy(p), 0);
    assert_int_equal(latent_port_progress(p), -1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(latent_port_post(p, make(i, NULL)), 0);
    for (int i = 0; i < 200; i++)
        expect(p, i);
    assert_int_equal(latent_port_busy(p), 0);
    latent_port_close(p);
    wait_for_none();
}

static void test_failure(void **state)
{
    latent_port *p = latent_port_new(LATENT_WRITER, 0);
    latent_job *job = make(7, NULL);
    (void)state;
    ((test_job *)job)->fails = 1;
    latent_port_post(p, job);
    job = next(p);
    assert_true(job->failed);
    assert_string_equal(job->error.text, "number 7 failed");
    job->discard(job);
    latent_port_close(p);
    wait_for_none();
}

static void test_newest(void **state)
{
    latent_port *p = latent_port_new(LATENT_EVALUATOR, 1);
    atomic_int go = 0;
    (void)state;
    latent_port_post(p, make(0, &go));
    wait_running(p);
    assert_int_equal(latent_port_post(p, make(1, &go)), 0);
    for (int i = 2; i < 50; i++)
        assert_int_equal(latent_port_post(p, make(i, &go)), 1);
    assert_int_equal(latent_port_busy(p), 2);
    assert_int_equal(atomic_load(&living), 2);
    atomic_store(&go, 1);
    expect(p, 0);
    expect(p, 49);
    assert_int_equal(latent_port_busy(p), 0);
    latent_port_close(p);
    wait_for_none();
}

/* A port that has a lot to do does not keep another waiting: they take turns. */
static void test_turns(void **state)
{
    latent_port *a = latent_port_new(LATENT_EVALUATOR, 0),
                *b = latent_port_new(LATENT_EVALUATOR, 0);
    atomic_int go = 0, never = 0;
    (void)state;
    latent_port_post(a, make(0, &go));
    wait_running(a);
    for (int i = 1; i < 20; i++)
        latent_port_post(a, make(i, &never));
    latent_port_post(b, make(100, NULL));
    atomic_store(&go, 1);
    expect(b, 100); /* though 19 jobs that do not end stand before it */
    expect(a, 0);
    atomic_store(&never, 1);
    for (int i = 1; i < 20; i++)
        expect(a, i);
    latent_port_close(a);
    latent_port_close(b);
    wait_for_none();
}

static void test_cancel(void **state)
{
    latent_port *p = latent_port_new(LATENT_EVALUATOR, 0);
    atomic_int never = 0;
    (void)state;
    latent_port_post(p, make(0, &never));
    wait_running(p);
    for (int i = 1; i < 10; i++)
        latent_port_post(p, make(i, &never));
    latent_port_cancel(p);
    wait_for_none();
    assert_null(latent_port_take(p));
    for (int i = 0; i < 20000 && latent_port_busy(p); i++)
        usleep(500);
    assert_int_equal(latent_port_busy(p), 0);
    latent_port_post(p, make(11, NULL)); /* the port still works */
    expect(p, 11);
    latent_port_post(p, make(12, NULL)); /* a finished one is discarded too */
    for (int i = 0; i < 20000 && latent_port_progress(p) >= 0; i++)
        usleep(500);
    latent_port_cancel(p);
    wait_for_none();
    assert_null(latent_port_take(p));
    latent_port_close(p);
}

static void test_close_in_flight(void **state)
{
    atomic_int never = 0;
    double worst = 0;
    (void)state;
    for (int i = 0; i < 300; i++) {
        latent_port *p = latent_port_new((latent_worker)(i % LATENT_WORKERS), i & 1);
        double before;
        for (int k = 0; k < 4; k++)
            latent_port_post(p, make(k, k & 1 ? NULL : &never));
        if (i % 3 == 0)
            usleep(500);
        before = now_ms();
        latent_port_close(p);
        if (now_ms() - before > worst)
            worst = now_ms() - before;
    }
    wait_for_none();
    assert_true(worst < 10000); /* it did not wait for the jobs, which never end */
}

static void test_here_and_now(void **state)
{
    latent_job *job = make(3, NULL);
    (void)state;
    latent_job_run(job);
    assert_false(job->failed);
    job->discard(job);
    job = make(4, NULL);
    ((test_job *)job)->fails = 1;
    latent_job_run(job);
    assert_true(job->failed);
    job->discard(job);
    wait_for_none();
}

static latent_port *later;

/* As a picture that dies has its file removed: when all other threads have already been told. */
static void discard_and_post(latent_job *job)
{
    usleep(100000);
    latent_port_post(later, make(7, NULL));
    discard(job);
}

static void test_stop_while_posting(void **state)
{
    latent_port *p = latent_port_new(LATENT_EVALUATOR, 0);
    latent_job *job;
    atomic_int never = 0;
    (void)state;
    later = latent_port_new(LATENT_WRITER, 0);
    job = make(1, &never);
    job->discard = discard_and_post;
    latent_port_post(p, job);
    wait_running(p);
    latent_workers_stop();
    assert_int_equal(atomic_load(&living), 0);
    latent_port_post(later, make(8, NULL)); /* it starts again */
    expect(later, 8);
    latent_port_close(p);
    latent_port_close(later);
    wait_for_none();
}

static atomic_int busy;

static void *keep_busy(void *nothing)
{
    (void)nothing;
    while (atomic_load(&busy))
        ;
    return NULL;
}

/* When it is cancelled a training still has a third of a second to work. */
static int work_on(latent_job *job)
{
    struct timespec t = {0, 0};
    double until;
    atomic_store(&job->permille, 500);
    while (!atomic_load(&job->cancel))
        usleep(200);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    until = (double)t.tv_sec + (double)t.tv_nsec / 1e9 + .3;
    while ((double)t.tv_sec + (double)t.tv_nsec / 1e9 < until)
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 0;
}

/* Who ends the program does not wait for a thread that gives way to everybody. */
static void test_stop_on_a_busy_machine(void **state)
{
    latent_port *p = latent_port_new(LATENT_TRAINER, 0);
    pthread_t threads[64];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    atomic_int never = 0;
    latent_job *job = make(1, &never);
    double before;
    (void)state;
    cores = cores < 1 ? 1 : cores > 64 ? 64 : cores;
    job->work = work_on;
    latent_port_post(p, job);
    wait_running(p);
    atomic_store(&busy, 1);
    for (long i = 0; i < cores; i++)
        assert_int_equal(pthread_create(threads + i, NULL, keep_busy, NULL), 0);
    before = now_ms();
    latent_workers_stop();
    print_message("stopped after %.1f s\n", (now_ms() - before) / 1e3);
    assert_true(now_ms() - before < 15000);
    atomic_store(&busy, 0);
    for (long i = 0; i < cores; i++)
        pthread_join(threads[i], NULL);
    latent_port_close(p);
    wait_for_none();
}

static void test_stop(void **state)
{
    latent_port *p = latent_port_new(LATENT_EVALUATOR, 0), *q = latent_port_new(LATENT_LOADER, 0);
    atomic_int never = 0;
    (void)state;
    for (int i = 0; i < 5; i++) {
        latent_port_post(p, make(i, &never));
        latent_port_post(q, make(i, &never));
    }
    latent_workers_stop();
    assert_int_equal(atomic_load(&living), 0);
    assert_int_equal(latent_port_busy(p), 0);
    latent_workers_stop();              /* nothing to do */
    latent_port_post(p, make(9, NULL)); /* it starts again */
    expect(p, 9);
    latent_port_close(p);
    latent_port_close(q);
    wait_for_none();
}

/* Several owners at once, at random. */
static void test_crowd(void **state)
{
    latent_port *p[8] = {NULL};
    unsigned r = 1;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        latent_job *job;
        int k;
        r = r * 1103515245u + 12345u;
        k = (int)(r >> 16) % 8;
        if (!p[k])
            p[k] = latent_port_new((latent_worker)(k % LATENT_WORKERS), k & 4);
        else if ((r >> 24) % 16 == 0) {
            latent_port_close(p[k]);
            p[k] = NULL;
        } else if ((r >> 24) % 16 == 1)
            latent_port_cancel(p[k]);
        else if ((r >> 24) % 2)
            latent_port_post(p[k], make(i, NULL));
        else if ((job = latent_port_take(p[k])))
            job->discard(job);
    }
    for (int k = 0; k < 8; k++)
        if (p[k])
            latent_port_close(p[k]);
    wait_for_none();
    assert_true(atomic_load(&worked) > 0);
}

/* The process ends while a job runs: the library ends its threads first, and does not wait for
   ever. What is left here must be visible to a sanitizer that looks for leaks. */
static latent_port *left;
static atomic_int never;

/* What takes long is given up for something newer, but never two in a row. */
static void test_give_up(void **state)
{
    latent_port *p = latent_port_new(LATENT_EVALUATOR, 0);
    atomic_int go;
    int given_up = 0;
    (void)state;
    atomic_init(&go, 0);
    assert_false(latent_port_give_up(p));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(latent_port_post(p, make(1, &go)), 0);
        wait_running(p);
        given_up = 0;
        for (int i = 0; i < 1000 && !given_up; i++) {
            usleep(10000);
            given_up = latent_port_give_up(p);
        }
        assert_true(given_up);
        assert_int_equal(latent_port_post(p, make(2, &go)), 0);
        while (atomic_load(&living) > 1)
            usleep(500);
        wait_running(p);
        for (int i = 0; i < 70 && !round; i++) {
            usleep(10000);
            assert_false(latent_port_give_up(p));
        }
        atomic_store(&go, 1);
        expect(p, 2);
        atomic_store(&go, 0);
    }
    latent_port_close(p);
    wait_for_none();
}

int main(void)
{
    int failed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_newest),
        cmocka_unit_test(test_give_up),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_close_in_flight),
        cmocka_unit_test(test_here_and_now),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_while_posting),
        cmocka_unit_test(test_stop_on_a_busy_machine),
    };
    failed = cmocka_run_group_tests_name("work", tests, NULL, NULL);
    left = latent_port_new(LATENT_EVALUATOR, 0);
    latent_port_post(left, make(0, &never));
    latent_port_post(left, make(1, &never));
    wait_running(left);
    return failed;
}
