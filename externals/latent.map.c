/* [latent.map <model>]: the mapping network, from z to the style w.

   The argument is a model; nothing is the built-in one.  Flags, each a message too: -psi f (1),
   -cutoff n (-1), -class n (0).

   list z        w comes out: w_dim numbers, or W+ (num_ws x w_dim) while a cutoff is set
   bang          again, for the z that came last
   psi f         truncation: 1 is the w of z itself, 0 the mean of all w, between them pictures are
                 more ordinary and cleaner, beyond 1 stranger, below 0 the opposite
   cutoff n      psi counts only for the first n rows of W+ (coarse ones); -1 or no number: for all,
                 and w has one row again
   class n       for conditional models: the class, or a place between two classes (1.5)
   class w0 w1 ...   the classes mixed, one weight for each
   average       the mean of all w comes out, as the network knows it
   average n     the mean of n of them, drawn now (by RandomState(123), off Pd's thread;
                 class counts); before it, info deviation f: how far w's numbers lie from it
   info          to the right outlet: z_dim, w_dim, num_ws, classes and the settings

   Settings are silent.  A z that comes while the model is loading is served when it is there.
   Outlets: list w; info. */
#include "engine/latents/latents.h"
#include "engine/models/mean.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/modelref.h"
#include <stddef.h>
#include <stdlib.h>

#define MEAN_SEED 123
#define MOST_SAMPLES 100000

typedef enum { NOTHING, Z, AVERAGE, SAMPLES } t_request;

typedef struct {
    t_object x_obj;
    t_outlet *x_info;
    t_latent_modelref *x_ref;
    double x_psi;
    int x_cutoff;
    t_latent_list x_class;   /* as it was said; empty: class 0 */
    t_latent_list x_weights; /* [classes], made of it */
    t_latent_list x_z, x_w, x_ws;
    t_request x_waiting; /* asked for while the model was loading: the newest */
    int x_samples;
    t_latent_job_queue *x_mail;
} t_map;

typedef struct {
    latent_job job;
    latent_model *model;
    int samples;
    float *classes, *mean; /* classes may be NULL */
    double deviation;
} t_mean_job;

static t_class *map_class;

static const t_latent_param map_params[] = {
    {"psi", LATENT_REAL, offsetof(t_map, x_psi), -1000, 1000, NULL, NULL},
    {"cutoff", LATENT_WHOLE, offsetof(t_map, x_cutoff), -1, 1000, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static int map_fits(t_map *x, const latent_model *m, int n)
{
    if (n != m->generator.z_dim)
        latent_complain(&x->x_obj,
                        "%d numbers came, but the z of %s has %d; connect a [latent.noise] of the "
                        "same model",
                        n, m->label, m->generator.z_dim);
    return n == m->generator.z_dim;
}

/* Makes weights of what is said about classes; 0, or -1 after a complaint. */
static int map_weigh(t_map *x, const latent_model *m, const t_latent_list *said)
{
    latent_error e;
    if (!m->generator.classes && said->n) {
        latent_complain(&x->x_obj, "%s knows no classes; class is for conditional models",
                        m->label);
        return -1;
    }
    if (!m->generator.classes)
        return 0;
    if (latent_list_room(&x->x_obj, &x->x_weights, m->generator.classes))
        return -1;
    if (latent_class_weights(said->v, said->n, m->generator.classes, x->x_weights.v, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        return -1;
    }
    return 0;
}

/* The style of z, or the mean of all; 0, or -1 after a complaint. */
static int map_style(t_map *x, const latent_model *m, t_request request)
{
    latent_error e;
    if (request == AVERAGE) {
        if (m->generator.w_avg)
            return latent_list_copy(&x->x_obj, &x->x_w, m->generator.w_dim, m->generator.w_avg);
        latent_complain(&x->x_obj, "%s knows no mean of w", m->label);
        return -1;
    }
    if (!map_fits(x, m, x->x_z.n) || latent_list_room(&x->x_obj, &x->x_w, m->generator.w_dim))
        return -1;
    if (map_weigh(x, m, &x->x_class)) { /* it was said before this model came: class 0 again */
        x->x_class.n = 0;
        if (map_weigh(x, m, &x->x_class))
            return -1;
    }
    if (latent_model_map(m, x->x_z.v, m->generator.classes ? x->x_weights.v : NULL, x->x_w.v, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        return -1;
    }
    return 0;
}

/* Sends x_w, truncated. */
static void map_send(t_map *x, const latent_model *m)
{
    latent_error e;
    if (latent_list_room(&x->x_obj, &x->x_ws,
                         m->generator.w_dim * (x->x_cutoff < 0 ? 1 : m->generator.num_ws)))
        return;
    if (latent_model_truncate(m, x->x_w.v, (float)x->x_psi, x->x_cutoff, x->x_ws.v, &e))
        latent_complain(&x->x_obj, "%s", e.text);
    else
        latent_list_send(x->x_obj.ob_outlet, x->x_ws.n, x->x_ws.v);
}

/* ---- the mean of many, on the loader */

static int mean_work(latent_job *job)
{
    t_mean_job *j = (t_mean_job *)job;
    if (!(j->mean = malloc((size_t)j->model->generator.w_dim * sizeof(*j->mean))))
        return latent_fail(&job->error, "no memory for the mean of styles");
    return latent_mean_style(j->model, j->classes, j->samples, MEAN_SEED, &job->cancel, j->mean,
                             &j->deviation, &job->error);
}

static void mean_discard(latent_job *job)
{
    t_mean_job *j = (t_mean_job *)job;
    latent_model_release(j->model);
    free(j->classes);
    free(j->mean);
    free(j);
}

/* It is sent as it is, a row as often as a cutoff asks for: psi would pull it to the other mean. */
static void map_mean_done(void *z, latent_job *job)
{
    t_map *x = z;
    t_mean_job *j = (t_mean_job *)job;
    int n = j->model->generator.w_dim, rows = x->x_cutoff < 0 ? 1 : j->model->generator.num_ws;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    if (latent_list_room(&x->x_obj, &x->x_ws, n * rows))
        return;
    for (int i = 0; i < n * rows; i++)
        x->x_ws.v[i] = j->mean[i % n];
    latent_info_number(x->x_info, "deviation", j->deviation);
    latent_list_send(x->x_obj.ob_outlet, x->x_ws.n, x->x_ws.v);
}

static void map_mean(t_map *x, latent_model *m)
{
    t_mean_job *j;
    if (map_weigh(x, m, &x->x_class) || !(j = calloc(1, sizeof(*j))))
        return;
    j->job.work = mean_work;
    j->job.discard = mean_discard;
    j->model = latent_model_retain(m);
    j->samples = x->x_samples;
    if (m->generator.classes &&
        (j->classes = malloc((size_t)m->generator.classes * sizeof(*j->classes))))
        for (int i = 0; i < m->generator.classes; i++)
            j->classes[i] = x->x_weights.v[i];
    if (latent_job_queue_send(x->x_mail, &j->job) < 0)
        latent_complain(&x->x_obj, "there is no thread to compute with");
}

static void map_do(t_map *x, t_request request)
{
    latent_model *m = latent_modelref_get(x->x_ref, 1);
    x->x_waiting = !m && latent_modelref_loading(x->x_ref) ? request : NOTHING;
    if (m && request == SAMPLES)
        map_mean(x, m);
    else if (m && !map_style(x, m, request))
        map_send(x, m);
}

static void map_ready(void *z)
{
    t_map *x = z;
    if (x->x_waiting != NOTHING)
        map_do(x, x->x_waiting);
}

static void map_bang(t_map *x)
{
    if (x->x_z.n)
        map_do(x, Z);
    else
        latent_complain(&x->x_obj, "there is no z yet; connect a [latent.noise]");
}

static void map_list(t_map *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_model *m = latent_modelref_get(x->x_ref, 0);
    (void)s;
    if (!argc) /* in Pd a list of nothing is a bang */
        map_bang(x);
    else if ((!m || map_fits(x, m, argc)) && !latent_list_set(&x->x_obj, &x->x_z, argc, argv))
        map_do(x, Z);
}

static void map_average(t_map *x, t_symbol *s, int argc, t_atom *argv)
{
    t_float n = argc ? atom_getfloat(argv) : 1;
    (void)s;
    if (!(n >= 1 && n <= MOST_SAMPLES)) {
        latent_complain(&x->x_obj, "average takes nothing, or how many styles to draw: 1 to %d",
                        MOST_SAMPLES);
        return;
    }
    x->x_samples = latent_whole(n, 1, MOST_SAMPLES);
    map_do(x, argc ? SAMPLES : AVERAGE);
}

static void map_say_class(t_map *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_model *m = latent_modelref_get(x->x_ref, 0);
    t_latent_list said = {0, 0, NULL};
    (void)s;
    if (latent_list_set(&x->x_obj, &said, argc, argv) || (m && map_weigh(x, m, &said))) {
        latent_list_free(&said);
        return;
    }
    latent_list_free(&x->x_class);
    x->x_class = said;
}

static void map_cutoff(t_map *x, t_symbol *s, int argc, t_atom *argv)
{
    t_atom off;
    SETFLOAT(&off, -1);
    latent_params_message(&x->x_obj, s, argc ? argc : 1, argc ? argv : &off);
}

static void map_info(t_map *x)
{
    latent_model *m = latent_modelref_get(x->x_ref, 1);
    latent_params_info(&x->x_obj, map_params, x->x_info);
    if (!m)
        return;
    latent_info_number(x->x_info, "z_dim", m->generator.z_dim);
    latent_info_number(x->x_info, "w_dim", m->generator.w_dim);
    latent_info_number(x->x_info, "num_ws", m->generator.num_ws);
    latent_info_number(x->x_info, "classes", m->generator.classes);
}

/* Takes "-class" and the numbers after it out of the arguments; returns how many remain. */
static int map_class_flag(t_map *x, int argc, t_atom *argv)
{
    int kept = 0, i = 0;
    while (i < argc) {
        int from = i + 1, to = from;
        if (argv[i].a_type != A_SYMBOL || argv[i].a_w.w_symbol != gensym("-class")) {
            argv[kept++] = argv[i++];
            continue;
        }
        while (to < argc && argv[to].a_type == A_FLOAT)
            to++;
        latent_list_set(&x->x_obj, &x->x_class, to - from, argv + from);
        i = to;
    }
    return kept;
}

static void *map_new(t_symbol *s, int argc, t_atom *argv)
{
    t_map *x = (t_map *)pd_new(map_class);
    (void)s;
    x->x_psi = 1;
    x->x_cutoff = -1;
    argc = map_class_flag(x, argc, argv);
    argc = latent_params_flags(&x->x_obj, map_params, argc, argv);
    latent_params_rest(&x->x_obj, argc && argv->a_type == A_SYMBOL, argc, argv);
    outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, NULL);
    x->x_mail = latent_job_queue_new(x, LATENT_LOADER, 1, map_mean_done);
    x->x_ref = latent_modelref_new(&x->x_obj, atom_getsymbolarg(0, argc, argv), map_ready);
    return x;
}

static void map_free(t_map *x)
{
    latent_job_queue_free(x->x_mail);
    latent_modelref_free(x->x_ref);
    latent_list_free(&x->x_class);
    latent_list_free(&x->x_weights);
    latent_list_free(&x->x_z);
    latent_list_free(&x->x_w);
    latent_list_free(&x->x_ws);
}

__attribute__((visibility("default"))) void setup_latent0x2emap(void)
{
    map_class = class_new(gensym("latent.map"), (t_newmethod)map_new, (t_method)map_free,
                          sizeof(t_map), 0, A_GIMME, 0);
    latent_takes_of(map_class, LATENT_TAKES_Z, offsetof(t_map, x_ref));
    class_addbang(map_class, map_bang);
    class_addlist(map_class, map_list);
    class_addmethod(map_class, (t_method)map_average, gensym("average"), A_GIMME, 0);
    class_addmethod(map_class, (t_method)map_say_class, gensym("class"), A_GIMME, 0);
    class_addmethod(map_class, (t_method)map_cutoff, gensym("cutoff"), A_GIMME, 0);
    latent_takes_alone(map_class, (t_method)map_info, "info");
    latent_params_setup(map_class, map_params);
}
