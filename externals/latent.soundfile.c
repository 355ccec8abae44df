/* [latent.soundfile file features ...]: a whole sound file as numbers, the same that [latent.ear~]
   says when it hears it from the beginning.

   Arguments: a file; words: the features of the list, as for [latent.ear~].  Flags, each a message
   too: as for [latent.ear~]; a change has the file heard again.

   read <file>     WAV, AIFF, FLAC, Ogg, MP3, AAC ...; searched beside the patch, then in Pd's path;
                   read and heard in the background, what was there before stays until then
   bang            the next frame; after the last one: end, to the right outlet
   frame n         frame n, from 0
   time ms         the newest frame at that time
   start           the next bang sends frame 0
   features ...    which numbers, and in which order
   waveform array  draws the sound into an array, over its whole length
   onsets array    draws the onsets' strengths into an array; without a name: "onsets" and the times
                   in ms, to the right outlet
   info            length ms, rate Hz, channels, format, frames, settings

   Outlets: list; bang when something begins in the frame; right: every feature under its name
   before the list, "strength f", info, progress f, loaded, end, error <words>. */
#include "engine/sound/soundfile.h"
#include "pd/feature_parameters.h"
#include "pd/job_queue.h"
#include "pd/names.h"
#include "pd/words.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static t_class *soundfile_class;

typedef struct {
    t_object x_obj;
    t_canvas *x_canvas;
    t_latent_feature_parameters x_hearing;
    int x_each;
    t_symbol *x_file, *x_heard; /* asked for; the one that x_sound is */
    latent_sound *x_sound;
    double x_next;
    t_latent_job_queue *x_mail;
    t_outlet *x_out, *x_bang, *x_info;
} t_soundfile;

/* ---- on the loader */

typedef struct {
    latent_job job;
    char *paths;
    t_symbol *file;
    latent_ear_settings settings;
    int each;
    latent_sound *sound;
} t_read;

static int read_work(latent_job *job)
{
    t_read *r = (t_read *)job;
    struct stat st;
    for (const char *path = r->paths; *path; path += strlen(path) + 1)
        if (!stat(path, &st)) {
            r->sound = latent_sound_read(path, &r->settings, r->each, &job->cancel, &job->permille,
                                         &job->error);
            return r->sound ? 0 : -1;
        }
    return latent_fail(&job->error,
                       "there is no such file; it was looked for beside the patch and in Pd's path "
                       "(first as %s)",
                       r->paths);
}

static void read_discard(latent_job *job)
{
    t_read *r = (t_read *)job;
    latent_sound_free(r->sound);
    free(r->paths);
    free(r);
}

/* ---- in Pd */

static void soundfile_say(t_soundfile *x)
{
    const latent_sound *s = x->x_sound;
    latent_info_word(x->x_info, "file", x->x_heard->s_name);
    latent_info_word(x->x_info, "format", s->format);
    latent_info_number(x->x_info, "length", s->samples * 1000 / s->settings.sample_rate);
    latent_info_number(x->x_info, "samplerate", s->settings.sample_rate);
    latent_info_number(x->x_info, "channels", s->channels);
    latent_info_number(x->x_info, "frames", (double)s->n_frames);
}

static void read_done(void *z, latent_job *job)
{
    t_soundfile *x = z;
    t_read *r = (t_read *)job;
    latent_sound *before = x->x_sound;
    if (job->failed) {
        x->x_file = x->x_heard; /* which is there still, if one was */
        latent_words_error(&x->x_obj, x->x_info, job->error.text);
        return;
    }
    if (x->x_heard != r->file)
        x->x_next = 0;
    x->x_sound = r->sound;
    x->x_heard = r->file;
    r->sound = before; /* goes with the job */
    if (x->x_sound->spoiled > 0)
        post("latent.soundfile: %g samples of %s are no numbers; they are heard as silence",
             x->x_sound->spoiled, r->file->s_name);
    soundfile_say(x);
    outlet_anything(x->x_info, gensym("loaded"), 0, NULL);
}

static void read_progress(void *z, int permille)
{
    t_soundfile *x = z;
    t_atom a;
    SETFLOAT(&a, (t_float)permille / 1000);
    outlet_anything(x->x_info, gensym("progress"), 1, &a);
}

static void soundfile_hear(void *z)
{
    t_soundfile *x = z;
    t_read *r;
    if (!x->x_file || !x->x_mail)
        return;
    if (!(r = calloc(1, sizeof(*r))) ||
        !(r->paths = latent_find_paths(&x->x_obj, x->x_canvas, x->x_file->s_name))) {
        x->x_file = x->x_heard;
        free(r);
        return;
    }
    r->job.work = read_work;
    r->job.discard = read_discard;
    r->file = x->x_file;
    r->settings = latent_feature_parameters_settings(&x->x_hearing, 0, 1, 1);
    r->each = x->x_each;
    latent_job_queue_cancel(x->x_mail); /* what is being read is cancelled */
    if (latent_job_queue_send(x->x_mail, &r->job) < 0)
        latent_words_error(&x->x_obj, x->x_info, "there is no thread to read a sound with");
}

static void soundfile_read(t_soundfile *x, t_symbol *file)
{
    if (!*file->s_name) {
        latent_complain(&x->x_obj, "read wants a file's name, as in \"read song.wav\"");
        return;
    }
    x->x_file = file;
    soundfile_hear(x);
}

/* ---- frames */

/* Is there a sound?  Says so when there is none. */
static const latent_sound *soundfile_sound(t_soundfile *x)
{
    if (!x->x_sound)
        latent_complain(&x->x_obj,
                        x->x_file ? "%s has not been heard yet"
                                  : "there is no sound yet%s; \"read song.wav\" reads "
                                    "one",
                        x->x_file ? x->x_file->s_name : "");
    return x->x_sound;
}

static void soundfile_send(t_soundfile *x, double n)
{
    const latent_sound *s = x->x_sound;
    double onset;
    t_atom a;
    if (n >= (double)s->n_frames) {
        outlet_anything(x->x_info, gensym("end"), 0, NULL);
        return;
    }
    if (n < 0)
        return;
    x->x_next = n + 1;
    onset = latent_sound_onset_in(s, (long)n);
    if (onset > 0) {
        SETFLOAT(&a, (t_float)onset);
        outlet_anything(x->x_info, gensym("strength"), 1, &a);
        outlet_bang(x->x_bang);
        if (x->x_sound != s || (long)n >= s->n_frames) /* another one came by these messages */
            return;
    }
    latent_feature_parameters_send(&x->x_obj, &x->x_hearing, s->settings.bands, s->settings.voices,
                                   latent_sound_frame(s, (long)n), x->x_out, x->x_info);
}

static void soundfile_bang(t_soundfile *x)
{
    if (soundfile_sound(x))
        soundfile_send(x, x->x_next);
}

static void soundfile_frame(t_soundfile *x, t_floatarg f)
{
    if (!soundfile_sound(x))
        return;
    if (f >= 0)
        soundfile_send(x, latent_whole(f, 0, 1000000000));
    else
        latent_complain(&x->x_obj, "frames are counted from 0, but %g came", (double)f);
}

static void soundfile_time(t_soundfile *x, t_floatarg ms)
{
    if (!soundfile_sound(x))
        return;
    if (ms >= 0)
        soundfile_send(x, (double)latent_sound_frame_at(x->x_sound, ms));
    else
        latent_complain(&x->x_obj, "a time is from 0 ms on, but %g came", (double)ms);
}

static void soundfile_start(t_soundfile *x)
{
    x->x_next = 0;
}

static void soundfile_features(t_soundfile *x, t_symbol *s, int argc, t_atom *argv)
{
    (void)s;
    latent_feature_parameters_choose(&x->x_obj, &x->x_hearing, argc, argv);
}

/* ---- arrays */

/* Has draw fill an array. */
static void soundfile_draw(t_soundfile *x, t_symbol *name,
                           void (*draw)(const latent_sound *sound, int n, float *out))
{
    t_garray *array;
    t_word *words;
    int n;
    float *values;
    if (!soundfile_sound(x))
        return;
    if (!(array = (t_garray *)pd_findbyclass(name, garray_class))) {
        latent_complain(&x->x_obj, "there is no array called \"%s\"", name->s_name);
        return;
    }
    if (!garray_getfloatwords(array, &n, &words) || n < 1 ||
        !(values = malloc((size_t)n * sizeof(*values)))) {
        latent_complain(&x->x_obj, "the array %s can't be drawn into", name->s_name);
        return;
    }
    draw(x->x_sound, n, values);
    for (int i = 0; i < n; i++)
        words[i].w_float = values[i];
    free(values);
    garray_redraw(array);
}

static void soundfile_waveform(t_soundfile *x, t_symbol *name)
{
    soundfile_draw(x, name, latent_sound_waveform);
}

static void soundfile_onsets(t_soundfile *x, t_symbol *name)
{
    t_atom *a;
    int n;
    if (*name->s_name) {
        soundfile_draw(x, name, latent_sound_onsets);
        return;
    }
    if (!soundfile_sound(x))
        return;
    n = (int)x->x_sound->n_onsets;
    if (!(a = malloc((size_t)(n + 1) * sizeof(*a))))
        return;
    for (int i = 0; i < n; i++)
        SETFLOAT(a + i, (t_float)latent_sound_onset_ms(x->x_sound, i));
    outlet_anything(x->x_info, gensym("onsets"), n, a);
    free(a);
}

static const t_latent_param soundfile_params[] = {
    LATENT_HEARING_PARAMS(t_soundfile, x_hearing, soundfile_hear, soundfile_hear),
    {"each", LATENT_WHOLE, offsetof(t_soundfile, x_each), 0, 1, NULL, soundfile_hear},
    {NULL, 0, 0, 0, 0, NULL, NULL}};

static void soundfile_info(t_soundfile *x)
{
    if (x->x_sound)
        soundfile_say(x);
    latent_params_info(&x->x_obj, soundfile_params, x->x_info);
    latent_feature_parameters_info(&x->x_hearing, x->x_hearing.bands, x->x_info);
}

/* ---- birth and death */

static void *soundfile_new(t_symbol *s, int argc, t_atom *argv)
{
    t_soundfile *x = (t_soundfile *)pd_new(soundfile_class);
    (void)s;
    x->x_canvas = canvas_getcurrent();
    latent_feature_parameters_init(&x->x_hearing);
    argc = latent_params_flags(&x->x_obj, soundfile_params, argc, argv);
    if (argc && argv->a_type == A_SYMBOL && !latent_feature_parameters_is_feature(argv)) {
        x->x_file = argv->a_w.w_symbol;
        argc--;
        argv++;
    }
    latent_feature_parameters_choose(&x->x_obj, &x->x_hearing, argc, argv);
    x->x_out = outlet_new(&x->x_obj, &s_list);
    x->x_bang = outlet_new(&x->x_obj, &s_bang);
    x->x_info = outlet_new(&x->x_obj, NULL);
    if ((x->x_mail = latent_job_queue_new(x, LATENT_LOADER, 1, read_done)))
        latent_job_queue_watch(x->x_mail, read_progress);
    soundfile_hear(x);
    return x;
}

static void soundfile_free(t_soundfile *x)
{
    latent_job_queue_free(x->x_mail);
    latent_sound_free(x->x_sound);
}

void setup_latent0x2esoundfile(void)
{
    soundfile_class = class_new(gensym("latent.soundfile"), (t_newmethod)soundfile_new,
                                (t_method)soundfile_free, sizeof(t_soundfile), 0, A_GIMME, 0);
    latent_takes(soundfile_class, LATENT_TAKES_MESSAGES);
    class_addbang(soundfile_class, soundfile_bang);
    class_addmethod(soundfile_class, (t_method)soundfile_read, gensym("read"), A_DEFSYM, 0);
    class_addmethod(soundfile_class, (t_method)soundfile_frame, gensym("frame"), A_FLOAT, 0);
    class_addmethod(soundfile_class, (t_method)soundfile_time, gensym("time"), A_FLOAT, 0);
    class_addmethod(soundfile_class, (t_method)soundfile_start, gensym("start"), 0);
    class_addmethod(soundfile_class, (t_method)soundfile_features, gensym("features"), A_GIMME, 0);
    class_addmethod(soundfile_class, (t_method)soundfile_waveform, gensym("waveform"), A_SYMBOL, 0);
    class_addmethod(soundfile_class, (t_method)soundfile_onsets, gensym("onsets"), A_DEFSYM, 0);
    latent_takes_alone(soundfile_class, (t_method)soundfile_info, "info");
    latent_params_setup(soundfile_class, soundfile_params);
}
