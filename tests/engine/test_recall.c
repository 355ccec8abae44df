/* test_recall: what a network has drawn, recalled by how it looks: a picture's own embedding finds
   it, means of the nearest agree with a slow search through all, goals of guidance find what a
   search by hand finds, and what can't be is said. */
#include "engine/graph/evaluate.h"
#include "engine/guidance/guide.h"
#include "engine/guidance/recall.h"
#include "engine/latents/latents.h"
#include "helper_builtin.h"
#include "helper_network.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define Z 6
#define W 10
#define PICTURES 610 /* of which the two nearest are recalled */

static network net;
static latent_model *generator, *clip;
static latent_recall *all;
static float w[PICTURES][W];
static double seen[PICTURES][BUILTIN_MOST]; /* of length 1 */

static latent_node *picture_of(const float *style)
{
    return network_picture(generator, style, 1);
}

static void fill(latent_recall *r)
{
    latent_error e = {""};
    double before = latent_recall_progress(r);
    int done;
    while (!(done = latent_recall_step(r, NULL, &e))) {
        assert_true(latent_recall_progress(r) > before);
        before = latent_recall_progress(r);
    }
    if (done < 0)
        fail_msg("%s", e.text);
    assert_true(latent_recall_progress(r) == 1);
}

static int begin(void **state)
{
    network_plan p = {SKIP, Z, W, 2, 2, {8, 8}, 3, 0, 1};
    latent_random r;
    latent_error e = {""};
    (void)state;
    network_make(&net, p, 7);
    generator = network_model(&net);
    clip = builtin_clip();
    if (!generator || !clip || clip->encoder.embedding > BUILTIN_MOST ||
        !(all = latent_recall_new(generator, clip, PICTURES, &e)))
        return -1;
    fill(all);
    latent_random_seed(&r, 0);
    for (int i = 0; i < PICTURES; i++) {
        float z[Z];
        latent_node *picture;
        latent_draw(&r, Z, 0, z);
        if (latent_model_map(generator, z, NULL, w[i], &e))
            return -1;
        picture = picture_of(w[i]);
        builtin_embedding(clip, latent_model_embed_picture(clip, picture, &e), seen[i]);
        latent_node_release(picture);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    latent_recall_release(all);
    latent_model_release(generator);
    latent_model_release(clip);
    network_free(&net);
    return 0;
}

/* ---- by hand */

static double distance(const double *a, const double *b, latent_distance kind)
{
    double cosine = 0;
    for (int i = 0; i < clip->encoder.embedding; i++)
        cosine += a[i] * b[i];
    return kind == LATENT_COSINE ? 1 - cosine : pow(acos(fmin(cosine, 1)), 2) / 2;
}

/* The two nearest to goals [n][..] of length 1. */
static void search(int n, double goals[][BUILTIN_MOST], const float *weight, latent_distance kind,
                   int best[2])
{
    double least[2] = {1e9, 1e9};
    for (int i = 0; i < PICTURES; i++) {
        double far = 0;
        for (int g = 0; g < n; g++)
            far += weight[g] * distance(seen[i], goals[g], kind);
        if (far < least[0]) {
            least[1] = least[0];
            best[1] = best[0];
            least[0] = far;
            best[0] = i;
        } else if (far < least[1]) {
            least[1] = far;
            best[1] = i;
        }
    }
}

static void check_w(const float *is, const int best[2])
{
    for (int k = 0; k < W; k++)
        assert_true(fabs(is[k] - (w[best[0]][k] + w[best[1]][k]) / 2) < 1e-5);
}

static void check_seen(const float *is, const int best[2])
{
    for (int i = 0; i < clip->encoder.embedding; i++)
        assert_true(fabs(is[i] - (seen[best[0]][i] + seen[best[1]][i]) / 2) < 1e-4);
}

/* ---- tests */

static void test_own(void **state)
{
    latent_error e = {""};
    latent_recall *few = latent_recall_new(generator, clip, 40, &e);
    float goal[BUILTIN_MOST], found[W], looks[BUILTIN_MOST], one = 1;
    (void)state;
    assert_non_null(few);
    assert_true(latent_recall_is_of(few, generator, clip));
    assert_false(latent_recall_is_of(few, clip, generator));
    assert_int_equal(latent_recall_size(few), W);
    assert_int_equal(latent_recall_nearest(few, 1, goal, &one, LATENT_SPHERICAL, found, looks, &e),
                     -1);
    assert_non_null(strstr(e.text, "no pictures"));
    fill(few);
    for (int i = 0; i < 40; i += 13) {
        for (int k = 0; k < clip->encoder.embedding; k++)
            goal[k] = 3 * (float)seen[i][k]; /* of any length */
        assert_int_equal(
            latent_recall_nearest(few, 1, goal, &one, LATENT_SPHERICAL, found, looks, &e), 0);
        for (int k = 0; k < W; k++)
            assert_true(fabsf(found[k] - w[i][k]) < 1e-6f);
    }
    latent_recall_release(latent_recall_retain(few));
    latent_recall_release(few);
    latent_recall_release(NULL);
}

static void test_nearest(void **state)
{
    static double goals[2][BUILTIN_MOST];
    static float both[2 * BUILTIN_MOST];
    float found[W], looks[BUILTIN_MOST];
    const float weights[][2] = {{1, 1}, {1, -0.5f}, {0.1f, 2}};
    latent_error e = {""};
    (void)state;
    for (int i = 0; i < 6; i++) {
        latent_distance kind = i % 2 ? LATENT_COSINE : LATENT_SPHERICAL;
        int best[2] = {0, 0};
        for (int g = 0; g < 2; g++)
            for (int k = 0; k < clip->encoder.embedding; k++) {
                goals[g][k] = seen[37 * i + 100 * g][k];
                both[g * clip->encoder.embedding + k] = (float)goals[g][k];
            }
        search(2, goals, weights[i / 2], kind, best);
        assert_int_equal(
            latent_recall_nearest(all, 2, both, weights[i / 2], kind, found, looks, &e), 0);
        check_w(found, best);
        check_seen(looks, best);
    }
}

/* A directional goal: from a start, twice as far as the words are apart. */
static void test_goal(void **state)
{
    latent_goal goal = {.weight = 1, .text = "a fat red fish"}, reached;
    latent_node *start = picture_of(w[5]);
    latent_guide_settings s = {.loss = LATENT_GUIDE_DIRECTIONAL,
                               .from = "a fish",
                               .start = start,
                               .power = 0.5f,
                               .reach = 2};
    latent_guide_kept kept = {.n = 0};
    latent_error e = {""};
    latent_tensor *t;
    static double aim[1][BUILTIN_MOST], from[BUILTIN_MOST], to[BUILTIN_MOST];
    double size = 0, length = 0;
    float found[W], one = 1;
    int best[2] = {0, 0};
    (void)state;
    builtin_embedding(clip, latent_model_embed_text(clip, s.from, &e), from);
    builtin_embedding(clip, latent_model_embed_text(clip, goal.text, &e), to);
    for (int i = 0; i < clip->encoder.embedding; i++)
        size += (to[i] - from[i]) * (to[i] - from[i]);
    for (int i = 0; i < clip->encoder.embedding; i++) {
        aim[0][i] = seen[5][i] + 2 * (to[i] - from[i]) / sqrt(size);
        length += aim[0][i] * aim[0][i];
    }
    for (int i = 0; i < clip->encoder.embedding; i++)
        aim[0][i] /= sqrt(length);
    search(1, aim, &one, LATENT_SPHERICAL, best);
    if (latent_guide_recall(clip, all, &goal, 1, &s, &kept, found, &reached, &e))
        fail_msg("%s", e.text);
    assert_int_equal(kept.n, 3); /* start, from and the text */
    check_w(found, best);
    assert_int_equal(latent_evaluate(reached.embedding, NULL, &t, &e), 0);
    check_seen(t->data, best);
    latent_tensor_release(t);
    latent_goal_free(&reached);
    latent_guide_forget(&kept);

    s.start = NULL;
    assert_int_equal(latent_guide_recall(clip, all, &goal, 1, &s, &kept, found, &reached, &e), -1);
    assert_non_null(strstr(e.text, "what the picture shows now"));
    assert_null(reached.embedding);
    latent_guide_forget(&kept);
    assert_int_equal(latent_guide_recall(clip, all, &goal, 0, &s, &kept, found, &reached, &e), -1);
    assert_non_null(strstr(e.text, "nothing to go towards"));
    latent_guide_forget(&kept);
    latent_node_release(start);
}

static void test_claims(void **state)
{
    latent_error e = {""};
    latent_recall *r;
    atomic_int stop = 1;
    (void)state;
    assert_null(latent_recall_new(clip, clip, 10, &e));
    assert_non_null(strstr(e.text, "is a CLIP"));
    assert_null(latent_recall_new(generator, generator, 10, &e));
    assert_null(latent_recall_new(generator, clip, 0, &e));
    assert_null(latent_recall_new(generator, clip, LATENT_RECALL_MOST + 1, &e));
    assert_non_null(strstr(e.text, "can be recalled"));
    assert_non_null(r = latent_recall_new(generator, clip, 10, &e));
    assert_int_equal(latent_recall_step(r, &stop, &e), -1); /* cancelled */
    latent_recall_release(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_own), cmocka_unit_test(test_nearest),
                                       cmocka_unit_test(test_goal), cmocka_unit_test(test_claims)};
    return cmocka_run_group_tests(tests, begin, end);
}
