/* number: numbers as they come from outside, and as people write them, in sentences too. */
#ifndef LATENT_NUMBER_H
#define LATENT_NUMBER_H
#include <stdint.h>

#pragma GCC visibility push(default)

/* A number from a message, an argument or a file as a whole one: what is behind the point is cut
   off, as everywhere in Pd; what lies beyond low or high becomes that, and what is no number low.
   (Without these limits the conversion is undefined.) */
static inline int latent_whole(double f, int low, int high)
{
    return !(f > low) ? low : f >= high ? high : (int)f;
}

/* The same for seeds and other numbers of 32 bits without a sign. */
static inline uint32_t latent_whole32(double f)
{
    return !(f > 0) ? 0 : f >= UINT32_MAX ? UINT32_MAX : (uint32_t)f;
}

/* The same for places in what is very long: from 0 to 2^53. */
static inline int64_t latent_whole64(double f)
{
    return !(f > 0) ? 0 : f >= 9007199254740992.0 ? (int64_t)1 << 53 : (int64_t)f;
}

/* A number as people write it: 4294967295, not 4.29497e+09; 0.05; 1e+30 where there is no end. */
typedef struct {
    char text[32];
} latent_subject_masks;
latent_subject_masks latent_subject_mask(double f);

#define LATENT_SENTENCE 4000 /* room for one before it is tidied */

/* What latent_fail() and latent_complain() do with every sentence, so that nobody who writes one
   has to think of it.  Takes the plural from what there is one of: "1 numbers came" becomes "1
   number came".  Leaves of very long words, such as paths, the beginning and the end, so that the
   sentence itself is seen. */
void latent_tidy(char *sentence);

#pragma GCC visibility pop
#endif
