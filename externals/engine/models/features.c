/* features: see features.h */
#include "model.h"
#include <stdlib.h>
#include <string.h>

/* Where the inputs of the node lie. */
enum { X, DRAWN, CONTEXT, STYLES };

static int features_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[X]->shape;
    return 0;
}

static void features_retain(void *params)
{
    latent_model_retain(((latent_features *)params)->model);
}

static void features_release(void *params)
{
    latent_model_release(((latent_features *)params)->model);
}

const latent_op latent_op_features = {
    .name = "features",
    .n_computed = 1,
    .shape = features_shape,
    .retain = features_retain,
    .release = features_release,
};

static void place(latent_node **to, latent_node *const *from, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = from[i];
}

latent_node *latent_features_make(latent_model *m, int layer, const latent_features_parts *parts,
                                  latent_error *e)
{
    int n_in = STYLES + parts->n_styles + parts->n_carried;
    latent_features p;
    latent_node *n, **in = malloc((size_t)n_in * sizeof(*in));
    if (!in) {
        latent_fail(e, "no memory for one more promise");
        return NULL;
    }
    memset(&p, 0, sizeof(p));
    p.model = m;
    p.layer = layer;
    p.n_styles = parts->n_styles;
    p.n_carried = parts->n_carried;
    p.level = parts->level;
    in[X] = parts->x;
    in[DRAWN] = parts->drawn;
    in[CONTEXT] = parts->context;
    place(in + STYLES, parts->styles, p.n_styles);
    place(in + STYLES + p.n_styles, parts->carried, p.n_carried);
    n = latent_node_make(&latent_op_features, in, n_in, &p, sizeof(p), NULL, e);
    free(in);
    return n;
}

const latent_features *latent_features_of(const latent_node *n)
{
    return n && n->op == &latent_op_features ? n->params : NULL;
}

latent_features_parts latent_features_parts_of(latent_node *n)
{
    const latent_features *f = latent_features_of(n);
    if (!f)
        return (latent_features_parts){.x = n, .level = LATENT_CLEAN};
    return (latent_features_parts){.x = n->in[X],
                                   .drawn = n->in[DRAWN],
                                   .context = n->in[CONTEXT],
                                   .styles = n->in + STYLES,
                                   .n_styles = f->n_styles,
                                   .carried = n->in + STYLES + f->n_styles,
                                   .n_carried = f->n_carried,
                                   .level = f->level};
}

latent_node *latent_features_rgb(const latent_node *n, latent_error *e)
{
    const latent_features *f = latent_features_of(n);
    const latent_generator_dims *g;
    if (!f) {
        latent_fail(e, "a picture came where features were expected");
        return NULL;
    }
    if (n->in[DRAWN])
        return latent_node_retain(n->in[DRAWN]);
    if (!f->model || !f->model->arch->generator) {
        latent_fail(e, "these features come from no generator, so nothing is drawn of them; "
                       "[latent.decode] makes pictures of them");
        return NULL;
    }
    g = &f->model->generator;
    if (f->layer < 0)
        latent_fail(e, "nothing is drawn yet: put a layer between (the first is %s)", g->layers[0]);
    else
        latent_fail(e,
                    "this network draws only after its last layer, %s ([latent.tap] shows the "
                    "others)",
                    g->layers[g->n_layers - 1]);
    return NULL;
}
