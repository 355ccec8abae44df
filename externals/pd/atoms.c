/* atoms: see atoms.h */
#include "atoms.h"
#include <stdlib.h>

t_atom *latent_atoms_of(const latent_tensor *t)
{
    latent_shape s = t->shape;
    size_t pixels = (size_t)s.n * (size_t)s.h * (size_t)s.w, c = (size_t)s.c;
    t_atom *atoms = malloc(t->count * sizeof(*atoms));
    for (size_t k = 0; atoms && k < c; k++)
        for (size_t p = 0; p < pixels; p++)
            SETFLOAT(atoms + k * pixels + p, t->data[p * c + k]);
    return atoms;
}

int latent_atoms_digest(latent_request *r, latent_error *e)
{
    r->result = latent_atoms_of(r->value);
    return r->result ? 0 : latent_fail(e, "no memory for a list of %zu numbers", r->value->count);
}
