/* feature_network: see feature_network.h */
#include "feature_network.h"
#include "../models/clip_tiny.h"
#include <stdlib.h>

struct latent_feature_network {
    latent_model *clip; /* held */
    const latent_tiny_net *net;
};

int latent_feature_network_side(const latent_feature_network *eye)
{
    return eye->net->sizes.resolution >> (eye->net->sizes.stages + 1);
}

int latent_feature_network_channels(const latent_feature_network *eye)
{
    return eye->net->sizes.width[eye->net->sizes.stages - 1];
}

int latent_feature_network_suits(const latent_feature_network *eye, int resolution, int side,
                                 int channels)
{
    return eye->net->sizes.resolution == resolution && latent_feature_network_side(eye) == side &&
           latent_feature_network_channels(eye) == channels;
}

latent_feature_network *latent_feature_network_open(const char *path, latent_error *e)
{
    latent_feature_network *eye = calloc(1, sizeof(*eye));
    if (!eye) {
        latent_fail(e, "no memory for a clip-tiny");
        return NULL;
    }
    if ((eye->clip = latent_model_load(path, (latent_progress){NULL, NULL}, e)) &&
        !(eye->net = latent_tiny_net_of(eye->clip)))
        latent_fail(e, "%s is no clip-tiny", path);
    if (eye->net)
        return eye;
    latent_feature_network_free(eye);
    return NULL;
}

void latent_feature_network_free(latent_feature_network *eye)
{
    if (eye)
        latent_model_release(eye->clip);
    free(eye);
}

latent_node *latent_feature_network_see(const latent_feature_network *eye, latent_node *pictures,
                                        latent_error *e)
{
    return latent_tiny_features(eye->net, pictures, e);
}
