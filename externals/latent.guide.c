/* [latent.guide model]: which way to go so that a picture looks more like what words say: a
   gradient by way of a CLIP.

   left            image: the picture that is to change.  bang: the same again, by other cutouts
   right           image: a picture to look like; list: an embedding, as target
   prompt <words>  what it shall show, instead of all texts before; without words: no text
   add w <words>   one more text with a weight; a negative one pushes away
   target <list>   an embedding to go towards (from [latent.clip]), one at a time; empty: none
   clear           no texts, embeddings and pictures any more
   loss spherical, loss cosine, loss directional     how the distance is measured (spherical)
   from <words>    for directional: what the picture shows now; the picture that comes next is the
                   start, and the goal is its embedding moved by what the prompt says more than from
   start           the picture that comes next is a new start
   follow 1        so is a picture whose latent jumped: whose styles lie further from those of the
                   picture before than half of how far the network's styles lie from their mean; 0:
                   only after start and from, as where [latent.step] shakes the latent (1)
   reach f         for directional: how far it is moved, a picture's embedding being 1 long; 0: as
                   far as the words are apart, which may be less than pictures of them are (0)
   cutouts n       so many squares of the picture are looked at (8); 0: the whole picture, once
   power f         of their sizes: below 1 most are large, above 1 most are small (0.5)
   augment f       each is mirrored, turned, moved, sized and tinted a little by chance, 0 to 1 (0)
   seed n          of their places; every picture gets the next ones
   of guess        the gradient is of a diffusion's guess, for [latent.push], not of the latent
   recall n        has a network draw n pictures, in the background, and remembers how they look to
                   the CLIP: the goal is then what the nearest of them (one in 300) look like, and
                   their mean w goes before each gradient as "mean <list>", to which the pull of
                   [latent.step] pulls; 0: not (0)
   stop            ends the recalling; what is there is enough
   generator name  which network: a name or a file; without it, or 0, the built-in fish
   preset <name>   loss, cutouts, power and augment as others have them: sg3clip, styleclip, nada,
                   stylemc, vqganclip
   info            the settings, to the right outlet
   left outlet     list: the gradient, num_ws rows of w_dim numbers, for [latent.step]; with recall
                   mean <list> before it
   right outlet    loss <f>, before the list; dropped <n>, when pictures came too fast; recall <f>,
                   how much of what is to be recalled is there, up to 1

   Settings are flags too.  The newest picture wins; offline none is dropped.  Without an argument
   the built-in clip-tiny is used, which knows fish in English and Chinese; otherwise it is a file
   or a name given by [latent.model], and a vocabulary, where the model needs one, lies beside the
   file or in Pd's path.  The same error is said once, until something is changed. */
#include "engine/guidance/reference.h"
#include "engine/ops/ops.h"
#include "pd/box.h"
#include "pd/encoder.h"
#include "pd/guidance.h"
#include "pd/job_queue.h"
#include "pd/recaller.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static t_class *latent_guide_class;

typedef struct {
    t_object x_obj;
    t_latent_modelref *x_model;
    int x_loss, x_cutouts, x_seed;
    double x_power, x_augment, x_reach;
    unsigned x_steps; /* since the seed was set */
    latent_goal x_goals[LATENT_MAX_GOALS];
    int x_n;
    char *x_from;
    latent_reference x_start; /* the picture that directional begins with */
    int x_follow, x_of;
    latent_node *x_image;
    latent_guide_kept x_kept;
    int x_recall;     /* pictures that are to be recalled, or 0 */
    t_symbol *x_word; /* of the network that draws them, or the empty one */
    t_latent_recaller *x_recaller;
    int x_waits; /* a picture came while the model was loading */
    int x_dropped, x_told;
    char x_said[400]; /* the last error */
    t_latent_job_queue *x_mail;
    struct _latent_inlet *x_right;
    t_outlet *x_out, *x_info;
} t_latent_guide;

static void latent_guide_say(t_latent_guide *x, const char *sentence)
{
    if (strcmp(x->x_said, sentence))
        latent_complain(&x->x_obj, "%s", sentence);
    snprintf(x->x_said, sizeof(x->x_said), "%s", sentence);
}

/* What was wrong may be right now. */
static void latent_guide_changed(void *z)
{
    ((t_latent_guide *)z)->x_said[0] = 0;
}

static void latent_guide_recall_anew(void *z)
{
    t_latent_guide *x = z;
    latent_guide_changed(x);
    latent_recaller_set(x->x_recaller, x->x_recall, x->x_word, 1);
}

static void latent_guide_renewed(void *z)
{
    latent_recaller_renewed(((t_latent_guide *)z)->x_recaller);
}

static void latent_guide_reseeded(void *z)
{
    ((t_latent_guide *)z)->x_steps = 0;
    latent_guide_changed(z);
}

static const t_latent_param latent_guide_params[] = {
    {"loss", LATENT_CHOICE, offsetof(t_latent_guide, x_loss), 0, 0, "spherical cosine directional",
     latent_guide_changed},
    {"cutouts", LATENT_WHOLE, offsetof(t_latent_guide, x_cutouts), 0, 256, NULL,
     latent_guide_changed},
    {"power", LATENT_REAL, offsetof(t_latent_guide, x_power), 0.01, 100, NULL,
     latent_guide_changed},
    {"augment", LATENT_REAL, offsetof(t_latent_guide, x_augment), 0, 1, NULL, latent_guide_changed},
    {"reach", LATENT_REAL, offsetof(t_latent_guide, x_reach), 0, 100, NULL, latent_guide_changed},
    {"follow", LATENT_WHOLE, offsetof(t_latent_guide, x_follow), 0, 1, NULL, NULL},
    {"of", LATENT_CHOICE, offsetof(t_latent_guide, x_of), 0, 0, "latent guess", NULL},
    {"seed", LATENT_WHOLE, offsetof(t_latent_guide, x_seed), 0, 0, NULL, latent_guide_reseeded},
    {"recall", LATENT_WHOLE, offsetof(t_latent_guide, x_recall), 0, LATENT_RECALL_MOST, NULL,
     latent_guide_recall_anew},
    {"generator", LATENT_WORD, offsetof(t_latent_guide, x_word), 0, 0, NULL,
     latent_guide_recall_anew},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* What was recalled, for the pull of [latent.step]. */
static void latent_guide_send_mean(t_latent_guide *x, const t_latent_guidance *w)
{
    int n = w->mean ? latent_recall_size(w->recall) : 0;
    char sentence[200];
    if (n && n != w->slope.w_dim) {
        snprintf(sentence, sizeof(sentence),
                 "what is recalled are w of %d numbers, but those of this picture have %d; "
                 "generator and a name says which network draws",
                 n, w->slope.w_dim);
        latent_guide_say(x, sentence);
        return;
    }
    x->x_said[0] = 0;
    if (n)
        latent_list_send_as(x->x_out, gensym("mean"), n, w->mean);
}

static void latent_guide_done(void *z, latent_job *job)
{
    t_latent_guide *x = z;
    t_latent_guidance *w = (t_latent_guidance *)job;
    if (job->failed) {
        latent_guide_say(x, job->error.text);
        return;
    }
    latent_guide_forget(&x->x_kept);
    x->x_kept = w->kept;
    w->kept.n = 0;
    latent_guide_send_mean(x, w);
    latent_gradient_job_send(&w->slope, x->x_out, x->x_info, x->x_dropped, &x->x_told);
}

static void latent_guide_bang(t_latent_guide *x)
{
    latent_guide_settings settings;
    latent_model *m;
    t_latent_guidance *w;
    latent_error e;
    int replaced;
    x->x_waits = 0;
    if (!x->x_image)
        return;
    m = latent_modelref_get(x->x_model, !x->x_said[0]);
    if (!m) {
        x->x_waits = latent_modelref_loading(x->x_model);
        strcpy(x->x_said, "no model"); /* is said once */
        return;
    }
    if (x->x_from && latent_reference_see(&x->x_start, x->x_image, x->x_follow, &e))
        latent_guide_say(x, e.text);
    settings = (latent_guide_settings){.loss = x->x_loss,
                                       .cutouts = x->x_cutouts,
                                       .power = (float)x->x_power,
                                       .augment = (float)x->x_augment,
                                       .seed = (uint32_t)x->x_seed + x->x_steps,
                                       .from = x->x_from,
                                       .start = x->x_start.start,
                                       .reach = (float)x->x_reach};
    w = latent_guidance_new(m, x->x_image, x->x_goals, x->x_n, &settings,
                            latent_recaller_get(x->x_recaller));
    x->x_steps++;
    if (w && x->x_of)
        w->slope.guess = x->x_image; /* which w holds, too */
    if (!w || (replaced = latent_job_queue_send(x->x_mail, &w->slope.job)) < 0)
        latent_guide_say(x, "no memory, or no thread, to compute with");
    else
        x->x_dropped += replaced;
}

static void latent_guide_image(t_latent_guide *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_image);
    x->x_image = n;
    latent_guide_bang(x);
}

static void latent_guide_ready(void *z)
{
    t_latent_guide *x = z;
    latent_guide_changed(x);
    latent_recaller_set(x->x_recaller, x->x_recall, x->x_word, 0);
    if (x->x_waits)
        latent_guide_bang(x);
}

/* ---- what to go towards */

typedef enum { TEXTS, IMAGES, EMBEDDINGS, EVERYTHING } t_sort;

static void latent_guide_drop(t_latent_guide *x, t_sort sort)
{
    int kept = 0;
    for (int i = 0; i < x->x_n; i++) {
        latent_goal *g = &x->x_goals[i];
        if (sort == EVERYTHING || (sort == TEXTS && g->text) || (sort == IMAGES && g->image) ||
            (sort == EMBEDDINGS && g->embedding))
            latent_goal_free(g);
        else
            x->x_goals[kept++] = *g;
    }
    x->x_n = kept;
    latent_guide_changed(x);
}

/* Takes what is in the goal over. */
static void latent_guide_add_goal(t_latent_guide *x, latent_goal g)
{
    latent_guide_changed(x);
    if (x->x_n < LATENT_MAX_GOALS) {
        x->x_goals[x->x_n++] = g;
        return;
    }
    latent_goal_free(&g);
    latent_complain(&x->x_obj, "there are %d targets already; clear takes them away", x->x_n);
}

static void latent_guide_prompt(t_latent_guide *x, t_symbol *s, int argc, t_atom *argv)
{
    char *text = argc ? latent_guidance_text(&x->x_obj, x->x_model, argc, argv) : NULL;
    (void)s;
    if (text || !argc)
        latent_guide_drop(x, TEXTS);
    if (text)
        latent_guide_add_goal(x, (latent_goal){.weight = 1, .text = text});
}

static void latent_guide_add(t_latent_guide *x, t_symbol *s, int argc, t_atom *argv)
{
    char *text;
    (void)s;
    if (argc < 2 || argv->a_type != A_FLOAT)
        latent_complain(&x->x_obj, "add wants a weight and words, as in \"add -0.5 a cartoon\"");
    else if ((text = latent_guidance_text(&x->x_obj, x->x_model, argc - 1, argv + 1)))
        latent_guide_add_goal(x, (latent_goal){.weight = (float)atom_getfloat(argv), .text = text});
}

static void latent_guide_target(t_latent_guide *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = NULL;
    (void)s;
    if (argc && !(n = latent_guidance_target(&x->x_obj, x->x_model, argc, argv)))
        return;
    latent_guide_drop(x, EMBEDDINGS);
    if (n)
        latent_guide_add_goal(x, (latent_goal){.weight = 1, .embedding = n});
}

static void latent_guide_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_guide *x = z;
    latent_node *n;
    if (s == &s_list || s == &s_float)
        latent_guide_target(x, s, argc, argv);
    else if (s != gensym("image"))
        latent_wrong_right(&x->x_obj, LATENT_TAKES_GOAL, s, argc, argv);
    else if ((n = latent_promise_get(&x->x_obj, s, argc, argv))) {
        latent_guide_drop(x, IMAGES);
        latent_guide_add_goal(x, (latent_goal){.weight = 1, .image = n});
    }
}

static void latent_guide_clear(t_latent_guide *x)
{
    latent_guide_drop(x, EVERYTHING);
}

static void latent_guide_from(t_latent_guide *x, t_symbol *s, int argc, t_atom *argv)
{
    char *text = argc ? latent_guidance_text(&x->x_obj, x->x_model, argc, argv) : NULL;
    (void)s;
    if (argc && !text)
        return;
    free(x->x_from);
    x->x_from = text;
    latent_reference_forget(&x->x_start);
    latent_guide_changed(x);
}

static void latent_guide_start(t_latent_guide *x)
{
    latent_reference_forget(&x->x_start);
}

static void latent_guide_stop(t_latent_guide *x)
{
    latent_recaller_stop(x->x_recaller);
}

static void latent_guide_preset_named(t_latent_guide *x, t_symbol *name)
{
    latent_guide_settings s;
    latent_error e;
    if (latent_guide_preset(name->s_name, &s, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_loss = s.loss;
    x->x_cutouts = s.cutouts;
    x->x_power = s.power;
    x->x_augment = s.augment;
    latent_guide_changed(x);
}

static void latent_guide_info(t_latent_guide *x)
{
    latent_params_info(&x->x_obj, latent_guide_params, x->x_info);
}

static void *latent_guide_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_guide *x = (t_latent_guide *)pd_new(latent_guide_class);
    (void)s;
    x->x_loss = LATENT_GUIDE_SPHERICAL;
    x->x_cutouts = 8;
    x->x_power = 0.5;
    x->x_follow = 1;
    x->x_word = &s_;
    argc = latent_params_flags(&x->x_obj, latent_guide_params, argc, argv);
    latent_params_rest(&x->x_obj, argc && argv->a_type == A_SYMBOL, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, latent_guide_right);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_mail = latent_job_queue_new(x, LATENT_EVALUATOR, 1, latent_guide_done);
    x->x_model = latent_encoder_new(&x->x_obj, argc, argv, latent_guide_ready);
    x->x_recaller = latent_recaller_new(&x->x_obj, x->x_model, x->x_info, latent_guide_renewed);
    latent_recaller_set(x->x_recaller, x->x_recall, x->x_word, 0);
    return x;
}

static void latent_guide_free(t_latent_guide *x)
{
    latent_job_queue_free(x->x_mail);
    latent_recaller_free(x->x_recaller);
    latent_modelref_free(x->x_model);
    latent_inlet_free(x->x_right);
    latent_guide_drop(x, EVERYTHING);
    free(x->x_from);
    latent_reference_forget(&x->x_start);
    latent_node_release(x->x_image);
    latent_guide_forget(&x->x_kept);
}

void setup_latent0x2eguide(void)
{
    latent_guide_class =
        class_new(gensym("latent.guide"), (t_newmethod)latent_guide_new,
                  (t_method)latent_guide_free, sizeof(t_latent_guide), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_guide_class, LATENT_TAKES_PICTURE);
    class_addbang(latent_guide_class, latent_guide_bang);
    class_addmethod(latent_guide_class, (t_method)latent_guide_image, gensym("image"), A_GIMME, 0);
    class_addmethod(latent_guide_class, (t_method)latent_guide_prompt, gensym("prompt"), A_GIMME,
                    0);
    class_addmethod(latent_guide_class, (t_method)latent_guide_add, gensym("add"), A_GIMME, 0);
    class_addmethod(latent_guide_class, (t_method)latent_guide_target, gensym("target"), A_GIMME,
                    0);
    class_addmethod(latent_guide_class, (t_method)latent_guide_from, gensym("from"), A_GIMME, 0);
    class_addmethod(latent_guide_class, (t_method)latent_guide_start, gensym("start"), 0);
    class_addmethod(latent_guide_class, (t_method)latent_guide_clear, gensym("clear"), 0);
    class_addmethod(latent_guide_class, (t_method)latent_guide_stop, gensym("stop"), 0);
    class_addmethod(latent_guide_class, (t_method)latent_guide_preset_named, gensym("preset"),
                    A_DEFSYM, 0);
    latent_takes_alone(latent_guide_class, (t_method)latent_guide_info, "info");
    latent_params_setup(latent_guide_class, latent_guide_params);
}
