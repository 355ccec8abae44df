/* noise_source: see noise_source.h */
#include "noise_source.h"
#include "box.h"
#include "engine/diffusion/noised.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

#define MOST_SIDE 8192
#define MOST_NUMBERS (1 << 26)

static t_class *source_class;

typedef struct {
    t_object x_obj;
    latent_shape x_shape;
    double x_seed;
    int x_points, x_rng;
    int x_next; /* a bang gives the noise of x_seed + x_next */
    latent_node *x_last;
    t_outlet *x_out, *x_info;
} t_source;

static void source_restart(void *x);

static const t_latent_param source_params[] = {
    {"seed", LATENT_REAL, offsetof(t_source, x_seed), 0, 4294967295.0, NULL, source_restart},
    {"points", LATENT_WHOLE, offsetof(t_source, x_points), 1, 1000, NULL, NULL},
    {"rng", LATENT_CHOICE, offsetof(t_source, x_rng), 0, 0, LATENT_RNGS, source_restart},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* Sends a tensor of noise, which it takes over, as features. */
static void source_send(t_source *x, latent_node *noise, latent_error *e)
{
    latent_node *n = noise ? latent_noised_noise(noise, e) : NULL, *before = x->x_last;
    latent_node_release(noise);
    if (!n) {
        latent_complain(&x->x_obj, "%s", e->text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void source_bang(t_source *x)
{
    latent_error e;
    uint32_t seed = latent_whole32(x->x_seed) + (uint32_t)x->x_next++;
    source_send(x, latent_noise_of(x->x_shape, (latent_rng)x->x_rng, seed, &e), &e);
}

static void source_restart(void *z)
{
    t_source *x = z;
    x->x_next = 0;
    source_bang(x);
}

static void source_float(t_source *x, t_floatarg f)
{
    t_atom seed;
    SETFLOAT(&seed, f);
    latent_params_message(&x->x_obj, gensym("seed"), 1, &seed);
}

static void source_between(t_source *x, const char *name, double f, int loop)
{
    latent_neighbours near;
    latent_error e;
    uint32_t seed = latent_whole32(x->x_seed);
    if (!isfinite(f)) {
        latent_complain(&x->x_obj, "%s wants a finite number, but %g came", name, f);
        return;
    }
    if (loop)
        latent_loop_neighbours(seed, x->x_points, f, &near);
    else
        latent_walk_neighbours(seed, f, &near);
    source_send(x, latent_noise_between(x->x_shape, (latent_rng)x->x_rng, &near, &e), &e);
}

static void source_walk(t_source *x, t_floatarg f)
{
    source_between(x, "walk", f, 0);
}

static void source_loop(t_source *x, t_floatarg f)
{
    source_between(x, "loop", f, 1);
}

static void source_drift(t_source *x)
{
    latent_complain(&x->x_obj, "drift is for a z (one size); a picture of noise can walk and loop");
}

static void source_info(t_source *x)
{
    t_atom shape[3];
    latent_params_info(&x->x_obj, source_params, x->x_info);
    SETFLOAT(shape, x->x_shape.c);
    SETFLOAT(shape + 1, x->x_shape.h);
    SETFLOAT(shape + 2, x->x_shape.w);
    outlet_anything(x->x_info, gensym("shape"), 3, shape);
}

static void source_free(t_source *x)
{
    latent_node_release(x->x_last);
}

static void source_setup(void)
{
    t_class *c =
        class_new(gensym("latent.noise"), 0, (t_method)source_free, sizeof(t_source), 0, 0);
    source_class = c;
    latent_takes(c, LATENT_TAKES_BANG);
    class_addbang(c, source_bang);
    class_addfloat(c, source_float);
    class_addmethod(c, (t_method)source_walk, gensym("walk"), A_FLOAT, 0);
    class_addmethod(c, (t_method)source_loop, gensym("loop"), A_FLOAT, 0);
    class_addmethod(c, (t_method)source_drift, gensym("drift"), A_GIMME, 0);
    latent_takes_alone(c, (t_method)source_info, "info");
    latent_params_setup(c, source_params);
}

int latent_is_noise_source(int argc, const t_atom *argv)
{
    return argc > 2 && argv[0].a_type == A_FLOAT && argv[1].a_type == A_FLOAT &&
           argv[2].a_type == A_FLOAT;
}

/* Three sizes within limits: 0, or -1 after a complaint. */
static int source_takes(t_source *x, int argc, const t_atom *argv)
{
    double size[3];
    for (int i = 0; i < 3; i++) {
        size[i] = i < argc && argv[i].a_type == A_FLOAT ? (double)argv[i].a_w.w_float : 0;
        if (!(size[i] >= 1 && size[i] <= MOST_SIDE)) {
            latent_complain(&x->x_obj,
                            "noise for pictures has three sizes from 1 to %d, channels, "
                            "height and width, as in [latent.noise 3 64 64]; these are "
                            "taken now",
                            MOST_SIDE);
            return -1;
        }
    }
    if (size[0] * size[1] * size[2] > MOST_NUMBERS) {
        latent_complain(&x->x_obj, "%g x %g x %g is more noise than fits; 3 x 64 x 64 is taken",
                        size[0], size[1], size[2]);
        return -1;
    }
    x->x_shape = (latent_shape){1, (int)size[1], (int)size[2], (int)size[0]};
    return 0;
}

void *latent_noise_source_new(int argc, t_atom *argv)
{
    t_source *x;
    if (!source_class)
        source_setup();
    x = (t_source *)pd_new(source_class);
    x->x_points = 4;
    x->x_shape = (latent_shape){1, 64, 64, 3};
    argc = latent_params_flags(&x->x_obj, source_params, argc, argv);
    source_takes(x, argc, argv);
    latent_params_rest(&x->x_obj, 3, argc, argv);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_info = outlet_new(&x->x_obj, 0);
    return x;
}
