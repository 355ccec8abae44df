/* leaf: where values enter the graph: a model's parameters, pictures from outside, and styles. */
#include "../base/half.h"
#include "../weights/weights.h"
#include "ops.h"
#include <stdlib.h>
#include <string.h>

/* ---- tensors: parameters and pictures */

typedef struct {
    latent_tensor *tensor;
} tensor_params;

static int tensor_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const tensor_params *p = n->params;
    (void)e;
    *s = p->tensor->shape;
    return 0;
}

static latent_tensor *tensor_leaf(const latent_node *n)
{
    return latent_tensor_retain(((const tensor_params *)n->params)->tensor);
}

static void tensor_retain(void *params)
{
    latent_tensor_retain(((tensor_params *)params)->tensor);
}

static void tensor_release(void *params)
{
    latent_tensor_release(((tensor_params *)params)->tensor);
}

const latent_op latent_operation_parameter = {
    .name = "parameter",
    .shape = tensor_shape,
    .leaf = tensor_leaf,
    .retain = tensor_retain,
    .release = tensor_release,
};

const latent_op latent_operation_picture = {
    .name = "picture",
    .shape = tensor_shape,
    .leaf = tensor_leaf,
    .retain = tensor_retain,
    .release = tensor_release,
};

latent_node *latent_op_parameter(latent_tensor *t, latent_error *e)
{
    tensor_params p = {t};
    return latent_node_make(&latent_operation_parameter, NULL, 0, &p, sizeof(p), NULL, e);
}

/* ---- parameters in half precision */

typedef struct {
    latent_shape shape;
    uint16_t *numbers; /* the node's, which is equal to itself alone */
} half_params;

static int half_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = ((const half_params *)n->params)->shape;
    return 0;
}

static latent_tensor *half_leaf(const latent_node *n)
{
    const uint16_t *numbers = ((const half_params *)n->params)->numbers;
    latent_tensor *t = latent_tensor_new(n->shape, NULL);
    for (size_t i = 0; t && i < t->count; i++)
        t->data[i] = latent_half_float(numbers[i]);
    return t;
}

const latent_op latent_operation_half_parameter = {
    .name = "half parameter",
    .shape = half_shape,
    .leaf = half_leaf,
};

latent_node *latent_op_parameter_half(const latent_tensor *t, latent_error *e)
{
    half_params p;
    latent_node *n;
    memset(&p, 0, sizeof(p));
    p.shape = t->shape;
    if (!(p.numbers = malloc(t->count * sizeof(*p.numbers)))) {
        latent_fail(e, "no memory for %zu weights", t->count);
        return NULL;
    }
    for (size_t i = 0; i < t->count; i++)
        p.numbers[i] = latent_half_from_float(t->data[i]);
    if (!(n = latent_node_make(&latent_operation_half_parameter, NULL, 0, &p, sizeof(p), NULL,
                               e))) {
        free(p.numbers);
        return NULL;
    }
    n->prepared = p.numbers;
    n->prepared_free = free;
    return n;
}

latent_node *latent_op_picture(latent_tensor *t, latent_error *e)
{
    tensor_params p = {t};
    return latent_node_make(&latent_operation_picture, NULL, 0, &p, sizeof(p), NULL, e);
}

static int is_just(const latent_node *n, const latent_tensor *t)
{
    const latent_tensor *old =
        n && n->op == &latent_operation_picture ? ((tensor_params *)n->params)->tensor : NULL;
    return old && latent_shape_equal(old->shape, t->shape) &&
           !memcmp(old->data, t->data, t->count * sizeof(float));
}

latent_node *latent_op_planes(const float *planes, int c, int h, int w, latent_node *like,
                              latent_error *e)
{
    latent_tensor *t = latent_tensor_new((latent_shape){1, h, w, c}, e);
    size_t pixels = (size_t)h * (size_t)w;
    latent_node *n;
    if (!t)
        return NULL;
    for (size_t p = 0; p < pixels; p++)
        for (size_t k = 0; k < (size_t)c; k++)
            t->data[p * (size_t)c + k] = planes[k * pixels + p];
    n = is_just(like, t) ? latent_node_retain(like) : latent_op_picture(t, e);
    latent_tensor_release(t);
    return n;
}

/* ---- styles: the numbers themselves are the parameters, so equal styles are one promise */

typedef struct {
    latent_drawn_by by;
    int row, rows, count;
    float w[];
} style_params;

static int style_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const style_params *p = n->params;
    (void)e;
    *s = (latent_shape){1, 1, 1, p->count};
    return 0;
}

static latent_tensor *style_leaf(const latent_node *n)
{
    const style_params *p = n->params;
    latent_tensor *t = latent_tensor_new(n->shape, NULL);
    if (t)
        memcpy(t->data, p->w, (size_t)p->count * sizeof(float));
    return t;
}

const latent_op latent_operation_style = {
    .name = "style",
    .shape = style_shape,
    .leaf = style_leaf,
};

latent_node *latent_op_style(int row, int rows, const float *w, int count, latent_error *e)
{
    static const latent_drawn_by nobody;
    return latent_op_style_of(&nobody, row, rows, w, count, e);
}

latent_node *latent_op_style_of(const latent_drawn_by *by, int row, int rows, const float *w,
                                int count, latent_error *e)
{
    size_t bytes = sizeof(style_params) + (size_t)count * sizeof(float);
    style_params *p = malloc(bytes);
    latent_node *n = NULL;
    if (!p) {
        latent_fail(e, "no memory for a style of %d numbers", count);
        return NULL;
    }
    p->by = *by;
    p->row = row;
    p->rows = rows;
    p->count = count;
    memcpy(p->w, w, (size_t)count * sizeof(float));
    n = latent_node_make(&latent_operation_style, NULL, 0, p, bytes, NULL, e);
    free(p);
    return n;
}

const latent_drawn_by *latent_style_drawn_by(const latent_node *n)
{
    const style_params *p = n && n->op == &latent_operation_style ? n->params : NULL;
    return p && *p->by.name ? &p->by : NULL;
}

int latent_style_row(const latent_node *n)
{
    return n && n->op == &latent_operation_style ? ((const style_params *)n->params)->row : -1;
}

int latent_style_rows(const latent_node *n)
{
    return n && n->op == &latent_operation_style ? ((const style_params *)n->params)->rows : 0;
}
