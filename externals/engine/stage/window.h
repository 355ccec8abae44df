/* window: a window of its own for pictures, for [latent.window].  The window is a program beside
   the library (latent-window), so that no driver of a screen can stop Pd, and so that it works
   where only a process's main thread may have windows.  A thread starts the program, hears what it
   says, and starts it again when it dies.  No function here waits. */
#ifndef LATENT_WINDOW_H
#define LATENT_WINDOW_H
#include "../graph/tensor.h"

#pragma GCC visibility push(default)

typedef struct latent_window latent_window;

typedef struct {
    int fullscreen, screen, smooth, black; /* screen: from 1 on */
    double fade_ms;
    int width, height;
} latent_window_settings;

/* Opens a window: program is where latent-window lies.  Has one holder.  NULL and a sentence. */
latent_window *latent_window_open(const char *program, const latent_window_settings *s,
                                  latent_error *e);
latent_window *latent_window_retain(latent_window *w);
/* w may be NULL.  The last holder's closes the window. */
void latent_window_release(latent_window *w);
void latent_window_close(latent_window *w);

void latent_window_set(latent_window *w, const latent_window_settings *s);
/* The next picture fades in, whenever it comes. */
void latent_window_fade(latent_window *w);

/* Hands a picture over.  0, or -1 and a sentence.  Takes a millisecond or more: not on Pd's
   thread. */
int latent_window_show(latent_window *w, const latent_tensor *picture, latent_error *e);

typedef enum {
    LATENT_WINDOW_OPENED,  /* it is there; after a death again */
    LATENT_WINDOW_KEY,     /* text: its name */
    LATENT_WINDOW_FPS,     /* value: so many pictures were shown in the last second */
    LATENT_WINDOW_CLOSED,  /* by a person: the window is gone */
    LATENT_WINDOW_REFUSED, /* text says what could not be done; the window stays */
    LATENT_WINDOW_FAILED   /* text says why; the window is gone */
} latent_window_kind;
typedef struct {
    latent_window_kind kind;
    double value;
    char text[240];
} latent_window_event;

/* What has happened since, one thing after the other: 1, or 0 when there is nothing more.  For one
   thread. */
int latent_window_next(latent_window *w, latent_window_event *event);

#pragma GCC visibility pop
#endif
