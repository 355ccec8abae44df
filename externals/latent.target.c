/* [latent.target clip]: which way to go so that a picture comes nearer to another.

   left          image: the picture that is to change.  bang: the same again
   right         image: the picture to approach, of any size
   loss pyramid, loss sse     how the distance is measured (pyramid until told): the mean squared
                 difference at full size and all its halves together; or half the sum of squared
                 differences at full size
   pixels f      the weight of that distance (1)
   perceptual f  the weight of how unlike they are to the eye of a CLIP, which looks for shapes more
                 than for pixels: of the one that is named as the argument, a file or a name given
                 by [latent.model] (1 with one, else 0)
   depths a b .. after which of its blocks it is asked, up to 8; none: a quarter, a half and three
                 quarters of them
   maps f        how far learned noise maps of the boxes that drew step, too; 0: not at all (0)
   smooth f      how strongly these maps are kept noise (100000)
   of latent, of guess     what the gradient is of: the latent that drew (until told); or a guess
                 of [latent.denoise], for [latent.push]
   left outlet   list: the gradient, num_ws rows of w_dim numbers, for the right inlet of
                 [latent.step]
   right outlet  loss <f>, before the list; dropped <n>, when pictures came too fast

   Settings are flags too.  The newest picture wins; offline none is dropped.  The same error is
   said once, until something is changed. */
#include "engine/guidance/approach.h"
#include "pd/box.h"
#include "pd/encoder.h"
#include "pd/gradient_job.h"
#include "pd/job_queue.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static t_class *latent_target_class;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_eye; /* NULL when none was named */
    int x_loss, x_of;
    double x_pixels, x_perceptual, x_maps, x_smooth;
    t_latent_list x_depths;
    int x_waits;      /* a picture came while the model was loading */
    char x_said[400]; /* the last error */
    latent_node *x_image, *x_target;
    t_latent_job_queue *x_mail;
    int x_dropped, x_told;
    struct _latent_inlet *x_right;
    t_outlet *x_out, *x_info;
} t_latent_target;

/* All that a gradient needs. */
typedef struct {
    t_latent_gradient_job slope;
    latent_model *eye; /* or NULL */
    latent_node *image, *target;
    latent_approach_settings settings;
} t_approach;

static latent_node *approach_build(t_latent_gradient_job *s, latent_error *e)
{
    t_approach *a = (t_approach *)s;
    return latent_approach(a->eye, a->image, a->target, &a->settings, e);
}

static void approach_let_go(t_latent_gradient_job *s)
{
    t_approach *a = (t_approach *)s;
    latent_model_release(a->eye);
    latent_node_release(a->image);
    latent_node_release(a->target);
}

/* What was wrong may be right now. */
static void latent_target_changed(void *z)
{
    ((t_latent_target *)z)->x_said[0] = 0;
}

static const t_latent_param latent_target_params[] = {
    {"loss", LATENT_CHOICE, offsetof(t_latent_target, x_loss), 0, 0, "pyramid sse",
     latent_target_changed},
    {"pixels", LATENT_REAL, offsetof(t_latent_target, x_pixels), 0, 1e9, NULL,
     latent_target_changed},
    {"perceptual", LATENT_REAL, offsetof(t_latent_target, x_perceptual), 0, 1e9, NULL,
     latent_target_changed},
    {"of", LATENT_CHOICE, offsetof(t_latent_target, x_of), 0, 0, "latent guess",
     latent_target_changed},
    {"maps", LATENT_REAL, offsetof(t_latent_target, x_maps), 0, 100, NULL, NULL},
    {"smooth", LATENT_REAL, offsetof(t_latent_target, x_smooth), 0, 1e12, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void latent_target_say(t_latent_target *x, const char *sentence)
{
    if (strcmp(x->x_said, sentence))
        latent_complain(&x->x_obj, "%s", sentence);
    snprintf(x->x_said, sizeof(x->x_said), "%s", sentence);
}

static void latent_target_done(void *z, latent_job *job)
{
    t_latent_target *x = z;
    if (job->failed) {
        latent_target_say(x, job->error.text);
        return;
    }
    x->x_said[0] = 0;
    latent_gradient_job_send((t_latent_gradient_job *)job, x->x_out, x->x_info, x->x_dropped,
                             &x->x_told);
}

/* The eye, where it is asked: 0, or -1 when it is not there. */
static int latent_target_eye(t_latent_target *x, latent_model **eye)
{
    *eye = NULL;
    if (x->x_perceptual == 0)
        return 0;
    *eye = latent_modelref_get(x->x_eye, !x->x_said[0]);
    if (*eye)
        return 0;
    x->x_waits = latent_modelref_loading(x->x_eye);
    strcpy(x->x_said, "no model"); /* is said once */
    return -1;
}

static void latent_target_bang(t_latent_target *x)
{
    latent_model *eye;
    t_approach *a;
    int replaced;
    x->x_waits = 0;
    if (!x->x_image)
        return;
    if (!x->x_target) {
        latent_target_say(x, "no picture to approach yet; send an image to the right inlet");
        return;
    }
    if (latent_target_eye(x, &eye))
        return;
    if (!(a = (t_approach *)latent_gradient_job_new(sizeof(*a), approach_build, approach_let_go))) {
        latent_complain(&x->x_obj, "no memory to compute with");
        return;
    }
    a->slope.learn = (latent_noise_maps_settings){x->x_maps, x->x_smooth};
    a->eye = eye ? latent_model_retain(eye) : NULL;
    a->image = latent_node_retain(x->x_image);
    a->target = latent_node_retain(x->x_target);
    a->slope.guess = x->x_of ? a->image : NULL;
    a->settings = (latent_approach_settings){.loss = x->x_loss,
                                             .pixels = (float)x->x_pixels,
                                             .perceptual = (float)x->x_perceptual,
                                             .n_depths = x->x_depths.n};
    for (int i = 0; i < x->x_depths.n; i++)
        a->settings.depths[i] = latent_whole(x->x_depths.v[i], 1, 1000);
    if ((replaced = latent_job_queue_send(x->x_mail, &a->slope.job)) < 0)
        latent_complain(&x->x_obj, "no thread to compute with");
    else
        x->x_dropped += replaced;
}

static void latent_target_ready(void *z)
{
    t_latent_target *x = z;
    latent_target_changed(x);
    if (x->x_waits)
        latent_target_bang(x);
}

static void latent_target_depths(t_latent_target *x, t_symbol *s, int argc, t_atom *argv)
{
    const latent_model *eye = latent_modelref_get(x->x_eye, 0);
    int most = eye && eye->encoder.depth ? eye->encoder.depth : 999;
    (void)s;
    latent_target_changed(x);
    for (int i = 0; i < argc; i++)
        if (argc > LATENT_MAX_DEPTHS || argv[i].a_type != A_FLOAT ||
            !(argv[i].a_w.w_float >= 1 && argv[i].a_w.w_float <= most)) {
            latent_complain(&x->x_obj, "depths are up to %d numbers of blocks, from 1 to %d",
                            LATENT_MAX_DEPTHS, most);
            return;
        }
    latent_list_set(&x->x_obj, &x->x_depths, argc, argv);
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
    latent_target_changed(x);
    if (s == gensym("image"))
        latent_target_keep(x, &x->x_target, s, argc, argv);
    else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_PICTURE, s, argc, argv);
}

static void *latent_target_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_target *x = (t_latent_target *)pd_new(latent_target_class);
    (void)s;
    x->x_pixels = 1;
    x->x_smooth = 1e5;
    x->x_perceptual = -1;
    argc = latent_params_flags(&x->x_obj, latent_target_params, argc, argv);
    latent_params_rest(&x->x_obj, argc && argv->a_type == A_SYMBOL, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_target_right);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_mail = latent_job_queue_new(x, LATENT_EVALUATOR, 1, latent_target_done);
    x->x_eye = latent_encoder_new(&x->x_obj, argc, argv, latent_target_ready);
    if (x->x_perceptual < 0)
        x->x_perceptual = argc && latent_modelref_is_word(argv);
    return x;
}

static void latent_target_free(t_latent_target *x)
{
    latent_job_queue_free(x->x_mail);
    latent_modelref_free(x->x_eye);
    latent_list_free(&x->x_depths);
    latent_inlet_free(x->x_right);
    latent_node_release(x->x_image);
    latent_node_release(x->x_target);
}

void setup_latent0x2etarget(void)
{
    latent_target_class =
        class_new(gensym("latent.target"), (t_newmethod)latent_target_new,
                  (t_method)latent_target_free, sizeof(t_latent_target), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_target_class, LATENT_TAKES_PICTURE);
    class_addbang(latent_target_class, latent_target_bang);
    class_addmethod(latent_target_class, (t_method)latent_target_image, gensym("image"), A_GIMME,
                    0);
    class_addmethod(latent_target_class, (t_method)latent_target_depths, gensym("depths"), A_GIMME,
                    0);
    latent_params_setup(latent_target_class, latent_target_params);
}
