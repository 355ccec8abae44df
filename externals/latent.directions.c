/* [latent.directions model]: ways to move a style that mean something, as lists.

   sefa, ganspace, random   finds them: in the network's own weights, in thousands of its styles
                   (their main components), or at random and at right angles
   list            the way from the latent at the right inlet to this one joins them
   direction n     sends number n, in units of one standard deviation: w, or W+ when layers were
                   asked for (the other rows are 0); a number alone does the same, a bang again
   dump [n]        all, or the first n: "clear", then "direction <k> <numbers>" each, for
                   [latent.drive]
   calibrate [n]   measures with n pictures (4) how much a unit changes the picture, and makes all
                   feel alike; calibrate 0 takes that back
   read <file>, write <file>   .safetensors, or a text;  clear: none
   count n (16), seed n (0), samples n (2000), class n (0)
   layers a b      rows of W+ that are to move (alone: all);  stop <layer>: where calibrate looks
   info            to the right outlet: settings, directions, method, sigma, gain, change
   right inlet     list: the latent from which a difference goes
   outlets         list, or clear and direction; right: progress, directions, calibrated, info */
#include "engine/latents/directions_jobs.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/layer_range.h"
#include "pd/modelref.h"
#include "pd/stepwise.h"
#include "pd/words.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static t_class *latent_directions_class;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    t_latent_modelref *x_model;
    int x_count, x_seed, x_samples, x_first, x_last;
    double x_class;
    t_symbol *x_stop;
    latent_directions *x_set; /* or NULL */
    float x_change[LATENT_DIRECTIONS_MOST];
    t_float x_current; /* the direction that was asked for last */
    int x_next, x_end; /* of dump */
    int x_told;        /* progress, in thousandths */
    int x_waits;       /* a method that waits for the model, or -1 */
    t_latent_list x_from, x_to, x_list;
    t_latent_job_queue *x_finder, *x_writer;
    t_latent_stepwise *x_calibrator;
    t_clock *x_dump;
    struct _latent_inlet *x_right;
    t_outlet *x_out, *x_info;
} t_latent_directions;

static const t_latent_param latent_directions_params[] = {
    {"count", LATENT_WHOLE, offsetof(t_latent_directions, x_count), 1, LATENT_DIRECTIONS_MOST, NULL,
     NULL},
    {"seed", LATENT_WHOLE, offsetof(t_latent_directions, x_seed), 0, 0, NULL, NULL},
    {"samples", LATENT_WHOLE, offsetof(t_latent_directions, x_samples), 2, 1000000, NULL, NULL},
    {"class", LATENT_REAL, offsetof(t_latent_directions, x_class), 0, 65535, NULL, NULL},
    {"stop", LATENT_WORD, offsetof(t_latent_directions, x_stop), 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void tell(t_latent_directions *x, const char *what, double value)
{
    t_atom a;
    SETFLOAT(&a, (t_float)value);
    outlet_anything(x->x_info, gensym(what), 1, &a);
}

static void latent_directions_progress(void *z, int permille)
{
    t_latent_directions *x = z;
    if (permille != x->x_told)
        tell(x, "progress", permille / 1000.);
    x->x_told = permille;
}

/* ---- finding */

static void latent_directions_set(t_latent_directions *x, latent_directions *set)
{
    latent_stepwise_cancel(x->x_calibrator);
    clock_unset(x->x_dump);
    latent_directions_free(x->x_set);
    memset(x->x_change, 0, sizeof(x->x_change));
    x->x_set = set;
}

static void latent_directions_found(void *z, latent_job *job)
{
    t_latent_directions *x = z;
    latent_directions_job *j = (latent_directions_job *)job;
    latent_directions *set = j->set;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s%s%s", j->label, *j->label ? ": " : "", job->error.text);
        return;
    }
    if (!*j->label && j->settings.method == LATENT_DIFFERENCE && x->x_set)
        set = latent_directions_joined(x->x_set, set, &job->error);
    else
        j->set = NULL;
    if (!set) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    latent_directions_set(x, set);
    latent_directions_progress(x, 1000);
    tell(x, "directions", x->x_set ? x->x_set->count : 0);
}

static void latent_directions_send(t_latent_directions *x, t_latent_job_queue *mail,
                                   latent_directions_job *j, const latent_error *e)
{
    x->x_told = -1;
    if (!j || latent_job_queue_send(mail, &j->job) < 0)
        latent_complain(&x->x_obj, "%s", j ? "there is no thread to work with" : e->text);
}

static void latent_directions_find_by(t_latent_directions *x, int method)
{
    latent_model *m = latent_modelref_get(x->x_model, 1);
    latent_directions_settings s = {.method = (latent_method)method,
                                    .count = x->x_count,
                                    .first = x->x_first,
                                    .last = x->x_last,
                                    .seed = (uint32_t)x->x_seed,
                                    .samples = x->x_samples,
                                    .a = x->x_from.v,
                                    .n_a = x->x_from.n,
                                    .b = x->x_to.v,
                                    .n_b = x->x_to.n};
    latent_error e;
    x->x_waits = !m && latent_modelref_loading(x->x_model) ? method : -1;
    if (!m)
        return;
    if (method != LATENT_DIFFERENCE) /* which joins what is being found */
        latent_job_queue_cancel(x->x_finder);
    latent_directions_send(x, x->x_finder, latent_directions_job_find(m, &s, x->x_class, &e), &e);
}

static void latent_directions_method(t_latent_directions *x, t_symbol *s, int argc, t_atom *argv)
{
    int method = LATENT_SEFA;
    while (strcmp(s->s_name, latent_method_name((latent_method)method)))
        method++;
    latent_params_rest(&x->x_obj, 0, argc, argv);
    latent_directions_find_by(x, method);
}

static void latent_directions_ready(void *z)
{
    t_latent_directions *x = z;
    if (x->x_waits >= 0)
        latent_directions_find_by(x, x->x_waits);
}

static void latent_directions_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_directions *x = z;
    if (s == &s_list)
        latent_style_set(&x->x_obj, x->x_model, &x->x_from, argc, argv);
    else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_LATENT, s, argc, argv);
}

static void latent_directions_clear(t_latent_directions *x)
{
    latent_job_queue_cancel(x->x_finder);
    latent_directions_set(x, NULL);
}

static void latent_directions_layers(t_latent_directions *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_layer_range(&x->x_obj, s, argc, argv, "that are to move", &x->x_first, &x->x_last);
}

/* ---- files */

static void latent_directions_read_file(t_latent_directions *x, t_symbol *file)
{
    latent_error e;
    char *paths = latent_find_paths(&x->x_obj, x->x_canvas, file->s_name);
    if (!paths)
        return;
    latent_job_queue_cancel(x->x_finder);
    latent_directions_send(x, x->x_finder, latent_directions_job_read(paths, file->s_name, &e), &e);
}

static void latent_directions_write_file(t_latent_directions *x, t_symbol *file)
{
    latent_error e;
    char path[MAXPDSTRING];
    if (latent_place(&x->x_obj, NULL, x->x_canvas, file->s_name, path))
        return;
    latent_directions_send(x, x->x_writer,
                           latent_directions_job_write(x->x_set, path, file->s_name, &e), &e);
}

static void latent_directions_written(void *z, latent_job *job)
{
    t_latent_directions *x = z;
    if (job->failed)
        latent_complain(&x->x_obj, "%s", job->error.text);
    else
        latent_say_symbol(x->x_info, "written", gensym(((latent_directions_job *)job)->label));
}

/* ---- calibration */

static void latent_directions_stop(t_latent_directions *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_stop_message(&x->x_obj, x->x_model, &x->x_stop, s, argc, argv);
}

static void latent_directions_calibrated(void *z, void *what)
{
    t_latent_directions *x = z;
    const latent_calibration *c = what;
    int count = x->x_set->count;
    memcpy(x->x_set->gain, latent_calibration_gains(c), (size_t)count * sizeof(float));
    memcpy(x->x_change, latent_calibration_changes(c), (size_t)count * sizeof(float));
    latent_directions_progress(x, 1000);
    tell(x, "calibrated", count);
}

static void latent_directions_calibrate(t_latent_directions *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_model *m = latent_modelref_get(x->x_model, 1);
    int pictures = latent_whole(argc ? atom_getfloat(argv) : 4, -1, 1000000);
    latent_calibration *c;
    latent_error e;
    (void)s;
    latent_stepwise_cancel(x->x_calibrator);
    for (int i = 0; x->x_set && i < x->x_set->count && !pictures; i++)
        x->x_set->gain[i] = 1;
    if (!m || !pictures)
        return;
    if (!(c = latent_calibration_new(m, x->x_set, pictures, (uint32_t)x->x_seed,
                                     latent_stop_layer(&x->x_obj, m, &x->x_stop), &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_told = -1;
    latent_stepwise_start(x->x_calibrator, c);
}

/* ---- sending */

/* Sends direction i as a list, or with its number for [latent.drive]. */
static void latent_directions_one(t_latent_directions *x, int i, int numbered)
{
    int n = latent_directions_length(x->x_set, i);
    if (latent_list_room(&x->x_obj, &x->x_list, n + 1))
        return;
    x->x_list.v[0] = (float)i;
    latent_directions_get(x->x_set, i, x->x_list.v + 1);
    if (numbered)
        latent_list_send_as(x->x_out, gensym("direction"), n + 1, x->x_list.v);
    else
        latent_list_send(x->x_out, n, x->x_list.v + 1);
}

static void latent_directions_bang(t_latent_directions *x)
{
    if (x->x_set && x->x_current >= 0 && x->x_current < x->x_set->count)
        latent_directions_one(x, latent_whole(x->x_current, 0, x->x_set->count - 1), 0);
    else if (x->x_set)
        latent_complain(&x->x_obj, "there are the directions 0 to %d, but %g was asked for",
                        x->x_set->count - 1, (double)x->x_current);
    else
        latent_complain(&x->x_obj, "there are no directions yet; sefa, ganspace and random find "
                                   "some, read reads them");
}

static void latent_directions_direction(t_latent_directions *x, t_floatarg n)
{
    x->x_current = n;
    latent_directions_bang(x);
}

/* The latent to which a difference goes. */
static void latent_directions_list(t_latent_directions *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!argc)
        latent_directions_bang(x);
    else if (!x->x_from.n)
        latent_complain(&x->x_obj, "a difference goes from the latent at the right inlet to this "
                                   "one; none has come there");
    else if (!latent_style_set(&x->x_obj, x->x_model, &x->x_to, argc, argv))
        latent_directions_find_by(x, LATENT_DIFFERENCE);
}

/* One a millisecond, since they may be long; offline all at once. */
static void latent_directions_dump_on(t_latent_directions *x)
{
    while (x->x_set && x->x_next < x->x_end && x->x_next < x->x_set->count) {
        latent_directions_one(x, x->x_next++, 1);
        if (!latent_offline()) {
            clock_delay(x->x_dump, 1);
            return;
        }
    }
}

static void latent_directions_dump(t_latent_directions *x, t_floatarg n)
{
    if (!x->x_set) {
        latent_directions_bang(x); /* which says so */
        return;
    }
    x->x_next = 0;
    x->x_end = n >= 1 ? latent_whole(n, 1, x->x_set->count) : x->x_set->count;
    outlet_anything(x->x_out, gensym("clear"), 0, 0);
    latent_directions_dump_on(x);
}

/* ---- telling */

static void latent_directions_tell_all(t_latent_directions *x)
{
    latent_directions *d = x->x_set;
    t_atom a[LATENT_DIRECTIONS_MOST + 1];
    static const char *const names[] = {"sigma", "gain", "change"};
    latent_params_info(&x->x_obj, latent_directions_params, x->x_info);
    latent_info_number(x->x_info, "directions", d ? d->count : 0);
    if (!d || !(d = latent_directions_copy(d))) /* a message may clear it meanwhile */
        return;
    latent_info_word(x->x_info, "method", *d->method ? d->method : "mixed");
    for (int what = 0; what < 3; what++) {
        SETSYMBOL(a, gensym(names[what]));
        for (int i = 0; i < d->count; i++)
            SETFLOAT(a + 1 + i, what ? (what == 1 ? d->gain : x->x_change)[i] : d->at[i]->sigma);
        outlet_anything(x->x_info, gensym("info"), d->count + 1, a);
    }
    latent_directions_free(d);
}

static void *latent_directions_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_directions *x = (t_latent_directions *)pd_new(latent_directions_class);
    (void)s;
    x->x_canvas = canvas_getcurrent();
    x->x_count = 16;
    x->x_samples = 2000;
    x->x_first = x->x_last = x->x_waits = -1;
    x->x_stop = gensym("0");
    argc = latent_params_flags(&x->x_obj, latent_directions_params, argc, argv);
    latent_params_rest(&x->x_obj, argc && argv->a_type == A_SYMBOL, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_directions_right);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_finder = latent_job_queue_new(x, LATENT_LOADER, 0, latent_directions_found);
    latent_job_queue_watch(x->x_finder, latent_directions_progress);
    x->x_writer = latent_job_queue_new(x, LATENT_WRITER, 0, latent_directions_written);
    x->x_calibrator = latent_stepwise_new(&x->x_obj, x, &latent_calibration_steps,
                                          latent_directions_calibrated, latent_directions_progress);
    x->x_dump = clock_new(x, (t_method)latent_directions_dump_on);
    x->x_model =
        latent_modelref_new(&x->x_obj, atom_getsymbolarg(0, argc, argv), latent_directions_ready);
    return x;
}

static void latent_directions_bury(t_latent_directions *x)
{
    latent_job_queue_free(x->x_finder);
    latent_job_queue_free(x->x_writer);
    latent_stepwise_free(x->x_calibrator);
    clock_free(x->x_dump);
    latent_modelref_free(x->x_model);
    latent_inlet_free(x->x_right);
    latent_directions_free(x->x_set);
    latent_list_free(&x->x_from);
    latent_list_free(&x->x_to);
    latent_list_free(&x->x_list);
}

void setup_latent0x2edirections(void)
{
    t_class *c = latent_directions_class = class_new(
        gensym("latent.directions"), (t_newmethod)latent_directions_new,
        (t_method)latent_directions_bury, sizeof(t_latent_directions), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_LATENT);
    class_addbang(c, latent_directions_bang);
    class_addfloat(c, latent_directions_direction);
    class_addlist(c, latent_directions_list);
    class_addmethod(c, (t_method)latent_directions_direction, gensym("direction"), A_FLOAT, 0);
    for (int i = 0; i < 3; i++)
        class_addmethod(c, (t_method)latent_directions_method,
                        gensym(latent_method_name((latent_method)i)), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_directions_clear, gensym("clear"), 0);
    class_addmethod(c, (t_method)latent_directions_dump, gensym("dump"), A_DEFFLOAT, 0);
    class_addmethod(c, (t_method)latent_directions_calibrate, gensym("calibrate"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_directions_stop, gensym("stop"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_directions_layers, gensym("layers"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_directions_read_file, gensym("read"), A_SYMBOL, 0);
    class_addmethod(c, (t_method)latent_directions_write_file, gensym("write"), A_SYMBOL, 0);
    latent_takes_alone(c, (t_method)latent_directions_tell_all, "info");
    latent_params_setup(c, latent_directions_params);
}
