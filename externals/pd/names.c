/* names: see names.h */
#include "names.h"
#include "box.h"
#include "words.h"
#include <s_stuff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST (MAXPDSTRING - 16) /* what is put behind a name has room: "/000001.png" */

/* ---- patches */

/* The patch whose file a canvas is from: parts of it lie in the same file. */
static t_canvas *patch_of(t_canvas *c)
{
    while (c->gl_owner && !c->gl_env)
        c = c->gl_owner;
    return c;
}

static int is_box_of_ours(const t_canvas *c)
{
    return c->gl_owner && !strncmp(c->gl_name->s_name, "latent.", 7);
}

static t_canvas *users_patch(t_canvas *c)
{
    for (c = patch_of(c); is_box_of_ours(c);)
        c = patch_of(c->gl_owner);
    return c;
}

/* ---- names */

static int fail_long(const char *file, latent_error *e)
{
    return latent_fail(e,
                       "the name %.40s... is too long; with its folders it has at most %d letters",
                       file, LONGEST - 1);
}

/* The name with the home folder in the place of its ~. */
static int expand(const char *file, char name[MAXPDSTRING], latent_error *e)
{
    int at_home = file[0] == '~' && (!file[1] || file[1] == '/');
    const char *home = at_home ? getenv("HOME") : "";
    if (!home || (at_home && !*home))
        return latent_fail(
            e, "%s can't be found: ~ is the home folder, but HOME does not say which", file);
    return snprintf(name, MAXPDSTRING, "%s%s", home, file + at_home) < MAXPDSTRING
               ? 0
               : fail_long(file, e);
}

static int place(t_canvas *canvas, const char *file, char path[MAXPDSTRING], latent_error *e)
{
    char name[MAXPDSTRING];
    const char *dir = canvas ? canvas_getdir(users_patch(canvas))->s_name : "";
    if (expand(file, name, e))
        return -1;
    if (sys_isabsolutepath(name))
        dir = "";
    return snprintf(path, MAXPDSTRING, "%s%s%s", dir, *dir ? "/" : "", name) < LONGEST
               ? 0
               : fail_long(file, e);
}

int latent_place(t_object *x, t_outlet *info, t_canvas *canvas, const char *file,
                 char path[MAXPDSTRING])
{
    latent_error e;
    if (!place(canvas, file, path, &e))
        return 0;
    if (info)
        latent_words_error(x, info, e.text);
    else
        latent_complain(x, "%s", e.text);
    return -1;
}

typedef struct {
    char *text;
    size_t size;
    const char *name;
    int failed; /* no memory */
} t_paths;

/* Returns 1: go on (for canvas_path_iterate).  What would be too long can't be there. */
static int add_path(const char *dir, void *data)
{
    t_paths *p = data;
    size_t room = strlen(dir) + strlen(p->name) + 2;
    char *text = room <= MAXPDSTRING ? realloc(p->text, p->size + room + 1) : NULL;
    if (!text) {
        p->failed |= room <= MAXPDSTRING;
        return 1;
    }
    p->text = text;
    p->size += (size_t)snprintf(text + p->size, room, "%s%s%s", dir, *dir ? "/" : "", p->name) + 1;
    text[p->size] = 0;
    return 1;
}

/* Beside a patch, then beside the one that it is a part of, and so on; our boxes come last. */
static void add_patches(t_canvas *canvas, t_paths *p)
{
    for (int ours = 0; ours < 2; ours++)
        for (t_canvas *c = canvas ? patch_of(canvas) : NULL; c;
             c = c->gl_owner ? patch_of(c->gl_owner) : NULL)
            if (is_box_of_ours(c) == ours)
                add_path(canvas_getdir(c)->s_name, p);
}

char *latent_names_find(t_canvas *canvas, const char *file, size_t *size, latent_error *e)
{
    char name[MAXPDSTRING];
    t_paths p = {NULL, 0, name, 0};
    if (expand(file, name, e))
        return NULL;
    if (sys_isabsolutepath(name))
        add_path("", &p);
    else {
        add_patches(canvas, &p);
        canvas_path_iterate(canvas, add_path, &p);
    }
    *size = p.size;
    if (p.text && !p.failed)
        return p.text;
    free(p.text);
    if (p.failed)
        latent_fail(e, "there is no memory to look for %s", file);
    else
        fail_long(file, e);
    return NULL;
}

char *latent_find_paths(t_object *x, t_canvas *canvas, const char *file)
{
    size_t size;
    latent_error e;
    char *paths = latent_names_find(canvas, file, &size, &e);
    if (!paths)
        latent_complain(x, "%s", e.text);
    return paths;
}
