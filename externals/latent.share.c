/* [latent.share name w h]: pictures to Gem, the graphics library for Pd, whose [pix_share_read name
   w h RGBA] has them, in this Pd or in another on the same computer.

   image    the picture; the newest wins
   outlet   fps f, how many a second were handed over, about once a second while they come

   w and h (1024 1024) are for how many pixels there is room; larger pictures are made smaller.
   When Gem was there first, its own numbers hold.  See engine/stage/share.h. */
#include "engine/graph/evaluate.h"
#include "engine/stage/share.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/rate.h"
#include "pd/size.h"
#include <stdio.h>

#define LARGEST 8192

static t_class *latent_share_class;

typedef struct {
    t_object x_obj;
    latent_share *x_share;
    latent_node *x_node; /* the newest picture, or NULL */
    int x_due;           /* Gem has it not yet */
    int x_busy;          /* one is being made */
    t_latent_rate x_rate;
    t_latent_job_queue *x_jobs;
    t_outlet *x_outlet;
} t_latent_share;

static int latent_share_digest(latent_request *r, latent_error *e)
{
    return latent_share_show(r->settings, r->value, e);
}

static void latent_share_let_go(void *share)
{
    latent_share_release(share);
}

static latent_request *latent_share_request(t_latent_share *x)
{
    latent_request *r = latent_request_new(x->x_node, latent_share_digest, NULL);
    if (r) {
        r->settings = latent_share_retain(x->x_share);
        r->let_go = latent_share_let_go;
    }
    return r;
}

static void latent_share_advance(t_latent_share *x)
{
    latent_request *r;
    if (!x->x_due || x->x_busy)
        return;
    x->x_due = 0;
    x->x_busy = 1;
    r = latent_share_request(x);
    if (r && latent_job_queue_send(x->x_jobs, &r->job) >= 0)
        return;
    x->x_busy = 0;
    latent_complain(&x->x_obj, "no memory, or no thread, to compute with");
}

static void latent_share_done(void *z, latent_job *job)
{
    t_latent_share *x = z;
    double fps;
    t_atom a;
    x->x_busy = 0;
    latent_share_advance(x);
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    latent_rate_count(&x->x_rate);
    if (!latent_rate_told(&x->x_rate, &fps))
        return;
    SETFLOAT(&a, (t_float)fps);
    outlet_anything(x->x_outlet, gensym("fps"), 1, &a);
}

static void latent_share_image(t_latent_share *x, t_symbol *s, int argc, t_atom *argv)
{
    if (!latent_picture_take(&x->x_obj, &x->x_node, s, argc, argv))
        return;
    x->x_due = 1;
    x->x_busy &= !latent_job_queue_give_up(x->x_jobs);
    latent_share_advance(x);
}

static void *latent_share_new_box(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_share *x = (t_latent_share *)pd_new(latent_share_class);
    char name[MAXPDSTRING] = "latent";
    int w = 1024, h = 1024;
    latent_error e;
    (void)s;
    if (argc && argv->a_type == A_FLOAT) /* a number is a name as Gem writes it */
        snprintf(name, sizeof(name), "%g", (double)argv->a_w.w_float);
    else if (argc)
        snprintf(name, sizeof(name), "%s", atom_getsymbol(argv)->s_name);
    if (argc > 1)
        latent_size_take(&x->x_obj, 1, LARGEST, argc - 1, argv + 1, &w, &h);
    x->x_outlet = outlet_new(&x->x_obj, 0);
    x->x_jobs = latent_job_queue_new(x, LATENT_EVALUATOR, 0, latent_share_done);
    if (!(x->x_share = latent_share_new(name, w, h, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        pd_free((t_pd *)x);
        return NULL;
    }
    return x;
}

static void latent_share_free_box(t_latent_share *x)
{
    latent_job_queue_free(x->x_jobs);
    latent_share_release(x->x_share);
    latent_node_release(x->x_node);
}

void setup_latent0x2eshare(void)
{
    t_class *c = latent_share_class = class_new(
        gensym("latent.share"), (t_newmethod)latent_share_new_box, (t_method)latent_share_free_box,
        sizeof(t_latent_share), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_PICTURE);
    class_addmethod(c, (t_method)latent_share_image, gensym("image"), A_GIMME, 0);
}
