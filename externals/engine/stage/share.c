/* share: see share.h */
#include "share.h"
#include "../base/jobs.h"
#include "../picture/pixels.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#define MODE 0600

/* What stands before the pixels, as Gem has it (pix_share_write). */
typedef struct {
    size_t size; /* bytes for pixels */
    int w, h;
    unsigned format;           /* OpenGL's */
    unsigned char upside_down; /* 1: the first row is the upper one */
} header;

#ifdef __APPLE__
#define FORMAT 0x80e1 /* BGRA in reverse: the bytes are A R G B */
#define FIRST 1       /* byte of red */
#else
#define FORMAT 0x1908 /* RGBA */
#define FIRST 0
#endif

struct latent_share {
    atomic_int holders;
    int key, w, h;
    int id; /* -1: not there yet */
    header *at;
    void *aside; /* see take_another_id() */
    latent_share *next;
};

/* Memory outlives its program: what is left is removed at the end. */
static latent_share *all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

/* A polynomial of the characters, whose factor is another one each time. */
int latent_share_key(const char *name)
{
    uint32_t key = 0, factor = 63689;
    for (const signed char *c = (const signed char *)name; *c; c++, factor *= 378551)
        key = key * factor + (uint32_t)*c;
    return (int)(key & 0xffff);
}

latent_share *latent_share_new(const char *name, int w, int h, latent_error *e)
{
    latent_share *s;
    int key = latent_share_key(name);
    if (!key) {
        latent_fail(e, "Gem can't use the name \"%s\"; take another", name);
        return NULL;
    }
    if (!(s = calloc(1, sizeof(*s)))) {
        latent_fail(e, "there is no memory to share pictures");
        return NULL;
    }
    atomic_init(&s->holders, 1);
    s->key = key;
    s->w = w;
    s->h = h;
    s->id = -1;
    pthread_mutex_lock(&all_lock);
    s->next = all;
    all = s;
    pthread_mutex_unlock(&all_lock);
    return s;
}

latent_share *latent_share_retain(latent_share *s)
{
    atomic_fetch_add(&s->holders, 1);
    return s;
}

/* ---- the memory */

/* Gem takes memory number 0, the first that a computer gives away, for none: another one takes that
   number while this one lives. */
static int take_another_id(latent_share *s, size_t bytes)
{
    int aside;
    shmctl(s->id, IPC_RMID, NULL);
    aside = shmget(IPC_PRIVATE, 1, IPC_CREAT | MODE);
    if (aside >= 0) {
        s->aside = shmat(aside, NULL, 0);
        shmctl(aside, IPC_RMID, NULL); /* it goes when nobody has it any more */
        s->aside = s->aside == (void *)-1 ? NULL : s->aside;
    }
    return shmget(s->key, bytes, IPC_CREAT | MODE);
}

static int attach(latent_share *s, latent_error *e)
{
    size_t bytes = sizeof(header) + (size_t)s->w * (size_t)s->h * 4;
    struct shmid_ds found;
    void *at;
    s->id = shmget(s->key, bytes, IPC_CREAT | MODE);
    if (s->id < 0 && errno == EINVAL) /* Gem was first, and wants it smaller */
        s->id = shmget(s->key, sizeof(header), MODE);
    if (s->id == 0 && shmctl(0, IPC_STAT, &found) == 0 && !found.shm_nattch)
        s->id = take_another_id(s, bytes);
    at = s->id < 0 ? (void *)-1 : shmat(s->id, NULL, 0);
    if (at == (void *)-1 || shmctl(s->id, IPC_STAT, &found) || found.shm_segsz <= sizeof(header)) {
        latent_fail(e, "there is no shared memory for %d x %d pixels (%s)", s->w, s->h,
                    strerror(errno));
        if (at != (void *)-1)
            shmdt(at);
        return -1;
    }
    s->at = at;
    s->at->size = found.shm_segsz - sizeof(header);
    return 0;
}

static void remove_memory(latent_share *s)
{
    struct shmid_ds found;
    if (s->at)
        shmdt(s->at);
    if (s->at && shmctl(s->id, IPC_STAT, &found) == 0 && !found.shm_nattch)
        shmctl(s->id, IPC_RMID, NULL);
    if (s->aside)
        shmdt(s->aside);
    s->at = s->aside = NULL;
}

void latent_share_release(latent_share *s)
{
    latent_share **at = &all;
    if (!s || atomic_fetch_sub(&s->holders, 1) > 1)
        return;
    pthread_mutex_lock(&all_lock);
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    pthread_mutex_unlock(&all_lock);
    remove_memory(s);
    free(s);
}

__attribute__((destructor)) static void leave(void)
{
    if (all)
        latent_workers_stop();
    pthread_mutex_lock(&all_lock);
    for (latent_share *s = all; s; s = s->next)
        remove_memory(s);
    pthread_mutex_unlock(&all_lock);
}

/* ---- pictures */

/* The largest size of that shape for which there is room. */
static void fit(const latent_share *s, int h, int w, int *to_h, int *to_w)
{
    double pixels = (double)s->at->size / 4, ratio = sqrt(pixels / ((double)h * w));
    *to_h = ratio < 1 ? (int)(h * ratio) : h;
    *to_w = ratio < 1 ? (int)(w * ratio) : w;
    *to_h = *to_h < 1 ? 1 : *to_h;
    *to_w = *to_w < 1 ? 1 : *to_w;
}

int latent_share_show(latent_share *s, const latent_tensor *t, latent_error *e)
{
    int h = t->shape.h, w = t->shape.w, to_h, to_w, failed;
    uint8_t *full, *fitted;
    if (latent_pixels_check(t->shape, e) || (!s->at && attach(s, e)))
        return -1;
    fit(s, h, w, &to_h, &to_w);
    if ((size_t)to_h * (size_t)to_w * 4 > s->at->size)
        return latent_fail(e, "there is no room for a picture of %d x %d", w, h);
    full = malloc((size_t)h * (size_t)w * 4);
    fitted = malloc((size_t)to_h * (size_t)to_w * 4);
    if (!full || !fitted)
        failed = latent_fail(e, "there is no memory to share a picture of %d x %d", w, h);
    else {
        latent_pixels_from(t, 4, full);
        failed = latent_pixels_scale(full, h, w, 4, fitted, to_h, to_w, LATENT_BILINEAR, e);
    }
    if (!failed) {
        size_t n = (size_t)to_h * (size_t)to_w * 4;
        for (size_t i = 0; FIRST && i < n; i += 4) {
            uint8_t opacity = fitted[i + 3];
            memmove(fitted + i + 1, fitted + i, 3);
            fitted[i] = opacity;
        }
        s->at->w = to_w;
        s->at->h = to_h;
        s->at->format = FORMAT;
        s->at->upside_down = 1;
        memcpy(s->at + 1, fitted, n);
    }
    free(full);
    free(fitted);
    return failed ? -1 : 0;
}
