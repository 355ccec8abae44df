/* Tests of the engine's pool of threads: every item once, whatever the number of threads, each
   thread's own share first, and in order where that is asked for. */
#include "engine/base/parallel.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS 1000

typedef struct {
    atomic_int times[ITEMS];
    pthread_mutex_t lock; /* guards begun */
    pthread_cond_t more;
    int begun;        /* items that are waited for, in order */
    atomic_int wrong; /* slots, or out of order */
} count;

static void count_item(void *context, int i, int slot)
{
    count *c = context;
    if (slot < 0 || slot >= LATENT_MAX_THREADS) /* a check here would jump out of a pool's thread */
        atomic_fetch_add(&c->wrong, 1);
    atomic_fetch_add(&c->times[i], 1);
}

/* Item i is begun after all before it have been.  (Threads that asked again and again without end
   kept the others from telling, under the thread sanitizer for minutes.) */
static void wait_item(void *context, int i, int slot)
{
    count *c = context;
    pthread_mutex_lock(&c->lock);
    if (c->begun + latent_threads() <= i) /* more are missing than threads could hold */
        atomic_fetch_add(&c->wrong, 1);
    c->begun++;
    pthread_cond_broadcast(&c->more);
    while (c->begun < i + 1)
        pthread_cond_wait(&c->more, &c->lock);
    pthread_mutex_unlock(&c->lock);
    count_item(context, i, slot);
}

static void check_round(int n, int in_order)
{
    static count c = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    for (int i = 0; i < ITEMS; i++)
        atomic_store(&c.times[i], 0);
    c.begun = 0;
    atomic_store(&c.wrong, 0);
    if (in_order)
        latent_parallel_in_order(n, wait_item, &c);
    else
        latent_parallel(n, count_item, &c);
    assert_int_equal(atomic_load(&c.wrong), 0);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(atomic_load(&c.times[i]), i < n);
}

static void test_rounds(void **unused)
{
    static const int sizes[] = {0, 1, 2, 3, 7, 64, 65, ITEMS};
    (void)unused;
    for (int threads = 1; threads <= LATENT_MAX_THREADS; threads *= 4)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            latent_threads_set(threads);
            check_round(sizes[i], 0);
            check_round(sizes[i], 1);
        }
    latent_threads_set(2);
}

/* A thread alone finds everything, beginning with its own share. */
static void test_shares(void **unused)
{
    (void)unused;
    for (int shares = 1; shares <= LATENT_MAX_THREADS; shares += 3)
        for (int n = 0; n < 70; n += 23)
            for (int slot = 0; slot < LATENT_MAX_THREADS; slot += 5) {
                latent_shares s;
                int seen[70] = {0}, first, item;
                latent_shares_init(&s, n, shares);
                first = latent_shares_take(&s, slot);
                if (n >= shares)
                    assert_int_equal(first, n * (slot % shares) / shares);
                for (item = first; item >= 0; item = latent_shares_take(&s, slot)) {
                    assert_true(item < n);
                    seen[item]++;
                }
                for (int i = 0; i < n; i++)
                    assert_int_equal(seen[i], 1);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
