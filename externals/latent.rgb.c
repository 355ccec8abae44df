/* [latent.rgb]: from features to a picture: what the network has drawn up to here.  After an early
   layer it shows the primal form.

   features  from [latent.layer], after any layer
   bang      the same again
   outlet    image

   A model's name may be given as for every box, but the features know their network. */
#include "engine/models/model.h"
#include "pd/box.h"

static t_class *latent_rgb_class;

typedef struct {
    t_object x_obj;
    latent_node *x_last;
    t_outlet *x_out;
} t_latent_rgb;

static void latent_rgb_bang(t_latent_rgb *x)
{
    if (x->x_last)
        latent_promise_send(x->x_out, x->x_last);
}

static void latent_rgb_features(t_latent_rgb *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv), *before = x->x_last, *rgb;
    latent_error e;
    if (!n)
        return;
    rgb = latent_features_rgb(n, &e);
    latent_node_release(n);
    if (!rgb) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = rgb;
    latent_node_release(before);
    latent_promise_send(x->x_out, rgb);
}

static void *latent_rgb_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_rgb *x = (t_latent_rgb *)pd_new(latent_rgb_class);
    (void)s;
    (void)argc;
    (void)argv;
    x->x_out = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_rgb_free(t_latent_rgb *x)
{
    latent_node_release(x->x_last);
}

void setup_latent0x2ergb(void)
{
    latent_rgb_class =
        class_new(gensym("latent.rgb"), (t_newmethod)latent_rgb_new, (t_method)latent_rgb_free,
                  sizeof(t_latent_rgb), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_rgb_class, LATENT_TAKES_FEATURES);
    class_addbang(latent_rgb_class, latent_rgb_bang);
    class_addmethod(latent_rgb_class, (t_method)latent_rgb_features, gensym("features"), A_GIMME,
                    0);
}
