/* [latent.noise <model or dimension>]: a random z, the list of normally distributed numbers from
   which a network makes a picture.

   Arguments: a number is how many numbers a z has; a word is a model, whose z_dim counts; nothing
   is the built-in model.  Flags, each a message too: -seed n (0), -points n (4), -truncate t (0).

   bang        the next z: row after row of numpy's RandomState(seed).randn(rows, dimension)
   float, seed n   the z of seed n, which is RandomState(n).randn(dimension); bangs go on from there
   walk f      a smooth walk without an end: at a whole number k the z of seed + k, between them a
               spline through four neighbours that keeps the deviation at 1
   loop f      the same as a closed round through points seeds; phase 0 to 1, 0 is the z of seed
   points n    how many seeds a loop passes
   truncate t  numbers beyond +-t are drawn again (t from 0.1 up; 0: they stay)
   info        to the right outlet: z_dim and the settings

   Outlets: list z; info. */
#include "engine/latents.h"
#include "pd/box.h"
#include "pd/modelref.h"
#include <math.h>
#include <stddef.h>

#define MOST 8192 /* numbers in a z: what fits into a millisecond */
#define BUILTIN 512

typedef enum { NOTHING, NEXT, RESTART, WALK, LOOP } t_request;

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
} t_noise;

static t_class *noise_class;

static void noise_restart(void *x);

static const t_latent_param noise_params[] = {
    {"seed", LATENT_REAL, offsetof(t_noise, x_seed), 0, 4294967295.0, NULL, noise_restart},
    {"points", LATENT_WHOLE, offsetof(t_noise, x_points), 1, 1000, NULL, NULL},
    {"truncate", LATENT_REAL, offsetof(t_noise, x_truncate), 0, 100, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* How many numbers a z has; 0 when that is not known, with or without a word about it. */
static int noise_dim(t_noise *x, int complain)
{
    latent_model *m;
    if (!x->x_ref)
        return x->x_dim;
    if (!(m = latent_modelref_get(x->x_ref, complain)))
        return 0;
    if (m->z_dim < 1 && complain)
        latent_complain(&x->x_obj, "%s has no z: it is no generator; name another model", m->label);
    return m->z_dim;
}

/* The next row of the stream, which begins anew when z gets another dimension. */
static void noise_draw(t_noise *x, int dim)
{
    if (x->x_drawn != dim)
        latent_random_seed(&x->x_random, (uint32_t)x->x_seed);
    x->x_drawn = dim;
    latent_draw(&x->x_random, dim, x->x_truncate, x->x_z.v);
}

static void noise_do(t_noise *x, t_request request, double place)
{
    int dim = noise_dim(x, 1), failed = 0;
    x->x_waiting = NOTHING;
    if (!dim && x->x_ref && latent_modelref_loading(x->x_ref)) {
        x->x_waiting = request;
        x->x_place = place;
    }
    if (!dim || latent_list_room(&x->x_obj, &x->x_z, dim))
        return;
    if (request == WALK)
        failed = latent_walk(&x->x_seeds, (uint32_t)x->x_seed, dim, x->x_truncate, place, x->x_z.v);
    else if (request == LOOP)
        failed = latent_loop(&x->x_seeds, (uint32_t)x->x_seed, x->x_points, dim, x->x_truncate,
                             place, x->x_z.v);
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

static void noise_info(t_noise *x)
{
    int dim = noise_dim(x, 1);
    latent_params_info(&x->x_obj, noise_params, x->x_info);
    if (dim)
        latent_info_number(x->x_info, "z_dim", dim);
}

static void *noise_new(t_symbol *s, int argc, t_atom *argv)
{
    t_noise *x = (t_noise *)pd_new(noise_class);
    (void)s;
    x->x_points = 4;
    argc = latent_params_flags(&x->x_obj, noise_params, argc, argv);
    latent_params_rest(&x->x_obj, 1, argc, argv);
    outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, NULL);
    if (argc && argv->a_type == A_FLOAT && argv->a_w.w_float != 0) { /* 0: see latent_params_rest */
        t_float dim = argv->a_w.w_float;
        x->x_dim = dim >= 1 && dim <= MOST ? (int)dim : BUILTIN;
        if (!(dim >= 1 && dim <= MOST))
            latent_complain(&x->x_obj, "a z has 1 to %d numbers, but %g came; %d are taken", MOST,
                            (double)dim, BUILTIN);
    } else
        x->x_ref = latent_modelref_new(&x->x_obj, atom_getsymbolarg(0, argc, argv), noise_ready);
    return x;
}

static void noise_free(t_noise *x)
{
    latent_modelref_free(x->x_ref);
    latent_seeds_free(&x->x_seeds);
    latent_list_free(&x->x_z);
}

__attribute__((visibility("default"))) void setup_latent0x2enoise(void)
{
    noise_class = class_new(gensym("latent.noise"), (t_newmethod)noise_new, (t_method)noise_free,
                            sizeof(t_noise), 0, A_GIMME, 0);
    class_addbang(noise_class, noise_bang);
    class_addfloat(noise_class, noise_float);
    class_addmethod(noise_class, (t_method)noise_walk, gensym("walk"), A_FLOAT, 0);
    class_addmethod(noise_class, (t_method)noise_loop, gensym("loop"), A_FLOAT, 0);
    class_addmethod(noise_class, (t_method)noise_info, gensym("info"), 0);
    latent_params_setup(noise_class, noise_params);
}
