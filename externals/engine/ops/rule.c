/* rule: a picture drawn by a rule (engine/rules) as a promise: it is drawn when somebody looks.  A
   process is two promises: its state after so many steps, and the picture of that. */
#include "ops.h"
#include <stdlib.h>
#include <string.h>

/* ---- what a picture to follow, or to take colours from, is to a rule */

static void follow(latent_rule_scene *scene, const latent_tensor *t)
{
    if (!t)
        return;
    scene->follow = t->data;
    scene->follow_h = t->shape.h;
    scene->follow_w = t->shape.w;
    scene->follow_c = t->shape.c;
}

static int is_one_picture(const latent_node *n, const char *what, latent_error *e)
{
    if (n && n->shape.n != 1)
        return latent_fail(e, "%s is one picture, but a batch of %d came", what, n->shape.n);
    return 0;
}

/* ---- the state of a process */

typedef struct {
    latent_process *process;
    int step;
    int padding;
} state_params;

static int state_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const state_params *p = n->params;
    int size = latent_process_size(p->process);
    if (is_one_picture(n->in[0], "what a rule follows", e))
        return -1;
    *s = (latent_shape){1, size, size, latent_rule_channels(latent_process_rule(p->process))};
    return 0;
}

static int state_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                         latent_error *e)
{
    const state_params *p = n->params;
    latent_rule_scene scene = {0};
    follow(&scene, in[0]);
    return latent_process_state(p->process, p->step, &scene, out->data, e);
}

static void state_retain(void *params)
{
    latent_process_retain(((state_params *)params)->process);
}

static void state_release(void *params)
{
    latent_process_release(((state_params *)params)->process);
}

const latent_op latent_operation_state = {
    .name = "process",
    .n_computed = -1,
    .shape = state_shape,
    .forward = state_forward,
    .retain = state_retain,
    .release = state_release,
};

/* ---- the picture */

enum { STATE, FOLLOW, COLOURS, INPUTS };

typedef struct {
    const latent_rule *rule;
    int size, mask, count, list_count;
    latent_palette palette; /* count 0: the rule's usual one */
    float numbers[];        /* parameters, then the list */
} rule_params;

static int rule_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    const rule_params *p = n->params;
    if (p->size < LATENT_RULE_SMALLEST || p->size > LATENT_RULE_LARGEST)
        return latent_fail(e, "a drawing is %d to %d pixels wide, but %d were asked for",
                           LATENT_RULE_SMALLEST, LATENT_RULE_LARGEST, p->size);
    if (is_one_picture(n->in[FOLLOW], "what a rule follows", e) ||
        is_one_picture(n->in[COLOURS], "what colours are taken from", e))
        return -1;
    *s = (latent_shape){1, p->size, p->size, 3};
    return 0;
}

static int rule_forward(const latent_node *n, latent_tensor *const *in, latent_tensor *out,
                        latent_error *e)
{
    const rule_params *p = n->params;
    const latent_tensor *colours = in[COLOURS];
    latent_palette taken;
    latent_rule_scene scene = {
        .params = p->numbers,
        .palette = p->palette.count > 0 ? &p->palette : NULL,
        .list = p->list_count ? p->numbers + p->count : NULL,
        .list_count = p->list_count,
        .mask = p->mask,
    };
    follow(&scene, in[FOLLOW]);
    if (colours) {
        latent_palette_of_picture(colours->data, colours->shape.h, colours->shape.w,
                                  colours->shape.c, &taken);
        scene.palette = &taken;
    }
    return in[STATE] ? latent_rule_show(p->rule, &scene, p->size, in[STATE]->data, out->data, e)
                     : latent_rule_paint(p->rule, &scene, p->size, out->data, e);
}

const latent_op latent_operation_rule = {
    .name = "rule",
    .n_computed = -1,
    .shape = rule_shape,
    .forward = rule_forward,
};

static latent_node *picture_of(const latent_rule *rule, const latent_rule_setting *s,
                               latent_node *state, latent_error *e)
{
    latent_node *in[INPUTS] = {state, state ? NULL : s->follow, s->colours}, *n = NULL;
    int count = latent_rule_count(rule);
    size_t bytes = sizeof(rule_params) + (size_t)(count + s->list_count) * sizeof(float);
    rule_params *p = calloc(1, bytes);
    if (!p) {
        latent_fail(e, "there is no memory for a drawing");
        return NULL;
    }
    p->rule = rule;
    p->size = s->size;
    p->mask = s->mask;
    p->count = count;
    p->list_count = s->list_count;
    if (s->palette)
        p->palette = *s->palette;
    memcpy(p->numbers, s->params, (size_t)count * sizeof(float));
    latent_rule_clamp(rule, p->numbers);
    if (s->list_count)
        memcpy(p->numbers + count, s->list, (size_t)s->list_count * sizeof(float));
    n = latent_node_make(&latent_operation_rule, in, INPUTS, p, bytes, "rule", e);
    free(p);
    return n;
}

latent_node *latent_op_rule_set(const latent_rule *rule, const latent_rule_setting *s,
                                latent_error *e)
{
    return picture_of(rule, s, NULL, e);
}

latent_node *latent_op_process(latent_process *process, int step, const latent_rule_setting *s,
                               latent_error *e)
{
    state_params p = {process, step, 0};
    latent_node *follow = s->follow, *n;
    latent_node *state =
        latent_node_make(&latent_operation_state, &follow, 1, &p, sizeof(p), "rule", e);
    if (!state)
        return NULL;
    n = picture_of(latent_process_rule(process), s, state, e);
    latent_node_release(state);
    return n;
}

latent_node *latent_op_rule(const latent_rule *rule, const float *params, int size, latent_error *e)
{
    latent_rule_setting s = {.params = params, .size = size};
    return latent_op_rule_set(rule, &s, e);
}
