/* [latent.step model]: the optimiser is a loop in the patch: each bang gives the latent, each
   gradient moves it one step.

   left          bang: the latent as it is now; list: start from here
   right         list: a gradient, as [latent.target] and [latent.guide] give it: one step.  Rows of
                 W+ are added up for a latent of one row.  mean <list>, as [latent.guide] sends it
                 when it recalls: the same as on the left
   rate f        how far a step goes (0.05)
   mode adam, mode sgd
   pull f        towards the start: pull * (latent - start) is added to every gradient (0)
   mean <list>   towards this instead of the start: a w, which counts for every row, as [latent.map]
                 gives it for average; nothing: the start again
   clip f        the longest gradient that is believed, 0: any (0)
   noise f       shakes the latent, less and less, until three quarters of the steps (0)
   steps n       length of the ramps: the rate grows over the first 1/20 and fades over the last
                 quarter; 0: no ramps (0)
   momentum f    how much of the steps before goes on (0.9)
   average n     gradients that make one step, each of the latent shaken anew (1)
   within f      goes by how the model's own styles lie about: a rate, pull or noise of 1 is their
                 deviation in every direction, and the latent stays within f times their distance
                 from the middle; 0: w is taken as it is, and the model is not looked at (0)
   freeze a b    rows a to b stay as they are; freeze alone: none.  rows n says how many rows the
                 latent has
   preset name   rate, momentum, pull, noise and steps as others have them: projector sg3clip
                 styleclip stylemc vqganclip
   reset         back to the start
   left outlet   list: the latent
   right outlet  info step <n>, and with noise still <list>, the latent without it, after each bang;
                 within 1 when the styles have been measured: until then gradients are left out

   Settings are flags too. */
#include "engine/guidance/optimise.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/layer_range.h"
#include "pd/modelref.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static t_class *latent_step_class;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    t_symbol *x_word;           /* of the model, or the empty one */
    t_latent_modelref *x_model; /* from the first within on, or NULL */
    t_latent_job_queue *x_measurer;
    latent_whitening *x_space; /* NULL until it is measured */
    int x_fresh;               /* it is of the model that there is now */
    double x_rate, x_pull, x_clip, x_noise, x_momentum, x_within;
    int x_mode, x_steps, x_rows, x_average;
    int x_first, x_last; /* frozen rows; none when x_first < 0 */
    latent_optimiser x_state;
    t_latent_list x_gradient, x_list, x_mean;
    unsigned char *x_frozen; /* [n], or NULL */
    struct _latent_inlet *x_right;
    t_outlet *x_out, *x_info;
} t_latent_step;

static void latent_step_thaw(void *z);
static void latent_step_measure(void *z);
static void latent_step_ask(t_latent_step *x, int complain);

static const t_latent_param latent_step_params[] = {
    {"rate", LATENT_REAL, offsetof(t_latent_step, x_rate), 0, 1000, NULL, NULL},
    {"mode", LATENT_CHOICE, offsetof(t_latent_step, x_mode), 0, 0, "adam sgd", NULL},
    {"pull", LATENT_REAL, offsetof(t_latent_step, x_pull), 0, 1e6, NULL, NULL},
    {"clip", LATENT_REAL, offsetof(t_latent_step, x_clip), 0, 1e9, NULL, NULL},
    {"noise", LATENT_REAL, offsetof(t_latent_step, x_noise), 0, 1000, NULL, NULL},
    {"steps", LATENT_WHOLE, offsetof(t_latent_step, x_steps), 0, 1e7, NULL, NULL},
    {"momentum", LATENT_REAL, offsetof(t_latent_step, x_momentum), 0, 0.999, NULL, NULL},
    {"average", LATENT_WHOLE, offsetof(t_latent_step, x_average), 1, 1000, NULL, NULL},
    {"within", LATENT_REAL, offsetof(t_latent_step, x_within), 0, 1000, NULL, latent_step_measure},
    {"rows", LATENT_WHOLE, offsetof(t_latent_step, x_rows), 1, 64, NULL, latent_step_thaw},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static latent_optimiser_settings latent_step_settings(const t_latent_step *x)
{
    return (latent_optimiser_settings){.mode = x->x_mode,
                                       .rate = x->x_rate,
                                       .beta1 = x->x_momentum,
                                       .beta2 = 0.999,
                                       .pull = x->x_pull,
                                       .where = x->x_mean.v,
                                       .where_n = x->x_mean.n,
                                       .clip = x->x_clip,
                                       .noise = x->x_noise,
                                       .steps = x->x_steps,
                                       .average = x->x_average,
                                       .space = x->x_within > 0 ? x->x_space : NULL,
                                       .within = x->x_within};
}

/* ---- the styles of the model */

static void latent_step_measured(void *z, latent_job *job)
{
    t_latent_step *x = z;
    latent_whitening_job *j = (latent_whitening_job *)job;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    latent_whitening_release(x->x_space);
    x->x_space = latent_whitening_retain(j->made);
    x->x_fresh = 1;
    outlet_anything(x->x_info, gensym("within"), 1, (t_atom[]){{A_FLOAT, {1}}});
}

/* A model has come, or another one; the styles of the one before serve until its own are there. */
static void latent_step_ready(void *z)
{
    t_latent_step *x = z;
    x->x_fresh = 0;
    latent_job_queue_cancel(x->x_measurer);
    latent_step_ask(x, 1);
}

/* Has the styles measured, where that is wanted and not done yet. */
static void latent_step_ask(t_latent_step *x, int complain)
{
    latent_whitening_job *j;
    latent_model *m;
    latent_error e;
    if (x->x_within <= 0 || x->x_fresh || latent_job_queue_busy(x->x_measurer))
        return;
    if (!x->x_model)
        x->x_model = latent_modelref_new_at(&x->x_obj, x->x_canvas, x->x_word, latent_step_ready);
    if (!(m = latent_modelref_get(x->x_model, complain)))
        return;
    if (!(j = latent_whitening_job_new(m, &e)) || latent_job_queue_send(x->x_measurer, &j->job) < 0)
        latent_complain(&x->x_obj, "%s", j ? "there is no thread to work with" : e.text);
}

static void latent_step_measure(void *z)
{
    latent_step_ask(z, 1);
}

/* ---- the latent */

/* Makes x_frozen of the rows that are to stay. */
static void latent_step_freeze_rows(t_latent_step *x)
{
    int n = x->x_state.n, width = n / x->x_rows;
    free(x->x_frozen);
    x->x_frozen = NULL;
    if (x->x_first < 0 || !n)
        return;
    if (n % x->x_rows) {
        latent_complain(&x->x_obj, "%d numbers are not %d rows; rows n says how many there are", n,
                        x->x_rows);
        return;
    }
    if ((x->x_frozen = calloc((size_t)n, 1)))
        for (int i = 0; i < n; i++)
            x->x_frozen[i] = i / width >= x->x_first && i / width <= x->x_last;
}

static void latent_step_thaw(void *z)
{
    latent_step_freeze_rows(z);
}

static void latent_step_freeze(t_latent_step *x, t_symbol *s, int argc, t_atom *argv)
{
    if (!latent_layer_range(&x->x_obj, s, argc, argv, "that stay", &x->x_first, &x->x_last))
        latent_step_freeze_rows(x);
}

/* The latent without noise, to the right. */
static void latent_step_still(t_latent_step *x)
{
    if (latent_list_room(&x->x_obj, &x->x_list, x->x_state.n))
        return;
    latent_optimiser_still(&x->x_state, x->x_list.v);
    latent_list_send_as(x->x_info, gensym("still"), x->x_list.n, x->x_list.v);
}

static void latent_step_bang(t_latent_step *x)
{
    latent_optimiser_settings s = latent_step_settings(x);
    if (!x->x_state.n) {
        latent_complain(&x->x_obj, "no latent yet; send a list to the left inlet: the start");
        return;
    }
    latent_info_number(x->x_info, "step", (double)x->x_state.t);
    if (s.noise > 0)
        latent_step_still(x);
    if (latent_list_room(&x->x_obj, &x->x_list, x->x_state.n)) /* which may be another by now */
        return;
    latent_optimiser_now(&x->x_state, &s, x->x_frozen, x->x_list.v);
    latent_list_send(x->x_out, x->x_list.n, x->x_list.v);
}

static void latent_step_list(t_latent_step *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_error e;
    int n = x->x_state.n;
    (void)s;
    if (!argc || latent_list_set(&x->x_obj, &x->x_list, argc, argv))
        return;
    if (latent_optimiser_start(&x->x_state, x->x_list.v, x->x_list.n, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    if (n != x->x_state.n)
        latent_step_freeze_rows(x);
}

static void latent_step_mean(t_latent_step *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (argc && x->x_state.n && x->x_state.n % argc)
        latent_complain(&x->x_obj, "a mean of %d numbers came for a latent of %d", argc,
                        x->x_state.n);
    else
        latent_list_set(&x->x_obj, &x->x_mean, argc, argv);
}

static void latent_step_preset(t_latent_step *x, t_symbol *name)
{
    latent_optimiser_settings s = latent_step_settings(x);
    latent_error e;
    if (latent_optimiser_preset(name->s_name, &s, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_mode = s.mode;
    x->x_rate = s.rate;
    x->x_momentum = s.beta1;
    x->x_pull = s.pull;
    x->x_noise = s.noise;
    x->x_steps = s.steps;
}

static void latent_step_reset(t_latent_step *x)
{
    latent_optimiser_reset(&x->x_state);
}

static void latent_step_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_step *x = z;
    latent_optimiser_settings settings;
    latent_error e;
    if (s == gensym("mean")) {
        latent_step_mean(x, s, argc, argv);
        return;
    }
    if (x->x_within > 0 && !x->x_fresh) {
        latent_step_ask(x, 1);
        if (!x->x_space || (!x->x_fresh && latent_whitening_size(x->x_space) != x->x_state.n))
            return;
    }
    if (s != &s_list && s != &s_float) {
        latent_wrong_right(&x->x_obj, LATENT_TAKES_GRADIENT, s, argc, argv);
        return;
    }
    if (latent_list_set(&x->x_obj, &x->x_gradient, argc, argv))
        return;
    settings = latent_step_settings(x);
    if (latent_optimiser_step(&x->x_state, &settings, x->x_gradient.v, x->x_gradient.n, x->x_frozen,
                              &e))
        latent_complain(&x->x_obj, "%s", e.text);
}

static void *latent_step_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_step *x = (t_latent_step *)pd_new(latent_step_class);
    (void)s;
    x->x_rate = 0.05;
    x->x_momentum = 0.9;
    x->x_rows = x->x_average = 1;
    x->x_first = -1;
    x->x_canvas = canvas_getcurrent();
    argc = latent_params_flags(&x->x_obj, latent_step_params, argc, argv);
    latent_params_rest(&x->x_obj, argc && argv->a_type == A_SYMBOL, argc, argv);
    x->x_word = atom_getsymbolarg(0, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_step_right);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_measurer = latent_job_queue_new(x, LATENT_LOADER, 0, latent_step_measured);
    latent_step_ask(x, 0);
    return x;
}

static void latent_step_free(t_latent_step *x)
{
    latent_job_queue_free(x->x_measurer);
    if (x->x_model)
        latent_modelref_free(x->x_model);
    latent_whitening_release(x->x_space);
    latent_inlet_free(x->x_right);
    latent_optimiser_free(&x->x_state);
    latent_list_free(&x->x_gradient);
    latent_list_free(&x->x_list);
    latent_list_free(&x->x_mean);
    free(x->x_frozen);
}

void setup_latent0x2estep(void)
{
    latent_step_class =
        class_new(gensym("latent.step"), (t_newmethod)latent_step_new, (t_method)latent_step_free,
                  sizeof(t_latent_step), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_step_class, LATENT_TAKES_LATENT);
    class_addbang(latent_step_class, latent_step_bang);
    class_addlist(latent_step_class, latent_step_list);
    class_addmethod(latent_step_class, (t_method)latent_step_reset, gensym("reset"), 0);
    class_addmethod(latent_step_class, (t_method)latent_step_mean, gensym("mean"), A_GIMME, 0);
    class_addmethod(latent_step_class, (t_method)latent_step_preset, gensym("preset"), A_DEFSYM, 0);
    class_addmethod(latent_step_class, (t_method)latent_step_freeze, gensym("freeze"), A_GIMME, 0);
    latent_params_setup(latent_step_class, latent_step_params);
}
