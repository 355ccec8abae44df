/* window_memory: what [latent.window] and its program, latent-window, share: settings, and the
   pictures that came last.  The memory has no name: the program gets it as descriptor 3.  Neither
   side ever waits for the other.

   Of three places for pictures one holds the newest and one is being read; the writer takes one of
   the others.  A program that dies while it reads leaves nothing that its successor stumbles on. */
#ifndef LATENT_WINDOW_MEMORY_H
#define LATENT_WINDOW_MEMORY_H
#include <stdatomic.h>
#include <stdint.h>

#define LATENT_WINDOW_MEMORY 3 /* the descriptor */
#define LATENT_WINDOW_MAGIC 0x6c776e31u
#define LATENT_WINDOW_PLACES 3
#define LATENT_WINDOW_SIDE 4096 /* larger pictures are made smaller */
#define LATENT_WINDOW_PLACE_BYTES ((size_t)LATENT_WINDOW_SIDE * LATENT_WINDOW_SIDE * 3)

typedef struct {
    uint32_t magic;
    atomic_uint quit;       /* 1: end */
    atomic_uint fullscreen; /* 0 or 1; the program sets 0 when Escape is pressed */
    atomic_uint screen;     /* from 1 on */
    atomic_uint smooth;     /* 0 or 1 */
    atomic_uint black;      /* 0 or 1 */
    atomic_uint fade_ms;
    atomic_uint fades;         /* one more: the next picture fades in, whenever it comes */
    atomic_uint width, height; /* of the window when it is not full screen */
    atomic_uint newest;        /* how many pictures came, times 4, plus the place of the last */
    atomic_int reading;        /* the place that the program reads, or -1 */
    struct {
        uint32_t w, h; /* then h rows of w pixels of 3 bytes: red, green, blue */
    } places[LATENT_WINDOW_PLACES];
} latent_window_memory;

#define LATENT_WINDOW_HEADER 4096
#define LATENT_WINDOW_BYTES                                                                        \
    (LATENT_WINDOW_HEADER + LATENT_WINDOW_PLACES * LATENT_WINDOW_PLACE_BYTES)

static inline uint8_t *latent_window_pixels(latent_window_memory *m, unsigned place)
{
    return (uint8_t *)m + LATENT_WINDOW_HEADER + place * LATENT_WINDOW_PLACE_BYTES;
}

#endif
