/* screen: see screen.h */
#include "screen.h"
#include "../base/jobs.h"
#include <cairo/cairo.h>
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

unsigned latent_screen_id(void)
{
    unsigned mine = atomic_fetch_add(&files, 1) + 1;
    if (mine == 1)
        latent_screen_sweep(1); /* after a crash; this process has none yet */
    return mine;
}

/* A new file that no one else can read or has put there before. */
static FILE *open_new(const char *ending, char *path, size_t room, latent_error *e)
{
    unsigned mine = latent_screen_id();
    int fd = -1;
    if (snprintf(path, room, "%s/" PREFIX "%d-%u.%s", folder(), (int)getpid(), mine, ending) <
        (int)room)
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        latent_fail(e, "the picture can't be shown: no file can be made in %s (%s)", folder(),
                    strerror(errno));
    return fd < 0 ? NULL : fdopen(fd, "wb");
}

/* Ends a file; what did not go into it as a whole is deleted. */
static int close_file(FILE *f, int failed, const char *path, latent_error *e)
{
    failed |= fclose(f) != 0;
    if (!failed)
        return 0;
    unlink(path);
    return latent_fail(e, "the picture can't be shown: %s is full", folder());
}

static int write_ppm(const uint8_t *rgb, int h, int w, char *path, size_t room, latent_error *e)
{
    FILE *f = open_new("ppm", path, room, e);
    int failed;
    if (!f)
        return -1;
    failed = fprintf(f, "P6\n%d %d\n255\n", w, h) < 0;
    failed |= fwrite(rgb, (size_t)w * 3, (size_t)h, f) != (size_t)h;
    return close_file(f, failed, path, e);
}

static cairo_status_t write_some(void *f, const unsigned char *bytes, unsigned n)
{
    return fwrite(bytes, 1, n, f) == n ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static int write_png(const uint8_t *rgb, int h, int w, char *path, size_t room, latent_error *e)
{
    FILE *f = open_new("part", path, room, e);
    cairo_surface_t *s;
    unsigned char *to;
    int failed;
    if (!f)
        return -1;
    s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    to = cairo_image_surface_get_data(s);
    for (int y = 0; to && y < h; y++)
        for (int x = 0; x < w; x++, rgb += 3) {
            uint32_t pixel = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
            memcpy(to + y * cairo_image_surface_get_stride(s) + 4 * x, &pixel, 4);
        }
    cairo_surface_mark_dirty(s);
    failed = !to || cairo_surface_write_to_png_stream(s, write_some, f) != CAIRO_STATUS_SUCCESS;
    cairo_surface_destroy(s);
    return close_file(f, failed, path, e);
}

/* The picture as large as it fits; *to_h rows of *to_w pixels of three bytes, malloc'd. */
static uint8_t *fitted(const latent_tensor *t, int room_h, int room_w, latent_enlarging enlarging,
                       int *to_h, int *to_w, latent_error *e)
{
    int h = t->shape.h, w = t->shape.w, failed;
    uint8_t *full, *fit;
    if (latent_pixels_check(t->shape, e))
        return NULL;
    latent_pixels_fit(h, w, room_h, room_w, to_h, to_w);
    full = malloc((size_t)h * (size_t)w * 3);
    fit = malloc((size_t)*to_h * (size_t)*to_w * 3);
    if (!full || !fit)
        failed = latent_fail(e, "there is no memory to show a picture of %d x %d", w, h);
    else {
        latent_pixels_from(t, 3, full);
        failed = latent_pixels_scale(full, h, w, 3, fit, *to_h, *to_w, enlarging, e);
    }
    free(full);
    if (!failed)
        return fit;
    free(fit);
    return NULL;
}

int latent_screen_write(const latent_tensor *t, int room_h, int room_w, latent_enlarging enlarging,
                        char *path, size_t path_room, latent_error *e)
{
    int h, w, failed;
    uint8_t *rgb = fitted(t, room_h, room_w, enlarging, &h, &w, e);
    failed = !rgb || write_ppm(rgb, h, w, path, path_room, e);
    free(rgb);
    return failed ? -1 : 0;
}

int latent_screen_write_png(const latent_tensor *t, int room_h, int room_w,
                            latent_enlarging enlarging, const char *path, latent_error *e)
{
    char part[PATH_MAX];
    int h, w, failed;
    uint8_t *rgb = fitted(t, room_h, room_w, enlarging, &h, &w, e);
    failed = !rgb || write_png(rgb, h, w, part, sizeof(part), e);
    free(rgb);
    if (!failed && rename(part, path)) {
        unlink(part);
        failed = latent_fail(e, "the picture can't be shown as %s (%s)", path, strerror(errno));
    }
    return failed ? -1 : 0;
}

void latent_screen_name(unsigned id, int turn, char *path, size_t room)
{
    snprintf(path, room, "%s/" PREFIX "%d-%u%c.png", folder(), (int)getpid(), id, turn ? 'b' : 'a');
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

void latent_screen_forget_names(unsigned id)
{
    char path[PATH_MAX];
    for (int turn = 0; turn < 2; turn++) {
        latent_screen_name(id, turn, path, sizeof(path));
        latent_screen_forget(path);
    }
}

/* At the end of the process; what is being computed is waited for. */
__attribute__((destructor)) static void leave(void)
{
    if (!atomic_load(&files))
        return;
    latent_workers_stop();
    latent_screen_sweep(1);
}
