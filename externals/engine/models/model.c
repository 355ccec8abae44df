/* model: see model.h */
#include "model.h"
#include "../base/lock.h"
#include "../base/system.h"
#include "architectures.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every architecture that can be read, in the order in which they are tried. */
static const latent_arch *const architectures[] = {
    &latent_arch_stylegan2,
    &latent_arch_stylegan2_tensorflow,
    &latent_arch_stylegan2_rosinality,
    &latent_arch_stylegan3,
    &latent_arch_clip,
    &latent_arch_clip_tiny,
    &latent_arch_diffusion_tiny,
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
        m->half = half && arch->generator;
        snprintf(m->label, sizeof(m->label), "%s", label);
        if (arch->build(m, w, prefix, p, e)) {
            m->kept_bytes = 0; /* they were not counted yet */
            latent_model_release(m);
            return NULL;
        }
        atomic_fetch_add(&all_bytes, m->kept_bytes);
        return m;
    }
    if ((is = latent_model_stranger(w)))
        latent_fail(e, "this is %s; it can't be played here. Give a StyleGAN2 or 3 or a CLIP", is);
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
    free(m->generator.w_avg);
    free(m->denoiser.levels);
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

static int put(const latent_model *m, latent_model_place *to, latent_error *e)
{
    if (!m->arch->write)
        return latent_fail(e, "%s is a %s, which is not written again; copy its file instead",
                           m->label, m->arch->name);
    return m->arch->write(m, to, e);
}

int latent_model_write(const latent_model *m, const char *path, latent_error *e)
{
    return put(m, &(latent_model_place){.path = path}, e);
}

int latent_model_pack(const latent_model *m, void **data, size_t *size, latent_error *e)
{
    latent_model_place memory = {NULL, NULL, 0};
    int failed = put(m, &memory, e);
    *data = memory.data;
    *size = memory.size;
    return failed;
}
