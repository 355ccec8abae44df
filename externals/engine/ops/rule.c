/* rule: a picture drawn by a rule (engine/rules) as a promise: it is drawn when somebody looks. */
#include "ops.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const latent_rule *rule;
    int size, count;
    float params[];
} rule_params;

static int rule_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const rule_params *p = n->params;
    if (p->size < LATENT_RULE_SMALLEST || p->size > LATENT_RULE_LARGEST)
        return latent_fail(e, "a drawing is %d to %d pixels wide, but %d were asked for",
                           LATENT_RULE_SMALLEST, LATENT_RULE_LARGEST, p->size);
    *s = (latent_shape){1, p->size, p->size, 3};
    return 0;
}

static int rule_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    const rule_params *p = n->params;
    (void)in;
    return latent_rule_draw(p->rule, p->params, p->size, out->data, e);
}

static const latent_op op_rule = {
    .name = "rule",
    .shape = rule_shape,
    .forward = rule_forward,
};

latent_node *latent_op_rule(const latent_rule *rule, const float *params, int size, latent_error *e)
{
    int count = latent_rule_count(rule);
    size_t bytes = sizeof(rule_params) + (size_t)count * sizeof(float);
    rule_params *p = calloc(1, bytes);
    latent_node *n = NULL;
    if (!p) {
        latent_fail(e, "there is no memory for a drawing");
        return NULL;
    }
    p->rule = rule;
    p->size = size;
    p->count = count;
    memcpy(p->params, params, (size_t)count * sizeof(float));
    latent_rule_clamp(rule, p->params);
    n = latent_node_make(&op_rule, NULL, 0, p, bytes, "rule", e);
    free(p);
    return n;
}
