/* variables: see variables.h.  Each is a tensor; who wants to change one that a promise holds gets
   a copy. */
#include "variables.h"
#include "../ops/ops.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    latent_tensor *now;
    latent_node *node; /* of it, or NULL; held */
    size_t place;
} variable;

struct latent_variables {
    variable *of;
    int n, room;
    size_t size;
};

latent_variables *latent_variables_new(void)
{
    return calloc(1, sizeof(latent_variables));
}

void latent_variables_free(latent_variables *v)
{
    if (!v)
        return;
    for (int i = 0; i < v->n; i++) {
        latent_node_release(v->of[i].node);
        latent_tensor_release(v->of[i].now);
    }
    free(v->of);
    free(v);
}

int latent_variables_add(latent_variables *v, latent_shape shape, const float *first,
                         latent_error *e)
{
    latent_tensor *t = latent_tensor_new(shape, e);
    if (!t)
        return -1;
    if (v->n == v->room) {
        int room = v->room ? 2 * v->room : 16;
        variable *of = realloc(v->of, (size_t)room * sizeof(*of));
        if (!of) {
            latent_tensor_release(t);
            return latent_fail(e, "no memory for one more variable");
        }
        v->of = of;
        v->room = room;
    }
    if (first)
        memcpy(t->data, first, t->count * sizeof(float));
    else
        memset(t->data, 0, t->count * sizeof(float));
    v->of[v->n] = (variable){t, NULL, v->size};
    v->size += t->count;
    return v->n++;
}

int latent_variables_count(const latent_variables *v)
{
    return v->n;
}

size_t latent_variables_size(const latent_variables *v)
{
    return v->size;
}

size_t latent_variables_place(const latent_variables *v, int i)
{
    return v->of[i].place;
}

latent_node *latent_variables_at(latent_variables *v, int i, latent_error *e)
{
    variable *of = &v->of[i];
    if (!of->node)
        of->node = latent_op_parameter(of->now, e);
    return latent_node_retain(of->node);
}

const float *latent_variables_read(const latent_variables *v, int i)
{
    return v->of[i].now->data;
}

float *latent_variables_change(latent_variables *v, int i, latent_error *e)
{
    variable *of = &v->of[i];
    latent_tensor *t;
    latent_node_release(of->node);
    of->node = NULL;
    if (atomic_load(&of->now->refs) == 1)
        return of->now->data;
    if (!(t = latent_tensor_new(of->now->shape, e)))
        return NULL;
    memcpy(t->data, of->now->data, t->count * sizeof(float));
    latent_tensor_release(of->now);
    of->now = t;
    return t->data;
}

/* ---- the gradient */

typedef struct {
    const latent_variables *v;
    float *grad;
} gradient_job;

static int number_of(const latent_variables *v, const latent_node *leaf)
{
    for (int i = 0; i < v->n; i++)
        if (v->of[i].node == leaf)
            return i;
    return -1;
}

static int wanted(const latent_node *leaf, void *context)
{
    return number_of(((const gradient_job *)context)->v, leaf) >= 0;
}

static void take(const latent_node *leaf, const latent_tensor *grad, void *context)
{
    const gradient_job *j = context;
    memcpy(j->grad + j->v->of[number_of(j->v, leaf)].place, grad->data,
           grad->count * sizeof(float));
}

int latent_variables_gradient(const latent_variables *v, latent_node *loss,
                              const atomic_int *cancel, float *value, float *grad, latent_error *e)
{
    gradient_job j = {v, grad};
    latent_gradient_of of = {wanted, take, &j};
    memset(grad, 0, v->size * sizeof(*grad));
    return latent_gradient(loss, &of, cancel, value, e);
}
