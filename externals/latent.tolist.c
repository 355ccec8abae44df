/* [latent.tolist]: a promise becomes numbers.

   features or image   asks for the value; the newest wins, offline none is dropped
   bang                the last one again
   left outlet         list: the network's own numbers, not clamped, in channel, row, column order
   right outlet        shape c h w, before the list; dropped n, when some came too fast */
#include "pd/atoms.h"
#include "pd/box.h"
#include "pd/job_queue.h"

static t_class *latent_tolist_class;

typedef struct {
    t_object x_obj;
    t_latent_job_queue *x_mail;
    latent_node *x_last;
    int x_dropped, x_told;
    t_outlet *x_out, *x_info;
} t_latent_tolist;

static void latent_tolist_done(void *z, latent_job *job)
{
    t_latent_tolist *x = z;
    latent_request *r = (latent_request *)job;
    t_outlet *out = x->x_out;
    t_atom shape[3];
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    if (x->x_dropped != x->x_told) {
        x->x_told = x->x_dropped;
        SETFLOAT(shape, x->x_dropped);
        outlet_anything(x->x_info, gensym("dropped"), 1, shape);
    }
    SETFLOAT(shape, r->value->shape.c);
    SETFLOAT(shape + 1, r->value->shape.h);
    SETFLOAT(shape + 2, r->value->shape.w);
    outlet_anything(x->x_info, gensym("shape"), 3, shape);
    outlet_list(out, &s_list, (int)r->value->count, r->result);
}

static void latent_tolist_bang(t_latent_tolist *x)
{
    latent_request *r;
    int replaced;
    if (!x->x_last)
        return;
    if (!(r = latent_request_new(x->x_last, latent_atoms_digest, NULL)) ||
        (replaced = latent_job_queue_send(x->x_mail, &r->job)) < 0)
        latent_complain(&x->x_obj, "no memory, or no thread, to compute with");
    else
        x->x_dropped += replaced;
}

static void latent_tolist_promise(t_latent_tolist *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_last);
    x->x_last = n;
    latent_tolist_bang(x);
}

static void *latent_tolist_new(void)
{
    t_latent_tolist *x = (t_latent_tolist *)pd_new(latent_tolist_class);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_mail = latent_job_queue_new(x, LATENT_EVALUATOR, 1, latent_tolist_done);
    return x;
}

static void latent_tolist_free(t_latent_tolist *x)
{
    latent_job_queue_free(x->x_mail);
    latent_node_release(x->x_last);
}

void setup_latent0x2etolist(void)
{
    latent_tolist_class =
        class_new(gensym("latent.tolist"), (t_newmethod)latent_tolist_new,
                  (t_method)latent_tolist_free, sizeof(t_latent_tolist), CLASS_DEFAULT, 0);
    latent_takes(latent_tolist_class, LATENT_TAKES_PROMISE);
    class_addbang(latent_tolist_class, latent_tolist_bang);
    class_addmethod(latent_tolist_class, (t_method)latent_tolist_promise, gensym("features"),
                    A_GIMME, 0);
    class_addmethod(latent_tolist_class, (t_method)latent_tolist_promise, gensym("image"), A_GIMME,
                    0);
}
