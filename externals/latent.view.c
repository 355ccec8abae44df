/* [latent.view size]: shows pictures in the patch.

   image        the picture to show; the newest wins, and at most 30 a second are drawn
   size n [m]   the frame: n wide and m (or n) high; kept when the patch is saved
   scaling blocks or smooth   how small pictures are enlarged (blocks until told)
   clear        shows nothing
   files 0, 1   1: each picture is also a PNG, for editors whose patch shows nothing here (0)
   outlet       shape w h   of the pictures that come, when it changes
                fps f       how many a second were drawn, about once a second while they come
                dropped n   how many came too fast to be drawn, when it changes
                file name   of the PNG, two names in turn, when files is 1
                click x y   where the picture was clicked, 0 to 1 from the left and from the top

   What nobody sees is not computed: without a window (-nogui, a closed subpatch, a Pd without Tk)
   the box keeps the newest picture and draws it when it can be seen.  Offline ("pd -batch", "sync
   1") every picture is computed, seen or not, so that a patch gives the same errors and statistics
   everywhere; fps and dropped are of drawing alone. */
#include "engine/graph/evaluate.h"
#include "engine/picture/screen.h"
#include "pd/box.h"
#include "pd/frame.h"
#include "pd/job_queue.h"
#include "pd/rate.h"
#include "pd/size.h"
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL (1. / 30) /* seconds from picture to picture */
#define SMALLEST 8
#define LARGEST 4096

static t_class *latent_view_class;

typedef struct {
    t_object x_obj;
    t_latent_frame x_frame;
    int x_scaling;         /* a latent_enlarging */
    int x_files, x_turn;   /* PNG are written; which name is next */
    unsigned x_id;         /* of the names; 0: none yet */
    latent_node *x_node;   /* the newest picture, or NULL */
    int x_due;             /* it is not in the window yet */
    int x_busy;            /* one is being made, or waits for Tk */
    char *x_file;          /* the one that waits for Tk */
    double x_last;         /* when the last one was asked for; seconds */
    t_latent_rate x_rate;  /* of what was drawn */
    int x_dropped, x_told; /* in all; what the outlet has said */
    int x_shape_w, x_shape_h;
    t_latent_job_queue *x_mail;
    t_clock *x_clock;
    t_outlet *x_outlet;
} t_latent_view;

/* What a request needs to know away from Pd's thread. */
typedef struct {
    int h, w;
    latent_enlarging enlarging;
    int tk;             /* a file for Tk is wanted */
    char png[PATH_MAX]; /* and a PNG of this name, or "" */
    void (*discard)(latent_job *job);
} t_room;

static void latent_view_advance(t_latent_view *x);

/* ---- on the evaluator: from the value to a file that Tk can read */

static int latent_view_digest(latent_request *r, latent_error *e)
{
    const t_room *room = r->settings;
    char path[PATH_MAX];
    if (*room->png &&
        latent_screen_write_png(r->value, room->h, room->w, room->enlarging, room->png, e))
        return -1;
    if (!room->tk)
        return 0;
    if (latent_screen_write(r->value, room->h, room->w, room->enlarging, path, sizeof(path), e))
        return -1;
    r->result = strdup(path);
    return r->result ? 0 : latent_fail(e, "there is no memory to show a picture");
}

/* A file that nobody has taken goes with its request. */
static void latent_view_discard(latent_job *job)
{
    latent_request *r = (latent_request *)job;
    void (*discard)(latent_job *) = ((t_room *)r->settings)->discard;
    if (r->result)
        latent_screen_forget(r->result);
    discard(job);
}

static latent_request *latent_view_request(t_latent_view *x)
{
    t_room *room = malloc(sizeof(*room));
    latent_request *r = room ? latent_request_new(x->x_node, latent_view_digest, room) : NULL;
    if (!r)
        return NULL;
    room->h = x->x_frame.h * latent_frame_zoom(&x->x_frame);
    room->w = x->x_frame.w * latent_frame_zoom(&x->x_frame);
    room->enlarging = (latent_enlarging)x->x_scaling;
    room->tk = latent_frame_visible(&x->x_frame);
    *room->png = 0;
    if (x->x_files && !x->x_id)
        x->x_id = latent_screen_id();
    if (x->x_files)
        latent_screen_name(x->x_id, x->x_turn ^= 1, room->png, sizeof(room->png));
    room->discard = r->job.discard;
    r->job.discard = latent_view_discard;
    return r;
}

/* ---- Tk */

static void latent_view_say(t_latent_view *x, const char *word, int n, double a, double b)
{
    t_atom at[2];
    SETFLOAT(at, (t_float)a);
    SETFLOAT(at + 1, (t_float)b);
    outlet_anything(x->x_outlet, gensym(word), n, at);
}

static void latent_view_forget_file(t_latent_view *x)
{
    if (x->x_file)
        latent_frame_delete_file(x->x_file);
    free(x->x_file);
    x->x_file = NULL;
}

/* Called when Tk has time for us. */
static void latent_view_to_tk(t_gobj *z, t_glist *glist)
{
    t_latent_view *x = (t_latent_view *)z;
    (void)glist;
    if (!x->x_file)
        return;
    if (x->x_node && latent_frame_visible(&x->x_frame)) {
        latent_frame_picture(&x->x_frame, x->x_file);
        latent_rate_count(&x->x_rate);
    } else {
        latent_frame_delete_file(x->x_file);
        x->x_due = x->x_node != NULL;
    }
    free(x->x_file);
    x->x_file = NULL;
    x->x_busy = 0;
    clock_delay(x->x_clock, 0);
}

static void latent_view_getrect(t_gobj *z, t_glist *glist, int *x1, int *y1, int *x2, int *y2)
{
    latent_frame_rectangle(&((t_latent_view *)z)->x_frame, glist, x1, y1, x2, y2);
}

static void latent_view_vis(t_gobj *z, t_glist *glist, int vis)
{
    t_latent_view *x = (t_latent_view *)z;
    (void)glist;
    if (!vis) {
        latent_frame_hide(&x->x_frame);
        return;
    }
    latent_frame_show(&x->x_frame);
    x->x_due = x->x_node != NULL;
    clock_delay(x->x_clock, 0); /* the window itself counts as visible a little later */
}

static void latent_view_displace(t_gobj *z, t_glist *glist, int dx, int dy)
{
    latent_frame_move(&((t_latent_view *)z)->x_frame, glist, dx, dy);
}

static void latent_view_select(t_gobj *z, t_glist *glist, int state)
{
    (void)glist;
    latent_frame_select(&((t_latent_view *)z)->x_frame, state);
}

static void latent_view_delete(t_gobj *z, t_glist *glist)
{
    canvas_deletelinesfor(glist, (t_text *)z);
}

static int latent_view_click(t_gobj *z, t_glist *glist, int xpix, int ypix, int shift, int alt,
                             int dbl, int doit)
{
    t_latent_view *x = (t_latent_view *)z;
    int x1, y1, x2, y2, h, w;
    double across, down;
    (void)shift;
    (void)alt;
    (void)dbl;
    if (!x->x_node)
        return 0;
    latent_view_getrect(z, glist, &x1, &y1, &x2, &y2);
    latent_pixels_fit(x->x_shape_h, x->x_shape_w, y2 - y1, x2 - x1, &h, &w);
    across = (xpix + 0.5 - (x1 + x2 - w) / 2.) / w;
    down = (ypix + 0.5 - (y1 + y2 - h) / 2.) / h;
    if (across < 0 || across > 1 || down < 0 || down > 1)
        return 0;
    if (doit)
        latent_view_say(x, "click", 2, across, down);
    return 1;
}

/* ---- from promise to promise: one on its way at a time, at most 30 a second */

static void latent_view_done(void *z, latent_job *job)
{
    t_latent_view *x = z;
    latent_request *r = (latent_request *)job;
    const t_room *room = r->settings;
    int drawing = room != NULL;
    t_atom at;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        x->x_busy = drawing ? 0 : x->x_busy;
    } else if (drawing) {
        latent_view_forget_file(x); /* Tk has not taken it, or never will */
        x->x_file = r->result;
        r->result = NULL;
        x->x_busy = x->x_file && !*room->png;
        if (x->x_file && latent_frame_visible(&x->x_frame))
            sys_queuegui(x, x->x_frame.glist, latent_view_to_tk);
        else
            latent_view_to_tk((t_gobj *)x, x->x_frame.glist);
        if (*room->png) { /* last: what is said may delete the box */
            SETSYMBOL(&at, gensym(room->png));
            clock_delay(x->x_clock, 0);
            outlet_anything(x->x_outlet, gensym("file"), 1, &at);
            return;
        }
    }
    if (!x->x_busy)
        clock_delay(x->x_clock, 0);
}

static void latent_view_send(t_latent_view *x, latent_request *r)
{
    if (r && latent_job_queue_send(x->x_mail, &r->job) >= 0)
        return;
    latent_complain(&x->x_obj, "no memory, or no thread, to compute with");
    x->x_busy = 0;
}

/* Asks for the newest picture, if it is wanted and the time has come. */
static void latent_view_advance(t_latent_view *x)
{
    double wait;
    if (!x->x_due || x->x_busy || !(x->x_files || latent_frame_visible(&x->x_frame)))
        return;
    wait = x->x_last + INTERVAL - sys_getrealtime();
    if (wait > 0) {
        clock_delay(x->x_clock, wait * 1000);
        return;
    }
    x->x_due = 0;
    x->x_busy = 1;
    x->x_last = sys_getrealtime();
    latent_view_send(x, latent_view_request(x));
}

static void latent_view_tick(t_latent_view *x)
{
    double fps;
    latent_view_advance(x);
    if (latent_rate_told(&x->x_rate, &fps))
        latent_view_say(x, "fps", 1, fps, 0);
    if (x->x_told != x->x_dropped) {
        x->x_told = x->x_dropped;
        latent_view_say(x, "dropped", 1, x->x_told, 0);
    }
}

static void latent_view_image(t_latent_view *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n;
    int reshaped;
    if (!latent_picture_take(&x->x_obj, &x->x_node, s, argc, argv))
        return;
    n = x->x_node;
    x->x_dropped += x->x_due && latent_frame_visible(&x->x_frame);
    x->x_busy &= !latent_job_queue_give_up(x->x_mail);
    x->x_due = 1;
    reshaped = n->shape.w != x->x_shape_w || n->shape.h != x->x_shape_h;
    x->x_shape_w = n->shape.w;
    x->x_shape_h = n->shape.h;
    if (latent_offline())
        latent_view_send(x, latent_request_new(n, NULL, NULL));
    latent_view_advance(x);
    if (reshaped)
        latent_view_say(x, "shape", 2, x->x_shape_w, x->x_shape_h);
}

static void latent_view_clear(t_latent_view *x)
{
    latent_node_release(x->x_node);
    x->x_node = NULL;
    x->x_due = x->x_shape_w = x->x_shape_h = 0;
    latent_frame_picture(&x->x_frame, NULL);
}

/* ---- the frame */

static void latent_view_redraw(void *z)
{
    t_latent_view *x = z;
    if (!latent_frame_visible(&x->x_frame))
        return;
    latent_view_vis((t_gobj *)x, x->x_frame.glist, 0);
    latent_view_vis((t_gobj *)x, x->x_frame.glist, 1);
    canvas_fixlinesfor(x->x_frame.glist, &x->x_obj);
}

static void latent_view_again(void *z)
{
    t_latent_view *x = z;
    x->x_due = x->x_node != NULL;
    x->x_busy &= !x->x_files; /* a window that does not answer is waited for no longer */
    clock_delay(x->x_clock, 0);
}

static void latent_view_size(t_latent_view *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (latent_size_take(&x->x_obj, SMALLEST, LARGEST, argc, argv, &x->x_frame.w, &x->x_frame.h))
        return;
    latent_frame_save_size(&x->x_frame);
    latent_view_redraw(x);
}

static const t_latent_param latent_view_params[] = {
    {"scaling", LATENT_CHOICE, offsetof(t_latent_view, x_scaling), 0, 0, "blocks smooth",
     latent_view_redraw},
    {"files", LATENT_WHOLE, offsetof(t_latent_view, x_files), 0, 1, NULL, latent_view_again},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- birth and death */

static void *latent_view_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_view *x = (t_latent_view *)pd_new(latent_view_class);
    int kept = 0;
    (void)s;
    latent_frame_init(&x->x_frame, &x->x_obj, 256, 256);
    for (int i = 0; i < argc; i++) /* "-size 320 240" says the same as "320 240" */
        if (argv[i].a_type != A_SYMBOL || argv[i].a_w.w_symbol != gensym("-size"))
            argv[kept++] = argv[i];
    argc = latent_params_flags(&x->x_obj, latent_view_params, kept, argv);
    if (argc)
        latent_size_take(&x->x_obj, SMALLEST, LARGEST, argc, argv, &x->x_frame.w, &x->x_frame.h);
    x->x_outlet = outlet_new(&x->x_obj, 0);
    x->x_clock = clock_new(x, (t_method)latent_view_tick);
    x->x_mail = latent_job_queue_new(x, LATENT_EVALUATOR, 0, latent_view_done);
    return x;
}

static void latent_view_free(t_latent_view *x)
{
    latent_job_queue_free(x->x_mail);
    sys_unqueuegui(x);
    clock_free(x->x_clock);
    latent_view_forget_file(x);
    if (x->x_id)
        latent_screen_forget_names(x->x_id);
    latent_frame_free(&x->x_frame);
    latent_node_release(x->x_node);
}

void setup_latent0x2eview(void)
{
    static t_widgetbehavior behavior = {.w_getrectfn = latent_view_getrect,
                                        .w_displacefn = latent_view_displace,
                                        .w_selectfn = latent_view_select,
                                        .w_deletefn = latent_view_delete,
                                        .w_visfn = latent_view_vis,
                                        .w_clickfn = latent_view_click};
    t_class *c =
        class_new(gensym("latent.view"), (t_newmethod)latent_view_new, (t_method)latent_view_free,
                  sizeof(t_latent_view), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_PICTURE);
    latent_view_class = c;
    class_addmethod(c, (t_method)latent_view_image, gensym("image"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_view_size, gensym("size"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_view_clear, gensym("clear"), 0);
    latent_params_setup(c, latent_view_params);
    class_setwidget(c, &behavior);
}
