/* latent-window: the window of [latent.window], a program of its own, which that box starts and
   which ends with it.  Pictures and settings come by shared memory (engine/stage/window_memory.h,
   as descriptor 3); what happens is said on the standard output, a line each, for
   engine/stage/window.c; when the standard input ends, Pd is gone.  With SDL2, which knows the
   screens of every system. */
#include "engine/base/seconds.h"
#include "engine/stage/window_memory.h"
#include <SDL2/SDL.h>
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 3  /* when there is nothing to do */
#define STILL 0.25 /* seconds; a picture after such a pause is not the next one of a film */
#define FILES 4096 /* Pd's, which are closed here */

typedef struct {
    latent_window_memory *memory;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *picture, *before;         /* what is shown; what it is faded in over */
    int w, h;                              /* of the picture */
    unsigned shown;                        /* what newest was then */
    int fullscreen, smooth, width, height; /* as they are; screen: as it was asked for */
    unsigned screen, fades;
    double came;        /* when the last picture did */
    double fade_began;  /* -1: no fade */
    double fade_length; /* seconds */
    double black;       /* 0 to 1 */
    double moved;       /* when move_on() was called last */
    int due;            /* there is something new to draw */
    double counted_since;
    int counted;
} stage;

static void say(const char *line)
{
    printf("%s\n", line);
    fflush(stdout);
}

/* ---- drawing */

/* The largest place with the picture's shape, in the middle. */
static SDL_Rect place_of(const stage *s, int w, int h)
{
    SDL_Rect r = {0, 0, w, h};
    if ((double)s->w * h > (double)s->h * w)
        r.h = (int)((double)s->h * w / s->w + 0.5);
    else
        r.w = (int)((double)s->w * h / s->h + 0.5);
    r.x = (w - r.w) / 2;
    r.y = (h - r.h) / 2;
    return r;
}

static void fill(stage *s, double opacity)
{
    SDL_SetRenderDrawBlendMode(s->renderer, SDL_BLENDMODE_BLEND);
    SDL_SetRenderDrawColor(s->renderer, 0, 0, 0, (Uint8)(opacity * 255 + 0.5));
    SDL_RenderFillRect(s->renderer, NULL);
}

/* How much of the newest picture is seen, 0 to 1. */
static double faded(const stage *s)
{
    double part = s->fade_began < 0 ? 1 : (latent_seconds() - s->fade_began) / s->fade_length;
    return part < 1 ? part : 1;
}

/* Without what "black" does to it. */
static void draw_pictures(stage *s)
{
    int w, h;
    double part = faded(s);
    SDL_GetRendererOutputSize(s->renderer, &w, &h);
    SDL_SetRenderDrawColor(s->renderer, 0, 0, 0, 255);
    SDL_RenderClear(s->renderer);
    if (s->before && part < 1) {
        SDL_SetTextureBlendMode(s->before, SDL_BLENDMODE_NONE);
        SDL_RenderCopy(s->renderer, s->before, NULL, NULL);
        fill(s, part);
    }
    if (s->picture) {
        SDL_Rect place = place_of(s, w, h);
        SDL_SetTextureBlendMode(s->picture, part < 1 ? SDL_BLENDMODE_ADD : SDL_BLENDMODE_NONE);
        SDL_SetTextureAlphaMod(s->picture, (Uint8)(part * 255 + 0.5));
        SDL_RenderCopy(s->renderer, s->picture, NULL, &place);
    }
}

static void draw(stage *s)
{
    draw_pictures(s);
    if (s->black > 0)
        fill(s, s->black);
    SDL_RenderPresent(s->renderer);
}

/* What is seen now (but for "black") stays and goes over into what comes. */
static void begin_fade(stage *s, double length)
{
    int w, h;
    SDL_Texture *now = NULL;
    SDL_GetRendererOutputSize(s->renderer, &w, &h);
    if (SDL_RenderTargetSupported(s->renderer))
        now = SDL_CreateTexture(s->renderer, SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_TARGET, w,
                                h);
    if (now && SDL_SetRenderTarget(s->renderer, now) == 0) {
        draw_pictures(s);
        SDL_SetRenderTarget(s->renderer, NULL);
    }
    if (s->before)
        SDL_DestroyTexture(s->before);
    s->before = now;
    s->fade_began = latent_seconds();
    s->fade_length = length;
}

/* ---- pictures */

static void load(stage *s, unsigned place)
{
    int w = (int)s->memory->places[place].w, h = (int)s->memory->places[place].h;
    if (w < 1 || h < 1 || w > LATENT_WINDOW_SIDE || h > LATENT_WINDOW_SIDE)
        return;
    if (!s->picture || w != s->w || h != s->h) {
        if (s->picture)
            SDL_DestroyTexture(s->picture);
        s->picture = SDL_CreateTexture(s->renderer, SDL_PIXELFORMAT_RGB24,
                                       SDL_TEXTUREACCESS_STREAMING, w, h);
        s->w = w;
        s->h = h;
        s->smooth = -1;
    }
    if (s->picture)
        SDL_UpdateTexture(s->picture, NULL, latent_window_pixels(s->memory, place), w * 3);
}

static void count_picture(stage *s, double now)
{
    char line[40];
    if (now - s->counted_since > 2) { /* after a pause */
        s->counted_since = now;
        s->counted = 0;
    } else if (now - s->counted_since >= 1) {
        snprintf(line, sizeof(line), "fps %.1f", s->counted / (now - s->counted_since));
        say(line);
        s->counted_since = now;
        s->counted = 0;
    }
    s->counted++;
}

static void take_picture(stage *s)
{
    latent_window_memory *m = s->memory;
    unsigned newest = atomic_load(&m->newest);
    double now = latent_seconds(), fade = atomic_load(&m->fade_ms) / 1000.;
    if (newest == s->shown || (newest & 3) >= LATENT_WINDOW_PLACES)
        return;
    do { /* the place may have been filled anew before it was known that it is read */
        newest = atomic_load(&m->newest);
        atomic_store(&m->reading, (int)(newest & 3));
    } while (newest != atomic_load(&m->newest));
    if (fade > 0 && (now - s->came > STILL || s->fades != atomic_load(&m->fades)))
        begin_fade(s, fade);
    s->fades = atomic_load(&m->fades);
    s->came = now;
    load(s, newest & 3);
    atomic_store(&m->reading, -1);
    s->shown = newest;
    s->due = 1;
    count_picture(s, now);
}

/* ---- settings */

static void go_to_screen(stage *s, unsigned screen)
{
    int there = SDL_GetNumVideoDisplays();
    char line[120];
    s->screen = screen;
    if (screen < 1 || (int)screen > there) {
        snprintf(line, sizeof(line), "refused there is no screen %u; there %s %d", screen,
                 there == 1 ? "is" : "are", there);
        say(line);
        return;
    }
    if (s->fullscreen)
        SDL_SetWindowFullscreen(s->window, 0);
    SDL_SetWindowPosition(s->window, SDL_WINDOWPOS_CENTERED_DISPLAY(screen - 1),
                          SDL_WINDOWPOS_CENTERED_DISPLAY(screen - 1));
    if (s->fullscreen)
        SDL_SetWindowFullscreen(s->window, SDL_WINDOW_FULLSCREEN_DESKTOP);
}

static void follow_settings(stage *s)
{
    latent_window_memory *m = s->memory;
    unsigned screen = atomic_load(&m->screen);
    int fullscreen = atomic_load(&m->fullscreen) != 0, smooth = atomic_load(&m->smooth) != 0;
    int width = (int)atomic_load(&m->width), height = (int)atomic_load(&m->height);
    if (screen != s->screen)
        go_to_screen(s, screen);
    if (width != s->width || height != s->height) {
        SDL_SetWindowSize(s->window, width, height);
        s->width = width;
        s->height = height;
    }
    if (fullscreen != s->fullscreen) {
        SDL_SetWindowFullscreen(s->window, fullscreen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
        s->fullscreen = fullscreen;
        s->due = 1;
    }
    if (smooth != s->smooth && s->picture) {
        SDL_SetTextureScaleMode(s->picture, smooth ? SDL_ScaleModeLinear : SDL_ScaleModeNearest);
        s->smooth = smooth;
        s->due = 1;
    }
}

/* "black" and fades go on. */
static void move_on(stage *s)
{
    double now = latent_seconds(), wanted = atomic_load(&s->memory->black) ? 1 : 0;
    double fade = atomic_load(&s->memory->fade_ms) / 1000., step = now - s->moved;
    step = fade > 0 ? (step < 0.1 ? step : 0.1) / fade : 1;
    if (s->black != wanted) {
        double gap = wanted - s->black;
        s->black = gap > step ? s->black + step : gap < -step ? s->black - step : wanted;
        s->due = 1;
    }
    s->moved = now;
    if (s->fade_began < 0)
        return;
    s->due = 1;
    if (fade > 0 && faded(s) < 1)
        return;
    s->fade_began = -1;
    if (s->before)
        SDL_DestroyTexture(s->before);
    s->before = NULL;
}

/* ---- what happens */

/* As Pd's [keyname] has it, where that is the same word: "a", "Left", "F1", "space". */
static void say_key(stage *s, SDL_Keycode key)
{
    char line[64];
    int n = snprintf(line, sizeof(line), "key %s", SDL_GetKeyName(key));
    if (n == 5 || key == SDLK_SPACE)
        line[4] = (char)tolower((unsigned char)line[4]);
    for (char *c = line + 4; *c; c++)
        if (*c == ' ')
            *c = '_';
    if (key == SDLK_ESCAPE)
        atomic_store(&s->memory->fullscreen, 0);
    if (n > 4)
        say(line);
}

/* Ctrl W, Command W and Alt F4 close the window, which has no handle when it is full screen. */
static int closes(const SDL_KeyboardEvent *key)
{
    int command = key->keysym.mod & (KMOD_CTRL | KMOD_GUI), alt = key->keysym.mod & KMOD_ALT;
    return (command && key->keysym.sym == SDLK_w) || (alt && key->keysym.sym == SDLK_F4);
}

/* 1: a person has closed the window. */
static int follow_events(stage *s)
{
    SDL_Event event;
    int some = SDL_WaitEventTimeout(&event, s->due ? 0 : WAIT_MS), closed = 0;
    for (; some; some = SDL_PollEvent(&event)) {
        if (event.type == SDL_QUIT ||
            (event.type == SDL_WINDOWEVENT && event.window.event == SDL_WINDOWEVENT_CLOSE) ||
            (event.type == SDL_KEYDOWN && closes(&event.key)))
            closed = 1;
        else if (event.type == SDL_KEYDOWN && !event.key.repeat)
            say_key(s, event.key.keysym.sym);
        else if (event.type == SDL_WINDOWEVENT)
            s->due = 1;
        else if (event.type == SDL_RENDER_TARGETS_RESET || event.type == SDL_RENDER_DEVICE_RESET) {
            if (s->picture)
                SDL_DestroyTexture(s->picture);
            s->picture = NULL;
            s->shown = ~s->shown;
        }
    }
    return closed;
}

static int pd_is_gone(void)
{
    struct pollfd in = {0, POLLIN, 0};
    return poll(&in, 1, 0) > 0; /* nothing is ever written to it */
}

/* ---- birth and death */

static latent_window_memory *find_memory(void)
{
    struct stat found;
    void *at;
    if (fstat(LATENT_WINDOW_MEMORY, &found) || (size_t)found.st_size < LATENT_WINDOW_BYTES)
        return NULL;
    at = mmap(NULL, LATENT_WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, LATENT_WINDOW_MEMORY,
              0);
    if (at == MAP_FAILED || ((latent_window_memory *)at)->magic != LATENT_WINDOW_MAGIC)
        return NULL;
    return at;
}

static int open_window(stage *s)
{
    latent_window_memory *m = s->memory;
    unsigned screen = atomic_load(&m->screen) - 1;
    SDL_SetHint(SDL_HINT_VIDEO_MINIMIZE_ON_FOCUS_LOSS, "0"); /* Pd is played meanwhile */
    SDL_SetHint(SDL_HINT_RENDER_VSYNC, "1");
    if (SDL_Init(SDL_INIT_VIDEO))
        return -1;
    if (!strcmp(SDL_GetCurrentVideoDriver(), "offscreen"))
        return SDL_SetError("SDL finds neither X11 nor Wayland"); /* -1 */
    screen = (int)screen < SDL_GetNumVideoDisplays() ? screen : 0;
    s->width = (int)atomic_load(&m->width);
    s->height = (int)atomic_load(&m->height);
    s->fullscreen = atomic_load(&m->fullscreen) != 0;
    s->window = SDL_CreateWindow("latent", (int)SDL_WINDOWPOS_CENTERED_DISPLAY(screen),
                                 (int)SDL_WINDOWPOS_CENTERED_DISPLAY(screen), s->width, s->height,
                                 SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI |
                                     (s->fullscreen ? (unsigned)SDL_WINDOW_FULLSCREEN_DESKTOP : 0));
    s->renderer = s->window ? SDL_CreateRenderer(s->window, -1, 0) : NULL;
    SDL_ShowCursor(SDL_DISABLE);
    s->screen = screen + 1;
    s->smooth = -1;
    s->shown = 3; /* no picture */
    s->fade_began = -1;
    s->black = atomic_load(&m->black);
    s->fades = atomic_load(&m->fades);
    s->due = 1;
    return s->renderer ? 0 : -1;
}

int main(void)
{
    stage s = {0};
    for (int fd = LATENT_WINDOW_MEMORY + 1; fd < FILES; fd++)
        close(fd);
    if (!(s.memory = find_memory())) {
        fprintf(stderr, "latent-window is started by [latent.window]\n");
        return 2;
    }
    if (open_window(&s)) {
        char line[240];
        snprintf(line, sizeof(line), "failed there is no screen for a window (%s)", SDL_GetError());
        say(line);
        return 1;
    }
    say("opened");
    s.came = s.moved = latent_seconds() - STILL;
    while (!atomic_load(&s.memory->quit) && !pd_is_gone()) {
        if (follow_events(&s)) {
            say("closed");
            break;
        }
        take_picture(&s);
        follow_settings(&s);
        move_on(&s);
        if (s.due) {
            draw(&s);
            s.due = 0;
        }
    }
    SDL_Quit();
    return 0;
}
