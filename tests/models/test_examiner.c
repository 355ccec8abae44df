/* test_examiner: how often the judge of the tests (examiner.h) is right about pictures that it has
   never seen, each question by itself; and that it knows when it looks at something else. */
#include "examiner.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#define SEED 20261201 /* the training's is another */
#define ASKED 640
#define AT_ONCE 32

static examiner judge;

static int set_up(void **state)
{
    const char *path = getenv("LATENT_EXAMINER");
    latent_error e = {""};
    (void)state;
    if (!examiner_read(&judge, path ? path : EXAMINER_WEIGHTS, &e))
        return 0;
    print_message("%s\n", e.text);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    examiner_free(&judge);
    return 0;
}

static void test_right(void **state)
{
    /* Percent, of all that can be answered; and the largest mean error of the numbers.  Whether an
       eye has a pupil it has not learned: it says yes to all, which is right of two thirds. */
    static const int wanted[ASK_CHOICES] = {97, 95, 84, 74, 64, 56, 96, 97, 90, 0};
    static const double near[ASK_NUMBERS] = {.15, .2, .25, .27, .28, .35, .17, .25};
    float *pictures = malloc(sizeof(float) * EXAMINER_PIXELS * AT_ONCE);
    int right[ASK_CHOICES] = {0}, of[ASK_CHOICES] = {0}, counted[ASK_NUMBERS] = {0};
    double off[ASK_NUMBERS] = {0};
    latent_error e = {""};
    (void)state;
    for (uint32_t first = 0; first < ASKED; first += AT_ONCE) {
        examiner_view truth[AT_ONCE], seen[AT_ONCE];
        for (uint32_t i = 0; i < AT_ONCE; i++)
            if (examiner_picture(SEED, first + i, 0, pictures + i * EXAMINER_PIXELS, truth + i, &e))
                fail_msg("%s", e.text);
        if (examiner_look(&judge, pictures, AT_ONCE, seen, &e))
            fail_msg("%s", e.text);
        for (int i = 0; i < AT_ONCE; i++) {
            for (int q = 0; q < ASK_CHOICES; q++) {
                of[q] += truth[i].is[q] >= 0;
                right[q] += truth[i].is[q] >= 0 && truth[i].is[q] == seen[i].is[q];
            }
            for (int q = 0; q < ASK_NUMBERS; q++)
                if (!isnan(truth[i].number[q])) {
                    counted[q]++;
                    off[q] += fabs((double)(truth[i].number[q] - seen[i].number[q]));
                }
        }
    }
    free(pictures);
    for (int q = 0; q < ASK_CHOICES; q++)
        print_message("%s: %.1f percent right of %d\n", examiner_questions[q],
                      100.0 * right[q] / of[q], of[q]);
    for (int q = 0; q < ASK_NUMBERS; q++)
        print_message("%s: off by %.3f\n", examiner_numbers[q], off[q] / counted[q]);
    for (int q = 0; q < ASK_CHOICES; q++)
        if (100 * right[q] < wanted[q] * of[q])
            fail_msg("%s should be right in %d percent", examiner_questions[q], wanted[q]);
    for (int q = 0; q < ASK_NUMBERS; q++)
        if (!(off[q] < near[q] * counted[q]))
            fail_msg("%s should be within %g", examiner_numbers[q], near[q]);
}

/* Two looks at once say what each says alone. */
static void test_same(void **state)
{
    float *pictures = malloc(sizeof(float) * EXAMINER_PIXELS * 2);
    examiner_view truth, both[2], one[2];
    latent_error e = {""};
    (void)state;
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(examiner_picture(SEED, i, 1, pictures + i * EXAMINER_PIXELS, &truth, &e),
                         0);
    assert_int_equal(examiner_look(&judge, pictures, 2, both, &e), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(examiner_look(&judge, pictures + i * EXAMINER_PIXELS, 1, one + i, &e), 0);
    for (int i = 0; i < 2; i++)
        for (int q = 0; q < ASK_CHOICES; q++) {
            assert_int_equal(both[i].is[q], one[i].is[q]);
            assert_true(fabsf(both[i].sure[q] - one[i].sure[q]) < 1e-3f);
        }
    free(pictures);
}

static void test_small(void **state)
{
    struct stat s;
    (void)state;
    assert_int_equal(stat(EXAMINER_WEIGHTS, &s), 0);
    assert_true(s.st_size < 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_small),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
