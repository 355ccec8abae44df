/* [latent.window w h]: a window of its own for the stage: on any screen, full screen, without a
   menu and without a cursor.  It belongs to a program of its own (see engine/stage/window.h) and
   ends with Pd.

   image            the picture to show; the newest wins
   open, close      the window
   fullscreen 0, 1  all of the screen; Escape in the window leaves it
   screen n         on the nth screen (1)
   size w h         of the window when it is not full screen (512 512)
   smooth 0, 1      how pictures are enlarged: 1 pixels run into each other, 0 blocks (1)
   black 0, 1       1: nothing is seen, 0: the picture again
   fade ms          a picture that comes after a pause, or after this message, fades in over what
                    was there before, and black takes as long (0)
   outlet           fps f, about once a second while pictures come
                    key name, as [keyname] says it: a, Left, F1, space
                    closed, when a person closed it

   The picture keeps its shape.  What nobody sees is not computed: while no window is open the box
   keeps the newest picture.  Offline every picture is computed, and no window opens. */
#include "engine/base/system.h"
#include "engine/graph/evaluate.h"
#include "engine/stage/window.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/size.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LISTEN_MS 5
#define SMALLEST 8
#define LARGEST 16384

static t_class *latent_window_class;

typedef struct {
    t_object x_obj;
    latent_window *x_window; /* NULL: closed */
    latent_window_settings x_settings;
    latent_node *x_node; /* the newest picture, or NULL */
    int x_due;           /* it is not in the window yet */
    int x_busy;          /* one is being made */
    t_latent_job_queue *x_jobs;
    t_clock *x_clock;
    t_outlet *x_outlet;
} t_latent_window;

static void latent_window_changed(void *z)
{
    t_latent_window *x = z;
    if (x->x_window)
        latent_window_set(x->x_window, &x->x_settings);
}

static void latent_window_fade_changed(void *z)
{
    t_latent_window *x = z;
    latent_window_changed(x);
    if (x->x_window)
        latent_window_fade(x->x_window);
}

#define FIELD(name) (offsetof(t_latent_window, x_settings) + offsetof(latent_window_settings, name))
static const t_latent_param latent_window_params[] = {
    {"fullscreen", LATENT_WHOLE, FIELD(fullscreen), 0, 1, NULL, latent_window_changed},
    {"screen", LATENT_WHOLE, FIELD(screen), 1, 16, NULL, latent_window_changed},
    {"smooth", LATENT_WHOLE, FIELD(smooth), 0, 1, NULL, latent_window_changed},
    {"black", LATENT_WHOLE, FIELD(black), 0, 1, NULL, latent_window_changed},
    {"fade", LATENT_REAL, FIELD(fade_ms), 0, 600000, NULL, latent_window_fade_changed},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- from promise to window: one on its way at a time */

static int latent_window_digest(latent_request *r, latent_error *e)
{
    return latent_window_show(r->settings, r->value, e);
}

static void latent_window_let_go(void *window)
{
    latent_window_release(window);
}

static latent_request *latent_window_request(t_latent_window *x)
{
    latent_request *r = latent_request_new(x->x_node, latent_window_digest, NULL);
    if (r) {
        r->settings = latent_window_retain(x->x_window);
        r->let_go = latent_window_let_go;
    }
    return r;
}

static void latent_window_send(t_latent_window *x, latent_request *r)
{
    if (r && latent_job_queue_send(x->x_jobs, &r->job) >= 0)
        return;
    latent_complain(&x->x_obj, "no memory, or no thread, to compute with");
    x->x_busy = 0;
}

static void latent_window_advance(t_latent_window *x)
{
    if (!x->x_due || x->x_busy || !x->x_window)
        return;
    x->x_due = 0;
    x->x_busy = 1;
    latent_window_send(x, latent_window_request(x));
}

static void latent_window_done(void *z, latent_job *job)
{
    t_latent_window *x = z;
    if (((latent_request *)job)->settings)
        x->x_busy = 0;
    if (job->failed)
        latent_complain(&x->x_obj, "%s", job->error.text);
    latent_window_advance(x);
}

static void latent_window_image(t_latent_window *x, t_symbol *s, int argc, t_atom *argv)
{
    if (!latent_picture_take(&x->x_obj, &x->x_node, s, argc, argv))
        return;
    x->x_due = 1;
    x->x_busy &= !latent_job_queue_give_up(x->x_jobs);
    if (latent_offline() && !x->x_window)
        latent_window_send(x, latent_request_new(x->x_node, NULL, NULL));
    latent_window_advance(x);
}

/* ---- the window */

static void latent_window_forget(t_latent_window *x)
{
    latent_window_release(x->x_window);
    x->x_window = NULL;
}

static void latent_window_say(t_latent_window *x, const char *word, int n, t_atom *a)
{
    outlet_anything(x->x_outlet, gensym(word), n, a);
}

static void latent_window_heard(t_latent_window *x, const latent_window_event *event)
{
    t_atom a;
    switch (event->kind) {
    case LATENT_WINDOW_OPENED:
        break;
    case LATENT_WINDOW_KEY:
        if (!strcmp(event->text, "Escape"))
            x->x_settings.fullscreen = 0; /* the window has left it */
        SETSYMBOL(&a, gensym(event->text));
        latent_window_say(x, "key", 1, &a);
        break;
    case LATENT_WINDOW_FPS:
        SETFLOAT(&a, (t_float)event->value);
        latent_window_say(x, "fps", 1, &a);
        break;
    case LATENT_WINDOW_CLOSED:
        latent_window_forget(x);
        x->x_due = x->x_node != NULL;
        latent_window_say(x, "closed", 0, NULL);
        break;
    case LATENT_WINDOW_FAILED:
        latent_window_forget(x);
        x->x_due = x->x_node != NULL;
        latent_complain(&x->x_obj, "%s", event->text);
        break;
    case LATENT_WINDOW_REFUSED:
        latent_complain(&x->x_obj, "%s", event->text);
        break;
    }
}

static void latent_window_tick(t_latent_window *x)
{
    latent_window_event event;
    clock_delay(x->x_clock, LISTEN_MS); /* first: what is said may delete the box */
    if (x->x_window && latent_window_next(x->x_window, &event))
        latent_window_heard(x, &event);
    else if (!x->x_window)
        clock_unset(x->x_clock);
}

static void latent_window_open_message(t_latent_window *x)
{
    char *program;
    latent_error e;
    if (x->x_window || latent_offline())
        return;
    program = latent_beside("latent-window");
    if (!program)
        latent_complain(&x->x_obj, "there is no memory for a window");
    else if (!(x->x_window = latent_window_open(program, &x->x_settings, &e)))
        latent_complain(&x->x_obj, "%s", e.text);
    free(program);
    if (!x->x_window)
        return;
    clock_delay(x->x_clock, LISTEN_MS);
    x->x_due = x->x_node != NULL;
    latent_window_advance(x);
}

static void latent_window_close_message(t_latent_window *x)
{
    if (!x->x_window)
        return;
    latent_window_close(x->x_window);
    latent_window_forget(x);
    x->x_due = x->x_node != NULL;
}

static int latent_window_set_size(t_latent_window *x, int argc, t_atom *argv)
{
    return latent_size_take(&x->x_obj, SMALLEST, LARGEST, argc, argv, &x->x_settings.width,
                            &x->x_settings.height);
}

static void latent_window_size(t_latent_window *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (!latent_window_set_size(x, argc, argv))
        latent_window_changed(x);
}

/* ---- birth and death */

static void *latent_window_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_window *x = (t_latent_window *)pd_new(latent_window_class);
    (void)s;
    x->x_settings = (latent_window_settings){.screen = 1, .smooth = 1, .width = 512, .height = 512};
    argc = latent_params_flags(&x->x_obj, latent_window_params, argc, argv);
    if (argc)
        latent_window_set_size(x, argc, argv);
    x->x_outlet = outlet_new(&x->x_obj, 0);
    x->x_clock = clock_new(x, (t_method)latent_window_tick);
    x->x_jobs = latent_job_queue_new(x, LATENT_EVALUATOR, 0, latent_window_done);
    return x;
}

static void latent_window_free(t_latent_window *x)
{
    latent_window_close_message(x);
    latent_job_queue_free(x->x_jobs);
    clock_free(x->x_clock);
    latent_node_release(x->x_node);
}

void setup_latent0x2ewindow(void)
{
    t_class *c = latent_window_class =
        class_new(gensym("latent.window"), (t_newmethod)latent_window_new,
                  (t_method)latent_window_free, sizeof(t_latent_window), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_PICTURE);
    class_addmethod(c, (t_method)latent_window_image, gensym("image"), A_GIMME, 0);
    latent_takes_alone(c, (t_method)latent_window_open_message, "open");
    latent_takes_alone(c, (t_method)latent_window_close_message, "close");
    class_addmethod(c, (t_method)latent_window_size, gensym("size"), A_GIMME, 0);
    latent_params_setup(c, latent_window_params);
}
