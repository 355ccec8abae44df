/* [latent.write]: pictures to disk: single ones, numbered ones in a folder, films.

   image               the picture
   write <file.png>    writes the one that came last
   open <folder>       every picture that comes is written: folder/000001.png ...
   open <film> [f]     the same into a film of f pictures a second (25): .mp4 .mkv .webm .mov .gif
                       .apng; what was there is kept with a ~ behind its name, as is a folder's
   close               ends that
   quality 0 to 100    of films that are opened from now on (75); 100 in .mkv: nothing is lost
   size n              their longer side, in pixels; 0: as the first picture
   pace frames         every picture is the next frame, as offline; pace time: it keeps its time
   sound <file>        what is heard with them, from the first picture on; sound none: nothing
   seed n              is noted in the PNG from now on; seed alone: no more
   left outlet         bang, when a picture to be written, or all that was open, is on disk
   right outlet        kept <what was there before>, written <file>, progress <0 to 1>,
                       error <words>, silenced <samples of the sound that are no numbers>,
                       dropped <pictures of this folder or film that were left out>,
                       late <places of a film without a new one>

   Pictures are computed and written away from Pd.  While something is open the newest wins when
   they come faster than that; a film keeps the time at which they came.  Offline none is left out,
   and each is on disk before the message returns.  What can't be written is said at once, and what
   has been written stays.  PNG say what they were made of: see engine/media/metadata.h. */
#include "engine/media/recording.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/names.h"
#include "pd/tally.h"
#include "pd/words.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WRITING 2 /* so many pictures may wait for the disk */

static t_class *latent_write_class;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    double x_quality;
    int x_size, x_pace_kind, x_has_seed;
    double x_seed;
    t_symbol *x_sound;
    latent_node *x_last; /* the picture that came last */
    latent_node *x_next; /* the one that is to be computed next */
    int64_t x_next_at;   /* and its place in the film */
    t_symbol *x_open;    /* the folder or film, as it was given; NULL: none is open */
    t_symbol *x_path;    /* and where it lies */
    int x_is_film, x_opening, x_closing;
    latent_film *x_film; /* NULL until it is open */
    latent_pace x_pace;
    double x_began;             /* when its first picture came */
    int64_t x_end;              /* its length, known when it is closed */
    int x_take, x_number;       /* tells openings apart; of the picture that was written last */
    int x_computing, x_writing; /* pictures of this take that are on their way */
    t_latent_tally x_tally;
    int x_dropped, x_told, x_late_told;
    t_latent_job_queue *x_compute, *x_disk;
    t_outlet *x_done, *x_info;
} t_latent_write;

static const t_latent_param latent_write_params[] = {
    {"pace", LATENT_CHOICE, offsetof(t_latent_write, x_pace_kind), 0, 0, "time frames", NULL},
    {"quality", LATENT_REAL, offsetof(t_latent_write, x_quality), 0, 100, NULL, NULL},
    {"sound", LATENT_WORD, offsetof(t_latent_write, x_sound), 0, 0, NULL, NULL},
    {"size", LATENT_WHOLE, offsetof(t_latent_write, x_size), 0, 16384, NULL, NULL},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- saying */

static void latent_write_error(t_latent_write *x, const char *sentence)
{
    latent_words_error(&x->x_obj, x->x_info, sentence);
}

static void latent_write_say_missed(t_latent_write *x)
{
    if (x->x_told != x->x_dropped)
        latent_say_number(x->x_info, "dropped", x->x_told = x->x_dropped);
    if (x->x_late_told != x->x_pace.late)
        latent_say_number(x->x_info, "late", x->x_late_told = x->x_pace.late);
}

/* ---- the way of a picture: asked for, computed, written */

/* Nothing more goes into the folder or film. */
static void latent_write_end(t_latent_write *x)
{
    x->x_open = NULL;
    latent_tally_ask(&x->x_tally, -(x->x_next != NULL));
    latent_node_release(x->x_next);
    x->x_next = NULL;
    latent_film_release(x->x_film);
    x->x_film = NULL;
    x->x_closing = x->x_computing = x->x_writing = x->x_opening = 0;
    x->x_take++;
}

static void latent_write_failed(t_latent_write *x, const latent_recording_target *t,
                                const char *sentence)
{
    int still = t->step == LATENT_TAKE_STILL;
    int told = !still && t->take != x->x_take; /* the take's first failure was said */
    latent_tally_ask(&x->x_tally, -(still || t->step == LATENT_TAKE_FRAME));
    if (told)
        return;
    if (!still)
        latent_write_end(x);
    latent_write_error(x, sentence);
}

/* path: of a single picture. */
static int latent_write_compute(t_latent_write *x, latent_node *n, latent_recording_step step,
                                t_symbol *name, const char *path)
{
    latent_recording_target t = {.step = step, .take = x->x_take, .at = x->x_next_at, .word = name};
    latent_request *r;
    t.film = step == LATENT_TAKE_FRAME && x->x_is_film;
    t.has_seed = x->x_has_seed;
    t.seed = x->x_seed;
    snprintf(t.patch, sizeof(t.patch), "%s", latent_patch_of(x->x_canvas));
    snprintf(t.path, sizeof(t.path), "%s", path);
    r = latent_recording_request(n, &t);
    if (r && latent_job_queue_send(x->x_compute, &r->job) >= 0)
        return 0;
    latent_write_error(x, "there is no memory, or no thread, to compute a picture with");
    return -1;
}

/* sounds: where a film's may lie; the job's from now on. */
static void latent_write_to_disk(t_latent_write *x, const latent_recording_target *t, void *picture,
                                 char *sounds)
{
    latent_recording_job *j = latent_recording_job_new(t, picture, t->film ? x->x_film : NULL);
    if (j && t->step == LATENT_TAKE_OPEN) {
        j->settings = (latent_film_settings){x->x_pace.fps, x->x_size, x->x_quality, NULL};
        j->sounds = sounds;
        sounds = NULL;
    }
    free(sounds);
    if (!j || latent_job_queue_send(x->x_disk, &j->job) < 0)
        latent_write_failed(x, t, "there is no memory, or no thread, to write with");
}

/* Is every picture just the next one, whenever it comes? */
static int latent_write_counts(const t_latent_write *x)
{
    return !x->x_is_film || x->x_pace_kind || latent_offline();
}

/* The place in the film whose time it is. */
static int64_t latent_write_now(const t_latent_write *x)
{
    return latent_pace_now(&x->x_pace, clock_gettimesince(x->x_began));
}

/* Sends the next picture on its way, when there is one, it has not come too early for the film, and
   there is room; closes the folder or film
   when all is done that was to be. */
static void latent_write_advance(t_latent_write *x)
{
    latent_node *n = x->x_next;
    int due = x->x_closing || latent_write_counts(x) || x->x_next_at <= latent_write_now(x);
    if (n && !x->x_computing && x->x_writing < WRITING && !x->x_opening && due) {
        x->x_next = NULL;
        x->x_computing = 1;
        if (x->x_is_film)
            latent_pace_take(&x->x_pace, x->x_next_at);
        if (latent_write_compute(x, n, LATENT_TAKE_FRAME, NULL, ""))
            latent_write_end(x);
        latent_node_release(n);
        return; /* offline it has come back, and been here, already */
    }
    if (x->x_closing == 1 && !x->x_next && !x->x_computing && !x->x_writing && !x->x_opening) {
        latent_recording_target t = {.step = LATENT_TAKE_CLOSE, .take = x->x_take, .at = x->x_end};
        t.film = x->x_is_film;
        x->x_closing = 2;
        latent_write_to_disk(x, &t, NULL, NULL);
    }
}

static void latent_write_computed(void *z, latent_job *job)
{
    t_latent_write *x = z;
    latent_request *r = (latent_request *)job;
    latent_recording_target *t = r->settings;
    void *picture = r->result;
    int frame = t->step == LATENT_TAKE_FRAME, late = frame && t->take != x->x_take;
    if (frame && !late)
        x->x_computing = 0;
    if (job->failed || late) { /* what can't be computed closes nothing */
        latent_tally_ask(&x->x_tally, -1);
        if (!late)
            latent_write_error(x, job->error.text);
    } else {
        r->result = NULL;
        x->x_writing += frame;
        if (frame && !t->film) {
            t->word = latent_numbered_name(x->x_open, ++x->x_number);
            snprintf(t->path, sizeof(t->path), "%s",
                     latent_numbered_name(x->x_path, x->x_number)->s_name);
        }
        latent_write_to_disk(x, t, picture, NULL);
    }
    if (frame)
        latent_write_advance(x);
}

static void latent_write_closed(t_latent_write *x)
{
    if (x->x_is_film && x->x_pace.placed >= 0)
        latent_say_symbol(x->x_info, "written", x->x_open);
    latent_write_end(x);
    outlet_bang(x->x_done);
}

static void latent_write_written(void *z, latent_job *job)
{
    t_latent_write *x = z;
    latent_recording_job *j = (latent_recording_job *)job;
    const latent_recording_target *t = &j->target;
    int mine = t->step != LATENT_TAKE_STILL && t->take == x->x_take;
    if (mine && t->step == LATENT_TAKE_FRAME)
        x->x_writing--;
    if (mine && t->step == LATENT_TAKE_OPEN) {
        x->x_opening = 0;
        x->x_film = j->film;
        j->film = NULL;
        if (*j->kept) {
            t_symbol *kept = latent_name_behind(x->x_open, j->kept);
            post("latent.write: what was in %s is kept as %s", x->x_open->s_name, kept->s_name);
            latent_say_symbol(x->x_info, "kept", kept);
        }
    }
    if (mine && j->spoiled > 0) {
        post("latent.write: %g samples of the sound are no numbers; they are silent", j->spoiled);
        latent_say_number(x->x_info, "silenced", j->spoiled);
    }
    if (job->failed)
        latent_write_failed(x, t, job->error.text);
    else if (t->step == LATENT_TAKE_STILL || t->step == LATENT_TAKE_FRAME)
        latent_tally_written(&x->x_tally, x->x_info, t->word);
    latent_write_say_missed(x);
    if (job->failed || (!mine && t->step != LATENT_TAKE_STILL))
        return;
    if (t->step == LATENT_TAKE_CLOSE)
        latent_write_closed(x);
    else if (mine)
        latent_write_advance(x);
    else
        outlet_bang(x->x_done);
}

/* ---- messages */

/* The place of a picture that comes now. */
static int64_t latent_write_place(t_latent_write *x)
{
    if (x->x_pace.placed < 0 && !x->x_next)
        x->x_began = clock_getlogicaltime();
    if (latent_write_counts(x))
        return x->x_pace.placed + 1;
    return latent_pace_for(&x->x_pace, clock_gettimesince(x->x_began));
}

static void latent_write_image(t_latent_write *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    if (!n)
        return;
    latent_node_release(x->x_last);
    x->x_last = n;
    if (!x->x_open || x->x_closing)
        return;
    x->x_next_at = latent_write_place(x);
    if (x->x_next)
        x->x_dropped++;
    else
        latent_tally_ask(&x->x_tally, 1);
    latent_node_release(x->x_next);
    x->x_next = latent_node_retain(n);
    latent_write_advance(x);
}

static void latent_write_write(t_latent_write *x, t_symbol *name)
{
    const char *dot = strrchr(name->s_name, '.');
    char path[MAXPDSTRING];
    if (!dot || strcasecmp(dot, ".png"))
        latent_write_error(x, "pictures are written as PNG; a name that ends with .png was "
                              "expected, as in \"write fish.png\"");
    else if (!x->x_last)
        latent_write_error(x, "no picture has come yet that could be written; send an image first");
    else if (!latent_place(&x->x_obj, x->x_info, x->x_canvas, name->s_name, path)) {
        latent_tally_ask(&x->x_tally, 1);
        if (latent_write_compute(x, x->x_last, LATENT_TAKE_STILL, name, path))
            latent_tally_ask(&x->x_tally, -1);
    }
}

static void latent_write_open(t_latent_write *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_recording_target t = {.step = LATENT_TAKE_OPEN};
    t_symbol *name = latent_name_of(argc, argv);
    char *sounds = NULL;
    int film, with_sound;
    (void)s;
    if (!name || argc > 2 || (argc == 2 && !(atom_getfloat(argv + 1) > 0))) {
        latent_write_error(x, "open wants a folder or a film, and maybe how many pictures are a "
                              "second, as in \"open takes\" or \"open film.mp4 25\"");
        return;
    }
    if (x->x_open) {
        latent_write_error(x, x->x_closing
                                  ? "what was open last is still being written; wait for the bang"
                                  : "a folder or film is open already; send close first");
        return;
    }
    film = latent_film_named(name->s_name);
    with_sound = film && x->x_sound && strcmp(x->x_sound->s_name, "none");
    if (latent_place(&x->x_obj, x->x_info, x->x_canvas, name->s_name, t.path) ||
        (with_sound && !(sounds = latent_find_paths(&x->x_obj, x->x_canvas, x->x_sound->s_name))))
        return;
    x->x_open = name;
    x->x_path = gensym(t.path);
    x->x_is_film = t.film = film;
    x->x_number = x->x_closing = x->x_dropped = x->x_told = x->x_late_told = 0;
    x->x_pace = (latent_pace){argc == 2 ? (double)atom_getfloat(argv + 1) : 25, -1, 0};
    t.take = ++x->x_take;
    x->x_opening = 1;
    latent_write_to_disk(x, &t, NULL, sounds);
}

static void latent_write_close(t_latent_write *x)
{
    if (!x->x_open)
        latent_write_error(x,
                           "nothing is open; \"open takes\" opens a folder, \"open film.mp4 25\" "
                           "a film");
    else if (!x->x_closing) {
        x->x_closing = 1;
        x->x_end = latent_write_counts(x) ? 0 : latent_write_now(x);
        latent_write_advance(x);
    }
}

static void latent_write_seed(t_latent_write *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (argc > 1 || (argc && argv->a_type != A_FLOAT))
        latent_complain(&x->x_obj, "seed wants one number, or none when it is not known any more");
    else {
        x->x_has_seed = argc;
        x->x_seed = argc ? argv->a_w.w_float : 0;
    }
}

/* ---- birth and death */

static void *latent_write_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_write *x = (t_latent_write *)pd_new(latent_write_class);
    (void)s;
    x->x_canvas = canvas_getcurrent();
    x->x_quality = 75;
    argc = latent_params_flags(&x->x_obj, latent_write_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_done = outlet_new(&x->x_obj, &s_bang);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_compute = latent_job_queue_new(x, LATENT_EVALUATOR, 0, latent_write_computed);
    x->x_disk = latent_job_queue_new(x, LATENT_WRITER, 0, latent_write_written);
    return x;
}

static void latent_write_free(t_latent_write *x)
{
    latent_job_queue_free(x->x_compute);
    latent_job_queue_free(x->x_disk);
    latent_node_release(x->x_last);
    latent_node_release(x->x_next);
    latent_film_release(x->x_film);
}

void setup_latent0x2ewrite(void)
{
    t_class *c = latent_write_class =
        class_new(gensym("latent.write"), (t_newmethod)latent_write_new,
                  (t_method)latent_write_free, sizeof(t_latent_write), CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(c, LATENT_TAKES_PICTURE);
    class_addmethod(c, (t_method)latent_write_image, gensym("image"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_write_write, gensym("write"), A_DEFSYM, 0);
    class_addmethod(c, (t_method)latent_write_open, gensym("open"), A_GIMME, 0);
    class_addmethod(c, (t_method)latent_write_close, gensym("close"), 0);
    class_addmethod(c, (t_method)latent_write_seed, gensym("seed"), A_GIMME, 0);
    latent_params_setup(c, latent_write_params);
}
