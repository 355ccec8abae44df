/* test_soundfile: whole sound files through the ear: every format that can be written here says the
   same as the samples do, and thousands of damaged ones are read or refused, in bounded time. */
#include "engine/base/random.h"
#include "engine/sound/soundfile.h"
#include "helper_sound.h"
#include <math.h>
#include <setjmp.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RATE 22050
#define LENGTH 11025

static latent_ear_settings settings(void)
{
    return (latent_ear_settings){.window = 1024,
                                 .hop = 256,
                                 .bands = 20,
                                 .low = 30,
                                 .high = 16000,
                                 .follow = {5, 150, 1, 0, 10}};
}

/* What libsndfile itself loses when an Ogg stream is damaged; asked for by the leak sanitizer. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:vorbis_info_init\n";
}

static latent_random dice;
static char path[] = "/dev/shm/latent-sound-XXXXXX";

static int begin(void **state)
{
    int fd;
    (void)state;
    if ((fd = mkstemp(path)) < 0) {
        strcpy(path, "latent-sound-XXXXXX");
        fd = mkstemp(path);
    }
    return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
    (void)state;
    return unlink(path);
}

/* Half a second: a tone, and a burst of noise at 0.25 s; channel 2 the same, softer. */
static void samples(float *x, int channels)
{
    latent_random_seed(&dice, 4);
    for (int i = 0; i < LENGTH; i++) {
        double v = 0.2 * sin(2 * M_PI * 440 * i / RATE);
        if (i > RATE / 4)
            v += 0.5 * (2 * latent_random_uniform(&dice) - 1) * exp(-(i - RATE / 4) / 800.);
        for (int c = 0; c < channels; c++)
            x[i * channels + c] = (float)(v / (c + 1));
    }
}

static int write_file(int format, int channels)
{
    SF_INFO info = {.samplerate = RATE, .channels = channels, .format = format};
    static float x[LENGTH * 2];
    SNDFILE *f;
    if (!sf_format_check(&info) || !(f = sf_open(path, SFM_WRITE, &info)))
        return -1;
    samples(x, channels);
    sf_writef_float(f, x, LENGTH);
    return sf_close(f);
}

static latent_sound *read_sound(const latent_ear_settings *s, int each, latent_error *e)
{
    atomic_int cancel = 0, permille = 0;
    return latent_sound_read(path, s, each, &cancel, &permille, e);
}

static void test_formats(void **state)
{
    static const struct {
        const char *name;
        int format, delay; /* samples that the codec may put before */
    } formats[] = {{"wav 16", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 0},
                   {"wav 24", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 0},
                   {"wav float", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 0},
                   {"wav double", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 0},
                   {"aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 0},
                   {"au", SF_FORMAT_AU | SF_FORMAT_PCM_16, 0},
                   {"caf", SF_FORMAT_CAF | SF_FORMAT_PCM_24, 0},
                   {"w64", SF_FORMAT_W64 | SF_FORMAT_PCM_16, 0},
                   {"flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 0},
                   {"ogg vorbis", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 1200},
                   {"mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 2400}};
    latent_ear_settings s = settings();
    (void)state;
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        for (int channels = 1; channels <= 2; channels++) {
            latent_error e;
            latent_sound *sound;
            int found = 0;
            if (write_file(formats[i].format, channels)) {
                print_message("%s can't be written here\n", formats[i].name);
                continue;
            }
            if (!(sound = read_sound(&s, 0, &e)))
                fail_msg("%s: %s", formats[i].name, e.text);
            assert_int_equal(sound->channels, channels);
            assert_int_equal((int)sound->settings.sample_rate, RATE);
            assert_true(fabs(sound->samples - LENGTH) <= formats[i].delay);
            assert_int_equal(sound->n_frames, (int)sound->samples / 256);
            assert_true(*sound->format);
            for (long k = 0; k < sound->n_onsets; k++)
                found += fabs(latent_sound_onset_ms(sound, k) - 250) < 60;
            if (found != 1)
                fail_msg("%s: %d onsets at 0.25 s", formats[i].name, found);
            latent_sound_free(sound);
        }
}

/* What libsndfile does not know: by FFmpeg, with all its channels. */
static void test_others(void **state)
{
    static const char *const kinds[][2] = {{"adts", "aac"}, {"ipod", "aac"}, {"matroska", "aac"}};
    latent_ear_settings s = settings();
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int channels = 1; channels <= 6; channels += 5) {
            latent_error e;
            latent_sound *sound;
            if (write_tone(path, kinds[i][0], kinds[i][1], RATE, channels, 0.5, 0.25, 0)) {
                print_message("this FFmpeg has no encoder for %s\n", kinds[i][1]);
                continue;
            }
            if (!(sound = read_sound(&s, 1, &e)))
                fail_msg("%s: %s", kinds[i][0], e.text);
            assert_int_equal(sound->channels, channels);
            assert_int_equal((int)sound->settings.sample_rate, RATE);
            assert_true(fabs(sound->samples - LENGTH) <= 2100);
            assert_true(*sound->format);
            for (int v = 0; v < channels;
                 v++) { /* each voice holds the tone (but for the low one) */
                const float *frame = latent_sound_frame(sound, 20) + v * sound->count;
                assert_true(frame[s.bands + 12] > 0.15 || v == 3);
            }
            latent_sound_free(sound);
        }
}

/* A sound that is shorter than a hop is one frame, and one that is shorter than a window is as many
   as it has hops. */
static void test_short(void **state)
{
    static const int lengths[] = {1, 100, 255, 256, 600}, frames[] = {1, 1, 1, 1, 2};
    latent_ear_settings s = settings();
    (void)state;
    for (int i = 0; i < 5; i++) {
        latent_error e;
        latent_sound *sound;
        assert_int_equal(
            write_tone(path, "wav", "pcm_s16le", RATE, 1, (lengths[i] + 0.5) / RATE, 0.25, 0), 0);
        if (!(sound = read_sound(&s, 0, &e)))
            fail_msg("%d samples: %s", lengths[i], e.text);
        assert_int_equal(sound->n_frames, frames[i]);
        assert_int_equal(sound->samples, lengths[i]);
        latent_sound_free(sound);
    }
    s.rate = 30;
    assert_int_equal(write_tone(path, "wav", "pcm_s16le", RATE, 2, 0.01, 0.25, 0), 0);
    latent_error e;
    latent_sound *sound = read_sound(&s, 1, &e);
    assert_non_null(sound);
    assert_int_equal(sound->n_frames, 1);
    latent_sound_free(sound);
}

/* Frames by number and by time, onsets, and pictures of the sound. */
static void test_asking(void **state)
{
    latent_ear_settings s = settings();
    latent_error e;
    latent_sound *sound;
    float x[LENGTH * 2], wave[LENGTH], few[10];
    (void)state;
    assert_int_equal(write_file(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 1), 0);
    samples(x, 1);
    for (int r = 0; r < 2; r++) {
        double onsets = 0;
        s.rate = r ? 30 : 0;
        sound = read_sound(&s, 0, &e);
        assert_non_null(sound);
        assert_int_equal(sound->n_frames, r ? 15 : LENGTH / 256);
        assert_int_equal(latent_sound_frame_at(sound, 0), -1);
        for (long n = 0; n < sound->n_frames; n++) {
            double at = latent_ear_frame_sample(&sound->settings, (double)n) * 1000 / RATE;
            assert_int_equal(latent_sound_frame_at(sound, at), n);
            assert_int_equal(latent_sound_frame_at(sound, at - 0.05), n - 1);
            onsets += latent_sound_onset_in(sound, n) > 0;
        }
        assert_int_equal((int)onsets, sound->n_onsets);
        assert_true(latent_sound_frame_at(sound, 1e30) >= sound->n_frames);
        latent_sound_waveform(sound, LENGTH, wave);
        assert_memory_equal(wave, x, sizeof(wave));
        latent_sound_waveform(sound, 10, few);
        for (int i = 0; i < 10; i++)
            assert_true(fabsf(few[i]) > 0.19);
        latent_sound_onsets(sound, 10, few);
        assert_true(few[4] > 0 || few[5] > 0);
        assert_true(few[8] == 0);
        latent_sound_free(sound);
    }
}

static void test_each(void **state)
{
    latent_ear_settings s = settings();
    latent_error e;
    latent_sound *sound;
    const int rms = 20 + 12;
    const float *frame;
    (void)state;
    s.follow.normalise = 0;
    assert_int_equal(write_file(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 2), 0);
    sound = read_sound(&s, 1, &e);
    assert_non_null(sound);
    frame = latent_sound_frame(sound, 20);
    assert_int_equal(sound->settings.voices, 2);
    assert_true(fabs(frame[rms] / frame[sound->count + rms] - 2) < 1e-4);
    latent_sound_free(sound);
}

static void put_file(const uint8_t *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void test_refusals(void **state)
{
    latent_ear_settings s = settings();
    latent_error e;
    atomic_int cancel = 0, permille = 0;
    float bad[64];
    SF_INFO info = {.samplerate = RATE, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE *f;
    latent_sound *sound;
    (void)state;
    put_file((const uint8_t *)"no sound", 8);
    assert_null(read_sound(&s, 0, &e));
    assert_non_null(strstr(e.text, "is text"));
    put_file((const uint8_t *)"", 0);
    assert_null(read_sound(&s, 0, &e));
    assert_null(latent_sound_read("/", &s, 0, &cancel, &permille, &e));
    assert_non_null(strstr(e.text, "is no file"));
    assert_null(latent_sound_read("/nowhere/at/all.wav", &s, 0, &cancel, &permille, &e));
    f = sf_open(path, SFM_WRITE, &info);
    sf_close(f); /* a file without a sample */
    assert_null(read_sound(&s, 0, &e));
    assert_non_null(strstr(e.text, "no sound in the file"));
    f = sf_open(path, SFM_WRITE, &info);
    for (int i = 0; i < 64; i++)
        bad[i] = i % 3 ? NAN : (i % 2 ? INFINITY : 3e38f);
    for (int i = 0; i < 100; i++)
        sf_writef_float(f, bad, 64);
    sf_close(f); /* NaN or infinity */
    sound = read_sound(&s, 0, &e);
    assert_non_null(sound);
    assert_int_equal(sound->spoiled, 6400);
    for (long i = 0; i < sound->n_frames * sound->count; i++)
        assert_true(sound->frames[i] >= 0 && sound->frames[i] <= 1);
    latent_sound_free(sound);
    cancel = 1;
    assert_null(latent_sound_read(path, &s, 0, &cancel, &permille, &e));
}

/* ---- damage */

static uint32_t below(uint32_t n)
{
    return latent_random_below(&dice, n);
}

static void damage(uint8_t *b, size_t *n)
{
    size_t head = *n < 200 ? *n : 200;
    switch (below(5)) {
    case 0: /* cut */
        *n = 1 + below((uint32_t)*n);
        break;
    case 1: /* bits of the head */
        for (uint32_t i = 1 + below(8); i; i--)
            b[below((uint32_t)head)] ^= (uint8_t)(1u << below(8));
        break;
    case 2: /* bytes anywhere */
        for (uint32_t i = 1 + below(40); i; i--)
            b[below((uint32_t)*n)] = (uint8_t)below(256);
        break;
    case 3: /* sizes that lie */
        for (uint32_t at = below((uint32_t)head), i = 0; i < 4 && at < head; i++, at++)
            b[at] = (uint8_t[]){0xff, 0x00, 0x7f, 0x80}[below(4)];
        break;
    default: /* a piece laid over another place */
        for (uint32_t from = below((uint32_t)*n), to = below((uint32_t)*n), i = below(300);
             i && from < *n && to < *n; i--)
            b[to++] = b[from++];
    }
}

/* LATENT_DAMAGE says how many; the same number is always the same file. */
static void test_damage(void **state)
{
    static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16,
                                  SF_FORMAT_AIFF | SF_FORMAT_PCM_16,
                                  SF_FORMAT_AU | SF_FORMAT_ULAW,
                                  SF_FORMAT_CAF | SF_FORMAT_ALAC_16,
                                  SF_FORMAT_W64 | SF_FORMAT_PCM_16,
                                  SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
                                  SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                                  SF_FORMAT_OGG | SF_FORMAT_OPUS,
                                  SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III,
                                  SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM,
                                  SF_FORMAT_NIST | SF_FORMAT_PCM_16,
                                  SF_FORMAT_VOC | SF_FORMAT_PCM_16};
    enum { N = sizeof(formats) / sizeof(*formats) };
    static uint8_t right[N][120000], b[120000];
    size_t sizes[N];
    const char *many = getenv("LATENT_DAMAGE");
    int count = many ? atoi(many) : 5000, refused = 0, stderr_before;
    latent_ear_settings s = settings();
    double longest = 0;
    (void)state;
    s.rate = 30;
    s.hop = 1024;
    for (int i = 0; i < N; i++) {
        FILE *f;
        sizes[i] = 0;
        if (write_file(formats[i], 1))
            continue;
        f = fopen(path, "rb");
        sizes[i] = fread(right[i], 1, sizeof(right[i]), f);
        fclose(f);
    }
    /* libmpg123 has a lot to say about damage */
    fflush(stderr);
    stderr_before = dup(2);
    assert_true(stderr_before >= 0 && freopen("/dev/null", "w", stderr));
    latent_random_seed(&dice, 11);
    for (int i = 0; i < count; i++) {
        int which = i % N;
        size_t n = sizes[which];
        latent_error e = {""};
        latent_sound *sound;
        struct timespec a, z;
        double took;
        if (!n)
            continue;
        memcpy(b, right[which], n);
        for (uint32_t k = 1 + below(3); k; k--)
            damage(b, &n);
        put_file(b, n);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        sound = read_sound(&s, 0, &e);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &z);
        took = (double)(z.tv_sec - a.tv_sec) + 1e-9 * (double)(z.tv_nsec - a.tv_nsec);
        longest = fmax(longest, took);
        if (!sound) {
            refused++;
            assert_true(*e.text);
        }
        latent_sound_free(sound);
        latent_deferred_free_all();
    }
    fflush(stderr);
    dup2(stderr_before, 2);
    close(stderr_before);
    print_message("%d damaged files: %d refused, the others read; %.0f ms the longest\n", count,
                  refused, longest * 1000);
    assert_true(longest < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats), cmocka_unit_test(test_others),
        cmocka_unit_test(test_short),   cmocka_unit_test(test_asking),
        cmocka_unit_test(test_each),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
