/* source: where the pictures for a training come from: a rule that draws without end, a folder,
   what a patch has collected.  Each kind of source fills in one of these; a trainer only draws. */
#ifndef LATENT_SOURCE_H
#define LATENT_SOURCE_H
#include "../base/error.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

#define LATENT_CAPTION 512 /* bytes that hold every caption and its final 0 */

typedef struct latent_source latent_source;
struct latent_source {
    /* Picture number index of the source as size x size pixels of three channels, channels last, in
       [-1, 1] (red first), and what there is to say about it in UTF-8: one sentence each in English
       and in Chinese, "" where there is none.  picture, english and chinese may each be NULL.  The
       same index always gives the same picture and words.  Called by several threads at once.  0,
       or -1 and a sentence. */
    int (*draw)(latent_source *s, uint64_t index, int size, float *picture,
                char english[LATENT_CAPTION], char chinese[LATENT_CAPTION], latent_error *e);
    /* Frees the source; called once, when nobody draws any more, from any thread but Pd's. */
    void (*release)(latent_source *s);
    uint64_t count; /* of a finite set: indices 0 to count - 1; 0 when it never ends */
    int mirrored;   /* may a trainer turn its pictures left to right? */
};

/* The simplest pictures that can be learned, without end: a coloured disc on pale paper.  For
   trials and tests.  NULL and a sentence. */
latent_source *latent_source_discs(latent_error *e);

#pragma GCC visibility pop
#endif
