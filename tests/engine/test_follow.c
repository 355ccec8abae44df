/* test_follow: what [latent.predict] is made of: a walk is remembered, its space found, and a small
   network goes on with it: with a circle, with an eight after that, with a rhythm; and tokens are
   counted. */
#include "engine/graph/graph.h"
#include "engine/sequence/follow.h"
#include "engine/sequence/ngram.h"
#include "engine/text/tokens.h"
#include "helper_folder.h"
#include "helper_sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WIDE 6
#define TURN 60 /* rows of one turn of a figure */

typedef enum { CIRCLE, EIGHT, RHYTHM } figure;

/* Row i of a figure, in a plane that lies askew in six dimensions; its seconds. */
static float row_of(figure f, int i, float *row)
{
    double a = 6.283185307179586 * i / TURN;
    double x = f == CIRCLE ? cos(a) : sin(a), y = f == CIRCLE ? sin(a) : sin(2 * a) / 2;
    if (f == RHYTHM) {
        x = i % 3 == 2 ? 1 : -1;
        y = 0;
    }
    for (int k = 0; k < WIDE; k++)
        row[k] = (float)(5 + (k % 2 ? x : y) * (1 + k) / 3 + (k % 3 ? y : -x) / 4);
    return f == RHYTHM ? (i % 3 == 0 ? .5f : .25f) : .05f;
}

static void walk_of(latent_walk *w, figure f, int from, int rows, int number)
{
    float row[WIDE];
    latent_error e;
    for (int i = from; i < from + rows; i++) {
        float seconds = row_of(f, i, row);
        assert_int_equal(latent_walk_add(w, row, WIDE, seconds, number, &e), 0);
    }
}

/* How far a row is from the nearest point of the figure. */
static double off(figure f, const float *row)
{
    double least = HUGE_VAL;
    for (int i = 0; i < (f == RHYTHM ? 3 : 8 * TURN); i++) {
        float at[WIDE];
        double far = 0, a = 6.283185307179586 * i / (8 * TURN);
        if (f == RHYTHM)
            row_of(f, i, at);
        else {
            double x = f == CIRCLE ? cos(a) : sin(a), y = f == CIRCLE ? sin(a) : sin(2 * a) / 2;
            for (int k = 0; k < WIDE; k++)
                at[k] = (float)(5 + (k % 2 ? x : y) * (1 + k) / 3 + (k % 3 ? y : -x) / 4);
        }
        for (int k = 0; k < WIDE; k++)
            far += (double)((row[k] - at[k]) * (row[k] - at[k]));
        least = fmin(least, far);
    }
    return sqrt(least);
}

/* Learns the figure on top of what it knows, then goes on with it: the worst distance. */
static latent_player *learn(latent_learner *l, figure f, int steps)
{
    latent_walk w, heard;
    latent_player *p;
    latent_error e;
    double loss;
    latent_walk_init(&w, 4000);
    latent_walk_init(&heard, LATENT_FOLLOW_MEMORY);
    walk_of(&w, f, 0, 10 * TURN, (int)f);
    walk_of(&heard, f, 0, LATENT_FOLLOW_MEMORY, (int)f);
    assert_int_equal(latent_learner_rows(l, &w, &e), 0);
    assert_int_equal(latent_learner_learn(l, THOROUGH(steps, 2), .5, &loss, NULL, &e), 0);
    assert_true(isfinite(loss));
    p = latent_learner_player(l, &heard, &e);
    assert_non_null(p);
    latent_walk_free(&w);
    latent_walk_free(&heard);
    return p;
}

static void goes_on(latent_player *p, figure f, double within)
{
    latent_saying how = {0, .5, 1, 0};
    float row[WIDE], seconds;
    double all = 0, worst = 0;
    latent_error e;
    for (int i = 0; i < THOROUGH(10 * TURN, 5); i++) {
        assert_int_equal(latent_player_say(p, &how, row, &seconds, &e), 0);
        worst = fmax(worst, off(f, row));
        all += (double)seconds;
    }
    if (!SANITIZED) {
        if (worst > within)
            fail_msg("it went %g beside figure %d, in %g s", worst, (int)f, all);
        assert_true(fabs(all - (f == RHYTHM ? 200 : 30)) < .1 * all); /* in time */
    }
}

static void a_figure_is_gone_on_with(void **state)
{
    latent_error e;
    latent_learner *l = latent_learner_new(64, 1, 4000, &e);
    latent_player *p = learn(l, CIRCLE, 300);
    (void)state;
    goes_on(p, CIRCLE, .2); /* its radius is about 1.8 */
    latent_player_free(p);
    p = learn(l, EIGHT, 500);
    goes_on(p, EIGHT, .45);
    latent_player_free(p);
    latent_learner_free(l);
    l = latent_learner_new(64, 1, 4000, &e);
    p = learn(l, RHYTHM, 360);
    goes_on(p, RHYTHM, .1);
    latent_player_free(p);
    latent_learner_free(l);
    assert_int_equal(latent_node_count(), 0);
}

/* The same steps give the same bytes; a file gives back what went in. */
static void it_is_the_same_again(void **state)
{
    latent_error e = {""};
    latent_walk_names names = {{"", "second"}, 2}, back;
    latent_learner *l[3];
    latent_player *p[3];
    float row[3][WIDE], seconds[3];
    double bits, loss;
    latent_walk none = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        l[i] = latent_learner_new(16, 5, 4000, &e);
        p[i] = learn(l[i], CIRCLE, 4);
    }
    assert_int_equal(latent_learner_write(l[0], &names, in_folder("walk.safetensors"), &e), 0);
    l[2] = latent_learner_read(in_folder("walk.safetensors"), 4000, &back, &e);
    if (!l[2])
        fail_msg("%s", e.text);
    assert_int_equal(back.n, 2);
    assert_string_equal(back.name[1], "second");
    assert_int_equal(latent_learner_steps(l[2]), latent_learner_steps(l[0]));
    assert_int_equal(latent_learner_walk(l[2])->n, 10 * TURN);
    p[2] = latent_learner_player(l[2], &none, &e);
    assert_non_null(p[2]);
    for (int i = 0; i < 3; i++) {
        latent_saying how = {1, 0, 9, 4};
        for (int k = 0; k < 3; k++) {
            row_of(CIRCLE, k, row[i]);
            assert_int_equal(latent_player_hear(p[i], row[i], .05f, k > 0, &bits, &e), 0);
            assert_true(isnan(bits) == !k);
        }
        assert_int_equal(latent_player_say(p[i], &how, row[i], &seconds[i], &e), 0);
        assert_memory_equal(row[i], row[0], sizeof(row[0]));
        assert_true(seconds[i] == seconds[0]);
    }
    assert_int_equal(latent_learner_learn(l[2], 2, .5, &loss, NULL, &e), 0);
    assert_true(isfinite(loss));
    for (int i = 0; i < 3; i++) {
        latent_player_free(p[i]);
        latent_learner_free(l[i]);
    }
}

/* A file that was damaged is refused by a sentence, or is another walk; never a crash. */
static void a_damaged_file_is_refused(void **state)
{
    latent_error e = {""};
    latent_walk_names names = {{""}, 1};
    latent_learner *l = latent_learner_new(8, 5, 100, &e);
    size_t size;
    uint8_t *bytes;
    int refused = 0;
    (void)state;
    assert_int_equal(latent_learner_write(l, &names, in_folder("none.safetensors"), &e), -1);
    latent_player_free(learn(l, EIGHT, 1));
    assert_int_equal(latent_learner_write(l, &names, in_folder("small.safetensors"), &e), 0);
    latent_learner_free(l);
    bytes = read_file(in_folder("small.safetensors"), &size);
    for (int i = 0; i < THOROUGH(2000, 200); i++) {
        size_t at = (size_t)i * 2654435761u % (i % 2 ? size : 1200);
        uint8_t was = bytes[at];
        bytes[at] = (uint8_t)(was ^ (1 + i % 255));
        e.text[0] = 0;
        l = latent_learner_read_memory(bytes, i % 5 ? size : at, 100, &names, &e);
        if (!l) {
            assert_true(*e.text);
            refused++;
        }
        latent_learner_free(l);
        bytes[at] = was;
    }
    assert_true(refused > THOROUGH(800, 80));
    free(bytes);
}

static void rows_are_kept(void **state)
{
    latent_walk w;
    latent_error e = {""};
    float row[2] = {1, 2}, wrong[2] = {(float)NAN, 1};
    (void)state;
    latent_walk_init(&w, 100);
    for (int i = 0; i < 1000; i++) {
        row[0] = (float)i;
        assert_int_equal(latent_walk_add(&w, row, 2, 1, i % 2, &e), 0);
    }
    assert_true(w.n >= 100 && w.n <= 125 && w.row[2 * (w.n - 1)] == 999);
    latent_walk_forget(&w, 1);
    assert_true(w.n >= 50 && w.row[2 * (w.n - 1)] == 998 && latent_walk_follows(&w, w.n - 1));
    assert_int_equal(latent_walk_add(&w, row, 3, 1, 0, &e), -1);
    assert_non_null(strstr(e.text, "3 numbers"));
    assert_int_equal(latent_walk_add(&w, wrong, 2, 1, 0, &e), -1);
    assert_int_equal(latent_walk_add(&w, row, LATENT_WALK_WIDE + 1, 1, 0, &e), -1);
    latent_walk_free(&w);
}

/* A walk that stands still, one of a single number, one along a line in many dimensions. */
static void odd_walks_have_a_space(void **state)
{
    latent_error e = {""};
    for (int kind = 0; kind < 3; kind++) {
        int wide = kind == 1 ? 1 : 50;
        float row[50], y[LATENT_SPACE_MOST], back[50];
        latent_space s;
        latent_walk w;
        latent_walk_init(&w, 1000);
        for (int i = 0; i < 40; i++) {
            for (int k = 0; k < wide; k++)
                row[k] = kind ? sinf((float)i / 3) * (float)(k + 1) : 3;
            assert_int_equal(latent_walk_add(&w, row, wide, .1f, 0, &e), 0);
        }
        assert_int_equal(latent_space_find(&s, &w, LATENT_SPACE_MOST, NULL, &e), 0);
        assert_int_equal(s.n, 1);
        assert_true(latent_space_suits(&s, &w));
        latent_space_in(&s, row, y);
        latent_space_out(&s, y, back);
        for (int k = 0; k < wide; k++)
            assert_true(fabsf(back[k] - row[k]) < 1e-3f);
        latent_space_free(&s);
        latent_walk_free(&w);
    }
    (void)state;
}

static void tokens_are_counted(void **state)
{
    latent_error e = {""};
    latent_ngram *g = latent_ngram_new(&e);
    static const int text[] = {0, 1, 2, 3, 0, 1, 2, 4, 0, 1, 2, 3, 0, 1, 2};
    int token[3];
    float share[3], sum = 0;
    double bits;
    (void)state;
    assert_int_equal(latent_ngram_say(g, 0, 0, 0), -1);
    for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
        assert_int_equal(latent_ngram_hear(g, text[i], 1, &bits, &e), 0);
    assert_true(bits < 1); /* 2 was to be expected after 0 1 */
    assert_int_equal(latent_ngram_likely(g, 3, token, share), 3);
    assert_true(token[0] == 3 && token[1] == 4 && share[0] > share[1] && share[1] > share[2]);
    {
        int all[5];
        float of[5];
        assert_int_equal(latent_ngram_likely(g, 5, all, of), 5);
        for (int i = 0; i < 5; i++)
            sum += of[i];
        assert_true(fabsf(sum - 1) < 1e-5f);
    }
    assert_int_equal(latent_ngram_say(g, 0, 0, 0), 3);
    assert_int_equal(latent_ngram_say(g, 0, 0, 1), 0);
    assert_int_equal(latent_ngram_count(g), 15);
    assert_int_equal(latent_ngram_hear(g, LATENT_NGRAM_TOKENS, 1, &bits, &e), -1);
    latent_ngram_forget(g);
    assert_int_equal(latent_ngram_count(g), 0);
    latent_ngram_free(g);
}

static void texts_are_cut(void **state)
{
    latent_error e = {""};
    latent_tokens *t = latent_tokens_new(&e);
    const char *text = "It's 3 fish\xff, \xe5\xb9\xb4\xe5\xb9\xb4!";
    static const char *const words[] = {"It's",         "3", "fish", ",", "\xe5\xb9\xb4",
                                        "\xe5\xb9\xb4", "!"};
    char many[300];
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        int token = latent_tokens_next(t, &text, 1, &e);
        assert_string_equal(latent_tokens_text(t, token), words[i]);
    }
    assert_int_equal(latent_tokens_next(t, &text, 1, &e), -1);
    assert_int_equal(latent_tokens_count(t), 6);
    assert_null(latent_tokens_text(t, 6));
    memset(many, 'x', sizeof(many)); /* a word without end is cut */
    many[299] = 0;
    text = many;
    while (latent_tokens_next(t, &text, 1, &e) >= 0)
        ;
    assert_true(latent_tokens_count(t) == 8);
    latent_tokens_clear(t);
    for (uint32_t i = 0; i <= LATENT_TOKENS_MOST; i++) {
        char piece[8];
        const char *p = piece;
        snprintf(piece, sizeof(piece), "x%05x", i);
        assert_int_equal(latent_tokens_next(t, &p, 1, &e), i < LATENT_TOKENS_MOST ? (int)i : -2);
    }
    latent_tokens_free(t);
}

/* Many tokens: the older half goes, and what follows what is still known. */
static void many_tokens_are_counted(void **state)
{
    latent_error e = {""};
    latent_ngram *g = latent_ngram_new(&e);
    double bits = 9;
    int token;
    float share;
    (void)state;
    latent_ngram_order(g, 2);
    for (int i = 0; i < LATENT_NGRAM_TOKENS + 100; i++)
        assert_int_equal(latent_ngram_hear(g, i % 50 ? i % 50 : 60 + i % 3, 1, &bits, &e), 0);
    assert_int_equal(latent_ngram_count(g), LATENT_NGRAM_TOKENS / 2 + 100);
    assert_true(bits < .1);
    assert_int_equal(latent_ngram_likely(g, 1, &token, &share), 1);
    assert_true(token == (LATENT_NGRAM_TOKENS + 100) % 50 && share > .9f);
    latent_ngram_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_figure_is_gone_on_with),
        cmocka_unit_test(it_is_the_same_again),
        cmocka_unit_test(a_damaged_file_is_refused),
        cmocka_unit_test(rows_are_kept),
        cmocka_unit_test(odd_walks_have_a_space),
        cmocka_unit_test(tokens_are_counted),
        cmocka_unit_test(texts_are_cut),
        cmocka_unit_test(many_tokens_are_counted),
    };
    return cmocka_run_group_tests_name("follow", tests, folder_set_up, folder_tear_down);
}
