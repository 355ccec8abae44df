/* guess_gradient: see guess_gradient.h */
#include "guess_gradient.h"
#include "../graph/gradient.h"
#include "../models/features.h"

/* Along the first inputs, which are what an operation works on. */
static latent_node *features_behind(latent_node *picture)
{
    latent_node *n = picture;
    while (n && !latent_features_of(n))
        n = n->n_in ? n->in[0] : NULL;
    return n ? n : picture;
}

int latent_gradient_guess(latent_node *loss, latent_node *picture, const atomic_int *cancel,
                          float *value, latent_tensor **grad, latent_error *e)
{
    if (latent_gradient_at(loss, features_behind(picture), cancel, value, grad, e))
        return -1;
    return *grad ? 0 : latent_fail(e, "the picture changes nothing of what it was compared by");
}
