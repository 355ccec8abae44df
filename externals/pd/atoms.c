/* atoms: see atoms.h */
#include "atoms.h"
#include <stdlib.h>

int latent_atoms_digest(latent_request *r, latent_error *e)
{
    latent_shape s = r->value->shape;
    size_t pixels = (size_t)s.n * (size_t)s.h * (size_t)s.w, c = (size_t)s.c;
    t_atom *atoms = malloc(r->value->count * sizeof(*atoms));
    if (!atoms)
        return latent_fail(e, "no memory for a list of %zu numbers", r->value->count);
    for (size_t k = 0; k < c; k++)
        for (size_t p = 0; p < pixels; p++)
            SETFLOAT(atoms + k * pixels + p, r->value->data[p * c + k]);
    r->result = atoms;
    return 0;
}
