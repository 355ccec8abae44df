/* [latent.noisy model]: buries a picture in noise, as deep as you like.

   left      image or features: what is to be buried; float: the level, and the result; bang: again
   right     features (noise, of the same size) or an image (a noise that you drew); clear: that of
             seed 0 again
   level f   0 nothing, 1 noise alone; a flag too
   outlet    features that know how noisy they are, for [latent.denoise]; [latent.decode] shows them

   What is noisy already can get more of it, never less.  Features of [latent.encode] are buried as
   their network has learned it; pictures, which know no network, along a straight line.  A model's
   name is [latent.encode] in the same box: pictures are encoded first. */
#include "engine/diffusion/noised.h"
#include "pd/box.h"
#include "pd/modelref.h"
#include <stddef.h>

static t_class *latent_noisy_class;

typedef struct {
    t_object x_obj;
    double x_level;
    t_latent_modelref *x_model; /* NULL: pictures stay pictures */
    int x_waits;
    latent_node *x_in, *x_noise, *x_last; /* or NULL */
    struct _latent_inlet *x_right;
    t_outlet *x_out;
} t_latent_noisy;

static void latent_noisy_bang(t_latent_noisy *x)
{
    latent_error e;
    latent_model *m = NULL;
    latent_node *n = NULL, *clean, *before = x->x_last;
    if (!x->x_in)
        return;
    if (x->x_model && !latent_features_of(x->x_in)) {
        m = latent_modelref_get(x->x_model, 1);
        x->x_waits = !m && latent_modelref_loading(x->x_model);
        if (!m)
            return;
    }
    clean = m ? latent_encoded(m, x->x_in, &e) : latent_node_retain(x->x_in);
    if (clean)
        n = latent_noised_more(clean, x->x_noise, x->x_level, &e);
    latent_node_release(clean);
    if (!n) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void latent_noisy_changed(void *x)
{
    latent_noisy_bang(x);
}

static const t_latent_param latent_noisy_params[] = {
    {"level", LATENT_REAL, offsetof(t_latent_noisy, x_level), 0, 1, NULL, latent_noisy_changed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_noisy_float(t_latent_noisy *x, t_floatarg f)
{
    t_atom level;
    SETFLOAT(&level, f);
    latent_params_message(&x->x_obj, gensym("level"), 1, &level);
}

static void latent_noisy_promise(t_latent_noisy *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_noisy_bang(x);
}

static void latent_noisy_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_noisy *x = z;
    latent_node *n = NULL;
    if (s == gensym("features") || s == gensym("image")) {
        if (!(n = latent_promise_get(&x->x_obj, s, argc, argv)))
            return;
    } else if (s != gensym("clear")) {
        latent_wrong_right(&x->x_obj, LATENT_TAKES_PROMISE, s, argc, argv);
        return;
    }
    latent_node_release(x->x_noise);
    x->x_noise = n;
}

static void latent_noisy_ready(void *z)
{
    t_latent_noisy *x = z;
    if (x->x_waits)
        latent_noisy_bang(x);
}

static void *latent_noisy_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_noisy *x = (t_latent_noisy *)pd_new(latent_noisy_class);
    (void)s;
    x->x_level = 0.5;
    argc = latent_params_flags(&x->x_obj, latent_noisy_params, argc, argv);
    latent_params_rest(&x->x_obj, argc && latent_modelref_is_word(argv), argc, argv);
    if (argc && latent_modelref_is_word(argv))
        x->x_model = latent_modelref_new_of(&x->x_obj, LATENT_DECODER, argv->a_w.w_symbol,
                                            latent_noisy_ready);
    x->x_right = latent_inlet_new(&x->x_obj, latent_noisy_right);
    x->x_out = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_noisy_free(t_latent_noisy *x)
{
    latent_modelref_free(x->x_model);
    latent_inlet_free(x->x_right);
    latent_node_release(x->x_in);
    latent_node_release(x->x_noise);
    latent_node_release(x->x_last);
}

void setup_latent0x2enoisy(void)
{
    t_class *c =
        class_new(gensym("latent.noisy"), (t_newmethod)latent_noisy_new,
                  (t_method)latent_noisy_free, sizeof(t_latent_noisy), CLASS_DEFAULT, A_GIMME, 0);
    latent_noisy_class = c;
    latent_takes(c, LATENT_TAKES_PROMISE);
    class_addbang(c, latent_noisy_bang);
    class_addfloat(c, latent_noisy_float);
    class_addmethod(c, (t_method)latent_noisy_promise, gensym("features"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_noisy_promise, gensym("image"), A_GIMME, 0);
    latent_params_setup(c, latent_noisy_params);
}
