/* share: pictures to Gem's [pix_share_read] (gem.iem.at), in the same Pd or in another, for
   [latent.share].  They lie in System V shared memory, whose key is made of a name: Gem's own way
   of handing pictures from one program to another.  There is no lock in it; each picture is copied
   in one go. */
#ifndef LATENT_SHARE_H
#define LATENT_SHARE_H
#include "../graph/tensor.h"

#pragma GCC visibility push(default)

typedef struct latent_share latent_share;

/* The memory that Gem knows by this name, with room for w x h pixels; it is made when the first
   picture comes, unless Gem has made it already.  One holder.  NULL and a sentence. */
latent_share *latent_share_new(const char *name, int w, int h, latent_error *e);
latent_share *latent_share_retain(latent_share *s);
/* s may be NULL.  The last holder's removes the memory, unless somebody else still reads it. */
void latent_share_release(latent_share *s);

/* Hands a picture over, smaller if there is not so much room.  0, or -1 and a sentence.  Takes a
   millisecond or more: not on Pd's thread, and on one thread at a time. */
int latent_share_show(latent_share *s, const latent_tensor *picture, latent_error *e);

/* The key of a name, 1 to 65535; 0: Gem can't use this name. */
int latent_share_key(const char *name);

#pragma GCC visibility pop
#endif
