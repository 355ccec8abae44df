/* window: see window.h */
#include "window.h"
#include "../base/parallel.h"
#include "../base/seconds.h"
#include "../picture/pixels.h"
#include "window_memory.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS 64       /* that may wait; what comes then is lost */
#define LOOK_MS 50      /* how often a closing is looked for */
#define PATIENCE 2.0    /* seconds that a program has to end by itself */
#define AGAIN_US 100000 /* from a death to the next life */
#define SHORT_LIFE 2.0  /* seconds; after so many lives as short as that ... */
#define SHORT_LIVES 4   /* ... it is not begun again */
#define LINE 300

extern char **environ;

struct latent_window {
    atomic_int holders;
    atomic_int closing;
    char *program;
    latent_window_memory *memory;
    int fd;
    size_t reserved[LATENT_WINDOW_PLACES]; /* bytes that the system has promised */
    pthread_mutex_t writing;               /* one picture at a time */
    unsigned pictures;
    /* from the thread to the owner */
    atomic_uint put, taken;
    latent_window_event events[EVENTS];
    /* the thread's own */
    pid_t pid;
    int over; /* it is not to be started again */
};

/* ---- events: one thread puts them in, one takes them out */

static void put(latent_window *w, latent_window_kind kind, double value, const char *text)
{
    unsigned at = atomic_load(&w->put);
    latent_window_event *event = &w->events[at % EVENTS];
    if (at - atomic_load(&w->taken) >= EVENTS)
        return;
    event->kind = kind;
    event->value = value;
    snprintf(event->text, sizeof(event->text), "%s", text);
    atomic_store(&w->put, at + 1);
}

int latent_window_next(latent_window *w, latent_window_event *event)
{
    unsigned at = atomic_load(&w->taken);
    if (at == atomic_load(&w->put))
        return 0;
    *event = w->events[at % EVENTS];
    atomic_store(&w->taken, at + 1);
    return 1;
}

/* ---- the memory */

/* A file that lies nowhere and that no other program can find. */
static int nameless(void)
{
#ifdef __linux__
    return memfd_create("latent-window", MFD_CLOEXEC);
#else
    static atomic_uint made;
    char name[32];
    int fd;
    snprintf(name, sizeof(name), "/latent-%d-%u", (int)getpid(), atomic_fetch_add(&made, 1));
    fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd >= 0)
        shm_unlink(name);
    return fd;
#endif
}

/* Memory that is written to but not there would end the process: it is asked for first. */
static int reserve(latent_window *w, unsigned place, size_t bytes)
{
#ifdef __linux__
    off_t from = (off_t)(LATENT_WINDOW_HEADER + place * LATENT_WINDOW_PLACE_BYTES);
    if (bytes > w->reserved[place] && posix_fallocate(w->fd, from, (off_t)bytes))
        return -1;
    if (bytes > w->reserved[place])
        w->reserved[place] = bytes;
#else
    (void)w;
    (void)place;
    (void)bytes;
#endif
    return 0;
}

static int make_memory(latent_window *w, latent_error *e)
{
    void *at = MAP_FAILED;
    w->fd = nameless();
    if (w->fd >= 0 && ftruncate(w->fd, (off_t)LATENT_WINDOW_BYTES) == 0
#ifdef __linux__
        && posix_fallocate(w->fd, 0, LATENT_WINDOW_HEADER) == 0
#endif
    )
        at = mmap(NULL, LATENT_WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
    if (at == MAP_FAILED)
        return latent_fail(e, "the window can't be opened: there is no shared memory (%s)",
                           strerror(errno));
    w->memory = at;
    w->memory->magic = LATENT_WINDOW_MAGIC;
    atomic_store(&w->memory->reading, -1);
    return 0;
}

/* ---- pictures */

static unsigned free_place(latent_window_memory *m)
{
    unsigned place = 0;
    while (place == (atomic_load(&m->newest) & 3) || (int)place == atomic_load(&m->reading))
        place++;
    return place;
}

static int write_picture(latent_window *w, const latent_tensor *t, latent_error *e)
{
    latent_window_memory *m = w->memory;
    unsigned place = free_place(m);
    int h = t->shape.h, width = t->shape.w, large, to_h = h, to_w = width, failed = 0;
    uint8_t *pixels = latent_window_pixels(m, place), *full = NULL;
    large = h > LATENT_WINDOW_SIDE || width > LATENT_WINDOW_SIDE;
    if (large)
        latent_pixels_fit(h, width, LATENT_WINDOW_SIDE, LATENT_WINDOW_SIDE, &to_h, &to_w);
    if ((large && !(full = malloc((size_t)h * (size_t)width * 3))) ||
        reserve(w, place, (size_t)to_h * (size_t)to_w * 3))
        failed = latent_fail(e, "there is no memory to show a picture of %d x %d", width, h);
    else {
        latent_pixels_from(t, 3, large ? full : pixels);
        failed =
            large && latent_pixels_scale(full, h, width, 3, pixels, to_h, to_w, LATENT_BILINEAR, e);
    }
    free(full);
    if (failed)
        return -1;
    m->places[place].w = (uint32_t)to_w;
    m->places[place].h = (uint32_t)to_h;
    atomic_store(&m->newest, ++w->pictures << 2 | place);
    return 0;
}

int latent_window_show(latent_window *w, const latent_tensor *picture, latent_error *e)
{
    int failed;
    if (latent_pixels_check(picture->shape, e))
        return -1;
    pthread_mutex_lock(&w->writing);
    failed = write_picture(w, picture, e);
    pthread_mutex_unlock(&w->writing);
    return failed;
}

/* ---- the program */

/* A pipe that other programs, started meanwhile, do not get; at descriptors that are not those that
   the program is to have. */
static int make_pipe(int ends[2])
{
    int raw[2];
    if (pipe(raw))
        return -1;
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, 10);
        close(raw[i]);
    }
    if (ends[0] >= 0 && ends[1] >= 0)
        return 0;
    close(ends[0]);
    close(ends[1]);
    return -1;
}

/* *in: while it is open, the program lives; *out: what it says. */
static int start(latent_window *w, int *in, int *out)
{
    int to[2], from[2] = {-1, -1}, failed = 1;
    char *const words[] = {w->program, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t signals;
    if (make_pipe(to))
        return -1;
    if (make_pipe(from) == 0) {
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_adddup2(&files, to[0], 0);
        posix_spawn_file_actions_adddup2(&files, from[1], 1);
        posix_spawn_file_actions_adddup2(&files, w->fd, LATENT_WINDOW_MEMORY);
        /* the system's libraries talk there; what matters is said by the program itself */
        posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
        posix_spawnattr_init(&attributes);
        sigemptyset(&signals);
        posix_spawnattr_setsigmask(&attributes, &signals);
        sigfillset(&signals);
        posix_spawnattr_setsigdefault(&attributes, &signals);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        failed = posix_spawn(&w->pid, w->program, &files, &attributes, words, environ);
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
        close(from[1]);
        if (failed)
            close(from[0]);
    }
    close(to[0]);
    if (failed)
        close(to[1]);
    *in = to[1];
    *out = from[0];
    return failed ? -1 : 0;
}

/* "key a", "fps 60", "opened", "closed", "refused ...", "failed ..." */
static void hear(latent_window *w, char *line)
{
    static const char *const kinds[] = {
        [LATENT_WINDOW_OPENED] = "opened",   [LATENT_WINDOW_KEY] = "key",
        [LATENT_WINDOW_FPS] = "fps",         [LATENT_WINDOW_CLOSED] = "closed",
        [LATENT_WINDOW_REFUSED] = "refused", [LATENT_WINDOW_FAILED] = "failed"};
    char *rest = line + strcspn(line, " ");
    if (*rest)
        *rest++ = 0;
    for (int k = LATENT_WINDOW_OPENED; k <= LATENT_WINDOW_FAILED; k++)
        if (!strcmp(line, kinds[k])) {
            put(w, (latent_window_kind)k, atof(rest), rest);
            w->over |= k == LATENT_WINDOW_CLOSED || k == LATENT_WINDOW_FAILED;
        }
}

/* Until the program ends. */
static void listen_to(latent_window *w, int out)
{
    char line[LINE], c;
    size_t n = 0;
    double closing_since = 0;
    struct pollfd p = {out, POLLIN, 0};
    for (;;) {
        int ready = poll(&p, 1, LOOK_MS);
        if (atomic_load(&w->closing) && !closing_since) {
            closing_since = latent_seconds();
            atomic_store(&w->memory->quit, 1);
        }
        if (closing_since && latent_seconds() - closing_since > PATIENCE)
            kill(w->pid, SIGKILL);
        if (ready <= 0)
            continue;
        if (read(out, &c, 1) <= 0)
            return;
        if (c != '\n' && n < LINE - 1) {
            line[n++] = c;
            continue;
        }
        line[n] = 0;
        n = 0;
        hear(w, line);
    }
}

/* One life of the program; 0 when it could not be started. */
static int live(latent_window *w)
{
    int in, out;
    if (start(w, &in, &out))
        return 0;
    listen_to(w, out);
    close(in);
    close(out);
    while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return 1;
}

static void free_window(latent_window *w)
{
    if (w->memory)
        munmap(w->memory, LATENT_WINDOW_BYTES);
    if (w->fd >= 0)
        close(w->fd);
    pthread_mutex_destroy(&w->writing);
    free(w->program);
    free(w);
}

static void let_go(latent_window *w)
{
    if (atomic_fetch_sub(&w->holders, 1) == 1)
        free_window(w);
}

static void *body(void *context)
{
    latent_window *w = context;
    int short_lives = 0;
    while (!w->over && !atomic_load(&w->closing)) {
        double born = latent_seconds();
        if (!live(w)) {
            put(w, LATENT_WINDOW_FAILED, 0, "the window's program can't be started");
            break;
        }
        if (w->over || atomic_load(&w->closing))
            break;
        short_lives = latent_seconds() - born < SHORT_LIFE ? short_lives + 1 : 0;
        if (short_lives == SHORT_LIVES) {
            put(w, LATENT_WINDOW_FAILED, 0,
                "the window's program ended several times right after it had begun; \"open\" tries "
                "again");
            break;
        }
        usleep(AGAIN_US);
    }
    let_go(w);
    return NULL;
}

/* ---- for the owner */

latent_window *latent_window_open(const char *program, const latent_window_settings *s,
                                  latent_error *e)
{
    latent_window *w;
    pthread_t thread;
    if (access(program, X_OK)) {
        latent_fail(e, "the window's program, latent-window, is not beside the library: it is "
                       "built where SDL2 is installed (libsdl2-dev); install that and run make "
                       "again");
        return NULL;
    }
    if (!(w = calloc(1, sizeof(*w))) || !(w->program = strdup(program))) {
        free(w);
        latent_fail(e, "there is no memory for a window");
        return NULL;
    }
    pthread_mutex_init(&w->writing, NULL);
    w->fd = -1;
    atomic_init(&w->holders, 2); /* the owner and the thread */
    if (make_memory(w, e)) {
        free_window(w);
        return NULL;
    }
    latent_window_set(w, s);
    if (latent_thread_start(&thread, body, w)) {
        latent_fail(e, "there is no thread for a window");
        free_window(w);
        return NULL;
    }
    pthread_detach(thread);
    return w;
}

latent_window *latent_window_retain(latent_window *w)
{
    atomic_fetch_add(&w->holders, 1);
    return w;
}

void latent_window_close(latent_window *w)
{
    atomic_store(&w->closing, 1);
}

void latent_window_release(latent_window *w)
{
    if (w)
        let_go(w);
}

void latent_window_set(latent_window *w, const latent_window_settings *s)
{
    latent_window_memory *m = w->memory;
    atomic_store(&m->fullscreen, (unsigned)s->fullscreen);
    atomic_store(&m->screen, (unsigned)s->screen);
    atomic_store(&m->smooth, (unsigned)s->smooth);
    atomic_store(&m->black, (unsigned)s->black);
    atomic_store(&m->fade_ms, (unsigned)s->fade_ms);
    atomic_store(&m->width, (unsigned)s->width);
    atomic_store(&m->height, (unsigned)s->height);
}

void latent_window_fade(latent_window *w)
{
    atomic_fetch_add(&w->memory->fades, 1);
}
