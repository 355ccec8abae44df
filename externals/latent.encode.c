/* [latent.encode model]: a picture as a diffusion network sees it: the features that
   [latent.noisy] buries and [latent.denoise] digs out.

   image     brought to the network's size where it has another, and encoded; bang: again
   outlet    features

   Without a model's name it is the built-in network's, whose features are the picture itself, its
   mean taken off. */
#include "engine/diffusion/noised.h"
#include "pd/box.h"
#include "pd/modelref.h"

static t_class *latent_encode_class;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_model;
    int x_waits;
    latent_node *x_in, *x_last; /* or NULL */
    t_outlet *x_out;
} t_latent_encode;

static void latent_encode_bang(t_latent_encode *x)
{
    latent_error e;
    latent_model *m;
    latent_node *n, *before = x->x_last;
    if (!x->x_in)
        return;
    m = latent_modelref_get(x->x_model, 1);
    x->x_waits = !m && latent_modelref_loading(x->x_model);
    if (!m)
        return;
    if (!(n = latent_encoded(m, x->x_in, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void latent_encode_image(t_latent_encode *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_encode_bang(x);
}

static void latent_encode_ready(void *z)
{
    t_latent_encode *x = z;
    if (x->x_waits)
        latent_encode_bang(x);
}

static void *latent_encode_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_encode *x = (t_latent_encode *)pd_new(latent_encode_class);
    static const t_latent_param none[] = {{NULL, 0, 0, 0, 0, NULL, NULL}};
    int named;
    (void)s;
    argc = latent_params_flags(&x->x_obj, none, argc, argv);
    named = argc && latent_modelref_is_word(argv);
    latent_params_rest(&x->x_obj, named, argc, argv);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_model = latent_modelref_new_of(&x->x_obj, LATENT_DECODER,
                                        named ? argv->a_w.w_symbol : NULL, latent_encode_ready);
    return x;
}

static void latent_encode_free(t_latent_encode *x)
{
    latent_modelref_free(x->x_model);
    latent_node_release(x->x_in);
    latent_node_release(x->x_last);
}

void setup_latent0x2eencode(void)
{
    t_class *c =
        class_new(gensym("latent.encode"), (t_newmethod)latent_encode_new,
                  (t_method)latent_encode_free, sizeof(t_latent_encode), CLASS_DEFAULT, A_GIMME, 0);
    latent_encode_class = c;
    latent_takes(c, LATENT_TAKES_PICTURE);
    class_addbang(c, latent_encode_bang);
    class_addmethod(c, (t_method)latent_encode_image, gensym("image"), A_GIMME, 0);
}
