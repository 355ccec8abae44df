/* [latent.image file]: a picture from a file, or the frames of a film, as an image promise.

   read <file>    another picture (PNG, JPEG, WebP ...) or film (MP4, MOV, MKV, WebM, AVI, GIF
                  ...), searched beside the patch, then in Pd's path, sent when it has been read,
                  of a film the first frame; the same file, unchanged, is the same promise.  open
                  is the same
   bang           the picture again; of a film the next frame, after the last one the first;
                  while something is being read, as soon as it has arrived
   frame n        of a film: that frame, from 0 on
   time ms        of a film: the frame that is seen then
   channels n     3 colours (until told), 1 grey, or 4 with opacity; the file is read again
   info           the info messages again
   latent, model, seed, patch   what a PNG that [latent.write] wrote says about its making
   left outlet    image
   right outlet   info file f, info width w, info height h, info channels n, of a film info
                  frames n, info fps f, info ms f, before a new file's image; frame n before a
                  film's; dropped n, frames of this film for which there was no time; latent
                  <list>, model <file> <hash>, seed n, patch <file>; error <words>

   A file given as an argument is read at once, in the background, and sent at the first bang.  What
   was there before stays when a file can't be read. */
#include "engine/media/load.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/names.h"
#include "pd/words.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static t_class *latent_image_class;

/* Which picture is wanted. */
typedef enum { NONE, NEXT, FRAME, TIME } t_wish_kind;
typedef struct {
    t_wish_kind kind;
    double value; /* FRAME: its number; TIME: ms */
} t_wish;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    int x_channels, x_channels_before;
    t_symbol *x_file;           /* the last that was asked for, or NULL */
    t_symbol *x_of;             /* the one that the picture is of, or NULL */
    latent_node *x_node;        /* the picture, or NULL */
    latent_stamp x_stamp;       /* of the file it is from */
    latent_film_reader *x_reel; /* the film, or NULL */
    int x_shown;                /* the frame that x_node is */
    int x_frame;                /* the one that was asked for last */
    int x_fresh;                /* the film has not been looked at yet */
    int x_dropped;
    latent_metadata x_notes;
    int x_reading;   /* a file */
    t_wish x_wanted; /* to be sent when it has been read */
    t_latent_job_queue *x_mail;
    t_outlet *x_out, *x_info;
} t_latent_image;

static void latent_image_send(t_latent_image *x)
{
    if (x->x_reel)
        latent_say_number(x->x_info, "frame", x->x_shown);
    latent_promise_send(x->x_out, x->x_node);
}

static void latent_image_info(t_latent_image *x)
{
    const latent_shape s = x->x_node ? x->x_node->shape : (latent_shape){0};
    if (!x->x_node)
        return;
    if (x->x_reel) {
        latent_film_reader_info film = latent_film_reader_about(x->x_reel);
        latent_info_number(x->x_info, "ms", film.ms);
        latent_info_number(x->x_info, "fps", film.fps);
        latent_info_number(x->x_info, "frames", film.frames);
    }
    latent_info_number(x->x_info, "channels", s.c);
    latent_info_number(x->x_info, "height", s.h);
    latent_info_number(x->x_info, "width", s.w);
    latent_info_word(x->x_info, "file", x->x_of->s_name);
}

static void latent_image_post(t_latent_image *x, latent_load *r)
{
    int replaced = latent_job_queue_send(x->x_mail, &r->job);
    if (replaced < 0) {
        x->x_reading = 0;
        latent_words_error(&x->x_obj, x->x_info, "there is no thread to read a picture with");
    } else if (replaced > 0)
        latent_say_number(x->x_info, "dropped", x->x_dropped += replaced);
}

/* Has a frame of the film come; the one that is there already is sent at once. */
static void latent_image_fetch(t_latent_image *x, int frame)
{
    latent_load *r;
    x->x_frame = frame;
    x->x_fresh = 0;
    if (x->x_shown == frame && !latent_job_queue_busy(x->x_mail))
        latent_image_send(x);
    else if ((r = latent_load_new(x->x_channels))) {
        r->frame = frame;
        r->reel = latent_film_reader_retain(x->x_reel);
        latent_image_post(x, r);
    }
}

/* Serves a wish, when the file is there. */
static void latent_image_serve(t_latent_image *x, t_wish wish)
{
    int frames = x->x_reel ? latent_film_reader_about(x->x_reel).frames : 0;
    x->x_wanted.kind = NONE;
    if (!x->x_reel && wish.kind == NEXT)
        latent_image_send(x);
    else if (!x->x_reel)
        latent_complain(&x->x_obj, "%s is a picture; frame and time are for films",
                        x->x_of->s_name);
    else if (wish.kind == NEXT)
        latent_image_fetch(x, x->x_fresh ? 0 : (x->x_frame + 1) % frames);
    else if (wish.kind == TIME)
        latent_image_fetch(x, latent_film_reader_at(x->x_reel, wish.value));
    else if (wish.value >= 0 && wish.value < frames)
        latent_image_fetch(x, latent_whole(wish.value, 0, frames - 1));
    else
        latent_complain(&x->x_obj, "there is no frame %g; %s has %d, 0 to %d", wish.value,
                        x->x_of->s_name, frames, frames - 1);
}

static void latent_image_done(void *z, latent_job *job)
{
    t_latent_image *x = z;
    latent_load *r = (latent_load *)job;
    t_wish wanted = x->x_wanted;
    if (r->paths)
        x->x_reading = 0;
    if (job->failed) {
        if (r->paths) {
            x->x_wanted.kind = NONE;
            x->x_file = x->x_of;
        }
        latent_words_error(&x->x_obj, x->x_info, job->error.text);
        return;
    }
    if (r->node) {
        latent_node_release(x->x_node);
        x->x_node = latent_node_retain(r->node);
    }
    if (!r->paths) {
        x->x_shown = r->frame;
        latent_image_send(x);
        return;
    }
    x->x_of = x->x_file;
    if (r->node) {
        latent_film_reader_release(x->x_reel);
        x->x_reel = r->reel;
        r->reel = NULL;
        latent_metadata_free(&x->x_notes);
        x->x_notes = r->notes;
        memset(&r->notes, 0, sizeof(r->notes));
        x->x_stamp = r->found;
        x->x_shown = x->x_dropped = 0;
        latent_image_info(x);
    }
    x->x_fresh = 1;
    if (wanted.kind != NONE)
        latent_image_serve(x, wanted);
}

static void latent_image_start(t_latent_image *x)
{
    latent_load *r = latent_load_new(x->x_channels);
    if (!r || !(r->paths = latent_find_paths(&x->x_obj, x->x_canvas, x->x_file->s_name))) {
        x->x_file = x->x_of;
        free(r);
        return;
    }
    r->known = x->x_stamp;
    latent_job_queue_cancel(x->x_mail); /* what is being read is cancelled */
    x->x_reading = 1;
    latent_image_post(x, r);
}

static void latent_image_read(t_latent_image *x, t_symbol *file)
{
    if (!*file->s_name) {
        latent_complain(&x->x_obj, "read wants a file's name, as in \"read fish.png\"");
        return;
    }
    x->x_file = file;
    x->x_wanted.kind = NEXT;
    latent_image_start(x);
}

static void latent_image_wish(t_latent_image *x, t_wish_kind kind, double value)
{
    if (x->x_reading)
        x->x_wanted = (t_wish){kind, value};
    else if (x->x_node)
        latent_image_serve(x, (t_wish){kind, value});
    else
        latent_complain(&x->x_obj, "there is no picture yet; \"read fish.png\" reads one");
}

static void latent_image_bang(t_latent_image *x)
{
    latent_image_wish(x, NEXT, 0);
}

static void latent_image_frame(t_latent_image *x, t_floatarg n)
{
    latent_image_wish(x, FRAME, n);
}

static void latent_image_time(t_latent_image *x, t_floatarg ms)
{
    latent_image_wish(x, TIME, ms);
}

/* ---- what a picture says about its making */

static void latent_image_latent(t_latent_image *x)
{
    int n = x->x_notes.origin.rows * x->x_notes.origin.w_dim;
    t_atom *a = n ? malloc((size_t)n * sizeof(*a)) : NULL;
    for (int i = 0; a && i < n; i++)
        SETFLOAT(a + i, x->x_notes.origin.w[i]);
    if (a)
        outlet_anything(x->x_info, gensym("latent"), n, a);
    free(a);
}

/* For latent, model, seed and patch. */
static void latent_image_tell(t_latent_image *x, t_symbol *s, int argc, t_atom *argv)
{
    const latent_metadata *n = &x->x_notes;
    const char *word = s->s_name;
    t_atom a[2];
    (void)argc;
    (void)argv;
    if (!strcmp(word, "latent") && n->origin.rows)
        latent_image_latent(x);
    else if (!strcmp(word, "seed") && n->has_seed)
        latent_say_number(x->x_info, word, n->seed);
    else if (!strcmp(word, "patch") && *n->patch)
        latent_say_symbol(x->x_info, word, gensym(n->patch));
    else if (!strcmp(word, "model") && *n->origin.drawer.name) {
        SETSYMBOL(a, gensym(n->origin.drawer.name));
        SETSYMBOL(a + 1, gensym(n->origin.drawer.hash));
        outlet_anything(x->x_info, s, 2, a);
    } else
        latent_complain(&x->x_obj,
                        "%s does not say its %s; PNG say it that [latent.write] wrote and that no "
                        "other program has saved again",
                        x->x_node ? x->x_of->s_name : "no picture is there, so nothing", word);
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
    x->x_mail = latent_job_queue_new(x, LATENT_LOADER, 1, latent_image_done);
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
    latent_job_queue_free(x->x_mail);
    latent_node_release(x->x_node);
    latent_film_reader_release(x->x_reel);
    latent_metadata_free(&x->x_notes);
}

void setup_latent0x2eimage(void)
{
    latent_image_class =
        class_new(gensym("latent.image"), (t_newmethod)latent_image_new,
                  (t_method)latent_image_free, sizeof(t_latent_image), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_image_class, LATENT_TAKES_MESSAGES);
    class_addbang(latent_image_class, latent_image_bang);
    class_addmethod(latent_image_class, (t_method)latent_image_read, gensym("read"), A_DEFSYM, 0);
    class_addmethod(latent_image_class, (t_method)latent_image_read, gensym("open"), A_DEFSYM, 0);
    class_addmethod(latent_image_class, (t_method)latent_image_frame, gensym("frame"), A_FLOAT, 0);
    class_addmethod(latent_image_class, (t_method)latent_image_time, gensym("time"), A_FLOAT, 0);
    latent_takes_alone(latent_image_class, (t_method)latent_image_info, "info");
    for (const char *const *word = (const char *[]){"latent", "model", "seed", "patch", NULL};
         *word; word++)
        class_addmethod(latent_image_class, (t_method)latent_image_tell, gensym(*word), A_GIMME, 0);
    latent_params_setup(latent_image_class, latent_image_params);
}
