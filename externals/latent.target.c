/* [latent.target]: which way to go so that a picture comes nearer to another.

   left          image: the picture that is to change.  bang: the same again
   right         image: the picture to approach, of any size
   loss pyramid, loss sse     how the distance is measured (pyramid until told): the mean squared
                 difference at full size and all its halves together; or half the sum of squared
                 differences at full size
   left outlet   list: the gradient, num_ws rows of w_dim numbers, for the right inlet of
   [latent.step] right outlet  loss <f>, before the list; dropped <n>, when pictures came too fast

   The newest picture wins; offline none is dropped. */
#include "engine/ops/ops.h"
#include "pd/box.h"
#include "pd/mail.h"
#include "pd/slope.h"
#include <stddef.h>

static t_class *latent_target_class;

typedef struct {
    t_object x_obj;
    int x_loss;
    latent_node *x_image, *x_target;
    t_latent_mail *x_mail;
    int x_dropped, x_told;
    struct _latent_inlet *x_right;
    t_outlet *x_out, *x_info;
} t_latent_target;

static const t_latent_param latent_target_params[] = {
    {"loss", LATENT_CHOICE, offsetof(t_latent_target, x_loss), 0, 0, "pyramid sse", NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_target_done(void *z, latent_job *job)
{
    t_latent_target *x = z;
    t_latent_slope *s = (t_latent_slope *)job;
    t_outlet *out = x->x_out;
    t_atom a;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    if (x->x_dropped != x->x_told) {
        x->x_told = x->x_dropped;
        SETFLOAT(&a, x->x_dropped);
        outlet_anything(x->x_info, gensym("dropped"), 1, &a);
    }
    SETFLOAT(&a, s->value);
    outlet_anything(x->x_info, gensym("loss"), 1, &a);
    outlet_list(out, &s_list, s->n, s->atoms);
}

static void latent_target_bang(t_latent_target *x)
{
    latent_error e;
    latent_node *loss;
    t_latent_slope *s;
    int replaced;
    if (!x->x_image)
        return;
    if (!x->x_target) {
        latent_complain(&x->x_obj, "no picture to approach yet; send an image to the right inlet");
        return;
    }
    if (!(loss = latent_op_target(x->x_image, x->x_target, x->x_loss, &e))) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    s = latent_slope_new(loss);
    latent_node_release(loss);
    if (!s || (replaced = latent_mail_send(x->x_mail, &s->job)) < 0)
        latent_complain(&x->x_obj, "no memory, or no thread, to compute with");
    else
        x->x_dropped += replaced;
}

/* Keeps the image that a message means in *place; 0, or -1 after a complaint. */
static int latent_target_keep(t_latent_target *x, latent_node **place, t_symbol *s, int argc,
                              t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return -1;
    latent_node_release(*place);
    *place = n;
    return 0;
}

static void latent_target_image(t_latent_target *x, t_symbol *s, int argc, t_atom *argv)
{
    if (!latent_target_keep(x, &x->x_image, s, argc, argv))
        latent_target_bang(x);
}

static void latent_target_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_target *x = z;
    if (s == gensym("image"))
        latent_target_keep(x, &x->x_target, s, argc, argv);
    else
        latent_complain(&x->x_obj,
                        "the right inlet takes an image, the picture to approach; %s came",
                        s->s_name);
}

static void *latent_target_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_target *x = (t_latent_target *)pd_new(latent_target_class);
    (void)s;
    argc = latent_params_flags(&x->x_obj, latent_target_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_target_right);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_mail = latent_mail_new(x, LATENT_EVALUATOR, 1, latent_target_done);
    return x;
}

static void latent_target_free(t_latent_target *x)
{
    latent_mail_free(x->x_mail);
    latent_inlet_free(x->x_right);
    latent_node_release(x->x_image);
    latent_node_release(x->x_target);
}

void setup_latent0x2etarget(void)
{
    latent_target_class =
        class_new(gensym("latent.target"), (t_newmethod)latent_target_new,
                  (t_method)latent_target_free, sizeof(t_latent_target), CLASS_DEFAULT, A_GIMME, 0);
    class_addbang(latent_target_class, latent_target_bang);
    class_addmethod(latent_target_class, (t_method)latent_target_image, gensym("image"), A_GIMME,
                    0);
    latent_params_setup(latent_target_class, latent_target_params);
}
