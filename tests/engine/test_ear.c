/* test_ear: what the ear hears, against its definitions computed here once more, in double
   precision and without FFTW; onsets and tempo on sounds whose truth is known. */
#include "engine/base/random.h"
#include "engine/sound/ear.h"
#include "helper_sanitized.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define N 2048
#define HOP 512
#define BANDS 40

static latent_ear_settings settings(double rate)
{
    return (latent_ear_settings){.sample_rate = rate,
                                 .window = N,
                                 .hop = HOP,
                                 .bands = BANDS,
                                 .low = 30,
                                 .high = 16000,
                                 .voices = 1,
                                 .block = 4096,
                                 .follow = {0, 0, 0, 0, 10}};
}

static latent_ear *make(const latent_ear_settings *s)
{
    latent_error e;
    latent_ear *ear = latent_ear_new(s, &e);
    if (!ear)
        fail_msg("%s", e.text);
    return ear;
}

/* ---- sounds */

static latent_random dice;

static double noise(void)
{
    return 2 * latent_random_uniform(&dice) - 1;
}

static float *silence(int n, double level)
{
    float *x = malloc((size_t)n * sizeof(*x));
    for (int i = 0; i < n; i++)
        x[i] = (float)(level * noise());
    return x;
}

/* Eight harmonics that begin in 5 ms and die away. */
static void add_note(float *x, int n, int at, double rate, double f, double amplitude, double decay)
{
    for (int i = 0; at + i < n && i < rate * 1.5; i++) {
        double t = i / rate, a = amplitude * fmin(t / 0.005, 1) * exp(-t / decay), sum = 0;
        for (int k = 1; k <= 8 && k * f < rate / 2; k++)
            sum += sin(2 * M_PI * k * f * t) / k;
        x[at + i] += (float)(a * sum / 1.8);
    }
}

/* A burst of noise, darker or lighter (0 to 1). */
static void add_drum(float *x, int n, int at, double rate, double amplitude, double decay,
                     double dark)
{
    double state = 0;
    for (int i = 0; at + i < n && i < rate * decay * 8; i++) {
        state = dark * state + (1 - dark) * noise();
        x[at + i] += (float)(amplitude * exp(-i / rate / decay) * state / (1 - dark) *
                             sqrt(1 - dark * dark));
    }
}

static void add_kick(float *x, int n, int at, double rate, double amplitude)
{
    double phase = 0;
    for (int i = 0; at + i < n && i < rate * 0.4; i++) {
        double t = i / rate;
        phase += (50 + 120 * exp(-t / 0.03)) / rate;
        x[at + i] += (float)(amplitude * exp(-t / 0.12) * sin(2 * M_PI * phase));
    }
}

/* ---- the definitions once more */

static double slaney(double f)
{
    return f >= 1000 ? 15 + log(f / 1000) / (log(6.4) / 27) : f / (200. / 3);
}

static double slaney_hz(double m)
{
    return m >= 15 ? 1000 * exp((m - 15) * log(6.4) / 27) : m * 200 / 3;
}

/* The sums of all bands by brute force: every bin in every triangle. */
static void bands_of(const double *spectrum, double rate, int bands, double low, double high,
                     double *out)
{
    for (int b = 0; b < bands; b++) {
        double f[3], sum = 0, some = 0;
        for (int i = 0; i < 3; i++)
            f[i] = slaney_hz(slaney(low) + (slaney(high) - slaney(low)) * (b + i) / (bands + 1));
        for (int k = 0; k <= N / 2; k++) {
            double g = k * rate / N, w = 0;
            if (g > f[0] && g <= f[1])
                w = (g - f[0]) / (f[1] - f[0]);
            else if (g > f[1] && g < f[2])
                w = (f[2] - g) / (f[2] - f[1]);
            sum += w * spectrum[k];
            some += w;
        }
        out[b] = some > 0 ? sum : spectrum[(int)floor(f[1] * N / rate + 0.5)];
    }
}

typedef struct {
    double power[N / 2 + 1], amplitude[N / 2 + 1];
    double mel[BANDS], chroma[12], rms, centroid, flatness, flux, note, confidence;
    double logs[80];
} heard;

static void transform(const float *x, heard *h)
{
    static double cosine[N];
    if (cosine[0] == 0)
        for (int j = 0; j < N; j++)
            cosine[j] = cos(2 * M_PI * j / N);
    for (int k = 0; k <= N / 2; k++) {
        double re = 0, im = 0;
        for (int j = 0; j < N; j++) {
            double v = x[j] * (1 - cosine[j]);
            re += v * cosine[(long)j * k % N];
            im -= v * cosine[((long)j * k + 3 * N / 4) % N];
        }
        h->power[k] = (re * re + im * im) * 4 / ((double)N * N);
        h->amplitude[k] = sqrt(h->power[k]);
    }
}

static void profile(heard *h, double rate)
{
    double most = 0;
    memset(h->chroma, 0, sizeof(h->chroma));
    for (int k = 1; k < N / 2; k++) {
        double a = log(fmax(h->power[k - 1], 1e-20)), b = log(fmax(h->power[k], 1e-20)),
               c = log(fmax(h->power[k + 1], 1e-20)), at, height;
        if (k * rate / N < 100 || k * rate / N > 5000 || !(a < b && b >= c))
            continue;
        at = (a - c) / (2 * (a - 2 * b + c));
        height = exp(b - (a - c) * at / 4);
        for (int class = 0; class < 12; class ++) {
            /* C0 is 440 / 2^(57/12) */
            double d = 12 * log2((k + at) * rate / N / (440 * pow(2, -57. / 12))) - class;
            d -= 12 * floor(d / 12 + 0.5);
            if (fabs(d) <= 2. / 3)
                h->chroma[class] += height * (1 + cos(M_PI * d * 3 / 2)) / 2;
        }
    }
    for (int i = 0; i < 12; i++)
        most = fmax(most, h->chroma[i]);
    for (int i = 0; i < 12; i++)
        h->chroma[i] /= most;
}

static void yin(const float *x, heard *h, double rate)
{
    static double d[N / 2 + 1];
    double sum = 0, shift = 0, mean = 0, little = 0;
    int best = 0, low = (int)(rate / 2000), high = (int)ceil(rate / 40);
    high = high > N / 2 - 1 ? N / 2 - 1 : high;
    for (int j = 0; j < N; j++)
        mean += x[j] / N;
    for (int j = 0; j < N; j++)
        little += 1e-5 * (x[j] - mean) * (x[j] - mean);
    d[0] = 1;
    for (int t = 1; t <= N / 2; t++) {
        double s = 0;
        for (int j = 0; j < N / 2 && j + t < N; j++)
            s += ((double)x[j] - x[j + t]) * ((double)x[j] - x[j + t]);
        sum += s;
        d[t] = (s + little) / (sum / t + little);
    }
    for (int t = low; t <= high && !best; t++)
        if (d[t] < 0.15)
            best = t;
    if (best)
        while (best < high && d[best + 1] < d[best])
            best++;
    else
        for (int t = best = low; t <= high; t++)
            best = d[t] < d[best] ? t : best;
    if (d[best - 1] > d[best] && d[best + 1] > d[best])
        shift = (d[best - 1] - d[best + 1]) / 2 / (d[best - 1] - 2 * d[best] + d[best + 1]);
    h->confidence = 1 - (d[best] - (d[best - 1] - d[best + 1]) * shift / 4);
    h->confidence = fmin(fmax(h->confidence, 0), 1);
    if (h->confidence >= 0.5)
        h->note = 69 + 12 * log2(rate / (best + shift) / 440);
}

static void hear(const float *x, double rate, const heard *before, heard *h)
{
    double a[80], sum = 0, moment = 0, logs = 0;
    transform(x, h);
    bands_of(h->power, rate, BANDS, 30, 16000, h->mel);
    for (int b = 0; b < BANDS; b++)
        h->mel[b] = 10 * log10(h->mel[b] / 1.5 + 1e-10);
    for (int j = 0; j < N; j++)
        sum += (double)x[j] * x[j];
    h->rms = sqrt(sum / N);
    sum = 0;
    for (int k = 0; k <= N / 2; k++) {
        sum += h->amplitude[k];
        moment += k * rate / N * h->amplitude[k];
    }
    h->centroid = moment / sum;
    sum = 0;
    for (int k = 0; k <= N / 2; k++) {
        sum += h->power[k] + 1e-10;
        logs += log(h->power[k] + 1e-10);
    }
    h->flatness = exp(logs / (N / 2 + 1)) / (sum / (N / 2 + 1));
    profile(h, rate);
    bands_of(h->amplitude, rate, 80, 30, 16000, a);
    h->flux = 0;
    for (int b = 0; b < 80; b++) {
        double most = 0;
        for (int i = b - 1; i <= b + 1; i++)
            if (i >= 0 && i < 80)
                most = fmax(most, before->logs[i]);
        h->logs[b] = log10(1 + 1000 * a[b]);
        h->flux += fmax(h->logs[b] - most - 0.1, 0) / 80;
    }
    h->note = before->note;
    yin(x, h, rate);
}

/* Where something begins: flux over twice the median of the last 0.3 s, and 0.01; only after it was
   below, and 50 ms after the one before.  flux[0..hop]. */
static double onset_at(const double *flux, int hop, double rate, int *armed, int *last)
{
    double recent[400], threshold;
    int n = (int)(0.3 * rate / HOP);
    for (int i = 0; i < n; i++) {
        double f = hop - 1 - i >= 0 ? flux[hop - 1 - i] : 0;
        int j = i;
        for (; j > 0 && recent[j - 1] > f; j--)
            recent[j] = recent[j - 1];
        recent[j] = f;
    }
    threshold = 0.01 + recent[n / 2] + recent[(n - 1) / 2];
    if (flux[hop] < threshold)
        *armed = 1;
    else if (*armed && (hop - *last) * HOP >= 0.05 * rate) {
        *armed = 0;
        *last = hop;
        return flux[hop] - threshold;
    }
    return 0;
}

static double worst;

static void near(const char *what, int hop, int i, double got, double wanted, double range)
{
    worst = fmax(worst, fabs(got - wanted) / range);
    if (!(fabs(got - wanted) <= 1e-4 * range))
        fail_msg("%s, hop %d, number %d: %.9g instead of %.9g (worst so far %.2g)", what, hop, i,
                 got, wanted, worst);
}

/* Within 1e-4 of each number's range: 100 dB for mel, half the sample rate for the centroid, 127
   notes, 1 for the others. */
static void test_definitions(void **state)
{
    static const double rates[] = {44100, 48000, 96000};
    (void)state;
    for (int r = 0; r < 3; r++) {
        double rate = rates[r];
        latent_ear_settings s = settings(rate);
        latent_ear *ear = make(&s);
        int n = (int)(0.4 * rate), hop = 0, armed = 1, last = -1000, onsets = 0;
        double flux[400];
        float *x, *padded = calloc((size_t)n + N, sizeof(*padded));
        heard *now = calloc(1, sizeof(*now)), *before = calloc(1, sizeof(*before)), *swap;
        latent_random_seed(&dice, 7);
        x = silence(n, 0.001);
        add_note(x, n, n / 20, rate, 220, 0.4, 0.5);
        add_note(x, n, n / 3, rate, 329.6, 0.2, 0.5);
        add_drum(x, n, n / 2, rate, 0.3, 0.02, 0.3);
        memcpy(padded + N, x, (size_t)n * sizeof(*x));
        for (int at = 0, what; at + 64 <= n; at += 64) {
            latent_ear_hear(ear, &(const float *){x + at}, 64);
            while ((what = latent_ear_step(ear))) {
                const float *v = latent_ear_values(ear, 0);
                if (what != LATENT_EAR_HOP)
                    continue;
                hop++;
                hear(padded + hop * HOP, rate, before, now);
                for (int b = 0; b < BANDS; b++)
                    near("mel", hop, b, v[b], now->mel[b], 100);
                v += BANDS;
                for (int c = 0; c < 12; c++)
                    near("chroma", hop, c, v[c], now->chroma[c], 1);
                v += 12;
                near("rms", hop, 0, v[0], now->rms, 1);
                near("centroid", hop, 0, v[1], now->centroid, rate / 2);
                near("flatness", hop, 0, v[2], now->flatness, 1);
                near("flux", hop, 0, v[3], now->flux, 1);
                flux[hop - 1] = now->flux;
                near("onset", hop, 0, v[4], onset_at(flux, hop - 1, rate, &armed, &last), 1);
                onsets += v[4] > 0;
                near("note", hop, 0, v[5], now->note, 127);
                near("confidence", hop, 0, v[6], now->confidence, 1);
                swap = before;
                before = now;
                now = swap;
            }
        }
        assert_int_equal(hop, n / 64 * 64 / HOP);
        assert_true(onsets >= 3);
        latent_ear_free(ear);
        free(x);
        free(padded);
        free(now);
        free(before);
    }
    print_message("off by %.2g of the range at most\n", worst);
}

/* Sines whose pitch, level and place are known without any computation. */
static void test_sines(void **state)
{
    latent_ear_settings s = settings(48000);
    (void)state;
    s.bands = 12;
    for (int note = 45; note < 93; note += 5) {
        latent_ear *ear = make(&s);
        double f = 440 * pow(2, (note - 69) / 12.);
        float x[4096];
        const float *v;
        for (int i = 0; i < 4096; i++)
            x[i] = (float)(0.5 * sin(2 * M_PI * f * i / 48000));
        latent_ear_hear(ear, &(const float *){x}, 4096);
        while (latent_ear_step(ear))
            ;
        v = latent_ear_values(ear, 0) + 12;
        for (int c = 0; c < 12; c++)
            assert_true(c == note % 12 ? v[c] == 1 : v[c] < 0.05);
        assert_true(fabs(v[12] - 0.5 / sqrt(2)) < 0.01);
        assert_true(fabs(v[13] - f) < 60);
        assert_true(v[14] < 0.01);
        assert_true(fabs(v[17] - note) < 0.05);
        assert_true(v[18] > 0.98);
        latent_ear_free(ear);
    }
}

/* ---- the same, however it comes */

static float *all_frames(const latent_ear_settings *s, const float *x, int n, int step, int *count)
{
    latent_ear *ear = make(s);
    int numbers = latent_ear_count(s->bands), frames = 0, what;
    float *out = malloc((size_t)n / 32 * (size_t)numbers * sizeof(*out));
    for (int at = 0; at < n; at += step) {
        int m = n - at < step ? n - at : step;
        assert_int_equal(latent_ear_hear(ear, &(const float *){x + at}, m), 0);
        while ((what = latent_ear_step(ear)))
            if (what == LATENT_EAR_FRAME) {
                assert_true(latent_ear_frame_sample(s, frames) <= at + m);
                assert_true(latent_ear_frame_sample(s, frames) > at);
                memcpy(out + frames++ * numbers, latent_ear_frame(ear, 0),
                       (size_t)numbers * sizeof(*out));
            }
    }
    latent_ear_free(ear);
    *count = frames;
    return out;
}

static void test_blocks(void **state)
{
    static const int steps[] = {1, 64, 100, 512, 4096};
    latent_ear_settings s = settings(44100);
    int n = 44100, frames, first;
    float *x, *a, *b;
    (void)state;
    s.follow = (latent_follow){5, 150, 1, 0, 10};
    latent_random_seed(&dice, 3);
    x = silence(n, 0.01);
    for (int i = 0; i < 8; i++)
        add_drum(x, n, i * 5000, 44100, 0.4, 0.05, 0.5);
    for (int r = 0; r < 2; r++) {
        s.rate = r ? 30 : 0;
        a = all_frames(&s, x, n, 64, &first);
        assert_int_equal(first, r ? 30 : 86);
        for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
            b = all_frames(&s, x, n, steps[i], &frames);
            assert_int_equal(frames, first);
            assert_memory_equal(a, b, (size_t)(frames * latent_ear_count(BANDS)) * sizeof(*a));
            free(b);
        }
        for (int i = 0; i < first * latent_ear_count(BANDS); i++)
            assert_true(a[i] >= 0 && a[i] <= 1);
        free(a);
    }
    free(x);
}

/* Two voices hear each its own channel. */
static void test_voices(void **state)
{
    latent_ear_settings s = settings(48000);
    latent_ear *one = make(&s), *two;
    float *x = silence(4096, 0.1), zero[4096] = {0};
    const float *both[] = {zero, x};
    (void)state;
    s.voices = 2;
    two = make(&s);
    latent_ear_hear(one, both + 1, 4096);
    latent_ear_hear(two, both, 4096);
    while (latent_ear_step(one))
        ;
    while (latent_ear_step(two))
        ;
    assert_memory_equal(latent_ear_values(one, 0), latent_ear_values(two, 1),
                        (size_t)latent_ear_count(BANDS) * sizeof(float));
    assert_true(latent_ear_values(two, 0)[0] == -100);
    /* forgotten, all begins anew */
    latent_ear_reset(one);
    latent_ear_hear(one, both + 1, 4096);
    while (latent_ear_step(one))
        ;
    assert_memory_equal(latent_ear_values(one, 0), latent_ear_values(two, 1),
                        (size_t)latent_ear_count(BANDS) * sizeof(float));
    latent_ear_free(one);
    latent_ear_free(two);
    free(x);
}

/* Silence, a constant, clipping and NaN or infinity: everything stays a finite number. */
static void test_extremes(void **state)
{
    latent_ear_settings s = settings(48000);
    (void)state;
    s.follow = (latent_follow){5, 150, 1, 0, 10};
    for (int kind = 0; kind < 5; kind++) {
        latent_ear *ear = make(&s);
        float x[4096];
        for (int i = 0; i < 4096; i++)
            x[i] = kind == 0   ? 0
                   : kind == 1 ? 1
                   : kind == 2 ? NAN
                   : kind == 3 ? (i % 2 ? 1e30f : INFINITY)
                               : (i / 50 % 2 ? 1000 : -1000);
        for (int round = 0; round < 5; round++) {
            assert_int_equal(latent_ear_hear(ear, &(const float *){x}, 4096), 0);
            while (latent_ear_step(ear))
                for (int i = 0; i < latent_ear_count(BANDS); i++)
                    assert_true(latent_ear_values(ear, 0)[i] >= 0 &&
                                latent_ear_values(ear, 0)[i] <= 1);
        }
        latent_ear_free(ear);
    }
}

/* Who does not step loses samples, and is told how many. */
static void test_full(void **state)
{
    latent_ear_settings s = settings(48000);
    latent_ear *ear = make(&s);
    float x[4096] = {0};
    int lost = 0;
    (void)state;
    for (int i = 0; i < 100; i++)
        lost += latent_ear_hear(ear, &(const float *){x}, 4096);
    assert_true(lost > 300000 && lost < 409600);
    latent_ear_free(ear);
}

/* ---- attack, release, range: against the same written down plainly */

static void test_follow(void **state)
{
    latent_ear_settings s = settings(48000);
    int n = 48000, rms = BANDS + 12, hops, again;
    double dt = HOP / 48000., up = 1 - exp(-dt / 0.02), down = 1 - exp(-dt / 0.3),
           forget = 1 - exp(-dt / 4), y = 0, low = 0, high = 0;
    float *x, *raw, *followed;
    (void)state;
    latent_random_seed(&dice, 5);
    x = silence(n, 0.001);
    for (int i = 0; i < 5; i++)
        add_drum(x, n, i * 9000 + 4000, 48000, 0.1 + 0.1 * i, 0.05, 0.5);
    raw = all_frames(&s, x, n, 64, &hops);
    s.follow = (latent_follow){20, 300, 1, 0, 4};
    followed = all_frames(&s, x, n, 64, &again);
    assert_int_equal(hops, again);
    for (int h = 0; h < hops; h++) {
        double v = raw[h * latent_ear_count(BANDS) + rms], wanted;
        y = h ? y + (v - y) * (v < y ? down : up) : v;
        high = !h || y > high ? y : high + (y - high) * forget;
        low = !h || y < low ? y : low + (y - low) * forget;
        wanted = (y - low) / fmax(high - low, 0.01);
        near("rms in its range", h, 0, followed[h * latent_ear_count(BANDS) + rms], wanted, 1);
    }
    free(x);
    free(raw);
    free(followed);
}

static void test_freeze(void **state)
{
    latent_ear_settings s = settings(48000);
    latent_ear *ear;
    float loud[4096], quiet[4096];
    const int rms = BANDS + 12;
    (void)state;
    latent_random_seed(&dice, 5);
    for (int i = 0; i < 4096; i++) {
        loud[i] = (float)(0.8 * noise());
        quiet[i] = (float)(0.6 * noise());
    }
    s.follow = (latent_follow){0, 0, 1, 0, 10};
    ear = make(&s);
    latent_ear_hear(ear, &(const float *){loud}, 4096);
    while (latent_ear_step(ear))
        ;
    s.follow.freeze = 1;
    latent_ear_follow(ear, &s.follow);
    for (int i = 0; i < 20; i++) {
        latent_ear_hear(ear, &(const float *){quiet}, 4096);
        while (latent_ear_step(ear))
            ;
    }
    assert_true(latent_ear_values(ear, 0)[rms] > 0.2 && latent_ear_values(ear, 0)[rms] < 0.7);
    s.follow.freeze = 0; /* let go, the range closes in on what is there */
    s.follow.memory = 0.05;
    latent_ear_follow(ear, &s.follow);
    for (int i = 0; i < 20; i++) {
        latent_ear_hear(ear, &(const float *){loud}, 4096);
        while (latent_ear_step(ear))
            ;
    }
    assert_true(latent_ear_values(ear, 0)[rms] > 0.3);
    latent_ear_free(ear);
}

/* ---- onsets */

#define MANY 400

/* Where the ear heard something begin, in seconds. */
static int onsets_in(const float *x, int n, double rate, double *found)
{
    latent_ear_settings s = settings(rate);
    latent_ear *ear = make(&s);
    int hops = 0, count = 0, what;
    for (int at = 0; at + 64 <= n; at += 64) {
        latent_ear_hear(ear, &(const float *){x + at}, 64);
        while ((what = latent_ear_step(ear)))
            if (what == LATENT_EAR_HOP) {
                hops++;
                if (latent_ear_onset(ear, 0) > 0 && count < MANY)
                    found[count++] = hops * HOP / rate;
            }
    }
    latent_ear_free(ear);
    return count;
}

/* How many of the found are within 50 ms of a true one, each counted once. */
static int matches(const double *truth, int n, const double *found, int m)
{
    int hits = 0, used[MANY] = {0};
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++)
            if (!used[j] && fabs(found[j] - truth[i]) <= 0.05) {
                used[j] = 1;
                hits++;
                break;
            }
    return hits;
}

/* 30 s of sounds that begin at random, at known times: returns how many.  Clicks and drums come at
   -3 to -21 dB, notes at -6 to -30 dB over noise at -45 dB. */
enum { CLICKS, DRUMS, NOTES };
static int make_set(int kind, double rate, uint32_t seed, float *x, int n, double *truth)
{
    double t = 0.5;
    int count = 0;
    latent_random_seed(&dice, seed);
    for (int i = 0; i < n; i++)
        x[i] = (float)((kind == NOTES ? 0.01 : 0.001) * noise());
    while (t < 29) {
        int at = (int)(t * rate);
        double dB = kind == NOTES ? -6 - 24 * latent_random_uniform(&dice)
                                  : -3 - 18 * latent_random_uniform(&dice),
               a = pow(10, dB / 20);
        if (kind == CLICKS)
            for (int i = 0; i < 20; i++)
                x[at + i] += (float)(a * (i % 2 ? -1 : 1) * exp(-i / 5.));
        else if (kind == DRUMS)
            add_drum(x, n, at, rate, a, 0.02 + 0.08 * latent_random_uniform(&dice),
                     0.9 * latent_random_uniform(&dice));
        else
            add_note(x, n, at, rate, 110 * pow(2, floor(36 * latent_random_uniform(&dice)) / 12), a,
                     0.15 + 0.3 * latent_random_uniform(&dice));
        truth[count++] = t;
        t += (kind == NOTES ? 0.2 : 0.12) + 0.5 * latent_random_uniform(&dice);
    }
    return count;
}

/* The thresholds were chosen with sets 0 to 5; the others came later. */
static void test_onsets(void **state)
{
    static const char *const kinds[] = {"clicks", "drums", "notes"};
    static const uint32_t seeds[5] = {0, 1001, 2002, 3003, 4004};
    (void)state;
    for (int kind = CLICKS; kind <= NOTES; kind++) {
        double worst = 1;
        int hits = 0, all = 0, claimed = 0;
        for (int i = 0; i < THOROUGH(10, 2); i++) {
            double rate = i % 2 ? 48000 : 44100, truth[MANY], found[MANY], f;
            int n = (int)(30 * rate), count, m, hit;
            float *x = malloc((size_t)n * sizeof(*x));
            count = make_set(kind, rate, seeds[i / 2] + (uint32_t)(2 * kind + i % 2), x, n, truth);
            m = onsets_in(x, n, rate, found);
            hit = matches(truth, count, found, m);
            f = 2. * hit / (count + m);
            worst = f < worst ? f : worst;
            hits += hit;
            all += count;
            claimed += m;
            free(x);
        }
        print_message("%s: %d true, %d found, %d right, F %.3f, %.3f in the worst of the sets\n",
                      kinds[kind], all, claimed, hits, 2. * hits / (all + claimed), worst);
        assert_true(worst >= 0.9);
    }
}

/* Steady noise and a steady tone have no onsets after their beginning. */
static void test_nothing_begins(void **state)
{
    int n = 480000, late = 0, m;
    double found[MANY];
    float *x;
    (void)state;
    latent_random_seed(&dice, 1);
    x = silence(n, 0.1);
    m = onsets_in(x, n, 48000, found);
    for (int i = 0; i < m; i++)
        late += found[i] > 0.1;
    assert_int_equal(late, 0);
    for (int i = 0; i < n; i++)
        x[i] = (float)(0.3 * sin(i * 0.05 + 2 * sin(i * 0.0007))); /* with vibrato */
    m = onsets_in(x, n, 48000, found);
    for (int i = 0; i < m; i++)
        late += found[i] > 0.1;
    assert_int_equal(late, 0);
    free(x);
}

/* ---- tempo */

/* Four on the floor: a kick on every beat; with hats between; with a snare on every second, too. */
static void add_beats(float *x, int n, double rate, double beat, int hats, int snares)
{
    int count = 0;
    for (double t = 0.1; t < n / rate; t += beat, count++) {
        add_kick(x, n, (int)(t * rate), rate, 0.7);
        if (hats)
            add_drum(x, n, (int)((t + beat / 2) * rate), rate, 0.1, 0.015, 0);
        if (snares && count % 2)
            add_drum(x, n, (int)(t * rate), rate, 0.3, 0.06, 0.3);
    }
}

static void test_tempo(void **state)
{
    static const char *const kinds[] = {"", " with hats", " with hats and snares"};
    double worst = 0, worst_phase = 0;
    (void)state;
    for (int i = 0; i <= 42; i += THOROUGH(1, 14))
        for (int kind = 0; kind < 3; kind++) {
            /* 60 to 180 in steps that divide nothing */
            double rate = i % 2 ? 44100 : 48000, bpm = 60 + i * 120 / 42., beat = 60 / bpm, got,
                   phase, wanted;
            int n = (int)(12 * rate);
            latent_ear_settings s = settings(rate);
            latent_ear *ear = make(&s);
            float *x;
            const float *tempo;
            latent_random_seed(&dice, (uint32_t)(i * 3 + kind));
            x = silence(n, 0.002);
            add_beats(x, n, rate, beat, kind > 0, kind > 1);
            for (int at = 0; at + 64 <= n; at += 64) {
                latent_ear_hear(ear, &(const float *){x + at}, 64);
                while (latent_ear_step(ear))
                    ;
            }
            tempo = latent_ear_values(ear, 0) + latent_ear_count(BANDS) - 3;
            got = tempo[0];
            wanted = (12 - 0.1) / beat;
            phase = tempo[1] - (wanted - floor(wanted));
            phase -= round(phase);
            worst = fmax(worst, fabs(got / bpm - 1));
            worst_phase = fmax(worst_phase, fabs(phase));
            if (!(fabs(got / bpm - 1) < 0.02 && fabs(phase) < 0.15))
                print_message("%g beats a minute%s: %.2f, phase off by %.3f\n", bpm, kinds[kind],
                              got, phase);
            latent_ear_free(ear);
            free(x);
        }
    print_message("tempo off by %.2f percent at most, phase by %.3f\n", 100 * worst, worst_phase);
    assert_true(worst < 0.02);
    assert_true(worst_phase < 0.15);
}

/* ---- what it costs */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The longest window, and the shortest with the shortest hop, keep up with the sound. */
static void test_extreme_costs(void **state)
{
    static const int sizes[][2] = {{8192, 512}, {64, 4}};
    float *x = silence(48000, 0.2);
    (void)state;
    for (int i = 0; i < 2; i++) {
        latent_ear_settings s = settings(48000);
        latent_ear *ear;
        double most = 0, start = seconds();
        s.window = sizes[i][0];
        s.hop = sizes[i][1];
        ear = make(&s);
        for (int at = 0; at + 64 <= 48000; at += 64) {
            double before = seconds();
            latent_ear_hear(ear, &(const float *){x + at}, 64);
            while (latent_ear_step(ear))
                ;
            most = fmax(most, seconds() - before);
        }
        print_message("window %d, hop %d: %.1f percent of a core, a block %.3f ms at most\n",
                      s.window, s.hop, 100 * (seconds() - start), most * 1000);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__OPTIMIZE__)
        assert_true(seconds() - start < 0.5);
#endif
        latent_ear_free(ear);
    }
    free(x);
}

static void test_cost(void **state)
{
    latent_ear_settings s = settings(48000);
    latent_ear *ear;
    float *x = silence(480000, 0.2);
    double most = 0, start = seconds(), all, share;
    (void)state;
    s.follow = (latent_follow){5, 150, 1, 0, 10};
    s.rate = 30;
    ear = make(&s);
    for (int at = 0; at + 64 <= 480000; at += 64) {
        double before = seconds();
        latent_ear_hear(ear, &(const float *){x + at}, 64);
        while (latent_ear_step(ear))
            ;
        most = fmax(most, seconds() - before);
    }
    all = seconds() - start;
    share = all / 10;
    print_message("10 s of sound took %.0f ms (%.2f percent of a core), a hop %.3f ms at most\n",
                  all * 1000, share * 100, most * 1000);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__OPTIMIZE__)
    assert_true(share < 0.02);
#endif
    latent_ear_free(ear);
    free(x);
}

/* ---- refusals */

static void refuse(latent_ear_settings s, const char *part)
{
    latent_error e = {""};
    assert_null(latent_ear_new(&s, &e));
    if (!strstr(e.text, part))
        fail_msg("\"%s\" lacks \"%s\"", e.text, part);
}

static void test_refusals(void **state)
{
    latent_ear_settings good = settings(48000), s;
    (void)state;
#define BAD(field, value, part)                                                                    \
    s = good;                                                                                      \
    s.field = value;                                                                               \
    refuse(s, part)
    BAD(window, 1000, "window");
    BAD(window, 32, "window");
    BAD(window, 16384, "window");
    BAD(hop, 127, "hop");
    BAD(hop, 2049, "hop");
    BAD(sample_rate, 0, "sample rate");
    BAD(sample_rate, NAN, "sample rate");
    BAD(bands, 0, "bands");
    BAD(bands, 129, "bands");
    BAD(low, -1, "low");
    BAD(low, 24000, "low");
    BAD(high, 20, "low");
    BAD(voices, 0, "channels");
    BAD(voices, 65, "channels");
}

/* Every size that may be: all bands have a bin, nothing is read or written outside. */
static void test_sizes(void **state)
{
    static const int bands[] = {1, 7, 128};
    float x[4096];
    (void)state;
    for (int i = 0; i < 4096; i++)
        x[i] = (float)(0.1 * noise());
    for (int window = 64; window <= 8192; window *= 2)
        for (int b = 0; b < 3; b++)
            for (int small = 0; small < 2; small++) {
                latent_ear_settings s = settings(b == 1 ? 8000 : 48000);
                latent_ear *ear;
                s.window = window;
                s.hop = small ? window / 16 : window;
                s.bands = bands[b];
                ear = make(&s);
                for (int i = 0; i < 4; i++) {
                    assert_int_equal(latent_ear_hear(ear, &(const float *){x}, 4096), 0);
                    while (latent_ear_step(ear))
                        ;
                }
                for (int i = 0; i < s.bands; i++)
                    assert_true(latent_ear_values(ear, 0)[i] > -90);
                latent_ear_free(ear);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions), cmocka_unit_test(test_sines),
        cmocka_unit_test(test_blocks),      cmocka_unit_test(test_voices),
        cmocka_unit_test(test_extremes),    cmocka_unit_test(test_full),
        cmocka_unit_test(test_follow),      cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_onsets),      cmocka_unit_test(test_nothing_begins),
        cmocka_unit_test(test_tempo),       cmocka_unit_test(test_extreme_costs),
        cmocka_unit_test(test_cost),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
