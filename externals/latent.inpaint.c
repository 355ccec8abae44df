/* [latent.inpaint]: keeps what a mask says, between two steps of a diffusion.

   left      features after a step; bang: again
   middle    features (of [latent.encode]) or an image of the same size: what is to stay
   right     image: the mask, of any size: white is painted anew, black stays; clear: all is painted
   invert 0/1       the other way round; a flag too
   outlet    features

   What stays gets as much noise as the step has left, always the noise that all began with, so that
   both fit together.  Lugmayr et al. (2022) do so. */
#include "engine/diffusion/noised.h"
#include "pd/box.h"
#include <stddef.h>

static t_class *latent_inpaint_class;

typedef struct {
    t_object x_obj;
    int x_invert;
    latent_node *x_in, *x_keep, *x_mask, *x_last; /* or NULL */
    struct _latent_inlet *x_middle, *x_right;
    t_outlet *x_out;
} t_latent_inpaint;

static void latent_inpaint_bang(t_latent_inpaint *x)
{
    latent_error e;
    latent_node *n, *before = x->x_last;
    if (!x->x_in)
        return;
    if (!x->x_keep || !x->x_mask)
        n = latent_node_retain(x->x_in);
    else if (!(n = latent_noised_keep(x->x_in, x->x_keep, x->x_mask, x->x_invert, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void latent_inpaint_changed(void *x)
{
    latent_inpaint_bang(x);
}

static const t_latent_param latent_inpaint_params[] = {{"invert", LATENT_WHOLE,
                                                        offsetof(t_latent_inpaint, x_invert), 0, 1,
                                                        NULL, latent_inpaint_changed},
                                                       {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_inpaint_features(t_latent_inpaint *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_inpaint_bang(x);
}

/* What came to a right inlet, at *place: a promise, or nothing any more. */
static void take(t_latent_inpaint *x, latent_node **place, int features, t_symbol *s, int argc,
                 t_atom *argv)
{
    latent_node *n = NULL;
    if (s == gensym("image") || (features && s == gensym("features"))) {
        if (!(n = latent_promise_get(&x->x_obj, s, argc, argv)))
            return;
    } else if (s != gensym("clear")) {
        latent_wrong_right(&x->x_obj, features ? LATENT_TAKES_PROMISE : LATENT_TAKES_PICTURE, s,
                           argc, argv);
        return;
    }
    latent_node_release(*place);
    *place = n;
}

static void latent_inpaint_middle(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_inpaint *x = z;
    take(x, &x->x_keep, 1, s, argc, argv);
}

static void latent_inpaint_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_inpaint *x = z;
    take(x, &x->x_mask, 0, s, argc, argv);
}

static void *latent_inpaint_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_inpaint *x = (t_latent_inpaint *)pd_new(latent_inpaint_class);
    (void)s;
    argc = latent_params_flags(&x->x_obj, latent_inpaint_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_middle = latent_inlet_new(&x->x_obj, latent_inpaint_middle);
    x->x_right = latent_inlet_new(&x->x_obj, latent_inpaint_right);
    x->x_out = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_inpaint_free(t_latent_inpaint *x)
{
    latent_inlet_free(x->x_middle);
    latent_inlet_free(x->x_right);
    latent_node_release(x->x_in);
    latent_node_release(x->x_keep);
    latent_node_release(x->x_mask);
    latent_node_release(x->x_last);
}

void setup_latent0x2einpaint(void)
{
    t_class *c = class_new(gensym("latent.inpaint"), (t_newmethod)latent_inpaint_new,
                           (t_method)latent_inpaint_free, sizeof(t_latent_inpaint), CLASS_DEFAULT,
                           A_GIMME, 0);
    latent_inpaint_class = c;
    latent_takes(c, LATENT_TAKES_FEATURES);
    class_addbang(c, latent_inpaint_bang);
    class_addmethod(c, (t_method)latent_inpaint_features, gensym("features"), A_GIMME, 0);
    latent_params_setup(c, latent_inpaint_params);
}
