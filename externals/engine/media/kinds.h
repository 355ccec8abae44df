/* kinds: what a file is, by its first bytes, for the sentences of those who can't read it. */
#ifndef LATENT_KINDS_H
#define LATENT_KINDS_H
#include <stddef.h>
#include <stdint.h>

/* Of archives, documents and other things that are no pictures, films or sounds, or are of a kind
   that is not read here: what it is ("an xz archive"), and what to do (*advice).  NULL: not known.
 */
const char *latent_kind_of(const uint8_t *head, size_t n, const char **advice);
#define LATENT_KIND_PACKED "unpack it first" /* the advice of archives */

/* FFmpeg's name of the still picture that begins so, where FFmpeg itself may take it for something
   else; NULL: leave it to FFmpeg. */
const char *latent_kind_picture(const uint8_t *head, size_t n);

#endif
