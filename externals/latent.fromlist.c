/* [latent.fromlist c h w]: numbers become a picture: anything that can make a list can draw.

   list      c x h x w numbers, channel after channel, row after row (0 is grey, -1 black, 1 white)
   bang      the same again
   shape c h w     another shape
   outlet    image */
#include "engine/ops/ops.h"
#include "pd/box.h"

static t_class *latent_fromlist_class;

typedef struct {
    t_object x_obj;
    int x_shape[3]; /* channels, height, width */
    t_latent_list x_list;
    latent_node *x_last;
    t_outlet *x_out;
} t_latent_fromlist;

static int latent_fromlist_takes(t_latent_fromlist *x, int argc, t_atom *argv)
{
    int shape[3];
    for (int i = 0; i < 3; i++) {
        t_float f = argc > i ? atom_getfloat(argv + i) : 0;
        if (!(f >= 1 && f <= 16384)) {
            latent_complain(&x->x_obj, "a shape is three numbers from 1 to 16384: channels, height "
                                       "and width, as in [latent.fromlist 3 64 64]");
            return -1;
        }
        shape[i] = latent_whole(f, 1, 16384);
    }
    if ((double)shape[0] * shape[1] * shape[2] > 1 << 24) {
        latent_complain(&x->x_obj, "%d x %d x %d is more than a list can hold", shape[0], shape[1],
                        shape[2]);
        return -1;
    }
    for (int i = 0; i < 3; i++)
        x->x_shape[i] = shape[i];
    return 0;
}

static void latent_fromlist_bang(t_latent_fromlist *x)
{
    if (x->x_last)
        latent_promise_send(x->x_out, x->x_last);
}

static void latent_fromlist_list(t_latent_fromlist *x, t_symbol *s, int argc, t_atom *argv)
{
    const int *d = x->x_shape;
    latent_node *n, *before = x->x_last;
    latent_error e;
    (void)s;
    if (argc != d[0] * d[1] * d[2]) {
        latent_complain(&x->x_obj,
                        "a list of %d numbers came; %d x %d x %d (channels, height, "
                        "width) are %d",
                        argc, d[0], d[1], d[2], d[0] * d[1] * d[2]);
        return;
    }
    if (latent_list_set(&x->x_obj, &x->x_list, argc, argv))
        return;
    if (!(n = latent_op_planes(x->x_list.v, d[0], d[1], d[2], before, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_last = n;
    latent_node_release(before);
    latent_promise_send(x->x_out, n);
}

static void latent_fromlist_shape(t_latent_fromlist *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_fromlist_takes(x, argc, argv);
}

static void *latent_fromlist_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_fromlist *x = (t_latent_fromlist *)pd_new(latent_fromlist_class);
    (void)s;
    x->x_shape[0] = 3;
    x->x_shape[1] = x->x_shape[2] = 64;
    if (argc)
        latent_fromlist_takes(x, argc, argv);
    x->x_out = outlet_new(&x->x_obj, 0);
    return x;
}

static void latent_fromlist_free(t_latent_fromlist *x)
{
    latent_node_release(x->x_last);
    latent_list_free(&x->x_list);
}

void setup_latent0x2efromlist(void)
{
    latent_fromlist_class = class_new(gensym("latent.fromlist"), (t_newmethod)latent_fromlist_new,
                                      (t_method)latent_fromlist_free, sizeof(t_latent_fromlist),
                                      CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_fromlist_class, LATENT_TAKES_NUMBERS);
    class_addbang(latent_fromlist_class, latent_fromlist_bang);
    class_addlist(latent_fromlist_class, latent_fromlist_list);
    class_addmethod(latent_fromlist_class, (t_method)latent_fromlist_shape, gensym("shape"),
                    A_GIMME, 0);
}
