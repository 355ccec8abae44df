/* variants: makes thousands of networks out of right ones by what they consist of, and plays each.
   A tensor is missing, has another shape, kind of numbers, stride or offset, holds numbers that are
   none, is called otherwise or comes twice; a size is another one everywhere; a setting is of
   another type.  What must hold for all: a sentence, or a network that plays and is written and
   read again; nothing crashes (build it with sanitizers), and neither takes long nor much memory.

   variants [-n how many] [-s seed] [-o only this one] [-k folder: keep that one's file there]

   Variant number i is always the same for the same seed.  A network to begin with is a line of the
   table bases, a kind of file one of the table formats. */
#include "engine/base/deferred_free.h"
#include "engine/base/parallel.h"
#include "engine/base/seconds.h"
#include "engine/models/model.h"
#include "helper_files.h"
#include "make.h"
#include "readers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_TENSORS 400
#define MOST_SETTINGS 100
#define MOST_NUMBERS 200000 /* that a variant's tensor really has */
#define LONGEST 10.0        /* seconds, in the slowest of builds */
#define MOST_MEMORY 2048    /* MB */

/* ---- a network in parts */

typedef struct {
    char name[160];
    latent_dtype dtype;
    int rank;
    int64_t dim[LATENT_MAX_RANK + 2], stride[LATENT_MAX_RANK + 2];
    int64_t offset; /* in its storage, in numbers */
    size_t count;   /* of numbers that are there */
    float *data;
} part;

/* How a setting stands in a file that has types. */
typedef enum { AS_TEXT, AS_NUMBER, AS_NONE, AS_LIST, AS_DICT, AS_BYTES, TYPES } type;

typedef struct {
    char key[80], text[80];
    type as;
} told;

typedef struct {
    part part[MOST_TENSORS];
    size_t n;
    told told[MOST_SETTINGS];
    size_t n_told;
} parts;

/* ---- chance */

static uint64_t state;

static uint32_t chance(void)
{
    /* splitmix64 (Steele, Lea and Flood 2014) */
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(z >> 32);
}

static size_t below(size_t n)
{
    return n ? chance() % n : 0;
}

/* ---- files */

static const struct {
    const char *safetensors, *storage;
    size_t size;
} kinds[] = {
    [LATENT_F32] = {"F32", "FloatStorage", 4},      [LATENT_F16] = {"F16", "HalfStorage", 2},
    [LATENT_BF16] = {"BF16", "BFloat16Storage", 2}, [LATENT_F64] = {"F64", "DoubleStorage", 8},
    [LATENT_I64] = {"I64", "LongStorage", 8},       [LATENT_I32] = {"I32", "IntStorage", 4},
    [LATENT_I16] = {"I16", "ShortStorage", 2},      [LATENT_I8] = {"I8", "CharStorage", 1},
    [LATENT_U8] = {"U8", "ByteStorage", 1},         [LATENT_BOOL] = {"BOOL", "BoolStorage", 1},
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

static int64_t whole(float x)
{
    return x > -1e9f && x < 1e9f ? (int64_t)x : 0;
}

static void put_part(bytes *b, const part *p)
{
    for (size_t i = 0; i < p->count; i++) {
        float x = p->data[i];
        double wide = (double)x;
        uint64_t bits = 0;
        if (p->dtype == LATENT_F32 || p->dtype == LATENT_BF16) {
            memcpy(&bits, &x, 4);
            bits >>= p->dtype == LATENT_BF16 ? 16 : 0;
        } else if (p->dtype == LATENT_F16)
            bits = latent_half_from_float(x);
        else if (p->dtype == LATENT_F64)
            memcpy(&bits, &wide, 8);
        else
            bits = (uint64_t)whole(x);
        for (size_t k = 0; k < kinds[p->dtype].size; k++) {
            uint8_t byte = (uint8_t)(bits >> 8 * k);
            put(b, &byte, 1);
        }
    }
}

/* Text in JSON; other bytes as they are. */
static void put_quoted(bytes *b, const char *text)
{
    put_text(b, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put_text(b, "\\");
        put(b, text, 1);
    }
    put_text(b, "\"");
}

static void put_decimal(bytes *b, int64_t n)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)n);
    put_text(b, text);
}

static bytes as_safetensors(const parts *p)
{
    bytes head = {0}, data = {0}, all = {0};
    put_text(&head, "{");
    for (size_t i = 0; i < p->n_told; i++) {
        put_text(&head, i ? "," : "\"__metadata__\":{");
        put_quoted(&head, p->told[i].key);
        put_text(&head, ":");
        put_quoted(&head, p->told[i].text);
    }
    put_text(&head, p->n_told ? "}" : "");
    for (size_t i = 0; i < p->n; i++) {
        const part *t = &p->part[i];
        /* an offset is told only where it is not as it should be */
        int64_t from = (int64_t)(data.size + (uint64_t)t->offset);
        put_text(&head, i || p->n_told ? "," : "");
        put_quoted(&head, t->name);
        put_text(&head, ":{\"dtype\":\"");
        put_text(&head, kinds[t->dtype].safetensors);
        put_text(&head, "\",\"shape\":[");
        for (int k = 0; k < t->rank; k++) {
            put_text(&head, k ? "," : "");
            put_decimal(&head, t->dim[k]);
        }
        put_text(&head, "],\"data_offsets\":[");
        put_part(&data, t);
        put_decimal(&head, from);
        put_text(&head, ",");
        put_decimal(&head, (int64_t)(data.size + (uint64_t)t->offset));
        put_text(&head, "]}");
    }
    put_text(&head, "}");
    put_u64(&all, head.size);
    put(&all, head.data, head.size);
    put(&all, data.data, data.size);
    bytes_free(&head);
    bytes_free(&data);
    return all;
}

static void put_told(bytes *b, const told *s)
{
    const bytes content = {(uint8_t *)(size_t)s->text, strlen(s->text), 0};
    pickle_text(b, s->key);
    if (s->as == AS_NUMBER)
        pickle_real(b, strtod(s->text, NULL));
    else if (s->as == AS_LIST || s->as == AS_DICT)
        put_text(b, s->as == AS_LIST ? "]" : "}");
    else if (s->as == AS_BYTES)
        pickle_bytes(b, &content);
    else if (s->as == AS_NONE)
        put_text(b, "N");
    else
        pickle_text(b, s->text);
}

/* How the pieces of a dict find their numbers: in members of an archive, or in the stream. */
static void put_dict(bytes *b, const parts *p, zip_writer *archive, int latin)
{
    put_text(b, "}(");
    for (size_t i = 0; i < p->n_told; i++)
        put_told(b, &p->told[i]);
    for (size_t i = 0; i < p->n; i++) {
        const part *t = &p->part[i];
        const char *class = kinds[t->dtype].storage;
        bytes numbers = {0};
        char key[32];
        put_part(&numbers, t);
        pickle_text(b, t->name);
        tensor_begin(b);
        snprintf(key, sizeof(key), "%zu", i);
        if (archive)
            storage_id(b, class, key, (int64_t)t->count);
        else
            storage_embedded(b, class, (int64_t)t->count, &numbers, latin);
        tensor_end(b, t->offset, t->rank, t->dim, t->stride);
        if (archive) {
            snprintf(key, sizeof(key), "net/data/%zu", i);
            zip_member(archive, key, &numbers);
        }
        bytes_free(&numbers);
    }
    put_text(b, "u");
}

static bytes as_zip(const parts *p)
{
    zip_writer z = {0};
    bytes pickle = {0};
    pickle_begin(&pickle, 2);
    put_dict(&pickle, p, &z, 0);
    put_text(&pickle, ".");
    zip_member(&z, "net/data.pkl", &pickle);
    zip_end(&z);
    bytes_free(&pickle);
    return z.file;
}

/* As NVIDIA's programs do it: {"G_ema": a record whose state is the network}. */
static bytes as_record(const parts *p, int latin)
{
    bytes b = {0};
    pickle_begin(&b, latin ? 2 : 3);
    put_text(&b, "}");
    pickle_text(&b, "G_ema");
    pickle_global(&b, "torch_utils.persistence", "_reconstruct_persistent_obj");
    put_text(&b, "(}(");
    pickle_text(&b, "class_name");
    pickle_text(&b, "Generator");
    pickle_text(&b, "state");
    put_dict(&b, p, NULL, latin);
    put_text(&b, "utRs.");
    return b;
}

static bytes as_pickle(const parts *p)
{
    return as_record(p, 0);
}

/* Without byte strings. */
static bytes as_old_pickle(const parts *p)
{
    return as_record(p, 1);
}

/* Each tensor is a view of one storage for all. */
static bytes as_legacy(const parts *p)
{
    bytes object = {0}, numbers = {0}, b = {0};
    int64_t at = 0, count = 0;
    for (size_t i = 0; i < p->n; i++)
        count += (int64_t)p->part[i].count;
    put_text(&object, "}(");
    for (size_t i = 0; i < p->n_told; i++)
        put_told(&object, &p->told[i]);
    for (size_t i = 0; i < p->n; i++) {
        part t = p->part[i];
        t.dtype = LATENT_F32;
        put_part(&numbers, &t);
        pickle_text(&object, t.name);
        tensor_begin(&object);
        storage_id(&object, "FloatStorage", "0", count);
        tensor_end(&object, (int64_t)((uint64_t)at + (uint64_t)t.offset), t.rank, t.dim, t.stride);
        at += (int64_t)t.count;
    }
    put_text(&object, "u");
    legacy_stream(&b, &object, count, &numbers);
    bytes_free(&object);
    bytes_free(&numbers);
    return b;
}

static const struct {
    const char *name;
    bytes (*write)(const parts *p);
} formats[] = {
    {"net.safetensors", as_safetensors}, {"net.pt", as_zip},     {"net.pkl", as_pickle},
    {"old.pkl", as_old_pickle},          {"net.pth", as_legacy},
};
#define N_FORMATS (sizeof(formats) / sizeof(*formats))

/* ---- what to begin with */

static int make_skip(const char *path, latent_error *e)
{
    return fuzz_make_generator(path, 0, e);
}
static int make_resnet(const char *path, latent_error *e)
{
    return fuzz_make_generator(path, 1, e);
}
static int make_orig(const char *path, latent_error *e)
{
    return fuzz_make_generator(path, 2, e);
}
static int make_clip(const char *path, latent_error *e)
{
    return fuzz_make_clip(path, 0, e);
}
static int make_hugging_face(const char *path, latent_error *e)
{
    return fuzz_make_clip(path, 1, e);
}

static const struct {
    const char *name;
    int (*make)(const char *path, latent_error *e);
    fuzz_reader read;
} bases[] = {
    {"generator", make_skip, fuzz_models},
    {"generator of the kind resnet", make_resnet, fuzz_models},
    {"generator of the kind orig", make_orig, fuzz_models},
    {"generator of rosinality", fuzz_make_rosinality, fuzz_models},
    {"generator of TensorFlow", fuzz_make_tensorflow, fuzz_models},
    {"clip", make_clip, fuzz_models},
    {"clip of Hugging Face", make_hugging_face, fuzz_models},
    {"clip-tiny", fuzz_make_tiny, fuzz_models},
    {"training of a generator", fuzz_make_training, fuzz_trainings},
    {"training of a clip-tiny", fuzz_make_tiny_training, fuzz_trainings},
    {"diffusion-tiny", fuzz_make_diffusion, fuzz_models},
    {"training of a diffusion-tiny", fuzz_make_diffusion_training, fuzz_trainings},
};
#define N_BASES (sizeof(bases) / sizeof(*bases))

/* Settings that any of them has. */
static const char *const keys[] = {
    "architecture", "tokeniser",     "resolution", "stem",       "stages",      "width",
    "blocks",       "embedding",     "rows",       "text_width", "text_layers", "text_hidden",
    "context",      "lr_multiplier", "conv_clamp", "hidden_act", "latent",      "training",
    "batch",        "seed",          "rate_g",     "rate_d",     "r1",          "r1_every",
    "half_life",    "ramp",          "mixing",     "path",       "path_every",  "images",
    "train_steps",  "bad",           "z",          "w",          "mapping",     "noise",
    "clamp",        "channels_g",    "channels_d", "steps",      "shuffle",     "levels",
    "heads",        "waves",         "words",      "mean",       "deviation",   "channels",
    "kept",
};

static void fill_stride(part *t)
{
    int64_t step = 1;
    for (int k = t->rank - 1; k >= 0; k--) {
        t->stride[k] = step;
        if (__builtin_mul_overflow(step, t->dim[k], &step))
            step = 0;
    }
}

static void take_setting(parts *p, const latent_weights *w, const char *key)
{
    const char *text = latent_weights_text(w, key);
    told *s = &p->told[p->n_told];
    if (!text || p->n_told == MOST_SETTINGS)
        return;
    snprintf(s->key, sizeof(s->key), "%s", key);
    snprintf(s->text, sizeof(s->text), "%s", text);
    s->as = AS_TEXT;
    p->n_told++;
}

static int take_apart(parts *p, size_t base, latent_error *e)
{
    const char *path = fuzz_file("base.safetensors", (const uint8_t *)"", 0);
    latent_weights *w = bases[base].make(path, e) ? NULL : latent_weights_open(path, e);
    if (!w)
        return -1;
    p->n = p->n_told = 0;
    for (size_t i = 0; i < latent_weights_count(w) && p->n < MOST_TENSORS; i++) {
        const latent_entry *from = latent_weights_at(w, i);
        part *t = &p->part[p->n++];
        memset(t, 0, sizeof(*t));
        snprintf(t->name, sizeof(t->name), "%s", from->name);
        t->dtype = from->dtype;
        t->rank = from->rank;
        memcpy(t->dim, from->dim, sizeof(from->dim));
        fill_stride(t);
        t->count = (size_t)from->count;
        t->data = malloc(t->count * sizeof(float) + 1);
        if (!t->data || latent_weights_read(w, from, t->data, e))
            abort();
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        take_setting(p, w, keys[i]);
    for (size_t i = 0; i < 3 * 40; i++) { /* TensorFlow's variables have their names as settings */
        static const char *const of[] = {"", "components.mapping.", "components.synthesis."};
        char key[80];
        snprintf(key, sizeof(key), "%svariables.%zu.0", of[i % 3], i / 3);
        take_setting(p, w, key);
    }
    latent_weights_close(w);
    return 0;
}

static void copy(parts *to, const parts *from)
{
    *to = *from;
    for (size_t i = 0; i < to->n; i++) {
        part *t = &to->part[i];
        t->data = malloc(t->count * sizeof(float) + 1);
        if (!t->data)
            abort();
        memcpy(t->data, from->part[i].data, t->count * sizeof(float));
    }
}

static void let_go(parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->part[i].data);
    p->n = 0;
}

/* ---- other networks */

static const double odd[] = {0,      -0.0,  1,     -1,   NAN,   INFINITY, -INFINITY,
                             3.4e38, 1e-45, 65504, 1e30, -1e30, 0.5,      255};
static const int64_t sizes[] = {
    0,       1,          2,          3,           4,         5,         7,         8,
    16,      17,         64,         127,         1000,      65536,     65537,     1 << 20,
    1 << 24, 0x7fffffff, 0x80000000, 0x100000000, 1LL << 40, 1LL << 61, INT64_MAX, -1};
static const char *const texts[] = {"",
                                    "0",
                                    "1",
                                    "-1",
                                    "2",
                                    "3",
                                    "nan",
                                    "inf",
                                    "1e308",
                                    "1e-320",
                                    "0.5",
                                    "999999",
                                    "true",
                                    "None",
                                    "gelu",
                                    "quick_gelu",
                                    "64",
                                    "1 2 3",
                                    "4",
                                    "4294967296",
                                    "-9223372036854775808",
                                    "clip-tiny",
                                    "stylegan2",
                                    "grams",
                                    "diffusion-tiny"};
#define OF(list) list[below(sizeof(list) / sizeof(*list))]

/* As many numbers as the shape says, where that is few enough: those it had, then others. */
static void fit(part *t)
{
    size_t count = 1;
    for (int k = 0; k < t->rank; k++) {
        if (t->dim[k] < 0 || __builtin_mul_overflow(count, (size_t)t->dim[k], &count) ||
            count > MOST_NUMBERS)
            return;
    }
    if (!(t->data = realloc(t->data, count * sizeof(float) + 1)))
        abort();
    for (size_t i = t->count; i < count; i++)
        t->data[i] = (float)(i * 7919 % 2001) / 1000 - 1;
    t->count = count;
}

static int64_t other_size(int64_t size)
{
    switch (below(4)) {
    case 0:
        return size < INT64_MAX ? size + 1 : 0;
    case 1:
        return size - (size > 0);
    case 2:
        return size < INT64_MAX / 2 ? size * 2 : size;
    default:
        return OF(sizes);
    }
}

static void change_shape(part *t)
{
    int k = (int)below((size_t)t->rank + 1), l = (int)below((size_t)t->rank + 1);
    if (k == t->rank || !below(4)) { /* one side more or less */
        if (below(2) && t->rank)
            t->rank--;
        else if (t->rank < LATENT_MAX_RANK + 1)
            t->dim[t->rank++] = below(2) ? 1 : OF(sizes);
    } else if (l < t->rank && !below(3)) {
        int64_t side = t->dim[k];
        t->dim[k] = t->dim[l];
        t->dim[l] = side;
    } else
        t->dim[k] = other_size(t->dim[k]);
    if (below(3)) /* else it lies about what is there */
        fit(t);
    fill_stride(t);
}

/* A width is another one wherever it is met, or the numbers of a block are. */
static void change_everywhere(parts *p)
{
    const part *t = &p->part[below(p->n)];
    int64_t from = t->rank ? t->dim[below((size_t)t->rank)] : 1, to = other_size(from);
    for (size_t i = 0; i < p->n; i++) {
        for (int k = 0; k < p->part[i].rank; k++)
            if (p->part[i].dim[k] == from)
                p->part[i].dim[k] = to;
        fit(&p->part[i]);
        fill_stride(&p->part[i]);
    }
}

static void change_numbers(part *t)
{
    size_t n = below(2) ? 1 : t->count;
    float x = (float)OF(odd);
    for (size_t i = 0; i < n && t->count; i++)
        t->data[n == 1 ? below(t->count) : i] = x;
}

static void change_name(parts *p, part *t)
{
    static const char *const before[] = {"module.", "G_ema.", "model.", "a.b.c.", "G.", "."};
    char name[sizeof(t->name)], *digit = strpbrk(t->name, "0123456789");
    const char *with = OF(before);
    int all = !below(3);
    switch (below(4)) {
    case 0:
        if (*t->name)
            t->name[strlen(t->name) - 1] = 0;
        break;
    case 1:
        if (digit)
            *digit = (char)('0' + below(10));
        break;
    case 2:
        snprintf(t->name, sizeof(t->name), "%s", p->part[below(p->n)].name);
        break;
    default:
        for (size_t i = 0; i < p->n; i++) {
            part *u = all ? &p->part[i] : t;
            snprintf(name, sizeof(name), "%s%.140s", with, u->name);
            snprintf(u->name, sizeof(u->name), "%s", name);
            if (!all)
                break;
        }
    }
}

static void change_place(part *t)
{
    int k = t->rank ? (int)below((size_t)t->rank) : 0,
        l = t->rank ? (int)below((size_t)t->rank) : 0;
    int64_t step = t->stride[k];
    switch (below(4)) {
    case 0:
        t->offset = below(2) ? (int64_t)t->count : OF(sizes);
        break;
    case 1:
        t->stride[k] = OF(sizes);
        break;
    case 2:
        t->stride[k] = t->stride[l];
        t->stride[l] = step;
        break;
    default:
        t->count = below(t->count + 1);
    }
}

static void change_setting(parts *p)
{
    told *s = p->n_told ? &p->told[below(p->n_told)] : NULL;
    if ((!s || !below(4)) && p->n_told < MOST_SETTINGS) {
        s = &p->told[p->n_told++];
        snprintf(s->key, sizeof(s->key), "%s", OF(keys));
        s->as = AS_TEXT;
    } else if (s && !below(5)) {
        *s = p->told[--p->n_told];
        return;
    }
    if (!s)
        return;
    snprintf(s->text, sizeof(s->text), "%s", OF(texts));
    s->as = (type)below(TYPES);
}

/* A tensor once more, from here or from another network. */
static void add_part(parts *p, const parts *other)
{
    const part *from = &other->part[below(other->n)];
    part *t = &p->part[p->n];
    if (p->n == MOST_TENSORS)
        return;
    *t = *from;
    if (!(t->data = malloc(t->count * sizeof(float) + 1)))
        abort();
    memcpy(t->data, from->data, t->count * sizeof(float));
    p->n++;
    if (below(2))
        change_shape(t);
}

static void change(parts *p, const parts *other)
{
    size_t i = below(p->n);
    part *t = &p->part[i];
    if (!p->n)
        return;
    switch (below(10)) {
    case 0:
        free(t->data);
        *t = p->part[--p->n];
        break;
    case 1:
    case 2:
        change_shape(t);
        break;
    case 3:
    case 4:
        change_everywhere(p);
        break;
    case 5:
        if (below(2))
            change_numbers(t);
        else
            t->dtype = (latent_dtype)below(N_KINDS);
        break;
    case 6:
        change_name(p, t);
        break;
    case 7:
        change_place(t);
        break;
    case 8:
        add_part(p, other);
        break;
    default:
        change_setting(p);
    }
}

/* ---- playing them */

static int is_played(const bytes *b)
{
    latent_error e = {""};
    latent_weights *w = latent_weights_open_memory(b->data, b->size, &e);
    latent_model *m =
        w ? latent_model_from_weights(w, "variant", (latent_progress){NULL, NULL}, &e) : NULL;
    latent_weights_close(w);
    latent_model_release(m);
    return m != NULL;
}

static void keep(const char *folder, const char *name, const bytes *b)
{
    char path[4200];
    FILE *f;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (!(f = fopen(path, "wb")) || fwrite(b->data, 1, b->size, f) != b->size || fclose(f))
        fprintf(stderr, "cannot write %s\n", path);
}

typedef struct {
    size_t n, first;
    uint64_t seed;
    const char *folder;
} wish;

/* The sanitizer's, where it was built with one. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* What the process that plays tells the one that waits for it. */
typedef struct {
    size_t now, played, failed, slow; /* slow: which one was the slowest */
    double slowest;
} report;

static void play(const parts *base, const wish *w, report *r)
{
    static parts p;
    double began = latent_seconds(), took;
    size_t from, format;
    bytes b;
    state = w->seed * UINT64_C(1000003) + r->now;
    from = below(N_BASES);
    format = below(N_FORMATS);
    copy(&p, base + from);
    for (size_t n = 1 + (below(2) ? 0 : below(4)); n && p.n; n--)
        change(&p, base + (below(3) ? from : below(N_BASES)));
    b = formats[format].write(&p);
    if (w->folder)
        keep(w->folder, formats[format].name, &b);
    r->played += (size_t)is_played(&b);
    bases[from].read(b.data, b.size);
    latent_deferred_free_all();
    bytes_free(&b);
    let_go(&p);
    took = latent_seconds() - began;
    if (took > r->slowest) {
        r->slowest = took;
        r->slow = r->now;
    }
    if (took > LONGEST) {
        printf("FAIL variant %zu (%s as %s) took %.1f s\n", r->now, bases[from].name,
               formats[format].name, took);
        r->failed++;
    }
}

/* Plays them one after another in a process of its own, so that one that crashes is counted and the
   next one has its turn. */
static int run(const parts *base, wish w)
{
    report *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double start = latent_seconds();
    struct rusage use;
    long memory = 0;
    if (r == MAP_FAILED)
        return 1;
    r->now = w.first;
    while (r->now < w.first + w.n) {
        pid_t child;
        int status = 0;
        fflush(stdout);
        if (!(child = fork())) {
            for (; r->now < w.first + w.n; r->now++)
                play(base, &w, r);
            fflush(stdout);
            _Exit(__lsan_do_recoverable_leak_check ? __lsan_do_recoverable_leak_check() : 0);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
            return 1;
        if (status) {
            printf("FAIL variant %zu: see above (-o %zu -s %llu tries it alone)\n", r->now, r->now,
                   (unsigned long long)w.seed);
            r->failed++;
            r->now++;
        }
    }
    getrusage(RUSAGE_CHILDREN, &use);
    memory = use.ru_maxrss >> 10;
    if (memory > MOST_MEMORY) {
        printf("FAIL the variants took up to %ld MB of memory\n", memory);
        r->failed++;
    }
    printf(
        "%zu networks in %zu ways: %zu played all the same; %.2f s at the slowest (%zu), %ld MB, "
        "%.0f s in all\n%zu passed, %zu failed\n",
        N_BASES, w.n, r->played, r->slowest, r->slow, memory, latent_seconds() - start,
        r->failed < w.n ? w.n - r->failed : 0, r->failed);
    return r->failed > 0;
}

int main(int argc, char **argv)
{
    static parts base[N_BASES];
    wish w = {.n = 1000, .seed = 1};
    latent_error e = {""};
    int failed;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "-n"))
            w.n = strtoull(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "-s"))
            w.seed = strtoull(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "-k"))
            w.folder = argv[i + 1];
        else if (!strcmp(argv[i], "-o")) {
            w.first = strtoull(argv[i + 1], NULL, 10);
            w.n = 1;
        }
    }
    latent_threads_set(1);
    for (size_t i = 0; i < N_BASES; i++)
        if (take_apart(&base[i], i, &e)) {
            fprintf(stderr, "%s: %s\n", bases[i].name, e.text);
            return 1;
        }
    failed = run(base, w);
    for (size_t i = 0; i < N_BASES; i++)
        let_go(&base[i]);
    return failed;
}
