/* dataset_jobs: see dataset_jobs.h */
#include "dataset_jobs.h"
#include "engine/ops/ops.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define THUMB 512 /* the longer side of a picture as it was, when it is shown */
#define MOST 120  /* words in a sentence */

/* ---- looking through a folder */

static int scan_work(latent_job *job)
{
    t_scan_job *s = (t_scan_job *)job;
    struct stat st;
    if (s->rule)
        return latent_scan_rule(&s->scan, s->rule, s->seed, s->count, &job->cancel, &job->error);
    for (char *path = s->paths; *path; path += strlen(path) + 1)
        if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
            s->folder = path;
            return latent_scan_folder(&s->scan, path, &job->cancel, &job->error);
        }
    return latent_fail(&job->error,
                       "there is no such folder; it was looked for beside the patch and in Pd's "
                       "path (first as %s)",
                       s->paths);
}

static void scan_discard(latent_job *job)
{
    t_scan_job *s = (t_scan_job *)job;
    latent_scan_free(&s->scan);
    free(s->paths);
    free(s);
}

t_scan_job *latent_scan_job(char *paths)
{
    t_scan_job *s = calloc(1, sizeof(*s));
    if (!s) {
        free(paths);
        return NULL;
    }
    s->job.work = scan_work;
    s->job.discard = scan_discard;
    s->paths = paths;
    return s;
}

t_scan_job *latent_scan_rule_job(const latent_rule *rule, uint32_t seed, int count)
{
    t_scan_job *s = latent_scan_job(NULL);
    if (s) {
        s->rule = rule;
        s->seed = seed;
        s->count = count;
    }
    return s;
}

/* ---- making a picture ready */

static latent_node *promise(latent_tensor *t, latent_error *e)
{
    latent_node *n = t ? latent_op_picture(t, e) : NULL;
    latent_tensor_release(t);
    return n;
}

static int plate_work(latent_job *job)
{
    t_plate_job *p = (t_plate_job *)job;
    latent_error *e = &job->error;
    latent_tensor *picture =
        p->original ? latent_tensor_retain(p->original)
        : p->rule   ? latent_sample_rule(p->rule, p->seed, p->number, p->settings.size, e)
                    : p->media->read(p->path, 3, &job->cancel, e);
    if (!picture)
        return -1;
    if (!p->plate)
        p->plate = latent_sample_make(picture, p->settings, &p->why);
    if (p->purpose == LATENT_SHOW) {
        p->before = promise(latent_sample_thumb(picture, THUMB, e), e);
        if (p->before && p->plate)
            p->after = promise(latent_sample_tensor(p->plate, e), e);
    }
    latent_tensor_release(picture);
    if (p->purpose == LATENT_SHOW && (!p->before || (p->plate && !p->after)))
        return -1;
    return p->plate || p->purpose == LATENT_SHOW ? 0 : latent_fail(e, "%s", p->why.text);
}

static void plate_discard(latent_job *job)
{
    t_plate_job *p = (t_plate_job *)job;
    latent_sample_release(p->plate);
    latent_tensor_release(p->original);
    latent_node_release(p->before);
    latent_node_release(p->after);
    free(p->name);
    free(p->path);
    free(p);
}

t_plate_job *latent_sample_job(const t_latent_media *m, t_latent_purpose purpose,
                               const latent_dataset_entry *q, int index, int take,
                               latent_sample_settings settings)
{
    t_plate_job *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->job.work = plate_work;
    p->job.discard = plate_discard;
    p->media = m;
    p->purpose = purpose;
    p->index = index;
    p->take = take;
    p->settings = settings;
    if (!q)
        return p;
    p->name = strdup(q->name);
    p->path = q->path ? strdup(q->path) : NULL;
    p->rule = q->rule;
    p->seed = q->seed;
    p->number = q->index;
    p->original = q->original ? latent_tensor_retain(q->original) : NULL;
    if (q->plate && !q->stale)
        p->plate = latent_sample_retain(q->plate);
    if (p->name && (p->path || p->original || p->rule))
        return p;
    plate_discard(&p->job);
    return NULL;
}

/* ---- writing */

/* Makes the folder that a file of this path lies in. */
static int make_place(const t_store_job *s, latent_error *e)
{
    char folder[MAXPDSTRING];
    char *slash;
    snprintf(folder, sizeof(folder), "%s", s->path);
    if ((slash = strrchr(folder, '/')) && slash != folder)
        *slash = 0;
    return s->media->folder(folder, e);
}

static int store_work(latent_job *job)
{
    t_store_job *s = (t_store_job *)job;
    latent_error *e = &job->error;
    if (s->plate)
        return make_place(s, e) || s->media->write(s->path, s->plate->bytes, s->plate->size,
                                                   s->plate->size, 3, e)
                   ? -1
                   : 0;
    if (s->text)
        return latent_file_write(s->path, s->text, s->size, e);
    if (s->media->folder(s->path, e))
        return -1;
    if (*s->from && latent_folder_same(s->path, s->from))
        return latent_fail(e, "the pictures were read from this folder, and would be written over; "
                              "choose another");
    return 0;
}

static void store_discard(latent_job *job)
{
    t_store_job *s = (t_store_job *)job;
    latent_sample_release(s->plate);
    free(s->text);
    free(s);
}

t_store_job *latent_store_job(const t_latent_media *m, const char *folder, const char *file)
{
    t_store_job *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->job.work = store_work;
    s->job.discard = store_discard;
    s->media = m;
    snprintf(s->path, sizeof(s->path), "%s%s%s", folder, *file ? "/" : "", file);
    return s;
}

/* ---- words on cords */

void latent_words_send(t_outlet *o, const char *selector, const char *sentence)
{
    t_atom words[MOST];
    char copy[LATENT_CAPTION], *rest = copy, *word;
    int n = 0;
    snprintf(copy, sizeof(copy), "%s", sentence);
    while (n < MOST && (word = strsep(&rest, " ")))
        if (*word) {
            SETSYMBOL(words + n, gensym(word));
            n++;
        }
    outlet_anything(o, gensym(selector), n, words);
}

/* ---- named sets */

typedef struct _named {
    struct _named *next;
    t_symbol *name;
    latent_dataset *set;
    const void *owner;
} t_named;

static t_named *named; /* all on Pd's thread */

void latent_dataset_name(t_symbol *name, latent_dataset *d, const void *owner)
{
    t_named **at = &named, *found;
    while (*at && (*at)->name != name)
        at = &(*at)->next;
    found = *at;
    if (!d) {
        if (found && found->owner == owner) {
            *at = found->next;
            free(found);
        }
        return;
    }
    if (!found && (found = calloc(1, sizeof(*found)))) {
        found->next = named;
        named = found;
    }
    if (found)
        *found = (t_named){found->next, name, d, owner};
}

int latent_dataset_known(t_symbol *name)
{
    const t_named *n = named;
    while (n && n->name != name)
        n = n->next;
    return n != NULL;
}

latent_source *latent_dataset_named(t_symbol *name, latent_error *e)
{
    for (const t_named *n = named; n; n = n->next)
        if (n->name == name)
            return latent_dataset_source(n->set, e);
    latent_fail(e, "no data set is called %s; [latent.dataset -name %s] gives one that name",
                name->s_name, name->s_name);
    return NULL;
}
