/* [latent.write]: pictures to disk, as PNG.

   image               the picture
   write <file.png>    writes the one that came last; a relative name is beside the patch
   open <folder> [f]   from now on every picture that comes is written: folder/000001.png ...
                       (the folder is made; what bears those names is replaced).  f, pictures a
                       second, is for films and means nothing to single files
   close               ends that
   left outlet         bang, when a picture to be written, or all of a closed folder, are on disk
   right outlet        written <file>, progress <0 to 1, of what was asked for>, error <words>,
                       dropped <how many of this folder>

   Pictures are computed and written away from Pd.  In an open folder the newest wins when they come
   faster than that, and the number of those left out is told; offline none is left out, and each is
   on disk before the message returns.  When the disk is full, or the folder can't be written to,
   that is said at once, the folder is closed, and what has been written stays. */
#include "engine/evaluate.h"
#include "engine/media/picture.h"
#include "engine/pixels.h"
#include "pd/box.h"
#include "pd/mail.h"
#include "pd/words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WRITING 2 /* so many pictures of a folder may wait for the disk */

static t_class *latent_write_class;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    latent_node *x_last;        /* the picture that came last */
    latent_node *x_next;        /* the one of the open folder that is to be computed next */
    t_symbol *x_folder;         /* as it was given; NULL: none is open */
    int x_closing;              /* it is closed when all is on disk */
    int x_take;                 /* tells one opening from the next */
    int x_number;               /* of the picture that was written last */
    int x_computing, x_writing; /* pictures of this take that are on their way */
    int x_asked, x_written;     /* since nothing was on its way */
    int x_dropped, x_told;
    t_latent_mail *x_compute, *x_disk;
    t_outlet *x_done, *x_info;
} t_latent_write;

typedef enum { STILL, FRAME, FOLDER } t_kind;

/* Where a picture goes. */
typedef struct {
    t_kind kind;
    int take;
    t_symbol *name;         /* as it was given */
    char path[MAXPDSTRING]; /* where that is */
} t_target;

typedef struct {
    latent_job job;
    t_target target;
    uint8_t *bytes;
    latent_shape shape;
} t_disk_job;

/* ---- away from Pd */

static int latent_write_digest(latent_request *r, latent_error *e)
{
    if (latent_pixels_check(r->value->shape, e))
        return -1;
    if (!(r->result = malloc(r->value->count)))
        return latent_fail(e, "there is no memory to write a picture");
    latent_pixels_from(r->value, r->value->shape.c, r->result);
    return 0;
}

static int latent_write_work(latent_job *job)
{
    const t_disk_job *d = (t_disk_job *)job;
    if (d->target.kind == FOLDER)
        return latent_folder_make(d->target.path, &job->error);
    return latent_picture_write(d->target.path, d->bytes, d->shape.h, d->shape.w, d->shape.c,
                                &job->error);
}

static void latent_write_discard(latent_job *job)
{
    free(((t_disk_job *)job)->bytes);
    free(job);
}

/* ---- saying */

static void latent_write_error(t_latent_write *x, const char *sentence)
{
    latent_words_error(&x->x_obj, x->x_info, sentence);
}

static void latent_write_say(t_latent_write *x, const char *word, t_float f)
{
    t_atom a;
    SETFLOAT(&a, f);
    outlet_anything(x->x_info, gensym(word), 1, &a);
}

static void latent_write_say_dropped(t_latent_write *x)
{
    if (x->x_told == x->x_dropped)
        return;
    x->x_told = x->x_dropped;
    latent_write_say(x, "dropped", x->x_told);
}

/* The count begins anew when nothing is on its way. */
static void latent_write_settle(t_latent_write *x)
{
    if (x->x_written >= x->x_asked)
        x->x_written = x->x_asked = 0;
}

static void latent_write_say_written(t_latent_write *x, t_symbol *name)
{
    t_atom a;
    t_float share = (t_float)++x->x_written / (t_float)x->x_asked;
    latent_write_settle(x);
    SETSYMBOL(&a, name);
    outlet_anything(x->x_info, gensym("written"), 1, &a);
    latent_write_say(x, "progress", share);
}

/* ---- the way of a picture: asked for, computed, written */

/* Nothing more goes into the folder. */
static void latent_write_end(t_latent_write *x)
{
    x->x_folder = NULL;
    x->x_asked -= x->x_next != NULL;
    latent_write_settle(x);
    latent_node_release(x->x_next);
    x->x_next = NULL;
    x->x_closing = x->x_computing = x->x_writing = 0;
    x->x_take++;
}

static void latent_write_failed(t_latent_write *x, const t_target *t, const char *sentence)
{
    int told = t->kind != STILL && t->take != x->x_take; /* the folder's first failure was said */
    x->x_asked -= t->kind != FOLDER;
    latent_write_settle(x);
    if (told)
        return;
    if (t->kind != STILL)
        latent_write_end(x);
    latent_write_error(x, sentence);
}

static int latent_write_compute(t_latent_write *x, latent_node *n, t_kind kind, t_symbol *name)
{
    t_target *t = calloc(1, sizeof(*t));
    latent_request *r;
    if (t) {
        t->kind = kind;
        t->take = x->x_take;
        t->name = name;
        if (kind == STILL)
            canvas_makefilename(x->x_canvas, name->s_name, t->path, sizeof(t->path));
    }
    r = t ? latent_request_new(n, latent_write_digest, t) : NULL;
    if (r && latent_mail_send(x->x_compute, &r->job) >= 0)
        return 0;
    latent_write_error(x, "there is no memory, or no thread, to compute a picture with");
    return -1;
}

static void latent_write_to_disk(t_latent_write *x, const t_target *t, uint8_t *bytes,
                                 latent_shape shape)
{
    t_disk_job *d = calloc(1, sizeof(*d));
    if (!d) {
        free(bytes);
        latent_write_failed(x, t, "there is no memory to write a picture");
        return;
    }
    d->job.work = latent_write_work;
    d->job.discard = latent_write_discard;
    d->target = *t;
    d->bytes = bytes;
    d->shape = shape;
    if (latent_mail_send(x->x_disk, &d->job) < 0)
        latent_write_failed(x, t, "there is no thread to write with");
}

/* Sends the next picture of the folder on its way, when there is one and there is room; closes the
   folder when all is done that was to be. */
static void latent_write_advance(t_latent_write *x)
{
    latent_node *n = x->x_next;
    if (n && !x->x_computing && x->x_writing < WRITING) {
        x->x_next = NULL;
        x->x_computing = 1;
        if (latent_write_compute(x, n, FRAME, NULL))
            latent_write_end(x);
        latent_node_release(n);
        return; /* offline it has come back, and been here, already */
    }
    if (x->x_closing && !x->x_next && !x->x_computing && !x->x_writing) {
        latent_write_end(x);
        outlet_bang(x->x_done);
    }
}

/* Gives a picture of the folder its number and its name. */
static void latent_write_number(t_latent_write *x, t_target *t)
{
    char name[MAXPDSTRING];
    int length = (int)strlen(x->x_folder->s_name);
    while (length > 1 && x->x_folder->s_name[length - 1] == '/')
        length--;
    snprintf(name, sizeof(name), "%.*s/%06d.png", length, x->x_folder->s_name, ++x->x_number);
    t->name = gensym(name);
    canvas_makefilename(x->x_canvas, name, t->path, sizeof(t->path));
}

static void latent_write_computed(void *z, latent_job *job)
{
    t_latent_write *x = z;
    latent_request *r = (latent_request *)job;
    t_target *t = r->settings;
    uint8_t *bytes = r->result;
    int frame = t->kind == FRAME, late = frame && t->take != x->x_take;
    if (frame && !late)
        x->x_computing = 0;
    if (job->failed || late) { /* what can't be computed closes no folder */
        x->x_asked--;
        latent_write_settle(x);
        if (!late)
            latent_write_error(x, job->error.text);
    } else {
        r->result = NULL;
        if (frame) {
            x->x_writing++;
            latent_write_number(x, t);
        }
        latent_write_to_disk(x, t, bytes, r->value->shape);
    }
    if (frame)
        latent_write_advance(x);
}

static void latent_write_written(void *z, latent_job *job)
{
    t_latent_write *x = z;
    const t_target *t = &((t_disk_job *)job)->target;
    int mine = t->kind != STILL && t->take == x->x_take;
    if (mine)
        x->x_writing--;
    if (job->failed)
        latent_write_failed(x, t, job->error.text);
    else if (t->kind != FOLDER)
        latent_write_say_written(x, t->name);
    latent_write_say_dropped(x);
    if (mine)
        latent_write_advance(x);
    else if (t->kind == STILL && !job->failed)
        outlet_bang(x->x_done);
}

/* ---- messages */

static void latent_write_image(t_latent_write *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_last);
    x->x_last = n;
    if (!x->x_folder || x->x_closing)
        return;
    if (x->x_next)
        x->x_dropped++;
    else
        x->x_asked++;
    latent_node_release(x->x_next);
    x->x_next = latent_node_retain(n);
    latent_write_advance(x);
}

static void latent_write_features(t_latent_write *x)
{
    latent_complain(&x->x_obj, "features came, but an image was expected; [latent.rgb] and "
                               "[latent.tap] make pictures of features");
}

/* Does the name end with one of the endings (".png .PNG"), whatever its case? */
static int latent_write_ends(const char *name, const char *endings)
{
    const char *dot = strrchr(name, '.');
    size_t n = dot ? strlen(dot) : 0;
    for (const char *e = endings; n && e && *e; e = strchr(e, ' '), e += e != NULL)
        if (!strncasecmp(e, dot, n) && (e[n] == ' ' || !e[n]))
            return 1;
    return 0;
}

static void latent_write_write(t_latent_write *x, t_symbol *name)
{
    if (!latent_write_ends(name->s_name, ".png"))
        latent_write_error(x, "pictures are written as PNG; a name that ends with .png was "
                              "expected, as in \"write fish.png\"");
    else if (!x->x_last)
        latent_write_error(x, "no picture has come yet that could be written; send an image first");
    else {
        x->x_asked++;
        if (latent_write_compute(x, x->x_last, STILL, name))
            x->x_asked--;
    }
}

static void latent_write_open(t_latent_write *x, t_symbol *s, int argc, t_atom *argv)
{
    t_target t = {.kind = FOLDER};
    char name[MAXPDSTRING];
    (void)s;
    if (argc < 1 || argc > 2 || (argc == 2 && !(atom_getfloat(argv + 1) > 0)) ||
        !*atom_getsymbol(argv)->s_name) {
        latent_write_error(x, "open wants a folder, and maybe how many pictures are a second, as "
                              "in \"open takes 25\"");
        return;
    }
    if (argv->a_type == A_FLOAT)
        snprintf(name, sizeof(name), "%g", (double)argv->a_w.w_float);
    else
        snprintf(name, sizeof(name), "%s", atom_getsymbol(argv)->s_name);
    if (latent_write_ends(name, ".mp4 .m4v .mov .mkv .webm .avi .ogv .mpg .mpeg .gif")) {
        latent_write_error(x, "films are not written yet; open a folder, as in \"open takes\", and "
                              "make the film of its pictures: ffmpeg -i takes/%06d.png film.mp4");
        return;
    }
    if (x->x_folder) {
        latent_write_error(x, x->x_closing
                                  ? "the last folder is still being written; wait for the bang"
                                  : "a folder is open already; send close first");
        return;
    }
    x->x_folder = t.name = gensym(name);
    x->x_number = x->x_closing = 0;
    x->x_dropped = x->x_told = 0;
    t.take = ++x->x_take;
    canvas_makefilename(x->x_canvas, name, t.path, sizeof(t.path));
    x->x_writing = 1;
    latent_write_to_disk(x, &t, NULL, (latent_shape){0});
}

static void latent_write_close(t_latent_write *x)
{
    if (!x->x_folder) {
        latent_write_error(x, "no folder is open; \"open takes\" opens one");
        return;
    }
    x->x_closing = 1;
    latent_write_advance(x);
}

/* ---- birth and death */

static void *latent_write_new(void)
{
    t_latent_write *x = (t_latent_write *)pd_new(latent_write_class);
    x->x_canvas = canvas_getcurrent();
    x->x_done = outlet_new(&x->x_obj, &s_bang);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_compute = latent_mail_new(x, LATENT_EVALUATOR, 0, latent_write_computed);
    x->x_disk = latent_mail_new(x, LATENT_WRITER, 0, latent_write_written);
    return x;
}

static void latent_write_free(t_latent_write *x)
{
    latent_mail_free(x->x_compute);
    latent_mail_free(x->x_disk);
    latent_node_release(x->x_last);
    latent_node_release(x->x_next);
}

void setup_latent0x2ewrite(void)
{
    t_class *c = class_new(gensym("latent.write"), (t_newmethod)latent_write_new,
                           (t_method)latent_write_free, sizeof(t_latent_write), CLASS_DEFAULT, 0);
    latent_write_class = c;
    class_addmethod(c, (t_method)latent_write_image, gensym("image"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_write_features, gensym("features"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_write_write, gensym("write"), A_DEFSYM, 0);
    class_addmethod(c, (t_method)latent_write_open, gensym("open"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_write_close, gensym("close"), 0);
}
