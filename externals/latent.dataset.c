/* [latent.dataset folder]: a set of pictures to look through, clean, choose from, write and train
   with.

   read <folder>      its pictures (PNG, JPEG, WebP ...); subfolders are classes; words from
                      index.json, dataset.json or a .txt beside the picture
   rule fish [seed] [n]   n pictures (100) that a rule draws, with its sentences
   image              adds a picture: a network's own, or any other
   caption <words>    before it: what is said about the next image, in English or Chinese, as
                      [latent.rule] says it, too
   size n             pixels a side (128)
   mode crop/pad/stretch   how a picture becomes square
   clean 0/1          1: only the animal, without writing, on plain paper (clean alone means 1)
   mirror 0/1         1: a trainer may turn the pictures left to right
   limit n            so many images are kept (1000), then the oldest leaves; 0: all
   next, previous, go n, bang (again)     shows a picture
   accept, reject     what is thought of it, and on to the next; rejected ones are not used
   write <folder>     those not rejected as PNG, with index.json
   clear, info, statistics
   -name n            the name by which [latent.train] finds the set
   left outlet        image, as it is in the set
   middle outlet      image, as it was
   right outlet       found n, progress f, ready n, added n, dropped n, written <folder>; plate n
                      of, file, class, caption and verdict of what is shown; pictures, mean,
                      deviation ...; skipped and error <words>

   Files are read, cleaned and written away from Pd, one by one. */
#include "engine/media/picture.h"
#include "pd/box.h"
#include "pd/dataset_session.h"
#include "pd/encoder.h"
#include "pd/names.h"
#include <stddef.h>
#include <stdlib.h>

static const t_latent_media latent_dataset_media = {latent_picture_read, latent_picture_write,
                                                    latent_folder_make};
static t_class *latent_dataset_class_;

typedef struct {
    t_object x_obj;
    t_latent_dataset_session *x_plates;
    latent_sample_settings x_settings;
    t_symbol *x_name, *x_known; /* as wished, and as it is known */
    int x_size, x_mode, x_clean, x_mirror, x_limit;
    t_outlet *x_info;
} t_latent_dataset;

/* ---- settings */

static void latent_dataset_settings(t_latent_dataset *x)
{
    x->x_settings = (latent_sample_settings){x->x_size, (latent_fitting)x->x_mode, x->x_clean};
}

static void latent_dataset_changed(void *z)
{
    t_latent_dataset *x = z;
    latent_dataset_settings(x);
    latent_dataset_session_changed(x->x_plates);
}

static void latent_dataset_mirrored(void *z)
{
    t_latent_dataset *x = z;
    latent_dataset_mirror(latent_dataset_session_set(x->x_plates), x->x_mirror);
}

static void latent_dataset_named_(void *z)
{
    t_latent_dataset *x = z;
    if (x->x_known)
        latent_dataset_name(x->x_known, NULL, x);
    x->x_known = x->x_name && *x->x_name->s_name ? x->x_name : NULL;
    if (x->x_known)
        latent_dataset_name(x->x_known, latent_dataset_session_set(x->x_plates), x);
}

static const t_latent_param latent_dataset_params[] = {
    {"size", LATENT_WHOLE, offsetof(t_latent_dataset, x_size), LATENT_PLATE_SMALLEST,
     LATENT_PLATE_LARGEST, NULL, latent_dataset_changed},
    {"mode", LATENT_CHOICE, offsetof(t_latent_dataset, x_mode), 0, 0, "crop pad stretch",
     latent_dataset_changed},
    {"clean", LATENT_WHOLE, offsetof(t_latent_dataset, x_clean), 0, 1, NULL,
     latent_dataset_changed},
    {"mirror", LATENT_WHOLE, offsetof(t_latent_dataset, x_mirror), 0, 1, NULL,
     latent_dataset_mirrored},
    {"limit", LATENT_WHOLE, offsetof(t_latent_dataset, x_limit), 0, LATENT_DATASET_MOST, NULL,
     NULL},
    {"name", LATENT_WORD, offsetof(t_latent_dataset, x_name), 0, 0, NULL, latent_dataset_named_},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* "clean" alone says: do. */
static void latent_dataset_clean(t_latent_dataset *x, t_symbol *s, int argc, t_atom *argv)
{
    t_atom one;
    SETFLOAT(&one, 1);
    latent_params_message(&x->x_obj, s, argc ? argc : 1, argc ? argv : &one);
}

/* ---- messages */

static void latent_dataset_read(t_latent_dataset *x, t_symbol *folder)
{
    latent_dataset_session_read(x->x_plates, folder);
}

/* "rule fish 7 100" */
static void latent_dataset_rule(t_latent_dataset *x, t_symbol *s, int argc, t_atom *argv)
{
    t_symbol *name = atom_getsymbolarg(0, argc, argv);
    const latent_rule *rule = latent_rule_find(name->s_name);
    t_float seed = atom_getfloatarg(1, argc, argv);
    t_float count = argc > 2 ? atom_getfloatarg(2, argc, argv) : 100;
    (void)s;
    if (!rule)
        latent_complain(&x->x_obj, "rule wants a rule's name, as in \"rule fish\", but \"%s\" came",
                        name->s_name);
    else if (!(seed >= 0 && seed <= 4294967040.0))
        latent_complain(&x->x_obj, "a rule's seed is a whole number from 0 on, but %g came",
                        (double)seed);
    else if (!(count >= 1 && count <= LATENT_DATASET_MOST))
        latent_complain(&x->x_obj, "a data set has 1 to %d pictures, but %g were asked for",
                        LATENT_DATASET_MOST, (double)count);
    else
        latent_dataset_session_rule(x->x_plates, rule, latent_whole32(seed),
                                    latent_whole(count, 1, LATENT_DATASET_MOST));
}

static void latent_dataset_write(t_latent_dataset *x, t_symbol *folder)
{
    latent_dataset_session_write(x->x_plates, folder);
}

static void latent_dataset_image(t_latent_dataset *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_dataset_session_image(x->x_plates, n, x->x_limit);
    latent_node_release(n);
}

static void latent_dataset_caption(t_latent_dataset *x, t_symbol *s, int argc, t_atom *argv)
{
    char *words = latent_words_join(argc, argv);
    (void)s;
    if (!words)
        latent_complain(&x->x_obj, "there is no memory for a caption");
    else
        latent_dataset_session_words(x->x_plates, words);
    free(words);
}

static void latent_dataset_go(t_latent_dataset *x, t_floatarg n)
{
    latent_dataset_session_go(x->x_plates, n);
}

static void latent_dataset_bang(t_latent_dataset *x)
{
    latent_dataset_session_walk(x->x_plates, 0);
}

static void latent_dataset_next(t_latent_dataset *x)
{
    latent_dataset_session_walk(x->x_plates, 1);
}

static void latent_dataset_previous(t_latent_dataset *x)
{
    latent_dataset_session_walk(x->x_plates, -1);
}

static void latent_dataset_accept(t_latent_dataset *x)
{
    latent_dataset_session_decide(x->x_plates, LATENT_ACCEPTED);
}

static void latent_dataset_reject(t_latent_dataset *x)
{
    latent_dataset_session_decide(x->x_plates, LATENT_REJECTED);
}

static void latent_dataset_empty(t_latent_dataset *x)
{
    latent_dataset_session_clear(x->x_plates);
}

static void latent_dataset_count_(t_latent_dataset *x)
{
    latent_dataset_session_statistics(x->x_plates);
}

static void latent_dataset_info(t_latent_dataset *x)
{
    latent_dataset *set = latent_dataset_session_set(x->x_plates);
    latent_params_info(&x->x_obj, latent_dataset_params, x->x_info);
    for (int i = 0; i < latent_dataset_classes(set); i++)
        latent_info_word(x->x_info, "class", latent_dataset_class(set, i));
    latent_info_number(x->x_info, "pictures", latent_dataset_count(set));
}

/* ---- birth and death */

static void *latent_dataset_new_(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_dataset *x = (t_latent_dataset *)pd_new(latent_dataset_class_);
    t_plateset_outlets outlets;
    (void)s;
    x->x_size = 128;
    x->x_limit = 1000;
    x->x_name = &s_;
    argc = latent_params_flags(&x->x_obj, latent_dataset_params, argc, argv);
    latent_dataset_settings(x);
    outlets.after = outlet_new(&x->x_obj, 0);
    outlets.before = outlet_new(&x->x_obj, 0);
    outlets.info = x->x_info = outlet_new(&x->x_obj, 0);
    x->x_plates =
        latent_dataset_session_new(&x->x_obj, &latent_dataset_media, outlets, &x->x_settings);
    if (!x->x_plates) {
        pd_free(&x->x_obj.ob_pd);
        return NULL;
    }
    latent_dataset_mirrored(x);
    latent_dataset_named_(x);
    latent_params_rest(&x->x_obj, 1, argc, argv);
    if (argc && argv->a_type == A_SYMBOL)
        latent_dataset_read(x, argv->a_w.w_symbol);
    else if (argc)
        latent_complain(&x->x_obj, "a folder was expected, as in [latent.dataset plates]");
    return x;
}

static void latent_dataset_free_(t_latent_dataset *x)
{
    if (x->x_known)
        latent_dataset_name(x->x_known, NULL, x);
    latent_dataset_session_free(x->x_plates);
}

void setup_latent0x2edataset(void)
{
    t_class *c = class_new(gensym("latent.dataset"), (t_newmethod)latent_dataset_new_,
                           (t_method)latent_dataset_free_, sizeof(t_latent_dataset), CLASS_DEFAULT,
                           A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_PICTURE);
    latent_dataset_class_ = c;
    class_addbang(c, latent_dataset_bang);
    class_addmethod(c, (t_method)latent_dataset_read, gensym("read"), A_DEFSYM, 0);
    class_addmethod(c, (t_method)latent_dataset_rule, gensym("rule"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_dataset_write, gensym("write"), A_DEFSYM, 0);
    class_addmethod(c, (t_method)latent_dataset_image, gensym("image"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_dataset_caption, gensym("caption"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_dataset_go, gensym("go"), A_FLOAT, 0);
    class_addmethod(c, (t_method)latent_dataset_next, gensym("next"), 0);
    class_addmethod(c, (t_method)latent_dataset_previous, gensym("previous"), 0);
    class_addmethod(c, (t_method)latent_dataset_accept, gensym("accept"), 0);
    class_addmethod(c, (t_method)latent_dataset_reject, gensym("reject"), 0);
    class_addmethod(c, (t_method)latent_dataset_clean, gensym("clean"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_dataset_empty, gensym("clear"), 0);
    class_addmethod(c, (t_method)latent_dataset_count_, gensym("statistics"), 0);
    latent_takes_alone(c, (t_method)latent_dataset_info, "info");
    latent_params_setup(c, latent_dataset_params);
}
