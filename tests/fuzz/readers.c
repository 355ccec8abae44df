/* readers: see readers.h; and the program for libFuzzer, which tries one reader of the table: the
   one that FUZZ_READER names.  Without it each has its turn, by the first byte. */
#include "readers.h"
#include "engine/base/deferred_free.h"
#include "engine/base/parallel.h"
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE 64 /* KB: a table's file, of which the head is what counts */

const fuzz_entry fuzz_table[] = {
    {"weights", fuzz_weights, TABLE << 10},
    {"parts", fuzz_parts, TABLE << 10},
    {"configs", fuzz_configs, 16 << 10},
    {"arrays", fuzz_arrays, TABLE << 10},
    {"models", fuzz_models, TABLE << 10},
    {"beside", fuzz_beside, 16 << 10},
    {"directions", fuzz_directions, 16 << 10},
    {"trainings", fuzz_trainings, TABLE << 10},
    {"walks", fuzz_walks, TABLE << 10},
    {"json", fuzz_json, 16 << 10},
    {"captions", fuzz_captions, 16 << 10},
    {"vocabularies", fuzz_vocabularies, 16 << 10},
    {"texts", fuzz_texts, 4 << 10},
    {"folders", fuzz_folders, 16 << 10},
    {"rules", fuzz_rules, 256},
    {"pictures", fuzz_pictures, 16 << 10},
    {"films", fuzz_films, TABLE << 10},
    {"notes", fuzz_notes, 16 << 10},
    {"tracks", fuzz_tracks, TABLE << 10},
    {"sounds", fuzz_sounds, TABLE << 10},
    {"palettes", fuzz_palettes, 4 << 10},
    {NULL, NULL, 0},
};

/* ---- what the readers share */

static char folder[PATH_MAX / 2];

/* Takes away what a process has written; folders go deeper by one at most. */
static void clear(const char *path, int deeper)
{
    DIR *d = opendir(path);
    struct dirent *f;
    char inner[PATH_MAX];
    while (d && (f = readdir(d))) {
        if (!strcmp(f->d_name, ".") || !strcmp(f->d_name, ".."))
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, f->d_name);
        if (unlink(inner) && deeper)
            clear(inner, deeper - 1);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static void at_the_end(void)
{
    clear(folder, 3);
}

const char *fuzz_folder(void)
{
    if (!*folder) {
        const char *where = getenv("TMPDIR");
        snprintf(folder, sizeof(folder), "%s/latent-fuzz-XXXXXX", where ? where : P_tmpdir);
        if (!mkdtemp(folder))
            abort();
        atexit(at_the_end);
    }
    return folder;
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    static char path[PATH_MAX];
    size_t n = (size_t)snprintf(path, sizeof(path), "%s/", fuzz_folder());
    FILE *f;
    snprintf(path + n, sizeof(path) - n, "%s", name);
    for (char *c = path + n; *c; c++)
        if (*c == '/') {
            *c = 0;
            mkdir(path, 0777);
            *c = '/';
        }
    f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
    return path;
}

void fuzz_refused(const latent_error *e)
{
    fuzz_check(strlen(e->text) > 10);
    for (const char *c = e->text; *c; c++)
        fuzz_check((unsigned char)*c >= 32);
}

void fuzz_broken(const char *promise)
{
    fprintf(stderr, "ERROR: broken promise: %s\n", promise);
    abort();
}

char *fuzz_text(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, 0, *size) : NULL;
    size_t n = end ? (size_t)(end - *data) : *size;
    char *text = malloc(n + 1);
    if (!text)
        abort();
    if (n)
        memcpy(text, *data, n);
    text[n] = 0;
    *data += end ? n + 1 : n;
    *size -= end ? n + 1 : n;
    return text;
}

/* ---- the program */

static const fuzz_entry *chosen;

static const fuzz_entry *find(const char *name)
{
    for (const fuzz_entry *r = fuzz_table; r->name; r++)
        if (!strcmp(r->name, name))
            return r;
    return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = getenv("FUZZ_READER");
    (void)argc;
    (void)argv;
    latent_threads_set(1);
    if (name && !strcmp(name, "list")) {
        for (const fuzz_entry *r = fuzz_table; r->name; r++)
            printf("%s %zu\n", r->name, r->longest);
        exit(0);
    }
    if (!name || !(chosen = find(name))) {
        fprintf(stderr, "FUZZ_READER names no reader (list: which there are)\n");
        exit(2);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= chosen->longest)
        chosen->read(data, size);
    latent_deferred_free_all();
    return 0;
}
