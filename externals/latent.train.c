/* [latent.train]: trains a generator of StyleGAN2 in the background while everything plays, and
   lets other boxes play it as it learns.

   new <size> <channels ...>   fresh networks for pictures of 8 to 256 pixels; channels of the
   blocks of 4, 8, 16 ... pixels (256 256 128 64 32 16 16 when none are named) from <model> networks
   to go on with: a file, a name given by [latent.model], or, without a word, the built-in model;
   with its discriminator where the file has one data rule <name> pictures from a rule, without end;
   data discs: the simplest of all start <n>        trains (n: so many thousand pictures, then bang;
   offline there must be a number) stop             waits; start goes on save <file> everything, to
   go on another day; resume <file>: just there write <file>     the generator as it is now, as a
   model's file rate f, r1 f     of learning (0.0025), and of holding the discriminator back (0.3)
   freeze-D n       so many blocks of the discriminator, from the picture's side, learn no more
   augment f        how often pictures are changed before the discriminator sees them; -1: found
                    while it trains, none for pictures without end
   mixing f         so many pictures get two styles (0.3)
   snapshot n       a new model under the name every n thousand pictures (1)
   batch n, seed n, z n        for the next new, from (16, 1, 128)
   name <word>      other boxes name the network by that word, and get it anew with each snapshot
   info             the settings and what there is
   left outlet      bang when the model under the name is a new one
   right outlet     progress <thousand pictures> <pictures a second>, loss <generator>
                    <discriminator>, augmented f, made <size>, saved <file>, resumed <file>,
                    written <file>, done (after start n)

   Settings are flags too, [latent.train -name fish -seed 7].  It works in a thread of its own that
   gives way to everything else. */
#include "engine/train/training.h"
#include "pd/box.h"
#include "pd/mail.h"
#include "pd/modelref.h"
#include "pd/pictures.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 0.3 /* of one job: how soon another message is heard */
#define OFTEN 1.0   /* and how seldom news are told */

static t_class *latent_train_class;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    latent_training *x_training;
    double x_rate, x_r1, x_augment, x_mixing, x_snapshot;
    int x_batch, x_freeze, x_seed, x_z;
    t_symbol *x_name, *x_known; /* as wished, and as the model is known */
    latent_model *x_model;      /* the last snapshot, held, or NULL */
    t_latent_modelref *x_from;  /* while a model is awaited */
    int x_running;
    double x_images, x_next, x_left; /* thousand pictures: so far, the next snapshot, to the end */
    double x_told;                   /* Pd's time of the last news */
    t_latent_mail *x_mail;
    t_outlet *x_out, *x_info;
} t_latent_train;

static void latent_train_renamed(void *z);

static const t_latent_param latent_train_params[] = {
    {"rate", LATENT_REAL, offsetof(t_latent_train, x_rate), 0, 1, NULL, NULL},
    {"r1", LATENT_REAL, offsetof(t_latent_train, x_r1), 0, 1000, NULL, NULL},
    {"batch", LATENT_WHOLE, offsetof(t_latent_train, x_batch), 4, 256, NULL, NULL},
    {"freeze-D", LATENT_WHOLE, offsetof(t_latent_train, x_freeze), 0, LATENT_BLOCKS, NULL, NULL},
    {"augment", LATENT_REAL, offsetof(t_latent_train, x_augment), -1, 1, NULL, NULL},
    {"mixing", LATENT_REAL, offsetof(t_latent_train, x_mixing), 0, 1, NULL, NULL},
    {"snapshot", LATENT_REAL, offsetof(t_latent_train, x_snapshot), 0, 1e6, NULL, NULL},
    {"seed", LATENT_WHOLE, offsetof(t_latent_train, x_seed), 0, 1 << 24, NULL, NULL},
    {"z", LATENT_WHOLE, offsetof(t_latent_train, x_z), 1, 2048, NULL, NULL},
    {"name", LATENT_WORD, offsetof(t_latent_train, x_name), 0, 0, NULL, latent_train_renamed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- jobs */

static latent_train_settings latent_train_wishes(const t_latent_train *x)
{
    latent_train_settings s = latent_train_defaults();
    s.batch = x->x_batch;
    s.seed = (uint64_t)x->x_seed;
    s.rate_g = s.rate_d = (float)x->x_rate;
    s.r1 = (float)x->x_r1;
    s.freeze = x->x_freeze;
    s.augment = x->x_augment < 0 ? -1 : (float)x->x_augment;
    s.mixing = (float)x->x_mixing;
    return s;
}

static latent_train_job *latent_train_ask(t_latent_train *x, latent_train_task task)
{
    latent_train_job *j = latent_train_job_new(x->x_training, task);
    if (!j)
        latent_complain(&x->x_obj, "no memory to train");
    else
        j->settings = latent_train_wishes(x);
    return j;
}

static void latent_train_send(t_latent_train *x, latent_train_job *j)
{
    if (latent_mail_send(x->x_mail, &j->job) < 0)
        latent_complain(&x->x_obj, "no thread to train in");
}

static void latent_train_go_on(t_latent_train *x)
{
    latent_train_job *j = latent_train_ask(x, LATENT_TRAIN_RUN);
    int snapshots = x->x_snapshot > 0 && x->x_known;
    if (!j) {
        x->x_running = 0;
        return;
    }
    j->seconds = SECONDS;
    j->images = x->x_left * 1000;
    if (snapshots && x->x_next - x->x_images < x->x_left)
        j->images = (x->x_next - x->x_images) * 1000;
    j->snapshot_at = snapshots ? x->x_next * 1000 : 0;
    latent_train_send(x, j);
}

/* ---- the name */

static void latent_train_renamed(void *z)
{
    t_latent_train *x = z;
    if (x->x_known)
        latent_model_name(x->x_known, NULL);
    x->x_known = *x->x_name->s_name ? x->x_name : NULL;
    if (x->x_known && x->x_model)
        latent_model_name(x->x_known, x->x_model);
    else if (x->x_known)
        latent_model_expect(x->x_known);
}

static void latent_train_snapshot(t_latent_train *x, latent_model *m)
{
    latent_model_release(x->x_model);
    x->x_model = latent_model_retain(m);
    if (x->x_known)
        latent_model_name(x->x_known, m);
    outlet_bang(x->x_out);
}

/* ---- news */

static void latent_train_tell(t_latent_train *x, const char *what, int n, const double *v)
{
    t_atom a[2];
    for (int i = 0; i < n; i++)
        SETFLOAT(a + i, (t_float)v[i]);
    outlet_anything(x->x_info, gensym(what), n, a);
}

static void latent_train_ran(t_latent_train *x, latent_train_job *j)
{
    const latent_train_report *r = &j->report;
    int last = (x->x_left -= r->ran / 1000) <= 0;
    if (last || latent_offline() || clock_gettimesince(x->x_told) >= OFTEN * 1000) {
        x->x_told = clock_getlogicaltime();
        if (r->augmented > 0)
            latent_train_tell(x, "augmented", 1, (double[]){r->augmented});
        latent_train_tell(x, "loss", 2, (double[]){r->loss_g, r->loss_d});
        latent_train_tell(x, "progress", 2, (double[]){x->x_images, r->speed});
    }
    if (last && x->x_running) {
        x->x_running = 0;
        latent_train_tell(x, "done", 0, NULL);
    }
    if (x->x_running && !latent_offline())
        latent_train_go_on(x);
}

static void latent_train_file(t_latent_train *x, const char *what, const char *file)
{
    t_atom a;
    SETSYMBOL(&a, gensym(file));
    outlet_anything(x->x_info, gensym(what), 1, &a);
}

static void latent_train_done(void *z, latent_job *job)
{
    static const char *const words[] = {"made", "made", "", "", "saved", "resumed", "written"};
    t_latent_train *x = z;
    latent_train_job *j = (latent_train_job *)job;
    if (job->failed) {
        if (j->task == LATENT_TRAIN_RUN)
            x->x_running = 0;
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    if (j->report.size) {
        x->x_images = j->report.images / 1000;
        if (j->task != LATENT_TRAIN_RUN)
            x->x_next = x->x_images + x->x_snapshot;
        while (x->x_snapshot > 0 && x->x_next <= x->x_images)
            x->x_next += x->x_snapshot;
    }
    if (j->made)
        latent_train_snapshot(x, j->made);
    switch (j->task) {
    case LATENT_TRAIN_RUN:
        latent_train_ran(x, j);
        break;
    case LATENT_TRAIN_NEW:
    case LATENT_TRAIN_FROM:
        latent_train_tell(x, words[j->task], 1, (double[]){j->report.size});
        break;
    case LATENT_TRAIN_DATA:
        break;
    default:
        latent_train_file(x, words[j->task], j->file);
    }
}

/* ---- messages */

static void latent_train_new_networks(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_train_job *j = latent_train_ask(x, LATENT_TRAIN_NEW);
    latent_error e;
    (void)s;
    if (!j)
        return;
    if (latent_train_shape(argc ? (int)atom_getfloat(argv) : 64, &j->shape, &e)) {
        latent_complain(&x->x_obj, "%s", e.text);
        j->job.discard(&j->job);
        return;
    }
    j->shape.z = j->shape.w = x->x_z;
    for (int i = 1; i < argc && i <= j->shape.blocks; i++)
        j->shape.channels[i - 1] = (int)atom_getfloat(argv + i);
    if (argc - 1 > j->shape.blocks)
        latent_complain(&x->x_obj, "%d blocks draw %d pixels; channels of more came",
                        j->shape.blocks, (int)atom_getfloat(argv));
    latent_train_send(x, j);
}

static void latent_train_arrived(void *z)
{
    t_latent_train *x = z;
    latent_model *m = latent_modelref_get(x->x_from, 1);
    latent_train_job *j;
    if (!m || !(j = latent_train_ask(x, LATENT_TRAIN_FROM)))
        return;
    j->model = latent_model_retain(m);
    latent_modelref_free(x->x_from);
    x->x_from = NULL;
    latent_train_send(x, j);
}

static void latent_train_open(t_latent_train *x, latent_train_task task, t_symbol *file)
{
    latent_train_job *j = latent_train_ask(x, task);
    if (!j)
        return;
    snprintf(j->file, sizeof(j->file), "%s", file->s_name);
    if ((j->paths = latent_find_paths(&x->x_obj, x->x_canvas, file->s_name)))
        latent_train_send(x, j);
    else
        j->job.discard(&j->job);
}

static void latent_train_from(t_latent_train *x, t_symbol *word)
{
    if (strpbrk(word->s_name, "./")) { /* a file, which may hold a discriminator too */
        latent_train_open(x, LATENT_TRAIN_FROM, word);
        return;
    }
    latent_modelref_free(x->x_from);
    x->x_from = latent_modelref_new_at(&x->x_obj, x->x_canvas, word, latent_train_arrived);
    if (latent_modelref_get(x->x_from, 0))
        latent_train_arrived(x);
    else if (x->x_from && !latent_modelref_loading(x->x_from))
        latent_modelref_get(x->x_from, 1);
}

static void latent_train_resume(t_latent_train *x, t_symbol *file)
{
    latent_train_open(x, LATENT_TRAIN_RESUME, file);
}

static void latent_train_data(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_train_job *j = latent_train_ask(x, LATENT_TRAIN_DATA);
    latent_error e;
    (void)s;
    if (!j)
        return;
    if ((j->source = latent_pictures_source(argc, argv, &e))) {
        latent_train_send(x, j);
        return;
    }
    latent_complain(&x->x_obj, "%s", e.text);
    j->job.discard(&j->job);
}

static void latent_train_start(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    double n = argc ? atom_getfloat(argv) : 0;
    int before = x->x_running;
    (void)s;
    if (latent_offline() && n <= 0) {
        latent_complain(&x->x_obj, "offline there is nobody to say stop: start wants a number, "
                                   "thousands of pictures");
        return;
    }
    x->x_left = n > 0 ? n : 1e30;
    x->x_running = 1;
    if (!latent_offline()) {
        if (!before)
            latent_train_go_on(x);
        return;
    }
    while (x->x_running)
        latent_train_go_on(x);
}

static void latent_train_stop(t_latent_train *x)
{
    x->x_running = 0;
}

/* save and write */
static void latent_train_write(t_latent_train *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_train_job *j =
        latent_train_ask(x, s == gensym("save") ? LATENT_TRAIN_SAVE : LATENT_TRAIN_WRITE);
    t_symbol *file = atom_getsymbolarg(0, argc, argv);
    if (!j)
        return;
    canvas_makefilename(x->x_canvas, file->s_name, j->file, sizeof(j->file));
    latent_train_send(x, j);
}

static void latent_train_info(t_latent_train *x)
{
    latent_params_info(&x->x_obj, latent_train_params, x->x_info);
    latent_info_number(x->x_info, "running", x->x_running);
    latent_info_number(x->x_info, "pictures", x->x_images * 1000);
}

/* ---- birth and death */

static void *latent_train_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_train *x = (t_latent_train *)pd_new(latent_train_class);
    latent_train_settings usual = latent_train_defaults();
    (void)s;
    x->x_canvas = canvas_getcurrent();
    x->x_rate = (double)usual.rate_g;
    x->x_r1 = (double)usual.r1;
    x->x_batch = usual.batch;
    x->x_augment = (double)usual.augment;
    x->x_mixing = (double)usual.mixing;
    x->x_seed = (int)usual.seed;
    x->x_z = 128;
    x->x_snapshot = 1;
    x->x_name = &s_;
    argc = latent_params_flags(&x->x_obj, latent_train_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_out = outlet_new(&x->x_obj, &s_bang);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_training = latent_training_new();
    x->x_mail = latent_mail_new(x, LATENT_TRAINER, 0, latent_train_done);
    if (!x->x_training || !x->x_mail) {
        pd_free(&x->x_obj.ob_pd);
        return NULL;
    }
    latent_train_renamed(x);
    return x;
}

static void latent_train_free(t_latent_train *x)
{
    latent_mail_free(x->x_mail);
    latent_modelref_free(x->x_from);
    if (x->x_known)
        latent_model_name(x->x_known, NULL);
    latent_model_release(x->x_model);
    latent_training_release(x->x_training);
}

void setup_latent0x2etrain(void)
{
    t_class *c =
        class_new(gensym("latent.train"), (t_newmethod)latent_train_new,
                  (t_method)latent_train_free, sizeof(t_latent_train), CLASS_DEFAULT, A_GIMME, 0);
    latent_train_class = c;
    class_addmethod(c, (t_method)latent_train_new_networks, gensym("new"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_train_from, gensym("from"), A_DEFSYM, 0);
    class_addmethod(c, (t_method)latent_train_data, gensym("data"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_train_start, gensym("start"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_train_stop, gensym("stop"), 0);
    class_addmethod(c, (t_method)latent_train_write, gensym("save"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_train_resume, gensym("resume"), A_SYMBOL, 0);
    class_addmethod(c, (t_method)latent_train_write, gensym("write"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_train_info, gensym("info"), 0);
    latent_params_setup(c, latent_train_params);
}
