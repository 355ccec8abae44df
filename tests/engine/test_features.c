/* test_features: features promises and kinds of models.  What is put into a promise comes out of
   it, whether styles, skips, words or a level; and a model is asked only for what it is and for
   what fits it. */
#include "engine/models/model.h"
#include "helper_network.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static latent_node *picture(int c, int h, int w)
{
    static const float nothing[4096];
    latent_error e;
    latent_node *n = latent_op_planes(nothing, c, h, w, NULL, &e);
    assert_non_null(n);
    return n;
}

static void promise_carries(void **state)
{
    latent_error e = {""};
    latent_node *x = picture(4, 2, 3), *words = picture(5, 1, 7), *skip[2] = {picture(1, 1, 1), x};
    latent_node *style = latent_op_style(0, 1, (float[]){1, 2}, 2, &e), *n, *again, *further;
    latent_features_parts parts = {.x = x,
                                   .context = words,
                                   .styles = &style,
                                   .n_styles = 1,
                                   .carried = skip,
                                   .n_carried = 2,
                                   .level = {0.6f, 0.8f, 1, 4}},
                          got;
    (void)state;
    n = latent_features_make(NULL, -1, &parts, &e);
    again = latent_features_make(NULL, -1, &parts, &e);
    parts.level.step = 2;
    further = latent_features_make(NULL, -1, &parts, &e);
    assert_non_null(n);
    assert_ptr_equal(n, again);
    assert_ptr_not_equal(n, further);
    assert_int_equal(n->shape.w, 3);
    got = latent_features_parts_of(n);
    assert_ptr_equal(got.x, x);
    assert_null(got.drawn);
    assert_ptr_equal(got.context, words);
    assert_int_equal(got.n_styles, 1);
    assert_ptr_equal(got.styles[0], style);
    assert_int_equal(got.n_carried, 2);
    assert_ptr_equal(got.carried[0], skip[0]);
    assert_ptr_equal(got.carried[1], x);
    assert_int_equal(got.level.step, 1);
    assert_int_equal(got.level.steps, 4);
    assert_true(got.level.s > 0.7f);
    assert_null(latent_features_rgb(n, &e));
    assert_non_null(strstr(e.text, "no generator"));
    latent_node_release(n);
    latent_node_release(again);
    latent_node_release(further);
    got = latent_features_parts_of(x); /* no features promise: clean, and alone */
    assert_ptr_equal(got.x, x);
    assert_int_equal(got.n_styles + got.n_carried, 0);
    assert_true(got.level.s <= 0);
    latent_node_release(style);
    latent_node_release(words);
    latent_node_release(skip[0]);
    latent_node_release(x);
}

static latent_node *same(latent_model *m, latent_node *x, latent_level level, latent_node *words,
                         latent_error *e)
{
    (void)m;
    (void)level;
    (void)words;
    (void)e;
    return latent_node_retain(x);
}

static latent_node *copy(latent_model *m, latent_node *x, latent_error *e)
{
    (void)m;
    (void)e;
    return latent_node_retain(x);
}

/* Whether x of such a size is denoised with such words (a width of 0: none). */
static int denoises(latent_model *m, int c, int h, int w, int tokens, int width, latent_error *e)
{
    latent_node *x = picture(c, h, w), *words = width ? picture(width, 1, tokens) : NULL;
    latent_node *clean = latent_model_denoise(m, x, LATENT_CLEAN, words, e);
    int done = clean != NULL;
    latent_node_release(clean);
    latent_node_release(words);
    latent_node_release(x);
    return done;
}

static void kinds_are_asked(void **state)
{
    static const latent_denoiser_arch denoiser = {same};
    static const latent_decoder_arch decoder = {.decode = copy};
    static const latent_arch arch = {.name = "made-up", .denoiser = &denoiser, .decoder = &decoder};
    latent_model m = {.refs = 1, .arch = &arch, .label = "made.up"};
    latent_error e = {""};
    latent_node *x;
    (void)state;
    m.denoiser = (latent_denoiser_dims){.channels = 4, .height = 8, .width = 8, .context = 6};
    m.decoder = (latent_decoder_dims){.channels = 4, .factor = 8};
    assert_int_equal(latent_model_is(&m, LATENT_DENOISER, &e), 0);
    assert_int_equal(latent_model_is(&m, LATENT_DECODER, &e), 0);
    assert_int_equal(latent_model_is(&m, LATENT_GENERATOR, &e), -1);
    assert_non_null(strstr(e.text, "made.up is a diffusion network (made-up)"));
    assert_non_null(strstr(e.text, "takes a generator"));
    assert_true(denoises(&m, 4, 8, 8, 0, 0, &e));
    assert_true(denoises(&m, 4, 8, 8, 7, 6, &e));
    assert_false(denoises(&m, 4, 8, 8, 7, 5, &e)); /* words of another width */
    assert_non_null(strstr(e.text, "token states of 6 numbers"));
    assert_false(denoises(&m, 3, 8, 8, 0, 0, &e));
    assert_false(denoises(&m, 4, 8, 12, 0, 0, &e));
    assert_non_null(strstr(e.text, "8 x 12 came"));
    m.denoiser.multiple = 4;
    assert_true(denoises(&m, 4, 8, 12, 0, 0, &e));
    assert_false(denoises(&m, 4, 8, 10, 0, 0, &e));
    m.denoiser.context = 0;
    assert_false(denoises(&m, 4, 8, 8, 1, 6, &e));
    assert_non_null(strstr(e.text, "without words"));
    m.denoiser.embedding = 6;
    assert_true(denoises(&m, 4, 8, 8, 1, 6, &e));
    x = picture(4, 2, 2);
    assert_null(latent_model_encode(&m, x, &e));
    assert_non_null(strstr(e.text, "way back"));
    latent_node_release(latent_model_decode(&m, x, &e));
    latent_node_release(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promise_carries),
        cmocka_unit_test(kinds_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
