/* error: what went wrong, as a value with one sentence in it, for the engine and for the person at
   the patch.  Functions that can fail return -1 or NULL and write the sentence; nothing in the
   engine prints, exits or aborts. */
#ifndef LATENT_ERROR_H
#define LATENT_ERROR_H

#pragma GCC visibility push(default)

typedef struct {
    char text[400]; /* one sentence without a final point: what came, what was expected, what to do
                     */
} latent_error;

/* Writes the sentence (e may be NULL) and returns -1, so that "return latent_fail(e, ...)" reads
   well.  Control characters, which the words of a file may have, become question marks. */
int latent_fail(latent_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#pragma GCC visibility pop
#endif
