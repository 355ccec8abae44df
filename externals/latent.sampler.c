/* [latent.sampler model]: all the steps of a diffusion in one box, from noise to a picture.

   left      features with noise in them: [latent.noise 3 64 64], [latent.noisy]; bang: again
   2nd       list: the words, as [latent.clip] makes them; features: token states; clear: those that
             ride along
   3rd       list: a schedule, as [latent.schedule] makes it; clear: one of so many steps
   4th       list or features: what is not meant; clear: nothing in particular
   steps n   (4) how many, where no schedule came
   guidance f, or a list of one for each step (the last holds for those after it)       (2)
   sampler euler, ancestral, ddim, dpm2m, heun, lcm; eta f; seed n       as of [latent.denoise]
   info      the settings, to the right outlet
   left outlet      features: the end, clean
   middle outlet    features: what the network takes for the clean picture, after each step
   right outlet     step k n, before each of them

   Messages hold at once, and are flags too; lists at the right inlets hold from the next features
   on.  Without a model's name it is the built-in network. */
#include "pd/denoising.h"
#include <stddef.h>
#include <string.h>

static t_class *latent_sampler_class;

typedef struct {
    t_object x_obj;
    t_latent_denoising x_how; /* right after x_obj */
    double x_guidance;
    t_latent_list x_guidances; /* one a step; empty: x_guidance for all */
    int x_steps, x_waits, x_busy;
    float x_level[LATENT_MOST_STEPS + 1]; /* of the run that is on */
    latent_node *x_in, *x_last, *x_clean; /* or NULL */
    t_outlet *x_out, *x_guess, *x_info;
} t_latent_sampler;
_Static_assert(offsetof(t_latent_sampler, x_how) == sizeof(t_object), "see latent_denoising_new()");

static double latent_sampler_guidance(const t_latent_sampler *x, int step)
{
    const t_latent_list *g = &x->x_guidances;
    return !g->n ? x->x_guidance : (double)g->v[step < g->n ? step : g->n - 1];
}

/* Keeps what a step has made, and says so.  0: there was nothing left to do. */
static int latent_sampler_arrive(t_latent_sampler *x, latent_node *n, latent_node *clean)
{
    latent_level l = latent_features_parts_of(n).level;
    int same = n == x->x_last;
    t_atom a[2];
    latent_node_release(x->x_last);
    latent_node_release(x->x_clean);
    x->x_last = n;
    x->x_clean = clean;
    if (same)
        return 0;
    SETFLOAT(a, l.step);
    SETFLOAT(a + 1, l.steps);
    outlet_anything(x->x_info, gensym("step"), 2, a);
    latent_promise_send(x->x_guess, x->x_clean);
    return 1;
}

/* All steps; 0, or -1 after a complaint. */
static int latent_sampler_run(t_latent_sampler *x, latent_model *m)
{
    latent_error e;
    latent_denoise ask;
    latent_node *n, *clean;
    int failed = 0;
    if (latent_denoising_ask(&x->x_obj, &x->x_how, m, &ask))
        return -1;
    if (ask.level)
        memcpy(x->x_level, ask.level, (size_t)ask.n_levels * sizeof(*ask.level));
    else
        latent_usual_schedule(m, x->x_steps, x->x_level);
    ask.n_levels = ask.level ? ask.n_levels : x->x_steps + 1;
    ask.level = x->x_level;
    for (int k = 0; !failed && k < ask.n_levels - 1; k++) {
        ask.guidance = latent_sampler_guidance(x, k);
        if (!(n = latent_denoised(x->x_last, &ask, &clean, &e))) {
            latent_complain(&x->x_obj, "%s", e.text);
            failed = -1;
        } else if (!latent_sampler_arrive(x, n, clean))
            break;
    }
    latent_denoising_done(&ask);
    return failed;
}

static void latent_sampler_bang(t_latent_sampler *x)
{
    latent_model *m;
    if (!x->x_in || x->x_busy)
        return;
    m = latent_modelref_get(x->x_how.model, 1);
    x->x_waits = !m && latent_modelref_loading(x->x_how.model);
    if (!m)
        return;
    latent_model_retain(m); /* whoever hears of a step may name another */
    latent_node_release(x->x_last);
    x->x_last = latent_node_retain(x->x_in);
    x->x_busy = 1;
    if (!latent_sampler_run(x, m))
        latent_promise_send(x->x_out, x->x_last);
    x->x_busy = 0;
    latent_model_release(m);
}

static void latent_sampler_changed(void *x)
{
    latent_sampler_bang(x);
}

static const t_latent_param latent_sampler_params[] = {
    {"guidance", LATENT_REAL, offsetof(t_latent_sampler, x_guidance), -100, 100, NULL,
     latent_sampler_changed},
    LATENT_DENOISING_PARAMS(t_latent_sampler, x_how, latent_sampler_changed),
    {"steps", LATENT_WHOLE, offsetof(t_latent_sampler, x_steps), 1, LATENT_MOST_STEPS, NULL,
     latent_sampler_changed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_sampler_guide(t_latent_sampler *x, t_symbol *s, int argc, t_atom *argv)
{
    if (argc > 1) {
        if (!latent_list_set(&x->x_obj, &x->x_guidances, argc, argv))
            latent_sampler_bang(x);
        return;
    }
    x->x_guidances.n = 0;
    latent_params_message(&x->x_obj, s, argc, argv);
}

static void latent_sampler_features(t_latent_sampler *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_sampler_bang(x);
}

static void latent_sampler_ready(void *z)
{
    t_latent_sampler *x = z;
    if (x->x_waits)
        latent_sampler_bang(x);
}

static void latent_sampler_info(t_latent_sampler *x)
{
    latent_params_info(&x->x_obj, latent_sampler_params, x->x_info);
}

static void *latent_sampler_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_sampler *x = (t_latent_sampler *)pd_new(latent_sampler_class);
    (void)s;
    x->x_guidance = 2;
    x->x_steps = 4;
    latent_denoising_init(&x->x_how);
    argc = latent_params_flags(&x->x_obj, latent_sampler_params, argc, argv);
    latent_denoising_new(&x->x_obj, &x->x_how, argc, argv, latent_sampler_ready);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_guess = outlet_new(&x->x_obj, 0);
    x->x_info = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_sampler_free(t_latent_sampler *x)
{
    latent_denoising_free(&x->x_how);
    latent_node_release(x->x_in);
    latent_node_release(x->x_last);
    latent_node_release(x->x_clean);
    latent_list_free(&x->x_guidances);
}

void setup_latent0x2esampler(void)
{
    t_class *c = class_new(gensym("latent.sampler"), (t_newmethod)latent_sampler_new,
                           (t_method)latent_sampler_free, sizeof(t_latent_sampler), CLASS_DEFAULT,
                           A_GIMME, 0);
    latent_sampler_class = c;
    latent_takes(c, LATENT_TAKES_NOISY);
    class_addbang(c, latent_sampler_bang);
    class_addmethod(c, (t_method)latent_sampler_features, gensym("features"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_sampler_guide, gensym("guidance"), A_GIMME, 0);
    latent_params_setup(c, latent_sampler_params);
    latent_takes_alone(c, (t_method)latent_sampler_info, "info");
}
