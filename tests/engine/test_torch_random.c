/* test_torch_random: the same numbers as PyTorch's CPU generator gives (fixture torch-randn). */
#include "engine/base/torch_random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../helpers/npz.h"
#include <cmocka.h>

static const uint32_t seeds[] = {0, 1, 42, 123, 2147483655u};
static float drawn[16384];

/* The first and last of drawn[n] are those of the fixture's row. */
static void same(uint32_t seed, const char *row, size_t n)
{
    const char *oracle = getenv("LATENT_ORACLE");
    char path[512], key[64], error[256];
    npz_array a;
    if (!oracle) {
        print_message("LATENT_ORACLE is not set\n");
        skip();
    }
    snprintf(path, sizeof(path), "%s/torch-randn.npz", oracle);
    snprintf(key, sizeof(key), "s%u_%s", seed, row);
    if (npz_read(&a, path, key, error, sizeof(error)))
        fail_msg("%s", error);
    assert_true(a.count == n || a.count == 16);
    for (size_t i = 0; i < a.count; i++) {
        size_t at = a.count < n && i >= 8 ? n - 16 + i : i;
        if (!(fabsf(a.data[i] - drawn[at]) <= 1e-6f))
            fail_msg("%s, number %zu: %.8g, not %.8g", key, i, (double)drawn[at],
                     (double)a.data[i]);
    }
    npz_free(&a);
}

static void test_one_call(void **state)
{
    static const size_t n[] = {1, 7, 15, 16, 17, 64, 16384};
    char row[32];
    (void)state;
    for (size_t s = 0; s < sizeof(seeds) / sizeof(*seeds); s++)
        for (size_t i = 0; i < sizeof(n) / sizeof(*n); i++) {
            latent_random r;
            latent_random_seed(&r, seeds[s]);
            latent_torch_normal(&r, drawn, n[i]);
            snprintf(row, sizeof(row), "n%zu", n[i]);
            same(seeds[s], row, n[i]);
        }
}

/* What one call leaves over, the next one finds; and a call that is left out changes nothing about
   those after it. */
static void test_calls_one_after_another(void **state)
{
    static const struct {
        size_t first, second;
        const char *row;
    } calls[] = {{10, 40, "n10_then_n40"}, {20, 5, "n20_then_n5"}, {3, 3, "n3_then_n3"}};
    (void)state;
    for (size_t s = 0; s < sizeof(seeds) / sizeof(*seeds); s++)
        for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
            latent_random r;
            float again[40];
            latent_random_seed(&r, seeds[s]);
            latent_torch_normal(&r, drawn, calls[i].first);
            latent_torch_normal(&r, drawn + calls[i].first, calls[i].second);
            same(seeds[s], calls[i].row, calls[i].first + calls[i].second);
            latent_random_seed(&r, seeds[s]);
            latent_torch_skip(&r, calls[i].first);
            latent_torch_normal(&r, again, calls[i].second);
            assert_memory_equal(again, drawn + calls[i].first, calls[i].second * sizeof(float));
        }
}

static void test_uniform(void **state)
{
    latent_random r;
    (void)state;
    for (size_t s = 0; s < sizeof(seeds) / sizeof(*seeds); s++) {
        latent_random_seed(&r, seeds[s]);
        latent_torch_uniform(&r, drawn, 5);
        same(seeds[s], "rand_n5", 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_call),
        cmocka_unit_test(test_calls_one_after_another),
        cmocka_unit_test(test_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
