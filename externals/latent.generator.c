/* [latent.generator model]: the whole chain in one box: style to picture.

   list      w (w_dim numbers) or W+ (num_ws x w_dim)
   bang      the same again
   noise const, noise none, noise random, noise learned      (const until told)
   seed n, strength f                         of the noise
   stop <layer>    what the network has drawn after that layer; stop 0: the whole picture
   translate x y, rotate degrees, scale f     the picture moved, turned, enlarged: networks without
                                              edges (StyleGAN3) go on drawing beyond the frame
   outlet    image

   Settings are flags too and hold from the next list or bang on.  Layers whose styles have not
   changed are not computed again.  Without an argument it is the built-in model. */
#include "pd/layer_range.h"
#include "pd/noise.h"
#include "pd/plane.h"
#include <stddef.h>

static t_class *latent_generator_class;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_model;
    t_latent_noise x_noise;
    t_latent_plane x_plane;
    t_symbol *x_stop;
    t_latent_list x_w;
    latent_node *x_last;
    int x_waits;
    t_outlet *x_out;
} t_latent_generator;

static const t_latent_param latent_generator_params[] = {
    LATENT_NOISE_PARAMS(t_latent_generator, x_noise),
    LATENT_PLANE_PARAMS(t_latent_generator, x_plane),
    {"stop", LATENT_WORD, offsetof(t_latent_generator, x_stop), 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static latent_node *latent_generator_chain(t_latent_generator *x, latent_model *m, latent_error *e)
{
    int rows = latent_model_rows(m, x->x_w.n, e);
    int last = latent_stop_layer(&x->x_obj, m, &x->x_stop);
    if (rows < 0)
        return NULL;
    return latent_model_picture_at(m, x->x_w.v, rows, last, latent_noise_of(&x->x_noise),
                                   latent_plane_of(&x->x_plane), e);
}

static void latent_generator_bang(t_latent_generator *x)
{
    latent_model *m = latent_modelref_get(x->x_model, 1);
    latent_node *n, *before = x->x_last;
    latent_error e;
    x->x_waits = !m && latent_modelref_loading(x->x_model);
    if (!m)
        return;
    if (!x->x_w.n) {
        latent_complain(&x->x_obj, "no list has come yet; send w (%d numbers), from [latent.map]",
                        m->generator.w_dim);
        return;
    }
    if (!(n = latent_generator_chain(x, m, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before); /* after the new chain was made, so that what is alike is shared */
    latent_promise_send(x->x_out, n);
}

static void latent_generator_list(t_latent_generator *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!latent_style_set(&x->x_obj, x->x_model, &x->x_w, argc, argv))
        latent_generator_bang(x);
}

static void latent_generator_stop(t_latent_generator *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_stop_message(&x->x_obj, x->x_model, &x->x_stop, s, argc, argv);
}

static void latent_generator_translate(t_latent_generator *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_plane_translate(&x->x_obj, &x->x_plane, argc, argv);
}

static void latent_generator_ready(void *z)
{
    t_latent_generator *x = z;
    if (x->x_waits)
        latent_generator_bang(x);
}

static void *latent_generator_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_generator *x = (t_latent_generator *)pd_new(latent_generator_class);
    (void)s;
    latent_noise_init(&x->x_noise);
    latent_plane_init(&x->x_plane);
    x->x_stop = gensym("0");
    argc = latent_params_flags(&x->x_obj, latent_generator_params, argc, argv);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_model =
        latent_modelref_new(&x->x_obj, atom_getsymbolarg(0, argc, argv), latent_generator_ready);
    return x;
}

static void latent_generator_free(t_latent_generator *x)
{
    latent_noise_free(&x->x_noise);
    latent_modelref_free(x->x_model);
    latent_node_release(x->x_last);
    latent_list_free(&x->x_w);
}

void setup_latent0x2egenerator(void)
{
    latent_generator_class = class_new(
        gensym("latent.generator"), (t_newmethod)latent_generator_new,
        (t_method)latent_generator_free, sizeof(t_latent_generator), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes_of(latent_generator_class, LATENT_TAKES_STYLE,
                    offsetof(t_latent_generator, x_model));
    class_addbang(latent_generator_class, latent_generator_bang);
    class_addlist(latent_generator_class, latent_generator_list);
    class_addmethod(latent_generator_class, (t_method)latent_generator_stop, gensym("stop"),
                    A_GIMME, 0);
    class_addmethod(latent_generator_class, (t_method)latent_generator_translate,
                    gensym("translate"), A_GIMME, 0);
    latent_params_setup(latent_generator_class, latent_generator_params);
}
