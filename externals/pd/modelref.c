/* modelref: see modelref.h.  All references to one file or one name share a slot; the slot loads
   the file on the loader's thread and tells its references.  Everything here is Pd's thread's. */
#include "modelref.h"
#include "box.h"
#include "engine/base/system.h"
#include "job_queue.h"
#include <g_canvas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a box that names no model uses, by the kind that it takes. */
static const char *const builtin_file[] = {
    [LATENT_ANY_KIND] = "fish.safetensors",
    [LATENT_GENERATOR] = "fish.safetensors",
    [LATENT_ENCODER] = "clip-tiny.safetensors",
    [LATENT_DENOISER] = "fish-diffusion.safetensors",
    [LATENT_DECODER] = "fish-diffusion.safetensors",
    [LATENT_SEQUENCE] = "sequence.safetensors",
};

typedef enum { UNKNOWN, LOADING, READY, FAILED } t_state;

typedef struct _slot {
    struct _slot *next;
    t_symbol *word; /* what was written in the box */
    char *paths;    /* where a file may lie; NULL for a name */
    size_t paths_size;
    int half; /* weights in half precision */
    t_state state;
    latent_model *model; /* held */
    char *reason;        /* why loading failed */
    t_latent_job_queue *mail;
    t_latent_modelref *users;
    t_object *giver;    /* the box that has given it this name, or NULL */
    struct _slot *from; /* by which that box has the model, or NULL; the box holds it */
    int busy;           /* telling its users: not to be freed */
} t_slot;

struct _latent_modelref {
    t_latent_modelref *next;
    t_object *owner;
    t_slot *slot;
    int builtin, told, waited;
    latent_model_kind kind;
    void (*ready)(void *x);
    void (*failed)(void *x);
    void (*progress)(void *x, int permille);
};

typedef struct {
    latent_job job;
    latent_model *model;
    char *paths;
    int half;
} t_load;

static t_slot *slots;

/* ---- where files lie */

/* The built-in models lie beside this library.  The path, and an empty one behind it. */
static char *builtin_path(const char *file, size_t *size)
{
    char *beside = latent_beside(file), *path = NULL;
    int n = beside ? asprintf(&path, "%s%c", beside, 0) : 0;
    free(beside);
    *size = n > 0 ? (size_t)n : 0;
    return n > 0 ? path : NULL;
}

/* ---- loading */

static int load_work(latent_job *job)
{
    t_load *l = (t_load *)job;
    latent_progress progress = {&job->permille, &job->cancel};
    l->model = (l->half ? latent_model_load_half : latent_model_load_first)(l->paths, progress,
                                                                            &job->error);
    return l->model ? 0 : -1;
}

static void load_discard(latent_job *job)
{
    t_load *l = (t_load *)job;
    latent_model_release(l->model);
    free(l->paths);
    free(l);
}

static void free_slot(t_slot *s)
{
    t_slot **at = &slots;
    while (*at && *at != s)
        at = &(*at)->next;
    if (*at)
        *at = s->next;
    latent_job_queue_free(s->mail);
    latent_model_release(s->model);
    free(s->reason);
    free(s->paths);
    free(s);
}

static int slot_unused(const t_slot *s)
{
    return !s->users && !s->busy && !s->giver;
}

/* Calls what(user) for every user; they may delete themselves and each other meanwhile. */
static void tell(t_slot *s, void (*what)(t_latent_modelref *r, int value), int value)
{
    t_latent_modelref *r;
    s->busy++;
    for (r = s->users; r; r = r->next)
        r->told = 0;
    for (r = s->users; r;) {
        if (r->told)
            r = r->next;
        else {
            r->told = 1;
            what(r, value);
            r = s->users; /* from the start: the list may have changed */
        }
    }
    s->busy--;
    if (slot_unused(s))
        free_slot(s);
}

static void tell_ready(t_latent_modelref *r, int value)
{
    (void)value;
    if (r->ready)
        r->ready(r->owner);
}

static void tell_progress(t_latent_modelref *r, int permille)
{
    if (r->progress)
        r->progress(r->owner, permille);
}

static void complain_failed(t_latent_modelref *r)
{
    const char *reason = r->slot->reason ? r->slot->reason : "no memory";
    const char *name = r->slot->word->s_name, *slash = strrchr(name, '/');
    size_t n = strlen(slash ? slash + 1 : name);
    if (r->builtin)
        latent_complain(r->owner, "can't load the built-in model: %s", reason);
    else if (!strncmp(reason, slash ? slash + 1 : name, n) && reason[n] == ':')
        latent_complain(r->owner, "can't load %s", reason); /* which names the file itself */
    else
        latent_complain(r->owner, "can't load %s: %s", name, reason);
}

static void tell_failed(t_latent_modelref *r, int value)
{
    (void)value;
    complain_failed(r);
    if (r->failed)
        r->failed(r->owner);
}

static void slot_progress(void *owner, int permille)
{
    tell(owner, tell_progress, permille);
}

static void slot_done(void *owner, latent_job *job)
{
    t_slot *s = owner;
    t_load *l = (t_load *)job;
    if (job->failed) {
        s->state = FAILED;
        free(s->reason);
        s->reason = strdup(job->error.text);
        tell(s, tell_failed, 0);
        return;
    }
    latent_model_release(s->model);
    s->model = l->model;
    l->model = NULL;
    s->state = READY;
    tell(s, tell_ready, 0);
}

static void slot_load(t_slot *s)
{
    t_load *l = calloc(1, sizeof(*l));
    s->state = FAILED;
    if (!l || !s->paths || !(l->paths = malloc(s->paths_size + 1)) ||
        (!s->mail && !(s->mail = latent_job_queue_new(s, LATENT_LOADER, 0, slot_done)))) {
        if (l)
            free(l->paths);
        free(l);
        return;
    }
    memcpy(l->paths, s->paths, s->paths_size + 1);
    l->half = s->half;
    l->job.work = load_work;
    l->job.discard = load_discard;
    s->state = LOADING;
    latent_job_queue_watch(s->mail, slot_progress);
    if (latent_job_queue_send(s->mail, &l->job) < 0)
        s->state = FAILED;
}

/* ---- references */

static t_slot *find_slot(t_symbol *word, const char *paths, size_t size, int half)
{
    for (t_slot *s = slots; s; s = s->next)
        if (paths ? s->paths && s->half == half && s->paths_size == size &&
                        !memcmp(s->paths, paths, size)
                  : !s->paths && s->word == word)
            return s;
    return NULL;
}

static t_slot *make_slot(t_symbol *word, char *paths, size_t size, int half)
{
    t_slot *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->word = word;
    s->paths = paths;
    s->paths_size = size;
    s->half = half;
    s->next = slots;
    slots = s;
    return s;
}

static int looks_like_file(const char *word)
{
    return strchr(word, '.') || strchr(word, '/');
}

/* Does a slot have its model from the one of that name?  Boxes are kept from going round in
   circles, so that this ends. */
static int leads_to(const t_slot *s, const t_symbol *name)
{
    while (s && (s->paths || s->word != name))
        s = s->from;
    return s != NULL;
}

/* The slot of a word that is a name; NULL where it is, or may be, a file.  -1 after a complaint. */
static int name_slot(t_object *x, t_symbol *word, const t_symbol *own, t_slot **found)
{
    t_slot *s = find_slot(word, NULL, 0, 0);
    *found = s;
    if (!own || (s ? !leads_to(s, own) : word != own))
        return 0;
    *found = NULL;
    if (looks_like_file(word->s_name))
        return 0;
    latent_complain(x,
                    "%s can't be read: it is the name that this box gives its model%s; give the "
                    "name of a file, or of another model",
                    word->s_name, word == own ? "" : ", by way of another box");
    return -1;
}

static t_latent_modelref *make_reference(t_object *x, t_canvas *canvas, t_symbol *word, int half,
                                         latent_model_kind kind, const t_symbol *own,
                                         void (*ready)(void *x))
{
    t_latent_modelref *r;
    const char *file = builtin_file[kind];
    int builtin = !word || !*word->s_name;
    t_slot *s = NULL;
    latent_error e = {"no memory for a model"};
    if (!builtin && name_slot(x, word, own, &s))
        return NULL;
    if (!(r = calloc(1, sizeof(*r))))
        return NULL;
    if (!s && (builtin || looks_like_file(word->s_name))) {
        size_t size;
        char *paths = builtin ? builtin_path(file, &size)
                              : latent_names_find(canvas, word->s_name, &size, &e);
        if (paths && (s = find_slot(word, paths, size, half)))
            free(paths);
        else if (!paths || !(s = make_slot(builtin ? gensym(file) : word, paths, size, half)))
            free(paths);
    } else if (!s)
        s = make_slot(word, NULL, 0, 0);
    if (!s) {
        free(r);
        latent_complain(x, "%s", e.text);
        return NULL;
    }
    r->owner = x;
    r->slot = s;
    r->builtin = builtin;
    r->kind = kind;
    if (s->paths && (s->state == UNKNOWN || s->state == FAILED)) {
        s->busy++; /* offline it is loaded here and now, and has no users yet */
        slot_load(s);
        s->busy--;
        if (s->state == FAILED)
            complain_failed(r);
    }
    r->ready = ready;
    r->next = s->users;
    s->users = r;
    return r;
}

t_latent_modelref *latent_modelref_new(t_object *x, t_symbol *word, void (*ready)(void *x))
{
    return make_reference(x, canvas_getcurrent(), word, 0, LATENT_GENERATOR, NULL, ready);
}

t_latent_modelref *latent_modelref_new_at(t_object *x, t_canvas *canvas, t_symbol *word,
                                          void (*ready)(void *x))
{
    return make_reference(x, canvas, word, 0, LATENT_GENERATOR, NULL, ready);
}

t_latent_modelref *latent_modelref_new_for(t_object *x, t_canvas *canvas, t_symbol *word, int half,
                                           t_symbol *own, void (*ready)(void *x))
{
    return make_reference(x, canvas, word, half, LATENT_ANY_KIND, own, ready);
}

t_latent_modelref *latent_modelref_new_of(t_object *x, latent_model_kind kind, t_symbol *word,
                                          void (*ready)(void *x))
{
    return make_reference(x, canvas_getcurrent(), word, 0, kind, NULL, ready);
}

void latent_modelref_watch(t_latent_modelref *r, void (*failed)(void *x),
                           void (*progress)(void *x, int permille))
{
    r->failed = failed;
    r->progress = progress;
}

void latent_modelref_free(t_latent_modelref *r)
{
    t_latent_modelref **at;
    if (!r)
        return;
    for (at = &r->slot->users; *at && *at != r;)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
    if (slot_unused(r->slot))
        free_slot(r->slot);
    free(r);
}

latent_model *latent_modelref_get(t_latent_modelref *r, int complain)
{
    t_slot *s;
    latent_error e;
    if (!r)
        return NULL;
    s = r->slot;
    if (s->state == LOADING && s->paths && latent_offline()) { /* offline nothing waits */
        latent_job_queue_cancel(s->mail);
        slot_load(s);
    }
    if (s->model && latent_model_is(s->model, r->kind, &e)) {
        if (complain)
            latent_complain(r->owner, "%s", e.text);
        return NULL;
    }
    if (s->model || !complain)
        return s->model;
    if (s->state == LOADING) {
        if (!r->waited)
            post("%s: waits while %s is being loaded", class_getname(pd_class(&r->owner->ob_pd)),
                 s->word->s_name);
        r->waited = 1;
    } else if (s->state == FAILED)
        complain_failed(r);
    else
        latent_complain(
            r->owner,
            "no model is called %s; name one by [latent.model <file> -name %s], or give "
            "the name of a file",
            s->word->s_name, s->word->s_name);
    return NULL;
}

int latent_modelref_loading(const t_latent_modelref *r)
{
    return r && !r->slot->model && r->slot->state == LOADING;
}

void latent_modelref_reread(t_latent_modelref *r)
{
    if (r->slot->paths && r->slot->state == READY)
        slot_load(r->slot);
}

int latent_modelref_reading(const t_latent_modelref *r)
{
    return r->slot->state == LOADING ? 1 : r->slot->state == READY ? 0 : -1;
}

int latent_modelref_builtin(const t_latent_modelref *r)
{
    return r->builtin;
}

int latent_modelref_is_word(const t_atom *a)
{
    return a->a_type == A_SYMBOL && a->a_w.w_symbol->s_name[0] != '-';
}

int latent_modelref_leads_to(const t_latent_modelref *r, const t_symbol *name)
{
    return r && leads_to(r->slot, name);
}

/* The slot of a name that a box gives from now on; NULL without memory. */
static t_slot *give(t_object *x, t_symbol *name, const t_latent_modelref *from)
{
    t_slot *s = find_slot(name, NULL, 0, 0);
    if (!s && !(s = make_slot(name, NULL, 0, 0)))
        return NULL;
    if (s->giver && s->giver != x)
        latent_complain(x, "the name %s was another box's, a %s's; from now on it means this model",
                        name->s_name, class_getname(pd_class(&s->giver->ob_pd)));
    s->giver = x;
    s->from = from ? from->slot : NULL;
    return s;
}

static void take_back(const t_object *x, t_symbol *name)
{
    t_slot *s = find_slot(name, NULL, 0, 0);
    if (!s || s->giver != x)
        return;
    s->giver = NULL;
    s->from = NULL;
    if (!s->model)
        s->state = UNKNOWN;
    if (slot_unused(s))
        free_slot(s);
}

void latent_model_expect(t_object *x, t_symbol *name, const t_latent_modelref *from)
{
    t_slot *s = give(x, name, from);
    if (s && !s->model && (!from || latent_modelref_loading(from)))
        s->state = LOADING;
}

void latent_model_name(t_object *x, t_symbol *name, latent_model *m, const t_latent_modelref *from)
{
    t_slot *s = m ? give(x, name, from) : NULL;
    if (!m)
        take_back(x, name);
    if (!s)
        return;
    latent_model_retain(m);
    latent_model_release(s->model);
    s->model = m;
    s->state = READY;
    tell(s, tell_ready, 0);
}
