/* Numbers as they come from outside and as people write them. */
#include "engine/base/error.h"
#include "engine/base/number.h"
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_whole(void **state)
{
    (void)state;
    assert_int_equal(latent_whole(3.9, 0, 10), 3);
    assert_int_equal(latent_whole(-3.9, -10, 10), -3);
    assert_int_equal(latent_whole(1e38, 0, INT_MAX), INT_MAX);
    assert_int_equal(latent_whole(-1e38, INT_MIN, 7), INT_MIN);
    assert_int_equal(latent_whole(2147483647.5, INT_MIN, INT_MAX), INT_MAX);
    assert_int_equal(latent_whole(NAN, 2, 7), 2);
    assert_int_equal(latent_whole(INFINITY, 2, 7), 7);
    assert_true(latent_whole32(-1) == 0 && latent_whole32(NAN) == 0);
    assert_true(latent_whole32(4294967295.0) == UINT32_MAX && latent_whole32(1e38) == UINT32_MAX);
    assert_true(latent_whole64(1e300) == (int64_t)1 << 53 && latent_whole64(1e10) == 10000000000);
}

static void test_figures(void **state)
{
    (void)state;
    assert_string_equal(latent_subject_mask(4294967295.0).text, "4294967295");
    assert_string_equal(latent_subject_mask(1e6).text, "1000000");
    assert_string_equal(latent_subject_mask(-1000).text, "-1000");
    assert_string_equal(latent_subject_mask(0.01).text, "0.01");
    assert_string_equal(latent_subject_mask(1e30).text, "1e+30");
    assert_string_equal(latent_subject_mask(-INFINITY).text, "-inf");
}

static void test_singular(void **state)
{
    static const char *const as[][2] = {
        {"1 numbers came, but the z has 1 numbers", "1 number came, but the z has 1 number"},
        {"a list of 1 numbers (1 rows)", "a list of 1 number (1 row)"},
        {"11 numbers, -1 rows, 0.1 parts, v1 lists", "11 numbers, -1 rows, 0.1 parts, v1 lists"},
        {"0 to 1 numbers", "0 to 1 numbers"},
        {"number 1 is one less, 1 has 1 class", "number 1 is one less, 1 has 1 class"},
        {"can't read 1 cats.png", "can't read 1 cats.png"},
        {"", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof(as) / sizeof(*as); i++) {
        latent_error e;
        latent_fail(&e, "%s", as[i][0]);
        assert_string_equal(e.text, as[i][1]);
    }
}

/* What a file says is part of a sentence only as far as it can be shown. */
static void test_control_characters(void **state)
{
    latent_error e;
    (void)state;
    latent_fail(&e, "the blocks use %s, which is not known", "ge\nlu\x1b[2J\x7f \xe9\xb1\xbc");
    assert_string_equal(e.text, "the blocks use ge?lu?[2J? \xe9\xb1\xbc, which is not known");
}

/* Where a sentence is, however long the name in it. */
static void test_long_words(void **state)
{
    char name[2000], sentence[3000];
    latent_error e;
    (void)state;
    memset(name, 'e', sizeof(name));
    memcpy(name, "begin", 5);
    memcpy(name + sizeof(name) - 4, "end", 4);
    latent_fail(&e, "%s can't be read: its name is too long; %s", name, "take another");
    assert_int_equal(strncmp(e.text, "begineeee", 9), 0);
    assert_non_null(strstr(e.text, "eend can't be read: its name is too long; take another"));
    assert_true(strlen(e.text) < 200);
    for (size_t at = 0; at + 3 < sizeof(sentence); at += 3) /* never half a character */
        memcpy(sentence + at, "\xe9\xb1\xbc", 4);
    latent_fail(&e, "%s", sentence);
    for (const char *c = e.text; *c; c += *c == '.' ? 1 : 3)
        assert_true(*c == '.' || !strncmp(c, "\xe9\xb1\xbc", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),      cmocka_unit_test(test_figures),
        cmocka_unit_test(test_singular),   cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
