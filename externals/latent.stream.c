/* [latent.stream port]: pictures to browsers, phones and OBS: a page with the live picture at
   http://localhost:8080/ (8080 until another port is given).

   image       the picture to show; the newest wins
   port n      another port
   open 0, 1   0: only this machine can look (0); 1: everyone in the same network can
   quality n   of the JPEG, 1 to 100 (80)
   outlet      viewers n   how many are looking, when it changes

   What nobody looks at is not computed.  Up to 20 can look; each gets the newest picture as soon as
   it has taken the one before, so a slow one skips pictures and holds up nobody.  Offline every
   picture is computed, and nobody is served. */
#include "engine/graph/evaluate.h"
#include "engine/picture/pixels.h"
#include "engine/stage/stream.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include <stddef.h>
#include <stdlib.h>

#define LOOK_MS 50

static t_class *latent_stream_class;

typedef struct {
    t_object x_obj;
    latent_stream *x_stream;
    int x_port, x_open, x_quality;
    latent_node *x_node; /* the newest picture, or NULL */
    int x_due;           /* nobody has seen it yet */
    int x_busy;          /* one is being computed or made a JPEG */
    int x_told;          /* how many viewers */
    t_latent_job_queue *x_compute, *x_serve;
    t_clock *x_clock;
    t_outlet *x_outlet;
} t_latent_stream;

/* A picture, or (rgb NULL) where it is to be seen from now on. */
typedef struct {
    latent_job job;
    latent_stream *stream;
    uint8_t *rgb;
    int h, w, quality, port, everyone;
} t_serve;

static void latent_stream_listen_again(void *z);

static const t_latent_param latent_stream_params[] = {
    {"port", LATENT_WHOLE, offsetof(t_latent_stream, x_port), 1, 65535, NULL,
     latent_stream_listen_again},
    {"open", LATENT_WHOLE, offsetof(t_latent_stream, x_open), 0, 1, NULL,
     latent_stream_listen_again},
    {"quality", LATENT_WHOLE, offsetof(t_latent_stream, x_quality), 1, 100, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- away from Pd's thread */

static int latent_stream_digest(latent_request *r, latent_error *e)
{
    latent_shape s = r->value->shape;
    if (latent_pixels_check(s, e))
        return -1;
    r->result = malloc((size_t)s.h * (size_t)s.w * 3);
    if (!r->result)
        return latent_fail(e, "there is no memory to send a picture of %d x %d", s.w, s.h);
    latent_pixels_from(r->value, 3, r->result);
    return 0;
}

static int latent_stream_serve(latent_job *job)
{
    t_serve *j = (t_serve *)job;
    if (j->rgb)
        return latent_stream_show(j->stream, j->rgb, j->h, j->w, j->quality, &job->error);
    return latent_stream_listen(j->stream, j->port, j->everyone, &job->error);
}

static void latent_stream_discard(latent_job *job)
{
    t_serve *j = (t_serve *)job;
    latent_stream_release(j->stream);
    free(j->rgb);
    free(j);
}

/* Takes the pixels over. */
static void latent_stream_send(t_latent_stream *x, uint8_t *rgb, int h, int w)
{
    t_serve *j = calloc(1, sizeof(*j));
    if (j) {
        j->job.work = latent_stream_serve;
        j->job.discard = latent_stream_discard;
        j->stream = latent_stream_retain(x->x_stream);
        j->rgb = rgb;
        j->h = h;
        j->w = w;
        j->quality = x->x_quality;
        j->port = x->x_port;
        j->everyone = x->x_open;
        if (latent_job_queue_send(x->x_serve, &j->job) >= 0)
            return;
    } else
        free(rgb);
    x->x_busy = 0;
    latent_complain(&x->x_obj, "no memory, or no thread, to serve pictures with");
}

/* ---- from promise to viewers: one on its way at a time, when somebody looks */

static void latent_stream_advance(t_latent_stream *x)
{
    latent_request *r;
    if (!x->x_due || x->x_busy || !(latent_offline() || latent_stream_viewers(x->x_stream)))
        return;
    x->x_due = 0;
    x->x_busy = 1;
    r = latent_request_new(x->x_node, latent_stream_digest, NULL);
    if (r && latent_job_queue_send(x->x_compute, &r->job) >= 0)
        return;
    x->x_busy = 0;
    latent_complain(&x->x_obj, "no memory, or no thread, to compute with");
}

static void latent_stream_computed(void *z, latent_job *job)
{
    t_latent_stream *x = z;
    latent_request *r = (latent_request *)job;
    uint8_t *rgb = r->result;
    if (job->failed) {
        x->x_busy = 0;
        latent_complain(&x->x_obj, "%s", job->error.text);
        latent_stream_advance(x);
        return;
    }
    r->result = NULL;
    latent_stream_send(x, rgb, r->value->shape.h, r->value->shape.w);
}

static void latent_stream_served(void *z, latent_job *job)
{
    t_latent_stream *x = z;
    if (((t_serve *)job)->rgb)
        x->x_busy = 0;
    if (job->failed)
        latent_complain(&x->x_obj, "%s", job->error.text);
    latent_stream_advance(x);
}

static void latent_stream_image(t_latent_stream *x, t_symbol *s, int argc, t_atom *argv)
{
    if (!latent_picture_take(&x->x_obj, &x->x_node, s, argc, argv))
        return;
    x->x_due = 1;
    latent_stream_advance(x);
}

/* ---- viewers */

static void latent_stream_listen_again(void *z)
{
    t_latent_stream *x = z;
    if (!latent_offline())
        latent_stream_send(x, NULL, 0, 0);
}

static void latent_stream_tick(t_latent_stream *x)
{
    int viewers = latent_stream_viewers(x->x_stream);
    clock_delay(x->x_clock, LOOK_MS);
    if (viewers > x->x_told && x->x_node)
        x->x_due = 1; /* who comes now gets the newest picture, which may never have been made */
    latent_stream_advance(x);
    if (viewers != x->x_told) {
        t_atom a;
        SETFLOAT(&a, (t_float)viewers);
        x->x_told = viewers;
        outlet_anything(x->x_outlet, gensym("viewers"), 1, &a);
    }
}

/* ---- birth and death */

static void *latent_stream_new_box(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_stream *x = (t_latent_stream *)pd_new(latent_stream_class);
    t_float port;
    (void)s;
    x->x_port = 8080;
    x->x_quality = 80;
    argc = latent_params_flags(&x->x_obj, latent_stream_params, argc, argv);
    port = atom_getfloatarg(0, argc, argv);
    if (argc && port >= 1 && port <= 65535)
        x->x_port = latent_whole(port, 1, 65535);
    else if (argc)
        latent_complain(&x->x_obj, "a port is a number from 1 to 65535; it is 8080 now");
    latent_params_rest(&x->x_obj, 1, argc, argv);
    x->x_outlet = outlet_new(&x->x_obj, 0);
    x->x_clock = clock_new(x, (t_method)latent_stream_tick);
    x->x_compute = latent_job_queue_new(x, LATENT_EVALUATOR, 0, latent_stream_computed);
    x->x_serve = latent_job_queue_new(x, LATENT_WRITER, 0, latent_stream_served);
    if (!(x->x_stream = latent_stream_new())) {
        latent_complain(&x->x_obj, "there is no memory for a server");
        pd_free((t_pd *)x);
        return NULL;
    }
    latent_stream_listen_again(x);
    clock_delay(x->x_clock, LOOK_MS);
    return x;
}

static void latent_stream_free_box(t_latent_stream *x)
{
    latent_job_queue_free(x->x_compute);
    latent_job_queue_free(x->x_serve);
    latent_stream_end(x->x_stream);
    clock_free(x->x_clock);
    latent_node_release(x->x_node);
}

void setup_latent0x2estream(void)
{
    t_class *c = latent_stream_class = class_new(
        gensym("latent.stream"), (t_newmethod)latent_stream_new_box,
        (t_method)latent_stream_free_box, sizeof(t_latent_stream), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_PICTURE);
    class_addmethod(c, (t_method)latent_stream_image, gensym("image"), A_GIMME, 0);
    latent_params_setup(c, latent_stream_params);
}
