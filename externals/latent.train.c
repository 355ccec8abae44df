/* [latent.train]: trains a generator of StyleGAN2 in the background while everything plays, and
   lets other boxes play it as it learns; [latent.train clip]: the same for a small CLIP.

   new <size> <channels ...>   fresh networks for pictures of 8 to 256 pixels; channels of the
                    blocks of 4, 8, 16 ... pixels (256 256 128 64 32 16 16 when none are named)
   from <model>     networks to go on with: a file, a name given by [latent.model], or, without a
                    word, the built-in model; with its discriminator where the file has one.
                    What was made, new or from or resumed, has the name at once
   data rule <name> pictures from a rule, without end; data discs: the simplest of all
   data <name>      those of [latent.dataset -name <name>] as they are now; or those of a folder
   start <n>        trains (n: so many thousand pictures, then done; offline there must be a number)
   stop             waits; start goes on
   save <file>      everything, to go on another day; resume <file>: just there
   write <file>     the generator as it is now, as a model's file
   score <n>        how far n of its pictures (1000) are from n of the data's
   rate f, r1 f     of learning (0.0025), and of holding the discriminator back (1)
   freeze-D n       so many blocks of the discriminator, from the picture's side, learn no more
   augment f        how often pictures are changed before the discriminator sees them; -1: found
                    while it trains, none for pictures without end
   mirror 0/1       1: the pictures of the next folder may be turned left to right
   mixing f         so many pictures get two styles (0.3)
   path f           how much a small step of w shall change a picture equally, wherever it is (0)
   snapshot n       a new model under the name every n thousand pictures (1)
   batch n, seed n, z n        for the next new, from (16, 1, 128)
   name <word>      other boxes name the network by that word, and get it anew with each snapshot
   info             the settings and what there is
   left outlet      bang when the model under the name is a new one
   right outlet     progress <thousand pictures> <pictures a second>, loss <generator>
                    <discriminator>, augmented f, made <size>, saved <file>, resumed <file>,
                    written <file>, done (after start n), data <pictures, 0: without end> <files
                    that could not be read>, score <percent> <floor>

   A score is the Frechet distance of what the built-in clip-tiny sees, in percent of the variance
   of the real pictures: 0 is the same, and the floor what real pictures get against others.

   [latent.train clip] learns from pictures and what is said about them, for [latent.clip] and
   [latent.guide].  It has new, data, start, stop, save, resume, write, rate (0.0015), snapshot,
   batch (128), seed, name and info, and
   steps n          of the whole training: the rate falls until then (4000)
   disturb f        how much pictures are disturbed: 1 as usual
   attack f         how far pictures are moved against the network before it learns from them (0)
   and its loss is loss <loss> <share of pictures and sentences that found each other>.

   [latent.train diffusion] learns to find pictures in noise when it is told of them, for
   [latent.denoise] and [latent.sampler]; the built-in clip-tiny reads for it.  It has new <size>
   (64), data, start, stop, save, resume, write, rate (0.01), snapshot, batch (32), steps (7500),
   seed, name and info, and
   drop f           so often it sees a picture without its words, so that guidance can work (0.12)
   keep n           so many pictures are drawn once, kept in memory and seen again; 0: all are new
   and its loss is loss <loss> 0.

   Settings are flags too, [latent.train -name fish -seed 7].  It works in a thread of its own that
   gives way to everything else. */
#include "engine/media/picture.h"
#include "pd/box.h"
#include "pd/training_session.h"
#include <limits.h>
#include <stddef.h>
#include <string.h>

#define SCORED 1000 /* pictures */

static t_class *latent_train_class, *latent_train_clip_class, *latent_train_diffusion_class;

typedef struct {
    t_object x_obj;
    t_latent_training_session *x_pupil;
    double x_rate, x_r1, x_augment, x_mixing, x_path, x_snapshot, x_disturb, x_attack, x_drop;
    int x_batch, x_freeze, x_mirror, x_seed, x_z, x_steps, x_keep, x_size;
    t_symbol *x_name;
    t_outlet *x_out, *x_info;
} t_latent_train;

/* ---- settings */

static void latent_train_renamed(void *z)
{
    latent_training_session_renamed(((t_latent_train *)z)->x_pupil);
}

static const t_latent_param latent_train_params[] = {
    {"rate", LATENT_REAL, offsetof(t_latent_train, x_rate), 0, 1, NULL, NULL},
    {"r1", LATENT_REAL, offsetof(t_latent_train, x_r1), 0, 1000, NULL, NULL},
    {"batch", LATENT_WHOLE, offsetof(t_latent_train, x_batch), 4, 256, NULL, NULL},
    {"freeze-D", LATENT_WHOLE, offsetof(t_latent_train, x_freeze), 0, LATENT_BLOCKS, NULL, NULL},
    {"augment", LATENT_REAL, offsetof(t_latent_train, x_augment), -1, 1, NULL, NULL},
    {"mirror", LATENT_WHOLE, offsetof(t_latent_train, x_mirror), 0, 1, NULL, NULL},
    {"mixing", LATENT_REAL, offsetof(t_latent_train, x_mixing), 0, 1, NULL, NULL},
    {"path", LATENT_REAL, offsetof(t_latent_train, x_path), 0, 1000, NULL, NULL},
    {"snapshot", LATENT_REAL, offsetof(t_latent_train, x_snapshot), 0, 1e6, NULL, NULL},
    {"seed", LATENT_WHOLE, offsetof(t_latent_train, x_seed), 0, 1 << 24, NULL, NULL},
    {"z", LATENT_WHOLE, offsetof(t_latent_train, x_z), 1, 2048, NULL, NULL},
    {"name", LATENT_WORD, offsetof(t_latent_train, x_name), 0, 0, NULL, latent_train_renamed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static const t_latent_param latent_train_clip_params[] = {
    {"rate", LATENT_REAL, offsetof(t_latent_train, x_rate), 0, 1, NULL, NULL},
    {"batch", LATENT_WHOLE, offsetof(t_latent_train, x_batch), 8, 1024, NULL, NULL},
    {"steps", LATENT_WHOLE, offsetof(t_latent_train, x_steps), 1, 1e9, NULL, NULL},
    {"disturb", LATENT_REAL, offsetof(t_latent_train, x_disturb), 0, 2, NULL, NULL},
    {"attack", LATENT_REAL, offsetof(t_latent_train, x_attack), 0, 100, NULL, NULL},
    {"snapshot", LATENT_REAL, offsetof(t_latent_train, x_snapshot), 0, 1e6, NULL, NULL},
    {"seed", LATENT_WHOLE, offsetof(t_latent_train, x_seed), 0, 1 << 24, NULL, NULL},
    {"name", LATENT_WORD, offsetof(t_latent_train, x_name), 0, 0, NULL, latent_train_renamed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static const t_latent_param latent_train_diffusion_params[] = {
    {"rate", LATENT_REAL, offsetof(t_latent_train, x_rate), 0, 1, NULL, NULL},
    {"batch", LATENT_WHOLE, offsetof(t_latent_train, x_batch), 1, 64, NULL, NULL},
    {"steps", LATENT_WHOLE, offsetof(t_latent_train, x_steps), 1, 1e9, NULL, NULL},
    {"drop", LATENT_REAL, offsetof(t_latent_train, x_drop), 0, 1, NULL, NULL},
    {"keep", LATENT_WHOLE, offsetof(t_latent_train, x_keep), 0, 1 << 20, NULL, NULL},
    {"snapshot", LATENT_REAL, offsetof(t_latent_train, x_snapshot), 0, 1e6, NULL, NULL},
    {"seed", LATENT_WHOLE, offsetof(t_latent_train, x_seed), 0, 1 << 24, NULL, NULL},
    {"name", LATENT_WORD, offsetof(t_latent_train, x_name), 0, 0, NULL, latent_train_renamed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static int latent_train_is(const t_latent_train *x, const t_class *c)
{
    return pd_class(&x->x_obj.ob_pd) == c;
}

static const t_latent_param *latent_train_table(const t_latent_train *x)
{
    return latent_train_is(x, latent_train_clip_class)        ? latent_train_clip_params
           : latent_train_is(x, latent_train_diffusion_class) ? latent_train_diffusion_params
                                                              : latent_train_params;
}

static void latent_train_usual(t_latent_train *x)
{
    latent_train_settings usual = latent_train_defaults();
    latent_clip_settings clip = latent_clip_settings_usual();
    latent_diffusion_settings diffusion = latent_diffusion_settings_usual(64);
    x->x_rate = (double)usual.rate_g;
    x->x_batch = usual.batch;
    x->x_steps = (int)clip.steps;
    if (latent_train_is(x, latent_train_clip_class)) {
        x->x_rate = (double)clip.rate;
        x->x_batch = clip.batch;
    }
    if (latent_train_is(x, latent_train_diffusion_class)) {
        x->x_rate = (double)diffusion.rate;
        x->x_batch = diffusion.batch;
        x->x_steps = (int)(diffusion.images / diffusion.batch);
    }
    x->x_drop = (double)diffusion.drop;
    x->x_r1 = (double)usual.r1;
    x->x_augment = (double)usual.augment;
    x->x_mixing = (double)usual.mixing;
    x->x_path = (double)usual.path;
    x->x_disturb = (double)clip.disturb;
    x->x_attack = (double)clip.attack;
    x->x_seed = (int)usual.seed;
    x->x_z = 128;
    x->x_size = 64;
    x->x_snapshot = 1;
    x->x_name = &s_;
}

static void latent_train_wishes(void *z, latent_train_job *j)
{
    const t_latent_train *x = z;
    latent_train_settings *s = &j->settings;
    *s = latent_train_defaults();
    s->batch = x->x_batch;
    s->seed = (uint64_t)x->x_seed;
    s->rate_g = s->rate_d = (float)x->x_rate;
    s->r1 = (float)x->x_r1;
    s->freeze = x->x_freeze;
    s->augment = x->x_augment < 0 ? -1 : (float)x->x_augment;
    s->mixing = (float)x->x_mixing;
    s->path = (float)x->x_path;
    j->mirrored = x->x_mirror;
    j->clip = latent_clip_settings_usual();
    j->clip.batch = x->x_batch;
    j->clip.seed = (uint64_t)x->x_seed;
    j->clip.rate = (float)x->x_rate;
    j->clip.steps = x->x_steps;
    j->clip.disturb = (float)x->x_disturb;
    j->clip.attack = (float)x->x_attack;
    j->diffusion = latent_diffusion_settings_usual(x->x_size);
    j->diffusion.batch = x->x_batch;
    j->diffusion.seed = (uint64_t)x->x_seed;
    j->diffusion.rate = (float)x->x_rate;
    j->diffusion.images = (int64_t)x->x_steps * x->x_batch;
    j->diffusion.drop = (float)x->x_drop;
    j->diffusion.kept = x->x_keep;
}

/* ---- messages */

static void latent_train_new_networks(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    int size = argc ? latent_whole(atom_getfloat(argv), INT_MIN, INT_MAX) : 64;
    latent_generator_shape shape;
    latent_error e;
    (void)s;
    if (latent_train_shape(size, &shape, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    shape.z = shape.w = x->x_z;
    for (int i = 1; i < argc && i <= shape.blocks; i++)
        shape.channels[i - 1] = latent_whole(atom_getfloat(argv + i), INT_MIN, INT_MAX);
    if (argc - 1 > shape.blocks)
        latent_complain(&x->x_obj, "%d blocks draw %d pixels; channels of more came", shape.blocks,
                        size);
    latent_training_session_make(x->x_pupil, &shape);
}

static void latent_train_new_clip(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_params_rest(&x->x_obj, 0, argc, argv);
    latent_training_session_make(x->x_pupil, NULL);
}

static void latent_train_new_diffusion(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_diffusion_sizes sizes;
    latent_error e;
    int size = argc ? latent_whole(atom_getfloat(argv), INT_MIN, INT_MAX) : 64;
    (void)s;
    latent_params_rest(&x->x_obj, 1, argc, argv);
    sizes = latent_diffusion_usual(size);
    if (latent_diffusion_check(&sizes, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        return;
    }
    x->x_size = size;
    latent_training_session_make(x->x_pupil, NULL);
}

static void latent_train_from(t_latent_train *x, t_symbol *word)
{
    latent_training_session_from(x->x_pupil, word);
}

static void latent_train_data(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_training_session_data(x->x_pupil, argc, argv);
}

static void latent_train_start(t_latent_train *x, t_floatarg n)
{
    latent_training_session_start(x->x_pupil, n);
}

static void latent_train_stop(t_latent_train *x)
{
    latent_training_session_stop(x->x_pupil);
}

static void latent_train_save(t_latent_train *x, t_symbol *file)
{
    latent_training_session_store(x->x_pupil, LATENT_TRAIN_SAVE, file);
}

static void latent_train_write(t_latent_train *x, t_symbol *file)
{
    latent_training_session_store(x->x_pupil, LATENT_TRAIN_WRITE, file);
}

static void latent_train_resume(t_latent_train *x, t_symbol *file)
{
    latent_training_session_resume(x->x_pupil, file);
}

static void latent_train_score(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    t_float n = argc ? atom_getfloat(argv) : SCORED;
    (void)s;
    if (n >= 2 && n <= 1e6)
        latent_training_session_score(x->x_pupil, latent_whole(n, 2, 1000000));
    else
        latent_complain(&x->x_obj, "score compares 2 to 1000000 pictures, but %g came", (double)n);
}

static void latent_train_info(t_latent_train *x)
{
    latent_params_info(&x->x_obj, latent_train_table(x), x->x_info);
    latent_training_session_info(x->x_pupil);
}

/* ---- birth and death */

static void latent_train_ready(void *z)
{
    latent_training_session_ready(((t_latent_train *)z)->x_pupil);
}

static void *latent_train_new(t_symbol *s, int argc, t_atom *argv)
{
    const char *word = argc ? atom_getsymbol(argv)->s_name : "";
    int clip = !strcmp(word, "clip"), diffusion = !strcmp(word, "diffusion");
    t_latent_train *x = (t_latent_train *)pd_new(clip        ? latent_train_clip_class
                                                 : diffusion ? latent_train_diffusion_class
                                                             : latent_train_class);
    t_pupil_manners manners = {.kind = clip        ? &latent_training_clip
                                       : diffusion ? &latent_training_diffusion
                                                   : &latent_training_gan,
                               .reads = diffusion,
                               .read = latent_picture_read,
                               .wishes = latent_train_wishes,
                               .ready = latent_train_ready,
                               .name = &x->x_name,
                               .snapshot = &x->x_snapshot};
    (void)s;
    latent_train_usual(x);
    argc = latent_params_flags(&x->x_obj, latent_train_table(x), argc, argv);
    latent_params_rest(&x->x_obj, clip || diffusion, argc, argv);
    x->x_out = manners.news = outlet_new(&x->x_obj, &s_bang);
    x->x_info = manners.info = outlet_new(&x->x_obj, 0);
    if ((x->x_pupil = latent_training_session_new(&x->x_obj, manners)))
        return x;
    pd_free(&x->x_obj.ob_pd);
    return NULL;
}

static void latent_train_free(t_latent_train *x)
{
    latent_training_session_free(x->x_pupil);
}

static t_class *latent_train_setup(t_newmethod make, t_method fresh, const t_latent_param *params)
{
    t_class *c = class_new(gensym("latent.train"), make, (t_method)latent_train_free,
                           sizeof(t_latent_train), CLASS_DEFAULT, make ? A_GIMME : A_NULL, 0);
    latent_takes(c, LATENT_TAKES_MESSAGES);
    class_addmethod(c, fresh, gensym("new"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_train_data, gensym("data"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_train_start, gensym("start"), A_DEFFLOAT, 0);
    class_addmethod(c, (t_method)latent_train_stop, gensym("stop"), 0);
    class_addmethod(c, (t_method)latent_train_save, gensym("save"), A_SYMBOL, 0);
    class_addmethod(c, (t_method)latent_train_resume, gensym("resume"), A_SYMBOL, 0);
    class_addmethod(c, (t_method)latent_train_write, gensym("write"), A_SYMBOL, 0);
    latent_takes_alone(c, (t_method)latent_train_info, "info");
    latent_params_setup(c, params);
    return c;
}

void setup_latent0x2etrain(void)
{
    t_class *c = latent_train_setup((t_newmethod)latent_train_new,
                                    (t_method)latent_train_new_networks, latent_train_params);
    class_addmethod(c, (t_method)latent_train_from, gensym("from"), A_DEFSYM, 0);
    class_addmethod(c, (t_method)latent_train_score, gensym("score"), A_GIMME, 0);
    latent_train_class = c;
    latent_train_clip_class =
        latent_train_setup(NULL, (t_method)latent_train_new_clip, latent_train_clip_params);
    latent_train_diffusion_class = latent_train_setup(NULL, (t_method)latent_train_new_diffusion,
                                                      latent_train_diffusion_params);
}
