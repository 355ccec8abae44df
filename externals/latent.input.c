/* [latent.input model]: the network's first tensor, where a chain of layers begins.

   list      w (w_dim numbers) or W+ (num_ws x w_dim): it rides along for every layer that is not
             given its own
   bang      the same again
   translate x y, rotate degrees, scale f     the picture moved, turned, enlarged, from the next
                                              list or bang on: for networks without edges
                                              (StyleGAN3)
   outlet    features

   Without an argument it is the built-in model. */
#include "pd/box.h"
#include "pd/layer_range.h"
#include "pd/modelref.h"
#include "pd/plane.h"
#include <stddef.h>

static t_class *latent_input_class;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_model;
    t_latent_list x_w;
    t_latent_plane x_plane;
    latent_node *x_last; /* held, so that its handle stays good */
    int x_waits;         /* for the model */
    t_outlet *x_out;
} t_latent_input;

static const t_latent_param latent_input_params[] = {LATENT_PLANE_PARAMS(t_latent_input, x_plane),
                                                     {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_input_bang(t_latent_input *x)
{
    latent_model *m = latent_modelref_get(x->x_model, 1);
    latent_error e;
    latent_node *n, *before = x->x_last;
    int rows;
    x->x_waits = !m && latent_modelref_loading(x->x_model);
    if (!m)
        return;
    if (!x->x_w.n) {
        latent_complain(&x->x_obj, "no list has come yet; send w (%d numbers), from [latent.map]",
                        m->generator.w_dim);
        return;
    }
    if ((rows = latent_model_rows(m, x->x_w.n, &e)) < 0 ||
        !(n = latent_model_input_at(m, x->x_w.v, rows, latent_plane_of(&x->x_plane), &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void latent_input_list(t_latent_input *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!latent_style_set(&x->x_obj, x->x_model, &x->x_w, argc, argv))
        latent_input_bang(x);
}

static void latent_input_translate(t_latent_input *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_plane_translate(&x->x_obj, &x->x_plane, argc, argv);
}

static void latent_input_ready(void *z)
{
    t_latent_input *x = z;
    if (x->x_waits)
        latent_input_bang(x);
}

static void *latent_input_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_input *x = (t_latent_input *)pd_new(latent_input_class);
    (void)s;
    latent_plane_init(&x->x_plane);
    argc = latent_params_flags(&x->x_obj, latent_input_params, argc, argv);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_model =
        latent_modelref_new(&x->x_obj, atom_getsymbolarg(0, argc, argv), latent_input_ready);
    return x;
}

static void latent_input_free(t_latent_input *x)
{
    latent_modelref_free(x->x_model);
    latent_node_release(x->x_last);
    latent_list_free(&x->x_w);
}

void setup_latent0x2einput(void)
{
    latent_input_class =
        class_new(gensym("latent.input"), (t_newmethod)latent_input_new,
                  (t_method)latent_input_free, sizeof(t_latent_input), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes_of(latent_input_class, LATENT_TAKES_STYLE, offsetof(t_latent_input, x_model));
    class_addbang(latent_input_class, latent_input_bang);
    class_addlist(latent_input_class, latent_input_list);
    class_addmethod(latent_input_class, (t_method)latent_input_translate, gensym("translate"),
                    A_GIMME, 0);
    latent_params_setup(latent_input_class, latent_input_params);
}
