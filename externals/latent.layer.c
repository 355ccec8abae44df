/* [latent.layer model layer]: one synthesis block of a network, named by its size: [latent.layer
   8].

   features        from [latent.input] or the layer before
   bang            the same again
   right inlet     list: w or W+ for this layer alone (its own rows are taken)
                   image: this layer's noise map, whatever noise says (unless none): the grey of its
                   middle square, with mean 0 and deviation 1 as noise has it
                   clear: the w that rides along with the features and the network's noise again
   noise const, noise none, noise random, noise learned      (const until told)
   seed n          of random noise
   strength f      how much of the noise, 1 as the network was trained
   outlet          features

   Settings are flags too (-noise none) and hold from the next features on.  Without a model's name
   the layer is one of the network that the features come from. */
#include "pd/box.h"
#include "pd/layer_range.h"
#include "pd/modelref.h"
#include "pd/noise.h"
#include <stddef.h>

static t_class *latent_layer_class;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_model; /* NULL: the features' own */
    t_symbol *x_layer;
    t_latent_noise x_noise;
    t_latent_list x_own;                /* empty: what rides along */
    latent_node *x_in, *x_last, *x_map; /* x_map: the picture that is the noise, or NULL */
    int x_waits;
    struct _latent_inlet *x_right;
    t_outlet *x_out;
} t_latent_layer;

static const t_latent_param latent_layer_params[] = {LATENT_NOISE_PARAMS(t_latent_layer, x_noise),
                                                     {NULL, 0, 0, 0, 0, NULL, NULL}};

/* The network whose layer it is, or NULL. */
static latent_model *latent_layer_network(t_latent_layer *x, int complain)
{
    if (x->x_model)
        return latent_modelref_get(x->x_model, complain);
    return x->x_in ? latent_features_of(x->x_in)->model : NULL;
}

/* How many rows the layer's own style has: 1 when it has none.  What came before the network, and
   is no style of it, is let go. */
static int latent_layer_rows(t_latent_layer *x, const latent_model *m)
{
    latent_error e;
    int rows = x->x_own.n ? latent_model_rows(m, x->x_own.n, &e) : 1;
    if (rows > 0)
        return rows;
    latent_complain(&x->x_obj, "%s; the style that rides along counts", e.text);
    x->x_own.n = 0;
    return 1;
}

static void latent_layer_bang(t_latent_layer *x)
{
    latent_error e;
    latent_model *m;
    latent_node *n, *before = x->x_last;
    latent_layer_context context;
    int layer;
    if (!x->x_in)
        return;
    m = latent_layer_network(x, 1);
    x->x_waits = !m && x->x_model && latent_modelref_loading(x->x_model);
    if (!m && !x->x_model)
        latent_complain(&x->x_obj,
                        "no network made these features; name one, [latent.layer <model> "
                        "%s]",
                        x->x_layer->s_name);
    if (!m)
        return;
    context.rows = latent_layer_rows(x, m);
    context.own = x->x_own.n ? x->x_own.v : NULL;
    context.noise = latent_noise_of(&x->x_noise);
    if (x->x_map && context.noise.mode != LATENT_NOISE_NONE) {
        context.noise.mode = LATENT_NOISE_PICTURE;
        context.noise.picture = x->x_map;
    }
    if ((layer = latent_model_layer(m, x->x_layer->s_name, &e)) < 0 ||
        !(n = latent_model_forward(m, layer, x->x_in, &context, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void latent_layer_features(t_latent_layer *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_layer_bang(x);
}

static void latent_layer_clear(t_latent_layer *x)
{
    x->x_own.n = 0;
    latent_node_release(x->x_map);
    x->x_map = NULL;
}

static void latent_layer_map(t_latent_layer *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_map);
    x->x_map = n;
}

static void latent_layer_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_layer *x = z;
    if (s == gensym("clear"))
        latent_layer_clear(x);
    else if (s == gensym("image"))
        latent_layer_map(x, s, argc, argv);
    else if (s == &s_list || s == &s_float) {
        if (latent_style_fits(&x->x_obj, latent_layer_network(x, 0), argc, argv))
            latent_list_set(&x->x_obj, &x->x_own, argc, argv);
    } else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_STYLE_OR_MAP, s, argc, argv);
}

static void latent_layer_ready(void *z)
{
    t_latent_layer *x = z;
    if (x->x_waits)
        latent_layer_bang(x);
}

static void *latent_layer_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_layer *x = (t_latent_layer *)pd_new(latent_layer_class);
    char name[MAXPDSTRING];
    (void)s;
    latent_noise_init(&x->x_noise);
    argc = latent_params_flags(&x->x_obj, latent_layer_params, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_layer_right);
    x->x_out = outlet_new(&x->x_obj, 0);
    if (argc > 1 && latent_modelref_is_word(argv)) {
        x->x_model = latent_modelref_new(&x->x_obj, argv[0].a_w.w_symbol, latent_layer_ready);
        argc--;
        argv++;
    }
    if (argc)
        atom_string(argv, name, sizeof(name));
    x->x_layer = argc ? gensym(name) : gensym("4");
    if (!argc)
        latent_complain(&x->x_obj, "which layer? Its size is the argument, as in [latent.layer 8]; "
                                   "this one is 4 now");
    return x;
}

static void latent_layer_free(t_latent_layer *x)
{
    latent_noise_free(&x->x_noise);
    latent_modelref_free(x->x_model);
    latent_inlet_free(x->x_right);
    latent_node_release(x->x_in);
    latent_node_release(x->x_last);
    latent_node_release(x->x_map);
    latent_list_free(&x->x_own);
}

void setup_latent0x2elayer(void)
{
    latent_layer_class =
        class_new(gensym("latent.layer"), (t_newmethod)latent_layer_new,
                  (t_method)latent_layer_free, sizeof(t_latent_layer), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_layer_class, LATENT_TAKES_FEATURES);
    class_addbang(latent_layer_class, latent_layer_bang);
    class_addmethod(latent_layer_class, (t_method)latent_layer_features, gensym("features"),
                    A_GIMME, 0);
    class_addmethod(latent_layer_class, (t_method)latent_layer_clear, gensym("clear"), 0);
    latent_params_setup(latent_layer_class, latent_layer_params);
}
