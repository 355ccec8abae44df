/* [latent.interp]: from one list to another, and along paths through any number of key lists.  Any
   latent will do: z, w, W+, an embedding, a direction.

   Flags, each a message too: -mode lerp/slerp/spline (lerp), -ease <name> (linear), -loop 0/1 (0).

   left inlet:
   list, a <list>   key 0; speaks at the position that was given last (once there was one); a list
                    of one number is a position, but "a 3" is a key of one number
   float            the position, counted in keys: 0 is a, 1 is b, 1.5 lies halfway between keys 1
                    and 2; speaks.  Beyond the ends the path stands still
   bang             again
   add <list>       one key more, after the others
   clear            forget all keys
   mode lerp        straight lines from key to key
   mode slerp       arcs, which keep the length of z on the way
   mode spline      a smooth curve through all keys (Catmull-Rom)
   ease <name>      how each segment is passed: linear smooth smoother sine in out in-out hold
   loop 1           after the last key comes the first again: the period is the number of keys
   info             to the right outlet: how many keys and numbers, and the settings
   right inlet:
   list, b <list>   key 1; silent

   Outlets: list; info. */
#include "engine/latents/latents.h"
#include "pd/box.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#define MOST_KEYS 1024

typedef struct {
    t_object x_obj;
    t_outlet *x_info;
    struct _latent_inlet *x_right;
    int x_mode, x_ease, x_loop;
    t_latent_list *x_keys; /* [x_n]; an empty one was not given yet */
    int x_n, x_room;
    const float **x_at; /* [x_room], where the keys' numbers are */
    double x_position;
    int x_placed; /* there was a position */
    int x_said;   /* what is wrong with the keys */
    t_latent_list x_out;
} t_interp;

static t_class *interp_class;

static const t_latent_param interp_params[] = {
    {"mode", LATENT_CHOICE, offsetof(t_interp, x_mode), 0, 0, LATENT_PATH_MODES, NULL},
    {"ease", LATENT_CHOICE, offsetof(t_interp, x_ease), 0, 0, LATENT_EASES, NULL},
    {"loop", LATENT_WHOLE, offsetof(t_interp, x_loop), 0, 1, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* Makes room for one key more; the new room holds empty lists. */
static int interp_grow(t_interp *x)
{
    int room = x->x_room ? 2 * x->x_room : 4;
    t_latent_list *keys = realloc(x->x_keys, (size_t)room * sizeof(*keys));
    const float **at;
    if (keys)
        x->x_keys = keys;
    if (!keys || !(at = realloc(x->x_at, (size_t)room * sizeof(*at)))) {
        latent_complain(&x->x_obj, "there is no memory for %d keys", room);
        return -1;
    }
    x->x_at = at;
    for (int i = x->x_room; i < room; i++)
        x->x_keys[i] = (t_latent_list){0, 0, NULL};
    x->x_room = room;
    return 0;
}

/* Sets one key; 0, or -1 after a complaint. */
static int interp_key(t_interp *x, int key, const char *name, int argc, const t_atom *argv)
{
    if (!argc) {
        latent_complain(&x->x_obj, "%s is an empty list, but a key needs numbers", name);
        return -1;
    }
    if (key >= MOST_KEYS) {
        latent_complain(&x->x_obj, "there are %d keys, more do not fit; clear forgets them",
                        MOST_KEYS);
        return -1;
    }
    while (key >= x->x_room)
        if (interp_grow(x))
            return -1;
    if (latent_list_set(&x->x_obj, &x->x_keys[key], argc, argv))
        return -1;
    x->x_said = 0;
    if (key >= x->x_n)
        x->x_n = key + 1;
    return 0;
}

/* Positions come many times a second: what is wrong with the keys is said once, until a key or a
   bang comes. */
static int interp_said(t_interp *x)
{
    int said = x->x_said;
    x->x_said = 1;
    return said;
}

static void interp_send(t_interp *x)
{
    latent_path path = {(latent_path_mode)x->x_mode, (latent_ease)x->x_ease, x->x_loop};
    if (!x->x_n) {
        if (!interp_said(x))
            latent_complain(&x->x_obj,
                            "there are no keys; send a list to the left inlet and one to "
                            "the right, or add lists");
        return;
    }
    for (int i = 0; i < x->x_n; i++) {
        if (!x->x_keys[i].n) {
            if (!interp_said(x))
                latent_complain(&x->x_obj,
                                "key %d has not been given; send its list to the left inlet", i);
            return;
        }
        if (x->x_keys[i].n != x->x_keys[0].n) {
            if (!interp_said(x))
                latent_complain(
                    &x->x_obj,
                    "all keys must be equally long, but key 0 has %d numbers and key %d "
                    "has %d; send one of them again, or clear",
                    x->x_keys[0].n, i, x->x_keys[i].n);
            return;
        }
        x->x_at[i] = x->x_keys[i].v;
    }
    if (latent_list_room(&x->x_obj, &x->x_out, x->x_keys[0].n))
        return;
    latent_path_at(&path, x->x_at, x->x_n, x->x_out.n, x->x_position, x->x_out.v);
    latent_list_send(x->x_obj.ob_outlet, x->x_out.n, x->x_out.v);
}

static void interp_bang(t_interp *x)
{
    x->x_said = 0;
    interp_send(x);
}

static void interp_float(t_interp *x, t_floatarg f)
{
    if (!isfinite(f)) {
        latent_complain(&x->x_obj, "a position is a finite number, but %g came", (double)f);
        return;
    }
    x->x_position = f;
    x->x_placed = 1;
    interp_send(x);
}

static void interp_a(t_interp *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!interp_key(x, 0, "a", argc, argv) && x->x_placed)
        interp_send(x);
}

/* In Pd a list of nothing is a bang and a list of one number is that number. */
static void interp_list(t_interp *x, t_symbol *s, int argc, t_atom *argv)
{
    if (argc == 0)
        interp_bang(x);
    else if (argc == 1 && argv->a_type == A_FLOAT)
        interp_float(x, argv->a_w.w_float);
    else
        interp_a(x, s, argc, argv);
}

static void interp_b(t_interp *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    interp_key(x, 1, "b", argc, argv);
}

static void interp_add(t_interp *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    interp_key(x, x->x_n, "add", argc, argv);
}

static void interp_clear(t_interp *x)
{
    for (int i = 0; i < x->x_n; i++)
        latent_list_free(&x->x_keys[i]);
    x->x_n = 0;
}

static void interp_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_interp *x = z;
    if (s == &s_list || s == &s_float || s == gensym("b"))
        interp_b(x, s, argc, argv);
    else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_LATENT, s, argc, argv);
}

static void interp_info(t_interp *x)
{
    latent_params_info(&x->x_obj, interp_params, x->x_info);
    if (x->x_placed)
        latent_info_number(x->x_info, "position", x->x_position);
    latent_info_number(x->x_info, "dim", x->x_n ? x->x_keys[0].n : 0);
    latent_info_number(x->x_info, "keys", x->x_n);
}

static void *interp_new(t_symbol *s, int argc, t_atom *argv)
{
    t_interp *x = (t_interp *)pd_new(interp_class);
    (void)s;
    argc = latent_params_flags(&x->x_obj, interp_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, interp_right);
    outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, NULL);
    return x;
}

static void interp_free(t_interp *x)
{
    interp_clear(x);
    free(x->x_keys);
    free(x->x_at);
    latent_list_free(&x->x_out);
    latent_inlet_free(x->x_right);
}

__attribute__((visibility("default"))) void setup_latent0x2einterp(void)
{
    interp_class = class_new(gensym("latent.interp"), (t_newmethod)interp_new,
                             (t_method)interp_free, sizeof(t_interp), 0, A_GIMME, 0);
    latent_takes(interp_class, LATENT_TAKES_LATENT);
    class_addbang(interp_class, interp_bang);
    class_addfloat(interp_class, interp_float);
    class_addlist(interp_class, interp_list);
    class_addmethod(interp_class, (t_method)interp_a, gensym("a"), A_GIMME, 0);
    class_addmethod(interp_class, (t_method)interp_b, gensym("b"), A_GIMME, 0);
    class_addmethod(interp_class, (t_method)interp_add, gensym("add"), A_GIMME, 0);
    class_addmethod(interp_class, (t_method)interp_clear, gensym("clear"), 0);
    latent_takes_alone(interp_class, (t_method)interp_info, "info");
    latent_params_setup(interp_class, interp_params);
}
