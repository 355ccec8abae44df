/* [latent.model file -name n -half]: loads a model once, in the background, for all boxes.

   read <file>      another model; what was there before stays until the new one has arrived, and
                    stays for good when the new one can't be read
   write <file>     the same network as a .safetensors file (relative to the patch)
   half 0/1         weights in half precision: half the memory, pictures within 1/1000; the file is
                    read again
   name <n>         as the flag: from now on other boxes name the model by that word
   info             tells about it, at the right outlet
   left outlet      bang when loaded
   right outlet     progress <0 to 1> while a file is read
                    info z_dim <n>, info w_dim <n>, info num_ws <n>, info resolution <n>,
                    info channels <n>, info classes <n>, info layers <names>, info file <name>,
                    info kind <name>; where pictures are not square info height <n>, info width
                    <n> instead of resolution; of a CLIP: kind, file, embedding, context,
                    resolution
                    written <file>

   -name n: other boxes name the model by that word, [latent.map fish].  All of them get the new
   model after read.  Without a file it is the built-in model. */
#include "pd/box.h"
#include "pd/job_queue.h"
#include "pd/modelref.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static t_class *latent_model_class;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    t_symbol *x_name;          /* or NULL */
    t_symbol *x_file;          /* what was named last, or NULL */
    int x_half;                /* are weights to be kept in half precision? */
    t_latent_modelref *x_ref;  /* what is in use */
    t_latent_modelref *x_next; /* what is being read, or NULL */
    int x_progress;            /* what was told of the file that is read, in thousandths */
    t_clock *x_soon;           /* to say that a model was there at once */
    int *x_gone;               /* what is to be set when the box goes, or NULL */
    t_latent_job_queue *x_writer;
    t_outlet *x_out, *x_info;
} t_latent_modelbox;

typedef struct {
    latent_job job;
    latent_model *model;
    t_symbol *path;
    char file[MAXPDSTRING];
} t_write;

static void latent_modelbox_halve(void *z);

static const t_latent_param latent_model_params[] = {
    {"name", LATENT_WORD, offsetof(t_latent_modelbox, x_name), 0, 0, NULL, NULL},
    {"half", LATENT_WHOLE, offsetof(t_latent_modelbox, x_half), 0, 1, NULL, latent_modelbox_halve},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

/* ---- reading */

static void latent_modelbox_progress(void *z, int permille)
{
    t_latent_modelbox *x = z;
    t_atom a;
    x->x_progress = permille;
    SETFLOAT(&a, permille / (t_float)1000);
    outlet_anything(x->x_info, gensym("progress"), 1, &a);
}

/* Boxes that play one kind of network can't go on with another. */
static int same_kinds(const latent_model *a, const latent_model *b)
{
    for (latent_model_kind k = LATENT_GENERATOR; k <= LATENT_SEQUENCE; k++)
        if (!latent_model_is(a, k, NULL) != !latent_model_is(b, k, NULL))
            return 0;
    return 1;
}

static int latent_modelbox_takes(t_latent_modelbox *x)
{
    latent_model *before = latent_modelref_get(x->x_ref, 0);
    latent_model *next = latent_modelref_get(x->x_next, 0);
    if (!before || !next || latent_modelref_builtin(x->x_ref) || same_kinds(before, next))
        return 1;
    latent_complain(&x->x_obj,
                    "can't load %s: it is a %s, and the boxes here play a %s; read it by a "
                    "[latent.model] of its own",
                    next->label, next->arch->name, before->arch->name);
    return 0;
}

static void latent_modelbox_failed(void *z)
{
    t_latent_modelbox *x = z;
    latent_modelref_free(x->x_next);
    x->x_next = NULL;
    x->x_progress = 0;
    if (x->x_name && !latent_modelref_get(x->x_ref, 0))
        latent_model_name(&x->x_obj, x->x_name, NULL, NULL);
}

/* Gives the model its name.  Boxes that hear of it may be the end of this one: 0, or -1 then. */
static int latent_modelbox_give(t_latent_modelbox *x, latent_model *m)
{
    int gone = 0, *before = x->x_gone;
    if (!x->x_name)
        return 0;
    x->x_gone = &gone;
    latent_model_name(&x->x_obj, x->x_name, m, x->x_ref);
    if (!gone)
        x->x_gone = before;
    else if (before)
        *before = 1;
    return -gone;
}

static void latent_modelbox_arrived(t_latent_modelbox *x)
{
    latent_model *m;
    if (x->x_next && !latent_modelref_reading(x->x_next) && !latent_modelbox_takes(x)) {
        latent_modelbox_failed(x);
        return;
    }
    if (x->x_next && !latent_modelref_reading(x->x_next)) {
        t_latent_modelref *before = x->x_ref;
        x->x_ref = x->x_next;
        x->x_next = NULL;
        latent_modelref_free(before);
    }
    if (!(m = latent_modelref_get(x->x_ref, 0)) || latent_modelbox_give(x, m))
        return;
    if (x->x_progress)
        latent_modelbox_progress(x, 1000);
    x->x_progress = 0;
    outlet_bang(x->x_out);
}

static void latent_modelbox_ready(void *z)
{
    latent_modelbox_arrived(z);
}

static void latent_modelbox_read(t_latent_modelbox *x, t_symbol *file)
{
    t_latent_modelref *next = latent_modelref_new_for(&x->x_obj, x->x_canvas, file, x->x_half,
                                                      x->x_name, latent_modelbox_ready);
    if (!next)
        return;
    latent_modelref_free(x->x_next);
    x->x_next = next;
    x->x_file = file;
    latent_modelref_watch(x->x_next, latent_modelbox_failed, latent_modelbox_progress);
    latent_modelref_reread(x->x_next);
    if (!x->x_next || latent_modelref_reading(x->x_next) > 0)
        return; /* it arrived just now, or will tell */
    if (!latent_modelref_reading(x->x_next)) {
        latent_modelbox_arrived(x);
        return;
    }
    if (!strpbrk(file->s_name, "./"))
        latent_modelref_get(x->x_next, 1); /* a name: say that there is none */
    latent_modelbox_failed(x);
}

static void latent_modelbox_halve(void *z)
{
    t_latent_modelbox *x = z;
    latent_modelbox_read(x, x->x_file ? x->x_file : &s_);
}

/* ---- writing */

static int write_work(latent_job *job)
{
    t_write *w = (t_write *)job;
    return latent_model_write(w->model, w->file, &job->error);
}

static void write_discard(latent_job *job)
{
    latent_model_release(((t_write *)job)->model);
    free(job);
}

static void latent_modelbox_written(void *z, latent_job *job)
{
    t_latent_modelbox *x = z;
    t_atom a;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    SETSYMBOL(&a, ((t_write *)job)->path);
    outlet_anything(x->x_info, gensym("written"), 1, &a);
}

static void latent_modelbox_write(t_latent_modelbox *x, t_symbol *path)
{
    latent_model *m = latent_modelref_get(x->x_ref, 1);
    char file[MAXPDSTRING];
    t_write *w;
    if (!m || latent_place(&x->x_obj, NULL, x->x_canvas, path->s_name, file) ||
        !(w = calloc(1, sizeof(*w))))
        return;
    w->job.work = write_work;
    w->job.discard = write_discard;
    w->model = latent_model_retain(m);
    w->path = path;
    strcpy(w->file, file);
    latent_job_queue_send(x->x_writer, &w->job);
}

/* ---- names */

static void latent_modelbox_named(t_latent_modelbox *x, t_symbol *name)
{
    latent_model *m = latent_modelref_get(x->x_ref, 0);
    if (name == x->x_name)
        return;
    if (latent_modelref_leads_to(x->x_ref, name) || latent_modelref_leads_to(x->x_next, name)) {
        latent_complain(&x->x_obj,
                        "this box has its own model by the name %s; it can't give it that name, "
                        "too",
                        name->s_name);
        return;
    }
    if (x->x_name)
        latent_model_name(&x->x_obj, x->x_name, NULL, NULL);
    x->x_name = name;
    if (m) /* else when it arrives */
        latent_modelbox_give(x, m);
}

/* ---- telling */

/* Of pictures that are not square. */
static void tell_size(t_outlet *o, int height, int width)
{
    latent_info_number(o, "height", height);
    latent_info_number(o, "width", width);
}

static void tell_generator(t_outlet *o, const latent_generator_dims *g)
{
    t_atom layers[LATENT_MAX_LAYERS + 1];
    SETSYMBOL(layers, gensym("layers"));
    for (int i = 0; i < g->n_layers; i++) {
        char *end;
        double number = strtod(g->layers[i], &end);
        if (*end)
            SETSYMBOL(layers + 1 + i, gensym(g->layers[i]));
        else
            SETFLOAT(layers + 1 + i, (t_float)number);
    }
    latent_info_number(o, "z_dim", g->z_dim);
    latent_info_number(o, "w_dim", g->w_dim);
    latent_info_number(o, "num_ws", g->num_ws);
    if (g->height == g->width)
        latent_info_number(o, "resolution", g->height);
    else
        tell_size(o, g->height, g->width);
    latent_info_number(o, "channels", g->channels);
    latent_info_number(o, "classes", g->classes);
    outlet_anything(o, gensym("info"), g->n_layers + 1, layers);
}

static void tell_encoder(t_outlet *o, const latent_encoder_dims *c)
{
    latent_info_number(o, "embedding", c->embedding);
    latent_info_number(o, "context", c->context);
    latent_info_number(o, "resolution", c->resolution);
}

static void tell_denoiser(t_outlet *o, const latent_denoiser_dims *d)
{
    latent_info_number(o, "channels", d->channels);
    tell_size(o, d->height, d->width);
    latent_info_number(o, "embedding", d->embedding);
    latent_info_number(o, "context", d->context);
}

static void tell_decoder(t_outlet *o, const latent_decoder_dims *d)
{
    latent_info_number(o, "channels", d->channels);
    latent_info_number(o, "factor", d->factor);
}

static void tell_sequence(t_outlet *o, const latent_sequence_dims *q)
{
    latent_info_number(o, "tokens", q->tokens);
    latent_info_number(o, "context", q->context);
    latent_info_number(o, "width", q->width);
}

static void latent_modelbox_info(t_latent_modelbox *x)
{
    latent_model *m = latent_modelref_get(x->x_ref, 1);
    t_outlet *o = x->x_info;
    if (!m)
        return;
    latent_model_retain(m);
    latent_info_word(o, "kind", m->arch->name);
    latent_info_word(o, "file", m->label);
    latent_info_number(o, "half", m->half);
    if (m->arch->generator)
        tell_generator(o, &m->generator);
    if (m->arch->encoder)
        tell_encoder(o, &m->encoder);
    if (m->arch->denoiser)
        tell_denoiser(o, &m->denoiser);
    if (m->arch->decoder)
        tell_decoder(o, &m->decoder);
    if (m->arch->sequence)
        tell_sequence(o, &m->sequence);
    latent_model_release(m);
}

/* ---- the box */

/* "-half" needs no number after it, and takes no other word for one; returns how many remain. */
static int latent_modelbox_half_flag(t_latent_modelbox *x, int argc, t_atom *argv)
{
    int kept = 0;
    for (int i = 0; i < argc; i++) {
        if (argv[i].a_type != A_SYMBOL || argv[i].a_w.w_symbol != gensym("-half") ||
            (i + 1 < argc && argv[i + 1].a_type == A_FLOAT))
            argv[kept++] = argv[i];
        else
            x->x_half = 1;
    }
    return kept;
}

/* The model that was named at creation. */
static void latent_modelbox_begin(t_latent_modelbox *x)
{
    t_symbol *file = x->x_file;
    latent_model *m;
    for (int tries = 0; tries < 2 && !x->x_ref; tries++, file = &s_) /* refused: the built-in one */
        x->x_ref = latent_modelref_new_for(&x->x_obj, x->x_canvas, file, x->x_half, x->x_name,
                                           latent_modelbox_ready);
    if (x->x_ref)
        latent_modelref_watch(x->x_ref, latent_modelbox_failed, latent_modelbox_progress);
    m = latent_modelref_get(x->x_ref, 0);
    if (m)
        clock_delay(x->x_soon, 0);
    if (m && x->x_name)
        latent_model_name(&x->x_obj, x->x_name, m, x->x_ref);
    else if (x->x_name)
        latent_model_expect(&x->x_obj, x->x_name, x->x_ref);
}

static void *latent_modelbox_new(t_symbol *s, int argc, t_atom *argv)
{
    t_latent_modelbox *x = (t_latent_modelbox *)pd_new(latent_model_class);
    (void)s;
    x->x_canvas = canvas_getcurrent();
    argc = latent_modelbox_half_flag(x, argc, argv);
    argc = latent_params_flags(&x->x_obj, latent_model_params, argc, argv);
    x->x_file = argc && argv->a_type == A_SYMBOL ? argv->a_w.w_symbol : NULL;
    x->x_out = outlet_new(&x->x_obj, &s_bang);
    x->x_info = outlet_new(&x->x_obj, 0);
    x->x_writer = latent_job_queue_new(x, LATENT_WRITER, 0, latent_modelbox_written);
    x->x_soon = clock_new(x, (t_method)latent_modelbox_arrived);
    latent_modelbox_begin(x);
    return x;
}

static void latent_modelbox_free(t_latent_modelbox *x)
{
    latent_job_queue_free(x->x_writer);
    clock_free(x->x_soon);
    if (x->x_gone)
        *x->x_gone = 1;
    if (x->x_name)
        latent_model_name(&x->x_obj, x->x_name, NULL, NULL);
    latent_modelref_free(x->x_next);
    latent_modelref_free(x->x_ref);
}

void setup_latent0x2emodel(void)
{
    latent_model_class = class_new(gensym("latent.model"), (t_newmethod)latent_modelbox_new,
                                   (t_method)latent_modelbox_free, sizeof(t_latent_modelbox),
                                   CLASS_DEFAULT, A_GIMME, 0);
    latent_takes(latent_model_class, LATENT_TAKES_MESSAGES);
    class_addmethod(latent_model_class, (t_method)latent_modelbox_read, gensym("read"), A_SYMBOL,
                    0);
    class_addmethod(latent_model_class, (t_method)latent_modelbox_write, gensym("write"), A_SYMBOL,
                    0);
    class_addmethod(latent_model_class, (t_method)latent_modelbox_named, gensym("name"), A_SYMBOL,
                    0);
    latent_takes_alone(latent_model_class, (t_method)latent_modelbox_info, "info");
    latent_params_setup(latent_model_class, latent_model_params);
}
