/* clean: a text as CLIP's tokeniser wants it, and the kinds of characters it tells apart.  ftfy's
   repairs of broken texts, which the original does before, are not made. */
#ifndef LATENT_CLEAN_H
#define LATENT_CLEAN_H
#include "../base/error.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* UTF-8 to characters: HTML's names for characters replaced (twice, &amp;lt; is <), white space
   trimmed and made single, all in lower case.  What is no UTF-8 becomes U+FFFD.  *n characters,
   malloc'd; NULL when there is no memory. */
uint32_t *latent_clean(const char *text, size_t *n, latent_error *e);

int latent_is_letter(uint32_t c); /* \p{L} */
int latent_is_number(uint32_t c); /* \p{N} */
int latent_is_space(uint32_t c);  /* \s */
/* Writes a character in UTF-8 and returns the number of bytes, 1 to 4. */
int latent_utf8(uint32_t c, char *bytes);

#pragma GCC visibility pop
#endif
