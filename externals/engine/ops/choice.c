/* choice: how likely a network finds what came next among all that could come (softmax and cross
   entropy): the loss of whoever learns to say the next letter. */
#include "layers.h"
#include "mixture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int choice_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const int *came = n->params;
    latent_shape x = n->in[0]->shape;
    size_t rows = latent_shape_count(x) / (size_t)x.c;
    if (n->params_bytes != rows * sizeof(int))
        return latent_fail(e, "%zu things came in %zu places", n->params_bytes / sizeof(int), rows);
    for (size_t r = 0; r < rows; r++)
        if (came[r] >= x.c)
            return latent_fail(e, "number %d came, there are %d", came[r], x.c);
    *s = (latent_shape){1, 1, 1, 1};
    return 0;
}

static size_t counted(const int *came, size_t rows)
{
    size_t n = 0;
    for (size_t r = 0; r < rows; r++)
        n += came[r] >= 0;
    return n ? n : 1;
}

static int choice_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                          latent_error *e)
{
    const int *came = n->params;
    size_t c = (size_t)in[0]->shape.c, rows = in[0]->count / c;
    double sum = 0;
    (void)e;
    for (size_t r = 0; r < rows; r++)
        if (came[r] >= 0)
            sum += latent_log_sum(in[0]->data + r * c, c) -
                   (double)in[0]->data[r * c + (size_t)came[r]];
    out->data[0] = (float)(sum / (double)counted(came, rows));
    return 0;
}

static int choice_backward(const latent_node *n, latent_tensor *const *in, const latent_tensor *out,
                           latent_tensor *grad_out, latent_tensor *const *grad_in, latent_error *e)
{
    const int *came = n->params;
    size_t c = (size_t)in[0]->shape.c, rows = in[0]->count / c;
    double g = (double)grad_out->data[0] / (double)counted(came, rows);
    (void)out;
    (void)e;
    for (size_t r = 0; r < rows; r++) {
        const float *x = in[0]->data + r * c;
        float *to = grad_in[0]->data + r * c;
        double all;
        if (came[r] < 0)
            continue;
        all = latent_log_sum(x, c);
        for (size_t k = 0; k < c; k++)
            to[k] += (float)(g * exp((double)x[k] - all));
        to[came[r]] -= (float)g;
    }
    return 0;
}

const latent_op latent_operation_choice_loss = {
    .name = "choice loss",
    .n_computed = -1,
    .shape = choice_shape,
    .forward = choice_forward,
    .backward = choice_backward,
};

latent_node *latent_op_choice_loss(latent_node *x, const int *came, latent_error *e)
{
    latent_shape s = x->shape;
    return latent_node_make(&latent_operation_choice_loss, &x, 1, came,
                            latent_shape_count(s) / (size_t)s.c * sizeof(*came), NULL, e);
}
