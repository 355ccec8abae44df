/* webp: see webp.h.  The container is RIFF: chunks with four letters and their size before them.
   VP8X says that it is an animation and how large; each ANMF is a frame with its place, and holds
   the chunks that a still picture has. */
#include "webp.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNKS 4096                 /* before we stop looking */
#define LARGEST ((size_t)256 << 20) /* of a frame */
#define FRAME 16                    /* bytes of an ANMF before its chunks */
#define ANIMATED 2
#define ALPHA 16
#define BEFORE 30 /* bytes of RIFF, WEBP and VP8X before the frame's own chunks */
#define BEHIND 64 /* zeroes, which decoders want */

static uint32_t number(const uint8_t *p, int bytes)
{
    uint32_t n = 0;
    while (bytes-- > 0)
        n = n << 8 | p[bytes];
    return n;
}

static void put(uint8_t *p, uint32_t n, int bytes)
{
    for (; bytes-- > 0; n >>= 8)
        *p++ = (uint8_t)n;
}

/* A still picture's file around the chunks of a frame. */
static void wrap(int fd, int64_t at, size_t size, const uint8_t *frame, latent_webp *found)
{
    size_t chunks = size - FRAME;
    uint8_t *file =
        size >= FRAME + 8 && size <= LARGEST ? calloc(1, BEFORE + chunks + BEHIND) : NULL;
    if (!file)
        return;
    if (pread(fd, file + BEFORE, chunks, at + FRAME) != (ssize_t)chunks) {
        free(file);
        return;
    }
    memcpy(file, "RIFF....WEBPVP8X", 16);
    put(file + 4, (uint32_t)(BEFORE + chunks - 8), 4);
    put(file + 16, 10, 4);
    file[20] = memcmp(file + BEFORE, "ALPH", 4) ? 0 : ALPHA;
    memcpy(file + 24, frame + 6, 6); /* width and height, less one */
    found->picture = file;
    found->size = BEFORE + chunks;
    found->left = 2 * (int)number(frame, 3);
    found->top = 2 * (int)number(frame + 3, 3);
}

int latent_webp_first(int fd, latent_webp *found)
{
    uint8_t head[30], frame[FRAME];
    int64_t at = 12;
    *found = (latent_webp){0};
    if (pread(fd, head, sizeof(head), 0) != sizeof(head) || memcmp(head, "RIFF", 4) ||
        memcmp(head + 8, "WEBPVP8X", 8) || !(head[20] & ANIMATED))
        return 0;
    found->w = (int)number(head + 24, 3) + 1;
    found->h = (int)number(head + 27, 3) + 1;
    for (int i = 0; i < CHUNKS && pread(fd, head, 8, at) == 8; i++) {
        uint32_t size = number(head + 4, 4);
        if (!memcmp(head, "ANMF", 4) && size >= FRAME && pread(fd, frame, FRAME, at + 8) == FRAME) {
            wrap(fd, at + 8, size, frame, found);
            return 1;
        }
        at += 8 + (int64_t)size + (size & 1);
    }
    return 1;
}
