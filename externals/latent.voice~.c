/* [latent.voice~]: makes a list or a picture audible.

   Flags, each a message too: -mode bank/wave (bank), -tuning mel/log/harmonic (mel), -pitch Hz
   (110), -low Hz (60), -high Hz (8000), -glide ms (30), -level f (0.2), -bend semitones (12), -time
   s (4), -loop 0/1 (1).

   list            the amplitudes of as many partials (1024 at most)
   stats list      means, then deviations, as [latent.tap] has them: a partial sounds with its
                   deviation, bent by its mean
   image, features a picture as a spectrogram: left to right in time seconds, its bottom is low
   position f      go to this place of the picture, 0 to 1
   clear           silence
   info            the settings
   right inlet     pitch

   Outlets: signal; info.  Nothing clicks, however fast the lists come; the newest picture wins. */
#include "engine/graph/evaluate.h"
#include "engine/sound/voice.h"
#include "pd/box.h"
#include "pd/job_queue.h"
#include <stddef.h>
#include <stdlib.h>

#define AT_ONCE 64 /* samples */

static t_class *voice_class;

typedef struct {
    t_object x_obj;
    latent_voice_settings x_s;
    int x_mode, x_tuning;
    double x_rate;
    latent_voice *x_voice; /* NULL until a worker has made it */
    t_latent_list x_early; /* what came before that */
    t_latent_job_queue *x_birth, *x_pictures;
    struct _latent_inlet *x_right;
    t_outlet *x_info;
} t_voice;

/* ---- the voice, made by a worker */

typedef struct {
    latent_job job;
    latent_voice *voice;
} t_make;

static int make_work(latent_job *job)
{
    t_make *m = (t_make *)job;
    m->voice = latent_voice_new(&job->error);
    return m->voice ? 0 : -1;
}

static void make_discard(latent_job *job)
{
    latent_voice_free(((t_make *)job)->voice);
    free(job);
}

static void voice_settle(void *z)
{
    t_voice *x = z;
    x->x_s.mode = (latent_voice_mode)x->x_mode;
    x->x_s.tuning = (latent_voice_tuning)x->x_tuning;
    if (x->x_voice)
        latent_voice_set(x->x_voice, &x->x_s);
}

static void voice_made(void *z, latent_job *job)
{
    t_voice *x = z;
    t_make *m = (t_make *)job;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s", job->error.text);
        return;
    }
    x->x_voice = m->voice;
    m->voice = NULL;
    voice_settle(x);
    if (x->x_rate > 0)
        latent_voice_rate(x->x_voice, x->x_rate);
    latent_voice_list(x->x_voice, x->x_early.v, x->x_early.n);
}

static void voice_make(t_voice *x)
{
    t_make *m = calloc(1, sizeof(*m));
    if (m) {
        m->job.work = make_work;
        m->job.discard = make_discard;
    }
    if (!m || !x->x_birth || latent_job_queue_send(x->x_birth, &m->job) < 0)
        latent_complain(&x->x_obj, "there is no memory, or no thread, to make a voice");
}

/* ---- data */

static void voice_list(t_voice *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    if (latent_list_set(&x->x_obj, &x->x_early, argc, argv))
        return;
    if (argc > LATENT_VOICE_PARTIALS)
        latent_complain(&x->x_obj, "%d numbers came, but only the first %d sound; send fewer", argc,
                        LATENT_VOICE_PARTIALS);
    if (x->x_voice)
        latent_voice_list(x->x_voice, x->x_early.v, argc);
}

static void voice_stats(t_voice *x, t_symbol *s, int argc, t_atom *argv)
{
    t_latent_list list = {0, 0, NULL};
    (void)s;
    if (argc < 2 || argc % 2) {
        latent_complain(&x->x_obj,
                        "stats wants as many deviations as means, but %d numbers came; connect "
                        "[latent.tap]'s right outlet by [list prepend stats] and [list trim]",
                        argc);
        return;
    }
    if (!latent_list_set(&x->x_obj, &list, argc, argv) && x->x_voice)
        latent_voice_stats(x->x_voice, list.v, argc / 2);
    latent_list_free(&list);
}

static void voice_clear(t_voice *x)
{
    x->x_early.n = 0;
    latent_job_queue_cancel(x->x_pictures);
    if (x->x_voice)
        latent_voice_list(x->x_voice, NULL, 0);
}

static void voice_position(t_voice *x, t_floatarg f)
{
    if (!(f >= 0 && f <= 1))
        latent_complain(&x->x_obj, "a position is from 0 to 1, but %g came", (double)f);
    else if (x->x_voice)
        latent_voice_position(x->x_voice, f);
}

/* ---- pictures */

static int picture_digest(latent_request *r, latent_error *e)
{
    r->result = latent_spectra_from(r->value, e);
    return r->result ? 0 : -1;
}

static void picture_done(void *z, latent_job *job)
{
    t_voice *x = z;
    latent_request *r = (latent_request *)job;
    if (job->failed)
        latent_complain(&x->x_obj, "%s", job->error.text);
    else if (x->x_voice)
        r->result = latent_voice_picture(x->x_voice, r->result);
}

static void voice_promise(t_voice *x, t_symbol *s, int argc, t_atom *argv)
{
    latent_node *n = latent_promise_get(&x->x_obj, s, argc, argv);
    latent_request *r;
    if (!n)
        return;
    if (!(r = latent_request_new(n, picture_digest, NULL)) ||
        latent_job_queue_send(x->x_pictures, &r->job) < 0)
        latent_complain(&x->x_obj, "no memory, or no thread, to compute with");
    latent_node_release(n);
}

/* ---- sound */

static t_int *voice_perform(t_int *w)
{
    t_voice *x = (t_voice *)w[1];
    t_sample *out = (t_sample *)w[2];
    int n = (int)w[3];
    float some[AT_ONCE] = {0};
    for (int at = 0; at < n; at += AT_ONCE) {
        int m = n - at < AT_ONCE ? n - at : AT_ONCE;
        if (x->x_voice)
            latent_voice_play(x->x_voice, some, m);
        for (int i = 0; i < m; i++)
            out[at + i] = some[i];
    }
    return w + 4;
}

static void voice_dsp(t_voice *x, t_signal **sp)
{
    if (x->x_rate != sp[0]->s_sr && x->x_voice)
        latent_voice_rate(x->x_voice, sp[0]->s_sr);
    x->x_rate = sp[0]->s_sr;
    dsp_add(voice_perform, 3, x, sp[0]->s_vec, (t_int)sp[0]->s_n);
}

static const t_latent_param voice_params[] = {
    {"mode", LATENT_CHOICE, offsetof(t_voice, x_mode), 0, 0, LATENT_VOICE_MODES, voice_settle},
    {"tuning", LATENT_CHOICE, offsetof(t_voice, x_tuning), 0, 0, LATENT_VOICE_TUNINGS,
     voice_settle},
    {"pitch", LATENT_REAL, offsetof(t_voice, x_s.pitch), 1, 20000, NULL, voice_settle},
    {"low", LATENT_REAL, offsetof(t_voice, x_s.low), 1, 20000, NULL, voice_settle},
    {"high", LATENT_REAL, offsetof(t_voice, x_s.high), 1, 100000, NULL, voice_settle},
    {"glide", LATENT_REAL, offsetof(t_voice, x_s.glide), 5, 60000, NULL, voice_settle},
    {"level", LATENT_REAL, offsetof(t_voice, x_s.level), 0, 10, NULL, voice_settle},
    {"bend", LATENT_REAL, offsetof(t_voice, x_s.bend), -60, 60, NULL, voice_settle},
    {"time", LATENT_REAL, offsetof(t_voice, x_s.time), 0, 100000, NULL, voice_settle},
    {"loop", LATENT_WHOLE, offsetof(t_voice, x_s.loop), 0, 1, NULL, voice_settle},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void voice_info(t_voice *x)
{
    latent_params_info(&x->x_obj, voice_params, x->x_info);
    latent_info_number(x->x_info, "position", x->x_voice ? latent_voice_place(x->x_voice) : 0);
}

/* ---- birth and death */

static void voice_right(void *z, t_symbol *s, int argc, t_atom *argv)
{
    t_voice *x = z;
    if (argc == 1 && argv->a_type == A_FLOAT && (s == &s_float || s == &s_list))
        latent_params_message(&x->x_obj, gensym("pitch"), argc, argv);
    else
        latent_wrong_right(&x->x_obj, LATENT_TAKES_PITCH, s, argc, argv);
}

static void *voice_new(t_symbol *s, int argc, t_atom *argv)
{
    t_voice *x = (t_voice *)pd_new(voice_class);
    (void)s;
    x->x_s =
        (latent_voice_settings){LATENT_BANK, LATENT_TUNE_MEL, 110, 60, 8000, 30, 0.2, 12, 4, 1};
    argc = latent_params_flags(&x->x_obj, voice_params, argc, argv);
    latent_params_rest(&x->x_obj, 0, argc, argv);
    x->x_right = latent_inlet_new(&x->x_obj, voice_right);
    outlet_new(&x->x_obj, &s_signal);
    x->x_info = outlet_new(&x->x_obj, NULL);
    x->x_birth = latent_job_queue_new(x, LATENT_LOADER, 1, voice_made);
    x->x_pictures = latent_job_queue_new(x, LATENT_EVALUATOR, 1, picture_done);
    voice_make(x);
    return x;
}

static void voice_free(t_voice *x)
{
    latent_inlet_free(x->x_right);
    latent_job_queue_free(x->x_birth);
    latent_job_queue_free(x->x_pictures);
    latent_voice_free(x->x_voice);
    latent_list_free(&x->x_early);
}

void setup_latent0x2evoice_tilde(void)
{
    voice_class = class_new(gensym("latent.voice~"), (t_newmethod)voice_new, (t_method)voice_free,
                            sizeof(t_voice), 0, A_GIMME, 0);
    latent_takes(voice_class, LATENT_TAKES_NUMBERS);
    class_addmethod(voice_class, (t_method)voice_dsp, gensym("dsp"), A_CANT, 0);
    class_addlist(voice_class, voice_list);
    class_addmethod(voice_class, (t_method)voice_stats, gensym("stats"), A_GIMME, 0);
    class_addmethod(voice_class, (t_method)voice_promise, gensym("image"), A_GIMME, 0);
    class_addmethod(voice_class, (t_method)voice_promise, gensym("features"), A_GIMME, 0);
    class_addmethod(voice_class, (t_method)voice_position, gensym("position"), A_FLOAT, 0);
    class_addmethod(voice_class, (t_method)voice_clear, gensym("clear"), 0);
    latent_takes_alone(voice_class, (t_method)voice_info, "info");
    latent_params_setup(voice_class, voice_params);
}
