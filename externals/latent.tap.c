/* [latent.tap]: look inside a network.

   features          passed on; their picture and their statistics beside them
   channels i        one channel as grey
   channels i j k    three channels as red, green and blue
   grid n            the first n x n channels side by side
   pca               the three principal components as colours (until told otherwise)
   stats             the list again
   bang              everything again
   left outlet       the features
   middle outlet     image
   right outlet      list: every channel's mean, then every channel's deviation, when computed; only
                     worked out where something is connected.  The newest wins */
#include "engine/ops/ops.h"
#include "pd/atoms.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/outlets.h"

static t_class *latent_tap_class;

typedef struct {
    enum { PCA, CHANNELS, GRID } kind;
    int n, channel[3]; /* n: how many channels, or the grid's side */
} t_look;

typedef struct {
    t_object x_obj;
    t_look x_look;
    latent_node *x_in, *x_image;
    t_latent_job_queue *x_mail;
    t_outlet *x_out, *x_picture, *x_list;
} t_latent_tap;

static void latent_tap_done(void *z, latent_job *job)
{
    t_latent_tap *x = z;
    latent_request *r = (latent_request *)job;
    if (job->failed)
        latent_complain(&x->x_obj, "%s", job->error.text);
    else
        outlet_list(x->x_list, &s_list, (int)r->value->count, r->result);
}

static void latent_tap_stats(t_latent_tap *x)
{
    latent_error e;
    latent_node *n;
    latent_request *r;
    if (!x->x_in)
        return;
    if (!(n = latent_op_statistics(x->x_in, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    r = latent_request_new(n, latent_atoms_digest, NULL);
    if (!r || latent_job_queue_send(x->x_mail, &r->job) < 0)
        latent_complain(&x->x_obj, "no memory, or no thread, to compute with");
    latent_node_release(n);
}

/* 0, or -1 after a complaint. */
static int latent_tap_show(t_latent_tap *x)
{
    const t_look *look = &x->x_look;
    latent_error e;
    latent_node *n, *before = x->x_image;
    if (!x->x_in)
        return 0;
    n = look->kind == PCA    ? latent_op_pca(x->x_in, &e)
        : look->kind == GRID ? latent_op_grid(x->x_in, look->n, &e)
                             : latent_op_channels(x->x_in, look->channel, look->n, &e);
    if (!n) {
        latent_complain(&x->x_obj, "%s", e.text);
        return -1;
    }
    x->x_image = n;
    latent_node_release(before);
    latent_promise_send(x->x_picture, n);
    return 0;
}

/* What these features don't have leaves the look as it was. */
static void latent_tap_look(t_latent_tap *x, t_look look)
{
    t_look before = x->x_look;
    x->x_look = look;
    if (latent_tap_show(x))
        x->x_look = before;
}

static void latent_tap_bang(t_latent_tap *x)
{
    if (!x->x_in)
        return;
    if (latent_outlet_connected(&x->x_obj, 2))
        latent_tap_stats(x);
    if (latent_outlet_connected(&x->x_obj, 1))
        latent_tap_show(x);
    latent_promise_send(x->x_out, x->x_in);
}

static void latent_tap_features(t_latent_tap *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_in);
    x->x_in = n;
    latent_tap_bang(x);
}

static void latent_tap_channels(t_latent_tap *x, t_symbol *s, int argc, t_atom *argv)
{
    t_look look = {.kind = CHANNELS, .n = argc};
    (void)s;
    if (argc != 1 && argc != 3) {
        latent_complain(&x->x_obj, "channels takes one number (grey) or three (colours), %d came",
                        argc);
        return;
    }
    for (int i = 0; i < argc; i++) {
        t_float f = atom_getfloat(argv + i);
        if (!(f >= 0)) {
            latent_complain(&x->x_obj, "channels are counted from 0, %g came", (double)f);
            return;
        }
        look.channel[i] = latent_whole(f, 0, 1 << 20);
    }
    latent_tap_look(x, look);
}

static void latent_tap_grid(t_latent_tap *x, t_floatarg f)
{
    if (!(f >= 1 && f <= 64)) {
        latent_complain(&x->x_obj, "a grid has 1 to 64 channels a side, %g came", (double)f);
        return;
    }
    latent_tap_look(x, (t_look){.kind = GRID, .n = latent_whole(f, 1, 64)});
}

static void latent_tap_pca(t_latent_tap *x)
{
    latent_tap_look(x, (t_look){.kind = PCA});
}

static void *latent_tap_new(void)
{
    t_latent_tap *x = (t_latent_tap *)pd_new(latent_tap_class);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_picture = outlet_new(&x->x_obj, 0);
    x->x_list = outlet_new(&x->x_obj, &s_list);
    x->x_mail = latent_job_queue_new(x, LATENT_EVALUATOR, 1, latent_tap_done);
    return x;
}

static void latent_tap_free(t_latent_tap *x)
{
    latent_job_queue_free(x->x_mail);
    latent_node_release(x->x_in);
    latent_node_release(x->x_image);
}

void setup_latent0x2etap(void)
{
    latent_tap_class = class_new(gensym("latent.tap"), (t_newmethod)latent_tap_new,
                                 (t_method)latent_tap_free, sizeof(t_latent_tap), CLASS_DEFAULT, 0);
    latent_takes(latent_tap_class, LATENT_TAKES_FEATURES);
    class_addbang(latent_tap_class, latent_tap_bang);
    class_addmethod(latent_tap_class, (t_method)latent_tap_features, gensym("features"), A_GIMME,
                    0);
    class_addmethod(latent_tap_class, (t_method)latent_tap_channels, gensym("channels"), A_GIMME,
                    0);
    class_addmethod(latent_tap_class, (t_method)latent_tap_grid, gensym("grid"), A_FLOAT, 0);
    class_addmethod(latent_tap_class, (t_method)latent_tap_pca, gensym("pca"), 0);
    class_addmethod(latent_tap_class, (t_method)latent_tap_stats, gensym("stats"), 0);
}
