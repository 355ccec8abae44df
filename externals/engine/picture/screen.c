/* screen: see screen.h */
#include "screen.h"
#include "../base/jobs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "latent-view-"

static atomic_uint files; /* so many were made */

static const char *folder(void)
{
    const char *where[] = {getenv("XDG_RUNTIME_DIR"), "/dev/shm", getenv("TMPDIR"), "/tmp"};
    int i = 0;
    while (i < 3 && (!where[i] || access(where[i], W_OK | X_OK)))
        i++;
    return where[i];
}

void latent_screen_sweep(int own)
{
    const char *where = folder();
    DIR *d = opendir(where);
    struct dirent *f;
    while (d && (f = readdir(d))) {
        char path[PATH_MAX];
        int pid;
        if (sscanf(f->d_name, PREFIX "%d-", &pid) != 1 || pid < 1)
            continue;
        if (pid == getpid() ? !own : !kill(pid, 0) || errno != ESRCH)
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", where, f->d_name) < (int)sizeof(path))
            unlink(path);
    }
    if (d)
        closedir(d);
}

/* A new file that no one else can read or has put there before. */
static FILE *open_new(char *path, size_t room)
{
    unsigned mine = atomic_fetch_add(&files, 1);
    int fd = -1;
    if (mine == 0)
        latent_screen_sweep(1); /* after a crash; this process has none yet */
    if (snprintf(path, room, "%s/" PREFIX "%d-%u.ppm", folder(), (int)getpid(), mine) < (int)room)
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? NULL : fdopen(fd, "wb");
}

static int write_ppm(const uint8_t *rgb, int h, int w, char *path, size_t room, latent_error *e)
{
    FILE *f = open_new(path, room);
    int failed;
    if (!f)
        return latent_fail(e, "the picture can't be shown: no file can be made in %s (%s)",
                           folder(), strerror(errno));
    failed = fprintf(f, "P6\n%d %d\n255\n", w, h) < 0;
    failed |= fwrite(rgb, (size_t)w * 3, (size_t)h, f) != (size_t)h;
    failed |= fclose(f) != 0;
    if (!failed)
        return 0;
    unlink(path);
    return latent_fail(e, "the picture can't be shown: %s is full", folder());
}

int latent_screen_write(const latent_tensor *t, int room_h, int room_w, latent_enlarging enlarging,
                        char *path, size_t path_room, latent_error *e)
{
    int h = t->shape.h, w = t->shape.w, to_h, to_w, failed;
    uint8_t *full, *fitted;
    if (latent_pixels_check(t->shape, e))
        return -1;
    latent_pixels_fit(h, w, room_h, room_w, &to_h, &to_w);
    full = malloc((size_t)h * (size_t)w * 3);
    fitted = malloc((size_t)to_h * (size_t)to_w * 3);
    if (!full || !fitted)
        failed = latent_fail(e, "there is no memory to show a picture of %d x %d", w, h);
    else {
        latent_pixels_from(t, 3, full);
        failed = latent_pixels_scale(full, h, w, 3, fitted, to_h, to_w, enlarging, e) ||
                 write_ppm(fitted, to_h, to_w, path, path_room, e);
    }
    free(full);
    free(fitted);
    return failed ? -1 : 0;
}

/* ---- files that nobody wants */

typedef struct {
    latent_job job;
    char path[];
} broom_job;

static latent_port *broom; /* never closed */
static pthread_once_t broom_made = PTHREAD_ONCE_INIT;

static void make_broom(void)
{
    broom = latent_port_new(LATENT_WRITER, 0);
}

static int broom_work(latent_job *job)
{
    return unlink(((broom_job *)job)->path);
}

static void broom_discard(latent_job *job)
{
    free(job);
}

void latent_screen_forget(const char *path)
{
    broom_job *j = calloc(1, sizeof(*j) + strlen(path) + 1);
    pthread_once(&broom_made, make_broom);
    if (!j || !broom) { /* it goes at the end of the process */
        free(j);
        return;
    }
    j->job.work = broom_work;
    j->job.discard = broom_discard;
    atomic_store(&j->job.cancel, 1); /* nobody waits for the result: the worker frees it */
    memcpy(j->path, path, strlen(path));
    latent_port_post(broom, &j->job);
}

/* At the end of the process; what is being computed is waited for. */
__attribute__((destructor)) static void leave(void)
{
    if (!atomic_load(&files))
        return;
    latent_workers_stop();
    latent_screen_sweep(1);
}
