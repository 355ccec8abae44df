/* fit: what [latent.fit] has found, as a picture that is drawn when somebody looks. */
#include "ops.h"
#include <stdlib.h>

typedef struct {
    latent_fit_view view;
    int size;
} fit_params;

static int fit_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const fit_params *p = n->params;
    if (p->size < LATENT_RULE_SMALLEST || p->size > LATENT_RULE_LARGEST)
        return latent_fail(e, "a drawing is %d to %d pixels wide, but %d were asked for",
                           LATENT_RULE_SMALLEST, LATENT_RULE_LARGEST, p->size);
    *s = (latent_shape){1, p->size, p->size, 3};
    return 0;
}

static int fit_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                       latent_error *e)
{
    const fit_params *p = n->params;
    (void)in;
    return latent_fit_draw(&p->view, p->size, out->data, e);
}

const latent_op latent_operation_fit_view = {
    .name = "fit",
    .shape = fit_shape,
    .forward = fit_forward,
};

latent_node *latent_op_fit_view(const latent_fit *f, int size, latent_error *e)
{
    fit_params p;
    latent_fit_look(f, &p.view);
    p.size = size;
    return latent_node_make(&latent_operation_fit_view, NULL, 0, &p, sizeof(p), "fit", e);
}
