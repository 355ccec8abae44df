/* zip: the table of contents of a zip archive, and where in it the members lie, as torch and numpy
   write them (PKWARE's APPNOTE.TXT, with the 64-bit records).  Internal to this folder. */
#ifndef LATENT_ZIP_H
#define LATENT_ZIP_H
#include "bytes.h"

typedef struct {
    const char *name;
    uint64_t header; /* where the member's own header lies */
    uint64_t packed, size;
    uint16_t flags, method;
} latent_member;

typedef struct {
    const latent_bytes *source;
    latent_member *members; /* sorted by name */
    size_t count;
} latent_zip;

/* Reads the table of contents; it lives in the arena. */
int latent_zip_open(latent_zip *z, const latent_bytes *s, latent_arena *a, latent_error *e);
const latent_member *latent_zip_find(const latent_zip *z, const char *name);
/* Where the member's bytes begin, m->packed of them, stored (method 0) or deflated (8). */
int latent_zip_packed(const latent_zip *z, const latent_member *m, uint64_t *offset,
                      latent_error *e);
/* The same for a member that is not compressed; an error when they are, or encrypted, or cut off.
 */
int latent_zip_place(const latent_zip *z, const latent_member *m, uint64_t *offset,
                     latent_error *e);

#endif
