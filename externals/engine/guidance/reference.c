/* reference: see reference.h */
#include "reference.h"

int latent_reference_see(latent_reference *r, latent_node *picture, int follow, latent_error *e)
{
    latent_provenance now;
    if (latent_provenance_of(picture, &now, e))
        return -1;
    if (!r->start || (follow && latent_provenance_apart(&r->seen, &now) > LATENT_JUMP)) {
        latent_node_retain(picture);
        latent_node_release(r->start);
        r->start = picture;
    }
    latent_provenance_free(&r->seen);
    r->seen = now;
    return 0;
}

void latent_reference_forget(latent_reference *r)
{
    latent_node_release(r->start);
    r->start = NULL;
    latent_provenance_free(&r->seen);
}
