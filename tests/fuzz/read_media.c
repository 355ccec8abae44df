/* read_media: readers of pictures, films and sounds for the fuzzers.  See readers.h. */
#include "engine/media/film.h"
#include "engine/media/film_reader.h"
#include "engine/media/metadata.h"
#include "engine/media/palette.h"
#include "engine/media/picture.h"
#include "engine/media/track.h"
#include "engine/sound/soundfile.h"
#include "readers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void use(latent_tensor *t, int channels, const latent_error *e)
{
    if (!t) {
        fuzz_refused(e);
        return;
    }
    fuzz_check(t->shape.n == 1 && t->shape.c == channels && t->shape.h > 0 && t->shape.w > 0);
    for (size_t i = 0; i < t->count; i++)
        fuzz_check(t->data[i] >= -1.0001f && t->data[i] <= 1.0001f);
    latent_tensor_release(t);
    latent_tensor_trim(0);
}

void fuzz_pictures(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("picture", data, size);
    latent_error e = {""};
    int channels = size % 3 ? size % 3 == 1 ? 3 : 4 : 1;
    latent_tensor *t = latent_picture_read(path, channels, NULL, &e);
    use(t, channels, &e);
}

void fuzz_films(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("film", data, size);
    latent_error e = {""};
    atomic_int permille = 0;
    latent_film_reader *r;
    if (latent_film_reader_open(path, NULL, &permille, &r, &e))
        fuzz_refused(&e);
    else if (r) {
        latent_film_reader_info about = latent_film_reader_about(r);
        int frames[] = {0, about.frames - 1, about.frames / 2, about.frames / 2 + 1};
        fuzz_check(about.frames > 0 && isfinite(about.fps) && isfinite(about.ms));
        for (size_t i = 0; i < 4; i++) {
            int n = frames[i] < about.frames ? frames[i] : 0;
            double ms = latent_film_reader_ms(r, n);
            fuzz_check(isfinite(ms) && latent_film_reader_at(r, ms) >= 0 &&
                       latent_film_reader_at(r, ms) < about.frames);
            use(latent_film_reader_frame(r, n, 3, NULL, &e), 3, &e);
        }
        latent_film_reader_release(r);
    }
}

void fuzz_notes(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("picture.png", data, size);
    latent_error e = {""};
    latent_metadata n, again;
    uint8_t *chunks;
    size_t n_chunks;
    static const uint8_t pixel[3];
    if (latent_metadata_read(path, &n, &e))
        fuzz_refused(&e);
    fuzz_check(memchr(n.patch, 0, sizeof(n.patch)) != NULL);
    for (size_t i = 0; i < (size_t)n.origin.rows * (size_t)n.origin.w_dim; i++)
        fuzz_check(isfinite(n.origin.w[i]));
    /* what was read can be written, and reads the same */
    if (latent_metadata_chunks(&n, &chunks, &n_chunks, &e))
        fuzz_refused(&e);
    else {
        path = fuzz_file("again.png", data, 0);
        fuzz_check(!latent_picture_write_with(path, pixel, 1, 1, 3, chunks, n_chunks, &e));
        fuzz_check(!latent_metadata_read(path, &again, &e));
        fuzz_check(!strcmp(again.patch, n.patch) && again.has_seed == n.has_seed &&
                   again.origin.rows == n.origin.rows && again.origin.w_dim == n.origin.w_dim);
        latent_metadata_free(&again);
        free(chunks);
    }
    latent_metadata_free(&n);
}

void fuzz_tracks(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("sound", data, size);
    latent_error e = {""};
    latent_track *t = latent_track_open(path, &e);
    AVFrame *f;
    if (!t) {
        fuzz_refused(&e);
        return;
    }
    fuzz_check(latent_track_rate(t) > 0 && latent_track_channels(t) > 0);
    f = av_frame_alloc();
    if (latent_track_as(t, 48000, 2, AV_SAMPLE_FMT_FLTP, &e))
        fuzz_refused(&e);
    else {
        f->nb_samples = 1024;
        f->format = AV_SAMPLE_FMT_FLTP;
        f->sample_rate = 48000;
        av_channel_layout_default(&f->ch_layout, 2);
        fuzz_check(!av_frame_get_buffer(f, 0));
        for (int i = 0; i < 20; i++)
            if (latent_track_fill(t, f, &e)) {
                fuzz_refused(&e);
                break;
            }
    }
    av_frame_free(&f);
    latent_track_close(t);
}

void fuzz_sounds(const uint8_t *data, size_t size)
{
    const latent_ear_settings s = {.sample_rate = 48000,
                                   .window = 256,
                                   .hop = 128,
                                   .bands = 4,
                                   .low = 30,
                                   .high = 16000,
                                   .rate = size % 2 ? 25 : 0,
                                   .follow = {0, 100, 1, 0, 4}};
    const char *path = fuzz_file("sound", data, size);
    latent_error e = {""};
    atomic_int no = 0, permille = 0;
    latent_sound *sound = latent_sound_read(path, &s, size % 4 > 1, &no, &permille, &e);
    float line[16];
    if (!sound) {
        fuzz_refused(&e);
        return;
    }
    fuzz_check(sound->n_frames >= 0 && sound->channels > 0);
    for (long i = 0; i < sound->n_frames; i += sound->n_frames / 8 + 1) {
        const float *f = latent_sound_frame(sound, i);
        for (int k = 0; k < sound->count; k++)
            fuzz_check(isfinite(f[k]));
        latent_sound_onset_in(sound, i);
    }
    for (long i = 0; i < sound->n_onsets; i++)
        fuzz_check(isfinite(latent_sound_onset_ms(sound, i)));
    latent_sound_waveform(sound, 16, line);
    latent_sound_onsets(sound, 16, line);
    latent_sound_free(sound);
}

/* A picture of 16 pixels a row. */
void fuzz_palettes(const uint8_t *data, size_t size)
{
    uint32_t palette[256];
    uint8_t index[1 << 12];
    latent_error e = {""};
    int h = (int)(size / 48), colours;
    if (!h)
        return;
    colours = 2 + data[0] % 255;
    fuzz_check(!latent_palette_reduce(data, h, 16, colours, index, 16, palette, &e));
    for (int i = 0; i < h * 16; i++)
        fuzz_check(index[i] < colours);
}
