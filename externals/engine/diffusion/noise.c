/* noise: see noise.h */
#include "noise.h"
#include "../ops/layers.h"

latent_node *latent_noise_of(latent_shape s, latent_rng rng, uint32_t seed, latent_error *e)
{
    return rng == LATENT_NUMPY ? latent_op_randn_numpy(s, seed, e) : latent_op_randn(s, seed, 0, e);
}

latent_node *latent_noise_between(latent_shape s, latent_rng rng, const latent_neighbours *near,
                                  latent_error *e)
{
    latent_node *sum = NULL;
    double before = 1;
    for (int i = 0; i < 4; i++) {
        latent_node *one, *both;
        if (near->weight[i] == 0)
            continue;
        if (!(one = latent_noise_of(s, rng, near->seed[i], e))) {
            latent_node_release(sum);
            return NULL;
        }
        if (!sum) {
            sum = one;
            before = near->weight[i];
            continue;
        }
        both = latent_op_add(sum, (float)before, one, (float)near->weight[i], "noise", e);
        before = 1;
        latent_node_release(sum);
        latent_node_release(one);
        if (!(sum = both))
            return NULL;
    }
    return sum;
}
