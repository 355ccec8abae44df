/* approach: see approach.h */
#include "approach.h"
#include "../ops/encoder.h"

/* How unlike the two are to the eye after so many of its blocks. */
static latent_node *unlike(latent_model *eye, latent_node *picture, latent_node *target, int depth,
                           latent_error *e)
{
    latent_node *seen = latent_model_look(eye, picture, depth, e);
    latent_node *goal = seen ? latent_model_look(eye, target, depth, e) : NULL;
    latent_node *given = goal ? latent_op_stop_gradient(goal, e) : NULL;
    latent_node *loss = given ? latent_op_cosine_distance(seen, given, e) : NULL;
    latent_node_release(seen);
    latent_node_release(goal);
    latent_node_release(given);
    return loss;
}

/* The depths that are meant; how many. */
static int choose(const latent_model *eye, const latent_approach_settings *s, int *depths)
{
    int n = 0;
    for (int i = 0; i < s->n_depths; i++)
        depths[n++] = s->depths[i];
    for (int quarter = 1; quarter < 4 && !s->n_depths; quarter++) {
        int depth = (quarter * eye->encoder.depth + 2) / 4;
        depth = depth < 1 ? 1 : depth;
        if (!n || depths[n - 1] != depth)
            depths[n++] = depth;
    }
    return n;
}

latent_node *latent_approach(latent_model *eye, latent_node *picture, latent_node *target,
                             const latent_approach_settings *s, latent_error *e)
{
    latent_node *part[LATENT_MAX_DEPTHS + 1], *sum = NULL;
    float weight[LATENT_MAX_DEPTHS + 1];
    int depths[LATENT_MAX_DEPTHS], n = 0, count = 0, failed = 0;
    if (s->perceptual != 0 && eye) {
        if (latent_model_is(eye, LATENT_ENCODER, e))
            return NULL;
        count = choose(eye, s, depths);
    }
    for (int i = 0; i < count && !failed; i++) {
        part[n] = unlike(eye, picture, target, depths[i], e);
        weight[n] = s->perceptual / (float)count;
        failed = !part[n];
        n += !failed;
    }
    if (!failed && (s->pixels != 0 || !n)) {
        part[n] = latent_op_target(picture, target, s->loss, e);
        weight[n] = s->pixels;
        failed = !part[n];
        n += !failed;
    }
    if (!failed)
        sum = latent_op_sum(part, weight, n, e);
    while (n)
        latent_node_release(part[--n]);
    return sum;
}
