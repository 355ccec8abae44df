/* soundfile: see soundfile.h */
#include "soundfile.h"
#include "../media/track.h"
#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK 4096
#define POINTS 65536 /* of the overview, before two become one */

/* What one reading needs and leaves. */
typedef struct {
    SNDFILE *file;
    latent_track *track; /* where libsndfile does not know the kind */
    SF_INFO info;        /* of either */
    latent_sound *sound;
    latent_ear *ear;
    int each;
    float *interleaved, *voices; /* [BLOCK][channels]; [voices][BLOCK] */
    const float **voice;         /* [voices] */
    size_t frames_room, onsets_room;
    int in_point; /* samples in the newest point of the overview */
} t_reading;

static void release(latent_deferred_free *g)
{
    latent_sound *sound = (latent_sound *)g;
    free(sound->frames);
    free(sound->onsets);
    free(sound->points);
    free(sound);
}

void latent_sound_free(latent_sound *sound)
{
    if (sound)
        latent_deferred_free_add(&sound->grave, release);
}

/* ---- growing */

static int keep_frame(t_reading *r, latent_error *e)
{
    latent_sound *s = r->sound;
    size_t row = (size_t)s->count * (size_t)s->settings.voices;
    if ((size_t)s->n_frames == r->frames_room) {
        size_t room = r->frames_room ? 2 * r->frames_room : 256;
        float *more;
        if (room * row * sizeof(float) > LATENT_SOUND_MOST)
            return latent_fail(e,
                               "%ld frames are all that can be kept, and the sound is longer; a "
                               "lower rate (\"rate 30\"), or a larger hop, makes fewer",
                               s->n_frames);
        if (!(more = realloc(s->frames, room * row * sizeof(*more))))
            return latent_fail(e, "there is no memory for %zu frames", room);
        s->frames = more;
        r->frames_room = room;
    }
    for (int v = 0; v < s->settings.voices; v++)
        memcpy(s->frames + (size_t)s->n_frames * row + (size_t)(v * s->count),
               latent_ear_frame(r->ear, v), (size_t)s->count * sizeof(float));
    s->n_frames++;
    return 0;
}

static int keep_onsets(t_reading *r, double sample, latent_error *e)
{
    latent_sound *s = r->sound;
    for (int v = 0; v < s->settings.voices; v++) {
        double strength = latent_ear_onset(r->ear, v);
        if (strength <= 0)
            continue;
        if ((size_t)s->n_onsets == r->onsets_room) {
            size_t room = r->onsets_room ? 2 * r->onsets_room : 64;
            latent_sound_onset *more = realloc(s->onsets, room * sizeof(*more));
            if (!more)
                return latent_fail(e, "there is no memory for %zu onsets", room);
            s->onsets = more;
            r->onsets_room = room;
        }
        s->onsets[s->n_onsets++] = (latent_sound_onset){sample, (float)strength, v};
    }
    return 0;
}

static float louder(float a, float b)
{
    return fabsf(b) > fabsf(a) ? b : a;
}

/* One sample more in the overview; when it is full two points become one. */
static void keep_point(t_reading *r, float x)
{
    latent_sound *s = r->sound;
    if (r->in_point == s->stretch || !s->n_points) {
        if (s->n_points == POINTS) {
            for (int i = 0; i < POINTS / 2; i++)
                s->points[i] = louder(s->points[2 * i], s->points[2 * i + 1]);
            s->n_points = POINTS / 2;
            s->stretch *= 2;
        }
        s->points[s->n_points++] = x;
        r->in_point = 1;
    } else {
        s->points[s->n_points - 1] = louder(s->points[s->n_points - 1], x);
        r->in_point++;
    }
}

/* ---- reading */

static int hear_block(t_reading *r, int n, latent_error *e)
{
    const int channels = r->info.channels;
    const float share = 1.0f / (float)channels;
    latent_sound *s = r->sound;
    int what;
    memset(r->voices, 0, (size_t)s->settings.voices * BLOCK * sizeof(*r->voices));
    for (int c = 0; c < channels; c++) { /* as the live box does it, to the last bit */
        float *to = r->voices + (r->each ? c * BLOCK : 0);
        for (int i = 0; i < n; i++)
            to[i] += (r->each ? 1 : share) * r->interleaved[i * channels + c];
    }
    for (int i = 0; i < n; i++) {
        float x = 0;
        for (int v = 0; v < s->settings.voices; v++)
            x += r->voices[v * BLOCK + i] / (float)s->settings.voices;
        keep_point(r, fabsf(x) <= 1000 ? x : 0);
    }
    latent_ear_hear(r->ear, r->voice, n);
    while ((what = latent_ear_step(r->ear)))
        if ((what == LATENT_EAR_FRAME && keep_frame(r, e)) ||
            (what == LATENT_EAR_HOP && keep_onsets(r, latent_ear_heard(r->ear), e)))
            return -1;
    s->samples += n;
    return 0;
}

/* So many samples of each channel: 0 at the end, -1 and a sentence. */
static sf_count_t next_block(t_reading *r, latent_error *e)
{
    void *plane = r->interleaved;
    sf_count_t n;
    if (r->track)
        return latent_track_read(r->track, &plane, BLOCK, e);
    n = sf_readf_float(r->file, r->interleaved, BLOCK);
    if (n <= 0 && sf_error(r->file))
        return latent_fail(e, "the file is damaged after %.1f s: %s",
                           r->sound->samples / r->info.samplerate, sf_strerror(r->file));
    for (sf_count_t i = 0; i < n * r->info.channels; i++)
        if (!(fabsf(r->interleaved[i]) <= LATENT_TRACK_LOUDEST)) {
            r->interleaved[i] = 0;
            r->sound->spoiled++;
        }
    return n;
}

/* A sound that is shorter than a window is heard in silence. */
static int hear_short(t_reading *r, latent_error *e)
{
    int what;
    memset(r->voices, 0, (size_t)r->sound->settings.voices * BLOCK * sizeof(*r->voices));
    while (!r->sound->n_frames) {
        latent_ear_hear(r->ear, r->voice, BLOCK);
        while ((what = latent_ear_step(r->ear)))
            if (what == LATENT_EAR_FRAME && !r->sound->n_frames && keep_frame(r, e))
                return -1;
    }
    return 0;
}

static int hear_all(t_reading *r, const atomic_int *cancel, atomic_int *permille, latent_error *e)
{
    sf_count_t n;
    while ((n = next_block(r, e)) > 0) {
        if (atomic_load(cancel))
            return latent_fail(e, "it was cancelled");
        if (hear_block(r, (int)n, e))
            return -1;
        if (r->info.frames > 0)
            atomic_store(permille,
                         (int)fmin(1000 * r->sound->samples / (double)r->info.frames, 1000));
    }
    if (n < 0)
        return -1;
    if (r->sound->samples < 1)
        return latent_fail(e, "there is no sound in the file");
    if (r->track)
        r->sound->spoiled = latent_track_spoiled(r->track);
    return hear_short(r, e);
}

static int open_track(t_reading *r, const char *path, latent_error *e)
{
    if (!(r->track = latent_track_open(path, e)))
        return -1;
    r->info = (SF_INFO){.samplerate = latent_track_rate(r->track),
                        .channels = latent_track_channels(r->track)};
    return latent_track_as(r->track, r->info.samplerate, r->info.channels, AV_SAMPLE_FMT_FLT, e);
}

static int open_file(t_reading *r, const char *path, latent_error *e)
{
    struct stat st;
    if (stat(path, &st))
        return latent_fail(e, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return latent_fail(e, "%s is no file", path);
    if (!(r->file = sf_open(path, SFM_READ, &r->info)) && open_track(r, path, e))
        return -1;
    if (r->info.channels < 1 || r->info.channels > LATENT_EAR_VOICES)
        return latent_fail(e, "the file has %d channels; 1 to %d can be heard", r->info.channels,
                           LATENT_EAR_VOICES);
    return 0;
}

static int prepare(t_reading *r, const latent_ear_settings *s, latent_error *e)
{
    SF_FORMAT_INFO format = {.format = r->info.format & SF_FORMAT_TYPEMASK};
    latent_sound *sound = r->sound = calloc(1, sizeof(*sound));
    int voices = r->each ? r->info.channels : 1;
    if (!sound || !(sound->points = malloc(POINTS * sizeof(*sound->points))))
        return latent_fail(e, "there is no memory for a sound");
    sound->settings = *s;
    sound->settings.sample_rate = r->info.samplerate;
    sound->settings.voices = voices;
    sound->settings.block = BLOCK;
    sound->channels = r->info.channels;
    sound->count = latent_ear_count(s->bands);
    sound->stretch = 1;
    if (r->track)
        snprintf(sound->format, sizeof(sound->format), "%s", latent_track_kind(r->track));
    else if (!sf_command(r->file, SFC_GET_FORMAT_INFO, &format, sizeof(format)) && format.name)
        strncpy(sound->format, format.name, sizeof(sound->format) - 1);
    r->interleaved = malloc((size_t)(BLOCK * r->info.channels) * sizeof(float));
    r->voices = malloc((size_t)(BLOCK * voices) * sizeof(float));
    r->voice = malloc((size_t)voices * sizeof(*r->voice));
    if (!r->interleaved || !r->voices || !r->voice)
        return latent_fail(e, "there is no memory for %d channels", r->info.channels);
    for (int v = 0; v < voices; v++)
        r->voice[v] = r->voices + v * BLOCK;
    r->ear = latent_ear_new(&sound->settings, e);
    return r->ear ? 0 : -1;
}

latent_sound *latent_sound_read(const char *path, const latent_ear_settings *s, int each,
                                const atomic_int *cancel, atomic_int *permille, latent_error *e)
{
    t_reading r = {.each = each};
    int failed = open_file(&r, path, e) || prepare(&r, s, e) || hear_all(&r, cancel, permille, e);
    if (r.file)
        sf_close(r.file);
    latent_track_close(r.track);
    latent_ear_free(r.ear);
    free(r.interleaved);
    free(r.voices);
    free(r.voice);
    if (!failed)
        return r.sound;
    latent_sound_free(r.sound);
    return NULL;
}

/* ---- asking */

const float *latent_sound_frame(const latent_sound *s, long n)
{
    return s->frames + (size_t)n * (size_t)s->count * (size_t)s->settings.voices;
}

long latent_sound_frame_at(const latent_sound *s, double ms)
{
    double sample = floor(ms * s->settings.sample_rate / 1000 + 1e-6),
           each =
               s->settings.rate > 0 ? s->settings.sample_rate / s->settings.rate : s->settings.hop,
           n = floor(sample / each);
    if (!(n >= 0))
        return -1;
    if (latent_ear_frame_sample(&s->settings, n) <= sample)
        n++;
    while (n > 0 && latent_ear_frame_sample(&s->settings, n - 1) > sample)
        n--;
    return n > 1e9 ? 1000000000 : (long)n - 1;
}

double latent_sound_onset_in(const latent_sound *s, long frame)
{
    double from = frame > 0 ? latent_ear_frame_sample(&s->settings, (double)frame - 1) : 0,
           to = latent_ear_frame_sample(&s->settings, (double)frame), strongest = 0;
    long low = 0, high = s->n_onsets;
    while (low < high) { /* the first after from */
        long middle = (low + high) / 2;
        if (s->onsets[middle].sample <= from)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->n_onsets && s->onsets[low].sample <= to; low++)
        strongest = fmax(strongest, s->onsets[low].strength);
    return strongest;
}

double latent_sound_onset_ms(const latent_sound *s, long onset)
{
    return fmax(s->onsets[onset].sample - s->settings.hop, 0) / s->settings.sample_rate * 1000;
}

void latent_sound_waveform(const latent_sound *s, int n, float *out)
{
    for (int i = 0; i < n; i++) {
        int from = (int)((double)i * s->n_points / n),
            to = (int)((double)(i + 1) * s->n_points / n);
        float x = s->points[from];
        for (int k = from + 1; k < to; k++)
            x = louder(x, s->points[k]);
        out[i] = x;
    }
}

void latent_sound_onsets(const latent_sound *s, int n, float *out)
{
    memset(out, 0, (size_t)n * sizeof(*out));
    for (long k = 0; k < s->n_onsets; k++) {
        double at = latent_sound_onset_ms(s, k) / 1000 * s->settings.sample_rate / s->samples;
        int i = (int)(at * n);
        i = i < n ? i : n - 1;
        out[i] = fmaxf(out[i], s->onsets[k].strength);
    }
}
