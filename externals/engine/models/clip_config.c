/* clip_config: see clip_config.h */
#include "clip_config.h"
#include "../text/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST ((size_t)1 << 18)

typedef struct {
    latent_json j;
    const char *name; /* of the file */
    latent_error *e;
    int told; /* a sentence has been written */
} reader;

/* Reads one member's value, or passes over it. */
typedef int (*member)(reader *r, const char *key, void *to);

static int read_object(reader *r, member read, void *to)
{
    char key[64];
    int n = 0, more;
    if (latent_json_enter(&r->j, '{'))
        return -1;
    while ((more = latent_json_next(&r->j, '{', &n, key, sizeof(key))) > 0)
        if (read(r, key, to))
            return -1;
    return more;
}

/* A whole number above 0; anything else is passed over. */
static int read_count(reader *r, int *to)
{
    double v;
    char c = latent_json_peek(&r->j);
    if (c < '0' || c > '9')
        return latent_json_skip(&r->j);
    if (latent_json_number(&r->j, &v))
        return -1;
    if (v >= 1 && v <= 65536 && v == floor(v))
        *to = (int)v;
    return 0;
}

/* The activation's name, as Hugging Face has it. */
static int read_activation(reader *r, int *quick)
{
    char word[40];
    if (latent_json_peek(&r->j) != '"')
        return latent_json_skip(&r->j);
    if (latent_json_string(&r->j, word, sizeof(word)) < 0)
        return -1;
    *quick = !strcmp(word, "quick_gelu");
    if (*quick || !strcmp(word, "gelu") || !strcmp(word, "gelu_python"))
        return 0;
    r->told = 1;
    return latent_fail(r->e, "%s says that the blocks use %s; only gelu and quick_gelu are known",
                       r->name, word);
}

static int read_three(reader *r, float *to)
{
    float three[3] = {0};
    double v;
    int n = 0, count = 0, more;
    if (latent_json_peek(&r->j) != '[')
        return latent_json_skip(&r->j);
    latent_json_enter(&r->j, '[');
    while ((more = latent_json_next(&r->j, '[', &n, NULL, 0)) > 0) {
        if (latent_json_number(&r->j, &v))
            return -1;
        if (count < 3 && v >= 0 && v <= 1)
            three[count] = (float)v;
        count++;
    }
    if (count == 3)
        memcpy(to, three, sizeof(three));
    return more;
}

static void take_heads(latent_clip_tower_config *t, int heads)
{
    if (heads > 0 && heads <= t->width && t->width % heads == 0)
        t->heads = heads;
}

static int tower_member(reader *r, const char *key, void *to)
{
    latent_clip_tower_config *t = to;
    int n = 0, each = !strcmp(key, "head_width");
    if (!strcmp(key, "hidden_act"))
        return read_activation(r, &t->quick);
    if (!each && strcmp(key, "num_attention_heads") && strcmp(key, "heads"))
        return latent_json_skip(&r->j);
    if (read_count(r, &n))
        return -1;
    take_heads(t, each ? n && t->width % n == 0 ? t->width / n : 0 : n);
    return 0;
}

static int hugging_face_member(reader *r, const char *key, void *to)
{
    latent_clip_config *c = to;
    int is_object = latent_json_peek(&r->j) == '{'; /* it may be null */
    if (is_object && (!strcmp(key, "vision_config") || !strcmp(key, "vision_config_dict")))
        return read_object(r, tower_member, &c->picture);
    if (is_object && (!strcmp(key, "text_config") || !strcmp(key, "text_config_dict")))
        return read_object(r, tower_member, &c->text);
    return latent_json_skip(&r->j);
}

static int pixels_member(reader *r, const char *key, void *to)
{
    latent_clip_config *c = to;
    if (!strcmp(key, "image_mean") || !strcmp(key, "mean"))
        return read_three(r, c->mean);
    if (!strcmp(key, "image_std") || !strcmp(key, "std"))
        return read_three(r, c->deviation);
    return latent_json_skip(&r->j);
}

/* Unless it says quick_gelu the blocks of such a model use the exact one. */
static int open_clip_member(reader *r, const char *key, void *to)
{
    latent_clip_config *c = to;
    int is_object = latent_json_peek(&r->j) == '{';
    if (!strcmp(key, "quick_gelu")) {
        c->picture.quick = c->text.quick = latent_json_peek(&r->j) == 't';
        return latent_json_skip(&r->j);
    }
    if (is_object && !strcmp(key, "model_cfg"))
        return read_object(r, open_clip_member, c);
    if (is_object && !strcmp(key, "preprocess_cfg"))
        return read_object(r, pixels_member, c);
    if (is_object && !strcmp(key, "vision_cfg"))
        return read_object(r, tower_member, &c->picture);
    if (is_object && !strcmp(key, "text_cfg"))
        return read_object(r, tower_member, &c->text);
    return latent_json_skip(&r->j);
}

/* 1 when the file is there; to is changed only when all of it was understood. */
static int read_file(latent_clip_config *c, const char *folder, const char *name, member read,
                     latent_error *e)
{
    char path[4200];
    latent_clip_config changed = *c;
    reader r = {.name = name, .e = e};
    char *text;
    size_t size;
    FILE *f;
    int failed;
    snprintf(path, sizeof(path), "%s%s", folder, name);
    if (!(f = fopen(path, "rb")))
        return 0;
    if (!(text = malloc(LONGEST))) {
        fclose(f);
        return latent_fail(e, "no memory to read %s", name);
    }
    size = fread(text, 1, LONGEST, f);
    fclose(f);
    r.j = (latent_json){text, text + size};
    failed = read_object(&r, read, &changed);
    free(text);
    if (!failed) {
        for (int k = 0; k < 3; k++)
            if (!(changed.deviation[k] > 0))
                changed.deviation[k] = c->deviation[k];
        *c = changed;
        return 1;
    }
    return r.told ? -1
                  : latent_fail(e,
                                "%s, beside the model, is damaged: fetch it again, or take it "
                                "away",
                                name);
}

int latent_clip_config_hugging_face(latent_clip_config *c, const char *folder, latent_error *e)
{
    return read_file(c, folder, "config.json", hugging_face_member, e) < 0 ||
                   read_file(c, folder, "preprocessor_config.json", pixels_member, e) < 0
               ? -1
               : 0;
}

int latent_clip_config_open_clip(latent_clip_config *c, const char *folder, latent_error *e)
{
    latent_clip_config exact = *c;
    int found;
    exact.picture.quick = exact.text.quick = 0;
    found = read_file(&exact, folder, "open_clip_config.json", open_clip_member, e);
    if (found > 0)
        *c = exact;
    return found < 0 ? -1 : 0;
}
