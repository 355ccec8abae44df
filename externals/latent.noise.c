/* [latent.noise <model or dimension>]: a random z, the list of normally distributed numbers from
   which a network makes a picture.

   Arguments: a number is how many numbers a z has; a word is a model, whose z_dim counts; nothing
   is the built-in model.  Flags, each a message too: -seed n (0), -points n (4), -truncate t (0),
   -colour b (1), -length n (256), -closed 0/1 (1).

   bang        the next z: row after row of numpy's RandomState(seed).randn(rows, dimension)
   float, seed n   the z of seed n, which is RandomState(n).randn(dimension); bangs go on from there
   walk f      a smooth walk without an end: at a whole number k the z of seed + k, between them a
               spline through four neighbours that keeps the deviation at 1
   loop f      the same as a closed round through points seeds; phase 0 to 1, 0 is the z of seed
   points n    how many seeds a loop passes
   drift f     point f of a walk whose numbers wander like 1/f^b noise (engine/sound/colour.h);
               between whole numbers a spline; the walk is made by a worker when it is first asked
               for, and anew when seed, colour, length or closed changed
   colour b    0 jumps (white), 1 wanders (pink), 2 drifts (brown), up to 4
   length n    how many points the walk has
   closed 1    it goes round; 0: it stands at its ends
   truncate t  numbers beyond +-t are drawn again (t from 0.1 up; 0: they stay)
   info        to the right outlet: z_dim and the settings

   Three sizes, channels, height and width, give features instead: the noise that a diffusion begins
   with (pd/noise_source.c).

   Outlets: list z; info. */
#include "engine/latents/latents.h"
#include "engine/sound/colour.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/modelref.h"
#include "pd/noise_source.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#define MOST 8192 /* numbers in a z: what fits into a millisecond */
#define BUILTIN 512

typedef enum { NOTHING, NEXT, RESTART, WALK, LOOP, DRIFT } t_request;

/* What a coloured walk is made from. */
typedef struct {
    double seed, colour;
    int length, closed, dim;
} t_recipe;

typedef struct {
    t_object x_obj;
    t_outlet *x_info;
    t_latent_modelref *x_ref; /* NULL when the dimension was given as a number */
    int x_dim;                /* given as a number */
    double x_seed, x_truncate;
    int x_points;
    latent_random x_random; /* the stream of x_seed */
    int x_drawn;            /* the dimension of its rows; 0: not begun */
    latent_seeds x_seeds;
    t_latent_list x_z;
    t_request x_waiting; /* asked for while the model was loading: the newest */
    double x_place;
    double x_colour;
    int x_length, x_closed;
    latent_coloured *x_walk;  /* NULL: none yet */
    t_recipe x_made, x_asked; /* what it is made from; what a worker is at, dim 0: nothing */
    double x_drift;           /* where to be when it has come */
    t_latent_job_queue *x_mail;
} t_noise;

static t_class *noise_class;

static void noise_restart(void *x);

static const t_latent_param noise_params[] = {
    {"seed", LATENT_REAL, offsetof(t_noise, x_seed), 0, 4294967295.0, NULL, noise_restart},
    {"points", LATENT_WHOLE, offsetof(t_noise, x_points), 1, 1000, NULL, NULL},
    {"truncate", LATENT_REAL, offsetof(t_noise, x_truncate), 0, 100, NULL, NULL},
    {"colour", LATENT_REAL, offsetof(t_noise, x_colour), 0, 4, NULL, NULL},
    {"length", LATENT_WHOLE, offsetof(t_noise, x_length), 2, 1 << 24, NULL, NULL},
    {"closed", LATENT_WHOLE, offsetof(t_noise, x_closed), 0, 1, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* How many numbers a z has; 0 when that is not known, with or without a word about it. */
static int noise_dim(t_noise *x, int complain)
{
    latent_model *m;
    if (!x->x_ref)
        return x->x_dim;
    if (!(m = latent_modelref_get(x->x_ref, complain)))
        return 0;
    if (m->generator.z_dim < 1 && complain)
        latent_complain(&x->x_obj, "%s has no z: it is no generator; name another model", m->label);
    return m->generator.z_dim;
}

/* The next row of the stream, which begins anew when z gets another dimension. */
static void noise_draw(t_noise *x, int dim)
{
    if (x->x_drawn != dim)
        latent_random_seed(&x->x_random, latent_whole32(x->x_seed));
    x->x_drawn = dim;
    latent_draw(&x->x_random, dim, x->x_truncate, x->x_z.v);
}

/* ---- coloured walks */

typedef struct {
    latent_job job;
    t_recipe recipe;
    latent_coloured *walk;
} t_make;

static int make_work(latent_job *job)
{
    t_make *m = (t_make *)job;
    const t_recipe *r = &m->recipe;
    m->walk = latent_coloured_new(latent_whole32(r->seed), r->colour, r->length, r->dim, r->closed,
                                  &job->cancel, &job->error);
    return m->walk ? 0 : -1;
}

static void make_discard(latent_job *job)
{
    latent_coloured_free(((t_make *)job)->walk);
    free(job);
}

static int same_recipe(const t_recipe *a, const t_recipe *b)
{
    return a->seed == b->seed && a->colour == b->colour && a->length == b->length &&
           a->closed == b->closed && a->dim == b->dim;
}

/* Sends the point of the walk that is there. */
static void noise_drift_send(t_noise *x)
{
    if (latent_list_room(&x->x_obj, &x->x_z, x->x_made.dim))
        return;
    latent_coloured_at(x->x_walk, x->x_drift, x->x_z.v);
    latent_list_send(x->x_obj.ob_outlet, x->x_z.n, x->x_z.v);
}

static void noise_made(void *z, latent_job *job)
{
    t_noise *x = z;
    t_make *m = (t_make *)job;
    latent_coloured *before = x->x_walk;
    x->x_asked.dim = 0;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    x->x_walk = m->walk;
    x->x_made = m->recipe;
    m->walk = before; /* goes with the job */
    noise_drift_send(x);
}

/* The walk as it is set now, or one on the way to it. */
static void noise_drift_on(t_noise *x, int dim, double place)
{
    const t_recipe wanted = {x->x_seed, x->x_colour, x->x_length, x->x_closed, dim};
    t_make *m;
    x->x_drift = place;
    if (x->x_walk && same_recipe(&wanted, &x->x_made)) {
        noise_drift_send(x);
        return;
    }
    if (same_recipe(&wanted, &x->x_asked))
        return;
    if ((m = calloc(1, sizeof(*m)))) {
        m->job.work = make_work;
        m->job.discard = make_discard;
        m->recipe = x->x_asked = wanted;
        latent_job_queue_cancel(x->x_mail);
    }
    if (!m || latent_job_queue_send(x->x_mail, &m->job) < 0) {
        x->x_asked.dim = 0;
        latent_complain(&x->x_obj, "there is no memory, or no thread, to make a walk");
    }
}

static void noise_do(t_noise *x, t_request request, double place)
{
    int dim = noise_dim(x, 1), failed = 0;
    x->x_waiting = NOTHING;
    if (!dim && x->x_ref && latent_modelref_loading(x->x_ref)) {
        x->x_waiting = request;
        x->x_place = place;
    }
    if (dim && request == DRIFT)
        noise_drift_on(x, dim, place);
    if (!dim || request == DRIFT || latent_list_room(&x->x_obj, &x->x_z, dim))
        return;
    if (request == WALK)
        failed = latent_walk(&x->x_seeds, latent_whole32(x->x_seed), dim, x->x_truncate, place,
                             x->x_z.v);
    else if (request == LOOP)
        failed = latent_loop(&x->x_seeds, latent_whole32(x->x_seed), x->x_points, dim,
                             x->x_truncate, place, x->x_z.v);
    else {
        if (request == RESTART)
            x->x_drawn = 0;
        noise_draw(x, dim);
    }
    if (failed)
        latent_complain(&x->x_obj, "there is no memory for the z of %d seeds", LATENT_SEEDS_KEPT);
    else
        latent_list_send(x->x_obj.ob_outlet, x->x_z.n, x->x_z.v);
}

static void noise_ready(void *z)
{
    t_noise *x = z;
    if (x->x_waiting != NOTHING)
        noise_do(x, x->x_waiting, x->x_place);
}

static void noise_restart(void *x)
{
    noise_do(x, RESTART, 0);
}

static void noise_bang(t_noise *x)
{
    noise_do(x, NEXT, 0);
}

static void noise_float(t_noise *x, t_floatarg f)
{
    t_atom seed;
    SETFLOAT(&seed, f);
    latent_params_message(&x->x_obj, gensym("seed"), 1, &seed);
}

static void noise_along(t_noise *x, t_request request, const char *name, double f)
{
    if (isfinite(f))
        noise_do(x, request, f);
    else
        latent_complain(&x->x_obj, "%s wants a finite number, but %g came", name, f);
}

static void noise_walk(t_noise *x, t_floatarg f)
{
    noise_along(x, WALK, "walk", f);
}

static void noise_loop(t_noise *x, t_floatarg f)
{
    noise_along(x, LOOP, "loop", f);
}

static void noise_drift(t_noise *x, t_floatarg f)
{
    noise_along(x, DRIFT, "drift", f);
}

static void noise_info(t_noise *x)
{
    int dim = noise_dim(x, 1);
    latent_params_info(&x->x_obj, noise_params, x->x_info);
    if (dim)
        latent_info_number(x->x_info, "z_dim", dim);
}

static void *noise_new(t_symbol *s, int argc, t_atom *argv)
{
    t_noise *x;
    (void)s;
    if (latent_is_noise_source(argc, argv))
        return latent_noise_source_new(argc, argv);
    x = (t_noise *)pd_new(noise_class);
    x->x_points = 4;
    x->x_colour = 1;
    x->x_length = 256;
    x->x_closed = 1;
    x->x_mail = latent_job_queue_new(x, LATENT_LOADER, 1, noise_made);
    argc = latent_params_flags(&x->x_obj, noise_params, argc, argv);
    latent_params_rest(&x->x_obj, 1, argc, argv);
    outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, NULL);
    if (argc && argv->a_type == A_FLOAT && argv->a_w.w_float != 0) { /* 0: see latent_params_rest */
        t_float dim = argv->a_w.w_float;
        x->x_dim = dim >= 1 && dim <= MOST ? latent_whole(dim, 1, MOST) : BUILTIN;
        if (!(dim >= 1 && dim <= MOST))
            latent_complain(&x->x_obj, "a z has 1 to %d numbers, but %g came; %d are taken", MOST,
                            (double)dim, BUILTIN);
    } else
        x->x_ref = latent_modelref_new(&x->x_obj, atom_getsymbolarg(0, argc, argv), noise_ready);
    return x;
}

static void noise_free(t_noise *x)
{
    latent_job_queue_free(x->x_mail);
    latent_coloured_free(x->x_walk);
    latent_modelref_free(x->x_ref);
    latent_seeds_free(&x->x_seeds);
    latent_list_free(&x->x_z);
}

__attribute__((visibility("default"))) void setup_latent0x2enoise(void)
{
    noise_class = class_new(gensym("latent.noise"), (t_newmethod)noise_new, (t_method)noise_free,
                            sizeof(t_noise), 0, A_GIMME, 0);
    latent_takes(noise_class, LATENT_TAKES_BANG);
    class_addbang(noise_class, noise_bang);
    class_addfloat(noise_class, noise_float);
    class_addmethod(noise_class, (t_method)noise_walk, gensym("walk"), A_FLOAT, 0);
    class_addmethod(noise_class, (t_method)noise_loop, gensym("loop"), A_FLOAT, 0);
    class_addmethod(noise_class, (t_method)noise_drift, gensym("drift"), A_FLOAT, 0);
    latent_takes_alone(noise_class, (t_method)noise_info, "info");
    latent_params_setup(noise_class, noise_params);
}
