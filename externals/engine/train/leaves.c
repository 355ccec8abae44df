/* leaves: see leaves.h */
#include "leaves.h"
#include "../ops/ops.h"
#include <stdlib.h>
#include <string.h>

static latent_node *average_of(latent_leaves *l, int i, latent_error *e)
{
    const latent_parameter *f = &l->p->item[i];
    latent_tensor *t =
        l->average[i] ? NULL : latent_tensor_new(latent_tensor_shape(f->rank, f->dim), e);
    if (t) {
        memcpy(t->data, l->p->average + f->at, f->count * sizeof(float));
        l->average[i] = latent_op_parameter(t, e);
        latent_tensor_release(t);
    }
    return latent_node_retain(l->average[i]);
}

static latent_node *find(latent_tensors *t, const char *name, latent_error *e)
{
    latent_leaves *l = (latent_leaves *)t;
    int i = latent_parameters_find(l->p, name);
    if (i >= 0)
        return l->average ? average_of(l, i, e) : latent_parameter_leaf(l->p, i, e);
    latent_fail(e, "the network has no %s", name);
    return NULL;
}

int latent_leaves_begin(latent_leaves *l, latent_parameters *p, int average, latent_error *e)
{
    *l = (latent_leaves){{find}, p, average ? calloc((size_t)p->n, sizeof(*l->average)) : NULL};
    return l->average || !average ? 0 : latent_fail(e, "no memory for a network in training");
}

void latent_leaves_end(latent_leaves *l)
{
    for (int i = 0; l->average && i < l->p->n; i++)
        latent_node_release(l->average[i]);
    free(l->average);
    memset(l, 0, sizeof(*l));
}
