/* [latent.image file]: a picture from a file, as an image promise.

   read <file>    another picture (PNG, JPEG, WebP ...; searched beside the patch, then in Pd's
                  path), sent when it has been read; the same file, unchanged, is the same promise
   bang           the picture again; while a file is being read, as soon as it has arrived
   channels n     3 colours (until told), 1 grey, or 4 with opacity; the file is read again
   left outlet    image
   right outlet   info file f, info width w, info height h, info channels n, before a new image;
                  error <words>

   A file given as an argument is read at once, in the background, and sent at the first bang.  What
   was there before stays when a file can't be read. */
#include "engine/media/picture.h"
#include "engine/ops/ops.h"
#include "pd/box.h"
#include "pd/mail.h"
#include "pd/modelref.h"
#include "pd/words.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static t_class *latent_image_class;

/* What file it is, so that an unchanged one is not read again. */
typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
    int channels;
} t_stamp;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    int x_channels, x_channels_before;
    t_symbol *x_file;    /* the last that was asked for, or NULL */
    latent_node *x_node; /* the picture, or NULL */
    t_stamp x_stamp;     /* of the file it is from */
    int x_reading;
    int x_wanted; /* to be sent when it has been read */
    t_latent_mail *x_mail;
    t_outlet *x_out, *x_info;
} t_latent_image;

typedef struct {
    latent_job job;
    char *paths; /* where the file may be: names one after another */
    t_symbol *file;
    t_stamp known, found;
    latent_node *node; /* NULL when it is the known one */
} t_read;

/* ---- on the loader */

static int stamp_equal(const t_stamp *a, const t_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->channels == b->channels;
}

static int latent_image_load(t_read *r, const char *path, const struct stat *st)
{
    latent_error *e = &r->job.error;
    latent_tensor *t;
    int channels = r->found.channels;
    r->found = (t_stamp){st->st_dev, st->st_ino, st->st_size, st->st_mtim, channels};
    if (stamp_equal(&r->found, &r->known))
        return 0;
    if (!(t = latent_picture_read(path, channels, &r->job.cancel, e)))
        return -1;
    r->node = latent_op_picture(t, e);
    latent_tensor_release(t);
    return r->node ? 0 : -1;
}

static int latent_image_work(latent_job *job)
{
    t_read *r = (t_read *)job;
    struct stat st;
    for (const char *path = r->paths; *path; path += strlen(path) + 1)
        if (!stat(path, &st))
            return latent_image_load(r, path, &st);
    return latent_fail(&job->error,
                       "there is no such file; it was looked for beside the patch and in Pd's path "
                       "(first as %s)",
                       r->paths);
}

static void latent_image_discard(latent_job *job)
{
    t_read *r = (t_read *)job;
    latent_node_release(r->node);
    free(r->paths);
    free(r);
}

/* ---- in Pd */

static void latent_image_send(t_latent_image *x)
{
    x->x_wanted = 0;
    latent_promise_send(x->x_out, x->x_node);
}

static void latent_image_info(t_latent_image *x)
{
    const latent_shape s = x->x_node->shape;
    latent_info_number(x->x_info, "channels", s.c);
    latent_info_number(x->x_info, "height", s.h);
    latent_info_number(x->x_info, "width", s.w);
    latent_info_word(x->x_info, "file", x->x_file->s_name);
}

static void latent_image_done(void *z, latent_job *job)
{
    t_latent_image *x = z;
    t_read *r = (t_read *)job;
    x->x_reading = 0;
    if (job->failed) {
        x->x_wanted = 0;
        latent_words_error(&x->x_obj, x->x_info, job->error.text);
        return;
    }
    if (r->node) {
        latent_node_release(x->x_node);
        x->x_node = latent_node_retain(r->node);
        x->x_stamp = r->found;
        latent_image_info(x);
    }
    if (x->x_wanted)
        latent_image_send(x);
}

static void latent_image_start(t_latent_image *x)
{
    t_read *r = calloc(1, sizeof(*r));
    if (!r || !(r->paths = latent_find_paths(&x->x_obj, x->x_canvas, x->x_file->s_name))) {
        free(r);
        return;
    }
    r->job.work = latent_image_work;
    r->job.discard = latent_image_discard;
    r->found.channels = x->x_channels;
    r->known = x->x_stamp;
    latent_mail_cancel(x->x_mail); /* what is being read is not wanted any more */
    x->x_reading = 1;
    if (latent_mail_send(x->x_mail, &r->job) < 0) {
        x->x_reading = 0;
        latent_words_error(&x->x_obj, x->x_info, "there is no thread to read a picture with");
    }
}

static void latent_image_read(t_latent_image *x, t_symbol *file)
{
    if (!*file->s_name) {
        latent_complain(&x->x_obj, "read wants a file's name, as in \"read fish.png\"");
        return;
    }
    x->x_file = file;
    x->x_wanted = 1;
    latent_image_start(x);
}

static void latent_image_bang(t_latent_image *x)
{
    if (x->x_reading)
        x->x_wanted = 1;
    else if (x->x_node)
        latent_image_send(x);
    else
        latent_complain(&x->x_obj, "there is no picture yet; \"read fish.png\" reads one");
}

/* Two channels are a number between 1 and 4, but no picture. */
static void latent_image_check_channels(t_latent_image *x)
{
    if (x->x_channels == 2) {
        x->x_channels = x->x_channels_before;
        latent_complain(&x->x_obj, "channels is 1, 3 or 4, but 2 came; it stays %d", x->x_channels);
    }
    x->x_channels_before = x->x_channels;
}

static void latent_image_channels_changed(void *z)
{
    t_latent_image *x = z;
    int before = x->x_channels_before;
    latent_image_check_channels(x);
    if (x->x_file && x->x_channels != before)
        latent_image_start(x);
}

static const t_latent_param latent_image_params[] = {{"channels", LATENT_WHOLE,
                                                      offsetof(t_latent_image, x_channels), 1, 4,
                                                      NULL, latent_image_channels_changed},
                                                     {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- birth and death */

static void *latent_image_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_image *x = (t_latent_image *)pd_new(latent_image_class);
    (void)s;
    x->x_canvas = canvas_getcurrent();
    x->x_channels = x->x_channels_before = 3;
    argc = latent_params_flags(&x->x_obj, latent_image_params, argc, argv);
    latent_image_check_channels(x);
    x->x_out = outlet_new(&x->x_obj, 0);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_mail = latent_mail_new(x, LATENT_LOADER, 1, latent_image_done);
    latent_params_rest(&x->x_obj, 1, argc, argv);
    if (argc && argv->a_type == A_SYMBOL) {
        x->x_file = argv->a_w.w_symbol;
        latent_image_start(x);
    } else if (argc)
        latent_complain(&x->x_obj, "a file's name was expected, as in [latent.image fish.png]");
    return x;
}

static void latent_image_free(t_latent_image *x)
{
    latent_mail_free(x->x_mail);
    latent_node_release(x->x_node);
}

void setup_latent0x2eimage(void)
{
    latent_image_class =
        class_new(gensym("latent.image"), (t_newmethod)latent_image_new,
                  (t_method)latent_image_free, sizeof(t_latent_image), CLASS_DEFAULT, A_GIMME, 0);
    class_addbang(latent_image_class, latent_image_bang);
    class_addmethod(latent_image_class, (t_method)latent_image_read, gensym("read"), A_DEFSYM, 0);
    latent_params_setup(latent_image_class, latent_image_params);
}
