/* trainer_files: the whole state of a training of trainer.h in one file, and back */
#include "old_checkpoint.h"
#include "trainer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char text[32];
} number;

static void shape_text(char *text, size_t room, const int *channels, int blocks)
{
    size_t used = 0;
    for (int i = 0; i < blocks && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, i ? " %d" : "%d", channels[i]);
}

#define NUMBERS 31
/* What a checkpoint says beside the tensors; names and values in the same order. */
typedef struct {
    const char *name;
    double *real; /* one of these */
    float *single;
    int *whole;
    uint64_t *count;
    int late; /* checkpoints of before there was one do not have it */
} field;

static int fields(latent_trainer *t, latent_generator_shape *g, latent_discriminator_shape *d,
                  field *f)
{
    latent_train_settings *s = &t->settings;
    field all[NUMBERS] = {
        {.name = "batch", .whole = &s->batch},
        {.name = "seed", .count = &s->seed},
        {.name = "rate_g", .single = &s->rate_g},
        {.name = "rate_d", .single = &s->rate_d},
        {.name = "r1", .single = &s->r1},
        {.name = "r1_every", .whole = &s->r1_every},
        {.name = "r1_step", .single = &s->r1_step},
        {.name = "half_life", .single = &s->half_life},
        {.name = "ramp", .single = &s->ramp},
        {.name = "mixing", .single = &s->mixing},
        {.name = "path", .single = &s->path, .late = 1},
        {.name = "path_every", .whole = &s->path_every, .late = 1},
        {.name = "path_length", .single = &t->path, .late = 1},
        {.name = "freeze", .whole = &s->freeze},
        {.name = "images", .count = &t->images},
        {.name = "train_steps", .count = &t->steps},
        {.name = "bad", .whole = &t->bad},
        {.name = "z", .whole = &g->z},
        {.name = "w", .whole = &g->w},
        {.name = "mapping", .whole = &g->mapping},
        {.name = "noise", .whole = &g->noise},
        {.name = "clamp", .single = &g->clamp},
        {.name = "mapping_rate", .single = &g->rate, .late = 1},
        {.name = "group", .whole = &d->group, .late = 1},
        {.name = "pack", .whole = &d->pack, .late = 1},
        {.name = "seen", .whole = &d->seen, .late = 1},
        {.name = "augment", .single = &s->augment, .late = 1},
        {.name = "augment_target", .single = &s->augment_target, .late = 1},
        {.name = "augment_pace", .single = &s->augment_pace, .late = 1},
        {.name = "augmented", .single = &t->augmented, .late = 1},
        {.name = "signs", .single = &t->signs, .late = 1},
    };
    int n = 0;
    while (n < NUMBERS && all[n].name)
        n++;
    memcpy(f, all, sizeof(all));
    return n;
}

#define PARTS                                                                                      \
    {                                                                                              \
        {"G.", &t->g.p},                                                                           \
        {                                                                                          \
            "D.", &t->d.p                                                                          \
        }                                                                                          \
    }

int latent_trainer_save(latent_trainer *t, const char *path, latent_error *e)
{
    const latent_checkpoint_part parts[2] = PARTS;
    field f[NUMBERS];
    int n = fields(t, &t->g.shape, &t->d.shape, f);
    number text[NUMBERS];
    char channels[2][100];
    latent_meta_out meta[NUMBERS + 4];
    for (int i = 0; i < n; i++) {
        if (f[i].count)
            snprintf(text[i].text, sizeof(text[i].text), "%llu", (unsigned long long)*f[i].count);
        else if (f[i].whole)
            snprintf(text[i].text, sizeof(text[i].text), "%d", *f[i].whole);
        else
            snprintf(text[i].text, sizeof(text[i].text), "%.9g", (double)*f[i].single);
        meta[i] = (latent_meta_out){f[i].name, text[i].text};
    }
    shape_text(channels[0], sizeof(channels[0]), t->g.shape.channels, t->g.shape.blocks);
    shape_text(channels[1], sizeof(channels[1]), t->d.shape.channels, t->d.shape.blocks);
    meta[n++] = (latent_meta_out){"latent", "training of stylegan2"};
    meta[n++] = (latent_meta_out){"order", "as in models"}; /* not that of old_checkpoint.h */
    meta[n++] = (latent_meta_out){"channels_g", channels[0]};
    meta[n++] = (latent_meta_out){"channels_d", channels[1]};
    return latent_checkpoint_write(path, parts, 2, meta, (size_t)n, e);
}

static int read_fields(latent_weights *w, const field *f, int n, latent_error *e)
{
    for (int i = 0; i < n; i++) {
        const char *text = latent_weights_text(w, f[i].name);
        if (!text && f[i].late)
            continue;
        if (!text)
            return latent_fail(e, "this is no checkpoint of a training: it does not say %s",
                               f[i].name);
        if (f[i].count)
            *f[i].count = strtoull(text, NULL, 10);
        else if (f[i].whole)
            *f[i].whole = atoi(text);
        else
            *f[i].single = strtof(text, NULL);
    }
    return 0;
}

static int read_channels(latent_weights *w, const char *name, int *channels, int *blocks,
                         latent_error *e)
{
    const char *text = latent_weights_text(w, name);
    char *end;
    *blocks = 0;
    while (text && *blocks < LATENT_BLOCKS) {
        long c = strtol(text, &end, 10);
        if (end == text)
            break;
        channels[(*blocks)++] = c > 0 && c < 1 << 20 ? (int)c : 0;
        text = end;
    }
    return *blocks
               ? 0
               : latent_fail(e, "this is no checkpoint of a training: it does not say %s", name);
}

int latent_trainer_open(latent_trainer *t, const char *path, latent_error *e)
{
    latent_weights *w = latent_weights_open(path, e);
    latent_trainer said;
    latent_generator_shape g;
    latent_discriminator_shape d;
    field f[NUMBERS];
    int n, failed;
    memset(t, 0, sizeof(*t));
    if (!w)
        return -1;
    memset(&said, 0, sizeof(said));
    said.settings = latent_train_defaults();
    memset(&g, 0, sizeof(g));
    memset(&d, 0, sizeof(d));
    d.group = 16;
    d.pack = 1;
    n = fields(&said, &g, &d, f);
    failed = read_fields(w, f, n, e) || read_channels(w, "channels_g", g.channels, &g.blocks, e) ||
             read_channels(w, "channels_d", d.channels, &d.blocks, e);
    d.clamp = g.clamp;
    if (!failed && (said.settings.r1_every < 1 || said.settings.path_every < 1))
        failed = latent_fail(e, "the checkpoint's terms come every %d and %d steps; 1 is the least",
                             said.settings.r1_every, said.settings.path_every);
    if (!failed)
        failed = latent_trainer_init(t, &said.settings, &g, &d, e);
    if (!failed) {
        const latent_checkpoint_part parts[2] = PARTS;
        failed = latent_weights_text(w, "order") ? latent_checkpoint_read(w, parts, 2, e)
                                                 : latent_old_checkpoint_read(w, parts, 2, e);
        t->images = said.images;
        t->steps = said.steps;
        t->bad = said.bad;
        t->path = said.path;
        t->augmented = said.augmented;
        t->signs = said.signs;
        latent_discriminator_freeze(&t->d, t->settings.freeze);
        if (failed)
            latent_trainer_free(t);
    }
    latent_weights_close(w);
    return failed ? -1 : 0;
}
