/* [latent.ear~ channels features ...]: listens, and says as numbers what it hears.

   Arguments: a number is how many signal inlets there are (1); words are the features of the list,
   in this order (all).  Flags, each a message too: -window n (2048), -hop n (0: a quarter of the
   window), -bands n (40), -low Hz (30), -high Hz (16000), -rate f (0), -attack ms (5), -release ms
   (150), -normalise 0/1 (1), -memory s (20), -freeze 0/1 (0), -each 0/1 (0).

   signals       what is heard: the mean of all channels; each 1: every channel by itself
   bang          the list, as it is now
   features ...  which numbers, and in which order: mel chroma rms centroid flatness flux onset
                 pitch tempo (engine/sound/ear.h has their definitions); without words all
   rate f        so many lists a second; 0: one every hop; -1: only when banged
   attack, release   how fast numbers rise and fall
   normalise 1   all numbers from 0 to 1, by the range of the last memory seconds; 0: as defined
   freeze 1      that range stays as it is
   reset         forgets what was heard, and the ranges
   info          to the right outlet: the settings, numbers n (in the list)

   Outlets: list; bang when something begins, at once; right: every feature under its name before
   the list ("mel ..."; several channels: "voice v" before each), "strength f" before the
   bang, info.

   The signal is copied in Pd's audio turn and listened to in a clock right after it; tables and
   FFTW's plans are made on a worker. */
#include "pd/feature_parameters.h"
#include "pd/job_queue.h"
#include "pd/signals.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MOST_INLETS 16

static t_class *ear_class;

typedef struct {
    t_object x_obj;
    t_float x_f; /* a number at the signal inlet */
    t_latent_feature_parameters x_hearing;
    int x_each, x_inlets;
    double x_rate;           /* samples a second */
    int x_block, x_channels; /* of the signals; 0: sound was never on */
    const t_sample **x_in;   /* [channels] */
    float *x_mixed;          /* [voices][block] */
    const float **x_voices;  /* [voices]: into x_mixed */
    latent_ear *x_ear;       /* NULL until it has been made */
    int x_lost;              /* samples that were not heard */
    t_latent_job_queue *x_mail;
    t_clock *x_clock;
    t_outlet *x_out, *x_bang, *x_info;
} t_ear;

/* ---- another ear, made by a worker */

typedef struct {
    latent_job job;
    latent_ear_settings settings;
    latent_ear *ear;
} t_make;

static int make_work(latent_job *job)
{
    t_make *m = (t_make *)job;
    m->ear = latent_ear_new(&m->settings, &job->error);
    return m->ear ? 0 : -1;
}

static void make_discard(latent_job *job)
{
    latent_ear_free(((t_make *)job)->ear);
    free(job);
}

static void ear_made(void *z, latent_job *job)
{
    t_ear *x = z;
    t_make *m = (t_make *)job;
    latent_ear *before = x->x_ear;
    if (job->failed) {
        latent_complain(&x->x_obj, "%s; what was heard before goes on", job->error.text);
        return;
    }
    x->x_ear = m->ear;
    m->ear = before; /* goes with the job */
    latent_ear_follow(x->x_ear, &x->x_hearing.follow);
}

static int voices_of(const t_ear *x)
{
    return x->x_each ? x->x_channels : 1;
}

static void ear_rebuild(void *z)
{
    t_ear *x = z;
    t_make *m;
    if (!x->x_channels || !x->x_mail)
        return;
    if (!(m = calloc(1, sizeof(*m)))) {
        latent_complain(&x->x_obj, "there is no memory to listen with");
        return;
    }
    m->job.work = make_work;
    m->job.discard = make_discard;
    m->settings =
        latent_feature_parameters_settings(&x->x_hearing, x->x_rate, voices_of(x), x->x_block);
    if (latent_job_queue_send(x->x_mail, &m->job) < 0)
        latent_complain(&x->x_obj, "there is no thread to prepare listening with");
}

static void ear_followed(void *z)
{
    t_ear *x = z;
    if (x->x_ear)
        latent_ear_follow(x->x_ear, &x->x_hearing.follow);
}

/* ---- listening */

static void ear_send(t_ear *x, const float *(*of)(const latent_ear *ear, int voice))
{
    const latent_ear_settings *s = latent_ear_settings_of(x->x_ear);
    int count = latent_ear_count(s->bands);
    float *values = malloc((size_t)(count * s->voices) * sizeof(*values));
    if (!values)
        return;
    for (int v = 0; v < s->voices; v++)
        memcpy(values + v * count, of(x->x_ear, v), (size_t)count * sizeof(*values));
    latent_feature_parameters_send(&x->x_obj, &x->x_hearing, s->bands, s->voices, values, x->x_out,
                                   x->x_info);
    free(values);
}

static void ear_onsets(t_ear *x)
{
    double strongest = 0;
    t_atom a;
    for (int v = 0; v < latent_ear_settings_of(x->x_ear)->voices; v++)
        if (latent_ear_onset(x->x_ear, v) > strongest)
            strongest = latent_ear_onset(x->x_ear, v);
    if (strongest > 0) {
        SETFLOAT(&a, (t_float)strongest);
        outlet_anything(x->x_info, gensym("strength"), 1, &a);
        outlet_bang(x->x_bang);
    }
}

/* So many hops of one voice at once take well under a millisecond; the rest waits for the next
   turn. */
static int hops_at_once(const latent_ear *ear)
{
    int n = 2 * LATENT_EAR_WINDOW / latent_ear_settings_of(ear)->window;
    return n < 32 ? n : 32;
}

static void ear_tick(t_ear *x)
{
    int left = x->x_ear ? hops_at_once(x->x_ear) : 0, what;
    while (x->x_ear && left > 0 && (what = latent_ear_step(x->x_ear))) {
        left -= what != LATENT_EAR_FRAME;
        if (what == LATENT_EAR_FRAME && x->x_hearing.rate >= 0)
            ear_send(x, latent_ear_frame);
        else if (what == LATENT_EAR_HOP)
            ear_onsets(x);
    }
    if (x->x_ear && left <= 0)
        clock_delay(x->x_clock, 1);
}

static t_int *ear_perform(t_int *w)
{
    t_ear *x = (t_ear *)w[1];
    int n = (int)w[2], voices = voices_of(x);
    const latent_ear_settings *s = x->x_ear ? latent_ear_settings_of(x->x_ear) : NULL;
    float share = x->x_each ? 1 : 1.0f / (float)x->x_channels;
    /* while another ear is being made the old one may be of another kind */
    if (!s || s->voices != voices || s->block < n || s->sample_rate != x->x_rate)
        return w + 3;
    for (int i = 0; i < voices * n; i++)
        x->x_mixed[i] = 0;
    for (int c = 0; c < x->x_channels; c++) {
        float *to = x->x_mixed + (x->x_each ? c * n : 0);
        for (int i = 0; i < n; i++)
            to[i] += share * (float)x->x_in[c][i];
    }
    x->x_lost += latent_ear_hear(x->x_ear, x->x_voices, n);
    clock_delay(x->x_clock, 0);
    return w + 3;
}

/* ---- when sound is switched on */

static int ear_room(t_ear *x, int channels, int n)
{
    free(x->x_in);
    free(x->x_mixed);
    free(x->x_voices);
    x->x_in = malloc((size_t)channels * sizeof(*x->x_in));
    x->x_mixed = malloc((size_t)channels * (size_t)n * sizeof(*x->x_mixed));
    x->x_voices = malloc((size_t)channels * sizeof(*x->x_voices));
    if (x->x_in && x->x_mixed && x->x_voices)
        return 0;
    latent_complain(&x->x_obj, "there is no memory for %d channels", channels);
    return -1;
}

static void ear_dsp(t_ear *x, t_signal **sp)
{
    int channels = 0, n = sp[0]->s_n, c = 0, changed;
    for (int i = 0; i < x->x_inlets; i++)
        channels += latent_signal_channels(sp[i]);
    if (channels > LATENT_EAR_VOICES) {
        latent_complain(&x->x_obj, "%d channels are too many, %d can be heard", channels,
                        LATENT_EAR_VOICES);
        return;
    }
    changed = channels != x->x_channels || n != x->x_block || sp[0]->s_sr != (t_float)x->x_rate;
    if (changed && ear_room(x, channels, n)) {
        x->x_channels = 0;
        return;
    }
    for (int i = 0; i < x->x_inlets; i++)
        for (int k = 0; k < latent_signal_channels(sp[i]); k++)
            x->x_in[c++] = sp[i]->s_vec + k * n;
    for (int v = 0; v < channels; v++)
        x->x_voices[v] = x->x_mixed + v * n;
    x->x_channels = channels;
    x->x_block = n;
    x->x_rate = sp[0]->s_sr;
    if (changed || !x->x_ear)
        ear_rebuild(x);
    dsp_add(ear_perform, 2, x, (t_int)n);
}

/* ---- messages */

static void ear_bang(t_ear *x)
{
    if (x->x_ear)
        ear_send(x, latent_ear_values);
    else
        latent_complain(&x->x_obj, "nothing was heard yet: switch the sound on (DSP)");
}

static void ear_features(t_ear *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_feature_parameters_choose(&x->x_obj, &x->x_hearing, argc, argv);
}

static void ear_reset(t_ear *x)
{
    if (x->x_ear)
        latent_ear_reset(x->x_ear);
}

static const t_latent_param ear_params[] = {
    LATENT_HEARING_PARAMS(t_ear, x_hearing, ear_rebuild, ear_followed),
    {"each", LATENT_WHOLE, offsetof(t_ear, x_each), 0, 1, NULL, ear_rebuild},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void ear_info(t_ear *x)
{
    if (x->x_channels)
        latent_info_number(x->x_info, "channels", x->x_channels);
    latent_info_number(x->x_info, "lost", x->x_lost);
    latent_params_info(&x->x_obj, ear_params, x->x_info);
    latent_feature_parameters_info(&x->x_hearing, x->x_hearing.bands, x->x_info);
}

/* ---- birth and death */

static int inlets_of(t_ear *x, int argc, const t_atom *argv)
{
    t_float n = 1;
    if (argc && argv->a_type == A_FLOAT)
        n = argv->a_w.w_float;
    if (n >= 1 && n <= MOST_INLETS)
        return latent_whole(n, 1, MOST_INLETS);
    latent_complain(&x->x_obj, "there are 1 to %d signal inlets, but %g were asked for; 1 is there",
                    MOST_INLETS, (double)n);
    return 1;
}

static void *ear_new(t_symbol *s, int argc, t_atom *argv)
{
    t_ear *x = (t_ear *)pd_new(ear_class);
    int words;
    (void)s;
    latent_feature_parameters_init(&x->x_hearing);
    argc = latent_params_flags(&x->x_obj, ear_params, argc, argv);
    x->x_inlets = inlets_of(x, argc, argv);
    words = argc && argv->a_type == A_FLOAT;
    latent_feature_parameters_choose(&x->x_obj, &x->x_hearing, argc - words, argv + words);
    for (int i = 1; i < x->x_inlets; i++)
        inlet_new(&x->x_obj, &x->x_obj.ob_pd, &s_signal, &s_signal);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_bang = outlet_new(&x->x_obj, &s_bang);
    x->x_info = outlet_new(&x->x_obj, NULL);
    x->x_clock = clock_new(x, (t_method)ear_tick);
    x->x_mail = latent_job_queue_new(x, LATENT_LOADER, 1, ear_made);
    return x;
}

static void ear_free(t_ear *x)
{
    latent_job_queue_free(x->x_mail);
    clock_free(x->x_clock);
    latent_ear_free(x->x_ear);
    free(x->x_in);
    free(x->x_mixed);
    free(x->x_voices);
}

void setup_latent0x2eear_tilde(void)
{
    ear_class = class_new(gensym("latent.ear~"), (t_newmethod)ear_new, (t_method)ear_free,
                          sizeof(t_ear), LATENT_MULTICHANNEL, A_GIMME, 0);
    latent_takes(ear_class, LATENT_TAKES_SOUND);
    class_domainsignalin(ear_class,
                         offsetof(t_ear, x_f)); /* CLASS_MAINSIGNALIN goes through NULL */
    class_addmethod(ear_class, (t_method)ear_dsp, gensym("dsp"), A_CANT, 0);
    class_addbang(ear_class, ear_bang);
    class_addmethod(ear_class, (t_method)ear_features, gensym("features"), A_GIMME, 0);
    class_addmethod(ear_class, (t_method)ear_reset, gensym("reset"), 0);
    latent_takes_alone(ear_class, (t_method)ear_info, "info");
    latent_params_setup(ear_class, ear_params);
}
