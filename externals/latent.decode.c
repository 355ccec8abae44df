/* [latent.decode model]: features of a diffusion network, noisy or clean, as a picture.

   features  of [latent.denoise], [latent.noisy] ...: decoded; bang: again
   outlet    image

   Without a model's name they are decoded by the network that they come from.  Those that come from
   none, a picture under noise or noise alone, are a picture as they are. */
#include "engine/diffusion/noised.h"
#include "pd/box.h"
#include "pd/modelref.h"

static t_class *latent_decode_class;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_model; /* NULL: the features' own */
    int x_waits;
    latent_node *x_in, *x_last; /* or NULL */
    t_outlet *x_out;
} t_latent_decode;

static void latent_decode_bang(t_latent_decode *x)
{
    latent_error e;
    latent_model *m;
    latent_node *n, *before = x->x_last;
    if (!x->x_in)
        return;
    m = x->x_model ? latent_modelref_get(x->x_model, 1) : NULL;
    x->x_waits = x->x_model && !m && latent_modelref_loading(x->x_model);
    if (x->x_model && !m)
        return;
    if (!(n = latent_decoded(m, x->x_in, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void latent_decode_features(t_latent_decode *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_decode_bang(x);
}

static void latent_decode_ready(void *z)
{
    t_latent_decode *x = z;
    if (x->x_waits)
        latent_decode_bang(x);
}

static void *latent_decode_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_decode *x = (t_latent_decode *)pd_new(latent_decode_class);
    static const t_latent_param none[] = {{NULL, 0, 0, 0, 0, NULL, NULL}};
    int named;
    (void)s;
    argc = latent_params_flags(&x->x_obj, none, argc, argv);
    named = argc && latent_modelref_is_word(argv);
    latent_params_rest(&x->x_obj, named, argc, argv);
    x->x_out = outlet_new(&x->x_obj, 0);
    if (named)
        x->x_model = latent_modelref_new_of(&x->x_obj, LATENT_DECODER, argv->a_w.w_symbol,
                                            latent_decode_ready);
    return x;
}

static void latent_decode_free(t_latent_decode *x)
{
    latent_modelref_free(x->x_model);
    latent_node_release(x->x_in);
    latent_node_release(x->x_last);
}

void setup_latent0x2edecode(void)
{
    t_class *c =
        class_new(gensym("latent.decode"), (t_newmethod)latent_decode_new,
                  (t_method)latent_decode_free, sizeof(t_latent_decode), CLASS_DEFAULT, A_GIMME, 0);
    latent_decode_class = c;
    latent_takes(c, LATENT_TAKES_FEATURES);
    class_addbang(c, latent_decode_bang);
    class_addmethod(c, (t_method)latent_decode_features, gensym("features"), A_GIMME, 0);
}
