/* ear: see ear.h.  One voice is one channel with a history and the state of its features; tables
   and transforms are shared by all voices. */
#include "ear.h"
#include "features.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOUDEST 1000 /* what is larger is no sound */

/* One number on its way to the patch. */
typedef struct {
    double smooth; /* after attack and release */
    double low, high;
    int known; /* low and high are */
} t_follower;

typedef struct {
    float *ring; /* [ear->ring]: the window and what waits */
    latent_onsets onsets;
    latent_tempo tempo;
    double note, onset;       /* onset: of this hop, raw */
    t_follower *followers;    /* [count] */
    float *raw, *now, *frame; /* [count] */
    float strongest;          /* onset since the last frame */
} t_voice;

struct latent_ear {
    latent_ear_settings s;
    int count, ring;       /* ring: a power of 2 */
    long long heard, done; /* samples written; samples gone through */
    long long hops, frames;
    int voice; /* the next one to hear the hop that is due */
    latent_fft *fft;
    float *hann, *x, *power, *amplitude; /* [window], [window], [window/2 + 1] twice */
    double *lags;                        /* [window/2 + 1] */
    latent_filters mel, flux;
    t_voice *voices;
};

void latent_feature_place(int bands, latent_feature f, int *first, int *n)
{
    const int sizes[LATENT_FEATURES] = {bands, 12, 1, 1, 1, 1, 1, 2, 3};
    *first = 0;
    for (int i = 0; i < (int)f; i++)
        *first += sizes[i];
    *n = sizes[f];
}

int latent_ear_count(int bands)
{
    int first, n;
    latent_feature_place(bands, LATENT_TEMPO, &first, &n);
    return first + n;
}

/* ---- birth and death */

static int check(const latent_ear_settings *s, latent_error *e)
{
    if (s->window < 64 || s->window > LATENT_EAR_WINDOW || (s->window & (s->window - 1)))
        return latent_fail(e,
                           "a window has 64, 128, 256, 512, 1024, 2048, 4096 or %d samples, but %d "
                           "were asked for",
                           LATENT_EAR_WINDOW, s->window);
    if (s->hop < s->window / 16 || s->hop > s->window)
        return latent_fail(e,
                           "for a window of %d a hop is from %d to %d samples, but %d were asked "
                           "for",
                           s->window, s->window / 16, s->window, s->hop);
    if (!(s->sample_rate >= 1000 && s->sample_rate <= 1000000))
        return latent_fail(e, "a sample rate of %g can't be heard; 1000 to 1000000 can",
                           s->sample_rate);
    if (s->bands < 1 || s->bands > LATENT_EAR_BANDS)
        return latent_fail(e, "there are 1 to %d bands, but %d were asked for", LATENT_EAR_BANDS,
                           s->bands);
    if (!(s->low >= 0 && s->low < s->high && s->low < s->sample_rate / 2))
        return latent_fail(e,
                           "the bands go from low to high, below half the sample rate (%g), but "
                           "low is %g and high %g",
                           s->sample_rate / 2, s->low, s->high);
    if (s->voices < 1 || s->voices > LATENT_EAR_VOICES || s->block < 1 || s->block > 1 << 20)
        return latent_fail(e, "%d channels in blocks of %d samples are too many", s->voices,
                           s->block);
    return 0;
}

static void free_voice(t_voice *v)
{
    free(v->ring);
    free(v->followers);
    free(v->raw);
    latent_tempo_free(&v->tempo);
}

static int init_voice(const latent_ear *ear, t_voice *v)
{
    size_t count = (size_t)ear->count;
    v->ring = calloc((size_t)ear->ring, sizeof(*v->ring));
    v->followers = calloc(count, sizeof(*v->followers));
    v->raw = calloc(3 * count, sizeof(*v->raw));
    if (!v->ring || !v->followers || !v->raw)
        return -1;
    v->now = v->raw + count;
    v->frame = v->now + count;
    latent_onsets_init(&v->onsets, ear->s.window, ear->s.hop, ear->s.sample_rate);
    return latent_tempo_init(&v->tempo, ear->s.sample_rate / ear->s.hop);
}

static int init(latent_ear *ear, latent_error *e)
{
    const latent_ear_settings *s = &ear->s;
    int n = s->window;
    double nyquist = s->sample_rate / 2, high = fmin(s->high, nyquist);
    if (!(ear->fft = latent_fft_shared(n, e)))
        return -1;
    ear->hann = malloc((size_t)n * sizeof(*ear->hann));
    ear->x = malloc((size_t)n * sizeof(*ear->x));
    ear->power = malloc(((size_t)n / 2 + 1) * sizeof(*ear->power));
    ear->amplitude = malloc(((size_t)n / 2 + 1) * sizeof(*ear->amplitude));
    ear->lags = malloc(((size_t)n / 2 + 1) * sizeof(*ear->lags));
    ear->voices = calloc((size_t)s->voices, sizeof(*ear->voices));
    if (!ear->hann || !ear->x || !ear->power || !ear->amplitude || !ear->lags || !ear->voices ||
        latent_filters_init(&ear->mel, s->bands, n, s->sample_rate, s->low, high) ||
        latent_filters_init(&ear->flux, LATENT_FLUX_BANDS, n, s->sample_rate,
                            fmin(30, nyquist / 10), fmin(16000, nyquist)))
        return latent_fail(e, "there is no memory to listen with");
    for (int j = 0; j < n; j++) /* the sum of the window is n/2: a sine's X becomes its amplitude */
        ear->hann[j] = (float)((0.5 - 0.5 * cos(2 * M_PI * j / n)) * 4 / n);
    for (int v = 0; v < s->voices; v++)
        if (init_voice(ear, ear->voices + v))
            return latent_fail(e, "there is no memory to listen with");
    return 0;
}

latent_ear *latent_ear_new(const latent_ear_settings *s, latent_error *e)
{
    latent_ear *ear;
    if (check(s, e))
        return NULL;
    if (!(ear = calloc(1, sizeof(*ear)))) {
        latent_fail(e, "there is no memory to listen with");
        return NULL;
    }
    ear->s = *s;
    ear->count = latent_ear_count(s->bands);
    for (ear->ring = 1; ear->ring < 2 * s->window + 4 * s->block;)
        ear->ring *= 2;
    if (!init(ear, e))
        return ear;
    latent_ear_free(ear);
    return NULL;
}

void latent_ear_free(latent_ear *ear)
{
    if (!ear)
        return;
    for (int v = 0; ear->voices && v < ear->s.voices; v++)
        free_voice(ear->voices + v);
    free(ear->voices);
    latent_filters_free(&ear->mel);
    latent_filters_free(&ear->flux);
    latent_fft_free(ear->fft);
    free(ear->hann);
    free(ear->x);
    free(ear->power);
    free(ear->amplitude);
    free(ear->lags);
    free(ear);
}

const latent_ear_settings *latent_ear_settings_of(const latent_ear *ear)
{
    return &ear->s;
}

void latent_ear_follow(latent_ear *ear, const latent_follow *f)
{
    ear->s.follow = *f;
}

void latent_ear_reset(latent_ear *ear)
{
    ear->heard = ear->done = ear->hops = ear->frames = 0;
    ear->voice = 0;
    for (int i = 0; i < ear->s.voices; i++) {
        t_voice *v = ear->voices + i;
        memset(v->ring, 0, (size_t)ear->ring * sizeof(*v->ring));
        memset(v->followers, 0, (size_t)ear->count * sizeof(*v->followers));
        memset(v->raw, 0, 3 * (size_t)ear->count * sizeof(*v->raw));
        v->note = v->onset = 0;
        v->strongest = 0;
        latent_onsets_init(&v->onsets, ear->s.window, ear->s.hop, ear->s.sample_rate);
        latent_tempo_reset(&v->tempo);
    }
}

/* ---- hearing */

int latent_ear_hear(latent_ear *ear, const float *const *voices, int n)
{
    long long room = ear->ring - ear->s.window - (ear->heard - ear->done);
    int fits = n < room ? n : (int)room;
    for (int v = 0; v < ear->s.voices; v++) {
        float *ring = ear->voices[v].ring;
        for (int i = 0; i < fits; i++) {
            float f = voices[v][i];
            ring[(ear->heard + i) & (ear->ring - 1)] = fabsf(f) <= LOUDEST ? f : 0;
        }
    }
    ear->heard += fits;
    return n - fits;
}

/* ---- following: attack, release, range */

static double coefficient(double ms, double dt)
{
    return ms > 0 ? 1 - exp(-dt * 1000 / ms) : 1;
}

static double in_range(const latent_follow *f, t_follower *w, double x, double narrowest, double dt)
{
    double forget = f->memory > 0 ? 1 - exp(-dt / f->memory) : 1;
    if (!w->known) {
        w->known = 1;
        w->low = w->high = x;
    } else if (!f->freeze) {
        w->high = x > w->high ? x : w->high + (x - w->high) * forget;
        w->low = x < w->low ? x : w->low + (x - w->low) * forget;
    }
    x = (x - w->low) / fmax(w->high - w->low, narrowest);
    return fmin(fmax(x, 0), 1);
}

/* The narrowest range that is spread to 0..1: below it a number moves less, so that silence does
   not dance. */
static const double narrowest[LATENT_FEATURES] = {20, 0, 0.01, 200, 0.05, 0.1, 0.1, 0, 0};

static void follow(const latent_ear *ear, t_voice *v)
{
    const latent_follow *f = &ear->s.follow;
    double dt = ear->s.hop / ear->s.sample_rate, attack = coefficient(f->attack, dt),
           release = coefficient(f->release, dt);
    for (int feature = 0; feature < LATENT_PITCH; feature++) {
        int first, n;
        latent_feature_place(ear->s.bands, feature, &first, &n);
        for (int i = first; i < first + n; i++) {
            t_follower *w = v->followers + i;
            double x = v->raw[i], a = x < w->smooth             ? release
                                      : feature == LATENT_ONSET ? 1
                                                                : attack;
            w->smooth = ear->hops ? w->smooth + (x - w->smooth) * a : x;
            x = w->smooth;
            if (feature != LATENT_CHROMA && f->normalise)
                x = in_range(f, w, x, narrowest[feature], dt);
            v->now[i] = (float)x;
        }
    }
    memcpy(v->now + ear->count - 5, v->raw + ear->count - 5, 5 * sizeof(*v->now));
    if (f->normalise) { /* note and bpm */
        v->now[ear->count - 5] = (float)fmin(fmax(v->raw[ear->count - 5] / 127, 0), 1);
        v->now[ear->count - 3] = (float)fmin(fmax((v->raw[ear->count - 3] - 50) / 160, 0), 1);
    }
}

/* ---- a hop */

static void hear_spectrum(latent_ear *ear)
{
    for (int j = 0; j < ear->s.window; j++)
        ear->fft->time[j] = ear->x[j] * ear->hann[j];
    latent_fft_forward(ear->fft);
    latent_spectrum_of(ear->fft, ear->power, ear->amplitude);
}

static void hear_hop(latent_ear *ear, t_voice *v)
{
    const int n = ear->s.window, bands = ear->s.bands;
    const double rate = ear->s.sample_rate;
    float *out = v->raw, in_bands[LATENT_FLUX_BANDS];
    double rms, beyond, confidence, note;
    for (int j = 0; j < n; j++)
        ear->x[j] = v->ring[(ear->done - n + j) & (ear->ring - 1)];
    hear_spectrum(ear);
    latent_filters_apply(&ear->mel, ear->power, out);
    for (int b = 0; b < bands; b++)
        out[b] = (float)(10 * log10(1e-10 + out[b] / 1.5));
    out += bands;
    rms = latent_rms(ear->x, n);
    memset(out, 0, 12 * sizeof(*out));
    if (rms >= LATENT_QUIET)
        latent_chroma(ear->power, n, rate, out);
    out += 12;
    *out++ = (float)rms;
    *out++ = rms >= LATENT_QUIET ? (float)latent_centroid(ear->amplitude, n, rate) : 0;
    *out++ = rms >= LATENT_QUIET ? (float)latent_flatness(ear->power, n) : 0;
    latent_filters_apply(&ear->flux, ear->amplitude, in_bands);
    *out++ = (float)latent_onsets_step(&v->onsets, in_bands, &beyond, &v->onset);
    *out++ = (float)v->onset;
    note = confidence = 0;
    if (rms >= LATENT_QUIET)
        note = latent_pitch(ear->fft, ear->x, rate, ear->lags, &confidence);
    if (confidence >= 0.5 && note > 0)
        v->note = 69 + 12 * log2(note / 440);
    *out++ = (float)v->note;
    *out++ = (float)confidence;
    latent_tempo_step(&v->tempo, beyond);
    *out++ = (float)latent_tempo_bpm(&v->tempo);
    *out++ = (float)v->tempo.phase;
    *out++ = (float)v->tempo.confidence;
    follow(ear, v);
}

double latent_ear_frame_sample(const latent_ear_settings *s, double n)
{
    return s->rate > 0 ? ceil((n + 1) * s->sample_rate / s->rate) : (n + 1) * s->hop;
}

static void make_frame(latent_ear *ear, t_voice *v)
{
    int onset, n;
    latent_feature_place(ear->s.bands, LATENT_ONSET, &onset, &n);
    memcpy(v->frame, v->now, (size_t)ear->count * sizeof(*v->frame));
    v->frame[onset] = v->strongest;
    v->strongest = 0;
}

static void make_hop(latent_ear *ear, t_voice *v)
{
    int onset, n;
    latent_feature_place(ear->s.bands, LATENT_ONSET, &onset, &n);
    hear_hop(ear, v);
    v->strongest = fmaxf(v->strongest, v->now[onset]);
}

int latent_ear_step(latent_ear *ear)
{
    long long hop = (ear->hops + 1) * (long long)ear->s.hop;
    double frame = latent_ear_frame_sample(&ear->s, (double)ear->frames);
    if (hop <= frame && hop <= ear->heard) {
        ear->done = hop;
        make_hop(ear, ear->voices + ear->voice++);
        if (ear->voice < ear->s.voices)
            return LATENT_EAR_PART;
        ear->voice = 0;
        ear->hops++;
        return LATENT_EAR_HOP;
    }
    if (frame < hop && frame <= (double)ear->heard) {
        for (int v = 0; v < ear->s.voices; v++)
            make_frame(ear, ear->voices + v);
        ear->frames++;
        return LATENT_EAR_FRAME;
    }
    return 0;
}

double latent_ear_heard(const latent_ear *ear)
{
    return (double)ear->done;
}

double latent_ear_onset(const latent_ear *ear, int voice)
{
    return ear->voices[voice].onset;
}

const float *latent_ear_values(const latent_ear *ear, int voice)
{
    return ear->voices[voice].now;
}

const float *latent_ear_frame(const latent_ear *ear, int voice)
{
    return ear->voices[voice].frame;
}
