/* model: see model.h */
#include "model.h"
#include "../base/lock.h"
#include "../base/system.h"
#include "../ops/encoder.h"
#include "architectures.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every architecture that can be read, in the order in which they are tried. */
static const latent_arch *const architectures[] = {
    &latent_arch_stylegan2,
    &latent_arch_clip,
    &latent_arch_clip_tiny,
};

static atomic_size_t all_bytes; /* of the models' weights */

static int is_checkpoint(const latent_weights *w)
{
    const char *latent = latent_weights_text(w, "latent");
    return (latent && !strncmp(latent, "training", 8)) || latent_weights_text(w, "training");
}

static latent_model *build(latent_weights *w, const char *label, int half, latent_progress p,
                           latent_error *e)
{
    char prefix[LATENT_PREFIX];
    const char *is;
    latent_model *m;
    if (is_checkpoint(w)) {
        latent_fail(e, "a training was saved here, which is no network: resume it with "
                       "[latent.train], whose write gives the network");
        return NULL;
    }
    for (size_t i = 0; i < sizeof(architectures) / sizeof(*architectures); i++) {
        const latent_arch *arch = architectures[i];
        if (!arch->recognise(w, prefix, sizeof(prefix)))
            continue;
        if (!(m = calloc(1, sizeof(*m)))) {
            latent_fail(e, "no memory for a model");
            return NULL;
        }
        m->refs = 1;
        m->arch = arch;
        m->half = half && arch->input;
        snprintf(m->label, sizeof(m->label), "%s", label);
        if (arch->build(m, w, prefix, p, e) ||
            (arch->input && latent_model_sign(m, w, prefix, e))) {
            m->kept_bytes = 0; /* they were not counted yet */
            latent_model_release(m);
            return NULL;
        }
        atomic_fetch_add(&all_bytes, m->kept_bytes);
        return m;
    }
    if ((is = latent_model_stranger(w)))
        latent_fail(e, "this is %s; it can't be played here. Give a StyleGAN2 generator or a CLIP",
                    is);
    else
        latent_fail(e,
                    "a %s file with %zu tensors (%.60s ...), but no network that is known: a "
                    "StyleGAN2 generator or a CLIP is expected",
                    latent_weights_format(w), latent_weights_count(w),
                    latent_weights_at(w, 0)->name);
    return NULL;
}

latent_model *latent_model_from_weights(latent_weights *w, const char *label, latent_progress p,
                                        latent_error *e)
{
    return build(w, label, 0, p, e);
}

size_t latent_models_bytes(void)
{
    return atomic_load(&all_bytes);
}

/* ---- the cache: every living model that came from a file, so that none is loaded twice */

LATENT_LOCK(lock)
static latent_model *cached;

static int identify(const char *path, uint64_t file[4])
{
    struct stat s;
    struct timespec changed;
    if (stat(path, &s))
        return -1;
    file[0] = (uint64_t)s.st_dev;
    file[1] = (uint64_t)s.st_ino;
    file[2] = (uint64_t)s.st_size;
    changed = latent_changed(&s);
    file[3] = (uint64_t)changed.tv_sec * 1000000000u + (uint64_t)changed.tv_nsec;
    return 0;
}

static latent_model *find_cached(const uint64_t file[4], int half)
{
    latent_model *m = cached;
    while (m && (memcmp(m->file, file, sizeof(m->file)) || m->half != half))
        m = m->next_cached;
    if (m)
        m->refs++;
    return m;
}

/* Looks for what belongs to the model in the folder of a path; what beside() gives. */
static int find_beside(latent_model *m, const char *path, int home, latent_error *e)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int n = snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 2,
                     slash ? path : "./");
    return n < (int)sizeof(folder) ? m->arch->beside(m, folder, home, e) : 0;
}

/* The same in the folder of path, then in those of paths. */
static int find_all(latent_model *m, const char *path, const char *paths, latent_error *e)
{
    int found = m->arch->beside ? find_beside(m, path, 1, e) : 1;
    for (; !found && *paths; paths += strlen(paths) + 1)
        found = find_beside(m, paths, 0, e);
    return found;
}

static latent_model *load(const char *path, const char *paths, int half, latent_progress p,
                          latent_error *e)
{
    const char *slash = strrchr(path, '/');
    latent_weights *w;
    latent_model *m = NULL, *other = NULL;
    uint64_t file[4];
    int known = !identify(path, file), found;
    pthread_mutex_lock(&lock);
    if (known)
        m = find_cached(file, half);
    pthread_mutex_unlock(&lock);
    if (m || !(w = latent_weights_open(path, e)))
        return m;
    m = build(w, slash ? slash + 1 : path, half, p, e);
    latent_weights_close(w);
    found = m ? find_all(m, path, paths, e) : 0;
    if (found == LATENT_NOT_TO_BE_PLAYED) {
        latent_model_release(m);
        return NULL;
    }
    if (found != 1 || !known) /* when all is there the file is read anew */
        return m;
    pthread_mutex_lock(&lock);
    if (!(other = find_cached(file, m->half))) { /* nobody loaded it meanwhile */
        memcpy(m->file, file, sizeof(file));
        m->next_cached = cached;
        cached = m;
    }
    pthread_mutex_unlock(&lock);
    if (!other)
        return m;
    latent_model_release(m);
    return other;
}

latent_model *latent_model_load(const char *path, latent_progress p, latent_error *e)
{
    return load(path, "", 0, p, e);
}

static latent_model *load_first(const char *paths, int half, latent_progress p, latent_error *e)
{
    for (const char *path = paths; *path; path += strlen(path) + 1)
        if (!access(path, F_OK))
            return load(path, paths, half, p, e);
    latent_fail(e,
                "no such file; it was looked for beside the patch and in Pd's path (first as %s)",
                paths);
    return NULL;
}

latent_model *latent_model_load_first(const char *paths, latent_progress p, latent_error *e)
{
    return load_first(paths, 0, p, e);
}

latent_model *latent_model_load_half(const char *paths, latent_progress p, latent_error *e)
{
    return load_first(paths, 1, p, e);
}

latent_model *latent_model_retain(latent_model *m)
{
    if (m) {
        pthread_mutex_lock(&lock);
        m->refs++;
        pthread_mutex_unlock(&lock);
    }
    return m;
}

static void release(latent_deferred_free *g)
{
    latent_model *m = (latent_model *)((char *)g - offsetof(latent_model, grave));
    atomic_fetch_sub(&all_bytes, m->kept_bytes);
    if (m->net)
        m->arch->free(m);
    free(m->w_avg);
    free(m);
}

void latent_model_release(latent_model *m)
{
    int dead;
    if (!m)
        return;
    pthread_mutex_lock(&lock);
    if ((dead = --m->refs == 0))
        for (latent_model **at = &cached; *at; at = &(*at)->next_cached)
            if (*at == m) {
                *at = m->next_cached;
                break;
            }
    pthread_mutex_unlock(&lock);
    if (dead)
        latent_deferred_free_add(&m->grave, release);
}

int latent_model_write(const latent_model *m, const char *path, latent_error *e)
{
    if (!m->arch->write)
        return latent_fail(e, "%s is a %s, which is not written again; copy its file instead",
                           m->label, m->arch->name);
    return m->arch->write(m, path, e);
}

int latent_model_is(const latent_model *m, latent_model_kind kind, latent_error *e)
{
    if (kind == LATENT_ENCODER && !m->arch->picture)
        return latent_fail(e,
                           "%s is a generator (%s), which draws pictures; this box takes a CLIP, "
                           "which compares pictures and words",
                           m->label, m->arch->name);
    if (kind == LATENT_GENERATOR && !m->arch->input)
        return latent_fail(e,
                           "%s is a %s, which compares pictures and words; this box takes a "
                           "generator, and [latent.clip] and [latent.guide] take this",
                           m->label, m->arch->name);
    return 0;
}

/* The picture as the encoder is shown it, with one more holder. */
static latent_node *show(latent_model *m, latent_node *picture, latent_error *e)
{
    int size = m->resolution;
    if (latent_model_is(m, LATENT_ENCODER, e))
        return NULL;
    if (picture->shape.c != 3) {
        latent_fail(e,
                    "a picture with %d channels came; a CLIP looks at three, red, green and blue",
                    picture->shape.c);
        return NULL;
    }
    if (picture->shape.h == size && picture->shape.w == size)
        return latent_node_retain(picture);
    return latent_op_center_crop(picture, size, e);
}

latent_node *latent_model_embed_picture(latent_model *m, latent_node *picture, latent_error *e)
{
    latent_node *shown = show(m, picture, e);
    latent_node *embedding = shown ? m->arch->picture(m, shown, e) : NULL;
    latent_node_release(shown);
    return embedding;
}

latent_node *latent_model_look(latent_model *m, latent_node *picture, int depth, latent_error *e)
{
    latent_node *shown = show(m, picture, e), *seen = NULL;
    if (shown && (depth < 1 || depth > m->depth || !m->arch->look))
        latent_fail(e, "%s looks in %d steps; depth %d is none of them", m->label, m->depth, depth);
    else if (shown)
        seen = m->arch->look(m, shown, depth, e);
    latent_node_release(shown);
    return seen;
}

latent_node *latent_model_embed_text(latent_model *m, const char *text, latent_error *e)
{
    return latent_model_is(m, LATENT_ENCODER, e) ? NULL : m->arch->text(m, text, e);
}

latent_node *latent_model_pooled(latent_model *m, latent_node *picture, latent_error *e)
{
    latent_node *shown = show(m, picture, e), *pooled = NULL;
    if (shown && m->arch->pooled)
        pooled = m->arch->pooled(m, shown, e);
    else if (shown)
        latent_fail(e, "%s is a %s, which has no pooled features; a clip-tiny has", m->label,
                    m->arch->name);
    latent_node_release(shown);
    return pooled;
}

int latent_model_layer(const latent_model *m, const char *name, latent_error *e)
{
    char names[256] = "";
    size_t used = 0;
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    for (int i = 0; i < m->n_layers; i++)
        if (!strcmp(m->layers[i], name))
            return i;
    for (int i = 0; i < m->n_layers && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", m->layers[i]);
    return latent_fail(e, "no layer %s in %s; its layers are%s", name, m->label, names);
}

int latent_model_rows(const latent_model *m, int n, latent_error *e)
{
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    if (n == m->w_dim)
        return 1;
    if (n == m->num_ws * m->w_dim)
        return m->num_ws;
    return latent_fail(e,
                       "a list of %d numbers came; %s takes w (%d numbers) or W+ (%d x %d = %d "
                       "numbers)",
                       n, m->label, m->w_dim, m->num_ws, m->w_dim, m->num_ws * m->w_dim);
}

int latent_model_map(const latent_model *m, const float *z, const float *classes, float *w,
                     latent_error *e)
{
    return latent_model_is(m, LATENT_GENERATOR, e) ? -1 : m->arch->map(m, z, classes, w, e);
}

int latent_model_truncate(const latent_model *m, const float *w, float psi, int cutoff, float *ws,
                          latent_error *e)
{
    int rows = cutoff < 0 ? 1 : m->num_ws;
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return -1;
    if (psi != 1 && !m->w_avg)
        return latent_fail(e, "%s knows no mean of w, so psi must be 1", m->label);
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < m->w_dim; i++) {
            float v = w[i];
            if (psi != 1 && (cutoff < 0 || r < cutoff))
                v = m->w_avg[i] + psi * (v - m->w_avg[i]);
            ws[(size_t)r * (size_t)m->w_dim + (size_t)i] = v;
        }
    return 0;
}

latent_node *latent_model_input(latent_model *m, const float *w, int rows, latent_error *e)
{
    return latent_model_is(m, LATENT_GENERATOR, e) ? NULL : m->arch->input(m, w, rows, e);
}

latent_node *latent_model_forward(latent_model *m, int layer, latent_node *features,
                                  const float *own, int rows, latent_noise noise, latent_error *e)
{
    if (latent_model_is(m, LATENT_GENERATOR, e))
        return NULL;
    return m->arch->layer(m, layer, features, own, rows, noise, e);
}

latent_node *latent_model_picture(latent_model *m, const float *w, int rows, int last,
                                  latent_noise noise, latent_error *e)
{
    latent_node *features = latent_model_input(m, w, rows, e), *next, *picture;
    for (int i = 0; features && i <= (last < 0 ? m->n_layers - 1 : last); i++) {
        next = latent_model_forward(m, i, features, NULL, 0, noise, e);
        latent_node_release(features);
        features = next;
    }
    picture = features ? latent_features_rgb(features, e) : NULL;
    latent_node_release(features);
    return picture;
}

/* ---- features promises */

static int features_shape(const latent_node *n, latent_shape *s, latent_error *e)
{
    (void)e;
    *s = n->in[0]->shape;
    return 0;
}

static void features_retain(void *params)
{
    latent_model_retain(((latent_features *)params)->model);
}

static void features_release(void *params)
{
    latent_model_release(((latent_features *)params)->model);
}

const latent_op latent_op_features = {
    .name = "features",
    .n_computed = 1,
    .shape = features_shape,
    .retain = features_retain,
    .release = features_release,
};

latent_node *latent_features_make(latent_model *m, int layer, latent_node *x, latent_node *drawn,
                                  latent_node *const *styles, int n_styles, latent_error *e)
{
    latent_features p;
    latent_node *n, **in = malloc(((size_t)n_styles + 2) * sizeof(*in));
    if (!in) {
        latent_fail(e, "no memory for one more promise");
        return NULL;
    }
    memset(&p, 0, sizeof(p));
    p.model = m;
    p.layer = layer;
    in[0] = x;
    in[1] = drawn;
    memcpy(in + 2, styles, (size_t)n_styles * sizeof(*in));
    n = latent_node_make(&latent_op_features, in, n_styles + 2, &p, sizeof(p), NULL, e);
    free(in);
    return n;
}

const latent_features *latent_features_of(const latent_node *n)
{
    return n && n->op == &latent_op_features ? n->params : NULL;
}

latent_node *latent_features_rgb(const latent_node *n, latent_error *e)
{
    const latent_features *f = latent_features_of(n);
    if (!f) {
        latent_fail(e, "a picture came where features were expected");
        return NULL;
    }
    if (!n->in[1]) {
        const char *last = f->model->layers[f->model->n_layers - 1];
        latent_fail(e,
                    f->layer < 0 ? "nothing is drawn yet: put a layer between (the first is %s)"
                                 : "this network draws only after its last layer, %s "
                                   "([latent.tap] shows the others)",
                    f->layer < 0 ? f->model->layers[0] : last);
        return NULL;
    }
    return latent_node_retain(n->in[1]);
}
