/* metadata: what a PNG says about its own making, in text chunks (ISO 15948, 11.3.4), so that a
   picture can be opened and played on:

     latent:patch    the patch's file                                  iTXt, UTF-8
     latent:seed     a number                                          tEXt
     latent:model    the file of the network that drew it              iTXt
     latent:hash     16 hex digits, see latent_model                   tEXt
     latent:w        "float32 <rows> <w_dim> <base64>"                 zTXt

   The base64 (RFC 4648) holds rows * w_dim little-endian floats, row after row, exactly as the
   network got them.  In Python: numpy.frombuffer(base64.b64decode(text.split()[3]), '<f4'). */
#ifndef LATENT_METADATA_H
#define LATENT_METADATA_H
#include "../picture/provenance.h"
#include <stddef.h>
#include <stdint.h>

#define LATENT_NOTES_LATENT (1 << 16) /* the most numbers of a latent that are read */

typedef struct {
    char patch[256]; /* UTF-8; empty: not known, like all that follows */
    int has_seed;
    double seed;
    latent_provenance origin;
} latent_metadata;

/* The chunks, one after another, malloc'd.  0, or -1 and a sentence. */
int latent_metadata_chunks(const latent_metadata *n, uint8_t **chunks, size_t *size,
                           latent_error *e);

/* What the file says; n is overwritten, and empty when the file is no PNG, has no notes, or they
   are damaged (a picture is not refused for that).  0; -1 and a sentence when there is no memory.
 */
int latent_metadata_read(const char *path, latent_metadata *n, latent_error *e);
void latent_metadata_free(latent_metadata *n);

#endif
