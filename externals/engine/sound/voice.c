/* voice: see voice.h.  The bank is a complex rotation for every partial (its length is corrected
   after every chunk); the wavetable an inverse Fourier transform. */
#include "voice.h"
#include "fft.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST LATENT_VOICE_PARTIALS
#define CHUNK 64 /* samples in which everything moves evenly */
#define TABLE 4096
#define COLUMNS 1024
#define TOP 0.45 /* of the sample rate: no partial lies higher */

typedef struct {
    float re[MOST], im[MOST];       /* where it is; re is heard */
    float cosine[MOST], sine[MOST]; /* of its angle a sample */
    float amplitude[MOST], step[MOST];
    float target[MOST];
    double frequency[MOST], wanted[MOST]; /* Hz; 0: not placed yet */
    int n;                                /* partials that sound or will */
} t_bank;

typedef struct {
    latent_fft *fft;
    float *now, *next; /* [TABLE + 3]: with the first ones again at the end */
    float rooms[2][TABLE + 3];
    double phase, pitch; /* phase in tables; pitch in Hz, gliding; 0: not begun */
    double faded, fade;  /* 1: none is going on; step a sample */
    float value[MOST];   /* the harmonics that are wanted */
    int n, dirty;
} t_wave;

struct latent_voice {
    latent_voice_settings s;
    double rate;
    float x[MOST], bent[MOST]; /* the newest numbers; by how many semitones */
    int n;
    latent_spectra *picture;
    int reads;    /* the picture is what sounds */
    double place; /* 0 to 1 */
    double blend; /* from bank (0) to wave (1) */
    t_bank bank;
    t_wave wave;
};

/* ---- birth and death */

latent_voice *latent_voice_new(latent_error *e)
{
    latent_voice *v = calloc(1, sizeof(*v));
    if (!v || !(v->wave.fft = latent_fft_shared(TABLE, e))) {
        free(v);
        latent_fail(e, "there is no memory for a voice");
        return NULL;
    }
    v->s = (latent_voice_settings){LATENT_BANK, LATENT_TUNE_MEL, 110, 60, 8000, 30, 0.2, 12, 4, 1};
    v->rate = 48000;
    v->wave.now = v->wave.rooms[0];
    v->wave.next = v->wave.rooms[1];
    v->wave.faded = 1;
    for (int k = 0; k < MOST; k++) { /* phases that do not pile up (Schroeder's are like these) */
        double turn = 0.6180339887498949 * k * (k + 1) / 2;
        v->bank.re[k] = (float)cos(2 * M_PI * turn);
        v->bank.im[k] = (float)sin(2 * M_PI * turn);
    }
    return v;
}

void latent_voice_free(latent_voice *v)
{
    if (!v)
        return;
    latent_fft_free(v->wave.fft);
    free(v->picture);
    free(v);
}

/* ---- where partials lie and how loud they are to be */

static double mel_of(double f)
{
    return f < 1000 ? 3 * f / 200 : 15 + 27 * log(f / 1000) / log(6.4);
}

static double hz_of(double mel)
{
    return mel < 15 ? 200 * mel / 3 : 1000 * pow(6.4, (mel - 15) / 27);
}

static double place_of(const latent_voice_settings *s, int k, int n)
{
    double from, to;
    switch (s->tuning) {
    case LATENT_TUNE_MEL:
        from = mel_of(s->low);
        to = mel_of(s->high);
        return hz_of(from + (to - from) * (k + 1) / (n + 1));
    case LATENT_TUNE_LOG:
        return s->low * pow(s->high / s->low, n > 1 ? (double)k / (n - 1) : 0.5);
    default:
        return s->pitch * (k + 1);
    }
}

static double loudness(const latent_voice *v, int n)
{
    return n ? v->s.level * sqrt(2.0 / n) : 0;
}

/* Frequencies change with lists and settings only; amplitudes also with every column. */
static void retune(latent_voice *v)
{
    for (int k = 0; k < v->n; k++)
        v->bank.wanted[k] = place_of(&v->s, k, v->n) * exp2(v->bent[k] / 12);
    v->wave.dirty = 1;
}

static void aim(latent_voice *v)
{
    double scale = loudness(v, v->n);
    if (v->n > v->bank.n)
        v->bank.n = v->n;
    for (int k = 0; k < v->bank.n; k++)
        v->bank.target[k] =
            k < v->n && v->bank.wanted[k] < TOP * v->rate ? (float)(scale * fabsf(v->x[k])) : 0;
    for (int k = 0; k < v->n; k++)
        v->wave.value[k] = (float)(scale * v->x[k]);
    v->wave.n = v->n;
    v->wave.dirty = 1;
}

static float tame(float x)
{
    return fabsf(x) <= 1000 ? x : 0;
}

static void take(latent_voice *v, int n)
{
    v->n = n < 0 ? 0 : n > MOST ? MOST : n;
    v->reads = 0;
}

void latent_voice_list(latent_voice *v, const float *x, int n)
{
    take(v, n);
    for (int k = 0; k < v->n; k++) {
        v->x[k] = tame(x[k]);
        v->bent[k] = 0;
    }
    retune(v);
    aim(v);
}

void latent_voice_stats(latent_voice *v, const float *x, int n)
{
    take(v, n);
    for (int k = 0; k < v->n; k++) {
        v->x[k] = tame(x[n + k]);
        v->bent[k] = (float)(v->s.bend * fmax(fmin(tame(x[k]), 1), -1));
    }
    retune(v);
    aim(v);
}

void latent_voice_set(latent_voice *v, const latent_voice_settings *s)
{
    v->s = *s;
    retune(v);
    aim(v);
}

void latent_voice_rate(latent_voice *v, double sample_rate)
{
    v->rate = sample_rate;
    for (int k = 0; k < MOST; k++)
        v->bank.frequency[k] = 0; /* angles are made anew */
    retune(v);
    aim(v);
}

/* ---- pictures */

latent_spectra *latent_voice_picture(latent_voice *v, latent_spectra *picture)
{
    latent_spectra *before = v->picture;
    v->picture = picture;
    take(v, picture->rows);
    v->reads = 1;
    memset(v->bent, 0, sizeof(v->bent));
    retune(v);
    return before;
}

void latent_voice_position(latent_voice *v, double place)
{
    v->place = fmin(fmax(place, 0), 1);
}

double latent_voice_place(const latent_voice *v)
{
    return v->place;
}

/* The spectrum at the place, between two columns, and on by n samples. */
static void read_picture(latent_voice *v, int n)
{
    const latent_spectra *p = v->picture;
    double at = v->place * p->columns - 0.5;
    int a = at < 0 ? 0 : (int)at, b = a + 1;
    float t = (float)(at < 0 ? 0 : at - a);
    b = b < p->columns ? b : p->columns - 1;
    a = a < p->columns ? a : p->columns - 1;
    for (int k = 0; k < v->n; k++) {
        float x = p->amplitude[a * p->rows + k], y = p->amplitude[b * p->rows + k];
        v->x[k] = v->place < 1 || v->s.loop || v->s.time <= 0 ? x + t * (y - x) : 0;
    }
    aim(v);
    if (v->s.time > 0)
        v->place += n / (v->rate * v->s.time);
    if (v->place >= 1)
        v->place = v->s.loop && v->s.time > 0 ? v->place - floor(v->place) : 1;
}

static float brightness(const float *pixel, int c)
{
    float sum = 0;
    if (c == 1 || c == 2)
        return (pixel[0] + 1) / 2;
    if (c <= 4)
        return (0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2] + 1) / 2;
    for (int i = 0; i < c; i++)
        sum += fabsf(pixel[i]);
    return sum / (float)c;
}

latent_spectra *latent_spectra_from(const latent_tensor *t, latent_error *e)
{
    const latent_shape s = t->shape;
    int columns = s.w < COLUMNS ? s.w : COLUMNS, rows = s.h < MOST ? s.h : MOST;
    latent_spectra *p =
        malloc(sizeof(*p) + (size_t)columns * (size_t)rows * sizeof(p->amplitude[0]));
    if (!p) {
        latent_fail(e, "there is no memory for a picture's spectra");
        return NULL;
    }
    p->columns = columns;
    p->rows = rows;
    for (int i = 0; i < columns; i++)
        for (int k = 0; k < rows; k++) {
            int x0 = (int)((long)i * s.w / columns), x1 = (int)((long)(i + 1) * s.w / columns),
                y0 = (int)((long)(rows - 1 - k) * s.h / rows),
                y1 = (int)((long)(rows - k) * s.h / rows);
            double sum = 0;
            for (int y = y0; y < y1; y++)
                for (int x = x0; x < x1; x++)
                    sum += brightness(t->data + ((size_t)y * (size_t)s.w + (size_t)x) * (size_t)s.c,
                                      s.c);
            sum /= (double)(x1 - x0) * (y1 - y0);
            p->amplitude[i * rows + k] = sum > 0 && sum < 1000 ? (float)sum : 0;
        }
    return p;
}

/* ---- the bank */

static void turn(t_bank *b, int k, double rate)
{
    double angle = 2 * M_PI * b->frequency[k] / rate;
    b->cosine[k] = (float)cos(angle);
    b->sine[k] = (float)sin(angle);
}

/* Moves frequencies and amplitudes on by a chunk of n samples. */
static void glide_bank(t_bank *b, double share, double rate, int n)
{
    int last = 0;
    for (int k = 0; k < b->n; k++) {
        double off = b->wanted[k] - b->frequency[k];
        if (b->frequency[k] <= 0 || (b->amplitude[k] == 0 && off != 0)) {
            b->frequency[k] = b->wanted[k];
            turn(b, k, rate);
        } else if (off != 0) {
            b->frequency[k] += fabs(off) < 1e-5 * b->wanted[k] ? off : share * off;
            turn(b, k, rate);
        }
        b->step[k] = (float)(share * (b->target[k] - b->amplitude[k]) / n);
        if (b->target[k] == 0 && b->amplitude[k] < 1e-7f) {
            b->step[k] = 0;
            b->amplitude[k] = 0;
        } else
            last = k + 1;
    }
    b->n = last;
}

static void play_bank(t_bank *b, float *out, int n)
{
    const int m = b->n;
    float *restrict re = b->re, *restrict im = b->im, *restrict amplitude = b->amplitude;
    const float *restrict cosine = b->cosine, *restrict sine = b->sine, *restrict step = b->step;
    for (int i = 0; i < n; i++) {
        float lanes[8] = {0}, sum = 0;
        int k = 0;
        for (; k + 8 <= m; k += 8)
            for (int l = 0; l < 8; l++) {
                float x = re[k + l], y = im[k + l];
                lanes[l] += amplitude[k + l] * x;
                re[k + l] = x * cosine[k + l] - y * sine[k + l];
                im[k + l] = x * sine[k + l] + y * cosine[k + l];
                amplitude[k + l] += step[k + l];
            }
        for (; k < m; k++) {
            float x = re[k], y = im[k];
            sum += amplitude[k] * x;
            re[k] = x * cosine[k] - y * sine[k];
            im[k] = x * sine[k] + y * cosine[k];
            amplitude[k] += step[k];
        }
        for (int l = 0; l < 8; l++)
            sum += lanes[l];
        out[i] = sum;
    }
    for (int k = 0; k < m; k++) { /* rounding must not make a partial grow or fade */
        float g = 1.5f - 0.5f * (re[k] * re[k] + im[k] * im[k]);
        re[k] *= g;
        im[k] *= g;
    }
}

/* ---- the wavetable */

static void build_table(latent_voice *v)
{
    t_wave *w = &v->wave;
    double pitch = fmax(w->pitch, v->s.pitch);
    int most = (int)fmin(TOP * v->rate / pitch, TABLE / 2 - 1);
    memset(w->fft->freq, 0, (TABLE / 2 + 1) * sizeof(*w->fft->freq));
    for (int k = 0; k < w->n && k < most; k++) {
        double turn = 2 * M_PI * 0.6180339887498949 * k * (k + 1) / 2;
        w->fft->freq[k + 1][0] = (float)(w->value[k] / 2 * cos(turn));
        w->fft->freq[k + 1][1] = (float)(w->value[k] / 2 * sin(turn));
    }
    latent_fft_inverse(w->fft);
    memcpy(w->next, w->fft->time, TABLE * sizeof(float));
    memcpy(w->next + TABLE, w->next, 3 * sizeof(float));
    w->faded = 0;
    w->dirty = 0;
}

/* Between the second and the third of four points (Catmull-Rom). */
static float between(const float *p, float t)
{
    float a = p[1], b = 0.5f * (p[2] - p[0]), c = p[0] - 2.5f * p[1] + 2 * p[2] - 0.5f * p[3],
          d = 0.5f * (p[3] - p[0]) + 1.5f * (p[1] - p[2]);
    return a + t * (b + t * (c + t * d));
}

static void play_wave(latent_voice *v, double share, float *out, int n)
{
    t_wave *w = &v->wave;
    double before;
    if (w->pitch <= 0)
        w->pitch = v->s.pitch;
    before = w->pitch;
    w->pitch += share * (v->s.pitch - w->pitch);
    if (w->dirty && w->faded >= 1) {
        build_table(v);
        w->fade = 1000 / (fmax(v->s.glide, 5) * v->rate);
    }
    for (int i = 0; i < n; i++) {
        double at = w->phase * TABLE;
        int k = (int)at;
        float t = (float)(at - k), x = between(w->now + k, t);
        if (w->faded < 1) {
            x += (float)w->faded * (between(w->next + k, t) - x);
            w->faded += w->fade;
        }
        out[i] = x;
        w->phase += (before + (w->pitch - before) * i / n) / v->rate;
        w->phase -= floor(w->phase);
        if (w->faded >= 1 && w->fade > 0) {
            float *swap = w->now;
            w->now = w->next;
            w->next = swap;
            w->fade = 0;
            w->faded = 1;
        }
    }
}

/* ---- both */

static void play_chunk(latent_voice *v, float *out, int n)
{
    float bank[CHUNK], wave[CHUNK];
    double share = 1 - exp(-n * 1000 / (fmax(v->s.glide, 5) * v->rate)), before = v->blend, to;
    if (v->reads)
        read_picture(v, n);
    to = v->s.mode == LATENT_WAVE;
    v->blend += fmin(fmax(to - v->blend, -n / (0.05 * v->rate)), n / (0.05 * v->rate));
    memset(bank, 0, sizeof(bank));
    memset(wave, 0, sizeof(wave));
    glide_bank(&v->bank, share, v->rate, n);
    if (before < 1 || v->blend < 1)
        play_bank(&v->bank, bank, n);
    if (before > 0 || v->blend > 0)
        play_wave(v, share, wave, n);
    for (int i = 0; i < n; i++) {
        float t = (float)(before + (v->blend - before) * i / n);
        out[i] = bank[i] + t * (wave[i] - bank[i]);
    }
}

void latent_voice_play(latent_voice *v, float *out, int n)
{
    for (int at = 0; at < n; at += CHUNK)
        play_chunk(v, out + at, n - at < CHUNK ? n - at : CHUNK);
}
