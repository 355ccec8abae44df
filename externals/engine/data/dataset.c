/* dataset: see dataset.h */
#include "dataset.h"
#include "../base/deferred_free.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct latent_dataset {
    latent_dataset_entry *entries;
    int n, room;
    char **classes;
    int n_classes;
    long pushed;  /* so many were, ever */
    size_t bytes; /* of pictures made ready */
    int mirrored;
};

/* What is let go, freed on another thread: thousands of pictures take milliseconds. */
typedef struct {
    latent_deferred_free grave;
    latent_dataset_entry *entries;
    int n;
    char **classes;
    int n_classes;
} remains;

/* ---- entries */

static void free_entry(latent_dataset_entry *q)
{
    free(q->path);
    free(q->name);
    free(q->output);
    free(q->english);
    free(q->chinese);
    latent_sample_release(q->plate);
    latent_tensor_release(q->original);
}

static void free_words(char **words, int n)
{
    for (int i = 0; i < n; i++)
        free(words[i]);
    free(words);
}

void latent_scan_free(latent_scan *s)
{
    for (int i = 0; i < s->n; i++)
        free_entry(s->entries + i);
    free(s->entries);
    free_words(s->classes, s->n_classes);
    free_words(s->skipped, s->n_skipped);
    memset(s, 0, sizeof(*s));
}

static size_t plate_bytes(const latent_sample *p)
{
    return p ? sizeof(*p) + 3 * (size_t)p->size * (size_t)p->size : 0;
}

/* ---- the set */

latent_dataset *latent_dataset_new(void)
{
    return calloc(1, sizeof(latent_dataset));
}

static void free_remains(remains *r)
{
    for (int i = 0; i < r->n; i++)
        free_entry(r->entries + i);
    free(r->entries);
    free_words(r->classes, r->n_classes);
}

static void bury_remains(latent_deferred_free *g)
{
    remains *r = (remains *)((char *)g - offsetof(remains, grave));
    free_remains(r);
    free(r);
}

void latent_dataset_clear(latent_dataset *d)
{
    remains r = {
        .entries = d->entries, .n = d->n, .classes = d->classes, .n_classes = d->n_classes};
    remains *buried = d->n ? malloc(sizeof(r)) : NULL;
    if (buried) {
        *buried = r;
        latent_deferred_free_add(&buried->grave, bury_remains);
    } else
        free_remains(&r);
    *d = (latent_dataset){.pushed = d->pushed, .mirrored = d->mirrored};
}

void latent_dataset_free(latent_dataset *d)
{
    if (d)
        latent_dataset_clear(d);
    free(d);
}

void latent_dataset_take(latent_dataset *d, latent_scan *s)
{
    latent_dataset_clear(d);
    d->entries = s->entries;
    d->n = d->room = s->n;
    d->classes = s->classes;
    d->n_classes = s->n_classes;
    s->entries = NULL;
    s->classes = NULL;
    s->n = s->n_classes = 0;
}

static int make_room(latent_dataset *d, latent_error *e)
{
    int room = d->room ? 2 * d->room : 64;
    latent_dataset_entry *list;
    if (d->n < d->room)
        return 0;
    if (d->n >= LATENT_DATASET_MOST)
        return latent_fail(e, "a data set has at most %d pictures; set a limit",
                           LATENT_DATASET_MOST);
    if (!(list = realloc(d->entries, sizeof(*list) * (size_t)room)))
        return latent_fail(e, "there is no memory for another picture");
    d->entries = list;
    d->room = room;
    return 0;
}

/* Lets the oldest pushed picture go when there are limit of them. */
static void drop_oldest(latent_dataset *d, int limit)
{
    int pushed = 0, oldest = -1;
    for (int i = d->n - 1; i >= 0; i--)
        if (!d->entries[i].path && !d->entries[i].rule) {
            pushed++;
            oldest = i;
        }
    if (!limit || pushed < limit)
        return;
    d->bytes -= plate_bytes(d->entries[oldest].plate);
    free_entry(d->entries + oldest);
    d->n--;
    memmove(d->entries + oldest, d->entries + oldest + 1,
            sizeof(*d->entries) * (size_t)(d->n - oldest));
}

int latent_dataset_push(latent_dataset *d, latent_sample *plate, latent_tensor *original,
                        const char *english, const char *chinese, int limit, latent_error *e)
{
    char cut[LATENT_CAPTION], name[40];
    latent_dataset_entry *q;
    drop_oldest(d, limit);
    if (make_room(d, e)) {
        latent_sample_release(plate);
        return -1;
    }
    snprintf(name, sizeof(name), "picture-%06ld.png", d->pushed + 1);
    q = d->entries + d->n;
    *q = (latent_dataset_entry){.name = strdup(name), .output = strdup(name), .label = -1};
    latent_captions_copy(cut, english, strlen(english));
    q->english = strdup(cut);
    latent_captions_copy(cut, chinese, strlen(chinese));
    q->chinese = strdup(cut);
    if (!q->name || !q->output || !q->english || !q->chinese) {
        free_entry(q);
        latent_sample_release(plate);
        return latent_fail(e, "there is no memory for another picture");
    }
    q->original = original ? latent_tensor_retain(original) : NULL;
    d->pushed++;
    d->n++;
    return latent_dataset_ready(d, d->n - 1, plate, e) ? -1 : d->n - 1;
}

int latent_dataset_count(const latent_dataset *d)
{
    return d->n;
}

latent_dataset_entry *latent_dataset_at(latent_dataset *d, int i)
{
    return i >= 0 && i < d->n ? d->entries + i : NULL;
}

const char *latent_dataset_class(const latent_dataset *d, int label)
{
    return label >= 0 && label < d->n_classes ? d->classes[label] : NULL;
}

int latent_dataset_classes(const latent_dataset *d)
{
    return d->n_classes;
}

int latent_dataset_ready(latent_dataset *d, int i, latent_sample *plate, latent_error *e)
{
    latent_dataset_entry *q = latent_dataset_at(d, i);
    if (!q) {
        latent_sample_release(plate);
        return latent_fail(e, "there is no picture %d any more", i + 1);
    }
    if (d->bytes + plate_bytes(plate) > LATENT_DATASET_BYTES) {
        latent_sample_release(plate);
        return latent_fail(e,
                           "the pictures need more than %zu MB; make size smaller, or take fewer",
                           LATENT_DATASET_BYTES >> 20);
    }
    d->bytes += plate_bytes(plate) - plate_bytes(q->plate);
    latent_sample_release(q->plate);
    q->plate = plate;
    q->failed = !plate;
    q->stale = 0;
    return 0;
}

void latent_dataset_unready(latent_dataset *d)
{
    for (int i = 0; i < d->n; i++)
        d->entries[i].stale = 1;
}

void latent_dataset_mirror(latent_dataset *d, int mirrored)
{
    d->mirrored = mirrored;
}

int latent_dataset_entry_used(const latent_dataset_entry *q)
{
    return q->plate && q->verdict != LATENT_REJECTED;
}

void latent_dataset_measure(const latent_dataset *d, latent_dataset_statistics *s)
{
    double pixels = 0, squares[3] = {0};
    memset(s, 0, sizeof(*s));
    s->pictures = d->n;
    for (int i = 0; i < d->n; i++) {
        const latent_dataset_entry *q = d->entries + i;
        s->ready += q->plate != NULL;
        s->failed += q->failed;
        s->accepted += q->verdict == LATENT_ACCEPTED;
        s->rejected += q->verdict == LATENT_REJECTED;
        s->described += *q->english || *q->chinese;
        if (!latent_dataset_entry_used(q))
            continue;
        pixels += (double)q->plate->size * q->plate->size;
        for (int k = 0; k < 3; k++) {
            s->mean[k] += q->plate->sum[k];
            squares[k] += q->plate->squares[k];
        }
    }
    for (int k = 0; k < 3 && pixels > 0; k++) {
        double variance;
        s->mean[k] /= pixels;
        variance = squares[k] / pixels - s->mean[k] * s->mean[k];
        s->deviation[k] = variance > 0 ? sqrt(variance) : 0;
    }
}

/* ---- drawing from it */

typedef struct {
    latent_sample *plate;
    char *english, *chinese;
} sample;

typedef struct {
    latent_source source;
    int n;
    sample samples[];
} set_source;

static int set_draw(latent_source *source, uint64_t index, int size, float *picture,
                    char english[LATENT_CAPTION], char chinese[LATENT_CAPTION], latent_error *e)
{
    const set_source *s = (const set_source *)source;
    const sample *p;
    if (index >= (uint64_t)s->n)
        return latent_fail(e, "picture %llu was asked for, but the set has %d",
                           (unsigned long long)index, s->n);
    p = s->samples + index;
    if (english)
        snprintf(english, LATENT_CAPTION, "%s", p->english);
    if (chinese)
        snprintf(chinese, LATENT_CAPTION, "%s", p->chinese);
    return picture ? latent_sample_draw(p->plate, size, picture, e) : 0;
}

static void set_release(latent_source *source)
{
    set_source *s = (set_source *)source;
    for (int i = 0; i < s->n; i++) {
        latent_sample_release(s->samples[i].plate);
        free(s->samples[i].english);
        free(s->samples[i].chinese);
    }
    free(s);
}

latent_source *latent_dataset_source(const latent_dataset *d, latent_error *e)
{
    set_source *s = malloc(sizeof(*s) + sizeof(sample) * (size_t)(d->n + 1));
    if (!s) {
        latent_fail(e, "there is no memory to draw from the data set");
        return NULL;
    }
    *s = (set_source){.source = {set_draw, set_release, 0, d->mirrored}};
    for (int i = 0; i < d->n; i++) {
        const latent_dataset_entry *q = d->entries + i;
        sample *p = s->samples + s->n;
        if (!latent_dataset_entry_used(q))
            continue;
        *p = (sample){latent_sample_retain(q->plate), strdup(q->english), strdup(q->chinese)};
        s->n++;
        if (!p->english || !p->chinese) {
            set_release(&s->source);
            latent_fail(e, "there is no memory to draw from the data set");
            return NULL;
        }
    }
    s->source.count = (uint64_t)s->n;
    if (s->n)
        return &s->source;
    set_release(&s->source);
    latent_fail(e, "the data set has no picture that is ready and not rejected; read a folder, or "
                   "send it images");
    return NULL;
}

/* ---- writing */

static void write_string(FILE *f, const char *text)
{
    fputc('"', f);
    for (const unsigned char *s = (const unsigned char *)text; *s; s++)
        if (*s == '"' || *s == '\\')
            fprintf(f, "\\%c", *s);
        else if (*s < 32)
            fprintf(f, "\\u%04x", *s);
        else
            fputc(*s, f);
    fputc('"', f);
}

static void write_member(FILE *f, const char *key, const char *text)
{
    if (!*text)
        return;
    fprintf(f, ", \"%s\": ", key);
    write_string(f, text);
}

void latent_dataset_line(const latent_dataset_entry *q, FILE *f)
{
    fprintf(f, "%s\n{\"file\": ", ftell(f) ? "," : "[");
    write_string(f, q->output);
    write_member(f, "en", q->english);
    write_member(f, "zh", q->chinese);
    if (q->label >= 0)
        fprintf(f, ", \"class\": %d", q->label);
    fputc('}', f);
}

int latent_file_write(const char *path, const char *text, size_t size, latent_error *e)
{
    char *part = NULL;
    int fd = -1, failed, why;
    if (asprintf(&part, "%s.part%ld", path, (long)getpid()) < 0)
        return latent_fail(e, "there is no memory to write %s", path);
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    failed = fd < 0;
    while (!failed && size) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        failed = n <= 0;
        text += failed ? 0 : n;
        size -= failed ? 0 : (size_t)n;
    }
    why = errno;
    if (fd >= 0 && close(fd) && !failed) {
        failed = 1;
        why = errno;
    }
    if (!failed && rename(part, path)) {
        failed = 1;
        why = errno;
    }
    if (failed && fd >= 0)
        unlink(part);
    free(part);
    return failed ? latent_fail(e, "%s can't be written (%s)", path, strerror(why)) : 0;
}

int latent_folder_same(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
