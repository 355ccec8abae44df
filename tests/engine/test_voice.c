/* test_voice: lists and pictures as sound: the right partials, and no clicks, whatever comes when.
 */
#include "engine/base/random.h"
#include "engine/sound/voice.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define RATE 48000

static latent_random dice;
static const latent_voice_settings usual = {
    LATENT_BANK, LATENT_TUNE_HARMONIC, 100, 60, 400, 10, 0.2, 12, 4, 1};

static latent_voice *make(const latent_voice_settings *s)
{
    latent_error e;
    latent_voice *v = latent_voice_new(&e);
    if (!v)
        fail_msg("%s", e.text);
    latent_voice_rate(v, RATE);
    latent_voice_set(v, s);
    return v;
}

static void play(latent_voice *v, float *x, int n)
{
    for (int at = 0; at < n; at += 64)
        latent_voice_play(v, x + at, n - at < 64 ? n - at : 64);
}

/* The amplitude of a frequency in a second of sound. */
static double amplitude_at(const float *x, double f)
{
    double re = 0, im = 0;
    for (int i = 0; i < RATE; i++) {
        double w = 1 - cos(2 * M_PI * i / RATE);
        re += w * x[i] * cos(2 * M_PI * f * i / RATE);
        im += w * x[i] * sin(2 * M_PI * f * i / RATE);
    }
    return 2 * sqrt(re * re + im * im) / RATE;
}

static float sound[2 * RATE];

/* Both modes: partial k of a list has its frequency and amplitude, and there is no other. */
static void test_partials(void **state)
{
    const float list[8] = {0, 1, 0, -0.5f, 0, 0, 0, 0.25f};
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        latent_voice_settings s = usual;
        latent_voice *v;
        s.mode = (latent_voice_mode)mode;
        v = make(&s);
        latent_voice_list(v, list, 8);
        play(v, sound, 2 * RATE);
        for (int k = 0; k < 12; k++) {
            double wanted = k < 8 ? 0.2 * sqrt(2. / 8) * fabsf(list[k]) : 0,
                   got = amplitude_at(sound + RATE, 100 * (k + 1));
            if (fabs(got - wanted) > 1e-4)
                fail_msg("mode %d, partial %d: %g instead of %g", mode, k, got, wanted);
        }
        latent_voice_free(v);
    }
}

static void test_tunings(void **state)
{
    const float one[3] = {0, 1, 0};
    /* mel: the middle of 60 and 400 Hz, where the scale is linear; log: their geometric mean */
    const double places[] = {230, sqrt(60 * 400), 200};
    (void)state;
    for (int tuning = 0; tuning < 3; tuning++) {
        latent_voice_settings s = usual;
        latent_voice *v;
        s.tuning = (latent_voice_tuning)tuning;
        v = make(&s);
        latent_voice_list(v, one, 3);
        play(v, sound, 2 * RATE);
        assert_true(fabs(amplitude_at(sound + RATE, places[tuning]) - 0.2 * sqrt(2. / 3)) < 1e-3);
        latent_voice_free(v);
    }
}

/* stats: a mean of 1 bends by bend semitones, the deviation is the amplitude. */
static void test_stats(void **state)
{
    const float stats[4] = {0, 5, 0, 0.5f};
    latent_voice *v = make(&usual);
    (void)state;
    latent_voice_stats(v, stats, 2);
    play(v, sound, 2 * RATE);
    assert_true(fabs(amplitude_at(sound + RATE, 400) - 0.1) < 1e-3);
    assert_true(amplitude_at(sound + RATE, 200) < 1e-3);
    latent_voice_free(v);
}

static void test_silence(void **state)
{
    const float list[4] = {1, 1, 1, 1};
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        latent_voice_settings s = usual;
        latent_voice *v;
        s.mode = (latent_voice_mode)mode;
        v = make(&s);
        play(v, sound, RATE);
        for (int i = 0; i < RATE; i++)
            assert_true(sound[i] == 0);
        latent_voice_list(v, list, 4);
        play(v, sound, RATE);
        latent_voice_list(v, NULL, 0);
        play(v, sound, 2 * RATE);
        for (int i = RATE; i < 2 * RATE; i++)
            assert_true(fabsf(sound[i]) < 1e-6);
        latent_voice_free(v);
    }
}

/* A picture with one bright row that jumps from low to high in its middle. */
static void test_picture(void **state)
{
    latent_voice_settings s = usual;
    latent_spectra *p;
    latent_tensor *t;
    latent_voice *v;
    latent_error e;
    (void)state;
    s.time = 2;
    s.loop = 0;
    v = make(&s);
    t = latent_tensor_new((latent_shape){1, 4, 16, 3}, &e);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 16; x++)
            for (int c = 0; c < 3; c++)
                t->data[(y * 16 + x) * 3 + c] = y == (x < 8 ? 3 : 0) ? 1 : -1;
    p = latent_spectra_from(t, &e);
    assert_non_null(p);
    latent_tensor_release(t);
    assert_int_equal(p->columns, 16);
    assert_int_equal(p->rows, 4);
    assert_null(latent_voice_picture(v, p));
    play(v, sound, 2 * RATE);
    assert_true(amplitude_at(sound, 100) > 0.12 && amplitude_at(sound, 400) < 0.01);
    assert_true(amplitude_at(sound + RATE, 400) > 0.12 && amplitude_at(sound + RATE, 100) < 0.01);
    play(v, sound, 2 * RATE);
    assert_true(fabsf(sound[2 * RATE - 1]) < 1e-6); /* it has ended */
    latent_voice_position(v, 0);
    play(v, sound, RATE);
    assert_true(amplitude_at(sound, 100) > 0.12);
    latent_voice_free(v);
}

/* Data of all kinds at all rates, settings too: the steps between samples stay below what the
   partials themselves need at the most.  A jump of one partial's amplitude would show. */
static void test_clicks(void **state)
{
    static const int every[] = {1, 7, 64, 480, 4000};
    (void)state;
    for (int mode = 0; mode < 3; mode++) /* 2: changes all the time */
        for (size_t r = 0; r < sizeof(every) / sizeof(*every); r++) {
            enum { N = 10 };
            latent_voice_settings s = usual;
            latent_voice *v;
            double scale = 0.2 * sqrt(2. / 4), limit = 0, largest = 0, loudest = 0;
            float last = 0;
            s.mode = (latent_voice_mode)(mode % 2);
            s.pitch = 40;
            s.tuning = LATENT_TUNE_LOG;
            v = make(&s);
            latent_random_seed(&dice, (uint32_t)(mode * 10) + (uint32_t)r);
            for (int at = 0; at < RATE / 2; at += every[r]) {
                float list[N], x[4000];
                int n = 4 + (int)latent_random_below(&dice, N - 3);
                for (int k = 0; k < n; k++)
                    list[k] = (float)(2 * latent_random_uniform(&dice) - 1);
                switch (latent_random_below(&dice, 6)) {
                case 0:
                    latent_voice_list(v, NULL, 0);
                    break;
                case 1:
                    latent_voice_stats(v, list, n / 2);
                    break;
                case 2: {
                    latent_spectra *p = calloc(1, sizeof(*p) + 6 * 4 * sizeof(float));
                    p->columns = 6;
                    p->rows = 4;
                    for (int i = 0; i < 24; i++)
                        p->amplitude[i] = (float)latent_random_uniform(&dice);
                    free(latent_voice_picture(v, p));
                    latent_voice_position(v, latent_random_uniform(&dice));
                    break;
                }
                case 3:
                    s.pitch = 30 + 10 * latent_random_uniform(&dice);
                    s.low = 50 + 20 * latent_random_uniform(&dice);
                    if (mode == 2)
                        s.mode = (latent_voice_mode)latent_random_below(&dice, 2);
                    latent_voice_set(v, &s);
                    break;
                default:
                    latent_voice_list(v, list, n);
                }
                for (int i = 0; i < every[r]; i += 64)
                    latent_voice_play(v, x + i, every[r] - i < 64 ? every[r] - i : 64);
                for (int i = 0; i < every[r]; i++) {
                    largest = fmax(largest, fabs(x[i] - last));
                    loudest = fmax(loudest, fabs(x[i]));
                    last = x[i];
                }
            }
            /* every partial at its loudest, at 400 Hz bent up an octave or at its harmonic, while
               amplitudes move by a tenth of a millisecond's worth of the shortest glide */
            for (int k = 0; k < N; k++)
                limit += scale * (2 * sin(M_PI * 800 / RATE) / 2 + 1.0 / (0.005 * RATE));
            if (!(largest < limit && largest < 0.12))
                fail_msg("mode %d, every %d samples: a step of %g (limit %g)", mode, every[r],
                         largest, limit);
            if (every[r] >= 64)
                assert_true(loudest > 0.03);
            latent_voice_free(v);
        }
}

/* NaN or infinity, and more of them than can sound. */
static void test_odd(void **state)
{
    static float list[3000];
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        latent_voice_settings s = usual;
        latent_voice *v;
        s.mode = (latent_voice_mode)mode;
        v = make(&s);
        for (int i = 0; i < 3000; i++)
            list[i] = i % 4 == 0 ? NAN : i % 4 == 1 ? INFINITY : i % 4 == 2 ? 1e30f : 1;
        latent_voice_list(v, list, 3000);
        latent_voice_stats(v, list, 1500);
        play(v, sound, RATE);
        for (int i = 0; i < RATE; i++)
            assert_true(fabsf(sound[i]) < 10);
        latent_voice_free(v);
    }
}

static void test_cost(void **state)
{
    latent_voice_settings s = usual;
    latent_voice *v;
    float list[512];
    struct timespec a, z;
    double share;
    (void)state;
    s.tuning = LATENT_TUNE_MEL;
    s.high = 16000;
    v = make(&s);
    for (int i = 0; i < 512; i++)
        list[i] = 1;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    for (int i = 0; i < 30; i++) {
        list[i] = 0.5;
        latent_voice_list(v, list, 512);
        play(v, sound, RATE / 30);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &z);
    share = (double)(z.tv_sec - a.tv_sec) + 1e-9 * (double)(z.tv_nsec - a.tv_nsec);
    print_message("512 partials: %.1f percent of a core\n", share * 100);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__OPTIMIZE__)
    assert_true(share < 0.2);
#endif
    latent_voice_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partials), cmocka_unit_test(test_tunings),
        cmocka_unit_test(test_stats),    cmocka_unit_test(test_silence),
        cmocka_unit_test(test_picture),  cmocka_unit_test(test_clicks),
        cmocka_unit_test(test_odd),      cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
