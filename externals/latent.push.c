/* [latent.push]: pushes features against a gradient: a hand on a picture that is still noise.

   left      features, noisy or a guess; bang: again
   right     the gradient: a list, in channel, row, column order, or features or an image of
             the same size; clear: none
   strength f       (1) how far; a flag too; below 0 the other way
   outlet    features, as noisy as they were */
#include "engine/diffusion/noised.h"
#include "engine/ops/ops.h"
#include "pd/box.h"
#include <stddef.h>

static t_class *latent_push_class;

typedef struct {
    t_object x_obj;
    double x_strength;
    latent_node *x_in, *x_gradient, *x_last; /* or NULL */
    t_latent_list x_list;                    /* a gradient that came as a list; empty: none */
    struct _latent_inlet *x_right;
    t_outlet *x_out;
} t_latent_push;

/* The list as a promise, once it is known what it is like.  0, or -1 after a complaint. */
static int latent_push_list(t_latent_push *x)
{
    latent_shape s = x->x_in->shape;
    latent_error e;
    latent_node *n;
    if (!x->x_list.n)
        return 0;
    if ((size_t)x->x_list.n != latent_shape_count(s)) {
        latent_complain(&x->x_obj,
                        "a gradient of %d numbers came; %d x %d x %d (channels, height, width) are "
                        "%zu",
                        x->x_list.n, s.c, s.h, s.w, latent_shape_count(s));
        return -1;
    }
    if (!(n = latent_op_planes(x->x_list.v, s.c, s.h, s.w, x->x_gradient, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return -1;
    }
    latent_node_release(x->x_gradient);
    x->x_gradient = n;
    return 0;
}

static void latent_push_bang(t_latent_push *x)
{
    latent_error e;
    latent_node *n, *before = x->x_last;
    if (!x->x_in || latent_push_list(x))
        return;
    if (!x->x_gradient)
        n = latent_node_retain(x->x_in);
    else if (!(n = latent_noised_push(x->x_in, x->x_gradient, x->x_strength, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void latent_push_changed(void *x)
{
    latent_push_bang(x);
}

static const t_latent_param latent_push_params[] = {{"strength", LATENT_REAL,
                                                     offsetof(t_latent_push, x_strength), -1e6, 1e6,
                                                     NULL, latent_push_changed},
                                                    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_push_features(t_latent_push *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_push_bang(x);
}

static void latent_push_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_push *x = z;
    latent_node *n = NULL;
    if (s == &s_list || s == &s_float) {
        latent_list_set(&x->x_obj, &x->x_list, argc, argv);
        return;
    }
    if (s == gensym("features") || s == gensym("image")) {
        if (!(n = latent_promise_get(&x->x_obj, s, argc, argv)))
            return;
    } else if (s != gensym("clear")) {
        latent_wrong_right(&x->x_obj, LATENT_TAKES_GRADIENT, s, argc, argv);
        return;
    }
    x->x_list.n = 0;
    latent_node_release(x->x_gradient);
    x->x_gradient = n;
}

static void *latent_push_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_push *x = (t_latent_push *)pd_new(latent_push_class);
    (void)s;
    x->x_strength = 1;
    argc = latent_params_flags(&x->x_obj, latent_push_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_push_right);
    x->x_out = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_push_free(t_latent_push *x)
{
    latent_inlet_free(x->x_right);
    latent_node_release(x->x_in);
    latent_node_release(x->x_gradient);
    latent_node_release(x->x_last);
    latent_list_free(&x->x_list);
}

void setup_latent0x2epush(void)
{
    t_class *c =
        class_new(gensym("latent.push"), (t_newmethod)latent_push_new, (t_method)latent_push_free,
                  sizeof(t_latent_push), CLASS_DEFAULT, A_GIMME, 0);
    latent_push_class = c;
    latent_takes(c, LATENT_TAKES_FEATURES);
    class_addbang(c, latent_push_bang);
    class_addmethod(c, (t_method)latent_push_features, gensym("features"), A_GIMME, 0);
    latent_params_setup(c, latent_push_params);
}
