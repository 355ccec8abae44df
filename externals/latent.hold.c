/* [latent.hold]: keeps a promise, and with it what was computed for it.

   left      features or image: kept, and passed on; bang: the same again; clear: let go
   right     features or image: kept silently
   outlet    the same */
#include "pd/box.h"

static t_class *latent_hold_class;

typedef struct {
    t_object x_obj;
    latent_node *x_node;
    struct _latent_inlet *x_right;
    t_outlet *x_out;
} t_latent_hold;

static void latent_hold_bang(t_latent_hold *x)
{
    if (x->x_node)
        latent_promise_send(x->x_out, x->x_node);
}

static int latent_hold_keep(t_latent_hold *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv), *before = x->x_node;
    if (!n)
        return -1;
    x->x_node = n;
    latent_node_release(before);
    return 0;
}

static void latent_hold_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_hold *x = z;
    if (s == gensym("features") || s == gensym("image"))
        latent_hold_keep(x, s, argc, argv);
    else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_PROMISE, s, argc, argv);
}

static void latent_hold_promise(t_latent_hold *x, t_symbol *s, int argc, t_atom *argv)
{
    if (!latent_hold_keep(x, s, argc, argv))
        latent_hold_bang(x);
}

static void latent_hold_clear(t_latent_hold *x)
{
    latent_node_release(x->x_node);
    x->x_node = NULL;
}

static void *latent_hold_new(void)
{
    t_latent_hold *x = (t_latent_hold *)pd_new(latent_hold_class);
    x->x_right = latent_inlet_new(&x->x_obj, latent_hold_right);
    x->x_out = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_hold_free(t_latent_hold *x)
{
    latent_inlet_free(x->x_right);
    latent_node_release(x->x_node);
}

void setup_latent0x2ehold(void)
{
    latent_hold_class =
        class_new(gensym("latent.hold"), (t_newmethod)latent_hold_new, (t_method)latent_hold_free,
                  sizeof(t_latent_hold), CLASS_DEFAULT, 0);
    latent_takes(latent_hold_class, LATENT_TAKES_PROMISE);
    class_addbang(latent_hold_class, latent_hold_bang);
    class_addmethod(latent_hold_class, (t_method)latent_hold_promise, gensym("features"), A_GIMME,
                    0);
    class_addmethod(latent_hold_class, (t_method)latent_hold_promise, gensym("image"), A_GIMME, 0);
    class_addmethod(latent_hold_class, (t_method)latent_hold_clear, gensym("clear"), 0);
}
