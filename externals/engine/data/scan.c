/* scan: looking through a folder of pictures; see dataset.h */
#include "dataset.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEEPEST 4
#define FOLDERS 2000     /* in a set; more are a whole disk, and that is nobody's set */
#define NOTES (16 << 20) /* bytes that a file about pictures may have */
#define WORDS (64 << 10) /* and one about a single picture */
#define SAID 1000        /* so many files are complained about one by one */

typedef struct {
    latent_scan *s;
    const char *folder;
    const atomic_int *cancel;
    latent_captions captions;
    struct stat *seen; /* the folders that have been looked into */
    int n_seen;
    latent_error *e;
} search;

static int fail_memory(latent_error *e)
{
    return latent_fail(e, "there is no memory to look through the folder");
}

/* Room for one more in a list of which n are used: doubled when n is a power of two. */
static void *more_room(void *list, int n, size_t size)
{
    return n & (n - 1) ? list : realloc(list, size * (size_t)(n ? 2 * n : 1));
}

static int skip(latent_scan *s, const char *name, const char *why)
{
    char sentence[PATH_MAX + 500];
    char **list;
    if (s->n_skipped >= SAID)
        return 0;
    if (!(list = more_room(s->skipped, s->n_skipped, sizeof(*list))))
        return -1;
    s->skipped = list;
    snprintf(sentence, sizeof(sentence), "%s is left out: %s", name, why);
    if (!(list[s->n_skipped] = strdup(sentence)))
        return -1;
    s->n_skipped++;
    return 0;
}

/* Links may lead to a folder again, or back into it: each is looked into once.  1: it has been; 0:
   not yet; -1 without memory. */
static int has_seen(search *f, const struct stat *st)
{
    struct stat *list;
    for (int i = 0; i < f->n_seen; i++)
        if (f->seen[i].st_dev == st->st_dev && f->seen[i].st_ino == st->st_ino)
            return 1;
    if (f->n_seen == FOLDERS)
        return latent_fail(f->e, "there are more than %d folders in %s; choose one of them",
                           FOLDERS - 1, f->folder);
    if (!(list = more_room(f->seen, f->n_seen, sizeof(*list))))
        return fail_memory(f->e);
    f->seen = list;
    f->seen[f->n_seen++] = *st;
    return 0;
}

static int is_picture(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".webp", ".avif",
                                          ".bmp", ".tif", ".tiff", ".gif"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof(endings) / sizeof(*endings); i++)
        if (!strcasecmp(dot, endings[i]))
            return 1;
    return 0;
}

/* The whole of an ordinary file of at most limit bytes; malloc'd; NULL and a sentence. */
static char *read_text(const char *path, size_t limit, size_t *size, latent_error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *text = NULL;
    *size = 0;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
        latent_fail(e, "it can't be opened");
    else if ((size_t)st.st_size > limit)
        latent_fail(e, "it has %lld bytes, but at most %zu are read", (long long)st.st_size, limit);
    else if (!(text = malloc((size_t)st.st_size + 1)))
        fail_memory(e);
    while (text && *size < (size_t)st.st_size) {
        ssize_t n = read(fd, text + *size, (size_t)st.st_size - *size);
        if (n <= 0)
            break;
        *size += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static int add_class(latent_scan *s, const char *name)
{
    char **list = more_room(s->classes, s->n_classes, sizeof(*list));
    if (!list)
        return -1;
    s->classes = list;
    if (!(list[s->n_classes] = strdup(name)))
        return -1;
    return s->n_classes++;
}

static int add_picture(search *f, const char *path, const char *name, int label)
{
    latent_scan *s = f->s;
    latent_dataset_entry *list = more_room(s->entries, s->n, sizeof(*list)), *q;
    if (!list)
        return fail_memory(f->e);
    s->entries = list;
    q = list + s->n++;
    *q = (latent_dataset_entry){
        .path = strdup(path), .name = strdup(name), .label = label, .stale = 1};
    return q->path && q->name ? 0 : fail_memory(f->e);
}

static int read_notes(search *f, const char *path, const char *name)
{
    latent_error why;
    size_t size;
    char *text = read_text(path, NOTES, &size, &why);
    int bad = !text || latent_captions_json(&f->captions, text, size, &why);
    free(text);
    return bad && skip(f->s, name, why.text) ? fail_memory(f->e) : 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int look_into(search *f, const char *inside, int depth, int label);

static int look_at(search *f, const char *inside, const char *file, int depth, int label)
{
    char path[PATH_MAX], name[PATH_MAX];
    struct stat st;
    if (snprintf(name, sizeof(name), "%s%s%s", inside, *inside ? "/" : "", file) >=
            (int)sizeof(name) ||
        snprintf(path, sizeof(path), "%s/%s", f->folder, name) >= (int)sizeof(path))
        return skip(f->s, file, "its name is too long") ? fail_memory(f->e) : 0;
    if (stat(path, &st))
        return is_picture(file) && skip(f->s, name, "it is a link to nothing") ? fail_memory(f->e)
                                                                               : 0;
    if (S_ISDIR(st.st_mode)) {
        int seen = has_seen(f, &st), own = depth || seen ? label : add_class(f->s, file);
        if (seen > 0)
            return skip(f->s, name, "it is a folder that is looked into already")
                       ? fail_memory(f->e)
                       : 0;
        if (seen < 0)
            return -1;
        if (!depth && own < 0)
            return fail_memory(f->e);
        return depth < DEEPEST ? look_into(f, name, depth + 1, own) : 0;
    }
    if (!strcmp(file, "index.json") || !strcmp(file, "dataset.json"))
        return read_notes(f, path, name);
    if (!is_picture(file))
        return 0;
    if (!S_ISREG(st.st_mode))
        return skip(f->s, name, "it is no ordinary file") ? fail_memory(f->e) : 0;
    if (!st.st_size)
        return skip(f->s, name, "it is empty") ? fail_memory(f->e) : 0;
    if (f->s->n == LATENT_DATASET_MOST)
        return latent_fail(f->e, "there are more than %d pictures in %s; take fewer",
                           LATENT_DATASET_MOST, f->folder);
    return add_picture(f, path, name, label);
}

static int look_into(search *f, const char *inside, int depth, int label)
{
    char path[PATH_MAX];
    struct dirent **names = NULL;
    int n, failed = 0;
    snprintf(path, sizeof(path), "%s%s%s", f->folder, *inside ? "/" : "", inside);
    if ((n = scandir(path, &names, NULL, compare_names)) < 0) {
        if (!*inside)
            return latent_fail(f->e, "%s can't be looked through (%s); a folder was expected", path,
                               strerror(errno));
        return skip(f->s, inside, strerror(errno)) ? fail_memory(f->e) : 0;
    }
    for (int i = 0; i < n; i++) {
        if (f->cancel && atomic_load(f->cancel))
            failed = latent_fail(f->e, "%s is cancelled", f->folder);
        if (!failed && names[i]->d_name[0] != '.')
            failed = look_at(f, inside, names[i]->d_name, depth, label);
        free(names[i]);
    }
    free(names);
    return failed;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const latent_dataset_entry *)a)->name, ((const latent_dataset_entry *)b)->name);
}

/* Words and class of one picture, from the notes and the .txt beside it. */
static int describe(search *f, latent_dataset_entry *q)
{
    char english[LATENT_CAPTION] = "", chinese[LATENT_CAPTION] = "", path[PATH_MAX + 8];
    const latent_caption *c = latent_captions_find(&f->captions, q->name);
    const char *dot = strrchr(q->path, '.');
    size_t size;
    char *text;
    snprintf(path, sizeof(path), "%.*s.txt", (int)(dot - q->path), q->path);
    if (!access(path, F_OK)) {
        latent_error why;
        if ((text = read_text(path, WORDS, &size, &why)))
            latent_captions_lines(text, size, english, chinese);
        else if (skip(f->s, path + strlen(f->folder) + 1, why.text))
            return fail_memory(f->e);
        free(text);
    }
    if (c && c->label >= 0)
        q->label = c->label;
    q->english = strdup(c && *c->english ? c->english : english);
    q->chinese = strdup(c && *c->chinese ? c->chinese : chinese);
    return q->english && q->chinese ? 0 : fail_memory(f->e);
}

/* Where what comes first by its stem comes, so that no two are written to one file. */
static int compare_stems(const void *a, const void *b)
{
    return strcmp((*(latent_dataset_entry *const *)a)->output,
                  (*(latent_dataset_entry *const *)b)->output);
}

static int name_outputs(search *f)
{
    latent_scan *s = f->s;
    latent_dataset_entry **by_stem = malloc(sizeof(*by_stem) * ((size_t)s->n + 1));
    int failed = !by_stem;
    for (int i = 0; i < s->n && !failed; i++) {
        latent_dataset_entry *q = s->entries + i;
        int stem = (int)(strrchr(q->name, '.') - q->name);
        failed = asprintf(&q->output, "%.*s.png", stem, q->name) < 0;
        if (failed)
            q->output = NULL;
        by_stem[i] = q;
    }
    if (!failed)
        qsort(by_stem, (size_t)s->n, sizeof(*by_stem), compare_stems);
    for (int i = 0, first = 0; i < s->n && !failed; i++) {
        latent_dataset_entry *q = by_stem[i];
        if (i == first || strcmp(q->output, by_stem[first]->output)) {
            first = i;
            continue;
        }
        free(q->output); /* a second one of that stem keeps its whole name: "carp.jpg.png" */
        failed = asprintf(&q->output, "%s.png", q->name) < 0;
        if (failed)
            q->output = NULL;
    }
    free(by_stem);
    return failed ? fail_memory(f->e) : 0;
}

/* Classes that dataset.json numbers have their numbers for names, where folders gave none. */
static int name_classes(search *f)
{
    latent_scan *s = f->s;
    int most = -1;
    char name[20];
    for (int i = 0; i < s->n; i++) {
        if (s->entries[i].label > 9999)
            s->entries[i].label = -1;
        most = s->entries[i].label > most ? s->entries[i].label : most;
    }
    while (s->n_classes <= most) {
        snprintf(name, sizeof(name), "%d", s->n_classes);
        if (add_class(s, name) < 0)
            return fail_memory(f->e);
    }
    return 0;
}

int latent_scan_folder(latent_scan *s, const char *folder, const atomic_int *cancel,
                       latent_error *e)
{
    search f = {.s = s, .folder = folder, .cancel = cancel, .e = e};
    struct stat st;
    int failed;
    memset(s, 0, sizeof(*s));
    failed = (!stat(folder, &st) && has_seen(&f, &st) < 0) || look_into(&f, "", 0, -1) ? -1 : 0;
    if (!failed && !s->n)
        failed = latent_fail(e,
                             "there is no picture in %s; PNG, JPEG, WebP, TIFF, BMP or GIF files "
                             "were expected",
                             folder);
    if (!failed) {
        qsort(s->entries, (size_t)s->n, sizeof(*s->entries), compare_entries);
        latent_captions_sort(&f.captions);
    }
    for (int i = 0; i < s->n && !failed; i++)
        failed = describe(&f, s->entries + i);
    failed = failed || name_outputs(&f) || name_classes(&f) ? -1 : 0;
    latent_captions_free(&f.captions);
    free(f.seen);
    return failed;
}

int latent_scan_rule(latent_scan *s, const latent_rule *rule, uint32_t seed, int count,
                     const atomic_int *cancel, latent_error *e)
{
    float params[LATENT_RULE_MOST];
    char english[LATENT_RULE_CAPTION], chinese[LATENT_RULE_CAPTION];
    memset(s, 0, sizeof(*s));
    if (count < 1 || count > LATENT_DATASET_MOST)
        return latent_fail(e, "a data set has 1 to %d pictures, but %d were asked for",
                           LATENT_DATASET_MOST, count);
    if (!(s->entries = calloc((size_t)count, sizeof(*s->entries))))
        return fail_memory(e);
    for (int i = 0; i < count; i++) {
        latent_dataset_entry *q = s->entries + i;
        s->n = i + 1;
        *q = (latent_dataset_entry){
            .rule = rule, .seed = seed, .index = (uint32_t)i, .label = -1, .stale = 1};
        latent_rule_random(rule, seed, q->index, params);
        latent_rule_caption(rule, params, seed, q->index, LATENT_ENGLISH, english);
        latent_rule_caption(rule, params, seed, q->index, LATENT_CHINESE, chinese);
        if (asprintf(&q->name, "%s-%06d.png", latent_rule_name(rule), i + 1) < 0)
            q->name = NULL;
        q->output = q->name ? strdup(q->name) : NULL;
        q->english = strdup(english);
        q->chinese = strdup(chinese);
        if (!q->output || !q->english || !q->chinese)
            return fail_memory(e);
        if (cancel && atomic_load(cancel))
            return latent_fail(e, "the rule's pictures are cancelled");
    }
    return 0;
}
