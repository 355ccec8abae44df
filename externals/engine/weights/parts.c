/* parts: a network whose weights lie in several files, as large ones are passed on:

   model-00001-of-00002.safetensors   any of the parts is given, the others lie beside it
   model.safetensors.index.json       {"weight_map": {"name": "file", ...}}: the parts by name

   Each part is opened as a file of its own kind, and its table is put behind the first one's. */
#include "../text/json.h"
#include "table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_PARTS 1000
#define LONGEST_INDEX ((uint64_t)64 << 20)
#define LONGEST_NAME 1024

/* Puts the table and the bytes of a part behind those of w. */
static int take_part(latent_weights *w, latent_weights *part, latent_error *e)
{
    uint64_t base;
    if (latent_bytes_join(&w->source, &part->source, &base, e))
        return -1;
    w->claimed = 0; /* each part has kept within its own share */
    w->format = part->format;
    for (size_t i = 0; i < part->n_names; i++) {
        latent_entry t = *part->by_name[i];
        t.offset += base;
        if (latent_table_entry(w, t.name, &t, w->source.size - t.offset, e) < 0)
            return -1;
    }
    for (size_t i = 0; i < part->n_settings; i++) {
        const latent_setting *s = part->settings + i;
        if ((s->text ? latent_table_text(w, s->key, s->text, e)
                     : latent_table_number(w, s->key, s->number, e)) < 0)
            return -1;
    }
    return 0;
}

/* Opens a part that lies in the folder of path. */
static int read_part(latent_weights *w, const char *path, const char *name, latent_error *e)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0, failed;
    size_t room = (size_t)folder + strlen(name) + 1;
    char *file;
    latent_weights *part;
    if (!*name || strchr(name, '/') || strchr(name, '\\') || *name == '.')
        return latent_fail(e, "it names a part %s, which is no file beside it",
                           latent_print(name).text);
    if (!(file = malloc(room)))
        return latent_fail(e, "no memory to read the file");
    snprintf(file, room, "%.*s%s", folder, path, name);
    if (access(file, F_OK)) {
        free(file);
        return latent_fail(e,
                           "this network is in several files, and the part %s is missing: put all "
                           "of them into one folder",
                           latent_print(name).text);
    }
    part = latent_weights_open_alone(file, e);
    failed = !part || take_part(w, part, e);
    latent_weights_close(part);
    free(file);
    return failed ? -1 : 0;
}

/* Where the number of a part stands in a file's name: "...-00001-of-00002...". */
static const char *numbered(const char *path, unsigned *of)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *at;
    unsigned number;
    int used = 0;
    for (at = strchr(name, '-'); at; at = strchr(at + 1, '-'))
        if (strspn(at + 1, "0123456789") == 5 &&
            sscanf(at, "-%5u-of-%5u%n", &number, of, &used) == 2 && used == 15)
            return at + 1;
    return NULL;
}

int latent_parts_are(const char *path)
{
    unsigned of = 0;
    return numbered(path, &of) && of > 1 && of <= MOST_PARTS;
}

int latent_parts_read(latent_weights *w, const char *path, latent_error *e)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    unsigned of = 0;
    const char *number = numbered(path, &of);
    size_t before = (size_t)(number - name);
    char part[LONGEST_NAME];
    for (unsigned i = 1; i <= of; i++) {
        int n =
            snprintf(part, sizeof(part), "%.*s%05u%s", (int)before, name, i % 100000, number + 5);
        if (n < 0 || n >= (int)sizeof(part))
            return latent_fail(e, "the name of the file is too long");
        if (read_part(w, path, part, e))
            return -1;
    }
    return 0;
}

/* The names of the parts, each once and in the order in which they are met. */
typedef struct {
    char name[MOST_PARTS][80];
    size_t n;
} part_list;

static int note_part(part_list *l, const char *name, latent_error *e)
{
    for (size_t i = l->n; i-- > 0;)
        if (!strcmp(l->name[i], name))
            return 0;
    if (l->n == MOST_PARTS || strlen(name) >= sizeof(*l->name))
        return latent_fail(e,
                           "this index names more parts than any network has, or one with a very "
                           "long name");
    snprintf(l->name[l->n++], sizeof(*l->name), "%.79s", name);
    return 0;
}

static int read_map(latent_json *j, part_list *l, latent_error *e)
{
    char key[LONGEST_NAME], name[LONGEST_NAME];
    int n = 0, more;
    if (latent_json_enter(j, '{'))
        return -1;
    while ((more = latent_json_next(j, '{', &n, key, sizeof(key))) > 0)
        if (latent_json_string(j, name, sizeof(name)) < 0 || note_part(l, name, e))
            return -1;
    return more;
}

static int read_index(latent_json *j, part_list *l, latent_error *e)
{
    char key[40];
    int n = 0, more;
    if (latent_json_enter(j, '{'))
        return -1;
    while ((more = latent_json_next(j, '{', &n, key, sizeof(key))) > 0)
        if (strcmp(key, "weight_map") ? latent_json_skip(j) : read_map(j, l, e))
            return -1;
    return more;
}

int latent_parts_index(latent_weights *w, const char *path, latent_error *e)
{
    size_t size = (size_t)w->source.own;
    part_list *l = calloc(1, sizeof(*l));
    char *text = w->source.own < LONGEST_INDEX ? malloc(size + 1) : NULL;
    latent_error why = {""};
    int failed = !l || !text;
    if (failed)
        latent_fail(e, "this text is too long for an index of parts");
    else if (!(failed = latent_bytes_read(&w->source, 0, text, size, e) < 0)) {
        latent_json j = {text, text + size};
        if ((failed = read_index(&j, l, &why)))
            latent_fail(e, "%s",
                        *why.text ? why.text
                                  : "this text with settings (JSON) is damaged; fetch it again");
        else if (!l->n)
            failed = latent_stranger(&w->source, path, e);
    }
    for (size_t i = 0; !failed && i < l->n; i++)
        failed = read_part(w, path, l->name[i], e);
    free(text);
    free(l);
    return failed ? -1 : 0;
}
