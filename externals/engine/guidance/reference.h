/* reference: the picture that a directional loss begins with (guide.h).  It is the first that
   comes, and it is taken anew when the latent behind the pictures jumps: when another fish is put
   in place of the one that was on its way. */
#ifndef LATENT_REFERENCE_H
#define LATENT_REFERENCE_H
#include "../picture/provenance.h"

#pragma GCC visibility push(default)

/* From one picture to the next, in latent_provenance_apart()'s measure.  A step of an optimiser is
   below 0.2 (Adam goes 0.1 with a rate of 0.05), two draws of a network are 1.4 apart, and 0.7 at a
   psi of 0.5. */
#define LATENT_JUMP 0.5f

/* At first all 0. */
typedef struct {
    latent_node *start;     /* held, or NULL */
    latent_provenance seen; /* the latent of the picture that came last */
} latent_reference;

/* The next picture: the start when there is none, or when its latent jumped and follow is set.  0,
   or -1 without memory, the start staying. */
int latent_reference_see(latent_reference *r, latent_node *picture, int follow, latent_error *e);
/* The next picture is the start. */
void latent_reference_forget(latent_reference *r);

#pragma GCC visibility pop
#endif
