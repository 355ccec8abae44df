/* [latent.denoise model]: one step of a diffusion: from noise a little nearer to a picture.  Four
   in a row make four steps.

   left      features with noise in them: [latent.noise 3 64 64], [latent.noisy], the step before;
             bang: again
   2nd       list: the words, as [latent.clip] makes them; features: token states; clear: the words
             that ride along from the step before
   3rd       list: a schedule, as [latent.schedule] makes it; clear: the one that rides along, or
             four steps
   4th       list or features: what is not meant; clear: nothing in particular
   guidance f       (2) 1: as the words say; above: more than they say; 0: without them
   sampler euler, ancestral, ddim, dpm2m, heun, lcm       how the step is taken (euler)
   eta f     how much of the noise is drawn anew, 0 to 1; -1: as the sampler has it
   seed n    of new noise
   step n    to that level of the schedule; 0: to the next one (until told)
   skip 1    what comes goes through as it is
   info      to the right outlet: the settings, and the level
   left outlet      features, one level further
   middle outlet    features: what the network takes for the clean picture, seen from here
   right outlet     level f, step k n, after each step

   Messages hold at once, and are flags too; lists at the right inlets hold from the next features
   on.  The same features, words and settings are the same promise: what did not change is not
   computed again.  Without a model's name it is the built-in network. */
#include "pd/denoising.h"
#include <stddef.h>

static t_class *latent_denoise_class;

typedef struct {
    t_object x_obj;
    t_latent_denoising x_how; /* right after x_obj */
    double x_guidance;
    int x_step, x_skip, x_waits;
    latent_node *x_in, *x_last, *x_clean; /* or NULL */
    t_outlet *x_out, *x_guess, *x_info;
} t_latent_denoise;
_Static_assert(offsetof(t_latent_denoise, x_how) == sizeof(t_object), "see latent_denoising_new()");

static void latent_denoise_tell(t_latent_denoise *x)
{
    latent_level l = latent_features_parts_of(x->x_last).level;
    t_atom a[2];
    SETFLOAT(a, l.step);
    SETFLOAT(a + 1, l.steps);
    outlet_anything(x->x_info, gensym("step"), 2, a);
    SETFLOAT(a, (t_float)latent_pair_number((latent_pair){(double)l.a, (double)l.s}));
    outlet_anything(x->x_info, gensym("level"), 1, a);
}

/* The step of what is there: 0, or -1 after a complaint, or while there is no network yet. */
static int latent_denoise_step(t_latent_denoise *x)
{
    latent_error e;
    latent_denoise ask;
    latent_node *n, *clean, *last = x->x_last, *before = x->x_clean;
    latent_model *m = latent_modelref_get(x->x_how.model, 1);
    x->x_waits = !m && latent_modelref_loading(x->x_how.model);
    if (!m || latent_denoising_ask(&x->x_obj, &x->x_how, m, &ask))
        return -1;
    ask.guidance = x->x_guidance;
    ask.to = x->x_step;
    n = latent_denoised(x->x_in, &ask, &clean, &e);
    latent_denoising_done(&ask);
    if (!n) {
        latent_complain(&x->x_obj, "%s", e.text);
        return -1;
    }
    x->x_last = n;
    x->x_clean = clean;
    latent_node_release(last);
    latent_node_release(before);
    return 0;
}

static void latent_denoise_bang(t_latent_denoise *x)
{
    if (!x->x_in)
        return;
    if (x->x_skip)
        latent_promise_send(x->x_out, x->x_in);
    else if (!latent_denoise_step(x)) {
        latent_denoise_tell(x);
        latent_promise_send(x->x_guess, x->x_clean);
        latent_promise_send(x->x_out, x->x_last);
    }
}

static void latent_denoise_changed(void *x)
{
    latent_denoise_bang(x);
}

static const t_latent_param latent_denoise_params[] = {
    {"guidance", LATENT_REAL, offsetof(t_latent_denoise, x_guidance), -100, 100, NULL,
     latent_denoise_changed},
    LATENT_DENOISING_PARAMS(t_latent_denoise, x_how, latent_denoise_changed),
    {"step", LATENT_WHOLE, offsetof(t_latent_denoise, x_step), 0, LATENT_MOST_STEPS, NULL,
     latent_denoise_changed},
    {"skip", LATENT_WHOLE, offsetof(t_latent_denoise, x_skip), 0, 1, NULL, latent_denoise_changed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_denoise_features(t_latent_denoise *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_denoise_bang(x);
}

static void latent_denoise_ready(void *z)
{
    t_latent_denoise *x = z;
    if (x->x_waits)
        latent_denoise_bang(x);
}

static void latent_denoise_info(t_latent_denoise *x)
{
    latent_params_info(&x->x_obj, latent_denoise_params, x->x_info);
    if (x->x_last)
        latent_denoise_tell(x);
}

static void *latent_denoise_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_denoise *x = (t_latent_denoise *)pd_new(latent_denoise_class);
    (void)s;
    x->x_guidance = 2;
    latent_denoising_init(&x->x_how);
    argc = latent_params_flags(&x->x_obj, latent_denoise_params, argc, argv);
    latent_denoising_new(&x->x_obj, &x->x_how, argc, argv, latent_denoise_ready);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_guess = outlet_new(&x->x_obj, 0);
    x->x_info = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_denoise_free(t_latent_denoise *x)
{
    latent_denoising_free(&x->x_how);
    latent_node_release(x->x_in);
    latent_node_release(x->x_last);
    latent_node_release(x->x_clean);
}

void setup_latent0x2edenoise(void)
{
    t_class *c = class_new(gensym("latent.denoise"), (t_newmethod)latent_denoise_new,
                           (t_method)latent_denoise_free, sizeof(t_latent_denoise), CLASS_DEFAULT,
                           A_GIMME, 0);
    latent_denoise_class = c;
    latent_takes(c, LATENT_TAKES_NOISY);
    class_addbang(c, latent_denoise_bang);
    class_addmethod(c, (t_method)latent_denoise_features, gensym("features"), A_GIMME, 0);
    latent_params_setup(c, latent_denoise_params);
    latent_takes_alone(c, (t_method)latent_denoise_info, "info");
}
