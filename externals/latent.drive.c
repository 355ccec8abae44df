/* [latent.drive]: any list of values moves a latent: sensors, MIDI, OSC, a table, a poem's letters.

   list          values: each is shaped (gain, curve), follows in time, and moves the latent along a
                 direction of its own; or, in mode learned, all together choose a place between the
                 examples.  bang: again, as it is by now
   words <text>, symbol <text>   the letters as values (engine/latents/drive.h): -controls (16)
   right inlet   list: the latent to start from, and that of the next example;
                 direction <k> <numbers>: what value k moves along ([latent.directions] dumps them);
                 clear: no directions
   mode random/directions/learned   where the way comes from; random until directions come or
                 something is learned.  random [seed]: other directions at random
   gain g0 g1 ..., curve c0 c1 ...  one for all, or one for each value (linear square cube root soft
                 smooth step)
   attack ms, release ms, momentum f   outwards, back, swinging (0);  smooth ms: both times
   grain ms      how often it sends while it moves (20); 0: only when it is asked
   limit f       each value moves at most so many standard deviations; 0: any (0)
   example v0 v1 ...   these values (or the last ones) belong to the latent at the right inlet
   learn ridge, learn network   learns the way from the examples, in the background
   ridge f, hidden n, steps n   how (0.01, 16, 2000);  forget: no examples
   reset         all values 0, at once
   outlets       list: the latent;  right: progress <0 to 1>, learned <error>, examples <n>, info */
#include "engine/latents/drive.h"
#include "pd/box.h"
#include "pd/encoder.h"
#include "pd/job_queue.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static t_class *latent_drive_class;
enum { RANDOM, DIRECTIONS, LEARNED, MODES };

typedef struct {
    t_object x_obj;
    int x_mode, x_controls, x_hidden, x_steps, x_seed;
    double x_attack, x_release, x_momentum, x_grain, x_limit, x_ridge;
    latent_drive_map *x_map[MODES]; /* or NULL */
    latent_follower x_follower;
    int x_values, x_waits;         /* how many came; for random directions */
    t_latent_list x_gain, x_curve; /* one for all, or one for each */
    t_latent_list x_start, x_list, x_fresh;
    latent_example *x_examples[LATENT_DRIVE_EXAMPLES];
    int x_n_examples, x_told;
    double x_time; /* when the values were followed last */
    t_latent_job_queue *x_mail;
    t_clock *x_clock;
    struct _latent_inlet *x_right;
    t_outlet *x_out, *x_info;
} t_latent_drive;

static const t_latent_param latent_drive_params[] = {
    {"mode", LATENT_CHOICE, offsetof(t_latent_drive, x_mode), 0, 0, "random directions learned",
     NULL},
    {"controls", LATENT_WHOLE, offsetof(t_latent_drive, x_controls), 1, 256, NULL, NULL},
    {"attack", LATENT_REAL, offsetof(t_latent_drive, x_attack), 0, 1e7, NULL, NULL},
    {"release", LATENT_REAL, offsetof(t_latent_drive, x_release), 0, 1e7, NULL, NULL},
    {"momentum", LATENT_REAL, offsetof(t_latent_drive, x_momentum), 0, 0.99, NULL, NULL},
    {"grain", LATENT_REAL, offsetof(t_latent_drive, x_grain), 0, 1e6, NULL, NULL},
    {"limit", LATENT_REAL, offsetof(t_latent_drive, x_limit), 0, 1e6, NULL, NULL},
    {"ridge", LATENT_REAL, offsetof(t_latent_drive, x_ridge), 0, 1e6, NULL, NULL},
    {"hidden", LATENT_WHOLE, offsetof(t_latent_drive, x_hidden), 1, 128, NULL, NULL},
    {"steps", LATENT_WHOLE, offsetof(t_latent_drive, x_steps), 1, 1000000, NULL, NULL},
    {"seed", LATENT_WHOLE, offsetof(t_latent_drive, x_seed), 0, 0, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void tell(t_latent_drive *x, const char *what, double value)
{
    t_atom a;
    SETFLOAT(&a, (t_float)value);
    outlet_anything(x->x_info, gensym(what), 1, &a);
}

/* ---- sending */

static void latent_drive_follow(t_latent_drive *x)
{
    latent_following how = {x->x_attack, x->x_release, x->x_momentum};
    double ms = clock_gettimesince(x->x_time);
    x->x_time = clock_getlogicaltime();
    latent_follower_advance(&x->x_follower, &how, ms);
}

/* Has random directions made, which takes its time when latents are long. */
static void latent_drive_make(t_latent_drive *x, int controls, int n)
{
    latent_error e;
    latent_drive_job *j = latent_drive_job_random((unsigned)x->x_seed, controls, n, &e);
    x->x_waits = 1;
    if (!j || latent_job_queue_send(x->x_mail, &j->job) < 0)
        latent_complain(&x->x_obj, "%s", j ? "there is no thread to work with" : e.text);
}

/* The way to go, or NULL when it is not there yet, which is said or being seen to. */
static latent_drive_map *latent_drive_way(t_latent_drive *x)
{
    latent_drive_map *m = x->x_map[x->x_mode];
    if (x->x_mode == RANDOM && !x->x_start.n)
        latent_complain(&x->x_obj, "no latent yet to start from; send one to the right inlet");
    else if (x->x_mode == RANDOM && (!m || m->n != x->x_start.n || m->controls < x->x_follower.n)) {
        if (!x->x_waits || latent_offline())
            latent_drive_make(x, x->x_follower.n ? x->x_follower.n : 1, x->x_start.n);
    } else if (!m || !m->n)
        latent_complain(&x->x_obj, x->x_mode == LEARNED
                                       ? "nothing is learned yet; give examples, then learn"
                                       : "no directions yet; connect [latent.directions] to the "
                                         "right inlet, and let it dump them");
    else
        return m;
    return NULL;
}

static void latent_drive_send(t_latent_drive *x)
{
    latent_drive_map *m = latent_drive_way(x);
    latent_error e;
    int n;
    if (!m)
        return;
    if ((n = latent_drive_length(m, x->x_values, x->x_start.n, &e)) < 0) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    if (latent_list_room(&x->x_obj, &x->x_list, n))
        return;
    latent_drive_apply(m, x->x_follower.value, x->x_follower.n, x->x_limit, x->x_start.v,
                       x->x_start.n, x->x_list.v, n);
    if (x->x_grain > 0 && !latent_follower_rests(&x->x_follower))
        clock_delay(x->x_clock, x->x_grain);
    latent_list_send(x->x_out, n, x->x_list.v);
}

static void latent_drive_bang(t_latent_drive *x)
{
    latent_drive_follow(x);
    latent_drive_send(x);
}

/* ---- values */

static int latent_drive_shaped(t_latent_drive *x, double *shaped)
{
    latent_error e;
    if (!latent_drive_shape(x->x_fresh.v, x->x_fresh.n, x->x_gain.v, x->x_gain.n, x->x_curve.v,
                            x->x_curve.n, shaped, &e))
        return 0;
    latent_complain(&x->x_obj, "%s", e.text);
    return -1;
}

/* x_fresh has come. */
static void latent_drive_take(t_latent_drive *x)
{
    double shaped[LATENT_DRIVE_CONTROLS];
    if (latent_drive_shaped(x, shaped))
        return;
    latent_drive_follow(x); /* to where it was to go until now */
    latent_follower_aim(&x->x_follower, shaped, x->x_fresh.n);
    x->x_values = x->x_fresh.n;
    latent_drive_bang(x);
}

static void latent_drive_list(t_latent_drive *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!argc)
        latent_drive_bang(x);
    else if (!latent_list_set(&x->x_obj, &x->x_fresh, argc, argv))
        latent_drive_take(x);
}

static void latent_drive_words(t_latent_drive *x, t_symbol *s, int argc, t_atom *argv)
{
    char *text = latent_words_join(argc, argv);
    (void)s;
    if (text && !latent_list_room(&x->x_obj, &x->x_fresh, x->x_controls)) {
        latent_drive_letters(text, x->x_controls, x->x_fresh.v);
        latent_drive_take(x);
    }
    free(text);
}

static void latent_drive_symbol(t_latent_drive *x, t_symbol *s)
{
    latent_drive_words(x, s, 1, (t_atom[]){{A_SYMBOL, {.w_symbol = s}}});
}

static void latent_drive_reset(t_latent_drive *x)
{
    latent_follower_reset(&x->x_follower);
}

/* ---- settings */

static void latent_drive_gain(t_latent_drive *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_list_set(&x->x_obj, &x->x_gain, argc, argv);
}

static void latent_drive_curve(t_latent_drive *x, t_symbol *s, int argc, t_atom *argv)
{
    int curve = 0;
    if (latent_list_room(&x->x_obj, &x->x_fresh, argc))
        return;
    for (int i = 0; i < argc && curve >= 0; i++)
        x->x_fresh.v[i] =
            (float)(curve = latent_choice(&x->x_obj, s->s_name, LATENT_CURVES, argv + i));
    if (curve >= 0)
        latent_list_copy(&x->x_obj, &x->x_curve, argc, x->x_fresh.v);
}

static void latent_drive_smooth(t_latent_drive *x, t_floatarg ms)
{
    t_atom a;
    SETFLOAT(&a, ms);
    latent_params_message(&x->x_obj, gensym("attack"), 1, &a);
    latent_params_message(&x->x_obj, gensym("release"), 1, &a);
}

static void latent_drive_randomly(t_latent_drive *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (argc)
        latent_params_message(&x->x_obj, gensym("seed"), argc, argv);
    if (argc > 1 || (argc && argv->a_type != A_FLOAT))
        return; /* which was said */
    latent_drive_map_free(x->x_map[RANDOM]);
    x->x_map[RANDOM] = NULL;
    x->x_mode = RANDOM;
}

static void latent_drive_other(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_drive *x = z;
    latent_drive_map **m = &x->x_map[DIRECTIONS];
    t_float at = argc ? atom_getfloat(argv) : 0;
    latent_error e;
    if (s == &s_list || s == &s_float)
        latent_list_set(&x->x_obj, &x->x_start, argc, argv);
    else if (s == gensym("clear")) {
        latent_drive_map_free(*m);
        *m = NULL;
    } else if (s != gensym("direction"))
        latent_wrong_right(&x->x_obj, LATENT_TAKES_DIRECTION, s, argc, argv);
    else if (argc < 2 || argv->a_type != A_FLOAT)
        latent_complain(&x->x_obj, "direction wants its number, from 0, and then a list, as "
                                   "[latent.directions] dumps them");
    else if (!latent_list_set(&x->x_obj, &x->x_fresh, argc - 1, argv + 1) &&
             (*m || (*m = latent_drive_map_new()))) {
        x->x_mode = DIRECTIONS;
        if (latent_drive_map_set(*m, latent_whole(at, -1, 1000000), x->x_fresh.v, x->x_fresh.n, &e))
            latent_complain(&x->x_obj, "%s", e.text);
    }
}

/* ---- learning */

static void latent_drive_example(t_latent_drive *x, t_symbol *s, int argc, t_atom *argv)
{
    double shaped[LATENT_DRIVE_CONTROLS];
    const double *values = x->x_follower.target;
    int n = argc ? argc : x->x_values;
    latent_example *example = NULL;
    (void)s;
    if (argc &&
        (latent_list_set(&x->x_obj, &x->x_fresh, argc, argv) || latent_drive_shaped(x, shaped)))
        return;
    if (!n || !x->x_start.n || x->x_start.n > LATENT_DRIVE_LATENT)
        latent_complain(&x->x_obj, "an example needs values, and a latent at the right inlet");
    else if (x->x_n_examples == LATENT_DRIVE_EXAMPLES)
        latent_complain(&x->x_obj, "there are %d examples already; forget makes room",
                        LATENT_DRIVE_EXAMPLES);
    else
        example = latent_example_new(argc ? shaped : values, n, x->x_start.v, x->x_start.n);
    if (!example)
        return;
    x->x_examples[x->x_n_examples++] = example;
    tell(x, "examples", x->x_n_examples);
}

static void latent_drive_forget(t_latent_drive *x)
{
    while (x->x_n_examples)
        latent_example_release(x->x_examples[--x->x_n_examples]);
}

static void latent_drive_learn_by(t_latent_drive *x, t_symbol *by)
{
    latent_error e;
    latent_learning how = {by == gensym("network"), x->x_ridge, x->x_hidden, x->x_steps,
                           (unsigned)x->x_seed};
    latent_drive_job *j;
    if (*by->s_name && by != gensym("ridge") && !how.network)
        latent_complain(&x->x_obj, "learn ridge or learn network; %s came", by->s_name);
    else if (!(j = latent_drive_job_learn(x->x_examples, x->x_n_examples, &how, &e)))
        latent_complain(&x->x_obj, "%s", e.text);
    else {
        latent_job_queue_cancel(x->x_mail); /* what is being learned just now */
        x->x_waits = 0;
        x->x_told = -1;
        if (latent_job_queue_send(x->x_mail, &j->job) < 0)
            latent_complain(&x->x_obj, "there is no thread to learn with");
    }
}

static void latent_drive_progress(void *z, int permille)
{
    t_latent_drive *x = z;
    if (permille != x->x_told && !x->x_waits)
        tell(x, "progress", permille / 1000.);
    x->x_told = permille;
}

static void latent_drive_done(void *z, latent_job *job)
{
    t_latent_drive *x = z;
    latent_drive_job *j = (latent_drive_job *)job;
    int mode = j->learns ? LEARNED : RANDOM, waited = x->x_waits;
    if (!j->learns)
        x->x_waits = 0;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    latent_drive_map_free(x->x_map[mode]);
    x->x_map[mode] = j->map;
    j->map = NULL;
    if (mode == LEARNED) {
        x->x_mode = LEARNED;
        tell(x, "learned", x->x_map[LEARNED]->error);
    } else if (waited && x->x_mode == RANDOM)
        latent_drive_bang(x);
}

static void latent_drive_tell_all(t_latent_drive *x)
{
    latent_params_info(&x->x_obj, latent_drive_params, x->x_info);
    latent_info_number(x->x_info, "examples", x->x_n_examples);
    latent_info_number(x->x_info, "directions",
                       x->x_map[x->x_mode] ? x->x_map[x->x_mode]->controls : 0);
}

static void *latent_drive_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_drive *x = (t_latent_drive *)pd_new(latent_drive_class);
    (void)s;
    x->x_controls = x->x_hidden = 16;
    x->x_steps = 2000;
    x->x_grain = 20;
    x->x_ridge = 0.01;
    x->x_time = clock_getlogicaltime();
    argc = latent_params_flags(&x->x_obj, latent_drive_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_drive_other);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_mail = latent_job_queue_new(x, LATENT_LOADER, 0, latent_drive_done);
    latent_job_queue_watch(x->x_mail, latent_drive_progress);
    x->x_clock = clock_new(x, (t_method)latent_drive_bang);
    return x;
}

static void latent_drive_bury(t_latent_drive *x)
{
    latent_job_queue_free(x->x_mail);
    clock_free(x->x_clock);
    latent_inlet_free(x->x_right);
    for (int i = 0; i < MODES; i++)
        latent_drive_map_free(x->x_map[i]);
    latent_drive_forget(x);
    latent_list_free(&x->x_gain);
    latent_list_free(&x->x_curve);
    latent_list_free(&x->x_start);
    latent_list_free(&x->x_list);
    latent_list_free(&x->x_fresh);
}

void setup_latent0x2edrive(void)
{
    t_class *c = latent_drive_class =
        class_new(gensym("latent.drive"), (t_newmethod)latent_drive_new,
                  (t_method)latent_drive_bury, sizeof(t_latent_drive), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_VALUES);
    class_addbang(c, latent_drive_bang);
    class_addlist(c, latent_drive_list);
    class_addsymbol(c, latent_drive_symbol);
    class_addmethod(c, (t_method)latent_drive_words, gensym("words"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_drive_gain, gensym("gain"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_drive_curve, gensym("curve"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_drive_smooth, gensym("smooth"), A_FLOAT, 0);
    class_addmethod(c, (t_method)latent_drive_randomly, gensym("random"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_drive_example, gensym("example"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_drive_forget, gensym("forget"), 0);
    class_addmethod(c, (t_method)latent_drive_learn_by, gensym("learn"), A_DEFSYM, 0);
    class_addmethod(c, (t_method)latent_drive_reset, gensym("reset"), 0);
    latent_takes_alone(c, (t_method)latent_drive_tell_all, "info");
    latent_params_setup(c, latent_drive_params);
}
